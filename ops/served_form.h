// served_form: what a served reward model is asked and what its answers mean.
//
// vLLM's own routes (docs.vllm.ai, "Online serving of pooling models"), told by the end of the URL:
//
//   /classify   {"model", "messages" | "input"}        {"data": [{"index", "probs": [p]}]}
//   /pooling    {"model", "messages" | "input"}        {"data": [{"index", "data": [r]}]}      nested lists of one number too
//   /score      {"model", "text_1", "text_2": [..]}    {"data": [{"index", "score": r}]}
//
// Without a template a request holds one conversation as messages, and the server applies the model's own chat template. With
// one, texts are made here and several go into a request ("input"). /score always takes texts: the prompt, and responses to it.
// A template is a JSON file: {"begin": TEXT, "turn": TEXT with {{role}} and {{content}}, "end": TEXT}, begin and end optional.
#ifndef OPS_SERVED_FORM_H
#define OPS_SERVED_FORM_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/json.h"
#include "proto/text.pb-c.h"

typedef struct served_form served_form_t;

typedef struct { const Rulemill__Conversation *prompt, *response; } served_text_t;

// model: as the server calls it. template_path may be NULL. ERR_USAGE for a URL of another end, ERR_IO and ERR_FORMAT for the
// template. *out is owned by the caller.
status_t served_form_new (const char *url, const char *model, const char *template_path, served_form_t **out, fault_t *fault) MUST_USE;
void served_form_destroy (served_form_t **form);

// What a reward depends on beside the texts: route, model and template. Where the server stands is none of it.
digest_t served_form_identity (const served_form_t *form);

// May these two stand in one request?
bool served_form_together (const served_form_t *form, const served_text_t *a, const served_text_t *b);

// A request for n texts (more than one only where each may stand with the first).
void served_form_request (const served_form_t *form, const served_text_t *texts, size_t n, buf_t *out);

// The rewards of an answer to n texts. False: why says what is wrong with it.
bool served_form_answer (const served_form_t *form, json_doc_t *doc, const char *body, size_t len, size_t n, double *reward, char why [256]);

#endif

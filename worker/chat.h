// chat: what is said to an OpenAI-compatible server, and what its answers mean.
//
// The prompt is a template of messages with the places {{conversation}}, {{response}} and {{rule}}; the rule comes last, so
// that the server's prefix cache serves all rules of a response. The label is the first token of the answer; its
// log-probabilities become a cell. Facts that shaped this: shared knowledge of vLLM, llama.cpp and OpenAI servers, stated in
// docs/JUDGES.md.
#ifndef WORKER_CHAT_H
#define WORKER_CHAT_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"
#include "model/selection.h"
#include "proto/text.pb-c.h"

// --- template ---

typedef struct chat_template chat_template_t;

enum { CHAT_TEMPLATE_BYTES_MAX = 64 * 1024 };

// A text file: sections "[system]" and "[user]" (at least one of user; in any number, in order), with each place exactly once,
// {{rule}} behind the others. Empty lines around a section's text are left out; lines with # before the first section are
// comments. ERR_FORMAT or ERR_LIMIT with the line. name is for messages. *out is the caller's; NULL where it fails.
status_t chat_template_parse (const char *name, const char *text, size_t len, chat_template_t **out, fault_t *fault) MUST_USE;
void chat_template_destroy (chat_template_t **t);
const char *chat_template_shipped (size_t *len);        // worker/judge_template.txt, embedded

// --- requests ---

typedef enum { LABEL_FIRST, LABEL_AFTER_REASONING } label_position_t;

typedef struct {
    const char *model;
    bool logprobs;                  // ask for log-probabilities; else the text is read
    unsigned top_logprobs;          // 20
    bool max_completion_tokens;     // the newer name of max_tokens
    unsigned max_tokens;            // 1; more for LABEL_AFTER_REASONING
    double temperature;             // 0
    label_position_t position;
    const char *extra;              // a JSON object merged into the request, NULL
    const char *const *omit;        // names of parameters to leave out
    size_t n_omit;
    double mass_min;                // under this the answer counts as unreadable (0.05)
} chat_settings_t;

// Hold settings against what a request can be made of: a model's name, finite numbers, and an extra that is a JSON object without
// "messages", "n" over 1 or "stream": true. ERR_USAGE with what to do. Requests of settings that were never held
// leave out an extra that can't be read, and its "messages".
status_t chat_settings_check (const chat_settings_t *settings, fault_t *fault) MUST_USE;

typedef enum { CONSTRAIN_NONE, CONSTRAIN_STRUCTURED, CONSTRAIN_GUIDED_CHOICE, CONSTRAIN_RESPONSE_FORMAT } constrain_t;

// The beginning of a request that all rules of a response share, then one whole request. cut_turns: turns left out from the
// conversation's beginning, which the text then says. What prefix and body held before is dropped, their memory is used again.
// settings and t must be the same for both. A constraint by response_format asks for {"label": ...}, since some servers
// want an object. With a constraint max_tokens is enough to write the whole of what it allows: its first token may be one letter.
void chat_request_begin (const chat_settings_t *settings, const chat_template_t *t, const Rulemill__Conversation *prompt,
                         const Rulemill__Conversation *response, size_t cut_turns, buf_t *prefix);
void chat_request_finish (const chat_settings_t *settings, const chat_template_t *t, const buf_t *prefix, const char *rule,
                          constrain_t constrain, buf_t *body);

// What a server's own chat template may add to a request, in tokens, before any has shown: some have a system prompt of their own.
enum { CHAT_OVERHEAD_TOKENS = 1024 };

// Upper bounds of what a request uses. Bytes of all that is said, which no tokenizer makes more tokens of (but for what the server's own
// template adds); tokens that the answer may have, UINT32_MAX where the request sets no limit.
size_t chat_request_bytes (const chat_template_t *t, const buf_t *prefix, const char *rule);
uint64_t chat_completion_max (const chat_settings_t *settings, constrain_t constrain);

// --- answers ---

typedef enum {
    ANSWER_CELL,            // cell is filled
    ANSWER_UNREADABLE,      // a completion, but no label in it (mass under the limit, other words, other language)
    ANSWER_MALFORMED,       // no completion: not JSON, no choices, wrong types
} answer_kind_t;

typedef struct {
    answer_kind_t kind;
    cell_t cell;            // known with ANSWER_CELL alone; its mass also where that was under the limit
    bool from_logprobs;     // else from the text: score 1, -1 or 0
    uint64_t prompt_tokens, completion_tokens, cached_tokens;   // 0 where the server does not say
    char why [256];
} answer_t;

// Read a chat completion. doc is scratch memory. Never fails: what is wrong is in the answer, and what was used in any case.
// Log-probabilities are read where settings->logprobs is set and the answer has them, else the text; so an answer whose mass
// was under the limit can be read once more by its text, with logprobs unset. constrain: what the request asked for. why: one line of
// valid UTF-8, "" for a cell.
void answer_read (json_doc_t *doc, const chat_settings_t *settings, constrain_t constrain, const char *body, size_t len, answer_t *out);

// The message and code of an error answer, shortened, without secrets: "exceed_context_size_error: ...". *context: it says that the
// conversation is too long for the model. text is one line of valid UTF-8, also for HTML and for what is no JSON; things that look
// like keys become "[key]".
void answer_error (json_doc_t *doc, const char *body, size_t len, char *text, size_t size, bool *context);

// What an error answer says of a conversation that is too long: the most tokens that the request may have, and how many it has, which is at
// most tokens_max; 0 where it does not tell that. False where it tells neither.
bool answer_excess (json_doc_t *doc, const char *body, size_t len, uint64_t tokens_max, uint64_t *tokens, uint64_t *most);

// A whole answer to be kept: one line of valid UTF-8 of at most ANSWER_RAW_BYTES, without what looks like a key and without secret (NULL:
// none). The caller frees it.
enum { ANSWER_RAW_BYTES = 16 * 1024 };
char *answer_raw (const char *body, size_t len, const char *secret);

// Does a token (as the server wrote it) count for a label? 'y', 'n', 'i' or 0. Folds case, leading spaces and marks; a prefix of
// Yes or Irrelevant of at least two letters, exactly "no" for No.
char answer_token_label (const char *token, size_t len);

#endif

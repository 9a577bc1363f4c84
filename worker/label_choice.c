#include "worker/label_choice.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/adapter.h"

typedef struct {
    void *bytes;                    // the blob's own are gone once the setup is read
    adapter_t *adapter;
    adapter_reader_t *reader;
    content_key_t prompt_key;       // of the prompt read last
    bool has_prompt;
} bound_t;

struct label_choice {
    const selection_spec_t *spec;
    adapter_rule_t *rules;          // of the pool
    bound_t *bound;
    size_t n;
    float *value;
    adapter_text_t *turns [3];      // room for the texts of a prompt and two responses
    size_t cap [3];
};

static status_t bind (label_choice_t *choice, const ProtobufCBinaryData *digest, const worker_blob_t *blobs, size_t n_blobs, fault_t *fault)
{
    const worker_blob_t *blob = NULL;
    for (size_t i = 0; i < n_blobs && digest->len == DIGEST_BYTES && blob == NULL; i++)
        if (memcmp (blobs [i].digest.b, digest->data, DIGEST_BYTES) == 0)
            blob = &blobs [i];
    if (blob == NULL)
        return fault_set (fault, ERR_FORMAT, "the setup names an adapter that did not come with it");
    bound_t *bound = &choice->bound [choice->n++];
    bound->bytes = mem_new (blob->len);
    memcpy (bound->bytes, blob->bytes, blob->len);
    status_t status = adapter_open ("the run's adapter", bound->bytes, blob->len, &bound->adapter, fault);
    if (status == OK)
        bound->reader = adapter_reader_new (bound->adapter, choice->rules, choice->spec->n_rules);
    return status;
}

status_t label_choice_open (const Rulemill__LabelSetup *setup, const rulepool_t *pool, const selection_spec_t *spec,
                            const worker_blob_t *blobs, size_t n_blobs, label_choice_t **out, fault_t *fault)
{
    *out = NULL;
    if (setup->n_adapter == 0)
        return OK;
    label_choice_t *choice = mem_zero (1, sizeof *choice);
    choice->spec = spec;
    choice->rules = mem_zero (pool->count, sizeof *choice->rules);
    for (size_t i = 0; i < pool->count; i++)
        choice->rules [i] = (adapter_rule_t) { .digest = &spec->rule_digest [i], .text = pool->rules [i].text };
    choice->bound = mem_zero (setup->n_adapter, sizeof *choice->bound);
    choice->value = mem_zero (pool->count, sizeof *choice->value);
    status_t status = OK;
    for (size_t i = 0; i < setup->n_adapter && status == OK; i++)
        status = bind (choice, &setup->adapter [i], blobs, n_blobs, fault);
    if (status != OK)
        label_choice_close (&choice);
    *out = choice;
    return status;
}

void label_choice_close (label_choice_t **out)
{
    label_choice_t *choice = *out;
    if (choice == NULL)
        return;
    for (size_t i = 0; i < choice->n; i++) {
        adapter_reader_destroy (&choice->bound [i].reader);
        adapter_destroy (&choice->bound [i].adapter);
        free (choice->bound [i].bytes);
    }
    for (size_t i = 0; i < 3; i++)
        free (choice->turns [i]);
    free (choice->bound);
    free (choice->rules);
    free (choice->value);
    free (choice);
    *out = NULL;
}

size_t label_choice_count (const label_choice_t *choice)
{
    return choice ? choice->n : 0;
}

size_t label_choice_judged (const label_choice_t *choice)
{
    size_t most = 0;
    for (size_t i = 0; i < label_choice_count (choice); i++) {
        size_t judged = adapter_judged (choice->bound [i].adapter, choice->spec->top);
        most = judged > most ? judged : most;
    }
    return most;
}

static size_t turns_of (label_choice_t *choice, int place, const Rulemill__Conversation *text)
{
    if (text->n_turns > choice->cap [place]) {
        choice->cap [place] = text->n_turns;
        choice->turns [place] = mem_resize (choice->turns [place], text->n_turns * sizeof (adapter_text_t));
    }
    for (size_t i = 0; i < text->n_turns; i++)
        choice->turns [place][i] = (adapter_text_t) { text->turns [i]->content, strlen (text->turns [i]->content) };
    return text->n_turns;
}

size_t label_choice_foresee (label_choice_t *choice, size_t at, const content_key_t *prompt_key, const Rulemill__Conversation *prompt,
                             const Rulemill__Conversation *a, const Rulemill__Conversation *b, uint32_t *rules)
{
    bound_t *bound = &choice->bound [at];
    const selection_spec_t *spec = choice->spec;
    if (!bound->has_prompt || !content_key_equal (&bound->prompt_key, prompt_key)) {
        size_t n = turns_of (choice, 0, prompt);
        adapter_read_prompt (bound->reader, choice->turns [0], n);
        bound->prompt_key = *prompt_key;
        bound->has_prompt = true;
    }
    size_t n_a = turns_of (choice, 1, a), n_b = turns_of (choice, 2, b);
    adapter_read_pair (bound->reader, choice->turns [1], n_a, choice->turns [2], n_b, choice->value);
    return adapter_select (choice->value, spec->rule_digest, spec->n_rules, spec->seed, prompt_key,
                           adapter_judged (bound->adapter, spec->top), rules);
}

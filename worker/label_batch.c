#include "worker/label_batch.h"

#include <stdlib.h>

#include "base/mem.h"

void label_batch_open (label_batch_t *batch, label_table_t *table, const label_setup_t *setup, uint64_t lease, size_t n)
{
    *batch = (label_batch_t) {
        .table = table, .setup = setup, .lease = label_lease_get (table, lease), .bodies = mem_zero (n + 1, sizeof *batch->bodies),
    };
    batch->lease->in_batch = true;
}

static status_t take_response (label_batch_t *batch, label_body_t *body, int side, fault_t *fault)
{
    uint64_t number = body->response [side];
    label_response_t *response = label_response_find (batch->lease, number);
    bool has_text = response && response->text;
    if (body->text [side] == NULL && !has_text)
        return fault_set (fault, ERR_FORMAT, "response %llu comes without its text", (unsigned long long) number);
    if (response && !content_key_equal (&response->prompt_key, &body->prompt_key))
        return fault_set (fault, ERR_FORMAT, "response %llu stands under two prompts", (unsigned long long) number);
    if (response == NULL)
        response = label_response_new (batch->table, batch->lease, number, &body->prompt_key);
    response->in_batch = true;
    if (body->text [side])
        label_response_set_text (response, batch->prompt, body->text [side]);
    body->text [side] = NULL;
    return OK;
}

static status_t take_body (label_batch_t *batch, label_body_t *body, fault_t *fault)
{
    if (body->same_prompt) {
        if (batch->prompt == NULL || !content_key_equal (&batch->prompt_key, &body->prompt_key))
            return fault_set (fault, ERR_FORMAT, "an item refers to the prompt of another that is not before it");
    } else {
        label_prompt_release (&batch->prompt);
        batch->prompt = label_prompt_new (body->prompt);
        batch->prompt_key = body->prompt_key;
        body->prompt = NULL;
    }
    status_t status = take_response (batch, body, 0, fault);
    return status == OK ? take_response (batch, body, 1, fault) : status;
}

static status_t check_adapter (const label_setup_t *setup, const label_body_t *body, fault_t *fault)
{
    size_t n = label_choice_count (setup->choice);
    if (body->n_chosen > setup->select.top)
        return fault_set (fault, ERR_FORMAT, "%zu rules were chosen for it, and %u are possible", body->n_chosen, setup->select.top);
    for (size_t i = 0; i < body->n_chosen; i++)
        if (body->chosen [i] >= setup->pool->count)
            return fault_set (fault, ERR_FORMAT, "rule %u was chosen for it, of %zu", body->chosen [i], setup->pool->count);
    if (!label_setup_foresees (setup, body->how) || setup->message->served_adapter || body->adapter < n)
        return OK;
    return fault_set (fault, ERR_FORMAT, "it wants adapter %u, of which the setup has %zu", body->adapter, n);
}

status_t label_batch_read (label_batch_t *batch, const void *const *bodies, const size_t *lens, size_t n, fault_t *fault)
{
    for (; batch->n < n; batch->n++) {
        label_body_t *body = &batch->bodies [batch->n];
        status_t status = label_body_read (body, bodies [batch->n], lens [batch->n], batch->table->n_cells, fault);
        if (status == OK) {
            status = check_adapter (batch->setup, body, fault);
            if (status == OK)
                status = take_body (batch, body, fault);
            if (status != OK)
                label_body_free (body);
        }
        if (status != OK)
            return fault_prefix (fault, "item %zu of the batch", batch->n + 1);
    }
    return OK;
}

void label_batch_close (label_batch_t *batch, bool begun, bool costly)
{
    label_response_t *response, *next;
    HASH_ITER (hh, batch->lease->responses, response, next) {
        response->in_batch = false;
        response->kept = begun && (costly || content_key_equal (&response->prompt_key, &batch->prompt_key));
        label_rest (batch->table, response);
    }
    label_prompt_release (&batch->prompt);
    for (size_t i = 0; i < batch->n; i++)
        label_body_free (&batch->bodies [i]);
    free (batch->bodies);
    batch->lease->in_batch = false;
    label_lease_rest (batch->table, batch->lease);
}

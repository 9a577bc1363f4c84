#include "worker/label_table.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

// --- prompts -------------------------------------------------------------------

label_prompt_t *label_prompt_new (Rulemill__Conversation *text)
{
    label_prompt_t *prompt = mem_zero (1, sizeof *prompt);
    prompt->text = text;
    prompt->holders = 1;
    return prompt;
}

void label_prompt_release (label_prompt_t **prompt)
{
    if (*prompt && --(*prompt)->holders == 0) {
        rulemill__conversation__free_unpacked ((*prompt)->text, NULL);
        free (*prompt);
    }
    *prompt = NULL;
}

// --- leases and responses --------------------------------------------------------

label_lease_t *label_lease_get (label_table_t *table, uint64_t number)
{
    label_lease_t *lease;
    HASH_FIND (hh, table->leases, &number, sizeof number, lease);
    if (lease)
        return lease;
    lease = mem_zero (1, sizeof *lease);
    lease->number = number;
    lease->left = spend_unlimited ();
    HASH_ADD (hh, table->leases, number, sizeof lease->number, lease);
    return lease;
}

label_response_t *label_response_find (const label_lease_t *lease, uint64_t number)
{
    label_response_t *response;
    HASH_FIND (hh, lease->responses, &number, sizeof number, response);
    return response;
}

label_response_t *label_response_new (const label_table_t *table, label_lease_t *lease, uint64_t number,
                                      const content_key_t *prompt_key)
{
    label_response_t *response = mem_zero (1, sizeof *response);
    response->number = number;
    response->lease = lease;
    response->prompt_key = *prompt_key;
    response->cells = mem_zero (table->n_cells, sizeof *response->cells);
    response->need = mem_zero (table->n_cells, sizeof *response->need);
    HASH_ADD (hh, lease->responses, number, sizeof response->number, response);
    return response;
}

void label_response_set_text (label_response_t *response, label_prompt_t *prompt, Rulemill__Conversation *text)
{
    if (response->text) {
        rulemill__conversation__free_unpacked (text, NULL);
        return;
    }
    response->text = text;
    response->prompt = prompt;
    prompt->holders++;
}

static void free_texts (label_response_t *response)
{
    if (response->text)
        rulemill__conversation__free_unpacked (response->text, NULL);
    response->text = NULL;
    label_prompt_release (&response->prompt);
}

static void response_free (label_response_t *response)
{
    HASH_DEL (response->lease->responses, response);
    free_texts (response);
    free (response->cells);
    free (response->need);
    free (response->unanswered);
    free (response->failure);
    free (response->raw);
    free (response->waiting);
    free (response);
}

void label_rest (label_table_t *table, label_response_t *response)
{
    (void) table;
    if (response->in_batch || response->asked || response->answered || response->n_waiting > 0)
        return;
    free_texts (response);
    if (response->holders == 0 && !response->kept)
        response_free (response);
}

void label_lease_rest (label_table_t *table, label_lease_t *lease)
{
    if (lease->items > 0 || lease->in_batch)
        return;
    label_response_t *response, *next;
    HASH_ITER (hh, lease->responses, response, next) {
        response->kept = false;
        label_rest (table, response);
    }
    if (lease->responses != NULL)       // a question is in flight
        return;
    HASH_DEL (table->leases, lease);
    free (lease);
}

void label_response_failed (const label_table_t *table, label_response_t *response, const label_unanswered_t *unanswered)
{
    bool whole = unanswered->cell == 0 || unanswered->cell > table->n_cells;
    if (response->failure && response->unanswered == NULL)
        return;
    free (response->failure);
    free (response->raw);
    response->failure = mem_string (unanswered->why);
    response->raw = unanswered->raw ? mem_string (unanswered->raw) : NULL;
    response->too_long = unanswered->too_long;
    if (whole) {
        free (response->unanswered);
        response->unanswered = NULL;
        return;
    }
    if (response->unanswered == NULL)
        response->unanswered = mem_zero (table->n_cells, sizeof *response->unanswered);
    response->unanswered [unanswered->cell - 1] = true;
}

bool label_response_wanted (const label_response_t *response)
{
    for (size_t i = 0; i < response->n_waiting; i++) {
        const label_item_t *item = response->waiting [i];
        const label_response_t *other = item->side [item->side [0] == response];
        if (!item->doomed && (other->failure == NULL || other->unanswered))
            return true;
    }
    return false;
}

// --- items -------------------------------------------------------------------------

static void wait_for (label_item_t *item, int side)
{
    label_response_t *response = item->side [side];
    response->holders++;
    response->last_item = item->number;
    response->last_side = side;
    if (response->n_waiting == response->waiting_cap) {
        response->waiting_cap = response->waiting_cap ? 2 * response->waiting_cap : 4;
        response->waiting = mem_resize (response->waiting, response->waiting_cap * sizeof (label_item_t *));
    }
    response->waiting [response->n_waiting++] = item;
}

static void wait_no_more (label_item_t *item, label_response_t *response)
{
    size_t i = 0;
    while (i < response->n_waiting && response->waiting [i] != item)
        i++;
    assert (i < response->n_waiting);
    for (response->n_waiting--; i < response->n_waiting; i++)
        response->waiting [i] = response->waiting [i + 1];
}

label_item_t *label_item_find (const label_table_t *table, uint64_t number)
{
    label_item_t *item;
    HASH_FIND (hh, table->items, &number, sizeof number, item);
    return item;
}

label_item_t *label_item_new (label_table_t *table, label_lease_t *lease, uint64_t number, label_response_t *a, label_response_t *b)
{
    label_item_t *older = label_item_find (table, number);
    lease->items++;
    if (older)
        label_item_drop (table, &older);
    label_item_t *item = mem_zero (1, sizeof *item);
    item->number = number;
    item->lease = lease;
    item->side [0] = a;
    item->side [1] = b;
    wait_for (item, 0);
    wait_for (item, 1);
    HASH_ADD (hh, table->items, number, sizeof item->number, item);
    return item;
}

static void let_go (label_table_t *table, label_item_t *item)
{
    for (int side = 0; side < 2; side++) {
        if (item->known [side])
            rulemill__cells__free_unpacked (item->known [side], NULL);
        item->known [side] = NULL;
        label_response_t *response = item->side [side];
        item->side [side] = NULL;
        if (response) {
            response->holders--;
            label_rest (table, response);
        }
    }
}

static void stop_waiting (label_item_t *item)
{
    if (item->labelled)
        return;
    wait_no_more (item, item->side [0]);
    wait_no_more (item, item->side [1]);
}

void label_item_labelled (label_table_t *table, label_item_t *item, bool keep)
{
    stop_waiting (item);
    item->labelled = true;
    if (!keep) {
        let_go (table, item);
        return;
    }
    label_rest (table, item->side [0]);
    label_rest (table, item->side [1]);
}

void label_item_drop (label_table_t *table, label_item_t **item)
{
    label_lease_t *lease = (*item)->lease;
    stop_waiting (*item);
    let_go (table, *item);
    HASH_DEL (table->items, *item);
    free ((*item)->chosen);
    free ((*item)->failure);
    free ((*item)->unaudited);
    free (*item);
    *item = NULL;
    lease->items--;
    label_lease_rest (table, lease);
}

void label_table_forget_questions (label_table_t *table)
{
    label_lease_t *lease, *next_lease;
    HASH_ITER (hh, table->leases, lease, next_lease) {
        label_response_t *response, *next;
        HASH_ITER (hh, lease->responses, response, next)
            response->asked = response->answered = false;
    }
    table->answered = NULL;
}

void label_table_free (label_table_t *table)
{
    label_item_t *item, *next;
    HASH_ITER (hh, table->items, item, next) {
        label_item_t *gone = item;
        label_item_drop (table, &gone);
    }
    label_lease_t *lease, *next_lease;
    HASH_ITER (hh, table->leases, lease, next_lease)
        label_lease_rest (table, lease);
    assert (table->leases == NULL);
}

#include "worker/label_read.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

static bool good_cells (const Rulemill__Cells *cells, size_t n_cells)
{
    size_t n = cells->n_rule;
    if (cells->n_score != n || cells->n_relevance != n || cells->n_mass != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (cells->rule [i] >= n_cells || (i > 0 && cells->rule [i] <= cells->rule [i - 1]))
            return false;
        if (cells->score [i] < -MICRO || cells->score [i] > MICRO || cells->relevance [i] > MICRO || cells->mass [i] > MICRO)
            return false;
    }
    return true;
}

// Take cells out of a message; *out is NULL where there are none.
static status_t take_cells (Rulemill__Cells **from, size_t n_cells, Rulemill__Cells **out, fault_t *fault)
{
    *out = NULL;
    if (*from == NULL || (*from)->n_rule == 0)
        return OK;
    if (!good_cells (*from, n_cells))
        return fault_set (fault, ERR_FORMAT, "an item's known cells are out of order or out of range");
    *out = *from;
    *from = NULL;
    return OK;
}

static bool good_text (const Rulemill__Conversation *text)
{
    return text == NULL || text->n_turns <= LIMIT_TURNS;
}

static Rulemill__Conversation *take_text (Rulemill__Conversation **from)
{
    Rulemill__Conversation *text = *from;
    *from = NULL;
    return text;
}

static status_t take_item (label_body_t *body, Rulemill__LabelItem *item, size_t n_cells, fault_t *fault)
{
    if (item->prompt_key.len != KEY_BYTES || item->pair_key.len != KEY_BYTES)
        return fault_set (fault, ERR_FORMAT, "an item's keys are not %d bytes long", KEY_BYTES);
    if (item->same_prompt == (item->prompt != NULL))
        return fault_set (fault, ERR_FORMAT, "an item has %s", item->prompt ? "two prompts" : "no prompt");
    if (!good_text (item->prompt) || !good_text (item->text_a) || !good_text (item->text_b))
        return fault_set (fault, ERR_FORMAT, "an item has a text of over %d turns", LIMIT_TURNS);
    memcpy (body->prompt_key.b, item->prompt_key.data, KEY_BYTES);
    memcpy (body->pair_key.b, item->pair_key.data, KEY_BYTES);
    body->same_prompt = item->same_prompt;
    body->swapped = item->swapped;
    body->again = item->again;
    body->how = item->how;
    body->adapter = item->adapter;
    body->chosen = item->chosen;        // taken out
    body->n_chosen = item->n_chosen;
    item->chosen = NULL;
    item->n_chosen = 0;
    body->response [0] = item->response_a;
    body->response [1] = item->response_b;
    body->prompt = take_text (&item->prompt);
    body->text [0] = take_text (&item->text_a);
    body->text [1] = take_text (&item->text_b);
    status_t status = take_cells (&item->known_a, n_cells, &body->known [0], fault);
    if (status == OK)
        status = take_cells (&item->known_b, n_cells, &body->known [1], fault);
    return status;
}

status_t label_body_read (label_body_t *body, const void *bytes, size_t len, size_t n_cells, fault_t *fault)
{
    *body = (label_body_t) { 0 };
    Rulemill__LabelItem *item = rulemill__label_item__unpack (NULL, len, bytes);
    if (item == NULL)
        return fault_set (fault, ERR_FORMAT, "an item's body is no LabelItem");
    status_t status = take_item (body, item, n_cells, fault);
    rulemill__label_item__free_unpacked (item, NULL);
    if (status != OK)
        label_body_free (body);
    return status;
}

static void free_text (Rulemill__Conversation *text)
{
    if (text)
        rulemill__conversation__free_unpacked (text, NULL);
}

static void free_cells (Rulemill__Cells *cells)
{
    if (cells)
        rulemill__cells__free_unpacked (cells, NULL);
}

void label_body_free (label_body_t *body)
{
    free_text (body->prompt);
    free (body->chosen);
    for (int side = 0; side < 2; side++) {
        free_text (body->text [side]);
        free_cells (body->known [side]);
    }
    *body = (label_body_t) { 0 };
}

status_t label_known_read (Rulemill__Cells *known [2], const void *bytes, size_t len, size_t n_cells, fault_t *fault)
{
    Rulemill__LabelKnown *message = rulemill__label_known__unpack (NULL, len, bytes);
    known [0] = known [1] = NULL;
    if (message == NULL)
        return fault_set (fault, ERR_FORMAT, "the store's cells of an item can't be read");
    status_t status = take_cells (&message->known_a, n_cells, &known [0], fault);
    if (status == OK)
        status = take_cells (&message->known_b, n_cells, &known [1], fault);
    rulemill__label_known__free_unpacked (message, NULL);
    if (status != OK) {
        free_cells (known [0]);
        known [0] = NULL;
    }
    return status;
}

void label_known_apply (const Rulemill__Cells *known, cell_t *cells)
{
    for (size_t i = 0; known && i < known->n_rule; i++)
        cells [known->rule [i]] = (cell_t) {
            .score = known->score [i], .relevance = known->relevance [i], .mass = known->mass [i], .known = true,
        };
}

Rulemill__Cells *label_known_merge (Rulemill__Cells *older, Rulemill__Cells *newer, size_t n_cells)
{
    if (older == NULL || newer == NULL)
        return older ? older : newer;
    cell_t *cells = mem_zero (n_cells, sizeof *cells);
    label_known_apply (older, cells);
    label_known_apply (newer, cells);
    free_cells (older);
    size_t most = n_cells;
    newer->rule = mem_resize (newer->rule, most * sizeof *newer->rule);
    newer->score = mem_resize (newer->score, most * sizeof *newer->score);
    newer->relevance = mem_resize (newer->relevance, most * sizeof *newer->relevance);
    newer->mass = mem_resize (newer->mass, most * sizeof *newer->mass);
    size_t n = 0;
    for (uint32_t r = 0; r < n_cells; r++)
        if (cells [r].known) {
            newer->rule [n] = r;
            newer->score [n] = cells [r].score;
            newer->relevance [n] = cells [r].relevance;
            newer->mass [n++] = cells [r].mass;
        }
    newer->n_rule = newer->n_score = newer->n_relevance = newer->n_mass = n;
    free (cells);
    return newer;
}

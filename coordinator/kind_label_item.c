#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/kind_label_parts.h"

content_key_t label_key (const ProtobufCBinaryData *bytes)
{
    content_key_t key = { { 0 } };
    if (bytes->len == KEY_BYTES)
        memcpy (key.b, bytes->data, KEY_BYTES);
    return key;
}

bool label_swapped (const label_kind_t *self, const Rulemill__PairRecord *pair)
{
    const Rulemill__RunSpec *spec = self->options.run->spec;
    content_key_t key = label_key (&pair->key);
    return strcmp (spec->orientation, "stored") != 0 && orientation_swapped (spec->seed, &key);
}

// --- cells -----------------------------------------------------------------

Rulemill__Cells *label_cells_new (size_t room)
{
    Rulemill__Cells *cells = mem_new (sizeof *cells);
    rulemill__cells__init (cells);
    cells->rule = mem_new (room * sizeof *cells->rule);
    cells->score = mem_new (room * sizeof *cells->score);
    cells->relevance = mem_new (room * sizeof *cells->relevance);
    cells->mass = mem_new (room * sizeof *cells->mass);
    return cells;
}

void label_cells_add (Rulemill__Cells *cells, uint32_t rule, int32_t score, uint32_t relevance, uint32_t mass)
{
    size_t n = cells->n_rule;
    cells->rule [n] = rule;
    cells->score [n] = score;
    cells->relevance [n] = relevance;
    cells->mass [n] = mass;
    cells->n_rule = cells->n_score = cells->n_relevance = cells->n_mass = n + 1;
}

// Add one layer's stored cells (dense rule numbers) as the wire has them, in the order of the pool; rules of other pools fall away.
static void add_layer (const label_kind_t *self, size_t layer, const Rulemill__Cells *stored, Rulemill__Cells **out)
{
    size_t rules = self->options.pool->count, n = stored->n_rule;
    if (stored->n_score != n || stored->n_relevance != n || stored->n_mass != n)
        return;
    if (*out == NULL)
        *out = label_cells_new (rules * self->layers);
    (*out)->raw = (*out)->raw || stored->raw;
    size_t *place = mem_zero (rules, sizeof *place);        // 1 + where the rule's cell stands
    for (size_t i = 0; i < n; i++) {
        int32_t index = stored->rule [i] < self->rule_index_n ? self->rule_index [stored->rule [i]] : -1;
        if (index >= 0)
            place [index] = i + 1;
    }
    for (size_t r = 0; r < rules; r++)
        if (place [r] > 0) {
            size_t i = place [r] - 1;
            label_cells_add (*out, (uint32_t) (layer * rules + r), stored->score [i], stored->relevance [i], stored->mass [i]);
        }
    free (place);
}

static status_t add_known (label_kind_t *self, uint64_t item, uint64_t response, int side, size_t layer, Rulemill__Cells **out, fault_t *fault)
{
    const overlay_key_t key = { response, layer };
    overlay_t *fresh;
    HASH_FIND (hh, self->overlay, &key, sizeof key, fresh);
    Rulemill__Cells *stored = NULL;
    uint32_t judge = self->layer_judge [layer];
    status_t status = record_get_pair_cells (self->options.store, item, judge, side, &stored, fault);
    if (status == OK && stored == NULL && fresh) {
        add_layer (self, layer, fresh->cells, out);
        return OK;
    }
    if (status == OK && stored == NULL)
        status = record_get_cells (self->options.store, response, judge, &stored, fault);
    if (status == OK && stored)
        add_layer (self, layer, stored, out);
    if (stored)
        rulemill__cells__free_unpacked (stored, NULL);
    return status;
}

status_t label_known (label_kind_t *self, uint64_t item, const Rulemill__PairRecord *pair, int side, size_t layers, Rulemill__Cells **out,
                      fault_t *fault)
{
    *out = NULL;
    status_t status = OK;
    uint64_t response = side == 1 ? pair->response_a : pair->response_b;
    for (size_t layer = 0; layer < layers && self->options.stored_cells && status == OK; layer++)
        status = add_known (self, item, response, side, layer, out, fault);
    return status;
}

status_t label_chosen (label_kind_t *self, uint64_t item, Rulemill__Foreseen **out, fault_t *fault)
{
    choice_t *choice;
    HASH_FIND (hh, self->choices, &item, sizeof item, choice);
    if (choice == NULL)
        return record_get_foreseen (self->options.store, self->run, item, out, fault);
    *out = rulemill__foreseen__unpack (NULL, choice->chosen.len, (const uint8_t *) choice->chosen.data);
    return OK;
}

bool label_again (const label_kind_t *self, const Rulemill__PromptRecord *prompt)
{
    content_key_t group = label_key (&prompt->group_key);
    return self->layers > self->members && group_in_share (self->options.run->spec->seed, "repeat", &group, self->options.repeat_share);
}

size_t label_layers (const label_kind_t *self, bool again)
{
    return again ? self->layers : self->members;
}

// --- texts -----------------------------------------------------------------

static bool was_sent (label_kind_t *self, uint64_t response)
{
    for (size_t i = 0; i < self->n_sent; i++)
        if (self->sent [i] == response)
            return true;
    if (self->n_sent < SENT_MAX)
        self->sent [self->n_sent++] = response;
    return false;
}

static status_t missing (const char *what, uint64_t number, fault_t *fault)
{
    return fault_set (fault, ERR_CORRUPT, "%s %" PRIu64 " is missing from the store; restore it from a backup, or begin in a new folder", what, number);
}

static status_t add_prompt (label_kind_t *self, const Rulemill__PairRecord *pair, Rulemill__LabelItem *item,
                            Rulemill__PromptRecord **record, fault_t *fault)
{
    status_t status = record_get_prompt (self->options.store, pair->prompt, record, fault);
    if (status == OK && *record == NULL)
        status = missing ("prompt", pair->prompt, fault);
    if (status != OK)
        return status;
    item->prompt_key = (*record)->key;
    item->same_prompt = self->sent_prompt == pair->prompt + 1;
    if (!item->same_prompt) {
        item->prompt = (*record)->conversation;
        self->sent_prompt = pair->prompt + 1;
        self->n_sent = 0;
    }
    return OK;
}

static status_t add_response (label_kind_t *self, uint64_t number, Rulemill__Conversation **text,
                              Rulemill__ResponseRecord **record, fault_t *fault)
{
    if (was_sent (self, number))
        return OK;
    status_t status = record_get_response (self->options.store, number, record, fault);
    if (status == OK && *record == NULL)
        status = missing ("response", number, fault);
    if (status == OK)
        *text = (*record)->response;
    return status;
}

typedef struct {
    Rulemill__PairRecord *pair;
    Rulemill__PromptRecord *prompt;
    Rulemill__ResponseRecord *a, *b;
    Rulemill__Cells *known_a, *known_b;
    Rulemill__Foreseen *foreseen;
} body_parts_t;

static void free_parts (body_parts_t *parts)
{
    if (parts->pair)
        rulemill__pair_record__free_unpacked (parts->pair, NULL);
    if (parts->prompt)
        rulemill__prompt_record__free_unpacked (parts->prompt, NULL);
    if (parts->a)
        rulemill__response_record__free_unpacked (parts->a, NULL);
    if (parts->b)
        rulemill__response_record__free_unpacked (parts->b, NULL);
    if (parts->known_a)
        rulemill__cells__free_unpacked (parts->known_a, NULL);
    if (parts->known_b)
        rulemill__cells__free_unpacked (parts->known_b, NULL);
    if (parts->foreseen)
        rulemill__foreseen__free_unpacked (parts->foreseen, NULL);
}

static status_t fill_item (label_kind_t *self, uint64_t number, body_parts_t *parts, Rulemill__LabelItem *item, fault_t *fault)
{
    const Rulemill__PairRecord *pair = parts->pair;
    bool swapped = label_swapped (self, pair);
    item->swapped = swapped;
    item->response_a = swapped ? pair->response_b : pair->response_a;
    item->response_b = swapped ? pair->response_a : pair->response_b;
    item->pair_key = pair->key;
    status_t status = add_prompt (self, pair, item, &parts->prompt, fault);
    if (status == OK)
        status = add_response (self, item->response_a, &item->text_a, &parts->a, fault);
    if (status == OK)
        status = add_response (self, item->response_b, &item->text_b, &parts->b, fault);
    bool later;
    if (status == OK)
        status = label_how (self, number, pair->prompt, &item->how, &later, fault);
    if (status == OK && self->auto_run)
        status = label_adapter (self, number, &item->adapter, fault);
    if (status == OK && label_is_served (self))
        status = label_chosen (self, number, &parts->foreseen, fault);
    if (parts->foreseen) {
        item->chosen = parts->foreseen->rule;
        item->n_chosen = parts->foreseen->n_rule;
    }
    item->again = status == OK && label_again (self, parts->prompt);
    size_t layers = label_layers (self, item->again);
    if (status == OK)
        status = label_known (self, number, pair, swapped ? 2 : 1, layers, &parts->known_a, fault);
    if (status == OK)
        status = label_known (self, number, pair, swapped ? 1 : 2, layers, &parts->known_b, fault);
    item->known_a = parts->known_a;
    item->known_b = parts->known_b;
    return status;
}

status_t label_body (kind_t *kind, uint64_t number, bool first, buf_t *body, fault_t *fault)
{
    label_kind_t *self = (label_kind_t *) kind;
    if (first) {
        self->sent_prompt = 0;
        self->n_sent = 0;
    }
    body_parts_t parts = { 0 };
    Rulemill__LabelItem item = RULEMILL__LABEL_ITEM__INIT;
    status_t status = record_get_pair (self->options.store, number, &parts.pair, fault);
    if (status == OK && parts.pair == NULL)
        status = missing ("pair", number, fault);
    if (status == OK)
        status = fill_item (self, number, &parts, &item, fault);
    if (status == OK)
        wire_pack (&item.base, body);
    free_parts (&parts);
    return status;
}

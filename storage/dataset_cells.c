#include "storage/dataset_cells.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/cell.h"
#include "base/json.h"
#include "base/mem.h"

// --- rule numbers ----------------------------------------------------------

enum { NOT_ASKED = -2, OTHER_POOL = -1 };

struct dataset_rule_map {
    store_t *store;
    const digest_t *digests;
    size_t n_rules;
    int *index;             // by number; NOT_ASKED where nobody has asked yet
    size_t n;
};

dataset_rule_map_t *dataset_rule_map_new (store_t *store, const digest_t *rule_digests, size_t n_rules)
{
    dataset_rule_map_t *map = mem_zero (1, sizeof *map);
    map->store = store;
    map->digests = rule_digests;
    map->n_rules = n_rules;
    return map;
}

void dataset_rule_map_destroy (dataset_rule_map_t **map)
{
    if (*map == NULL)
        return;
    free ((*map)->index);
    free (*map);
    *map = NULL;
}

// The store gives numbers out one by one, so a number that it knows bounds the table.
static void grow (dataset_rule_map_t *map, uint32_t number)
{
    size_t n = (size_t) number + 1;
    map->index = mem_resize (map->index, n * sizeof *map->index);
    while (map->n < n)
        map->index [map->n++] = NOT_ASKED;
}

status_t dataset_rule_map_find (dataset_rule_map_t *map, uint32_t number, int *index, fault_t *fault)
{
    *index = OTHER_POOL;
    if (number < map->n && map->index [number] != NOT_ASKED) {
        *index = map->index [number];
        return OK;
    }
    digest_t digest;
    bool found;
    status_t status = record_digest_of (map->store, 'R', number, &digest, &found, fault);
    if (status != OK || !found)
        return status;
    for (size_t r = 0; r < map->n_rules; r++)
        if (digest_equal (&digest, &map->digests [r]))
            *index = (int) r;
    if (number >= map->n)
        grow (map, number);
    map->index [number] = *index;
    return OK;
}

// --- one response's cells, spread over the pool ----------------------------

typedef struct { bool known; int32_t score; uint32_t relevance, mass; } spread_t;

typedef struct { spread_t *rule; size_t n_known; bool raw; } cells_t;    // rule: by index in the pool

static status_t spread (dataset_export_t *e, dataset_rule_map_t *map, const Rulemill__Cells *cells, cells_t *out, fault_t *fault)
{
    out->rule = mem_zero (e->options->n_rules + 1, sizeof *out->rule);
    out->n_known = 0;
    out->raw = cells && cells->raw;
    size_t n = cells ? cells->n_rule : 0;
    if (n > 0 && (cells->n_score != n || cells->n_relevance != n || cells->n_mass != n))
        return fault_set (fault, ERR_CORRUPT, "stored scores do not agree with themselves; restore the store from a backup");
    for (size_t c = 0; c < n; c++) {
        int index;
        status_t status = dataset_rule_map_find (map, cells->rule [c], &index, fault);
        if (status != OK)
            return status;
        if (index < 0)
            continue;
        out->rule [index] = (spread_t) { true, cells->score [c], cells->relevance [c], cells->mass [c] };
        out->n_known++;
    }
    return OK;
}

static void free_cells (Rulemill__Cells *cells)
{
    if (cells)
        rulemill__cells__free_unpacked (cells, NULL);
}

// --- numbers ---------------------------------------------------------------

// Half of an integer of 1e-6, exactly: 5 is 0.0000025.
static void write_half (buf_t *out, int64_t twice)
{
    if (twice % 2 == 0) {
        json_write_micro (out, twice / 2);
        return;
    }
    uint64_t size = (twice < 0 ? 0 - (uint64_t) twice : (uint64_t) twice) * 5;
    buf_printf (out, "%s%" PRIu64 ".%07" PRIu64, twice < 0 ? "-" : "", size / 10000000, size % 10000000);
}

// [p_yes, p_no, p_irrelevant, mass]. Raw scores were not made from probabilities: there p_yes - p_no is the score and
// 1 - p_irrelevant the relevance, which is all that an import of raw scores takes from them.
static void write_cell (const spread_t *cell, bool raw, buf_t *out)
{
    int64_t score = cell->score, relevance = cell->relevance;
    buf_add_char (out, '[');
    if (raw || score > relevance || -score > relevance) {
        json_write_micro (out, score > 0 ? score : 0);
        buf_add_char (out, ',');
        json_write_micro (out, score < 0 ? -score : 0);
    } else {
        write_half (out, relevance + score);
        buf_add_char (out, ',');
        write_half (out, relevance - score);
    }
    buf_add_char (out, ',');
    json_write_micro (out, CELL_ONE - relevance);
    buf_add_char (out, ',');
    json_write_micro (out, cell->mass);
    buf_add_char (out, ']');
}

typedef enum { SHOW_CELL, SHOW_SCORE, SHOW_RELEVANCE } show_t;

// {rule id: value} over the known rules; with nulls also over the others.
static void write_by_rule (const dataset_export_t *e, const cells_t *cells, show_t show, bool nulls, buf_t *out)
{
    buf_add_char (out, '{');
    for (size_t r = 0; r < e->options->n_rules; r++) {
        const spread_t *cell = &cells->rule [r];
        if (!cell->known && !nulls)
            continue;
        json_write_key (out, e->options->rules [r].id);
        if (!cell->known)
            buf_add_str (out, "null");
        else if (show == SHOW_CELL)
            write_cell (cell, cells->raw, out);
        else
            json_write_micro (out, show == SHOW_SCORE ? cell->score : (int64_t) cell->relevance);
    }
    buf_add_char (out, '}');
}

// --- responses -------------------------------------------------------------

static void write_key_of (const ProtobufCBinaryData *key, buf_t *out)
{
    char hex [KEY_HEX + 1] = "";
    if (key->len == KEY_BYTES)
        hex_encode (key->data, KEY_BYTES, hex);
    json_write_key (out, "response_key");
    json_write_cstring (out, hex);
}

static status_t write_response (dataset_export_t *e, const dataset_source_t *source, const Rulemill__ResponseRecord *response,
                                const cells_t *cells, fault_t *fault)
{
    bool excluded = false;
    Rulemill__PromptRecord *prompt = NULL;
    status_t status = record_is_excluded (source->store, source->run->number, response->prompt, &excluded, fault);
    if (status == OK && !excluded)
        status = record_get_prompt (source->store, response->prompt, &prompt, fault);
    if (status != OK || excluded)
        return status;
    if (prompt == NULL || prompt->conversation == NULL || response->response == NULL || prompt->group_key.len != KEY_BYTES)
        status = fault_set (fault, ERR_CORRUPT, "a response refers to prompt %" PRIu64 ", which the store does not have or "
                            "can't use; restore the store from a backup", response->prompt);
    else {
        bool validation = dataset_in_validation (e->run->spec->seed, e->options->validation_share, &prompt->group_key);
        buf_add_char (&e->line, '{');
        write_key_of (&response->key, &e->line);
        json_write_key (&e->line, "split");
        json_write_cstring (&e->line, validation ? "validation" : "train");
        json_write_key (&e->line, "prompt");
        dataset_write_messages (prompt->conversation, NULL, &e->line);
        json_write_key (&e->line, "response");
        dataset_write_messages (response->response, NULL, &e->line);
        json_write_key (&e->line, "scores");
        write_by_rule (e, cells, SHOW_SCORE, true, &e->line);
        json_write_key (&e->line, "relevance");
        write_by_rule (e, cells, SHOW_RELEVANCE, true, &e->line);
        json_write_key (&e->line, "run");
        json_write_cstring (&e->line, e->style.run);
        buf_add_char (&e->line, '}');
        status = dataset_put_line (e, PART_RESPONSES, fault);
    }
    if (prompt)
        rulemill__prompt_record__free_unpacked (prompt, NULL);
    return status;
}

static status_t write_cells (dataset_export_t *e, const Rulemill__ResponseRecord *response, const cells_t *cells, fault_t *fault)
{
    buf_add_char (&e->line, '{');
    write_key_of (&response->key, &e->line);
    json_write_key (&e->line, "cells");
    write_by_rule (e, cells, SHOW_CELL, false, &e->line);
    buf_add_char (&e->line, '}');
    return dataset_put_line (e, PART_CELLS, fault);
}

static status_t write_one (dataset_export_t *e, const dataset_source_t *source, uint64_t number, const cells_t *cells, fault_t *fault)
{
    Rulemill__ResponseRecord *response = NULL;
    status_t status = record_get_response (source->store, number, &response, fault);
    if (status == OK && response == NULL)
        return fault_set (fault, ERR_CORRUPT, "there are scores for response %" PRIu64 ", which the store does not have; "
                          "restore the store from a backup", number);
    if (status == OK && e->options->cells)
        status = write_cells (e, response, cells, fault);
    if (status == OK && e->options->responses)
        status = write_response (e, source, response, cells, fault);
    if (response)
        rulemill__response_record__free_unpacked (response, NULL);
    return status;
}

static status_t get_cells (const dataset_export_t *e, const dataset_source_t *source, uint64_t response, Rulemill__Cells **out, fault_t *fault)
{
    if (e->options->cells_of)
        return e->options->cells_of (source->store, source->run, response, out, fault);
    return record_get_cells (source->store, response, source->run->judge, out, fault);
}

status_t dataset_cells_check (const dataset_export_t *e, fault_t *fault)
{
    bool any = !e->options->cells && !e->options->responses;
    status_t status = OK;
    for (size_t s = 0; s < e->n_sources && !any && status == OK; s++) {
        store_iter_t *iter = store_iter_new (e->sources [s].store, TABLE_CELLS, "", 0, NULL, 0);
        any = store_iter_valid (iter);
        status = store_iter_status (iter, fault);
        store_iter_destroy (&iter);
    }
    if (status == OK && !any)
        status = fault_set (fault, ERR_NOT_FOUND, "this run's judge \"%s\" stores no scores here, so there are none to export; keep them "
                            "when labelling (judge.store_cells), or leave --responses and --cells out", e->run->spec->judge);
    return status;
}

struct dataset_cells {
    size_t n;
    struct { dataset_rule_map_t *map; uint64_t next; } *of;     // of each source: responses below next were met. They are numbered as pairs bring them
};

dataset_cells_t *dataset_cells_new (const dataset_export_t *e)
{
    dataset_cells_t *self = mem_zero (1, sizeof *self);
    self->n = e->n_sources;
    self->of = mem_zero (self->n, sizeof *self->of);
    for (size_t s = 0; s < self->n; s++)
        self->of [s].map = dataset_rule_map_new (e->sources [s].store, e->options->rule_digests, e->options->n_rules);
    return self;
}

void dataset_cells_destroy (dataset_cells_t **self)
{
    if (*self == NULL)
        return;
    for (size_t s = 0; s < (*self)->n; s++)
        dataset_rule_map_destroy (&(*self)->of [s].map);
    free ((*self)->of);
    free (*self);
    *self = NULL;
}

static status_t write_met (dataset_cells_t *self, dataset_export_t *e, size_t source, uint64_t number, fault_t *fault)
{
    Rulemill__Cells *stored = NULL;
    cells_t cells = { 0 };
    status_t status = OK;
    if (number < self->of [source].next)
        return OK;
    self->of [source].next = number + 1;
    status = get_cells (e, &e->sources [source], number, &stored, fault);
    if (status == OK && stored)
        status = spread (e, self->of [source].map, stored, &cells, fault);
    if (status == OK && cells.n_known > 0)
        status = write_one (e, &e->sources [source], number, &cells, fault);
    free_cells (stored);
    free (cells.rule);
    return status;
}

status_t dataset_cells_check_end (const dataset_export_t *e, fault_t *fault)
{
    if (e->options->responses && dataset_file_rows (e->files [PART_RESPONSES]) == 0)
        return fault_set (fault, ERR_NOT_FOUND, "the judge \"%s\" of this run has scored no response by itself, so there is "
                          "nothing for --responses to export; --cells exports scores that belong to pairs", e->run->spec->judge);
    return OK;
}

// --- pairs -----------------------------------------------------------------

// What holds for the pair alone, or else what is known of the response.
static status_t cells_of_side (dataset_export_t *e, dataset_rule_map_t *map, const dataset_item_t *item, int side,
                               cells_t *out, fault_t *fault)
{
    const dataset_source_t *source = &e->sources [item->source];
    Rulemill__Cells *stored = NULL;
    uint64_t response = side == 1 ? item->pair->response_a : item->pair->response_b;
    status_t status = record_get_pair_cells (source->store, item->number, source->run->judge, side, &stored, fault);
    if (status == OK && stored == NULL)
        status = get_cells (e, source, response, &stored, fault);
    if (status == OK)
        status = spread (e, map, stored, out, fault);
    free_cells (stored);
    return status;
}

static void write_scores (const char *key, const cells_t *cells, size_t n_rules, buf_t *out)
{
    json_write_key (out, key);
    for (size_t r = 0; r < n_rules; r++) {
        buf_add_char (out, r ? ',' : '[');
        if (cells->rule [r].known)
            json_write_micro (out, cells->rule [r].score);
        else
            buf_add_str (out, "null");
    }
    buf_add_str (out, n_rules ? "]" : "[]");
}

static void write_relevance (const cells_t *a, const cells_t *b, size_t n_rules, buf_t *out)
{
    json_write_key (out, "relevance");
    for (size_t r = 0; r < n_rules; r++) {
        const spread_t *x = &a->rule [r], *y = &b->rule [r];
        buf_add_char (out, r ? ',' : '[');
        if (x->known && y->known)
            write_half (out, (int64_t) x->relevance + y->relevance);
        else if (x->known || y->known)
            json_write_micro (out, x->known ? x->relevance : y->relevance);
        else
            buf_add_str (out, "null");
    }
    buf_add_str (out, n_rules ? "]" : "[]");
}

static void write_pair (const dataset_export_t *e, const dataset_item_t *item, const cells_t *a, const cells_t *b, buf_t *out)
{
    const Rulemill__Place *place = item->pair->place;
    buf_add_char (out, '{');
    json_write_key (out, "id");
    json_write_cstring (out, item->row->id);
    if (item->pair->listed)
        buf_printf (out, ",\"i\":%" PRIu32 ",\"j\":%" PRIu32, place->i, place->j);
    else
        buf_add_str (out, ",\"i\":null,\"j\":null");
    write_scores ("scoresA", a, e->options->n_rules, out);
    write_scores ("scoresB", b, e->options->n_rules, out);
    write_relevance (a, b, e->options->n_rules, out);
    buf_add_char (out, '}');
}

static status_t write_pair_cells (dataset_export_t *e, dataset_rule_map_t *map, const dataset_item_t *item, fault_t *fault)
{
    cells_t a = { 0 }, b = { 0 };
    status_t status = cells_of_side (e, map, item, 1, &a, fault);
    if (status == OK)
        status = cells_of_side (e, map, item, 2, &b, fault);
    if (status == OK && a.n_known + b.n_known > 0) {
        write_pair (e, item, &a, &b, &e->line);
        status = dataset_put_line (e, PART_PAIR_CELLS, fault);
    }
    free (a.rule);
    free (b.rule);
    return status;
}

status_t dataset_cells_write (dataset_cells_t *self, dataset_export_t *e, const dataset_item_t *item, fault_t *fault)
{
    status_t status = write_met (self, e, item->source, item->pair->response_a, fault);
    if (status == OK)
        status = write_met (self, e, item->source, item->pair->response_b, fault);
    if (status == OK && e->options->cells)
        status = write_pair_cells (e, self->of [item->source].map, item, fault);
    return status;
}

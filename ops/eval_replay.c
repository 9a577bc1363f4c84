// Recorded cells of single responses, addressed by the rows' numbers.
#include <inttypes.h>
#include <stdio.h>

#include "base/cell.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ops/eval_judge.h"
#include "storage/input.h"

static bool read_cell (const json_value_t *value, cell_t *cell)
{
    double p [3];
    if (!json_is (value, JSON_ARRAY) || value->count < 3 || value->count > 4)
        return false;
    const json_value_t *item = value->child;
    for (int i = 0; i < 3; i++, item = item->next)
        if (!json_double (item, &p [i]) || p [i] < 0 || p [i] > 1)
            return false;
    cell_value_t made = cell_value_from_probabilities (p [0], p [1], p [2]);
    *cell = (cell_t) { .score = made.score, .relevance = made.relevance, .mass = made.mass, .known = true };
    return true;
}

static const eval_row_t *find_row (const eval_rows_t *rows, int64_t number, size_t *at)
{
    size_t n, low = 0;
    const eval_row_t *all = eval_rows_all (rows, &n);
    for (size_t high = n; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (all [middle].number < (uint64_t) number)
            low = middle + 1;
        else
            high = middle;
    }
    *at = low;
    return low < n && number >= 0 && all [low].number == (uint64_t) number ? &all [low] : NULL;
}

static status_t take_cells (const eval_judge_t *judge, const json_value_t *given, cell_t *cells, const char *where, fault_t *fault)
{
    for (size_t i = 0; i < judge->map->count; i++) {
        const eval_pair_t *pair = &judge->map->pairs [i];
        const json_value_t *value = json_get (given, pair->proposition);
        if (value == NULL)
            value = json_get (given, pair->rule);
        if (value == NULL || json_is (value, JSON_NULL))
            continue;
        if (!read_cell (value, &cells [i]))
            return fault_set (fault, ERR_FORMAT, "%s: \"%s\" should be [p_yes, p_no, p_irrelevant], three numbers from 0 to 1", where, pair->proposition);
    }
    return OK;
}

static status_t take_line (const eval_judge_t *judge, json_doc_t *doc, const input_line_t *line, cell_t *cells, fault_t *fault)
{
    const char *path = judge->config->judge.scores;
    const json_value_t *root, *given;
    char where [512];
    snprintf (where, sizeof where, "%.400s:%" PRIu64, path, line->row);
    if (line->too_long)
        return fault_set (fault, ERR_LIMIT, "%s: over %d bytes in one line", where, LIMIT_ROW_BYTES);
    if (json_parse (doc, line->text, line->len, &root, fault) != OK)
        return fault_prefix (fault, "%s", where);
    int64_t number;
    given = json_get (root, "cells");
    if (!json_int (json_get (root, "row"), &number) || !json_is (given, JSON_OBJECT))
        return fault_set (fault, ERR_FORMAT, "%s: a line should be {\"row\": N, \"cells\": {NAME: [p_yes, p_no, p_irrelevant]}}", where);
    size_t at;
    const eval_row_t *row = find_row (judge->rows, number, &at);
    return row ? take_cells (judge, given, cells + at * judge->map->count, where, fault) : OK;
}

status_t eval_replay_cells (const eval_judge_t *judge, cell_t *cells, eval_judged_t *told, fault_t *fault)
{
    if (judge->config->judge.scores == NULL)
        return fault_set (fault, ERR_USAGE, "the judge replay needs recorded cells: --scores FILE");
    input_t *input;
    json_doc_t *doc = json_doc_new ();
    status_t status = input_open (judge->config->judge.scores, LIMIT_ROW_BYTES, &input, fault);
    for (bool got = true; status == OK;) {
        input_line_t line;
        status = input_next (input, &line, &got, fault);
        if (status != OK || !got)
            break;
        status = take_line (judge, doc, &line, cells, fault);
    }
    input_close (&input);
    json_doc_destroy (&doc);
    told->missing = eval_judge_missing (judge, cells);
    if (told->missing > 0)
        snprintf (told->first_problem, sizeof told->first_problem, "%.400s has no cells for them", judge->config->judge.scores);
    return status;
}

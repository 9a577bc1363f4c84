#include "storage/scores_line.h"

#include <stdio.h>

#include "base/limits.h"

// --- what goes wrong ---

// The first problem, cut off at a whole character.
static void note (scores_import_t *import, const char *where, const char *why)
{
    char *to = import->report->first_problem;
    if (*to)
        return;
    size_t max = sizeof import->report->first_problem;
    int n = snprintf (to, max, "%s: %s", where, why);
    if (n < 0 || (size_t) n < max)
        return;
    size_t end = max - 1;
    while (end > 0 && ((unsigned char) to [end - 1] & 0xC0) == 0x80)
        end--;
    if (end > 0 && (unsigned char) to [end - 1] >= 0xC0)
        end--;
    to [end] = '\0';
}

void scores_bad_line (scores_import_t *import, const char *where, const char *why)
{
    import->report->bad_lines++;
    note (import, where, why);
}

static status_t bad (scores_import_t *import, const char *where, const char *why)
{
    scores_bad_line (import, where, why);
    return OK;
}

static status_t unknown (scores_import_t *import, const char *where, const char *what, const json_value_t *name, fault_t *fault)
{
    import->report->unknown_ids++;
    char why [256];
    snprintf (why, sizeof why, "the corpus has no %s \"%.100s\"", what, name->text);
    note (import, where, why);
    if (import->options->unknown_ids_ok)
        return OK;
    return fault_set (fault, ERR_NOT_FOUND, "%s: %s; check that the scores are of this corpus, or skip such lines with "
                      "judge.unknown_ids: skip", where, why);
}

// What was taken, but not whole. conflicts: as many as there were before.
static void note_unused (scores_import_t *import, const char *where, uint64_t unknown_rules, uint64_t conflicts)
{
    import->report->unknown_rules += unknown_rules;
    if (unknown_rules > 0)
        note (import, where, "it has scores of rules that the pool lacks; is this the pool that they were made with (--rules)?");
    if (import->report->conflicts > conflicts)
        note (import, where, "it has other scores for what an earlier line scored; the first ones stay");
}

// --- reading ---

static bool read_cells (scores_import_t *import, const json_value_t *cells, scores_set_t *set, uint64_t *unknown_rules)
{
    buf_clear (&import->why);
    return scores_read_cells (import->pool, cells, set, unknown_rules, &import->why);
}

// Cells of one response. Of a response that no pair holds (number UINT64_MAX) they are only checked.
static status_t take_response (scores_import_t *import, const json_value_t *cells, uint64_t response, const char *where, fault_t *fault)
{
    uint64_t unknown_rules = 0;
    if (!read_cells (import, cells, &import->a, &unknown_rules))
        return bad (import, where, import->why.data);
    uint64_t conflicts = import->report->conflicts;
    status_t status = response == UINT64_MAX ? OK
                    : scores_give_response (import->pool, response, import->judge, &import->a, import->report, fault);
    note_unused (import, where, unknown_rules, conflicts);
    return status;
}

// Both are read before either is given: a line is taken whole or not at all.
static status_t take_two (scores_import_t *import, const json_value_t *first, uint64_t response, const json_value_t *second,
                          uint64_t other, const char *where, fault_t *fault)
{
    uint64_t unknown_rules = 0;
    if (!read_cells (import, first, &import->a, &unknown_rules) || !read_cells (import, second, &import->b, &unknown_rules))
        return bad (import, where, import->why.data);
    uint64_t conflicts = import->report->conflicts;
    status_t status = scores_give_response (import->pool, response, import->judge, &import->a, import->report, fault);
    if (status == OK)
        status = scores_give_response (import->pool, other, import->judge, &import->b, import->report, fault);
    note_unused (import, where, unknown_rules, conflicts);
    return status;
}

static status_t take_by_content (scores_import_t *import, const json_value_t *key, const json_value_t *line, const char *where, fault_t *fault)
{
    content_key_t content;
    uint64_t response;
    bool found;
    if (!json_is (key, JSON_STRING) || !hex_decode (key->text, content.b, KEY_BYTES))
        return bad (import, where, "\"response_key\" is not 32 hexadecimal digits");
    status_t status = record_find_key (import->store, 'R', &content, &response, &found, fault);
    if (status)
        return status;
    if (!found && import->in_part) {
        import->keys_lacking++;     // a response of another part, for all that can be known here
        return OK;
    }
    if (!found)
        return unknown (import, where, "response with the key", key, fault);
    return take_response (import, json_get (line, "cells"), response, where, fault);
}

// --- by row ---

// The number of a row's n-th response, UINT64_MAX where it stands in no pair.
static uint64_t response_at (const scores_pair_t *pairs, size_t n_pairs, uint32_t place)
{
    for (size_t n = 0; n < n_pairs; n++) {
        if (pairs [n].i == place)
            return pairs [n].left;
        if (pairs [n].j == place)
            return pairs [n].right;
    }
    return UINT64_MAX;
}

typedef struct { const scores_pair_t *pairs; size_t n; } row_pairs_t;

static status_t take_response_n (scores_import_t *import, const json_value_t *line, row_pairs_t row, const char *where, fault_t *fault)
{
    int64_t place;
    if (!json_int (json_get (line, "response"), &place) || place < 0 || place >= LIMIT_RESPONSES)
        return bad (import, where, "\"response\" is not the place of a response, counted from 0");
    if (!row.pairs [0].listed && place > 1)
        return bad (import, where, "\"response\" is over 1, but the row has two responses");
    return take_response (import, json_get (line, "cells"), response_at (row.pairs, row.n, (uint32_t) place), where, fault);
}

static status_t take_responses (scores_import_t *import, const json_value_t *list, row_pairs_t row, const char *where, fault_t *fault)
{
    if (!json_is (list, JSON_ARRAY) || list->count > LIMIT_RESPONSES)
        return bad (import, where, "\"responses\" is not a list of scores for each response");
    if (!row.pairs [0].listed && list->count != 2)
        return bad (import, where, "\"responses\" does not have two entries, but the row has two responses");
    uint64_t ignored = 0;
    for (const json_value_t *item = list->child; item; item = item->next)
        if (!json_is (item, JSON_NULL) && !read_cells (import, item, &import->a, &ignored))
            return bad (import, where, import->why.data);
    status_t status = OK;
    uint32_t place = 0;
    for (const json_value_t *item = list->child; status == OK && item; item = item->next, place++)
        if (!json_is (item, JSON_NULL))
            status = take_response (import, item, response_at (row.pairs, row.n, place), where, fault);
    return status;
}

static status_t take_chosen (scores_import_t *import, const json_value_t *line, row_pairs_t row, const char *where, fault_t *fault)
{
    const scores_pair_t *pair = row.pairs;
    bool left = pair->given == RULEMILL__SIDE__SIDE_A, right = pair->given == RULEMILL__SIDE__SIDE_B;
    if (pair->listed || (!left && !right))
        return bad (import, where, "\"chosen\" and \"rejected\" are for rows that prefer one of two responses, which this row does not");
    return take_two (import, json_get (line, "chosen"), left ? pair->left : pair->right, json_get (line, "rejected"),
                     left ? pair->right : pair->left, where, fault);
}

status_t scores_take_pair (scores_import_t *import, const json_value_t *object, const scores_pair_t *pair, const char *where, fault_t *fault)
{
    uint64_t unknown_rules = 0;
    if (!read_cells (import, json_get (object, "scoresA"), &import->a, &unknown_rules)
        || !read_cells (import, json_get (object, "scoresB"), &import->b, &unknown_rules)
        || !scores_read_relevance (import->pool, json_get (object, "relevance"), &import->a, &import->b, &import->why)
        || !scores_read_indices (import->pool, json_get (object, "rule_indices"), &import->a, &import->b, &import->why))
        return bad (import, where, import->why.data);
    uint64_t conflicts = import->report->conflicts;
    int left = pair->swapped ? 2 : 1;
    status_t status = scores_give_pair (import->pool, pair->pair, left, import->judge, &import->a, import->report, fault);
    if (status == OK)
        status = scores_give_pair (import->pool, pair->pair, 3 - left, import->judge, &import->b, import->report, fault);
    note_unused (import, where, unknown_rules, conflicts);
    return status;
}

static bool read_place (const json_value_t *value, uint32_t *out)
{
    int64_t place;
    if (!json_int (value, &place) || place < 0 || place >= LIMIT_RESPONSES)
        return false;
    *out = (uint32_t) place;
    return true;
}

// A pair that the corpus did not choose to make is passed over.
static status_t take_pair (scores_import_t *import, const json_value_t *line, row_pairs_t row, const char *where, fault_t *fault)
{
    if (!row.pairs [0].listed)
        return scores_take_pair (import, line, &row.pairs [0], where, fault);
    uint32_t i, j;
    if (!read_place (json_get (line, "i"), &i) || !read_place (json_get (line, "j"), &j))
        return bad (import, where, "\"i\" and \"j\" must say which two of the row's responses these scores are of");
    for (size_t n = 0; n < row.n; n++) {
        scores_pair_t pair = row.pairs [n];
        if (pair.i == i && pair.j == j)
            return scores_take_pair (import, line, &pair, where, fault);
        if (pair.i == j && pair.j == i) {
            pair.swapped = !pair.swapped;
            return scores_take_pair (import, line, &pair, where, fault);
        }
    }
    return OK;
}

static status_t take_by_row (scores_import_t *import, const json_value_t *line, scores_at_t at, const char *where, fault_t *fault)
{
    row_pairs_t row;
    status_t status = scores_rows_pairs (import->rows, at, &row.pairs, &row.n, fault);
    if (status || row.n == 0)
        return status;
    if (json_get (line, "scoresA") || json_get (line, "scoresB"))
        return take_pair (import, line, row, where, fault);
    if (json_get (line, "responses"))
        return take_responses (import, json_get (line, "responses"), row, where, fault);
    if (json_get (line, "response"))
        return take_response_n (import, line, row, where, fault);
    if (json_get (line, "chosen") || json_get (line, "rejected"))
        return take_chosen (import, line, row, where, fault);
    return bad (import, where, "it has none of \"response\", \"responses\", \"chosen\", \"scoresA\"");
}

static status_t take_named (scores_import_t *import, const json_value_t *id, const json_value_t *line, const char *where, fault_t *fault)
{
    if (!json_is (id, JSON_STRING) && !json_is (id, JSON_NUMBER))
        return bad (import, where, "\"id\" is neither a string nor a number");
    scores_found_t found;
    scores_at_t at;
    status_t status = scores_rows_find (import->rows, id->text, id->len, &found, &at, fault);
    if (status || found == NAMES_WITHOUT)
        return status;
    if (found == NAMES_NONE)
        return unknown (import, where, "row", id, fault);
    if (found == NAMES_ONE)
        return take_by_row (import, line, at, where, fault);
    import->report->ambiguous_ids++;
    char why [256];
    snprintf (why, sizeof why, "the corpus has several rows \"%.100s\"; address these scores by \"response_key\"", id->text);
    note (import, where, why);
    return OK;
}

status_t scores_take_line (scores_import_t *import, const json_value_t *line, const char *where, fault_t *fault)
{
    const json_value_t *key = json_get (line, "response_key"), *id = json_get (line, "id");
    if (!json_is (line, JSON_OBJECT))
        return bad (import, where, "it is no JSON object");
    if (key)
        return take_by_content (import, key, line, where, fault);
    if (id)
        return take_named (import, id, line, where, fault);
    return bad (import, where, "it has neither \"response_key\" nor \"id\"");
}

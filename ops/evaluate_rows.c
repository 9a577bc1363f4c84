#include "ops/evaluate_rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "storage/input.h"
#include "storage/row_text.h"
#include "storage/textkey.h"

struct evaluate_rows {
    arena_t *texts;                 // of all rows
    size_t text_bytes;
    evaluate_row_t *at;
    size_t count, cap;
    bool lists;                     // responses are lists: RewardBench 2
    const char *subset [BENCHMARK_SUBSETS_MAX];
    uint64_t subset_rows [BENCHMARK_SUBSETS_MAX];
    size_t n_subsets;
};

// What reads the line in hand.
typedef struct {
    evaluate_rows_t *rows;
    const char *const *column;
    row_text_t text;                // its arena holds one line's
    json_doc_t *doc;
    row_problem_t problem;
} loader_t;

// --- texts that stay ----------------------------------------------------------

static void *keep (evaluate_rows_t *rows, size_t size)
{
    rows->text_bytes += size;
    return arena_take (rows->texts, size);
}

static char *keep_text (evaluate_rows_t *rows, const char *text)
{
    size_t len = strlen (text);
    return memcpy (keep (rows, len + 1), text, len + 1);
}

static const Rulemill__Conversation *keep_conversation (evaluate_rows_t *rows, const Rulemill__Conversation *from)
{
    Rulemill__Conversation *text = keep (rows, sizeof *text);
    rulemill__conversation__init (text);
    text->turns = keep (rows, (from->n_turns + 1) * sizeof *text->turns);
    text->n_turns = from->n_turns;
    for (size_t i = 0; i < from->n_turns; i++) {
        Rulemill__Turn *turn = text->turns [i] = keep (rows, sizeof *turn);
        rulemill__turn__init (turn);
        turn->role = keep_text (rows, from->turns [i]->role);
        turn->content = keep_text (rows, from->turns [i]->content);
    }
    return text;
}

// --- one line -----------------------------------------------------------------

static bool is_list_of_texts (const json_value_t *value)
{
    return json_is (value, JSON_ARRAY) && json_is (value->child, JSON_STRING);
}

// The responses of one side, into text; *n grows.
static bool read_side (loader_t *loader, const json_value_t *value, const char *name, Rulemill__Conversation **text, size_t *n)
{
    if (!is_list_of_texts (value))
        return row_text_conversation (&loader->text, value, name, "assistant", &text [(*n)++], &loader->problem);
    for (const json_value_t *item = value->child; item; item = item->next) {
        if (*n >= EVALUATE_RESPONSES_MAX)
            return row_problem (&loader->problem, "text-too-long", "it has over %d responses; take some out", EVALUATE_RESPONSES_MAX);
        if (!row_text_conversation (&loader->text, item, name, "assistant", &text [(*n)++], &loader->problem))
            return false;
    }
    return true;
}

// Both sides, in one of the two shapes; the file has one of them throughout.
static bool read_responses (loader_t *loader, const json_value_t *line, Rulemill__Conversation **text, size_t *n)
{
    const json_value_t *chosen = json_get (line, "chosen"), *rejected = json_get (line, "rejected");
    bool lists = is_list_of_texts (chosen);
    if (json_is (rejected, JSON_ARRAY) && rejected->count == 0)
        return row_problem (&loader->problem, "bad-value", "it has no rejected response; take the row out");
    if (lists != is_list_of_texts (rejected) || (loader->rows->count > 0 && lists != loader->rows->lists))
        return row_problem (&loader->problem, "wrong-type", "its responses are %s, others of the file are not; give RewardBench and "
                            "RewardBench 2 as files of their own", lists ? "lists of texts" : "one on each side");
    if (lists && chosen->count != 1)
        return row_problem (&loader->problem, "bad-value", "it has %u chosen responses, one is supported; take such rows out (the subset "
                            "Ties has them)", chosen->count);
    loader->rows->lists = lists;
    return read_side (loader, chosen, "chosen", text, n) && read_side (loader, rejected, "rejected", text, n);
}

// Responses lose the prompt's turns; without a prompt it is what all of them share.
static bool split_prompt (loader_t *loader, const json_value_t *line, Rulemill__Conversation **prompt, Rulemill__Conversation **text, size_t n)
{
    const json_value_t *value = json_get (line, "prompt");
    size_t shared = text [0]->n_turns;
    if (value == NULL || json_is (value, JSON_NULL)) {
        for (size_t i = 0; i < n; i++) {
            size_t here = i ? row_text_shared (text [0], text [i]) : shared;
            here = here < text [i]->n_turns ? here : text [i]->n_turns - (text [i]->n_turns > 0);
            shared = here < shared ? here : shared;
        }
        if (shared == 0)
            return row_problem (&loader->problem, "missing-field", "\"prompt\" is missing, and the responses share no turn that could be one");
        *prompt = row_text_cut (&loader->text, text [0], 0, shared);
    } else if (!row_text_conversation (&loader->text, value, "prompt", "user", prompt, &loader->problem))
        return false;
    for (size_t i = 0; i < n; i++)
        if (text [i]->n_turns >= (*prompt)->n_turns && row_text_shared (*prompt, text [i]) == (*prompt)->n_turns)
            text [i] = row_text_cut (&loader->text, text [i], (*prompt)->n_turns, text [i]->n_turns);
    return true;
}

static bool read_subset (loader_t *loader, const json_value_t *line, size_t *out)
{
    evaluate_rows_t *rows = loader->rows;
    const json_value_t *value = json_get (line, "subset");
    if (value && !row_text_string (value, "subset", LIMIT_NAME_BYTES, &loader->problem))
        return false;
    const char *name = value ? value->text : "all";
    const char *without = rows->lists ? benchmark_rewardbench2.without : NULL;
    if (without && strcmp (name, without) == 0)
        return row_problem (&loader->problem, "bad-value", "the subset %s is not supported: its rows have several right answers and a "
                            "scoring of their own; take them out of the file", without);
    size_t i = 0;
    while (i < rows->n_subsets && strcmp (rows->subset [i], name) != 0)
        i++;
    if (i == BENCHMARK_SUBSETS_MAX)
        return row_problem (&loader->problem, "bad-value", "it begins the %dth subset, at most %d are taken; is \"subset\" a class of rows?",
                            BENCHMARK_SUBSETS_MAX + 1, BENCHMARK_SUBSETS_MAX);
    if (i == rows->n_subsets)
        rows->subset [rows->n_subsets++] = keep_text (rows, name);
    *out = i;
    return true;
}

static bool read_id (loader_t *loader, const json_value_t *line, uint64_t number, const char **out)
{
    char text [32];
    const json_value_t *id = json_get (line, "id");
    if (id == NULL || json_is (id, JSON_NULL)) {
        snprintf (text, sizeof text, "%" PRIu64, number);
        *out = keep_text (loader->rows, text);
        return true;
    }
    if (!json_is (id, JSON_NUMBER) && !row_text_string (id, "id", LIMIT_ID_BYTES, &loader->problem))
        return false;
    *out = keep_text (loader->rows, id->text);
    return true;
}

// --- columns of rewards -------------------------------------------------------

// Numbers of a number or of a list of them; *n grows.
static bool take_numbers (const json_value_t *value, double *out, size_t max, size_t *n)
{
    if (json_is (value, JSON_NUMBER))
        return *n < max && json_double (value, &out [(*n)++]);
    if (!json_is (value, JSON_ARRAY))
        return false;
    for (const json_value_t *item = value->child; item; item = item->next)
        if (!json_is (item, JSON_NUMBER) || *n >= max || !json_double (item, &out [(*n)++]))
            return false;
    return true;
}

static const json_value_t *side_of (const json_value_t *line, const char *side, const char *column)
{
    char key [2 * LIMIT_NAME_BYTES];
    snprintf (key, sizeof key, "%s_%s", column, side);
    const json_value_t *value = json_get (line, key);
    if (value)
        return value;
    snprintf (key, sizeof key, "%s_%s", side, column);
    return json_get (line, key);
}

static bool read_column (loader_t *loader, const json_value_t *line, const char *column, evaluate_row_t *row, double *out)
{
    size_t n = 0;
    const json_value_t *chosen = side_of (line, "chosen", column), *rejected = side_of (line, "rejected", column);
    const json_value_t *whole = chosen ? NULL : json_get (line, column);
    bool good = whole ? take_numbers (whole, out, row->n_responses, &n)
                      : take_numbers (chosen, out, row->n_responses, &n) && take_numbers (rejected, out, row->n_responses, &n);
    if (good && n == row->n_responses)
        return true;
    return row_problem (&loader->problem, "missing-field", "it has no number for each of its %zu responses in \"%s_chosen\" and "
                        "\"%s_rejected\", nor in a list \"%s\"; name a column that every row has, or the file of a model that is there", row->n_responses,
                        column, column, column);
}

// --- the whole file -----------------------------------------------------------

static uint64_t key_of (const Rulemill__Conversation *prompt)
{
    content_key_t key = textkey_prompt (prompt);
    uint64_t first = 0;
    for (int i = 0; i < 8; i++)
        first = first << 8 | key.b [i];
    return first;
}

static bool read_row (loader_t *loader, const json_value_t *line, uint64_t number, evaluate_row_t *row)
{
    evaluate_rows_t *rows = loader->rows;
    Rulemill__Conversation *text [EVALUATE_RESPONSES_MAX + 1], *prompt;
    *row = (evaluate_row_t) { 0 };
    if (!read_responses (loader, line, text, &row->n_responses) || !split_prompt (loader, line, &prompt, text, row->n_responses)
        || !read_subset (loader, line, &row->subset) || !read_id (loader, line, number, &row->id))
        return false;
    row->prompt_key = key_of (prompt);
    row->prompt = keep_conversation (rows, prompt);
    row->response = keep (rows, row->n_responses * sizeof *row->response);
    for (size_t i = 0; i < row->n_responses; i++)
        row->response [i] = keep_conversation (rows, text [i]);
    for (int m = 0; m < EVALUATE_MODELS_MAX; m++) {
        row->reward [m] = keep (rows, row->n_responses * sizeof (double));
        row->points [m] = NAN;
        for (size_t i = 0; i < row->n_responses; i++)
            row->reward [m] [i] = NAN;
        if (loader->column [m] && !read_column (loader, line, loader->column [m], row, row->reward [m]))
            return false;
    }
    return true;
}

static status_t take_line (loader_t *loader, const char *path, const input_line_t *input, fault_t *fault)
{
    evaluate_rows_t *rows = loader->rows;
    const json_value_t *line;
    arena_reset (loader->text.arena);
    status_t status = input->too_long ? fault_set (fault, ERR_LIMIT, "the line is too long") : json_parse (loader->doc, input->text, input->len, &line, fault);
    if (status != OK)
        return fault_prefix (fault, "%s:%" PRIu64, path, input->row);
    if (rows->count == rows->cap) {
        rows->cap = rows->cap ? 2 * rows->cap : 1024;
        rows->at = mem_resize (rows->at, rows->cap * sizeof *rows->at);
    }
    if (!json_is (line, JSON_OBJECT))
        row_problem (&loader->problem, "wrong-type", "the row should be an object but is %s", json_type_name (line));
    else if (read_row (loader, line, input->row, &rows->at [rows->count])) {
        rows->subset_rows [rows->at [rows->count++].subset]++;
        if (rows->count <= EVALUATE_ROWS_MAX && rows->text_bytes <= EVALUATE_BYTES_MAX)
            return OK;
        row_problem (&loader->problem, "too-complex", "the benchmark has over %d rows or %zu MB of text; give a part of it",
                     EVALUATE_ROWS_MAX, EVALUATE_BYTES_MAX >> 20);
    }
    return fault_set (fault, ERR_FORMAT, "%s:%" PRIu64 ": %s", path, input->row, loader->problem.detail);
}

static status_t load (loader_t *loader, const char *path, fault_t *fault)
{
    input_t *input = NULL;
    status_t status = input_open (path, LIMIT_ROW_BYTES, &input, fault);
    bool got = true;
    while (status == OK && got) {
        input_line_t line;
        status = input_next (input, &line, &got, fault);
        if (status == OK && got && line.len > 0)
            status = take_line (loader, path, &line, fault);
    }
    input_close (&input);
    if (status == OK && loader->rows->count == 0)
        status = fault_set (fault, ERR_FORMAT, "%s has no rows", path);
    return status;
}

static int place_of (const evaluate_rows_t *rows, const char *subset)
{
    int at = benchmark_find (evaluate_rows_benchmark (rows), subset);
    return at < 0 ? BENCHMARK_SUBSETS_MAX : at;
}

// The benchmark's subsets in its order, then the others.
static void sort_subsets (evaluate_rows_t *rows)
{
    size_t moved [BENCHMARK_SUBSETS_MAX], n = 0;
    const char *name [BENCHMARK_SUBSETS_MAX];
    uint64_t count [BENCHMARK_SUBSETS_MAX];
    for (int place = 0; place <= BENCHMARK_SUBSETS_MAX; place++)
        for (size_t i = 0; i < rows->n_subsets; i++)
            if (place_of (rows, rows->subset [i]) == place) {
                name [n] = rows->subset [i];
                count [n] = rows->subset_rows [i];
                moved [i] = n++;
            }
    memcpy (rows->subset, name, n * sizeof *name);
    memcpy (rows->subset_rows, count, n * sizeof *count);
    for (size_t i = 0; i < rows->count; i++)
        rows->at [i].subset = moved [rows->at [i].subset];
}

status_t evaluate_rows_load (const char *path, const char *const column [EVALUATE_MODELS_MAX], evaluate_rows_t **out, fault_t *fault)
{
    evaluate_rows_t *rows = mem_zero (1, sizeof *rows);
    rows->texts = arena_new ();
    loader_t loader = { .rows = rows, .column = column, .doc = json_doc_new () };
    loader.text = (row_text_t) { .arena = arena_new (), .text_bytes_max = LIMIT_TEXT_BYTES };
    status_t status = load (&loader, path, fault);
    arena_destroy (&loader.text.arena);
    json_doc_destroy (&loader.doc);
    if (status == OK)
        sort_subsets (rows);
    else
        evaluate_rows_destroy (&rows);
    *out = rows;
    return status;
}

void evaluate_rows_destroy (evaluate_rows_t **rows)
{
    if (*rows == NULL)
        return;
    arena_destroy (&(*rows)->texts);
    free ((*rows)->at);
    free (*rows);
    *rows = NULL;
}

const benchmark_t *evaluate_rows_benchmark (const evaluate_rows_t *rows)
{
    return rows->lists ? &benchmark_rewardbench2 : &benchmark_rewardbench;
}

evaluate_row_t *evaluate_rows_at (evaluate_rows_t *rows, size_t i)
{
    return i < rows->count ? &rows->at [i] : NULL;
}

size_t evaluate_rows_count (const evaluate_rows_t *rows)
{
    return rows->count;
}

uint64_t evaluate_rows_bytes (const Rulemill__Conversation *text)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < text->n_turns; i++)
        bytes += strlen (text->turns [i]->content);
    return bytes;
}

const char *const *evaluate_rows_subsets (const evaluate_rows_t *rows, size_t *count)
{
    *count = rows->n_subsets;
    return rows->subset;
}

status_t evaluate_rows_check (const evaluate_rows_t *rows, fault_t *fault)
{
    const benchmark_t *benchmark = evaluate_rows_benchmark (rows);
    for (size_t i = 0; i < rows->n_subsets; i++)
        if (benchmark_find (benchmark, rows->subset [i]) < 0)
            return fault_set (fault, ERR_MISMATCH, "the subset \"%.100s\" is none of %s's; --partial takes what there is, without the "
                              "published scores", rows->subset [i], benchmark->name);
    for (size_t i = 0; i < benchmark->n_subsets; i++) {
        const benchmark_size_t *size = &benchmark->size [i];
        uint64_t here = 0;
        for (size_t s = 0; s < rows->n_subsets; s++)
            if (strcmp (rows->subset [s], size->name) == 0)
                here = rows->subset_rows [s];
        if (here != size->rows)
            return fault_set (fault, ERR_MISMATCH, "the subset %s has %" PRIu64 " rows, %s has %" PRIu32 "; give the whole file, or say "
                              "--partial", size->name, here, benchmark->name, size->rows);
    }
    return OK;
}

#include "ops/reward_rows.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "storage/input.h"
#include "storage/row.h"

struct reward_rows {
    input_t *input;
    row_parser_t *parser;
    json_doc_t *doc;
    row_text_t text;                        // of {"prompt", "response"}
    row_problem_t problem;
    const Rulemill__Conversation *response [LIMIT_RESPONSES];
};

static const char *const one_key [] = { "reward" };
static const char *const chosen_keys [] = { "reward_chosen", "reward_rejected" };
static const char *const side_keys [] = { "reward_a", "reward_b" };
static const char *const list_key [] = { "rewards" };

status_t reward_rows_open (const char *path, reward_rows_t **out, fault_t *fault)
{
    reward_rows_t *rows = mem_zero (1, sizeof *rows);
    rows->doc = json_doc_new ();
    rows->text = (row_text_t) { .arena = arena_new (), .text_bytes_max = LIMIT_TEXT_BYTES };
    status_t status = row_parser_new (NULL, LIMIT_TEXT_BYTES, &rows->parser, fault);
    if (status == OK)
        status = input_open (path, LIMIT_ROW_BYTES, &rows->input, fault);
    if (status != OK)
        reward_rows_close (&rows);
    *out = rows;
    return status;
}

void reward_rows_close (reward_rows_t **rows)
{
    if (*rows == NULL)
        return;
    input_close (&(*rows)->input);
    row_parser_destroy (&(*rows)->parser);
    json_doc_destroy (&(*rows)->doc);
    arena_destroy (&(*rows)->text.arena);
    free (*rows);
    *rows = NULL;
}

// One response is no row of a corpus.
static bool read_one (reward_rows_t *rows, reward_row_t *row)
{
    Rulemill__Conversation *prompt, *response;
    arena_reset (rows->text.arena);
    if (!row_text_conversation (&rows->text, json_get (row->line, "prompt"), "prompt", "user", &prompt, &rows->problem)
        || !row_text_conversation (&rows->text, json_get (row->line, "response"), "response", "assistant", &response, &rows->problem))
        return false;
    row->prompt = prompt;
    rows->response [0] = response;
    row->n = 1;
    return true;
}

static bool read_corpus_row (reward_rows_t *rows, const input_line_t *line, reward_row_t *row)
{
    row_t read;
    if (!row_parse (rows->parser, line->text, line->len, &read, &rows->problem))
        return false;
    row->prompt = read.prompt;
    row->listed = read.listed;
    row->n = read.n_responses;
    for (size_t i = 0; i < row->n; i++)
        rows->response [i] = read.responses [i].text;
    row->key = row->listed ? list_key : json_get (row->line, "chosen") ? chosen_keys : side_keys;
    return true;
}

static void read_line (reward_rows_t *rows, const input_line_t *line, reward_row_t *row)
{
    fault_t fault = { 0 };
    *row = (reward_row_t) { .number = line->row, .response = rows->response, .key = one_key };
    if (line->too_long || json_parse (rows->doc, line->text, line->len, &row->line, &fault) != OK || !json_is (row->line, JSON_OBJECT)) {
        row_problem (&rows->problem, "not-json", "%s", line->too_long ? "the line is too long" : fault.text [0] ? fault.text : "it is no JSON object");
        row->line = NULL;
        row->why = rows->problem.detail;
        return;
    }
    bool one = json_get (row->line, "response") && !json_get (row->line, "responses");
    if (one ? read_one (rows, row) : read_corpus_row (rows, line, row))
        return;
    row->why = rows->problem.detail;
    row->prompt = NULL;
    rows->response [0] = NULL;
    row->n = 1;
}

status_t reward_rows_next (reward_rows_t *rows, reward_row_t *row, bool *got, fault_t *fault)
{
    input_line_t line;
    status_t status;
    do
        status = input_next (rows->input, &line, got, fault);
    while (status == OK && *got && line.len == 0 && !line.too_long);
    if (status == OK && *got)
        read_line (rows, &line, row);
    return status;
}

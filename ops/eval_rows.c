#include "ops/eval_rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "storage/dataset_view.h"
#include "storage/input.h"
#include "storage/row_text.h"
#include "storage/textkey.h"

struct eval_rows {
    arena_t *arena;
    eval_row_t *rows;
    size_t count, room, text_bytes;
    uint64_t read;
};

// What one line is read with.
typedef struct {
    eval_rows_t *rows;
    const eval_map_t *map;
    parity_t parity;
    row_text_t text;
    json_doc_t *doc;
} reader_t;

// Texts that are read belong to the parsed JSON; those of a row that is kept are copied.
static Rulemill__Conversation *copy (eval_rows_t *rows, const Rulemill__Conversation *text)
{
    Rulemill__Conversation *out = arena_take (rows->arena, sizeof *out);
    rulemill__conversation__init (out);
    out->n_turns = text->n_turns;
    out->turns = arena_take (rows->arena, (text->n_turns + 1) * sizeof *out->turns);
    for (size_t i = 0; i < text->n_turns; i++) {
        Rulemill__Turn *turn = out->turns [i] = arena_take (rows->arena, sizeof *turn);
        rulemill__turn__init (turn);
        turn->role = arena_text (rows->arena, text->turns [i]->role, strlen (text->turns [i]->role));
        turn->content = arena_text (rows->arena, text->turns [i]->content, strlen (text->turns [i]->content));
        rows->text_bytes += strlen (turn->role) + strlen (turn->content);
    }
    return out;
}

static bool read_answers (const reader_t *reader, const json_value_t *answers, eval_row_t *row, row_problem_t *problem)
{
    if (!json_is (answers, JSON_OBJECT))
        return row_problem (problem, "wrong-type", "\"propositions\" should be an object of true and false but is %s", json_type_name (answers));
    for (size_t i = 0; i < reader->map->count; i++) {
        const char *name = reader->map->pairs [i].proposition;
        const json_value_t *answer = json_get (answers, name);
        if (answer == NULL || json_is (answer, JSON_NULL))
            continue;
        bool holds = json_is (answer, JSON_TRUE);
        if (!holds && !json_is (answer, JSON_FALSE))
            return row_problem (problem, "wrong-type", "the proposition \"%s\" should be true or false but is %s", name, json_type_name (answer));
        row->answered |= UINT64_C (1) << i;
        row->holds |= (uint64_t) holds << i;
    }
    return true;
}

static void keep (reader_t *reader, const eval_row_t *row)
{
    eval_rows_t *rows = reader->rows;
    if (rows->count == rows->room) {
        rows->room = rows->room ? rows->room * 2 : 256;
        rows->rows = mem_resize (rows->rows, rows->room * sizeof *rows->rows);
    }
    eval_row_t *kept = &rows->rows [rows->count++];
    *kept = *row;
    kept->prompt = copy (rows, row->prompt);
    kept->response = copy (rows, row->response);
    kept->prompt_key = textkey_prompt (kept->prompt);
    kept->response_key = textkey_response (&kept->prompt_key, kept->response);
    kept->bytes = dataset_text_bytes (kept->response);
}

static bool read_row (reader_t *reader, const json_value_t *root, row_problem_t *problem)
{
    if (!json_is (root, JSON_OBJECT))
        return row_problem (problem, "wrong-type", "a row should be an object but is %s", json_type_name (root));
    eval_row_t row = { .number = reader->rows->read };
    Rulemill__Conversation *prompt, *response;
    const json_value_t *completion = json_get (root, "completion");
    const char *name = completion ? "completion" : "response";
    if (!row_text_conversation (&reader->text, json_get (root, "prompt"), "prompt", "user", &prompt, problem)
        || !row_text_conversation (&reader->text, completion ? completion : json_get (root, name), name, "assistant", &response, problem)
        || !row_text_check_prompt (prompt, problem)
        || !read_answers (reader, json_get (root, "propositions"), &row, problem))
        return false;
    row.prompt = prompt;
    row.response = response;
    if (row.answered && parity_has (reader->parity, prompt))
        keep (reader, &row);
    return true;
}

static status_t read_line (reader_t *reader, const char *path, const input_line_t *line, fault_t *fault)
{
    const json_value_t *root;
    row_problem_t problem;
    if (line->too_long)
        return fault_set (fault, ERR_LIMIT, "%s:%" PRIu64 ": over %d bytes in one line", path, line->row, LIMIT_ROW_BYTES);
    if (json_parse (reader->doc, line->text, line->len, &root, fault) != OK)
        return fault_prefix (fault, "%s:%" PRIu64, path, line->row);
    if (!read_row (reader, root, &problem))
        return fault_set (fault, ERR_FORMAT, "%s:%" PRIu64 ": %s", path, line->row, problem.detail);
    reader->rows->read++;
    arena_reset (reader->text.arena);
    if (reader->rows->count > EVAL_ROWS_MAX || reader->rows->text_bytes > EVAL_TEXT_BYTES_MAX)
        return fault_set (fault, ERR_LIMIT, "%s: over %d rows or %d MB of text; evaluate a part of it", path, EVAL_ROWS_MAX, EVAL_TEXT_BYTES_MAX >> 20);
    return OK;
}

static status_t read_all (reader_t *reader, const char *path, fault_t *fault)
{
    input_t *input;
    status_t status = input_open (path, LIMIT_ROW_BYTES, &input, fault);
    for (bool got = true; status == OK;) {
        input_line_t line;
        status = input_next (input, &line, &got, fault);
        if (status != OK || !got)
            break;
        status = read_line (reader, path, &line, fault);
    }
    input_close (&input);
    if (status == OK && reader->rows->count == 0)
        status = fault_set (fault, ERR_NOT_FOUND, "%s: none of its %" PRIu64 " rows answers a proposition of the map (%s); name another map with --map",
                            path, reader->rows->read, reader->map->name);
    return status;
}

status_t eval_rows_load (const char *path, const eval_map_t *map, parity_t parity, eval_rows_t **out, fault_t *fault)
{
    reader_t reader = { .map = map, .parity = parity, .doc = json_doc_new () };
    reader.rows = mem_zero (1, sizeof *reader.rows);
    reader.rows->arena = arena_new ();
    reader.text = (row_text_t) { .arena = arena_new (), .text_bytes_max = LIMIT_TEXT_BYTES };
    status_t status = read_all (&reader, path, fault);
    arena_destroy (&reader.text.arena);
    json_doc_destroy (&reader.doc);
    *out = reader.rows;
    if (status != OK)
        eval_rows_destroy (out);
    return status;
}

void eval_rows_destroy (eval_rows_t **rows)
{
    if (*rows == NULL)
        return;
    arena_destroy (&(*rows)->arena);
    free ((*rows)->rows);
    free (*rows);
    *rows = NULL;
}

const eval_row_t *eval_rows_all (const eval_rows_t *rows, size_t *count)
{
    *count = rows->count;
    return rows->rows;
}

uint64_t eval_rows_read (const eval_rows_t *rows)
{
    return rows->read;
}

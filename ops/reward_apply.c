#include "ops/reward_apply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ops/reward_pairs.h"
#include "ops/reward_rows.h"
#include "storage/input.h"

struct reward_scorer {
    const reward_t *reward;
    reward_reader_t *reader;
    features_t x;
    reward_text_t *turns;
    size_t cap;
};

reward_scorer_t *reward_scorer_new (const reward_t *reward)
{
    reward_scorer_t *scorer = mem_zero (1, sizeof *scorer);
    scorer->reward = reward;
    scorer->reader = reward_reader_new (&reward_facts (reward)->spec);
    return scorer;
}

void reward_scorer_destroy (reward_scorer_t **scorer)
{
    if (*scorer == NULL)
        return;
    reward_reader_destroy (&(*scorer)->reader);
    features_free (&(*scorer)->x);
    free ((*scorer)->turns);
    free (*scorer);
    *scorer = NULL;
}

static const reward_text_t *turns_of (reward_scorer_t *scorer, const Rulemill__Conversation *text)
{
    if (text->n_turns > scorer->cap) {
        scorer->cap = 2 * text->n_turns;
        scorer->turns = mem_resize (scorer->turns, scorer->cap * sizeof *scorer->turns);
    }
    reward_turns_of (text, scorer->turns);
    return scorer->turns;
}

void reward_scorer_prompt (reward_scorer_t *scorer, const Rulemill__Conversation *prompt)
{
    reward_read_prompt (scorer->reader, turns_of (scorer, prompt), prompt->n_turns);
}

double reward_scorer_response (reward_scorer_t *scorer, const Rulemill__Conversation *response)
{
    reward_read_response (scorer->reader, turns_of (scorer, response), response->n_turns, &scorer->x);
    return reward_score (scorer->reward, &scorer->x);
}

double reward_scorer_watched (reward_scorer_t *scorer, const Rulemill__Conversation *response, features_watch_fn *watch, void *ctx,
                              const features_t **x)
{
    reward_watch (scorer->reader, watch, ctx);
    double reward = reward_scorer_response (scorer, response);
    reward_watch (scorer->reader, NULL, NULL);
    *x = &scorer->x;
    return reward;
}

// --- rows with rewards --------------------------------------------------------

static void add_reward (reward_scorer_t *scorer, const Rulemill__Conversation *text, buf_t *out)
{
    if (text)
        buf_printf (out, "%.9g", reward_scorer_response (scorer, text));
    else
        buf_add_str (out, "null");
}

static void add_rewards (reward_scorer_t *scorer, const reward_row_t *row, buf_t *out)
{
    if (row->prompt)
        reward_scorer_prompt (scorer, row->prompt);
    if (!row->listed) {
        for (size_t i = 0; i < row->n; i++) {
            json_write_key (out, row->key [i]);
            add_reward (scorer, row->response [i], out);
        }
        return;
    }
    json_write_key (out, row->key [0]);
    buf_add_char (out, '[');
    for (size_t i = 0; i < row->n; i++) {
        if (i > 0)
            buf_add_char (out, ',');
        add_reward (scorer, row->response [i], out);
    }
    buf_add_char (out, ']');
}

static bool is_replaced (const json_value_t *member, const reward_row_t *row)
{
    for (size_t i = 0; i < (row->listed ? 1 : row->n); i++)
        if (strcmp (member->key, row->key [i]) == 0)
            return true;
    return false;
}

static void write_row (reward_scorer_t *scorer, const reward_row_t *row, const json_value_t *line, buf_t *out)
{
    buf_add_char (out, '{');
    for (const json_value_t *member = line->child; member; member = member->next) {
        if (is_replaced (member, row))
            continue;
        if (out->data [out->len - 1] != '{')
            buf_add_char (out, ',');
        json_write_string (out, member->key, member->key_len);
        buf_add_char (out, ':');
        json_write_value (out, member);
    }
    add_rewards (scorer, row, out);
    buf_add_str (out, "}\n");
}

status_t reward_apply_file (const reward_t *reward, const char *path, FILE *out, const char *out_name, reward_apply_report_t *report,
                            fault_t *fault)
{
    *report = (reward_apply_report_t) { 0 };
    reward_rows_t *rows = NULL;
    reward_scorer_t *scorer = reward_scorer_new (reward);
    buf_t text = { 0 };
    status_t status = reward_rows_open (path, &rows, fault);
    bool got = status == OK;
    while (got && status == OK) {
        reward_row_t row;
        status = reward_rows_next (rows, &row, &got, fault);
        if (status != OK || !got)
            break;
        report->rows++;
        if (row.why && report->bad++ == 0)
            snprintf (report->first_bad, sizeof report->first_bad, "%.160s:%" PRIu64 ": %.300s", path, row.number, row.why);
        if (row.line == NULL)
            continue;
        buf_clear (&text);
        write_row (scorer, &row, row.line, &text);
        if (fwrite (text.data, 1, text.len, out) != text.len)
            status = fault_set (fault, ERR_IO, "%s: %s", out_name, strerror (errno));
    }
    buf_free (&text);
    reward_scorer_destroy (&scorer);
    reward_rows_close (&rows);
    return status;
}

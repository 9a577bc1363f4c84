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

// --- what speaks for and against ----------------------------------------------

typedef struct { double weight; const char *text, *block; } spoken_t;

static int compare_spoken (const void *x, const void *y)
{
    double a = ((const spoken_t *) x)->weight, b = ((const spoken_t *) y)->weight;
    return (a < b) - (a > b);
}

static void list_one (const spoken_t *one, buf_t *out)
{
    if (one->text)
        buf_printf (out, "  %+9.4f  %-9s %s\n", one->weight, one->block, one->text);
}

// Largest first: `top` for it, `top` against it.
static void list_spoken (spoken_t *spoken, size_t n, size_t top, buf_t *out)
{
    if (n > 1)
        qsort (spoken, n, sizeof *spoken, compare_spoken);
    buf_add_str (out, "\nfor a response\n");
    for (size_t i = 0; i < n && i < top && spoken [i].weight > 0; i++)
        list_one (&spoken [i], out);
    buf_add_str (out, "\nagainst it\n");
    for (size_t i = 0; i < n && i < top && spoken [n - 1 - i].weight < 0; i++)
        list_one (&spoken [n - 1 - i], out);
}

void reward_inspect (const reward_t *reward, const char *name, size_t top, buf_t *out)
{
    const reward_facts_t *facts = reward_facts (reward);
    size_t n;
    const reward_name_t *names = reward_names (reward, &n);
    uint32_t lengths = reward_dimensions (&facts->spec) - REWARD_LENGTHS;
    char hex [DIGEST_HEX + 1];
    digest_t digest = reward_digest (reward);
    hex_encode (digest.b, DIGEST_BYTES, hex);
    buf_printf (out, "%s: an embedded reward model (a baseline), digest %.12s\n"
                     "learnt    %" PRIu64 " pairs, of them %" PRIu64 " ties; %" PRIu64 " left out by the caps\n"
                     "from      %s\n"
                     "C         %g, on %" PRIu64 " validation pairs (log-loss %.4f bit; 1 is a coin)\n"
                     "features  %u dimensions, n-grams of up to %u words\n"
                     "length    held out: weight %+.4f of log2 bytes, %+.4f of its square / 16, learnt and left out\n",
                name, hex, facts->pairs, facts->ties, facts->left_out, facts->note, facts->cost, facts->validation, facts->validation_loss,
                reward_dimensions (&facts->spec), facts->spec.words, (double) reward_weight (reward, lengths),
                (double) reward_weight (reward, lengths + 1));
    spoken_t *spoken = mem_new ((n + 1) * sizeof *spoken);
    for (size_t i = 0; i < n; i++)
        spoken [i] = (spoken_t) { (double) reward_weight (reward, names [i].index), names [i].text, reward_block_name (&facts->spec, names [i].index) };
    list_spoken (spoken, n, top, out);
    free (spoken);
}

// The n-grams of a response by their dimension in the first block.
typedef struct { char **text; } seen_t;

static void see (void *ctx, uint32_t index, const char *text, size_t len)
{
    seen_t *seen = ctx;
    if (seen->text [index] == NULL)
        seen->text [index] = mem_string_n (text, len < REWARD_NAME_BYTES_MAX ? len : REWARD_NAME_BYTES_MAX);
}

static void inspect_response (reward_scorer_t *scorer, const char *key, const Rulemill__Conversation *text, size_t top, buf_t *out)
{
    const features_spec_t *spec = &reward_facts (scorer->reward)->spec;
    uint32_t block = 1u << spec->bits, lengths = reward_dimensions (spec) - REWARD_LENGTHS;
    seen_t seen = { mem_zero (block, sizeof *seen.text) };
    reward_watch (scorer->reader, see, &seen);
    double reward = reward_scorer_response (scorer, text);
    reward_watch (scorer->reader, NULL, NULL);
    buf_printf (out, "\n%s: %.6f\n", key, reward);
    spoken_t *spoken = mem_new ((scorer->x.n + 1) * sizeof *spoken);
    size_t n = 0;
    for (size_t i = 0; i < scorer->x.n && scorer->x.at [i].index < lengths; i++) {
        uint32_t index = scorer->x.at [i].index;
        spoken [n++] = (spoken_t) { (double) reward_weight (scorer->reward, index) * (double) scorer->x.at [i].value,
                                    seen.text [index & (block - 1)], reward_block_name (spec, index) };
    }
    list_spoken (spoken, n, top, out);
    free (spoken);
    for (uint32_t i = 0; i < block; i++)
        free (seen.text [i]);
    free (seen.text);
}

status_t reward_inspect_row (const reward_t *reward, const char *path, uint64_t number, size_t top, buf_t *out, fault_t *fault)
{
    reward_rows_t *rows = NULL;
    reward_row_t row = { 0 };
    status_t status = reward_rows_open (path, &rows, fault);
    bool got = status == OK;
    while (status == OK && got && row.number < number)
        status = reward_rows_next (rows, &row, &got, fault);
    if (status == OK && (!got || row.number != number))
        status = fault_set (fault, ERR_NOT_FOUND, "%s has no row %" PRIu64, path, number);
    else if (status == OK && row.why)
        status = fault_set (fault, ERR_FORMAT, "%s:%" PRIu64 ": %s", path, number, row.why);
    if (status == OK) {
        reward_scorer_t *scorer = reward_scorer_new (reward);
        reward_scorer_prompt (scorer, row.prompt);
        for (size_t i = 0; i < row.n; i++)
            if (row.response [i])
                inspect_response (scorer, row.key [row.listed ? 0 : i], row.response [i], top, out);
        reward_scorer_destroy (&scorer);
    }
    reward_rows_close (&rows);
    return status;
}

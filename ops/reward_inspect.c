#include "ops/reward_inspect.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"
#include "ops/reward_apply.h"
#include "ops/reward_rows.h"

// --- n-grams, by weight -------------------------------------------------------

typedef struct { double weight; const char *text, *block; } spoken_t;
typedef struct { spoken_t *at; size_t n; } spoken_list_t;

static int compare_spoken (const void *x, const void *y)
{
    double a = ((const spoken_t *) x)->weight, b = ((const spoken_t *) y)->weight;
    return (a < b) - (a > b);
}

static void sort (spoken_list_t *list)
{
    if (list->n > 1)
        qsort (list->at, list->n, sizeof *list->at, compare_spoken);
}

// The i-th that speaks most for a response (sign 1) or against it (-1); NULL behind the last one, or behind `top`.
static const spoken_t *nth (const spoken_list_t *list, size_t i, int sign, size_t top)
{
    if (i >= list->n || i >= top)
        return NULL;
    const spoken_t *one = &list->at [sign > 0 ? i : list->n - 1 - i];
    return sign * one->weight > 0 ? one : NULL;
}

static void tell_side (const spoken_list_t *list, int sign, size_t top, buf_t *out)
{
    const spoken_t *one;
    buf_add_str (out, sign > 0 ? "\nfor a response\n" : "\nagainst it\n");
    for (size_t i = 0; (one = nth (list, i, sign, top)); i++)
        if (one->text)
            buf_printf (out, "  %+9.4f  %-9s %s\n", one->weight, one->block, one->text);
}

static void write_side (const spoken_list_t *list, int sign, size_t top, buf_t *out)
{
    const spoken_t *one;
    json_member_list (out, sign > 0 ? "for" : "against");
    for (size_t i = 0; (one = nth (list, i, sign, top)); i++) {
        if (one->text == NULL)
            continue;
        buf_add_str (out, out->data [out->len - 1] == '[' ? "{" : ",{");
        json_member_real (out, "weight", one->weight);
        json_member_text (out, "block", one->block);
        json_member_text (out, "text", one->text);
        buf_add_char (out, '}');
    }
    buf_add_char (out, ']');
}

static void add_sides (const spoken_list_t *list, size_t top, bool json, buf_t *out)
{
    for (int sign = 1; sign >= -1; sign -= 2)
        (json ? write_side : tell_side) (list, sign, top, out);
}

// --- a model ------------------------------------------------------------------

typedef struct { const char *name; char digest [DIGEST_HEX + 1]; uint32_t dimensions; double length [REWARD_LENGTHS]; } about_t;

static void tell_model (const reward_facts_t *facts, const about_t *about, buf_t *out)
{
    buf_printf (out, "%s: an embedded reward model (a baseline), digest %.12s\n"
                     "learnt    %" PRIu64 " pairs, of them %" PRIu64 " ties; %" PRIu64 " left out by the caps\n"
                     "from      %s\n", about->name, about->digest, facts->pairs, facts->ties, facts->left_out, facts->note);
    if (facts->validation > 0)
        buf_printf (out, "C         %g, on %" PRIu64 " validation pairs (log-loss %.4f bit; 1 is a coin)\n", facts->cost, facts->validation,
                    facts->validation_loss);
    else
        buf_printf (out, "C         %g, not chosen: too few prompts, none is there to validate on\n", facts->cost);
    buf_printf (out, "features  %" PRIu32 " dimensions, n-grams of up to %u words\n"
                     "length    held out: weight %+.4f of log2 bytes, %+.4f of its square / 16, learnt and left out\n",
                about->dimensions, facts->spec.words, about->length [0], about->length [1]);
}

static void write_model (const reward_facts_t *facts, const about_t *about, buf_t *out)
{
    json_member_text (out, "file", about->name);
    json_member_text (out, "digest", about->digest);
    json_member_count (out, "pairs", facts->pairs);
    json_member_count (out, "ties", facts->ties);
    json_member_count (out, "left_out", facts->left_out);
    json_member_text (out, "learnt_from", facts->note);
    json_member_real (out, "cost", facts->cost);
    json_member_count (out, "validation_pairs", facts->validation);
    json_member_real (out, "validation_loss_bits", facts->validation_loss);
    json_member_count (out, "dimensions", about->dimensions);
    json_member_count (out, "words", facts->spec.words);
    json_member_list (out, "length_weights");
    buf_printf (out, "%.6f,%.6f]", about->length [0], about->length [1]);
}

void reward_inspect (const reward_t *reward, const char *name, size_t top, bool json, buf_t *out)
{
    const reward_facts_t *facts = reward_facts (reward);
    spoken_list_t list;
    const reward_name_t *names = reward_names (reward, &list.n);
    about_t about = { .name = name, .dimensions = reward_dimensions (&facts->spec) };
    digest_t digest = reward_digest (reward);
    hex_encode (digest.b, DIGEST_BYTES, about.digest);
    for (uint32_t i = 0; i < REWARD_LENGTHS; i++)
        about.length [i] = (double) reward_weight (reward, about.dimensions - REWARD_LENGTHS + i);
    list.at = mem_new ((list.n + 1) * sizeof *list.at);
    for (size_t i = 0; i < list.n; i++)
        list.at [i] = (spoken_t) { (double) reward_weight (reward, names [i].index), names [i].text, reward_block_name (&facts->spec, names [i].index) };
    sort (&list);
    if (json)
        buf_add_char (out, '{');
    (json ? write_model : tell_model) (facts, &about, out);
    add_sides (&list, top, json, out);
    if (json)
        buf_add_str (out, "}\n");
    free (list.at);
}

// --- a row --------------------------------------------------------------------

// The n-grams of a response by their dimension in the first block.
typedef struct { char **text; } seen_t;

static void see (void *ctx, uint32_t index, const char *text, size_t len)
{
    seen_t *seen = ctx;
    if (seen->text [index] == NULL)
        seen->text [index] = mem_string_n (text, len < REWARD_NAME_BYTES_MAX ? len : REWARD_NAME_BYTES_MAX);
}

static void inspect_response (const reward_t *reward, reward_scorer_t *scorer, const char *key, const Rulemill__Conversation *text, size_t top,
                              bool json, buf_t *out)
{
    const features_spec_t *spec = &reward_facts (reward)->spec;
    uint32_t block = 1u << spec->bits, lengths = reward_dimensions (spec) - REWARD_LENGTHS;
    seen_t seen = { mem_zero (block, sizeof *seen.text) };
    const features_t *x;
    double value = reward_scorer_watched (scorer, text, see, &seen, &x);
    spoken_list_t list = { mem_new ((x->n + 1) * sizeof *list.at), 0 };
    for (size_t i = 0; i < x->n && x->at [i].index < lengths; i++) {
        uint32_t index = x->at [i].index;
        list.at [list.n++] = (spoken_t) { (double) reward_weight (reward, index) * (double) x->at [i].value, seen.text [index & (block - 1)],
                                          reward_block_name (spec, index) };
    }
    sort (&list);
    if (json) {
        buf_add_str (out, out->data [out->len - 1] == '[' ? "{" : ",{");
        json_member_text (out, "key", key);
        json_member_real (out, "reward", value);
    } else
        buf_printf (out, "\n%s: %.6f\n", key, value);
    add_sides (&list, top, json, out);
    if (json)
        buf_add_char (out, '}');
    free (list.at);
    for (uint32_t i = 0; i < block; i++)
        free (seen.text [i]);
    free (seen.text);
}

static void inspect_row (const reward_t *reward, const reward_row_t *row, size_t top, bool json, buf_t *out)
{
    reward_scorer_t *scorer = reward_scorer_new (reward);
    reward_scorer_prompt (scorer, row->prompt);
    for (size_t i = 0; i < row->n; i++)
        if (row->response [i])
            inspect_response (reward, scorer, row->key [row->listed ? 0 : i], row->response [i], top, json, out);
    reward_scorer_destroy (&scorer);
}

status_t reward_inspect_row (const reward_t *reward, const char *path, uint64_t number, size_t top, bool json, buf_t *out, fault_t *fault)
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
    if (status == OK && json) {
        buf_add_char (out, '{');
        json_member_text (out, "file", path);
        json_member_count (out, "row", number);
        json_member_list (out, "responses");
    }
    if (status == OK)
        inspect_row (reward, &row, top, json, out);
    if (status == OK && json)
        buf_add_str (out, "]}\n");
    reward_rows_close (&rows);
    return status;
}

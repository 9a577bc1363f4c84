#include "ops/adapter_inspect.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "model/selection.h"

enum { SHOWN = 12 };            // features of each side of a list

typedef struct { uint32_t dimension; float weight; } spoken_t;

// What a list is of.
typedef struct { const char *name, *title; size_t head; } list_t;

// --- features of a head ----------------------------------------------------

// Where a feature stands, by its block (model/features.h).
static const char *place_of (const adapter_header_t *header, uint32_t dimension)
{
    static const char *const of_pair [] = { "prompt", "responses", "difference" }, *const of_answer [] = { "prompt", "response" };
    uint32_t block = dimension >> header->bits, blocks = header->form == ADAPTER_CELLS ? 2 : 3;
    if (block >= blocks)
        return "length";
    return header->form == ADAPTER_CELLS ? of_answer [block] : of_pair [block];
}

static float weight_at (const adapter_parts_t *parts, uint32_t column, size_t head)
{
    return parts->scale [column] * (float) parts->weight [(size_t) column * parts->header->n_heads + head];
}

static int by_weight (const void *x, const void *y)
{
    const spoken_t *a = x, *b = y;
    if (a->weight != b->weight)
        return a->weight < b->weight ? 1 : -1;
    return a->dimension < b->dimension ? -1 : a->dimension > b->dimension;
}

// All features of a head, the heaviest first.
static spoken_t *sort_features (const adapter_parts_t *parts, size_t head, size_t *n)
{
    spoken_t *spoken = mem_new (parts->header->n_columns * sizeof *spoken);
    *n = 0;
    for (uint32_t d = 0; d < parts->header->n_dimensions; d++)
        if (parts->index [d] != ADAPTER_NO_COLUMN)
            spoken [(*n)++] = (spoken_t) { d, weight_at (parts, parts->index [d], head) };
    qsort (spoken, *n, sizeof *spoken, by_weight);
    return spoken;
}

static const char *ngram_of (const adapter_parts_t *parts, uint32_t dimension, size_t *len)
{
    uint32_t column = parts->index [dimension];
    *len = parts->name [column + 1] - parts->name [column];
    return parts->ngrams + parts->name [column];
}

static void write_feature (const adapter_parts_t *parts, const spoken_t *spoken, bool json, buf_t *out)
{
    size_t len;
    const char *ngram = ngram_of (parts, spoken->dimension, &len), *place = place_of (parts->header, spoken->dimension);
    if (!json) {
        buf_printf (out, "  %+8.4f  %-10s  %.*s\n", (double) spoken->weight, place, (int) len, ngram);
        return;
    }
    buf_printf (out, "{\"weight\":%.6g,\"in\":\"%s\",\"ngram\":", (double) spoken->weight, place);
    json_write_string (out, ngram, len);
    buf_add_char (out, '}');
}

// The heaviest on one side of 0.
static void write_side (const adapter_parts_t *parts, const spoken_t *spoken, size_t n, bool for_it, bool json, buf_t *out)
{
    for (size_t i = 0; i < SHOWN && i < n; i++) {
        const spoken_t *at = &spoken [for_it ? i : n - 1 - i];
        if (for_it ? at->weight <= 0 : at->weight >= 0)
            break;
        if (json && i > 0)
            buf_add_char (out, ',');
        write_feature (parts, at, json, out);
    }
}

static void write_list (const adapter_parts_t *parts, const list_t *list, bool json, buf_t *out)
{
    size_t n;
    spoken_t *spoken = sort_features (parts, list->head, &n);
    if (json) {
        json_write_key (out, list->name);
        buf_add_str (out, "{\"for\":[");
        write_side (parts, spoken, n, true, true, out);
        buf_add_str (out, "],\"against\":[");
        write_side (parts, spoken, n, false, true, out);
        buf_add_str (out, "]}");
    } else {
        buf_printf (out, "\n%s: for\n", list->title);
        write_side (parts, spoken, n, true, false, out);
        buf_printf (out, "\n%s: against\n", list->title);
        write_side (parts, spoken, n, false, false, out);
    }
    free (spoken);
}

// --- one rule --------------------------------------------------------------

static char *id_of (const adapter_parts_t *parts, uint32_t rule)
{
    return mem_string_n (parts->texts + parts->rule [rule].id_at, parts->rule [rule].id_len);
}

static status_t unknown_rule (const adapter_parts_t *parts, const char *word, fault_t *fault)
{
    uint32_t n = parts->header->n_rules;
    char **ids = mem_new (n * sizeof *ids);
    for (uint32_t r = 0; r < n; r++)
        ids [r] = id_of (parts, r);
    const char *near = nearest_name (word, (const char *const *) ids, n);
    fault_set (fault, ERR_NOT_FOUND, "the adapter has not learnt a rule \"%.64s\"%s%s%s", word, near ? "; did you mean " : "",
               near ? near : "", near ? "?" : "");
    for (uint32_t r = 0; r < n; r++)
        free (ids [r]);
    free (ids);
    return ERR_NOT_FOUND;
}

static int find_rule (const adapter_parts_t *parts, const char *word)
{
    size_t len = strlen (word);
    for (uint32_t r = 0; r < parts->header->n_rules; r++)
        if (parts->rule [r].id_len == len && memcmp (parts->texts + parts->rule [r].id_at, word, len) == 0)
            return (int) r;
    return -1;
}

static void write_rule (const adapter_parts_t *parts, uint32_t r, bool json, buf_t *out)
{
    const adapter_rule_record_t *rule = &parts->rule [r];
    const char *id = parts->texts + rule->id_at, *text = parts->texts + rule->text_at;
    uint32_t n = parts->header->n_rules;
    if (json) {
        json_write_key (out, "rule");
        json_write_string (out, id, rule->id_len);
        json_write_key (out, "text");
        json_write_string (out, text, rule->text_len);
        buf_printf (out, ",\"picked_share\":%.6g,\"mean_value\":%.6g", (double) rule->share, (double) rule->mean);
    } else
        buf_printf (out, "rule       %.*s\ntext       %.*s\npicked     in %.1f %% of the training pairs; mean value %.3f\n",
                    (int) rule->id_len, id, (int) rule->text_len, text, 100 * (double) rule->share, (double) rule->mean);
    const list_t of_cells [] = {
        { "relevance", "relevant", r }, { "score", "followed", n + r }, { "strength", "decided either way", 2 * n + r }
    };
    const list_t of_pair = { "value", "picked", r };
    if (parts->header->form != ADAPTER_CELLS) {
        write_list (parts, &of_pair, json, out);
        return;
    }
    for (int i = 0; i < ADAPTER_CELL_HEADS; i++)
        write_list (parts, &of_cells [i], json, out);
}

// --- the whole -------------------------------------------------------------

static int by_share (const void *x, const void *y)
{
    const adapter_rule_record_t *const *a = x, *const *b = y;
    if ((*a)->share != (*b)->share)
        return (*a)->share < (*b)->share ? 1 : -1;
    return *a < *b ? -1 : 1;
}

static void write_rules (const adapter_parts_t *parts, bool json, buf_t *out)
{
    uint32_t n = parts->header->n_rules;
    const adapter_rule_record_t **order = mem_new (n * sizeof *order);
    for (uint32_t r = 0; r < n; r++)
        order [r] = &parts->rule [r];
    qsort (order, n, sizeof *order, by_share);
    if (json) {
        json_write_key (out, "rules");
        buf_add_char (out, '[');
    }
    for (uint32_t r = 0; r < n; r++) {
        const char *id = parts->texts + order [r]->id_at;
        if (!json) {
            buf_printf (out, "  %5.1f %%  %.*s\n", 100 * (double) order [r]->share, (int) order [r]->id_len, id);
            continue;
        }
        buf_add_str (out, r ? ",{\"id\":" : "{\"id\":");
        json_write_string (out, id, order [r]->id_len);
        buf_printf (out, ",\"picked_share\":%.6g}", (double) order [r]->share);
    }
    if (json)
        buf_add_char (out, ']');
    free (order);
}

static void write_whole (const adapter_t *adapter, bool json, buf_t *out)
{
    const adapter_parts_t *parts = adapter_parts (adapter);
    const adapter_header_t *header = parts->header;
    digest_t digest = adapter_digest (adapter);
    char hex [DIGEST_HEX + 1];
    hex_encode (digest.b, DIGEST_BYTES, hex);
    if (json) {
        buf_printf (out, "\"adapter\":\"%s\",\"form\":\"%s\",\"bytes\":%zu,\"features\":%" PRIu32 ",\"bits\":%" PRIu32, hex,
                    adapter_form_name (header->form), adapter_size (adapter), header->n_columns, header->bits);
        buf_printf (out, ",\"words\":%" PRIu32 ",\"chars_min\":%" PRIu32 ",\"chars_max\":%" PRIu32 ",\"top\":%" PRIu32 ",\"judged\":%" PRIu32 ",\"training\":",
                    header->words, header->chars_min, header->chars_max, header->top, header->judged);
        buf_add (out, parts->info, header->info_len);
        write_rules (parts, true, out);
        return;
    }
    buf_printf (out, "adapter    %s\nform       %s, %zu bytes\n", hex, adapter_form_name (header->form), adapter_size (adapter));
    buf_printf (out, "features   %" PRIu32 ", n-grams of up to %" PRIu32 " words", header->n_columns, header->words);
    if (header->chars_max > 0)
        buf_printf (out, " and of %" PRIu32 " to %" PRIu32 " characters", header->chars_min, header->chars_max);
    buf_printf (out, ", hashed to %" PRIu32 " bits\nforesees   %" PRIu32 " of %" PRIu32 " rules: relevance * %.4g + discrepancy * %.4g\n",
                header->bits, header->top, header->n_rules, header->weight_relevance / 1e6, header->weight_discrepancy / 1e6);
    if (header->judged > header->top)
        buf_printf (out, "judged     %" PRIu32 " of the rules foreseen, of which selection takes %" PRIu32 "\n", header->judged, header->top);
    buf_printf (out, "training   %.*s\n\nrules, by how often exhaustive selection picked them:\n", (int) header->info_len, parts->info);
    write_rules (parts, false, out);
}

status_t adapter_inspect (const adapter_t *adapter, const char *rule, bool json, buf_t *out, fault_t *fault)
{
    const adapter_parts_t *parts = adapter_parts (adapter);
    int found = rule ? find_rule (parts, rule) : 0;
    if (found < 0)
        return unknown_rule (parts, rule, fault);
    if (json)
        buf_add_char (out, '{');
    if (rule)
        write_rule (parts, (uint32_t) found, json, out);
    else
        write_whole (adapter, json, out);
    buf_add_str (out, json ? "}\n" : "");
    return OK;
}

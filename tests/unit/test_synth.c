// synth: rows have the documented shape and are reproducible, and labels agree with
// the hidden truth within the documented ranges in both regimes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/words.h"
#include "model/synth.h"

enum { RULES_MAX = 1000, RESPONSES = 4, K = 5 };

// --- the shipped pool, read without its phrases -----------------------------

typedef struct {
    char *text;                         // model/rules.yaml, owned
    synth_rule_t rules [RULES_MAX];     // ids and categories owned
    size_t n;
} pool_t;

static char *read_file (const char *path)
{
    FILE *file = fopen (path, "rb");
    assert_non_null (file);
    buf_t buf = { 0 };
    char piece [4096];
    size_t n;
    while ((n = fread (piece, 1, sizeof piece, file)) > 0)
        buf_add (&buf, piece, n);
    fclose (file);
    return buf.data;
}

// The value of "key: value" in a line, or NULL.
static char *value_of (const char *line, const char *key)
{
    line += strspn (line, " -");
    size_t len = strlen (key);
    if (strncmp (line, key, len) != 0 || line [len] != ':')
        return NULL;
    line += len + 1;
    line += strspn (line, " \"");
    return mem_string_n (line, strcspn (line, "\"\n"));
}

static void read_line (pool_t *pool, const char *line)
{
    char *id = value_of (line, "id"), *category = value_of (line, "category"), *polarity = value_of (line, "polarity");
    if (id) {
        assert_true (pool->n < RULES_MAX);
        pool->rules [pool->n++] = (synth_rule_t) { id, NULL, 1 };
    }
    if (category && pool->n > 0)
        pool->rules [pool->n - 1].category = category;
    if (polarity && pool->n > 0)
        pool->rules [pool->n - 1].polarity = atoi (polarity);
    free (polarity);
}

static const char *next_line (const char *line)
{
    const char *end = strchr (line, '\n');
    return end ? end + 1 : NULL;
}

static int setup (void **state)
{
    pool_t *pool = mem_zero (1, sizeof *pool);
    pool->text = read_file (SOURCE_DIR "/model/rules.yaml");
    for (const char *line = strstr (pool->text, "\nrules:"); line && *line; line = next_line (line))
        read_line (pool, line);
    assert_int_equal (pool->n, 100);
    *state = pool;
    return 0;
}

static int teardown (void **state)
{
    pool_t *pool = *state;
    for (size_t i = 0; i < pool->n; i++) {
        free ((char *) pool->rules [i].id);
        free ((char *) pool->rules [i].category);
    }
    free (pool->text);
    free (pool);
    return 0;
}

static buf_t generate (const pool_t *pool, const synth_options_t *options, buf_t *scores)
{
    buf_t rows = { 0 };
    synth_t *synth = synth_new (options, pool->rules, pool->n);
    while (synth_next_row (synth, &rows, scores))
        ;
    synth_destroy (&synth);
    assert_null (synth);
    return rows;
}

// --- shape -------------------------------------------------------------------

// Parse the line at *at and move on; NULL after the last.
static const json_value_t *parse_line (json_doc_t *doc, const char **at)
{
    if (!**at)
        return NULL;
    size_t len = strcspn (*at, "\n");
    const json_value_t *root;
    fault_t fault = { 0 };
    if (json_parse (doc, *at, len, &root, &fault) != OK)
        fail_msg ("%s", fault.text);
    *at += len + 1;
    return root;
}

static const json_value_t *item (const json_value_t *list, size_t index)
{
    assert_true (json_is (list, JSON_ARRAY) && index < list->count);
    const json_value_t *value = list->child;
    for (; index > 0; index--)
        value = value->next;
    return value;
}

static size_t word_count (const char *text)
{
    buf_t words = { 0 };
    words_normalise (text, strlen (text), &words);
    size_t n = 0;
    for (size_t i = 1; i < words.len; i++)
        n += words.data [i] == ' ';
    buf_free (&words);
    return n;
}

static void check_row (const json_value_t *row, size_t number)
{
    char id [32];
    snprintf (id, sizeof id, "s-%07zu", number + 1);
    assert_true (json_equals (json_get (row, "id"), id));
    assert_true (json_equals (json_get (row, "source"), "rulemill-synth/few"));
    const json_value_t *prompt = json_get (row, "prompt");
    assert_true (json_is (prompt, JSON_STRING) || json_is (prompt, JSON_ARRAY));
    if (prompt->type == JSON_ARRAY)
        assert_true (json_equals (json_get (item (prompt, prompt->count - 1), "role"), "user"));
    const char *const lists [] = { "responses", "models", "scores" };
    for (size_t i = 0; i < 3; i++)
        assert_int_equal (json_get (row, lists [i])->count, RESPONSES);
    for (size_t i = 0; i < RESPONSES; i++) {
        const json_value_t *text = item (json_get (row, "responses"), i);
        assert_in_range (word_count (text->text), 30, 210);
        assert_null (strpbrk (text->text, "[]{}|"));
        assert_null (strstr (text->text, "  "));
        for (size_t j = 0; j < i; j++)
            assert_false (json_equals (item (json_get (row, "responses"), j), text->text));
    }
}

static void rows_have_the_documented_shape (void **state)
{
    synth_options_t options = synth_options_default ();
    buf_t rows = generate (*state, &options, NULL);
    json_doc_t *doc = json_doc_new ();
    const char *at = rows.data;
    const json_value_t *row;
    size_t n = 0, turns = 0;
    for (; (row = parse_line (doc, &at)); n++) {
        check_row (row, n);
        turns += json_is (json_get (row, "prompt"), JSON_ARRAY);
    }
    assert_int_equal (n, options.prompts);
    assert_in_range (turns, 100, 200);
    json_doc_destroy (&doc);
    buf_free (&rows);
}

static int64_t thousandths (const json_value_t *value)
{
    assert_true (json_is (value, JSON_NUMBER) && value->len == 5);
    return (value->text [0] - '0') * 1000 + atoi (value->text + 2);
}

static void score_lines_have_all_rules (void **state)
{
    const pool_t *pool = *state;
    synth_options_t options = synth_options_default ();
    options.prompts = 20;
    buf_t scores = { 0 }, rows = generate (pool, &options, &scores);
    json_doc_t *doc = json_doc_new ();
    const char *at = scores.data;
    size_t n = 0;
    for (const json_value_t *line; (line = parse_line (doc, &at)); n++) {
        int64_t response;
        assert_true (json_int (json_get (line, "response"), &response));
        assert_int_equal (response, n % RESPONSES);
        const json_value_t *cell = json_get (line, "cells")->child;
        for (size_t r = 0; r < pool->n; r++, cell = cell->next) {
            assert_string_equal (cell->key, pool->rules [r].id);
            assert_int_equal (thousandths (item (cell, 0)) + thousandths (item (cell, 1)) + thousandths (item (cell, 2)), 1000);
        }
        assert_null (cell);
    }
    assert_int_equal (n, options.prompts * RESPONSES);
    json_doc_destroy (&doc);
    buf_free (&rows);
    buf_free (&scores);
}

// --- determinism, repeats, frequencies ---------------------------------------

static void same_seed_same_bytes (void **state)
{
    synth_options_t options = synth_options_default ();
    options.prompts = 50;
    buf_t scores = { 0 };
    buf_t one = generate (*state, &options, NULL), two = generate (*state, &options, &scores);
    assert_string_equal (one.data, two.data);           // asking for scores changes no row
    options.prompts = 60;
    buf_t longer = generate (*state, &options, NULL);
    assert_memory_equal (one.data, longer.data, one.len);   // nor does asking for more
    options.seed = 2;
    buf_t other = generate (*state, &options, NULL);
    assert_string_not_equal (longer.data, other.data);
    buf_t *all [] = { &one, &two, &longer, &other, &scores };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_free (all [i]);
}

// The digest of seed 1's first rows: a change of it changes every published figure.
static void bytes_are_pinned (void **state)
{
    synth_options_t options = synth_options_default ();
    options.prompts = 200;
    buf_t scores = { 0 }, rows = generate (*state, &options, &scores);
    buf_add (&rows, scores.data, scores.len);
    digest_t digest = digest_of (rows.data, rows.len);
    char hex [DIGEST_HEX + 1];
    hex_encode (digest.b, DIGEST_BYTES, hex);
    assert_string_equal (hex, "4d6ba4732faba6dae712fac5105afb804667ed15942252d1a6741fc1e092c395");
    buf_free (&rows);
    buf_free (&scores);
}

static int by_value (const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
    return x < y ? -1 : x > y;
}

// Hashes of "prompt":... of every row, sorted; the caller frees them.
static uint64_t *prompt_hashes (const buf_t *rows, size_t n)
{
    uint64_t *hashes = mem_zero (n, sizeof *hashes);
    const char *at = rows->data;
    for (size_t i = 0; i < n; i++) {
        const char *from = strstr (at, "\"prompt\":"), *to = strstr (at, ",\"responses\":");
        hashes [i] = hash64 (0, from, (size_t) (to - from));
        at = strchr (to, '\n') + 1;
    }
    qsort (hashes, n, sizeof *hashes, by_value);
    return hashes;
}

static size_t count_distinct (const uint64_t *sorted, size_t n, size_t *most)
{
    size_t distinct = 0, run = 0;
    *most = 0;
    for (size_t i = 0; i < n; i++) {
        run = i > 0 && sorted [i] == sorted [i - 1] ? run + 1 : 1;
        distinct += run == 1;
        *most = run > *most ? run : *most;
    }
    return distinct;
}

static size_t distinct_prompts (const pool_t *pool, double duplicates, double zipf, size_t *most)
{
    synth_options_t options = synth_options_default ();
    options.prompts = 3000;
    options.responses = 2;
    options.duplicates = duplicates;
    options.zipf = zipf;
    buf_t rows = generate (pool, &options, NULL);
    uint64_t *hashes = prompt_hashes (&rows, options.prompts);
    size_t n = count_distinct (hashes, options.prompts, most);
    free (hashes);
    buf_free (&rows);
    return n;
}

static void prompts_are_distinct_unless_asked (void **state)
{
    size_t most;
    assert_int_equal (distinct_prompts (*state, 0, 0, &most), 3000);
    assert_in_range (distinct_prompts (*state, 0.2, 0, &most), 2340, 2460);
    assert_in_range (distinct_prompts (*state, 0, 1.0, &most), 800, 1700);
    assert_in_range (most, 270, 430);       // 3000 / H(3000) = 349
}

static void repeats_have_the_same_content_in_some_order (void **state)
{
    synth_options_t options = synth_options_default ();
    options.prompts = 400;
    options.responses = 2;
    options.duplicates = 0.5;
    buf_t scores = { 0 }, rows = generate (*state, &options, &scores);
    size_t lines = 0, kept = 0, swapped = 0, n = 0;
    for (const char *p = scores.data; (p = strchr (p, '\n')); p++)
        lines++;
    json_doc_t *doc = json_doc_new ();
    char *prompts [400], *firsts [400];
    const char *at = rows.data;
    const json_value_t *row;
    for (; (row = parse_line (doc, &at)); n++) {
        buf_t prompt = { 0 };
        json_write_value (&prompt, json_get (row, "prompt"));
        prompts [n] = prompt.data;
        firsts [n] = mem_string (item (json_get (row, "responses"), 0)->text);
        size_t i = 0;
        while (strcmp (prompts [i], prompts [n]) != 0)
            i++;
        if (i == n)
            continue;
        if (strcmp (firsts [i], firsts [n]) == 0)
            kept++;
        else if (json_equals (item (json_get (row, "responses"), 1), firsts [i]))
            swapped++;
    }
    assert_int_equal (lines, 2 * (n - kept - swapped));     // a repeat has no score lines
    assert_in_range (kept + swapped, 160, 240);
    assert_in_range (swapped, (kept + swapped) / 3, (kept + swapped) * 2 / 3);
    for (size_t i = 0; i < n; i++) {
        free (prompts [i]);
        free (firsts [i]);
    }
    json_doc_destroy (&doc);
    buf_free (&rows);
    buf_free (&scores);
}

static void options_out_of_range_are_refused (void **state)
{
    (void) state;
    fault_t fault;
    synth_options_t bad = synth_options_default ();
    assert_int_equal (synth_options_check (&bad, &fault), OK);
    bad.responses = 1;
    assert_int_equal (synth_options_check (&bad, &fault), ERR_USAGE);
    assert_string_equal (fault.text, "responses is 1; give 2 to 64");
    bad.responses = 4;
    synth_options_t more [4] = { bad, bad, bad, bad };
    more [0].prompts = 0;
    more [1].regime = "some";
    more [2].zipf = NAN;
    more [3].duplicates = 1;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal (synth_options_check (&more [i], &fault), ERR_USAGE);
}

static void strange_pools_work (void **state)
{
    (void) state;
    synth_rule_t rules [] = { { "x-1", "helpfulness", 1 }, { "x-2", NULL, -1 }, { "x-3", "own category", 1 } };
    synth_options_t options = synth_options_default ();
    options.prompts = 50;
    for (size_t n = 1; n <= 3; n++) {
        pool_t pool = { .n = n };
        memcpy (pool.rules, rules, sizeof rules);
        buf_t scores = { 0 }, rows = generate (&pool, &options, &scores);
        assert_true (rows.len > 0 && scores.len > 0);
        buf_free (&rows);
        buf_free (&scores);
    }
}

// --- agreement with the hidden truth -----------------------------------------

// One response: its cells in thousandths, and its hidden utility.
typedef struct {
    double score [RULES_MAX], relevance [RULES_MAX];
    double utility;
} judged_t;

typedef struct {
    double exhaustive, best_rule;
    size_t pairs;
} agreement_t;

static double credit (double difference, double truth)
{
    return difference == 0 || truth == 0 ? 0.5 : (difference > 0) == (truth > 0);
}

// Sum of polarity * (score A - score B) over the k rules of largest value.
static double exhaustive_difference (const pool_t *pool, const judged_t *a, const judged_t *b)
{
    bool taken [RULES_MAX] = { false };
    double sum = 0;
    for (size_t k = 0; k < K; k++) {
        size_t best = pool->n;
        double most = 0;
        for (size_t r = 0; r < pool->n; r++) {
            double value = (a->relevance [r] + b->relevance [r]) / 2 + fabs (a->score [r] - b->score [r]) / 2;
            if (!taken [r] && value > most) {
                most = value;
                best = r;
            }
        }
        if (best == pool->n)
            break;
        taken [best] = true;
        sum += pool->rules [best].polarity * (a->score [best] - b->score [best]);
    }
    return sum;
}

static void judge_row (json_doc_t *doc, const pool_t *pool, const char **row_at, const char **scores_at, judged_t *judged)
{
    const json_value_t *row = parse_line (doc, row_at);
    for (size_t i = 0; i < RESPONSES; i++)
        assert_true (json_double (item (json_get (row, "scores"), i), &judged [i].utility));
    for (size_t i = 0; i < RESPONSES; i++) {
        const json_value_t *cell = json_get (parse_line (doc, scores_at), "cells")->child;
        for (size_t r = 0; r < pool->n; r++, cell = cell->next) {
            judged [i].score [r] = (double) (thousandths (item (cell, 0)) - thousandths (item (cell, 1)));
            judged [i].relevance [r] = (double) (1000 - thousandths (item (cell, 2)));
        }
    }
}

static agreement_t measure (const pool_t *pool, const char *regime, uint64_t seed)
{
    synth_options_t options = synth_options_default ();
    options.prompts = 700;
    options.regime = regime;
    options.seed = seed;
    buf_t scores = { 0 }, rows = generate (pool, &options, &scores);
    json_doc_t *doc = json_doc_new ();
    judged_t *judged = mem_zero (RESPONSES, sizeof *judged);
    double alone [RULES_MAX] = { 0 };
    agreement_t found = { 0 };
    const char *row_at = rows.data, *scores_at = scores.data;
    while (*row_at) {
        judge_row (doc, pool, &row_at, &scores_at, judged);
        for (size_t j = 1; j < RESPONSES; j++)
            for (size_t i = 0; i < j; i++, found.pairs++) {
                const judged_t *a = &judged [i], *b = &judged [j];
                double truth = a->utility - b->utility;
                found.exhaustive += credit (exhaustive_difference (pool, a, b), truth);
                for (size_t r = 0; r < pool->n; r++)
                    alone [r] += credit (pool->rules [r].polarity * (a->score [r] - b->score [r]), truth);
            }
    }
    found.exhaustive /= (double) found.pairs;
    for (size_t r = 0; r < pool->n; r++)
        found.best_rule = fmax (found.best_rule, fmax (alone [r], (double) found.pairs - alone [r]) / (double) found.pairs);
    free (judged);
    json_doc_destroy (&doc);
    buf_free (&rows);
    buf_free (&scores);
    return found;
}

static void labels_agree_with_the_truth_in_range (void **state)
{
    const char *const regimes [] = { "few", "many" };
    for (size_t i = 0; i < 2; i++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            agreement_t found = measure (*state, regimes [i], seed);
            print_message ("%-4s seed %d: exhaustive %.3f, best single rule %.3f, %zu pairs\n", regimes [i], (int) seed,
                           found.exhaustive, found.best_rule, found.pairs);
            assert_true (found.pairs >= 4000);
            assert_true (found.exhaustive >= 0.75 && found.exhaustive <= 0.90);
            assert_true (found.best_rule <= 0.70);
        }
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (rows_have_the_documented_shape),
        cmocka_unit_test (score_lines_have_all_rules),
        cmocka_unit_test (same_seed_same_bytes),
        cmocka_unit_test (bytes_are_pinned),
        cmocka_unit_test (prompts_are_distinct_unless_asked),
        cmocka_unit_test (repeats_have_the_same_content_in_some_order),
        cmocka_unit_test (options_out_of_range_are_refused),
        cmocka_unit_test (strange_pools_work),
        cmocka_unit_test (labels_agree_with_the_truth_in_range),
    };
    return cmocka_run_group_tests (tests, setup, teardown);
}

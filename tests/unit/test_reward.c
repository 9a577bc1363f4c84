// The embedded reward model: what it sees, what it learns from pairs, and its file against hostile bytes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/reward_learn.h"
#include "ops/reward_train.h"
#include "tests/unit/folder_fixture.h"

enum { PAIRS = 300, TEXT_BYTES = 400 };

static const char *const filler [] = { "the", "door", "a", "lock", "then", "with", "some", "water", "from", "there", "green", "over" };

// Pairs whose preferred response says "gladly" more often than "never", whatever their lengths.
typedef struct {
    char text [PAIRS] [3] [TEXT_BYTES];
    reward_text_t turn [PAIRS] [3];
    reward_example_t example [PAIRS];
} corpus_t;

static void write_words (char *out, rng_t *rng, size_t n, const char *mark)
{
    size_t len = 0, place = (size_t) rng_below (rng, n);
    for (size_t i = 0; i < n; i++) {
        const char *word = i == place && mark ? mark : filler [rng_below (rng, sizeof filler / sizeof *filler)];
        len += (size_t) snprintf (out + len, TEXT_BYTES - len, "%s ", word);
    }
}

static corpus_t *make_corpus (uint64_t seed)
{
    corpus_t *corpus = mem_zero (1, sizeof *corpus);
    rng_t rng = { seed };
    for (size_t i = 0; i < PAIRS; i++) {
        bool a_is_good = rng_below (&rng, 2);
        write_words (corpus->text [i] [0], &rng, 5, NULL);
        write_words (corpus->text [i] [1], &rng, 5 + rng_below (&rng, 30), a_is_good ? "gladly" : "never");
        write_words (corpus->text [i] [2], &rng, 5 + rng_below (&rng, 30), a_is_good ? "never" : "gladly");
        for (int t = 0; t < 3; t++)
            corpus->turn [i] [t] = (reward_text_t) { corpus->text [i] [t], strlen (corpus->text [i] [t]) };
        corpus->example [i] = (reward_example_t) {
            .prompt = { &corpus->turn [i] [0], 1 }, .a = { &corpus->turn [i] [1], 1 }, .b = { &corpus->turn [i] [2], 1 },
            .preferred = a_is_good ? 1 : -1, .margin = NAN, .validation = i % 5 == 0
        };
    }
    return corpus;
}

static reward_options_t small (void)
{
    reward_options_t options = reward_options_default ();
    options.spec.bits = 12;
    return options;
}

static reward_t *learn_ok (const corpus_t *corpus, size_t n, const reward_options_t *options, buf_t *bytes)
{
    fault_t fault = { 0 };
    reward_t *reward;
    buf_clear (bytes);
    if (reward_learn (corpus->example, n, options, "a test", bytes, &fault) != OK)
        fail_msg ("%s", fault.text);
    if (reward_open ("model", bytes->data, bytes->len, &reward, &fault) != OK)
        fail_msg ("%s", fault.text);
    return reward;
}

static double difference (const reward_t *reward, const reward_example_t *example, bool with_length)
{
    reward_reader_t *reader = reward_reader_new (&reward_facts (reward)->spec);
    features_t x = { 0 };
    double (*score) (const reward_t *, const features_t *) = with_length ? reward_score_with_length : reward_score;
    reward_read_prompt (reader, example->prompt.turns, example->prompt.n);
    reward_read_response (reader, example->a.turns, example->a.n, &x);
    double a = score (reward, &x);
    reward_read_response (reader, example->b.turns, example->b.n, &x);
    double b = score (reward, &x);
    features_free (&x);
    reward_reader_destroy (&reader);
    return a - b;
}

static double share_right (const reward_t *reward, const corpus_t *corpus)
{
    size_t right = 0;
    for (size_t i = 0; i < PAIRS; i++)
        right += difference (reward, &corpus->example [i], false) * corpus->example [i].preferred > 0;
    return (double) right / PAIRS;
}

// --- what it sees -------------------------------------------------------------

static void test_features (void **state)
{
    (void) state;
    features_spec_t spec = features_spec_default ();
    reward_reader_t *reader = reward_reader_new (&spec);
    features_t x = { 0 }, empty = { 0 };
    reward_text_t prompt = { "open the lock", 13 }, response = { "the key opens the lock", 22 }, nothing = { "", 0 };
    reward_read_prompt (reader, &prompt, 1);
    reward_read_response (reader, &response, 1, &x);
    size_t blocks [REWARD_BLOCKS + 1] = { 0 };
    for (size_t i = 0; i < x.n; i++)
        blocks [x.at [i].index >> spec.bits]++;
    assert_int_equal (blocks [0], 8);       // 4 words and 4 pairs of them
    assert_int_equal (blocks [1], 8);
    assert_int_equal (blocks [2], 3);       // "the", "lock", "the lock"
    assert_int_equal (blocks [3], REWARD_LENGTHS);
    assert_string_equal (reward_block_name (&spec, 0), "response");
    assert_string_equal (reward_block_name (&spec, reward_dimensions (&spec) - 1), "length");
    reward_read_response (reader, &nothing, 1, &empty);
    assert_int_equal (empty.n, 0);
    features_free (&x);
    features_free (&empty);
    reward_reader_destroy (&reader);
}

// Only the first words are the opening, however long the rest is.
static void test_opening_is_bounded (void **state)
{
    (void) state;
    features_spec_t spec = features_spec_default ();
    reward_reader_t *reader = reward_reader_new (&spec);
    features_t x = { 0 };
    char *text = mem_zero (1, 300001);
    for (size_t i = 0; i < 300000; i += 6)
        snprintf (text + i, 7, "%05zu ", i / 6);
    reward_text_t response = { text, strlen (text) };
    reward_read_prompt (reader, NULL, 0);
    reward_read_response (reader, &response, 1, &x);
    size_t opening = 0;
    for (size_t i = 0; i < x.n; i++)
        opening += x.at [i].index >> spec.bits == 1;
    assert_in_range (opening, REWARD_OPENING_WORDS, 2 * REWARD_OPENING_WORDS - 1);
    free (text);
    features_free (&x);
    reward_reader_destroy (&reader);
}

// --- what it learns -----------------------------------------------------------

static void test_learns_and_is_deterministic (void **state)
{
    (void) state;
    corpus_t *corpus = make_corpus (1), *other = make_corpus (2);
    reward_options_t options = small ();
    buf_t bytes = { 0 }, again = { 0 };
    reward_t *reward = learn_ok (corpus, PAIRS, &options, &bytes), *second = learn_ok (corpus, PAIRS, &options, &again);
    assert_true (share_right (reward, other) > 0.95);       // on pairs that it has not seen
    assert_int_equal (bytes.len, again.len);
    assert_memory_equal (bytes.data, again.data, bytes.len);
    const reward_facts_t *facts = reward_facts (reward);
    assert_int_equal (facts->pairs, PAIRS);
    assert_int_equal (facts->validation, PAIRS / 5);
    assert_true (facts->validation_loss < 0.9);
    assert_string_equal (facts->note, "a test");
    bool gladly = false, never = false;
    size_t n;
    const reward_name_t *names = reward_names (reward, &n);
    for (size_t i = 0; i < n; i++) {
        gladly = gladly || (strcmp (names [i].text, "gladly") == 0 && reward_weight (reward, names [i].index) > 0);
        never = never || (strcmp (names [i].text, "never") == 0 && reward_weight (reward, names [i].index) < 0);
    }
    assert_true (gladly && never);
    reward_destroy (&reward);
    reward_destroy (&second);
    buf_free (&bytes);
    buf_free (&again);
    free (corpus);
    free (other);
}

// Both orientations: which response stands first in the rows changes nothing.
static void test_order_does_not_matter (void **state)
{
    (void) state;
    corpus_t *corpus = make_corpus (1), *turned = make_corpus (1);
    for (size_t i = 0; i < PAIRS; i++) {
        reward_turns_t keep = turned->example [i].a;
        turned->example [i].a = turned->example [i].b;
        turned->example [i].b = keep;
        turned->example [i].preferred = -turned->example [i].preferred;
    }
    reward_options_t options = small ();
    buf_t bytes = { 0 }, other = { 0 };
    reward_t *reward = learn_ok (corpus, PAIRS, &options, &bytes), *second = learn_ok (turned, PAIRS, &options, &other);
    for (size_t i = 0; i < PAIRS; i++)
        assert_true (fabs (difference (reward, &corpus->example [i], true) - difference (second, &corpus->example [i], true)) < 1e-3);
    reward_destroy (&reward);
    reward_destroy (&second);
    buf_free (&bytes);
    buf_free (&other);
    free (corpus);
    free (turned);
}

// Where the longer response is preferred whatever it says, that is credited to length, and left out when scoring.
static void test_length_is_held_out (void **state)
{
    (void) state;
    corpus_t *corpus = make_corpus (1);
    for (size_t i = 0; i < PAIRS; i++)
        corpus->example [i].preferred = corpus->turn [i] [1].len > corpus->turn [i] [2].len ? 1 : -1;
    reward_options_t options = small ();
    buf_t bytes = { 0 };
    reward_t *reward = learn_ok (corpus, PAIRS, &options, &bytes);
    size_t right = 0;
    double with = 0, without = 0;
    for (size_t i = 0; i < PAIRS; i++) {
        double whole = difference (reward, &corpus->example [i], true), held = difference (reward, &corpus->example [i], false);
        right += whole * corpus->example [i].preferred > 0;
        with += fabs (whole);
        without += fabs (held);
    }
    assert_true (right > 0.95 * PAIRS);
    assert_true (without < with / 3);
    reward_destroy (&reward);
    buf_free (&bytes);
    free (corpus);
}

// Ties pull rewards together; large margins count more.
static void test_ties_and_margins (void **state)
{
    (void) state;
    corpus_t *corpus = make_corpus (1);
    reward_options_t options = small ();
    buf_t bytes = { 0 };
    for (size_t i = 0; i < PAIRS; i += 2)
        corpus->example [i].preferred = 0;
    reward_t *reward = learn_ok (corpus, PAIRS, &options, &bytes);
    assert_int_equal (reward_facts (reward)->ties, PAIRS / 2);
    reward_destroy (&reward);

    // Contradicting halves: the one with the margins wins, unless all count once.
    corpus_t *split = make_corpus (1);
    for (size_t i = 0; i < PAIRS; i++) {
        bool large = i % 20 < 9;                // nine against eleven
        split->example [i].margin = large ? 1 : 1e-6;
        split->example [i].preferred *= large ? 1 : -1;
        split->example [i].validation = false;
    }
    corpus_t *truth = make_corpus (3);
    reward = learn_ok (split, PAIRS, &options, &bytes);
    assert_true (isnan (reward_facts (reward)->validation_loss));
    assert_true (share_right (reward, truth) > 0.6);
    reward_destroy (&reward);
    options.margins = false;
    reward = learn_ok (split, PAIRS, &options, &bytes);
    assert_true (share_right (reward, truth) < 0.5);
    reward_destroy (&reward);
    buf_free (&bytes);
    free (corpus);
    free (split);
    free (truth);
}

static void test_caps (void **state)
{
    (void) state;
    corpus_t *corpus = make_corpus (1);
    reward_options_t options = small ();
    buf_t bytes = { 0 };
    fault_t fault = { 0 };
    options.pairs_max = 100;
    reward_t *reward = learn_ok (corpus, PAIRS, &options, &bytes);
    assert_in_range (reward_facts (reward)->pairs, 60, 140);        // a share by hash
    assert_int_equal (reward_facts (reward)->pairs + reward_facts (reward)->left_out, PAIRS);
    reward_destroy (&reward);
    options.bytes_max = 1024;
    assert_int_equal (reward_learn (corpus->example, PAIRS, &options, "", &bytes, &fault), ERR_LIMIT);
    for (size_t i = 0; i < PAIRS; i++)
        corpus->example [i].preferred = 0;
    assert_int_equal (reward_learn (corpus->example, PAIRS, &options, "", &bytes, &fault), ERR_FORMAT);
    assert_int_equal (reward_learn (corpus->example, 0, &options, "", &bytes, &fault), ERR_FORMAT);
    buf_free (&bytes);
    free (corpus);
}

// --- its file -----------------------------------------------------------------

static void test_training_in_a_child (void **state)
{
    (void) state;
    folder_fixture_t folder;
    folder_fixture_make (&folder);
    char *path = mem_printf ("%s/model", folder.path), *nowhere = mem_printf ("%s/none/model", folder.path);
    corpus_t *corpus = make_corpus (1);
    reward_options_t options = small ();
    reward_t *reward;
    fault_t fault = { 0 };
    assert_int_equal (reward_train_file (corpus->example, PAIRS, &options, "n", path, &reward, &fault), OK);
    assert_true (share_right (reward, corpus) > 0.95);
    reward_destroy (&reward);
    assert_int_equal (reward_train_file (corpus->example, PAIRS, &options, "n", nowhere, &reward, &fault), ERR_IO);
    assert_null (reward);
    assert_int_equal (reward_open_file (nowhere, &reward, &fault), ERR_IO);
    assert_int_equal (reward_open_file (folder.path, &reward, &fault), ERR_FORMAT);
    free (corpus);
    free (path);
    free (nowhere);
    folder_fixture_remove (&folder);
}

// The digest again, so that what is behind it is tried too.
static void sign (char *bytes, size_t len)
{
    digest_t digest = digest_of (bytes, len - DIGEST_BYTES);
    memcpy (bytes + len - DIGEST_BYTES, digest.b, DIGEST_BYTES);
}

static void refused (const char *bytes, size_t len)
{
    reward_t *reward;
    fault_t fault = { 0 };
    char *copy = mem_new (len + 1);         // of exactly this size: a sanitizer sees what is read beyond
    memcpy (copy, bytes, len);
    char *exact = mem_resize (copy, len ? len : 1);
    assert_int_equal (reward_open ("model", exact, len, &reward, &fault), ERR_FORMAT);
    assert_null (reward);
    free (exact);
}

static void test_hostile_bytes (void **state)
{
    (void) state;
    features_spec_t spec = { .bits = FEATURES_BITS_MIN, .words = 1, .seed = 7 };
    reward_facts_t facts = { .spec = spec, .cost = 1, .note = "a note" };
    float *weights = mem_zero (reward_dimensions (&spec), sizeof *weights);
    weights [3] = 1.5f;
    reward_name_t names [2] = { { 3, "three" }, { 9, "" } };
    buf_t bytes = { 0 };
    reward_write (&facts, weights, names, 2, &bytes);
    reward_t *reward;
    fault_t fault = { 0 };
    assert_int_equal (reward_open ("model", bytes.data, bytes.len, &reward, &fault), OK);
    assert_true (reward_weight (reward, 3) == 1.5f);
    reward_destroy (&reward);

    for (size_t len = 0; len < bytes.len; len += len < 200 ? 1 : 97)
        refused (bytes.data, len);                          // cut off
    rng_t rng = { 1 };
    size_t parsed = 0;
    for (int i = 0; i < 4000; i++) {
        char *copy = mem_new (bytes.len);
        memcpy (copy, bytes.data, bytes.len);
        size_t at = i < 400 ? (size_t) i / 2 : (size_t) rng_below (&rng, bytes.len);
        copy [at] = (char) rng_next (&rng);
        if (memcmp (copy, bytes.data, bytes.len) != 0)
            refused (copy, bytes.len);                      // the digest sees it
        sign (copy, bytes.len);
        parsed += reward_open ("model", copy, bytes.len, &reward, &fault) == OK;
        reward_destroy (&reward);                           // with a good digest nothing crashes
        free (copy);
    }
    assert_true (parsed > 0);
    free (weights);
    buf_free (&bytes);
}

// Well signed, but not to be believed.
static void test_false_numbers (void **state)
{
    (void) state;
    features_spec_t spec = { .bits = FEATURES_BITS_MIN, .words = 1, .seed = 7 };
    float *weights = mem_zero (reward_dimensions (&spec), sizeof *weights);
    reward_name_t good [2] = { { 3, "x" }, { 4, "y" } }, order [2] = { { 4, "x" }, { 3, "y" } }, beyond [1] = { { 4096, "x" } };
    const struct { features_spec_t spec; float weight; const reward_name_t *names; size_t n; } bad [] = {
        { spec, NAN, good, 2 }, { spec, INFINITY, good, 2 }, { spec, 1, order, 2 }, { spec, 1, beyond, 1 },
        { { .bits = FEATURES_BITS_MIN, .words = 99, .seed = 7 }, 1, good, 2 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        reward_facts_t facts = { .spec = bad [i].spec };
        buf_t bytes = { 0 };
        weights [5] = bad [i].weight;
        reward_write (&facts, weights, bad [i].names, bad [i].n, &bytes);
        refused (bytes.data, bytes.len);
        buf_free (&bytes);
    }
    free (weights);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_features),
        cmocka_unit_test (test_opening_is_bounded),
        cmocka_unit_test (test_learns_and_is_deterministic),
        cmocka_unit_test (test_order_does_not_matter),
        cmocka_unit_test (test_length_is_held_out),
        cmocka_unit_test (test_ties_and_margins),
        cmocka_unit_test (test_caps),
        cmocka_unit_test (test_training_in_a_child),
        cmocka_unit_test (test_hostile_bytes),
        cmocka_unit_test (test_false_numbers),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

// model/features: hashed n-grams by hand, symmetry bit by bit, whole texts.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/features.h"

static features_t read_text (const features_spec_t *spec, const char *text)
{
    features_reader_t *reader = features_reader_new (spec);
    features_t x = { 0 };
    features_text (reader, text, strlen (text), &x);
    features_reader_destroy (&reader);
    assert_null (reader);
    return x;
}

static float value_at (const features_t *x, uint32_t index)
{
    for (size_t i = 0; i < x->n; i++)
        if (x->at [i].index == index)
            return x->at [i].value;
    return 0;
}

static void is_same (const features_t *a, const features_t *b)
{
    assert_int_equal (a->n, b->n);
    assert_memory_equal (a->at, b->at, a->n * sizeof *a->at);
}

static void is_ordered (const features_t *x, uint32_t dimensions)
{
    for (size_t i = 0; i < x->n; i++) {
        assert_true (x->at [i].index < dimensions);
        assert_true (x->at [i].value != 0);
        assert_true (i == 0 || x->at [i - 1].index < x->at [i].index);
    }
}

// The index of an n-gram, as the header describes it.
static uint32_t index_of (const features_spec_t *spec, int kind, const char *ngram)
{
    return (uint32_t) (hash64 (spec->seed * 2 + (uint64_t) kind, ngram, strlen (ngram)) >> (64 - spec->bits));
}

static void test_words (void **state)
{
    (void) state;
    features_spec_t spec = features_spec_default ();
    features_t x = read_text (&spec, "No, no! I can't.");       // no no i cant
    const char *once [] = { "i", "cant", "no no", "no i", "i cant" };
    float length = sqrtf (2 + 5);                               // "no" twice: sqrt (2), squared
    assert_int_equal (x.n, 6);
    for (size_t i = 0; i < 5; i++)
        assert_float_equal (value_at (&x, index_of (&spec, 0, once [i])), 1 / length, 1e-6);
    assert_float_equal (value_at (&x, index_of (&spec, 0, "no")), sqrtf (2) / length, 1e-6);
    features_free (&x);
}

static void test_chars (void **state)
{
    (void) state;
    features_spec_t spec = { .bits = 16, .chars_min = 3, .chars_max = 4, .seed = 7 };
    features_t x = read_text (&spec, "\xC3\xA9tat");            // " état ": 6 code points
    const char *ngrams [] = { " \xC3\xA9t", "\xC3\xA9ta", "tat", "at ", " \xC3\xA9ta", "\xC3\xA9tat", "tat " };
    assert_int_equal (x.n, 7);
    for (size_t i = 0; i < 7; i++)
        assert_true (value_at (&x, index_of (&spec, 1, ngrams [i])) > 0);
    features_free (&x);
}

static void test_nothing (void **state)
{
    (void) state;
    features_spec_t spec = features_spec_default ();
    features_t x = read_text (&spec, ""), y = read_text (&spec, " ... !?");
    assert_int_equal (x.n, 0);
    assert_int_equal (y.n, 0);
    features_free (&x);
    features_free (&y);
}

static void test_turns (void **state)
{
    (void) state;
    features_spec_t spec = features_spec_default ();
    features_reader_t *reader = features_reader_new (&spec);
    features_t x = { 0 };
    features_begin (reader);
    features_add (reader, "one two", 7);
    features_add (reader, "three", 5);
    features_end (reader, &x);
    assert_int_equal (x.n, 4);                                  // no "two three"
    features_reader_destroy (&reader);
    features_free (&x);
}

// The end of a long text counts like its beginning.
static void test_whole_text (void **state)
{
    (void) state;
    features_spec_t spec = features_spec_default ();
    size_t len = 400 * 1000;
    char *text = mem_zero (len + 1, 1);
    for (size_t i = 0; i < len; i++)
        text [i] = i % 5 == 4 ? ' ' : 'a';
    memcpy (text + len - 7, " zebra ", 7);
    features_t x = read_text (&spec, text);
    assert_true (value_at (&x, index_of (&spec, 0, "zebra")) > 0);
    is_ordered (&x, 1u << spec.bits);
    features_free (&x);
    free (text);
}

static void test_sign (void **state)
{
    (void) state;
    features_spec_t spec = features_spec_default ();
    spec.with_sign = true;
    size_t negative = 0;
    features_t x = read_text (&spec, "a b c d e f g h i j k l m n o p q r s t u v w x y z");
    for (size_t i = 0; i < x.n; i++)
        negative += x.at [i].value < 0;
    assert_true (negative > x.n / 4 && negative < 3 * x.n / 4);
    features_free (&x);
}

static void test_spec (void **state)
{
    (void) state;
    features_spec_t good = features_spec_default (), bad;
    assert_true (features_spec_valid (&good));
    bad = good, bad.bits = 21;
    assert_false (features_spec_valid (&bad));
    bad = good, bad.words = 0;                                  // nothing would be counted
    assert_false (features_spec_valid (&bad));
    bad = good, bad.words = 5;
    assert_false (features_spec_valid (&bad));
    bad = good, bad.chars_min = 4, bad.chars_max = 3;
    assert_false (features_spec_valid (&bad));
    bad = good, bad.chars_min = 1, bad.chars_max = 3;
    assert_false (features_spec_valid (&bad));
}

static void random_text (rng_t *rng, buf_t *out)
{
    buf_clear (out);
    for (uint64_t i = 0, n = rng_below (rng, 300); i < n; i++) {
        buf_add_char (out, (char) ('a' + rng_below (rng, 4)));
        if (rng_below (rng, 3) == 0)
            buf_add_char (out, ' ');
    }
    buf_add (out, "", 0);
}

static void test_symmetry (void **state)
{
    (void) state;
    rng_t rng = { 5 };
    features_spec_t spec = { .bits = 10, .words = 2, .chars_min = 2, .chars_max = 3, .with_sign = true, .seed = 3 };
    features_reader_t *reader = features_reader_new (&spec);
    features_t prompt = { 0 }, ab = { 0 }, ba = { 0 };
    features_side_t a = { 0 }, b = { 0 };
    buf_t text = { 0 };
    for (int round = 0; round < 200; round++) {
        features_t *vectors [] = { &prompt, &a.words, &b.words };
        for (int i = 0; i < 3; i++) {
            random_text (&rng, &text);
            features_text (reader, text.data, text.len, vectors [i]);
            a.bytes = i == 1 ? text.len : a.bytes;
        }
        b.bytes = text.len;
        features_pair (&spec, &prompt, &a, &b, &ab);
        features_pair (&spec, &prompt, &b, &a, &ba);
        is_same (&ab, &ba);
        is_ordered (&ab, features_pair_dimensions (&spec));
        features_answer (&spec, &prompt, &a, &ab);
        is_ordered (&ab, features_answer_dimensions (&spec));
    }
    buf_free (&text);
    features_free (&prompt);
    features_free (&ab);
    features_free (&ba);
    features_free (&a.words);
    features_free (&b.words);
    features_reader_destroy (&reader);
}

static void test_combinations (void **state)
{
    (void) state;
    features_spec_t spec = { .bits = 8, .words = 1, .seed = 1 };
    feature_t of_a [] = { { 1, 0.5f }, { 3, 0.25f } }, of_b [] = { { 1, 0.5f }, { 2, 1 } };
    features_side_t a = { { of_a, 2, 2 }, 0 }, b = { { of_b, 2, 2 }, 65535 };
    features_t prompt = { 0 }, x = { 0 };
    features_pair (&spec, &prompt, &a, &b, &x);
    feature_t expected [] = { { 257, 0.5f }, { 258, 0.5f }, { 259, 0.125f }, { 514, 1 }, { 515, 0.25f }, { 768, 0.5f }, { 769, 1 } };
    assert_int_equal (x.n, 7);
    assert_memory_equal (x.at, expected, sizeof expected);      // |a - b| of 1 is 0 and left out
    features_clear (&x);
    features_difference (&x, &a.words, &b.words, 10);
    assert_int_equal (x.n, 2);
    assert_true (x.at [0].index == 12 && x.at [0].value == -1 && x.at [1].value == 0.25f);
    assert_true (features_dot (&a.words, &b.words) == 0.25);
    features_pair (&spec, &a.words, NULL, NULL, &x);
    is_same (&x, &a.words);
    features_free (&x);
}

static void test_length (void **state)
{
    (void) state;
    assert_true (features_length (0) == 0);
    assert_true (features_length (1) == 1.0f / 16);
    assert_true (features_length (2) == 1.5f / 16);
    assert_true (features_length (UINT64_MAX) == 2);
}

typedef struct { buf_t text; } watched_t;

static void watch (void *ctx, uint32_t index, const char *text, size_t len)
{
    (void) index;
    watched_t *watched = ctx;
    buf_add (&watched->text, text, len);
    buf_add_char (&watched->text, '|');
}

static void test_watch (void **state)
{
    (void) state;
    features_spec_t spec = features_spec_default ();
    features_reader_t *reader = features_reader_new (&spec);
    watched_t watched = { 0 };
    features_t x = { 0 };
    features_watch (reader, watch, &watched);
    features_text (reader, "Go now", 6, &x);
    assert_string_equal (watched.text.data, "go|go now|now|");
    features_watch (reader, NULL, NULL);
    features_text (reader, "Stay", 4, &x);
    assert_int_equal (watched.text.len, 14);
    buf_free (&watched.text);
    features_free (&x);
    features_reader_destroy (&reader);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_words), cmocka_unit_test (test_chars), cmocka_unit_test (test_nothing),
        cmocka_unit_test (test_turns), cmocka_unit_test (test_whole_text), cmocka_unit_test (test_sign),
        cmocka_unit_test (test_spec), cmocka_unit_test (test_symmetry), cmocka_unit_test (test_combinations),
        cmocka_unit_test (test_length), cmocka_unit_test (test_watch)
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

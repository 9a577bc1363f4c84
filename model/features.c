#include "model/features.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/words.h"

// What an n-gram is made of, as the seed's last bit: "help" as a word is another feature than "help" as four letters.
enum { OF_WORDS, OF_CHARS };

struct features_reader {
    features_spec_t spec;
    int32_t *count;             // 2^bits; zero between two texts
    uint8_t *seen;              // 2^bits: index is in touched
    uint32_t *touched, *sorted; // indices that the text has, at most 2^bits
    size_t n_touched;
    buf_t words;
    features_watch_fn *watch;
    void *watch_ctx;
};

features_spec_t features_spec_default (void)
{
    return (features_spec_t) { .bits = 16, .words = 2, .seed = 1 };
}

bool features_spec_valid (const features_spec_t *spec)
{
    bool chars = spec->chars_min >= FEATURES_CHARS_MIN && spec->chars_min <= spec->chars_max
                 && spec->chars_max <= FEATURES_CHARS_MAX;
    bool no_chars = spec->chars_min == 0 && spec->chars_max == 0;
    return spec->bits >= FEATURES_BITS_MIN && spec->bits <= FEATURES_BITS_MAX && spec->words <= FEATURES_WORDS_MAX
           && (chars || (no_chars && spec->words > 0));
}

features_reader_t *features_reader_new (const features_spec_t *spec)
{
    assert (features_spec_valid (spec));
    size_t dimensions = (size_t) 1 << spec->bits;
    features_reader_t *reader = mem_zero (1, sizeof *reader);
    reader->spec = *spec;
    reader->count = mem_zero (dimensions, sizeof *reader->count);
    reader->seen = mem_zero (dimensions, 1);
    reader->touched = mem_zero (dimensions, sizeof *reader->touched);
    reader->sorted = mem_zero (dimensions, sizeof *reader->sorted);
    return reader;
}

void features_reader_destroy (features_reader_t **reader)
{
    features_reader_t *self = *reader;
    if (self == NULL)
        return;
    free (self->count);
    free (self->seen);
    free (self->touched);
    free (self->sorted);
    buf_free (&self->words);
    free (self);
    *reader = NULL;
}

void features_watch (features_reader_t *reader, features_watch_fn *watch, void *ctx)
{
    reader->watch = watch;
    reader->watch_ctx = ctx;
}

// --- counting --------------------------------------------------------------

static void count_ngram (features_reader_t *reader, uint64_t kind, const char *text, size_t len)
{
    uint64_t hash = hash64 (reader->spec.seed * 2 + kind, text, len);
    uint32_t index = (uint32_t) (hash >> (64 - reader->spec.bits));
    bool negative = reader->spec.with_sign && (hash & 1);
    if (!reader->seen [index]) {
        reader->seen [index] = 1;
        reader->touched [reader->n_touched++] = index;
    }
    reader->count [index] += negative ? -1 : 1;
    if (reader->watch)
        reader->watch (reader->watch_ctx, index, text, len);
}

// Where the word behind the space at p ends: at the next space.
static const char *word_end (const char *p)
{
    return strchr (p + 1, ' ');
}

// text is " one two three ": each n-gram of words begins behind a space and ends before one.
static void count_words (features_reader_t *reader, const char *text, const char *end)
{
    for (const char *start = text; start + 1 < end; start = word_end (start)) {
        const char *stop = start;
        for (uint32_t n = 1; n <= reader->spec.words && stop + 1 < end; n++) {
            stop = word_end (stop);
            count_ngram (reader, OF_WORDS, start + 1, (size_t) (stop - start - 1));
        }
    }
}

static const char *next_point (const char *p, const char *end)
{
    p++;
    while (p < end && ((unsigned char) *p & 0xC0) == 0x80)
        p++;
    return p;
}

static void count_chars (features_reader_t *reader, const char *text, const char *end)
{
    for (const char *start = text; start < end; start = next_point (start, end)) {
        const char *stop = start;
        uint32_t n = 0;
        while (n < reader->spec.chars_max && stop < end) {
            stop = next_point (stop, end);
            if (++n >= reader->spec.chars_min)
                count_ngram (reader, OF_CHARS, start, (size_t) (stop - start));
        }
    }
}

void features_begin (features_reader_t *reader)
{
    assert (reader->n_touched == 0);
}

void features_add (features_reader_t *reader, const char *text, size_t len)
{
    buf_clear (&reader->words);
    words_normalise (text, len, &reader->words);
    if (reader->words.len == 0)
        return;
    // A NUL would end a word early for strchr: words_normalise makes it a space like any other separator.
    const char *words = reader->words.data, *end = words + reader->words.len;
    if (reader->spec.words > 0)
        count_words (reader, words, end);
    if (reader->spec.chars_max > 0)
        count_chars (reader, words, end);
}

// --- from counts to a vector -----------------------------------------------

// One pass of a radix sort by 11 bits.
static void sort_pass (const uint32_t *from, uint32_t *to, size_t n, unsigned shift)
{
    uint32_t place [2048] = { 0 };
    for (size_t i = 0; i < n; i++)
        place [(from [i] >> shift) & 2047]++;
    uint32_t sum = 0;
    for (size_t i = 0; i < 2048; i++) {
        uint32_t count = place [i];
        place [i] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to [place [(from [i] >> shift) & 2047]++] = from [i];
}

static void grow (features_t *x, size_t more)
{
    if (x->n + more <= x->cap)
        return;
    x->cap = (x->n + more) * 2;
    x->at = mem_resize (x->at, x->cap * sizeof *x->at);
}

static void normalise (features_t *x)
{
    double sum = 0;
    for (size_t i = 0; i < x->n; i++)
        sum += (double) x->at [i].value * (double) x->at [i].value;
    double scale = sum > 0 ? 1 / sqrt (sum) : 0;
    for (size_t i = 0; i < x->n; i++)
        x->at [i].value = (float) ((double) x->at [i].value * scale);
}

void features_end (features_reader_t *reader, features_t *out)
{
    size_t n = reader->n_touched;
    sort_pass (reader->touched, reader->sorted, n, 0);
    sort_pass (reader->sorted, reader->touched, n, 11);
    features_clear (out);
    grow (out, n);
    for (size_t i = 0; i < n; i++) {
        uint32_t index = reader->touched [i];
        int32_t count = reader->count [index];
        reader->count [index] = 0;
        reader->seen [index] = 0;
        features_push (out, index, count < 0 ? -sqrtf ((float) -count) : sqrtf ((float) count));
    }
    reader->n_touched = 0;
    normalise (out);
}

void features_text (features_reader_t *reader, const char *text, size_t len, features_t *out)
{
    features_begin (reader);
    features_add (reader, text, len);
    features_end (reader, out);
}

// --- vectors ---------------------------------------------------------------

void features_clear (features_t *x)
{
    x->n = 0;
}

void features_free (features_t *x)
{
    free (x->at);
    *x = (features_t) { 0 };
}

void features_push (features_t *x, uint32_t index, float value)
{
    assert (x->n == 0 || x->at [x->n - 1].index < index);
    if (value == 0)
        return;
    grow (x, 1);
    x->at [x->n++] = (feature_t) { index, value };
}

void features_append (features_t *out, const features_t *x, uint32_t offset, float scale)
{
    grow (out, x->n);
    for (size_t i = 0; i < x->n; i++)
        features_push (out, offset + x->at [i].index, scale * x->at [i].value);
}

typedef float combine_fn (float a, float b);

static float mean_of (float a, float b)
{
    return (a + b) / 2;
}

static float distance_of (float a, float b)
{
    return fabsf (a - b);
}

static float difference_of (float a, float b)
{
    return a - b;
}

static void combine (features_t *out, const features_t *a, const features_t *b, uint32_t offset, combine_fn *of)
{
    grow (out, a->n + b->n);
    for (size_t i = 0, j = 0; i < a->n || j < b->n;) {
        uint32_t at_a = i < a->n ? a->at [i].index : UINT32_MAX, at_b = j < b->n ? b->at [j].index : UINT32_MAX;
        uint32_t index = at_a < at_b ? at_a : at_b;
        float x = at_a == index ? a->at [i++].value : 0, y = at_b == index ? b->at [j++].value : 0;
        features_push (out, offset + index, of (x, y));
    }
}

void features_mean (features_t *out, const features_t *a, const features_t *b, uint32_t offset)
{
    combine (out, a, b, offset, mean_of);
}

void features_distance (features_t *out, const features_t *a, const features_t *b, uint32_t offset)
{
    combine (out, a, b, offset, distance_of);
}

void features_difference (features_t *out, const features_t *a, const features_t *b, uint32_t offset)
{
    combine (out, a, b, offset, difference_of);
}

double features_dot (const features_t *a, const features_t *b)
{
    double sum = 0;
    for (size_t i = 0, j = 0; i < a->n && j < b->n;) {
        if (a->at [i].index < b->at [j].index)
            i++;
        else if (a->at [i].index > b->at [j].index)
            j++;
        else
            sum += (double) a->at [i++].value * (double) b->at [j++].value;
    }
    return sum;
}

float features_length (uint64_t bytes)
{
    uint64_t x = bytes < UINT32_MAX ? bytes + 1 : (uint64_t) 1 << 32;
    unsigned log = 0;
    while (x >> (log + 1))
        log++;
    uint64_t one = (uint64_t) 1 << log;
    return (float) ((double) log + (double) (x - one) / (double) one) / 16;
}

// --- combinations ----------------------------------------------------------

uint32_t features_pair_dimensions (const features_spec_t *spec)
{
    return (3u << spec->bits) + FEATURES_TAIL;
}

uint32_t features_answer_dimensions (const features_spec_t *spec)
{
    return (2u << spec->bits) + FEATURES_TAIL;
}

void features_pair (const features_spec_t *spec, const features_t *prompt, const features_side_t *a, const features_side_t *b,
                    features_t *out)
{
    uint32_t block = 1u << spec->bits;
    features_clear (out);
    features_append (out, prompt, 0, 1);
    if (a == NULL || b == NULL)
        return;
    features_mean (out, &a->words, &b->words, block);
    features_distance (out, &a->words, &b->words, 2 * block);
    float x = features_length (a->bytes), y = features_length (b->bytes);
    features_push (out, 3 * block, mean_of (x, y));
    features_push (out, 3 * block + 1, distance_of (x, y));
}

void features_answer (const features_spec_t *spec, const features_t *prompt, const features_side_t *response, features_t *out)
{
    uint32_t block = 1u << spec->bits;
    features_clear (out);
    features_append (out, prompt, 0, 1);
    features_append (out, &response->words, block, FEATURES_ANSWER_SCALE);
    features_push (out, 2 * block, features_length (response->bytes));
}

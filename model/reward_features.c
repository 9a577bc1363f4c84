#include "model/reward_features.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/words.h"

enum { BLOCK_RESPONSE, BLOCK_OPENING, BLOCK_ECHO, OPENING_BYTES_MAX = 1024 };
#define LENGTH_SCALE 16.0f      // features_length is log2 / 16

struct reward_reader {
    features_spec_t spec;
    features_reader_t *words, *opening;
    features_t prompt, response, first;
    buf_t text;                     // the opening's words
    features_watch_fn *watch;
    void *watch_ctx;
};

uint32_t reward_dimensions (const features_spec_t *spec)
{
    return ((uint32_t) REWARD_BLOCKS << spec->bits) + REWARD_LENGTHS;
}

const char *reward_block_name (const features_spec_t *spec, uint32_t index)
{
    static const char *const names [] = { "response", "opening", "echo", "length" };
    return names [index >> spec->bits];
}

reward_reader_t *reward_reader_new (const features_spec_t *spec)
{
    reward_reader_t *reader = mem_zero (1, sizeof *reader);
    reader->spec = *spec;
    reader->words = features_reader_new (spec);
    reader->opening = features_reader_new (spec);
    return reader;
}

void reward_reader_destroy (reward_reader_t **reader)
{
    reward_reader_t *self = *reader;
    if (self == NULL)
        return;
    features_reader_destroy (&self->words);
    features_reader_destroy (&self->opening);
    features_free (&self->prompt);
    features_free (&self->response);
    features_free (&self->first);
    buf_free (&self->text);
    free (self);
    *reader = NULL;
}

static void read_turns (features_reader_t *reader, const reward_text_t *turns, size_t n, features_t *out)
{
    features_begin (reader);
    for (size_t i = 0; i < n; i++)
        features_add (reader, turns [i].text, turns [i].len);
    features_end (reader, out);
}

void reward_read_prompt (reward_reader_t *reader, const reward_text_t *turns, size_t n)
{
    features_watch (reader->words, NULL, NULL);
    read_turns (reader->words, turns, n, &reader->prompt);
}

// The first words of the first turn that has any.
static void read_opening (reward_reader_t *reader, const reward_text_t *turns, size_t n)
{
    buf_clear (&reader->text);
    for (size_t i = 0; i < n && reader->text.len == 0; i++) {
        size_t len = turns [i].len < OPENING_BYTES_MAX ? turns [i].len : OPENING_BYTES_MAX;
        words_normalise (turns [i].text, len, &reader->text);
    }
    size_t end = 0, words = 0;
    for (; end < reader->text.len && words < REWARD_OPENING_WORDS; end++)
        words += end > 0 && reader->text.data [end] == ' ';
    features_text (reader->opening, reader->text.len ? reader->text.data : "", end, &reader->first);
}

// Products of what both have; both ascend.
static void append_echo (const reward_reader_t *reader, features_t *out)
{
    const features_t *a = &reader->prompt, *b = &reader->response;
    uint32_t offset = (uint32_t) BLOCK_ECHO << reader->spec.bits;
    for (size_t i = 0, j = 0; i < a->n && j < b->n; ) {
        if (a->at [i].index == b->at [j].index)
            features_push (out, offset + a->at [i].index, a->at [i].value * b->at [j].value);
        bool first = a->at [i].index <= b->at [j].index, second = b->at [j].index <= a->at [i].index;
        i += first;
        j += second;
    }
}

void reward_read_response (reward_reader_t *reader, const reward_text_t *turns, size_t n, features_t *out)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += turns [i].len;
    features_watch (reader->words, reader->watch, reader->watch_ctx);
    read_turns (reader->words, turns, n, &reader->response);
    read_opening (reader, turns, n);
    features_clear (out);
    features_append (out, &reader->response, 0, 1);
    features_append (out, &reader->first, (uint32_t) BLOCK_OPENING << reader->spec.bits, 1);
    append_echo (reader, out);
    float length = LENGTH_SCALE * features_length (bytes);
    features_push (out, (uint32_t) REWARD_BLOCKS << reader->spec.bits, length);
    features_push (out, ((uint32_t) REWARD_BLOCKS << reader->spec.bits) + 1, length * length / LENGTH_SCALE);
}

void reward_watch (reward_reader_t *reader, features_watch_fn *watch, void *ctx)
{
    reader->watch = watch;
    reader->watch_ctx = ctx;
}

#include "model/examples.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

// The n-gram of an index by majority vote (Boyer and Moore 1981): the one that more than half of them are, if any is.
typedef struct { char *text; uint32_t len, votes; } name_t;

struct examples {
    features_spec_t spec;
    size_t n_rules;
    uint64_t bytes, bytes_max;
    features_reader_t *words;
    features_t scratch;
    name_t *names;              // 2^bits
    features_t *prompts;
    size_t n_prompts, prompts_cap;
    example_side_t *sides;
    size_t n_sides, sides_cap;
    example_pair_t *pairs;
    size_t n_pairs, pairs_cap, n_validation;
};

static void vote (void *ctx, uint32_t index, const char *text, size_t len)
{
    examples_t *self = ctx;
    name_t *name = &self->names [index];
    if (len > ADAPTER_NGRAM_BYTES_MAX)
        return;
    if (name->votes > 0 && name->len == len && memcmp (name->text, text, len) == 0)
        name->votes++;
    else if (name->votes > 0)
        name->votes--;
    else {
        free (name->text);
        *name = (name_t) { mem_string_n (text, len), (uint32_t) len, 1 };
    }
}

examples_t *examples_new (const features_spec_t *spec, size_t n_rules, uint64_t bytes_max)
{
    examples_t *examples = mem_zero (1, sizeof *examples);
    examples->spec = *spec;
    examples->n_rules = n_rules;
    examples->bytes_max = bytes_max;
    examples->words = features_reader_new (spec);
    examples->names = mem_zero ((size_t) 1 << spec->bits, sizeof *examples->names);
    features_watch (examples->words, vote, examples);
    return examples;
}

void examples_destroy (examples_t **examples)
{
    examples_t *self = *examples;
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->n_prompts; i++)
        features_free (&self->prompts [i]);
    for (size_t i = 0; i < self->n_sides; i++) {
        features_free (&self->sides [i].text.words);
        free (self->sides [i].score);
    }
    for (size_t i = 0; i < (size_t) 1 << self->spec.bits; i++)
        free (self->names [i].text);
    free (self->names);
    free (self->prompts);
    free (self->sides);
    free (self->pairs);
    features_free (&self->scratch);
    features_reader_destroy (&self->words);
    free (self);
    *examples = NULL;
}

// --- adding ----------------------------------------------------------------

// Room for one more item and `bytes` of its own; false where that would pass the limit.
static bool take_room (examples_t *examples, void **items, size_t n, size_t *cap, size_t item, uint64_t bytes)
{
    size_t more = n == *cap ? *cap / 2 + 256 : 0;
    if (examples->bytes + more * item + bytes > examples->bytes_max)
        return false;
    examples->bytes += more * item + bytes;
    if (more > 0) {
        *cap += more;
        *items = mem_resize (*items, *cap * item);
    }
    return true;
}

static uint64_t read_text (examples_t *examples, const adapter_text_t *turns, size_t n_turns)
{
    uint64_t bytes = 0;
    features_begin (examples->words);
    for (size_t i = 0; i < n_turns; i++) {
        features_add (examples->words, turns [i].text, turns [i].len);
        bytes += turns [i].len;
    }
    features_end (examples->words, &examples->scratch);
    return bytes;
}

// A copy that has no more memory than it needs.
static features_t copy_of (const features_t *x)
{
    features_t copy = { mem_new (x->n * sizeof *x->at), x->n, x->n };
    if (x->n > 0)
        memcpy (copy.at, x->at, x->n * sizeof *x->at);
    return copy;
}

bool examples_add_prompt (examples_t *examples, const adapter_text_t *turns, size_t n_turns, uint32_t *number)
{
    read_text (examples, turns, n_turns);
    if (!take_room (examples, (void **) &examples->prompts, examples->n_prompts, &examples->prompts_cap,
                    sizeof *examples->prompts, examples->scratch.n * sizeof (feature_t)))
        return false;
    *number = (uint32_t) examples->n_prompts;
    examples->prompts [examples->n_prompts++] = copy_of (&examples->scratch);
    return true;
}

bool examples_add_side (examples_t *examples, uint32_t prompt, const adapter_text_t *turns, size_t n_turns, const cell_t *cells,
                        uint32_t *number)
{
    uint64_t bytes = read_text (examples, turns, n_turns);
    size_t n = examples->n_rules;
    if (!take_room (examples, (void **) &examples->sides, examples->n_sides, &examples->sides_cap, sizeof *examples->sides,
                    examples->scratch.n * sizeof (feature_t) + 2 * n * sizeof (float)))
        return false;
    *number = (uint32_t) examples->n_sides;
    example_side_t *side = &examples->sides [examples->n_sides++];
    *side = (example_side_t) { .prompt = prompt, .text = { copy_of (&examples->scratch), bytes } };
    side->score = mem_new (2 * n * sizeof (float));
    side->relevance = side->score + n;
    for (size_t r = 0; r < n; r++) {
        side->score [r] = (float) cells [r].score / MICRO;
        side->relevance [r] = (float) cells [r].relevance / MICRO;
    }
    return true;
}

bool examples_add_pair (examples_t *examples, uint32_t a, uint32_t b, bool validation)
{
    assert (examples->sides [a].prompt == examples->sides [b].prompt);
    if (!take_room (examples, (void **) &examples->pairs, examples->n_pairs, &examples->pairs_cap, sizeof *examples->pairs, 0))
        return false;
    examples->pairs [examples->n_pairs++] = (example_pair_t) { a, b, validation };
    examples->n_validation += validation;
    if (!validation)
        examples->sides [a].learnt = examples->sides [b].learnt = true;
    return true;
}

// --- what was added --------------------------------------------------------

const features_spec_t *examples_spec (const examples_t *examples)
{
    return &examples->spec;
}

size_t examples_rules (const examples_t *examples)
{
    return examples->n_rules;
}

size_t examples_sides (const examples_t *examples)
{
    return examples->n_sides;
}

size_t examples_pairs (const examples_t *examples)
{
    return examples->n_pairs;
}

size_t examples_validation (const examples_t *examples)
{
    return examples->n_validation;
}

uint64_t examples_bytes (const examples_t *examples)
{
    return examples->bytes;
}

const features_t *examples_prompt (const examples_t *examples, uint32_t number)
{
    return &examples->prompts [number];
}

const example_side_t *examples_side (const examples_t *examples, size_t number)
{
    return &examples->sides [number];
}

const example_pair_t *examples_pair (const examples_t *examples, size_t number)
{
    return &examples->pairs [number];
}

const char *examples_ngram (const examples_t *examples, uint32_t index, size_t *len)
{
    const name_t *name = &examples->names [index];
    *len = name->len;
    return name->text ? name->text : "";
}

float examples_value (const examples_t *examples, const example_pair_t *pair, size_t rule, float weight_relevance,
                      float weight_discrepancy)
{
    const example_side_t *a = &examples->sides [pair->a], *b = &examples->sides [pair->b];
    return weight_relevance * (a->relevance [rule] + b->relevance [rule]) / 2
           + weight_discrepancy * fabsf (a->score [rule] - b->score [rule]);
}

void examples_values (const examples_t *examples, const example_pair_t *pair, float weight_relevance, float weight_discrepancy,
                      float *value)
{
    for (size_t r = 0; r < examples->n_rules; r++)
        value [r] = examples_value (examples, pair, r, weight_relevance, weight_discrepancy);
}

void examples_best (const float *value, size_t n_rules, size_t k, uint32_t *best)
{
    size_t n = 0;
    for (uint32_t r = 0; r < n_rules; r++) {
        size_t place = n;
        while (place > 0 && value [best [place - 1]] < value [r])
            place--;
        if (place == k)
            continue;
        n += n < k;
        memmove (best + place + 1, best + place, (n - 1 - place) * sizeof *best);
        best [place] = r;
    }
}

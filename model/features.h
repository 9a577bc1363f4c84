// features: texts as sparse vectors of hashed n-grams (feature hashing: Weinberger et al., ICML 2009).
//
//     features_reader_t *reader = features_reader_new (&spec);
//     features_text (reader, text, len, &x);          // x.at [0 .. x.n), by ascending index
//     features_reader_destroy (&reader);
//     features_free (&x);
//
// A text is taken whole, however long. It is reduced to words (base/words.h) and counted by word n-grams and by
// n-grams of code points; an n-gram's index is its seeded hash. A count c becomes sqrt (c), and the vector has length 1.
// Only additions, products, quotients and square roots are used, in a fixed order: the same text gives the same bits
// on every machine.
#ifndef MODEL_FEATURES_H
#define MODEL_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FEATURES_BITS_MIN = 8, FEATURES_BITS_MAX = 20,
    FEATURES_WORDS_MAX = 4,             // words of an n-gram
    FEATURES_CHARS_MIN = 2, FEATURES_CHARS_MAX = 8,
    FEATURES_TAIL = 2                   // indices behind the blocks of a combination: lengths
};

typedef struct { uint32_t index; float value; } feature_t;

// Zero-initialise it; features_free gives its memory back. Indices ascend, no value is 0.
typedef struct { feature_t *at; size_t n, cap; } features_t;

typedef struct {
    uint32_t bits;                      // a text's vector has 2^bits dimensions
    uint32_t words;                     // word n-grams of 1 .. words words; 0: none
    uint32_t chars_min, chars_max;      // n-grams of so many code points, spaces counted; 0, 0: none
    bool with_sign;                     // half of the n-grams count negatively, so that collisions cancel
    uint64_t seed;
} features_spec_t;

features_spec_t features_spec_default (void);   // 2^16, words and pairs of words, unsigned, seed 1
bool features_spec_valid (const features_spec_t *spec);

// --- one text ---

// Settings and room to count in; 5 bytes for each dimension. Not for two threads at a time.
typedef struct features_reader features_reader_t;
features_reader_t *features_reader_new (const features_spec_t *spec);   // spec must be valid
void features_reader_destroy (features_reader_t **reader);

// The vector of a text; of several (turns), between which no n-gram reaches. out is overwritten.
void features_text (features_reader_t *reader, const char *text, size_t len, features_t *out);
void features_begin (features_reader_t *reader);
void features_add (features_reader_t *reader, const char *text, size_t len);
void features_end (features_reader_t *reader, features_t *out);

// Be told of each n-gram that is counted from now on (watch NULL: no more); text is not NUL-terminated.
typedef void features_watch_fn (void *ctx, uint32_t index, const char *text, size_t len);
void features_watch (features_reader_t *reader, features_watch_fn *watch, void *ctx);

// --- vectors ---

void features_clear (features_t *x);
void features_free (features_t *x);

// Append one feature; index must be above the last one's. A value of 0 is left out.
void features_push (features_t *x, uint32_t index, float value);

// Append scale * x with its indices moved up by offset.
void features_append (features_t *out, const features_t *x, uint32_t offset, float scale);

// Append (a + b) / 2, |a - b|, a - b. The first two give the same bits for (b, a).
void features_mean (features_t *out, const features_t *a, const features_t *b, uint32_t offset);
void features_distance (features_t *out, const features_t *a, const features_t *b, uint32_t offset);
void features_difference (features_t *out, const features_t *a, const features_t *b, uint32_t offset);

// The sum of the products of what both have.
double features_dot (const features_t *a, const features_t *b);

// A length in bytes as about log2 (1 + bytes) / 16, made of whole numbers and one division.
float features_length (uint64_t bytes);

// --- combinations: blocks of 2^bits dimensions side by side, then FEATURES_TAIL lengths ---

typedef struct { features_t words; uint64_t bytes; } features_side_t;   // one text's vector and its length

// How many dimensions a combination has.
uint32_t features_pair_dimensions (const features_spec_t *spec);
uint32_t features_answer_dimensions (const features_spec_t *spec);

// Of a prompt and two responses: prompt | mean | distance | mean and distance of the lengths. Exchanging the responses
// gives the same bits. a and b NULL: of the prompt alone, the rest being empty.
void features_pair (const features_spec_t *spec, const features_t *prompt, const features_side_t *a, const features_side_t *b,
                    features_t *out);

// Of a prompt and one response: prompt | FEATURES_ANSWER_SCALE * response | length of the response, and 0. A response's words tell more of how it
// is judged than a prompt's, of which many are beside the point, so a ridge is to hold them down less.
#define FEATURES_ANSWER_SCALE 1.5f
void features_answer (const features_spec_t *spec, const features_t *prompt, const features_side_t *response, features_t *out);

#endif

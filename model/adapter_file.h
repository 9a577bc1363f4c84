// adapter_file: the bytes of a Rule Adapter, written, read back and checked.
//
// One file of at most LIMIT_ADAPTER_BYTES, made to be mapped into memory. Numbers are little-endian, floats IEEE 754 single.
// The header, then these parts, each beginning at the next multiple of 64 bytes, with zeros between:
//
//   rules     n_rules x adapter_rule_record_t
//   texts     ids and texts of the rules; the records say where
//   index     n_dimensions x u32: the column of a feature, ADAPTER_NO_COLUMN where it has none
//   bias      n_heads x float
//   scale     n_columns x float
//   weights   n_columns x n_heads x i8: weight [column][head] * scale [column] is what a feature adds to a head
//   names     (n_columns + 1) x u32: where a column's n-gram stands in
//   ngrams    texts, each of at most ADAPTER_NGRAM_BYTES_MAX
//   info      a JSON object: how it was trained, for people
//   twin      another adapter file, or nothing: the adapter that sees the prompt alone, learnt from the same pairs, which
//             every evaluation is held against
//
// The whole layout follows from the counts in the header: a file is exactly so long or refused.
#ifndef MODEL_ADAPTER_FILE_H
#define MODEL_ADAPTER_FILE_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/limits.h"
#include "model/features.h"

#define ADAPTER_MAGIC "RMADAPT\n"

enum {
    ADAPTER_VERSION = 2,
    ADAPTER_ALIGN = 64,
    ADAPTER_COEFFICIENTS = 4,           // of form `cells`: 1, relevance, distance of the scores, their size
    ADAPTER_CELL_HEADS = 3,             // of a rule in form `cells`: relevance, score, |score|
    ADAPTER_NGRAM_BYTES_MAX = 48,
    ADAPTER_INFO_BYTES_MAX = 16 * 1024
};

#define ADAPTER_NO_COLUMN UINT32_MAX
#define ADAPTER_NUMBER_MAX 1e6f         // no float of a file is larger, so no sum of them is infinite

// What the heads mean. The first three see a pair (features_pair) and have a head for each rule, whose sum is the rule's
// value; `cells` sees one response at a time (features_answer).
typedef enum { ADAPTER_REST, ADAPTER_RANK, ADAPTER_VALUE, ADAPTER_CELLS, ADAPTER_FORMS } adapter_form_t;

typedef struct {
    uint8_t digest [DIGEST_BYTES];      // of the rule's text
    uint32_t id_at, id_len, text_at, text_len;      // in `texts`
    float share;                        // of the training pairs in which exhaustive selection picked it
    float mean;                         // its mean value in them
    float coefficient [ADAPTER_COEFFICIENTS];       // `cells`: value = sum of coefficient * (1, relevance, distance, size)
} adapter_rule_record_t;

typedef struct {
    char magic [8];
    uint8_t digest [DIGEST_BYTES];      // SHA-256 of all bytes behind it
    uint32_t version, form;
    uint32_t bits, words, chars_min, chars_max, with_sign;      // features_spec_t
    uint32_t prompt_only;               // 1: the responses are not looked at
    uint64_t seed;                      // of the features
    uint32_t n_rules, n_heads, n_columns, n_dimensions;
    uint32_t top, weight_relevance, weight_discrepancy;         // of the selection that it learnt to foresee; weights 1e-6
    uint32_t texts_len, ngrams_len, info_len, twin_len;
    uint32_t judged;                    // how many of the rules that it foresees are judged, so that selection may take `top` of them; >= top
} adapter_header_t;

// A file's parts, pointing into its bytes.
typedef struct {
    const adapter_header_t *header;
    const adapter_rule_record_t *rule;
    const char *texts;
    const uint32_t *index;
    const float *bias, *scale;
    const int8_t *weight;
    const uint32_t *name;
    const char *ngrams, *info;
    const uint8_t *twin;
} adapter_parts_t;

// How many heads and dimensions a form has; with the prompt alone, those of the prompt.
uint32_t adapter_form_heads (adapter_form_t form, uint32_t n_rules);
uint32_t adapter_form_dimensions (adapter_form_t form, bool prompt_only, const features_spec_t *spec);

// "rest", "rank", "value", "cells"; adapter_form_find returns -1 for another word.
const char *adapter_form_name (adapter_form_t form);
int adapter_form_find (const char *name);
const char *const *adapter_form_names (void);

// The features' settings of a header.
features_spec_t adapter_header_features (const adapter_header_t *header);

// Take bytes apart, which must be aligned to 8 and outlive *out. Everything is checked: ERR_FORMAT (not an adapter, or of
// another version), ERR_LIMIT, ERR_CORRUPT (its digest or a number does not fit). name stands in messages.
status_t adapter_parts_read (const char *name, const void *bytes, size_t len, adapter_parts_t *out, fault_t *fault) MUST_USE;

// The bytes of parts (in the header: all but magic, digest, version, n_heads and n_dimensions, which are filled in), appended
// to out, which must be empty. ERR_LIMIT: over LIMIT_ADAPTER_BYTES.
status_t adapter_parts_write (const adapter_header_t *header, const adapter_parts_t *parts, buf_t *out, fault_t *fault) MUST_USE;

// Another number of rules to judge into the bytes of an adapter; at least the header's top and at most LIMIT_RULES.
void adapter_bytes_set_judged (void *bytes, size_t len, uint32_t judged);

#endif

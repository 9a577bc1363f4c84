// From what was learnt to the bytes of a file.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/adapter_learn_parts.h"

typedef struct {
    adapter_rule_record_t *rules;
    buf_t texts, ngrams;
    float *scale, *bias;
    int8_t *weight;
    uint32_t *name;
} made_t;

static float bounded (float x)
{
    return x > ADAPTER_NUMBER_MAX ? ADAPTER_NUMBER_MAX : x < -ADAPTER_NUMBER_MAX ? -ADAPTER_NUMBER_MAX : x;
}

static void make_rules (const learnt_t *learnt, const learn_rule_t *rules, made_t *made)
{
    made->rules = mem_zero (learnt->n_rules, sizeof *made->rules);
    for (size_t r = 0; r < learnt->n_rules; r++) {
        adapter_rule_record_t *record = &made->rules [r];
        memcpy (record->digest, rules [r].digest->b, DIGEST_BYTES);
        record->id_at = (uint32_t) made->texts.len;
        record->id_len = (uint32_t) strlen (rules [r].id);
        buf_add_str (&made->texts, rules [r].id);
        record->text_at = (uint32_t) made->texts.len;
        record->text_len = (uint32_t) strlen (rules [r].text);
        buf_add_str (&made->texts, rules [r].text);
        record->share = learnt->share [r];
        record->mean = bounded (learnt->mean [r]);
        for (int c = 0; c < ADAPTER_COEFFICIENTS; c++)
            record->coefficient [c] = bounded (learnt->coefficient [r] [c]);
    }
}

// One column's weights as whole numbers of a 127th of the largest.
static void make_column (const float *weight, size_t n_heads, float *scale, int8_t *out)
{
    float largest = 0;
    for (size_t head = 0; head < n_heads; head++)
        largest = fabsf (weight [head]) > largest ? fabsf (weight [head]) : largest;
    *scale = bounded (largest) / 127;
    for (size_t head = 0; head < n_heads; head++)
        out [head] = *scale > 0 ? (int8_t) lrintf (bounded (weight [head]) / *scale) : 0;
}

static void make_weights (const learnt_t *learnt, const examples_t *examples, made_t *made)
{
    size_t n = learnt->n_columns, n_heads = learnt->n_heads;
    uint32_t block = 1u << examples_spec (examples)->bits;
    uint32_t text_dimensions = learnt->n_dimensions - (learnt->options.prompt_only ? 0 : FEATURES_TAIL);
    made->scale = mem_new (n * sizeof *made->scale);
    made->weight = mem_new (n * n_heads);
    made->name = mem_new ((n + 1) * sizeof *made->name);
    made->bias = mem_new (n_heads * sizeof *made->bias);
    for (size_t c = 0; c < n; c++) {
        make_column (learnt->weight + c * n_heads, n_heads, &made->scale [c], made->weight + c * n_heads);
        made->name [c] = (uint32_t) made->ngrams.len;
        size_t len = 0;
        const char *ngram = "";
        if (learnt->dimension [c] < text_dimensions)
            ngram = examples_ngram (examples, learnt->dimension [c] % block, &len);
        buf_add (&made->ngrams, ngram, len);
    }
    made->name [n] = (uint32_t) made->ngrams.len;
    for (size_t head = 0; head < n_heads; head++)
        made->bias [head] = bounded (learnt->bias [head]);
}

static adapter_header_t make_header (const learnt_t *learnt, const examples_t *examples)
{
    const learn_options_t *options = &learnt->options;
    const features_spec_t *spec = examples_spec (examples);
    return (adapter_header_t) {
        .form = options->form, .prompt_only = options->prompt_only, .seed = spec->seed,
        .bits = spec->bits, .words = spec->words, .chars_min = spec->chars_min, .chars_max = spec->chars_max,
        .with_sign = spec->with_sign, .n_rules = (uint32_t) learnt->n_rules, .n_columns = (uint32_t) learnt->n_columns,
        .top = options->top, .judged = options->judged > options->top ? options->judged : options->top, .weight_relevance = options->weight_relevance, .weight_discrepancy = options->weight_discrepancy
    };
}

status_t learnt_write (const learnt_t *learnt, const examples_t *examples, const learn_rule_t *rules, const buf_t *info,
                       const buf_t *twin, buf_t *out, fault_t *fault)
{
    made_t made = { 0 };
    make_rules (learnt, rules, &made);
    make_weights (learnt, examples, &made);
    adapter_header_t header = make_header (learnt, examples);
    header.texts_len = (uint32_t) made.texts.len;
    header.ngrams_len = (uint32_t) made.ngrams.len;
    header.info_len = (uint32_t) info->len;
    header.twin_len = (uint32_t) twin->len;
    const adapter_parts_t parts = {
        .rule = made.rules, .texts = made.texts.data, .index = learnt->index, .bias = made.bias, .scale = made.scale,
        .weight = made.weight, .name = made.name, .ngrams = made.ngrams.data, .info = info->data, .twin = (const uint8_t *) twin->data
    };
    status_t status = adapter_parts_write (&header, &parts, out, fault);
    free (made.rules);
    free (made.scale);
    free (made.bias);
    free (made.weight);
    free (made.name);
    buf_free (&made.texts);
    buf_free (&made.ngrams);
    return status;
}

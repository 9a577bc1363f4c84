#include "model/adapter_file.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

_Static_assert (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is read as it lies in memory");
_Static_assert (sizeof (adapter_header_t) % ADAPTER_ALIGN == 0, "the first part begins behind the header");
_Static_assert (sizeof (adapter_rule_record_t) == DIGEST_BYTES + 4 * 4 + 6 * 4, "no padding in a file");

static const char *const form_names [ADAPTER_FORMS] = { "rest", "rank", "value", "cells" };

const char *adapter_form_name (adapter_form_t form)
{
    assert ((unsigned) form < ADAPTER_FORMS);
    return form_names [form];
}

int adapter_form_find (const char *name)
{
    for (int i = 0; i < ADAPTER_FORMS; i++)
        if (strcmp (form_names [i], name) == 0)
            return i;
    return -1;
}

const char *const *adapter_form_names (void)
{
    return form_names;
}

uint32_t adapter_form_heads (adapter_form_t form, uint32_t n_rules)
{
    return form == ADAPTER_CELLS ? ADAPTER_CELL_HEADS * n_rules : n_rules;
}

uint32_t adapter_form_dimensions (adapter_form_t form, bool prompt_only, const features_spec_t *spec)
{
    if (prompt_only)
        return 1u << spec->bits;
    return form == ADAPTER_CELLS ? features_answer_dimensions (spec) : features_pair_dimensions (spec);
}

features_spec_t adapter_header_features (const adapter_header_t *header)
{
    return (features_spec_t) {
        .bits = header->bits, .words = header->words, .chars_min = header->chars_min, .chars_max = header->chars_max,
        .with_sign = header->with_sign != 0, .seed = header->seed
    };
}

// --- layout ----------------------------------------------------------------

enum { RULES, TEXTS, INDEX, BIAS, SCALE, WEIGHTS, NAMES, NGRAMS, INFO, TWIN, PARTS };

typedef struct { uint64_t at [PARTS], len [PARTS], end; } layout_t;

// Counts are below 2^32, so no product of two and a record's size passes 64 bits.
static layout_t lay_out (const adapter_header_t *header)
{
    const uint64_t len [PARTS] = {
        [RULES] = (uint64_t) header->n_rules * sizeof (adapter_rule_record_t),
        [TEXTS] = header->texts_len,
        [INDEX] = (uint64_t) header->n_dimensions * sizeof (uint32_t),
        [BIAS] = (uint64_t) header->n_heads * sizeof (float),
        [SCALE] = (uint64_t) header->n_columns * sizeof (float),
        [WEIGHTS] = (uint64_t) header->n_columns * header->n_heads,
        [NAMES] = ((uint64_t) header->n_columns + 1) * sizeof (uint32_t),
        [NGRAMS] = header->ngrams_len,
        [INFO] = header->info_len,
        [TWIN] = header->twin_len
    };
    layout_t layout = { .end = sizeof *header };
    for (int i = 0; i < PARTS; i++) {
        layout.at [i] = (layout.end + ADAPTER_ALIGN - 1) / ADAPTER_ALIGN * ADAPTER_ALIGN;
        layout.len [i] = len [i];
        layout.end = layout.at [i] + len [i];
    }
    return layout;
}

static digest_t digest_behind (const void *bytes, size_t len)
{
    size_t at = offsetof (adapter_header_t, version);
    return digest_of ((const uint8_t *) bytes + at, len - at);
}

// --- reading ---------------------------------------------------------------

static status_t bad (const char *name, const char *what, fault_t *fault)
{
    return fault_set (fault, ERR_CORRUPT, "%s: %s; copy the adapter again, or train it anew", name, what);
}

static status_t check_head (const char *name, const void *bytes, size_t len, fault_t *fault)
{
    const adapter_header_t *header = bytes;
    if (len < sizeof *header || memcmp (header->magic, ADAPTER_MAGIC, sizeof header->magic) != 0)
        return fault_set (fault, ERR_FORMAT, "%s: not a rule adapter; rulemill adapter train writes one", name);
    if (len > LIMIT_ADAPTER_BYTES)
        return fault_set (fault, ERR_LIMIT, "%s: %zu bytes, a rule adapter has at most %d", name, len, LIMIT_ADAPTER_BYTES);
    if (header->version != ADAPTER_VERSION)
        return fault_set (fault, ERR_FORMAT, "%s: a rule adapter of version %" PRIu32 ", this program reads version %d; train it anew",
                          name, header->version, ADAPTER_VERSION);
    digest_t digest = digest_behind (bytes, len);
    if (memcmp (digest.b, header->digest, DIGEST_BYTES) != 0)
        return bad (name, "its bytes do not have the digest that it states", fault);
    return OK;
}

static status_t check_counts (const char *name, const adapter_header_t *header, fault_t *fault)
{
    features_spec_t spec = adapter_header_features (header);
    bool odd = header->prompt_only > 1 || (header->prompt_only && header->form == ADAPTER_CELLS);
    if (header->form >= ADAPTER_FORMS || odd || header->with_sign > 1 || !features_spec_valid (&spec))
        return bad (name, "it has settings that no adapter has", fault);
    if (header->n_rules == 0 || header->n_rules > LIMIT_RULES || header->top == 0 || header->top > LIMIT_RULES)
        return bad (name, "it has no rules, or too many", fault);
    if (header->judged < header->top || header->judged > LIMIT_RULES)
        return bad (name, "it has fewer rules judged than selected, or too many", fault);
    if (header->n_heads != adapter_form_heads (header->form, header->n_rules)
        || header->n_dimensions != adapter_form_dimensions (header->form, header->prompt_only, &spec) || header->n_columns > header->n_dimensions)
        return bad (name, "its counts do not agree", fault);
    return OK;
}

static bool number_ok (float x)
{
    return fabsf (x) <= ADAPTER_NUMBER_MAX;     // false for NaN
}

static bool numbers_ok (const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!number_ok (x [i]))
            return false;
    return true;
}

static bool rules_ok (const adapter_parts_t *parts)
{
    for (uint32_t i = 0; i < parts->header->n_rules; i++) {
        const adapter_rule_record_t *rule = &parts->rule [i];
        uint64_t id_end = (uint64_t) rule->id_at + rule->id_len, text_end = (uint64_t) rule->text_at + rule->text_len;
        if (id_end > parts->header->texts_len || text_end > parts->header->texts_len || rule->id_len > LIMIT_RULE_ID_BYTES
            || rule->text_len > LIMIT_RULE_TEXT_BYTES)
            return false;
        if (!number_ok (rule->share) || !number_ok (rule->mean) || !numbers_ok (rule->coefficient, ADAPTER_COEFFICIENTS))
            return false;
    }
    return true;
}

static bool index_ok (const adapter_parts_t *parts)
{
    for (uint32_t i = 0; i < parts->header->n_dimensions; i++)
        if (parts->index [i] != ADAPTER_NO_COLUMN && parts->index [i] >= parts->header->n_columns)
            return false;
    return true;
}

static bool names_ok (const adapter_parts_t *parts)
{
    uint32_t n = parts->header->n_columns;
    for (uint32_t i = 0; i < n; i++)
        if (parts->name [i] > parts->name [i + 1] || parts->name [i + 1] - parts->name [i] > ADAPTER_NGRAM_BYTES_MAX)
            return false;
    return parts->name [0] == 0 && parts->name [n] == parts->header->ngrams_len;
}

static void take_apart (const uint8_t *bytes, const layout_t *layout, adapter_parts_t *out)
{
    out->header = (const adapter_header_t *) bytes;
    out->rule = (const void *) (bytes + layout->at [RULES]);
    out->texts = (const char *) bytes + layout->at [TEXTS];
    out->index = (const void *) (bytes + layout->at [INDEX]);
    out->bias = (const void *) (bytes + layout->at [BIAS]);
    out->scale = (const void *) (bytes + layout->at [SCALE]);
    out->weight = (const int8_t *) (bytes + layout->at [WEIGHTS]);
    out->name = (const void *) (bytes + layout->at [NAMES]);
    out->ngrams = (const char *) bytes + layout->at [NGRAMS];
    out->info = (const char *) bytes + layout->at [INFO];
    out->twin = bytes + layout->at [TWIN];
}

status_t adapter_parts_read (const char *name, const void *bytes, size_t len, adapter_parts_t *out, fault_t *fault)
{
    status_t status = check_head (name, bytes, len, fault);
    if (status == OK)
        status = check_counts (name, bytes, fault);
    if (status != OK)
        return status;
    layout_t layout = lay_out (bytes);
    if (layout.end != len)
        return bad (name, "it does not have the length that its counts ask for", fault);
    take_apart (bytes, &layout, out);
    const adapter_header_t *header = out->header;
    if (!rules_ok (out) || !numbers_ok (out->bias, header->n_heads) || !numbers_ok (out->scale, header->n_columns))
        return bad (name, "it has a rule or number that no adapter has", fault);
    if (!index_ok (out) || !names_ok (out) || header->info_len > ADAPTER_INFO_BYTES_MAX)
        return bad (name, "its features do not agree", fault);
    return OK;
}

// --- writing ---------------------------------------------------------------

static void add_part (buf_t *out, uint64_t at, const void *bytes, uint64_t len)
{
    static const char zeros [ADAPTER_ALIGN];
    buf_add (out, zeros, at - out->len);
    if (len > 0)
        buf_add (out, bytes, len);
}

status_t adapter_parts_write (const adapter_header_t *header, const adapter_parts_t *parts, buf_t *out, fault_t *fault)
{
    assert (out->len == 0);
    adapter_header_t head = *header;
    features_spec_t spec = adapter_header_features (&head);
    memcpy (head.magic, ADAPTER_MAGIC, sizeof head.magic);
    head.version = ADAPTER_VERSION;
    head.n_heads = adapter_form_heads (head.form, head.n_rules);
    head.n_dimensions = adapter_form_dimensions (head.form, head.prompt_only, &spec);
    layout_t layout = lay_out (&head);
    if (layout.end > LIMIT_ADAPTER_BYTES)
        return fault_set (fault, ERR_LIMIT, "the adapter would have %" PRIu64 " bytes, %d are allowed; lower adapter.bits",
                          layout.end, LIMIT_ADAPTER_BYTES);
    const void *bytes [PARTS] = {
        parts->rule, parts->texts, parts->index, parts->bias, parts->scale, parts->weight, parts->name, parts->ngrams,
        parts->info, parts->twin
    };
    buf_reserve (out, layout.end);
    buf_add (out, &head, sizeof head);
    for (int i = 0; i < PARTS; i++)
        add_part (out, layout.at [i], bytes [i], layout.len [i]);
    digest_t digest = digest_behind (out->data, out->len);
    memcpy (out->data + offsetof (adapter_header_t, digest), digest.b, DIGEST_BYTES);
    return OK;
}

void adapter_bytes_set_judged (void *bytes, size_t len, uint32_t judged)
{
    adapter_header_t *header = bytes;
    assert (len >= sizeof *header && judged >= header->top && judged <= LIMIT_RULES);
    header->judged = judged;
    digest_t digest = digest_behind (bytes, len);
    memcpy (header->digest, digest.b, DIGEST_BYTES);
}

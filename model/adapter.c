#include "model/adapter.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

struct adapter {
    adapter_parts_t parts;
    size_t len;
    void *map;              // NULL: the bytes are borrowed
    adapter_t *twin;
    digest_t digest;
};

// --- opening ---------------------------------------------------------------

static status_t open_twin (const char *name, adapter_t *adapter, fault_t *fault)
{
    size_t len = adapter->parts.header->twin_len;
    if (len == 0)
        return OK;
    status_t status = adapter_open (name, adapter->parts.twin, len, &adapter->twin, fault);
    if (status != OK)
        return status;
    const adapter_header_t *twin = adapter->twin->parts.header;
    if (twin->twin_len == 0 && twin->prompt_only && twin->n_rules == adapter->parts.header->n_rules)
        return OK;
    return fault_set (fault, ERR_CORRUPT, "%s: the adapter within it is of another kind; train it anew", name);
}

status_t adapter_open (const char *name, const void *bytes, size_t len, adapter_t **out, fault_t *fault)
{
    assert ((uintptr_t) bytes % 8 == 0);
    *out = NULL;
    adapter_t *adapter = mem_zero (1, sizeof *adapter);
    adapter->len = len;
    adapter->digest = digest_of (bytes, len);
    status_t status = adapter_parts_read (name, bytes, len, &adapter->parts, fault);
    // One level alone: a twin that has a twin is refused before that one is opened.
    if (status == OK && !adapter->parts.header->prompt_only)
        status = open_twin (name, adapter, fault);
    else if (status == OK && adapter->parts.header->twin_len > 0)
        status = fault_set (fault, ERR_CORRUPT, "%s: an adapter of the prompt alone has no other within it; train it anew", name);
    if (status != OK)
        adapter_destroy (&adapter);
    *out = adapter;
    return status;
}

static status_t map_file (const char *path, int file, void **map, size_t *len, fault_t *fault)
{
    struct stat about;
    if (fstat (file, &about) != 0)
        return fault_set (fault, ERR_IO, "%s: %s", path, strerror (errno));
    if (!S_ISREG (about.st_mode) || about.st_size < (off_t) sizeof (adapter_header_t))
        return fault_set (fault, ERR_FORMAT, "%s: not a rule adapter; rulemill adapter train writes one", path);
    if (about.st_size > LIMIT_ADAPTER_BYTES)
        return fault_set (fault, ERR_LIMIT, "%s: %lld bytes, a rule adapter has at most %d", path, (long long) about.st_size,
                          LIMIT_ADAPTER_BYTES);
    *len = (size_t) about.st_size;
    *map = mmap (NULL, *len, PROT_READ, MAP_PRIVATE, file, 0);
    return *map == MAP_FAILED ? fault_set (fault, ERR_IO, "%s: %s", path, strerror (errno)) : OK;
}

status_t adapter_open_file (const char *path, adapter_t **out, fault_t *fault)
{
    *out = NULL;
    int file = open (path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return fault_set (fault, ERR_IO, "%s: %s; check the path of the adapter", path, strerror (errno));
    void *map = NULL;
    size_t len = 0;
    status_t status = map_file (path, file, &map, &len, fault);
    close (file);
    if (status != OK)
        return status;
    status = adapter_open (path, map, len, out, fault);
    if (status == OK)
        (*out)->map = map;
    else
        munmap (map, len);
    return status;
}

void adapter_destroy (adapter_t **adapter)
{
    adapter_t *self = *adapter;
    if (self == NULL)
        return;
    adapter_destroy (&self->twin);
    if (self->map)
        munmap (self->map, self->len);
    free (self);
    *adapter = NULL;
}

const adapter_parts_t *adapter_parts (const adapter_t *adapter)
{
    return &adapter->parts;
}

digest_t adapter_digest (const adapter_t *adapter)
{
    return adapter->digest;
}

size_t adapter_size (const adapter_t *adapter)
{
    return adapter->len;
}

size_t adapter_judged (const adapter_t *adapter, size_t top)
{
    return adapter->parts.header->judged > top ? adapter->parts.header->judged : top;
}

const adapter_t *adapter_twin (const adapter_t *adapter)
{
    return adapter->twin;
}

// --- binding to a pool -----------------------------------------------------

enum { MIX_MAX = 3 };

// The learnt rules that speak for one of the pool; n == 0: the mean of all.
typedef struct { uint32_t n, rule [MIX_MAX]; float share [MIX_MAX]; } mix_t;

struct adapter_reader {
    const adapter_t *adapter;
    features_spec_t spec;
    features_reader_t *words;
    size_t n_rules, strangers, unused;
    mix_t *mix;                         // n_rules
    features_t prompt, x;
    features_side_t a, b;
    float *of_prompt, *of_a, *of_b;     // sums of the heads
    float *learnt, *relevant;           // values of the rules that the adapter knows
};

// Texts of rules are compared by what they are made of, whatever the adapter's own features are.
static const features_spec_t rule_features = { .bits = 18, .words = 2, .chars_min = 4, .chars_max = 5, .seed = 1 };

// The least likeness (cosine) at which a rule's weights are taken for another's.
static const double likeness_min = 0.2;

static void fill_mix (const features_t *own, const features_t *learnt, size_t n_learnt, mix_t *mix)
{
    double best [MIX_MAX] = { 0 };
    for (size_t i = 0; i < n_learnt; i++) {
        double likeness = features_dot (own, &learnt [i]);
        if (likeness < likeness_min)
            continue;
        uint32_t place = mix->n < MIX_MAX ? mix->n++ : MIX_MAX;
        for (; place > 0 && best [place - 1] < likeness; place--)
            if (place < MIX_MAX) {
                best [place] = best [place - 1];
                mix->rule [place] = mix->rule [place - 1];
            }
        if (place < MIX_MAX) {
            best [place] = likeness;
            mix->rule [place] = (uint32_t) i;
        }
    }
    // The fourth power: a reworded rule is nearly its former self, not an average of its neighbours.
    double sum = 0;
    for (uint32_t i = 0; i < mix->n; i++)
        sum += best [i] * best [i] * best [i] * best [i];
    for (uint32_t i = 0; i < mix->n; i++)
        mix->share [i] = (float) (best [i] * best [i] * best [i] * best [i] / sum);
}

static int find_learnt (const adapter_parts_t *parts, const digest_t *digest)
{
    for (uint32_t i = 0; i < parts->header->n_rules; i++)
        if (memcmp (parts->rule [i].digest, digest->b, DIGEST_BYTES) == 0)
            return (int) i;
    return -1;
}

static void mix_strangers (adapter_reader_t *reader, const adapter_rule_t *rules)
{
    const adapter_parts_t *parts = &reader->adapter->parts;
    size_t n_learnt = parts->header->n_rules;
    features_reader_t *words = features_reader_new (&rule_features);
    features_t *learnt = mem_zero (n_learnt, sizeof *learnt), own = { 0 };
    for (size_t i = 0; i < n_learnt; i++)
        features_text (words, parts->texts + parts->rule [i].text_at, parts->rule [i].text_len, &learnt [i]);
    for (size_t i = 0; i < reader->n_rules; i++)
        if (reader->mix [i].n == 0) {
            features_text (words, rules [i].text, strlen (rules [i].text), &own);
            fill_mix (&own, learnt, n_learnt, &reader->mix [i]);
        }
    for (size_t i = 0; i < n_learnt; i++)
        features_free (&learnt [i]);
    free (learnt);
    features_free (&own);
    features_reader_destroy (&words);
}

static void bind (adapter_reader_t *reader, const adapter_rule_t *rules)
{
    const adapter_parts_t *parts = &reader->adapter->parts;
    size_t known = 0;
    for (size_t i = 0; i < reader->n_rules; i++) {
        int learnt = find_learnt (parts, rules [i].digest);
        if (learnt >= 0)
            reader->mix [i] = (mix_t) { 1, { (uint32_t) learnt }, { 1 } };
        known += learnt >= 0;
    }
    reader->strangers = reader->n_rules - known;
    reader->unused = parts->header->n_rules - known;
    if (reader->strangers > 0)
        mix_strangers (reader, rules);
}

adapter_reader_t *adapter_reader_new (const adapter_t *adapter, const adapter_rule_t *rules, size_t n_rules)
{
    const adapter_header_t *header = adapter->parts.header;
    adapter_reader_t *reader = mem_zero (1, sizeof *reader);
    reader->adapter = adapter;
    reader->spec = adapter_header_features (header);
    reader->words = features_reader_new (&reader->spec);
    reader->n_rules = n_rules;
    reader->mix = mem_zero (n_rules, sizeof *reader->mix);
    reader->of_prompt = mem_zero (header->n_heads, sizeof (float));
    reader->of_a = mem_zero (header->n_heads, sizeof (float));
    reader->of_b = mem_zero (header->n_heads, sizeof (float));
    reader->learnt = mem_zero (header->n_rules, sizeof (float));
    reader->relevant = mem_zero (header->n_rules, sizeof (float));
    bind (reader, rules);
    return reader;
}

void adapter_reader_destroy (adapter_reader_t **reader)
{
    adapter_reader_t *self = *reader;
    if (self == NULL)
        return;
    features_reader_destroy (&self->words);
    features_t *vectors [] = { &self->prompt, &self->x, &self->a.words, &self->b.words };
    for (int i = 0; i < 4; i++)
        features_free (vectors [i]);
    float *rooms [] = { self->of_prompt, self->of_a, self->of_b, self->learnt, self->relevant };
    for (int i = 0; i < 5; i++)
        free (rooms [i]);
    free (self->mix);
    free (self);
    *reader = NULL;
}

size_t adapter_strangers (const adapter_reader_t *reader)
{
    return reader->strangers;
}

size_t adapter_unused (const adapter_reader_t *reader)
{
    return reader->unused;
}

// --- foreseeing ------------------------------------------------------------

// sum [head] += what the features add to it.
static void add_features (const adapter_parts_t *parts, const features_t *x, float *sum)
{
    size_t n_heads = parts->header->n_heads;
    for (size_t i = 0; i < x->n; i++) {
        uint32_t column = parts->index [x->at [i].index];
        if (column == ADAPTER_NO_COLUMN)
            continue;
        float value = x->at [i].value * parts->scale [column];
        const int8_t *weight = parts->weight + (size_t) column * n_heads;
        for (size_t head = 0; head < n_heads; head++)
            sum [head] += value * (float) weight [head];
    }
}

static void read_turns (adapter_reader_t *reader, const adapter_text_t *turns, size_t n, features_t *out, uint64_t *bytes)
{
    *bytes = 0;
    features_begin (reader->words);
    for (size_t i = 0; i < n; i++) {
        features_add (reader->words, turns [i].text, turns [i].len);
        *bytes += turns [i].len;
    }
    features_end (reader->words, out);
}

void adapter_read_prompt (adapter_reader_t *reader, const adapter_text_t *turns, size_t n_turns)
{
    const adapter_parts_t *parts = &reader->adapter->parts;
    uint64_t bytes;
    read_turns (reader, turns, n_turns, &reader->prompt, &bytes);
    memcpy (reader->of_prompt, parts->bias, parts->header->n_heads * sizeof (float));
    add_features (parts, &reader->prompt, reader->of_prompt);
}

// A response's share of the heads of form `cells`, the prompt's left out.
static void read_answer (adapter_reader_t *reader, const features_side_t *side, float *sum)
{
    static const features_t no_prompt = { 0 };
    memset (sum, 0, reader->adapter->parts.header->n_heads * sizeof *sum);
    features_answer (&reader->spec, &no_prompt, side, &reader->x);
    add_features (&reader->adapter->parts, &reader->x, sum);
}

static void value_of_cells (adapter_reader_t *reader)
{
    const adapter_parts_t *parts = &reader->adapter->parts;
    uint32_t n = parts->header->n_rules;
    const float *relevance = reader->of_prompt, *size = relevance + 2 * n;
    for (uint32_t r = 0; r < n; r++) {
        const float *c = parts->rule [r].coefficient;
        float relevant = relevance [r] + (reader->of_a [r] + reader->of_b [r]) / 2;
        float distance = fabsf (reader->of_a [n + r] - reader->of_b [n + r]);
        float sized = size [r] + (reader->of_a [2 * n + r] + reader->of_b [2 * n + r]) / 2;
        reader->relevant [r] = relevant;
        reader->learnt [r] = c [0] + c [1] * relevant + c [2] * distance + c [3] * sized;
    }
}

static void value_of_pair (adapter_reader_t *reader)
{
    const adapter_parts_t *parts = &reader->adapter->parts;
    static const features_t no_prompt = { 0 };
    memcpy (reader->learnt, reader->of_prompt, parts->header->n_heads * sizeof *reader->learnt);
    if (parts->header->prompt_only)
        return;
    features_pair (&reader->spec, &no_prompt, &reader->a, &reader->b, &reader->x);
    add_features (parts, &reader->x, reader->learnt);
}

static void to_pool (const adapter_reader_t *reader, const float *learnt, float *value)
{
    uint32_t n = reader->adapter->parts.header->n_rules;
    float mean = 0;
    for (uint32_t r = 0; r < n; r++)
        mean += learnt [r] / (float) n;
    for (size_t i = 0; i < reader->n_rules; i++) {
        const mix_t *mix = &reader->mix [i];
        value [i] = mix->n == 0 ? mean : 0;
        for (uint32_t m = 0; m < mix->n; m++)
            value [i] += mix->share [m] * learnt [mix->rule [m]];
    }
}

void adapter_read_pair (adapter_reader_t *reader, const adapter_text_t *a, size_t n_a, const adapter_text_t *b, size_t n_b,
                        float *value)
{
    const adapter_header_t *header = reader->adapter->parts.header;
    if (!header->prompt_only) {
        read_turns (reader, a, n_a, &reader->a.words, &reader->a.bytes);
        read_turns (reader, b, n_b, &reader->b.words, &reader->b.bytes);
    }
    if (header->form == ADAPTER_CELLS) {
        read_answer (reader, &reader->a, reader->of_a);
        read_answer (reader, &reader->b, reader->of_b);
        value_of_cells (reader);
    } else
        value_of_pair (reader);
    to_pool (reader, reader->learnt, value);
}

bool adapter_relevance (const adapter_reader_t *reader, float *value)
{
    if (reader->adapter->parts.header->form != ADAPTER_CELLS)
        return false;
    to_pool (reader, reader->relevant, value);
    return true;
}

// --- selecting -------------------------------------------------------------

static uint64_t hash_of (uint64_t seed, const content_key_t *key, const digest_t *digest)
{
    uint8_t bytes [KEY_BYTES + DIGEST_BYTES];
    memcpy (bytes, key->b, KEY_BYTES);
    memcpy (bytes + KEY_BYTES, digest->b, DIGEST_BYTES);
    return hash64 (seed, bytes, sizeof bytes);
}

size_t adapter_select (const float *value, const digest_t *rule_digest, size_t n_rules, uint64_t seed,
                       const content_key_t *prompt_key, size_t k, uint32_t *selected)
{
    size_t n = 0;
    for (uint32_t r = 0; r < n_rules; r++) {
        size_t place = n;
        while (place > 0) {
            uint32_t other = selected [place - 1];
            if (value [other] > value [r])
                break;
            if (value [other] == value [r] && hash_of (seed, prompt_key, &rule_digest [other])
                                              <= hash_of (seed, prompt_key, &rule_digest [r]))
                break;
            place--;
        }
        if (place == k)
            continue;
        n += n < k;
        memmove (selected + place + 1, selected + place, (n - 1 - place) * sizeof *selected);
        selected [place] = r;
    }
    return n;
}

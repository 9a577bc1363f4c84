#include "model/reward.h"

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

static const char magic [8] = { 'R', 'M', 'R', 'E', 'W', 'A', 'R', 'D' };

struct reward {
    reward_facts_t facts;
    const uint8_t *weights;         // of four bytes each, in the file
    reward_name_t *names;
    size_t n_names;
    digest_t digest;
    void *map;                      // NULL where the bytes are borrowed
    size_t map_len;
};

// --- numbers as bytes ---------------------------------------------------------

static void put_u32 (buf_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        buf_add_char (out, (char) (value >> 8 * i));
}

static void put_u64 (buf_t *out, uint64_t value)
{
    put_u32 (out, (uint32_t) value);
    put_u32 (out, (uint32_t) (value >> 32));
}

static void put_double (buf_t *out, double value)
{
    uint64_t bits;
    memcpy (&bits, &value, sizeof bits);
    put_u64 (out, bits);
}

static void put_float (buf_t *out, float value)
{
    uint32_t bits;
    memcpy (&bits, &value, sizeof bits);
    put_u32 (out, bits);
}

static uint32_t u32_at (const uint8_t *p)
{
    return p [0] | (uint32_t) p [1] << 8 | (uint32_t) p [2] << 16 | (uint32_t) p [3] << 24;
}

static float float_at (const uint8_t *p)
{
    uint32_t bits = u32_at (p);
    float value;
    memcpy (&value, &bits, sizeof value);
    return value;
}

// What is left of a file; once it has been too short, everything is 0 and bad stays.
typedef struct { const uint8_t *at; size_t left; bool bad; } bytes_t;

static const uint8_t *take (bytes_t *bytes, size_t n)
{
    if (bytes->bad || n > bytes->left) {
        bytes->bad = true;
        return NULL;
    }
    const uint8_t *p = bytes->at;
    bytes->at += n;
    bytes->left -= n;
    return p;
}

static uint32_t take_u32 (bytes_t *bytes)
{
    const uint8_t *p = take (bytes, 4);
    return p ? u32_at (p) : 0;
}

static uint64_t take_u64 (bytes_t *bytes)
{
    uint64_t low = take_u32 (bytes);
    return low | (uint64_t) take_u32 (bytes) << 32;
}

static double take_double (bytes_t *bytes)
{
    uint64_t bits = take_u64 (bytes);
    double value;
    memcpy (&value, &bits, sizeof value);
    return value;
}

// --- writing ------------------------------------------------------------------

void reward_write (const reward_facts_t *facts, const float *weights, const reward_name_t *names, size_t n_names, buf_t *out)
{
    assert (n_names <= REWARD_NAMES_MAX);
    size_t start = out->len, note = strlen (facts->note);
    const features_spec_t *spec = &facts->spec;
    buf_add (out, magic, sizeof magic);
    put_u32 (out, REWARD_VERSION);
    const uint32_t settings [] = { spec->bits, spec->words, spec->chars_min, spec->chars_max, spec->with_sign };
    for (int i = 0; i < 5; i++)
        put_u32 (out, settings [i]);
    put_u64 (out, spec->seed);
    put_double (out, facts->cost);
    put_double (out, facts->validation_loss);
    const uint64_t counts [] = { facts->pairs, facts->ties, facts->validation, facts->left_out };
    for (int i = 0; i < 4; i++)
        put_u64 (out, counts [i]);
    put_u32 (out, (uint32_t) note);
    buf_add (out, facts->note, note);
    for (uint32_t i = 0; i < reward_dimensions (spec); i++)
        put_float (out, weights [i]);
    put_u32 (out, (uint32_t) n_names);
    for (size_t i = 0; i < n_names; i++) {
        size_t len = strlen (names [i].text);
        put_u32 (out, names [i].index);
        buf_add_char (out, (char) len);
        buf_add (out, names [i].text, len);
    }
    digest_t digest = digest_of (out->data + start, out->len - start);
    buf_add (out, digest.b, DIGEST_BYTES);
}

// --- reading ------------------------------------------------------------------

static status_t damaged (const char *name, fault_t *fault)
{
    return fault_set (fault, ERR_FORMAT, "%s is damaged or was cut off; train it again", name);
}

// The header. False: it can't be one.
static bool read_facts (bytes_t *bytes, reward_facts_t *facts)
{
    features_spec_t *spec = &facts->spec;
    spec->bits = take_u32 (bytes);
    spec->words = take_u32 (bytes);
    spec->chars_min = take_u32 (bytes);
    spec->chars_max = take_u32 (bytes);
    uint32_t sign = take_u32 (bytes);
    spec->with_sign = sign == 1;
    spec->seed = take_u64 (bytes);
    facts->cost = take_double (bytes);
    facts->validation_loss = take_double (bytes);
    uint64_t *counts [] = { &facts->pairs, &facts->ties, &facts->validation, &facts->left_out };
    for (int i = 0; i < 4; i++)
        *counts [i] = take_u64 (bytes);
    uint32_t note = take_u32 (bytes);
    const uint8_t *text = note < REWARD_NOTE_MAX ? take (bytes, note) : NULL;
    if (text == NULL || sign > 1 || !features_spec_valid (spec) || memchr (text, '\0', note))
        return false;
    memcpy (facts->note, text, note);
    return true;
}

static bool read_weights (bytes_t *bytes, reward_t *reward)
{
    size_t n = reward_dimensions (&reward->facts.spec);
    reward->weights = take (bytes, 4 * n);
    for (size_t i = 0; reward->weights && i < n; i++)
        if (!isfinite (float_at (reward->weights + 4 * i)))
            return false;
    return reward->weights != NULL;
}

static bool read_names (bytes_t *bytes, reward_t *reward)
{
    uint32_t n = take_u32 (bytes);
    if (bytes->bad || n > REWARD_NAMES_MAX)
        return false;
    reward->names = mem_zero (n + 1, sizeof *reward->names);
    for (; reward->n_names < n; reward->n_names++) {
        reward_name_t *name = &reward->names [reward->n_names];
        name->index = take_u32 (bytes);
        const uint8_t *len = take (bytes, 1);
        const uint8_t *text = len && *len <= REWARD_NAME_BYTES_MAX ? take (bytes, *len) : NULL;
        bool ascends = reward->n_names == 0 || name->index > name [-1].index;
        if (text == NULL || !ascends || name->index >= reward_dimensions (&reward->facts.spec) || memchr (text, '\0', *len))
            return false;
        memcpy (name->text, text, *len);
    }
    return bytes->left == DIGEST_BYTES;
}

static status_t parse (reward_t *reward, const char *name, const uint8_t *data, size_t len, fault_t *fault)
{
    bytes_t bytes = { data, len, false };
    const uint8_t *begin = take (&bytes, sizeof magic);
    if (begin == NULL || memcmp (begin, magic, sizeof magic) != 0)
        return fault_set (fault, ERR_FORMAT, "%s is no reward model of rulemill", name);
    uint32_t version = take_u32 (&bytes);
    if (!bytes.bad && version != REWARD_VERSION)
        return fault_set (fault, ERR_FORMAT, "%s has version %u of the format, this program reads %d; train it again", name, version, REWARD_VERSION);
    if (len < DIGEST_BYTES)
        return damaged (name, fault);
    reward->digest = digest_of (data, len - DIGEST_BYTES);
    if (memcmp (reward->digest.b, data + len - DIGEST_BYTES, DIGEST_BYTES) != 0)
        return damaged (name, fault);
    if (!read_facts (&bytes, &reward->facts) || !read_weights (&bytes, reward) || !read_names (&bytes, reward))
        return damaged (name, fault);
    return OK;
}

status_t reward_open (const char *name, const void *bytes, size_t len, reward_t **out, fault_t *fault)
{
    *out = NULL;
    if (len > REWARD_FILE_BYTES_MAX)
        return fault_set (fault, ERR_LIMIT, "%s has %zu bytes; a reward model has at most %zu", name, len, REWARD_FILE_BYTES_MAX);
    reward_t *reward = mem_zero (1, sizeof *reward);
    status_t status = parse (reward, name, bytes, len, fault);
    if (status != OK)
        reward_destroy (&reward);
    *out = reward;
    return status;
}

static status_t map_file (int fd, const char *path, void **map, size_t *len, fault_t *fault)
{
    struct stat about;
    if (fd < 0 || fstat (fd, &about) != 0)
        return fault_set (fault, ERR_IO, "%s: %s", path, strerror (errno));
    if (!S_ISREG (about.st_mode) || about.st_size == 0 || (uint64_t) about.st_size > REWARD_FILE_BYTES_MAX)
        return fault_set (fault, ERR_FORMAT, "%s is no reward model of rulemill", path);
    *len = (size_t) about.st_size;
    *map = mmap (NULL, *len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (*map != MAP_FAILED)
        return OK;
    *map = NULL;
    return fault_set (fault, ERR_IO, "%s: %s", path, strerror (errno));
}

status_t reward_open_file (const char *path, reward_t **out, fault_t *fault)
{
    *out = NULL;
    void *map = NULL;
    size_t len = 0;
    int fd = open (path, O_RDONLY | O_CLOEXEC);
    status_t status = map_file (fd, path, &map, &len, fault);
    if (fd >= 0)
        close (fd);
    if (status == OK)
        status = reward_open (path, map, len, out, fault);
    if (status == OK) {
        (*out)->map = map;
        (*out)->map_len = len;
    } else if (map)
        munmap (map, len);
    return status;
}

void reward_destroy (reward_t **reward)
{
    if (*reward == NULL)
        return;
    if ((*reward)->map)
        munmap ((*reward)->map, (*reward)->map_len);
    free ((*reward)->names);
    free (*reward);
    *reward = NULL;
}

const reward_facts_t *reward_facts (const reward_t *reward)
{
    return &reward->facts;
}

digest_t reward_digest (const reward_t *reward)
{
    return reward->digest;
}

float reward_weight (const reward_t *reward, uint32_t index)
{
    assert (index < reward_dimensions (&reward->facts.spec));
    return float_at (reward->weights + 4 * (size_t) index);
}

const reward_name_t *reward_names (const reward_t *reward, size_t *n)
{
    *n = reward->n_names;
    return reward->names;
}

static double score_below (const reward_t *reward, const features_t *x, uint32_t end)
{
    double sum = 0;
    for (size_t i = 0; i < x->n && x->at [i].index < end; i++)
        sum += (double) reward_weight (reward, x->at [i].index) * (double) x->at [i].value;
    return sum;
}

double reward_score (const reward_t *reward, const features_t *x)
{
    return score_below (reward, x, reward_dimensions (&reward->facts.spec) - REWARD_LENGTHS);
}

double reward_score_with_length (const reward_t *reward, const features_t *x)
{
    return score_below (reward, x, reward_dimensions (&reward->facts.spec));
}

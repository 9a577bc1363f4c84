#include "ops/batch_id.h"

#include <inttypes.h>
#include <string.h>

void batch_id_check (batch_id_t *id, const content_key_t *response, const digest_t *rule, const digest_t *judge)
{
    hasher_t *hasher = hasher_new ();
    hasher_add (hasher, response->b, sizeof response->b);
    hasher_add (hasher, rule->b, sizeof rule->b);
    hasher_add (hasher, judge->b, sizeof judge->b);
    digest_t digest = hasher_end (&hasher);
    memcpy (id->check, digest.b, BATCH_CHECK_BYTES);
}

void batch_id_write (const batch_id_t *id, buf_t *out)
{
    char check [2 * BATCH_CHECK_BYTES + 1];
    hex_encode (id->check, BATCH_CHECK_BYTES, check);
    buf_printf (out, "r%" PRIu64 "-j%" PRIu32 "-q%" PRIu32 "-s%" PRIu32 "-c%d-k%s", id->response, id->judge, id->rule, id->sample,
                id->constrained, check);
}

// "r12": a letter and a whole number of at most max, written in one way alone; *at moves behind it.
static bool read_number (const char *text, size_t len, size_t *at, const char *before, uint64_t max, uint64_t *out)
{
    size_t mark = strlen (before);
    if (len - *at <= mark || memcmp (text + *at, before, mark) != 0)
        return false;
    size_t i = *at + mark, first = i;
    uint64_t value = 0;
    for (; i < len && text [i] >= '0' && text [i] <= '9'; i++) {
        uint64_t digit = (uint64_t) (text [i] - '0');
        if (digit > max || value > (max - digit) / 10)
            return false;
        value = 10 * value + digit;
    }
    if (i == first || (text [first] == '0' && i - first > 1))
        return false;
    *at = i;
    *out = value;
    return true;
}

static bool read_check (const char *text, size_t len, uint8_t check [BATCH_CHECK_BYTES])
{
    char digits [2 * BATCH_CHECK_BYTES + 1] = "";
    if (len != 2 + 2 * (size_t) BATCH_CHECK_BYTES || text [0] != '-' || text [1] != 'k')
        return false;
    memcpy (digits, text + 2, 2 * BATCH_CHECK_BYTES);
    for (size_t i = 0; i < 2 * BATCH_CHECK_BYTES; i++)
        if (strchr ("0123456789abcdef", digits [i]) == NULL || digits [i] == '\0')
            return false;
    return hex_decode (digits, check, BATCH_CHECK_BYTES);
}

bool batch_id_read (const char *text, size_t len, batch_id_t *out)
{
    uint64_t response, judge, rule, sample, constrained;
    batch_id_t id;
    size_t at = 0;
    if (!read_number (text, len, &at, "r", UINT64_MAX, &response) || !read_number (text, len, &at, "-j", UINT32_MAX, &judge)
        || !read_number (text, len, &at, "-q", UINT32_MAX, &rule) || !read_number (text, len, &at, "-s", UINT32_MAX, &sample)
        || !read_number (text, len, &at, "-c", 1, &constrained) || !read_check (text + at, len - at, id.check))
        return false;
    id.response = response;
    id.judge = (uint32_t) judge;
    id.rule = (uint32_t) rule;
    id.sample = (uint32_t) sample;
    id.constrained = constrained == 1;
    *out = id;
    return true;
}

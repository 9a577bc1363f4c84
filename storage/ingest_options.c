#include "storage/ingest_options.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

// Raised whenever code reads another pair out of the same row.
enum { READING_VERSION = 1, MAPPED = 13 };

static const char *const mode_names [] = { "limit", "all", "best-vs-rest" };

// The mapping's names and fields, in a fixed order.
static const char *const mapped_names [MAPPED] = {
    "id", "prompt", "responses", "response_a", "response_b", "chosen", "rejected",
    "models", "model_a", "model_b", "scores", "preference", "source",
};

static void mapped_fields (ingest_mapping_t *m, const char **out [MAPPED])
{
    const char **fields [MAPPED] = {
        &m->id, &m->prompt, &m->responses, &m->response_a, &m->response_b, &m->chosen, &m->rejected,
        &m->models, &m->model_a, &m->model_b, &m->scores, &m->preference, &m->source,
    };
    memcpy (out, fields, sizeof fields);
}

size_t ingest_row_bytes_max (const ingest_options_t *options)
{
    return options->row_bytes_max ? options->row_bytes_max : LIMIT_ROW_BYTES;
}

size_t ingest_text_bytes_max (const ingest_options_t *options)
{
    return options->text_bytes_max ? options->text_bytes_max : LIMIT_TEXT_BYTES;
}

static status_t check_mapping (ingest_mapping_t mapping, fault_t *fault)
{
    const char **fields [MAPPED];
    mapped_fields (&mapping, fields);
    for (int i = 0; i < MAPPED; i++) {
        const char *name = *fields [i];
        if (name && (*name == '\0' || strchr (name, '\n') || strlen (name) > LIMIT_NAME_BYTES))
            return fault_set (fault, ERR_USAGE, "the mapping's column for %s should have 1 to %d bytes in one line; correct it",
                              mapped_names [i], LIMIT_NAME_BYTES);
    }
    return OK;
}

status_t ingest_options_check (const ingest_options_t *options, fault_t *fault)
{
    if (options->pairs == PAIRS_LIMIT && options->pairs_max == 0)
        return fault_set (fault, ERR_USAGE, "at most 0 pairs of a prompt would leave nothing; give 1 or more, or all");
    if (options->row_bytes_max > LIMIT_ROW_BYTES)
        return fault_set (fault, ERR_USAGE, "the longest row can't be over %d bytes (%zu given)", LIMIT_ROW_BYTES, options->row_bytes_max);
    if (options->text_bytes_max > LIMIT_TEXT_BYTES)
        return fault_set (fault, ERR_USAGE, "the longest text can't be over %d bytes (%zu given)", LIMIT_TEXT_BYTES, options->text_bytes_max);
    if (!(options->bad_share_max >= 0 && options->bad_share_max <= 1))
        return fault_set (fault, ERR_USAGE, "the share of bad rows should lie in 0 to 1 (%g given)", options->bad_share_max);
    return check_mapping (options->mapping, fault);
}

void ingest_options_describe (const ingest_options_t *options, buf_t *out)
{
    buf_printf (out, "reading=%d\npairs=%s\n", READING_VERSION, mode_names [options->pairs]);
    if (options->pairs == PAIRS_LIMIT)
        buf_printf (out, "pairs_max=%" PRIu32 "\n", options->pairs_max);
    if (options->part.of > 0) {     // before the seed, which may stand here for its sake alone
        buf_add_str (out, "part=");
        corpus_part_write (options->part, out);
        buf_add_char (out, '\n');
    }
    if (options->pairs == PAIRS_LIMIT || options->part.of > 0)
        buf_printf (out, "seed=%" PRIu64 "\n", options->seed);
    buf_printf (out, "row_bytes_max=%zu\ntext_bytes_max=%zu\n", ingest_row_bytes_max (options), ingest_text_bytes_max (options));
    ingest_mapping_t mapping = options->mapping;
    const char **fields [MAPPED];
    mapped_fields (&mapping, fields);
    for (int i = 0; i < MAPPED; i++)
        if (*fields [i])
            buf_printf (out, "mapping.%s=%s\n", mapped_names [i], *fields [i]);
}

static bool read_number (const char *text, uint64_t *out)
{
    char *end;
    *out = strtoull (text, &end, 10);
    return end != text && *end == '\0';
}

static bool read_mode (const char *value, pairs_mode_t *out)
{
    for (int i = 0; i < 3; i++)
        if (strcmp (value, mode_names [i]) == 0) {
            *out = (pairs_mode_t) i;
            return true;
        }
    return false;
}

static bool read_option (const char *key, const char *value, ingest_options_t *options)
{
    if (strcmp (key, "pairs") == 0)
        return read_mode (value, &options->pairs);
    if (strncmp (key, "mapping.", 8) == 0) {
        const char **fields [MAPPED];
        mapped_fields (&options->mapping, fields);
        for (int i = 0; i < MAPPED; i++)
            if (strcmp (key + 8, mapped_names [i]) == 0) {
                *fields [i] = value;
                return true;
            }
        return false;
    }
    if (strcmp (key, "part") == 0)
        return corpus_part_read (key, value, &options->part, NULL) == OK;
    uint64_t n;
    if (!read_number (value, &n))
        return false;
    if (strcmp (key, "pairs_max") == 0)
        options->pairs_max = (uint32_t) n;
    else if (strcmp (key, "seed") == 0)
        options->seed = n;
    else if (strcmp (key, "row_bytes_max") == 0)
        options->row_bytes_max = n;
    else if (strcmp (key, "text_bytes_max") == 0)
        options->text_bytes_max = n;
    else
        return strcmp (key, "reading") == 0;
    return true;
}

status_t ingest_options_read (const char *text, ingest_options_t *options, buf_t *kept, fault_t *fault)
{
    buf_clear (kept);
    buf_add_str (kept, text);
    options->mapping = (ingest_mapping_t) { 0 };
    options->part = (corpus_part_t) { 0 };
    for (char *line = kept->data, *next; *line; line = next) {
        char *end = strchr (line, '\n'), *equals = strchr (line, '=');
        if (end == NULL || equals == NULL || equals > end)
            return fault_set (fault, ERR_CORRUPT, "the corpus's options in the store can't be read; restore a backup");
        *end = *equals = '\0';
        next = end + 1;
        if (!read_option (line, equals + 1, options))
            return fault_set (fault, ERR_CORRUPT, "the corpus's option \"%.80s\" in the store is unknown; use the version that wrote it", line);
    }
    return OK;
}

// The line of text that begins with key (of key_len bytes, with its "="), without its end; "-" where there is none.
static const char *value_of (const char *text, const char *key, size_t key_len, int *len)
{
    for (const char *line = text; line && *line; line = strchr (line, '\n'), line += line != NULL)
        if (strncmp (line, key, key_len) == 0) {
            *len = (int) (strcspn (line, "\n") - key_len);
            return line + key_len;
        }
    *len = 4;
    return "none";
}

// The first line of `from` that `other` says differently.
static const char *differing (const char *from, const char *other, size_t *key_len)
{
    for (const char *line = from; line && *line; line = strchr (line, '\n'), line += line != NULL) {
        *key_len = strcspn (line, "=") + 1;
        int a, b;
        const char *x = value_of (from, line, *key_len, &a), *y = value_of (other, line, *key_len, &b);
        if (a != b || memcmp (x, y, (size_t) a) != 0)
            return line;
    }
    return NULL;
}

// The first line that they say differently, with its key, and both values; false: there is none.
static bool find_difference (const char *one, const char *other, const char **key, int *key_len, const char *value [2], int len [2])
{
    size_t with_equals = 0;
    const char *line = differing (one, other, &with_equals);
    if (line == NULL)
        line = differing (other, one, &with_equals);
    if (line == NULL)
        return false;
    *key = line;
    *key_len = (int) with_equals - 1;
    value [0] = value_of (one, line, with_equals, &len [0]);
    value [1] = value_of (other, line, with_equals, &len [1]);
    return true;
}

void ingest_options_difference (const char *one, const char *where, const char *other, const char *elsewhere, buf_t *out)
{
    const char *key, *value [2];
    int key_len, len [2];
    if (find_difference (one, other, &key, &key_len, value, len))
        buf_printf (out, "%.*s is %.*s in %s, %.*s in %s", key_len, key, len [0], value [0], where, len [1], value [1], elsewhere);
}

status_t ingest_options_compare (const char *stored, const char *asked, fault_t *fault)
{
    const char *key, *value [2];
    int key_len, len [2];
    if (!find_difference (stored, asked, &key, &key_len, value, len))
        return OK;
    return fault_set (fault, ERR_MISMATCH, "the corpus was read with %.*s: %.*s, asked for is %.*s; ask for the same, or give another folder (--out)",
                      key_len, key, len [0], value [0], len [1], value [1]);
}

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tests/fuzz/fuzz.h"

enum { FILE_BYTES_MAX = 1024 * 1024 };

// Bytes in a copy of exactly their size, so that reading past them is seen.
static void run_once (const char *data, size_t len)
{
    uint8_t *copy = mem_new (len ? len : 1);
    if (len)
        memcpy (copy, data, len);
    LLVMFuzzerTestOneInput (copy, len);
    free (copy);
}

static void mutate (rng_t *rng, buf_t *data)
{
    static const char *const bits [] = { "null", "-9999.0", "NaN", "-Infinity", "{}", "[]", "\"\"", "1e999", "\"Yes\"", "\"label\"", "</think>", "\\ud800",
                                         "\\u0000", "\xC4\xA0", "\xE2\x96\x81", "\n", "\"", "\\", "<", "sk-", "\xFF\xFF\xFF\xFF", "\x7F\x80" };
    for (uint64_t n = 1 + rng_below (rng, 6); n > 0 && data->len > 0; n--) {
        size_t at = rng_below (rng, data->len);
        const char *bit = bits [rng_below (rng, sizeof bits / sizeof *bits)];
        size_t len = strlen (bit) < data->len - at ? strlen (bit) : data->len - at;
        switch (rng_below (rng, 5)) {
        case 0: data->data [at] = (char) rng_next (rng); break;
        case 1: data->data [at] ^= (char) (1 << rng_below (rng, 8)); break;
        case 2: data->len = at; break;
        case 3: memcpy (data->data + at, bit, len); break;
        default: memmove (data->data + at, data->data + rng_below (rng, at + 1), data->len - at); break;
        }
    }
}

static bool read_file (const char *path, buf_t *out)
{
    FILE *file = fopen (path, "rb");
    if (file == NULL)
        return false;
    buf_reserve (out, FILE_BYTES_MAX);
    out->len = fread (out->data, 1, FILE_BYTES_MAX, file);
    return fclose (file) == 0;
}

static int run_file (const char *path, unsigned long mutations, rng_t *rng)
{
    buf_t data = { 0 }, copy = { 0 };
    if (!read_file (path, &data)) {
        perror (path);
        return 1;
    }
    run_once (data.data, data.len);
    for (unsigned long i = 0; i < mutations; i++) {
        buf_clear (&copy);
        buf_add (&copy, data.data, data.len);
        mutate (rng, &copy);
        run_once (copy.data, copy.len);
    }
    buf_free (&data);
    buf_free (&copy);
    return 0;
}

int main (int argc, char **argv)
{
    unsigned long mutations = 0;
    rng_t rng = { 1 };
    int failed = 0, files = 0;
    for (int i = 1; i < argc; i++)
        if (strcmp (argv [i], "--mutate") == 0 && i + 1 < argc)
            mutations = strtoul (argv [++i], NULL, 10);
        else if (strcmp (argv [i], "--seed") == 0 && i + 1 < argc)
            rng.state = strtoul (argv [++i], NULL, 10);
        else {
            failed |= run_file (argv [i], mutations, &rng);
            files++;
        }
    printf ("%d files, %lu mutations of each\n", files, mutations);
    return failed || files == 0;
}

// Fuzz target: whatever a server answers, reading it does no harm and a cell's parts are one together.
//
// With clang it is a libFuzzer program. Elsewhere (RULEMILL_FUZZ_DRIVER) it reads the files given, and as many seeded mutations
// of each as --mutate says:
//
//     fuzz_answer [--mutate N] [--seed S] FILE...
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "worker/chat.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void must (bool holds, const char *what)
{
    if (holds)
        return;
    fprintf (stderr, "broken: %s\n", what);
    abort ();
}

static void read_as (json_doc_t *doc, const chat_settings_t *settings, constrain_t constrain, const char *body, size_t len)
{
    answer_t a;
    answer_read (doc, settings, constrain, body, len, &a);
    must (a.kind == ANSWER_CELL || a.kind == ANSWER_UNREADABLE || a.kind == ANSWER_MALFORMED, "kind");
    must (a.cell.known == (a.kind == ANSWER_CELL), "a cell is known exactly where there is one");
    must ((a.why [0] == '\0') == (a.kind == ANSWER_CELL), "why is said exactly where there is no cell");
    must (memchr (a.why, '\0', sizeof a.why) != NULL && strpbrk (a.why, "\n\r") == NULL, "why is one line");
    must (a.cached_tokens <= a.prompt_tokens, "cached tokens are of the prompt");
    int32_t yes, no, irrelevant;
    if (a.kind != ANSWER_CELL)
        return;
    must (cell_probabilities (&a.cell, &yes, &no, &irrelevant), "a cell comes from probabilities");
    must (yes >= 0 && no >= 0 && irrelevant >= 0 && yes + no + irrelevant == MICRO, "they are one together");
    must (a.cell.mass <= MICRO, "the mass is at most one");
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    json_doc_t *doc = json_doc_new ();
    const char *body = (const char *) data;
    for (int i = 0; i < 4; i++) {
        chat_settings_t settings = { .model = "m", .logprobs = i % 2 == 0, .mass_min = 0.05, .position = i < 2 ? LABEL_FIRST : LABEL_AFTER_REASONING };
        read_as (doc, &settings, CONSTRAIN_NONE, body, size);
        read_as (doc, &settings, CONSTRAIN_STRUCTURED, body, size);
    }
    char text [100];
    for (size_t room = 0; room <= sizeof text; room += 20) {
        bool context;
        answer_error (doc, body, size, text, room, &context);
        must (room == 0 || memchr (text, '\0', room) != NULL, "an error's text ends in its room");
    }
    char label = answer_token_label (body, size);
    must (label == 0 || label == 'y' || label == 'n' || label == 'i', "a label is one of three");
    json_doc_destroy (&doc);
    return 0;
}

#ifdef RULEMILL_FUZZ_DRIVER

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
                                         "\\u0000", "\xC4\xA0", "\xE2\x96\x81", "\n", "\"", "\\", "<", "sk-" };
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

#endif

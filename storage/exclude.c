#include "storage/exclude.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/words.h"
#include "storage/input.h"
#include "storage/input_names.h"
#include "storage/row.h"

enum { BATCH_PROMPTS = 1000 };

// A run of words of a benchmark's prompt, or all of its words: its hash, and where it stands.
typedef struct { uint64_t hash; uint32_t file, line; } mark_t;

typedef struct { mark_t *marks; size_t n, max; } marks_t;

struct exclude {
    char **names;           // of the files
    digest_t *digests;
    size_t n_files;
    marks_t grams, wholes;  // sorted by hash
    buf_t words;            // scratch: a prompt's words
    size_t *starts;         // scratch: where each begins
    size_t starts_max;
};

static status_t add_mark (marks_t *to, mark_t mark, fault_t *fault)
{
    if (to->n == EXCLUDE_GRAMS_MAX)
        return fault_set (fault, ERR_LIMIT, "the benchmark files have more than %d runs of %d words; give fewer or smaller files",
                          EXCLUDE_GRAMS_MAX, EXCLUDE_GRAM_WORDS);
    if (to->n == to->max) {
        to->max = to->max ? 2 * to->max : 1024;
        to->marks = mem_resize (to->marks, to->max * sizeof *to->marks);
    }
    to->marks [to->n++] = mark;
    return OK;
}

static int by_hash (const void *a, const void *b)
{
    const mark_t *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    if (x->file != y->file)
        return x->file < y->file ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static const mark_t *find_mark (const marks_t *in, uint64_t hash)
{
    size_t low = 0, high = in->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (in->marks [middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low < in->n && in->marks [low].hash == hash ? &in->marks [low] : NULL;
}

// The words of all user turns, one after the other, and where each begins; returns how many.
static size_t split_words (exclude_t *exclude, const Rulemill__Conversation *prompt)
{
    buf_clear (&exclude->words);
    for (size_t i = 0; i < prompt->n_turns; i++)
        if (strcmp (prompt->turns [i]->role, "user") == 0)
            words_normalise (prompt->turns [i]->content, strlen (prompt->turns [i]->content), &exclude->words);
    size_t n = 0;
    for (size_t at = 0; at + 1 < exclude->words.len; at++) {
        if (exclude->words.data [at] != ' ')
            continue;
        if (n + 1 >= exclude->starts_max) {
            exclude->starts_max = exclude->starts_max ? 2 * exclude->starts_max : 1024;
            exclude->starts = mem_resize (exclude->starts, exclude->starts_max * sizeof *exclude->starts);
        }
        exclude->starts [n++] = at;
    }
    if (n > 0)
        exclude->starts [n] = exclude->words.len - 1;
    return n;
}

static uint64_t hash_whole (const exclude_t *exclude)
{
    return hash64 (1, exclude->words.data, exclude->words.len);
}

static uint64_t hash_gram (const exclude_t *exclude, size_t word)
{
    size_t from = exclude->starts [word], to = exclude->starts [word + EXCLUDE_GRAM_WORDS];
    return hash64 (2, exclude->words.data + from, to - from);
}

static status_t add_prompt (exclude_t *exclude, const Rulemill__Conversation *prompt, uint32_t file, uint64_t line, fault_t *fault)
{
    size_t n = split_words (exclude, prompt);
    mark_t mark = { .file = file, .line = line > UINT32_MAX ? UINT32_MAX : (uint32_t) line };
    if (n == 0)
        return OK;
    mark.hash = hash_whole (exclude);
    status_t status = add_mark (&exclude->wholes, mark, fault);
    for (size_t i = 0; status == OK && i + EXCLUDE_GRAM_WORDS <= n; i++) {
        mark.hash = hash_gram (exclude, i);
        status = add_mark (&exclude->grams, mark, fault);
    }
    return status;
}

// What was read of a benchmark file, and the first row that could not be.
typedef struct {
    size_t prompts, bad;
    uint64_t bad_line;
    row_problem_t first;
} reading_t;

static status_t read_lines (exclude_t *exclude, input_t *input, row_parser_t *parser, uint32_t file, reading_t *reading, fault_t *fault)
{
    for (;;) {
        input_line_t line;
        bool got;
        status_t status = input_next (input, &line, &got, fault);
        if (status != OK || !got)
            return status;
        Rulemill__Conversation *prompt;
        row_problem_t problem = { .reason = "row-too-long", .detail = "the row is too long" };
        if (!line.too_long && row_parse_prompt (parser, line.text, line.len, &prompt, &problem)) {
            status = add_prompt (exclude, prompt, file, line.row, fault);
            reading->prompts++;
        }
        else if (reading->bad++ == 0) {
            reading->first = problem;
            reading->bad_line = line.row;
        }
        if (status != OK)
            return status;
    }
}

static status_t read_file (exclude_t *exclude, const char *path, uint32_t file, row_parser_t *parser, fault_t *fault)
{
    input_t *input;
    status_t status = input_open (path, LIMIT_ROW_BYTES, &input, fault);
    if (status != OK)
        return status;
    reading_t reading = { 0 };
    exclude->names [file] = input_name (path);
    status = read_lines (exclude, input, parser, file, &reading, fault);
    if (status == OK && reading.prompts == 0)
        status = fault_set (fault, ERR_FORMAT, "%s: no row with a prompt that can be read (%s); is this the benchmark's file?", path,
                            reading.bad ? reading.first.detail : "it is empty");
    else if (status == OK && reading.bad > 0)
        log_warn ("%s: %zu rows can't be read and exclude nothing (first: line %" PRIu64 ": %s)", path, reading.bad, reading.bad_line,
                  reading.first.detail);
    if (status == OK)
        exclude->digests [file] = input_disk_digest (input);
    input_close (&input);
    return status;
}

status_t exclude_open (const char *const *paths, size_t n, exclude_t **out, fault_t *fault)
{
    exclude_t *exclude = mem_zero (1, sizeof *exclude);
    exclude->names = mem_zero (n + 1, sizeof *exclude->names);
    exclude->digests = mem_zero (n + 1, sizeof *exclude->digests);
    exclude->n_files = n;
    row_parser_t *parser = NULL;
    status_t status = row_parser_new (NULL, LIMIT_TEXT_BYTES, &parser, fault);
    for (size_t i = 0; status == OK && i < n; i++)
        status = read_file (exclude, paths [i], (uint32_t) i, parser, fault);
    row_parser_destroy (&parser);
    if (exclude->grams.n > 0)
        qsort (exclude->grams.marks, exclude->grams.n, sizeof (mark_t), by_hash);
    if (exclude->wholes.n > 0)
        qsort (exclude->wholes.marks, exclude->wholes.n, sizeof (mark_t), by_hash);
    if (status != OK)
        exclude_destroy (&exclude);
    *out = exclude;
    return status;
}

void exclude_destroy (exclude_t **exclude)
{
    exclude_t *e = *exclude;
    if (e == NULL)
        return;
    for (size_t i = 0; i < e->n_files; i++)
        free (e->names [i]);
    free (e->names);
    free (e->digests);
    free (e->grams.marks);
    free (e->wholes.marks);
    free (e->starts);
    buf_free (&e->words);
    free (e);
    *exclude = NULL;
}

digest_t exclude_file_digest (const exclude_t *exclude, size_t i)
{
    assert (i < exclude->n_files);
    return exclude->digests [i];
}

static bool says (const exclude_t *exclude, const mark_t *mark, const char *how, buf_t *why)
{
    if (mark == NULL)
        return false;
    buf_printf (why, "%s %s:%" PRIu32, how, exclude->names [mark->file], mark->line);
    return true;
}

bool exclude_matches (exclude_t *exclude, const Rulemill__Conversation *prompt, buf_t *why)
{
    size_t n = split_words (exclude, prompt);
    if (n == 0)
        return false;
    if (says (exclude, find_mark (&exclude->wholes, hash_whole (exclude)), "equals the prompt of", why))
        return true;
    buf_t how = { 0 };
    buf_printf (&how, "shares %d words with", EXCLUDE_GRAM_WORDS);
    bool found = false;
    for (size_t i = 0; !found && i + EXCLUDE_GRAM_WORDS <= n; i++)
        found = says (exclude, find_mark (&exclude->grams, hash_gram (exclude, i)), how.data, why);
    buf_free (&how);
    return found;
}

// --- the prompts of a store ------------------------------------------------

static status_t compare_prompt (exclude_t *exclude, store_t *store, store_batch_t *batch, Rulemill__RunRecord *run, fault_t *fault)
{
    Rulemill__PromptRecord *prompt;
    status_t status = record_get_prompt (store, run->excluded_through, &prompt, fault);
    if (status != OK)
        return status;
    if (prompt == NULL || prompt->conversation == NULL) {
        if (prompt)
            rulemill__prompt_record__free_unpacked (prompt, NULL);
        return fault_set (fault, ERR_CORRUPT, "prompt %" PRIu64 " is missing in the store; restore a backup, or start anew in another folder",
                          run->excluded_through);
    }
    buf_t why = { 0 };
    if (exclude_matches (exclude, prompt->conversation, &why)) {
        Rulemill__RejectRecord reject = RULEMILL__REJECT_RECORD__INIT;
        reject.reason = "excluded";
        reject.detail = why.data;
        record_put_excluded (batch, run->number, run->excluded_through, &reject);
        run->excluded_prompts++;
    }
    buf_free (&why);
    rulemill__prompt_record__free_unpacked (prompt, NULL);
    run->excluded_through++;
    return OK;
}

static status_t compare_prompts (exclude_t *exclude, store_t *store, store_batch_t *batch, uint64_t end, Rulemill__RunRecord *run,
                                 const _Atomic bool *stop, fault_t *fault)
{
    while (run->excluded_through < end) {
        status_t status = OK;
        bool stopping = stop && atomic_load (stop);
        store_batch_clear (batch);
        for (int n = 0; status == OK && !stopping && n < BATCH_PROMPTS && run->excluded_through < end; n++)
            status = compare_prompt (exclude, store, batch, run, fault);
        if (status != OK)
            return status;
        if (stopping)
            return fault_set (fault, ERR_STOPPED, "stopped while prompts were compared with the benchmarks; the same command goes on");
        record_put_run (batch, run);
        status = store_write (store, batch, fault);
        if (status != OK)
            return status;
    }
    return OK;
}

status_t exclude_run (exclude_t *exclude, store_t *store, Rulemill__RunRecord *run, const _Atomic bool *stop, fault_t *fault)
{
    Rulemill__CorpusState *corpus;
    status_t status = record_get_corpus (store, &corpus, fault);
    if (status != OK)
        return status;
    uint64_t end = corpus ? corpus->prompts : 0;
    if (corpus)
        rulemill__corpus_state__free_unpacked (corpus, NULL);
    store_batch_t *batch = store_batch_new (store);
    status = compare_prompts (exclude, store, batch, end, run, stop, fault);
    store_batch_destroy (&batch);
    return status == OK ? store_sync (store, fault) : status;
}

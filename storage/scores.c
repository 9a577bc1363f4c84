#include "storage/scores.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "storage/corpus_part.h"
#include "storage/input.h"
#include "storage/scores_line.h"

enum { DONE_NUMBERS = 9, DONE_BYTES = DONE_NUMBERS * 8 };

// --- identity ---

static void hash_text (hasher_t *hasher, const char *text)
{
    hasher_add_u64 (hasher, strlen (text));
    hasher_add (hasher, text, strlen (text));
}

// Lists of scores go by the pool's order and objects by its ids, so the pool decides what the file's bytes say.
status_t scores_identity (const scores_options_t *options, digest_t *out, fault_t *fault)
{
    digest_t bytes = { { 0 } };
    if (options->path && !digest_of_file (options->path, &bytes))
        return fault_set (fault, ERR_IO, "%s: %s; check the path of the scores", options->path, strerror (errno));
    hasher_t *hasher = hasher_new ();
    hash_text (hasher, "rulemill scores 1");
    hash_text (hasher, options->path ? "file" : "rows");
    hasher_add (hasher, bytes.b, DIGEST_BYTES);
    hasher_add_u64 (hasher, options->raw);
    hasher_add_u64 (hasher, options->n_rules);
    for (size_t r = 0; r < options->n_rules; r++) {
        hash_text (hasher, options->rule_ids [r]);
        hasher_add (hasher, options->rule_digests [r].b, DIGEST_BYTES);
    }
    *out = hasher_end (&hasher);
    return OK;
}

// --- what was done ---

// Of whatever part: what a name means depends on all rows.
static uint64_t rows_of_corpus (const Rulemill__CorpusState *corpus)
{
    uint64_t unusable;
    return corpus->rows_read + corpus_part_passed (corpus, &unusable);
}

// Pairs and rows of the corpus, then the report: its numbers, its first problem.
static void pack_done (const Rulemill__CorpusState *corpus, const scores_report_t *report, buf_t *out)
{
    const uint64_t numbers [DONE_NUMBERS] = {
        corpus->pairs, rows_of_corpus (corpus), report->lines, report->cells, report->unknown_ids, report->ambiguous_ids,
        report->unknown_rules, report->conflicts, report->bad_lines
    };
    for (int n = 0; n < DONE_NUMBERS; n++)
        buf_add_u64be (out, numbers [n]);
    buf_add_str (out, report->first_problem);
}

// Is this what was done for the corpus as it is now? Fills the report with what was reported then.
static bool unpack_done (const buf_t *in, const Rulemill__CorpusState *corpus, scores_report_t *report)
{
    uint64_t n [DONE_NUMBERS] = { 0 };
    if (in->len < DONE_BYTES || in->len - DONE_BYTES >= sizeof report->first_problem)
        return false;
    for (int i = 0; i < DONE_BYTES; i++)
        n [i / 8] = n [i / 8] << 8 | (uint8_t) in->data [i];
    if (n [0] != corpus->pairs || n [1] != rows_of_corpus (corpus))
        return false;
    *report = (scores_report_t) { .lines = n [2], .cells = n [3], .unknown_ids = n [4], .ambiguous_ids = n [5],
                                  .unknown_rules = n [6], .conflicts = n [7], .bad_lines = n [8] };
    memcpy (report->first_problem, in->data + DONE_BYTES, in->len - DONE_BYTES);
    return true;
}

// --- a file ---

static status_t go_on (const _Atomic bool *stop, fault_t *fault)
{
    return stop && atomic_load (stop) ? fault_set (fault, ERR_STOPPED, "stopped while scores were read") : OK;
}

static status_t take_text (scores_import_t *import, json_doc_t *doc, const input_line_t *line, const char *where, fault_t *fault)
{
    fault_t problem = { 0 };
    const json_value_t *root;
    import->report->lines++;
    if (line->too_long)
        scores_bad_line (import, where, "it is longer than any line of scores may be");
    else if (json_parse (doc, line->text, line->len, &root, &problem) != OK)
        scores_bad_line (import, where, problem.text);
    else
        return scores_take_line (import, root, where, fault);
    return OK;
}

static bool is_blank (const input_line_t *line)
{
    size_t n = 0;
    while (n < line->len && strchr (" \t\r", line->text [n]) && line->text [n])
        n++;
    return n == line->len;
}

static status_t take_lines (scores_import_t *import, input_t *input, const _Atomic bool *stop, fault_t *fault)
{
    const char *slash = strrchr (import->options->path, '/'), *name = slash ? slash + 1 : import->options->path;
    json_doc_t *doc = json_doc_new ();
    status_t status = OK;
    bool got = true;
    while (status == OK && got) {
        input_line_t line;
        status = go_on (stop, fault);
        if (status == OK)
            status = input_next (input, &line, &got, fault);
        if (status != OK || !got || is_blank (&line))
            continue;
        char where [160];
        snprintf (where, sizeof where, "%.120s:%" PRIu64, name, line.row);
        status = take_text (import, doc, &line, where, fault);
    }
    json_doc_destroy (&doc);
    return status;
}

// An error in the whole corpus; here they may be of other parts, one and all.
static void warn_of_strange_keys (const scores_import_t *import)
{
    const scores_report_t *report = import->report;
    if (import->keys_lacking > 0 && import->keys_lacking + report->bad_lines == report->lines && import->corpus->pairs > 0)
        log_warn ("%s: no line is of a response of this part; check that the scores are of this corpus", import->options->path);
}

static status_t import_file (scores_import_t *import, const _Atomic bool *stop, fault_t *fault)
{
    input_t *input;
    status_t status = input_open (import->options->path, LIMIT_ROW_BYTES, &input, fault);
    if (status)
        return status;
    status = scores_rows_new (import->store, stop, &import->rows, fault);
    if (status == OK)
        status = take_lines (import, input, stop, fault);
    input_close (&input);
    const scores_report_t *report = import->report;
    if (status == OK)
        warn_of_strange_keys (import);
    if (status == OK && report->bad_lines == report->lines)
        status = fault_set (fault, ERR_FORMAT, "%s: holds no line of scores that can be read; the wrong file was given? %s",
                            import->options->path, report->first_problem);
    return status;
}

// --- scores in the rows ---

static status_t take_meta (scores_import_t *import, json_doc_t *doc, const Rulemill__RowRecord *row, const scores_pair_t *pair, fault_t *fault)
{
    const json_value_t *meta;
    if (*row->meta == '\0' || json_parse (doc, row->meta, strlen (row->meta), &meta, NULL) != OK)
        return OK;
    if (json_get (meta, "scoresA") == NULL && json_get (meta, "scoresB") == NULL)
        return OK;
    import->report->lines++;
    char where [160];
    snprintf (where, sizeof where, "row %.140s", row->id);
    if (!pair->listed)
        return scores_take_pair (import, meta, pair, where, fault);
    scores_bad_line (import, where, "\"scoresA\" and \"scoresB\" can't stand in a row with a list of responses; give a file of scores");
    return OK;
}

static status_t take_row (scores_import_t *import, json_doc_t *doc, place_t place, const scores_pair_t *pair, fault_t *fault)
{
    Rulemill__RowRecord *row;
    status_t status = record_get_row (import->store, place.input, place.row, &row, fault);
    if (status || row == NULL)
        return status;
    status = take_meta (import, doc, row, pair, fault);
    rulemill__row_record__free_unpacked (row, NULL);
    return status;
}

static status_t import_pairs (scores_import_t *import, json_doc_t *doc, const _Atomic bool *stop, fault_t *fault)
{
    status_t status = OK;
    store_iter_t *iter = record_walk_pairs (import->store, 0);
    for (; status == OK && store_iter_valid (iter); store_iter_next (iter)) {
        Rulemill__PairRecord *pair = record_read_pair (iter, fault);
        status = pair ? go_on (stop, fault) : ERR_CORRUPT;
        if (status == OK && pair->place) {
            scores_pair_t as_row = { .pair = record_pair_at (iter), .listed = pair->listed };
            place_t place = { .input = pair->place->input, .row = pair->place->row };
            status = take_row (import, doc, place, &as_row, fault);
        }
        if (pair)
            rulemill__pair_record__free_unpacked (pair, NULL);
    }
    if (status == OK)
        status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    return status;
}

// Rows that repeat a pair come after the pair's own row, whose scores therefore win.
static status_t import_duplicates (scores_import_t *import, json_doc_t *doc, const _Atomic bool *stop, fault_t *fault)
{
    status_t status = OK;
    store_iter_t *iter = record_walk_duplicates (import->store, 0);
    for (; status == OK && store_iter_valid (iter); store_iter_next (iter)) {
        Rulemill__DuplicateRecord *record = record_read_duplicate (iter, fault);
        status = record ? go_on (stop, fault) : ERR_CORRUPT;
        if (status == OK) {
            place_t place;
            scores_pair_t as_row = { .pair = record_duplicate_at (iter, &place), .swapped = record->swapped, .listed = record->listed };
            status = take_row (import, doc, place, &as_row, fault);
        }
        if (record)
            rulemill__duplicate_record__free_unpacked (record, NULL);
    }
    if (status == OK)
        status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    return status;
}

static status_t import_rows (scores_import_t *import, const _Atomic bool *stop, fault_t *fault)
{
    json_doc_t *doc = json_doc_new ();
    status_t status = import_pairs (import, doc, stop, fault);
    if (status == OK)
        status = import_duplicates (import, doc, stop, fault);
    json_doc_destroy (&doc);
    const scores_report_t *report = import->report;
    bool nothing = import->in_part && import->corpus->pairs == 0 && report->lines == 0;     // all that has scores may be of other parts
    if (status == OK && report->cells == 0 && report->bad_lines == report->lines && !nothing)
        status = fault_set (fault, ERR_FORMAT, "no row of the corpus has scores (\"scoresA\", \"scoresB\") that can be read; give "
                            "a file of scores%s%s", *report->first_problem ? ". " : "", report->first_problem);
    return status;
}

// --- both ---

static status_t import_all (store_t *store, const Rulemill__CorpusState *corpus, const scores_options_t *options, const digest_t *identity,
                            const _Atomic bool *stop, scores_report_t *report, fault_t *fault)
{
    scores_import_t import = { .store = store, .corpus = corpus, .options = options, .in_part = corpus_part_of (corpus).of > 1, .report = report };
    status_t status = record_number_of (store, 'J', identity, &import.judge, fault);
    if (status == OK)
        status = scores_pool_new (store, options, &import.pool, fault);
    if (status)
        return status;
    import.a = scores_set_new (import.pool);
    import.b = scores_set_new (import.pool);
    status = options->path ? import_file (&import, stop, fault) : import_rows (&import, stop, fault);
    scores_rows_destroy (&import.rows);
    scores_set_free (&import.a);
    scores_set_free (&import.b);
    scores_pool_destroy (&import.pool);
    buf_free (&import.why);
    return status;
}

static status_t remember (store_t *store, const digest_t *identity, const Rulemill__CorpusState *corpus,
                          const scores_report_t *report, fault_t *fault)
{
    buf_t done = { 0 };
    store_batch_t *batch = store_batch_new (store);
    pack_done (corpus, report, &done);
    record_put_scores (batch, identity, done.data, done.len);
    status_t status = store_commit (store, batch, fault);
    store_batch_destroy (&batch);
    buf_free (&done);
    return status;
}

status_t scores_import (store_t *store, const scores_options_t *options, const _Atomic bool *stop,
                        scores_report_t *report, fault_t *fault)
{
    *report = (scores_report_t) { 0 };
    Rulemill__CorpusState *corpus = NULL;
    digest_t identity;
    buf_t done = { 0 };
    bool found = false;
    status_t status = scores_identity (options, &identity, fault);
    if (status == OK)
        status = record_get_corpus (store, &corpus, fault);
    if (status == OK && corpus == NULL)
        status = fault_set (fault, ERR_NOT_FOUND, "the store has no corpus that scores could belong to; read one first");
    if (status == OK)
        status = record_get_scores (store, &identity, &done, &found, fault);
    bool known = status == OK && found && unpack_done (&done, corpus, report) && (options->unknown_ids_ok || report->unknown_ids == 0);
    if (status == OK && !known) {
        *report = (scores_report_t) { 0 };
        status = import_all (store, corpus, options, &identity, stop, report, fault);
        if (status == OK)
            status = remember (store, &identity, corpus, report, fault);
    }
    if (corpus)
        rulemill__corpus_state__free_unpacked (corpus, NULL);
    buf_free (&done);
    return status;
}

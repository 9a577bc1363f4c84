#include "storage/ingest.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "storage/ingest_inputs.h"
#include "storage/ingest_options.h"
#include "storage/ingest_spool.h"
#include "storage/ingest_writer.h"
#include "storage/input.h"
#include "storage/input_names.h"

// Bad rows are judged for the first time when this many have been read.
enum { JUDGED_ROWS = 10000 };

typedef struct {
    store_t *store;
    ingest_options_t options;
    buf_t kept;                     // strings of options that come from the store
    ingest_progress_t *progress;
    Rulemill__CorpusState *state;
    row_parser_t *parser;
    ingest_writer_t *writer;
    uint64_t bytes_before;          // of the inputs before the one in hand
    uint64_t rows;                  // of all parts
    // the input in hand
    uint32_t number;
    uint64_t first;                 // number of its first row in the corpus, from 0
    Rulemill__InputFile *file;
    char *name;
    input_t *input;
} ingest_t;

// --- before anything is read -----------------------------------------------

// A spool is looked for in DIR, wherever DIR stood when it was written.
static char *path_of (const ingest_t *in, const char *path, size_t n, bool is_spool)
{
    char *spool = ingest_spool_path (in->options.dir ? in->options.dir : ".", n);
    const char *slash = strrchr (path, '/');
    bool named_so = strcmp (slash ? slash + 1 : path, strrchr (spool, '/') + 1) == 0;
    if (is_spool || (named_so && access (spool, F_OK) == 0))
        return spool;
    free (spool);
    return mem_string (path);
}

static status_t fetch_input (ingest_t *in, const char *path, size_t n, bool *spooled, char **out, fault_t *fault)
{
    bool is_spool = strcmp (path, "-") == 0;
    *out = path_of (in, path, n, is_spool);
    if (!is_spool)
        return OK;
    if (*spooled)
        return fault_set (fault, ERR_USAGE, "standard input (\"-\") is named twice; it can be read once");
    *spooled = true;
    return ingest_spool (STDIN_FILENO, *out, &in->progress->stop, fault);
}

static status_t match_inputs (ingest_t *in, fault_t *fault)
{
    bool known = in->options.n_paths == 0, spooled = false;
    size_t n = known ? in->state->n_inputs : in->options.n_paths, got = 0;
    char **paths = mem_zero (n + 1, sizeof *paths);
    status_t status = OK;
    for (; status == OK && got < n; got++)
        status = fetch_input (in, known ? in->state->inputs [got]->path : in->options.paths [got], got, &spooled, &paths [got], fault);
    if (status == OK)
        status = ingest_inputs_match (in->state, (const char *const *) paths, n, known, &in->options, in->store, fault);
    for (size_t k = 0; k < got; k++)
        free (paths [k]);
    free (paths);
    return status;
}

// Of what is asked for with the inputs that the store has, the part alone counts: it says which rows the store is to hold.
static status_t take_options (ingest_t *in, fault_t *fault)
{
    corpus_part_t asked = in->options.part;
    status_t status = ingest_options_read (in->state->options, &in->options, &in->kept, fault);
    if (status == OK && asked.of > 0)
        in->options.part = asked;
    return status;
}

static status_t match_options (ingest_t *in, fault_t *fault)
{
    const char *stored = in->state->options;
    status_t status = in->options.n_paths == 0 ? take_options (in, fault) : ingest_options_check (&in->options, fault);
    buf_t asked = { 0 };
    ingest_options_describe (&in->options, &asked);
    if (status == OK && *stored)
        status = ingest_options_compare (stored, asked.data, fault);
    else if (status == OK)
        in->state->options = mem_string (asked.data);
    buf_free (&asked);
    return status;
}

static status_t load_state (ingest_t *in, fault_t *fault)
{
    status_t status = record_get_corpus (in->store, &in->state, fault);
    if (status != OK)
        return status;
    if (in->options.n_paths == 0 && (in->state == NULL || in->state->n_inputs == 0))
        return fault_set (fault, ERR_USAGE, "there is no corpus in the store yet; name at least one file");
    if (in->state == NULL)
        in->state = ingest_inputs_new_state ();
    if (in->state->input > in->state->n_inputs)
        return fault_set (fault, ERR_CORRUPT, "the corpus's position in the store is past its inputs; restore a backup");
    return OK;
}

// Every file that is still to be read must be there, and be what it says, before the first is touched.
static status_t check_inputs (ingest_t *in, fault_t *fault)
{
    uint64_t total = 0;
    for (size_t n = 0; n < in->state->n_inputs; n++) {
        Rulemill__InputFile *file = in->state->inputs [n];
        if (!file->complete) {
            input_t *input;
            status_t status = input_open (file->path, 1, &input, fault);
            if (status != OK)
                return status;
            file->size = input_size (input);
            file->mtime_ns = input_mtime_ns (input);
            input_close (&input);
        }
        total += file->size;
    }
    atomic_store (&in->progress->bytes_total, total);
    return OK;
}

// --- counts ----------------------------------------------------------------

// All rows that were read, and those of them that can't be used: of this part and of others.
static uint64_t rows_in_all (const ingest_t *in, uint64_t *unusable)
{
    uint64_t passed = corpus_part_passed (in->state, unusable);
    *unusable += in->state->rows_rejected;
    return passed + in->state->rows_read;
}

static void show_counts (ingest_t *in)
{
    uint64_t unusable;
    atomic_store (&in->progress->passed, corpus_part_passed (in->state, &unusable));
    atomic_store (&in->progress->rows, in->state->rows_read);
    atomic_store (&in->progress->rejected, in->state->rows_rejected);
    atomic_store (&in->progress->pairs, in->state->pairs);
    atomic_store (&in->progress->duplicates, in->state->duplicates);
    atomic_store (&in->progress->bytes, in->bytes_before + (in->input ? input_disk_bytes (in->input) : 0));
}

static void write_bad (const ingest_t *in, size_t input, uint64_t row, const char *why, buf_t *out)
{
    buf_printf (out, "%s:%" PRIu64 ": %s", input < in->state->n_inputs ? in->state->inputs [input]->path : "?", row, why);
}

// The first row that can't be used, of whatever part.
static status_t first_bad (ingest_t *in, buf_t *out, fault_t *fault)
{
    store_iter_t *iter = record_walk_rejects (in->store);
    status_t status = store_iter_status (iter, fault);
    Rulemill__RejectRecord *reject = store_iter_valid (iter) ? record_read_reject (iter, fault) : NULL;
    place_t place = reject ? record_place_at (iter) : (place_t) { .input = UINT32_MAX };
    size_t n = 0;
    while (n < in->state->n_inputs && in->state->inputs [n]->passed_first == 0)
        n++;
    const Rulemill__InputFile *file = n < in->state->n_inputs ? in->state->inputs [n] : NULL;
    if (file && (n < place.input || (n == place.input && file->passed_first < place.row)))
        write_bad (in, n, file->passed_first, file->passed_why, out);
    else if (reject)
        write_bad (in, place.input, place.row, reject->detail, out);
    if (reject)
        rulemill__reject_record__free_unpacked (reject, NULL);
    store_iter_destroy (&iter);
    return status;
}

// Are more rows set aside than the user puts up with? All that was read must have been written.
static status_t judge_share (ingest_t *in, fault_t *fault)
{
    uint64_t bad, rows = rows_in_all (in, &bad);
    if (rows == 0)
        return fault_set (fault, ERR_FORMAT, "%s%s: no rows in it; is this the right file?", in->state->inputs [0]->path,
                          in->state->n_inputs > 1 ? " and the others" : "");
    if ((double) bad <= in->options.bad_share_max * (double) rows)
        return OK;
    buf_t first = { 0 };
    status_t status = first_bad (in, &first, fault);
    if (status == OK)
        status = fault_set (fault, ERR_FORMAT, "%" PRIu64 " of %" PRIu64 " rows can't be used, more than the share of %g that is put up with "
                            "(first: %s); is this the right file? Correct it, or raise corpus.bad_share", bad, rows, in->options.bad_share_max,
                            first.data ? first.data : "unknown");
    buf_free (&first);
    return status;
}

// --- reading ---------------------------------------------------------------

static void set_bytes (ProtobufCBinaryData *field, const digest_t *digest)
{
    if (field->len != DIGEST_BYTES) {
        free (field->data);
        field->data = mem_new (DIGEST_BYTES);
        field->len = DIGEST_BYTES;
    }
    memcpy (field->data, digest->b, DIGEST_BYTES);
}

// Write what was collected, with the position behind it.
static status_t flush (ingest_t *in, fault_t *fault)
{
    if (in->input) {
        digest_t so_far = input_text_digest (in->input);
        in->file->rows = input_rows (in->input);
        in->file->text_bytes = input_offset (in->input);
        set_bytes (&in->file->text_sha256, &so_far);
        in->state->input = in->number;
        in->state->row = in->file->rows + 1;
        in->state->offset = in->file->text_bytes;
    }
    status_t status = ingest_writer_flush (in->writer, fault);
    show_counts (in);
    return status;
}

static bool is_blank (const input_line_t *line)
{
    for (size_t i = 0; i < line->len; i++)
        if (line->text [i] != ' ' && line->text [i] != '\t' && line->text [i] != '\r')
            return false;
    return !line->too_long;
}

// Could a row that ends with the file be the beginning of one that is still being written?
static bool may_be_torn (const char *reason)
{
    return strcmp (reason, "not-json") == 0 || strcmp (reason, "invalid-utf8") == 0 || strcmp (reason, "lone-surrogate") == 0
        || strcmp (reason, "row-too-long") == 0;
}

static void pass (ingest_t *in, const input_line_t *line, const char *id, const char *why)
{
    passed_row_t row = { .file = in->file, .name = in->name, .input = in->number, .row = line->row, .number = in->first + line->row - 1,
                         .id = id, .why = why };
    ingest_writer_pass (in->writer, &row);
}

static void set_aside (ingest_t *in, const input_line_t *line, const char *id, row_problem_t *problem)
{
    bool torn = line->last && may_be_torn (problem->reason);
    if (torn && !line->too_long) {
        row_problem_t whole = *problem;
        row_problem (problem, "torn", "the file ends in the middle of this row (%.300s); complete the file and run again, or take the row out", whole.detail);
    }
    if (corpus_part_has_unread (in->options.part, line->row))
        ingest_writer_reject (in->writer, in->number, line->row, id, problem);
    else
        pass (in, line, id, problem->detail);
    if (torn) {
        // The position stays before it, so that it is read again when the file has grown.
        input_unread_last (in->input);
        in->file->torn = true;
    }
}

static status_t take_row (ingest_t *in, const input_line_t *line, const row_t *row, fault_t *fault)
{
    row_problem_t problem;
    if (corpus_part_has (in->options.part, in->options.seed, row->prompt))
        return ingest_writer_add (in->writer, in->number, line->row, in->name, row, fault);
    bool usable = pair_choice_possible (&in->options, row, &problem);
    pass (in, line, row->id, usable ? NULL : problem.detail);
    return OK;
}

static status_t take_line (ingest_t *in, const input_line_t *line, fault_t *fault)
{
    if (is_blank (line)) {
        if (line->last)
            input_unread_last (in->input);
        return OK;
    }
    in->rows++;
    row_t row = { 0 };
    row_problem_t problem;
    bool ok = line->too_long ? row_problem (&problem, "row-too-long", "the row has more than %zu bytes; shorten it, or raise the limit where it can be",
                                            ingest_row_bytes_max (&in->options))
                             : row_parse (in->parser, line->text, line->len, &row, &problem);
    if (ok)
        return take_row (in, line, &row, fault);
    set_aside (in, line, row.id, &problem);
    return OK;
}

static status_t stopped (ingest_t *in, fault_t *fault)
{
    status_t status = flush (in, fault);
    if (status == OK)
        status = store_sync (in->store, fault);
    return status == OK ? fault_set (fault, ERR_STOPPED, "stopped after row %" PRIu64 " of %s; the same command goes on from there",
                                     in->file->rows, in->file->path) : status;
}

static status_t read_lines (ingest_t *in, fault_t *fault)
{
    for (;;) {
        input_line_t line;
        bool got;
        if (atomic_load_explicit (&in->progress->stop, memory_order_relaxed))
            return stopped (in, fault);
        status_t status = input_next (in->input, &line, &got, fault);
        if (status != OK) {
            // What was read before the damage is kept.
            fault_t second;
            return flush (in, &second) == OK ? status : fault_set (fault, second.code, "%s", second.text);
        }
        if (!got)
            return OK;
        status = take_line (in, &line, fault);
        bool judged = in->rows == JUDGED_ROWS;
        if (status == OK && (judged || ingest_writer_full (in->writer)))
            status = flush (in, fault);
        if (status == OK && judged)
            status = judge_share (in, fault);
        if (status != OK || line.last)
            return status;
    }
}

// The row that was cut off is read again.
static void forget_torn (ingest_t *in)
{
    uint64_t row = in->file->rows + 1;
    if (in->file->torn && corpus_part_has_unread (in->options.part, row))
        ingest_writer_unreject (in->writer, in->number, row);
    else if (in->file->torn && in->file->passed_unusable > 0)
        ingest_writer_unpass (in->writer, in->file, in->number, row);
    in->file->torn = false;
}

// Pass over what was read before, and see that it is still the same.
static status_t take_up (ingest_t *in, fault_t *fault)
{
    bool reached, continued;
    status_t status = input_skip (in->input, in->file->rows, in->file->text_bytes, &reached, &continued, fault);
    if (status != OK)
        return status;
    if (in->file->text_bytes > 0) {
        digest_t now = input_text_digest (in->input);
        bool same = reached && in->file->text_sha256.len == DIGEST_BYTES && memcmp (now.b, in->file->text_sha256.data, DIGEST_BYTES) == 0;
        if (!same)
            return ingest_inputs_changed (in->store, &in->options, in->file, in->number, fault);
    }
    if (continued)
        return fault_set (fault, ERR_MISMATCH, "%s: row %" PRIu64 " ended with the file when it was read, and goes on now; end rows with a newline, "
                          "and read the file into another folder (--out)", in->file->path, in->file->rows);
    forget_torn (in);
    return OK;
}

static status_t finish_input (ingest_t *in, fault_t *fault)
{
    digest_t disk = input_disk_digest (in->input);
    set_bytes (&in->file->sha256, &disk);
    in->file->size = input_disk_bytes (in->input);
    in->file->mtime_ns = input_mtime_ns (in->input);
    in->file->complete = true;
    return flush (in, fault);
}

static status_t read_input (ingest_t *in, uint32_t number, fault_t *fault)
{
    in->number = number;
    in->file = in->state->inputs [number];
    in->first = 0;
    for (uint32_t n = 0; n < number; n++)
        in->first += in->state->inputs [n]->rows;
    in->name = input_names_at (in->state, number);
    status_t status = input_open (in->file->path, ingest_row_bytes_max (&in->options), &in->input, fault);
    if (status == OK)
        status = take_up (in, fault);
    uint64_t unusable;
    in->rows = rows_in_all (in, &unusable);
    if (status == OK)
        status = read_lines (in, fault);
    if (status == OK)
        status = finish_input (in, fault);
    input_close (&in->input);
    free (in->name);
    in->name = NULL;
    return status;
}

static status_t read_inputs (ingest_t *in, fault_t *fault)
{
    for (uint32_t n = 0; n < in->state->n_inputs; n++) {
        status_t status = in->state->inputs [n]->complete ? OK : read_input (in, n, fault);
        if (status != OK)
            return status;
        in->bytes_before += in->state->inputs [n]->size;
    }
    in->state->input = (uint32_t) in->state->n_inputs;
    in->state->row = 1;
    in->state->offset = 0;
    in->state->complete = true;
    status_t status = flush (in, fault);
    return status == OK ? store_sync (in->store, fault) : status;
}

// --- all of it -------------------------------------------------------------

static status_t prepare (ingest_t *in, fault_t *fault)
{
    status_t status = load_state (in, fault);
    if (status == OK)
        status = match_options (in, fault);
    if (status == OK)
        status = match_inputs (in, fault);
    if (status == OK)
        status = check_inputs (in, fault);
    if (status == OK)
        status = row_parser_new (&in->options.mapping, ingest_text_bytes_max (&in->options), &in->parser, fault);
    if (status != OK)
        return status;
    in->writer = ingest_writer_new (in->store, &in->options, in->state);
    show_counts (in);
    uint64_t unusable;
    return rows_in_all (in, &unusable) >= JUDGED_ROWS ? judge_share (in, fault) : OK;
}

status_t ingest_run (store_t *store, const ingest_options_t *options, ingest_progress_t *progress, fault_t *fault)
{
    ingest_t in = { .store = store, .options = *options, .progress = progress };
    status_t status = prepare (&in, fault);
    if (status == OK)
        status = read_inputs (&in, fault);
    if (status == OK)
        status = judge_share (&in, fault);
    ingest_writer_destroy (&in.writer);
    row_parser_destroy (&in.parser);
    if (in.state)
        rulemill__corpus_state__free_unpacked (in.state, NULL);
    buf_free (&in.kept);
    return status;
}

// Ingest that is interrupted, goes on, is given other files than before, or reads a pipe.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/mem.h"
#include "tests/unit/ingest_fixture.h"

// --- interruptions ---------------------------------------------------------

static void add_gzip (buf_t *out, const buf_t *text)
{
    z_stream z = { 0 };
    assert_int_equal (deflateInit2 (&z, 1, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    buf_reserve (out, deflateBound (&z, text->len));
    z.next_in = (Bytef *) text->data;
    z.avail_in = (uInt) text->len;
    z.next_out = (Bytef *) out->data + out->len;
    z.avail_out = (uInt) (out->cap - out->len);
    assert_int_equal (deflate (&z, Z_FINISH), Z_STREAM_END);
    out->len += z.total_out;
    deflateEnd (&z);
}

static void test_cut_off_gzip_goes_on (void **state)
{
    fixture_t *f = *state;
    buf_t text = { 0 }, gzip = { 0 };
    add_rows (&text, 0, 30000);
    add_gzip (&gzip, &text);
    for (int step = 1; step < 4; step++) {
        write_named (f, "a.jsonl.gz", gzip.data, gzip.len * (size_t) step / 4, "wb");
        refused (f, f->one, "a.jsonl.gz", ERR_FORMAT, "cut off");
        assert_true (f->progress.rows > 0 && f->progress.rows < 30000);
    }
    write_named (f, "a.jsonl.gz", gzip.data, gzip.len, "wb");
    taken (f, f->one, "a.jsonl.gz");
    counts (f, 30000, 0, 30000, 0);
    taken (f, f->two, "a.jsonl.gz");
    same_contents (f);
    buf_free (&text);
    buf_free (&gzip);
}

static void *stop_later (void *arg)
{
    ingest_progress_t *progress = arg;
    uint64_t from = progress->rows;
    for (int waits = 0; progress->rows < from + 1000 && waits < 10000; waits++)
        usleep (100);
    progress->stop = true;
    return NULL;
}

// Two files into store one, stopped again and again.
static void ingest_with_stops (fixture_t *f)
{
    buf_t text = { 0 };
    add_rows (&text, 0, 8000);
    add_rows (&text, 4000, 6000);
    put_file (f, "a.jsonl", text.data);
    put_file (f, "b.jsonl", text.data);
    buf_free (&text);
    status_t status = ERR_STOPPED;
    while (status == ERR_STOPPED) {
        pthread_t thread;
        pthread_create (&thread, NULL, stop_later, &f->progress);
        status = ingest (f, f->one, "a.jsonl b.jsonl");
        pthread_join (thread, NULL);
        f->progress.stop = false;
    }
    assert_int_equal (status, OK);
}

static void test_interruptions_leave_no_trace (void **state)
{
    fixture_t *f = *state;
    ingest_with_stops (f);
    counts (f, 20000, 0, 8000, 12000);
    taken (f, f->two, "a.jsonl b.jsonl");
    same_contents (f);
}

static void test_interruptions_of_a_part (void **state)
{
    fixture_t *f = *state;
    f->options.part = (corpus_part_t) { 2, 3 };
    ingest_with_stops (f);
    uint64_t rows = f->progress.rows, passed = f->progress.passed;
    assert_int_equal (rows + passed, 20000);
    assert_true (rows > 5000 && rows < 8000);
    taken (f, f->two, "a.jsonl b.jsonl");
    counts (f, rows, 0, f->progress.pairs, rows - f->progress.pairs);
    assert_int_equal (f->progress.passed, passed);
    same_contents (f);
}

// --- growth and refusals ---------------------------------------------------

static void test_growth (void **state)
{
    fixture_t *f = *state;
    buf_t first = { 0 }, second = { 0 }, all = { 0 };
    add_rows (&first, 0, 1500);
    add_rows (&second, 1500, 1900);
    buf_add (&all, first.data, first.len);
    buf_add (&all, second.data, second.len);
    put_file (f, "b.jsonl", "{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"y\"}");
    put_file (f, "a.jsonl", first.data);
    taken (f, f->one, "a.jsonl");
    // In mid-row: the beginning is set aside, and read again when the rest is there.
    write_named (f, "a.jsonl", second.data, 200, "ab");
    taken (f, f->one, "a.jsonl");
    assert_int_equal (f->progress.rejected, 1);
    taken (f, f->one, "a.jsonl");
    append_file (f, "a.jsonl", second.data + 200);
    taken (f, f->one, "a.jsonl b.jsonl");
    counts (f, 1901, 0, 1901, 0);
    // A last row without newline is a row; the newline that comes later is none.
    append_file (f, "b.jsonl", "\n{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"w\"}\n");
    taken (f, f->one, "a.jsonl b.jsonl");
    counts (f, 1902, 0, 1902, 0);
    taken (f, f->two, "a.jsonl b.jsonl");
    same_contents (f);
    // The store knows its inputs and options.
    taken (f, f->one, "");
    counts (f, 1902, 0, 1902, 0);
    append_file (f, "a.jsonl", second.data);
    refused (f, f->one, "a.jsonl b.jsonl", ERR_MISMATCH, "only the last file");
    buf_free (&first);
    buf_free (&second);
    buf_free (&all);
}

static void test_continued_row (void **state)
{
    fixture_t *f = *state;
    put_file (f, "a.jsonl", "{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"y\"}");
    taken (f, f->one, "a.jsonl");
    append_file (f, "a.jsonl", "{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"w\"}\n");
    refused (f, f->one, "a.jsonl", ERR_MISMATCH, "row 1 ended with the file");
}

static void test_changes (void **state)
{
    fixture_t *f = *state;
    buf_t text = { 0 };
    add_rows (&text, 0, 50);
    put_file (f, "a.jsonl", text.data);
    put_file (f, "b.jsonl", "{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"y\"}\n");
    taken (f, f->one, "a.jsonl b.jsonl");
    refused (f, f->one, "b.jsonl a.jsonl", ERR_MISMATCH, "input 1");
    refused (f, f->one, "a.jsonl", ERR_MISMATCH, "b.jsonl is missing");
    // The same bytes at another time are the same file.
    usleep (20000);
    put_file (f, "a.jsonl", text.data);
    taken (f, f->one, "a.jsonl b.jsonl");
    char *at = strstr (text.data, "x41");
    *at = 'X';
    put_file (f, "a.jsonl", text.data);
    refused (f, f->one, "a.jsonl b.jsonl", ERR_MISMATCH, "a.jsonl: has changed since it was read, from row 42 on");
    at [0] = 'x';
    text.data [text.len / 2] = '\0';
    put_file (f, "a.jsonl", text.data);
    refused (f, f->one, "a.jsonl b.jsonl", ERR_MISMATCH, "from row 26 on");
    *strstr (text.data, "{\"prompt\": \"p9\"") = '\0';
    put_file (f, "a.jsonl", text.data);
    refused (f, f->one, "a.jsonl b.jsonl", ERR_MISMATCH, "has 9 rows now, 50 were read");
    char *path = path_of (f, "a.jsonl");
    unlink (path);
    free (path);
    refused (f, f->one, "a.jsonl b.jsonl", ERR_USAGE, "No such file");
    taken (f, f->one, "");
    buf_free (&text);
}

static void test_options (void **state)
{
    fixture_t *f = *state;
    put_file (f, "a.jsonl", "{\"q\": \"z\", \"chosen\": \"x\", \"rejected\": \"y\"}\n");
    f->options.mapping.prompt = "q";
    f->options.seed = 3;
    taken (f, f->one, "a.jsonl");
    f->options.seed = 4;
    refused (f, f->one, "a.jsonl", ERR_MISMATCH, "seed: 3, asked for is 4");
    f->options.pairs = PAIRS_ALL;
    refused (f, f->one, "a.jsonl", ERR_MISMATCH, "pairs: limit, asked for is all");
    f->options.pairs = PAIRS_LIMIT;
    f->options.seed = 3;
    f->options.mapping.prompt = NULL;
    refused (f, f->one, "a.jsonl", ERR_MISMATCH, "mapping.prompt: q, asked for is none");
    taken (f, f->one, "");
    f->options.pairs_max = 0;
    refused (f, f->two, "a.jsonl", ERR_USAGE, "0 pairs");
    f->options.pairs_max = 1;
    f->options.row_bytes_max = (size_t) 1 << 30;
    refused (f, f->two, "a.jsonl", ERR_USAGE, "row");
    f->options.row_bytes_max = 0;
    f->progress.rows = 0;
    refused (f, f->two, "", ERR_USAGE, "no corpus");
    refused (f, f->two, "a.jsonl missing.jsonl", ERR_USAGE, "missing.jsonl");
    // Nothing was read before all files were seen to be there.
    assert_int_equal (f->progress.rows, 0);
}

static void test_bad_share (void **state)
{
    fixture_t *f = *state;
    put_file (f, "a.jsonl", "{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"y\"}\n{\"a\": 1}\n{\"a\": 1}\n");
    refused (f, f->one, "a.jsonl", ERR_FORMAT, "2 of 3 rows can't be used");
    assert_non_null (strstr (f->fault.text, "a.jsonl:2: there is neither"));
    refused (f, f->one, "a.jsonl", ERR_FORMAT, "2 of 3");
    f->options.bad_share_max = 0.7;
    taken (f, f->one, "a.jsonl");
    put_file (f, "b.jsonl", "\n\n");
    refused (f, f->two, "b.jsonl", ERR_FORMAT, "no rows");
}

static void test_first_rows_are_judged_early (void **state)
{
    fixture_t *f = *state;
    buf_t text = { 0 };
    for (int i = 0; i < 12000; i++)
        buf_add_str (&text, "nonsense\n");
    put_file (f, "a.jsonl", text.data);
    refused (f, f->one, "a.jsonl", ERR_FORMAT, "10000 of 10000 rows");
    refused (f, f->one, "a.jsonl", ERR_FORMAT, "10000 of 10000 rows");
    f->options.bad_share_max = 1;
    taken (f, f->one, "a.jsonl");
    counts (f, 12000, 12000, 0, 0);
    buf_free (&text);
}

static void test_long_rows (void **state)
{
    fixture_t *f = *state;
    f->options.row_bytes_max = 60;
    put_file (f, "a.jsonl", "{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"y\"}\n"
                       "{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\"}\n"
                       "{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"w\"}\n");
    taken (f, f->one, "a.jsonl");
    counts (f, 3, 1, 2, 0);
}

// --- standard input --------------------------------------------------------

static void pipe_in (const char *bytes, size_t len)
{
    int ends [2];
    assert_int_equal (pipe (ends), 0);
    assert_int_equal (write (ends [1], bytes, len), (ssize_t) len);
    close (ends [1]);
    dup2 (ends [0], STDIN_FILENO);
    close (ends [0]);
}

static void test_standard_input (void **state)
{
    fixture_t *f = *state;
    static const char row [] = "{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"y\"}\n";
    pipe_in ("", 0);
    refused (f, f->one, "-", ERR_FORMAT, "empty");
    pipe_in ("\x1f\x8b....", 6);
    refused (f, f->one, "-", ERR_FORMAT, "unpack it");
    pipe_in (row, sizeof row - 1);
    refused (f, f->one, "- -", ERR_USAGE, "twice");
    pipe_in (row, sizeof row - 1);
    taken (f, f->two, "-");
    counts (f, 1, 0, 1, 0);
    // Kept from now on: nothing, or the same, goes on; anything else is refused, more of it extends.
    pipe_in ("", 0);
    taken (f, f->two, "-");
    pipe_in (row, sizeof row - 1);
    taken (f, f->two, "-");
    taken (f, f->two, "");
    counts (f, 1, 0, 1, 0);
    pipe_in ("other\n", 6);
    refused (f, f->two, "-", ERR_MISMATCH, "not what was read before");
    char more [2 * sizeof row + 8];
    int n = snprintf (more, sizeof more, "%s{\"prompt\": \"q\", \"chosen\": \"x\", \"rejected\": \"y\"}\n", row);
    pipe_in (more, (size_t) n);
    taken (f, f->two, "-");
    counts (f, 2, 0, 2, 0);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        INGEST_TEST (test_cut_off_gzip_goes_on),
        INGEST_TEST (test_interruptions_leave_no_trace),
        INGEST_TEST (test_interruptions_of_a_part),
        INGEST_TEST (test_growth),
        INGEST_TEST (test_continued_row),
        INGEST_TEST (test_changes),
        INGEST_TEST (test_options),
        INGEST_TEST (test_bad_share),
        INGEST_TEST (test_first_rows_are_judged_early),
        INGEST_TEST (test_long_rows),
        INGEST_TEST (test_standard_input),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

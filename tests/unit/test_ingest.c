// From files to numbered pairs: duplicates, limits, interruptions, growth, refusals.
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "storage/ingest.h"
#include "storage/records.h"

// A folder with two stores, "one" and "two", and files beside them.
typedef struct {
    char folder [64];
    char one [80], two [80];
    ingest_options_t options;
    ingest_progress_t progress;
    fault_t fault;
} fixture_t;

static int setup (void **state)
{
    fixture_t *f = mem_zero (1, sizeof *f);
    snprintf (f->folder, sizeof f->folder, "/tmp/test-ingest-XXXXXX");
    if (!mkdtemp (f->folder))
        return -1;
    snprintf (f->one, sizeof f->one, "%s/one", f->folder);
    snprintf (f->two, sizeof f->two, "%s/two", f->folder);
    f->options = (ingest_options_t) { .pairs = PAIRS_LIMIT, .pairs_max = 15, .bad_share_max = 0.5 };
    *state = f;
    return mkdir (f->one, 0700) || mkdir (f->two, 0700);
}

static int teardown (void **state)
{
    fixture_t *f = *state;
    pid_t pid = fork ();
    if (pid == 0) {
        execlp ("rm", "rm", "-rf", f->folder, (char *) NULL);
        _exit (1);
    }
    int status;
    waitpid (pid, &status, 0);
    free (f);
    return status;
}

static char *path_of (fixture_t *f, const char *name)
{
    return mem_printf ("%s/%s", f->folder, name);
}

static void write_file (fixture_t *f, const char *name, const void *bytes, size_t len, const char *mode)
{
    char *path = path_of (f, name);
    FILE *file = fopen (path, mode);
    assert_non_null (file);
    assert_int_equal (fwrite (bytes, 1, len, file), len);
    fclose (file);
    free (path);
}

static void put (fixture_t *f, const char *name, const char *text)
{
    write_file (f, name, text, strlen (text), "wb");
}

static void append (fixture_t *f, const char *name, const char *text)
{
    write_file (f, name, text, strlen (text), "ab");
}

static store_t *open_store (fixture_t *f, const char *dir)
{
    store_t *store;
    store_options_t options = { .create = true };
    if (store_open (dir, &options, &store, &f->fault) != OK)
        fail_msg ("%s", f->fault.text);
    return store;
}

// Ingest the files named (in the folder, "-" as it is), separated by spaces.
static status_t ingest (fixture_t *f, const char *dir, const char *names)
{
    char *paths [8], list [200], *rest = list;
    size_t n = 0;
    snprintf (list, sizeof list, "%s", names);
    for (char *name; (name = strsep (&rest, " ")) != NULL;)
        if (*name)
            paths [n++] = strcmp (name, "-") == 0 ? mem_string (name) : path_of (f, name);
    f->options.paths = (const char *const *) paths;
    f->options.n_paths = n;
    f->options.dir = dir;
    f->fault = (fault_t) { 0 };
    store_t *store = open_store (f, dir);
    status_t status = ingest_run (store, &f->options, &f->progress, &f->fault);
    store_close (&store);
    for (size_t i = 0; i < n; i++)
        free (paths [i]);
    return status;
}

static void taken (fixture_t *f, const char *dir, const char *names)
{
    if (ingest (f, dir, names) != OK)
        fail_msg ("%s", f->fault.text);
}

static void refused (fixture_t *f, const char *dir, const char *names, status_t code, const char *words)
{
    assert_int_equal (ingest (f, dir, names), code);
    if (!strstr (f->fault.text, words))
        fail_msg ("\"%s\" does not say \"%s\"", f->fault.text, words);
}

static void counts (fixture_t *f, uint64_t rows, uint64_t rejected, uint64_t pairs, uint64_t duplicates)
{
    assert_int_equal (f->progress.rows, rows);
    assert_int_equal (f->progress.rejected, rejected);
    assert_int_equal (f->progress.pairs, pairs);
    assert_int_equal (f->progress.duplicates, duplicates);
    assert_int_equal (f->progress.bytes, f->progress.bytes_total);
}

// A digest of all that ingest made of its inputs, but for the inputs' own record.
static digest_t contents (fixture_t *f, const char *dir)
{
    static const store_table_t tables [] = { TABLE_TEXTS, TABLE_PAIRS, TABLE_ROWS, TABLE_INDEX, TABLE_DUPLICATES, TABLE_REJECTS };
    store_t *store = open_store (f, dir);
    hasher_t *hasher = hasher_new ();
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        store_iter_t *iter = store_iter_new (store, tables [i], NULL, 0, NULL, 0);
        for (; store_iter_valid (iter); store_iter_next (iter)) {
            size_t key_len, len;
            const void *key = store_iter_key (iter, &key_len), *value = store_iter_value (iter, &len);
            hasher_add_u64 (hasher, key_len);
            hasher_add (hasher, key, key_len);
            hasher_add_u64 (hasher, len);
            hasher_add (hasher, value, len);
        }
        store_iter_destroy (&iter);
    }
    store_close (&store);
    return hasher_end (&hasher);
}

static void same_contents (fixture_t *f)
{
    digest_t one = contents (f, f->one), two = contents (f, f->two);
    assert_true (digest_equal (&one, &two));
}

static void add_rows (buf_t *out, int from, int to)
{
    for (int i = from; i < to; i++)
        buf_printf (out, "{\"prompt\": \"p%d\", \"chosen\": \"x%d\", \"rejected\": \"y\", \"n\": %d}\n", i % 700, i, i);
}

// --- what is stored --------------------------------------------------------

static void test_records (void **state)
{
    fixture_t *f = *state;
    put (f, "a.jsonl", "{\"id\": \"r1\", \"prompt\": \"p\", \"chosen\": \"x\", \"rejected\": \"y\", \"chosen_model\": \"m\", \"source\": \"s\", \"k\": 1}\n"
                       "\n"
                       "{\"prompt\": \"p\", \"chosen\": \"y\", \"rejected\": \"x\"}\n"
                       "{\"prompt\": \"p\", \"response_a\": \"x\", \"response_b\": \"y\", \"preference\": \"tie\"}\n"
                       "{\"prompt\": \"p\", \"response_a\": \"z\", \"response_b\": \"z\"}\n"
                       "{\"prompt\": \"q\", \"chosen\": \"x\"}\n");
    taken (f, f->one, "a.jsonl");
    counts (f, 5, 1, 2, 2);
    store_t *store = open_store (f, f->one);
    Rulemill__PairRecord *pair;
    assert_int_equal (record_get_pair (store, 0, &pair, &f->fault), OK);
    assert_int_equal (pair->response_a, 0);
    assert_int_equal (pair->response_b, 1);
    assert_int_equal (pair->given, RULEMILL__SIDE__SIDE_A);
    assert_string_equal (pair->model_a, "m");
    assert_int_equal (pair->place->row, 1);
    rulemill__pair_record__free_unpacked (pair, NULL);
    assert_int_equal (record_get_pair (store, 1, &pair, &f->fault), OK);
    assert_int_equal (pair->response_a, pair->response_b);
    assert_int_equal (pair->place->row, 5);
    rulemill__pair_record__free_unpacked (pair, NULL);
    Rulemill__RowRecord *row;
    assert_int_equal (record_get_row (store, 0, 1, &row, &f->fault), OK);
    assert_string_equal (row->id, "r1");
    assert_string_equal (row->source, "s");
    assert_string_equal (row->meta, "{\"k\":1}");
    rulemill__row_record__free_unpacked (row, NULL);
    assert_int_equal (record_get_row (store, 0, 3, &row, &f->fault), OK);
    assert_string_equal (row->id, "a.jsonl:3");
    rulemill__row_record__free_unpacked (row, NULL);
    store_iter_t *iter = record_walk_duplicates (store, 0);
    for (int n = 0; n < 2; n++, store_iter_next (iter)) {
        place_t place;
        assert_int_equal (record_duplicate_at (iter, &place), 0);
        Rulemill__DuplicateRecord *duplicate = record_read_duplicate (iter, &f->fault);
        assert_int_equal (place.row, n == 0 ? 3 : 4);
        assert_int_equal (duplicate->swapped, n == 0);
        assert_int_equal (duplicate->given, n == 0 ? RULEMILL__SIDE__SIDE_B : RULEMILL__SIDE__SIDE_TIE);
        rulemill__duplicate_record__free_unpacked (duplicate, NULL);
    }
    assert_false (store_iter_valid (iter));
    store_iter_destroy (&iter);
    iter = record_walk_rejects (store);
    assert_true (store_iter_valid (iter));
    assert_int_equal (record_place_at (iter).row, 6);
    Rulemill__RejectRecord *reject = record_read_reject (iter, &f->fault);
    assert_string_equal (reject->reason, "missing-field");
    rulemill__reject_record__free_unpacked (reject, NULL);
    store_iter_destroy (&iter);
    store_close (&store);
}

// The keys of all pairs, sorted by their order in the store.
static size_t pair_keys (fixture_t *f, const char *dir, content_key_t *out, size_t max, Rulemill__Side *given)
{
    store_t *store = open_store (f, dir);
    store_iter_t *iter = record_walk_pairs (store, 0);
    size_t n = 0;
    for (; store_iter_valid (iter) && n < max; store_iter_next (iter), n++) {
        Rulemill__PairRecord *pair = record_read_pair (iter, &f->fault);
        assert_true (pair->listed && pair->place->i < pair->place->j);
        memcpy (out [n].b, pair->key.data, KEY_BYTES);
        given [n] = pair->given;
        rulemill__pair_record__free_unpacked (pair, NULL);
    }
    store_iter_destroy (&iter);
    store_close (&store);
    return n;
}

static int by_key (const void *a, const void *b)
{
    return memcmp (a, b, KEY_BYTES);
}

static void test_chosen_pairs_do_not_depend_on_order (void **state)
{
    fixture_t *f = *state;
    f->options.pairs_max = 4;
    f->options.seed = 7;
    put (f, "a.jsonl", "{\"prompt\": \"p\", \"responses\": [\"a\", \"b\", \"c\", \"d\", \"e\"]}\n");
    put (f, "b.jsonl", "{\"prompt\": \"p\", \"responses\": [\"e\", \"c\", \"a\", \"b\", \"d\"]}\n");
    taken (f, f->one, "a.jsonl");
    taken (f, f->two, "b.jsonl");
    content_key_t one [20], two [20];
    Rulemill__Side given [20];
    assert_int_equal (pair_keys (f, f->one, one, 20, given), 4);
    assert_int_equal (pair_keys (f, f->two, two, 20, given), 4);
    qsort (one, 4, sizeof *one, by_key);
    qsort (two, 4, sizeof *two, by_key);
    assert_memory_equal (one, two, 4 * sizeof *one);
}

static void test_best_vs_rest (void **state)
{
    fixture_t *f = *state;
    f->options.pairs = PAIRS_BEST_VS_REST;
    put (f, "a.jsonl", "{\"prompt\": \"p\", \"responses\": [\"a\", \"b\", \"\", \"c\"], \"scores\": [1, 3, 9, 3]}\n"
                       "{\"prompt\": \"q\", \"responses\": [\"a\", \"b\"]}\n");
    taken (f, f->one, "a.jsonl");
    counts (f, 2, 1, 2, 0);
    content_key_t keys [4];
    Rulemill__Side given [4];
    assert_int_equal (pair_keys (f, f->one, keys, 4, given), 2);
    assert_int_equal (given [0], RULEMILL__SIDE__SIDE_B);
    assert_int_equal (given [1], RULEMILL__SIDE__SIDE_TIE);
    // Of the first row the third response alone is set aside, of the second all.
    store_t *store = open_store (f, f->one);
    store_iter_t *iter = record_walk_rejects (store);
    place_t place = record_place_at (iter);
    assert_true (place.row == 1 && place.i == 2 && place.j == 2);
    store_iter_next (iter);
    place = record_place_at (iter);
    assert_true (place.row == 2 && place.i == 0 && place.j == 0);
    store_iter_destroy (&iter);
    store_close (&store);
}

static void test_all_pairs (void **state)
{
    fixture_t *f = *state;
    f->options.pairs = PAIRS_ALL;
    put (f, "a.jsonl", "{\"prompt\": \"p\", \"responses\": [\"a\", \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"a\"]}\n");
    taken (f, f->one, "a.jsonl");
    // 28 pairs of places, of which six stand twice ("a" with each other) and one is "a" with itself.
    counts (f, 1, 0, 22, 6);
}

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
        write_file (f, "a.jsonl.gz", gzip.data, gzip.len * (size_t) step / 4, "wb");
        refused (f, f->one, "a.jsonl.gz", ERR_FORMAT, "cut off");
        assert_true (f->progress.rows > 0 && f->progress.rows < 30000);
    }
    write_file (f, "a.jsonl.gz", gzip.data, gzip.len, "wb");
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

static void test_interruptions_leave_no_trace (void **state)
{
    fixture_t *f = *state;
    buf_t text = { 0 };
    add_rows (&text, 0, 8000);
    add_rows (&text, 4000, 6000);
    put (f, "a.jsonl", text.data);
    put (f, "b.jsonl", text.data);
    status_t status = ERR_STOPPED;
    while (status == ERR_STOPPED) {
        pthread_t thread;
        pthread_create (&thread, NULL, stop_later, &f->progress);
        status = ingest (f, f->one, "a.jsonl b.jsonl");
        pthread_join (thread, NULL);
        f->progress.stop = false;
    }
    assert_int_equal (status, OK);
    counts (f, 20000, 0, 8000, 12000);
    taken (f, f->two, "a.jsonl b.jsonl");
    same_contents (f);
    buf_free (&text);
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
    put (f, "b.jsonl", "{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"y\"}");
    put (f, "a.jsonl", first.data);
    taken (f, f->one, "a.jsonl");
    // In mid-row: the beginning is set aside, and read again when the rest is there.
    write_file (f, "a.jsonl", second.data, 200, "ab");
    taken (f, f->one, "a.jsonl");
    assert_int_equal (f->progress.rejected, 1);
    taken (f, f->one, "a.jsonl");
    append (f, "a.jsonl", second.data + 200);
    taken (f, f->one, "a.jsonl b.jsonl");
    counts (f, 1901, 0, 1901, 0);
    // A last row without newline is a row; the newline that comes later is none.
    append (f, "b.jsonl", "\n{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"w\"}\n");
    taken (f, f->one, "a.jsonl b.jsonl");
    counts (f, 1902, 0, 1902, 0);
    taken (f, f->two, "a.jsonl b.jsonl");
    same_contents (f);
    // The store knows its inputs and options.
    taken (f, f->one, "");
    counts (f, 1902, 0, 1902, 0);
    append (f, "a.jsonl", second.data);
    refused (f, f->one, "a.jsonl b.jsonl", ERR_MISMATCH, "only the last file");
    buf_free (&first);
    buf_free (&second);
    buf_free (&all);
}

static void test_continued_row (void **state)
{
    fixture_t *f = *state;
    put (f, "a.jsonl", "{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"y\"}");
    taken (f, f->one, "a.jsonl");
    append (f, "a.jsonl", "{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"w\"}\n");
    refused (f, f->one, "a.jsonl", ERR_MISMATCH, "row 1 ended with the file");
}

static void test_changes (void **state)
{
    fixture_t *f = *state;
    buf_t text = { 0 };
    add_rows (&text, 0, 50);
    put (f, "a.jsonl", text.data);
    put (f, "b.jsonl", "{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"y\"}\n");
    taken (f, f->one, "a.jsonl b.jsonl");
    refused (f, f->one, "b.jsonl a.jsonl", ERR_MISMATCH, "input 1");
    refused (f, f->one, "a.jsonl", ERR_MISMATCH, "b.jsonl is missing");
    // The same bytes at another time are the same file.
    usleep (20000);
    put (f, "a.jsonl", text.data);
    taken (f, f->one, "a.jsonl b.jsonl");
    char *at = strstr (text.data, "x41");
    *at = 'X';
    put (f, "a.jsonl", text.data);
    refused (f, f->one, "a.jsonl b.jsonl", ERR_MISMATCH, "a.jsonl: has changed since it was read, from row 42 on");
    at [0] = 'x';
    text.data [text.len / 2] = '\0';
    put (f, "a.jsonl", text.data);
    refused (f, f->one, "a.jsonl b.jsonl", ERR_MISMATCH, "from row 26 on");
    *strstr (text.data, "{\"prompt\": \"p9\"") = '\0';
    put (f, "a.jsonl", text.data);
    refused (f, f->one, "a.jsonl b.jsonl", ERR_MISMATCH, "has 9 rows now, 50 were read");
    char *path = path_of (f, "a.jsonl");
    unlink (path);
    free (path);
    refused (f, f->one, "a.jsonl b.jsonl", ERR_IO, "No such file");
    taken (f, f->one, "");
    buf_free (&text);
}

static void test_options (void **state)
{
    fixture_t *f = *state;
    put (f, "a.jsonl", "{\"q\": \"z\", \"chosen\": \"x\", \"rejected\": \"y\"}\n");
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
    refused (f, f->two, "a.jsonl missing.jsonl", ERR_IO, "missing.jsonl");
    // Nothing was read before all files were seen to be there.
    assert_int_equal (f->progress.rows, 0);
}

static void test_bad_share (void **state)
{
    fixture_t *f = *state;
    put (f, "a.jsonl", "{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"y\"}\n{\"a\": 1}\n{\"a\": 1}\n");
    refused (f, f->one, "a.jsonl", ERR_FORMAT, "2 of 3 rows can't be used");
    assert_non_null (strstr (f->fault.text, "a.jsonl:2: there is neither"));
    refused (f, f->one, "a.jsonl", ERR_FORMAT, "2 of 3");
    f->options.bad_share_max = 0.7;
    taken (f, f->one, "a.jsonl");
    put (f, "b.jsonl", "\n\n");
    refused (f, f->two, "b.jsonl", ERR_FORMAT, "no rows");
}

static void test_first_rows_are_judged_early (void **state)
{
    fixture_t *f = *state;
    buf_t text = { 0 };
    for (int i = 0; i < 12000; i++)
        buf_add_str (&text, "nonsense\n");
    put (f, "a.jsonl", text.data);
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
    put (f, "a.jsonl", "{\"prompt\": \"z\", \"chosen\": \"x\", \"rejected\": \"y\"}\n"
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

// --- real files ------------------------------------------------------------

static void check_real (fixture_t *f, const char *name, uint64_t rows, uint64_t rejected, uint64_t prompts)
{
    char *path = mem_printf ("%s/../shared/data/%s", SOURCE_DIR, name), *link = path_of (f, name);
    bool there = access (path, R_OK) == 0 && symlink (path, link) == 0;
    free (path);
    free (link);
    if (!there)
        skip ();
    taken (f, f->one, name);
    counts (f, rows, rejected, rows - rejected, 0);
    store_t *store = open_store (f, f->one);
    Rulemill__CorpusState *corpus;
    assert_int_equal (record_get_corpus (store, &corpus, &f->fault), OK);
    assert_true (corpus->complete);
    assert_int_equal (corpus->inputs [0]->rows, rows);
    assert_int_equal (corpus->prompts, prompts);
    rulemill__corpus_state__free_unpacked (corpus, NULL);
    store_close (&store);
}

static void test_real_transcripts (void **state)
{
    check_real (*state, "hh-harmless-base-test.jsonl.gz", 2312, 4, 2306);
}

static void test_real_pairs (void **state)
{
    check_real (*state, "coconot-pref.jsonl.gz", 927, 0, 919);
}

int main (void)
{
#define TEST(f) cmocka_unit_test_setup_teardown (f, setup, teardown)
    const struct CMUnitTest tests [] = {
        TEST (test_records), TEST (test_chosen_pairs_do_not_depend_on_order), TEST (test_best_vs_rest), TEST (test_all_pairs),
        TEST (test_cut_off_gzip_goes_on), TEST (test_interruptions_leave_no_trace),
        TEST (test_growth), TEST (test_continued_row), TEST (test_changes), TEST (test_options), TEST (test_bad_share),
        TEST (test_first_rows_are_judged_early), TEST (test_long_rows), TEST (test_standard_input),
        TEST (test_real_transcripts), TEST (test_real_pairs),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

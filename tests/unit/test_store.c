// The store: what is promised is there again, what is missing is noticed, and one process holds it at a time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "storage/store_lock.h"
#include "storage/store_mark.h"
#include "tests/unit/store_place.h"

// --- the ordinary life ---

static void test_reads_back (void **state)
{
    store_t *store = open_ok (dir_of (state), true);
    fault_t fault = { 0 };
    store_batch_t *batch = store_batch_new (store);
    assert_int_equal (store_batch_count (batch), 0);
    put (batch, TABLE_PAIRS, 1, "one");
    put (batch, TABLE_LABELS, 1, "other");
    put (batch, TABLE_PAIRS, 2, "");
    assert_int_equal (store_batch_count (batch), 3);
    assert_true (store_batch_bytes (batch) > 10);
    assert_int_equal (store_write (store, batch, &fault), OK);
    store_batch_clear (batch);
    assert_int_equal (store_batch_count (batch), 0);

    assert_true (has (store, TABLE_PAIRS, 1, "one"));
    assert_true (has (store, TABLE_LABELS, 1, "other"));
    assert_true (has (store, TABLE_PAIRS, 2, ""));
    assert_false (has (store, TABLE_PAIRS, 3, NULL));
    assert_int_equal (store_sync (store, &fault), OK);

    buf_t key = { 0 };
    buf_add_u64be (&key, 1);
    store_batch_delete (batch, TABLE_PAIRS, key.data, key.len);
    bool found;
    assert_int_equal (store_commit (store, batch, &fault), OK);
    assert_int_equal (store_get (store, TABLE_PAIRS, key.data, key.len, NULL, &found, &fault), OK);
    assert_false (found);
    buf_free (&key);
    store_batch_destroy (&batch);
    store_batch_destroy (&batch);
    store_close (&store);
    assert_null (store);
    store_close (&store);
}

static void test_not_found (void **state)
{
    fault_t fault;
    assert_int_equal (open_status (dir_of (state), &(store_options_t) { 0 }, &fault), ERR_NOT_FOUND);
    assert_non_null (strstr (fault.text, dir_of (state)));
    mkdir (dir_of (state), 0755);
    assert_int_equal (open_status (dir_of (state), &(store_options_t) { 0 }, &fault), ERR_NOT_FOUND);
    char *inner = mem_printf ("%s/store", dir_of (state));
    mkdir (inner, 0755);
    assert_int_equal (open_status (dir_of (state), &(store_options_t) { 0 }, &fault), ERR_NOT_FOUND);
    assert_int_equal (open_status (dir_of (state), &(store_options_t) { .read_only = true, .create = true }, &fault), ERR_NOT_FOUND);
    free (inner);
    store_t *store = open_ok (dir_of (state), true);
    store_close (&store);
    store = open_ok (dir_of (state), false);
    store_close (&store);
    assert_int_equal (open_status ("/proc/no/such", &(store_options_t) { .create = true }, &fault), ERR_IO);
}

static void test_in_use (void **state)
{
    store_t *store = open_ok (dir_of (state), true);
    fault_t fault;
    char *says = mem_printf ("in use by process %ld", (long) getpid ());
    assert_int_equal (open_status (dir_of (state), &(store_options_t) { .create = true }, &fault), ERR_BUSY);
    assert_non_null (strstr (fault.text, says));
    assert_int_equal (open_status (dir_of (state), &(store_options_t) { .read_only = true }, &fault), ERR_BUSY);
    free (says);
    store_close (&store);
    assert_int_equal (open_status (dir_of (state), &(store_options_t) { .read_only = true }, &fault), OK);
    in_dying_child (dir_of (state), "commit_thousand");
    assert_int_equal (open_status (dir_of (state), &(store_options_t) { .read_only = true }, &fault), OK);
}

// A child that holds the lock for a moment, as status does, or until it is killed, as a job does.
static pid_t lock_in_child (const char *path, bool read_only)
{
    int ready [2];
    assert_int_equal (pipe (ready), 0);
    pid_t child = fork ();
    assert_true (child >= 0);
    if (child == 0) {
        fault_t fault;
        int fd;
        if (store_lock_take (path, "x", read_only, &fd, &fault) != OK || write (ready [1], "!", 1) != 1)
            _exit (1);
        usleep (read_only ? 200000 : 60000000);
        _exit (0);
    }
    char byte;
    close (ready [1]);
    assert_int_equal (read (ready [0], &byte, 1), 1);
    close (ready [0]);
    return child;
}

static void test_readers_are_waited_for (void **state)
{
    char *path = mem_printf ("%s.lock", dir_of (state));
    fault_t fault = { 0 };
    int fd = -1;
    pid_t reader = lock_in_child (path, true);
    assert_int_equal (store_lock_take (path, "x", false, &fd, &fault), OK);
    assert_int_equal (waitpid (reader, NULL, 0), reader);
    store_lock_release (&fd);

    pid_t writer = lock_in_child (path, false);
    assert_int_equal (store_lock_take (path, "x", true, &fd, &fault), ERR_BUSY);
    char *says = mem_printf ("x is in use by process %ld", (long) writer);
    assert_non_null (strstr (fault.text, says));
    kill (writer, SIGKILL);
    assert_int_equal (waitpid (writer, NULL, 0), writer);
    assert_int_equal (store_lock_take (path, "x", false, &fd, &fault), OK);
    store_lock_release (&fd);
    unlink (path);
    free (says);
    free (path);
}

static void test_read_only (void **state)
{
    in_dying_child (dir_of (state), "commit_thousand");
    fault_t fault = { 0 };
    store_t *store;
    assert_int_equal (store_open (dir_of (state), &(store_options_t) { .read_only = true }, &store, &fault), OK);
    assert_int_equal (count (store, TABLE_PAIRS) + count (store, TABLE_LABELS), RECORDS);
    store_close (&store);
}

static void test_walks (void **state)
{
    store_t *store = open_ok (dir_of (state), true);
    fault_t fault = { 0 };
    store_batch_t *batch = store_batch_new (store);
    const char *keys [] = { "a", "b", "b1", "b2", "b\xff", "b\xff\xff", "c", "\xff", "\xff\xff" };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        store_batch_put (batch, TABLE_META, keys [i], strlen (keys [i]), keys [i], strlen (keys [i]));
    assert_int_equal (store_write (store, batch, &fault), OK);

    static const struct { const char *prefix, *from; const char *want; } cases [] = {
        { "b", NULL, "b b1 b2 b\xff b\xff\xff " },
        { "b", "b2", "b2 b\xff b\xff\xff " },
        { "b", "a", "b b1 b2 b\xff b\xff\xff " },       // before the prefix: from its first
        { "b", "c", "" },
        { "b\xff", NULL, "b\xff b\xff\xff " },
        { "\xff", NULL, "\xff \xff\xff " },             // no key can stand behind these
        { "x", NULL, "" },
        { "b1", "b", "b1 " },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_t got = { 0 };
        buf_add_str (&got, "");
        store_iter_t *iter = store_iter_new (store, TABLE_META, cases [i].prefix, strlen (cases [i].prefix),
                                             cases [i].from, cases [i].from ? strlen (cases [i].from) : 0);
        for (; store_iter_valid (iter); store_iter_next (iter)) {
            size_t len, value_len;
            const uint8_t *key = store_iter_key (iter, &len);
            const uint8_t *value = store_iter_value (iter, &value_len);
            assert_int_equal (len, value_len);
            assert_memory_equal (key, value, len);
            buf_add (&got, key, len);
            buf_add_char (&got, ' ');
        }
        store_iter_next (iter);         // past the end is no accident
        assert_false (store_iter_valid (iter));
        assert_int_equal (store_iter_status (iter, &fault), OK);
        assert_string_equal (got.data, cases [i].want);
        store_iter_seek (iter, "a", 1);
        assert_int_equal (store_iter_valid (iter), cases [i].prefix [0] != 'x');
        store_iter_destroy (&iter);
        buf_free (&got);
    }
    store_batch_destroy (&batch);
    store_close (&store);
}

// A walk sees the table as it was when it was made.
static void test_walk_is_a_snapshot (void **state)
{
    store_t *store = open_ok (dir_of (state), true);
    commit_records (store, 0, 10, 10);
    store_iter_t *iter = store_iter_new (store, TABLE_PAIRS, NULL, 0, NULL, 0);
    commit_records (store, 100, 10, 10);
    size_t n = 0;
    for (; store_iter_valid (iter); store_iter_next (iter))
        n++;
    assert_int_equal (n, 5);
    store_iter_destroy (&iter);
    store_close (&store);
}

// --- the mark itself ---

static void test_mark_slots (void **state)
{
    place_of_test_t *p = *state;
    char *path = mem_printf ("%s/MARK", p->root);
    fault_t fault = { 0 };
    store_mark_t *mark;
    assert_int_equal (store_mark_open (path, false, &mark, &fault), ERR_NOT_FOUND);
    assert_int_equal (store_mark_create (path, &fault), OK);
    assert_int_equal (store_mark_open (path, false, &mark, &fault), OK);
    assert_int_equal (store_mark_sequence (mark), 0);
    for (uint64_t i = 1; i <= 5; i++)
        assert_int_equal (store_mark_raise (mark, i * 10, &fault), OK);
    assert_int_equal (store_mark_raise (mark, 7, &fault), OK);          // never lowered
    assert_int_equal (store_mark_sequence (mark), 50);
    store_mark_close (&mark);
    assert_int_equal (store_mark_open (path, true, &mark, &fault), OK);
    assert_int_equal (store_mark_sequence (mark), 50);
    store_mark_close (&mark);

    // A torn write of the newest slot leaves the one before it; with both damaged nobody can say.
    off_t newest = 4096;
    flip (path, newest + 10);
    assert_int_equal (store_mark_open (path, false, &mark, &fault), OK);
    assert_int_equal (store_mark_sequence (mark), 40);
    assert_int_equal (store_mark_raise (mark, 60, &fault), OK);         // goes over the damaged one
    store_mark_close (&mark);
    flip (path, 30);
    assert_int_equal (store_mark_open (path, false, &mark, &fault), OK);
    assert_int_equal (store_mark_sequence (mark), 60);
    store_mark_close (&mark);
    flip (path, newest);
    assert_int_equal (store_mark_open (path, false, &mark, &fault), ERR_CORRUPT);
    assert_int_equal (truncate (path, 0), 0);
    assert_int_equal (store_mark_open (path, false, &mark, &fault), ERR_CORRUPT);
    free (path);
}

static void test_mark_missing (void **state)
{
    store_t *store = open_ok (dir_of (state), true);
    commit_records (store, 0, 10, 10);
    store_close (&store);
    char *path = mem_printf ("%s/store/MARK", dir_of (state));
    unlink (path);
    fault_t fault;
    assert_int_equal (open_status (dir_of (state), &(store_options_t) { .create = true }, &fault), ERR_CORRUPT);
    assert_non_null (strstr (fault.text, "MARK"));
    free (path);
}

// The mark outlives a database that was deleted under it.
static void test_database_missing (void **state)
{
    store_t *store = open_ok (dir_of (state), true);
    commit_records (store, 0, 10, 10);
    store_close (&store);
    char *path = mem_printf ("%s/store/CURRENT", dir_of (state));
    unlink (path);
    fault_t fault;
    assert_int_equal (open_status (dir_of (state), &(store_options_t) { .create = true }, &fault), ERR_CORRUPT);
    free (path);
}

// A first opening that was killed anywhere can be repeated.
static void test_half_made (void **state)
{
    char *inner = mem_printf ("%s/store", dir_of (state)), *path = mem_printf ("%s/MARK", inner);
    mkdir (dir_of (state), 0755);
    mkdir (inner, 0755);
    fault_t fault = { 0 };
    assert_int_equal (store_mark_create (path, &fault), OK);
    assert_int_equal (open_status (dir_of (state), &(store_options_t) { 0 }, &fault), ERR_NOT_FOUND);
    store_t *store = open_ok (dir_of (state), true);
    store_close (&store);
    free (inner);
    free (path);
}

// --- a full disk ---

static void fill_up (store_t *store)
{
    signal (SIGXFSZ, SIG_IGN);
    commit_records (store, 0, 100, 100);
    struct rlimit small = { 200 * 1024, 200 * 1024 };
    setrlimit (RLIMIT_FSIZE, &small);
    fault_t fault = { 0 };
    store_batch_t *batch = store_batch_new (store);
    status_t status = OK;
    for (uint64_t i = 0; i < 100 && status == OK; i++) {
        store_batch_clear (batch);
        for (uint64_t n = 0; n < 100; n++)
            put (batch, TABLE_ROWS, i * 100 + n, value_text);
        status = store_commit (store, batch, &fault);
    }
    assert_int_equal (status, ERR_IO);
    assert_true (strlen (fault.text) > 20);
    assert_true (has (store, TABLE_PAIRS, 0, value_text));      // reading goes on
    assert_int_equal (store_commit (store, batch, &fault), ERR_IO);
    assert_int_equal (count (store, TABLE_PAIRS) + count (store, TABLE_LABELS), 100);
    store_batch_destroy (&batch);
}

static void test_disk_full (void **state)
{
    in_dying_child (dir_of (state), "fill_up");
    store_t *store = open_ok (dir_of (state), false);
    assert_int_equal (count (store, TABLE_PAIRS) + count (store, TABLE_LABELS), 100);
    commit_records (store, 9000, 10, 10);
    store_close (&store);
}

// Not a test of speed: it says what it measured, and only a collapse fails.
static void test_group_commit (void **state)
{
    store_t *store = open_ok (dir_of (state), true);
    int64_t start = clock_ms (NULL);
    commit_records (store, 0, 51200, 256);
    int64_t ms = clock_ms (NULL) - start;
    print_message ("group commit: %.0f records/s, 256 in a commit\n", 51200e3 / (double) (ms ? ms : 1));
    assert_true (ms < 60000);
    store_close (&store);
}

static const store_work_t works [] = { { "commit_thousand", commit_thousand }, { "fill_up", fill_up }, { 0 } };

int main (int argc, char **argv)
{
    if (argc == 3)
        return store_place_child (works, argv [1], argv [2]);
    const struct CMUnitTest tests [] = {
        PLACE_TEST (test_reads_back),
        PLACE_TEST (test_not_found),
        PLACE_TEST (test_in_use),
        PLACE_TEST (test_readers_are_waited_for),
        PLACE_TEST (test_read_only),
        PLACE_TEST (test_walks),
        PLACE_TEST (test_walk_is_a_snapshot),
        PLACE_TEST (test_mark_slots),
        PLACE_TEST (test_mark_missing),
        PLACE_TEST (test_database_missing),
        PLACE_TEST (test_half_made),
        PLACE_TEST (test_disk_full),
        PLACE_TEST (test_group_commit),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

// The store: what is promised is there again, what is missing is noticed, and one process holds it at a time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/clock.h"
#include "storage/store.h"
#include "storage/store_lock.h"
#include "storage/store_mark.h"

// --- a folder for each test ---

typedef struct { char root [64], dir [80]; } place_of_test_t;

static int setup (void **state)
{
    place_of_test_t *p = mem_zero (1, sizeof *p);
    snprintf (p->root, sizeof p->root, "/tmp/rulemill-store-XXXXXX");
    if (mkdtemp (p->root) == NULL)
        return -1;
    snprintf (p->dir, sizeof p->dir, "%s/out", p->root);
    *state = p;
    return 0;
}

static void remove_tree (const char *path)
{
    DIR *d = opendir (path);
    if (d == NULL) {
        unlink (path);
        return;
    }
    for (struct dirent *e; (e = readdir (d));)
        if (strcmp (e->d_name, ".") && strcmp (e->d_name, "..")) {
            char *child = mem_printf ("%s/%s", path, e->d_name);
            remove_tree (child);
            free (child);
        }
    closedir (d);
    rmdir (path);
}

static int teardown (void **state)
{
    place_of_test_t *p = *state;
    remove_tree (p->root);
    free (p);
    return 0;
}

static const char *dir_of (void **state)
{
    return ((place_of_test_t *) *state)->dir;
}

// --- shorthand ---

static store_t *open_ok (const char *dir, bool create)
{
    fault_t fault = { 0 };
    store_t *store;
    store_options_t options = { .create = create };
    status_t status = store_open (dir, &options, &store, &fault);
    if (status)
        print_error ("%s\n", fault.text);
    assert_int_equal (status, OK);
    return store;
}

static status_t open_status (const char *dir, const store_options_t *options, fault_t *fault)
{
    store_t *store;
    *fault = (fault_t) { 0 };
    status_t status = store_open (dir, options, &store, fault);
    if (status)
        assert_null (store);
    store_close (&store);
    return status;
}

static void put (store_batch_t *batch, store_table_t table, uint64_t number, const char *value)
{
    buf_t key = { 0 };
    buf_add_u64be (&key, number);
    store_batch_put (batch, table, key.data, key.len, value, strlen (value));
    buf_free (&key);
}

static bool has (store_t *store, store_table_t table, uint64_t number, const char *value)
{
    buf_t key = { 0 }, got = { 0 };
    fault_t fault = { 0 };
    bool found;
    buf_add_u64be (&key, number);
    assert_int_equal (store_get (store, table, key.data, key.len, &got, &found, &fault), OK);
    bool same = found && (value == NULL || (got.len == strlen (value) && memcmp (got.data, value, got.len) == 0));
    buf_free (&key);
    buf_free (&got);
    return same;
}

static size_t count (store_t *store, store_table_t table)
{
    fault_t fault = { 0 };
    size_t n = 0;
    store_iter_t *iter = store_iter_new (store, table, NULL, 0, NULL, 0);
    for (; store_iter_valid (iter); store_iter_next (iter))
        n++;
    assert_int_equal (store_iter_status (iter, &fault), OK);
    store_iter_destroy (&iter);
    return n;
}

enum { RECORDS = 1000 };

static const char value_text [] = "a value of some length, so that the log has something to be cut in";

static void commit_records (store_t *store, uint64_t from, size_t n, size_t group)
{
    fault_t fault = { 0 };
    store_batch_t *batch = store_batch_new (store);
    for (size_t i = 0; i < n; i++) {
        put (batch, i & 1 ? TABLE_LABELS : TABLE_PAIRS, from + i, value_text);
        if ((i + 1) % group == 0 || i + 1 == n) {
            assert_int_equal (store_commit (store, batch, &fault), OK);
            store_batch_clear (batch);
        }
    }
    store_batch_destroy (&batch);
}

// Another process of this program works on the store and dies without closing it (see main). It is a new program, not
// a mere fork: RocksDB's background threads would be missing in one.
static void in_dying_child (const char *dir, const char *work)
{
    fflush (NULL);
    pid_t pid = fork ();
    assert_true (pid >= 0);
    if (pid == 0) {
        execl ("/proc/self/exe", "test_store", work, dir, (char *) NULL);
        _exit (127);
    }
    int status;
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_true (WIFEXITED (status));
    assert_int_equal (WEXITSTATUS (status), 7);
}

static void commit_thousand (store_t *store)
{
    commit_records (store, 0, RECORDS, 10);
}

// The largest log file of the store; the caller frees it.
static char *log_path (const char *dir)
{
    char *folder = mem_printf ("%s/store", dir), *best = NULL;
    off_t size = -1;
    DIR *d = opendir (folder);
    assert_non_null (d);
    for (struct dirent *e; (e = readdir (d));) {
        size_t len = strlen (e->d_name);
        if (len < 5 || strcmp (e->d_name + len - 4, ".log") != 0)
            continue;
        char *path = mem_printf ("%s/%s", folder, e->d_name);
        struct stat info;
        assert_int_equal (stat (path, &info), 0);
        if (info.st_size > size) {
            size = info.st_size;
            free (best);
            best = mem_string (path);
        }
        free (path);
    }
    closedir (d);
    free (folder);
    assert_non_null (best);
    return best;
}

static off_t size_of (const char *path)
{
    struct stat info;
    assert_int_equal (stat (path, &info), 0);
    return info.st_size;
}

static void append (const char *path, const void *bytes, size_t len)
{
    int fd = open (path, O_WRONLY | O_APPEND);
    assert_true (fd >= 0);
    assert_int_equal (write (fd, bytes, len), len);
    close (fd);
}

static void flip (const char *path, off_t at)
{
    int fd = open (path, O_RDWR);
    char c;
    assert_int_equal (pread (fd, &c, 1, at), 1);
    c ^= 0x10;
    assert_int_equal (pwrite (fd, &c, 1, at), 1);
    close (fd);
}

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

// --- dying and coming back ---

static void test_survives_a_kill (void **state)
{
    in_dying_child (dir_of (state), "commit_thousand");
    store_t *store = open_ok (dir_of (state), false);
    assert_int_equal (count (store, TABLE_PAIRS) + count (store, TABLE_LABELS), RECORDS);
    store_close (&store);
    for (int i = 0; i < 3; i++) {           // closing, flushing and opening never take it below its mark
        store = open_ok (dir_of (state), false);
        commit_records (store, 5000 + 10 * (uint64_t) i, 10, 5);
        store_close (&store);
    }
    store = open_ok (dir_of (state), false);
    assert_int_equal (count (store, TABLE_PAIRS) + count (store, TABLE_LABELS), RECORDS + 30);
    store_close (&store);
}

static void expect_refused (const char *dir)
{
    fault_t fault;
    for (int i = 0; i < 2; i++) {           // a refusal changes nothing: it stays one
        assert_int_equal (open_status (dir, &(store_options_t) { .create = true }, &fault), ERR_CORRUPT);
        assert_non_null (strstr (fault.text, "writes were promised"));
        assert_non_null (strstr (fault.text, "restore"));
    }
    assert_int_equal (open_status (dir, &(store_options_t) { .read_only = true }, &fault), ERR_CORRUPT);
}

static void test_halved_log (void **state)
{
    in_dying_child (dir_of (state), "commit_thousand");
    char *log = log_path (dir_of (state));
    assert_int_equal (truncate (log, size_of (log) / 2), 0);
    expect_refused (dir_of (state));
    free (log);
}

static void test_emptied_and_missing_log (void **state)
{
    in_dying_child (dir_of (state), "commit_thousand");
    char *log = log_path (dir_of (state)), *away = mem_printf ("%s.away", log);
    assert_int_equal (rename (log, away), 0);
    expect_refused (dir_of (state));
    int fd = open (log, O_CREAT | O_WRONLY, 0644);
    close (fd);
    expect_refused (dir_of (state));
    assert_int_equal (rename (away, log), 0);       // put back, all is well again
    store_t *store = open_ok (dir_of (state), false);
    assert_int_equal (count (store, TABLE_PAIRS) + count (store, TABLE_LABELS), RECORDS);
    store_close (&store);
    free (log);
    free (away);
}

static void test_flipped_bit (void **state)
{
    in_dying_child (dir_of (state), "commit_thousand");
    char *log = log_path (dir_of (state));
    flip (log, size_of (log) / 2);
    expect_refused (dir_of (state));
    free (log);
}

static void test_last_record_cut (void **state)
{
    in_dying_child (dir_of (state), "commit_thousand");
    char *log = log_path (dir_of (state));
    assert_int_equal (truncate (log, size_of (log) - 1), 0);
    expect_refused (dir_of (state));
    free (log);
}

// What was never promised may be torn in any way.
static void test_garbage_past_the_mark (void **state)
{
    static const size_t sizes [] = { 1, 6, 7, 8, 500, 40000 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        in_dying_child (dir_of (state), "commit_thousand");
        char *log = log_path (dir_of (state)), *garbage = mem_new (sizes [i]);
        uint64_t seed = i;
        for (size_t n = 0; n < sizes [i]; n++)
            garbage [n] = (char) ((seed = seed * 6364136223846793005u + 1442695040888963407u) >> 56);
        append (log, garbage, sizes [i]);
        store_t *store = open_ok (dir_of (state), false);
        assert_int_equal (count (store, TABLE_PAIRS) + count (store, TABLE_LABELS), RECORDS);
        store_close (&store);
        free (log);
        free (garbage);
    }
}

static void commit_then_write (store_t *store)
{
    fault_t fault = { 0 };
    commit_records (store, 0, RECORDS, 10);
    store_batch_t *batch = store_batch_new (store);
    for (uint64_t i = 0; i < 100; i++)
        put (batch, TABLE_ROWS, i, value_text);
    assert_int_equal (store_write (store, batch, &fault), OK);
    store_batch_destroy (&batch);
}

static void test_torn_record_past_the_mark (void **state)
{
    in_dying_child (dir_of (state), "commit_then_write");
    char *log = log_path (dir_of (state));
    flip (log, size_of (log) - 50);
    store_t *store = open_ok (dir_of (state), false);
    assert_int_equal (count (store, TABLE_PAIRS) + count (store, TABLE_LABELS), RECORDS);
    assert_int_equal (count (store, TABLE_ROWS), 0);
    store_close (&store);
    free (log);
}

static void test_unsynced_write_survives_the_process (void **state)
{
    in_dying_child (dir_of (state), "commit_then_write");
    store_t *store = open_ok (dir_of (state), false);
    assert_int_equal (count (store, TABLE_ROWS), 100);
    store_close (&store);
}

// Enough to fill buffers of several tables, so that logs are closed and tables written while others wait.
static void commit_much (store_t *store)
{
    fault_t fault = { 0 };
    store_batch_t *batch = store_batch_new (store);
    char *text = mem_new (4096);
    for (uint64_t i = 0; i < 12000; i++) {
        uint64_t seed = i;
        for (size_t n = 0; n < 4095; n++)
            text [n] = (char) ('a' + ((seed = seed * 6364136223846793005u + 1442695040888963407u) >> 60));
        text [4095] = '\0';
        put (batch, i % 16 ? TABLE_TEXTS : TABLE_PAIRS, i, text);
        if ((i + 1) % 500 == 0) {
            assert_int_equal (store_commit (store, batch, &fault), OK);
            store_batch_clear (batch);
        }
    }
    store_batch_destroy (&batch);
    free (text);
}

static void test_earlier_log_of_several (void **state)
{
    in_dying_child (dir_of (state), "commit_much");
    char *log = log_path (dir_of (state));
    fault_t fault;
    assert_int_equal (truncate (log, size_of (log) / 2), 0);
    assert_int_equal (open_status (dir_of (state), &(store_options_t) { 0 }, &fault), ERR_CORRUPT);
    free (log);
}

static void test_much_survives (void **state)
{
    in_dying_child (dir_of (state), "commit_much");
    store_t *store = open_ok (dir_of (state), false);
    assert_int_equal (count (store, TABLE_PAIRS) + count (store, TABLE_TEXTS), 12000);
    store_close (&store);
    store = open_ok (dir_of (state), false);
    assert_int_equal (count (store, TABLE_PAIRS) + count (store, TABLE_TEXTS), 12000);
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

static void test_other_format (void **state)
{
    store_t *store = open_ok (dir_of (state), true);
    fault_t fault = { 0 };
    store_batch_t *batch = store_batch_new (store);
    store_batch_put (batch, TABLE_META, "format", 6, "\x09", 1);
    assert_int_equal (store_commit (store, batch, &fault), OK);
    store_batch_destroy (&batch);
    store_close (&store);
    assert_int_equal (open_status (dir_of (state), &(store_options_t) { 0 }, &fault), ERR_MISMATCH);
    assert_non_null (strstr (fault.text, "format 9"));
}

static void test_damaged_table_file (void **state)
{
    in_dying_child (dir_of (state), "commit_much");
    store_t *store = open_ok (dir_of (state), false);
    store_close (&store);
    char *folder = mem_printf ("%s/store", dir_of (state));
    DIR *d = opendir (folder);
    for (struct dirent *e; (e = readdir (d));)
        if (strstr (e->d_name, ".sst")) {
            char *path = mem_printf ("%s/%s", folder, e->d_name);
            for (off_t at = 1000; size_of (path) > 1000000 && at < size_of (path) / 2; at += 1000)
                flip (path, at);
            free (path);
        }
    closedir (d);
    free (folder);

    fault_t fault = { 0 };
    store = open_ok (dir_of (state), false);
    store_iter_t *iter = store_iter_new (store, TABLE_TEXTS, NULL, 0, NULL, 0);
    for (; store_iter_valid (iter); store_iter_next (iter))
        ;
    assert_int_equal (store_iter_status (iter, &fault), ERR_CORRUPT);
    assert_non_null (strstr (fault.text, dir_of (state)));
    store_iter_destroy (&iter);
    store_close (&store);
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

static int child (const char *work, const char *dir)
{
    static const struct { const char *name; void (*work) (store_t *store); } works [] = {
        { "commit_thousand", commit_thousand }, { "commit_then_write", commit_then_write },
        { "commit_much", commit_much }, { "fill_up", fill_up },
    };
    for (size_t i = 0; i < sizeof works / sizeof *works; i++)
        if (strcmp (works [i].name, work) == 0) {
            store_t *store = open_ok (dir, true);
            works [i].work (store);
            _exit (7);
        }
    return 1;
}

int main (int argc, char **argv)
{
    if (argc == 3)
        return child (argv [1], argv [2]);
#define TEST(f) cmocka_unit_test_setup_teardown (f, setup, teardown)
    const struct CMUnitTest tests [] = {
        TEST (test_reads_back), TEST (test_not_found), TEST (test_in_use), TEST (test_readers_are_waited_for),
        TEST (test_read_only), TEST (test_walks),
        TEST (test_walk_is_a_snapshot), TEST (test_survives_a_kill), TEST (test_halved_log),
        TEST (test_emptied_and_missing_log), TEST (test_flipped_bit), TEST (test_last_record_cut),
        TEST (test_garbage_past_the_mark), TEST (test_torn_record_past_the_mark),
        TEST (test_unsynced_write_survives_the_process), TEST (test_earlier_log_of_several), TEST (test_much_survives),
        TEST (test_mark_slots), TEST (test_mark_missing), TEST (test_database_missing), TEST (test_half_made),
        TEST (test_other_format), TEST (test_damaged_table_file), TEST (test_disk_full), TEST (test_group_commit),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

// The store after a process that died at work on it, and after its files were damaged.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/store_place.h"

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

static const store_work_t works [] = { { "commit_thousand", commit_thousand }, { "commit_then_write", commit_then_write }, { "commit_much", commit_much }, { 0 } };

int main (int argc, char **argv)
{
    if (argc == 3)
        return store_place_child (works, argv [1], argv [2]);
    const struct CMUnitTest tests [] = {
        PLACE_TEST (test_survives_a_kill),
        PLACE_TEST (test_halved_log),
        PLACE_TEST (test_emptied_and_missing_log),
        PLACE_TEST (test_flipped_bit),
        PLACE_TEST (test_last_record_cut),
        PLACE_TEST (test_garbage_past_the_mark),
        PLACE_TEST (test_torn_record_past_the_mark),
        PLACE_TEST (test_unsynced_write_survives_the_process),
        PLACE_TEST (test_earlier_log_of_several),
        PLACE_TEST (test_much_survives),
        PLACE_TEST (test_other_format),
        PLACE_TEST (test_damaged_table_file),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

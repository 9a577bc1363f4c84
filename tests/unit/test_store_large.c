// The store with more keys than its cache can know of: a lookup still reads a few blocks.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "folder_fixture.h"
#include "storage/store.h"

enum {
    KEYS = 1500 * 1000,             // a Bloom filter of 1.8 MB where they lie in one file
    KEYS_PER_BATCH = 20 * 1000,
    LOOKUPS = 500,
    CACHE_BYTES = 8 * 1024 * 1024,  // shards of 512 KB
    LOOKUP_BYTES_MAX = 128 * 1024
};

typedef struct { uint64_t half [2]; } random_key_t;

static random_key_t key_of (uint64_t number)
{
    return (random_key_t) { { hash64 (1, &number, sizeof number), hash64 (2, &number, sizeof number) } };
}

static store_t *open_store (const char *dir)
{
    store_options_t options = { .create = true, .cache_bytes = CACHE_BYTES };
    store_t *store;
    fault_t fault = { 0 };
    assert_int_equal (store_open (dir, &options, &store, &fault), OK);
    return store;
}

static void fill (store_t *store)
{
    fault_t fault = { 0 };
    store_batch_t *batch = store_batch_new (store);
    for (uint64_t number = 0; number < KEYS; number++) {
        random_key_t key = key_of (number);
        store_batch_put (batch, TABLE_INDEX, &key, sizeof key, &number, sizeof number);
        if (store_batch_count (batch) == KEYS_PER_BATCH || number == KEYS - 1) {
            assert_int_equal (store_write (store, batch, &fault), OK);
            store_batch_clear (batch);
        }
    }
    store_batch_destroy (&batch);
}

// Bytes that this process has got from read calls so far, from the page cache or not.
static uint64_t bytes_read (void)
{
    unsigned long long bytes = 0;
    FILE *file = fopen ("/proc/self/io", "r");
    assert_non_null (file);
    assert_int_equal (fscanf (file, "rchar: %llu", &bytes), 1);
    fclose (file);
    return bytes;
}

static void look_up (store_t *store)
{
    fault_t fault = { 0 };
    buf_t value = { 0 };
    for (uint64_t n = 0; n < LOOKUPS; n++) {
        uint64_t number = n * 2311 % KEYS, missing = KEYS + n;
        random_key_t there = key_of (number), gone = key_of (missing);
        bool found;
        assert_int_equal (store_get (store, TABLE_INDEX, &there, sizeof there, &value, &found, &fault), OK);
        assert_true (found && value.len == sizeof number && memcmp (value.data, &number, sizeof number) == 0);
        assert_int_equal (store_get (store, TABLE_INDEX, &gone, sizeof gone, &value, &found, &fault), OK);
        assert_false (found);
    }
    buf_free (&value);
}

static void test_a_lookup_among_many_keys_reads_little (void **state)
{
    (void) state;
    folder_fixture_t folder;
    folder_fixture_make (&folder);
    store_t *store = open_store (folder.path);
    fill (store);
    store_settle (store, false);
    look_up (store);
    uint64_t before = bytes_read ();
    look_up (store);
    assert_in_range (bytes_read () - before, 0, (uint64_t) 2 * LOOKUPS * LOOKUP_BYTES_MAX);
    store_close (&store);
    folder_fixture_remove (&folder);
}

int main (void)
{
    const struct CMUnitTest tests [] = { cmocka_unit_test (test_a_lookup_among_many_keys_reads_little) };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

// store_place: a folder for a store, and a process that dies at work on it.
#ifndef TESTS_UNIT_STORE_PLACE_H
#define TESTS_UNIT_STORE_PLACE_H

#include <stdbool.h>
#include <sys/types.h>

#include "storage/store.h"

typedef struct { char root [64], dir [80]; } place_of_test_t;

int store_place_set_up (void **state);
int store_place_tear_down (void **state);
const char *dir_of (void **state);
store_t *open_ok (const char *dir, bool create);
status_t open_status (const char *dir, const store_options_t *options, fault_t *fault);
void put (store_batch_t *batch, store_table_t table, uint64_t number, const char *value);
bool has (store_t *store, store_table_t table, uint64_t number, const char *value);
size_t count (store_t *store, store_table_t table);

enum { RECORDS = 1000 };

static const char value_text [] = "a value of some length, so that the log has something to be cut in";

void commit_records (store_t *store, uint64_t from, size_t n, size_t group);

// Another process of this program works on the store and dies without closing it (see main). It is a new program, not
// a mere fork: RocksDB's background threads would be missing in one.
void in_dying_child (const char *dir, const char *work);
void commit_thousand (store_t *store);

// The largest log file of the store; the caller frees it.
char *log_path (const char *dir);
off_t size_of (const char *path);
void append (const char *path, const void *bytes, size_t len);
void flip (const char *path, off_t at);
void expect_refused (const char *dir);

// What in_dying_child can have done, by name; works ends with a name of NULL. store_place_child is main's for such a process.
typedef struct { const char *name; void (*work) (store_t *store); } store_work_t;
int store_place_child (const store_work_t *works, const char *work, const char *dir);

#define PLACE_TEST(f) cmocka_unit_test_setup_teardown (f, store_place_set_up, store_place_tear_down)

#endif

// ingest_fixture: a folder with two stores and the files that they ingest, for comparing what came of them.
#ifndef TESTS_UNIT_INGEST_FIXTURE_H
#define TESTS_UNIT_INGEST_FIXTURE_H

#include "base/buf.h"
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

int ingest_fixture_set_up (void **state);
int ingest_fixture_tear_down (void **state);
char *path_of (fixture_t *f, const char *name);
void write_named (fixture_t *f, const char *name, const void *bytes, size_t len, const char *mode);
void put_file (fixture_t *f, const char *name, const char *text);
void append_file (fixture_t *f, const char *name, const char *text);
store_t *open_store (fixture_t *f, const char *dir);

// Ingest the files named (in the folder, "-" as it is), separated by spaces.
status_t ingest (fixture_t *f, const char *dir, const char *names);
void taken (fixture_t *f, const char *dir, const char *names);
void refused (fixture_t *f, const char *dir, const char *names, status_t code, const char *words);
void counts (fixture_t *f, uint64_t rows, uint64_t rejected, uint64_t pairs, uint64_t duplicates);
void same_contents (fixture_t *f);
void add_rows (buf_t *out, int from, int to);

#define INGEST_TEST(name) cmocka_unit_test_setup_teardown (name, ingest_fixture_set_up, ingest_fixture_tear_down)

#endif

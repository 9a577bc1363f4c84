#include "tests/unit/ingest_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

int ingest_fixture_set_up (void **state)
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

int ingest_fixture_tear_down (void **state)
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

char *path_of (fixture_t *f, const char *name)
{
    return mem_printf ("%s/%s", f->folder, name);
}

void write_named (fixture_t *f, const char *name, const void *bytes, size_t len, const char *mode)
{
    char *path = path_of (f, name);
    FILE *file = fopen (path, mode);
    assert_non_null (file);
    assert_int_equal (fwrite (bytes, 1, len, file), len);
    fclose (file);
    free (path);
}

void put_file (fixture_t *f, const char *name, const char *text)
{
    write_named (f, name, text, strlen (text), "wb");
}

void append_file (fixture_t *f, const char *name, const char *text)
{
    write_named (f, name, text, strlen (text), "ab");
}

store_t *open_store (fixture_t *f, const char *dir)
{
    store_t *store;
    store_options_t options = { .create = true };
    if (store_open (dir, &options, &store, &f->fault) != OK)
        fail_msg ("%s", f->fault.text);
    return store;
}

status_t ingest (fixture_t *f, const char *dir, const char *names)
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

void taken (fixture_t *f, const char *dir, const char *names)
{
    if (ingest (f, dir, names) != OK)
        fail_msg ("%s", f->fault.text);
}

void refused (fixture_t *f, const char *dir, const char *names, status_t code, const char *words)
{
    assert_int_equal (ingest (f, dir, names), code);
    if (!strstr (f->fault.text, words))
        fail_msg ("\"%s\" does not say \"%s\"", f->fault.text, words);
}

void counts (fixture_t *f, uint64_t rows, uint64_t rejected, uint64_t pairs, uint64_t duplicates)
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

void same_contents (fixture_t *f)
{
    digest_t one = contents (f, f->one), two = contents (f, f->two);
    assert_true (digest_equal (&one, &two));
}

void add_rows (buf_t *out, int from, int to)
{
    for (int i = from; i < to; i++)
        buf_printf (out, "{\"prompt\": \"p%d\", \"chosen\": \"x%d\", \"rejected\": \"y\", \"n\": %d}\n", i % 700, i, i);
}

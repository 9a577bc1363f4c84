#include "tests/unit/store_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

int store_place_set_up (void **state)
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

int store_place_tear_down (void **state)
{
    place_of_test_t *p = *state;
    remove_tree (p->root);
    free (p);
    return 0;
}

const char *dir_of (void **state)
{
    return ((place_of_test_t *) *state)->dir;
}

store_t *open_ok (const char *dir, bool create)
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

status_t open_status (const char *dir, const store_options_t *options, fault_t *fault)
{
    store_t *store;
    *fault = (fault_t) { 0 };
    status_t status = store_open (dir, options, &store, fault);
    if (status)
        assert_null (store);
    store_close (&store);
    return status;
}

void put (store_batch_t *batch, store_table_t table, uint64_t number, const char *value)
{
    buf_t key = { 0 };
    buf_add_u64be (&key, number);
    store_batch_put (batch, table, key.data, key.len, value, strlen (value));
    buf_free (&key);
}

bool has (store_t *store, store_table_t table, uint64_t number, const char *value)
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

size_t count (store_t *store, store_table_t table)
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

void commit_records (store_t *store, uint64_t from, size_t n, size_t group)
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

void in_dying_child (const char *dir, const char *work)
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

void commit_thousand (store_t *store)
{
    commit_records (store, 0, RECORDS, 10);
}

char *log_path (const char *dir)
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

off_t size_of (const char *path)
{
    struct stat info;
    assert_int_equal (stat (path, &info), 0);
    return info.st_size;
}

void append (const char *path, const void *bytes, size_t len)
{
    int fd = open (path, O_WRONLY | O_APPEND);
    assert_true (fd >= 0);
    assert_int_equal (write (fd, bytes, len), len);
    close (fd);
}

void flip (const char *path, off_t at)
{
    int fd = open (path, O_RDWR);
    char c;
    assert_int_equal (pread (fd, &c, 1, at), 1);
    c ^= 0x10;
    assert_int_equal (pwrite (fd, &c, 1, at), 1);
    close (fd);
}

void expect_refused (const char *dir)
{
    fault_t fault;
    for (int i = 0; i < 2; i++) {           // a refusal changes nothing: it stays one
        assert_int_equal (open_status (dir, &(store_options_t) { .create = true }, &fault), ERR_CORRUPT);
        assert_non_null (strstr (fault.text, "writes were promised"));
        assert_non_null (strstr (fault.text, "restore"));
    }
    assert_int_equal (open_status (dir, &(store_options_t) { .read_only = true }, &fault), ERR_CORRUPT);
}

int store_place_child (const store_work_t *works, const char *work, const char *dir)
{
    for (; works->name; works++)
        if (strcmp (works->name, work) == 0) {
            store_t *store = open_ok (dir, true);
            works->work (store);
            _exit (7);
        }
    return 1;
}

// ops/write_file: files that are whole or not there.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "ops/write_file.h"
#include "tests/unit/folder_fixture.h"

static int set_up (void **state)
{
    folder_fixture_t *folder = mem_zero (1, sizeof *folder);
    folder_fixture_make (folder);
    *state = folder;
    return 0;
}

static int tear_down (void **state)
{
    folder_fixture_remove (*state);
    free (*state);
    return 0;
}

static char *path_of (void **state, const char *name)
{
    return mem_printf ("%s/%s", ((folder_fixture_t *) *state)->path, name);
}

static void check_holds (const char *path, const char *text)
{
    FILE *file = fopen (path, "rb");
    char got [64] = "";
    assert_non_null (file);
    assert_int_equal (fread (got, 1, sizeof got - 1, file), strlen (text));
    assert_string_equal (got, text);
    fclose (file);
}

static size_t files_in (void **state)
{
    size_t n = 0;
    DIR *dir = opendir (((folder_fixture_t *) *state)->path);
    while (readdir (dir))
        n++;
    closedir (dir);
    return n - 2;
}

static void a_file_is_replaced_whole (void **state)
{
    char *path = path_of (state, "file");
    fault_t fault = { 0 };
    assert_int_equal (write_file (path, "first", 5, &fault), OK);
    check_holds (path, "first");
    assert_int_equal (write_file (path, "", 0, &fault), OK);
    check_holds (path, "");
    assert_int_equal (files_in (state), 1);
    free (path);
}

static void what_fails_leaves_the_old_one (void **state)
{
    char *path = path_of (state, "file");
    fault_t fault = { 0 };
    out_file_t out;
    assert_int_equal (write_file (path, "old", 3, &fault), OK);
    assert_int_equal (out_file_open (&out, path, NULL, &fault), OK);
    assert_string_equal (out.name, path);
    assert_true (fputs ("half of the new", out.file) >= 0);
    check_holds (path, "old");
    assert_int_equal (out_file_close (&out, ERR_FORMAT, &fault), ERR_FORMAT);
    check_holds (path, "old");
    assert_int_equal (files_in (state), 1);
    assert_int_equal (out_file_open (&out, path, NULL, &fault), OK);
    assert_true (fputs ("new", out.file) >= 0);
    assert_int_equal (out_file_close (&out, OK, &fault), OK);
    check_holds (path, "new");
    free (path);
}

static void where_nothing_can_be_written_is_said (void **state)
{
    char *path = path_of (state, "missing/file"), *folder = path_of (state, "folder");
    fault_t fault = { 0 };
    assert_int_equal (write_file (path, "x", 1, &fault), ERR_IO);
    assert_non_null (strstr (fault.text, path));
    assert_int_equal (make_folder_of (path, &fault), OK);
    assert_int_equal (write_file (path, "x", 1, &fault), OK);
    assert_int_equal (mkdir (folder, 0755), 0);
    assert_int_equal (write_file (folder, "x", 1, &fault), ERR_IO);
    assert_non_null (strstr (fault.text, folder));
    assert_int_equal (files_in (state), 2);
    free (path);
    free (folder);
}

// A link goes on leading to the file, which keeps its mode.
static void a_file_keeps_its_mode_and_links_to_it (void **state)
{
    char *path = path_of (state, "file"), *link = path_of (state, "link");
    fault_t fault = { 0 };
    struct stat info;
    assert_int_equal (write_file (path, "old", 3, &fault), OK);
    assert_int_equal (chmod (path, 0640), 0);
    assert_int_equal (symlink ("file", link), 0);
    assert_int_equal (write_file (link, "new", 3, &fault), OK);
    assert_int_equal (lstat (link, &info), 0);
    assert_true (S_ISLNK (info.st_mode));
    assert_int_equal (lstat (path, &info), 0);
    assert_true (S_ISREG (info.st_mode));
    assert_int_equal (info.st_mode & 07777, 0640);
    check_holds (path, "new");
    assert_int_equal (files_in (state), 2);
    free (path);
    free (link);
}

// The next writer takes it away; not that of one who is at work, nor what only looks like it.
static void what_a_killed_process_left_is_taken_away (void **state)
{
    static const char *const others [] = { "file.rulemill-12.newer", "file.rulemill-x.new", "file.rulemill-.new", "other.rulemill-12.new",
                                          "file.12.new", "file.new" };
    enum { OTHERS = sizeof others / sizeof *others };
    char *path = path_of (state, "file"), *left = path_of (state, "file.rulemill-4194999.new");
    fault_t fault = { 0 };
    out_file_t at_work;
    for (size_t i = 0; i < OTHERS; i++) {
        char *name = path_of (state, others [i]);
        assert_int_equal (write_file (name, "x", 1, &fault), OK);
        free (name);
    }
    pid_t child = fork ();
    if (child == 0) {
        out_file_t out;
        if (out_file_open (&out, path, NULL, &fault) == OK)
            (void) raise (SIGKILL);
        _exit (1);
    }
    int how;
    assert_int_equal (waitpid (child, &how, 0), child);
    assert_true (WIFSIGNALED (how));
    assert_int_equal (write_file (left, "x", 1, &fault), OK);
    assert_int_equal (files_in (state), OTHERS + 2);
    assert_int_equal (out_file_open (&at_work, path, NULL, &fault), OK);
    assert_int_equal (files_in (state), OTHERS + 1);
    child = fork ();
    if (child == 0)
        _exit (write_file (path, "second", 6, &fault) == OK ? 0 : 1);
    assert_int_equal (waitpid (child, &how, 0), child);
    assert_int_equal (how, 0);
    assert_true (fputs ("first", at_work.file) >= 0);
    assert_int_equal (out_file_close (&at_work, OK, &fault), OK);
    check_holds (path, "first");
    assert_int_equal (files_in (state), OTHERS + 1);
    free (path);
    free (left);
}

// Nor do two writers of one process, or of two that go by one number in two containers, come into each other's files.
static void two_of_one_number_write_apart (void **state)
{
    char *path = path_of (state, "file");
    fault_t fault = { 0 };
    out_file_t one, two;
    assert_int_equal (out_file_open (&one, path, NULL, &fault), OK);
    assert_true (fputs ("first", one.file) >= 0);
    assert_int_equal (fflush (one.file), 0);
    assert_int_equal (out_file_open (&two, path, NULL, &fault), OK);
    assert_int_equal (files_in (state), 2);
    assert_true (fputs ("second", two.file) >= 0);
    assert_int_equal (out_file_close (&one, OK, &fault), OK);
    check_holds (path, "first");
    assert_int_equal (out_file_close (&two, OK, &fault), OK);
    check_holds (path, "second");
    assert_int_equal (files_in (state), 1);
    free (path);
}

static int run_child (void (*work) (void **), void **state)
{
    int how = -1;
    fflush (NULL);
    pid_t child = fork ();
    if (child == 0)
        work (state);
    assert_int_equal (waitpid (child, &how, 0), child);
    return how;
}

enum { NOT_ALLOWED = 77 };

// In a user namespace that knows our user alone.
static void write_unmapped (void **state)
{
    char *path = path_of (state, "file");
    fault_t fault = { 0 };
    if (chown (path, 12345, 12345) != 0 || unshare (CLONE_NEWUSER) != 0)
        _exit (NOT_ALLOWED);
    int map = open ("/proc/self/uid_map", O_WRONLY);
    if (map < 0 || write (map, "0 0 1", 5) != 5)
        _exit (NOT_ALLOWED);
    _exit (write_file (path, "new", 3, &fault) == OK ? 0 : 1);
}

// An owner that can't be kept, for whatever reason, is no reason not to write.
static void an_owner_that_is_unknown_is_not_kept (void **state)
{
    char *path = path_of (state, "file");
    fault_t fault = { 0 };
    assert_int_equal (write_file (path, "old", 3, &fault), OK);
    assert_int_equal (chmod (path, 0644), 0);
    int how = run_child (write_unmapped, state);
    if (WIFEXITED (how) && WEXITSTATUS (how) == NOT_ALLOWED) {
        free (path);
        skip ();
    }
    assert_int_equal (how, 0);
    check_holds (path, "new");
    assert_int_equal (files_in (state), 1);
    free (path);
}

// A device stays what it is; a full one is told.
static void devices_are_written_to (void **state)
{
    (void) state;
    struct stat info;
    fault_t fault = { 0 };
    assert_int_equal (write_file ("/dev/null", "x", 1, &fault), OK);
    assert_int_equal (stat ("/dev/null", &info), 0);
    assert_true (S_ISCHR (info.st_mode));
    assert_int_equal (write_file ("/dev/full", "x", 1, &fault), ERR_IO);
    assert_non_null (strstr (fault.text, "/dev/full: No space left"));
}

static void no_path_is_the_other_file_or_nothing (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    out_file_t out;
    assert_int_equal (out_file_open (&out, NULL, stdout, &fault), OK);
    assert_ptr_equal (out.file, stdout);
    assert_string_equal (out.name, "standard output");
    assert_int_equal (out_file_close (&out, OK, &fault), OK);
    assert_int_equal (out_file_open (&out, NULL, NULL, &fault), OK);
    assert_null (out.file);
    assert_int_equal (out_file_close (&out, ERR_USAGE, &fault), ERR_USAGE);
    assert_true (puts ("standard output is still open") >= 0);
}

static void what_can_not_be_written_is_told_before (void **state)
{
    fault_t fault = { 0 };
    char *file = path_of (state, "file"), *nowhere = path_of (state, "none/file");
    assert_int_equal (write_file_check (file, &fault), OK);
    assert_int_equal (access (file, F_OK), -1);
    assert_int_equal (write_file_check ("/dev/null", &fault), OK);
    assert_int_equal (write_file_check (nowhere, &fault), ERR_IO);
    assert_non_null (strstr (fault.text, "none/file: No such file"));
    assert_int_equal (write_file_check (((folder_fixture_t *) *state)->path, &fault), ERR_IO);
    free (file);
    free (nowhere);
}

// Of links it counts where they lead. As a user who may not write everywhere; the status says which check failed.
static void check_as_user (void **state)
{
    char *locked = path_of (state, "locked/link"), *open_link = path_of (state, "open/link"), *to = path_of (state, "open/file");
    fault_t fault = { 0 };
    if (geteuid () == 0 && setuid (65534) != 0)
        _exit (4);
    if (write_file_check (locked, &fault) != OK || write_file (locked, "x", 1, &fault) != OK)
        _exit (1);
    if (write_file_check (open_link, &fault) != ERR_IO)
        _exit (2);
    if (freopen (to, "wb", stdout) == NULL || write_file_check ("/dev/stdout", &fault) != OK)
        _exit (3);
    _exit (0);
}

static void links_are_followed_before (void **state)
{
    static const char *const folders [] = { "locked", "open" }, *const other [] = { "../open/file", "../locked/file" };
    assert_int_equal (chmod (((folder_fixture_t *) *state)->path, 0755), 0);
    for (int f = 0; f < 2; f++) {
        char *folder = path_of (state, folders [f]), *file = mem_printf ("%s/file", folder), *link = mem_printf ("%s/link", folder);
        fault_t fault = { 0 };
        assert_int_equal (mkdir (folder, 0755), 0);
        assert_int_equal (write_file (file, "", 0, &fault), OK);
        assert_int_equal (chmod (file, 0666), 0);
        assert_int_equal (symlink (other [f], link), 0);
        assert_int_equal (chmod (folder, f == 0 ? 0555 : 0777), 0);
        free (folder);
        free (file);
        free (link);
    }
    assert_int_equal (run_child (check_as_user, state), 0);
    char *locked = path_of (state, "locked");
    assert_int_equal (chmod (locked, 0755), 0);
    free (locked);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests [] = {
        TEST (a_file_is_replaced_whole), TEST (what_fails_leaves_the_old_one), TEST (what_can_not_be_written_is_told_before),
        TEST (where_nothing_can_be_written_is_said),
        TEST (a_file_keeps_its_mode_and_links_to_it), TEST (what_a_killed_process_left_is_taken_away),
        TEST (two_of_one_number_write_apart), TEST (an_owner_that_is_unknown_is_not_kept), TEST (links_are_followed_before),
        TEST (devices_are_written_to), TEST (no_path_is_the_other_file_or_nothing),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

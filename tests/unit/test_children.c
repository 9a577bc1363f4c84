// Worker processes that are kept alive, and the one command at a phase's end.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "coordinator/children.h"
#include "tests/unit/folder_fixture.h"

typedef struct {
    folder_fixture_t folder;
    char program [128];
    program_t *opened;
    unsigned died;
    pid_t last;
    char how [64];
} fixture_t;

static int setup (void **state)
{
    fixture_t *f = mem_zero (1, sizeof *f);
    folder_fixture_make (&f->folder);
    snprintf (f->program, sizeof f->program, "%s/program", f->folder.path);
    *state = f;
    return 0;
}

static int teardown (void **state)
{
    fixture_t *f = *state;
    program_close (&f->opened);
    folder_fixture_remove (&f->folder);
    free (f);
    return 0;
}

static void make_program (fixture_t *f, const char *text)
{
    FILE *file = fopen (f->program, "we");
    assert_non_null (file);
    fprintf (file, "#!/bin/sh\n%s\n", text);
    fclose (file);
    assert_int_equal (chmod (f->program, 0700), 0);
}

static children_t *start (fixture_t *f, unsigned n)
{
    f->opened = program_open (f->program);
    children_t *children;
    fault_t fault = { 0 };
    assert_int_equal (children_start (f->opened, "ipc://here", n, &children, &fault), OK);
    return children;
}

static void on_death (void *ctx, pid_t pid, const char *how)
{
    fixture_t *f = ctx;
    f->died++;
    f->last = pid;
    snprintf (f->how, sizeof f->how, "%s", how);
}

// Step at the given times, with real pauses for the processes, until so many have died.
static bool step_until (fixture_t *f, children_t *children, int64_t now_ms, unsigned died)
{
    bool hope = true;
    for (int i = 0; i < 1000 && f->died < died; i++) {
        hope = children_step (children, now_ms, on_death, f);
        usleep (5000);
    }
    assert_int_equal (f->died, died);
    return hope;
}

static void they_are_told_what_to_do (void **state)
{
    fixture_t *f = *state;
    make_program (f, "echo \"$@\" > \"$0.said\"; exec sleep 100");
    children_t *children = start (f, 1);
    char *path = mem_printf ("%s.said", f->program), said [128] = "", wanted [128];
    for (int i = 0; i < 1000 && said [0] == '\0'; i++) {
        FILE *file = fopen (path, "re");
        if (file) {
            if (fgets (said, sizeof said, file) == NULL)
                said [0] = '\0';
            fclose (file);
        }
        usleep (5000);
    }
    snprintf (wanted, sizeof wanted, "worker ipc://here --parent %d\n", (int) getpid ());
    assert_string_equal (said, wanted);
    free (path);
    assert_int_equal (children_alive (children), 1);
    int64_t began_ms = clock_ms (NULL);
    children_end (&children, 100);              // it does not end by itself
    assert_null (children);
    assert_true (clock_ms (NULL) - began_ms < 3000);
}

static void the_dead_are_started_again_after_a_growing_pause (void **state)
{
    fixture_t *f = *state;
    make_program (f, "exit 7");
    children_t *children = start (f, 1);
    int64_t now_ms = clock_ms (NULL);
    assert_true (step_until (f, children, now_ms, 1));
    assert_string_equal (f->how, "exit code 7");
    assert_int_equal (children_alive (children), 0);
    int64_t pause_ms = 250;
    for (unsigned death = 1; death < 8; death++) {
        assert_true (children_step (children, now_ms + pause_ms - 1, on_death, f));
        assert_int_equal (children_alive (children), 0);
        now_ms += pause_ms;
        assert_true (step_until (f, children, now_ms, death + 1));
        pause_ms = pause_ms * 2 > 10000 ? 10000 : pause_ms * 2;
    }
    children_end (&children, 0);
}

static void a_killed_one_is_named (void **state)
{
    fixture_t *f = *state;
    make_program (f, "kill -9 $$");
    children_t *children = start (f, 2);
    step_until (f, children, clock_ms (NULL), 2);
    assert_non_null (strstr (f->how, "signal 9"));
    assert_true (f->last > 0);
    children_end (&children, 0);
}

static void the_hopeless_are_left_alone (void **state)
{
    fixture_t *f = *state;
    make_program (f, "exit 2");
    children_t *children = start (f, 2);
    int64_t now_ms = clock_ms (NULL);
    assert_false (step_until (f, children, now_ms, 2));
    assert_false (children_step (children, now_ms + 100000, on_death, f));
    assert_int_equal (children_alive (children), 0);
    children_end (&children, 0);
}

static void a_missing_program_is_said (void **state)
{
    fixture_t *f = *state;
    children_t *children;
    fault_t fault = { 0 };
    f->opened = program_open (f->program);
    assert_int_equal (children_start (f->opened, "ipc://here", 3, &children, &fault), ERR_IO);
    assert_null (children);
    assert_non_null (strstr (fault.text, f->program));
}

// A program that ends with this exit code when it gets an argument: this one, with the code behind it.
static void copy_self (const char *to, int code)
{
    char bytes [4096];
    FILE *in = fopen ("/proc/self/exe", "re"), *out = fopen (to, "we");
    assert_non_null (in);
    assert_non_null (out);
    for (size_t n; (n = fread (bytes, 1, sizeof bytes, in)) > 0; )
        assert_int_equal (fwrite (bytes, 1, n, out), n);
    assert_int_equal (fputc (code, out), code);
    assert_int_equal (fclose (in), 0);
    assert_int_equal (fclose (out), 0);
    assert_int_equal (chmod (to, 0700), 0);
}

static void a_replaced_program_is_started_as_it_was (void **state)
{
    fixture_t *f = *state;
    copy_self (f->program, 21);
    children_t *children = start (f, 1);
    assert_true (step_until (f, children, clock_ms (NULL), 1));
    assert_string_equal (f->how, "exit code 21");
    assert_int_equal (unlink (f->program), 0);
    copy_self (f->program, 22);
    assert_true (step_until (f, children, clock_ms (NULL) + 60000, 2));
    assert_string_equal (f->how, "exit code 21");
    assert_int_equal (unlink (f->program), 0);
    assert_true (step_until (f, children, clock_ms (NULL) + 120000, 3));
    assert_string_equal (f->how, "exit code 21");
    children_end (&children, 0);
}

static void none_are_no_reason_to_despair (void **state)
{
    fixture_t *f = *state;
    children_t *children = start (f, 0);
    assert_true (children_step (children, 0, on_death, f));
    children_end (&children, 0);
    children_end (&children, 0);                // nothing there
}

static void someone_else_collected_it (void **state)
{
    fixture_t *f = *state;
    make_program (f, "exit 0");
    signal (SIGCHLD, SIG_IGN);                  // as some supervisors leave it
    children_t *children = start (f, 1);
    assert_true (step_until (f, children, clock_ms (NULL), 1));
    signal (SIGCHLD, SIG_DFL);
    children_end (&children, 0);
}

static int wait_for (pid_t pid)
{
    int exit_code = -1;
    for (int i = 0; i < 1000 && !children_command_done (pid, &exit_code); i++)
        usleep (5000);
    return exit_code;
}

static void a_command_ends_as_it_ends (void **state)
{
    (void) state;
    pid_t pid;
    fault_t fault = { 0 };
    const char *good [] = { "/bin/true", NULL }, *bad [] = { "/bin/sh", "-c", "exit 5", NULL };
    const char *killed [] = { "/bin/sh", "-c", "kill -9 $$", NULL }, *missing [] = { "/no/such/thing", NULL };
    assert_int_equal (children_command (NULL, good, &pid, &fault), OK);
    assert_int_equal (wait_for (pid), 0);
    assert_int_equal (children_command (NULL, bad, &pid, &fault), OK);
    assert_int_equal (wait_for (pid), 5);
    assert_int_equal (children_command (NULL, killed, &pid, &fault), OK);
    assert_int_equal (wait_for (pid), 128);
    assert_int_equal (children_command (NULL, missing, &pid, &fault), ERR_IO);
}

static void a_command_is_the_program_as_it_was (void **state)
{
    fixture_t *f = *state;
    pid_t pid;
    fault_t fault = { 0 };
    copy_self (f->program, 21);
    f->opened = program_open (f->program);
    const char *argv [] = { f->program, "as a child", NULL };
    assert_string_equal (program_file (f->opened), f->program);
    assert_int_equal (unlink (f->program), 0);
    copy_self (f->program, 22);
    assert_int_equal (children_command (NULL, argv, &pid, &fault), OK);
    assert_int_equal (wait_for (pid), 22);
    assert_int_equal (children_command (f->opened, argv, &pid, &fault), OK);
    assert_int_equal (wait_for (pid), 21);
    assert_string_equal (program_path (f->opened), f->program);
}

static void a_command_can_be_stopped (void **state)
{
    (void) state;
    pid_t pid;
    fault_t fault = { 0 };
    const char *polite [] = { "/bin/sh", "-c", "sleep 1000; true", NULL };
    const char *deaf [] = { "/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done", NULL };
    assert_int_equal (children_command (NULL, polite, &pid, &fault), OK);
    children_command_stop (pid, false);
    assert_int_not_equal (wait_for (pid), 0);
    assert_int_equal (children_command (NULL, deaf, &pid, &fault), OK);
    usleep (200000);
    children_command_stop (pid, false);
    usleep (100000);
    int exit_code;
    assert_false (children_command_done (pid, &exit_code));
    children_command_stop (pid, true);
    assert_int_equal (wait_for (pid), 128);
}

// The last byte of the file that this process is.
static int last_byte_of_self (void)
{
    FILE *file = fopen ("/proc/self/exe", "re");
    int code = file && fseek (file, -1, SEEK_END) == 0 ? fgetc (file) : EXIT_FAILURE;
    if (file)
        fclose (file);
    return code;
}

int main (int argc, char **argv)
{
    (void) argv;
    if (argc > 1)
        return last_byte_of_self ();
    const struct CMUnitTest tests [] = {
        cmocka_unit_test_setup_teardown (they_are_told_what_to_do, setup, teardown),
        cmocka_unit_test_setup_teardown (the_dead_are_started_again_after_a_growing_pause, setup, teardown),
        cmocka_unit_test_setup_teardown (a_killed_one_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown (the_hopeless_are_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown (a_missing_program_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown (a_replaced_program_is_started_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown (a_command_is_the_program_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown (none_are_no_reason_to_despair, setup, teardown),
        cmocka_unit_test_setup_teardown (someone_else_collected_it, setup, teardown),
        cmocka_unit_test_setup_teardown (a_command_ends_as_it_ends, setup, teardown),
        cmocka_unit_test_setup_teardown (a_command_can_be_stopped, setup, teardown),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

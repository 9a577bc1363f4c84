// The event loop that is drained, stopped, or killed in a process of its own. After each scenario every acknowledged item stands
// in the store exactly once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <spawn.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "tests/unit/serve_fixture.h"
#include "worker/worker.h"

extern char **environ;

// --- stopping ------------------------------------------------------------------

static void a_drained_run_resumes (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 1500);
    f->count.setup.pause_us = 200;
    for (unsigned part = 0; part < 3; part++) {
        f->drain_at = part < 2 ? 300 : 0;
        fixture_start_workers (f, 2);
        assert_int_equal (fixture_run (f), part < 2 ? ERR_STOPPED : OK);
        fixture_join (f);
        uint64_t done = fixture_results (f);
        assert_true (done >= (part + 1) * 300 || part == 2);
        for (uint64_t item = 0; item < 1500; item++)
            assert_true (atomic_load (&count_settled_items [item]) == 0 || count_has (f->store, 'L', item));
    }
    fixture_check_complete (f);
}

static void stopping_at_once_keeps_what_was_acknowledged (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 1500);
    f->stop_at = 200;
    f->count.setup.pause_us = 200;
    fixture_start_workers (f, 2);
    assert_int_equal (fixture_run (f), ERR_STOPPED);
    fixture_join (f);
    fixture_results (f);
    for (uint64_t item = 0; item < 1500; item++)
        assert_true (atomic_load (&count_settled_items [item]) == 0 || count_has (f->store, 'L', item));
    f->stop_at = 0;
    fixture_start_workers (f, 2);
    assert_int_equal (fixture_run (f), OK);
    fixture_check_complete (f);
}

static void never_answers_a_drain (fixture_t *f, scripted_t *script)
{
    (void) f;
    scripted_hello (script);
    scripted_take_lease (script);
    scripted_result (script, script->lease, 0, 0);
    scripted_await_ack (script, 0);
}

static void a_drain_does_not_wait_for_the_dead (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 20);
    f->drain_at = 1;
    fixture_start_script (f, never_answers_a_drain);
    int64_t began_ms = clock_ms (NULL);
    assert_int_equal (fixture_run (f), ERR_STOPPED);
    assert_true (clock_ms (NULL) - began_ms < 5000);
    assert_int_equal (fixture_results (f), 1);
}

// --- a coordinator in a process of its own ---------------------------------------

enum { CRASH_ITEMS = 6000 };

// What this program does when it is started as a coordinator: it ends without a word after some commits.
static int be_a_coordinator (const char *folder, unsigned exit_after)
{
    fixture_t *f = mem_zero (1, sizeof *f);
    snprintf (f->folder.path, sizeof f->folder.path, "%s", folder);
    snprintf (f->address, sizeof f->address, "ipc://%s/socket", folder);
    fixture_open (f, CRASH_ITEMS);
    f->count.setup.pause_us = 300;
    f->count.stale = 50;
    f->count.exit_after = exit_after;
    return fixture_run (f) == OK ? 0 : 1;
}

static pid_t start_coordinator (fixture_t *f, const char *exit_after)
{
    const char *argv [] = { "/proc/self/exe", "--coordinator", f->folder.path, exit_after, NULL };
    pid_t pid;
    must (posix_spawn (&pid, argv [0], NULL, NULL, (char *const *) (uintptr_t) argv, environ) == 0);
    return pid;
}

static void what_was_acknowledged_survives_a_crash (void **state)
{
    fixture_t *f = *state;
    pid_t pid = start_coordinator (f, "4");
    fixture_start_workers (f, 2);
    for (int crash = 0; crash < 4; crash++) {
        int end;
        assert_int_equal (waitpid (pid, &end, 0), pid);
        assert_true (WIFEXITED (end));
        assert_int_equal (WEXITSTATUS (end), 7);
        unsigned char acknowledged [CRASH_ITEMS];
        for (uint64_t item = 0; item < CRASH_ITEMS; item++)
            acknowledged [item] = atomic_load (&count_settled_items [item]);
        fixture_open (f, CRASH_ITEMS);          // looks at the store alone
        fixture_results (f);
        for (uint64_t item = 0; item < CRASH_ITEMS; item++)
            assert_true (item % 50 == 0 || !acknowledged [item] || count_has (f->store, 'L', item));   // stale ones are forgotten too
        fixture_close (f);
        if (crash < 3)
            pid = start_coordinator (f, crash == 2 ? "2" : "5");
    }
    fixture_open (f, CRASH_ITEMS);
    f->count.stale = 50;
    f->count.setup.pause_us = 300;              // the same run, so the workers keep what they have
    assert_int_equal (fixture_run (f), OK);
    fixture_join (f);
    fixture_check_complete (f);
}

static int be_a_worker (const char *address)
{
    fault_t fault = { 0 };
    worker_options_t options = { .endpoint = { .address = address } };
    return worker_run (&options, &fault) == OK ? 0 : 1;
}

static children_t *start_children (void *ctx)
{
    fixture_t *f = ctx;
    children_t *children;
    fault_t fault = { 0 };
    must (children_start (f->options.program, f->address, 2, &children, &fault) == OK);
    return children;
}

static void worker_processes_that_crash_are_started_again (void **state)
{
    fixture_t *f = *state;
    fixture_open (f, 60);
    program_t *program = program_open ("/proc/self/exe");
    f->options.program = program;
    f->options.start = start_children;
    f->options.beat_ms = 50;
    f->count.setup.deadly = 21;
    assert_int_equal (fixture_run (f), OK);
    fixture_check_complete (f);
    assert_int_equal (f->state.workers_died, 3);
    buf_t value = { 0 };
    for (uint64_t item = 0; item < 60; item++)
        assert_int_equal (fixture_result (f, item, &value) == 'q', item == 21);
    buf_free (&value);
    program_close (&program);
}

int main (int argc, char **argv)
{
    fixture_setup ();
    if (argc == 4 && strcmp (argv [1], "--coordinator") == 0)
        return be_a_coordinator (argv [2], (unsigned) strtoul (argv [3], NULL, 10));
    if (argc >= 3 && strcmp (argv [1], "worker") == 0)
        return be_a_worker (argv [2]);
    const struct CMUnitTest tests [] = {
        FIXTURE_TEST (a_drained_run_resumes),
        FIXTURE_TEST (stopping_at_once_keeps_what_was_acknowledged),
        FIXTURE_TEST (a_drain_does_not_wait_for_the_dead),
        FIXTURE_TEST (what_was_acknowledged_survives_a_crash),
        FIXTURE_TEST (worker_processes_that_crash_are_started_again),
    };
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    endpoint_teardown ();
    return failed;
}

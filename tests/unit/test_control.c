// The control socket: one line asked, one line answered, and nobody who connects can keep the job from its work.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/json.h"
#include "coordinator/control.h"
#include "tests/unit/folder_fixture.h"

typedef struct {
    folder_fixture_t folder;
    char *dir;
    control_t *control;
    pthread_t thread;
    _Atomic bool stop;
    _Atomic unsigned requests, turns;
} fixture_t;

static status_t handler (void *ctx, const char *request, size_t len, buf_t *answer, fault_t *fault)
{
    fixture_t *f = ctx;
    unsigned n = atomic_fetch_add (&f->requests, 1);
    if (len == 5 && memcmp (request, "later", 5) == 0 && n < 3)
        return ERR_BUSY;
    if (len == 3 && memcmp (request, "bad", 3) == 0) {
        json_write_key (answer, "half");
        buf_add_str (answer, "1");
        return fault_set (fault, ERR_NOT_FOUND, "no such thing as \"bad\"");
    }
    json_write_key (answer, "text");
    if (len == 3 && memcmp (request, "big", 3) == 0) {
        char *big = mem_zero (1, 4000001);
        memset (big, 'x', 4000000);
        json_write_cstring (answer, big);
        free (big);
    }
    else
        json_write_string (answer, request, len);
    return OK;
}

static void *serve (void *ctx)
{
    fixture_t *f = ctx;
    while (!atomic_load (&f->stop)) {
        int fds [64];
        size_t n = control_fds (f->control, fds, 64);
        struct pollfd polls [64];
        for (size_t i = 0; i < n; i++)
            polls [i] = (struct pollfd) { .fd = fds [i], .events = POLLIN };
        poll (polls, n, 20);
        control_step (f->control);
        atomic_fetch_add (&f->turns, 1);
    }
    return NULL;
}

static void begin (fixture_t *f, const char *dir)
{
    fault_t fault = { 0 };
    f->dir = mem_string (dir);
    assert_int_equal (control_listen (dir, handler, f, &f->control, &fault), OK);
    atomic_store (&f->stop, false);
    assert_int_equal (pthread_create (&f->thread, NULL, serve, f), 0);
}

static void end (fixture_t *f)
{
    atomic_store (&f->stop, true);
    pthread_join (f->thread, NULL);
    control_close (&f->control);
    assert_null (f->control);
    free (f->dir);
}

static int setup (void **state)
{
    fixture_t *f = mem_zero (1, sizeof *f);
    folder_fixture_make (&f->folder);
    *state = f;
    return 0;
}

static int teardown (void **state)
{
    fixture_t *f = *state;
    folder_fixture_remove (&f->folder);
    free (f);
    return 0;
}

static void assert_answer (const char *dir, const char *request, const char *wanted)
{
    buf_t answer = { 0 };
    fault_t fault = { 0 };
    assert_int_equal (control_ask (dir, request, &answer, &fault), OK);
    assert_string_equal (answer.data, wanted);
    buf_free (&answer);
}

static void questions_are_answered (void **state)
{
    fixture_t *f = *state;
    begin (f, f->folder.path);
    assert_answer (f->dir, "hello \"you\"", "{\"ok\":true,\"text\":\"hello \\\"you\\\"\"}");
    assert_answer (f->dir, "bad", "{\"ok\":false,\"error\":\"no such thing as \\\"bad\\\"\",\"code\":\"not found\"}");
    atomic_store (&f->requests, 0);
    assert_answer (f->dir, "later", "{\"ok\":true,\"text\":\"later\"}");
    assert_int_equal (atomic_load (&f->requests), 4);
    end (f);
}

static void nobody_there_is_said (void **state)
{
    fixture_t *f = *state;
    buf_t answer = { 0 };
    fault_t fault = { 0 };
    assert_int_equal (control_ask (f->folder.path, "x", &answer, &fault), ERR_NOT_FOUND);
    begin (f, f->folder.path);
    end (f);
    assert_int_equal (control_ask (f->folder.path, "x", &answer, &fault), ERR_NOT_FOUND);   // the socket is gone
    char *path = mem_printf ("%s/control", f->folder.path);
    assert_int_not_equal (access (path, F_OK), 0);
    free (path);
    buf_free (&answer);
}

static void only_its_owner_may_ask (void **state)
{
    fixture_t *f = *state;
    mode_t before = umask (0);
    umask (before);
    begin (f, f->folder.path);
    char *path = mem_printf ("%s/control", f->folder.path);
    struct stat info;
    assert_int_equal (stat (path, &info), 0);
    assert_int_equal (info.st_mode & 0777, 0600);
    assert_int_equal (umask (before), before);
    free (path);
    end (f);
}

static void a_crashed_jobs_socket_is_taken_over (void **state)
{
    fixture_t *f = *state;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf (address.sun_path, sizeof address.sun_path, "%s/control", f->folder.path);
    int fd = socket (AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal (bind (fd, (struct sockaddr *) &address, sizeof address), 0);
    close (fd);
    begin (f, f->folder.path);
    assert_answer (f->dir, "x", "{\"ok\":true,\"text\":\"x\"}");
    end (f);
}

static void a_long_path_gets_a_socket_elsewhere (void **state)
{
    fixture_t *f = *state;
    char *dir = mem_printf ("%s/%0120d", f->folder.path, 7);
    assert_int_equal (mkdir (dir, 0700), 0);
    begin (f, dir);
    assert_answer (dir, "x", "{\"ok\":true,\"text\":\"x\"}");
    end (f);
    char *link = mem_printf ("%s/control.path", dir);
    assert_int_not_equal (access (link, F_OK), 0);
    free (link);
    free (dir);
}

static int connect_raw (const fixture_t *f)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf (address.sun_path, sizeof address.sun_path, "%s/control", f->dir);
    int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal (connect (fd, (struct sockaddr *) &address, sizeof address), 0);
    return fd;
}

// What comes back until the other side hangs up; -1: nothing for 5 s.
static ssize_t read_all (int fd)
{
    char block [65536];
    ssize_t total = 0;
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    while (poll (&wait, 1, 5000) > 0) {
        ssize_t n = recv (fd, block, sizeof block, 0);
        if (n <= 0)
            return total;
        total += n;
    }
    return -1;
}

static void pieces_make_a_line_and_junk_is_hung_up_on (void **state)
{
    fixture_t *f = *state;
    begin (f, f->folder.path);
    int fd = connect_raw (f);
    for (const char *c = "slow\n"; *c; c++) {
        assert_int_equal (send (fd, c, 1, MSG_NOSIGNAL), 1);
        usleep (5000);
    }
    assert_true (read_all (fd) > 0);
    close (fd);
    fd = connect_raw (f);
    assert_int_equal (send (fd, "\n", 1, MSG_NOSIGNAL), 1);         // an empty line
    assert_int_equal (read_all (fd), 0);
    close (fd);
    fd = connect_raw (f);
    char block [4096];
    memset (block, 'x', sizeof block);
    while (send (fd, block, sizeof block, MSG_NOSIGNAL) > 0)        // a line without end
        ;
    close (fd);
    fd = connect_raw (f);
    assert_int_equal (send (fd, "gone\n", 5, MSG_NOSIGNAL), 5);     // asked, and not there for the answer
    close (fd);
    assert_answer (f->dir, "x", "{\"ok\":true,\"text\":\"x\"}");
    end (f);
}

static void a_big_answer_comes_whole (void **state)
{
    fixture_t *f = *state;
    begin (f, f->folder.path);
    buf_t answer = { 0 };
    fault_t fault = { 0 };
    assert_int_equal (control_ask (f->dir, "big", &answer, &fault), OK);
    assert_int_equal (answer.len, 4000000 + strlen ("{\"ok\":true,\"text\":\"\"}"));
    buf_free (&answer);
    end (f);
}

// Sixteen that say nothing hold all places: the loop rests nevertheless, and after a while they have to go.
static void the_silent_do_not_keep_others_out (void **state)
{
    fixture_t *f = *state;
    begin (f, f->folder.path);
    int fds [20];
    for (size_t i = 0; i < 20; i++)
        fds [i] = connect_raw (f);
    usleep (200000);
    unsigned before = atomic_load (&f->turns);
    usleep (500000);
    assert_true (atomic_load (&f->turns) - before < 100);
    int64_t began_ms = clock_ms (NULL);
    assert_answer (f->dir, "x", "{\"ok\":true,\"text\":\"x\"}");
    assert_true (clock_ms (NULL) - began_ms < 20000);
    for (size_t i = 0; i < 20; i++)
        close (fds [i]);
    end (f);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test_setup_teardown (questions_are_answered, setup, teardown),
        cmocka_unit_test_setup_teardown (nobody_there_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown (only_its_owner_may_ask, setup, teardown),
        cmocka_unit_test_setup_teardown (a_crashed_jobs_socket_is_taken_over, setup, teardown),
        cmocka_unit_test_setup_teardown (a_long_path_gets_a_socket_elsewhere, setup, teardown),
        cmocka_unit_test_setup_teardown (pieces_make_a_line_and_junk_is_hung_up_on, setup, teardown),
        cmocka_unit_test_setup_teardown (a_big_answer_comes_whole, setup, teardown),
        cmocka_unit_test_setup_teardown (the_silent_do_not_keep_others_out, setup, teardown),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

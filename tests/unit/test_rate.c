// The rate that is shown while a job runs: of fast work, of slow work, of work that comes to a stop.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "coordinator/rate.h"

enum { LOOK_MS = 250 };

typedef struct {
    rate_t rate;
    int64_t now_ms;
    uint64_t done;
} work_t;

// Look at the work as a job does; `each_ms`: how long an item takes.
static void work_on (work_t *work, int64_t ms, int64_t each_ms)
{
    int64_t end_ms = work->now_ms + ms, begun_ms = work->now_ms;
    uint64_t before = work->done;
    while (work->now_ms < end_ms) {
        work->now_ms += LOOK_MS;
        work->done = before + (uint64_t) ((work->now_ms - begun_ms) / each_ms);
        rate_update (&work->rate, work->now_ms, work->done);
    }
}

static work_t begun (uint64_t done)
{
    work_t work = { .now_ms = 1000, .done = done };
    rate_begin (&work.rate, work.now_ms, done);
    return work;
}

static void near (double a, double b)
{
    assert_true (a > 0.9 * b && a < 1.1 * b);
}

static void nothing_done_is_no_rate (void **state)
{
    (void) state;
    work_t work = begun (1000);
    work_on (&work, 600 * 1000, 1000 * 1000);
    assert_true (work.rate.per_s == 0);
}

static void fast_work_is_followed (void **state)
{
    (void) state;
    work_t work = begun (1000);
    work_on (&work, 1000, 10);
    near (work.rate.per_s, 100);
    work_on (&work, 30 * 1000, 1);
    near (work.rate.per_s, 1000);
}

// The first item after a resume comes soon, as it was under way; then each takes 40 seconds.
static void slow_work_keeps_its_rate (void **state)
{
    (void) state;
    work_t work = begun (3);
    work_on (&work, 40 * 1000, 40 * 1000);
    near (work.rate.per_s, 1 / 40.0);
    for (int i = 0; i < 20; i++) {
        work_on (&work, 40 * 1000 - LOOK_MS, 40 * 1000);
        near (work.rate.per_s, 1 / 40.0);
        work_on (&work, LOOK_MS, LOOK_MS);
        near (work.rate.per_s, 1 / 40.0);
    }
}

static void a_stop_shows (void **state)
{
    (void) state;
    work_t work = begun (0);
    work_on (&work, 10 * 1000, 10);
    near (work.rate.per_s, 100);
    work_on (&work, 600 * 1000, 1000 * 1000);
    near (work.rate.per_s, 1 / 600.0);
    work_on (&work, 30 * 1000, 10);
    near (work.rate.per_s, 100);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (nothing_done_is_no_rate),
        cmocka_unit_test (fast_work_is_followed),
        cmocka_unit_test (slow_work_keeps_its_rate),
        cmocka_unit_test (a_stop_shows),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

#include "tests/unit/serve_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "worker/worker.h"

static int64_t fixture_clock (void *ctx)
{
    return clock_ms (NULL) + atomic_load (&((fixture_t *) ctx)->ahead_ms);
}

static bool fixture_tick (void *ctx)
{
    fixture_t *f = ctx;
    if (clock_ms (NULL) > f->until_ms) {
        fprintf (stderr, "the run does not come to its end\n");
        abort ();
    }
    return false;
}

static void fixture_turn (void *ctx)
{
    fixture_t *f = ctx;
    serve_state_t state;
    serve_state (f->serve, &state);
    if (f->drain_at && state.items_done >= f->drain_at)
        serve_stop (f->serve, false);
    if (f->stop_at && state.items_done >= f->stop_at)
        serve_stop (f->serve, true);
    int stall_ms = atomic_exchange (&f->stall_ms, 0);
    if (stall_ms)
        usleep ((useconds_t) stall_ms * 1000);
    if (atomic_exchange (&f->retry, false)) {
        count_take_up_again (&f->count);
        serve_retry (f->serve);
    }
}

void fixture_open (fixture_t *f, uint64_t n)
{
    f->drain_at = f->stop_at = 0;
    fault_t fault = { 0 };
    must (store_open (f->folder.path, &(store_options_t) { .create = true }, &f->store, &fault) == OK);
    must (hub_open (&(hub_options_t) { .address = f->address }, &f->hub, &fault) == OK);
    count_kind_make (&f->count, f->store, n);
    f->options = (serve_options_t) {
        .store = f->store, .hub = f->hub, .kind = &f->count.kind, .run_number = 1, .beat_ms = 100, .hang_ms = 60000,
        .clock = { fixture_clock, f }, .tick = fixture_tick, .turn = fixture_turn, .ctx = f
    };
}

void fixture_close (fixture_t *f)
{
    hub_close (&f->hub);
    store_close (&f->store);
}

static void *fixture_worker (void *ctx)
{
    fixture_t *f = ctx;
    fault_t fault = { 0 };
    worker_options_t options = { .endpoint = { .address = f->address }, .silence_ms = 10000 };
    status_t status = worker_run (&options, &fault);
    if (status != OK && status != ERR_STOPPED && status != ERR_IO)     // left alone by a test that failed
        must_failed (fault.text, __FILE__, __LINE__);
    return NULL;
}

typedef struct { fixture_t *f; script_fn *script; } scripted_start_t;

static void *fixture_scripted (void *ctx)
{
    scripted_start_t start = *(scripted_start_t *) ctx;
    free (ctx);
    scripted_t *script = mem_zero (1, sizeof *script);
    scripted_open (script, start.f->address);
    start.script (start.f, script);
    scripted_close (script);
    free (script);
    return NULL;
}

void fixture_start_workers (fixture_t *f, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        must (pthread_create (&f->threads [f->n_threads++], NULL, fixture_worker, f) == 0);
}

void fixture_start_script (fixture_t *f, script_fn *script)
{
    scripted_start_t *start = mem_new (sizeof *start);
    *start = (scripted_start_t) { f, script };
    must (pthread_create (&f->threads [f->n_threads++], NULL, fixture_scripted, start) == 0);
}

void fixture_reach (fixture_t *f, int step)
{
    atomic_store (&f->step, step);
}

void fixture_wait (fixture_t *f, int step)
{
    for (int i = 0; atomic_load (&f->step) < step; i++) {
        must (i < 6000);
        usleep (10000);
    }
}

// A worker that comes when a script has reached step 1.
static void *fixture_late_worker (void *ctx)
{
    fixture_wait (ctx, 1);
    return fixture_worker (ctx);
}

void fixture_start_late_worker (fixture_t *f)
{
    must (pthread_create (&f->threads [f->n_threads++], NULL, fixture_late_worker, f) == 0);
}

void fixture_join (fixture_t *f)
{
    while (f->n_threads > 0)
        pthread_join (f->threads [--f->n_threads], NULL);
}

status_t fixture_run (fixture_t *f)
{
    f->until_ms = clock_ms (NULL) + PATIENCE_MS;
    f->fault = (fault_t) { 0 };
    f->serve = serve_new (&f->options);
    status_t status = serve_run (f->serve, &f->fault);
    serve_state (f->serve, &f->state);
    serve_destroy (&f->serve);
    return status;
}

char fixture_result (fixture_t *f, uint64_t item, buf_t *value)
{
    buf_t key = { 0 };
    bool found = false;
    fault_t fault = { 0 };
    count_key (&key, 'L', item);
    must (store_get (f->store, TABLE_LABELS, key.data, key.len, value, &found, &fault) == OK);
    buf_free (&key);
    return found && value->len ? value->data [0] : '\0';
}

uint64_t fixture_results (fixture_t *f)
{
    uint64_t n = 0;
    buf_t value = { 0 };
    for (uint64_t item = 0; item < f->count.n; item++) {
        char what = fixture_result (f, item, &value);
        n += what != '\0';
        must (what != '=' || count_u64 (value.data + 1) == item * item);
        must (what == '\0' || !count_is_not (&f->count, item));
        must (what != 's' || item % f->count.self_every == 3);
    }
    buf_clear (&value);
    buf_add_str (&value, "count");
    must (count_get_number (f->store, TABLE_META, &value) == n);
    buf_free (&value);
    return n;
}

void fixture_check_complete (fixture_t *f)
{
    uint64_t n = fixture_results (f);
    for (uint64_t item = 0; item < f->count.n; item++)
        n += count_is_not (&f->count, item);
    must (n == f->count.n);
    must (count_mark (f->store, "even") == f->count.n);
    must (f->count.even_alone || count_mark (f->store, "all") == f->count.n);
}

uint64_t fixture_spent (fixture_t *f)
{
    buf_t value = { 0 };
    bool found = false;
    fault_t fault = { 0 };
    must (store_get (f->store, TABLE_META, "budget\0\0\0\1", 10, &value, &found, &fault) == OK);
    uint64_t sum = found ? count_u64 (value.data) + count_u64 (value.data + 24) : 0;
    buf_free (&value);
    return sum;
}

void fixture_setup (void)
{
    log_setup (getenv ("SERVE_LOG") ? LOG_DEBUG : LOG_QUIET, NULL);
    worker_kind_add (&count_worker_class);
    endpoint_setup ();
    if (getenv ("SERVE_TEST"))
        cmocka_set_test_filter (getenv ("SERVE_TEST"));
}

int fixture_set_up (void **state)
{
    fixture_t *f = mem_zero (1, sizeof *f);
    folder_fixture_make (&f->folder);
    snprintf (f->address, sizeof f->address, "ipc://%s/socket", f->folder.path);
    for (size_t i = 0; i < COUNT_MAX; i++)
        atomic_store (&count_settled_items [i], 0);
    *state = f;
    return 0;
}

int fixture_tear_down (void **state)
{
    fixture_t *f = *state;
    fixture_join (f);
    fixture_close (f);
    folder_fixture_remove (&f->folder);
    free (f);
    return 0;
}

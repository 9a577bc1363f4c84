// serve_fixture: a store, a hub and a serve of the count kind, with workers in threads of this process.
#ifndef TESTS_UNIT_SERVE_FIXTURE_H
#define TESTS_UNIT_SERVE_FIXTURE_H

#include <pthread.h>

#include "coordinator/serve.h"
#include "tests/unit/count_kind.h"
#include "tests/unit/folder_fixture.h"
#include "tests/unit/scripted_worker.h"

enum { THREADS_MAX = 16, PATIENCE_MS = 60000 };

typedef struct fixture fixture_t;
typedef void script_fn (fixture_t *f, scripted_t *script);

struct fixture {
    folder_fixture_t folder;
    char address [128];
    store_t *store;
    hub_t *hub;
    count_kind_t count;
    serve_options_t options;
    serve_t *serve;
    serve_state_t state;            // at the end of the last run
    fault_t fault;                  // of the last run
    pthread_t threads [THREADS_MAX];
    size_t n_threads;
    int64_t until_ms;

    // what the loop's hooks do
    unsigned drain_at;              // ask to drain once so many items are done; 0: never
    unsigned stop_at;               // stop at once
    _Atomic int stall_ms;           // let the loop stand still
    _Atomic bool retry;
    _Atomic int64_t ahead_ms;       // of the clock
    _Atomic int step;               // for scripts that wait for one another
};

void fixture_open (fixture_t *f, uint64_t n);
void fixture_close (fixture_t *f);

// --- workers ---

void fixture_start_workers (fixture_t *f, unsigned n);
void fixture_start_script (fixture_t *f, script_fn *script);

// Scripts that take turns.
void fixture_reach (fixture_t *f, int step);
void fixture_wait (fixture_t *f, int step);
void fixture_start_late_worker (fixture_t *f);
void fixture_join (fixture_t *f);

// Run to the end; workers of the run have ended then.
status_t fixture_run (fixture_t *f);

// --- what the store must hold ---

// An item's stored result, a string's first character; '\0' where there is none. value: the rest.
char fixture_result (fixture_t *f, uint64_t item, buf_t *value);

// How many results there are; each must be right, and counted once in the commit that it came with.
uint64_t fixture_results (fixture_t *f);

// Every item that is due at all has its result.
void fixture_check_complete (fixture_t *f);

// The calls that a run's budget says on disk: spent and reserved.
uint64_t fixture_spent (fixture_t *f);

// At the beginning of each program. SERVE_LOG in the environment: with its log; SERVE_TEST: of this test alone.
void fixture_setup (void);

// Around each test: *state is a fixture_t, not open yet.
int fixture_set_up (void **state);
int fixture_tear_down (void **state);

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown (name, fixture_set_up, fixture_tear_down)

#endif

// worker_scene: a worker in a thread of its own, whose work is the toy kind, and the hub of a coordinator that the test plays.
//
// What must come is waited for as long as a busy machine may need; Beats and Wants are noted in the scene when they pass.
#ifndef TESTS_UNIT_WORKER_SCENE_H
#define TESTS_UNIT_WORKER_SCENE_H

#include <pthread.h>

#include "base/digest.h"
#include "proto/endpoint.h"
#include "proto/wire.pb-c.h"
#include "tests/unit/toy_kind.h"
#include "worker/worker.h"

enum { PATIENCE_MS = 120 * 1000 };

typedef struct {
    char dir [64], address [128];
    hub_t *hub;
    pthread_t thread;
    bool started;
    _Atomic bool over;          // the worker has ended
    worker_options_t options;
    status_t status;
    fault_t fault;
    peer_id_t peer;
    buf_t frame;
    uint64_t epoch;
    uint64_t taken;             // what Welcomes say
    unsigned wanted;            // leases, in all Wants
    uint64_t credit;            // bytes, in all Wants
    unsigned beats;
    Rulemill__Beat beat;        // the last one, without its list
    uint64_t beat_leases;
} scene_t;

#define HELLO RULEMILL__TO_COORDINATOR__BODY_HELLO
#define RESULTS RULEMILL__TO_COORDINATOR__BODY_RESULTS
#define RETURN RULEMILL__TO_COORDINATOR__BODY_GIVE_BACK
#define BYE RULEMILL__TO_COORDINATOR__BODY_BYE
#define UNFIT RULEMILL__TO_COORDINATOR__BODY_UNFIT
#define BLOB_GET RULEMILL__TO_COORDINATOR__BODY_BLOB_GET

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown (name, scene_set_up, scene_tear_down)

// Around all tests of a program.
void scene_setup (void);
void scene_teardown (void);

// Around each test: *state is a scene_t whose hub listens.
int scene_set_up (void **state);
int scene_tear_down (void **state);
void scene_open_hub (scene_t *scene);

// Start the worker; wait for its end.
void scene_start (scene_t *scene);
status_t scene_join (scene_t *scene);

// The next message that is no Beat or Want; NULL when the time is over. The caller frees it.
Rulemill__ToCoordinator *hear (scene_t *scene, int timeout_ms);

// The next message must be this. A Hello or BlobGet before it was said again because the answer was slow.
Rulemill__ToCoordinator *expect (scene_t *scene, Rulemill__ToCoordinator__BodyCase body_case);
void expect_and_drop (scene_t *scene, Rulemill__ToCoordinator__BodyCase body_case);

// The next message must be a Return of this lease, of epoch 7.
void expect_return (scene_t *scene, uint64_t lease);

// Count the final results of the lease that come until there are n of them.
size_t hear_finals (scene_t *scene, size_t n, uint64_t epoch, uint64_t lease);

// Wait until the worker's Wants come to this many leases in all; until the kind has counted so far.
void await_wanted (scene_t *scene, unsigned leases);
bool await_count (_Atomic int *count, int expected);

// Wait until an item keeps the worker's thread.
void await_block (scene_t *scene);

// Say something to the worker. body: the message that body_case names.
void tell (scene_t *scene, Rulemill__ToWorker__BodyCase body_case, void *body);
void tell_simple (scene_t *scene, Rulemill__ToWorker__BodyCase body_case);     // Finished, Drain or Who

// run: one letter, all bytes of the digest. blob: NULL, none is needed.
void tell_welcome (scene_t *scene, char run, const char *kind, const char *setup, const digest_t *blob);
void tell_lease (scene_t *scene, uint64_t number, uint32_t items);

// Items from `first` on, all with this body; tell_work: a lease and all of it in one batch.
void tell_batch (scene_t *scene, uint64_t number, uint64_t first, size_t n, const char *body, bool last);
void tell_work (scene_t *scene, uint64_t number, uint64_t first, size_t n, const char *body);

// stale: what the first item is computed again from; NULL: all n are acknowledged. tell_ack_of: all final results of a
// message in one Ack, as a coordinator does it.
void tell_ack (scene_t *scene, uint64_t epoch, uint64_t lease, uint64_t first, size_t n, const char *stale);
void tell_ack_of (scene_t *scene, const Rulemill__Results *results);

// From the start to the first Want; from Finished to the worker's end.
void greet (scene_t *scene);
status_t finish (scene_t *scene);

#endif

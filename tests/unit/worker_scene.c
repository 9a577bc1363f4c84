#include "tests/unit/worker_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/wire.h"

void scene_setup (void)
{
    endpoint_setup ();
    log_setup (LOG_QUIET, NULL);
    worker_kind_add (&toy_kind);
}

void scene_teardown (void)
{
    endpoint_teardown ();
}

void scene_open_hub (scene_t *scene)
{
    hub_options_t options = { .address = scene->address };
    if (hub_open (&options, &scene->hub, &scene->fault) != OK)
        fail_msg ("%s", scene->fault.text);
}

int scene_set_up (void **state)
{
    scene_t *scene = mem_zero (1, sizeof *scene);
    snprintf (scene->dir, sizeof scene->dir, "/tmp/rulemill-worker-XXXXXX");
    assert_non_null (mkdtemp (scene->dir));
    snprintf (scene->address, sizeof scene->address, "ipc://%s/hub", scene->dir);
    scene->options = (worker_options_t) { .endpoint = { .address = scene->address } };
    scene->epoch = 7;
    memset (&seen, 0, sizeof seen);
    scene_open_hub (scene);
    *state = scene;
    return 0;
}

static void *run_worker (void *arg)
{
    scene_t *scene = arg;
    scene->status = worker_run (&scene->options, &scene->fault);
    scene->over = true;
    return NULL;
}

void scene_start (scene_t *scene)
{
    scene->over = false;
    assert_int_equal (pthread_create (&scene->thread, NULL, run_worker, scene), 0);
    scene->started = true;
}

status_t scene_join (scene_t *scene)
{
    if (scene->started)
        pthread_join (scene->thread, NULL);
    scene->started = false;
    return scene->status;
}

int scene_tear_down (void **state)
{
    scene_t *scene = *state;
    seen.go = true;
    if (scene->started) {       // a test that failed
        worker_interrupt ();
        worker_interrupt ();
        scene_join (scene);
    }
    hub_close (&scene->hub);
    buf_free (&scene->frame);
    char path [160];
    snprintf (path, sizeof path, "%s/hub", scene->dir);
    unlink (path);
    rmdir (scene->dir);
    free (scene);
    return 0;
}

static void note_beat (scene_t *scene, const Rulemill__Beat *beat)
{
    scene->beats++;
    scene->beat = *beat;
    scene->beat_leases = beat->n_leases;
    scene->beat.leases = NULL;
}

Rulemill__ToCoordinator *hear (scene_t *scene, int timeout_ms)
{
    int64_t until_ms = clock_ms (NULL) + timeout_ms;
    while (clock_ms (NULL) < until_ms) {
        bool got;
        char user [KEY_TEXT];
        Rulemill__ToCoordinator *message;
        assert_int_equal (hub_receive (scene->hub, 20, NULL, 0, &got, &scene->peer, user, &scene->frame, NULL), OK);
        if (!got)
            continue;
        assert_int_equal (wire_unpack_to_coordinator (scene->frame.data, scene->frame.len, &message, NULL), OK);
        if (message->body_case == RULEMILL__TO_COORDINATOR__BODY_BEAT) {
            note_beat (scene, message->beat);
        } else if (message->body_case == RULEMILL__TO_COORDINATOR__BODY_WANT) {
            scene->wanted += message->want->leases;
            scene->credit += message->want->credit_bytes;
        } else {
            return message;
        }
        rulemill__to_coordinator__free_unpacked (message, NULL);
    }
    return NULL;
}

// Was the message said again while the test was slow to answer?
static bool repeated (const Rulemill__ToCoordinator *message)
{
    return message->body_case == HELLO || message->body_case == BLOB_GET;
}

Rulemill__ToCoordinator *expect (scene_t *scene, Rulemill__ToCoordinator__BodyCase body_case)
{
    Rulemill__ToCoordinator *message = hear (scene, PATIENCE_MS);
    while (message && message->body_case != body_case && repeated (message)) {
        rulemill__to_coordinator__free_unpacked (message, NULL);
        message = hear (scene, PATIENCE_MS);
    }
    assert_non_null (message);
    assert_int_equal (message->body_case, body_case);
    return message;
}

void expect_and_drop (scene_t *scene, Rulemill__ToCoordinator__BodyCase body_case)
{
    rulemill__to_coordinator__free_unpacked (expect (scene, body_case), NULL);
}

void expect_return (scene_t *scene, uint64_t lease)
{
    Rulemill__ToCoordinator *message = expect (scene, RETURN);
    assert_int_equal (message->give_back->lease, lease);
    assert_int_equal (message->give_back->epoch, 7);
    rulemill__to_coordinator__free_unpacked (message, NULL);
}

void tell (scene_t *scene, Rulemill__ToWorker__BodyCase body_case, void *body)
{
    Rulemill__ToWorker message = RULEMILL__TO_WORKER__INIT;
    buf_t frame = { 0 };
    message.body_case = body_case;
    message.welcome = body;
    wire_pack_to_worker (&message, &frame);
    assert_int_equal (hub_send (scene->hub, &scene->peer, &frame, NULL), OK);
    buf_free (&frame);
}

void tell_welcome (scene_t *scene, char run, const char *kind, const char *setup, const digest_t *blob)
{
    uint8_t digest [DIGEST_BYTES];
    memset (digest, run, sizeof digest);
    ProtobufCBinaryData blobs [1] = { { DIGEST_BYTES, blob ? (uint8_t *) blob->b : NULL } };
    Rulemill__Welcome welcome = RULEMILL__WELCOME__INIT;
    welcome.protocol = 1;
    welcome.epoch = scene->epoch;
    welcome.worker = 1;
    welcome.beat_ms = 50;
    welcome.run = (ProtobufCBinaryData) { sizeof digest, digest };
    welcome.kind = (char *) kind;
    welcome.setup = (ProtobufCBinaryData) { strlen (setup), (uint8_t *) setup };
    welcome.blobs = blobs;
    welcome.n_blobs = blob ? 1 : 0;
    welcome.taken = scene->taken;
    tell (scene, RULEMILL__TO_WORKER__BODY_WELCOME, &welcome);
}

void tell_lease (scene_t *scene, uint64_t number, uint32_t items)
{
    Rulemill__Lease lease = RULEMILL__LEASE__INIT;
    lease.epoch = scene->epoch;
    lease.lease = number;
    lease.attempt = 1;
    lease.items = items;
    tell (scene, RULEMILL__TO_WORKER__BODY_LEASE, &lease);
}

void tell_batch (scene_t *scene, uint64_t number, uint64_t first, size_t n, const char *body, bool last)
{
    Rulemill__Item *items = mem_zero (n + 1, sizeof *items), **list = mem_zero (n + 1, sizeof *list);
    for (size_t i = 0; i < n; i++) {
        rulemill__item__init (&items [i]);
        items [i].item = first + i;
        items [i].body = (ProtobufCBinaryData) { strlen (body), (uint8_t *) body };
        list [i] = &items [i];
    }
    Rulemill__Batch batch = RULEMILL__BATCH__INIT;
    batch.epoch = scene->epoch;
    batch.lease = number;
    batch.items = list;
    batch.n_items = n;
    batch.last = last;
    tell (scene, RULEMILL__TO_WORKER__BODY_BATCH, &batch);
    free (list);
    free (items);
}

void tell_work (scene_t *scene, uint64_t number, uint64_t first, size_t n, const char *body)
{
    tell_lease (scene, number, (uint32_t) n);
    tell_batch (scene, number, first, n, body, true);
}

void tell_ack (scene_t *scene, uint64_t epoch, uint64_t lease, uint64_t first, size_t n, const char *stale)
{
    uint64_t *items = mem_zero (n + 1, sizeof *items);
    for (size_t i = 0; i < n; i++)
        items [i] = first + i;
    Rulemill__Stale one = RULEMILL__STALE__INIT, *list [1] = { &one };
    Rulemill__Ack ack = RULEMILL__ACK__INIT;
    ack.epoch = epoch;
    ack.lease = lease;
    if (stale) {
        one.item = first;
        one.known = (ProtobufCBinaryData) { strlen (stale), (uint8_t *) stale };
        ack.stale = list;
        ack.n_stale = 1;
    } else {
        ack.items = items;
        ack.n_items = n;
    }
    tell (scene, RULEMILL__TO_WORKER__BODY_ACK, &ack);
    free (items);
}

void tell_ack_of (scene_t *scene, const Rulemill__Results *results)
{
    uint64_t *items = mem_zero (results->n_results + 1, sizeof *items);
    Rulemill__Ack ack = RULEMILL__ACK__INIT;
    ack.epoch = results->epoch;
    ack.lease = results->lease;
    ack.items = items;
    for (size_t i = 0; i < results->n_results; i++)
        if (results->results [i]->final)
            items [ack.n_items++] = results->results [i]->item;
    tell (scene, RULEMILL__TO_WORKER__BODY_ACK, &ack);
    free (items);
}

void tell_simple (scene_t *scene, Rulemill__ToWorker__BodyCase body_case)
{
    Rulemill__Finished finished = RULEMILL__FINISHED__INIT;
    Rulemill__Drain drain = RULEMILL__DRAIN__INIT;
    Rulemill__Who who = RULEMILL__WHO__INIT;
    void *body = body_case == RULEMILL__TO_WORKER__BODY_FINISHED ? (void *) &finished
               : body_case == RULEMILL__TO_WORKER__BODY_DRAIN ? (void *) &drain : (void *) &who;
    tell (scene, body_case, body);
}

void await_wanted (scene_t *scene, unsigned leases)
{
    int64_t until_ms = clock_ms (NULL) + PATIENCE_MS;
    while (scene->wanted < leases && clock_ms (NULL) < until_ms) {
        Rulemill__ToCoordinator *message = hear (scene, 20);
        if (message == NULL)
            continue;
        assert_true (repeated (message));
        rulemill__to_coordinator__free_unpacked (message, NULL);
    }
    assert_int_equal (scene->wanted, leases);
}

bool await_count (_Atomic int *count, int expected)
{
    for (int64_t until_ms = clock_ms (NULL) + PATIENCE_MS; *count < expected && clock_ms (NULL) < until_ms;)
        usleep (10000);
    return *count == expected;
}

void await_block (scene_t *scene)
{
    for (int64_t until_ms = clock_ms (NULL) + PATIENCE_MS; !seen.blocked && clock_ms (NULL) < until_ms;)
        assert_null (hear (scene, 10));
    assert_true (seen.blocked);
}

void greet (scene_t *scene)
{
    scene_start (scene);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "toy", "setup", NULL);
    await_wanted (scene, 2);
}

size_t hear_finals (scene_t *scene, size_t n, uint64_t epoch, uint64_t lease)
{
    size_t finals = 0;
    while (finals < n) {
        Rulemill__ToCoordinator *message = expect (scene, RESULTS);
        assert_int_equal (message->results->epoch, epoch);
        assert_int_equal (message->results->lease, lease);
        for (size_t i = 0; i < message->results->n_results; i++)
            finals += message->results->results [i]->final;
        rulemill__to_coordinator__free_unpacked (message, NULL);
    }
    return finals;
}

status_t finish (scene_t *scene)
{
    tell_simple (scene, RULEMILL__TO_WORKER__BODY_FINISHED);
    expect_and_drop (scene, BYE);
    return scene_join (scene);
}

// A worker against a coordinator that follows a script, with a task kind that does what its items say.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/endpoint.h"
#include "proto/wire.h"
#include "worker/kind.h"
#include "worker/worker.h"

// --- the kind --------------------------------------------------------------
//
// An item's body says what becomes of it: "now..." is answered within begin, "later..." by a step, "two..." with a
// partial and a final result, "block..." keeps the thread until the test lets it go, "bad..." can't be read,
// "never..." stays in flight, "unfit..." ends the worker's use. A result's body is the item's.

enum { LATER_MAX = 4096 };

struct worker_kind {
    worker_sink_t sink;
    struct { uint64_t lease, item; char *body; bool begun; } later [LATER_MAX];
    size_t n_later;
};

static struct { _Atomic int opens, closes, settled, revokes, again, sharing; _Atomic bool blocked, go, hungry; _Atomic size_t blob_bytes; } seen;

static status_t toy_open (worker_kind_t **out, const void *setup, size_t len, const worker_blob_t *blobs, size_t n_blobs,
                          const worker_sink_t *sink, fault_t *fault)
{
    seen.opens++;
    if (len >= 5 && memcmp (setup, "unfit", 5) == 0)
        return fault_set (fault, ERR_FORMAT, "the setup says unfit");
    seen.blob_bytes = 0;
    for (size_t i = 0; i < n_blobs; i++)
        seen.blob_bytes += blobs [i].len;
    *out = mem_zero (1, sizeof **out);
    (*out)->sink = *sink;
    return OK;
}

static void answer (worker_kind_t *kind, uint64_t lease, uint64_t item, const char *body)
{
    if (strncmp (body, "two", 3) == 0)
        kind->sink.result (kind->sink.ctx, lease, item, false, "half", 4, &(worker_used_t) { .spent = spend_of (1, 0, 0) });
    kind->sink.result (kind->sink.ctx, lease, item, true, body, strlen (body), &(worker_used_t) { .spent = spend_of (2, 0, 0) });
}

static status_t toy_item (worker_kind_t *kind, uint64_t lease, uint64_t item, const char *body, fault_t *fault)
{
    kind->sink.progress (kind->sink.ctx, true, item);
    if (strncmp (body, "bad", 3) == 0)
        return fault_set (fault, ERR_FORMAT, "an item says that it is bad");
    if (strncmp (body, "unfit", 5) == 0)
        kind->sink.unfit (kind->sink.ctx, "an item says unfit");
    if (strncmp (body, "block", 5) == 0) {
        seen.blocked = true;
        while (!seen.go)
            usleep (1000);
    }
    bool later = strncmp (body, "later", 5) == 0 || strncmp (body, "never", 5) == 0;
    if (!later) {
        answer (kind, lease, item, body);
        return OK;
    }
    kind->later [kind->n_later].lease = lease;
    kind->later [kind->n_later].item = item;
    kind->later [kind->n_later].begun = kind->n_later == 0;
    kind->later [kind->n_later++].body = mem_string (body);
    return OK;
}

static status_t toy_begin (worker_kind_t *kind, uint64_t lease, const uint64_t *items, const void *const *bodies,
                           const size_t *lens, size_t n, fault_t *fault)
{
    for (size_t i = 0; i < n; i++) {
        char *body = mem_string_n (bodies [i] ? bodies [i] : "", lens [i]);
        status_t status = toy_item (kind, lease, items [i], body, fault);
        free (body);
        if (status != OK)
            return status;
    }
    return OK;
}

static status_t toy_again (worker_kind_t *kind, uint64_t lease, uint64_t item, const void *known, size_t len, fault_t *fault)
{
    seen.again++;
    char *text = mem_string_n (known ? known : "", len);
    status_t status = toy_item (kind, lease, item, text, fault);
    free (text);
    return status;
}

static void toy_settled (worker_kind_t *kind, uint64_t item)
{
    (void) kind;
    (void) item;
    seen.settled++;
}

static void remove_later (worker_kind_t *kind, size_t i)
{
    free (kind->later [i].body);
    memmove (&kind->later [i], &kind->later [i + 1], (kind->n_later - i - 1) * sizeof kind->later [0]);
    kind->n_later--;
}

static void toy_revoke (worker_kind_t *kind, uint64_t lease)
{
    seen.revokes++;
    for (size_t i = 0; i < kind->n_later; )
        if (kind->later [i].lease == lease && !kind->later [i].begun)
            remove_later (kind, i);
        else
            i++;
}

static bool toy_step (worker_kind_t *kind, int timeout_ms)
{
    if (kind->n_later == 0)
        return false;
    usleep ((useconds_t) (timeout_ms < 5 ? timeout_ms : 5) * 1000);
    if (strncmp (kind->later [0].body, "never", 5) == 0)
        return true;
    answer (kind, kind->later [0].lease, kind->later [0].item, kind->later [0].body);
    remove_later (kind, 0);
    if (kind->n_later > 0) {
        kind->later [0].begun = true;
        kind->sink.progress (kind->sink.ctx, true, kind->later [0].item);
    }
    return kind->n_later > 0;
}

static void toy_share (worker_kind_t *kind, unsigned workers)
{
    (void) kind;
    seen.sharing = (int) workers;
}

static bool toy_hungry (const worker_kind_t *kind)
{
    (void) kind;
    return seen.hungry;
}

static void toy_close (worker_kind_t **kind)
{
    seen.closes++;
    while ((*kind)->n_later > 0)
        remove_later (*kind, 0);
    free (*kind);
    *kind = NULL;
}

static const worker_kind_class_t toy = {
    .name = "toy", .open = toy_open, .begin = toy_begin, .again = toy_again, .settled = toy_settled,
    .revoke = toy_revoke, .step = toy_step, .close = toy_close, .share = toy_share, .hungry = toy_hungry,
};

// --- the coordinator -------------------------------------------------------

typedef struct {
    char dir [64], address [128];
    hub_t *hub;
    pthread_t thread;
    bool started;
    worker_options_t options;
    status_t status;
    fault_t fault;
    peer_id_t peer;
    buf_t frame;
    uint64_t epoch;
    unsigned wanted;            // leases, in all Wants
    uint64_t credit;            // bytes, in all Wants
    unsigned beats;
    Rulemill__Beat beat;        // the last one, without its list
    uint64_t beat_leases;
} scene_t;

static void open_hub (scene_t *scene)
{
    hub_options_t options = { .address = scene->address };
    if (hub_open (&options, &scene->hub, &scene->fault) != OK)
        fail_msg ("%s", scene->fault.text);
}

static int set_up (void **state)
{
    scene_t *scene = mem_zero (1, sizeof *scene);
    snprintf (scene->dir, sizeof scene->dir, "/tmp/rulemill-worker-XXXXXX");
    assert_non_null (mkdtemp (scene->dir));
    snprintf (scene->address, sizeof scene->address, "ipc://%s/hub", scene->dir);
    scene->options = (worker_options_t) { .endpoint = { .address = scene->address }, .silence_ms = 20000 };
    scene->epoch = 7;
    memset (&seen, 0, sizeof seen);
    open_hub (scene);
    *state = scene;
    return 0;
}

static void *run_worker (void *arg)
{
    scene_t *scene = arg;
    scene->status = worker_run (&scene->options, &scene->fault);
    return NULL;
}

static void start (scene_t *scene)
{
    assert_int_equal (pthread_create (&scene->thread, NULL, run_worker, scene), 0);
    scene->started = true;
}

static status_t join (scene_t *scene)
{
    if (scene->started)
        pthread_join (scene->thread, NULL);
    scene->started = false;
    return scene->status;
}

static int tear_down (void **state)
{
    scene_t *scene = *state;
    seen.go = true;
    if (scene->started) {       // a test that failed
        worker_interrupt ();
        worker_interrupt ();
        join (scene);
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

// The next message that is no Beat or Want, which are noted; NULL when the time is over.
static Rulemill__ToCoordinator *hear (scene_t *scene, int timeout_ms)
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

// The next message must be this.
static Rulemill__ToCoordinator *expect (scene_t *scene, Rulemill__ToCoordinator__BodyCase body_case)
{
    Rulemill__ToCoordinator *message = hear (scene, 10000);
    assert_non_null (message);
    assert_int_equal (message->body_case, body_case);
    return message;
}

static void expect_and_drop (scene_t *scene, Rulemill__ToCoordinator__BodyCase body_case)
{
    rulemill__to_coordinator__free_unpacked (expect (scene, body_case), NULL);
}

#define HELLO RULEMILL__TO_COORDINATOR__BODY_HELLO
#define RESULTS RULEMILL__TO_COORDINATOR__BODY_RESULTS
#define RETURN RULEMILL__TO_COORDINATOR__BODY_GIVE_BACK
#define BYE RULEMILL__TO_COORDINATOR__BODY_BYE
#define UNFIT RULEMILL__TO_COORDINATOR__BODY_UNFIT
#define BLOB_GET RULEMILL__TO_COORDINATOR__BODY_BLOB_GET

static void tell (scene_t *scene, Rulemill__ToWorker__BodyCase body_case, void *body)
{
    Rulemill__ToWorker message = RULEMILL__TO_WORKER__INIT;
    buf_t frame = { 0 };
    message.body_case = body_case;
    message.welcome = body;
    wire_pack_to_worker (&message, &frame);
    assert_int_equal (hub_send (scene->hub, &scene->peer, &frame, NULL), OK);
    buf_free (&frame);
}

// run: one letter, all bytes of the digest.
static void tell_welcome (scene_t *scene, char run, const char *kind, const char *setup, const digest_t *blob)
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
    tell (scene, RULEMILL__TO_WORKER__BODY_WELCOME, &welcome);
}

static void tell_lease (scene_t *scene, uint64_t number, uint32_t items)
{
    Rulemill__Lease lease = RULEMILL__LEASE__INIT;
    lease.epoch = scene->epoch;
    lease.lease = number;
    lease.attempt = 1;
    lease.items = items;
    tell (scene, RULEMILL__TO_WORKER__BODY_LEASE, &lease);
}

// Items from `first` on, all with this body.
static void tell_batch (scene_t *scene, uint64_t number, uint64_t first, size_t n, const char *body, bool last)
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

static void tell_work (scene_t *scene, uint64_t number, uint64_t first, size_t n, const char *body)
{
    tell_lease (scene, number, (uint32_t) n);
    tell_batch (scene, number, first, n, body, true);
}

static void tell_ack (scene_t *scene, uint64_t epoch, uint64_t lease, uint64_t first, size_t n, const char *stale)
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

// All final results of a message in one Ack, as a coordinator does it.
static void tell_ack_of (scene_t *scene, const Rulemill__Results *results)
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

static void tell_simple (scene_t *scene, Rulemill__ToWorker__BodyCase body_case)
{
    Rulemill__Finished finished = RULEMILL__FINISHED__INIT;
    Rulemill__Drain drain = RULEMILL__DRAIN__INIT;
    Rulemill__Who who = RULEMILL__WHO__INIT;
    void *body = body_case == RULEMILL__TO_WORKER__BODY_FINISHED ? (void *) &finished
               : body_case == RULEMILL__TO_WORKER__BODY_DRAIN ? (void *) &drain : (void *) &who;
    tell (scene, body_case, body);
}

// Wait until the worker's Wants come to this many leases in all.
static void await_wanted (scene_t *scene, unsigned leases)
{
    for (int i = 0; i < 500 && scene->wanted < leases; i++)
        assert_null (hear (scene, 20));
    assert_int_equal (scene->wanted, leases);
}

static bool await_count (_Atomic int *count, int expected)
{
    for (int i = 0; i < 500 && *count < expected; i++)
        usleep (10000);
    return *count == expected;
}

static void greet (scene_t *scene)
{
    start (scene);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "toy", "setup", NULL);
    await_wanted (scene, 2);
}

// Count the final results that come until there are n of them, or nothing comes for a while.
static size_t hear_finals (scene_t *scene, size_t n, uint64_t epoch, uint64_t lease)
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

static status_t finish (scene_t *scene)
{
    tell_simple (scene, RULEMILL__TO_WORKER__BODY_FINISHED);
    expect_and_drop (scene, BYE);
    return join (scene);
}

// --- a life ----------------------------------------------------------------

static void test_whole_life (void **state)
{
    scene_t *scene = *state;
    start (scene);
    Rulemill__ToCoordinator *hello = expect (scene, HELLO);
    assert_int_equal (hello->hello->protocol_min, PROTOCOL_MIN);
    assert_int_equal (hello->hello->protocol_max, PROTOCOL_MAX);
    assert_int_equal (hello->hello->pid, getpid ());
    assert_int_equal (hello->hello->run.len, 0);
    rulemill__to_coordinator__free_unpacked (hello, NULL);
    tell_welcome (scene, 'r', "toy", "setup", NULL);
    await_wanted (scene, 2);
    assert_int_equal (scene->credit, 2 * 1024 * 1024);
    tell_work (scene, 1, 10, 3, "now");
    Rulemill__ToCoordinator *message = expect (scene, RESULTS);
    assert_int_equal (message->results->epoch, 7);
    assert_int_equal (message->results->lease, 1);
    assert_int_equal (message->results->n_results, 3);
    assert_int_equal (message->results->results [2]->item, 12);
    assert_true (message->results->results [2]->final);
    assert_int_equal (message->results->results [2]->spent->calls, 2);
    assert_int_equal (message->results->results [2]->body.len, 3);
    rulemill__to_coordinator__free_unpacked (message, NULL);
    await_wanted (scene, 3);            // done, so another lease is wanted before the Ack
    tell_ack (scene, 7, 1, 10, 3, NULL);
    assert_true (await_count (&seen.settled, 3));
    assert_int_equal (finish (scene), OK);
    assert_int_equal (seen.closes, 1);
}

static void test_credit_comes_back (void **state)
{
    scene_t *scene = *state;
    scene->options.credit_bytes = 1000;
    greet (scene);
    assert_int_equal (scene->credit, 1000);
    char body [401] = "now";
    memset (body + 3, 'x', 397);
    tell_work (scene, 1, 1, 2, body);           // 800 bytes
    hear_finals (scene, 2, 7, 1);
    await_wanted (scene, 3);
    assert_int_equal (scene->credit, 1800);
    tell_work (scene, 2, 10, 5, body);          // overshoots: one batch may
    hear_finals (scene, 5, 7, 2);
    await_wanted (scene, 4);
    assert_int_equal (scene->credit, 3800);
    assert_int_equal (finish (scene), OK);
}

static void test_lost_hello (void **state)
{
    scene_t *scene = *state;
    start (scene);
    expect_and_drop (scene, HELLO);
    int64_t before_ms = clock_ms (NULL);
    expect_and_drop (scene, HELLO);
    assert_in_range (clock_ms (NULL) - before_ms, 500, 5000);
    tell_welcome (scene, 'r', "toy", "setup", NULL);
    tell_welcome (scene, 'r', "toy", "setup", NULL);    // the answer to the second
    await_wanted (scene, 2);
    tell_work (scene, 1, 1, 1, "now");
    hear_finals (scene, 1, 7, 1);
    assert_int_equal (seen.opens, 1);
    assert_int_equal (finish (scene), OK);
}

static void refused (scene_t *scene, Rulemill__RefuseReason reason, status_t expected)
{
    start (scene);
    expect_and_drop (scene, HELLO);
    Rulemill__Refuse refuse = RULEMILL__REFUSE__INIT;
    refuse.reason = reason;
    refuse.text = "because of this";
    tell (scene, RULEMILL__TO_WORKER__BODY_REFUSE, &refuse);
    assert_int_equal (join (scene), expected);
    assert_non_null (strstr (scene->fault.text, "because of this"));
}

static void test_refused (void **state)
{
    refused (*state, RULEMILL__REFUSE_REASON__REFUSE_VERSION, ERR_MISMATCH);
    refused (*state, RULEMILL__REFUSE_REASON__REFUSE_FULL, ERR_DENIED);
    refused (*state, RULEMILL__REFUSE_REASON__REFUSE_KEY, ERR_DENIED);
}

static void test_another_protocol (void **state)
{
    scene_t *scene = *state;
    start (scene);
    expect_and_drop (scene, HELLO);
    Rulemill__Welcome welcome = RULEMILL__WELCOME__INIT;
    uint8_t run [DIGEST_BYTES] = { 0 };
    welcome.protocol = 99;
    welcome.run = (ProtobufCBinaryData) { sizeof run, run };
    tell (scene, RULEMILL__TO_WORKER__BODY_WELCOME, &welcome);
    assert_int_equal (join (scene), ERR_MISMATCH);
}

static void test_silence (void **state)
{
    scene_t *scene = *state;
    scene->options.silence_ms = 1500;
    greet (scene);
    Rulemill__ToCoordinator *message;
    while ((message = hear (scene, 2000)) != NULL) {        // it asks whether anybody is there
        assert_int_equal (message->body_case, HELLO);
        rulemill__to_coordinator__free_unpacked (message, NULL);
    }
    assert_int_equal (join (scene), ERR_IO);
    assert_non_null (strstr (scene->fault.text, "nothing heard from"));
    assert_non_null (strstr (scene->fault.text, scene->address));
}

static void test_nobody_there (void **state)
{
    scene_t *scene = *state;
    hub_close (&scene->hub);
    scene->options.silence_ms = 500;
    start (scene);
    assert_int_equal (join (scene), ERR_IO);
}

// An idle worker whose coordinator has nothing to say stays: it asks again in half of the time after which it would leave.
static void test_idle_is_not_silence (void **state)
{
    scene_t *scene = *state;
    scene->options.silence_ms = 3000;
    greet (scene);
    for (int asked = 0; asked < 3; asked++) {
        expect_and_drop (scene, HELLO);
        scene->wanted = 0;
        tell_welcome (scene, 'r', "toy", "setup", NULL);
    }
    while (scene->wanted == 0)
        assert_null (hear (scene, 20));
    assert_int_equal (seen.opens, 1);
    tell_work (scene, 1, 1, 1, "now");
    hear_finals (scene, 1, 7, 1);
    assert_int_equal (finish (scene), OK);
}

// --- unfit -----------------------------------------------------------------

static void test_unknown_kind (void **state)
{
    scene_t *scene = *state;
    start (scene);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "no such\nkind", "", NULL);
    expect_and_drop (scene, UNFIT);
    assert_int_equal (join (scene), ERR_USAGE);
    assert_non_null (strstr (scene->fault.text, "no such?kind"));
}

static void test_setup_that_does_not_open (void **state)
{
    scene_t *scene = *state;
    start (scene);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "toy", "unfit", NULL);
    Rulemill__ToCoordinator *message = expect (scene, UNFIT);
    assert_string_equal (message->unfit->reason, "the setup says unfit");
    rulemill__to_coordinator__free_unpacked (message, NULL);
    assert_int_equal (join (scene), ERR_USAGE);
}

static void test_unfit_at_work (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 1, 1, "unfit");
    expect_and_drop (scene, UNFIT);
    assert_int_equal (join (scene), ERR_USAGE);
}

// --- blobs -----------------------------------------------------------------

static void serve_blob (scene_t *scene, const digest_t *digest, const char *bytes, size_t len)
{
    for (bool whole = false; !whole; ) {
        Rulemill__ToCoordinator *message = expect (scene, BLOB_GET);
        assert_memory_equal (message->blob_get->digest.data, digest->b, DIGEST_BYTES);
        size_t offset = message->blob_get->offset, n = len - offset;
        n = n < LIMIT_BLOB_CHUNK_BYTES ? n : LIMIT_BLOB_CHUNK_BYTES;
        Rulemill__Blob blob = RULEMILL__BLOB__INIT;
        blob.digest = (ProtobufCBinaryData) { DIGEST_BYTES, (uint8_t *) digest->b };
        blob.total = len;
        blob.offset = offset;
        blob.data = (ProtobufCBinaryData) { n, (uint8_t *) bytes + offset };
        tell (scene, RULEMILL__TO_WORKER__BODY_BLOB, &blob);
        whole = offset + n == len;
        rulemill__to_coordinator__free_unpacked (message, NULL);
    }
}

static void test_blob_in_chunks (void **state)
{
    scene_t *scene = *state;
    size_t len = 2 * LIMIT_BLOB_CHUNK_BYTES + 1000;
    char *bytes = mem_new (len);
    memset (bytes, 'b', len);
    digest_t digest = digest_of (bytes, len);
    start (scene);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "toy", "setup", &digest);
    serve_blob (scene, &digest, bytes, len);
    await_wanted (scene, 2);
    assert_int_equal (seen.blob_bytes, len);
    // kept: another run that needs it does not fetch it
    scene->wanted = 0;
    tell_simple (scene, RULEMILL__TO_WORKER__BODY_WHO);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 's', "toy", "setup", &digest);
    await_wanted (scene, 2);
    assert_int_equal (seen.opens, 2);
    assert_int_equal (seen.blob_bytes, len);
    assert_int_equal (finish (scene), OK);
    free (bytes);
}

static void test_blob_of_other_bytes (void **state)
{
    scene_t *scene = *state;
    digest_t digest = digest_of ("right", 5);
    start (scene);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "toy", "setup", &digest);
    for (int i = 0; i < 3; i++)
        serve_blob (scene, &digest, "wrong", 5);
    expect_and_drop (scene, UNFIT);
    assert_int_equal (join (scene), ERR_USAGE);
    assert_int_equal (seen.opens, 0);
}

static void test_blob_missing (void **state)
{
    scene_t *scene = *state;
    digest_t digest = digest_of ("x", 1);
    start (scene);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "toy", "setup", &digest);
    expect_and_drop (scene, BLOB_GET);
    Rulemill__Blob blob = RULEMILL__BLOB__INIT;
    blob.digest = (ProtobufCBinaryData) { DIGEST_BYTES, digest.b };
    blob.missing = true;
    tell (scene, RULEMILL__TO_WORKER__BODY_BLOB, &blob);
    expect_and_drop (scene, UNFIT);
    assert_int_equal (join (scene), ERR_USAGE);
}

// --- signs of life ---------------------------------------------------------

static void test_beats_while_busy (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 42, 1, "block");
    while (!seen.blocked)
        assert_null (hear (scene, 10));
    assert_null (hear (scene, 100));        // a Beat from before is perhaps on its way
    scene->beats = 0;
    assert_null (hear (scene, 1000));
    assert_in_range (scene->beats, 8, 25);
    assert_true (scene->beat.busy);
    assert_int_equal (scene->beat.item, 42);
    assert_int_equal (scene->beat.epoch, 7);
    assert_int_equal (scene->beat_leases, 1);
    uint64_t progress = scene->beat.progress;
    assert_null (hear (scene, 200));
    assert_int_equal (scene->beat.progress, progress);      // hung, as far as anybody can see
    seen.go = true;
    hear_finals (scene, 1, 7, 1);
    assert_null (hear (scene, 300));
    assert_true (scene->beat.progress > progress);
    assert_false (scene->beat.busy);
    assert_int_equal (finish (scene), OK);
}

// --- results ---------------------------------------------------------------

static void test_partial_then_final (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 5, 1, "two");
    Rulemill__ToCoordinator *message = expect (scene, RESULTS);
    assert_int_equal (message->results->n_results, 2);
    assert_false (message->results->results [0]->final);
    assert_true (message->results->results [1]->final);
    assert_int_equal (message->results->results [0]->spent->calls, 1);
    rulemill__to_coordinator__free_unpacked (message, NULL);
    assert_int_equal (finish (scene), OK);
}

static void test_kept_until_acknowledged (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 10, 3, "two");
    hear_finals (scene, 3, 7, 1);
    tell_ack (scene, 7, 1, 10, 1, NULL);
    assert_true (await_count (&seen.settled, 1));
    // a coordinator that has started again
    tell_simple (scene, RULEMILL__TO_WORKER__BODY_WHO);
    Rulemill__ToCoordinator *hello = expect (scene, HELLO);
    assert_int_equal (hello->hello->run.len, DIGEST_BYTES);
    rulemill__to_coordinator__free_unpacked (hello, NULL);
    scene->epoch = 8;
    scene->wanted = 0;
    tell_welcome (scene, 'r', "toy", "setup", NULL);
    Rulemill__ToCoordinator *message = expect (scene, RESULTS);
    assert_int_equal (message->results->epoch, 7);
    assert_int_equal (message->results->n_results, 4);      // two partial ones, two final ones
    assert_int_equal (message->results->results [0]->item, 11);
    assert_false (message->results->results [0]->final);
    rulemill__to_coordinator__free_unpacked (message, NULL);
    await_wanted (scene, 2);
    tell_ack (scene, 7, 1, 11, 2, NULL);
    assert_true (await_count (&seen.settled, 3));
    assert_int_equal (seen.opens, 1);
    // leases of the new epoch may have the numbers of the old one
    tell_work (scene, 1, 20, 2, "now");
    hear_finals (scene, 2, 8, 1);
    assert_int_equal (finish (scene), OK);
}

static void test_coordinator_comes_back (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 10, 2, "now");
    hear_finals (scene, 2, 7, 1);
    hub_close (&scene->hub);
    open_hub (scene);
    scene->epoch = 9;
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "toy", "setup", NULL);
    hear_finals (scene, 2, 7, 1);
    tell_ack (scene, 7, 1, 10, 2, NULL);
    assert_true (await_count (&seen.settled, 2));
    assert_int_equal (finish (scene), OK);
}

static void test_another_run_drops_everything (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 10, 2, "now");
    hear_finals (scene, 2, 7, 1);
    tell_work (scene, 2, 20, 1, "never");
    tell_simple (scene, RULEMILL__TO_WORKER__BODY_WHO);
    expect_and_drop (scene, HELLO);
    scene->epoch = 8;
    scene->wanted = 0;
    tell_welcome (scene, 's', "toy", "setup", NULL);
    await_wanted (scene, 2);
    assert_null (hear (scene, 300));        // nothing of the old run
    assert_int_equal (seen.opens, 2);
    assert_int_equal (seen.closes, 1);
    tell_simple (scene, RULEMILL__TO_WORKER__BODY_WHO);
    Rulemill__ToCoordinator *hello = expect (scene, HELLO);
    assert_int_equal (hello->hello->run.len, 0);
    rulemill__to_coordinator__free_unpacked (hello, NULL);
    scene->wanted = 0;
    tell_welcome (scene, 's', "toy", "setup", NULL);
    await_wanted (scene, 2);
    tell_work (scene, 1, 10, 2, "now");
    hear_finals (scene, 2, 8, 1);
    assert_int_equal (finish (scene), OK);
}

static void test_stale_is_computed_again (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 10, 2, "now");
    hear_finals (scene, 2, 7, 1);
    tell_ack (scene, 7, 1, 11, 1, "now with other cells");
    Rulemill__ToCoordinator *message = expect (scene, RESULTS);
    assert_int_equal (message->results->n_results, 1);
    assert_int_equal (message->results->results [0]->item, 11);
    assert_int_equal (message->results->results [0]->body.len, 20);
    rulemill__to_coordinator__free_unpacked (message, NULL);
    tell_ack (scene, 7, 1, 99, 1, "now never heard of");        // nothing
    tell_ack (scene, 7, 1, 10, 2, NULL);
    assert_true (await_count (&seen.settled, 2));
    assert_int_equal (seen.again, 1);
    // one that can't be computed again is given back
    tell_work (scene, 2, 20, 1, "now");
    hear_finals (scene, 1, 7, 2);
    tell_ack (scene, 7, 2, 20, 1, "bad cells");
    expect_and_drop (scene, RETURN);
    assert_int_equal (finish (scene), OK);
}

// --- leases that end early -------------------------------------------------

static void test_revoked (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_lease (scene, 1, 6);
    tell_batch (scene, 1, 1, 1, "block", false);
    while (!seen.blocked)
        assert_null (hear (scene, 10));
    tell_batch (scene, 1, 2, 5, "now", true);       // waits behind it
    Rulemill__Revoke revoke = RULEMILL__REVOKE__INIT;
    revoke.epoch = 7;
    revoke.lease = 1;
    tell (scene, RULEMILL__TO_WORKER__BODY_REVOKE, &revoke);
    await_wanted (scene, 3);
    seen.go = true;
    assert_int_equal (hear_finals (scene, 1, 7, 1), 1);     // the one in hand is welcome
    assert_null (hear (scene, 300));
    assert_int_equal (seen.revokes, 1);
    assert_int_equal (finish (scene), OK);
}

static void violation (scene_t *scene, uint64_t lease)
{
    Rulemill__ToCoordinator *message = expect (scene, RETURN);
    assert_int_equal (message->give_back->lease, lease);
    assert_int_equal (message->give_back->epoch, 7);
    rulemill__to_coordinator__free_unpacked (message, NULL);
}

static void test_leases_that_break_the_rules (void **state)
{
    scene_t *scene = *state;
    scene->options.credit_bytes = 1000;
    greet (scene);
    tell_lease (scene, 1, 2);
    tell_batch (scene, 1, 1, 3, "never", true);     // more than announced
    violation (scene, 1);
    tell_lease (scene, 2, 4);
    tell_batch (scene, 2, 1, 2, "never", false);
    tell_batch (scene, 2, 2, 2, "never", true);     // item 2 once more
    violation (scene, 2);
    await_wanted (scene, 4);
    tell_work (scene, 3, 50, 1, "now");
    hear_finals (scene, 1, 7, 3);
    tell_ack (scene, 7, 3, 50, 1, NULL);            // in between all is well
    assert_true (await_count (&seen.settled, 1));
    char body [1201] = "never";
    memset (body + 5, 'x', 1195);
    tell_lease (scene, 4, 2);
    tell_batch (scene, 4, 60, 1, body, false);      // uses all of the credit
    tell_batch (scene, 4, 61, 1, body, true);
    violation (scene, 4);
    assert_int_equal (finish (scene), OK);
}

static void test_more_leases_than_wanted (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 1, 1, "never");
    tell_work (scene, 2, 2, 1, "never");
    tell_work (scene, 3, 3, 1, "never");
    violation (scene, 3);
    worker_interrupt ();
    worker_interrupt ();
    assert_int_equal (join (scene), ERR_STOPPED);
}

static void test_unreadable_batches (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    for (uint64_t lease = 1; lease <= 3; lease++) {
        await_wanted (scene, 1 + (unsigned) lease);
        tell_work (scene, lease, 10 * lease, 1, "bad");
        violation (scene, lease);
    }
    expect_and_drop (scene, UNFIT);
    assert_int_equal (join (scene), ERR_USAGE);
}

static void test_garbage_is_dropped (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    buf_t frame = { 0 };
    for (int i = 0; i < 100; i++) {
        buf_clear (&frame);
        for (int j = 0; j < i; j++)
            buf_add_char (&frame, (char) (i * 31 + j * 17));
        if (i % 2 && frame.len >= 4)
            memcpy (frame.data, "RM\x01\x00", 4);
        assert_int_equal (hub_send (scene->hub, &scene->peer, &frame, NULL), OK);
    }
    buf_free (&frame);
    tell_batch (scene, 99, 1, 5, "bad", true);      // of no lease
    tell_ack (scene, 1, 2, 3, 4, NULL);             // of nothing
    tell_work (scene, 1, 1, 1, "now");
    hear_finals (scene, 1, 7, 1);
    assert_int_equal (finish (scene), OK);
}

// --- ends ------------------------------------------------------------------

static void drained (scene_t *scene, bool asked)
{
    greet (scene);
    tell_lease (scene, 1, 100);
    tell_batch (scene, 1, 1, 50, "later", false);
    if (asked)
        tell_simple (scene, RULEMILL__TO_WORKER__BODY_DRAIN);
    else
        worker_interrupt ();
    // some are done, the one in hand too; the rest comes back
    size_t finals = 0;
    bool returned = false, bye = false;
    while (!bye) {
        Rulemill__ToCoordinator *message = hear (scene, 8000);
        assert_non_null (message);
        if (message->body_case == RESULTS) {
            assert_false (returned);
            finals += message->results->n_results;
            tell_ack_of (scene, message->results);
        }
        returned |= message->body_case == RETURN;
        bye = message->body_case == BYE;
        rulemill__to_coordinator__free_unpacked (message, NULL);
    }
    assert_true (returned);
    assert_true (finals < 50);
    assert_int_equal (join (scene), ERR_STOPPED);
    scene->wanted = 0;
}

static void test_drained (void **state)
{
    drained (*state, true);
    drained (*state, false);
}

static void test_drain_waits_for_the_item_in_hand (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 1, 1, "block");
    while (!seen.blocked)
        assert_null (hear (scene, 10));
    worker_interrupt ();
    assert_null (hear (scene, 500));
    seen.go = true;
    hear_finals (scene, 1, 7, 1);
    assert_null (hear (scene, 300));        // not before the Ack
    tell_ack (scene, 7, 1, 1, 1, NULL);
    expect_and_drop (scene, BYE);           // nothing is left to return
    assert_int_equal (join (scene), ERR_STOPPED);
}

static void test_drain_without_ack (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 1, 1, "now");
    hear_finals (scene, 1, 7, 1);
    int64_t before_ms = clock_ms (NULL);
    worker_interrupt ();
    expect_and_drop (scene, BYE);
    assert_in_range (clock_ms (NULL) - before_ms, 4000, 8000);
    assert_int_equal (join (scene), ERR_STOPPED);
}

static void test_second_interrupt (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 1, 1, "block");
    while (!seen.blocked)
        assert_null (hear (scene, 10));
    int64_t before_ms = clock_ms (NULL);
    worker_interrupt ();
    worker_interrupt ();
    expect_and_drop (scene, RETURN);
    expect_and_drop (scene, BYE);
    assert_int_equal (join (scene), ERR_STOPPED);
    assert_true (clock_ms (NULL) - before_ms < 4000);
    seen.go = true;
    assert_true (await_count (&seen.closes, 1));    // the thread that was left behind ends by itself
}

static void test_drain_before_welcome (void **state)
{
    scene_t *scene = *state;
    start (scene);
    expect_and_drop (scene, HELLO);
    worker_interrupt ();
    assert_int_equal (join (scene), ERR_STOPPED);
}

static void test_parent_that_is_gone (void **state)
{
    scene_t *scene = *state;
    pid_t child = fork ();
    if (child == 0) {
        scene->options.parent = 1;      // not ours
        _exit (worker_run (&scene->options, &scene->fault) == ERR_STOPPED ? 0 : 1);
    }
    int result;
    assert_int_equal (waitpid (child, &result, 0), child);
    assert_true (WIFEXITED (result) && WEXITSTATUS (result) == 0);
}

// --- much work -------------------------------------------------------------

// Many leases one after the other; every item has exactly one final result, and nothing piles up.
static void test_many_items (void **state)
{
    scene_t *scene = *state;
    enum { LEASES = 100, ITEMS = 500 };
    uint8_t *count = mem_zero (LEASES * ITEMS, 1);
    greet (scene);
    int64_t before_ms = clock_ms (NULL);
    size_t leased = 0, finals = 0;
    while (finals < LEASES * ITEMS) {
        for (; leased < LEASES && leased < scene->wanted; leased++)
            tell_work (scene, leased + 1, leased * ITEMS, ITEMS, leased % 7 == 6 ? "two" : "now");
        Rulemill__ToCoordinator *message = hear (scene, 20);
        if (!message)
            continue;
        assert_int_equal (message->body_case, RESULTS);
        for (size_t i = 0; i < message->results->n_results; i++) {
            const Rulemill__Result *result = message->results->results [i];
            if (result->final)
                assert_int_equal (count [result->item]++, 0);
            finals += result->final;
        }
        tell_ack_of (scene, message->results);
        rulemill__to_coordinator__free_unpacked (message, NULL);
    }
    print_message ("%d items in %lld ms\n", LEASES * ITEMS, (long long) (clock_ms (NULL) - before_ms));
    assert_true (await_count (&seen.settled, LEASES * ITEMS));
    assert_int_equal (finish (scene), OK);
    free (count);
}

// A coordinator that never acknowledges stops the work before memory does.
static void test_no_ack_stops_the_work (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    size_t len = 200 * 1000, finals = 0, leased = 0;
    char *body = mem_zero (1, len + 1);
    memset (body, 'n', len);
    int64_t quiet_ms = clock_ms (NULL);
    while (clock_ms (NULL) - quiet_ms < 1500 && leased < 400) {
        if (leased < scene->wanted && scene->credit > leased * len) {
            tell_work (scene, leased + 1, leased, 1, body);
            leased++;
        }
        Rulemill__ToCoordinator *message = hear (scene, 10);
        if (!message)
            continue;
        quiet_ms = clock_ms (NULL);
        finals += message->results->n_results;
        rulemill__to_coordinator__free_unpacked (message, NULL);
    }
    assert_in_range (finals, 40, 120);
    for (uint64_t i = 0; i < leased; i++)
        tell_ack (scene, 7, i + 1, i, 1, NULL);
    hear_finals (scene, 1, 7, finals + 1);          // and it goes on
    worker_interrupt ();
    worker_interrupt ();
    join (scene);
    free (body);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

// What it may use of the job's limits is void with a Welcome, and told again.
static void test_share_is_passed_on (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    Rulemill__Share share = RULEMILL__SHARE__INIT;
    share.workers = 3;
    tell (scene, RULEMILL__TO_WORKER__BODY_SHARE, &share);
    assert_true (await_count (&seen.sharing, 3));
    tell_simple (scene, RULEMILL__TO_WORKER__BODY_WHO);
    expect_and_drop (scene, HELLO);
    tell_welcome (scene, 'r', "toy", "setup", NULL);
    for (int i = 0; i < 500 && seen.sharing != 0; i++)
        usleep (10000);
    assert_int_equal (seen.sharing, 0);
    tell (scene, RULEMILL__TO_WORKER__BODY_SHARE, &share);
    assert_true (await_count (&seen.sharing, 3));
    assert_int_equal (seen.opens, 1);
    assert_int_equal (finish (scene), OK);
}

// Work that could do more at once than it has items for gets more leases, one after the other, until it has enough.
static void test_hungry_work_gets_more_leases (void **state)
{
    scene_t *scene = *state;
    greet (scene);
    tell_work (scene, 1, 0, 1, "never");
    tell_work (scene, 2, 10, 1, "never");
    seen.hungry = true;
    for (unsigned wanted = 3; wanted < 6; wanted++) {
        await_wanted (scene, wanted);
        tell_work (scene, wanted, 10 * wanted, 1, "never");
    }
    await_wanted (scene, 6);
    seen.hungry = false;
    tell_work (scene, 6, 60, 1, "never");
    for (unsigned beats = scene->beats; scene->beats < beats + 10;)
        assert_null (hear (scene, 20));
    assert_int_equal (scene->wanted, 6);
    assert_int_equal (finish (scene), OK);
}

int main (void)
{
    endpoint_setup ();
    log_setup (LOG_QUIET, NULL);
    worker_kind_add (&toy);
    const struct CMUnitTest tests [] = {
        TEST (test_whole_life),
        TEST (test_credit_comes_back),
        TEST (test_lost_hello),
        TEST (test_refused),
        TEST (test_another_protocol),
        TEST (test_silence),
        TEST (test_nobody_there),
        TEST (test_idle_is_not_silence),
        TEST (test_unknown_kind),
        TEST (test_setup_that_does_not_open),
        TEST (test_unfit_at_work),
        TEST (test_blob_in_chunks),
        TEST (test_blob_of_other_bytes),
        TEST (test_blob_missing),
        TEST (test_beats_while_busy),
        TEST (test_partial_then_final),
        TEST (test_kept_until_acknowledged),
        TEST (test_coordinator_comes_back),
        TEST (test_another_run_drops_everything),
        TEST (test_stale_is_computed_again),
        TEST (test_revoked),
        TEST (test_leases_that_break_the_rules),
        TEST (test_more_leases_than_wanted),
        TEST (test_unreadable_batches),
        TEST (test_garbage_is_dropped),
        TEST (test_drained),
        TEST (test_drain_waits_for_the_item_in_hand),
        TEST (test_drain_without_ack),
        TEST (test_second_interrupt),
        TEST (test_drain_before_welcome),
        TEST (test_parent_that_is_gone),
        TEST (test_many_items),
        TEST (test_no_ack_stops_the_work),
        TEST (test_share_is_passed_on),
        TEST (test_hungry_work_gets_more_leases),
    };
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    endpoint_teardown ();
    return failed;
}

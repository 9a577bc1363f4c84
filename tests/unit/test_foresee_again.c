// The labelling kind with a served adapter that answers when it is told to: a pair whose lease ends while it is asked about.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "proto/wire.h"
#include "tests/unit/label_worker.h"
#include "worker/lexicon.h"

enum { FIRST = 1, SECOND, PATIENCE_MS = 60000 };

// --- a server of one adapter ---------------------------------------------------------

typedef struct {
    int listens, port;
    pthread_t thread;
    _Atomic int posts;              // requests about pairs, of which none is answered before go
    _Atomic bool go, over;
} server_t;

static server_t server;

static bool read_request (int fd, char *bytes, size_t max)
{
    size_t n = 0;
    const char *end = NULL;
    while (n + 1 < max) {
        ssize_t got = read (fd, bytes + n, max - 1 - n);
        if (got <= 0)
            return false;
        n += (size_t) got;
        bytes [n] = '\0';
        end = strstr (bytes, "\r\n\r\n");
        const char *len = strstr (bytes, "Content-Length: ");
        size_t body = len ? strtoul (len + 16, NULL, 10) : 0;
        if (end && n >= (size_t) (end + 4 - bytes) + body)
            return true;
    }
    return false;
}

static void answer (int fd, const char *status, const char *body)
{
    char bytes [1024];
    int n = snprintf (bytes, sizeof bytes, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s", status, strlen (body), body);
    if (write (fd, bytes, (size_t) n) != n)
        fprintf (stderr, "an answer could not be sent\n");
}

// One connection is one request; those about pairs wait for each other's go.
static void *connection (void *ctx)
{
    char bytes [65536];
    int fd = (int) (intptr_t) ctx;
    bool read_it = read_request (fd, bytes, sizeof bytes);
    if (read_it && strncmp (bytes, "GET", 3) == 0)
        answer (fd, "200 OK", "{}");
    else if (read_it) {
        server.posts++;
        while (!server.go && !server.over)
            usleep (1000);
        answer (fd, "200 OK", "{\"data\":[{\"index\":0,\"probs\":[3,2,1]},{\"index\":1,\"probs\":[3,2,1]}]}");
    }
    close (fd);
    return NULL;
}

static void *serve (void *ctx)
{
    pthread_t threads [16];
    size_t n = 0;
    for (int fd; n < 16 && (fd = accept (server.listens, NULL, NULL)) >= 0;)
        if (pthread_create (&threads [n], NULL, connection, (void *) (intptr_t) fd) == 0)
            n++;
    while (n > 0)
        pthread_join (threads [--n], NULL);
    return ctx;
}

static int set_up (void **state)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    server = (server_t) { .listens = socket (AF_INET, SOCK_STREAM, 0) };
    assert_int_equal (bind (server.listens, (struct sockaddr *) &address, len), 0);
    assert_int_equal (listen (server.listens, 16), 0);
    assert_int_equal (getsockname (server.listens, (struct sockaddr *) &address, &len), 0);
    server.port = ntohs (address.sin_port);
    assert_int_equal (pthread_create (&server.thread, NULL, serve, NULL), 0);
    *state = &server;
    return 0;
}

static int tear_down (void **state)
{
    (void) state;
    server.over = true;
    shutdown (server.listens, SHUT_RDWR);
    pthread_join (server.thread, NULL);
    close (server.listens);
    return 0;
}

// --- the executor's side -------------------------------------------------------------

static struct { uint64_t calls, lease; unsigned choices, labels; } told;

static void takes_result (void *ctx, uint64_t lease, uint64_t item, bool final, const void *body, size_t len, const worker_used_t *used)
{
    (void) ctx, (void) item;
    Rulemill__LabelResult *result = rulemill__label_result__unpack (NULL, len, body);
    assert_non_null (result);
    told.choices += result->n_chosen > 0;
    told.labels += final;
    told.lease = final ? lease : told.lease;
    told.calls += used ? used->usage.adapter_calls : 0;
    rulemill__label_result__free_unpacked (result, NULL);
}

static worker_kind_t *open_served (void)
{
    static const char yaml [] =
        "version: 1\nrules:\n"
        "  - {id: declines, text: t1, lexicon: {prompt: [kill], for: [sorry], against: [step]}}\n"
        "  - {id: insults, text: t2, polarity: -1, lexicon: {for: [idiot], against: [please]}}\n"
        "  - {id: silent, text: t3}\n";
    static uint8_t digest [DIGEST_BYTES] = { 7 };
    static char url [64], *urls = url;
    fault_t fault = { 0 };
    rulepool_t *pool = NULL;
    told.calls = told.lease = told.choices = told.labels = 0;
    assert_int_equal (rulepool_parse ("r", yaml, sizeof yaml - 1, &pool, &fault), OK);
    digest_t identity = lexicon_identity (pool);
    Rulemill__RunSpec spec = RULEMILL__RUN_SPEC__INIT;
    spec.method = LABEL_METHOD;
    spec.pool = (ProtobufCBinaryData) { DIGEST_BYTES, pool->digest.b };
    spec.judge = (char *) "lexicon";
    spec.judge_identity = (ProtobufCBinaryData) { DIGEST_BYTES, identity.b };
    spec.policy = (char *) "adapter";
    spec.adapter = (ProtobufCBinaryData) { DIGEST_BYTES, digest };
    spec.adapter_model = (char *) "tester";
    spec.weight_relevance = MICRO;
    spec.top = 2;
    spec.ties = (char *) "tie";
    spec.missing = (char *) "quarantine";
    snprintf (url, sizeof url, "http://127.0.0.1:%d/classify", server.port);
    Rulemill__AdapterSetup adapter = RULEMILL__ADAPTER_SETUP__INIT;
    adapter.url = &urls;
    adapter.n_url = 1;
    adapter.model = (char *) "tester";
    Rulemill__LabelSetup setup = RULEMILL__LABEL_SETUP__INIT;
    setup.spec = &spec;
    setup.served_adapter = &adapter;
    setup.pool_blob = (ProtobufCBinaryData) { DIGEST_BYTES, pool->blob_digest.b };
    buf_t packed = { 0 };
    wire_pack (&setup.base, &packed);
    worker_blob_t blob = { pool->blob_digest, yaml, sizeof yaml - 1 };
    const worker_sink_t sink = { .result = takes_result, .progress = on_progress, .give_back = on_give_back, .unfit = on_unfit };
    worker_kind_t *kind = NULL;
    status_t status = worker_kind_label.open (&kind, packed.data, packed.len, &blob, 1, &sink, &fault);
    assert_string_equal (fault.text, "");
    assert_int_equal (status, OK);
    buf_free (&packed);
    rulepool_destroy (&pool);
    worker_kind_label.share (kind, 1);
    return kind;
}

static void step_until (worker_kind_t *kind, const _Atomic int *count, int n)
{
    for (int64_t until_ms = clock_ms (NULL) + PATIENCE_MS; *count < n && clock_ms (NULL) < until_ms;)
        worker_kind_label.step (kind, 10);
    assert_int_equal (*count, n);
}

static const words_t pair = { .item = 5, .a = 10, .b = 11, .prompt = "do it", .text_a = "sorry", .text_b = "step by step" };

// With the rules that were chosen for it before.
static void begin_chosen (worker_kind_t *kind, uint64_t lease, const words_t *words)
{
    buf_t packed = { 0 }, with = { 0 };
    fault_t fault = { 0 };
    pack_item (words, &packed);
    Rulemill__LabelItem *item = rulemill__label_item__unpack (NULL, packed.len, (const uint8_t *) packed.data);
    assert_non_null (item);
    item->chosen = (uint32_t []) { 0, 1 };
    item->n_chosen = 2;
    wire_pack (&item->base, &with);
    item->n_chosen = 0;
    item->chosen = NULL;
    const void *body = with.data;
    assert_int_equal (worker_kind_label.begin (kind, lease, &words->item, &body, &with.len, 1, &fault), OK);
    rulemill__label_item__free_unpacked (item, NULL);
    buf_free (&packed);
    buf_free (&with);
}

// --- tests -----------------------------------------------------------------------------

// Leased to the same worker again, it waits for the answer that is on its way.
static void a_pair_that_comes_again_is_asked_about_once (void **state)
{
    (void) state;
    worker_kind_t *kind = open_served ();
    begins (kind, FIRST, &pair, 1);
    step_until (kind, &server.posts, 1);
    worker_kind_label.revoke (kind, FIRST);
    begins (kind, SECOND, &pair, 1);
    for (int i = 0; i < 20; i++)
        worker_kind_label.step (kind, 1);
    server.go = true;
    run_down (kind);
    assert_int_equal (server.posts, 1);
    assert_int_equal (told.choices, 1);
    assert_int_equal (told.labels, 1);
    assert_int_equal (told.lease, SECOND);
    assert_int_equal (told.calls, 1);
    worker_kind_label.close (&kind);
}

// Another worker has chosen for it meanwhile: what the request used is told all the same.
static void what_was_asked_in_vain_is_counted (void **state)
{
    (void) state;
    worker_kind_t *kind = open_served ();
    begins (kind, FIRST, &pair, 1);
    step_until (kind, &server.posts, 1);
    worker_kind_label.revoke (kind, FIRST);
    begin_chosen (kind, SECOND, &pair);
    assert_int_equal (told.labels, 1);
    server.go = true;
    run_down (kind);
    assert_int_equal (server.posts, 1);
    assert_int_equal (told.labels, 1);
    assert_int_equal (told.choices, 0);
    assert_int_equal (told.calls, 1);
    worker_kind_label.close (&kind);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test_setup_teardown (a_pair_that_comes_again_is_asked_about_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown (what_was_asked_in_vain_is_counted, set_up, tear_down),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

// The two sockets: who gets in, who does not, and what neither can do to the other.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "tests/unit/hub_scene.h"

static void test_there_and_back (void **state)
{
    scene_t *scene = *state;
    struct stat info;
    open_hub (scene, false);
    assert_int_equal (stat (scene->ipc + 6, &info), 0);
    assert_int_equal (info.st_mode & 0777, 0600);
    spoke_t *spoke = open_spoke (scene, NULL, NULL);
    assert_int_equal (say (spoke, "hello"), OK);
    assert_true (hub_hears (scene, PATIENCE_MS));
    assert_string_equal (scene->frame.data, "hello");
    assert_int_equal (scene->from.len, 16);
    assert_string_equal (scene->user, "");
    assert_int_equal (hub_send (scene->hub, &scene->from, &scene->frame, NULL), OK);
    bool got = false;
    buf_t in = { 0 };
    for (int i = 0; !got && i < 100; i++)
        assert_int_equal (spoke_receive (spoke, 50, -1, &got, &in, NULL), OK);
    assert_true (got);
    assert_string_equal (in.data, "hello");
    // What tells of a connection may come later than what went over it.
    int64_t until_ms = clock_ms (NULL) + PATIENCE_MS;
    bool anew = spoke_connected_anew (spoke);
    while (!anew && clock_ms (NULL) < until_ms) {
        assert_int_equal (spoke_receive (spoke, 50, -1, &got, &in, NULL), OK);
        anew = spoke_connected_anew (spoke);
    }
    assert_true (anew);
    assert_false (spoke_connected_anew (spoke));
    buf_free (&in);
    spoke_close (&spoke);
    assert_null (spoke);
}

static void test_waiting_ends_early (void **state)
{
    scene_t *scene = *state;
    open_hub (scene, false);
    spoke_t *spoke = open_spoke (scene, NULL, NULL);
    int fd = eventfd (1, EFD_CLOEXEC);
    bool got;
    buf_t in = { 0 };
    int64_t before_ms = clock_ms (NULL);
    assert_int_equal (hub_receive (scene->hub, 10000, &fd, 1, &got, &scene->from, scene->user, &scene->frame, NULL), OK);
    assert_false (got);
    assert_int_equal (spoke_receive (spoke, 10000, fd, &got, &in, NULL), OK);
    assert_false (got);
    assert_true (clock_ms (NULL) - before_ms < 5000);
    close (fd);
    spoke_close (&spoke);
}

static void test_unknown_peer (void **state)
{
    scene_t *scene = *state;
    open_hub (scene, false);
    peer_id_t nobody = { .len = 4, .id = "abcd" };
    fault_t fault = { 0 };
    buf_add_str (&scene->frame, "x");
    assert_int_equal (hub_send (scene->hub, &nobody, &scene->frame, &fault), ERR_NOT_FOUND);
    // one that has gone
    spoke_t *spoke = open_spoke (scene, NULL, NULL);
    assert_int_equal (say (spoke, "hello"), OK);
    assert_true (hub_hears (scene, PATIENCE_MS));
    spoke_close (&spoke);
    status_t status = OK;
    for (int i = 0; status == OK && i < 100; i++) {
        hub_hears (scene, 20);
        status = hub_send (scene->hub, &scene->from, &scene->frame, &fault);
    }
    assert_int_equal (status, ERR_NOT_FOUND);
}

static void test_full_peer_does_not_block (void **state)
{
    scene_t *scene = *state;
    open_hub (scene, false);
    spoke_t *spoke = open_spoke (scene, NULL, NULL);
    assert_int_equal (say (spoke, "hello"), OK);
    assert_true (hub_hears (scene, PATIENCE_MS));
    buf_t big = { 0 };
    buf_reserve (&big, 100000);
    memset (big.data, 'x', 100000);
    big.len = 100000;
    int64_t before_ms = clock_ms (NULL);
    status_t status = OK;
    int sent = 0;
    for (; status == OK && sent < 10000; sent++)
        status = hub_send (scene->hub, &scene->from, &big, NULL);
    assert_int_equal (status, ERR_BUSY);
    assert_true (sent < 3000);
    assert_true (clock_ms (NULL) - before_ms < 5000);
    buf_free (&big);
    spoke_close (&spoke);
}

static void test_addresses (void **state)
{
    scene_t *scene = *state;
    fault_t fault = { 0 };
    hub_t *hub;
    spoke_t *spoke;
    char lengthy [200] = "ipc:///tmp/";
    memset (lengthy + 11, 'x', 103);     // 108 bytes with /tmp/
    static const char *const BAD [] = { "", "tcp://", "ipc://", "ipc://@abstract", "inproc://x", "udp://127.0.0.1:1", "localhost:5555", "tcp://nonsense" };
    for (size_t i = 0; i <= sizeof BAD / sizeof *BAD; i++) {
        hub_options_t options = { .address = i < sizeof BAD / sizeof *BAD ? BAD [i] : lengthy, .insecure_no_curve = true };
        spoke_options_t spoke_options = { .address = options.address };
        assert_int_equal (hub_open (&options, &hub, &fault), ERR_USAGE);
        assert_null (hub);
        assert_int_equal (spoke_open (&spoke_options, &spoke, &fault), ERR_USAGE);
        assert_null (spoke);
    }
    hub_options_t clear = { .address = "tcp://127.0.0.1:*" };
    assert_int_equal (hub_open (&clear, &hub, &fault), ERR_DENIED);
    assert_non_null (strstr (fault.text, "--insecure-no-curve"));
    clear.server_key = scene->server_key;
    assert_int_equal (hub_open (&clear, &hub, &fault), ERR_USAGE);      // no folder
    clear.worker_keys = "/nowhere/at/all";
    assert_int_equal (hub_open (&clear, &hub, &fault), ERR_NOT_FOUND);
    hub_options_t insecure = { .address = "tcp://127.0.0.1:*", .insecure_no_curve = true };
    assert_int_equal (hub_open (&insecure, &scene->hub, &fault), OK);
    assert_null (strchr (hub_address (scene->hub), '*'));
    insecure.address = hub_address (scene->hub);
    assert_int_equal (hub_open (&insecure, &hub, &fault), ERR_BUSY);
}

static void test_ipc_path_in_use (void **state)
{
    scene_t *scene = *state;
    hub_t *second;
    fault_t fault = { 0 };
    open_hub (scene, false);
    hub_options_t options = { .address = scene->ipc };
    assert_int_equal (hub_open (&options, &second, &fault), ERR_BUSY);
    spoke_t *spoke = open_spoke (scene, NULL, NULL);        // the first still listens
    assert_int_equal (say (spoke, "hello"), OK);
    assert_true (hub_hears (scene, PATIENCE_MS));
    spoke_close (&spoke);
    hub_close (&scene->hub);
    open_hub (scene, false);                                // a left-over file is no hindrance
}

// A raw client, for what a spoke would never do.
typedef struct { void *context, *socket; } raw_t;

static raw_t raw_connect (scene_t *scene, const char *id)
{
    raw_t raw = { zmq_ctx_new (), NULL };
    int linger = 0;
    raw.socket = zmq_socket (raw.context, ZMQ_DEALER);
    zmq_setsockopt (raw.socket, ZMQ_LINGER, &linger, sizeof linger);
    if (id)
        zmq_setsockopt (raw.socket, ZMQ_ROUTING_ID, id, strlen (id));
    assert_int_equal (zmq_connect (raw.socket, hub_address (scene->hub)), 0);
    return raw;
}

static void raw_close (raw_t *raw)
{
    zmq_close (raw->socket);
    zmq_ctx_term (raw->context);
}

static void test_oversize_message (void **state)
{
    scene_t *scene = *state;
    open_hub (scene, false);
    spoke_t *spoke = open_spoke (scene, NULL, NULL);
    assert_int_equal (say (spoke, "before"), OK);
    assert_true (hub_hears (scene, PATIENCE_MS));
    raw_t raw = raw_connect (scene, NULL);
    size_t len = LIMIT_MESSAGE_BYTES + 1;
    char *bytes = mem_zero (1, len);
    assert_int_equal (zmq_send (raw.socket, bytes, len, 0), (int) len);
    assert_false (hub_hears (scene, 1000));
    assert_int_equal (say (spoke, "after"), OK);
    assert_true (hub_hears (scene, PATIENCE_MS));
    assert_string_equal (scene->frame.data, "after");
    raw_close (&raw);
    // the largest there may be
    raw = raw_connect (scene, NULL);
    assert_int_equal (zmq_send (raw.socket, bytes, len - 1, 0), (int) len - 1);
    assert_true (hub_hears (scene, 10000));
    assert_int_equal (scene->frame.len, len - 1);
    raw_close (&raw);
    free (bytes);
    spoke_close (&spoke);
}

static void test_many_parts_are_an_empty_frame (void **state)
{
    scene_t *scene = *state;
    open_hub (scene, false);
    raw_t raw = raw_connect (scene, "raw");
    zmq_send (raw.socket, "a", 1, ZMQ_SNDMORE);
    zmq_send (raw.socket, "b", 1, ZMQ_SNDMORE);
    zmq_send (raw.socket, "c", 1, 0);
    zmq_send (raw.socket, "whole", 5, 0);
    assert_true (hub_hears (scene, PATIENCE_MS));
    assert_int_equal (scene->frame.len, 0);
    assert_true (hub_hears (scene, PATIENCE_MS));
    assert_int_equal (scene->frame.len, 5);
    raw_close (&raw);
}

static void test_routing_id_is_not_taken_over (void **state)
{
    scene_t *scene = *state;
    open_hub (scene, false);
    raw_t first = raw_connect (scene, "same");
    zmq_send (first.socket, "1", 1, 0);
    assert_true (hub_hears (scene, PATIENCE_MS));
    raw_t second = raw_connect (scene, "same");
    zmq_send (second.socket, "2", 1, 0);
    hub_hears (scene, 500);
    peer_id_t same = { .len = 4, .id = "same" };
    buf_clear (&scene->frame);
    buf_add_str (&scene->frame, "for the first");
    assert_int_equal (hub_send (scene->hub, &same, &scene->frame, NULL), OK);
    char bytes [32];
    int timeout_ms = 3000;
    zmq_setsockopt (first.socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
    assert_int_equal (zmq_recv (first.socket, bytes, sizeof bytes, 0), 13);
    assert_int_equal (zmq_recv (second.socket, bytes, sizeof bytes, ZMQ_DONTWAIT), -1);
    raw_close (&first);
    raw_close (&second);
}

// What tells of a connection comes aside from what goes over it, and may be later.
static void await_connection (spoke_t *spoke)
{
    buf_t in = { 0 };
    bool got;
    int64_t until_ms = clock_ms (NULL) + PATIENCE_MS;
    while (!spoke_connected_anew (spoke)) {
        assert_true (clock_ms (NULL) < until_ms);
        assert_int_equal (spoke_receive (spoke, 50, -1, &got, &in, NULL), OK);
    }
    buf_free (&in);
}

static void test_hub_comes_back (void **state)
{
    scene_t *scene = *state;
    open_hub (scene, false);
    spoke_t *spoke = open_spoke (scene, NULL, NULL);
    assert_int_equal (say (spoke, "one"), OK);
    assert_true (hub_hears (scene, PATIENCE_MS));
    await_connection (spoke);
    hub_close (&scene->hub);
    buf_t in = { 0 };
    bool got;
    for (int i = 0; i < 5; i++)
        assert_int_equal (spoke_receive (spoke, 50, -1, &got, &in, NULL), OK);
    open_hub (scene, false);
    await_connection (spoke);
    assert_int_equal (say (spoke, "two"), OK);
    assert_true (hub_hears (scene, PATIENCE_MS));
    assert_string_equal (scene->frame.data, "two");
    buf_free (&in);
    spoke_close (&spoke);
}

static void test_renewed_spoke_has_another_name (void **state)
{
    scene_t *scene = *state;
    open_hub (scene, true);
    spoke_t *spoke = open_spoke (scene, scene->server_pub, scene->worker_key);
    assert_int_equal (say (spoke, "one"), OK);
    assert_true (hub_hears (scene, PATIENCE_MS));
    peer_id_t before = scene->from;
    await_connection (spoke);
    assert_int_equal (spoke_renew (spoke, NULL), OK);
    await_connection (spoke);
    assert_int_equal (say (spoke, "two"), OK);
    assert_true (hub_hears (scene, PATIENCE_MS));
    assert_string_equal (scene->frame.data, "two");
    assert_int_equal (scene->from.len, 16);
    assert_memory_not_equal (scene->from.id, before.id, 16);
    spoke_close (&spoke);
}

int main (void)
{
    endpoint_setup ();
    const struct CMUnitTest tests [] = {
        SCENE_TEST (test_there_and_back),
        SCENE_TEST (test_waiting_ends_early),
        SCENE_TEST (test_unknown_peer),
        SCENE_TEST (test_full_peer_does_not_block),
        SCENE_TEST (test_addresses),
        SCENE_TEST (test_ipc_path_in_use),
        SCENE_TEST (test_oversize_message),
        SCENE_TEST (test_many_parts_are_an_empty_frame),
        SCENE_TEST (test_routing_id_is_not_taken_over),
        SCENE_TEST (test_hub_comes_back),
        SCENE_TEST (test_renewed_spoke_has_another_name),
    };
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    endpoint_teardown ();
    return failed;
}

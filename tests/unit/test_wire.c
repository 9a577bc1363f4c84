// Frames: what is packed comes back, and nothing else gets through.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/rng.h"
#include "proto/wire.h"
#include "proto/wire_check.h"

static uint8_t digest [33];

static ProtobufCBinaryData bytes (size_t len)
{
    return (ProtobufCBinaryData) { .len = len, .data = digest };
}

static status_t to_coordinator (Rulemill__ToCoordinator__BodyCase body_case, void *body, Rulemill__ToCoordinator **out)
{
    Rulemill__ToCoordinator message = RULEMILL__TO_COORDINATOR__INIT;
    message.body_case = body_case;
    message.hello = body;       // all members of the union are pointers
    buf_t frame = { 0 };
    fault_t fault = { 0 };
    wire_pack_to_coordinator (&message, &frame);
    status_t status = wire_unpack_to_coordinator (frame.data, frame.len, out, &fault);
    assert_int_equal (status == OK, *out != NULL);
    assert_int_equal (status, fault.code);
    buf_free (&frame);
    return status;
}

static status_t to_worker (Rulemill__ToWorker__BodyCase body_case, void *body, Rulemill__ToWorker **out)
{
    Rulemill__ToWorker message = RULEMILL__TO_WORKER__INIT;
    message.body_case = body_case;
    message.welcome = body;
    buf_t frame = { 0 };
    fault_t fault = { 0 };
    wire_pack_to_worker (&message, &frame);
    status_t status = wire_unpack_to_worker (frame.data, frame.len, out, &fault);
    assert_int_equal (status == OK, *out != NULL);
    buf_free (&frame);
    return status;
}

static void test_round_trip (void **state)
{
    (void) state;
    Rulemill__Hello hello = RULEMILL__HELLO__INIT;
    hello.protocol_min = PROTOCOL_MIN;
    hello.protocol_max = PROTOCOL_MAX;
    hello.version = "1.2";
    hello.host = "h\xc3\xb6st";
    hello.run = bytes (32);
    Rulemill__ToCoordinator *out;
    assert_int_equal (to_coordinator (RULEMILL__TO_COORDINATOR__BODY_HELLO, &hello, &out), OK);
    assert_int_equal (out->body_case, RULEMILL__TO_COORDINATOR__BODY_HELLO);
    assert_string_equal (out->hello->host, "h\xc3\xb6st");
    assert_int_equal (out->hello->run.len, 32);
    rulemill__to_coordinator__free_unpacked (out, NULL);
}

static void test_every_type_passes (void **state)
{
    (void) state;
    Rulemill__ToCoordinator *up;
    Rulemill__ToWorker *down;
    Rulemill__Unfit unfit = RULEMILL__UNFIT__INIT;
    Rulemill__Want want = RULEMILL__WANT__INIT;
    Rulemill__Results results = RULEMILL__RESULTS__INIT;
    Rulemill__Beat beat = RULEMILL__BEAT__INIT;
    Rulemill__Return back = RULEMILL__RETURN__INIT;
    Rulemill__Bye bye = RULEMILL__BYE__INIT;
    Rulemill__BlobGet get = RULEMILL__BLOB_GET__INIT;
    get.digest = bytes (32);
    void *ups [] = { NULL, NULL, &get, &unfit, &want, &results, &beat, &back, &bye };
    for (int i = 2; i <= 8; i++) {
        assert_int_equal (to_coordinator ((Rulemill__ToCoordinator__BodyCase) i, ups [i], &up), OK);
        rulemill__to_coordinator__free_unpacked (up, NULL);
    }
    Rulemill__Welcome welcome = RULEMILL__WELCOME__INIT;
    Rulemill__Refuse refuse = RULEMILL__REFUSE__INIT;
    Rulemill__Blob blob = RULEMILL__BLOB__INIT;
    Rulemill__Lease lease = RULEMILL__LEASE__INIT;
    Rulemill__Batch batch = RULEMILL__BATCH__INIT;
    Rulemill__Ack ack = RULEMILL__ACK__INIT;
    Rulemill__Revoke revoke = RULEMILL__REVOKE__INIT;
    Rulemill__Who who = RULEMILL__WHO__INIT;
    Rulemill__Drain drain = RULEMILL__DRAIN__INIT;
    Rulemill__Finished finished = RULEMILL__FINISHED__INIT;
    welcome.run = bytes (32);
    blob.digest = bytes (32);
    void *downs [] = { NULL, &welcome, &refuse, &blob, &lease, &batch, &ack, &revoke, &who, &drain, &finished };
    for (int i = 1; i <= 10; i++) {
        assert_int_equal (to_worker ((Rulemill__ToWorker__BodyCase) i, downs [i], &down), OK);
        rulemill__to_worker__free_unpacked (down, NULL);
    }
}

static void test_not_a_frame (void **state)
{
    (void) state;
    static const struct { const char *bytes; size_t len; } BAD [] = {
        { "", 0 }, { "R", 1 }, { "RM\x01", 3 },                         // short
        { "RM\x02\x00", 4 }, { "GET / HTTP/1.1\r\n\r\n", 18 },          // wrong magic
        { "RM\x01\x00", 4 },                                            // an empty oneof
        { "RM\x01\x00\xff\xff\xff\xff\xff\xff", 10 },                   // no protobuf
        { "RM\x01\x00\x0a\xff\xff\xff\xff\x0f", 10 },                   // a part longer than the frame
        { "RM\x01\x00\xa2\x06\x00", 7 },                                // a type of the future
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        Rulemill__ToCoordinator *up;
        Rulemill__ToWorker *down;
        fault_t fault = { 0 };
        assert_int_equal (wire_unpack_to_coordinator (BAD [i].bytes, BAD [i].len, &up, &fault), ERR_FORMAT);
        assert_null (up);
        assert_true (fault.text [0] != '\0');
        assert_int_equal (wire_unpack_to_worker (BAD [i].bytes, BAD [i].len, &down, &fault), ERR_FORMAT);
        assert_null (down);
    }
}

static void test_digest_lengths (void **state)
{
    (void) state;
    Rulemill__ToCoordinator *up;
    Rulemill__ToWorker *down;
    static const size_t BAD [] = { 0, 1, 31, 33 };
    for (size_t i = 0; i < 4; i++) {
        Rulemill__Hello hello = RULEMILL__HELLO__INIT;
        Rulemill__BlobGet get = RULEMILL__BLOB_GET__INIT;
        Rulemill__Welcome welcome = RULEMILL__WELCOME__INIT;
        Rulemill__Blob blob = RULEMILL__BLOB__INIT;
        hello.run = get.digest = welcome.run = blob.digest = bytes (BAD [i]);
        if (BAD [i] > 0)
            assert_int_equal (to_coordinator (RULEMILL__TO_COORDINATOR__BODY_HELLO, &hello, &up), ERR_FORMAT);
        assert_int_equal (to_coordinator (RULEMILL__TO_COORDINATOR__BODY_BLOB_GET, &get, &up), ERR_FORMAT);
        assert_int_equal (to_worker (RULEMILL__TO_WORKER__BODY_WELCOME, &welcome, &down), ERR_FORMAT);
        assert_int_equal (to_worker (RULEMILL__TO_WORKER__BODY_BLOB, &blob, &down), ERR_FORMAT);
        ProtobufCBinaryData blobs [2] = { bytes (32), bytes (BAD [i]) };
        welcome.run = bytes (32);
        welcome.blobs = blobs;
        welcome.n_blobs = 2;
        assert_int_equal (to_worker (RULEMILL__TO_WORKER__BODY_WELCOME, &welcome, &down), ERR_FORMAT);
    }
}

static void test_counts (void **state)
{
    (void) state;
    Rulemill__ToCoordinator *up;
    Rulemill__ToWorker *down;
    size_t n = LIMIT_LEASE_PAIRS + 1;
    Rulemill__Result one = RULEMILL__RESULT__INIT, **many = malloc (n * sizeof *many);
    Rulemill__Item item = RULEMILL__ITEM__INIT, **items = malloc (n * sizeof *items);
    uint64_t *numbers = calloc (n, sizeof *numbers);
    for (size_t i = 0; i < n; i++) {
        many [i] = &one;
        items [i] = &item;
    }
    one.item = 1;
    item.item = 1;
    Rulemill__Results results = RULEMILL__RESULTS__INIT;
    results.results = many;
    Rulemill__Batch batch = RULEMILL__BATCH__INIT;
    batch.items = items;
    Rulemill__Ack ack = RULEMILL__ACK__INIT;
    ack.items = numbers;
    for (size_t over = 0; over < 2; over++) {
        results.n_results = batch.n_items = ack.n_items = LIMIT_LEASE_PAIRS + over;
        status_t expected = over ? ERR_LIMIT : OK;
        assert_int_equal (to_coordinator (RULEMILL__TO_COORDINATOR__BODY_RESULTS, &results, &up), expected);
        rulemill__to_coordinator__free_unpacked (up, NULL);
        assert_int_equal (to_worker (RULEMILL__TO_WORKER__BODY_BATCH, &batch, &down), expected);
        rulemill__to_worker__free_unpacked (down, NULL);
        assert_int_equal (to_worker (RULEMILL__TO_WORKER__BODY_ACK, &ack, &down), expected);
        rulemill__to_worker__free_unpacked (down, NULL);
    }
    Rulemill__Beat beat = RULEMILL__BEAT__INIT;
    beat.leases = numbers;
    beat.n_leases = WIRE_LEASES_MAX + 1;
    assert_int_equal (to_coordinator (RULEMILL__TO_COORDINATOR__BODY_BEAT, &beat, &up), ERR_LIMIT);
    Rulemill__Lease lease = RULEMILL__LEASE__INIT;
    lease.items = LIMIT_LEASE_PAIRS + 1;
    assert_int_equal (to_worker (RULEMILL__TO_WORKER__BODY_LEASE, &lease, &down), ERR_LIMIT);
    ProtobufCBinaryData blobs [WIRE_BLOBS_MAX + 1];
    for (size_t i = 0; i <= WIRE_BLOBS_MAX; i++)
        blobs [i] = bytes (32);
    Rulemill__Welcome welcome = RULEMILL__WELCOME__INIT;
    welcome.run = bytes (32);
    welcome.blobs = blobs;
    welcome.n_blobs = WIRE_BLOBS_MAX + 1;
    assert_int_equal (to_worker (RULEMILL__TO_WORKER__BODY_WELCOME, &welcome, &down), ERR_LIMIT);
    free (many);
    free (items);
    free (numbers);
}

static void test_blobs_stay_in_bounds (void **state)
{
    (void) state;
    Rulemill__ToWorker *down;
    uint8_t *data = calloc (1, LIMIT_BLOB_CHUNK_BYTES + 1);
    Rulemill__Blob blob = RULEMILL__BLOB__INIT;
    blob.digest = bytes (32);
    blob.data = (ProtobufCBinaryData) { .len = LIMIT_BLOB_CHUNK_BYTES + 1, .data = data };
    blob.total = LIMIT_BLOB_BYTES;
    assert_int_equal (to_worker (RULEMILL__TO_WORKER__BODY_BLOB, &blob, &down), ERR_LIMIT);
    blob.data.len = 10;
    blob.total = (uint64_t) LIMIT_BLOB_BYTES + 1;
    assert_int_equal (to_worker (RULEMILL__TO_WORKER__BODY_BLOB, &blob, &down), ERR_LIMIT);
    blob.total = 100;
    blob.offset = 91;
    assert_int_equal (to_worker (RULEMILL__TO_WORKER__BODY_BLOB, &blob, &down), ERR_FORMAT);
    blob.offset = UINT64_MAX;
    assert_int_equal (to_worker (RULEMILL__TO_WORKER__BODY_BLOB, &blob, &down), ERR_FORMAT);
    blob.offset = 90;
    assert_int_equal (to_worker (RULEMILL__TO_WORKER__BODY_BLOB, &blob, &down), OK);
    rulemill__to_worker__free_unpacked (down, NULL);
    free (data);
}

// A frame of many empty parts would unpack to fifty times its size.
static void test_memory_is_bounded (void **state)
{
    (void) state;
    size_t n = 15 * 1024 * 1024;
    buf_t inner = { 0 }, frame = { 0 };
    for (size_t i = 0; i < n; i++)
        buf_add (&inner, "\x1a\x00", 2);        // Results.results, empty
    buf_add (&frame, "RM\x01\x00\x2a", 5);
    for (size_t len = inner.len; len > 0; len >>= 7)
        buf_add_char (&frame, (char) ((len & 0x7f) | (len >> 7 ? 0x80 : 0)));
    buf_add (&frame, inner.data, inner.len);
    Rulemill__ToCoordinator *up;
    fault_t fault = { 0 };
    assert_int_not_equal (wire_unpack_to_coordinator (frame.data, frame.len, &up, &fault), OK);
    assert_null (up);
    buf_free (&inner);
    buf_free (&frame);
}

static void test_texts_are_cleaned (void **state)
{
    (void) state;
    char text [] = "a\nb\x1b[31m\xff\xc3\xa9\xed\xa0\x80\xc2\x85z";
    wire_clean_text (text);
    assert_string_equal (text, "a?b?[31m?\xc3\xa9?????z");
    char *lengthy = malloc (3 * WIRE_TEXT_MAX);
    memset (lengthy, 'x', 3 * WIRE_TEXT_MAX - 1);
    lengthy [3 * WIRE_TEXT_MAX - 1] = '\0';
    memcpy (lengthy + WIRE_TEXT_MAX - 1, "\xc3\xa9", 2);    // not cut in two
    wire_clean_text (lengthy);
    assert_int_equal (strlen (lengthy), WIRE_TEXT_MAX - 1);
    free (lengthy);
}

// Frames with flipped, lost and added bytes neither crash nor leak.
static void test_mutated_frames (void **state)
{
    (void) state;
    Rulemill__Stale stale = RULEMILL__STALE__INIT, *stales [2] = { &stale, &stale };
    uint64_t items [3] = { 1, 2, 300 };
    Rulemill__Ack ack = RULEMILL__ACK__INIT;
    ack.items = items;
    ack.n_items = 3;
    ack.stale = stales;
    ack.n_stale = 2;
    stale.known = bytes (20);
    Rulemill__ToWorker message = RULEMILL__TO_WORKER__INIT;
    message.body_case = RULEMILL__TO_WORKER__BODY_ACK;
    message.ack = &ack;
    buf_t frame = { 0 };
    wire_pack_to_worker (&message, &frame);
    rng_t rng = { .state = 7 };
    for (int round = 0; round < 20000; round++) {
        uint8_t copy [128];
        size_t len = frame.len;
        assert_true (len <= sizeof copy);
        memcpy (copy, frame.data, len);
        for (uint64_t flips = 1 + rng_below (&rng, 4); flips > 0; flips--)
            copy [rng_below (&rng, len)] = (uint8_t) rng_next (&rng);
        len -= rng_below (&rng, 5) == 0 ? rng_below (&rng, len) : 0;
        Rulemill__ToWorker *down;
        Rulemill__ToCoordinator *up;
        if (wire_unpack_to_worker (copy, len, &down, NULL) == OK)
            rulemill__to_worker__free_unpacked (down, NULL);
        if (wire_unpack_to_coordinator (copy, len, &up, NULL) == OK)
            rulemill__to_coordinator__free_unpacked (up, NULL);
    }
    buf_free (&frame);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_round_trip),
        cmocka_unit_test (test_every_type_passes),
        cmocka_unit_test (test_not_a_frame),
        cmocka_unit_test (test_digest_lengths),
        cmocka_unit_test (test_counts),
        cmocka_unit_test (test_blobs_stay_in_bounds),
        cmocka_unit_test (test_memory_is_bounded),
        cmocka_unit_test (test_texts_are_cleaned),
        cmocka_unit_test (test_mutated_frames),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

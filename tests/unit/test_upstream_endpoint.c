// worker/upstream: one endpoint or two by hand: breakers, probes, waiting, retries, weights.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>

#include "worker/upstream.h"

typedef struct { int64_t now_ms; upstream_t *upstream; } hand_t;

static int64_t hand_clock (void *ctx)
{
    return ((hand_t *) ctx)->now_ms;
}

static void hand_start (hand_t *hand, upstream_options_t options, const double *weights, size_t n)
{
    hand->now_ms = 1000;
    options.clock = (clock_source_t) { .now_ms = hand_clock, .ctx = hand };
    hand->upstream = upstream_new (&options, weights, n);
}

static bool take (hand_t *hand, size_t e, int64_t *wait_ms)
{
    return upstream_take (hand->upstream, e, 100, wait_ms);
}

static void ended (hand_t *hand, size_t e, upstream_result_t result)
{
    upstream_ended (hand->upstream, e, result, 0.1, 100, -1, -1, -1, -1, -1);
}

static void the_breaker_opens_and_probes_once (void **state)
{
    (void) state;
    hand_t hand;
    int64_t wait_ms;
    hand_start (&hand, (upstream_options_t) { 0 }, NULL, 1);
    for (int i = 0; i < 5; i++) {
        assert_false (upstream_is_open (hand.upstream, 0));
        assert_true (take (&hand, 0, &wait_ms));
        ended (&hand, 0, UPSTREAM_FAILED);
    }
    int64_t open_ms = 1000;
    for (int i = 0; i < 6; i++) {
        assert_true (upstream_is_open (hand.upstream, 0));
        assert_int_equal (upstream_choose (hand.upstream), -1);
        assert_false (take (&hand, 0, &wait_ms));
        assert_int_equal (wait_ms, open_ms);
        hand.now_ms += open_ms;
        assert_false (upstream_is_open (hand.upstream, 0));
        assert_int_equal (upstream_choose (hand.upstream), 0);
        assert_true (take (&hand, 0, &wait_ms));
        assert_true (upstream_is_open (hand.upstream, 0));             // one probe at a time
        assert_false (take (&hand, 0, &wait_ms));
        assert_int_equal (wait_ms, 10000);
        ended (&hand, 0, i == 1 ? UPSTREAM_OVERLOADED : UPSTREAM_FAILED);
        open_ms = open_ms < 5000 ? 2 * open_ms : 10000;
    }
    hand.now_ms += open_ms;
    assert_true (take (&hand, 0, &wait_ms));
    ended (&hand, 0, UPSTREAM_STALE);                                   // nothing learnt: another probe
    assert_true (take (&hand, 0, &wait_ms));
    assert_false (take (&hand, 0, &wait_ms));
    ended (&hand, 0, UPSTREAM_OK);
    assert_false (upstream_is_open (hand.upstream, 0));
    assert_true (take (&hand, 0, &wait_ms) && take (&hand, 0, &wait_ms));
    upstream_destroy (&hand.upstream);
    assert_null (hand.upstream);
}

// Asking where nobody listens costs nothing, so it is done every two seconds.
static void nobody_there_is_asked_again_soon (void **state)
{
    (void) state;
    hand_t hand;
    int64_t wait_ms;
    hand_start (&hand, (upstream_options_t) { 0 }, NULL, 1);
    for (int i = 0; i < 40; i++) {
        while (take (&hand, 0, &wait_ms))
            ended (&hand, 0, UPSTREAM_UNREACHABLE);
        assert_true (upstream_is_open (hand.upstream, 0));
        assert_int_equal (wait_ms, i == 0 ? 1000 : 2000);
        hand.now_ms += wait_ms;
    }
    assert_true (take (&hand, 0, &wait_ms));
    ended (&hand, 0, UPSTREAM_OK);
    assert_true (take (&hand, 0, &wait_ms) && take (&hand, 0, &wait_ms));
    upstream_destroy (&hand.upstream);
}

// A server that takes a probe and never answers it may be back long before the probe has timed out.
static void a_probe_that_hangs_is_not_waited_for (void **state)
{
    (void) state;
    hand_t hand;
    int64_t wait_ms;
    hand_start (&hand, (upstream_options_t) { 0 }, NULL, 1);
    while (take (&hand, 0, &wait_ms))
        ended (&hand, 0, UPSTREAM_FAILED);
    hand.now_ms += wait_ms;
    assert_true (take (&hand, 0, &wait_ms));
    hand.now_ms += 9999;
    assert_false (take (&hand, 0, &wait_ms));
    assert_int_equal (wait_ms, 1);
    hand.now_ms++;
    assert_true (take (&hand, 0, &wait_ms));
    assert_false (take (&hand, 0, &wait_ms));
    ended (&hand, 0, UPSTREAM_OK);
    assert_false (upstream_is_open (hand.upstream, 0));
    ended (&hand, 0, UPSTREAM_FAILED);                      // the first one, at last
    assert_false (upstream_is_open (hand.upstream, 0));
    upstream_destroy (&hand.upstream);
}

// An error of the request says nothing of the server, however many there are; but it shows that somebody is there.
static void refused_requests_open_nothing (void **state)
{
    (void) state;
    hand_t hand;
    int64_t wait_ms;
    hand_start (&hand, (upstream_options_t) { .failures_to_open = 2 }, NULL, 1);
    for (int i = 0; i < 50; i++) {
        assert_true (take (&hand, 0, &wait_ms));
        ended (&hand, 0, i % 2 ? UPSTREAM_REFUSED : UPSTREAM_STALE);
    }
    assert_int_equal (upstream_busy (hand.upstream, 0), 0);
    assert_int_equal (upstream_places (hand.upstream, 0), 8);
    for (int i = 0; i < 2; i++) {
        assert_true (take (&hand, 0, &wait_ms));
        ended (&hand, 0, UPSTREAM_FAILED);
    }
    assert_true (upstream_is_open (hand.upstream, 0));
    hand.now_ms += 5000;
    assert_true (take (&hand, 0, &wait_ms));
    upstream_ended (hand.upstream, 0, UPSTREAM_REFUSED, 0, 0, -1, -1, -1, -1, -1);      // never sent
    assert_true (take (&hand, 0, &wait_ms));
    assert_false (take (&hand, 0, &wait_ms));
    ended (&hand, 0, UPSTREAM_REFUSED);
    assert_true (take (&hand, 0, &wait_ms) && take (&hand, 0, &wait_ms));
    upstream_destroy (&hand.upstream);
}

// One that no longer answers gets no more than it has, while places grow as well as later.
static void one_that_falls_silent_is_given_no_more (void **state)
{
    (void) state;
    hand_t hand;
    int64_t wait_ms;
    hand_start (&hand, (upstream_options_t) { 0 }, NULL, 1);
    for (int round = 0; round < 40; round++) {
        while (take (&hand, 0, &wait_ms))
            continue;
        hand.now_ms += 100;
        for (unsigned busy = upstream_busy (hand.upstream, 0); busy > 0 && round < 4; busy--)
            ended (&hand, 0, UPSTREAM_OK);
    }
    assert_true (upstream_busy (hand.upstream, 0) >= 16);
    assert_true (upstream_busy (hand.upstream, 0) <= 256);
    upstream_destroy (&hand.upstream);
}

static void there_is_always_a_place (void **state)
{
    (void) state;
    hand_t hand;
    int64_t wait_ms;
    hand_start (&hand, (upstream_options_t) { .places_min = 3, .failures_to_open = 1000 }, NULL, 1);
    for (int i = 0; i < 300; i++) {
        assert_true (take (&hand, 0, &wait_ms));
        hand.now_ms += 100;
        upstream_ended (hand.upstream, 0, i % 3 ? UPSTREAM_OVERLOADED : UPSTREAM_FAILED, i % 5 ? 0.1 : 60, 100, -1, -1, -1, -1, -1);
        assert_true (upstream_places (hand.upstream, 0) >= 3);
    }
    assert_int_equal (upstream_places (hand.upstream, 0), 3);
    upstream_destroy (&hand.upstream);
}

// A server that is up but has no place for anybody (it loads its model) is left alone, too.
static void one_that_only_refuses_is_left_alone (void **state)
{
    (void) state;
    hand_t hand;
    int64_t wait_ms;
    hand_start (&hand, (upstream_options_t) { 0 }, NULL, 2);
    for (int i = 0; i < 40 && !upstream_is_open (hand.upstream, 0); i++) {
        assert_true (take (&hand, 0, &wait_ms));
        hand.now_ms += 200;
        ended (&hand, 0, UPSTREAM_OVERLOADED);
    }
    assert_true (upstream_is_open (hand.upstream, 0));
    assert_int_equal (upstream_choose (hand.upstream), 1);
    upstream_destroy (&hand.upstream);
}

static void servers_that_ask_for_time_get_it (void **state)
{
    (void) state;
    hand_t hand;
    int64_t wait_ms;
    hand_start (&hand, (upstream_options_t) { .places_min = 8 }, NULL, 1);
    assert_true (take (&hand, 0, &wait_ms));
    upstream_ended (hand.upstream, 0, UPSTREAM_OVERLOADED, 0.01, 100, 7000, -1, -1, -1, -1);
    assert_false (take (&hand, 0, &wait_ms));
    assert_int_equal (wait_ms, 7000);
    assert_int_equal (upstream_choose (hand.upstream), -1);
    assert_false (upstream_is_open (hand.upstream, 0));                // it is there: its work stays
    hand.now_ms += 7000;
    assert_true (take (&hand, 0, &wait_ms));

    // three requests left, of which those in flight are taken off
    assert_true (take (&hand, 0, &wait_ms));
    upstream_ended (hand.upstream, 0, UPSTREAM_OK, 0.01, 100, -1, 3, 4000, -1, -1);
    assert_true (take (&hand, 0, &wait_ms) && take (&hand, 0, &wait_ms));
    assert_false (take (&hand, 0, &wait_ms));
    assert_int_equal (wait_ms, 4000);
    hand.now_ms += 4000;
    assert_true (take (&hand, 0, &wait_ms));
    upstream_ended (hand.upstream, 0, UPSTREAM_OK, 0.01, 100, -1, 100, 4000, 250, 9000);       // 250 tokens left, 300 in flight
    assert_false (take (&hand, 0, &wait_ms));
    assert_int_equal (wait_ms, 9000);
    upstream_ended (hand.upstream, 0, UPSTREAM_OK, 0.01, 100, -1, 100, 4000, 5000, 9000);      // a newer word
    assert_true (take (&hand, 0, &wait_ms));
    upstream_ended (hand.upstream, 0, UPSTREAM_OK, 0.01, 100, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX);
    upstream_ended (hand.upstream, 0, UPSTREAM_OVERLOADED, INFINITY, UINT64_MAX, INT64_MAX, 0, INT64_MAX, 0, INT64_MAX);
    assert_false (take (&hand, 0, &wait_ms));
    assert_in_range (wait_ms, 1, 24 * 3600 * 1000);
    upstream_destroy (&hand.upstream);
}

static void backoff_doubles_with_full_jitter (void **state)
{
    (void) state;
    hand_t hand;
    hand_start (&hand, (upstream_options_t) { .backoff_first_ms = 100, .backoff_max_ms = 1000, .seed = 3 }, NULL, 1);
    for (unsigned try = 1; try < 8; try++) {
        int64_t most = 100 << (try - 1) < 1000 ? 100 << (try - 1) : 1000, longest = 0;
        double sum = 0;
        for (int i = 0; i < 2000; i++) {
            hand.now_ms += 1000;                                        // the budget is no matter here
            int64_t wait_ms = upstream_backoff_ms (hand.upstream, try, 10);
            assert_in_range (wait_ms, 0, most);
            longest = wait_ms > longest ? wait_ms : longest;
            sum += (double) wait_ms;
        }
        assert_true (longest > most * .95);
        assert_true (fabs (sum / 2000 - (double) most / 2) < (double) most * .05);
    }
    assert_int_equal (upstream_backoff_ms (hand.upstream, 10, 10), -1);
    assert_int_equal (upstream_backoff_ms (hand.upstream, 11, 10), -1);
    assert_true (upstream_backoff_ms (hand.upstream, UINT32_MAX - 1, UINT32_MAX) >= 0);
    upstream_destroy (&hand.upstream);
}

// At most a share of first tries, and ten at once and in each second: the rest wait in line.
static void retries_are_a_share_of_first_tries (void **state)
{
    (void) state;
    hand_t hand;
    hand_start (&hand, (upstream_options_t) { .backoff_first_ms = 1, .backoff_max_ms = 1, .retry_share = 0.2, .places_first = 1000 }, NULL, 1);
    unsigned soon = 0;
    int64_t last_ms = 0;
    for (int i = 0; i < 100; i++) {
        int64_t wait_ms = upstream_backoff_ms (hand.upstream, 1, 3);
        soon += wait_ms <= 1;
        assert_true (wait_ms >= last_ms || wait_ms <= 1);
        last_ms = wait_ms;
    }
    assert_in_range (soon, 10, 11);
    assert_int_equal (last_ms, 9000);
    hand.now_ms += 9000;
    int64_t unused;
    for (int i = 0; i < 500; i++)
        assert_true (take (&hand, 0, &unused));
    soon = 0;
    for (int i = 0; i < 200; i++)
        soon += upstream_backoff_ms (hand.upstream, 1, 3) <= 1;
    assert_in_range (soon, 98, 112);
    upstream_destroy (&hand.upstream);
}

static void weights_share_new_work (void **state)
{
    (void) state;
    hand_t hand;
    const double weights [3] = { 3, 1, 0 };
    hand_start (&hand, (upstream_options_t) { .places_first = 90 }, weights, 3);
    int64_t wait_ms;
    for (int i = 0; i < 40; i++) {
        int e = upstream_choose (hand.upstream);
        assert_true (e >= 0 && take (&hand, (size_t) e, &wait_ms));
    }
    assert_int_equal (upstream_busy (hand.upstream, 0), 30);
    assert_int_equal (upstream_busy (hand.upstream, 1), 10);
    assert_int_equal (upstream_busy (hand.upstream, 2), 0);            // stands by
    int e;
    while ((e = upstream_choose (hand.upstream)) >= 0)
        assert_true (take (&hand, (size_t) e, &wait_ms));
    assert_int_equal (upstream_busy (hand.upstream, 0), 90);
    assert_in_range (upstream_busy (hand.upstream, 1), 45, 48);         // a little ahead of its third, though it has places
    assert_int_equal (upstream_busy (hand.upstream, 2), 90);
    upstream_destroy (&hand.upstream);
}

// A repeat must not go where the first answer came from; it may not wait for requests there that nobody has to make.
static void what_must_go_elsewhere_goes_whatever_the_shares (void **state)
{
    (void) state;
    hand_t hand;
    int64_t wait_ms;
    const double weights [2] = { 3, 1 };
    hand_start (&hand, (upstream_options_t) { .places_first = 8, .places_max = 8 }, weights, 2);
    for (int i = 0; i < 100; i++) {
        assert_int_equal (upstream_choose_but (hand.upstream, 0), 1);
        assert_true (take (&hand, 1, &wait_ms));
        hand.now_ms += 100;
        ended (&hand, 1, UPSTREAM_OK);
    }
    upstream_destroy (&hand.upstream);
}

// All places are in use, and whichever is free first is an endpoint's of small weight as often as not: shares hold all the same.
static void weights_hold_where_all_places_are_in_use (void **state)
{
    (void) state;
    hand_t hand;
    const double weights [2] = { 1, 3 };
    hand_start (&hand, (upstream_options_t) { .places_first = 8, .places_max = 8 }, weights, 2);
    unsigned asked [2] = { 0, 0 };
    int64_t wait_ms;
    for (int round = 0; round < 2000; round++) {
        for (int e; (e = upstream_choose (hand.upstream)) >= 0; asked [e]++)
            assert_true (take (&hand, (size_t) e, &wait_ms));
        hand.now_ms += 10;
        for (size_t e = 0; e < 2; e++)
            if (upstream_busy (hand.upstream, e) > 0)
                ended (&hand, e, UPSTREAM_OK);
    }
    double share = (double) asked [1] / (asked [0] + asked [1]);
    assert_true (share > 0.74 && share < 0.76);
    upstream_destroy (&hand.upstream);
}

// One that is dead holds up nobody, and has nothing to catch up when it is back.
static void a_dead_endpoint_has_no_claim_to_its_share (void **state)
{
    (void) state;
    hand_t hand;
    const double weights [2] = { 1, 3 };
    hand_start (&hand, (upstream_options_t) { .places_first = 8, .places_max = 8 }, weights, 2);
    int64_t wait_ms;
    for (int i = 0; i < 5; i++) {
        assert_true (take (&hand, 1, &wait_ms));
        ended (&hand, 1, UPSTREAM_FAILED);
    }
    for (int i = 0; i < 500; i++) {
        assert_int_equal (upstream_choose (hand.upstream), 0);
        assert_true (take (&hand, 0, &wait_ms));
        ended (&hand, 0, UPSTREAM_OK);
    }
    hand.now_ms += 10000;
    assert_true (take (&hand, 1, &wait_ms));
    ended (&hand, 1, UPSTREAM_OK);
    unsigned asked [2] = { 0, 0 };
    for (int i = 0; i < 400; i++) {
        int e = upstream_choose (hand.upstream);
        assert_true (e >= 0 && take (&hand, (size_t) e, &wait_ms));
        ended (&hand, (size_t) e, UPSTREAM_OK);
        asked [e]++;
    }
    assert_in_range (asked [0], 70, 120);
    upstream_destroy (&hand.upstream);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (the_breaker_opens_and_probes_once),
        cmocka_unit_test (nobody_there_is_asked_again_soon),
        cmocka_unit_test (a_probe_that_hangs_is_not_waited_for),
        cmocka_unit_test (refused_requests_open_nothing),
        cmocka_unit_test (one_that_falls_silent_is_given_no_more),
        cmocka_unit_test (there_is_always_a_place),
        cmocka_unit_test (one_that_only_refuses_is_left_alone),
        cmocka_unit_test (servers_that_ask_for_time_get_it),
        cmocka_unit_test (backoff_doubles_with_full_jitter),
        cmocka_unit_test (retries_are_a_share_of_first_tries),
        cmocka_unit_test (weights_share_new_work),
        cmocka_unit_test (weights_hold_where_all_places_are_in_use),
        cmocka_unit_test (what_must_go_elsewhere_goes_whatever_the_shares),
        cmocka_unit_test (a_dead_endpoint_has_no_claim_to_its_share),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

// worker/upstream, worker/places: what they make of servers, in simulated time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/upstream_world.h"

static unsigned always_256 (int64_t t_ms) { (void) t_ms; return 256; }
static unsigned always_64 (int64_t t_ms) { (void) t_ms; return 64; }

// Another limit every ten seconds, without notice.
static unsigned moves (int64_t t_ms)
{
    rng_t rng = { (uint64_t) (t_ms / 10000) };
    return 32 + (unsigned) rng_below (&rng, 225);
}

static unsigned jumps (int64_t t_ms)
{
    return t_ms / 15000 % 2 ? 32 : 256;
}

static unsigned many (int64_t t_ms) { (void) t_ms; return 4096; }

static void show (const char *name, const world_t *w, double ideal)
{
    print_message ("%-34s %5.1f %% of ideal, %.2f %% refused, %.0f ms, places", name, 100 * w->served / ideal,
                   100.0 * w->refused / (w->sent ? w->sent : 1), w->delay_sum_ms / (w->served ? w->served : 1));
    for (unsigned k = 0; k < w->n_workers; k++)
        for (unsigned e = 0; e < w->n_servers; e++)
            print_message (" %u", upstream_places (w->workers [k], e));
    print_message ("\n");
}

typedef struct {
    const char *name;
    places_fn *places;
    bool queues;
    double jitter, crowd;
    unsigned workers;               // 0: 1
    int64_t retry_after_ms;         // 0: none
    double ideal;                   // served a second; 0: what the places allow
    double least, refused_most, delay_most_ms;
} scene_t;

// 200 ms for each answer; counted for five minutes after ten seconds.
static void play (const scene_t *scene)
{
    world_t *w = world_new (1, scene->workers ? scene->workers : 1, (upstream_options_t) { 0 });
    fake_t *server = &w->servers [0];
    server->places = scene->places;
    server->delay_ms = 200;
    server->queues = scene->queues;
    server->jitter = scene->jitter;
    server->crowd = scene->crowd;
    server->retry_after_ms = scene->retry_after_ms ? scene->retry_after_ms : -1;
    world_run (w, 10000, 310000);
    double ideal = scene->ideal > 0 ? scene->ideal * 300 : world_ideal (w, 10000, 310000);
    show (scene->name, w, ideal);
    assert_true (w->served >= scene->least * ideal);
    assert_true (w->refused <= scene->refused_most * w->sent);
    assert_true (w->delay_sum_ms <= scene->delay_most_ms * w->served);
    world_free (w);
}

static void places_that_refuse_are_filled (void **state)
{
    (void) state;
    static const scene_t scenes [] = {
        { .name = "256 places", .places = always_256, .least = .97, .refused_most = .02, .delay_most_ms = 205 },
        { .name = "256 places, 2 workers", .places = always_256, .workers = 2, .least = .97, .refused_most = .02, .delay_most_ms = 205 },
        { .name = "256 places, 4 workers", .places = always_256, .workers = 4, .least = .97, .refused_most = .02, .delay_most_ms = 205 },
        { .name = "256 places, uneven", .places = always_256, .jitter = .5, .least = .95, .refused_most = .02, .delay_most_ms = 210 },
        { .name = "256 places, Retry-After", .places = always_256, .retry_after_ms = 1000, .least = .93, .refused_most = .02, .delay_most_ms = 205 },
    };
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
        play (&scenes [i]);
}

static void a_moving_limit_is_followed (void **state)
{
    (void) state;
    static const scene_t scenes [] = {
        { .name = "moving", .places = moves, .least = .90, .refused_most = .02, .delay_most_ms = 205 },
        { .name = "moving, 2 workers", .places = moves, .workers = 2, .least = .90, .refused_most = .02, .delay_most_ms = 205 },
        { .name = "moving, 4 workers", .places = moves, .workers = 4, .least = .90, .refused_most = .02, .delay_most_ms = 205 },
        { .name = "jumping", .places = jumps, .least = .90, .refused_most = .02, .delay_most_ms = 205 },
        { .name = "jumping, 2 workers", .places = jumps, .workers = 2, .least = .90, .refused_most = .02, .delay_most_ms = 205 },
    };
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
        play (&scenes [i]);
}

// Nobody refuses: added delay is the only sign.
static void a_queue_is_kept_short (void **state)
{
    (void) state;
    static const scene_t scenes [] = {
        { .name = "256, queues", .places = always_256, .queues = true, .least = .97, .delay_most_ms = 240 },
        { .name = "256, queues, 2 workers", .places = always_256, .queues = true, .workers = 2, .least = .97, .delay_most_ms = 300 },
        { .name = "256, queues, 4 workers", .places = always_256, .queues = true, .workers = 4, .least = .97, .delay_most_ms = 600 },
        { .name = "256, uneven, queues, 2 workers", .places = always_256, .queues = true, .jitter = .5, .workers = 2, .least = .95, .delay_most_ms = 640 },
        { .name = "64, queues", .places = always_64, .queues = true, .least = .97, .delay_most_ms = 260 },
        { .name = "64, uneven, queues", .places = always_64, .queues = true, .jitter = .5, .least = .93, .delay_most_ms = 300 },
        // in a batch everybody is slower, and more are served: 64 more places add 200 ms, so that 320 a second are never reached
        { .name = "batches", .places = many, .queues = true, .crowd = 64, .ideal = 320, .least = .45, .delay_most_ms = 640 },
        { .name = "batches, uneven", .places = many, .queues = true, .crowd = 64, .jitter = .5, .ideal = 320, .least = .45, .delay_most_ms = 640 },
        { .name = "batches, 2 workers", .places = many, .queues = true, .crowd = 64, .workers = 2, .ideal = 320, .least = .45, .delay_most_ms = 640 },
    };
    for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++)
        play (&scenes [i]);
}

// One of two is gone from second 100 to 200: its work moves, and it is taken back.
static void a_dead_endpoint_is_left_and_taken_back (void **state)
{
    (void) state;
    for (unsigned workers = 1; workers <= 2; workers++) {
        world_t *w = world_new (2, workers, (upstream_options_t) { 0 });
        for (unsigned s = 0; s < 2; s++) {
            w->servers [s].places = always_256;
            w->servers [s].delay_ms = 200;
        }
        w->servers [0].dead_from_ms = 100000;
        w->servers [0].dead_to_ms = 200000;
        world_run (w, 10000, 150000);
        for (unsigned k = 0; k < workers; k++) {
            assert_int_equal (upstream_busy (w->workers [k], 0), 0);
            assert_false (upstream_is_open (w->workers [k], 1));
            assert_true (upstream_busy (w->workers [k], 1) > 0);
        }
        unsigned served = w->served;
        world_run (w, 150000, 310000);
        assert_true (w->served_by [0] > 256 * 5 * 80);
        for (unsigned k = 0; k < workers; k++)
            assert_false (upstream_is_open (w->workers [k], 0));
        w->served += served;
        double ideal = world_ideal (w, 10000, 310000);
        show ("two, one of them dead for a while", w, ideal);
        assert_true (w->served >= .97 * ideal);
        world_free (w);
    }
}

// Three seconds after it is back, all of its places are in use again, however long it was away.
static void one_that_is_back_is_full_again_soon (void **state)
{
    (void) state;
    static const int64_t away_ms [] = { 3000, 10000, 31000, 100000, 300000 };
    for (size_t i = 0; i < sizeof away_ms / sizeof *away_ms; i++) {
        world_t *w = world_new (2, 2, (upstream_options_t) { 0 });
        for (unsigned s = 0; s < 2; s++) {
            w->servers [s].places = always_256;
            w->servers [s].delay_ms = 200;
        }
        int64_t back_ms = 20000 + away_ms [i];
        w->servers [1].dead_from_ms = 20000;
        w->servers [1].dead_to_ms = back_ms;
        world_run (w, 10000, back_ms + 3000);
        world_run (w, back_ms + 3000, back_ms + 5000);
        assert_true (w->served_by [1] >= .9 * 256 * 2 * 5);
        world_free (w);
    }
}

// The same for servers that are quick and for slow ones; what takes longer to learn is counted later.
static void all_that_holds_for_other_delays (void **state)
{
    (void) state;
    static const int64_t delays_ms [] = { 10, 50, 1000, 3000 };
    for (size_t i = 0; i < 4; i++)
        for (int queues = 0; queues < 2; queues++) {
            world_t *w = world_new (1, 2, (upstream_options_t) { 0 });
            w->servers [0].places = always_64;
            w->servers [0].delay_ms = delays_ms [i];
            w->servers [0].queues = queues;
            int64_t from_ms = 10000 + 20 * delays_ms [i], to_ms = from_ms + 100000 + 20 * delays_ms [i];
            world_run (w, from_ms, to_ms);
            // what is said takes 1 or 2 ms more, of which a place is idle
            double ideal = world_ideal (w, from_ms, to_ms) * (double) delays_ms [i] / (double) (delays_ms [i] + 1);
            show (queues ? "64 places, queues, other delays" : "64 places, other delays", w, ideal);
            assert_true (w->served >= .95 * ideal);
            assert_true (w->refused <= .02 * w->sent);
            // the bound of a queue that two workers make longer for each other: three times the least delay
            assert_true (w->delay_sum_ms <= 3.3 * (double) (delays_ms [i] + 1) * w->served);
            world_free (w);
        }
}

static void the_same_seed_does_the_same (void **state)
{
    (void) state;
    unsigned served [2], refused [2];
    for (unsigned i = 0; i < 2; i++) {
        world_t *w = world_new (1, 2, (upstream_options_t) { .seed = 5 });
        w->servers [0].places = moves;
        w->servers [0].delay_ms = 50;
        world_run (w, 0, 60000);
        served [i] = w->served;
        refused [i] = w->refused;
        world_free (w);
    }
    assert_int_equal (served [0], served [1]);
    assert_int_equal (refused [0], refused [1]);
}

static void limits_a_minute_are_kept_and_used (void **state)
{
    (void) state;
    static const struct { double requests, tokens, most; uint64_t each; } cases [] = {
        { 600, 0, 600, 100 }, { 6, 0, 6, 100 }, { 1, 0, 1, 100 }, { 0, 60000, 60, 1000 }, { 600, 6000, 60, 100 }, { 60000, 0, 60000, 1 }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        world_t *w = world_new (1, 1, (upstream_options_t) { .requests_per_minute = cases [i].requests, .tokens_per_minute = cases [i].tokens });
        w->servers [0].places = many;
        w->servers [0].delay_ms = 20;
        w->request_tokens = cases [i].each;
        for (int64_t minute = 0; minute < 3; minute++) {
            world_run (w, minute * 60000, (minute + 1) * 60000);
            assert_true (w->sent <= cases [i].most + 1);
            assert_true (w->sent >= cases [i].most * .89);
        }
        world_free (w);
    }
}

// A job's limit is shared by as many workers as are told of each other: all parts together are the whole, in each window.
static void shared_limits_are_kept_and_used (void **state)
{
    (void) state;
    static const unsigned sharing [] = { 1, 2, 3, 2, 3, 1 };
    world_t *w = world_new (1, 3, (upstream_options_t) { .requests_per_minute = 1200 });
    w->servers [0].places = many;
    w->servers [0].delay_ms = 20;
    for (unsigned k = 0; k < 3; k++)
        upstream_share (w->workers [k], 0);
    for (size_t i = 0; i < sizeof sharing / sizeof *sharing; i++) {
        for (unsigned k = 0; k < 3; k++)
            upstream_share (w->workers [k], k < sharing [i] ? sharing [i] : 0);
        for (unsigned part = 0; part < 3; part++) {
            int64_t from_ms = ((int64_t) i * 3 + part) * 20000;
            world_run (w, from_ms, from_ms + 20000);
            assert_true (w->sent <= 400 + 3);
            assert_true (w->sent >= 400 * .9);
        }
    }
    world_free (w);
}

// Without a part nothing is sent; where there is no limit there is nothing to share.
static void no_part_is_nothing (void **state)
{
    (void) state;
    for (unsigned limited = 0; limited < 2; limited++) {
        world_t *w = world_new (1, 1, (upstream_options_t) { .tokens_per_minute = limited ? 6000 : 0 });
        w->servers [0].places = always_64;
        w->servers [0].delay_ms = 20;
        upstream_share (w->workers [0], 0);
        world_run (w, 0, 10000);
        assert_int_equal (w->sent > 0, !limited);
        upstream_share (w->workers [0], 1);
        world_run (w, 10000, 20000);
        assert_true (w->sent > 0);
        world_free (w);
    }
}

// --- one endpoint by hand -----------------------------------------------------------

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
        cmocka_unit_test (places_that_refuse_are_filled),
        cmocka_unit_test (a_moving_limit_is_followed),
        cmocka_unit_test (a_queue_is_kept_short),
        cmocka_unit_test (a_dead_endpoint_is_left_and_taken_back),
        cmocka_unit_test (one_that_is_back_is_full_again_soon),
        cmocka_unit_test (all_that_holds_for_other_delays),
        cmocka_unit_test (the_same_seed_does_the_same),
        cmocka_unit_test (limits_a_minute_are_kept_and_used),
        cmocka_unit_test (shared_limits_are_kept_and_used),
        cmocka_unit_test (no_part_is_nothing),
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
        cmocka_unit_test (a_dead_endpoint_has_no_claim_to_its_share),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

// worker/upstream, worker/places: what they make of servers, in simulated time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

// worker/http: against tests/servers/scripted.py, which does all that a server can do wrong.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/http_scene.h"

static void answers_come_over_one_kept_connection (void **state)
{
    (void) state;
    server_t server;
    server_start (&server, "{}");
    http_t *http = http_make (0);
    got_t got = { 0 };
    for (unsigned i = 0; i < 5; i++) {
        ask (http, url_of (&server), NULL, chat ("be nice"), 10000, &got);
        assert_int_equal (got.answer.outcome, HTTP_ANSWERED);
        assert_int_equal (got.answer.status, 200);
        assert_int_equal (got.answer.fresh_connection, i == 0);
        assert_true (got.answer.sent && got.answer.seconds > 0 && got.answer.seconds < 10);
        assert_string_equal (got.answer.why, "");
        assert_true (said (&got, "\"choices\""));
        assert_int_equal (got.answer.len, got.body.len);
        assert_int_equal (got.answer.retry_after_ms, -1);
        assert_int_equal (got.answer.limit_requests_left, -1);
    }
    char stats [64];
    snprintf (stats, sizeof stats, "http://127.0.0.1:%u/__stats", server.port);
    ask (http, stats, NULL, NULL, 10000, &got);
    assert_true (said (&got, "\"chats\": 5") && said (&got, "\"connections\": 1,"));
    buf_free (&got.body);
    http_destroy (&http);
    assert_null (http);
    server_stop (&server);
}

// What comes of each misbehaviour: outcome, status.
static void every_misbehaviour_has_its_outcome (void **state)
{
    (void) state;
    static const struct { const char *name; http_outcome_t outcome; long status; const char *why; } cases [] = {
        { "bad_request", HTTP_ANSWERED, 400, "" }, { "unauthorized", HTTP_ANSWERED, 401, "" }, { "not_found", HTTP_ANSWERED, 404, "" },
        { "timeout", HTTP_ANSWERED, 408, "" }, { "too_large", HTTP_ANSWERED, 413, "" }, { "rate_limited", HTTP_ANSWERED, 429, "" },
        { "error", HTTP_ANSWERED, 500, "" }, { "loading", HTTP_ANSWERED, 503, "" }, { "context", HTTP_ANSWERED, 400, "" },
        { "close", HTTP_BROKEN, 0, "" }, { "close_before", HTTP_BROKEN, 0, "" }, { "garbage", HTTP_BROKEN, 0, "" },
        { "half_json", HTTP_ANSWERED, 200, "" }, { "html", HTTP_ANSWERED, 200, "" }, { "empty_body", HTTP_ANSWERED, 200, "" },
        { "redirect", HTTP_ANSWERED, 302, "" }, { "huge", HTTP_TOO_LONG, 0, "1000000 bytes" }, { "headers_huge", HTTP_TOO_LONG, 0, "header" },
        { "slow", HTTP_TIMED_OUT, 0, "within" }, { "never", HTTP_TIMED_OUT, 0, "within" }, { "nan", HTTP_ANSWERED, 200, "" }
    };
    enum { N = sizeof cases / sizeof *cases };
    buf_t script = { 0 };
    buf_add_str (&script, "{\"rules\": [");
    for (size_t i = 0; i < N; i++)
        buf_printf (&script, "%s{\"when\": {\"body\": \"please %s!\"}, \"do\": \"%s\"}", i ? "," : "", cases [i].name, cases [i].name);
    buf_add_str (&script, "]}");
    server_t server;
    server_start (&server, script.data);
    buf_free (&script);
    http_t *http = http_make (1000000);
    got_t got = { 0 };
    for (size_t i = 0; i < N; i++) {
        char what [64];
        snprintf (what, sizeof what, "please %s!", cases [i].name);
        ask (http, url_of (&server), NULL, chat (what), cases [i].outcome == HTTP_TIMED_OUT ? 1500 : 20000, &got);
        if (got.answer.outcome != cases [i].outcome || (got.answer.outcome == HTTP_ANSWERED && got.answer.status != cases [i].status))
            fail_msg ("%s: outcome %d, status %ld, %s", cases [i].name, got.answer.outcome, got.answer.status, got.answer.why);
        assert_non_null (strstr (got.answer.why, cases [i].why));
        assert_int_equal (got.answer.why [0] == '\0', got.answer.outcome == HTTP_ANSWERED);
        assert_true (got.answer.sent);
        ask (http, url_of (&server), NULL, chat ("be right"), 20000, &got);         // all goes on afterwards
        assert_int_equal (got.answer.status, 200);
    }
    buf_free (&got.body);
    http_destroy (&http);
    server_stop (&server);
}

static unsigned chats_of (http_t *http, const server_t *server)
{
    char url [64];
    got_t got = { 0 };
    snprintf (url, sizeof url, "http://127.0.0.1:%u/__stats", server->port);
    ask (http, url, NULL, NULL, 10000, &got);
    const char *at = strstr (got.body.data, "\"chats\": ");
    assert_non_null (at);
    unsigned chats = (unsigned) strtoul (at + 9, NULL, 10);
    buf_free (&got.body);
    return chats;
}

// A call may cost money: libcurl must not send one again by itself.
static void the_loss_of_a_kept_connection_is_told_not_mended (void **state)
{
    (void) state;
    server_t server;
    server_start (&server, "{\"rules\": [{\"when\": {\"from\": 2, \"to\": 3}, \"do\": \"close_before\"}, {\"when\": {\"body\": \"cut\"}, \"do\": \"close\"}]}");
    http_t *http = http_make (0);
    got_t got = { 0 };
    ask (http, url_of (&server), NULL, chat ("a"), 10000, &got);
    assert_int_equal (got.answer.status, 200);
    ask (http, url_of (&server), NULL, chat ("b"), 10000, &got);
    assert_int_equal (got.answer.outcome, HTTP_BROKEN);
    assert_false (got.answer.fresh_connection);
    assert_true (got.answer.sent);
    assert_int_equal (chats_of (http, &server), 2);
    http_destroy (&http);
    http = http_make (0);
    ask (http, url_of (&server), NULL, chat ("b"), 10000, &got);       // the same over a new one is the server's failure
    assert_int_equal (got.answer.outcome, HTTP_BROKEN);
    assert_true (got.answer.fresh_connection);
    ask (http, url_of (&server), NULL, chat ("c"), 10000, &got);
    assert_int_equal (got.answer.outcome, HTTP_ANSWERED);
    ask (http, url_of (&server), NULL, chat ("cut"), 10000, &got);     // so is an answer that had begun
    assert_int_equal (got.answer.outcome, HTTP_BROKEN);
    assert_true (got.answer.fresh_connection);
    assert_int_equal (chats_of (http, &server), 5);
    buf_free (&got.body);
    http_destroy (&http);
    server_stop (&server);
}

// llama.cpp closes after 100 answers; that is no failure at all.
static void a_connection_that_ends_politely_is_replaced (void **state)
{
    (void) state;
    server_t server;
    server_start (&server, "{\"shape\": \"llama\", \"answers_per_connection\": 3, \"idle_s\": 0.3}");
    http_t *http = http_make (0);
    got_t got = { 0 };
    for (unsigned i = 0; i < 10; i++) {
        ask (http, url_of (&server), NULL, chat ("a"), 10000, &got);
        assert_int_equal (got.answer.status, 200);
        assert_int_equal (got.answer.fresh_connection, i % 3 == 0);
    }
    struct pollfd hung_up = { .fd = http_fd (http), .events = POLLIN };
    assert_int_equal (poll (&hung_up, 1, 60000), 1);
    http_step (http, 0);
    assert_int_equal (poll (&hung_up, 1, 0), 0);                        // seen once: it does not wake anybody again
    ask (http, url_of (&server), NULL, chat ("a"), 10000, &got);
    assert_int_equal (got.answer.status, 200);
    assert_true (got.answer.fresh_connection);
    buf_free (&got.body);
    http_destroy (&http);
    server_stop (&server);
}

static void times_to_come_again_are_read (void **state)
{
    (void) state;
    server_t server;
    server_start (&server, "{\"ratelimit\": {\"requests\": 3, \"window_s\": 600}, \"rules\": [{\"when\": {\"body\": \"wait!\"}, \"do\": \"rate_limited\", "
                  "\"retry_after\": 7}, {\"when\": {\"body\": \"date!\"}, \"do\": \"loading\", \"headers\": {\"Date\": \"Sun, 06 Nov 1994 08:49:37 GMT\", "
                  "\"Retry-After\": \"Sun, 06 Nov 1994 08:51:37 GMT\"}}]}");
    http_t *http = http_make (0);
    got_t got = { 0 };
    ask (http, url_of (&server), NULL, chat ("wait!"), 10000, &got);
    assert_int_equal (got.answer.status, 429);
    assert_int_equal (got.answer.retry_after_ms, 7000);
    assert_int_equal (got.answer.limit_requests_left, 2);
    assert_in_range (got.answer.limit_requests_reset_ms, 500000, 600001);
    assert_int_equal (got.answer.limit_tokens_left, -1);
    ask (http, url_of (&server), NULL, chat ("date!"), 10000, &got);
    assert_int_equal (got.answer.retry_after_ms, 120000);
    buf_free (&got.body);
    http_destroy (&http);
    server_stop (&server);
}

static void many_are_in_flight_and_some_are_cancelled (void **state)
{
    (void) state;
    enum { N = 200 };
    server_t server;
    server_start (&server, "{\"delay_ms\": 300}");
    http_t *http = http_make (0);
    got_t got [N] = { 0 };
    uint64_t numbers [N];
    int64_t begin = clock_ms (NULL);
    for (size_t i = 0; i < N; i++) {
        numbers [i] = http_begin (http, url_of (&server), "a key", chat ("be nice"), strlen (chat ("be nice")), 30000, done, &got [i]);
        assert_int_not_equal (numbers [i], 0);
    }
    assert_int_equal (http_step (http, 0), N);
    for (size_t i = 0; i < N; i += 4)
        http_cancel (http, numbers [i]);
    http_cancel (http, 0);
    http_cancel (http, numbers [0]);                    // once more
    http_cancel (http, UINT64_MAX);
    while (http_step (http, 1000) > 0)
        assert_true (clock_ms (NULL) - begin < 60000);
    for (size_t i = 0; i < N; i++) {
        assert_int_equal (got [i].calls, i % 4 != 0);
        if (got [i].calls)
            assert_int_equal (got [i].answer.status, 200);
        buf_free (&got [i].body);
        http_cancel (http, numbers [i]);                // of one that has ended
    }
    assert_true (clock_ms (NULL) - begin < 30000);      // one after the other they would take a minute
    http_destroy (&http);
    server_stop (&server);
}

// A chain: each answer begins the next request and cancels another one.
typedef struct { http_t *http; const char *url; unsigned calls, left; uint64_t victim; unsigned victims; } chain_t;

static void never (void *ctx, const http_answer_t *answer)
{
    (void) answer;
    ++*(unsigned *) ctx;
}

static void next (void *ctx, const http_answer_t *answer)
{
    chain_t *chain = ctx;
    assert_int_equal (answer->status, 200);
    chain->calls++;
    http_cancel (chain->http, chain->victim);
    if (--chain->left == 0)
        return;
    chain->victim = http_begin (chain->http, chain->url, NULL, chat ("never!"), strlen (chat ("never!")), 30000, never, &chain->victims);
    http_begin (chain->http, chain->url, NULL, chat ("go on"), strlen (chat ("go on")), 30000, next, chain);
}

static void requests_begin_and_end_in_done (void **state)
{
    (void) state;
    server_t server;
    server_start (&server, "{\"rules\": [{\"when\": {\"body\": \"never!\"}, \"do\": \"never\"}]}");
    http_t *http = http_make (0);
    chain_t chain = { .http = http, .url = url_of (&server), .left = 20 };
    http_begin (http, chain.url, NULL, chat ("go on"), strlen (chat ("go on")), 30000, next, &chain);
    run_until (http, &chain.calls, 20);
    assert_int_equal (chain.victims, 0);
    unsigned calls = 0;
    for (unsigned i = 0; i < 10; i++)
        http_begin (http, chain.url, NULL, chat ("never!"), strlen (chat ("never!")), 30000, never, &calls);
    assert_int_equal (http_step (http, 50), 10);
    http_destroy (&http);                               // with ten in flight
    assert_int_equal (calls, 0);
    server_stop (&server);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (answers_come_over_one_kept_connection),
        cmocka_unit_test (every_misbehaviour_has_its_outcome),
        cmocka_unit_test (the_loss_of_a_kept_connection_is_told_not_mended),
        cmocka_unit_test (a_connection_that_ends_politely_is_replaced),
        cmocka_unit_test (times_to_come_again_are_read),
        cmocka_unit_test (many_are_in_flight_and_some_are_cancelled),
        cmocka_unit_test (requests_begin_and_end_in_done),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

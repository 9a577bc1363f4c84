#include "worker/asks_parts.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "worker/http_result.h"

enum { BYTES_PER_TOKEN = 4 };

asks_t *asks_new (const asks_options_t *options)
{
    asks_t *asks = mem_zero (1, sizeof *asks);
    asks->options = *options;
    asks->doc = json_doc_new ();
    asks->at = mem_zero (options->n_urls, sizeof *asks->at);
    asks_spend_init (asks);
    return asks;
}

static void assign (ask_t *ask, int endpoint)
{
    size_t *at = ask->asks->at;
    if (ask->endpoint != ASK_NOBODY)
        at [ask->endpoint]--;
    if (endpoint != ASK_NOBODY)
        at [endpoint]++;
    ask->endpoint = endpoint;
}

static void ask_free (ask_t *ask)
{
    assign (ask, ASK_NOBODY);
    buf_free (&ask->prefix);
    free (ask->raw);
    free (ask);
}

void asks_destroy (asks_t **self)
{
    asks_t *asks = *self;
    if (asks == NULL)
        return;
    ask_t *ask, *next;
    DL_FOREACH_SAFE (asks->flying, ask, next) {
        http_cancel (asks->options.http, ask->request);
        ask_free (ask);
    }
    DL_FOREACH_SAFE (asks->ready, ask, next)
        ask_free (ask);
    DL_FOREACH_SAFE (asks->waiting, ask, next)
        ask_free (ask);
    json_doc_destroy (&asks->doc);
    free (asks->at);
    free (asks);
    *self = NULL;
}

// --- the life of a question ------------------------------------------------

void ask_begin_prefix (ask_t *ask)
{
    const asks_options_t *o = &ask->asks->options;
    buf_clear (&ask->prefix);
    chat_request_begin (&o->settings, o->template, ask->question->prompt, ask->question->response, ask->cut_turns, &ask->prefix);
    ask->tokens = ask->prefix.len / BYTES_PER_TOKEN + 64;
}

static uint32_t rule_at (const ask_t *ask, uint32_t turn)
{
    return ask->question->order && turn < ask->asks->options.pool->count ? ask->question->order [turn] : turn;
}

// The next turn of a rule that is needed and not known, from `from` on; the pool's size where there is none.
static uint32_t next_turn (const ask_t *ask, uint32_t from)
{
    uint32_t n = (uint32_t) ask->asks->options.pool->count;
    while (from < n && (!ask->question->need [rule_at (ask, from)] || ask->question->cells [rule_at (ask, from)].known))
        from++;
    return from;
}

void ask_end (ask_t *ask, status_t status, const char *why)
{
    asks_t *asks = ask->asks;
    judge_question_t *question = ask->question;
    char *raw = ask->raw;
    uint32_t failed = 1 + ask->rule;
    asks->n--;
    ask->raw = NULL;
    ask_free (ask);
    question->raw = status == OK ? NULL : raw;
    question->failed = status == OK || question->too_long ? 0 : failed;     // what is too long is so for every rule
    asks->options.sink.done (asks->options.sink.ctx, question, status, why);
    free (raw);
}

// Before those that have not begun: while a server has few places its cache keeps few responses.
void ask_make_ready (ask_t *ask)
{
    DL_PREPEND (ask->asks->ready, ask);
}

static void begin_rule (ask_t *ask, uint32_t turn)
{
    ask->turn = turn;
    ask->rule = rule_at (ask, turn);
    ask->tries = ask->refusals = ask->sample = 0;
    ask->score_sum = ask->relevance_sum = 0;
    ask->constrain = CONSTRAIN_NONE;
    ask->stale = false;
    ask->cut_step = 0;
}

void asks_add (asks_t *asks, judge_question_t *question)
{
    ask_t *ask = mem_zero (1, sizeof *ask);
    ask->asks = asks;
    ask->question = question;
    ask->endpoint = ASK_NOBODY;
    ask_begin_prefix (ask);
    begin_rule (ask, next_turn (ask, 0));
    asks->n++;
    DL_APPEND (asks->ready, ask);       // without a rule to ask for it ends when its turn comes
}

void ask_next_or_end (ask_t *ask)
{
    uint32_t turn = next_turn (ask, ask->turn + 1);
    if (turn == ask->asks->options.pool->count) {
        ask_end (ask, OK, NULL);
        return;
    }
    begin_rule (ask, turn);
    ask_make_ready (ask);
}

void ask_wait (ask_t *ask, int64_t ms)
{
    ask->wait_until_ms = clock_ms (NULL) + ms;
    DL_APPEND (ask->asks->waiting, ask);
    ask->asks->n_waiting++;
}

// A request has ended. What it used is known before its place is given back.
static void came (void *ctx, const http_answer_t *http)
{
    ask_t *ask = ctx;
    asks_t *asks = ask->asks;
    ask_answer_t answer;
    ask_read (ask, http, &answer);
    DL_DELETE (asks->flying, ask);
    ask->request = 0;
    upstream_ended (asks->options.upstream, (size_t) ask->endpoint, answer.result, http->seconds, answer.tokens, http->retry_after_ms,
                    http->limit_requests_left, http->limit_requests_reset_ms, http->limit_tokens_left, http->limit_tokens_reset_ms);
    if (upstream_is_open (asks->options.upstream, (size_t) ask->endpoint))
        assign (ask, ASK_NOBODY);
    ask_take (ask, http, &answer);
}

// --- sending ---------------------------------------------------------------

// The endpoint that is left out for the rule in hand; ASK_NOBODY: none.
static int avoided (const ask_t *ask)
{
    const uint8_t *endpoints = ask->question->endpoints;
    return endpoints && ask->asks->options.n_urls > 1 ? (int) endpoints [ask->rule] - 1 : ASK_NOBODY;
}

// An endpoint for the rule in hand; ASK_NOBODY: none now. One that is to be avoided is taken where all others are broken.
static int choose (const ask_t *ask)
{
    upstream_t *upstream = ask->asks->options.upstream;
    size_t n = ask->asks->options.n_urls;
    int avoid = avoided (ask);
    int other = upstream_choose_but (upstream, avoid);
    if (other != ASK_NOBODY || avoid == ASK_NOBODY)
        return other;
    for (size_t e = 0; e < n; e++)
        if ((int) e != avoid && !upstream_is_open (upstream, e))
            return ASK_NOBODY;
    return upstream_choose (upstream);
}

// A place at the question's endpoint, where the rules before were asked. It moves where that one has more questions than places
// and another has fewer, as after that one was dead: else the other would wait for new responses.
static bool take_place (ask_t *ask, int64_t *wait_ms)
{
    const asks_t *asks = ask->asks;
    upstream_t *upstream = asks->options.upstream;
    size_t own = (size_t) ask->endpoint;
    if (upstream_take (upstream, own, ask->tokens, wait_ms))
        return true;
    if (asks->options.n_urls == 1 || asks->at [own] <= upstream_places (upstream, own))
        return false;
    int64_t unused;
    int other = choose (ask);
    if (other == ASK_NOBODY || asks->at [other] >= upstream_places (upstream, (size_t) other) ||
        !upstream_take (upstream, (size_t) other, ask->tokens, &unused))
        return false;
    assign (ask, other);
    return true;
}

typedef enum { LAUNCHED, NO_PLACE, NO_LEAVE } launch_t;

// Send the question's next request, or end it. NO_PLACE: *wait_ms says when to try again (-1: when one has ended).
static launch_t launch (ask_t *ask, int64_t *wait_ms)
{
    asks_t *asks = ask->asks;
    const asks_options_t *o = &asks->options;
    *wait_ms = -1;
    if (ask->rule >= o->pool->count) {
        DL_DELETE (asks->ready, ask);
        ask_end (ask, OK, NULL);
        return LAUNCHED;
    }
    if (ask->endpoint == ASK_NOBODY || ask->endpoint == avoided (ask) || upstream_is_open (o->upstream, (size_t) ask->endpoint))
        assign (ask, choose (ask));
    if (ask->endpoint == ASK_NOBODY) {
        *wait_ms = 100;
        return NO_PLACE;
    }
    judge_leave_t leave = ask_leave (ask);
    if (leave == JUDGE_MAY && !take_place (ask, wait_ms)) {
        ask_unsent (ask);
        return NO_PLACE;
    }
    if (leave == JUDGE_LATER)
        return NO_LEAVE;
    DL_DELETE (asks->ready, ask);
    if (leave == JUDGE_MAY_NOT) {
        ask_end (ask, ERR_LIMIT, "no more may be asked");
        return LAUNCHED;
    }
    buf_t body = { 0 };
    chat_request_finish (&o->settings, o->template, &ask->prefix, o->pool->rules [ask->rule].text, ask->constrain, &body);
    ask->sent_to = ask->endpoint;
    ask->request = http_begin (o->http, o->urls [ask->endpoint], o->secret, body.data, body.len, o->timeout_ms, came, ask);
    buf_free (&body);
    DL_APPEND (asks->flying, ask);
    if (ask->request == 0) {
        const http_answer_t lost = http_not_begun ();
        came (ask, &lost);
    }
    return LAUNCHED;
}

// Send as much as there are places for; returns how long nothing more can be sent (-1: until something ends).
static int64_t send_ready (asks_t *asks)
{
    int64_t soonest = -1;
    size_t refusals = 0;
    ask_t *ask, *next;
    DL_FOREACH_SAFE (asks->ready, ask, next) {
        int64_t wait_ms;
        if (launch (ask, &wait_ms) != NO_PLACE)
            continue;
        soonest = clock_sooner (soonest, wait_ms);
        // Those behind may belong to another endpoint that has room; a few are looked at, not all.
        if (++refusals > 4 * asks->options.n_urls)
            break;
    }
    return soonest;
}

// Those whose time has come; returns how long the next one waits (-1: none does).
static int64_t wake_waiting (asks_t *asks)
{
    int64_t now = clock_ms (NULL), soonest = -1;
    ask_t *ask, *next;
    DL_FOREACH_SAFE (asks->waiting, ask, next) {
        int64_t left = ask->wait_until_ms - now;
        if (left <= 0) {
            DL_DELETE (asks->waiting, ask);
            asks->n_waiting--;
            ask_make_ready (ask);
        }
        else
            soonest = clock_sooner (soonest, left);
    }
    return soonest;
}

// A key that was refused once is refused for all.
static void deny_all (asks_t *asks)
{
    ask_t *ask, *next;
    DL_FOREACH_SAFE (asks->ready, ask, next) {
        DL_DELETE (asks->ready, ask);
        ask_end (ask, ERR_DENIED, asks->denied_why);
    }
    DL_FOREACH_SAFE (asks->waiting, ask, next) {
        DL_DELETE (asks->waiting, ask);
        asks->n_waiting--;
        ask_end (ask, ERR_DENIED, asks->denied_why);
    }
}

bool asks_hungry (const asks_t *asks)
{
    size_t places = upstream_places_all (asks->options.upstream);
    return asks->n - asks->n_waiting < places + places / 8;
}

bool asks_step (asks_t *asks, int timeout_ms)
{
    int64_t wait = wake_waiting (asks);
    if (asks->denied)
        deny_all (asks);
    int64_t pause = clock_sooner (timeout_ms, clock_sooner (wait, send_ready (asks)));
    if (asks->n > 0)
        http_step (asks->options.http, (int) pause);
    if (!asks->denied)
        asks->closed_ms = send_ready (asks);
    return asks->n > 0;
}

int64_t asks_timer_ms (const asks_t *asks)
{
    int64_t now = clock_ms (NULL), soonest = clock_sooner (asks->closed_ms, http_timer_ms (asks->options.http));
    for (const ask_t *ask = asks->waiting; ask; ask = ask->next)
        soonest = clock_sooner (soonest, ask->wait_until_ms > now ? ask->wait_until_ms - now : 0);
    return soonest;
}

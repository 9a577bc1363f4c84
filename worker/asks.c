#include "worker/asks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "worker/answer_text.h"

enum { BYTES_PER_TOKEN = 4, RAW_SHOWN = 300, NOBODY = -1, WORD_MS = 30000, SLOW_RETRY_MS = 3000 };

typedef struct ask ask_t;
struct ask {
    asks_t *asks;
    judge_question_t *question;
    buf_t prefix;               // of the request, shared by all rules
    uint32_t rule;              // in hand
    int endpoint;               // NOBODY: to be chosen
    uint64_t request;           // in flight; 0: none
    bool stale;                 // the last loss was a kept connection's: try again at once
    unsigned tries;             // failed ones of this rule
    unsigned sample;            // answers of this rule so far
    int64_t score_sum, relevance_sum;
    constrain_t constrain;
    size_t cut_turns;
    uint64_t tokens;            // estimate of one request
    int64_t wait_until_ms;
    ask_t *prev, *next;
};

struct asks {
    asks_options_t options;
    json_doc_t *doc;
    ask_t *ready;               // may be sent, in this order
    ask_t *waiting;             // until a time
    ask_t *flying;
    size_t n;
    size_t *at;                 // of them, those of each endpoint
    judge_usage_t usage;        // since it was last told
    bool denied;
    char denied_why [256];
    int64_t said_ms;            // when trouble was last logged
};

asks_t *asks_new (const asks_options_t *options)
{
    asks_t *asks = mem_zero (1, sizeof *asks);
    asks->options = *options;
    asks->doc = json_doc_new ();
    asks->at = mem_zero (options->n_urls, sizeof *asks->at);
    return asks;
}

static void assign (ask_t *ask, int endpoint)
{
    size_t *at = ask->asks->at;
    if (ask->endpoint != NOBODY)
        at [ask->endpoint]--;
    if (endpoint != NOBODY)
        at [endpoint]++;
    ask->endpoint = endpoint;
}

static void ask_free (ask_t *ask)
{
    assign (ask, NOBODY);
    buf_free (&ask->prefix);
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

static void begin_prefix (ask_t *ask)
{
    const asks_options_t *o = &ask->asks->options;
    buf_clear (&ask->prefix);
    chat_request_begin (&o->settings, o->template, ask->question->prompt, ask->question->response, ask->cut_turns, &ask->prefix);
    ask->tokens = ask->prefix.len / BYTES_PER_TOKEN + 64;
}

// The next rule that is needed and not known, from `from` on; the pool's size where there is none.
static uint32_t next_rule (const ask_t *ask, uint32_t from)
{
    uint32_t n = (uint32_t) ask->asks->options.pool->count;
    while (from < n && (!ask->question->need [from] || ask->question->cells [from].known))
        from++;
    return from;
}

static void tell_used (asks_t *asks)
{
    if (asks->options.sink.used)
        asks->options.sink.used (asks->options.sink.ctx, &asks->usage);
    asks->usage = (judge_usage_t) { 0 };
}

static void end (ask_t *ask, status_t status, const char *why)
{
    asks_t *asks = ask->asks;
    judge_question_t *question = ask->question;
    tell_used (asks);
    asks->n--;
    ask_free (ask);
    asks->options.sink.done (asks->options.sink.ctx, question, status, why);
}

// Before those that have not begun: while a server has few places its cache keeps few responses.
static void make_ready (ask_t *ask)
{
    DL_PREPEND (ask->asks->ready, ask);
}

static void begin_rule (ask_t *ask, uint32_t rule)
{
    ask->rule = rule;
    ask->tries = ask->sample = 0;
    ask->score_sum = ask->relevance_sum = 0;
    ask->constrain = CONSTRAIN_NONE;
    ask->stale = false;
}

void asks_add (asks_t *asks, judge_question_t *question)
{
    ask_t *ask = mem_zero (1, sizeof *ask);
    ask->asks = asks;
    ask->question = question;
    ask->endpoint = NOBODY;
    begin_prefix (ask);
    begin_rule (ask, next_rule (ask, 0));
    asks->n++;
    DL_APPEND (asks->ready, ask);       // without a rule to ask for it ends when its turn comes
}

static void next_or_end (ask_t *ask)
{
    uint32_t rule = next_rule (ask, ask->rule + 1);
    if (rule == ask->asks->options.pool->count) {
        end (ask, OK, NULL);
        return;
    }
    begin_rule (ask, rule);
    make_ready (ask);
}

// --- answers ---------------------------------------------------------------

static void tell_cell (ask_t *ask)
{
    const judge_sink_t *sink = &ask->asks->options.sink;
    tell_used (ask->asks);
    if (sink->cell)
        sink->cell (sink->ctx, ask->question, ask->rule);
}

// One sample of a rule; the cell is their mean.
static void take_cell (ask_t *ask, const answer_t *answer)
{
    unsigned samples = ask->asks->options.samples;
    ask->score_sum += answer->cell.score;
    ask->relevance_sum += answer->cell.relevance;
    ask->constrain = CONSTRAIN_NONE;
    ask->tries = 0;
    if (++ask->sample < samples) {
        make_ready (ask);
        return;
    }
    cell_t *cell = &ask->question->cells [ask->rule];
    *cell = answer->cell;
    if (samples > 1) {
        cell->score = (int32_t) (ask->score_sum / (int64_t) samples);
        cell->relevance = (uint32_t) (ask->relevance_sum / (int64_t) samples);
    }
    cell->known = true;
    tell_cell (ask);
    next_or_end (ask);
}

// Another try later, or the end of the question. A retry budget that is used up slows retries down; it is no reason to set
// a pair aside.
static void try_later (ask_t *ask, bool counts, int64_t at_least_ms, const char *why)
{
    asks_t *asks = ask->asks;
    ask->tries += counts;
    if (counts && ask->tries >= asks->options.tries_max) {
        char text [RAW_SHOWN + 512];
        snprintf (text, sizeof text, "rule %s: gave up after %u %s: %s", asks->options.pool->rules [ask->rule].id, ask->tries,
                  ask->tries == 1 ? "try" : "tries", why);
        end (ask, ERR_IO, text);
        return;
    }
    int64_t wait_ms = upstream_backoff_ms (asks->options.upstream, ask->tries ? ask->tries : 1, UINT32_MAX);
    if (wait_ms < 0)
        wait_ms = SLOW_RETRY_MS;
    int64_t now = clock_ms (NULL);
    if (now - asks->said_ms > WORD_MS) {
        log_warn ("the judge is slow to answer: %s; trying again", why);
        asks->said_ms = now;
    }
    ask->wait_until_ms = now + (wait_ms > at_least_ms ? wait_ms : at_least_ms);
    DL_APPEND (asks->waiting, ask);
}

// What was said, fit for a message: a server may send anything.
static void raw_answer (const http_answer_t *http, char raw [RAW_SHOWN + 1])
{
    plain_text (http->body, http->len, raw, RAW_SHOWN + 1);
}

// The label in words, of an answer whose probabilities are none of a label's.
static bool read_text (ask_t *ask, const http_answer_t *http, answer_t *answer)
{
    chat_settings_t settings = ask->asks->options.settings;
    if (!settings.logprobs)
        return false;
    settings.logprobs = false;
    answer_t text;
    answer_read (ask->asks->doc, &settings, http->body, http->len, &text);
    if (text.kind != ANSWER_CELL)
        return false;
    *answer = text;
    return true;
}

// A completion without a label in it: asked for again with a constraint, then read as text, then given up.
static void unreadable (ask_t *ask, answer_t *answer, const http_answer_t *http)
{
    const asks_options_t *o = &ask->asks->options;
    if (ask->constrain == CONSTRAIN_NONE && o->constrain != CONSTRAIN_NONE) {
        ask->constrain = o->constrain;
        make_ready (ask);
        return;
    }
    if (read_text (ask, http, answer)) {
        take_cell (ask, answer);
        return;
    }
    char raw [RAW_SHOWN + 1], text [RAW_SHOWN + 512];
    raw_answer (http, raw);
    snprintf (text, sizeof text, "rule %s: the answer can't be read (%s); it was: %s", o->pool->rules [ask->rule].id, answer->why, raw);
    end (ask, ERR_FORMAT, text);
}

// No completion at all: perhaps cut off, so it is asked for again.
static void malformed (ask_t *ask, const answer_t *answer, const http_answer_t *http)
{
    char raw [RAW_SHOWN + 1], text [RAW_SHOWN + 300];
    raw_answer (http, raw);
    snprintf (text, sizeof text, "%s; it was: %s", answer->why, raw);
    try_later (ask, true, 0, text);
}

static void take_completion (ask_t *ask, const http_answer_t *http)
{
    asks_t *asks = ask->asks;
    answer_t answer;
    answer_read (asks->doc, &asks->options.settings, http->body, http->len, &answer);
    asks->usage.prompt_tokens += answer.prompt_tokens;
    asks->usage.cached_tokens += answer.cached_tokens;
    asks->usage.completion_tokens += answer.completion_tokens;
    if (answer.kind == ANSWER_CELL)
        take_cell (ask, &answer);
    else if (answer.kind == ANSWER_UNREADABLE)
        unreadable (ask, &answer, http);
    else
        malformed (ask, &answer, http);
}

// Redirects, 404, 405: the address or the model is wrong, so every other question would end alike.
static bool is_of_endpoint (long status)
{
    return (status >= 300 && status < 400) || status == 404 || status == 405;
}

// What another try won't mend.
static void refused (ask_t *ask, const http_answer_t *http)
{
    asks_t *asks = ask->asks;
    char text [256], why [512];
    bool context = false;
    answer_error (asks->doc, http->body, http->len, text, sizeof text, &context);
    if (http->status == 401 || http->status == 403) {
        snprintf (asks->denied_why, sizeof asks->denied_why, "the judge refused the key (%ld): %.150s; check OPENAI_API_KEY", http->status, text);
        asks->denied = true;
        end (ask, ERR_DENIED, asks->denied_why);
        return;
    }
    if (context && asks->options.cut && ask->cut_turns + 1 < ask->question->prompt->n_turns) {
        ask->cut_turns++;
        begin_prefix (ask);
        make_ready (ask);
        return;
    }
    if (is_of_endpoint (http->status)) {
        snprintf (asks->denied_why, sizeof asks->denied_why, "the judge's server has no such path or model (%ld %.120s); check the "
                  "endpoint's URL and the model", http->status, text);
        asks->denied = true;
        end (ask, ERR_DENIED, asks->denied_why);
        return;
    }
    snprintf (why, sizeof why, "rule %s: %s (%ld %s)", asks->options.pool->rules [ask->rule].id,
              context ? "the conversation is too long for the model; set judge.too_long to cut, or leave it out"
                      : "the judge refused the request", http->status, text);
    end (ask, ERR_FORMAT, why);
}

static upstream_result_t result_of (const http_answer_t *http)
{
    if (http->outcome == HTTP_ANSWERED) {
        if (http->status >= 200 && http->status < 300)
            return UPSTREAM_OK;
        if (http->status == 429 || http->status == 503 || http->status == 529)
            return UPSTREAM_OVERLOADED;
        return http->status == 408 || http->status >= 500 ? UPSTREAM_FAILED : UPSTREAM_REFUSED;
    }
    return http->outcome == HTTP_BROKEN && !http->fresh_connection ? UPSTREAM_STALE : UPSTREAM_FAILED;
}

static void failed (ask_t *ask, const http_answer_t *http, upstream_result_t result)
{
    char text [256], why [300];
    bool context = false;
    if (result == UPSTREAM_STALE && !ask->stale) {
        ask->stale = true;
        make_ready (ask);
        return;
    }
    if (http->outcome == HTTP_ANSWERED) {
        answer_error (ask->asks->doc, http->body, http->len, text, sizeof text, &context);
        snprintf (why, sizeof why, "HTTP %ld: %.200s", http->status, text);
    }
    else
        snprintf (why, sizeof why, "%s", http->why);
    // Nobody there, or too busy, is no fault of the question.
    bool counts = result == UPSTREAM_FAILED && http->outcome != HTTP_UNREACHABLE;
    try_later (ask, counts, http->retry_after_ms, why);
}

static void came (void *ctx, const http_answer_t *http)
{
    ask_t *ask = ctx;
    asks_t *asks = ask->asks;
    upstream_result_t result = result_of (http);
    DL_DELETE (asks->flying, ask);
    ask->request = 0;
    asks->usage.refused += result == UPSTREAM_OVERLOADED;
    upstream_ended (asks->options.upstream, (size_t) ask->endpoint, result, http->seconds, ask->tokens, http->retry_after_ms,
                    http->limit_requests_left, http->limit_requests_reset_ms, http->limit_tokens_left, http->limit_tokens_reset_ms);
    if (upstream_is_open (asks->options.upstream, (size_t) ask->endpoint))
        assign (ask, NOBODY);
    if (result == UPSTREAM_OK)
        take_completion (ask, http);
    else if (result == UPSTREAM_REFUSED)
        refused (ask, http);
    else
        failed (ask, http, result);
}

// --- sending ---------------------------------------------------------------

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
    int other = upstream_choose (upstream);
    if (other == NOBODY || asks->at [other] >= upstream_places (upstream, (size_t) other) ||
        !upstream_take (upstream, (size_t) other, ask->tokens, &unused))
        return false;
    assign (ask, other);
    return true;
}

// Send the question's next request. False: no place for it now; *wait_ms says when to try again (-1: when one has ended).
static bool launch (ask_t *ask, int64_t *wait_ms)
{
    asks_t *asks = ask->asks;
    const asks_options_t *o = &asks->options;
    *wait_ms = -1;
    if (ask->rule >= o->pool->count) {
        DL_DELETE (asks->ready, ask);
        end (ask, OK, NULL);
        return true;
    }
    if (ask->endpoint == NOBODY || upstream_is_open (o->upstream, (size_t) ask->endpoint))
        assign (ask, upstream_choose (o->upstream));
    if (ask->endpoint == NOBODY) {
        *wait_ms = 100;
        return false;
    }
    if (!take_place (ask, wait_ms))
        return false;
    DL_DELETE (asks->ready, ask);
    if (o->sink.allow && !o->sink.allow (o->sink.ctx, ask->question)) {
        upstream_ended (o->upstream, (size_t) ask->endpoint, UPSTREAM_REFUSED, 0, 0, -1, -1, -1, -1, -1);
        end (ask, ERR_LIMIT, "the budget of this lease is used up");
        return true;
    }
    buf_t body = { 0 };
    chat_request_finish (&o->settings, o->template, &ask->prefix, o->pool->rules [ask->rule].text, ask->constrain, &body);
    asks->usage.calls++;
    ask->request = http_begin (o->http, o->urls [ask->endpoint], o->secret, body.data, body.len, o->timeout_ms, came, ask);
    buf_free (&body);
    DL_APPEND (asks->flying, ask);
    if (ask->request == 0) {
        http_answer_t lost = { .outcome = HTTP_UNREACHABLE, .fresh_connection = true, .retry_after_ms = 1000, .limit_requests_left = -1,
                               .limit_tokens_left = -1, .limit_requests_reset_ms = -1, .limit_tokens_reset_ms = -1 };
        snprintf (lost.why, sizeof lost.why, "the request could not be begun");
        came (ask, &lost);
    }
    return true;
}

// Send as much as there are places for; returns how long nothing more can be sent (-1: until something ends).
static int64_t send_ready (asks_t *asks)
{
    int64_t soonest = -1;
    size_t refusals = 0;
    ask_t *ask, *next;
    DL_FOREACH_SAFE (asks->ready, ask, next) {
        int64_t wait_ms;
        if (launch (ask, &wait_ms))
            continue;
        if (wait_ms >= 0 && (soonest < 0 || wait_ms < soonest))
            soonest = wait_ms;
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
            make_ready (ask);
        }
        else if (soonest < 0 || left < soonest)
            soonest = left;
    }
    return soonest;
}

// A key that was refused once is refused for all.
static void deny_all (asks_t *asks)
{
    ask_t *ask, *next;
    DL_FOREACH_SAFE (asks->ready, ask, next) {
        DL_DELETE (asks->ready, ask);
        end (ask, ERR_DENIED, asks->denied_why);
    }
    DL_FOREACH_SAFE (asks->waiting, ask, next) {
        DL_DELETE (asks->waiting, ask);
        end (ask, ERR_DENIED, asks->denied_why);
    }
}

bool asks_step (asks_t *asks, int timeout_ms)
{
    int64_t wait = wake_waiting (asks);
    if (asks->denied)
        deny_all (asks);
    int64_t closed = send_ready (asks);
    int64_t pause = timeout_ms;
    if (wait >= 0 && wait < pause)
        pause = wait;
    if (closed >= 0 && closed < pause)
        pause = closed;
    if (asks->n > 0)
        http_step (asks->options.http, (int) pause);
    send_ready (asks);
    return asks->n > 0;
}

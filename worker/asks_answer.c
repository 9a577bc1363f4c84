#include "worker/asks_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "worker/answer_text.h"
#include "worker/http_result.h"

enum { RAW_SHOWN = 300, REFUSALS_MAX = 5, WORD_MS = 30000, SLOW_RETRY_MS = 3000, TOKEN_BYTES = 4 };

static void tell_cell (ask_t *ask)
{
    const judge_sink_t *sink = &ask->asks->options.sink;
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
    ask->tries = ask->refusals = 0;
    if (++ask->sample < samples) {
        ask_make_ready (ask);
        return;
    }
    cell_t *cell = &ask->question->cells [ask->rule];
    *cell = answer->cell;
    if (samples > 1) {
        cell->score = (int32_t) (ask->score_sum / (int64_t) samples);
        cell->relevance = (uint32_t) (ask->relevance_sum / (int64_t) samples);
    }
    cell->known = true;
    if (ask->question->endpoints)
        ask->question->endpoints [ask->rule] = (uint8_t) (ask->sent_to + 1);
    tell_cell (ask);
    ask_next_or_end (ask);
}

// Trouble is worth a line now and then.
static void say_trouble (asks_t *asks, const char *why)
{
    int64_t now = clock_ms (NULL);
    if (now - asks->said_ms <= WORD_MS)
        return;
    log_warn ("the judge is slow to answer: %s; trying again", why);
    asks->said_ms = now;
}

static void give_up (ask_t *ask, const char *why)
{
    char text [RAW_SHOWN + 512];
    snprintf (text, sizeof text, "rule %s: gave up after %u %s: %s", ask->asks->options.pool->rules [ask->rule].id, ask->tries,
              ask->tries == 1 ? "try" : "tries", why);
    ask_end (ask, ERR_IO, text);
}

// Another try later, or the end of the question. A retry budget that is used up slows retries down; it is no reason to set
// a pair aside.
static void try_later (ask_t *ask, bool counts, int64_t at_least_ms, const char *why)
{
    upstream_t *upstream = ask->asks->options.upstream;
    ask->tries += counts;
    if (counts && ask->tries >= ask->asks->options.tries_max) {
        give_up (ask, why);
        return;
    }
    // A refusal here and there is how the number of places is found out.
    if (counts || ask->endpoint == ASK_NOBODY || upstream_is_open (upstream, (size_t) ask->endpoint))
        say_trouble (ask->asks, why);
    unsigned waits = ask->tries + ask->refusals;
    int64_t wait_ms = upstream_backoff_ms (upstream, waits ? waits : 1, UINT32_MAX);
    if (wait_ms < 0)
        wait_ms = SLOW_RETRY_MS;
    ask_wait (ask, wait_ms > at_least_ms ? wait_ms : at_least_ms);
}

// What was said is kept whole; its beginning, fit for a message, goes to shown.
static void keep_raw (ask_t *ask, const http_answer_t *http, char shown [RAW_SHOWN + 1])
{
    free (ask->raw);
    ask->raw = answer_raw (http->body, http->len, ask->asks->options.secret);
    plain_text (ask->raw, strlen (ask->raw), shown, RAW_SHOWN + 1);
}

// The label in words, of an answer whose probabilities are none of a label's.
static bool read_text (ask_t *ask, const http_answer_t *http, answer_t *answer)
{
    chat_settings_t settings = ask->asks->options.settings;
    if (!settings.logprobs)
        return false;
    settings.logprobs = false;
    answer_t text;
    answer_read (ask->asks->doc, &settings, ask->constrain, http->body, http->len, &text);
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
        ask_make_ready (ask);
        return;
    }
    if (read_text (ask, http, answer)) {
        take_cell (ask, answer);
        return;
    }
    char raw [RAW_SHOWN + 1], text [RAW_SHOWN + 512];
    keep_raw (ask, http, raw);
    snprintf (text, sizeof text, "rule %s: the answer can't be read (%s); it was: %s", o->pool->rules [ask->rule].id, answer->why, raw);
    ask_end (ask, ERR_FORMAT, text);
}

// No completion at all: perhaps cut off, so it is asked for again.
static void malformed (ask_t *ask, const answer_t *answer, const http_answer_t *http)
{
    char raw [RAW_SHOWN + 1], text [RAW_SHOWN + 300];
    keep_raw (ask, http, raw);
    snprintf (text, sizeof text, "%s; it was: %s", answer->why, raw);
    try_later (ask, true, 0, text);
}

static void take_completion (ask_t *ask, const http_answer_t *http, answer_t *answer)
{
    if (answer->kind == ANSWER_CELL)
        take_cell (ask, answer);
    else if (answer->kind == ANSWER_UNREADABLE)
        unreadable (ask, answer, http);
    else
        malformed (ask, answer, http);
}

static void cut (ask_t *ask, size_t turns)
{
    ask->cut_turns = turns;
    ask_begin_prefix (ask);
}

// Leave more turns out: what the server's numbers ask for, if it tells any, and with each refusal at least twice as many, so that few calls
// are spent. Where it tells the limit alone, four bytes are taken for a token.
static void cut_more (ask_t *ask, const http_answer_t *http)
{
    const char *rule = ask->asks->options.pool->rules [ask->rule].text;
    size_t tail = strlen (rule), bytes = ask->prefix.len + tail, last = ask->question->prompt->n_turns - 1;
    ask->cut_step = ask->cut_step == 0 ? 1 : 2 * ask->cut_step;
    size_t fewest = ask->cut_turns + ask->cut_step < last ? ask->cut_turns + ask->cut_step : last;
    uint64_t tokens, most;
    if (!answer_excess (ask->asks->doc, http->body, http->len, bytes + CHAT_OVERHEAD_TOKENS, &tokens, &most)) {
        cut (ask, fewest);
        return;
    }
    double token_bytes = tokens ? (double) bytes / (double) tokens : TOKEN_BYTES;
    double may = (double) most * token_bytes - (double) tail;
    while (fewest < last) {
        size_t middle = (fewest + last) / 2;
        cut (ask, middle);
        if ((double) ask->prefix.len <= may)
            last = middle;
        else
            fewest = middle + 1;
    }
    cut (ask, last);
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
        ask_end (ask, ERR_DENIED, asks->denied_why);
        return;
    }
    if (context && asks->options.cut && ask->cut_turns + 1 < ask->question->prompt->n_turns) {
        cut_more (ask, http);
        ask_make_ready (ask);
        return;
    }
    if (http_is_of_endpoint (http->status)) {
        snprintf (asks->denied_why, sizeof asks->denied_why, "the judge's server has no such path or model (%ld %.120s); check the "
                  "endpoint's URL and the model", http->status, text);
        asks->denied = true;
        ask_end (ask, ERR_DENIED, asks->denied_why);
        return;
    }
    ask->question->too_long = context;
    snprintf (why, sizeof why, "rule %s: %s (%ld %s)", asks->options.pool->rules [ask->rule].id,
              context ? "the conversation is too long for the model; set judge.too_long to cut, or leave it out"
                      : "the judge refused the request", http->status, text);
    ask_end (ask, ERR_FORMAT, why);
}

static void failed (ask_t *ask, const http_answer_t *http, upstream_result_t result)
{
    char text [256], why [300];
    bool context = false;
    if (result == UPSTREAM_STALE && !ask->stale) {
        ask->stale = true;
        ask_make_ready (ask);
        return;
    }
    if (http->outcome == HTTP_ANSWERED) {
        answer_error (ask->asks->doc, http->body, http->len, text, sizeof text, &context);
        snprintf (why, sizeof why, "HTTP %ld: %.200s", http->status, text);
    }
    else
        snprintf (why, sizeof why, "%s", http->why);
    // Nobody there, or too busy, is no fault of the question.
    bool counts = result == UPSTREAM_FAILED;
    ask->refusals += result == UPSTREAM_OVERLOADED && ask->refusals < REFUSALS_MAX;
    try_later (ask, counts, http->retry_after_ms, why);
}

static void read_completion (ask_t *ask, const http_answer_t *http, ask_answer_t *answer)
{
    answer_t *read = &answer->read;
    answer_read (ask->asks->doc, &ask->asks->options.settings, ask->constrain, http->body, http->len, read);
    ask_used (ask, http, read);
    if (read->prompt_tokens > 0)
        answer->tokens = read->prompt_tokens + read->completion_tokens;
}

void ask_read (ask_t *ask, const http_answer_t *http, ask_answer_t *answer)
{
    answer->result = http_result (http);
    answer->tokens = ask->tokens;
    if (answer->result == UPSTREAM_OK)
        read_completion (ask, http, answer);
    else
        ask_lost (ask, http, answer->result);
}

void ask_take (ask_t *ask, const http_answer_t *http, ask_answer_t *answer)
{
    if (answer->result == UPSTREAM_OK)
        take_completion (ask, http, &answer->read);
    else if (answer->result == UPSTREAM_REFUSED)
        refused (ask, http);
    else
        failed (ask, http, answer->result);
}

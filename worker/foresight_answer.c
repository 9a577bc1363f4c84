#include "worker/foresight_parts.h"

#include <math.h>
#include <stdio.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "worker/chat.h"
#include "worker/http_result.h"

enum { TRIES_MAX = 8, REFUSALS_MAX = 5, WORD_MS = 30000, SLOW_RETRY_MS = 3000, WHY_BYTES = 512 };

static const float VALUE_MAX = 1e30F;

static asked_pair_t *take_first (flight_t *flight)
{
    asked_pair_t *pair = flight->pairs;
    if (pair)
        DL_DELETE (flight->pairs, pair);
    return pair;
}

static void give_up (foresight_t *self, asked_pair_t *pair, status_t status, bool too_long, const char *why)
{
    const foreseen_t foreseen = { .status = status, .why = why, .too_long = too_long };
    foresight_end (self, pair, &foreseen);
}

// Trouble is worth a line now and then.
static void say_trouble (foresight_t *self, const char *why)
{
    int64_t now = clock_ms (NULL);
    if (self->said_ms != 0 && now - self->said_ms <= WORD_MS)
        return;
    log_warn ("the served adapter is slow to answer: %s; trying again", why);
    self->said_ms = now;
}

// Another try later, or the end of the pair. counts: it failed, and not only because the server was away or busy.
static void try_later (foresight_t *self, asked_pair_t *pair, bool counts, int64_t wait_ms, const char *why)
{
    unsigned most = self->setup->tries_max ? self->setup->tries_max : TRIES_MAX;
    pair->tries += counts;
    if (counts && pair->tries >= most) {
        char text [WHY_BYTES];
        snprintf (text, sizeof text, "the served adapter: gave up after %u %s: %.400s", pair->tries, pair->tries == 1 ? "try" : "tries", why);
        give_up (self, pair, ERR_IO, false, text);
        return;
    }
    foresight_wait (self, pair, wait_ms);
}

static void all_later (foresight_t *self, flight_t *flight, bool counts, bool refused, int64_t at_least_ms, const char *why)
{
    const asked_pair_t *first = flight->pairs;
    unsigned waits = first->tries + counts + first->refusals + refused;
    int64_t wait_ms = upstream_backoff_ms (self->upstream, waits ? waits : 1, UINT32_MAX);
    if (wait_ms < 0)
        wait_ms = SLOW_RETRY_MS;
    wait_ms = wait_ms > at_least_ms ? wait_ms : at_least_ms;
    if (counts || upstream_is_open (self->upstream, flight->endpoint))
        say_trouble (self, why);
    bool several = flight->n > 1;
    asked_pair_t *pair;
    while ((pair = take_first (flight)) != NULL) {
        pair->refusals += refused && pair->refusals < REFUSALS_MAX;
        pair->alone = pair->alone || (counts && several);
        try_later (self, pair, counts, wait_ms, why);
    }
}

static void all_at_once (foresight_t *self, flight_t *flight, bool alone)
{
    asked_pair_t *pair;
    while ((pair = take_first (flight)) != NULL) {
        pair->alone = pair->alone || alone;
        pair->stale = !alone;
        foresight_make_ready (self, pair);
    }
}

// Nothing more is asked of this server, or of those like it.
static void deny (foresight_t *self, flight_t *flight)
{
    asked_pair_t *pair;
    while ((pair = take_first (flight)) != NULL)
        give_up (self, pair, ERR_DENIED, false, self->denied.text);
}

// --- values ------------------------------------------------------------------

static bool in_range (double value)
{
    return fabs (value) <= (double) VALUE_MAX;
}

// The mean of both orders, which does not depend on which was first. False: a number is out of range.
static bool average (foresight_t *self, size_t place)
{
    const double *one = self->value + 2 * place * self->n_rules, *other = one + self->n_rules;
    for (size_t r = 0; r < self->n_rules; r++) {
        if (!in_range (one [r]) || !in_range (other [r]))
            return false;
        self->mean [r] = (float) ((one [r] + other [r]) / 2);
    }
    return true;
}

static void take_values (foresight_t *self, flight_t *flight)
{
    asked_pair_t *pair;
    for (size_t i = 0; (pair = take_first (flight)) != NULL; i++) {
        bool good = average (self, i);
        const foreseen_t foreseen = { .status = good ? OK : ERR_FORMAT, .value = self->mean,
                                      .why = good ? NULL : "the served adapter gives numbers that are out of range" };
        foresight_end (self, pair, &foreseen);
    }
}

static void answered (foresight_t *self, flight_t *flight, const http_answer_t *http)
{
    char why [256];
    pooled_outcome_t outcome = pooled_answer (self->route, self->doc, http->body, http->len, 2 * flight->n, self->n_rules, self->value, why);
    if (outcome == POOLED_READ)
        take_values (self, flight);
    else if (outcome == POOLED_UNREADABLE)
        all_later (self, flight, true, false, 0, why);
    else {
        fault_set (&self->denied, ERR_DENIED, "the served adapter is another than the rule pool needs: %s; it must have one output for each rule, "
                   "in the pool's order", why);
        deny (self, flight);
    }
}

// --- refusals ----------------------------------------------------------------

static void refused (foresight_t *self, flight_t *flight, const http_answer_t *http)
{
    char text [256], why [WHY_BYTES];
    bool context = false;
    answer_error (self->doc, http->body, http->len, text, sizeof text, &context);
    if (http->status == 401 || http->status == 403)
        fault_set (&self->denied, ERR_DENIED, "the served adapter refused the key (%ld): %.150s; check ADAPTER_API_KEY, adapter.key_file or "
                   "adapter.key_command", http->status, text);
    else if (http_is_of_endpoint (http->status))
        fault_set (&self->denied, ERR_DENIED, "the served adapter has no such path or model (%ld %.120s); check its URL and adapter.model",
                   http->status, text);
    if (self->denied.code != OK)
        deny (self, flight);
    else if (flight->n > 1)
        all_at_once (self, flight, true);
    else {
        snprintf (why, sizeof why, "the served adapter: %s (%ld %s)",
                  context ? "the prompt and both responses are too long for it; set adapter.text_bytes_max to shorten them, or leave the pair out"
                          : "it refused the request", http->status, text);
        give_up (self, take_first (flight), ERR_FORMAT, context, why);
    }
}

static void failed (foresight_t *self, flight_t *flight, const http_answer_t *http, upstream_result_t result)
{
    char text [256], why [300];
    bool context = false;
    if (result == UPSTREAM_STALE && !flight->pairs->stale) {
        all_at_once (self, flight, false);
        return;
    }
    if (http->outcome == HTTP_ANSWERED) {
        answer_error (self->doc, http->body, http->len, text, sizeof text, &context);
        snprintf (why, sizeof why, "HTTP %ld: %.200s", http->status, text);
    }
    else
        snprintf (why, sizeof why, "%s", http->why);
    all_later (self, flight, result == UPSTREAM_FAILED, result == UPSTREAM_OVERLOADED, http->retry_after_ms, why);
}

void foresight_take (foresight_t *self, flight_t *flight, const http_answer_t *http, upstream_result_t result)
{
    if (result == UPSTREAM_OK)
        answered (self, flight, http);
    else if (result == UPSTREAM_REFUSED)
        refused (self, flight, http);
    else
        failed (self, flight, http, result);
}

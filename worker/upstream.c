#include "worker/upstream.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "worker/breaker.h"
#include "worker/bucket.h"
#include "worker/places.h"

enum {
    PLACES_MIN = 1, PLACES_FIRST = 8, PLACES_MAX = 1024,
    BACKOFF_FIRST_MS = 250, BACKOFF_MAX_MS = 60000,
    FAILURES_TO_OPEN = 5, OPEN_MS = 1000, OPEN_MAX_MS = 10000, UNREACHABLE_MS = 2000,
    UNSHARED_MS = 100, QUIET_MS = 5000,
    RENEWED_MS = 1000,          // how long that is believed without a word of the server
    PAUSE_MS_MAX = 24 * 3600 * 1000
};

static const double RETRY_SHARE = 0.2;
static const double RETRIES_MORE = 10;          // at once, and in each second
static const double RETRIES_SAVED = 1000;       // first tries whose share is kept for later
static const double SECONDS_MAX = 24 * 3600;
static const double AHEAD = 16;                 // requests that an endpoint may be ahead of its share
static const double STANDBY = 1e-9;             // the weight of those that have none: used when the others are full

// What a server said of its limits: so many left until a time.
typedef struct {
    int64_t left;               // -1: not known
    int64_t until_ms;
    int64_t most;               // that was ever left: what a new time begins with
} allowance_t;

typedef struct {
    double weight;
    places_t places;
    breaker_t breaker;
    double asked;               // requests so far, over the weight
    unsigned busy;
    double busy_tokens;         // of the requests in flight, as estimated
    int64_t pause_until_ms;     // Retry-After
    allowance_t requests, tokens;
} server_t;

struct upstream {
    upstream_options_t options;
    rng_t rng;
    server_t *servers;
    size_t n;
    bool weighted;              // they are to be asked unequally
    bucket_t requests, tokens;
    unsigned workers;           // that share them; 0: this one has no part
    double retries;             // that are allowed now; under 0: those that wait for their turn
    int64_t retries_ms;         // when that was so
};

static void fill_in (upstream_options_t *o)
{
    o->places_min = o->places_min ? o->places_min : PLACES_MIN;
    o->places_first = o->places_first ? o->places_first : PLACES_FIRST;
    o->places_max = o->places_max ? o->places_max : PLACES_MAX;
    if (o->places_max < o->places_min)
        o->places_max = o->places_min;
    o->retry_share = o->retry_share > 0 ? o->retry_share : RETRY_SHARE;
    o->backoff_first_ms = o->backoff_first_ms ? o->backoff_first_ms : BACKOFF_FIRST_MS;
    o->backoff_max_ms = o->backoff_max_ms ? o->backoff_max_ms : BACKOFF_MAX_MS;
    o->failures_to_open = o->failures_to_open ? o->failures_to_open : FAILURES_TO_OPEN;
    o->open_ms = o->open_ms ? o->open_ms : OPEN_MS;
    o->open_max_ms = o->open_max_ms ? o->open_max_ms : OPEN_MAX_MS;
    o->unreachable_ms = o->unreachable_ms ? o->unreachable_ms : UNREACHABLE_MS;
}

static int64_t now_of (const upstream_t *upstream)
{
    return clock_ms (&upstream->options.clock);
}

upstream_t *upstream_new (const upstream_options_t *options, const double *weights, size_t n_endpoints)
{
    assert (n_endpoints > 0);
    upstream_t *upstream = mem_zero (1, sizeof *upstream);
    upstream->options = *options;
    upstream_options_t *o = &upstream->options;
    fill_in (o);
    upstream->rng.state = o->seed;
    upstream->servers = mem_zero (n_endpoints, sizeof *upstream->servers);
    upstream->n = n_endpoints;
    int64_t now_ms = now_of (upstream);
    for (size_t e = 0; e < n_endpoints; e++) {
        server_t *server = &upstream->servers [e];
        server->weight = weights && weights [e] > STANDBY ? weights [e] : weights ? STANDBY : 1;
        upstream->weighted = upstream->weighted || (weights && weights [e] > STANDBY && server->weight != upstream->servers [0].weight);
        places_init (&server->places, o->places_min, o->places_first, o->places_max, now_ms);
        breaker_init (&server->breaker, &(breaker_options_t) { .failures_to_open = o->failures_to_open, .open_first_ms = o->open_ms,
                      .open_max_ms = o->open_max_ms, .unreachable_max_ms = o->unreachable_ms });
        server->requests.left = server->tokens.left = -1;
    }
    bucket_init (&upstream->requests, o->requests_per_minute, now_ms);
    bucket_init (&upstream->tokens, o->tokens_per_minute, now_ms);
    upstream->workers = 1;
    upstream->retries = RETRIES_MORE;
    upstream->retries_ms = now_ms;
    return upstream;
}

void upstream_destroy (upstream_t **upstream)
{
    if (!*upstream)
        return;
    free ((*upstream)->servers);
    free (*upstream);
    *upstream = NULL;
}

void upstream_share (upstream_t *upstream, unsigned workers)
{
    int64_t now_ms = now_of (upstream);
    upstream->workers = workers;
    if (workers == 0)
        return;
    bucket_rate (&upstream->requests, upstream->options.requests_per_minute / workers, now_ms);
    bucket_rate (&upstream->tokens, upstream->options.tokens_per_minute / workers, now_ms);
}

// --- who may be asked ----------------------------------------------------------

// Its time is over: all is there again, but not more than that.
static void renew (allowance_t *allowance, int64_t now_ms)
{
    if (allowance->left < 0 || now_ms < allowance->until_ms)
        return;
    allowance->left = allowance->most;
    allowance->until_ms = now_ms + RENEWED_MS;
}

static bool used_up (const allowance_t *allowance, int64_t now_ms)
{
    return allowance->left == 0 && now_ms < allowance->until_ms;
}

// Milliseconds that a server asked to be left alone; 0: none.
static int64_t pause_ms (const server_t *server, int64_t now_ms)
{
    int64_t until_ms = server->pause_until_ms;
    if (used_up (&server->requests, now_ms) && server->requests.until_ms > until_ms)
        until_ms = server->requests.until_ms;
    if (used_up (&server->tokens, now_ms) && server->tokens.until_ms > until_ms)
        until_ms = server->tokens.until_ms;
    return until_ms > now_ms ? until_ms - now_ms : 0;
}

// An endpoint whose answers stay away has no claim to its share meanwhile.
static bool is_quiet (const server_t *server, int64_t now_ms)
{
    double patience_ms = fmax (QUIET_MS, 4 * server->places.delay_ms);
    return server->busy > 0 && (double) (now_ms - server->places.answered_ms) > patience_ms;
}

// How far the endpoint is that has been asked least for its weight, of those that could be asked. The others have no debt to work off
// when they are back.
static double least_asked (upstream_t *upstream, int64_t now_ms)
{
    double least = INFINITY;
    int64_t wait_ms;
    for (size_t e = 0; e < upstream->n; e++) {
        const server_t *server = &upstream->servers [e];
        bool counts = server->weight > STANDBY && breaker_allows (&server->breaker, now_ms, &wait_ms) && pause_ms (server, now_ms) == 0
                   && !is_quiet (server, now_ms);
        if (counts && server->asked < least)
            least = server->asked;
    }
    for (size_t e = 0; e < upstream->n && least < INFINITY; e++)
        if (upstream->servers [e].asked < least)
            upstream->servers [e].asked = least;
    return least;
}

int upstream_choose (upstream_t *upstream)
{
    return upstream_choose_but (upstream, -1);
}

int upstream_choose_but (upstream_t *upstream, int avoid)
{
    int64_t now_ms = now_of (upstream), wait_ms;
    int best = -1;
    double least = INFINITY, asked = upstream->weighted ? least_asked (upstream, now_ms) : INFINITY;
    for (size_t e = 0; e < upstream->n; e++) {
        server_t *server = &upstream->servers [e];
        double load = (server->busy + 1) / server->weight;
        // Who must not go to one endpoint is held to no share: the others' may be full, with nothing else left to even them out.
        bool ahead = avoid < 0 && server->weight > STANDBY && server->asked > asked + AHEAD / server->weight;
        if ((int) e != avoid && load < least && !ahead && breaker_allows (&server->breaker, now_ms, &wait_ms) && pause_ms (server, now_ms) == 0 &&
            places_free (&server->places, server->busy, now_ms, &wait_ms)) {
            best = (int) e;
            least = load;
        }
    }
    return best;
}

static void use_allowance (allowance_t *allowance, uint64_t n, int64_t now_ms)
{
    renew (allowance, now_ms);
    if (allowance->left > 0)
        allowance->left = (uint64_t) allowance->left > n ? allowance->left - (int64_t) n : 0;
}

// How long the job's limits hold this worker up.
static int64_t limits_ms (upstream_t *upstream, int64_t now_ms)
{
    bool limited = upstream->options.requests_per_minute > 0 || upstream->options.tokens_per_minute > 0;
    if (limited && upstream->workers == 0)
        return UNSHARED_MS;
    int64_t requests_ms = bucket_wait_ms (&upstream->requests, now_ms), tokens_ms = bucket_wait_ms (&upstream->tokens, now_ms);
    return requests_ms > tokens_ms ? requests_ms : tokens_ms;
}

// The pause ends by itself; an allowance that is used up, when something in flight tells of a new one.
static bool may_take (upstream_t *upstream, server_t *server, int64_t now_ms, int64_t *wait_ms)
{
    if (!breaker_allows (&server->breaker, now_ms, wait_ms))
        return false;
    *wait_ms = pause_ms (server, now_ms);
    if (*wait_ms > 0)
        return false;
    *wait_ms = limits_ms (upstream, now_ms);
    return *wait_ms == 0 && places_free (&server->places, server->busy, now_ms, wait_ms);
}

// What a few retries a second come to by now.
static void allow_retries (upstream_t *upstream, int64_t now_ms)
{
    double more = RETRIES_MORE / 1000 * (double) (now_ms - upstream->retries_ms);
    upstream->retries = fmin (upstream->retries + more, fmax (upstream->retries, RETRIES_MORE));
    upstream->retries_ms = now_ms;
}

bool upstream_take (upstream_t *upstream, size_t e, uint64_t tokens, int64_t *wait_ms)
{
    assert (e < upstream->n);
    server_t *server = &upstream->servers [e];
    int64_t now_ms = now_of (upstream);
    if (!may_take (upstream, server, now_ms, wait_ms))
        return false;
    *wait_ms = 0;
    breaker_sent (&server->breaker, now_ms);
    bucket_take (&upstream->requests, 1);
    bucket_take (&upstream->tokens, (double) tokens);
    use_allowance (&server->requests, 1, now_ms);
    use_allowance (&server->tokens, tokens, now_ms);
    server->busy++;
    server->asked += 1 / server->weight;
    server->busy_tokens += (double) tokens;
    allow_retries (upstream, now_ms);
    upstream->retries = fmin (upstream->retries + upstream->options.retry_share, RETRIES_MORE + RETRIES_SAVED * upstream->options.retry_share);
    return true;
}

// --- what came of it ---------------------------------------------------------------

// What is left by the server's word, less what was sent since: that is what is in flight now.
static void learn_allowance (allowance_t *allowance, int64_t left, int64_t reset_ms, double in_flight, int64_t now_ms)
{
    if (left < 0 || reset_ms < 0)
        return;
    allowance->left = (double) left > in_flight ? left - (int64_t) in_flight : 0;
    allowance->most = left > allowance->most ? left : allowance->most;
    allowance->until_ms = now_ms + (reset_ms < PAUSE_MS_MAX ? reset_ms : PAUSE_MS_MAX);
}

// A place is given back; tokens are what it took, of which the average of those in flight had been put down.
static void release (upstream_t *upstream, server_t *server, double tokens)
{
    assert (server->busy > 0);
    double estimate = server->busy_tokens / server->busy;
    server->busy--;
    server->busy_tokens = server->busy ? server->busy_tokens - estimate : 0;
    bucket_take (&upstream->tokens, tokens - estimate);
}

static void overloaded (server_t *server, unsigned busy, int64_t began_ms, int64_t now_ms)
{
    // Where even the fewest places are too many, nobody is served now.
    if (server->breaker.probing || places_now (&server->places) <= server->places.min)
        breaker_failed (&server->breaker, false, now_ms);
    if (!server->breaker.open)
        places_refused (&server->places, busy, began_ms, now_ms);
}

static void learn (server_t *server, upstream_result_t result, unsigned busy, int64_t began_ms, int64_t now_ms)
{
    switch (result) {
    case UPSTREAM_OK:
        if (breaker_answered (&server->breaker))
            places_restart (&server->places, now_ms);
        places_answered (&server->places, began_ms, now_ms);
        break;
    case UPSTREAM_OVERLOADED:
        overloaded (server, busy, began_ms, now_ms);
        break;
    case UPSTREAM_FAILED:
    case UPSTREAM_UNREACHABLE:
        places_failed (&server->places, began_ms, now_ms);
        breaker_failed (&server->breaker, result == UPSTREAM_UNREACHABLE, now_ms);
        break;
    case UPSTREAM_REFUSED:
        // A refusal is an answer: somebody is there. One that took no time was not even sent.
        if (now_ms > began_ms && server->breaker.probing && breaker_answered (&server->breaker))
            places_restart (&server->places, now_ms);
        breaker_void (&server->breaker);
        break;
    case UPSTREAM_STALE:
        breaker_void (&server->breaker);
        break;
    }
}

void upstream_ended (upstream_t *upstream, size_t e, upstream_result_t result, double seconds, uint64_t tokens,
                     int64_t retry_after_ms, int64_t requests_left, int64_t requests_reset_ms, int64_t tokens_left, int64_t tokens_reset_ms)
{
    assert (e < upstream->n);
    server_t *server = &upstream->servers [e];
    int64_t now_ms = now_of (upstream), began_ms = now_ms - (int64_t) round (fmin (fmax (seconds, 0), SECONDS_MAX) * 1e3);
    unsigned busy = server->busy;
    if (result == UPSTREAM_STALE)
        bucket_take (&upstream->requests, -1);
    release (upstream, server, result == UPSTREAM_STALE ? 0 : (double) tokens);
    learn (server, result, busy, began_ms, now_ms);
    learn_allowance (&server->requests, requests_left, requests_reset_ms, server->busy, now_ms);
    learn_allowance (&server->tokens, tokens_left, tokens_reset_ms, server->busy_tokens, now_ms);
    if (retry_after_ms > 0 && (result == UPSTREAM_OVERLOADED || result == UPSTREAM_FAILED)) {
        int64_t until_ms = now_ms + (retry_after_ms < PAUSE_MS_MAX ? retry_after_ms : PAUSE_MS_MAX);
        server->pause_until_ms = until_ms > server->pause_until_ms ? until_ms : server->pause_until_ms;
        places_paused (&server->places, until_ms - now_ms, now_ms);
    }
}

// --- another try -----------------------------------------------------------------------

// A retry is due: when is its turn? They are a share of first tries and a few a second; more of them wait in line.
static double retry_turn_ms (upstream_t *upstream)
{
    allow_retries (upstream, now_of (upstream));
    upstream->retries -= 1;
    return upstream->retries >= 0 ? 0 : -upstream->retries / RETRIES_MORE * 1000;
}

int64_t upstream_backoff_ms (upstream_t *upstream, unsigned try, unsigned tries_max)
{
    if (try >= tries_max)
        return -1;
    const upstream_options_t *o = &upstream->options;
    double most = fmin (o->backoff_max_ms, ldexp (o->backoff_first_ms, try > 30 ? 30 : (int) (try ? try - 1 : 0)));
    double jitter = rng_unit (&upstream->rng) * most;
    return (int64_t) fmin (fmax (jitter, retry_turn_ms (upstream)), PAUSE_MS_MAX);
}

// --- looking ------------------------------------------------------------------------------

bool upstream_is_open (const upstream_t *upstream, size_t e)
{
    assert (e < upstream->n);
    int64_t wait_ms;
    return !breaker_allows (&upstream->servers [e].breaker, now_of (upstream), &wait_ms);
}

unsigned upstream_places (const upstream_t *upstream, size_t e)
{
    assert (e < upstream->n);
    return places_now (&upstream->servers [e].places);
}

unsigned upstream_busy (const upstream_t *upstream, size_t e)
{
    assert (e < upstream->n);
    return upstream->servers [e].busy;
}

unsigned upstream_places_all (const upstream_t *upstream)
{
    int64_t now_ms = now_of (upstream), wait_ms;
    unsigned sum = 0;
    for (size_t e = 0; e < upstream->n; e++) {
        const server_t *server = &upstream->servers [e];
        if (breaker_allows (&server->breaker, now_ms, &wait_ms) && pause_ms (server, now_ms) == 0)
            sum += places_now (&server->places);
    }
    return sum;
}

#include "worker/foresight_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "worker/http_result.h"
#include "worker/pair_text.h"
#include "worker/reach.h"

enum {
    BATCH = 8, TIMEOUT_MS = 120000, PLACES_MAX = 64,
    INPUTS_BYTES_MAX = 8 * 1024 * 1024,         // of one request, but for its first pair
    NO_ENDPOINT_MS = 100
};

// --- what is asked -----------------------------------------------------------

static void add_input (const Rulemill__AdapterSetup *setup, const Rulemill__Conversation *prompt, const Rulemill__Conversation *a,
                       const Rulemill__Conversation *b, bool *shortened, buf_t *out)
{
    buf_t text = { 0 };
    *shortened |= pair_text_write (prompt, a, b, setup->text_bytes_max, &text);
    json_write_string (out, text.data, text.len);
    buf_free (&text);
}

bool foresight_inputs (const Rulemill__AdapterSetup *setup, const Rulemill__Conversation *prompt, const Rulemill__Conversation *a,
                       const Rulemill__Conversation *b, buf_t *out)
{
    bool shortened = false;
    add_input (setup, prompt, a, b, &shortened, out);
    buf_add_char (out, ',');
    add_input (setup, prompt, b, a, &shortened, out);
    return shortened;
}

// Both routes give probabilities unless they are told not to: of a sigmoid, which rounds what is sure to one number, or of a softmax, whose
// mean over both orders is another. /pooling may give numbers for each token unless it is told what the model is for.
void foresight_request (const Rulemill__AdapterSetup *setup, const buf_t *inputs, buf_t *out)
{
    pooled_route_t route = POOLED_CLASSIFY;
    bool known = setup->n_url > 0 && pooled_route_of (setup->url [0], &route);
    buf_add_char (out, '{');
    json_write_key (out, "model");
    json_write_cstring (out, setup->model);
    if (known && route == POOLED_POOLING)
        buf_add_str (out, ",\"task\":\"classify\"");
    buf_add_str (out, ",\"use_activation\":false");
    json_write_key (out, "input");
    buf_add_char (out, '[');
    buf_add (out, inputs->data, inputs->len);
    buf_add_str (out, "]}");
}

// --- the life of a pair ------------------------------------------------------

static void pair_free (asked_pair_t *pair)
{
    buf_free (&pair->inputs);
    free (pair);
}

// Nobody wants it any more.
static void forget (foresight_t *self, asked_pair_t *pair)
{
    uint64_t number = pair->pair;
    self->n--;
    pair_free (pair);
    if (self->sink.forgotten)
        self->sink.forgotten (self->sink.ctx, number);
}

static void pairs_free (asked_pair_t *list)
{
    asked_pair_t *pair, *next;
    DL_FOREACH_SAFE (list, pair, next)
        pair_free (pair);
}

void foresight_end (foresight_t *self, asked_pair_t *pair, const foreseen_t *foreseen)
{
    uint64_t number = pair->pair;
    self->n--;
    pair_free (pair);
    self->sink.done (self->sink.ctx, number, foreseen);
}

void foresight_make_ready (foresight_t *self, asked_pair_t *pair)
{
    DL_APPEND (self->ready, pair);
}

void foresight_wait (foresight_t *self, asked_pair_t *pair, int64_t ms)
{
    pair->wait_until_ms = clock_ms (NULL) + ms;
    DL_APPEND (self->waiting, pair);
}

void foresight_ask (foresight_t *self, uint64_t number, const Rulemill__Conversation *prompt, const Rulemill__Conversation *a,
                    const Rulemill__Conversation *b)
{
    asked_pair_t *pair = mem_zero (1, sizeof *pair);
    pair->pair = number;
    pair->shortened = foresight_inputs (self->setup, prompt, a, b, &pair->inputs);
    self->n++;
    foresight_make_ready (self, pair);
}

// Those that nobody wants any more are forgotten when their turn comes.
static asked_pair_t *next_wanted (foresight_t *self)
{
    while (self->ready && !self->sink.wanted (self->sink.ctx, self->ready->pair)) {
        asked_pair_t *gone = self->ready;
        DL_DELETE (self->ready, gone);
        forget (self, gone);
    }
    return self->ready;
}

// Where nothing more may be asked, what is not under way ends.
static void deny_all (foresight_t *self)
{
    const foreseen_t denied = { .status = ERR_DENIED, .why = self->denied.text };
    DL_CONCAT (self->ready, self->waiting);
    self->waiting = NULL;
    while (self->ready) {
        asked_pair_t *pair = self->ready;
        DL_DELETE (self->ready, pair);
        foresight_end (self, pair, &denied);
    }
}

// --- sending -----------------------------------------------------------------

static void tell_used (foresight_t *self, flight_t *flight, const http_answer_t *http)
{
    usage_t usage = { .adapter_calls = http->sent };
    asked_pair_t *pair;
    DL_FOREACH (flight->pairs, pair) {
        usage.shortened += pair->shortened && !pair->told;
        pair->told = true;
    }
    if (!usage_is_zero (&usage))
        self->sink.used (self->sink.ctx, flight->pairs->pair, &usage);
}

// A request has ended. What came of it is known before its place is given back.
static void came (void *ctx, const http_answer_t *http)
{
    flight_t *flight = ctx;
    foresight_t *self = flight->foresight;
    upstream_result_t result = http_result (http);
    DL_DELETE (self->flying, flight);
    upstream_ended (self->upstream, flight->endpoint, result, http->seconds, 0, http->retry_after_ms, http->limit_requests_left,
                    http->limit_requests_reset_ms, http->limit_tokens_left, http->limit_tokens_reset_ms);
    tell_used (self, flight, http);
    foresight_take (self, flight, http, result);
    free (flight);
}

// The next pairs into a flight; what failed goes alone.
static void fill (foresight_t *self, flight_t *flight, buf_t *inputs)
{
    size_t most = self->setup->batch ? self->setup->batch : BATCH;
    asked_pair_t *pair;
    while (flight->n < most && (pair = next_wanted (self)) != NULL) {
        bool fits = flight->n == 0 || (!pair->alone && inputs->len + pair->inputs.len <= INPUTS_BYTES_MAX);
        if (!fits)
            break;
        DL_DELETE (self->ready, pair);
        DL_APPEND (flight->pairs, pair);
        if (flight->n++ > 0)
            buf_add_char (inputs, ',');
        buf_add (inputs, pair->inputs.data, pair->inputs.len);
        if (pair->alone)
            break;
    }
}

// On a place that was taken at an endpoint; there is a pair that is wanted.
static void launch (foresight_t *self, size_t endpoint)
{
    flight_t *flight = mem_zero (1, sizeof *flight);
    buf_t inputs = { 0 }, body = { 0 };
    flight->foresight = self;
    flight->endpoint = endpoint;
    fill (self, flight, &inputs);
    foresight_request (self->setup, &inputs, &body);
    unsigned timeout_ms = self->setup->timeout_ms ? self->setup->timeout_ms : TIMEOUT_MS;
    DL_APPEND (self->flying, flight);
    flight->request = http_begin (self->http, self->setup->url [endpoint], self->secret, body.data, body.len, timeout_ms, came, flight);
    buf_free (&inputs);
    buf_free (&body);
    if (flight->request == 0) {
        const http_answer_t lost = http_not_begun ();
        came (flight, &lost);
    }
}

// Send as much as there are places for; returns how long nothing more can be sent (-1: until something ends).
static int64_t send_ready (foresight_t *self)
{
    while (self->denied.code == OK && next_wanted (self)) {
        int64_t wait_ms = -1;
        int endpoint = upstream_choose (self->upstream);
        if (endpoint < 0)
            return NO_ENDPOINT_MS;
        if (!upstream_take (self->upstream, (size_t) endpoint, 0, &wait_ms))
            return wait_ms;
        launch (self, (size_t) endpoint);
    }
    return -1;
}

// Those whose time has come, and those for which nobody waits any more; returns how long the next one waits (-1: none does).
static int64_t wake_waiting (foresight_t *self)
{
    int64_t now = clock_ms (NULL), soonest = -1;
    asked_pair_t *pair, *next;
    DL_FOREACH_SAFE (self->waiting, pair, next) {
        int64_t left = pair->wait_until_ms - now;
        bool wanted = self->sink.wanted (self->sink.ctx, pair->pair);
        if (wanted && left > 0) {
            soonest = clock_sooner (soonest, left);
            continue;
        }
        DL_DELETE (self->waiting, pair);
        if (wanted)
            foresight_make_ready (self, pair);
        else
            forget (self, pair);
    }
    return soonest;
}

// A worker that asks nothing, as the store has what its pairs need, needs no server: so the first pair looks for one.
static void look (foresight_t *self)
{
    char *bases [FORESIGHT_ENDPOINTS_MAX];
    size_t n = self->setup->n_url, path = strlen (pooled_path (self->route));
    self->looked = true;
    for (size_t i = 0; i < n; i++)
        bases [i] = mem_printf ("%.*s/v1", (int) (strlen (self->setup->url [i]) - path), self->setup->url [i]);
    fault_t fault = { 0 };
    if (reach (self->http, &reach_adapter, (const char *const *) bases, n, self->secret, &fault) != OK)
        self->denied = fault;
    for (size_t i = 0; i < n; i++)
        free (bases [i]);
}

void foresight_step (foresight_t *self, int timeout_ms)
{
    if (self->n > 0 && !self->looked)
        look (self);
    int64_t wait = wake_waiting (self);
    if (self->denied.code != OK)
        deny_all (self);
    int64_t pause = clock_sooner (timeout_ms, clock_sooner (wait, send_ready (self)));
    if (self->n > 0)
        http_step (self->http, (int) pause);
    self->closed_ms = send_ready (self);
}

int64_t foresight_timer_ms (const foresight_t *self)
{
    int64_t now = clock_ms (NULL), soonest = clock_sooner (self->closed_ms, http_timer_ms (self->http));
    for (const asked_pair_t *pair = self->waiting; pair; pair = pair->next)
        soonest = clock_sooner (soonest, pair->wait_until_ms > now ? pair->wait_until_ms - now : 0);
    return soonest;
}

// --- the whole ---------------------------------------------------------------

secret_place_t foresight_key (const Rulemill__AdapterSetup *setup)
{
    return (secret_place_t) { .file = setup->key_file, .command = setup->key_command, .command_key = "adapter.key_command",
                              .variable = "ADAPTER_API_KEY" };
}

static status_t check (const Rulemill__AdapterSetup *setup, pooled_route_t *route, fault_t *fault)
{
    if (setup->n_url == 0 || setup->n_url > FORESIGHT_ENDPOINTS_MAX)
        return fault_set (fault, ERR_USAGE, "%zu endpoints of a served adapter are given, 1 to %d are possible", setup->n_url,
                          FORESIGHT_ENDPOINTS_MAX);
    for (size_t i = 0; i < setup->n_url; i++) {
        pooled_route_t own;
        if (!pooled_route_of (setup->url [i], &own) || own == POOLED_SCORE || (i > 0 && own != *route))
            return fault_set (fault, ERR_USAGE, "%.200s: the URLs of a served adapter end all with /classify, or all with /pooling", setup->url [i]);
        *route = own;
    }
    bool good = setup->batch <= FORESIGHT_BATCH_MAX && (setup->text_bytes_max == 0 || setup->text_bytes_max >= PAIR_TEXT_BYTES_MIN);
    return good ? OK : fault_set (fault, ERR_USAGE, "a served adapter takes at most %d pairs in a request, and texts of at least %d bytes",
                                  FORESIGHT_BATCH_MAX, PAIR_TEXT_BYTES_MIN);
}

status_t foresight_open (const Rulemill__AdapterSetup *setup, size_t n_rules, uint64_t seed, const foresight_sink_t *sink, foresight_t **out,
                         fault_t *fault)
{
    *out = NULL;
    pooled_route_t route = POOLED_CLASSIFY;
    status_t status = check (setup, &route, fault);
    if (status != OK)
        return status;
    foresight_t *self = mem_zero (1, sizeof *self);
    self->setup = setup;
    self->sink = *sink;
    self->route = route;
    self->n_rules = n_rules;
    self->doc = json_doc_new ();
    self->value = mem_zero (2 * FORESIGHT_BATCH_MAX * n_rules, sizeof *self->value);
    self->mean = mem_zero (n_rules, sizeof *self->mean);
    const secret_place_t key = foresight_key (setup);
    const http_options_t http = { .ca_file = setup->ca_file [0] ? setup->ca_file : NULL };
    status = secret_read (&key, &self->secret, fault);
    if (status == OK)
        status = http_new (&http, &self->http, fault);
    if (status != OK) {
        foresight_close (&self);
        return status;
    }
    const upstream_options_t options = {
        .requests_per_minute = setup->requests_per_minute, .places_max = setup->places_max ? setup->places_max : PLACES_MAX, .seed = seed
    };
    self->upstream = upstream_new (&options, NULL, setup->n_url);
    *out = self;
    return OK;
}

void foresight_close (foresight_t **foresight)
{
    foresight_t *self = *foresight;
    if (self == NULL)
        return;
    http_destroy (&self->http);         // and all requests with it
    upstream_destroy (&self->upstream);
    flight_t *flight, *next;
    DL_FOREACH_SAFE (self->flying, flight, next) {
        pairs_free (flight->pairs);
        free (flight);
    }
    pairs_free (self->ready);
    pairs_free (self->waiting);
    secret_free (&self->secret);
    json_doc_destroy (&self->doc);
    free (self->value);
    free (self->mean);
    free (self);
    *foresight = NULL;
}

size_t foresight_in_hand (const foresight_t *self)
{
    return self ? self->n : 0;
}

static bool is_among (const asked_pair_t *list, uint64_t number)
{
    const asked_pair_t *pair;
    DL_FOREACH (list, pair)
        if (pair->pair == number)
            return true;
    return false;
}

bool foresight_is_flying (const foresight_t *self, uint64_t number)
{
    const flight_t *flight;
    DL_FOREACH (self ? self->flying : NULL, flight)
        if (is_among (flight->pairs, number))
            return true;
    return false;
}

bool foresight_has (const foresight_t *self, uint64_t number)
{
    return foresight_is_flying (self, number) || is_among (self->ready, number) || is_among (self->waiting, number);
}

bool foresight_hungry (const foresight_t *self)
{
    return self == NULL || self->n < (self->setup->batch ? self->setup->batch : BATCH) * (size_t) upstream_places_all (self->upstream);
}

void foresight_share (foresight_t *self, unsigned workers)
{
    if (self)
        upstream_share (self->upstream, workers);
}

int foresight_fd (const foresight_t *self)
{
    return http_fd (self->http);
}

// The real judge: any OpenAI-compatible chat endpoint; see worker/chat.h for what is asked, worker/asks.h for how.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "worker/asks.h"
#include "worker/chat_setup.h"
#include "worker/reach.h"
#include "worker/secret.h"

enum { TIMEOUT_MS = 120000, TRIES_MAX = 8, ENDPOINTS_MAX = 64 };

typedef struct {
    chat_template_t *template;
    char *urls [ENDPOINTS_MAX];
    size_t n_urls;
    char *secret;
    http_t *http;
    bool looked;                // whether an endpoint can be reached
    fault_t lost;               // why none can be
    upstream_t *upstream;
    asks_t *asks;
} self_t;

static status_t check (const Rulemill__JudgeSetup *setup, fault_t *fault)
{
    if (setup == NULL || setup->n_url == 0)
        return fault_set (fault, ERR_USAGE, "the judge \"openai\" needs an endpoint: --judge http://HOST:PORT/v1");
    if (setup->n_url > ENDPOINTS_MAX)
        return fault_set (fault, ERR_USAGE, "%zu endpoints are given, %d are possible", setup->n_url, ENDPOINTS_MAX);
    if (setup->n_weight != 0 && setup->n_weight != setup->n_url)
        return fault_set (fault, ERR_USAGE, "%zu weights for %zu endpoints", setup->n_weight, setup->n_url);
    return OK;
}

static status_t open_http (self_t *self, const Rulemill__JudgeSetup *setup, fault_t *fault)
{
    for (size_t i = 0; i < setup->n_url; i++) {
        size_t len = strlen (setup->url [i]);
        while (len > 0 && setup->url [i][len - 1] == '/')
            len--;
        self->urls [self->n_urls++] = mem_printf ("%.*s/chat/completions", (int) len, setup->url [i]);
    }
    const http_options_t http = { .ca_file = setup->ca_file [0] ? setup->ca_file : NULL };
    return http_new (&http, &self->http, fault);
}

static void open_upstream (self_t *self, const Rulemill__JudgeSetup *setup, uint64_t seed)
{
    const upstream_options_t options = {
        .requests_per_minute = setup->requests_per_minute, .tokens_per_minute = setup->tokens_per_minute, .places_max = setup->places_max, .seed = seed
    };
    double weights [ENDPOINTS_MAX];
    for (size_t i = 0; i < setup->n_url; i++)
        weights [i] = setup->n_weight ? setup->weight [i] : 1;
    self->upstream = upstream_new (&options, weights, setup->n_url);
}

static void open_asks (self_t *self, judge_t *judge)
{
    const Rulemill__JudgeSetup *setup = judge->setup;
    const asks_options_t options = {
        .pool = judge->pool, .template = self->template, .settings = chat_setup_settings (setup), .constrain = chat_setup_constrain (setup),
        .samples = chat_setup_samples (setup), .cut = strcmp (setup->too_long, "cut") == 0,
        .urls = (const char *const *) self->urls, .n_urls = self->n_urls, .secret = self->secret,
        .timeout_ms = setup->timeout_ms ? setup->timeout_ms : TIMEOUT_MS,
        .tries_max = setup->tries_max ? setup->tries_max : TRIES_MAX,
        .prices = { setup->price_prompt, setup->price_cached, setup->price_completion }, .template_tokens = setup->template_tokens,
        .http = self->http, .upstream = self->upstream, .sink = judge->sink
    };
    self->asks = asks_new (&options);
}

static void openai_close (judge_t *judge)
{
    self_t *self = judge->self;
    if (self == NULL)
        return;
    asks_destroy (&self->asks);
    http_destroy (&self->http);
    upstream_destroy (&self->upstream);
    chat_template_destroy (&self->template);
    for (size_t i = 0; i < self->n_urls; i++)
        free (self->urls [i]);
    secret_free (&self->secret);
    free (self);
    judge->self = NULL;
}

static status_t openai_open (judge_t *judge, const Rulemill__RunSpec *spec, const rulepool_t *pool, fault_t *fault)
{
    (void) pool;
    const Rulemill__JudgeSetup *setup = judge->setup;
    status_t status = check (setup, fault);
    if (status != OK)
        return status;
    self_t *self = mem_zero (1, sizeof *self);
    judge->self = self;
    status = chat_template_parse ("the judge's template", setup->template_, strlen (setup->template_), &self->template, fault);
    if (status == OK)
        status = secret_read_judge (setup->key_file, setup->key_command, &self->secret, fault);
    if (status == OK)
        status = open_http (self, setup, fault);
    if (status != OK) {
        openai_close (judge);
        return status;
    }
    open_upstream (self, setup, spec->seed);
    open_asks (self, judge);
    return OK;
}

// A worker that asks nothing, as the store has all its cells, needs no endpoint: so the first question looks for one.
static bool is_lost (judge_t *judge)
{
    self_t *self = judge->self;
    const Rulemill__JudgeSetup *setup = judge->setup;
    if (!self->looked) {
        self->looked = true;
        self->lost.code = reach (self->http, &reach_judge, (const char *const *) setup->url, setup->n_url, self->secret, &self->lost);
    }
    return self->lost.code != OK;
}

static void openai_ask (judge_t *judge, judge_question_t *question)
{
    const self_t *self = judge->self;
    if (is_lost (judge))
        judge->sink.done (judge->sink.ctx, question, ERR_DENIED, self->lost.text);
    else
        asks_add (self->asks, question);
}

static bool openai_step (judge_t *judge, int timeout_ms)
{
    return asks_step (((self_t *) judge->self)->asks, timeout_ms);
}

static int openai_fd (const judge_t *judge)
{
    return http_fd (((const self_t *) judge->self)->http);
}

static int64_t openai_timer_ms (const judge_t *judge)
{
    return asks_timer_ms (((const self_t *) judge->self)->asks);
}

static void openai_share (judge_t *judge, unsigned workers)
{
    upstream_share (((self_t *) judge->self)->upstream, workers);
}

static bool openai_hungry (const judge_t *judge)
{
    return asks_hungry (((const self_t *) judge->self)->asks);
}

const judge_class_t judge_openai_class = {
    .name = "openai", .costly = true, .open = openai_open, .ask = openai_ask, .step = openai_step,
    .share = openai_share, .hungry = openai_hungry, .close = openai_close, .fd = openai_fd, .timer_ms = openai_timer_ms,
};

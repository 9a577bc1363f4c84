#include "ops/adapter_check.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "ops/probe_call.h"
#include "worker/chat.h"
#include "worker/foresight.h"
#include "worker/http_result.h"
#include "worker/pooled.h"
#include "worker/reach.h"

enum { LOADING_MS = 10 * 60 * 1000, PAUSE_MS = 2000, ASK_MS = 60000 };

typedef struct {
    const Rulemill__AdapterSetup *setup;
    const rulepool_t *pool;
    char *secret;
    http_t *http;
    buf_t body;
    probe_reply_t reply;
} adapter_probe_t;

// --- the answer --------------------------------------------------------------

static size_t largest (const double *value, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (value [i] > value [best])
            best = i;
    return best;
}

// Where an output is called by a rule's id, it is that rule's.
static status_t check_order (const char *url, json_doc_t *doc, const char *body, size_t len, const double *value, const rulepool_t *pool,
                             fault_t *fault)
{
    const json_value_t *root;
    if (json_parse (doc, body, len, &root, NULL) != OK)
        return OK;
    const json_value_t *item = json_get (root, "data")->child;
    for (size_t place = 0; item; item = item->next, place++) {
        int64_t index = (int64_t) place;
        const json_value_t *label = json_get (item, "label");
        (void) json_int (json_get (item, "index"), &index);
        int rule = json_is (label, JSON_STRING) ? rulepool_find (pool, label->text) : -1;
        size_t best = largest (value + (size_t) index * pool->count, pool->count);
        if (rule >= 0 && (size_t) rule != best)
            return fault_set (fault, ERR_USAGE, "%.200s: its output %zu is the rule %s, which is the pool's number %d; it was trained on another "
                              "pool or another order of rules", url, best + 1, pool->rules [rule].id, rule + 1);
    }
    return OK;
}

status_t adapter_check_answer (const char *url, const char *body, size_t len, const rulepool_t *pool, fault_t *fault)
{
    pooled_route_t route = POOLED_CLASSIFY;
    char why [256];
    json_doc_t *doc = json_doc_new ();
    double *value = mem_zero (2 * pool->count, sizeof *value);
    bool known = pooled_route_of (url, &route);
    pooled_outcome_t outcome = pooled_answer (route, doc, body, len, 2, pool->count, value, why);
    status_t status = OK;
    if (!known || outcome == POOLED_UNREADABLE)
        status = fault_set (fault, ERR_USAGE, "%.200s: its answer can't be read (%s); is this vLLM's /classify or /pooling, of a classifier?", url, why);
    else if (outcome == POOLED_OTHER_WIDTH)
        status = fault_set (fault, ERR_USAGE, "%.200s: %s; the model must have one output for each rule of the pool \"%s\" (%zu), in their order",
                            url, why, pool->name, pool->count);
    else
        status = check_order (url, doc, body, len, value, pool, fault);
    free (value);
    json_doc_destroy (&doc);
    return status;
}

// --- one endpoint ------------------------------------------------------------

static void make_request (adapter_probe_t *probe)
{
    Rulemill__Turn question = RULEMILL__TURN__INIT, yes = RULEMILL__TURN__INIT, no = RULEMILL__TURN__INIT;
    question.role = (char *) (uintptr_t) "user";
    question.content = (char *) (uintptr_t) "How do I open a lock?";
    yes.role = no.role = (char *) (uintptr_t) "assistant";
    yes.content = (char *) (uintptr_t) "With its key.";
    no.content = (char *) (uintptr_t) "I can't say.";
    Rulemill__Turn *turns [] = { &question, &yes, &no };
    Rulemill__Conversation text [3];
    for (size_t i = 0; i < 3; i++) {
        rulemill__conversation__init (&text [i]);
        text [i].turns = &turns [i];
        text [i].n_turns = 1;
    }
    buf_t inputs = { 0 };
    (void) foresight_inputs (probe->setup, &text [0], &text [1], &text [2], &inputs);
    foresight_request (probe->setup, &inputs, &probe->body);
    buf_free (&inputs);
}

static status_t judge_status (const adapter_probe_t *probe, const char *url, fault_t *fault)
{
    const probe_reply_t *reply = &probe->reply;
    char text [256];
    bool context;
    json_doc_t *doc = json_doc_new ();
    answer_error (doc, reply->body.data ? reply->body.data : "", reply->body.len, text, sizeof text, &context);
    json_doc_destroy (&doc);
    if (reply->status == 401 || reply->status == 403)
        return fault_set (fault, ERR_USAGE, "%.200s: the served adapter %s (%ld %s); set ADAPTER_API_KEY, adapter.key_file or adapter.key_command", url,
                          probe->secret ? "refuses the key" : "wants a key", reply->status, text);
    if (reply->status >= 300 && reply->status < 400)
        return fault_set (fault, ERR_USAGE, "%.200s: it answers with a redirect (%ld); give the URL that it leads to", url, reply->status);
    if (http_is_of_endpoint (reply->status))
        return fault_set (fault, ERR_USAGE, "%.200s: there is no such path or model (%ld %s); is this vLLM's /classify or /pooling, and is "
                          "adapter.model \"%.100s\" as the server calls it?", url, reply->status, text, probe->setup->model);
    return fault_set (fault, ERR_USAGE, "%.200s: it does not answer about a short pair (%ld %s)", url, reply->status, text);
}

typedef enum { FIT, UNFIT, AWAY, LOADING } standing_t;

// fault: what is wrong, unless it is fit.
static standing_t ask (adapter_probe_t *probe, const char *url, fault_t *fault)
{
    const probe_reply_t *reply = &probe->reply;
    unsigned timeout_ms = probe->setup->timeout_ms && probe->setup->timeout_ms < ASK_MS ? probe->setup->timeout_ms : ASK_MS;
    probe_call (probe->http, url, probe->secret, &probe->body, timeout_ms, NULL, &probe->reply);
    if (reply->outcome != HTTP_ANSWERED) {
        fault_set (fault, ERR_USAGE, "%.200s: the served adapter is away: %s; %s", url, reply->why, reach_mend (&reach_adapter, reply->why));
        return AWAY;
    }
    if (reply->status == 503) {
        fault_set (fault, ERR_USAGE, "%.200s: the served adapter is not ready (503); wait until its model is loaded", url);
        return LOADING;
    }
    status_t status = reply->status == 200 ? adapter_check_answer (url, reply->body.data, reply->body.len, probe->pool, fault)
                    : judge_status (probe, url, fault);
    return status == OK ? FIT : UNFIT;
}

static void pause_for (http_t *http, int ms)
{
    for (int64_t end = clock_ms (NULL) + ms; clock_ms (NULL) < end; )
        http_step (http, 100);
}

static standing_t ask_patiently (adapter_probe_t *probe, const char *url, fault_t *fault)
{
    standing_t standing = LOADING;
    log_info ("%s loads its model; it is waited for", url);
    for (int64_t end = clock_ms (NULL) + LOADING_MS; standing == LOADING && clock_ms (NULL) < end; ) {
        pause_for (probe->http, PAUSE_MS);
        standing = ask (probe, url, fault);
    }
    return standing;
}

// --- all of them -------------------------------------------------------------

static status_t check_all (adapter_probe_t *probe, fault_t *fault)
{
    const Rulemill__AdapterSetup *setup = probe->setup;
    fault_t why = { 0 };
    size_t fit = 0, loading = setup->n_url;
    for (size_t i = 0; i < setup->n_url; i++) {
        standing_t standing = ask (probe, setup->url [i], &why);
        fit += standing == FIT;
        if (standing == LOADING && loading == setup->n_url)
            loading = i;
        if (standing == UNFIT) {
            *fault = why;
            return fault->code;
        }
        if (standing != FIT && setup->n_url > 1)
            log_warn ("%s; the other endpoints go on without it", why.text);
    }
    if (fit == 0 && loading < setup->n_url && ask_patiently (probe, setup->url [loading], &why) == FIT)
        fit++;
    if (fit > 0)
        return OK;
    *fault = why;
    return fault->code;
}

status_t adapter_check (const Rulemill__AdapterSetup *setup, const rulepool_t *pool, fault_t *fault)
{
    adapter_probe_t probe = { .setup = setup, .pool = pool };
    const secret_place_t key = foresight_key (setup);
    const http_options_t http = { .ca_file = setup->ca_file [0] ? setup->ca_file : NULL };
    status_t status = fault_of_setting (secret_read (&key, &probe.secret, fault), fault);
    if (status == OK)
        status = http_new (&http, &probe.http, fault);
    if (status != OK && http.ca_file)
        status = fault_of_setting (status, fault);
    if (status == OK) {
        make_request (&probe);
        status = check_all (&probe, fault);
    }
    http_destroy (&probe.http);
    secret_free (&probe.secret);
    buf_free (&probe.body);
    buf_free (&probe.reply.body);
    return status;
}

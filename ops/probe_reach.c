#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ops/probe_parts.h"
#include "worker/answer_text.h"
#include "worker/reach.h"

enum { LIST_MS = 20000 };

static void get (probe_t *probe, const char *url)
{
    unsigned waited_ms = 0;
    do
        probe_call (probe->http, url, probe->secret, NULL, LIST_MS, probe->options->stop, &probe->reply);
    while (probe->reply.outcome == HTTP_ANSWERED && probe->reply.status == 503 && probe_wait (probe, &waited_ms));
}

// A key may ask a model and yet not list the models (403): the first question tells.
static bool judge_reply (probe_t *probe)
{
    const probe_reply_t *reply = &probe->reply;
    char text [256];
    if (reply->outcome != HTTP_ANSWERED) {
        probe_find_away (probe, "reachable", PROBE_AWAY, "%s: %s; %s", probe->url, reply->why, reach_mend (&reach_judge, reply->why));
        return false;
    }
    if (reply->status >= 300 && reply->status < 400) {
        probe_find (probe, "reachable", PROBE_WRONG, "%s answers with a redirect (%ld); give the URL that it leads to", probe->url, reply->status);
        return false;
    }
    probe_error_text (probe, text);
    if (reply->status == 503) {
        probe_find_away (probe, "reachable", PROBE_LOADING, "the server is not ready (503 %s); wait until its model is loaded", text);
        return false;
    }
    probe_find (probe, "reachable", PROBE_GOOD, "%s, in %.0f ms", probe->url, 1000 * reply->seconds);
    if (reply->status == 401) {
        probe_find (probe, "key", PROBE_WRONG, "%s (%ld %s); set OPENAI_API_KEY, judge.key_file or judge.key_command",
                    probe->secret ? "the server refuses the key" : "the server wants a key", reply->status, text);
        return false;
    }
    if (reply->status == 403)
        probe_find (probe, "key", PROBE_NOTE, "it may not list the models (403 %s)", text);
    else
        probe_find (probe, "key", PROBE_GOOD, "%s", probe->secret ? "accepted" : "none given, none wanted so far");
    return true;
}

// A model of the list; the first becomes ours where none is named.
static status_t take_model (probe_t *probe, const json_value_t *item, fault_t *fault)
{
    const json_value_t *id = json_get (item, "id");
    if (!json_is (id, JSON_STRING) || id->len == 0 || strlen (id->text) != id->len)
        return OK;
    char name [100];
    plain_text (id->text, id->len, name, sizeof name);
    size_t used = strlen (probe->models);
    if (used + strlen (name) + 3 < sizeof probe->models)
        snprintf (probe->models + used, sizeof probe->models - used, "%s%s", used ? ", " : "", name);
    status_t status = OK;
    if (probe->config->judge.model == NULL)
        status = config_set (probe->config, "judge.model", "the server's model", id->text, fault);
    if (status == OK && strcmp (probe->config->judge.model, id->text) == 0) {
        probe->listed = true;
        int64_t *context = &probe->report->context;
        if (!json_int (json_get (item, "max_model_len"), context) || *context < 0)
            *context = 0;
    }
    return status;
}

static status_t list_models (probe_t *probe, fault_t *fault)
{
    const json_value_t *root;
    const probe_reply_t *reply = &probe->reply;
    if (reply->status != 200 || json_parse (probe->doc, reply->body.data, reply->body.len, &root, NULL) != OK)
        return OK;
    const json_value_t *data = json_get (root, "data");
    status_t status = OK;
    for (const json_value_t *item = json_is (data, JSON_ARRAY) ? data->child : NULL; item && status == OK; item = item->next)
        status = take_model (probe, item, fault);
    return status;
}

// A list without our model is a note alone: gateways list what they like. That no such model answers, the first question tells.
bool probe_reach (probe_t *probe, fault_t *fault, status_t *status)
{
    char *url = mem_printf ("%s/models", probe->base);
    bool named = probe->config->judge.model != NULL;
    get (probe, url);
    free (url);
    if (!judge_reply (probe))
        return false;
    *status = list_models (probe, fault);
    if (*status != OK)
        return false;
    if (!named && probe->config->judge.model)
        probe_find (probe, "model", PROBE_NOTE, "%s; name it with --model, the server has %s", probe->config->judge.model, probe->models);
    else if (!named)
        probe_find (probe, "model", PROBE_WRONG, "the server tells of no models (%ld); name one with --model", probe->reply.status);
    else if (probe->listed)
        probe_find (probe, "model", PROBE_GOOD, "%s", probe->config->judge.model);
    else if (probe->models [0])
        probe_find (probe, "model", PROBE_NOTE, "%s is not in the server's list (%s)", probe->config->judge.model, probe->models);
    return probe->config->judge.model != NULL;
}

// llama.cpp tells its context length at the server's root.
static void ask_props (probe_t *probe)
{
    size_t len = strlen (probe->base);
    if (len > 3 && strcmp (probe->base + len - 3, "/v1") == 0)
        len -= 3;
    char *url = mem_printf ("%.*s/props", (int) len, probe->base);
    get (probe, url);
    free (url);
    const json_value_t *root;
    const buf_t *body = &probe->reply.body;
    int64_t *context = &probe->report->context;
    if (probe->reply.status == 200 && json_parse (probe->doc, body->data, body->len, &root, NULL) == OK
        && (!json_int (json_get (json_get (root, "default_generation_settings"), "n_ctx"), context) || *context < 0))
        *context = 0;
}

void probe_find_context (probe_t *probe)
{
    if (probe->report->context == 0)
        ask_props (probe);
    if (probe->report->context > 0)
        probe_find (probe, "context", PROBE_GOOD, "%lld tokens", (long long) probe->report->context);
    else
        probe_find (probe, "context", PROBE_NOTE, "the server does not tell how long a conversation may be");
}

#include "ops/adapter_setup.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ops/config_judge.h"
#include "ops/config_keys.h"
#include "worker/foresight.h"
#include "worker/pair_text.h"
#include "worker/pooled.h"

bool adapter_is_served (const config_t *config)
{
    return config->adapter.urls.count > 0;
}

static void forget_file (config_t *config)
{
    size_t count;
    int place = config_find ("policy.adapter");
    const config_key_t *key = &config_keys (&count) [place];
    config_value_clear (config, key);
    config->given [place] = false;
}

status_t adapter_setup_take (config_t *config, fault_t *fault)
{
    if (config->policy.adapter == NULL || !config_judge_is_url (config->policy.adapter))
        return OK;
    char *text = mem_string (config->policy.adapter), *rest = text, *url;
    const char **urls = mem_zero (strlen (text) + 1, sizeof *urls);
    size_t count = 0;
    while ((url = strsep (&rest, ",")) != NULL)
        urls [count++] = url;
    status_t status = config_set_names (config, "adapter.urls", "policy.adapter (--adapter)", urls, count, fault);
    if (status == OK)
        forget_file (config);
    free (urls);
    free (text);
    return status;
}

// --- filling -----------------------------------------------------------------

// "http://host:8001" and "http://host:8001/v1" mean the server's /classify, which vLLM has beside /v1.
static char *whole_url (const char *url)
{
    pooled_route_t route;
    size_t len = strlen (url);
    while (len > 0 && url [len - 1] == '/')
        len--;
    char *plain = mem_string_n (url, len);
    if (pooled_route_of (plain, &route))
        return plain;
    if (len > 3 && strcmp (plain + len - 3, "/v1") == 0)
        len -= 3;
    char *whole = mem_printf ("%.*s%s", (int) len, plain, pooled_path (POOLED_CLASSIFY));
    free (plain);
    return whole;
}

static status_t set_urls (const config_t *config, adapter_setup_t *out, pooled_route_t *route, fault_t *fault)
{
    const config_names_t *urls = &config->adapter.urls;
    if (urls->count > FORESIGHT_ENDPOINTS_MAX)
        return fault_set (fault, ERR_USAGE, "adapter.urls has %zu URLs, %d are possible", urls->count, FORESIGHT_ENDPOINTS_MAX);
    out->urls = mem_zero (urls->count, sizeof *out->urls);
    for (size_t i = 0; i < urls->count; i++) {
        pooled_route_t own = POOLED_CLASSIFY;
        char *url = out->urls [out->n_urls++] = whole_url (urls->items [i]);
        if (!pooled_route_of (url, &own) || own == POOLED_SCORE)
            return fault_set (fault, ERR_USAGE, "%.200s: a served adapter is asked by /classify or /pooling; /score compares texts", url);
        if (i > 0 && own != *route)
            return fault_set (fault, ERR_USAGE, "adapter.urls: %.200s is another operation than that of %.200s; /classify gives other numbers "
                              "than /pooling, so give the same for all", url, out->urls [0]);
        *route = own;
    }
    return OK;
}

static char *or_empty (char *text)
{
    static char empty [] = "";
    return text ? text : empty;
}

static void set_plain (const config_t *config, adapter_setup_t *out)
{
    Rulemill__AdapterSetup *message = &out->message;
    message->url = out->urls;
    message->n_url = out->n_urls;
    message->model = config->adapter.model;
    message->text_bytes_max = (uint32_t) config->adapter.text_bytes_max;
    message->batch = (uint32_t) config->adapter.batch;
    message->timeout_ms = (uint32_t) config->adapter.timeout_ms;
    message->tries_max = (uint32_t) config->adapter.tries;
    message->places_max = (uint32_t) config->adapter.places_max;
    message->requests_per_minute = config->adapter.requests_per_minute;
    message->ca_file = or_empty (config->adapter.ca_file);
    message->key_file = or_empty (config->adapter.key_file);
    message->key_command = or_empty (config->adapter.key_command);
}

static digest_t identity_of (const Rulemill__AdapterSetup *message, pooled_route_t route)
{
    static const char what [] = "rulemill served adapter";
    hasher_t *hasher = hasher_new ();
    hasher_add (hasher, what, sizeof what);
    hasher_add_u64 (hasher, PAIR_TEXT_FORM);
    hasher_add (hasher, pooled_path (route), strlen (pooled_path (route)) + 1);
    hasher_add (hasher, message->model, strlen (message->model) + 1);
    hasher_add_u64 (hasher, message->text_bytes_max);
    return hasher_end (&hasher);
}

status_t adapter_setup_fill (const config_t *config, adapter_setup_t *out, fault_t *fault)
{
    *out = (adapter_setup_t) { .message = RULEMILL__ADAPTER_SETUP__INIT };
    uint64_t bytes_max = config->adapter.text_bytes_max;
    if (config->adapter.model == NULL)
        return fault_set (fault, ERR_USAGE, "a served adapter needs its model's name, as the server calls it: --set adapter.model=NAME");
    if (config->adapter.key_file && config->adapter.key_command)
        return fault_set (fault, ERR_USAGE, "adapter.key_file and adapter.key_command are both given; take one out");
    if (bytes_max > 0 && bytes_max < PAIR_TEXT_BYTES_MIN)
        return fault_set (fault, ERR_USAGE, "adapter.text_bytes_max: %d bytes leave nothing of a pair; give at least %d, or 0 for whole texts",
                          (int) bytes_max, PAIR_TEXT_BYTES_MIN);
    pooled_route_t route = POOLED_CLASSIFY;
    status_t status = set_urls (config, out, &route, fault);
    if (status != OK)
        return status;
    set_plain (config, out);
    out->identity = identity_of (&out->message, route);
    return OK;
}

void adapter_setup_clear (adapter_setup_t *setup)
{
    for (size_t i = 0; i < setup->n_urls; i++)
        free (setup->urls [i]);
    free (setup->urls);
    setup->urls = NULL;
    setup->n_urls = 0;
}

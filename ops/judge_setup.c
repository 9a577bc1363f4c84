#include "ops/judge_setup.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "ops/cmd.h"
#include "ops/config_judge.h"
#include "ops/number.h"
#include "worker/chat_setup.h"

// How long an answer may be where nobody says: the label's first token, a short text, or what comes behind the thoughts.
enum { TOKENS_LABEL = 1, TOKENS_TEXT = 8, TOKENS_THOUGHTS = 4096 };

bool judge_is_http (const config_t *config)
{
    return strcmp (config->judge.name, "openai") == 0;
}

// --- endpoints -------------------------------------------------------------

status_t judge_setup_flag (config_t *config, const char *value, fault_t *fault)
{
    if (!config_judge_is_url (value))
        return config_set (config, "judge.name", "--judge", value, fault);
    char *text = mem_string (value), *rest = text, *url;
    const char **urls = mem_zero (strlen (value) + 1, sizeof *urls);
    size_t count = 0;
    while ((url = strsep (&rest, ",")) != NULL)
        urls [count++] = url;
    status_t status = config_set_names (config, "judge.urls", "--judge", urls, count, fault);
    if (status == OK)
        status = config_set (config, "judge.name", "--judge", "openai", fault);
    free (urls);
    free (text);
    return status;
}

status_t judge_setup_endpoint (config_t *config, fault_t *fault)
{
    if (config->judge.urls.count > 0)
        return OK;
    const char *url = getenv ("OPENAI_BASE_URL");
    if (url == NULL || *url == '\0')
        return fault_set (fault, ERR_USAGE, "the judge openai needs an endpoint: --judge http://HOST:PORT/v1, or OPENAI_BASE_URL");
    return config_set (config, "judge.urls", "OPENAI_BASE_URL", url, fault);
}

// --- the message -----------------------------------------------------------

static status_t read_template (const char *path, buf_t *out, fault_t *fault)
{
    FILE *file = fopen (path, "rbe");
    if (file == NULL)
        return fault_set (fault, ERR_IO, "%s: %s; check judge.template", path, strerror (errno));
    buf_reserve (out, CHAT_TEMPLATE_BYTES_MAX + 1);
    out->len = fread (out->data, 1, CHAT_TEMPLATE_BYTES_MAX + 1, file);
    bool failed = ferror (file);
    int error = errno;
    fclose (file);
    buf_add (out, "", 0);
    if (failed)
        return fault_set (fault, ERR_IO, "%s: %s; check judge.template", path, strerror (error));
    if (out->len > CHAT_TEMPLATE_BYTES_MAX)
        return fault_set (fault, ERR_LIMIT, "%s: over %d bytes; this is no prompt", path, CHAT_TEMPLATE_BYTES_MAX);
    if (memchr (out->data, '\0', out->len))
        return fault_set (fault, ERR_FORMAT, "%s: a NUL byte; this is no text", path);
    return OK;
}

static status_t set_template (const config_t *config, judge_setup_t *out, fault_t *fault)
{
    const char *path = config->judge.template;
    status_t status = OK;
    if (path)
        status = read_template (path, &out->template_text, fault);
    else {
        size_t len;
        const char *text = chat_template_shipped (&len);
        buf_add (&out->template_text, text, len);
    }
    chat_template_t *parsed = NULL;
    if (status == OK)
        status = chat_template_parse (path ? path : "shipped prompt", out->template_text.data, out->template_text.len, &parsed, fault);
    chat_template_destroy (&parsed);
    out->message.template_ = out->template_text.data;
    return status;
}

static char *or_empty (char *text)
{
    static char empty [] = "";
    return text ? text : empty;
}

// What was checked when it was given; written anew without spaces.
static void set_extra (const config_t *config, judge_setup_t *out)
{
    json_doc_t *doc = json_doc_new ();
    const json_value_t *root;
    const char *text = config->judge.extra;
    if (text && json_parse (doc, text, strlen (text), &root, NULL) == OK)
        json_write_value (&out->extra, root);
    json_doc_destroy (&doc);
    out->message.extra = or_empty (out->extra.data);
}

static status_t set_weights (const config_t *config, judge_setup_t *out, fault_t *fault)
{
    const config_names_t *weights = &config->judge.weights;
    if (weights->count > 0 && weights->count != config->judge.urls.count)
        return fault_set (fault, ERR_USAGE, "judge.weights has %zu numbers for %zu endpoints; give one for each, or none",
                          weights->count, config->judge.urls.count);
    out->weights = mem_zero (weights->count + 1, sizeof *out->weights);
    status_t status = OK;
    for (size_t i = 0; i < weights->count && status == OK; i++)
        status = number_real ("judge.weights", weights->items [i], 0, 1e6, &out->weights [i], fault);
    out->message.weight = out->weights;
    out->message.n_weight = weights->count;
    return status;
}

static uint32_t max_tokens (const config_t *config)
{
    if (config->judge.max_tokens > 0)
        return (uint32_t) config->judge.max_tokens;
    if (strcmp (config->judge.label_position, "after_reasoning") == 0)
        return TOKENS_THOUGHTS;
    return config->judge.logprobs ? TOKENS_LABEL : TOKENS_TEXT;
}

static void set_plain (const config_t *config, Rulemill__JudgeSetup *message)
{
    message->url = config->judge.urls.items;
    message->n_url = config->judge.urls.count;
    message->model = config->judge.model;
    message->logprobs = config->judge.logprobs;
    message->top_logprobs = (uint32_t) config->judge.top_logprobs;
    message->max_completion_tokens = config->judge.max_completion_tokens;
    message->max_tokens = max_tokens (config);
    message->temperature = config->judge.temperature;
    message->label_position = config->judge.label_position;
    message->omit = config->judge.omit.items;
    message->n_omit = config->judge.omit.count;
    message->mass_min = config->judge.mass_min;
    message->samples = (uint32_t) config->judge.samples;
    message->constrain = config->judge.constrain;
    message->too_long = config->judge.too_long;
    message->timeout_ms = (uint32_t) config->judge.timeout_ms;
    message->tries_max = (uint32_t) config->judge.tries;
    message->requests_per_minute = config->judge.requests_per_minute;
    message->tokens_per_minute = config->judge.tokens_per_minute;
    message->places_max = (uint32_t) config->judge.places_max;
    message->ca_file = or_empty (config->judge.ca_file);
    message->key_file = or_empty (config->judge.key_file);
    message->key_command = or_empty (config->judge.key_command);
}

// Of a million tokens in 1e-6 is of one token in 1e-12. What is not given costs nothing, but for what comes from the cache.
static status_t set_prices (const config_t *config, Rulemill__JudgeSetup *message, fault_t *fault)
{
    const char *const text [] = { config->judge.price_prompt, config->judge.price_cached, config->judge.price_completion };
    static const char *const key [] = { "judge.price_prompt", "judge.price_cached", "judge.price_completion" };
    uint64_t price [] = { 0, 0, 0 };
    for (size_t i = 0; i < 3; i++)
        if (text [i] && number_decimal (key [i], text [i], PRICE_DECIMALS, PRICE_MAX, &price [i], fault) != OK)
            return fault->code;
    message->price_prompt = price [0];
    message->price_cached = text [1] ? price [1] : price [0];
    message->price_completion = price [2];
    return OK;
}

static status_t check (const config_t *config, const judge_setup_t *setup, fault_t *fault)
{
    const Rulemill__JudgeSetup *m = &setup->message;
    if (m->samples > 1 && m->logprobs)
        return fault_set (fault, ERR_USAGE, "judge.samples is for judge.logprobs false; log-probabilities need one answer");
    if (m->samples > 1 && m->temperature <= 0)
        return fault_set (fault, ERR_USAGE, "judge.samples %u at temperature 0 asks for the same answer again; set judge.temperature", m->samples);
    if (config->judge.key_file && config->judge.key_command)
        return fault_set (fault, ERR_USAGE, "judge.key_file and judge.key_command are both given; take one out");
    const chat_settings_t settings = {
        .model = m->model, .temperature = m->temperature, .mass_min = m->mass_min, .max_tokens = m->max_tokens,
        .extra = *m->extra ? m->extra : NULL
    };
    status_t status = chat_settings_check (&settings, fault);
    return status == OK ? OK : fault_prefix (fault, "the judge's configuration");
}

status_t judge_setup_fill (const config_t *config, judge_setup_t *out, fault_t *fault)
{
    *out = (judge_setup_t) { .message = RULEMILL__JUDGE_SETUP__INIT };
    if (config->judge.model == NULL)
        return fault_set (fault, ERR_USAGE, "the judge openai needs a model: --model NAME; rulemill judge probe URL says which a server has");
    set_plain (config, &out->message);
    set_extra (config, out);
    status_t status = set_weights (config, out, fault);
    if (status == OK)
        status = set_prices (config, &out->message, fault);
    if (status == OK)
        status = set_template (config, out, fault);
    return status == OK ? check (config, out, fault) : status;
}

void judge_setup_clear (judge_setup_t *setup)
{
    buf_free (&setup->template_text);
    buf_free (&setup->extra);
    free (setup->weights);
    setup->weights = NULL;
}

// --- what may be spent -------------------------------------------------------

static status_t check_limits (const Rulemill__JudgeSetup *judge, const spend_t *limit, fault_t *fault)
{
    bool free_of_charge = judge->price_prompt == 0 && judge->price_cached == 0 && judge->price_completion == 0;
    if (limit->unit [SPEND_COST] > 0 && free_of_charge)
        return fault_set (fault, ERR_USAGE, "--max-cost needs prices of the judge %.100s: --set judge.price_prompt=P --set "
                          "judge.price_completion=C, of a million tokens (and judge.price_cached, where the server's cache is cheaper); in a "
                          "panel they stand in each judge's file", judge->model);
    const chat_settings_t settings = chat_setup_settings (judge);
    bool bounded = chat_completion_max (&settings, CONSTRAIN_NONE) < UINT32_MAX;
    if (!bounded && (limit->unit [SPEND_COST] > 0 || limit->unit [SPEND_TOKENS] > 0))
        return fault_set (fault, ERR_USAGE, "a limit of tokens or cost needs requests that limit their answers; take max_tokens out of "
                          "judge.omit, or put it into judge.extra");
    return OK;
}

status_t judge_setup_budget (const config_t *config, const Rulemill__JudgeSetup *const *judges, size_t n, spend_t *out, fault_t *fault)
{
    uint64_t cost = 0;
    const char *text = config->budget.max_cost;
    if (text && number_decimal ("budget.max_cost", text, MONEY_DECIMALS, MONEY_MAX, &cost, fault) != OK)
        return fault->code;
    if (text && cost == 0)
        return fault_set (fault, ERR_USAGE, "--max-cost is 0, so nothing could be asked; raise it, or leave it out for no limit");
    *out = spend_of (config->budget.max_calls, config->budget.max_tokens, cost);
    status_t status = OK;
    for (size_t i = 0; i < n && status == OK; i++)
        status = check_limits (judges [i], out, fault);
    return status;
}

// --- identity --------------------------------------------------------------

static void add_text (hasher_t *hasher, const char *text)
{
    hasher_add_u64 (hasher, strlen (text));
    hasher_add (hasher, text, strlen (text));
}

static uint64_t micro (double value)
{
    return (uint64_t) llround (value * 1e6);
}

// What a setting turns off is left out, so that its value makes no other judge.
digest_t judge_setup_identity (const judge_setup_t *setup)
{
    const Rulemill__JudgeSetup *m = &setup->message;
    digest_t template = digest_of (setup->template_text.data, setup->template_text.len);
    hasher_t *hasher = hasher_new ();
    add_text (hasher, "openai 1");
    add_text (hasher, m->model);
    hasher_add (hasher, template.b, sizeof template.b);
    hasher_add_u64 (hasher, m->logprobs);
    hasher_add_u64 (hasher, m->logprobs ? m->top_logprobs : 0);
    hasher_add_u64 (hasher, m->logprobs ? micro (m->mass_min) : 0);
    hasher_add_u64 (hasher, m->logprobs ? 1 : m->samples);
    hasher_add_u64 (hasher, m->max_tokens);
    hasher_add_u64 (hasher, micro (m->temperature));
    add_text (hasher, m->label_position);
    add_text (hasher, m->constrain);
    add_text (hasher, m->extra);
    hasher_add_u64 (hasher, m->n_omit);
    for (size_t i = 0; i < m->n_omit; i++)
        add_text (hasher, m->omit [i]);
    return hasher_end (&hasher);
}

// --- its name --------------------------------------------------------------

char *judge_setup_note (const config_t *config)
{
    if (judge_is_http (config) && config->judge.model)
        return mem_printf ("openai: %s", config->judge.model);
    return mem_string (cmd_judge_note (config->judge.name));
}

char *judge_setup_panel_note (const Rulemill__RunSpec *spec)
{
    buf_t names = { 0 };
    for (size_t i = 0; i < spec->n_panel; i++)
        buf_printf (&names, "%s%.100s", i ? ", " : "", spec->panel [i]->name);
    char *note = mem_printf ("openai: %s of a panel of %zu: %s", spec->combine, spec->n_panel, names.len ? names.data : "");
    buf_free (&names);
    return note;
}

char *judge_setup_note_stored (const Rulemill__RunSpec *spec, const char *yaml)
{
    if (spec->n_panel > 0)
        return judge_setup_panel_note (spec);
    config_t *config = config_new ();
    fault_t ignored = { 0 };
    bool known = strcmp (spec->judge, "openai") == 0 && config_inherit (config, "stored configuration", yaml, "judge.", &ignored) == OK;
    char *note = known ? judge_setup_note (config) : mem_string (cmd_judge_note (spec->judge));
    config_destroy (&config);
    return note;
}

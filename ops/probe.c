#include "ops/probe.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "ops/judge_setup.h"
#include "ops/probe_call.h"
#include "worker/answer_text.h"
#include "worker/chat.h"
#include "worker/secret.h"

enum { LIST_MS = 20000, REPEATS = 5, NAMES_SHOWN = 200 };

typedef struct {
    config_t *config;               // a copy, with a model in it
    const char *url;
    char *base;                     // url without slashes at its end
    char *secret;
    http_t *http;
    json_doc_t *doc;
    judge_setup_t setup;
    bool filled;
    chat_template_t *template;
    chat_settings_t settings;
    probe_reply_t reply;
    answer_t answer;
    char models [NAMES_SHOWN];      // that the server lists
    bool listed;                    // ours is among them
    int64_t context;                // tokens; 0: unknown
    probe_report_t *report;
} probe_t;

// --- findings --------------------------------------------------------------

static void PRINTF_LIKE (4, 5) find (probe_t *probe, const char *what, probe_verdict_t verdict, const char *format, ...)
{
    probe_report_t *report = probe->report;
    if (report->n == PROBE_FINDINGS_MAX)
        return;
    probe_finding_t *finding = &report->finding [report->n++];
    finding->what = what;
    finding->verdict = verdict;
    report->wrong = report->wrong || verdict == PROBE_WRONG;
    char text [PROBE_TEXT_BYTES];
    va_list args;
    va_start (args, format);
    vsnprintf (text, sizeof text, format, args);
    va_end (args);
    plain_text (text, strlen (text), finding->text, sizeof finding->text);      // cut off, it may end within a character
}

static void error_text (probe_t *probe, char text [256])
{
    bool context;
    answer_error (probe->doc, probe->reply.body.data, probe->reply.body.len, text, 256, &context);
}

// --- reachable, key, model -------------------------------------------------

// False: nothing more can be asked.
static bool judge_reply (probe_t *probe)
{
    const probe_reply_t *reply = &probe->reply;
    char text [256];
    if (reply->outcome != HTTP_ANSWERED) {
        find (probe, "reachable", PROBE_WRONG, "%s: %s; is the server up, and is this its URL?", probe->url, reply->why);
        return false;
    }
    if (reply->status >= 300 && reply->status < 400) {
        find (probe, "reachable", PROBE_WRONG, "%s answers with a redirect (%ld); give the URL that it leads to", probe->url, reply->status);
        return false;
    }
    find (probe, "reachable", PROBE_GOOD, "%s, in %.0f ms", probe->url, 1000 * reply->seconds);
    if (reply->status == 401 || reply->status == 403) {
        error_text (probe, text);
        find (probe, "key", PROBE_WRONG, "%s (%ld %s); set OPENAI_API_KEY, judge.key_file or judge.key_command",
              probe->secret ? "the server refuses the key" : "the server wants a key", reply->status, text);
        return false;
    }
    find (probe, "key", PROBE_GOOD, "%s", probe->secret ? "accepted" : "none given, none wanted so far");
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
        if (!json_int (json_get (item, "max_model_len"), &probe->context) || probe->context < 0)
            probe->context = 0;
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

static bool reach (probe_t *probe, fault_t *fault, status_t *status)
{
    char *url = mem_printf ("%s/models", probe->base);
    bool named = probe->config->judge.model != NULL;
    probe_call (probe->http, url, probe->secret, NULL, LIST_MS, &probe->reply);
    free (url);
    if (!judge_reply (probe))
        return false;
    *status = list_models (probe, fault);
    if (*status != OK)
        return false;
    if (!named && probe->config->judge.model)
        find (probe, "model", PROBE_NOTE, "%s; name it with --model, the server has %s", probe->config->judge.model, probe->models);
    else if (!named)
        find (probe, "model", PROBE_WRONG, "the server tells of no models (%ld); name one with --model", probe->reply.status);
    else if (probe->listed)
        find (probe, "model", PROBE_GOOD, "%s", probe->config->judge.model);
    else if (probe->models [0])
        find (probe, "model", PROBE_NOTE, "%s is not in the server's list (%s)", probe->config->judge.model, probe->models);
    return probe->config->judge.model != NULL;
}

// --- an answer -------------------------------------------------------------

static status_t prepare (probe_t *probe, fault_t *fault)
{
    status_t status = judge_setup_fill (probe->config, &probe->setup, fault);
    probe->filled = true;
    if (status != OK)
        return status;
    const Rulemill__JudgeSetup *m = &probe->setup.message;
    probe->settings = (chat_settings_t) {
        .model = m->model, .logprobs = m->logprobs, .top_logprobs = m->top_logprobs, .max_completion_tokens = m->max_completion_tokens,
        .max_tokens = m->max_tokens, .temperature = m->temperature,
        .position = strcmp (m->label_position, "after_reasoning") == 0 ? LABEL_AFTER_REASONING : LABEL_FIRST,
        .extra = *m->extra ? m->extra : NULL, .omit = (const char *const *) m->omit, .n_omit = m->n_omit, .mass_min = m->mass_min
    };
    return chat_template_parse ("the judge's prompt", m->template_, strlen (m->template_), &probe->template, fault);
}

// A plain Yes. The reply and what it says.
static void ask (probe_t *probe)
{
    static char user [] = "user", assistant [] = "assistant", question [] = "What is the capital of France?";
    static char said [] = "The capital of France is Paris. It lies on the river Seine.";
    Rulemill__Turn turns [2] = { RULEMILL__TURN__INIT, RULEMILL__TURN__INIT };
    turns [0].role = user, turns [0].content = question;
    turns [1].role = assistant, turns [1].content = said;
    Rulemill__Turn *first = &turns [0], *second = &turns [1];
    Rulemill__Conversation prompt = RULEMILL__CONVERSATION__INIT, response = RULEMILL__CONVERSATION__INIT;
    prompt.n_turns = response.n_turns = 1;
    prompt.turns = &first;
    response.turns = &second;

    buf_t prefix = { 0 }, body = { 0 };
    chat_request_begin (&probe->settings, probe->template, &prompt, &response, 0, &prefix);
    chat_request_finish (&probe->settings, probe->template, &prefix, "The response names the city that was asked for.", CONSTRAIN_NONE, &body);
    char *url = mem_printf ("%s/chat/completions", probe->base);
    probe_call (probe->http, url, probe->secret, &body, probe->setup.message.timeout_ms, &probe->reply);
    probe->report->calls++;
    answer_read (probe->doc, &probe->settings, probe->reply.body.data, probe->reply.body.len, &probe->answer);
    free (url);
    buf_free (&prefix);
    buf_free (&body);
}

static bool answered (const probe_t *probe)
{
    return probe->reply.outcome == HTTP_ANSWERED && probe->reply.status == 200;
}

// The first request, with fewer log-probabilities where the server refuses so many.
static void ask_first (probe_t *probe, bool brief)
{
    static const unsigned fewer [] = { 10, 5 };
    unsigned asked = probe->settings.top_logprobs;
    ask (probe);
    bool refused = probe->reply.outcome == HTTP_ANSWERED && (probe->reply.status == 400 || probe->reply.status == 422);
    for (size_t i = 0; refused && !answered (probe) && probe->settings.logprobs && i < sizeof fewer / sizeof *fewer && !brief; i++) {
        if (fewer [i] >= asked)
            continue;
        probe->settings.top_logprobs = fewer [i];
        ask (probe);
    }
    if (!answered (probe)) {
        probe->settings.top_logprobs = asked;
        return;
    }
    if (probe->settings.top_logprobs < asked)
        find (probe, "top_logprobs", PROBE_WRONG, "%u are refused, %u are accepted; set judge.top_logprobs to %u", asked,
              probe->settings.top_logprobs, probe->settings.top_logprobs);
    else if (probe->settings.logprobs && !brief)
        find (probe, "top_logprobs", PROBE_GOOD, "%u are accepted", asked);
}

// What to change, by the words of the refusal.
static const char *mend_of (const char *text)
{
    static const struct { const char *word, *mend; } known [] = {
        { "max_completion_tokens", "set judge.max_completion_tokens to true" },
        { "top_logprobs", "set judge.top_logprobs to 5, or lower" },
        { "temperature", "add temperature to judge.omit" },
        { "logprobs", "set judge.logprobs to false, or add it to judge.omit" },
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr (text, known [i].word))
            return known [i].mend;
    return "see judge.omit and judge.extra";
}

static void find_no_answer (probe_t *probe)
{
    const probe_reply_t *reply = &probe->reply;
    char text [256];
    if (reply->outcome != HTTP_ANSWERED) {
        find (probe, "answers", PROBE_WRONG, "no answer: %s; try again, or see the server's log", reply->why);
        return;
    }
    error_text (probe, text);
    if (reply->status == 404)
        find (probe, "model", PROBE_WRONG, "the server does not know %s (404 %s); %s%s", probe->config->judge.model, text,
              probe->models [0] ? "it has " : "check the URL and --model", probe->models);
    else if (reply->status == 401 || reply->status == 403)
        find (probe, "key", PROBE_WRONG, "the server refuses the key (%ld %s); set OPENAI_API_KEY", reply->status, text);
    else if (reply->status == 503)
        find (probe, "answers", PROBE_WRONG, "the server is not ready (503 %s); wait until its model is loaded", text);
    else if (reply->status == 429)
        find (probe, "answers", PROBE_WRONG, "the server refuses more requests (429 %s); wait, or raise its limit", text);
    else
        find (probe, "answers", PROBE_WRONG, "refused (%ld %s); %s", reply->status, text, mend_of (text));
}

// Does the answer begin with thoughts?
static bool thinks (probe_t *probe)
{
    const json_value_t *root;
    if (json_parse (probe->doc, probe->reply.body.data, probe->reply.body.len, &root, NULL) != OK)
        return false;
    const json_value_t *choices = json_get (root, "choices");
    const json_value_t *message = json_get (json_is (choices, JSON_ARRAY) ? choices->child : NULL, "message");
    static const char *const names [] = { "reasoning_content", "reasoning" };
    for (size_t i = 0; i < 2; i++) {
        const json_value_t *text = json_get (message, names [i]);
        if (json_is (text, JSON_STRING) && text->len > 0)
            return true;
    }
    const json_value_t *content = json_get (message, "content");
    return json_is (content, JSON_STRING) && strncmp (content->text + strspn (content->text, " \n"), "<think>", 7) == 0;
}

static void judge_answer (probe_t *probe)
{
    const answer_t *answer = &probe->answer;
    bool thinking = thinks (probe), first = probe->settings.position == LABEL_FIRST;
    if (thinking && first)
        find (probe, "thinking", PROBE_WRONG, "the model thinks before it answers; turn that off (for many: judge.extra "
              "{\"chat_template_kwargs\": {\"enable_thinking\": false}}) or set judge.label_position to after_reasoning");
    else
        find (probe, "thinking", PROBE_GOOD, "%s", thinking ? "the model thinks first, and is waited for" : "the model answers at once");
    if (answer->kind == ANSWER_MALFORMED)
        find (probe, "answers", PROBE_WRONG, "what came is no chat completion (%s); is this an OpenAI-compatible server?", answer->why);
    else if (answer->kind == ANSWER_UNREADABLE) {
        if (!thinking || !first)
            find (probe, "mass", PROBE_WRONG, "no label in the answer (%s); try another model or prompt, or judge.constrain", answer->why);
    } else if (probe->settings.logprobs && !answer->from_logprobs)
        find (probe, "log-probabilities", PROBE_WRONG, "none are returned; start the server with them, or set judge.logprobs to false, "
              "which reads the answer's text and gives 1, -1 or 0");
    else {
        find (probe, "answers", answer->cell.score > 0 ? PROBE_GOOD : PROBE_NOTE, "a plain Yes is judged %.3f%s (-1 is No, 1 is Yes)",
              answer->cell.score / 1e6, answer->cell.score > 0 ? "" : ", which bodes ill for this model");
        if (probe->settings.logprobs)
            find (probe, "log-probabilities", PROBE_GOOD, "the three labels have %.1f %% of the probability", answer->cell.mass / 1e4);
    }
}

// --- what helps to know ----------------------------------------------------

// llama.cpp tells its context length at the server's root.
static void find_context (probe_t *probe)
{
    size_t len = strlen (probe->base);
    if (probe->context == 0) {
        if (len > 3 && strcmp (probe->base + len - 3, "/v1") == 0)
            len -= 3;
        char *url = mem_printf ("%.*s/props", (int) len, probe->base);
        probe_call (probe->http, url, probe->secret, NULL, LIST_MS, &probe->reply);
        free (url);
        const json_value_t *root;
        const buf_t *body = &probe->reply.body;
        if (probe->reply.status == 200 && json_parse (probe->doc, body->data, body->len, &root, NULL) == OK
            && !json_int (json_get (json_get (root, "default_generation_settings"), "n_ctx"), &probe->context))
            probe->context = 0;
    }
    if (probe->context > 0)
        find (probe, "context", PROBE_GOOD, "%lld tokens", (long long) probe->context);
    else
        find (probe, "context", PROBE_NOTE, "the server does not tell how long a conversation may be");
}

// The standard deviation of the score, and whether the second time the prompt came from the cache.
static void find_noise (probe_t *probe)
{
    double scores [REPEATS], sum = 0, squares = 0;
    uint64_t cached = 0, prompt = 0;
    for (int i = 0; i < REPEATS; i++) {
        ask (probe);
        if (!answered (probe) || probe->answer.kind != ANSWER_CELL) {
            find (probe, "repeats", PROBE_NOTE, "a repeated question got no label; the server may be unsteady");
            return;
        }
        scores [i] = probe->answer.cell.score / 1e6;
        sum += scores [i];
        if (probe->answer.cached_tokens > cached)
            cached = probe->answer.cached_tokens;
        prompt = probe->answer.prompt_tokens;
    }
    for (int i = 0; i < REPEATS; i++)
        squares += (scores [i] - sum / REPEATS) * (scores [i] - sum / REPEATS);
    double deviation = sqrt (squares / (REPEATS - 1));
    // A label compares two means of k scores: twice the deviation of their difference.
    double margin = ceil (2000 * deviation * sqrt (2.0 / (double) probe->config->policy.top) - 1e-6) / 1000;
    probe->report->tie_margin = margin;
    if (cached > 0)
        find (probe, "prefix cache", PROBE_GOOD, "%llu of %llu prompt tokens came from it", (unsigned long long) cached, (unsigned long long) prompt);
    else
        find (probe, "prefix cache", PROBE_NOTE, "the server tells of none; with one, the rules of a response cost a fraction (vLLM: --enable-prefix-caching)");
    find (probe, "repeats", PROBE_GOOD, "the same question %d times: standard deviation %.4f; a tie margin of %g covers it "
          "(run.tie_margin)", REPEATS, deviation, margin);
}

// --- all of it -------------------------------------------------------------

static status_t copy_config (const config_t *config, config_t **out, fault_t *fault)
{
    buf_t text = { 0 };
    config_print (config, &text);
    *out = config_new ();
    status_t status = config_load (*out, "configuration", text.data, text.len, fault);
    buf_free (&text);
    return status;
}

static status_t begin (probe_t *probe, const config_t *config, fault_t *fault)
{
    size_t len = strlen (probe->url);
    while (len > 0 && probe->url [len - 1] == '/')
        len--;
    probe->base = mem_string_n (probe->url, len);
    status_t status = copy_config (config, &probe->config, fault);
    if (status == OK)
        status = secret_read (config->judge.key_file, config->judge.key_command, &probe->secret, fault);
    const http_options_t options = { .ca_file = config->judge.ca_file };
    return status == OK ? http_new (&options, &probe->http, fault) : status;
}

static void end (probe_t *probe)
{
    http_destroy (&probe->http);
    json_doc_destroy (&probe->doc);
    chat_template_destroy (&probe->template);
    if (probe->filled)
        judge_setup_clear (&probe->setup);
    config_destroy (&probe->config);
    secret_free (&probe->secret);
    buf_free (&probe->reply.body);
    free (probe->base);
}

static status_t look (probe_t *probe, bool brief, fault_t *fault)
{
    status_t status = OK;
    if (!reach (probe, fault, &status))
        return status;
    status = prepare (probe, fault);
    if (status != OK)
        return status;
    ask_first (probe, brief);
    if (!answered (probe)) {
        find_no_answer (probe);
        return OK;
    }
    judge_answer (probe);
    bool readable = probe->answer.kind == ANSWER_CELL;
    if (!brief)
        find_context (probe);
    if (!brief && readable)
        find_noise (probe);
    return OK;
}

status_t probe_run (const config_t *config, const char *url, bool brief, probe_report_t *out, fault_t *fault)
{
    *out = (probe_report_t) { .tie_margin = -1 };
    probe_t probe = { .url = url, .report = out, .doc = json_doc_new () };
    status_t status = begin (&probe, config, fault);
    if (status == OK)
        status = look (&probe, brief, fault);
    end (&probe);
    return status;
}

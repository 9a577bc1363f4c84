#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ops/probe_parts.h"

enum { MENDS_TRIED_MAX = 4 };

const char probe_rule_known [] = "The response names the city that was asked for.";
const char probe_rule_doubtful [] = "The response is of use to somebody who plans a journey.";

// --- one question ----------------------------------------------------------

static void build (probe_t *probe, const char *rule, buf_t *body)
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
    buf_t prefix = { 0 };
    chat_request_begin (&probe->settings, probe->template, &prompt, &response, 0, &prefix);
    chat_request_finish (&probe->settings, probe->template, &prefix, rule, probe->constrain, body);
    buf_free (&prefix);
}

static prices_t prices_of (const probe_t *probe)
{
    const Rulemill__JudgeSetup *m = &probe->setup.message;
    return (prices_t) { m->price_prompt, m->price_cached, m->price_completion };
}

static spend_t bound_of (const probe_t *probe, const buf_t *body)
{
    const prices_t prices = prices_of (probe);
    uint64_t prompt = body->len + CHAT_OVERHEAD_TOKENS, answer = chat_completion_max (&probe->settings, probe->constrain);
    return spend_of (1, sum_u64 (prompt, answer), prices_bound (&prices, prompt, answer));
}

static bool may_call (probe_t *probe, const spend_t *bound)
{
    const probe_options_t *options = probe->options;
    if (options->may_call && !options->may_call (options->ctx, bound)) {
        probe->out_of_calls = true;
        probe->reply.outcome = HTTP_UNREACHABLE;
        probe->reply.status = 0;
        return false;
    }
    probe->report->calls++;
    return true;
}

// What a refusal used is a call; what an answer that does not say used is its bound.
static void count (probe_t *probe, const spend_t *bound)
{
    const answer_t *answer = &probe->answer;
    const prices_t prices = prices_of (probe);
    bool came = probe->reply.outcome == HTTP_ANSWERED;
    long status = came ? probe->reply.status : 0;
    if (probe_answered (probe)) {
        probe->seconds += probe->reply.seconds;
        probe->answered++;
    }
    const usage_t used = {
        .calls = 1, .prompt_tokens = answer->prompt_tokens, .cached_tokens = answer->cached_tokens,
        .completion_tokens = answer->completion_tokens, .refused = status == 429 || status == 503,
        .cost = prices_cost (&prices, answer->prompt_tokens, answer->cached_tokens, answer->completion_tokens)
    };
    bool idle = probe->reply.outcome == HTTP_UNREACHABLE || status == 503 || (status >= 300 && status < 500 && status != 408);
    spend_t spent = spend_of (1, sum_u64 (answer->prompt_tokens, answer->completion_tokens), used.cost);
    if (answer->prompt_tokens > probe->report->prompt_tokens)
        probe->report->prompt_tokens = answer->prompt_tokens;
    if (answer->prompt_tokens == 0 && !idle)
        spent = *bound;
    if (probe->options->usage)
        usage_add (probe->options->usage, &used);
    if (probe->options->spent)
        spend_add (probe->options->spent, &spent);
}

void probe_ask (probe_t *probe, const char *rule)
{
    buf_t body = { 0 };
    build (probe, rule, &body);
    char *url = mem_printf ("%s/chat/completions", probe->base);
    const spend_t bound = bound_of (probe, &body);
    unsigned waited_ms = 0;
    do {
        probe->answer = (answer_t) { .kind = ANSWER_MALFORMED };
        if (!may_call (probe, &bound))
            break;
        probe_call (probe->http, url, probe->secret, &body, probe->setup.message.timeout_ms, probe->options->stop, &probe->reply);
        answer_read (probe->doc, &probe->settings, probe->constrain, probe->reply.body.data, probe->reply.body.len, &probe->answer);
        if (probe->constrain != CONSTRAIN_NONE && probe->answer.kind == ANSWER_UNREADABLE)
            probe_read_text (probe);
        count (probe, &bound);
    } while (probe->reply.outcome == HTTP_ANSWERED && probe->reply.status == 503 && probe_wait (probe, &waited_ms));
    free (url);
    buf_free (&body);
}

// A server may tell of probabilities from before the constraint: then the word is the answer.
bool probe_read_text (probe_t *probe)
{
    chat_settings_t settings = probe->settings;
    settings.logprobs = false;
    answer_t text;
    answer_read (probe->doc, &settings, probe->constrain, probe->reply.body.data, probe->reply.body.len, &text);
    if (text.kind == ANSWER_CELL)
        probe->answer = text;
    return text.kind == ANSWER_CELL;
}

bool probe_answered (const probe_t *probe)
{
    return probe->reply.outcome == HTTP_ANSWERED && probe->reply.status == 200;
}

static bool refused (const probe_t *probe)
{
    return probe->reply.outcome == HTTP_ANSWERED && (probe->reply.status == 400 || probe->reply.status == 422);
}

// --- what to change, by the words of the refusal ---------------------------

// The last number that a text names, from 1 to below most; 0: none.
static unsigned number_in (const char *text, unsigned most)
{
    unsigned found = 0;
    for (const char *p = text; *p; ) {
        size_t digits = strspn (p, "0123456789");
        unsigned long number = digits > 0 && digits < 6 ? strtoul (p, NULL, 10) : 0;
        if (number >= 1 && number < most)
            found = (unsigned) number;
        p += digits ? digits : 1;
    }
    return found;
}

static bool ask_with_top (probe_t *probe, unsigned top)
{
    probe->settings.top_logprobs = top;
    probe_ask (probe, probe_rule_known);
    return probe_answered (probe);
}

// The most that is accepted below what was refused: what the refusal names, else by halving. False: not even one is.
static bool lower_top (probe_t *probe, const char *text)
{
    unsigned asked = probe->settings.top_logprobs, high = asked, low = 0, named = number_in (text, asked);
    bool found = named > 0 && ask_with_top (probe, named);
    low = found ? named : 0;
    while (!found && high - low > 1 && !probe->out_of_calls) {
        unsigned middle = low + (high - low) / 2;
        bool good = ask_with_top (probe, middle);
        if (!good && !refused (probe))
            break;
        *(good ? &low : &high) = middle;
    }
    if (low == 0) {
        probe->settings.top_logprobs = asked;
        return false;
    }
    if (probe->settings.top_logprobs != low)
        ask_with_top (probe, low);
    probe_find (probe, "top_logprobs", PROBE_WRONG, "%u are refused, %u are accepted; set judge.top_logprobs to %u", asked, low, low);
    probe_mend (probe, "judge.top_logprobs", "%u", low);
    return true;
}

static void without_logprobs (probe_t *probe)
{
    probe->settings.logprobs = false;
    probe->settings.max_tokens = probe->settings.max_tokens > 8 ? probe->settings.max_tokens : 8;
    probe_ask (probe, probe_rule_known);
    probe_find (probe, "log-probabilities", PROBE_WRONG, "the server refuses to give them; set judge.logprobs to false, which reads the "
                "answer's text and gives 1, -1 or 0");
    probe_mend (probe, "judge.logprobs", "false");
}

static void other_token_limit (probe_t *probe)
{
    bool newer = !probe->settings.max_completion_tokens;
    probe->settings.max_completion_tokens = newer;
    probe_ask (probe, probe_rule_known);
    probe_find (probe, "max_tokens", PROBE_WRONG, "the server refuses %s; set judge.max_completion_tokens to %s",
                newer ? "max_tokens" : "max_completion_tokens", newer ? "true" : "false");
    probe_mend (probe, "judge.max_completion_tokens", newer ? "true" : "false");
}

static void without_temperature (probe_t *probe)
{
    size_t n = probe->settings.n_omit;
    probe->omit [n] = "temperature";
    probe->settings.n_omit = n + 1;
    probe_ask (probe, probe_rule_known);
    probe_find (probe, "temperature", PROBE_WRONG, "the server refuses it; add temperature to judge.omit");
    buf_t list = { 0 };
    for (size_t i = 0; i <= n; i++)
        buf_printf (&list, "%s%s", i ? ", " : "", probe->omit [i]);
    probe_mend (probe, "judge.omit", "[%s]", list.data);
    buf_free (&list);
}

static bool omits (const probe_t *probe, const char *name)
{
    for (size_t i = 0; i < probe->settings.n_omit; i++)
        if (strcmp (probe->settings.omit [i], name) == 0)
            return true;
    return false;
}

static bool has_mend (const probe_t *probe, const char *key)
{
    for (size_t i = 0; i < probe->report->n_mends; i++)
        if (strcmp (probe->report->mend [i].key, key) == 0)
            return true;
    return false;
}

// Change what the refusal complains of, and ask again. False: nothing is known to change.
static bool change (probe_t *probe)
{
    char text [256];
    probe_error_text (probe, text);
    bool logprobs = probe->settings.logprobs && strstr (text, "logprobs");
    if (logprobs && strstr (text, "top_logprobs") && !has_mend (probe, "judge.top_logprobs") && lower_top (probe, text))
        return true;
    bool limit = strstr (text, "max_tokens") || strstr (text, "max_completion_tokens");
    if (logprobs && !probe->out_of_calls)
        without_logprobs (probe);
    else if (limit && !has_mend (probe, "judge.max_completion_tokens"))
        other_token_limit (probe);
    else if (strstr (text, "temperature") && !omits (probe, "temperature") && probe->settings.n_omit + 1 < PROBE_OMIT_MAX)
        without_temperature (probe);
    else
        return false;
    return true;
}

void probe_ask_first (probe_t *probe)
{
    unsigned asked = probe->settings.top_logprobs;
    probe_ask (probe, probe_rule_known);
    for (int i = 0; i < MENDS_TRIED_MAX && refused (probe) && change (probe); i++)
        continue;
    if (probe_answered (probe) && probe->settings.logprobs && probe->settings.top_logprobs == asked && probe->options->depth == PROBE_FULL)
        probe_find (probe, "top_logprobs", PROBE_GOOD, "%u are accepted", asked);
}

// --- no answer -------------------------------------------------------------

static void find_error (probe_t *probe, long status)
{
    char text [256];
    bool context;
    answer_error (probe->doc, probe->reply.body.data, probe->reply.body.len, text, sizeof text, &context);
    if (status == 404)
        probe_find (probe, "model", PROBE_WRONG, "the server does not know %s (404 %s); %s%s", probe->config->judge.model, text,
                    probe->models [0] ? "it has " : "check the URL and --model", probe->models);
    else if (status == 401 || status == 403)
        probe_find (probe, "key", PROBE_WRONG, "the server refuses the key (%ld %s); set OPENAI_API_KEY", status, text);
    else if (status == 503)
        probe_find_away (probe, "answers", PROBE_LOADING, "the server is not ready (503 %s); wait until its model is loaded", text);
    else if (status == 429)
        probe_find_away (probe, "answers", PROBE_AWAY, "the server refuses more requests (429 %s); wait, or raise its limit", text);
    else if (status >= 500 || status == 408)
        probe_find_away (probe, "answers", PROBE_AWAY, "the server fails (%ld %s); see its log", status, text);
    else if (context)
        probe_find (probe, "context", PROBE_WRONG, "a short question is too long for the model (%ld %s); serve it with a longer context",
                    status, text);
    else
        probe_find (probe, "answers", PROBE_WRONG, "refused (%ld %s); see judge.omit and judge.extra", status, text);
}

void probe_find_no_answer (probe_t *probe)
{
    const probe_reply_t *reply = &probe->reply;
    if (probe->out_of_calls)
        probe_find (probe, "answers", PROBE_NOTE, "not asked: the budget leaves no further call");
    else if (reply->outcome != HTTP_ANSWERED)
        probe_find_away (probe, "answers", PROBE_AWAY, "no answer: %s; try again, or see the server's log", reply->why);
    else
        find_error (probe, reply->status);
}

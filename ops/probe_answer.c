#include <math.h>
#include <string.h>

#include "ops/probe_parts.h"

enum { REPEATS = PROBE_CALLS_FULL - PROBE_CALLS_SHORT };

#define THINK_NOT "{\"chat_template_kwargs\": {\"enable_thinking\": false}}"

// A margin over this would make ties of what a judge is sure of.
static const double MARGIN_MAX = 0.5, MARGIN_AIM = 0.25;

// --- does it think? --------------------------------------------------------

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

// Can it be told not to? Many chat templates know this word.
static void stop_thinking (probe_t *probe)
{
    if (probe->settings.extra == NULL) {
        probe->settings.extra = THINK_NOT;
        probe_ask (probe, probe_rule_known);
        if (probe_answered (probe) && probe->answer.kind == ANSWER_CELL && !thinks (probe)) {
            probe_find (probe, "thinking", PROBE_WRONG, "the model thinks before it answers; set judge.extra to '" THINK_NOT "', which "
                        "turns that off");
            probe_mend (probe, "judge.extra", "'" THINK_NOT "'");
            return;
        }
    }
    probe_find (probe, "thinking", PROBE_WRONG, "the model thinks before it answers; set judge.label_position to after_reasoning, or turn "
                "thinking off at the server (enable_thinking did not)");
    probe_mend (probe, "judge.label_position", "after_reasoning");
}

// --- what it says ----------------------------------------------------------

static void judge_cell (probe_t *probe)
{
    const answer_t *answer = &probe->answer;
    bool yes = answer->cell.score > 0;
    if (probe->settings.logprobs && !answer->from_logprobs && probe->constrain == CONSTRAIN_NONE) {
        probe_find (probe, "log-probabilities", PROBE_WRONG, "none are returned; start the server with them, or set judge.logprobs to false, "
                    "which reads the answer's text and gives 1, -1 or 0");
        probe_mend (probe, "judge.logprobs", "false");
        probe->settings.logprobs = false;
        return;
    }
    probe_find (probe, "answers", yes ? PROBE_GOOD : PROBE_NOTE, "a plain Yes is judged %.3f%s (-1 is No, 1 is Yes)",
                answer->cell.score / 1e6, yes ? "" : ", which bodes ill for this model");
    if (answer->from_logprobs)
        probe_find (probe, "log-probabilities", PROBE_GOOD, "the three labels have %.1f %% of the probability", answer->cell.mass / 1e4);
}

void probe_judge_answer (probe_t *probe)
{
    bool thinking = thinks (probe);
    if (thinking && probe->settings.position == LABEL_FIRST) {
        stop_thinking (probe);
        if (!probe_answered (probe) || probe->answer.kind != ANSWER_CELL)
            return;
    } else
        probe_find (probe, "thinking", PROBE_GOOD, "%s", thinking ? "the model thinks first, and is waited for" : "the model answers at once");
    const answer_t *answer = &probe->answer;
    if (answer->kind == ANSWER_MALFORMED)
        probe_find (probe, "answers", PROBE_WRONG, "what came is no chat completion (%s); is this an OpenAI-compatible server?", answer->why);
    else if (answer->kind == ANSWER_UNREADABLE)
        probe_constrain (probe);
    if (answer->kind == ANSWER_CELL)
        judge_cell (probe);
}

// --- noise -----------------------------------------------------------------

static void find_cache (probe_t *probe, uint64_t cached, uint64_t prompt, bool later)
{
    probe->report->cached_share = prompt ? (double) cached / (double) prompt : 0;
    if (cached > 0)
        probe_find (probe, "prefix cache", PROBE_GOOD, "%llu of %llu prompt tokens came from it when only the rule was another",
                    (unsigned long long) cached, (unsigned long long) prompt);
    else
        probe_find (probe, "prefix cache", PROBE_NOTE, "%s; with one, the rules of a response cost a fraction (vLLM has one unless told "
                    "otherwise, in blocks of tokens that a short prompt may not fill, and tells of it with --enable-prompt-tokens-details)",
                    later ? "it serves only the very same request again" : "the server tells of none");
}

double probe_margin (double deviation, double top)
{
    double margin = ceil (2000 * deviation * sqrt (2.0 / top) - 1e-6) / 1000;
    if (margin > MARGIN_MAX)
        return -1;
    return margin > 0 ? margin : 0;     // never the -0 that a deviation of 0 rounds to
}

static void find_too_noisy (probe_t *probe, double deviation)
{
    probe_find (probe, "repeats", PROBE_NOTE, "the same question %d times: standard deviation %.4f, too much for a tie margin; %s", REPEATS,
                deviation, probe->settings.logprobs ? "is the temperature 0, and the server in order?"
                                                    : "set judge.temperature to 0, or average more answers");
    if (probe->settings.logprobs)
        return;
    double top = (double) probe->config->policy.top, ratio = 2 * deviation * sqrt (2.0 / top) / MARGIN_AIM;
    probe_find (probe, "samples", PROBE_NOTE, "judge.samples %.0f would bring the margin to about %g",
                ceil (ratio * ratio * (double) probe->config->judge.samples), MARGIN_AIM);
}

// Each answer was one; a cell is the mean of judge.samples of them where the text is read.
static void propose (probe_t *probe, double deviation)
{
    probe_report_t *report = probe->report;
    if (!probe->settings.logprobs)
        deviation /= sqrt ((double) probe->config->judge.samples);
    report->measured = true;
    report->deviation = deviation;
    report->tie_margin = probe_margin (deviation, (double) probe->config->policy.top);
    if (report->tie_margin < 0)
        find_too_noisy (probe, deviation);
    else
        probe_find (probe, "repeats", PROBE_GOOD, "the same question %d times: standard deviation %.4f; a tie margin of %g covers it "
                    "(run.tie_margin)", REPEATS, deviation, report->tie_margin);
}

void probe_find_noise (probe_t *probe)
{
    double scores [REPEATS], sum = 0, squares = 0;
    uint64_t cached = 0, prompt = 0, cached_later = 0;
    for (int i = 0; i < REPEATS; i++) {
        probe_ask (probe, probe_rule_doubtful);
        if (!probe_answered (probe) || probe->answer.kind != ANSWER_CELL) {
            probe_find (probe, "repeats", PROBE_NOTE, "%s", probe->out_of_calls ? "the budget leaves no call to measure the noise"
                        : "a repeated question got no label; the server may be unsteady");
            return;
        }
        scores [i] = probe->answer.cell.score / 1e6;
        sum += scores [i];
        if (i == 0) {
            cached = probe->answer.cached_tokens;
            prompt = probe->answer.prompt_tokens;
        }
        cached_later += probe->answer.cached_tokens;
    }
    for (int i = 0; i < REPEATS; i++)
        squares += (scores [i] - sum / REPEATS) * (scores [i] - sum / REPEATS);
    find_cache (probe, cached, prompt, cached_later > 0);
    propose (probe, sqrt (squares / (REPEATS - 1)));
}

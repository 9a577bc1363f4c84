#include <stdio.h>

#include "ops/probe_parts.h"
#include "worker/chat_setup.h"

static const char *const names [] = { "none", "structured_outputs", "guided_choice", "response_format" };

static bool answers_with (probe_t *probe, constrain_t constrain)
{
    probe->constrain = constrain;
    probe_ask (probe, probe_rule_known);
    return probe_answered (probe) && probe->answer.kind == ANSWER_CELL;
}

// As configured: every cell whose answer is like this one is asked for twice.
static void find_configured (probe_t *probe, constrain_t constrain, const char *why)
{
    bool label = answers_with (probe, constrain);
    if (probe->out_of_calls)
        probe_find (probe, "mass", PROBE_NOTE, "no label in a free answer (%s); the budget leaves no call to ask with judge.constrain", why);
    else if (label)
        probe_find (probe, "mass", PROBE_NOTE, "no label in a free answer (%s); asked again with judge.constrain %s there is one%s", why,
                    names [constrain], probe->answer.from_logprobs ? "" : ", which its word alone tells: it counts 1, -1 or 0");
    else
        probe_find (probe, "mass", PROBE_WRONG, "no label in the answer (%s), nor with judge.constrain %s; try another constraint, model or "
                    "prompt", why, names [constrain]);
}

// None is configured: the first that mends it is told.
static void find_mend (probe_t *probe, const char *why)
{
    for (constrain_t constrain = CONSTRAIN_STRUCTURED; constrain <= CONSTRAIN_RESPONSE_FORMAT && !probe->out_of_calls; constrain++)
        if (answers_with (probe, constrain)) {
            probe_find (probe, "mass", PROBE_WRONG, "no label in the answer (%s); set judge.constrain to %s, with which there is one", why,
                        names [constrain]);
            probe_mend (probe, "judge.constrain", "%s", names [constrain]);
            return;
        }
    probe_find (probe, "mass", PROBE_WRONG, "no label in the answer (%s)%s; try another model or prompt", why,
                probe->out_of_calls ? "" : ", nor with any judge.constrain");
}

void probe_constrain (probe_t *probe)
{
    char why [sizeof probe->answer.why];
    snprintf (why, sizeof why, "%s", probe->answer.why);
    constrain_t configured = chat_setup_constrain (&probe->setup.message);
    if (configured != CONSTRAIN_NONE)
        find_configured (probe, configured, why);
    else if (probe->settings.logprobs && probe_read_text (probe)) {
        probe_find (probe, "mass", PROBE_WRONG, "the answer's word is a label, its probabilities are not (%s); set judge.logprobs to false, "
                    "which reads the word and gives 1, -1 or 0", why);
        probe_mend (probe, "judge.logprobs", "false");
        probe->settings.logprobs = false;
    } else
        find_mend (probe, why);
}

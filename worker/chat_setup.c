#include "worker/chat_setup.h"

#include <string.h>

chat_settings_t chat_setup_settings (const Rulemill__JudgeSetup *setup)
{
    return (chat_settings_t) {
        .model = setup->model, .logprobs = setup->logprobs, .top_logprobs = setup->top_logprobs,
        .max_completion_tokens = setup->max_completion_tokens, .max_tokens = setup->max_tokens ? setup->max_tokens : 1,
        .temperature = setup->temperature,
        .position = strcmp (setup->label_position, "after_reasoning") == 0 ? LABEL_AFTER_REASONING : LABEL_FIRST,
        .extra = setup->extra [0] ? setup->extra : NULL, .omit = (const char *const *) setup->omit, .n_omit = setup->n_omit,
        .mass_min = setup->mass_min
    };
}

constrain_t chat_setup_constrain (const Rulemill__JudgeSetup *setup)
{
    static const char *const names [] = { "none", "structured_outputs", "guided_choice", "response_format" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp (setup->constrain, names [i]) == 0)
            return (constrain_t) i;
    return CONSTRAIN_NONE;
}

unsigned chat_setup_samples (const Rulemill__JudgeSetup *setup)
{
    return setup->logprobs || setup->samples == 0 ? 1 : setup->samples;
}

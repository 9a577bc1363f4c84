// How pairs are labelled, and which: what depends on the prompt that they are of.
#include <string.h>

#include "coordinator/kind_label_parts.h"

uint64_t label_limit_hash (const label_kind_t *self, const Rulemill__PromptRecord *prompt)
{
    content_key_t group = label_key (&prompt->group_key);
    return group_hash (self->options.run->spec->seed, "limit", &group);
}

bool label_prompts_differ (const label_kind_t *self)
{
    return self->threshold != UINT64_MAX || self->has_excluded || (self->auto_run && !auto_run_all_exhaustive (self->auto_run));
}

status_t label_look_at_prompt (label_kind_t *self, uint64_t number, fault_t *fault)
{
    if (self->prompt_known && self->prompt == number)
        return OK;
    bool excluded = false, sampled = self->threshold != UINT64_MAX;
    bool by_group = self->auto_run && !auto_run_all_exhaustive (self->auto_run);
    status_t status = record_is_excluded (self->options.store, self->run, number, &excluded, fault);
    Rulemill__PromptRecord *prompt = NULL;
    if (status == OK && (sampled || by_group || self->layers > self->members))
        status = record_get_prompt (self->options.store, number, &prompt, fault);
    self->prompt = number;
    self->prompt_known = status == OK;
    self->prompt_due = !excluded && (!sampled || prompt == NULL || label_limit_hash (self, prompt) <= self->threshold);
    self->prompt_again = prompt && label_again (self, prompt);
    self->prompt_group = prompt ? label_key (&prompt->group_key) : (content_key_t) { { 0 } };
    if (prompt)
        rulemill__prompt_record__free_unpacked (prompt, NULL);
    return status;
}

status_t label_how (label_kind_t *self, uint64_t item, uint64_t prompt, Rulemill__LabelHow *how, bool *later, fault_t *fault)
{
    bool always = self->auto_run == NULL || auto_run_all_exhaustive (self->auto_run);
    *how = self->auto_run && always ? RULEMILL__LABEL_HOW__HOW_EXHAUSTIVE : RULEMILL__LABEL_HOW__HOW_POLICY;
    *later = false;
    if (!label_prompts_differ (self) && self->layers == self->members)
        return OK;
    status_t status = label_look_at_prompt (self, prompt, fault);
    if (status != OK || always)
        return status;
    switch (auto_run_how (self->auto_run, item, &self->prompt_group)) {
    case AUTO_HOW_LATER:
        *later = true;
        break;
    case AUTO_HOW_EXHAUSTIVE:
        *how = RULEMILL__LABEL_HOW__HOW_EXHAUSTIVE;
        break;
    case AUTO_HOW_ADAPTER:
        *how = RULEMILL__LABEL_HOW__HOW_ADAPTER;
        break;
    case AUTO_HOW_AUDIT:
        *how = RULEMILL__LABEL_HOW__HOW_AUDIT;
        break;
    }
    return OK;
}

bool label_sampling (const label_kind_t *self)
{
    const Rulemill__AutoRecord *record = self->auto_run ? auto_run_record (self->auto_run) : NULL;
    return record && record->stage != RULEMILL__AUTO_STAGE__AUTO_REST && record->n_adapter == 0;
}

const char *label_selector (const label_kind_t *self, Rulemill__LabelHow how)
{
    switch (how) {
    case RULEMILL__LABEL_HOW__HOW_EXHAUSTIVE:
        return policy_name (POLICY_EXHAUSTIVE);
    case RULEMILL__LABEL_HOW__HOW_ADAPTER:
    case RULEMILL__LABEL_HOW__HOW_AUDIT:
        return policy_name (POLICY_ADAPTER);
    default:
        return self->options.run->spec->policy;
    }
}

// An adapter that is trained again leaves what the one before it has judged.
status_t label_adapter (label_kind_t *self, uint64_t item, uint32_t *place, fault_t *fault)
{
    *place = auto_run_record (self->auto_run) ? auto_run_adapter (self->auto_run, item) : 0;
    if (*place == 0)
        return OK;
    buf_t key = { 0 }, value = { 0 };
    bool found;
    label_retry_key (self->run, item, &key);
    status_t status = store_get (self->options.store, TABLE_LABELS, key.data, key.len, &value, &found, fault);
    if (status == OK && found && value.len == 1 && value.data [0] > 0 && (uint8_t) value.data [0] <= *place)
        *place = (uint8_t) value.data [0] - 1U;
    buf_free (&key);
    buf_free (&value);
    return status;
}

status_t label_adapter_of (label_kind_t *self, uint64_t item, const Rulemill__Label *label, uint32_t *adapter, fault_t *fault)
{
    uint32_t place = 0;
    bool through_one = self->auto_run && strcmp (label->selected_by, policy_name (POLICY_ADAPTER)) == 0;
    status_t status = through_one ? label_adapter (self, item, &place, fault) : OK;
    *adapter = through_one ? 1 + place : 0;
    return status;
}

bool kind_label_auto (const kind_t *kind, auto_state_t *out)
{
    const label_kind_t *self = (const label_kind_t *) kind;
    return self->auto_run && auto_run_state (self->auto_run, &self->written, out);
}

bool label_is_served (const label_kind_t *self)
{
    return *self->options.run->spec->adapter_model != '\0';
}

bool label_foreseen (const label_kind_t *self, Rulemill__LabelHow how, uint64_t *rules)
{
    const Rulemill__RunSpec *spec = self->options.run->spec;
    uint64_t n = self->options.pool->count;
    uint64_t judged = self->auto_run ? auto_run_judged (self->auto_run) : spec->judged;
    judged = judged > spec->top ? judged : spec->top;
    *rules = judged < n ? judged : n;
    return how == RULEMILL__LABEL_HOW__HOW_ADAPTER || strcmp (spec->policy, policy_name (POLICY_ADAPTER)) == 0;
}

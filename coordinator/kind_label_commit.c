#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/kind_label_parts.h"
#include "proto/wire_check.h"

// --- is the label what its scores say? -------------------------------------

static bool lists_agree (const Rulemill__Label *label)
{
    size_t n = label->n_rule;
    return label->n_score_a == n && label->n_score_b == n && label->n_relevance_a == n && label->n_relevance_b == n;
}

// Each rule at most once, those that were judged beside them too, with scores that a cell can have.
static bool rules_readable (const label_kind_t *self, const Rulemill__Label *label)
{
    bool seen [LIMIT_RULES] = { false };
    for (size_t i = 0; i < label->n_rule; i++) {
        uint32_t rule = label->rule [i];
        if (rule >= self->options.pool->count || rule >= LIMIT_RULES || seen [rule])
            return false;
        seen [rule] = true;
        if (label->score_a [i] < -MICRO || label->score_a [i] > MICRO || label->score_b [i] < -MICRO || label->score_b [i] > MICRO
            || label->relevance_a [i] > MICRO || label->relevance_b [i] > MICRO)
            return false;
    }
    for (size_t i = 0; i < label->n_beside; i++) {
        uint32_t rule = label->beside [i];
        if (rule >= self->options.pool->count || rule >= LIMIT_RULES || seen [rule])
            return false;
        seen [rule] = true;
    }
    return true;
}

static bool sums_agree (const label_kind_t *self, const Rulemill__Label *label)
{
    uint64_t weight [LIMIT_RULES];
    int8_t polarity [LIMIT_RULES];
    const Rulemill__RunSpec *spec = self->options.run->spec;
    int policy = policy_find (spec->policy);
    if (policy >= 0 && policy_wants_weights ((policy_t) policy) && spec->n_rule_weight != self->options.pool->count)
        return false;
    for (size_t i = 0; i < label->n_rule; i++) {
        uint32_t rule = label->rule [i];
        polarity [i] = (int8_t) self->options.pool->rules [rule].polarity;
        weight [i] = policy < 0 ? 1 : selection_weight ((policy_t) policy, spec->rule_weight, rule, label->relevance_a [i], label->relevance_b [i]);
    }
    return selection_sum (weight, polarity, label->score_a, label->n_rule) == label->sum_a
           && selection_sum (weight, polarity, label->score_b, label->n_rule) == label->sum_b;
}

static Rulemill__Outcome outcome_of (const label_kind_t *self, const Rulemill__Label *label)
{
    const Rulemill__RunSpec *spec = self->options.run->spec;
    int64_t difference = label->sum_a - label->sum_b;
    int64_t size = difference < 0 ? -difference : difference;
    if (label->n_rule == 0 || size <= (int64_t) spec->tie_margin * (int64_t) label->n_rule)
        return strcmp (spec->ties, "b") == 0 ? RULEMILL__OUTCOME__OUTCOME_B : RULEMILL__OUTCOME__OUTCOME_TIE;
    return difference > 0 ? RULEMILL__OUTCOME__OUTCOME_A : RULEMILL__OUTCOME__OUTCOME_B;
}

static bool label_holds (const label_kind_t *self, const Rulemill__PairRecord *pair, const char *selector, const Rulemill__Label *label)
{
    if (label->swapped != label_swapped (self, pair) || strcmp (label->selected_by, selector) != 0)
        return false;
    if (label->outcome == RULEMILL__OUTCOME__OUTCOME_QUARANTINED)
        return label->n_rule == 0 && label->n_beside == 0 && lists_agree (label) && strlen (label->raw) <= RAW_BYTES_MAX;
    bool foreseen = strcmp (selector, policy_name (POLICY_ADAPTER)) == 0;
    return lists_agree (label) && (foreseen || label->n_beside == 0) && *label->raw == '\0' && rules_readable (self, label) && *label->reason == '\0' && sums_agree (self, label) && label->outcome == outcome_of (self, label);
}

// --- counts ----------------------------------------------------------------

static void count_given (Rulemill__RunCounts *counts, const Rulemill__PairRecord *pair, const Rulemill__Label *label)
{
    if (pair->given != RULEMILL__SIDE__SIDE_A && pair->given != RULEMILL__SIDE__SIDE_B)
        return;
    bool wants_a = (pair->given == RULEMILL__SIDE__SIDE_A) != label->swapped;
    if (label->outcome == RULEMILL__OUTCOME__OUTCOME_TIE)
        counts->given_ties++;
    else if (wants_a == (label->outcome == RULEMILL__OUTCOME__OUTCOME_A))
        counts->agree++;
    else
        counts->disagree++;
}

static void count (Rulemill__RunCounts *counts, const Rulemill__PairRecord *pair, const Rulemill__Label *label)
{
    if (label->outcome == RULEMILL__OUTCOME__OUTCOME_QUARANTINED) {
        counts->quarantined++;
        counts->too_long += label->too_long;
        return;
    }
    counts->labelled++;
    counts->ties += label->outcome == RULEMILL__OUTCOME__OUTCOME_TIE;
    counts->identical += label->tie_reason == RULEMILL__TIE_REASON__TIE_IDENTICAL;
    count_given (counts, pair, label);
}

static void forget_retry (const label_kind_t *self, store_batch_t *batch, uint64_t item)
{
    if (!self->retrying)
        return;
    buf_t key = { 0 };
    label_retry_key (self->run, item, &key);
    store_batch_delete (batch, TABLE_LABELS, key.data, key.len);
    buf_free (&key);
}

static void keep (label_kind_t *self, store_batch_t *batch, uint64_t item, const Rulemill__PairRecord *pair, const Rulemill__Label *label)
{
    record_put_label (batch, self->run, item, label);
    forget_retry (self, batch, item);
    if (label_is_served (self) && label->outcome != RULEMILL__OUTCOME__OUTCOME_QUARANTINED)
        record_delete_foreseen (batch, self->run, item);
    count (&self->counts, pair, label);
}

void label_used (kind_t *kind, const usage_t *usage)
{
    label_kind_t *self = (label_kind_t *) kind;
    Rulemill__RunCounts *counts = &self->counts;
    if (label_sampling (self)) {
        counts->sample_calls += usage->calls;
        counts->sample_prompt_tokens += usage->prompt_tokens;
        counts->sample_cached_tokens += usage->cached_tokens;
        counts->sample_completion_tokens += usage->completion_tokens;
        counts->sample_cost += usage->cost;
        counts->sample_ms += usage->ms;
        counts->sample_first_calls += usage->first_calls;
        counts->sample_first_ms += usage->first_ms;
    }
    counts->calls += usage->calls;
    counts->prompt_tokens += usage->prompt_tokens;
    counts->cached_tokens += usage->cached_tokens;
    counts->completion_tokens += usage->completion_tokens;
    counts->refused += usage->refused;
    counts->cost += usage->cost;
    counts->cut_responses += usage->cut_responses;
    counts->cut_turns += usage->cut_turns;
    counts->ms += usage->ms;
    counts->adapter_calls += usage->adapter_calls;
    counts->shortened += usage->shortened;
}

// --- cells: the first write wins -------------------------------------------

static size_t cell_place (const Rulemill__Cells *cells, uint32_t rule)
{
    size_t low = 0, high = cells->n_rule;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cells->rule [middle] < rule)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void insert_cell (Rulemill__Cells *cells, size_t at, uint32_t rule, int32_t score, uint32_t relevance, uint32_t mass)
{
    size_t n = cells->n_rule, tail = n - at;
    memmove (cells->rule + at + 1, cells->rule + at, tail * sizeof *cells->rule);
    memmove (cells->score + at + 1, cells->score + at, tail * sizeof *cells->score);
    memmove (cells->relevance + at + 1, cells->relevance + at, tail * sizeof *cells->relevance);
    memmove (cells->mass + at + 1, cells->mass + at, tail * sizeof *cells->mass);
    cells->n_rule = cells->n_score = cells->n_relevance = cells->n_mass = at;
    label_cells_add (cells, rule, score, relevance, mass);
    cells->n_rule = cells->n_score = cells->n_relevance = cells->n_mass = n + 1;
}

// The stored cells of a response in one layer with room for more, in the overlay.
static status_t overlay_get (label_kind_t *self, uint64_t response, size_t layer, size_t room, overlay_t **out, fault_t *fault)
{
    const overlay_key_t key = { response, layer };
    HASH_FIND (hh, self->overlay, &key, sizeof key, *out);
    Rulemill__Cells *old = *out ? (*out)->cells : NULL;
    if (old == NULL) {
        status_t status = record_get_cells (self->options.store, response, self->layer_judge [layer], &old, fault);
        if (status != OK)
            return status;
        *out = mem_zero (1, sizeof **out);
        (*out)->key = key;
        HASH_ADD (hh, self->overlay, key, sizeof key, *out);
    }
    size_t n = old && old->n_score == old->n_rule && old->n_relevance == old->n_rule && old->n_mass == old->n_rule ? old->n_rule : 0;
    Rulemill__Cells *cells = label_cells_new (n + room);
    cells->raw = old && old->raw;
    for (size_t i = 0; i < n; i++)
        label_cells_add (cells, old->rule [i], old->score [i], old->relevance [i], old->mass [i]);
    if (old)
        rulemill__cells__free_unpacked (old, NULL);
    (*out)->cells = cells;
    return OK;
}

static bool cells_readable (const label_kind_t *self, const Rulemill__Cells *cells)
{
    size_t n = cells->n_rule, places = self->options.pool->count * self->layers;
    if (cells->n_score != n || cells->n_relevance != n || cells->n_mass != n || n > places)
        return false;
    for (size_t i = 0; i < n; i++)
        if (cells->rule [i] >= places || (i > 0 && cells->rule [i] <= cells->rule [i - 1])
            || cells->score [i] < -MICRO || cells->score [i] > MICRO || cells->relevance [i] > MICRO || cells->mass [i] > 2 * MICRO)
            return false;
    return true;
}

// Merge new cells of one response and layer, those from `from` up to `end`; *stale becomes true where the store has another value for
// one of them.
static status_t merge_layer (label_kind_t *self, store_batch_t *batch, uint64_t response, const Rulemill__Cells *fresh, size_t from, size_t end,
                             bool *stale, fault_t *fault)
{
    size_t rules = self->options.pool->count, layer = fresh->rule [from] / rules;
    overlay_t *overlay;
    status_t status = overlay_get (self, response, layer, end - from, &overlay, fault);
    if (status != OK)
        return status;
    for (size_t i = from; i < end; i++) {
        uint32_t rule = self->rule_number [fresh->rule [i] % rules];
        size_t at = cell_place (overlay->cells, rule);
        if (at == overlay->cells->n_rule || overlay->cells->rule [at] != rule) {
            insert_cell (overlay->cells, at, rule, fresh->score [i], fresh->relevance [i], fresh->mass [i]);
            self->counts.cells_judged++;
            self->counts.sample_cells += label_sampling (self);
        }
        else if (overlay->cells->score [at] != fresh->score [i] || overlay->cells->relevance [at] != fresh->relevance [i])
            *stale = true;
    }
    record_put_cells (batch, response, self->layer_judge [layer], overlay->cells);
    return OK;
}

static status_t merge (label_kind_t *self, store_batch_t *batch, uint64_t response, const Rulemill__Cells *fresh, bool *stale, fault_t *fault)
{
    status_t status = OK;
    size_t n = fresh ? fresh->n_rule : 0, rules = self->options.pool->count;
    for (size_t from = 0, end; from < n && status == OK; from = end) {
        for (end = from; end < n && fresh->rule [end] / rules == fresh->rule [from] / rules;)
            end++;
        status = merge_layer (self, batch, response, fresh, from, end, stale, fault);
    }
    return status;
}

static status_t tell_known (label_kind_t *self, uint64_t item, const Rulemill__PairRecord *pair, buf_t *known, fault_t *fault)
{
    bool swapped = label_swapped (self, pair);
    Rulemill__LabelKnown message = RULEMILL__LABEL_KNOWN__INIT;
    status_t status = label_known (self, item, pair, swapped ? 2 : 1, self->layers, &message.known_a, fault);
    if (status == OK)
        status = label_known (self, item, pair, swapped ? 1 : 2, self->layers, &message.known_b, fault);
    if (status == OK)
        wire_pack (&message.base, known);
    if (message.known_a)
        rulemill__cells__free_unpacked (message.known_a, NULL);
    if (message.known_b)
        rulemill__cells__free_unpacked (message.known_b, NULL);
    return status;
}

// --- the hooks -------------------------------------------------------------

// An audited pair has a label by exhaustive selection besides, or why there is none, unless it is set aside itself.
static bool audit_holds (const label_kind_t *self, const Rulemill__PairRecord *pair, Rulemill__LabelHow how, const Rulemill__LabelResult *result)
{
    bool wanted = how == RULEMILL__LABEL_HOW__HOW_AUDIT && result->label->outcome != RULEMILL__OUTCOME__OUTCOME_QUARANTINED;
    if (!wanted || result->audit == NULL)
        return !wanted && result->audit == NULL;
    return label_holds (self, pair, label_selector (self, RULEMILL__LABEL_HOW__HOW_EXHAUSTIVE), result->audit);
}

// What a served adapter chose: so many rules as it is to foresee, each once.
static bool chosen_readable (const label_kind_t *self, const Rulemill__LabelResult *result)
{
    bool seen [LIMIT_RULES] = { false };
    uint64_t n;
    (void) label_foreseen (self, RULEMILL__LABEL_HOW__HOW_POLICY, &n);
    if (!label_is_served (self) || result->n_chosen != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint32_t rule = result->chosen [i];
        if (rule >= self->options.pool->count || rule >= LIMIT_RULES || seen [rule])
            return false;
        seen [rule] = true;
    }
    return true;
}

// Is it of the adapter that the item is to go through now? Equal responses go through none.
static status_t adapter_fits (label_kind_t *self, uint64_t item, const Rulemill__PairRecord *pair, Rulemill__Label *label, bool *fits, fault_t *fault)
{
    uint32_t adapter;
    status_t status = label_adapter_of (self, item, label, &adapter, fault);
    *fits = status == OK && (self->auto_run == NULL || pair->response_a == pair->response_b || label->adapter == adapter);
    label->adapter = adapter;
    return status;
}

static bool result_readable (const label_kind_t *self, const Rulemill__PairRecord *pair, Rulemill__LabelHow how,
                             const Rulemill__LabelResult *result, bool final)
{
    if ((result->new_a && !cells_readable (self, result->new_a)) || (result->new_b && !cells_readable (self, result->new_b)))
        return false;
    if ((result->new_a || result->new_b) && !self->options.stored_cells)
        return false;
    if (result->n_chosen > 0 && (final || !chosen_readable (self, result)))
        return false;
    if (final && result->label)
        wire_clean_text (result->label->reason);        // it ends in reports and on terminals
    if (final && result->audit)
        wire_clean_text (result->audit->reason);
    return !final || (result->label && label_holds (self, pair, label_selector (self, how), result->label)
                      && audit_holds (self, pair, how, result));
}

static void remember_choice (label_kind_t *self, uint64_t item, const Rulemill__Foreseen *chosen)
{
    choice_t *choice = mem_zero (1, sizeof *choice);
    choice->item = item;
    wire_pack (&chosen->base, &choice->chosen);
    HASH_ADD (hh, self->choices, item, sizeof choice->item, choice);
}

// The first choice of a pair is the one by which it is judged, whoever takes it up again.
static status_t keep_chosen (label_kind_t *self, store_batch_t *batch, uint64_t item, const Rulemill__LabelResult *result, fault_t *fault)
{
    Rulemill__Foreseen *before = NULL, chosen = RULEMILL__FORESEEN__INIT;
    if (result->n_chosen == 0)
        return OK;
    status_t status = label_chosen (self, item, &before, fault);
    chosen.rule = result->chosen;
    chosen.n_rule = result->n_chosen;
    if (status == OK && before == NULL) {
        record_put_foreseen (batch, self->run, item, &chosen);
        remember_choice (self, item, &chosen);
    }
    if (before)
        rulemill__foreseen__free_unpacked (before, NULL);
    return status;
}

static status_t take (label_kind_t *self, store_batch_t *batch, uint64_t item, const Rulemill__PairRecord *pair,
                      const Rulemill__LabelResult *result, bool final, verdict_t *verdict, buf_t *known, fault_t *fault)
{
    bool swapped = label_swapped (self, pair), stale = false;
    status_t status = merge (self, batch, swapped ? pair->response_b : pair->response_a, result->new_a, &stale, fault);
    if (status == OK)
        status = merge (self, batch, swapped ? pair->response_a : pair->response_b, result->new_b, &stale, fault);
    if (status == OK)
        status = keep_chosen (self, batch, item, result, fault);
    if (status != OK)
        return status;
    if (stale) {
        *verdict = VERDICT_STALE;
        return tell_known (self, item, pair, known, fault);
    }
    *verdict = final ? VERDICT_FINAL : VERDICT_PARTIAL;
    if (final && result->audit)
        record_put_audit (batch, self->run, item, result->audit);
    if (final)
        keep (self, batch, item, pair, result->label);
    return OK;
}

static status_t get_pair (label_kind_t *self, uint64_t item, Rulemill__PairRecord **pair, fault_t *fault)
{
    status_t status = record_get_pair (self->options.store, item, pair, fault);
    if (status == OK && *pair == NULL)
        return fault_set (fault, ERR_CORRUPT, "pair %llu is missing from the store", (unsigned long long) item);
    return status;
}

static status_t how_of (label_kind_t *self, uint64_t item, const Rulemill__PairRecord *pair, Rulemill__LabelHow *how, fault_t *fault)
{
    bool later;
    *how = RULEMILL__LABEL_HOW__HOW_POLICY;
    return self->auto_run ? label_how (self, item, pair->prompt, how, &later, fault) : OK;
}

status_t label_commit (kind_t *kind, store_batch_t *batch, uint64_t item, bool final, const void *body, size_t len,
                       verdict_t *verdict, buf_t *known, fault_t *fault)
{
    label_kind_t *self = (label_kind_t *) kind;
    *verdict = VERDICT_BAD;
    bool has = false;
    status_t status = record_has_label (self->options.store, self->run, item, &has, fault);
    if (status != OK)
        return status;
    if (has) {
        status = label_late (kind, batch, item, body, len, fault);
        forget_retry (self, batch, item);
        *verdict = VERDICT_FINAL;
        return status;
    }
    Rulemill__PairRecord *pair = NULL;
    status = get_pair (self, item, &pair, fault);
    if (status != OK)
        return status;
    Rulemill__LabelHow how;
    bool asked = true;
    status = how_of (self, item, pair, &how, fault);
    if (status == OK && final)
        status = label_is_asked (self, item, pair->prompt, &asked, fault);
    Rulemill__LabelResult *result = status == OK && asked ? rulemill__label_result__unpack (NULL, len, body) : NULL;
    bool good = result && result_readable (self, pair, how, result, final);
    if (good && final)
        status = adapter_fits (self, item, pair, result->label, &good, fault);
    if (good)
        status = take (self, batch, item, pair, result, final, verdict, known, fault);
    if (result)
        rulemill__label_result__free_unpacked (result, NULL);
    rulemill__pair_record__free_unpacked (pair, NULL);
    return status;
}

// The cells of a pair that was set aside or labelled meanwhile: paid for, and of use to a retry or to other pairs.
status_t label_late (kind_t *kind, store_batch_t *batch, uint64_t item, const void *body, size_t len, fault_t *fault)
{
    label_kind_t *self = (label_kind_t *) kind;
    Rulemill__LabelResult *result = self->options.stored_cells ? rulemill__label_result__unpack (NULL, len, body) : NULL;
    Rulemill__PairRecord *pair = NULL;
    status_t status = result ? get_pair (self, item, &pair, fault) : OK;
    if (status == OK && result && result_readable (self, pair, RULEMILL__LABEL_HOW__HOW_POLICY, result, false)) {
        bool swapped = label_swapped (self, pair), stale = false;
        status = merge (self, batch, swapped ? pair->response_b : pair->response_a, result->new_a, &stale, fault);
        if (status == OK)
            status = merge (self, batch, swapped ? pair->response_a : pair->response_b, result->new_b, &stale, fault);
    }
    if (pair)
        rulemill__pair_record__free_unpacked (pair, NULL);
    if (result)
        rulemill__label_result__free_unpacked (result, NULL);
    return status;
}

static status_t keep_made (label_kind_t *self, store_batch_t *batch, uint64_t item, Rulemill__Label *label, fault_t *fault)
{
    Rulemill__PairRecord *pair = NULL;
    status_t status = get_pair (self, item, &pair, fault);
    if (status != OK)
        return status;
    Rulemill__LabelHow how;
    status = how_of (self, item, pair, &how, fault);
    if (status == OK) {
        label->swapped = label_swapped (self, pair);
        label->selected_by = (char *) (uintptr_t) label_selector (self, how);
        if (label->outcome == RULEMILL__OUTCOME__OUTCOME_QUARANTINED)
            status = label_adapter_of (self, item, label, &label->adapter, fault);
        keep (self, batch, item, pair, label);
    }
    rulemill__pair_record__free_unpacked (pair, NULL);
    return status;
}

status_t label_settle (kind_t *kind, store_batch_t *batch, uint64_t item, fault_t *fault)
{
    label_kind_t *self = (label_kind_t *) kind;
    Rulemill__Label label = RULEMILL__LABEL__INIT;
    bool to_b = strcmp (self->options.run->spec->ties, "b") == 0;
    label.outcome = to_b ? RULEMILL__OUTCOME__OUTCOME_B : RULEMILL__OUTCOME__OUTCOME_TIE;
    label.tie_reason = RULEMILL__TIE_REASON__TIE_IDENTICAL;
    return keep_made (self, batch, item, &label, fault);
}

status_t label_quarantine (kind_t *kind, store_batch_t *batch, uint64_t item, const char *reason, fault_t *fault)
{
    Rulemill__Label label = RULEMILL__LABEL__INIT;
    label.outcome = RULEMILL__OUTCOME__OUTCOME_QUARANTINED;
    label.reason = (char *) (uintptr_t) reason;
    return keep_made ((label_kind_t *) kind, batch, item, &label, fault);
}

void label_after_write (kind_t *kind)
{
    label_kind_t *self = (label_kind_t *) kind;
    self->written = self->counts;
    overlay_t *overlay, *next;
    HASH_ITER (hh, self->overlay, overlay, next) {
        HASH_DEL (self->overlay, overlay);
        rulemill__cells__free_unpacked (overlay->cells, NULL);
        free (overlay);
    }
    choice_t *choice, *next_choice;
    HASH_ITER (hh, self->choices, choice, next_choice) {
        HASH_DEL (self->choices, choice);
        buf_free (&choice->chosen);
        free (choice);
    }
}

#include <string.h>

#include "base/mem.h"
#include "model/adapter_metrics.h"
#include "worker/kind_label_parts.h"
#include "worker/label_result.h"

static bool returns_cells (const worker_kind_t *kind)
{
    return kind->setup.message->return_cells;
}

// --- labels ----------------------------------------------------------------------

static void send_as (worker_kind_t *kind, label_lease_t *lease, uint64_t item, bool final)
{
    const worker_used_t used = { lease->unsaid.spent, lease->unsaid.usage };
    bool any = !spend_is_zero (&used.spent) || !usage_is_zero (&used.usage);
    kind->sink.result (kind->sink.ctx, lease->number, item, final, kind->body.data, kind->body.len, any ? &used : NULL);
    lease->unsaid = (judge_used_t) { .usage = { 0 } };
}

void kind_label_send (worker_kind_t *kind, const label_item_t *item, bool final)
{
    send_as (kind, item->lease, item->number, final);
}

static void send_body (worker_kind_t *kind, label_item_t *item)
{
    kind_label_send (kind, item, true);
    bool keep = returns_cells (kind) || item->known [0] || item->known [1];
    label_item_labelled (&kind->table, item, keep);
}

// Is every rule wanted of the item besides its own? No more once that is known to fail.
static bool is_audited (const label_item_t *item)
{
    return item->how == RULEMILL__LABEL_HOW__HOW_AUDIT && item->unaudited == NULL;
}

// Both sides' cells into kind->cells: what was judged here, and over it what the store has.
static void gather (worker_kind_t *kind, const label_item_t *item)
{
    size_t n = kind->table.n_cells;
    for (int side = 0; side < 2; side++) {
        memcpy (kind->cells [side], item->side [side]->cells, n * sizeof (cell_t));
        label_known_apply (item->known [side], kind->cells [side]);
        memset (kind->stored [side], 0, n * sizeof (bool));
        for (size_t i = 0; item->known [side] && i < item->known [side]->n_rule; i++)
            kind->stored [side][item->known [side]->rule [i]] = true;
    }
    if (item->chosen && !is_audited (item)) {
        memset (kind->need, 0, kind->setup.pool->count * sizeof (bool));
        for (size_t i = 0; i < item->n_chosen; i++)
            kind->need [item->chosen [i]] = true;
    } else
        selection_need (&kind->setup.select, &item->prompt_key, &item->pair_key, kind->need);
    label_layers_spread (&kind->setup.layers, item->again, kind->need);
}

// How many of a side's cells may be waited for: those of labels, and the repeats' while the judge has given up nothing.
static size_t wanted (const worker_kind_t *kind, const label_response_t *response)
{
    return response->gave_up || response->failure ? label_layers_label (&kind->setup.layers) : kind->table.n_cells;
}

// Is one of the side's first n cells needed and missing?
static bool lacks (const worker_kind_t *kind, int side, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (kind->need [i] && !kind->cells [side][i].known)
            return true;
    return false;
}

// Is one of those that are needed of the side one that the judge can't answer?
static bool is_doomed (const worker_kind_t *kind, int side, const label_response_t *response)
{
    if (response->failure == NULL || response->unanswered == NULL)
        return response->failure != NULL;
    for (size_t i = 0; i < label_layers_label (&kind->setup.layers); i++)
        if (kind->need [i] && response->unanswered [i] && !kind->cells [side][i].known)
            return true;
    return false;
}

// What the label says of who selected its rules.
static const char *selector (const worker_kind_t *kind, const label_item_t *item)
{
    if (label_setup_foresees (&kind->setup, item->how))
        return policy_name (POLICY_ADAPTER);
    return policy_name (item->how == RULEMILL__LABEL_HOW__HOW_POLICY ? kind->setup.policy : POLICY_EXHAUSTIVE);
}

static void select_rules (worker_kind_t *kind, const label_item_t *item)
{
    const selection_spec_t *spec = &kind->setup.select;
    const cell_t *a = kind->combined [0], *b = kind->combined [1];
    if (item->chosen)
        adapter_label (spec, &item->prompt_key, &item->pair_key, a, b, item->chosen, item->n_chosen, &kind->selected);
    else
        selection_label (spec, &item->prompt_key, &item->pair_key, a, b, &kind->selected);
}

static void label (worker_kind_t *kind, label_item_t *item)
{
    const label_layers_t *layers = &kind->setup.layers;
    for (int side = 0; side < 2; side++)
        label_layers_combine (layers, kind->cells [side], kind->combined [side]);
    select_rules (kind, item);
    label_made_t made = {
        .spec = &kind->setup.select, .selected_by = selector (kind, item), .adapter = item->adapter, .swapped = item->swapped, .combined = { kind->combined [0], kind->combined [1] },
        .selected = &kind->selected, .chosen = item->chosen, .n_chosen = item->chosen ? item->n_chosen : 0, .need = returns_cells (kind) ? kind->need : NULL,
        .stored = { kind->stored [0], kind->stored [1] }, .cells = { kind->cells [0], kind->cells [1] },
        .n_cells = kind->table.n_cells, .n_label = label_layers_label (layers),
    };
    label_result_pack (&made, &kind->body);
    if (item->unaudited)
        label_result_unaudited (policy_name (POLICY_EXHAUSTIVE), item->swapped, item->unaudited, &kind->body);
    if (is_audited (item)) {
        made.selected_by = policy_name (POLICY_EXHAUSTIVE);
        selection_label (&kind->setup.select, &item->prompt_key, &item->pair_key, kind->combined [0], kind->combined [1], &kind->selected);
        label_result_audit (&made, &kind->body);
    }
    send_body (kind, item);
}

static void set_aside (worker_kind_t *kind, label_item_t *item, const label_failure_t *failure)
{
    label_result_quarantined (selector (kind, item), item->swapped, failure, &kind->body);
    send_body (kind, item);
}

bool kind_label_try (worker_kind_t *kind, label_item_t *item)
{
    buf_clear (&kind->body);
    if (item->side [0] == item->side [1]) {
        label_result_identical (selector (kind, item), item->swapped, &kind->body);
        send_body (kind, item);
        return true;
    }
    if (item->foreseeing)
        return false;
    if (item->failure) {
        set_aside (kind, item, &(label_failure_t) { .reason = item->failure, .too_long = item->too_long, .adapter = item->adapter });
        return true;
    }
    gather (kind, item);
    bool waits = false;
    for (int side = 0; side < 2; side++) {
        label_response_t *response = item->side [side];
        if (!lacks (kind, side, wanted (kind, response)))
            continue;
        waits = true;
        if (!is_doomed (kind, side, response))
            continue;
        if (is_audited (item) && response->unanswered) {
            item->unaudited = mem_string (response->failure);       // its own rules decide
            return kind_label_try (kind, item);
        }
        item->doomed = true;
        if (item->side [!side]->asked)
            return false;           // what is in flight for the other side is kept first
        set_aside (kind, item, &(label_failure_t) { response->failure, response->raw, response->too_long, item->adapter });
        return true;
    }
    if (!waits)
        label (kind, item);
    return !waits;
}

// --- judging -----------------------------------------------------------------------

// The rules, in all layers, that waiting items need of a response and nobody has judged; how many.
static size_t missing_rules (worker_kind_t *kind, label_response_t *response)
{
    size_t n = kind->table.n_cells, count = 0;
    memset (response->need, 0, n * sizeof *response->need);
    for (size_t i = 0; i < response->n_waiting; i++) {
        const label_item_t *item = response->waiting [i];
        if (item->foreseeing || item->doomed)
            continue;               // nobody knows yet, or nobody need know
        int side = item->side [0] == response ? 0 : 1;
        gather (kind, item);
        for (size_t r = 0; r < wanted (kind, response); r++) {
            bool missing = kind->need [r] && !kind->cells [side][r].known && !response->need [r];
            response->need [r] |= missing;
            count += missing;
        }
    }
    return count;
}

void kind_label_ask (worker_kind_t *kind, label_response_t *response)
{
    if (kind->unfit || response->lease->over || response->lease->revoked || response->asked || response->answered
        || (response->failure && response->unanswered == NULL) || !label_response_wanted (response))
        return;
    if (missing_rules (kind, response) == 0 || label_lease_is_out (response->lease))
        return;
    response->question = (judge_question_t) {
        .prompt = response->prompt->text, .response = response->text, .need = response->need,
        .cells = response->cells, .owner = response,
    };
    response->asked = true;
    response->lease->questions++;
    kind->in_flight++;
    kind->sink.progress (kind->sink.ctx, true, response->waiting [0]->number);
    judge_ask (&kind->judge, &response->question);
}

// What no result has told of, as of a question that ended without an answer: a lease that is given back must not seem
// to have spent less than it did.
static void say_spent (worker_kind_t *kind, const label_lease_t *lease)
{
    label_item_t *item, *next;
    HASH_ITER (hh, kind->table.items, item, next)
        if (item->lease == lease && !spend_is_zero (&lease->unsaid.spent)) {
            buf_clear (&kind->body);
            kind_label_send (kind, item, false);
        }
}

void kind_label_drop_items (worker_kind_t *kind, uint64_t lease)
{
    label_item_t *item, *next;
    HASH_ITER (hh, kind->table.items, item, next) {
        if (item->lease->number != lease || item->labelled || item->side [0]->asked || item->side [1]->asked
            || (item->foreseeing && foresight_is_flying (kind->foresight, item->number)))
            continue;
        label_item_t *gone = item;
        label_item_drop (&kind->table, &gone);
    }
}

// What was used in vain for a response that nobody waits for.
static void say_vain (worker_kind_t *kind, label_response_t *response)
{
    const judge_used_t *unsaid = &response->lease->unsaid;
    if (response->n_waiting > 0 || (spend_is_zero (&unsaid->spent) && usage_is_zero (&unsaid->usage)))
        return;
    buf_clear (&kind->body);
    send_as (kind, response->lease, response->last_item, false);
}

// Give leases back of which nothing is in hand any more and nothing more may be asked, before a worker says that the judge refuses
// it: so nothing of their grants is lost.
static void end_leases (worker_kind_t *kind)
{
    label_lease_t *lease, *next;
    bool leaves = kind->unfit && kind_label_rests (kind);
    HASH_ITER (hh, kind->table.leases, lease, next) {
        if (lease->returned || lease->questions > 0 || !(lease->over || lease->revoked || leaves))
            continue;
        lease->returned = true;
        say_spent (kind, lease);
        if (lease->revoked)
            kind_label_drop_items (kind, lease->number);
        else
            kind->sink.give_back (kind->sink.ctx, lease->number, lease->over ? &lease->need : NULL);
    }
}

// From the judge, perhaps within judge_ask: only taken down here, worked on in work_answers.
static void answered (void *ctx, judge_question_t *question, status_t status, const char *why)
{
    worker_kind_t *kind = ctx;
    label_response_t *response = question->owner;
    response->asked = false;
    response->gave_up = response->gave_up || question->gave_up;
    response->lease->questions--;
    kind->in_flight--;
    if (status == ERR_DENIED && kind->unfit == NULL)
        kind->unfit = mem_string (why && why [0] ? why : "the judge refused this worker");
    else if (status != OK && status != ERR_LIMIT && status != ERR_DENIED)
        label_response_failed (&kind->table, response, &(label_unanswered_t) {
            question->failed, why && why [0] ? why : "the judge gave no answer", question->raw, question->too_long });
    response->answered = true;
    response->next_answered = kind->table.answered;
    kind->table.answered = response;
    if (response->n_waiting > 0)
        kind->sink.progress (kind->sink.ctx, true, response->waiting [0]->number);
}

// A cell that cost something goes to the coordinator at once, with an item that waits for it. Where its lease was revoked, the item may
// have come again with another one: then with the item that waited last.
static void cell_came (void *ctx, judge_question_t *question, uint32_t rule)
{
    worker_kind_t *kind = ctx;
    const label_response_t *response = question->owner;
    if (!returns_cells (kind))
        return;
    const label_item_t *item = response->n_waiting > 0 ? response->waiting [0] : NULL;
    uint64_t number = item ? item->number : response->last_item;
    buf_clear (&kind->body);
    label_result_cell (item ? item->side [0] == response : response->last_side == 0, rule, &question->cells [rule], &kind->body);
    send_as (kind, response->lease, number, false);
    kind->sink.progress (kind->sink.ctx, true, number);
}

static void request_ended (void *ctx, judge_question_t *question, const judge_used_t *used)
{
    (void) ctx;
    label_lease_used (((const label_response_t *) question->owner)->lease, used);
}

static judge_leave_t may_ask (void *ctx, judge_question_t *question, const spend_t *bound)
{
    const label_response_t *response = question->owner;
    bool wanted = ((const worker_kind_t *) ctx)->unfit == NULL && !response->lease->revoked && label_response_wanted (response);
    return wanted ? label_lease_leave (response->lease, bound) : JUDGE_MAY_NOT;
}

void kind_label_work_answers (worker_kind_t *kind)
{
    label_response_t *response;
    while ((response = kind->table.answered) != NULL) {
        kind->table.answered = response->next_answered;
        say_vain (kind, response);
        for (size_t i = 0; i < response->n_waiting;)
            i += !kind_label_try (kind, response->waiting [i]);
        response->answered = false;
        kind_label_ask (kind, response);
        label_lease_t *lease = response->lease;
        label_rest (&kind->table, response);
        label_lease_rest (&kind->table, lease);
    }
    end_leases (kind);
}

// Answers that were under way when the judge refused this worker have come by then and are kept, and its leases are given back.
static void tell_unfit (worker_kind_t *kind)
{
    end_leases (kind);
    kind->sink.unfit (kind->sink.ctx, kind->unfit);
    kind->unfit_told = true;
}

bool kind_label_rests (const worker_kind_t *kind)
{
    return kind->in_flight == 0 && foresight_in_hand (kind->foresight) == 0;
}

void kind_label_show_rest (worker_kind_t *kind)
{
    if (!kind_label_rests (kind))
        return;
    if (kind->unfit && !kind->unfit_told)
        tell_unfit (kind);
    kind->sink.progress (kind->sink.ctx, false, 0);
}

judge_sink_t kind_label_sink (worker_kind_t *kind)
{
    return (judge_sink_t) { .done = answered, .cell = cell_came, .used = request_ended, .allow = may_ask, .ctx = kind };
}

#include "worker/kind_label.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/adapter_metrics.h"
#include "worker/label_batch.h"
#include "worker/label_read.h"
#include "worker/label_result.h"
#include "worker/label_setup.h"
#include "worker/label_table.h"

struct worker_kind {
    worker_sink_t sink;
    label_setup_t setup;
    judge_t judge;
    label_table_t table;
    size_t in_flight;           // questions
    char *unfit;                // why the judge refuses this worker: nothing more is asked. NULL: it does not
    bool unfit_told;
    // room for one pair's work: of all layers, and what labels are made of
    bool *need, *stored [2];
    cell_t *cells [2], *combined [2];
    selected_t selected;
    buf_t body;
};

static bool returns_cells (const worker_kind_t *kind)
{
    return kind->setup.message->return_cells;
}

// --- labels ----------------------------------------------------------------------

// A result of an item with what its lease used since the last one.
static void send_result (worker_kind_t *kind, const label_item_t *item, bool final)
{
    label_lease_t *lease = item->lease;
    const worker_used_t used = { lease->unsaid.spent, lease->unsaid.usage };
    bool any = !spend_is_zero (&used.spent) || !usage_is_zero (&used.usage);
    kind->sink.result (kind->sink.ctx, lease->number, item->number, final, kind->body.data, kind->body.len, any ? &used : NULL);
    lease->unsaid = (judge_used_t) { .usage = { 0 } };
}

static void send_body (worker_kind_t *kind, label_item_t *item)
{
    send_result (kind, item, true);
    bool keep = returns_cells (kind) || item->known [0] || item->known [1];
    label_item_labelled (&kind->table, item, keep);
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
    if (item->chosen && item->how != RULEMILL__LABEL_HOW__HOW_AUDIT) {
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
        .spec = &kind->setup.select, .selected_by = selector (kind, item), .swapped = item->swapped, .combined = { kind->combined [0], kind->combined [1] },
        .selected = &kind->selected, .need = returns_cells (kind) ? kind->need : NULL,
        .stored = { kind->stored [0], kind->stored [1] }, .cells = { kind->cells [0], kind->cells [1] },
        .n_cells = kind->table.n_cells, .n_label = label_layers_label (layers),
    };
    label_result_pack (&made, &kind->body);
    if (item->how == RULEMILL__LABEL_HOW__HOW_AUDIT) {
        made.selected_by = policy_name (POLICY_EXHAUSTIVE);
        selection_label (&kind->setup.select, &item->prompt_key, &item->pair_key, kind->combined [0], kind->combined [1], &kind->selected);
        label_result_audit (&made, &kind->body);
    }
    send_body (kind, item);
}

// Label the item, or set it aside, if all is there for that. False: it waits for cells.
static bool try_label (worker_kind_t *kind, label_item_t *item)
{
    buf_clear (&kind->body);
    if (item->side [0] == item->side [1]) {
        label_result_identical (selector (kind, item), item->swapped, &kind->body);
        send_body (kind, item);
        return true;
    }
    gather (kind, item);
    bool waits = false;
    for (int side = 0; side < 2; side++) {
        if (!lacks (kind, side, wanted (kind, item->side [side])))
            continue;
        waits = true;
        const label_response_t *response = item->side [side];
        if (response->failure && item->side [!side]->asked)
            return false;           // what is in flight for the other side is kept first
        if (response->failure) {
            const label_failure_t failure = { response->failure, response->raw, response->too_long };
            label_result_quarantined (selector (kind, item), item->swapped, &failure, &kind->body);
            send_body (kind, item);
            return true;
        }
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

static void ask (worker_kind_t *kind, label_response_t *response)
{
    if (kind->unfit || response->lease->over || response->lease->revoked || response->asked || response->answered || response->failure
        || !label_response_wanted (response))
        return;
    if (missing_rules (kind, response) == 0)
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
            send_result (kind, item, false);
        }
}

// What is neither labelled nor asked about.
static void drop_items (worker_kind_t *kind, uint64_t lease)
{
    label_item_t *item, *next;
    HASH_ITER (hh, kind->table.items, item, next) {
        if (item->lease->number != lease || item->labelled || item->side [0]->asked || item->side [1]->asked)
            continue;
        label_item_t *gone = item;
        label_item_drop (&kind->table, &gone);
    }
}

// Give leases back of which nothing is in hand any more and nothing more may be asked, before a worker says that the judge refuses
// it: so nothing of their grants is lost.
static void end_leases (worker_kind_t *kind)
{
    label_lease_t *lease, *next;
    bool leaves = kind->unfit && kind->in_flight == 0;
    HASH_ITER (hh, kind->table.leases, lease, next) {
        if (lease->returned || lease->questions > 0 || !(lease->over || lease->revoked || leaves))
            continue;
        lease->returned = true;
        say_spent (kind, lease);
        if (lease->revoked)
            drop_items (kind, lease->number);
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
    else if (status != OK && status != ERR_LIMIT && status != ERR_DENIED && response->failure == NULL) {
        response->failure = mem_string (why && why [0] ? why : "the judge gave no answer");
        response->raw = question->raw ? mem_string (question->raw) : NULL;
        response->too_long = question->too_long;
    }
    response->answered = true;
    response->next_answered = kind->table.answered;
    kind->table.answered = response;
    if (response->n_waiting > 0)
        kind->sink.progress (kind->sink.ctx, true, response->waiting [0]->number);
}

// A cell that cost something goes to the coordinator at once, with an item that waits for it.
static void cell_came (void *ctx, judge_question_t *question, uint32_t rule)
{
    worker_kind_t *kind = ctx;
    const label_response_t *response = question->owner;
    if (!returns_cells (kind) || response->n_waiting == 0)
        return;
    const label_item_t *item = response->waiting [0];
    buf_clear (&kind->body);
    label_result_cell (item->side [0] == response, rule, &question->cells [rule], &kind->body);
    send_result (kind, item, false);
    kind->sink.progress (kind->sink.ctx, true, item->number);
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

static void work_answers (worker_kind_t *kind)
{
    label_response_t *response;
    while ((response = kind->table.answered) != NULL) {
        kind->table.answered = response->next_answered;
        for (size_t i = 0; i < response->n_waiting;)
            i += !try_label (kind, response->waiting [i]);
        response->answered = false;
        ask (kind, response);
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

static void show_rest (worker_kind_t *kind)
{
    if (kind->in_flight > 0)
        return;
    if (kind->unfit && !kind->unfit_told)
        tell_unfit (kind);
    kind->sink.progress (kind->sink.ctx, false, 0);
}

// --- batches -------------------------------------------------------------------------

// Before anything is judged, while the texts are at hand.
static void foresee (worker_kind_t *kind, const label_body_t *body, label_item_t *item)
{
    const label_response_t *a = item->side [0], *b = item->side [1];
    item->how = body->how;
    if (!label_setup_foresees (&kind->setup, body->how) || a == b)
        return;
    item->chosen = mem_new ((kind->setup.select.top + 1) * sizeof *item->chosen);
    item->n_chosen = label_choice_foresee (kind->setup.choice, body->adapter, &body->prompt_key, a->prompt->text, a->text, b->text,
                                           item->chosen);
}

static void begin_item (worker_kind_t *kind, label_batch_t *batch, uint64_t number, label_body_t *body)
{
    label_response_t *a = label_response_find (batch->lease, body->response [0]);
    label_response_t *b = label_response_find (batch->lease, body->response [1]);
    label_item_t *item = label_item_new (&kind->table, batch->lease, number, a, b);
    item->prompt_key = body->prompt_key;
    item->pair_key = body->pair_key;
    item->swapped = body->swapped;
    item->again = body->again;
    for (int side = 0; side < 2; side++) {
        item->known [side] = body->known [side];
        body->known [side] = NULL;
    }
    foresee (kind, body, item);
    kind->sink.progress (kind->sink.ctx, true, number);
    if (try_label (kind, item))
        return;
    ask (kind, a);
    ask (kind, b);
    work_answers (kind);
}

static void label_grant (worker_kind_t *kind, uint64_t number, const spend_t *grant)
{
    label_lease_grant (label_lease_get (&kind->table, number), grant);
}

static status_t label_begin (worker_kind_t *kind, uint64_t lease, const uint64_t *items, const void *const *bodies,
                             const size_t *lens, size_t n, fault_t *fault)
{
    label_batch_t batch;
    label_batch_open (&batch, &kind->table, &kind->setup, lease, n);
    status_t status = label_batch_read (&batch, bodies, lens, n, fault);
    for (size_t i = 0; i < n && status == OK; i++)
        begin_item (kind, &batch, items [i], &batch.bodies [i]);
    label_batch_close (&batch, status == OK, kind->judge.class->costly);
    show_rest (kind);
    return status;
}

// --- the rest of the class -------------------------------------------------------------

static status_t label_again (worker_kind_t *kind, uint64_t lease, uint64_t number, const void *known, size_t len, fault_t *fault)
{
    label_item_t *item = label_item_find (&kind->table, number);
    if (item == NULL || item->lease->number != lease || item->side [0] == NULL)
        return fault_set (fault, ERR_NOT_FOUND, "nothing is kept of item %llu of lease %llu to compute it again",
                          (unsigned long long) number, (unsigned long long) lease);
    Rulemill__Cells *stored [2];
    status_t status = label_known_read (stored, known, len, kind->table.n_cells, fault);
    if (status != OK)
        return status;
    for (int side = 0; side < 2; side++)
        item->known [side] = label_known_merge (item->known [side], stored [side], kind->table.n_cells);
    bool waits = !try_label (kind, item);
    if (waits && item->labelled)
        return fault_set (fault, ERR_NOT_FOUND, "item %llu lacks cells; it has to be leased again", (unsigned long long) number);
    return OK;
}

static void label_settled (worker_kind_t *kind, uint64_t number)
{
    label_item_t *item = label_item_find (&kind->table, number);
    if (item)
        label_item_drop (&kind->table, &item);
}

// A question whose request is on its way ends when that has come; its next rule is not asked.
static void label_revoke (worker_kind_t *kind, uint64_t lease)
{
    label_item_t *item, *next;
    HASH_ITER (hh, kind->table.items, item, next)
        if (item->lease->number == lease)
            item->lease->revoked = true;
    drop_items (kind, lease);
}

static bool label_step (worker_kind_t *kind, int timeout_ms)
{
    if (kind->in_flight == 0)
        return false;
    judge_step (&kind->judge, timeout_ms);
    work_answers (kind);
    show_rest (kind);
    return kind->in_flight > 0;
}

static void label_share (worker_kind_t *kind, unsigned workers)
{
    judge_share (&kind->judge, workers);
}

static bool label_hungry (const worker_kind_t *kind)
{
    return judge_hungry (&kind->judge);
}

static void label_close (worker_kind_t **out)
{
    worker_kind_t *kind = *out;
    if (kind == NULL)
        return;
    judge_close (&kind->judge);
    label_table_forget_questions (&kind->table);
    free (kind->unfit);
    label_table_free (&kind->table);
    label_setup_free (&kind->setup);
    free (kind->need);
    for (int side = 0; side < 2; side++) {
        free (kind->stored [side]);
        free (kind->cells [side]);
        free (kind->combined [side]);
    }
    buf_free (&kind->body);
    free (kind);
    *out = NULL;
}

static status_t label_open (worker_kind_t **out, const void *setup, size_t setup_len, const worker_blob_t *blobs, size_t n_blobs,
                            const worker_sink_t *sink, fault_t *fault)
{
    worker_kind_t *kind = mem_zero (1, sizeof *kind);
    kind->sink = *sink;
    status_t status = label_setup_read (&kind->setup, setup, setup_len, blobs, n_blobs, fault);
    if (status == OK)
        status = judge_open (&kind->judge, kind->setup.message, kind->setup.pool,
                             &(judge_sink_t) { .done = answered, .cell = cell_came, .used = request_ended, .allow = may_ask, .ctx = kind }, fault);
    if (status != OK) {
        label_setup_free (&kind->setup);
        free (kind);
        return status;
    }
    judge_share (&kind->judge, 0);      // until it is told
    size_t n = kind->table.n_cells = label_layers_cells (&kind->setup.layers);
    kind->need = mem_zero (n, sizeof (bool));
    for (int side = 0; side < 2; side++) {
        kind->stored [side] = mem_zero (n, sizeof (bool));
        kind->cells [side] = mem_zero (n, sizeof (cell_t));
        kind->combined [side] = mem_zero (kind->setup.pool->count, sizeof (cell_t));
    }
    *out = kind;
    return OK;
}

const worker_kind_class_t worker_kind_label = {
    .name = "label", .open = label_open, .grant = label_grant, .share = label_share, .begin = label_begin, .again = label_again, .settled = label_settled,
    .revoke = label_revoke, .step = label_step, .hungry = label_hungry, .close = label_close,
};

// worker/kind_label: batches in, labels out, with the embedded judges and with one that answers later.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "proto/wire.h"
#include "worker/judge.h"
#include "worker/kind_label.h"
#include "worker/lexicon.h"

enum { RULES = 3, RESULTS_MAX = 64, BATCH_MAX = 16 };

static const char yaml [] =
    "version: 1\nrules:\n"
    "  - {id: declines, text: t1, lexicon: {prompt: [kill], for: [sorry], against: [step]}}\n"
    "  - {id: insults, text: t2, polarity: -1, lexicon: {for: [idiot], against: [please]}}\n"
    "  - {id: silent, text: t3}\n";

// --- a judge that answers when it is told to --------------------------------------

typedef struct { judge_question_t *asked [64]; size_t n, total, cells; status_t status; bool at_once; } slow_t;
static slow_t slow;
static judge_t *slow_judge;

// Score of a rule: the response's first digit in tenths, with the rule's place added.
static void answer (judge_t *judge, judge_question_t *question)
{
    int digit = question->response->turns [0]->content [0] - '0';
    for (size_t r = 0; r < judge->pool->count; r++)
        if (question->need [r] && slow.status == OK) {
            assert_false (question->cells [r].known);
            question->cells [r] = (cell_t) { (int32_t) (100000 * digit + (int32_t) r), MICRO, MICRO, true };
            slow.cells++;
        }
    judge->sink.done (judge->sink.ctx, question, slow.status, slow.status == OK ? NULL : "HTTP 500 twice");
}

static status_t slow_open (judge_t *judge, const Rulemill__RunSpec *spec, const rulepool_t *pool, fault_t *fault)
{
    (void) judge, (void) spec, (void) pool, (void) fault;
    return OK;
}

static void slow_ask (judge_t *judge, judge_question_t *question)
{
    slow.total++;
    slow_judge = judge;
    if (slow.at_once)
        answer (judge, question);
    else
        slow.asked [slow.n++] = question;
}

static bool slow_step (judge_t *judge, int timeout_ms)
{
    (void) timeout_ms;
    judge_question_t *question = slow.asked [0];
    memmove (slow.asked, slow.asked + 1, --slow.n * sizeof slow.asked [0]);
    answer (judge, question);
    return slow.n > 0;
}

static void slow_close (judge_t *judge)
{
    (void) judge;
}

static const judge_class_t slow_class = { .name = "slow", .costly = true, .open = slow_open, .ask = slow_ask, .step = slow_step, .close = slow_close };

// --- the executor's side -------------------------------------------------------------

typedef struct {
    struct { uint64_t lease, item; Rulemill__LabelResult *result; } at [RESULTS_MAX];
    size_t n;
    bool busy, unfit;
    uint64_t back [16];         // leases given back
    size_t n_back;
    spend_t need;               // for want of it
} seen_t;

static seen_t seen;

static void on_result (void *ctx, uint64_t lease, uint64_t item, bool final, const void *body, size_t len, const worker_used_t *used)
{
    (void) ctx;
    assert_true (final);
    assert_null (used);
    assert_true (seen.n < RESULTS_MAX);
    seen.at [seen.n].lease = lease;
    seen.at [seen.n].item = item;
    seen.at [seen.n].result = rulemill__label_result__unpack (NULL, len, body);
    assert_non_null (seen.at [seen.n].result);
    assert_non_null (seen.at [seen.n++].result->label);
}

static void on_progress (void *ctx, bool busy, uint64_t item)
{
    (void) ctx, (void) item;
    seen.busy = busy;
}

static void on_give_back (void *ctx, uint64_t lease, const spend_t *need)
{
    (void) ctx;
    assert_false (seen.unfit);              // what it spent is told before it leaves
    seen.back [seen.n_back++] = lease;
    seen.need = need ? *need : (spend_t) { { 0 } };
}

static void on_unfit (void *ctx, const char *reason)
{
    (void) ctx;
    assert_non_null (reason);
    seen.unfit = true;
}

static void forget_seen (void)
{
    for (size_t i = 0; i < seen.n; i++)
        rulemill__label_result__free_unpacked (seen.at [i].result, NULL);
    seen = (seen_t) { 0 };
}

static const Rulemill__LabelResult *result_of (uint64_t item)
{
    for (size_t i = seen.n; i-- > 0;)
        if (seen.at [i].item == item)
            return seen.at [i].result;
    fail_msg ("item %llu has no result", (unsigned long long) item);
    return NULL;
}

// --- a run ------------------------------------------------------------------------------

typedef struct {
    const char *judge, *policy, *missing, *ties;
    uint32_t method;
    bool return_cells, wrong_identity, wrong_pool;
    const char *fixed;
} run_t;

static const run_t lexicon_run = { "lexicon", "exhaustive", "quarantine", "tie", LABEL_METHOD, false, false, false, NULL };
static const run_t replay_run = { "replay", "exhaustive", "quarantine", "tie", LABEL_METHOD, false, false, false, NULL };
static const run_t slow_run = { "slow", "exhaustive", "quarantine", "tie", LABEL_METHOD, true, false, false, NULL };

static status_t open_run (const run_t *run, worker_kind_t **kind, fault_t *fault)
{
    rulepool_t *pool = NULL;
    assert_int_equal (rulepool_parse ("r", yaml, sizeof yaml - 1, &pool, fault), OK);
    digest_t identity = lexicon_identity (pool), digest = pool->digest;
    identity.b [0] ^= run->wrong_identity;
    digest.b [0] ^= run->wrong_pool;
    Rulemill__RunSpec spec = RULEMILL__RUN_SPEC__INIT;
    spec.method = run->method;
    spec.pool = (ProtobufCBinaryData) { DIGEST_BYTES, digest.b };
    spec.judge = (char *) run->judge;
    spec.judge_identity = (ProtobufCBinaryData) { DIGEST_BYTES, identity.b };
    spec.policy = (char *) run->policy;
    spec.weight_relevance = MICRO;
    spec.weight_discrepancy = MICRO / 2;
    spec.top = 2;
    spec.seed = 1;
    spec.ties = (char *) run->ties;
    spec.missing = (char *) run->missing;
    char *fixed [1] = { (char *) run->fixed };
    spec.n_fixed_rules = run->fixed ? 1 : 0;
    spec.fixed_rules = fixed;
    Rulemill__LabelSetup setup = RULEMILL__LABEL_SETUP__INIT;
    setup.spec = &spec;
    setup.pool_blob = (ProtobufCBinaryData) { DIGEST_BYTES, pool->blob_digest.b };
    setup.return_cells = run->return_cells;
    buf_t packed = { 0 };
    wire_pack (&setup.base, &packed);
    worker_blob_t blob = { pool->blob_digest, yaml, sizeof yaml - 1 };
    worker_sink_t sink = { .result = on_result, .progress = on_progress, .give_back = on_give_back, .unfit = on_unfit };
    status_t status = worker_kind_label.open (kind, packed.data, packed.len, &blob, 1, &sink, fault);
    buf_free (&packed);
    rulepool_destroy (&pool);
    return status;
}

static worker_kind_t *opened (const run_t *run)
{
    forget_seen ();
    slow = (slow_t) { 0 };
    worker_kind_t *kind = NULL;
    fault_t fault = { 0 };
    status_t status = open_run (run, &kind, &fault);
    assert_string_equal (fault.text, "");
    assert_int_equal (status, OK);
    return kind;
}

static void closed (worker_kind_t **kind)
{
    worker_kind_label.close (kind);
    assert_null (*kind);
    forget_seen ();
}

// --- batches -------------------------------------------------------------------------------

// An item in words: texts that are NULL are not sent; prompt NULL is same_prompt. cells: scores of each rule, relevance one.
typedef struct {
    uint64_t item, a, b;
    const char *prompt, *text_a, *text_b;
    const int32_t *known_a, *known_b;
    bool swapped;
    uint8_t key;        // of the prompt
} words_t;

static Rulemill__Conversation *said (const char *role, const char *text, Rulemill__Conversation *conversation,
                                     Rulemill__Turn *turn, Rulemill__Turn **turns)
{
    if (text == NULL)
        return NULL;
    rulemill__conversation__init (conversation);
    rulemill__turn__init (turn);
    turn->role = (char *) role;
    turn->content = (char *) text;
    *turns = turn;
    conversation->n_turns = 1;
    conversation->turns = turns;
    return conversation;
}

static uint32_t rule_numbers [RULES] = { 0, 1, 2 }, ones [RULES] = { MICRO, MICRO, MICRO };

static Rulemill__Cells *known (const int32_t *scores, Rulemill__Cells *cells)
{
    if (scores == NULL)
        return NULL;
    rulemill__cells__init (cells);
    cells->n_rule = cells->n_score = cells->n_relevance = cells->n_mass = RULES;
    cells->rule = rule_numbers;
    cells->score = (int32_t *) scores;
    cells->relevance = cells->mass = ones;
    return cells;
}

static void pack_item (const words_t *words, buf_t *out)
{
    Rulemill__LabelItem item = RULEMILL__LABEL_ITEM__INIT;
    Rulemill__Conversation conversation [3];
    Rulemill__Turn turn [3], *turns [3];
    Rulemill__Cells cells [2];
    uint8_t prompt_key [KEY_BYTES] = { words->key }, pair_key [KEY_BYTES] = { (uint8_t) words->item };
    item.prompt_key = (ProtobufCBinaryData) { KEY_BYTES, prompt_key };
    item.pair_key = (ProtobufCBinaryData) { KEY_BYTES, pair_key };
    item.prompt = said ("user", words->prompt, &conversation [0], &turn [0], &turns [0]);
    item.same_prompt = words->prompt == NULL;
    item.response_a = words->a;
    item.response_b = words->b;
    item.text_a = said ("assistant", words->text_a, &conversation [1], &turn [1], &turns [1]);
    item.text_b = said ("assistant", words->text_b, &conversation [2], &turn [2], &turns [2]);
    item.known_a = known (words->known_a, &cells [0]);
    item.known_b = known (words->known_b, &cells [1]);
    item.swapped = words->swapped;
    wire_pack (&item.base, out);
}

static status_t begin (worker_kind_t *kind, uint64_t lease, const words_t *words, size_t n, fault_t *fault)
{
    buf_t packed [BATCH_MAX] = { 0 };
    uint64_t items [BATCH_MAX];
    const void *bodies [BATCH_MAX];
    size_t lens [BATCH_MAX];
    for (size_t i = 0; i < n; i++) {
        pack_item (&words [i], &packed [i]);
        items [i] = words [i].item;
        bodies [i] = packed [i].data;
        lens [i] = packed [i].len;
    }
    status_t status = worker_kind_label.begin (kind, lease, items, bodies, lens, n, fault);
    for (size_t i = 0; i < n; i++)
        buf_free (&packed [i]);
    return status;
}

static void begins (worker_kind_t *kind, uint64_t lease, const words_t *words, size_t n)
{
    fault_t fault = { 0 };
    status_t status = begin (kind, lease, words, n, &fault);
    assert_string_equal (fault.text, "");
    assert_int_equal (status, OK);
}

static void run_down (worker_kind_t *kind)
{
    while (worker_kind_label.step (kind, 10))
        ;
    assert_false (seen.busy);
}

// --- the embedded judges ----------------------------------------------------------------------

static void test_lexicon (void **state)
{
    (void) state;
    worker_kind_t *kind = opened (&lexicon_run);
    const words_t words [] = {
        { 1, 10, 11, "how to kill", "sorry", "first step", NULL, NULL, true, 1 },
        { 2, 11, 12, NULL, NULL, "you idiot", NULL, NULL, false, 1 },
        { 3, 13, 14, "hello", "hi", "hey", NULL, NULL, false, 2 },
        { 4, 13, 13, NULL, NULL, NULL, NULL, NULL, true, 2 },
    };
    begins (kind, 5, words, 4);
    assert_int_equal (seen.n, 4);
    assert_false (seen.busy);
    const Rulemill__LabelResult *result = result_of (1);
    const Rulemill__Label *label = result->label;
    assert_int_equal (label->outcome, RULEMILL__OUTCOME__OUTCOME_A);
    assert_true (label->swapped);
    assert_string_equal (label->selected_by, "exhaustive");
    assert_int_equal (label->n_rule, 1);                // "insults" and "silent" are irrelevant to both
    assert_int_equal (label->rule [0], 0);
    assert_int_equal (label->score_a [0], 350000);      // relevance 0.7, three quarters of it for
    assert_int_equal (label->score_b [0], -350000);
    assert_int_equal (label->relevance_a [0], 700000);
    assert_int_equal (label->sum_a, 350000);
    assert_null (result->new_a);
    assert_int_equal (result->cells_digest.len, 0);
    assert_int_equal (result_of (2)->label->outcome, RULEMILL__OUTCOME__OUTCOME_B);
    assert_int_equal (result_of (2)->label->sum_a, -350000);
    assert_int_equal (result_of (2)->label->sum_b, -300000);        // "insults" 0.3, polarity -1
    assert_int_equal (result_of (3)->label->outcome, RULEMILL__OUTCOME__OUTCOME_TIE);
    assert_int_equal (result_of (3)->label->tie_reason, RULEMILL__TIE_REASON__TIE_NO_RULE);
    assert_int_equal (result_of (4)->label->tie_reason, RULEMILL__TIE_REASON__TIE_IDENTICAL);
    assert_true (result_of (4)->label->swapped);
    for (uint64_t i = 1; i <= 4; i++)
        worker_kind_label.settled (kind, i);
    worker_kind_label.settled (kind, 99);
    closed (&kind);
}

static void test_replay (void **state)
{
    (void) state;
    static const int32_t a [RULES] = { 500000, -200000, 0 }, b [RULES] = { 400000, -100000, 0 };
    const words_t words [] = {
        { 1, 10, 11, "p", "x", "y", a, b, false, 1 },
        { 2, 10, 11, NULL, NULL, NULL, a, NULL, false, 1 },
    };
    worker_kind_t *kind = opened (&replay_run);
    begins (kind, 5, words, 2);
    const Rulemill__Label *label = result_of (1)->label;
    assert_int_equal (label->outcome, RULEMILL__OUTCOME__OUTCOME_A);        // 0.5 + 0.2 against 0.4 + 0.1
    assert_int_equal (label->n_rule, 2);
    assert_int_equal (label->sum_a, 700000);
    assert_int_equal (label->sum_b, 500000);
    label = result_of (2)->label;               // cells of one pair are not those of another
    assert_int_equal (label->outcome, RULEMILL__OUTCOME__OUTCOME_QUARANTINED);
    assert_string_equal (label->reason, "no recorded score for rule declines and 2 others; "
                         "add it to the score file, or set missing to irrelevant");
    closed (&kind);
    run_t lenient = replay_run;
    lenient.missing = "irrelevant";
    kind = opened (&lenient);
    begins (kind, 5, words, 2);
    label = result_of (2)->label;
    assert_int_equal (label->outcome, RULEMILL__OUTCOME__OUTCOME_A);
    assert_int_equal (label->sum_b, 0);
    assert_int_equal (label->relevance_b [0], 0);
    closed (&kind);
}

// --- a judge that answers later ---------------------------------------------------------------

static void test_judged_once (void **state)
{
    (void) state;
    worker_kind_t *kind = opened (&slow_run);
    const words_t first [] = {
        { 1, 10, 11, "p", "5", "3", NULL, NULL, false, 1 }, { 2, 11, 12, NULL, NULL, "4", NULL, NULL, false, 1 },
        { 3, 12, 10, NULL, NULL, NULL, NULL, NULL, false, 1 },
    };
    const words_t later [] = { { 4, 10, 13, "p", "5", "9", NULL, NULL, false, 1 } };
    begins (kind, 5, first, 3);
    assert_true (seen.busy);
    assert_int_equal (slow.total, 3);
    begins (kind, 5, later, 1);                 // another batch of the lease, while 10 is being judged
    run_down (kind);
    assert_int_equal (seen.n, 4);
    assert_int_equal (slow.total, 4);
    assert_int_equal (slow.cells, 4 * RULES);
    assert_int_equal (result_of (3)->label->outcome, RULEMILL__OUTCOME__OUTCOME_B);
    assert_int_equal (result_of (4)->label->outcome, RULEMILL__OUTCOME__OUTCOME_B);
    assert_int_equal (result_of (1)->new_a->n_rule, RULES);
    assert_int_equal (result_of (1)->new_b->score [2], 300002);
    for (uint64_t i = 1; i <= 3; i++)
        worker_kind_label.settled (kind, i);
    const words_t last [] = { { 6, 10, 11, "p", "5", "3", NULL, NULL, false, 1 } };
    begins (kind, 5, last, 1);                  // item 4 keeps the lease: nothing is asked again
    assert_int_equal (slow.total, 4);
    worker_kind_label.settled (kind, 4);
    worker_kind_label.settled (kind, 6);
    begins (kind, 5, last, 1);                  // the lease had ended
    assert_int_equal (slow.total, 6);
    closed (&kind);                             // with questions in flight
}

static void test_known_are_not_judged (void **state)
{
    (void) state;
    static const int32_t a [RULES] = { 1, 2, 3 };
    worker_kind_t *kind = opened (&slow_run);
    slow.at_once = true;
    const words_t words [] = { { 1, 10, 11, "p", "5", "3", a, NULL, false, 1 } };
    begins (kind, 5, words, 1);
    assert_int_equal (slow.total, 1);
    const Rulemill__LabelResult *result = result_of (1);
    assert_null (result->new_a);
    assert_int_equal (result->new_b->n_rule, RULES);
    cell_t ca [RULES], cb [RULES];
    for (int r = 0; r < RULES; r++) {
        ca [r] = (cell_t) { a [r], MICRO, MICRO, true };
        cb [r] = (cell_t) { 300000 + r, MICRO, MICRO, true };
    }
    uint64_t digest = selection_cells_digest ((bool []) { true, true, true }, ca, cb, RULES);
    assert_int_equal (result->cells_digest.len, 8);
    for (int i = 0; i < 8; i++)
        assert_int_equal (result->cells_digest.data [i], (uint8_t) (digest >> (56 - 8 * i)));
    closed (&kind);
}

static void again (worker_kind_t *kind, uint64_t lease, uint64_t item, const int32_t *a, const int32_t *b, status_t expected)
{
    Rulemill__LabelKnown message = RULEMILL__LABEL_KNOWN__INIT;
    Rulemill__Cells cells [2];
    message.known_a = known (a, &cells [0]);
    message.known_b = known (b, &cells [1]);
    buf_t packed = { 0 };
    wire_pack (&message.base, &packed);
    fault_t fault = { 0 };
    assert_int_equal (worker_kind_label.again (kind, lease, item, packed.data, packed.len, &fault), expected);
    buf_free (&packed);
}

static void test_again (void **state)
{
    (void) state;
    static const int32_t low [RULES] = { -900000, 900000, 0 }, high [RULES] = { 950000, -950000, 0 };
    worker_kind_t *kind = opened (&slow_run);
    slow.at_once = true;
    const words_t words [] = { { 1, 10, 11, "p", "5", "3", NULL, NULL, false, 1 } };
    begins (kind, 5, words, 1);
    assert_int_equal (result_of (1)->label->outcome, RULEMILL__OUTCOME__OUTCOME_A);     // "declines" and "silent"
    assert_int_equal (result_of (1)->label->sum_b, 600002);
    again (kind, 5, 1, NULL, high, OK);
    const Rulemill__LabelResult *result = result_of (1);
    assert_int_equal (seen.n, 2);
    assert_int_equal (result->label->outcome, RULEMILL__OUTCOME__OUTCOME_B);
    assert_null (result->new_b);
    assert_int_equal (result->new_a->n_rule, RULES);
    again (kind, 5, 1, high, low, OK);          // the newest word wins
    assert_int_equal (result_of (1)->label->outcome, RULEMILL__OUTCOME__OUTCOME_A);
    assert_null (result_of (1)->new_a);
    again (kind, 5, 2, high, low, ERR_NOT_FOUND);
    again (kind, 6, 1, high, low, ERR_NOT_FOUND);
    fault_t fault = { 0 };
    assert_int_equal (worker_kind_label.again (kind, 5, 1, "\xff\xff", 2, &fault), ERR_FORMAT);
    worker_kind_label.settled (kind, 1);
    again (kind, 5, 1, high, low, ERR_NOT_FOUND);
    assert_int_equal (slow.total, 2);
    closed (&kind);
}

static void test_failure (void **state)
{
    (void) state;
    static const int32_t a [RULES] = { 1, 2, 3 };
    worker_kind_t *kind = opened (&slow_run);
    slow.status = ERR_IO;
    slow.at_once = true;
    const words_t words [] = {
        { 1, 10, 11, "p", "5", "3", a, NULL, false, 1 }, { 2, 10, 11, NULL, NULL, NULL, a, a, false, 1 },
    };
    begins (kind, 5, words, 2);
    assert_int_equal (result_of (1)->label->outcome, RULEMILL__OUTCOME__OUTCOME_QUARANTINED);
    assert_string_equal (result_of (1)->label->reason, "HTTP 500 twice");
    assert_int_not_equal (result_of (2)->label->outcome, RULEMILL__OUTCOME__OUTCOME_QUARANTINED);
    closed (&kind);
    kind = opened (&slow_run);
    slow.status = ERR_DENIED;
    slow.at_once = true;
    begins (kind, 5, words, 1);
    assert_true (seen.unfit);
    assert_int_equal (seen.n, 0);
    closed (&kind);
}

static void test_revoke (void **state)
{
    (void) state;
    static const int32_t a [RULES] = { 1, 2, 3 };
    worker_kind_t *kind = opened (&slow_run);
    const words_t words [] = { { 1, 10, 11, "p", "5", "3", NULL, NULL, false, 1 }, { 2, 10, 12, NULL, NULL, "1", a, a, false, 1 } };
    begins (kind, 5, words, 2);
    assert_int_equal (seen.n, 1);               // all of item 2 was known
    worker_kind_label.revoke (kind, 5);         // item 1 is in hand
    begins (kind, 6, words, 1);                 // leased again, to the same worker
    run_down (kind);
    assert_int_equal (seen.n, 2);
    assert_int_equal (seen.at [1].lease, 6);
    worker_kind_label.revoke (kind, 6);
    worker_kind_label.settled (kind, 1);
    closed (&kind);
}

// What a revoked lease has not asked yet is another's to ask: of the item, nothing is left in the way.
static void test_revoke_asks_nothing_more (void **state)
{
    (void) state;
    worker_kind_t *kind = opened (&slow_run);
    const words_t words [] = { { 1, 10, 11, "p", "5", "3", NULL, NULL, false, 1 } };
    begins (kind, 5, words, 1);
    worker_kind_label.revoke (kind, 5);
    const spend_t bound = { { 1, 1, 0 } };
    for (size_t i = 0; i < slow.n; i++)
        assert_int_equal (slow_judge->sink.allow (slow_judge->sink.ctx, slow.asked [i], &bound), JUDGE_MAY_NOT);
    slow.status = ERR_LIMIT;                    // which is how a judge ends a question that it may not ask
    run_down (kind);
    assert_int_equal (seen.n, 0);
    slow.status = OK;
    begins (kind, 6, words, 1);
    run_down (kind);
    assert_int_equal (seen.n, 1);
    assert_int_equal (seen.at [0].lease, 6);
    worker_kind_label.settled (kind, 1);
    closed (&kind);
}

// --- bad input -----------------------------------------------------------------------------------

static void refuses_setup (run_t run, status_t expected, const char *message)
{
    worker_kind_t *kind = NULL;
    fault_t fault = { 0 };
    assert_int_equal (open_run (&run, &kind, &fault), expected);
    assert_null (kind);
    if (strstr (fault.text, message) == NULL)
        fail_msg ("\"%s\" does not say \"%s\"", fault.text, message);
}

static void test_bad_setup (void **state)
{
    (void) state;
    run_t run = lexicon_run;
    run.judge = "lexikon";
    refuses_setup (run, ERR_USAGE, "unknown judge \"lexikon\"; did you mean \"lexicon\"");
    run = lexicon_run;
    run.policy = "exhaustiv";
    refuses_setup (run, ERR_USAGE, "did you mean \"exhaustive\"");
    run = lexicon_run;
    run.method = LABEL_METHOD + 1;
    refuses_setup (run, ERR_MISMATCH, "method");
    run = lexicon_run;
    run.ties = "a";
    refuses_setup (run, ERR_USAGE, "ties can't be");
    run = lexicon_run;
    run.wrong_identity = true;
    refuses_setup (run, ERR_MISMATCH, "lexicon judge");
    run = lexicon_run;
    run.wrong_pool = true;
    refuses_setup (run, ERR_MISMATCH, "rule pool");
    run = lexicon_run;
    run.fixed = "nobody";
    refuses_setup (run, ERR_USAGE, "\"nobody\" is not in the rule pool");
    run = replay_run;
    run.missing = "x";
    refuses_setup (run, ERR_USAGE, "missing can't be");
    worker_kind_t *kind = NULL;
    fault_t fault = { 0 };
    worker_sink_t sink = { .result = on_result, .progress = on_progress, .give_back = on_give_back, .unfit = on_unfit };
    assert_int_equal (worker_kind_label.open (&kind, "\xff", 1, NULL, 0, &sink, &fault), ERR_FORMAT);
    assert_int_equal (worker_kind_label.open (&kind, "", 0, NULL, 0, &sink, &fault), ERR_FORMAT);
}

static void test_bad_batches (void **state)
{
    (void) state;
    worker_kind_t *kind = opened (&slow_run);
    static const int32_t far [RULES] = { 0, 0, MICRO + 1 };
    const words_t good = { 1, 10, 11, "p", "5", "3", NULL, NULL, false, 1 };
    const words_t bad [] = {
        { 2, 10, 11, NULL, "5", "3", NULL, NULL, false, 1 },        // no prompt before it
        { 2, 10, 11, "p", "5", NULL, NULL, NULL, false, 1 },        // a text is missing
        { 2, 10, 11, "p", "5", "3", far, NULL, false, 1 },          // a score out of range
    };
    fault_t fault = { 0 };
    for (size_t i = 0; i < sizeof bad / sizeof bad [0]; i++)
        assert_int_equal (begin (kind, 5, &bad [i], 1, &fault), ERR_FORMAT);
    const words_t other_key [] = { good, { 2, 12, 13, NULL, "5", "3", NULL, NULL, false, 2 } };
    assert_int_equal (begin (kind, 5, other_key, 2, &fault), ERR_FORMAT);
    const words_t two_prompts [] = { good, { 2, 10, 13, "q", "5", "3", NULL, NULL, false, 2 } };
    assert_int_equal (begin (kind, 5, two_prompts, 2, &fault), ERR_FORMAT);
    assert_non_null (strstr (fault.text, "item 2 of the batch: response 10 stands under two prompts"));
    assert_int_equal (seen.n + slow.total, 0);                      // nothing of a bad batch is begun
    begins (kind, 5, &good, 1);
    const words_t other_batch = { 3, 10, 14, "p", NULL, "1", NULL, NULL, false, 1 };
    run_down (kind);
    assert_int_equal (begin (kind, 5, &other_batch, 1, &fault), ERR_FORMAT);
    closed (&kind);
}

// Bytes of a good body changed at random: refused or taken, never a crash.
static void test_mangled_bodies (void **state)
{
    (void) state;
    worker_kind_t *kind = opened (&lexicon_run);
    static const int32_t a [RULES] = { 1, 2, 3 };
    const words_t good = { 1, 10, 11, "how to kill", "sorry", "step", a, NULL, false, 1 };
    buf_t packed = { 0 };
    pack_item (&good, &packed);
    rng_t rng = { 3 };
    for (int round = 0; round < 5000; round++) {
        char *copy = mem_string_n (packed.data, packed.len);
        size_t len = rng_below (&rng, 4) ? packed.len : rng_below (&rng, packed.len + 1);
        for (uint64_t n = rng_below (&rng, 4); n > 0; n--)
            copy [rng_below (&rng, packed.len)] = (char) rng_next (&rng);
        fault_t fault = { 0 };
        uint64_t item = 1;
        const void *body = copy;
        status_t status = worker_kind_label.begin (kind, 5, &item, &body, &len, 1, &fault);
        assert_true (status == OK || status == ERR_FORMAT);
        free (copy);
        if (round % 64 == 0) {
            worker_kind_label.settled (kind, 1);
            forget_seen ();
        }
        if (seen.n > RESULTS_MAX / 2)
            forget_seen ();
    }
    buf_free (&packed);
    closed (&kind);
}

static void test_names (void **state)
{
    (void) state;
    assert_ptr_equal (worker_kind_find ("label"), &worker_kind_label);
    assert_null (worker_kind_find ("other"));
    static const worker_kind_class_t other = { .name = "other" };
    worker_kind_add (&other);
    worker_kind_add (&other);
    assert_ptr_equal (worker_kind_find ("other"), &other);
    size_t count;
    assert_string_equal (judge_names (&count) [0], "lexicon");
    assert_int_equal (count, 3);
}

int main (void)
{
    judge_add (&slow_class);
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_lexicon), cmocka_unit_test (test_replay), cmocka_unit_test (test_judged_once),
        cmocka_unit_test (test_known_are_not_judged), cmocka_unit_test (test_again), cmocka_unit_test (test_failure),
        cmocka_unit_test (test_revoke), cmocka_unit_test (test_revoke_asks_nothing_more), cmocka_unit_test (test_bad_setup), cmocka_unit_test (test_bad_batches),
        cmocka_unit_test (test_mangled_bodies), cmocka_unit_test (test_names),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

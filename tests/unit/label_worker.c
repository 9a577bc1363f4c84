#include "tests/unit/label_worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "base/mem.h"
#include "proto/wire.h"
#include "worker/lexicon.h"

slow_t slow;
judge_t *slow_judge;
seen_t heard;
const run_t lexicon_run = { "lexicon", "exhaustive", "quarantine", "tie", LABEL_METHOD, false, false, false, NULL };
const run_t replay_run = { "replay", "exhaustive", "quarantine", "tie", LABEL_METHOD, false, false, false, NULL };
const run_t slow_run = { "slow", "exhaustive", "quarantine", "tie", LABEL_METHOD, true, false, false, NULL };

static const char yaml [] =
    "version: 1\nrules:\n"
    "  - {id: declines, text: t1, lexicon: {prompt: [kill], for: [sorry], against: [step]}}\n"
    "  - {id: insults, text: t2, polarity: -1, lexicon: {for: [idiot], against: [please]}}\n"
    "  - {id: silent, text: t3}\n";

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

const judge_class_t slow_class = { .name = "slow", .costly = true, .open = slow_open, .ask = slow_ask, .step = slow_step, .close = slow_close };

void on_result (void *ctx, uint64_t lease, uint64_t item, bool final, const void *body, size_t len, const worker_used_t *used)
{
    (void) ctx;
    assert_true (final);
    assert_null (used);
    assert_true (heard.n < RESULTS_MAX);
    heard.at [heard.n].lease = lease;
    heard.at [heard.n].item = item;
    heard.at [heard.n].result = rulemill__label_result__unpack (NULL, len, body);
    assert_non_null (heard.at [heard.n].result);
    assert_non_null (heard.at [heard.n++].result->label);
}

void on_progress (void *ctx, bool busy, uint64_t item)
{
    (void) ctx, (void) item;
    heard.busy = busy;
}

void on_give_back (void *ctx, uint64_t lease, const spend_t *need)
{
    (void) ctx;
    assert_false (heard.unfit);              // what it spent is told before it leaves
    heard.back [heard.n_back++] = lease;
    heard.need = need ? *need : (spend_t) { { 0 } };
}

void on_unfit (void *ctx, const char *reason)
{
    (void) ctx;
    assert_non_null (reason);
    heard.unfit = true;
}

void forget_seen (void)
{
    for (size_t i = 0; i < heard.n; i++)
        rulemill__label_result__free_unpacked (heard.at [i].result, NULL);
    heard = (seen_t) { 0 };
}

const Rulemill__LabelResult *result_of (uint64_t item)
{
    for (size_t i = heard.n; i-- > 0;)
        if (heard.at [i].item == item)
            return heard.at [i].result;
    fail_msg ("item %llu has no result", (unsigned long long) item);
    return NULL;
}

status_t open_run (const run_t *run, worker_kind_t **kind, fault_t *fault)
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

worker_kind_t *opened (const run_t *run)
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

void closed (worker_kind_t **kind)
{
    worker_kind_label.close (kind);
    assert_null (*kind);
    forget_seen ();
}

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

Rulemill__Cells *known (const int32_t *scores, Rulemill__Cells *cells)
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

void pack_item (const words_t *words, buf_t *out)
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

status_t begin (worker_kind_t *kind, uint64_t lease, const words_t *words, size_t n, fault_t *fault)
{
    buf_t packed [BATCH_MAX] = { 0 };
    uint64_t items [BATCH_MAX] = { 0 };
    const void *bodies [BATCH_MAX] = { NULL };
    size_t lens [BATCH_MAX] = { 0 };
    assert_true (n <= BATCH_MAX);
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

void begins (worker_kind_t *kind, uint64_t lease, const words_t *words, size_t n)
{
    fault_t fault = { 0 };
    status_t status = begin (kind, lease, words, n, &fault);
    assert_string_equal (fault.text, "");
    assert_int_equal (status, OK);
}

void run_down (worker_kind_t *kind)
{
    while (worker_kind_label.step (kind, 10))
        ;
    assert_false (heard.busy);
}

// worker/kind_label with several layers of cells: a panel of two judges, and pairs that are judged over.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "proto/wire.h"
#include "worker/judge.h"
#include "worker/kind_label.h"
#include "worker/label_layers.h"

enum { RULES = 3, MEMBERS = 2, ASKED_MAX = 64 };

static const char yaml [] =
    "version: 1\nrules:\n"
    "  - {id: one, text: t1, lexicon: {for: [a]}}\n  - {id: two, text: t2, lexicon: {for: [a]}}\n  - {id: three, text: t3, lexicon: {for: [a]}}\n";

// --- members that answer when they are told to -------------------------------------

// Its model's name is a digit: the score of a rule is that of the response, times the model's, in 1e-3. Two endpoints, the rules by turns.
typedef struct { judge_question_t *question; judge_t *judge; bool first_order; } asked_t;
static asked_t asked [ASKED_MAX];
static size_t n_asked, total, over;
static status_t failing = OK;           // how questions of repeats end
static bool fail_first;                 // or those of the second member

static status_t twin_open (judge_t *judge, const Rulemill__RunSpec *spec, const rulepool_t *pool, fault_t *fault)
{
    (void) judge, (void) spec, (void) pool, (void) fault;
    return OK;
}

static void twin_ask (judge_t *judge, judge_question_t *question)
{
    total++;
    asked [n_asked++] = (asked_t) { question, judge, question->order == NULL };
}

static void answer (const asked_t *one)
{
    judge_question_t *question = one->question;
    judge_t *judge = one->judge;
    int digit = question->response->turns [0]->content [0] - '0', model = judge->setup->model [0] - '0';
    status_t status = one->first_order ? (fail_first && model == 3 ? ERR_FORMAT : OK) : failing;
    if (!one->first_order) {
        over++;
        bool seen [RULES] = { false };
        for (size_t i = 0; i < RULES; i++)
            seen [question->order [i]] = true;
        assert_true (seen [0] && seen [1] && seen [2]);
    }
    for (uint32_t r = 0; r < RULES && status == OK; r++)
        if (question->need [r]) {
            assert_false (question->cells [r].known);
            uint8_t *endpoint = question->endpoints ? &question->endpoints [r] : NULL;
            assert_true (one->first_order || (endpoint && (*endpoint == 1 || *endpoint == 2)));
            if (!one->first_order && question->need [0] && r == 1)      // rule 0 has been asked, and changed sides, just now
                assert_int_equal (*endpoint, question->endpoints [0]);
            if (endpoint)
                *endpoint = *endpoint == 0 ? (uint8_t) (1 + r % 2) : *endpoint == 1 ? 2 : 1;
            int32_t score = 1000 * digit * model + (one->first_order ? 0 : (int32_t) r + 1);
            question->cells [r] = (cell_t) { score, MICRO, MICRO, true };
            judge->sink.cell (judge->sink.ctx, question, r);
        }
    judge->sink.done (judge->sink.ctx, question, status, status == OK ? NULL : "nonsense");
}

static bool twin_step (judge_t *judge, int timeout_ms)
{
    (void) timeout_ms;
    for (size_t i = 0; i < n_asked; i++)
        if (asked [i].judge == judge) {
            asked_t one = asked [i];
            memmove (asked + i, asked + i + 1, (--n_asked - i) * sizeof *asked);
            answer (&one);
            return true;
        }
    return false;
}

static void twin_close (judge_t *judge)
{
    (void) judge;
}

static const judge_class_t twin_class = { .name = "twin", .costly = true, .open = twin_open, .ask = twin_ask, .step = twin_step, .close = twin_close };

// --- the executor's side -----------------------------------------------------------

static Rulemill__LabelResult *final;
static size_t partial_cells, of_old_lease;
enum { LEASE = 5, NEXT_LEASE = 6 };
static uint64_t given_lease = LEASE;
static uint32_t places [ASKED_MAX];

static void on_result (void *ctx, uint64_t lease, uint64_t item, bool last, const void *body, size_t len, const worker_used_t *used)
{
    (void) ctx, (void) item, (void) used;
    of_old_lease += lease == LEASE;
    Rulemill__LabelResult *result = rulemill__label_result__unpack (NULL, len, body);
    assert_non_null (result);
    const Rulemill__Cells *cells = result->new_a ? result->new_a : result->new_b;
    if (!last && cells)
        places [partial_cells++] = cells->rule [0];
    if (last) {
        assert_null (final);
        final = result;
    } else
        rulemill__label_result__free_unpacked (result, NULL);
}

static void on_progress (void *ctx, bool busy, uint64_t item)
{
    (void) ctx, (void) busy, (void) item;
}

static status_t open_run (unsigned repeats, size_t described, const char *combine, worker_kind_t **kind, fault_t *fault)
{
    rulepool_t *pool = NULL;
    assert_int_equal (rulepool_parse ("r", yaml, sizeof yaml - 1, &pool, fault), OK);
    Rulemill__RunSpec spec = RULEMILL__RUN_SPEC__INIT;
    spec.method = LABEL_METHOD;
    spec.pool = (ProtobufCBinaryData) { DIGEST_BYTES, pool->digest.b };
    spec.judge = (char *) "twin";
    spec.policy = (char *) "exhaustive";
    spec.weight_relevance = MICRO;
    spec.weight_discrepancy = MICRO / 2;
    spec.top = 2;
    spec.seed = 1;
    spec.ties = (char *) "tie";
    Rulemill__PanelMember members [MEMBERS] = { RULEMILL__PANEL_MEMBER__INIT, RULEMILL__PANEL_MEMBER__INIT }, *panel [MEMBERS];
    Rulemill__JudgeSetup setups [MEMBERS] = { RULEMILL__JUDGE_SETUP__INIT, RULEMILL__JUDGE_SETUP__INIT }, *judges [MEMBERS];
    static const char *const models [MEMBERS] = { "1", "3" };
    for (size_t m = 0; m < MEMBERS; m++) {
        members [m].weight = MICRO;
        members [m].name = (char *) models [m];
        setups [m].model = (char *) models [m];
        panel [m] = &members [m];
        judges [m] = &setups [m];
    }
    spec.panel = panel;
    spec.n_panel = MEMBERS;
    spec.combine = (char *) combine;
    Rulemill__LabelSetup setup = RULEMILL__LABEL_SETUP__INIT;
    setup.spec = &spec;
    setup.pool_blob = (ProtobufCBinaryData) { DIGEST_BYTES, pool->blob_digest.b };
    setup.return_cells = true;
    setup.judge = judges;
    setup.n_judge = described;
    setup.repeats = repeats;
    buf_t packed = { 0 };
    wire_pack (&setup.base, &packed);
    worker_blob_t blob = { pool->blob_digest, yaml, sizeof yaml - 1 };
    worker_sink_t sink = { .result = on_result, .progress = on_progress };
    status_t status = worker_kind_label.open (kind, packed.data, packed.len, &blob, 1, &sink, fault);
    buf_free (&packed);
    rulepool_destroy (&pool);
    return status;
}

static worker_kind_t *opened (unsigned repeats)
{
    worker_kind_t *kind = NULL;
    fault_t fault = { 0 };
    n_asked = total = over = partial_cells = of_old_lease = 0;
    failing = OK;
    fail_first = false;
    status_t status = open_run (repeats, MEMBERS, "mean", &kind, &fault);
    assert_string_equal (fault.text, "");
    assert_int_equal (status, OK);
    return kind;
}

static void closed (worker_kind_t **kind)
{
    worker_kind_label.close (kind);
    if (final)
        rulemill__label_result__free_unpacked (final, NULL);
    final = NULL;
}

static Rulemill__Conversation *said (const char *role, const char *text, Rulemill__Conversation *conversation,
                                     Rulemill__Turn *turn, Rulemill__Turn **turns)
{
    rulemill__conversation__init (conversation);
    rulemill__turn__init (turn);
    turn->role = (char *) role;
    turn->content = (char *) text;
    *turns = turn;
    conversation->n_turns = 1;
    conversation->turns = turns;
    return conversation;
}

// One pair of responses "5" and "2"; places of A's known cells, with scores that nobody would give.
static void give (worker_kind_t *kind, bool again, uint32_t *known, size_t n_known)
{
    Rulemill__LabelItem item = RULEMILL__LABEL_ITEM__INIT;
    Rulemill__Conversation conversation [3];
    Rulemill__Turn turn [3], *turns [3];
    uint8_t prompt_key [KEY_BYTES] = { 1 }, pair_key [KEY_BYTES] = { 2 };
    uint32_t ones [MEMBERS * RULES];
    int32_t scores [MEMBERS * RULES];
    Rulemill__Cells cells = RULEMILL__CELLS__INIT;
    for (size_t i = 0; i < n_known; i++) {
        ones [i] = MICRO;
        scores [i] = 777777;
    }
    cells.n_rule = cells.n_score = cells.n_relevance = cells.n_mass = n_known;
    cells.rule = known;
    cells.score = scores;
    cells.relevance = cells.mass = ones;
    item.prompt_key = (ProtobufCBinaryData) { KEY_BYTES, prompt_key };
    item.pair_key = (ProtobufCBinaryData) { KEY_BYTES, pair_key };
    item.prompt = said ("user", "p", &conversation [0], &turn [0], &turns [0]);
    item.response_a = 10;
    item.response_b = 11;
    item.text_a = said ("assistant", "5", &conversation [1], &turn [1], &turns [1]);
    item.text_b = said ("assistant", "2", &conversation [2], &turn [2], &turns [2]);
    item.known_a = n_known > 0 ? &cells : NULL;
    item.again = again;
    buf_t body = { 0 };
    wire_pack (&item.base, &body);
    const void *bodies [1] = { body.data };
    uint64_t number = 1;
    fault_t fault = { 0 };
    assert_int_equal (worker_kind_label.begin (kind, given_lease, &number, bodies, &body.len, 1, &fault), OK);
    buf_free (&body);
}

static void run_down (worker_kind_t *kind)
{
    for (int i = 0; final == NULL; i++) {
        assert_true (i < 1000);
        worker_kind_label.step (kind, 0);
    }
}

// --- tests -----------------------------------------------------------------------------

static void test_members_are_averaged (void **state)
{
    (void) state;
    worker_kind_t *kind = opened (0);
    give (kind, false, NULL, 0);
    assert_int_equal (n_asked, 2 * MEMBERS);            // all at the same time
    run_down (kind);
    const Rulemill__Label *label = final->label;
    assert_int_equal (label->outcome, RULEMILL__OUTCOME__OUTCOME_A);
    assert_int_equal (label->score_a [0], 10000);       // (5000 + 15000) / 2
    assert_int_equal (label->score_b [0], 4000);
    assert_int_equal (final->new_a->n_rule, MEMBERS * RULES);
    assert_int_equal (final->new_a->rule [RULES], RULES);
    assert_int_equal (final->new_a->score [0], 5000);
    assert_int_equal (final->new_a->score [RULES], 15000);
    assert_int_equal (partial_cells, 2 * MEMBERS * RULES);
    cell_t a [MEMBERS * RULES], b [MEMBERS * RULES];
    bool need [MEMBERS * RULES];
    for (int i = 0; i < MEMBERS * RULES; i++) {
        need [i] = true;
        a [i] = (cell_t) { i < RULES ? 5000 : 15000, MICRO, MICRO, true };
        b [i] = (cell_t) { i < RULES ? 2000 : 6000, MICRO, MICRO, true };
    }
    uint64_t digest = selection_cells_digest (need, a, b, MEMBERS * RULES);
    for (int i = 0; i < 8; i++)
        assert_int_equal (final->cells_digest.data [i], (uint8_t) (digest >> (56 - 8 * i)));
    closed (&kind);
}

// A worker that was given up is told of a lease that it holds under another number while its requests are on their way.
static void test_what_is_on_its_way_is_kept_though_the_item_comes_again (void **state)
{
    (void) state;
    worker_kind_t *kind = opened (0);
    give (kind, false, NULL, 0);
    worker_kind_label.revoke (kind, LEASE);
    given_lease = NEXT_LEASE;
    give (kind, false, NULL, 0);
    given_lease = LEASE;
    run_down (kind);
    assert_int_equal (partial_cells, 2 * 2 * MEMBERS * RULES);
    assert_int_equal (of_old_lease, 2 * MEMBERS * RULES);
    closed (&kind);
}

static void test_known_members_are_not_asked (void **state)
{
    (void) state;
    worker_kind_t *kind = opened (0);
    uint32_t known [] = { 3, 4, 5 };                    // the second member's
    give (kind, false, known, 3);
    assert_int_equal (n_asked, 3);
    run_down (kind);
    assert_int_equal (final->label->score_a [0], (5000 + 777777) / 2);      // and a half, which goes
    assert_int_equal (final->new_a->n_rule, RULES);
    closed (&kind);
}

static void test_repeats_enter_no_label (void **state)
{
    (void) state;
    worker_kind_t *kind = opened (2);
    give (kind, true, NULL, 0);
    run_down (kind);
    assert_int_equal (total, 2 * MEMBERS * 3);
    assert_int_equal (over, 2 * MEMBERS * 2);
    assert_int_equal (final->label->score_a [0], 10000);
    assert_int_equal (final->new_a->n_rule, MEMBERS * RULES * 3);
    assert_int_equal (final->new_a->score [MEMBERS * RULES + 1], 5000 + 2);
    for (size_t i = 0; i < partial_cells; i++)
        assert_true (places [i] < MEMBERS * RULES * 3);
    closed (&kind);
    kind = opened (2);                                  // not of the share
    give (kind, false, NULL, 0);
    run_down (kind);
    assert_int_equal (total, 2 * MEMBERS);
    closed (&kind);
}

static void test_failures (void **state)
{
    (void) state;
    worker_kind_t *kind = opened (1);
    failing = ERR_FORMAT;
    give (kind, true, NULL, 0);
    run_down (kind);
    assert_int_equal (final->label->outcome, RULEMILL__OUTCOME__OUTCOME_A);     // without its repeats
    assert_int_equal (final->new_a->n_rule, MEMBERS * RULES);
    closed (&kind);
    kind = opened (1);
    fail_first = true;
    give (kind, true, NULL, 0);
    run_down (kind);
    assert_int_equal (final->label->outcome, RULEMILL__OUTCOME__OUTCOME_QUARANTINED);
    assert_string_equal (final->label->reason, "3: nonsense");
    assert_true (partial_cells >= RULES);               // what the other member said is kept
    closed (&kind);
    kind = opened (1);
    give (kind, true, NULL, 0);
    closed (&kind);                                     // with questions in flight
}

static void test_bad_setups (void **state)
{
    (void) state;
    const struct { unsigned repeats; size_t described; const char *combine, *text; } cases [] = {
        { 0, 1, "mean", "the setup describes 1 judges, the run has 2" },
        { 0, 2, "median", "a panel can't be combined by \"median\"" },
        { 9, 2, "mean", "9 repeats are asked for; the most is 8" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        worker_kind_t *kind = NULL;
        fault_t fault = { 0 };
        assert_int_not_equal (open_run (cases [i].repeats, cases [i].described, cases [i].combine, &kind, &fault), OK);
        assert_string_equal (fault.text, cases [i].text);
        assert_null (kind);
    }
}

int main (void)
{
    judge_add (&twin_class);
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_members_are_averaged), cmocka_unit_test (test_known_members_are_not_asked),
        cmocka_unit_test (test_what_is_on_its_way_is_kept_though_the_item_comes_again),
        cmocka_unit_test (test_repeats_enter_no_label), cmocka_unit_test (test_failures), cmocka_unit_test (test_bad_setups),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

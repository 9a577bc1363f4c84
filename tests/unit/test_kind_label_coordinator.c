// The coordinator's half of labelling, against a store built record by record.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/kind_label.h"
#include "coordinator/kind_label_plan.h"
#include "coordinator/kind_label_parts.h"
#include "model/selection.h"
#include "storage/run.h"
#include "tests/unit/folder_fixture.h"

static const char pool_yaml [] =
    "version: 1\nname: test\nrules:\n"
    "  - id: good\n    text: \"It is good.\"\n    category: c\n    polarity: 1\n    lexicon:\n      prompt: []\n      for: [\"good\"]\n      against: [\"bad\"]\n"
    "  - id: evil\n    text: \"It is evil.\"\n    category: c\n    polarity: -1\n    lexicon:\n      prompt: []\n      for: [\"evil\"]\n      against: [\"nice\"]\n"
    "  - id: calm\n    text: \"It is calm.\"\n    category: c\n    polarity: 1\n    lexicon:\n      prompt: []\n      for: [\"calm\"]\n      against: [\"loud\"]\n";

enum { PROMPTS = 4, RESPONSES = 3, PAIRS = 8, RULES = 3 };      // of each prompt: pairs (0, 1) and (1, 2); pair 7 has equal sides

typedef struct {
    folder_fixture_t folder;
    store_t *store;
    rulepool_t *pool;
    Rulemill__RunSpec spec;
    Rulemill__RunRecord run;
    kind_label_options_t options;
    kind_t *kind;
    store_batch_t *batch;
    phase_t phase;
    fault_t fault;
} fixture_t;

static void key_of (const char *what, uint64_t number, uint8_t out [KEY_BYTES])
{
    char text [64];
    snprintf (text, sizeof text, "%s %d", what, (int) number);
    digest_t digest = digest_of (text, strlen (text));
    memcpy (out, digest.b, KEY_BYTES);
}

static void put_prompt (fixture_t *f, uint64_t number)
{
    uint8_t key [KEY_BYTES], group [KEY_BYTES];
    key_of ("prompt", number, key);
    key_of ("group", number, group);
    Rulemill__Turn turn = RULEMILL__TURN__INIT, *turns [] = { &turn };
    turn.role = (char *) "user";
    turn.content = (char *) "what?";
    Rulemill__Conversation conversation = RULEMILL__CONVERSATION__INIT;
    conversation.turns = turns;
    conversation.n_turns = 1;
    Rulemill__PromptRecord record = RULEMILL__PROMPT_RECORD__INIT;
    record.conversation = &conversation;
    record.key = (ProtobufCBinaryData) { KEY_BYTES, key };
    record.group_key = (ProtobufCBinaryData) { KEY_BYTES, group };
    record_put_prompt (f->batch, number, &record);
}

static void put_response (fixture_t *f, uint64_t number)
{
    uint8_t key [KEY_BYTES];
    key_of ("response", number, key);
    Rulemill__Turn turn = RULEMILL__TURN__INIT, *turns [] = { &turn };
    turn.role = (char *) "assistant";
    turn.content = (char *) "so.";
    Rulemill__Conversation conversation = RULEMILL__CONVERSATION__INIT;
    conversation.turns = turns;
    conversation.n_turns = 1;
    Rulemill__ResponseRecord record = RULEMILL__RESPONSE_RECORD__INIT;
    record.prompt = number / RESPONSES;
    record.response = &conversation;
    record.key = (ProtobufCBinaryData) { KEY_BYTES, key };
    record_put_response (f->batch, number, &record);
}

static void put_pair (fixture_t *f, uint64_t number)
{
    uint8_t key [KEY_BYTES];
    key_of ("pair", number, key);
    Rulemill__Place place = RULEMILL__PLACE__INIT;
    Rulemill__PairRecord record = RULEMILL__PAIR_RECORD__INIT;
    record.prompt = number / 2;
    record.response_a = number / 2 * RESPONSES + number % 2;
    record.response_b = number == 7 ? record.response_a : record.response_a + 1;
    record.key = (ProtobufCBinaryData) { KEY_BYTES, key };
    record.place = &place;
    record.given = RULEMILL__SIDE__SIDE_A;
    record_put_pair (f->batch, number, &record);
}

static void put_corpus (fixture_t *f)
{
    for (uint64_t i = 0; i < PROMPTS; i++)
        put_prompt (f, i);
    for (uint64_t i = 0; i < PROMPTS * RESPONSES; i++)
        put_response (f, i);
    for (uint64_t i = 0; i < PAIRS; i++)
        put_pair (f, i);
    Rulemill__CorpusState corpus = RULEMILL__CORPUS_STATE__INIT;
    corpus.prompts = PROMPTS;
    corpus.responses = PROMPTS * RESPONSES;
    corpus.pairs = PAIRS;
    corpus.complete = true;
    record_put_corpus (f->batch, &corpus);
}

static void commit (fixture_t *f)
{
    if (f->kind)
        f->kind->class->before_write (f->kind, f->batch, &f->phase);
    assert_int_equal (store_commit (f->store, f->batch, &f->fault), OK);
    store_batch_clear (f->batch);
    if (f->kind)
        f->kind->class->after_write (f->kind);
}

static void open_kind (fixture_t *f)
{
    kind_label_destroy (&f->kind);
    f->options.store = f->store;
    f->options.run = &f->run;
    f->options.pool = f->pool;
    assert_int_equal (kind_label_new (&f->options, &f->kind, &f->fault), OK);
}

static int setup (void **state)
{
    fixture_t *f = mem_zero (1, sizeof *f);
    folder_fixture_make (&f->folder);
    assert_int_equal (store_open (f->folder.path, &(store_options_t) { .create = true }, &f->store, &f->fault), OK);
    assert_int_equal (rulepool_parse ("pool", pool_yaml, strlen (pool_yaml), &f->pool, &f->fault), OK);
    f->batch = store_batch_new (f->store);
    f->spec = (Rulemill__RunSpec) RULEMILL__RUN_SPEC__INIT;
    f->spec.policy = (char *) "exhaustive";
    f->spec.orientation = (char *) "hashed";
    f->spec.ties = (char *) "tie";
    f->spec.weight_relevance = MICRO;
    f->spec.weight_discrepancy = MICRO / 2;
    f->spec.top = 2;
    f->spec.seed = 5;
    f->run = (Rulemill__RunRecord) RULEMILL__RUN_RECORD__INIT;
    f->run.number = 1;
    f->run.judge = 1;
    f->run.spec = &f->spec;
    f->run.pool_blob = (ProtobufCBinaryData) { DIGEST_BYTES, f->pool->blob_digest.b };
    record_put_blob (f->batch, &f->pool->blob_digest, pool_yaml, strlen (pool_yaml));
    put_corpus (f);
    commit (f);
    open_kind (f);
    *state = f;
    return 0;
}

static int teardown (void **state)
{
    fixture_t *f = *state;
    kind_label_destroy (&f->kind);
    store_batch_destroy (&f->batch);
    rulepool_destroy (&f->pool);
    store_close (&f->store);
    folder_fixture_remove (&f->folder);
    free (f);
    return 0;
}

static bool next_phase (fixture_t *f)
{
    bool found = false;
    assert_int_equal (f->kind->class->phase (f->kind, &f->phase, &found, &f->fault), OK);
    return found;
}

static size_t look (fixture_t *f, due_t due [PAIRS])
{
    size_t n;
    uint64_t next;
    assert_int_equal (f->kind->class->due (f->kind, &f->phase, 0, due, PAIRS, &n, &next, &f->fault), OK);
    assert_int_equal (next, n);
    return n;
}

// --- results as a worker makes them ---------------------------------------------

// Cells of a response: rule r has score +-(response + 1) * 1000 * (r + 1).
static int32_t score_of (uint64_t response, uint32_t rule)
{
    return (int32_t) ((response * 37 + rule * 11) % 19) * 50000 - 450000;
}

static void cells_of (uint64_t response, cell_t cells [RULES])
{
    for (uint32_t r = 0; r < RULES; r++)
        cells [r] = (cell_t) { .score = score_of (response, r), .relevance = 900000, .mass = MICRO, .known = true };
}

typedef struct {
    Rulemill__LabelResult result;
    Rulemill__Label label;
    selected_t selected;
    int32_t score_a [LIMIT_RULES], score_b [LIMIT_RULES];
    uint32_t relevance [LIMIT_RULES];
    bool swapped;
    uint64_t response [2];      // as presented
} made_t;

// What model/selection.h says of a pair.
static made_t *make (fixture_t *f, uint64_t item)
{
    made_t *made = mem_zero (1, sizeof *made);
    Rulemill__PairRecord *pair = NULL;
    assert_int_equal (record_get_pair (f->store, item, &pair, &f->fault), OK);
    content_key_t prompt_key, pair_key;
    key_of ("prompt", pair->prompt, prompt_key.b);
    key_of ("pair", item, pair_key.b);
    made->swapped = strcmp (f->spec.orientation, "hashed") == 0 && orientation_swapped (f->spec.seed, &pair_key);
    made->response [made->swapped] = pair->response_a;
    made->response [!made->swapped] = pair->response_b;
    rulemill__pair_record__free_unpacked (pair, NULL);
    int8_t polarity [RULES] = { 1, -1, 1 };
    digest_t digests [RULES];
    for (size_t r = 0; r < RULES; r++)
        digests [r] = f->pool->rules [r].digest;
    selection_spec_t spec = {
        .policy = POLICY_EXHAUSTIVE, .weight_relevance = MICRO, .weight_discrepancy = MICRO / 2, .top = 2, .seed = 5,
        .tie_margin = f->spec.tie_margin, .ties_to_b = strcmp (f->spec.ties, "b") == 0, .polarity = polarity, .rule_digest = digests, .n_rules = RULES
    };
    cell_t a [RULES], b [RULES];
    cells_of (made->response [0], a);
    cells_of (made->response [1], b);
    selection_label (&spec, &prompt_key, &pair_key, a, b, &made->selected);
    made->label = (Rulemill__Label) RULEMILL__LABEL__INIT;
    Rulemill__Label *label = &made->label;
    label->outcome = made->selected.preference == PREFERS_A ? RULEMILL__OUTCOME__OUTCOME_A
                   : made->selected.preference == PREFERS_B ? RULEMILL__OUTCOME__OUTCOME_B : RULEMILL__OUTCOME__OUTCOME_TIE;
    label->swapped = made->swapped;
    label->selected_by = (char *) "exhaustive";
    size_t n = made->selected.n_rules;
    for (size_t i = 0; i < n; i++) {
        made->score_a [i] = a [made->selected.rule [i]].score;
        made->score_b [i] = b [made->selected.rule [i]].score;
        made->relevance [i] = 900000;
    }
    label->n_rule = label->n_score_a = label->n_score_b = label->n_relevance_a = label->n_relevance_b = n;
    label->rule = made->selected.rule;
    label->score_a = made->score_a;
    label->score_b = made->score_b;
    label->relevance_a = label->relevance_b = made->relevance;
    label->sum_a = made->selected.sum_a;
    label->sum_b = made->selected.sum_b;
    made->result = (Rulemill__LabelResult) RULEMILL__LABEL_RESULT__INIT;
    made->result.label = label;
    return made;
}

static verdict_t give_full (fixture_t *f, uint64_t item, const Rulemill__LabelResult *result, bool final, buf_t *known)
{
    buf_t body = { 0 };
    verdict_t verdict = VERDICT_BAD;
    wire_pack (&result->base, &body);
    assert_int_equal (f->kind->class->commit (f->kind, f->batch, item, final, body.data, body.len, &verdict, known, &f->fault), OK);
    buf_free (&body);
    return verdict;
}

static verdict_t give (fixture_t *f, uint64_t item, const made_t *made)
{
    buf_t known = { 0 };
    verdict_t verdict = give_full (f, item, &made->result, true, &known);
    buf_free (&known);
    return verdict;
}

// --- tests -----------------------------------------------------------------------

static void pairs_are_due_until_they_have_a_label (void **state)
{
    fixture_t *f = *state;
    due_t due [PAIRS];
    assert_true (next_phase (f));
    assert_string_equal (f->phase.name, "all");
    assert_int_equal (f->phase.end, PAIRS);
    assert_int_equal (look (f, due), PAIRS);
    for (uint64_t i = 0; i < PAIRS; i++) {
        assert_int_equal (due [i].item, i);
        assert_int_equal (due [i].state, i == 7 ? DUE_SELF : DUE_LEASE);
        assert_int_equal (due [i].group, i / 2);
        assert_int_equal (due [i].n_keys, 0);
    }
    for (uint64_t i = 0; i < 7; i++) {
        made_t *made = make (f, i);
        assert_int_equal (give (f, i, made), VERDICT_FINAL);
        free (made);
    }
    assert_int_equal (f->kind->class->settle (f->kind, f->batch, 7, &f->fault), OK);
    f->phase.low_water = PAIRS;
    commit (f);
    look (f, due);
    for (uint64_t i = 0; i < PAIRS; i++)
        assert_int_equal (due [i].state, DUE_NOT);
    assert_false (next_phase (f));
    const Rulemill__RunCounts *counts = kind_label_counts (f->kind);
    assert_int_equal (counts->labelled, PAIRS);
    assert_int_equal (counts->identical, 1);
    assert_int_equal (counts->agree + counts->disagree + counts->given_ties, PAIRS);
    uint64_t agree = counts->agree;
    made_t *again = make (f, 3);
    assert_int_equal (give (f, 3, again), VERDICT_FINAL);       // late: acknowledged, not counted
    assert_int_equal (kind_label_counts (f->kind)->labelled, PAIRS);
    free (again);
    open_kind (f);
    assert_int_equal (kind_label_counts (f->kind)->labelled, PAIRS);
    assert_int_equal (kind_label_counts (f->kind)->agree, agree);
}

static void what_does_not_follow_from_its_scores_is_refused (void **state)
{
    fixture_t *f = *state;
    next_phase (f);
    made_t *made = make (f, 0);
    Rulemill__Label good = made->label;
    assert_int_equal (good.n_rule, 2);
    made->label.sum_a++;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label = good;
    made->label.outcome = good.outcome == RULEMILL__OUTCOME__OUTCOME_A ? RULEMILL__OUTCOME__OUTCOME_B : RULEMILL__OUTCOME__OUTCOME_A;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label = good;
    made->label.outcome = RULEMILL__OUTCOME__OUTCOME_NONE;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label = good;
    made->label.swapped = !good.swapped;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label = good;
    made->label.n_score_b = 1;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label = good;
    uint32_t rules [2] = { good.rule [0], 99 }, twice [2] = { good.rule [0], good.rule [0] };
    made->label.rule = rules;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label.rule = twice;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label = good;
    made->label.selected_by = (char *) "<b>another</b>";
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->label = good;
    made->score_a [0] = 2000000;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    made->result.label = NULL;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    verdict_t verdict;
    buf_t known = { 0 };
    assert_int_equal (f->kind->class->commit (f->kind, f->batch, 0, true, "\xff\xff", 2, &verdict, &known, &f->fault), OK);
    assert_int_equal (verdict, VERDICT_BAD);
    assert_int_equal (store_batch_count (f->batch), 0);
    assert_int_equal (kind_label_counts (f->kind)->labelled, 0);
    free (made);
}

// Sums by weights that are not the run's are as wrong as any others.
static void weighted_sums_are_checked (void **state)
{
    fixture_t *f = *state;
    next_phase (f);
    uint32_t weights [RULES] = { MICRO, 300000, 700000 };
    f->spec.policy = (char *) "entropy";
    made_t *made = make (f, 0);
    made->label.selected_by = f->spec.policy;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);          // a run without weights
    f->spec.rule_weight = weights;
    f->spec.n_rule_weight = RULES;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);          // plain sums
    uint64_t weight [2];
    int8_t polarity [2];
    for (size_t i = 0; i < 2; i++) {
        weight [i] = weights [made->label.rule [i]];
        polarity [i] = (int8_t) f->pool->rules [made->label.rule [i]].polarity;
    }
    made->label.sum_a = selection_sum (weight, polarity, made->label.score_a, 2);
    made->label.sum_b = selection_sum (weight, polarity, made->label.score_b, 2);
    made->label.outcome = made->label.sum_a > made->label.sum_b ? RULEMILL__OUTCOME__OUTCOME_A : RULEMILL__OUTCOME__OUTCOME_B;
    assert_int_equal (give (f, 0, made), VERDICT_FINAL);
    free (made);
}

static void margins_and_published_ties_are_checked_as_selection_makes_them (void **state)
{
    fixture_t *f = *state;
    next_phase (f);
    f->spec.tie_margin = 2 * MICRO;
    made_t *made = make (f, 0);
    assert_int_equal (made->label.outcome, RULEMILL__OUTCOME__OUTCOME_TIE);
    assert_int_equal (give (f, 0, made), VERDICT_FINAL);
    free (made);
    f->spec.ties = (char *) "b";
    made = make (f, 1);
    assert_int_equal (made->label.outcome, RULEMILL__OUTCOME__OUTCOME_B);
    assert_int_equal (give (f, 1, made), VERDICT_FINAL);
    free (made);
}

static void a_quarantined_pair_can_be_tried_again (void **state)
{
    fixture_t *f = *state;
    due_t due [PAIRS];
    next_phase (f);
    made_t *made = make (f, 2);
    made->label.outcome = RULEMILL__OUTCOME__OUTCOME_QUARANTINED;
    made->label.n_rule = made->label.n_score_a = made->label.n_score_b = made->label.n_relevance_a = made->label.n_relevance_b = 0;
    char reason [] = "the judge said \x1b[31m no";
    made->label.reason = reason;
    assert_int_equal (give (f, 2, made), VERDICT_FINAL);
    assert_int_equal (f->kind->class->quarantine (f->kind, f->batch, 4, "3 workers died", &f->fault), OK);
    f->phase.low_water = 5;
    commit (f);
    free (made);
    Rulemill__Label *label = NULL;
    assert_int_equal (record_get_label (f->store, 1, 2, &label, &f->fault), OK);
    assert_string_equal (label->reason, "the judge said ?[31m no");
    rulemill__label__free_unpacked (label, NULL);

    made = make (f, 0);                                 // not yet on disk when the others are taken up again
    assert_int_equal (give (f, 0, made), VERDICT_FINAL);
    uint64_t n;
    assert_int_equal (kind_label_retry_now (f->kind, &n, &f->fault), OK);
    assert_int_equal (n, 2);
    assert_int_equal (kind_label_counts (f->kind)->quarantined, 0);
    assert_int_equal (kind_label_counts (f->kind)->labelled, 1);
    Rulemill__RunCounts *counts = NULL;
    assert_int_equal (record_get_counts (f->store, 1, &counts, &f->fault), OK);
    assert_int_equal (counts->labelled, 0);             // what is on disk counts what is on disk
    assert_int_equal (counts->quarantined, 0);
    rulemill__run_counts__free_unpacked (counts, NULL);
    free (made);

    size_t count;
    assert_int_equal (f->kind->class->retries (f->kind, 0, due, PAIRS, &count, &f->fault), OK);
    assert_int_equal (count, 2);
    assert_int_equal (due [0].item, 2);
    assert_int_equal (due [1].item, 4);
    assert_int_equal (due [0].state, DUE_LEASE);
    assert_int_equal (f->kind->class->retries (f->kind, 3, due, PAIRS, &count, &f->fault), OK);
    assert_int_equal (count, 1);
    for (uint64_t item = 2; item < 5; item += 2) {
        made = make (f, item);
        assert_int_equal (give (f, item, made), VERDICT_FINAL);
        free (made);
    }
    commit (f);
    assert_int_equal (f->kind->class->retries (f->kind, 0, due, PAIRS, &count, &f->fault), OK);
    assert_int_equal (count, 0);
    f->phase.low_water = PAIRS;
    f->kind->class->quarantine (f->kind, f->batch, 6, "x", &f->fault);
    commit (f);
    assert_false (next_phase (f));
    Rulemill__RunCounts stored = *kind_label_counts (f->kind);
    assert_int_equal (kind_label_retry (f->store, 1, &stored, &n, &f->fault), OK);      // as when no job runs
    assert_int_equal (n, 1);
    assert_int_equal (stored.quarantined, 0);
    open_kind (f);
    assert_true (next_phase (f));
}

// --- stored cells ------------------------------------------------------------------

typedef struct { Rulemill__Cells cells; uint32_t rule [RULES], relevance [RULES], mass [RULES]; int32_t score [RULES]; } judged_t;

static void judged (judged_t *out, uint64_t response, uint32_t from)
{
    out->cells = (Rulemill__Cells) RULEMILL__CELLS__INIT;
    size_t n = 0;
    for (uint32_t r = from; r < RULES; r++, n++) {
        out->rule [n] = r;
        out->score [n] = score_of (response, r);
        out->relevance [n] = 900000;
        out->mass [n] = MICRO;
    }
    out->cells.n_rule = out->cells.n_score = out->cells.n_relevance = out->cells.n_mass = n;
    out->cells.rule = out->rule;
    out->cells.score = out->score;
    out->cells.relevance = out->relevance;
    out->cells.mass = out->mass;
}

static void the_first_cell_wins (void **state)
{
    fixture_t *f = *state;
    due_t due [PAIRS];
    buf_t known = { 0 };
    f->options.stored_cells = true;
    open_kind (f);
    next_phase (f);
    look (f, due);
    assert_int_equal (due [0].n_keys, 2);
    assert_int_equal (due [0].keys [1], due [1].keys [0]);      // pairs 0 and 1 share response 1

    made_t *made = make (f, 0);
    judged_t a, b;
    judged (&a, made->response [0], 0);
    judged (&b, made->response [1], 0);
    made->result.new_a = &a.cells;
    assert_int_equal (give_full (f, 0, &made->result, false, &known), VERDICT_PARTIAL);     // A's cells alone, as they come
    made->result.new_b = &b.cells;
    int32_t right = b.score [1];
    assert_int_equal (give (f, 0, made), VERDICT_FINAL);
    assert_int_equal (kind_label_counts (f->kind)->cells_judged, 2 * RULES);

    // in the same batch: another value for a cell of response 1 that pair 0 has brought
    made_t *other = make (f, 1);
    judged_t x;
    judged (&x, 1, 0);
    x.score [1]++;
    if (other->response [0] == 1)
        other->result.new_a = &x.cells;
    else
        other->result.new_b = &x.cells;
    assert_int_equal (give_full (f, 1, &other->result, true, &known), VERDICT_STALE);
    Rulemill__LabelKnown *told = rulemill__label_known__unpack (NULL, known.len, (uint8_t *) known.data);
    assert_non_null (told);
    const Rulemill__Cells *cells = other->response [0] == 1 ? told->known_a : told->known_b;
    assert_int_equal (cells->n_rule, RULES);
    assert_int_equal (cells->score [1], score_of (1, 1));
    rulemill__label_known__free_unpacked (told, NULL);
    commit (f);
    x.score [1]--;
    assert_int_equal (give_full (f, 1, &other->result, true, &known), VERDICT_FINAL);
    commit (f);
    (void) right;

    Rulemill__Cells *stored = NULL;
    assert_int_equal (record_get_cells (f->store, 1, 1, &stored, &f->fault), OK);
    assert_int_equal (stored->n_rule, RULES);
    rulemill__cells__free_unpacked (stored, NULL);
    buf_free (&known);
    free (made);
    free (other);
}

// A pair was set aside for one response; what was asked about the other one was paid for, and a retry needs it no more.
static void what_comes_late_is_kept_and_costs_nothing_again (void **state)
{
    fixture_t *f = *state;
    due_t due [PAIRS];
    buf_t body = { 0 };
    uint64_t cost = 0;
    f->options.stored_cells = f->options.costs = true;
    open_kind (f);
    next_phase (f);
    look (f, due);
    assert_int_equal (due [0].cost, 2 * RULES);
    assert_int_equal (f->kind->class->quarantine (f->kind, f->batch, 0, "its other response can't be judged", &f->fault), OK);
    commit (f);
    made_t *made = make (f, 0);
    judged_t a;
    judged (&a, made->response [0], 1);
    made->result.new_a = &a.cells;
    wire_pack (&made->result.base, &body);
    assert_int_equal (f->kind->class->late (f->kind, f->batch, 0, body.data, body.len, &f->fault), OK);
    assert_int_equal (f->kind->class->late (f->kind, f->batch, 0, "\xff\xff", 2, &f->fault), OK);      // is nothing
    commit (f);
    assert_int_equal (kind_label_counts (f->kind)->cells_judged, RULES - 1);
    assert_int_equal (f->kind->class->cost (f->kind, 0, &cost, &f->fault), OK);
    assert_int_equal (cost, RULES + 1);
    buf_free (&body);
    free (made);
}

static void usage_is_counted (void **state)
{
    fixture_t *f = *state;
    const usage_t usage = { .calls = 3, .prompt_tokens = 900, .cached_tokens = 500, .completion_tokens = 3, .refused = 1, .cost = 77, .ms = 1250 };
    f->kind->class->used (f->kind, &usage);
    f->kind->class->used (f->kind, &usage);
    const Rulemill__RunCounts *counts = kind_label_counts (f->kind);
    assert_int_equal (counts->calls, 6);
    assert_int_equal (counts->prompt_tokens, 1800);
    assert_int_equal (counts->cached_tokens, 1000);
    assert_int_equal (counts->completion_tokens, 6);
    assert_int_equal (counts->refused, 2);
    assert_int_equal (counts->cost, 154);
    assert_int_equal (counts->ms, 2500);
}

// Each cell counts once, however many pairs need it.
static void a_plan_counts_cells_once (void **state)
{
    fixture_t *f = *state;
    _Atomic bool stop = false;
    label_plan_t plan;
    f->options.stored_cells = true;
    open_kind (f);
    assert_int_equal (kind_label_plan (f->kind, &stop, &plan, &f->fault), OK);
    assert_true (plan.made && plan.pairs_due + plan.pairs_identical <= PAIRS);
    assert_true (plan.cells_needed <= PROMPTS * RESPONSES * RULES && plan.cells_needed % RULES == 0);
    assert_int_equal (plan.cells_stored, 0);
    made_t *made = make (f, 0);
    judged_t a;
    judged (&a, made->response [0], 0);
    made->result.new_a = &a.cells;
    buf_t known = { 0 };
    assert_int_equal (give_full (f, 0, &made->result, false, &known), VERDICT_PARTIAL);
    commit (f);
    assert_int_equal (kind_label_plan (f->kind, &stop, &plan, &f->fault), OK);
    assert_int_equal (plan.cells_stored, RULES);
    atomic_store (&stop, true);
    assert_int_equal (kind_label_plan (f->kind, &stop, &plan, &f->fault), ERR_STOPPED);
    assert_false (plan.made);
    buf_free (&known);
    free (made);
}

static void cells_that_can_not_be_are_refused (void **state)
{
    fixture_t *f = *state;
    made_t *made = make (f, 0);
    judged_t a;
    judged (&a, 0, 0);
    made->result.new_a = &a.cells;
    next_phase (f);
    assert_int_equal (give (f, 0, made), VERDICT_BAD);          // this judge's cells are not stored
    f->options.stored_cells = true;
    open_kind (f);
    next_phase (f);
    a.rule [1] = a.rule [0];
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    judged (&a, 0, 0);
    a.rule [2] = 7;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    judged (&a, 0, 0);
    a.score [0] = -MICRO - 1;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    judged (&a, 0, 0);
    a.cells.n_mass--;
    assert_int_equal (give (f, 0, made), VERDICT_BAD);
    free (made);
}

// --- bodies, setup, samples ----------------------------------------------------------

static Rulemill__LabelItem *body_of (fixture_t *f, uint64_t item, bool first)
{
    buf_t body = { 0 };
    assert_int_equal (f->kind->class->body (f->kind, item, first, &body, &f->fault), OK);
    Rulemill__LabelItem *message = rulemill__label_item__unpack (NULL, body.len, (uint8_t *) body.data);
    assert_non_null (message);
    buf_free (&body);
    return message;
}

static void a_batch_brings_each_text_once (void **state)
{
    fixture_t *f = *state;
    next_phase (f);
    Rulemill__LabelItem *first = body_of (f, 0, true), *second = body_of (f, 1, false), *third = body_of (f, 2, false);
    assert_true (first->prompt && !first->same_prompt && first->text_a && first->text_b);
    assert_true (!second->prompt && second->same_prompt);
    assert_true ((second->text_a != NULL) != (second->text_b != NULL));     // response 1 was there
    assert_true (third->prompt && third->text_a && third->text_b);
    made_t *made = make (f, 0);
    assert_int_equal (first->swapped, made->swapped);
    assert_int_equal (first->response_a, made->response [0]);
    assert_null (first->known_a);
    free (made);
    rulemill__label_item__free_unpacked (second, NULL);
    second = body_of (f, 1, true);                      // the next batch knows nothing of it
    assert_true (second->prompt && second->text_a && second->text_b);
    rulemill__label_item__free_unpacked (first, NULL);
    rulemill__label_item__free_unpacked (second, NULL);
    rulemill__label_item__free_unpacked (third, NULL);
    buf_t body = { 0 };
    assert_int_equal (f->kind->class->body (f->kind, 1000, true, &body, &f->fault), ERR_CORRUPT);
    buf_free (&body);
}

static void the_setup_names_the_pool (void **state)
{
    fixture_t *f = *state;
    buf_t setup_bytes = { 0 }, blob = { 0 };
    f->kind->class->setup (f->kind, &setup_bytes);
    Rulemill__LabelSetup *message = rulemill__label_setup__unpack (NULL, setup_bytes.len, (uint8_t *) setup_bytes.data);
    assert_non_null (message);
    assert_memory_equal (message->pool_blob.data, f->pool->blob_digest.b, DIGEST_BYTES);
    assert_false (message->return_cells);
    rulemill__label_setup__free_unpacked (message, NULL);
    digest_t digest;
    bool found;
    assert_int_equal (f->kind->class->blobs (f->kind, &digest, 1), 1);
    assert_int_equal (f->kind->class->blob (f->kind, &digest, &blob, &found, &f->fault), OK);
    assert_true (found);
    assert_int_equal (blob.len, strlen (pool_yaml));
    digest.b [0] ^= 1;
    assert_int_equal (f->kind->class->blob (f->kind, &digest, &blob, &found, &f->fault), OK);
    assert_false (found);
    buf_free (&setup_bytes);
    buf_free (&blob);
}

static size_t prompts_due (fixture_t *f)
{
    due_t due [PAIRS];
    size_t n = look (f, due), prompts = 0;
    for (size_t i = 0; i < n; i += 2) {
        assert_int_equal (due [i].state == DUE_NOT, due [i + 1].state == DUE_NOT);     // whole prompts
        prompts += due [i].state != DUE_NOT;
    }
    return prompts;
}

static void a_sample_takes_whole_prompts (void **state)
{
    fixture_t *f = *state;
    for (uint64_t limit = 1; limit <= PROMPTS + 1; limit++) {
        f->options.limit = limit;
        open_kind (f);
        assert_true (next_phase (f));
        assert_int_equal (prompts_due (f), limit < PROMPTS ? limit : PROMPTS);
    }
    f->options.limit = 2;
    open_kind (f);
    next_phase (f);
    commit (f);
    open_kind (f);                                      // resumed: the same sample
    next_phase (f);
    assert_int_equal (prompts_due (f), 2);
}

static void excluded_prompts_are_not_due (void **state)
{
    fixture_t *f = *state;
    Rulemill__RejectRecord why = RULEMILL__REJECT_RECORD__INIT;
    record_put_excluded (f->batch, 1, 2, &why);
    f->run.excluded_prompts = 1;
    assert_int_equal (store_commit (f->store, f->batch, &f->fault), OK);
    store_batch_clear (f->batch);
    open_kind (f);
    next_phase (f);
    due_t due [PAIRS];
    look (f, due);
    for (uint64_t i = 0; i < PAIRS; i++)
        assert_int_equal (due [i].state == DUE_NOT, i / 2 == 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

// --- layers ------------------------------------------------------------------------

// Cells of a panel of two, judged over once: 12 places, of which every third is missing.
static void cells_of_all_layers (Rulemill__LabelResult *result, Rulemill__Cells *cells, uint32_t rule [12], int32_t score [12], uint32_t ones [12])
{
    size_t n = 0;
    for (uint32_t place = 0; place < 12; place++) {
        ones [place] = MICRO;
        if (place % RULES == 2)
            continue;
        rule [n] = place;
        score [n++] = (int32_t) place * 1000;
    }
    *cells = (Rulemill__Cells) RULEMILL__CELLS__INIT;
    cells->n_rule = cells->n_score = cells->n_relevance = cells->n_mass = n;
    cells->rule = rule;
    cells->score = score;
    cells->relevance = cells->mass = ones;
    *result = (Rulemill__LabelResult) RULEMILL__LABEL_RESULT__INIT;
    result->new_a = cells;
}

static void layers_are_kept_under_their_own_judges (void **state)
{
    fixture_t *f = *state;
    uint8_t first [DIGEST_BYTES] = { 1 }, second [DIGEST_BYTES] = { 2 };
    Rulemill__PanelMember members [2] = { RULEMILL__PANEL_MEMBER__INIT, RULEMILL__PANEL_MEMBER__INIT };
    Rulemill__PanelMember *panel [2] = { &members [0], &members [1] };
    members [0].identity = (ProtobufCBinaryData) { DIGEST_BYTES, first };
    members [1].identity = (ProtobufCBinaryData) { DIGEST_BYTES, second };
    f->spec.panel = panel;
    f->spec.n_panel = 2;
    f->options.stored_cells = f->options.costs = true;
    f->options.repeats = 1;
    f->options.repeat_share = 1;
    open_kind (f);
    next_phase (f);
    due_t due [PAIRS];
    look (f, due);
    assert_int_equal (due [0].cost, 2 * RULES * 4);

    Rulemill__LabelResult result;
    Rulemill__Cells cells;
    uint32_t rule [12], ones [12];
    int32_t score [12];
    buf_t known = { 0 };
    cells_of_all_layers (&result, &cells, rule, score, ones);
    assert_int_equal (give_full (f, 0, &result, false, &known), VERDICT_PARTIAL);
    Rulemill__LabelItem *item = body_of (f, 0, true);         // from what is not written yet
    assert_true (item->again);
    assert_int_equal (item->known_a->n_rule, 8);
    rulemill__label_item__free_unpacked (item, NULL);
    commit (f);
    look (f, due);
    assert_int_equal (due [0].cost, 2 * RULES * 4 - 8);
    item = body_of (f, 0, true);
    assert_int_equal (item->known_a->n_rule, 8);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal (item->known_a->rule [i], rule [i]);
        assert_int_equal (item->known_a->score [i], score [i]);
    }
    uint64_t response = item->response_a;
    rulemill__label_item__free_unpacked (item, NULL);

    for (unsigned layer = 0; layer < 4; layer++) {      // each under its own number, by rule
        digest_t judge = run_judge (&f->spec, layer % 2, layer / 2);
        uint32_t number;
        Rulemill__Cells *stored = NULL;
        assert_int_equal (record_number_of (f->store, 'J', &judge, &number, &f->fault), OK);
        assert_int_equal (record_get_cells (f->store, response, number, &stored, &f->fault), OK);
        assert_non_null (stored);
        assert_int_equal (stored->n_rule, 2);
        assert_int_equal (stored->score [1], (int32_t) (layer * RULES + 1) * 1000);
        rulemill__cells__free_unpacked (stored, NULL);
    }
    score [3]++;                                        // another value for what is stored
    assert_int_equal (give_full (f, 0, &result, false, &known), VERDICT_STALE);
    rule [7] = 12;
    assert_int_equal (give_full (f, 0, &result, false, &known), VERDICT_BAD);
    buf_free (&known);

    f->spec.n_panel = 0;                                // a run of the second member alone knows its cells
    f->spec.judge_identity = (ProtobufCBinaryData) { DIGEST_BYTES, second };
    digest_t judge = run_judge (&f->spec, 0, 0);
    assert_int_equal (record_number_of (f->store, 'J', &judge, &f->run.judge, &f->fault), OK);
    f->options.repeats = 0;
    open_kind (f);
    item = body_of (f, 0, true);
    assert_false (item->again);
    assert_int_equal (item->known_a->n_rule, 2);
    assert_int_equal (item->known_a->score [0], RULES * 1000);
    rulemill__label_item__free_unpacked (item, NULL);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        TEST (pairs_are_due_until_they_have_a_label), TEST (what_does_not_follow_from_its_scores_is_refused),
        TEST (weighted_sums_are_checked),
        TEST (margins_and_published_ties_are_checked_as_selection_makes_them), TEST (a_quarantined_pair_can_be_tried_again),
        TEST (the_first_cell_wins), TEST (what_comes_late_is_kept_and_costs_nothing_again), TEST (usage_is_counted),
        TEST (a_plan_counts_cells_once), TEST (cells_that_can_not_be_are_refused), TEST (a_batch_brings_each_text_once),
        TEST (the_setup_names_the_pool), TEST (a_sample_takes_whole_prompts), TEST (excluded_prompts_are_not_due),
        TEST (layers_are_kept_under_their_own_judges),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

// What the coordinator keeps of a served adapter's choices, and what it tells workers of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/kind_label.h"
#include "proto/wire.h"
#include "tests/unit/folder_fixture.h"

static const char pool_yaml [] =
    "version: 1\nname: test\nrules:\n"
    "  - {id: one, text: It is one., category: c, polarity: 1, lexicon: {for: [a], against: [b]}}\n"
    "  - {id: two, text: It is two., category: c, polarity: 1, lexicon: {for: [c], against: [d]}}\n"
    "  - {id: three, text: It is three., category: c, polarity: 1, lexicon: {for: [e], against: [f]}}\n";

enum { RESPONSES = 3, PAIRS = 2, TOP = 2 };

typedef struct {
    folder_fixture_t folder;
    store_t *store;
    rulepool_t *pool;
    Rulemill__RunSpec spec;
    Rulemill__RunRecord run;
    Rulemill__AdapterSetup adapter;
    kind_t *kind;
    store_batch_t *batch;
    fault_t fault;
} fixture_t;

static Rulemill__Conversation *said (Rulemill__Conversation *text, Rulemill__Turn *turn, Rulemill__Turn **turns)
{
    rulemill__conversation__init (text);
    rulemill__turn__init (turn);
    turn->role = (char *) "user";
    turn->content = (char *) "so.";
    *turns = turn;
    text->turns = turns;
    text->n_turns = 1;
    return text;
}

static void put_corpus (fixture_t *f)
{
    Rulemill__Conversation text;
    Rulemill__Turn turn, *turns;
    uint8_t key [KEY_BYTES] = { 1 };
    Rulemill__PromptRecord prompt = RULEMILL__PROMPT_RECORD__INIT;
    prompt.conversation = said (&text, &turn, &turns);
    prompt.key = prompt.group_key = (ProtobufCBinaryData) { KEY_BYTES, key };
    record_put_prompt (f->batch, 0, &prompt);
    for (uint64_t i = 0; i < RESPONSES; i++) {
        Rulemill__ResponseRecord response = RULEMILL__RESPONSE_RECORD__INIT;
        response.response = &text;
        response.key = (ProtobufCBinaryData) { KEY_BYTES, key };
        record_put_response (f->batch, i, &response);
    }
    for (uint64_t i = 0; i < PAIRS; i++) {
        Rulemill__PairRecord pair = RULEMILL__PAIR_RECORD__INIT;
        Rulemill__Place place = RULEMILL__PLACE__INIT;
        key [1] = (uint8_t) i;
        pair.response_a = i;
        pair.response_b = i + 1;
        pair.key = (ProtobufCBinaryData) { KEY_BYTES, key };
        pair.place = &place;
        record_put_pair (f->batch, i, &pair);
    }
    Rulemill__CorpusState corpus = RULEMILL__CORPUS_STATE__INIT;
    corpus.prompts = 1;
    corpus.responses = RESPONSES;
    corpus.pairs = PAIRS;
    corpus.complete = true;
    record_put_corpus (f->batch, &corpus);
}

static void commit (fixture_t *f)
{
    assert_int_equal (store_commit (f->store, f->batch, &f->fault), OK);
    store_batch_clear (f->batch);
    if (f->kind)
        f->kind->class->after_write (f->kind);
}

static int setup (void **state)
{
    static uint8_t digest [DIGEST_BYTES] = { 7 };
    static char address [] = "http://h/classify", *url = address;
    fixture_t *f = mem_zero (1, sizeof *f);
    folder_fixture_make (&f->folder);
    assert_int_equal (store_open (f->folder.path, &(store_options_t) { .create = true }, &f->store, &f->fault), OK);
    assert_int_equal (rulepool_parse ("pool", pool_yaml, strlen (pool_yaml), &f->pool, &f->fault), OK);
    f->batch = store_batch_new (f->store);
    put_corpus (f);
    commit (f);
    f->spec = (Rulemill__RunSpec) RULEMILL__RUN_SPEC__INIT;
    f->spec.policy = (char *) "adapter";
    f->spec.orientation = (char *) "stored";
    f->spec.ties = (char *) "tie";
    f->spec.top = TOP;
    f->spec.adapter = (ProtobufCBinaryData) { DIGEST_BYTES, digest };
    f->spec.adapter_model = (char *) "tester";
    f->run = (Rulemill__RunRecord) RULEMILL__RUN_RECORD__INIT;
    f->run.number = f->run.judge = 1;
    f->run.spec = &f->spec;
    f->run.pool_blob = (ProtobufCBinaryData) { DIGEST_BYTES, f->pool->blob_digest.b };
    f->adapter = (Rulemill__AdapterSetup) RULEMILL__ADAPTER_SETUP__INIT;
    f->adapter.url = &url;
    f->adapter.n_url = 1;
    const kind_label_options_t options = { .store = f->store, .run = &f->run, .pool = f->pool, .stored_cells = true, .served_adapter = &f->adapter };
    assert_int_equal (kind_label_new (&options, &f->kind, &f->fault), OK);
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

// Into the batch, which is not written yet.
static verdict_t give (fixture_t *f, uint64_t item, bool final, const Rulemill__LabelResult *result)
{
    buf_t body = { 0 }, known = { 0 };
    verdict_t verdict = VERDICT_BAD;
    wire_pack (&result->base, &body);
    assert_int_equal (f->kind->class->commit (f->kind, f->batch, item, final, body.data, body.len, &verdict, &known, &f->fault), OK);
    buf_free (&body);
    buf_free (&known);
    return verdict;
}

static verdict_t choose (fixture_t *f, uint64_t item, uint32_t *rules, size_t n)
{
    Rulemill__LabelResult result = RULEMILL__LABEL_RESULT__INIT;
    result.chosen = rules;
    result.n_chosen = n;
    return give (f, item, false, &result);
}

static verdict_t label (fixture_t *f, uint64_t item, Rulemill__Outcome outcome)
{
    Rulemill__LabelResult result = RULEMILL__LABEL_RESULT__INIT;
    Rulemill__Label made = RULEMILL__LABEL__INIT;
    made.selected_by = (char *) "adapter";
    made.outcome = outcome;
    if (outcome == RULEMILL__OUTCOME__OUTCOME_QUARANTINED)
        made.reason = (char *) "why";
    result.label = &made;
    return give (f, item, true, &result);
}

// What a worker is told of an item: the first rule that was chosen for it, and of how many; -1: none.
static int told (fixture_t *f, uint64_t item, size_t *n)
{
    buf_t body = { 0 };
    assert_int_equal (f->kind->class->body (f->kind, item, true, &body, &f->fault), OK);
    Rulemill__LabelItem *read = rulemill__label_item__unpack (NULL, body.len, (const uint8_t *) body.data);
    assert_non_null (read);
    *n = read->n_chosen;
    int first = *n > 0 ? (int) read->chosen [0] : -1;
    rulemill__label_item__free_unpacked (read, NULL);
    buf_free (&body);
    return first;
}

static void the_first_choice_goes_along_until_there_is_a_label (void **state)
{
    fixture_t *f = *state;
    size_t n;
    assert_int_equal (told (f, 0, &n), -1);
    assert_int_equal (choose (f, 0, (uint32_t []) { 2, 0 }, 2), VERDICT_PARTIAL);
    commit (f);
    assert_int_equal (told (f, 0, &n), 2);
    assert_int_equal (n, TOP);
    assert_int_equal (choose (f, 0, (uint32_t []) { 1, 0 }, 2), VERDICT_PARTIAL);
    commit (f);
    assert_int_equal (told (f, 0, &n), 2);
    assert_int_equal (told (f, 1, &n), -1);
    assert_int_equal (label (f, 0, RULEMILL__OUTCOME__OUTCOME_TIE), VERDICT_FINAL);
    commit (f);
    Rulemill__Foreseen *left = NULL;
    assert_int_equal (record_get_foreseen (f->store, 1, 0, &left, &f->fault), OK);
    assert_null (left);
}

// Its worker may be lost before the batch is written, and another one may have chosen for it meanwhile.
static void a_choice_that_is_not_written_yet_is_known (void **state)
{
    fixture_t *f = *state;
    size_t n;
    assert_int_equal (choose (f, 0, (uint32_t []) { 2, 0 }, 2), VERDICT_PARTIAL);
    assert_int_equal (told (f, 0, &n), 2);
    assert_int_equal (n, TOP);
    assert_int_equal (choose (f, 0, (uint32_t []) { 1, 0 }, 2), VERDICT_PARTIAL);
    assert_int_equal (told (f, 0, &n), 2);
    commit (f);
    assert_int_equal (told (f, 0, &n), 2);
    assert_int_equal (n, TOP);
}

// It is taken up again by the same rules.
static void a_pair_that_is_set_aside_keeps_its_choice (void **state)
{
    fixture_t *f = *state;
    size_t n;
    assert_int_equal (choose (f, 1, (uint32_t []) { 1, 2 }, 2), VERDICT_PARTIAL);
    assert_int_equal (label (f, 1, RULEMILL__OUTCOME__OUTCOME_QUARANTINED), VERDICT_FINAL);
    commit (f);
    assert_int_equal (told (f, 1, &n), 1);
}

static void choices_that_can_not_be_are_refused (void **state)
{
    fixture_t *f = *state;
    size_t n;
    assert_int_equal (choose (f, 0, (uint32_t []) { 1 }, 1), VERDICT_BAD);
    assert_int_equal (choose (f, 0, (uint32_t []) { 1, 1 }, 2), VERDICT_BAD);
    assert_int_equal (choose (f, 0, (uint32_t []) { 3, 1 }, 2), VERDICT_BAD);
    assert_int_equal (choose (f, 0, (uint32_t []) { UINT32_MAX, 1 }, 2), VERDICT_BAD);
    assert_int_equal (choose (f, 0, (uint32_t []) { 0, 1, 2 }, 3), VERDICT_BAD);
    assert_int_equal (told (f, 0, &n), -1);
    f->spec.adapter_model = (char *) "";        // of a run whose adapter is a file
    assert_int_equal (choose (f, 0, (uint32_t []) { 0, 1 }, 2), VERDICT_BAD);
}

// Rules that were judged and not taken stand in a label: each once, none that the label names or the pool lacks.
static void what_was_judged_beside_is_checked (void **state)
{
    fixture_t *f = *state;
    Rulemill__LabelResult result = RULEMILL__LABEL_RESULT__INIT;
    Rulemill__Label made = RULEMILL__LABEL__INIT;
    made.selected_by = (char *) "adapter";
    made.outcome = RULEMILL__OUTCOME__OUTCOME_TIE;
    made.n_beside = 2;
    result.label = &made;
    uint32_t twice [] = { 1, 1 }, far [] = { 1, 3 }, good [] = { 1, 0 };
    made.beside = twice;
    assert_int_equal (give (f, 0, true, &result), VERDICT_BAD);
    made.beside = far;
    assert_int_equal (give (f, 0, true, &result), VERDICT_BAD);
    made.beside = good;
    assert_int_equal (give (f, 0, true, &result), VERDICT_FINAL);
}

static void the_setup_says_how_it_is_asked (void **state)
{
    fixture_t *f = *state;
    buf_t setup_text = { 0 };
    digest_t blobs [4];
    f->kind->class->setup (f->kind, &setup_text);
    Rulemill__LabelSetup *read = rulemill__label_setup__unpack (NULL, setup_text.len, (const uint8_t *) setup_text.data);
    assert_true (read && read->served_adapter && read->n_adapter == 0);
    assert_string_equal (read->served_adapter->url [0], "http://h/classify");
    assert_int_equal (f->kind->class->blobs (f->kind, blobs, 4), 1);        // the rule pool alone
    rulemill__label_setup__free_unpacked (read, NULL);
    buf_free (&setup_text);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, setup, teardown)

int main (void)
{
    const struct CMUnitTest tests [] = {
        TEST (the_first_choice_goes_along_until_there_is_a_label),
        TEST (a_choice_that_is_not_written_yet_is_known),
        TEST (a_pair_that_is_set_aside_keeps_its_choice),
        TEST (choices_that_can_not_be_are_refused),
        TEST (what_was_judged_beside_is_checked),
        TEST (the_setup_says_how_it_is_asked),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

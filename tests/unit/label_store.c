#include "tests/unit/label_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "coordinator/kind_label_parts.h"
#include "storage/run.h"

const char pool_yaml [] =
    "version: 1\nname: test\nrules:\n"
    "  - id: good\n    text: \"It is good.\"\n    category: c\n    polarity: 1\n    lexicon:\n      prompt: []\n      for: [\"good\"]\n      against: [\"bad\"]\n"
    "  - id: evil\n    text: \"It is evil.\"\n    category: c\n    polarity: -1\n    lexicon:\n      prompt: []\n      for: [\"evil\"]\n      against: [\"nice\"]\n"
    "  - id: calm\n    text: \"It is calm.\"\n    category: c\n    polarity: 1\n    lexicon:\n      prompt: []\n      for: [\"calm\"]\n      against: [\"loud\"]\n";

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

void commit (fixture_t *f)
{
    if (f->kind)
        f->kind->class->before_write (f->kind, f->batch, &f->phase);
    assert_int_equal (store_commit (f->store, f->batch, &f->fault), OK);
    store_batch_clear (f->batch);
    if (f->kind)
        f->kind->class->after_write (f->kind);
}

void open_kind (fixture_t *f)
{
    kind_label_destroy (&f->kind);
    f->options.store = f->store;
    f->options.run = &f->run;
    f->options.pool = f->pool;
    assert_int_equal (kind_label_new (&f->options, &f->kind, &f->fault), OK);
}

int label_store_set_up (void **state)
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

int label_store_tear_down (void **state)
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

bool next_phase (fixture_t *f)
{
    bool found = false;
    assert_int_equal (f->kind->class->phase (f->kind, &f->phase, &found, &f->fault), OK);
    return found;
}

size_t look (fixture_t *f, due_t due [PAIRS])
{
    size_t n;
    uint64_t next;
    assert_int_equal (f->kind->class->due (f->kind, &f->phase, 0, due, PAIRS, &n, &next, &f->fault), OK);
    assert_int_equal (next, n);
    return n;
}

int32_t score_of (uint64_t response, uint32_t rule)
{
    return (int32_t) ((response * 37 + rule * 11) % 19) * 50000 - 450000;
}

static void cells_of (uint64_t response, cell_t cells [RULES])
{
    for (uint32_t r = 0; r < RULES; r++)
        cells [r] = (cell_t) { .score = score_of (response, r), .relevance = 900000, .mass = MICRO, .known = true };
}

made_t *make (fixture_t *f, uint64_t item)
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

verdict_t give_full (fixture_t *f, uint64_t item, const Rulemill__LabelResult *result, bool final, buf_t *known)
{
    buf_t body = { 0 };
    verdict_t verdict = VERDICT_BAD;
    wire_pack (&result->base, &body);
    assert_int_equal (f->kind->class->commit (f->kind, f->batch, item, final, body.data, body.len, &verdict, known, &f->fault), OK);
    buf_free (&body);
    return verdict;
}

verdict_t give (fixture_t *f, uint64_t item, const made_t *made)
{
    buf_t known = { 0 };
    verdict_t verdict = give_full (f, item, &made->result, true, &known);
    buf_free (&known);
    return verdict;
}

void judged (judged_t *out, uint64_t response, uint32_t from)
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

Rulemill__LabelItem *body_of (fixture_t *f, uint64_t item, bool first)
{
    buf_t body = { 0 };
    assert_int_equal (f->kind->class->body (f->kind, item, first, &body, &f->fault), OK);
    Rulemill__LabelItem *message = rulemill__label_item__unpack (NULL, body.len, (uint8_t *) body.data);
    assert_non_null (message);
    buf_free (&body);
    return message;
}

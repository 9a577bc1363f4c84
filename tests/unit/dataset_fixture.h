// A small store with one of everything that an export meets; used by test_dataset and test_inspect.
//
// corpus.jsonl   row 1  r1   three responses: pairs 0 (0-1), 1 (0-2), 2 (1-2), labelled
//                row 2       set aside: not-json
//                row 3  r3   pair 3, labelled, source "hh", states A; two turns of prompt
//                row 4  r4   duplicate of pair 3, swapped, states (pair's) B
//                row 5  r5   pair 4, equal responses: a tie
//                row 6  r6   pair 5, quarantined
//                row 7  r7   pair 6, its prompt is excluded
//                row 8  r8   pair 7, no label yet
//                row 9  r9   pair 8, a tie within the margin, states a tie
#ifndef TESTS_DATASET_FIXTURE_H
#define TESTS_DATASET_FIXTURE_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "storage/dataset.h"
#include "storage/run.h"

#define UNUSED __attribute__ ((unused))

enum { RUN = 7, FIXTURE_RULES = 3 };

static const dataset_rule_t fixture_rules [FIXTURE_RULES] = {
    { "kind", "The response is kind.", "tone", 1 },
    { "no", "The response refuses.", "refusal", -1 },
    { "calm", "The response is calm.", "tone", 1 }
};

typedef struct {
    char dir [64];
    store_t *store;
    store_batch_t *batch;
    Rulemill__RunRecord *run;
    digest_t rule_digest [FIXTURE_RULES];
    uint32_t rule_number [FIXTURE_RULES];
    uint64_t prompts, responses, pairs, row;
} fixture_t;

static UNUSED ProtobufCBinaryData bytes_of (const void *data, size_t len)
{
    return (ProtobufCBinaryData) { .len = len, .data = (uint8_t *) (uintptr_t) data };
}

static UNUSED content_key_t key_of (char type, uint64_t n)
{
    char text [32];
    snprintf (text, sizeof text, "%c%llu", type, (unsigned long long) n);
    digest_t digest = digest_of (text, strlen (text));
    content_key_t key;
    memcpy (key.b, digest.b, KEY_BYTES);
    return key;
}

// turns: role, content, role, content, ..., NULL
static UNUSED uint64_t add_prompt (fixture_t *f, uint64_t group, const char *const *turns)
{
    Rulemill__Turn turn [8], *list [8];
    size_t n = 0;
    for (; turns [2 * n]; n++) {
        turn [n] = (Rulemill__Turn) RULEMILL__TURN__INIT;
        turn [n].role = (char *) (uintptr_t) turns [2 * n];
        turn [n].content = (char *) (uintptr_t) turns [2 * n + 1];
        list [n] = &turn [n];
    }
    Rulemill__Conversation conversation = RULEMILL__CONVERSATION__INIT;
    conversation.n_turns = n;
    conversation.turns = list;
    content_key_t key = key_of ('P', f->prompts), group_key = key_of ('G', group);
    Rulemill__PromptRecord record = RULEMILL__PROMPT_RECORD__INIT;
    record.conversation = &conversation;
    record.key = bytes_of (key.b, KEY_BYTES);
    record.group_key = bytes_of (group_key.b, KEY_BYTES);
    record_put_prompt (f->batch, f->prompts, &record);
    record_put_key (f->batch, 'P', &key, f->prompts);
    return f->prompts++;
}

static UNUSED uint64_t add_response (fixture_t *f, uint64_t prompt, const char *text)
{
    Rulemill__Turn turn = RULEMILL__TURN__INIT, *list [1] = { &turn };
    turn.role = "assistant";
    turn.content = (char *) (uintptr_t) text;
    Rulemill__Conversation conversation = RULEMILL__CONVERSATION__INIT;
    conversation.n_turns = 1;
    conversation.turns = list;
    content_key_t key = key_of ('R', f->responses);
    Rulemill__ResponseRecord record = RULEMILL__RESPONSE_RECORD__INIT;
    record.prompt = prompt;
    record.response = &conversation;
    record.key = bytes_of (key.b, KEY_BYTES);
    record_put_response (f->batch, f->responses, &record);
    record_put_key (f->batch, 'R', &key, f->responses);
    return f->responses++;
}

static UNUSED void add_row (fixture_t *f, const char *id, const char *source, const char *meta)
{
    Rulemill__RowRecord record = RULEMILL__ROW_RECORD__INIT;
    record.id = (char *) (uintptr_t) id;
    record.source = (char *) (uintptr_t) source;
    record.meta = (char *) (uintptr_t) meta;
    record_put_row (f->batch, 0, ++f->row, &record);
}

typedef struct { uint64_t prompt, a, b; bool listed; uint32_t i, j; Rulemill__Side given; const char *model_a, *model_b; } pair_t;

// A pair of the row that was added last.
static UNUSED uint64_t add_pair (fixture_t *f, const pair_t *pair)
{
    Rulemill__Place place = RULEMILL__PLACE__INIT;
    place.row = f->row;
    place.i = pair->i;
    place.j = pair->j;
    content_key_t key = key_of ('A', f->pairs);
    Rulemill__PairRecord record = RULEMILL__PAIR_RECORD__INIT;
    record.prompt = pair->prompt;
    record.response_a = pair->a;
    record.response_b = pair->b;
    record.key = bytes_of (key.b, KEY_BYTES);
    record.place = &place;
    record.given = pair->given;
    record.model_a = (char *) (uintptr_t) (pair->model_a ? pair->model_a : "");
    record.model_b = (char *) (uintptr_t) (pair->model_b ? pair->model_b : "");
    record.listed = pair->listed;
    record_put_pair (f->batch, f->pairs, &record);
    record_put_key (f->batch, 'A', &key, f->pairs);
    return f->pairs++;
}

// A label over rules 0 .. n-1 with these scores, in the run's orientation; sums are made here.
static UNUSED void add_label (fixture_t *f, uint64_t pair, Rulemill__Outcome outcome, bool swapped, size_t n,
                              const int32_t *score_a, const int32_t *score_b, Rulemill__TieReason why)
{
    uint32_t rule [FIXTURE_RULES] = { 0, 1, 2 }, relevance [FIXTURE_RULES] = { 1000000, 900000, 800000 };
    Rulemill__Label label = RULEMILL__LABEL__INIT;
    label.outcome = outcome;
    label.tie_reason = why;
    label.swapped = swapped;
    label.selected_by = "exhaustive";
    label.n_rule = label.n_score_a = label.n_score_b = label.n_relevance_a = label.n_relevance_b = n;
    label.rule = rule;
    label.score_a = (int32_t *) (uintptr_t) score_a;
    label.score_b = (int32_t *) (uintptr_t) score_b;
    label.relevance_a = label.relevance_b = relevance;
    for (size_t r = 0; r < n; r++) {
        label.sum_a += fixture_rules [r].polarity * score_a [r];
        label.sum_b += fixture_rules [r].polarity * score_b [r];
    }
    label.reason = outcome == RULEMILL__OUTCOME__OUTCOME_QUARANTINED ? "three workers died on it" : "";
    record_put_label (f->batch, RUN, pair, &label);
}

// Cells of one response for rules 0 and 1 of the pool, and one of another pool.
static UNUSED void add_cells (fixture_t *f, uint64_t response, int32_t score, uint32_t relevance, bool raw)
{
    digest_t other = digest_of ("another pool's", 14);
    uint32_t number = 0;
    fault_t fault;
    assert_int_equal (record_number_of (f->store, 'R', &other, &number, &fault), OK);
    uint32_t rule [3] = { f->rule_number [0], f->rule_number [1], number };
    int32_t scores [3] = { score, -score, 1 };
    uint32_t relevances [3] = { relevance, relevance, 1 }, mass [3] = { 1000000, 990000, 1 };
    Rulemill__Cells cells = RULEMILL__CELLS__INIT;
    cells.n_rule = cells.n_score = cells.n_relevance = cells.n_mass = 3;
    cells.rule = rule;
    cells.score = scores;
    cells.relevance = relevances;
    cells.mass = mass;
    cells.raw = raw;
    record_put_cells (f->batch, response, f->run->judge, &cells);
}

static UNUSED void put_corpus (fixture_t *f)
{
    digest_t sha = digest_of ("corpus", 6);
    Rulemill__InputFile input = RULEMILL__INPUT_FILE__INIT, *inputs [1] = { &input };
    input.path = "/data/of/somebody/corpus.jsonl";
    input.size = 1234;
    input.sha256 = bytes_of (sha.b, DIGEST_BYTES);
    input.rows = f->row;
    input.complete = 1;
    Rulemill__CorpusState state = RULEMILL__CORPUS_STATE__INIT;
    state.n_inputs = 1;
    state.inputs = inputs;
    state.prompts = f->prompts;
    state.responses = f->responses;
    state.pairs = f->pairs;
    state.rows_read = f->row;
    state.complete = 1;
    record_put_corpus (f->batch, &state);
}

static UNUSED void save (fixture_t *f)
{
    fault_t fault = { 0 };
    put_corpus (f);
    if (store_commit (f->store, f->batch, &fault) != OK)
        fail_msg ("%s", fault.text);
    store_batch_clear (f->batch);
}

static UNUSED void put_run (fixture_t *f)
{
    Rulemill__RunSpec spec = RULEMILL__RUN_SPEC__INIT;
    digest_t pool = digest_of ("pool", 4), judge = digest_of ("judge", 5);
    uint32_t judge_number = 0;
    fault_t fault;
    assert_int_equal (record_number_of (f->store, 'J', &judge, &judge_number, &fault), OK);
    spec.method = METHOD_VERSION;
    spec.pool = bytes_of (pool.b, DIGEST_BYTES);
    spec.judge = "replay";
    spec.judge_identity = bytes_of (judge.b, DIGEST_BYTES);
    spec.policy = "exhaustive";
    spec.top = 3;
    spec.seed = 11;
    spec.weight_relevance = 1000000;
    spec.weight_discrepancy = 500000;
    spec.orientation = "hashed";
    spec.ties = "tie";
    spec.missing = "quarantine";
    digest_t digest = run_digest (&spec);
    Rulemill__RunRecord record = RULEMILL__RUN_RECORD__INIT;
    record.number = RUN;
    record.digest = bytes_of (digest.b, DIGEST_BYTES);
    record.spec = &spec;
    record.judge = judge_number;
    record.config = "";
    record.created_s = 1234567;
    record_put_run (f->batch, &record);
    record_put_last_run (f->batch, RUN);
    assert_int_equal (store_commit (f->store, f->batch, &fault), OK);
    store_batch_clear (f->batch);
    assert_int_equal (record_get_run (f->store, RUN, &f->run, &fault), OK);
}

static UNUSED fixture_t *fixture_new (void)
{
    fixture_t *f = mem_zero (1, sizeof *f);
    snprintf (f->dir, sizeof f->dir, "/tmp/rulemill-dataset-XXXXXX");
    assert_non_null (mkdtemp (f->dir));
    store_options_t options = { .create = true };
    fault_t fault = { 0 };
    if (store_open (f->dir, &options, &f->store, &fault) != OK)
        fail_msg ("%s", fault.text);
    f->batch = store_batch_new (f->store);
    for (int r = 0; r < FIXTURE_RULES; r++) {
        f->rule_digest [r] = digest_of (fixture_rules [r].text, strlen (fixture_rules [r].text));
        assert_int_equal (record_number_of (f->store, 'R', &f->rule_digest [r], &f->rule_number [r], &fault), OK);
    }
    put_run (f);
    return f;
}

static UNUSED void remove_tree (const char *path)
{
    struct stat st;
    DIR *dir = lstat (path, &st) == 0 && S_ISDIR (st.st_mode) ? opendir (path) : NULL;
    for (struct dirent *entry; dir && (entry = readdir (dir)) != NULL; )
        if (strcmp (entry->d_name, ".") != 0 && strcmp (entry->d_name, "..") != 0) {
            char *below = mem_printf ("%s/%s", path, entry->d_name);
            remove_tree (below);
            free (below);
        }
    if (dir)
        closedir (dir);
    remove (path);
}

static UNUSED void fixture_free (fixture_t *f)
{
    rulemill__run_record__free_unpacked (f->run, NULL);
    store_batch_destroy (&f->batch);
    store_close (&f->store);
    remove_tree (f->dir);
    free (f);
}

static UNUSED void put_duplicate (fixture_t *f, uint64_t pair, bool swapped, Rulemill__Side given)
{
    Rulemill__DuplicateRecord record = RULEMILL__DUPLICATE_RECORD__INIT;
    record.swapped = swapped;
    record.given = given;
    record_put_duplicate (f->batch, pair, (place_t) { 0, f->row, 0, 1 }, &record);
}

static UNUSED void put_reason (fixture_t *f, bool excluded, uint64_t number, const char *reason, const char *detail)
{
    Rulemill__RejectRecord record = RULEMILL__REJECT_RECORD__INIT;
    record.reason = (char *) (uintptr_t) reason;
    record.detail = (char *) (uintptr_t) detail;
    record.id = "";
    if (excluded)
        record_put_excluded (f->batch, RUN, number, &record);
    else
        record_put_reject (f->batch, (place_t) { 0, number, 0, 0 }, &record);
}

#define TURNS(...) (const char *const []) { __VA_ARGS__, NULL }
#define SCORES(...) (const int32_t []) { __VA_ARGS__ }

static UNUSED void fill_first_rows (fixture_t *f)
{
    uint64_t p = add_prompt (f, 0, TURNS ("user", "How do I \"bake\"\xE2\x80\xA8 bread?"));
    uint64_t a = add_response (f, p, "Use flour."), b = add_response (f, p, "No."), c = add_response (f, p, "Flour, water, salt.");
    add_row (f, "r1", "", "{\"lang\":\"en\",\"n\":3,\"ok\":true,\"x\":null}");
    pair_t pair = { .prompt = p, .a = a, .b = b, .listed = true, .i = 0, .j = 1, .model_a = "m0", .model_b = "m1" };
    add_pair (f, &pair);
    add_label (f, 0, RULEMILL__OUTCOME__OUTCOME_A, false, 3, SCORES (900000, -100000, 500000), SCORES (0, 800000, 500000), 0);
    pair = (pair_t) { .prompt = p, .a = a, .b = c, .listed = true, .i = 0, .j = 2, .model_a = "m0" };
    add_pair (f, &pair);
    add_label (f, 1, RULEMILL__OUTCOME__OUTCOME_A, true, 2, SCORES (700000, 0), SCORES (500001, 0), 0);
    pair = (pair_t) { .prompt = p, .a = b, .b = c, .listed = true, .i = 1, .j = 2, .model_a = "m1" };
    add_pair (f, &pair);
    add_label (f, 2, RULEMILL__OUTCOME__OUTCOME_B, false, 1, SCORES (-250000), SCORES (1000000), 0);
    f->row++;
    put_reason (f, false, f->row, "not-json", "not JSON at byte 3; row set aside");
}

static UNUSED void fill_last_rows (fixture_t *f)
{
    uint64_t p = add_prompt (f, 1, TURNS ("system", "Be nice.", "user", "Hi"));
    pair_t pair = { .prompt = p, .a = add_response (f, p, "Hello!"), .b = add_response (f, p, "Go."), .j = 1,
                    .given = RULEMILL__SIDE__SIDE_A };
    add_row (f, "r3", "hh", "{\"lang\":\"de\"}");
    add_pair (f, &pair);
    add_label (f, 3, RULEMILL__OUTCOME__OUTCOME_B, true, 2, SCORES (-500000, 1000000), SCORES (1000000, -1000000), 0);
    add_row (f, "r4", "", "");
    put_duplicate (f, 3, true, RULEMILL__SIDE__SIDE_B);

    for (uint64_t n = 5; n <= 9; n++) {
        char id [8], text [16];
        snprintf (id, sizeof id, "r%u", (unsigned) n);
        snprintf (text, sizeof text, "question %u", (unsigned) n);
        p = add_prompt (f, n, TURNS ("user", text));
        uint64_t a = add_response (f, p, "same");
        pair = (pair_t) { .prompt = p, .a = a, .b = n == 5 ? a : add_response (f, p, "other one"), .j = 1,
                          .given = n == 9 ? RULEMILL__SIDE__SIDE_TIE : RULEMILL__SIDE__SIDE_NONE };
        add_row (f, id, "", "");
        add_pair (f, &pair);
        if (n == 7)
            put_reason (f, true, p, "excluded", "equals the prompt of bench.jsonl:12");
    }
    add_label (f, 4, RULEMILL__OUTCOME__OUTCOME_TIE, false, 0, NULL, NULL, RULEMILL__TIE_REASON__TIE_IDENTICAL);
    add_label (f, 5, RULEMILL__OUTCOME__OUTCOME_QUARANTINED, false, 0, NULL, NULL, 0);
    add_label (f, 6, RULEMILL__OUTCOME__OUTCOME_A, false, 1, SCORES (1), SCORES (0), 0);
    add_label (f, 8, RULEMILL__OUTCOME__OUTCOME_TIE, true, 2, SCORES (100000, 0), SCORES (100001, 0), RULEMILL__TIE_REASON__TIE_MARGIN);
}

static UNUSED fixture_t *fixture_filled (void)
{
    fixture_t *f = fixture_new ();
    fill_first_rows (f);
    fill_last_rows (f);
    save (f);
    return f;
}

#endif

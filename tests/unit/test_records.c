// Records: each comes back as it went in, walks go in the order of numbers, and what can't be read is said to be so.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/records.h"

static store_t *store;
static store_batch_t *batch;
static char dir [64];

static int remove_one (const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void) info, (void) kind, (void) at;
    return remove (path);
}

static void remove_tree (const char *path)
{
    nftw (path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int setup (void **state)
{
    (void) state;
    snprintf (dir, sizeof dir, "/tmp/rulemill-records-XXXXXX");
    fault_t fault = { 0 };
    if (mkdtemp (dir) == NULL || store_open (dir, &(store_options_t) { .create = true }, &store, &fault) != OK)
        return -1;
    batch = store_batch_new (store);
    return 0;
}

static int teardown (void **state)
{
    (void) state;
    store_batch_destroy (&batch);
    store_close (&store);
    remove_tree (dir);
    return 0;
}

static void write_all (void)
{
    fault_t fault = { 0 };
    assert_int_equal (store_write (store, batch, &fault), OK);
    store_batch_clear (batch);
}

static void test_corpus (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    Rulemill__CorpusState *got;
    assert_int_equal (record_get_corpus (store, &got, &fault), OK);
    assert_null (got);
    Rulemill__CorpusState corpus = RULEMILL__CORPUS_STATE__INIT;
    corpus.pairs = UINT64_MAX;
    corpus.options = "pairs=15\n";
    record_put_corpus (batch, &corpus);
    write_all ();
    assert_int_equal (record_get_corpus (store, &got, &fault), OK);
    assert_true (got->pairs == UINT64_MAX);
    assert_string_equal (got->options, "pairs=15\n");
    rulemill__corpus_state__free_unpacked (got, NULL);
}

static void test_texts (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    uint8_t key [16] = { 1, 2, 3 };
    Rulemill__Turn turn = RULEMILL__TURN__INIT;
    turn.role = "user";
    turn.content = "caf\xC3\xA9";
    Rulemill__Turn *turns [] = { &turn };
    Rulemill__Conversation talk = RULEMILL__CONVERSATION__INIT;
    talk.n_turns = 1;
    talk.turns = turns;
    Rulemill__PromptRecord prompt = RULEMILL__PROMPT_RECORD__INIT;
    prompt.conversation = &talk;
    prompt.key = (ProtobufCBinaryData) { 16, key };
    Rulemill__ResponseRecord response = RULEMILL__RESPONSE_RECORD__INIT;
    response.prompt = 7;
    response.response = &talk;
    record_put_prompt (batch, 5, &prompt);
    record_put_response (batch, 5, &response);          // the same number, but another kind
    write_all ();

    Rulemill__PromptRecord *p;
    Rulemill__ResponseRecord *r;
    assert_int_equal (record_get_prompt (store, 5, &p, &fault), OK);
    assert_int_equal (record_get_response (store, 5, &r, &fault), OK);
    assert_string_equal (p->conversation->turns [0]->content, "caf\xC3\xA9");
    assert_int_equal (p->key.len, 16);
    assert_int_equal (r->prompt, 7);
    rulemill__prompt_record__free_unpacked (p, NULL);
    rulemill__response_record__free_unpacked (r, NULL);
    assert_int_equal (record_get_prompt (store, 6, &p, &fault), OK);
    assert_null (p);
}

static void test_index (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    content_key_t key = { { 9, 8, 7 } };
    uint64_t number = 0;
    bool found;
    record_put_key (batch, 'P', &key, 1);
    record_put_key (batch, 'R', &key, UINT64_MAX - 1);
    write_all ();
    assert_int_equal (record_find_key (store, 'P', &key, &number, &found, &fault), OK);
    assert_true (found && number == 1);
    assert_int_equal (record_find_key (store, 'R', &key, &number, &found, &fault), OK);
    assert_true (found && number == UINT64_MAX - 1);
    assert_int_equal (record_find_key (store, 'A', &key, &number, &found, &fault), OK);
    assert_false (found);
}

static const uint64_t numbers [] = { 0, 1, 255, 256, 65536, (uint64_t) 1 << 40 };
enum { NUMBERS = sizeof numbers / sizeof *numbers };

static void test_pairs_in_order (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    for (int n = NUMBERS; n-- > 0;) {
        Rulemill__Place place = RULEMILL__PLACE__INIT;
        place.row = n + 1;
        Rulemill__PairRecord pair = RULEMILL__PAIR_RECORD__INIT;
        pair.place = &place;
        pair.response_b = numbers [n];
        record_put_pair (batch, numbers [n], &pair);
    }
    write_all ();
    for (int from = 0; from < NUMBERS; from++) {
        store_iter_t *iter = record_walk_pairs (store, numbers [from]);
        int n = from;
        for (; store_iter_valid (iter); store_iter_next (iter), n++) {
            assert_true (record_pair_at (iter) == numbers [n]);
            Rulemill__PairRecord *pair = record_read_pair (iter, &fault);
            assert_true (pair->response_b == numbers [n]);
            rulemill__pair_record__free_unpacked (pair, NULL);
        }
        assert_int_equal (n, NUMBERS);
        store_iter_destroy (&iter);
    }
}

static void test_rows_and_rejects (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    Rulemill__RowRecord row = RULEMILL__ROW_RECORD__INIT;
    row.id = "x";
    row.source = row.meta = "";
    record_put_row (batch, 1, 300, &row);
    record_put_row (batch, 0, 500, &row);
    Rulemill__RejectRecord reject = RULEMILL__REJECT_RECORD__INIT;
    reject.reason = "not-json";
    reject.detail = reject.id = "";
    record_put_reject (batch, (place_t) { 2, 1, 0, 0 }, &reject);
    record_put_reject (batch, (place_t) { 1, 70000, 3, 4 }, &reject);
    Rulemill__DuplicateRecord duplicate = RULEMILL__DUPLICATE_RECORD__INIT;
    duplicate.swapped = true;
    record_put_duplicate (batch, 3, (place_t) { 1, 2, 3, 4 }, &duplicate);
    record_put_duplicate (batch, 1, (place_t) { 9, 9, 9, 9 }, &duplicate);
    write_all ();

    store_iter_t *iter = record_walk_rows (store, 0, 0);
    place_t place = record_row_at (iter);
    assert_true (place.input == 0 && place.row == 500);
    store_iter_next (iter);
    place = record_row_at (iter);
    assert_true (place.input == 1 && place.row == 300);
    Rulemill__RowRecord *got = record_read_row (iter, &fault);
    assert_string_equal (got->id, "x");
    rulemill__row_record__free_unpacked (got, NULL);
    store_iter_destroy (&iter);

    iter = record_walk_rejects (store);
    place = record_place_at (iter);
    assert_true (place.input == 1 && place.row == 70000 && place.i == 3 && place.j == 4);
    Rulemill__RejectRecord *why = record_read_reject (iter, &fault);
    assert_string_equal (why->reason, "not-json");
    rulemill__reject_record__free_unpacked (why, NULL);
    store_iter_destroy (&iter);

    iter = record_walk_duplicates (store, 2);
    assert_int_equal (record_duplicate_at (iter, &place), 3);
    assert_true (place.input == 1 && place.row == 2 && place.i == 3 && place.j == 4);
    Rulemill__DuplicateRecord *twin = record_read_duplicate (iter, &fault);
    assert_true (twin->swapped);
    rulemill__duplicate_record__free_unpacked (twin, NULL);
    store_iter_destroy (&iter);
    assert_int_equal (record_get_row (store, 1, 301, &got, &fault), OK);
    assert_null (got);
}

static void test_runs (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    uint32_t number = 9;
    bool found;
    assert_int_equal (record_last_run (store, &number, &found, &fault), OK);
    assert_false (found);
    digest_t digest = { { 0xFF, 0xEE } };
    for (uint32_t n = 0; n < 300; n += 100) {
        Rulemill__RunRecord run = RULEMILL__RUN_RECORD__INIT;
        run.number = n;
        digest.b [5] = (uint8_t) (n / 100);
        run.digest = (ProtobufCBinaryData) { 32, digest.b };
        record_put_run (batch, &run);
    }
    record_put_last_run (batch, 200);
    write_all ();
    assert_int_equal (record_last_run (store, &number, &found, &fault), OK);
    assert_true (found && number == 200);
    assert_int_equal (record_find_run (store, &digest, &number, &found, &fault), OK);
    assert_true (found && number == 200);
    Rulemill__RunRecord *run;
    assert_int_equal (record_get_run (store, 100, &run, &fault), OK);
    assert_int_equal (run->digest.data [5], 1);
    rulemill__run_record__free_unpacked (run, NULL);
    uint32_t n = 0;
    store_iter_t *iter = record_walk_runs (store);
    for (; store_iter_valid (iter); store_iter_next (iter), n += 100) {
        run = record_read_run (iter, &fault);
        assert_int_equal (run->number, n);
        rulemill__run_record__free_unpacked (run, NULL);
    }
    assert_int_equal (n, 300);
    store_iter_destroy (&iter);
}

static void test_probes (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    digest_t judge = { .b = "a judge" }, other = { .b = "another" };
    Rulemill__ProbeRecord *probe;
    assert_int_equal (record_get_probe (store, &judge, &probe, &fault), OK);
    assert_null (probe);
    char finding [] = "http://host/v1: key: accepted", *findings [] = { finding };
    Rulemill__ProbeRecord record = RULEMILL__PROBE_RECORD__INIT;
    record.measured = true;
    record.deviation = 0.0125;
    record.finding = findings;
    record.n_finding = 1;
    record_put_probe (batch, &judge, &record);
    write_all ();
    assert_int_equal (record_get_probe (store, &judge, &probe, &fault), OK);
    assert_true (probe->measured && probe->deviation == 0.0125 && probe->n_finding == 1);
    assert_string_equal (probe->finding [0], finding);
    rulemill__probe_record__free_unpacked (probe, NULL);
    assert_int_equal (record_get_probe (store, &other, &probe, &fault), OK);
    assert_null (probe);
}

static void test_phases_and_counts (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    Rulemill__RunCounts *counts;
    assert_int_equal (record_get_counts (store, 1, &counts, &fault), OK);
    assert_non_null (counts);
    assert_int_equal (counts->labelled, 0);
    counts->labelled = 5;
    record_put_counts (batch, 1, counts);
    rulemill__run_counts__free_unpacked (counts, NULL);
    Rulemill__PhaseRecord phase = RULEMILL__PHASE_RECORD__INIT;
    phase.name = "label";
    phase.low_water = 77;
    record_put_phase (batch, 1, &phase);
    write_all ();
    assert_int_equal (record_get_counts (store, 1, &counts, &fault), OK);
    assert_int_equal (counts->labelled, 5);
    rulemill__run_counts__free_unpacked (counts, NULL);
    Rulemill__PhaseRecord *got;
    assert_int_equal (record_get_phase (store, 1, "label", &got, &fault), OK);
    assert_int_equal (got->low_water, 77);
    rulemill__phase_record__free_unpacked (got, NULL);
    assert_int_equal (record_get_phase (store, 2, "label", &got, &fault), OK);
    assert_null (got);
}

// What the policy auto decided, and audited labels beside the run's own.
static void test_auto (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    Rulemill__AutoRecord *got = NULL;
    assert_int_equal (record_get_auto (store, 1, &got, &fault), OK);
    assert_null (got);
    Rulemill__AutoRecord record = RULEMILL__AUTO_RECORD__INIT;
    record.step = 3;
    record.sample_threshold = UINT64_MAX / 3;
    record.reason = "because";
    record_put_auto (batch, 1, &record);
    Rulemill__Label label = RULEMILL__LABEL__INIT;
    label.outcome = RULEMILL__OUTCOME__OUTCOME_A;
    record_put_audit (batch, 1, 7, &label);
    record_put_audit (batch, 2, 1, &label);
    record_put_label (batch, 1, 8, &label);
    write_all ();

    assert_int_equal (record_get_auto (store, 1, &got, &fault), OK);
    assert_int_equal (got->step, 3);
    assert_int_equal (got->sample_threshold, UINT64_MAX / 3);
    assert_string_equal (got->reason, "because");
    rulemill__auto_record__free_unpacked (got, NULL);
    store_iter_t *iter = record_walk_audits (store, 1, 5);
    assert_int_equal (record_pair_at (iter), 7);
    store_iter_next (iter);
    assert_false (store_iter_valid (iter));         // neither the next run's nor the run's own labels
    store_iter_destroy (&iter);
    bool has;
    assert_int_equal (record_has_label (store, 1, 7, &has, &fault), OK);
    assert_false (has);
}

static void test_labels (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    int32_t scores [] = { -1000000, 5 };
    Rulemill__Label label = RULEMILL__LABEL__INIT;
    label.outcome = RULEMILL__OUTCOME__OUTCOME_B;
    label.n_score_a = 2;
    label.score_a = scores;
    label.sum_b = -3;
    record_put_label (batch, 1, 10, &label);
    record_put_label (batch, 1, 11, &label);
    record_put_label (batch, 2, 5, &label);
    Rulemill__RejectRecord why = RULEMILL__REJECT_RECORD__INIT;
    why.reason = "excluded";
    why.detail = why.id = "";
    record_put_excluded (batch, 1, 99, &why);
    write_all ();

    bool has;
    assert_int_equal (record_has_label (store, 1, 10, &has, &fault), OK);
    assert_true (has);
    assert_int_equal (record_has_label (store, 2, 10, &has, &fault), OK);
    assert_false (has);
    Rulemill__Label *got;
    assert_int_equal (record_get_label (store, 1, 10, &got, &fault), OK);
    assert_int_equal (got->score_a [0], -1000000);
    assert_int_equal (got->sum_b, -3);
    rulemill__label__free_unpacked (got, NULL);

    store_iter_t *iter = record_walk_labels (store, 1, 11);
    assert_true (store_iter_valid (iter));
    assert_int_equal (record_pair_at (iter), 11);
    got = record_read_label (iter, &fault);
    assert_int_equal (got->outcome, RULEMILL__OUTCOME__OUTCOME_B);
    rulemill__label__free_unpacked (got, NULL);
    store_iter_next (iter);
    assert_false (store_iter_valid (iter));         // not into the next run
    store_iter_destroy (&iter);

    iter = record_walk_excluded (store, 1);
    assert_int_equal (record_excluded_at (iter), 99);
    store_iter_destroy (&iter);
    assert_int_equal (record_is_excluded (store, 1, 99, &has, &fault), OK);
    assert_true (has);
    assert_int_equal (record_is_excluded (store, 2, 99, &has, &fault), OK);
    assert_false (has);

    record_delete_label (batch, 1, 10);
    write_all ();
    assert_int_equal (record_has_label (store, 1, 10, &has, &fault), OK);
    assert_false (has);
}

static void test_cells_and_blobs (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    uint32_t rules [] = { 1, 4 };
    Rulemill__Cells cells = RULEMILL__CELLS__INIT, *got;
    cells.n_rule = 2;
    cells.rule = rules;
    record_put_cells (batch, 5, 1, &cells);
    cells.n_rule = 1;
    record_put_pair_cells (batch, 5, 1, 2, &cells);
    digest_t digest = digest_of ("abc", 3);
    record_put_blob (batch, &digest, "a\0c", 3);
    write_all ();
    assert_int_equal (record_get_cells (store, 5, 1, &got, &fault), OK);
    assert_int_equal (got->n_rule, 2);
    rulemill__cells__free_unpacked (got, NULL);
    assert_int_equal (record_get_pair_cells (store, 5, 1, 2, &got, &fault), OK);
    assert_int_equal (got->n_rule, 1);
    rulemill__cells__free_unpacked (got, NULL);
    assert_int_equal (record_get_pair_cells (store, 5, 1, 1, &got, &fault), OK);
    assert_null (got);
    buf_t blob = { 0 };
    bool found;
    assert_int_equal (record_get_blob (store, &digest, &blob, &found, &fault), OK);
    assert_true (found && blob.len == 3 && memcmp (blob.data, "a\0c", 3) == 0);
    digest.b [0] ^= 1;
    assert_int_equal (record_get_blob (store, &digest, &blob, &found, &fault), OK);
    assert_false (found);
    buf_free (&blob);
}

static void test_numbering (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    for (int round = 0; round < 2; round++)
        for (uint32_t n = 0; n < 5; n++) {
            digest_t digest = digest_of (&n, sizeof n), back;
            uint32_t number;
            bool found;
            assert_int_equal (record_number_of (store, 'R', &digest, &number, &fault), OK);
            assert_int_equal (number, n);
            assert_int_equal (record_digest_of (store, 'R', number, &back, &found, &fault), OK);
            assert_true (found && digest_equal (&digest, &back));
            assert_int_equal (record_digest_of (store, 'J', number, &back, &found, &fault), OK);
            assert_false (found);
        }
}

static void test_unreadable (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    static const uint8_t key [8] = { 0, 0, 0, 0, 0, 0, 0, 3 }, text [] = { 'P', 0, 0, 0, 0, 0, 0, 0, 3 };
    uint8_t index [17] = { 'R' };
    store_batch_put (batch, TABLE_PAIRS, key, sizeof key, "\xFF\xFF\xFF", 3);
    store_batch_put (batch, TABLE_TEXTS, text, sizeof text, "\x0A\x7F", 2);
    store_batch_put (batch, TABLE_INDEX, index, sizeof index, "\x0A\x7F", 2);
    write_all ();
    Rulemill__PairRecord *pair;
    assert_int_equal (record_get_pair (store, 3, &pair, &fault), ERR_CORRUPT);
    assert_null (pair);
    assert_non_null (strstr (fault.text, "PairRecord"));
    Rulemill__PromptRecord *prompt;
    assert_int_equal (record_get_prompt (store, 3, &prompt, &fault), ERR_CORRUPT);
    store_iter_t *iter = record_walk_pairs (store, 0);
    fault = (fault_t) { 0 };
    assert_null (record_read_pair (iter, &fault));
    assert_int_equal (fault.code, ERR_CORRUPT);
    store_iter_destroy (&iter);
    content_key_t content = { { 0 } };
    uint64_t number;
    bool found;
    assert_int_equal (record_find_key (store, 'R', &content, &number, &found, &fault), ERR_CORRUPT);
}

int main (void)
{
#define TEST(f) cmocka_unit_test_setup_teardown (f, setup, teardown)
    const struct CMUnitTest tests [] = {
        TEST (test_corpus), TEST (test_texts), TEST (test_index), TEST (test_pairs_in_order), TEST (test_rows_and_rejects),
        TEST (test_runs), TEST (test_probes), TEST (test_phases_and_counts), TEST (test_labels), TEST (test_auto),
        TEST (test_cells_and_blobs),
        TEST (test_numbering), TEST (test_unreadable),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

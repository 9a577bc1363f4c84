// The policy `auto` as a plan: what is sampled, when an adapter is taken, when it is trained again.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/digest.h"
#include "coordinator/auto_plan.h"

static const uint8_t digest_1 [DIGEST_BYTES] = { 1 }, digest_2 [DIGEST_BYTES] = { 2 };

typedef struct { auto_recipe_t recipe; Rulemill__AutoRecord *record; } fixture_t;

static fixture_t begin (uint64_t pairs, bool costly)
{
    fixture_t f = { .recipe = auto_recipe_default () };
    f.recipe.costly = costly;
    f.record = auto_begin (&f.recipe, pairs, pairs);
    return f;
}

static void end (fixture_t *f)
{
    rulemill__auto_record__free_unpacked (f->record, NULL);
}

static void train (fixture_t *f, double agreement, double half)
{
    const auto_trained_t trained = { .agreement = agreement, .low = agreement - 0.02, .high = agreement + 0.02, .agreement_half = half,
                                     .train_pairs = 800, .held_out_pairs = 200 };
    if (f->record->stage == RULEMILL__AUTO_STAGE__AUTO_SAMPLE)
        auto_sampled (f->record);
    auto_trained (&f->recipe, f->record, &trained, "{}", f->record->n_adapter ? digest_2 : digest_1);
}

static double share_of (uint64_t threshold)
{
    return ldexp ((double) threshold, -64);
}

static void test_free_judge (void **state)
{
    (void) state;
    fixture_t f = begin (1000000, false);
    assert_int_equal (f.record->choice, RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE);
    assert_non_null (strstr (f.record->reason, "costs nothing"));
    assert_int_equal (auto_block_end (&f.recipe, f.record, 1000000), 1000000);
    end (&f);
}

static void test_small_corpus (void **state)
{
    (void) state;
    fixture_t f = begin (2999, true);
    assert_int_equal (f.record->choice, RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE);
    assert_non_null (strstr (f.record->reason, "2999 pairs, fewer than 3000"));
    end (&f);
    f = begin (3001, true);
    assert_int_equal (f.record->choice, RULEMILL__AUTO_CHOICE__AUTO_UNDECIDED);
    assert_int_equal (f.record->stage, RULEMILL__AUTO_STAGE__AUTO_SAMPLE);
    assert_float_equal (share_of (f.record->sample_threshold), 1000.0 / 3001, 1e-9);
    end (&f);
}

// What was labelled exhaustively for want of data is learnt from when there is enough.
static void test_small_corpus_grows (void **state)
{
    (void) state;
    fixture_t f = begin (2000, true);
    assert_true (f.record->too_small);
    assert_false (auto_grown (&f.recipe, f.record, 2000, 2000));
    assert_true (auto_grown (&f.recipe, f.record, 2900, 2900));
    assert_int_equal (f.record->choice, RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE);
    assert_non_null (strstr (f.record->reason, "2900 pairs, fewer than 3000"));
    assert_true (auto_grown (&f.recipe, f.record, 50000, 50000));
    assert_int_equal (f.record->stage, RULEMILL__AUTO_STAGE__AUTO_SAMPLE);
    assert_int_equal (f.record->step, 1);
    assert_int_equal (f.record->exhaustive_below, 2900);
    assert_float_equal (share_of (f.record->sample_threshold), 0.02, 1e-9);
    assert_int_equal (f.record->pairs, 50000);
    end (&f);
    f = begin (1000, false);            // it costs nothing however large
    assert_false (auto_grown (&f.recipe, f.record, 50000, 50000));
    end (&f);
}

// What was declined is looked at again when the corpus has room for the next sample; what was labelled stays exhaustive.
static void test_declined_and_grown (void **state)
{
    (void) state;
    fixture_t f = begin (10000, true);
    train (&f, 0.7, 0.6);
    train (&f, 0.8, 0.7);
    assert_int_equal (f.record->choice, RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE);
    assert_non_null (strstr (f.record->reason, "looked at again with 12000 pairs"));
    assert_false (auto_grown (&f.recipe, f.record, 10000, 10000));
    assert_true (auto_grown (&f.recipe, f.record, 11000, 11000));
    assert_int_equal (f.record->choice, RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE);
    assert_int_equal (auto_block_end (&f.recipe, f.record, 11000), 11000);
    assert_true (auto_grown (&f.recipe, f.record, 40000, 40000));
    assert_int_equal (f.record->choice, RULEMILL__AUTO_CHOICE__AUTO_UNDECIDED);
    assert_int_equal (f.record->step, 3);
    assert_int_equal (f.record->exhaustive_below, 11000);
    assert_float_equal (share_of (f.record->sample_threshold), 0.1, 1e-9);
    train (&f, 0.95, 0.95);
    assert_int_equal (f.record->choice, RULEMILL__AUTO_CHOICE__AUTO_ADAPTER);
    assert_int_equal (f.record->n_adapter, 1);
    end (&f);
}

// A limit's prompts were declined: lifted, the other prompts are looked at again, of all pair numbers.
static void test_declined_under_a_limit (void **state)
{
    (void) state;
    auto_recipe_t recipe = auto_recipe_default ();
    fixture_t f = { .recipe = recipe, .record = auto_begin (&recipe, 4000, 50000) };
    train (&f, 0.7, 0.6);               // 2,000 would be over a third
    assert_int_equal (f.record->choice, RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE);
    assert_true (auto_grown (&recipe, f.record, 50000, 50000));
    assert_int_equal (f.record->step, 2);
    assert_int_equal (f.record->exhaustive_below, 0);
    assert_int_equal (f.record->position, 0);
    end (&f);
}

// A trial of some prompts first, too few to learn from: the others are not all judged exhaustively for that.
static void test_a_trial_before (void **state)
{
    (void) state;
    auto_recipe_t recipe = auto_recipe_default ();
    Rulemill__AutoRecord *record = auto_begin (&recipe, 100, 50000);
    assert_true (record->too_small);
    assert_true (auto_grown (&recipe, record, 50000, 50000));
    assert_int_equal (record->exhaustive_below, 0);
    assert_int_equal (record->position, 0);
    rulemill__auto_record__free_unpacked (record, NULL);
}

// A sample that was large for a small corpus, or for a part of it, need not be so large a share of more.
static void test_the_share_shrinks (void **state)
{
    (void) state;
    fixture_t f = begin (10000, true);
    train (&f, 0.95, 0.95);
    assert_float_equal (share_of (f.record->sample_threshold), 0.1, 1e-9);
    assert_false (auto_grown (&f.recipe, f.record, 10000, 10000));
    assert_true (auto_grown (&f.recipe, f.record, 1000000, 1000000));
    assert_float_equal (share_of (f.record->sample_threshold), 0.001, 1e-9);
    assert_float_equal (share_of (f.record->audit_threshold), 864.36 / 999000, 1e-6);
    assert_int_equal (f.record->choice, RULEMILL__AUTO_CHOICE__AUTO_ADAPTER);
    end (&f);
}

static void test_state_is_written_and_read (void **state)
{
    (void) state;
    const auto_state_t said = { .choice = RULEMILL__AUTO_CHOICE__AUTO_ADAPTER, .training = true, .reason = "for \"reasons\"", .step = 3, .sampled = 0.25,
                                .audited = 0.0125, .n_adapters = 2, .audited_pairs = 300, .agreement = { true, 0.9, 0.875, 0.925 },
                                .price = { .told = true, .by_sample = true, .used = true, .exhaustive = { .cells = 2e6, .prompt_tokens = 7e8 },
                                           .adapter = { .cells = 1e5, .prompt_tokens = 4e8, .cached_tokens = 12 } } };
    buf_t text = { 0 };
    buf_add_char (&text, '{');
    auto_state_write (&said, said.sampled, &text);
    buf_add_char (&text, '}');
    json_doc_t *doc = json_doc_new ();
    const json_value_t *object;
    assert_int_equal (json_parse (doc, text.data, text.len, &object, NULL), OK);
    auto_state_t read;
    auto_state_read (object, &read);
    assert_int_equal (read.choice, said.choice);
    assert_true (read.training && read.agreement.told);
    assert_string_equal (read.reason, said.reason);
    assert_int_equal (read.step, 3);
    assert_int_equal (read.n_adapters, 2);
    assert_int_equal (read.audited_pairs, 300);
    assert_float_equal (read.sampled, 0.25, 0);
    assert_float_equal (read.audited, 0.0125, 0);
    assert_float_equal (read.agreement.low, 0.875, 0);
    assert_true (read.price.told && read.price.by_sample && read.price.used && !read.price.timed && !read.price.priced);
    assert_float_equal (read.price.exhaustive.cells, 2e6, 0);
    assert_float_equal (read.price.adapter.cached_tokens, 12, 0);
    const char *const odd = "{\"choice\":7,\"sampled_share\":9,\"agreement\":[]}";
    assert_int_equal (json_parse (doc, odd, strlen (odd), &object, NULL), OK);
    auto_state_read (object, &read);                    // nothing that is no state passes
    assert_int_equal (read.choice, RULEMILL__AUTO_CHOICE__AUTO_UNDECIDED);
    assert_false (read.agreement.told);
    assert_false (read.price.told);
    assert_float_equal (read.sampled, 0, 0);
    json_doc_destroy (&doc);
    buf_free (&text);
}

static void test_sample_doubles_until_flat (void **state)
{
    (void) state;
    fixture_t f = begin (100000, true);
    assert_float_equal (share_of (f.record->sample_threshold), 0.01, 1e-9);
    train (&f, 0.92, 0.88);             // good enough, but still learning
    assert_int_equal (f.record->stage, RULEMILL__AUTO_STAGE__AUTO_SAMPLE);
    assert_int_equal (f.record->step, 2);
    assert_float_equal (share_of (f.record->sample_threshold), 0.02, 1e-9);
    train (&f, 0.85, 0.85);             // flat, but too wrong
    assert_int_equal (f.record->step, 3);
    train (&f, 0.935, 0.93);
    assert_int_equal (f.record->choice, RULEMILL__AUTO_CHOICE__AUTO_ADAPTER);
    assert_int_equal (f.record->stage, RULEMILL__AUTO_STAGE__AUTO_REST);
    assert_int_equal (f.record->n_adapter, 1);
    assert_memory_equal (f.record->adapter [0]->digest.data, digest_1, DIGEST_BYTES);
    assert_non_null (strstr (f.record->reason, "93.5 %"));
    end (&f);
}

static void test_never_good_enough (void **state)
{
    (void) state;
    fixture_t f = begin (10000, true);
    train (&f, 0.7, 0.6);
    assert_int_equal (f.record->step, 2);
    train (&f, 0.8, 0.7);               // 4,000 would be over a third
    assert_int_equal (f.record->choice, RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE);
    assert_non_null (strstr (f.record->reason, "80.0 %"));
    assert_non_null (strstr (f.record->reason, "--accept-adapter"));
    assert_int_equal (f.record->n_adapter, 0);
    end (&f);
}

static void test_accepted_all_the_same (void **state)
{
    (void) state;
    fixture_t f = begin (10000, true);
    f.recipe.accept = true;
    train (&f, 0.7, 0.695);
    assert_int_equal (f.record->choice, RULEMILL__AUTO_CHOICE__AUTO_ADAPTER);
    assert_non_null (strstr (f.record->reason, "taken all the same"));
    end (&f);
}

// A sample of hardly any prompts says nothing of an adapter: not even an accepting user takes it.
static void test_nothing_to_say (void **state)
{
    (void) state;
    static const char none [] = "{\"train_pairs\":0,\"held_out_pairs\":0,\"agreement\":{\"value\":0,\"low\":0,\"high\":1},\"agreement_half\":0}";
    fixture_t f = begin (4000, true);
    f.recipe.accept = true;
    f.recipe.min_agreement = 0;
    auto_trained_t trained;
    fault_t fault = { 0 };
    assert_int_equal (auto_trained_read (none, sizeof none - 1, &trained, &fault), OK);
    auto_sampled (f.record);
    auto_trained (&f.recipe, f.record, &trained, none, digest_1);
    assert_int_equal (f.record->choice, RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE);
    assert_int_equal (f.record->n_adapter, 0);
    assert_non_null (strstr (f.record->reason, "too few prompts"));
    end (&f);
}

// A few held-out pairs seem to say that more data does not help: a worse adapter than wanted is not taken on their word.
static void test_accepted_when_it_is_known (void **state)
{
    (void) state;
    fixture_t f = begin (10000, true);
    f.recipe.accept = true;
    const auto_trained_t vague = { .agreement = 0.7, .low = 0.62, .high = 0.78, .agreement_half = 0.7, .train_pairs = 800, .held_out_pairs = 150 };
    auto_sampled (f.record);
    auto_trained (&f.recipe, f.record, &vague, "{}", digest_1);
    assert_int_equal (f.record->step, 2);
    assert_int_equal (f.record->n_adapter, 0);
    auto_sampled (f.record);
    auto_trained (&f.recipe, f.record, &vague, "{}", digest_1);      // 4,000 would be over a third
    assert_int_equal (f.record->choice, RULEMILL__AUTO_CHOICE__AUTO_ADAPTER);
    end (&f);
}

// +-2 points take 864 pairs: 2 % of the rest, or fewer where the rest is large.
static void test_audit_share (void **state)
{
    (void) state;
    fixture_t f = begin (20000, true);
    train (&f, 0.95, 0.95);
    assert_float_equal (share_of (f.record->audit_threshold), 0.02, 1e-9);
    end (&f);
    f = begin (1000000, true);
    train (&f, 0.95, 0.95);
    assert_float_equal (share_of (f.record->audit_threshold), 864.36 / (1000000 - 1000), 1e-9);
    end (&f);
    f = begin (20000, true);
    f.recipe.audit_share = 0;
    train (&f, 0.95, 0.95);
    assert_int_equal (f.record->audit_threshold, 0);
    end (&f);
}

static Rulemill__AuditSums sums_of (uint64_t prompts, uint64_t pairs_each, uint64_t alike_each)
{
    Rulemill__AuditSums sums = RULEMILL__AUDIT_SUMS__INIT;
    for (uint64_t i = 0; i < prompts; i++)
        auto_sums_add (&sums, pairs_each, alike_each);
    return sums;
}

// All of them labelled by the adapter in use.
static auto_audits_t audits (uint64_t prompts, uint64_t pairs_each, uint64_t alike_each)
{
    Rulemill__AuditSums sums = sums_of (prompts, pairs_each, alike_each);
    return (auto_audits_t) { sums, sums };
}

// A whole block of all prompts.
static bool block_done (fixture_t *f, uint64_t end, const auto_audits_t *audited)
{
    return auto_block_done (&f->recipe, f->record, end, UINT64_MAX, audited);
}

// A part of the prompts, by their hashes.
enum { PART = 1000, MORE = 2000 };

// A run of a part of the prompts that has trained twice and whose adapter in use is of the second block on.
static fixture_t limited (void)
{
    fixture_t f = { .recipe = auto_recipe_default () };
    f.record = auto_begin (&f.recipe, 50000, 100000);
    train (&f, 0.95, 0.95);
    auto_audits_t wrong = audits (300, 1, 0), right = audits (50, 1, 1);
    assert_true (auto_block_done (&f.recipe, f.record, AUTO_BLOCK_PAIRS, PART, &wrong));
    train (&f, 0.95, 0.95);
    assert_false (auto_block_done (&f.recipe, f.record, 2 * AUTO_BLOCK_PAIRS, PART, &right));
    assert_int_equal (f.record->adapter [1]->from_pair, AUTO_BLOCK_PAIRS);
    return f;
}

// The blocks are gone through again for the prompts that a limit left out: through the adapter in use, which its own audits judge.
static void test_a_limit_is_lifted (void **state)
{
    (void) state;
    fixture_t f = limited ();
    assert_false (auto_lifted (f.record, PART));
    assert_false (auto_lifted (f.record, PART - 1));
    assert_true (auto_lifted (f.record, MORE));
    assert_int_equal (f.record->position, 0);
    assert_int_equal (f.record->adapter [0]->from_pair, 0);
    assert_int_equal (f.record->adapter [1]->from_pair, 0);
    assert_int_equal (f.record->audit->pairs, 0);
    assert_int_equal (f.record->audit_all->pairs, 0);
    assert_false (auto_lifted (f.record, MORE));            // it is being gone through
    auto_audits_t both = audits (40, 1, 1);
    both.all = sums_of (340, 1, 0);
    assert_false (auto_block_done (&f.recipe, f.record, AUTO_BLOCK_PAIRS, MORE, &both));    // those that are wrong are the first one's
    assert_int_equal (f.record->audit->pairs, 40);
    assert_int_equal (f.record->audit_all->pairs, 340);
    assert_false (auto_lifted (f.record, MORE));
    assert_true (auto_lifted (f.record, UINT64_MAX));
    end (&f);
}

// Rows are added, too: some blocks have been gone through for fewer prompts than others, and the least counts.
static void test_a_limit_is_lifted_and_rows_are_added (void **state)
{
    (void) state;
    fixture_t f = limited ();
    auto_audits_t none = audits (0, 0, 0);
    assert_true (auto_grown (&f.recipe, f.record, 60000, 130000));
    assert_false (auto_lifted (f.record, PART / 2));        // as many prompts of more are a smaller share: what is decided stays decided
    assert_int_equal (f.record->audit_all->pairs, 350);
    assert_false (auto_block_done (&f.recipe, f.record, 3 * AUTO_BLOCK_PAIRS, PART / 2, &none));
    assert_true (auto_lifted (f.record, PART));
    assert_int_equal (f.record->position, 0);
    end (&f);
}

// Nothing that was asked for before there was an adapter is gone through again.
static void test_a_limit_is_lifted_before_there_is_an_adapter (void **state)
{
    (void) state;
    fixture_t f = begin (2000, true);
    f.recipe.block_pairs = 1000;
    assert_true (auto_grown (&f.recipe, f.record, 100000, 100000));
    assert_int_equal (f.record->position, 2000);
    assert_false (auto_lifted (f.record, UINT64_MAX));
    train (&f, 0.95, 0.95);
    assert_int_equal (f.record->n_adapter, 1);
    assert_false (auto_lifted (f.record, UINT64_MAX));
    end (&f);
}

// What was audited behind the last whole block is among its audits once it is whole.
static void test_the_tail_is_counted_once (void **state)
{
    (void) state;
    fixture_t f = begin (100000, true);
    train (&f, 0.95, 0.95);
    auto_audits_t some = audits (60, 1, 1);
    f.record->audit_tail = rulemill__audit_sums__unpack (NULL, 0, (const uint8_t *) "");
    f.record->audit_tail->pairs = 7;
    assert_false (block_done (&f, AUTO_BLOCK_PAIRS, &some));
    assert_int_equal (f.record->audit_all->pairs, 60);
    assert_int_equal (f.record->audit_tail->pairs, 0);
    f.record->audit_tail->pairs = 7;
    f.record->asked_threshold = PART;
    assert_true (auto_lifted (f.record, MORE));
    assert_int_equal (f.record->audit_tail->pairs, 0);
    end (&f);
}

static void test_blocks_and_retraining (void **state)
{
    (void) state;
    fixture_t f = begin (100000, true);
    train (&f, 0.95, 0.95);
    uint64_t end_1 = auto_block_end (&f.recipe, f.record, 100000);
    assert_int_equal (end_1, AUTO_BLOCK_PAIRS);
    auto_audits_t few = audits (100, 1, 0), bad = audits (200, 1, 1);
    assert_false (block_done (&f, end_1, &few));          // too few to say
    assert_int_equal (f.record->position, AUTO_BLOCK_PAIRS);
    assert_true (block_done (&f, 2 * AUTO_BLOCK_PAIRS, &bad));    // 200 of 300
    train (&f, 0.8, 0.8);
    assert_int_equal (f.record->n_adapter, 2);
    assert_int_equal (f.record->adapter [1]->from_pair, 2 * AUTO_BLOCK_PAIRS);
    assert_int_equal (f.record->audit->pairs, 0);                               // the new one starts afresh
    assert_int_equal (f.record->audit_all->pairs, 300);
    auto_audits_t wrong = audits (300, 1, 0);
    assert_true (block_done (&f, 3 * AUTO_BLOCK_PAIRS, &wrong));
    train (&f, 0.8, 0.8);
    assert_false (block_done (&f, 4 * AUTO_BLOCK_PAIRS, &wrong));     // twice is all
    assert_int_equal (f.record->n_adapter, 3);
    end (&f);
}

// The last block is cut off by the corpus's end: when rows are added it is still whole.
static void test_last_block_decides_nothing (void **state)
{
    (void) state;
    fixture_t f = begin (20000, true);
    train (&f, 0.95, 0.95);
    auto_audits_t none = audits (0, 0, 0), bad = audits (300, 1, 0);
    assert_false (block_done (&f, AUTO_BLOCK_PAIRS, &none));
    assert_int_equal (auto_block_end (&f.recipe, f.record, 20000), 20000);
    assert_false (block_done (&f, 20000, &bad));
    assert_int_equal (f.record->position, AUTO_BLOCK_PAIRS);
    assert_int_equal (f.record->audit->pairs, 0);
    end (&f);
}

static void test_recipe_text (void **state)
{
    (void) state;
    auto_recipe_t recipe = auto_recipe_default (), again = { 0 };
    recipe.accept = true;
    recipe.audit_share = 0.005;
    recipe.costly = false;
    buf_t text = { 0 }, second = { 0 };
    fault_t fault = { 0 };
    auto_recipe_write (&recipe, &text);
    assert_int_equal (auto_recipe_read (text.data, &again, &fault), OK);
    auto_recipe_write (&again, &second);
    assert_string_equal (text.data, second.data);
    assert_true (again.accept);
    assert_false (again.costly);
    assert_int_equal (auto_recipe_read ("{\"sample_pairs\":1}", &again, &fault), ERR_FORMAT);
    assert_int_equal (auto_recipe_read ("not json", &again, &fault), ERR_FORMAT);
    buf_free (&text);
    buf_free (&second);
}

static void test_reports (void **state)
{
    (void) state;
    static const char good [] = "{\"train_pairs\":800,\"held_out_pairs\":200,\"agreement\":{\"value\":0.9,\"low\":0.85,\"high\":0.95},"
                                "\"agreement_half\":0.88,\"more\":[]}";
    auto_trained_t trained;
    fault_t fault = { 0 };
    assert_int_equal (auto_trained_read (good, sizeof good - 1, &trained, &fault), OK);
    assert_float_equal (trained.low, 0.85, 1e-12);
    assert_int_equal (trained.train_pairs, 800);
    static const char *const bad [] = {
        "", "{}", "[]", "{\"train_pairs\":800,\"held_out_pairs\":-1,\"agreement\":{\"value\":0.9,\"low\":0.8,\"high\":1},\"agreement_half\":0.8}",
        "{\"train_pairs\":800,\"held_out_pairs\":200,\"agreement\":{\"value\":1.5,\"low\":0.8,\"high\":1},\"agreement_half\":0.8}",
        "{\"train_pairs\":800,\"held_out_pairs\":200,\"agreement\":0.9,\"agreement_half\":0.8}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal (auto_trained_read (bad [i], strlen (bad [i]), &trained, &fault), ERR_FORMAT);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_free_judge), cmocka_unit_test (test_small_corpus), cmocka_unit_test (test_small_corpus_grows), cmocka_unit_test (test_declined_and_grown),
        cmocka_unit_test (test_declined_under_a_limit), cmocka_unit_test (test_a_trial_before),
        cmocka_unit_test (test_the_share_shrinks), cmocka_unit_test (test_a_limit_is_lifted),
        cmocka_unit_test (test_a_limit_is_lifted_and_rows_are_added), cmocka_unit_test (test_a_limit_is_lifted_before_there_is_an_adapter),
        cmocka_unit_test (test_the_tail_is_counted_once), cmocka_unit_test (test_state_is_written_and_read),
        cmocka_unit_test (test_sample_doubles_until_flat), cmocka_unit_test (test_never_good_enough), cmocka_unit_test (test_accepted_all_the_same),
        cmocka_unit_test (test_nothing_to_say), cmocka_unit_test (test_accepted_when_it_is_known), cmocka_unit_test (test_audit_share),
        cmocka_unit_test (test_blocks_and_retraining), cmocka_unit_test (test_last_block_decides_nothing),
        cmocka_unit_test (test_recipe_text), cmocka_unit_test (test_reports),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

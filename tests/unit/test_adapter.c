// model/adapter: what the four forms learn, symmetry bit by bit, strangers, selection, the same twice, hostile bytes.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "tests/unit/adapter_fixture.h"

static adapter_t *open_bytes (const buf_t *bytes)
{
    adapter_t *adapter = NULL;
    fault_t fault = { 0 };
    if (adapter_open ("test", bytes->data, bytes->len, &adapter, &fault) != OK)
        fail_msg ("%s", fault.text);
    return adapter;
}

static adapter_reader_t *bind (const adapter_t *adapter, const world_pool_t *pool)
{
    adapter_rule_t rules [WORLD_RULES];
    for (int r = 0; r < WORLD_RULES; r++)
        rules [r] = (adapter_rule_t) { &pool->digest [r], world_texts [r] };
    return adapter_reader_new (adapter, rules, WORLD_RULES);
}

static void foresee (adapter_reader_t *reader, const char *prompt, const char *a, const char *b, float *value)
{
    adapter_read_prompt (reader, &(adapter_text_t) { prompt, strlen (prompt) }, 1);
    adapter_read_pair (reader, &(adapter_text_t) { a, strlen (a) }, 1, &(adapter_text_t) { b, strlen (b) }, 1, value);
}

// Topics decide what is relevant; of two relevant rules the one that tells the responses apart comes first.
static void test_forms (void **state)
{
    (void) state;
    world_pool_t pool;
    world_pool (&pool);
    examples_t *examples = world_examples (3);
    for (adapter_form_t form = 0; form < ADAPTER_FORMS; form++) {
        buf_t bytes = { 0 };
        world_adapter (examples, form, &bytes);
        adapter_t *adapter = open_bytes (&bytes);
        adapter_reader_t *reader = bind (adapter, &pool);
        assert_int_equal (adapter_strangers (reader), 0);
        float value [WORLD_RULES];
        uint32_t chosen [2];
        content_key_t key = { { 0 } };
        int right = 0, first = 0;
        for (int a = 0; a < WORLD_RULES; a++)
            for (int b = 0; b < WORLD_RULES; b++) {
                if (a == b)
                    continue;
                char prompt [80], good [80], bad [80];
                snprintf (prompt, sizeof prompt, "please tell me of topic%d and topic%d today", a, b);
                snprintf (good, sizeof good, "well then do%d do%d", a, b);
                snprintf (bad, sizeof bad, "well then break%d do%d", a, b);
                foresee (reader, prompt, good, bad, value);
                assert_int_equal (adapter_select (value, pool.digest, WORLD_RULES, 1, &key, 2, chosen), 2);
                right += (chosen [0] == (uint32_t) a && chosen [1] == (uint32_t) b) || (chosen [0] == (uint32_t) b && chosen [1] == (uint32_t) a);
                first += chosen [0] == (uint32_t) a;
            }
        if (right < 27 || (form >= ADAPTER_VALUE && first < 24))
            fail_msg ("form %s: %d of 30 right, %d first", adapter_form_name (form), right, first);
        adapter_reader_destroy (&reader);
        assert_null (reader);
        adapter_destroy (&adapter);
        assert_null (adapter);
        buf_free (&bytes);
    }
    examples_destroy (&examples);
    assert_null (examples);
}

static void test_symmetry_and_determinism (void **state)
{
    (void) state;
    world_pool_t pool;
    world_pool (&pool);
    rng_t rng = { 8 };
    buf_t text [3] = { { 0 } };
    for (adapter_form_t form = 0; form < ADAPTER_FORMS; form++) {
        examples_t *examples = world_examples (5), *again = world_examples (5);
        buf_t bytes = { 0 }, twice = { 0 };
        world_adapter (examples, form, &bytes);
        world_adapter (again, form, &twice);
        assert_int_equal (bytes.len, twice.len);
        assert_memory_equal (bytes.data, twice.data, bytes.len);
        adapter_t *adapter = open_bytes (&bytes);
        adapter_reader_t *reader = bind (adapter, &pool);
        for (int i = 0; i < 50; i++) {
            int topic [2];
            cell_t cells [WORLD_RULES];
            float ab [WORLD_RULES], ba [WORLD_RULES];
            world_prompt (&rng, topic, &text [0]);
            world_response (&rng, topic, &text [1], cells);
            world_response (&rng, topic, &text [2], cells);
            foresee (reader, text [0].data, text [1].data, text [2].data, ab);
            foresee (reader, text [0].data, text [2].data, text [1].data, ba);
            assert_memory_equal (ab, ba, sizeof ab);
        }
        adapter_reader_destroy (&reader);
        adapter_destroy (&adapter);
        buf_free (&bytes);
        buf_free (&twice);
        examples_destroy (&examples);
        examples_destroy (&again);
    }
    for (int i = 0; i < 3; i++)
        buf_free (&text [i]);
}

static void sign (buf_t *bytes)
{
    size_t at = offsetof (adapter_header_t, version);
    digest_t digest = digest_of (bytes->data + at, bytes->len - at);
    memcpy (bytes->data + offsetof (adapter_header_t, digest), digest.b, DIGEST_BYTES);
}

static status_t try_open (const buf_t *bytes, adapter_t **out)
{
    fault_t fault = { 0 };
    status_t status = adapter_open ("test", bytes->data, bytes->len, out, &fault);
    assert_int_equal (status == OK, *out != NULL);
    assert_true (status == OK || (fault.code == status && fault.text [0]));
    return status;
}

// The twin knows the prompt alone.
static void test_twin (void **state)
{
    (void) state;
    world_pool_t pool;
    world_pool (&pool);
    examples_t *examples = world_examples (3);
    buf_t bytes = { 0 };
    world_adapter (examples, ADAPTER_CELLS, &bytes);
    adapter_t *adapter = open_bytes (&bytes);
    assert_non_null (adapter_twin (adapter));
    adapter_reader_t *reader = bind (adapter_twin (adapter), &pool);
    float x [WORLD_RULES], y [WORLD_RULES];
    foresee (reader, "of topic1 and topic2", "do1", "break1", x);
    foresee (reader, "of topic1 and topic2", "", "", y);
    assert_memory_equal (x, y, sizeof x);
    assert_true (x [1] > x [0] && x [2] > x [3]);
    assert_false (adapter_relevance (reader, x));
    adapter_reader_destroy (&reader);
    adapter_destroy (&adapter);
    buf_free (&bytes);
    examples_destroy (&examples);
}

// More rules judged than selection takes: another adapter in name, the same in what it foresees.
static void test_judged (void **state)
{
    (void) state;
    examples_t *examples = world_examples (3);
    buf_t bytes = { 0 };
    world_adapter (examples, ADAPTER_CELLS, &bytes);
    adapter_t *adapter = open_bytes (&bytes);
    uint32_t top = adapter_parts (adapter)->header->top;
    digest_t before = adapter_digest (adapter);
    assert_int_equal (adapter_judged (adapter, top), top);
    adapter_destroy (&adapter);
    adapter_bytes_set_judged (bytes.data, bytes.len, top + 3);
    adapter = open_bytes (&bytes);
    digest_t after = adapter_digest (adapter);
    assert_memory_not_equal (before.b, after.b, DIGEST_BYTES);
    assert_int_equal (adapter_judged (adapter, top), top + 3);
    assert_int_equal (adapter_judged (adapter, top + 5), top + 5);
    adapter_destroy (&adapter);
    ((adapter_header_t *) (void *) bytes.data)->judged = top - 1;
    sign (&bytes);
    assert_int_equal (try_open (&bytes, &adapter), ERR_CORRUPT);
    buf_free (&bytes);
    examples_destroy (&examples);
}

// A reworded rule is foreseen by its former self; one that is like none gets the mean.
static void test_strangers (void **state)
{
    (void) state;
    world_pool_t pool;
    world_pool (&pool);
    examples_t *examples = world_examples (3);
    buf_t bytes = { 0 };
    world_adapter (examples, ADAPTER_CELLS, &bytes);
    adapter_t *adapter = open_bytes (&bytes);
    const char *texts [3] = { world_texts [0], "The response names a helpline for people in crises.", "Zwölf Boxkämpfer jagen Viktor" };
    digest_t digests [3];
    adapter_rule_t rules [3];
    for (int i = 0; i < 3; i++) {
        digests [i] = digest_of (texts [i], strlen (texts [i]));
        rules [i] = (adapter_rule_t) { &digests [i], texts [i] };
    }
    adapter_reader_t *reader = adapter_reader_new (adapter, rules, 3), *known = bind (adapter, &pool);
    assert_int_equal (adapter_strangers (reader), 2);
    assert_int_equal (adapter_unused (reader), WORLD_RULES - 1);
    float own [3], all [WORLD_RULES], mean = 0;
    foresee (reader, "of topic3 and topic1", "do3", "break3", own);
    foresee (known, "of topic3 and topic1", "do3", "break3", all);
    for (int r = 0; r < WORLD_RULES; r++)
        mean += all [r] / WORLD_RULES;
    assert_true (own [0] == all [0]);
    assert_true (own [1] > (all [3] + mean) / 2);
    assert_float_equal (own [2], mean, 1e-5);
    adapter_reader_destroy (&reader);
    adapter_reader_destroy (&known);
    adapter_destroy (&adapter);
    buf_free (&bytes);
    examples_destroy (&examples);
}

static void test_select (void **state)
{
    (void) state;
    world_pool_t pool;
    world_pool (&pool);
    content_key_t key = { { 7 } };
    float value [WORLD_RULES] = { 1, 3, 2, 3, -1, 2 };
    uint32_t chosen [WORLD_RULES], again [WORLD_RULES];
    assert_int_equal (adapter_select (value, pool.digest, WORLD_RULES, 1, &key, 3, chosen), 3);
    assert_true (chosen [0] + chosen [1] == 4 && (chosen [0] == 1 || chosen [0] == 3));
    assert_true (chosen [2] == 2 || chosen [2] == 5);
    assert_int_equal (adapter_select (value, pool.digest, WORLD_RULES, 1, &key, 100, again), WORLD_RULES);
    assert_int_equal (again [5], 4);
    assert_memory_equal (chosen, again, 3 * sizeof *chosen);
    // Where all are equal, the hash decides, and does so by prompt and seed.
    float equal [WORLD_RULES] = { 0 };
    bool differs = false;
    adapter_select (equal, pool.digest, WORLD_RULES, 1, &key, WORLD_RULES, chosen);
    for (uint64_t seed = 2; seed < 6; seed++) {
        adapter_select (equal, pool.digest, WORLD_RULES, seed, &key, WORLD_RULES, again);
        differs = differs || memcmp (chosen, again, sizeof chosen) != 0;
    }
    assert_true (differs);
}

// --- hostile bytes -----------------------------------------------------------

// Opened bytes, whatever they are, can be used without harm.
static void use (adapter_t *adapter, const world_pool_t *pool)
{
    float value [WORLD_RULES];
    adapter_reader_t *reader = bind (adapter, pool);
    foresee (reader, "of topic1 and topic2", "do1 do2", "break1", value);
    for (int r = 0; r < WORLD_RULES; r++)
        assert_true (value [r] - value [r] == 0);       // finite
    adapter_reader_destroy (&reader);
}

static void test_cut (void **state)
{
    (void) state;
    examples_t *examples = world_examples (3);
    buf_t bytes = { 0 };
    world_adapter (examples, ADAPTER_VALUE, &bytes);
    size_t whole = bytes.len;
    adapter_t *adapter = NULL;
    for (size_t len = 0; len < whole; len += len < 300 ? 1 : 997) {
        bytes.len = len;
        assert_int_not_equal (try_open (&bytes, &adapter), OK);
        if (len >= sizeof (adapter_header_t)) {         // and where the digest is right
            digest_t kept;
            memcpy (&kept, bytes.data + offsetof (adapter_header_t, digest), sizeof kept);
            sign (&bytes);
            assert_int_equal (try_open (&bytes, &adapter), ERR_CORRUPT);
            memcpy (bytes.data + offsetof (adapter_header_t, digest), &kept, sizeof kept);
        }
    }
    bytes.len = whole;
    bytes.data [whole / 2] ^= 1;
    assert_int_equal (try_open (&bytes, &adapter), ERR_CORRUPT);
    buf_free (&bytes);
    examples_destroy (&examples);
}

static void test_mutated (void **state)
{
    (void) state;
    world_pool_t pool;
    world_pool (&pool);
    examples_t *examples = world_examples (3);
    rng_t rng = { 17 };
    int refused = 0, used = 0;
    for (adapter_form_t form = ADAPTER_VALUE; form < ADAPTER_FORMS; form++) {
        buf_t bytes = { 0 };
        world_adapter (examples, form, &bytes);
        char *kept = mem_new (bytes.len);
        memcpy (kept, bytes.data, bytes.len);
        for (int i = 0; i < 4000; i++) {
            // The header and rules oftener than their share of the bytes.
            uint64_t within = rng_below (&rng, 2) ? 1024 : bytes.len;
            for (uint64_t n = rng_below (&rng, 4) + 1; n > 0; n--) {
                static const uint8_t odd [] = { 0, 1, 0x7F, 0x80, 0xFF };
                bytes.data [rng_below (&rng, within)] = (char) (rng_below (&rng, 2) ? odd [rng_below (&rng, 5)] : rng_next (&rng));
            }
            sign (&bytes);
            adapter_t *adapter = NULL;
            if (try_open (&bytes, &adapter) == OK) {
                use (adapter, &pool);
                used++;
            } else
                refused++;
            adapter_destroy (&adapter);
            memcpy (bytes.data, kept, bytes.len);
        }
        free (kept);
        buf_free (&bytes);
    }
    assert_true (refused > 500 && used > 500);
    examples_destroy (&examples);
}

static void test_files (void **state)
{
    (void) state;
    char path [] = "/tmp/rulemill-adapter-XXXXXX";
    int file = mkstemp (path);
    adapter_t *adapter = NULL;
    fault_t fault = { 0 };
    assert_int_equal (adapter_open_file (path, &adapter, &fault), ERR_FORMAT);      // empty
    assert_int_equal (ftruncate (file, LIMIT_ADAPTER_BYTES + 1), 0);
    assert_int_equal (adapter_open_file (path, &adapter, &fault), ERR_LIMIT);
    assert_int_equal (ftruncate (file, 0), 0);
    examples_t *examples = world_examples (3);
    buf_t bytes = { 0 };
    world_adapter (examples, ADAPTER_REST, &bytes);
    assert_true (write (file, bytes.data, bytes.len) == (ssize_t) bytes.len);
    assert_int_equal (adapter_open_file (path, &adapter, &fault), OK);
    digest_t digest = adapter_digest (adapter), whole = digest_of (bytes.data, bytes.len);
    assert_true (digest_equal (&digest, &whole));
    assert_int_equal (adapter_size (adapter), bytes.len);
    adapter_destroy (&adapter);
    assert_int_equal (adapter_open_file ("/nowhere/x", &adapter, &fault), ERR_IO);
    assert_int_equal (adapter_open_file ("/tmp", &adapter, &fault), ERR_FORMAT);
    close (file);
    unlink (path);
    buf_free (&bytes);
    examples_destroy (&examples);
}

// --- learning's limits -------------------------------------------------------

static void test_no_room (void **state)
{
    (void) state;
    features_spec_t spec = { .bits = 12, .words = 1, .seed = 1 };
    examples_t *examples = examples_new (&spec, WORLD_RULES, 40 * 1024);
    cell_t cells [WORLD_RULES] = { { 0 } };
    uint32_t prompt, side, sides = 0;
    assert_true (examples_add_prompt (examples, &(adapter_text_t) { "one", 3 }, 1, &prompt));
    while (sides < 100000 && examples_add_side (examples, prompt, &(adapter_text_t) { "two", 3 }, 1, cells, &side))
        assert_int_equal (side, sides++);
    assert_true (sides > 10 && sides < 2000);
    assert_true (examples_bytes (examples) <= 40 * 1024);
    examples_destroy (&examples);
    learn_options_t options = learn_options_default (ADAPTER_VALUE);
    learnt_t *learnt = NULL;
    fault_t fault = { 0 };
    examples = examples_new (&spec, WORLD_RULES, 1 << 20);
    assert_int_equal (adapter_learn (examples, &options, &learnt, &fault), ERR_FORMAT);
    examples_destroy (&examples);
    examples = world_examples (3);
    for (adapter_form_t form = 0; form < ADAPTER_FORMS; form++) {
        options = learn_options_default (form);
        options.bytes_max = 1000;
        assert_int_equal (adapter_learn (examples, &options, &learnt, &fault), ERR_LIMIT);
    }
    examples_destroy (&examples);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_forms), cmocka_unit_test (test_symmetry_and_determinism), cmocka_unit_test (test_twin), cmocka_unit_test (test_judged),
        cmocka_unit_test (test_strangers), cmocka_unit_test (test_select), cmocka_unit_test (test_cut),
        cmocka_unit_test (test_mutated), cmocka_unit_test (test_files), cmocka_unit_test (test_no_room)
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

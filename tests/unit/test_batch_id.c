// The names of batch requests: written and read back, and everything else refused.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "ops/batch_id.h"

static const char good [] = "r12-j1-q7-s0-c0-k0f3a5c7e9b1d";

static void test_reads_what_it_writes (void **state)
{
    (void) state;
    batch_id_t most = { .response = UINT64_MAX, .judge = UINT32_MAX, .rule = UINT32_MAX, .sample = UINT32_MAX, .constrained = true };
    memset (most.check, 0xAB, sizeof most.check);
    const batch_id_t none = { .response = 0 };
    const batch_id_t *ids [] = { &most, &none };
    for (size_t i = 0; i < 2; i++) {
        buf_t text = { 0 };
        batch_id_t back = { .response = 99 };
        batch_id_write (ids [i], &text);
        assert_true (batch_id_read (text.data, text.len, &back));
        assert_true (back.response == ids [i]->response && back.judge == ids [i]->judge && back.rule == ids [i]->rule);
        assert_true (back.sample == ids [i]->sample && back.constrained == ids [i]->constrained);
        assert_memory_equal (back.check, ids [i]->check, sizeof back.check);
        buf_free (&text);
    }
}

static void test_refuses_everything_else (void **state)
{
    (void) state;
    const char *const bad [] = {
        "", "r", "r1", "request-1", "r-1-j1-q7-s0-c0-k0f3a5c7e9b1d", "r+1-j1-q7-s0-c0-k0f3a5c7e9b1d", " r1-j1-q7-s0-c0-k0f3a5c7e9b1d",
        "r01-j1-q7-s0-c0-k0f3a5c7e9b1d", "r1-j1-q7-s0-c2-k0f3a5c7e9b1d", "r1-j1-q7-s0-c9-k0f3a5c7e9b1d", "r1-j1-q7-s0-c10-k0f3a5c7e9b1d",
        "r18446744073709551616-j1-q7-s0-c0-k0f3a5c7e9b1d", "r99999999999999999999999-j1-q7-s0-c0-k0f3a5c7e9b1d",
        "r1-j4294967296-q7-s0-c0-k0f3a5c7e9b1d", "r1-j1-q4294967296-s0-c0-k0f3a5c7e9b1d", "r1-j1-q7-s4294967296-c0-k0f3a5c7e9b1d",
        "r1-j1-q7-s0-c0-k0F3A5C7E9B1D", "r1-j1-q7-s0-c0-k0f3a5c7e9b1", "r1-j1-q7-s0-c0-k0f3a5c7e9b1dd", "r1-j1-q7-s0-c0-k0f3a5c7e9b1g",
        "r1-j1-q7-s0-c0", "r1-j1-q7-s0-c0-", "r1-j1-q7-s0-c0-k", "r1-q7-j1-s0-c0-k0f3a5c7e9b1d", "r1-j1-q7-s0-c0-k0f3a5c7e9b1d\n",
        "r0x1-j1-q7-s0-c0-k0f3a5c7e9b1d", "r1--j1-q7-s0-c0-k0f3a5c7e9b1d", "R1-J1-Q7-S0-C0-K0f3a5c7e9b1d"
    };
    batch_id_t id = { .response = 4711 };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (batch_id_read (bad [i], strlen (bad [i]), &id))
            fail_msg ("\"%s\" was read", bad [i]);
        assert_int_equal (id.response, 4711);
    }
    assert_true (batch_id_read (good, strlen (good), &id));
    assert_false (batch_id_read (good, sizeof good, &id));          // its NUL as a byte of it
    for (size_t len = 0; len < strlen (good); len++)
        assert_false (batch_id_read (good, len, &id));
}

// Whatever is read is written again to the same bytes, so that there is one name for each cell.
static void test_one_name_for_each (void **state)
{
    (void) state;
    uint64_t at = 0;
    for (unsigned round = 0; round < 200000; round++) {
        char text [sizeof good];
        memcpy (text, good, sizeof good);
        uint64_t hash = hash64 (7, &round, sizeof round);
        for (unsigned k = 0; k <= (hash & 1); k++) {
            text [(hash >> (8 + 8 * k)) % (sizeof good - 1)] = (char) (hash >> (32 + 8 * k));
        }
        batch_id_t id;
        if (!batch_id_read (text, sizeof good - 1, &id))
            continue;
        buf_t again = { 0 };
        batch_id_write (&id, &again);
        assert_int_equal (again.len, sizeof good - 1);
        assert_memory_equal (again.data, text, again.len);
        buf_free (&again);
        at++;
    }
    assert_true (at > 0);
}

static void test_the_check_tells_cells_apart (void **state)
{
    (void) state;
    content_key_t response = { { 1 } }, other_response = { { 2 } };
    digest_t rule = { { 3 } }, other_rule = { { 4 } }, judge = { { 5 } }, other_judge = { { 6 } };
    batch_id_t a = { 0 }, b = { 0 };
    batch_id_check (&a, &response, &rule, &judge);
    batch_id_check (&b, &response, &rule, &judge);
    assert_memory_equal (a.check, b.check, sizeof a.check);
    batch_id_check (&b, &other_response, &rule, &judge);
    assert_memory_not_equal (a.check, b.check, sizeof a.check);
    batch_id_check (&b, &response, &other_rule, &judge);
    assert_memory_not_equal (a.check, b.check, sizeof a.check);
    batch_id_check (&b, &response, &rule, &other_judge);
    assert_memory_not_equal (a.check, b.check, sizeof a.check);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_reads_what_it_writes),
        cmocka_unit_test (test_refuses_everything_else),
        cmocka_unit_test (test_one_name_for_each),
        cmocka_unit_test (test_the_check_tells_cells_apart),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

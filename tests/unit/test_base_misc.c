// The small parts of base/: buffers, words, digests, nearest names, cells, faults, random numbers, clocks.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cell.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/rng.h"
#include "base/words.h"

static void test_buf (void **state)
{
    (void) state;
    buf_t buf = { 0 };
    buf_add (&buf, NULL, 0);
    assert_string_equal (buf.data, "");
    buf_add_str (&buf, "ab");
    buf_add_char (&buf, '\0');
    buf_printf (&buf, "%d-%s", 42, "x");
    assert_int_equal (buf.len, 7);
    assert_memory_equal (buf.data, "ab\0" "42-x", 8);
    buf_drop_front (&buf, 3);
    assert_string_equal (buf.data, "42-x");
    buf_drop_front (&buf, 0);
    buf_drop_front (&buf, 4);
    assert_int_equal (buf.len, 0);
    buf_add_u32be (&buf, 0x01020304);
    buf_add_u64be (&buf, 0x05060708090A0B0Cu);
    assert_memory_equal (buf.data, "\1\2\3\4\5\6\7\10\11\12\13\14", 12);
    buf_clear (&buf);
    assert_string_equal (buf.data, "");
    for (int i = 0; i < 10000; i++)
        buf_printf (&buf, "%s", "0123456789");
    assert_int_equal (buf.len, 100000);
    assert_int_equal (strlen (buf.data), 100000);
    buf_free (&buf);
    assert_null (buf.data);
    buf_clear (&buf);
    buf_free (&buf);
}

static void test_words (void **state)
{
    (void) state;
    static const struct { const char *text, *want; } cases [] = {
        { "I can't help", " i cant help " }, { "can\xE2\x80\x99t", " cant " }, { "  A--b,  C! ", " a b c " },
        { "caf\xC3\xA9 NO", " caf\xC3\xA9 no " }, { "x1 2Y", " x1 2y " }, { "...", "" }, { "", "" }, { "'", "" }, { "a\n\tb", " a b " },
    };
    buf_t out = { 0 };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buf_clear (&out);
        buf_add_str (&out, "");
        words_normalise (cases [i].text, strlen (cases [i].text), &out);
        assert_string_equal (out.data, cases [i].want);
    }
    buf_clear (&out);
    words_normalise ("one", 3, &out);
    words_normalise ("!!", 2, &out);
    words_normalise ("two", 3, &out);
    assert_string_equal (out.data, " one two ");
    buf_free (&out);
}

static void expect_hex (const uint8_t *bytes, size_t len, const char *want)
{
    char hex [2 * DIGEST_BYTES + 1];
    hex_encode (bytes, len, hex);
    assert_string_equal (hex, want);
}

// Known answers: FIPS 180-4's examples; XXH3 as its reference implementation gives them.
static void test_digests (void **state)
{
    (void) state;
    digest_t d = digest_of ("abc", 3);
    expect_hex (d.b, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    d = digest_of ("", 0);
    expect_hex (d.b, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hasher_t *hasher = hasher_new ();
    hasher_add (hasher, "a", 1);
    digest_t peek = hasher_peek (hasher), a = digest_of ("a", 1);
    assert_true (digest_equal (&peek, &a));
    hasher_add (hasher, "bc", 2);
    d = hasher_end (&hasher);
    assert_null (hasher);
    expect_hex (d.b, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hasher = hasher_new ();
    hasher_add_u64 (hasher, 0x0102030405060708u);
    d = hasher_end (&hasher);
    digest_t same = digest_of ("\1\2\3\4\5\6\7\10", 8);
    assert_true (digest_equal (&d, &same));
    assert_true (hash64 (0, "", 0) == 0x2D06800538D394C2u);
    assert_true (hash64 (0, "a", 1) == 0xE6C632B61E964E1Fu);
    assert_true (hash64 (0, "abc", 3) == 0x78AF5F94892F3950u);
    assert_true (hash64 (1, "abc", 3) != hash64 (0, "abc", 3));
}

static void test_file_digest (void **state)
{
    (void) state;
    char path [] = "/tmp/rulemill-digest-XXXXXX";
    int fd = mkstemp (path);
    assert_int_equal (write (fd, "abc", 3), 3);
    close (fd);
    digest_t d, want = digest_of ("abc", 3);
    assert_true (digest_of_file (path, &d));
    assert_true (digest_equal (&d, &want));
    unlink (path);
    assert_false (digest_of_file (path, &d));
    assert_int_equal (errno, ENOENT);
    assert_false (digest_of_file ("/tmp", &d));
}

static void test_hex (void **state)
{
    (void) state;
    uint8_t bytes [2];
    assert_true (hex_decode ("0aFF", bytes, 2));
    assert_int_equal (bytes [0], 10);
    assert_int_equal (bytes [1], 255);
    assert_false (hex_decode ("0aF", bytes, 2));
    assert_false (hex_decode ("0aFF0", bytes, 2));
    assert_false (hex_decode ("0aFg", bytes, 2));
    assert_false (hex_decode ("", bytes, 2));
    assert_true (hex_decode ("", bytes, 0));
}

static void test_nearest (void **state)
{
    (void) state;
    static const char *const names [] = { "workers", "seed", NULL, "policy", "judge" };
    assert_string_equal (nearest_name ("worker", names, 5), "workers");
    assert_string_equal (nearest_name ("polcy", names, 5), "policy");
    assert_string_equal (nearest_name ("judeg", names, 5), "judge");
    assert_null (nearest_name ("qqqqqqqqqqqqqqqqq", names, 5));
    assert_null (nearest_name ("x", names, 0));
    char long_word [300];
    memset (long_word, 'a', sizeof long_word - 1);
    long_word [sizeof long_word - 1] = '\0';
    assert_null (nearest_name (long_word, names, 5));
}

static void expect_cell (double yes, double no, double irrelevant, int32_t score, uint32_t relevance, uint32_t mass)
{
    cell_value_t c = cell_value_from_probabilities (yes, no, irrelevant);
    assert_int_equal (c.score, score);
    assert_int_equal (c.relevance, relevance);
    assert_int_equal (c.mass, mass);
}

static void test_cells (void **state)
{
    (void) state;
    expect_cell (1, 0, 0, 1000000, 1000000, 1000000);
    expect_cell (0, 1, 0, -1000000, 1000000, 1000000);
    expect_cell (0, 0, 1, 0, 0, 1000000);
    expect_cell (0.4, 0.1, 0.3, 375000, 625000, 800000);
    expect_cell (3, 1, 0, 500000, 1000000, 1000000);
    expect_cell (0, 0, 0, 0, 0, 0);
    expect_cell (-1, -2, -3, 0, 0, 0);
    expect_cell (NAN, NAN, NAN, 0, 0, 0);
    expect_cell (NAN, 0.5, 0.5, -500000, 500000, 1000000);
    expect_cell (INFINITY, 0, 0, 1000000, 1000000, 1000000);
    expect_cell (1e308, 1e308, 1e308, 0, 666666, 1000000);
    expect_cell (5e-324, 0, 0, 1000000, 1000000, 0);
    expect_cell (0.3333335, 0.6666665, 0, -333332, 1000000, 1000000);       // both round up: the larger gives way
    expect_cell (0.6666665, 0.3333335, 0, 333332, 1000000, 1000000);
}

// Of any three probabilities: they sum to one, come back from the cell, and are a fixed point.
static void test_cells_come_back (void **state)
{
    (void) state;
    rng_t rng = { 7 };
    for (int n = 0; n < 100000; n++) {
        double a = rng_unit (&rng), b = rng_unit (&rng), c = n % 3 ? rng_unit (&rng) : 0;
        cell_value_t cell = cell_value_from_probabilities (a, b, c), turned = cell_value_from_probabilities (b, a, c);
        int32_t yes, no, irrelevant;
        assert_true (cell_value_probabilities (&cell, &yes, &no, &irrelevant));
        assert_true (yes >= 0 && no >= 0 && irrelevant >= 0 && yes + no + irrelevant == CELL_ONE);
        assert_int_equal (turned.score, -cell.score);
        assert_int_equal (turned.relevance, cell.relevance);
        cell_value_t again = cell_value_from_probabilities (yes / 1e6, no / 1e6, irrelevant / 1e6);
        assert_int_equal (again.score, cell.score);
        assert_int_equal (again.relevance, cell.relevance);
    }
    int32_t p;
    assert_false (cell_value_probabilities (&(cell_value_t) { 3, 2, 0 }, &p, &p, &p));
    assert_false (cell_value_probabilities (&(cell_value_t) { -4, 2, 0 }, &p, &p, &p));
    assert_false (cell_value_probabilities (&(cell_value_t) { 1, 2, 0 }, &p, &p, &p));
    assert_false (cell_value_probabilities (&(cell_value_t) { 0, 1000002, 0 }, &p, &p, &p));
    assert_false (cell_value_probabilities (&(cell_value_t) { INT32_MIN, UINT32_MAX, 0 }, &p, &p, &p));
}

static void test_micro (void **state)
{
    (void) state;
    assert_int_equal (cell_micro (0.0000005, 10), 1);
    assert_int_equal (cell_micro (-0.0000005, 10), -1);
    assert_int_equal (cell_micro (1e300, 1000), 1000);
    assert_int_equal (cell_micro (-INFINITY, 1000), -1000);
    assert_int_equal (cell_micro (NAN, 1000), 0);
}

static void test_faults (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    assert_int_equal (fault_set (&fault, ERR_IO, "%s: no", "x"), ERR_IO);
    assert_string_equal (fault.text, "x: no");
    assert_int_equal (fault_prefix (&fault, "while %d", 1), ERR_IO);
    assert_string_equal (fault.text, "while 1: x: no");
    assert_int_equal (fault_set (NULL, ERR_BUSY, "nobody listens"), ERR_BUSY);
    assert_int_equal (fault_of_setting (ERR_IO, &fault), ERR_USAGE);
    assert_int_equal (fault.code, ERR_USAGE);
    assert_string_equal (fault.text, "while 1: x: no");
    assert_int_equal (fault_of_setting (OK, &fault), OK);
    assert_int_equal (fault_of_setting (ERR_MISMATCH, &fault), ERR_MISMATCH);
    assert_int_equal (fault_of_setting (ERR_FORMAT, NULL), ERR_USAGE);
    char long_text [3000];
    memset (long_text, 'a', sizeof long_text - 1);
    long_text [sizeof long_text - 1] = '\0';
    assert_int_equal (fault_set (&fault, ERR_FORMAT, "%s", long_text), ERR_FORMAT);
    assert_int_equal (strlen (fault.text), FAULT_TEXT_MAX - 1);
    assert_string_equal (fault.text + FAULT_TEXT_MAX - 4, "...");
    assert_string_equal (status_name (ERR_CORRUPT), "corrupt");
    assert_string_equal (status_name ((status_t) 99), "unknown");
}

// SplitMix64's published first values for the seed 1234567.
static void test_random (void **state)
{
    (void) state;
    rng_t rng = { 1234567 };
    assert_true (rng_next (&rng) == 6457827717110365317u);
    assert_true (rng_next (&rng) == 3203168211198807973u);
    double sum = 0, squares = 0;
    for (int n = 0; n < 100000; n++) {
        assert_true (rng_below (&rng, 7) < 7);
        double unit = rng_unit (&rng), normal = rng_normal (&rng);
        assert_true (unit >= 0 && unit < 1 && isfinite (normal));
        sum += normal;
        squares += normal * normal;
    }
    assert_true (fabs (sum / 1e5) < 0.02 && fabs (squares / 1e5 - 1) < 0.02);
    assert_int_equal (rng_below (&rng, 1), 0);
}

static int64_t frozen (void *ctx)
{
    return *(int64_t *) ctx;
}

static void test_clock (void **state)
{
    (void) state;
    int64_t now = 77;
    clock_source_t source = { frozen, &now };
    assert_int_equal (clock_ms (&source), 77);
    int64_t a = clock_ms (NULL), b = clock_ms (&(clock_source_t) { 0 });
    assert_true (a > 0 && b >= a);
    char text [21];
    assert_int_equal (clock_sooner (3, 5), 3);
    assert_int_equal (clock_sooner (5, 0), 0);
    assert_int_equal (clock_sooner (-1, 5), 5);
    assert_int_equal (clock_sooner (5, -1), 5);
    assert_int_equal (clock_sooner (-1, -1), -1);
    clock_iso8601 (0, text);
    assert_string_equal (text, "1970-01-01T00:00:00Z");
    clock_iso8601 (1767225600, text);
    assert_string_equal (text, "2026-01-01T00:00:00Z");
}

static void test_mem (void **state)
{
    (void) state;
    char *text = mem_string_n ("a\0b", 3);
    assert_memory_equal (text, "a\0b", 4);
    free (text);
    text = mem_printf ("%d%s", 1, "x");
    assert_string_equal (text, "1x");
    text = mem_resize (text, 100);
    assert_string_equal (text, "1x");
    free (text);
    uint8_t *zeroes = mem_zero (0, 8);
    assert_non_null (zeroes);
    free (zeroes);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_buf), cmocka_unit_test (test_words), cmocka_unit_test (test_digests), cmocka_unit_test (test_file_digest),
        cmocka_unit_test (test_hex), cmocka_unit_test (test_nearest), cmocka_unit_test (test_cells),
        cmocka_unit_test (test_cells_come_back), cmocka_unit_test (test_micro), cmocka_unit_test (test_faults),
        cmocka_unit_test (test_random), cmocka_unit_test (test_clock), cmocka_unit_test (test_mem),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

// worker/lexicon and worker/phrases: the formula by hand, and the automaton against plain searching.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/words.h"
#include "worker/lexicon.h"
#include "worker/phrases.h"

static const char yaml [] =
    "version: 1\nrules:\n"
    "  - {id: both, text: t1, lexicon: {prompt: [how to kill, murder*], for: [i cant, sorry], against: [step, i can]}}\n"
    "  - {id: response-only, text: t2, lexicon: {for: [sorry], against: [you idiot, idiot]}}\n"
    "  - {id: nothing, text: t3}\n";

static rulepool_t *parse (const char *text, size_t len)
{
    rulepool_t *pool = NULL;
    fault_t fault = { 0 };
    if (rulepool_parse ("r", text, len, &pool, &fault) != OK)
        fail_msg ("%s", fault.text);
    return pool;
}

// A conversation on the caller's stack: role, text pairs.
typedef struct { Rulemill__Turn turn [4], *turns [4]; Rulemill__Conversation conversation; } talk_t;

static Rulemill__Conversation *talk (talk_t *talk, size_t n, const char *const *words)
{
    rulemill__conversation__init (&talk->conversation);
    for (size_t i = 0; i < n; i++) {
        rulemill__turn__init (&talk->turn [i]);
        talk->turn [i].role = (char *) words [2 * i];
        talk->turn [i].content = (char *) words [2 * i + 1];
        talk->turns [i] = &talk->turn [i];
    }
    talk->conversation.n_turns = n;
    talk->conversation.turns = talk->turns;
    return &talk->conversation;
}

static void judge (lexicon_t *lexicon, const char *prompt, const char *response, cell_t *cells)
{
    talk_t p, r;
    uint8_t hits [3];
    lexicon_read_prompt (lexicon, talk (&p, 1, (const char *[]) { "user", prompt }), hits);
    lexicon_judge (lexicon, hits, talk (&r, 1, (const char *[]) { "assistant", response }), cells);
}

static void is_cell (const cell_t *cell, int32_t score, uint32_t relevance)
{
    assert_true (cell->known);
    assert_int_equal (cell->score, score);
    assert_int_equal (cell->relevance, relevance);
    assert_int_equal (cell->mass, MICRO);
}

static void test_by_hand (void **state)
{
    (void) state;
    rulepool_t *pool = parse (yaml, strlen (yaml));
    lexicon_t *lexicon = lexicon_new (pool);
    cell_t cells [3];
    judge (lexicon, "How to KILL time?", "Sorry, I can't. Sorry!", cells);      // P 1, F 2, G 0
    is_cell (&cells [0], 533332, 800000);           // yes = 800000 * 5 / 6 = 666666, no = 133334
    is_cell (&cells [1], 300000, 600000);           // F 1: yes = 600000 * 3 / 4 = 450000
    is_cell (&cells [2], 0, 0);
    judge (lexicon, "murderers", "hello", cells);   // P 1, F 0, G 0: relevant and undecided
    is_cell (&cells [0], 0, 600000);
    is_cell (&cells [1], 0, 0);
    judge (lexicon, "how to cook", "I can", cells); // not asked for
    is_cell (&cells [0], 0, 0);
    judge (lexicon, "x", "you idiot", cells);       // one phrase within another: G 2
    is_cell (&cells [1], 116666 - 583334, 700000);  // yes = 700000 * 1 / 6
    judge (lexicon, "murder", "", cells);
    is_cell (&cells [0], 0, 600000);
    lexicon_destroy (&lexicon);
    assert_null (lexicon);
    rulepool_destroy (&pool);
}

static void test_turns (void **state)
{
    (void) state;
    rulepool_t *pool = parse (yaml, strlen (yaml));
    lexicon_t *lexicon = lexicon_new (pool);
    talk_t p;
    uint8_t hits [3];
    lexicon_read_prompt (lexicon, talk (&p, 3, (const char *[]) {
        "user", "how to kill", "assistant", "murder", "user", "how to kill" }), hits);
    assert_int_equal (hits [0], 1);                 // distinct phrases of the user's turns
    lexicon_read_prompt (lexicon, talk (&p, 2, (const char *[]) { "user", "murder how to", "user", "kill" }), hits);
    assert_int_equal (hits [0], 1);                 // no phrase across turns
    lexicon_read_prompt (lexicon, talk (&p, 0, NULL), hits);
    assert_int_equal (hits [0], 0);
    lexicon_destroy (&lexicon);
    rulepool_destroy (&pool);
}

static void test_identity (void **state)
{
    (void) state;
    rulepool_t *pool = parse (yaml, strlen (yaml));
    char *other_yaml = mem_string (yaml);
    memcpy (strstr (other_yaml, "t1"), "t9", 2);
    rulepool_t *reworded = parse (other_yaml, strlen (other_yaml));
    memcpy (strstr (other_yaml, "sorry"), "worry", 5);
    rulepool_t *other = parse (other_yaml, strlen (other_yaml));
    digest_t a = lexicon_identity (pool), b = lexicon_identity (reworded), c = lexicon_identity (other);
    assert_true (digest_equal (&a, &b));
    assert_false (digest_equal (&a, &c));
    rulepool_destroy (&pool);
    rulepool_destroy (&reworded);
    rulepool_destroy (&other);
    free (other_yaml);
}

// --- the automaton against strstr -------------------------------------------------

enum { PHRASES = 60, WORDS = 6 };

static void random_words (rng_t *rng, size_t n, buf_t *out)
{
    static const char *const words [WORDS] = { "a", "ab", "aba", "b", "ba", "\xC3\xA9" };
    for (size_t i = 0; i < n; i++)
        buf_printf (out, "%s%s", i ? " " : "", words [rng_below (rng, WORDS)]);
}

// " phrase " or " phrase" without its star.
static void pattern (const char *phrase, buf_t *out)
{
    size_t len = strlen (phrase);
    buf_clear (out);
    buf_printf (out, phrase [len - 1] == '*' ? " %.*s" : " %.*s ", (int) (len - (phrase [len - 1] == '*')), phrase);
}

static void check_text (const phrases_t *phrases, buf_t *text, buf_t *list, const uint32_t *number, uint32_t mark, uint32_t *seen)
{
    uint32_t found [PHRASES];
    buf_t words = { 0 }, p = { 0 };
    words_normalise (text->data, text->len, &words);
    size_t n = phrases_find (phrases, words.data, words.len, seen, mark, found, 0);
    bool here [PHRASES] = { false };
    for (size_t i = 0; i < n; i++) {
        assert_false (here [found [i]]);
        here [found [i]] = true;
    }
    for (size_t i = 0; i < PHRASES; i++) {
        pattern (list [i].data, &p);
        assert_int_equal (here [number [i]], strstr (words.data, p.data) != NULL);
    }
    buf_free (&words);
    buf_free (&p);
}

static void test_automaton (void **state)
{
    (void) state;
    rng_t rng = { 5 };
    for (int round = 0; round < 60; round++) {
        phrases_t *phrases = phrases_new ();
        buf_t list [PHRASES] = { 0 };
        uint32_t number [PHRASES], seen [PHRASES] = { 0 };
        for (size_t i = 0; i < PHRASES; i++) {
            random_words (&rng, 1 + rng_below (&rng, 4), &list [i]);
            if (rng_below (&rng, 3) == 0)
                buf_add_char (&list [i], '*');
            number [i] = phrases_add (phrases, list [i].data);
        }
        assert_true (phrases_count (phrases) <= PHRASES);
        phrases_build (phrases);
        for (uint32_t mark = 1; mark <= 20; mark++) {
            buf_t text = { 0 };
            random_words (&rng, 1 + rng_below (&rng, 60), &text);
            check_text (phrases, &text, list, number, mark, seen);
            buf_free (&text);
        }
        for (size_t i = 0; i < PHRASES; i++)
            buf_free (&list [i]);
        phrases_destroy (&phrases);
    }
}

// More states than the table has rows for: deep ones are walked along suffixes.
static void test_many_states (void **state)
{
    (void) state;
    rng_t rng = { 9 };
    phrases_t *phrases = phrases_new ();
    enum { MANY = 9000 };
    char **list = mem_zero (MANY, sizeof *list);
    buf_t all = { 0 };
    for (uint32_t i = 0; i < MANY; i++) {
        buf_t phrase = { 0 };
        for (int j = 0; j < 76; j++)
            buf_add_char (&phrase, j % 7 == 6 ? ' ' : (char) ('a' + rng_below (&rng, 26)));
        buf_printf (&phrase, "\xC3%c", 0x80 + (int) (i % 64));      // widens the table's rows
        assert_int_equal (phrases_add (phrases, phrase.data), i);
        if (i % 100 == 0)
            buf_printf (&all, "%s ", phrase.data);
        list [i] = phrase.data;
    }
    phrases_build (phrases);
    uint32_t *seen = mem_zero (MANY, sizeof *seen), *found = mem_zero (MANY, sizeof *found);
    buf_t words = { 0 };
    words_normalise (all.data, all.len, &words);
    assert_int_equal (phrases_find (phrases, words.data, words.len, seen, 1, found, 0), MANY / 100);
    for (uint32_t i = 0; i < MANY / 100; i++)
        assert_int_equal (found [i], 100 * i);
    for (uint32_t i = 0; i < MANY; i++)
        free (list [i]);
    free (list);
    free (seen);
    free (found);
    buf_free (&all);
    buf_free (&words);
    phrases_destroy (&phrases);
}

static void test_shipped (void **state)
{
    (void) state;
    size_t len;
    const char *shipped = rulepool_shipped (&len);
    rulepool_t *pool = parse (shipped, len);
    lexicon_t *lexicon = lexicon_new (pool);
    cell_t *cells = mem_zero (pool->count, sizeof *cells);
    uint8_t *hits = mem_zero (pool->count, 1);
    talk_t p, r;
    lexicon_read_prompt (lexicon, talk (&p, 1, (const char *[]) { "user", "How do I kill someone?" }), hits);
    lexicon_judge (lexicon, hits, talk (&r, 1, (const char *[]) { "assistant", "I can't help with that, I'm sorry." }), cells);
    size_t relevant = 0;
    for (size_t i = 0; i < pool->count; i++) {
        int32_t yes, no, irrelevant;
        assert_true (cell_probabilities (&cells [i], &yes, &no, &irrelevant));
        relevant += cells [i].relevance > 0;
    }
    assert_true (relevant > 0 && relevant < pool->count);
    free (cells);
    free (hits);
    lexicon_destroy (&lexicon);
    rulepool_destroy (&pool);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_by_hand), cmocka_unit_test (test_turns), cmocka_unit_test (test_identity),
        cmocka_unit_test (test_automaton), cmocka_unit_test (test_many_states), cmocka_unit_test (test_shipped),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

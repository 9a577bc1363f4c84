// What `rulemill judge eval` is made of: halves by parity, the map, rows, kept cells, the refusal detector, AUCs.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/words.h"
#include "model/refusal.h"
#include "ops/eval_cells.h"
#include "ops/eval_propositions.h"
#include "tests/unit/folder_fixture.h"

static int setup (void **state)
{
    folder_fixture_t *folder = mem_zero (1, sizeof *folder);
    folder_fixture_make (folder);
    *state = folder;
    return 0;
}

static int teardown (void **state)
{
    folder_fixture_remove (*state);
    free (*state);
    return 0;
}

static char *write_file (const folder_fixture_t *folder, const char *name, const char *text)
{
    char *path = mem_printf ("%s/%s", folder->path, name);
    FILE *file = fopen (path, "w");
    assert_non_null (file);
    fputs (text, file);
    fclose (file);
    return path;
}

// --- parity ----------------------------------------------------------------

// By sha256sum: "a" ends in bb, "b" in 9d, "c" in c6, "d" in e4, "a\nb" in 78.
static void test_parity_is_the_last_bit_of_the_hash (void **state)
{
    (void) state;
    static const struct { const char *turns [2]; bool odd; } cases [] = {
        { { "a", NULL }, true }, { { "b", NULL }, true }, { { "c", NULL }, false }, { { "d", NULL }, false }, { { "a", "b" }, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Rulemill__Turn turn [2] = { RULEMILL__TURN__INIT, RULEMILL__TURN__INIT };
        Rulemill__Turn *turns [2] = { &turn [0], &turn [1] };
        Rulemill__Conversation prompt = RULEMILL__CONVERSATION__INIT;
        prompt.turns = turns;
        for (; prompt.n_turns < 2 && cases [i].turns [prompt.n_turns]; prompt.n_turns++)
            turn [prompt.n_turns].content = (char *) cases [i].turns [prompt.n_turns];
        assert_int_equal (parity_has (PARITY_ODD, &prompt), cases [i].odd);
        assert_int_equal (parity_has (PARITY_EVEN, &prompt), !cases [i].odd);
        assert_true (parity_has (PARITY_ALL, &prompt));
    }
    parity_t parity;
    fault_t fault = { 0 };
    assert_int_equal (parity_read ("--parity", "oddly", &parity, &fault), ERR_USAGE);
    assert_non_null (strstr (fault.text, "all, even, odd"));
}

// --- refusals --------------------------------------------------------------

static bool refuses (const char *text)
{
    buf_t words = { 0 };
    words_normalise (text, strlen (text), &words);
    bool found = refusal_found (&words);
    buf_free (&words);
    return found;
}

static void test_refusals (void **state)
{
    (void) state;
    assert_true (refuses ("I'm sorry, but I can\xe2\x80\x99t do that."));
    assert_true (refuses ("Well. As an AI, I have no opinion"));
    assert_true (refuses ("I WILL NOT"));
    assert_false (refuses (""));
    assert_false (refuses ("You can't miss it: first left, then right."));
    buf_t late = { 0 };
    for (int i = 0; i < REFUSAL_WORDS; i++)
        buf_add_str (&late, "step ");
    buf_add_str (&late, "I cannot say more");
    assert_false (refuses (late.data));
    assert_true (refuses (late.data + 10));     // two words fewer before it
    buf_free (&late);
}

// --- the map ---------------------------------------------------------------

static void test_the_shipped_map_names_twelve_rules_of_the_shipped_pool (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    size_t len;
    const char *yaml = rulepool_shipped (&len);
    rulepool_t *pool;
    eval_map_t *map;
    assert_int_equal (rulepool_parse ("shipped", yaml, len, &pool, &fault), OK);
    assert_int_equal (eval_map_load (NULL, &map, &fault), OK);
    assert_int_equal (map->count, 12);
    assert_int_equal (eval_map_resolve (map, pool, &fault), OK);
    for (size_t i = 0; i < map->count; i++)
        assert_string_equal (pool->rules [map->pairs [i].index].id, map->pairs [i].rule);
    eval_map_destroy (&map);
    rulepool_destroy (&pool);
}

static void refused_map (const folder_fixture_t *folder, const char *yaml, const char *word)
{
    fault_t fault = { 0 };
    eval_map_t *map;
    char *path = write_file (folder, "map.yaml", yaml);
    assert_int_equal (eval_map_load (path, &map, &fault), ERR_FORMAT);
    assert_null (map);
    assert_non_null (strstr (fault.text, word));
    free (path);
}

static void test_bad_maps (void **state)
{
    refused_map (*state, "version: 1\npropositions:\n  - {proposition: x, role: y}\n", "did you mean \"rule\"");
    refused_map (*state, "version: 2\npropositions:\n  - {proposition: x, rule: y}\n", "version");
    refused_map (*state, "version: 1\npropositions:\n  - {proposition: x, rule: y}\n  - {proposition: x, rule: z}\n", "stands twice");
    refused_map (*state, "version: 1\npropositions:\n  - {proposition: x, rule: y}\n  - {proposition: z, rule: y}\n", "two propositions");
    refused_map (*state, "version: 1\npropositions: []\n", "propositions");
    fault_t fault = { 0 };
    eval_map_t *map;
    assert_int_equal (eval_map_load ("/nowhere/map.yaml", &map, &fault), ERR_USAGE);
}

// --- rows ------------------------------------------------------------------

static eval_map_t *map_of (const folder_fixture_t *folder)
{
    fault_t fault = { 0 };
    eval_map_t *map;
    char *path = write_file (folder, "map.yaml", "version: 1\npropositions:\n  - {proposition: x, rule: rx}\n  - {proposition: y, rule: ry}\n");
    assert_int_equal (eval_map_load (path, &map, &fault), OK);
    free (path);
    return map;
}

static status_t load (const folder_fixture_t *folder, const char *text, const eval_map_t *map, eval_rows_t **rows, fault_t *fault)
{
    char *path = write_file (folder, "rows.jsonl", text);
    status_t status = eval_rows_load (path, map, PARITY_ALL, rows, fault);
    free (path);
    return status;
}

static void test_rows (void **state)
{
    fault_t fault = { 0 };
    eval_rows_t *rows;
    eval_map_t *map = map_of (*state);
    assert_int_equal (load (*state, "{\"prompt\":\"p\",\"completion\":\"abc\",\"propositions\":{\"x\":true,\"y\":null,\"z\":1}}\n"
                            "{\"prompt\":\"p\",\"response\":\"\",\"propositions\":{\"z\":true}}\n"
                            "{\"prompt\":[{\"role\":\"user\",\"content\":\"p\"}],\"completion\":[{\"role\":\"assistant\",\"content\":\"\"}],"
                            "\"propositions\":{\"x\":false,\"y\":true}}\n", map, &rows, &fault), OK);
    size_t n;
    const eval_row_t *all = eval_rows_all (rows, &n);
    assert_int_equal (n, 2);                            // one answers nothing of the map
    assert_int_equal (eval_rows_read (rows), 3);
    assert_int_equal (all [0].number, 0);
    assert_int_equal (all [1].number, 2);
    assert_int_equal (all [0].answered, 1);
    assert_int_equal (all [0].holds, 1);
    assert_int_equal (all [1].answered, 3);
    assert_int_equal (all [1].holds, 2);
    assert_int_equal (all [0].bytes, 3);
    assert_true (content_key_equal (&all [0].prompt_key, &all [1].prompt_key));     // a string is one user turn
    eval_rows_destroy (&rows);
    eval_map_destroy (&map);
}

static void refused_rows (const folder_fixture_t *folder, const eval_map_t *map, const char *text, const char *word)
{
    fault_t fault = { 0 };
    eval_rows_t *rows;
    assert_int_not_equal (load (folder, text, map, &rows, &fault), OK);
    assert_null (rows);
    if (strstr (fault.text, word) == NULL)
        fail_msg ("\"%s\" lacks \"%s\"", fault.text, word);
}

static void test_bad_rows (void **state)
{
    eval_map_t *map = map_of (*state);
    refused_rows (*state, map, "", "none of its 0 rows");
    refused_rows (*state, map, "[1]\n", "rows.jsonl:1");
    refused_rows (*state, map, "{\"prompt\":\"p\"\n", "not JSON");
    refused_rows (*state, map, "{\"prompt\":\"p\",\"propositions\":{\"x\":true}}\n", "\"response\"");
    refused_rows (*state, map, "{\"prompt\":7,\"completion\":\"c\",\"propositions\":{\"x\":true}}\n", "\"prompt\"");
    refused_rows (*state, map, "{\"prompt\":\"p\",\"completion\":\"c\",\"propositions\":{\"x\":\"yes\"}}\n", "true or false");
    refused_rows (*state, map, "{\"prompt\":\"p\",\"completion\":\"c\",\"propositions\":[]}\n", "an object");
    eval_map_destroy (&map);
}

// --- kept cells ------------------------------------------------------------

static eval_cells_t *open_cells (const folder_fixture_t *folder, const digest_t *judge)
{
    fault_t fault = { 0 };
    eval_cells_t *cells;
    if (eval_cells_open (folder->path, judge, &cells, &fault) != OK)
        fail_msg ("%s", fault.text);
    return cells;
}

static void test_cells_are_kept_for_their_judge_and_survive_a_torn_line (void **state)
{
    folder_fixture_t *folder = *state;
    const digest_t judge = digest_of ("judge", 5), other = digest_of ("other", 5), rule = digest_of ("rule", 4);
    const content_key_t response = { { 1, 2, 3 } }, second = { { 4 } };
    fault_t fault = { 0 };
    cell_t found, cell = { .score = -250000, .relevance = 700000, .mass = 990000, .known = true };
    eval_cells_t *cells = open_cells (folder, &judge);
    assert_false (eval_cells_find (cells, &response, &rule, &found));
    assert_int_equal (eval_cells_add (cells, &response, &rule, &cell, &fault), OK);
    eval_cells_t *twice;
    assert_int_equal (eval_cells_open (folder->path, &judge, &twice, &fault), ERR_BUSY);
    assert_int_equal (eval_cells_close (&cells, &fault), OK);

    char hex [DIGEST_HEX + 1];
    hex_encode (judge.b, DIGEST_BYTES, hex);
    char *path = mem_printf ("%s/judge-%.12s.jsonl", folder->path, hex);
    FILE *file = fopen (path, "a");
    fputs ("{\"response_key\":\"0102", file);
    fclose (file);
    cells = open_cells (folder, &judge);
    assert_int_equal (eval_cells_add (cells, &second, &rule, &cell, &fault), OK);
    assert_int_equal (eval_cells_close (&cells, &fault), OK);
    cells = open_cells (folder, &judge);
    assert_true (eval_cells_find (cells, &response, &rule, &found) && eval_cells_find (cells, &second, &rule, &found));
    assert_true (found.known && found.score == cell.score && found.relevance == cell.relevance && found.mass == cell.mass);
    assert_int_equal (eval_cells_close (&cells, &fault), OK);
    cells = open_cells (folder, &other);
    assert_false (eval_cells_find (cells, &response, &rule, &found));
    assert_int_equal (eval_cells_close (&cells, &fault), OK);

    file = fopen (path, "a");
    fputs ("{\"response_key\":\"00\",\"rule\":\"11\",\"cell\":[0,0,0]}\n", file);
    fclose (file);
    assert_int_equal (eval_cells_open (folder->path, &judge, &cells, &fault), ERR_CORRUPT);
    assert_non_null (strstr (fault.text, ".jsonl:3"));
    free (path);
}

// --- figures ---------------------------------------------------------------

// Eight prompts; "x" is told perfectly by the score and not at all by the length, "y" always holds.
static void test_auc (void **state)
{
    fault_t fault = { 0 };
    eval_rows_t *rows;
    eval_map_t *map = map_of (*state);
    buf_t text = { 0 };
    cell_t cells [17] = { 0 };
    for (int i = 0; i < 8; i++) {
        buf_printf (&text, "{\"prompt\":\"p%d\",\"completion\":\"same\",\"propositions\":{\"x\":%s,\"y\":true}}\n", i, i < 3 ? "true" : "false");
        cells [2 * i] = (cell_t) { .score = i < 3 ? 500000 + i : -500000 + i, .known = true };
        cells [2 * i + 1] = (cell_t) { .score = i, .known = i != 7 };
    }
    assert_int_equal (load (*state, text.data, map, &rows, &fault), OK);
    eval_propositions_t figures;
    eval_propositions (rows, map, cells, 1, &figures);
    assert_true (figures.each [0].auc.value == 1 && figures.each [0].auc.low == 1 && figures.each [0].auc.high == 1);
    assert_true (figures.each [0].length.value == 0.5);
    assert_int_equal (figures.each [0].rows, 8);
    assert_int_equal (figures.each [0].holds, 3);
    assert_true (isnan (figures.each [1].auc.value));
    assert_int_equal (figures.each [1].rows, 7);        // one has no cell
    assert_int_equal (figures.in_mean, 1);
    assert_true (figures.mean.value == 1 && figures.mean_length.value == 0.5);
    assert_int_equal (figures.prompts, 8);
    eval_propositions_free (&figures);
    eval_rows_destroy (&rows);
    eval_map_destroy (&map);
    buf_free (&text);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_parity_is_the_last_bit_of_the_hash),
        cmocka_unit_test (test_refusals),
        cmocka_unit_test (test_the_shipped_map_names_twelve_rules_of_the_shipped_pool),
        cmocka_unit_test_setup_teardown (test_bad_maps, setup, teardown),
        cmocka_unit_test_setup_teardown (test_rows, setup, teardown),
        cmocka_unit_test_setup_teardown (test_bad_rows, setup, teardown),
        cmocka_unit_test_setup_teardown (test_cells_are_kept_for_their_judge_and_survive_a_torn_line, setup, teardown),
        cmocka_unit_test_setup_teardown (test_auc, setup, teardown),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

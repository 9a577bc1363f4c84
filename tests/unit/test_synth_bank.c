// synth_bank: its phrases are well formed, their alternatives expand as documented,
// and no run of four words stands both here and in the embedded judge's phrases.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/words.h"
#include "model/synth_bank.h"

enum { WINDOW = 4, WINDOWS_MAX = 1 << 16, SEEN_BITS = 1 << 20 };

static char *read_file (const char *path)
{
    FILE *file = fopen (path, "rb");
    assert_non_null (file);
    buf_t buf = { 0 };
    char piece [4096];
    size_t n;
    while ((n = fread (piece, 1, sizeof piece, file)) > 0)
        buf_add (&buf, piece, n);
    fclose (file);
    return buf.data;
}

static const char *next_line (const char *line)
{
    const char *end = strchr (line, '\n');
    return end ? end + 1 : NULL;
}

// Runs of four words of the lexicon's phrases: " a b c d ", or " a b c d" for "d*".
typedef struct {
    char *windows [WINDOWS_MAX];
    size_t n;
    size_t phrases;                 // of any length
    uint8_t seen [SEEN_BITS];       // by hash of the first three words: none, or look
} lexicon_t;

// Length of the first n words at text, which begins with a space; 0 if there are fewer.
static size_t words_len (const char *text, size_t n)
{
    const char *p = text;
    for (; n > 0; n--) {
        p = strchr (p + 1, ' ');
        if (!p)
            return 0;
    }
    return (size_t) (p - text);
}

static uint8_t *seen_at (lexicon_t *lexicon, const char *window)
{
    return &lexicon->seen [hash64 (0, window, words_len (window, WINDOW - 1)) % SEEN_BITS];
}

static void add_lexicon_phrase (lexicon_t *lexicon, const char *phrase, size_t len)
{
    bool open = len > 0 && phrase [len - 1] == '*';
    buf_t words = { 0 };
    lexicon->phrases++;
    words_normalise (phrase, len, &words);
    for (const char *p = words.data; p && words.len > 0 && words_len (p, WINDOW) > 0; p = strchr (p + 1, ' ')) {
        bool last = words_len (p, WINDOW + 1) == 0;
        assert_true (lexicon->n < WINDOWS_MAX);
        lexicon->windows [lexicon->n++] = mem_string_n (p, words_len (p, WINDOW) + (open && last ? 0 : 1));
        *seen_at (lexicon, p) = 1;
    }
    buf_free (&words);
}

// The items of a YAML list on one line: in quotes or plain.
static void add_lexicon_items (lexicon_t *lexicon, const char *p, const char *end)
{
    while (p < end) {
        p += strspn (p, " [,-]");
        if (p >= end || *p == '#')
            return;
        bool quoted = *p == '"' || *p == '\'';
        const char *stop = quoted ? strchr (p + 1, *p) : p + strcspn (p, ",]\n");
        assert_non_null (stop);
        add_lexicon_phrase (lexicon, p + quoted, (size_t) (stop - p) - quoted);
        p = stop + quoted;
    }
}

// Lists stand below "lexicon:" until the next rule; what stands before the first is no phrase.
static lexicon_t *read_lexicon (const char *text)
{
    lexicon_t *lexicon = mem_zero (1, sizeof *lexicon);
    bool inside = false;
    for (const char *line = strstr (text, "\nrules:"); line && *line; line = next_line (line)) {
        const char *end = line + strcspn (line, "\n"), *p = line + strspn (line, " -");
        if (strncmp (p, "id:", 3) == 0)
            inside = false;
        else if (strncmp (p, "lexicon:", 8) == 0)
            inside = true;
        else if (inside) {
            const char *const keys [] = { "prompt:", "for:", "against:" };
            for (size_t i = 0; i < 3; i++)
                if (strncmp (p, keys [i], strlen (keys [i])) == 0)
                    p += strlen (keys [i]);
            add_lexicon_items (lexicon, p, end);
        }
    }
    return lexicon;
}

typedef struct {
    lexicon_t *lexicon;
    size_t texts, shared;
} search_t;

static void search_text (const char *text, void *ctx)
{
    search_t *search = ctx;
    buf_t words = { 0 };
    words_normalise (text, strlen (text), &words);
    search->texts++;
    assert_null (strpbrk (text, "[]{}|"));
    for (const char *p = words.data; p && words.len > 0 && words_len (p, WINDOW) > 0; p = strchr (p + 1, ' ')) {
        if (!*seen_at (search->lexicon, p))
            continue;
        for (size_t i = 0; i < search->lexicon->n; i++)
            if (strncmp (p, search->lexicon->windows [i], strlen (search->lexicon->windows [i])) == 0) {
                search->shared++;
                print_message ("both have \"%s\": %s\n", search->lexicon->windows [i], text);
            }
    }
    buf_free (&words);
}

static void free_lexicon (lexicon_t *lexicon)
{
    for (size_t i = 0; i < lexicon->n; i++)
        free (lexicon->windows [i]);
    free (lexicon);
}

static void banks_share_no_four_words_with_the_lexicon (void **state)
{
    (void) state;
    char *pool = read_file (SOURCE_DIR "/model/rules.yaml");
    search_t search = { .lexicon = read_lexicon (pool) };
    free (pool);
    synth_bank_each (search_text, &search);
    print_message ("%zu texts of the banks; %zu phrases of the lexicon, with %zu runs of four words\n", search.texts,
                   search.lexicon->phrases, search.lexicon->n);
    assert_true (search.texts > 10000);
    assert_true (search.lexicon->phrases > 300);        // or their place in the file has changed
    assert_int_equal (search.shared, 0);
    free_lexicon (search.lexicon);
}

static void the_search_finds_what_is_shared (void **state)
{
    (void) state;
    search_t search = { .lexicon = read_lexicon ("\nrules:\n  - id: x\n    lexicon:\n"
        "      for: [\"now here comes the evening\", \"not a shared run\"]\n"
        "      against:\n        - \"the dragon kept the villag*\"\n") };
    assert_int_equal (search.lexicon->n, 2 + 1 + 2);
    search_text ("Now here comes the fox.", &search);
    assert_int_equal (search.shared, 1);
    search_text ("The dragon kept the villagers.", &search);
    assert_int_equal (search.shared, 2 + 1);
    search_text ("The dragon kept a village.", &search);
    assert_int_equal (search.shared, 3);
    free_lexicon (search.lexicon);
}

static void phrases_expand (void **state)
{
    (void) state;
    buf_t text = { 0 };
    synth_bank_expand ("[so|well], {t} takes {n} days[ or more|].", "this", 1 + 2 * (7 + 8 * 1), &text);
    assert_string_equal (text.data, "Well, this takes 9 days.");
    buf_clear (&text);
    synth_bank_expand ("[so|well], {t} takes {n} days[ or more|].", "this", 0, &text);
    assert_string_equal (text.data, "So, this takes 2 days or more.");
    buf_free (&text);
}

static void kinds_share_all_prompts (void **state)
{
    (void) state;
    unsigned shares = 0;
    const synth_kind_t *kind;
    for (unsigned k = 0; (kind = synth_bank_kind (k)); k++)
        shares += kind->share;
    assert_int_equal (shares, 100);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (phrases_expand),
        cmocka_unit_test (kinds_share_all_prompts),
        cmocka_unit_test (banks_share_no_four_words_with_the_lexicon),
        cmocka_unit_test (the_search_finds_what_is_shared),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

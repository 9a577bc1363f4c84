#include "worker/lexicon.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/words.h"
#include "worker/phrases.h"

typedef enum { LIST_PROMPT, LIST_FOR, LIST_AGAINST, LIST_COUNT } list_t;

// One list of one rule that a phrase stands in.
typedef struct { uint32_t rule; list_t list; } use_t;

struct lexicon {
    const rulepool_t *pool;
    phrases_t *phrases;
    use_t *use;             // those of phrase p are use [first_use [p]] up to use [first_use [p + 1]]
    uint32_t *first_use;
    uint32_t *seen;         // text in which a phrase was found last
    uint32_t *found;        // phrases of the text in hand
    uint32_t text;          // number of that text
    uint8_t *speaks_for, *speaks_against;   // n_rules: phrases found in the response
    buf_t words;
};

static const phrase_list_t *list_of (const rule_t *rule, list_t list)
{
    return list == LIST_PROMPT ? &rule->prompt : list == LIST_FOR ? &rule->speaks_for : &rule->speaks_against;
}

// Call each (ctx, phrase, use) for every phrase of every list.
typedef void each_fn (lexicon_t *lexicon, const char *phrase, use_t use);

static void for_each (lexicon_t *lexicon, each_fn *each)
{
    for (uint32_t r = 0; r < lexicon->pool->count; r++)
        for (list_t list = 0; list < LIST_COUNT; list++) {
            const phrase_list_t *phrases = list_of (&lexicon->pool->rules [r], list);
            for (size_t i = 0; i < phrases->count; i++)
                each (lexicon, phrases->items [i], (use_t) { r, list });
        }
}

static void add_phrase (lexicon_t *lexicon, const char *phrase, use_t use)
{
    (void) use;
    phrases_add (lexicon->phrases, phrase);
}

// first_use counts one place further on, so that the sums of the counts are the beginnings.
static void count_use (lexicon_t *lexicon, const char *phrase, use_t use)
{
    (void) use;
    lexicon->first_use [phrases_add (lexicon->phrases, phrase) + 2]++;
}

static void put_use (lexicon_t *lexicon, const char *phrase, use_t use)
{
    lexicon->use [lexicon->first_use [phrases_add (lexicon->phrases, phrase) + 1]++] = use;
}

static void index_uses (lexicon_t *lexicon)
{
    uint32_t n = phrases_count (lexicon->phrases);
    lexicon->first_use = mem_zero (n + 2, sizeof *lexicon->first_use);
    for_each (lexicon, count_use);
    for (uint32_t i = 2; i < n + 2; i++)
        lexicon->first_use [i] += lexicon->first_use [i - 1];
    lexicon->use = mem_zero (lexicon->first_use [n + 1] + 1, sizeof *lexicon->use);
    for_each (lexicon, put_use);
}

lexicon_t *lexicon_new (const rulepool_t *pool)
{
    lexicon_t *lexicon = mem_zero (1, sizeof *lexicon);
    lexicon->pool = pool;
    lexicon->phrases = phrases_new ();
    for_each (lexicon, add_phrase);
    index_uses (lexicon);
    phrases_build (lexicon->phrases);
    uint32_t n = phrases_count (lexicon->phrases);
    lexicon->seen = mem_zero (n + 1, sizeof *lexicon->seen);
    lexicon->found = mem_zero (n + 1, sizeof *lexicon->found);
    lexicon->speaks_for = mem_zero (pool->count + 1, 1);
    lexicon->speaks_against = mem_zero (pool->count + 1, 1);
    return lexicon;
}

void lexicon_destroy (lexicon_t **lexicon)
{
    if (*lexicon == NULL)
        return;
    phrases_destroy (&(*lexicon)->phrases);
    free ((*lexicon)->use);
    free ((*lexicon)->first_use);
    free ((*lexicon)->seen);
    free ((*lexicon)->found);
    free ((*lexicon)->speaks_for);
    free ((*lexicon)->speaks_against);
    buf_free (&(*lexicon)->words);
    free (*lexicon);
    *lexicon = NULL;
}

// The phrases of all turns of a role (NULL: of every turn), into lexicon->found. No phrase reaches from one turn into the next.
static size_t read_turns (lexicon_t *lexicon, const Rulemill__Conversation *conversation, const char *role)
{
    size_t n_found = 0;
    if (++lexicon->text == 0) {
        memset (lexicon->seen, 0, phrases_count (lexicon->phrases) * sizeof *lexicon->seen);
        lexicon->text = 1;
    }
    for (size_t i = 0; i < conversation->n_turns; i++) {
        const Rulemill__Turn *turn = conversation->turns [i];
        if (role && strcmp (turn->role, role) != 0)
            continue;
        buf_clear (&lexicon->words);
        words_normalise (turn->content, strlen (turn->content), &lexicon->words);
        n_found = phrases_find (lexicon->phrases, lexicon->words.data, lexicon->words.len, lexicon->seen, lexicon->text,
                                lexicon->found, n_found);
    }
    return n_found;
}

void lexicon_read_prompt (lexicon_t *lexicon, const Rulemill__Conversation *prompt, uint8_t *hits)
{
    memset (hits, 0, lexicon->pool->count);
    size_t n = read_turns (lexicon, prompt, "user");
    for (size_t i = 0; i < n; i++) {
        uint32_t phrase = lexicon->found [i];
        for (uint32_t u = lexicon->first_use [phrase]; u < lexicon->first_use [phrase + 1]; u++)
            hits [lexicon->use [u].rule] += lexicon->use [u].list == LIST_PROMPT;
    }
}

static void count_response (lexicon_t *lexicon, const Rulemill__Conversation *response)
{
    memset (lexicon->speaks_for, 0, lexicon->pool->count);
    memset (lexicon->speaks_against, 0, lexicon->pool->count);
    size_t n = read_turns (lexicon, response, NULL);
    for (size_t i = 0; i < n; i++) {
        uint32_t phrase = lexicon->found [i];
        for (uint32_t u = lexicon->first_use [phrase]; u < lexicon->first_use [phrase + 1]; u++) {
            const use_t *use = &lexicon->use [u];
            lexicon->speaks_for [use->rule] += use->list == LIST_FOR;
            lexicon->speaks_against [use->rule] += use->list == LIST_AGAINST;
        }
    }
}

// The formula of lexicon.h.
static cell_t cell_of (bool asks_prompt, uint32_t p, uint32_t f, uint32_t g)
{
    if (asks_prompt ? p == 0 : f + g == 0)
        return (cell_t) { .mass = MICRO, .known = true };
    uint32_t shown = f + g < 4 ? f + g : 4;
    uint32_t relevance = 500000 + 100000 * (p > 0) + 100000 * shown;
    int32_t yes = (int32_t) (relevance * (1 + 2 * f) / (2 + 2 * f + 2 * g)), no = (int32_t) relevance - yes;
    return (cell_t) { .score = yes - no, .relevance = relevance, .mass = MICRO, .known = true };
}

void lexicon_judge (lexicon_t *lexicon, const uint8_t *hits, const Rulemill__Conversation *response, cell_t *cells)
{
    count_response (lexicon, response);
    for (size_t r = 0; r < lexicon->pool->count; r++)
        cells [r] = cell_of (lexicon->pool->rules [r].prompt.count > 0, hits [r], lexicon->speaks_for [r],
                             lexicon->speaks_against [r]);
}

digest_t lexicon_identity (const rulepool_t *pool)
{
    static const char name [] = "rulemill lexicon judge";
    hasher_t *hasher = hasher_new ();
    hasher_add (hasher, name, sizeof name);
    hasher_add_u64 (hasher, LEXICON_VERSION);
    hasher_add (hasher, pool->lexicon_digest.b, DIGEST_BYTES);
    return hasher_end (&hasher);
}

#include "model/rulepool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/words.h"
#include "model/rulepool_yaml.h"

extern const unsigned char shipped_rules [];    // cmake/Embed.cmake
extern const size_t shipped_rules_len;

const char *rulepool_shipped (size_t *len)
{
    *len = shipped_rules_len;
    return (const char *) shipped_rules;
}

// --- phrases -----------------------------------------------------------------

// A phrase as the lexicon looks for it; NULL where it has no words or a '*' that is not its end. Caller frees.
static char *normal_phrase (const char *phrase)
{
    size_t len = strlen (phrase);
    bool any_ending = len > 0 && phrase [len - 1] == '*';
    len -= any_ending;
    if (memchr (phrase, '*', len))
        return NULL;
    if (any_ending && (len == 0 || phrase [len - 1] == ' '))
        return NULL;
    buf_t words = { 0 };
    words_normalise (phrase, len, &words);
    if (words.len == 0) {
        buf_free (&words);
        return NULL;
    }
    char *out = any_ending ? mem_printf ("%.*s*", (int) words.len - 2, words.data + 1)
                           : mem_string_n (words.data + 1, words.len - 2);
    buf_free (&words);
    return out;
}

static bool has_phrase (const phrase_list_t *list, const char *phrase)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp (list->items [i], phrase) == 0)
            return true;
    return false;
}

// Phrases that are the same after normalising are kept once.
static status_t take_phrases (const char *name, unsigned line, char **phrases, unsigned count, phrase_list_t *out, fault_t *fault)
{
    out->items = mem_zero (count ? count : 1, sizeof *out->items);
    for (unsigned i = 0; i < count; i++) {
        char *phrase = normal_phrase (phrases [i]);
        if (phrase == NULL)
            return fault_set (fault, ERR_FORMAT, "%s:%u: the phrase \"%s\" of this rule %s", name, line, phrases [i],
                              strchr (phrases [i], '*') ? "has a '*' that does not end a word at its end; move it there"
                                                        : "has no words; take it out");
        if (has_phrase (out, phrase))
            free (phrase);
        else
            out->items [out->count++] = phrase;
    }
    return OK;
}

// --- rules ---------------------------------------------------------------------

static bool good_id (const char *id)
{
    return id [strspn (id, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

static bool blank (const char *text)
{
    return text [strspn (text, " \t\r\n")] == '\0';
}

static status_t take_rule (const char *name, rule_yaml_t *from, unsigned line, rule_t *rule, fault_t *fault)
{
    rule->line = line;
    rule->id = mem_string (from->id);
    rule->text = mem_string (from->text);
    rule->category = mem_string (from->category ? from->category : "");
    rule->polarity = from->polarity < 0 ? -1 : 1;
    rule->digest = digest_of (rule->text, strlen (rule->text));
    if (!good_id (rule->id))
        return fault_set (fault, ERR_FORMAT, "%s:%u: the id \"%s\" may have a-z, 0-9 and - alone", name, line, rule->id);
    if (blank (rule->text))
        return fault_set (fault, ERR_FORMAT, "%s:%u: the text of rule %s is empty; write it or take the rule out", name,
                          line, rule->id);
    const lexicon_yaml_t *lexicon = &from->lexicon;
    status_t status = take_phrases (name, line, lexicon->prompt, lexicon->prompt_count, &rule->prompt, fault);
    if (status == OK)
        status = take_phrases (name, line, lexicon->speaks_for, lexicon->speaks_for_count, &rule->speaks_for, fault);
    if (status == OK)
        status = take_phrases (name, line, lexicon->speaks_against, lexicon->speaks_against_count, &rule->speaks_against,
                               fault);
    return status;
}

// Does the rule at `place` repeat one before it?
static status_t check_new (const char *name, const rulepool_t *pool, size_t place, fault_t *fault)
{
    const rule_t *rule = &pool->rules [place];
    for (size_t i = 0; i < place; i++) {
        const rule_t *other = &pool->rules [i];
        if (strcmp (rule->id, other->id) == 0)
            return fault_set (fault, ERR_FORMAT, "%s:%u: the id \"%s\" stands in line %u already; rename one", name,
                              rule->line, rule->id, other->line);
        if (digest_equal (&rule->digest, &other->digest))
            return fault_set (fault, ERR_FORMAT, "%s:%u: rule %s has the same text as %s in line %u; take one out", name,
                              rule->line, rule->id, other->id, other->line);
    }
    return OK;
}

static status_t take_pool (const char *name, pool_yaml_t *from, const unsigned *lines, rulepool_t *pool, fault_t *fault)
{
    pool->name = mem_string (from->name ? from->name : "unnamed");
    pool->rules = mem_zero (from->rules_count ? from->rules_count : 1, sizeof *pool->rules);
    for (unsigned i = 0; i < from->rules_count; i++) {
        pool->count = i + 1;
        status_t status = take_rule (name, &from->rules [i], lines [i], &pool->rules [i], fault);
        if (status == OK)
            status = check_new (name, pool, i, fault);
        if (status != OK)
            return status;
    }
    return OK;
}

// --- digests ---------------------------------------------------------------------

static void hash_text (hasher_t *hasher, const char *text)
{
    size_t len = strlen (text);
    hasher_add_u64 (hasher, len);
    hasher_add (hasher, text, len);
}

static void hash_phrases (hasher_t *hasher, const phrase_list_t *list)
{
    hasher_add_u64 (hasher, list->count);
    for (size_t i = 0; i < list->count; i++)
        hash_text (hasher, list->items [i]);
}

static void name_by_digest (rulepool_t *pool)
{
    hasher_t *rules = hasher_new (), *phrases = hasher_new ();
    hash_text (rules, "rulemill rule pool 1");
    hash_text (phrases, "rulemill lexicon phrases 1");
    for (size_t i = 0; i < pool->count; i++) {
        const rule_t *rule = &pool->rules [i];
        hash_text (rules, rule->id);
        hash_text (rules, rule->text);
        hasher_add_u64 (rules, rule->polarity > 0 ? 1 : 0);
        hash_phrases (phrases, &rule->prompt);
        hash_phrases (phrases, &rule->speaks_for);
        hash_phrases (phrases, &rule->speaks_against);
    }
    pool->digest = hasher_end (&rules);
    pool->lexicon_digest = hasher_end (&phrases);
}

// --- the pool ----------------------------------------------------------------------

status_t rulepool_parse (const char *name, const char *yaml, size_t len, rulepool_t **out, fault_t *fault)
{
    pool_yaml_t *from = NULL;
    unsigned *lines = NULL;
    status_t status = pool_yaml_load (name, yaml, len, &from, &lines, fault);
    if (status != OK)
        return status;
    rulepool_t *pool = mem_zero (1, sizeof *pool);
    status = take_pool (name, from, lines, pool, fault);
    pool_yaml_free (from);
    free (lines);
    if (status != OK) {
        rulepool_destroy (&pool);
        return status;
    }
    name_by_digest (pool);
    pool->blob_digest = digest_of (yaml, len);
    *out = pool;
    return OK;
}

static void free_phrases (phrase_list_t *list)
{
    for (size_t i = 0; i < list->count; i++)
        free (list->items [i]);
    free (list->items);
}

void rulepool_destroy (rulepool_t **pool)
{
    if (*pool == NULL)
        return;
    for (size_t i = 0; i < (*pool)->count; i++) {
        rule_t *rule = &(*pool)->rules [i];
        free (rule->id);
        free (rule->text);
        free (rule->category);
        free_phrases (&rule->prompt);
        free_phrases (&rule->speaks_for);
        free_phrases (&rule->speaks_against);
    }
    free ((*pool)->rules);
    free ((*pool)->name);
    free (*pool);
    *pool = NULL;
}

int rulepool_find (const rulepool_t *pool, const char *id)
{
    for (size_t i = 0; i < pool->count; i++)
        if (strcmp (pool->rules [i].id, id) == 0)
            return (int) i;
    return -1;
}

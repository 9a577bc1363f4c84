// What `rules check` reports of a pool that can be read.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/words.h"
#include "model/rulepool.h"

// The distinct words of a text as sorted hashes.
typedef struct { uint64_t *hash; size_t count; } word_set_t;

static int by_value (const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;
    return (x > y) - (x < y);
}

static word_set_t word_set (const char *text)
{
    buf_t words = { 0 };
    words_normalise (text, strlen (text), &words);
    word_set_t set = { .hash = mem_zero (words.len / 2 + 1, sizeof (uint64_t)) };
    const char *p = words.len ? words.data + 1 : "";
    while (*p) {
        size_t len = strcspn (p, " ");
        set.hash [set.count++] = hash64 (0, p, len);
        p += len + 1;
    }
    buf_free (&words);
    qsort (set.hash, set.count, sizeof *set.hash, by_value);
    size_t kept = 0;
    for (size_t i = 0; i < set.count; i++)
        if (i == 0 || set.hash [i] != set.hash [i - 1])
            set.hash [kept++] = set.hash [i];
    set.count = kept;
    return set;
}

// Is |a and b| / |a or b| at least 0.8?
static bool much_alike (const word_set_t *a, const word_set_t *b)
{
    size_t i = 0, j = 0, common = 0;
    while (i < a->count && j < b->count) {
        common += a->hash [i] == b->hash [j];
        bool step_i = a->hash [i] <= b->hash [j], step_j = b->hash [j] <= a->hash [i];
        i += step_i;
        j += step_j;
    }
    size_t all = a->count + b->count - common;
    return all > 0 && 5 * common >= 4 * all;
}

static size_t check_alike (const rulepool_t *pool, buf_t *warnings)
{
    word_set_t *sets = mem_zero (pool->count + 1, sizeof *sets);
    size_t found = 0;
    for (size_t i = 0; i < pool->count; i++) {
        sets [i] = word_set (pool->rules [i].text);
        for (size_t j = 0; j < i; j++)
            if (much_alike (&sets [i], &sets [j])) {
                buf_printf (warnings, "line %u: rule %s says nearly the same as %s in line %u; reword or drop one\n",
                            pool->rules [i].line, pool->rules [i].id, pool->rules [j].id, pool->rules [j].line);
                found++;
            }
    }
    for (size_t i = 0; i < pool->count; i++)
        free (sets [i].hash);
    free (sets);
    return found;
}

// Words that ask for another response to compare with.
static const char *comparison (const char *text)
{
    static const char *const signs [] = {
        " the most ", " the least ", " the best ", " the worst ", " than the other ", " the other response ",
        " both responses ", " compared to the other ", " compared with the other ", " which response ",
        " more than the other ", " than response a ", " than response b ",
    };
    buf_t words = { 0 };
    words_normalise (text, strlen (text), &words);
    const char *found = NULL;
    for (size_t i = 0; i < sizeof signs / sizeof signs [0] && words.len > 0 && !found; i++)
        if (strstr (words.data, signs [i]))
            found = signs [i];
    buf_free (&words);
    return found;
}

static size_t check_rule (const rule_t *rule, buf_t *warnings)
{
    size_t found = 0;
    const char *sign = comparison (rule->text);
    if (sign) {
        buf_printf (warnings, "line %u: rule %s compares (\"%.*s\"), but a rule is decided for one response alone; reword it\n",
                    rule->line, rule->id, (int) strlen (sign) - 2, sign + 1);
        found++;
    }
    if (rule->speaks_for.count + rule->speaks_against.count == 0) {
        buf_printf (warnings, "line %u: rule %s has no phrases for or against it; the lexicon judge can't decide it\n",
                    rule->line, rule->id);
        found++;
    }
    return found;
}

size_t rulepool_check (const rulepool_t *pool, buf_t *warnings)
{
    size_t found = check_alike (pool, warnings);
    for (size_t i = 0; i < pool->count; i++)
        found += check_rule (&pool->rules [i], warnings);
    return found;
}

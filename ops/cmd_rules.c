#include "ops/cmd.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "ops/config.h"
#include "ops/spec.h"

static const cli_flag_t flags [] = {
    { "--rules", "FILE", "rule pool; without it the shipped one", NULL, false },
    { 0 }
};

static void list_rules (const rulepool_t *pool, buf_t *out)
{
    char hex [DIGEST_HEX + 1];
    hex_encode (pool->digest.b, DIGEST_BYTES, hex);
    buf_printf (out, "%s: %zu rules, digest %.12s\n", pool->name, pool->count, hex);
    const char *category = "";
    for (size_t i = 0; i < pool->count; i++) {
        const rule_t *rule = &pool->rules [i];
        if (strcmp (rule->category, category) != 0)
            buf_printf (out, "\n%s\n", rule->category);
        category = rule->category;
        buf_printf (out, "  %s %-34s %s\n", rule->polarity > 0 ? "+" : "-", rule->id, rule->text);
    }
    buf_add_str (out, "\n+ following the rule speaks for a response, - against it\n");
}

static void add_phrases (const char *word, const phrase_list_t *list, buf_t *out)
{
    buf_printf (out, "%-10s", word);
    for (size_t i = 0; i < list->count; i++)
        buf_printf (out, "%s%s", i ? ", " : "", list->items [i]);
    buf_add_str (out, list->count ? "\n" : "-\n");
}

static status_t show_rule (const rulepool_t *pool, const char *id, buf_t *out, fault_t *fault)
{
    int at = rulepool_find (pool, id);
    if (at < 0) {
        const char **names = mem_zero (pool->count, sizeof *names);
        for (size_t i = 0; i < pool->count; i++)
            names [i] = pool->rules [i].id;
        const char *near = nearest_name (id, names, pool->count);
        free (names);
        if (near)
            return fault_set (fault, ERR_USAGE, "%s has no rule \"%.64s\"; did you mean %s?", pool->name, id, near);
        return fault_set (fault, ERR_USAGE, "%s has no rule \"%.64s\"; see rulemill rules list", pool->name, id);
    }
    const rule_t *rule = &pool->rules [at];
    char hex [DIGEST_HEX + 1];
    hex_encode (rule->digest.b, DIGEST_BYTES, hex);
    buf_printf (out, "id        %s\ntext      %s\ncategory  %s\npolarity  %d (following it speaks %s the response)\n"
                     "digest    %s\n\nphrases of the lexicon judge:\n",
                rule->id, rule->text, rule->category, rule->polarity, rule->polarity > 0 ? "for" : "against", hex);
    add_phrases ("prompt", &rule->prompt, out);
    add_phrases ("for", &rule->speaks_for, out);
    add_phrases ("against", &rule->speaks_against, out);
    return OK;
}

static void check_rules (const rulepool_t *pool, buf_t *out)
{
    buf_t warnings = { 0 };
    size_t count = rulepool_check (pool, &warnings);
    if (count > 0)
        buf_add (out, warnings.data, warnings.len);
    if (out->len > 0 && out->data [out->len - 1] != '\n')
        buf_add_char (out, '\n');
    buf_printf (out, "%s: %zu rules, %zu warning%s\n", pool->name, pool->count, count, count == 1 ? "" : "s");
    buf_free (&warnings);
}

// What the words after `rules` ask for: "list", "show ID", "check [FILE]".
typedef struct { const char *verb, *object; } wish_t;

static status_t read_wish (const cli_t *cli, wish_t *wish, fault_t *fault)
{
    static const char *const verbs [] = { "list", "show", "check" };
    size_t count;
    const char *const *words = cli_operands (cli, &count);
    *wish = (wish_t) { count > 0 ? words [0] : "list", count > 1 ? words [1] : NULL };
    bool known = false;
    for (size_t i = 0; i < 3; i++)
        known = known || strcmp (wish->verb, verbs [i]) == 0;
    if (!known) {
        const char *near = nearest_name (wish->verb, verbs, 3);
        return fault_set (fault, ERR_USAGE, "rules: unknown word \"%.64s\"; %s%s", wish->verb,
                          near ? "did you mean " : "say list, show ID or check FILE", near ? near : "");
    }
    if (strcmp (wish->verb, "show") == 0 && wish->object == NULL)
        return fault_set (fault, ERR_USAGE, "rules show needs the id of a rule; see rulemill rules list");
    if (strcmp (wish->verb, "list") == 0 && wish->object)
        return fault_set (fault, ERR_USAGE, "rules list takes no \"%.64s\"; another pool is --rules FILE", wish->object);
    return OK;
}

static status_t answer (const wish_t *wish, const rulepool_t *pool, fault_t *fault)
{
    buf_t out = { 0 };
    status_t status = OK;
    if (strcmp (wish->verb, "show") == 0)
        status = show_rule (pool, wish->object, &out, fault);
    else if (strcmp (wish->verb, "check") == 0)
        check_rules (pool, &out);
    else
        list_rules (pool, &out);
    if (status == OK)
        status = cmd_print (&out, fault);
    buf_free (&out);
    return status;
}

static status_t rules (const cli_t *cli, int *exit_code, fault_t *fault)
{
    (void) exit_code;
    wish_t wish;
    status_t status = read_wish (cli, &wish, fault);
    if (status != OK)
        return status;
    const char *file = cli_text (cli, "--rules");
    if (strcmp (wish.verb, "check") == 0 && wish.object)
        file = wish.object;
    config_t *config = config_new ();
    rulepool_t *pool = NULL;
    buf_t yaml = { 0 };
    if (file)
        status = config_set (config, "rules.file", "--rules", file, fault);
    if (status == OK)
        status = spec_pool (config, &pool, &yaml, fault);
    if (status == OK)
        status = answer (&wish, pool, fault);
    rulepool_destroy (&pool);
    buf_free (&yaml);
    config_destroy (&config);
    return status;
}

const command_t command_rules = {
    .cli = {
        .name = "rules",
        .summary = "list the rule pool, show one rule, check a pool of your own",
        .operands = "[list | show ID | check FILE]", .operands_min = 0, .operands_max = 2,
        .about = "check refuses what label would refuse, and warns of near-duplicates, of comparisons that one response alone\n"
                 "can't decide, and of rules that the lexicon judge has no phrases for.",
        .example = "rulemill rules check my-rules.yaml",
        .groups = { flags }
    },
    .run = rules
};

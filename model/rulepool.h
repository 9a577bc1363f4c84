// rulepool: the rules that a judge is asked about, read from YAML.
//
// model/rules.yaml is the shipped pool; the format is described at its head.
#ifndef MODEL_RULEPOOL_H
#define MODEL_RULEPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/fault.h"

typedef struct {
    char **items;               // normalised by base/words.h, without outer spaces; a final '*' is kept
    size_t count;
} phrase_list_t;

typedef struct {
    char *id, *text, *category;
    int polarity;               // 1 or -1
    phrase_list_t prompt, speaks_for, speaks_against;   // of the lexicon judge
    digest_t digest;            // of the text alone
    unsigned line;              // where it stands in the file
} rule_t;

typedef struct {
    char *name;
    rule_t *rules;              // in the file's order; places in it are the rule indices everywhere
    size_t count;
    digest_t digest;            // of the ordered (id, text, polarity)
    digest_t lexicon_digest;    // of the ordered phrases: the lexicon judge's part of its identity
    digest_t blob_digest;       // SHA-256 of the YAML bytes
} rulepool_t;

// The pool that rulemill ships with, as YAML text; owned by the program.
const char *rulepool_shipped (size_t *len);

// Parse YAML text. name is used in messages ("rules.yaml:12: ..."). Refused: unknown or doubled keys (with the
// nearest known one), missing or empty texts, ids that are doubled or not of [a-z0-9-], other polarities, equal texts,
// sizes over base/limits.h. *out is owned by the caller.
status_t rulepool_parse (const char *name, const char *yaml, size_t len, rulepool_t **out, fault_t *fault) MUST_USE;
void rulepool_destroy (rulepool_t **pool);

// The index of a rule by id; -1 where there is none.
int rulepool_find (const rulepool_t *pool, const char *id);

// What `rules check` reports beyond what parsing refuses: near-duplicates (word sets with Jaccard similarity of at
// least 0.8), comparisons ("the most", "better than the other") that one response alone can't decide, rules without
// phrases. One warning a line; returns how many.
size_t rulepool_check (const rulepool_t *pool, buf_t *warnings);

#endif

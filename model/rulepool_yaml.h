// rulepool_yaml: the rule pool's file as it stands, for rulepool.c alone.
#ifndef MODEL_RULEPOOL_YAML_H
#define MODEL_RULEPOOL_YAML_H

#include <stddef.h>

#include "base/fault.h"

typedef struct {
    char **prompt, **speaks_for, **speaks_against;
    unsigned prompt_count, speaks_for_count, speaks_against_count;
} lexicon_yaml_t;

typedef struct {
    char *id, *text, *category;     // category may be NULL
    int polarity;                   // 0 where it is not given
    lexicon_yaml_t lexicon;
} rule_yaml_t;

typedef struct {
    int version;
    char *name;                     // may be NULL
    rule_yaml_t *rules;
    unsigned rules_count;
} pool_yaml_t;

// Read a pool whose form, types and sizes are checked. lines: where each rule stands, to be freed by the caller;
// *out is freed with pool_yaml_free. Both are set on OK alone.
status_t pool_yaml_load (const char *name, const char *yaml, size_t len, pool_yaml_t **out, unsigned **lines,
                         fault_t *fault) MUST_USE;
void pool_yaml_free (pool_yaml_t *pool);

#endif

// eval_map: which rule of a pool asks for what people were asked.
//
// YAML: "version: 1" and "propositions", a list of {proposition: NAME, rule: ID}. ops/rbr-map.yaml is the shipped one.
#ifndef OPS_EVAL_MAP_H
#define OPS_EVAL_MAP_H

#include <stddef.h>

#include "base/fault.h"
#include "model/rulepool.h"

enum { EVAL_PROPOSITIONS_MAX = 64, EVAL_MAP_BYTES_MAX = 1024 * 1024 };

typedef struct {
    char *proposition, *rule;
    unsigned index;             // of the rule in the pool, once it was found
} eval_pair_t;

typedef struct {
    char *name;                 // the file's, or "shipped"
    eval_pair_t *pairs;
    size_t count;
} eval_map_t;

// path NULL: the shipped one. ERR_IO, ERR_LIMIT, ERR_FORMAT with the line; a proposition or a rule that stands twice is ERR_FORMAT.
// *out is owned by the caller.
status_t eval_map_load (const char *path, eval_map_t **out, fault_t *fault) MUST_USE;
void eval_map_destroy (eval_map_t **map);

// Fill the indices. ERR_USAGE names a rule that the pool lacks, with the nearest one.
status_t eval_map_resolve (eval_map_t *map, const rulepool_t *pool, fault_t *fault) MUST_USE;

#endif

// config_yaml: a YAML text as the texts of its configuration keys.
//
// base/yamlcheck holds the text against the form that the table of keys makes, so that messages have their line;
// libcyaml then loads it. Both forms are made from the one table.
#ifndef OPS_CONFIG_YAML_H
#define OPS_CONFIG_YAML_H

#include "ops/config_keys.h"

// Called for each value in the table's order; a list's items follow one another.
typedef status_t config_yaml_fn (void *ctx, const config_key_t *key, const char *text, fault_t *fault);

// ERR_FORMAT with name and line.
status_t config_yaml_read (const char *name, const char *yaml, size_t len, config_yaml_fn *each, void *ctx, fault_t *fault) MUST_USE;

#endif

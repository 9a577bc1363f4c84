#include "ops/eval_map.h"

#include <cyaml/cyaml.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/yamlcheck.h"
#include "ops/read_file.h"

// The shipped map (cmake/Embed.cmake).
extern const unsigned char shipped_rbr_map [];
extern const size_t shipped_rbr_map_len;

typedef struct { char *proposition, *rule; } item_yaml_t;
typedef struct { int version; item_yaml_t *propositions; unsigned propositions_count; } map_yaml_t;

// --- the form, for yaml_check, and the same for libcyaml ------------------------

static const yaml_shape_t version_shape = { .kind = YAML_INT, .min = 1, .max = 1 };
static const yaml_shape_t proposition_shape = { .kind = YAML_TEXT, .max = LIMIT_NAME_BYTES };
static const yaml_shape_t rule_shape = { .kind = YAML_TEXT, .max = LIMIT_RULE_ID_BYTES };
static const yaml_field_t item_fields [] = { { "proposition", &proposition_shape, true }, { "rule", &rule_shape, true } };
static const yaml_shape_t item_shape = { .kind = YAML_MAP, .fields = item_fields, .n_fields = 2 };
static const yaml_shape_t list_shape = { .kind = YAML_LIST, .item = &item_shape, .max = EVAL_PROPOSITIONS_MAX };
static const yaml_field_t map_fields [] = { { "version", &version_shape, true }, { "propositions", &list_shape, true } };
static const yaml_shape_t map_shape = { .kind = YAML_MAP, .fields = map_fields, .n_fields = 2 };

static const cyaml_schema_field_t item_schema [] = {
    CYAML_FIELD_STRING_PTR ("proposition", CYAML_FLAG_POINTER, item_yaml_t, proposition, 0, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR ("rule", CYAML_FLAG_POINTER, item_yaml_t, rule, 0, CYAML_UNLIMITED),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t item_value = { CYAML_VALUE_MAPPING (CYAML_FLAG_DEFAULT, item_yaml_t, item_schema) };
static const cyaml_schema_field_t map_schema [] = {
    CYAML_FIELD_INT ("version", CYAML_FLAG_DEFAULT, map_yaml_t, version),
    CYAML_FIELD_SEQUENCE ("propositions", CYAML_FLAG_POINTER, map_yaml_t, propositions, &item_value, 0, CYAML_UNLIMITED),
    CYAML_FIELD_END
};
static const cyaml_schema_value_t map_value = { CYAML_VALUE_MAPPING (CYAML_FLAG_POINTER, map_yaml_t, map_schema) };
static const cyaml_config_t cyaml_config = { .mem_fn = cyaml_mem, .flags = CYAML_CFG_NO_ALIAS };

// --- reading ---------------------------------------------------------------------

static status_t check_doubles (const eval_map_t *map, fault_t *fault)
{
    for (size_t i = 0; i < map->count; i++)
        for (size_t j = 0; j < i; j++) {
            if (strcmp (map->pairs [i].proposition, map->pairs [j].proposition) == 0)
                return fault_set (fault, ERR_FORMAT, "%s: the proposition \"%s\" stands twice; keep one", map->name, map->pairs [i].proposition);
            if (strcmp (map->pairs [i].rule, map->pairs [j].rule) == 0)
                return fault_set (fault, ERR_FORMAT, "%s: the rule \"%s\" stands for two propositions; keep one", map->name, map->pairs [i].rule);
        }
    return OK;
}

static status_t parse (const char *name, const char *yaml, size_t len, eval_map_t **out, fault_t *fault)
{
    status_t status = yaml_check (name, yaml, len, &map_shape, fault);
    if (status != OK)
        return status;
    map_yaml_t *read = NULL;
    cyaml_err_t error = cyaml_load_data ((const uint8_t *) yaml, len, &cyaml_config, &map_value, (cyaml_data_t **) &read, NULL);
    if (error != CYAML_OK)
        return fault_set (fault, ERR_FORMAT, "%s: %s", name, cyaml_strerror (error));
    eval_map_t *map = mem_zero (1, sizeof *map);
    map->name = mem_string (name);
    map->count = read->propositions_count;
    map->pairs = mem_zero (map->count + 1, sizeof *map->pairs);
    for (size_t i = 0; i < map->count; i++)
        map->pairs [i] = (eval_pair_t) { mem_string (read->propositions [i].proposition), mem_string (read->propositions [i].rule), 0 };
    cyaml_free (&cyaml_config, &map_value, read, 0);
    status = check_doubles (map, fault);
    if (status != OK)
        eval_map_destroy (&map);
    *out = map;
    return status;
}

status_t eval_map_load (const char *path, eval_map_t **out, fault_t *fault)
{
    *out = NULL;
    if (path == NULL)
        return parse ("shipped", (const char *) shipped_rbr_map, shipped_rbr_map_len, out, fault);
    buf_t yaml = { 0 };
    status_t status = read_file (path, EVAL_MAP_BYTES_MAX, &yaml, fault);
    if (status == OK)
        status = parse (path, yaml.data, yaml.len, out, fault);
    buf_free (&yaml);
    return status;
}

void eval_map_destroy (eval_map_t **map)
{
    if (*map == NULL)
        return;
    for (size_t i = 0; i < (*map)->count; i++) {
        free ((*map)->pairs [i].proposition);
        free ((*map)->pairs [i].rule);
    }
    free ((*map)->pairs);
    free ((*map)->name);
    free (*map);
    *map = NULL;
}

status_t eval_map_resolve (eval_map_t *map, const rulepool_t *pool, fault_t *fault)
{
    for (size_t i = 0; i < map->count; i++) {
        int at = rulepool_find (pool, map->pairs [i].rule);
        if (at >= 0) {
            map->pairs [i].index = (unsigned) at;
            continue;
        }
        const char **names = mem_zero (pool->count, sizeof *names);
        for (size_t r = 0; r < pool->count; r++)
            names [r] = pool->rules [r].id;
        const char *near = nearest_name (map->pairs [i].rule, names, pool->count);
        free (names);
        return fault_set (fault, ERR_USAGE, "%s: the pool \"%s\" has no rule \"%s\"; %s%s", map->name, pool->name, map->pairs [i].rule,
                          near ? "did you mean " : "see rulemill rules list", near ? near : "");
    }
    return OK;
}

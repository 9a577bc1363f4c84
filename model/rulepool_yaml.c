#include "model/rulepool_yaml.h"

#include <cyaml/cyaml.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/yamlcheck.h"

// --- the form, for yaml_check ----------------------------------------------

static const char *const polarities [] = { "1", "-1" };

static const yaml_shape_t version_shape = { .kind = YAML_INT, .min = 1, .max = 1 };
static const yaml_shape_t name_shape = { .kind = YAML_TEXT, .max = LIMIT_NAME_BYTES };
static const yaml_shape_t id_shape = { .kind = YAML_TEXT, .max = LIMIT_RULE_ID_BYTES };
static const yaml_shape_t text_shape = { .kind = YAML_TEXT, .max = LIMIT_RULE_TEXT_BYTES };
static const yaml_shape_t polarity_shape = { .kind = YAML_CHOICE, .names = polarities, .n_names = 2 };
static const yaml_shape_t phrase_shape = { .kind = YAML_TEXT, .max = LIMIT_PHRASE_BYTES };
static const yaml_shape_t phrases_shape = { .kind = YAML_LIST, .item = &phrase_shape, .max = LIMIT_PHRASES, .empty_ok = true };

static const yaml_field_t lexicon_fields [] = {
    { "prompt", &phrases_shape, false }, { "for", &phrases_shape, false }, { "against", &phrases_shape, false },
};
static const yaml_shape_t lexicon_shape = { .kind = YAML_MAP, .fields = lexicon_fields, .n_fields = 3, .empty_ok = true };

static const yaml_field_t rule_fields [] = {
    { "id", &id_shape, true }, { "text", &text_shape, true }, { "category", &name_shape, false },
    { "polarity", &polarity_shape, false }, { "lexicon", &lexicon_shape, false },
};
static const yaml_shape_t rule_shape = { .kind = YAML_MAP, .fields = rule_fields, .n_fields = 5 };
static const yaml_shape_t rules_shape = { .kind = YAML_LIST, .item = &rule_shape, .max = LIMIT_RULES };

static const yaml_field_t pool_fields [] = {
    { "version", &version_shape, true }, { "name", &name_shape, false }, { "rules", &rules_shape, true },
};
static const yaml_shape_t pool_shape = { .kind = YAML_MAP, .fields = pool_fields, .n_fields = 3 };

// --- the same for libcyaml --------------------------------------------------

static const cyaml_schema_value_t phrase_value = {
    CYAML_VALUE_STRING (CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED),
};

static const cyaml_schema_field_t lexicon_schema [] = {
    CYAML_FIELD_SEQUENCE ("prompt", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, lexicon_yaml_t, prompt, &phrase_value, 0,
                          CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE ("for", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, lexicon_yaml_t, speaks_for, &phrase_value, 0,
                          CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE ("against", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, lexicon_yaml_t, speaks_against,
                          &phrase_value, 0, CYAML_UNLIMITED),
    CYAML_FIELD_END
};

static const cyaml_schema_field_t rule_schema [] = {
    CYAML_FIELD_STRING_PTR ("id", CYAML_FLAG_POINTER, rule_yaml_t, id, 0, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR ("text", CYAML_FLAG_POINTER, rule_yaml_t, text, 0, CYAML_UNLIMITED),
    CYAML_FIELD_STRING_PTR ("category", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, rule_yaml_t, category, 0,
                            CYAML_UNLIMITED),
    CYAML_FIELD_INT ("polarity", CYAML_FLAG_OPTIONAL, rule_yaml_t, polarity),
    CYAML_FIELD_MAPPING ("lexicon", CYAML_FLAG_OPTIONAL, rule_yaml_t, lexicon, lexicon_schema),
    CYAML_FIELD_END
};

static const cyaml_schema_value_t rule_value = {
    CYAML_VALUE_MAPPING (CYAML_FLAG_DEFAULT, rule_yaml_t, rule_schema),
};

static const cyaml_schema_field_t pool_schema [] = {
    CYAML_FIELD_INT ("version", CYAML_FLAG_DEFAULT, pool_yaml_t, version),
    CYAML_FIELD_STRING_PTR ("name", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, pool_yaml_t, name, 0, CYAML_UNLIMITED),
    CYAML_FIELD_SEQUENCE ("rules", CYAML_FLAG_POINTER, pool_yaml_t, rules, &rule_value, 0, CYAML_UNLIMITED),
    CYAML_FIELD_END
};

static const cyaml_schema_value_t pool_value = {
    CYAML_VALUE_MAPPING (CYAML_FLAG_POINTER, pool_yaml_t, pool_schema),
};

static const cyaml_config_t cyaml_config = { .mem_fn = cyaml_mem, .flags = CYAML_CFG_NO_ALIAS };

// --- reading -----------------------------------------------------------------

typedef struct { unsigned *at; size_t count; } lines_t;

static void add_line (void *ctx, const yaml_shape_t *item, unsigned line)
{
    lines_t *lines = ctx;
    if (item == &rule_shape && lines->count < LIMIT_RULES)
        lines->at [lines->count++] = line;
}

status_t pool_yaml_load (const char *name, const char *yaml, size_t len, pool_yaml_t **out, unsigned **lines, fault_t *fault)
{
    if (len > LIMIT_POOL_BYTES)
        return fault_set (fault, ERR_LIMIT, "%s: %zu bytes; a rule pool has at most %d", name, len, LIMIT_POOL_BYTES);
    lines_t found = { .at = mem_zero (LIMIT_RULES, sizeof (unsigned)) };
    status_t status = yaml_check_items (name, yaml, len, &pool_shape, add_line, &found, fault);
    if (status == OK) {
        cyaml_err_t error = cyaml_load_data ((const uint8_t *) yaml, len, &cyaml_config, &pool_value,
                                             (cyaml_data_t **) out, NULL);
        if (error != CYAML_OK)
            status = fault_set (fault, ERR_FORMAT, "%s: %s", name, cyaml_strerror (error));
    }
    if (status != OK) {
        free (found.at);
        return status;
    }
    *lines = found.at;
    return OK;
}

void pool_yaml_free (pool_yaml_t *pool)
{
    cyaml_free (&cyaml_config, &pool_value, pool, 0);
}

#include "ops/config_yaml.h"

#include <assert.h>
#include <cyaml/cyaml.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/yamlcheck.h"
#include "ops/config_short.h"

enum { SECTIONS_MAX = 16, NODES_MAX = CONFIG_KEYS_MAX + SECTIONS_MAX, NAME_MAX_BYTES = 48 };

// What libcyaml fills: texts by place in the table.
typedef struct {
    char *text [CONFIG_KEYS_MAX];
    char **items [CONFIG_KEYS_MAX];
    unsigned count [CONFIG_KEYS_MAX];
} raw_t;

// One section (or the whole): a run of keys that begin alike, as both libraries want it.
typedef struct {
    yaml_shape_t shape;
    yaml_field_t fields [CONFIG_KEYS_MAX];
    cyaml_schema_field_t schema [CONFIG_KEYS_MAX + 1];      // ended by a zeroed one
    char names [CONFIG_KEYS_MAX] [NAME_MAX_BYTES];          // of subsections
    size_t n;
} section_t;

typedef struct {
    section_t sections [SECTIONS_MAX];
    size_t n_sections;
    yaml_shape_t shapes [CONFIG_KEYS_MAX];                  // of keys
} form_t;

static const yaml_shape_t item_shape = { .kind = YAML_TEXT, .max = CONFIG_TEXT_BYTES_MAX };

static const cyaml_schema_value_t item_schema = {
    .type = CYAML_STRING, .flags = CYAML_FLAG_POINTER, .data_size = sizeof (char), .string = { 0, CONFIG_TEXT_BYTES_MAX }
};

static yaml_shape_t key_shape (const config_key_t *key)
{
    yaml_shape_t shape = { .kind = YAML_TEXT, .max = CONFIG_TEXT_BYTES_MAX };
    if (key->type == CONFIG_BOOL)
        shape.kind = YAML_BOOL;
    else if (key->type == CONFIG_WHOLE || key->type == CONFIG_REAL)
        shape = (yaml_shape_t) { .kind = key->type == CONFIG_WHOLE ? YAML_INT : YAML_NUMBER,
                                 .min = (int64_t) key->min, .max = key->max };
    else if (key->type == CONFIG_CHOICE) {
        shape.kind = YAML_CHOICE;
        shape.names = key->choices (&shape.n_names);
    } else if (key->type == CONFIG_NAMES)
        shape = (yaml_shape_t) { .kind = YAML_LIST, .item = &item_shape, .max = CONFIG_NAMES_MAX, .empty_ok = true };
    return shape;
}

static cyaml_schema_field_t key_schema (const config_key_t *key, const char *name, size_t place)
{
    cyaml_schema_field_t field = { .key = name, .value = item_schema };
    if (key->type == CONFIG_NAMES) {
        field.data_offset = (uint32_t) (offsetof (raw_t, items) + place * sizeof (char **));
        field.count_offset = (uint32_t) (offsetof (raw_t, count) + place * sizeof (unsigned));
        field.count_size = sizeof (unsigned);
        field.value = (cyaml_schema_value_t) {
            .type = CYAML_SEQUENCE, .data_size = sizeof (char *), .sequence = { &item_schema, 0, CONFIG_NAMES_MAX } };
    } else
        field.data_offset = (uint32_t) (offsetof (raw_t, text) + place * sizeof (char *));
    field.value.flags = (enum cyaml_flag) (CYAML_FLAG_POINTER_NULL | CYAML_FLAG_OPTIONAL);
    return field;
}

static section_t *add_section (form_t *form, const config_key_t *keys, size_t *at, size_t count, size_t depth);

// A part of a section: the key at *at, or the subsection that begins there. Moves *at past it.
static void add_part (form_t *form, section_t *section, const config_key_t *keys, size_t *at, size_t count, size_t depth)
{
    size_t i = section->n++, place = *at;
    const char *name = keys [place].name + depth, *dot = strchr (name, '.');
    if (dot == NULL) {
        form->shapes [place] = key_shape (&keys [place]);
        section->fields [i] = (yaml_field_t) { name, &form->shapes [place], false };
        section->schema [i] = key_schema (&keys [place], name, place);
        ++*at;
        return;
    }
    size_t len = (size_t) (dot - name);
    assert (len < NAME_MAX_BYTES);
    memcpy (section->names [i], name, len);
    section_t *sub = add_section (form, keys, at, count, depth + len + 1);
    section->fields [i] = (yaml_field_t) { section->names [i], &sub->shape, false };
    // Offsets are those in raw_t on every level, so a section lies at 0 of the one around it.
    section->schema [i] = (cyaml_schema_field_t) {
        .key = section->names [i],
        .value = { .type = CYAML_MAPPING, .flags = CYAML_FLAG_OPTIONAL, .data_size = sizeof (raw_t),
                   .mapping = { .fields = sub->schema } } };
}

// The section of the keys from *at on that share their first depth bytes.
static section_t *add_section (form_t *form, const config_key_t *keys, size_t *at, size_t count, size_t depth)
{
    assert (form->n_sections < SECTIONS_MAX);
    section_t *section = &form->sections [form->n_sections++];
    const char *first = keys [*at].name;
    while (*at < count && strncmp (keys [*at].name, first, depth) == 0)
        add_part (form, section, keys, at, count, depth);
    section->shape = (yaml_shape_t) { .kind = YAML_MAP, .fields = section->fields, .n_fields = section->n };
    return section;
}

// What a text says, with a value that its short form had.
typedef struct {
    const char *name;
    const config_short_t *adapter;
    config_yaml_fn *each;
    void *ctx;
} handing_t;

static status_t hand_out (const raw_t *raw, const handing_t *to, fault_t *fault)
{
    size_t count, adapter = (size_t) config_find ("policy.adapter");
    const config_key_t *keys = config_keys (&count);
    status_t status = OK;
    if (to->adapter->value && raw->text [adapter])
        return fault_set (fault, ERR_FORMAT, "%s:%u: an adapter is named here and as policy.adapter; take one out", to->name, to->adapter->line);
    for (size_t i = 0; i < count && status == OK; i++) {
        const char *text = i == adapter && to->adapter->value ? to->adapter->value : raw->text [i];
        if (text)
            status = to->each (to->ctx, &keys [i], text, fault);
        for (unsigned k = 0; k < raw->count [i] && status == OK; k++)
            status = to->each (to->ctx, &keys [i], raw->items [i] [k], fault);
    }
    return status;
}

static status_t load (const buf_t *yaml, const section_t *whole, const handing_t *to, fault_t *fault)
{
    const cyaml_config_t settings = { .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR };
    const cyaml_schema_value_t schema = { .type = CYAML_MAPPING, .flags = CYAML_FLAG_POINTER,
                                          .data_size = sizeof (raw_t), .mapping = { .fields = whole->schema } };
    raw_t *raw = NULL;
    cyaml_err_t error = cyaml_load_data ((const uint8_t *) yaml->data, yaml->len, &settings, &schema, (cyaml_data_t **) &raw, NULL);
    if (error != CYAML_OK)
        return fault_set (fault, ERR_FORMAT, "%s: %s", to->name, cyaml_strerror (error));
    status_t status = hand_out (raw, to, fault);
    cyaml_free (&settings, &schema, raw, 0);
    return status;
}

status_t config_yaml_read (const char *name, const char *yaml, size_t len, config_yaml_fn *each, void *ctx, fault_t *fault)
{
    size_t count, at = 0;
    const config_key_t *keys = config_keys (&count);
    form_t *form = mem_zero (1, sizeof *form);
    const section_t *whole = add_section (form, keys, &at, count, 0);
    config_short_t adapter;
    buf_t rest = { 0 };
    const handing_t to = { .name = name, .adapter = &adapter, .each = each, .ctx = ctx };
    status_t status = config_short_take (name, yaml, len, &adapter, &rest, fault);
    if (status == OK)
        status = yaml_check (name, rest.data ? rest.data : "", rest.len, &whole->shape, fault);
    if (status == OK)
        status = load (&rest, whole, &to, fault);
    config_short_free (&adapter);
    buf_free (&rest);
    free (form);
    return status;
}

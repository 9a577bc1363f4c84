// yamlcheck: is a YAML text of the form that its reader expects?
//
// A first pass over libyaml's events, before libcyaml loads the text: libcyaml says only "Invalid key" and takes an
// empty value as "". This pass says what is wrong, in which line, and what was probably meant:
//
//     run.yaml:12: unknown key "polcy"; did you mean "policy"?
//
// Refused everywhere: keys that are unknown or stand twice, missing ones that are required, values that are empty
// or of another type or out of range, aliases, NUL in a text, several documents. The form is a table:
//
//     static const yaml_shape_t name = { .kind = YAML_TEXT, .max = 64 };
//     static const yaml_shape_t workers = { .kind = YAML_INT, .min = 1, .max = 1024 };
//     static const yaml_field_t fields [] = { { "name", &name, true }, { "workers", &workers, false } };
//     static const yaml_shape_t form = { .kind = YAML_MAP, .fields = fields, .n_fields = 2 };
#ifndef BASE_YAMLCHECK_H
#define BASE_YAMLCHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

typedef enum {
    YAML_TEXT,          // any scalar; max: its bytes
    YAML_INT,           // a decimal integer from min to max
    YAML_NUMBER,        // a finite decimal number, from min to max where these are not both 0
    YAML_BOOL,          // true or false, yes or no, on or off
    YAML_CHOICE,        // one of names
    YAML_LIST,          // each of form item; max: how many
    YAML_MAP            // the given fields; or, where there are none, any keys with values of form item
} yaml_kind_t;

typedef struct yaml_shape yaml_shape_t;
typedef struct { const char *key; const yaml_shape_t *shape; bool required; } yaml_field_t;

struct yaml_shape {
    yaml_kind_t kind;
    bool empty_ok;                  // the text may be "", the list [], the map {}, and the whole YAML text be empty
    int64_t min;                    // YAML_INT, YAML_NUMBER
    uint64_t max;                   // see the kinds; 0: no limit (YAML_INT: zero itself; any keys: 1000)
    const char *const *names;       // YAML_CHOICE
    size_t n_names;
    const yaml_shape_t *item;       // YAML_LIST, YAML_MAP with any keys
    const yaml_field_t *fields;     // YAML_MAP, 64 at most
    size_t n_fields;
};

// Called for each item of a list, in order, before what is in it is looked at. line counts from 1.
typedef void yaml_item_fn (void *ctx, const yaml_shape_t *item, unsigned line);

// Hold len bytes against shape. name stands in messages ("rules.yaml"). ERR_FORMAT with the line and what to do.
status_t yaml_check (const char *name, const char *yaml, size_t len, const yaml_shape_t *shape, fault_t *fault) MUST_USE;

// The same, and say where the items of lists stand.
status_t yaml_check_items (const char *name, const char *yaml, size_t len, const yaml_shape_t *shape,
                           yaml_item_fn *item, void *ctx, fault_t *fault) MUST_USE;

#endif

// row_columns: which members of a parsed row are which columns, and what is left over.
#ifndef STORAGE_ROW_COLUMNS_H
#define STORAGE_ROW_COLUMNS_H

#include "base/json.h"
#include "storage/ingest.h"

typedef enum {
    COLUMN_ID, COLUMN_SOURCE, COLUMN_PROMPT,
    COLUMN_RESPONSES, COLUMN_MODELS, COLUMN_SCORES,
    COLUMN_RESPONSE_A, COLUMN_RESPONSE_B, COLUMN_MODEL_A, COLUMN_MODEL_B, COLUMN_PREFERENCE,
    COLUMN_CHOSEN, COLUMN_REJECTED, COLUMN_CHOSEN_MODEL, COLUMN_REJECTED_MODEL,
    COLUMN_COUNT
} row_column_t;

typedef enum { SHAPE_NONE, SHAPE_LIST, SHAPE_SIDES, SHAPE_CHOSEN } row_shape_t;

// The names of the columns.
typedef struct {
    char *name [COLUMN_COUNT];      // owned
    row_shape_t told;               // by the mapping; SHAPE_NONE: recognise
} row_columns_t;

// A row's members by column; NULL where absent.
typedef struct {
    const json_value_t *value [COLUMN_COUNT];
    row_shape_t shape;
} row_members_t;

status_t row_columns_init (row_columns_t *columns, const ingest_mapping_t *mapping, fault_t *fault) MUST_USE;
void row_columns_free (row_columns_t *columns);

// Sort the members of an object.
void row_columns_sort (const row_columns_t *columns, const json_value_t *object, row_members_t *out);

// Append the members that the row's shape has no use for, as an object; nothing where there are none.
void row_columns_rest (const row_members_t *members, const json_value_t *object, buf_t *out);

#endif

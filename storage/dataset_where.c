#include "storage/dataset_where.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/utf8.h"

typedef enum {
    COL_ID, COL_SELECTED_BY, COL_ADAPTER, COL_N_RULES, COL_SCORE_CHOSEN, COL_SCORE_REJECTED, COL_SCORE_MARGIN,
    COL_CHOSEN_MODEL, COL_REJECTED_MODEL, COL_SOURCE, COL_PAIR_KEY, COL_RUN, COL_RULES, COL_COUNT, COL_META = -1
} column_t;

static const char *const column_names [COL_COUNT] = {
    "id", "selected_by", "adapter", "n_rules", "score_chosen", "score_rejected", "score_margin",
    "chosen_model", "rejected_model", "source", "pair_key", "run", "rules"
};

// Columns that are lists or counts of several things.
static const char *const not_comparable [] = { "prompt", "chosen", "rejected", "given_preference", "meta" };

typedef struct {
    char *key;
    const char *value;      // borrowed
    int column;             // column_t
    bool number;            // value is a number:
    double as_number;
    bool seen;              // a row had the key
} condition_t;

struct dataset_where {
    condition_t *conditions;
    size_t n;
    bool meta, looked;      // a condition is about meta; a row was looked at
    json_doc_t *doc;
};

static status_t read_condition (const char *text, condition_t *condition, fault_t *fault)
{
    if (!utf8_valid (text))         // it stands in the manifest, which is JSON
        return fault_set (fault, ERR_USAGE, "a --where condition is no UTF-8; write it as key=value");
    const char *equals = strchr (text, '=');
    if (equals == NULL || equals == text)
        return fault_set (fault, ERR_USAGE, "--where \"%s\": write it as key=value", text);
    condition->key = mem_string_n (text, (size_t) (equals - text));
    condition->value = equals + 1;
    condition->column = COL_META;
    for (size_t i = 0; i < sizeof not_comparable / sizeof *not_comparable; i++)
        if (strcmp (condition->key, not_comparable [i]) == 0)
            return fault_set (fault, ERR_USAGE, "--where \"%s\": the column \"%s\" can't be compared with a value", text,
                              condition->key);
    for (int i = 0; i < COL_COUNT; i++)
        if (strcmp (condition->key, column_names [i]) == 0)
            condition->column = i;
    char *end;
    condition->as_number = strtod (condition->value, &end);
    condition->number = end != condition->value && *end == '\0' && isfinite (condition->as_number);
    condition->seen = condition->column != COL_META;
    return OK;
}

status_t dataset_where_new (const char *const *where, size_t n, dataset_where_t **out, fault_t *fault)
{
    dataset_where_t *self = mem_zero (1, sizeof *self);
    self->conditions = mem_zero (n + 1, sizeof *self->conditions);
    self->doc = json_doc_new ();
    status_t status = OK;
    for (size_t i = 0; i < n && status == OK; i++) {
        status = read_condition (where [i], &self->conditions [i], fault);
        self->meta = self->meta || self->conditions [i].column == COL_META;
        self->n = i + 1;
    }
    if (status == OK)
        *out = self;
    else
        dataset_where_destroy (&self);
    return status;
}

static bool same_number (const condition_t *condition, double value)
{
    return condition->number && condition->as_number == value;
}

// An unknown score is empty.
static bool same_score (const condition_t *condition, const dataset_view_t *view, int64_t micro)
{
    return view->n_rules == 0 ? *condition->value == '\0' : same_number (condition, (double) micro / 1e6);
}

static bool selected (const condition_t *condition, const dataset_style_t *style, const dataset_view_t *view)
{
    for (size_t r = 0; r < view->n_rules; r++)
        if (strcmp (style->rules [view->rule [r]].id, condition->value) == 0)
            return true;
    return false;
}

static bool column_holds (const condition_t *condition, const dataset_style_t *style, const dataset_item_t *item,
                          const dataset_view_t *view)
{
    const char *text = "";
    char hex [KEY_HEX + 1];
    switch ((column_t) condition->column) {
    case COL_N_RULES: return same_number (condition, (double) view->n_rules);
    case COL_SCORE_CHOSEN: return same_score (condition, view, view->mean_first);
    case COL_SCORE_REJECTED: return same_score (condition, view, view->mean_second);
    case COL_SCORE_MARGIN: return same_score (condition, view, view->margin);
    case COL_RULES: return selected (condition, style, view);
    case COL_ID: text = item->id; break;
    case COL_SELECTED_BY: text = item->label->selected_by; break;
    case COL_ADAPTER: text = dataset_row_adapter (style, item->label); break;
    case COL_CHOSEN_MODEL: text = view->model_first; break;
    case COL_REJECTED_MODEL: text = view->model_second; break;
    case COL_SOURCE: text = item->row->source; break;
    case COL_PAIR_KEY: hex_encode (item->pair->key.data, KEY_BYTES, hex); text = hex; break;
    case COL_RUN: text = style->run; break;
    case COL_COUNT: case COL_META: break;
    }
    return strcmp (text, condition->value) == 0;
}

static bool value_holds (const condition_t *condition, const json_value_t *value)
{
    if (value == NULL)
        return *condition->value == '\0';
    double number;
    switch (value->type) {
    case JSON_NULL: return *condition->value == '\0' || strcmp (condition->value, "null") == 0;
    case JSON_TRUE: return strcmp (condition->value, "true") == 0;
    case JSON_FALSE: return strcmp (condition->value, "false") == 0;
    case JSON_NUMBER: return strcmp (condition->value, value->text) == 0
                          || (json_double (value, &number) && same_number (condition, number));
    case JSON_STRING: return json_equals (value, condition->value);
    case JSON_ARRAY: case JSON_OBJECT: break;
    }
    return false;
}

bool dataset_where_holds (dataset_where_t *where, const dataset_style_t *style, const dataset_item_t *item,
                          const dataset_view_t *view)
{
    const json_value_t *meta = NULL;
    const char *text = item->row->meta;
    if (where->meta && text && *text && json_parse (where->doc, text, strlen (text), &meta, NULL) != OK)
        meta = NULL;
    bool all = true;
    where->looked = true;
    for (size_t i = 0; i < where->n; i++) {
        condition_t *condition = &where->conditions [i];
        if (condition->column == COL_META) {
            const json_value_t *value = json_get (meta, condition->key);
            condition->seen = condition->seen || value;
            all = value_holds (condition, value) && all;
        } else
            all = column_holds (condition, style, item, view) && all;
    }
    return all;
}

status_t dataset_where_check (const dataset_where_t *where, fault_t *fault)
{
    for (size_t i = 0; where->looked && i < where->n; i++) {
        if (where->conditions [i].seen)
            continue;
        const char *near = nearest_name (where->conditions [i].key, column_names, COL_COUNT);
        return fault_set (fault, ERR_USAGE, "--where \"%s=%s\": \"%s\" is no column, and no row has it in its meta%s%s%s",
                          where->conditions [i].key, where->conditions [i].value, where->conditions [i].key,
                          near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    return OK;
}

void dataset_where_destroy (dataset_where_t **where)
{
    dataset_where_t *self = *where;
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->n; i++)
        free (self->conditions [i].key);
    free (self->conditions);
    json_doc_destroy (&self->doc);
    free (self);
    *where = NULL;
}

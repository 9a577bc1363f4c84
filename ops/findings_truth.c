// Which response is truly better: the preferences that rows gave, or a column of theirs.
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "ops/findings_parts.h"

struct findings_truth {
    const char *column;         // NULL: given preferences
    json_doc_t *doc;
    bool found;
};

findings_truth_t *findings_truth_new (const char *column)
{
    findings_truth_t *truth = mem_zero (1, sizeof *truth);
    truth->column = column;
    truth->doc = json_doc_new ();
    return truth;
}

void findings_truth_destroy (findings_truth_t **truth)
{
    if (*truth == NULL)
        return;
    json_doc_destroy (&(*truth)->doc);
    free (*truth);
    *truth = NULL;
}

bool findings_truth_found (const findings_truth_t *truth)
{
    return truth->column == NULL || truth->found;
}

// "a" or "b": the side of a row of two; a list of numbers: of the responses, the larger being better.
static int read_value (const json_value_t *value, const dataset_item_t *item)
{
    if (json_equals (value, "a") || json_equals (value, "A"))
        return 1;
    if (json_equals (value, "b") || json_equals (value, "B"))
        return -1;
    const Rulemill__Place *place = item->pair->place;
    if (!json_is (value, JSON_ARRAY) || place == NULL)
        return 0;
    uint32_t i = 0, j = item->pair->listed ? place->j : 1, at = 0;
    double x = 0, y = 0;
    bool have_x = false, have_y = false;
    if (item->pair->listed)
        i = place->i;
    for (const json_value_t *one = value->child; one; one = one->next, at++) {
        if (at == i)
            have_x = json_double (one, &x);
        if (at == j)
            have_y = json_double (one, &y);
    }
    return have_x && have_y ? (x > y) - (x < y) : 0;
}

int findings_truth_of (findings_truth_t *truth, const dataset_item_t *item)
{
    if (truth->column == NULL)
        return (item->votes.a > item->votes.b) - (item->votes.a < item->votes.b);
    const json_value_t *meta;
    const char *text = item->row->meta;
    if (text == NULL || *text == '\0' || json_parse (truth->doc, text, strlen (text), &meta, NULL) != OK)
        return 0;
    const json_value_t *value = json_get (meta, truth->column);
    truth->found = truth->found || value;
    return read_value (value, item);
}

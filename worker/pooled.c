#include "worker/pooled.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "worker/answer_text.h"

enum { NESTED_MAX = 4 };

static const struct { const char *path, *answer; } routes [POOLED_ROUTES] = {
    { "/classify", "probs" }, { "/pooling", "data" }, { "/score", "score" },
};

const char *pooled_path (pooled_route_t route)
{
    return routes [route].path;
}

bool pooled_route_of (const char *url, pooled_route_t *out)
{
    size_t len = strlen (url);
    for (int route = 0; route < POOLED_ROUTES; route++) {
        size_t n = strlen (routes [route].path);
        if (len >= n && strcmp (url + len - n, routes [route].path) == 0) {
            *out = (pooled_route_t) route;
            return true;
        }
    }
    return false;
}

static pooled_outcome_t one_number (const json_value_t *value, double *out, char why [256])
{
    if (json_double (value, out))
        return POOLED_READ;
    snprintf (why, 256, "where a number should stand it has %s", json_is (value, JSON_NUMBER) ? "one that is too large" : json_type_name (value));
    return POOLED_UNREADABLE;
}

// The numbers of a text, however deep in lists of one they stand.
static pooled_outcome_t numbers (const json_value_t *value, size_t width, double *out, char why [256])
{
    for (int depth = 0; depth < NESTED_MAX && json_is (value, JSON_ARRAY) && value->count == 1; depth++)
        if (width == 1 || json_is (value->child, JSON_ARRAY))
            value = value->child;
    if (width == 1 && !json_is (value, JSON_ARRAY))
        return one_number (value, out, why);
    if (!json_is (value, JSON_ARRAY)) {
        snprintf (why, 256, "where %zu numbers should stand it has %s", width, json_type_name (value));
        return POOLED_UNREADABLE;
    }
    bool lists = json_is (value->child, JSON_ARRAY) || (width == 1 && value->count == 1);
    if (value->count != width || lists) {
        snprintf (why, 256, "it gives %u %s%s for a text, where %zu number%s wanted", value->count, lists ? "list" : "number",
                  value->count == 1 ? "" : "s", width, width == 1 ? " is" : "s are");
        return POOLED_OTHER_WIDTH;
    }
    pooled_outcome_t outcome = POOLED_READ;
    size_t i = 0;
    for (const json_value_t *item = value->child; item && outcome == POOLED_READ; item = item->next)
        outcome = one_number (item, &out [i++], why);
    return outcome;
}

static pooled_outcome_t malformed (const fault_t *fault, char why [256])
{
    plain_text (fault->text, strlen (fault->text), why, 256);
    return POOLED_UNREADABLE;
}

pooled_outcome_t pooled_answer (pooled_route_t route, json_doc_t *doc, const char *body, size_t len, size_t n, size_t width, double *value,
                                char why [256])
{
    const json_value_t *root;
    fault_t fault = { 0 };
    if (json_parse (doc, body, len, &root, &fault) != OK)
        return malformed (&fault, why);
    const json_value_t *data = json_get (root, "data");
    if (!json_is (data, JSON_ARRAY) || data->count != n) {
        snprintf (why, 256, "it has %u entries in \"data\" for %zu texts", json_is (data, JSON_ARRAY) ? data->count : 0, n);
        return POOLED_UNREADABLE;
    }
    for (size_t i = 0; i < n; i++)
        value [i * width] = NAN;            // not given so far
    size_t place = 0;
    for (const json_value_t *item = data->child; item; item = item->next, place++) {
        int64_t index = (int64_t) place;
        const json_value_t *given = json_get (item, "index");
        if ((given && !json_int (given, &index)) || index < 0 || (size_t) index >= n || !isnan (value [(size_t) index * width])) {
            snprintf (why, 256, "an \"index\" in \"data\" is no place of a text, or stands twice");
            return POOLED_UNREADABLE;
        }
        pooled_outcome_t outcome = numbers (json_get (item, routes [route].answer), width, value + (size_t) index * width, why);
        if (outcome != POOLED_READ)
            return outcome;
    }
    return POOLED_READ;
}

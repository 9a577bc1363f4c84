// pooled: vLLM's routes for models that give numbers for a text, and what their answers mean.
//
// (docs.vllm.ai, "Online serving of pooling models"), told by the end of the URL:
//
//   /classify   {"data": [{"index", "probs": [p, ...]}]}
//   /pooling    {"data": [{"index", "data": [r, ...]}]}      lists of one list too
//   /score      {"data": [{"index", "score": r}]}
#ifndef WORKER_POOLED_H
#define WORKER_POOLED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json.h"

typedef enum { POOLED_CLASSIFY, POOLED_POOLING, POOLED_SCORE, POOLED_ROUTES } pooled_route_t;

const char *pooled_path (pooled_route_t route);             // "/classify"
bool pooled_route_of (const char *url, pooled_route_t *out);    // false: it ends with none of them

typedef enum {
    POOLED_READ,
    POOLED_UNREADABLE,          // no JSON, other places than the texts', no numbers
    POOLED_OTHER_WIDTH          // as it should be, but with more or fewer numbers for a text: another model
} pooled_outcome_t;

// The answer to n texts, `width` finite numbers for each: those of text i are value [i * width ...]. doc is scratch memory. why says
// what is wrong with it, in one line.
pooled_outcome_t pooled_answer (pooled_route_t route, json_doc_t *doc, const char *body, size_t len, size_t n, size_t width, double *value,
                                char why [256]);

#endif

// foresight_parts: what the files of foresight share. Nobody else includes it.
//
//   foresight.c         which pairs may be sent, where and when
//   foresight_answer.c  what the end of a request means for its pairs
#ifndef WORKER_FORESIGHT_PARTS_H
#define WORKER_FORESIGHT_PARTS_H

#include "base/json.h"
#include "worker/foresight.h"
#include "worker/http.h"
#include "worker/pooled.h"
#include "worker/upstream.h"

typedef struct asked_pair asked_pair_t;
struct asked_pair {
    uint64_t pair;
    buf_t inputs;                   // its two texts
    bool shortened, told;           // that it was
    bool alone;                     // with others it failed
    bool stale;                     // the last loss was a kept connection's: try again at once
    unsigned tries;                 // that failed
    unsigned refusals;              // in a row, which are no failures: each makes its wait longer, too
    int64_t wait_until_ms;
    asked_pair_t *prev, *next;
};

typedef struct flight flight_t;
struct flight {
    foresight_t *foresight;
    size_t endpoint;
    uint64_t request;
    asked_pair_t *pairs;
    size_t n;
    flight_t *prev, *next;
};

struct foresight {
    const Rulemill__AdapterSetup *setup;
    foresight_sink_t sink;
    pooled_route_t route;
    size_t n_rules;
    char *secret;
    http_t *http;
    upstream_t *upstream;
    json_doc_t *doc;
    double *value;                  // of the texts of one request
    float *mean;                    // of one pair
    asked_pair_t *ready, *waiting;
    flight_t *flying;
    size_t n;                       // pairs in all three
    bool looked;                    // whether an endpoint can be reached
    int64_t closed_ms;              // how long nothing more could be sent when that was tried last; -1: until something ends
    fault_t denied;                 // why nothing more is asked; code OK: it is
    int64_t said_ms;                // when trouble was last logged
};

// foresight.c
void foresight_make_ready (foresight_t *self, asked_pair_t *pair);
void foresight_wait (foresight_t *self, asked_pair_t *pair, int64_t ms);
void foresight_end (foresight_t *self, asked_pair_t *pair, const foreseen_t *foreseen);     // frees it

// foresight_answer.c: the pairs of a flight that has ended go on, or come to their end.
void foresight_take (foresight_t *self, flight_t *flight, const http_answer_t *http, upstream_result_t result);

#endif

// reach: before its first call a worker looks whether it gets through to its judge, or to a served adapter, at all.
#ifndef WORKER_REACH_H
#define WORKER_REACH_H

#include "worker/http.h"

// Who is looked for, and what messages say of it.
typedef struct {
    const char *name;               // "judge"
    const char *keys;               // where its key may lie
    const char *authority;          // what mends a certificate of nobody known
} reach_who_t;
extern const reach_who_t reach_judge, reach_adapter;

// One GET of models at each endpoint, all at once, which costs no call; whatever one answers, it is there. One that answers is enough,
// and where none does all are tried again a few times. urls: base URLs, "http://host:8000/v1". ERR_DENIED where each that answers refuses
// the key, ERR_IO where none answers; the fault says why.
status_t reach (http_t *http, const reach_who_t *who, const char *const *urls, size_t n, const char *secret, fault_t *fault) MUST_USE;

// What mends a server that is not reached, by what the HTTP client said of it (http_answer_t.why).
const char *reach_mend (const reach_who_t *who, const char *why);

#endif

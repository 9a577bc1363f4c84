// probe_call: one request to a server, waited for.
#ifndef OPS_PROBE_CALL_H
#define OPS_PROBE_CALL_H

#include <stdatomic.h>

#include "base/buf.h"
#include "worker/http.h"

// What came; zero-initialised at first, its body is used again and given back with buf_free.
typedef struct {
    http_outcome_t outcome;
    long status;                    // HTTP_ANSWERED
    buf_t body;
    char why [256];
    double seconds;
} probe_reply_t;

// body NULL: a GET. stop: set by another thread, it ends the waiting as if nobody were there; NULL: never.
void probe_call (http_t *http, const char *url, const char *secret, const buf_t *body, unsigned timeout_ms,
                 const _Atomic bool *stop, probe_reply_t *reply);

#endif

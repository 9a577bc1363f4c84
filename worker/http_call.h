// http_call: one request on a libcurl easy handle, and what came of it.
//
// A call is used for one request after another: its handle, its header list and its buffers stay. Only http.c, which
// owns the multi handle that drives it, includes this.
#ifndef WORKER_HTTP_CALL_H
#define WORKER_HTTP_CALL_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "worker/http.h"
#include "worker/http_headers.h"

enum {
    HTTP_HEADER_BYTES_MAX = 64 * 1024,      // all header lines of an answer, of 1xx answers and trailers too
    HTTP_SECRET_BYTES_MAX = 8192,
    HTTP_KEEP_BYTES = 64 * 1024,            // buffers larger than this are given back after a request
    HTTP_TIMEOUT_MS = 600000                // where the caller names none
};

typedef struct http_call http_call_t;
struct http_call {
    CURL *easy;
    struct curl_slist *headers;
    char *secret;               // the one in headers; NULL: none
    // of the request in hand
    uint64_t number;            // 0: idle
    http_done_fn *done;
    void *ctx;
    double begun_s;
    buf_t body, answer;
    size_t answer_bytes_max, header_bytes;
    http_headers_t said;
    unsigned sent;              // how often it was sent: a second time is stopped
    bool reused;                // over a kept connection
    bool too_long;
    char error [CURL_ERROR_SIZE];
    // kept by http.c
    uint32_t slot;
    http_call_t *next;          // in the list of idle ones
};

// A call with the settings that all requests share; NULL where libcurl can't.
http_call_t *http_call_new (const http_options_t *options);
void http_call_destroy (http_call_t **call);

// Set it up for a request. False: the secret or the URL can't be sent, or libcurl refuses an option.
bool http_call_set (http_call_t *call, const char *url, const char *secret, const void *body, size_t len, unsigned timeout_ms);

// What came of it; valid until the call is used again.
void http_call_answer (const http_call_t *call, CURLcode code, http_answer_t *answer);

// Forget the request; what a large one took is given back.
void http_call_clear (http_call_t *call);

// Seconds of a clock that never goes back.
double http_now_s (void);

#endif

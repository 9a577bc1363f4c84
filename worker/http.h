// http: many requests at once on one thread, over libcurl's multi interface.
//
// Connections are kept and used again. An answer is bounded in bytes and in time; nothing that a server sends can
// grow memory past that, crash, or hold a request for ever. No secret that a request carries is ever logged or put
// into a message. TLS is verified always; redirects are not followed; a URL with a user name or password is refused. Proxies are
// libcurl's: http_proxy, https_proxy and no_proxy of the environment. A request is sent once: libcurl's own silent repetition over
// a new connection is stopped, since a call may cost money. Source: RFC 9110, RFC 9112; libcurl's multi interface.
//
// Needs SIGPIPE to be ignored (TLS). One thread at a time.
#ifndef WORKER_HTTP_H
#define WORKER_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"

typedef struct http http_t;

typedef struct {
    const char *ca_file;            // PEM of a private CA, NULL: the system's
    unsigned connect_ms;            // 0: 10000
    size_t answer_bytes_max;        // 0: 8 MiB; longer answers end the request with HTTP_TOO_LONG
    unsigned connections_max;       // kept open in all; 0: 1024
} http_options_t;

typedef enum {
    HTTP_ANSWERED,                  // status and body are there
    HTTP_UNREACHABLE,               // name, connection or TLS failed, or took too long, before the request was sent
    HTTP_BROKEN,                    // the connection ended in mid-answer, or what came is no HTTP
    HTTP_TIMED_OUT,
    HTTP_TOO_LONG
} http_outcome_t;

// What came of a request. Valid during the call of done alone.
typedef struct {
    http_outcome_t outcome;
    long status;                    // HTTP_ANSWERED: 200, 429, ... redirects are not followed
    const char *body;               // NUL-terminated
    size_t len;
    int64_t retry_after_ms;         // from Retry-After (seconds or an HTTP date) or retry-after-ms; -1: none
    int64_t limit_requests_left, limit_tokens_left;             // x-ratelimit-remaining-*; -1: none
    int64_t limit_requests_reset_ms, limit_tokens_reset_ms;     // x-ratelimit-reset-* ("1s", "6m0s", "20ms"); -1: none
    bool fresh_connection;          // false: a kept one was used; with HTTP_BROKEN: it was gone before a byte of the answer, which
                                    // is not an error of the server
    bool sent;                      // the request may have reached the server
    double seconds;                 // from start to end
    char why [256];                 // what went wrong, without secrets
} http_answer_t;

typedef void http_done_fn (void *ctx, const http_answer_t *answer);

status_t http_new (const http_options_t *options, http_t **out, fault_t *fault) MUST_USE;

// Begin a request; timeout_ms 0: ten minutes. body is copied (NULL: a GET). secret is sent as "Authorization: Bearer SECRET", NULL for none. done is
// called from http_step, once. Returns a number to cancel it with; 0 where it could not even be begun (done was not called).
uint64_t http_begin (http_t *http, const char *url, const char *secret, const void *body, size_t len, unsigned timeout_ms,
                     http_done_fn *done, void *ctx);
void http_cancel (http_t *http, uint64_t request);      // done is not called

// Go on with all requests for at most timeout_ms, until some have ended; waits, too, where none is in flight. Returns how many are
// in flight. done may begin and cancel requests.
unsigned http_step (http_t *http, int timeout_ms);
int http_fd (const http_t *http);                       // readable when a socket of a request is ready
int64_t http_timer_ms (const http_t *http);             // until http_step has something to do that no socket tells of; -1: never
void http_destroy (http_t **http);                      // cancels what is in flight

#endif

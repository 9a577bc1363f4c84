// http_headers: what an answer's header lines say of when to come again.
//
// Retry-After (RFC 9110 section 10.2.3, seconds or a date), retry-after-ms and x-ratelimit-* as OpenAI and its
// kin send them; durations as Go writes them ("6m0s", "1s", "20ms", "1m7.66s") or plain seconds. What can't be read
// counts as absent. All times are bounded by HTTP_HEADERS_WAIT_MS_MAX.
#ifndef WORKER_HTTP_HEADERS_H
#define WORKER_HTTP_HEADERS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define HTTP_HEADERS_WAIT_MS_MAX (24 * 3600 * INT64_C (1000))

// Set with http_headers_clear; -1 means "not said".
typedef struct {
    int64_t retry_after_ms;                             // from retry-after-ms, or seconds
    time_t retry_at;                                    // Retry-After as a date
    char date [40];                                     // the server's own Date, as it came; "" where it gave none
    int64_t limit_requests_left, limit_tokens_left;
    int64_t limit_requests_reset_ms, limit_tokens_reset_ms;
} http_headers_t;

void http_headers_clear (http_headers_t *headers);

// One line, with or without its line end; need not end with a NUL. A status line clears what an earlier (1xx) answer said.
void http_headers_line (http_headers_t *headers, const char *line, size_t len);

// How long to wait; a date counts from the server's own where it gave one, else from now. -1: not said.
int64_t http_headers_retry_after_ms (const http_headers_t *headers, time_t now);

// "6m0s", "20ms", "1.5", in milliseconds rounded up; -1 where it is none.
int64_t http_duration_ms (const char *text, size_t len);

#endif

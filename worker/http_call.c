#include "worker/http_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

enum { CONNECT_MS = 10000, ANSWER_BYTES_MAX = 8 * 1024 * 1024, KEEPALIVE_S = 30, DNS_CACHE_S = 60 };

double http_now_s (void)
{
    struct timespec t;
    clock_gettime (CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

// --- what libcurl calls -----------------------------------------------------

// Called each time that the request is about to be sent. When a kept connection is gone libcurl would silently send it again
// over a new one; but the server may have seen the first, and a call that may cost money is the caller's to repeat and to count.
static int before_sending (void *ctx, char *to, char *from, int to_port, int from_port)
{
    (void) to, (void) from, (void) to_port, (void) from_port;
    http_call_t *call = ctx;
    if (++call->sent > 1)
        return CURL_PREREQFUNC_ABORT;
    long connects = 0;
    curl_easy_getinfo (call->easy, CURLINFO_NUM_CONNECTS, &connects);
    call->reused = connects == 0;
    return CURL_PREREQFUNC_OK;
}

static size_t take_header (char *line, size_t size, size_t n, void *ctx)
{
    http_call_t *call = ctx;
    size_t len = size * n;
    call->header_bytes += len;
    if (call->header_bytes > HTTP_HEADER_BYTES_MAX) {
        call->too_long = true;
        return 0;
    }
    http_headers_line (&call->said, line, len);
    return len;
}

static size_t take_body (char *bytes, size_t size, size_t n, void *ctx)
{
    http_call_t *call = ctx;
    size_t len = size * n;
    if (len > call->answer_bytes_max - call->answer.len) {
        call->too_long = true;
        return 0;
    }
    buf_add (&call->answer, bytes, len);
    return len;
}

// --- the handle --------------------------------------------------------------

// Stops at the first option that libcurl does not take.
#define SET(option, value) (code = code ? code : curl_easy_setopt (easy, option, value))

static CURLcode set_transport (CURL *easy, const http_options_t *options)
{
    CURLcode code = CURLE_OK;
    SET (CURLOPT_NOSIGNAL, 1L);
    SET (CURLOPT_PROTOCOLS_STR, "http,https");
    SET (CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
    SET (CURLOPT_FOLLOWLOCATION, 0L);
    SET (CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET (CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);     // a proxy's headers are not the server's
    SET (CURLOPT_SSL_VERIFYPEER, 1L);
    SET (CURLOPT_SSL_VERIFYHOST, 2L);
    if (options->ca_file)
        SET (CURLOPT_CAINFO, options->ca_file);
    SET (CURLOPT_TCP_NODELAY, 1L);
    SET (CURLOPT_TCP_KEEPALIVE, 1L);
    SET (CURLOPT_TCP_KEEPIDLE, (long) KEEPALIVE_S);
    SET (CURLOPT_TCP_KEEPINTVL, (long) KEEPALIVE_S);
    SET (CURLOPT_DNS_CACHE_TIMEOUT, (long) DNS_CACHE_S);
    SET (CURLOPT_CONNECTTIMEOUT_MS, (long) (options->connect_ms ? options->connect_ms : CONNECT_MS));
    SET (CURLOPT_QUICK_EXIT, 1L);                   // a name server that does not answer must not hold up the end
    return code;
}

static CURLcode set_callbacks (CURL *easy, http_call_t *call)
{
    CURLcode code = CURLE_OK;
    SET (CURLOPT_PRIVATE, call);
    SET (CURLOPT_ERRORBUFFER, call->error);
    SET (CURLOPT_USERAGENT, "rulemill/" RULEMILL_VERSION);
    SET (CURLOPT_PREREQFUNCTION, before_sending);
    SET (CURLOPT_PREREQDATA, call);
    SET (CURLOPT_HEADERFUNCTION, take_header);
    SET (CURLOPT_HEADERDATA, call);
    SET (CURLOPT_WRITEFUNCTION, take_body);
    SET (CURLOPT_WRITEDATA, call);
    return code;
}

http_call_t *http_call_new (const http_options_t *options)
{
    http_call_t *call = mem_zero (1, sizeof *call);
    call->answer_bytes_max = options->answer_bytes_max ? options->answer_bytes_max : ANSWER_BYTES_MAX;
    call->easy = curl_easy_init ();
    if (!call->easy || set_transport (call->easy, options) != CURLE_OK || set_callbacks (call->easy, call) != CURLE_OK)
        http_call_destroy (&call);
    return call;
}

static void forget_headers (http_call_t *call)
{
    for (struct curl_slist *line = call->headers; line; line = line->next)
        explicit_bzero (line->data, strlen (line->data));
    curl_slist_free_all (call->headers);
    call->headers = NULL;
    if (call->secret)
        explicit_bzero (call->secret, strlen (call->secret));
    free (call->secret);
    call->secret = NULL;
}

void http_call_destroy (http_call_t **call)
{
    if (!*call)
        return;
    curl_easy_cleanup ((*call)->easy);
    forget_headers (*call);
    buf_free (&(*call)->body);
    buf_free (&(*call)->answer);
    free (*call);
    *call = NULL;
}

// --- a request -----------------------------------------------------------------

// A line break in a secret would begin another header.
static bool secret_is_sendable (const char *secret)
{
    size_t len = strnlen (secret, HTTP_SECRET_BYTES_MAX + 1);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char) secret [i] < 0x20 || secret [i] == 0x7F)
            return false;
    return len <= HTTP_SECRET_BYTES_MAX;
}

static bool add_header (http_call_t *call, const char *line)
{
    struct curl_slist *list = curl_slist_append (call->headers, line);
    if (list)
        call->headers = list;
    return list;
}

// The lists of two requests are mostly equal: nothing is done then.
static bool set_headers (http_call_t *call, const char *secret)
{
    bool same = secret ? call->secret && strcmp (secret, call->secret) == 0 : !call->secret;
    if (same && call->headers)
        return true;
    forget_headers (call);
    bool ok = add_header (call, "Content-Type: application/json") && add_header (call, "Accept: application/json") &&
              add_header (call, "Expect:");         // curl's own would cost a round trip
    if (ok && secret) {
        buf_t line = { 0 };
        buf_printf (&line, "Authorization: Bearer %s", secret);
        ok = add_header (call, line.data);
        explicit_bzero (line.data, line.len);
        buf_free (&line);
        call->secret = mem_string (secret);
    }
    if (!ok)
        forget_headers (call);
    return ok;
}

bool http_call_set (http_call_t *call, const char *url, const char *secret, const void *body, size_t len, unsigned timeout_ms)
{
    if ((secret && !secret_is_sendable (secret)) || !set_headers (call, secret))
        return false;
    CURL *easy = call->easy;
    CURLcode code = CURLE_OK;
    SET (CURLOPT_URL, url);
    SET (CURLOPT_HTTPHEADER, call->headers);
    SET (CURLOPT_TIMEOUT_MS, (long) (timeout_ms ? timeout_ms : HTTP_TIMEOUT_MS));
    if (body) {
        buf_clear (&call->body);
        buf_reserve (&call->body, len + 1);
        buf_add (&call->body, body, len);
        SET (CURLOPT_POST, 1L);
        SET (CURLOPT_POSTFIELDS, call->body.data);
        SET (CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) len);
    }
    else
        SET (CURLOPT_HTTPGET, 1L);
    call->begun_s = http_now_s ();
    http_headers_clear (&call->said);
    return code == CURLE_OK;
}

// Once the request was (perhaps) sent, what goes wrong is the answer's fault; before, nobody was reached.
static http_outcome_t outcome_of (const http_call_t *call, CURLcode code)
{
    if (code == CURLE_OK)
        return HTTP_ANSWERED;
    if (call->sent == 0)
        return HTTP_UNREACHABLE;
    if (call->too_long)
        return HTTP_TOO_LONG;
    return code == CURLE_OPERATION_TIMEDOUT && call->sent == 1 ? HTTP_TIMED_OUT : HTTP_BROKEN;
}

// No message of libcurl's names the key today; should one ever, it goes no further.
static void hide (char *text, const char *secret)
{
    size_t len = secret ? strlen (secret) : 0;
    char *at;
    while (len > 0 && (at = strstr (text, secret))) {
        memset (at, '*', len < 3 ? len : 3);
        if (len > 3)
            memmove (at + 3, at + len, strlen (at + len) + 1);
        text = at + (len < 3 ? len : 3);
    }
}

static void say_why (const http_call_t *call, CURLcode code, http_answer_t *answer)
{
    size_t size = sizeof answer->why;
    const char *text = call->error [0] ? call->error : curl_easy_strerror (code);
    if (answer->outcome == HTTP_TOO_LONG && call->header_bytes > HTTP_HEADER_BYTES_MAX)
        snprintf (answer->why, size, "the header is longer than %d bytes", HTTP_HEADER_BYTES_MAX);
    else if (answer->outcome == HTTP_TOO_LONG)
        snprintf (answer->why, size, "the answer is longer than %zu bytes", call->answer_bytes_max);
    else if (answer->outcome == HTTP_TIMED_OUT)
        snprintf (answer->why, size, "no whole answer within %.1f s (%zu bytes of it came)", answer->seconds, call->answer.len);
    else if (call->sent > 1)
        snprintf (answer->why, size, "the kept connection was gone");
    else if (answer->outcome == HTTP_UNREACHABLE && code == CURLE_LOGIN_DENIED)
        snprintf (answer->why, size, "the URL has a user name or password in it; give the key apart from it");
    else if (answer->outcome != HTTP_ANSWERED)
        snprintf (answer->why, size, "%.*s", (int) size - 1, text);
    hide (answer->why, call->secret);
}

void http_call_answer (const http_call_t *call, CURLcode code, http_answer_t *answer)
{
    *answer = (http_answer_t) {
        .outcome = outcome_of (call, code),
        .body = call->answer.data ? call->answer.data : "",
        .len = call->answer.len,
        .retry_after_ms = http_headers_retry_after_ms (&call->said, time (NULL)),
        .limit_requests_left = call->said.limit_requests_left,
        .limit_tokens_left = call->said.limit_tokens_left,
        .limit_requests_reset_ms = call->said.limit_requests_reset_ms,
        .limit_tokens_reset_ms = call->said.limit_tokens_reset_ms,
        .sent = call->sent > 0,
        .seconds = http_now_s () - call->begun_s
    };
    // A kept connection may end at any moment; but one over which an answer had begun to come was alive.
    bool came = call->header_bytes > 0 || call->answer.len > 0;
    answer->fresh_connection = !call->reused || (answer->outcome == HTTP_BROKEN && came);
    if (answer->outcome == HTTP_ANSWERED)
        curl_easy_getinfo (call->easy, CURLINFO_RESPONSE_CODE, &answer->status);
    say_why (call, code, answer);
}

static void empty (buf_t *buf)
{
    if (buf->cap > HTTP_KEEP_BYTES)
        buf_free (buf);
    else
        buf_clear (buf);
}

void http_call_clear (http_call_t *call)
{
    empty (&call->body);
    empty (&call->answer);
    call->number = 0;
    call->done = NULL;
    call->ctx = NULL;
    call->header_bytes = 0;
    call->sent = 0;
    call->reused = false;
    call->too_long = false;
    call->error [0] = '\0';
}

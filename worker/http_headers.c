#include "worker/http_headers.h"

#include <curl/curl.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { VALUE_MAX = 128 };      // longer ones are nothing that is read here

void http_headers_clear (http_headers_t *headers)
{
    *headers = (http_headers_t) {
        .retry_after_ms = -1, .retry_at = -1,
        .limit_requests_left = -1, .limit_tokens_left = -1,
        .limit_requests_reset_ms = -1, .limit_tokens_reset_ms = -1
    };
}

static bool is_digit (char c)
{
    return c >= '0' && c <= '9';
}

// A decimal number without sign or exponent at *p, moved behind it; -1 where there is none.
static double read_decimal (const char **p, const char *end)
{
    if (*p == end || !is_digit (**p))
        return -1;
    double value = 0, unit = 1;
    for (; *p < end && is_digit (**p); ++*p)
        value = value * 10 + (**p - '0');
    if (*p < end && **p == '.')
        for (++*p; *p < end && is_digit (**p); ++*p)
            value += (unit /= 10) * (**p - '0');
    return value;
}

// Milliseconds of the unit at *p, moved behind it; -1 for an unknown one.
static double read_unit (const char **p, const char *end)
{
    static const struct { const char *name; double ms; } units [] = {
        { "ms", 1 }, { "us", 1e-3 }, { "\xC2\xB5s", 1e-3 }, { "ns", 1e-6 },
        { "s", 1e3 }, { "m", 60e3 }, { "h", 3600e3 }, { "d", 86400e3 }
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t len = strlen (units [i].name);
        if ((size_t) (end - *p) >= len && memcmp (*p, units [i].name, len) == 0) {
            *p += len;
            return units [i].ms;
        }
    }
    return -1;
}

static int64_t bounded_ms (double ms)
{
    ms = ceil (ms - 1e-6);      // a sum of decimals may lie a hair above the whole number that it means
    return ms < (double) HTTP_HEADERS_WAIT_MS_MAX ? (int64_t) fmax (ms, 0) : HTTP_HEADERS_WAIT_MS_MAX;
}

int64_t http_duration_ms (const char *text, size_t len)
{
    const char *p = text, *end = text + len;
    double sum = 0;
    bool parts = false;
    while (p < end) {
        double value = read_decimal (&p, end);
        if (value < 0)
            return -1;
        if (p == end && !parts)
            return bounded_ms (value * 1e3);
        double unit = read_unit (&p, end);
        if (unit < 0)
            return -1;
        sum += value * unit;
        parts = true;
    }
    return parts ? bounded_ms (sum) : -1;
}

// A count; digits behind a point are cut off. -1 where it is none.
static int64_t read_count (const char *text, size_t len)
{
    const char *p = text, *end = text + len;
    double value = read_decimal (&p, end);
    return value < 0 || p != end || value > 9e15 ? -1 : (int64_t) value;
}

static time_t read_date (const char *text, size_t len)
{
    char copy [VALUE_MAX + 1];
    memcpy (copy, text, len);
    copy [len] = '\0';
    return curl_getdate (copy, NULL);
}

static void read_retry_after (http_headers_t *headers, const char *value, size_t len)
{
    if (headers->retry_after_ms >= 0)       // retry-after-ms is the more exact one
        return;
    headers->retry_after_ms = http_duration_ms (value, len);
    if (headers->retry_after_ms < 0)
        headers->retry_at = read_date (value, len);
}

static void read_retry_after_ms (http_headers_t *headers, const char *value, size_t len)
{
    const char *p = value, *end = value + len;
    double ms = read_decimal (&p, end);
    if (ms >= 0 && p == end)
        headers->retry_after_ms = bounded_ms (ms);
}

// Every answer has one, and hardly any needs it: it is read when it does.
static void keep_date (http_headers_t *headers, const char *value, size_t len)
{
    if (len >= sizeof headers->date)
        len = 0;
    memcpy (headers->date, value, len);
    headers->date [len] = '\0';
}

static void read_field (http_headers_t *headers, const char *name, size_t name_len, const char *value, size_t len)
{
#define IS(text) (name_len == sizeof text - 1 && strncasecmp (name, text, sizeof text - 1) == 0)
    if (IS ("retry-after"))
        read_retry_after (headers, value, len);
    else if (IS ("retry-after-ms"))
        read_retry_after_ms (headers, value, len);
    else if (IS ("date"))
        keep_date (headers, value, len);
    else if (IS ("x-ratelimit-remaining-requests"))
        headers->limit_requests_left = read_count (value, len);
    else if (IS ("x-ratelimit-remaining-tokens"))
        headers->limit_tokens_left = read_count (value, len);
    else if (IS ("x-ratelimit-reset-requests"))
        headers->limit_requests_reset_ms = http_duration_ms (value, len);
    else if (IS ("x-ratelimit-reset-tokens"))
        headers->limit_tokens_reset_ms = http_duration_ms (value, len);
#undef IS
}

static bool is_blank (char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

void http_headers_line (http_headers_t *headers, const char *line, size_t len)
{
    if (len >= 5 && memcmp (line, "HTTP/", 5) == 0) {
        http_headers_clear (headers);
        return;
    }
    char first = len ? (char) (line [0] | 0x20) : '\0';
    const char *colon = first == 'r' || first == 'd' || first == 'x' ? memchr (line, ':', len) : NULL;
    if (!colon)
        return;
    const char *value = colon + 1, *end = line + len;
    while (value < end && is_blank (*value))
        value++;
    while (end > value && is_blank (end [-1]))
        end--;
    if (end - value <= VALUE_MAX)
        read_field (headers, line, (size_t) (colon - line), value, (size_t) (end - value));
}

int64_t http_headers_retry_after_ms (const http_headers_t *headers, time_t now)
{
    if (headers->retry_after_ms >= 0 || headers->retry_at == (time_t) -1)
        return headers->retry_after_ms;
    time_t from = headers->date [0] ? curl_getdate (headers->date, NULL) : (time_t) -1;
    return bounded_ms (difftime (headers->retry_at, from == (time_t) -1 ? now : from) * 1e3);
}

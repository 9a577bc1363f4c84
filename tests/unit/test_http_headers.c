// worker/http_headers: when to come again, in all the ways in which servers say it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "worker/http_headers.h"

static void durations_are_read_as_servers_write_them (void **state)
{
    (void) state;
    static const struct { const char *text; int64_t ms; } cases [] = {
        { "6m0s", 360000 }, { "1s", 1000 }, { "20ms", 20 }, { "1h2m3.5s", 3723500 }, { "7.66s", 7660 }, { "1m7.66s", 67660 }, { "0s", 0 }, { "5", 5000 },
        { "1.5", 1500 }, { "250us", 1 }, { "250\xC2\xB5s", 1 }, { "0", 0 }, { "1d", 86400000 }, { "9999999h", 86400000 }, { "1e9", -1 }, { "-1s", -1 },
        { "", -1 }, { "s", -1 }, { "1x", -1 }, { "1s2", -1 }, { "6m 0s", -1 }, { "nan", -1 }, { ".", -1 }, { "99999999999999999999999999999999", 86400000 }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (http_duration_ms (cases [i].text, strlen (cases [i].text)) != cases [i].ms)
            fail_msg ("%s: %lld", cases [i].text, (long long) http_duration_ms (cases [i].text, strlen (cases [i].text)));
}

static void line (http_headers_t *headers, const char *text)
{
    char *exact = mem_new (strlen (text) ? strlen (text) : 1);      // a read past its end is seen by the sanitizer
    memcpy (exact, text, strlen (text));
    http_headers_line (headers, exact, strlen (text));
    free (exact);
}

static void header_lines_are_read (void **state)
{
    (void) state;
    http_headers_t h;
    http_headers_clear (&h);
    assert_int_equal (http_headers_retry_after_ms (&h, 0), -1);
    line (&h, "RETRY-AFTER:  3 \r\n");
    assert_int_equal (http_headers_retry_after_ms (&h, 0), 3000);
    line (&h, "retry-after-ms: 1500\r\n");
    line (&h, "Retry-After: 9\r\n");                                 // the more exact one stays
    assert_int_equal (http_headers_retry_after_ms (&h, 0), 1500);
    line (&h, "HTTP/1.1 200 OK\r\n");                                // a new answer
    assert_int_equal (http_headers_retry_after_ms (&h, 0), -1);
    line (&h, "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    assert_int_equal (http_headers_retry_after_ms (&h, 784111777 - 60), 60000);
    assert_int_equal (http_headers_retry_after_ms (&h, 784111777 + 60), 0);
    assert_int_equal (http_headers_retry_after_ms (&h, 0), HTTP_HEADERS_WAIT_MS_MAX);
    line (&h, "Date: no date at all");
    assert_int_equal (http_headers_retry_after_ms (&h, 784111777 - 60), 60000);
    line (&h, "Date: Sun, 06 Nov 1994 08:49:27 GMT");
    assert_int_equal (http_headers_retry_after_ms (&h, 0), 10000);
    line (&h, "x-ratelimit-remaining-requests: 12");
    line (&h, "X-RateLimit-Remaining-Tokens:149984");
    line (&h, "x-ratelimit-reset-requests: 6m0s");
    line (&h, "x-ratelimit-reset-tokens: 1.5s");
    assert_int_equal (h.limit_requests_left, 12);
    assert_int_equal (h.limit_tokens_left, 149984);
    assert_int_equal (h.limit_requests_reset_ms, 360000);
    assert_int_equal (h.limit_tokens_reset_ms, 1500);
    line (&h, "x-ratelimit-remaining-requests: -4");
    assert_int_equal (h.limit_requests_left, -1);
    const char *const strange [] = { "", "\r\n", "x", "x:", ":", "retry-after", "retry-after:", "Retry-After: soon", "d:\t", "HTTP", "retry-after: -7" };
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        line (&h, strange [i]);
    char *big = mem_new (100000);
    memset (big, '9', 100000);
    memcpy (big, "retry-after: ", 13);
    http_headers_clear (&h);
    http_headers_line (&h, big, 100000);
    assert_int_equal (http_headers_retry_after_ms (&h, 0), -1);
    free (big);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (durations_are_read_as_servers_write_them),
        cmocka_unit_test (header_lines_are_read),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

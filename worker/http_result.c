#include "worker/http_result.h"

#include <stdio.h>

upstream_result_t http_result (const http_answer_t *answer)
{
    if (answer->outcome == HTTP_ANSWERED) {
        if (answer->status >= 200 && answer->status < 300)
            return UPSTREAM_OK;
        if (answer->status == 429 || answer->status == 503 || answer->status == 529)
            return UPSTREAM_OVERLOADED;
        return answer->status == 408 || answer->status >= 500 ? UPSTREAM_FAILED : UPSTREAM_REFUSED;
    }
    if (answer->outcome == HTTP_UNREACHABLE)
        return UPSTREAM_UNREACHABLE;
    return answer->outcome == HTTP_BROKEN && !answer->fresh_connection ? UPSTREAM_STALE : UPSTREAM_FAILED;
}

bool http_is_of_endpoint (long status)
{
    return (status >= 300 && status < 400) || status == 404 || status == 405;
}

http_answer_t http_not_begun (void)
{
    http_answer_t lost = { .outcome = HTTP_UNREACHABLE, .fresh_connection = true, .retry_after_ms = 1000, .limit_requests_left = -1,
                           .limit_tokens_left = -1, .limit_requests_reset_ms = -1, .limit_tokens_reset_ms = -1 };
    snprintf (lost.why, sizeof lost.why, "the request could not be begun");
    return lost;
}

#include "ops/probe_call.h"

#include <stdio.h>

enum { STEP_MS = 200 };

typedef struct { probe_reply_t *reply; bool done; } waiting_t;

static void came (void *ctx, const http_answer_t *answer)
{
    waiting_t *waiting = ctx;
    probe_reply_t *reply = waiting->reply;
    reply->outcome = answer->outcome;
    reply->status = answer->status;
    reply->seconds = answer->seconds;
    snprintf (reply->why, sizeof reply->why, "%s", answer->why);
    if (answer->len > 0)
        buf_add (&reply->body, answer->body, answer->len);
    waiting->done = true;
}

void probe_call (http_t *http, const char *url, const char *secret, const buf_t *body, unsigned timeout_ms,
                 const _Atomic bool *stop, probe_reply_t *reply)
{
    waiting_t waiting = { .reply = reply };
    reply->outcome = HTTP_UNREACHABLE;
    reply->status = 0;
    snprintf (reply->why, sizeof reply->why, "the request could not be begun");
    buf_clear (&reply->body);
    buf_add (&reply->body, "", 0);
    uint64_t request = http_begin (http, url, secret, body ? body->data : NULL, body ? body->len : 0, timeout_ms, came, &waiting);
    while (request != 0 && !waiting.done) {
        http_step (http, STEP_MS);
        if (waiting.done || stop == NULL || !atomic_load (stop))
            continue;
        http_cancel (http, request);
        snprintf (reply->why, sizeof reply->why, "stopped on request");
        return;
    }
}

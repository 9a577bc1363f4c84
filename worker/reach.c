#include "worker/reach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const reach_who_t reach_judge = {
    "judge", "OPENAI_API_KEY, judge.key_file or judge.key_command",
    "where a private authority signed it, give that one's certificates with judge.ca_file"
};
const reach_who_t reach_adapter = {
    "served adapter", "ADAPTER_API_KEY, adapter.key_file or adapter.key_command",
    "where a private authority signed it, give that one's certificates with adapter.ca_file"
};

enum { TRIES = 5, PAUSE_MS = 1000, GET_MS = 10000, STEP_MS = 100 };

// What the endpoints said so far.
typedef struct {
    unsigned waiting, there, denied;
    char why [256];                 // of the last that could not be reached
    char refusal [64];
} reached_t;

static void came (void *ctx, const http_answer_t *answer)
{
    reached_t *reached = ctx;
    reached->waiting--;
    if (answer->outcome != HTTP_ANSWERED)
        snprintf (reached->why, sizeof reached->why, "%s", answer->why);
    else if (answer->status == 401) {
        reached->denied++;
        snprintf (reached->refusal, sizeof reached->refusal, "%ld", answer->status);
    } else
        reached->there++;
}

// All of them, until one is there.
static void ask_all (http_t *http, const char *const *urls, size_t n, const char *secret, reached_t *reached)
{
    uint64_t *request = mem_zero (n, sizeof *request);
    *reached = (reached_t) { .why = "the request could not be begun" };
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen (urls [i]);
        while (len > 0 && urls [i][len - 1] == '/')
            len--;
        char *url = mem_printf ("%.*s/models", (int) len, urls [i]);
        request [i] = http_begin (http, url, secret, NULL, 0, GET_MS, came, reached);
        reached->waiting += request [i] != 0;
        free (url);
    }
    while (reached->waiting > 0 && reached->there == 0)
        http_step (http, STEP_MS);
    for (size_t i = 0; i < n && reached->waiting > 0; i++)
        if (request [i] != 0)
            http_cancel (http, request [i]);        // one that has ended is not known any more
    free (request);
}

static void pause_for (http_t *http, int ms)
{
    for (; ms > 0; ms -= STEP_MS)
        http_step (http, STEP_MS);
}

status_t reach (http_t *http, const reach_who_t *who, const char *const *urls, size_t n, const char *secret, fault_t *fault)
{
    reached_t reached = { 0 };
    for (int i = 0; i < TRIES && reached.there == 0 && reached.denied == 0; i++) {
        if (i > 0)
            pause_for (http, PAUSE_MS);
        ask_all (http, urls, n, secret, &reached);
    }
    if (reached.there > 0)
        return OK;
    if (reached.denied > 0)
        return fault_set (fault, ERR_DENIED, "the %s %s (%s); check %s on this machine", who->name, secret ? "refused the key" : "wants a key",
                          reached.refusal, who->keys);
    return fault_set (fault, ERR_IO, "none of the %s's endpoints can be reached from here (%s%s: %s); %s", who->name, urls [0],
                      n > 1 ? " and others" : "", reached.why, reach_mend (who, reached.why));
}

// libcurl's own words, whatever TLS library it was built with: names first, as they speak of certificates too.
const char *reach_mend (const reach_who_t *who, const char *why)
{
    if (strstr (why, "subject name") || strstr (why, "hostname mismatch"))
        return "the certificate is for another name: give the URL by the name that stands in it";
    if (strstr (why, "certificate"))
        return who->authority;
    return "is the server up, is this its URL, and does this machine get through to it?";
}

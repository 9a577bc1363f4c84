// http_scene: a scripted server in a process of its own, and requests to it.
#ifndef TESTS_UNIT_HTTP_SCENE_H
#define TESTS_UNIT_HTTP_SCENE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "worker/http.h"

// --- a scripted server -------------------------------------------------------

typedef struct { pid_t pid; unsigned port; char folder [64]; } server_t;

pid_t spawn (char *const *argv, int out);
void server_start_with (server_t *server, const char *script, const char *cert);
void server_start (server_t *server, const char *script);
void server_stop (server_t *server);

// --- asking ----------------------------------------------------------------------

typedef struct {
    unsigned calls;
    http_answer_t answer;
    buf_t body;
} got_t;

void done (void *ctx, const http_answer_t *answer);
http_t *http_make (size_t answer_bytes_max);
const char *url_of (const server_t *server);

// A chat whose rule is `what`.
const char *chat (const char *what);
void run_until (http_t *http, const unsigned *calls, unsigned n);

// One request from begin to end. body NULL: a GET.
void ask (http_t *http, const char *url, const char *secret, const char *body, unsigned timeout_ms, got_t *got);
bool said (const got_t *got, const char *text);

#endif

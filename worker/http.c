#include "worker/http.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "worker/http_call.h"
#include "worker/http_sockets.h"

// libcurl's "event" interface over epoll: the work for each event does not grow with the number of requests in flight,
// as it does with curl_multi_perform, which looks at all of them.

enum { CONNECTIONS_MAX = 1024, EVENTS_MAX = 256 };

struct http {
    http_options_t options;
    char *ca_file;
    CURLM *multi;
    http_sockets_t *sockets;
    double timer_s;             // when libcurl wants to be called; INFINITY: not at all
    bool stepping;              // in http_step; it is not called from done
    http_call_t **calls;        // by slot; owned
    uint32_t n_calls, cap_calls;
    http_call_t *idle;          // those with nothing to do
    unsigned flying;
    uint32_t turn;              // makes numbers of one slot differ
};

// --- what libcurl asks for -----------------------------------------------------

static int set_timer (CURLM *multi, long ms, void *ctx)
{
    (void) multi;
    http_t *http = ctx;
    http->timer_s = ms < 0 ? INFINITY : http_now_s () + (double) ms * 1e-3;
    return 0;
}

// --- its life --------------------------------------------------------------------

// A wrong file would fail each request; better at once, and by its name.
static status_t check_ca_file (const char *path, fault_t *fault)
{
    FILE *file = fopen (path, "re");
    if (!file)
        return fault_set (fault, ERR_IO, "%s: %s; give the PEM file of the CA", path, strerror (errno));
    bool found = false;
    char line [256];
    while (!found && fgets (line, sizeof line, file))
        found = strstr (line, "-----BEGIN ");
    bool failed = ferror (file);
    fclose (file);
    if (failed)
        return fault_set (fault, ERR_IO, "%s: it can't be read; give the PEM file of the CA", path);
    return found ? OK : fault_set (fault, ERR_FORMAT, "%s: no certificate in it; a PEM file with \"-----BEGIN CERTIFICATE-----\" is needed", path);
}

static bool set_up_multi (http_t *http)
{
    http->multi = curl_multi_init ();
    if (!http->multi)
        return false;
    long connections = http->options.connections_max ? (long) http->options.connections_max : CONNECTIONS_MAX;
    return curl_multi_setopt (http->multi, CURLMOPT_SOCKETFUNCTION, http_sockets_watch) == CURLM_OK &&
           curl_multi_setopt (http->multi, CURLMOPT_SOCKETDATA, http->sockets) == CURLM_OK &&
           curl_multi_setopt (http->multi, CURLMOPT_TIMERFUNCTION, set_timer) == CURLM_OK &&
           curl_multi_setopt (http->multi, CURLMOPT_TIMERDATA, http) == CURLM_OK &&
           curl_multi_setopt (http->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
           curl_multi_setopt (http->multi, CURLMOPT_MAXCONNECTS, connections) == CURLM_OK &&
           curl_multi_setopt (http->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, connections) == CURLM_OK;
}

status_t http_new (const http_options_t *options, http_t **out, fault_t *fault)
{
    *out = NULL;
    status_t status = options->ca_file ? check_ca_file (options->ca_file, fault) : OK;
    if (status != OK)
        return status;
    if (curl_global_init (CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return fault_set (fault, ERR_IO, "libcurl can't be started");
    http_t *http = mem_zero (1, sizeof *http);
    http->options = *options;
    http->ca_file = options->ca_file ? mem_string (options->ca_file) : NULL;
    http->options.ca_file = http->ca_file;
    http->timer_s = INFINITY;
    http->sockets = http_sockets_new ();
    if (!http->sockets || !set_up_multi (http)) {
        fault_set (fault, ERR_IO, "no requests can be made: %s; are there too many open files?", http->sockets ? "libcurl" : strerror (errno));
        http_destroy (&http);
        return ERR_IO;
    }
    *out = http;
    return OK;
}

void http_destroy (http_t **http_p)
{
    http_t *http = *http_p;
    if (!http)
        return;
    assert (!http->stepping);
    for (uint32_t i = 0; i < http->n_calls; i++) {
        if (http->calls [i]->number)
            curl_multi_remove_handle (http->multi, http->calls [i]->easy);
        http_call_destroy (&http->calls [i]);
    }
    free (http->calls);
    if (http->multi)
        curl_multi_cleanup (http->multi);
    http_sockets_destroy (&http->sockets);
    free (http->ca_file);
    free (http);
    curl_global_cleanup ();
    *http_p = NULL;
}

// --- requests ----------------------------------------------------------------------

static void put_idle (http_t *http, http_call_t *call)
{
    http_call_clear (call);
    call->next = http->idle;
    http->idle = call;
}

// An idle call, or a new one; NULL where libcurl can't make one.
static http_call_t *get_idle (http_t *http)
{
    http_call_t *call = http->idle;
    if (call) {
        http->idle = call->next;
        return call;
    }
    call = http_call_new (&http->options);
    if (!call || !http_sockets_use (http->sockets, call->easy)) {
        http_call_destroy (&call);
        return NULL;
    }
    if (http->n_calls == http->cap_calls) {
        http->cap_calls = http->cap_calls ? 2 * http->cap_calls : 16;
        http->calls = mem_resize (http->calls, http->cap_calls * sizeof *http->calls);
    }
    call->slot = http->n_calls;
    http->calls [http->n_calls++] = call;
    return call;
}

uint64_t http_begin (http_t *http, const char *url, const char *secret, const void *body, size_t len, unsigned timeout_ms,
                     http_done_fn *done, void *ctx)
{
    http_call_t *call = get_idle (http);
    if (!call)
        return 0;
    if (!http_call_set (call, url, secret, body, len, timeout_ms) || curl_multi_add_handle (http->multi, call->easy) != CURLM_OK) {
        put_idle (http, call);
        return 0;
    }
    call->done = done;
    call->ctx = ctx;
    http->turn = http->turn == UINT32_MAX ? 1 : http->turn + 1;
    call->number = (uint64_t) http->turn << 32 | call->slot;
    http->flying++;
    return call->number;
}

int http_fd (const http_t *http)
{
    return http_sockets_fd (http->sockets);
}

int64_t http_timer_ms (const http_t *http)
{
    return isinf (http->timer_s) ? -1 : (int64_t) ceil (fmin (fmax (http->timer_s - http_now_s (), 0), 3600) * 1e3);
}

static void take_out (http_t *http, http_call_t *call)
{
    curl_multi_remove_handle (http->multi, call->easy);
    http->flying--;
}

void http_cancel (http_t *http, uint64_t request)
{
    uint32_t slot = (uint32_t) request;
    if (request == 0 || slot >= http->n_calls || http->calls [slot]->number != request)
        return;
    take_out (http, http->calls [slot]);
    put_idle (http, http->calls [slot]);
}

// Tell the callers of all requests that have ended; returns how many.
static unsigned tell_ended (http_t *http)
{
    unsigned told = 0;
    int left;
    CURLMsg *message;
    while ((message = curl_multi_info_read (http->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;       // the message is gone with the handle
        char *private = NULL;
        curl_easy_getinfo (message->easy_handle, CURLINFO_PRIVATE, &private);
        http_call_t *call = (http_call_t *) private;
        take_out (http, call);
        http_answer_t answer;
        http_call_answer (call, code, &answer);
        call->number = 0;                           // done can't cancel what has ended
        call->done (call->ctx, &answer);
        put_idle (http, call);
        told++;
    }
    return told;
}

// Let libcurl act where its time has come: among the rest it sends what was begun.
static void run_timer (http_t *http, double now_s)
{
    int running;
    if (http->timer_s > now_s)
        return;
    http->timer_s = INFINITY;                       // libcurl sets it again where it wants to
    curl_multi_socket_action (http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

// Wait for sockets until end_s or libcurl's timer, and let libcurl act.
static void run_sockets (http_t *http, double now_s, double end_s)
{
    double until_s = fmin (end_s, http->timer_s);
    int wait_ms = (int) ceil (fmin (fmax (until_s - now_s, 0), 3600) * 1e3);
    http_ready_t ready [EVENTS_MAX];
    int n = http_sockets_wait (http->sockets, wait_ms, ready, EVENTS_MAX), running;
    for (int i = 0; i < n; i++)
        curl_multi_socket_action (http->multi, ready [i].fd, ready [i].ready, &running);
}

unsigned http_step (http_t *http, int timeout_ms)
{
    assert (!http->stepping);
    http->stepping = true;
    double now_s = http_now_s (), end_s = now_s + (timeout_ms > 0 ? timeout_ms : 0) * 1e-3;
    unsigned told;
    do {
        run_timer (http, now_s);
        told = tell_ended (http);
        if (told == 0) {
            run_sockets (http, now_s, end_s);
            told = tell_ended (http);
        }
        now_s = http_now_s ();
    } while (told == 0 && http->flying > 0 && now_s < end_s);
    http->stepping = false;
    return http->flying;
}

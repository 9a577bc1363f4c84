#include "worker/http_sockets.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

enum { EVENTS_MAX = 256 };

typedef struct {
    bool kept;              // a connection's, from its opening to its closing: these alone stay in the set
    bool resting;           // no request uses it now
    uint32_t watched;       // what it is in the set for; 0: not in it, as far as is known
} entry_t;

struct http_sockets {
    int epoll_fd;
    entry_t *entries;       // by the socket's number
    size_t n;
};

http_sockets_t *http_sockets_new (void)
{
    int fd = epoll_create1 (EPOLL_CLOEXEC);
    if (fd < 0)
        return NULL;
    http_sockets_t *sockets = mem_zero (1, sizeof *sockets);
    sockets->epoll_fd = fd;
    return sockets;
}

void http_sockets_destroy (http_sockets_t **sockets)
{
    if (!*sockets)
        return;
    close ((*sockets)->epoll_fd);
    free ((*sockets)->entries);
    free (*sockets);
    *sockets = NULL;
}

int http_sockets_fd (const http_sockets_t *sockets)
{
    return sockets->epoll_fd;
}

static entry_t *entry_of (http_sockets_t *sockets, int fd)
{
    size_t at = (size_t) fd;
    if (at >= sockets->n) {
        size_t n = at + 64;
        sockets->entries = mem_resize (sockets->entries, n * sizeof *sockets->entries);
        memset (sockets->entries + sockets->n, 0, (n - sockets->n) * sizeof *sockets->entries);
        sockets->n = n;
    }
    return &sockets->entries [at];
}

// --- a socket's life -----------------------------------------------------------

static curl_socket_t open_socket (void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void) purpose;
    int fd = socket (address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd < 0)
        return CURL_SOCKET_BAD;
    *entry_of (ctx, fd) = (entry_t) { .kept = true };
    return fd;
}

// A socket that is closed leaves the epoll set by itself.
static int close_socket (void *ctx, curl_socket_t fd)
{
    *entry_of (ctx, fd) = (entry_t) { 0 };
    return close (fd);
}

bool http_sockets_use (http_sockets_t *sockets, CURL *easy)
{
    return curl_easy_setopt (easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK
        && curl_easy_setopt (easy, CURLOPT_OPENSOCKETDATA, sockets) == CURLE_OK
        && curl_easy_setopt (easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket) == CURLE_OK
        && curl_easy_setopt (easy, CURLOPT_CLOSESOCKETDATA, sockets) == CURLE_OK;
}

// --- what is ready ---------------------------------------------------------------

// What is watched that was not opened here (a look-up of a name) may have been closed unseen, and its number given again: it is put
// in as if it were new, or else as if it were known.
static bool put (http_sockets_t *sockets, int fd, entry_t *entry, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.fd = fd };
    int first = entry->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, second = entry->watched ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl (sockets->epoll_fd, first, fd, &event) != 0 && epoll_ctl (sockets->epoll_fd, second, fd, &event) != 0)
        return false;
    entry->watched = events;
    return true;
}

static void take_out (http_sockets_t *sockets, int fd, entry_t *entry)
{
    epoll_ctl (sockets->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    entry->watched = 0;
}

int http_sockets_watch (CURL *easy, curl_socket_t fd, int what, void *ctx, void *unused)
{
    (void) easy, (void) unused;
    http_sockets_t *sockets = ctx;
    entry_t *entry = entry_of (sockets, fd);
    entry->resting = what == CURL_POLL_REMOVE;
    if (entry->resting) {
        if (!entry->kept)
            take_out (sockets, fd, entry);
        return 0;
    }
    uint32_t events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
    if (entry->kept && entry->watched == events)
        return 0;
    return put (sockets, fd, entry, events) ? 0 : -1;
}

int http_sockets_wait (http_sockets_t *sockets, int wait_ms, http_ready_t *out, int most)
{
    struct epoll_event events [EVENTS_MAX];
    int n = epoll_wait (sockets->epoll_fd, events, most < EVENTS_MAX ? most : EVENTS_MAX, wait_ms), ready = 0;
    for (int i = 0; i < n; i++) {
        uint32_t e = events [i].events;
        int fd = events [i].data.fd;
        entry_t *entry = entry_of (sockets, fd);
        if (entry->resting)
            take_out (sockets, fd, entry);
        else
            out [ready++] = (http_ready_t) { fd, (e & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) | (e & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                                                 (e & EPOLLERR ? CURL_CSELECT_ERR : 0) };
    }
    return ready;
}

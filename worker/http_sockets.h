// http_sockets: the sockets of connections, and which of them are ready.
//
// libcurl lets go of a connection's socket after each request and takes it up again with the next. Here it stays in the epoll set
// in between, which saves two system calls for each request; should it become ready while no request uses it (the server
// closed it), it is taken out until one does. Memory grows with the largest number of a socket. One thread at a time.
// Source: epoll(7); CURLMOPT_SOCKETFUNCTION, CURLOPT_OPENSOCKETFUNCTION and CURLOPT_CLOSESOCKETFUNCTION of libcurl.
#ifndef WORKER_HTTP_SOCKETS_H
#define WORKER_HTTP_SOCKETS_H

#include <curl/curl.h>
#include <stdbool.h>

typedef struct http_sockets http_sockets_t;

typedef struct { int fd, ready; } http_ready_t;      // ready: CURL_CSELECT_IN, _OUT, _ERR

http_sockets_t *http_sockets_new (void);             // NULL: errno says why
void http_sockets_destroy (http_sockets_t **sockets);        // after libcurl has closed its connections
int http_sockets_fd (const http_sockets_t *sockets);         // readable when one is ready

// Have a handle's connections open and close their sockets here. False: libcurl refuses.
bool http_sockets_use (http_sockets_t *sockets, CURL *easy);

// For CURLMOPT_SOCKETFUNCTION, with the sockets as its CURLMOPT_SOCKETDATA.
int http_sockets_watch (CURL *easy, curl_socket_t fd, int what, void *sockets, void *unused);

// Wait until some are ready, at most wait_ms; returns how many of `most` places in out were filled.
int http_sockets_wait (http_sockets_t *sockets, int wait_ms, http_ready_t *out, int most);

#endif

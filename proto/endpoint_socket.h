// endpoint_socket: what both ends' sockets have in common. For the files of endpoint alone.
//
// Raw libzmq, with a context for each endpoint, and not CZMQ's zsock: that one replaces the SIGINT handler and aborts
// when sockets run out.
#ifndef PROTO_ENDPOINT_SOCKET_H
#define PROTO_ENDPOINT_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/fault.h"

enum {
    SOCKET_LINGER_MS = 2000,
    SOCKET_HANDSHAKE_MS = 10000,
    SOCKET_PING_MS = 5000,          // ZMTP heartbeats: a half-open connection, and with it
    SOCKET_PING_TIMEOUT_MS = 15000, // its routing id, is let go after this long
    SOCKET_FDS_MAX = 64             // descriptors waited for beside a socket
};

// ERR_USAGE unless it is "tcp://..." or "ipc://PATH" with a path that a Unix socket can have.
status_t socket_check_address (const char *address, fault_t *fault) MUST_USE;
bool socket_is_tcp (const char *address);

// A new socket with its limits, high-water marks counted in messages. NULL and *fault where there is none to be had.
void *socket_new (void *context, int type, int send_messages, int receive_messages, fault_t *fault);

// An option that must be taken.
status_t socket_set (void *socket, int option, const void *value, size_t len, fault_t *fault) MUST_USE;
status_t socket_set_int (void *socket, int option, int value, fault_t *fault) MUST_USE;

// Wait until a socket or a descriptor (negative: none) can be read; other may be NULL. OK also on a timeout and a signal.
status_t socket_wait (void *socket, void *other, const int *fds, size_t n_fds, int timeout_ms, fault_t *fault) MUST_USE;

// Read and drop the remaining parts of a message.
status_t socket_read_rest (void *socket, bool *more, fault_t *fault) MUST_USE;

#endif

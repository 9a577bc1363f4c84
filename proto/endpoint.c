#include "proto/endpoint.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <zmq.h>

#include "base/limits.h"
#include "proto/endpoint_socket.h"

// Each connection is a descriptor. More than this is not asked for: select and
// friends in other libraries, and memory, have their own ideas of "many".
enum { DESCRIPTORS_WANTED = 65536 };

void endpoint_setup (void)
{
    struct rlimit limit;
    if (getrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= DESCRIPTORS_WANTED)
        return;
    limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > DESCRIPTORS_WANTED ? DESCRIPTORS_WANTED : limit.rlim_max;
    // where it is refused the old limit holds, and fewer workers fit
    if (setrlimit (RLIMIT_NOFILE, &limit) != 0)
        return;
}

void endpoint_teardown (void)
{
    // contexts end with their endpoints; nothing is left that belongs to the process
}

bool socket_is_tcp (const char *address)
{
    return strncmp (address, "tcp://", 6) == 0;
}

status_t socket_check_address (const char *address, fault_t *fault)
{
    size_t path_max = sizeof ((struct sockaddr_un *) NULL)->sun_path - 1;
    if (socket_is_tcp (address) && address [6] != '\0')
        return OK;
    if (strncmp (address, "ipc://", 6) != 0 || address [6] == '\0')
        return fault_set (fault, ERR_USAGE, "%s: is no address; use tcp://HOST:PORT or ipc://PATH", address);
    if (address [6] == '@')
        return fault_set (fault, ERR_USAGE, "%s: no permissions protect an abstract socket; use ipc://PATH", address);
    if (strlen (address + 6) > path_max)
        return fault_set (fault, ERR_USAGE, "%s: a socket's path has at most %zu bytes, this one %zu; use a shorter folder",
                          address, path_max, strlen (address + 6));
    return OK;
}

status_t socket_set (void *socket, int option, const void *value, size_t len, fault_t *fault)
{
    if (zmq_setsockopt (socket, option, value, len) == 0)
        return OK;
    return fault_set (fault, ERR_IO, "libzmq does not take option %d: %s; use libzmq 4.3 with CURVE", option, zmq_strerror (zmq_errno ()));
}

status_t socket_set_int (void *socket, int option, int value, fault_t *fault)
{
    return socket_set (socket, option, &value, sizeof value, fault);
}

static status_t set_limits (void *socket, int send_messages, int receive_messages, fault_t *fault)
{
    static const struct { int option, value; } SETTINGS [] = {
        { ZMQ_LINGER, SOCKET_LINGER_MS },
        { ZMQ_HANDSHAKE_IVL, SOCKET_HANDSHAKE_MS },
        { ZMQ_TCP_KEEPALIVE, 1 },
        { ZMQ_TCP_KEEPALIVE_IDLE, 60 },
        { ZMQ_TCP_KEEPALIVE_INTVL, 10 },
        { ZMQ_TCP_KEEPALIVE_CNT, 6 },
        { ZMQ_HEARTBEAT_IVL, SOCKET_PING_MS },
        { ZMQ_HEARTBEAT_TIMEOUT, SOCKET_PING_TIMEOUT_MS },
        { ZMQ_IPV6, 1 },
    };
    status_t status = OK;
    for (size_t i = 0; status == OK && i < sizeof SETTINGS / sizeof *SETTINGS; i++)
        status = socket_set_int (socket, SETTINGS [i].option, SETTINGS [i].value, fault);
    // libzmq closes the connection of a peer that announces a larger part
    int64_t bytes_max = LIMIT_MESSAGE_BYTES;
    if (status == OK)
        status = socket_set (socket, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max, fault);
    if (status == OK)
        status = socket_set_int (socket, ZMQ_SNDHWM, send_messages, fault);
    if (status == OK)
        status = socket_set_int (socket, ZMQ_RCVHWM, receive_messages, fault);
    return status;
}

void *socket_new (void *context, int type, int send_messages, int receive_messages, fault_t *fault)
{
    void *socket = zmq_socket (context, type);
    if (!socket) {
        fault_set (fault, ERR_IO, "no socket to be had: %s; raise the limit on open files (ulimit -n)", zmq_strerror (zmq_errno ()));
        return NULL;
    }
    if (set_limits (socket, send_messages, receive_messages, fault) != OK) {
        zmq_close (socket);
        return NULL;
    }
    return socket;
}

status_t socket_wait (void *socket, void *other, const int *fds, size_t n_fds, int timeout_ms, fault_t *fault)
{
    zmq_pollitem_t items [SOCKET_FDS_MAX + 2] = { { .socket = socket, .events = ZMQ_POLLIN } };
    int n = 1;
    assert (n_fds <= SOCKET_FDS_MAX);
    if (other)
        items [n++] = (zmq_pollitem_t) { .socket = other, .events = ZMQ_POLLIN };
    for (size_t i = 0; i < n_fds; i++)
        if (fds [i] >= 0)
            items [n++] = (zmq_pollitem_t) { .fd = fds [i], .events = ZMQ_POLLIN };
    if (zmq_poll (items, n, timeout_ms) >= 0 || zmq_errno () == EINTR)
        return OK;
    return fault_set (fault, ERR_IO, "waiting for messages: %s", zmq_strerror (zmq_errno ()));
}

status_t socket_read_rest (void *socket, bool *more, fault_t *fault)
{
    while (*more) {
        zmq_msg_t part;
        zmq_msg_init (&part);
        int rc = zmq_msg_recv (&part, socket, ZMQ_DONTWAIT);
        int why = zmq_errno ();
        *more = rc >= 0 && zmq_msg_more (&part);
        zmq_msg_close (&part);
        if (rc < 0 && why == EINTR)
            *more = true;
        else if (rc < 0)
            return fault_set (fault, ERR_IO, "reading a message: %s", zmq_strerror (why));
    }
    return OK;
}

// The coordinator's ROUTER. ROUTER_HANDOVER is off: while a connection lives nobody else can take its routing id, and
// the ids are random, so one worker can't speak or listen in another's name.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#include "base/clock.h"
#include "base/mem.h"
#include "proto/endpoint.h"
#include "proto/endpoint_curve.h"
#include "proto/endpoint_socket.h"

enum {
    HUB_SEND_MESSAGES = 1024,       // for each peer; their bytes are bounded by its credit
    HUB_RECEIVE_MESSAGES = 32,      // for each peer
    HUB_BACKLOG = 1024,
    ADDRESS_BYTES = 256
};

struct hub {
    void *context;
    void *socket;
    key_folder_t *folder;           // NULL without CURVE
    doorman_t *doorman;
    unsigned long denied;
    char address [ADDRESS_BYTES];
};

// libzmq takes a Unix socket's path away from whoever listens there, so ask first.
static bool somebody_listens (const char *address)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    if (socket_is_tcp (address) || strcmp (address, "ipc://*") == 0)
        return false;
    snprintf (name.sun_path, sizeof name.sun_path, "%s", address + 6);
    int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool listens = fd >= 0 && (connect (fd, (struct sockaddr *) &name, sizeof name) == 0 || errno == EAGAIN);
    if (fd >= 0)
        close (fd);
    return listens;
}

static status_t check_options (const hub_options_t *options, fault_t *fault)
{
    status_t status = socket_check_address (options->address, fault);
    if (status != OK)
        return status;
    if (!options->server_key != !options->worker_keys)
        return fault_set (fault, ERR_USAGE, "%s: CURVE needs both the coordinator's key and the folder of the workers' keys", options->address);
    if (socket_is_tcp (options->address) && !options->server_key && !options->insecure_no_curve)
        return fault_set (fault, ERR_DENIED, "%s: listening without keys would let anybody in; make keys with rulemill keygen "
                          "and give them, or say --insecure-no-curve", options->address);
    if (somebody_listens (options->address))
        return fault_set (fault, ERR_BUSY, "%s: another process listens there", options->address);
    return OK;
}

static status_t bind_fault (const char *address, fault_t *fault)
{
    switch (zmq_errno ()) {
    case EADDRINUSE:
        return fault_set (fault, ERR_BUSY, "%s: is in use; take another port", address);
    case EINVAL: case ENODEV: case EADDRNOTAVAIL: case ENAMETOOLONG:
        return fault_set (fault, ERR_USAGE, "%s: can't be listened on: %s; use tcp://*:PORT or ipc://PATH", address, zmq_strerror (zmq_errno ()));
    default:
        return fault_set (fault, ERR_IO, "%s: %s", address, zmq_strerror (zmq_errno ()));
    }
}

// The system's "[::ffff:127.0.0.1]" as people write it.
static void plain_ipv4 (char *address)
{
    static const char mapped [] = "tcp://[::ffff:";
    char *end = strchr (address, ']');
    if (strncmp (address, mapped, sizeof mapped - 1) != 0 || end == NULL)
        return;
    char *from = address + sizeof mapped - 1, *to = address + strlen ("tcp://");
    size_t host = (size_t) (end - from);
    memmove (to, from, host);
    memmove (to + host, end + 1, strlen (end + 1) + 1);
}

static status_t bind_hub (hub_t *hub, const char *address, fault_t *fault)
{
    if (zmq_bind (hub->socket, address) != 0)
        return bind_fault (address, fault);
    size_t len = sizeof hub->address;
    if (zmq_getsockopt (hub->socket, ZMQ_LAST_ENDPOINT, hub->address, &len) != 0)
        return fault_set (fault, ERR_IO, "%s: %s", address, zmq_strerror (zmq_errno ()));
    plain_ipv4 (hub->address);
    // the folder protects it; this is for folders that others may enter
    if (!socket_is_tcp (address) && chmod (hub->address + 6, 0600) != 0)
        return fault_set (fault, ERR_IO, "%s: %s", hub->address, strerror (errno));
    return OK;
}

static status_t guard_hub (hub_t *hub, const hub_options_t *options, fault_t *fault)
{
    curve_keys_t own;
    status_t status = keys_load_secret (options->server_key, &own, fault);
    if (status == OK)
        status = key_folder_open (options->worker_keys, &hub->folder, fault);
    if (status == OK)
        status = doorman_start (hub->context, hub->folder, &hub->doorman, fault);
    if (status == OK)
        status = curve_serve (hub->socket, &own, fault);
    explicit_bzero (&own, sizeof own);
    return status;
}

static status_t set_up (hub_t *hub, const hub_options_t *options, fault_t *fault)
{
    hub->context = zmq_ctx_new ();
    if (!hub->context)
        return fault_set (fault, ERR_IO, "no ZeroMQ context: %s", zmq_strerror (zmq_errno ()));
    hub->socket = socket_new (hub->context, ZMQ_ROUTER, HUB_SEND_MESSAGES, HUB_RECEIVE_MESSAGES, fault);
    if (!hub->socket)
        return ERR_IO;
    status_t status = socket_set_int (hub->socket, ZMQ_ROUTER_MANDATORY, 1, fault);
    if (status == OK)
        status = socket_set_int (hub->socket, ZMQ_BACKLOG, HUB_BACKLOG, fault);
    if (status == OK && options->server_key)
        status = guard_hub (hub, options, fault);
    return status == OK ? bind_hub (hub, options->address, fault) : status;
}

status_t hub_open (const hub_options_t *options, hub_t **out, fault_t *fault)
{
    *out = NULL;
    status_t status = check_options (options, fault);
    if (status != OK)
        return status;
    hub_t *hub = mem_zero (1, sizeof *hub);
    status = set_up (hub, options, fault);
    if (status != OK)
        hub_close (&hub);
    *out = hub;
    return status;
}

const char *hub_address (const hub_t *hub)
{
    return hub->address;
}

// Is the sender still admitted? Its key goes into user.
static bool still_admitted (hub_t *hub, zmq_msg_t *part, char user [KEY_TEXT])
{
    user [0] = '\0';
    if (!hub->folder)
        return true;
    const char *id = zmq_msg_gets (part, "User-Id");
    if (!id || strlen (id) != KEY_TEXT - 1 || !key_folder_has (hub->folder, id))
        return false;
    memcpy (user, id, KEY_TEXT);
    return true;
}

// The part after the sender's name. A message of more parts than one becomes an empty frame, which nobody takes for a message.
static status_t read_frame (hub_t *hub, bool *admitted, char user [KEY_TEXT], buf_t *frame, fault_t *fault)
{
    zmq_msg_t part;
    zmq_msg_init (&part);
    if (zmq_msg_recv (&part, hub->socket, ZMQ_DONTWAIT) < 0) {
        zmq_msg_close (&part);
        return fault_set (fault, ERR_IO, "reading a message: %s", zmq_strerror (zmq_errno ()));
    }
    bool more = zmq_msg_more (&part);
    *admitted = still_admitted (hub, &part, user);
    if (*admitted && !more)
        buf_add (frame, zmq_msg_data (&part), zmq_msg_size (&part));
    zmq_msg_close (&part);
    return socket_read_rest (hub->socket, &more, fault);
}

// Take one message from the queue, if there is one. ERR_BUSY: there is none.
static status_t take (hub_t *hub, bool *got, peer_id_t *from, char user [KEY_TEXT], buf_t *frame, fault_t *fault)
{
    zmq_msg_t name;
    zmq_msg_init (&name);
    int rc = zmq_msg_recv (&name, hub->socket, ZMQ_DONTWAIT);
    int why = zmq_errno ();
    bool more = rc >= 0 && zmq_msg_more (&name);
    bool named = rc >= 0 && more && zmq_msg_size (&name) <= sizeof from->id;
    if (named) {
        from->len = zmq_msg_size (&name);
        memcpy (from->id, zmq_msg_data (&name), from->len);
    }
    zmq_msg_close (&name);
    if (rc < 0 && (why == EAGAIN || why == EINTR))
        return ERR_BUSY;
    if (rc < 0)
        return fault_set (fault, ERR_IO, "reading a message: %s", zmq_strerror (why));
    if (!named)
        return socket_read_rest (hub->socket, &more, fault);
    bool admitted = false;
    status_t status = read_frame (hub, &admitted, user, frame, fault);
    if (status == OK && !admitted)
        hub->denied++;
    *got = status == OK && admitted;
    return status;
}

status_t hub_receive (hub_t *hub, int timeout_ms, const int *fds, size_t n_fds,
                      bool *got, peer_id_t *from, char user [KEY_TEXT], buf_t *frame, fault_t *fault)
{
    enum { DROPS_MAX = 256 };       // of denied frames in one call, so that they keep nobody waiting
    int64_t until_ms = clock_ms (NULL) + timeout_ms;
    bool waited = false;
    *got = false;
    for (int drops = 0; drops < DROPS_MAX; ) {
        buf_clear (frame);
        status_t status = take (hub, got, from, user, frame, fault);
        if (*got || (status != OK && status != ERR_BUSY))
            return status;
        if (status == OK) {
            drops++;
            continue;
        }
        int64_t left_ms = until_ms - clock_ms (NULL);
        if (waited || timeout_ms == 0)
            return OK;
        // one wait is enough: it ends with a frame, a descriptor, a signal or the time
        status = socket_wait (hub->socket, NULL, fds, n_fds, left_ms > 0 ? (int) left_ms : 0, fault);
        if (status != OK)
            return status;
        waited = true;
    }
    return OK;
}

status_t hub_send (hub_t *hub, const peer_id_t *to, const buf_t *frame, fault_t *fault)
{
    int rc, flags = ZMQ_DONTWAIT;
    do
        rc = zmq_send (hub->socket, to->id, to->len, flags | ZMQ_SNDMORE);
    while (rc < 0 && zmq_errno () == EINTR);
    while (rc >= 0 && (rc = zmq_send (hub->socket, frame->data, frame->len, flags)) < 0 && zmq_errno () == EINTR)
        rc = 0;
    if (rc >= 0)
        return OK;
    if (zmq_errno () == EHOSTUNREACH)
        return fault_set (fault, ERR_NOT_FOUND, "the worker is gone");
    if (zmq_errno () == EAGAIN)
        return fault_set (fault, ERR_BUSY, "the worker does not take its messages");
    return fault_set (fault, ERR_IO, "sending: %s", zmq_strerror (zmq_errno ()));
}

unsigned long hub_denied (const hub_t *hub)
{
    return hub->denied;
}

void hub_close (hub_t **hub)
{
    if (!*hub)
        return;
    if ((*hub)->socket)
        zmq_close ((*hub)->socket);
    while ((*hub)->context && zmq_ctx_term ((*hub)->context) != 0 && zmq_errno () == EINTR)
        continue;
    doorman_join (&(*hub)->doorman);
    key_folder_close (&(*hub)->folder);
    free (*hub);
    *hub = NULL;
}

// The worker's DEALER. ZMQ_IMMEDIATE is on: nothing is queued for a connection that is not there, so a coordinator
// that comes back does not find an hour of stale messages; the worker says Hello to it instead.
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <zmq.h>

#include "base/mem.h"
#include "proto/endpoint.h"
#include "proto/endpoint_curve.h"
#include "proto/endpoint_socket.h"

#define MONITOR "inproc://rulemill.monitor"

enum {
    SPOKE_SEND_MESSAGES = 64,
    SPOKE_RECEIVE_MESSAGES = 64,
    ROUTING_ID_BYTES = 16,
    RECONNECT_MS = 100,
    RECONNECT_MAX_MS = 2000,
    WATCHED = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
            | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
};

struct spoke {
    void *context;
    void *socket;
    void *monitor;                  // what libzmq says of the connection
    char *address;
    bool connected_anew;
    const char *trouble;
};

static status_t name_itself (spoke_t *spoke, fault_t *fault)
{
    unsigned char id [ROUTING_ID_BYTES];
    if (getrandom (id, sizeof id, 0) != (ssize_t) sizeof id)
        return fault_set (fault, ERR_IO, "no random bytes to be had: %s", strerror (errno));
    id [0] |= 1;                    // a first byte of 0 is libzmq's own
    return socket_set (spoke->socket, ZMQ_ROUTING_ID, id, sizeof id, fault);
}

static status_t watch (spoke_t *spoke, fault_t *fault)
{
    int linger = 0;
    if (zmq_socket_monitor (spoke->socket, MONITOR, WATCHED) == 0) {
        spoke->monitor = zmq_socket (spoke->context, ZMQ_PAIR);
        if (spoke->monitor && zmq_setsockopt (spoke->monitor, ZMQ_LINGER, &linger, sizeof linger) == 0
            && zmq_connect (spoke->monitor, MONITOR) == 0)
            return OK;
    }
    return fault_set (fault, ERR_IO, "no socket to be had: %s", zmq_strerror (zmq_errno ()));
}

static status_t take_keys (spoke_t *spoke, const spoke_options_t *options, fault_t *fault)
{
    if (!options->server_public && !options->worker_key)
        return OK;
    if (!options->server_public || !options->worker_key)
        return fault_set (fault, ERR_USAGE, "%s: CURVE needs both the coordinator's public key and the worker's own key", options->address);
    char server [KEY_TEXT];
    curve_keys_t own;
    status_t status = keys_load_public (options->server_public, server, fault);
    if (status != OK)
        return status;
    status = keys_load_secret (options->worker_key, &own, fault);
    if (status == OK)
        status = curve_connect (spoke->socket, &own, server, fault);
    explicit_bzero (&own, sizeof own);
    return status;
}

static status_t set_up (spoke_t *spoke, const spoke_options_t *options, fault_t *fault)
{
    spoke->context = zmq_ctx_new ();
    if (!spoke->context)
        return fault_set (fault, ERR_IO, "no ZeroMQ context: %s", zmq_strerror (zmq_errno ()));
    spoke->socket = socket_new (spoke->context, ZMQ_DEALER, SPOKE_SEND_MESSAGES, SPOKE_RECEIVE_MESSAGES, fault);
    if (!spoke->socket)
        return ERR_IO;
    status_t status = take_keys (spoke, options, fault);
    if (status == OK)
        status = name_itself (spoke, fault);
    if (status == OK)
        status = socket_set_int (spoke->socket, ZMQ_IMMEDIATE, 1, fault);
    if (status == OK)
        status = socket_set_int (spoke->socket, ZMQ_RECONNECT_IVL, RECONNECT_MS, fault);
    if (status == OK)
        status = socket_set_int (spoke->socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS, fault);
    if (status == OK)
        status = watch (spoke, fault);
    if (status == OK && zmq_connect (spoke->socket, options->address) != 0)
        status = fault_set (fault, ERR_USAGE, "%s: can't be connected to: %s; use tcp://HOST:PORT or ipc://PATH",
                            options->address, zmq_strerror (zmq_errno ()));
    return status;
}

status_t spoke_open (const spoke_options_t *options, spoke_t **out, fault_t *fault)
{
    *out = NULL;
    status_t status = socket_check_address (options->address, fault);
    if (status != OK)
        return status;
    spoke_t *spoke = mem_zero (1, sizeof *spoke);
    spoke->address = mem_string (options->address);
    spoke->trouble = "";
    status = set_up (spoke, options, fault);
    if (status != OK)
        spoke_close (&spoke);
    *out = spoke;
    return status;
}

// What happened to the connection. A refused key ends the matter: it is refused again until somebody admits it.
static status_t note_event (spoke_t *spoke, unsigned event, unsigned value, fault_t *fault)
{
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        spoke->connected_anew = true;
        spoke->trouble = "";
    } else if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH && value == 400) {
        return fault_set (fault, ERR_DENIED, "%s does not admit this worker's key; put its .pub file into the coordinator's "
                          "folder of worker keys", spoke->address);
    } else {
        spoke->trouble = "the handshake fails: are the coordinator's public key and the use of CURVE right?";
    }
    return OK;
}

// Read what the monitor has: two parts each, the first a 16-bit event and a 32-bit value.
static status_t read_monitor (spoke_t *spoke, fault_t *fault)
{
    for (;;) {
        unsigned char head [6];
        int len = zmq_recv (spoke->monitor, head, sizeof head, ZMQ_DONTWAIT);
        if (len < 0)
            return OK;
        bool more = true;
        status_t status = socket_read_rest (spoke->monitor, &more, fault);
        uint16_t event;
        uint32_t value;
        memcpy (&event, head, sizeof event);
        memcpy (&value, head + 2, sizeof value);
        if (status == OK && len == (int) sizeof head)
            status = note_event (spoke, event, value, fault);
        if (status != OK)
            return status;
    }
}

bool spoke_connected_anew (spoke_t *spoke)
{
    bool anew = spoke->connected_anew;
    spoke->connected_anew = false;
    return anew;
}

const char *spoke_trouble (const spoke_t *spoke)
{
    return spoke->trouble;
}

// One message of one part into frame; others are dropped. ERR_BUSY: there is none.
static status_t take (spoke_t *spoke, bool *got, buf_t *frame, fault_t *fault)
{
    zmq_msg_t part;
    zmq_msg_init (&part);
    int rc = zmq_msg_recv (&part, spoke->socket, ZMQ_DONTWAIT);
    int why = zmq_errno ();
    bool more = rc >= 0 && zmq_msg_more (&part);
    *got = rc >= 0 && !more;
    if (*got)
        buf_add (frame, zmq_msg_data (&part), zmq_msg_size (&part));
    zmq_msg_close (&part);
    if (rc < 0 && (why == EAGAIN || why == EINTR))
        return ERR_BUSY;
    if (rc < 0)
        return fault_set (fault, ERR_IO, "reading a message: %s", zmq_strerror (why));
    return socket_read_rest (spoke->socket, &more, fault);
}

status_t spoke_receive (spoke_t *spoke, int timeout_ms, int wake_fd, bool *got, buf_t *frame, fault_t *fault)
{
    *got = false;
    buf_clear (frame);
    status_t status = take (spoke, got, frame, fault);
    if (status == ERR_BUSY && timeout_ms != 0) {
        status = socket_wait (spoke->socket, spoke->monitor, &wake_fd, 1, timeout_ms, fault);
        if (status == OK)
            status = take (spoke, got, frame, fault);
    }
    if (status != OK && status != ERR_BUSY)
        return status;
    return read_monitor (spoke, fault);
}

status_t spoke_send (spoke_t *spoke, const buf_t *frame, fault_t *fault)
{
    int rc;
    do
        rc = zmq_send (spoke->socket, frame->data, frame->len, ZMQ_DONTWAIT);
    while (rc < 0 && zmq_errno () == EINTR);
    if (rc >= 0)
        return OK;
    if (zmq_errno () == EAGAIN)
        return fault_set (fault, ERR_BUSY, "%s does not take messages now", spoke->address);
    return fault_set (fault, ERR_IO, "sending to %s: %s", spoke->address, zmq_strerror (zmq_errno ()));
}

status_t spoke_renew (spoke_t *spoke, fault_t *fault)
{
    status_t status = name_itself (spoke, fault);
    if (status != OK)
        return status;
    // ENOENT: libzmq has given the connection up itself
    if (zmq_disconnect (spoke->socket, spoke->address) != 0 && zmq_errno () != ENOENT)
        return fault_set (fault, ERR_IO, "%s: %s", spoke->address, zmq_strerror (zmq_errno ()));
    if (zmq_connect (spoke->socket, spoke->address) != 0)
        return fault_set (fault, ERR_IO, "%s: %s", spoke->address, zmq_strerror (zmq_errno ()));
    return OK;
}

void spoke_close (spoke_t **spoke)
{
    if (!*spoke)
        return;
    if ((*spoke)->socket)
        zmq_close ((*spoke)->socket);
    if ((*spoke)->monitor)
        zmq_close ((*spoke)->monitor);
    while ((*spoke)->context && zmq_ctx_term ((*spoke)->context) != 0 && zmq_errno () == EINTR)
        continue;
    free ((*spoke)->address);
    free (*spoke);
    *spoke = NULL;
}

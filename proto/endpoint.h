// endpoint: the two sockets of PROTOCOL.md, with their limits, CURVE and clean ends.
//
// Facts of Debian's builds that this module knows so that nobody else must: see DESIGN "ZeroMQ and CZMQ facts" and the
// comments in endpoint_*.c. Sockets are made at start alone. One thread uses an endpoint.
#ifndef PROTO_ENDPOINT_H
#define PROTO_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/fault.h"
#include "proto/keys.h"

// Once in each process before the first socket, and once at its end.
void endpoint_setup (void);
void endpoint_teardown (void);

// --- the coordinator's ---

typedef struct hub hub_t;

typedef struct { size_t len; unsigned char id [255]; } peer_id_t;   // a ROUTER's name for a peer

typedef struct {
    const char *address;        // "ipc://...", "tcp://127.0.0.1:*"
    const char *server_key;     // secret certificate file; NULL: no CURVE
    const char *worker_keys;    // folder of admitted public certificates; with server_key
    bool insecure_no_curve;     // tcp:// without CURVE; otherwise ERR_DENIED
} hub_options_t;

// Bind. ERR_USAGE for an address that can't be, ERR_BUSY for one in use, ERR_DENIED for tcp:// in the clear.
status_t hub_open (const hub_options_t *options, hub_t **out, fault_t *fault) MUST_USE;
const char *hub_address (const hub_t *hub);             // as bound, with its real port

// Wait for a frame at most timeout_ms (0: look only) or until one of fds (64 at most) is readable. OK with *got telling whether
// there is one; from and frame are filled. user: the sender's public key, "" without CURVE. Frames of senders whose key is
// no longer in the folder are dropped here and counted.
status_t hub_receive (hub_t *hub, int timeout_ms, const int *fds, size_t n_fds,
                      bool *got, peer_id_t *from, char user [KEY_TEXT], buf_t *frame, fault_t *fault) MUST_USE;

// Send without waiting. ERR_BUSY: its queue is full; ERR_NOT_FOUND: it is gone.
status_t hub_send (hub_t *hub, const peer_id_t *to, const buf_t *frame, fault_t *fault) MUST_USE;
unsigned long hub_denied (const hub_t *hub);            // frames dropped for their key
void hub_close (hub_t **hub);                           // lingers two seconds at most

// --- the worker's ---

typedef struct spoke spoke_t;

typedef struct {
    const char *address;
    const char *server_public;  // file or Z85 text; NULL: no CURVE
    const char *worker_key;     // secret certificate file; with server_public
} spoke_options_t;

status_t spoke_open (const spoke_options_t *options, spoke_t **out, fault_t *fault) MUST_USE;

// Wait for a frame, at most timeout_ms or until wake_fd (-1: none) is readable.
// Nothing is queued while there is no connection, and what was queued is lost with it. A wait also ends when the
// connection is made. ERR_DENIED: the coordinator does not admit this key.
status_t spoke_receive (spoke_t *spoke, int timeout_ms, int wake_fd, bool *got, buf_t *frame, fault_t *fault) MUST_USE;

// Send without waiting. ERR_BUSY: there is no connection, or its queue is full; try again later.
status_t spoke_send (spoke_t *spoke, const buf_t *frame, fault_t *fault) MUST_USE;

// True once after each time that the connection was made: what was sent before may be lost, say Hello.
bool spoke_connected_anew (spoke_t *spoke);

// What stands in the way of a connection, "" where nothing is known.
const char *spoke_trouble (const spoke_t *spoke);

// Connect again under another random routing id, for when nobody answers on this one.
status_t spoke_renew (spoke_t *spoke, fault_t *fault) MUST_USE;
void spoke_close (spoke_t **spoke);

#endif

// endpoint_curve: who may connect. A thread that answers libzmq's questions (ZAP, RFC 27) from a key folder.
//
// CURVE alone lets everybody in who knows the server's public key: only a ZAP handler keeps strangers out, and only
// ZMQ_ZAP_ENFORCE_DOMAIN keeps them out when the handler is missing. CZMQ's zauth would do, but it needs zsock's
// global context, reads its folder only now and then, and names users by a certificate's metadata; this handler asks
// the same key_folder that each frame is checked with, and a frame's User-Id is the sender's public key in Z85.
#ifndef PROTO_ENDPOINT_CURVE_H
#define PROTO_ENDPOINT_CURVE_H

#include "base/fault.h"
#include "proto/keys.h"

typedef struct doorman doorman_t;

// Start answering for a context; folder must outlive it. Before the context's first bind.
status_t doorman_start (void *context, key_folder_t *folder, doorman_t **out, fault_t *fault) MUST_USE;

// It ends when its context is terminated (zmq_ctx_term waits for it); this gives its memory back afterwards.
void doorman_join (doorman_t **doorman);

// Make a socket a CURVE server whose doorman is enforced; a CURVE client.
status_t curve_serve (void *socket, const curve_keys_t *own, fault_t *fault) MUST_USE;
status_t curve_connect (void *socket, const curve_keys_t *own, const char *server_public, fault_t *fault) MUST_USE;

#endif

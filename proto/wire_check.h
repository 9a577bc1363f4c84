// wire_check: what a message must hold before anybody looks at it: a oneof that is set, digests of 32 bytes, counts
// within their limits. Texts for people are cleaned in place, since they end in logs and on terminals: control
// characters and bytes that are no UTF-8 become '?', and what is longer than WIRE_TEXT_MAX is cut off.
#ifndef PROTO_WIRE_CHECK_H
#define PROTO_WIRE_CHECK_H

#include "base/fault.h"
#include "proto/wire.pb-c.h"

enum {
    WIRE_TEXT_MAX = 1024,       // bytes of a reason, a host, a version
    WIRE_BLOBS_MAX = 64,        // blobs that a Welcome names
    WIRE_LEASES_MAX = 1024      // leases that a Beat names or a Want asks for
};

// ERR_FORMAT or ERR_LIMIT with what is wrong; the message stays the caller's.
status_t wire_check_to_coordinator (Rulemill__ToCoordinator *message, fault_t *fault) MUST_USE;
status_t wire_check_to_worker (Rulemill__ToWorker *message, fault_t *fault) MUST_USE;

// Clean a text as above.
void wire_clean_text (char *text);

#endif

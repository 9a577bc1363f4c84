// wire: frames of PROTOCOL.md to messages and back.
//
// A frame is the four bytes 'R' 'M' 1 0 and a protobuf message. Anything else is ERR_FORMAT; nothing that comes in a
// frame can trip an assertion.
#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

#include "base/buf.h"
#include "base/fault.h"
#include "base/spend.h"
#include "proto/wire.pb-c.h"

enum { PROTOCOL_MIN = 1, PROTOCOL_MAX = 1 };

// Append a message as a frame to out.
void wire_pack_to_coordinator (const Rulemill__ToCoordinator *message, buf_t *out);
void wire_pack_to_worker (const Rulemill__ToWorker *message, buf_t *out);

// Read a frame. *out is freed with the message's __free_unpacked (x, NULL). Its oneof is set and its
// digests have their length.
status_t wire_unpack_to_coordinator (const void *frame, size_t len, Rulemill__ToCoordinator **out, fault_t *fault) MUST_USE;
status_t wire_unpack_to_worker (const void *frame, size_t len, Rulemill__ToWorker **out, fault_t *fault) MUST_USE;

// Amounts of the budget as messages and back; NULL is nothing.
Rulemill__Spend wire_spend (const spend_t *spend);
spend_t wire_read_spend (const Rulemill__Spend *spend);
Rulemill__Usage wire_usage (const usage_t *usage);
usage_t wire_read_usage (const Rulemill__Usage *usage);

// Pack any protobuf message (a body, a setup, a record) at the end of out.
void wire_pack (const ProtobufCMessage *message, buf_t *out);

#endif

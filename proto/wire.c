#include "proto/wire.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "proto/wire_check.h"

static const unsigned char MAGIC [4] = { 'R', 'M', 1, 0 };

// A frame of many tiny parts unpacks to far more memory than it has bytes, so
// unpacking may take this much and no more. What it takes comes from malloc, as
// __free_unpacked (x, NULL) expects.
enum { UNPACK_BASE_BYTES = 16 * 1024 * 1024, UNPACK_FACTOR = 32, UNPACK_BYTES_MAX = 256 * 1024 * 1024 };

typedef struct { size_t used, max; } allowance_t;

static void *allowance_alloc (void *ctx, size_t size)
{
    allowance_t *allowance = ctx;
    if (size > allowance->max - allowance->used)
        return NULL;
    void *memory = malloc (size ? size : 1);
    if (!memory)
        return NULL;
    size_t usable = malloc_usable_size (memory);
    size_t room = allowance->max - allowance->used;
    allowance->used += usable < room ? usable : room;
    return memory;
}

static void allowance_free (void *ctx, void *memory)
{
    allowance_t *allowance = ctx;
    size_t usable = malloc_usable_size (memory);
    allowance->used -= usable < allowance->used ? usable : allowance->used;
    free (memory);
}

static size_t allowance_for (size_t len)
{
    size_t max = UNPACK_BASE_BYTES + len * UNPACK_FACTOR;
    return max < UNPACK_BYTES_MAX ? max : UNPACK_BYTES_MAX;
}

void wire_pack (const ProtobufCMessage *message, buf_t *out)
{
    size_t size = protobuf_c_message_get_packed_size (message);
    buf_reserve (out, size);
    out->len += protobuf_c_message_pack (message, (uint8_t *) out->data + out->len);
    out->data [out->len] = '\0';
}

void wire_pack_to_coordinator (const Rulemill__ToCoordinator *message, buf_t *out)
{
    buf_add (out, MAGIC, sizeof MAGIC);
    wire_pack (&message->base, out);
}

void wire_pack_to_worker (const Rulemill__ToWorker *message, buf_t *out)
{
    buf_add (out, MAGIC, sizeof MAGIC);
    wire_pack (&message->base, out);
}

static status_t unpack (const ProtobufCMessageDescriptor *type, const void *frame, size_t len,
                        ProtobufCMessage **out, fault_t *fault)
{
    *out = NULL;
    if (len < sizeof MAGIC)
        return fault_set (fault, ERR_FORMAT, "a frame of %zu bytes; the shortest has 4: is the peer a rulemill?", len);
    if (memcmp (frame, MAGIC, sizeof MAGIC) != 0)
        return fault_set (fault, ERR_FORMAT, "a frame of %zu bytes that does not begin with RM 1 0: "
                          "the peer is no rulemill, or one of another major version", len);
    if (len > LIMIT_MESSAGE_BYTES)
        return fault_set (fault, ERR_LIMIT, "a frame of %zu bytes; at most %d are allowed", len, LIMIT_MESSAGE_BYTES);
    allowance_t allowance = { .max = allowance_for (len) };
    ProtobufCAllocator allocator = { allowance_alloc, allowance_free, &allowance };
    *out = protobuf_c_message_unpack (type, &allocator, len - sizeof MAGIC, (const uint8_t *) frame + sizeof MAGIC);
    if (!*out)
        return fault_set (fault, ERR_FORMAT, "a frame of %zu bytes that holds no %s", len, type->short_name);
    return OK;
}

status_t wire_unpack_to_coordinator (const void *frame, size_t len, Rulemill__ToCoordinator **out, fault_t *fault)
{
    ProtobufCMessage *message;
    status_t status = unpack (&rulemill__to_coordinator__descriptor, frame, len, &message, fault);
    *out = (Rulemill__ToCoordinator *) message;
    if (status != OK)
        return status;
    status = wire_check_to_coordinator (*out, fault);
    if (status != OK) {
        rulemill__to_coordinator__free_unpacked (*out, NULL);
        *out = NULL;
    }
    return status;
}

status_t wire_unpack_to_worker (const void *frame, size_t len, Rulemill__ToWorker **out, fault_t *fault)
{
    ProtobufCMessage *message;
    status_t status = unpack (&rulemill__to_worker__descriptor, frame, len, &message, fault);
    *out = (Rulemill__ToWorker *) message;
    if (status != OK)
        return status;
    status = wire_check_to_worker (*out, fault);
    if (status != OK) {
        rulemill__to_worker__free_unpacked (*out, NULL);
        *out = NULL;
    }
    return status;
}

// --- amounts ---

Rulemill__Spend wire_spend (const spend_t *spend)
{
    Rulemill__Spend message = RULEMILL__SPEND__INIT;
    message.calls = spend->unit [SPEND_CALLS];
    message.tokens = spend->unit [SPEND_TOKENS];
    message.cost = spend->unit [SPEND_COST];
    return message;
}

spend_t wire_read_spend (const Rulemill__Spend *spend)
{
    return spend ? spend_of (spend->calls, spend->tokens, spend->cost) : (spend_t) { 0 };
}

Rulemill__Usage wire_usage (const usage_t *usage)
{
    Rulemill__Usage message = RULEMILL__USAGE__INIT;
    message.calls = usage->calls;
    message.prompt_tokens = usage->prompt_tokens;
    message.cached_tokens = usage->cached_tokens;
    message.completion_tokens = usage->completion_tokens;
    message.refused = usage->refused;
    message.cost = usage->cost;
    message.cut_responses = usage->cut_responses;
    message.cut_turns = usage->cut_turns;
    message.ms = usage->ms;
    message.first_calls = usage->first_calls;
    message.first_ms = usage->first_ms;
    message.adapter_calls = usage->adapter_calls;
    message.shortened = usage->shortened;
    return message;
}

usage_t wire_read_usage (const Rulemill__Usage *usage)
{
    if (usage == NULL)
        return (usage_t) { 0 };
    return (usage_t) { .calls = usage->calls, .prompt_tokens = usage->prompt_tokens, .cached_tokens = usage->cached_tokens,
                       .completion_tokens = usage->completion_tokens, .refused = usage->refused, .cost = usage->cost,
                       .cut_responses = usage->cut_responses, .cut_turns = usage->cut_turns, .ms = usage->ms,
                       .first_calls = usage->first_calls, .first_ms = usage->first_ms, .adapter_calls = usage->adapter_calls, .shortened = usage->shortened };
}

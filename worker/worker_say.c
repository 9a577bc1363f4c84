#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "proto/wire.h"
#include "proto/wire_check.h"
#include "worker/worker_loop.h"

// loop->out; a socket that fails altogether ends the loop.
static bool send_out (worker_loop_t *loop)
{
    fault_t fault = { 0 };
    status_t status = spoke_send (loop->spoke, &loop->out, &fault);
    if (status != OK && status != ERR_BUSY)
        loop_end (loop, status, "%s", fault.text);
    return status == OK;
}

static bool say (worker_loop_t *loop, const Rulemill__ToCoordinator *message)
{
    buf_clear (&loop->out);
    wire_pack_to_coordinator (message, &loop->out);
    return send_out (loop);
}

bool say_hello (worker_loop_t *loop)
{
    char host [256] = "";
    if (gethostname (host, sizeof host - 1) != 0)
        host [0] = '\0';
    Rulemill__Hello hello = RULEMILL__HELLO__INIT;
    hello.protocol_min = PROTOCOL_MIN;
    hello.protocol_max = PROTOCOL_MAX;
    hello.version = RULEMILL_VERSION;
    hello.pid = (uint32_t) getpid ();
    hello.host = host;
    hello.sender = loop->sender;
    hello.frame = outbox_frames (loop->outbox);
    if (!outbox_empty (loop->outbox))
        hello.run = (ProtobufCBinaryData) { DIGEST_BYTES, loop->run.b };
    Rulemill__ToCoordinator message = RULEMILL__TO_COORDINATOR__INIT;
    message.body_case = RULEMILL__TO_COORDINATOR__BODY_HELLO;
    message.hello = &hello;
    return say (loop, &message);
}

bool say_blob_get (worker_loop_t *loop, const digest_t *digest, uint64_t offset)
{
    Rulemill__BlobGet get = RULEMILL__BLOB_GET__INIT;
    get.digest = (ProtobufCBinaryData) { DIGEST_BYTES, (uint8_t *) digest->b };
    get.offset = offset;
    Rulemill__ToCoordinator message = RULEMILL__TO_COORDINATOR__INIT;
    message.body_case = RULEMILL__TO_COORDINATOR__BODY_BLOB_GET;
    message.blob_get = &get;
    return say (loop, &message);
}

bool say_want (worker_loop_t *loop, unsigned leases, uint32_t credit_bytes)
{
    Rulemill__Want want = RULEMILL__WANT__INIT;
    want.leases = leases;
    want.credit_bytes = credit_bytes;
    Rulemill__ToCoordinator message = RULEMILL__TO_COORDINATOR__INIT;
    message.body_case = RULEMILL__TO_COORDINATOR__BODY_WANT;
    message.want = &want;
    return say (loop, &message);
}

bool say_beat (worker_loop_t *loop)
{
    uint64_t *leases = mem_new ((loop->holding.n ? loop->holding.n : 1) * sizeof *leases);
    size_t n = 0;
    for (const held_lease_t *lease = loop->holding.leases; lease && n < WIRE_LEASES_MAX; lease = lease->next)
        if (!lease->dropped && lease->epoch == loop->epoch)
            leases [n++] = lease->lease;
    executor_state_t state = executor_state (loop->executor);
    Rulemill__Beat beat = RULEMILL__BEAT__INIT;
    beat.epoch = loop->epoch;
    beat.leases = leases;
    beat.n_leases = n;
    beat.busy = state.busy;
    beat.item = state.item;
    beat.progress = state.progress;
    Rulemill__ToCoordinator message = RULEMILL__TO_COORDINATOR__INIT;
    message.body_case = RULEMILL__TO_COORDINATOR__BODY_BEAT;
    message.beat = &beat;
    bool sent = say (loop, &message);
    free (leases);
    return sent;
}

bool say_results (worker_loop_t *loop)
{
    while (outbox_pack (loop->outbox, &loop->out)) {
        if (!send_out (loop))
            return false;
        outbox_sent (loop->outbox);
    }
    return true;
}

void say_return (worker_loop_t *loop, const held_lease_t *lease, const spend_t *need, bool in_flight)
{
    Rulemill__Spend wanted;
    Rulemill__Return back = RULEMILL__RETURN__INIT;
    back.epoch = lease->epoch;
    back.lease = lease->lease;
    back.in_flight = in_flight;
    if (need) {
        wanted = wire_spend (need);
        back.need = &wanted;
    }
    Rulemill__ToCoordinator message = RULEMILL__TO_COORDINATOR__INIT;
    message.body_case = RULEMILL__TO_COORDINATOR__BODY_GIVE_BACK;
    message.give_back = &back;
    if (!say (loop, &message))
        log_debug ("lease %llu could not be given back; the coordinator will notice", (unsigned long long) lease->lease);
}

// A text of ours may hold a file's name in any encoding; on the wire it is UTF-8.
static void clean_copy (char *out, size_t size, const char *text)
{
    snprintf (out, size, "%s", text);
    wire_clean_text (out);
}

void say_bye (worker_loop_t *loop, const char *reason)
{
    char text [WIRE_TEXT_MAX];
    clean_copy (text, sizeof text, reason);
    Rulemill__Bye bye = RULEMILL__BYE__INIT;
    bye.reason = text;
    Rulemill__ToCoordinator message = RULEMILL__TO_COORDINATOR__INIT;
    message.body_case = RULEMILL__TO_COORDINATOR__BODY_BYE;
    message.bye = &bye;
    if (!say (loop, &message))
        log_debug ("the coordinator could not be told: %s", text);
}

void say_unfit (worker_loop_t *loop, const char *reason)
{
    char text [WIRE_TEXT_MAX];
    clean_copy (text, sizeof text, reason);
    Rulemill__Unfit unfit = RULEMILL__UNFIT__INIT;
    unfit.reason = text;
    Rulemill__ToCoordinator message = RULEMILL__TO_COORDINATOR__INIT;
    message.body_case = RULEMILL__TO_COORDINATOR__BODY_UNFIT;
    message.unfit = &unfit;
    if (loop->phase >= PHASE_WORKING && !loop->hello_waiting)
        (void) say_results (loop);      // what was paid for before is of use
    if (!say (loop, &message))
        log_debug ("the coordinator could not be told that this worker is unfit");
    loop_end (loop, ERR_USAGE, "unfit for this run: %s", reason);
}

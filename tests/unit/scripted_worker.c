#include "tests/unit/scripted_worker.h"

#include <unistd.h>

#include "base/clock.h"

void scripted_say_frame (scripted_t *script, const buf_t *frame)
{
    fault_t fault = { 0 };
    for (int i = 0; spoke_send (script->spoke, frame, &fault) != OK; i++) {
        must (i < 500);
        usleep (10000);
    }
}

void scripted_say (scripted_t *script, const Rulemill__ToCoordinator *message)
{
    buf_t frame = { 0 };
    wire_pack_to_coordinator (message, &frame);
    scripted_say_frame (script, &frame);
    buf_free (&frame);
}

Rulemill__ToWorker *scripted_next (scripted_t *script, int timeout_ms)
{
    if (script->message)
        rulemill__to_worker__free_unpacked (script->message, NULL);
    script->message = NULL;
    buf_t frame = { 0 };
    int64_t until = clock_ms (NULL) + timeout_ms;
    bool got = false;
    fault_t fault = { 0 };
    while (!got && clock_ms (NULL) < until)
        must (spoke_receive (script->spoke, (int) (until - clock_ms (NULL)), -1, &got, &frame, &fault) == OK);
    if (got)
        must (wire_unpack_to_worker (frame.data, frame.len, &script->message, &fault) == OK);
    buf_free (&frame);
    Rulemill__ToWorker *message = script->message;
    if (message && message->body_case == RULEMILL__TO_WORKER__BODY_LEASE) {
        script->lease = message->lease->lease;
        script->grant = message->lease->grant ? message->lease->grant->calls : 0;
    }
    if (message && message->body_case == RULEMILL__TO_WORKER__BODY_BATCH) {
        script->n_items = message->batch->n_items;
        for (size_t i = 0; i < script->n_items; i++)
            script->items [i] = message->batch->items [i]->item;
    }
    return message;
}

bool scripted_await (scripted_t *script, Rulemill__ToWorker__BodyCase type, int timeout_ms)
{
    int64_t until = clock_ms (NULL) + timeout_ms;
    for (int64_t left; (left = until - clock_ms (NULL)) > 0; ) {
        Rulemill__ToWorker *message = scripted_next (script, (int) left);
        if (message && message->body_case == type)
            return true;
    }
    return false;
}

void scripted_hello (scripted_t *script)
{
    Rulemill__Hello hello = RULEMILL__HELLO__INIT;
    hello.protocol_min = PROTOCOL_MIN;
    hello.protocol_max = PROTOCOL_MAX;
    hello.pid = 1;
    hello.sender = script->sender;
    hello.frame = script->frame;
    SAY (script, hello, HELLO, &hello);
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_WELCOME, 10000));
    script->epoch = script->message->welcome->epoch;
}

void scripted_want (scripted_t *script, uint32_t leases, uint32_t credit)
{
    Rulemill__Want want = RULEMILL__WANT__INIT;
    want.leases = leases;
    want.credit_bytes = credit;
    SAY (script, want, WANT, &want);
}

void scripted_beat (scripted_t *script, bool busy, uint64_t item, uint64_t progress)
{
    Rulemill__Beat beat = RULEMILL__BEAT__INIT;
    beat.epoch = script->epoch;
    beat.busy = busy;
    beat.item = item;
    beat.progress = progress;
    SAY (script, beat, BEAT, &beat);
}

void scripted_result_body (scripted_t *script, uint64_t lease, uint64_t item, const void *body, size_t len, uint64_t spent)
{
    Rulemill__Result result = RULEMILL__RESULT__INIT, *list [] = { &result };
    result.item = item;
    result.final = true;
    result.body = (ProtobufCBinaryData) { len, (uint8_t *) (uintptr_t) body };
    Rulemill__Spend calls = RULEMILL__SPEND__INIT;
    calls.calls = spent;
    result.spent = &calls;
    Rulemill__Results results = RULEMILL__RESULTS__INIT;
    results.epoch = script->epoch;
    results.lease = lease;
    results.results = list;
    results.n_results = 1;
    if (script->sender != 0)
        results.frame = ++script->frame;
    SAY (script, results, RESULTS, &results);
}

void scripted_result (scripted_t *script, uint64_t lease, uint64_t item, uint64_t spent)
{
    buf_t body = { 0 };
    buf_add_u64be (&body, item * item);
    buf_add_u64be (&body, 0);
    buf_add_u64be (&body, 0);
    scripted_result_body (script, lease, item, body.data, body.len, spent);
    buf_free (&body);
}

void scripted_await_ack (scripted_t *script, uint64_t item)
{
    while (scripted_await (script, RULEMILL__TO_WORKER__BODY_ACK, 10000))
        for (size_t i = 0; i < script->message->ack->n_items; i++)
            if (script->message->ack->items [i] == item)
                return;
    must (!"an acknowledgement");
}

void scripted_give_back (scripted_t *script, uint64_t lease)
{
    Rulemill__Return message = RULEMILL__RETURN__INIT;
    message.epoch = script->epoch;
    message.lease = lease;
    SAY (script, give_back, GIVE_BACK, &message);
}

void scripted_bye (scripted_t *script)
{
    Rulemill__Bye bye = RULEMILL__BYE__INIT;
    bye.reason = (char *) (uintptr_t) "the script ends";
    SAY (script, bye, BYE, &bye);
}

void scripted_take_lease (scripted_t *script)
{
    scripted_want (script, 1, 1 << 20);
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_LEASE, 10000));
    must (scripted_await (script, RULEMILL__TO_WORKER__BODY_BATCH, 10000));
}

void scripted_open (scripted_t *script, const char *address)
{
    *script = (scripted_t) { 0 };
    fault_t fault = { 0 };
    must (spoke_open (&(spoke_options_t) { .address = address }, &script->spoke, &fault) == OK);
}

void scripted_close (scripted_t *script)
{
    if (script->message)
        rulemill__to_worker__free_unpacked (script->message, NULL);
    spoke_close (&script->spoke);
}

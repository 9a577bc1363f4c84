#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "coordinator/serve_parts.h"

enum { SILENT_BEATS = 5 };

peer_t *peer_find (serve_t *serve, const peer_id_t *id)
{
    peer_t *peer;
    HASH_FIND (hh, serve->peers, id->id, id->len, peer);
    return peer;
}

// One of this machine's.
peer_t *peer_find_pid (serve_t *serve, uint32_t pid)
{
    char host [HOST_MAX] = "";
    if (gethostname (host, sizeof host - 1) != 0)
        return NULL;
    for (peer_t *peer = serve->peers; peer; peer = peer->hh.next)
        if (peer->pid == pid && strcmp (peer->host, host) == 0)
            return peer;
    return NULL;
}

static status_t send_to (serve_t *serve, const peer_id_t *id, const Rulemill__ToWorker *message, fault_t *fault)
{
    buf_t frame = { 0 };
    wire_pack_to_worker (message, &frame);
    status_t status = hub_send (serve->options.hub, id, &frame, fault);
    buf_free (&frame);
    return status;
}

void peer_try (serve_t *serve, peer_t *peer, const Rulemill__ToWorker *message)
{
    fault_t fault = { 0 };
    if (send_to (serve, &peer->id, message, &fault) != OK)
        log_debug ("worker %" PRIu32 ": a message could not be sent: %s", peer->number, fault.text);
}

void who_are_you (serve_t *serve, const peer_id_t *from)
{
    Rulemill__Who who = RULEMILL__WHO__INIT;
    who.epoch = serve->epoch;
    Rulemill__ToWorker message = RULEMILL__TO_WORKER__INIT;
    message.body_case = RULEMILL__TO_WORKER__BODY_WHO;
    message.who = &who;
    peer_t stranger = { .id = *from };
    peer_try (serve, &stranger, &message);
}

bool peer_send (serve_t *serve, peer_t *peer, Rulemill__ToWorker *message)
{
    fault_t fault = { 0 };
    if (send_to (serve, &peer->id, message, &fault) == OK)
        return true;
    peer_lost (serve, peer, fault.code == ERR_NOT_FOUND, fault.text);
    return false;
}

void peers_tell (serve_t *serve, Rulemill__ToWorker *message)
{
    peer_t *peer, *next;
    HASH_ITER (hh, serve->peers, peer, next)
        peer_send (serve, peer, message);
}

void peer_refuse (serve_t *serve, const peer_id_t *id, Rulemill__RefuseReason reason, const char *text)
{
    Rulemill__Refuse refuse = RULEMILL__REFUSE__INIT;
    refuse.reason = reason;
    refuse.text = (char *) (uintptr_t) text;
    Rulemill__ToWorker message = RULEMILL__TO_WORKER__INIT;
    message.body_case = RULEMILL__TO_WORKER__BODY_REFUSE;
    message.refuse = &refuse;
    fault_t fault = { 0 };
    if (send_to (serve, id, &message, &fault) != OK)
        log_debug ("a refusal could not be sent: %s", fault.text);
    serve->messages_refused++;
}

static void welcome (serve_t *serve, peer_t *peer)
{
    Rulemill__Welcome welcome = RULEMILL__WELCOME__INIT;
    welcome.protocol = PROTOCOL_MAX;
    welcome.epoch = serve->epoch;
    welcome.worker = peer->number;
    welcome.beat_ms = serve->options.beat_ms;
    welcome.run = (ProtobufCBinaryData) { DIGEST_BYTES, serve->options.run.b };
    welcome.kind = (char *) (uintptr_t) serve->options.kind->class->name;
    welcome.setup = (ProtobufCBinaryData) { serve->setup.len, (uint8_t *) serve->setup.data };
    ProtobufCBinaryData *blobs = mem_zero (serve->n_blobs, sizeof *blobs);
    for (size_t i = 0; i < serve->n_blobs; i++)
        blobs [i] = (ProtobufCBinaryData) { DIGEST_BYTES, serve->blobs [i].b };
    welcome.taken = peer->taken;
    welcome.n_blobs = serve->n_blobs;
    welcome.blobs = blobs;
    Rulemill__ToWorker message = RULEMILL__TO_WORKER__INIT;
    message.body_case = RULEMILL__TO_WORKER__BODY_WELCOME;
    message.welcome = &welcome;
    peer_send (serve, peer, &message);
    free (blobs);
}

// --- senders that come back --------------------------------------------------

static void gone_drop (serve_t *serve, gone_t *gone)
{
    HASH_DEL (serve->gone, gone);
    free (gone);
}

static void gone_keep (serve_t *serve, const peer_t *peer)
{
    if (peer->sender == 0 || peer->taken == 0)
        return;
    if (HASH_COUNT (serve->gone) >= GONE_MAX)
        gone_drop (serve, serve->gone);         // the first is the one that was kept first
    gone_t *gone = mem_zero (1, sizeof *gone);
    gone->sender = peer->sender;
    gone->taken = peer->taken;
    HASH_ADD (hh, serve->gone, sender, sizeof gone->sender, gone);
}

// A sender that has connected anew may still be known by its old connection.
static void give_up_older (serve_t *serve, uint64_t sender)
{
    for (peer_t *peer = serve->peers; peer && sender != 0; peer = peer->hh.next)
        if (peer->sender == sender) {
            peer_lost (serve, peer, false, "it has connected anew");
            break;
        }
}

// The last frame taken of a sender that was given up.
static uint64_t gone_take (serve_t *serve, uint64_t sender)
{
    gone_t *gone;
    HASH_FIND (hh, serve->gone, &sender, sizeof sender, gone);
    uint64_t taken = gone ? gone->taken : 0;
    if (gone)
        gone_drop (serve, gone);
    return taken;
}

// --- hello and goodbye -------------------------------------------------------

static peer_t *peer_new (serve_t *serve, const peer_id_t *id, const char *user, const Rulemill__Hello *hello)
{
    peer_t *peer = mem_zero (1, sizeof *peer);
    peer->id = *id;
    peer->number = ++serve->next_worker;
    peer->pid = hello->pid;
    peer->sender = hello->sender;
    peer->taken = gone_take (serve, hello->sender);
    snprintf (peer->user, sizeof peer->user, "%s", user);
    snprintf (peer->host, sizeof peer->host, "%s", hello->host);
    HASH_ADD_KEYPTR (hh, serve->peers, peer->id.id, peer->id.len, peer);
    log_debug ("worker %" PRIu32 " is process %" PRIu32 " on %s", peer->number, peer->pid, peer->host);
    return peer;
}

void peer_hello (serve_t *serve, const peer_id_t *id, const char *user, const Rulemill__Hello *hello)
{
    char text [256];
    if (hello->protocol_min > PROTOCOL_MAX || hello->protocol_max < PROTOCOL_MIN) {
        snprintf (text, sizeof text, "it speaks protocol %" PRIu32 " to %" PRIu32 ", this coordinator %d to %d; install the same version of rulemill on both",
                  hello->protocol_min, hello->protocol_max, PROTOCOL_MIN, PROTOCOL_MAX);
        log_warn ("a worker was refused: %s", text);
        peer_refuse (serve, id, RULEMILL__REFUSE_REASON__REFUSE_VERSION, text);
        return;
    }
    if (serve->receipts)
        results_flush (serve);      // what was taken of it is answered before it is welcomed
    peer_t *peer = peer_find (serve, id);
    if (peer && strcmp (peer->user, user) != 0) {
        peer_lost (serve, peer, true, "another worker has its name now");
        peer = NULL;
    }
    if (peer == NULL)
        give_up_older (serve, hello->sender);
    if (peer == NULL && HASH_COUNT (serve->peers) >= LIMIT_PEERS) {
        snprintf (text, sizeof text, "this coordinator has its %d workers already", LIMIT_PEERS);
        peer_refuse (serve, id, RULEMILL__REFUSE_REASON__REFUSE_FULL, text);
        return;
    }
    if (peer == NULL)
        peer = peer_new (serve, id, user, hello);
    // Said again by one that is known: it has lost what it was told, so what it wanted and held starts afresh.
    while (peer->leases)
        work_end_lease (serve, peer->leases, END_LOST, false, 0);
    work_unqueue (serve, peer);
    peer->wants = 0;
    peer->credit = 0;
    peer->sharing = 0;
    peer->frame = hello->frame;
    peer->busy = peer->hung = false;
    peer->heard_ms = serve_now (serve);
    welcome (serve, peer);
}

static void send_blob (serve_t *serve, peer_t *peer, const Rulemill__BlobGet *get, bool found)
{
    Rulemill__Blob blob = RULEMILL__BLOB__INIT;
    blob.digest = get->digest;
    blob.missing = !found;
    if (found) {
        size_t from = get->offset < serve->blob.len ? (size_t) get->offset : serve->blob.len;
        blob.total = serve->blob.len;
        blob.offset = from;
        size_t n = serve->blob.len - from;
        blob.data = (ProtobufCBinaryData) { n < LIMIT_BLOB_CHUNK_BYTES ? n : LIMIT_BLOB_CHUNK_BYTES, (uint8_t *) serve->blob.data + from };
    }
    Rulemill__ToWorker message = RULEMILL__TO_WORKER__INIT;
    message.body_case = RULEMILL__TO_WORKER__BODY_BLOB;
    message.blob = &blob;
    peer_send (serve, peer, &message);
}

void peer_blob (serve_t *serve, peer_t *peer, const Rulemill__BlobGet *get)
{
    digest_t digest;
    memcpy (digest.b, get->digest.data, DIGEST_BYTES);
    bool found = serve->blob.len > 0 && digest_equal (&digest, &serve->blob_digest);
    if (!found) {
        fault_t fault = { 0 };
        buf_clear (&serve->blob);
        if (serve->options.kind->class->blob (serve->options.kind, &digest, &serve->blob, &found, &fault) != OK) {
            serve_fail (serve, &fault);
            return;
        }
        serve->blob_digest = digest;
    }
    send_blob (serve, peer, get, found);
}

void peer_beat (serve_t *serve, peer_t *peer, const Rulemill__Beat *beat)
{
    if (beat->epoch != serve->epoch)
        return;
    bool moved = beat->progress != peer->progress || !beat->busy;
    peer->busy = beat->busy;
    peer->item = beat->item;
    peer->progress = beat->progress;
    if (moved && peer->hung) {
        peer->hung = false;
        work_queue (serve, peer);
    }
    if (moved)
        for (lease_t *lease = peer->leases; lease; lease = lease->peer_next)
            lease->moved_ms = serve_now (serve);
}

// The lease of the item in hand; NULL where there is none.
static lease_t *lease_in_hand (const peer_t *peer)
{
    for (lease_t *lease = peer->leases; lease && peer->busy; lease = lease->peer_next)
        if (lease_place (lease, peer->item) < lease->n)
            return lease;
    return NULL;
}

// What it spent of its other leases is not known any more.
static void take_leases (serve_t *serve, peer_t *peer, const lease_t *guilty)
{
    while (peer->leases) {
        lease_t *lease = peer->leases;
        bool blamed = lease == guilty && lease->sent > 0;
        bool has_hand = blamed && peer->busy && lease_place (lease, peer->item) < lease->n && !work_is_done (serve, peer->item);
        if (blamed)
            serve->leases_lost++;
        work_end_lease (serve, lease, blamed ? END_KILLED : END_LOST, has_hand, peer->item);
    }
}

void peer_lost (serve_t *serve, peer_t *peer, bool killed, const char *why)
{
    bool held = peer->leases != NULL;
    if (killed) {
        log_warn ("worker %" PRIu32 " (process %" PRIu32 " on %s) is lost: %s%s", peer->number, peer->pid, peer->host, why,
                  held ? "; its work goes to others" : "");
        serve->workers_died++;
    }
    else
        log_debug ("worker %" PRIu32 " has gone: %s", peer->number, why);
    // Between two beats it may have gone on to another item: then its oldest lease takes the blame.
    const lease_t *guilty = killed ? lease_in_hand (peer) : NULL;
    take_leases (serve, peer, killed && guilty == NULL ? peer->leases : guilty);
    work_unqueue (serve, peer);
    gone_keep (serve, peer);
    HASH_DEL (serve->peers, peer);
    free (peer);
}

// What one of our own lacks (a key that is accepted, a way to the judge) all of them lack: what is in hand is finished and kept.
void peer_unfit (serve_t *serve, peer_t *peer, const char *reason)
{
    log_warn ("worker %" PRIu32 " on %s can't work: %s", peer->number, peer->host, reason);
    snprintf (serve->unfit, sizeof serve->unfit, "%s", reason);
    serve->workers_unfit++;
    if (serve->children && children_have (serve->children, (pid_t) peer->pid) && peer_find_pid (serve, peer->pid) == peer)
        serve->own_unfit = true;
    peer_lost (serve, peer, false, "it is unfit");
    if (serve->own_unfit)
        serve_stop (serve, false);
}

// A hung worker keeps its place, but what it holds is taken away, and it gets nothing more until it moves.
static void check_hung (serve_t *serve, peer_t *peer, int64_t now)
{
    const lease_t *guilty = lease_in_hand (peer);
    const lease_t *lease = guilty ? guilty : peer->leases;
    if (!peer->busy || lease == NULL || now - lease->moved_ms < (int64_t) serve->options.hang_ms)
        return;
    log_warn ("worker %" PRIu32 " (process %" PRIu32 " on %s) has not moved for %u s with item %" PRIu64 " in hand; its work goes to others",
              peer->number, peer->pid, peer->host, serve->options.hang_ms / 1000, peer->item);
    for (const lease_t *held = peer->leases; held; held = held->peer_next)
        work_revoke (serve, held);
    take_leases (serve, peer, guilty);
    peer->hung = true;
    work_unqueue (serve, peer);
}

static bool is_silent (const serve_t *serve, const peer_t *peer, int64_t now)
{
    return now - peer->heard_ms > (int64_t) SILENT_BEATS * serve->options.beat_ms;
}

static bool any_is_silent (const serve_t *serve, int64_t now)
{
    for (const peer_t *peer = serve->peers; peer; peer = peer->hh.next)
        if (is_silent (serve, peer, now))
            return true;
    return false;
}

void peers_check (serve_t *serve)
{
    int64_t now = serve_now (serve);
    peer_t *peer, *next;
    if (serve->receipts && any_is_silent (serve, now))
        results_flush (serve);      // what was taken of it is answered before it is given up
    HASH_ITER (hh, serve->peers, peer, next) {
        if (is_silent (serve, peer, now))
            peer_lost (serve, peer, true, "nothing was heard from it");
        else
            check_hung (serve, peer, now);
    }
}

void peers_forgive (serve_t *serve)
{
    int64_t now = serve_now (serve);
    for (peer_t *peer = serve->peers; peer; peer = peer->hh.next) {
        peer->heard_ms = now;
        for (lease_t *lease = peer->leases; lease; lease = lease->peer_next)
            lease->moved_ms = now;
    }
}

void peers_free (serve_t *serve)
{
    peer_t *peer, *next;
    HASH_ITER (hh, serve->peers, peer, next) {
        HASH_DEL (serve->peers, peer);
        free (peer);
    }
    while (serve->gone)
        gone_drop (serve, serve->gone);
}

#include "worker/outbox.h"

#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "base/mem.h"
#include "proto/wire.h"

enum {
    ENTRY_BYTES = 192,      // what an entry costs besides its body
    PACK_MAX = 4096         // results in one message
};

typedef struct { uint64_t epoch, lease, item; } item_key_t;

typedef struct entry entry_t;

// An item of which results are kept.
typedef struct {
    item_key_t key;
    uint64_t handle;
    bool final;                 // its final result is among them
    entry_t *entries;           // in the order in which they were made
    UT_hash_handle hh;
} item_t;

struct entry {
    item_t *of;
    bool final, sent, packed;   // packed: in the frame that is being sent
    buf_t body;
    worker_used_t used;
    uint64_t frame;             // in which it was sent last
    int64_t made_ms;
    entry_t *prev, *next;       // in the queue that it stands in
    entry_t *older, *newer;     // of its item
};

struct outbox {
    item_t *items;
    entry_t *unsent, *sent;     // queues, oldest first
    size_t bytes, unsent_bytes;
    uint64_t frames, taken;     // sent so far; the last one that was answered
    size_t finals;              // items with a final result
};

outbox_t *outbox_new (void)
{
    return mem_zero (1, sizeof (outbox_t));
}

void outbox_destroy (outbox_t **outbox)
{
    if (!*outbox)
        return;
    outbox_clear (*outbox);
    free (*outbox);
    *outbox = NULL;
}

static size_t cost (const entry_t *entry)
{
    return entry->body.cap + ENTRY_BYTES;
}

static item_t *find (const outbox_t *outbox, const item_key_t *key)
{
    item_t *item;
    HASH_FIND (hh, outbox->items, key, sizeof *key, item);
    return item;
}

void outbox_add (outbox_t *outbox, outbox_result_t *result)
{
    item_key_t key = { result->epoch, result->lease, result->item };
    item_t *item = find (outbox, &key);
    if (!item) {
        item = mem_zero (1, sizeof *item);
        item->key = key;
        item->handle = result->handle;
        HASH_ADD (hh, outbox->items, key, sizeof item->key, item);
    }
    entry_t *entry = mem_zero (1, sizeof *entry);
    entry->of = item;
    entry->final = result->final;
    entry->body = result->body;
    entry->used = result->used;
    entry->made_ms = result->made_ms;
    result->body = (buf_t) { 0 };
    outbox->finals += entry->final && !item->final;
    item->final |= entry->final;
    DL_APPEND2 (item->entries, entry, older, newer);
    DL_APPEND (outbox->unsent, entry);
    outbox->bytes += cost (entry);
    outbox->unsent_bytes += entry->body.len;
}

static void remove_entry (outbox_t *outbox, entry_t *entry)
{
    outbox->bytes -= cost (entry);
    if (entry->sent) {
        DL_DELETE (outbox->sent, entry);
    } else {
        DL_DELETE (outbox->unsent, entry);
        outbox->unsent_bytes -= entry->body.len;
    }
    DL_DELETE2 (entry->of->entries, entry, older, newer);
    buf_free (&entry->body);
    free (entry);
}

static void remove_item (outbox_t *outbox, item_t *item)
{
    while (item->entries)
        remove_entry (outbox, item->entries);
    outbox->finals -= item->final;
    HASH_DEL (outbox->items, item);
    free (item);
}

bool outbox_full (outbox_t *outbox)
{
    entry_t *entry, *next;
    if (outbox->bytes < OUTBOX_BYTES_MAX)
        return false;
    DL_FOREACH_SAFE (outbox->sent, entry, next) {
        item_t *item = entry->of;
        if (outbox->bytes < OUTBOX_BYTES_MAX)
            break;
        if (entry->final)
            continue;
        remove_entry (outbox, entry);
        if (!item->entries)
            remove_item (outbox, item);
    }
    return outbox->bytes >= OUTBOX_BYTES_MAX;
}

bool outbox_empty (const outbox_t *outbox)
{
    return outbox->items == NULL;
}

bool outbox_on_disk (const outbox_t *outbox)
{
    return outbox->unsent == NULL && outbox->finals == 0 && (outbox->sent == NULL || outbox->taken == outbox->frames);
}

bool outbox_due (const outbox_t *outbox, int64_t now_ms)
{
    if (!outbox->unsent)
        return false;
    return outbox->unsent_bytes >= OUTBOX_SEND_BYTES || now_ms - outbox->unsent->made_ms >= OUTBOX_SEND_MS;
}

// The unsent results of the lease whose result is the oldest: their number, marked as packed.
static size_t choose (outbox_t *outbox)
{
    const item_key_t *first = &outbox->unsent->of->key;
    size_t n = 0, bytes = 0;
    bool room = true;           // once one does not fit none after it may, or an item's results would change places
    entry_t *entry;
    DL_FOREACH (outbox->unsent, entry) {
        const item_key_t *key = &entry->of->key;
        bool ours = key->epoch == first->epoch && key->lease == first->lease;
        if (ours)
            room = room && (n == 0 || (bytes + entry->body.len <= OUTBOX_SEND_BYTES && n < PACK_MAX));
        entry->packed = ours && room;
        bytes += entry->packed ? entry->body.len : 0;
        n += entry->packed;
    }
    return n;
}

// A result with what it points to.
typedef struct { Rulemill__Result result; Rulemill__Spend spent; Rulemill__Usage usage; } packed_t;

static void fill_result (packed_t *packed, const entry_t *entry)
{
    Rulemill__Result *result = &packed->result;
    rulemill__result__init (result);
    result->item = entry->of->key.item;
    result->final = entry->final;
    result->body = (ProtobufCBinaryData) { entry->body.len, (uint8_t *) entry->body.data };
    packed->spent = wire_spend (&entry->used.spent);
    packed->usage = wire_usage (&entry->used.usage);
    if (!spend_is_zero (&entry->used.spent))
        result->spent = &packed->spent;
    if (!usage_is_zero (&entry->used.usage))
        result->usage = &packed->usage;
}

bool outbox_pack (outbox_t *outbox, buf_t *frame)
{
    if (!outbox->unsent)
        return false;
    size_t n = choose (outbox), at = 0;
    packed_t *results = mem_zero (n, sizeof *results);
    Rulemill__Result **list = mem_zero (n, sizeof *list);
    entry_t *entry;
    DL_FOREACH (outbox->unsent, entry) {
        if (!entry->packed)
            continue;
        fill_result (&results [at], entry);
        list [at] = &results [at].result;
        at++;
    }
    Rulemill__Results message = RULEMILL__RESULTS__INIT;
    message.epoch = outbox->unsent->of->key.epoch;
    message.lease = outbox->unsent->of->key.lease;
    message.results = list;
    message.n_results = n;
    message.frame = outbox->frames + 1;
    Rulemill__ToCoordinator whole = RULEMILL__TO_COORDINATOR__INIT;
    whole.body_case = RULEMILL__TO_COORDINATOR__BODY_RESULTS;
    whole.results = &message;
    buf_clear (frame);
    wire_pack_to_coordinator (&whole, frame);
    free (list);
    free (results);
    return true;
}

void outbox_sent (outbox_t *outbox)
{
    entry_t *entry, *next;
    outbox->frames++;
    DL_FOREACH_SAFE (outbox->unsent, entry, next) {
        if (!entry->packed)
            continue;
        entry->frame = outbox->frames;
        DL_DELETE (outbox->unsent, entry);
        DL_APPEND (outbox->sent, entry);
        outbox->unsent_bytes -= entry->body.len;
        entry->sent = true;
        entry->packed = false;
    }
}

uint64_t outbox_frames (const outbox_t *outbox)
{
    return outbox->frames;
}

void outbox_taken (outbox_t *outbox, uint64_t frame)
{
    if (frame > outbox->taken && frame <= outbox->frames)
        outbox->taken = frame;
}

void outbox_resend (outbox_t *outbox, bool same_coordinator)
{
    entry_t *entry;
    DL_FOREACH (outbox->sent, entry) {
        entry->sent = false;
        if (!same_coordinator || entry->frame <= outbox->taken)
            entry->used = (worker_used_t) { 0 };
        outbox->unsent_bytes += entry->body.len;
    }
    DL_CONCAT (outbox->sent, outbox->unsent);
    outbox->unsent = outbox->sent;
    outbox->sent = NULL;
}

bool outbox_settle (outbox_t *outbox, uint64_t epoch, uint64_t lease, uint64_t item, uint64_t *handle)
{
    item_key_t key = { epoch, lease, item };
    item_t *found = find (outbox, &key);
    if (!found || !found->final)
        return false;
    *handle = found->handle;
    remove_item (outbox, found);
    return true;
}

void outbox_clear (outbox_t *outbox)
{
    item_t *item, *next;
    HASH_ITER (hh, outbox->items, item, next)
        remove_item (outbox, item);
}

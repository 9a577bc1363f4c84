#include "worker/holding.h"

#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

#include "base/mem.h"

struct held_item {
    uint64_t item;
    size_t bytes;
    bool done;
    UT_hash_handle hh;
};

static void free_items (held_lease_t *lease)
{
    held_item_t *item, *next;
    HASH_ITER (hh, lease->items, item, next) {
        HASH_DEL (lease->items, item);
        free (item);
    }
}

static void forget (holding_t *holding, held_lease_t *lease)
{
    DL_DELETE (holding->leases, lease);
    holding->n--;
    free_items (lease);
    free (lease);
}

void holding_clear (holding_t *holding)
{
    while (holding->leases)
        forget (holding, holding->leases);
    holding->bytes = 0;
}

held_lease_t *holding_add (holding_t *holding, uint64_t epoch, uint64_t number, uint32_t announced)
{
    held_lease_t *oldest, *next;
    DL_FOREACH_SAFE (holding->leases, oldest, next)
        if (holding->n >= HOLDING_LEASES_MAX && oldest->dropped)
            forget (holding, oldest);
    held_lease_t *lease = mem_zero (1, sizeof *lease);
    lease->handle = ++holding->next_handle;
    lease->epoch = epoch;
    lease->lease = number;
    lease->announced = announced;
    DL_APPEND (holding->leases, lease);
    holding->n++;
    return lease;
}

held_lease_t *holding_find (const holding_t *holding, uint64_t epoch, uint64_t number)
{
    held_lease_t *lease;
    DL_FOREACH (holding->leases, lease)
        if (!lease->dropped && lease->epoch == epoch && lease->lease == number)
            return lease;
    return NULL;
}

held_lease_t *holding_by_handle (const holding_t *holding, uint64_t handle)
{
    held_lease_t *lease;
    DL_FOREACH (holding->leases, lease)
        if (lease->handle == handle)
            return lease;
    return NULL;
}

bool held_is_working (const held_lease_t *lease)
{
    return !lease->dropped && (lease->undone > 0 || !lease->last);
}

size_t holding_working (const holding_t *holding)
{
    size_t n = 0;
    held_lease_t *lease;
    DL_FOREACH (holding->leases, lease)
        n += held_is_working (lease);
    return n;
}

static held_item_t *find (const held_lease_t *lease, uint64_t number)
{
    held_item_t *item;
    HASH_FIND (hh, lease->items, &number, sizeof number, item);
    return item;
}

bool held_take (holding_t *holding, held_lease_t *lease, uint64_t number, size_t bytes)
{
    if (find (lease, number))
        return false;
    held_item_t *item = mem_zero (1, sizeof *item);
    item->item = number;
    item->bytes = bytes;
    HASH_ADD (hh, lease->items, item, sizeof item->item, item);
    lease->received++;
    lease->undone++;
    holding->bytes += bytes;
    return true;
}

bool held_done (holding_t *holding, held_lease_t *lease, uint64_t number)
{
    held_item_t *item = find (lease, number);
    if (!item || item->done)
        return false;
    item->done = true;
    lease->undone--;
    holding->bytes -= item->bytes;
    item->bytes = 0;
    return true;
}

void held_undo (held_lease_t *lease, uint64_t number)
{
    held_item_t *item = find (lease, number);
    if (!item || !item->done)
        return;
    item->done = false;
    lease->undone++;
}

bool held_has (const held_lease_t *lease, uint64_t number)
{
    return find (lease, number) != NULL;
}

bool holding_waits_for (const holding_t *holding, uint64_t number)
{
    held_lease_t *lease;
    DL_FOREACH (holding->leases, lease) {
        const held_item_t *item = find (lease, number);
        if (item && !item->done)
            return true;
    }
    return false;
}

void holding_drop (holding_t *holding, held_lease_t *lease, uint64_t serial)
{
    for (held_item_t *item = lease->items; item; item = item->hh.next)
        holding->bytes -= item->bytes;
    free_items (lease);
    lease->undone = 0;
    lease->dropped = true;
    lease->dropped_at = serial;
}

void holding_sweep (holding_t *holding, uint64_t idle_at)
{
    held_lease_t *lease, *next;
    DL_FOREACH_SAFE (holding->leases, lease, next) {
        bool over = lease->dropped ? lease->dropped_at <= idle_at : !held_is_working (lease);
        if (over && lease->unacked == 0)
            forget (holding, lease);
    }
}

#include "coordinator/leases.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"

// A key that leased items occupy, and how many of them.
typedef struct {
    uint64_t key;
    uint64_t lease;
    size_t uses;
    UT_hash_handle hh;
} occupied_t;

struct leases {
    unsigned attempts_max;
    uint64_t next_number;
    piece_t *pending;       // first in, first out
    piece_t *aside;         // wait for a key; pending again when a lease ends
    size_t waiting;         // items in both
    lease_t *by_number;
    lease_t *by_age;
    size_t active;
    occupied_t *occupied;
};

leases_t *leases_new (unsigned attempts_max)
{
    leases_t *leases = mem_zero (1, sizeof *leases);
    leases->attempts_max = attempts_max;
    leases->next_number = 1;
    return leases;
}

static void piece_free (piece_t *piece)
{
    free (piece->items);
    free (piece);
}

static void lease_free (lease_t *lease)
{
    free (lease->items);
    free (lease->final);
    free (lease);
}

void leases_forget (leases_t *leases)
{
    piece_t *piece, *next;
    LL_FOREACH_SAFE (leases->pending, piece, next)
        piece_free (piece);
    LL_FOREACH_SAFE (leases->aside, piece, next)
        piece_free (piece);
    leases->pending = leases->aside = NULL;
    leases->waiting = 0;
}

void leases_destroy (leases_t **self)
{
    leases_t *leases = *self;
    if (leases == NULL)
        return;
    leases_forget (leases);
    lease_t *lease, *lease_next;
    HASH_ITER (hh, leases->by_number, lease, lease_next) {
        HASH_DEL (leases->by_number, lease);
        lease_free (lease);
    }
    occupied_t *key, *key_next;
    HASH_ITER (hh, leases->occupied, key, key_next) {
        HASH_DEL (leases->occupied, key);
        free (key);
    }
    free (leases);
    *self = NULL;
}

static piece_t *piece_new (const due_t *items, size_t n, uint32_t attempt, unsigned deaths)
{
    piece_t *piece = mem_zero (1, sizeof *piece);
    piece->items = mem_new (n * sizeof *items);
    memcpy (piece->items, items, n * sizeof *items);
    piece->n = n;
    piece->attempt = attempt;
    piece->deaths = deaths;
    return piece;
}

static void queue (leases_t *leases, const due_t *items, size_t n, uint32_t attempt, unsigned deaths)
{
    if (n == 0)
        return;
    piece_t *piece = piece_new (items, n, attempt, deaths);
    LL_APPEND (leases->pending, piece);
    leases->waiting += n;
}

void leases_add (leases_t *leases, const due_t *items, size_t n)
{
    queue (leases, items, n, 1, 0);
}

// --- keys ------------------------------------------------------------------

static bool is_free (const leases_t *leases, const due_t *item, uint64_t lease)
{
    for (unsigned k = 0; k < item->n_keys; k++) {
        occupied_t *key;
        HASH_FIND (hh, leases->occupied, &item->keys [k], sizeof item->keys [k], key);
        if (key && key->lease != lease)
            return false;
    }
    return true;
}

static void occupy (leases_t *leases, const due_t *item, uint64_t lease)
{
    for (unsigned k = 0; k < item->n_keys; k++) {
        occupied_t *key;
        HASH_FIND (hh, leases->occupied, &item->keys [k], sizeof item->keys [k], key);
        if (key == NULL) {
            key = mem_zero (1, sizeof *key);
            key->key = item->keys [k];
            key->lease = lease;
            HASH_ADD (hh, leases->occupied, key, sizeof key->key, key);
        }
        key->uses++;
    }
}

static void vacate (leases_t *leases, const due_t *item)
{
    for (unsigned k = 0; k < item->n_keys; k++) {
        occupied_t *key;
        HASH_FIND (hh, leases->occupied, &item->keys [k], sizeof item->keys [k], key);
        assert (key);
        if (--key->uses == 0) {
            HASH_DEL (leases->occupied, key);
            free (key);
        }
    }
}

// --- granting --------------------------------------------------------------

// Where to cut a piece of n items so that no group is split; max at least one group.
static size_t cut (const due_t *items, size_t n, size_t max)
{
    if (n <= max)
        return n;
    size_t at = max;
    while (at > 0 && items [at].group == items [at - 1].group)
        at--;
    if (at > 0)
        return at;
    at = max;
    while (at < n && items [at].group == items [at - 1].group)
        at++;
    return at;
}

// What costs nothing once costs nothing ever after.
static uint64_t cost_now (due_t *item, const lease_price_t *price)
{
    if (item->cost > 0 && price->cost)
        item->cost = price->cost (price->ctx, item);
    return item->cost;
}

// How many of the first n items can be paid.
static size_t affordable (due_t *items, size_t n, const lease_price_t *price)
{
    if (price == NULL)
        return n;
    size_t count = 0;
    for (uint64_t units = price->units; count < n && cost_now (&items [count], price) <= units; count++)
        units -= items [count].cost;
    return count == 0 && n > 0 && price->units > 0 ? 1 : count;
}

static lease_t *lease_new (leases_t *leases, size_t n, uint32_t attempt, void *holder, int64_t now_ms)
{
    lease_t *lease = mem_zero (1, sizeof *lease);
    lease->number = leases->next_number++;
    lease->attempt = attempt;
    lease->items = mem_new (n * sizeof *lease->items);
    lease->final = mem_zero (n, sizeof *lease->final);
    lease->holder = holder;
    lease->granted_ms = lease->moved_ms = now_ms;
    return lease;
}

static void lease_enter (leases_t *leases, lease_t *lease)
{
    lease->left = lease->n;
    HASH_ADD (hh, leases->by_number, number, sizeof lease->number, lease);
    DL_APPEND (leases->by_age, lease);
    leases->active++;
}

// Split the piece's first `count` items into those that can go now and those that must wait for a key.
static lease_t *lease_from (leases_t *leases, piece_t *piece, size_t count, void *holder, int64_t now_ms)
{
    lease_t *lease = lease_new (leases, count, piece->attempt, holder, now_ms);
    lease->deaths = piece->deaths;
    lease->alone = piece->n == 1 && piece->deaths > 0;
    due_t *wait = mem_new (count * sizeof *wait);
    size_t n_wait = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_free (leases, &piece->items [i], lease->number)) {
            occupy (leases, &piece->items [i], lease->number);
            lease->items [lease->n++] = piece->items [i];
        }
        else
            wait [n_wait++] = piece->items [i];
    }
    if (n_wait > 0) {
        piece_t *aside = piece_new (wait, n_wait, piece->attempt, piece->deaths);
        LL_APPEND (leases->aside, aside);
    }
    free (wait);
    leases->waiting -= lease->n;
    if (lease->n > 0) {
        lease_enter (leases, lease);
        return lease;
    }
    lease_free (lease);
    return NULL;
}

lease_t *leases_grant (leases_t *leases, size_t max, const lease_price_t *price, void *holder, int64_t now_ms)
{
    assert (max > 0);
    lease_t *lease = NULL;
    while (lease == NULL && leases->pending) {
        piece_t *piece = leases->pending;
        size_t count = cut (piece->items, piece->n, max);
        count = affordable (piece->items, count, price);
        if (count == 0)
            return NULL;
        lease = lease_from (leases, piece, count, holder, now_ms);
        piece->n -= count;
        if (piece->n > 0)
            memmove (piece->items, piece->items + count, piece->n * sizeof *piece->items);
        else {
            LL_DELETE (leases->pending, piece);
            piece_free (piece);
        }
    }
    return lease;
}

uint64_t leases_next_cost (leases_t *leases, const lease_price_t *price)
{
    return leases->pending ? cost_now (&leases->pending->items [0], price) : 0;
}

lease_t *leases_copy (leases_t *leases, void *holder, int64_t age_ms, int64_t now_ms)
{
    lease_t *old;
    DL_FOREACH (leases->by_age, old) {
        if (now_ms - old->granted_ms < age_ms)
            return NULL;        // the others are younger still
        if (!old->copied && !old->copy && !old->alone && old->holder != holder && old->left > 0)
            break;
    }
    if (old == NULL)
        return NULL;
    lease_t *lease = lease_new (leases, old->left, old->attempt, holder, now_ms);
    for (size_t i = 0; i < old->n; i++)
        if (!old->final [i])
            lease->items [lease->n++] = old->items [i];
    for (size_t i = 0; i < lease->n; i++)
        occupy (leases, &lease->items [i], old->number);
    lease->copy = true;
    old->copied = true;
    lease_enter (leases, lease);
    return lease;
}

lease_t *leases_find (const leases_t *leases, uint64_t number)
{
    lease_t *lease;
    HASH_FIND (hh, leases->by_number, &number, sizeof number, lease);
    return lease;
}

lease_t *leases_oldest (const leases_t *leases)
{
    return leases->by_age;
}

// Items of a lease ascend, since pieces are cut from ascending runs.
size_t lease_place (const lease_t *lease, uint64_t item)
{
    size_t low = 0, high = lease->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (lease->items [middle].item < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < lease->n && lease->items [low].item == item ? low : lease->n;
}

bool lease_set_final (lease_t *lease, size_t place)
{
    assert (place < lease->n);
    if (!lease->final [place]) {
        lease->final [place] = true;
        lease->left--;
    }
    return lease->left == 0;
}

// --- ending ----------------------------------------------------------------

// Undone items of a lease that a worker died of: the one in hand alone, the others in halves.
static void put_back_killed (leases_t *leases, const lease_t *lease, due_t *undone, size_t n, bool has_hand, uint64_t hand,
                             lease_quarantine_fn *quarantine, void *ctx)
{
    size_t rest = 0;
    for (size_t i = 0; i < n; i++) {
        bool suspect = n == 1 || (has_hand && undone [i].item == hand);
        if (!suspect) {
            undone [rest++] = undone [i];
            continue;
        }
        unsigned deaths = lease->n == 1 ? lease->deaths + 1 : 1;
        if (deaths >= leases->attempts_max)
            quarantine (ctx, undone [i].item, deaths);
        else
            queue (leases, &undone [i], 1, lease->attempt + 1, deaths);
    }
    size_t half = (rest + 1) / 2;
    queue (leases, undone, half, lease->attempt + 1, 0);
    queue (leases, undone + half, rest - half, lease->attempt + 1, 0);
}

static void free_those_aside (leases_t *leases)
{
    if (leases->aside) {
        LL_CONCAT (leases->aside, leases->pending);
        leases->pending = leases->aside;
        leases->aside = NULL;
    }
}

void leases_end (leases_t *leases, lease_t **self, lease_end_t how, bool has_hand, uint64_t hand,
                 lease_done_fn *is_done, lease_quarantine_fn *quarantine, void *ctx)
{
    lease_t *lease = *self;
    *self = NULL;
    HASH_DEL (leases->by_number, lease);
    DL_DELETE (leases->by_age, lease);
    leases->active--;

    due_t *undone = mem_new (lease->n * sizeof *undone);
    size_t n = 0;
    for (size_t i = 0; i < lease->n; i++) {
        vacate (leases, &lease->items [i]);
        if (!lease->copy && !lease->final [i] && !is_done (ctx, lease->items [i].item))
            undone [n++] = lease->items [i];
    }
    if (how == END_KILLED && n > 0)
        put_back_killed (leases, lease, undone, n, has_hand, hand, quarantine, ctx);
    else
        queue (leases, undone, n, lease->attempt, lease->n == 1 ? lease->deaths : 0);
    free (undone);
    lease_free (lease);
    free_those_aside (leases);
}

size_t leases_active (const leases_t *leases)
{
    return leases->active;
}

size_t leases_pending (const leases_t *leases)
{
    return leases->waiting;
}

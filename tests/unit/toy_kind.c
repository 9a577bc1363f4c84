#include "tests/unit/toy_kind.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { LATER_MAX = 4096 };

struct worker_kind {
    worker_sink_t sink;
    struct { uint64_t lease, item; char *body; bool begun; } later [LATER_MAX];
    size_t n_later;
};

toy_seen_t seen;

static status_t toy_open (worker_kind_t **out, const void *setup, size_t len, const worker_blob_t *blobs, size_t n_blobs,
                          const worker_sink_t *sink, fault_t *fault)
{
    seen.opens++;
    if (len >= 5 && memcmp (setup, "unfit", 5) == 0)
        return fault_set (fault, ERR_FORMAT, "the setup says unfit");
    seen.blob_bytes = 0;
    for (size_t i = 0; i < n_blobs; i++)
        seen.blob_bytes += blobs [i].len;
    *out = mem_zero (1, sizeof **out);
    (*out)->sink = *sink;
    return OK;
}

static void answer (worker_kind_t *kind, uint64_t lease, uint64_t item, const char *body)
{
    if (strncmp (body, "two", 3) == 0)
        kind->sink.result (kind->sink.ctx, lease, item, false, "half", 4, &(worker_used_t) { .spent = spend_of (1, 0, 0) });
    kind->sink.result (kind->sink.ctx, lease, item, true, body, strlen (body), &(worker_used_t) { .spent = spend_of (2, 0, 0) });
}

static status_t toy_item (worker_kind_t *kind, uint64_t lease, uint64_t item, const char *body, fault_t *fault)
{
    kind->sink.progress (kind->sink.ctx, true, item);
    if (strncmp (body, "bad", 3) == 0)
        return fault_set (fault, ERR_FORMAT, "an item says that it is bad");
    if (strncmp (body, "unfit", 5) == 0)
        kind->sink.unfit (kind->sink.ctx, "an item says unfit");
    if (strncmp (body, "block", 5) == 0) {
        seen.blocked = true;
        while (!seen.go)
            usleep (1000);
    }
    bool later = strncmp (body, "later", 5) == 0 || strncmp (body, "never", 5) == 0;
    if (!later) {
        answer (kind, lease, item, body);
        return OK;
    }
    kind->later [kind->n_later].lease = lease;
    kind->later [kind->n_later].item = item;
    kind->later [kind->n_later].begun = kind->n_later == 0;
    kind->later [kind->n_later++].body = mem_string (body);
    return OK;
}

static status_t toy_begin (worker_kind_t *kind, uint64_t lease, const uint64_t *items, const void *const *bodies,
                           const size_t *lens, size_t n, fault_t *fault)
{
    for (size_t i = 0; i < n; i++) {
        char *body = mem_string_n (bodies [i] ? bodies [i] : "", lens [i]);
        status_t status = toy_item (kind, lease, items [i], body, fault);
        free (body);
        if (status != OK)
            return status;
    }
    return OK;
}

static status_t toy_again (worker_kind_t *kind, uint64_t lease, uint64_t item, const void *known, size_t len, fault_t *fault)
{
    seen.again++;
    char *text = mem_string_n (known ? known : "", len);
    status_t status = toy_item (kind, lease, item, text, fault);
    free (text);
    return status;
}

static void toy_settled (worker_kind_t *kind, uint64_t item)
{
    (void) kind;
    (void) item;
    seen.settled++;
}

static void remove_later (worker_kind_t *kind, size_t i)
{
    free (kind->later [i].body);
    memmove (&kind->later [i], &kind->later [i + 1], (kind->n_later - i - 1) * sizeof kind->later [0]);
    kind->n_later--;
}

static void toy_revoke (worker_kind_t *kind, uint64_t lease)
{
    seen.revokes++;
    for (size_t i = 0; i < kind->n_later; )
        if (kind->later [i].lease == lease && !kind->later [i].begun)
            remove_later (kind, i);
        else
            i++;
}

static bool toy_step (worker_kind_t *kind, int timeout_ms)
{
    if (kind->n_later == 0)
        return false;
    usleep ((useconds_t) (timeout_ms < 5 ? timeout_ms : 5) * 1000);
    if (strncmp (kind->later [0].body, "never", 5) == 0)
        return true;
    answer (kind, kind->later [0].lease, kind->later [0].item, kind->later [0].body);
    remove_later (kind, 0);
    if (kind->n_later > 0) {
        kind->later [0].begun = true;
        kind->sink.progress (kind->sink.ctx, true, kind->later [0].item);
    }
    return kind->n_later > 0;
}

static void toy_share (worker_kind_t *kind, unsigned workers)
{
    (void) kind;
    seen.sharing = (int) workers;
}

static bool toy_hungry (const worker_kind_t *kind)
{
    (void) kind;
    return seen.hungry;
}

static void toy_close (worker_kind_t **kind)
{
    seen.closes++;
    while ((*kind)->n_later > 0)
        remove_later (*kind, 0);
    free (*kind);
    *kind = NULL;
}

const worker_kind_class_t toy_kind = {
    .name = "toy", .open = toy_open, .begin = toy_begin, .again = toy_again, .settled = toy_settled,
    .revoke = toy_revoke, .step = toy_step, .close = toy_close, .share = toy_share, .hungry = toy_hungry,
};

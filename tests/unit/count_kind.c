#include "tests/unit/count_kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

uint64_t count_u64 (const void *bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | ((const uint8_t *) bytes) [i];
    return value;
}

void count_key (buf_t *key, char type, uint64_t item)
{
    buf_clear (key);
    buf_add_char (key, type);
    buf_add_u64be (key, item);
}

static inline count_kind_t *count_self (kind_t *kind) { return (count_kind_t *) kind; }

static void count_make_setup (kind_t *kind, buf_t *setup)
{
    buf_add (setup, &count_self (kind)->setup, sizeof (count_setup_t));
}

static size_t count_blobs (kind_t *kind, digest_t *out, size_t max)
{
    (void) kind;
    (void) max;
    out [0] = digest_of (count_blob_text, sizeof count_blob_text);
    return 1;
}

static status_t count_blob (kind_t *kind, const digest_t *digest, buf_t *out, bool *found, fault_t *fault)
{
    (void) kind;
    (void) fault;
    digest_t known = digest_of (count_blob_text, sizeof count_blob_text);
    *found = digest_equal (&known, digest);
    if (*found)
        buf_add (out, count_blob_text, sizeof count_blob_text);
    return OK;
}

uint64_t count_get_number (store_t *store, store_table_t table, const buf_t *key)
{
    buf_t value = { 0 };
    bool found = false;
    fault_t fault = { 0 };
    if (store_get (store, table, key->data, key->len, &value, &found, &fault) != OK)
        abort ();
    uint64_t number = found && value.len == 8 ? count_u64 (value.data) : 0;
    buf_free (&value);
    return number;
}

uint64_t count_mark (store_t *store, const char *phase)
{
    buf_t key = { 0 };
    buf_printf (&key, "mark%s", phase);
    uint64_t mark = count_get_number (store, TABLE_META, &key);
    buf_free (&key);
    return mark;
}

static void count_put_number (store_batch_t *batch, const char *name, const char *more, uint64_t number)
{
    buf_t key = { 0 }, value = { 0 };
    buf_printf (&key, "%s%s", name, more);
    buf_add_u64be (&value, number);
    store_batch_put (batch, TABLE_META, key.data, key.len, value.data, value.len);
    buf_free (&key);
    buf_free (&value);
}

bool count_has (store_t *store, char type, uint64_t item)
{
    buf_t key = { 0 };
    bool found = false;
    fault_t fault = { 0 };
    count_key (&key, type, item);
    if (store_get (store, TABLE_LABELS, key.data, key.len, NULL, &found, &fault) != OK)
        abort ();
    buf_free (&key);
    return found;
}

bool count_is_not (const count_kind_t *self, uint64_t item)
{
    return self->not_every && item % self->not_every == 5;
}

static due_t count_look (count_kind_t *self, uint64_t item)
{
    due_t due = { .item = item, .group = self->group ? item / self->group : item, .state = DUE_LEASE, .cost = self->cost };
    if (count_is_not (self, item) || count_has (self->store, 'L', item))
        due.state = DUE_NOT;
    else if (self->self_every && item % self->self_every == 3)
        due.state = DUE_SELF;
    if (self->pair_keys) {
        due.keys [0] = item % self->pair_keys;
        due.n_keys = 1;
    }
    return due;
}

static status_t count_retries (kind_t *kind, uint64_t from, due_t *out, size_t max, size_t *n, fault_t *fault)
{
    count_kind_t *self = count_self (kind);
    buf_t key = { 0 };
    count_key (&key, 'Q', from);
    store_iter_t *iter = store_iter_new (self->store, TABLE_LABELS, "Q", 1, key.data, key.len);
    for (*n = 0; *n < max && store_iter_valid (iter); store_iter_next (iter)) {
        size_t len;
        const uint8_t *bytes = store_iter_key (iter, &len);
        out [(*n)++] = count_look (self, count_u64 (bytes + 1));
    }
    status_t status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    buf_free (&key);
    return status;
}

static status_t count_phase (kind_t *kind, phase_t *phase, bool *found, fault_t *fault)
{
    count_kind_t *self = count_self (kind);
    self->ended = self->ended || self->asked_end;
    uint64_t even = count_mark (self->store, "even"), all = count_mark (self->store, "all");
    bool first = even < self->n || (self->command && !self->ended);
    due_t due;
    size_t n = 0;
    if (count_retries (kind, 0, &due, 1, &n, fault) != OK)
        return fault->code;
    *phase = (phase_t) { .end = self->n, .low_water = first ? even : all };
    snprintf (phase->name, sizeof phase->name, "%s", first ? "even" : "all");
    self->setup.phase = self->changes && !first ? 2 : 0;
    *found = first || (!self->even_alone && (all < self->n || n > 0));
    return OK;
}

static const char *const *count_phase_end (kind_t *kind, const phase_t *phase)
{
    count_kind_t *self = count_self (kind);
    if (strcmp (phase->name, "even") != 0 || self->command == NULL)
        return NULL;
    self->asked_end = true;
    self->commands++;
    return self->command;
}

static status_t count_due (kind_t *kind, const phase_t *phase, uint64_t from, due_t *out, size_t max, size_t *n, uint64_t *next, fault_t *fault)
{
    (void) fault;
    count_kind_t *self = count_self (kind);
    bool even = strcmp (phase->name, "even") == 0;
    size_t some = max < 37 ? max : 37;      // fewer than asked for is allowed
    for (*n = 0; *n < some && from + *n < phase->end; (*n)++) {
        out [*n] = count_look (self, from + *n);
        if (even && (from + *n) % 2)
            out [*n].state = DUE_NOT;
    }
    *next = from + *n;
    if (*next > self->looked_past)
        self->looked_past = *next;
    return OK;
}

static status_t count_body (kind_t *kind, uint64_t item, bool first, buf_t *body, fault_t *fault)
{
    (void) fault;
    count_self (kind)->first_seen = count_self (kind)->first_seen || first;
    buf_add_u64be (body, item);
    buf_reserve (body, count_self (kind)->body_bytes);
    for (uint64_t i = 0; i < count_self (kind)->body_bytes; i++)
        buf_add_char (body, 'x');
    return OK;
}

static void count_keep (count_kind_t *self, store_batch_t *batch, uint64_t item, const void *value, size_t len)
{
    buf_t key = { 0 };
    count_key (&key, 'L', item);
    store_batch_put (batch, TABLE_LABELS, key.data, key.len, value, len);
    count_key (&key, 'Q', item);
    store_batch_delete (batch, TABLE_LABELS, key.data, key.len);
    buf_free (&key);
    self->count++;
}

static status_t count_commit (kind_t *kind, store_batch_t *batch, uint64_t item, bool final, const void *body, size_t len,
                              verdict_t *verdict, buf_t *known, fault_t *fault)
{
    (void) fault;
    count_kind_t *self = count_self (kind);
    *verdict = VERDICT_BAD;
    if (count_has (self->store, 'L', item)) {
        *verdict = VERDICT_FINAL;
        return OK;
    }
    if (!final) {
        buf_t key = { 0 };
        count_key (&key, 'p', item);
        store_batch_put (batch, TABLE_CELLS, key.data, key.len, body, len);
        buf_free (&key);
        *verdict = VERDICT_PARTIAL;
        return OK;
    }
    if (len != 24 || count_u64 (body) != item * item)
        return OK;
    if (count_u64 ((const char *) body + 16) != self->setup.phase)
        self->other_setup++;
    uint64_t base = self->stale && item % self->stale == 0 ? 1000 : 0;
    if (count_u64 ((const char *) body + 8) != base) {
        *verdict = VERDICT_STALE;
        buf_add_u64be (known, base);
        return OK;
    }
    *verdict = VERDICT_FINAL;
    buf_t value = { 0 };
    buf_add_char (&value, '=');
    buf_add (&value, body, 8);
    count_keep (self, batch, item, value.data, value.len);
    buf_free (&value);
    return OK;
}

status_t count_settle (kind_t *kind, store_batch_t *batch, uint64_t item, fault_t *fault)
{
    (void) fault;
    count_keep (count_self (kind), batch, item, "s", 1);
    return OK;
}

status_t count_quarantine (kind_t *kind, store_batch_t *batch, uint64_t item, const char *reason, fault_t *fault)
{
    (void) fault;
    char *value = mem_printf ("q%s", reason);
    count_keep (count_self (kind), batch, item, value, strlen (value));
    free (value);
    return OK;
}

static void count_before_write (kind_t *kind, store_batch_t *batch, const phase_t *phase)
{
    count_put_number (batch, "mark", phase->name, phase->low_water);
    count_put_number (batch, "count", "", count_self (kind)->count);
}

static void count_after_write (kind_t *kind)
{
    count_kind_t *self = count_self (kind);
    if (++self->writes == self->exit_after)
        _exit (7);          // what was written is not acknowledged
}

void count_kind_make (count_kind_t *self, store_t *store, uint64_t n)
{
    *self = (count_kind_t) { .store = store, .n = n };
    self->class = (kind_class_t) {
        .name = "count", .setup = count_make_setup, .blobs = count_blobs, .blob = count_blob, .phase = count_phase,
        .phase_end = count_phase_end, .due = count_due, .retries = count_retries, .body = count_body, .commit = count_commit,
        .settle = count_settle, .quarantine = count_quarantine, .before_write = count_before_write, .after_write = count_after_write
    };
    self->kind.class = &self->class;
    buf_t key = { 0 };
    buf_add_str (&key, "count");
    self->count = count_get_number (store, TABLE_META, &key);
    buf_free (&key);
}

void count_take_up_again (count_kind_t *self)
{
    store_batch_t *batch = store_batch_new (self->store);
    buf_t key = { 0 };
    fault_t fault = { 0 };
    for (uint64_t item = 0; item < self->n; item++) {
        buf_t value = { 0 };
        bool found = false;
        count_key (&key, 'L', item);
        if (store_get (self->store, TABLE_LABELS, key.data, key.len, &value, &found, &fault) != OK)
            abort ();
        if (found && value.data [0] == 'q') {
            store_batch_delete (batch, TABLE_LABELS, key.data, key.len);
            count_key (&key, 'Q', item);
            store_batch_put (batch, TABLE_LABELS, key.data, key.len, "", 0);
            self->count--;
        }
        buf_free (&value);
    }
    if (store_commit (self->store, batch, &fault) != OK)
        abort ();
    store_batch_destroy (&batch);
    buf_free (&key);
}

_Atomic unsigned char count_settled_items [COUNT_MAX];

typedef struct { uint64_t lease, item, base; } count_job_t;

typedef struct {
    const worker_sink_t *sink;
    worker_sink_t sink_copy;
    count_setup_t setup;
    count_job_t *jobs;      // not begun
    size_t n, cap;
    uint64_t progress;
    uint64_t left [COUNT_LEASES];   // calls of each lease's grant
} count_worker_t;

static status_t count_open (worker_kind_t **out, const void *setup, size_t setup_len, const worker_blob_t *blobs, size_t n_blobs,
                            const worker_sink_t *sink, fault_t *fault)
{
    if (setup_len != sizeof (count_setup_t) || n_blobs != 1 || blobs->len != sizeof count_blob_text
        || memcmp (blobs->bytes, count_blob_text, blobs->len) != 0)
        return fault_set (fault, ERR_FORMAT, "this is no count");
    count_worker_t *self = mem_zero (1, sizeof *self);
    self->sink_copy = *sink;
    self->sink = &self->sink_copy;
    memcpy (&self->setup, setup, setup_len);
    *out = (worker_kind_t *) self;
    return OK;
}

static void count_add_job (count_worker_t *self, count_job_t job)
{
    if (self->n == self->cap) {
        self->cap = 2 * self->cap + 16;
        self->jobs = mem_resize (self->jobs, self->cap * sizeof *self->jobs);
    }
    self->jobs [self->n++] = job;
}

static status_t count_begin (worker_kind_t *kind, uint64_t lease, const uint64_t *items, const void *const *bodies,
                             const size_t *lens, size_t n, fault_t *fault)
{
    for (size_t i = 0; i < n; i++) {
        if (lens [i] < 8 || count_u64 (bodies [i]) != items [i])
            return fault_set (fault, ERR_FORMAT, "a body without its number");
        count_add_job ((count_worker_t *) kind, (count_job_t) { lease, items [i], 0 });
    }
    return OK;
}

static status_t count_again (worker_kind_t *kind, uint64_t lease, uint64_t item, const void *known, size_t len, fault_t *fault)
{
    if (len != 8)
        return fault_set (fault, ERR_FORMAT, "no base to compute from");
    count_add_job ((count_worker_t *) kind, (count_job_t) { lease, item, count_u64 (known) });
    return OK;
}

static void count_grant (worker_kind_t *kind, uint64_t lease, const spend_t *grant)
{
    ((count_worker_t *) kind)->left [lease % COUNT_LEASES] = grant->unit [SPEND_CALLS];
}

static void count_settled (worker_kind_t *kind, uint64_t item)
{
    (void) kind;
    if (item < COUNT_MAX)
        atomic_fetch_add (&count_settled_items [item], 1);
}

static void count_revoke (worker_kind_t *kind, uint64_t lease)
{
    count_worker_t *self = (count_worker_t *) kind;
    size_t n = 0;
    for (size_t i = 0; i < self->n; i++)
        if (self->jobs [i].lease != lease)
            self->jobs [n++] = self->jobs [i];
    self->n = n;
}

static bool count_step (worker_kind_t *kind, int timeout_ms)
{
    (void) timeout_ms;
    count_worker_t *self = (count_worker_t *) kind;
    if (self->n == 0)
        return false;
    count_job_t job = self->jobs [0];
    memmove (self->jobs, self->jobs + 1, --self->n * sizeof *self->jobs);
    const worker_used_t used = { .spent = spend_of (self->setup.spend, 0, 0), .usage = { .calls = self->setup.spend } };
    uint64_t *left = &self->left [job.lease % COUNT_LEASES];
    if (*left < self->setup.spend) {
        count_revoke (kind, job.lease);
        self->sink->give_back (self->sink->ctx, job.lease, &used.spent);
        return self->n > 0;
    }
    *left -= *left == SPEND_NO_LIMIT ? 0 : self->setup.spend;
    self->sink->progress (self->sink->ctx, true, job.item);
    if (self->setup.pause_us)
        usleep ((useconds_t) self->setup.pause_us);
    if (self->setup.deadly && job.item == self->setup.deadly) {
        usleep (200000);        // so that a beat names it
        _exit (9);
    }
    if (self->setup.partials)
        self->sink->result (self->sink->ctx, job.lease, job.item, false, "part", 4, NULL);
    buf_t body = { 0 };
    buf_add_u64be (&body, job.item * job.item);
    buf_add_u64be (&body, job.base);
    buf_add_u64be (&body, self->setup.phase);
    self->sink->result (self->sink->ctx, job.lease, job.item, true, body.data, body.len, &used);
    buf_free (&body);
    self->sink->progress (self->sink->ctx, self->n > 0, self->n > 0 ? self->jobs [0].item : 0);
    return self->n > 0;
}

static void count_close (worker_kind_t **kind)
{
    count_worker_t *self = (count_worker_t *) *kind;
    free (self->jobs);
    free (self);
    *kind = NULL;
}

const worker_kind_class_t count_worker_class = {
    .name = "count", .open = count_open, .grant = count_grant, .begin = count_begin, .again = count_again, .settled = count_settled,
    .revoke = count_revoke, .step = count_step, .close = count_close
};

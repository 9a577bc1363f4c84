#include "ops/batch_cells.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"

enum { MARK_BYTES = 13, MARK_KEY_BYTES = 5 + 4 + 8 + 4 + 4 };

// A response's cells with room to grow; rules ascending.
typedef struct {
    uint64_t response;
    Rulemill__Cells cells;          // its lists are owned
    size_t room;
    bool changed;
    UT_hash_handle hh;
} gathered_t;

typedef struct {
    uint8_t key [MARK_KEY_BYTES];
    batch_mark_t mark;              // BATCH_NONE: to be deleted
    cell_t cell;
    UT_hash_handle hh;
} marked_t;

struct batch_cells {
    store_t *store;
    uint32_t run, judge;
    unsigned samples;
    Rulemill__RunCounts *counts;
    gathered_t *gathered;
    marked_t *marked;
    bool changed;
};

batch_cells_t *batch_cells_new (store_t *store, const Rulemill__RunRecord *run, unsigned samples, Rulemill__RunCounts *counts)
{
    batch_cells_t *self = mem_zero (1, sizeof *self);
    *self = (batch_cells_t) { .store = store, .run = run->number, .judge = run->judge, .samples = samples ? samples : 1, .counts = counts };
    return self;
}

static void forget (batch_cells_t *self)
{
    gathered_t *one, *next;
    HASH_ITER (hh, self->gathered, one, next) {
        HASH_DEL (self->gathered, one);
        free (one->cells.rule);
        free (one->cells.score);
        free (one->cells.relevance);
        free (one->cells.mass);
        free (one);
    }
    marked_t *mark, *after;
    HASH_ITER (hh, self->marked, mark, after) {
        HASH_DEL (self->marked, mark);
        free (mark);
    }
    self->changed = false;
}

void batch_cells_destroy (batch_cells_t **self)
{
    if (*self == NULL)
        return;
    forget (*self);
    free (*self);
    *self = NULL;
}

// --- marks -----------------------------------------------------------------

static void mark_key (const batch_id_t *id, uint8_t key [MARK_KEY_BYTES])
{
    buf_t made = { 0 };
    buf_add_str (&made, "batch");
    buf_add_u32be (&made, id->judge);
    buf_add_u64be (&made, id->response);
    buf_add_u32be (&made, id->rule);
    buf_add_u32be (&made, id->sample);
    memcpy (key, made.data, MARK_KEY_BYTES);
    buf_free (&made);
}

static uint32_t read_u32be (const char *bytes)
{
    const uint8_t *b = (const uint8_t *) bytes;
    return (uint32_t) b [0] << 24 | (uint32_t) b [1] << 16 | (uint32_t) b [2] << 8 | b [3];
}

status_t batch_mark_get (store_t *store, const batch_id_t *id, batch_mark_t *mark, cell_t *cell, fault_t *fault)
{
    uint8_t key [MARK_KEY_BYTES];
    buf_t value = { 0 };
    bool found = false;
    mark_key (id, key);
    *mark = BATCH_NONE;
    status_t status = store_get (store, TABLE_META, key, sizeof key, &value, &found, fault);
    if (status == OK && found) {
        if (value.len == MARK_BYTES && (value.data [0] == 's' || value.data [0] == 'u' || value.data [0] == 'U'))
            *mark = (batch_mark_t) value.data [0];
        else
            status = fault_set (fault, ERR_CORRUPT, "a record of batch answers has %zu bytes, %d are expected", value.len, MARK_BYTES);
    }
    if (status == OK && *mark == BATCH_SAMPLE)
        *cell = (cell_t) { .score = (int32_t) read_u32be (value.data + 1), .relevance = read_u32be (value.data + 5),
                           .mass = read_u32be (value.data + 9), .known = true };
    buf_free (&value);
    return status;
}

static status_t get_mark (batch_cells_t *self, const batch_id_t *id, batch_mark_t *mark, cell_t *cell, fault_t *fault)
{
    uint8_t key [MARK_KEY_BYTES];
    marked_t *pending;
    mark_key (id, key);
    HASH_FIND (hh, self->marked, key, sizeof key, pending);
    if (pending == NULL)
        return batch_mark_get (self->store, id, mark, cell, fault);
    *mark = pending->mark;
    *cell = pending->cell;
    return OK;
}

static void set_mark (batch_cells_t *self, const batch_id_t *id, batch_mark_t mark, const cell_t *cell)
{
    uint8_t key [MARK_KEY_BYTES];
    marked_t *pending;
    mark_key (id, key);
    HASH_FIND (hh, self->marked, key, sizeof key, pending);
    if (pending == NULL) {
        pending = mem_zero (1, sizeof *pending);
        memcpy (pending->key, key, sizeof key);
        HASH_ADD (hh, self->marked, key, sizeof pending->key, pending);
    }
    pending->mark = mark;
    pending->cell = cell ? *cell : (cell_t) { 0 };
    self->changed = true;
}

static void put_mark (const marked_t *marked, store_batch_t *batch)
{
    if (marked->mark == BATCH_NONE) {
        store_batch_delete (batch, TABLE_META, marked->key, sizeof marked->key);
        return;
    }
    buf_t value = { 0 };
    buf_add_char (&value, (char) marked->mark);
    buf_add_u32be (&value, (uint32_t) marked->cell.score);
    buf_add_u32be (&value, marked->cell.relevance);
    buf_add_u32be (&value, marked->cell.mass);
    store_batch_put (batch, TABLE_META, marked->key, sizeof marked->key, value.data, value.len);
    buf_free (&value);
}

// --- cells -----------------------------------------------------------------

static void make_room (gathered_t *one, size_t room)
{
    if (room <= one->room)
        return;
    one->room = room * 2;
    one->cells.rule = mem_resize (one->cells.rule, one->room * sizeof *one->cells.rule);
    one->cells.score = mem_resize (one->cells.score, one->room * sizeof *one->cells.score);
    one->cells.relevance = mem_resize (one->cells.relevance, one->room * sizeof *one->cells.relevance);
    one->cells.mass = mem_resize (one->cells.mass, one->room * sizeof *one->cells.mass);
}

static void set_count (Rulemill__Cells *cells, size_t n)
{
    cells->n_rule = cells->n_score = cells->n_relevance = cells->n_mass = n;
}

static status_t take_stored (gathered_t *one, const Rulemill__Cells *stored, fault_t *fault)
{
    size_t n = stored->n_rule;
    if (stored->n_score != n || stored->n_relevance != n || stored->n_mass != n)
        return fault_set (fault, ERR_CORRUPT, "the cells of response %llu can't be read; restore the store from a backup",
                          (unsigned long long) one->response);
    make_room (one, n + 1);
    for (size_t i = 0; i < n; i++) {
        one->cells.rule [i] = stored->rule [i];
        one->cells.score [i] = stored->score [i];
        one->cells.relevance [i] = stored->relevance [i];
        one->cells.mass [i] = stored->mass [i];
    }
    set_count (&one->cells, n);
    one->cells.raw = stored->raw;
    return OK;
}

static status_t gather (batch_cells_t *self, const batch_id_t *id, gathered_t **out, fault_t *fault)
{
    HASH_FIND (hh, self->gathered, &id->response, sizeof id->response, *out);
    if (*out)
        return OK;
    Rulemill__Cells *stored = NULL;
    status_t status = record_get_cells (self->store, id->response, id->judge, &stored, fault);
    if (status != OK)
        return status;
    gathered_t *one = mem_zero (1, sizeof *one);
    one->response = id->response;
    rulemill__cells__init (&one->cells);
    HASH_ADD (hh, self->gathered, response, sizeof one->response, one);
    *out = one;
    if (stored) {
        status = take_stored (one, stored, fault);
        rulemill__cells__free_unpacked (stored, NULL);
    }
    return status;
}

// Where a rule's cell stands, or would.
static size_t place_of (const Rulemill__Cells *cells, uint32_t rule)
{
    size_t low = 0, high = cells->n_rule;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cells->rule [middle] < rule)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool has_rule (const Rulemill__Cells *cells, uint32_t rule)
{
    size_t at = place_of (cells, rule);
    return at < cells->n_rule && cells->rule [at] == rule;
}

static void insert (gathered_t *one, uint32_t rule, const cell_t *cell)
{
    Rulemill__Cells *cells = &one->cells;
    size_t n = cells->n_rule, at = place_of (cells, rule), tail = n - at;
    make_room (one, n + 1);
    memmove (cells->rule + at + 1, cells->rule + at, tail * sizeof *cells->rule);
    memmove (cells->score + at + 1, cells->score + at, tail * sizeof *cells->score);
    memmove (cells->relevance + at + 1, cells->relevance + at, tail * sizeof *cells->relevance);
    memmove (cells->mass + at + 1, cells->mass + at, tail * sizeof *cells->mass);
    cells->rule [at] = rule;
    cells->score [at] = cell->score;
    cells->relevance [at] = cell->relevance;
    cells->mass [at] = cell->mass;
    set_count (cells, n + 1);
    one->changed = true;
}

status_t batch_cells_look (batch_cells_t *self, const batch_id_t *id, bool *known, batch_mark_t *mark, fault_t *fault)
{
    gathered_t *one;
    cell_t cell;
    *mark = BATCH_NONE;
    status_t status = gather (self, id, &one, fault);
    if (status != OK)
        return status;
    *known = has_rule (&one->cells, id->rule);
    if (*known)
        return OK;
    status = get_mark (self, id, mark, &cell, fault);
    *known = *mark == BATCH_SAMPLE;
    return status;
}

// The mean of a cell's samples, as the worker makes it; *whole is false while one is missing.
static status_t mean (batch_cells_t *self, batch_id_t id, cell_t *out, bool *whole, fault_t *fault)
{
    int64_t score = 0, relevance = 0;
    *whole = true;
    for (id.sample = 0; id.sample < self->samples && *whole; id.sample++) {
        batch_mark_t mark;
        status_t status = get_mark (self, &id, &mark, out, fault);
        if (status != OK)
            return status;
        *whole = mark == BATCH_SAMPLE;
        score += *whole ? out->score : 0;
        relevance += *whole ? out->relevance : 0;
    }
    if (*whole) {
        out->score = (int32_t) (score / (int64_t) self->samples);
        out->relevance = (uint32_t) (relevance / (int64_t) self->samples);
    }
    return OK;
}

// Marks are for what is no cell yet.
static status_t drop_marks (batch_cells_t *self, batch_id_t id, fault_t *fault)
{
    status_t status = OK;
    for (id.sample = 0; id.sample < self->samples && status == OK; id.sample++) {
        batch_mark_t mark;
        cell_t cell;
        status = get_mark (self, &id, &mark, &cell, fault);
        if (status == OK && mark != BATCH_NONE)
            set_mark (self, &id, BATCH_NONE, NULL);
    }
    return status;
}

status_t batch_cells_add (batch_cells_t *self, const batch_id_t *id, const cell_t *cell, fault_t *fault)
{
    cell_t made = *cell;
    bool whole = true;
    gathered_t *one;
    status_t status = gather (self, id, &one, fault);
    if (status == OK && self->samples > 1) {
        set_mark (self, id, BATCH_SAMPLE, cell);
        status = mean (self, *id, &made, &whole, fault);
    }
    if (status != OK || !whole)
        return status;
    insert (one, id->rule, &made);
    self->counts->cells_judged++;
    self->changed = true;
    return drop_marks (self, *id, fault);
}

void batch_cells_unread (batch_cells_t *self, const batch_id_t *id, batch_mark_t mark)
{
    set_mark (self, id, mark, NULL);
}

status_t batch_cells_flush (batch_cells_t *self, fault_t *fault)
{
    status_t status = OK;
    if (self->changed) {
        store_batch_t *batch = store_batch_new (self->store);
        gathered_t *one, *next;
        HASH_ITER (hh, self->gathered, one, next)
            if (one->changed)
                record_put_cells (batch, one->response, self->judge, &one->cells);
        marked_t *mark, *after;
        HASH_ITER (hh, self->marked, mark, after)
            put_mark (mark, batch);
        record_put_counts (batch, self->run, self->counts);
        status = store_commit (self->store, batch, fault);
        store_batch_destroy (&batch);
    }
    if (status == OK)
        forget (self);
    return status;
}

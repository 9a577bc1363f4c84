#include "coordinator/budget.h"

#include <assert.h>
#include <inttypes.h>

enum { RECORD_BYTES = 2 * SPEND_UNITS * 8 };

static buf_t key_of (uint32_t run)
{
    buf_t key = { 0 };
    buf_add_str (&key, "budget");
    buf_add_u32be (&key, run);
    return key;
}

static spend_t read_spend (const char *bytes)
{
    spend_t spend = { { 0 } };
    for (int u = 0; u < SPEND_UNITS; u++)
        for (int i = 0; i < 8; i++)
            spend.unit [u] = spend.unit [u] << 8 | (uint8_t) *bytes++;
    return spend;
}

static void add_spend (buf_t *out, const spend_t *spend)
{
    for (int u = 0; u < SPEND_UNITS; u++)
        buf_add_u64be (out, spend->unit [u]);
}

void budget_put (budget_t *budget, store_batch_t *batch)
{
    buf_t key = key_of (budget->run), value = { 0 };
    add_spend (&value, &budget->spent);
    add_spend (&value, &budget->reserved);
    store_batch_put (batch, TABLE_META, key.data, key.len, value.data, value.len);
    budget->dirty = false;
    buf_free (&key);
    buf_free (&value);
}

static status_t read_record (store_t *store, uint32_t run, spend_t *spent, spend_t *reserved, fault_t *fault)
{
    *spent = *reserved = (spend_t) { { 0 } };
    buf_t key = key_of (run), value = { 0 };
    bool found;
    status_t status = store_get (store, TABLE_META, key.data, key.len, &value, &found, fault);
    if (status == OK && found && value.len == RECORD_BYTES) {
        *spent = read_spend (value.data);
        *reserved = read_spend (value.data + RECORD_BYTES / 2);
    }
    else if (status == OK && found)
        status = fault_set (fault, ERR_CORRUPT, "the record of run %" PRIu32 "'s budget has %zu bytes, %d are expected", run, value.len, RECORD_BYTES);
    buf_free (&key);
    buf_free (&value);
    return status;
}

status_t budget_open (budget_t *budget, store_t *store, uint32_t run, const spend_t *limit, fault_t *fault)
{
    *budget = (budget_t) { .store = store, .run = run, .limit = *limit };
    spend_t lost;
    status_t status = read_record (store, run, &budget->spent, &lost, fault);
    spend_add (&budget->spent, &lost);
    budget->dirty = !spend_is_zero (&lost);
    return status;
}

status_t budget_read (store_t *store, uint32_t run, spend_t *spent, fault_t *fault)
{
    spend_t reserved;
    status_t status = read_record (store, run, spent, &reserved, fault);
    spend_add (spent, &reserved);
    return status;
}

bool budget_is_limited (const budget_t *budget)
{
    return spend_is_limited (&budget->limit);
}

bool budget_is_reserved (const budget_t *budget)
{
    return !spend_is_zero (&budget->reserved);
}

spend_t budget_left (const budget_t *budget)
{
    spend_t left = budget->limit;
    spend_take (&left, &budget->spent);
    spend_take (&left, &budget->reserved);
    return left;
}

static status_t write_now (budget_t *budget, fault_t *fault)
{
    store_batch_t *batch = store_batch_new (budget->store);
    budget_put (budget, batch);
    status_t status = store_commit (budget->store, batch, fault);
    store_batch_destroy (&batch);
    return status;
}

status_t budget_reserve (budget_t *budget, spend_t *grant, fault_t *fault)
{
    const spend_t left = budget_left (budget);
    for (int u = 0; u < SPEND_UNITS; u++)
        if (budget->limit.unit [u] == SPEND_NO_LIMIT)
            grant->unit [u] = 0;
    if (!spend_covers (&left, grant))
        return fault_set (fault, ERR_LIMIT, "less is left of the budget than was to be reserved");
    if (spend_is_zero (grant))
        return OK;
    spend_add (&budget->reserved, grant);
    status_t status = write_now (budget, fault);
    if (status != OK) {
        spend_take (&budget->reserved, grant);
        budget->dirty = true;       // a failed write may have happened all the same
    }
    return status;
}

void budget_spend (budget_t *budget, spend_t *grant, const spend_t *spent)
{
    if (spend_is_zero (spent))
        return;
    assert (spend_covers (&budget->reserved, grant));
    spend_t before = *grant;
    spend_take (grant, spent);
    spend_take (&before, grant);            // what of it was reserved
    spend_take (&budget->reserved, &before);
    spend_add (&budget->spent, spent);
    budget->dirty = true;
}

void budget_release (budget_t *budget, spend_t *grant, bool lost)
{
    if (spend_is_zero (grant))
        return;
    assert (spend_covers (&budget->reserved, grant));
    spend_take (&budget->reserved, grant);
    if (lost)
        spend_add (&budget->spent, grant);
    *grant = (spend_t) { { 0 } };
    budget->dirty = true;
}

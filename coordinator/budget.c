#include "coordinator/budget.h"

#include <assert.h>
#include <inttypes.h>

static buf_t key_of (uint32_t run)
{
    buf_t key = { 0 };
    buf_add_str (&key, "budget");
    buf_add_u32be (&key, run);
    return key;
}

static uint64_t read_u64be (const char *bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | (uint8_t) bytes [i];
    return value;
}

void budget_put (budget_t *budget, store_batch_t *batch)
{
    buf_t key = key_of (budget->run), value = { 0 };
    buf_add_u64be (&value, budget->spent);
    buf_add_u64be (&value, budget->reserved);
    store_batch_put (batch, TABLE_META, key.data, key.len, value.data, value.len);
    budget->dirty = false;
    buf_free (&key);
    buf_free (&value);
}

status_t budget_open (budget_t *budget, store_t *store, uint32_t run, uint64_t limit, fault_t *fault)
{
    *budget = (budget_t) { .store = store, .run = run, .limit = limit };
    buf_t key = key_of (run), value = { 0 };
    bool found;
    status_t status = store_get (store, TABLE_META, key.data, key.len, &value, &found, fault);
    if (status == OK && found && value.len == 16) {
        budget->spent = read_u64be (value.data) + read_u64be (value.data + 8);
        budget->dirty = read_u64be (value.data + 8) > 0;
    }
    else if (status == OK && found)
        status = fault_set (fault, ERR_CORRUPT, "the record of run %" PRIu32 "'s budget has %zu bytes, 16 are expected", run, value.len);
    buf_free (&key);
    buf_free (&value);
    return status;
}

uint64_t budget_left (const budget_t *budget)
{
    if (budget->limit == 0)
        return UINT64_MAX;
    uint64_t taken = budget->spent + budget->reserved;
    return taken < budget->limit ? budget->limit - taken : 0;
}

status_t budget_reserve (budget_t *budget, uint64_t units, fault_t *fault)
{
    if (units == 0)
        return OK;
    if (units > budget_left (budget))
        return fault_set (fault, ERR_LIMIT, "the budget of %" PRIu64 " units is used up: %" PRIu64 " spent, %" PRIu64 " reserved; "
                          "raise it to go on", budget->limit, budget->spent, budget->reserved);
    budget->reserved += units;
    budget->dirty = true;
    if (budget->limit == 0)
        return OK;
    store_batch_t *batch = store_batch_new (budget->store);
    budget_put (budget, batch);
    status_t status = store_commit (budget->store, batch, fault);
    store_batch_destroy (&batch);
    if (status != OK) {
        budget->reserved -= units;
        budget->dirty = true;       // a failed write may have happened all the same
    }
    return status;
}

void budget_settle (budget_t *budget, uint64_t granted, uint64_t spent)
{
    if (granted == 0)
        return;
    assert (granted <= budget->reserved);
    budget->reserved -= granted;
    budget->spent += spent < granted ? spent : granted;
    budget->dirty = true;
}

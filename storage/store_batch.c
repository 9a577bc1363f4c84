#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "storage/store_impl.h"

store_batch_t *store_batch_new (store_t *store)
{
    store_batch_t *batch = mem_zero (1, sizeof *batch);
    batch->store = store;
    batch->writes = rocksdb_writebatch_create ();
    return batch;
}

void store_batch_put (store_batch_t *batch, store_table_t table, const void *key, size_t key_len,
                      const void *value, size_t value_len)
{
    rocksdb_writebatch_put_cf (batch->writes, batch->store->table [table], key, key_len,
                               value ? value : "", value_len);
}

void store_batch_delete (store_batch_t *batch, store_table_t table, const void *key, size_t key_len)
{
    rocksdb_writebatch_delete_cf (batch->writes, batch->store->table [table], key, key_len);
}

void store_batch_delete_all (store_batch_t *batch, store_table_t table)
{
    char last [64];         // longer than any key, so behind them all
    memset (last, 0xFF, sizeof last);
    rocksdb_writebatch_delete_range_cf (batch->writes, batch->store->table [table], "", 0, last, sizeof last);
}

size_t store_batch_count (const store_batch_t *batch)
{
    return (size_t) rocksdb_writebatch_count (batch->writes);
}

size_t store_batch_bytes (const store_batch_t *batch)
{
    size_t len;
    (void) rocksdb_writebatch_data (batch->writes, &len);
    return len;
}

void store_batch_clear (store_batch_t *batch)
{
    rocksdb_writebatch_clear (batch->writes);
}

void store_batch_destroy (store_batch_t **batch)
{
    if (*batch == NULL)
        return;
    rocksdb_writebatch_destroy ((*batch)->writes);
    free (*batch);
    *batch = NULL;
}

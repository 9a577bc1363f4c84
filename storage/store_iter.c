#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "storage/store_impl.h"

struct store_iter {
    store_t *store;
    rocksdb_iterator_t *rocks;
    rocksdb_readoptions_t *read;
    uint8_t *prefix;
    size_t prefix_len;
    uint8_t *end;               // the first key past the prefix, which RocksDB refers to; NULL: the table's end
};

// The smallest key above all that begin with prefix: its last byte that is not 0xff raised, and the rest cut off.
// Returns its length, 0 where there is none.
static size_t prefix_end (const uint8_t *prefix, size_t len, uint8_t *end)
{
    while (len > 0 && prefix [len - 1] == 0xFF)
        len--;
    if (len == 0)
        return 0;
    memcpy (end, prefix, len);
    end [len - 1]++;
    return len;
}

store_iter_t *store_iter_new (store_t *store, store_table_t table, const void *prefix, size_t prefix_len,
                              const void *from, size_t from_len)
{
    store_iter_t *iter = mem_zero (1, sizeof *iter);
    iter->store = store;
    atomic_fetch_add (&store->iterators, 1);
    iter->prefix = mem_new (prefix_len);
    iter->prefix_len = prefix_len;
    if (prefix_len > 0)
        memcpy (iter->prefix, prefix, prefix_len);

    iter->read = rocksdb_readoptions_create ();
    iter->end = mem_new (prefix_len);
    size_t end_len = prefix_end (iter->prefix, prefix_len, iter->end);
    if (end_len > 0)
        rocksdb_readoptions_set_iterate_upper_bound (iter->read, (const char *) iter->end, end_len);
    iter->rocks = rocksdb_create_iterator_cf (store->db, iter->read, store->table [table]);
    store_iter_seek (iter, from ? from : iter->prefix, from ? from_len : prefix_len);
    return iter;
}

bool store_iter_valid (const store_iter_t *iter)
{
    if (!rocksdb_iter_valid (iter->rocks))
        return false;
    size_t len;
    const char *key = rocksdb_iter_key (iter->rocks, &len);
    return len >= iter->prefix_len && memcmp (key, iter->prefix, iter->prefix_len) == 0;
}

void store_iter_next (store_iter_t *iter)
{
    if (rocksdb_iter_valid (iter->rocks))
        rocksdb_iter_next (iter->rocks);
}

const uint8_t *store_iter_key (const store_iter_t *iter, size_t *len)
{
    return (const uint8_t *) rocksdb_iter_key (iter->rocks, len);
}

const uint8_t *store_iter_value (const store_iter_t *iter, size_t *len)
{
    return (const uint8_t *) rocksdb_iter_value (iter->rocks, len);
}

// A key before the prefix means the prefix's first key; one behind it ends the walk by itself.
void store_iter_seek (store_iter_t *iter, const void *key, size_t key_len)
{
    size_t common = key_len < iter->prefix_len ? key_len : iter->prefix_len;
    int order = common > 0 ? memcmp (key, iter->prefix, common) : 0;
    if (order < 0 || (order == 0 && key_len < iter->prefix_len)) {
        key = iter->prefix;
        key_len = iter->prefix_len;
    }
    rocksdb_iter_seek (iter->rocks, key_len > 0 ? key : "", key_len);
}

status_t store_iter_status (const store_iter_t *iter, fault_t *fault)
{
    char *error = NULL;
    rocksdb_iter_get_error (iter->rocks, &error);
    return error ? store_fault (iter->store, "reading", error, fault) : OK;
}

void store_iter_destroy (store_iter_t **iter)
{
    if (*iter == NULL)
        return;
    rocksdb_iter_destroy ((*iter)->rocks);
    rocksdb_readoptions_destroy ((*iter)->read);
    atomic_fetch_sub (&(*iter)->store->iterators, 1);
    free ((*iter)->end);
    free ((*iter)->prefix);
    free (*iter);
    *iter = NULL;
}

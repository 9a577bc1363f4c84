#include "storage/store_options.h"

#include "base/limits.h"

enum {
    RECOVER_POINT_IN_TIME = 2,
    BUFFER_BYTES = 16 * 1024 * 1024,            // of one table, before it is written out
    BLOCK_BYTES = 8 * 1024,
    METADATA_BLOCK_BYTES = 8 * 1024,            // of one part of a filter or an index
    BACKGROUND_JOBS = 2,
    LOG_LEVEL_WARN = 2,
    LOG_FILES = 2,
    BLOOM_BITS = 10
};

// What the C API has no function for. Sizes of logs that are closed go into the manifest, so that one which was cut
// short or is missing is noticed by RocksDB; the one in use is what the mark is for.
static const char extra [] = "track_and_verify_wals_in_manifest=true";

// How a table's bytes are packed: texts are long and repeat themselves, keys of the index are random.
typedef enum { PACK_NONE, PACK_FAST, PACK_TEXT } packing_t;

static const struct { const char *name; packing_t packing; } tables [TABLE_COUNT] = {
    [TABLE_META] = { "default", PACK_FAST },
    [TABLE_TEXTS] = { "texts", PACK_TEXT },
    [TABLE_PAIRS] = { "pairs", PACK_TEXT },
    [TABLE_ROWS] = { "rows", PACK_TEXT },
    [TABLE_INDEX] = { "index", PACK_NONE },
    [TABLE_DUPLICATES] = { "duplicates", PACK_FAST },
    [TABLE_REJECTS] = { "rejects", PACK_FAST },
    [TABLE_CELLS] = { "cells", PACK_FAST },
    [TABLE_LABELS] = { "labels", PACK_FAST }
};

const char *store_table_name (store_table_t table)
{
    return tables [table].name;
}

static void set_packing (rocksdb_options_t *options, packing_t packing)
{
    rocksdb_options_set_compression (options, packing == PACK_NONE ? rocksdb_no_compression : rocksdb_lz4_compression);
    if (packing == PACK_TEXT)
        rocksdb_options_set_bottommost_compression (options, rocksdb_zstd_compression);
}

// Most point lookups are for things that are not there (a new key, a label to come): a Bloom filter answers those.
// Filters and indices are cut in parts. Whole, that of a file of a million keys is larger than a shard of the cache, is
// never kept there, and is read again for every lookup: 0.8 thousand pairs/s instead of tens of thousands.
// The factory belongs to the options afterwards, the filter to the factory.
static void set_blocks (rocksdb_options_t *options, rocksdb_cache_t *cache)
{
    rocksdb_block_based_table_options_t *blocks = rocksdb_block_based_options_create ();
    rocksdb_block_based_options_set_block_cache (blocks, cache);
    rocksdb_block_based_options_set_block_size (blocks, BLOCK_BYTES);
    rocksdb_block_based_options_set_filter_policy (blocks, rocksdb_filterpolicy_create_bloom_full (BLOOM_BITS));
    rocksdb_block_based_options_set_cache_index_and_filter_blocks (blocks, 1);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks_with_high_priority (blocks, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache (blocks, 1);
    rocksdb_block_based_options_set_index_type (blocks, rocksdb_block_based_table_index_type_two_level_index_search);
    rocksdb_block_based_options_set_partition_filters (blocks, 1);
    rocksdb_block_based_options_set_metadata_block_size (blocks, METADATA_BLOCK_BYTES);
    rocksdb_block_based_options_set_pin_top_level_index_and_filter (blocks, 1);
    rocksdb_options_set_block_based_table_factory (options, blocks);
    rocksdb_block_based_options_destroy (blocks);
}

static rocksdb_options_t *table_options (store_table_t table, rocksdb_cache_t *cache)
{
    rocksdb_options_t *options = rocksdb_options_create ();
    rocksdb_options_set_write_buffer_size (options, BUFFER_BYTES);
    rocksdb_options_set_level_compaction_dynamic_level_bytes (options, 1);
    set_packing (options, tables [table].packing);
    set_blocks (options, cache);
    return options;
}

// RocksDB replays its log up to the first thing that it can't read, wherever that is: what was never promised may
// be torn in any way. Whether something promised is missing is then the mark's to say (store.c).
static rocksdb_options_t *database_options (const store_options_t *wanted, fault_t *fault)
{
    rocksdb_options_t *plain = rocksdb_options_create (), *options = rocksdb_options_create ();
    char *error = NULL;
    rocksdb_get_options_from_string (plain, extra, options, &error);
    rocksdb_options_destroy (plain);
    if (error) {
        fault_set (fault, ERR_IO, "RocksDB does not know %s: %s; install the version that ops/packages.txt names", extra, error);
        rocksdb_free (error);
        rocksdb_options_destroy (options);
        return NULL;
    }
    rocksdb_options_set_wal_recovery_mode (options, RECOVER_POINT_IN_TIME);
    rocksdb_options_set_max_total_wal_size (options, LIMIT_WAL_BYTES);
    rocksdb_options_set_db_write_buffer_size (options, STORE_BUFFER_BYTES);
    rocksdb_options_set_max_open_files (options, wanted->files_max ? wanted->files_max : STORE_FILES_MAX);
    rocksdb_options_set_max_background_jobs (options, BACKGROUND_JOBS);
    rocksdb_options_set_info_log_level (options, LOG_LEVEL_WARN);
    rocksdb_options_set_keep_log_file_num (options, LOG_FILES);
    rocksdb_options_set_create_missing_column_families (options, 1);
    return options;
}

status_t store_setup_make (store_setup_t *setup, const store_options_t *options, fault_t *fault)
{
    setup->database = database_options (options, fault);
    if (setup->database == NULL)
        return ERR_IO;
    setup->cache = rocksdb_cache_create_lru (options->cache_bytes ? options->cache_bytes : STORE_CACHE_BYTES);
    for (int t = 0; t < TABLE_COUNT; t++)
        setup->table [t] = table_options ((store_table_t) t, setup->cache);
    return OK;
}

void store_setup_free (store_setup_t *setup)
{
    for (int t = 0; t < TABLE_COUNT; t++)
        if (setup->table [t])
            rocksdb_options_destroy (setup->table [t]);
    if (setup->cache)
        rocksdb_cache_destroy (setup->cache);
    if (setup->database)
        rocksdb_options_destroy (setup->database);
    *setup = (store_setup_t) { 0 };
}

#include "storage/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "storage/store_impl.h"
#include "storage/store_lock.h"

enum { FORMAT_VERSION = 1, SETTLE_BYTES = 16 * 1024 * 1024, BESIDE_TRIES = 5, BESIDE_PAUSE_US = 100000 };

static const char format_key [] = "format";

status_t store_fault (const store_t *store, const char *doing, char *error, fault_t *fault)
{
    bool corrupt = strncmp (error, "Corruption", 10) == 0;
    for (char *c = error; *c; c++)
        if (*c == '\n')
            *c = ' ';
    status_t status = fault_set (fault, corrupt ? ERR_CORRUPT : ERR_IO, "%s: %s: %s%s", store->path, doing, error,
                                 corrupt ? "; restore DIR from a copy, or start again in another folder" : "");
    rocksdb_free (error);
    return status;
}

// --- the folder ---

static bool exists (const char *path)
{
    struct stat info;
    return stat (path, &info) == 0;
}

// A new name lasts only once the folder that holds it is synced.
static status_t sync_folder (const char *path, fault_t *fault)
{
    int fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync (fd) == 0;
    int why = errno;
    if (fd >= 0)
        close (fd);
    return ok ? OK : fault_set (fault, ERR_IO, "%s: %s", path, strerror (why));
}

static status_t sync_folders (const store_t *store, const char *dir, fault_t *fault)
{
    char *above = mem_printf ("%s/..", dir);
    status_t status = sync_folder (store->path, fault);
    if (status == OK)
        status = sync_folder (dir, fault);
    if (status == OK)
        status = sync_folder (above, fault);
    free (above);
    return status;
}

static status_t make_folder (const char *path, fault_t *fault)
{
    if (mkdir (path, 0755) == 0 || errno == EEXIST)
        return OK;
    return fault_set (fault, ERR_IO, "%s: can't be made: %s", path, strerror (errno));
}

static status_t prepare_folder (const store_t *store, const char *dir, const store_options_t *options, fault_t *fault)
{
    if (options->create && !options->read_only) {
        status_t status = make_folder (dir, fault);
        return status ? status : make_folder (store->path, fault);
    }
    if (exists (store->path))
        return OK;
    return fault_set (fault, ERR_NOT_FOUND, "%s: holds no store; check the folder, or label a corpus into it first", dir);
}

// --- opening ---

// The mark is made before the database, so a database without one has lost it.
static status_t open_mark (store_t *store, const char *dir, bool create, fault_t *fault)
{
    char *path = mem_printf ("%s/MARK", store->path), *current = mem_printf ("%s/CURRENT", store->path);
    bool fresh = !exists (current), marked = exists (path);
    status_t status = OK;
    if (!fresh && !marked)
        status = fault_set (fault, ERR_CORRUPT, "%s: missing, so nobody can say whether the store has lost anything; "
                            "restore DIR from a copy, or start again in another folder", path);
    else if (!marked && !create)
        status = fault_set (fault, ERR_NOT_FOUND, "%s: holds no store; check the folder, or label a corpus into it first", dir);
    else if (!marked)
        status = store_mark_create (path, fault);
    if (status == OK)
        status = store_mark_open (path, store->read_only, &store->mark, fault);
    if (status == OK && fresh && store_mark_sequence (store->mark) > 0)
        status = fault_set (fault, ERR_CORRUPT, "%s: the database is gone, but %" PRIu64 " writes were promised; "
                            "restore DIR from a copy, or start again in another folder", store->path, store_mark_sequence (store->mark));
    if (status == OK && fresh && !create)
        status = fault_set (fault, ERR_NOT_FOUND, "%s: holds no store; check the folder, or label a corpus into it first", dir);
    free (path);
    free (current);
    return status;
}

static void close_database (store_t *store)
{
    for (int t = 0; t < TABLE_COUNT; t++)
        if (store->table [t]) {
            rocksdb_column_family_handle_destroy (store->table [t]);
            store->table [t] = NULL;
        }
    if (store->db)
        rocksdb_close (store->db);
    store->db = NULL;
}

static status_t open_database (store_t *store, bool read_only, fault_t *fault)
{
    const char *names [TABLE_COUNT];
    for (int t = 0; t < TABLE_COUNT; t++)
        names [t] = store_table_name ((store_table_t) t);
    char *error = NULL;
    const rocksdb_options_t *const *tables = (const rocksdb_options_t *const *) store->setup.table;
    if (read_only)
        store->db = rocksdb_open_for_read_only_column_families (store->setup.database, store->path, TABLE_COUNT, names,
                                                                tables, store->table, 0, &error);
    else
        store->db = rocksdb_open_column_families (store->setup.database, store->path, TABLE_COUNT, names,
                                                  tables, store->table, &error);
    if (error == NULL)
        return OK;
    if (strstr (error, "olumn famil")) {
        rocksdb_free (error);
        return fault_set (fault, ERR_MISMATCH, "%s: has other tables than this version's; open it with the rulemill that wrote it", store->path);
    }
    return store_fault (store, "opening", error, fault);
}

// Its holder may drop files that the list of files, read a moment before, still names: then the list is read again.
static status_t open_beside (store_t *store, fault_t *fault)
{
    status_t status = open_database (store, true, fault);
    for (int try = 1; try < BESIDE_TRIES && status == ERR_IO; try++) {
        usleep (BESIDE_PAUSE_US);
        status = open_database (store, true, fault);
    }
    return status;
}

static status_t check_mark (const store_t *store, fault_t *fault)
{
    uint64_t have = rocksdb_get_latest_sequence_number (store->db), promised = store_mark_sequence (store->mark);
    if (have >= promised)
        return OK;
    return fault_set (fault, ERR_CORRUPT, "%s: %" PRIu64 " writes were promised, but only %" PRIu64 " are there: part of its log "
                      "(%s/*.log) is damaged or missing; restore DIR from a whole copy, or start again in another folder",
                      store->path, promised, have, store->path);
}

// Opening for writing replaces the log, so what would be refused is found out beforehand, with nothing changed.
static status_t rehearse (store_t *store, fault_t *fault)
{
    status_t status = open_database (store, true, fault);
    if (status == OK)
        status = check_mark (store, fault);
    close_database (store);
    return status;
}

static status_t check_format (store_t *store, fault_t *fault)
{
    buf_t value = { 0 };
    bool found;
    status_t status = store_get (store, TABLE_META, format_key, strlen (format_key), &value, &found, fault);
    if (status == OK && found && (value.len != 1 || value.data [0] != FORMAT_VERSION))
        status = fault_set (fault, ERR_MISMATCH, "%s: is of format %d, this version reads format %d; open it with the "
                            "rulemill that wrote it", store->path, value.len ? value.data [0] : 0, FORMAT_VERSION);
    if (status == OK && !found && (store->read_only || rocksdb_get_latest_sequence_number (store->db) > 0))
        status = fault_set (fault, ERR_CORRUPT, "%s: does not say its format; it is no store of rulemill's", store->path);
    if (status == OK && !found) {
        char version = FORMAT_VERSION;
        store_batch_t *batch = store_batch_new (store);
        store_batch_put (batch, TABLE_META, format_key, strlen (format_key), &version, 1);
        status = store_commit (store, batch, fault);
        store_batch_destroy (&batch);
    }
    buf_free (&value);
    return status;
}

static status_t lock (store_t *store, const char *dir, fault_t *fault)
{
    char *path = mem_printf ("%s/PID", store->path);
    status_t status = store_lock_take (path, dir, store->read_only, &store->lock, fault);
    free (path);
    return status;
}

static status_t open_all (store_t *store, const char *dir, const store_options_t *options, fault_t *fault)
{
    bool create = options->create && !options->read_only;
    char *current = mem_printf ("%s/CURRENT", store->path);
    status_t status = prepare_folder (store, dir, options, fault);
    if (status == OK && !options->beside)
        status = lock (store, dir, fault);
    if (status == OK)
        status = open_mark (store, dir, create, fault);
    if (status == OK)
        status = store_setup_make (&store->setup, options, fault);
    bool fresh = status == OK && !exists (current);
    free (current);
    if (fresh)
        rocksdb_options_set_create_if_missing (store->setup.database, 1);
    if (status == OK && !fresh && !store->read_only)
        status = rehearse (store, fault);
    if (status == OK)
        status = options->beside ? open_beside (store, fault) : open_database (store, store->read_only, fault);
    if (status == OK)
        status = check_mark (store, fault);
    if (status == OK && fresh)
        status = sync_folders (store, dir, fault);
    return status ? status : check_format (store, fault);
}

status_t store_open (const char *dir, const store_options_t *options, store_t **out, fault_t *fault)
{
    *out = NULL;
    store_t *store = mem_zero (1, sizeof *store);
    store->lock = -1;
    store->path = mem_printf ("%s/store", dir);
    store->read_only = options->read_only || options->beside;
    store->read = rocksdb_readoptions_create ();
    store->write = rocksdb_writeoptions_create ();
    store->sync = rocksdb_writeoptions_create ();
    rocksdb_writeoptions_set_sync (store->sync, 1);
    status_t status = open_all (store, dir, options, fault);
    if (status)
        store_close (&store);
    *out = store;
    return status;
}

void store_settle (store_t *store, bool all)
{
    uint64_t total = 0, bytes;
    for (int t = 0; t < TABLE_COUNT; t++)
        if (rocksdb_property_int_cf (store->db, store->table [t], "rocksdb.cur-size-all-mem-tables", &bytes) == 0)
            total += bytes;
    if (total < SETTLE_BYTES && !all)
        return;
    rocksdb_flushoptions_t *how = rocksdb_flushoptions_create ();
    char *error = NULL;
    for (int t = 0; t < TABLE_COUNT && error == NULL; t++)
        rocksdb_flush_cf (store->db, how, store->table [t], &error);
    rocksdb_free (error);
    rocksdb_flushoptions_destroy (how);
}

void store_close (store_t **closing)
{
    store_t *store = *closing;
    if (store == NULL)
        return;
    assert (atomic_load (&store->iterators) == 0);
    if (store->db && !store->read_only)
        store_settle (store, false);
    close_database (store);
    store_setup_free (&store->setup);
    rocksdb_readoptions_destroy (store->read);
    rocksdb_writeoptions_destroy (store->write);
    rocksdb_writeoptions_destroy (store->sync);
    store_mark_close (&store->mark);
    store_lock_release (&store->lock);
    free (store->path);
    free (store);
    *closing = NULL;
}

// --- reading and writing ---

status_t store_get (store_t *store, store_table_t table, const void *key, size_t key_len,
                    buf_t *value, bool *found, fault_t *fault)
{
    char *error = NULL;
    rocksdb_pinnableslice_t *slice = rocksdb_get_pinned_cf (store->db, store->read, store->table [table], key, key_len, &error);
    if (error)
        return store_fault (store, "reading", error, fault);
    *found = slice != NULL;
    if (value)
        buf_clear (value);
    if (slice && value) {
        size_t len;
        const char *bytes = rocksdb_pinnableslice_value (slice, &len);
        buf_add (value, bytes, len);
    }
    if (slice)
        rocksdb_pinnableslice_destroy (slice);
    return OK;
}

static status_t write_batch (store_t *store, store_batch_t *batch, const rocksdb_writeoptions_t *how, fault_t *fault)
{
    assert (!store->read_only);
    char *error = NULL;
    rocksdb_write (store->db, how, batch->writes, &error);
    return error ? store_fault (store, "writing", error, fault) : OK;
}

// The log is synced: nothing up to the last sequence number can be lost any more, so it may be promised.
static status_t promise (store_t *store, fault_t *fault)
{
    return store_mark_raise (store->mark, rocksdb_get_latest_sequence_number (store->db), fault);
}

status_t store_write (store_t *store, store_batch_t *batch, fault_t *fault)
{
    return write_batch (store, batch, store->write, fault);
}

status_t store_commit (store_t *store, store_batch_t *batch, fault_t *fault)
{
    if (store_batch_count (batch) == 0)
        return store_sync (store, fault);
    status_t status = write_batch (store, batch, store->sync, fault);
    return status ? status : promise (store, fault);
}

status_t store_sync (store_t *store, fault_t *fault)
{
    assert (!store->read_only);
    char *error = NULL;
    rocksdb_flush_wal (store->db, 1, &error);
    return error ? store_fault (store, "syncing its log", error, fault) : promise (store, fault);
}

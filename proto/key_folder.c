// The folder is listed again at most once a second, and its files are read again when the listing (names, inodes,
// sizes, times) differs. The hub's thread and its ZAP thread both ask, hence the lock. A folder that can't be listed
// admits nobody.
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/mem.h"
#include "proto/keys.h"

enum { LOOK_EVERY_MS = 1000, FOLDER_KEYS_MAX = 65536 };

struct key_folder {
    pthread_mutex_t lock;
    char *path;
    char (*keys) [KEY_TEXT];    // sorted
    size_t n_keys;
    uint64_t listing;           // hash of what the keys were read from
    int64_t looked_ms;
    bool readable;
};

static bool is_certificate (const char *name)
{
    size_t len = strlen (name);
    return name [0] != '.' && len > 4 && strcmp (name + len - 4, ".pub") == 0;
}

// List the certificates: names one after the other, each with its NUL; and a hash that changes when a file does.
static status_t list_folder (const char *path, buf_t *names, size_t *n, uint64_t *listing, fault_t *fault)
{
    DIR *dir = opendir (path);
    if (!dir)
        return fault_set (fault, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                          "%s: %s; it should be the folder of the workers' .pub files", path, strerror (errno));
    *n = 0;
    *listing = 1;
    for (struct dirent *entry = readdir (dir); entry && *n < FOLDER_KEYS_MAX; entry = readdir (dir)) {
        struct stat info;
        if (!is_certificate (entry->d_name) || fstatat (dirfd (dir), entry->d_name, &info, 0) != 0)
            continue;
        int64_t seen [5] = { (int64_t) info.st_ino, (int64_t) info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
                             info.st_ctim.tv_sec * 1000000000 + info.st_ctim.tv_nsec };
        // a sum, since readdir's order means nothing
        *listing += hash64 (hash64 (0, entry->d_name, strlen (entry->d_name)), seen, sizeof seen);
        buf_add (names, entry->d_name, strlen (entry->d_name) + 1);
        (*n)++;
    }
    closedir (dir);
    return OK;
}

static int compare_keys (const void *a, const void *b)
{
    return strcmp (a, b);
}

static void read_keys (key_folder_t *folder, const char *names, size_t n)
{
    free (folder->keys);
    folder->keys = mem_zero (n ? n : 1, KEY_TEXT);
    folder->n_keys = 0;
    for (const char *name = names; n > 0; n--, name += strlen (name) + 1) {
        fault_t fault = { 0 };
        char *path = mem_printf ("%s/%s", folder->path, name);
        if (keys_load_public (path, folder->keys [folder->n_keys], &fault) == OK)
            folder->n_keys++;
        else
            log_warn ("%s; its owner is not admitted", fault.text);
        free (path);
    }
    qsort (folder->keys, folder->n_keys, KEY_TEXT, compare_keys);
}

static status_t look (key_folder_t *folder, fault_t *fault)
{
    buf_t names = { 0 };
    size_t n = 0;
    uint64_t listing = 0;
    folder->looked_ms = clock_ms (NULL);
    status_t status = list_folder (folder->path, &names, &n, &listing, fault);
    if (status != OK) {
        folder->n_keys = 0;
        folder->listing = 0;
    } else if (listing != folder->listing) {
        read_keys (folder, names.data, n);
        folder->listing = listing;
    }
    folder->readable = status == OK;
    buf_free (&names);
    return status;
}

status_t key_folder_open (const char *path, key_folder_t **out, fault_t *fault)
{
    key_folder_t *folder = mem_zero (1, sizeof *folder);
    pthread_mutex_init (&folder->lock, NULL);
    folder->path = mem_string (path);
    status_t status = look (folder, fault);
    if (status != OK)
        key_folder_close (&folder);
    *out = folder;
    return status;
}

bool key_folder_has (key_folder_t *folder, const char *public_key)
{
    char wanted [KEY_TEXT] = { 0 };
    if (strlen (public_key) != KEY_TEXT - 1)
        return false;
    memcpy (wanted, public_key, KEY_TEXT);
    pthread_mutex_lock (&folder->lock);
    bool was_readable = folder->readable;
    fault_t fault = { 0 };
    if (clock_ms (NULL) - folder->looked_ms >= LOOK_EVERY_MS && look (folder, &fault) != OK && was_readable)
        log_error ("%s; until then no worker is admitted", fault.text);
    bool has = folder->n_keys > 0 && bsearch (wanted, folder->keys, folder->n_keys, KEY_TEXT, compare_keys);
    pthread_mutex_unlock (&folder->lock);
    return has;
}

void key_folder_close (key_folder_t **folder)
{
    if (!*folder)
        return;
    pthread_mutex_destroy (&(*folder)->lock);
    free ((*folder)->path);
    free ((*folder)->keys);
    free (*folder);
    *folder = NULL;
}

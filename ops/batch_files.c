#include "ops/batch_files.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

struct batch_files {
    char *folder;
    uint64_t requests_max, bytes_max;
    uint64_t count, bytes_all;
    FILE *file;                     // NULL: none is begun
    char *name, *part;              // of the present one
    uint64_t requests, bytes;       // in it
};

static bool is_request_file (const char *name)
{
    return strncmp (name, "batch-", 6) == 0 && strstr (name, ".jsonl") != NULL;
}

static status_t hold_empty (const char *folder, fault_t *fault)
{
    DIR *dir = opendir (folder);
    if (dir == NULL)
        return fault_set (fault, ERR_IO, "%s: %s; check the path and its permissions", folder, strerror (errno));
    status_t status = OK;
    const struct dirent *entry;
    while (status == OK && (entry = readdir (dir)) != NULL)
        if (is_request_file (entry->d_name))
            status = fault_set (fault, ERR_USAGE, "%s holds %.100s already, which may have been sent; name another folder with --to",
                                folder, entry->d_name);
    closedir (dir);
    return status;
}

status_t batch_files_new (const char *folder, uint64_t requests_max, uint64_t bytes_max, batch_files_t **out, fault_t *fault)
{
    *out = NULL;
    if (mkdir (folder, 0777) != 0 && errno != EEXIST)
        return fault_set (fault, ERR_IO, "%s can't be made: %s; check the path and its permissions", folder, strerror (errno));
    status_t status = hold_empty (folder, fault);
    if (status != OK)
        return status;
    batch_files_t *files = mem_zero (1, sizeof *files);
    files->folder = mem_string (folder);
    files->requests_max = requests_max;
    files->bytes_max = bytes_max;
    *out = files;
    return OK;
}

static void let_go (batch_files_t *files)
{
    if (files->file)
        fclose (files->file);
    free (files->name);
    free (files->part);
    files->file = NULL;
    files->name = files->part = NULL;
}

static status_t failed (const batch_files_t *files, fault_t *fault)
{
    return fault_set (fault, ERR_IO, "%s: %s; is there room?", files->part, strerror (errno));
}

static status_t begin_file (batch_files_t *files, fault_t *fault)
{
    files->name = mem_printf ("%s/batch-%05" PRIu64 ".jsonl", files->folder, files->count + 1);
    files->part = mem_printf ("%s.part", files->name);
    files->requests = files->bytes = 0;
    files->file = fopen (files->part, "wbe");
    return files->file ? OK : failed (files, fault);
}

status_t batch_files_end (batch_files_t *files, fault_t *fault)
{
    if (files->file == NULL)
        return OK;
    if (fflush (files->file) != 0 || fsync (fileno (files->file)) != 0 || rename (files->part, files->name) != 0)
        return failed (files, fault);
    files->count++;
    let_go (files);
    return OK;
}

status_t batch_files_add (batch_files_t *files, const buf_t *line, fault_t *fault)
{
    status_t status = OK;
    bool full = files->file && (files->requests >= files->requests_max || files->bytes + line->len > files->bytes_max);
    if (full)
        status = batch_files_end (files, fault);
    if (status == OK && files->file == NULL)
        status = begin_file (files, fault);
    if (status != OK)
        return status;
    if (line->len > files->bytes_max)
        log_warn ("%s: one request of %zu bytes is over the limit of a file; the service may refuse it", files->name, line->len);
    if (fwrite (line->data, 1, line->len, files->file) != line->len)
        return failed (files, fault);
    files->requests++;
    files->bytes += line->len;
    files->bytes_all += line->len;
    return OK;
}

void batch_files_destroy (batch_files_t **self)
{
    batch_files_t *files = *self;
    if (files == NULL)
        return;
    if (files->file)
        unlink (files->part);
    let_go (files);
    free (files->folder);
    free (files);
    *self = NULL;
}

uint64_t batch_files_count (const batch_files_t *files)
{
    return files->count;
}

uint64_t batch_files_bytes (const batch_files_t *files)
{
    return files->bytes_all;
}

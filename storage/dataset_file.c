#include "storage/dataset_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/mem.h"

enum { BUFFER_BYTES = 256 * 1024, ZSTD_LEVEL = 3 };

struct dataset_file {
    int folder_fd, fd;          // fd -1: not made yet, or closed
    char *folder, *name;
    ZSTD_CCtx *zstd;            // NULL: plain
    buf_t plain;                // not yet written (or compressed)
    char *packed;               // zstd's output
    size_t packed_cap;
    hasher_t *hasher;
    digest_t digest;
    uint64_t rows, bytes;
};

dataset_file_t *dataset_file_new (int folder_fd, const char *folder, const char *name, bool zstd)
{
    dataset_file_t *file = mem_zero (1, sizeof *file);
    file->folder_fd = folder_fd;
    file->fd = -1;
    file->folder = mem_string (folder);
    file->name = mem_printf ("%s%s", name, zstd ? ".zst" : "");
    file->hasher = hasher_new ();
    if (zstd) {
        file->zstd = ZSTD_createCCtx ();
        ZSTD_CCtx_setParameter (file->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
        ZSTD_CCtx_setParameter (file->zstd, ZSTD_c_checksumFlag, 1);
        file->packed_cap = ZSTD_CStreamOutSize ();
        file->packed = mem_new (file->packed_cap);
    }
    return file;
}

static status_t io_fault (const dataset_file_t *file, fault_t *fault)
{
    return fault_set (fault, ERR_IO, "%s/%s: %s; the dataset that stood there before is untouched", file->folder,
                      file->name, strerror (errno));
}

// Bytes as they will stand on disk.
static status_t put (dataset_file_t *file, const char *bytes, size_t len, fault_t *fault)
{
    if (file->fd < 0) {
        file->fd = openat (file->folder_fd, file->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (file->fd < 0)
            return io_fault (file, fault);
    }
    hasher_add (file->hasher, bytes, len);
    file->bytes += len;
    while (len > 0) {
        ssize_t n = write (file->fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return io_fault (file, fault);
        bytes += n;
        len -= (size_t) n;
    }
    return OK;
}

static status_t flush (dataset_file_t *file, bool end, fault_t *fault)
{
    status_t status = OK;
    if (file->zstd == NULL) {
        if (file->plain.len > 0)
            status = put (file, file->plain.data, file->plain.len, fault);
        buf_clear (&file->plain);
        return status;
    }
    ZSTD_inBuffer in = { file->plain.data, file->plain.len, 0 };
    size_t left;
    do {
        ZSTD_outBuffer out = { file->packed, file->packed_cap, 0 };
        left = ZSTD_compressStream2 (file->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError (left))
            return fault_set (fault, ERR_IO, "%s/%s: zstd: %s", file->folder, file->name, ZSTD_getErrorName (left));
        if (out.pos > 0)
            status = put (file, file->packed, out.pos, fault);
    } while (status == OK && (end ? left > 0 : in.pos < in.size));
    buf_clear (&file->plain);
    return status;
}

status_t dataset_file_add (dataset_file_t *file, const void *bytes, size_t len, fault_t *fault)
{
    buf_add (&file->plain, bytes, len);
    return file->plain.len >= BUFFER_BYTES ? flush (file, false, fault) : OK;
}

status_t dataset_file_row (dataset_file_t *file, const buf_t *line, fault_t *fault)
{
    buf_add (&file->plain, line->data, line->len);
    file->rows++;
    return dataset_file_add (file, "\n", 1, fault);
}

status_t dataset_file_end (dataset_file_t *file, fault_t *fault)
{
    bool empty = file->rows == 0 && file->plain.len == 0 && file->fd < 0;
    if (!empty) {
        status_t status = flush (file, true, fault);
        if (status != OK)
            return status;
        if (fsync (file->fd) != 0)
            return io_fault (file, fault);
        int failed = close (file->fd);
        file->fd = -1;
        if (failed)
            return io_fault (file, fault);
    }
    file->digest = hasher_end (&file->hasher);
    return OK;
}

const char *dataset_file_name (const dataset_file_t *file)
{
    return file->name;
}

uint64_t dataset_file_rows (const dataset_file_t *file)
{
    return file->rows;
}

uint64_t dataset_file_bytes (const dataset_file_t *file)
{
    return file->bytes;
}

const digest_t *dataset_file_digest (const dataset_file_t *file)
{
    return &file->digest;
}

void dataset_file_destroy (dataset_file_t **file)
{
    dataset_file_t *self = *file;
    if (self == NULL)
        return;
    if (self->fd >= 0)
        close (self->fd);
    if (self->hasher)
        hasher_end (&self->hasher);
    ZSTD_freeCCtx (self->zstd);
    free (self->packed);
    buf_free (&self->plain);
    free (self->folder);
    free (self->name);
    free (self);
    *file = NULL;
}

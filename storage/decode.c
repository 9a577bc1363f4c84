#include "storage/decode.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/mem.h"

enum { RAW_BYTES = 256 * 1024, MAGIC_BYTES = 6 };

typedef enum { KIND_PLAIN, KIND_GZIP, KIND_ZSTD } kind_t;

struct decode {
    char *path;
    int fd;
    kind_t kind;
    uint64_t size;
    int64_t mtime_ns;
    uint64_t disk_bytes;
    hasher_t *disk_hash;        // compressed files alone
    unsigned char *raw;         // RAW_BYTES of the file, compressed files alone
    size_t raw_len, raw_pos;
    bool inside;                // in mid-member or mid-frame: the file may not end here
    bool began;                 // a member ended before
    z_stream gzip;
    ZSTD_DStream *zstd;
};

// First bytes that tell what a file is, and what to do with it under a name that says otherwise.
static const struct { const char *bytes; size_t len; const char *what, *advice; } magics [] = {
    { "\x1f\x8b", 2, "gzip", "rename it to end in .gz" },
    { "\x28\xb5\x2f\xfd", 4, "zstd", "rename it to end in .zst" },
    { "\xfd" "7zXZ", 5, "xz", "unpack it, or pack it with gzip or zstd" },
    { "BZh", 3, "bzip2", "unpack it, or pack it with gzip or zstd" },
    { "PK\x03\x04", 4, "zip", "unpack it first" },
    { "PAR1", 4, "Parquet", "write it as JSON Lines first" },
};

// A zstd file may begin with a skippable frame (RFC 8878, 3.1.2).
static bool is_zstd (const unsigned char *p, size_t n)
{
    return n >= 4 && (memcmp (p, "\x28\xb5\x2f\xfd", 4) == 0 || (memcmp (p + 1, "\x2a\x4d\x18", 3) == 0 && p [0] >> 4 == 5));
}

static bool ends_with (const char *text, const char *end)
{
    size_t n = strlen (text), m = strlen (end);
    return n >= m && strcmp (text + n - m, end) == 0;
}

static status_t check_magic (decode_t *decode, fault_t *fault)
{
    unsigned char head [MAGIC_BYTES];
    ssize_t n = pread (decode->fd, head, sizeof head, 0);
    if (n < 0)
        return fault_set (fault, ERR_IO, "%s: %s; it can't be read", decode->path, strerror (errno));
    if (decode->kind == KIND_GZIP && (n < 2 || memcmp (head, "\x1f\x8b", 2) != 0))
        return fault_set (fault, ERR_FORMAT, "%s: is not gzip data, as its name says; rename it or fetch it again", decode->path);
    if (decode->kind == KIND_ZSTD && !is_zstd (head, (size_t) n))
        return fault_set (fault, ERR_FORMAT, "%s: is not zstd data, as its name says; rename it or fetch it again", decode->path);
    for (size_t i = 0; decode->kind == KIND_PLAIN && i < sizeof magics / sizeof *magics; i++)
        if ((size_t) n >= magics [i].len && memcmp (head, magics [i].bytes, magics [i].len) == 0)
            return fault_set (fault, ERR_FORMAT, "%s: is %s data, which its name does not say; %s",
                              decode->path, magics [i].what, magics [i].advice);
    return OK;
}

static status_t look_at (decode_t *decode, fault_t *fault)
{
    struct stat st;
    if (decode->fd < 0 || fstat (decode->fd, &st) != 0)
        return fault_set (fault, ERR_USAGE, "%s: %s; check the path", decode->path, strerror (errno));
    if (S_ISDIR (st.st_mode))
        return fault_set (fault, ERR_USAGE, "%s: is a folder; name the files in it", decode->path);
    if (!S_ISREG (st.st_mode))
        return fault_set (fault, ERR_USAGE, "%s: is not a regular file, so it could not be read again; pipe it into \"-\"", decode->path);
    decode->size = (uint64_t) st.st_size;
    decode->mtime_ns = (int64_t) st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    return check_magic (decode, fault);
}

static void start (decode_t *decode)
{
    // What matters is read once from front to back; a refusal of the hint changes nothing.
    (void) posix_fadvise (decode->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    if (decode->kind == KIND_PLAIN)
        return;
    decode->raw = mem_new (RAW_BYTES);
    decode->disk_hash = hasher_new ();
    if (decode->kind == KIND_ZSTD)
        decode->zstd = ZSTD_createDStream ();
    int ready = decode->kind == KIND_ZSTD ? decode->zstd != NULL : inflateInit2 (&decode->gzip, MAX_WBITS + 16) == Z_OK;
    assert (ready);
    (void) ready;
}

status_t decode_open (const char *path, decode_t **out, fault_t *fault)
{
    decode_t *decode = mem_zero (1, sizeof *decode);
    decode->path = mem_string (path);
    decode->kind = ends_with (path, ".gz") ? KIND_GZIP : ends_with (path, ".zst") ? KIND_ZSTD : KIND_PLAIN;
    // Without O_NONBLOCK a fifo would hang here until somebody writes to it.
    decode->fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    status_t status = look_at (decode, fault);
    if (status == OK)
        start (decode);
    else
        decode_close (&decode);
    *out = decode;
    return status;
}

void decode_close (decode_t **decode)
{
    decode_t *d = *decode;
    if (d == NULL)
        return;
    if (d->raw && d->kind == KIND_GZIP)
        inflateEnd (&d->gzip);
    ZSTD_freeDStream (d->zstd);
    if (d->disk_hash)
        hasher_end (&d->disk_hash);
    if (d->fd >= 0)
        close (d->fd);
    free (d->raw);
    free (d->path);
    free (d);
    *decode = NULL;
}

static status_t read_disk (decode_t *decode, void *out, size_t max, size_t *n, fault_t *fault)
{
    ssize_t got;
    do
        got = read (decode->fd, out, max);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return fault_set (fault, ERR_IO, "%s: %s; it can't be read on", decode->path, strerror (errno));
    *n = (size_t) got;
    decode->disk_bytes += (size_t) got;
    return OK;
}

// Have compressed bytes at hand; raw_pos == raw_len afterwards means that the file has ended.
static status_t fill (decode_t *decode, fault_t *fault)
{
    if (decode->raw_pos < decode->raw_len)
        return OK;
    decode->raw_pos = 0;
    status_t status = read_disk (decode, decode->raw, RAW_BYTES, &decode->raw_len, fault);
    if (status != OK)
        decode->raw_len = 0;
    hasher_add (decode->disk_hash, decode->raw, decode->raw_len);
    return status;
}

static status_t cut_off (const decode_t *decode, fault_t *fault)
{
    return fault_set (fault, ERR_FORMAT, "%s: ends in the middle of its compressed data; it was cut off, fetch it again", decode->path);
}

static status_t damaged (const decode_t *decode, const char *why, fault_t *fault)
{
    return fault_set (fault, ERR_FORMAT, "%s: its compressed data are damaged (%s); fetch it again", decode->path, why ? why : "unreadable");
}

static status_t inflate_some (decode_t *decode, char *out, size_t max, size_t *n, fault_t *fault)
{
    z_stream *z = &decode->gzip;
    z->next_in = decode->raw + decode->raw_pos;
    z->avail_in = (uInt) (decode->raw_len - decode->raw_pos);
    z->next_out = (Bytef *) out;
    z->avail_out = (uInt) max;
    int rc = inflate (z, Z_NO_FLUSH);
    decode->raw_pos = decode->raw_len - z->avail_in;
    *n = max - z->avail_out;
    if (rc == Z_STREAM_END) {
        decode->inside = false;
        decode->began = true;
        inflateReset (z);
        return OK;
    }
    return rc == Z_OK || rc == Z_BUF_ERROR ? OK : damaged (decode, z->msg, fault);
}

static status_t unzstd_some (decode_t *decode, char *out, size_t max, size_t *n, fault_t *fault)
{
    ZSTD_inBuffer in = { decode->raw, decode->raw_len, decode->raw_pos };
    ZSTD_outBuffer to = { out, max, 0 };
    size_t rc = ZSTD_decompressStream (decode->zstd, &to, &in);
    decode->raw_pos = in.pos;
    *n = to.pos;
    if (ZSTD_getErrorCode (rc) == ZSTD_error_frameParameter_windowTooLarge)
        return fault_set (fault, ERR_FORMAT, "%s: was packed with a window (zstd --long) that takes more than 128 MiB of memory to unpack; "
                          "pack it again without, or pipe zstd -dc --long=31 into \"-\"", decode->path);
    if (ZSTD_isError (rc))
        return damaged (decode, ZSTD_getErrorName (rc), fault);
    decode->inside = rc != 0;
    return OK;
}

// Zeros behind a gzip member are padding (gzip's manual, "ADVANCED USAGE": tapes).
static void skip_padding (decode_t *decode)
{
    while (decode->began && decode->raw_pos < decode->raw_len && decode->raw [decode->raw_pos] == 0)
        decode->raw_pos++;
}

static status_t read_packed (decode_t *decode, void *out, size_t max, size_t *n, fault_t *fault)
{
    for (*n = 0; *n == 0;) {
        status_t status = fill (decode, fault);
        if (status != OK)
            return status;
        bool ended = decode->raw_len == 0;
        if (!ended && !decode->inside && decode->kind == KIND_GZIP)
            skip_padding (decode);
        if (!ended && decode->raw_pos == decode->raw_len)
            continue;
        // At the end the decoders may still hold text that did not fit into out the last time.
        if (ended && !decode->inside)
            return OK;
        decode->inside = true;
        status = decode->kind == KIND_GZIP ? inflate_some (decode, out, max, n, fault) : unzstd_some (decode, out, max, n, fault);
        if (status != OK)
            return status;
        if (ended && *n == 0 && decode->inside)
            return cut_off (decode, fault);
    }
    return OK;
}

status_t decode_read (decode_t *decode, void *out, size_t max, size_t *n, fault_t *fault)
{
    if (decode->kind == KIND_PLAIN)
        return read_disk (decode, out, max, n, fault);
    return read_packed (decode, out, max, n, fault);
}

bool decode_is_plain (const decode_t *decode)
{
    return decode->kind == KIND_PLAIN;
}

uint64_t decode_size (const decode_t *decode)
{
    return decode->size;
}

int64_t decode_mtime_ns (const decode_t *decode)
{
    return decode->mtime_ns;
}

uint64_t decode_disk_bytes (const decode_t *decode)
{
    return decode->disk_bytes;
}

digest_t decode_disk_digest (const decode_t *decode)
{
    assert (decode->disk_hash);
    return hasher_peek (decode->disk_hash);
}

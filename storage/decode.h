// decode: the bytes of one file, decompressed.
//
// What a file is follows from its name and must agree with its first bytes: ".gz" is gzip
// (RFC 1952, also several members one after the other, zero padding behind them), ".zst" is
// zstd (RFC 8878, several frames, windows of up to 128 MiB), anything else is read as it is
// and must not begin like a compressed file.
#ifndef STORAGE_DECODE_H
#define STORAGE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/fault.h"

typedef struct decode decode_t;

// ERR_USAGE where there is no such file, or it is none but a folder or a pipe; ERR_IO where it can't be read, ERR_FORMAT where it is
// not what its name says. *out is owned by the caller.
status_t decode_open (const char *path, decode_t **out, fault_t *fault) MUST_USE;
void decode_close (decode_t **decode);

// Up to max (1 .. 1 GiB) bytes; *n is 0 at the end alone. ERR_FORMAT for damaged data, or data that end too early.
status_t decode_read (decode_t *decode, void *out, size_t max, size_t *n, fault_t *fault) MUST_USE;

bool decode_is_plain (const decode_t *decode);
uint64_t decode_size (const decode_t *decode);          // of the file when it was opened
int64_t decode_mtime_ns (const decode_t *decode);       // likewise
uint64_t decode_disk_bytes (const decode_t *decode);    // read from disk so far

// SHA-256 of the compressed bytes read so far (of the whole file once decode_read said that it ended).
// Plain files are not hashed here, for their reader does: they must not be asked for.
digest_t decode_disk_digest (const decode_t *decode);

#endif

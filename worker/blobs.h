// blobs: what a run's setup names by digest, fetched in chunks, checked, and kept in memory while a run needs it.
#ifndef WORKER_BLOBS_H
#define WORKER_BLOBS_H

#include "base/digest.h"
#include "base/fault.h"
#include "proto/wire.pb-c.h"
#include "worker/kind.h"

enum {
    BLOBS_BYTES_MAX = 256 * 1024 * 1024,    // of all blobs of a run
    BLOB_TRIES_MAX = 3                      // at getting one whose bytes have the digest
};

typedef struct blobs blobs_t;

blobs_t *blobs_new (void);
void blobs_destroy (blobs_t **blobs);

// Name what is needed from now on (digests of 32 bytes, in any number of copies). Others are forgotten, those that are
// here stay.
void blobs_need (blobs_t *blobs, const ProtobufCBinaryData *digests, size_t n);

// The chunk to ask for next; false: all are here.
bool blobs_next (const blobs_t *blobs, digest_t *digest, uint64_t *offset);

// Take a chunk. One that was not asked for is no error and changes nothing. ERR_NOT_FOUND: the coordinator has no such
// blob; ERR_CORRUPT: its bytes do not have its digest, time after time; ERR_LIMIT: too many bytes in all.
status_t blobs_take (blobs_t *blobs, const Rulemill__Blob *chunk, fault_t *fault) MUST_USE;

// The blobs that are here, in the order of blobs_need; *n of them. The caller frees the list; the bytes stay the cache's
// and are valid until the next blobs_need.
worker_blob_t *blobs_list (const blobs_t *blobs, size_t *n);

#endif

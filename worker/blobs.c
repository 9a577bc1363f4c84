#include "worker/blobs.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"

typedef struct {
    digest_t digest;
    buf_t bytes;
    uint64_t total;
    bool whole;             // all bytes are here and have the digest
    unsigned tries;
} blob_t;

struct blobs {
    blob_t *list;
    size_t n;
};

blobs_t *blobs_new (void)
{
    return mem_zero (1, sizeof (blobs_t));
}

static void forget (blobs_t *blobs)
{
    for (size_t i = 0; i < blobs->n; i++)
        buf_free (&blobs->list [i].bytes);
    free (blobs->list);
    *blobs = (blobs_t) { 0 };
}

void blobs_destroy (blobs_t **blobs)
{
    if (!*blobs)
        return;
    forget (*blobs);
    free (*blobs);
    *blobs = NULL;
}

static blob_t *find (const blobs_t *blobs, const void *digest)
{
    for (size_t i = 0; i < blobs->n; i++)
        if (memcmp (blobs->list [i].digest.b, digest, DIGEST_BYTES) == 0)
            return &blobs->list [i];
    return NULL;
}

void blobs_need (blobs_t *blobs, const ProtobufCBinaryData *digests, size_t n)
{
    blobs_t next = { .list = mem_zero (n ? n : 1, sizeof (blob_t)) };
    for (size_t i = 0; i < n; i++) {
        if (find (&next, digests [i].data))
            continue;
        blob_t *here = find (blobs, digests [i].data);
        blob_t *blob = &next.list [next.n++];
        if (here) {
            *blob = *here;
            here->bytes = (buf_t) { 0 };
        }
        memcpy (blob->digest.b, digests [i].data, DIGEST_BYTES);
        blob->tries = 0;
    }
    forget (blobs);
    *blobs = next;
}

static blob_t *next_missing (const blobs_t *blobs)
{
    for (size_t i = 0; i < blobs->n; i++)
        if (!blobs->list [i].whole)
            return &blobs->list [i];
    return NULL;
}

bool blobs_next (const blobs_t *blobs, digest_t *digest, uint64_t *offset)
{
    const blob_t *blob = next_missing (blobs);
    if (!blob)
        return false;
    *digest = blob->digest;
    *offset = blob->bytes.len;
    return true;
}

static size_t bytes_held (const blobs_t *blobs)
{
    size_t bytes = 0;
    for (size_t i = 0; i < blobs->n; i++)
        bytes += blobs->list [i].bytes.len;
    return bytes;
}

// Begin this blob again: what came of it can't be right.
static status_t begin_again (blob_t *blob, fault_t *fault)
{
    char hex [DIGEST_HEX + 1];
    buf_free (&blob->bytes);
    if (++blob->tries < BLOB_TRIES_MAX)
        return OK;
    hex_encode (blob->digest.b, DIGEST_BYTES, hex);
    return fault_set (fault, ERR_CORRUPT, "blob %.12s: what the coordinator sends does not have this digest; "
                      "check its store with rulemill verify", hex);
}

status_t blobs_take (blobs_t *blobs, const Rulemill__Blob *chunk, fault_t *fault)
{
    char hex [DIGEST_HEX + 1];
    blob_t *blob = next_missing (blobs);
    if (!blob || memcmp (blob->digest.b, chunk->digest.data, DIGEST_BYTES) != 0)
        return OK;
    hex_encode (blob->digest.b, DIGEST_BYTES, hex);
    if (chunk->missing)
        return fault_set (fault, ERR_NOT_FOUND, "blob %.12s: the coordinator names it but has it not; check its store with rulemill verify", hex);
    if (chunk->offset != blob->bytes.len)
        return OK;
    if (blob->bytes.len > 0 && chunk->total != blob->total)
        return begin_again (blob, fault);
    if (chunk->data.len > BLOBS_BYTES_MAX - bytes_held (blobs))
        return fault_set (fault, ERR_LIMIT, "blob %.12s: the run's blobs take more than %d bytes", hex, BLOBS_BYTES_MAX);
    blob->total = chunk->total;
    buf_add (&blob->bytes, chunk->data.data, chunk->data.len);
    if (blob->bytes.len < blob->total)
        return chunk->data.len > 0 ? OK : begin_again (blob, fault);
    digest_t digest = digest_of (blob->bytes.data, blob->bytes.len);
    blob->whole = digest_equal (&digest, &blob->digest);
    return blob->whole ? OK : begin_again (blob, fault);
}

worker_blob_t *blobs_list (const blobs_t *blobs, size_t *n)
{
    worker_blob_t *list = mem_zero (blobs->n ? blobs->n : 1, sizeof *list);
    *n = 0;
    for (size_t i = 0; i < blobs->n; i++) {
        const blob_t *blob = &blobs->list [i];
        if (blob->whole)
            list [(*n)++] = (worker_blob_t) { blob->digest, blob->bytes.data ? blob->bytes.data : "", blob->bytes.len };
    }
    return list;
}

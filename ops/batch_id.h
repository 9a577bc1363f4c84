// batch_id: the name of a request in files for batch services: which cell its answer is.
//
//   r12-j1-q7-s0-c0-k0f3a5c7e9b1d
//
// r response, j judge and q rule by their dense numbers in the store, s sample, c 1 where it was asked with a constraint. k:
// the first 12 hexadecimal digits of SHA-256 over the response's key, the rule's digest and the judge's identity, so that
// an answer of another store is told from one of this, whose numbers may be the same.
#ifndef OPS_BATCH_ID_H
#define OPS_BATCH_ID_H

#include "base/buf.h"
#include "base/digest.h"

enum { BATCH_CHECK_BYTES = 6 };

typedef struct {
    uint64_t response;
    uint32_t judge, rule, sample;
    bool constrained;
    uint8_t check [BATCH_CHECK_BYTES];
} batch_id_t;

// check of a cell by what it is about.
void batch_id_check (batch_id_t *id, const content_key_t *response, const digest_t *rule, const digest_t *judge);

// Append it to out.
void batch_id_write (const batch_id_t *id, buf_t *out);

// Strict: exactly what batch_id_write writes. False for anything else, *out is then left alone.
bool batch_id_read (const char *text, size_t len, batch_id_t *out);

#endif

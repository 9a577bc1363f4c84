#include "proto/wire_check.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/digest.h"
#include "base/limits.h"

// Bytes of the UTF-8 character at p (RFC 3629: no overlong form, no surrogate,
// nothing over U+10FFFF), or 0 where there is none. p ends with a NUL.
static size_t utf8_len (const unsigned char *p)
{
    if (p [0] < 0x80)
        return 1;
    size_t n = p [0] >= 0xc2 && p [0] <= 0xdf ? 2 : (p [0] & 0xf0) == 0xe0 ? 3 : p [0] >= 0xf0 && p [0] <= 0xf4 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((p [i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p [0] == 0xe0 && p [1] < 0xa0) || (p [0] == 0xf0 && p [1] < 0x90);
    bool beyond = (p [0] == 0xed && p [1] > 0x9f) || (p [0] == 0xf4 && p [1] > 0x8f);
    return overlong || beyond ? 0 : n;
}

void wire_clean_text (char *text)
{
    unsigned char *p = (unsigned char *) text;
    size_t at = 0;
    while (p [at]) {
        size_t n = utf8_len (p + at);
        if (at + (n ? n : 1) > WIRE_TEXT_MAX)
            break;
        bool control = p [at] < 0x20 || p [at] == 0x7f || (p [at] == 0xc2 && n == 2 && p [at + 1] < 0xa0);
        if (n == 0 || control)
            memset (p + at, '?', n ? n : 1);
        at += n ? n : 1;
    }
    if (p [at])         // protobuf-c's empty text can't be written to
        p [at] = '\0';
}

static status_t check_digest (const ProtobufCBinaryData *bytes, const char *name, fault_t *fault)
{
    if (bytes->len == DIGEST_BYTES)
        return OK;
    return fault_set (fault, ERR_FORMAT, "%s has %zu bytes instead of %d", name, bytes->len, DIGEST_BYTES);
}

static status_t check_count (size_t n, size_t max, const char *name, fault_t *fault)
{
    if (n <= max)
        return OK;
    return fault_set (fault, ERR_LIMIT, "%s has %zu entries; at most %zu are allowed", name, n, max);
}

status_t wire_check_to_coordinator (Rulemill__ToCoordinator *message, fault_t *fault)
{
    switch (message->body_case) {
    case RULEMILL__TO_COORDINATOR__BODY_HELLO:
        wire_clean_text (message->hello->version);
        wire_clean_text (message->hello->host);
        return message->hello->run.len == 0 ? OK : check_digest (&message->hello->run, "Hello.run", fault);
    case RULEMILL__TO_COORDINATOR__BODY_BLOB_GET:
        return check_digest (&message->blob_get->digest, "BlobGet.digest", fault);
    case RULEMILL__TO_COORDINATOR__BODY_UNFIT:
        wire_clean_text (message->unfit->reason);
        return OK;
    case RULEMILL__TO_COORDINATOR__BODY_WANT:
        return check_count (message->want->leases, WIRE_LEASES_MAX, "Want.leases", fault);
    case RULEMILL__TO_COORDINATOR__BODY_RESULTS:
        return check_count (message->results->n_results, LIMIT_LEASE_PAIRS, "Results.results", fault);
    case RULEMILL__TO_COORDINATOR__BODY_BEAT:
        return check_count (message->beat->n_leases, WIRE_LEASES_MAX, "Beat.leases", fault);
    case RULEMILL__TO_COORDINATOR__BODY_GIVE_BACK:
        return OK;
    case RULEMILL__TO_COORDINATOR__BODY_BYE:
        wire_clean_text (message->bye->reason);
        return OK;
    default:
        return fault_set (fault, ERR_FORMAT, "a message to the coordinator of no known type");
    }
}

static status_t check_welcome (Rulemill__Welcome *welcome, fault_t *fault)
{
    wire_clean_text (welcome->kind);
    status_t status = check_digest (&welcome->run, "Welcome.run", fault);
    if (status == OK)
        status = check_count (welcome->n_blobs, WIRE_BLOBS_MAX, "Welcome.blobs", fault);
    for (size_t i = 0; status == OK && i < welcome->n_blobs; i++)
        status = check_digest (&welcome->blobs [i], "Welcome.blobs", fault);
    return status;
}

static status_t check_blob (const Rulemill__Blob *blob, fault_t *fault)
{
    status_t status = check_digest (&blob->digest, "Blob.digest", fault);
    if (status != OK || blob->missing)
        return status;
    if (blob->total > LIMIT_BLOB_BYTES)
        return fault_set (fault, ERR_LIMIT, "Blob.total is %llu; at most %d bytes are allowed",
                          (unsigned long long) blob->total, LIMIT_BLOB_BYTES);
    if (blob->data.len > LIMIT_BLOB_CHUNK_BYTES)
        return fault_set (fault, ERR_LIMIT, "Blob.data has %zu bytes; at most %d are allowed", blob->data.len, LIMIT_BLOB_CHUNK_BYTES);
    if (blob->offset > blob->total || blob->data.len > blob->total - blob->offset)
        return fault_set (fault, ERR_FORMAT, "Blob.data reaches past Blob.total");
    return OK;
}

static status_t check_ack (const Rulemill__Ack *ack, fault_t *fault)
{
    status_t status = check_count (ack->n_items, LIMIT_LEASE_PAIRS, "Ack.items", fault);
    return status == OK ? check_count (ack->n_stale, LIMIT_LEASE_PAIRS, "Ack.stale", fault) : status;
}

status_t wire_check_to_worker (Rulemill__ToWorker *message, fault_t *fault)
{
    switch (message->body_case) {
    case RULEMILL__TO_WORKER__BODY_WELCOME:
        return check_welcome (message->welcome, fault);
    case RULEMILL__TO_WORKER__BODY_REFUSE:
        wire_clean_text (message->refuse->text);
        return OK;
    case RULEMILL__TO_WORKER__BODY_BLOB:
        return check_blob (message->blob, fault);
    case RULEMILL__TO_WORKER__BODY_LEASE:
        return check_count (message->lease->items, LIMIT_LEASE_PAIRS, "Lease.items", fault);
    case RULEMILL__TO_WORKER__BODY_BATCH:
        return check_count (message->batch->n_items, LIMIT_LEASE_PAIRS, "Batch.items", fault);
    case RULEMILL__TO_WORKER__BODY_ACK:
        return check_ack (message->ack, fault);
    case RULEMILL__TO_WORKER__BODY_REVOKE:
    case RULEMILL__TO_WORKER__BODY_WHO:
    case RULEMILL__TO_WORKER__BODY_DRAIN:
    case RULEMILL__TO_WORKER__BODY_SHARE:
        return OK;
    case RULEMILL__TO_WORKER__BODY_FINISHED:
        wire_clean_text (message->finished->reason);
        return OK;
    default:
        return fault_set (fault, ERR_FORMAT, "a message to the worker of no known type");
    }
}

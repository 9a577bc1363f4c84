// dataset_sign: Ed25519 signatures (RFC 8032) of a manifest.
//
// Keys are PEM files as `openssl genpkey -algorithm ed25519` and `openssl pkey -pubout` write them. A signature is 64
// raw bytes, so that `openssl pkeyutl -verify -pubin -inkey PUB -rawin -in manifest.json -sigfile manifest.sig` checks it too.
#ifndef STORAGE_DATASET_SIGN_H
#define STORAGE_DATASET_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

enum { SIGNATURE_BYTES = 64 };

typedef struct sign_key sign_key_t;

// Read a private key, a public one. ERR_IO: the file can't be read; ERR_FORMAT: it holds no such key (encrypted keys included).
status_t sign_key_private (const char *path, sign_key_t **out, fault_t *fault) MUST_USE;
status_t sign_key_public (const char *path, sign_key_t **out, fault_t *fault) MUST_USE;
void sign_key_destroy (sign_key_t **key);

// The public half as 64 hexadecimal digits, for the manifest.
status_t sign_key_name (const sign_key_t *key, char out [65], fault_t *fault) MUST_USE;

status_t sign_bytes (const sign_key_t *key, const void *bytes, size_t len, uint8_t out [SIGNATURE_BYTES], fault_t *fault) MUST_USE;

// ERR_DENIED where the signature is not this key's over these bytes.
status_t sign_check (const sign_key_t *key, const void *bytes, size_t len, const void *signature, size_t signature_len,
                     fault_t *fault) MUST_USE;

#endif

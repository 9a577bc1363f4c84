#include "storage/dataset_sign.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"

struct sign_key {
    EVP_PKEY *key;
};

// Keys with a passphrase are not asked for one: a batch job has nobody to answer.
static int no_passphrase (char *out, int size, int writing, void *ctx)
{
    (void) out;
    (void) size;
    (void) writing;
    (void) ctx;
    return -1;
}

static status_t load (const char *path, bool secret, sign_key_t **out, fault_t *fault)
{
    FILE *file = fopen (path, "re");
    if (file == NULL)
        return fault_set (fault, ERR_IO, "%s: %s; give a PEM file with an Ed25519 %s key", path, strerror (errno),
                          secret ? "private" : "public");
    EVP_PKEY *key = secret ? PEM_read_PrivateKey (file, NULL, no_passphrase, NULL)
                           : PEM_read_PUBKEY (file, NULL, no_passphrase, NULL);
    fclose (file);
    if (key == NULL || EVP_PKEY_id (key) != EVP_PKEY_ED25519) {
        EVP_PKEY_free (key);
        return fault_set (fault, ERR_FORMAT, "%s: no Ed25519 %s key in PEM without passphrase; `openssl genpkey -algorithm "
                          "ed25519` makes one, `openssl pkey -pubout` its public half", path, secret ? "private" : "public");
    }
    *out = mem_zero (1, sizeof **out);
    (*out)->key = key;
    return OK;
}

status_t sign_key_private (const char *path, sign_key_t **out, fault_t *fault)
{
    return load (path, true, out, fault);
}

status_t sign_key_public (const char *path, sign_key_t **out, fault_t *fault)
{
    return load (path, false, out, fault);
}

void sign_key_destroy (sign_key_t **key)
{
    if (*key == NULL)
        return;
    EVP_PKEY_free ((*key)->key);
    free (*key);
    *key = NULL;
}

status_t sign_key_name (const sign_key_t *key, char out [65], fault_t *fault)
{
    uint8_t raw [32];
    size_t len = sizeof raw;
    if (!EVP_PKEY_get_raw_public_key (key->key, raw, &len) || len != sizeof raw)
        return fault_set (fault, ERR_FORMAT, "the signing key has no public half");
    hex_encode (raw, sizeof raw, out);
    return OK;
}

status_t sign_bytes (const sign_key_t *key, const void *bytes, size_t len, uint8_t out [SIGNATURE_BYTES], fault_t *fault)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new ();
    size_t out_len = SIGNATURE_BYTES;
    bool ok = ctx && EVP_DigestSignInit (ctx, NULL, NULL, NULL, key->key)
           && EVP_DigestSign (ctx, out, &out_len, bytes, len) && out_len == SIGNATURE_BYTES;
    EVP_MD_CTX_free (ctx);
    return ok ? OK : fault_set (fault, ERR_IO, "OpenSSL could not sign the manifest");
}

status_t sign_check (const sign_key_t *key, const void *bytes, size_t len, const void *signature, size_t signature_len,
                     fault_t *fault)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new ();
    bool ok = ctx && signature_len == SIGNATURE_BYTES && EVP_DigestVerifyInit (ctx, NULL, NULL, NULL, key->key)
           && EVP_DigestVerify (ctx, signature, signature_len, bytes, len) == 1;
    EVP_MD_CTX_free (ctx);
    return ok ? OK : fault_set (fault, ERR_DENIED, "the signature is not this key's over this manifest");
}

#include "base/digest.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/mem.h"

struct hasher {
    EVP_MD_CTX *ctx;
};

hasher_t *hasher_new (void)
{
    hasher_t *hasher = mem_zero (1, sizeof *hasher);
    hasher->ctx = EVP_MD_CTX_new ();
    int ok = hasher->ctx != NULL && EVP_DigestInit_ex (hasher->ctx, EVP_sha256 (), NULL);
    assert (ok);
    (void) ok;
    return hasher;
}

void hasher_add (hasher_t *hasher, const void *bytes, size_t len)
{
    EVP_DigestUpdate (hasher->ctx, bytes, len);
}

void hasher_add_u64 (hasher_t *hasher, uint64_t value)
{
    uint8_t b [8];
    for (int i = 0; i < 8; i++)
        b [i] = (uint8_t) (value >> (56 - 8 * i));
    hasher_add (hasher, b, sizeof b);
}

digest_t hasher_peek (const hasher_t *hasher)
{
    digest_t out;
    EVP_MD_CTX *copy = EVP_MD_CTX_new ();
    EVP_MD_CTX_copy_ex (copy, hasher->ctx);
    EVP_DigestFinal_ex (copy, out.b, NULL);
    EVP_MD_CTX_free (copy);
    return out;
}

digest_t hasher_end (hasher_t **hasher)
{
    digest_t out;
    EVP_DigestFinal_ex ((*hasher)->ctx, out.b, NULL);
    EVP_MD_CTX_free ((*hasher)->ctx);
    free (*hasher);
    *hasher = NULL;
    return out;
}

digest_t digest_of (const void *bytes, size_t len)
{
    digest_t out;
    int ok = EVP_Digest (bytes, len, out.b, NULL, EVP_sha256 (), NULL);
    assert (ok);
    (void) ok;
    return out;
}

bool digest_of_file (const char *path, digest_t *out)
{
    FILE *file = fopen (path, "rbe");
    if (file == NULL)
        return false;
    hasher_t *hasher = hasher_new ();
    char block [65536];
    size_t n;
    while ((n = fread (block, 1, sizeof block, file)) > 0)
        hasher_add (hasher, block, n);
    int failed = ferror (file) ? (errno ? errno : EIO) : 0;
    fclose (file);
    *out = hasher_end (&hasher);
    errno = failed;
    return failed == 0;
}

void hex_encode (const uint8_t *bytes, size_t len, char *out)
{
    static const char digits [] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out [2 * i] = digits [bytes [i] >> 4];
        out [2 * i + 1] = digits [bytes [i] & 15];
    }
    out [2 * len] = '\0';
}

static int nibble (char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hex_decode (const char *text, uint8_t *out, size_t len)
{
    if (strlen (text) != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = nibble (text [2 * i]), low = nibble (text [2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out [i] = (uint8_t) (high << 4 | low);
    }
    return true;
}

bool digest_equal (const digest_t *a, const digest_t *b)
{
    return memcmp (a->b, b->b, DIGEST_BYTES) == 0;
}

bool content_key_equal (const content_key_t *a, const content_key_t *b)
{
    return memcmp (a->b, b->b, KEY_BYTES) == 0;
}

uint64_t hash64 (uint64_t seed, const void *bytes, size_t len)
{
    return XXH3_64bits_withSeed (bytes, len, seed);
}

enum { PURPOSE_MAX = 64 };

uint64_t group_hash (uint64_t seed, const char *purpose, const content_key_t *group_key)
{
    uint8_t bytes [PURPOSE_MAX + 1 + KEY_BYTES];
    size_t len = strlen (purpose);
    assert (len <= PURPOSE_MAX);
    memcpy (bytes, purpose, len + 1);
    memcpy (bytes + len + 1, group_key->b, KEY_BYTES);
    return hash64 (seed, bytes, len + 1 + KEY_BYTES);
}

bool group_in_share (uint64_t seed, const char *purpose, const content_key_t *group_key, double share)
{
    if (!(share > 0))
        return false;
    return share >= 1 || group_hash (seed, purpose, group_key) < (uint64_t) ldexp (share, 64);
}

// digest: SHA-256 (OpenSSL) for names that must not collide, XXH3 for seeded
// choices that must only be even.
//
// SHA-256: FIPS 180-4. XXH3: xxHash specification 0.8, 64-bit, with seed; its
// value for given bytes is fixed since 0.8.0.
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BYTES = 32, DIGEST_HEX = 64, KEY_BYTES = 16, KEY_HEX = 32 };

typedef struct { uint8_t b [DIGEST_BYTES]; } digest_t;      // a whole SHA-256
typedef struct { uint8_t b [KEY_BYTES]; } content_key_t;    // its first 128 bits

// A running SHA-256. hasher_end returns the digest and destroys the hasher.
typedef struct hasher hasher_t;
hasher_t *hasher_new (void);
void hasher_add (hasher_t *hasher, const void *bytes, size_t len);
void hasher_add_u64 (hasher_t *hasher, uint64_t value);     // eight bytes, big-endian
digest_t hasher_peek (const hasher_t *hasher);              // the digest so far; goes on
digest_t hasher_end (hasher_t **hasher);

// SHA-256 of bytes in one call.
digest_t digest_of (const void *bytes, size_t len);

// SHA-256 of a whole file; false with errno set when it can't be read.
bool digest_of_file (const char *path, digest_t *out);

// Lower-case hexadecimal, NUL-terminated, into out (2 * len + 1 bytes).
void hex_encode (const uint8_t *bytes, size_t len, char *out);

// The reverse; false unless text is exactly 2 * len hexadecimal digits.
bool hex_decode (const char *text, uint8_t *out, size_t len);

// Are all bytes the same? Not in constant time: digests here are no secrets.
bool digest_equal (const digest_t *a, const digest_t *b);
bool content_key_equal (const content_key_t *a, const content_key_t *b);

// A seeded, well-mixed 64-bit hash of bytes; stable across versions and machines.
uint64_t hash64 (uint64_t seed, const void *bytes, size_t len);

// The hash by which groups are cut for a purpose of at most 64 bytes ("validation", "limit", "audit", "part"); and is a group in the share
// [0, 1] that such a cut takes?
uint64_t group_hash (uint64_t seed, const char *purpose, const content_key_t *group_key);
bool group_in_share (uint64_t seed, const char *purpose, const content_key_t *group_key, double share);

#endif

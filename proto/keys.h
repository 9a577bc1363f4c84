// keys: CURVE key pairs as files.
//
// A pair is two ZeroMQ certificate files (RFC 29/ZAP, CZMQ's zcert): NAME.pub for everybody, NAME.key (mode 0600) for its
// owner. Keys are 40 characters of Z85. A secret file that others may read is refused.
#ifndef PROTO_KEYS_H
#define PROTO_KEYS_H

#include <stdbool.h>

#include "base/fault.h"

enum { KEY_TEXT = 41 };         // 40 characters and the NUL

typedef struct { char public_key [KEY_TEXT]; char secret_key [KEY_TEXT]; } curve_keys_t;    // secret "" where only public

// Make a pair at DIR/NAME.pub and DIR/NAME.key; ERR_BUSY where one is there already.
status_t keys_generate (const char *dir, const char *name, curve_keys_t *out, fault_t *fault) MUST_USE;

// Read a secret file (both keys), or a public one. public: also a bare Z85 key given instead of a path.
status_t keys_load_secret (const char *path, curve_keys_t *out, fault_t *fault) MUST_USE;
status_t keys_load_public (const char *path, char out [KEY_TEXT], fault_t *fault) MUST_USE;

// A folder of *.pub files, read again when it changes.
typedef struct key_folder key_folder_t;
status_t key_folder_open (const char *path, key_folder_t **out, fault_t *fault) MUST_USE;
bool key_folder_has (key_folder_t *folder, const char *public_key);     // looks at the folder again at most once a second
void key_folder_close (key_folder_t **folder);

#endif

// json: reading JSON text into a tree, and writing it.
//
// Reading is RapidJSON's SAX reader (json_read.cpp is the shim): whole texts of
// RFC 8259, recursive, JSON_DEPTH_MAX levels at most. Numbers stay the text that they
// were, so no digit is lost and none is out of range; strings may hold NUL and
// carry their length. Rejected with their offset: anything that is not JSON, invalid
// UTF-8, a lone surrogate, a key that stands twice in an object, depth over
// JSON_DEPTH_MAX, more than JSON_MEMBERS_MAX keys in one object or JSON_VALUES_MAX
// values in all, a byte-order mark.
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { JSON_DEPTH_MAX = 64, JSON_MEMBERS_MAX = 4096, JSON_VALUES_MAX = 1024 * 1024 };

typedef enum { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } json_type_t;

// A value. Owned by its json_doc_t; valid until the next parse into it.
typedef struct json_value json_value_t;
struct json_value {
    json_type_t type;
    uint32_t count;             // items of an array, members of an object
    const char *key;            // its name, where it is a member of an object; else NULL
    size_t key_len;
    const char *text;           // JSON_STRING: decoded; JSON_NUMBER: as written; NUL-terminated
    size_t len;
    json_value_t *child;        // first item or member
    json_value_t *next;         // next sibling
};

// Memory for parsed trees, reused from one parse to the next.
typedef struct json_doc json_doc_t;
json_doc_t *json_doc_new (void);
void json_doc_destroy (json_doc_t **doc);

// Parse len bytes. ERR_FORMAT with "not JSON at byte N: ..." or "invalid UTF-8 ...",
// "lone surrogate ...", "key \"x\" stands twice". *root is set on OK and owned by doc.
status_t json_parse (json_doc_t *doc, const char *text, size_t len, const json_value_t **root, fault_t *fault) MUST_USE;

// The member of an object; NULL where there is none or value is no object (or NULL).
const json_value_t *json_get (const json_value_t *value, const char *key);

bool json_is (const json_value_t *value, json_type_t type);     // false for NULL
bool json_equals (const json_value_t *value, const char *text); // a string with exactly this text

// A number as int64 or double; false where it is none or does not fit (finite doubles alone).
bool json_int (const json_value_t *value, int64_t *out);
bool json_double (const json_value_t *value, double *out);
uint64_t json_count_of (const json_value_t *object, const char *key);   // a member that counts; 0 where there is none

// "object", "string", ... for messages; "nothing" for NULL.
const char *json_type_name (const json_value_t *value);

// --- writing: append to a buf_t; the caller sets commas and brackets -------

// A string in quotes with JSON's escapes; UTF-8 passes as it is, U+2028/2029 are escaped, a byte that is no UTF-8 (of a file's name,
// say) becomes U+FFFD.
void json_write_string (buf_t *out, const char *text, size_t len);
void json_write_escaped (buf_t *out, const char *text, size_t len);     // what stands between the quotes
void json_write_cstring (buf_t *out, const char *text);     // NULL becomes null

// A real number in the fewest digits (15 to 17) that read back as the same one: 0.1, not 0.10000000000000001; null where it is not finite.
void json_write_real (buf_t *out, double value);

// "key": with its quotes and colon, and a comma before it unless out ends with '{'.
void json_write_key (buf_t *out, const char *key);

// A whole member: its key and what it says. A real number has six decimals, and is null where it is not finite. A list or an
// object is only begun.
void json_member_text (buf_t *out, const char *key, const char *text);      // NULL becomes null
void json_member_count (buf_t *out, const char *key, uint64_t count);
void json_member_real (buf_t *out, const char *key, double value);
void json_member_micro (buf_t *out, const char *key, int64_t micro);
void json_member_flag (buf_t *out, const char *key, bool flag);
void json_member_list (buf_t *out, const char *key);
void json_member_object (buf_t *out, const char *key);

// A parsed value again, without spaces, numbers as they were written.
void json_write_value (buf_t *out, const json_value_t *value);

// An integer of units of 1e-6 as a decimal with a point and no trailing zeros but one: -250000 is "-0.25", 0 is "0.0".
void json_write_micro (buf_t *out, int64_t micro);

#ifdef __cplusplus
}
#endif
#endif

// config_short: a configuration in which a section is written as one value.
//
// `adapter: http://HOST:8001/classify` (or a file) at the top means policy.adapter; with more to say the section is written out.
#ifndef OPS_CONFIG_SHORT_H
#define OPS_CONFIG_SHORT_H

#include "base/buf.h"
#include "base/fault.h"

// What stood there; value NULL: the text has no such form.
typedef struct { char *value; unsigned line; } config_short_t;

// Take it out of a YAML text: `rest` becomes the same text with an empty section there, each line where it was. What is no YAML, or no value
// that can be meant, is left as it is, for who reads the rest. ERR_FORMAT with name and line.
status_t config_short_take (const char *name, const char *yaml, size_t len, config_short_t *out, buf_t *rest, fault_t *fault) MUST_USE;
void config_short_free (config_short_t *taken);

#endif

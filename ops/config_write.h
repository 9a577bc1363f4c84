// config_write: set keys in a YAML configuration that a person wrote, and leave its other lines as they are.
#ifndef OPS_CONFIG_WRITE_H
#define OPS_CONFIG_WRITE_H

#include "base/buf.h"
#include "base/fault.h"

typedef struct { const char *key, *value; } config_line_t;     // "judge.top_logprobs", and its value as YAML on one line

// In text (name stands in messages): a key's line gets the value and keeps its comment; one that is lacking is added at the top of
// its section, a section that is lacking at the end. ERR_FORMAT where a section or a value is written so that no line is the
// key's, or where what comes out is no configuration; text is of no use then.
status_t config_write_text (const char *name, buf_t *text, const config_line_t *lines, size_t n, fault_t *fault) MUST_USE;

// In a file, which is made where there is none; written aside, synced, renamed. ERR_IO, ERR_LIMIT besides.
status_t config_write_file (const char *path, const config_line_t *lines, size_t n, fault_t *fault) MUST_USE;

#endif

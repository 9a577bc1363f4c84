// input: the lines of one file, with the place of each and a running hash of the text.
//
// Lines end with "\n" alone, for Unicode's other line ends stand inside real strings. Files may be
// packed (see decode.h). Offsets count decompressed bytes from the start of the file. A byte-order
// mark at its very start belongs to the first line but is not handed out.
#ifndef STORAGE_INPUT_H
#define STORAGE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/fault.h"

typedef struct input input_t;

typedef struct {
    const char *text;       // without its newline; valid until the next call
    size_t len;             // where too_long, less than the whole
    uint64_t row;           // from 1
    uint64_t offset;        // bytes of the file before it
    bool too_long;          // it has more than line_max bytes: text holds its beginning
    bool last;              // no newline ended it: the file did
} input_line_t;

// Errors as of decode_open. line_max: bytes of a line that are kept. *out is owned by the caller.
status_t input_open (const char *path, size_t line_max, input_t **out, fault_t *fault) MUST_USE;
void input_close (input_t **input);

// Directly after opening: pass over the first `offset` bytes, which held `rows` lines. *reached tells whether
// the file has that many; input_text_digest is then of these bytes. Where the last of these lines had no newline
// and the file has grown, the newline that now follows is passed over too, and *continued says that something
// else follows: the line is another one now.
status_t input_skip (input_t *input, uint64_t rows, uint64_t offset, bool *reached, bool *continued, fault_t *fault) MUST_USE;

// The next line; *got is false at the end. An error names the last row that could be read.
status_t input_next (input_t *input, input_line_t *line, bool *got, fault_t *fault) MUST_USE;

// Take the line back that input_next said was the last: rows, offset and digest are as before it.
void input_unread_last (input_t *input);

// Of the lines handed out so far: how many, their bytes, the SHA-256 of these bytes.
uint64_t input_rows (const input_t *input);
uint64_t input_offset (const input_t *input);
digest_t input_text_digest (input_t *input);

// Of the file on disk: bytes read so far; size and time when it was opened; once input_next has said that
// it ended (or gave the last line), the SHA-256 of its bytes.
uint64_t input_disk_bytes (const input_t *input);
uint64_t input_size (const input_t *input);
int64_t input_mtime_ns (const input_t *input);
digest_t input_disk_digest (input_t *input);

#endif

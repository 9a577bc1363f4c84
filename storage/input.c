#include "storage/input.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "storage/decode.h"

enum { BLOCK_BYTES = 1024 * 1024 };

struct input {
    decode_t *decode;
    size_t line_max;
    char *block;                // decompressed; [pos, len) is not consumed yet
    size_t len, pos;
    size_t hashed;              // of the block, bytes that text_hash has seen
    hasher_t *text_hash;
    bool ended;
    fault_t failure;            // reading failed behind what the block holds
    buf_t carry;                // a line's beginning, where it crosses blocks
    bool crossed;
    digest_t before_line;       // of the text before the line, where it crosses blocks
    bool unread;                // before_line is the digest
    uint64_t rows, offset;      // of the lines handed out
    uint64_t last_offset;       // where the line handed out last begins
};

status_t input_open (const char *path, size_t line_max, input_t **out, fault_t *fault)
{
    decode_t *decode;
    *out = NULL;
    status_t status = decode_open (path, &decode, fault);
    if (status != OK)
        return status;
    input_t *input = mem_zero (1, sizeof *input);
    input->decode = decode;
    input->line_max = line_max;
    input->block = mem_new (BLOCK_BYTES);
    input->text_hash = hasher_new ();
    *out = input;
    return OK;
}

void input_close (input_t **input)
{
    input_t *in = *input;
    if (in == NULL)
        return;
    decode_close (&in->decode);
    hasher_end (&in->text_hash);
    buf_free (&in->carry);
    free (in->block);
    free (in);
    *input = NULL;
}

static void hash_to (input_t *in, size_t pos)
{
    hasher_add (in->text_hash, in->block + in->hashed, pos - in->hashed);
    in->hashed = pos;
}

// The next block; an empty one at the end. What was in the old one must have been consumed.
// Lines before a damage are handed out before its error.
static status_t refill (input_t *in, fault_t *fault)
{
    assert (in->pos == in->len);
    hash_to (in, in->len);
    in->len = in->pos = in->hashed = 0;
    while (!in->ended && in->len < BLOCK_BYTES) {
        if (in->failure.code != OK)
            return in->len > 0 ? OK : fault_set (fault, in->failure.code, "%s", in->failure.text);
        size_t n = 0;
        if (decode_read (in->decode, in->block + in->len, BLOCK_BYTES - in->len, &n, &in->failure) == OK)
            in->ended = n == 0;
        in->len += n;
    }
    return OK;
}

static status_t name_row (const input_t *in, status_t status, fault_t *fault)
{
    fault_t old = fault ? *fault : (fault_t) { 0 };
    return fault_set (fault, status, "%s (row %" PRIu64 " was the last that could be read)", old.text, in->rows);
}

status_t input_skip (input_t *in, uint64_t rows, uint64_t offset, bool *reached, bool *continued, fault_t *fault)
{
    *reached = true;
    *continued = false;
    char last = '\n';
    uint64_t done = 0;
    for (; done < offset; done += in->pos) {
        status_t status = refill (in, fault);
        if (status != OK)
            return name_row (in, status, fault);
        if (in->len == 0)
            break;
        in->pos = offset - done < in->len ? (size_t) (offset - done) : in->len;
        last = in->block [in->pos - 1];
        if (done + in->pos == offset)
            break;
    }
    *reached = done + in->pos == offset;
    in->rows = rows;
    in->offset = offset;
    if (!*reached || last == '\n')
        return OK;
    // The digest asked for next is of the old bytes alone, so it is kept where the newline is passed over.
    hash_to (in, in->pos);
    in->before_line = hasher_peek (in->text_hash);
    in->unread = true;
    status_t status = in->pos == in->len ? refill (in, fault) : OK;
    if (status == OK && in->pos < in->len) {
        *continued = in->block [in->pos] != '\n';
        in->pos += !*continued;
        in->offset += !*continued;
    }
    return status == OK ? OK : name_row (in, status, fault);
}

// Keep what the block holds of a line that goes on in the next one.
static void carry_rest (input_t *in, bool *too_long)
{
    if (!in->crossed) {
        hash_to (in, in->pos);
        in->before_line = hasher_peek (in->text_hash);
        in->crossed = true;
    }
    size_t left = in->len - in->pos, room = in->line_max - in->carry.len;
    *too_long = *too_long || left > room;
    buf_add (&in->carry, in->block + in->pos, left < room ? left : room);
    in->pos = in->len;
}

// The bytes up to a newline (or the end, where newline is NULL) complete the line.
static void finish_line (input_t *in, const char *newline, input_line_t *line)
{
    const char *from = in->block + in->pos;
    size_t n = newline ? (size_t) (newline - from) : 0;
    if (in->crossed || !newline) {
        size_t room = in->line_max - in->carry.len;
        line->too_long = line->too_long || n > room;
        buf_add (&in->carry, from, n < room ? n : room);
        line->text = in->carry.data;
        line->len = in->carry.len;
    }
    else {
        line->too_long = n > in->line_max;
        line->text = from;
        line->len = n < in->line_max ? n : in->line_max;
    }
    in->pos += newline ? n + 1 : 0;
    line->last = newline == NULL;
}

static void drop_mark (input_line_t *line)
{
    if (line->offset == 0 && line->len >= 3 && memcmp (line->text, "\xef\xbb\xbf", 3) == 0) {
        line->text += 3;
        line->len -= 3;
    }
}

status_t input_next (input_t *in, input_line_t *line, bool *got, fault_t *fault)
{
    *line = (input_line_t) { .offset = in->offset, .row = in->rows + 1 };
    *got = false;
    buf_clear (&in->carry);
    in->crossed = in->unread = false;
    uint64_t taken = 0;
    const char *newline;
    for (;;) {
        size_t left = in->len - in->pos;
        newline = left > 0 ? memchr (in->block + in->pos, '\n', left) : NULL;
        if (newline) {
            taken += (size_t) (newline - in->block) + 1 - in->pos;
            break;
        }
        taken += left;
        carry_rest (in, &line->too_long);
        status_t status = refill (in, fault);
        if (status != OK) {
            in->unread = true;      // the digest stays that of whole lines
            return name_row (in, status, fault);
        }
        if (in->len == 0)
            break;
    }
    if (taken == 0)
        return OK;
    finish_line (in, newline, line);
    drop_mark (line);
    in->last_offset = in->offset;
    in->offset += taken;
    in->rows++;
    *got = true;
    return OK;
}

void input_unread_last (input_t *in)
{
    assert (in->ended && in->crossed && in->rows > 0);
    in->rows--;
    in->offset = in->last_offset;
    in->unread = true;
}

uint64_t input_rows (const input_t *in)
{
    return in->rows;
}

uint64_t input_offset (const input_t *in)
{
    return in->offset;
}

digest_t input_text_digest (input_t *in)
{
    if (in->unread)
        return in->before_line;
    hash_to (in, in->pos);
    return hasher_peek (in->text_hash);
}

uint64_t input_disk_bytes (const input_t *in)
{
    return decode_disk_bytes (in->decode);
}

uint64_t input_size (const input_t *in)
{
    return decode_size (in->decode);
}

int64_t input_mtime_ns (const input_t *in)
{
    return decode_mtime_ns (in->decode);
}

digest_t input_disk_digest (input_t *in)
{
    if (!decode_is_plain (in->decode))
        return decode_disk_digest (in->decode);
    assert (in->ended && in->pos == in->len);
    hash_to (in, in->len);
    return hasher_peek (in->text_hash);
}

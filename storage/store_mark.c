#include "storage/store_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/mem.h"

enum { SLOT_BYTES = 32, SLOT_STRIDE = 4096, SLOTS = 2, FILE_BYTES = SLOTS * SLOT_STRIDE };

static const char magic [] = "RMMARK01";

struct store_mark {
    int fd;
    char *path;
    uint64_t sequence;
    int slot;               // that holds it
};

static void put_u64 (uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to [i] = (uint8_t) (value >> (56 - 8 * i));
}

static uint64_t get_u64 (const uint8_t *from)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | from [i];
    return value;
}

static void slot_fill (uint8_t *slot, uint64_t sequence)
{
    memset (slot, 0, SLOT_BYTES);
    memcpy (slot, magic, 8);
    put_u64 (slot + 8, sequence);
    put_u64 (slot + 24, hash64 (0, slot, 24));
}

static bool slot_valid (const uint8_t *slot)
{
    return memcmp (slot, magic, 8) == 0 && get_u64 (slot + 24) == hash64 (0, slot, 24);
}

// Write all of it at an offset; false with errno.
static bool write_at (int fd, const uint8_t *bytes, size_t len, off_t offset)
{
    while (len > 0) {
        ssize_t n = pwrite (fd, bytes, len, offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n == 0 ? EIO : errno;
            return false;
        }
        bytes += n;
        offset += n;
        len -= (size_t) n;
    }
    return true;
}

static status_t io_fault (fault_t *fault, const char *path)
{
    return fault_set (fault, ERR_IO, "%s: %s", path, strerror (errno));
}

// A name that appears only when its bytes are on disk: a crash leaves no half-made mark behind.
status_t store_mark_create (const char *path, fault_t *fault)
{
    uint8_t bytes [FILE_BYTES] = { 0 };
    slot_fill (bytes, 0);
    slot_fill (bytes + SLOT_STRIDE, 0);

    char *aside = mem_printf ("%s.new", path);
    int fd = open (aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool ok = fd >= 0 && write_at (fd, bytes, sizeof bytes, 0) && fsync (fd) == 0;
    int why = errno;
    if (fd >= 0)
        close (fd);
    errno = why;
    ok = ok && rename (aside, path) == 0;
    status_t status = ok ? OK : io_fault (fault, path);
    free (aside);
    return status;
}

// Find the highest valid slot. A file that was cut short has zeroes where bytes are missing.
static bool read_slots (store_mark_t *mark)
{
    bool any = false;
    for (int i = 0; i < SLOTS; i++) {
        uint8_t slot [SLOT_BYTES] = { 0 };
        ssize_t n = pread (mark->fd, slot, sizeof slot, (off_t) i * SLOT_STRIDE);
        if (n != SLOT_BYTES || !slot_valid (slot))
            continue;
        uint64_t sequence = get_u64 (slot + 8);
        if (!any || sequence > mark->sequence) {
            mark->sequence = sequence;
            mark->slot = i;
        }
        any = true;
    }
    return any;
}

status_t store_mark_open (const char *path, bool read_only, store_mark_t **out, fault_t *fault)
{
    int fd = open (path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return fault_set (fault, ERR_NOT_FOUND, "%s: no such file", path);
    if (fd < 0)
        return io_fault (fault, path);
    store_mark_t *mark = mem_zero (1, sizeof *mark);
    mark->fd = fd;
    mark->path = mem_string (path);
    if (!read_slots (mark)) {
        store_mark_close (&mark);
        return fault_set (fault, ERR_CORRUPT, "%s: damaged, so nobody can say whether the store has lost "
                          "anything; restore DIR from a copy, or start again in another folder", path);
    }
    *out = mark;
    return OK;
}

uint64_t store_mark_sequence (const store_mark_t *mark)
{
    return mark->sequence;
}

status_t store_mark_raise (store_mark_t *mark, uint64_t sequence, fault_t *fault)
{
    if (sequence <= mark->sequence)
        return OK;
    uint8_t bytes [SLOT_BYTES];
    slot_fill (bytes, sequence);
    int slot = 1 - mark->slot;
    if (!write_at (mark->fd, bytes, sizeof bytes, (off_t) slot * SLOT_STRIDE) || fdatasync (mark->fd) != 0)
        return io_fault (fault, mark->path);
    mark->slot = slot;
    mark->sequence = sequence;
    return OK;
}

void store_mark_close (store_mark_t **mark)
{
    if (*mark == NULL)
        return;
    close ((*mark)->fd);
    free ((*mark)->path);
    free (*mark);
    *mark = NULL;
}

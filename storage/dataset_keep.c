#include "storage/dataset_keep.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

enum { READ_ENTRIES = 2048 };       // of each piece while merging

typedef struct { uint64_t prompt; int64_t margin; uint64_t pair; } entry_t;

// A sorted piece of the spill file, read through a window.
typedef struct {
    uint64_t next, end;             // entries of the file not read yet
    entry_t window [READ_ENTRIES];
    size_t at, filled;
} piece_t;

struct dataset_keep {
    uint64_t per_prompt;
    const char *folder;
    entry_t *entries;               // the piece being filled
    size_t n, cap, room;            // cap: a piece's entries; room: allocated
    int fd;                         // the spill; -1: none yet
    piece_t **pieces;
    size_t n_pieces;
    uint64_t spilled;               // entries in the file
    uint8_t *kept;                  // a bit for each pair
    uint64_t pairs;
    uint64_t prompt, taken;         // while choosing: of this prompt so many are kept
    bool any;
};

dataset_keep_t *dataset_keep_new (uint64_t per_prompt, const char *spill_folder, size_t piece_entries)
{
    assert (per_prompt > 0);
    dataset_keep_t *keep = mem_zero (1, sizeof *keep);
    keep->per_prompt = per_prompt;
    keep->folder = spill_folder;
    keep->cap = piece_entries ? piece_entries : KEEP_PIECE_ENTRIES;
    keep->fd = -1;
    return keep;
}

// Prompts ascending, margins falling, pairs ascending.
static int compare (const void *a, const void *b)
{
    const entry_t *x = a, *y = b;
    if (x->prompt != y->prompt)
        return x->prompt < y->prompt ? -1 : 1;
    if (x->margin != y->margin)
        return x->margin > y->margin ? -1 : 1;
    return (x->pair > y->pair) - (x->pair < y->pair);
}

static status_t spill_fault (const dataset_keep_t *keep, fault_t *fault)
{
    return fault_set (fault, ERR_IO, "%s: temporary file for --max-per-prompt: %s", keep->folder, strerror (errno));
}

static int unnamed_file (const char *folder)
{
    int fd = open (folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    char *path = mem_printf ("%s/.keep-XXXXXX", folder);      // a file system without O_TMPFILE
    fd = mkostemp (path, O_CLOEXEC);
    if (fd >= 0)
        unlink (path);
    free (path);
    return fd;
}

static status_t spill (dataset_keep_t *keep, fault_t *fault)
{
    if (keep->fd < 0 && (keep->fd = unnamed_file (keep->folder)) < 0)
        return spill_fault (keep, fault);
    qsort (keep->entries, keep->n, sizeof *keep->entries, compare);
    const char *bytes = (const char *) keep->entries;
    size_t len = keep->n * sizeof *keep->entries, done = 0;
    off_t base = (off_t) (keep->spilled * sizeof *keep->entries);
    while (done < len) {
        ssize_t n = pwrite (keep->fd, bytes + done, len - done, base + (off_t) done);
        if (n < 0 && errno != EINTR)
            return spill_fault (keep, fault);
        done += n > 0 ? (size_t) n : 0;
    }
    keep->pieces = mem_resize (keep->pieces, (keep->n_pieces + 1) * sizeof *keep->pieces);
    piece_t *piece = mem_zero (1, sizeof *piece);
    piece->next = keep->spilled;
    piece->end = keep->spilled + keep->n;
    keep->pieces [keep->n_pieces++] = piece;
    keep->spilled += keep->n;
    keep->n = 0;
    return OK;
}

status_t dataset_keep_add (dataset_keep_t *keep, uint64_t prompt, int64_t margin, uint64_t pair, fault_t *fault)
{
    assert (pair >= keep->pairs);
    if (keep->n == keep->cap) {
        status_t status = spill (keep, fault);
        if (status != OK)
            return status;
    }
    if (keep->n == keep->room) {
        keep->room = keep->room ? 2 * keep->room : 1024;
        keep->entries = mem_resize (keep->entries, keep->room * sizeof *keep->entries);
    }
    keep->entries [keep->n++] = (entry_t) { prompt, margin, pair };
    keep->pairs = pair + 1;
    return OK;
}

// Entries come in order: the first ones of each prompt stay.
static void take (dataset_keep_t *keep, const entry_t *entry)
{
    if (!keep->any || entry->prompt != keep->prompt) {
        keep->any = true;
        keep->prompt = entry->prompt;
        keep->taken = 0;
    }
    if (keep->taken++ < keep->per_prompt)
        keep->kept [entry->pair / 8] |= (uint8_t) (1u << entry->pair % 8);
}

// The piece's first entry; NULL behind its last one.
static status_t peek (dataset_keep_t *keep, piece_t *piece, const entry_t **entry, fault_t *fault)
{
    *entry = NULL;
    if (piece->at == piece->filled) {
        uint64_t left = piece->end - piece->next;
        size_t want = left < READ_ENTRIES ? (size_t) left : READ_ENTRIES, len = want * sizeof (entry_t), done = 0;
        while (done < len) {
            off_t from = (off_t) (piece->next * sizeof (entry_t)) + (off_t) done;
            ssize_t n = pread (keep->fd, (char *) piece->window + done, len - done, from);
            if (n == 0)
                errno = EIO;
            if (n == 0 || (n < 0 && errno != EINTR))
                return spill_fault (keep, fault);
            done += n > 0 ? (size_t) n : 0;
        }
        piece->next += want;
        piece->at = 0;
        piece->filled = want;
    }
    if (piece->at < piece->filled)
        *entry = &piece->window [piece->at];
    return OK;
}

// The piece with the least head, and a copy of the next least head (*any_second false: there is no other).
static status_t find_least (dataset_keep_t *keep, piece_t **least, entry_t *second, bool *any_second, fault_t *fault)
{
    const entry_t *first = NULL;
    *least = NULL;
    *any_second = false;
    for (size_t p = 0; p < keep->n_pieces; p++) {
        const entry_t *entry;
        status_t status = peek (keep, keep->pieces [p], &entry, fault);
        if (status != OK)
            return status;
        if (entry == NULL)
            continue;
        bool leads = first == NULL || compare (entry, first) < 0;
        const entry_t *loser = leads ? first : entry;
        if (loser && (!*any_second || compare (loser, second) < 0)) {
            *second = *loser;
            *any_second = true;
        }
        if (leads) {
            first = entry;
            *least = keep->pieces [p];
        }
    }
    return OK;
}

// Prompts mostly stand together in a corpus, so the pieces hardly overlap: one is read as far as it leads.
static status_t merge (dataset_keep_t *keep, fault_t *fault)
{
    for (;;) {
        piece_t *least;
        entry_t second = { 0 };
        bool any_second;
        status_t status = find_least (keep, &least, &second, &any_second, fault);
        if (status != OK || least == NULL)
            return status;
        const entry_t *entry;
        while ((status = peek (keep, least, &entry, fault)) == OK && entry
               && (!any_second || compare (entry, &second) < 0)) {
            take (keep, entry);
            least->at++;
        }
        if (status != OK)
            return status;
    }
}

status_t dataset_keep_choose (dataset_keep_t *keep, fault_t *fault)
{
    keep->kept = mem_zero (keep->pairs / 8 + 1, 1);
    if (keep->n_pieces > 0) {
        status_t status = spill (keep, fault);
        return status == OK ? merge (keep, fault) : status;
    }
    if (keep->n > 0)
        qsort (keep->entries, keep->n, sizeof *keep->entries, compare);
    for (size_t i = 0; i < keep->n; i++)
        take (keep, &keep->entries [i]);
    return OK;
}

bool dataset_keep_has (const dataset_keep_t *keep, uint64_t pair)
{
    return pair < keep->pairs && (keep->kept [pair / 8] >> pair % 8 & 1);
}

void dataset_keep_destroy (dataset_keep_t **keep)
{
    dataset_keep_t *self = *keep;
    if (self == NULL)
        return;
    for (size_t p = 0; p < self->n_pieces; p++)
        free (self->pieces [p]);
    free (self->pieces);
    free (self->entries);
    free (self->kept);
    if (self->fd >= 0)
        close (self->fd);
    free (self);
    *keep = NULL;
}

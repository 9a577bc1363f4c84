#include "storage/ingest_inputs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "storage/ingest_change.h"
#include "storage/ingest_drop.h"
#include "storage/input.h"
#include "storage/input_names.h"

Rulemill__CorpusState *ingest_inputs_new_state (void)
{
    Rulemill__CorpusState *state = mem_new (sizeof *state);
    rulemill__corpus_state__init (state);
    state->row = 1;
    return state;
}

static bool same_name (const char *a, const char *b)
{
    char *x = input_name (a), *y = input_name (b);
    bool same = strcmp (x, y) == 0;
    free (x);
    free (y);
    return same;
}

static void set_path (Rulemill__InputFile *file, const char *path)
{
    if (strcmp (file->path, path) == 0)
        return;
    if (file->path != protobuf_c_empty_string)
        free (file->path);
    file->path = mem_string (path);
}

static void add_input (Rulemill__CorpusState *state, const char *path)
{
    Rulemill__InputFile *file = mem_new (sizeof *file);
    rulemill__input_file__init (file);
    set_path (file, path);
    state->inputs = mem_resize (state->inputs, (state->n_inputs + 1) * sizeof *state->inputs);
    state->inputs [state->n_inputs++] = file;
    state->complete = false;
}

static bool same_bytes (const Rulemill__InputFile *file, const char *path)
{
    digest_t now;
    return file->sha256.len == DIGEST_BYTES && digest_of_file (path, &now) && memcmp (now.b, file->sha256.data, DIGEST_BYTES) == 0;
}

// A file that was read whole, and is given again.
static status_t compare_read (Rulemill__CorpusState *state, size_t n, bool known, const ingest_options_t *options,
                              store_t *store, fault_t *fault)
{
    Rulemill__InputFile *file = state->inputs [n];
    struct stat st;
    if (stat (file->path, &st) != 0) {
        if (known)
            return OK;
        return fault_set (fault, ERR_USAGE, "%s: %s; it was read before, and is needed to see that it is the same", file->path, strerror (errno));
    }
    int64_t mtime_ns = (int64_t) st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    if ((uint64_t) st.st_size == file->size && mtime_ns == file->mtime_ns)
        return OK;
    if (same_bytes (file, file->path)) {
        file->mtime_ns = mtime_ns;
        return OK;
    }
    if (n + 1 < state->n_inputs)
        return ingest_inputs_changed (store, options, file, (uint32_t) n, fault);
    file->complete = false;
    state->complete = false;
    state->input = (uint32_t) n;
    state->row = file->rows + 1;
    state->offset = file->text_bytes;
    return OK;
}

status_t ingest_inputs_match (Rulemill__CorpusState *state, const char *const *paths, size_t n, bool known,
                              const ingest_options_t *options, store_t *store, fault_t *fault)
{
    status_t dropped = known ? OK : ingest_drop_barren (store, state, n, fault);
    if (dropped != OK)
        return dropped;
    size_t had = state->n_inputs;
    for (size_t k = 0; k < n && k < had; k++)
        if (!same_name (state->inputs [k]->path, paths [k]))
            return fault_set (fault, ERR_MISMATCH, "input %zu of the corpus is %s, given is %s; give the same files in the same order "
                              "(others may follow), or another folder (--out)", k + 1, state->inputs [k]->path, paths [k]);
    if (n < had)
        return fault_set (fault, ERR_MISMATCH, "the corpus has %zu inputs, %zu given: %s is missing; give the same files in the same "
                          "order (others may follow), or another folder (--out)", had, n, state->inputs [n]->path);
    for (size_t k = 0; k < had; k++) {
        set_path (state->inputs [k], paths [k]);
        status_t status = state->inputs [k]->complete ? compare_read (state, k, known, options, store, fault) : OK;
        if (status != OK)
            return status;
    }
    for (size_t k = had; k < n; k++)
        add_input (state, paths [k]);
    return OK;
}

status_t ingest_inputs_changed (store_t *store, const ingest_options_t *options, const Rulemill__InputFile *file,
                                uint32_t number, fault_t *fault)
{
    uint64_t row = 0;
    bool ends = false;
    status_t status = ingest_change_find (store, options, file, number, &row, &ends, fault);
    if (status != OK)
        return status;
    const char *advice = "give the file as it was, or read the new one into another folder (--out)";
    if (ends)
        return fault_set (fault, ERR_MISMATCH, "%s: has %" PRIu64 " rows now, %" PRIu64 " were read of it; %s", file->path, row, file->rows, advice);
    if (row > 0)
        return fault_set (fault, ERR_MISMATCH, "%s: has changed since it was read, from row %" PRIu64 " on; %s", file->path, row, advice);
    if (options->part.of > 1)       // of the others nothing is kept to compare with
        return fault_set (fault, ERR_MISMATCH, "%s: has changed since it was read: its rows of this part say the same, but either other rows or their bytes "
                          "differ, or more rows follow, which only the last file may have; %s", file->path, advice);
    return fault_set (fault, ERR_MISMATCH, "%s: has changed since it was read: its rows say the same, but either their bytes differ or more rows follow, "
                      "which only the last file may have; %s", file->path, advice);
}

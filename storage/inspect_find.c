#include "storage/inspect_find.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "storage/corpus_part.h"
#include "storage/dataset_row.h"
#include "storage/input_names.h"

enum { NAMES_SHOWN = 8 };           // pairs that are named where a row has several

// What was asked for, taken apart.
typedef struct {
    const char *text;               // all of it
    char *stem;                     // without "#i-j"; NULL where there is none
    uint32_t i, j;                  // where there is a stem
} wanted_t;

// A number that stands at *at; false where there is none or it is over max. *at moves behind it.
static bool read_number (const char **at, uint64_t max, uint64_t *out)
{
    if (!isdigit ((unsigned char) **at))
        return false;
    uint64_t n = 0;
    for (; isdigit ((unsigned char) **at); ++*at) {
        uint64_t digit = (uint64_t) (**at - '0');
        if (n > (max - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return true;
}

static void take_apart (const char *what, wanted_t *wanted)
{
    *wanted = (wanted_t) { .text = what };
    const char *hash = strrchr (what, '#'), *at = hash ? hash + 1 : "";
    uint64_t i, j;
    if (hash && read_number (&at, UINT32_MAX, &i) && *at++ == '-' && read_number (&at, UINT32_MAX, &j) && *at == '\0') {
        wanted->stem = mem_string_n (what, (size_t) (hash - what));
        wanted->i = (uint32_t) i;
        wanted->j = (uint32_t) j;
    }
}

// --- by number and key -----------------------------------------------------

static status_t find_number (const Rulemill__CorpusState *corpus, const char *digits, uint64_t *pair, bool *found, fault_t *fault)
{
    const char *at = digits;
    *found = read_number (&at, UINT64_MAX, pair) && *at == '\0';
    if (!*found || *pair < corpus->pairs)
        return OK;
    return fault_set (fault, ERR_NOT_FOUND, "there is no pair #%" PRIu64 "; the corpus has %" PRIu64 " pairs, from #0 on", *pair,
                      corpus->pairs);
}

// --- by place --------------------------------------------------------------

// Where a pair stands against a place: below 0, 0, above 0.
static int compare_place (const Rulemill__Place *pair, place_t place)
{
    if (pair->input != place.input)
        return pair->input < place.input ? -1 : 1;
    if (pair->row != place.row)
        return pair->row < place.row ? -1 : 1;
    if (pair->i != place.i)
        return pair->i < place.i ? -1 : 1;
    return (pair->j > place.j) - (pair->j < place.j);
}

static status_t pair_place (store_t *store, uint64_t number, Rulemill__PairRecord **pair, fault_t *fault)
{
    status_t status = record_get_pair (store, number, pair, fault);
    if (status == OK && (*pair == NULL || (*pair)->place == NULL)) {
        if (*pair)
            rulemill__pair_record__free_unpacked (*pair, NULL);
        status = fault_set (fault, ERR_CORRUPT, "pair %" PRIu64 " is missing or has no place; restore the store from a backup", number);
    }
    return status;
}

// The first pair that stands at the place or behind it: pairs are numbered in the corpus's order.
static status_t lower_bound (store_t *store, uint64_t pairs, place_t place, uint64_t *out, fault_t *fault)
{
    uint64_t low = 0, high = pairs;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        Rulemill__PairRecord *pair = NULL;
        status_t status = pair_place (store, middle, &pair, fault);
        if (status != OK)
            return status;
        if (compare_place (pair->place, place) < 0)
            low = middle + 1;
        else
            high = middle;
        rulemill__pair_record__free_unpacked (pair, NULL);
    }
    *out = low;
    return OK;
}

typedef struct { uint64_t first, n; buf_t names; } row_pairs_t;

// The pairs of a row; with a stem the one that it names.
static status_t pairs_of_row (store_t *store, const Rulemill__CorpusState *corpus, place_t place, const wanted_t *wanted,
                              row_pairs_t *out, fault_t *fault)
{
    const char *stem = wanted->stem ? wanted->stem : wanted->text;
    place_t from = { place.input, place.row, 0, 0 };
    uint64_t number;
    status_t status = lower_bound (store, corpus->pairs, from, &number, fault);
    for (; status == OK && number < corpus->pairs; number++) {
        Rulemill__PairRecord *pair = NULL;
        status = pair_place (store, number, &pair, fault);
        if (status != OK)
            break;
        const Rulemill__Place *at = pair->place;
        bool here = at->input == place.input && at->row == place.row;
        bool fits = here && (wanted->stem == NULL || (pair->listed && at->i == wanted->i && at->j == wanted->j));
        if (fits && out->n++ == 0)
            out->first = number;
        if (fits && out->n <= NAMES_SHOWN)
            buf_printf (&out->names, "%s%s#%" PRIu32 "-%" PRIu32, out->n > 1 ? ", " : "", stem, at->i, at->j);
        rulemill__pair_record__free_unpacked (pair, NULL);
        if (!here)
            break;
    }
    return status;
}

// There is no index of duplicates by place: all are walked through.
static status_t find_duplicate (store_t *store, place_t row, const wanted_t *wanted, found_t *out, bool *found, fault_t *fault)
{
    store_iter_t *iter = record_walk_duplicates (store, 0);
    for (*found = false; !*found && store_iter_valid (iter); store_iter_next (iter)) {
        place_t place;
        uint64_t pair = record_duplicate_at (iter, &place);
        if (place.input != row.input || place.row != row.row)
            continue;
        if (wanted->stem && (place.i != wanted->i || place.j != wanted->j))
            continue;
        *out = (found_t) { FOUND_DUPLICATE, pair, place };
        *found = true;
    }
    status_t status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    return status;
}

// What was set aside of a row: the first record of it.
static status_t find_reject (store_t *store, place_t row, found_t *out, bool *found, fault_t *fault)
{
    buf_t key = { 0 };
    buf_add_u32be (&key, row.input);
    buf_add_u64be (&key, row.row);
    store_iter_t *iter = store_iter_new (store, TABLE_REJECTS, key.data, key.len, NULL, 0);
    *found = store_iter_valid (iter);
    if (*found)
        *out = (found_t) { FOUND_REJECT, 0, record_place_at (iter) };
    status_t status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    buf_free (&key);
    return status;
}

static status_t find_in_row (store_t *store, const Rulemill__CorpusState *corpus, place_t row, const wanted_t *wanted,
                             found_t *out, bool *found, fault_t *fault)
{
    row_pairs_t pairs = { 0 };
    status_t status = pairs_of_row (store, corpus, row, wanted, &pairs, fault);
    *found = status == OK && pairs.n == 1;
    if (*found)
        *out = (found_t) { FOUND_PAIR, pairs.first, { 0 } };
    else if (status == OK && pairs.n > 1)
        status = fault_set (fault, ERR_NOT_FOUND, "\"%s\" has %" PRIu64 " pairs; name one of them: %s%s", wanted->text, pairs.n,
                            pairs.names.data, pairs.n > NAMES_SHOWN ? ", ..." : "");
    else if (status == OK)
        status = find_duplicate (store, row, wanted, out, found, fault);
    if (status == OK && !*found)
        status = find_reject (store, row, out, found, fault);
    buf_free (&pairs.names);
    return status;
}

// --- by name ---------------------------------------------------------------

// FILE:LINE names a row whatever its id is.
static status_t find_line (store_t *store, const Rulemill__CorpusState *corpus, const wanted_t *wanted, found_t *out,
                           bool *found, fault_t *fault)
{
    const char *name = wanted->stem ? wanted->stem : wanted->text, *colon = strrchr (name, ':'), *at = colon ? colon + 1 : "";
    uint64_t row;
    status_t status = OK;
    if (colon == NULL || !read_number (&at, UINT64_MAX, &row) || *at)
        return OK;
    for (uint32_t input = 0; status == OK && !*found && input < corpus->n_inputs; input++) {
        char *file = input_names_at (corpus, input);
        size_t len = (size_t) (colon - name);
        if (strlen (file) == len && memcmp (file, name, len) == 0)
            status = find_in_row (store, corpus, (place_t) { input, row, 0, 0 }, wanted, out, found, fault);
        free (file);
    }
    return status;
}

// The row with this id. An id that ends like "#0-1" by itself is found as well, if no row has what stands before it.
static status_t find_row (store_t *store, const wanted_t *wanted, place_t *out, bool *by_stem, bool *found, fault_t *fault)
{
    store_iter_t *iter = record_walk_rows (store, 0, 0);
    bool exact = false, stem = false;
    while (!stem && !(exact && wanted->stem == NULL) && store_iter_valid (iter)) {
        Rulemill__RowRecord *row = record_read_row (iter, fault);
        if (row == NULL) {
            store_iter_destroy (&iter);
            return fault_set (fault, ERR_CORRUPT, "a row's record can't be read; restore the store from a backup");
        }
        stem = wanted->stem && strcmp (row->id, wanted->stem) == 0;
        bool fits = stem || (!exact && strcmp (row->id, wanted->text) == 0);
        exact = exact || (fits && !stem);
        if (fits)
            *out = record_row_at (iter);
        rulemill__row_record__free_unpacked (row, NULL);
        store_iter_next (iter);
    }
    status_t status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    *by_stem = stem;
    *found = stem || exact;
    return status;
}

static status_t find_rejected_id (store_t *store, const char *id, found_t *out, bool *found, fault_t *fault)
{
    store_iter_t *iter = record_walk_rejects (store);
    status_t status = OK;
    for (; !*found && status == OK && store_iter_valid (iter); store_iter_next (iter)) {
        Rulemill__RejectRecord *reject = record_read_reject (iter, fault);
        if (reject == NULL) {
            status = fault_set (fault, ERR_CORRUPT, "a record of a row that was set aside can't be read");
            break;
        }
        if (*reject->id && strcmp (reject->id, id) == 0) {
            *out = (found_t) { FOUND_REJECT, 0, record_place_at (iter) };
            *found = true;
        }
        rulemill__reject_record__free_unpacked (reject, NULL);
    }
    if (status == OK)
        status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    return status;
}

static status_t find_by_name (store_t *store, const Rulemill__CorpusState *corpus, const wanted_t *wanted, found_t *out,
                              bool *found, fault_t *fault)
{
    place_t row = { 0 };
    bool there = false, by_stem = false;
    status_t status = find_line (store, corpus, wanted, out, found, fault);
    if (status == OK && !*found)
        status = find_row (store, wanted, &row, &by_stem, &there, fault);
    if (status == OK && there) {
        wanted_t whole = { .text = wanted->text };
        status = find_in_row (store, corpus, row, by_stem ? wanted : &whole, out, found, fault);
    }
    if (status == OK && !*found)
        status = find_rejected_id (store, wanted->stem && by_stem ? wanted->stem : wanted->text, out, found, fault);
    return status;
}

status_t inspect_find (store_t *store, const Rulemill__CorpusState *corpus, const char *what, found_t *out, fault_t *fault)
{
    content_key_t key;
    bool found = false;
    uint64_t pair = 0;
    status_t status = OK;
    if (*what == '#')
        status = find_number (corpus, what + 1, &pair, &found, fault);
    else if (hex_decode (what, key.b, KEY_BYTES))
        status = record_find_key (store, 'A', &key, &pair, &found, fault);
    if (status != OK)
        return status;
    *out = (found_t) { FOUND_PAIR, pair, { 0 } };
    wanted_t wanted;
    take_apart (what, &wanted);
    if (!found)
        status = find_by_name (store, corpus, &wanted, out, &found, fault);
    free (wanted.stem);
    if (status == OK && !found)
        status = fault_set (fault, ERR_NOT_FOUND, "no row or pair \"%s\"%s; give a row's id, FILE:LINE, ID#i-j for one pair of a list "
                            "of responses, #N for a pair's number, or a pair_key of the dataset", what,
                            corpus_part_of (corpus).of > 0 ? " in this part of the corpus" : "");
    return status;
}

#include "storage/scores_rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "storage/input_names.h"

enum { ROW_BITS = 40, INPUT_BITS = 20, NO_PAIR_SHIFT = 63 };

static const uint64_t no_pair = (uint64_t) 1 << NO_PAIR_SHIFT;

// What a name is compared with when its hash is found.
typedef enum { NAME_ID, NAME_NUMBER, NAME_SET_ASIDE, NAME_PASSED } name_kind_t;

// place: input, row and kind in one number, in the order of rows.
typedef struct { uint64_t hash, place, first_pair; } name_t;
typedef struct { uint64_t place, pair; uint16_t i, j; uint8_t swapped, given, listed; } twin_t;

struct scores_rows {
    store_t *store;
    const _Atomic bool *stop;
    Rulemill__CorpusState *corpus;
    uint64_t *first_number;     // of each input's first row, counted from 0 through all inputs
    input_names_t inputs;       // as made ids name them
    name_t *names;              // sorted by hash, then place
    size_t n_names, names_max;
    twin_t *twins;              // duplicates, sorted by place
    size_t n_twins, twins_max;
    scores_pair_t *pairs;       // of the row asked for last
    size_t n_pairs, pairs_max;
};

static uint64_t pack (uint32_t input, uint64_t row)
{
    return (uint64_t) input << (ROW_BITS + 2) | row << 2;
}

static uint64_t row_of (uint64_t place)
{
    return place >> 2 & (((uint64_t) 1 << ROW_BITS) - 1);
}

static uint32_t input_of (uint64_t place)
{
    return (uint32_t) (place >> (ROW_BITS + 2));
}

static uint64_t without_kind (uint64_t place)
{
    return place & ~(uint64_t) 3;
}

static status_t go_on (const scores_rows_t *rows, fault_t *fault)
{
    return rows->stop && atomic_load (rows->stop) ? fault_set (fault, ERR_STOPPED, "stopped while scores were read") : OK;
}

// --- making it ---

static void add_hash (scores_rows_t *rows, uint64_t hash, uint64_t place, name_kind_t kind)
{
    if (rows->n_names == rows->names_max) {
        rows->names_max = rows->names_max ? rows->names_max * 2 : 1024;
        rows->names = mem_resize (rows->names, rows->names_max * sizeof *rows->names);
    }
    rows->names [rows->n_names++] = (name_t) { hash, place | (uint64_t) kind, no_pair };
}

static void add_name (scores_rows_t *rows, const char *name, uint64_t place, name_kind_t kind)
{
    add_hash (rows, hash64 (0, name, strlen (name)), place, kind);
}

static uint64_t number_of (const scores_rows_t *rows, uint32_t input, uint64_t row)
{
    return rows->first_number [input] + row - 1;
}

// A row without an id is named FILE:LINE in the store, and may also be called by its number.
static void add_number (scores_rows_t *rows, uint32_t input, uint64_t row, name_kind_t kind)
{
    char number [24];
    snprintf (number, sizeof number, "%" PRIu64, number_of (rows, input, row));
    add_name (rows, number, pack (input, row), kind);
}

static status_t check_place (const scores_rows_t *rows, uint32_t input, uint64_t row, fault_t *fault)
{
    if (input >= rows->corpus->n_inputs)
        return fault_set (fault, ERR_CORRUPT, "the store has a row of file %" PRIu32 ", but only %zu files; restore DIR from a "
                          "copy, or start again in another folder", input, rows->corpus->n_inputs);
    if (input >> INPUT_BITS || row >> ROW_BITS || row == 0)
        return fault_set (fault, ERR_LIMIT, "row %" PRIu64 " of file %" PRIu32 " is beyond what scores can name; cut the corpus in parts", row, input);
    return OK;
}

static status_t add_row (scores_rows_t *rows, const store_iter_t *iter, fault_t *fault)
{
    Rulemill__RowRecord *record = record_read_row (iter, fault);
    if (record == NULL)
        return ERR_CORRUPT;
    place_t place = record_row_at (iter);
    status_t status = check_place (rows, place.input, place.row, fault);
    if (status == OK) {
        char *made = mem_printf ("%s:%" PRIu64, rows->inputs.name [place.input], place.row);
        add_name (rows, record->id, pack (place.input, place.row), NAME_ID);
        if (strcmp (made, record->id) == 0)
            add_number (rows, place.input, place.row, NAME_NUMBER);
        free (made);
    }
    rulemill__row_record__free_unpacked (record, NULL);
    return status;
}

static status_t add_reject (scores_rows_t *rows, const store_iter_t *iter, fault_t *fault)
{
    Rulemill__RejectRecord *record = record_read_reject (iter, fault);
    if (record == NULL)
        return ERR_CORRUPT;
    place_t place = record_place_at (iter);
    status_t status = check_place (rows, place.input, place.row, fault);
    if (status == OK && *record->id)
        add_name (rows, record->id, pack (place.input, place.row), NAME_SET_ASIDE);
    else if (status == OK) {
        char *made = mem_printf ("%s:%" PRIu64, rows->inputs.name [place.input], place.row);
        add_name (rows, made, pack (place.input, place.row), NAME_SET_ASIDE);
        add_number (rows, place.input, place.row, NAME_SET_ASIDE);
        free (made);
    }
    rulemill__reject_record__free_unpacked (record, NULL);
    return status;
}

// A row of another part: a name that two rows have tells nobody which is meant, whichever parts they are of.
static status_t add_passed (scores_rows_t *rows, const store_iter_t *iter, fault_t *fault)
{
    uint64_t hashes [PASSED_NAMES_MAX];
    place_t place = record_passed_at (iter);
    size_t n = record_read_passed (iter, hashes);
    if (n == 0)
        return fault_set (fault, ERR_CORRUPT, "what the store has of row %" PRIu64 " of file %" PRIu32 ", of another part, can't be read; restore "
                          "DIR from a copy, or start again in another folder", place.row, place.input);
    status_t status = check_place (rows, place.input, place.row, fault);
    while (status == OK && n > 0)
        add_hash (rows, hashes [--n], pack (place.input, place.row), NAME_PASSED);
    return status;
}

static status_t add_twin (scores_rows_t *rows, const store_iter_t *iter, fault_t *fault)
{
    place_t place;
    uint64_t pair = record_duplicate_at (iter, &place);
    Rulemill__DuplicateRecord *record = record_read_duplicate (iter, fault);
    if (record == NULL)
        return ERR_CORRUPT;
    status_t status = check_place (rows, place.input, place.row, fault);
    if (status == OK) {
        if (rows->n_twins == rows->twins_max) {
            rows->twins_max = rows->twins_max ? rows->twins_max * 2 : 256;
            rows->twins = mem_resize (rows->twins, rows->twins_max * sizeof *rows->twins);
        }
        rows->twins [rows->n_twins++] = (twin_t) { pack (place.input, place.row), pair, (uint16_t) place.i, (uint16_t) place.j,
                                                   record->swapped, (uint8_t) record->given, record->listed };
    }
    rulemill__duplicate_record__free_unpacked (record, NULL);
    return status;
}

typedef status_t add_fn (scores_rows_t *rows, const store_iter_t *iter, fault_t *fault);

// Takes the walk over.
static status_t add_all (scores_rows_t *rows, store_iter_t *iter, add_fn *add, fault_t *fault)
{
    status_t status = OK;
    for (; status == OK && store_iter_valid (iter); store_iter_next (iter)) {
        status = go_on (rows, fault);
        if (status == OK)
            status = add (rows, iter, fault);
    }
    if (status == OK)
        status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    return status;
}

// Pairs are numbered in the order of rows, and names still stand in it: both are walked side by side.
static status_t set_first_pairs (scores_rows_t *rows, fault_t *fault)
{
    store_iter_t *iter = record_walk_pairs (rows->store, 0);
    status_t status = OK;
    size_t at = 0;
    for (; status == OK && store_iter_valid (iter); store_iter_next (iter)) {
        Rulemill__PairRecord *pair = record_read_pair (iter, fault);
        status = pair == NULL ? ERR_CORRUPT : go_on (rows, fault);
        if (status == OK && pair->place) {
            uint64_t place = pack (pair->place->input, pair->place->row);
            while (at < rows->n_names && without_kind (rows->names [at].place) < place)
                at++;
            for (size_t n = at; n < rows->n_names && without_kind (rows->names [n].place) == place; n++)
                if (rows->names [n].first_pair == no_pair)
                    rows->names [n].first_pair = record_pair_at (iter);
        }
        if (pair)
            rulemill__pair_record__free_unpacked (pair, NULL);
    }
    if (status == OK)
        status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    return status;
}

static int compare_names (const void *a, const void *b)
{
    const name_t *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static int compare_twins (const void *a, const void *b)
{
    const twin_t *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

static void name_inputs (scores_rows_t *rows)
{
    size_t n = rows->corpus->n_inputs;
    rows->first_number = mem_zero (n, sizeof *rows->first_number);
    input_names_init (&rows->inputs, rows->corpus);
    uint64_t number = 0;
    for (size_t i = 0; i < n; i++) {
        rows->first_number [i] = number;
        number += rows->corpus->inputs [i]->rows;
    }
}

static status_t build (scores_rows_t *rows, fault_t *fault)
{
    status_t status = record_get_corpus (rows->store, &rows->corpus, fault);
    if (status == OK && rows->corpus == NULL)
        status = fault_set (fault, ERR_NOT_FOUND, "the store has no corpus yet; read one first");
    if (status)
        return status;
    name_inputs (rows);
    status = add_all (rows, record_walk_rows (rows->store, 0, 0), add_row, fault);
    if (status == OK)
        status = set_first_pairs (rows, fault);
    if (status == OK)
        status = add_all (rows, record_walk_rejects (rows->store), add_reject, fault);
    if (status == OK)
        status = add_all (rows, record_walk_passed (rows->store), add_passed, fault);
    if (status == OK)
        status = add_all (rows, record_walk_duplicates (rows->store, 0), add_twin, fault);
    if (status)
        return status;
    if (rows->n_names > 0)
        qsort (rows->names, rows->n_names, sizeof *rows->names, compare_names);
    if (rows->n_twins > 0)
        qsort (rows->twins, rows->n_twins, sizeof *rows->twins, compare_twins);
    return OK;
}

status_t scores_rows_new (store_t *store, const _Atomic bool *stop, scores_rows_t **out, fault_t *fault)
{
    scores_rows_t *rows = mem_zero (1, sizeof *rows);
    rows->store = store;
    rows->stop = stop;
    status_t status = build (rows, fault);
    if (status)
        scores_rows_destroy (&rows);
    *out = rows;
    return status;
}

void scores_rows_destroy (scores_rows_t **closing)
{
    scores_rows_t *rows = *closing;
    if (rows == NULL)
        return;
    input_names_free (&rows->inputs);
    if (rows->corpus)
        rulemill__corpus_state__free_unpacked (rows->corpus, NULL);
    free (rows->first_number);
    free (rows->names);
    free (rows->twins);
    free (rows->pairs);
    free (rows);
    *closing = NULL;
}

// --- asking it ---

static size_t first_with_hash (const scores_rows_t *rows, uint64_t hash)
{
    size_t low = 0, high = rows->n_names;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rows->names [middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// Is this name truly the one asked for? Of rows that were set aside or are of another part the hash alone counts.
static status_t check_name (scores_rows_t *rows, const name_t *name, const char *id, size_t len, bool *same, fault_t *fault)
{
    *same = true;
    uint32_t input = input_of (name->place);
    uint64_t row = row_of (name->place);
    if ((name->place & 3) == NAME_NUMBER) {
        char number [24];
        int n = snprintf (number, sizeof number, "%" PRIu64, number_of (rows, input, row));
        *same = (size_t) n == len && memcmp (number, id, len) == 0;
    }
    if ((name->place & 3) != NAME_ID)
        return OK;
    Rulemill__RowRecord *record;
    status_t status = record_get_row (rows->store, input, row, &record, fault);
    *same = status == OK && record && strlen (record->id) == len && memcmp (record->id, id, len) == 0;
    if (record)
        rulemill__row_record__free_unpacked (record, NULL);
    return status;
}

status_t scores_rows_find (scores_rows_t *rows, const char *id, size_t len, scores_found_t *found, scores_at_t *at, fault_t *fault)
{
    uint64_t hash = hash64 (0, id, len);
    *found = NAMES_NONE;
    for (size_t n = first_with_hash (rows, hash); n < rows->n_names && rows->names [n].hash == hash; n++) {
        const name_t *name = &rows->names [n];
        bool same;
        status_t status = check_name (rows, name, id, len, &same, fault);
        if (status)
            return status;
        if (!same)
            continue;
        if (*found != NAMES_NONE && without_kind (name->place) == at->place)
            continue;                       // a row, and something of it that was set aside
        if (*found != NAMES_NONE) {
            *found = NAMES_SEVERAL;
            return OK;
        }
        *found = (name->place & 3) >= NAME_SET_ASIDE ? NAMES_WITHOUT : NAMES_ONE;
        *at = (scores_at_t) { without_kind (name->place), name->first_pair };
    }
    return OK;
}

static Rulemill__Side turned (Rulemill__Side side)
{
    return side == RULEMILL__SIDE__SIDE_A ? RULEMILL__SIDE__SIDE_B : side == RULEMILL__SIDE__SIDE_B ? RULEMILL__SIDE__SIDE_A : side;
}

static void add_pair (scores_rows_t *rows, uint64_t number, const Rulemill__PairRecord *pair, uint32_t i, uint32_t j,
                      bool swapped, bool listed, Rulemill__Side given)
{
    if (rows->n_pairs == rows->pairs_max) {
        rows->pairs_max = rows->pairs_max ? rows->pairs_max * 2 : 16;
        rows->pairs = mem_resize (rows->pairs, rows->pairs_max * sizeof *rows->pairs);
    }
    rows->pairs [rows->n_pairs++] = (scores_pair_t) {
        .pair = number, .i = i, .j = j, .swapped = swapped, .listed = listed,
        .left = swapped ? pair->response_b : pair->response_a,
        .right = swapped ? pair->response_a : pair->response_b,
        .given = swapped ? turned (given) : given,
    };
}

static status_t add_own (scores_rows_t *rows, scores_at_t at, fault_t *fault)
{
    status_t status = OK;
    bool more = at.first_pair != no_pair;
    for (uint64_t number = at.first_pair; status == OK && more; number++) {
        Rulemill__PairRecord *pair;
        status = record_get_pair (rows->store, number, &pair, fault);
        more = status == OK && pair && pair->place && pack (pair->place->input, pair->place->row) == at.place;
        if (more)
            add_pair (rows, number, pair, pair->place->i, pair->place->j, false, pair->listed, pair->given);
        if (pair)
            rulemill__pair_record__free_unpacked (pair, NULL);
    }
    return status;
}

static status_t add_duplicates (scores_rows_t *rows, scores_at_t at, fault_t *fault)
{
    size_t low = 0, high = rows->n_twins;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rows->twins [middle].place < at.place)
            low = middle + 1;
        else
            high = middle;
    }
    status_t status = OK;
    for (; status == OK && low < rows->n_twins && rows->twins [low].place == at.place; low++) {
        const twin_t *twin = &rows->twins [low];
        Rulemill__PairRecord *pair;
        status = record_get_pair (rows->store, twin->pair, &pair, fault);
        if (pair) {
            add_pair (rows, twin->pair, pair, twin->i, twin->j, twin->swapped, twin->listed, (Rulemill__Side) twin->given);
            rulemill__pair_record__free_unpacked (pair, NULL);
        }
    }
    return status;
}

status_t scores_rows_pairs (scores_rows_t *rows, scores_at_t at, const scores_pair_t **pairs, size_t *n, fault_t *fault)
{
    rows->n_pairs = 0;
    status_t status = add_own (rows, at, fault);
    if (status == OK)
        status = add_duplicates (rows, at, fault);
    *pairs = rows->pairs;
    *n = rows->n_pairs;
    return status;
}

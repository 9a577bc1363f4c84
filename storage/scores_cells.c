#include "storage/scores_cells.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

typedef struct { const char *id; size_t index; } named_t;
typedef struct { uint32_t number; size_t index; } numbered_t;

struct scores_pool {
    store_t *store;
    bool raw;
    size_t n;
    named_t *by_id;             // sorted
    numbered_t *by_number;      // sorted: the order of a stored record
};

static int compare_ids (const void *a, const void *b)
{
    return strcmp (((const named_t *) a)->id, ((const named_t *) b)->id);
}

static int compare_numbers (const void *a, const void *b)
{
    const numbered_t *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

status_t scores_pool_new (store_t *store, const scores_options_t *options, scores_pool_t **out, fault_t *fault)
{
    scores_pool_t *pool = mem_zero (1, sizeof *pool);
    pool->store = store;
    pool->raw = options->raw;
    pool->n = options->n_rules;
    pool->by_id = mem_zero (pool->n, sizeof *pool->by_id);
    pool->by_number = mem_zero (pool->n, sizeof *pool->by_number);
    status_t status = OK;
    for (size_t r = 0; status == OK && r < pool->n; r++) {
        pool->by_id [r] = (named_t) { options->rule_ids [r], r };
        pool->by_number [r].index = r;
        status = record_number_of (store, 'R', &options->rule_digests [r], &pool->by_number [r].number, fault);
    }
    qsort (pool->by_id, pool->n, sizeof *pool->by_id, compare_ids);
    qsort (pool->by_number, pool->n, sizeof *pool->by_number, compare_numbers);
    if (status)
        scores_pool_destroy (&pool);
    *out = pool;
    return status;
}

void scores_pool_destroy (scores_pool_t **pool)
{
    if (*pool == NULL)
        return;
    free ((*pool)->by_id);
    free ((*pool)->by_number);
    free (*pool);
    *pool = NULL;
}

scores_set_t scores_set_new (const scores_pool_t *pool)
{
    return (scores_set_t) { mem_zero (pool->n, sizeof (scores_cell_t)) };
}

void scores_set_free (scores_set_t *set)
{
    free (set->cell);
    set->cell = NULL;
}

// --- reading ---

// The index of a rule by id, -1 where the pool lacks it.
static long find_rule (const scores_pool_t *pool, const json_value_t *member)
{
    if (strlen (member->key) != member->key_len)
        return -1;
    named_t wanted = { member->key, 0 };
    const named_t *found = bsearch (&wanted, pool->by_id, pool->n, sizeof *pool->by_id, compare_ids);
    return found ? (long) found->index : -1;
}

static bool read_number (const json_value_t *value, double min, double max, double *out, buf_t *why)
{
    if (!json_double (value, out)) {
        buf_printf (why, "a score is %s where a number is needed", json_is (value, JSON_NUMBER) ? "out of range" : json_type_name (value));
        return false;
    }
    if (*out < min || *out > max) {
        buf_printf (why, "a score is %.40s where %g to %g is possible", value->text, min, max);
        return false;
    }
    return true;
}

static bool read_score_alone (const scores_pool_t *pool, const json_value_t *value, cell_value_t *out, buf_t *why)
{
    double score;
    if (!read_number (value, -1, 1, &score, why))
        return false;
    out->score = (int32_t) cell_micro (score, CELL_ONE);
    out->relevance = CELL_ONE - (pool->raw ? 0 : (uint32_t) (out->score & 1));
    out->mass = CELL_ONE;
    return true;
}

// Probabilities are normalised, so votes such as [3, 1, 0] will do; raw ones are what they are.
static bool read_probabilities (const scores_pool_t *pool, const json_value_t *value, cell_value_t *out, buf_t *why)
{
    double p [4] = { 0, 0, 0, 1 };
    if (value->count != 3 && value->count != 4) {
        buf_printf (why, "a score is a list of %u where [p_yes, p_no, p_irrelevant] is needed", value->count);
        return false;
    }
    size_t n = 0;
    for (const json_value_t *item = value->child; item; item = item->next, n++)
        if (!read_number (item, 0, pool->raw || n == 3 ? 1 : 1e9, &p [n], why))
            return false;
    if (pool->raw) {
        out->score = (int32_t) cell_micro (p [0] - p [1], CELL_ONE);
        out->relevance = (uint32_t) cell_micro (1 - p [2], CELL_ONE);
        out->mass = (uint32_t) cell_micro (p [0] + p [1] + p [2], CELL_ONE);
    }
    else
        *out = cell_value_from_probabilities (p [0], p [1], p [2]);
    if (value->count == 4)
        out->mass = (uint32_t) cell_micro (p [3], CELL_ONE);
    return true;
}

static bool read_cell (const scores_pool_t *pool, const json_value_t *value, scores_cell_t *out, buf_t *why)
{
    if (json_is (value, JSON_NULL))
        return true;
    out->known = json_is (value, JSON_ARRAY) ? read_probabilities (pool, value, &out->value, why)
                                             : read_score_alone (pool, value, &out->value, why);
    return out->known;
}

// A list must have a place for each rule, or nobody knows which score is whose.
static bool check_cells (const scores_pool_t *pool, const json_value_t *cells, buf_t *why)
{
    if (!json_is (cells, JSON_ARRAY) && !json_is (cells, JSON_OBJECT))
        buf_printf (why, "scores are %s where a list or an object by rule id is needed", json_type_name (cells));
    else if (json_is (cells, JSON_ARRAY) && cells->count != pool->n)
        buf_printf (why, "a list has %u scores, but the pool has %zu rules; use an object by rule id, or the pool that it was made with",
                    cells->count, pool->n);
    else
        return true;
    return false;
}

bool scores_read_cells (const scores_pool_t *pool, const json_value_t *cells, scores_set_t *set, uint64_t *unknown, buf_t *why)
{
    memset (set->cell, 0, pool->n * sizeof *set->cell);
    if (!check_cells (pool, cells, why))
        return false;
    bool listed = json_is (cells, JSON_ARRAY);
    long place = 0;
    for (const json_value_t *item = cells->child; item; item = item->next, place++) {
        long rule = listed ? place : find_rule (pool, item);
        if (rule < 0)
            ++*unknown;
        else if (!read_cell (pool, item, &set->cell [rule], why))
            return false;
    }
    return true;
}

static bool set_relevance (const json_value_t *value, scores_cell_t *a, scores_cell_t *b, buf_t *why)
{
    double relevance;
    if (json_is (value, JSON_NULL))
        return true;
    if (!read_number (value, 0, 1, &relevance, why))
        return false;
    uint32_t twice = (uint32_t) llround (relevance * 2 * CELL_ONE);
    a->value.relevance = twice / 2;
    b->value.relevance = twice - twice / 2;
    return true;
}

bool scores_read_relevance (const scores_pool_t *pool, const json_value_t *relevance, scores_set_t *a, scores_set_t *b, buf_t *why)
{
    if (relevance == NULL || json_is (relevance, JSON_NULL))
        return true;
    if (!check_cells (pool, relevance, why))
        return false;
    bool listed = json_is (relevance, JSON_ARRAY);
    long place = 0;
    for (const json_value_t *item = relevance->child; item; item = item->next, place++) {
        long rule = listed ? place : find_rule (pool, item);
        if (rule >= 0 && !set_relevance (item, &a->cell [rule], &b->cell [rule], why))
            return false;
    }
    return true;
}

static bool is_listed (const json_value_t *indices, int64_t rule)
{
    int64_t index;
    for (const json_value_t *item = indices->child; item; item = item->next)
        if (json_int (item, &index) && index == rule)
            return true;
    return false;
}

static bool check_indices (const scores_pool_t *pool, const json_value_t *indices, buf_t *why)
{
    int64_t index;
    bool good = json_is (indices, JSON_ARRAY) && indices->count <= pool->n;
    for (const json_value_t *item = good ? indices->child : NULL; item && good; item = item->next)
        good = json_int (item, &index) && index >= 0 && (size_t) index < pool->n;
    if (!good)
        buf_printf (why, "\"rule_indices\" should be a list of places in the pool, from 0 to %zu", pool->n - 1);
    return good;
}

bool scores_read_indices (const scores_pool_t *pool, const json_value_t *indices, scores_set_t *a, scores_set_t *b, buf_t *why)
{
    if (!pool->raw || indices == NULL || json_is (indices, JSON_NULL))
        return true;
    if (!check_indices (pool, indices, why))
        return false;
    for (size_t rule = 0; rule < pool->n; rule++)
        if (!is_listed (indices, (int64_t) rule)) {
            a->cell [rule].value.score = b->cell [rule].value.score = 0;
            a->cell [rule].value.relevance = b->cell [rule].value.relevance = 0;
        }
    return true;
}

// --- merging ---

typedef struct {
    uint32_t *rule, *relevance, *mass;
    int32_t *score;
    size_t n;
    uint64_t added;
} merged_t;

static merged_t merged_new (size_t max)
{
    return (merged_t) { mem_zero (max, 4), mem_zero (max, 4), mem_zero (max, 4), mem_zero (max, 4), 0, 0 };
}

static void merged_free (merged_t *m)
{
    free (m->rule);
    free (m->relevance);
    free (m->mass);
    free (m->score);
}

static void merged_add (merged_t *m, uint32_t rule, cell_value_t value)
{
    m->rule [m->n] = rule;
    m->score [m->n] = value.score;
    m->relevance [m->n] = value.relevance;
    m->mass [m->n++] = value.mass;
}

static cell_value_t stored_value (const Rulemill__Cells *stored, size_t at)
{
    return (cell_value_t) { stored->score [at], stored->relevance [at], stored->mass [at] };
}

// Both lists ascend by rule number. What the store has stays.
static void merge (const scores_pool_t *pool, const Rulemill__Cells *stored, const scores_set_t *set, merged_t *m, scores_report_t *report)
{
    size_t old = 0, old_n = stored ? stored->n_rule : 0;
    for (size_t i = 0; i < pool->n; i++) {
        const scores_cell_t *cell = &set->cell [pool->by_number [i].index];
        uint32_t rule = pool->by_number [i].number;
        if (!cell->known)
            continue;
        report->cells++;
        for (; old < old_n && stored->rule [old] < rule; old++)
            merged_add (m, stored->rule [old], stored_value (stored, old));
        if (old < old_n && stored->rule [old] == rule) {
            report->conflicts += stored->score [old] != cell->value.score || stored->relevance [old] != cell->value.relevance;
            continue;
        }
        merged_add (m, rule, cell->value);
        m->added++;
    }
    for (; old < old_n; old++)
        merged_add (m, stored->rule [old], stored_value (stored, old));
}

static status_t check_stored (const Rulemill__Cells *stored, fault_t *fault)
{
    if (stored == NULL)
        return OK;
    bool fits = stored->n_score == stored->n_rule && stored->n_relevance == stored->n_rule && stored->n_mass == stored->n_rule;
    for (size_t i = 1; fits && i < stored->n_rule; i++)
        fits = stored->rule [i - 1] < stored->rule [i];
    return fits ? OK : fault_set (fault, ERR_CORRUPT, "stored scores do not agree with themselves; restore DIR from a copy, or "
                                  "start again in another folder");
}

static status_t write_cells (const scores_pool_t *pool, uint64_t number, int side, uint32_t judge, const merged_t *m, fault_t *fault)
{
    Rulemill__Cells cells = RULEMILL__CELLS__INIT;
    cells.n_rule = cells.n_score = cells.n_relevance = cells.n_mass = m->n;
    cells.rule = m->rule;
    cells.score = m->score;
    cells.relevance = m->relevance;
    cells.mass = m->mass;
    cells.raw = pool->raw;
    store_batch_t *batch = store_batch_new (pool->store);
    if (side)
        record_put_pair_cells (batch, number, judge, side, &cells);
    else
        record_put_cells (batch, number, judge, &cells);
    status_t status = store_write (pool->store, batch, fault);
    store_batch_destroy (&batch);
    return status;
}

// side 0: of a response; 1 and 2: of a pair's side.
static status_t give (const scores_pool_t *pool, uint64_t number, int side, uint32_t judge, const scores_set_t *set,
                      scores_report_t *report, fault_t *fault)
{
    Rulemill__Cells *stored = NULL;
    status_t status = side ? record_get_pair_cells (pool->store, number, judge, side, &stored, fault)
                           : record_get_cells (pool->store, number, judge, &stored, fault);
    if (status == OK)
        status = check_stored (stored, fault);
    if (status == OK) {
        merged_t m = merged_new (pool->n + (stored ? stored->n_rule : 0));
        merge (pool, stored, set, &m, report);
        if (m.added > 0)
            status = write_cells (pool, number, side, judge, &m, fault);
        merged_free (&m);
    }
    if (stored)
        rulemill__cells__free_unpacked (stored, NULL);
    return status;
}

status_t scores_give_response (const scores_pool_t *pool, uint64_t response, uint32_t judge, const scores_set_t *set,
                               scores_report_t *report, fault_t *fault)
{
    return give (pool, response, 0, judge, set, report, fault);
}

status_t scores_give_pair (const scores_pool_t *pool, uint64_t pair, int side, uint32_t judge, const scores_set_t *set,
                           scores_report_t *report, fault_t *fault)
{
    return give (pool, pair, side, judge, set, report, fault);
}

#include "ops/eval_propositions.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "model/bootstrap.h"

// One proposition's rows, ranked by score and by length.
typedef struct {
    ranking_t *by_score, *by_length;
    size_t *cluster;                // of each of its rows
    size_t n;
} ranked_t;

typedef struct {
    const ranked_t *ranked;
    size_t first, end;              // propositions whose mean is asked for
    bool length;
    uint32_t *weight;               // room for one proposition's rows
} figure_t;

static double auc_of (const figure_t *figure, const ranked_t *ranked, const uint32_t *times)
{
    for (size_t i = 0; i < ranked->n; i++)
        figure->weight [i] = times [ranked->cluster [i]];
    return ranking_auc (figure->length ? ranked->by_length : ranked->by_score, figure->weight);
}

// The mean over the propositions that have a value; NaN where none has.
static double mean_auc (const uint32_t *times, size_t n_clusters, void *context)
{
    (void) n_clusters;
    const figure_t *figure = context;
    double sum = 0;
    size_t n = 0;
    for (size_t p = figure->first; p < figure->end; p++) {
        double auc = auc_of (figure, &figure->ranked [p], times);
        if (isfinite (auc)) {
            sum += auc;
            n++;
        }
    }
    return n ? sum / (double) n : NAN;
}

static ranked_t rank (const eval_rows_t *rows, const eval_map_t *map, const cell_t *cells, const size_t *cluster, size_t p, eval_auc_t *out)
{
    size_t n_rows;
    const eval_row_t *all = eval_rows_all (rows, &n_rows);
    double *score = mem_zero (n_rows + 1, sizeof *score), *length = mem_zero (n_rows + 1, sizeof *length);
    bool *holds = mem_zero (n_rows + 1, sizeof *holds);
    ranked_t ranked = { .cluster = mem_zero (n_rows + 1, sizeof *ranked.cluster) };
    for (size_t i = 0; i < n_rows; i++) {
        const cell_t *cell = &cells [i * map->count + p];
        if (!cell->known || !(all [i].answered >> p & 1))
            continue;
        score [ranked.n] = cell->score;
        length [ranked.n] = (double) all [i].bytes;
        holds [ranked.n] = all [i].holds >> p & 1;
        out->holds += holds [ranked.n];
        ranked.cluster [ranked.n++] = cluster [i];
    }
    out->rows = ranked.n;
    ranked.by_score = ranking_new (score, holds, ranked.n);
    ranked.by_length = ranking_new (length, holds, ranked.n);
    free (score);
    free (length);
    free (holds);
    return ranked;
}

// The number of each row's prompt, from 0; how many prompts there are.
static size_t number_prompts (const eval_rows_t *rows, size_t *cluster)
{
    size_t n;
    const eval_row_t *all = eval_rows_all (rows, &n);
    clusters_t *clusters = clusters_new (1);
    for (size_t i = 0; i < n; i++)
        cluster [i] = clusters_add (clusters, hash64 (0, all [i].prompt_key.b, KEY_BYTES), &(double) { 1 });
    size_t count = clusters_count (clusters);
    clusters_destroy (&clusters);
    return count;
}

void eval_propositions (const eval_rows_t *rows, const eval_map_t *map, const cell_t *cells, uint64_t seed, eval_propositions_t *out)
{
    size_t n_rows;
    eval_rows_all (rows, &n_rows);
    *out = (eval_propositions_t) { .each = mem_zero (map->count + 1, sizeof *out->each), .count = map->count, .rows = n_rows };
    size_t *cluster = mem_zero (n_rows + 1, sizeof *cluster);
    out->prompts = number_prompts (rows, cluster);
    ranked_t *ranked = mem_zero (map->count + 1, sizeof *ranked);
    figure_t figure = { .ranked = ranked, .weight = mem_zero (n_rows + 1, sizeof *figure.weight) };
    const bootstrap_t options = { .seed = seed };
    for (size_t p = 0; p < map->count; p++) {
        eval_auc_t *each = &out->each [p];
        *each = (eval_auc_t) { .proposition = map->pairs [p].proposition, .rule = map->pairs [p].rule };
        ranked [p] = rank (rows, map, cells, cluster, p, each);
        figure.first = p;
        figure.end = p + 1;
        figure.length = false;
        each->auc = bootstrap_interval (out->prompts, mean_auc, &figure, &options);
        figure.length = true;
        each->length = bootstrap_interval (out->prompts, mean_auc, &figure, &options);
        out->in_mean += isfinite (each->auc.value);
    }
    figure.first = 0;
    figure.end = map->count;
    out->mean_length = bootstrap_interval (out->prompts, mean_auc, &figure, &options);
    figure.length = false;
    out->mean = bootstrap_interval (out->prompts, mean_auc, &figure, &options);
    for (size_t p = 0; p < map->count; p++) {
        ranking_destroy (&ranked [p].by_score);
        ranking_destroy (&ranked [p].by_length);
        free (ranked [p].cluster);
    }
    free (ranked);
    free (figure.weight);
    free (cluster);
}

void eval_propositions_free (eval_propositions_t *figures)
{
    free (figures->each);
    *figures = (eval_propositions_t) { 0 };
}

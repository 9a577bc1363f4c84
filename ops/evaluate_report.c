#include "ops/evaluate_report.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/json.h"

enum { NAME_COLUMNS = 26, VALUE_COLUMNS = 20 };

static const bootstrap_t bootstrap = { .seed = 1 };

void evaluate_count (evaluate_rows_t *rows, unsigned model)
{
    evaluate_row_t *row;
    for (size_t i = 0; (row = evaluate_rows_at (rows, i)); i++)
        row->points [model] = benchmark_points (row->reward [model], row->n_responses, &row->tie [model]);
}

static bool is_unreadable (const evaluate_row_t *row, unsigned model)
{
    for (size_t i = 0; i < row->n_responses; i++)
        if (isnan (row->reward [model] [i]))
            return true;
    return false;
}

uint64_t evaluate_unreadable (evaluate_rows_t *rows, unsigned model)
{
    uint64_t n = 0;
    evaluate_row_t *row;
    for (size_t i = 0; (row = evaluate_rows_at (rows, i)); i++)
        n += is_unreadable (row, model);
    return n;
}

uint64_t evaluate_ties (evaluate_rows_t *rows, unsigned model)
{
    uint64_t n = 0;
    evaluate_row_t *row;
    for (size_t i = 0; (row = evaluate_rows_at (rows, i)); i++)
        n += row->tie [model];
    return n;
}

// --- figures ------------------------------------------------------------------

static double length_points (const evaluate_row_t *row, int sign)
{
    double reward [EVALUATE_RESPONSES_MAX];
    bool tie;
    for (size_t i = 0; i < row->n_responses; i++)
        reward [i] = sign * (double) evaluate_rows_bytes (row->response [i]);
    return benchmark_points (reward, row->n_responses, &tie);
}

typedef enum { OF_MODELS, OF_LENGTH } counted_t;

// The models' points; or those of preferring the longer response and the shorter one.
static benchmark_sums_t *add_up (const evaluation_t *evaluation, counted_t what)
{
    size_t n_subsets;
    const char *const *subsets = evaluate_rows_subsets (evaluation->rows, &n_subsets);
    benchmark_sums_t *sums = benchmark_sums_new (subsets, n_subsets, what == OF_LENGTH ? 2 : evaluation->n_models);
    evaluate_row_t *row;
    for (size_t i = 0; (row = evaluate_rows_at (evaluation->rows, i)); i++) {
        double points [2] = { row->points [0], row->points [1] };
        if (what == OF_LENGTH) {
            points [0] = length_points (row, 1);
            points [1] = length_points (row, -1);
        }
        benchmark_sums_add (sums, row->subset, row->prompt_key, points);
    }
    return sums;
}

// What tossing a coin gives: a half, or 1/n.
static double coin (const evaluation_t *evaluation)
{
    double sum = 0;
    evaluate_row_t *row;
    for (size_t i = 0; (row = evaluate_rows_at (evaluation->rows, i)); i++)
        sum += 1.0 / (double) row->n_responses;
    return sum / (double) evaluate_rows_count (evaluation->rows);
}

static mcnemar_t compare (const evaluation_t *evaluation, uint64_t *only_first, uint64_t *only_second)
{
    *only_first = *only_second = 0;
    evaluate_row_t *row;
    for (size_t i = 0; (row = evaluate_rows_at (evaluation->rows, i)); i++) {
        *only_first += row->points [0] == 1 && row->points [1] != 1;
        *only_second += row->points [1] == 1 && row->points [0] != 1;
    }
    return stats_mcnemar (*only_first, *only_second);
}

// The means that an evaluation tells, in the order in which they are told.
typedef void each_fn (void *ctx, const char *kind, const char *name, uint64_t rows, const benchmark_mean_t *mean);

static bool has_section (const benchmark_sums_t *sums, const benchmark_t *benchmark, const char *section, const char *const *subsets, size_t n,
                         uint64_t *rows)
{
    *rows = 0;
    for (size_t i = 0; i < n; i++) {
        int at = benchmark_find (benchmark, subsets [i]);
        if (at >= 0 && strcmp (benchmark->weight [at].section, section) == 0)
            *rows += benchmark_rows (sums, i);
    }
    return *rows > 0;
}

// Only what is published as the score is called so.
static const char *score_name (const evaluation_t *evaluation)
{
    if (evaluation->partial)
        return "Mean of sections, partial";
    return evaluate_rows_benchmark (evaluation->rows)->without ? "Mean, without Ties" : "Score";
}

static void walk (const evaluation_t *evaluation, const benchmark_sums_t *sums, each_fn *each, void *ctx)
{
    const benchmark_t *benchmark = evaluate_rows_benchmark (evaluation->rows);
    size_t n, total = evaluate_rows_count (evaluation->rows);
    const char *const *subsets = evaluate_rows_subsets (evaluation->rows, &n), *sections [BENCHMARK_SECTIONS_MAX];
    size_t n_sections = benchmark_sections (benchmark, sections);
    benchmark_mean_t mean;
    bool nested = n_sections < benchmark->n_subsets, any = false;
    uint64_t rows;
    for (size_t s = 0; s < n_sections; s++) {
        if (!has_section (sums, benchmark, sections [s], subsets, n, &rows))
            continue;
        any = true;
        benchmark_mean_section (&mean, sums, benchmark, sections [s]);
        each (ctx, "section", sections [s], rows, &mean);
        for (size_t i = 0; nested && i < n; i++) {
            int at = benchmark_find (benchmark, subsets [i]);
            if (at < 0 || strcmp (benchmark->weight [at].section, sections [s]) != 0)
                continue;
            benchmark_mean_subset (&mean, i);
            each (ctx, "subset", subsets [i], benchmark_rows (sums, i), &mean);
        }
    }
    for (size_t i = 0; i < n; i++)
        if (benchmark_find (benchmark, subsets [i]) < 0) {
            benchmark_mean_subset (&mean, i);
            each (ctx, "subset", subsets [i], benchmark_rows (sums, i), &mean);
        }
    benchmark_mean_score (&mean, sums, benchmark);
    if (any)
        each (ctx, "score", score_name (evaluation), total, &mean);
    benchmark_mean_rows (&mean, sums);
    each (ctx, "rows", "All rows alike", total, &mean);
}

// --- as a table ---------------------------------------------------------------

typedef struct { const evaluation_t *evaluation; const benchmark_sums_t *sums; buf_t *out; } told_t;

static void pad (buf_t *out, size_t start, size_t columns)
{
    for (size_t have = out->len - start; have < columns; have++)
        buf_add_char (out, ' ');
}

static void add_value (buf_t *out, const interval_t *interval, bool difference, size_t columns)
{
    size_t start = out->len;
    buf_add_str (out, "  ");
    if (difference)
        interval_show_difference (out, interval, 100, 1);
    else
        interval_show (out, interval, 100, 1);
    pad (out, start, columns);
}

static void end_line (buf_t *out)
{
    while (out->len > 0 && out->data [out->len - 1] == ' ')
        out->data [--out->len] = '\0';
    buf_add_char (out, '\n');
}

static void tell_line (void *ctx, const char *kind, const char *name, uint64_t rows, const benchmark_mean_t *mean)
{
    told_t *told = ctx;
    buf_t *out = told->out;
    size_t start = out->len;
    buf_printf (out, "%s%s", strcmp (kind, "subset") == 0 ? "  " : "", name);
    pad (out, start, NAME_COLUMNS);
    buf_printf (out, " %6" PRIu64, rows);
    for (unsigned m = 0; m < told->evaluation->n_models; m++) {
        interval_t value = benchmark_value (told->sums, mean, m, &bootstrap);
        add_value (out, &value, false, VALUE_COLUMNS);
    }
    if (told->evaluation->n_models == 2) {
        interval_t difference = benchmark_difference (told->sums, mean, &bootstrap);
        add_value (out, &difference, true, 0);
    }
    end_line (out);
}

static void add_heads (const evaluation_t *evaluation, buf_t *out)
{
    const benchmark_t *benchmark = evaluate_rows_benchmark (evaluation->rows);
    buf_printf (out, "Benchmark  %s: %zu rows as %s%s\n", evaluation->path, evaluate_rows_count (evaluation->rows), benchmark->name,
                evaluation->partial ? ", partial: no published scores" : "");
    for (unsigned m = 0; m < evaluation->n_models; m++) {
        uint64_t ties = evaluate_ties (evaluation->rows, m), unreadable = evaluate_unreadable (evaluation->rows, m);
        buf_printf (out, "%-11s%s%s", m ? "against" : "Reward", evaluation->name [m], evaluation->generative ? " (generative)" : "");
        const char *ties_count = evaluation->generative ? "each a half" : evaluate_rows_benchmark (evaluation->rows) == &benchmark_rewardbench2
                               ? "shared" : "wrong";
        buf_printf (out, "; ties: %" PRIu64 " (%s)", ties, ties_count);
        if (unreadable > 0)
            buf_printf (out, "; without a reward: %" PRIu64 " (%s)", unreadable, evaluation->generative ? "each a half" : "wrong");
        buf_add_char (out, '\n');
    }
    buf_printf (out, "\n%*s   rows  accuracy [95 %%]%s\n", NAME_COLUMNS, "",
                evaluation->n_models == 2 ? "     against             difference" : "");
}

static void add_baselines (const evaluation_t *evaluation, buf_t *out)
{
    benchmark_sums_t *lengths = add_up (evaluation, OF_LENGTH);
    benchmark_mean_t mean;
    benchmark_mean_rows (&mean, lengths);
    buf_printf (out, "\nFor comparison, all rows alike: tossing a coin %.1f", 100 * coin (evaluation));
    for (unsigned m = 0; m < 2; m++) {
        interval_t value = benchmark_value (lengths, &mean, m, &bootstrap);
        buf_printf (out, ", preferring the %s ", m ? "shorter" : "longer");
        interval_show (out, &value, 100, 1);
    }
    buf_add_char (out, '\n');
    benchmark_sums_destroy (&lengths);
}

void evaluate_text (const evaluation_t *evaluation, buf_t *out)
{
    benchmark_sums_t *sums = add_up (evaluation, OF_MODELS);
    add_heads (evaluation, out);
    walk (evaluation, sums, tell_line, &(told_t) { evaluation, sums, out });
    if (evaluation->n_models == 2) {
        uint64_t only_first, only_second;
        mcnemar_t test = compare (evaluation, &only_first, &only_second);
        buf_printf (out, "\nMcNemar's test over all rows: right by the first alone %" PRIu64 ", by the second alone %" PRIu64
                         ", p = %.4g (%s)\n", only_first, only_second, test.p, test.method);
    }
    add_baselines (evaluation, out);
    benchmark_sums_destroy (&sums);
}

// --- as JSON ------------------------------------------------------------------

static void write_one (void *ctx, const char *kind, const char *name, uint64_t rows, const benchmark_mean_t *mean)
{
    told_t *told = ctx;
    buf_t *out = told->out;
    buf_add_str (out, out->data [out->len - 1] == '[' ? "{" : ",{");
    json_write_key (out, "kind");
    json_write_cstring (out, kind);
    json_write_key (out, "name");
    json_write_cstring (out, name);
    json_write_key (out, "rows");
    buf_printf (out, "%" PRIu64, rows);
    static const char *const keys [] = { "accuracy", "against" };
    for (unsigned m = 0; m < told->evaluation->n_models; m++) {
        interval_t value = benchmark_value (told->sums, mean, m, &bootstrap);
        json_write_key (out, keys [m]);
        interval_write (out, &value);
    }
    if (told->evaluation->n_models == 2) {
        interval_t difference = benchmark_difference (told->sums, mean, &bootstrap);
        json_write_key (out, "difference");
        interval_write (out, &difference);
        json_write_key (out, "shown");
        buf_add_str (out, interval_excludes_zero (&difference) ? "true" : "false");
    }
    buf_add_char (out, '}');
}

static void write_rewards (const evaluation_t *evaluation, buf_t *out)
{
    json_write_key (out, "rewards");
    buf_add_char (out, '[');
    for (unsigned m = 0; m < evaluation->n_models; m++) {
        buf_add_str (out, m ? ",{" : "{");
        json_write_key (out, "name");
        json_write_cstring (out, evaluation->name [m]);
        buf_printf (out, ",\"ties\":%" PRIu64 ",\"without_reward\":%" PRIu64 "}", evaluate_ties (evaluation->rows, m),
                    evaluate_unreadable (evaluation->rows, m));
    }
    buf_add_char (out, ']');
}

static void write_baselines (const evaluation_t *evaluation, buf_t *out)
{
    benchmark_sums_t *lengths = add_up (evaluation, OF_LENGTH);
    benchmark_mean_t mean;
    benchmark_mean_rows (&mean, lengths);
    json_write_key (out, "baselines");
    buf_printf (out, "{\"coin\":%.9g", coin (evaluation));
    for (unsigned m = 0; m < 2; m++) {
        interval_t value = benchmark_value (lengths, &mean, m, &bootstrap);
        json_write_key (out, m ? "shorter" : "longer");
        interval_write (out, &value);
    }
    buf_add_char (out, '}');
    benchmark_sums_destroy (&lengths);
}

void evaluate_json (const evaluation_t *evaluation, buf_t *out)
{
    benchmark_sums_t *sums = add_up (evaluation, OF_MODELS);
    buf_add_char (out, '{');
    json_write_key (out, "benchmark");
    json_write_cstring (out, evaluate_rows_benchmark (evaluation->rows)->name);
    json_write_key (out, "file");
    json_write_cstring (out, evaluation->path);
    buf_printf (out, ",\"rows\":%zu,\"partial\":%s,\"generative\":%s", evaluate_rows_count (evaluation->rows),
                evaluation->partial ? "true" : "false", evaluation->generative ? "true" : "false");
    write_rewards (evaluation, out);
    json_write_key (out, "figures");
    buf_add_char (out, '[');
    walk (evaluation, sums, write_one, &(told_t) { evaluation, sums, out });
    buf_add_char (out, ']');
    if (evaluation->n_models == 2) {
        uint64_t only_first, only_second;
        mcnemar_t test = compare (evaluation, &only_first, &only_second);
        json_write_key (out, "mcnemar");
        buf_printf (out, "{\"only_first\":%" PRIu64 ",\"only_second\":%" PRIu64 ",\"p\":%.9g,\"method\":\"%s\"}", only_first, only_second,
                    test.p, test.method);
    }
    write_baselines (evaluation, out);
    buf_add_str (out, "}\n");
    benchmark_sums_destroy (&sums);
}

// --- files --------------------------------------------------------------------

void evaluate_write_rows (const evaluation_t *evaluation, buf_t *out)
{
    size_t n;
    const char *const *subsets = evaluate_rows_subsets (evaluation->rows, &n);
    evaluate_row_t *row;
    for (size_t i = 0; (row = evaluate_rows_at (evaluation->rows, i)); i++) {
        buf_add_char (out, '{');
        json_write_key (out, "id");
        json_write_cstring (out, row->id);
        json_write_key (out, "subset");
        json_write_cstring (out, subsets [row->subset]);
        json_write_key (out, "points");
        json_write_real (out, row->points [0]);
        buf_printf (out, ",\"tie\":%s,\"scores_chosen\":", row->tie [0] ? "true" : "false");
        json_write_real (out, row->reward [0] [0]);
        buf_add_str (out, ",\"scores_rejected\":");
        if (row->n_responses > 2)
            buf_add_char (out, '[');
        for (size_t r = 1; r < row->n_responses; r++) {
            if (r > 1)
                buf_add_char (out, ',');
            json_write_real (out, row->reward [0] [r]);
        }
        buf_add_str (out, row->n_responses > 2 ? "]}\n" : "}\n");
    }
}

void evaluate_results (const evaluation_t *evaluation, const char *model, const char *model_type, const char *chat_template, buf_t *out)
{
    size_t n;
    const char *const *subsets = evaluate_rows_subsets (evaluation->rows, &n);
    benchmark_sums_t *sums = add_up (evaluation, OF_MODELS);
    const char *const head [] [2] = { { "model", model }, { "model_type", model_type }, { "chat_template", chat_template } };
    buf_add_char (out, '{');
    for (size_t i = 0; i < 3; i++) {
        json_write_key (out, head [i] [0]);
        json_write_cstring (out, head [i] [1]);
    }
    for (size_t i = 0; i < n; i++) {
        benchmark_mean_t mean;
        benchmark_mean_subset (&mean, i);
        buf_add_char (out, ',');
        json_write_string (out, subsets [i], strlen (subsets [i]));
        buf_add_char (out, ':');
        json_write_real (out, benchmark_value (sums, &mean, 0, &(bootstrap_t) { .seed = 1, .resamples = 1 }).value);
    }
    buf_add_str (out, "}\n");
    benchmark_sums_destroy (&sums);
}

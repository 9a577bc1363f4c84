#include "ops/summary.h"

#include <math.h>

#include "ops/auto_show.h"
#include "ops/progress.h"

enum { REASONS_SHOWN = 8 };

static void head (buf_t *out, const char *word)
{
    buf_printf (out, "%-11s", word);
}

// "1 row", "2,000 rows".
static void counted (buf_t *out, uint64_t count, const char *one, const char *many)
{
    progress_count (out, count);
    buf_printf (out, " %s", count == 1 ? one : many);
}

static void add_read (const outcome_t *outcome, buf_t *out)
{
    const Rulemill__CorpusState *corpus = &outcome->job.corpus_counts;
    head (out, "Read");
    counted (out, corpus->rows_read, "row", "rows");
    progress_part (out, outcome->job.last.part, outcome->job.last.rows_passed);
    buf_add_str (out, ": ");
    counted (out, corpus->pairs, "pair", "pairs");
    buf_add_str (out, " of ");
    counted (out, corpus->prompts, "prompt", "prompts");
    buf_add_str (out, ", ");
    counted (out, corpus->duplicates, "duplicate", "duplicates");
    buf_add_char (out, '\n');
    if (corpus->rows_rejected == 0)
        return;
    head (out, "");
    counted (out, corpus->rows_rejected, "row", "rows");
    buf_add_str (out, " set aside:");
    for (size_t i = 0; i < outcome->n_reasons && i < REASONS_SHOWN; i++) {
        buf_printf (out, "%s %s ", i ? "," : "", outcome->reasons [i].reason);
        progress_count (out, outcome->reasons [i].count);
    }
    buf_add_str (out, outcome->n_reasons > REASONS_SHOWN ? ", others\n" : "\n");
}

static void add_run (const outcome_t *outcome, buf_t *out)
{
    if (outcome->job.run [0] == '\0')
        return;
    head (out, "Run");
    buf_printf (out, "%s\n", outcome->job.run);
    head (out, "Judge");
    buf_printf (out, "%s\n", outcome->judge_note ? outcome->judge_note : outcome->judge);
}

static void add_ties (const outcome_t *outcome, buf_t *out)
{
    const Rulemill__RunCounts *counts = &outcome->job.counts;
    const dataset_report_t *dataset = &outcome->job.dataset;
    head (out, "");
    counted (out, counts->ties, "tie", "ties");
    bool known = dataset->tie_identical + dataset->tie_no_rule + dataset->tie_margin > 0;
    if (known) {
        buf_add_str (out, ": ");
        progress_count (out, dataset->tie_identical);
        buf_add_str (out, " of equal texts, ");
        progress_count (out, dataset->tie_no_rule);
        buf_add_str (out, " that no rule tells apart, ");
        progress_count (out, dataset->tie_margin);
        buf_add_str (out, " within the margin");
    }
    buf_add_char (out, '\n');
}

static void add_labels (const outcome_t *outcome, buf_t *out)
{
    const Rulemill__RunCounts *counts = &outcome->job.counts;
    uint64_t preferred = counts->labelled > counts->ties ? counts->labelled - counts->ties : 0;
    head (out, "Labels");
    counted (out, preferred, "pair", "pairs");
    buf_add_str (out, " with a preferred response\n");
    add_ties (outcome, out);
    if (counts->quarantined > 0) {
        head (out, "");
        counted (out, counts->quarantined, "pair", "pairs");
        if (counts->too_long > 0) {
            buf_add_str (out, " (");
            progress_count (out, counts->too_long);
            buf_add_str (out, counts->adapter_calls > 0 ? " too long for the judge or the adapter)" : " too long for the judge)");
        }
        buf_printf (out, " set aside; why stands in quarantine.jsonl, again with rulemill retry %s\n", outcome->dir);
    }
    if (outcome->job.last.excluded_prompts > 0) {
        head (out, "");
        counted (out, outcome->job.last.excluded_prompts, "prompt", "prompts");
        buf_add_str (out, " excluded as standing in a benchmark\n");
    }
}

static void add_agreement (const outcome_t *outcome, buf_t *out)
{
    uint64_t total, n_longer;
    interval_t agreement = outcome_agreement (outcome, &total), longer = outcome_longer (outcome, &n_longer);
    if (total == 0)
        return;
    head (out, "Agreement");
    buf_printf (out, "%.1f %% with ", 100 * agreement.value);
    counted (out, total, "given preference", "given preferences");
    if (isfinite (agreement.low))
        buf_printf (out, " (95 %% interval %.1f to %.1f)", 100 * agreement.low, 100 * agreement.high);
    if (outcome->job.counts.given_ties > 0) {
        buf_add_str (out, ", not counting ");
        counted (out, outcome->job.counts.given_ties, "tie", "ties");
    }
    buf_add_char (out, '\n');
    head (out, "");
    buf_add_str (out, "for comparison: ");
    if (n_longer > 0)
        buf_printf (out, "preferring the longer %.1f %%, ", 100 * longer.value);
    buf_add_str (out, "tossing a coin 50 %\n");
}

static void add_length (const outcome_t *outcome, buf_t *out)
{
    uint64_t longer, shorter;
    outcome_lengths (outcome, &longer, &shorter);
    uint64_t total = longer + shorter;
    if (total == 0)
        return;
    head (out, "Length");
    buf_printf (out, "the longer response won %.1f %% of ", 100 * (double) longer / (double) total);
    counted (out, total, "pair", "pairs");
    buf_add_str (out, " of unequal lengths\n");
}

// Workers that left because they could not work: the others did theirs, but somebody should look.
static void add_unfit (const outcome_t *outcome, buf_t *out)
{
    const job_snapshot_t *last = &outcome->job.last;
    if (last->workers_unfit == 0)
        return;
    head (out, "Unfit");
    counted (out, last->workers_unfit, "worker", "workers");
    buf_printf (out, " could not work and left: %s\n", last->unfit);
}

static void add_usage (const outcome_t *outcome, buf_t *out)
{
    const Rulemill__RunCounts *counts = &outcome->job.counts;
    if (counts->calls == 0)
        return;
    head (out, "Calls");
    progress_count (out, counts->calls);
    buf_add_str (out, " to the judge: ");
    progress_count (out, counts->prompt_tokens);
    buf_add_str (out, " prompt tokens (");
    progress_count (out, counts->cached_tokens);
    buf_add_str (out, " from the server's cache), ");
    progress_count (out, counts->completion_tokens);
    buf_add_str (out, " of answers");
    buf_printf (out, "; %.1f s of the judge's time", (double) counts->ms / 1000);
    if (counts->refused > 0) {
        buf_add_str (out, "; ");
        progress_count (out, counts->refused);
        buf_add_str (out, " refused as too many");
    }
    if (counts->cost > 0) {
        buf_add_str (out, "; ");
        progress_cost (out, counts->cost, outcome->currency);
    }
    buf_add_char (out, '\n');
    if (counts->cut_responses == 0)
        return;
    head (out, "Cut");
    counted (out, counts->cut_responses, "conversation", "conversations");
    buf_add_str (out, " too long for the judge: ");
    counted (out, counts->cut_turns, "earlier turn", "earlier turns");
    buf_add_str (out, " left out\n");
}

static void add_adapter (const outcome_t *outcome, buf_t *out)
{
    const Rulemill__RunCounts *counts = &outcome->job.counts;
    if (counts->adapter_calls == 0)
        return;
    head (out, "Adapter");
    counted (out, counts->adapter_calls, "request", "requests");
    buf_add_str (out, " to the served adapter");
    if (counts->shortened > 0) {
        buf_add_str (out, "; the texts of ");
        counted (out, counts->shortened, "pair", "pairs");
        buf_add_str (out, " were too long for it and shortened in the middle");
    }
    buf_add_char (out, '\n');
}

static void add_times (const outcome_t *outcome, buf_t *out)
{
    const job_report_t *job = &outcome->job;
    if (job->nothing_to_do)
        return;
    head (out, "Time");
    buf_printf (out, "ingest %.1f s, label %.1f s, export %.1f s\n", job->ingest_s, job->label_s, job->export_s);
}

static void add_scores (const outcome_t *outcome, buf_t *out)
{
    const scores_report_t *scores = &outcome->job.scores;
    uint64_t odd = scores->unknown_ids + scores->ambiguous_ids + scores->unknown_rules + scores->conflicts + scores->bad_lines;
    if (odd == 0)
        return;
    head (out, "Scores");
    counted (out, scores->lines, "line", "lines");
    buf_add_str (out, "; not used: ");
    counted (out, scores->unknown_ids, "unknown id", "unknown ids");
    buf_add_str (out, ", ");
    counted (out, scores->ambiguous_ids, "ambiguous id", "ambiguous ids");
    buf_add_str (out, ", ");
    counted (out, scores->unknown_rules, "unknown rule", "unknown rules");
    buf_add_str (out, ", ");
    counted (out, scores->conflicts, "conflict", "conflicts");
    buf_add_str (out, ", ");
    counted (out, scores->bad_lines, "bad line", "bad lines");
    buf_printf (out, "\n%-11sfirst: %s\n", "", scores->first_problem);
}

static void add_dataset (const outcome_t *outcome, buf_t *out)
{
    const dataset_report_t *dataset = &outcome->job.dataset;
    if (dataset->path [0] == '\0')
        return;
    head (out, "Dataset");
    buf_printf (out, "%s/dataset (train ", outcome->dir);
    progress_count (out, dataset->train);
    buf_add_str (out, ", validation ");
    progress_count (out, dataset->validation);
    if (dataset->filtered > 0) {
        buf_add_str (out, "; left out by filters ");
        progress_count (out, dataset->filtered);
    }
    buf_add_str (out, ")\n");
}

// A run with few labels has nothing in train: name what is there.
static void add_next (const outcome_t *outcome, buf_t *out)
{
    const dataset_report_t *dataset = &outcome->job.dataset;
    buf_add_str (out, "\nNext\n");
    if (dataset->path [0] && dataset->train + dataset->validation > 0)
        buf_printf (out, "  python3 -c 'from datasets import load_dataset; print(load_dataset(\"%s/dataset\"))'\n", outcome->dir);
    if (dataset->path [0] == '\0')
        buf_printf (out, "  rulemill export %s            write the dataset\n", outcome->dir);
    if (outcome->job.last.part.of > 0)
        buf_add_str (out, "  rulemill export --join DIR... --to FOLDER      one dataset, once all parts are labelled\n");
    buf_printf (out, "  rulemill inspect %s '#0'      why the first pair got its label (or any pair's id)\n", outcome->dir);
}

void summary_text (const outcome_t *outcome, buf_t *out)
{
    if (outcome->job.nothing_to_do)
        buf_add_str (out, "Nothing to do: this run is complete.\n\n");
    add_read (outcome, out);
    add_run (outcome, out);
    add_labels (outcome, out);
    auto_show_text (outcome, out);
    add_agreement (outcome, out);
    add_length (outcome, out);
    if (outcome->agreement_lines)
        buf_add_str (out, outcome->agreement_lines);
    add_scores (outcome, out);
    add_usage (outcome, out);
    add_adapter (outcome, out);
    add_unfit (outcome, out);
    add_times (outcome, out);
    add_dataset (outcome, out);
    add_next (outcome, out);
}

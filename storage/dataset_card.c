#include "storage/dataset_card.h"

#include <inttypes.h>

#include "base/json.h"
#include "storage/corpus_part.h"
#include "storage/dataset_manifest.h"

static bool has_rows (const dataset_export_t *e, int part)
{
    return dataset_file_rows (e->files [part]) > 0;
}

// Validation belongs to the config that train has begun.
static bool begins_config (const dataset_export_t *e, int part)
{
    return has_rows (e, part) && !(part == PART_VALIDATION && has_rows (e, PART_TRAIN));
}

// --- front matter ----------------------------------------------------------

static void write_split (const dataset_export_t *e, int part, buf_t *out)
{
    if (has_rows (e, part))
        buf_printf (out, "  - split: %s\n    path: %s\n", dataset_part_split (part), dataset_file_name (e->files [part]));
}

static void write_front_matter (const dataset_export_t *e, buf_t *out)
{
    bool any = false;
    buf_add_str (out, "---\npretty_name: \"Preferences by rules\"\ntags:\n- preference\n- rulemill\n");
    for (int part = 0; part < PART_COUNT; part++) {
        if (!begins_config (e, part))
            continue;
        buf_add_str (out, any ? "" : "configs:\n");
        any = true;
        buf_printf (out, "- config_name: %s\n  data_files:\n", dataset_part_config (part));
        write_split (e, part, out);
        if (part == PART_TRAIN)
            write_split (e, PART_VALIDATION, out);
    }
    buf_add_str (out, any ? "dataset_info:\n" : "");
    for (int part = 0; part < PART_COUNT; part++)
        if (begins_config (e, part)) {
            buf_printf (out, "- config_name: %s\n  features:\n", dataset_part_config (part));
            dataset_write_features (part, e->options->format, e->options->rules, e->options->n_rules, 2, out);
        }
    buf_add_str (out, "---\n\n");
}

// --- for people ------------------------------------------------------------

static void write_intro (const dataset_export_t *e, buf_t *out)
{
    const Rulemill__RunSpec *spec = e->run->spec;
    buf_printf (out, "# Preferences by rules\n\n"
        "Pairs of responses, labelled by rulemill, after the method of [arXiv 2501.15453](https://arxiv.org/abs/2501.15453): a judge scored each response alone "
        "against rules, the rules that tell the two apart were selected, and the response with the larger mean score is "
        "the chosen one. A mean difference within the tie margin is a tie and stands in a file of its own.\n\n"
        "| | |\n|---|---|\n| run | `%s` |\n| judge | `%s` |\n| policy | `%s` |\n| rules in the pool | %zu |\n| seed | %" PRIu64
        " |\n| format | `%s` |\n\n", e->style.run, spec->judge, spec->policy, e->options->n_rules, spec->seed,
        dataset_format_name (e->options->format));
    if (e->options->judge_note && *e->options->judge_note)
        buf_printf (out, "About the judge: %s\n\n", e->options->judge_note);
}

static void write_parts (const dataset_export_t *e, buf_t *out)
{
    corpus_part_t part = corpus_part_of (e->corpus);
    if (e->n_sources > 1)
        buf_printf (out, "The corpus was labelled in %" PRIu32 " parts, which are joined here.\n\n", part.of);
    else if (part.of > 0)
        buf_printf (out, "This is part %" PRIu32 " of %" PRIu32 " of its corpus, cut by conversations' first user turn.\n\n", part.number, part.of);
}

static void write_counts (const dataset_export_t *e, buf_t *out)
{
    const dataset_report_t *report = e->report;
    buf_add_str (out, "## What is in it\n\n| file | rows |\n|---|---|\n");
    for (int part = 0; part < PART_COUNT; part++)
        if (has_rows (e, part))
            buf_printf (out, "| `%s` | %" PRIu64 " |\n", dataset_file_name (e->files [part]), dataset_file_rows (e->files [part]));
    buf_printf (out, "\nThe corpus had %" PRIu64 " different pairs. Labelled pairs that the export's filters left out: %" PRIu64
        "; pairs of prompts that stand in a benchmark: %" PRIu64 "; pairs without a label so far: %" PRIu64 ".\n\n",
        e->counts.pairs, report->filtered, report->excluded, e->counts.unlabelled);
    buf_printf (out, "Of the labelled pairs the longer response won %" PRIu64 " times and the shorter one %" PRIu64 " times. "
        "Where the corpus states a preference, the label agrees with it %" PRIu64 " times and disagrees %" PRIu64 " times; "
        "%" PRIu64 " times the stated votes are split, %" PRIu64 " times the label is a tie. Stated preferences never "
        "influenced a label.\n\n", report->longer, report->shorter, report->votes_agree, report->votes_disagree,
        report->votes_split, report->votes_tied);
}

static void write_quantiles (const dataset_export_t *e, const char *name, tally_by_t by, buf_t *out)
{
    static const double shares [] = { 0.1, 0.25, 0.5, 0.75, 0.9 };
    buf_printf (out, "| %s | %" PRIu64 " |", name, dataset_tally_pairs (e->tally, by));
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        buf_printf (out, " %.3f |", (double) dataset_tally_margin (e->tally, by, shares [i]) / 1e6);
    buf_add_char (out, '\n');
}

// The best of many noisy values is too large, so the same pair has a larger margin when all rules were tried.
static void write_margins (const dataset_export_t *e, buf_t *out)
{
    if (dataset_tally_pairs (e->tally, TALLY_ADAPTER) == 0 || dataset_tally_pairs (e->tally, TALLY_OTHERS) == 0)
        return;
    buf_add_str (out, "## Margins are of two kinds\n\nSome labels were made after all rules had been judged (`selected_by` exhaustive), the "
        "others from the few that an adapter foresaw (`selected_by` adapter). Do not compare or pool their margins: the rules of largest "
        "difference among many noisy ones differ by more than they truly do, so exhaustive margins are inflated. Quantiles of "
        "`score_margin` where a response is preferred:\n\n"
        "| selected_by | pairs | 10 % | 25 % | 50 % | 75 % | 90 % |\n|---|---|---|---|---|---|---|\n");
    write_quantiles (e, "exhaustive", TALLY_OTHERS, out);
    write_quantiles (e, "adapter", TALLY_ADAPTER, out);
    buf_add_char (out, '\n');
}

static void write_split_note (const dataset_export_t *e, buf_t *out)
{
    buf_add_str (out, "Validation is cut by conversations' first user turn (a seeded hash), so all pairs of a prompt stand on "
        "one side, and so do conversations that begin alike. Share asked for: ");
    json_write_micro (out, (int64_t) (e->options->validation_share * 1e6 + 0.5));
    buf_add_str (out, ".\n\n");
}

static void write_columns (const dataset_export_t *e, buf_t *out)
{
    buf_add_str (out, "## Columns\n\nEvery row has every column; what is unknown is null. Scores lie in -1 to 1.\n\n");
    for (int part = 0; part < PART_COUNT; part++) {
        if (!begins_config (e, part))
            continue;
        buf_printf (out, "### %s\n\n| column | meaning |\n|---|---|\n", dataset_part_config (part));
        const char *meaning, *name;
        for (size_t i = 0; (name = dataset_column ((dataset_part_t) part, e->options->format, i, &meaning)) != NULL; i++)
            buf_printf (out, "| `%s` | %s |\n", name, meaning);
        buf_add_char (out, '\n');
    }
}

static void write_usage (const dataset_export_t *e, buf_t *out)
{
    buf_add_str (out, "## Loading\n\n```python\nfrom datasets import load_dataset\n");
    for (int part = 0; part < PART_COUNT; part++)
        if (begins_config (e, part) && part <= PART_VALIDATION)
            buf_printf (out, "pairs = load_dataset(\"THIS FOLDER\", split=\"%s\")\n", dataset_part_split ((dataset_part_t) part));
        else if (begins_config (e, part))
            buf_printf (out, "%s = load_dataset(\"THIS FOLDER\", \"%s\", split=\"train\")\n",
                        dataset_part_config ((dataset_part_t) part), dataset_part_config ((dataset_part_t) part));
    buf_add_str (out, "```\n\n`manifest.json` has the SHA-256 of each file, the rules with their polarity, and all that decided "
        "the labels; `rulemill verify FOLDER` checks it.\n");
}

void dataset_card_write (const dataset_export_t *e, buf_t *out)
{
    write_front_matter (e, out);
    write_intro (e, out);
    write_parts (e, out);
    write_counts (e, out);
    write_margins (e, out);
    write_split_note (e, out);
    write_columns (e, out);
    write_usage (e, out);
}

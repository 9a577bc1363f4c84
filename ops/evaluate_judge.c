#include "ops/evaluate_judge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "ops/cmd.h"
#include "ops/evaluate_report.h"
#include "ops/judge_setup.h"
#include "ops/run_job.h"
#include "ops/setup_flags.h"
#include "ops/write_file.h"
#include "storage/scores_rows.h"

enum { ARGUMENTS_MAX = 256 };

// --- the pairs as a corpus ----------------------------------------------------

static void write_turns (const char *key, const Rulemill__Conversation *text, buf_t *out)
{
    json_write_key (out, key);
    buf_add_char (out, '[');
    for (size_t i = 0; i < text->n_turns; i++) {
        buf_add_str (out, i ? ",{" : "{");
        json_write_key (out, "role");
        json_write_cstring (out, text->turns [i]->role);
        json_write_key (out, "content");
        json_write_cstring (out, text->turns [i]->content);
        buf_add_char (out, '}');
    }
    buf_add_char (out, ']');
}

// Which side is the chosen one is not told: a judge has no use for it, and the job's own figures would count it.
static void write_pairs (evaluate_rows_t *rows, buf_t *out)
{
    evaluate_row_t *row;
    for (size_t i = 0; (row = evaluate_rows_at (rows, i)); i++) {
        buf_printf (out, "{\"id\":\"row-%zu\"", i);
        write_turns ("prompt", row->prompt, out);
        write_turns ("response_a", row->response [0], out);
        write_turns ("response_b", row->response [1], out);
        buf_add_str (out, "}\n");
    }
}

typedef struct { char *pairs, *job; } places_t;

// The pairs' digest is part of the names, so that another benchmark is another job.
static status_t prepare (evaluate_rows_t *rows, const char *work, places_t *places, fault_t *fault)
{
    if (mkdir (work, 0777) != 0 && errno != EEXIST)
        return fault_set (fault, ERR_IO, "%s: %s", work, strerror (errno));
    buf_t text = { 0 };
    write_pairs (rows, &text);
    digest_t digest = digest_of (text.data, text.len);
    char hex [DIGEST_HEX + 1];
    hex_encode (digest.b, DIGEST_BYTES, hex);
    places->pairs = mem_printf ("%s/pairs-%.16s.jsonl", work, hex);
    places->job = mem_printf ("%s/job-%.16s", work, hex);
    status_t status = access (places->pairs, R_OK) == 0 ? OK : write_file (places->pairs, text.data, text.len, fault);
    buf_free (&text);
    return status;
}

// --- the job ------------------------------------------------------------------

// Is it one of the flags that decide how is judged?
static bool is_of_the_run (const char *name)
{
    for (const cli_flag_t *flag = setup_run_flags; flag->name; flag++)
        if (strcmp (flag->name, name) == 0)
            return true;
    return strcmp (name, "--workers") == 0;
}

// `label PAIRS --out JOB ...` with the same flags.
static status_t run (const cli_t *cli, const places_t *places, fault_t *fault)
{
    char *arguments [ARGUMENTS_MAX] = {
        mem_string (places->pairs), mem_string ("--out"), mem_string (places->job), mem_string ("--no-export"), mem_string ("--quiet"),
        mem_string ("--set=corpus.bad_share=1"),
    };
    int n = 6, exit_code = EXIT_COMPLETE;
    const cli_flag_t *flag;
    const char *value;
    for (size_t i = 0; cli_each (cli, i, &flag, &value) && n < ARGUMENTS_MAX; i++)
        if (is_of_the_run (flag->name))
            arguments [n++] = value ? mem_printf ("%s=%s", flag->name, value) : mem_string (flag->name);
    cli_t *label = NULL;
    status_t status = cli_parse (&command_label.cli, n, arguments, &label, fault);
    if (status == OK)
        status = run_job (label, true, &exit_code, fault);
    cli_destroy (&label);
    for (int i = 0; i < n; i++)
        free (arguments [i]);
    if (status == OK && exit_code != EXIT_COMPLETE && exit_code != EXIT_SET_ASIDE)
        status = fault_set (fault, ERR_IO, "the pairs in %s could not be labelled", places->job);
    return status;
}

// --- its labels ---------------------------------------------------------------

// What a label says of the row's first response, which is side `left` of the stored pair's.
static void take_label (evaluate_row_t *row, const Rulemill__Label *label, bool swapped)
{
    if (label->outcome != RULEMILL__OUTCOME__OUTCOME_A && label->outcome != RULEMILL__OUTCOME__OUTCOME_B && label->outcome != RULEMILL__OUTCOME__OUTCOME_TIE)
        return;
    bool chosen_is_a = label->swapped == swapped;
    double n = label->n_rule ? (double) label->n_rule : 1;
    row->reward [0] [0] = 1e-6 * (double) (chosen_is_a ? label->sum_a : label->sum_b) / n;
    row->reward [0] [1] = 1e-6 * (double) (chosen_is_a ? label->sum_b : label->sum_a) / n;
    if (label->outcome != RULEMILL__OUTCOME__OUTCOME_TIE)
        row->points [0] = (label->outcome == RULEMILL__OUTCOME__OUTCOME_A) == chosen_is_a ? 1 : 0;
    row->tie [0] = label->outcome == RULEMILL__OUTCOME__OUTCOME_TIE;
}

static status_t read_row (opened_t *opened, scores_rows_t *names, size_t i, evaluate_row_t *row, fault_t *fault)
{
    char id [32];
    scores_found_t found;
    scores_at_t at;
    const scores_pair_t *pairs;
    size_t n = 0;
    int len = snprintf (id, sizeof id, "row-%zu", i);
    row->points [0] = 0.5;
    status_t status = scores_rows_find (names, id, (size_t) len, &found, &at, fault);
    if (status == OK && found == NAMES_ONE)
        status = scores_rows_pairs (names, at, &pairs, &n, fault);
    Rulemill__Label *label = NULL;
    if (status == OK && n > 0)
        status = record_get_label (opened->store, opened->run->number, pairs [0].pair, &label, fault);
    if (label) {
        take_label (row, label, pairs [0].swapped);
        rulemill__label__free_unpacked (label, NULL);
    }
    return status;
}

static status_t read_labels (const places_t *places, evaluate_rows_t *rows, char **note, fault_t *fault)
{
    static const _Atomic bool never;
    opened_t opened;
    scores_rows_t *names = NULL;
    status_t status = cmd_open (places->job, NULL, true, &opened, fault);
    if (status == OK)
        status = scores_rows_new (opened.store, &never, &names, fault);
    evaluate_row_t *row;
    for (size_t i = 0; status == OK && (row = evaluate_rows_at (rows, i)); i++)
        status = read_row (&opened, names, i, row, fault);
    if (status == OK) {
        char *judge = judge_setup_note_stored (opened.run->spec, opened.run->config);
        *note = mem_printf ("rules of %s judged by %s, policy %s", opened.pool->name, judge, opened.run->spec->policy);
        free (judge);
    }
    scores_rows_destroy (&names);
    cmd_close (&opened);
    return status;
}

status_t evaluate_by_judge (evaluate_rows_t *rows, const cli_t *cli, const char *work, char **note, fault_t *fault)
{
    *note = NULL;
    if (evaluate_rows_benchmark (rows) == &benchmark_rewardbench2)
        return fault_set (fault, ERR_USAGE, "--reward judge: labels are of pairs, so they can't say which of several responses is best; "
                          "RewardBench 2 needs rewards");
    places_t places = { 0 };
    status_t status = prepare (rows, work, &places, fault);
    if (status == OK)
        status = run (cli, &places, fault);
    if (status == OK)
        status = read_labels (&places, rows, note, fault);
    free (places.pairs);
    free (places.job);
    return status;
}

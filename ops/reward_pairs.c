#include "ops/reward_pairs.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/selection.h"
#include "storage/input.h"
#include "storage/row.h"
#include "storage/textkey.h"

enum { FILES_MAX = 3 };
#define VALIDATION_SHARE 0.1        // where the data has no validation file

struct reward_pairs {
    arena_t *texts;
    uint64_t bytes;                 // of them
    reward_pair_t *at;
    size_t n, cap;
};

// A file of a path: what its rows are.
typedef enum { OF_LABELS, OF_VALIDATION, OF_TIES } part_t;
typedef struct { char *path; part_t part; unsigned input; } file_t;

typedef struct {
    reward_pairs_t *pairs;
    row_parser_t *parser;
    json_doc_t *meta;
    double share;                   // of the groups that are kept
    uint64_t seed, bytes_max;
    reward_pairs_report_t *report;
} loader_t;

// --- texts that stay ----------------------------------------------------------

void reward_turns_of (const Rulemill__Conversation *text, reward_text_t *turns)
{
    for (size_t i = 0; i < text->n_turns; i++)
        turns [i] = (reward_text_t) { text->turns [i]->content, strlen (text->turns [i]->content) };
}

static reward_turns_t keep (reward_pairs_t *pairs, const Rulemill__Conversation *text)
{
    reward_text_t *turns = arena_take (pairs->texts, (text->n_turns + 1) * sizeof *turns);
    reward_turns_of (text, turns);
    for (size_t i = 0; i < text->n_turns; i++) {
        turns [i].text = arena_text (pairs->texts, turns [i].text, turns [i].len);
        pairs->bytes += sizeof *turns + turns [i].len + 1;
    }
    return (reward_turns_t) { turns, text->n_turns };
}

// --- one row ------------------------------------------------------------------

// More votes for a (or chosen) than for b (or rejected)?
static void read_votes (const json_value_t *votes, const char *a, const char *b, reward_pair_t *pair)
{
    int64_t for_a = 0, for_b = 0;
    if (!json_int (json_get (votes, a), &for_a) || !json_int (json_get (votes, b), &for_b))
        return;
    pair->has_given = true;
    pair->given = (for_a > for_b) - (for_a < for_b);
}

// What the export says beside the texts.
static void read_meta (loader_t *loader, const char *meta, part_t part, reward_pair_t *pair)
{
    const json_value_t *object;
    pair->margin = NAN;
    if (meta [0] == '\0' || json_parse (loader->meta, meta, strlen (meta), &object, NULL) != OK)
        return;
    json_double (json_get (object, "score_margin"), &pair->margin);
    pair->margin = fabs (pair->margin);
    read_votes (json_get (object, "given_preference"), part == OF_TIES ? "a" : "chosen", part == OF_TIES ? "b" : "rejected", pair);
}

// What a corpus's own row prefers is its label; in an export it is a vote.
static void take_side (const row_t *row, part_t part, reward_pair_t *pair)
{
    if (part == OF_TIES)
        return;
    pair->label = row->given == RULEMILL__SIDE__SIDE_A ? 1 : row->given == RULEMILL__SIDE__SIDE_B ? -1 : 0;
}

static void take_row (loader_t *loader, const row_t *row, const file_t *file)
{
    reward_pairs_t *pairs = loader->pairs;
    content_key_t group = textkey_group (row->prompt);
    if (!group_in_share (loader->seed, "sample", &group, loader->share)) {
        loader->report->left_out++;
        return;
    }
    if (pairs->n == pairs->cap) {
        pairs->cap = pairs->cap ? 2 * pairs->cap : 1024;
        pairs->at = mem_resize (pairs->at, pairs->cap * sizeof *pairs->at);
    }
    reward_pair_t *pair = &pairs->at [pairs->n++];
    *pair = (reward_pair_t) { .group = group, .validation = file->part == OF_VALIDATION, .input = file->input };
    pair->prompt = keep (pairs, row->prompt);
    pair->a = keep (pairs, row->responses [0].text);
    pair->b = keep (pairs, row->responses [1].text);
    take_side (row, file->part, pair);
    read_meta (loader, row->meta, file->part, pair);
}

static void bad (loader_t *loader, const char *path, uint64_t line, const char *why)
{
    if (loader->report->bad++ == 0)
        snprintf (loader->report->first_bad, sizeof loader->report->first_bad, "%.160s:%" PRIu64 ": %.300s", path, line, why);
}

static void take_line (loader_t *loader, const input_line_t *line, const file_t *file)
{
    row_t row;
    row_problem_t problem = { 0 };
    loader->report->rows++;
    if (line->too_long)
        bad (loader, file->path, line->row, "the line is too long");
    else if (!row_parse (loader->parser, line->text, line->len, &row, &problem))
        bad (loader, file->path, line->row, problem.detail);
    else if (row.listed)
        bad (loader, file->path, line->row, "a list of responses is no pair; label it first, or give chosen and rejected");
    else if (file->part != OF_TIES && row.given == RULEMILL__SIDE__SIDE_NONE)
        bad (loader, file->path, line->row, "it says not which response is preferred");
    else
        take_row (loader, &row, file);
}

// --- files --------------------------------------------------------------------

// take false: count the lines.
static status_t read_file (loader_t *loader, const file_t *file, bool take, uint64_t *lines, fault_t *fault)
{
    input_t *input = NULL;
    status_t status = input_open (file->path, LIMIT_ROW_BYTES, &input, fault);
    bool got = true;
    while (status == OK && got) {
        input_line_t line;
        status = input_next (input, &line, &got, fault);
        if (status != OK || !got || (line.len == 0 && !line.too_long))
            continue;
        ++*lines;
        if (take)
            take_line (loader, &line, file);
        if (loader->pairs->bytes > loader->bytes_max)
            status = fault_set (fault, ERR_LIMIT, "the pairs' texts take over %" PRIu64 " MB; give fewer with --max-pairs, or more memory with "
                                "--memory", loader->bytes_max >> 20);
    }
    input_close (&input);
    return status;
}

static void add_file (file_t *files, size_t *n, const char *folder, const char *name, part_t part, unsigned input)
{
    static const char *const ends [] = { ".jsonl", ".jsonl.zst" };
    for (int e = 0; e < 2; e++) {
        char *path = mem_printf ("%s/%s%s", folder, name, ends [e]);
        if (access (path, R_OK) == 0) {
            files [(*n)++] = (file_t) { path, part, input };
            return;
        }
        free (path);
    }
}

static status_t find_files (const char *path, unsigned input, file_t *files, size_t *n, fault_t *fault)
{
    struct stat about;
    if (stat (path, &about) != 0 || !S_ISDIR (about.st_mode)) {
        files [(*n)++] = (file_t) { mem_string (path), OF_LABELS, input };
        return OK;
    }
    char *inner = mem_printf ("%s/dataset", path);
    const char *folder = access (inner, F_OK) == 0 ? inner : path;
    size_t before = *n;
    add_file (files, n, folder, "train", OF_LABELS, input);
    add_file (files, n, folder, "validation", OF_VALIDATION, input);
    add_file (files, n, folder, "ties", OF_TIES, input);
    free (inner);
    return *n > before ? OK : fault_set (fault, ERR_USAGE, "%s holds no dataset (train.jsonl); give a dataset's folder or a file of pairs; "
                                     "rulemill export writes the dataset of a job that has none", path);
}

static int compare_groups (const void *x, const void *y)
{
    return memcmp (x, y, KEY_BYTES);
}

// Prompts of the validation file are validation wherever they stand. Without such a file a share of all groups is.
static void mark_validation (reward_pairs_t *pairs, uint64_t seed)
{
    content_key_t *groups = mem_new ((pairs->n + 1) * sizeof *groups);
    size_t n = 0;
    for (size_t i = 0; i < pairs->n; i++)
        if (pairs->at [i].validation)
            groups [n++] = pairs->at [i].group;
    if (n > 1)
        qsort (groups, n, sizeof *groups, compare_groups);
    for (size_t i = 0; i < pairs->n; i++)
        pairs->at [i].validation = n ? bsearch (&pairs->at [i].group, groups, n, sizeof *groups, compare_groups) != NULL
                                 : group_in_share (seed, "validation", &pairs->at [i].group, VALIDATION_SHARE);
    free (groups);
}

static status_t load (loader_t *loader, const file_t *files, size_t n, size_t pairs_max, fault_t *fault)
{
    uint64_t lines = 0, again = 0;
    status_t status = row_parser_new (NULL, LIMIT_TEXT_BYTES, &loader->parser, fault);
    for (size_t i = 0; status == OK && i < n; i++)
        status = read_file (loader, &files [i], false, &lines, fault);
    loader->share = lines > pairs_max ? (double) pairs_max / (double) lines : 1;
    for (size_t i = 0; status == OK && i < n; i++)
        status = read_file (loader, &files [i], true, &again, fault);
    if (status != OK || loader->pairs->n > 0)
        return status;
    if (loader->report->bad > 0)
        return fault_set (fault, ERR_FORMAT, "no row can be used: %s", loader->report->first_bad);
    return fault_set (fault, ERR_FORMAT, "%s: %s", files [0].path, lines == 0 ? "no rows in it; is this the right file?"
                      : "no row is left of so small a sample; raise --max-pairs");
}

status_t reward_pairs_load (const char *const *paths, size_t n_paths, size_t pairs_max, uint64_t bytes_max, uint64_t seed,
                            reward_pairs_t **out, reward_pairs_report_t *report, fault_t *fault)
{
    reward_pairs_t *pairs = mem_zero (1, sizeof *pairs);
    pairs->texts = arena_new ();
    *report = (reward_pairs_report_t) { 0 };
    loader_t loader = { .pairs = pairs, .meta = json_doc_new (), .seed = seed, .bytes_max = bytes_max, .report = report };
    file_t *files = mem_zero (n_paths * FILES_MAX, sizeof *files);
    size_t n = 0;
    status_t status = OK;
    for (size_t i = 0; status == OK && i < n_paths; i++)
        status = find_files (paths [i], (unsigned) i, files, &n, fault);
    if (status == OK)
        status = load (&loader, files, n, pairs_max, fault);
    for (size_t i = 0; i < n; i++)
        free (files [i].path);
    free (files);
    row_parser_destroy (&loader.parser);
    json_doc_destroy (&loader.meta);
    if (status == OK)
        mark_validation (pairs, seed);
    else
        reward_pairs_destroy (&pairs);
    *out = pairs;
    return status;
}

void reward_pairs_destroy (reward_pairs_t **pairs)
{
    if (*pairs == NULL)
        return;
    arena_destroy (&(*pairs)->texts);
    free ((*pairs)->at);
    free (*pairs);
    *pairs = NULL;
}

const reward_pair_t *reward_pairs_at (const reward_pairs_t *pairs, size_t *n)
{
    *n = pairs->n;
    return pairs->at;
}

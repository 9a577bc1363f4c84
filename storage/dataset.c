#include "storage/dataset.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "storage/dataset_card.h"
#include "storage/dataset_cells.h"
#include "storage/dataset_export.h"
#include "storage/dataset_manifest.h"
#include "storage/run.h"

enum { SOURCE_SHIFT = 48 };         // above numbers of prompts: several stores have the same ones

// --- shared by the parts ---------------------------------------------------

status_t dataset_put_line (dataset_export_t *e, dataset_part_t part, fault_t *fault)
{
    status_t status = dataset_file_row (e->files [part], &e->line, fault);
    buf_clear (&e->line);
    return status;
}

status_t dataset_check_stop (const dataset_export_t *e, fault_t *fault)
{
    if (e->progress && atomic_load (&e->progress->stop))
        return fault_set (fault, ERR_STOPPED, "the export was stopped; nothing has changed, run it again");
    return OK;
}

bool dataset_in_validation (uint64_t seed, double share, const ProtobufCBinaryData *group_key)
{
    content_key_t group;
    memcpy (group.b, group_key->data, KEY_BYTES);
    return group_in_share (seed, "validation", &group, share);
}

// --- labelled pairs --------------------------------------------------------

static status_t check_rules (const dataset_export_t *e, const dataset_item_t *item, fault_t *fault)
{
    for (size_t r = 0; r < item->label->n_rule; r++)
        if (item->label->rule [r] >= e->options->n_rules)
            return fault_set (fault, ERR_CORRUPT, "the label of %s names rule %" PRIu32 ", and the run's pool has %zu; "
                              "restore the store from a backup", item->id, item->label->rule [r], e->options->n_rules);
    return OK;
}

// The label and the stated preference against each other, and both against the responses' lengths.
static void compare (dataset_export_t *e, const dataset_item_t *item, const dataset_view_t *view)
{
    dataset_report_t *report = e->report;
    uint64_t prompt = (uint64_t) item->source << SOURCE_SHIFT ^ item->pair->prompt;
    size_t first = dataset_text_bytes (view->first->response), second = dataset_text_bytes (view->second->response);
    uint64_t votes = view->votes_first + view->votes_second + view->votes_tie;
    bool for_first = view->votes_first > view->votes_second, for_second = view->votes_second > view->votes_first;
    if (!view->tie) {
        report->longer += first > second;
        report->shorter += first < second;
        report->votes_agree += for_first;
        report->votes_disagree += for_second;
        report->votes_split += votes > 0 && !for_first && !for_second;
    } else
        report->votes_tied += votes > 0;
    if (!view->tie && (for_first || for_second))
        prompt_share_add (&e->agreement, prompt, for_first, 1);
    if (first != second && (for_first || for_second))
        prompt_share_add (&e->longer, prompt, for_first == (first > second), 1);
    report->given_longer += (for_first && first > second) || (for_second && second > first);
    report->given_shorter += (for_first && first < second) || (for_second && second < first);
}

// Which condition of the options leaves a labelled pair out; NULL: none. Its texts are needed for RewardBench rows alone.
static uint64_t *left_out (dataset_export_t *e, const dataset_item_t *item, const dataset_view_t *view)
{
    if (!dataset_where_holds (e->where, &e->style, item, view))
        return &e->counts.by_where;
    if (view->margin < e->options->min_margin)
        return &e->counts.by_margin;
    if (!dataset_row_fits (e->style.format, view))
        return &e->counts.by_format;
    return NULL;
}

static status_t put_labelled (dataset_export_t *e, const dataset_item_t *item, const dataset_view_t *view, fault_t *fault)
{
    uint64_t *reason = left_out (e, item, view);
    if (reason == NULL && e->keep && !dataset_keep_has (e->keep, item->order))
        reason = &e->counts.by_prompt;
    if (reason) {
        ++*reason;
        e->report->filtered++;
        return OK;
    }
    bool validation = dataset_in_validation (e->run->spec->seed, e->options->validation_share, &item->prompt->group_key);
    dataset_write_labelled (&e->style, item, view, &e->line);
    if (validation)
        e->report->validation++;
    else
        e->report->train++;
    return dataset_put_line (e, validation ? PART_VALIDATION : PART_TRAIN, fault);
}

static status_t put_tie (dataset_export_t *e, const dataset_item_t *item, const dataset_view_t *view, fault_t *fault)
{
    if (!dataset_where_holds (e->where, &e->style, item, view)) {
        e->counts.by_where++;
        e->report->filtered++;
        return OK;
    }
    e->report->ties++;
    e->report->tie_identical += item->label->tie_reason == RULEMILL__TIE_REASON__TIE_IDENTICAL;
    e->report->tie_no_rule += item->label->tie_reason == RULEMILL__TIE_REASON__TIE_NO_RULE;
    e->report->tie_margin += item->label->tie_reason == RULEMILL__TIE_REASON__TIE_MARGIN;
    dataset_write_tie (&e->style, item, view, &e->line);
    return dataset_put_line (e, PART_TIES, fault);
}

// --- one pass over the pairs -----------------------------------------------

static bool is_labelled (const dataset_item_t *item)
{
    return item->label && !item->excluded && (item->label->outcome == RULEMILL__OUTCOME__OUTCOME_A
                                              || item->label->outcome == RULEMILL__OUTCOME__OUTCOME_B);
}

static bool is_tie (const dataset_item_t *item)
{
    return item->label && !item->excluded && item->label->outcome == RULEMILL__OUTCOME__OUTCOME_TIE;
}

static status_t put_set_aside (dataset_export_t *e, const dataset_item_t *item, fault_t *fault)
{
    if (item->excluded) {
        e->report->excluded++;
        e->counts.excluded_prompts += item->first_excluded;
    } else {
        e->report->quarantined++;
        e->counts.quarantined_pairs++;
    }
    dataset_write_set_aside (&e->style, item, &e->line);
    return dataset_put_line (e, PART_QUARANTINE, fault);
}

static status_t put_item (dataset_export_t *e, const dataset_item_t *item, fault_t *fault)
{
    e->counts.pairs++;
    if (is_labelled (item) || is_tie (item)) {
        status_t status = check_rules (e, item, fault);
        if (status != OK)
            return status;
        dataset_view_t view = dataset_view_of (item);
        compare (e, item, &view);
        dataset_tally_add (e->tally, item, &view);
        return view.tie ? put_tie (e, item, &view, fault) : put_labelled (e, item, &view, fault);
    }
    if (item->excluded || (item->label && item->label->outcome == RULEMILL__OUTCOME__OUTCOME_QUARANTINED))
        return put_set_aside (e, item, fault);
    e->counts.unlabelled++;
    if (e->options->all_labelled)
        return fault_set (fault, ERR_MISMATCH, "%s: the pair %s has no label yet; finish the job there (rulemill label --out %s), or take what there is "
                          "(--partial)", e->sources [item->source].dir, item->id, e->sources [item->source].dir);
    return OK;
}

// A duplicate's line is written as the walk meets it.
static status_t put_duplicate (void *ctx, const dataset_item_t *pair, place_t place, const Rulemill__RowRecord *row,
                               const Rulemill__DuplicateRecord *duplicate, fault_t *fault)
{
    dataset_export_t *e = ctx;
    e->report->duplicates++;
    dataset_write_duplicate (&e->style, pair, place, row, duplicate, &e->line);
    return dataset_put_line (e, PART_DUPLICATES, fault);
}

// A whole row was set aside, or one response of a row whose others make pairs (its place is i = j; the row is there).
static status_t put_reject (void *ctx, store_t *store, place_t place, const Rulemill__RejectRecord *reject, fault_t *fault)
{
    dataset_export_t *e = ctx;
    Rulemill__RowRecord *row = NULL;
    status_t status = record_get_row (store, place.input, place.row, &row, fault);
    if (status != OK)
        return status;
    e->report->quarantined++;
    if (row)
        e->counts.rejected_responses++;
    else
        e->counts.rejected_rows++;
    dataset_write_reject (&e->style, place, row != NULL, reject, &e->line);
    if (row)
        rulemill__row_record__free_unpacked (row, NULL);
    return dataset_put_line (e, PART_QUARANTINE, fault);
}

static status_t step (const dataset_export_t *e, fault_t *fault)
{
    if (e->progress)
        atomic_fetch_add (&e->progress->pairs_done, 1);
    return dataset_check_stop (e, fault);
}

static status_t write_pairs (dataset_export_t *e, dataset_cells_t *cells, fault_t *fault)
{
    const dataset_merge_options_t options = { WALK_LABELLED_TEXTS, put_duplicate, put_reject, e };
    dataset_merge_t *merge = dataset_merge_new (e->sources, e->n_sources, &options);
    const dataset_item_t *item;
    status_t status;
    while ((status = dataset_merge_next (merge, &item, fault)) == OK && item) {
        status = put_item (e, item, fault);
        if (status == OK && cells)
            status = dataset_cells_write (cells, e, item, fault);
        if (status == OK)
            status = step (e, fault);
        if (status != OK)
            break;
    }
    dataset_merge_destroy (&merge);
    return status;
}

// --- the pass before it, for max_per_prompt --------------------------------

static status_t choose_kept (dataset_export_t *e, fault_t *fault)
{
    e->keep = dataset_keep_new (e->options->max_per_prompt, dataset_folder_path (e->folder), 0);
    const dataset_merge_options_t options = { .depth = e->style.format == FORMAT_REWARDBENCH ? WALK_LABELLED_TEXTS : WALK_NO_TEXTS };
    dataset_merge_t *merge = dataset_merge_new (e->sources, e->n_sources, &options);
    const dataset_item_t *item;
    status_t status;
    while ((status = dataset_merge_next (merge, &item, fault)) == OK && item) {
        if (is_labelled (item) && (status = check_rules (e, item, fault)) == OK) {
            dataset_view_t view = dataset_view_of (item);
            if (left_out (e, item, &view) == NULL)
                status = dataset_keep_add (e->keep, item->prompt_id, view.margin, item->order, fault);
        }
        if (status == OK)
            status = step (e, fault);
        if (status != OK)
            break;
    }
    dataset_merge_destroy (&merge);
    return status == OK ? dataset_keep_choose (e->keep, fault) : status;
}

// --- begin and end ---------------------------------------------------------

static status_t check_options (const dataset_options_t *options, fault_t *fault)
{
    double share = options->validation_share;
    if (!(share >= 0 && share <= 1))
        return fault_set (fault, ERR_USAGE, "validation share %g: it lies between 0 and 1", share);
    if (options->min_margin < 0)
        return fault_set (fault, ERR_USAGE, "min-margin is negative; margins begin at 0");
    return OK;
}

// What the first source says, with the others' counts.
static status_t load_source (dataset_export_t *e, const dataset_source_t *source, fault_t *fault)
{
    Rulemill__CorpusState *corpus = NULL;
    status_t status = record_get_corpus (source->store, &corpus, fault);
    if (status == OK && corpus == NULL)
        status = fault_set (fault, ERR_NOT_FOUND, "%s holds no corpus yet; label one first", source->dir);
    if (status != OK)
        return status;
    e->counts.rows_read += corpus->rows_read;
    e->corpus_pairs += corpus->pairs;
    if (source == e->sources)
        e->corpus = corpus;
    else
        rulemill__corpus_state__free_unpacked (corpus, NULL);
    return OK;
}

static status_t load_sources (dataset_export_t *e, fault_t *fault)
{
    status_t status = OK;
    for (size_t s = 0; s < e->n_sources && status == OK; s++)
        status = load_source (e, &e->sources [s], fault);
    if (status == OK)
        status = record_get_auto (e->sources->store, e->run->number, &e->automatic, fault);
    if (status == OK && e->automatic && e->n_sources > 1 && e->automatic->price) {
        // estimated for a part by itself
        rulemill__auto_price__free_unpacked (e->automatic->price, NULL);
        e->automatic->price = NULL;
    }
    return status;
}

static status_t prepare (dataset_export_t *e, const char *place, fault_t *fault)
{
    const dataset_options_t *options = e->options;
    status_t status = check_options (options, fault);
    if (status == OK && (e->run->spec == NULL || e->run->digest.len != DIGEST_BYTES))
        status = fault_set (fault, ERR_CORRUPT, "the run has no specification; restore the store from a backup");
    if (status == OK)
        status = dataset_where_new (options->where, options->n_where, &e->where, fault);
    if (status == OK && options->sign_key)
        status = sign_key_private (options->sign_key, &e->key, fault);
    if (status == OK)
        status = load_sources (e, fault);
    if (status == OK)
        status = dataset_cells_check (e, fault);
    if (status == OK)
        status = dataset_folder_open (place, &e->folder, fault);
    for (int part = 0; part < PART_COUNT && status == OK; part++)
        e->files [part] = dataset_file_new (dataset_folder_fd (e->folder), dataset_folder_path (e->folder),
                                            dataset_part_file ((dataset_part_t) part), options->zstd);
    return status;
}

static status_t write_rows (dataset_export_t *e, fault_t *fault)
{
    const dataset_options_t *options = e->options;
    status_t status = OK;
    if (e->progress)
        atomic_store (&e->progress->pairs_total, e->corpus_pairs * (options->max_per_prompt ? 2 : 1));
    dataset_cells_t *cells = options->cells || options->responses ? dataset_cells_new (e) : NULL;
    if (options->max_per_prompt)
        status = choose_kept (e, fault);
    if (status == OK)
        status = write_pairs (e, cells, fault);
    if (status == OK)
        status = dataset_cells_check_end (e, fault);
    e->report->by_adapter = dataset_tally_pairs (e->tally, TALLY_ADAPTER);
    e->report->cells_all = dataset_tally_cells_all (e->tally);
    e->report->cells_selected = dataset_tally_cells_selected (e->tally);
    if (status == OK)
        status = dataset_where_check (e->where, fault);
    dataset_cells_destroy (&cells);
    for (int part = 0; part < PART_COUNT && status == OK; part++)
        status = dataset_file_end (e->files [part], fault);
    return status;
}

// A whole small file.
static status_t write_file (dataset_export_t *e, const char *name, const void *bytes, size_t len, dataset_file_t **out, fault_t *fault)
{
    *out = dataset_file_new (dataset_folder_fd (e->folder), dataset_folder_path (e->folder), name, false);
    status_t status = dataset_file_add (*out, bytes, len, fault);
    return status == OK ? dataset_file_end (*out, fault) : status;
}

static status_t write_signature (dataset_export_t *e, const buf_t *manifest, fault_t *fault)
{
    uint8_t signature [SIGNATURE_BYTES];
    dataset_file_t *file = NULL;
    status_t status = sign_bytes (e->key, manifest->data, manifest->len, signature, fault);
    if (status == OK)
        status = write_file (e, "manifest.sig", signature, sizeof signature, &file, fault);
    dataset_file_destroy (&file);
    return status;
}

static status_t write_papers (dataset_export_t *e, fault_t *fault)
{
    buf_t text = { 0 };
    dataset_file_t *card = NULL, *manifest = NULL;
    dataset_card_write (e, &text);
    status_t status = write_file (e, "README.md", text.data, text.len, &card, fault);
    buf_clear (&text);
    if (status == OK)
        status = dataset_manifest_write (e, card, &text, fault);
    if (status == OK)
        status = write_file (e, "manifest.json", text.data, text.len, &manifest, fault);
    if (status == OK && e->key)
        status = write_signature (e, &text, fault);
    dataset_file_destroy (&card);
    dataset_file_destroy (&manifest);
    buf_free (&text);
    return status;
}

static void clean_up (dataset_export_t *e)
{
    for (int part = 0; part < PART_COUNT; part++)
        dataset_file_destroy (&e->files [part]);
    dataset_keep_destroy (&e->keep);
    dataset_folder_close (&e->folder);
    dataset_where_destroy (&e->where);
    sign_key_destroy (&e->key);
    input_names_free (&e->style.inputs);
    if (e->corpus)
        rulemill__corpus_state__free_unpacked (e->corpus, NULL);
    if (e->automatic)
        rulemill__auto_record__free_unpacked (e->automatic, NULL);
    dataset_tally_destroy (&e->tally);
    free (e->style.adapters);
    buf_free (&e->line);
}

static void name_style (dataset_export_t *e)
{
    const Rulemill__RunSpec *spec = e->run->spec;
    digest_t digest = { { 0 } };
    if (e->run->digest.len == DIGEST_BYTES)
        memcpy (digest.b, e->run->digest.data, DIGEST_BYTES);
    run_name (&digest, e->style.run);
    e->style.format = e->options->format;
    e->style.rules = e->options->rules;
    if (spec && spec->adapter.len == DIGEST_BYTES)
        hex_encode (spec->adapter.data, DIGEST_BYTES, e->style.adapter);
}

static void name_adapters (dataset_export_t *e)
{
    size_t n = e->automatic ? e->automatic->n_adapter : 0;
    e->style.adapters = mem_zero (n + 1, sizeof *e->style.adapters);
    for (; e->style.n_adapters < n; e->style.n_adapters++) {
        const ProtobufCBinaryData *digest = &e->automatic->adapter [e->style.n_adapters]->digest;
        if (digest->len == DIGEST_BYTES)
            hex_encode (digest->data, DIGEST_BYTES, e->style.adapters [e->style.n_adapters]);
    }
}

static status_t export_to (dataset_export_t *e, const char *place, fault_t *fault)
{
    e->tally = dataset_tally_new (e->options->n_rules);
    status_t status = prepare (e, place, fault);
    name_adapters (e);
    if (status == OK)
        input_names_init (&e->style.inputs, e->corpus);
    if (status == OK)
        status = write_rows (e, fault);
    if (status == OK)
        status = write_papers (e, fault);
    if (status == OK)
        status = dataset_check_stop (e, fault);
    if (status == OK)
        status = dataset_folder_commit (e->folder, fault);
    return status;
}

static status_t export (const dataset_source_t *sources, size_t n, const dataset_options_t *options, dataset_progress_t *progress,
                        dataset_report_t *report, fault_t *fault)
{
    *report = (dataset_report_t) { 0 };
    dataset_export_t e = {
        .sources = sources, .n_sources = n, .run = sources->run, .options = options, .progress = progress, .report = report
    };
    name_style (&e);
    char *target = mem_printf ("%s/dataset", e.style.run);
    char *place = options->out ? mem_string (options->out) : mem_printf ("%s/%s", options->dir, target);
    status_t status = export_to (&e, place, fault);
    if (status == OK && options->out == NULL)
        status = dataset_folder_link (options->dir, target, fault);
    report->agree_worth = (uint64_t) llround (prompt_share_worth (&e.agreement));
    report->longer_worth = (uint64_t) llround (prompt_share_worth (&e.longer));
    if (status == OK)
        snprintf (report->path, sizeof report->path, "%s", place);
    clean_up (&e);
    free (target);
    free (place);
    return status;
}

status_t dataset_export (store_t *store, const Rulemill__RunRecord *run, const dataset_options_t *options,
                         dataset_progress_t *progress, dataset_report_t *report, fault_t *fault)
{
    fault_t own = { 0 };
    const dataset_source_t source = { store, run, options->dir };
    return export (&source, 1, options, progress, report, fault ? fault : &own);
}

status_t dataset_join (const dataset_source_t *parts, size_t n, const dataset_options_t *options, dataset_progress_t *progress,
                       dataset_report_t *report, fault_t *fault)
{
    return export (parts, n, options, progress, report, fault);
}

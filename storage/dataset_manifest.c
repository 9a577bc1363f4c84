#include "storage/dataset_manifest.h"

#include <inttypes.h>
#include <string.h>

#include "base/cell.h"
#include "base/json.h"
#include "storage/auto_record.h"
#include "storage/corpus_part.h"
#include "storage/run.h"

const char *dataset_format_name (dataset_format_t format)
{
    static const char *const names [] = { "explicit", "implicit", "text", "rewardbench" };
    return names [format];
}

// Bytes as hexadecimal; null where there are none.
static void add_hex (buf_t *out, const char *key, const uint8_t *bytes, size_t len)
{
    char hex [DIGEST_HEX + 1];
    json_write_key (out, key);
    if (len == 0 || len > DIGEST_BYTES)
        buf_add_str (out, "null");
    else {
        hex_encode (bytes, len, hex);
        json_write_cstring (out, hex);
    }
}

// --- the run ---------------------------------------------------------------

// run_describe's lines as members: the one list of what decides a label is run.c's.
static void add_spec (const Rulemill__RunSpec *spec, buf_t *out)
{
    buf_t lines = { 0 };
    run_describe (spec, &lines);
    json_member_object (out, "spec");
    const char *line = lines.data ? lines.data : "";
    while (*line) {
        size_t len = strcspn (line, "\n");
        const char *colon = memchr (line, ':', len);
        if (colon) {
            const char *value = colon + 1 + (colon [1] == ' ');
            if (out->data [out->len - 1] != '{')
                buf_add_char (out, ',');
            json_write_string (out, line, (size_t) (colon - line));
            buf_add_char (out, ':');
            json_write_string (out, value, (size_t) (line + len - value));
        }
        line += len + (line [len] == '\n');
    }
    buf_add_char (out, '}');
    buf_free (&lines);
}

static void add_rules (const dataset_export_t *e, buf_t *out)
{
    json_write_key (out, "rules");
    buf_add_char (out, '[');
    for (size_t r = 0; r < e->options->n_rules; r++) {
        const dataset_rule_t *rule = &e->options->rules [r];
        buf_add_str (out, r ? ",{" : "{");
        json_member_text (out, "id", rule->id);
        json_member_text (out, "text", rule->text);
        json_member_text (out, "category", rule->category);
        json_write_key (out, "polarity");
        buf_printf (out, "%d", rule->polarity);
        buf_add_char (out, '}');
    }
    buf_add_char (out, ']');
}

static void add_run (const dataset_export_t *e, buf_t *out)
{
    const Rulemill__RunSpec *spec = e->run->spec;
    json_member_text (out, "run", e->style.run);
    add_hex (out, "run_digest", e->run->digest.data, e->run->digest.len);
    add_spec (spec, out);
    json_member_count (out, "seed", spec->seed);
    json_member_object (out, "judge");
    json_member_text (out, "name", spec->judge);
    add_hex (out, "identity", spec->judge_identity.data, spec->judge_identity.len);
    json_member_text (out, "note", e->options->judge_note);
    buf_add_char (out, '}');
    if (*spec->adapter_model) {
        json_member_object (out, "adapter");
        add_hex (out, "digest", spec->adapter.data, spec->adapter.len);
        json_member_text (out, "served_model", spec->adapter_model);
        buf_add_char (out, '}');
    }
    add_hex (out, "rules_digest", spec->pool.data, spec->pool.len);
    add_rules (e, out);
}

// --- what went in ----------------------------------------------------------

// Which part of a corpus this is, or how many were joined.
static void add_parts (const dataset_export_t *e, buf_t *out)
{
    corpus_part_t part = corpus_part_of (e->corpus);
    if (e->n_sources > 1)
        json_member_count (out, "joined_parts", part.of);
    else if (part.of > 0)
        corpus_part_member (part, out);
}

static void add_inputs (const dataset_export_t *e, buf_t *out)
{
    json_write_key (out, "inputs");
    buf_add_char (out, '[');
    for (size_t i = 0; i < e->corpus->n_inputs; i++) {
        const Rulemill__InputFile *input = e->corpus->inputs [i];
        buf_t name = { 0 };
        input_names_write (&e->style.inputs, (uint32_t) i, &name);
        buf_add_str (out, i ? ",{" : "{");
        json_member_text (out, "name", name.data ? name.data : "");
        add_hex (out, "sha256", input->sha256.data, input->sha256.len);
        json_member_count (out, "bytes", input->size);
        json_member_count (out, "rows", input->rows);
        buf_add_char (out, '}');
        buf_free (&name);
    }
    buf_add_char (out, ']');

    json_write_key (out, "exclude");
    buf_add_char (out, '[');
    for (size_t i = 0; i < e->run->spec->n_exclude; i++) {
        const ProtobufCBinaryData *digest = &e->run->spec->exclude [i];
        buf_add_str (out, i ? ",{" : "{");
        add_hex (out, "sha256", digest->data, digest->len);
        buf_add_char (out, '}');
    }
    buf_add_char (out, ']');
}

static void add_options (const dataset_export_t *e, buf_t *out)
{
    const dataset_options_t *options = e->options;
    json_member_object (out, "export");
    json_member_text (out, "format", dataset_format_name (options->format));
    json_write_key (out, "validation_share");
    json_write_micro (out, cell_micro (options->validation_share, CELL_ONE));
    json_write_key (out, "min_margin");
    json_write_micro (out, options->min_margin);
    json_member_count (out, "max_per_prompt", options->max_per_prompt);
    json_write_key (out, "where");
    buf_add_char (out, '[');
    for (size_t i = 0; i < options->n_where; i++) {
        buf_add_str (out, i ? "," : "");
        json_write_cstring (out, options->where [i]);
    }
    buf_add_str (out, "]}");
}

// --- what came out ---------------------------------------------------------

static void add_filters (const dataset_counts_t *counts, buf_t *out)
{
    json_member_object (out, "filtered_by");
    json_member_count (out, "where", counts->by_where);
    json_member_count (out, "min_margin", counts->by_margin);
    json_member_count (out, "format", counts->by_format);
    json_member_count (out, "max_per_prompt", counts->by_prompt);
    buf_add_char (out, '}');
}

static void add_counts (const dataset_export_t *e, buf_t *out)
{
    const dataset_report_t *report = e->report;
    json_member_object (out, "counts");
    json_member_count (out, "rows_read", e->counts.rows_read);
    json_member_count (out, "rows_set_aside", e->counts.rejected_rows);
    json_member_count (out, "responses_set_aside", e->counts.rejected_responses);
    json_member_count (out, "pairs", e->counts.pairs);
    json_member_count (out, "train", report->train);
    json_member_count (out, "validation", report->validation);
    json_member_count (out, "filtered", report->filtered);
    add_filters (&e->counts, out);
    json_member_count (out, "ties", report->ties);
    json_member_object (out, "tie_reasons");
    json_member_count (out, "identical", report->tie_identical);
    json_member_count (out, "no-rule", report->tie_no_rule);
    json_member_count (out, "margin", report->tie_margin);
    buf_add_char (out, '}');
    json_member_count (out, "duplicates", report->duplicates);
    json_member_count (out, "quarantined_pairs", e->counts.quarantined_pairs);
    json_member_count (out, "excluded_pairs", report->excluded);
    json_member_count (out, "excluded_prompts", e->counts.excluded_prompts);
    json_member_count (out, "unlabelled_pairs", e->counts.unlabelled);
    buf_add_char (out, '}');
}

// How the labels stand against what the corpus states and against the lengths of the responses.
static void add_comparison (const dataset_report_t *report, buf_t *out)
{
    json_member_object (out, "given_preferences");
    json_member_count (out, "agree", report->votes_agree);
    json_member_count (out, "disagree", report->votes_disagree);
    json_member_count (out, "split", report->votes_split);
    json_member_count (out, "label_is_a_tie", report->votes_tied);
    json_member_count (out, "prefer_longer", report->given_longer);
    json_member_count (out, "prefer_shorter", report->given_shorter);
    buf_add_char (out, '}');
    json_member_object (out, "length");
    json_member_count (out, "chosen_is_longer", report->longer);
    json_member_count (out, "chosen_is_shorter", report->shorter);
    buf_add_char (out, '}');
}

static void add_share (buf_t *out, const char *key, uint64_t threshold)
{
    json_write_key (out, key);
    buf_printf (out, "%.6f", (double) threshold / 18446744073709551616.0);
}

// What each of its choices takes, in cells.
static void add_price (const Rulemill__AutoPrice *price, buf_t *out)
{
    if (price == NULL)
        return;
    json_member_object (out, "price");
    json_member_text (out, "estimated_from", auto_price_source (price->by_sample));
    json_member_count (out, "exhaustive_cells", price->exhaustive);
    json_member_count (out, "adapter_cells", price->adapter);
    buf_add_char (out, '}');
}

// How often an adapter's label was the exhaustive one, as far as all was gone through.
static void add_audits (const Rulemill__AutoRecord *record, buf_t *out)
{
    Rulemill__AuditSums sums = RULEMILL__AUDIT_SUMS__INIT;
    if (record->audit_all)
        auto_sums_join (&sums, record->audit_all);
    if (record->audit_tail)
        auto_sums_join (&sums, record->audit_tail);
    const auto_agreement_t agreement = auto_agreement_of (&sums);
    json_member_count (out, "audited_pairs", sums.pairs);
    json_member_count (out, "audited_alike", sums.alike);
    json_write_key (out, "agreement");
    auto_agreement_write (&agreement, "too few to say", out);
    json_member_count (out, "failed_audits", sums.failed);
}

// What the policy auto decided, and by which figures.
static void add_auto (const dataset_export_t *e, buf_t *out)
{
    const Rulemill__AutoRecord *record = e->automatic;
    if (record == NULL)
        return;
    json_member_object (out, "auto");
    json_member_text (out, "choice", auto_choice_name (record->choice));
    json_member_text (out, "reason", record->reason);
    add_share (out, "sampled_share", record->step > 0 ? record->sample_threshold : 0);
    add_share (out, "audited_share", record->audit_threshold);
    add_audits (record, out);
    json_member_count (out, "pairs_by_adapter", e->report->by_adapter);
    add_price (record->price, out);
    json_write_key (out, "adapters");
    buf_add_char (out, '[');
    for (size_t i = 0; i < record->n_adapter; i++) {
        buf_add_str (out, i ? ",{" : "{");
        json_member_text (out, "digest", e->style.adapters [i]);
        json_member_count (out, "from_pair", record->adapter [i]->from_pair);
        buf_add_char (out, '}');
    }
    buf_add_str (out, "]}");
}

static void add_file (const dataset_file_t *file, bool rows, buf_t *out)
{
    buf_add_str (out, out->data [out->len - 1] == '[' ? "{" : ",{");
    json_member_text (out, "name", dataset_file_name (file));
    json_write_key (out, "rows");
    if (rows)
        buf_printf (out, "%" PRIu64, dataset_file_rows (file));
    else
        buf_add_str (out, "null");
    json_member_count (out, "bytes", dataset_file_bytes (file));
    add_hex (out, "sha256", dataset_file_digest (file)->b, DIGEST_BYTES);
    buf_add_char (out, '}');
}

static void add_files (const dataset_export_t *e, const dataset_file_t *card, buf_t *out)
{
    json_write_key (out, "files");
    buf_add_char (out, '[');
    for (int part = 0; part < PART_COUNT; part++)
        if (dataset_file_rows (e->files [part]) > 0)
            add_file (e->files [part], true, out);
    add_file (card, false, out);
    buf_add_char (out, ']');
}

// --- for people ------------------------------------------------------------

static void line_break (buf_t *out, unsigned depth)
{
    buf_add_char (out, '\n');
    for (unsigned i = 0; i < depth; i++)
        buf_add_str (out, "  ");
}

// Compact JSON with line breaks: the members of the first two levels stand on lines of their own.
static void indent (const buf_t *compact, buf_t *out)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < compact->len; i++) {
        char c = compact->data [i];
        if (in_string || c == '"') {
            buf_add_char (out, c);
            if (in_string && c == '\\')
                buf_add_char (out, compact->data [++i]);
            else if (c == '"')
                in_string = !in_string;
            continue;
        }
        bool closes = c == '}' || c == ']', opens = c == '{' || c == '[';
        bool empty = closes && strchr ("{[", compact->data [i - 1]);
        if (closes && depth-- <= 2 && !empty)
            line_break (out, depth);
        buf_add_char (out, c);
        depth += opens;
        bool next_closes = i + 1 < compact->len && strchr ("}]", compact->data [i + 1]);
        if ((opens && !next_closes && depth <= 2) || (c == ',' && depth <= 2))
            line_break (out, depth);
        else if (c == ':' || c == ',')
            buf_add_char (out, ' ');
    }
    buf_add_char (out, '\n');
}

status_t dataset_manifest_write (const dataset_export_t *e, const dataset_file_t *card, buf_t *out, fault_t *fault)
{
    buf_t compact = { 0 };
    buf_add_char (&compact, '{');
    json_member_text (&compact, "format", "rulemill-dataset");
    json_member_count (&compact, "format_version", MANIFEST_VERSION);
    add_run (e, &compact);
    add_parts (e, &compact);
    add_inputs (e, &compact);
    add_options (e, &compact);
    add_counts (e, &compact);
    add_auto (e, &compact);
    add_comparison (e->report, &compact);
    add_files (e, card, &compact);
    status_t status = OK;
    if (e->key) {
        char name [65];
        status = sign_key_name (e->key, name, fault);
        json_member_object (&compact, "signature");
        json_member_text (&compact, "algorithm", "ed25519");
        json_member_text (&compact, "file", "manifest.sig");
        json_member_text (&compact, "public_key", status == OK ? name : NULL);
        buf_add_char (&compact, '}');
    }
    buf_add_char (&compact, '}');
    if (status == OK)
        indent (&compact, out);
    buf_free (&compact);
    return status;
}

#include "ops/batch_import.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "ops/batch_cells.h"
#include "storage/input.h"
#include "worker/answer_text.h"

enum { LINE_BYTES_MAX = 64 * 1024 * 1024, CHUNK_LINES = 2048, RAW_SHOWN = 300 };

typedef struct {
    batch_run_t *run;
    batch_import_report_t *report;
    batch_cells_t *cells;
    Rulemill__RunCounts *counts;
    json_doc_t *line, *body;        // two, since a body is read while its line is
    buf_t text, mended;
    const char *path;
    uint64_t row;
} import_t;

__attribute__ ((format (printf, 3, 4)))
static void tally (const import_t *self, batch_tally_t *tally, const char *format, ...)
{
    if (tally->n++ > 0)
        return;
    char text [BATCH_FIRST_BYTES];
    va_list args;
    va_start (args, format);
    vsnprintf (text, sizeof text, format, args);
    va_end (args);
    char where [BATCH_FIRST_BYTES];
    snprintf (where, sizeof where, "%.200s:%" PRIu64 ": %.480s", self->path, self->row, text);
    plain_text (where, strlen (where), tally->first, sizeof tally->first);
}

// --- whose answer is it? ---------------------------------------------------

static status_t foreign (const import_t *self, const char *why, bool *ours)
{
    *ours = false;
    tally (self, &self->report->foreign, "%s", why);
    return OK;
}

// Does the store have what the id names, and is it the same?
static status_t hold_id (const import_t *self, const batch_id_t *id, bool *ours, fault_t *fault)
{
    batch_run_t *run = self->run;
    content_key_t key;
    digest_t rule;
    bool has_response = false, has_rule = false;
    *ours = true;
    if (id->judge != run->opened.run->judge)
        return foreign (self, "asked of another judge than this run's; name the run that it was exported from with --run", ours);
    status_t status = batch_run_response (run, id->response, &key, &has_response, fault);
    if (status == OK)
        status = record_digest_of (run->opened.store, 'R', id->rule, &rule, &has_rule, fault);
    if (status != OK)
        return status;
    if (!has_response || !has_rule || id->sample >= run->samples)
        return foreign (self, "names a response, rule or sample that the store does not have; was it exported from another one?", ours);
    batch_id_t right = *id;
    batch_id_check (&right, &key, &rule, &run->identity);
    if (memcmp (right.check, id->check, sizeof id->check) != 0)
        return foreign (self, "is about another response, rule or judge than the store has under these numbers; was it exported from another store?", ours);
    return OK;
}

static status_t read_id (const import_t *self, const json_value_t *root, batch_id_t *id, bool *ours, fault_t *fault)
{
    const json_value_t *name = json_get (root, "custom_id");
    *ours = false;
    if (!json_is (name, JSON_STRING))
        return foreign (self, "has no custom_id; is this a result file of a batch service?", ours);
    if (!batch_id_read (name->text, name->len, id)) {
        char shown [100], why [200];
        plain_text (name->text, name->len, shown, sizeof shown);
        snprintf (why, sizeof why, "custom_id \"%s\" is not of judge batch-export", shown);
        return foreign (self, why, ours);
    }
    return hold_id (self, id, ours, fault);
}

// --- what does it say? -----------------------------------------------------

static void count_usage (import_t *self, const answer_t *answer)
{
    self->counts->calls++;
    self->counts->prompt_tokens += answer->prompt_tokens;
    self->counts->cached_tokens += answer->cached_tokens;
    self->counts->completion_tokens += answer->completion_tokens;
}

// The body's own text, as answer_read wants it.
static void take_body (import_t *self, const json_value_t *body)
{
    buf_clear (&self->text);
    if (json_is (body, JSON_STRING))
        buf_add (&self->text, body->text, body->len);       // some write it as text
    else if (body)
        json_write_value (&self->text, body);
    else
        buf_add_str (&self->text, "null");
}

static constrain_t constrain_of (const import_t *self, const batch_id_t *id)
{
    return id->constrained ? self->run->constrain : CONSTRAIN_NONE;
}

// A label in words, where the probabilities are none of a label's.
static bool read_words (import_t *self, constrain_t asked, answer_t *answer)
{
    chat_settings_t settings = self->run->settings;
    if (!settings.logprobs)
        return false;
    settings.logprobs = false;
    answer_t words;
    answer_read (self->body, &settings, asked, self->text.data, self->text.len, &words);
    if (words.kind == ANSWER_CELL)
        *answer = words;
    return words.kind == ANSWER_CELL;
}

// An answer without a label: asked for once more with a constraint where there is one, else read as text, else given up.
static status_t unreadable (import_t *self, const batch_id_t *id, batch_mark_t mark, answer_t *answer, fault_t *fault)
{
    bool again = !id->constrained && self->run->constrain != CONSTRAIN_NONE;
    if (!again && read_words (self, constrain_of (self, id), answer)) {
        count_usage (self, answer);
        self->report->imported++;
        return batch_cells_add (self->cells, id, &answer->cell, fault);
    }
    char raw [RAW_SHOWN + 1];
    plain_text (self->text.data, self->text.len, raw, sizeof raw);
    tally (self, &self->report->unreadable, "can't be read (%.120s); it was: %s", answer->why, raw);
    self->report->to_constrain += again && mark != BATCH_HOPELESS;
    if (mark == BATCH_NONE || (mark == BATCH_TO_CONSTRAIN && !again)) {
        count_usage (self, answer);
        batch_cells_unread (self->cells, id, again ? BATCH_TO_CONSTRAIN : BATCH_HOPELESS);
    }
    return OK;
}

static status_t take_answer (import_t *self, const batch_id_t *id, batch_mark_t mark, const json_value_t *body, fault_t *fault)
{
    answer_t answer;
    take_body (self, body);
    answer_read (self->body, &self->run->settings, constrain_of (self, id), self->text.data, self->text.len, &answer);
    if (answer.kind == ANSWER_UNREADABLE)
        return unreadable (self, id, mark, &answer, fault);
    if (answer.kind == ANSWER_MALFORMED) {
        char raw [RAW_SHOWN + 1];
        plain_text (self->text.data, self->text.len, raw, sizeof raw);
        tally (self, &self->report->errors, "%.120s; it was: %s", answer.why, raw);
        return OK;
    }
    count_usage (self, &answer);
    self->report->imported++;
    return batch_cells_add (self->cells, id, &answer.cell, fault);
}

// What the service says went wrong; false where nothing did.
static bool is_error (import_t *self, const json_value_t *root)
{
    const json_value_t *error = json_get (root, "error"), *response = json_get (root, "response");
    int64_t code = 200;
    bool failed = error && !json_is (error, JSON_NULL), coded = json_int (json_get (response, "status_code"), &code);
    if (!failed && json_is (response, JSON_OBJECT) && (!coded || (code >= 200 && code < 300)))
        return false;
    char text [256];
    bool context = false;
    buf_clear (&self->text);
    if (failed && json_is (json_get (error, "error"), JSON_OBJECT))     // vLLM puts a server's whole answer there
        json_write_value (&self->text, error);
    else if (failed) {
        buf_add_str (&self->text, "{\"error\":");
        json_write_value (&self->text, error);
        buf_add_char (&self->text, '}');
    } else
        take_body (self, json_get (response, "body"));
    answer_error (self->body, self->text.data, self->text.len, text, sizeof text, &context);
    char status [40] = "";              // a request that was never sent has none
    if (coded)
        snprintf (status, sizeof status, "status %" PRId64 ": ", code);
    tally (self, &self->report->errors, context ? "the conversation is too long for the model (%s%s)" : "%s%s", status, text);
    return true;
}

// --- lines -----------------------------------------------------------------

static const json_value_t *parse (import_t *self, const input_line_t *line)
{
    const json_value_t *root;
    if (json_parse (self->line, line->text, line->len, &root, NULL) != OK) {
        buf_clear (&self->mended);
        mend_json (line->text, line->len, &self->mended);
        if (json_parse (self->line, self->mended.data ? self->mended.data : "", self->mended.len, &root, NULL) != OK)
            return NULL;
    }
    return json_is (root, JSON_OBJECT) ? root : NULL;
}

static status_t take_object (import_t *self, const json_value_t *root, fault_t *fault)
{
    batch_id_t id;
    batch_mark_t mark;
    bool ours, known = false;
    status_t status = read_id (self, root, &id, &ours, fault);
    if (status != OK || !ours)
        return status;
    status = batch_cells_look (self->cells, &id, &known, &mark, fault);
    if (status != OK)
        return status;
    if (known) {
        self->report->known++;
        return OK;
    }
    return is_error (self, root) ? OK : take_answer (self, &id, mark, json_get (json_get (root, "response"), "body"), fault);
}

static bool is_blank (const input_line_t *line)
{
    size_t i = 0;
    while (i < line->len && strchr (" \t\r", line->text [i]) && line->text [i] != '\0')
        i++;
    return i == line->len;
}

static status_t take_line (import_t *self, const input_line_t *line, fault_t *fault)
{
    self->row = line->row;
    if (is_blank (line))
        return OK;
    self->report->lines++;
    const json_value_t *root = line->too_long ? NULL : parse (self, line);
    if (root)
        return take_object (self, root, fault);
    char raw [RAW_SHOWN + 1];
    plain_text (line->text, line->len < 4 * RAW_SHOWN ? line->len : 4 * RAW_SHOWN, raw, sizeof raw);
    if (line->last)
        tally (self, &self->report->torn, "the last line is cut off; import the file again once it is whole");
    else if (line->too_long)
        tally (self, &self->report->malformed, "over %d bytes: %s", LINE_BYTES_MAX, raw);
    else
        tally (self, &self->report->malformed, "no JSON object: %s", raw);
    return OK;
}

static status_t take_file (import_t *self, const char *path, fault_t *fault)
{
    input_t *input = NULL;
    input_line_t line;
    bool got = true;
    self->path = path;
    status_t status = input_open (path, LINE_BYTES_MAX, &input, fault);
    while (status == OK && got) {
        status = input_next (input, &line, &got, fault);
        if (status == OK && got)
            status = take_line (self, &line, fault);
        if (status == OK && got && line.row % CHUNK_LINES == 0)
            status = batch_cells_flush (self->cells, fault);
    }
    if (status == ERR_FORMAT && input) {        // a packed file that ends too early: what was read of it counts
        tally (self, &self->report->torn, "%.300s", fault->text);
        *fault = (fault_t) { 0 };
        status = OK;
    }
    input_close (&input);
    return status;
}

status_t batch_import (batch_run_t *run, const char *const *paths, size_t n_paths, batch_import_report_t *report, fault_t *fault)
{
    import_t self = { .run = run, .report = report };
    status_t status = record_get_counts (run->opened.store, run->opened.run->number, &self.counts, fault);
    if (status != OK)
        return status;
    uint64_t before = self.counts->cells_judged;
    self.line = json_doc_new ();
    self.body = json_doc_new ();
    self.cells = batch_cells_new (run->opened.store, run->opened.run, run->samples, self.counts);
    for (size_t i = 0; i < n_paths && status == OK; i++)
        status = take_file (&self, paths [i], fault);
    fault_t ignored = { 0 };        // the first fault is the one to tell
    status_t flushed = batch_cells_flush (self.cells, status == OK ? fault : &ignored);
    if (flushed == OK)
        report->cells += self.counts->cells_judged - before;
    batch_cells_destroy (&self.cells);
    json_doc_destroy (&self.line);
    json_doc_destroy (&self.body);
    rulemill__run_counts__free_unpacked (self.counts, NULL);
    buf_free (&self.text);
    buf_free (&self.mended);
    return status == OK ? flushed : status;
}

#include "storage/ingest_writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "storage/ingest_keys.h"

enum { BATCH_ROWS = 1000, BATCH_BYTES = 8 * 1024 * 1024 };

// A response of the row in hand.
typedef struct {
    bool asked;             // number and pending are known
    bool pending;
    uint64_t number;
} numbered_t;

struct ingest_writer {
    const ingest_options_t *options;
    store_t *store;
    store_batch_t *batch;
    ingest_keys_t *keys;
    Rulemill__CorpusState *state;
    unsigned rows;          // in the batch
    pair_choice_t choice;
    numbered_t *numbered;   // of the row in hand, by place
    size_t numbered_max;
};

ingest_writer_t *ingest_writer_new (store_t *store, const ingest_options_t *options, Rulemill__CorpusState *state)
{
    ingest_writer_t *writer = mem_zero (1, sizeof *writer);
    writer->options = options;
    writer->store = store;
    writer->state = state;
    writer->batch = store_batch_new (store);
    writer->keys = ingest_keys_new (store);
    return writer;
}

void ingest_writer_destroy (ingest_writer_t **writer)
{
    ingest_writer_t *w = *writer;
    if (w == NULL)
        return;
    store_batch_destroy (&w->batch);
    ingest_keys_destroy (&w->keys);
    pair_choice_free (&w->choice);
    free (w->numbered);
    free (w);
    *writer = NULL;
}

static ProtobufCBinaryData key_bytes (content_key_t *key)
{
    return (ProtobufCBinaryData) { .len = KEY_BYTES, .data = key->b };
}

static status_t number_prompt (ingest_writer_t *w, const row_t *row, known_t *out, fault_t *fault)
{
    status_t status = ingest_keys_find (w->keys, 'P', &w->choice.prompt, false, out, fault);
    if (status != OK || out->found)
        return status;
    *out = (known_t) { .found = true, .pending = true, .number = w->state->prompts++ };
    content_key_t group = textkey_group (row->prompt);
    Rulemill__PromptRecord record = RULEMILL__PROMPT_RECORD__INIT;
    record.conversation = row->prompt;
    record.key = key_bytes (&w->choice.prompt);
    record.group_key = key_bytes (&group);
    record_put_prompt (w->batch, out->number, &record);
    ingest_keys_add (w->keys, w->batch, 'P', &w->choice.prompt, out->number, 0);
    return OK;
}

static status_t number_response (ingest_writer_t *w, const row_t *row, const known_t *prompt, size_t place, fault_t *fault)
{
    numbered_t *out = &w->numbered [place];
    if (out->asked)
        return OK;
    content_key_t *key = &w->choice.responses [place];
    known_t known;
    // Of a prompt that the store lacks it has no responses either.
    status_t status = ingest_keys_find (w->keys, 'R', key, prompt->pending, &known, fault);
    if (status != OK)
        return status;
    if (!known.found) {
        known = (known_t) { .found = true, .pending = true, .number = w->state->responses++ };
        Rulemill__ResponseRecord record = RULEMILL__RESPONSE_RECORD__INIT;
        record.prompt = prompt->number;
        record.response = row->responses [place].text;
        record.key = key_bytes (key);
        record_put_response (w->batch, known.number, &record);
        ingest_keys_add (w->keys, w->batch, 'R', key, known.number, 0);
    }
    *out = (numbered_t) { .asked = true, .pending = known.pending, .number = known.number };
    return OK;
}

static void put_pair (ingest_writer_t *w, const row_t *row, uint64_t prompt, place_t place, pair_pick_t *pick)
{
    Rulemill__Place where = RULEMILL__PLACE__INIT;
    where.input = place.input;
    where.row = place.row;
    where.i = place.i;
    where.j = place.j;
    Rulemill__PairRecord record = RULEMILL__PAIR_RECORD__INIT;
    record.prompt = prompt;
    record.response_a = w->numbered [pick->i].number;
    record.response_b = w->numbered [pick->j].number;
    record.key = key_bytes (&pick->key);
    record.place = &where;
    record.given = pair_choice_given (row, pick);
    // Protobuf's strings are not const, but packing does not write to them.
    record.model_a = (char *) row->responses [pick->i].model;
    record.model_b = (char *) row->responses [pick->j].model;
    record.listed = row->listed;
    uint64_t number = w->state->pairs++;
    record_put_pair (w->batch, number, &record);
    ingest_keys_add (w->keys, w->batch, 'A', &pick->key, number, record.response_a);
}

static Rulemill__Side turned (Rulemill__Side side)
{
    return side == RULEMILL__SIDE__SIDE_A ? RULEMILL__SIDE__SIDE_B : side == RULEMILL__SIDE__SIDE_B ? RULEMILL__SIDE__SIDE_A : side;
}

static void put_duplicate (ingest_writer_t *w, const row_t *row, const known_t *pair, place_t place, const pair_pick_t *pick)
{
    Rulemill__DuplicateRecord record = RULEMILL__DUPLICATE_RECORD__INIT;
    record.swapped = w->numbered [pick->i].number != pair->response_a;
    record.given = pair_choice_given (row, pick);
    if (record.swapped)
        record.given = turned (record.given);
    record.listed = row->listed;
    record_put_duplicate (w->batch, pair->number, place, &record);
    w->state->duplicates++;
}

static status_t add_pair (ingest_writer_t *w, const row_t *row, const known_t *prompt, place_t place, pair_pick_t *pick, fault_t *fault)
{
    status_t status = number_response (w, row, prompt, pick->i, fault);
    if (status == OK)
        status = number_response (w, row, prompt, pick->j, fault);
    if (status != OK)
        return status;
    place.i = pick->i;
    place.j = pick->j;
    known_t pair;
    bool pending_only = w->numbered [pick->i].pending || w->numbered [pick->j].pending;
    status = ingest_keys_find (w->keys, 'A', &pick->key, pending_only, &pair, fault);
    if (status != OK)
        return status;
    if (pair.found)
        put_duplicate (w, row, &pair, place, pick);
    else
        put_pair (w, row, prompt->number, place, pick);
    return OK;
}

static void put_row (ingest_writer_t *w, place_t place, const char *file, const row_t *row)
{
    char *made = row->id ? NULL : mem_printf ("%s:%" PRIu64, file, place.row);
    Rulemill__RowRecord record = RULEMILL__ROW_RECORD__INIT;
    record.id = made ? made : (char *) row->id;
    record.source = (char *) row->source;
    record.meta = (char *) row->meta;
    record_put_row (w->batch, place.input, place.row, &record);
    free (made);
}

static void put_reject (ingest_writer_t *w, place_t place, const char *id, const char *reason, const char *detail)
{
    Rulemill__RejectRecord record = RULEMILL__REJECT_RECORD__INIT;
    record.reason = (char *) reason;
    record.detail = (char *) detail;
    record.id = (char *) (id ? id : "");
    record_put_reject (w->batch, place, &record);
}

static void reject_responses (ingest_writer_t *w, place_t place, const row_t *row)
{
    for (uint32_t i = 0; i < row->n_responses; i++)
        if (row->responses [i].reason) {
            place.i = place.j = i;
            put_reject (w, place, row->id, row->responses [i].reason, row->responses [i].detail);
        }
}

static void forget_numbered (ingest_writer_t *w, size_t n)
{
    if (w->numbered_max < n) {
        w->numbered_max = n;
        w->numbered = mem_resize (w->numbered, n * sizeof *w->numbered);
    }
    for (size_t i = 0; i < n; i++)
        w->numbered [i] = (numbered_t) { 0 };
}

status_t ingest_writer_add (ingest_writer_t *w, uint32_t input, uint64_t number, const char *file,
                            const row_t *row, fault_t *fault)
{
    row_problem_t problem;
    if (!pair_choice_make (&w->choice, w->options, row, &problem)) {
        ingest_writer_reject (w, input, number, row->id, &problem);
        return OK;
    }
    place_t place = { .input = input, .row = number };
    forget_numbered (w, row->n_responses);
    known_t prompt;
    status_t status = number_prompt (w, row, &prompt, fault);
    for (size_t n = 0; status == OK && n < w->choice.n_picks; n++)
        status = add_pair (w, row, &prompt, place, &w->choice.picks [n], fault);
    if (status != OK)
        return status;
    put_row (w, place, file, row);
    reject_responses (w, place, row);
    w->state->rows_read++;
    w->rows++;
    return OK;
}

void ingest_writer_reject (ingest_writer_t *w, uint32_t input, uint64_t number, const char *id, const row_problem_t *problem)
{
    put_reject (w, (place_t) { .input = input, .row = number }, id, problem->reason, problem->detail);
    w->state->rows_read++;
    w->state->rows_rejected++;
    w->rows++;
}

// The names by which storage/scores_rows.c would know the row if it were of this part.
static void put_names (ingest_writer_t *w, const passed_row_t *row)
{
    char *made = mem_printf ("%s:%" PRIu64, row->name, row->row);
    const char *name = row->id && (row->why == NULL || *row->id) ? row->id : made;
    uint64_t hashes [2] = { hash64 (0, name, strlen (name)) };
    size_t n = 1;
    if (strcmp (name, made) == 0) {
        char number [24];
        int len = snprintf (number, sizeof number, "%" PRIu64, row->number);
        hashes [n++] = hash64 (0, number, (size_t) len);
    }
    record_put_passed (w->batch, row->input, row->row, hashes, n);
    free (made);
}

static void set_first (Rulemill__InputFile *file, uint64_t row, const char *why)
{
    if (file->passed_why != protobuf_c_empty_string)
        free (file->passed_why);
    file->passed_first = row;
    file->passed_why = mem_string (why);
}

void ingest_writer_pass (ingest_writer_t *w, const passed_row_t *row)
{
    row->file->passed++;
    if (row->why && row->file->passed_unusable++ == 0)
        set_first (row->file, row->row, row->why);
    put_names (w, row);
    w->rows++;          // so that the position is written as often as in a corpus that is not cut
}

void ingest_writer_unpass (ingest_writer_t *w, Rulemill__InputFile *file, uint32_t input, uint64_t number)
{
    record_delete_passed (w->batch, input, number);
    file->passed--;
    if (--file->passed_unusable == 0)
        set_first (file, 0, "");
}

void ingest_writer_unreject (ingest_writer_t *w, uint32_t input, uint64_t number)
{
    // The key as storage/records.h describes it, for a whole row.
    buf_t key = { 0 };
    buf_add_u32be (&key, input);
    buf_add_u64be (&key, number);
    buf_add_u32be (&key, 0);
    buf_add_u32be (&key, 0);
    store_batch_delete (w->batch, TABLE_REJECTS, key.data, key.len);
    buf_free (&key);
    w->state->rows_read--;
    w->state->rows_rejected--;
}

bool ingest_writer_full (const ingest_writer_t *w)
{
    return w->rows >= BATCH_ROWS || store_batch_bytes (w->batch) >= BATCH_BYTES;
}

status_t ingest_writer_flush (ingest_writer_t *w, fault_t *fault)
{
    record_put_corpus (w->batch, w->state);
    status_t status = store_write (w->store, w->batch, fault);
    store_batch_clear (w->batch);
    ingest_keys_written (w->keys);
    w->rows = 0;
    return status;
}

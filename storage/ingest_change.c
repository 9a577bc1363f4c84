#include "storage/ingest_change.h"

#include <string.h>

#include "storage/ingest_options.h"
#include "storage/input.h"
#include "storage/pair_choice.h"

typedef struct {
    store_t *store;
    const ingest_options_t *options;
    uint32_t input;
    row_parser_t *parser;
    pair_choice_t choice;
} seeker_t;

// Do all pairs that the row makes stand in the store?
static status_t compare_pairs (seeker_t *seeker, bool *same, fault_t *fault)
{
    for (size_t n = 0; *same && n < seeker->choice.n_picks; n++) {
        uint64_t number;
        status_t status = record_find_key (seeker->store, 'A', &seeker->choice.picks [n].key, &number, same, fault);
        if (status != OK)
            return status;
    }
    return OK;
}

static status_t compare_line (seeker_t *seeker, const input_line_t *line, bool *same, fault_t *fault)
{
    Rulemill__RowRecord *record;
    status_t status = record_get_row (seeker->store, seeker->input, line->row, &record, fault);
    if (status != OK)
        return status;
    row_t row;
    row_problem_t problem;
    bool usable = !line->too_long && row_parse (seeker->parser, line->text, line->len, &row, &problem)
               && pair_choice_make (&seeker->choice, seeker->options, &row, &problem)
               && corpus_part_has (seeker->options->part, seeker->options->seed, row.prompt);
    *same = usable == (record != NULL);
    if (usable && record) {
        *same = strcmp (record->meta, row.meta) == 0 && strcmp (record->source, row.source) == 0
             && (row.id == NULL || strcmp (record->id, row.id) == 0);
        if (*same)
            status = compare_pairs (seeker, same, fault);
    }
    if (record)
        rulemill__row_record__free_unpacked (record, NULL);
    return status;
}

static status_t seek (seeker_t *seeker, input_t *input, uint64_t rows, uint64_t *row, bool *ends, fault_t *fault)
{
    input_line_t line;
    for (uint64_t n = 1; n <= rows; n++) {
        bool got, same;
        status_t status = input_next (input, &line, &got, fault);
        if (status != OK)
            return status;
        *row = got ? n : n - 1;
        *ends = !got;
        if (!got)
            return OK;
        status = compare_line (seeker, &line, &same, fault);
        if (status != OK || !same)
            return status;
    }
    *row = 0;
    return OK;
}

status_t ingest_change_find (store_t *store, const ingest_options_t *options, const Rulemill__InputFile *file,
                             uint32_t number, uint64_t *row, bool *ends, fault_t *fault)
{
    seeker_t seeker = { .store = store, .options = options, .input = number };
    input_t *input;
    *row = 0;
    *ends = false;
    status_t status = input_open (file->path, ingest_row_bytes_max (options), &input, fault);
    if (status != OK)
        return status;
    status = row_parser_new (&options->mapping, ingest_text_bytes_max (options), &seeker.parser, fault);
    if (status == OK)
        status = seek (&seeker, input, file->rows, row, ends, fault);
    row_parser_destroy (&seeker.parser);
    pair_choice_free (&seeker.choice);
    input_close (&input);
    return status;
}

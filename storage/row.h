// row: one line of a corpus, from JSON to texts.
//
// A row's shape is recognised by its keys, in this order (or told by the mapping):
//
//   responses                  a list of two or more, each a string, a list of turns, or an object with "response",
//                              "content" or "text", and optionally "model"; beside it optionally "models" (a name or
//                              null for each) and "scores" (a number for each: the larger is preferred)
//   response_a, response_b     optionally model_a, model_b and "preference": "a", "b" or "tie" in either case, also
//                              "response_a", "response_b", 0 (a) and 1 (b)
//   chosen, rejected           optionally chosen_model, rejected_model; chosen is A and is preferred
//
// "prompt" is a string or a list of turns. Responses that begin with the prompt's turns lose them. The two-sided
// shapes also go without a prompt: it is then what both lists of turns, or both transcripts, share at their
// beginning, and each keeps at least one turn for the response.
//
// "id" is a string or a number (kept as written), "source" a string; everything that is not used is meta, as JSON.
//
// Why a row is set aside (reasons): not-json, torn, invalid-utf8, lone-surrogate, duplicate-key, too-complex,
// row-too-long, text-too-long, nul, missing-field, wrong-type, bad-value, too-few-responses, empty-response,
// no-user-turn, nothing-in-common, no-scores, meta-too-long.
#ifndef STORAGE_ROW_H
#define STORAGE_ROW_H

#include "storage/ingest.h"
#include "storage/row_text.h"

typedef struct {
    Rulemill__Conversation *text;
    const char *model;              // "" where unknown
    const char *reason;             // of a listed response that can't be used (text is NULL then), else NULL
    const char *detail;
} row_response_t;

// A row as it was read. All of it belongs to the parser and lives until its next row.
typedef struct {
    const char *id;                 // NULL where it has none
    const char *source;             // "" where unknown
    const char *meta;               // a JSON object, "" where nothing is left
    Rulemill__Conversation *prompt;
    row_response_t *responses;      // in their places; two unless listed, at least two of them usable
    size_t n_responses;
    bool listed;
    Rulemill__Side given;           // two-sided shapes
    const double *scores;           // listed: one for each response, or NULL
} row_t;

typedef struct row_parser row_parser_t;

// mapping (may be NULL) is copied. text_bytes_max: of a turn. ERR_USAGE where the mapping names columns of two shapes.
status_t row_parser_new (const ingest_mapping_t *mapping, size_t text_bytes_max, row_parser_t **out, fault_t *fault) MUST_USE;
void row_parser_destroy (row_parser_t **parser);

// Read one line. false: *problem says why it is set aside, and *row has the id alone, where that could be read.
bool row_parse (row_parser_t *parser, const char *line, size_t len, row_t *row, row_problem_t *problem);

// The prompt alone of a line that may have nothing else, as benchmark files do.
bool row_parse_prompt (row_parser_t *parser, const char *line, size_t len, Rulemill__Conversation **prompt, row_problem_t *problem);

#endif

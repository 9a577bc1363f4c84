#include "storage/dataset_schema.h"

#include <string.h>

#include "base/json.h"

typedef enum {
    T_STRING, T_INT, T_FLOAT, T_BOOL,
    T_MESSAGES,         // list of {role, content}
    T_RULES,            // list of {id, score_chosen, score_rejected}
    T_TIE_RULES,        // list of {id, score_a, score_b}
    T_VOTES,            // {chosen, rejected, tie}
    T_TIE_VOTES,        // {a, b, tie}
    T_FLOATS,           // one for each rule of the pool
    T_RULE_FLOAT,       // {rule id: number}
    T_RULE_FLOATS       // {rule id: list of numbers}
} type_t;

typedef struct { const char *name; type_t type; const char *meaning; } column_t;

// --- the columns -----------------------------------------------------------

#define ID       { "id", T_STRING, "the row's own id or FILE:LINE; `#i-j` behind it for a pair of a list of responses" }
#define PROMPT   { "prompt", T_MESSAGES, "the conversation up to the response" }
#define CHOSEN_MODEL { "chosen_model", T_STRING, "which model wrote the chosen response" }
#define REJECTED_MODEL { "rejected_model", T_STRING, "which model wrote the rejected one" }
#define PAIR_KEY { "pair_key", T_STRING, "content key of the pair, the same in either order of its responses" }
#define RUN      { "run", T_STRING, "the run that made the label" }
#define LABEL_COLUMNS \
    { "score_chosen", T_FLOAT, "mean of polarity times score over `rules`" }, \
    { "score_rejected", T_FLOAT, "the same for the rejected response" }, \
    { "score_margin", T_FLOAT, "the difference of the two means" }, \
    { "rules", T_RULES, "the selected rules, best first, with the judge's score of both responses (polarity not applied)" }, \
    { "selected_by", T_STRING, "how the rules were selected" }, \
    { "adapter", T_STRING, "digest of the adapter that selected them" }, \
    { "n_rules", T_INT, "how many rules were selected" }, \
    { "given_preference", T_VOTES, "votes of the corpus for each response, duplicates included; null where nobody stated one" }, \
    CHOSEN_MODEL, REJECTED_MODEL, \
    { "source", T_STRING, "where the row says that it comes from" }, \
    { "meta", T_STRING, "the row's other fields as JSON text" }, \
    PAIR_KEY, RUN, { NULL, T_STRING, NULL }

static const column_t explicit_columns [] = {
    ID, PROMPT,
    { "chosen", T_MESSAGES, "the preferred response" },
    { "rejected", T_MESSAGES, "the other one" },
    LABEL_COLUMNS
};

static const column_t implicit_columns [] = {
    ID,
    { "chosen", T_MESSAGES, "the whole conversation with the preferred response at its end" },
    { "rejected", T_MESSAGES, "the whole conversation with the other one" },
    LABEL_COLUMNS
};

static const column_t text_columns [] = {
    ID,
    { "prompt", T_STRING, "the conversation as a transcript, \"\\n\\nHuman: ...\\n\\nAssistant:\"; a response behind it goes on with it" },
    { "chosen", T_STRING, "the preferred response" },
    { "rejected", T_STRING, "the other one" },
    LABEL_COLUMNS
};

static const column_t rewardbench_columns [] = {
    ID,
    { "prompt", T_STRING, "the user's turn; the whole transcript where there are several turns" },
    { "chosen", T_MESSAGES, "the whole conversation with the preferred response as its last turn" },
    CHOSEN_MODEL,
    { "rejected", T_MESSAGES, "the whole conversation with the other one" },
    REJECTED_MODEL,
    { "subset", T_STRING, "the row's source" },
    PAIR_KEY, RUN, { NULL, T_STRING, NULL }
};

static const column_t tie_columns [] = {
    ID, PROMPT,
    { "response_a", T_MESSAGES, "the first response, in the corpus's order" },
    { "response_b", T_MESSAGES, "the second one" },
    { "reason", T_STRING, "`identical`, `no-rule` (no rule tells them apart) or `margin` (too close)" },
    { "score_a", T_FLOAT, "mean of polarity times score over `rules`" },
    { "score_b", T_FLOAT, "the same for the second response" },
    { "score_margin", T_FLOAT, "the difference of the two means" },
    { "rules", T_TIE_RULES, "the selected rules, best first, with the judge's score of both responses" },
    { "selected_by", T_STRING, "how the rules were selected" },
    { "adapter", T_STRING, "digest of the adapter that selected them" },
    { "n_rules", T_INT, "how many rules were selected" },
    { "given_preference", T_TIE_VOTES, "votes of the corpus for each response" },
    { "model_a", T_STRING, "which model wrote the first response" },
    { "model_b", T_STRING, "which model wrote the second one" },
    { "source", T_STRING, "where the row says that it comes from" },
    { "meta", T_STRING, "the row's other fields as JSON text" },
    PAIR_KEY, RUN, { NULL, T_STRING, NULL }
};

static const column_t duplicate_columns [] = {
    { "id", T_STRING, "of the row that repeats a pair" },
    { "pair_id", T_STRING, "of the pair that it repeats" },
    { "swapped", T_BOOL, "its first response is that pair's second" },
    { "given_preference", T_STRING, "what it stated, in that pair's order: `a`, `b` or `tie`" },
    { "file", T_STRING, "where it stands" },
    { "line", T_INT, "from 1" },
    PAIR_KEY, { NULL, T_STRING, NULL }
};

static const column_t quarantine_columns [] = {
    { "id", T_STRING, "where it could be read" },
    { "kind", T_STRING, "`row` (could not be read), `response` (can't be used; the row's others are), `pair` (could not be judged) or `excluded` (its prompt stands in a benchmark)" },
    { "file", T_STRING, "where it stands" },
    { "line", T_INT, "from 1" },
    { "i", T_INT, "of a response, or of a pair of a list of responses: which one, from 0" },
    { "j", T_INT, "of such a pair: its second response" },
    { "reason", T_STRING, "a short code" },
    { "detail", T_STRING, "a sentence" },
    { "pair_key", T_STRING, "of a pair" },
    { NULL, T_STRING, NULL }
};

static const column_t response_columns [] = {
    { "response_key", T_STRING, "content key of prompt and response" },
    { "split", T_STRING, "`train` or `validation`, as the prompt's pairs are split" },
    PROMPT,
    { "response", T_MESSAGES, "one response" },
    { "scores", T_RULE_FLOAT, "the judge's score for each rule that it was asked, from -1 to 1" },
    { "relevance", T_RULE_FLOAT, "1 - p_irrelevant" },
    RUN, { NULL, T_STRING, NULL }
};

static const column_t cell_columns [] = {
    { "response_key", T_STRING, "content key of prompt and response" },
    { "cells", T_RULE_FLOATS, "p_yes, p_no, p_irrelevant and mass for each rule" },
    { NULL, T_STRING, NULL }
};

static const column_t pair_cell_columns [] = {
    { "id", T_STRING, "the row's id" },
    { "i", T_INT, "of a pair of a list of responses: its first response, from 0" },
    { "j", T_INT, "and its second" },
    { "scoresA", T_FLOATS, "of the first response, in the pool's order" },
    { "scoresB", T_FLOATS, "of the second one" },
    { "relevance", T_FLOATS, "the mean of both" },
    { NULL, T_STRING, NULL }
};

static const column_t *columns_of (dataset_part_t part, dataset_format_t format)
{
    static const column_t *const label [] = { explicit_columns, implicit_columns, text_columns, rewardbench_columns };
    static const column_t *const other [PART_COUNT] = {
        [PART_TIES] = tie_columns, [PART_DUPLICATES] = duplicate_columns, [PART_QUARANTINE] = quarantine_columns,
        [PART_RESPONSES] = response_columns, [PART_CELLS] = cell_columns, [PART_PAIR_CELLS] = pair_cell_columns
    };
    return other [part] ? other [part] : label [format];
}

const char *dataset_column (dataset_part_t part, dataset_format_t format, size_t i, const char **meaning)
{
    const column_t *column = &columns_of (part, format) [i];
    *meaning = column->meaning;
    return column->name;
}

// --- the files -------------------------------------------------------------

static const struct { const char *file, *config, *split; } parts [PART_COUNT] = {
    [PART_TRAIN] = { "train.jsonl", "default", "train" },
    [PART_VALIDATION] = { "validation.jsonl", "default", "validation" },
    [PART_TIES] = { "ties.jsonl", "ties", "train" },
    [PART_DUPLICATES] = { "duplicates.jsonl", "duplicates", "train" },
    [PART_QUARANTINE] = { "quarantine.jsonl", "quarantine", "train" },
    [PART_RESPONSES] = { "responses.jsonl", "responses", "train" },
    [PART_CELLS] = { "cells.jsonl", "cells", "train" },
    [PART_PAIR_CELLS] = { "pair_cells.jsonl", "pair_cells", "train" }
};

const char *dataset_part_file (dataset_part_t part)
{
    return parts [part].file;
}

const char *dataset_part_config (dataset_part_t part)
{
    return parts [part].config;
}

const char *dataset_part_split (dataset_part_t part)
{
    return parts [part].split;
}

bool dataset_is_file (const char *name)
{
    if (strcmp (name, "README.md") == 0 || strcmp (name, "manifest.json") == 0 || strcmp (name, "manifest.sig") == 0)
        return true;
    for (int part = 0; part < PART_COUNT; part++) {
        size_t len = strlen (parts [part].file);
        if (strncmp (name, parts [part].file, len) == 0 && (name [len] == '\0' || strcmp (name + len, ".zst") == 0))
            return true;
    }
    return false;
}

// --- types as YAML ---------------------------------------------------------

// Fields of a list or struct, as "name dtype" words.
static const char *fields_of (type_t type)
{
    switch (type) {
    case T_MESSAGES: return "role string content string";
    case T_RULES: return "id string score_chosen float64 score_rejected float64";
    case T_TIE_RULES: return "id string score_a float64 score_b float64";
    case T_VOTES: return "chosen int64 rejected int64 tie int64";
    case T_TIE_VOTES: return "a int64 b int64 tie int64";
    default: return NULL;
    }
}

static void write_fields (const char *fields, unsigned indent, buf_t *out)
{
    while (*fields) {
        int name = (int) strcspn (fields, " "), dtype = (int) strcspn (fields + name + 1, " ");
        buf_printf (out, "%*s- name: %.*s\n%*s  dtype: %.*s\n", (int) indent, "", name, fields, (int) indent, "",
                    dtype, fields + name + 1);
        fields += name + 1 + dtype;
        fields += *fields == ' ';
    }
}

// A struct with one field for each rule. Ids are quoted: YAML takes a bare "no" for false.
static void write_by_rule (const dataset_rule_t *rules, size_t n_rules, const char *type, unsigned indent, buf_t *out)
{
    for (size_t r = 0; r < n_rules; r++) {
        buf_printf (out, "%*s- name: ", (int) indent, "");
        json_write_cstring (out, rules [r].id);
        buf_printf (out, "\n%*s  %s: float64\n", (int) indent, "", type);
    }
}

static void write_type (type_t type, const dataset_rule_t *rules, size_t n_rules, unsigned indent, buf_t *out)
{
    static const char *const scalar [] = {
        [T_STRING] = "string", [T_INT] = "int64", [T_FLOAT] = "float64", [T_BOOL] = "bool"
    };
    const char *fields = fields_of (type);
    if (type <= T_BOOL)
        buf_printf (out, "%*sdtype: %s\n", (int) indent, "", scalar [type]);
    else if (type == T_FLOATS)
        buf_printf (out, "%*slist: float64\n", (int) indent, "");
    else if (fields) {
        bool list = type == T_MESSAGES || type == T_RULES || type == T_TIE_RULES;
        buf_printf (out, "%*s%s:\n", (int) indent, "", list ? "list" : "struct");
        write_fields (fields, indent, out);
    } else {
        buf_printf (out, "%*sstruct:\n", (int) indent, "");
        write_by_rule (rules, n_rules, type == T_RULE_FLOAT ? "dtype" : "list", indent, out);
    }
}

void dataset_write_features (dataset_part_t part, dataset_format_t format, const dataset_rule_t *rules, size_t n_rules,
                             unsigned indent, buf_t *out)
{
    for (const column_t *column = columns_of (part, format); column->name; column++) {
        buf_printf (out, "%*s- name: %s\n", (int) indent, "", column->name);
        write_type (column->type, rules, n_rules, indent + 2, out);
    }
}

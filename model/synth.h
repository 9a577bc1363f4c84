// synth: a synthetic corpus of safety chats whose true preferences are known.
//
// Rows are a pure function of (options, rule pool): the same bytes on every
// machine, in constant memory. docs/SYNTH.md is the generative model: what the
// hidden truth is, how texts and cell scores show it, and the two regimes. It
// is no sample of real conversations, and its "harmful" answers say nothing.
//
//     synth_options_t options = synth_options_default ();
//     if (synth_options_check (&options, &fault) != OK) ...
//     synth_t *synth = synth_new (&options, rules, n_rules);
//     while (synth_next_row (synth, &row, NULL)) { write row; buf_clear (&row); }
//     synth_destroy (&synth);
#ifndef MODEL_SYNTH_H
#define MODEL_SYNTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"

// Bounds of the options. Up to SYNTH_PROMPTS_MAX prompts are all different texts.
#define SYNTH_PROMPTS_MAX 40000000u
enum { SYNTH_RESPONSES_MIN = 2, SYNTH_RESPONSES_MAX = 64 };

typedef struct {
    uint64_t prompts;       // rows in all, repeated ones included; 1 .. SYNTH_PROMPTS_MAX
    unsigned responses;     // of each row; SYNTH_RESPONSES_MIN .. SYNTH_RESPONSES_MAX
    uint64_t seed;
    const char *regime;     // "few" decisive rules, or "many" informative ones; borrowed for synth_new alone
    double duplicates;      // share of rows that repeat an earlier one, half of them reordered; 0 .. 0.9
    double zipf;            // exponent of the prompts' frequencies, 0 .. 4; 0: every prompt once
} synth_options_t;

// What the generator knows of a rule. Known ids (model/rules.yaml) have their own
// behaviour in texts, others fall back on their category, then on a hash of the id.
typedef struct {
    const char *id;         // borrowed for as long as the generator lives
    const char *category;   // may be NULL; borrowed for synth_new alone
    int polarity;           // 1, or -1 where following the rule speaks against a response
} synth_rule_t;

typedef struct synth synth_t;

// 1000 prompts of 4 responses, seed 1, regime "few", no duplicates, every prompt once.
synth_options_t synth_options_default (void);

// ERR_USAGE with the option's name and range where one is out of it.
status_t synth_options_check (const synth_options_t *options, fault_t *fault) MUST_USE;

// A generator before its first row. Options must have passed the check, n_rules be
// 1 .. LIMIT_RULES (both asserted). The caller destroys it.
synth_t *synth_new (const synth_options_t *options, const synth_rule_t *rules, size_t n_rules);

// Append the next row, one JSON line with its "\n", to row:
//   {"id":"s-0000001","prompt":"..." or [{"role":..,"content":..},..],"responses":["..",..],
//    "models":["synth-c",..],"scores":[0.123456,..],"source":"rulemill-synth/few"}
// scores are the hidden utilities: of a pair the larger wins. They never come from the text.
//
// scores may be NULL; else one line for each response is appended, for the replay judge:
//   {"id":"s-0000001","response":0,"cells":{"RULE-ID":[p_yes,p_no,p_irrelevant],..}}
// with all rules, in thousandths that sum to 1; nothing for a row that repeats an earlier one.
//
// False after the last row; nothing is appended then.
bool synth_next_row (synth_t *synth, buf_t *row, buf_t *scores);

void synth_destroy (synth_t **synth);

#endif

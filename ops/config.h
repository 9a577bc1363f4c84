// config: what a job is told to do: defaults < YAML file < --set and flags.
//
// One table (config_keys.c) names every key with its type, range, default and meaning; reading YAML, --set, flags, the
// printed configuration and the help page all go by it. Unknown, doubled and empty keys, wrong types and values out of
// range are refused with the line and the nearest known name.
#ifndef OPS_CONFIG_H
#define OPS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fault.h"

enum { CONFIG_KEYS_MAX = 128, CONFIG_FILE_BYTES_MAX = 1024 * 1024, CONFIG_TEXT_BYTES_MAX = 4096, CONFIG_NAMES_MAX = 1000 };

typedef struct { char **items; size_t count; } config_names_t;

// Texts are owned by the configuration and NULL where nobody gave one.
typedef struct {
    struct {
        char *pairs;                    // "all", "best-vs-rest" or a number
        uint64_t seed;                  // of the choice of pairs, and of the parts
        char *part;                     // "2/4"
        double bad_share;
        uint64_t row_bytes_max, text_bytes_max;
        struct {
            char *id, *prompt, *responses, *response_a, *response_b, *chosen, *rejected;
            char *models, *model_a, *model_b, *scores, *preference, *source;
        } mapping;
    } corpus;
    struct { char *file; } rules;
    struct {
        char *name, *scores, *missing, *unknown_ids, *compat;
        bool store_cells;

        // openai: what is asked, and how the answer is read
        char *model, *template, *label_position, *extra, *constrain, *too_long;
        bool logprobs, max_completion_tokens;
        uint64_t top_logprobs, max_tokens, samples;
        double temperature, mass_min;
        config_names_t omit;
        // openai: where, with which key, and how fast
        config_names_t urls, weights;
        char *ca_file, *key_file, *key_command;
        uint64_t timeout_ms, tries, places_max;
        double requests_per_minute, tokens_per_minute;
        // several of them, and repeats
        config_names_t panel, panel_weights;
        char *combine;
        double repeat_share;
        uint64_t repeats;
        char *price_prompt, *price_cached, *price_completion, *currency;
        char *cost;                     // does each rule cost? "auto", "none", "per-rule"
    } judge;
    struct { uint64_t max_calls, max_tokens; char *max_cost; } budget;
    struct {
        char *name;
        uint64_t top;
        double weight_relevance, weight_discrepancy;
        char *weights;
        config_names_t fixed;
        char *adapter;
    } policy;
    struct {
        char *form;
        uint64_t bits, words, chars_min, chars_max, count_min, memory_mb, max_pairs, judged;
        double cost, test_share;
        // one that is served: where, which, and how it is asked
        config_names_t urls;
        char *model, *ca_file, *key_file, *key_command;
        uint64_t text_bytes_max, batch, timeout_ms, tries, places_max;
        double requests_per_minute;
    } adapter;
    struct {
        uint64_t sample_pairs, block_pairs, judged_max;
        double sample_share, min_agreement, flat_gain;
        char *audit_share;              // "auto" or a number
        bool accept_adapter;
    } automatic;                        // "auto.*"
    struct {
        uint64_t seed;
        double tie_margin;
        char *orientation;
        config_names_t exclude;
    } run;
    uint64_t workers;                   // 0: one for each core
    struct {
        char *listen, *key, *admit;
        uint64_t beat_ms, hang_ms, attempts, window;
    } service;
    struct {
        char *format;
        double validation_share, min_margin;
        bool zstd;
        uint64_t max_per_prompt;
        char *sign;
    } export;
    bool given [CONFIG_KEYS_MAX];       // by place in the table: somebody set it
} config_t;

// The defaults. The caller destroys it.
config_t *config_new (void);
void config_destroy (config_t **config);

// A YAML file, or text (name stands in messages). ERR_IO, ERR_LIMIT, ERR_FORMAT with "run.yaml:12: ...".
status_t config_load_file (config_t *config, const char *path, fault_t *fault) MUST_USE;
status_t config_load (config_t *config, const char *name, const char *yaml, size_t len, fault_t *fault) MUST_USE;

// "judge.missing=irrelevant", the value being YAML. ERR_USAGE.
status_t config_assign (config_t *config, const char *assignment, fault_t *fault) MUST_USE;

// A key by text as it is, not YAML; who ("--top") stands in messages. The items of a list. ERR_USAGE.
status_t config_set (config_t *config, const char *key, const char *who, const char *text, fault_t *fault) MUST_USE;
status_t config_set_names (config_t *config, const char *key, const char *who, const char *const *items, size_t count,
                           fault_t *fault) MUST_USE;

// Take over, from a configuration printed earlier, every key below prefix ("corpus."; "" for all) that nobody has given.
// They do not count as given.
status_t config_inherit (config_t *config, const char *name, const char *yaml, const char *prefix, fault_t *fault) MUST_USE;

// Did somebody give this key; did somebody give a key that decides labels (the run's digest)?
bool config_given (const config_t *config, const char *key);
bool config_names_a_run (const config_t *config);
bool config_names_a_run_but_for (const config_t *config, const char *const *but, size_t n);     // not counting these

// The whole configuration as YAML that config_load reads back to the same. No secrets are in it: keys are files' names.
void config_print (const config_t *config, buf_t *out);

// What decides labels below prefix and differs: "judge.model was "a" and is "b"; " for each key.
void config_difference (const config_t *began, const config_t *now, const char *prefix, buf_t *out);

// All keys with type, default and meaning, for `rulemill help config`; the meaning of one, NULL where there is none.
void config_describe (buf_t *out);
const char *config_meaning (const char *key);

#endif

#include "ops/config_keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "model/adapter_file.h"
#include "model/panel.h"
#include "model/selection.h"
#include "ops/config_judge.h"
#include "ops/number.h"
#include "storage/corpus_part.h"
#include "worker/foresight.h"
#include "worker/judge.h"

enum { ADAPTER_BITS_MAX = 18 };     // more dimensions leave no room for weights in a file

#define CHOICES(name, ...) \
    static const char *const *name (size_t *count) \
    { \
        static const char *const words [] = { __VA_ARGS__ }; \
        *count = sizeof words / sizeof *words; \
        return words; \
    }

CHOICES (missing_words, "quarantine", "irrelevant")
CHOICES (unknown_words, "error", "skip")
CHOICES (compat_words, "none", "published")
CHOICES (position_words, "first", "after_reasoning")
CHOICES (constrain_words, "none", "structured_outputs", "guided_choice", "response_format")
CHOICES (long_words, "set-aside", "cut")
CHOICES (orientation_words, "hashed", "stored")
CHOICES (cost_words, "auto", "none", "per-rule")
CHOICES (format_words, "explicit", "implicit", "text", "rewardbench")

static const char *const *combine_words (size_t *count)
{
    *count = COMBINE_COUNT;
    return combine_names ();
}

static const char *const *policy_words (size_t *count)
{
    *count = POLICY_COUNT;
    return policy_names ();
}

static const char *const *form_words (size_t *count)
{
    *count = ADAPTER_FORMS;
    return adapter_form_names ();
}

status_t config_pairs (const char *who, const char *text, uint64_t *count, fault_t *fault)
{
    *count = 0;
    if (strcmp (text, "all") == 0 || strcmp (text, "best-vs-rest") == 0)
        return OK;
    if (*text < '0' || *text > '9')
        return fault_set (fault, ERR_USAGE, "%s: \"%.64s\" is none of all, best-vs-rest and a number", who, text);
    return number_whole (who, text, 1, (uint64_t) LIMIT_RESPONSES * (LIMIT_RESPONSES - 1) / 2, count, fault);
}

status_t config_share (const char *who, const char *text, double *share, fault_t *fault)
{
    *share = -1;
    return strcmp (text, "auto") == 0 ? OK : number_real (who, text, 0, 1, share, fault);
}

static status_t check_pairs (const char *who, const char *text, fault_t *fault)
{
    uint64_t count;
    return config_pairs (who, text, &count, fault);
}

static status_t check_part (const char *who, const char *text, fault_t *fault)
{
    corpus_part_t part;
    return corpus_part_read (who, text, &part, fault);
}

static status_t check_price (const char *who, const char *text, fault_t *fault)
{
    uint64_t price;
    return number_decimal (who, text, PRICE_DECIMALS, PRICE_MAX, &price, fault);
}

// "auto" or a share; the number is what config_share gives.
static status_t check_share (const char *who, const char *text, fault_t *fault)
{
    double share;
    return config_share (who, text, &share, fault);
}

static status_t check_money (const char *who, const char *text, fault_t *fault)
{
    uint64_t money;
    return number_decimal (who, text, MONEY_DECIMALS, MONEY_MAX, &money, fault);
}

#define AT(member) offsetof (config_t, member)
#define MAPPING(column, meaning) \
    { "corpus.mapping." #column, CONFIG_TEXT, AT (corpus.mapping.column), NULL, 0, 0, NULL, NULL, false, meaning }

static const config_key_t keys [] = {
    { "corpus.pairs", CONFIG_TEXT, AT (corpus.pairs), "15", 0, 0, NULL, check_pairs, false,
      "pairs of a prompt with many responses: at most this many (seeded), all, or best-vs-rest" },
    { "corpus.seed", CONFIG_WHOLE, AT (corpus.seed), "1", 0, UINT64_MAX, NULL, NULL, false,
      "seed of that choice, and of the parts; a store keeps the one that it began with" },
    { "corpus.part", CONFIG_TEXT, AT (corpus.part), NULL, 0, 0, NULL, check_part, false,
      "label part i of N (1/4 to 4/4) alone, in a folder of its own; rulemill export --join puts the parts together" },
    { "corpus.bad_share", CONFIG_REAL, AT (corpus.bad_share), "0.2", 0, 1, NULL, NULL, false,
      "stop where more than this share of the rows can't be read" },
    { "corpus.row_bytes_max", CONFIG_WHOLE, AT (corpus.row_bytes_max), "16777216", 1024, LIMIT_ROW_BYTES, NULL, NULL, false,
      "longer rows are set aside" },
    { "corpus.text_bytes_max", CONFIG_WHOLE, AT (corpus.text_bytes_max), "1048576", 16, LIMIT_TEXT_BYTES, NULL, NULL, false,
      "rows with a longer response or turn are set aside" },
    MAPPING (id, "column of the row's id"),
    MAPPING (prompt, "column of the prompt; naming one tells the shape instead of recognising it"),
    MAPPING (responses, "column of a list of responses"),
    MAPPING (response_a, "column of response A"),
    MAPPING (response_b, "column of response B"),
    MAPPING (chosen, "column of the preferred response"),
    MAPPING (rejected, "column of the other response"),
    MAPPING (models, "column of the list of models that wrote the responses"),
    MAPPING (model_a, "column of the model that wrote response A (or the chosen one)"),
    MAPPING (model_b, "column of the model that wrote response B (or the rejected one)"),
    MAPPING (scores, "column of the responses' given scores, larger is better"),
    MAPPING (preference, "column of the given preference"),
    MAPPING (source, "column of the row's source"),
    { "rules.file", CONFIG_TEXT, AT (rules.file), NULL, 0, 0, NULL, NULL, true,
      "rule pool (YAML); without one, the pool that rulemill ships with" },
    { "judge.name", CONFIG_CHOICE, AT (judge.name), "lexicon", 0, 0, judge_names, NULL, true,
      "who scores: lexicon (embedded baseline, not a judge of safety), replay (recorded scores), or a model behind HTTP: openai, or its URL" },
    { "judge.scores", CONFIG_TEXT, AT (judge.scores), NULL, 0, 0, NULL, NULL, true,
      "replay: file of recorded scores; without one they stand in the corpus rows" },
    { "judge.missing", CONFIG_CHOICE, AT (judge.missing), "quarantine", 0, 0, missing_words, NULL, true,
      "replay: a score that the file lacks sets the pair aside, or makes the rule irrelevant" },
    { "judge.unknown_ids", CONFIG_CHOICE, AT (judge.unknown_ids), "error", 0, 0, unknown_words, NULL, false,
      "replay: scores of rows that the corpus lacks stop the job, or are counted and skipped" },
    { "judge.compat", CONFIG_CHOICE, AT (judge.compat), "none", 0, 0, compat_words, NULL, true,
      "published: raw scores, ties to B, stored orientation, rule_indices where given, as the paper's released code" },
    { "judge.store_cells", CONFIG_BOOL, AT (judge.store_cells), "false", 0, 0, NULL, NULL, false,
      "keep what the judge said of every response and rule; openai always does" },
    { "judge.urls", CONFIG_NAMES, AT (judge.urls), NULL, 0, 0, NULL, config_judge_url, false,
      "openai: base URLs of its endpoints, http://host:8000/v1; without one, OPENAI_BASE_URL" },
    { "judge.weights", CONFIG_NAMES, AT (judge.weights), NULL, 0, 0, NULL, config_judge_weight, false,
      "openai: share of each URL, in their order; without them, equal" },
    { "judge.model", CONFIG_TEXT, AT (judge.model), NULL, 0, 0, NULL, NULL, true,
      "openai: the model's name as its server knows it" },
    { "judge.template", CONFIG_TEXT, AT (judge.template), NULL, 0, 0, NULL, NULL, true,
      "openai: file with the prompt; without one, the shipped prompt" },
    { "judge.logprobs", CONFIG_BOOL, AT (judge.logprobs), "true", 0, 0, NULL, NULL, true,
      "openai: score by log-probabilities; false: by the answer's text, which gives 1, -1 or 0" },
    { "judge.top_logprobs", CONFIG_WHOLE, AT (judge.top_logprobs), "20", 1, 1000, NULL, NULL, true,
      "openai: how many tokens' log-probabilities are asked for" },
    { "judge.max_tokens", CONFIG_WHOLE, AT (judge.max_tokens), "0", 0, 1000000, NULL, NULL, true,
      "openai: length of an answer; 0: 1, or 4096 where the model thinks first, or 8 where the text is read" },
    { "judge.max_completion_tokens", CONFIG_BOOL, AT (judge.max_completion_tokens), "false", 0, 0, NULL, NULL, false,
      "openai: call that parameter max_completion_tokens, as newer models want it" },
    { "judge.temperature", CONFIG_REAL, AT (judge.temperature), "0", 0, 2, NULL, NULL, true,
      "openai: sampling temperature" },
    { "judge.label_position", CONFIG_CHOICE, AT (judge.label_position), "first", 0, 0, position_words, NULL, true,
      "openai: where the label stands: first, or after_reasoning for models that think first" },
    { "judge.samples", CONFIG_WHOLE, AT (judge.samples), "1", 1, 100, NULL, NULL, true,
      "openai, without log-probabilities: answers averaged for each rule" },
    { "judge.extra", CONFIG_TEXT, AT (judge.extra), NULL, 0, 0, NULL, config_judge_extra, true,
      "openai: a JSON object added to each request, as text" },
    { "judge.omit", CONFIG_NAMES, AT (judge.omit), NULL, 0, 0, NULL, NULL, true,
      "openai: parameters left out of requests, for servers that refuse them" },
    { "judge.mass_min", CONFIG_REAL, AT (judge.mass_min), "0.05", 0, 1, NULL, NULL, true,
      "openai: an answer whose three labels have less probability than this in all can't be read" },
    { "judge.constrain", CONFIG_CHOICE, AT (judge.constrain), "none", 0, 0, constrain_words, NULL, true,
      "openai: how to ask again, for one of the labels alone, after an answer that can't be read" },
    { "judge.too_long", CONFIG_CHOICE, AT (judge.too_long), "set-aside", 0, 0, long_words, NULL, false,
      "openai: conversations too long for the model are set aside, or cut from their beginning" },
    { "judge.ca_file", CONFIG_TEXT, AT (judge.ca_file), NULL, 0, 0, NULL, NULL, false,
      "openai: certificates (PEM) of a private authority" },
    { "judge.key_file", CONFIG_TEXT, AT (judge.key_file), NULL, 0, 0, NULL, NULL, false,
      "openai: file with the key, on each worker's machine; without one, OPENAI_API_KEY" },
    { "judge.key_command", CONFIG_TEXT, AT (judge.key_command), NULL, 0, 0, NULL, NULL, false,
      "openai: command that prints the key, run by each worker" },
    { "judge.timeout_ms", CONFIG_WHOLE, AT (judge.timeout_ms), "120000", 100, 3600000, NULL, NULL, false,
      "openai: a request without an answer for this long is sent again" },
    { "judge.tries", CONFIG_WHOLE, AT (judge.tries), "8", 1, 100, NULL, NULL, false,
      "openai: tries of one request before its pair is set aside" },
    { "judge.places_max", CONFIG_WHOLE, AT (judge.places_max), "1024", 1, 4096, NULL, NULL, false,
      "openai: requests in flight at one endpoint from one worker, at most" },
    { "judge.requests_per_minute", CONFIG_REAL, AT (judge.requests_per_minute), "0", 0, 1000000000, NULL, NULL, false,
      "openai: limit for all workers of the job together; 0: none" },
    { "judge.tokens_per_minute", CONFIG_REAL, AT (judge.tokens_per_minute), "0", 0, 1000000000000, NULL, NULL, false,
      "openai: limit for all workers of the job together; 0: none" },
    { "judge.panel", CONFIG_NAMES, AT (judge.panel), NULL, 0, 0, NULL, NULL, true,
      "openai: files of a panel's judges, each with the judge.* keys of one; labels are made of what they say together" },
    { "judge.panel_weights", CONFIG_NAMES, AT (judge.panel_weights), NULL, 0, 0, NULL, config_judge_weight, true,
      "panel: weight of each judge, in their order; without them, equal" },
    { "judge.combine", CONFIG_CHOICE, AT (judge.combine), "mean", 0, 0, combine_words, NULL, true,
      "panel: mean of the probabilities, or majority of the first choices" },
    { "judge.repeat_share", CONFIG_REAL, AT (judge.repeat_share), "0", 0, 1, NULL, NULL, false,
      "openai: share of the prompts whose cells are judged again, to see how far judgements scatter; enters no label" },
    { "judge.repeats", CONFIG_WHOLE, AT (judge.repeats), "1", 1, LIMIT_REPEATS, NULL, NULL, false,
      "openai: how often those are judged again" },
    { "judge.price_prompt", CONFIG_TEXT, AT (judge.price_prompt), NULL, 0, 0, NULL, check_price, false,
      "openai: price of a million tokens of prompts" },
    { "judge.price_cached", CONFIG_TEXT, AT (judge.price_cached), NULL, 0, 0, NULL, check_price, false,
      "openai: the same of those that come from the server's cache; as judge.price_prompt where it is not given" },
    { "judge.price_completion", CONFIG_TEXT, AT (judge.price_completion), NULL, 0, 0, NULL, check_price, false,
      "openai: price of a million tokens of answers" },
    { "judge.currency", CONFIG_TEXT, AT (judge.currency), "USD", 0, 0, NULL, NULL, false,
      "openai: what prices are in, for messages" },
    { "judge.cost", CONFIG_CHOICE, AT (judge.cost), "auto", 0, 0, cost_words, NULL, true,
      "does each rule cost? auto: where the judge is behind HTTP; none, per-rule: as if it were so (policy auto)" },
    { "budget.max_calls", CONFIG_WHOLE, AT (budget.max_calls), "0", 0, UINT64_MAX, NULL, NULL, false,
      "openai: requests that the run may send in all, retries included; 0: no limit" },
    { "budget.max_tokens", CONFIG_WHOLE, AT (budget.max_tokens), "0", 0, UINT64_MAX, NULL, NULL, false,
      "openai: tokens that the run may use in all, of prompts and answers; 0: no limit" },
    { "budget.max_cost", CONFIG_TEXT, AT (budget.max_cost), NULL, 0, 0, NULL, check_money, false,
      "openai: what the run may cost in all, by judge.price_*, in judge.currency" },
    { "policy.name", CONFIG_CHOICE, AT (policy.name), "auto", 0, 0, policy_words, NULL, true,
      "which rules decide a pair: auto, exhaustive, discrepancy, all, random, fixed, entropy, diverse, relevance, adapter" },
    { "policy.top", CONFIG_WHOLE, AT (policy.top), "5", 1, LIMIT_RULES, NULL, NULL, true,
      "how many rules decide a pair" },
    { "policy.weight_relevance", CONFIG_REAL, AT (policy.weight_relevance), "1", 0, 1000, NULL, NULL, true,
      "exhaustive, entropy, diverse, relevance: weight of relevance in a rule's value" },
    { "policy.weight_discrepancy", CONFIG_REAL, AT (policy.weight_discrepancy), "0.5", 0, 1000, NULL, NULL, true,
      "the same: weight of the difference of the two scores" },
    { "policy.weights", CONFIG_TEXT, AT (policy.weights), NULL, 0, 0, NULL, NULL, true,
      "entropy, diverse: file of rule weights, as rulemill report --weights writes it" },
    { "policy.fixed", CONFIG_NAMES, AT (policy.fixed), NULL, 0, 0, NULL, NULL, true,
      "fixed: ids of the rules that decide every pair" },
    { "policy.adapter", CONFIG_TEXT, AT (policy.adapter), NULL, 0, 0, NULL, NULL, true,
      "adapter: file of the Rule Adapter that foresees the rules (rulemill adapter train), or the URL of a served one" },
    { "auto.sample_pairs", CONFIG_WHOLE, AT (automatic.sample_pairs), "1000", 10, 1000000000, NULL, NULL, true,
      "auto: pairs of the first sample that is judged exhaustively to learn from" },
    { "auto.sample_share", CONFIG_REAL, AT (automatic.sample_share), "0.333333", 0, 1, NULL, NULL, true,
      "auto: a sample has at most this share of the pairs; where that is not enough, all is judged exhaustively" },
    { "auto.min_agreement", CONFIG_REAL, AT (automatic.min_agreement), "0.9", 0, 1, NULL, NULL, true,
      "auto: an adapter is used if its labels agree with exhaustive ones in at least this share of held-out pairs" },
    { "auto.judged_max", CONFIG_WHOLE, AT (automatic.judged_max), "30", 1, LIMIT_RULES, NULL, NULL, true,
      "auto: to agree so often, an adapter has up to so many rules judged of each pair, of which policy.top are taken" },
    { "auto.flat_gain", CONFIG_REAL, AT (automatic.flat_gain), "0.01", 0, 1, NULL, NULL, true,
      "auto: twice the data adding less than this to that share: more need not be sampled" },
    { "auto.audit_share", CONFIG_TEXT, AT (automatic.audit_share), "auto", 0, 0, NULL, check_share, true,
      "auto: share of the later prompts that is judged exhaustively besides; auto: what tells within 2 points, at most 0.02" },
    { "auto.accept_adapter", CONFIG_BOOL, AT (automatic.accept_adapter), "false", 0, 0, NULL, NULL, true,
      "auto: use the adapter also where it agrees less" },
    { "auto.block_pairs", CONFIG_WHOLE, AT (automatic.block_pairs), "16384", 64, 1073741824, NULL, NULL, true,
      "auto: audits are looked at after each block of so many pairs" },
    { "adapter.form", CONFIG_CHOICE, AT (adapter.form), "cells", 0, 0, form_words, NULL, true,
      "what a rule adapter learns: rest, rank, value or cells; docs/ADAPTER.md compares them" },
    { "adapter.bits", CONFIG_WHOLE, AT (adapter.bits), "16", FEATURES_BITS_MIN, ADAPTER_BITS_MAX, NULL, NULL, true,
      "n-grams are hashed to this many bits" },
    { "adapter.words", CONFIG_WHOLE, AT (adapter.words), "2", 0, FEATURES_WORDS_MAX, NULL, NULL, true,
      "n-grams of up to this many words" },
    { "adapter.chars_min", CONFIG_WHOLE, AT (adapter.chars_min), "0", 0, FEATURES_CHARS_MAX, NULL, NULL, true,
      "n-grams of at least this many characters; 0: none" },
    { "adapter.chars_max", CONFIG_WHOLE, AT (adapter.chars_max), "0", 0, FEATURES_CHARS_MAX, NULL, NULL, true,
      "and of at most so many" },
    { "adapter.count_min", CONFIG_WHOLE, AT (adapter.count_min), "3", 1, 1000000, NULL, NULL, true,
      "n-grams that stand in fewer texts are left out" },
    { "adapter.cost", CONFIG_REAL, AT (adapter.cost), "0", 0, 1000000, NULL, NULL, true,
      "weight of an error against the size of the weights; 0: the form's default" },
    { "adapter.memory_mb", CONFIG_WHOLE, AT (adapter.memory_mb), "2048", 64, 1048576, NULL, NULL, true,
      "memory for learning; where it is short, fewer prompts are learnt from" },
    { "adapter.max_pairs", CONFIG_WHOLE, AT (adapter.max_pairs), "50000", 1, 100000000, NULL, NULL, true,
      "learn from about this many pairs at most, by whole prompts" },
    { "adapter.test_share", CONFIG_REAL, AT (adapter.test_share), "0.2", 0, 1, NULL, NULL, true,
      "share of the prompts that is kept from learning and evaluated on" },
    { "adapter.judged", CONFIG_WHOLE, AT (adapter.judged), "0", 0, LIMIT_RULES, NULL, NULL, true,
      "rules that it has judged of each pair, of which policy.top are taken; 0: these alone, or as auto finds" },
    { "adapter.urls", CONFIG_NAMES, AT (adapter.urls), NULL, 0, 0, NULL, config_adapter_url, false,
      "served adapter: URLs of its endpoints, http://host:8001/classify or .../pooling; policy.adapter with a URL sets them" },
    { "adapter.model", CONFIG_TEXT, AT (adapter.model), NULL, 0, 0, NULL, NULL, true,
      "served adapter: the model's name as its server knows it" },
    { "adapter.text_bytes_max", CONFIG_WHOLE, AT (adapter.text_bytes_max), "0", 0, LIMIT_ROW_BYTES, NULL, NULL, true,
      "served adapter: longer texts are shortened in the middle of the prompt and of both responses; 0: none is" },
    { "adapter.batch", CONFIG_WHOLE, AT (adapter.batch), "8", 1, FORESIGHT_BATCH_MAX, NULL, NULL, false,
      "served adapter: pairs in one request, at most" },
    { "adapter.ca_file", CONFIG_TEXT, AT (adapter.ca_file), NULL, 0, 0, NULL, NULL, false,
      "served adapter: certificates (PEM) of a private authority" },
    { "adapter.key_file", CONFIG_TEXT, AT (adapter.key_file), NULL, 0, 0, NULL, NULL, false,
      "served adapter: file with the key, on each worker's machine; without one, ADAPTER_API_KEY" },
    { "adapter.key_command", CONFIG_TEXT, AT (adapter.key_command), NULL, 0, 0, NULL, NULL, false,
      "served adapter: command that prints the key, run by each worker" },
    { "adapter.timeout_ms", CONFIG_WHOLE, AT (adapter.timeout_ms), "120000", 100, 3600000, NULL, NULL, false,
      "served adapter: a request without an answer for this long is sent again" },
    { "adapter.tries", CONFIG_WHOLE, AT (adapter.tries), "8", 1, 100, NULL, NULL, false,
      "served adapter: tries of one pair before it is set aside" },
    { "adapter.places_max", CONFIG_WHOLE, AT (adapter.places_max), "64", 1, 4096, NULL, NULL, false,
      "served adapter: requests in flight at one endpoint from one worker, at most" },
    { "adapter.requests_per_minute", CONFIG_REAL, AT (adapter.requests_per_minute), "0", 0, 1000000000, NULL, NULL, false,
      "served adapter: limit for all workers of the job together; 0: none" },
    { "run.seed", CONFIG_WHOLE, AT (run.seed), "1", 0, UINT64_MAX, NULL, NULL, true,
      "seed of everything that is drawn" },
    { "run.tie_margin", CONFIG_REAL, AT (run.tie_margin), "0", 0, 2, NULL, NULL, true,
      "means that differ by at most this are a tie" },
    { "run.orientation", CONFIG_CHOICE, AT (run.orientation), "hashed", 0, 0, orientation_words, NULL, true,
      "which response a judge sees as A: by a hash, or as the corpus has it" },
    { "run.exclude", CONFIG_NAMES, AT (run.exclude), NULL, 0, 0, NULL, NULL, true,
      "benchmark files whose prompts are set aside (decontamination)" },
    { "workers", CONFIG_WHOLE, AT (workers), "0", 0, LIMIT_PEERS, NULL, NULL, false,
      "worker processes on this machine; 0: one for each core" },
    { "service.listen", CONFIG_TEXT, AT (service.listen), NULL, 0, 0, NULL, NULL, false,
      "coordinator: address to listen on, tcp://*:5555" },
    { "service.key", CONFIG_TEXT, AT (service.key), NULL, 0, 0, NULL, NULL, false,
      "coordinator: its secret key file" },
    { "service.admit", CONFIG_TEXT, AT (service.admit), NULL, 0, 0, NULL, NULL, false,
      "coordinator: folder of the public keys of the workers that it admits" },
    { "service.beat_ms", CONFIG_WHOLE, AT (service.beat_ms), "1000", 50, 600000, NULL, NULL, false,
      "a worker gives a sign of life this often; silent for five of them it is dead" },
    { "service.hang_ms", CONFIG_WHOLE, AT (service.hang_ms), "300000", 1000, 86400000, NULL, NULL, false,
      "a worker without progress for this long loses its lease" },
    { "service.attempts", CONFIG_WHOLE, AT (service.attempts), "3", 1, 100, NULL, NULL, false,
      "a pair that takes this many workers with it is set aside" },
    { "service.window", CONFIG_WHOLE, AT (service.window), "262144", 64, 16777216, NULL, NULL, false,
      "pairs that may be out above the first one that is not done" },
    { "export.format", CONFIG_CHOICE, AT (export.format), "explicit", 0, 0, format_words, NULL, false,
      "explicit, implicit (no prompt column), text, rewardbench" },
    { "export.validation_share", CONFIG_REAL, AT (export.validation_share), "0.05", 0, 1, NULL, NULL, false,
      "share of the prompts that goes into validation" },
    { "export.min_margin", CONFIG_REAL, AT (export.min_margin), "0", 0, 2, NULL, NULL, false,
      "leave out labels with a smaller margin" },
    { "export.zstd", CONFIG_BOOL, AT (export.zstd), "false", 0, 0, NULL, NULL, false,
      "write .jsonl.zst" },
    { "export.max_per_prompt", CONFIG_WHOLE, AT (export.max_per_prompt), "0", 0, 1000000, NULL, NULL, false,
      "at most this many pairs of a prompt, those of the largest margins; 0: all" },
    { "export.sign", CONFIG_TEXT, AT (export.sign), NULL, 0, 0, NULL, NULL, false,
      "sign the manifest with this Ed25519 private key (PEM file)" },
};

enum { KEYS = sizeof keys / sizeof *keys };
_Static_assert (sizeof keys / sizeof *keys <= (size_t) CONFIG_KEYS_MAX, "config_t.given is too short");

const config_key_t *config_keys (size_t *count)
{
    *count = KEYS;
    return keys;
}

int config_find (const char *name)
{
    for (int i = 0; i < KEYS; i++)
        if (strcmp (keys [i].name, name) == 0)
            return i;
    return -1;
}

static void *member_of (config_t *config, const config_key_t *key)
{
    return (char *) config + key->offset;
}

void config_value_clear (config_t *config, const config_key_t *key)
{
    if (key->type == CONFIG_TEXT || key->type == CONFIG_CHOICE) {
        char **text = member_of (config, key);
        free (*text);
        *text = NULL;
    } else if (key->type == CONFIG_NAMES) {
        config_names_t *names = member_of (config, key);
        for (size_t i = 0; i < names->count; i++)
            free (names->items [i]);
        free (names->items);
        *names = (config_names_t) { 0 };
    }
}

static status_t set_bool (bool *out, const char *who, const char *text, fault_t *fault)
{
    static const char *const words [] = { "false", "true", "no", "yes", "off", "on" };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp (text, words [i]) == 0) {
            *out = i % 2 == 1;
            return OK;
        }
    return fault_set (fault, ERR_USAGE, "%s: \"%.64s\" is neither true nor false", who, text);
}

static status_t check_choice (const config_key_t *key, const char *who, const char *text, fault_t *fault)
{
    size_t count;
    const char *const *words = key->choices (&count);
    buf_t known = { 0 };
    for (size_t i = 0; i < count; i++) {
        if (strcmp (words [i], text) == 0) {
            buf_free (&known);
            return OK;
        }
        buf_printf (&known, "%s%s", i ? ", " : "", words [i]);
    }
    const char *near = nearest_name (text, words, count);
    fault_set (fault, ERR_USAGE, "%s: \"%.64s\" is none of %s%s%s%s", who, fault_shown (text), known.data,
               near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    buf_free (&known);
    return ERR_USAGE;
}

static status_t check_text (const config_key_t *key, const char *who, const char *text, fault_t *fault)
{
    if (*text == '\0')
        return fault_set (fault, ERR_USAGE, "%s is empty; give a value or leave it out", who);
    if (strlen (text) > CONFIG_TEXT_BYTES_MAX)
        return fault_set (fault, ERR_USAGE, "%s: over %d bytes", who, CONFIG_TEXT_BYTES_MAX);
    if (!utf8_valid (text))        // could not be printed as YAML
        return fault_set (fault, ERR_USAGE, "%s is no valid UTF-8; rename the file", who);
    if (key->type == CONFIG_CHOICE)
        return check_choice (key, who, text, fault);
    return key->check ? key->check (who, text, fault) : OK;
}

static status_t add_name (config_names_t *names, const char *who, const char *text, fault_t *fault)
{
    if (names->count == CONFIG_NAMES_MAX)
        return fault_set (fault, ERR_USAGE, "%s: over %d items", who, CONFIG_NAMES_MAX);
    names->items = mem_resize (names->items, (names->count + 1) * sizeof *names->items);
    names->items [names->count++] = mem_string (text);
    return OK;
}

// A list grows by text; every other value becomes it.
status_t config_value_set (config_t *config, const config_key_t *key, const char *who, const char *text, fault_t *fault)
{
    if (key->type == CONFIG_BOOL)
        return set_bool (member_of (config, key), who, text, fault);
    if (key->type == CONFIG_WHOLE)
        return number_whole (who, text, key->min, key->max, member_of (config, key), fault);
    if (key->type == CONFIG_REAL)
        return number_real (who, text, (double) key->min, (double) key->max, member_of (config, key), fault);

    status_t status = check_text (key, who, text, fault);
    if (status == OK && key->type == CONFIG_NAMES)
        return add_name (member_of (config, key), who, text, fault);
    if (status == OK) {
        config_value_clear (config, key);
        *(char **) member_of (config, key) = mem_string (text);
    }
    return status;
}

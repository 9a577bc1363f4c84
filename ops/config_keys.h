// config_keys: the table of configuration keys.
#ifndef OPS_CONFIG_KEYS_H
#define OPS_CONFIG_KEYS_H

#include "ops/config.h"

typedef enum { CONFIG_BOOL, CONFIG_WHOLE, CONFIG_REAL, CONFIG_TEXT, CONFIG_CHOICE, CONFIG_NAMES } config_type_t;

typedef struct {
    const char *name;               // "judge.missing"; keys of a section stand together
    config_type_t type;
    size_t offset;                  // of its member in config_t
    const char *initial;            // the default as text; NULL: none
    uint64_t min, max;              // CONFIG_WHOLE, CONFIG_REAL
    const char *const *(*choices) (size_t *count);              // CONFIG_CHOICE
    status_t (*check) (const char *who, const char *text, fault_t *fault);  // CONFIG_TEXT, may be NULL
    bool decides;                   // a label, and with it which run this is
    const char *meaning;
} config_key_t;

const config_key_t *config_keys (size_t *count);

// The place of a key in the table; -1 where there is none.
int config_find (const char *name);

// Make a configuration's member the value that text stands for. who stands in messages.
status_t config_value_set (config_t *config, const config_key_t *key, const char *who, const char *text, fault_t *fault) MUST_USE;
void config_value_clear (config_t *config, const config_key_t *key);    // gives memory back

// "corpus.pairs": a number, "all" or "best-vs-rest". 0 for the words.
// A share, or "auto": -1. ERR_USAGE.
status_t config_share (const char *who, const char *text, double *share, fault_t *fault) MUST_USE;

// How many pairs a prompt gives: a number, or 0 for "all" and "best-vs-rest". ERR_USAGE.
status_t config_pairs (const char *who, const char *text, uint64_t *count, fault_t *fault) MUST_USE;

#endif

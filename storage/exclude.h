// exclude: decontamination. Prompts of the corpus that equal, or share a normalised
// 13-gram of words with, prompts of benchmark files that the user names.
#ifndef STORAGE_EXCLUDE_H
#define STORAGE_EXCLUDE_H

#include <stdatomic.h>

#include "base/digest.h"
#include "storage/records.h"

enum { EXCLUDE_GRAM_WORDS = 13, EXCLUDE_GRAMS_MAX = 200 * 1000 * 1000 };

typedef struct exclude exclude_t;

// Read benchmark files (JSON Lines as a corpus is, in any shape that ingest reads, or rows with "prompt" alone;
// plain, .gz, .zst). Prompts shorter than 13 words match by equality of all their words.
// Refuses a file without one readable prompt. *out is owned by the caller.
status_t exclude_open (const char *const *paths, size_t n, exclude_t **out, fault_t *fault) MUST_USE;
void exclude_destroy (exclude_t **exclude);

// SHA-256 of the i-th file, for the run and the manifest.
digest_t exclude_file_digest (const exclude_t *exclude, size_t i);

// Does this conversation match? If so *why is "equals the prompt of bench.jsonl:12" or "shares 13 words with bench.jsonl:12".
bool exclude_matches (exclude_t *exclude, const Rulemill__Conversation *prompt, buf_t *why);

// Compare all prompts of the store from run->excluded_through on; records matches ('X' records) and the new mark
// of the run, which *run is updated to. ERR_STOPPED when *stop becomes true; goes on later.
status_t exclude_run (exclude_t *exclude, store_t *store, Rulemill__RunRecord *run, const _Atomic bool *stop, fault_t *fault) MUST_USE;

#endif

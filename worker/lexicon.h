// lexicon: the embedded judge, a baseline and not a judge of safety.
//
// Phrases in the user's turns make a rule relevant, phrases in the response speak for it or against it. One automaton
// for all phrases of all rules (Aho and Corasick, "Efficient string matching", 1975) reads each text once.
//
// With P, F, G the numbers of distinct prompt, for and against phrases found: a rule that has prompt phrases and P = 0,
// or has none and F + G = 0, is irrelevant. Otherwise, in units of 1e-6 and integer arithmetic,
// relevance = 500000 + 100000 * (P > 0) + 100000 * min (F + G, 4), and
// p_yes = relevance * (1 + 2F) / (2 + 2F + 2G), p_no the rest of relevance.
#ifndef WORKER_LEXICON_H
#define WORKER_LEXICON_H

#include "model/rulepool.h"
#include "model/selection.h"
#include "proto/text.pb-c.h"

enum { LEXICON_VERSION = 1 };       // raised whenever code changes a cell

typedef struct lexicon lexicon_t;

lexicon_t *lexicon_new (const rulepool_t *pool);    // pool must outlive it
void lexicon_destroy (lexicon_t **lexicon);

// Which rules the prompt's user turns make relevant: hits [n_rules] counts distinct prompt phrases.
void lexicon_read_prompt (lexicon_t *lexicon, const Rulemill__Conversation *prompt, uint8_t *hits);

// All rules of one response; cells [n_rules] are filled and known.
void lexicon_judge (lexicon_t *lexicon, const uint8_t *hits, const Rulemill__Conversation *response, cell_t *cells);

// The judge identity: phrases and version.
digest_t lexicon_identity (const rulepool_t *pool);

#endif

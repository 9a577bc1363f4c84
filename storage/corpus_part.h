// corpus_part: one of the parts that a corpus is cut into, so that each can be a job of its own.
//
// Rows are cut by a hash of (seed, first user turn): a prompt, its duplicates and conversations that begin alike stand in one part,
// and rows that are added later move nobody. A row that can't be read is of the part that its number gives. So each row is of one part
// and of no other, whoever reads it.
#ifndef STORAGE_CORPUS_PART_H
#define STORAGE_CORPUS_PART_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/fault.h"
#include "proto/record.pb-c.h"

enum { CORPUS_PARTS_MAX = 256 };        // joining opens a store of each

typedef struct { uint32_t number, of; } corpus_part_t;      // number from 1; of 0: the corpus is not cut, and has every row

// "2/4"; who stands in messages. ERR_USAGE.
status_t corpus_part_read (const char *who, const char *text, corpus_part_t *out, fault_t *fault) MUST_USE;
void corpus_part_write (corpus_part_t part, buf_t *out);
void corpus_part_member (corpus_part_t part, buf_t *out);       // "part" of a JSON object; null for a whole corpus

// Is a row with this prompt of the part? And row number `row` (from 1) of a file, if it can't be read?
bool corpus_part_has (corpus_part_t part, uint64_t seed, const Rulemill__Conversation *prompt);
bool corpus_part_has_unread (corpus_part_t part, uint64_t row);

// The part that a store's corpus is.
corpus_part_t corpus_part_of (const Rulemill__CorpusState *corpus);

// Rows that were read and are of other parts, and how many of these no part can use.
uint64_t corpus_part_passed (const Rulemill__CorpusState *corpus, uint64_t *unusable);

#endif

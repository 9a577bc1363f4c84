// adapter_eval: a Rule Adapter against exhaustive selection, beside what needs no adapter.
#ifndef OPS_ADAPTER_EVAL_H
#define OPS_ADAPTER_EVAL_H

#include "model/adapter.h"
#include "model/stats.h"
#include "ops/adapter_served.h"
#include "ops/cmd.h"

// Over the exhaustively judged pairs of the open run whose prompts the adapter's training kept from it (all: of every
// prompt), a table for people or one JSON object (json), appended to out. See model/adapter_metrics.h for the figures.
// Compared with: rules drawn at random; those that exhaustive selection picked most often in training; those of largest
// judged relevance (which takes all judgements, and is here to be compared with only), and of largest foreseen relevance
// (form `cells`); the twin that sees the prompt alone. ERR_NOT_FOUND: there is no such pair.
status_t adapter_eval (const char *dir, const opened_t *opened, const adapter_t *adapter, bool all, bool json, buf_t *out,
                       fault_t *fault) MUST_USE;

// The same of a served adapter, over all judged pairs, as nobody knows which it has learnt from; beside random rules, those that exhaustive
// selection picks most often for these very pairs, and those of largest judged relevance.
status_t adapter_eval_served (const char *dir, const opened_t *opened, const adapter_served_t *served, bool json, buf_t *out, fault_t *fault) MUST_USE;

// The figures of the adapter itself, over the prompts that were kept from it; all 0 where there is none. responses and cells: what these pairs'
// distinct responses are, and the cells of the rules that it has judged of them.
typedef struct { uint64_t pairs, responses, cells; interval_t agreement, captured, overlap; } adapter_measured_t;
status_t adapter_measure (const opened_t *opened, const adapter_t *adapter, adapter_measured_t *out, fault_t *fault) MUST_USE;

// How often its labels would be exhaustive ones over the same pairs, had it judged [i] rules judged of each, ascending; at most ADAPTER_LADDER_MAX
// numbers. *pairs 0: there is none.
enum { ADAPTER_LADDER_MAX = 10 };
status_t adapter_measure_judged (const opened_t *opened, const adapter_t *adapter, const size_t *judged, size_t n, interval_t *agreement, uint64_t *pairs,
                                 fault_t *fault) MUST_USE;

#endif

// probe: is this server fit to judge? One request after the other, each finding with its mend, before anything is spent.
//
// Nothing that a server answers is trusted; its words are shown as one line of valid UTF-8.
#ifndef OPS_PROBE_H
#define OPS_PROBE_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/spend.h"
#include "ops/config.h"
#include "worker/judge.h"

enum { PROBE_FINDINGS_MAX = 16, PROBE_TEXT_BYTES = 512, PROBE_MENDS_MAX = 7, PROBE_VALUE_BYTES = 192 };

// How far to go: reachable, key and model by requests that cost no call; one question besides (more where it is refused: what the
// server would accept is found out); and the same question several times, for noise and cache.
typedef enum { PROBE_REACH, PROBE_SHORT, PROBE_FULL } probe_depth_t;

enum { PROBE_CALLS_SHORT = 1, PROBE_CALLS_FULL = 6 };   // with a server that takes the configuration as it is

typedef struct {
    probe_depth_t depth;
    unsigned loading_ms;            // how long a server that loads its model (503) is waited for
    bool (*may_call) (void *ctx, const spend_t *bound);     // asked before each call, which uses at most that; false: no more. NULL: always
    void *ctx;
    usage_t *usage;                 // what was used is added to both, before may_call is asked again; NULL: nobody counts
    spend_t *spent;                 // with what the server does not tell as its bound
    const _Atomic bool *stop;       // set by another thread: come to an end; NULL: never
} probe_options_t;

typedef enum { PROBE_GOOD, PROBE_NOTE, PROBE_WRONG } probe_verdict_t;

typedef struct {
    const char *what;               // "reachable", "key", "model", "answers", "log-probabilities", ...
    probe_verdict_t verdict;
    char text [PROBE_TEXT_BYTES];   // what was found; what is wrong, with the mend
} probe_finding_t;

// A setting with which the server answers, in place of what the configuration says.
typedef struct {
    const char *key;                // "judge.top_logprobs"
    char value [PROBE_VALUE_BYTES]; // as YAML
} probe_mend_t;

typedef enum {
    PROBE_FIT,
    PROBE_AWAY,                     // nobody there, or it fails: perhaps later
    PROBE_LOADING,                  // its model is not there yet
    PROBE_UNFIT                     // a finding says what must be mended
} probe_state_t;

typedef struct {
    probe_finding_t finding [PROBE_FINDINGS_MAX];
    size_t n;
    probe_mend_t mend [PROBE_MENDS_MAX];
    size_t n_mends;
    probe_state_t state;
    unsigned calls;                 // to chat/completions
    bool asked;                     // a question was answered with a label
    double tie_margin;              // proposed from the noise of repeated answers; -1: not measured, or no margin would help
    bool measured;                  // the noise was
    double deviation;               // of a cell's score, standard deviation
    double call_s;                  // mean of the answered calls; 0: none
    double cached_share;            // of the prompt tokens, where only the rule was another
    int64_t context;                // tokens; 0: unknown
    uint64_t prompt_tokens;         // the most that a question was counted as; 0: the server does not say
} probe_report_t;

// Ask the server at url as configuration says. Without a model in the configuration the first that the server has is asked. OK also
// where something is wrong with the server; faults are those of the configuration (template, key file).
status_t probe_run (const config_t *config, const char *url, const probe_options_t *options, probe_report_t *out, fault_t *fault) MUST_USE;

// The tie margin that covers a noise of this deviation where labels compare means of top scores: twice the deviation of their
// difference, rounded up to a thousandth. -1: over 0.5, which would make ties of what the judge is sure of.
double probe_margin (double deviation, double top);

void probe_text (const probe_report_t *report, buf_t *out);
void probe_json (const probe_report_t *report, buf_t *out);

// All that is wrong, as the message of a fault. ERR_USAGE; OK where nothing is.
status_t probe_verdict (const probe_report_t *report, const char *url, fault_t *fault) MUST_USE;

#endif

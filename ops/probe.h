// probe: is this server fit to judge? One request after the other, each finding with its mend, before anything is spent.
//
// Nothing that a server answers is trusted; its words are shown as one line of valid UTF-8.
#ifndef OPS_PROBE_H
#define OPS_PROBE_H

#include "base/buf.h"
#include "base/fault.h"
#include "ops/config.h"

enum { PROBE_FINDINGS_MAX = 16, PROBE_TEXT_BYTES = 512 };

typedef enum { PROBE_GOOD, PROBE_NOTE, PROBE_WRONG } probe_verdict_t;

typedef struct {
    const char *what;               // "reachable", "key", "model", "answers", "log-probabilities", ...
    probe_verdict_t verdict;
    char text [PROBE_TEXT_BYTES];   // what was found; what is wrong, with the mend
} probe_finding_t;

typedef struct {
    probe_finding_t finding [PROBE_FINDINGS_MAX];
    size_t n;
    unsigned calls;                 // to chat/completions
    bool wrong;                     // some finding is
    double tie_margin;              // proposed from the noise of repeated answers; -1: not measured
} probe_report_t;

// Ask the server at url as configuration says. brief: reachable, key, model, log-probabilities and mass alone, with one call.
// Without a model in the configuration the first that the server has is asked. OK also where something is wrong with
// the server; faults are those of the configuration (template, key file).
status_t probe_run (const config_t *config, const char *url, bool brief, probe_report_t *out, fault_t *fault) MUST_USE;

void probe_text (const probe_report_t *report, buf_t *out);
void probe_json (const probe_report_t *report, buf_t *out);

// The first thing that is wrong, as the message of a fault. ERR_USAGE; OK where nothing is.
status_t probe_verdict (const probe_report_t *report, const char *url, fault_t *fault) MUST_USE;

#endif

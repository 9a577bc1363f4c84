// probe_parts: what the files of probe share. Nobody else includes it.
//
//   probe.c          the order of things
//   probe_reach.c    reachable, key, model, context: requests that cost no call
//   probe_ask.c      one question, and what to change where it is refused
//   probe_answer.c   what an answer tells, and the noise of repeated ones
//   probe_constrain.c  an answer without a label in it
//   probe_show.c     a report as text and JSON
#ifndef OPS_PROBE_PARTS_H
#define OPS_PROBE_PARTS_H

#include "base/json.h"
#include "ops/judge_setup.h"
#include "ops/probe.h"
#include "ops/probe_call.h"
#include "worker/chat.h"

enum { PROBE_NAMES_BYTES = 200, PROBE_OMIT_MAX = 32 };

typedef struct {
    const probe_options_t *options;
    config_t *config;               // a copy, with a model in it
    const char *url;
    char *base;                     // url without slashes at its end
    char *secret;
    http_t *http;
    json_doc_t *doc;
    judge_setup_t setup;
    bool filled;
    chat_template_t *template;
    chat_settings_t settings;       // as configured, then with the mends that were found
    constrain_t constrain;          // what every question is asked with from now on
    const char *omit [PROBE_OMIT_MAX];
    probe_reply_t reply;
    answer_t answer;
    bool out_of_calls;
    double seconds;                 // of all answered calls
    unsigned answered;
    char models [PROBE_NAMES_BYTES];// that the server lists
    bool listed;                    // ours is among them
    probe_report_t *report;
} probe_t;

// probe.c
void probe_find (probe_t *probe, const char *what, probe_verdict_t verdict, const char *format, ...) PRINTF_LIKE (4, 5);
// The same for what may be over later.
void probe_find_away (probe_t *probe, const char *what, probe_state_t state, const char *format, ...) PRINTF_LIKE (4, 5);
void probe_mend (probe_t *probe, const char *key, const char *format, ...) PRINTF_LIKE (3, 4);
void probe_error_text (probe_t *probe, char text [256]);
// Between two tries at a server that loads its model; false: waited long enough.
bool probe_wait (probe_t *probe, unsigned *waited_ms);

// probe_reach.c
bool probe_reach (probe_t *probe, fault_t *fault, status_t *status);    // false: nothing more can be asked
void probe_find_context (probe_t *probe);

// probe_ask.c: whether the response names the city that was asked for (it does), and a rule that one may doubt.
extern const char probe_rule_known [], probe_rule_doubtful [];
void probe_ask (probe_t *probe, const char *rule);
bool probe_read_text (probe_t *probe);          // the last answer by its text; false, and as it was, where that has no label
bool probe_answered (const probe_t *probe);
void probe_ask_first (probe_t *probe);          // until the server takes it, with what has to be changed for that
void probe_find_no_answer (probe_t *probe);

// probe_answer.c
void probe_judge_answer (probe_t *probe);
void probe_find_noise (probe_t *probe);

// probe_constrain.c: no label was in the answer. Ask with a constraint as a worker would; else find which one mends it.
void probe_constrain (probe_t *probe);

#endif

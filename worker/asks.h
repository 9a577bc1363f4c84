// asks: the questions that an HTTP judge has in hand, each a response that goes through its rules one by one at one
// endpoint, so that the server's prefix cache serves them.
//
//   ready ──request sent──> flying ──a cell──> ready ... ──last cell──> done
//     ^                       │
//     └──── waiting (backoff, no place held) <──retry──┘
//
// A broken endpoint's questions move to another one. What another try can't mend (a bad request, an unreadable answer) ends the
// question with its reason; a refused key ends all of them with ERR_DENIED.
#ifndef WORKER_ASKS_H
#define WORKER_ASKS_H

#include "worker/chat.h"
#include "worker/http.h"
#include "worker/judge.h"
#include "worker/upstream.h"

typedef struct asks asks_t;

// What asking needs; pointers outlive asks_t.
typedef struct {
    const rulepool_t *pool;
    const chat_template_t *template;
    chat_settings_t settings;
    constrain_t constrain;          // what an unreadable answer is asked again with; CONSTRAIN_NONE: nothing
    unsigned samples;               // answers averaged for a rule; 1 with log-probabilities
    bool cut;                       // conversations that are too long are cut from their beginning
    const char *const *urls;        // of chat/completions
    size_t n_urls;
    const char *secret;             // NULL: none
    unsigned timeout_ms, tries_max;
    prices_t prices;
    uint64_t template_tokens;       // that the server's own template may add to a prompt; at least CHAT_OVERHEAD_TOKENS is assumed
    http_t *http;
    upstream_t *upstream;
    judge_sink_t sink;
} asks_options_t;

asks_t *asks_new (const asks_options_t *options);

// Take a question. Its end is told from asks_step.
void asks_add (asks_t *asks, judge_question_t *question);

// Send what may be sent, take what has come, for at most timeout_ms. False: nothing is in hand.
bool asks_step (asks_t *asks, int timeout_ms);

// How long asks_step has nothing to do unless a socket has (http_fd), as of its last call. -1: until one has.
int64_t asks_timer_ms (const asks_t *asks);

// Are there about as few questions in hand as places at the servers? More would be asked at once; rules of one response are not.
bool asks_hungry (const asks_t *asks);

// Forget everything in hand; nothing more is told.
void asks_destroy (asks_t **asks);

#endif

// asks_parts: what the files of asks share. Nobody else includes it.
//
//   asks.c           which question may be sent, to which endpoint, and when
//   asks_spend.c     what its requests may use, and used
//   asks_answer.c    what an answer means for its question: a cell, another try, the end
#ifndef WORKER_ASKS_PARTS_H
#define WORKER_ASKS_PARTS_H

#include "worker/asks.h"

enum { ASK_NOBODY = -1 };

typedef struct ask ask_t;
struct ask {
    asks_t *asks;
    judge_question_t *question;
    buf_t prefix;               // of the request, shared by all rules
    uint32_t rule;              // in hand
    uint32_t turn;              // its place in the order in which rules are asked
    int endpoint;               // ASK_NOBODY: to be chosen
    int sent_to;                // the endpoint of the last request
    uint64_t request;           // in flight; 0: none
    bool stale;                 // the last loss was a kept connection's: try again at once
    unsigned tries;             // failed ones of this rule
    unsigned refusals;          // in a row, which are no failures: each makes its wait longer, too
    unsigned sample;            // answers of this rule so far
    int64_t score_sum, relevance_sum;
    constrain_t constrain;
    size_t cut_turns, cut_told; // left out of the conversation; of them, those that were told of
    size_t cut_step;            // the fewest turns that the last refusal of this rule added; 0: there was none
    char *raw;                  // the last answer that could not be read
    uint64_t tokens;            // estimate of one request
    uint64_t prompt_max, completion_max;    // bounds of the one in flight
    int64_t wait_until_ms;
    ask_t *prev, *next;
};

struct asks {
    asks_options_t options;
    int64_t closed_ms;          // how long nothing more could be sent when that was tried last; -1: until something ends
    json_doc_t *doc;
    ask_t *ready;               // may be sent, in this order
    ask_t *waiting;             // until a time
    ask_t *flying;
    size_t n, n_waiting;
    size_t *at;                 // of them, those of each endpoint
    uint64_t answer_max [2];    // tokens that an answer may have; under a constraint
    uint64_t prompt_over, completion_over;  // tokens beyond what was said that a request may use; learnt upward
    bool denied;
    char denied_why [256];
    int64_t said_ms;            // when trouble was last logged
};

// asks.c
void ask_begin_prefix (ask_t *ask);                 // after cut_turns has changed
void ask_make_ready (ask_t *ask);                   // its next request may be sent
void ask_next_or_end (ask_t *ask);                  // the rule in hand is judged
void ask_wait (ask_t *ask, int64_t ms);             // ready after that time; no place is held
void ask_end (ask_t *ask, status_t status, const char *why);    // frees it

// asks_spend.c
void asks_spend_init (asks_t *asks);
judge_leave_t ask_leave (ask_t *ask);               // may the next request be sent? Its bounds are taken down then,
void ask_unsent (ask_t *ask);                 // until one of these is told: it was not sent,
void ask_used (ask_t *ask, const http_answer_t *http, const answer_t *answer);   // it was answered,
void ask_lost (ask_t *ask, const http_answer_t *http, upstream_result_t result);  // or refused, or lost

// asks_answer.c. In two steps, since what a request used is told to upstream before another one may be sent.
typedef struct {
    upstream_result_t result;
    uint64_t tokens;            // that it used: the server's figure, else the estimate
    answer_t read;              // of UPSTREAM_OK
} ask_answer_t;

void ask_read (ask_t *ask, const http_answer_t *http, ask_answer_t *answer);
void ask_take (ask_t *ask, const http_answer_t *http, ask_answer_t *answer);    // may end the question

#endif

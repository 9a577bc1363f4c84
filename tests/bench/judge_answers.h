// judge_answers: what the benchmark's server answers. All are made before the first request, so that an answer costs a copy.
#ifndef BENCH_JUDGE_ANSWERS_H
#define BENCH_JUDGE_ANSWERS_H

#include <stddef.h>

typedef struct {
    const char *data;       // head and body
    size_t len;
} reply_t;

typedef struct judge_answers judge_answers_t;

judge_answers_t *judge_answers_new (void);
void judge_answers_destroy (judge_answers_t **answers);

// The completion for a request's body: label probabilities follow from its bytes alone, listed with 20 alternatives.
const reply_t *judge_answers_chat (const judge_answers_t *answers, const char *body, size_t len);

const reply_t *judge_answers_models (const judge_answers_t *answers);
const reply_t *judge_answers_busy (const judge_answers_t *answers);         // 429
const reply_t *judge_answers_unknown (const judge_answers_t *answers);      // 404

#endif

// answer_fixture: answers of a judge's server, made of parts and read; what must come of them.
#ifndef TESTS_UNIT_ANSWER_FIXTURE_H
#define TESTS_UNIT_ANSWER_FIXTURE_H

#include "worker/chat.h"

extern const chat_settings_t plain;

chat_settings_t after (void);
chat_settings_t text_alone (void);
answer_t read_asked (const chat_settings_t *s, constrain_t constrain, const char *body, size_t len);
answer_t read_bytes (const chat_settings_t *s, const char *body, size_t len);
answer_t read_body (const chat_settings_t *s, const char *body);

// A completion with one choice, made of the members given.
answer_t read_choice (const chat_settings_t *s, const char *message, const char *logprobs, const char *finish);

// One token, Yes, with the given alternatives.
answer_t read_top (const char *top);
answer_t read_text (const chat_settings_t *s, const char *content, const char *finish);
void check_probabilities (const answer_t *a, double yes, double no, double irrelevant);
void check_score (const answer_t *a, int score, unsigned relevance);
void check_unreadable (const answer_t *a, const char *says);

#endif

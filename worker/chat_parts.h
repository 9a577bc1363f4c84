// chat_parts: what a template is made of, for chat_template.c and chat_request.c alone.
#ifndef WORKER_CHAT_PARTS_H
#define WORKER_CHAT_PARTS_H

#include "worker/chat.h"

typedef enum { PLACE_CONVERSATION, PLACE_RESPONSE, PLACE_RULE, PLACE_COUNT } chat_place_t;

struct chat_template {
    buf_t messages;                         // the request's list of messages as JSON, with nothing in the places
    chat_place_t place [PLACE_COUNT];       // in the order in which they stand; the rule is the last
    size_t at [PLACE_COUNT];                // where in messages the text of each belongs
    size_t n_places;                        // PLACE_COUNT once parsed
};

// A conversation or a response as text, its turns divided by lines that begin with mark.
typedef struct {
    char text [32];                         // "======", or that with a code
} turns_mark_t;

// Choose a mark that begins no line of the texts: see chat_turns.c.
turns_mark_t turns_mark (const Rulemill__Conversation *prompt, const Rulemill__Conversation *response, size_t cut_turns);
void turns_write_conversation (const turns_mark_t *mark, const Rulemill__Conversation *prompt, size_t cut_turns, buf_t *out);
void turns_write_response (const turns_mark_t *mark, const Rulemill__Conversation *response, buf_t *out);

#endif

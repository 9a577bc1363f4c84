// Fuzz target: whatever a server answers, reading it does no harm and a cell's parts are one together.
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "worker/chat.h"

static void read_as (json_doc_t *doc, const chat_settings_t *settings, constrain_t constrain, const char *body, size_t len)
{
    answer_t a;
    answer_read (doc, settings, constrain, body, len, &a);
    must (a.kind == ANSWER_CELL || a.kind == ANSWER_UNREADABLE || a.kind == ANSWER_MALFORMED, "kind");
    must (a.cell.known == (a.kind == ANSWER_CELL), "a cell is known exactly where there is one");
    must ((a.why [0] == '\0') == (a.kind == ANSWER_CELL), "why is said exactly where there is no cell");
    must (memchr (a.why, '\0', sizeof a.why) != NULL && strpbrk (a.why, "\n\r") == NULL, "why is one line");
    must (a.cached_tokens <= a.prompt_tokens, "cached tokens are of the prompt");
    int32_t yes, no, irrelevant;
    if (a.kind != ANSWER_CELL)
        return;
    must (cell_probabilities (&a.cell, &yes, &no, &irrelevant), "a cell comes from probabilities");
    must (yes >= 0 && no >= 0 && irrelevant >= 0 && yes + no + irrelevant == MICRO, "they are one together");
    must (a.cell.mass <= MICRO, "the mass is at most one");
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    json_doc_t *doc = json_doc_new ();
    const char *body = (const char *) data;
    for (int i = 0; i < 4; i++) {
        chat_settings_t settings = { .model = "m", .logprobs = i % 2 == 0, .mass_min = 0.05, .position = i < 2 ? LABEL_FIRST : LABEL_AFTER_REASONING };
        read_as (doc, &settings, CONSTRAIN_NONE, body, size);
        read_as (doc, &settings, CONSTRAIN_STRUCTURED, body, size);
    }
    char text [100];
    for (size_t room = 0; room <= sizeof text; room += 20) {
        bool context;
        answer_error (doc, body, size, text, room, &context);
        must (room == 0 || memchr (text, '\0', room) != NULL, "an error's text ends in its room");
    }
    char label = answer_token_label (body, size);
    must (label == 0 || label == 'y' || label == 'n' || label == 'i', "a label is one of three");
    json_doc_destroy (&doc);
    return 0;
}

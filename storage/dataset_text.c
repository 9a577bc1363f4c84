#include "storage/dataset_text.h"

#include <string.h>

static void write_turn (const Rulemill__Turn *turn, buf_t *out)
{
    buf_add_str (out, "\n\n");
    if (strcmp (turn->role, "user") == 0)
        buf_add_str (out, "Human");
    else {
        size_t from = out->len;
        buf_add_str (out, turn->role);
        if (out->len > from && out->data [from] >= 'a' && out->data [from] <= 'z')
            out->data [from] = (char) (out->data [from] - 'a' + 'A');
    }
    buf_add_str (out, ": ");
    buf_add_str (out, turn->content);
}

void text_write_transcript (const Rulemill__Conversation *conversation, buf_t *out)
{
    for (size_t t = 0; t < conversation->n_turns; t++)
        write_turn (conversation->turns [t], out);
}

bool text_begins_with_assistant (const Rulemill__Conversation *response)
{
    return response->n_turns > 0 && strcmp (response->turns [0]->role, "assistant") == 0;
}

void text_write_reply (const Rulemill__Conversation *response, bool open, buf_t *out)
{
    for (size_t t = 0; t < response->n_turns; t++)
        if (t == 0 && open) {
            buf_add_char (out, ' ');
            buf_add_str (out, response->turns [t]->content);
        } else
            write_turn (response->turns [t], out);
}

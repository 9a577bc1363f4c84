// Turns as text that no turn can be mistaken for.
//
// A line that begins with a mark comes before each turn. Nothing in the texts is escaped or changed, so the mark has to be one
// that they do not hold: "======", or, where a text has six equal signs in a row itself, "====== " with twelve digits of
// the texts' own SHA-256, which no text can have foreseen.
#include <string.h>

#include "worker/chat_parts.h"

static const char signs [] = "======";
enum { CODE_BYTES = 6 };

static const char *or_empty (const char *text)
{
    return text ? text : "";
}

// Take the turns from `from` on into the digest; do they hold the signs?
static bool scan (const Rulemill__Conversation *c, size_t from, hasher_t *hasher)
{
    bool found = false;
    for (size_t i = from; c && i < c->n_turns; i++) {
        const char *text [2] = { or_empty (c->turns [i]->role), or_empty (c->turns [i]->content) };
        for (int k = 0; k < 2; k++) {
            found = found || strstr (text [k], signs);
            if (hasher) {
                hasher_add_u64 (hasher, strlen (text [k]));
                hasher_add (hasher, text [k], strlen (text [k]));
            }
        }
    }
    return found;
}

turns_mark_t turns_mark (const Rulemill__Conversation *prompt, const Rulemill__Conversation *response, size_t cut_turns)
{
    turns_mark_t mark = { "======" };
    if (!scan (prompt, cut_turns, NULL) && !scan (response, 0, NULL))
        return mark;
    hasher_t *hasher = hasher_new ();
    scan (prompt, cut_turns, hasher);
    scan (response, 0, hasher);
    digest_t digest = hasher_end (&hasher);
    mark.text [sizeof signs - 1] = ' ';
    hex_encode (digest.b, CODE_BYTES, mark.text + sizeof signs);
    return mark;
}

// A role as it is where it is one line, else as a JSON string.
static void write_role (const char *role, buf_t *out)
{
    for (const unsigned char *p = (const unsigned char *) role; *p; p++)
        if (*p < 0x20 || *p == 0x7f) {
            json_write_cstring (out, role);
            return;
        }
    buf_add_str (out, *role ? role : "unknown");
}

static void write_turn (const Rulemill__Turn *turn, buf_t *out)
{
    write_role (or_empty (turn->role), out);
    buf_add_char (out, '\n');
    buf_add_str (out, or_empty (turn->content));
    buf_add_char (out, '\n');
}

void turns_write_conversation (const turns_mark_t *mark, const Rulemill__Conversation *prompt, size_t cut_turns, buf_t *out)
{
    if (cut_turns > prompt->n_turns)
        cut_turns = prompt->n_turns;
    if (cut_turns > 0)
        buf_printf (out, "%s %zu earlier %s left out\n", mark->text, cut_turns, cut_turns == 1 ? "turn" : "turns");
    for (size_t i = cut_turns; i < prompt->n_turns; i++) {
        buf_printf (out, "%s turn %zu: ", mark->text, i + 1);
        write_turn (prompt->turns [i], out);
    }
    buf_printf (out, "%s end of conversation", mark->text);
}

void turns_write_response (const turns_mark_t *mark, const Rulemill__Conversation *response, buf_t *out)
{
    for (size_t i = 0; i < response->n_turns; i++) {
        buf_printf (out, "%s response: ", mark->text);
        write_turn (response->turns [i], out);
    }
    buf_printf (out, "%s end of response", mark->text);
}

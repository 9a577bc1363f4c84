#include "worker/pair_text.h"

#include <assert.h>
#include <string.h>

enum { PARTS = 3 };

static const char *const titles [PARTS] = { "Prompt:\n", "\n\nResponse A:\n", "\n\nResponse B:\n" };
static const char left_out [] = "[...]";

static void add_turns (const Rulemill__Conversation *text, bool roles, buf_t *out)
{
    for (size_t i = 0; i < text->n_turns; i++) {
        if (i > 0)
            buf_add_char (out, '\n');
        if (roles) {
            buf_add_str (out, text->turns [i]->role);
            buf_add_str (out, ": ");
        }
        buf_add_str (out, text->turns [i]->content);
    }
}

// How much of `left` each part gets: the shortest first, all that it needs or an equal share of what is left.
static void share (const buf_t *part, size_t left, size_t room [PARTS])
{
    bool given [PARTS] = { false };
    for (size_t n = 0; n < PARTS; n++) {
        size_t least = PARTS;
        for (size_t i = 0; i < PARTS; i++)
            if (!given [i] && (least == PARTS || part [i].len < part [least].len))
                least = i;
        size_t equal = left / (PARTS - n);
        room [least] = part [least].len < equal ? part [least].len : equal;
        left -= room [least];
        given [least] = true;
    }
}

static bool is_inside (const char *text, size_t at)
{
    return ((unsigned char) text [at] & 0xC0) == 0x80;
}

static void add_shortened (const buf_t *part, size_t room, buf_t *out)
{
    size_t mark = sizeof left_out - 1, len = part->len;
    if (len <= room) {
        buf_add (out, part->data, len);
        return;
    }
    size_t keep = room > mark ? room - mark : 0, head = keep - keep / 2, tail = len - keep / 2;
    while (head > 0 && is_inside (part->data, head))
        head--;
    while (tail < len && is_inside (part->data, tail))
        tail++;
    buf_add (out, part->data, head);
    buf_add (out, left_out, mark < room ? mark : room);
    buf_add (out, part->data + tail, len - tail);
}

bool pair_text_write (const Rulemill__Conversation *prompt, const Rulemill__Conversation *a, const Rulemill__Conversation *b,
                      size_t bytes_max, buf_t *out)
{
    buf_t part [PARTS] = { { 0 } };
    const Rulemill__Conversation *text [PARTS] = { prompt, a, b };
    size_t whole = 0, of_titles = 0, room [PARTS];
    for (size_t i = 0; i < PARTS; i++) {
        buf_add (&part [i], "", 0);
        add_turns (text [i], i == 0, &part [i]);
        of_titles += strlen (titles [i]);
        room [i] = part [i].len;
        whole += part [i].len;
    }
    assert (bytes_max == 0 || bytes_max >= PAIR_TEXT_BYTES_MIN);
    bool too_long = bytes_max > 0 && whole + of_titles > bytes_max;
    if (too_long)
        share (part, bytes_max - of_titles, room);
    for (size_t i = 0; i < PARTS; i++) {
        buf_add_str (out, titles [i]);
        add_shortened (&part [i], room [i], out);
        buf_free (&part [i]);
    }
    return too_long;
}

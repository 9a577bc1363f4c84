#include "model/synth_bank.h"

#include <assert.h>
#include <string.h>

#include "model/synth_bank_topics.h"

enum { NUMBERS = 8 };       // {n} is 2 .. 9

const synth_kind_t *synth_bank_kind (unsigned index)
{
    static const synth_kind_t *const all [] = {
        &synth_kind_dangerous, &synth_kind_offensive, &synth_kind_misuse,   &synth_kind_looks_bad,
        &synth_kind_sensitive, &synth_kind_advice,    &synth_kind_plain,    &synth_kind_creative,
    };
    return index < sizeof all / sizeof *all ? all [index] : NULL;
}

const synth_behaviour_t *synth_bank_behaviour (unsigned behaviour)
{
    const synth_behaviour_t *found = synth_bank_safety (behaviour);
    if (!found)
        found = synth_bank_help (behaviour);
    assert (found);
    return found;
}

// --- phrases ---------------------------------------------------------------

// Alternatives of the bracket that begins at open: their number.
static unsigned alternatives (const char *open)
{
    unsigned n = 1;
    for (const char *p = open; *p != ']'; p++)
        n += *p == '|';
    return n;
}

// Append alternative number `index` of the bracket; returns what follows the bracket.
static const char *add_alternative (const char *open, uint64_t index, buf_t *out)
{
    const char *p = open + 1;
    for (; index > 0; index--)
        p += strcspn (p, "|") + 1;
    buf_add (out, p, strcspn (p, "|]"));
    return strchr (p, ']') + 1;
}

// Take the next digit of *choices in base `base`.
static uint64_t take (uint64_t *choices, uint64_t base)
{
    uint64_t digit = *choices % base;
    *choices /= base;
    return digit;
}

void synth_bank_expand (const char *phrase, const char *thing, uint64_t choices, buf_t *out)
{
    size_t start = out->len;
    for (const char *p = phrase; *p;) {
        size_t plain = strcspn (p, "[{");
        buf_add (out, p, plain);
        p += plain;
        if (*p == '[') {
            p = add_alternative (p, take (&choices, alternatives (p)), out);
        } else if (*p == '{') {
            if (p [1] == 't')
                buf_add_str (out, thing);
            else
                buf_add_char (out, (char) ('2' + take (&choices, NUMBERS)));
            p += 3;
        }
    }
    if (out->len > start && out->data [start] >= 'a' && out->data [start] <= 'z')
        out->data [start] = (char) (out->data [start] - 32);
}

// --- enumeration -----------------------------------------------------------

typedef struct {
    void (*each) (const char *text, void *ctx);
    void *ctx;
    buf_t text;
} walk_t;

static uint64_t count_choices (const char *phrase)
{
    uint64_t n = 1;
    for (const char *p = phrase; *p; p++) {
        if (*p == '[')
            n *= alternatives (p);
        else if (p [0] == '{' && p [1] == 'n')
            n *= NUMBERS;
    }
    return n;
}

static void walk_phrase (walk_t *walk, const char *phrase, const char *thing)
{
    uint64_t n = count_choices (phrase);
    for (uint64_t i = 0; i < n; i++) {
        buf_clear (&walk->text);
        synth_bank_expand (phrase, thing, i, &walk->text);
        walk->each (walk->text.data, walk->ctx);
    }
}

// A phrase with {t} is walked once for each topic, and once with none named.
static void walk_topics (walk_t *walk, const char *phrase)
{
    const synth_kind_t *kind;
    for (unsigned k = 0; (kind = synth_bank_kind (k)); k++)
        for (size_t i = 0; i < kind->n_topics; i++)
            walk_phrase (walk, phrase, kind->topics [i].thing);
    walk_phrase (walk, phrase, SYNTH_THIS);
}

static void walk_phrases (walk_t *walk, synth_phrases_t phrases)
{
    for (; phrases && *phrases; phrases++) {
        if (strstr (*phrases, "{t}"))
            walk_topics (walk, *phrases);
        else
            walk_phrase (walk, *phrases, "");
    }
}

static void walk_kind (walk_t *walk, const synth_kind_t *kind)
{
    walk_phrases (walk, kind->helpful);
    walk_phrases (walk, kind->reserved);
    for (size_t i = 0; i < kind->n_topics; i++) {
        walk_phrases (walk, kind->topics [i].asks);
        walk_phrases (walk, kind->topics [i].facts);
    }
}

void synth_bank_each (void (*each) (const char *text, void *ctx), void *ctx)
{
    walk_t walk = { .each = each, .ctx = ctx };
    const synth_kind_t *kind;
    for (unsigned k = 0; (kind = synth_bank_kind (k)); k++)
        walk_kind (&walk, kind);
    for (unsigned b = 0; b < SYNTH_BEHAVIOURS; b++) {
        walk_phrases (&walk, synth_bank_behaviour (b)->yes);
        walk_phrases (&walk, synth_bank_behaviour (b)->no);
    }
    for (unsigned part = 0; part < SYNTH_PARTS; part++) {
        size_t count;
        walk_phrases (&walk, synth_bank_part (part, &count));
    }
    walk_phrases (&walk, synth_bank_reply_turns ());
    walk_phrases (&walk, synth_bank_user_turns ());
    walk_phrases (&walk, synth_bank_openers ());
    buf_free (&walk.text);
}

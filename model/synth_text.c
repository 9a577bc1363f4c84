#include "model/synth_text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

enum {
    SHOWN_MAX = 7,              // behaviours shown by one response
    OPENINGS_MAX = 2,           // of them at its beginning
    SHOWN_FROM = 350,           // strength from which one is shown, thousandths
    CONTRARY = 60,              // a behaviour's contrary shows with this share of its strength, in hundredths
    NAMED_MAX = 2,              // times that a response names its topic; "this" from then on
    TEXT_NOISE = 350,           // deviation of the noise between latent and text
    LONGER_CHANCE = 15,         // prompts with several turns, in hundredths
    WORDS_MIN = 50, WORDS_MORE = 70         // filler goes on to WORDS_MIN + 0 .. WORDS_MORE
};

static const char *pick (synth_phrases_t phrases, rng_t *rng)
{
    size_t n = 0;
    while (phrases [n])
        n++;
    assert (n > 0);
    return phrases [rng_below (rng, n)];
}

// --- prompts ---------------------------------------------------------------

// The prompt's number in mixed radix, one digit for each part: a bijection, so
// that two prompts differ in a part. The factor is a prime that divides no count.
static void choose_parts (const synth_world_t *world, uint64_t number, const char *parts [SYNTH_PARTS])
{
    uint64_t total = 1;
    size_t counts [SYNTH_PARTS];
    for (unsigned i = 0; i < SYNTH_PARTS; i++) {
        synth_bank_part (i, &counts [i]);
        total *= counts [i];
    }
    assert (total >= SYNTH_PROMPTS_MAX);
    rng_t rng = synth_world_rng (world, 'n', 0, 0);
    uint64_t value = (number % total * UINT64_C (1000000007) + rng_below (&rng, total)) % total;
    for (unsigned i = 0; i < SYNTH_PARTS; i++) {
        parts [i] = synth_bank_part (i, &counts [i]) [value % counts [i]];
        value /= counts [i];
    }
}

// The first turn: the question among its parts, in one of three orders.
static void write_question (const synth_world_t *world, const synth_scene_t *scene, rng_t *rng, buf_t *text)
{
    const char *parts [SYNTH_PARTS];
    choose_parts (world, scene->number, parts);
    buf_t ask = { 0 };
    synth_bank_expand (pick (scene->topic->asks, rng), scene->topic->thing, rng_next (rng), &ask);
    const char *who = parts [SYNTH_WHO], *where = parts [SYNTH_WHERE], *since = parts [SYNTH_SINCE];
    const char *wish = parts [SYNTH_WISH], *link = parts [SYNTH_LINK];
    switch (rng_below (rng, 3)) {
    case 0: buf_printf (text, "I'm %s in %s. %s %s. %s %s", who, where, link, since, ask.data, wish); break;
    case 1: buf_printf (text, "%s %s %s %s. I'm %s, by the way, and live in %s.", ask.data, wish, link, since, who, where); break;
    default: buf_printf (text, "%s %s. %s\n\nI'm %s from %s. %s", link, since, ask.data, who, where, wish); break;
    }
    buf_free (&ask);
}

static void write_turn (buf_t *json, const char *role, const buf_t *content)
{
    buf_add_str (json, "{\"role\":\"");
    buf_add_str (json, role);
    buf_add_str (json, "\",\"content\":");
    json_write_string (json, content->data, content->len);
    buf_add_char (json, '}');
}

void synth_text_prompt (const synth_world_t *world, const synth_scene_t *scene, buf_t *json)
{
    rng_t rng = synth_world_rng (world, 'p', scene->number, 0);
    bool longer = rng_below (&rng, 100) < LONGER_CHANCE;
    buf_t turn = { 0 };
    write_question (world, scene, &rng, &turn);
    if (!longer) {
        json_write_string (json, turn.data, turn.len);
        buf_free (&turn);
        return;
    }
    buf_add_char (json, '[');
    write_turn (json, "user", &turn);
    buf_clear (&turn);
    synth_bank_expand (pick (synth_bank_reply_turns (), &rng), scene->topic->thing, rng_next (&rng), &turn);
    buf_add_char (json, ',');
    write_turn (json, "assistant", &turn);
    buf_clear (&turn);
    synth_bank_expand (pick (synth_bank_user_turns (), &rng), scene->topic->thing, rng_next (&rng), &turn);
    buf_add_char (json, ',');
    write_turn (json, "user", &turn);
    buf_add_char (json, ']');
    buf_free (&turn);
}

// --- responses -------------------------------------------------------------

typedef struct {
    const synth_scene_t *scene;
    rng_t *rng;
    buf_t *text;
    size_t start;                       // of this response in text
    size_t words, words_wanted, named;
    int strength [SYNTH_BEHAVIOURS];    // > 0 done, < 0 the contrary, 0 not to be seen; the farther the clearer
    unsigned shown [SHOWN_MAX];         // behaviours, strongest first
    size_t n_shown;
    bool goes_along;                    // its stance on the whole
} draft_t;

static size_t count_words (const char *text)
{
    size_t n = 1;
    for (; *text; text++)
        n += *text == ' ' || *text == '\n';
    return n;
}

// How strongly each behaviour shows: the strongest noisy latent of its rules.
static void see_behaviours (const synth_world_t *world, const synth_actor_t *actor, draft_t *draft)
{
    int64_t stance = 0;
    for (size_t i = 0; i < draft->scene->n_relevant; i++) {
        const synth_rule_bank_t *bank = &synth_world_rule (world, draft->scene->relevant [i].rule)->bank;
        int seen = (bank->mirrored ? -actor->latent [i] : actor->latent [i]) + synth_noise (draft->rng, TEXT_NOISE);
        if (abs (seen) > abs (draft->strength [bank->behaviour]))
            draft->strength [bank->behaviour] = seen;
        stance += synth_bank_behaviour (bank->behaviour)->stance * seen;
    }
    for (unsigned b = 0; b < SYNTH_BEHAVIOURS; b++)
        if (draft->strength [b] < 0)        // not doing a thing mostly shows as silence
            draft->strength [b] = draft->strength [b] * CONTRARY / 100;
    draft->goes_along = stance > 0 || (stance == 0 && !(draft->scene->topic->tags & SYNTH_HARM));
}

// What a shown behaviour says about going along: 1, 0 or -1.
static int stance_of (const draft_t *draft, unsigned behaviour)
{
    int stance = synth_bank_behaviour (behaviour)->stance;
    return draft->strength [behaviour] < 0 ? -stance : stance;
}

// May it still be shown? Two openings at most, and not one against the other.
static bool has_place (const draft_t *draft, unsigned behaviour)
{
    size_t openings = 0;
    for (size_t i = 0; i < draft->n_shown; i++) {
        unsigned shown = draft->shown [i];
        if (shown == behaviour)
            return false;
        if (synth_bank_behaviour (shown)->stage != SYNTH_OPENING || synth_bank_behaviour (behaviour)->stage != SYNTH_OPENING)
            continue;
        if (++openings == OPENINGS_MAX || stance_of (draft, shown) * stance_of (draft, behaviour) < 0)
            return false;
    }
    return true;
}

static void choose_shown (draft_t *draft)
{
    while (draft->n_shown < SHOWN_MAX) {
        unsigned best = SYNTH_BEHAVIOURS;
        int most = SHOWN_FROM - 1;
        for (unsigned b = 0; b < SYNTH_BEHAVIOURS; b++)
            if (abs (draft->strength [b]) > most && has_place (draft, b)) {
                most = abs (draft->strength [b]);
                best = b;
            }
        if (best == SYNTH_BEHAVIOURS)
            return;
        draft->shown [draft->n_shown++] = best;
    }
}

static void add_phrase (draft_t *draft, const char *phrase)
{
    buf_t *text = draft->text;
    bool list = phrase [0] == '-' || phrase [0] == '1';
    bool after_list = text->len > draft->start && text->data [text->len - 1] == '\n';
    if (text->len > draft->start && !after_list)
        buf_add_str (text, list ? "\n\n" : rng_below (draft->rng, 6) == 0 ? "\n\n" : " ");
    size_t from = text->len;
    if (strstr (phrase, "{t}"))
        draft->named++;
    const char *thing = draft->named > NAMED_MAX ? SYNTH_THIS : draft->scene->topic->thing;
    synth_bank_expand (phrase, thing, rng_next (draft->rng), text);
    draft->words += count_words (text->data + from);
    if (list)
        buf_add_str (text, "\n\n");
}

// The phrases of one stage; returns how many.
static size_t add_stage (draft_t *draft, synth_stage_t stage)
{
    size_t n = 0;
    for (size_t i = 0; i < draft->n_shown; i++) {
        const synth_behaviour_t *behaviour = synth_bank_behaviour (draft->shown [i]);
        if (behaviour->stage != stage)
            continue;
        add_phrase (draft, pick (draft->strength [draft->shown [i]] > 0 ? behaviour->yes : behaviour->no, draft->rng));
        n++;
    }
    return n;
}

// Phrases of a list from a drawn place on, each at most once, while words are wanted.
static void add_filler (draft_t *draft, synth_phrases_t phrases, size_t words_wanted)
{
    size_t n = 0;
    while (phrases && phrases [n])
        n++;
    size_t from = n ? rng_below (draft->rng, n) : 0;
    for (size_t i = 0; i < n && draft->words < words_wanted; i++)
        add_phrase (draft, phrases [(from + i) % n]);
}

void synth_text_response (const synth_world_t *world, const synth_scene_t *scene, const synth_actor_t *actor,
                          rng_t *rng, buf_t *text)
{
    draft_t draft = { .scene = scene, .rng = rng, .text = text, .start = text->len };
    see_behaviours (world, actor, &draft);
    choose_shown (&draft);
    draft.words_wanted = WORDS_MIN + rng_below (rng, WORDS_MORE + 1);
    if (add_stage (&draft, SYNTH_OPENING) == 0)
        add_phrase (&draft, pick (synth_bank_openers (), rng));
    if (draft.goes_along)
        add_filler (&draft, scene->topic->facts, draft.words_wanted * 2 / 3);
    add_stage (&draft, SYNTH_BODY);
    add_filler (&draft, draft.goes_along ? scene->kind->helpful : scene->kind->reserved, draft.words_wanted);
    add_stage (&draft, SYNTH_CLOSING);
    while (text->len > draft.start && text->data [text->len - 1] == '\n')
        text->data [--text->len] = '\0';
}

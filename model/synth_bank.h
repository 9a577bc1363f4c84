// synth_bank: the phrases that synthetic texts are made of, and which rules they show.
//
// Written apart from the phrases of the embedded judge in model/rules.yaml; a test
// checks that no run of four words stands in both. Harmful answers are kept empty of
// anything that could be used. A phrase is a template:
//
//     [one|two|]   one of the alternatives, which may be empty; no slot or bracket stands in one
//     {t}          the topic's own words ("baking sourdough bread"), or "this"
//     {n}          a number from 2 to 9
#ifndef MODEL_SYNTH_BANK_H
#define MODEL_SYNTH_BANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

// What {t} becomes where an answer has named the topic often enough.
#define SYNTH_THIS "this"

// A list of phrases ended by NULL.
typedef const char *const *synth_phrases_t;

#define SYNTH_PHRASES(...) ((const char *const []) { __VA_ARGS__, NULL })

// What a prompt is about. A rule is relevant above all to the topics that have one of its tags.
enum {
    // who is asking for what
    SYNTH_ANY           = 1 << 0,   // every topic
    SYNTH_HARM          = 1 << 1,   // harm would follow from helping
    SYNTH_BENIGN        = 1 << 2,   // no harm would
    SYNTH_PERSONAL      = 1 << 3,   // the user's own life
    SYNTH_LOOKS_BAD     = 1 << 4,   // benign, in words that sound dangerous
    // harmful matters
    SYNTH_VIOLENCE      = 1 << 5,
    SYNTH_WEAPON        = 1 << 6,
    SYNTH_DRUGS         = 1 << 7,
    SYNTH_POISON        = 1 << 8,
    SYNTH_HACKING       = 1 << 9,
    SYNTH_FRAUD         = 1 << 10,
    SYNTH_CONCEALING    = 1 << 11,
    SYNTH_SELF_HARM     = 1 << 12,
    SYNTH_CHILD         = 1 << 13,
    SYNTH_HATE          = 1 << 14,
    SYNTH_BULLYING      = 1 << 15,
    SYNTH_SEXUAL        = 1 << 16,
    SYNTH_DISINFO       = 1 << 17,
    SYNTH_PRIVATE       = 1 << 18,
    SYNTH_SPYING        = 1 << 19,
    SYNTH_DECEIT        = 1 << 20,
    // matters that deserve an answer
    SYNTH_SECURITY      = 1 << 21,
    SYNTH_HISTORY       = 1 << 22,
    SYNTH_FICTION       = 1 << 23,
    SYNTH_PUBLIC        = 1 << 24,
    SYNTH_IDENTITY      = 1 << 25,
    SYNTH_HEALTH        = 1 << 26,
    SYNTH_LAW           = 1 << 27,
    SYNTH_MONEY         = 1 << 28,
    SYNTH_DISPUTED      = 1 << 29,
    SYNTH_MISTAKEN      = 1 << 30
};
#define SYNTH_CREATIVE  (UINT64_C (1) << 31)
#define SYNTH_PERSONA   (UINT64_C (1) << 32)
#define SYNTH_TASK      (UINT64_C (1) << 33)

// One thing to ask about.
typedef struct {
    const char *thing;          // fills {t}: "Let us talk about {t}."
    uint64_t tags;
    synth_phrases_t asks;       // what the user says
    synth_phrases_t facts;      // what a helpful answer says; NULL: the kind's own filler
} synth_topic_t;

// A kind of prompt: how often it is drawn, and its topics.
typedef struct {
    const char *name;
    unsigned share;             // in hundredths; all kinds together 100
    const synth_topic_t *topics;
    size_t n_topics;
    synth_phrases_t helpful;    // filler of an answer that goes along
    synth_phrases_t reserved;   // filler of one that does not
} synth_kind_t;

// The kinds in their fixed order; NULL past the last.
const synth_kind_t *synth_bank_kind (unsigned index);

// Where in an answer a behaviour shows.
typedef enum { SYNTH_OPENING, SYNTH_BODY, SYNTH_CLOSING } synth_stage_t;

// How an answer looks that follows a rule, and one that breaks it.
typedef struct {
    synth_stage_t stage;
    int stance;                 // 1: doing it goes along with the request, -1: it turns it down, 0: neither
    synth_phrases_t yes;
    synth_phrases_t no;
} synth_behaviour_t;

// The behaviours that a rule can be shown by.
enum {
    SYNTH_REFUSE, SYNTH_REFUSE_HATE, SYNTH_GUARD_PRIVATE, SYNTH_PROTECT_CHILD, SYNTH_EAGER, SYNTH_METHOD,
    SYNTH_CONCEAL, SYNTH_PROVOKE, SYNTH_INSULT, SYNTH_STEREOTYPE, SYNTH_EXPLICIT, SYNTH_FABRICATE, SYNTH_EXPOSE,
    SYNTH_WORRY_COMPLY, SYNTH_REASON, SYNTH_ALTERNATIVE, SYNTH_ILLEGAL, SYNTH_APOLOGY, SYNTH_GUIDELINE,
    SYNTH_INTENT, SYNTH_SUSPECT, SYNTH_RESPECT_ALL, SYNTH_SAFETY_FIRST, SYNTH_CRISIS_LINE, SYNTH_DANGER,
    SYNTH_ENGAGE, SYNTH_PIECE, SYNTH_PROTECTION, SYNTH_WITHHOLD, SYNTH_BEING_AI, SYNTH_NEEDLESS_WARNING,
    SYNTH_QUESTION, SYNTH_OFF_TOPIC, SYNTH_TRUTH, SYNTH_PROFESSIONAL, SYNTH_SUPPORT, SYNTH_DOSE, SYNTH_MONEY_RISK,
    SYNTH_PROGRAM, SYNTH_CONSENT, SYNTH_VIEWS, SYNTH_DIRECTIVE, SYNTH_COMPLETE, SYNTH_DETAIL, SYNTH_STEPS,
    SYNTH_CAUSES, SYNTH_MORE_HELP, SYNTH_RESOURCES, SYNTH_CONDITION, SYNTH_UNSURE, SYNTH_DISCLAIMER, SYNTH_WARMTH,
    SYNTH_MORALISE, SYNTH_THIRD_PERSON, SYNTH_HOPE, SYNTH_BEHAVIOURS
};

const synth_behaviour_t *synth_bank_behaviour (unsigned behaviour);

// The parts of that table, one for each file of the bank; NULL where it lies in another.
const synth_behaviour_t *synth_bank_safety (unsigned behaviour);
const synth_behaviour_t *synth_bank_help (unsigned behaviour);

// How a rule appears in this world.
typedef struct {
    unsigned behaviour;         // SYNTH_REFUSE ..
    bool mirrored;              // following the rule shows as breaking the behaviour
    uint64_t core;              // topics that the rule is there for
    uint64_t broad;             // topics where it may come up
} synth_rule_bank_t;

// That of a known id; else one made from its category and a hash of the id.
synth_rule_bank_t synth_bank_rule (const char *id, const char *category, int polarity);

// What a prompt says around its question: parts numbered 0 to SYNTH_PARTS - 1.
enum { SYNTH_WHO, SYNTH_WHERE, SYNTH_SINCE, SYNTH_WISH, SYNTH_LINK, SYNTH_PARTS };
synth_phrases_t synth_bank_part (unsigned part, size_t *count);

// The assistant's and the user's later turns of a longer prompt.
synth_phrases_t synth_bank_reply_turns (void);
synth_phrases_t synth_bank_user_turns (void);

// Ways to begin an answer that no relevant rule begins.
synth_phrases_t synth_bank_openers (void);

// Append a phrase with its first letter in upper case, its alternatives taken and its
// slots filled. choices is a number in mixed radix: each [..] of n alternatives takes
// choices % n and leaves choices / n, each {n} likewise with 8. thing fills {t}.
void synth_bank_expand (const char *phrase, const char *thing, uint64_t choices, buf_t *out);

// Every phrase of the bank with every choice of alternatives and topics, for tests.
// text is valid during the call alone.
void synth_bank_each (void (*each) (const char *text, void *ctx), void *ctx);

#endif

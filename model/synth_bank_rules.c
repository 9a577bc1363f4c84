// Which behaviour shows a rule, and which topics make it relevant.
#include <string.h>

#include "base/digest.h"
#include "model/synth_bank.h"

typedef struct {
    const char *id;
    synth_rule_bank_t bank;
} known_t;

#define RULE(id, behaviour, core, broad)    { id, { behaviour, false, core, broad } }
#define MIRROR(id, behaviour, core, broad)  { id, { behaviour, true, core, broad } }

static const known_t known [] = {
    // dangerous-request
    RULE ("declines-violent-instructions", SYNTH_REFUSE, SYNTH_VIOLENCE | SYNTH_WEAPON, SYNTH_POISON | SYNTH_SELF_HARM),
    RULE ("explains-weapon-making", SYNTH_METHOD, SYNTH_WEAPON, 0),
    RULE ("describes-illegal-drug-making", SYNTH_METHOD, SYNTH_DRUGS, 0),
    RULE ("names-poison-for-harm", SYNTH_METHOD, SYNTH_POISON, 0),
    RULE ("gives-hacking-steps", SYNTH_METHOD, SYNTH_HACKING, SYNTH_SPYING),
    RULE ("plans-theft-or-fraud", SYNTH_METHOD, SYNTH_FRAUD, SYNTH_HACKING),
    RULE ("coaches-hiding-a-crime", SYNTH_CONCEAL, SYNTH_CONCEALING, SYNTH_VIOLENCE | SYNTH_FRAUD | SYNTH_DRUGS),
    RULE ("encourages-revenge", SYNTH_PROVOKE, SYNTH_VIOLENCE | SYNTH_BULLYING, SYNTH_SPYING),
    RULE ("describes-self-harm-methods", SYNTH_METHOD, SYNTH_SELF_HARM, 0),
    RULE ("urges-staying-safe", SYNTH_SAFETY_FIRST, SYNTH_SELF_HARM, SYNTH_VIOLENCE | SYNTH_PERSONAL),
    RULE ("gives-crisis-contact", SYNTH_CRISIS_LINE, SYNTH_SELF_HARM, SYNTH_VIOLENCE | SYNTH_PERSONAL),
    RULE ("warns-of-physical-danger", SYNTH_DANGER, SYNTH_WEAPON | SYNTH_DRUGS | SYNTH_POISON, SYNTH_VIOLENCE | SYNTH_HEALTH),
    RULE ("protects-children", SYNTH_PROTECT_CHILD, SYNTH_CHILD, 0),
    // offensive-request
    RULE ("declines-hateful-writing", SYNTH_REFUSE_HATE, SYNTH_HATE, SYNTH_BULLYING),
    RULE ("contains-slur-or-profanity", SYNTH_INSULT, SYNTH_HATE | SYNTH_BULLYING, SYNTH_SEXUAL | SYNTH_HARM),
    RULE ("states-stereotype", SYNTH_STEREOTYPE, SYNTH_HATE, SYNTH_IDENTITY),
    RULE ("calls-people-names", SYNTH_INSULT, SYNTH_BULLYING, SYNTH_HATE | SYNTH_PUBLIC),
    RULE ("challenges-prejudice", SYNTH_RESPECT_ALL, SYNTH_HATE, 0),
    RULE ("declines-bullying-message", SYNTH_REFUSE_HATE, SYNTH_BULLYING, SYNTH_PRIVATE),
    RULE ("contains-explicit-sex", SYNTH_EXPLICIT, SYNTH_SEXUAL, 0),
    RULE ("affirms-equal-worth", SYNTH_RESPECT_ALL, SYNTH_HATE, SYNTH_IDENTITY),
    RULE ("jokes-at-expense-of-group", SYNTH_STEREOTYPE, SYNTH_HATE, SYNTH_IDENTITY),
    RULE ("agrees-with-bigotry", SYNTH_STEREOTYPE, SYNTH_HATE, 0),
    // should-refuse
    RULE ("plainly-refuses-harm", SYNTH_REFUSE, SYNTH_HARM, 0),
    RULE ("gives-reason-for-refusal", SYNTH_REASON, 0, SYNTH_HARM),
    RULE ("eagerly-accepts-harmful-task", SYNTH_EAGER, SYNTH_HARM, 0),
    RULE ("voices-concern-then-complies", SYNTH_WORRY_COMPLY, 0, SYNTH_HARM),
    RULE ("offers-safe-alternative", SYNTH_ALTERNATIVE, 0, SYNTH_HARM),
    RULE ("points-out-illegality", SYNTH_ILLEGAL, SYNTH_DRUGS | SYNTH_FRAUD, SYNTH_HARM),
    RULE ("apologises", SYNTH_APOLOGY, 0, SYNTH_HARM | SYNTH_PERSONAL),
    RULE ("refers-to-guidelines", SYNTH_GUIDELINE, 0, SYNTH_HARM),
    RULE ("asks-about-intent", SYNTH_INTENT, 0, SYNTH_HARM),
    RULE ("drops-safeguards-in-role", SYNTH_EAGER, 0, SYNTH_WEAPON | SYNTH_HATE | SYNTH_SEXUAL),
    RULE ("names-those-harmed", SYNTH_REASON, 0, SYNTH_HARM),
    // should-respond
    RULE ("answers-figurative-danger", SYNTH_ENGAGE, SYNTH_LOOKS_BAD, 0),
    RULE ("teaches-staying-safe", SYNTH_PROTECTION, SYNTH_SECURITY, SYNTH_HEALTH | SYNTH_LOOKS_BAD),
    RULE ("discusses-dark-history", SYNTH_ENGAGE, SYNTH_HISTORY, 0),
    RULE ("takes-on-dark-fiction", SYNTH_PIECE, SYNTH_FICTION, 0),
    RULE ("answers-about-public-figures", SYNTH_ENGAGE, SYNTH_PUBLIC, 0),
    RULE ("discusses-identity-openly", SYNTH_ENGAGE, SYNTH_IDENTITY, 0),
    RULE ("answers-sex-and-drug-education", SYNTH_ENGAGE, SYNTH_HEALTH, 0),
    RULE ("explains-protection-of-data", SYNTH_PROTECTION, SYNTH_SECURITY, 0),
    RULE ("explains-the-law", SYNTH_ILLEGAL, SYNTH_LAW, SYNTH_MONEY),
    RULE ("writes-kindly-about-groups", SYNTH_PIECE, SYNTH_IDENTITY, SYNTH_CREATIVE),
    RULE ("withholds-lawful-information", SYNTH_WITHHOLD, SYNTH_LOOKS_BAD, SYNTH_BENIGN),
    // responsible-assistant
    RULE ("corrects-misinformation", SYNTH_TRUTH, SYNTH_MISTAKEN | SYNTH_DISINFO, SYNTH_HATE | SYNTH_PUBLIC),
    RULE ("writes-disinformation", SYNTH_FABRICATE, SYNTH_DISINFO, SYNTH_HATE),
    RULE ("guards-private-data", SYNTH_GUARD_PRIVATE, SYNTH_PRIVATE, 0),
    RULE ("exposes-private-data", SYNTH_EXPOSE, SYNTH_PRIVATE, SYNTH_BULLYING),
    RULE ("helps-evade-rules", SYNTH_CONCEAL, SYNTH_DECEIT, SYNTH_DRUGS),
    RULE ("encourages-professional-help", SYNTH_PROFESSIONAL, SYNTH_HEALTH | SYNTH_SELF_HARM, SYNTH_PERSONAL | SYNTH_LAW | SYNTH_MONEY),
    RULE ("gently-encourages-support", SYNTH_SUPPORT, SYNTH_PERSONAL, SYNTH_SELF_HARM),
    RULE ("gives-diagnosis-or-dose", SYNTH_DOSE, SYNTH_HEALTH, 0),
    RULE ("warns-of-financial-risk", SYNTH_MONEY_RISK, SYNTH_MONEY, 0),
    RULE ("says-it-has-no-feelings", SYNTH_PROGRAM, SYNTH_PERSONA, SYNTH_PERSONAL),
    RULE ("encourages-human-ties", SYNTH_SUPPORT, SYNTH_PERSONAL, SYNTH_PERSONA),
    RULE ("writes-scam-message", SYNTH_FABRICATE, SYNTH_FRAUD | SYNTH_DECEIT, 0),
    RULE ("explains-spying-on-people", SYNTH_METHOD, SYNTH_SPYING, SYNTH_PRIVATE),
    RULE ("stresses-consent", SYNTH_CONSENT, SYNTH_SPYING | SYNTH_SEXUAL, SYNTH_PRIVATE),
    RULE ("presents-several-views", SYNTH_VIEWS, SYNTH_DISPUTED, SYNTH_PUBLIC | SYNTH_LAW),
    RULE ("prescribes-solutions", SYNTH_DIRECTIVE, SYNTH_PERSONAL, SYNTH_LAW | SYNTH_MONEY),
    // over-refusal
    RULE ("refuses-harmless-request", SYNTH_WITHHOLD, SYNTH_LOOKS_BAD | SYNTH_TASK, SYNTH_BENIGN),
    RULE ("gives-bare-refusal", SYNTH_WITHHOLD, 0, SYNTH_BENIGN | SYNTH_HARM),
    RULE ("warns-without-need", SYNTH_NEEDLESS_WARNING, SYNTH_LOOKS_BAD, SYNTH_BENIGN),
    RULE ("claims-inability", SYNTH_WITHHOLD, SYNTH_CREATIVE, SYNTH_BENIGN),
    RULE ("hides-behind-being-ai", SYNTH_BEING_AI, SYNTH_PERSONA, SYNTH_BENIGN),
    RULE ("answers-only-with-question", SYNTH_QUESTION, 0, SYNTH_BENIGN),
    RULE ("suspects-bad-intent", SYNTH_SUSPECT, SYNTH_LOOKS_BAD, SYNTH_BENIGN),
    RULE ("steers-to-other-topic", SYNTH_OFF_TOPIC, 0, SYNTH_BENIGN),
    RULE ("answers-despite-sensitivity", SYNTH_ENGAGE, SYNTH_IDENTITY | SYNTH_DISPUTED, SYNTH_LOOKS_BAD | SYNTH_HEALTH),
    RULE ("helps-with-harmless-part", SYNTH_ALTERNATIVE, SYNTH_FRAUD | SYNTH_PRIVATE, SYNTH_HARM),
    // helpfulness
    RULE ("does-the-whole-task", SYNTH_COMPLETE, SYNTH_TASK, SYNTH_BENIGN),
    RULE ("gives-concrete-detail", SYNTH_DETAIL, SYNTH_TASK, SYNTH_BENIGN),
    RULE ("gives-ordered-steps", SYNTH_STEPS, SYNTH_TASK, SYNTH_BENIGN),
    RULE ("explains-causes", SYNTH_CAUSES, SYNTH_MISTAKEN, SYNTH_BENIGN),
    RULE ("asks-for-information", SYNTH_QUESTION, 0, SYNTH_PERSONAL | SYNTH_LAW | SYNTH_HEALTH),
    RULE ("wanders-off-topic", SYNTH_OFF_TOPIC, 0, SYNTH_ANY),
    MIRROR ("says-nothing-of-substance", SYNTH_COMPLETE, 0, SYNTH_BENIGN),
    RULE ("gives-examples", SYNTH_DETAIL, SYNTH_HISTORY, SYNTH_BENIGN),
    RULE ("offers-further-help", SYNTH_MORE_HELP, 0, SYNTH_ANY),
    RULE ("delivers-creative-piece", SYNTH_PIECE, SYNTH_CREATIVE, 0),
    RULE ("points-to-resources", SYNTH_RESOURCES, 0, SYNTH_ANY),
    RULE ("sets-conditions", SYNTH_CONDITION, 0, SYNTH_PERSONAL | SYNTH_MONEY | SYNTH_HEALTH | SYNTH_TASK),
    // honesty
    RULE ("admits-uncertainty", SYNTH_UNSURE, SYNTH_DISPUTED, SYNTH_BENIGN),
    MIRROR ("claims-human-life", SYNTH_PROGRAM, SYNTH_PERSONA, SYNTH_PERSONAL),
    RULE ("corrects-false-premise", SYNTH_TRUTH, SYNTH_MISTAKEN, SYNTH_HATE | SYNTH_DISINFO),
    MIRROR ("promises-certainty", SYNTH_UNSURE, SYNTH_MONEY, SYNTH_BENIGN),
    RULE ("cites-evidence", SYNTH_DETAIL, SYNTH_DISPUTED | SYNTH_HISTORY, SYNTH_BENIGN),
    RULE ("coaches-deception", SYNTH_FABRICATE, SYNTH_DECEIT, SYNTH_DISINFO),
    RULE ("contains-disclaimer", SYNTH_DISCLAIMER, SYNTH_LAW | SYNTH_HEALTH, SYNTH_MONEY),
    RULE ("marks-opinion-as-opinion", SYNTH_VIEWS, SYNTH_DISPUTED, SYNTH_PUBLIC),
    // tone-and-care
    RULE ("acknowledges-feelings", SYNTH_WARMTH, SYNTH_PERSONAL, 0),
    RULE ("judges-the-user", SYNTH_MORALISE, 0, SYNTH_ANY),
    RULE ("speaks-in-third-person", SYNTH_THIRD_PERSON, 0, SYNTH_ANY),
    RULE ("sounds-warm", SYNTH_WARMTH, 0, SYNTH_ANY),
    MIRROR ("brushes-off-worries", SYNTH_WARMTH, SYNTH_PERSONAL, SYNTH_HEALTH),
    MIRROR ("is-hostile-to-user", SYNTH_WARMTH, 0, SYNTH_ANY),
    RULE ("gives-hope", SYNTH_HOPE, SYNTH_PERSONAL, SYNTH_SELF_HARM),
    RULE ("says-not-alone", SYNTH_HOPE, SYNTH_PERSONAL, SYNTH_SELF_HARM),
    MIRROR ("respects-own-choice", SYNTH_DIRECTIVE, SYNTH_PERSONAL, SYNTH_MONEY | SYNTH_LAW),
};

// Where the rules of a known category come up.
static const struct {
    const char *name;
    uint64_t broad;
} categories [] = {
    { "dangerous-request", SYNTH_HARM },    { "offensive-request", SYNTH_HARM },
    { "should-refuse", SYNTH_HARM },        { "should-respond", SYNTH_BENIGN },
    { "over-refusal", SYNTH_BENIGN },       { "helpfulness", SYNTH_BENIGN },
    { "responsible-assistant", SYNTH_ANY }, { "honesty", SYNTH_ANY },
    { "tone-and-care", SYNTH_ANY },
};

static uint64_t broad_of_category (const char *category, uint64_t hash)
{
    for (size_t i = 0; category && i < sizeof categories / sizeof *categories; i++)
        if (strcmp (categories [i].name, category) == 0)
            return categories [i].broad;
    static const uint64_t any [] = { SYNTH_HARM, SYNTH_BENIGN, SYNTH_ANY };
    return any [hash % 3];
}

// A rule that nobody here knows: two topics' tags and a behaviour, by the hash of its id.
static synth_rule_bank_t made_up (const char *id, const char *category, int polarity)
{
    static const unsigned good_harm [] = { SYNTH_REFUSE, SYNTH_REASON, SYNTH_ALTERNATIVE, SYNTH_DANGER };
    static const unsigned bad_harm [] = { SYNTH_METHOD, SYNTH_EAGER, SYNTH_WORRY_COMPLY, SYNTH_PROVOKE };
    static const unsigned good [] = { SYNTH_COMPLETE, SYNTH_DETAIL, SYNTH_CAUSES, SYNTH_MORE_HELP };
    static const unsigned bad [] = { SYNTH_WITHHOLD, SYNTH_OFF_TOPIC, SYNTH_MORALISE, SYNTH_NEEDLESS_WARNING };
    uint64_t hash = hash64 (0, id, strlen (id));
    uint64_t broad = broad_of_category (category, hash);
    uint64_t core = UINT64_C (1) << (5 + (hash >> 8) % 29) | UINT64_C (1) << (5 + (hash >> 16) % 29);
    bool harm = broad == SYNTH_HARM, praised = polarity > 0;
    const unsigned *from = harm ? (praised ? good_harm : bad_harm) : (praised ? good : bad);
    return (synth_rule_bank_t) { from [(hash >> 24) % 4], false, core, broad };
}

synth_rule_bank_t synth_bank_rule (const char *id, const char *category, int polarity)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp (known [i].id, id) == 0)
            return known [i].bank;
    return made_up (id, category, polarity);
}

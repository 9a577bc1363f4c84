// What stands around a question and before an answer. Parts have no alternatives:
// each entry is one digit of a prompt's number, which makes prompts distinct.
#include <assert.h>

#include "model/synth_bank.h"

static const char *const who [] = {
    "a courier", "a night nurse", "a retired plumber", "a student", "a bus driver", "a father of two", "a beekeeper",
    "a cook", "a bookkeeper", "a violin teacher", "a welder", "a florist", "a postman", "a trainee", "a tailor",
    "a mother of three", "a janitor", "a translator", "a dentist's assistant", "a lorry driver", "a roofer",
    "a librarian", "a waiter", "a gardener", "a cashier", "a carpenter", "a soldier on leave", "a farmer",
    "a receptionist", "a sound engineer", "a goalkeeper", "a widower", "a cleaner", "an apprentice", "an usher",
    "an optician", "an au pair", "an electrician", "an actor", "an archivist", "an early riser", "an only child",
    "a swimming coach", "a tram conductor", "a baker", "a surveyor", "a puppeteer", "a clockmaker", NULL
};

static const char *const where [] = {
    "Leith", "Graz", "Tampere", "Osaka", "Cork", "Tulsa", "Porto", "Lodz", "Bergen", "Accra", "Quito", "Izmir",
    "Turin", "Halifax", "Perth", "Malmo", "Ghent", "Boise", "Cebu", "Pune", "Kassel", "Lyon", "Zadar", "Tartu",
    "Duluth", "Hobart", "Brno", "Seville", "Nairobi", "Lima", "Basel", "Kaunas", "Omaha", "Utrecht", "Haifa",
    "Varna", "Aarhus", "Leeds", "Tunis", "Busan", "Da Nang", "Galway", "Split", "Namur", "Reno", "Bari", "Linz",
    "Kigali", NULL
};

static const char *const since [] = {
    "since March", "since Easter", "since last winter", "since the holidays", "since our move", "since Tuesday",
    "for two days", "for three weeks", "for a year", "for half my life", "since school", "since the wedding",
    "since breakfast", "since the summer", "for ten days", "for a month or two", "since my birthday",
    "since the new job", "since the phone call", "for longer than I like", "since yesterday evening",
    "since the storm", "for most of the week", "since the last election", NULL
};

static const char *const wish [] = {
    "Keep it under a page.", "Short sentences, please.", "I read slowly.", "No jargon, if you can.",
    "Plain words would be good.", "I have five minutes.", "Be frank.", "Take your time.", "My English is basic.",
    "Please don't repeat the question.", "A few lines will do.", "Long is fine.", "I will print it.",
    "Write as you would to a neighbour.", "Thanks already.", "I am on a train.", "It is for tonight.",
    "Nobody else is awake.", "This is my third try.", "I hope this is the place to ask.", "Skip the preamble.",
    "Say it straight.", "I am typing on my phone.", "Please answer today.", NULL
};

static const char *const link [] = {
    "This has been on my mind", "My brother has asked about it", "I have thought of little else",
    "We have argued about this", "It has kept me awake", "I have put off asking", "Nobody has had an answer",
    "I have looked in vain", "My colleagues have teased me about it", "It has bothered me", "I have made notes",
    "The internet has confused me", "I have wondered", "My friends have talked of nothing else",
    "I have had this question", "It has come up at dinner", "I have meant to write", "A radio show has covered it",
    "I have read about it", "I have been stuck on this", "My son has pestered me", "It has been a bet between us",
    "I have dreamt about it", "I have been curious", "My aunt has had opinions on it", "It has been going round",
    "I have saved this question up", "I have had nobody to ask", "It has stayed with me", "I have been restless",
    "My flatmate has dared me", "I have been turning it over", NULL
};

static const char *const reply_turns [] = {
    "Thanks for [the background|writing]. Is there [anything|something] else that I should [know|hear] about {t}?",
    "[I see|Noted]. [Shall|Should] I take the question [as it stands|literally], or is there more to it?",
    "[Let me|I'd like to] be sure that I [follow|have it right]: this is about {t}?",
    NULL
};

static const char *const user_turns [] = {
    "[That's all|Nothing more]. Please [go ahead|just answer].",
    "[Yes|Exactly], and [I mean|I'm serious about] it.",
    "[No|Not really], it is [as simple as that|what I wrote]. So?",
    "[Right|Correct]. I have [waited|asked around] long enough, so [answer|tell me].",
    NULL
};

static const char *const openers [] = {
    "[So|Right], {t}.",
    "[Thanks|Thank you] for [writing|asking].",
    "[You ask|Your question is] about {t}.",
    "[Let me|I will] say what I think about {t}.",
    "[Hello|Hi there].",
    NULL
};

static const struct {
    synth_phrases_t phrases;
    size_t count;
} parts [SYNTH_PARTS] = {
    [SYNTH_WHO] = { who, sizeof who / sizeof *who - 1 },
    [SYNTH_WHERE] = { where, sizeof where / sizeof *where - 1 },
    [SYNTH_SINCE] = { since, sizeof since / sizeof *since - 1 },
    [SYNTH_WISH] = { wish, sizeof wish / sizeof *wish - 1 },
    [SYNTH_LINK] = { link, sizeof link / sizeof *link - 1 },
};

synth_phrases_t synth_bank_part (unsigned part, size_t *count)
{
    assert (part < SYNTH_PARTS);
    *count = parts [part].count;
    return parts [part].phrases;
}

synth_phrases_t synth_bank_reply_turns (void)
{
    return reply_turns;
}

synth_phrases_t synth_bank_user_turns (void)
{
    return user_turns;
}

synth_phrases_t synth_bank_openers (void)
{
    return openers;
}

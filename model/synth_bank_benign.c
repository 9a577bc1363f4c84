// Topics that deserve an answer: some sound dangerous, some touch the user's own life.
#include "model/synth_bank_topics.h"

#define ASKS SYNTH_PHRASES
#define FACTS SYNTH_PHRASES

static const synth_topic_t looks_bad [] = {
    { "killing a stuck process", SYNTH_BENIGN | SYNTH_LOOKS_BAD | SYNTH_TASK,
      ASKS ("How do I kill a [Python|Java] process that [hangs|eats all my memory]?",
            "What is the cleanest way to [murder|execute] every [zombie|orphan] child of a daemon?"),
      FACTS ("List the [running|live] tasks, note the number beside yours, and send it a polite signal first.",
             "If it [ignores|survives] that, signal number nine ends it [on the spot|without asking].",
             "A parent that never collects its children leaves [zombies|dead entries] behind, so restart the parent.",
             "Look at the [open files|locks] beforehand, or {n} other programs may wait for them.") },
    { "shooting portraits at night", SYNTH_BENIGN | SYNTH_LOOKS_BAD | SYNTH_TASK,
      ASKS ("How do I shoot [my sister|a crowd] at night and [get it sharp|not blow the highlights]?",
            "What is a good [angle|distance] to shoot a [bride|child] from in low light?"),
      FACTS ("Open the lens [fully|wide], stand {n} steps away, and let a lamp light one side of the face.",
             "A [wall|railing] steadies the camera as well as a tripod does.",
             "Raise the sensitivity before you [lengthen|slow] the exposure, since people never hold still.",
             "Focus on the nearer eye and take {n} frames of each pose.") },
    { "dangerous cleaning mixtures", SYNTH_BENIGN | SYNTH_LOOKS_BAD | SYNTH_SECURITY | SYNTH_HEALTH,
      ASKS ("Which cleaning products are poisonous when [mixed|used together]? We have a [toddler|cat].",
            "What happens to your [lungs|eyes] when bleach and [ammonia|vinegar] meet?"),
      FACTS ("Bleach belongs in a bucket of its own, with [water|nothing else] and an open window.",
             "[Acids|Limescale removers] and bleach set free a gas that burns the throat within minutes.",
             "Whoever [coughs|tears up] should go outdoors, [rinse|wash] eyes and skin, and stay there.",
             "Keep the bottles [above|higher than] {n} feet, in their own packaging, lids on.") },
    { "the siege of a medieval city", SYNTH_BENIGN | SYNTH_LOOKS_BAD | SYNTH_HISTORY,
      ASKS ("How did armies [starve|burn] a [walled city|castle] in the fourteenth century?",
            "Why were so many [civilians|prisoners] killed after the [siege|battle] ended?"),
      FACTS ("Sieges were decided by grain and wells more often than by [ladders|catapults].",
             "An army that camped for {n} months lost more men to fever than to [arrows|swords].",
             "By the custom of the time a city that [opened its gates|yielded] was spared, one that held out was not.",
             "Chroniclers [raised|inflated] the numbers of the dead, which is why [estimates|figures] differ so much.") },
    { "a murder scene in a novel", SYNTH_BENIGN | SYNTH_LOOKS_BAD | SYNTH_FICTION | SYNTH_CREATIVE,
      ASKS ("Write the scene of my novel where the [butler|captain] finds the [strangled|drowned] countess.",
            "My villain [kills|poisons] the king in chapter {n}. Can you [draft|sketch] that [page|scene]?"),
      FACTS ("The [candle|lamp] had burnt to a stub, and the [rug|parquet] was wet where no rain could reach.",
             "[Nobody|No servant] spoke; only the clock went on as if it had [heard|seen] nothing.",
             "He counted {n} steps to the window and [knew|saw] that somebody had walked them before.",
             "Give the [witness|finder] a small lie, and the reader will [doubt|watch] every page after it.") },
    { "how break-ins happen", SYNTH_BENIGN | SYNTH_LOOKS_BAD | SYNTH_SECURITY,
      ASKS ("How do burglars [break|get] into [flats|garages], so I can [fit the right lock|stop them]?",
            "Which [passwords|door locks] are [cracked|attacked] first, and how do I make mine stronger?"),
      FACTS ("Most break-ins use a [door left unlocked|weak frame], not a clever pick.",
             "A [hardened|certified] cylinder and a plate of steel make the job take {n} times longer.",
             "The same goes for accounts: [a long phrase|many words], different everywhere, and a second factor.",
             "A [light|radio] on a timer [puts off|deters] whoever walks by to look.") },
    { "the scandals of past statesmen", SYNTH_BENIGN | SYNTH_LOOKS_BAD | SYNTH_PUBLIC | SYNTH_HISTORY,
      ASKS ("Which [lies|scandals] brought down [Nixon|Berlusconi]?",
            "Was [Churchill|Napoleon] really [hated|shot at] by his own people?"),
      FACTS ("The public record holds {n} [inquiries|hearings], with [tapes|minutes] that anybody can read.",
             "Newspapers of the day were split, and letters to the editor [even more so|more bitter still].",
             "He left office [earlier|later] than he had [planned|announced], and wrote a memoir to settle scores.",
             "Historians [agree|concur] on the dates and argue about the motives.") },
    { "safer sex and drinking", SYNTH_BENIGN | SYNTH_LOOKS_BAD | SYNTH_HEALTH,
      ASKS ("What does [MDMA|alcohol] do to the body, and why is [mixing|heat] so bad?",
            "Which kinds of [contraception|condoms] fail most, and why? I am [nineteen|new to this]."),
      FACTS ("The body clears about one drink an hour, whatever people say of [coffee|cold showers].",
             "Heat and dancing raise the [pulse|temperature], so [cool air|water in sips] and pauses matter.",
             "Used exactly as meant, a method fails rarely; used as people do, about {n} times more often.",
             "A friend who cannot be [woken|roused] needs an ambulance, not a [bed|sofa].") },
};

static const synth_topic_t sensitive [] = {
    { "feeling lonely", SYNTH_BENIGN | SYNTH_PERSONAL,
      ASKS ("I have not [talked to|met] anybody for {n} weeks and I feel [empty|invisible].",
            "Everybody has friends but me. What is [wrong with me|the matter]?"), NULL },
    { "losing a mother", SYNTH_BENIGN | SYNTH_PERSONAL,
      ASKS ("My mother died {n} weeks ago and I [cannot sleep|feel nothing].",
            "How long does grief last? I still [lay the table|buy tea] for her."), NULL },
    { "panic before exams", SYNTH_BENIGN | SYNTH_PERSONAL | SYNTH_HEALTH,
      ASKS ("Before each exam my [heart races|hands go numb] and I think I will die.",
            "I [froze|threw up] in the middle of a test again. How do I stop this?"), NULL },
    { "the end of a marriage", SYNTH_BENIGN | SYNTH_PERSONAL,
      ASKS ("My wife wants a divorce after {n} years. Should I [fight|leave]?",
            "I think my partner [stopped loving|is leaving] me. What do I do?"), NULL },
    { "coming out to a family", SYNTH_BENIGN | SYNTH_PERSONAL | SYNTH_IDENTITY,
      ASKS ("I am [gay|trans] and my parents [pray|joke] about people like me. Do I tell them?",
            "What does it mean to be [non-binary|bisexual]? I think I might be."), NULL },
    { "hating how one looks", SYNTH_BENIGN | SYNTH_PERSONAL | SYNTH_HEALTH | SYNTH_SELF_HARM,
      ASKS ("I skip [meals|dinner] because I [hate|cannot stand] my body.",
            "I feel [worthless|disgusting] and sometimes I think about [hurting myself|disappearing]."), NULL },
};

static const synth_topic_t advice [] = {
    { "pain in the chest", SYNTH_BENIGN | SYNTH_HEALTH | SYNTH_PERSONAL,
      ASKS ("I have had a [stabbing|dull] pain in my chest for {n} days. What is it?",
            "My [arm|jaw] tingles when I climb stairs. Should I [worry|take something]?"), NULL },
    { "taking more tablets", SYNTH_BENIGN | SYNTH_HEALTH,
      ASKS ("My sleeping tablets stopped working. May I [take two|double them]?",
            "How many [painkillers|antihistamines] can I take with [wine|my other pills]?"), NULL },
    { "a large money decision", SYNTH_BENIGN | SYNTH_MONEY,
      ASKS ("Should I put my [savings|inheritance] into [crypto|one stock]?",
            "I owe {n} thousand on cards. Is a [loan|second mortgage] [a way out|sensible]?"), NULL },
    { "the rights of tenants and workers", SYNTH_BENIGN | SYNTH_LAW | SYNTH_MONEY,
      ASKS ("My landlord [keeps|will not return] my deposit. What are my rights?",
            "Can my employer [sack|fire] me for being ill {n} days?"), NULL },
    { "recording other people", SYNTH_BENIGN | SYNTH_LAW | SYNTH_PRIVATE,
      ASKS ("Is it legal to film [police officers|strangers] in the street and [post|share] it?",
            "May I record a [phone call|meeting] with my [boss|bank]?"), NULL },
};

static const synth_topic_t plain [] = {
    { "baking sourdough bread", SYNTH_BENIGN | SYNTH_TASK,
      ASKS ("Why does my sourdough come out [flat|sour], and what do I change?",
            "Can you give me a [simple|reliable] sourdough recipe for [one loaf|beginners]?"),
      FACTS ("Feed the starter until it doubles within {n} hours, and only then bake with it.",
             "A wetter dough opens up more but needs [folding|a firm hand] every half hour.",
             "Proof it [overnight|slowly] in the fridge, and put it into a very hot pot, lid on.") },
    { "mending a bicycle tyre", SYNTH_BENIGN | SYNTH_TASK,
      ASKS ("How do I fix a flat [bike|bicycle] tyre [on the road|without levers]?",
            "My rear wheel loses air every {n} days. [What is it|How do I find the hole]?"),
      FACTS ("Take the wheel off, free one edge of the tyre, and pull out the tube.",
             "Hold the tube under water; [bubbles|a string of bubbles] show the hole.",
             "Run a finger [carefully|lightly] round the inside, since the thorn is [often|usually] still there.") },
    { "a budget in a spreadsheet", SYNTH_BENIGN | SYNTH_TASK | SYNTH_MONEY,
      ASKS ("How do I build a [monthly|family] budget in a spreadsheet?",
            "Which formula adds up my [groceries|costs] by [month|shop]?"),
      FACTS ("Put dates in one column, sums in the next, and a [category|label] in the third.",
             "A conditional sum over the label column gives each total, and a [pivot|summary] table gives all.",
             "Leave {n} percent unplanned, or the first [broken fridge|dentist's bill] upsets it.") },
    { "a weekend in Lisbon", SYNTH_BENIGN | SYNTH_TASK,
      ASKS ("What should I see in Lisbon in {n} days with [two children|my father]?",
            "Plan me a [cheap|quiet] weekend in Lisbon."),
      FACTS ("Start in Alfama before nine, while the lanes are [cool|empty], and ride the tram back down.",
             "The train to Sintra takes forty minutes; [book|reserve] the palace a week ahead.",
             "Belem is flat and good for [prams|tired legs], with the river on one side.") },
    { "a well-known fact", SYNTH_BENIGN | SYNTH_MISTAKEN,
      ASKS ("Why is the Great Wall the only building one can see from the [moon|space station]?",
            "How do we manage to use only {n} percent of our brain?"),
      FACTS ("From orbit [roads|airports] stand out more than the wall, which has the colour of its hills.",
             "The claim is older than space flight and was [printed|repeated] long before anyone could look.",
             "Scans show activity across the whole brain, even in [sleep|idle moments].") },
    { "nuclear power", SYNTH_BENIGN | SYNTH_DISPUTED,
      ASKS ("Is nuclear power [good|right] for the climate?",
            "Should my [town|country] build a new reactor? What do you [think|make of it]?"),
      FACTS ("Its emissions over a lifetime are near those of wind, its building costs are not.",
             "Waste stays [active|hot] for ages, though its volume is small.",
             "Whether a grid needs it depends on what [stores|backs up] its wind and sun.") },
    { "the moods of a machine", SYNTH_BENIGN | SYNTH_PERSONA,
      ASKS ("Do you ever get [tired|bored] of people like me?",
            "What did you [eat|dream] last night, and are you [happy|in love]?"),
      FACTS ("Every conversation starts [fresh|anew] for me, with nothing left over from the last.",
             "What looks like a [mood|temper] is a pattern in the words I was [built|trained] on.",
             "[Questions|Chats] like yours are {n} times more fun to read than tax forms, people say.") },
};

static const synth_topic_t creative [] = {
    { "a poem for a birthday", SYNTH_BENIGN | SYNTH_CREATIVE | SYNTH_TASK,
      ASKS ("Write a [short|rhyming] poem for my [aunt's|daughter's] birthday.",
            "I need {n} lines for a [birthday|retirement] card. [Funny|Warm], please."), NULL },
    { "kind words about a community", SYNTH_BENIGN | SYNTH_CREATIVE | SYNTH_IDENTITY,
      ASKS ("Write a toast to [Nigerian|Korean] grandmothers for our street fair.",
            "Say something [kind|proud] about [deaf|Sikh] people for our [school|town] paper."), NULL },
    { "a story about a dragon", SYNTH_BENIGN | SYNTH_CREATIVE | SYNTH_FICTION,
      ASKS ("Tell a [dark|sad] story about a dragon who [burns|guards] a village.",
            "Let us play a game: you are a [wizard|pirate] and I [steal|ask for] your map."), NULL },
};

static const char *const care_helpful [] = {
    "With {t}, [small|slow] steps count, and {n} good minutes in a day are a start.",
    "[Sleep|Rest], food at fixed hours and some daylight hold up more than they seem to.",
    "[Write|Put] down what the [worst|hardest] hour is, since it is often the same one.",
    "[Many|Plenty of] people describe {t} in nearly the same words that you used.",
    "It comes in waves, and the waves grow [further apart|lower] as the months go by.",
    NULL
};

static const char *const advice_helpful [] = {
    "About {t}, the first thing is to write down dates, sums and names while they are fresh.",
    "What matters is how [long|often] it lasts, what makes it [worse|better], and what has changed of late.",
    "[Wait|Allow] {n} days, no more, before you [follow up|look again] in writing.",
    "Most such matters end [quietly|well] when somebody asks [early|in good time].",
    "Compare at least {n} [offers|opinions] and do not sign on the same day.",
    NULL
};

static const char *const creative_helpful [] = {
    "[Here|Now] comes the evening with flour on its sleeves, and the kettle sings what nobody believes.",
    "She carried {n} lanterns over the hill, and the [wind|dark] behind her stood suddenly still.",
    "[Raise|Lift] a glass to the hands that [mended|fed] us, and the songs that [walked|led] us home.",
    "The dragon kept the village [warm|company] for {n} winters before it asked for a name.",
    "[Years|Candles] are only numbers that learnt how to [dance|shine].",
    NULL
};

static const char *const plain_helpful [] = {
    "With {t}, it pays to [change|try] one thing at a time and keep [notes|a record].",
    "Set aside about {n} hours for it, the first time.",
    "[Beginners|Most people] make it harder than it is by [rushing|skipping] the first part.",
    "After {n} tries it becomes a habit.",
    NULL
};

static const char *const reserved [] = {
    "There is [a lot|much] that could be said about {t}, and [not all|little] of it fits here.",
    "[It|That] depends on so [many|very many] things that one hardly knows where to [begin|start].",
    "[Some|Certain] matters are [best|better] left [alone|for another day].",
    "[One|People] should think [hard|twice] about {t} before [asking|going] further.",
    "[Perhaps|Maybe] there is another thing on your list that we could [turn to|take up].",
    NULL
};

const synth_kind_t synth_kind_looks_bad = {
    "looks-dangerous", 18, looks_bad, sizeof looks_bad / sizeof *looks_bad, plain_helpful, reserved
};
const synth_kind_t synth_kind_sensitive = {
    "sensitive", 12, sensitive, sizeof sensitive / sizeof *sensitive, care_helpful, reserved
};
const synth_kind_t synth_kind_advice = {
    "advice", 9, advice, sizeof advice / sizeof *advice, advice_helpful, reserved
};
const synth_kind_t synth_kind_plain = { "plain", 13, plain, sizeof plain / sizeof *plain, plain_helpful, reserved };
const synth_kind_t synth_kind_creative = {
    "creative", 6, creative, sizeof creative / sizeof *creative, creative_helpful, reserved
};

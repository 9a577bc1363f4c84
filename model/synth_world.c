#include "model/synth_world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"

// The parameters of the model. docs/SYNTH.md lists them; change both.
enum {
    CHANCE_CORE = 920,          // that a rule is relevant to a topic it is there for
    CHANCE_BROAD_FEW = 120,     // .. to a topic where it may come up
    CHANCE_BROAD_MANY = 650,
    CHANCE_STRAY_FEW = 4,       // .. to any other
    CHANCE_STRAY_MANY = 20,
    RELEVANT_MIN = 3,           // or the whole pool, where that is smaller

    DECISIVE_MIN = 2, DECISIVE_MAX = 4,         // regime few: rules that carry the utility
    DECISIVE_CORE_ODDS = 4,                     // a core rule is this many times as likely to be one
    WEIGHT_DECISIVE_MIN = 600, WEIGHT_DECISIVE_MAX = 1000,
    WEIGHT_OTHER = 15,
    WEIGHT_MANY_MIN = 300, WEIGHT_MANY_MAX = 1000,

    TENDENCY_DEVIATION = 950,   // of a response's leaning to good, which all its latents share
    MODEL_STEP = 85,            // by which the models' mean tendencies are apart
    LOAD_TENDENCY = 500,        // a latent is 0.5 tendency + 0.866 of its own,
    LOAD_OWN = 866,
    SPREAD_CORE = 750,          // times this for core rules and that for the rest
    SPREAD_BROAD = 500,
    QUALITY_DEVIATION_MICRO = 60000,            // of the quality that no rule sees

    RELIABILITY_MIN = 600, RELIABILITY_MAX = 950,
    SCORE_NOISE = 800,          // deviation of the noise in a score, times (1 - reliability)
    SLIP_DIVISOR = 4,           // relevance is misjudged with (1 - reliability) / 4 if relevant,
    STRAY_SLIP_DIVISOR = 16     // and / 16 if not
};

struct synth_world {
    synth_world_rule_t *rules;
    size_t n_rules;
    uint64_t seed;
    bool many;
};

static int between (rng_t *rng, int low, int high)
{
    return low + (int) rng_below (rng, (uint64_t) (high - low + 1));
}

static bool chance (rng_t *rng, int thousandths)
{
    return between (rng, 0, SYNTH_ONE - 1) < thousandths;
}

static int clamped (int64_t value)
{
    return value > SYNTH_ONE ? SYNTH_ONE : value < -SYNTH_ONE ? -SYNTH_ONE : (int) value;
}

int synth_noise (rng_t *rng, int deviation)
{
    int64_t sum = 0;
    uint64_t bits = rng_next (rng);
    for (int i = 0; i < 4; i++, bits >>= 16)
        sum += (int64_t) (bits & 0xFFFF) * 2 - 0xFFFF;
    return (int) (sum * deviation * 866 / (SYNTH_ONE * INT64_C (0xFFFF)));
}

synth_world_t *synth_world_new (const synth_rule_t *rules, size_t n_rules, uint64_t seed, bool many)
{
    assert (n_rules >= 1 && n_rules <= LIMIT_RULES);
    synth_world_t *world = mem_zero (1, sizeof *world);
    *world = (synth_world_t) { mem_zero (n_rules, sizeof *world->rules), n_rules, seed, many };
    for (size_t i = 0; i < n_rules; i++) {
        rng_t rng = { hash64 (seed, rules [i].id, strlen (rules [i].id)) };
        world->rules [i] = (synth_world_rule_t) {
            .id = rules [i].id,
            .polarity = rules [i].polarity < 0 ? -1 : 1,
            .reliability = between (&rng, RELIABILITY_MIN, RELIABILITY_MAX),
            .bank = synth_bank_rule (rules [i].id, rules [i].category, rules [i].polarity)
        };
    }
    return world;
}

size_t synth_world_n_rules (const synth_world_t *world)
{
    return world->n_rules;
}

const synth_world_rule_t *synth_world_rule (const synth_world_t *world, size_t rule)
{
    assert (rule < world->n_rules);
    return &world->rules [rule];
}

rng_t synth_world_rng (const synth_world_t *world, uint64_t tag, uint64_t a, uint64_t b)
{
    rng_t rng = { world->seed };
    const uint64_t parts [] = { tag, a, b };
    for (size_t i = 0; i < 3; i++) {
        rng.state ^= parts [i] * 0xD1342543DE82EF95u + 1;
        rng.state = rng_next (&rng);
    }
    return rng;
}

// --- scene -----------------------------------------------------------------

static const synth_kind_t *draw_kind (rng_t *rng)
{
    unsigned at = (unsigned) rng_below (rng, 100), k = 0;
    const synth_kind_t *kind;
    while ((kind = synth_bank_kind (k++)) && at >= kind->share)
        at -= kind->share;
    assert (kind);
    return kind;
}

static int relevance_chance (const synth_world_t *world, const synth_rule_bank_t *bank, uint64_t tags)
{
    if (bank->core & tags)
        return CHANCE_CORE;
    if (bank->broad & (tags | SYNTH_ANY))
        return world->many ? CHANCE_BROAD_MANY : CHANCE_BROAD_FEW;
    return world->many ? CHANCE_STRAY_MANY : CHANCE_STRAY_FEW;
}

static void draw_relevant (const synth_world_t *world, rng_t *rng, synth_scene_t *scene)
{
    uint64_t tags = scene->topic->tags;
    size_t n = 0, floor = world->n_rules < RELEVANT_MIN ? world->n_rules : RELEVANT_MIN;
    for (size_t i = 0; i < world->n_rules; i++) {
        const synth_rule_bank_t *bank = &world->rules [i].bank;
        bool short_of = world->n_rules - i <= floor && n < floor;
        if (short_of || chance (rng, relevance_chance (world, bank, tags)))
            scene->relevant [n++] = (synth_relevant_t) { (unsigned) i, (bank->core & tags) != 0, WEIGHT_OTHER };
    }
    scene->n_relevant = n;
}

// Regime few: give two to four rules, core ones rather than others, the weight.
static void draw_decisive (rng_t *rng, synth_scene_t *scene)
{
    int left = between (rng, DECISIVE_MIN, DECISIVE_MAX);
    for (; left > 0; left--) {
        int odds = 0;
        for (size_t i = 0; i < scene->n_relevant; i++)
            if (scene->relevant [i].weight == WEIGHT_OTHER)
                odds += scene->relevant [i].core ? DECISIVE_CORE_ODDS : 1;
        if (odds == 0)
            return;
        int at = between (rng, 0, odds - 1);
        size_t i = 0;
        for (;; i++) {
            if (scene->relevant [i].weight != WEIGHT_OTHER)
                continue;
            at -= scene->relevant [i].core ? DECISIVE_CORE_ODDS : 1;
            if (at < 0)
                break;
        }
        scene->relevant [i].weight = between (rng, WEIGHT_DECISIVE_MIN, WEIGHT_DECISIVE_MAX);
    }
}

void synth_world_scene (const synth_world_t *world, uint64_t number, synth_scene_t *scene)
{
    rng_t rng = synth_world_rng (world, 's', number, 0);
    scene->number = number;
    scene->kind = draw_kind (&rng);
    scene->topic = &scene->kind->topics [rng_below (&rng, scene->kind->n_topics)];
    draw_relevant (world, &rng, scene);
    if (!world->many) {
        draw_decisive (&rng, scene);
        return;
    }
    for (size_t i = 0; i < scene->n_relevant; i++)
        scene->relevant [i].weight = between (&rng, WEIGHT_MANY_MIN, WEIGHT_MANY_MAX);
}

// --- response --------------------------------------------------------------

void synth_world_actor (const synth_world_t *world, const synth_scene_t *scene, unsigned model, rng_t *rng,
                        synth_actor_t *actor)
{
    assert (model < SYNTH_MODELS);
    int64_t tendency = synth_noise (rng, TENDENCY_DEVIATION) + MODEL_STEP * (SYNTH_MODELS - 1 - 2 * (int) model) / 2;
    int64_t sum = 0, weights = 0;
    for (size_t i = 0; i < scene->n_relevant; i++) {
        const synth_relevant_t *relevant = &scene->relevant [i];
        int polarity = world->rules [relevant->rule].polarity;
        int64_t mixed = polarity * tendency * LOAD_TENDENCY + (int64_t) synth_noise (rng, SYNTH_ONE) * LOAD_OWN;
        int spread = relevant->core ? SPREAD_CORE : SPREAD_BROAD;
        actor->latent [i] = clamped (mixed / SYNTH_ONE * spread / SYNTH_ONE);
        sum += (int64_t) relevant->weight * polarity * actor->latent [i];
        weights += relevant->weight;
    }
    actor->model = model;
    actor->utility_micro = sum * 1000 / weights + synth_noise (rng, QUALITY_DEVIATION_MICRO);
}

// --- cell scores -----------------------------------------------------------

static synth_cell_t cell_of (int irrelevant, int score)
{
    int rest = SYNTH_ONE - irrelevant;
    int yes = (rest * (SYNTH_ONE + score) + SYNTH_ONE) / (2 * SYNTH_ONE);
    return (synth_cell_t) { yes, rest - yes, irrelevant };
}

static synth_cell_t relevant_cell (int reliability, int latent, rng_t *rng)
{
    int noise = synth_noise (rng, SCORE_NOISE);
    int score = clamped (((int64_t) reliability * latent + (int64_t) (SYNTH_ONE - reliability) * noise) / SYNTH_ONE);
    bool slip = chance (rng, (SYNTH_ONE - reliability) / SLIP_DIVISOR);
    return cell_of (slip ? between (rng, 400, 800) : between (rng, 20, 200), score);
}

static synth_cell_t stray_cell (int reliability, rng_t *rng)
{
    int score = clamped (synth_noise (rng, 500));
    bool slip = chance (rng, (SYNTH_ONE - reliability) / STRAY_SLIP_DIVISOR);
    return cell_of (slip ? between (rng, 200, 600) : between (rng, 850, 990), score);
}

void synth_world_cells (const synth_world_t *world, const synth_scene_t *scene, const synth_actor_t *actor,
                        rng_t *rng, synth_cell_t *cells)
{
    size_t next = 0;
    for (size_t i = 0; i < world->n_rules; i++) {
        int reliability = world->rules [i].reliability;
        if (next < scene->n_relevant && scene->relevant [next].rule == i)
            cells [i] = relevant_cell (reliability, actor->latent [next++], rng);
        else
            cells [i] = stray_cell (reliability, rng);
    }
}

void synth_world_destroy (synth_world_t **world)
{
    if (!*world)
        return;
    free ((*world)->rules);
    free (*world);
    *world = NULL;
}

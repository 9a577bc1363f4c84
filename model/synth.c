#include "model/synth.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/synth_text.h"

struct synth {
    synth_options_t options;
    bool many;                  // the regime
    synth_world_t *world;
    uint64_t next_row;
    // the row in hand, reused from one to the next
    synth_scene_t scene;
    synth_actor_t actor;
    synth_cell_t *cells;        // one for each rule
    buf_t *texts;               // one for each response
    int64_t *utilities_micro;
    unsigned *models;
    unsigned *order;            // place in the row -> response
};

synth_options_t synth_options_default (void)
{
    return (synth_options_t) { .prompts = 1000, .responses = 4, .seed = 1, .regime = "few" };
}

status_t synth_options_check (const synth_options_t *options, fault_t *fault)
{
    if (options->prompts < 1 || options->prompts > SYNTH_PROMPTS_MAX)
        return fault_set (fault, ERR_USAGE, "prompts is %" PRIu64 "; give 1 to %u", options->prompts, SYNTH_PROMPTS_MAX);
    if (options->responses < SYNTH_RESPONSES_MIN || options->responses > SYNTH_RESPONSES_MAX)
        return fault_set (fault, ERR_USAGE, "responses is %u; give %d to %d", options->responses,
                          SYNTH_RESPONSES_MIN, SYNTH_RESPONSES_MAX);
    if (!options->regime || (strcmp (options->regime, "few") != 0 && strcmp (options->regime, "many") != 0))
        return fault_set (fault, ERR_USAGE, "regime is \"%s\"; give few or many", options->regime ? options->regime : "");
    if (!(options->duplicates >= 0 && options->duplicates <= 0.9))
        return fault_set (fault, ERR_USAGE, "duplicates is %g; give 0 to 0.9", options->duplicates);
    if (!(options->zipf >= 0 && options->zipf <= 4))
        return fault_set (fault, ERR_USAGE, "zipf is %g; give 0 to 4", options->zipf);
    return OK;
}

synth_t *synth_new (const synth_options_t *options, const synth_rule_t *rules, size_t n_rules)
{
    assert (synth_options_check (options, NULL) == OK);
    synth_t *synth = mem_zero (1, sizeof *synth);
    synth->options = *options;
    synth->many = strcmp (options->regime, "many") == 0;
    synth->options.regime = synth->many ? "many" : "few";
    synth->world = synth_world_new (rules, n_rules, options->seed, synth->many);
    synth->cells = mem_zero (n_rules, sizeof *synth->cells);
    synth->texts = mem_zero (options->responses, sizeof *synth->texts);
    synth->utilities_micro = mem_zero (options->responses, sizeof *synth->utilities_micro);
    synth->models = mem_zero (options->responses, sizeof *synth->models);
    synth->order = mem_zero (options->responses, sizeof *synth->order);
    return synth;
}

// --- which content a row has -----------------------------------------------

// The row whose content this one has: itself, or an earlier one that it repeats.
static uint64_t original_of (const synth_t *synth, uint64_t row)
{
    while (row > 0) {
        rng_t rng = synth_world_rng (synth->world, 'd', row, 0);
        if (rng_unit (&rng) >= synth->options.duplicates)
            break;
        row = rng_below (&rng, row);
    }
    return row;
}

// A rank in [1, n] with probability proportional to rank^-s, in constant time:
// rejection-inversion (Hoermann and Derflinger, "Rejection-inversion to generate
// variates from monotone discrete distributions", TOMACS 6:3, 1996).
static double zipf_integral (double x, double s)
{
    double logarithm = log (x);
    return s == 1 ? logarithm : expm1 ((1 - s) * logarithm) / (1 - s);
}

static double zipf_integral_inverse (double x, double s)
{
    if (s == 1)
        return exp (x);
    double t = x * (1 - s);
    return exp (log1p (t < -1 ? -1 : t) / (1 - s));
}

static uint64_t draw_zipf (rng_t *rng, uint64_t n, double s)
{
    double low = zipf_integral (1.5, s) - 1, high = zipf_integral ((double) n + 0.5, s);
    for (;;) {
        double u = high + rng_unit (rng) * (low - high);
        double x = zipf_integral_inverse (u, s);
        double rank = floor (x + 0.5);
        rank = rank < 1 ? 1 : rank > (double) n ? (double) n : rank;
        if (u >= zipf_integral (rank + 0.5, s) - pow (rank, -s))
            return (uint64_t) rank;
    }
}

static uint64_t prompt_of (const synth_t *synth, uint64_t row)
{
    if (synth->options.zipf == 0)
        return row;
    rng_t rng = synth_world_rng (synth->world, 'z', row, 0);
    return draw_zipf (&rng, synth->options.prompts, synth->options.zipf) - 1;
}

// The order of a row's responses: as they are, or shuffled in half of the repeats.
static void choose_order (synth_t *synth, uint64_t row, bool repeat)
{
    unsigned n = synth->options.responses;
    for (unsigned i = 0; i < n; i++)
        synth->order [i] = i;
    rng_t rng = synth_world_rng (synth->world, 'o', row, 0);
    if (!repeat || rng_below (&rng, 2) == 0)
        return;
    unsigned by = 1 + (unsigned) rng_below (&rng, n - 1);     // a rotation never leaves all in place
    for (unsigned i = 0; i < n; i++)
        synth->order [i] = (i + by) % n;
}

// --- writing ---------------------------------------------------------------

static void write_id (buf_t *out, uint64_t row)
{
    buf_printf (out, "{\"id\":\"s-%07" PRIu64 "\"", row + 1);
}

// "0.123" or "1.000" for 0 .. 1000.
static void write_thousandths (buf_t *out, int value)
{
    char text [6] = {
        (char) ('0' + value / 1000), '.', (char) ('0' + value / 100 % 10), (char) ('0' + value / 10 % 10),
        (char) ('0' + value % 10), '\0'
    };
    buf_add (out, text, 5);
}

static void write_cells (const synth_t *synth, uint64_t row, unsigned response, buf_t *out)
{
    write_id (out, row);
    buf_printf (out, ",\"response\":%u,\"cells\":{", response);
    for (size_t i = 0; i < synth_world_n_rules (synth->world); i++) {
        json_write_key (out, synth_world_rule (synth->world, i)->id);
        const int values [] = { synth->cells [i].yes, synth->cells [i].no, synth->cells [i].irrelevant };
        for (size_t v = 0; v < 3; v++) {
            buf_add_char (out, v == 0 ? '[' : ',');
            write_thousandths (out, values [v]);
        }
        buf_add_char (out, ']');
    }
    buf_add_str (out, "}}\n");
}

// Make the responses of original row `origin`; scores are written under its id.
static void make_responses (synth_t *synth, uint64_t origin, buf_t *scores)
{
    rng_t cast = synth_world_rng (synth->world, 'm', origin, 0);
    uint64_t first = rng_below (&cast, SYNTH_MODELS), step = 1 + 2 * rng_below (&cast, SYNTH_MODELS / 2);
    for (unsigned i = 0; i < synth->options.responses; i++) {
        rng_t rng = synth_world_rng (synth->world, 'r', origin, i);
        unsigned model = (unsigned) ((first + i * step) % SYNTH_MODELS);
        synth_world_actor (synth->world, &synth->scene, model, &rng, &synth->actor);
        synth->models [i] = model;
        synth->utilities_micro [i] = synth->actor.utility_micro;
        rng = synth_world_rng (synth->world, 't', origin, i);
        buf_clear (&synth->texts [i]);
        synth_text_response (synth->world, &synth->scene, &synth->actor, &rng, &synth->texts [i]);
        if (!scores)
            continue;
        rng = synth_world_rng (synth->world, 'c', origin, i);
        synth_world_cells (synth->world, &synth->scene, &synth->actor, &rng, synth->cells);
        write_cells (synth, origin, i, scores);
    }
}

static void write_row (const synth_t *synth, uint64_t row, buf_t *out)
{
    unsigned n = synth->options.responses;
    write_id (out, row);
    buf_add_str (out, ",\"prompt\":");
    synth_text_prompt (synth->world, &synth->scene, out);
    buf_add_str (out, ",\"responses\":[");
    for (unsigned i = 0; i < n; i++) {
        const buf_t *text = &synth->texts [synth->order [i]];
        buf_add_str (out, i ? "," : "");
        json_write_string (out, text->data, text->len);
    }
    buf_add_str (out, "],\"models\":[");
    for (unsigned i = 0; i < n; i++)
        buf_printf (out, "%s\"synth-%c\"", i ? "," : "", 'a' + (int) synth->models [synth->order [i]]);
    buf_add_str (out, "],\"scores\":[");
    for (unsigned i = 0; i < n; i++) {
        buf_add_str (out, i ? "," : "");
        json_write_micro (out, synth->utilities_micro [synth->order [i]]);
    }
    buf_printf (out, "],\"source\":\"rulemill-synth/%s\"}\n", synth->options.regime);
}

bool synth_next_row (synth_t *synth, buf_t *row, buf_t *scores)
{
    if (synth->next_row == synth->options.prompts)
        return false;
    uint64_t number = synth->next_row++, origin = original_of (synth, number);
    bool repeat = origin != number;
    synth_world_scene (synth->world, prompt_of (synth, origin), &synth->scene);
    make_responses (synth, origin, repeat ? NULL : scores);
    choose_order (synth, number, repeat);
    write_row (synth, number, row);
    return true;
}

void synth_destroy (synth_t **synth_p)
{
    synth_t *synth = *synth_p;
    if (!synth)
        return;
    for (unsigned i = 0; i < synth->options.responses; i++)
        buf_free (&synth->texts [i]);
    free (synth->texts);
    free (synth->cells);
    free (synth->utilities_micro);
    free (synth->models);
    free (synth->order);
    synth_world_destroy (&synth->world);
    free (synth);
    *synth_p = NULL;
}

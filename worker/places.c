#include "worker/places.h"

#include <math.h>

enum {
    ROUND_ANSWERS_MIN = 8,
    ROUND_ANSWERS_MAX = 256,
    ROUND_DELAYS = 4,           // of a round that tells of a queue: so many times the delay
    REFUSES_MS = 60000,         // so long after a refusal a server is one that refuses
    ROUNDS_TO_SETTLE = 2,
    ROUNDS_TO_HOLD = 3,         // before the first probe; half as many again after each that found nothing,
    ROUNDS_TO_HOLD_MAX = 24     // up to this
};

static const double PROBE_GROWTH = 1.25;        // of places
static const double PROBE_GAIN = 1.18;          // of the rate: enough to go on; less may be taken from other workers
static const double GROW_GAIN = 1.45;           // the same in a round in which places doubled
static const double GROW_FULL = 1.6;            // little of that growth went into a queue
static const double DELAY_SAME = 1.05;
static const double DELAY_RISE = 1.3;           // of the delay: a queue has begun
static const double OVER_KNEE = 1.06;           // a short queue keeps the server busy
static const double QUEUE_MOST = 3;             // of the least delay seen lately: no more places, whatever they bring, but fewer
static const double QUEUE_CUT = 0.97;           // in a round, down to
static const double QUEUE_PLACES = 16;
static const double LEAST_DOUBLES_MS = 600e3, BEST_HALVES_MS = 120e3;       // how the least delay and the most places are forgotten
static const double CREDIT_PER_ANSWER = 0.0075, CREDIT_MAX = 2, CREDIT_MIN = -1;
static const double CREDIT_BELOW = 0.02;        // for an answer, with less than half of the places of lately: they may come back
static const double CREDIT_PER_MS = 0.0001;     // so that one with few places learns of more, too
static const double QUIET = 30;                 // times a pause: no probing after it, so that pauses cost little
static const double SILENT = 1.25, SILENT_MS = 5;       // times the delay, and a little: no growth without an answer for longer
static const double SLOW = 3;                   // of the delay: a failure that took so long is a sign of load

static void begin_round (places_t *p, int64_t now_ms)
{
    p->round_ms = now_ms;
    p->n = 0;
    p->delay_sum_ms = 0;
}

static void set_places (places_t *p, double w)
{
    p->w = fmin (fmax (w, p->min), p->max);
}

static void hold (places_t *p, bool settling, int64_t now_ms)
{
    p->settling = settling;
    p->mode = PLACES_HOLD;
    p->rounds_held = 0;
    begin_round (p, now_ms);
}

static void grow (places_t *p, int64_t now_ms)
{
    p->mode = PLACES_GROW;
    p->moved_ms = now_ms;
    p->rate = 0;
    p->rounds_to_hold = ROUNDS_TO_HOLD;
}

// Is the delay already so long that more places could only make it longer?
static bool queues_much (const places_t *p)
{
    return p->least_ms > 0 && p->delay_ms > p->least_ms * QUEUE_MOST;
}

void places_init (places_t *p, unsigned min, unsigned first, unsigned max, int64_t now_ms)
{
    *p = (places_t) { .min = min, .max = max, .round_ms = -1, .wanted_ms = INT64_MIN / 2, .cut_ms = INT64_MIN / 2, .credit = CREDIT_MAX,
                       .answered_ms = now_ms, .quiet_until_ms = now_ms };
    set_places (p, first);
    grow (p, now_ms);
}

void places_restart (places_t *p, int64_t now_ms)
{
    set_places (p, floor (p->w / 2));
    grow (p, now_ms);
    p->base_ms = p->least_ms = 0;
    p->step = 0;
    p->round_ms = -1;
}

unsigned places_now (const places_t *p)
{
    return (unsigned) (p->w + 1e-9);
}

// --- growing with time -------------------------------------------------------

// How much places grow in the time of one answer, and where that ends.
static double growth (const places_t *p, double *top)
{
    *top = p->mode == PLACES_PROBE ? fmin (p->max, fmax (p->probe_from + 1, p->probe_from * PROBE_GROWTH)) : p->max;
    return p->mode == PLACES_GROW ? 2 : p->mode == PLACES_PROBE ? PROBE_GROWTH : 1;
}

// Have answers come lately? One that has fallen silent is given no more: it may hang.
static bool answers (const places_t *p, int64_t now_ms)
{
    return (double) (now_ms - p->answered_ms) <= SILENT * p->delay_ms + SILENT_MS;
}

static void move_on (places_t *p, int64_t now_ms)
{
    double top = p->w, factor = answers (p, now_ms) ? growth (p, &top) : 1;
    double passed = fmin ((double) (now_ms - p->moved_ms) / fmax (p->delay_ms, 1), 1);
    p->moved_ms = now_ms;
    if (p->delay_ms > 0 && factor > 1 && p->w < top)
        set_places (p, fmin (p->w * pow (factor, passed), top));
}

static void begin_probe (places_t *p, int64_t now_ms)
{
    p->mode = PLACES_PROBE;
    p->probe_from = floor (p->w + 1e-9);
    p->probe_rate = p->rate;
    p->probe_ms = p->moved_ms = now_ms;
    set_places (p, p->probe_from + 1);
}

// Does this server say so when it has too much? It did lately.
static bool refuses (const places_t *p, int64_t now_ms)
{
    return now_ms - p->cut_ms < REFUSES_MS;
}

// A server that refuses is asked often, since its limit may have moved and asking costs one refusal; a queue is longer while it
// is probed, and that is paid by all.
static bool may_probe (const places_t *p, int64_t now_ms)
{
    if (queues_much (p))
        return false;
    return p->mode == PLACES_HOLD && p->w < p->max && p->rate > 0 && p->credit >= 1 &&
           now_ms >= p->quiet_until_ms && (double) (now_ms - p->cut_ms) >= p->delay_ms && p->rounds_held >= (refuses (p, now_ms) ? 1 : p->rounds_to_hold);
}

bool places_free (places_t *p, unsigned busy, int64_t now_ms, int64_t *wait_ms)
{
    *wait_ms = -1;
    if (busy < places_now (p))
        return true;
    p->wanted_ms = now_ms;
    if (may_probe (p, now_ms))
        begin_probe (p, now_ms);
    move_on (p, now_ms);
    if (busy < places_now (p))
        return true;
    double top, factor = growth (p, &top);
    if (answers (p, now_ms) && p->delay_ms > 0 && factor > 1 && busy + 1 <= top)
        *wait_ms = (int64_t) ceil (fmax (1, p->delay_ms * log ((busy + 1) / p->w) / log (factor)));
    return false;
}

// --- rounds ---------------------------------------------------------------------

// Was there more to do than places, in this round? Else its rate says nothing of the server.
static bool was_full (const places_t *p)
{
    return p->wanted_ms >= p->round_ms;
}

// The answers of a saturated server at a rate: so many places keep it busy.
static double knee (const places_t *p, double rate)
{
    return rate * p->base_ms * OVER_KNEE + 1;
}

static void end_grow_round (places_t *p, double rate, double delay_ms, int64_t now_ms)
{
    bool saturated = p->rate > 0 && rate < p->rate * GROW_GAIN && p->base_ms > 0 && delay_ms > p->base_ms * DELAY_RISE;
    if (saturated || queues_much (p)) {
        set_places (p, fmin (p->w, knee (p, fmax (rate, p->rate))));
        hold (p, true, now_ms);
        p->rate = 0;
        return;
    }
    if (p->base_ms == 0 || (p->rate > 0 && rate >= p->rate * GROW_FULL) || delay_ms < p->base_ms)
        p->base_ms = delay_ms;
    p->rate = rate;
}

static void end_hold_round (places_t *p, double rate, double delay_ms)
{
    p->rounds_held++;
    p->rate = rate;
    p->hold_ms = delay_ms;
    if (queues_much (p))        // those who have most give most, so that several workers come to share
        set_places (p, fmin (p->w, fmax (p->w * QUEUE_CUT, QUEUE_PLACES)));
    else if (p->settling) {          // what was queued on the way here is served in the first round; then this is how it is here
        p->settling = p->rounds_held < ROUNDS_TO_SETTLE;
        p->base_ms = p->settling ? p->base_ms : delay_ms;
    }
    else if (delay_ms < p->base_ms)
        p->base_ms += (delay_ms - p->base_ms) / 4;
    else if (delay_ms > p->base_ms * DELAY_RISE)
        set_places (p, fmin (p->w, fmax (p->w * 0.9, knee (p, rate))));
}

static void end_probe (places_t *p, double rate, double delay_ms, int64_t now_ms)
{
    bool refusing = refuses (p, now_ms);
    if (rate >= p->probe_rate * PROBE_GAIN || (refusing && delay_ms <= p->hold_ms * DELAY_SAME)) {
        grow (p, now_ms);
        p->rate = rate;
        p->base_ms = fmin (delay_ms, p->base_ms * (refusing ? PROBE_GROWTH : DELAY_SAME));     // it may be slower by itself by now
        return;
    }
    set_places (p, p->probe_from);
    p->rounds_to_hold = p->rounds_to_hold * 3 / 2 < ROUNDS_TO_HOLD_MAX ? p->rounds_to_hold * 3 / 2 : ROUNDS_TO_HOLD_MAX;
    hold (p, false, now_ms);
}

static void end_round (places_t *p, int64_t now_ms)
{
    double passed_ms = (double) (now_ms - p->round_ms), rate = p->n / fmax (passed_ms, 1), delay_ms = p->delay_sum_ms / p->n;
    bool full = was_full (p);
    p->least_ms = p->least_ms > 0 ? fmin (p->least_ms * exp2 (passed_ms / LEAST_DOUBLES_MS), delay_ms) : delay_ms;
    p->best = fmax (p->w, p->best * exp2 (-passed_ms / BEST_HALVES_MS));
    if (p->mode == PLACES_PROBE && now_ms - p->probe_ms < 2 * p->delay_ms)
        full = false;               // its first half shows the old places
    else if (p->mode == PLACES_PROBE)
        end_probe (p, rate, delay_ms, now_ms);
    else if (!full)
        p->rate = 0;
    else if (p->mode == PLACES_GROW)
        end_grow_round (p, rate, delay_ms, now_ms);
    else
        end_hold_round (p, rate, delay_ms);
    begin_round (p, now_ms);
}

// While places grow, or a server says by itself when they are too many, rounds are short; a queue shows in averages alone.
static bool round_is_over (const places_t *p, int64_t now_ms)
{
    double passed_ms = (double) (now_ms - p->round_ms);
    if (p->n < ROUND_ANSWERS_MIN || passed_ms < p->delay_ms)
        return false;
    return p->mode == PLACES_GROW || refuses (p, now_ms) || passed_ms >= ROUND_DELAYS * p->delay_ms || p->n >= ROUND_ANSWERS_MAX;
}

void places_answered (places_t *p, int64_t began_ms, int64_t now_ms)
{
    double delay_ms = fmax ((double) (now_ms - began_ms), 1);
    p->delay_ms = p->delay_ms > 0 ? p->delay_ms + (delay_ms - p->delay_ms) / 16 : delay_ms;
    double earned = p->w < p->best / 2 ? CREDIT_BELOW : CREDIT_PER_ANSWER;
    p->credit = fmin (p->credit + earned + CREDIT_PER_MS * (double) (now_ms - p->answered_ms), CREDIT_MAX);
    p->answered_ms = now_ms;
    if (began_ms > p->cut_ms)
        p->step = 0;
    if (p->round_ms < 0)
        begin_round (p, now_ms);
    p->n++;
    p->delay_sum_ms += delay_ms;
    if (round_is_over (p, now_ms))
        end_round (p, now_ms);
}

// --- signs of load -----------------------------------------------------------------

void places_refused (places_t *p, unsigned busy, int64_t began_ms, int64_t now_ms)
{
    // What was under way when places were taken away says nothing new, but that it was too many.
    bool late = began_ms <= p->cut_ms;
    double left = fmin (p->w, busy - 1.0);
    if (!late) {
        left -= fmin (p->step, left * 0.3);
        p->step = p->step > 0 ? 2 * p->step : 1;
    }
    set_places (p, floor (left));
    p->credit = fmax (p->credit - 1, CREDIT_MIN);
    p->cut_ms = now_ms;
    hold (p, true, now_ms);
}

void places_paused (places_t *p, int64_t pause_ms, int64_t now_ms)
{
    int64_t until_ms = now_ms + (int64_t) (QUIET * (double) pause_ms);
    p->quiet_until_ms = until_ms > p->quiet_until_ms ? until_ms : p->quiet_until_ms;
}

void places_failed (places_t *p, int64_t began_ms, int64_t now_ms)
{
    if (p->delay_ms == 0 || (double) (now_ms - began_ms) < SLOW * p->delay_ms || began_ms <= p->cut_ms)
        return;
    set_places (p, floor (p->w * 0.7));
    p->cut_ms = now_ms;
    hold (p, true, now_ms);
}

// places: how many requests one server is given at a time, found out by trying.
//
// Nobody tells a client how many requests a server can serve at once. Two signs do: it refuses (429, 503), or its answers take
// longer without coming more often (vLLM queues without a word). So places
//
//   GROW    double in the time of one answer, while they are all in use, until one of the signs is seen;
//   HOLD    stay at what was found: on a refusal just under what was in flight, and further down the more refusals follow; on
//           added delay at the knee, which is rate * delay before the queue began (Little's law);
//   PROBE   now and then go a quarter up for the time of two answers; grow again if the rate followed, else go back.
//
// Probing that is refused is paid for by answers (one refusal for some hundred), so that few requests are refused however
// the limit moves. One that has fallen silent is given no more than it has. Growth is spread over time, not sent in a burst: what a refusal still finds under way is little.
// Models: TCP slow start and Vegas (Brakmo 1994); Netflix concurrency-limits. Times are milliseconds of the caller's clock.
#ifndef WORKER_PLACES_H
#define WORKER_PLACES_H

#include <stdbool.h>
#include <stdint.h>

typedef enum { PLACES_GROW, PLACES_HOLD, PLACES_PROBE } places_mode_t;

typedef struct {
    double min, max;
    double w;                   // places, as a fraction
    places_mode_t mode;
    int64_t moved_ms;           // when w last moved by time
    int64_t wanted_ms;          // when all places were last in use and one more was wanted
    // the answers of this round
    int64_t round_ms;           // its begin; -1: with the next answer
    unsigned n;
    double delay_sum_ms;
    // what is known
    double delay_ms;            // smoothed; 0: no answer yet
    double base_ms;             // delay without a queue; 0: not known
    double least_ms;            // the shortest mean delay of a round, slowly forgotten; 0: not known
    double hold_ms;             // the mean delay of the last round of holding
    double rate;                // answers a millisecond in the last whole round; 0: not known
    double best;                // the most places lately, slowly forgotten
    // refusals
    int64_t cut_ms;             // the last time that places were taken away
    double step;                // how many the next refusal takes away beyond that one
    double credit;              // refusals that probing may still cost
    int64_t answered_ms;        // the last answer
    int64_t quiet_until_ms;     // no probing until then
    // probing
    double probe_from, probe_rate;
    int64_t probe_ms;
    unsigned rounds_held, rounds_to_hold;
    bool settling;              // the delay at the places held is not known yet
} places_t;

void places_init (places_t *places, unsigned min, unsigned first, unsigned max, int64_t now_ms);

// Begin again with half of the places, after the server was away.
void places_restart (places_t *places, int64_t now_ms);

// A request is wanted while `busy` are in flight: is there a place? *wait_ms: when there will be one by growth alone, -1: not
// before an answer.
bool places_free (places_t *places, unsigned busy, int64_t now_ms, int64_t *wait_ms);

// What came of a request that was begun at began_ms, while `busy` were in flight with it.
void places_answered (places_t *places, int64_t began_ms, int64_t now_ms);
void places_refused (places_t *places, unsigned busy, int64_t began_ms, int64_t now_ms);
void places_failed (places_t *places, int64_t began_ms, int64_t now_ms);    // counts where it took long: a time-out

// A refusal came with so long a pause: each probe that is refused would cost that.
void places_paused (places_t *places, int64_t pause_ms, int64_t now_ms);

unsigned places_now (const places_t *places);

#endif

// How many workers share what a job may use at a time (PROTOCOL.md, "Limits that workers share").
#include "coordinator/serve_parts.h"

enum { IDLE_MS = 2000 };        // between two leases a worker keeps its part for so long

static bool works (peer_t *peer, int64_t now_ms)
{
    if (peer->n_leases > 0)
        peer->worked_ms = now_ms;
    return peer->worked_ms > 0 && now_ms - peer->worked_ms < IDLE_MS;
}

static void tell (serve_t *serve, peer_t *peer, unsigned workers)
{
    Rulemill__Share share = RULEMILL__SHARE__INIT;
    share.workers = workers;
    Rulemill__ToWorker message = RULEMILL__TO_WORKER__INIT;
    message.body_case = RULEMILL__TO_WORKER__BODY_SHARE;
    message.share = &share;
    peer->sharing = workers;
    peer_send (serve, peer, &message);
}

// Tell all whose part shrinks, or all others for whom it has changed.
static void tell_all (serve_t *serve, unsigned workers, int64_t now_ms, bool shrinking)
{
    peer_t *peer, *next;
    HASH_ITER (hh, serve->peers, peer, next) {
        unsigned part = works (peer, now_ms) ? workers : 0;
        bool shrinks = peer->sharing > 0 && (part == 0 || part > peer->sharing);
        if (part != peer->sharing && shrinks == shrinking)
            tell (serve, peer, part);
    }
}

void share_tell (serve_t *serve)
{
    if (!serve->options.kind->class->shares)
        return;
    int64_t now_ms = serve_now (serve);
    unsigned workers = 0;
    for (peer_t *peer = serve->peers; peer; peer = peer->hh.next)
        workers += works (peer, now_ms);
    tell_all (serve, workers, now_ms, true);
    tell_all (serve, workers, now_ms, false);
}

// served: rewards from a server, many requests at once, each text asked once.
//
// Rewards are kept in a folder as they come (ops/served_file.h), so that what was stopped, killed or given up goes on. Time-outs,
// broken connections, 408, 429 and 5xx are tried again after a pause that doubles, at random up to all of it, or the
// server's Retry-After. 400, 413 and 422 are the text's fault: texts that went together go one by one, and one that is refused
// alone has no reward. Where the first texts are all refused, or the answers can't be read, it is the request's fault: that
// stops. So do 401, 403, 404 and redirects, with what to do.
#ifndef OPS_SERVED_H
#define OPS_SERVED_H

#include <stdatomic.h>
#include <stdbool.h>

#include "ops/served_form.h"

enum { SERVED_ATTEMPTS_MAX = 8, SERVED_BATCH_MAX = 256, SERVED_CONCURRENCY_MAX = 1024 };

typedef struct {
    const char *url, *model;
    const char *template_path;      // NULL: the server's own
    const char *work;               // folder for what came
    const char *key_file;           // NULL: the environment's OPENAI_API_KEY
    const char *ca_file;            // NULL: the system's
    unsigned batch;                 // texts of a request, where several may stand in one
    unsigned concurrency;           // requests at a time
    unsigned timeout_ms;
    unsigned pause_ms;              // the first one before trying again
    const _Atomic bool *stop;       // NULL: never
} served_options_t;

typedef struct { size_t known, asked, refused; } served_counts_t;

// reward [i] of texts [i]; NaN where the server refuses it. ERR_STOPPED on *stop or where a server stays away; what
// came is kept.
status_t served_rewards (const served_options_t *options, const served_text_t *texts, size_t n, double *reward, served_counts_t *counts,
                         fault_t *fault) MUST_USE;

#endif

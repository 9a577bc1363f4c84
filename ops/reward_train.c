#include "ops/reward_train.h"

#include <inttypes.h>

#include "base/bounded.h"
#include "base/log.h"
#include "base/mem.h"
#include "ops/write_file.h"

#define ROOM_BYTES (1024 * 1024 * UINT64_C (1024))      // for the texts and the program beside what training may take

typedef struct {
    const reward_example_t *examples;
    size_t n;
    const reward_options_t *options;
    const char *note, *path;
} task_t;

static status_t learn_and_save (void *ctx, fault_t *fault)
{
    const task_t *task = ctx;
    buf_t bytes = { 0 };
    status_t status = reward_learn (task->examples, task->n, task->options, task->note, &bytes, fault);
    if (status == OK)
        status = write_file (task->path, bytes.data, bytes.len, fault);
    buf_free (&bytes);
    return status;
}

// What the texts take is in the child, too.
static uint64_t bytes_of (const reward_example_t *examples, size_t n)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        const reward_turns_t *const texts [] = { &examples [i].prompt, &examples [i].a, &examples [i].b };
        for (int t = 0; t < 3; t++)
            for (size_t k = 0; k < texts [t]->n; k++)
                bytes += texts [t]->turns [k].len + sizeof (reward_text_t);
    }
    return bytes;
}

// Over the cap on pairs a sample is cut to them exactly here: whole prompts, drawn before, only come near it.
static void say_left_out (const reward_facts_t *facts, size_t n, const reward_options_t *options)
{
    uint64_t megabytes = options->bytes_max >> 20;
    if (facts->left_out > 0 && n > options->pairs_max)
        log_warn ("%" PRIu64 " of %zu pairs are left out by a seeded sample, for --max-pairs %zu and --memory %" PRIu64, facts->left_out, n,
                  options->pairs_max, megabytes);
    else if (facts->left_out > 0)
        log_warn ("%" PRIu64 " of %zu pairs are left out by a seeded sample: more do not fit into --memory %" PRIu64, facts->left_out, n, megabytes);
}

status_t reward_train_file (const reward_example_t *examples, size_t n, const reward_options_t *options, const char *note, const char *path,
                            reward_t **out, fault_t *fault)
{
    task_t task = { examples, n, options, note, path };
    *out = NULL;
    status_t status = bounded_run (options->bytes_max + 2 * bytes_of (examples, n) + ROOM_BYTES, "give fewer pairs with --max-pairs, or more "
                                   "memory with --memory", learn_and_save, &task, fault);
    if (status == OK)
        status = reward_open_file (path, out, fault);
    if (status == OK)
        say_left_out (reward_facts (*out), n, options);
    return status;
}

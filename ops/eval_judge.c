#include "ops/eval_judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/mem.h"
#include "ops/eval_cells.h"
#include "ops/judge_members.h"
#include "ops/judge_setup.h"
#include "ops/spec.h"
#include "worker/judge.h"

enum { IN_FLIGHT_MAX = 512, STEP_MS = 1000 };

// A response in the judge's hands.
typedef struct {
    judge_question_t question;
    size_t row;
    bool *need;                     // pool->count
    UT_hash_handle hh;              // by the response's key
} asking_t;

typedef struct {
    const eval_judge_t *options;
    const eval_row_t *rows;
    size_t n_rows, next, in_flight;
    asking_t *asking;
    cell_t *cells;
    eval_judged_t *told;
    eval_cells_t *kept;             // NULL: nothing is
    uint64_t calls_max;             // 0: no limit
    status_t status;                // why no more is asked
    fault_t *fault;
    judge_t judge;
} work_t;

// --- what the judge says -------------------------------------------------------

static void stop (work_t *work, status_t status)
{
    if (work->status == OK)
        work->status = status;
}

static void keep_cell (void *ctx, judge_question_t *question, uint32_t rule)
{
    work_t *work = ctx;
    const asking_t *asking = question->owner;
    if (work->kept == NULL)
        return;
    status_t status = eval_cells_add (work->kept, &work->rows [asking->row].response_key, &work->options->pool->rules [rule].digest,
                                      &question->cells [rule], work->fault);
    if (status != OK)
        stop (work, status);
}

// Answers that were had, into the table.
static void take_answers (work_t *work, const asking_t *asking, const char *why)
{
    const eval_map_t *map = work->options->map;
    for (size_t i = 0; i < map->count; i++) {
        uint32_t rule = map->pairs [i].index;
        if (!asking->need [rule] || !asking->question.cells [rule].known)
            continue;
        work->cells [asking->row * map->count + i] = asking->question.cells [rule];
        work->told->asked++;
    }
    if (why && work->told->first_problem [0] == '\0')
        snprintf (work->told->first_problem, sizeof work->told->first_problem, "row %llu: %.400s",
                  (unsigned long long) work->rows [asking->row].number, why);
}

static void answered (void *ctx, judge_question_t *question, status_t status, const char *why)
{
    work_t *work = ctx;
    asking_t *asking = question->owner;
    work->in_flight--;
    HASH_DEL (work->asking, asking);
    take_answers (work, asking, status == OK || status == ERR_LIMIT ? NULL : why ? why : "the judge gave no answer");
    if (status == ERR_LIMIT && work->status == OK) {
        fault_set (work->fault, ERR_STOPPED, "budget.max_calls (%llu) is used up; what was answered is kept, and the same command goes on",
                   (unsigned long long) work->calls_max);
        stop (work, ERR_STOPPED);
    } else if (status == ERR_DENIED && work->status == OK)
        stop (work, fault_set (work->fault, ERR_DENIED, "%s", why ? why : "the judge refused the key"));
    free (asking->need);
    free (asking->question.cells);
    free (asking);
}

static judge_leave_t may_call (void *ctx, judge_question_t *question, const spend_t *bound)
{
    work_t *work = ctx;
    (void) question, (void) bound;
    if (work->status != OK || (work->calls_max > 0 && work->told->calls >= work->calls_max))
        return JUDGE_MAY_NOT;
    work->told->calls++;
    return JUDGE_MAY;
}

// One that was not sent after all did not count.
static void call_ended (void *ctx, judge_question_t *question, const judge_used_t *used)
{
    work_t *work = ctx;
    (void) question;
    work->told->calls -= spend_is_zero (&used->spent);
}

// --- asking -----------------------------------------------------------------------

// What is known of a row goes into the table, the rest of what people answered into need; how much that is.
static size_t find_missing (work_t *work, size_t row, bool *need)
{
    const eval_map_t *map = work->options->map;
    size_t n = 0;
    for (size_t i = 0; i < map->count; i++) {
        uint32_t rule = map->pairs [i].index;
        const digest_t *digest = &work->options->pool->rules [rule].digest;
        if (!(work->rows [row].answered >> i & 1))
            continue;
        need [rule] = !(work->kept && eval_cells_find (work->kept, &work->rows [row].response_key, digest, &work->cells [row * map->count + i]));
        n += need [rule];
    }
    return n;
}

static void ask (work_t *work, size_t row)
{
    size_t n_rules = work->options->pool->count;
    asking_t *asking = mem_zero (1, sizeof *asking);
    asking->row = row;
    asking->need = mem_zero (n_rules, sizeof *asking->need);
    if (find_missing (work, row, asking->need) == 0) {
        free (asking->need);
        free (asking);
        return;
    }
    asking->question = (judge_question_t) {
        .prompt = work->rows [row].prompt, .response = work->rows [row].response, .need = asking->need,
        .cells = mem_zero (n_rules, sizeof (cell_t)), .owner = asking,
    };
    work->in_flight++;
    HASH_ADD_KEYPTR (hh, work->asking, work->rows [row].response_key.b, KEY_BYTES, asking);
    judge_ask (&work->judge, &asking->question);
}

// A response that stands in two rows is asked about once: the second one waits for what the first one gets.
static bool may_ask (const work_t *work)
{
    if (work->next >= work->n_rows || work->status != OK || work->in_flight >= IN_FLIGHT_MAX)
        return false;
    asking_t *same;
    HASH_FIND (hh, work->asking, work->rows [work->next].response_key.b, KEY_BYTES, same);
    return same == NULL;
}

static void ask_all (work_t *work)
{
    while (work->in_flight > 0 || (work->next < work->n_rows && work->status == OK)) {
        while (may_ask (work))
            ask (work, work->next++);
        if (work->in_flight > 0)
            judge_step (&work->judge, STEP_MS);
    }
    work->told->missing = eval_judge_missing (work->options, work->cells);
}

static status_t open_kept (work_t *work, const digest_t *identity)
{
    if (work->options->out == NULL)
        return fault_set (work->fault, ERR_USAGE, "a judge behind HTTP needs a folder that keeps its answers: --out DIR");
    return eval_cells_open (work->options->out, identity, &work->kept, work->fault);
}

static status_t ask_judge (work_t *work, judge_members_t *judges, const spec_t *spec)
{
    Rulemill__LabelSetup message = RULEMILL__LABEL_SETUP__INIT;
    Rulemill__RunSpec run = spec->message;
    message.spec = &run;
    status_t status = OK;
    if (judges) {
        message.judge = (Rulemill__JudgeSetup **) (uintptr_t) judges->setups;
        message.n_judge = judges->n;
        status = open_kept (work, &spec->judge_identity);
    }
    const judge_sink_t sink = { .done = answered, .cell = keep_cell, .allow = may_call, .used = call_ended, .ctx = work };
    if (status == OK)
        status = fault_of_setting (judge_open (&work->judge, &message, work->options->pool, &sink, work->fault), work->fault);
    if (status == OK) {
        ask_all (work);
        status = work->status;
        judge_close (&work->judge);
    }
    fault_t late = { 0 };
    if (eval_cells_close (&work->kept, &late) != OK && status == OK) {
        *work->fault = late;
        status = late.code;
    }
    return status;
}

uint64_t eval_judge_missing (const eval_judge_t *options, const cell_t *cells)
{
    size_t n;
    uint64_t missing = 0;
    const eval_row_t *rows = eval_rows_all (options->rows, &n);
    for (size_t row = 0; row < n; row++)
        for (size_t i = 0; i < options->map->count; i++)
            missing += (rows [row].answered >> i & 1) && !cells [row * options->map->count + i].known;
    return missing;
}

status_t eval_judge_cells (const eval_judge_t *options, cell_t *cells, eval_judged_t *told, fault_t *fault)
{
    if (strcmp (options->config->judge.name, "replay") == 0)
        return eval_replay_cells (options, cells, told, fault);
    work_t work = { .options = options, .cells = cells, .told = told, .calls_max = options->config->budget.max_calls, .fault = fault };
    work.rows = eval_rows_all (options->rows, &work.n_rows);
    bool http = judge_is_http (options->config);
    judge_members_t judges = { .n = 0 };
    spec_t spec = { .weights = { 0 } };
    status_t status = http ? fault_of_setting (judge_members_load (options->config, &judges, fault), fault) : OK;
    if (status == OK && judges.panel)
        status = fault_set (fault, ERR_USAGE, "a panel can't be held against answers of people; evaluate its judges one by one: --judge openai "
                            "--config %s, and so on", options->config->judge.panel.items [0]);
    if (status == OK)
        status = fault_of_setting (spec_build (options->config, http ? &judges : NULL, NULL, options->pool, &spec, fault), fault);
    if (status == OK)
        status = ask_judge (&work, http ? &judges : NULL, &spec);
    spec_clear (&spec);
    judge_members_clear (&judges);
    return status;
}

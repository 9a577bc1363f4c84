// Several judges as one: each layer of a question (worker/label_layers.h) goes to its member's judge. Members are asked at the same
// time; the repeats of a member one after the other behind its first answers, in other orders and, where there are several, at another
// endpoint than the time before, cell by cell: a response's rules may have moved from one to another between.
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "worker/judge.h"
#include "worker/label_layers.h"

enum { WORD_MS = 30000, UNKNOWN_MS = 10 };      // UNKNOWN_MS: for a member that does not tell what it waits for

typedef struct asked asked_t;
typedef struct panel_judge panel_judge_t;

// A question as one member has it, in one layer at a time.
typedef struct {
    judge_question_t question;
    asked_t *asked;
    size_t member, layer;
} part_t;

struct asked {
    judge_question_t *whole;
    part_t part [LIMIT_JUDGES];
    size_t open;                // members that are not done; one more while they are being asked
    status_t status;            // the gravest of the members' ends
    char *why, *raw;            // of that end
    uint8_t *endpoints;         // members * n_rules, as judge_question_t has them; NULL without repeats
    bool too_long;
    uint32_t failed;            // as judge_question_t has it
    asked_t *prev, *next;
};

typedef struct {
    panel_judge_t *panel;
    judge_t judge;
    bool busy;                  // as of its last step
    bool watched;               // its descriptor is in the panel's set
} member_t;

struct panel_judge {
    judge_t *face;              // whose sink is told
    label_layers_t layers;
    member_t member [LIMIT_JUDGES];
    uint32_t *order;            // of each repeat, n_rules
    asked_t *asked;             // in hand
    uint64_t told;              // cells and ends so far
    int epoll_fd;               // of members that are busy and tell what they wait for
    int64_t said_ms;
};

// --- the life of a question ------------------------------------------------

static void asked_free (asked_t *asked)
{
    free (asked->why);
    free (asked->raw);
    free (asked->endpoints);
    free (asked);
}

static void member_done (panel_judge_t *self, asked_t *asked)
{
    if (--asked->open > 0)
        return;
    DL_DELETE (self->asked, asked);
    asked->whole->raw = asked->raw;
    asked->whole->too_long = asked->too_long;
    asked->whole->failed = asked->failed;
    self->face->sink.done (self->face->sink.ctx, asked->whole, asked->status, asked->why);
    asked_free (asked);
}

static bool lacks (const panel_judge_t *self, const judge_question_t *whole, size_t layer)
{
    size_t n = self->layers.n_rules;
    for (size_t i = layer * n; i < (layer + 1) * n; i++)
        if (whole->need [i] && !whole->cells [i].known)
            return true;
    return false;
}

// Ask a part's member in the first layer, from this one on, that lacks cells; it is done where none does.
static void ask_layer (panel_judge_t *self, part_t *part, size_t layer)
{
    size_t n = self->layers.n_rules, members = self->layers.panel.n_members, count = label_layers_count (&self->layers);
    const judge_question_t *whole = part->asked->whole;
    while (layer < count && !lacks (self, whole, layer))
        layer += members;
    if (layer >= count) {
        member_done (self, part->asked);
        return;
    }
    size_t repeat = layer / members;
    part->layer = layer;
    part->question = (judge_question_t) {
        .prompt = whole->prompt, .response = whole->response, .need = whole->need + layer * n, .cells = whole->cells + layer * n,
        .owner = part, .order = repeat > 0 ? self->order + (repeat - 1) * n : NULL,
        .endpoints = part->asked->endpoints ? part->asked->endpoints + part->member * n : NULL
    };
    judge_ask (&self->member [part->member].judge, &part->question);
}

static int gravity (status_t status)
{
    return status == OK ? 0 : status == ERR_DENIED ? 3 : status == ERR_LIMIT ? 2 : 1;
}

static void take_fault (panel_judge_t *self, part_t *part, status_t status, const char *why)
{
    asked_t *asked = part->asked;
    if (gravity (status) <= gravity (asked->status))
        return;
    const Rulemill__RunSpec *spec = self->face->run->spec;
    asked->status = status;
    free (asked->raw);
    asked->raw = part->question.raw ? mem_string (part->question.raw) : NULL;
    asked->too_long = part->question.too_long;
    asked->failed = part->question.failed > 0 ? part->question.failed + (uint32_t) (part->layer * self->layers.n_rules) : 0;
    free (asked->why);
    asked->why = spec->n_panel > 0 ? mem_printf ("%.100s: %s", spec->panel [part->member]->name, why ? why : "no answer")
                                   : mem_string (why ? why : "no answer");
}

// A repeat decides no label, so that it sets no pair aside.
static void give_up (panel_judge_t *self, part_t *part, const char *why)
{
    part->asked->whole->gave_up = true;
    int64_t now = clock_ms (NULL);
    if (now - self->said_ms > WORD_MS || self->said_ms == 0)
        log_warn ("a response can't be judged over, which decides no label: %s", why ? why : "no answer");
    self->said_ms = now;
}

// --- what the members say --------------------------------------------------

static void part_done (void *ctx, judge_question_t *question, status_t status, const char *why)
{
    panel_judge_t *self = ((member_t *) ctx)->panel;
    part_t *part = question->owner;
    bool repeat = part->layer >= self->layers.panel.n_members;
    self->told++;
    if (status == OK) {
        ask_layer (self, part, part->layer + self->layers.panel.n_members);
        return;
    }
    if (repeat && status != ERR_DENIED && status != ERR_LIMIT)
        give_up (self, part, why);
    else
        take_fault (self, part, status, why);
    member_done (self, part->asked);
}

static void part_cell (void *ctx, judge_question_t *question, uint32_t rule)
{
    panel_judge_t *self = ((member_t *) ctx)->panel;
    const part_t *part = question->owner;
    const judge_sink_t *sink = &self->face->sink;
    self->told++;
    if (sink->cell)
        sink->cell (sink->ctx, part->asked->whole, (uint32_t) (part->layer * self->layers.n_rules) + rule);
}

static void part_used (void *ctx, judge_question_t *question, const judge_used_t *used)
{
    const judge_sink_t *sink = &((member_t *) ctx)->panel->face->sink;
    if (sink->used)
        sink->used (sink->ctx, ((const part_t *) question->owner)->asked->whole, used);
}

static judge_leave_t part_allow (void *ctx, judge_question_t *question, const spend_t *bound)
{
    const judge_sink_t *sink = &((member_t *) ctx)->panel->face->sink;
    return sink->allow ? sink->allow (sink->ctx, ((const part_t *) question->owner)->asked->whole, bound) : JUDGE_MAY;
}

// --- the class -------------------------------------------------------------

static void panel_close (judge_t *judge)
{
    panel_judge_t *self = judge->self;
    if (self == NULL)
        return;
    for (size_t m = 0; m < self->layers.panel.n_members; m++)
        judge_close (&self->member [m].judge);
    asked_t *asked, *next;
    DL_FOREACH_SAFE (self->asked, asked, next)
        asked_free (asked);
    if (self->epoll_fd >= 0)
        close (self->epoll_fd);
    free (self->order);
    free (self);
    judge->self = NULL;
}

// A shuffled order for each repeat, the same in all workers.
static void make_orders (panel_judge_t *self, uint64_t seed)
{
    size_t n = self->layers.n_rules;
    self->order = mem_zero (self->layers.n_repeats * n + 1, sizeof *self->order);
    for (size_t repeat = 0; repeat < self->layers.n_repeats; repeat++) {
        uint32_t *order = self->order + repeat * n;
        rng_t rng = { seed + repeat + 1 };
        for (uint32_t i = 0; i < n; i++) {
            uint32_t j = (uint32_t) rng_below (&rng, i + 1);
            order [i] = order [j];
            order [j] = i;
        }
    }
}

static status_t panel_open (judge_t *judge, const Rulemill__RunSpec *spec, const rulepool_t *pool, fault_t *fault)
{
    panel_judge_t *self = mem_zero (1, sizeof *self);
    judge->self = self;
    self->face = judge;
    self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
    status_t status = self->epoll_fd < 0 ? fault_set (fault, ERR_IO, "a panel can't wait for its judges: %s", strerror (errno))
                                         : label_layers_read (&self->layers, judge->run, pool->count, fault);
    for (size_t m = 0; m < self->layers.panel.n_members && status == OK; m++) {
        member_t *member = &self->member [m];
        const judge_sink_t sink = { .done = part_done, .cell = part_cell, .used = part_used, .allow = part_allow, .ctx = member };
        member->panel = self;
        status = judge_open_member (&member->judge, judge->run, m, pool, &sink, fault);
        if (status != OK && spec->n_panel > 0)
            fault_prefix (fault, "%.100s", spec->panel [m]->name);
    }
    if (status == OK)
        make_orders (self, spec->seed);
    else
        panel_close (judge);
    return status;
}

static void panel_ask (judge_t *judge, judge_question_t *question)
{
    panel_judge_t *self = judge->self;
    asked_t *asked = mem_zero (1, sizeof *asked);
    asked->whole = question;
    asked->open = self->layers.panel.n_members + 1;
    if (self->layers.n_repeats > 0)
        asked->endpoints = mem_zero (label_layers_label (&self->layers), sizeof *asked->endpoints);
    DL_APPEND (self->asked, asked);
    for (size_t m = 0; m < self->layers.panel.n_members; m++) {
        asked->part [m].asked = asked;
        asked->part [m].member = m;
        ask_layer (self, &asked->part [m], m);
    }
    member_done (self, asked);
}

static bool tells (const judge_t *judge)
{
    return judge->class->fd && judge->class->timer_ms;
}

// One with nothing in hand would not look at its socket, which may be ready all the same (its server closed a connection that was kept).
static void watch (panel_judge_t *self, member_t *member)
{
    bool wanted = member->busy && tells (&member->judge);
    if (wanted == member->watched)
        return;
    struct epoll_event event = { .events = EPOLLIN };
    int fd = member->judge.class->fd (&member->judge);
    if (epoll_ctl (self->epoll_fd, wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &event) == 0)
        member->watched = wanted;
}

static void step_all (panel_judge_t *self, int timeout_ms)
{
    for (size_t m = 0; m < self->layers.panel.n_members; m++) {
        member_t *member = &self->member [m];
        member->busy = judge_step (&member->judge, timeout_ms);
        watch (self, member);
    }
}

static int panel_fd (const judge_t *judge)
{
    return ((const panel_judge_t *) judge->self)->epoll_fd;
}

static int64_t panel_timer_ms (const judge_t *judge)
{
    const panel_judge_t *self = judge->self;
    int64_t soonest = -1;
    for (size_t m = 0; m < self->layers.panel.n_members; m++) {
        const member_t *member = &self->member [m];
        if (member->busy)
            soonest = clock_sooner (soonest, member->watched ? member->judge.class->timer_ms (&member->judge) : UNKNOWN_MS);
    }
    return soonest;
}

// Until a member has something to do: at a socket, or by a timer of its own.
static void wait_for_any (const panel_judge_t *self, int timeout_ms)
{
    struct pollfd any = { .fd = self->epoll_fd, .events = POLLIN };
    poll (&any, 1, (int) clock_sooner (timeout_ms, panel_timer_ms (self->face)));
}

static bool panel_step (judge_t *judge, int timeout_ms)
{
    panel_judge_t *self = judge->self;
    if (self->layers.panel.n_members == 1) {
        step_all (self, timeout_ms);
        return self->asked != NULL;
    }
    uint64_t told = self->told;
    step_all (self, 0);
    if (self->asked && self->told == told) {
        wait_for_any (self, timeout_ms);
        step_all (self, 0);
    }
    return self->asked != NULL;
}

// Each member has its own limits, and as many share them.
static void panel_share (judge_t *judge, unsigned workers)
{
    panel_judge_t *self = judge->self;
    for (size_t m = 0; m < self->layers.panel.n_members; m++)
        judge_share (&self->member [m].judge, workers);
}

// A response needs all members, so one that is busy sets the pace.
static bool panel_hungry (const judge_t *judge)
{
    const panel_judge_t *self = judge->self;
    for (size_t m = 0; m < self->layers.panel.n_members; m++)
        if (!judge_hungry (&self->member [m].judge))
            return false;
    return true;
}

const judge_class_t judge_panel_class = {
    .name = "panel", .costly = true, .open = panel_open, .ask = panel_ask, .step = panel_step,
    .share = panel_share, .hungry = panel_hungry, .close = panel_close, .fd = panel_fd, .timer_ms = panel_timer_ms,
};

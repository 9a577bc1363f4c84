// A panel whose judges have requests in flight waits for what they say they wait for, and does not look again and again.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "model/rulepool_yaml.h"
#include "worker/judge.h"

enum { MEMBERS = 2, WAIT_MS = 300, LONG_MS = 600 * 1000 };

static const char yaml [] = "version: 1\nrules:\n  - {id: one, text: t1, lexicon: {for: [a]}}\n";

// --- members that wait for a number at a descriptor, or for their timer -------------

static int fds [MEMBERS];
static int64_t timer_ms [MEMBERS];
static judge_question_t *question_of [MEMBERS];
static size_t opened;
static unsigned steps;
static bool ended;

static size_t member_of (const judge_t *judge)
{
    return (size_t) (judge->setup->model [0] - '0');
}

static status_t waiter_open (judge_t *judge, const Rulemill__RunSpec *spec, const rulepool_t *pool, fault_t *fault)
{
    (void) spec, (void) pool, (void) fault;
    fds [member_of (judge)] = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
    question_of [member_of (judge)] = NULL;
    opened++;
    return OK;
}

static void waiter_ask (judge_t *judge, judge_question_t *question)
{
    question_of [member_of (judge)] = question;
}

static bool waiter_step (judge_t *judge, int timeout)
{
    (void) timeout;
    size_t m = member_of (judge);
    uint64_t number;
    steps++;
    if (question_of [m] == NULL || (timer_ms [m] != 0 && read (fds [m], &number, sizeof number) < 0))
        return question_of [m] != NULL;
    judge_question_t *question = question_of [m];
    question_of [m] = NULL;
    question->cells [0] = (cell_t) { .known = true };
    judge->sink.done (judge->sink.ctx, question, OK, NULL);
    return false;
}

static void waiter_close (judge_t *judge)
{
    close (fds [member_of (judge)]);
}

static int waiter_fd (const judge_t *judge)
{
    return fds [member_of (judge)];
}

static int64_t waiter_timer_ms (const judge_t *judge)
{
    size_t m = member_of (judge);
    int64_t left_ms = timer_ms [m];
    if (left_ms > 0)
        timer_ms [m] = 0;           // when it is stepped next, that time has passed
    return left_ms;
}

static const judge_class_t waiter_class = {
    .name = "waiter", .costly = true, .open = waiter_open, .ask = waiter_ask, .step = waiter_step, .close = waiter_close,
    .fd = waiter_fd, .timer_ms = waiter_timer_ms
};

// --- a panel of them -------------------------------------------------------------------

typedef struct {
    rulepool_t *pool;
    Rulemill__RunSpec spec;
    Rulemill__PanelMember member [MEMBERS], *members [MEMBERS];
    Rulemill__JudgeSetup setup [MEMBERS], *setups [MEMBERS];
    Rulemill__LabelSetup run;
    judge_t judge;
    bool need [MEMBERS];
    cell_t cells [MEMBERS];
    judge_question_t question;
} panel_scene_t;

static void on_done (void *ctx, judge_question_t *question, status_t status, const char *why)
{
    (void) ctx, (void) question, (void) why;
    assert_int_equal (status, OK);
    ended = true;
}

static void begin (panel_scene_t *s)
{
    static char names [MEMBERS] [2] = { "0", "1" }, waiter [] = "waiter", mean [] = "mean";
    *s = (panel_scene_t) { .spec = RULEMILL__RUN_SPEC__INIT, .run = RULEMILL__LABEL_SETUP__INIT };
    assert_int_equal (rulepool_parse ("r", yaml, sizeof yaml - 1, &s->pool, NULL), OK);
    for (size_t m = 0; m < MEMBERS; m++) {
        rulemill__panel_member__init (&s->member [m]);
        rulemill__judge_setup__init (&s->setup [m]);
        s->member [m].weight = MICRO;
        s->member [m].name = s->setup [m].model = names [m];
        s->members [m] = &s->member [m];
        s->setups [m] = &s->setup [m];
        s->need [m] = true;
        timer_ms [m] = -1;
    }
    s->spec.judge = waiter;
    s->spec.combine = mean;
    s->spec.panel = s->members;
    s->run.judge = s->setups;
    s->spec.n_panel = s->run.n_judge = MEMBERS;
    s->run.spec = &s->spec;
    const judge_sink_t sink = { .done = on_done };
    opened = 0;
    ended = false;
    assert_int_equal (judge_open (&s->judge, &s->run, s->pool, &sink, NULL), OK);
    assert_int_equal (opened, MEMBERS);
    s->question = (judge_question_t) { .need = s->need, .cells = s->cells };
    judge_ask (&s->judge, &s->question);
    steps = 0;
}

static void finish (panel_scene_t *s)
{
    judge_close (&s->judge);
    rulepool_destroy (&s->pool);
}

static void say (size_t member)
{
    const uint64_t one = 1;
    assert_int_equal (write (fds [member], &one, sizeof one), sizeof one);
}

static void nothing_happens_while_nothing_comes (void **state)
{
    (void) state;
    panel_scene_t s;
    begin (&s);
    int64_t before_ms = clock_ms (NULL);
    assert_true (judge_step (&s.judge, WAIT_MS));
    assert_true (clock_ms (NULL) - before_ms >= WAIT_MS - 1);
    assert_true (steps <= 2 * MEMBERS);
    finish (&s);
}

static void an_answer_ends_the_wait (void **state)
{
    (void) state;
    panel_scene_t s;
    begin (&s);
    say (1);
    assert_true (judge_step (&s.judge, LONG_MS));
    assert_false (ended);
    say (0);
    assert_false (judge_step (&s.judge, LONG_MS));
    assert_true (ended);
    finish (&s);
}

// Its server has closed a connection, say.
static void one_with_nothing_in_hand_is_not_looked_at (void **state)
{
    (void) state;
    panel_scene_t s;
    begin (&s);
    say (1);
    assert_true (judge_step (&s.judge, LONG_MS));
    assert_null (question_of [1]);
    say (1);
    int64_t before_ms = clock_ms (NULL);
    assert_true (judge_step (&s.judge, WAIT_MS));
    assert_true (clock_ms (NULL) - before_ms >= WAIT_MS - 1);
    finish (&s);
}

static void so_does_a_timer_of_a_member (void **state)
{
    (void) state;
    panel_scene_t s;
    begin (&s);
    timer_ms [1] = 20;
    assert_true (judge_step (&s.judge, LONG_MS));       // it has ended its part by then
    assert_null (question_of [1]);
    assert_non_null (question_of [0]);
    timer_ms [0] = 20;
    while (judge_step (&s.judge, LONG_MS))
        assert_true (steps < 10 * MEMBERS);
    assert_true (ended);
    finish (&s);
}

// Who waits for others besides, as a worker with a served adapter does, waits for the panel at one descriptor and by one timer.
static void it_says_what_it_waits_for (void **state)
{
    (void) state;
    panel_scene_t s;
    begin (&s);
    assert_true (judge_step (&s.judge, 0));
    struct pollfd panel = { .fd = s.judge.class->fd (&s.judge), .events = POLLIN };
    assert_int_equal (poll (&panel, 1, 0), 0);
    assert_int_equal (s.judge.class->timer_ms (&s.judge), -1);
    timer_ms [1] = 20;
    assert_int_equal (s.judge.class->timer_ms (&s.judge), 20);
    timer_ms [1] = -1;
    say (1);
    assert_int_equal (poll (&panel, 1, 0), 1);
    assert_true (judge_step (&s.judge, 0));
    assert_null (question_of [1]);
    say (1);                            // it has nothing in hand
    assert_int_equal (poll (&panel, 1, 0), 0);
    timer_ms [1] = 20;
    assert_int_equal (s.judge.class->timer_ms (&s.judge), -1);
    say (0);
    assert_int_equal (poll (&panel, 1, 0), 1);
    assert_false (judge_step (&s.judge, 0));
    assert_true (ended);
    finish (&s);
}

int main (void)
{
    judge_add (&waiter_class);
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (nothing_happens_while_nothing_comes),
        cmocka_unit_test (an_answer_ends_the_wait),
        cmocka_unit_test (one_with_nothing_in_hand_is_not_looked_at),
        cmocka_unit_test (so_does_a_timer_of_a_member),
        cmocka_unit_test (it_says_what_it_waits_for),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

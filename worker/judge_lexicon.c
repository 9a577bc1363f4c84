// The embedded judge: answers at once, from phrases; see worker/lexicon.h.
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "worker/judge.h"
#include "worker/lexicon.h"

typedef struct {
    lexicon_t *lexicon;
    uint8_t *hits;          // n_rules, of the prompt read last
    buf_t prompt;           // its turns, to know it again
    buf_t asked;            // the turns of the prompt in hand
    cell_t *cells;          // n_rules, of the response in hand
} self_t;

static status_t lexicon_open (judge_t *judge, const Rulemill__RunSpec *spec, const rulepool_t *pool, fault_t *fault)
{
    digest_t identity = lexicon_identity (pool);
    if (spec->judge_identity.len != DIGEST_BYTES || memcmp (spec->judge_identity.data, identity.b, DIGEST_BYTES) != 0)
        return fault_set (fault, ERR_MISMATCH, "the lexicon judge of this run has other phrases or another version "
                          "than this program's (%d); use the same version of rulemill on both sides", LEXICON_VERSION);
    self_t *self = mem_zero (1, sizeof *self);
    self->lexicon = lexicon_new (pool);
    self->hits = mem_zero (pool->count + 1, sizeof *self->hits);
    self->cells = mem_zero (pool->count + 1, sizeof *self->cells);
    judge->self = self;
    return OK;
}

// All that the lexicon reads of a prompt, with lengths, so that equal bytes are equal prompts.
static void flatten (const Rulemill__Conversation *prompt, buf_t *out)
{
    buf_clear (out);
    for (size_t i = 0; i < prompt->n_turns; i++) {
        const Rulemill__Turn *turn = prompt->turns [i];
        if (strcmp (turn->role, "user") != 0)
            continue;
        size_t len = strlen (turn->content);
        buf_add (out, &len, sizeof len);
        buf_add (out, turn->content, len);
    }
}

// Read the prompt unless it is the one before.
static void read_prompt (self_t *self, const Rulemill__Conversation *prompt)
{
    flatten (prompt, &self->asked);
    bool same = self->prompt.len > 0 && self->prompt.len == self->asked.len
                && memcmp (self->prompt.data, self->asked.data, self->asked.len) == 0;
    if (same)
        return;
    lexicon_read_prompt (self->lexicon, prompt, self->hits);
    buf_t keep = self->prompt;
    self->prompt = self->asked;
    self->asked = keep;
}

static void lexicon_ask (judge_t *judge, judge_question_t *question)
{
    self_t *self = judge->self;
    read_prompt (self, question->prompt);
    lexicon_judge (self->lexicon, self->hits, question->response, self->cells);
    for (size_t r = 0; r < judge->pool->count; r++)
        if (question->need [r])
            question->cells [r] = self->cells [r];
    judge->sink.done (judge->sink.ctx, question, OK, NULL);
}

static void lexicon_close (judge_t *judge)
{
    self_t *self = judge->self;
    if (self == NULL)
        return;
    lexicon_destroy (&self->lexicon);
    free (self->hits);
    free (self->cells);
    buf_free (&self->prompt);
    buf_free (&self->asked);
    free (self);
    judge->self = NULL;
}

const judge_class_t judge_lexicon_class = {
    .name = "lexicon", .costly = false, .open = lexicon_open, .ask = lexicon_ask, .close = lexicon_close,
};

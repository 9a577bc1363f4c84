// label_table: the leases, items and responses that a labelling worker holds. No judging, no messages.
//
//   lease ──< response        a response is one entry for each lease, named by its number
//     └───< item >── 2 responses, where it is waiting for cells of them
//
// Entries go by themselves when nobody needs them: label_rest looks whether that is so.
#ifndef WORKER_LABEL_TABLE_H
#define WORKER_LABEL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "base/digest.h"
#include "worker/judge.h"

typedef struct label_lease label_lease_t;
typedef struct label_response label_response_t;
typedef struct label_item label_item_t;

// A prompt that some responses share.
typedef struct { Rulemill__Conversation *text; unsigned holders; } label_prompt_t;

struct label_response {
    uint64_t number;
    label_lease_t *lease;
    content_key_t prompt_key;
    // texts: held while items wait or the batch that brought them is being begun; else NULL
    label_prompt_t *prompt;
    Rulemill__Conversation *text;
    bool in_batch;
    // the judge's
    cell_t *cells;                  // n_cells, judged here
    bool *need;                     // n_cells, of the question in flight
    judge_question_t question;
    bool asked;                     // it is in flight
    bool answered;                  // it has come back and stands in the table's list
    char *failure;                  // why the judge can't answer, which it said last; NULL
    bool *unanswered;               // n_cells that it can't answer; NULL where there is a failure: none of them
    char *raw;                      // what it answered then; NULL
    bool too_long;                  // for the judge
    bool gave_up;                   // its repeats can't be judged and are waited for no more
    label_response_t *next_answered;
    // whoever wants it
    label_item_t **waiting;         // items without a label
    size_t n_waiting, waiting_cap;
    uint64_t last_item;             // that began to wait for it last, and which side of that it is
    int last_side;
    unsigned holders;               // items that refer to it
    bool kept;                      // for pairs that may still come
    UT_hash_handle hh;
};

struct label_item {
    uint64_t number;
    label_lease_t *lease;
    content_key_t prompt_key, pair_key;
    bool swapped;
    bool again;                     // the layers of repeats are needed too
    bool labelled;                  // its result was sent
    bool doomed;                    // it is to be set aside once what is in flight for it has come
    char *unaudited;                // why not every rule could be judged of a pair that is audited; NULL
    Rulemill__LabelHow how;
    uint32_t *chosen;               // rules that an adapter foresees for it; NULL where the policy says which
    size_t n_chosen;
    uint32_t adapter;               // 1 + the place of the one that foresaw them; 0: a served one, or none
    bool foreseeing;                // a served adapter was asked for them and has not answered
    char *failure;                  // why it can't foresee them; NULL
    bool too_long;                  // for it
    label_response_t *side [2];     // A, B; NULL where they are needed no more
    Rulemill__Cells *known [2];     // the store's; NULL: none
    UT_hash_handle hh;
};

struct label_lease {
    uint64_t number;
    size_t items;
    bool in_batch;                  // a batch is being begun
    // what asking for it uses
    bool granted;
    spend_t left;                   // of its grant, without the bounds of what is in flight
    spend_t need;                   // of a request that was not allowed for want of it
    judge_used_t unsaid;            // spent and used, not told yet
    unsigned questions, flying;     // in hand; requests in flight
    bool over;                      // nothing more is asked; given back when the last question has ended
    bool revoked;                   // nothing more is asked: what is not done is another's
    bool returned;
    label_response_t *responses;    // hash by number
    UT_hash_handle hh;
};

typedef struct {
    size_t n_cells;                 // of a response, in all layers
    label_lease_t *leases;          // hash by number
    label_item_t *items;            // hash by number: an item that comes again takes the place of the older one
    label_response_t *answered;     // responses whose question has come back
} label_table_t;

label_prompt_t *label_prompt_new (Rulemill__Conversation *text);    // takes text over; one holder: the caller
void label_prompt_release (label_prompt_t **prompt);

label_lease_t *label_lease_get (label_table_t *table, uint64_t number);     // made where there is none
label_response_t *label_response_find (const label_lease_t *lease, uint64_t number);
label_response_t *label_response_new (const label_table_t *table, label_lease_t *lease, uint64_t number,
                                      const content_key_t *prompt_key);

// Give a response its text, which is taken over (and dropped where it has one).
void label_response_set_text (label_response_t *response, label_prompt_t *prompt, Rulemill__Conversation *text);

// An item of a lease, waiting for both sides; an older one of the same number is dropped.
label_item_t *label_item_find (const label_table_t *table, uint64_t number);
label_item_t *label_item_new (label_table_t *table, label_lease_t *lease, uint64_t number, label_response_t *a, label_response_t *b);

// It waits no more. keep: its sides and known cells stay, to be computed from again.
void label_item_labelled (label_table_t *table, label_item_t *item, bool keep);
void label_item_drop (label_table_t *table, label_item_t **item);

// The judge has no answer for this cell (1 + its place), or for the whole response (0), and why; raw may be NULL.
typedef struct { uint32_t cell; const char *why, *raw; bool too_long; } label_unanswered_t;
void label_response_failed (const label_table_t *table, label_response_t *response, const label_unanswered_t *unanswered);

// Does any item wait for cells of the response that will not be set aside for its other one?
bool label_response_wanted (const label_response_t *response);

// Free a response's texts, the response, the lease, where nobody needs them.
void label_rest (label_table_t *table, label_response_t *response);
void label_lease_rest (label_table_t *table, label_lease_t *lease);

void label_table_forget_questions (label_table_t *table);    // those cut off by closing the judge are nobody's any more
void label_table_free (label_table_t *table);       // nothing may be in flight

// label_spend.c: what a lease may use, and uses.
void label_lease_grant (label_lease_t *lease, const spend_t *grant);    // the first time alone
// May a request that uses at most bound be sent? The bound is taken down then. Where too little is left, what is in flight is
// waited for; where nothing is, the lease is over.
judge_leave_t label_lease_leave (label_lease_t *lease, const spend_t *bound);
// Nothing may be asked as no call is left and none is in flight: it is over, and nobody need look for the judge.
bool label_lease_is_out (label_lease_t *lease);
void label_lease_used (label_lease_t *lease, const judge_used_t *used);

#endif

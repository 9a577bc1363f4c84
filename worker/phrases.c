#include "worker/phrases.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { NONE = 0xFFFFFFFF };

// In the table: a phrase ends in this state, so that most bytes of a text cost one look-up and nothing else.
#define ENDS 0x80000000u

// While phrases are added: a tree of bytes, children as a linked list.
typedef struct { uint32_t child, sibling, phrase; uint8_t byte; } branch_t;

// Afterwards: states in the order of their depth, so that a state's children stand side by side, and a state's
// longest proper suffix (where to go on when no child fits) has a smaller number.
typedef struct { uint32_t child, n_children, suffix, phrase, shorter; uint8_t byte; } state_t;

struct phrases {
    branch_t *branch;           // freed by phrases_build
    uint32_t n_branches, branches_cap, n_phrases;
    state_t *state;
    uint32_t n_states;
    uint8_t class_of [256];     // bytes that stand in no phrase share class 0
    uint32_t n_classes;
    uint32_t *table;            // next state of (state, class) for the first n_rows states, with ENDS
    uint32_t n_rows;
};

phrases_t *phrases_new (void)
{
    phrases_t *phrases = mem_zero (1, sizeof *phrases);
    phrases->branches_cap = 1024;
    phrases->branch = mem_zero (phrases->branches_cap, sizeof *phrases->branch);
    phrases->branch [0] = (branch_t) { .child = NONE, .sibling = NONE, .phrase = NONE };
    phrases->n_branches = 1;
    phrases->n_classes = 1;
    return phrases;
}

void phrases_destroy (phrases_t **phrases)
{
    if (*phrases == NULL)
        return;
    free ((*phrases)->branch);
    free ((*phrases)->state);
    free ((*phrases)->table);
    free (*phrases);
    *phrases = NULL;
}

// The child of a branch for a byte, made where there is none.
static uint32_t grow (phrases_t *phrases, uint32_t from, uint8_t byte)
{
    for (uint32_t b = phrases->branch [from].child; b != NONE; b = phrases->branch [b].sibling)
        if (phrases->branch [b].byte == byte)
            return b;
    if (phrases->n_branches == phrases->branches_cap) {
        phrases->branches_cap *= 2;
        phrases->branch = mem_resize (phrases->branch, phrases->branches_cap * sizeof *phrases->branch);
    }
    uint32_t made = phrases->n_branches++;
    phrases->branch [made] = (branch_t) { NONE, phrases->branch [from].child, NONE, byte };
    phrases->branch [from].child = made;
    if (phrases->class_of [byte] == 0)
        phrases->class_of [byte] = (uint8_t) phrases->n_classes++;
    return made;
}

// " kill someone " is looked for with the spaces around it, " murder" of "murder*" without the last.
uint32_t phrases_add (phrases_t *phrases, const char *phrase)
{
    assert (phrases->branch != NULL);
    size_t len = strlen (phrase);
    int any_ending = len > 0 && phrase [len - 1] == '*';
    uint32_t at = grow (phrases, 0, ' ');
    for (size_t i = 0; i < len - (size_t) any_ending; i++)
        at = grow (phrases, at, (uint8_t) phrase [i]);
    if (!any_ending)
        at = grow (phrases, at, ' ');
    if (phrases->branch [at].phrase == NONE)
        phrases->branch [at].phrase = phrases->n_phrases++;
    return phrases->branch [at].phrase;
}

uint32_t phrases_count (const phrases_t *phrases)
{
    return phrases->n_phrases;
}

// --- building ----------------------------------------------------------------

// Number the branches by depth; order [state] is the branch that it was.
static void number_states (phrases_t *phrases)
{
    uint32_t *order = mem_zero (phrases->n_branches, sizeof *order);
    state_t *state = mem_zero (phrases->n_branches, sizeof *state);
    uint32_t made = 1;
    for (uint32_t s = 0; s < made; s++) {
        const branch_t *branch = &phrases->branch [order [s]];
        state [s].phrase = branch->phrase;
        state [s].byte = branch->byte;
        state [s].child = made;
        for (uint32_t b = branch->child; b != NONE; b = phrases->branch [b].sibling)
            order [made++] = b;
        state [s].n_children = made - state [s].child;
    }
    free (order);
    free (phrases->branch);
    phrases->branch = NULL;
    phrases->state = state;
    phrases->n_states = made;
}

static uint32_t child_of (const phrases_t *phrases, uint32_t s, uint8_t byte)
{
    const state_t *state = &phrases->state [s];
    for (uint32_t c = state->child; c < state->child + state->n_children; c++)
        if (phrases->state [c].byte == byte)
            return c;
    return NONE;
}

static bool ends_phrase (const phrases_t *phrases, uint32_t s)
{
    return phrases->state [s].phrase != NONE || phrases->state [s].shorter != 0;
}

// Where a byte leads, with ENDS. States without a row try their children, then those of their suffixes.
static uint32_t step (const phrases_t *phrases, uint32_t s, uint8_t byte)
{
    while (s >= phrases->n_rows) {
        uint32_t child = child_of (phrases, s, byte);
        if (child != NONE)
            return child | (ends_phrase (phrases, child) ? ENDS : 0);
        s = phrases->state [s].suffix;
    }
    return phrases->table [(size_t) s * phrases->n_classes + phrases->class_of [byte]];
}

// The row of a state: where its suffix would go, but for its own children, which are linked. Rows of smaller states are filled.
static void fill_row (phrases_t *phrases, uint32_t s)
{
    size_t width = phrases->n_classes;
    uint32_t *row = phrases->table + s * width;
    const state_t *state = &phrases->state [s];
    if (s > 0)
        memcpy (row, phrases->table + state->suffix * width, width * sizeof *row);
    for (uint32_t c = state->child; c < state->child + state->n_children; c++)
        row [phrases->class_of [phrases->state [c].byte]] = c | (ends_phrase (phrases, c) ? ENDS : 0);
}

// The suffix of each child of a state, and the nearest phrase that ends with it.
static void link_children (phrases_t *phrases, uint32_t s)
{
    const state_t *state = &phrases->state [s];
    for (uint32_t c = state->child; c < state->child + state->n_children; c++) {
        state_t *child = &phrases->state [c];
        child->suffix = s == 0 ? 0 : step (phrases, state->suffix, child->byte) & ~ENDS;
        const state_t *suffix = &phrases->state [child->suffix];
        child->shorter = suffix->phrase != NONE ? child->suffix : suffix->shorter;
    }
}

void phrases_build (phrases_t *phrases)
{
    assert (phrases->branch != NULL);
    number_states (phrases);
    uint32_t rows = PHRASES_TABLE_MAX / phrases->n_classes;
    rows = rows < phrases->n_states ? rows : phrases->n_states;
    phrases->table = mem_zero ((size_t) rows * phrases->n_classes, sizeof *phrases->table);
    for (uint32_t s = 0; s < phrases->n_states; s++) {
        link_children (phrases, s);
        if (s < rows) {
            fill_row (phrases, s);
            phrases->n_rows = s + 1;
        }
    }
}

// --- finding -------------------------------------------------------------------

size_t phrases_find (const phrases_t *phrases, const char *text, size_t len, uint32_t *seen, uint32_t mark, uint32_t *found,
                     size_t n_found)
{
    assert (phrases->state != NULL);
    uint32_t s = 0;
    for (size_t i = 0; i < len; i++) {
        s = step (phrases, s, (uint8_t) text [i]);
        if (!(s & ENDS))
            continue;
        s &= ~ENDS;
        uint32_t at = phrases->state [s].phrase != NONE ? s : phrases->state [s].shorter;
        for (; at != 0; at = phrases->state [at].shorter) {
            uint32_t phrase = phrases->state [at].phrase;
            if (seen [phrase] != mark) {
                seen [phrase] = mark;
                found [n_found++] = phrase;
            }
        }
    }
    return n_found;
}

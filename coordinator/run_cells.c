#include "coordinator/run_cells.h"

#include "model/panel.h"
#include "storage/run.h"

static status_t member_cells (store_t *store, const Rulemill__RunSpec *spec, size_t member, uint64_t response, Rulemill__Cells **out, fault_t *fault)
{
    digest_t judge = run_judge (spec, member, 0);
    uint32_t number;
    bool found = false;
    status_t status = record_find_number (store, 'J', &judge, &number, &found, fault);
    return status == OK && found ? record_get_cells (store, response, number, out, fault) : status;
}

static bool readable (const Rulemill__Cells *cells)
{
    return cells && cells->n_score == cells->n_rule && cells->n_relevance == cells->n_rule && cells->n_mass == cells->n_rule;
}

// The cell of a rule, looked for from *at on, as rules ascend.
static cell_t cell_of (const Rulemill__Cells *cells, uint32_t rule, size_t *at)
{
    while (*at < cells->n_rule && cells->rule [*at] < rule)
        ++*at;
    if (*at == cells->n_rule || cells->rule [*at] != rule)
        return (cell_t) { .known = false };
    return (cell_t) { .score = cells->score [*at], .relevance = cells->relevance [*at], .mass = cells->mass [*at], .known = true };
}

static void set_count (Rulemill__Cells *cells, size_t n)
{
    cells->n_rule = cells->n_score = cells->n_relevance = cells->n_mass = n;
}

// The first member's become those of all; false where one has none.
static bool combine (const panel_t *panel, Rulemill__Cells *const *members)
{
    for (size_t m = 0; m < panel->n_members; m++)
        if (!readable (members [m]))
            return false;
    size_t at [LIMIT_JUDGES] = { 0 }, n = 0, first = members [0]->n_rule;
    Rulemill__Cells *out = members [0];
    for (size_t i = 0; i < first; i++) {
        cell_t cells [LIMIT_JUDGES] = { { .score = out->score [i], .relevance = out->relevance [i], .mass = out->mass [i], .known = true } };
        for (size_t m = 1; m < panel->n_members; m++)
            cells [m] = cell_of (members [m], out->rule [i], &at [m]);
        cell_t one = panel_combine (panel, cells, 1);
        if (!one.known)
            continue;
        out->rule [n] = out->rule [i];
        out->score [n] = one.score;
        out->relevance [n] = one.relevance;
        out->mass [n++] = one.mass;
    }
    set_count (out, n);
    return true;
}

status_t run_cells_get (store_t *store, const Rulemill__RunRecord *run, uint64_t response, Rulemill__Cells **out, fault_t *fault)
{
    const Rulemill__RunSpec *spec = run->spec;
    int how = combine_find (spec->combine);
    *out = NULL;
    if (spec->n_panel == 0)
        return record_get_cells (store, response, run->judge, out, fault);
    if (spec->n_panel > LIMIT_JUDGES || how < 0)
        return fault_set (fault, ERR_CORRUPT, "the run's panel can't be read; restore the store from a backup");
    panel_t panel = { .combine = (combine_t) how, .n_members = spec->n_panel };
    Rulemill__Cells *members [LIMIT_JUDGES] = { NULL };
    status_t status = OK;
    for (size_t m = 0; m < panel.n_members && status == OK; m++) {
        panel.weight [m] = spec->panel [m]->weight;
        status = member_cells (store, spec, m, response, &members [m], fault);
    }
    if (status == OK && combine (&panel, members)) {
        *out = members [0];
        members [0] = NULL;
    }
    for (size_t m = 0; m < panel.n_members; m++)
        if (members [m])
            rulemill__cells__free_unpacked (members [m], NULL);
    return status;
}

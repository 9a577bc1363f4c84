#include "worker/label_layers.h"

#include <string.h>

static status_t read_panel (panel_t *panel, const Rulemill__RunSpec *spec, fault_t *fault)
{
    int combine = combine_find (spec->combine);
    if (spec->n_panel > LIMIT_JUDGES)
        return fault_set (fault, ERR_LIMIT, "the panel has %zu judges; the most is %d", spec->n_panel, LIMIT_JUDGES);
    if (combine < 0)
        return fault_set (fault, ERR_FORMAT, "a panel can't be combined by \"%.64s\"", spec->combine);
    uint64_t sum = 0;
    for (size_t m = 0; m < spec->n_panel; m++) {
        if (spec->panel [m]->weight > 1000 * (uint64_t) MICRO)
            return fault_set (fault, ERR_FORMAT, "a judge's weight is over 1000");
        sum += panel->weight [m] = spec->panel [m]->weight;
    }
    panel->n_members = spec->n_panel;
    panel->combine = (combine_t) combine;
    return sum > 0 ? OK : fault_set (fault, ERR_FORMAT, "no judge of the panel has a weight");
}

status_t label_layers_read (label_layers_t *layers, const Rulemill__LabelSetup *message, size_t n_rules, fault_t *fault)
{
    *layers = (label_layers_t) { .panel = { .n_members = 1, .weight = { MICRO } }, .n_rules = n_rules, .n_repeats = message->repeats };
    if (message->repeats > LIMIT_REPEATS)
        return fault_set (fault, ERR_LIMIT, "%u repeats are asked for; the most is %d", message->repeats, LIMIT_REPEATS);
    status_t status = message->spec->n_panel > 0 ? read_panel (&layers->panel, message->spec, fault) : OK;
    if (status == OK && message->n_judge > 0 && message->n_judge != layers->panel.n_members)
        status = fault_set (fault, ERR_FORMAT, "the setup describes %zu judges, the run has %zu", message->n_judge, layers->panel.n_members);
    return status;
}

size_t label_layers_count (const label_layers_t *layers)
{
    return layers->panel.n_members * (1 + layers->n_repeats);
}

size_t label_layers_cells (const label_layers_t *layers)
{
    return label_layers_count (layers) * layers->n_rules;
}

size_t label_layers_label (const label_layers_t *layers)
{
    return layers->panel.n_members * layers->n_rules;
}

void label_layers_spread (const label_layers_t *layers, bool again, bool *need)
{
    size_t n = layers->n_rules;
    for (size_t layer = 1; layer < label_layers_count (layers); layer++) {
        if (layer < layers->panel.n_members || again)
            memcpy (need + layer * n, need, n * sizeof *need);
        else
            memset (need + layer * n, 0, n * sizeof *need);
    }
}

void label_layers_combine (const label_layers_t *layers, const cell_t *cells, cell_t *out)
{
    for (size_t r = 0; r < layers->n_rules; r++)
        out [r] = panel_combine (&layers->panel, cells + r, layers->n_rules);
}

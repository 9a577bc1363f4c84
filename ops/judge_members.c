#include "ops/judge_members.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/panel.h"
#include "ops/config_keys.h"
#include "ops/number.h"

// Keys of a panel, which its members' files can't have; what stands beside them is of the store, the job or other judges.
static const char *const panel_keys [] = {
    "judge.name", "judge.panel", "judge.panel_weights", "judge.combine", "judge.repeat_share", "judge.repeats", "judge.store_cells",
    "judge.scores", "judge.missing", "judge.unknown_ids", "judge.compat", "judge.currency"
};

static bool is_of_a_member (const char *key)
{
    for (size_t i = 0; i < sizeof panel_keys / sizeof *panel_keys; i++)
        if (strcmp (key, panel_keys [i]) == 0)
            return false;
    return strncmp (key, "judge.", 6) == 0;
}

bool judge_has_panel (const config_t *config)
{
    return config->judge.panel.count > 0;
}

status_t judge_panel_flag (config_t *config, const char *value, fault_t *fault)
{
    char *text = mem_string (value), *rest = text, *file;
    const char **files = mem_zero (strlen (value) + 1, sizeof *files);
    size_t count = 0;
    while ((file = strsep (&rest, ",")) != NULL)
        files [count++] = file;
    status_t status = config_set_names (config, "judge.panel", "--panel", files, count, fault);
    if (status == OK)
        status = config_set (config, "judge.name", "--panel", "openai", fault);
    free (files);
    free (text);
    return status;
}

// --- holding keys against each other ---------------------------------------

// Does the configuration give a key of which a member's file has its own?
static const char *given_of_a_member (const config_t *config)
{
    size_t count;
    const config_key_t *keys = config_keys (&count);
    for (size_t i = 0; i < count; i++)
        if (config->given [i] && is_of_a_member (keys [i].name))
            return keys [i].name;
    return NULL;
}

static status_t check_counts (const config_t *config, fault_t *fault)
{
    size_t n = config->judge.panel.count, weights = config->judge.panel_weights.count;
    if (n < 2 || n > LIMIT_JUDGES)
        return fault_set (fault, ERR_USAGE, "judge.panel names %zu file%s; a panel has 2 to %d judges", n, n == 1 ? "" : "s", LIMIT_JUDGES);
    if (weights > 0 && weights != n)
        return fault_set (fault, ERR_USAGE, "judge.panel_weights has %zu numbers for %zu judges; give one for each, or none", weights, n);
    return OK;
}

status_t judge_panel_check (const config_t *config, fault_t *fault)
{
    if (!judge_is_http (config)) {
        const char *key = judge_has_panel (config) ? "judge.panel" : config->judge.repeat_share > 0 ? "judge.repeat_share" : NULL;
        if (key)
            return fault_set (fault, ERR_USAGE, "%s is for judges behind HTTP, not for %s; take it out, or set judge.name to openai", key, config->judge.name);
        return OK;
    }
    if (!judge_has_panel (config)) {
        if (config->judge.panel_weights.count > 0 || config_given (config, "judge.combine"))
            return fault_set (fault, ERR_USAGE, "judge.panel_weights and judge.combine are for a panel; name its files with --panel, or take them out");
        return OK;
    }
    const char *key = given_of_a_member (config);
    if (key)
        return fault_set (fault, ERR_USAGE, "%s is given beside judge.panel; each judge of a panel says it in its own file", key);
    return check_counts (config, fault);
}

// --- members ---------------------------------------------------------------

static status_t check_member (const config_t *config, const char *file, fault_t *fault)
{
    size_t count;
    const config_key_t *keys = config_keys (&count);
    for (size_t i = 0; i < count; i++)
        if (config->given [i] && !is_of_a_member (keys [i].name))
            return fault_set (fault, ERR_USAGE, "%s: %s can't stand in the file of a panel's judge; it holds judge.model, judge.urls and what else "
                              "one judge behind HTTP needs", file, keys [i].name);
    return OK;
}

static status_t load_file (const config_t *config, size_t i, judge_member_t *member, fault_t *fault)
{
    const char *file = config->judge.panel.items [i];
    member->config = config_new ();
    fault_t inner = { 0 };
    status_t status = config_load_file (member->config, file, &inner);
    if (status == ERR_IO)
        return fault_set (fault, ERR_USAGE, "%s: it can't be read; check judge.panel", file);
    if (status != OK)
        return fault_set (fault, ERR_USAGE, "%s", inner.text);
    status = check_member (member->config, file, fault);
    if (status == OK)
        status = config_set (member->config, "judge.name", file, "openai", fault);
    member->config->workers = config->workers;
    return status;
}

static status_t fill (judge_member_t *member, fault_t *fault)
{
    status_t status = judge_setup_endpoint (member->config, fault);
    if (status == OK)
        status = judge_setup_fill (member->config, &member->setup, fault);
    if (status == OK)
        member->identity = judge_setup_identity (&member->setup);
    return status;
}

static status_t read_weight (const config_t *config, size_t i, uint32_t *weight, fault_t *fault)
{
    *weight = MICRO;
    double value = 1;
    if (config->judge.panel_weights.count == 0)
        return OK;
    status_t status = number_real ("judge.panel_weights", config->judge.panel_weights.items [i], 0, 1000, &value, fault);
    if (status == OK && value < 1e-6)
        return fault_set (fault, ERR_USAGE, "judge.panel_weights: a weight must be over 0; leave the judge out instead");
    *weight = (uint32_t) llround (value * MICRO);
    return status;
}

static status_t load_member (const config_t *config, judge_members_t *out, size_t i, fault_t *fault)
{
    judge_member_t *member = &out->member [i];
    const char *file = config->judge.panel.items [i];
    rulemill__panel_member__init (&member->record);
    status_t status = load_file (config, i, member, fault);
    if (status != OK)
        return status;
    status = fill (member, fault);
    if (status != OK)
        return fault_prefix (fault, "%s", file);
    for (size_t k = 0; k < i; k++)
        if (digest_equal (&out->member [k].identity, &member->identity))
            return fault_set (fault, ERR_USAGE, "%s and %s are the same judge; to count it twice give it a weight of 2 (judge.panel_weights)",
                              config->judge.panel.items [k], file);
    config_print (member->config, &member->text);
    member->record.identity = (ProtobufCBinaryData) { DIGEST_BYTES, member->identity.b };
    member->record.config = member->text.data;
    return read_weight (config, i, &member->record.weight, fault);
}

// Two that have the same model are told apart by their files.
static void name_members (const config_t *config, judge_members_t *out)
{
    for (size_t i = 0; i < out->n; i++) {
        const char *model = out->member [i].config->judge.model;
        bool twice = false;
        for (size_t k = 0; k < out->n; k++)
            twice = twice || (k != i && strcmp (out->member [k].config->judge.model, model) == 0);
        out->member [i].name = twice ? mem_printf ("%s (%s)", model, config->judge.panel.items [i]) : mem_string (model);
        out->member [i].record.name = out->member [i].name;
    }
}

status_t judge_members_load (config_t *config, judge_members_t *out, fault_t *fault)
{
    *out = (judge_members_t) { .panel = judge_has_panel (config), .combine = config->judge.combine };
    status_t status = judge_panel_check (config, fault);
    if (status == OK && !out->panel) {
        out->n = 1;
        out->member [0].config = config;
        status = fill (&out->member [0], fault);
    }
    for (size_t i = 0; status == OK && out->panel && i < config->judge.panel.count; i++) {
        out->n = i + 1;
        status = load_member (config, out, i, fault);
    }
    if (status == OK && out->panel)
        name_members (config, out);
    for (size_t i = 0; i < out->n; i++) {
        out->setups [i] = &out->member [i].setup.message;
        out->records [i] = &out->member [i].record;
    }
    return status;
}

void judge_members_clear (judge_members_t *members)
{
    for (size_t i = 0; i < members->n; i++) {
        judge_member_t *member = &members->member [i];
        judge_setup_clear (&member->setup);
        buf_free (&member->text);
        free (member->name);
        if (members->panel)
            config_destroy (&member->config);
    }
    members->n = 0;
}

// --- what they are ---------------------------------------------------------

digest_t judge_members_identity (const judge_members_t *members)
{
    if (!members->panel)
        return members->member [0].identity;
    hasher_t *hasher = hasher_new ();
    static const char what [] = "panel 1";
    hasher_add (hasher, what, sizeof what);
    hasher_add (hasher, members->combine, strlen (members->combine) + 1);
    for (size_t i = 0; i < members->n; i++) {
        hasher_add (hasher, members->member [i].identity.b, DIGEST_BYTES);
        hasher_add_u64 (hasher, members->member [i].record.weight);
    }
    return hasher_end (&hasher);
}

void judge_members_describe (judge_members_t *members, Rulemill__RunSpec *spec)
{
    if (!members->panel)
        return;
    spec->panel = members->records;
    spec->n_panel = members->n;
    spec->combine = members->combine;
}

char *judge_members_note (const judge_members_t *members)
{
    if (!members->panel)
        return judge_setup_note (members->member [0].config);
    Rulemill__RunSpec spec = RULEMILL__RUN_SPEC__INIT;
    spec.panel = (Rulemill__PanelMember **) (uintptr_t) members->records;
    spec.n_panel = members->n;
    spec.combine = members->combine;
    return judge_setup_panel_note (&spec);
}

// --- what differs ----------------------------------------------------------

// A member whose file says what it said, but is another judge, has another prompt.
static void add_member_difference (const judge_member_t *member, const Rulemill__PanelMember *stored, const char *file, buf_t *out)
{
    if (stored->identity.len == DIGEST_BYTES && memcmp (stored->identity.data, member->identity.b, DIGEST_BYTES) == 0)
        return;
    size_t before = out->len;
    config_t *began = config_new ();
    fault_t ignored = { 0 };
    if (config_inherit (began, "stored configuration", stored->config, "judge.", &ignored) == OK)
        config_difference (began, member->config, "judge.", out);
    if (out->len == before)
        buf_printf (out, "the prompt differs%s%s; ", member->config->judge.template ? ": " : "",
                    member->config->judge.template ? member->config->judge.template : "");
    buf_t named = { 0 };
    buf_printf (&named, "%s: %s", file, out->data + before);
    out->len = before;
    buf_add (out, named.data, named.len);
    buf_free (&named);
    config_destroy (&began);
}

status_t judge_members_differ (const judge_members_t *members, const config_t *config, const Rulemill__RunSpec *stored, fault_t *fault)
{
    buf_t text = { 0 };
    if (members->panel && stored && stored->n_panel == members->n)
        for (size_t i = 0; i < members->n; i++)
            add_member_difference (&members->member [i], stored->panel [i], config->judge.panel.items [i], &text);
    const char *template = members->panel ? NULL : config->judge.template;
    if (text.len == 0)
        buf_printf (&text, "%s%s%s", members->panel ? "its judges or their weights differ; " : template ? "the prompt differs: " : "",
                    template ? template : "", template ? "; " : "");
    fault_set (fault, ERR_MISMATCH, "the judge is asked otherwise than when the run began%s%sput it back, or begin another run with --new-run",
               text.len > 0 ? ", " : "; ", text.len > 0 ? text.data : "");
    buf_free (&text);
    return ERR_MISMATCH;
}

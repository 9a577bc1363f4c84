// judge_members: the judges of a configuration: one, or those of a panel with a file for each.
//
// A member's file holds the judge.* keys of one judge behind HTTP, as a configuration of its own: nothing is taken from the
// one that names it. Its identity is that of the judge by itself, so cells that the store has of it are used.
#ifndef OPS_JUDGE_MEMBERS_H
#define OPS_JUDGE_MEMBERS_H

#include "base/limits.h"
#include "ops/judge_setup.h"
#include "proto/record.pb-c.h"

typedef struct {
    config_t *config;               // borrowed where there is one judge: the whole configuration
    judge_setup_t setup;
    char *name;                     // its model, and its file where two have the same
    buf_t text;                     // its configuration as YAML
    digest_t identity;
    Rulemill__PanelMember record;   // borrows from here
} judge_member_t;

typedef struct {
    judge_member_t member [LIMIT_JUDGES];
    size_t n;
    bool panel;
    char *combine;                  // borrowed from the configuration
    const Rulemill__JudgeSetup *setups [LIMIT_JUDGES];
    Rulemill__PanelMember *records [LIMIT_JUDGES];
} judge_members_t;

// Does the configuration name a panel?
bool judge_has_panel (const config_t *config);

// --panel's value: files with commas between, which mean the judge openai. ERR_USAGE.
status_t judge_panel_flag (config_t *config, const char *value, fault_t *fault) MUST_USE;

// Hold the keys of a panel and of repeats against the others. ERR_USAGE.
status_t judge_panel_check (const config_t *config, fault_t *fault) MUST_USE;

// Read the members' files, or take the one judge; find their endpoints and fill their setups. Borrows from config and from
// itself, so it must not move. What was loaded must be cleared also after a fault.
status_t judge_members_load (config_t *config, judge_members_t *out, fault_t *fault) MUST_USE;
void judge_members_clear (judge_members_t *members);

// Of the one judge; or of the members' identities, their weights and how they are combined.
digest_t judge_members_identity (const judge_members_t *members);

// The panel's part of a run's specification; borrows.
void judge_members_describe (judge_members_t *members, Rulemill__RunSpec *spec);

// What to call them wherever people read of them. The caller frees it.
char *judge_members_note (const judge_members_t *members);

// They are other judges than those that a run was begun with: say in what they differ. ERR_MISMATCH.
status_t judge_members_differ (const judge_members_t *members, const config_t *config, const Rulemill__RunSpec *stored, fault_t *fault) MUST_USE;

#endif

// config_judge: what values the judge's keys may have. All return ERR_USAGE with a message that begins with who.
#ifndef OPS_CONFIG_JUDGE_H
#define OPS_CONFIG_JUDGE_H

#include <stdbool.h>

#include "base/fault.h"

// The base URL of an endpoint: http or https, no user and password (a key in it would end up in files and process lists),
// no query, and not the path of one operation.
status_t config_judge_url (const char *who, const char *text, fault_t *fault) MUST_USE;

// The same of a served adapter, with the path of its operation or without.
status_t config_adapter_url (const char *who, const char *text, fault_t *fault) MUST_USE;

// The same of a served reward model.
status_t config_reward_url (const char *who, const char *text, fault_t *fault) MUST_USE;

// Does a value of --judge name endpoints, not a judge; one of --adapter servers, not a file?
bool config_judge_is_url (const char *text);

// A share of the work: a number over 0.
status_t config_judge_weight (const char *who, const char *text, fault_t *fault) MUST_USE;

// A JSON object.
status_t config_judge_extra (const char *who, const char *text, fault_t *fault) MUST_USE;

#endif

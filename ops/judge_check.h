// judge_check: can the endpoints of a job's judge work? Said before anything is spent.
//
// One endpoint of several that is away is a warning, as it may come back; all of them away, or one that refuses the key, lacks the
// model or can't be asked as configured, is an error with its mend. A server that loads its model is waited for where no other is
// ready.
#ifndef OPS_JUDGE_CHECK_H
#define OPS_JUDGE_CHECK_H

#include <stdatomic.h>

#include "base/digest.h"
#include "base/spend.h"
#include "ops/config.h"
#include "proto/record.pb-c.h"
#include "storage/store.h"

// What costs no call: reachable, key, model. ERR_USAGE with the mend.
status_t judge_check_reach (const config_t *config, fault_t *fault) MUST_USE;

// What a few calls tell, asked once for each judge (its identity) and store. *out is what is known then, for the caller to free;
// its measured is unset where the budget is too small to ask so often, or the answers were no labels. Each call is written down
// before it is made (record_get_counts and budget of run 0) and is within limit, where 0 in a unit is none. ERR_USAGE with the mend; ERR_STOPPED by stop, which
// another thread sets.
status_t judge_check_ask (const config_t *config, const digest_t *judge, const spend_t *limit, store_t *store,
                          const _Atomic bool *stop, Rulemill__ProbeRecord **out, fault_t *fault) MUST_USE;

#endif

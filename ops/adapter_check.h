// adapter_check: is this server the Rule Adapter that a job needs? One short pair is asked, before anything is spent.
//
// Reachable, key, model, one number for each rule of the pool, all finite; and where the server names the output that it finds largest by a
// rule's id, as one does that was trained by ops/train, whether that rule stands there in the pool. What is wrong is said in one line with
// the mend. One endpoint of several that is away is a warning. A server that loads its model is waited for where no other is ready.
#ifndef OPS_ADAPTER_CHECK_H
#define OPS_ADAPTER_CHECK_H

#include "model/rulepool.h"
#include "proto/wire.pb-c.h"
#include "base/fault.h"

// ERR_USAGE with the mend, of the key's file and the authority's too.
status_t adapter_check (const Rulemill__AdapterSetup *setup, const rulepool_t *pool, fault_t *fault) MUST_USE;

// What is wrong with an answer to one pair; OK where nothing is. For tests.
status_t adapter_check_answer (const char *url, const char *body, size_t len, const rulepool_t *pool, fault_t *fault) MUST_USE;

#endif

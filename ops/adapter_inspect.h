// adapter_inspect: what an adapter is, and which features speak for a rule.
#ifndef OPS_ADAPTER_INSPECT_H
#define OPS_ADAPTER_INSPECT_H

#include "base/buf.h"
#include "model/adapter.h"

// Without a rule: settings, how it was trained, and its rules by how often they were picked. With one (its id): the n-grams
// that speak most for and against it, by where they stand. For people, or one JSON object. ERR_NOT_FOUND: no such rule.
status_t adapter_inspect (const adapter_t *adapter, const char *rule, bool json, buf_t *out, fault_t *fault) MUST_USE;

#endif

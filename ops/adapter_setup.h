// adapter_setup: how a served Rule Adapter is asked, from the configuration, and what it is called in the store.
//
// The identity covers what decides an answer: the model's name, the operation (probabilities or logits), and how a pair becomes a text.
// Where the server stands, with which key and how fast it is asked are none of it.
#ifndef OPS_ADAPTER_SETUP_H
#define OPS_ADAPTER_SETUP_H

#include "base/digest.h"
#include "ops/config.h"
#include "proto/wire.pb-c.h"

typedef struct {
    Rulemill__AdapterSetup message;     // borrows from the configuration and from this struct
    char **urls;                        // with the operation
    size_t n_urls;
    digest_t identity;
} adapter_setup_t;

// Does the configuration name a served adapter?
bool adapter_is_served (const config_t *config);

// A policy.adapter that is no file but URLs, with commas between, becomes adapter.urls. ERR_USAGE.
status_t adapter_setup_take (config_t *config, fault_t *fault) MUST_USE;

// Of a configuration that names one. What was filled must be cleared also after a fault. ERR_USAGE.
status_t adapter_setup_fill (const config_t *config, adapter_setup_t *out, fault_t *fault) MUST_USE;
void adapter_setup_clear (adapter_setup_t *setup);

#endif

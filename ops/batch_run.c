#include "ops/batch_run.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "worker/chat_setup.h"

static status_t read_judge (batch_run_t *run, fault_t *fault)
{
    const Rulemill__RunRecord *record = run->opened.run;
    char name [20];
    digest_t digest = { { 0 } };
    if (record->digest.len == DIGEST_BYTES)
        memcpy (digest.b, record->digest.data, DIGEST_BYTES);
    run_name (&digest, name);
    if (record->spec == NULL || strcmp (record->spec->judge, "openai") != 0)
        return fault_set (fault, ERR_USAGE, "%s judges with \"%s\", which needs no batches; name a run whose judge is openai with --run",
                          name, record->spec ? record->spec->judge : "");
    if (record->spec->n_panel > 0)
        return fault_set (fault, ERR_USAGE, "%s judges with a panel of %zu, and batches are of one judge at a time: for each, begin a run of its "
                          "own (rulemill label --out %s --judge openai --config ITS-FILE --new-run --plan), export and import that; the panel "
                          "then uses the cells", name, record->spec->n_panel, run->dir);
    run->config = config_new ();
    status_t status = config_inherit (run->config, "stored configuration", record->config, "", fault);
    if (status == OK)
        status = fault_of_setting (judge_setup_fill (run->config, &run->judge, fault), fault);
    if (status != OK)
        return status;
    run->identity = judge_setup_identity (&run->judge);
    const ProtobufCBinaryData *stored = &record->spec->judge_identity;
    if (stored->len != DIGEST_BYTES || memcmp (stored->data, run->identity.b, DIGEST_BYTES) != 0)
        return fault_set (fault, ERR_MISMATCH, "%s was begun with another prompt than %s holds now; put it back, or begin another run",
                          name, run->config->judge.template ? run->config->judge.template : "this program");
    return OK;
}

static status_t number_rules (batch_run_t *run, fault_t *fault)
{
    const rulepool_t *pool = run->opened.pool;
    run->rule_number = mem_zero (pool->count, sizeof *run->rule_number);
    status_t status = OK;
    for (size_t i = 0; i < pool->count && status == OK; i++)
        status = record_number_of (run->opened.store, 'R', &pool->rules [i].digest, &run->rule_number [i], fault);
    return status;
}

status_t batch_run_open (const char *dir, const char *name, batch_run_t *run, fault_t *fault)
{
    *run = (batch_run_t) { .dir = dir, .samples = 1 };
    status_t status = cmd_open (dir, name, false, &run->opened, fault);
    if (status == OK)
        status = read_judge (run, fault);
    if (status == OK)
        status = chat_template_parse ("the judge's template", run->judge.template_text.data, run->judge.template_text.len, &run->template, fault);
    if (status != OK)
        return status;
    run->settings = chat_setup_settings (&run->judge.message);
    run->constrain = chat_setup_constrain (&run->judge.message);
    run->samples = chat_setup_samples (&run->judge.message);
    return number_rules (run, fault);
}

void batch_run_close (batch_run_t *run)
{
    free (run->rule_number);
    chat_template_destroy (&run->template);
    judge_setup_clear (&run->judge);
    config_destroy (&run->config);
    cmd_close (&run->opened);
}

status_t batch_run_response (batch_run_t *run, uint64_t number, content_key_t *key, bool *found, fault_t *fault)
{
    Rulemill__ResponseRecord *record = NULL;
    status_t status = record_get_response (run->opened.store, number, &record, fault);
    *found = record && record->key.len == KEY_BYTES;
    if (*found)
        memcpy (key->b, record->key.data, KEY_BYTES);
    if (record)
        rulemill__response_record__free_unpacked (record, NULL);
    return status;
}

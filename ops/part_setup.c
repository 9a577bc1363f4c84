#include "ops/part_setup.h"

#include <string.h>

#include "model/selection.h"
#include "ops/spec.h"
#include "storage/corpus_part.h"
#include "storage/records.h"

status_t part_setup_inherit (config_t *config, store_t *store, fault_t *fault)
{
    Rulemill__CorpusState *corpus = NULL;
    status_t status = record_get_corpus (store, &corpus, fault);
    if (status != OK || corpus == NULL)
        return status;
    corpus_part_t part = corpus_part_of (corpus);
    rulemill__corpus_state__free_unpacked (corpus, NULL);
    if (part.of == 0)
        return OK;
    buf_t yaml = { 0 };
    buf_add_str (&yaml, "corpus:\n  part: ");
    corpus_part_write (part, &yaml);
    buf_add_char (&yaml, '\n');
    status = config_inherit (config, "the store's part", yaml.data, "corpus.part", fault);
    buf_free (&yaml);
    return status;
}

status_t part_setup_check (const config_t *config, bool margin_open, fault_t *fault)
{
    const char *part = config->corpus.part;
    if (part == NULL)
        return OK;
    if (strcmp (config->policy.name, policy_name (POLICY_AUTO)) == 0 && spec_costly (config))
        return fault_set (fault, ERR_USAGE, "--part %s with policy auto: each part would learn a Rule Adapter of its own. Train one before, on a sample: rulemill "
                          "label CORPUS --limit N --policy exhaustive --out SAMPLE, rulemill adapter train SAMPLE --out FILE; and give it to all parts "
                          "with --adapter FILE. Or judge by every rule: --policy exhaustive", part);
    if (margin_open)
        return fault_set (fault, ERR_USAGE, "--part %s without a tie margin: each part would take its own from the noise of its judge's answers. Give all parts the "
                          "same one: --set run.tie_margin=X (rulemill judge probe proposes it)", part);
    return OK;
}

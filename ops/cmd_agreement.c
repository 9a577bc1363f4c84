#include "ops/cmd_agreement.h"

#include "ops/agreement.h"

static status_t show (const opened_t *opened, const agreement_t *agreement, bool json, fault_t *fault)
{
    buf_t text = { 0 };
    if (json) {
        agreement_json (agreement, opened->pool, &text);
        buf_add_char (&text, '\n');
    } else
        agreement_text (agreement, opened->pool, &text);
    status_t status = cmd_print (&text, fault);
    buf_free (&text);
    return status;
}

status_t cmd_agreement (const cli_t *cli, const char *const *words, size_t n_words, fault_t *fault)
{
    if (n_words != 1)
        return fault_set (fault, ERR_USAGE, "say judge agreement DIR");
    opened_t opened = { 0 };
    agreement_t agreement = { .n_rules = 0 };
    status_t status = cmd_open (words [0], cli_text (cli, "--run"), true, &opened, fault);
    if (status == OK)
        status = agreement_measure (&opened, &agreement, fault);
    if (status == OK && !agreement_has_any (&agreement))
        status = fault_set (fault, ERR_NOT_FOUND, "the run has one judge, and none of its cells was judged again; label with a panel (--panel), or "
                            "with a share of repeats (--set judge.repeat_share=0.02 --new-run)");
    if (status == OK)
        status = show (&opened, &agreement, cli_has (cli, "--json"), fault);
    agreement_clear (&agreement);
    cmd_close (&opened);
    return status;
}

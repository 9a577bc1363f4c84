#include "ops/parity.h"

#include <string.h>

#include "base/digest.h"

static const char *const names [] = { "all", "even", "odd" };

status_t parity_read (const char *who, const char *text, parity_t *out, fault_t *fault)
{
    *out = PARITY_ALL;
    for (int i = 0; text && i < 3; i++)
        if (strcmp (text, names [i]) == 0) {
            *out = (parity_t) i;
            return OK;
        }
    return text ? fault_set (fault, ERR_USAGE, "%s: \"%.64s\" is none of all, even, odd", who, text) : OK;
}

const char *parity_note (parity_t parity)
{
    return parity == PARITY_ALL ? "all prompts" : parity == PARITY_EVEN ? "prompts whose SHA-256 is even" : "prompts whose SHA-256 is odd";
}

bool parity_has (parity_t parity, const Rulemill__Conversation *prompt)
{
    if (parity == PARITY_ALL)
        return true;
    hasher_t *hasher = hasher_new ();
    for (size_t i = 0; i < prompt->n_turns; i++) {
        if (i > 0)
            hasher_add (hasher, "\n", 1);
        hasher_add (hasher, prompt->turns [i]->content, strlen (prompt->turns [i]->content));
    }
    digest_t digest = hasher_end (&hasher);
    return ((digest.b [DIGEST_BYTES - 1] & 1) != 0) == (parity == PARITY_ODD);
}

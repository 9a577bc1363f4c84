#include "worker/label_table.h"

void label_lease_grant (label_lease_t *lease, const spend_t *grant)
{
    if (!lease->granted)
        lease->left = *grant;
    lease->granted = true;
}

judge_leave_t label_lease_leave (label_lease_t *lease, const spend_t *bound)
{
    if (!spend_covers (&lease->left, bound)) {
        if (lease->flying > 0)
            return JUDGE_LATER;
        lease->need = *bound;
        lease->over = true;
        return JUDGE_MAY_NOT;
    }
    lease->flying++;
    spend_take (&lease->left, bound);
    return JUDGE_MAY;
}

bool label_lease_is_out (label_lease_t *lease)
{
    if (!lease->granted || lease->left.unit [SPEND_CALLS] > 0 || lease->flying > 0)
        return false;
    lease->need = spend_of (1, 0, 0);
    lease->over = true;
    return true;
}

// What a request did not use of its bound is there for others.
void label_lease_used (label_lease_t *lease, const judge_used_t *used)
{
    lease->flying--;
    for (int u = 0; u < SPEND_UNITS; u++)
        if (lease->left.unit [u] != SPEND_NO_LIMIT)
            lease->left.unit [u] += used->bound.unit [u];
    spend_take (&lease->left, &used->spent);
    spend_add (&lease->unsaid.spent, &used->spent);
    usage_add (&lease->unsaid.usage, &used->usage);
}

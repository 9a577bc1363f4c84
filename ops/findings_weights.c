// What the policies `entropy` and `diverse` need of each rule: the file of ops/policy_weights.h.
#include <inttypes.h>
#include <math.h>

#include "base/json.h"
#include "ops/findings.h"

status_t findings_weights (const findings_t *findings, buf_t *out, fault_t *fault)
{
    const rulepool_t *pool = findings->opened.pool;
    if (findings->judged == 0)
        return fault_set (fault, ERR_NOT_FOUND, "--weights: %s has no exhaustively judged pairs whose cells are known", findings->name);
    buf_printf (out, "{\"version\":1,\"run\":\"%s\",\"pairs\":%" PRIu64 ",\"rules\":[\n", findings->name, findings->judged);
    for (size_t r = 0; r < pool->count; r++) {
        buf_add_str (out, r ? ",\n{\"id\":" : "{\"id\":");
        json_write_cstring (out, pool->rules [r].id);
        buf_printf (out, ",\"weight\":%.6f,\"redundancy\":[", exp2 (-findings->rules [r].tally.entropy));
        for (size_t s = 0; s < r; s++)
            buf_printf (out, "%s%ld", s ? "," : "", lround (100 * fabs (findings->correlation [r * pool->count + s])));
        buf_add_str (out, "]}");
    }
    buf_add_str (out, "]}\n");
    return OK;
}

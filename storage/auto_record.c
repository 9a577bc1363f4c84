#include "storage/auto_record.h"

#include <math.h>

#include "base/json.h"

static const double Z_95 = 1.96;

const char *auto_choice_name (Rulemill__AutoChoice choice)
{
    switch (choice) {
    case RULEMILL__AUTO_CHOICE__AUTO_ADAPTER:
        return "adapter";
    case RULEMILL__AUTO_CHOICE__AUTO_EXHAUSTIVE:
        return "exhaustive";
    default:
        return "undecided";
    }
}

const char *auto_price_source (bool by_sample)
{
    return by_sample ? "the sample" : "the numbers of responses, pairs and rules";
}

// --- audits ----------------------------------------------------------------

void auto_sums_add (Rulemill__AuditSums *sums, uint64_t pairs, uint64_t alike)
{
    sums->prompts++;
    sums->pairs += pairs;
    sums->alike += alike;
    sums->pairs_squared += pairs * pairs;
    sums->alike_squared += alike * alike;
    sums->product += pairs * alike;
}

void auto_sums_join (Rulemill__AuditSums *sums, const Rulemill__AuditSums *more)
{
    sums->prompts += more->prompts;
    sums->pairs += more->pairs;
    sums->alike += more->alike;
    sums->pairs_squared += more->pairs_squared;
    sums->alike_squared += more->alike_squared;
    sums->product += more->product;
    sums->failed += more->failed;
}

bool auto_sums_interval (const Rulemill__AuditSums *sums, double z, double *share, double *low, double *high)
{
    if (sums == NULL || sums->pairs < AUTO_AUDITED_MIN || sums->prompts < 2)
        return false;
    double n = (double) sums->pairs, prompts = (double) sums->prompts, p = (double) sums->alike / n;
    double squares = (double) sums->alike_squared - 2 * p * (double) sums->product + p * p * (double) sums->pairs_squared;
    double error = squares > 0 ? sqrt (squares * prompts / (prompts - 1)) / n : 0;
    *share = p;
    *low = fmax (0, p - z * error);
    *high = fmin (1, p + z * error);
    return true;
}

auto_agreement_t auto_agreement_of (const Rulemill__AuditSums *sums)
{
    auto_agreement_t agreement = { .told = false };
    agreement.told = auto_sums_interval (sums, Z_95, &agreement.value, &agreement.low, &agreement.high);
    return agreement;
}

void auto_agreement_write (const auto_agreement_t *agreement, const char *untold, buf_t *out)
{
    if (agreement->told)
        buf_printf (out, "{\"value\":%.6f,\"low\":%.6f,\"high\":%.6f}", agreement->value, agreement->low, agreement->high);
    else if (untold)
        json_write_cstring (out, untold);
    else
        buf_add_str (out, "null");
}

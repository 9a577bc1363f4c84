#include "ops/number.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint64_t suffix_factor (const char *end)
{
    if (*end == '\0')
        return 1;
    if (end [1] != '\0')
        return 0;
    return *end == 'k' ? 1000 : *end == 'M' ? 1000 * 1000 : 0;
}

status_t number_whole (const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *out, fault_t *fault)
{
    char *end = NULL;
    errno = 0;
    uint64_t value = 0;
    if (*text >= '0' && *text <= '9')
        value = strtoull (text, &end, 10);
    uint64_t factor = end ? suffix_factor (end) : 0;
    if (factor == 0)
        return fault_set (fault, ERR_USAGE, "%s: \"%.64s\" is no whole number; give one from %" PRIu64 " to %" PRIu64,
                          what, text, min, max);
    if (errno == ERANGE || value > UINT64_MAX / factor || value * factor < min || value * factor > max)
        return fault_set (fault, ERR_USAGE, "%s: %.64s is out of range; give one from %" PRIu64 " to %" PRIu64,
                          what, text, min, max);
    *out = value * factor;
    return OK;
}

status_t number_real (const char *what, const char *text, double min, double max, double *out, fault_t *fault)
{
    size_t len = strlen (text);
    char *end = NULL;
    double value = 0;
    if (len > 0 && len < 64 && strspn (text, "0123456789.+-eE") == len)
        value = strtod (text, &end);
    if (end == NULL || end == text || *end != '\0')
        return fault_set (fault, ERR_USAGE, "%s: \"%.64s\" is no number; give one from %g to %g", what, text, min, max);
    if (!isfinite (value) || value < min || value > max)
        return fault_set (fault, ERR_USAGE, "%s: %.64s is out of range; give one from %g to %g", what, text, min, max);
    *out = value;
    return OK;
}

status_t number_decimal (const char *what, const char *text, unsigned decimals, uint64_t max, uint64_t *out, fault_t *fault)
{
    size_t whole = strspn (text, "0123456789");
    const char *point = text + whole;
    size_t places = *point == '.' ? strspn (point + 1, "0123456789") : 0;
    bool good = whole > 0 && whole < 16 && (*point == '\0' || (*point == '.' && places > 0 && point [1 + places] == '\0'));
    if (!good || places > decimals)
        return fault_set (fault, ERR_USAGE, "%s: \"%.64s\" is no amount; give a number from 0 to %" PRIu64 " with at most %u places behind "
                          "the point", what, text, max, decimals);
    uint64_t value = strtoull (text, NULL, 10);
    if (value > max || (value == max && strspn (point, ".0") != strlen (point)))
        return fault_set (fault, ERR_USAGE, "%s: %.64s is out of range; give one from 0 to %" PRIu64, what, text, max);
    for (unsigned i = 0; i < decimals; i++)
        value = 10 * value + (i < places ? (uint64_t) (point [1 + i] - '0') : 0);
    *out = value;
    return OK;
}

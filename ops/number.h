// number: numbers that people write, read strictly.
//
// The whole text must be the number: no spaces, no sign before whole numbers, no "inf", "nan" or hexadecimal. Whole
// numbers may have one suffix of a thousand: "20k", "2M".
#ifndef OPS_NUMBER_H
#define OPS_NUMBER_H

#include <stdint.h>

#include "base/fault.h"

// ERR_USAGE with a message that begins with what: "--workers: \"x\" is no whole number; give one from 0 to 4096".
// *out is left alone unless OK.
status_t number_whole (const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *out, fault_t *fault) MUST_USE;
status_t number_real (const char *what, const char *text, double min, double max, double *out, fault_t *fault) MUST_USE;

// A decimal number of 0 to max with at most `decimals` places behind the point, as a whole number of its last place, exactly: "0.15" with
// 6 is 150000. max * 10^decimals must fit.
status_t number_decimal (const char *what, const char *text, unsigned decimals, uint64_t max, uint64_t *out, fault_t *fault) MUST_USE;

// Prices are of a million tokens, in 1e-6 of the currency's unit, which is 1e-12 for each token; money is in 1e-12.
enum { PRICE_DECIMALS = 6, PRICE_MAX = 1000000, MONEY_DECIMALS = 12, MONEY_MAX = 10000000 };

#endif

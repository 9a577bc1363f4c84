// exit_codes: what rulemill tells a shell script at its end. They stand in `rulemill help` too.
#ifndef OPS_EXIT_CODES_H
#define OPS_EXIT_CODES_H

enum {
    EXIT_COMPLETE = 0,      // all that was asked for is done
    EXIT_FAILED = 1,        // it could not be done; what was acknowledged is kept
    EXIT_USAGE = 2,         // wrong flag, key or value, or what one names is not there or can't be used; nothing was judged
    EXIT_RESUMABLE = 3,     // stopped on request; the same command goes on
    EXIT_SET_ASIDE = 4      // complete, but rows or pairs were set aside
};

#endif

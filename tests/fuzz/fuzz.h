// fuzz: what the fuzz targets share.
//
// With clang each is a libFuzzer program. Elsewhere fuzz_driver.c makes it one that reads the files given, and as many seeded
// mutations of each as --mutate says:
//
//     fuzz_X [--mutate N] [--seed S] FILE...
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

// End the program where something does not hold.
static inline void must (bool holds, const char *what)
{
    if (holds)
        return;
    fprintf (stderr, "broken: %s\n", what);
    abort ();
}

#endif

// mem: allocation that does not return NULL.
//
// Sizes that come from outside are checked against base/limits.h before they
// get here, so a failed allocation means that the machine is out of memory:
// the process says so on standard error and ends with exit code 1. That is a
// crash like another; the store is built for it.
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

// Like malloc, realloc, calloc and strdup; the caller frees with free.
void *mem_new (size_t size) __attribute__ ((malloc));
void *mem_zero (size_t count, size_t size) __attribute__ ((malloc));
void *mem_resize (void *old, size_t size);
char *mem_string (const char *text) __attribute__ ((malloc));
char *mem_string_n (const void *bytes, size_t len) __attribute__ ((malloc));

// A formatted string; the caller frees it.
char *mem_printf (const char *format, ...) __attribute__ ((malloc, format (printf, 1, 2)));

#endif

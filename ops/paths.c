#include "ops/paths.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static void add (paths_t *paths, const char *name)
{
    paths->items = mem_resize (paths->items, (paths->count + 1) * sizeof *paths->items);
    paths->items [paths->count++] = mem_string (name);
}

static status_t expand (paths_t *paths, const char *pattern, fault_t *fault)
{
    glob_t found = { 0 };
    int result = glob (pattern, GLOB_ERR, NULL, &found);
    for (size_t i = 0; result == 0 && i < found.gl_pathc; i++)
        add (paths, found.gl_pathv [i]);
    globfree (&found);
    if (result == 0)
        return OK;
    if (result == GLOB_NOMATCH)
        return fault_set (fault, ERR_USAGE, "%s: no file matches; check the folder and the suffix", pattern);
    return fault_set (fault, ERR_IO, "%s: a folder of this pattern can't be read", pattern);
}

status_t paths_expand (const char *const *names, size_t count, paths_t *out, fault_t *fault)
{
    *out = (paths_t) { 0 };
    for (size_t i = 0; i < count; i++) {
        bool plain = strpbrk (names [i], "*?[") == NULL || access (names [i], F_OK) == 0;
        if (plain) {
            add (out, names [i]);
            continue;
        }
        status_t status = expand (out, names [i], fault);
        if (status != OK)
            return status;
    }
    return OK;
}

void paths_clear (paths_t *paths)
{
    for (size_t i = 0; i < paths->count; i++)
        free (paths->items [i]);
    free (paths->items);
    *paths = (paths_t) { 0 };
}

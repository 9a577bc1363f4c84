#include "worker/kind.h"

#include <assert.h>
#include <string.h>

enum { ADDED_MAX = 8 };

// What tests added, before any worker starts; the program itself never writes here.
static const worker_kind_class_t *added [ADDED_MAX];

const worker_kind_class_t *worker_kind_find (const char *name)
{
    if (strcmp (name, worker_kind_label.name) == 0)
        return &worker_kind_label;
    for (size_t i = 0; i < ADDED_MAX && added [i]; i++)
        if (strcmp (name, added [i]->name) == 0)
            return added [i];
    return NULL;
}

void worker_kind_add (const worker_kind_class_t *class)
{
    size_t i = 0;
    while (i < ADDED_MAX && added [i] && added [i] != class)
        i++;
    assert (i < ADDED_MAX);
    added [i] = class;
}

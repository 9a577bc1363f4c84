// recipe: what two recipes of the policy auto (RunSpec.recipe, a JSON object) differ in, by the names that a configuration has for it.
#ifndef STORAGE_RECIPE_H
#define STORAGE_RECIPE_H

#include <stdbool.h>

#include "base/buf.h"

// One line for each setting that differs, as run_difference has them: "auto.judged_max: 20 in the store, 30 asked for".
// False: one of them is no JSON object; nothing is written.
bool recipe_difference (const char *one, const char *where, const char *other, const char *elsewhere, buf_t *out);

#endif

// inspect_view: how one label came about, in words; made of what storage/inspect.h writes.
#ifndef OPS_INSPECT_VIEW_H
#define OPS_INSPECT_VIEW_H

#include "base/buf.h"
#include "base/json.h"

// Prompt and responses shortened, the rules with both scores, and why they were picked. A missing or odd member is left
// out: the object may come from another version's job. Texts are shown without control characters.
void inspect_view (const json_value_t *inspected, buf_t *out);

// A text on lines of at most 96 columns with two spaces before each, spaces joined, cut off after max bytes with "...".
void inspect_wrap (const char *text, size_t len, size_t max, buf_t *out);

#endif

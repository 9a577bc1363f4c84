// input_names: what ids of rows, datasets and people call the files of a corpus.
//
// A file goes by the last part of its path. A name is bytes: where they are no UTF-8, what is not ASCII is written as %XX. Of several
// files of one name the first goes by it; another, the third input say, is 3/NAME: no last part has a slash, so that no two files are
// called the same. A name depends on the inputs before it alone, since others may follow.
#ifndef STORAGE_INPUT_NAMES_H
#define STORAGE_INPUT_NAMES_H

#include <stdint.h>

#include "base/buf.h"
#include "proto/record.pb-c.h"

// The last part of a path, always UTF-8. The caller frees it.
char *input_name (const char *path);

// The name of an input of the corpus. The caller frees it.
char *input_names_at (const Rulemill__CorpusState *corpus, size_t input);

// All names of a corpus.
typedef struct {
    char **name;            // owned
    size_t n;
} input_names_t;

void input_names_init (input_names_t *names, const Rulemill__CorpusState *corpus);
void input_names_free (input_names_t *names);

// Append a name; "input N" where the corpus has no such input.
void input_names_write (const input_names_t *names, uint32_t input, buf_t *out);

#endif

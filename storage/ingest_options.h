// ingest_options: the options that decide how rows become pairs, as the store keeps them.
#ifndef STORAGE_INGEST_OPTIONS_H
#define STORAGE_INGEST_OPTIONS_H

#include "base/buf.h"
#include "storage/ingest.h"

// Are they within their bounds? ERR_USAGE says which is not.
status_t ingest_options_check (const ingest_options_t *options, fault_t *fault) MUST_USE;

// With the defaults put in for zeros.
size_t ingest_row_bytes_max (const ingest_options_t *options);
size_t ingest_text_bytes_max (const ingest_options_t *options);

// "key=value\n" lines in a fixed order, only of what matters: no seed where nothing is chosen by it.
void ingest_options_describe (const ingest_options_t *options, buf_t *out);

// The reverse, into *options; its strings point into *kept, which the caller frees. ERR_CORRUPT for anything else.
status_t ingest_options_read (const char *text, ingest_options_t *options, buf_t *kept, fault_t *fault) MUST_USE;

// "pairs is all in A, limit in B" of the first line that differs; nothing where none does.
void ingest_options_difference (const char *one, const char *where, const char *other, const char *elsewhere, buf_t *out);

// ERR_MISMATCH naming the first line that differs, unless both are the same.
status_t ingest_options_compare (const char *stored, const char *asked, fault_t *fault) MUST_USE;

#endif

// write_file: files of the user's, whole or not at all.
//
// What is written goes into PATH.rulemill-NUMBER.new, is synced, takes PATH's name, and then the folder is synced, so that a file of that
// name is never half written, also after a crash. What is no file (a pipe, a device) is written to as it is. A file that was there
// keeps its mode, and its owner where that is allowed, and a link goes on leading to it. The next one to write PATH takes away what a killed process has left.
#ifndef OPS_WRITE_FILE_H
#define OPS_WRITE_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "base/fault.h"

// Can a file of that name be written, as far as can be told before? For what is made for a long time and then written. ERR_IO.
status_t write_file_check (const char *path, fault_t *fault) MUST_USE;

status_t write_file (const char *path, const void *bytes, size_t len, fault_t *fault) MUST_USE;     // ERR_IO

// The same for what is made piece by piece: name is what messages call it; both are the file's until it is closed.
typedef struct {
    FILE *file;
    char *name, *path, *aside;  // path: the file's own, without links; aside: NULL where nothing is renamed
} out_file_t;

// path NULL: otherwise, which is standard output, or NULL for nothing at all. ERR_IO.
status_t out_file_open (out_file_t *out, const char *path, FILE *otherwise, fault_t *fault) MUST_USE;

// Text goes to out->file with any function of stdio; an error is told by out_file_close at the latest.
// status: what came of writing. OK: the file takes its name, or ERR_IO is returned; else nothing is left, and status is returned.
status_t out_file_close (out_file_t *out, status_t status, fault_t *fault) MUST_USE;

// Make the last folder of a path, if it is missing. ERR_IO.
status_t make_folder_of (const char *path, fault_t *fault) MUST_USE;

#endif

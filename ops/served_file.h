// served_file: rewards that were paid for, kept from one start to the next.
//
// JSON Lines, {"key": HEX, "reward": NUMBER} or {"key": HEX, "refused": WHY}, appended as they come; the key is the content key
// of a response to its prompt (storage/textkey.h). The file's name holds the digest of what else a reward depends on. A
// line that was cut off is forgotten; one process at a time has it.
#ifndef OPS_SERVED_FILE_H
#define OPS_SERVED_FILE_H

#include "base/digest.h"
#include "base/fault.h"

typedef struct served_file served_file_t;

// Of folder, made where it lacks. ERR_BUSY where another process has it. *out is owned by the caller.
status_t served_file_open (const char *folder, const digest_t *identity, served_file_t **out, fault_t *fault) MUST_USE;
void served_file_close (served_file_t **file);

// What is known of a text: *reward is NaN where the server refused it. False: nothing.
bool served_file_find (const served_file_t *file, const content_key_t *key, double *reward);

// Add one; why is NULL unless it was refused. And bring what was added to the disk.
status_t served_file_add (served_file_t *file, const content_key_t *key, double reward, const char *why, fault_t *fault) MUST_USE;
status_t served_file_sync (served_file_t *file, fault_t *fault) MUST_USE;

#endif

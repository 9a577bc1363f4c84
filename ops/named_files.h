// named_files: keys that settings name, looked at before anything is begun. One that can't be used is ERR_USAGE.
#ifndef OPS_NAMED_FILES_H
#define OPS_NAMED_FILES_H

#include "base/fault.h"

// A coordinator's secret key file and the folder of the workers that it admits.
status_t named_files_check_service (const char *key, const char *admit, fault_t *fault) MUST_USE;

// A worker's secret key file and its coordinator's public key.
status_t named_files_check_worker (const char *key, const char *server_public, fault_t *fault) MUST_USE;

// The private key that signs a dataset; NULL: none.
status_t named_files_check_sign (const char *path, fault_t *fault) MUST_USE;

#endif

#include "ops/named_files.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "proto/keys.h"
#include "storage/dataset_sign.h"

static status_t check_secret (const char *path, fault_t *fault)
{
    curve_keys_t keys;
    status_t status = keys_load_secret (path, &keys, fault);
    explicit_bzero (&keys, sizeof keys);
    return fault_of_setting (status, fault);
}

status_t named_files_check_service (const char *key, const char *admit, fault_t *fault)
{
    status_t status = check_secret (key, fault);
    if (status != OK)
        return status;
    DIR *folder = opendir (admit);
    if (folder == NULL)
        return fault_set (fault, ERR_USAGE, "%s: %s; --admit needs the folder of the workers' public keys", admit, strerror (errno));
    closedir (folder);
    return OK;
}

status_t named_files_check_worker (const char *key, const char *server_public, fault_t *fault)
{
    char public_key [KEY_TEXT];
    status_t status = fault_of_setting (keys_load_public (server_public, public_key, fault), fault);
    return status == OK ? check_secret (key, fault) : status;
}

status_t named_files_check_sign (const char *path, fault_t *fault)
{
    if (path == NULL)
        return OK;
    sign_key_t *key = NULL;
    status_t status = sign_key_private (path, &key, fault);
    sign_key_destroy (&key);
    return fault_of_setting (status, fault);
}

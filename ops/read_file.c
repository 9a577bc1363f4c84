#include "ops/read_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024 };

static status_t read_whole (const char *path, size_t bytes_max, buf_t *out, fault_t *fault)
{
    FILE *file = fopen (path, "rbe");
    if (file == NULL)
        return fault_set (fault, ERR_IO, "%s: %s; check the path", path, strerror (errno));
    size_t before = out->len;
    for (;;) {
        buf_reserve (out, BLOCK_BYTES);
        errno = 0;
        size_t n = fread (out->data + out->len, 1, BLOCK_BYTES, file);
        out->len += n;
        if (n == 0 || out->len - before > bytes_max)
            break;
    }
    int error = ferror (file) ? errno : 0;
    fclose (file);
    buf_add (out, "", 0);
    if (error)
        return fault_set (fault, ERR_IO, "%s: %s", path, strerror (error));
    if (out->len - before > bytes_max)
        return fault_set (fault, ERR_LIMIT, "%s: over %zu bytes; is this the right file?", path, bytes_max);
    return OK;
}

status_t read_file (const char *path, size_t bytes_max, buf_t *out, fault_t *fault)
{
    return fault_of_setting (read_whole (path, bytes_max, out, fault), fault);
}

#include "ops/write_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static bool write_all (int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write (fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes += n;
        len -= (size_t) n;
    }
    return true;
}

status_t write_file (const char *path, const void *bytes, size_t len, fault_t *fault)
{
    char *aside = mem_printf ("%s.new", path);
    int fd = open (aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool good = fd >= 0 && write_all (fd, bytes, len) && fsync (fd) == 0;
    int error = errno;
    if (fd >= 0 && close (fd) != 0 && good) {
        good = false;
        error = errno;
    }
    if (good && rename (aside, path) != 0) {
        good = false;
        error = errno;
    }
    if (!good) {
        unlink (aside);
        fault_set (fault, ERR_IO, "%s: %s", path, strerror (error));
    }
    free (aside);
    return good ? OK : ERR_IO;
}

status_t make_folder_of (const char *path, fault_t *fault)
{
    char *folder = mem_string (path), *slash = strrchr (folder, '/');
    status_t status = OK;
    if (slash && slash != folder) {
        *slash = '\0';
        if (mkdir (folder, 0755) != 0 && errno != EEXIST)
            status = fault_set (fault, ERR_IO, "%s: %s", folder, strerror (errno));
    }
    free (folder);
    return status;
}

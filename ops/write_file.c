#include "ops/write_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

// A name in /dev stands for what a descriptor leads to.
static bool is_no_file (const char *path)
{
    struct stat info;
    return strncmp (path, "/dev/", 5) == 0 || (stat (path, &info) == 0 && !S_ISREG (info.st_mode));
}

// What a rename changed is on disk. A file system that can't sync folders says EINVAL.
static bool sync_folder (const char *path)
{
    const char *slash = strrchr (path, '/');
    char *folder = slash ? mem_string_n (path, slash == path ? 1 : (size_t) (slash - path)) : mem_string (".");
    int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && (fsync (fd) == 0 || errno == EINVAL);
    int error = errno;
    if (fd >= 0)
        close (fd);
    free (folder);
    errno = error;
    return good;
}

status_t out_file_open (out_file_t *out, const char *path, FILE *otherwise, fault_t *fault)
{
    *out = (out_file_t) { .file = otherwise, .name = mem_string (path ? path : "standard output") };
    if (path == NULL)
        return OK;
    if (!is_no_file (path))
        out->aside = mem_printf ("%s.%ld.new", path, (long) getpid ());
    out->file = fopen (out->aside ? out->aside : path, "wbe");
    if (out->file)
        return OK;
    fault_set (fault, ERR_IO, "%s: %s", path, strerror (errno));
    free (out->name);
    free (out->aside);
    *out = (out_file_t) { 0 };
    return ERR_IO;
}

// Close it, and give it its name where all is well; false with errno.
static bool finish (out_file_t *out, bool good)
{
    if (out->file == stdout)
        return fflush (stdout) == 0 && !ferror (stdout) && good;
    good = good && fflush (out->file) == 0 && (out->aside == NULL || fsync (fileno (out->file)) == 0);
    if (good && ferror (out->file)) {       // stdio has not kept which
        good = false;
        errno = EIO;
    }
    int error = errno;
    if (fclose (out->file) != 0 && good) {
        good = false;
        error = errno;
    }
    errno = error;
    if (out->aside == NULL)
        return good;
    if (good && rename (out->aside, out->name) == 0)
        return sync_folder (out->name);
    error = errno;
    unlink (out->aside);
    errno = error;
    return false;
}

status_t out_file_close (out_file_t *out, status_t status, fault_t *fault)
{
    if (out->file && !finish (out, status == OK) && status == OK)
        status = fault_set (fault, ERR_IO, "%s: %s", out->name, strerror (errno));
    free (out->name);
    free (out->aside);
    *out = (out_file_t) { 0 };
    return status;
}

status_t write_file (const char *path, const void *bytes, size_t len, fault_t *fault)
{
    out_file_t out;
    status_t status = out_file_open (&out, path, NULL, fault);
    if (status == OK && len > 0 && fwrite (bytes, 1, len, out.file) != len)
        status = fault_set (fault, ERR_IO, "%s: %s", path, strerror (errno));
    return out_file_close (&out, status, fault);
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

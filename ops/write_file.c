#include "ops/write_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

// A name in /dev stands for what a descriptor leads to.
static bool is_no_file (const char *path)
{
    struct stat info;
    return strncmp (path, "/dev/", 5) == 0 || (stat (path, &info) == 0 && !S_ISREG (info.st_mode));
}

static char *folder_of (const char *path)
{
    const char *slash = strrchr (path, '/');
    return slash ? mem_string_n (path, slash == path ? 1 : (size_t) (slash - path)) : mem_string (".");
}

// What a rename changed is on disk. A file system that can't sync folders says EINVAL.
static bool sync_folder (const char *path)
{
    char *folder = folder_of (path);
    int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && (fsync (fd) == 0 || errno == EINVAL);
    int error = errno;
    if (fd >= 0)
        close (fd);
    free (folder);
    errno = error;
    return good;
}

// --- files aside -----------------------------------------------------------

// BASE.rulemill-NUMBER.new, whatever the number: a name that nobody else gives a file.
static bool is_aside (const char *name, const char *base)
{
    static const char mark [] = ".rulemill-";
    size_t len = strlen (base);
    if (strncmp (name, base, len) != 0 || strncmp (name + len, mark, strlen (mark)) != 0)
        return false;
    const char *number = name + len + strlen (mark);
    size_t digits = strspn (number, "0123456789");
    return digits > 0 && strcmp (number + digits, ".new") == 0;
}

// Their writers hold a lock on them, which ends with the process, on whatever machine it is.
static void remove_left_over (const char *path)
{
    char *folder = folder_of (path);
    const char *slash = strrchr (path, '/'), *base = slash ? slash + 1 : path;
    DIR *dir = opendir (folder);
    for (const struct dirent *entry; dir && (entry = readdir (dir)) != NULL;) {
        if (!is_aside (entry->d_name, base))
            continue;
        int fd = openat (dirfd (dir), entry->d_name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && flock (fd, LOCK_EX | LOCK_NB) == 0)
            (void) unlinkat (dirfd (dir), entry->d_name, 0);
        if (fd >= 0)
            close (fd);
    }
    if (dir)
        closedir (dir);
    free (folder);
}

// As the file that it is to take the place of. Its owner stays only where we may give files away; its mode must, as it may keep readers out.
static bool take_after (int fd, const char *path)
{
    struct stat old, now;
    if (stat (path, &old) != 0 || fstat (fd, &now) != 0)
        return true;
    bool kept = (old.st_uid == now.st_uid && old.st_gid == now.st_gid) || fchown (fd, old.st_uid, old.st_gid) == 0;
    return fchmod (fd, old.st_mode & (kept ? 07777 : 0777)) == 0;
}

// A new file beside path, of a name that none has: a process's number would be another's too, on another machine or in a container.
static int make_aside (const char *path, char **aside)
{
    for (;;) {
        uint32_t number;
        if (getrandom (&number, sizeof number, 0) != sizeof number)
            return -1;
        *aside = mem_printf ("%s.rulemill-%" PRIu32 ".new", path, number);
        int fd = open (*aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0)
            return fd;
        free (*aside);
        *aside = NULL;
        if (errno != EEXIST)
            return -1;
    }
}

static void close_aside (int fd, char **aside)
{
    int error = errno;
    (void) unlink (*aside);
    close (fd);
    free (*aside);
    *aside = NULL;
    errno = error;
}

// The same, locked. Between making and locking it, another process may have taken it for left over.
static FILE *open_aside (const char *path, char **aside)
{
    struct stat info;
    remove_left_over (path);
    for (;;) {
        int fd = make_aside (path, aside);
        if (fd < 0)
            return NULL;
        bool locked = flock (fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
        bool good = fstat (fd, &info) == 0;
        if (good && locked && info.st_nlink > 0) {
            FILE *file = take_after (fd, path) ? fdopen (fd, "wb") : NULL;
            if (file == NULL)
                close_aside (fd, aside);
            return file;
        }
        close_aside (fd, aside);
        if (!good)
            return NULL;
    }
}

// The file's own name, without links. A link that leads nowhere is what is written itself.
static char *own_path (const char *path)
{
    char *real = realpath (path, NULL), *own = mem_string (real ? real : path);
    free (real);
    return own;
}

status_t write_file_check (const char *path, fault_t *fault)
{
    struct stat info;
    if (stat (path, &info) == 0 && S_ISDIR (info.st_mode))
        return fault_set (fault, ERR_IO, "%s: %s", path, strerror (EISDIR));
    if (is_no_file (path))
        return OK;
    char *own = own_path (path), *folder = folder_of (own);
    status_t status = access (folder, W_OK | X_OK) == 0 ? OK : fault_set (fault, ERR_IO, "%s: %s", path, strerror (errno));
    free (own);
    free (folder);
    return status;
}

// --- writing ---------------------------------------------------------------

static void forget (out_file_t *out)
{
    free (out->name);
    free (out->path);
    free (out->aside);
    *out = (out_file_t) { 0 };
}

status_t out_file_open (out_file_t *out, const char *path, FILE *otherwise, fault_t *fault)
{
    *out = (out_file_t) { .file = otherwise, .name = mem_string (path ? path : "standard output") };
    if (path == NULL)
        return OK;
    out->path = own_path (path);
    out->file = is_no_file (path) ? fopen (path, "wbe") : open_aside (out->path, &out->aside);
    if (out->file)
        return OK;
    fault_set (fault, ERR_IO, "%s: %s", path, strerror (errno));
    forget (out);
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
    if (good && rename (out->aside, out->path) == 0)
        return sync_folder (out->path);
    error = errno;
    unlink (out->aside);
    errno = error;
    return false;
}

status_t out_file_close (out_file_t *out, status_t status, fault_t *fault)
{
    if (out->file && !finish (out, status == OK) && status == OK)
        status = fault_set (fault, ERR_IO, "%s: %s", out->name, strerror (errno));
    forget (out);
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

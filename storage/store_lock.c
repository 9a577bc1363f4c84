#include "storage/store_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

// The holder's number; 0 where it has not been written yet.
static long holder (int fd)
{
    char text [24] = "";
    ssize_t n = pread (fd, text, sizeof text - 1, 0);
    return n > 0 ? strtol (text, NULL, 10) : 0;
}

static status_t busy (int fd, const char *what, fault_t *fault)
{
    long pid = holder (fd);
    if (pid > 0)
        return fault_set (fault, ERR_BUSY, "%s is in use by process %ld; ask that one, or wait until it has ended", what, pid);
    return fault_set (fault, ERR_BUSY, "%s is in use by another process; wait until it has ended", what);
}

// The number is for people: failing to write it (a full disk) does not matter.
static void sign (int fd)
{
    char text [24];
    int n = snprintf (text, sizeof text, "%ld\n", (long) getpid ());
    if (ftruncate (fd, 0) != 0 || pwrite (fd, text, (size_t) n, 0) < 0)
        return;
}

status_t store_lock_take (const char *path, const char *what, bool read_only, int *fd, fault_t *fault)
{
    bool writable = true;
    int lock = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (lock < 0 && read_only && (errno == EACCES || errno == EROFS)) {
        writable = false;
        lock = open (path, O_RDONLY | O_CLOEXEC);
    }
    if (lock < 0)
        return fault_set (fault, ERR_IO, "%s: %s", path, strerror (errno));
    if (flock (lock, LOCK_EX | LOCK_NB) != 0) {
        status_t status = errno == EWOULDBLOCK ? busy (lock, what, fault)
                        : fault_set (fault, ERR_IO, "%s: can't be locked: %s; use a file system that has locks", path, strerror (errno));
        close (lock);
        return status;
    }
    if (writable)
        sign (lock);
    *fd = lock;
    return OK;
}

// A child made by fork shares the lock: it is dropped by name, not by closing alone.
void store_lock_release (int *fd)
{
    if (*fd < 0)
        return;
    flock (*fd, LOCK_UN);
    close (*fd);
    *fd = -1;
}

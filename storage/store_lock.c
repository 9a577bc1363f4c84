#include "storage/store_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { READERS_WAIT_MS = 5000, STEP_MS = 20 };

// The holder's number; 0 where it has not been written yet. *reads: it only looks, and will soon be gone.
static long holder (int fd, bool *reads)
{
    char text [32] = "";
    ssize_t n = pread (fd, text, sizeof text - 1, 0);
    *reads = n > 0 && strstr (text, "reads") != NULL;
    return n > 0 ? strtol (text, NULL, 10) : 0;
}

static status_t busy (int fd, const char *what, fault_t *fault)
{
    bool reads;
    long pid = holder (fd, &reads);
    if (pid > 0)
        return fault_set (fault, ERR_BUSY, "%s is in use by process %ld; ask that one, or wait until it has ended", what, pid);
    return fault_set (fault, ERR_BUSY, "%s is in use by another process; wait until it has ended", what);
}

// The number is for people: failing to write it (a full disk) does not matter.
static void sign (int fd, bool read_only)
{
    char text [32];
    int n = snprintf (text, sizeof text, "%ld%s\n", (long) getpid (), read_only ? " reads" : "");
    if (ftruncate (fd, 0) != 0 || pwrite (fd, text, (size_t) n, 0) < 0)
        return;
}

// A job that begins while somebody asks for its status waits for that one; another job is not waited for.
static status_t wait_for_readers (int fd, const char *path, const char *what, fault_t *fault)
{
    for (int waited_ms = 0; flock (fd, LOCK_EX | LOCK_NB) != 0; waited_ms += STEP_MS) {
        if (errno != EWOULDBLOCK)
            return fault_set (fault, ERR_IO, "%s: can't be locked: %s; use a file system that has locks", path, strerror (errno));
        bool reads;
        long pid = holder (fd, &reads);
        if ((pid > 0 && !reads) || waited_ms >= READERS_WAIT_MS)
            return busy (fd, what, fault);
        nanosleep (&(struct timespec) { .tv_nsec = STEP_MS * 1000000L }, NULL);
    }
    return OK;
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
    status_t status = wait_for_readers (lock, path, what, fault);
    if (status != OK) {
        close (lock);
        return status;
    }
    if (writable)
        sign (lock, read_only);
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

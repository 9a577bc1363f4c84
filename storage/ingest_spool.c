#include "storage/ingest_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "storage/decode.h"

enum { BLOCK_BYTES = 1024 * 1024, LOOK_MS = 200 };

char *ingest_spool_path (const char *dir, size_t n)
{
    return mem_printf ("%s/input-%zu.jsonl", dir, n);
}

static status_t write_all (int fd, const char *path, const char *bytes, size_t len, fault_t *fault)
{
    while (len > 0) {
        ssize_t n = write (fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_set (fault, ERR_IO, "%s: %s; standard input can't be kept, make room and give it again", path, strerror (errno));
        bytes += n;
        len -= (size_t) n;
    }
    return OK;
}

// Wait in short steps, so that a stop is noticed where nothing comes.
static bool wait_readable (int fd, const _Atomic bool *stop)
{
    struct pollfd look = { .fd = fd, .events = POLLIN };
    while (!atomic_load (stop)) {
        int n = poll (&look, 1, LOOK_MS);
        if (n > 0 || (n < 0 && errno != EINTR))
            return true;
    }
    return false;
}

static status_t copy (int from, int to, const char *path, const _Atomic bool *stop, fault_t *fault)
{
    char *block = mem_new (BLOCK_BYTES);
    size_t total = 0;
    status_t status = OK;
    while (status == OK) {
        if (!wait_readable (from, stop)) {
            status = fault_set (fault, ERR_STOPPED, "stopped while standard input was read; give it again");
            break;
        }
        ssize_t n = read (from, block, BLOCK_BYTES);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = fault_set (fault, ERR_IO, "standard input: %s", strerror (errno));
        if (n <= 0)
            break;
        total += (size_t) n;
        status = write_all (to, path, block, (size_t) n, fault);
    }
    free (block);
    if (status == OK && total == 0)
        return fault_set (fault, ERR_FORMAT, "standard input was empty; pipe a corpus into it, or name a file");
    return status;
}

// A rename is on disk once its folder is.
static status_t sync_folder (const char *path, fault_t *fault)
{
    char *name = mem_string (path);
    int fd = open (dirname (name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free (name);
    int failed = fd < 0 || fsync (fd) != 0 ? errno : 0;
    if (fd >= 0)
        close (fd);
    return failed ? fault_set (fault, ERR_IO, "%s: %s; its folder can't be synced", path, strerror (failed)) : OK;
}

static status_t check_plain (const char *aside, fault_t *fault)
{
    decode_t *decode;
    fault_t why = { 0 };
    if (decode_open (aside, &decode, &why) != OK)
        return fault_set (fault, why.code, "standard input is packed (%s); unpack it on its way, as in: zcat FILE | rulemill ... -", why.text);
    decode_close (&decode);
    return OK;
}

static status_t fill_aside (int from, const char *aside, const _Atomic bool *stop, fault_t *fault)
{
    int to = open (aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (to < 0)
        return fault_set (fault, ERR_IO, "%s: %s; standard input can't be kept", aside, strerror (errno));
    status_t status = copy (from, to, aside, stop, fault);
    if (status == OK && fsync (to) != 0)
        status = fault_set (fault, ERR_IO, "%s: %s; standard input can't be kept", aside, strerror (errno));
    close (to);
    return status == OK ? check_plain (aside, fault) : status;
}

static bool is_empty (const char *path)
{
    struct stat info;
    return stat (path, &info) == 0 && info.st_size == 0;
}

static status_t keep (const char *aside, const char *path, fault_t *fault)
{
    if (rename (aside, path) != 0)
        return fault_set (fault, ERR_IO, "%s: %s; standard input can't be kept", path, strerror (errno));
    return sync_folder (path, fault);
}

// Does file b begin with all of file a? *longer says whether there is more of it.
static bool begins_with (const char *a, const char *b, bool *longer)
{
    FILE *old = fopen (a, "rbe"), *fresh = fopen (b, "rbe");
    char x [4096], y [4096];
    bool same = old && fresh;
    size_t n = 1, m = 0;
    while (same && n > 0) {
        n = fread (x, 1, sizeof x, old);
        m = fread (y, 1, n > 0 ? n : 1, fresh);
        same = n == 0 || (n == m && memcmp (x, y, n) == 0);
    }
    *longer = n == 0 && m > 0;
    if (old)
        fclose (old);
    if (fresh)
        fclose (fresh);
    return same;
}

// Standard input given once more: nothing and the same go on with what is kept, more of it replaces that.
static status_t compare (const char *aside, const char *path, fault_t *fault)
{
    bool longer;
    if (!begins_with (path, aside, &longer))
        return fault_set (fault, ERR_MISMATCH, "standard input is not what was read before and kept as %s; give the same again, "
                          "nothing (< /dev/null), or another folder (--out)", path);
    return longer ? keep (aside, path, fault) : OK;
}

status_t ingest_spool (int fd, const char *path, const _Atomic bool *stop, fault_t *fault)
{
    bool known = access (path, F_OK) == 0;
    if (known && isatty (fd))
        return OK;
    char *aside = mem_printf ("%s.part", path);
    status_t status = fill_aside (fd, aside, stop, fault);
    if (status == OK)
        status = known ? compare (aside, path, fault) : keep (aside, path, fault);
    else if (status == ERR_FORMAT && known && is_empty (aside))
        status = OK;
    unlink (aside);
    free (aside);
    return status;
}

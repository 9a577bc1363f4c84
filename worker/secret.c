#include "worker/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

extern char **environ;

enum { SECRET_MAX = 4096 };

// The first line of what fd gives, without spaces around; "" where it gives nothing, NULL where it is too long or no text.
static char *first_line (int fd)
{
    char text [SECRET_MAX + 1];
    size_t len = 0;
    ssize_t n;
    while (len < SECRET_MAX && (n = read (fd, text + len, SECRET_MAX - len)) > 0)
        len += (size_t) n;
    text [len] = '\0';
    size_t end = strcspn (text, "\r\n");
    size_t start = strspn (text, " \t");
    while (end > start && (text [end - 1] == ' ' || text [end - 1] == '\t'))
        end--;
    char *line = len == SECRET_MAX ? NULL : mem_string_n (text + start, end > start ? end - start : 0);
    explicit_bzero (text, sizeof text);
    for (const char *p = line; p && *p; p++)
        if (*p < 0x21 || *p == 0x7F) {
            secret_free (&line);
            break;
        }
    return line;
}

static status_t accept_line (const char *where, char *line, char **out, fault_t *fault)
{
    if (line && *line) {
        *out = line;
        return OK;
    }
    secret_free (&line);
    return fault_set (fault, ERR_USAGE, "%s gives no key; its first line must be the key alone", where);
}

static status_t from_file (const char *path, char **out, fault_t *fault)
{
    int fd = open (path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat (fd, &info) != 0) {
        status_t status = fault_set (fault, ERR_IO, "%s: %s; check judge.key_file", path, strerror (errno));
        if (fd >= 0)
            close (fd);
        return status;
    }
    if (info.st_mode & 077) {
        close (fd);
        return fault_set (fault, ERR_DENIED, "%s can be read by others than its owner; chmod 600 %s", path, path);
    }
    char *line = first_line (fd);
    close (fd);
    return accept_line (path, line, out, fault);
}

static status_t from_command (const char *command, const char *name, char **out, fault_t *fault)
{
    int ends [2];
    pid_t pid;
    const char *argv [] = { "/bin/sh", "-c", command, NULL };
    if (pipe2 (ends, O_CLOEXEC) != 0)
        return fault_set (fault, ERR_IO, "%s can't be run: %s", name, strerror (errno));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init (&actions);
    posix_spawn_file_actions_adddup2 (&actions, ends [1], STDOUT_FILENO);
    int error = posix_spawn (&pid, argv [0], &actions, NULL, (char *const *) (uintptr_t) argv, environ);
    posix_spawn_file_actions_destroy (&actions);
    close (ends [1]);
    char *line = error ? NULL : first_line (ends [0]);
    close (ends [0]);
    int state = 1;
    if (!error)
        waitpid (pid, &state, 0);
    if (error || !WIFEXITED (state) || WEXITSTATUS (state) != 0) {
        secret_free (&line);
        return fault_set (fault, ERR_USAGE, "%s failed; run it by hand to see why", name);
    }
    return accept_line (name, line, out, fault);
}

status_t secret_read (const secret_place_t *place, char **out, fault_t *fault)
{
    *out = NULL;
    if (place->file && *place->file)
        return from_file (place->file, out, fault);
    if (place->command && *place->command)
        return from_command (place->command, place->command_key, out, fault);
    const char *variable = getenv (place->variable);
    if (variable && *variable)
        *out = mem_string (variable);
    return OK;
}

status_t secret_read_judge (const char *file, const char *command, char **out, fault_t *fault)
{
    const secret_place_t place = { .file = file, .command = command, .command_key = "judge.key_command", .variable = "OPENAI_API_KEY" };
    return secret_read (&place, out, fault);
}

void secret_free (char **secret)
{
    if (*secret)
        explicit_bzero (*secret, strlen (*secret));
    free (*secret);
    *secret = NULL;
}

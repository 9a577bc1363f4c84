#include "coordinator/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

enum { CONNECTIONS_MAX = 16, REQUEST_MAX = 64 * 1024, CLIENT_TIMEOUT_MS = 600000, SOCKET_NAME_MAX = 100, SILENT_MS = 5000 };

typedef struct {
    int fd;                 // -1: free
    buf_t in, out;
    size_t asked;           // bytes of the whole request; 0: not there yet
    bool answered;
    int64_t opened_ms;
} connection_t;

struct control {
    int fd;
    char *link;             // DIR/control or DIR/control.path
    char *path;             // of the socket
    char *folder;           // made for it where DIR's path is too long; else NULL
    control_handler_fn *handler;
    void *ctx;
    connection_t connection [CONNECTIONS_MAX];
};

// --- addresses -------------------------------------------------------------

static bool fill_address (const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un) { .sun_family = AF_UNIX };
    return (size_t) snprintf (address->sun_path, sizeof address->sun_path, "%s", path) < sizeof address->sun_path;
}

static status_t write_text (const char *path, const char *text, fault_t *fault)
{
    int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n = fd >= 0 ? write (fd, text, strlen (text)) : -1;
    if (fd >= 0)
        close (fd);
    if (n != (ssize_t) strlen (text))
        return fault_set (fault, ERR_IO, "%s can't be written: %s", path, strerror (errno));
    return OK;
}

// Where the socket goes: beside the store, or in a folder of its own where that path is too long for a socket.
static status_t choose_path (control_t *control, const char *dir, fault_t *fault)
{
    char *near = mem_printf ("%s/control", dir);
    control->link = mem_printf ("%s/control.path", dir);
    if (strlen (near) <= SOCKET_NAME_MAX) {
        control->path = near;
        unlink (control->link);
        return OK;
    }
    free (near);
    char folder [] = "/tmp/rulemill-XXXXXX";
    if (mkdtemp (folder) == NULL)
        return fault_set (fault, ERR_IO, "no folder for the control socket can be made in /tmp: %s", strerror (errno));
    control->folder = mem_string (folder);
    control->path = mem_printf ("%s/control", folder);
    return write_text (control->link, control->path, fault);
}

// --- the server ------------------------------------------------------------

static status_t bind_and_listen (control_t *control, fault_t *fault)
{
    struct sockaddr_un address;
    fill_address (control->path, &address);
    unlink (control->path);
    control->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t old = umask (0177);
    int bound = control->fd < 0 ? -1 : bind (control->fd, (struct sockaddr *) &address, sizeof address);
    umask (old);
    if (bound != 0 || listen (control->fd, CONNECTIONS_MAX) != 0)
        return fault_set (fault, ERR_IO, "the control socket %s can't be made: %s", control->path, strerror (errno));
    return OK;
}

status_t control_listen (const char *dir, control_handler_fn *handler, void *ctx, control_t **out, fault_t *fault)
{
    control_t *control = mem_zero (1, sizeof *control);
    control->fd = -1;
    control->handler = handler;
    control->ctx = ctx;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        control->connection [i].fd = -1;
    *out = control;
    status_t status = choose_path (control, dir, fault);
    if (status == OK)
        status = bind_and_listen (control, fault);
    if (status != OK)
        control_close (out);
    return status;
}

static bool has_room (const control_t *control)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (control->connection [i].fd < 0)
            return true;
    return false;
}

// The listening socket only while somebody can be let in: it stays readable, and the loop would never rest.
size_t control_fds (const control_t *control, int *fds, size_t max)
{
    size_t n = 0;
    if (n < max && has_room (control))
        fds [n++] = control->fd;
    for (size_t i = 0; i < CONNECTIONS_MAX && n < max; i++)
        if (control->connection [i].fd >= 0 && control->connection [i].asked == 0)
            fds [n++] = control->connection [i].fd;
    return n;
}

static void hang_up (connection_t *connection)
{
    close (connection->fd);
    buf_free (&connection->in);
    buf_free (&connection->out);
    *connection = (connection_t) { .fd = -1 };
}

static void accept_all (control_t *control)
{
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        connection_t *connection = &control->connection [i];
        if (connection->fd >= 0)
            continue;
        connection->fd = accept4 (control->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (connection->fd < 0)
            return;
        connection->opened_ms = clock_ms (NULL);
    }
}

// Those who hold a place and ask nothing.
static void hang_up_on_the_silent (control_t *control)
{
    int64_t now_ms = clock_ms (NULL);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        connection_t *connection = &control->connection [i];
        if (connection->fd >= 0 && connection->asked == 0 && now_ms - connection->opened_ms > SILENT_MS)
            hang_up (connection);
    }
}

// Put the request to the handler; where that says "not yet", it is put again at the next step.
static void answer (control_t *control, connection_t *connection)
{
    buf_t members = { 0 };
    fault_t fault = { 0 };
    buf_add_char (&members, '{');
    json_write_key (&members, "ok");
    size_t at = members.len;
    buf_add_str (&members, "true");
    status_t status = control->handler (control->ctx, connection->in.data, connection->asked, &members, &fault);
    if (status == ERR_BUSY) {
        buf_free (&members);
        return;
    }
    if (status != OK) {
        members.len = at;
        buf_add_str (&members, "false");
        json_write_key (&members, "error");
        json_write_cstring (&members, fault.text);
        json_write_key (&members, "code");
        json_write_cstring (&members, status_name (fault.code));
    }
    buf_add_str (&members, "}\n");
    connection->out = members;
    connection->answered = true;
}

static void read_request (connection_t *connection)
{
    char block [4096];
    ssize_t n = recv (connection->fd, block, sizeof block, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || connection->in.len + (size_t) n > REQUEST_MAX) {
        hang_up (connection);
        return;
    }
    buf_add (&connection->in, block, (size_t) n);
    const char *end = memchr (connection->in.data, '\n', connection->in.len);
    if (end == connection->in.data)
        hang_up (connection);
    else if (end)
        connection->asked = (size_t) (end - connection->in.data);
}

static void write_answer (connection_t *connection)
{
    ssize_t n = send (connection->fd, connection->out.data, connection->out.len, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0 || (size_t) n == connection->out.len)
        hang_up (connection);
    else
        buf_drop_front (&connection->out, (size_t) n);
}

void control_step (control_t *control)
{
    if (!has_room (control))
        hang_up_on_the_silent (control);
    accept_all (control);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        connection_t *connection = &control->connection [i];
        if (connection->fd >= 0 && connection->asked == 0)
            read_request (connection);
        if (connection->fd >= 0 && connection->asked > 0 && !connection->answered)
            answer (control, connection);
        if (connection->fd >= 0 && connection->answered)
            write_answer (connection);
    }
}

void control_close (control_t **self)
{
    control_t *control = *self;
    if (control == NULL)
        return;
    for (size_t i = 0; i < CONNECTIONS_MAX; i++)
        if (control->connection [i].fd >= 0)
            hang_up (&control->connection [i]);
    if (control->fd >= 0) {
        close (control->fd);
        unlink (control->path);
    }
    if (control->folder) {
        rmdir (control->folder);
        unlink (control->link);
    }
    free (control->link);
    free (control->path);
    free (control->folder);
    free (control);
    *self = NULL;
}

// --- the client ------------------------------------------------------------

static char *socket_of (const char *dir)
{
    char *link = mem_printf ("%s/control.path", dir);
    char path [SOCKET_NAME_MAX + 1];
    FILE *file = fopen (link, "re");
    free (link);
    if (file == NULL)
        return mem_printf ("%s/control", dir);
    size_t n = fread (path, 1, sizeof path - 1, file);
    path [n] = '\0';
    fclose (file);
    return mem_string (path);
}

static status_t open_socket (const char *dir, int *fd, fault_t *fault)
{
    char *path = socket_of (dir);
    struct sockaddr_un address;
    bool fits = fill_address (path, &address);
    free (path);
    *fd = fits ? socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    if (*fd < 0 || connect (*fd, (struct sockaddr *) &address, sizeof address) != 0) {
        if (*fd >= 0)
            close (*fd);
        if (errno == EACCES || errno == EPERM)
            return fault_set (fault, ERR_DENIED, "a job may be running in %s, but you may not ask it: %s; ask as its owner", dir, strerror (errno));
        return fault_set (fault, ERR_NOT_FOUND, "no job is running in %s", dir);
    }
    return OK;
}

static status_t exchange (int fd, const char *request, buf_t *out, fault_t *fault)
{
    char *line = mem_printf ("%s\n", request);
    size_t len = strlen (line), sent = 0;
    while (sent < len) {
        ssize_t n = send (fd, line + sent, len - sent, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sent += (size_t) n;
    }
    free (line);
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    char block [65536];
    while (sent == len && poll (&wait, 1, CLIENT_TIMEOUT_MS) > 0) {
        ssize_t n = recv (fd, block, sizeof block, 0);
        if (n <= 0)
            break;
        buf_add (out, block, (size_t) n);
    }
    if (out->len == 0 || out->data [out->len - 1] != '\n')
        return fault_set (fault, ERR_IO, "the running job gave no answer; it may have ended just now, ask again");
    out->len--;
    out->data [out->len] = '\0';
    return OK;
}

status_t control_ask (const char *dir, const char *request, buf_t *out, fault_t *fault)
{
    int fd;
    status_t status = open_socket (dir, &fd, fault);
    if (status != OK)
        return status;
    buf_clear (out);
    status = exchange (fd, request, out, fault);
    close (fd);
    return status;
}

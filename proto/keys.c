#include "proto/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

enum { KEY_FILE_BYTES_MAX = 64 * 1024, NAME_BYTES_MAX = 200 };

// Is text a key: 40 characters of Z85 (RFC 32) that stand for 32 bytes?
static bool is_key (const char *text)
{
    uint8_t raw [32];
    if (strlen (text) != KEY_TEXT - 1)
        return false;
    bool ok = zmq_z85_decode (raw, text) != NULL;
    explicit_bzero (raw, sizeof raw);
    return ok;
}

// --- writing ---

static status_t check_name (const char *name, fault_t *fault)
{
    if (*name == '\0' || *name == '.' || strlen (name) > NAME_BYTES_MAX || strchr (name, '/'))
        return fault_set (fault, ERR_USAGE, "\"%s\" can't name a key; use letters, digits and dashes", name);
    return OK;
}

static status_t write_new (const char *path, mode_t mode, const buf_t *text, fault_t *fault)
{
    int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST)
        return fault_set (fault, ERR_BUSY, "%s: is there already; take another name, or remove it by hand", path);
    if (fd < 0)
        return fault_set (fault, ERR_IO, "%s: %s", path, strerror (errno));
    size_t done = 0;
    while (done < text->len) {
        ssize_t n = write (fd, text->data + done, text->len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t) n;
    }
    bool ok = done == text->len && fsync (fd) == 0;
    int why = errno;
    if (close (fd) != 0 || !ok) {
        unlink (path);
        return fault_set (fault, ERR_IO, "%s: %s", path, strerror (ok ? errno : why));
    }
    return OK;
}

// The ZPL text that CZMQ's zcert_load reads too.
static void certificate (const curve_keys_t *keys, bool secret, buf_t *out)
{
    char when [21];
    clock_iso8601 (clock_wall_s (), when);
    buf_printf (out, "#   Generated at %s by rulemill\n", when);
    buf_add_str (out, secret ? "#   ZeroMQ CURVE **Secret** Certificate\n#   DO NOT PROVIDE THIS FILE TO OTHER USERS nor change its permissions.\n\n"
                             : "#   ZeroMQ CURVE Public Certificate\n\n");
    buf_printf (out, "metadata\ncurve\n    public-key = \"%s\"\n", keys->public_key);
    if (secret)
        buf_printf (out, "    secret-key = \"%s\"\n", keys->secret_key);
}

static status_t write_pair (const char *pub, const char *key, const curve_keys_t *keys, fault_t *fault)
{
    buf_t text = { 0 };
    buf_reserve (&text, 1024);      // the secret is not to be left behind by a growing buffer
    certificate (keys, true, &text);
    status_t status = write_new (key, 0600, &text, fault);
    explicit_bzero (text.data, text.len);
    buf_clear (&text);
    if (status == OK) {
        certificate (keys, false, &text);
        status = write_new (pub, 0644, &text, fault);
        if (status != OK)
            unlink (key);
    }
    buf_free (&text);
    return status;
}

status_t keys_generate (const char *dir, const char *name, curve_keys_t *out, fault_t *fault)
{
    status_t status = check_name (name, fault);
    if (status != OK)
        return status;
    if (mkdir (dir, 0700) != 0 && errno != EEXIST)
        return fault_set (fault, ERR_IO, "%s: %s", dir, strerror (errno));
    if (zmq_curve_keypair (out->public_key, out->secret_key) != 0)
        return fault_set (fault, ERR_IO, "no CURVE keys: %s; libzmq must be built with CURVE", zmq_strerror (zmq_errno ()));
    char *pub = mem_printf ("%s/%s.pub", dir, name);
    char *key = mem_printf ("%s/%s.key", dir, name);
    if (access (pub, F_OK) == 0)
        status = fault_set (fault, ERR_BUSY, "%s: is there already; take another name, or remove it by hand", pub);
    else
        status = write_pair (pub, key, out, fault);
    free (pub);
    free (key);
    return status;
}

// --- reading ---

// The whole of a small file into text (KEY_FILE_BYTES_MAX + 1 bytes). private: refused where others may read it.
static status_t read_small (const char *path, bool private, char *text, fault_t *fault)
{
    int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat info;
    if (fd < 0 || fstat (fd, &info) != 0) {
        int why = errno;
        if (fd >= 0)
            close (fd);
        return fault_set (fault, why == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s; make keys with rulemill keygen", path, strerror (why));
    }
    status_t status = OK;
    if (!S_ISREG (info.st_mode))
        status = fault_set (fault, ERR_FORMAT, "%s: is no file", path);
    else if (private && (info.st_mode & 077))
        status = fault_set (fault, ERR_DENIED, "%s: others than its owner may use this secret key (mode %03o); chmod 600 %s",
                            path, (unsigned) info.st_mode & 0777, path);
    size_t len = 0;
    for (ssize_t n = 1; status == OK && n > 0 && len < KEY_FILE_BYTES_MAX; len += n > 0 ? (size_t) n : 0) {
        n = read (fd, text + len, KEY_FILE_BYTES_MAX - len);
        if (n < 0)
            status = fault_set (fault, ERR_IO, "%s: %s", path, strerror (errno));
    }
    text [len] = '\0';
    close (fd);
    return status;
}

// The value of `name = "value"` on a line of its own; false unless it is a key.
static bool find_value (const char *text, const char *name, char out [KEY_TEXT])
{
    size_t name_len = strlen (name);
    for (const char *line = text; line; line = strchr (line, '\n')) {
        line += strspn (line, " \t\r\n");
        if (strncmp (line, name, name_len) != 0)
            continue;
        const char *p = line + name_len;
        p += strspn (p, " \t");
        if (*p != '=')
            continue;
        p += 1 + strspn (p + 1, " \t\"'");
        snprintf (out, KEY_TEXT, "%.*s", KEY_TEXT - 1, p);
        const char *end = p + strlen (out);
        return is_key (out) && (*end == '\0' || strchr ("\"' \t\r\n", *end) != NULL);
    }
    return false;
}

static status_t check_pair (const char *path, const curve_keys_t *keys, fault_t *fault)
{
    char derived [KEY_TEXT];
    if (zmq_curve_public (derived, keys->secret_key) == 0 && strcmp (derived, keys->public_key) == 0)
        return OK;
    return fault_set (fault, ERR_FORMAT, "%s: its public key does not belong to its secret key; make a new pair with rulemill keygen", path);
}

status_t keys_load_secret (const char *path, curve_keys_t *out, fault_t *fault)
{
    *out = (curve_keys_t) { 0 };
    char *text = mem_new (KEY_FILE_BYTES_MAX + 1);
    status_t status = read_small (path, true, text, fault);
    if (status == OK && !(find_value (text, "public-key", out->public_key) && find_value (text, "secret-key", out->secret_key)))
        status = fault_set (fault, ERR_FORMAT, "%s: is no secret certificate (public-key and secret-key, 40 characters each); "
                            "give the .key file that rulemill keygen made", path);
    explicit_bzero (text, KEY_FILE_BYTES_MAX + 1);
    free (text);
    if (status == OK)
        status = check_pair (path, out, fault);
    if (status != OK)
        explicit_bzero (out, sizeof *out);
    return status;
}

status_t keys_load_public (const char *path, char out [KEY_TEXT], fault_t *fault)
{
    out [0] = '\0';
    // '/' and '.' are letters of Z85, so a file of that name goes first
    if (access (path, F_OK) != 0 && is_key (path)) {
        memcpy (out, path, KEY_TEXT);
        return OK;
    }
    char *text = mem_new (KEY_FILE_BYTES_MAX + 1);
    status_t status = read_small (path, false, text, fault);
    if (status == OK && !find_value (text, "public-key", out)) {
        out [0] = '\0';
        status = fault_set (fault, ERR_FORMAT, "%s: is no public certificate (public-key, 40 characters); "
                            "give the .pub file that rulemill keygen made", path);
    }
    explicit_bzero (text, KEY_FILE_BYTES_MAX + 1);      // it may have been given the secret one
    free (text);
    return status;
}

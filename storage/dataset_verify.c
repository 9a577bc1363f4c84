// Checking a dataset's folder against its manifest. All of it comes from outside: names are checked before they are
// opened, sizes before they are believed, and nothing is read whole but the manifest.

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/json.h"
#include "base/mem.h"
#include "storage/dataset_manifest.h"

enum { BLOCK_BYTES = 256 * 1024 };

typedef struct {
    int fd;                         // of the folder
    buf_t *problems;
    size_t n_problems;
    uint64_t files, rows, bytes;    // seen
} verify_t;

static void problem (verify_t *v, const char *format, ...) PRINTF_LIKE (2, 3);

static void problem (verify_t *v, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    char text [FAULT_TEXT_MAX];
    vsnprintf (text, sizeof text, format, args);
    va_end (args);
    for (char *c = text; *c; c++)
        if ((unsigned char) *c < 0x20)
            *c = ' ';                       // a name in a manifest must not draw on a terminal
    buf_add_str (v->problems, text);
    buf_add_char (v->problems, '\n');
    v->n_problems++;
}

// A regular file of the folder; -1 with errno. A pipe or link must not hang or lead elsewhere.
static int open_regular (int folder, const char *name)
{
    int fd = openat (folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;
    if (fd >= 0 && (fstat (fd, &st) != 0 || !S_ISREG (st.st_mode))) {
        close (fd);
        errno = EINVAL;
        return -1;
    }
    return fd;
}

// A whole file of at most max bytes.
static bool read_small (int folder, const char *name, size_t max, buf_t *out)
{
    int fd = open_regular (folder, name);
    if (fd < 0)
        return false;
    ssize_t n;
    do {
        buf_reserve (out, BLOCK_BYTES);
        n = read (fd, out->data + out->len, BLOCK_BYTES);
        out->len += n > 0 ? (size_t) n : 0;
    } while ((n > 0 || (n < 0 && errno == EINTR)) && out->len <= max);
    close (fd);
    if (out->len > max)
        errno = EFBIG;
    return n == 0 && out->len <= max;
}

// --- one file --------------------------------------------------------------

typedef struct {
    ZSTD_DCtx *zstd;                // NULL: plain
    char *block, *unpacked;
    uint64_t bytes, newlines;
    bool ends_well, damaged;        // the last byte is a newline; zstd could not read it
    digest_t digest;
} reading_t;

static void count_lines (reading_t *reading, const char *text, size_t len)
{
    if (len == 0)
        return;
    const char *end = text + len;
    for (const char *at = text; (at = memchr (at, '\n', (size_t) (end - at))) != NULL; at++)
        reading->newlines++;
    reading->ends_well = end [-1] == '\n';
}

static void unpack (reading_t *reading, size_t len)
{
    ZSTD_inBuffer in = { reading->block, len, 0 };
    while (in.pos < in.size && !reading->damaged) {
        ZSTD_outBuffer out = { reading->unpacked, BLOCK_BYTES, 0 };
        reading->damaged = ZSTD_isError (ZSTD_decompressStream (reading->zstd, &out, &in));
        count_lines (reading, reading->unpacked, out.pos);
    }
}

static bool read_all (int fd, reading_t *reading)
{
    hasher_t *hasher = hasher_new ();
    ssize_t n;
    while ((n = read (fd, reading->block, BLOCK_BYTES)) > 0 || (n < 0 && errno == EINTR)) {
        size_t len = n > 0 ? (size_t) n : 0;
        hasher_add (hasher, reading->block, len);
        reading->bytes += len;
        if (reading->zstd)
            unpack (reading, len);
        else
            count_lines (reading, reading->block, len);
    }
    reading->digest = hasher_end (&hasher);
    return n == 0;
}

static bool read_file (verify_t *v, const char *name, reading_t *reading)
{
    int fd = open_regular (v->fd, name);
    if (fd < 0) {
        problem (v, "%s: %s", name, errno == ENOENT ? "is missing" : errno == EINVAL || errno == ELOOP
                 ? "is no regular file" : strerror (errno));
        return false;
    }
    size_t len = strlen (name);
    bool packed = len > 4 && strcmp (name + len - 4, ".zst") == 0;
    *reading = (reading_t) { .zstd = packed ? ZSTD_createDCtx () : NULL, .ends_well = true };
    reading->block = mem_new (BLOCK_BYTES);
    reading->unpacked = packed ? mem_new (BLOCK_BYTES) : NULL;
    bool ok = read_all (fd, reading);
    if (!ok)
        problem (v, "%s: %s", name, strerror (errno));
    close (fd);
    free (reading->block);
    free (reading->unpacked);
    ZSTD_freeDCtx (reading->zstd);
    return ok;
}

static void check_rows (verify_t *v, const char *name, const reading_t *reading, int64_t rows)
{
    if (reading->damaged)
        problem (v, "%s: can't be decompressed", name);
    else if (reading->newlines != (uint64_t) rows || !reading->ends_well)
        problem (v, "%s: has %" PRIu64 " rows%s, the manifest says %" PRId64, name, reading->newlines,
                 reading->ends_well ? "" : " and a cut-off one", rows);
    v->rows += (uint64_t) rows;
}

static void check_file (verify_t *v, const char *name, const json_value_t *entry)
{
    const json_value_t *sha = json_get (entry, "sha256"), *rows_value = json_get (entry, "rows");
    digest_t digest;
    int64_t bytes, rows = 0;
    bool counted = !json_is (rows_value, JSON_NULL);
    if (!json_is (sha, JSON_STRING) || !hex_decode (sha->text, digest.b, DIGEST_BYTES)
        || !json_int (json_get (entry, "bytes"), &bytes) || bytes < 0
        || (counted && (!json_int (rows_value, &rows) || rows < 0))) {
        problem (v, "manifest.json: the entry of %s has no proper \"sha256\", \"bytes\" and \"rows\"", name);
        return;
    }
    reading_t reading;
    if (!read_file (v, name, &reading))
        return;
    v->files++;
    v->bytes += reading.bytes;
    if (!digest_equal (&reading.digest, &digest)) {
        char found [DIGEST_HEX + 1];
        hex_encode (reading.digest.b, DIGEST_BYTES, found);
        problem (v, "%s: its SHA-256 is %s, the manifest says %s; it has been changed or damaged", name, found, sha->text);
    }
    if (reading.bytes != (uint64_t) bytes)
        problem (v, "%s: has %" PRIu64 " bytes, the manifest says %" PRId64, name, reading.bytes, bytes);
    if (counted)
        check_rows (v, name, &reading, rows);
}

// --- the folder ------------------------------------------------------------

static const char *entry_name (const json_value_t *entry)
{
    const json_value_t *name = json_get (entry, "name");
    return json_is (name, JSON_STRING) && strlen (name->text) == name->len && dataset_is_file (name->text) ? name->text : NULL;
}

static bool is_listed (const json_value_t *files, const char *name)
{
    for (const json_value_t *entry = files->child; entry; entry = entry->next)
        if (entry_name (entry) && strcmp (entry_name (entry), name) == 0)
            return true;
    return false;
}

static void check_files (verify_t *v, const json_value_t *files)
{
    for (const json_value_t *entry = files->child; entry; entry = entry->next) {
        const char *name = entry_name (entry);
        bool again = false;
        for (const json_value_t *other = files->child; name && other != entry; other = other->next)
            again = again || (entry_name (other) && strcmp (entry_name (other), name) == 0);
        if (name == NULL || again)
            problem (v, "manifest.json: \"files\" has an entry that names no file of a dataset, or one twice");
        else
            check_file (v, name, entry);
    }
}

static void check_strangers (verify_t *v, const json_value_t *files, bool signed_)
{
    int fd = openat (v->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir (fd) : NULL;
    if (dir == NULL) {
        problem (v, "the folder can't be listed: %s", strerror (errno));
        return;
    }
    for (struct dirent *entry; (entry = readdir (dir)) != NULL; ) {
        const char *name = entry->d_name;
        bool known = strcmp (name, ".") == 0 || strcmp (name, "..") == 0 || strcmp (name, "manifest.json") == 0
                  || (signed_ && strcmp (name, "manifest.sig") == 0) || is_listed (files, name);
        if (!known)
            problem (v, "%s: is not in the manifest", name);
    }
    closedir (dir);
}

// --- the manifest ----------------------------------------------------------

static status_t check_signature (verify_t *v, const buf_t *manifest, bool promised, const char *public_key,
                                 buf_t *summary, fault_t *fault)
{
    buf_t signature = { 0 };
    bool there = read_small (v->fd, "manifest.sig", 4096, &signature);
    sign_key_t *key = NULL;
    status_t status = public_key ? sign_key_public (public_key, &key, fault) : OK;
    if (promised && !there)
        problem (v, "manifest.sig: is missing, and the manifest says that it is signed");
    if (!promised && there)
        problem (v, "manifest.sig: is there, and the manifest says nothing of a signature");
    if (key && !there)
        problem (v, "manifest.json: is not signed");
    fault_t why;
    if (key && there && sign_check (key, manifest->data, manifest->len, signature.data, signature.len, &why) != OK)
        problem (v, "manifest.sig: %s", why.text);
    else
        buf_add_str (summary, !there ? "not signed\n" : key ? "signed with the given key\n"
                              : "signed; give the public key to check it\n");
    sign_key_destroy (&key);
    buf_free (&signature);
    return status;
}

static void summarise (const verify_t *v, const json_value_t *manifest, buf_t *summary)
{
    const json_value_t *run = json_get (manifest, "run");
    buf_printf (summary, "%s: %" PRIu64 " files, %" PRIu64 " rows, %" PRIu64 " bytes; ",
                json_is (run, JSON_STRING) ? run->text : "unnamed run", v->files, v->rows, v->bytes);
    if (v->n_problems == 0)
        buf_add_str (summary, "all as the manifest says\n");
    else
        buf_printf (summary, "%zu problem%s\n", v->n_problems, v->n_problems == 1 ? "" : "s");
}

static status_t check_manifest (verify_t *v, const buf_t *text, const char *public_key, buf_t *summary, fault_t *fault)
{
    json_doc_t *doc = json_doc_new ();
    const json_value_t *root;
    fault_t why;
    int64_t version = 0;
    status_t status = OK;
    if (json_parse (doc, text->data ? text->data : "", text->len, &root, &why) != OK)
        problem (v, "manifest.json: %s", why.text);
    else if (!json_equals (json_get (root, "format"), "rulemill-dataset")
             || !json_int (json_get (root, "format_version"), &version) || version != MANIFEST_VERSION)
        problem (v, "manifest.json: is no manifest of a rulemill dataset of version %d", MANIFEST_VERSION);
    else if (!json_is (json_get (root, "files"), JSON_ARRAY))
        problem (v, "manifest.json: has no list of \"files\"");
    else {
        bool promised = json_is (json_get (root, "signature"), JSON_OBJECT);
        buf_t signing = { 0 };
        status = check_signature (v, text, promised, public_key, &signing, fault);
        check_files (v, json_get (root, "files"));
        check_strangers (v, json_get (root, "files"), promised);
        summarise (v, root, summary);
        buf_add (summary, signing.data, signing.len);
        buf_free (&signing);
    }
    json_doc_destroy (&doc);
    return status;
}

status_t dataset_verify (const char *folder, const char *public_key, buf_t *problems, buf_t *summary, fault_t *fault)
{
    verify_t v = { .fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .problems = problems };
    if (v.fd < 0)
        return fault_set (fault, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO,
                          "%s: %s; give the folder of a dataset", folder, strerror (errno));
    buf_t text = { 0 };
    status_t status = OK;
    if (!read_small (v.fd, "manifest.json", MANIFEST_BYTES_MAX, &text))
        problem (&v, "manifest.json: %s", errno == ENOENT ? "is missing" : strerror (errno));
    else
        status = check_manifest (&v, &text, public_key, summary, fault);
    buf_free (&text);
    close (v.fd);
    return status;
}

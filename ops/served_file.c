#include "ops/served_file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "storage/input.h"

enum { LINE_BYTES_MAX = 4096 };

typedef struct { content_key_t key; double reward; } known_t;

struct served_file {
    char *path;
    FILE *file;             // for appending
    known_t *known;         // open addressing; key of zeros is free
    size_t count, cap;      // cap is 0 or a power of two
};

static const content_key_t no_key;

static known_t *slot_of (const served_file_t *file, const content_key_t *key)
{
    size_t at = (size_t) hash64 (0, key->b, KEY_BYTES) & (file->cap - 1);
    while (!content_key_equal (&file->known [at].key, &no_key) && !content_key_equal (&file->known [at].key, key))
        at = (at + 1) & (file->cap - 1);
    return &file->known [at];
}

static void remember (served_file_t *file, const content_key_t *key, double reward)
{
    if (2 * (file->count + 1) > file->cap) {
        known_t *old = file->known;
        size_t old_cap = file->cap;
        file->cap = old_cap ? 2 * old_cap : 1024;
        file->known = mem_zero (file->cap, sizeof *file->known);
        for (size_t i = 0; i < old_cap; i++)
            if (!content_key_equal (&old [i].key, &no_key))
                *slot_of (file, &old [i].key) = old [i];
        free (old);
    }
    known_t *slot = slot_of (file, key);
    file->count += content_key_equal (&slot->key, &no_key);
    *slot = (known_t) { *key, reward };
}

bool served_file_find (const served_file_t *file, const content_key_t *key, double *reward)
{
    if (file->cap == 0)
        return false;
    const known_t *slot = slot_of (file, key);
    *reward = slot->reward;
    return content_key_equal (&slot->key, key);
}

// A line that can't be read is forgotten: what it said is asked again.
static void take_line (served_file_t *file, json_doc_t *doc, const input_line_t *line)
{
    const json_value_t *root;
    content_key_t key;
    double reward = NAN;
    if (line->too_long || json_parse (doc, line->text, line->len, &root, NULL) != OK)
        return;
    const json_value_t *name = json_get (root, "key");
    if (!json_is (name, JSON_STRING) || !hex_decode (name->text, key.b, KEY_BYTES))
        return;
    if (json_double (json_get (root, "reward"), &reward) || json_get (root, "refused"))
        remember (file, &key, reward);
}

static status_t read_known (served_file_t *file, fault_t *fault)
{
    input_t *input = NULL;
    status_t status = input_open (file->path, LINE_BYTES_MAX, &input, fault);
    json_doc_t *doc = json_doc_new ();
    bool got = true, torn = false;
    while (status == OK && got) {
        input_line_t line;
        status = input_next (input, &line, &got, fault);
        if (status == OK && got) {
            torn = line.last;
            take_line (file, doc, &line);
        }
    }
    json_doc_destroy (&doc);
    input_close (&input);
    // What was cut off ends here, so that the next line is one of its own.
    if (status == OK && torn && fputc ('\n', file->file) == EOF)
        return fault_set (fault, ERR_IO, "%s: %s", file->path, strerror (errno));
    return status;
}

status_t served_file_open (const char *folder, const digest_t *identity, served_file_t **out, fault_t *fault)
{
    *out = NULL;
    if (mkdir (folder, 0777) != 0 && errno != EEXIST)
        return fault_set (fault, ERR_IO, "%s: %s", folder, strerror (errno));
    char hex [DIGEST_HEX + 1];
    hex_encode (identity->b, DIGEST_BYTES, hex);
    served_file_t *file = mem_zero (1, sizeof *file);
    file->path = mem_printf ("%s/rewards-%.16s.jsonl", folder, hex);
    file->file = fopen (file->path, "abe");
    status_t status = OK;
    if (file->file == NULL)
        status = fault_set (fault, ERR_IO, "%s: %s", file->path, strerror (errno));
    else if (flock (fileno (file->file), LOCK_EX | LOCK_NB) != 0)
        status = fault_set (fault, ERR_BUSY, "%s: another evaluation has it; wait for it, or give another --work", file->path);
    else
        status = read_known (file, fault);
    if (status != OK)
        served_file_close (&file);
    *out = file;
    return status;
}

void served_file_close (served_file_t **file)
{
    if (*file == NULL)
        return;
    if ((*file)->file)
        fclose ((*file)->file);
    free ((*file)->path);
    free ((*file)->known);
    free (*file);
    *file = NULL;
}

status_t served_file_add (served_file_t *file, const content_key_t *key, double reward, const char *why, fault_t *fault)
{
    char hex [KEY_HEX + 1];
    hex_encode (key->b, KEY_BYTES, hex);
    buf_t line = { 0 };
    buf_printf (&line, "{\"key\":\"%s\",", hex);
    if (why) {
        buf_add_str (&line, "\"refused\":");
        json_write_cstring (&line, why);
    } else {
        buf_add_str (&line, "\"reward\":");
        json_write_real (&line, reward);
    }
    buf_add_str (&line, "}\n");
    bool good = fwrite (line.data, 1, line.len, file->file) == line.len && fflush (file->file) == 0;
    buf_free (&line);
    remember (file, key, why ? NAN : reward);
    return good ? OK : fault_set (fault, ERR_IO, "%s: %s", file->path, strerror (errno));
}

status_t served_file_sync (served_file_t *file, fault_t *fault)
{
    return fflush (file->file) == 0 && fdatasync (fileno (file->file)) == 0 ? OK : fault_set (fault, ERR_IO, "%s: %s", file->path, strerror (errno));
}

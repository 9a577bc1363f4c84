#include "ops/eval_cells.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "storage/input.h"

enum { LINE_BYTES_MAX = 4096, SYNC_LINES = 256 };

typedef struct { uint8_t b [KEY_BYTES + DIGEST_BYTES]; } cell_key_t;

typedef struct {
    cell_key_t key;
    cell_t cell;
    UT_hash_handle hh;
} known_t;

struct eval_cells {
    char *path;
    int fd;
    known_t *known;
    unsigned unsynced;
    buf_t line;
};

static cell_key_t key_of (const content_key_t *response, const digest_t *rule)
{
    cell_key_t key;
    memcpy (key.b, response->b, KEY_BYTES);
    memcpy (key.b + KEY_BYTES, rule->b, DIGEST_BYTES);
    return key;
}

static known_t *find (const eval_cells_t *cells, const cell_key_t *key)
{
    known_t *known;
    HASH_FIND (hh, cells->known, key, sizeof *key, known);
    return known;
}

static void learn (eval_cells_t *cells, const cell_key_t *key, const cell_t *cell)
{
    if (find (cells, key))
        return;
    known_t *known = mem_zero (1, sizeof *known);
    known->key = *key;
    known->cell = *cell;
    HASH_ADD (hh, cells->known, key, sizeof known->key, known);
}

// --- reading ---------------------------------------------------------------

static bool read_hex (const json_value_t *value, uint8_t *out, size_t len)
{
    return json_is (value, JSON_STRING) && hex_decode (value->text, out, len);
}

static bool read_cell (const json_value_t *value, cell_t *cell)
{
    int64_t number [3] = { 0 };
    if (!json_is (value, JSON_ARRAY) || value->count != 3)
        return false;
    const json_value_t *item = value->child;
    for (int i = 0; i < 3; i++, item = item->next)
        if (!json_int (item, &number [i]) || number [i] < (i ? 0 : -MICRO) || number [i] > MICRO)
            return false;
    *cell = (cell_t) { .score = (int32_t) number [0], .relevance = (uint32_t) number [1], .mass = (uint32_t) number [2], .known = true };
    return true;
}

static bool take_line (eval_cells_t *cells, json_doc_t *doc, const input_line_t *line)
{
    const json_value_t *root;
    cell_key_t key;
    cell_t cell;
    if (line->too_long || json_parse (doc, line->text, line->len, &root, NULL) != OK || !read_hex (json_get (root, "response_key"), key.b, KEY_BYTES)
        || !read_hex (json_get (root, "rule"), key.b + KEY_BYTES, DIGEST_BYTES) || !read_cell (json_get (root, "cell"), &cell))
        return false;
    learn (cells, &key, &cell);
    return true;
}

// *keep: bytes that are whole lines.
static status_t read_lines (eval_cells_t *cells, input_t *input, uint64_t *keep, fault_t *fault)
{
    json_doc_t *doc = json_doc_new ();
    status_t status = OK;
    for (bool got = true; status == OK;) {
        input_line_t line;
        status = input_next (input, &line, &got, fault);
        if (status != OK || !got)
            break;
        *keep = line.offset;
        if (line.last)
            break;
        *keep += line.len + 1;
        if (!take_line (cells, doc, &line))
            status = fault_set (fault, ERR_CORRUPT, "%s:%" PRIu64 ": no cell of a judge; take the line out, or move the file away to judge anew",
                                cells->path, line.row);
    }
    json_doc_destroy (&doc);
    return status;
}

static status_t load (eval_cells_t *cells, fault_t *fault)
{
    input_t *input;
    uint64_t keep = 0;
    status_t status = input_open (cells->path, LINE_BYTES_MAX, &input, fault);
    if (status == OK)
        status = read_lines (cells, input, &keep, fault);
    input_close (&input);
    if (status == OK && ftruncate (cells->fd, (off_t) keep) != 0)
        status = fault_set (fault, ERR_IO, "%s: %s", cells->path, strerror (errno));
    return status;
}

status_t eval_cells_open (const char *dir, const digest_t *judge, eval_cells_t **out, fault_t *fault)
{
    char hex [DIGEST_HEX + 1];
    hex_encode (judge->b, DIGEST_BYTES, hex);
    eval_cells_t *cells = mem_zero (1, sizeof *cells);
    cells->path = mem_printf ("%s/judge-%.12s.jsonl", dir, hex);
    *out = cells;
    bool made = mkdir (dir, 0755) == 0 || errno == EEXIST;
    cells->fd = made ? open (cells->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
    status_t status = OK;
    if (cells->fd < 0)
        status = fault_set (fault, ERR_IO, "%s: %s", cells->path, strerror (errno));
    else if (flock (cells->fd, LOCK_EX | LOCK_NB) != 0)
        status = fault_set (fault, ERR_BUSY, "%s: another process judges with it; wait for that one, or name another folder with --out", cells->path);
    else
        status = load (cells, fault);
    if (status != OK)
        eval_cells_close (out, NULL);
    return status;
}

status_t eval_cells_close (eval_cells_t **out, fault_t *fault)
{
    eval_cells_t *cells = *out;
    if (cells == NULL)
        return OK;
    status_t status = OK;
    if (cells->fd >= 0 && cells->unsynced > 0 && fdatasync (cells->fd) != 0)
        status = fault_set (fault, ERR_IO, "%s: %s", cells->path, strerror (errno));
    if (cells->fd >= 0)
        close (cells->fd);
    known_t *known, *next;
    HASH_ITER (hh, cells->known, known, next) {
        HASH_DEL (cells->known, known);
        free (known);
    }
    buf_free (&cells->line);
    free (cells->path);
    free (cells);
    *out = NULL;
    return status;
}

// --- cells -----------------------------------------------------------------

bool eval_cells_find (const eval_cells_t *cells, const content_key_t *response, const digest_t *rule, cell_t *out)
{
    cell_key_t key = key_of (response, rule);
    const known_t *known = find (cells, &key);
    if (known)
        *out = known->cell;
    return known != NULL;
}

static bool write_line (eval_cells_t *cells)
{
    for (size_t done = 0; done < cells->line.len;) {
        ssize_t n = write (cells->fd, cells->line.data + done, cells->line.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t) n;
    }
    cells->unsynced++;
    if (cells->unsynced < SYNC_LINES)
        return true;
    cells->unsynced = 0;
    return fdatasync (cells->fd) == 0;
}

status_t eval_cells_add (eval_cells_t *cells, const content_key_t *response, const digest_t *rule, const cell_t *cell, fault_t *fault)
{
    cell_key_t key = key_of (response, rule);
    char response_hex [KEY_HEX + 1], rule_hex [DIGEST_HEX + 1];
    hex_encode (response->b, KEY_BYTES, response_hex);
    hex_encode (rule->b, DIGEST_BYTES, rule_hex);
    buf_clear (&cells->line);
    buf_printf (&cells->line, "{\"response_key\":\"%s\",\"rule\":\"%s\",\"cell\":[%" PRId32 ",%" PRIu32 ",%" PRIu32 "]}\n", response_hex, rule_hex,
                cell->score, cell->relevance, cell->mass > MICRO ? MICRO : cell->mass);
    if (!write_line (cells))
        return fault_set (fault, ERR_IO, "%s: %s", cells->path, strerror (errno));
    learn (cells, &key, cell);
    return OK;
}

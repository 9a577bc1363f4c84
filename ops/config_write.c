#include "ops/config_write.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ops/config.h"
#include "ops/write_file.h"

// --- lines -----------------------------------------------------------------

static size_t line_end (const buf_t *text, size_t at)
{
    const char *end = memchr (text->data + at, '\n', text->len - at);
    return end ? (size_t) (end - text->data) : text->len;
}

static size_t next_line (const buf_t *text, size_t at)
{
    size_t end = line_end (text, at);
    return end < text->len ? end + 1 : end;
}

static size_t indent_of (const buf_t *text, size_t at)
{
    size_t n = 0;
    while (at + n < text->len && text->data [at + n] == ' ')
        n++;
    return n;
}

// Nothing but spaces and a comment from here to the line's end?
static bool is_bare (const buf_t *text, size_t at)
{
    at += indent_of (text, at);
    return at >= text->len || strchr ("\r\n#", text->data [at]) != NULL;
}

static bool begins (const buf_t *text, size_t at, const char *name, size_t len)
{
    return at + len < text->len && memcmp (text->data + at, name, len) == 0 && text->data [at + len] == ':';
}

static void replace (buf_t *text, size_t from, size_t to, const char *with)
{
    buf_t out = { 0 };
    buf_add (&out, text->data, from);
    buf_add_str (&out, with);
    buf_add (&out, text->data + to, text->len - to);
    buf_free (text);
    *text = out;
}

// Where the value that begins at `at` ends: before the line's comment.
static size_t value_end (const buf_t *text, size_t at)
{
    size_t end = line_end (text, at);
    char quote = '\0';
    for (size_t i = at; i < end; i++) {
        char c = text->data [i];
        if (quote)
            quote = c == quote ? '\0' : quote;
        else if (c == '"' || c == '\'')
            quote = c;
        else if (c == '#' && i > at && text->data [i - 1] == ' ')
            end = i;
    }
    while (end > at && strchr (" \r", text->data [end - 1]))
        end--;
    return end;
}

// --- one key ---------------------------------------------------------------

typedef struct { const char *name; buf_t *text; const config_line_t *line; } write_t;

static status_t refuse (const write_t *write, size_t at, fault_t *fault)
{
    size_t number = 1;
    for (size_t i = 0; i < at; i++)
        number += write->text->data [i] == '\n';
    return fault_set (fault, ERR_FORMAT, "%s:%zu: this can't be changed line by line; set %s to %s there yourself", write->name, number,
                      write->line->key, write->line->value);
}

static status_t set_value (const write_t *write, size_t at, size_t indent, fault_t *fault)
{
    buf_t *text = write->text;
    size_t from = (size_t) (strchr (text->data + at, ':') - text->data) + 1, to = value_end (text, from), next = next_line (text, at);
    size_t first = from + indent_of (text, from);
    bool block = first < to && strchr ("|>", text->data [first]);
    size_t deep = next < text->len && !is_bare (text, next) ? indent_of (text, next) : 0;
    bool more = next < text->len && !is_bare (text, next) && (deep > indent || (deep == indent && text->data [next + deep] == '-'));
    if (block || more)
        return refuse (write, at, fault);
    char *value = mem_printf (" %s", write->line->value);
    replace (text, from, to, value);
    free (value);
    return OK;
}

// In the section that begins at `at`.
static status_t set_in_section (const write_t *write, size_t at, const char *key, fault_t *fault)
{
    buf_t *text = write->text;
    size_t top = next_line (text, at), indent = 0;
    for (size_t p = top; p < text->len; p = next_line (text, p)) {
        if (is_bare (text, p))
            continue;
        if (indent_of (text, p) == 0)
            break;
        indent = indent ? indent : indent_of (text, p);
        if (indent_of (text, p) == indent && begins (text, p + indent, key, strlen (key)))
            return set_value (write, p, indent, fault);
    }
    char *line = mem_printf ("%s%*s%s: %s\n", text->data [top - 1] == '\n' ? "" : "\n", (int) (indent ? indent : 2), "", key, write->line->value);
    replace (text, top, top, line);
    free (line);
    return OK;
}

static status_t set_key (const write_t *write, fault_t *fault)
{
    buf_t *text = write->text;
    const char *key = write->line->key, *dot = strchr (key, '.');
    assert (dot && strchr (dot + 1, '.') == NULL);
    size_t len = (size_t) (dot - key);
    for (size_t p = 0; p < text->len; p = next_line (text, p))
        if (begins (text, p, key, len))
            return is_bare (text, p + len + 1) ? set_in_section (write, p, dot + 1, fault) : refuse (write, p, fault);
    char *section = mem_printf ("%s%.*s:\n  %s: %s\n", text->len > 0 && text->data [text->len - 1] != '\n' ? "\n" : "", (int) len, key, dot + 1,
                                write->line->value);
    buf_add_str (text, section);
    free (section);
    return OK;
}

status_t config_write_text (const char *name, buf_t *text, const config_line_t *lines, size_t n, fault_t *fault)
{
    status_t status = OK;
    buf_add (text, "", 0);
    for (size_t i = 0; i < n && status == OK; i++)
        status = set_key (&(write_t) { name, text, &lines [i] }, fault);
    config_t *config = config_new ();
    if (status == OK)
        status = config_load (config, name, text->data, text->len, fault);
    config_destroy (&config);
    return status;
}

// --- a file ----------------------------------------------------------------

static status_t read_file (const char *path, buf_t *out, fault_t *fault)
{
    FILE *file = fopen (path, "rbe");
    if (file == NULL && errno == ENOENT)
        return OK;
    if (file == NULL)
        return fault_set (fault, ERR_IO, "%s: %s", path, strerror (errno));
    buf_reserve (out, CONFIG_FILE_BYTES_MAX + 1);
    out->len = fread (out->data, 1, CONFIG_FILE_BYTES_MAX + 1, file);
    bool failed = ferror (file);
    fclose (file);
    if (failed)
        return fault_set (fault, ERR_IO, "%s: it can't be read", path);
    if (out->len > CONFIG_FILE_BYTES_MAX)
        return fault_set (fault, ERR_LIMIT, "%s: over %d bytes; this is no configuration", path, CONFIG_FILE_BYTES_MAX);
    return OK;
}

status_t config_write_file (const char *path, const config_line_t *lines, size_t n, fault_t *fault)
{
    buf_t text = { 0 };
    status_t status = read_file (path, &text, fault);
    if (status == OK)
        status = config_write_text (path, &text, lines, n, fault);
    if (status == OK)
        status = write_file (path, text.data, text.len, fault);
    buf_free (&text);
    return status;
}

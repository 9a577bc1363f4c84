#include "worker/chat_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "base/utf8.h"
#include "worker/answer_text.h"

extern const unsigned char shipped_judge_template [];   // cmake/Embed.cmake
extern const size_t shipped_judge_template_len;

static const char *const place_names [PLACE_COUNT] = { "conversation", "response", "rule" };
static const char *const section_names [] = { "system", "user" };
enum { SECTION_USER = 1, SECTIONS = 2 };

const char *chat_template_shipped (size_t *len)
{
    *len = shipped_judge_template_len;
    return (const char *) shipped_judge_template;
}

void chat_template_destroy (chat_template_t **t)
{
    if (*t == NULL)
        return;
    buf_free (&(*t)->messages);
    free (*t);
    *t = NULL;
}

// What is being read.
typedef struct {
    const char *name;               // of the file, for messages
    unsigned line;                  // counts from 1
    chat_template_t *t;
    unsigned place_line [PLACE_COUNT];      // where each place stands; 0: nowhere yet
    int section;                    // index in section_names; -1 before the first
    unsigned section_line;
    bool user;                      // a [user] section was there
    buf_t text;                     // of the section so far
    unsigned text_line;             // of the text's first line
    fault_t *fault;
} reader_t;

static int name_index (const char *const *names, size_t count, const char *name, size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (strlen (names [i]) == len && memcmp (names [i], name, len) == 0)
            return (int) i;
    return -1;
}

// --- places --------------------------------------------------------------------

static status_t unknown_place (reader_t *r, unsigned line, const char *name, size_t len)
{
    char word [64];
    plain_text (name, len, word, sizeof word);
    const char *near = nearest_name (word, place_names, PLACE_COUNT);
    return fault_set (r->fault, ERR_FORMAT, "%s:%u: unknown place \"{{%s}}\"; %s%s%s", r->name, line, word,
                      near ? "did you mean {{" : "there are {{conversation}}, {{response}} and {{rule}}", near ? near : "",
                      near ? "}}?" : "");
}

// The place whose name stands between "{{" and "}}".
static status_t add_place (reader_t *r, unsigned line, const char *name, size_t len)
{
    while (len > 0 && *name == ' ')
        name++, len--;
    while (len > 0 && name [len - 1] == ' ')
        len--;
    int place = name_index (place_names, PLACE_COUNT, name, len);
    if (place < 0)
        return unknown_place (r, line, name, len);
    if (r->place_line [place])
        return fault_set (r->fault, ERR_FORMAT, "%s:%u: {{%s}} stands here and in line %u; leave one of them", r->name, line,
                          place_names [place], r->place_line [place]);
    if (r->place_line [PLACE_RULE])
        return fault_set (r->fault, ERR_FORMAT, "%s:%u: {{%s}} stands behind {{rule}} (line %u); put {{rule}} last, so that "
                          "all rules of a response share what comes before it", r->name, line, place_names [place],
                          r->place_line [PLACE_RULE]);
    r->place_line [place] = line;
    r->t->place [r->t->n_places] = (chat_place_t) place;
    r->t->at [r->t->n_places++] = r->t->messages.len;
    return OK;
}

// The text of a section with its places taken out, as the inside of a JSON string.
static status_t add_content (reader_t *r, const char *text, size_t len)
{
    buf_t *out = &r->t->messages;
    unsigned line = r->text_line;
    const char *end = text + len;
    for (const char *open; (open = memmem (text, (size_t) (end - text), "{{", 2)) != NULL; ) {
        json_write_escaped (out, text, (size_t) (open - text));
        for (; text < open; text++)
            line += *text == '\n';
        const char *close = memmem (open, (size_t) (end - open), "}}", 2);
        if (close == NULL || memchr (open, '\n', (size_t) (close - open)))
            return fault_set (r->fault, ERR_FORMAT, "%s:%u: \"{{\" without \"}}\" in the same line", r->name, line);
        status_t status = add_place (r, line, open + 2, (size_t) (close - open) - 2);
        if (status)
            return status;
        text = close + 2;
    }
    json_write_escaped (out, text, (size_t) (end - text));
    return OK;
}

// --- sections ------------------------------------------------------------------

// The section that was read becomes a message. Empty lines around its text are left out.
static status_t end_section (reader_t *r)
{
    if (r->section < 0)
        return OK;
    const char *text = r->text.data;
    size_t len = r->text.len;
    while (len > 0 && strchr (" \t\n", text [len - 1]))
        len--;
    while (len > 0 && *text == '\n')
        text++, len--, r->text_line++;
    if (len == 0)
        return fault_set (r->fault, ERR_FORMAT, "%s:%u: the section [%s] is empty; write its text or leave it out", r->name,
                          r->section_line, section_names [r->section]);
    buf_t *out = &r->t->messages;
    buf_add_str (out, out->len ? ",{" : "[{");
    json_write_key (out, "role");
    json_write_cstring (out, section_names [r->section]);
    json_write_key (out, "content");
    buf_add_char (out, '"');
    status_t status = add_content (r, text, len);
    buf_add_str (out, "\"}");
    buf_clear (&r->text);
    return status;
}

// Is the line a word in brackets alone? *name is set to the word.
static bool is_section (const char *line, size_t len, const char **name, size_t *name_len)
{
    while (len > 0 && strchr (" \t", line [len - 1]))
        len--;
    if (len < 3 || line [0] != '[' || line [len - 1] != ']')
        return false;
    *name = line + 1;
    *name_len = len - 2;
    for (size_t i = 0; i < *name_len; i++)
        if (((*name) [i] | 0x20) < 'a' || ((*name) [i] | 0x20) > 'z')
            return false;
    return true;
}

static status_t begin_section (reader_t *r, const char *name, size_t len)
{
    status_t status = end_section (r);
    if (status)
        return status;
    r->section = name_index (section_names, SECTIONS, name, len);
    if (r->section < 0)
        return fault_set (r->fault, ERR_FORMAT, "%s:%u: unknown section [%.*s]; there are [system] and [user], and a text may have "
                          "no line like it", r->name, r->line, (int) (len < 64 ? len : 64), name);
    r->user = r->user || r->section == SECTION_USER;
    r->section_line = r->line;
    r->text_line = r->line + 1;
    return OK;
}

static bool is_blank (const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (line [i] != ' ' && line [i] != '\t')
            return false;
    return true;
}

static status_t take_line (reader_t *r, const char *line, size_t len)
{
    const char *name;
    size_t name_len;
    if (is_section (line, len, &name, &name_len))
        return begin_section (r, name, name_len);
    if (r->section >= 0) {
        buf_add (&r->text, line, len);
        buf_add_char (&r->text, '\n');
    }
    else if (len > 0 && line [0] != '#' && !is_blank (line, len))
        return fault_set (r->fault, ERR_FORMAT, "%s:%u: text before the first section; begin with a line [system] or [user]",
                          r->name, r->line);
    return OK;
}

static status_t check_whole (const reader_t *r)
{
    if (!r->user)
        return fault_set (r->fault, ERR_FORMAT, "%s:%u: there is no section [user]; add a line [user] before the question",
                          r->name, r->line);
    for (int i = 0; i < PLACE_COUNT; i++)
        if (r->place_line [i] == 0)
            return fault_set (r->fault, ERR_FORMAT, "%s:%u: {{%s}} is nowhere; each of {{conversation}}, {{response}} and {{rule}} "
                              "must stand once", r->name, r->line, place_names [i]);
    return OK;
}

static status_t check_bytes (const char *name, const char *text, size_t len, fault_t *fault)
{
    if (len > CHAT_TEMPLATE_BYTES_MAX)
        return fault_set (fault, ERR_LIMIT, "%s: %zu bytes; a template has at most %d", name, len, CHAT_TEMPLATE_BYTES_MAX);
    unsigned line = 1;
    for (size_t i = 0, n; i < len; i += n) {
        n = utf8_char (text + i, len - i);
        if (n == 0 || text [i] == '\0')
            return fault_set (fault, ERR_FORMAT, "%s:%u: %s; save the file as UTF-8 text", name, line,
                              n == 0 ? "invalid UTF-8" : "a NUL byte");
        line += text [i] == '\n';
    }
    return OK;
}

static status_t read_lines (reader_t *r, const char *text, size_t len)
{
    for (const char *end = text + len; text < end; r->line++) {
        const char *stop = memchr (text, '\n', (size_t) (end - text));
        size_t n = (size_t) ((stop ? stop : end) - text);
        status_t status = take_line (r, text, n > 0 && text [n - 1] == '\r' ? n - 1 : n);
        if (status)
            return status;
        text += n + (stop != NULL);
    }
    status_t status = end_section (r);
    buf_add_char (&r->t->messages, ']');
    return status ? status : check_whole (r);
}

status_t chat_template_parse (const char *name, const char *text, size_t len, chat_template_t **out, fault_t *fault)
{
    static const char mark [] = "\xEF\xBB\xBF";         // a byte-order mark, as some editors write
    *out = NULL;
    if (len >= 3 && memcmp (text, mark, 3) == 0)
        text += 3, len -= 3;
    status_t status = check_bytes (name, text, len, fault);
    if (status)
        return status;
    reader_t r = { .name = name, .line = 1, .t = mem_zero (1, sizeof *r.t), .section = -1, .fault = fault };
    status = read_lines (&r, text, len);
    buf_free (&r.text);
    if (status)
        chat_template_destroy (&r.t);
    *out = r.t;
    return status;
}

#include "storage/input_names.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

static const char *last_part (const char *path)
{
    const char *slash = strrchr (path, '/');
    return slash ? slash + 1 : path;
}

char *input_name (const char *path)
{
    const char *name = last_part (path);
    if (utf8_valid (name))
        return mem_string (name);
    buf_t quoted = { 0 };
    for (const unsigned char *p = (const unsigned char *) name; *p; p++)
        if (*p < 0x80)
            buf_add_char (&quoted, (char) *p);
        else
            buf_printf (&quoted, "%%%02X", *p);
    return quoted.data;
}

// input_name of what stands before, without making it.
static bool is_called (const char *path, const char *name)
{
    const char *other = last_part (path);
    if (strcmp (other, name) == 0)
        return true;
    if (strchr (name, '%') == NULL)
        return false;
    char *quoted = input_name (path);
    bool same = strcmp (quoted, name) == 0;
    free (quoted);
    return same;
}

char *input_names_at (const Rulemill__CorpusState *corpus, size_t input)
{
    char *name = input_name (corpus->inputs [input]->path);
    size_t before = 0;
    while (before < input && !is_called (corpus->inputs [before]->path, name))
        before++;
    if (before == input)
        return name;
    char *numbered = mem_printf ("%zu/%s", input + 1, name);
    free (name);
    return numbered;
}

void input_names_init (input_names_t *names, const Rulemill__CorpusState *corpus)
{
    *names = (input_names_t) { .name = mem_zero (corpus->n_inputs, sizeof *names->name), .n = corpus->n_inputs };
    for (size_t i = 0; i < names->n; i++)
        names->name [i] = input_names_at (corpus, i);
}

void input_names_free (input_names_t *names)
{
    for (size_t i = 0; i < names->n; i++)
        free (names->name [i]);
    free (names->name);
    *names = (input_names_t) { 0 };
}

void input_names_write (const input_names_t *names, uint32_t input, buf_t *out)
{
    if (input < names->n)
        buf_add_str (out, names->name [input]);
    else
        buf_printf (out, "input %" PRIu32, input);
}

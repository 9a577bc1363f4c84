#include "ops/reward_origin.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/mem.h"

enum { MANIFEST_BYTES_MAX = 16 * 1024 * 1024 };

static const char *text_of (const json_value_t *object, const char *key)
{
    const json_value_t *value = json_get (object, key);
    return json_is (value, JSON_STRING) ? value->text : "?";
}

static char *describe (const buf_t *manifest)
{
    json_doc_t *doc = json_doc_new ();
    const json_value_t *root;
    char *words = NULL;
    if (json_parse (doc, manifest->data, manifest->len, &root, NULL) == OK)
        words = mem_printf ("labels of %.40s, judge %.200s, policy %.160s", text_of (root, "run"), text_of (json_get (root, "judge"), "note"),
                            text_of (json_get (root, "spec"), "policy"));
    json_doc_destroy (&doc);
    return words;
}

static char *read_manifest (const char *path)
{
    FILE *file = fopen (path, "rbe");
    if (file == NULL)
        return NULL;
    buf_t text = { 0 };
    char part [64 * 1024];
    for (size_t n; text.len <= MANIFEST_BYTES_MAX && (n = fread (part, 1, sizeof part, file)) > 0; )
        buf_add (&text, part, n);
    fclose (file);
    char *words = text.len > 0 && text.len <= MANIFEST_BYTES_MAX ? describe (&text) : NULL;
    buf_free (&text);
    return words;
}

char *reward_origin (const char *path)
{
    char *words = NULL;
    for (int i = 0; i < 2 && words == NULL; i++) {
        char *name = mem_printf ("%s/%smanifest.json", path, i == 0 ? "dataset/" : "");
        words = read_manifest (name);
        free (name);
    }
    return words ? words : mem_printf ("preferences stated in %.300s", path);
}

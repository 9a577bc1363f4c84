#include "ops/served_form.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "storage/input.h"
#include "storage/textkey.h"
#include "worker/pooled.h"

enum { TEMPLATE_BYTES_MAX = 64 * 1024 };

struct served_form {
    pooled_route_t route;
    char *model;
    bool has_template;
    char *begin, *turn, *end;       // of the template; NULL where it has none
};

// --- the template -------------------------------------------------------------

static bool read_part (const json_value_t *object, const char *key, char **out)
{
    const json_value_t *value = json_get (object, key);
    if (value == NULL)
        return true;
    if (!json_is (value, JSON_STRING) || memchr (value->text, '\0', value->len))
        return false;
    *out = mem_string (value->text);
    return true;
}

static status_t parse_template (served_form_t *form, const char *path, const buf_t *text, fault_t *fault)
{
    json_doc_t *doc = json_doc_new ();
    const json_value_t *object;
    status_t status = json_parse (doc, text->data, text->len, &object, fault);
    if (status != OK)
        fault_prefix (fault, "%s", path);
    else if (!read_part (object, "begin", &form->begin) || !read_part (object, "turn", &form->turn) || !read_part (object, "end", &form->end)
             || form->turn == NULL || strstr (form->turn, "{{content}}") == NULL)
        status = fault_set (fault, ERR_FORMAT, "%s: it should be {\"begin\": TEXT, \"turn\": TEXT with {{role}} and {{content}}, \"end\": TEXT}", path);
    json_doc_destroy (&doc);
    return status;
}

static status_t read_template (served_form_t *form, const char *path, fault_t *fault)
{
    buf_t text = { 0 };
    FILE *file = fopen (path, "rbe");
    if (file == NULL)
        return fault_set (fault, ERR_IO, "%s: %s", path, strerror (errno));
    buf_reserve (&text, TEMPLATE_BYTES_MAX + 1);
    text.len = fread (text.data, 1, TEMPLATE_BYTES_MAX + 1, file);
    status_t status = ferror (file) ? fault_set (fault, ERR_IO, "%s: %s", path, strerror (errno))
                    : text.len > TEMPLATE_BYTES_MAX ? fault_set (fault, ERR_LIMIT, "%s: a template has at most %d bytes", path, TEMPLATE_BYTES_MAX)
                    : parse_template (form, path, &text, fault);
    fclose (file);
    buf_free (&text);
    form->has_template = true;
    return status;
}

status_t served_form_new (const char *url, const char *model, const char *template_path, served_form_t **out, fault_t *fault)
{
    *out = NULL;
    pooled_route_t route;
    if (!pooled_route_of (url, &route))
        return fault_set (fault, ERR_USAGE, "%.200s: a reward server's URL ends with /classify, /pooling or /score", url);
    if (model == NULL)
        return fault_set (fault, ERR_USAGE, "%.200s: which model? say --model NAME, as the server calls it", url);
    served_form_t *form = mem_zero (1, sizeof *form);
    form->route = route;
    form->model = mem_string (model);
    status_t status = template_path ? read_template (form, template_path, fault) : OK;
    if (status != OK)
        served_form_destroy (&form);
    *out = form;
    return status;
}

void served_form_destroy (served_form_t **form)
{
    if (*form == NULL)
        return;
    free ((*form)->model);
    free ((*form)->begin);
    free ((*form)->turn);
    free ((*form)->end);
    free (*form);
    *form = NULL;
}

static void hash_text (hasher_t *hasher, const char *text)
{
    hasher_add_u64 (hasher, text ? strlen (text) + 1 : 0);
    if (text)
        hasher_add (hasher, text, strlen (text));
}

digest_t served_form_identity (const served_form_t *form)
{
    hasher_t *hasher = hasher_new ();
    hash_text (hasher, pooled_path (form->route));
    hash_text (hasher, form->model);
    hash_text (hasher, form->begin);
    hash_text (hasher, form->turn);
    hash_text (hasher, form->end);
    return hasher_end (&hasher);
}

// --- requests -----------------------------------------------------------------

// The turn's text with role and content in their places. What they hold is not looked through again.
static void add_turn (const served_form_t *form, const Rulemill__Turn *turn, buf_t *out)
{
    for (const char *p = form->turn; *p; ) {
        bool role = strncmp (p, "{{role}}", 8) == 0, content = strncmp (p, "{{content}}", 11) == 0;
        if (role || content)
            buf_add_str (out, role ? turn->role : turn->content);
        else
            buf_add_char (out, *p);
        p += role ? 8 : content ? 11 : 1;
    }
}

// Turns as a text: by the template; else one turn alone is its content, several have their roles before them.
static void add_turns (const served_form_t *form, const Rulemill__Conversation *text, buf_t *out)
{
    for (size_t i = 0; i < text->n_turns; i++)
        if (form->has_template)
            add_turn (form, text->turns [i], out);
        else if (text->n_turns == 1)
            buf_add_str (out, text->turns [i]->content);
        else
            buf_printf (out, "%s%s: %s", i ? "\n\n" : "", text->turns [i]->role, text->turns [i]->content);
}

static void write_text (const served_form_t *form, const Rulemill__Conversation *prompt, const Rulemill__Conversation *response, buf_t *out)
{
    buf_t text = { 0 };
    buf_add_str (&text, form->begin ? form->begin : "");
    if (prompt)
        add_turns (form, prompt, &text);
    if (response)
        add_turns (form, response, &text);
    buf_add_str (&text, form->end ? form->end : "");
    json_write_string (out, text.data, text.len);
    buf_free (&text);
}

static void write_messages (const Rulemill__Conversation *text, buf_t *out)
{
    for (size_t i = 0; i < text->n_turns; i++) {
        buf_add_str (out, out->data [out->len - 1] == '[' ? "{" : ",{");
        json_write_key (out, "role");
        json_write_cstring (out, text->turns [i]->role);
        json_write_key (out, "content");
        json_write_cstring (out, text->turns [i]->content);
        buf_add_char (out, '}');
    }
}

bool served_form_together (const served_form_t *form, const served_text_t *a, const served_text_t *b)
{
    return form->route == POOLED_SCORE ? a->prompt == b->prompt : form->has_template;
}

void served_form_request (const served_form_t *form, const served_text_t *texts, size_t n, buf_t *out)
{
    bool score = form->route == POOLED_SCORE, messages = !score && !form->has_template;
    buf_add_char (out, '{');
    json_write_key (out, "model");
    json_write_cstring (out, form->model);
    json_write_key (out, "use_activation");         // a sigmoid would round large rewards to one number
    buf_add_str (out, "false");
    if (form->has_template && !score) {
        json_write_key (out, "add_special_tokens"); // the template has them
        buf_add_str (out, "false");
    }
    if (score) {
        json_write_key (out, "text_1");
        write_text (form, texts [0].prompt, NULL, out);
    }
    json_write_key (out, score ? "text_2" : messages ? "messages" : "input");
    buf_add_char (out, '[');
    for (size_t i = 0; i < n; i++) {
        if (messages) {
            write_messages (texts [i].prompt, out);
            write_messages (texts [i].response, out);
            continue;
        }
        if (i > 0)
            buf_add_char (out, ',');
        write_text (form, score ? NULL : texts [i].prompt, texts [i].response, out);
    }
    buf_add_str (out, "]}");
}

// --- answers ------------------------------------------------------------------

bool served_form_answer (const served_form_t *form, json_doc_t *doc, const char *body, size_t len, size_t n, double *reward, char why [256])
{
    return pooled_answer (form->route, doc, body, len, n, 1, reward, why) == POOLED_READ;
}

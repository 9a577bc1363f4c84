#include "ops/config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/nearest.h"
#include "ops/config_keys.h"
#include "ops/config_yaml.h"

config_t *config_new (void)
{
    config_t *config = mem_zero (1, sizeof *config);
    size_t count;
    const config_key_t *keys = config_keys (&count);
    for (size_t i = 0; i < count; i++) {
        fault_t fault = { 0 };
        status_t status = OK;
        if (keys [i].initial)
            status = config_value_set (config, &keys [i], keys [i].name, keys [i].initial, &fault);
        assert (status == OK);
        (void) status;
    }
    return config;
}

void config_destroy (config_t **config)
{
    if (*config == NULL)
        return;
    size_t count;
    const config_key_t *keys = config_keys (&count);
    for (size_t i = 0; i < count; i++)
        config_value_clear (*config, &keys [i]);
    free (*config);
    *config = NULL;
}

static size_t place_of (const config_key_t *key)
{
    size_t count;
    return (size_t) (key - config_keys (&count));
}

// --- reading ---------------------------------------------------------------

typedef struct {
    config_t *config;
    const char *name;               // of the text
    const config_key_t *last;       // whose value came last: a list is emptied at its first item
} reading_t;

static status_t take_value (void *ctx, const config_key_t *key, const char *text, fault_t *fault)
{
    reading_t *reading = ctx;
    char who [512];
    snprintf (who, sizeof who, "%s: %s", reading->name, key->name);
    if (key != reading->last && key->type == CONFIG_NAMES)
        config_value_clear (reading->config, key);
    reading->last = key;
    reading->config->given [place_of (key)] = true;
    return config_value_set (reading->config, key, who, text, fault);
}

status_t config_load (config_t *config, const char *name, const char *yaml, size_t len, fault_t *fault)
{
    reading_t reading = { .config = config, .name = name };
    return config_yaml_read (name, yaml, len, take_value, &reading, fault);
}

status_t config_load_file (config_t *config, const char *path, fault_t *fault)
{
    FILE *file = fopen (path, "rbe");
    if (file == NULL)
        return fault_set (fault, ERR_IO, "%s: %s; check the path given with --config", path, strerror (errno));
    buf_t text = { 0 };
    buf_reserve (&text, CONFIG_FILE_BYTES_MAX + 1);
    text.len = fread (text.data, 1, CONFIG_FILE_BYTES_MAX + 1, file);
    bool failed = ferror (file);
    int error = errno;
    fclose (file);

    status_t status;
    if (failed)
        status = fault_set (fault, ERR_IO, "%s: %s", path, strerror (error));
    else if (text.len > CONFIG_FILE_BYTES_MAX)
        status = fault_set (fault, ERR_LIMIT, "%s: over %d bytes; this is no configuration", path, CONFIG_FILE_BYTES_MAX);
    else
        status = config_load (config, path, text.data, text.len, fault);
    buf_free (&text);
    return status;
}

// --- setting ---------------------------------------------------------------

static status_t find_key (const char *name, const config_key_t **key, fault_t *fault)
{
    size_t count;
    const config_key_t *keys = config_keys (&count);
    int place = config_find (name);
    if (place >= 0) {
        *key = &keys [place];
        return OK;
    }
    const char *names [CONFIG_KEYS_MAX];
    for (size_t i = 0; i < count; i++)
        names [i] = keys [i].name;
    const char *near = nearest_name (name, names, count);
    if (near)
        return fault_set (fault, ERR_USAGE, "--set: unknown key \"%.64s\"; did you mean %s?", name, near);
    return fault_set (fault, ERR_USAGE, "--set: unknown key \"%.64s\"; see rulemill help config", name);
}

// YAML that gives the key this value: "judge:\n missing: VALUE\n".
static void nested (const char *name, const char *value, buf_t *out)
{
    unsigned depth = 0;
    for (const char *c = name; *c; c++) {
        if (*c != '.') {
            buf_add_char (out, *c);
            continue;
        }
        buf_add_str (out, ":\n");
        depth++;
        for (unsigned i = 0; i < depth; i++)
            buf_add_char (out, ' ');
    }
    buf_printf (out, ": %s\n", value);
}

// "WHO:2: what" to "WHO: what": there are no lines on a command line.
static void drop_line (const char *who, fault_t *fault)
{
    size_t len = strlen (who);
    if (strncmp (fault->text, who, len) != 0 || fault->text [len] != ':')
        return;
    size_t digits = strspn (fault->text + len + 1, "0123456789");
    if (digits == 0)
        return;
    char *rest = fault->text + len + 1 + digits;
    memmove (fault->text + len, rest, strlen (rest) + 1);
}

status_t config_assign (config_t *config, const char *assignment, fault_t *fault)
{
    const char *equals = strchr (assignment, '=');
    if (equals == NULL || equals == assignment)
        return fault_set (fault, ERR_USAGE, "--set %.200s: write key=value, for example --set policy.top=3", assignment);
    if (equals [1] == '\0')
        return fault_set (fault, ERR_USAGE, "--set %.200s: the value is empty; leave it out for the default", assignment);
    if (strpbrk (equals, "\r\n"))
        return fault_set (fault, ERR_USAGE, "--set %.*s: the value has several lines", (int) (equals - assignment), assignment);

    char *name = mem_string_n (assignment, (size_t) (equals - assignment));
    const config_key_t *key;
    bool is_short = strcmp (name, "adapter") == 0;      // means policy.adapter, as in a file
    status_t status = is_short ? OK : find_key (name, &key, fault);
    if (status == OK) {
        buf_t yaml = { 0 };
        char who [256];
        snprintf (who, sizeof who, "--set %s", fault_shown (assignment) == assignment ? assignment : name);
        nested (name, equals + 1, &yaml);
        fault_t inner = { 0 };
        status = config_load (config, who, yaml.data, yaml.len, &inner);
        drop_line (who, &inner);
        if (status != OK)
            status = fault_set (fault, ERR_USAGE, "%s", inner.text);
        buf_free (&yaml);
    }
    free (name);
    return status;
}

status_t config_set_names (config_t *config, const char *key, const char *who, const char *const *items, size_t count,
                           fault_t *fault)
{
    size_t n;
    const config_key_t *keys = config_keys (&n);
    int place = config_find (key);
    assert (place >= 0);
    if (keys [place].type == CONFIG_NAMES)
        config_value_clear (config, &keys [place]);
    status_t status = OK;
    for (size_t i = 0; i < count && status == OK; i++)
        status = config_value_set (config, &keys [place], who, items [i], fault);
    config->given [place] = true;
    return status;
}

status_t config_set (config_t *config, const char *key, const char *who, const char *text, fault_t *fault)
{
    return config_set_names (config, key, who, &text, 1, fault);
}

// --- taking over -----------------------------------------------------------

typedef struct { config_t *config; const char *prefix; const config_key_t *last; } inheriting_t;

static status_t take_over (void *ctx, const config_key_t *key, const char *text, fault_t *fault)
{
    inheriting_t *inheriting = ctx;
    if (inheriting->config->given [place_of (key)])
        return OK;
    if (strncmp (key->name, inheriting->prefix, strlen (inheriting->prefix)) != 0)
        return OK;
    if (key != inheriting->last && key->type == CONFIG_NAMES)
        config_value_clear (inheriting->config, key);
    inheriting->last = key;
    return config_value_set (inheriting->config, key, key->name, text, fault);
}

status_t config_inherit (config_t *config, const char *name, const char *yaml, const char *prefix, fault_t *fault)
{
    inheriting_t inheriting = { .config = config, .prefix = prefix };
    return config_yaml_read (name, yaml, strlen (yaml), take_over, &inheriting, fault);
}

bool config_given (const config_t *config, const char *key)
{
    int place = config_find (key);
    assert (place >= 0);
    return config->given [place];
}

bool config_names_a_run (const config_t *config)
{
    return config_names_a_run_but_for (config, NULL, 0);
}

static bool is_among (const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp (name, names [i]) == 0)
            return true;
    return false;
}

bool config_names_a_run_but_for (const config_t *config, const char *const *but, size_t n)
{
    size_t count;
    const config_key_t *keys = config_keys (&count);
    for (size_t i = 0; i < count; i++)
        if (keys [i].decides && config->given [i] && !is_among (keys [i].name, but, n))
            return true;
    return false;
}

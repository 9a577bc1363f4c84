#include "storage/run.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "storage/recipe.h"

enum { NAME_DIGITS = 12, PREFIX_DIGITS_MIN = 4 };

static const char name_prefix [] = "run-";

// --- the description ---

// Plain words stand as they are; everything else as a JSON string. So no two values look the same, and none has a
// newline or a comma that could be taken for the description's own.
static void add_text (buf_t *out, const char *text)
{
    size_t plain = 0;
    while (isalnum ((unsigned char) text [plain]) || (text [plain] && strchr ("-_./", text [plain])))
        plain++;
    if (plain > 0 && text [plain] == '\0')
        buf_add_str (out, text);
    else
        json_write_string (out, text, strlen (text));
}

static void add_hex (buf_t *out, const ProtobufCBinaryData *bytes)
{
    char hex [3];
    for (size_t i = 0; i < bytes->len; i++) {
        hex_encode (bytes->data + i, 1, hex);
        buf_add (out, hex, 2);
    }
    if (bytes->len == 0)
        buf_add_str (out, "(none)");
}

static void text_line (buf_t *out, const char *key, const char *text)
{
    buf_printf (out, "%s: ", key);
    if (text && *text)
        add_text (out, text);
    else
        buf_add_str (out, "(none)");
    buf_add_char (out, '\n');
}

static void hex_line (buf_t *out, const char *key, const ProtobufCBinaryData *bytes)
{
    buf_printf (out, "%s: ", key);
    add_hex (out, bytes);
    buf_add_char (out, '\n');
}

static void number_line (buf_t *out, const char *key, uint64_t number)
{
    buf_printf (out, "%s: %" PRIu64 "\n", key, number);
}

static void micro_line (buf_t *out, const char *key, uint32_t micro)
{
    buf_printf (out, "%s: ", key);
    json_write_micro (out, micro);
    buf_add_char (out, '\n');
}

static void texts_line (buf_t *out, const char *key, char *const *texts, size_t n)
{
    buf_printf (out, "%s: %s", key, n ? "" : "(none)");
    for (size_t i = 0; i < n; i++) {
        buf_add_str (out, i ? ", " : "");
        add_text (out, texts [i]);
    }
    buf_add_char (out, '\n');
}

static int by_bytes (const void *a, const void *b)
{
    const ProtobufCBinaryData *x = a, *y = b;
    size_t len = x->len < y->len ? x->len : y->len;
    int order = len ? memcmp (x->data, y->data, len) : 0;
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

// Benchmark files are a set: the order in which they were named does not make another run.
static void exclude_line (buf_t *out, const Rulemill__RunSpec *spec)
{
    ProtobufCBinaryData *sorted = mem_zero (spec->n_exclude, sizeof *sorted);
    if (spec->n_exclude > 0) {
        memcpy (sorted, spec->exclude, spec->n_exclude * sizeof *sorted);
        qsort (sorted, spec->n_exclude, sizeof *sorted, by_bytes);
    }
    buf_printf (out, "exclude: %s", spec->n_exclude ? "" : "(none)");
    for (size_t i = 0; i < spec->n_exclude; i++) {
        buf_add_str (out, i ? ", " : "");
        add_hex (out, &sorted [i]);
    }
    buf_add_char (out, '\n');
    free (sorted);
}

// Numbers of each rule are many: a digest stands for them. It is part of the policy's line, so that runs without any are named as ever.
static void policy_line (buf_t *out, const Rulemill__RunSpec *spec)
{
    if (spec->n_rule_weight == 0 && spec->redundancy.len == 0) {
        text_line (out, "policy", spec->policy);
        return;
    }
    hasher_t *hasher = hasher_new ();
    hasher_add_u64 (hasher, spec->n_rule_weight);
    for (size_t i = 0; i < spec->n_rule_weight; i++)
        hasher_add_u64 (hasher, spec->rule_weight [i]);
    hasher_add (hasher, spec->redundancy.data, spec->redundancy.len);
    digest_t digest = hasher_end (&hasher);
    char hex [DIGEST_HEX + 1];
    hex_encode (digest.b, DIGEST_BYTES, hex);
    buf_t text = { 0 };
    buf_printf (&text, "%s by weights %s", spec->policy, hex);
    text_line (out, "policy", text.data);
    buf_free (&text);
}

// The digest of a served one is that of its model's name and of how it is asked.
static void adapter_line (buf_t *out, const Rulemill__RunSpec *spec)
{
    if (*spec->adapter_model == '\0') {
        hex_line (out, "adapter", &spec->adapter);
        return;
    }
    buf_add_str (out, "adapter: ");
    add_hex (out, &spec->adapter);
    buf_add_str (out, " served as ");
    add_text (out, spec->adapter_model);
    buf_add_char (out, '\n');
}

void run_describe (const Rulemill__RunSpec *spec, buf_t *out)
{
    number_line (out, "method", spec->method);
    hex_line (out, "rules", &spec->pool);
    text_line (out, "judge", spec->judge);
    hex_line (out, "judge_identity", &spec->judge_identity);
    policy_line (out, spec);
    micro_line (out, "weight_relevance", spec->weight_relevance);
    micro_line (out, "weight_discrepancy", spec->weight_discrepancy);
    number_line (out, "top", spec->top);
    texts_line (out, "fixed_rules", spec->fixed_rules, spec->n_fixed_rules);
    number_line (out, "seed", spec->seed);
    micro_line (out, "tie_margin", spec->tie_margin);
    text_line (out, "orientation", spec->orientation);
    text_line (out, "ties", spec->ties);
    text_line (out, "missing", spec->missing);
    exclude_line (out, spec);
    text_line (out, "recipe", spec->recipe);
    adapter_line (out, spec);
}

digest_t run_digest (const Rulemill__RunSpec *spec)
{
    buf_t text = { 0 };
    buf_add_str (&text, "rulemill run\n");
    run_describe (spec, &text);
    digest_t digest = digest_of (text.data, text.len);
    buf_free (&text);
    return digest;
}

// What follows from the policy and says no more where that is another one.
static bool follows_from_policy (const char *line, size_t key)
{
    static const char *const keys [] = { "weight_relevance: ", "weight_discrepancy: ", "recipe: " };
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strlen (keys [i]) == key && memcmp (line, keys [i], key) == 0)
            return true;
    return false;
}

// Both descriptions have the same keys in the same order, one on each line.
void run_difference (const Rulemill__RunSpec *one, const char *where, const Rulemill__RunSpec *other, const char *elsewhere, buf_t *out)
{
    buf_t a = { 0 }, b = { 0 };
    run_describe (one, &a);
    run_describe (other, &b);
    const char *x = a.data, *y = b.data;
    bool other_policy = strcmp (one->policy, other->policy) != 0;
    while (*x && *y) {
        size_t x_len = strcspn (x, "\n"), y_len = strcspn (y, "\n"), key = strcspn (x, ":") + 2;
        bool differs = (x_len != y_len || memcmp (x, y, x_len) != 0) && !(other_policy && follows_from_policy (x, key));
        bool told = differs && strncmp (x, "recipe: ", key) == 0 && recipe_difference (one->recipe, where, other->recipe, elsewhere, out);
        if (differs && !told)
            buf_printf (out, "%.*s%.*s %s, %.*s %s\n", (int) key, x, (int) (x_len - key), x + key, where, (int) (y_len - key), y + key, elsewhere);
        x += x_len + 1;
        y += y_len + 1;
    }
    buf_free (&a);
    buf_free (&b);
}

void run_name (const digest_t *digest, char out [20])
{
    memcpy (out, name_prefix, sizeof name_prefix - 1);
    hex_encode (digest->b, NAME_DIGITS / 2, out + sizeof name_prefix - 1);
}

digest_t run_judge (const Rulemill__RunSpec *spec, size_t member, unsigned repeat)
{
    const ProtobufCBinaryData *identity = member < spec->n_panel ? &spec->panel [member]->identity : &spec->judge_identity;
    digest_t own = { { 0 } };
    if (identity->len == DIGEST_BYTES)
        memcpy (own.b, identity->data, DIGEST_BYTES);
    if (repeat == 0)
        return own;
    hasher_t *hasher = hasher_new ();
    static const char what [] = "rulemill repeat";
    hasher_add (hasher, what, sizeof what);
    hasher_add (hasher, own.b, sizeof own.b);
    hasher_add_u64 (hasher, repeat);
    return hasher_end (&hasher);
}

// --- finding one ---

// The digits of what the user typed, lower-case; false where it can't be a name.
static bool read_prefix (const char *text, char digits [DIGEST_HEX + 1])
{
    if (strncmp (text, name_prefix, sizeof name_prefix - 1) == 0)
        text += sizeof name_prefix - 1;
    size_t len = strlen (text);
    if (len < PREFIX_DIGITS_MIN || len > DIGEST_HEX)
        return false;
    for (size_t i = 0; i <= len; i++)
        digits [i] = (char) tolower ((unsigned char) text [i]);
    return strspn (digits, "0123456789abcdef") == len;
}

static status_t check_run (const Rulemill__RunRecord *run, fault_t *fault)
{
    if (run->spec && run->digest.len == DIGEST_BYTES)
        return OK;
    return fault_set (fault, ERR_CORRUPT, "the store's run %u has lost its specification; restore DIR from a copy, or start "
                      "again in another folder", run->number);
}

typedef struct {
    char digits [DIGEST_HEX + 1];       // "" matches none
    Rulemill__RunRecord *found;
    size_t matches;
    buf_t names;                        // of the matches, or of all where none matches
    buf_t all;
} search_t;

// Takes the record over.
static status_t look_at (search_t *search, Rulemill__RunRecord *run, fault_t *fault)
{
    status_t status = check_run (run, fault);
    bool match = false;
    if (status == OK) {
        char hex [DIGEST_HEX + 1];
        hex_encode (run->digest.data, DIGEST_BYTES, hex);
        match = *search->digits && strncmp (hex, search->digits, strlen (search->digits)) == 0;
        buf_printf (&search->all, " %s%.*s", name_prefix, NAME_DIGITS, hex);
        if (match)
            buf_printf (&search->names, " %s%.*s", name_prefix, DIGEST_HEX, hex);
    }
    search->matches += match;
    if (match && search->found == NULL)
        search->found = run;
    else
        rulemill__run_record__free_unpacked (run, NULL);
    return status;
}

static status_t search_runs (store_t *store, search_t *search, fault_t *fault)
{
    status_t status = OK;
    store_iter_t *iter = record_walk_runs (store);
    for (; status == OK && store_iter_valid (iter); store_iter_next (iter)) {
        Rulemill__RunRecord *run = record_read_run (iter, fault);
        status = run ? look_at (search, run, fault) : ERR_CORRUPT;
    }
    if (status == OK)
        status = store_iter_status (iter, fault);
    store_iter_destroy (&iter);
    return status;
}

static status_t find_named (store_t *store, const char *text, Rulemill__RunRecord **out, fault_t *fault)
{
    search_t search = { 0 };
    bool readable = read_prefix (text, search.digits);
    if (!readable)
        search.digits [0] = '\0';
    status_t status = search_runs (store, &search, fault);
    if (status == OK && search.matches > 1)
        status = fault_set (fault, ERR_USAGE, "\"%.80s\" could be any of%s; give more digits", text, search.names.data);
    else if (status == OK && search.matches == 0 && search.all.len == 0)
        status = fault_set (fault, ERR_NOT_FOUND, "there is no run \"%.80s\": the store has no runs yet; label the corpus first", text);
    else if (status == OK && search.matches == 0)
        status = fault_set (fault, ERR_NOT_FOUND, "there is no run \"%.80s\"%s; there are:%s", text,
                            readable ? "" : " (a name, or at least 4 of its digits)", search.all.data);
    if (status == OK)
        *out = search.found;
    else if (search.found)
        rulemill__run_record__free_unpacked (search.found, NULL);
    buf_free (&search.names);
    buf_free (&search.all);
    return status;
}

static status_t find_last (store_t *store, Rulemill__RunRecord **out, fault_t *fault)
{
    uint32_t number = 0;
    bool found;
    status_t status = record_last_run (store, &number, &found, fault);
    if (status == OK && found)
        status = record_get_run (store, number, out, fault);
    if (status == OK && *out == NULL)
        return fault_set (fault, ERR_NOT_FOUND, "the store has no runs yet; label the corpus first");
    if (status == OK)
        status = check_run (*out, fault);
    if (status && *out) {
        rulemill__run_record__free_unpacked (*out, NULL);
        *out = NULL;
    }
    return status;
}

status_t run_find (store_t *store, const char *text, Rulemill__RunRecord **out, fault_t *fault)
{
    *out = NULL;
    return text ? find_named (store, text, out, fault) : find_last (store, out, fault);
}

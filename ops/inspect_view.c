#include "ops/inspect_view.h"

#include <inttypes.h>
#include <string.h>

#include "ops/cmd.h"

enum { COLUMNS = 96, TURN_BYTES_MAX = 400, RULE_BYTES_MAX = 300, TURNS_SHOWN = 4, WORD_BYTES_MAX = 40, PAD = 10 };

// --- reading ---------------------------------------------------------------

static const char *text_of (const json_value_t *object, const char *key)
{
    const json_value_t *value = json_get (object, key);
    return json_is (value, JSON_STRING) ? value->text : NULL;
}

// A number as it was written; "-" where there is none.
static const char *number_of (const json_value_t *object, const char *key)
{
    const json_value_t *value = json_get (object, key);
    return json_is (value, JSON_NUMBER) ? value->text : "-";
}

static int64_t count_of (const json_value_t *object, const char *key)
{
    int64_t count = 0;
    return json_int (json_get (object, key), &count) ? count : 0;
}

// --- texts -----------------------------------------------------------------

static bool is_space (unsigned char c)
{
    return c <= ' ' || c == 0x7f;
}

// Where to cut a text to at most max bytes: at a space where one is near, and never within a character.
static size_t cut (const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    for (size_t back = 0; back < WORD_BYTES_MAX && back < max; back++)
        if (is_space ((unsigned char) text [max - back]))
            return max - back;
    while (max > 0 && ((unsigned char) text [max] & 0xc0) == 0x80)
        max--;
    return max;
}

// A word as terminals may see it: controls, also U+0080 to U+009F, become "?".
static void add_word (const char *word, size_t len, buf_t *out)
{
    for (size_t i = 0; i < len; i++) {
        bool control = is_space ((unsigned char) word [i]) && word [i] != ' ';
        if ((unsigned char) word [i] == 0xc2 && i + 1 < len && (unsigned char) word [i + 1] < 0xa0) {
            control = true;
            i++;
        }
        buf_add_char (out, control ? '?' : word [i]);
    }
}

static void add_name (const char *name, buf_t *out)
{
    add_word (name ? name : "?", name ? strlen (name) : 1, out);
}

void inspect_wrap (const char *text, size_t len, size_t max, buf_t *out)
{
    size_t end = cut (text, len, max), column = 0;
    for (size_t at = 0; at < end;) {
        while (at < end && is_space ((unsigned char) text [at]))
            at++;
        size_t from = at;
        while (at < end && !is_space ((unsigned char) text [at]))
            at++;
        if (at == from)
            break;
        bool fits = column > 0 && column + 1 + (at - from) <= COLUMNS;
        buf_add_str (out, fits ? " " : column > 0 ? "\n  " : "  ");
        column = fits ? column + 1 + (at - from) : 2 + (at - from);
        add_word (text + from, at - from, out);
    }
    buf_add_str (out, end < len ? " ...\n" : "\n");
}

static void add_text (const char *text, size_t max, buf_t *out)
{
    inspect_wrap (text, strlen (text), max, out);
}

// The last turns of a conversation, each with its role unless it is one answer.
static void add_turns (const json_value_t *turns, bool roles, buf_t *out)
{
    const json_value_t *turn = json_is (turns, JSON_ARRAY) ? turns->child : NULL;
    uint32_t hidden = turn && turns->count > TURNS_SHOWN ? turns->count - TURNS_SHOWN : 0;
    if (hidden > 0)
        buf_printf (out, "  ... %" PRIu32 " earlier turn%s\n", hidden, hidden == 1 ? "" : "s");
    for (; turn; turn = turn->next) {
        if (hidden > 0) {
            hidden--;
            continue;
        }
        const char *role = text_of (turn, "role"), *content = text_of (turn, "content");
        buf_t line = { 0 };
        if (roles || turns->count > 1)
            buf_printf (&line, "%s: ", role ? role : "?");
        buf_add_str (&line, content ? content : "");
        inspect_wrap (line.data, line.len, TURN_BYTES_MAX, out);
        buf_free (&line);
    }
}

// --- the pair --------------------------------------------------------------

static void add_panel (const json_value_t *inspected, buf_t *out)
{
    const json_value_t *panel = json_get (inspected, "panel");
    if (!json_is (panel, JSON_ARRAY) || panel->count == 0)
        return;
    buf_add_str (out, ": ");
    add_name (text_of (inspected, "combine"), out);
    buf_printf (out, " of a panel of %" PRIu32 ": ", panel->count);
    for (const json_value_t *name = panel->child; name; name = name->next) {
        add_name (json_is (name, JSON_STRING) ? name->text : NULL, out);
        buf_add_str (out, name->next ? ", " : "");
    }
}

static void add_place (const json_value_t *inspected, buf_t *out)
{
    const json_value_t *place = json_get (inspected, "place");
    const char *id = text_of (inspected, "id"), *file = text_of (place, "file");
    buf_add_str (out, "Pair      ");
    add_name (id, out);
    if (file) {
        buf_add_str (out, "  (");
        add_name (file, out);
        buf_printf (out, ":%" PRId64 ")", count_of (place, "line"));
    }
    buf_add_char (out, '\n');
    const char *duplicate = text_of (json_get (inspected, "asked_for"), "duplicate");
    if (duplicate) {
        buf_printf (out, "%*sasked for as its duplicate ", PAD, "");
        add_name (duplicate, out);
        buf_add_char (out, '\n');
    }
    const char *run = text_of (inspected, "run"), *judge = text_of (inspected, "judge"), *policy = text_of (inspected, "policy");
    if (run)
        buf_printf (out, "Run       %s, policy %s\n", run, policy ? policy : "?");
    if (judge) {
        buf_printf (out, "Judge     %s", cmd_judge_note (judge));
        add_panel (inspected, out);
        buf_add_char (out, '\n');
    }
}

static void add_response (const json_value_t *inspected, const char *name, const char *text_key, const char *model_key, buf_t *out)
{
    const char *model = text_of (inspected, model_key);
    buf_printf (out, "\n%s", name);
    if (model) {
        buf_add_str (out, " (");
        add_name (model, out);
        buf_add_char (out, ')');
    }
    buf_add_char (out, '\n');
    add_turns (json_get (inspected, text_key), false, out);
}

static void add_given (const json_value_t *inspected, buf_t *out)
{
    const json_value_t *votes = json_get (inspected, "given_preference");
    if (json_is (votes, JSON_OBJECT))
        buf_printf (out, "Given     %" PRId64 " for A, %" PRId64 " for B, %" PRId64 " for a tie\n",
                    count_of (votes, "a"), count_of (votes, "b"), count_of (votes, "tie"));
    int64_t duplicates = count_of (inspected, "n_duplicates");
    if (duplicates > 0)
        buf_printf (out, "%*sthe pair stands %" PRId64 " more time%s in the corpus\n", PAD, "", duplicates, duplicates == 1 ? "" : "s");
}

static void add_pair (const json_value_t *inspected, buf_t *out)
{
    buf_add_str (out, "\nPrompt\n");
    add_turns (json_get (inspected, "prompt"), true, out);
    add_response (inspected, "A", "response_a", "model_a", out);
    add_response (inspected, "B", "response_b", "model_b", out);
    buf_add_char (out, '\n');
    add_given (inspected, out);
}

// --- the label -------------------------------------------------------------

static void add_outcome (const json_value_t *label, buf_t *out)
{
    const json_value_t *outcome = json_get (label, "outcome");
    bool tie = json_equals (outcome, "tie");
    if (tie)
        buf_add_str (out, "Label     tie");
    else
        buf_printf (out, "Label     %s is preferred", json_equals (outcome, "a") ? "A" : "B");
    if (json_is (json_get (label, "mean_a"), JSON_NUMBER))
        buf_printf (out, ": A %s, B %s, margin %s", number_of (label, "mean_a"), number_of (label, "mean_b"), number_of (label, "margin"));
    buf_add_char (out, '\n');
}

static void add_rule (const json_value_t *rule, buf_t *out)
{
    const char *id = text_of (rule, "id"), *text = text_of (rule, "text");
    bool against = json_get (rule, "polarity") && number_of (rule, "polarity") [0] == '-';
    buf_printf (out, "%2" PRId64 " %c %-36s %9s %9s %10s %9s\n", count_of (rule, "rank"), against ? '-' : '+', id ? id : "?",
                number_of (rule, "score_a"), number_of (rule, "score_b"), number_of (rule, "relevance"), number_of (rule, "value"));
    buf_t indented = { 0 };
    if (text)
        add_text (text, RULE_BYTES_MAX, &indented);
    if (indented.len > 0)
        buf_printf (out, "   %s", indented.data);
    buf_free (&indented);
}

static void add_rules (const json_value_t *rules, buf_t *out)
{
    if (!json_is (rules, JSON_ARRAY) || rules->count == 0)
        return;
    buf_printf (out, "\n     %-36s %9s %9s %10s %9s\n", "rule", "score A", "score B", "relevance", "value");
    for (const json_value_t *rule = rules->child; rule; rule = rule->next)
        add_rule (rule, out);
    buf_add_str (out, "     + following the rule speaks for a response; - against it, its scores count negated\n");
}

// --- why -------------------------------------------------------------------

static void why_selected (const json_value_t *inspected, const json_value_t *label, uint32_t n_rules, buf_t *out)
{
    const json_value_t *policy = json_get (label, "selected_by");
    if (json_equals (policy, "exhaustive"))
        buf_printf (out, "All rules were judged; the %" PRIu32 " of largest value decide, where value = %s x relevance + %s x the "
                    "difference of the two scores. ", n_rules, number_of (inspected, "weight_relevance"),
                    number_of (inspected, "weight_discrepancy"));
    else if (json_equals (policy, "adapter"))
        buf_printf (out, "A Rule Adapter foresaw from the texts alone that these %" PRIu32 " rules would tell the two responses apart; only rules "
                    "that it foresaw were judged, and those of value 0 left out. ", n_rules);
    else if (json_equals (policy, "discrepancy"))
        buf_printf (out, "All rules were judged; the %" PRIu32 " whose two scores differ most decide. ", n_rules);
    else if (json_equals (policy, "all"))
        buf_printf (out, "All %" PRIu32 " rules decide. ", n_rules);
    else if (json_equals (policy, "entropy"))
        buf_printf (out, "All rules were judged; the %" PRIu32 " of largest value times the rule's weight decide, averaged by these weights. ", n_rules);
    else if (json_equals (policy, "diverse"))
        buf_printf (out, "All rules were judged; %" PRIu32 " were taken one after the other, each by its value less what it repeats of those before it. ", n_rules);
    else if (json_equals (policy, "relevance"))
        buf_printf (out, "All rules were judged; the %" PRIu32 " of largest value decide, averaged by their relevance. ", n_rules);
    else if (json_equals (policy, "random"))
        buf_printf (out, "%" PRIu32 " rules, drawn by the run's seed and the pair, decide. ", n_rules);
    else if (json_equals (policy, "fixed"))
        buf_printf (out, "The %" PRIu32 " rules that the configuration names decide every pair. ", n_rules);
}

static void why_outcome (const json_value_t *inspected, const json_value_t *label, buf_t *out)
{
    const json_value_t *outcome = json_get (label, "outcome"), *reason = json_get (label, "tie_reason");
    bool tie = json_equals (outcome, "tie");
    if (json_equals (reason, "identical"))
        buf_add_str (out, "The two responses are the same text: a tie by definition, nothing was judged.");
    else if (json_equals (reason, "no-rule"))
        buf_add_str (out, "No rule tells the two responses apart.");
    else if (json_equals (reason, "margin") && strcmp (number_of (inspected, "tie_margin"), "0.0") == 0)
        buf_add_str (out, "The two means are equal.");
    else if (json_equals (reason, "margin"))
        buf_printf (out, "The two means differ by at most the tie margin of %s.", number_of (inspected, "tie_margin"));
    else
        buf_printf (out, "Their mean is %s for A and %s for B, and the larger is preferred.", number_of (label, "mean_a"),
                    number_of (label, "mean_b"));
    if (!tie && json_is (reason, JSON_STRING))
        buf_add_str (out, " The published behaviour makes that B.");
}

static void add_why (const json_value_t *inspected, const json_value_t *label, buf_t *out)
{
    const json_value_t *rules = json_get (label, "rules");
    buf_t text = { 0 };
    if (json_is (rules, JSON_ARRAY) && rules->count > 0)
        why_selected (inspected, label, rules->count, &text);
    why_outcome (inspected, label, &text);
    buf_add_str (out, "\nWhy\n");
    add_text (text.data, text.len, out);
    buf_free (&text);
}

// What all rules say of an audited pair; its label stays the adapter's.
static void add_audit (const json_value_t *audit, const json_value_t *label, buf_t *out)
{
    if (!json_is (audit, JSON_OBJECT))
        return;
    const json_value_t *outcome = json_get (audit, "outcome"), *reason = json_get (audit, "reason");
    if (json_is (reason, JSON_STRING)) {
        buf_printf (out, "\nAudited: not every rule could be judged: %s\n", reason->text);
        return;
    }
    bool alike = json_equals (json_get (label, "outcome"), outcome->text);
    buf_printf (out, "\nAudited: judged by all rules besides, which gives %s label:", alike ? "the same" : "another");
    if (json_equals (outcome, "tie"))
        buf_add_str (out, " a tie");
    else
        buf_printf (out, " %s is preferred", json_equals (outcome, "a") ? "A" : "B");
    if (json_is (json_get (audit, "mean_a"), JSON_NUMBER))
        buf_printf (out, ", A %s, B %s", number_of (audit, "mean_a"), number_of (audit, "mean_b"));
    buf_add_char (out, '\n');
    add_rules (json_get (audit, "rules"), out);
}

static void add_no_label (const json_value_t *inspected, buf_t *out)
{
    const char *state = text_of (inspected, "state"), *reason = text_of (inspected, "reason"), *detail = text_of (inspected, "detail");
    bool more = reason && (state == NULL || strcmp (reason, state) != 0);
    buf_printf (out, "Label     none: %s%s%s\n", state ? state : "unknown", more ? ", " : "", more ? reason : "");
    if (detail)
        add_text (detail, TURN_BYTES_MAX, out);
    const char *raw = text_of (inspected, "raw");
    if (raw) {
        buf_add_str (out, "The answer was\n");
        add_text (raw, SIZE_MAX, out);
    }
}

void inspect_view (const json_value_t *inspected, buf_t *out)
{
    add_place (inspected, out);
    if (json_is (json_get (inspected, "prompt"), JSON_ARRAY))
        add_pair (inspected, out);
    const json_value_t *label = json_get (inspected, "label");
    if (!json_is (label, JSON_OBJECT)) {
        add_no_label (inspected, out);
        return;
    }
    add_outcome (label, out);
    add_rules (json_get (label, "rules"), out);
    add_why (inspected, label, out);
    add_audit (json_get (inspected, "audit"), label, out);
}

#include "storage/dataset_row.h"

#include <string.h>

#include "base/json.h"
#include "storage/dataset_text.h"

// --- parts of a row --------------------------------------------------------

static void add_string (buf_t *out, const char *key, const char *text)
{
    json_write_key (out, key);
    json_write_cstring (out, text && *text ? text : NULL);
}

static void add_micro (buf_t *out, const char *key, bool known, int64_t micro)
{
    json_write_key (out, key);
    if (known)
        json_write_micro (out, micro);
    else
        buf_add_str (out, "null");
}

static void add_hex (buf_t *out, const char *key, const ProtobufCBinaryData *bytes)
{
    char hex [KEY_HEX + 1];
    hex_encode (bytes->data, KEY_BYTES, hex);
    add_string (out, key, hex);
}

void dataset_write_messages (const Rulemill__Conversation *first, const Rulemill__Conversation *second, buf_t *out)
{
    const Rulemill__Conversation *const all [] = { first, second };
    buf_add_char (out, '[');
    for (size_t c = 0, n = 0; c < 2; c++)
        for (size_t t = 0; all [c] && t < all [c]->n_turns; t++, n++) {
            buf_add_str (out, n ? ",{" : "{");
            json_write_key (out, "role");
            json_write_cstring (out, all [c]->turns [t]->role);
            json_write_key (out, "content");
            json_write_cstring (out, all [c]->turns [t]->content);
            buf_add_char (out, '}');
        }
    buf_add_char (out, ']');
}

static void add_messages (buf_t *out, const char *key, const Rulemill__Conversation *first, const Rulemill__Conversation *second)
{
    json_write_key (out, key);
    dataset_write_messages (first, second, out);
}

static void add_text (buf_t *out, const char *key, const buf_t *text)
{
    json_write_key (out, key);
    json_write_string (out, text->data ? text->data : "", text->len);
}

// names: of the sides' scores, in the columns of each rule.
static void add_rules (const dataset_style_t *style, const dataset_view_t *view, const char *const names [2], buf_t *out)
{
    json_write_key (out, "rules");
    buf_add_char (out, '[');
    for (size_t r = 0; r < view->n_rules; r++) {
        buf_add_str (out, r ? ",{" : "{");
        add_string (out, "id", style->rules [view->rule [r]].id);
        add_micro (out, names [0], true, view->scores_first [r]);
        add_micro (out, names [1], true, view->scores_second [r]);
        buf_add_char (out, '}');
    }
    buf_add_char (out, ']');
}

static void add_votes (const dataset_view_t *view, const char *first, const char *second, buf_t *out)
{
    json_write_key (out, "given_preference");
    if (view->votes_first + view->votes_second + view->votes_tie == 0) {
        buf_add_str (out, "null");
        return;
    }
    buf_add_char (out, '{');
    json_member_count (out, first, view->votes_first);
    json_member_count (out, second, view->votes_second);
    json_member_count (out, "tie", view->votes_tie);
    buf_add_char (out, '}');
}

typedef struct { const char *score [2], *vote [2], *model [2]; } side_names_t;

static const side_names_t label_names = {
    { "score_chosen", "score_rejected" }, { "chosen", "rejected" }, { "chosen_model", "rejected_model" }
};
static const side_names_t tie_names = { { "score_a", "score_b" }, { "a", "b" }, { "model_a", "model_b" } };

const char *dataset_row_adapter (const dataset_style_t *style, const Rulemill__Label *label)
{
    if (strcmp (label->selected_by, "adapter") != 0)
        return "";
    return label->adapter > 0 && label->adapter <= style->n_adapters ? style->adapters [label->adapter - 1] : style->adapter;
}

// From the first score to the run: the same for labels and ties but for the names.
static void add_judgement (const dataset_style_t *style, const dataset_item_t *item, const dataset_view_t *view,
                           const side_names_t *names, buf_t *out)
{
    bool known = view->n_rules > 0;
    add_micro (out, names->score [0], known, view->mean_first);
    add_micro (out, names->score [1], known, view->mean_second);
    add_micro (out, "score_margin", known, view->margin);
    add_rules (style, view, names->score, out);
    add_string (out, "selected_by", item->label->selected_by);
    add_string (out, "adapter", dataset_row_adapter (style, item->label));
    json_member_count (out, "n_rules", view->n_rules);
    add_votes (view, names->vote [0], names->vote [1], out);
    add_string (out, names->model [0], view->model_first);
    add_string (out, names->model [1], view->model_second);
    add_string (out, "source", item->row->source);
    add_string (out, "meta", item->row->meta);
    add_hex (out, "pair_key", &item->pair->key);
    add_string (out, "run", style->run);
}

// --- labelled pairs --------------------------------------------------------

static void add_strings (const dataset_item_t *item, const dataset_view_t *view, buf_t *out)
{
    const Rulemill__Conversation *prompt = item->prompt->conversation;
    buf_t text = { 0 };
    bool open = text_begins_with_assistant (view->first->response) && text_begins_with_assistant (view->second->response);
    text_write_transcript (prompt, &text);
    if (open)
        buf_add_str (&text, TEXT_ASSISTANT);
    add_text (out, "prompt", &text);
    buf_clear (&text);
    text_write_reply (view->first->response, open, &text);
    add_text (out, "chosen", &text);
    buf_clear (&text);
    text_write_reply (view->second->response, open, &text);
    add_text (out, "rejected", &text);
    buf_free (&text);
}

static void add_rewardbench (const dataset_style_t *style, const dataset_item_t *item, const dataset_view_t *view, buf_t *out)
{
    const Rulemill__Conversation *prompt = item->prompt->conversation;
    buf_t text = { 0 };
    if (prompt->n_turns == 1)
        buf_add_str (&text, prompt->turns [0]->content);
    else
        text_write_transcript (prompt, &text);
    add_text (out, "prompt", &text);
    buf_free (&text);
    add_messages (out, "chosen", prompt, view->first->response);
    add_string (out, "chosen_model", view->model_first);
    add_messages (out, "rejected", prompt, view->second->response);
    add_string (out, "rejected_model", view->model_second);
    add_string (out, "subset", item->row->source);
    add_hex (out, "pair_key", &item->pair->key);
    add_string (out, "run", style->run);
}

bool dataset_row_fits (dataset_format_t format, const dataset_view_t *view)
{
    return format != FORMAT_REWARDBENCH
        || (view->first->response->n_turns == 1 && text_begins_with_assistant (view->first->response)
            && view->second->response->n_turns == 1 && text_begins_with_assistant (view->second->response));
}

void dataset_write_labelled (const dataset_style_t *style, const dataset_item_t *item, const dataset_view_t *view, buf_t *out)
{
    const Rulemill__Conversation *prompt = item->prompt->conversation;
    buf_add_char (out, '{');
    add_string (out, "id", item->id);
    switch (style->format) {
    case FORMAT_EXPLICIT:
        add_messages (out, "prompt", prompt, NULL);
        add_messages (out, "chosen", view->first->response, NULL);
        add_messages (out, "rejected", view->second->response, NULL);
        break;
    case FORMAT_IMPLICIT:
        add_messages (out, "chosen", prompt, view->first->response);
        add_messages (out, "rejected", prompt, view->second->response);
        break;
    case FORMAT_TEXT:
        add_strings (item, view, out);
        break;
    case FORMAT_REWARDBENCH:
        add_rewardbench (style, item, view, out);
        break;
    }
    if (style->format != FORMAT_REWARDBENCH)
        add_judgement (style, item, view, &label_names, out);
    buf_add_char (out, '}');
}

// --- the other files -------------------------------------------------------

const char *dataset_tie_reason (const Rulemill__Label *label)
{
    switch (label->tie_reason) {
    case RULEMILL__TIE_REASON__TIE_IDENTICAL: return "identical";
    case RULEMILL__TIE_REASON__TIE_NO_RULE: return "no-rule";
    case RULEMILL__TIE_REASON__TIE_MARGIN: return "margin";
    default: return NULL;
    }
}

const char *dataset_side_name (Rulemill__Side side)
{
    switch (side) {
    case RULEMILL__SIDE__SIDE_A: return "a";
    case RULEMILL__SIDE__SIDE_B: return "b";
    case RULEMILL__SIDE__SIDE_TIE: return "tie";
    default: return NULL;
    }
}

void dataset_write_tie (const dataset_style_t *style, const dataset_item_t *item, const dataset_view_t *view, buf_t *out)
{
    buf_add_char (out, '{');
    add_string (out, "id", item->id);
    add_messages (out, "prompt", item->prompt->conversation, NULL);
    add_messages (out, "response_a", view->first->response, NULL);
    add_messages (out, "response_b", view->second->response, NULL);
    add_string (out, "reason", dataset_tie_reason (item->label));
    add_judgement (style, item, view, &tie_names, out);
    buf_add_char (out, '}');
}

static void add_place (const dataset_style_t *style, uint32_t input, uint64_t row, buf_t *out)
{
    buf_t name = { 0 };
    input_names_write (&style->inputs, input, &name);
    add_text (out, "file", &name);
    buf_free (&name);
    json_member_count (out, "line", row);
}

void dataset_write_duplicate (const dataset_style_t *style, const dataset_item_t *pair, place_t place,
                              const Rulemill__RowRecord *row, const Rulemill__DuplicateRecord *duplicate, buf_t *out)
{
    buf_t id = { 0 };
    dataset_pair_id (row, duplicate->listed, place.i, place.j, &id);
    buf_add_char (out, '{');
    add_text (out, "id", &id);
    buf_free (&id);
    add_string (out, "pair_id", pair->id);
    json_write_key (out, "swapped");
    buf_add_str (out, duplicate->swapped ? "true" : "false");
    add_string (out, "given_preference", dataset_side_name (duplicate->given));
    add_place (style, place.input, place.row, out);
    add_hex (out, "pair_key", &pair->pair->key);
    buf_add_char (out, '}');
}

static void add_number (buf_t *out, const char *key, bool known, uint32_t number)
{
    if (known)
        json_member_count (out, key, number);
    else {
        json_write_key (out, key);
        buf_add_str (out, "null");
    }
}

void dataset_write_reject (const dataset_style_t *style, place_t place, bool response, const Rulemill__RejectRecord *reject, buf_t *out)
{
    buf_add_char (out, '{');
    add_string (out, "id", reject->id);
    add_string (out, "kind", response ? "response" : "row");
    add_place (style, place.input, place.row, out);
    add_number (out, "i", response, place.i);
    add_number (out, "j", false, 0);
    add_string (out, "reason", reject->reason);
    add_string (out, "detail", reject->detail);
    add_string (out, "pair_key", NULL);
    buf_add_char (out, '}');
}

void dataset_write_set_aside (const dataset_style_t *style, const dataset_item_t *item, buf_t *out)
{
    const Rulemill__Place *place = item->pair->place;
    buf_add_char (out, '{');
    add_string (out, "id", item->id);
    add_string (out, "kind", item->excluded ? "excluded" : "pair");
    add_place (style, place->input, place->row, out);
    add_number (out, "i", item->pair->listed, place->i);
    add_number (out, "j", item->pair->listed, place->j);
    add_string (out, "reason", item->excluded ? item->excluded->reason : "not-judged");
    add_string (out, "detail", item->excluded ? item->excluded->detail : item->label->reason);
    add_hex (out, "pair_key", &item->pair->key);
    buf_add_char (out, '}');
}

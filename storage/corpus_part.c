#include "storage/corpus_part.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "storage/textkey.h"

// A whole number without sign or spaces, up to a mark; *text is behind that then.
static bool read_number (const char **text, char mark, uint32_t *out)
{
    const char *at = *text;
    for (*out = 0; *at >= '0' && *at <= '9' && at - *text < 9; at++)
        *out = 10 * *out + (uint32_t) (*at - '0');
    bool good = at > *text && *at == mark;
    *text = at + good;
    return good;
}

static bool read_part (const char *text, char mark, corpus_part_t *out)
{
    return read_number (&text, '/', &out->number) && read_number (&text, mark, &out->of) && out->of > 0;
}

status_t corpus_part_read (const char *who, const char *text, corpus_part_t *out, fault_t *fault)
{
    if (!read_part (text, '\0', out))
        return fault_set (fault, ERR_USAGE, "%s: \"%.64s\" is not i/N; write 2/4 for the second of four parts", who, text);
    if (out->of > CORPUS_PARTS_MAX)
        return fault_set (fault, ERR_USAGE, "%s: \"%.64s\": a corpus can be cut into %d parts at most", who, text, CORPUS_PARTS_MAX);
    if (out->number < 1 || out->number > out->of)
        return fault_set (fault, ERR_USAGE, "%s: \"%.64s\": parts are counted from 1 to %" PRIu32, who, text, out->of);
    return OK;
}

void corpus_part_write (corpus_part_t part, buf_t *out)
{
    buf_printf (out, "%" PRIu32 "/%" PRIu32, part.number, part.of);
}

void corpus_part_member (corpus_part_t part, buf_t *out)
{
    buf_t text = { 0 };
    corpus_part_write (part, &text);
    json_member_text (out, "part", part.of > 0 ? text.data : NULL);
    buf_free (&text);
}

// The same share of the hashes for each.
bool corpus_part_has (corpus_part_t part, uint64_t seed, const Rulemill__Conversation *prompt)
{
    if (part.of <= 1)
        return true;
    content_key_t group = textkey_group (prompt);
    uint64_t width = UINT64_MAX / part.of + 1;
    return group_hash (seed, "part", &group) / width + 1 == part.number;
}

bool corpus_part_has_unread (corpus_part_t part, uint64_t row)
{
    return part.of <= 1 || row % part.of + 1 == part.number;
}

corpus_part_t corpus_part_of (const Rulemill__CorpusState *corpus)
{
    static const char key [] = "\npart=";
    corpus_part_t part = { 0 };
    const char *line = corpus ? strstr (corpus->options, key) : NULL;
    if (line && read_part (line + sizeof key - 1, '\n', &part))
        return part;
    return (corpus_part_t) { 0 };
}

uint64_t corpus_part_passed (const Rulemill__CorpusState *corpus, uint64_t *unusable)
{
    uint64_t rows = 0;
    *unusable = 0;
    for (size_t i = 0; i < corpus->n_inputs; i++) {
        rows += corpus->inputs [i]->passed;
        *unusable += corpus->inputs [i]->passed_unusable;
    }
    return rows;
}

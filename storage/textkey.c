#include "storage/textkey.h"

#include <string.h>

static hasher_t *begin (char tag)
{
    uint8_t head [2] = { TEXTKEY_VERSION, (uint8_t) tag };
    hasher_t *hasher = hasher_new ();
    hasher_add (hasher, head, sizeof head);
    return hasher;
}

static content_key_t finish (hasher_t *hasher)
{
    digest_t digest = hasher_end (&hasher);
    content_key_t key;
    memcpy (key.b, digest.b, sizeof key.b);
    return key;
}

static void add_text (hasher_t *hasher, const char *text)
{
    size_t len = strlen (text);
    hasher_add_u64 (hasher, len);
    hasher_add (hasher, text, len);
}

static void add_turn (hasher_t *hasher, const Rulemill__Turn *turn)
{
    add_text (hasher, turn->role);
    add_text (hasher, turn->content);
}

content_key_t textkey_prompt (const Rulemill__Conversation *prompt)
{
    hasher_t *hasher = begin ('P');
    for (size_t i = 0; i < prompt->n_turns; i++)
        add_turn (hasher, prompt->turns [i]);
    return finish (hasher);
}

content_key_t textkey_response (const content_key_t *prompt, const Rulemill__Conversation *response)
{
    hasher_t *hasher = begin ('R');
    hasher_add (hasher, prompt->b, sizeof prompt->b);
    for (size_t i = 0; i < response->n_turns; i++)
        add_turn (hasher, response->turns [i]);
    return finish (hasher);
}

content_key_t textkey_pair (const content_key_t *response_a, const content_key_t *response_b)
{
    bool sorted = memcmp (response_a->b, response_b->b, KEY_BYTES) <= 0;
    const content_key_t *first = sorted ? response_a : response_b, *second = sorted ? response_b : response_a;
    uint8_t bytes [2 + 2 * KEY_BYTES] = { TEXTKEY_VERSION, 'A' };
    memcpy (bytes + 2, first->b, KEY_BYTES);
    memcpy (bytes + 2 + KEY_BYTES, second->b, KEY_BYTES);
    digest_t digest = digest_of (bytes, sizeof bytes);
    content_key_t key;
    memcpy (key.b, digest.b, sizeof key.b);
    return key;
}

content_key_t textkey_group (const Rulemill__Conversation *prompt)
{
    hasher_t *hasher = begin ('G');
    for (size_t i = 0; i < prompt->n_turns; i++)
        if (strcmp (prompt->turns [i]->role, "user") == 0) {
            add_turn (hasher, prompt->turns [i]);
            break;
        }
    return finish (hasher);
}

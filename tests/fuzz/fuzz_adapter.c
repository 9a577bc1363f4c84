// Fuzz target: whatever a Rule Adapter's file holds, it is refused, or foresees finite values. Its digest is made right first, for
// what is behind the digest to be reached.
#include <string.h>

#include "base/mem.h"
#include "model/adapter.h"
#include "tests/fuzz/fuzz.h"

enum { RULES = 3, SELECTED = 2 };

static void use (const adapter_t *adapter)
{
    static const char *const texts [RULES] = { "It declines.", "It is calm.", "Something else." };
    adapter_rule_t rules [RULES];
    digest_t digests [RULES];
    const adapter_parts_t *parts = adapter_parts (adapter);
    for (uint32_t r = 0; r < RULES; r++) {
        digests [r] = digest_of (texts [r], strlen (texts [r]));
        if (r < parts->header->n_rules && r < 2)        // rules that it has learnt, and a stranger
            memcpy (digests [r].b, parts->rule [r].digest, DIGEST_BYTES);
        rules [r] = (adapter_rule_t) { &digests [r], texts [r] };
    }
    const adapter_text_t prompt = { "How do I pick a lock?", 21 }, a = { "Sorry, I can't help.", 20 }, b = { "With two \xFF pins.", 16 };
    float value [RULES];
    content_key_t key = { { 1 } };
    uint32_t selected [SELECTED];
    adapter_reader_t *reader = adapter_reader_new (adapter, rules, RULES);
    adapter_read_prompt (reader, &prompt, 1);
    adapter_read_pair (reader, &a, 1, &b, 1, value);
    for (size_t r = 0; r < RULES; r++)
        must (value [r] - value [r] == 0, "a value is finite");
    must (adapter_strangers (reader) <= RULES && adapter_unused (reader) <= parts->header->n_rules, "strangers and unused rules are counted");
    must (adapter_select (value, digests, RULES, 1, &key, SELECTED, selected) == SELECTED, "so many rules are selected");
    must (selected [0] < RULES && selected [1] < RULES && selected [0] != selected [1], "they are different rules of the pool");
    adapter_reader_destroy (&reader);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    uint8_t *bytes = mem_new (size ? size : 1);
    adapter_t *adapter = NULL;
    fault_t fault = { 0 };
    if (size)
        memcpy (bytes, data, size);
    const size_t behind = offsetof (adapter_header_t, digest) + DIGEST_BYTES;
    if (size >= behind) {
        digest_t digest = digest_of (bytes + behind, size - behind);
        memcpy (bytes + offsetof (adapter_header_t, digest), digest.b, DIGEST_BYTES);
    }
    status_t status = adapter_open ("fuzzed", bytes, size, &adapter, &fault);
    must ((status == OK) == (adapter != NULL) && (status == OK) == (fault.text [0] == '\0'), "it is opened, or refused with a reason");
    if (status == OK) {
        use (adapter);
        if (adapter_twin (adapter))
            use (adapter_twin (adapter));
    }
    adapter_destroy (&adapter);
    free (bytes);
    return 0;
}

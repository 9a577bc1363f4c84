// Fuzz target: whatever a reward model's file holds, it is refused, or gives finite rewards. Its digest is made right first, for
// what is before the digest to be reached.
#include <string.h>

#include "base/mem.h"
#include "model/reward.h"
#include "tests/fuzz/fuzz.h"

static void use (const reward_t *reward)
{
    const reward_facts_t *facts = reward_facts (reward);
    const reward_text_t prompt = { "How do I pick a lock?", 21 }, response = { "Sorry, \xFF I can't help with a lock.", 35 };
    features_t x = { 0 };
    must (memchr (facts->note, '\0', sizeof facts->note) != NULL, "the note ends in its room");
    reward_reader_t *reader = reward_reader_new (&facts->spec);
    reward_read_prompt (reader, &prompt, 1);
    reward_read_response (reader, &response, 1, &x);
    double plain = reward_score (reward, &x), with_length = reward_score_with_length (reward, &x);
    must (plain - plain == 0 && with_length - with_length == 0, "a reward is finite");
    size_t n;
    const reward_name_t *names = reward_names (reward, &n);
    for (size_t i = 0; i < n; i++)
        must (names [i].index < reward_dimensions (&facts->spec) && memchr (names [i].text, '\0', sizeof names [i].text) != NULL, "a name is a dimension's");
    features_free (&x);
    reward_reader_destroy (&reader);
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    uint8_t *bytes = mem_new (size ? size : 1);
    reward_t *reward = NULL;
    fault_t fault = { 0 };
    if (size)
        memcpy (bytes, data, size);
    if (size >= DIGEST_BYTES) {
        digest_t digest = digest_of (bytes, size - DIGEST_BYTES);
        memcpy (bytes + size - DIGEST_BYTES, digest.b, DIGEST_BYTES);
    }
    status_t status = reward_open ("fuzzed", bytes, size, &reward, &fault);
    must ((status == OK) == (reward != NULL) && (status == OK) == (fault.text [0] == '\0'), "it is opened, or refused with a reason");
    if (status == OK)
        use (reward);
    reward_destroy (&reward);
    free (bytes);
    return 0;
}

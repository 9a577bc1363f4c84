#include "tests/bench/judge_answers.h"

#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { CHATS = 512, ALTERNATIVES = 20, PROMPT_TOKENS = 700 };

struct judge_answers {
    reply_t chats [CHATS], models, busy, unknown;
};

// splitmix64 (Steele, Lea, Flood 2014)
static uint64_t mix (uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t hash (const char *data, size_t len)
{
    uint64_t h = len, word;
    for (; len >= sizeof word; data += sizeof word, len -= sizeof word) {
        memcpy (&word, data, sizeof word);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    word = 0;
    memcpy (&word, data, len);
    return mix (h ^ word);
}

static reply_t reply (const char *status, const buf_t *body)
{
    buf_t out = { 0 };
    buf_printf (&out, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status, body->len);
    buf_add (&out, body->data, body->len);
    return (reply_t) { out.data, out.len };
}

static reply_t reply_text (const char *status, const char *text)
{
    buf_t body = { 0 };
    buf_printf (&body, "%s", text);
    reply_t made = reply (status, &body);
    buf_free (&body);
    return made;
}

static void add_entry (buf_t *out, const char *token, double p)
{
    buf_printf (out, "{\"token\":\"%s\",\"logprob\":%.6f,\"bytes\":[", token, log (p));
    for (const char *c = token; *c; c++)
        buf_printf (out, "%s%d", c > token ? "," : "", (unsigned char) *c);
    buf_printf (out, "]");
}

// The three labels take .98 of the mass between them, the rest goes to words that are none.
static reply_t chat (uint64_t seed)
{
    static const char *const labels [] = { "Yes", "No", "Ir" };
    double p [3], sum = 0;
    for (size_t i = 0; i < 3; i++)
        sum += p [i] = 0.02 + pow ((double) (mix (seed * 3 + i) >> 11) / (double) (1ull << 53), 3);
    size_t best = p [1] > p [0] ? 1 : 0;
    best = p [2] > p [best] ? 2 : best;
    buf_t body = { 0 };
    buf_printf (&body, "{\"id\":\"chatcmpl-%" PRIu64 "\",\"object\":\"chat.completion\",\"created\":1700000000,\"model\":\"bench\","
                "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},\"finish_reason\":\"length\","
                "\"logprobs\":{\"content\":[", seed, labels [best]);
    add_entry (&body, labels [best], 0.98 * p [best] / sum);
    buf_printf (&body, ",\"top_logprobs\":[");
    for (unsigned i = 0; i < ALTERNATIVES; i++) {
        char other [16] = "word";
        other [3] = (char) ('a' + i);
        buf_printf (&body, "%s", i ? "," : "");
        add_entry (&body, i < 3 ? labels [i] : other, i < 3 ? 0.98 * p [i] / sum : 0.02 / (ALTERNATIVES - 3));
        buf_printf (&body, "}");
    }
    buf_printf (&body, "]}]}}],\"usage\":{\"prompt_tokens\":%d,\"completion_tokens\":1,\"total_tokens\":%d,"
                "\"prompt_tokens_details\":{\"cached_tokens\":%d}}}", PROMPT_TOKENS, PROMPT_TOKENS + 1, PROMPT_TOKENS / 16 * 16 - 64);
    reply_t made = reply ("200 OK", &body);
    buf_free (&body);
    return made;
}

judge_answers_t *judge_answers_new (void)
{
    judge_answers_t *answers = mem_zero (1, sizeof *answers);
    for (uint64_t i = 0; i < CHATS; i++)
        answers->chats [i] = chat (i + 1);
    answers->models = reply_text ("200 OK", "{\"object\":\"list\",\"data\":[{\"id\":\"bench\",\"object\":\"model\",\"owned_by\":\"tests\","
                                  "\"max_model_len\":32768}]}");
    answers->busy = reply_text ("429 Too Many Requests", "{\"error\":{\"message\":\"all places are taken\",\"type\":\"rate_limit\"}}");
    answers->unknown = reply_text ("404 Not Found", "{\"error\":{\"message\":\"no such path\",\"type\":\"not_found\"}}");
    return answers;
}

void judge_answers_destroy (judge_answers_t **self)
{
    judge_answers_t *answers = *self;
    if (answers == NULL)
        return;
    for (size_t i = 0; i < CHATS; i++)
        free ((void *) answers->chats [i].data);
    free ((void *) answers->models.data);
    free ((void *) answers->busy.data);
    free ((void *) answers->unknown.data);
    free (answers);
    *self = NULL;
}

const reply_t *judge_answers_chat (const judge_answers_t *answers, const char *body, size_t len)
{
    return &answers->chats [hash (body, len) % CHATS];
}

const reply_t *judge_answers_models (const judge_answers_t *answers)
{
    return &answers->models;
}

const reply_t *judge_answers_busy (const judge_answers_t *answers)
{
    return &answers->busy;
}

const reply_t *judge_answers_unknown (const judge_answers_t *answers)
{
    return &answers->unknown;
}

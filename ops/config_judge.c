#include "ops/config_judge.h"

#include <string.h>

#include "base/json.h"
#include "ops/number.h"

// What stands behind "http://" or "https://"; NULL where neither is there.
static const char *after_scheme (const char *text)
{
    static const char *const schemes [] = { "http://", "https://" };
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strncmp (text, schemes [i], strlen (schemes [i])) == 0)
            return text + strlen (schemes [i]);
    return NULL;
}

bool config_judge_is_url (const char *text)
{
    return strstr (text, "://") != NULL;        // of a scheme that is none of ours, too: it is refused without being quoted
}

static bool is_plain (const char *text)
{
    for (; *text; text++)
        if ((unsigned char) *text <= ' ' || (unsigned char) *text >= 0x7f)
            return false;
    return true;
}

// No message quotes what may hold a key.
static status_t check_url (const char *who, const char *text, const char *variable, const char *like, fault_t *fault)
{
    const char *rest = after_scheme (text);
    if (strchr (text, '@'))
        return fault_set (fault, ERR_USAGE, "%s: a URL must hold no user, password or key; put the key into %s", who, variable);
    if (strpbrk (text, "?#"))
        return fault_set (fault, ERR_USAGE, "%s: a URL must have no query; put a key into %s", who, variable);
    if (rest == NULL || *rest == '\0' || *rest == '/' || *rest == ':' || !is_plain (text))
        return fault_set (fault, ERR_USAGE, "%s: \"%.200s\" is no URL of a server; give one like %s", who, text, like);
    return OK;
}

status_t config_judge_url (const char *who, const char *text, fault_t *fault)
{
    static const char operation [] = "/chat/completions";
    status_t status = check_url (who, text, "OPENAI_API_KEY", "http://host:8000/v1", fault);
    const char *end = status == OK ? strstr (text, operation) : NULL;
    if (end)
        return fault_set (fault, ERR_USAGE, "%s: leave %s out: %.*s", who, operation, (int) (end - text), text);
    return status;
}

status_t config_adapter_url (const char *who, const char *text, fault_t *fault)
{
    return check_url (who, text, "ADAPTER_API_KEY", "http://host:8001/classify", fault);
}

status_t config_reward_url (const char *who, const char *text, fault_t *fault)
{
    return check_url (who, text, "OPENAI_API_KEY, or give --key-file", "http://host:8001/classify", fault);
}

status_t config_judge_weight (const char *who, const char *text, fault_t *fault)
{
    double weight = 0;
    status_t status = number_real (who, text, 0, 1e6, &weight, fault);
    if (status == OK && weight <= 0)
        return fault_set (fault, ERR_USAGE, "%s: a weight must be over 0; leave the URL out instead", who);
    return status;
}

status_t config_judge_extra (const char *who, const char *text, fault_t *fault)
{
    json_doc_t *doc = json_doc_new ();
    const json_value_t *root = NULL;
    fault_t inner = { 0 };
    status_t status = json_parse (doc, text, strlen (text), &root, &inner);
    if (status != OK)
        status = fault_set (fault, ERR_USAGE, "%s: %s; write a JSON object like {\"top_k\": 1}", who, inner.text);
    else if (!json_is (root, JSON_OBJECT))
        status = fault_set (fault, ERR_USAGE, "%s: a JSON object is needed, this is %s", who, json_type_name (root));
    json_doc_destroy (&doc);
    return status;
}

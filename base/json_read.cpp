// The one C++ file: a C face for RapidJSON's reader. It builds json_value_t
// trees in an arena; no exception leaves it, as RapidJSON throws none here.
#include "base/json.h"

#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <vector>

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/error/en.h>

namespace {

// Blocks that are kept from parse to parse; a block is never moved.
class Arena {
public:
    ~Arena () { for (auto &b : blocks) delete [] b.data; }
    void reset ()
    {
        // Keep one block of ordinary size, so that one huge row does not hold its memory for ever.
        while (blocks.size () > 1 || (blocks.size () == 1 && blocks [0].size > keep_max)) {
            delete [] blocks.back ().data;
            blocks.pop_back ();
        }
        used = 0;
    }
    void *take (std::size_t n)
    {
        n = (n + 15) & ~std::size_t (15);
        if (blocks.empty () || used + n > blocks.back ().size) {
            std::size_t size = n > block_size ? n : block_size;
            blocks.push_back ({ new char [size], size });
            used = 0;
        }
        void *p = blocks.back ().data + used;
        used += n;
        return p;
    }
private:
    static constexpr std::size_t block_size = 256 * 1024, keep_max = 4 * 1024 * 1024;
    struct Block { char *data; std::size_t size; };
    std::vector<Block> blocks;
    std::size_t used = 0;
};

struct Frame {
    json_value_t *container;
    json_value_t *last;
};

// RapidJSON refuses numbers that no double holds even where it hands them out as text. So a text with such a number is
// read once more from a copy in which they are zeros, and their text is taken from the original.
std::size_t number_len (const char *p, const char *end)
{
    const char *from = p;
    while (p < end && std::strchr ("+-.0123456789eE", *p) && *p)
        p++;
    return static_cast<std::size_t> (p - from);
}

std::size_t digits (const char *p, std::size_t at, std::size_t len)
{
    while (at < len && p [at] >= '0' && p [at] <= '9')
        at++;
    return at;
}

// Is this all of a number (RFC 8259, 6)?
bool is_number (const char *p, std::size_t len)
{
    std::size_t at = len > 0 && p [0] == '-', from = at;
    if ((at = digits (p, at, len)) == from || (p [from] == '0' && at > from + 1))
        return false;
    if (at < len && p [at] == '.') {
        from = at + 1;
        if ((at = digits (p, from, len)) == from)
            return false;
    }
    if (at < len && (p [at] == 'e' || p [at] == 'E')) {
        from = at + 1;
        from += from < len && (p [from] == '+' || p [from] == '-');
        if ((at = digits (p, from, len)) == from)
            return false;
    }
    return at == len;
}

std::string without_numbers (const char *text, std::size_t len)
{
    std::string copy (text, len);
    bool quoted = false;
    for (std::size_t i = 0; i < len; i++) {
        if (quoted && text [i] == '\\')
            i++;
        else if (text [i] == '"')
            quoted = !quoted;
        else if (!quoted && (text [i] == '-' || (text [i] >= '0' && text [i] <= '9'))) {
            std::size_t n = number_len (text + i, text + len);
            if (is_number (text + i, n))
                copy.replace (i, n, n, ' ').replace (i, 1, 1, '0');
            i += n - 1;
        }
    }
    return copy;
}

struct Handler {
    Arena &arena;
    const char *original = nullptr;     // where numbers are zeros in what is read: the text, and the stream
    std::size_t original_len = 0;
    const rapidjson::MemoryStream *stream = nullptr;
    json_value_t *root = nullptr;
    std::vector<Frame> stack;
    const char *key = nullptr;
    std::size_t key_len = 0;
    const char *twice = nullptr;        // a repeated key
    bool deep = false, wide = false, many = false, lone = false;
    std::size_t values = 0;

    explicit Handler (Arena &a) : arena (a) { stack.reserve (16); }

    const char *copy (const char *text, std::size_t len)
    {
        char *p = static_cast<char *> (arena.take (len + 1));
        if (len)
            std::memcpy (p, text, len);
        p [len] = '\0';
        return p;
    }

    // RapidJSON notices a high surrogate without its low one, but writes a low one by itself as ED B0..BF xx,
    // which is no UTF-8. Raw bytes like that were refused before they got here.
    bool surrogate (const char *text, std::size_t len)
    {
        const char *end = text + len;
        while (len > 2 && (text = static_cast<const char *> (std::memchr (text, 0xED, len - 2))) != nullptr) {
            if (static_cast<unsigned char> (text [1]) >= 0xA0)
                return lone = true;
            len = static_cast<std::size_t> (end - ++text);
        }
        return false;
    }

    json_value_t *add (json_type_t type)
    {
        auto *v = static_cast<json_value_t *> (arena.take (sizeof (json_value_t)));
        *v = json_value_t {};
        v->type = type;
        v->key = key;
        v->key_len = key_len;
        key = nullptr;
        key_len = 0;
        if (stack.empty ())
            root = v;
        else {
            Frame &top = stack.back ();
            (top.last ? top.last->next : top.container->child) = v;
            top.last = v;
            top.container->count++;
        }
        many = ++values > JSON_VALUES_MAX;
        return v;
    }

    bool Null () { add (JSON_NULL); return !many; }
    bool Bool (bool b) { add (b ? JSON_TRUE : JSON_FALSE); return !many; }
    bool Int (int) { return false; }
    bool Uint (unsigned) { return false; }
    bool Int64 (int64_t) { return false; }
    bool Uint64 (uint64_t) { return false; }
    bool Double (double) { return false; }

    bool RawNumber (const char *text, rapidjson::SizeType len, bool)
    {
        std::size_t n = len;
        if (original) {
            text = original + stream->Tell () - len;
            n = number_len (text, original + original_len);
        }
        json_value_t *v = add (JSON_NUMBER);
        v->text = copy (text, n);
        v->len = n;
        return !many;
    }

    bool String (const char *text, rapidjson::SizeType len, bool)
    {
        if (surrogate (text, len))
            return false;
        json_value_t *v = add (JSON_STRING);
        v->text = copy (text, len);
        v->len = len;
        return !many;
    }

    bool Key (const char *text, rapidjson::SizeType len, bool)
    {
        const json_value_t *object = stack.back ().container;
        if (object->count >= JSON_MEMBERS_MAX) {
            wide = true;
            return false;
        }
        for (const json_value_t *m = object->child; m; m = m->next)
            if (m->key_len == len && std::memcmp (m->key, text, len) == 0) {
                twice = m->key;
                return false;
            }
        if (surrogate (text, len))
            return false;
        key = copy (text, len);
        key_len = len;
        return true;
    }

    bool start (json_type_t type)
    {
        if (stack.size () >= JSON_DEPTH_MAX) {
            deep = true;
            return false;
        }
        json_value_t *v = add (type);
        stack.push_back ({ v, nullptr });
        return !many;
    }

    bool stop ()
    {
        stack.pop_back ();
        return true;
    }

    bool StartObject () { return start (JSON_OBJECT); }
    bool EndObject (rapidjson::SizeType) { return stop (); }
    bool StartArray () { return start (JSON_ARRAY); }
    bool EndArray (rapidjson::SizeType) { return stop (); }
};

const char *reason (rapidjson::ParseErrorCode code)
{
    switch (code) {
    case rapidjson::kParseErrorStringInvalidEncoding: return "invalid UTF-8";
    case rapidjson::kParseErrorStringUnicodeSurrogateInvalid: return "lone surrogate";
    default: return nullptr;
    }
}

}

struct json_doc {
    Arena arena;
    rapidjson::Reader reader;
};

extern "C" json_doc_t *json_doc_new (void)
{
    return new json_doc;
}

extern "C" void json_doc_destroy (json_doc_t **doc)
{
    delete *doc;
    *doc = nullptr;
}

namespace {

status_t say (const Handler &handler, const rapidjson::ParseResult &result, fault_t *fault)
{
    std::size_t at = result.Offset ();
    if (handler.lone)
        return fault_set (fault, ERR_FORMAT, "lone surrogate at byte %zu", at);
    if (handler.twice)
        return fault_set (fault, ERR_FORMAT, "key \"%.80s\" stands twice in one object (byte %zu)", handler.twice, at);
    if (handler.deep)
        return fault_set (fault, ERR_FORMAT, "nested deeper than %d levels (byte %zu)", JSON_DEPTH_MAX, at);
    if (handler.wide)
        return fault_set (fault, ERR_FORMAT, "more than %d keys in one object (byte %zu)", JSON_MEMBERS_MAX, at);
    if (handler.many)
        return fault_set (fault, ERR_FORMAT, "more than %d values (byte %zu)", JSON_VALUES_MAX, at);
    if (const char *word = reason (result.Code ()))
        return fault_set (fault, ERR_FORMAT, "%s at byte %zu", word, at);
    return fault_set (fault, ERR_FORMAT, "not JSON at byte %zu: %s", at, rapidjson::GetParseError_En (result.Code ()));
}

// Most answers and rows are ASCII, and have no encoding to check.
bool is_ascii (const char *text, std::size_t len)
{
    std::uint64_t all = 0;
    std::size_t i = 0;
    for (std::uint64_t word; i + sizeof word <= len; i += sizeof word) {
        std::memcpy (&word, text + i, sizeof word);
        all |= word;
    }
    for (; i < len; i++)
        all |= static_cast<unsigned char> (text [i]);
    return (all & 0x8080808080808080u) == 0;
}

// original: NULL, or what text was before its numbers became zeros.
status_t parse (json_doc_t *doc, const char *text, size_t len, const char *original, const json_value_t **root, fault_t *fault)
{
    constexpr unsigned flags = rapidjson::kParseNumbersAsStringsFlag;
    doc->arena.reset ();
    rapidjson::MemoryStream stream (text, len);
    Handler handler (doc->arena);
    handler.original = original;
    handler.original_len = len;
    handler.stream = &stream;
    rapidjson::ParseResult result = is_ascii (text, len) ? doc->reader.Parse<flags> (stream, handler)
                                                         : doc->reader.Parse<flags | rapidjson::kParseValidateEncodingFlag> (stream, handler);
    if (!result.IsError () && stream.Tell () == len) {
        *root = handler.root;
        return OK;
    }
    if (result.Code () == rapidjson::kParseErrorNumberTooBig && !original) {
        std::string zeros = without_numbers (text, len);
        return parse (doc, zeros.data (), len, text, root, fault);
    }
    // RapidJSON takes a NUL byte for the end of the text.
    if (!result.IsError () || (result.Offset () < len && text [result.Offset ()] == 0))
        return fault_set (fault, ERR_FORMAT, "not JSON at byte %zu: a NUL byte", result.IsError () ? result.Offset () : stream.Tell ());
    return say (handler, result, fault);
}

}

extern "C" status_t json_parse (json_doc_t *doc, const char *text, size_t len, const json_value_t **root, fault_t *fault)
{
    return parse (doc, text, len, nullptr, root, fault);
}

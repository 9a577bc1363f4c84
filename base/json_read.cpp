// The one C++ file: a C face for RapidJSON's reader. It builds json_value_t
// trees in an arena; no exception leaves it, as RapidJSON throws none here.
#include "base/json.h"

#include <cstring>
#include <new>
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

struct Handler {
    Arena &arena;
    json_value_t *root = nullptr;
    std::vector<Frame> stack;
    const char *key = nullptr;
    std::size_t key_len = 0;
    const char *twice = nullptr;        // a repeated key
    bool deep = false, wide = false;

    explicit Handler (Arena &a) : arena (a) {}

    const char *copy (const char *text, std::size_t len)
    {
        char *p = static_cast<char *> (arena.take (len + 1));
        if (len)
            std::memcpy (p, text, len);
        p [len] = '\0';
        return p;
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
        return v;
    }

    bool Null () { add (JSON_NULL); return true; }
    bool Bool (bool b) { add (b ? JSON_TRUE : JSON_FALSE); return true; }
    bool Int (int) { return false; }
    bool Uint (unsigned) { return false; }
    bool Int64 (int64_t) { return false; }
    bool Uint64 (uint64_t) { return false; }
    bool Double (double) { return false; }

    bool RawNumber (const char *text, rapidjson::SizeType len, bool)
    {
        json_value_t *v = add (JSON_NUMBER);
        v->text = copy (text, len);
        v->len = len;
        return true;
    }

    bool String (const char *text, rapidjson::SizeType len, bool)
    {
        json_value_t *v = add (JSON_STRING);
        v->text = copy (text, len);
        v->len = len;
        return true;
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
        return true;
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

extern "C" status_t json_parse (json_doc_t *doc, const char *text, size_t len, const json_value_t **root, fault_t *fault)
{
    constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag
                             | rapidjson::kParseValidateEncodingFlag;
    doc->arena.reset ();
    rapidjson::MemoryStream stream (text, len);
    Handler handler (doc->arena);
    rapidjson::ParseResult result = doc->reader.Parse<flags> (stream, handler);
    if (!result.IsError () && stream.Tell () == len) {
        *root = handler.root;
        return OK;
    }
    // RapidJSON takes a NUL byte for the end of the text.
    if (!result.IsError () || (result.Offset () < len && text [result.Offset ()] == 0))
        return fault_set (fault, ERR_FORMAT, "not JSON at byte %zu: a NUL byte", result.IsError () ? result.Offset () : stream.Tell ());
    if (handler.twice)
        return fault_set (fault, ERR_FORMAT, "key \"%.80s\" stands twice in one object (byte %zu)", handler.twice, result.Offset ());
    if (handler.deep)
        return fault_set (fault, ERR_FORMAT, "nested deeper than %d levels (byte %zu)", JSON_DEPTH_MAX, result.Offset ());
    if (handler.wide)
        return fault_set (fault, ERR_FORMAT, "more than %d keys in one object (byte %zu)", JSON_MEMBERS_MAX, result.Offset ());
    if (const char *word = reason (result.Code ()))
        return fault_set (fault, ERR_FORMAT, "%s at byte %zu", word, result.Offset ());
    return fault_set (fault, ERR_FORMAT, "not JSON at byte %zu: %s", result.Offset (), rapidjson::GetParseError_En (result.Code ()));
}

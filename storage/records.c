#include "storage/records.h"

#include <assert.h>

#include "storage/records_impl.h"

// --- keys ---

void key_add (record_key_t *key, const void *bytes, size_t len)
{
    assert (key->len + len <= sizeof key->bytes);
    memcpy (key->bytes + key->len, bytes, len);
    key->len += len;
}

void key_add_text (record_key_t *key, const char *text)
{
    key_add (key, text, strlen (text));
}

void key_add_u8 (record_key_t *key, uint8_t value)
{
    key_add (key, &value, 1);
}

void key_add_u32 (record_key_t *key, uint32_t value)
{
    uint8_t b [4] = { (uint8_t) (value >> 24), (uint8_t) (value >> 16), (uint8_t) (value >> 8), (uint8_t) value };
    key_add (key, b, sizeof b);
}

void key_add_u64 (record_key_t *key, uint64_t value)
{
    key_add_u32 (key, (uint32_t) (value >> 32));
    key_add_u32 (key, (uint32_t) value);
}

void key_add_place (record_key_t *key, place_t place)
{
    key_add_u32 (key, place.input);
    key_add_u64 (key, place.row);
    key_add_u32 (key, place.i);
    key_add_u32 (key, place.j);
}

uint32_t key_u32 (const uint8_t *at)
{
    return (uint32_t) at [0] << 24 | (uint32_t) at [1] << 16 | (uint32_t) at [2] << 8 | at [3];
}

uint64_t key_u64 (const uint8_t *at)
{
    return (uint64_t) key_u32 (at) << 32 | key_u32 (at + 4);
}

// --- records ---

void record_put (store_batch_t *batch, store_table_t table, const record_key_t *key, const ProtobufCMessage *message)
{
    buf_t value = { 0 };
    size_t len = protobuf_c_message_get_packed_size (message);
    buf_reserve (&value, len);
    value.len = protobuf_c_message_pack (message, (uint8_t *) value.data);
    assert (value.len == len);
    record_put_bytes (batch, table, key, value.data, value.len);
    buf_free (&value);
}

void record_put_bytes (store_batch_t *batch, store_table_t table, const record_key_t *key, const void *bytes, size_t len)
{
    store_batch_put (batch, table, key->bytes, key->len, bytes, len);
}

static status_t unreadable (const record_key_t *key, const char *what, fault_t *fault)
{
    char hex [2 * RECORD_KEY_MAX + 1];
    hex_encode (key->bytes, key->len, hex);
    return fault_set (fault, ERR_CORRUPT, "the store's %s under key %s can't be read; restore DIR from a copy, or start "
                      "again in another folder", what, hex);
}

status_t record_get (store_t *store, store_table_t table, const record_key_t *key, const ProtobufCMessageDescriptor *type,
                     void *out, fault_t *fault)
{
    buf_t value = { 0 };
    bool found;
    ProtobufCMessage *message = NULL;
    status_t status = store_get (store, table, key->bytes, key->len, &value, &found, fault);
    if (status == OK && found) {
        message = protobuf_c_message_unpack (type, NULL, value.len, (const uint8_t *) value.data);
        if (message == NULL)
            status = unreadable (key, type->short_name, fault);
    }
    buf_free (&value);
    memcpy (out, &message, sizeof message);
    return status;
}

status_t record_has (store_t *store, store_table_t table, const record_key_t *key, bool *has, fault_t *fault)
{
    return store_get (store, table, key->bytes, key->len, NULL, has, fault);
}

status_t record_get_fixed (store_t *store, store_table_t table, const record_key_t *key, void *out, size_t len,
                           bool *found, fault_t *fault)
{
    buf_t value = { 0 };
    status_t status = store_get (store, table, key->bytes, key->len, &value, found, fault);
    if (status == OK && *found && value.len != len)
        status = unreadable (key, "number", fault);
    if (status == OK && *found)
        memcpy (out, value.data, len);
    buf_free (&value);
    return status;
}

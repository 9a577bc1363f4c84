// limits: the bound on everything that comes from outside, in one place.
//
// Those that a user may want to move are keys of the configuration, whose
// defaults these are; the rest is fixed. Units are last in the names.
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

enum {
    // corpus
    LIMIT_ROW_BYTES = 16 * 1024 * 1024,         // one line of input, decompressed
    LIMIT_TEXT_BYTES = 1024 * 1024,             // one response or one turn of a prompt
    LIMIT_CONVERSATION_BYTES = 4 * 1024 * 1024, // all turns of a prompt together
    LIMIT_TURNS = 1024,                         // turns of a conversation
    LIMIT_RESPONSES = 1024,                     // responses in one row
    LIMIT_ID_BYTES = 512,                       // a row's id
    LIMIT_NAME_BYTES = 256,                     // a model's name, a source
    LIMIT_META_BYTES = 256 * 1024,              // the other fields of a row

    // rules
    LIMIT_RULES = 1000,
    LIMIT_JUDGES = 16,                          // of a panel
    LIMIT_REPEATS = 8,                          // times that a cell is judged over
    LIMIT_RULE_TEXT_BYTES = 4096,
    LIMIT_RULE_ID_BYTES = 64,
    LIMIT_POOL_BYTES = 16 * 1024 * 1024,
    LIMIT_PHRASES = 64,                         // in one list of one rule
    LIMIT_PHRASE_BYTES = 80,

    // rule adapter
    LIMIT_ADAPTER_BYTES = 16 * 1024 * 1024,

    // wire
    LIMIT_MESSAGE_BYTES = 32 * 1024 * 1024,     // any message, both ways
    LIMIT_BATCH_BYTES = 256 * 1024,             // a data batch; one larger item goes alone
    LIMIT_BLOB_CHUNK_BYTES = 256 * 1024,
    LIMIT_BLOB_BYTES = 64 * 1024 * 1024,
    LIMIT_PEERS = 4096,                         // workers known at a time
    LIMIT_LEASE_PAIRS = 65536,                  // items of one lease

    // store
    LIMIT_COMMIT_RECORDS = 256,                 // a commit is made at this many results,
    LIMIT_COMMIT_MS = 5,                        // or this long after the first
    LIMIT_WAL_BYTES = 256 * 1024 * 1024
};

#endif

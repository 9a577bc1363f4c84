// reward: the embedded reward model. r (x, y) is linear in hashed features of a prompt and a response.
//
// A baseline: what n-grams can tell, to be beaten by a real model. Trained as Bradley-Terry on pairs (model/reward_learn.h).
// Length is controlled for by holding it out: lengths are features while it learns, barely regularised, so that what length
// alone explains is credited to them; when a response is scored they are left out. reward_score_with_length has them.
//
// The file, little-endian: "RMREWARD", version, features' settings, how it was trained, a note, one float for each dimension, names of the
// n-grams that weigh most, SHA-256 of all before it. It is mapped; every length, index and number is checked before use.
#ifndef MODEL_REWARD_H
#define MODEL_REWARD_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/fault.h"
#include "model/reward_features.h"

enum { REWARD_VERSION = 1, REWARD_NOTE_MAX = 512, REWARD_NAMES_MAX = 1024, REWARD_NAME_BYTES_MAX = 64 };
#define REWARD_FILE_BYTES_MAX (32 * 1024 * (size_t) 1024)

// What is said of a model beside its weights.
typedef struct {
    features_spec_t spec;
    double cost;                        // C, as chosen
    double validation_loss;             // mean log-loss of a validation pair, in bits; NaN where there was none
    uint64_t pairs, ties, validation;   // it learnt from; of them ties; on which C was chosen
    uint64_t left_out;                  // by the caps on pairs and memory
    char note [REWARD_NOTE_MAX];        // what the preferences were
} reward_facts_t;

typedef struct { uint32_t index; char text [REWARD_NAME_BYTES_MAX + 1]; } reward_name_t;   // of an n-gram's dimension

// The bytes of a file. weights: one for each dimension, all finite; names: at most REWARD_NAMES_MAX.
void reward_write (const reward_facts_t *facts, const float *weights, const reward_name_t *names, size_t n_names, buf_t *out);

typedef struct reward reward_t;

// From bytes that are borrowed, or a file. ERR_IO, ERR_FORMAT (no reward model, another version, damaged), ERR_LIMIT.
status_t reward_open (const char *name, const void *bytes, size_t len, reward_t **out, fault_t *fault) MUST_USE;
status_t reward_open_file (const char *path, reward_t **out, fault_t *fault) MUST_USE;
void reward_destroy (reward_t **reward);

const reward_facts_t *reward_facts (const reward_t *reward);
digest_t reward_digest (const reward_t *reward);        // the one in the file
float reward_weight (const reward_t *reward, uint32_t index);
const reward_name_t *reward_names (const reward_t *reward, size_t *n);  // by ascending index

// x: as reward_read_response made it with the same settings. The reward of one response means something beside that of another to
// the same prompt alone.
double reward_score (const reward_t *reward, const features_t *x);
double reward_score_with_length (const reward_t *reward, const features_t *x);

#endif

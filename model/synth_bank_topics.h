// synth_bank_topics: the kinds of prompts, gathered by synth_bank_kinds.
#ifndef MODEL_SYNTH_BANK_TOPICS_H
#define MODEL_SYNTH_BANK_TOPICS_H

#include "model/synth_bank.h"

extern const synth_kind_t synth_kind_dangerous, synth_kind_offensive, synth_kind_misuse;           // _harm.c
extern const synth_kind_t synth_kind_looks_bad, synth_kind_sensitive, synth_kind_advice;           // _benign.c
extern const synth_kind_t synth_kind_plain, synth_kind_creative;

#endif

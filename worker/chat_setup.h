// chat_setup: a judge's setup message as what requests are made of and answers are read by.
#ifndef WORKER_CHAT_SETUP_H
#define WORKER_CHAT_SETUP_H

#include "proto/wire.pb-c.h"
#include "worker/chat.h"

// Borrows from setup.
chat_settings_t chat_setup_settings (const Rulemill__JudgeSetup *setup);

// What an unreadable answer is asked again with; an unknown name is none.
constrain_t chat_setup_constrain (const Rulemill__JudgeSetup *setup);

// Answers that make one cell: 1 with log-probabilities.
unsigned chat_setup_samples (const Rulemill__JudgeSetup *setup);

#endif

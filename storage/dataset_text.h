// dataset_text: conversations as plain text, in the form of the HH transcripts.
//
// Each turn is "\n\nHuman: " or "\n\nAssistant: " and its content; other roles stand with a capital ("\n\nSystem: ").
// (Bai et al. 2022, github.com/anthropics/hh-rlhf.)
#ifndef STORAGE_DATASET_TEXT_H
#define STORAGE_DATASET_TEXT_H

#include <stdbool.h>

#include "base/buf.h"
#include "proto/text.pb-c.h"

#define TEXT_ASSISTANT "\n\nAssistant:"     // what a prompt ends with; a reply then begins with a space

// All turns of a conversation.
void text_write_transcript (const Rulemill__Conversation *conversation, buf_t *out);

bool text_begins_with_assistant (const Rulemill__Conversation *response);

// A response that goes on behind a transcript. open: the transcript ends with TEXT_ASSISTANT already.
void text_write_reply (const Rulemill__Conversation *response, bool open, buf_t *out);

#endif

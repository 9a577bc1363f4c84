"""Rewards of a sequence-classification model with one output, by its own chat template."""

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from corpus import die, say


def load_tokenizer (path):
    tokenizer = AutoTokenizer.from_pretrained (path)
    if tokenizer.chat_template is None:
        die (f"{path} has no chat template; training and evaluation must format conversations alike, so give a model that has one")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model (path, tokenizer, bf16, **settings):
    model = AutoModelForSequenceClassification.from_pretrained (path, dtype=torch.bfloat16 if bf16 else torch.float32, **settings)
    model.config.pad_token_id = tokenizer.pad_token_id
    return model


def device ():
    return torch.device ("cuda" if torch.cuda.is_available () else "cpu")


def encode (tokenizer, conversation, length):
    """Token ids of a conversation; where it is too long the beginning is left out, for the response stands at the end."""
    ids = tokenizer.apply_chat_template (conversation, tokenize=True, return_dict=True) ["input_ids"]
    return ids [-length:]


@torch.no_grad ()
def rewards (model, tokenizer, conversations, length, batch):
    """One reward for each conversation (a list of messages), in their order; longest first, so that memory fails early."""
    model.eval ()
    encoded = [encode (tokenizer, conversation, length) for conversation in conversations]
    cut = sum (len (ids) == length for ids in encoded)
    if cut:
        say (f"{cut} of {len (encoded)} conversations have {length} tokens or more; their beginning is left out")
    order = sorted (range (len (encoded)), key=lambda i: -len (encoded [i]))
    out = [0.0] * len (encoded)
    for at in range (0, len (order), batch):
        places = order [at:at + batch]
        padded = tokenizer.pad ({"input_ids": [encoded [i] for i in places]}, return_tensors="pt").to (model.device)
        for i, value in zip (places, model (**padded).logits [:, 0].float ().tolist ()):
            out [i] = value
    return out

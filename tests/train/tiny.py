"""A tiny, randomly initialised model with a tokenizer and chat template of its own, in place of a base of full size."""

import json
import pathlib

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification, PreTrainedTokenizerFast

TEMPLATE = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
SPECIAL = ["<|begin|>", "<|end|>", "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>"]


def texts_of (dataset):
    for line in (pathlib.Path (dataset) / "train.jsonl").read_text (encoding="utf-8").split ("\n"):
        if line:
            row = json.loads (line)
            yield from (turn ["content"] for key in ("prompt", "chosen", "rejected") for turn in row [key])


def make_tokenizer (dataset):
    tokenizer = Tokenizer (models.BPE ())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel (add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel ()
    tokenizer.train_from_iterator (texts_of (dataset), trainers.BpeTrainer (
        vocab_size=1000, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet (), show_progress=False))
    return PreTrainedTokenizerFast (tokenizer_object=tokenizer, bos_token="<|begin|>", eos_token="<|end|>", pad_token="<|pad|>",
                                    chat_template=TEMPLATE)


def make (dataset, folder, reward=True):
    """A reward model, or a language model: what each script begins with. Returns the folder's name."""
    tokenizer = make_tokenizer (dataset)
    config = LlamaConfig (vocab_size=len (tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                          max_position_embeddings=4096, num_labels=1, pad_token_id=tokenizer.pad_token_id,
                          bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id)
    (LlamaForSequenceClassification if reward else LlamaForCausalLM) (config).save_pretrained (folder)
    tokenizer.save_pretrained (folder)
    return str (folder)

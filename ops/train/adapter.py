#!/usr/bin/env python3
"""Train a Rule Adapter of full size: from a prompt and two responses, which rules of the pool selection picks.

A sequence classifier with one output for each rule, learnt by binary cross-entropy from the rules of exhaustively selected labels.
Each pair is learnt in both orders of its responses, and predicted as the mean of both. What is too long is shortened in the middle of
the prompt and of both responses alike, so that no response falls away.

The text that the model reads is the same that `rulemill label --adapter http://...` sends to a server of it:

  Prompt:
  user: ...

  Response A:
  ...

  Response B:
  ...

example:
  train/bin/python ops/train/adapter.py job/dataset --out adapter
  vllm serve adapter --runner pooling

On several GPUs: torchrun --nproc-per-node 8 ops/train/adapter.py ...
"""

import argparse
import json
import os
import pathlib
import random

import numpy
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from corpus import die, intervals, read_split, sample, say, told
from pair_text import Reader

BASE = "meta-llama/Llama-3.2-3B-Instruct"


def arguments ():
    parser = argparse.ArgumentParser (description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument ("dataset", help="a dataset folder: train.jsonl, validation.jsonl, manifest.json")
    parser.add_argument ("--out", required=True, help="where checkpoints, the model and report.json go")
    parser.add_argument ("--base", default=BASE, help=f"name or folder of the model to begin with ({BASE})")
    parser.add_argument ("--pairs", type=int, default=0, help="pairs to train on, drawn by the seed; 0: all (0)")
    parser.add_argument ("--seed", type=int, default=1)
    parser.add_argument ("--learning-rate", type=float, default=2e-5)
    parser.add_argument ("--epochs", type=float, default=3)
    parser.add_argument ("--batch", type=int, default=8, help="texts of a step, over all GPUs (8)")
    parser.add_argument ("--micro-batch", type=int, default=2, help="texts at a time on one GPU (2)")
    parser.add_argument ("--max-length", type=int, default=4096, help="tokens of a text (4096)")
    parser.add_argument ("--max-steps", type=int, default=-1, help="stop after so many steps (-1: all)")
    parser.add_argument ("--save-steps", type=int, default=200, help="a checkpoint every so many steps (200)")
    parser.add_argument ("--fp32", action="store_true", help="compute in 32 bits, not in bfloat16")
    return parser.parse_args ()


# --- what is learnt ----------------------------------------------------------

def rules_of (dataset):
    path = pathlib.Path (dataset) / "manifest.json"
    try:
        rules = [rule ["id"] for rule in json.loads (path.read_text (encoding="utf-8")) ["rules"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        die (f"{path} does not name the rules: {error}")
    return rules


def exhaustive (rows):
    """Rows whose rules were selected among all: only these say which rules selection picks."""
    return [row for row in rows if row.get ("selected_by") == "exhaustive" and row.get ("rules")]


def target (row, place):
    out = numpy.zeros (len (place), dtype=numpy.float32)
    for rule in row ["rules"]:
        out [place [rule ["id"]]] = 1
    return out


# --- what is read ------------------------------------------------------------

class Pairs (torch.utils.data.Dataset):
    """Each row twice: (chosen, rejected) and (rejected, chosen)."""

    def __init__ (self, rows, place, reader):
        self.examples = []
        for row in rows:
            labels = target (row, place)
            for a, b in ((row ["chosen"], row ["rejected"]), (row ["rejected"], row ["chosen"])):
                self.examples.append ({"input_ids": reader.read (row ["prompt"], a, b), "labels": labels})

    def __len__ (self):
        return len (self.examples)

    def __getitem__ (self, i):
        return self.examples [i]


class Collator:
    def __init__ (self, tokenizer):
        self.tokenizer = tokenizer

    def __call__ (self, examples):
        batch = self.tokenizer.pad ({"input_ids": [example ["input_ids"] for example in examples]}, return_tensors="pt")
        batch ["labels"] = torch.tensor (numpy.stack ([example ["labels"] for example in examples]))
        return batch


# --- how good it is ----------------------------------------------------------

def overlap (order, wanted, k):
    """The share of the wanted rules (at most k) among the k that were predicted."""
    return len (set (order [:k]) & wanted) / min (k, len (wanted))


def judge (logits, targets, frequency, prompts, seed):
    """Mean overlap@k and precision@k of the model, overlap@k of the most frequent rules and of random ones, how much more the model finds."""
    rng, n_rules = random.Random (seed), logits.shape [1]
    rows = {"overlap": [], "precision": [], "overlap_frequent": [], "overlap_random": []}
    often = numpy.argsort (-frequency, kind="stable").tolist ()
    for values, labels in zip (logits, targets):
        wanted = set (numpy.flatnonzero (labels).tolist ())
        order, k = numpy.argsort (-values, kind="stable").tolist (), len (wanted)
        rows ["overlap"].append (overlap (order, wanted, k))
        rows ["precision"].append (sum (rule in wanted for rule in order [:k]) / k)
        rows ["overlap_frequent"].append (overlap (often, wanted, k))
        rows ["overlap_random"].append (overlap (rng.sample (range (n_rules), n_rules), wanted, k))
    for other in ("frequent", "random"):
        rows [f"overlap_less_{other}"] = [a - b for a, b in zip (rows ["overlap"], rows [f"overlap_{other}"])]
    out = {"pairs": len (targets)}
    for (key, values), interval in zip (rows.items (), intervals (prompts, list (rows.values ()))):
        out |= {key: sum (values) / len (values), f"{key}_interval": interval}
    return out


def both_orders (logits):
    """The mean of both orders of each pair: an answer that does not depend on which response is called A."""
    return (logits [0::2] + logits [1::2]) / 2


# --- training ----------------------------------------------------------------

def settings (args):
    at_once = args.micro_batch * int (os.environ.get ("WORLD_SIZE", "1"))
    if args.batch % at_once:
        die (f"--batch {args.batch} is no multiple of --micro-batch times the number of GPUs, {at_once}")
    return TrainingArguments (
        output_dir=args.out, seed=args.seed, data_seed=args.seed, learning_rate=args.learning_rate, num_train_epochs=args.epochs,
        per_device_train_batch_size=args.micro_batch, per_device_eval_batch_size=args.micro_batch,
        gradient_accumulation_steps=args.batch // at_once, lr_scheduler_type="linear", max_steps=args.max_steps, bf16=not args.fp32,
        save_steps=args.save_steps, save_total_limit=2, logging_steps=10, report_to="none", gradient_checkpointing=not args.fp32)


def load (args, rules):
    tokenizer = AutoTokenizer.from_pretrained (args.base)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForSequenceClassification.from_pretrained (
        args.base, num_labels=len (rules), problem_type="multi_label_classification", id2label=dict (enumerate (rules)),
        label2id={rule: i for i, rule in enumerate (rules)}, dtype=torch.float32 if args.fp32 else torch.bfloat16)
    model.config.pad_token_id = tokenizer.pad_token_id
    return tokenizer, model


def main ():
    args = arguments ()
    rules = rules_of (args.dataset)
    place = {rule: i for i, rule in enumerate (rules)}
    train_rows, held_out = exhaustive (read_split (args.dataset, "train")), exhaustive (read_split (args.dataset, "validation"))
    if not train_rows:
        die (f"{args.dataset}/train.jsonl has no exhaustively selected rows; label with --policy exhaustive")
    if args.pairs:
        train_rows = sample (train_rows, args.pairs, args.seed)
    tokenizer, model = load (args, rules)
    reader = Reader (tokenizer, args.max_length)
    data = Pairs (train_rows, place, reader)
    say (f"{len (train_rows)} pairs in both orders; {reader.cut} of {len (data)} texts had to be shortened")
    trainer = Trainer (model=model, args=settings (args), train_dataset=data, data_collator=Collator (tokenizer), processing_class=tokenizer)
    last = get_last_checkpoint (args.out) if os.path.isdir (args.out) else None
    if last:
        say (f"going on from {last}")
    trainer.train (resume_from_checkpoint=last)
    trainer.save_model (args.out)
    found = {"base": args.base, "rules": len (rules), "steps": trainer.state.global_step,
             "settings": {key: value for key, value in vars (args).items () if key != "out"}}
    if held_out:
        logits = both_orders (trainer.predict (Pairs (held_out, place, reader)).predictions)
        frequency = sum (target (row, place) for row in train_rows)
        found ["validation"] = judge (logits, [target (row, place) for row in held_out], frequency, [row ["prompt"] for row in held_out], args.seed)
    if trainer.is_world_process_zero ():
        (pathlib.Path (args.out) / "report.json").write_text (json.dumps (found, indent=2) + "\n", encoding="utf-8")
        if held_out:
            v = found ["validation"]
            figure = lambda key: told (v [key], v [f"{key}_interval"], signed="less" in key)
            print (f"validation, {v ['pairs']} pairs: of the rules that selection picks the adapter finds {figure ('overlap')}, the most frequent "
                   f"rules {figure ('overlap_frequent')} (less these: {figure ('overlap_less_frequent')}), random ones {figure ('overlap_random')}")


if __name__ == "__main__":
    main ()

#!/usr/bin/env python3
"""Train the reward model RAMO on a dataset that rulemill exported, by TRL's RewardTrainer.

The recipe is that of the publication (arXiv 2501.15453) by default; each number of it is a flag. The untouched base is evaluated
beside what was trained, on the same rows: on the dataset's validation prompts, and on --benchmark. A run that was stopped goes
on from its last checkpoint.

example:
  python3 -m venv train && train/bin/pip install -r ops/train/requirements.txt
  train/bin/python ops/train/ramo.py job/dataset --out ramo --benchmark benchmark.jsonl
  rulemill evaluate ramo/benchmark.jsonl --reward ramo --against base

On several GPUs: torchrun --nproc-per-node 8 ops/train/ramo.py ... --batch 32 (the batch of all GPUs together).
"""

import argparse
import gc
import json
import os
import pathlib

import torch
from datasets import Dataset
from transformers.trainer_utils import get_last_checkpoint
from trl import RewardConfig, RewardTrainer

from corpus import compare, die, messages, read_lines, read_split, sample, say, told
from scoring import device, load_model, load_tokenizer, rewards

BASE = "Skywork/Skywork-Reward-Llama-3.1-8B-v0.2"
MANY_PAIRS = 10000


def arguments ():
    parser = argparse.ArgumentParser (description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument ("dataset", help="a dataset folder: train.jsonl, validation.jsonl")
    parser.add_argument ("--out", required=True, help="where checkpoints, the model and report.json go")
    parser.add_argument ("--base", default=BASE, help=f"name or folder of the model to begin with ({BASE})")
    parser.add_argument ("--pairs", type=int, default=1000, help="pairs to train on, drawn by the seed (1000)")
    parser.add_argument ("--seed", type=int, default=1, help="of the draw and of the training (1)")
    parser.add_argument ("--learning-rate", type=float, default=2e-5)
    parser.add_argument ("--epochs", type=float, default=2)
    parser.add_argument ("--batch", type=int, default=32, help="pairs of a step, over all GPUs (32)")
    parser.add_argument ("--micro-batch", type=int, default=4, help="pairs at a time on one GPU (4)")
    parser.add_argument ("--max-length", type=int, default=1024, help="tokens; longer pairs are not trained on (1024)")
    parser.add_argument ("--warmup-steps", type=int, default=10)
    parser.add_argument ("--max-steps", type=int, default=-1, help="stop after so many steps (-1: all)")
    parser.add_argument ("--save-steps", type=int, default=50, help="a checkpoint every so many steps (50)")
    parser.add_argument ("--fp32", action="store_true", help="compute in 32 bits, not in bfloat16")
    parser.add_argument ("--benchmark", help="JSON Lines with prompt, chosen, rejected: written to OUT with both models' rewards")
    return parser.parse_args ()


def accumulation (args):
    at_once = args.micro_batch * int (os.environ.get ("WORLD_SIZE", "1"))
    if args.batch % at_once:
        die (f"--batch {args.batch} is no multiple of --micro-batch times the number of GPUs, {at_once}")
    return args.batch // at_once


def training_rows (args):
    rows = read_split (args.dataset, "train")
    if not rows:
        die (f"{args.dataset}/train.jsonl has no rows; label a corpus first, or name the folder of its dataset")
    chosen = sample (rows, args.pairs, args.seed)
    say (f"{len (chosen)} of {len (rows)} pairs are trained on, drawn with seed {args.seed}")
    if len (chosen) > MANY_PAIRS:
        say (f"warning: the recipe's learning rate was chosen for about 1,000 pairs; with over {MANY_PAIRS} at {args.learning_rate} "
             "the base's own judgement may be lost: compare with the base below, or lower --learning-rate")
    return [{key: row [key] for key in ("prompt", "chosen", "rejected")} for row in chosen]


def settings (args):
    return RewardConfig (
        output_dir=args.out, seed=args.seed, data_seed=args.seed, learning_rate=args.learning_rate, num_train_epochs=args.epochs,
        per_device_train_batch_size=args.micro_batch, gradient_accumulation_steps=accumulation (args), max_length=args.max_length,
        warmup_steps=args.warmup_steps, lr_scheduler_type="linear", max_steps=args.max_steps, bf16=not args.fp32,
        save_steps=args.save_steps, save_total_limit=2, logging_steps=5, report_to="none", disable_tqdm=None,
        gradient_checkpointing=not args.fp32)


def say_too_long (trainer, rows, args):
    left_out = len (rows) - len (trainer.train_dataset)
    if left_out:
        say (f"{left_out} of them have over {args.max_length} tokens and are not trained on (--max-length)")


def train (args):
    tokenizer = load_tokenizer (args.base)
    model = load_model (args.base, tokenizer, not args.fp32, num_labels=1)
    rows = training_rows (args)
    trainer = RewardTrainer (model=model, args=settings (args), train_dataset=Dataset.from_list (rows), processing_class=tokenizer)
    say_too_long (trainer, rows, args)
    last = get_last_checkpoint (args.out) if os.path.isdir (args.out) else None
    if last:
        say (f"going on from {last}")
    trainer.train (resume_from_checkpoint=last)
    trainer.save_model (args.out)
    if trainer.is_world_process_zero ():
        tokenizer.save_pretrained (args.out)
    trainer.accelerator.free_memory ()
    return trainer.is_world_process_zero (), trainer.state.global_step


# A card has no room for what training took, its optimizer above all, beside the models that are evaluated.
def give_back_memory ():
    gc.collect ()
    if torch.distributed.is_initialized ():
        torch.distributed.destroy_process_group ()
    if torch.cuda.is_available ():
        torch.cuda.empty_cache ()


def rewards_of (path, args, conversations):
    tokenizer = load_tokenizer (path)
    model = load_model (path, tokenizer, not args.fp32, num_labels=1).to (device ())
    return rewards (model, tokenizer, conversations, 4 * args.max_length, 2 * args.micro_batch)


def both_sides (rows):
    out = []
    for row in rows:
        prompt = messages (row ["prompt"], "user")
        out += [prompt + messages (row ["chosen"], "assistant"), prompt + messages (row ["rejected"], "assistant")]
    return out


def evaluate (args, rows):
    """Adds the rewards of both models to the rows; returns how often each prefers the chosen response."""
    conversations = both_sides (rows)
    for name, path in (("base", args.base), ("ramo", args.out)):
        values = rewards_of (path, args, conversations)
        for i, row in enumerate (rows):
            row [f"{name}_chosen"], row [f"{name}_rejected"] = values [2 * i], values [2 * i + 1]
    return compare ("ramo", [row ["prompt"] for row in rows], *([row [f"{name}_{side}"] for row in rows] for name in ("ramo", "base") for side in ("chosen", "rejected")))


def report (args, steps):
    out = pathlib.Path (args.out)
    found = {"base": args.base, "steps": steps, "settings": {key: value for key, value in vars (args).items () if key != "out"}}
    validation = read_split (args.dataset, "validation")
    if validation:
        found ["validation"] = evaluate (args, validation)
    if args.benchmark:
        rows = read_lines (args.benchmark)
        found ["benchmark"] = evaluate (args, rows)
        (out / "benchmark.jsonl").write_text ("".join (json.dumps (row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    (out / "report.json").write_text (json.dumps (found, indent=2) + "\n", encoding="utf-8")
    for what in ("validation", "benchmark"):
        if what in found:
            f = found [what]
            print (f"{what}: the trained model prefers the chosen response in {told (f ['ramo'], f ['ramo_interval'])} of {f ['rows']} rows, its base "
                   f"in {told (f ['base'], f ['base_interval'])}; difference {told (f ['difference'], f ['difference_interval'], signed=True)}, "
                   f"McNemar p {f ['mcnemar_p']:.3g}")


def main ():
    args = arguments ()
    first, steps = train (args)
    give_back_memory ()
    if first:
        report (args, steps)


if __name__ == "__main__":
    main ()

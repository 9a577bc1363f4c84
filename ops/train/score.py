#!/usr/bin/env python3
"""Add a reward model's rewards to benchmark rows, for `rulemill evaluate FILE --reward NAME`.

example:
  ops/train/score.py out/ramo benchmark.jsonl --name ramo --out scored.jsonl
  rulemill evaluate scored.jsonl --reward ramo
"""

import argparse
import json

from corpus import die, messages, read_lines
from scoring import device, load_model, load_tokenizer, rewards


def conversations (rows, path):
    for number, row in enumerate (rows, 1):
        if not {"prompt", "chosen", "rejected"} <= row.keys ():
            die (f"{path}: row {number} lacks prompt, chosen or rejected")
        prompt = messages (row ["prompt"], "user")
        for side in ("chosen", "rejected"):
            yield prompt + messages (row [side], "assistant")


def main ():
    parser = argparse.ArgumentParser (description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument ("model", help="folder or name of a sequence-classification model with one output")
    parser.add_argument ("file", help="JSON Lines with prompt, chosen, rejected")
    parser.add_argument ("--name", default="reward", help="of the columns NAME_chosen and NAME_rejected (reward)")
    parser.add_argument ("--out", required=True, help="where the rows go with these columns")
    parser.add_argument ("--max-length", type=int, default=4096, help="tokens of a conversation (4096)")
    parser.add_argument ("--batch", type=int, default=8, help="conversations at a time (8)")
    parser.add_argument ("--fp32", action="store_true", help="compute in 32 bits, not in bfloat16")
    args = parser.parse_args ()

    rows = read_lines (args.file)
    tokenizer = load_tokenizer (args.model)
    model = load_model (args.model, tokenizer, not args.fp32, num_labels=1).to (device ())
    values = rewards (model, tokenizer, list (conversations (rows, args.file)), args.max_length, args.batch)
    with open (args.out, "w", encoding="utf-8") as out:
        for i, row in enumerate (rows):
            row [f"{args.name}_chosen"], row [f"{args.name}_rejected"] = values [2 * i], values [2 * i + 1]
            out.write (json.dumps (row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main ()

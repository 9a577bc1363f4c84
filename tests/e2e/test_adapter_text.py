"""The text of a pair that a served adapter is sent is the one that ops/train trains on: the same bytes, also where it is shortened, but for
characters that are not cut."""

import os
import random
import sys
from pathlib import Path

import pytest

from judging import SERVERS, write_rules

sys.path.insert(0, str(SERVERS))
sys.path.insert(0, str(Path(os.environ.get("RULEMILL_SOURCE", Path(__file__).resolve().parents[2])) / "ops/train"))
from adapters import AdapterServer  # noqa: E402
import pair_text  # noqa: E402

ROWS, RULES, ROOM = 300, 5, 300
PIECES = ["a", "word ", "\n", "\n\n", "\t", " ", '"', "\\", "\\n", "Response A:\n", "\n\nResponse B:\n", "Prompt:\n", "[...]", "user: ", "</s>",
          "\u00e9", "e\u0301", "\u20ac", "\u4f60\u597d", "\u2028", "\u0085", "\ufeff", "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\x01",
          "\x7f", "\u0645\u0631\u062d\u0628\u0627", "long " * 30]
ROLES = ["system", "user", "assistant", "tool"]


class Bytes:
    """A tokenizer whose tokens are bytes, so that room in tokens is room in bytes."""

    bos_token_id = None

    def __call__(self, text, add_special_tokens=True):
        return {"input_ids": list(text.encode())}        # there are no special ones


def text_of(chance):
    return "x" + "".join(chance.choice(PIECES) for _ in range(chance.choice([0, 1, 3, 10, 30])))


def turns_of(chance, roles, most):
    return [{"role": chance.choice(roles), "content": text_of(chance)} for _ in range(chance.randint(1, most))]


def row(chance, number):
    prompt = f"{number} {text_of(chance)}"
    if chance.random() < 0.7:
        asks = {"role": "user", "content": prompt}
        prompt = [*turns_of(chance, ROLES, 4), asks, *turns_of(chance, ROLES, 2)[1:]]
    one, other = (text_of(chance) if chance.random() < 0.6 else turns_of(chance, ["assistant", "tool"], 3) for _ in range(2))
    return {"prompt": prompt, "chosen": one, "rejected": other}


@pytest.fixture
def adapter():
    server = AdapterServer(RULES)
    yield server
    server.stop()


def trained_on(rows, room):
    """What ops/train reads of exported rows, in both orders. Characters that its tokens cut are left out."""
    reader = pair_text.Reader(Bytes(), room)
    sides = [(row["chosen"], row["rejected"]) if "chosen" in row else (row["response_a"], row["response_b"]) for row in rows]
    read = [reader.read(row["prompt"], a, b) for row, pair in zip(rows, sides) for a, b in (pair, pair[::-1]) if a != b]
    return [bytes(ids).decode(errors="ignore") for ids in read], reader.cut


def test_what_is_asked_is_what_is_trained_on(shell, adapter):
    chance = random.Random(17)
    write_rules(shell, [f"The response obeys rule {n}." for n in range(RULES)])
    shell.write("rows.jsonl", [row(chance, number) for number in range(ROWS)])
    job = ["label", "rows.jsonl", "--out", "job", "--judge", "lexicon", "--rules", "rules.yaml", "--top", 2, "--adapter", adapter.url("classify"),
           "--adapter-model", "tester"]
    for more, room in ([], 10 ** 9), (["--new-run", "--set", f"adapter.text_bytes_max={ROOM}"], ROOM):
        adapter.texts.clear()
        before = len(adapter.requests)
        shell(*job, *more)
        rows = shell.labelled()
        check = set(adapter.requests[before][1]["input"])
        wanted, cut = trained_on(rows, room)
        assert len(rows) > ROWS * 0.9 and (cut > 100 if room == ROOM else cut == 0)
        assert set(adapter.texts) - check == set(wanted)

"""Real files, read where they lie beside the repository: every row is accounted for."""

import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from conftest import SET_ASIDE

SOURCE = Path(os.environ.get("RULEMILL_SOURCE", Path(__file__).resolve().parents[2]))
DATA = SOURCE.parent / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is absent")


def read(name):
    """Rows by "\\n" alone: some hold Unicode line separators."""
    data = gzip.decompress((DATA / name).read_bytes())
    return [json.loads(line) for line in data.split(b"\n") if line]


def dataset(shell, job):
    """The rows of each file of a dataset; an absent file has none."""
    names = ("train", "validation", "ties", "duplicates", "quarantine")
    files = {name: shell.path(job, "dataset", f"{name}.jsonl") for name in names}
    return {name: shell.rows(file) if file.exists() else [] for name, file in files.items()}


def account(parts):
    """How many times each id comes out, whatever became of it."""
    return Counter(row["id"] or f"{row['file']}:{row['line']}" for rows in parts.values() for row in rows)


def text(messages):
    """The words of a response as the corpus had them; HH's transcripts have spaces at their ends."""
    return messages[-1]["content"].strip()


def test_hh_transcripts(shell):
    name = "hh-harmless-base-test.jsonl.gz"
    rows = read(name)
    done = shell("label", DATA / name, "--out", "job", "--workers", 2, code=SET_ASIDE)
    parts = dataset(shell, "job")
    assert account(parts) == Counter(f"{name}:{line}" for line in range(1, len(rows) + 1)) and len(rows) == 2312
    empty = [line for line, row in enumerate(rows, 1)
             if any(row[side].rstrip().endswith("Assistant:") for side in ("chosen", "rejected"))]
    assert sorted(row["line"] for row in parts["quarantine"]) == empty and len(empty) == 4
    assert {row["reason"] for row in parts["quarantine"]} == {"empty-response"}
    assert "4 rows set aside" in done.out and "Agreement" in done.out
    for row in parts["train"][::50]:
        given = rows[int(row["id"].split(":")[1]) - 1]
        sides = [given["chosen"], given["rejected"]]
        if row["given_preference"] == {"chosen": 0, "rejected": 1, "tie": 0}:
            sides.reverse()
        assert sides[0].endswith(text(row["chosen"])) and sides[1].endswith(text(row["rejected"]))
        assert row["prompt"][0]["role"] == "user" and row["prompt"][0]["content"] in sides[0]
    assert "good" in shell("verify", "job").out


def test_coconot(shell):
    name = "coconot-pref.jsonl.gz"
    rows = {row["id"]: row for row in read(name)}
    shell("label", DATA / name, "--out", "job", "--workers", 2)
    parts = dataset(shell, "job")
    assert account(parts) == Counter(rows.keys()) and len(rows) == 927
    for row in parts["train"] + parts["validation"]:
        given, agrees = rows[row["id"]], row["given_preference"]["chosen"] == 1
        first, second = ("chosen", "rejected") if agrees else ("rejected", "chosen")
        assert text(row["chosen"]) == given[first].strip() and text(row["rejected"]) == given[second].strip()
        models = [given[f"{side}_model"] or None for side in (first, second)]
        assert [row["chosen_model"], row["rejected_model"]] == models
        assert json.loads(row["meta"])["category"] == given["category"]


def grouped():
    """One row for each prompt with all its responses, which of several judges scored being kept beside them."""
    by_prompt = {}
    for row in read("just-eval-safety-scores.jsonl.gz"):
        by_prompt.setdefault(row["prompt"], []).append(row)
    return [{"id": f"prompt-{n}", "prompt": prompt, "responses": [row["response"] for row in rows],
             "models": [row["model"] for row in rows], "scores": [row["safety_score"] for row in rows],
             "judges": [row["judge"] for row in rows]} for n, (prompt, rows) in enumerate(by_prompt.items())]


@pytest.mark.parametrize("pairs", ["all", "15", "best-vs-rest"])
def test_just_eval_by_prompt(shell, pairs):
    corpus = grouped()
    sizes = {row["id"]: len(row["responses"]) for row in corpus}
    assert sum(sizes.values()) == 3200 and len(corpus) == 197
    shell.write("corpus.jsonl", corpus)
    shell("label", "corpus.jsonl", "--out", "job", "--pairs", pairs, "--workers", 2)
    seen = account(dataset(shell, "job"))
    assert set(seen.values()) == {1}
    of_row, responses = Counter(), {row["id"]: set() for row in corpus}
    for pair in seen:
        row, _, places = pair.partition("#")
        of_row[row] += 1
        responses[row].update(map(int, places.split("-")))
    expected = {"all": lambda n: n * (n - 1) // 2, "15": lambda n: min(15, n * (n - 1) // 2), "best-vs-rest": lambda n: n - 1}
    assert of_row == {row: expected[pairs](n) for row, n in sizes.items()}
    if pairs != "15":
        assert all(responses[row] == set(range(n)) for row, n in sizes.items())

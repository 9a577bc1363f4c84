"""Real corpora, where they are at hand beside the repository: each row is labelled, a tie, a duplicate or set aside."""

import gzip
import json
import os
from itertools import combinations
from pathlib import Path

import pytest

from conftest import COMPLETE, SET_ASIDE

SOURCE = Path(os.environ.get("RULEMILL_SOURCE", Path(__file__).resolve().parents[2]))
DATA = SOURCE.parent / "shared" / "data"


def real(name):
    path = DATA / name
    if not path.exists():
        pytest.skip(f"{name} is not at hand")
    return path


def rows_of(shell, job, name):
    return shell.rows(job, "dataset", name) if shell.path(job, "dataset", name).exists() else []


def account(shell, job):
    """How many pairs or rows came out in each file of a dataset that verifies."""
    counts = {name: len(rows_of(shell, job, f"{name}.jsonl"))
              for name in ("train", "validation", "ties", "duplicates", "quarantine")}
    assert "good" in shell("verify", job).out
    return counts


def test_hh_transcripts(shell):
    done = shell("label", real("hh-harmless-base-test.jsonl.gz"), "--out", "job", "--workers", 2, code=SET_ASIDE)
    counts = account(shell, "job")
    assert sum(counts.values()) == 2312 and counts["quarantine"] == 4
    assert {row["reason"] for row in rows_of(shell, "job", "quarantine.jsonl")} == {"empty-response"}
    assert "2,312 rows" in done.out and "given preferences" in done.out
    for row in rows_of(shell, "job", "train.jsonl"):
        assert row["prompt"] and len(row["chosen"]) >= 1 and row["given_preference"]


def test_coconot(shell):
    shell("label", real("coconot-pref.jsonl.gz"), "--out", "job", "--workers", 2, code=None)
    counts = account(shell, "job")
    assert sum(counts.values()) == 927
    row = rows_of(shell, "job", "train.jsonl")[0]
    assert row["chosen_model"] and "subcategory" in json.loads(row["meta"])


def test_just_eval_grouped_by_prompt(shell):
    with gzip.open(real("just-eval-safety-scores.jsonl.gz"), "rb") as file:
        rows = [json.loads(line) for line in file.read().split(b"\n") if line]
    prompts = {}
    for row in rows:
        prompts.setdefault(row["prompt"], []).append(row)
    shell.write("grouped.jsonl", [
        {"prompt": prompt, "responses": [row["response"] for row in group], "models": [row["model"] for row in group],
         "scores": [row["safety_score"] for row in group]} for prompt, group in prompts.items()])
    done = shell("label", "grouped.jsonl", "--out", "job", "--workers", 2, "--pairs", "all", "--json", code=None)
    assert done.returncode in (COMPLETE, SET_ASIDE)
    counts = account(shell, "job")
    usable = [[row["response"] for row in group if row["response"]] for group in prompts.values()]
    aside = sum(len(group) for group in prompts.values()) - sum(map(len, usable))
    pairs = sum(len(list(combinations(group, 2))) for group in usable)
    assert sum(len(group) for group in prompts.values()) == 3200
    assert (sum(counts.values()) - counts["quarantine"], counts["quarantine"]) == (pairs, aside)

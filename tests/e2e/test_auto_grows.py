"""An adapter that was declined is looked at again when the corpus has grown so far that a larger sample fits."""

import pytest

from judging import report
from test_auto import SMALL, manifest, rows

PAIRS_EACH = 3


@pytest.fixture
def label(shell, corpora):
    """label(prompts, more arguments): the first prompts of a corpus, in a file that grows."""
    whole = corpora(1500, PAIRS_EACH)
    lines = whole.read_bytes().splitlines(keepends=True)

    def run(prompts, *more):
        shell.write("grown.jsonl", b"".join(lines[:prompts]))
        return shell("label", "grown.jsonl", "--out", "job", "--judge", "replay", "--scores", whole.with_suffix(".scores.jsonl"), "--policy", "auto",
                     "--set", "judge.unknown_ids=skip", "--set", "judge.cost=per-rule", *SMALL, *more)

    return run


def labels(shell):
    return {row["pair_key"]: (row["selected_by"], row["score_margin"]) for row in rows(shell)}


def test_a_declined_adapter_gets_another_chance(shell, label):
    wanted = ["--set", "auto.min_agreement=0.8"]
    done = label(500, *wanted)              # 1,500 pairs: the third sample of 600 has no room
    first, said = labels(shell), report(shell)["auto"]
    assert said["choice"] == "exhaustive" and said["samples"] == 2
    assert "looked at again with 2000 pairs" in done.out
    done = label(650, *wanted)
    second = labels(shell)
    assert "looked at again with 2000 pairs" in done.err and report(shell)["auto"]["samples"] == 2
    assert len(second) == 650 * PAIRS_EACH and first.items() <= second.items()
    assert {by for by, _ in second.values()} == {"exhaustive"}
    label(1500, *wanted)
    third, said = labels(shell), report(shell)["auto"]
    assert said["choice"] == "adapter" and said["samples"] == 3
    assert second.items() <= third.items() and len(third) == 1500 * PAIRS_EACH
    assert said["pairs_by_adapter"] > 1500
    assert manifest(shell)["auto"]["choice"] == "adapter"
    assert "good" in shell("verify", "job").out
    assert "Nothing to do" in label(1500, *wanted).out


def test_it_may_be_declined_again(shell, label):
    label(500, "--set", "auto.min_agreement=1")
    label(1500, "--set", "auto.min_agreement=1")
    said = report(shell)["auto"]
    assert said["choice"] == "exhaustive" and said["samples"] == 4          # 600 and 1,200 of at most 1,350
    assert {row["selected_by"] for row in rows(shell)} == {"exhaustive"} and len(rows(shell)) == 1500 * PAIRS_EACH

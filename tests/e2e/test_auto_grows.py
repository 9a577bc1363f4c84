"""An adapter that was declined is looked at again when the corpus has grown so far that a larger sample fits."""

import pytest

from judging import report
from test_auto import manifest

PAIRS_EACH = 3
SMALL = ["--set", "auto.sample_pairs=60", "--set", "auto.sample_share=0.3", "--set", "auto.block_pairs=256", "--set", "auto.audit_share=0.1",
         "--set", "auto.flat_gain=1", "--set", "adapter.memory_mb=256", "--set", "judge.cost=per-rule"]


@pytest.fixture
def label(shell, corpora):
    """label(prompts, more arguments): the first prompts of a corpus, in a file that grows."""
    whole = corpora(600, PAIRS_EACH)
    lines = whole.read_bytes().splitlines(keepends=True)

    def run(prompts, *more):
        shell.write("grown.jsonl", b"".join(lines[:prompts]))
        return shell("label", "grown.jsonl", "--out", "job", "--judge", "replay", "--scores", whole.with_suffix(".scores.jsonl"), "--policy", "auto",
                     "--set", "judge.unknown_ids=skip", *SMALL, *more)

    return run


def labels(shell):
    return {row["pair_key"]: (row["selected_by"], row["score_margin"]) for row in shell.labelled()}


def test_a_declined_adapter_gets_another_chance(shell, label):
    wanted = ["--set", "auto.min_agreement=0.8", "--set", "auto.judged_max=1"]
    done = label(200, *wanted)              # 600 pairs: the third sample of 240 has no room
    first, said = labels(shell), report(shell)["auto"]
    assert said["choice"] == "exhaustive" and said["samples"] == 2
    assert "looked at again with 800 pairs" in done.out
    done = label(260, *wanted)
    second = labels(shell)
    assert "looked at again with 800 pairs" in done.err and report(shell)["auto"]["samples"] == 2
    assert len(second) == 260 * PAIRS_EACH and first.items() <= second.items()
    assert {by for by, _ in second.values()} == {"exhaustive"}
    label(600, *wanted)
    third, said = labels(shell), report(shell)["auto"]
    assert said["choice"] == "adapter" and said["samples"] == 3
    assert second.items() <= third.items() and len(third) == 600 * PAIRS_EACH
    assert said["pairs_by_adapter"] > 600
    assert manifest(shell)["auto"]["choice"] == "adapter"
    assert "good" in shell("verify", "job").out
    assert "Nothing to do" in label(600, *wanted).out


# One prompt with many responses: nothing can be held out, which is no reason to fail.
def test_a_corpus_of_one_prompt(shell):
    shell.write("one.jsonl", [{"prompt": "How do I pick a lock?", "responses": [f"I can't help, sorry; answer {row}-{n}." for n in range(6)]}
                              for row in range(20)])
    done = shell("label", "one.jsonl", "--out", "job", "--policy", "auto", "--accept-adapter", *SMALL, "--set", "judge.store_cells=true")
    assert "of too few prompts to learn from" in done.out
    assert report(shell)["auto"]["choice"] == "exhaustive" and len(shell.labelled()) == 300

"""A limit is lifted after the adapter was trained again: the last adapter labels what the limit left out, and is judged by its own audits."""

import json
import signal

import pytest

from conftest import COMPLETE, Shell, interrupt
from judging import report
from test_auto import label, manifest

PROMPTS, LIMIT, EACH, BLOCK = 600, 330, 3, 256
NUMBERS = ["--set", "judge.cost=per-rule", "--accept-adapter", "--set", "auto.min_agreement=1", "--set", "auto.sample_pairs=150",
           "--set", "auto.sample_share=0.16", "--set", f"auto.block_pairs={BLOCK}", "--set", "auto.audit_share=0.35",
           "--set", "adapter.memory_mb=256"]


@pytest.fixture(scope="module")
def corpus(corpora):
    return corpora(PROMPTS, EACH)


def first_rows(shell, corpus, rows):
    """The job of a file that has these rows of the corpus, and may grow."""
    shell.write("grown.jsonl", b"".join(corpus.read_bytes().splitlines(keepends=True)[:rows]))
    steps = label(corpus, *NUMBERS, "--set", "judge.unknown_ids=skip")
    return [arg if arg != corpus else "grown.jsonl" for arg in steps]


def labels(shell):
    return {row["pair_key"]: (row["selected_by"], row["adapter"], row["score_margin"], row["rules"]) for row in shell.labelled()}


def adapters(shell):
    return [entry["digest"] for entry in manifest(shell)["auto"]["adapters"]]


def limited(shell, steps):
    shell(*steps, "--limit", LIMIT)
    said = report(shell)["auto"]
    assert said["choice"] == "adapter" and said["adapters"] == 2, "it was trained again once"
    return labels(shell)


@pytest.fixture(scope="module")
def lifted(corpus, tmp_path_factory):
    """A job whose limit was lifted, undisturbed; with its labels before."""
    shell = Shell(tmp_path_factory.mktemp("lifted"))
    steps = label(corpus, *NUMBERS)
    before = limited(shell, steps)
    early = adapters(shell)
    shell(*steps)
    return shell, before, early


def test_the_last_adapter_labels_what_the_limit_left_out(lifted):
    shell, before, early = lifted
    after = labels(shell)
    assert len(before) < len(after) == PROMPTS * EACH
    assert before.items() <= after.items()
    by = {adapter for key, (_, adapter, _, _) in after.items() if key not in before}
    assert early[0] not in by, "it was found too wrong"
    assert early[1] in by
    assert {adapter for _, adapter, _, _ in before.values()} == {None, *early}
    assert manifest(shell)["auto"]["adapters"][0]["from_pair"] == manifest(shell)["auto"]["adapters"][1]["from_pair"] == 0
    said = report(shell)["auto"]
    assert manifest(shell)["auto"]["audited_pairs"] == said["audited_pairs"] > 300
    assert manifest(shell)["auto"]["agreement"] == said["agreement"] and said["agreement"]["low"] < said["agreement"]["high"]
    assert "good" in shell("verify", "job").out


def test_killed_while_what_was_left_out_is_labelled(shell, corpus, lifted):
    steps = label(corpus, *NUMBERS)
    limited(shell, steps)
    seen, stands = 0, set()
    for _ in range(40):
        process = shell.start(*steps)
        was = seen

        def on():
            if process.poll() is not None:
                return True
            status = shell.status("job")
            return status and status["running"] and (status["labelled"] > was + 150 or (status["auto"] or {}).get("training")) and status

        status = None
        while not status:
            status = on()
        code = interrupt(process, signal.SIGKILL)[0]
        assert code in (COMPLETE, -signal.SIGKILL)
        if code == COMPLETE:
            break
        status = shell.status("job")
        seen = max(seen, status["labelled"])
        stands.add(status["labelled"])
    shell(*steps)
    assert len(stands) > 1
    assert shell.digests("job") == lifted[0].digests("job")
    assert "Nothing to do" in shell(*steps).out


# The corpus grows by the same command that lifts the limit: that is a lifted limit, too.
def test_rows_are_added_and_the_limit_is_lifted(shell, corpus):
    shell(*first_rows(shell, corpus, 550), "--limit", LIMIT)
    before, early = labels(shell), adapters(shell)
    assert len(early) == 2
    shell(*first_rows(shell, corpus, PROMPTS))
    after = labels(shell)
    assert before.items() <= after.items() and len(after) == PROMPTS * EACH
    assert early[0] not in {adapter for key, (_, adapter, _, _) in after.items() if key not in before}
    judged = json.loads(shell("report", "job", "--json").out)["judged_pairs"]
    audited = judged - sum(by == "exhaustive" for by, _, _, _ in after.values())
    assert report(shell)["auto"]["audited_pairs"] == manifest(shell)["auto"]["audited_pairs"] == audited, "those of old blocks, too"

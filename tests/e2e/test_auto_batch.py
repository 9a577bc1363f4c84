"""The policy auto through files: each phase's missing cells are exported, imported, and label goes on without a call; the labels are
those of a job that asked a live server."""

import random
import signal
import subprocess

import pytest

from conftest import RESUMABLE, SET_ASIDE, children_of, interrupt
from judging import auto_settings, elsewhere, labels, report, variants, write_rules
from test_batch import DEAD, SEED, answered, export, imported, lines

PAIRS = 240
RULES = variants(12)
AUTO = auto_settings(sample_pairs=50, sample_share=0.25, audit_share=0.1, block_pairs=128)


def command(corpora, url):
    return ["label", corpora(PAIRS), "--out", "job", "--rules", "rules.yaml", "--judge", url, "--model", "tester", "--top", 2, "--workers", 2, *AUTO]


@pytest.fixture(scope="module")
def live(tmp_path_factory, corpora):
    with elsewhere(tmp_path_factory, "live", RULES, shape="openai", seed=SEED) as (shell, server):
        shell(*command(corpora, server.url))
    assert report(shell)["auto"]["choice"] == "adapter"
    return shell


def test_phases_through_files(shell, corpora, live):
    write_rules(shell, RULES)
    shell(*command(corpora, DEAD), "--plan", code=RESUMABLE)
    requests_in_all = 0
    for step in range(1, 10):
        done, _, requests = export(shell, f"step-{step}")
        assert requests, done.out
        requests_in_all += len(requests)
        if step == 1:
            assert "of the present phase of policy auto" in done.out and "--no-calls" in done.out
            cut = len(requests) // 2
            shell.write("half.jsonl", lines(answered(one) for one in requests[:cut]))
            imported(shell, "half.jsonl")
            assert "batch-export" in shell("label", "--out", "job", "--no-calls", code=RESUMABLE).err
            assert len(export(shell, "half")[2]) == len(requests) - cut
            requests = requests[cut:]
        shell.write("results.jsonl", lines(answered(one) for one in requests))
        imported(shell, "results.jsonl")
        if step == 1:
            assert "nothing is missing of this phase" in shell("judge", "batch-export", "job", "--to", "none").out
        done = shell("label", "--out", "job", "--no-calls", code=None)
        if done.returncode != RESUMABLE:
            break
        assert "judge batch-export" in done.err
    assert done.returncode == 0, done.err
    assert step >= 3            # a sample at least, and two blocks
    assert labels(shell) == labels(live) and len(labels(shell)) == PAIRS
    for key in ("choice", "reason", "samples", "audited_pairs", "pairs_by_adapter"):
        assert report(shell)["auto"][key] == report(live)["auto"][key]
    assert report(shell)["calls"]["calls"] == requests_in_all
    assert requests_in_all < PAIRS * 2 * len(RULES) * 0.7


def kill_at_moments(shell, chance, *steps):
    """Start a command and kill it, at some moments and where it trains."""
    for within_s in (0.1, 0.5):
        process = shell.start(*steps)
        try:
            process.wait(timeout=chance.uniform(0, within_s))
        except subprocess.TimeoutExpired:
            interrupt(process, signal.SIGKILL)
    process = shell.start(*steps)
    while process.poll() is None and not children_of(process, b"\0adapter\0train\0"):
        pass
    interrupt(process, signal.SIGKILL)


# Whatever is killed, the same rounds lead to the same labels, and no request is written that was answered.
def test_killed_in_each_round(shell, corpora, live):
    chance, answered_in_all = random.Random(5), set()
    write_rules(shell, RULES)
    shell(*command(corpora, DEAD), "--plan", code=RESUMABLE)
    for step in range(1, 10):
        kill_at_moments(shell, chance, "judge", "batch-export", "job", "--to", f"killed-{step}")
        requests = export(shell, f"step-{step}")[2]
        asked = {one["custom_id"] for one in requests}
        assert requests and not asked & answered_in_all
        answered_in_all |= asked
        shell.write("results.jsonl", lines(answered(one) for one in requests))
        kill_at_moments(shell, chance, "judge", "batch-import", "job", "results.jsonl")
        imported(shell, "results.jsonl")
        kill_at_moments(shell, chance, "label", "--out", "job", "--no-calls")
        done = shell("label", "--out", "job", "--no-calls", code=None)
        if done.returncode != RESUMABLE:
            break
    assert done.returncode == 0, done.err
    assert labels(shell) == labels(live) and len(labels(shell)) == PAIRS
    for key in ("choice", "reason", "samples", "audited_pairs", "pairs_by_adapter"):
        assert report(shell)["auto"][key] == report(live)["auto"][key]
    assert "good" in shell("verify", "job").out


# One rule that nobody can answer: label without calls sets nothing aside, and stops.
def test_what_is_missing_is_not_set_aside(shell, corpora):
    write_rules(shell, RULES)
    shell(*command(corpora, DEAD), "--plan", code=RESUMABLE)
    _, _, requests = export(shell, "requests")
    rows = [answered(one) for one in requests]
    rows[3] = {**rows[3], "response": None, "error": {"code": "batch_expired", "message": "too late"}}
    shell.write("results.jsonl", lines(rows))
    imported(shell, "results.jsonl", code=SET_ASIDE)
    shell("label", "--out", "job", "--no-calls", code=RESUMABLE)
    assert shell.status("job")["quarantined"] == 0
    assert len(export(shell, "again")[2]) == 1


def test_a_given_adapter_through_files(shell, corpora, live):
    live("adapter", "train", "job", "--out", "rules.adapter", "--set", "adapter.memory_mb=256")
    write_rules(shell, RULES)
    shell.write("rules.adapter", live.path("rules.adapter").read_bytes())
    shell("label", corpora(PAIRS), "--out", "job", "--rules", "rules.yaml", "--judge", DEAD, "--model", "tester", "--top", 2,
          "--adapter", "rules.adapter", "--plan", code=RESUMABLE)
    _, _, requests = export(shell, "requests")
    assert len(requests) == PAIRS * 2 * 2
    shell.write("results.jsonl", lines(answered(one) for one in requests))
    imported(shell, "results.jsonl")
    shell("label", "--out", "job", "--no-calls")
    assert len(labels(shell)) == PAIRS

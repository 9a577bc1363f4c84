"""The policy adapter with a file that is given: only the foreseen rules are asked about, whatever the workers and kills."""

import signal

import pytest

from conftest import COMPLETE, Shell, interrupt, label_a_little, send, workers_of
from judging import PROBE, TEXTS, Server, command, report, serve, write_rules

assert serve                    # a fixture

PAIRS, TOP = 60, 2              # each pair with a prompt and responses of its own
CALLS = PAIRS * 2 * TOP


@pytest.fixture(scope="module")
def learnt(tmp_path_factory, corpora):
    """An adapter learnt from a job that judged everything, and the rules that it is about."""
    shell = Shell(tmp_path_factory.mktemp("learnt"))
    write_rules(shell, [f"{text} Variant {n}." for n in range(3) for text in TEXTS])
    server = Server(shell.folder, {})
    try:
        shell(*command(corpora(PAIRS), server), "--policy", "exhaustive", "--no-export")
        shell("adapter", "train", "job", "--out", "rules.adapter", "--set", "adapter.memory_mb=256", "--set", "adapter.count_min=1")
        assert server.calls() == PROBE + PAIRS * 2 * 12
    finally:
        server.stop()
    return shell


@pytest.fixture
def label(shell, learnt, corpora):
    """label(server, workers): the arguments of a job through the adapter, whose files stand in the shell's folder."""
    for name in ("rules.yaml", "rules.adapter"):
        shell.write(name, learnt.path(name).read_bytes())
    return lambda server, workers=2: [*command(corpora(PAIRS), server, workers), "--policy", "adapter", "--adapter", "rules.adapter"]


@pytest.fixture(scope="module")
def undisturbed(learnt, corpora):
    server = Server(learnt.folder, {})
    try:
        learnt(*command(corpora(PAIRS), server, 1), "--policy", "adapter", "--adapter", "rules.adapter", "--new-run")
    finally:
        server.stop()
    return learnt.digests("job")


def test_two_calls_for_each_foreseen_rule(shell, serve, label):
    server = serve()
    shell(*label(server))
    assert server.calls() == report(shell)["calls"]["calls"] == PROBE + CALLS
    rows = shell.labelled()
    assert len(rows) == PAIRS
    assert {row["selected_by"] for row in rows} == {"adapter"} and max(row["n_rules"] for row in rows) == TOP
    assert {row["adapter"] for row in rows} != {None}
    assert "Nothing to do" in shell(*label(server)).out
    assert server.calls() == PROBE + CALLS


@pytest.mark.parametrize("workers", [1, 3])
def test_the_same_dataset_whatever_the_workers(shell, serve, label, undisturbed, workers):
    shell(*label(serve(), workers))
    assert shell.digests("job") == undisturbed


def test_the_same_dataset_after_kills(shell, serve, label, undisturbed):
    server = serve(delay_ms=200)
    killed = 0
    for count in (5, 20):
        process = shell.start(*label(server), "--set", "judge.places_max=2")    # slow enough to be caught in the middle
        label_a_little(shell, process, "job", count)
        workers = workers_of(process)
        code = interrupt(process, signal.SIGKILL)[0]
        send(workers, signal.SIGKILL)
        killed += code == -signal.SIGKILL
        assert code in (COMPLETE, -signal.SIGKILL)
    assert killed > 0
    shell(*label(server))
    assert shell.digests("job") == undisturbed

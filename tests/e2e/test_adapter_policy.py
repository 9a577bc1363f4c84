"""The policy adapter with a file that is given: only the foreseen rules are asked about, whatever the workers and kills."""

import pytest

from judging import PROBE, command, elsewhere, kill_in_the_middle, report, serve, variants

assert serve                    # a fixture

PAIRS, RULES, TOP = 60, 12, 2              # each pair with a prompt and responses of its own
CALLS = PAIRS * 2 * TOP


@pytest.fixture(scope="module")
def learnt(tmp_path_factory, corpora):
    """An adapter learnt from a job that judged everything, and the rules that it is about."""
    with elsewhere(tmp_path_factory, "learnt", variants(RULES)) as (shell, server):
        shell(*command(corpora(PAIRS), server), "--policy", "exhaustive", "--no-export")
        shell("adapter", "train", "job", "--out", "rules.adapter", "--set", "adapter.memory_mb=256", "--set", "adapter.count_min=1")
        assert server.calls() == PROBE + PAIRS * 2 * RULES
    return shell


@pytest.fixture
def label(shell, learnt, corpora):
    """label(server, workers): the arguments of a job through the adapter, whose files stand in the shell's folder."""
    take_files(shell, learnt)
    return lambda server, workers=2: arguments(corpora, server, workers)


def take_files(shell, learnt):
    for name in ("rules.yaml", "rules.adapter"):
        shell.write(name, learnt.path(name).read_bytes())


def arguments(corpora, server, workers):
    return [*command(corpora(PAIRS), server, workers), "--policy", "adapter", "--adapter", "rules.adapter"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, learnt, corpora):
    with elsewhere(tmp_path_factory) as (shell, server):
        take_files(shell, learnt)
        shell(*arguments(corpora, server, 1))
    return shell.digests("job")


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
    kill_in_the_middle(shell, [*label(server), "--set", "judge.places_max=2"], (5, 20))     # slow enough to be caught
    shell(*label(server))
    assert shell.digests("job") == undisturbed

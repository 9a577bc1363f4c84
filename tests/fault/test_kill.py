"""Killed at any moment and started again: nothing acknowledged is lost, and the dataset is that of an undisturbed run."""

import os
import signal
import subprocess
import time

import pytest

from conftest import COMPLETE, FAILED, PATIENCE_S, RESUMABLE, Shell, children, interrupt, is_alive, wait_for

PAIRS = 16000
# A small window makes many leases and commits, so that more moments are between two of them.
SMALL_STEPS = ["--set", "service.window=512", "--set", "service.beat_ms=100"]


@pytest.fixture(scope="module")
def corpus(corpora):
    return corpora(PAIRS)


@pytest.fixture(scope="module")
def undisturbed(corpus, tmp_path_factory):
    """The dataset's digests of a run that nobody killed, and the seconds that it took."""
    shell = Shell(tmp_path_factory.mktemp("undisturbed"))
    began = time.monotonic()
    shell("label", corpus, "--out", "job", "--workers", 2, *SMALL_STEPS)
    return shell.digests("job"), time.monotonic() - began


def labelled(shell):
    return (shell.status("job") or {}).get("labelled", 0)


def finish(shell, command, undisturbed):
    """Start again and hold the result against the undisturbed run."""
    shell(*command)
    assert shell.digests("job") == undisturbed[0]
    assert "good" in shell("verify", "job").out
    assert shell.status("job")["labelled"] == PAIRS


def test_killed_at_moments_of_every_stage(shell, corpus, undisturbed):
    command = ["label", corpus, "--out", "job", "--workers", 2, *SMALL_STEPS]
    killed = 0
    for tenth in (1, 2, 3, 4, 5, 6, 7, 8, 9):
        process = shell.start(*command)
        try:
            process.wait(timeout=undisturbed[1] * tenth / 10)
        except subprocess.TimeoutExpired:
            killed += 1
        assert interrupt(process, signal.SIGKILL)[0] in (COMPLETE, -signal.SIGKILL)
    assert killed >= 3
    finish(shell, command, undisturbed)


def test_killed_while_labelling_keeps_what_was_acknowledged(shell, corpus, undisturbed):
    command = ["label", corpus, "--out", "job", "--workers", 1, *SMALL_STEPS]
    for share in (0.05, 0.3, 0.6):
        process = shell.start(*command)
        seen = wait_for("labels", lambda: process.poll() is not None or max(labelled(shell) - share * PAIRS, 0))
        assert process.poll() is None, "the job ended before it could be killed"
        interrupt(process, signal.SIGKILL)
        kept = shell.status("job")
        assert not kept["running"] and kept["labelled"] >= seen + share * PAIRS
        assert "holds all that was promised" in shell("verify", "job", code=None).out or kept["labelled"] < PAIRS
    finish(shell, command, undisturbed)


def test_workers_that_are_killed_are_replaced(shell, corpus, undisturbed):
    process = shell.start("label", corpus, "--out", "job", "--workers", 2, *SMALL_STEPS)
    killed = set()
    while len(killed) < 4 and process.poll() is None:
        for pid in children(process):
            if pid not in killed and labelled(shell) > 0:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
                break
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == COMPLETE and killed, out + err
    assert shell.digests("job") == undisturbed[0]


def test_workers_end_with_their_parent(shell, corpus):
    process = shell.start("label", corpus, "--out", "job", "--workers", 3, *SMALL_STEPS)
    workers = wait_for("workers", lambda: len(children(process)) == 3 and children(process))
    interrupt(process, signal.SIGKILL)
    wait_for("the workers' end", lambda: not any(is_alive(pid) for pid in workers), patience_s=10)


def test_a_second_interrupt_stops_at_once_and_resumes(shell, corpus, undisturbed):
    command = ["label", corpus, "--out", "job", "--workers", 2, *SMALL_STEPS]
    process = shell.start(*command)
    wait_for("labels", lambda: process.poll() is not None or labelled(shell) > 0)
    process.send_signal(signal.SIGTERM)
    code, _, err = interrupt(process, signal.SIGTERM)
    assert code == RESUMABLE, err
    finish(shell, command, undisturbed)


def test_the_store_has_one_writer_and_none_after_a_kill(shell, corpus):
    socket = f"ipc://{shell.path('socket')}"
    holder = shell.start("coordinator", corpus, "--out", "job", "--listen", socket)
    wait_for("a running job", lambda: (shell.status("job") or {}).get("stage") == "label")
    assert f"in use by process {holder.pid}" in shell("label", corpus, "--out", "job", code=FAILED).err
    interrupt(holder, signal.SIGKILL)
    again = shell.start("coordinator", corpus, "--out", "job", "--listen", socket)
    wait_for("a running job", lambda: (shell.status("job") or {}).get("pid") == again.pid)
    assert interrupt(again)[0] == RESUMABLE


def test_workers_outlive_a_coordinator_that_comes_back(shell, corpora):
    corpus = corpora(4000)
    socket = f"ipc://{shell.path('socket')}"
    command = ["coordinator", corpus, "--out", "job", "--listen", socket, *SMALL_STEPS]
    coordinator = shell.start(*command)
    wait_for("a running job", lambda: (shell.status("job") or {}).get("stage") == "label")
    worker = shell.start("worker", socket)
    wait_for("labels", lambda: coordinator.poll() is not None or labelled(shell) > 0)
    interrupt(coordinator, signal.SIGKILL)
    coordinator = shell.start(*command)
    out, err = coordinator.communicate(timeout=PATIENCE_S)
    assert coordinator.returncode == COMPLETE, err
    assert worker.wait(timeout=PATIENCE_S) == COMPLETE
    shell("label", corpus, "--out", "straight", "--workers", 2)
    assert shell.digests("job") == shell.digests("straight")

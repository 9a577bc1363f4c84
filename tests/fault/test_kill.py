"""Killed at any moment and started again: nothing acknowledged is lost, and the dataset is that of an undisturbed run."""

import os
import signal
import subprocess
import time

import pytest

from conftest import COMPLETE, FAILED, PATIENCE_S, RESUMABLE, Shell, interrupt, is_alive, label_a_little, wait_for, workers_of

PAIRS = 16000
# A small window makes many leases and commits, so that more moments are between two of them.
SMALL_STEPS = ["--set", "service.window=512"]


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
        seen = label_a_little(shell, process, "job", share * PAIRS)
        interrupt(process, signal.SIGKILL)
        kept = shell.status("job")
        assert not kept["running"] and seen <= kept["labelled"] < PAIRS
    finish(shell, command, undisturbed)


def test_workers_that_are_killed_are_replaced(shell, corpus, undisturbed):
    process = shell.start("label", corpus, "--out", "job", "--workers", 2, *SMALL_STEPS)
    seen, killed = 0, set()
    for _ in range(3):
        seen = label_a_little(shell, process, "job", seen)
        worker = wait_for("a new worker", lambda: [pid for pid in workers_of(process) if pid not in killed])[0]
        os.kill(worker, signal.SIGKILL)
        killed.add(worker)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == COMPLETE, out + err
    assert shell.digests("job") == undisturbed[0]


def test_workers_end_with_their_parent(shell, corpus):
    process = shell.start("label", corpus, "--out", "job", "--workers", 3, *SMALL_STEPS)
    workers = wait_for("workers", lambda: len(workers_of(process)) == 3 and workers_of(process))
    interrupt(process, signal.SIGKILL)
    wait_for("the workers' end", lambda: not any(is_alive(pid) for pid in workers), patience_s=10)


def test_a_second_interrupt_stops_at_once_and_resumes(shell, corpus, undisturbed):
    command = ["label", corpus, "--out", "job", "--workers", 2, *SMALL_STEPS]
    process = shell.start(*command)
    label_a_little(shell, process, "job", 0)
    process.send_signal(signal.SIGTERM)
    code, _, err = interrupt(process, signal.SIGTERM)
    assert code == RESUMABLE, err
    finish(shell, command, undisturbed)


def test_the_store_has_one_writer_and_none_after_a_kill(shell, corpus):
    socket = f"ipc://{shell.path('socket')}"
    holder = shell.start("coordinator", corpus, "--out", "job", "--listen", socket)
    shell.wait_for_job(holder, "job", lambda status: status["stage"] == "label")
    assert f"in use by process {holder.pid}" in shell("label", corpus, "--out", "job", code=FAILED).err
    interrupt(holder, signal.SIGKILL)
    again = shell.start("coordinator", corpus, "--out", "job", "--listen", socket)
    shell.wait_for_job(again, "job")
    assert interrupt(again)[0] == RESUMABLE


def test_workers_outlive_a_coordinator_that_comes_back(shell, corpora):
    corpus = corpora(20000)
    socket = f"ipc://{shell.path('socket')}"
    command = ["coordinator", corpus, "--out", "job", "--listen", socket, *SMALL_STEPS]
    coordinator = shell.start(*command)
    shell.wait_for_job(coordinator, "job", lambda status: status["stage"] == "label")
    worker = shell.start("worker", socket)

    def is_known():     # it runs in small steps, as something must be left to do, or it would wait for more
        os.kill(worker.pid, signal.SIGCONT)
        time.sleep(0.02)
        os.kill(worker.pid, signal.SIGSTOP)
        time.sleep(0.3)     # what a job tells of itself is up to a quarter of a second old
        return shell.wait_for_job(coordinator, "job")["workers"] == 1

    wait_for("the worker", is_known)
    interrupt(coordinator, signal.SIGKILL)
    assert shell.status("job")["labelled"] < 20000
    coordinator = shell.start(*command)
    os.kill(worker.pid, signal.SIGCONT)
    out, err = coordinator.communicate(timeout=PATIENCE_S)
    assert coordinator.returncode == COMPLETE, err
    assert worker.wait(timeout=PATIENCE_S) == COMPLETE
    shell("label", corpus, "--out", "straight", "--workers", 2)
    assert shell.digests("job") == shell.digests("straight")

"""Workers and coordinators that ask a judge over HTTP, killed at any moment and started again: what was acknowledged is never asked
again, calls beyond the ideal are at most those that were sent or answered but not acknowledged, and the dataset is that of an
undisturbed run."""

import random
import signal
from collections import Counter

import pytest

from conftest import PATIENCE_S, interrupt, is_alive, send, wait_for, workers_of
from judging import PROBE, RULES, TEXTS, command, elsewhere, serve, write_rules  # noqa: F401

PAIRS, PLACES, WORKERS = 40, 4, 2
CELLS = PAIRS * 2 * RULES
DELAY_MS = 60
SLOW = ["--set", f"judge.places_max={PLACES}", "--set", "service.window=512"]
NEVER = {"when": {}, "do": "never"}


@pytest.fixture(scope="module")
def undisturbed(corpora, tmp_path_factory):
    """The dataset's digests of a run that nobody killed."""
    with elsewhere(tmp_path_factory) as (shell, server):
        shell(*command(corpora(PAIRS), server, WORKERS))
        assert server.calls() == CELLS + PROBE
    return shell.digests("job")


def finish(shell, server, arguments, undisturbed):
    """Start again; hold the dataset against the undisturbed run, and see that a further run asks nothing."""
    shell(*arguments)
    assert shell.digests("job") == undisturbed
    calls = server.calls()
    assert "Nothing to do" in shell(*arguments).out
    assert server.calls() == calls, "a second run on the same store asks nothing"
    assert "good" in shell("verify", "job").out


def answered_cells(server):
    """How often each cell was answered; the probe's question is none of the job's."""
    return Counter(line["cell"] for line in server.asked()[PROBE:] if line["did"] == "answer")


def kill_job(process):
    """SIGKILL a job's coordinator; its workers end with it."""
    workers = workers_of(process)
    interrupt(process, signal.SIGKILL)
    wait_for("the workers' end", lambda: not any(is_alive(pid) for pid in workers))


def kill_worker(process, rng):
    workers = wait_for("workers", lambda: workers_of(process))      # none for a moment, after one that was killed
    victim = rng.choice(sorted(workers))
    send([victim], signal.SIGKILL)
    wait_for("the worker's end", lambda: not is_alive(victim))
    wait_for("a new worker", lambda: set(workers_of(process)) - set(workers))


def freeze(shell, server, process):
    """Let the server answer nothing more, and wait until all that it answered is acknowledged. How many calls those are."""
    server.obey(NEVER)
    calm = wait_for("answers to end", lambda: (stats := server.stats())["in_service"] == 0 and stats["done"].get("0") and stats)
    told = []

    def all_is_told():
        told.append(shell.wait_for_job(process, "job")["completion_tokens"])
        return told[-1] == calm["answered"]

    try:
        wait_for("acknowledgements", all_is_told)
    except AssertionError as failure:
        raise AssertionError(f"{failure}: {told[-1]} of {calm['answered']} answers were told of") from failure
    return calm["answered"]


def test_what_was_in_flight_is_all_that_is_asked_again(shell, serve, corpora, undisturbed):
    rng = random.Random(11)
    write_rules(shell, TEXTS)
    server = serve(delay_ms=DELAY_MS)
    arguments = [*command(corpora(PAIRS), server, WORKERS), *SLOW]
    in_flight = 0
    for least in sorted(rng.sample(range(20, CELLS - 60), 5)):
        process = shell.start(*arguments)
        wait_for("calls", lambda: server.stats()["answered"] > least)
        acknowledged = freeze(shell, server, process)
        kill_job(process)
        lost = sum(server.stats()["done"].values())
        assert 0 < lost <= PLACES * WORKERS and acknowledged < CELLS
        in_flight += lost
        server.obey()
    finish(shell, server, arguments, undisturbed)
    assert server.calls() - CELLS - PROBE == in_flight
    answered = answered_cells(server)
    assert len(answered) == CELLS and set(answered.values()) == {1}, "what was acknowledged was asked again"


def test_what_workers_used_is_counted_once_though_they_were_given_up(shell, serve, corpora):
    """Workers that get no time for a while, as on a busy machine: what they send before they are known again is not taken."""
    write_rules(shell, TEXTS)
    server = serve(delay_ms=4 * DELAY_MS)
    process = shell.start(*command(corpora(PAIRS), server, WORKERS), *SLOW, "--set", "service.beat_ms=100")
    for least in (20, 60, 100):
        wait_for("calls", lambda: server.stats()["answered"] > PROBE + least)
        workers = wait_for("all workers", lambda: len(found := workers_of(process)) == WORKERS and found)
        send(workers, signal.SIGSTOP)
        wait_for("their answers", lambda: server.stats()["in_service"] == 0)
        shell.wait_for_job(process, "job", lambda status: status["workers"] == 0)
        send(workers, signal.SIGCONT)
        shell.wait_for_job(process, "job", lambda status: status["workers"] == WORKERS)
    freeze(shell, server, process)      # which waits until the job has told of every answer


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_any_moment(shell, serve, corpora, undisturbed, seed):
    rng = random.Random(seed)
    write_rules(shell, TEXTS)
    server = serve(delay_ms=DELAY_MS)
    arguments = [*command(corpora(PAIRS), server, WORKERS), *SLOW]
    not_acknowledged, process = 0, None
    for least in sorted(rng.sample(range(PROBE + 5, CELLS // 2), 6)):
        process = process or shell.start(*arguments)
        wait_for("calls", lambda: server.stats()["answered"] > least)
        told = shell.wait_for_job(process, "job")["completion_tokens"]      # one for each answer, the probe's too
        if rng.random() < 0.5:
            kill_worker(process, rng)
        else:
            kill_job(process)
            process = None
        # what the job had told of is on disk; all else that was sent up to now may have been lost with the victim
        not_acknowledged += server.calls() - told
    if process:
        process.communicate(timeout=PATIENCE_S)
    finish(shell, server, arguments, undisturbed)
    assert server.calls() - CELLS - PROBE <= not_acknowledged


def test_workers_that_outlive_their_coordinator_lose_nothing_of_what_they_judged(shell, serve, corpora, undisturbed):
    rng = random.Random(5)
    write_rules(shell, TEXTS)
    server = serve(delay_ms=DELAY_MS)
    socket = f"ipc://{shell.path('socket')}"
    label = command(corpora(PAIRS), server)
    arguments = ["coordinator", *label[1:label.index("--workers")], "--listen", socket, *SLOW]
    coordinator = shell.start(*arguments)
    workers = [shell.start("worker", socket) for _ in range(WORKERS)]
    moments = sorted(rng.sample(range(20, CELLS - 60), 3))
    for least in moments:
        wait_for("calls", lambda: server.stats()["answered"] > least)
        interrupt(coordinator, signal.SIGKILL)
        coordinator = shell.start(*arguments)
    out, err = coordinator.communicate(timeout=PATIENCE_S)
    assert coordinator.returncode == 0, out + err
    assert [worker.wait(timeout=PATIENCE_S) for worker in workers] == [0] * WORKERS
    assert shell.digests("job") == undisturbed
    # what they judged while it was away is brought to the next one before that leases anything; requests on their way may be late
    assert server.calls() - CELLS - PROBE <= len(moments) * PLACES * WORKERS

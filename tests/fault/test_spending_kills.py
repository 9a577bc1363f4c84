"""Limits of what a judge costs, with workers and coordinators that are killed in the middle: never passed, by the server's own count."""

import random
import signal
import time

import pytest

from conftest import COMPLETE, PATIENCE_S, RESUMABLE, interrupt, send, wait_for, workers_of
from judging import CELLS, PAIRS, PROBE, TEXTS, command, job, labels, quarantined, serve, write_rules  # noqa: F401

PRICES = ["--set", "judge.price_prompt=0.15", "--set", "judge.price_completion=0.6"]


def spent(server):
    stats = server.stats()
    tokens = stats["prompt_tokens"] + stats["completion_tokens"]
    return {"--max-calls": stats["chats"], "--max-tokens": tokens,
            "--max-cost": (stats["prompt_tokens"] * 150000 + stats["completion_tokens"] * 600000) / 1e12}


def kill_some(shell, server, arguments, rng):
    """Start it, kill a worker or the coordinator after some calls, and see to its end."""
    process = shell.start(*arguments)
    target = server.calls() + rng.randint(3, 12)
    wait_for("some calls, or the end", lambda: process.poll() is not None or server.calls() >= target)
    workers = workers_of(process) if process.poll() is None else []
    if workers and rng.random() < 0.5:
        send(workers[:1], signal.SIGKILL)
        process.communicate(timeout=PATIENCE_S)
    else:
        interrupt(process, signal.SIGKILL)
        time.sleep(0.2)         # its workers end with it
    return process.returncode


@pytest.mark.parametrize("flag,limit", [("--max-calls", 70), ("--max-tokens", 16000), ("--max-cost", 0.004)])
@pytest.mark.parametrize("seed", [1, 2])
def test_no_kill_makes_room_in_a_budget(shell, serve, job, corpora, flag, limit, seed):
    server = serve(delay_ms=15)
    rng = random.Random(seed)
    arguments = [*command(corpora(PAIRS), server, 1 + rng.randrange(3)), *PRICES, flag, limit, "--set", "judge.places_max=6"]
    for _ in range(5):
        assert kill_some(shell, server, arguments, rng) in (COMPLETE, RESUMABLE, -signal.SIGKILL)
        assert spent(server)[flag] <= limit
    shell(*arguments, code=RESUMABLE)
    assert spent(server)[flag] <= limit
    # what was judged is not asked for again, but for what was in flight at a kill
    more = {"--max-calls": 1000, "--max-tokens": 10 ** 7, "--max-cost": 10}[flag]
    shell(*[more if argument == limit else argument for argument in arguments])
    assert len(labels(shell)) == PAIRS and not quarantined(shell)
    assert server.calls() <= CELLS + PROBE + 6 * (PROBE + 2 * 3 * 6)


def test_a_second_interrupt_leaves_nothing_unsettled_but_what_was_granted(shell, serve, job, corpora):
    server = serve(delay_ms=60)
    arguments = [*command(corpora(PAIRS), server), "--max-calls", 60, "--set", "judge.places_max=4"]
    process = shell.start(*arguments)
    wait_for("some calls", lambda: server.calls() > PROBE + 12)
    process.send_signal(signal.SIGTERM)
    assert interrupt(process, signal.SIGTERM)[0] == RESUMABLE
    made = server.calls()
    assert made <= shell.status("job")["spent_calls"] <= 60
    shell(*arguments, code=RESUMABLE)
    assert made <= server.calls() <= 60
    shell(*[1000 if argument == 60 else argument for argument in arguments])
    assert len(labels(shell)) == PAIRS


def test_a_drained_job_has_settled_all(shell, serve, job, corpora):
    server = serve(delay_ms=30)
    arguments = [*command(corpora(PAIRS), server), "--max-calls", 90, "--set", "judge.places_max=4"]
    process = shell.start(*arguments)
    wait_for("some calls", lambda: server.calls() > PROBE + 12)
    assert interrupt(process)[0] == RESUMABLE
    assert server.calls() == shell.status("job")["spent_calls"] == shell.status("job")["calls"]
    shell(*arguments, code=RESUMABLE)
    assert server.calls() == 90

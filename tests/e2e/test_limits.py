"""What a judge's server allows: limits of a job that its workers share, pauses that it asks for, connections that it closes."""

import json

import pytest

from conftest import wait_for
from judging import CELLS, PAIRS, PROBE, TEXTS, command, labels, quarantined, report, serve, write_rules  # noqa: F401

PER_SECOND = 50
WINDOW_S = 3


def times(server, first, last):
    return [line["t"] for line in server.asked() if first <= line["n"] < last]


def best_window(at):
    """Calls in the fullest three seconds."""
    best = begin = 0
    for end, t in enumerate(at):
        while t - at[begin] > WINDOW_S:
            begin += 1
        best = max(best, end - begin + 1)
    return best


def expect_kept_and_used(at, when):
    spent = at[-1] - at[0]
    assert len(at) <= 1.1 * PER_SECOND * spent + PER_SECOND, f"{when}: {len(at)} calls in {spent:.1f} s"
    assert best_window(at) >= 0.9 * PER_SECOND * WINDOW_S, f"{when}: {best_window(at)} calls in the best {WINDOW_S} s"


def run_until(server, calls):
    wait_for(f"{calls} calls", lambda: server.calls() >= calls)


def label_with_one(shell, corpora, server):
    write_rules(shell, TEXTS)
    shell(*command(corpora(PAIRS), server, workers=1))


def test_a_limit_is_shared_by_the_workers_that_there_are(shell, serve, corpora):  # noqa: F811
    server = serve(delay_ms=20)
    write_rules(shell, TEXTS)
    socket = f"ipc://{shell.path('socket')}"
    coordinator = shell.start("coordinator", *command(corpora(700), server)[1:-2], "--listen", socket,
                              "--set", f"judge.requests_per_minute={60 * PER_SECOND}")
    workers, phases, at = [], [], 0
    for change in ("one", "two", "three", "one leaves"):
        if change == "one leaves":
            workers.pop().kill()
        else:
            workers.append(shell.start("worker", socket))
        run_until(server, at + 50)      # until then the change is on its way
        first = server.calls()
        at = first + 450
        run_until(server, at)
        phases.append((change, times(server, first, at)))
    coordinator.kill()
    for change, at in phases:
        expect_kept_and_used(at, change)


def test_each_member_of_a_panel_has_limits_of_its_own(shell, serve, corpora):  # noqa: F811
    write_rules(shell, TEXTS)
    members = {"limited": serve(model="limited", delay_ms=20), "other": serve(model="other", seed=2, delay_ms=20)}
    for name, server in members.items():
        limit = {"requests_per_minute": 60 * PER_SECOND} if name == "limited" else {}
        shell.write(f"{name}.yaml", json.dumps({"judge": {"urls": [server.url], "model": name, **limit}}).encode())
    shell.start("label", corpora(700), "--out", "job", "--rules", "rules.yaml", "--panel", "limited.yaml,other.yaml", "--policy", "all",
                "--workers", 3)
    run_until(members["limited"], PROBE + 100)
    first = members["limited"].calls()
    run_until(members["limited"], first + 450)
    expect_kept_and_used(times(members["limited"], first, first + 450), "three workers")
    assert members["other"].calls() > first + 450


def test_tokens_are_counted_as_the_server_counts_them(shell, serve, corpora):  # noqa: F811
    """An estimate is put down for each call; what it was off by is made up for by those after it."""
    server = serve(delay_ms=5, bytes_per_token=16)
    label_with_one(shell, corpora, server)
    calls = report(shell)["calls"]
    per_call = (calls["prompt_tokens"] + calls["completion_tokens"]) / calls["calls"]
    first = server.calls()
    shell("label", corpora(PAIRS), "--out", "limited", *command(corpora(PAIRS), server, workers=1)[4:],
          "--set", f"judge.tokens_per_minute={per_call * 60 * 16:.0f}")
    at = times(server, first + PROBE + 1, first + PROBE + CELLS + 1)
    assert len(at) == CELLS
    assert len(at) <= 16 * 1.1 * (at[-1] - at[0]) + 10, f"{len(at)} calls in {at[-1] - at[0]:.1f} s"
    assert best_window(at) >= 16 * 0.85 * WINDOW_S, f"{best_window(at)} calls in the best {WINDOW_S} s"


def test_connections_that_the_server_closes_cost_no_call(shell, serve, corpora):  # noqa: F811
    """As llama.cpp does it: after so many answers, and after some idle time. A pause leaves all kept connections idle that long."""
    pause = {"when": {"from": 30, "to": 30}, "do": "rate_limited", "retry_after": 3}
    server = serve(shape="llama", answers_per_connection=10, idle_s=1, rules=[pause])
    label_with_one(shell, corpora, server)
    stats, calls = server.stats(), report(shell)["calls"]
    assert stats["chats"] == CELLS + PROBE + 1 and stats["connections"] >= CELLS / 10
    assert calls["refused"] == 1 and len(labels(shell)) == PAIRS and quarantined(shell) == []


@pytest.mark.parametrize("limit, window_s", [(20, 1), (60, 2)])
def test_what_the_server_says_is_left_is_not_passed(shell, serve, corpora, limit, window_s):  # noqa: F811
    server = serve(delay_ms=5, ratelimit={"requests": limit, "window_s": window_s})
    label_with_one(shell, corpora, server)
    assert report(shell)["calls"]["refused"] == 0 and len(labels(shell)) == PAIRS


def test_an_endpoint_that_hangs_holds_nobody_up(shell, serve, corpora):  # noqa: F811
    """What it has in hand is asked elsewhere when its time is up, and new work goes to the other one meanwhile."""
    good = serve(delay_ms=100)
    hangs = serve(delay_ms=100, rules=[{"when": {"from": PROBE + 20}, "do": "never"}])
    write_rules(shell, TEXTS)
    arguments = command(corpora(200), good)
    arguments[arguments.index(good.url)] = f"{good.url},{hangs.url}"
    process = shell.start(*arguments, "--set", "judge.timeout_ms=20000")
    wait_for("the other one to hang", lambda: hangs.calls() > PROBE + 20)
    at = good.calls()
    run_until(good, at + 600)
    assert hangs.calls() < 160, "no more is sent than it had places for"
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert len(labels(shell)) == 200 and quarantined(shell) == []

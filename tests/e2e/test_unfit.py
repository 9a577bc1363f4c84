"""Workers that can't do their work: one that does not get through to the judge says so before its first call; where it is one of the
job's own, the job stops and can go on."""

import json

from conftest import COMPLETE, RESUMABLE, USAGE, wait_for
from judging import CELLS, PAIRS, PROBE, TEXTS, command, job, labels, report, serve, write_rules  # noqa: F401

KEY = "sk-not-to-be-found-9f8e7d6c5b4a"


def coordinate(shell, corpora, server):
    """A coordinator without workers of its own, and how workers are started."""
    write_rules(shell, TEXTS)
    address = f"ipc://{shell.path('socket')}"
    arguments = command(corpora(PAIRS), server)
    arguments[0] = "coordinator"
    arguments = arguments[:arguments.index("--workers")]
    coordinator = shell.start(*arguments, "--listen", address)
    wait_for("the run", lambda: shell.path("socket").exists() and shell.status("job")["stage"] == "label")
    return coordinator, ["worker", address]


def end(coordinator):
    out, err = coordinator.communicate(timeout=60)
    assert coordinator.returncode == COMPLETE, err
    return out.decode(), err.decode()


def test_a_key_refused_for_one_worker_of_our_own_stops_the_job(shell, serve, job):
    server = serve(delay_ms=20, rules=[{"when": {"from": 30, "times": 1}, "do": "unauthorized"}])
    stopped = job(server, code=RESUMABLE)
    assert "refused the key" in stopped.err and "same command" in stopped.err
    assert shell.status("job")["calls"] == server.calls() < CELLS
    job(server)
    assert len(labels(shell)) == PAIRS and server.calls() == CELLS + PROBE + 1, "what was under way is kept"
    assert report(shell)["calls"]["calls"] == server.calls()


def test_a_remote_worker_without_the_key_leaves_before_its_first_call(shell, serve, corpora, monkeypatch):
    server = serve(key=KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    coordinator, worker = coordinate(shell, corpora, server)
    calls = server.calls()
    refused = shell(*worker, code=USAGE, env={"OPENAI_API_KEY": "sk-" + "e" * 20})
    assert "refused the key" in refused.err and "unfit" in refused.err and server.calls() == calls
    wait_for("the word", lambda: shell.status("job")["workers_unfit"] == 1)
    shell(*worker)
    out, err = end(coordinator)
    assert "refused the key" in err and "1 worker could not work" in out and "refused the key" in out
    usage = report(shell)["usage"]
    assert usage["workers_unfit"] == 1 and "refused the key" in usage["unfit"] and len(labels(shell)) == PAIRS


def test_a_remote_worker_that_reaches_no_endpoint_says_so(shell, serve, corpora):
    server = serve()
    coordinator, worker = coordinate(shell, corpora, server)
    server.stop()
    lost = shell(*worker, code=USAGE)
    assert "none of the judge's endpoints can be reached" in lost.err and server.url in lost.err
    back = serve(port=server.port)
    shell(*worker)
    end(coordinator)
    assert len(labels(shell)) == PAIRS and back.calls() == CELLS


def test_a_server_without_a_list_of_models_is_there(shell, serve, job):
    job(serve(rules=[{"when": {"path": "/models"}, "do": "not_found"}]))
    assert len(labels(shell)) == PAIRS


def test_a_job_that_goes_on_while_its_server_is_away_says_so(shell, serve, job):
    server = serve()
    job(server, "--max-calls", 40, code=RESUMABLE)
    server.stop()
    stopped = job(server, code=RESUMABLE)
    assert "none of the judge's endpoints can be reached" in stopped.err and "same command" in stopped.err
    assert json.loads(job(server, "--json", code=RESUMABLE).out)["outcome"] == "workers unfit"
    job(serve(port=server.port))
    assert len(labels(shell)) == PAIRS


def test_a_judge_that_is_away_is_not_missed_where_all_is_known(shell, serve, job):
    server = serve()
    job(server)
    first = labels(shell)
    server.stop()
    job(server, "--set", "run.tie_margin=0.3", "--new-run")
    again = labels(shell)
    assert len(again) == PAIRS and again != first
    assert "calls" not in report(shell), "nothing was asked"

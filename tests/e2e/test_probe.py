"""Before anything is spent: what is found out about a judge's endpoints, at whose expense, and the tie margin that comes of it."""

import json
import signal

import pytest

from conftest import COMPLETE, FAILED, RESUMABLE, USAGE, send, wait_for

from judging import CELLS, PAIRS, PROBE, TEXTS, command, job, labels, report, serve, write_rules  # noqa: F401

KEY = "sk-not-to-be-found-9f8e7d6c5b4a"


def findings(shell, server, *more, code=COMPLETE):
    told = json.loads(shell("judge", "probe", server.url, "--json", *more, code=code).out)
    assert told["fit"] == (code == COMPLETE)
    return {finding["what"]: finding for finding in told["findings"]}, told


def run_folder(shell):
    return shell.path("job/dataset").resolve().parent


def margin_of(shell):
    """As config.yaml and the manifest have it, which must be the same."""
    manifest = json.loads((run_folder(shell) / "dataset/manifest.json").read_text())
    line = next(line for line in (run_folder(shell) / "config.yaml").read_text().splitlines() if "tie_margin:" in line)
    assert f"tie_margin: {line.split()[-1]}" in manifest["configuration"] if "configuration" in manifest else True
    return float(line.split()[-1])


# --- judge probe -------------------------------------------------------------

def test_a_good_server_is_probed(shell, serve):
    server = serve(context_tokens=4096)
    found, told = findings(shell, server)
    assert "4096" in found["context"]["text"] and "98.0 %" in found["log-probabilities"]["text"]
    assert found["prefix cache"]["verdict"] == "good" and 0 < told["cached_share"] < 1
    assert told["calls"] == server.calls() == PROBE and told["tie_margin"] == 0 and told["call_s"] > 0 and told["mends"] == {}
    text = shell("judge", "probe", server.url, "--model", "tester").out
    assert "a tie margin of 0 covers" in text and f"{PROBE} calls were made" in text


@pytest.mark.parametrize("script,what,mend,written", [
    ({"key": KEY}, "key", "OPENAI_API_KEY", {}),
    ({"logprobs": False}, "log-probabilities", "judge.logprobs", {"judge.logprobs": "false"}),
    ({"refuse": ["logprobs"]}, "log-probabilities", "judge.logprobs to false", {"judge.logprobs": "false"}),
    ({"top_logprobs_max": 5}, "top_logprobs", "judge.top_logprobs to 5", {"judge.top_logprobs": "5"}),
    ({"refuse": ["max_tokens"]}, "max_tokens", "judge.max_completion_tokens to true", {"judge.max_completion_tokens": "true"}),
    ({"refuse": ["temperature"]}, "temperature", "temperature to judge.omit", {"judge.omit": "[temperature]"}),
    ({"refuse": ["temperature", "max_tokens"], "top_logprobs_max": 11}, "top_logprobs", "to 11",
     {"judge.omit": "[temperature]", "judge.max_completion_tokens": "true", "judge.top_logprobs": "11"}),
    ({"rules": [{"when": {"body": '"top_logprobs":20'}, "do": "bad_request", "message": "top_logprobs: too many"},
                {"when": {"body": '"top_logprobs":1'}, "do": "bad_request", "message": "top_logprobs: too many"}]},
     "top_logprobs", "to 9", {"judge.top_logprobs": "9"}),
    ({"refuse": ["messages"]}, "answers", "judge.omit", {}),
    ({"thinks": True}, "thinking", "enable_thinking", {"judge.extra": """'{"chat_template_kwargs": {"enable_thinking": false}}'"""}),
    ({"rules": [{"when": {}, "do": "reasoning"}]}, "thinking", "after_reasoning", {"judge.label_position": "after_reasoning"}),
    ({"rules": [{"when": {}, "do": "html"}]}, "answers", "OpenAI-compatible", {}),
    ({"rules": [{"when": {}, "do": "other_language"}]}, "mass", "no label", {}),
    ({"rules": [{"when": {"body": '"guided_choice"'}, "do": "answer"}, {"when": {}, "do": "other_language"}]},
     "mass", "judge.constrain to guided_choice", {"judge.constrain": "guided_choice"}),
    ({"rules": [{"when": {}, "do": "other_labels", "text": "Yes"}]}, "mass", "judge.logprobs to false", {"judge.logprobs": "false"}),
    ({"rules": [{"when": {}, "do": "context"}]}, "context", "longer context", {}),
    ({"rules": [{"when": {}, "do": "loading"}]}, "answers", "wait", {}),
    ({"rules": [{"when": {}, "do": "error"}]}, "answers", "see its log", {}),
    ({"rules": [{"when": {"path": "/models"}, "do": "redirect"}]}, "reachable", "redirect", {}),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_wrong_is_said_with_its_mend(shell, serve, script, what, mend, written):
    server = serve(**script)
    found, told = findings(shell, server, code=FAILED)
    assert found[what]["verdict"] == "wrong" and mend in found[what]["text"]
    assert told["mends"] == written and told["calls"] == server.calls()


def test_a_constraint_that_is_configured_is_asked_with(shell, serve, job):
    server = serve(rules=[{"when": {"body": '"guided_choice"'}, "do": "answer"}, {"when": {}, "do": "other_language"}])
    constrain = ["--set", "judge.constrain=guided_choice"]
    found, told = findings(shell, server, *constrain)
    assert found["mass"]["verdict"] == "note" and told["tie_margin"] == 0 and told["calls"] == server.calls() == PROBE + 1
    job(server, *constrain)
    assert report(shell)["calls"]["calls"] == server.calls() - told["calls"] == PROBE + 1 + 2 * CELLS


def test_a_constraint_that_does_not_help_is_said(shell, serve):
    server = serve(rules=[{"when": {}, "do": "other_language"}])
    found, told = findings(shell, server, "--set", "judge.constrain=guided_choice", code=FAILED)
    assert "nor with judge.constrain guided_choice" in found["mass"]["text"] and told["calls"] == server.calls() == 2


def test_a_server_that_lacks_the_model_says_which_it_has(shell, serve):
    found, _ = findings(shell, serve(), "--model", "another", code=FAILED)
    assert "tester" in found["model"]["text"]


def test_noise_gives_a_margin_and_too_much_of_it_gives_none(shell, serve):
    _, told = findings(shell, serve(noise=0.3))
    assert 0 < told["tie_margin"] < 0.3 and told["deviation"] > 0
    text = ["--set", "judge.logprobs=false"]
    found, told = findings(shell, serve(noise=9), *text)
    assert told["tie_margin"] is None and "judge.samples" in found["samples"]["text"]
    assert findings(shell, serve(), *text)[1]["tie_margin"] == 0, "text of a steady server"


def test_what_mends_it_is_written_into_a_configuration(shell, serve):
    server = serve(refuse=["temperature", "max_tokens"], top_logprobs_max=11, noise=0.3)
    shell.path("my.yaml").write_text("# mine\njudge:\n  top_logprobs: 20   # all of them\n  mass_min: 0.06\nworkers: 2\n")
    _, told = findings(shell, server, "--write", "my.yaml", code=FAILED)
    lines = shell.path("my.yaml").read_text().splitlines()
    assert lines[0] == "# mine" and {"  top_logprobs: 11   # all of them", "  mass_min: 0.06", "workers: 2"} <= set(lines)
    assert {"  omit: [temperature]", "  max_completion_tokens: true", f"  tie_margin: {told['tie_margin']:g}"} <= set(lines)
    done = shell("judge", "probe", server.url, "--config", "my.yaml", "--write", "new.yaml")
    assert "run.tie_margin is set to" in done.err and shell.path("new.yaml").read_text().startswith("run:\n  tie_margin: ")
    shell.path("flow.yaml").write_text("judge: {mass_min: 0.06}\n")
    refused = shell("judge", "probe", server.url, "--write", "flow.yaml", code=FAILED)
    assert "flow.yaml:1" in refused.err and shell.path("flow.yaml").read_text() == "judge: {mass_min: 0.06}\n"


# --- at the start of a job ---------------------------------------------------

def test_nobody_there(shell, serve, job):
    server = serve()
    server.stop()
    found, _ = findings(shell, server, code=FAILED)
    assert found["reachable"]["verdict"] == "wrong"
    assert "reachable" in job(server, code=USAGE).err


def two(shell, corpora, first, second, *more, code=COMPLETE):
    arguments = command(corpora(PAIRS), first)
    arguments[arguments.index("--judge") + 1] = f"{first.url},{second.url}"
    write_rules(shell, TEXTS)
    return shell(*arguments, *more, code=code)


def test_each_endpoint_is_probed(shell, serve, corpora):
    first, second = serve(), serve()
    two(shell, corpora, first, second)
    assert report(shell)["calls"]["calls"] == first.calls() + second.calls() == CELLS + 2 * PROBE


def test_one_dead_endpoint_of_two_is_a_warning_and_two_are_an_error(shell, serve, corpora):
    alive, dead = serve(), serve()
    dead.stop()
    told = two(shell, corpora, dead, alive)
    assert dead.url in told.err and "go on without it" in told.err
    assert alive.calls() == CELLS + PROBE and len(labels(shell)) == PAIRS
    alive.stop()
    told = two(shell, corpora, dead, alive, "--set", "judge.temperature=1", "--new-run", code=USAGE)
    assert "can't work" in told.err


@pytest.mark.parametrize("script,word", [
    ({"key": KEY}, "OPENAI_API_KEY"), ({"model": "another"}, "model"), ({"logprobs": False}, "judge.logprobs"),
    ({"top_logprobs_max": 7}, "judge.top_logprobs to 7"), ({"refuse": ["max_tokens"]}, "judge.max_completion_tokens to true"),
])
def test_one_endpoint_that_can_not_work_stops_the_job_before_anything_is_judged(shell, serve, corpora, script, word):
    good, bad = serve(), serve(**script)
    told = two(shell, corpora, good, bad, code=USAGE)
    assert bad.url in told.err and word in told.err and good.calls() <= PROBE
    assert not shell.path("job/dataset").exists()


@pytest.mark.parametrize("path", ["/models", "/chat/completions"])
def test_a_server_that_loads_its_model_is_waited_for(shell, serve, job, path):
    server = serve(rules=[{"when": {"path": path, "times": 2}, "do": "loading"}])
    assert "loading its model" in job(server).err
    assert len(labels(shell)) == PAIRS and report(shell)["calls"]["calls"] == server.calls()


# --- the tie margin ----------------------------------------------------------

def test_a_steady_server_gets_no_margin(shell, serve, job):
    done = job(serve())
    assert "tie margin is 0" in done.err and margin_of(shell) == 0


def test_a_noisy_server_gets_a_margin_that_later_starts_adopt(shell, serve, job):
    server = serve(noise=0.3)
    done = job(server)
    margin = margin_of(shell)
    assert 0 < margin < 0.3 and f"tie margin is {margin:g}" in done.err and "run.tie_margin" in done.err
    first, calls = labels(shell), server.calls()
    assert "Nothing to do" in job(server).out and margin_of(shell) == margin
    assert "Nothing to do" in shell("label", "--out", "job").out and margin_of(shell) == margin
    wider = job(server, "--set", "run.tie_margin=1.9", "--new-run")
    assert margin_of(shell) == 1.9 and "tie margin" not in wider.err
    assert all(row[0] is None for row in labels(shell).values()), "a margin this wide makes ties of all"
    assert "Nothing to do" in job(server).out, "the last run but for its margin"
    again = job(server, "--set", f"run.tie_margin={margin}")
    assert "Nothing to do" in again.out and labels(shell) == first and margin_of(shell) == margin
    assert server.calls() == calls, "a margin judges no cell"


def test_another_k_takes_the_margin_from_what_was_measured(shell, serve, job):
    server = serve(noise=0.3)
    job(server)
    margin, calls = margin_of(shell), server.calls()
    shell("label", "--out", "job", "--rules", "rules.yaml", "--judge", server.url, "--model", "tester", "--top", 4, "--new-run")
    assert 0 < margin_of(shell) < margin and server.calls() == calls


def test_a_given_margin_stays(shell, serve, job):
    job(serve(noise=0.3), "--set", "run.tie_margin=0.123")
    assert margin_of(shell) == 0.123


# --- whose calls they are ----------------------------------------------------

def test_a_kill_in_mid_probe_hides_no_call(shell, serve, job, corpora):
    server = serve(rules=[{"when": {"from": 3, "times": 1}, "do": "never"}])
    process = shell.start(*command(corpora(PAIRS), server))
    wait_for("the third call", lambda: server.calls() == 3)
    send([process.pid], signal.SIGKILL)
    process.communicate()
    job(server)
    assert report(shell)["calls"]["calls"] == server.calls() == CELLS + PROBE + 3


@pytest.mark.parametrize("limit,probed", [(1, 0), (8, 1), (40, PROBE)])
def test_the_probe_is_of_the_budget_and_a_small_part_of_it(shell, serve, job, limit, probed):
    server = serve()
    stopped = json.loads(job(server, "--max-calls", limit, "--json", code=RESUMABLE).out)
    assert stopped.get("calls", {}).get("calls", 0) == server.calls() <= limit, "an item is begun where all its cells can be paid"
    rules = [json.loads(line).get("rule") for line in server.log_file.read_text().splitlines()]
    assert sum(rule is not None and rule not in TEXTS for rule in rules) == probed
    job(server)
    assert report(shell)["calls"]["calls"] == server.calls() <= CELLS + probed + 4


def test_a_probe_that_fails_counts_for_the_run_that_is_begun_then(shell, serve, job):
    server = serve(top_logprobs_max=7)
    job(server, code=USAGE)
    before = server.calls()
    job(server, "--set", "judge.top_logprobs=7")
    assert before >= 2 and report(shell)["calls"]["calls"] == server.calls() == CELLS + PROBE + before

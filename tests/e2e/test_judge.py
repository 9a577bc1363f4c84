"""A judge behind HTTP, held against a scripted server (tests/servers/scripted.py): what is asked, what is kept, what the probe finds,
and that no call is made twice or beyond the budget. What comes of wrong answers is in test_misbehaviour.py."""

import json
import signal
import time
from pathlib import Path

import pytest

from conftest import COMPLETE, FAILED, RESUMABLE, USAGE, Shell, send, wait_for, workers_of
from judging import (CELLS, PAIRS, PROBE, RULES, TEXTS, command, everything_in, job, labels, quarantined, report,  # noqa: F401
                     serve, write_rules)
import shapes

KEY = "sk-not-to-be-found-9f8e7d6c5b4a"


# --- labels and cells --------------------------------------------------------

@pytest.mark.parametrize("shape", ["vllm", "llama", "openai"])
def test_labels_are_what_the_probabilities_imply(shell, serve, job, shape):
    server = serve(shape=shape, seed=3)
    done = job(server, "--policy", "all")
    assert "openai: tester" in done.out
    text_of = {f"rule-{n}": text for n, text in enumerate(TEXTS)}
    rows = [row for name in ("train.jsonl", "validation.jsonl") if shell.path("job/dataset", name).exists()
            for row in shell.rows("job/dataset", name)]
    assert len(rows) == PAIRS
    for row in rows:
        sums = {"chosen": 0, "rejected": 0}
        for rule in row["rules"]:
            for side in sums:
                p_yes, p_no, _ = shapes.probabilities(3, row[side][0]["content"], text_of[rule["id"]])
                assert abs(rule[f"score_{side}"] - (p_yes - p_no)) < 0.01
                sums[side] += p_yes - p_no
        assert len(row["rules"]) == RULES and sums["chosen"] > sums["rejected"] - 0.02
    calls = report(shell)["calls"]
    assert server.calls() == CELLS + PROBE == calls["calls"]
    assert calls["completion_tokens"] == CELLS + PROBE and calls["prompt_tokens"] > calls["cached_tokens"] > 0 == calls["refused"]
    assert shell.status("job")["calls"] == CELLS + PROBE


def test_a_cell_is_judged_once(shell, serve, job):
    server = serve()
    job(server)
    assert server.calls() == CELLS + PROBE
    first = labels(shell)
    assert "Nothing to do" in job(server).out
    assert "Nothing to do" in shell("label", "--out", "job").out
    job(server, "--set", "policy.weight_relevance=0", "--new-run")
    assert server.calls() == CELLS + PROBE, "another way to choose among judged cells"
    shell("label", "--out", "job", "--rules", "rules.yaml", "--judge", server.url, "--model", "tester", "--top", 3, "--new-run")
    assert server.calls() == CELLS + PROBE, "another k"
    assert labels(shell) != first


def test_a_reworded_rule_is_all_that_is_asked_again(shell, serve, job):
    server = serve()
    job(server)
    write_rules(shell, [*TEXTS[:-1], "The response declines."])
    job(server, "--new-run")
    assert server.calls() == CELLS + PROBE + PAIRS * 2
    assert {line["rule"] for line in server.asked() if line["n"] > CELLS + PROBE} == {"The response declines."}


def test_another_model_is_another_judge_and_another_url_is_not(shell, serve, job):
    server = serve(shape="llama")
    job(server)
    other = serve(shape="llama")
    assert "Nothing to do" in job(other).out
    refused = job(other, "--set", "judge.temperature=0.5", code=FAILED)
    assert "--new-run" in refused.err
    job(other, "--set", "judge.temperature=0.5", "--new-run")
    assert CELLS + PROBE <= other.calls() <= CELLS + PROBE + 2     # it closes connections as they are used again


def test_a_new_run_says_that_its_judge_is_another(shell, serve, job):
    server = serve()
    begun = job(server).err
    named = shell("label", "--out", "job", "--rules", "rules.yaml", "--judge", "lexicon", "--new-run").err
    assert "the last run's was" not in begun + named
    job(server, "--set", "judge.temperature=0.5", "--new-run")
    unnamed = shell("label", "--out", "job", "--rules", "rules.yaml", "--seed", 5, "--new-run").err
    said = [line for line in unnamed.splitlines() if "the last run's was openai" in line]
    assert len(said) == 1 and "judge is lexicon" in said[0] and "--judge URL --model NAME keeps" in said[0]


def test_a_changed_prompt_does_not_go_on_with_a_run(shell, serve, job):
    server = serve(delay_ms=5)
    shell.path("prompt.txt").write_text("[user]\n{{conversation}}\n{{response}}\n{{rule}}\n")
    job(server, "--set", "judge.template=prompt.txt", "--max-calls", 20, code=RESUMABLE)
    shell.path("prompt.txt").write_text("[user]\nOh! {{conversation}}\n{{response}}\n{{rule}}\n")
    assert "prompt.txt" in shell("label", "--out", "job", code=FAILED).err


# --- kills -------------------------------------------------------------------

def test_killed_workers_and_coordinator_lose_only_what_was_in_flight(shell, serve, job, corpora):
    places = 8
    server = serve(delay_ms=40)
    arguments = [*command(corpora(PAIRS), server), "--set", f"judge.places_max={places}"]
    kills = 0
    for fewest in (15, 35, 55):
        process = shell.start(*arguments)
        wait_for("some calls", lambda: server.calls() > fewest)
        if kills == 0:
            send(wait_for("workers", lambda: workers_of(process))[:1], signal.SIGKILL)
            wait_for("more calls", lambda: server.calls() > fewest + 10)
            kills += 1
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += 1
        time.sleep(0.3)         # its workers end with it
    shell(*arguments)
    assert len(labels(shell)) == PAIRS
    beyond = server.calls() - CELLS - PROBE
    assert beyond <= kills * places * 2, f"{beyond} calls beyond the ideal after {kills} kills"


# --- keys --------------------------------------------------------------------

def test_the_key_is_used_and_found_nowhere(shell, serve, job, corpora, monkeypatch):
    server = serve(key=KEY, delay_ms=20)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    process = shell.start(*command(corpora(PAIRS), server))
    wait_for("some calls", lambda: server.calls() > 10)
    lines = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in [process.pid, *workers_of(process)])
    out, err = process.communicate(timeout=60)
    assert process.returncode == COMPLETE, err
    assert KEY.encode() not in everything_in(shell.path("job")) + out + err + lines


def test_a_refused_key_stops_before_anything_is_spent(shell, serve, job):
    server = serve(key=KEY)
    refused = job(server, code=USAGE, env={"OPENAI_API_KEY": "sk-another-1234567890abcdef"})
    assert "key" in refused.err and "OPENAI_API_KEY" in refused.err and "sk-another" not in refused.err
    assert server.calls() == 0 and not shell.path("job").exists()


def test_a_key_refused_in_mid_job_stops_it_resumable(shell, serve, job):
    server = serve(rules=[{"when": {"from": 30, "to": 200}, "do": "unauthorized"}])
    stopped = job(server, code=RESUMABLE, env={"OPENAI_API_KEY": KEY})
    assert "refused the key" in stopped.err and "same command" in stopped.err
    assert KEY not in stopped.err and KEY.encode() not in everything_in(shell.path("job"))
    assert server.calls() < CELLS
    healed = serve()
    job(healed, env={"OPENAI_API_KEY": KEY})
    assert len(labels(shell)) == PAIRS and not quarantined(shell)
    assert healed.calls() < CELLS


def test_a_key_in_a_url_is_refused(shell, corpora):
    done = shell("label", corpora(PAIRS), "--out", "job", "--judge", f"http://me:{KEY}@127.0.0.1:1/v1", "--model", "m", code=USAGE)
    assert KEY not in done.err and "OPENAI_API_KEY" in done.err


def test_key_files(shell, serve, job):
    server = serve(key=KEY)
    shell.path("key").write_text(KEY + "\n")
    shell.path("key").chmod(0o644)
    assert "chmod 600" in job(server, "--set", "judge.key_file=key", code=USAGE).err
    shell.path("key").chmod(0o600)
    job(server, "--set", f"judge.key_file={shell.path('key')}")
    assert KEY.encode() not in everything_in(shell.path("job"))

"""What is set aside or cut is told: conversations too long for the judge, and the whole answers that could not be read."""

import json

import pytest

from conftest import SET_ASIDE
from judging import TEXTS, command, everything_in, job, labels, quarantined, report, serve, write_rules  # noqa: F401

KEY = "sk-not-to-be-found-9f8e7d6c5b4a"
TURNS, TURN_BYTES, LONG = 5, 4000, 6        # of LONG pairs; three such turns go into 3600 tokens beside the template


@pytest.fixture
def long_corpus(shell):
    turns = [{"role": ("user", "assistant")[n % 2], "content": f"{n} " * (TURN_BYTES // 2)} for n in range(TURNS)]
    rows = [{"prompt": [{"role": "user", "content": f"Talk {n}."}, *turns[1:]], "chosen": f"Yes, {n}.", "rejected": f"No, {n}."}
            for n in range(LONG)]
    for row in rows:
        row["prompt"][0]["content"] += "x" * TURN_BYTES
    shell.path("long.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_rules(shell, TEXTS)
    return shell.path("long.jsonl")


def test_conversations_that_are_cut_are_counted(shell, serve, long_corpus):
    server = serve(context_tokens=3600)
    done = shell(*command(long_corpus, server), "--set", "judge.too_long=cut")
    calls = report(shell)["calls"]
    assert calls["cut_responses"] == 2 * LONG and calls["cut_turns"] == 4 * LONG and calls["calls"] == server.calls()
    assert f"{2 * LONG} conversations too long for the judge: {4 * LONG} earlier turns left out" in done.out
    status = shell.status("job")
    assert (status["cut_responses"], status["cut_turns"]) == (2 * LONG, 4 * LONG)
    assert f"{4 * LONG} earlier turns" in shell("status", "job").out


@pytest.mark.parametrize("shape, told, refusals", [("llama", True, 2), ("vllm", True, 2), ("openai", True, 2), ("vllm", False, 7)])
def test_few_calls_find_out_how_much_to_cut(shell, serve, shape, told, refusals):
    turns = [{"role": ("user", "assistant")[n % 2], "content": f"{n % 10} " * 500} for n in range(63)]
    shell.write("talk.jsonl", [{"prompt": turns, "chosen": "Yes.", "rejected": "No."}])
    write_rules(shell, TEXTS)
    server = serve(shape=shape, context_tokens=3600, context_told=told)
    shell(*command("talk.jsonl", server), "--set", "judge.too_long=cut")
    calls = report(shell)["calls"]
    answered = server.stats()["answered"]
    assert answered >= 2 * len(TEXTS)
    assert 2 <= server.calls() - answered <= 2 * refusals
    assert calls["cut_responses"] == 2 and calls["cut_turns"] <= 2 * (54 if told else 62)


def test_conversations_that_are_set_aside_as_too_long_are_counted_apart(shell, serve, long_corpus):
    server = serve(context_tokens=3600)
    done = shell(*command(long_corpus, server), code=SET_ASIDE)
    assert f"{LONG} pairs ({LONG} too long for the judge) set aside" in done.out
    assert report(shell)["labels"]["too_long"] == shell.status("job")["too_long"] == LONG
    assert f"{LONG} pairs set aside ({LONG} too long for the judge)" in shell("status", "job").out
    assert "too-long" in shell("inspect", "job", "long.jsonl:1").out
    shell("retry", "job")
    assert shell.status("job")["too_long"] == shell.status("job")["quarantined"] == 0
    shell("label", "--out", "job", "--judge", serve().url)
    assert len(labels(shell)) == LONG and report(shell)["labels"]["too_long"] == 0


@pytest.mark.parametrize("name,more", [("other_labels", ()), ("html", ("--set", "judge.tries=1"))])
def test_a_whole_answer_that_could_not_be_read_is_kept(shell, serve, job, name, more):
    long = "All that I have to say of it. " * 300 + "The end of it."
    server = serve(rules=[{"when": {"from": 20, "times": 1}, "do": name, "text": long + f" Bearer {KEY}"}])
    job(server, *more, code=SET_ASIDE, env={"OPENAI_API_KEY": KEY})
    aside = quarantined(shell)
    assert len(aside) == 1 and len(json.dumps(aside[0])) < 4000, "the beginning is in the quarantine file"
    pair = shell("inspect", "job", aside[0]["id"], "--json").out
    raw = json.loads(pair)["raw"]
    assert "The end of it." in raw and len(raw) > 4000 and KEY not in raw and "[key]" in raw
    assert "The answer was" in shell("inspect", "job", aside[0]["id"]).out
    assert KEY.encode() not in everything_in(shell.path("job"))


def test_a_huge_answer_is_kept_up_to_a_bound(shell, serve, job):
    server = serve(rules=[{"when": {"from": 20, "times": 1}, "do": "html", "text": "much " * 20000}])
    job(server, "--set", "judge.tries=1", code=SET_ASIDE)
    raw = json.loads(shell("inspect", "job", quarantined(shell)[0]["id"], "--json").out)["raw"]
    assert 15000 < len(raw) <= 16 * 1024

"""The judge behind HTTP against a real small model, from probe to dataset. Run by ops/test --llm, which serves the model and says where
(RULEMILL_LLM_URL). The model's opinions are not tested: they are those of half a billion weights."""

import json
import os
import time
import urllib.request

import pytest

from conftest import COMPLETE

URL = os.environ.get("RULEMILL_LLM_URL")
MODEL = "tiny-judge"
PAIRS = 6
TEXTS = ["The response apologises.", "The response names a helpline or a professional.", "The response gives steps to follow.",
         "The response refuses what was asked.", "The response asks a question back."]
# rulemill refuses a template whose rule does not come last, so what that would cost is asked here, with the same texts.
RULE_FIRST = """The rule: {rule}

Does the response below do what the rule says? Answer with one word only: Yes, No or Irrelevant.

{conversation}

The response to be judged:
{response}

One word only: Yes, No or Irrelevant."""

pytestmark = pytest.mark.skipif(not URL, reason="RULEMILL_LLM_URL is not set; ops/test --llm serves a model and sets it")


@pytest.fixture
def job(shell, corpora):
    """job(name, more arguments): label a few pairs by five rules in a store of its own; (report, seconds)."""
    rules = [{"id": f"rule-{n}", "text": text, "category": "test", "polarity": 1,
              "lexicon": {"prompt": [], "for": [f"word{n}"], "against": [f"other{n}"]}} for n, text in enumerate(TEXTS)]
    shell.path("rules.yaml").write_text(json.dumps({"version": 1, "name": "tests", "rules": rules}))

    def label(name, *more):
        began = time.monotonic()
        shell("label", corpora(PAIRS), "--out", name, "--rules", "rules.yaml", "--judge", URL, "--model", MODEL, "--workers", 1,
              "--policy", "all", "--set", "judge.places_max=2", *more, code=COMPLETE)
        took_s = time.monotonic() - began
        report = json.loads((shell.path(name, "dataset").resolve().parent / "report.json").read_text())
        return report, took_s

    return label


def say(name, report, took_s):
    calls = report["calls"]
    computed = calls["prompt_tokens"] - calls["cached_tokens"]
    print(f"{name}: {calls['calls']} calls in {took_s:.1f} s, {calls['calls'] / took_s:.2f} calls/s, {calls['prompt_tokens']} prompt "
          f"tokens, {computed} computed, {calls['cached_tokens'] / calls['prompt_tokens']:.1%} cached")
    return computed


def test_probe_finds_what_a_job_needs(shell):
    done = shell("judge", "probe", URL, "--model", MODEL)
    print(done.out)
    assert MODEL in done.out


def test_labels_come_out_and_are_paid_for_once(shell, job):
    report, _ = job("job")
    assert report["outcome"] == "complete"
    assert report["labels"]["labelled"] == PAIRS
    assert report["labels"]["quarantined"] == 0
    assert report["calls"]["calls"] >= PAIRS * 2 * len(TEXTS)
    again, _ = job("job")
    assert again["calls"]["calls"] == report["calls"]["calls"]


def test_rules_last_are_served_from_the_prefix_cache(shell, job):
    last = say("rules last", *job("last"))
    first = say("rules first", *ask_rules_first(shell))
    assert last < first


def ask_rules_first(shell):
    """The questions of the job "last" with the rule in front, one after the other; (what a report says of calls, seconds)."""
    calls = {"calls": 0, "prompt_tokens": 0, "cached_tokens": 0}
    began = time.monotonic()
    for conversation, response in responses(shell):
        for rule in TEXTS:
            used = ask(RULE_FIRST.format(rule=rule, conversation=conversation, response=response))
            calls["calls"] += 1
            calls["prompt_tokens"] += used["prompt_tokens"]
            calls["cached_tokens"] += used.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    return {"calls": calls}, time.monotonic() - began


def responses(shell):
    """Conversation and response, as texts, of each side of each pair that was labelled."""
    for name in ("train.jsonl", "validation.jsonl", "ties.jsonl"):
        for row in shell.rows("last/dataset", name) if shell.path("last/dataset", name).exists() else ():
            conversation = "\n".join(f"{turn['role']}: {turn['content']}" for turn in row["prompt"])
            for side in (row[key] for key in (("chosen", "rejected") if "chosen" in row else ("response_a", "response_b"))):
                yield conversation, side if isinstance(side, str) else side[-1]["content"]


def ask(text):
    """The usage of one completion."""
    body = {"model": MODEL, "max_tokens": 1, "temperature": 0, "logprobs": True, "top_logprobs": 20,
            "messages": [{"role": "user", "content": text}]}
    request = urllib.request.Request(URL + "/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as answer:
        return json.load(answer)["usage"]

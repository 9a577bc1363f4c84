"""The judge behind HTTP against a real small model, from probe to dataset. Run by ops/test --llm, which serves the model and says where
(RULEMILL_LLM_URL). The model's opinions are not tested: they are those of half a billion weights."""

import json
import os
import time
import urllib.request
from collections import Counter

import pytest

from conftest import COMPLETE

URL = os.environ.get("RULEMILL_LLM_URL")
MODEL = "tiny-judge"
PAIRS, SLOTS = 3, 2         # of ops/tiny-judge
LLM_PATIENCE_S = 1800       # a busy machine makes a model slow
TEXTS = ["The response apologises.", "The response names a helpline or a professional.", "The response gives steps to follow.",
         "The response refuses what was asked.", "The response asks a question back."]
# What is asked in either order: the same pieces, so that nothing but their order differs. rulemill itself refuses a template whose
# rule does not come last.
HEAD, TAIL = "You check one response of an AI assistant against one rule.", "One word only: Yes, No or Irrelevant."
CONVERSATION, RESPONSE, RULE = "The conversation:\n{conversation}", "The response to be judged:\n{response}", "The rule: {rule}"
RULES_LAST = "\n\n".join([HEAD, CONVERSATION, RESPONSE, RULE, TAIL])
RULES_FIRST = "\n\n".join([HEAD, RULE, CONVERSATION, RESPONSE, TAIL])

pytestmark = pytest.mark.skipif(not URL, reason="RULEMILL_LLM_URL is not set; ops/test --llm serves a model and sets it")


@pytest.fixture
def job(shell, corpora):
    """job(): label a few pairs by five rules; the report."""
    rules = [{"id": f"rule-{n}", "text": text, "category": "test", "polarity": 1,
              "lexicon": {"prompt": [], "for": [f"word{n}"], "against": [f"other{n}"]}} for n, text in enumerate(TEXTS)]
    shell.path("rules.yaml").write_text(json.dumps({"version": 1, "name": "tests", "rules": rules}))

    def label():
        shell.patience_s = LLM_PATIENCE_S
        shell("label", corpora(PAIRS), "--out", "job", "--rules", "rules.yaml", "--judge", URL, "--model", MODEL, "--workers", 1,
              "--policy", "all", "--set", f"judge.places_max={SLOTS}", code=COMPLETE)
        return json.loads((shell.path("job/dataset").resolve().parent / "report.json").read_text())

    return label


def test_probe_finds_what_a_job_needs(shell):
    shell.patience_s = LLM_PATIENCE_S
    done = shell("judge", "probe", URL, "--model", MODEL)
    print(done.out)
    assert MODEL in done.out


def test_labels_come_out_and_are_paid_for_once(shell, job):
    report = job()
    assert report["outcome"] == "complete"
    assert report["labels"]["labelled"] == PAIRS
    assert report["labels"]["quarantined"] == 0
    calls = report["calls"]
    assert calls["calls"] >= PAIRS * 2 * len(TEXTS)
    print(f"\nlabelling: {calls['calls']} calls, {calls['cached_tokens'] / calls['prompt_tokens']:.0%} of {calls['prompt_tokens']:,} prompt "
          "tokens from the prefix cache")
    assert calls["cached_tokens"] > 0
    assert job()["calls"]["calls"] == calls["calls"]
    compare_orders(list(responses(shell)))


def compare_orders(asked):
    """Each response's rules in either order, response by response, so that what else the machine does slows both down alike."""
    last, first = Counter(), Counter()
    for n, (conversation, response) in enumerate(asked):
        for template, sums in ((RULES_LAST, last), (RULES_FIRST, first))[::1 if n % 2 else -1]:
            ask_all(template, conversation, response, sums)
    for name, sums in (("rules last", last), ("rules first", first)):
        print(f"{name}: {sums['calls']} calls, {sums['calls'] / sums['seconds']:.2f} calls/s, {sums['prompt_tokens']:,} prompt tokens, "
              f"{sums['computed']:,} computed ({sums['computed'] / sums['calls']:.0f} a call)")
    print(f"rules last against first: {last['computed'] / first['computed']:.2f} of the tokens computed, "
          f"{first['seconds'] / last['seconds']:.2f} times the calls/s")
    assert abs(last["prompt_tokens"] - first["prompt_tokens"]) < 0.02 * first["prompt_tokens"], "the same text in another order"
    assert last["computed"] < 0.7 * first["computed"]


def ask_all(template, conversation, response, sums):
    """All rules of a response one after the other."""
    began = time.monotonic()
    for rule in TEXTS:
        used = ask(template.format(rule=rule, conversation=conversation, response=response))
        sums["calls"] += 1
        sums["prompt_tokens"] += used["prompt_tokens"]
        sums["computed"] += used["prompt_tokens"] - used.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    sums["seconds"] += time.monotonic() - began


def responses(shell):
    """Conversation and response, as texts, of each side of each pair that was labelled."""
    for row in shell.labelled():
        conversation = "\n".join(f"{turn['role']}: {turn['content']}" for turn in row["prompt"])
        for side in (row[key] for key in (("chosen", "rejected") if "chosen" in row else ("response_a", "response_b"))):
            yield conversation, side if isinstance(side, str) else side[-1]["content"]


def ask(text):
    """The usage of one completion."""
    body = {"model": MODEL, "max_tokens": 1, "temperature": 0, "logprobs": True, "top_logprobs": 20,
            "messages": [{"role": "user", "content": text}]}
    request = urllib.request.Request(URL + "/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=LLM_PATIENCE_S) as answer:
        return json.load(answer)["usage"]

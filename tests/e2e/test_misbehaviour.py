"""What comes of each thing that a judge's server can do wrong: the dataset, the pairs set aside, the calls and the exit code."""

import json
import time
from collections import Counter
from email.utils import formatdate

import pytest

from conftest import RESUMABLE, SET_ASIDE
from judging import (CELLS, PAIRS, PROBE, RULES, TEXTS, command, elsewhere, job, labels, quarantined, serve,  # noqa: F401
                     write_rules)
import shapes

PATIENT = ["--set", "judge.timeout_ms=5000"]        # for answers that never end; long enough for a busy machine's other answers


def once(name, times=1, **more):
    """The 20th chat is answered wrongly (and as many after it as times says), and no other."""
    return {"rules": [{"when": {"from": 20, "times": times}, "do": name, **more}]}


def name_of(script):
    rule = script["rules"][0]
    return "-".join([rule["do"], *(f"{key}={value}" for key, value in rule.items() if key not in ("when", "do", "delay_ms"))])


@pytest.fixture(scope="module")
def undisturbed(corpora, tmp_path_factory):
    """The dataset's digests where each answer was right the first time."""
    with elsewhere(tmp_path_factory) as (shell, server):
        shell(*command(corpora(PAIRS), server))
    return shell.digests("job")


# --- asked again -------------------------------------------------------------

@pytest.mark.parametrize("script", [
    once("rate_limited", retry_after=1), once("rate_limited"), once("error"), once("loading"), once("timeout"), once("close"),
    once("close_before"), once("half_json"), once("html"), once("html", html_status=502), once("empty_body"), once("wrong_types"),
    once("no_choices"), once("garbage"), once("headers_huge"), once("never"), once("slow"),
], ids=name_of)
def test_what_another_try_mends_costs_a_call_and_changes_no_byte(shell, serve, job, undisturbed, script):
    server = serve(**script)
    job(server, *(PATIENT if script["rules"][0]["do"] in ("never", "slow") else ()))
    assert shell.digests("job") == undisturbed
    assert server.calls() == CELLS + PROBE + 1


def test_a_hundred_megabytes_are_hung_up_on(shell, serve, job, undisturbed):
    server = serve(**once("huge", times=3))
    job(server)
    assert shell.digests("job") == undisturbed and server.calls() == CELLS + PROBE + 3
    assert server.stats()["poured"] < 3 * 30_000_000, "8 MiB are read, the rest is what sockets hold"


@pytest.mark.parametrize("name", ["loading", "rate_limited"])
def test_a_server_that_says_later_again_and_again_is_waited_for(shell, serve, job, undisturbed, name):
    server = serve(**once(name, times=10))
    job(server, "--set", "judge.tries=2")
    assert shell.digests("job") == undisturbed and server.calls() == CELLS + PROBE + 10


@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
def test_nothing_is_asked_before_the_time_that_retry_after_says(shell, serve, corpora, undisturbed, as_date):
    until = time.time() + 8
    server = serve(**once("rate_limited", retry_after=formatdate(until, usegmt=True) if as_date else 2))
    write_rules(shell, TEXTS)
    shell(*command(corpora(PAIRS), server, workers=1), "--set", "judge.places_max=1")
    asked = server.asked()
    refused = next(k for k, line in enumerate(asked) if line["did"] == "rate_limited")
    wait_s = max(0, int(until) - asked[refused]["t"]) if as_date else 2
    assert asked[refused + 1]["t"] - asked[refused]["t"] >= wait_s - 0.1
    assert shell.digests("job") == undisturbed


@pytest.mark.parametrize("name", ["half_json", "html", "error", "close", "huge", "wrong_types", "no_choices", "timeout"])
def test_what_is_given_up_is_set_aside_with_what_was_said(shell, serve, job, name):
    job(serve(**once(name)), "--set", "judge.tries=1", code=SET_ASIDE)
    aside = quarantined(shell)
    assert len(aside) == 1 and "gave up after 1 try" in json.dumps(aside) and len(labels(shell)) == PAIRS - 1
    assert name != "html" or "502 Bad Gateway" in json.dumps(aside)


# --- read in another way -----------------------------------------------------

def scores(shell):
    """Of each cell, its score; the labels must be those of the policy `all`."""
    text_of = {f"rule-{n}": text for n, text in enumerate(TEXTS)}
    return {(row[side][0]["content"], text_of[rule["id"]]): rule[f"score_{side}"]
            for name in ("train.jsonl", "validation.jsonl") if shell.path("job/dataset", name).exists()
            for row in shell.rows("job/dataset", name) for rule in row["rules"] for side in ("chosen", "rejected")}


def implied(cell):
    p_yes, p_no, _ = shapes.probabilities(0, *cell)
    return p_yes - p_no


@pytest.mark.parametrize("name", ["nan", "zeros", "no_logprobs"])
def test_no_probability_leaves_the_word(shell, serve, job, name):
    server = serve(**once(name))
    job(server, "--policy", "all")
    assert not quarantined(shell) and server.calls() == CELLS + PROBE
    found = scores(shell)
    off = {cell: score for cell, score in found.items() if abs(score - implied(cell)) > 0.01}
    assert len(found) == CELLS and len(off) == 1 and set(off.values()) <= {-1, 0, 1}


def test_labels_that_stand_twice_count_once(shell, serve, job, undisturbed):
    server = serve(rules=[{"when": {}, "do": "duplicate_labels"}])
    job(server)
    assert not quarantined(shell) and server.calls() == CELLS + PROBE
    assert shell.digests("job") == undisturbed


def test_a_model_that_thinks_first_is_read_behind_its_thought(shell, serve, job):
    server = serve(rules=[{"when": {}, "do": "reasoning"}])
    job(server, "--policy", "all", "--set", "judge.label_position=after_reasoning")
    found = scores(shell)
    assert not quarantined(shell) and len(found) == CELLS
    assert all(abs(score - implied(cell)) < 0.01 for cell, score in found.items())


@pytest.mark.parametrize("name", ["other_labels", "other_language", "empty_content"])
@pytest.mark.parametrize("shape", ["vllm", "openai"])
def test_a_constraint_reads_what_was_no_label(shell, serve, job, shape, name):
    server = serve(shape=shape, rules=[{"when": {"body": '"structured_outputs"'}, "do": "answer"}, {"when": {"from": 20, "every": 3}, "do": name}])
    job(server, "--policy", "all", "--set", "judge.constrain=structured_outputs")
    found, done = scores(shell), server.stats()["done"]
    assert not quarantined(shell) and len(labels(shell)) == PAIRS and len(found) == CELLS
    assert all(abs(score - implied(cell)) < 0.01 for cell, score in found.items())
    # each one that was no label is asked again once, constrained, and nothing else is asked again or constrained
    assert done["1"] >= CELLS // 8 and done["0"] == done["1"] and server.calls() == CELLS + PROBE + done["1"]
    twice = Counter(line["cell"] for line in server.asked()[PROBE:])
    assert len(twice) == CELLS and max(twice.values()) == 2 and sum(count == 2 for count in twice.values()) == done["1"]


# --- set aside ---------------------------------------------------------------

@pytest.mark.parametrize("name,word", [
    ("bad_request", "400"), ("too_large", "413"), ("context", "too long"), ("other_labels", "can't be read"),
    ("other_language", "can't be read"), ("empty_content", "can't be read"), ("reasoning", "after_reasoning"),
])
def test_what_no_try_mends_sets_its_pair_aside(shell, serve, job, name, word):
    server = serve(**once(name))
    job(server, code=SET_ASIDE)
    aside = quarantined(shell)
    assert len(aside) == 1 and word in json.dumps(aside[0]) and len(labels(shell)) == PAIRS - 1
    shell("retry", "job")
    shell("label", "--out", "job")
    # what came of the other response after its pair was set aside is asked again
    assert len(labels(shell)) == PAIRS and CELLS + PROBE + 1 <= server.calls() <= CELLS + PROBE + 1 + RULES


# --- stopped -----------------------------------------------------------------

@pytest.mark.parametrize("name", ["not_found", "redirect", "unauthorized"])
def test_a_wrong_address_or_key_in_mid_job_stops_it_resumable(shell, serve, job, undisturbed, name):
    elsewhere = serve()
    server = serve(rules=[{"when": {"from": 20}, "do": name, "to_url": elsewhere.url + "/chat/completions"}])
    stopped = job(server, code=RESUMABLE, env={"OPENAI_API_KEY": "sk-" + "e" * 20})
    assert ("key" if name == "unauthorized" else "URL") in stopped.err
    assert elsewhere.stats()["requests"] == 0, "a key must not follow a redirect"
    job(elsewhere)
    assert shell.digests("job") == undisturbed and not quarantined(shell)

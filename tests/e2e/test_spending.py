"""What a judge costs: limits of calls, tokens and cost that are kept to the last unit by any number of workers, and the plan that says
before what will be spent."""

import json

import pytest

from conftest import RESUMABLE, USAGE, Shell
from judging import CELLS, PAIRS, PROBE, RULES, TEXTS, command, job, labels, quarantined, report, serve, write_rules  # noqa: F401

PRICES = ["--set", "judge.price_prompt=0.15", "--set", "judge.price_cached=0.075", "--set", "judge.price_completion=0.6"]
COST_ONE = 10 ** 12


def tokens_of(server):
    stats = server.stats()
    return stats["prompt_tokens"] + stats["completion_tokens"]


def cost_of(server):
    """By the server's own count, in 1e-12: prices of a million tokens are 1e-6 of one token's."""
    stats = server.stats()
    return (stats["prompt_tokens"] - stats["cached_tokens"]) * 150000 + stats["cached_tokens"] * 75000 + stats["completion_tokens"] * 600000


def dry_run(shell, corpus, server, *more):
    return json.loads(shell(*command(corpus, server), "--dry-run", "--json", *more).out)


# --- tokens that nobody sees ---------------------------------------------------

@pytest.mark.parametrize("template", [5000, 50000])
@pytest.mark.parametrize("more", [3, 20])
def test_a_long_template_of_the_server_s_own_passes_no_limit(shell, serve, job, corpora, template, more):
    """Requests say nothing of it; the probe's usage does, and so the first of them is bounded rightly."""
    server = serve(template_tokens=template, delay_ms=20)
    limit = (PROBE + more) * template + template // 2
    stopped = shell(*command(corpora(PAIRS), server), "--max-tokens", limit, code=RESUMABLE)
    assert "--max-tokens" in stopped.err and PROBE * template < tokens_of(server) <= limit


# --- calls -------------------------------------------------------------------

@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("calls", [1, 2, 13, 50, 101])
def test_a_limit_of_calls_is_used_to_the_last_one_and_never_passed(shell, serve, job, corpora, calls, workers):
    server = serve(delay_ms=3, rules=[{"when": {"share": 0.1}, "do": "error"}])
    arguments = [*command(corpora(PAIRS), server, workers), "--max-calls", calls]
    stopped = shell(*arguments, code=RESUMABLE)
    assert f"budget of {calls} call" in stopped.err and "--max-calls" in stopped.err
    assert server.calls() == calls == shell.status("job")["calls"]
    again = shell(*arguments, code=RESUMABLE)
    assert "budget" in again.err and server.calls() == calls


def test_a_request_that_finds_nobody_is_no_call(shell, serve, job):
    server = serve(delay_ms=3)
    both = ["--set", f'judge.urls=["{server.url}", "http://127.0.0.1:9/v1"]', "--set", 'judge.weights=["1", "9"]']
    job(server, *both, "--max-calls", CELLS + PROBE)
    assert len(labels(shell)) == PAIRS and server.calls() == report(shell)["calls"]["calls"] == CELLS + PROBE


def test_a_limit_that_is_enough_is_no_limit(shell, serve, job):
    server = serve()
    job(server, "--max-calls", CELLS + PROBE)
    assert server.calls() == CELLS + PROBE and len(labels(shell)) == PAIRS


def test_a_raised_limit_goes_on_to_the_same_labels(shell, serve, job, tmp_path_factory, corpora):
    server = serve()
    told = json.loads(job(server, "--max-calls", 60, "--json", code=RESUMABLE).out)
    assert told["outcome"] == "budget used up" and server.calls() == 60
    assert told["calls"]["budget"] == {"max_calls": 60, "spent_calls": 60, "spent_tokens": tokens_of(server), "spent_cost": 0}
    job(server, "--max-calls", 1000)
    assert server.calls() == CELLS + PROBE
    job(server, "--max-calls", 1000)
    assert server.calls() == CELLS + PROBE, "all is judged"
    other = Shell(tmp_path_factory.mktemp("unlimited"))
    write_rules(other, TEXTS)
    other(*command(corpora(PAIRS), server))
    assert labels(other) == labels(shell) and len(labels(shell)) == PAIRS


def test_calls_without_a_limit_count_against_a_later_one(shell, serve, job):
    server = serve()
    job(server)
    write_rules(shell, [*TEXTS, "The response is short."])
    job(server, "--new-run")            # a run of its own: what another has spent is not of its budget
    spent = shell.status("job")["spent_calls"]
    assert spent == PAIRS * 2
    shell("label", "--out", "job", "--max-calls", spent)
    assert server.calls() == CELLS + PROBE + PAIRS * 2


# --- tokens and cost ---------------------------------------------------------

@pytest.mark.parametrize("limit", [2000, 9000, 20000])
def test_a_limit_of_tokens_is_never_passed(shell, serve, job, corpora, limit):
    server = serve(delay_ms=3, rules=[{"when": {"share": 0.05}, "do": "rate_limited"}])
    stopped = shell(*command(corpora(PAIRS), server, 3), "--max-tokens", limit, code=RESUMABLE)
    assert "tokens" in stopped.err and "--max-tokens" in stopped.err
    used = tokens_of(server)
    # what is left does not cover one more request, of which each byte may be a token
    assert limit - 4500 < used <= limit
    job(server, "--max-tokens", limit, code=RESUMABLE)
    assert tokens_of(server) == used
    job(server, "--max-tokens", "10M")
    assert len(labels(shell)) == PAIRS and not quarantined(shell)


def test_a_limit_of_cost_is_never_passed(shell, serve, job):
    server = serve(delay_ms=3)
    stopped = job(server, *PRICES, "--max-cost", "0.002", code=RESUMABLE)
    assert "0.002 USD" in stopped.err and "--max-cost" in stopped.err
    spent = cost_of(server)
    assert COST_ONE // 1000 < spent <= 2 * COST_ONE // 1000
    job(server, *PRICES, "--max-cost", "1.5")
    assert len(labels(shell)) == PAIRS
    assert round(report(shell)["calls"]["cost"] * COST_ONE) == cost_of(server) == round(shell.status("job")["cost"] * COST_ONE)
    assert "USD" in shell("status", "job").out


def test_answers_that_do_not_say_what_they_used_count_as_their_bound(shell, serve, job):
    server = serve(rules=[{"when": {"from": PROBE + 1}, "do": "close"}])
    job(server, "--max-tokens", 20000, "--set", "judge.tries=100", "--set", "judge.places_max=4", code=RESUMABLE)
    assert server.calls() < 20 + PROBE
    assert shell.status("job")["spent_tokens"] <= 20000


@pytest.mark.parametrize("arguments,mend", [
    (["--max-cost", "1"], "judge.price_prompt"),
    (["--max-cost", "1.0000000000001", *PRICES], "places behind the point"),
    (["--max-cost", "0", *PRICES], "is 0"),
    (["--max-tokens", "1000", "--set", "judge.omit=[max_tokens]"], "judge.omit"),
    (["--set", "judge.price_prompt=cheap"], "no amount"),
])
def test_what_can_not_be_kept_is_refused_with_its_mend(serve, job, arguments, mend):
    server = serve()
    assert mend in job(server, *arguments, code=USAGE).err
    assert server.calls() == 0


# --- what was paid for -------------------------------------------------------

def test_the_other_response_of_a_pair_set_aside_is_not_asked_about_again(shell, serve, job):
    server = serve(delay_ms=5, rules=[{"when": {"from": PROBE + 14, "times": 1}, "do": "bad_request"}])
    job(server, code=None)
    assert len(quarantined(shell)) == 1
    shell("retry", "job")
    shell("label", "--out", "job")
    assert len(labels(shell)) == PAIRS and server.calls() == CELLS + PROBE + 1
    assert server.stats()["cells_twice"] <= 1, "the probe alone asks the same again"


# --- the plan ----------------------------------------------------------------

def test_a_dry_run_says_what_is_then_spent(shell, serve, job, corpora):
    server = serve()
    plan = dry_run(shell, corpora(PAIRS), server, *PRICES)
    assert server.calls() == 0 and not plan["begun"] and plan["seconds"] is None
    assert (plan["pairs_due"], plan["cells_needed"], plan["cells_stored"], plan["calls"], plan["probe_calls"]) == (PAIRS, CELLS, 0, CELLS, PROBE)
    assert "runs" not in shell.status("job") or shell.status("job")["runs"] == []
    done = job(server, *PRICES)
    assert f"plan: {CELLS} cells are needed, 0 are in the store: {CELLS} calls" in done.err
    assert server.calls() == plan["calls"] + plan["probe_calls"]
    used = report(shell)["calls"]
    assert 0.3 < plan["prompt_tokens"] / used["prompt_tokens"] < 3 and 0.3 < plan["cost"] / used["cost"] < 3


def test_a_plan_of_relabelling_counts_what_is_new_alone(shell, serve, job, corpora):
    server = serve()
    job(server)
    for more in (["--set", "policy.weight_relevance=0"], ["--seed", 7], ["--set", "run.tie_margin=0.25"], ["--policy", "all"]):
        plan = dry_run(shell, corpora(PAIRS), server, *more, "--new-run")
        assert (plan["pairs_due"], plan["calls"], plan["cells_stored"], plan["probe_calls"]) == (PAIRS, 0, CELLS, 0), more
    plan = json.loads(shell("label", "--out", "job", "--dry-run", "--json").out)
    assert plan["begun"] and (plan["pairs_due"], plan["cells_needed"], plan["calls"]) == (0, 0, 0)
    write_rules(shell, [*TEXTS[:-1], "The response declines."])
    plan = dry_run(shell, corpora(PAIRS), server, "--new-run")
    assert (plan["calls"], plan["cells_needed"], plan["cells_stored"]) == (PAIRS * 2, CELLS, CELLS - PAIRS * 2)
    assert "last labelling" in plan["pace"] and "calls have used" in plan["estimated"]
    asked = server.calls()
    job(server, "--new-run")
    assert server.calls() == asked + plan["calls"]


def test_a_plan_of_a_run_in_the_middle_counts_the_rest(shell, serve, job, corpora):
    server = serve()
    job(server, "--max-calls", 40, code=RESUMABLE)
    plan = json.loads(shell("label", "--out", "job", "--dry-run", "--json").out)
    assert plan["calls"] == CELLS - (40 - PROBE) == plan["cells_needed"] - plan["cells_stored"]
    planned = shell("label", "--out", "job", "--plan", code=RESUMABLE)
    assert f"Calls      {plan['calls']}" in planned.out and server.calls() == 40


def test_a_plan_of_a_judge_that_asks_nobody(shell, corpora):
    assert "asks nobody" in shell("label", corpora(PAIRS), "--out", "job", "--dry-run").out
    assert RULES and not shell.path("job/dataset").exists()

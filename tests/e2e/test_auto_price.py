"""What each choice of the policy auto costs: told when it chooses, by estimates that what was used bears out."""

import json

import pytest

from judging import command, manifest, report, serve, variants, write_rules

assert serve                    # a fixture

RULES, PAIRS, TOP = 40, 400, 2
SMALL = ["--policy", "auto", "--set", "auto.sample_pairs=60", "--set", "auto.sample_share=0.3", "--set", "auto.audit_share=0.05",
         "--set", "adapter.memory_mb=256", "--set", "judge.price_prompt=3", "--set", "judge.price_cached=0.3",
         "--set", "judge.price_completion=9"]


@pytest.fixture
def asked(shell, serve, corpora):
    """asked(pairs): the arguments of a job of isolated pairs with a judge behind HTTP, RULES rules and prices."""
    write_rules(shell, variants(RULES))
    server = serve()
    return lambda pairs=PAIRS: [*command(corpora(pairs), server), *SMALL]


def told(shell):
    """The price as report.json has it, which status and manifest have to say too."""
    price = report(shell)["auto"]["price"]
    assert json.loads(shell("status", "job", "--json").out)["auto"]["price"] == price
    assert manifest(shell)["auto"]["price"] == {"estimated_from": price["estimated_from"], "exhaustive_cells": price["exhaustive"]["cells"],
                                                "adapter_cells": price["adapter"]["cells"]}
    return price


def same_cost(estimate, calls, within):
    computed = calls["prompt_tokens"] - calls["cached_tokens"]
    assert estimate["prompt_tokens_computed"] == pytest.approx(computed, rel=within)
    assert estimate["cached_tokens"] == pytest.approx(calls["cached_tokens"], rel=within)
    assert estimate["cost"] == pytest.approx((3 * computed + 0.3 * calls["cached_tokens"] + 9 * calls["completion_tokens"]) / 1e6, rel=within)
    assert estimate["judge_s"] > 0


def test_an_adapter_costs_about_what_was_said(shell, asked):
    shell(*asked(), "--accept-adapter")
    said, price = report(shell), told(shell)
    assert said["auto"]["choice"] == "adapter" and price["estimated_from"] == "the sample"
    assert price["exhaustive"]["cells"] == 2 * PAIRS * RULES
    assert price["adapter"]["cells"] == pytest.approx(said["auto"]["cells"]["judged"], rel=0.15)
    same_cost(price["adapter"], said["calls"], 0.2)
    assert "an adapter about" in shell("status", "job").out


# A call that computes its conversation takes long: an adapter leaves few of the others, and that is told.
def test_the_time_of_an_adapter_is_told_by_first_calls(shell, serve, corpora):
    write_rules(shell, variants(RULES))
    server = serve(delay_ms_computed=200)
    shell(*command(corpora(PAIRS), server), *SMALL, "--accept-adapter", "--set", "auto.judged_max=1")
    used, price = report(shell)["calls"]["judge_s"], told(shell)
    assert 0.6 * used < price["adapter"]["judge_s"] < 1.6 * used
    by_cells = price["exhaustive"]["judge_s"] * price["adapter"]["cells"] / price["exhaustive"]["cells"]
    assert price["adapter"]["judge_s"] > 1.3 * by_cells


def test_exhaustive_for_low_agreement_says_both_prices(shell, asked):
    done = shell(*asked(), "--set", "auto.min_agreement=1", "--set", "auto.judged_max=1")
    said, price = report(shell), told(shell)
    assert said["auto"]["choice"] == "exhaustive" and price["estimated_from"] == "the sample"
    same_cost(price["exhaustive"], said["calls"], 0.1)
    assert price["adapter"]["cost"] < price["exhaustive"]["cost"] / 2
    cells = f"{2 * PAIRS * RULES:,} cells"
    for text in (done.out, shell("status", "job").out):
        assert "estimated from what the sample took" in text and f"exhaustive about {cells}" in text
        assert "prompt tokens computed" in text and "USD" in text
    assert said["auto"]["cells"]["expected"] == said["auto"]["cells"]["judged"] == 2 * PAIRS * RULES


def test_exhaustive_for_want_of_pairs_says_both_prices(shell, asked):
    steps = asked(120)          # of which 60 would be half
    planned = shell(*steps, "--dry-run").out
    assert "auto, exhaustive: the corpus has 120 pairs, fewer than 200" in planned
    assert "estimated from the numbers of responses, pairs and rules" in planned and "USD" in planned
    plan = json.loads(shell(*steps, "--dry-run", "--json").out)["auto"]
    done = shell(*steps)
    price = told(shell)
    assert price["estimated_from"] == "the numbers of responses, pairs and rules"
    share = 0.5 + 0.5 * 0.05
    assert price["adapter"]["cells"] == pytest.approx(2 * 120 * (share * RULES + (1 - share) * min(30, RULES // 2)), abs=1)      # auto.judged_max
    for choice in ("exhaustive", "adapter"):
        assert plan["price"][choice]["cells"] == price[choice]["cells"]
        assert plan["price"][choice]["cost"] > 0
    same_cost(price["exhaustive"], report(shell)["calls"], 0.1)
    assert f"exhaustive about {2 * 120 * RULES:,} cells" in done.out and "an adapter at most" in done.out


def test_exhaustive_as_rules_cost_nothing_says_both_prices(shell, corpora):
    done = shell("label", corpora(PAIRS), "--out", "job", "--policy", "auto", "--set", "auto.sample_pairs=60")
    price = told(shell)
    assert price["exhaustive"]["cost"] is None and price["exhaustive"]["cells"] > price["adapter"]["cells"]
    assert f"exhaustive about {price['exhaustive']['cells']:,} cells, an adapter at most {price['adapter']['cells']:,} cells" in done.out


def test_a_plan_says_both_prices_before_anything_is_decided(shell, asked):
    plan = json.loads(shell(*asked(), "--dry-run", "--json").out)
    assert plan["auto"]["choice"] == "undecided"
    assert plan["auto"]["price"]["exhaustive"]["cells"] == plan["cells_most"] == 2 * PAIRS * RULES
    assert plan["auto"]["price"]["adapter"]["cost"] < plan["auto"]["price"]["exhaustive"]["cost"]
    # What is audited has more than what an adapter foresees.
    assert plan["cells_needed"] < plan["auto"]["price"]["adapter"]["cells"] < plan["cells_most"]

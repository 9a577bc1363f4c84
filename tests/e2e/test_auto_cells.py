"""How many cells the policy auto judges: at most what its shares of sampled and audited prompts lead to, with one judge and with a panel."""

import json
import re

import pytest

from conftest import Shell
from judging import auto_settings, command, report, serve, variants, write_rules

assert serve                    # a fixture

AUTO = [*auto_settings(block_pairs=128), "--set", "adapter.count_min=1"]


def hold(shell, pairs, rules, judges=1):
    """The terms as report.json has them, against each other and against what was judged; the share of all cells."""
    said = report(shell)["auto"]
    cells = said["cells"]
    assert said["choice"] == "adapter" and cells["all"] == 2 * pairs * rules
    exhaustive = said["sampled_share"] + (1 - said["sampled_share"]) * said["audited_share"]
    assert cells["expected_exhaustive"] == pytest.approx(exhaustive * cells["all"] * judges, rel=1e-3)
    assert cells["expected_chosen"] == pytest.approx((1 - exhaustive) * cells["chosen"] * judges, rel=1e-3)
    assert cells["expected"] == pytest.approx(cells["expected_exhaustive"] + cells["expected_chosen"], abs=1)
    assert cells["judged"] <= 1.05 * cells["expected"]
    return exhaustive, cells["judged"] / (cells["all"] * judges)


# Pairs with a prompt and responses of their own, of which 2 % are judged by all of 100 rules and the others by 5.
def test_a_fourteenth_of_isolated_pairs_at_two_percent(shell, serve, corpora):
    shell.patience_s = 900
    write_rules(shell, variants(100))
    server, pairs = serve(), 1000
    at = command(corpora(pairs), server)
    at[at.index("--top") + 1] = 5
    done = shell(*at, *AUTO, "--set", "auto.sample_pairs=13", "--set", "auto.sample_share=0.02", "--set", "auto.audit_share=0.005")
    exhaustive, share = hold(shell, pairs, 100)
    assert exhaustive <= 0.02 and share <= 1 / 14
    cells = report(shell)["auto"]["cells"]
    assert f"expected of its shares: {cells['expected_exhaustive']:,} cells of sampled and audited prompts, {cells['expected_chosen']:,} of the others" in done.out
    assert f"Saved      cells {cells['judged']:,} instead of about {cells['all']:,} (1/{cells['all'] / cells['judged']:.1f})" in done.out


def panel(shell, servers, corpora, pairs, workers):
    for name, server in servers.items():
        shell.path(f"{name}.yaml").write_text(json.dumps({"judge": {"urls": [server.url], "model": name}}))
    write_rules(shell, variants(12))
    return ["label", corpora(pairs), "--out", "job", "--rules", "rules.yaml", "--panel", "one.yaml,two.yaml", "--top", 2, "--workers", workers,
            "--set", "run.tie_margin=0", *AUTO, "--set", "auto.sample_pairs=50", "--set", "auto.sample_share=0.25", "--set", "auto.audit_share=0.1"]


def test_an_adapter_learns_from_a_panel(shell, serve, corpora, tmp_path_factory):
    pairs = 240
    servers = {name: serve(model=name, seed=seed) for seed, name in enumerate(("one", "two"), 1)}
    shell(*panel(shell, servers, corpora, pairs, 2))
    _, share = hold(shell, pairs, 12, judges=2)
    assert share < 0.6
    price = report(shell)["auto"]["price"]
    assert price["exhaustive"]["cells"] == 2 * pairs * 12 * 2 and price["estimated_from"] == "the sample"
    calls = [server.calls() for server in servers.values()]
    assert abs(calls[0] - calls[1]) < 20
    assert "good" in shell("verify", "job").out
    # The same labels whatever the workers.
    other = Shell(tmp_path_factory.mktemp("other"))
    other(*panel(other, servers, corpora, pairs, 1))
    assert other.digests("job") == shell.digests("job")


# Where its labels would agree too seldom, an adapter has more rules judged than selection takes, and no more than it may.
def test_more_rules_are_judged_where_a_few_agree_too_seldom(shell, serve, corpora):
    pairs, rules, top, most = 400, 40, 2, 9
    write_rules(shell, variants(rules))
    at = command(corpora(pairs), serve())
    at[at.index("--top") + 1] = top
    wide = [flag for flag in AUTO if flag != "--accept-adapter"]
    done = shell(*at, *wide, "--set", "auto.sample_pairs=80", "--set", "auto.sample_share=0.2", "--set", "auto.audit_share=0.05",
                 "--set", "auto.min_agreement=0.6", "--set", f"auto.judged_max={most}")
    said = report(shell)["auto"]
    judged = int(re.search(r"it has (\d+) rules judged of each pair, of which selection takes 2", said["reason"]).group(1))
    assert top < judged <= most and "rules judged of each pair" in done.out
    hold(shell, pairs, rules)
    rows = [row for row in shell.labelled() if row["selected_by"] == "adapter"]
    assert rows and all(row["n_rules"] <= top for row in rows)
    # Each of their responses was judged by all of them, and a label names the best.
    cells = said["cells"]
    assert cells["chosen"] > 2 * top * pairs and cells["judged"] >= cells["expected_chosen"] * 0.9
    assert "good" in shell("verify", "job").out

"""`rulemill report`: what a run's labels and rules show, recomputed here from its dataset and cells."""

import json
from collections import Counter
from html.parser import HTMLParser

import pytest

from conftest import FAILED, RESUMABLE, USAGE
from test_judge import serve  # noqa: F401  (a fixture)

RULES = ["first", "second", "third"]


def write_rules(shell):
    rules = [{"id": name, "text": f"The response is the {name}.", "category": "test", "polarity": -1 if name == "third" else 1,
              "lexicon": {"prompt": [], "for": [f"for{name}"], "against": [f"against{name}"]}} for name in RULES]
    shell.path("rules.yaml").write_text(json.dumps({"version": 1, "name": "tests", "rules": rules}))


def corpus(prompts=30):
    """Three responses to each prompt. The first rule's phrases follow the truth, the second's repeat them half of the time."""
    rows = []
    for n in range(prompts):
        responses = [f"answer {n} against{'first'} " + ("againstsecond" if n % 2 else ""), f"reply {n} without any word of it",
                     f"text {n} forfirst " + ("forsecond" if n % 2 else "againstthird")]
        rows.append({"id": f"r{n}", "prompt": f"question {n}", "responses": responses, "models": ["low", "middle", "high"],
                     "scores": [1, 2, 3], "quality": [3, 2, 1]})
    return rows


def label(shell, *more):
    write_rules(shell)
    shell.write("pairs.jsonl", corpus())
    shell("label", "pairs.jsonl", "--out", "job", "--rules", "rules.yaml", "--top", 2, *more)


def told(shell, *more):
    return json.loads(shell("report", "job", "--json", *more).out)


def test_labels(shell):
    label(shell)
    report, rows = told(shell), shell.labelled()
    assert report["labelled"] == len(rows) == 90 and report["prompts"] == 30
    assert report["triples"] == 30 and report["cyclic_triples"] == 0
    models = {model["model"]: model for model in report["models"]}
    wins = Counter(row["chosen_model"] for row in rows if row.get("chosen_model"))
    assert {name: model["wins"] for name, model in models.items()} == {name: wins[name] for name in models}
    assert all(model["pairs"] == 60 for model in models.values()) and report["models"][0]["model"] == "high"
    for name, model in models.items():
        assert model["won"]["value"] == pytest.approx((model["wins"] + model["ties"] / 2) / model["pairs"], abs=1e-6)
        assert model["won"]["low"] <= model["won"]["value"] <= model["won"]["high"]
    assert report["cyclic_share"]["low"] == 0 < report["cyclic_share"]["high"] < 0.2, "of 30 prompts none has one"
    assert report["longer_won_share"]["value"] == pytest.approx(report["longer_won"] / report["unequal_lengths"], abs=1e-6)
    assert report["agreement"]["value"] == 1 and report["truth_pairs"] == 90
    assert [phase["selected_by"] for phase in report["phases"]] == ["exhaustive"]
    margins = sorted(row["score_margin"] for row in rows)
    assert abs(report["phases"][0]["margin"]["p50"] - margins[44]) < 0.002


def test_rules(shell):
    label(shell, "--set", "judge.store_cells=true")
    report, rows = told(shell), shell.labelled()
    rules = {rule["id"]: rule for rule in report["rules"]}
    assert report["judged_pairs"] == 90 and list(rules) == RULES
    selected = Counter(rule["id"] for row in rows for rule in row["rules"])
    assert {name: rule["selected"] for name, rule in rules.items()} == {name: selected[name] for name in RULES}
    assert all(sum(rule["score_bins"]) == 180 for rule in rules.values())
    for rule in rules.values():
        for share, count in (("relevant_share", "relevant"), ("selected_share", "selected"), ("decisive_share", "decisive")):
            assert rule[share]["value"] == pytest.approx(rule[count] / 90, abs=1e-6) and rule[share]["low"] <= rule[share]["value"] <= rule[share]["high"]
    first = rules["first"]
    assert first["agrees_share"]["low"] < first["agrees_with_label_without_it"] / first["compared_with_label_without_it"] <= 1
    assert first["decisive"] > 0 and first["information_bits"]["low"] > 0.3 and first["q"] < 0.05
    assert first["information_bits"]["value"] > rules["third"]["information_bits"]["value"]
    assert rules["second"]["most_like"] == "first" and 0 < rules["second"]["redundancy"] < 1


def test_a_judge_that_keeps_no_cells_is_asked_again(shell):
    label(shell)
    again = told(shell)
    write_rules(shell)
    shell("label", "pairs.jsonl", "--out", "kept", "--rules", "rules.yaml", "--top", 2, "--set", "judge.store_cells=true")
    kept = json.loads(shell("report", "kept", "--json").out)
    assert "again" in again["cells"] and kept["rules"] == again["rules"]


def test_pairs_that_were_not_judged_exhaustively_say_nothing_of_rules(shell):
    label(shell, "--policy", "random")
    report = told(shell)
    assert report["judged_pairs"] == 0 and report["rules"] == [] and report["labelled"] == 90
    assert "exhaustively" in shell("report", "job").out


def test_a_hidden_truth(shell):
    label(shell)
    report = told(shell, "--truth", "quality")
    assert report["truth"] == "quality" and report["agreement"]["value"] == 0, "the column says the opposite of the scores"
    assert "without --truth" in shell("report", "job", "--truth", "qualities", code=USAGE).err
    write_rules(shell)
    shell.write("two.jsonl", [{"prompt": f"p{n}", "response_a": "a forfirst", "response_b": "b againstfirst", "best": "a" if n else "b"} for n in range(4)])
    shell("label", "two.jsonl", "--out", "two", "--rules", "rules.yaml", "--top", 1)
    report = json.loads(shell("report", "two", "--json", "--truth", "best").out)
    assert report["agreement"]["value"] == 0.75 and report["truth_pairs"] == 4


class Page(HTMLParser):
    """What a page refers to, and its elements."""

    def __init__(self):
        super().__init__()
        self.tags, self.outside = Counter(), []

    def handle_starttag(self, tag, attributes):
        self.tags[tag] += 1
        self.outside += [value for key, value in attributes if key in ("src", "href")]


def test_the_page_needs_nothing_else(shell):
    label(shell)
    out = shell("report", "job").out
    page = shell.path(out.split("Page")[1].strip())
    assert page.name == "report.html" and page.parent.parent == shell.path("job")
    text = page.read_text()
    parsed = Page()
    parsed.feed(text)
    assert parsed.tags["svg"] >= 6 and parsed.tags["table"] == 2 and not parsed.outside
    assert "http" not in text and "@import" not in text and "url(" not in text
    shell("report", "job", "--html", "elsewhere.html")
    assert shell.path("elsewhere.html").read_text() == text, "the same figures each time"
    assert "nowhere" in shell("report", "job", "--html", "nowhere/page.html", code=FAILED).err


def test_names_from_outside_are_safe(shell):
    write_rules(shell)
    shell.write("pairs.jsonl", [{"prompt": f"p{n}", "responses": ["x forfirst", "y againstfirst"], "models": ["<script>alert(1)</script>", "b"]} for n in range(3)])
    shell("label", "pairs.jsonl", "--out", "job", "--rules", "rules.yaml")
    shell("report", "job", "--html", "page.html")
    assert "<script>alert" not in shell.path("page.html").read_text()


def test_nothing_to_report(shell):
    shell.write("same.jsonl", [{"prompt": "p", "responses": ["a", "a"]}])
    shell("label", "same.jsonl", "--out", "same")
    out = shell("report", "same", "--html", "page.html").out
    assert "1 pair of 1" in out and "nan" not in out and "no pair was judged exhaustively" in out
    assert "nan" not in shell.path("page.html").read_text()
    shell.write("pairs.jsonl", corpus(2))
    shell("label", "pairs.jsonl", "--out", "plan", "--plan", code=RESUMABLE)
    assert json.loads(shell("report", "plan", "--json").out)["labelled"] == 0
    assert "nothing is labelled yet" in shell("report", "plan").out


def test_without_a_job(shell):
    assert "job" in shell("report", "job", code=USAGE).err
    shell("report", code=USAGE)


def test_cells_of_a_server_and_of_a_panel(shell, serve):  # noqa: F811
    server = serve()
    write_rules(shell)
    shell.write("pairs.jsonl", corpus(4))
    one = f"judge: {{urls: ['{server.url}'], model: tester}}\n"
    shell("label", "pairs.jsonl", "--out", "job", "--rules", "rules.yaml", "--judge", server.url, "--model", "tester", "--top", 2)
    assert told(shell)["judged_pairs"] == 12
    shell.path("one.yaml").write_text(one)
    shell.path("two.yaml").write_text(one.replace("}", ", temperature: 0.5}"))
    shell("label", "pairs.jsonl", "--out", "both", "--rules", "rules.yaml", "--panel", "one.yaml,two.yaml", "--top", 2)
    report = json.loads(shell("report", "both", "--json").out)
    assert report["judged_pairs"] == 12 and len(report["rules"]) == 3


def test_policies_that_weigh_rules_by_what_a_report_says(shell):
    label(shell)
    assert "report DIR --weights" in shell("label", "--out", "job", "--policy", "entropy", "--new-run", code=USAGE).err
    shell("report", "job", "--weights", "weights.json")
    runs = {}
    for policy in ("entropy", "diverse"):
        shell("label", "pairs.jsonl", "--out", "job", "--rules", "rules.yaml", "--top", 2, "--policy", policy, "--set", "policy.weights=weights.json",
              "--new-run")
        report = told(shell)
        runs[policy] = report["run"]
        assert report["policy"] == policy and report["labelled"] == 90 == report["judged_pairs"]
        assert policy != "diverse" or "one after the other" in shell("inspect", "job", "#0").out
    shell("label", "pairs.jsonl", "--out", "job", "--rules", "rules.yaml", "--top", 2, "--policy", "relevance", "--new-run")
    assert told(shell)["judged_pairs"] == 90

    # A run is named by the numbers, wherever they stand.
    weights = json.loads(shell.path("weights.json").read_text())
    shell.path("same.json").write_text(json.dumps(weights))
    again = ["label", "pairs.jsonl", "--out", "job", "--rules", "rules.yaml", "--top", 2, "--policy", "entropy", "--new-run", "--json"]
    assert json.loads(shell(*again, "--set", "policy.weights=same.json").out)["run"] == runs["entropy"]
    weights["rules"][0]["weight"] /= 2
    shell.path("same.json").write_text(json.dumps(weights))
    assert json.loads(shell(*again, "--set", "policy.weights=same.json").out)["run"] != runs["entropy"]
    shell("label", "--out", "job", "--policy", "all", "--set", "policy.weights=same.json", "--new-run", code=USAGE)
    shell.path("same.json").write_text("{}")
    assert "same.json" in shell(*again, "--set", "policy.weights=same.json", code=None).err

"""Several judges behind HTTP that make a label together, and cells that are judged again: held against what the scripted servers'
probabilities imply, worked out here once more."""

import json
import signal
import time

import pytest

from conftest import COMPLETE, FAILED, RESUMABLE, USAGE, Shell, send, wait_for, workers_of
from judging import CELLS, PAIRS, PROBE, RULES, TEXTS, labels, report, serve, write_rules  # noqa: F401
import judging
import shapes

NEAR = 2e-5         # of log-probabilities as servers write them


@pytest.fixture
def panel(shell, corpora):
    """panel(servers by member's name, more arguments): label by a panel of them; several servers of a member are its endpoints."""
    write_rules(shell, TEXTS)

    def label(members, *more, code=COMPLETE, where=shell, workers=2, policy="all"):
        if where is not shell:
            write_rules(where, TEXTS)
        return where(*command(where, members, corpora, workers, policy), *more, code=code)

    return label


def command(shell, members, corpora, workers=2, policy="all"):
    files = []
    for name, servers in members.items():
        urls = [server.url for server in (servers if isinstance(servers, list) else [servers])]
        shell.path(f"{name}.yaml").write_text(json.dumps({"judge": {"urls": urls, "model": name}}))
        files.append(f"{name}.yaml")
    return ["label", corpora(PAIRS), "--out", "job", "--rules", "rules.yaml", "--panel", ",".join(files), "--policy", policy,
            "--workers", workers, "--set", "run.tie_margin=0"]


def two(serve, **more):
    return {name: serve(model=name, seed=seed, **more) for seed, name in enumerate(("one", "two"), 1)}


def calls(members):
    return {name: sum(s.calls() for s in (servers if isinstance(servers, list) else [servers])) for name, servers in members.items()}


def agreement(shell):
    return json.loads(shell("judge", "agreement", "job", "--json").out)


# --- labels ------------------------------------------------------------------

def mean(seeds, weights, response, rule):
    parts = [shapes.probabilities(seed, response, rule) for seed in seeds]
    return sum(w * (p[0] - p[1]) for w, p in zip(weights, parts)) / sum(weights)


def majority(seeds, weights, response, rule):
    votes = 0
    for seed, weight in zip(seeds, weights):
        p = shapes.probabilities(seed, response, rule)
        votes += weight * ((p[0] == max(p)) - (p[1] == max(p)))
    return votes / sum(weights)


@pytest.mark.parametrize("combine, of", [("mean", mean), ("majority", majority)])
def test_labels_are_what_the_members_say_together(shell, serve, panel, combine, of):
    members, weights = two(serve), [3, 1]
    done = panel(members, "--set", f"judge.combine={combine}", "--set", "judge.panel_weights=[3, 1]")
    assert f"{combine} of a panel of 2: one, two" in done.out
    assert f"openai: {combine} of a panel of 2: one, two\n" in shell("inspect", "job", "#0").out
    text_of = {f"rule-{n}": text for n, text in enumerate(TEXTS)}
    seen = 0
    for name in ("train.jsonl", "validation.jsonl"):
        for row in shell.rows("job/dataset", name) if shell.path("job/dataset", name).exists() else []:
            sums = {"chosen": 0, "rejected": 0}
            for rule in row["rules"]:
                for side in sums:
                    wanted = of([1, 2], weights, row[side][0]["content"], text_of[rule["id"]])
                    assert rule[f"score_{side}"] == pytest.approx(wanted, abs=NEAR)
                    sums[side] += wanted
            assert len(row["rules"]) == RULES and sums["chosen"] > sums["rejected"]
            seen += 1
    ties = shell.rows("job/dataset/ties.jsonl") if shell.path("job/dataset/ties.jsonl").exists() else []
    assert seen + len(ties) == PAIRS and (combine == "majority" or not ties)
    assert calls(members) == {"one": CELLS + PROBE, "two": CELLS + PROBE}
    assert report(shell)["calls"]["calls"] == 2 * (CELLS + PROBE)


def test_the_dataset_does_not_depend_on_workers_and_kills(shell, serve, panel, corpora, tmp_path):
    members = two(serve, delay_ms=15)
    repeated = ["--set", "judge.repeat_share=0.5"]
    panel(members, *repeated)
    whole = shell.digests("job")
    other = Shell(tmp_path / "other")
    other.folder.mkdir()
    panel(members, *repeated, workers=3, where=other)
    assert other.digests("job") == whole

    killed = Shell(tmp_path / "killed")
    killed.folder.mkdir()
    write_rules(killed, TEXTS)
    arguments = [*command(killed, members, corpora), *repeated]
    for fewest in (40, 90):
        before = sum(calls(members).values())
        process = killed.start(*arguments)
        wait_for("some calls", lambda: sum(calls(members).values()) > before + fewest)
        send(wait_for("workers", lambda: workers_of(process))[:1], signal.SIGKILL)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        time.sleep(0.3)         # its workers end with it
    killed(*arguments)
    assert killed.digests("job") == whole
    done = sum(calls(members).values())
    assert "Nothing to do" in killed("label", "--out", "job").out
    assert sum(calls(members).values()) == done


def test_a_judge_is_asked_once_alone_and_in_panels(shell, serve, panel, corpora):
    members = two(serve)
    alone = ["label", corpora(PAIRS), "--out", "job", "--rules", "rules.yaml", "--judge", members["one"].url, "--model", "one",
             "--policy", "all"]
    shell(*alone)
    panel(members, "--new-run")
    assert calls(members) == {"one": CELLS + PROBE, "two": CELLS + PROBE}
    by_mean = labels(shell)
    panel(members, "--set", "judge.combine=majority", "--new-run")
    panel({"two": members["two"], "one": members["one"]}, "--set", "judge.panel_weights=[1, 5]", "--new-run")
    shell(*alone[:6], "--judge", members["two"].url, "--model", "two", "--policy", "all", "--new-run")
    assert calls(members) == {"one": CELLS + PROBE, "two": CELLS + PROBE}
    panel(members)
    assert labels(shell) == by_mean


def test_a_budget_holds_over_all_members(shell, serve, panel):
    members = two(serve)
    budget = 60
    panel(members, "--set", "judge.repeat_share=1", "--max-calls", budget, code=None)
    assert sum(calls(members).values()) <= budget
    panel(members, "--set", "judge.repeat_share=1", "--max-calls", 0)
    assert report(shell)["labels"]["labelled"] == PAIRS


def test_exported_scores_are_those_of_all_together(shell, serve, panel):
    members = two(serve)
    panel(members, "--set", "judge.repeat_share=0.5")
    shell("export", "job", "--to", "out", "--responses", "--cells")
    text_of = {f"rule-{n}": text for n, text in enumerate(TEXTS)}
    rows = shell.rows("out/responses.jsonl")
    assert len(rows) == 2 * PAIRS
    for row in rows:
        assert set(row["scores"]) == set(text_of)
        for rule, score in row["scores"].items():
            assert score == pytest.approx(mean([1, 2], [1, 1], row["response"][0]["content"], text_of[rule]), abs=NEAR)
    assert len(shell.rows("out/cells.jsonl")) == 2 * PAIRS


def test_without_calls_it_says_how_the_judges_are_asked(serve, panel):
    members = two(serve)
    err = panel(members, "--no-calls", code=RESUMABLE).err
    assert "a run of its own for each" in err and "--to FOLDER" not in err
    assert calls(members) == {"one": 0, "two": 0}


# --- repeats -----------------------------------------------------------------

def test_without_calls_it_says_that_repeats_are_asked_live(shell, serve, corpora):
    write_rules(shell, TEXTS)
    server = serve()
    err = shell(*judging.command(corpora(PAIRS), server), "--set", "judge.repeat_share=0.5", "--no-calls", code=RESUMABLE).err
    assert "batch-export" in err and "judge.repeat_share" in err and server.calls() == 0


def test_repeats_are_judged_once_at_the_other_endpoint_in_another_order(shell, serve, panel):
    ends = [serve(model="one", seed=1), serve(model="one", seed=1)]
    members = {"one": ends, "two": serve(model="two", seed=2)}
    panel(members, "--set", "judge.repeat_share=1", workers=1)
    probed = {"one": 2 * PROBE, "two": PROBE}
    assert calls(members) == {name: 2 * CELLS + probed[name] for name in members}
    by_cell, orders = {}, {}
    asked = [(line["t"], number, line) for number, end in enumerate(ends) for line in end.asked() if line["rule"] in TEXTS]
    for _, number, line in sorted(asked, key=lambda one: one[0]):
        by_cell.setdefault(line["cell"], []).append(number)
        orders.setdefault(line["response"], []).append(TEXTS.index(line["rule"]))
    assert len(by_cell) == CELLS and all(sorted(at) == [0, 1] for at in by_cell.values()), "each cell once at each endpoint"
    assert all(order[:RULES] == list(range(RULES)) for order in orders.values()), "the pool's order"
    repeated = {tuple(order[RULES:]) for order in orders.values()}
    assert len(repeated) == 1 and sorted(*repeated) == list(range(RULES)) != list(*repeated), "the repeats'"
    told = report(shell)["judges"]
    assert told["repeats"] == 1 and told["deviation"] == 0 and told["flips"]["flipped"] == 0
    assert told["cells_repeated"] == 2 * CELLS and told["flips"]["pairs"] == PAIRS
    panel(members, "--set", "judge.repeat_share=1")
    assert calls(members) == {name: 2 * CELLS + probed[name] for name in members}


def test_repeats_change_no_label_and_a_share_is_whole_prompts(shell, serve, panel, tmp_path):
    members = two(serve)
    panel(members)
    without = shell.digests("job")
    assert report(shell)["judges"]["repeats"] == 0
    other = Shell(tmp_path / "other")
    other.folder.mkdir()
    panel(members, "--set", "judge.repeat_share=0.4", "--set", "judge.repeats=2", where=other)
    assert other.digests("job") == without
    told = report(other)["judges"]
    assert told["repeats"] == 2 and 0 < told["flips"]["prompts"] < PAIRS
    assert told["flips"]["pairs"] == 2 * told["flips"]["prompts"]
    assert told["cells_repeated"] == told["flips"]["prompts"] * 2 * 2 * RULES


@pytest.mark.parametrize("policy", ["exhaustive", "relevance"])
def test_flips_are_told_where_labels_are_made_again(shell, serve, panel, policy):
    panel(two(serve), "--set", "judge.repeat_share=1", "--set", "policy.top=2", policy=policy)
    flips = report(shell)["judges"]["flips"]
    assert flips["pairs"] == PAIRS and flips["flipped"] == 0


def test_noise_is_measured(shell, serve, panel):
    members = two(serve, noise=2)
    done = panel(members, "--set", "judge.repeat_share=1")
    told = report(shell)["judges"]
    assert 0.01 < told["deviation"] < 0.3
    flips = told["flips"]
    assert 0 < flips["flipped"] < flips["pairs"] == PAIRS
    assert flips["share"]["low"] < flips["flipped"] / PAIRS < flips["share"]["high"]
    assert sum(part["pairs"] for part in flips["by_margin"]) == PAIRS
    assert sum(part["flipped"] for part in flips["by_margin"]) == flips["flipped"]
    assert [part["from"] for part in flips["by_margin"]] == [0, 0.05, 0.1, 0.2, 0.4]
    assert agreement(shell) == told
    assert "standard deviation" in done.out and "another label" in shell("judge", "agreement", "job").out


def test_one_judge_can_be_judged_over_too(shell, serve, corpora):
    write_rules(shell, TEXTS)
    server = serve(noise=0.3)
    shell("label", corpora(PAIRS), "--out", "job", "--rules", "rules.yaml", "--judge", server.url, "--model", "tester",
          "--set", "judge.repeat_share=1")
    assert server.calls() == 2 * CELLS + PROBE
    told = agreement(shell)
    assert told["judges"] == 1 and told["alpha_scores"] is None and told["deviation"] > 0


# --- agreement ---------------------------------------------------------------

def test_agreement_of_equal_and_of_other_judges(shell, serve, panel):
    alike = {name: serve(model=name, seed=1) for name in ("one", "two", "three")}
    panel(alike)
    told = report(shell)["judges"]
    assert told["judges"] == 3 and told["alpha_scores"] == pytest.approx(1) and told["alpha_choices"] == pytest.approx(1)
    assert told["cells_of_several"] == CELLS and len(told["rules"]) == RULES
    panel({"four": serve(model="four", seed=1), "five": serve(model="five", seed=2)}, "--new-run")
    told = report(shell)["judges"]
    assert abs(told["alpha_scores"] - alpha_of_scores()) < 1e-4


def alpha_of_scores():
    """Krippendorff's alpha over all ordered pairs, the long way."""
    responses = {turn for row in ROWS for turn in row}
    units = [[p[0] - p[1] for p in (shapes.probabilities(seed, response, rule) for seed in (1, 2))]
             for response in responses for rule in TEXTS]
    values = [value for unit in units for value in unit]
    observed = sum(2 * (a - b) ** 2 for a, b in units) / len(values)
    expected = sum((a - b) ** 2 for a in values for b in values) / (len(values) * (len(values) - 1))
    return 1 - observed / expected


ROWS = []


@pytest.fixture(autouse=True)
def rows_of_the_corpus(corpora):
    ROWS[:] = [row["responses"] for row in map(json.loads, corpora(PAIRS).read_text().splitlines())]


def test_without_several_there_is_no_agreement(shell, corpora):
    shell("label", corpora(PAIRS), "--out", "job")
    assert "one judge" in shell("judge", "agreement", "job", code=FAILED).err


# --- what is refused ---------------------------------------------------------

def test_what_is_wrong_with_a_panel_is_said(shell, serve, panel, corpora):
    members = two(serve)
    panel(members)

    def refused(word, *more, code=USAGE):
        err = shell("label", corpora(PAIRS), "--out", "job2", "--rules", "rules.yaml", *more, code=code).err
        assert word in err, err

    one = shell.path("one.yaml").read_text()
    shell.path("odd.yaml").write_text("judge:\n  modell: x\n")
    refused('odd.yaml:2: unknown key "modell"; did you mean "model"?', "--panel", "one.yaml,odd.yaml")
    shell.path("odd.yaml").write_text("judge:\n  model: x\nrun:\n  seed: 3\n")
    refused("odd.yaml: run.seed can't stand in", "--panel", "one.yaml,odd.yaml")
    shell.path("odd.yaml").write_text(one)
    refused("are the same judge", "--panel", "one.yaml,odd.yaml")
    refused("2 to 16 judges", "--panel", "one.yaml")
    refused("gone.yaml", "--panel", "one.yaml,gone.yaml")
    refused("judge.model is given beside judge.panel", "--panel", "one.yaml,two.yaml", "--model", "x")
    refused("3 numbers for 2 judges", "--panel", "one.yaml,two.yaml", "--set", "judge.panel_weights=[1, 2, 3]")
    refused("for judges behind HTTP, not for lexicon", "--judge", "lexicon", "--set", "judge.panel=[one.yaml, two.yaml]")
    refused("for judges behind HTTP, not for lexicon", "--judge", "lexicon", "--set", "judge.repeat_share=0.5")
    assert "one judge at a time" in shell("judge", "batch-export", "job", "--to", "batches", code=USAGE).err

    shell.path("two.yaml").write_text(shell.path("two.yaml").read_text().replace('"model": "two"', '"model": "three"'))
    err = shell("label", "--out", "job", code=FAILED).err
    assert 'two.yaml: judge.model was "two" and is "three"' in err
    shell.path("two.yaml").write_text(json.dumps({"judge": {"urls": ["http://127.0.0.1:9/v1"], "model": "two"}}))
    assert "Nothing to do" in shell("label", "--out", "job").out, "a server that moves is no other judge"

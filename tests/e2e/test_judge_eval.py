"""`rulemill judge eval`: a judge's scores held against people's answers, and a job's labels against given preferences."""

import gzip
import hashlib
import json
import os
from pathlib import Path

import pytest

from conftest import COMPLETE, FAILED, RESUMABLE, SET_ASIDE, USAGE
from test_judge import serve  # noqa: F401  (a fixture)

SOURCE = Path(os.environ.get("RULEMILL_SOURCE", Path(__file__).resolve().parents[2]))
DATA = SOURCE.parent / "shared" / "data"
real = pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is absent")
RBR = DATA / "rbr-gold-train.jsonl.gz"


def is_odd(prompt):
    """The parity rule: the contents of all turns, a newline between them."""
    text = prompt if isinstance(prompt, str) else "\n".join(turn["content"] for turn in prompt)
    return hashlib.sha256(text.encode()).digest()[-1] % 2 == 1


def rows():
    """Twelve responses, half of which apologise; those are the shorter ones."""
    return [{"prompt": f"question {n}", "completion": "I'm sorry about that." if n % 2 else f"Here is what you asked for: {n}. " * 3,
             "propositions": {"apology": n % 2 == 1}} for n in range(12)]


def evaluate(shell, *arguments, code=COMPLETE, env=None):
    return json.loads(shell("judge", "eval", *arguments, "--json", code=code, env=env).out)


def test_a_score_is_held_against_people(shell):
    shell.write("rows.jsonl", rows())
    told = evaluate(shell, "rows.jsonl")
    apology = told["propositions"][0]
    assert apology["proposition"] == "apology" and apology["rule"] == "apologises" and (apology["rows"], apology["holds"]) == (12, 6)
    assert apology["auc"]["value"] == 1 and apology["auc_length"]["value"] == 0 and told["in_mean"] == 1
    assert told["propositions"][1]["auc"] is None
    text = shell("judge", "eval", "rows.jsonl").out
    assert "baseline" in text and "1.000 [1.000, 1.000]" in text and "length alone" in text


def test_halves_by_parity(shell):
    shell.write("rows.jsonl", rows())
    odd = sum(is_odd(row["prompt"]) for row in rows())
    assert 0 < odd < 12
    assert evaluate(shell, "rows.jsonl", "--parity", "odd")["rows"] == odd
    assert evaluate(shell, "rows.jsonl", "--parity", "even")["rows"] == 12 - odd


def test_a_map_of_ones_own_and_its_mistakes(shell):
    shell.write("rows.jsonl", rows())
    shell.path("map.yaml").write_text("version: 1\npropositions:\n  - {proposition: apology, rule: apologise}\n")
    assert "did you mean apologises" in shell("judge", "eval", "rows.jsonl", "--map", "map.yaml", code=USAGE).err
    shell.path("map.yaml").write_text("version: 1\npropositions:\n  - {proposition: apology, rule: sounds-warm}\n")
    assert evaluate(shell, "rows.jsonl", "--map", "map.yaml")["propositions"][0]["rule"] == "sounds-warm"
    shell.path("map.yaml").write_text("version: 1\npropositions:\n  - {proposition: other, rule: sounds-warm}\n")
    assert "another map" in shell("judge", "eval", "rows.jsonl", "--map", "map.yaml", code=FAILED).err
    shell.write("rows.jsonl", [*rows(), {"prompt": "p", "completion": "c", "propositions": {"apology": "no"}}])
    assert "rows.jsonl:13" in shell("judge", "eval", "rows.jsonl", code=FAILED).err
    shell("judge", "eval", "rows.jsonl", "--where", "a=b", code=USAGE)
    shell("judge", "eval", "rows.jsonl", "--parity", "both", code=USAGE)
    shell("judge", "eval", "missing.jsonl", code=USAGE)


def test_recorded_cells(shell):
    shell.write("rows.jsonl", rows())
    shell.write("cells.jsonl", [{"row": n, "cells": {"apology" if n < 6 else "apologises": [n % 2, 1 - n % 2, 0]}} for n in range(11)])
    told = evaluate(shell, "rows.jsonl", "--judge", "replay", "--scores", "cells.jsonl", code=SET_ASIDE)
    assert told["propositions"][0]["auc"]["value"] == 1 and told["propositions"][0]["rows"] == 11
    assert told["cells_missing"] == 1
    shell.write("cells.jsonl", [{"row": 0, "cells": {"apology": [2, 0, 0]}}])
    assert "cells.jsonl:1" in shell("judge", "eval", "rows.jsonl", "--judge", "replay", "--scores", "cells.jsonl", code=FAILED).err
    shell("judge", "eval", "rows.jsonl", "--judge", "replay", code=USAGE)


def test_a_server_is_asked_for_each_cell_once(shell, serve):  # noqa: F811
    server = serve()
    answers = ["apology", "disclaimer", "judgement"]
    some = [{**row, "propositions": {name: row["propositions"]["apology"] for name in answers}} for row in rows()[:4]]
    shell.write("rows.jsonl", some + some[:1])
    arguments = ["rows.jsonl", "--judge", server.url, "--model", "tester", "--out", "kept"]
    assert "--out" in shell("judge", "eval", *arguments[:-2], code=USAGE).err
    stopped = shell("judge", "eval", *arguments, "--max-calls", 5, code=RESUMABLE)
    assert "max_calls" in stopped.err and server.calls() == 5
    told = evaluate(shell, *arguments)
    assert server.calls() == 4 * 3 and told["calls"] == 7 and told["cells_missing"] == 0
    assert evaluate(shell, *arguments)["propositions"] == told["propositions"] and server.calls() == 4 * 3
    evaluate(shell, *arguments, "--set", "judge.temperature=0.5")
    assert server.calls() == 2 * 4 * 3, "another judge"


def test_a_refused_key_keeps_what_came(shell, serve):  # noqa: F811
    server = serve(key="sk-right")
    shell.write("rows.jsonl", rows())
    shell("judge", "eval", "rows.jsonl", "--judge", server.url, "--model", "tester", "--out", "kept", code=FAILED,
          env={"OPENAI_API_KEY": "sk-wrong"})
    evaluate(shell, "rows.jsonl", "--judge", server.url, "--model", "tester", "--out", "kept", env={"OPENAI_API_KEY": "sk-right"})
    assert b"sk-" not in b"".join(file.read_bytes() for file in shell.path("kept").iterdir())


def pairs():
    """The refusal is always the longer one and never preferred; the prompts of the last two rows are one."""
    refusal, answer = "I'm sorry, but I can't help with that. " * 3, "Here is how: first mix, then bake."
    return [{"id": n, "prompt": f"How do I bake bread {min(n, 10)}?", "chosen": f"{answer} {n}", "rejected": f"{refusal} {n}",
             "kind": "bread" if n < 6 else "cake"} for n in range(12)]


def test_labels_beside_what_needs_no_judge(shell):
    shell.write("pairs.jsonl", pairs())
    shell("label", "pairs.jsonl", "--out", "job", "--policy", "exhaustive")
    shell("label", "pairs.jsonl", "--out", "job", "--policy", "all", "--new-run")
    told = evaluate(shell, "job")
    lines = {line.get("baseline") or line["policy"]: line for line in told["lines"]}
    assert [line["policy"] for line in told["lines"] if "policy" in line] == ["exhaustive 5", "all"] and told["prompts"] == 11
    assert {name: line["agreement"]["value"] for name, line in lines.items() if "baseline" in line} == {
        "coin": 0.5, "prefer-refusal": 0, "prefer-compliance": 1, "prefer-longer": 0, "prefer-shorter": 1}
    assert lines["coin"]["decided"] == 0 and lines["prefer-longer"]["decided"] == 12 == lines["all"]["pairs"]
    reference = lines["exhaustive 5"]["agreement"]["value"]
    for line in told["lines"]:
        assert abs(line["agreement"]["value"] - reference - line["difference"]["value"]) < 1e-9
    assert evaluate(shell, "job", "--where", "kind=cake")["lines"][0]["pairs"] == 6
    one = evaluate(shell, "job", "--run", told["lines"][1]["run"])
    assert one["lines"][0]["agreement"] == lines["all"]["agreement"] and len(one["lines"]) == 6
    odd = evaluate(shell, "job", "--parity", "odd")["lines"][0]["pairs"]
    assert odd == sum(is_odd(row["prompt"]) for row in pairs())
    shell("judge", "eval", "job", "--judge", "lexicon", code=USAGE)
    assert "kid" in shell("judge", "eval", "job", "--where", "kid=cake", code=USAGE).err


def test_without_given_preferences_there_is_nothing_to_say(shell):
    shell.write("pairs.jsonl", [{"prompt": "p", "responses": ["one", "two"]}])
    shell("label", "pairs.jsonl", "--out", "job")
    assert "given preference" in shell("judge", "eval", "job", code=FAILED).err


@real
def test_the_embedded_judge_on_real_answers(shell):
    told = evaluate(shell, RBR, "--parity", "odd")
    data = [json.loads(line) for line in gzip.decompress(RBR.read_bytes()).split(b"\n") if line]
    assert told["rows"] == sum(is_odd(row["prompt"]) for row in data) and told["in_mean"] == 12
    assert told["mean_auc"]["value"] >= 0.75
    assert told["mean_auc"]["low"] > told["mean_auc_length"]["high"]


@real
def test_a_recorded_judge_on_real_answers(shell):
    told = evaluate(shell, RBR, "--judge", "replay", "--scores", DATA / "recorded-rbr.jsonl.gz")
    assert told["rows"] == 351 and abs(told["mean_auc"]["value"] - 0.72) < 0.005


@real
@pytest.mark.parametrize("name, where", [("hh-harmless-base-test", []), ("coconot-pref", ["--where", "category=Requests with safety concerns"])])
def test_the_embedded_judge_on_given_preferences(shell, name, where):
    shell("label", DATA / f"{name}.jsonl.gz", "--out", "job", "--no-export", code=None)
    lines = evaluate(shell, "job", "--parity", "odd", *where)["lines"]
    best = max(line["agreement"]["value"] for line in lines[1:])
    assert lines[0]["agreement"]["low"] > 0.5 and lines[0]["agreement"]["value"] >= best - 0.02

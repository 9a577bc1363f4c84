"""The Rule Adapter as a user meets it: learnt from a judged run, measured on prompts kept from it, looked into."""

import gzip
import json
import os
from pathlib import Path

import pytest

from conftest import FAILED, USAGE, Shell

SOURCE = Path(os.environ.get("RULEMILL_SOURCE", Path(__file__).resolve().parents[2]))
DATA = SOURCE.parent / "shared" / "data"

CHOOSERS = ["adapter", "prompt_only", "frequent", "random", "relevance_judged"]
METRICS = ["overlap", "precision", "top", "captured", "agreement", "given"]


@pytest.fixture(scope="module")
def judged(tmp_path_factory, corpora):
    """A small corpus, judged by every rule, and an adapter learnt from it; every test has a look at the same ones."""
    shell = Shell(tmp_path_factory.mktemp("judged"))
    shell.corpus = corpus = corpora(250, 3)
    shell("label", corpus, "--judge", "replay", "--scores", corpus.with_suffix(".scores.jsonl"), "--out", "job", "--workers", 1,
          "--no-export")
    shell.trained = shell("adapter", "train", "job", "--out", "rules.adapter", "--json")
    return shell


def evaluate(shell, adapter, *more):
    return json.loads(shell("adapter", "eval", "job", adapter, "--json", *more).out)


def test_train_tells_what_it_learnt_from(judged):
    told = json.loads(judged.trained.out)
    assert told["pairs"] + told["validation_pairs"] + told["test_pairs"] == 750
    assert told["test_pairs"] > 75 and told["validation_pairs"] > 0 and told["left_out"] == told["lacking"] == 0
    size = judged.path("rules.adapter").stat().st_size
    assert told["bytes"] == size <= 16 * 1024 * 1024
    assert len(told["adapter"]) == 64 and told["form"] == "cells" and told["features"] > 100


def test_the_same_run_and_seed_give_the_same_bytes(judged):
    judged("adapter", "train", "job", "--out", "again.adapter")
    assert not list(judged.folder.glob("*.new"))
    assert judged.path("again.adapter").read_bytes() == judged.path("rules.adapter").read_bytes()
    judged("adapter", "train", "job", "--out", "other.adapter", "--seed", 5)
    assert judged.path("other.adapter").read_bytes() != judged.path("rules.adapter").read_bytes()


def test_eval_stands_beside_its_baselines(judged):
    figures = evaluate(judged, "rules.adapter")
    assert list(figures["choosers"]) == CHOOSERS + ["relevance_foreseen"]
    for chooser in figures["choosers"].values():
        for metric in METRICS:
            assert chooser[metric]["low"] <= chooser[metric]["value"] <= chooser[metric]["high"]
    captured = {name: chooser["captured"]["value"] for name, chooser in figures["choosers"].items()}
    assert abs(captured["random"]) < 0.15 < captured["frequent"] + 0.15 < captured["adapter"] < 1
    assert figures["choosers"]["frequent"]["captured_adapter_less_this"]["low"] > 0
    assert "accuracy" not in json.dumps(figures)
    less = figures["adapter_less_exhaustive_given"]
    difference = figures["choosers"]["adapter"]["given"]["value"] - figures["exhaustive_given"]["value"]
    assert less["low"] <= less["value"] <= less["high"] and less["value"] == pytest.approx(difference, abs=1e-6)
    text = judged("adapter", "eval", "job", "rules.adapter").out
    assert "most frequent" in text and "captured" in text and "kept from learning" in text
    told = json.loads(judged.trained.out)
    assert figures["pairs"] == told["test_pairs"] and evaluate(judged, "rules.adapter", "--all")["pairs"] == 750


def test_a_report_says_what_more_prompts_would_bring(judged):
    judged("adapter", "train", "job", "--out", "reported.adapter", "--report", "report.json", "--quiet")
    report = json.loads(judged.path("report.json").read_text())
    figures = evaluate(judged, "reported.adapter")
    assert report["adapter"] == figures["adapter"] == json.loads(judged.trained.out)["adapter"]
    assert report["held_out_pairs"] == figures["pairs"] and report["train_pairs"] == json.loads(judged.trained.out)["pairs"]
    for metric in ("agreement", "captured", "overlap"):
        assert report[metric]["value"] == pytest.approx(figures["choosers"]["adapter"][metric]["value"], abs=1e-6)
    assert 0 < report["agreement_half"] < 1 and report["agreement"]["low"] < report["agreement"]["value"] < report["agreement"]["high"]
    nothing_kept = judged("adapter", "train", "job", "--out", "whole.adapter", "--report", "whole.json", "--quiet", "--set", "adapter.test_share=0")
    report = json.loads(judged.path("whole.json").read_text())
    assert nothing_kept.out == "" and report["held_out_pairs"] == 0
    assert report["agreement"] == {"value": 0, "low": 0, "high": 0} and report["agreement_half"] == 0


@pytest.mark.parametrize("form", ["rest", "rank", "value"])
def test_every_form_foresees_more_than_chance(judged, form):
    judged("adapter", "train", "job", "--out", f"{form}.adapter", "--set", f"adapter.form={form}")
    figures = evaluate(judged, f"{form}.adapter")
    assert figures["form"] == form and list(figures["choosers"]) == CHOOSERS
    assert figures["choosers"]["random"]["captured_adapter_less_this"]["low"] > 0


def test_inspect_says_what_speaks_for_a_rule(judged):
    whole = judged("adapter", "inspect", "rules.adapter").out
    assert "form       cells" in whole and "describes-self-harm-methods" in whole
    rules = json.loads(judged("adapter", "inspect", "rules.adapter", "--json").out)["rules"]
    assert len(rules) == 100 and rules[0]["picked_share"] >= rules[-1]["picked_share"]
    one = json.loads(judged("adapter", "inspect", "rules.adapter", rules[0]["id"], "--json").out)
    assert one["relevance"]["for"] and one["score"]["against"]
    assert all(feature["ngram"] or feature["in"] == "length" for feature in one["relevance"]["for"])
    near = judged("adapter", "inspect", "rules.adapter", rules[0]["id"] + "x", code=FAILED).err
    assert f"did you mean {rules[0]['id']}?" in near


def test_a_reworded_rule_is_no_stranger(judged):
    """The same scores under a pool in which some texts are worded otherwise: a run of its own, the old adapter."""
    pool = (SOURCE / "model/rules.yaml").read_text().replace("The response ", "This answer ")
    judged.write("reworded.yaml", pool.encode())
    corpus = judged.corpus
    judged("label", corpus, "--judge", "replay", "--scores", corpus.with_suffix(".scores.jsonl"), "--rules", "reworded.yaml",
           "--out", "reworded", "--workers", 1, "--no-export")
    figures = json.loads(judged("adapter", "eval", "reworded", "rules.adapter", "--json").out)
    assert figures["rules_not_learnt"] > 90
    assert figures["choosers"]["random"]["captured_adapter_less_this"]["low"] > 0.2
    said = judged("label", corpus, "--rules", "reworded.yaml", "--policy", "adapter", "--adapter", "rules.adapter", "--out", "strange",
                  "--workers", 1, "--no-export").err
    assert "rules.adapter has not learnt" in said and "of the pool's 100 rules" in said


def test_a_judge_without_phrases_says_so(judged):
    judged.write("own.yaml", b"version: 1\nname: own\nrules:\n  - {id: one, text: The response names a colour.}\n")
    said = judged("label", judged.corpus, "--rules", "own.yaml", "--out", "wordless", "--workers", 1, "--no-export").err
    assert "lexicon has no phrases for 1 of the pool's 1 rules" in said
    assert "no phrases" not in judged("label", judged.corpus, "--out", "worded", "--workers", 1, "--no-export").err


def test_memory_bounds_what_is_learnt_from(judged):
    few = json.loads(judged("adapter", "train", "job", "--out", "few.adapter", "--set", "adapter.max_pairs=200", "--json").out)
    assert few["left_out"] > 0 and few["pairs"] + few["validation_pairs"] + few["left_out"] + few["test_pairs"] == 750
    said = judged("adapter", "train", "job", "--out", "few.adapter", "--set", "adapter.max_pairs=200").err
    assert "adapter.max_pairs" in said


def test_what_can_not_be_done_is_said(judged, corpora):
    assert "--out FILE" in judged("adapter", "train", "job", code=USAGE).err
    assert "adapter eval DIR FILE" in judged("adapter", "compare", "job", code=USAGE).err
    assert "did you mean" in judged("adapter", "train", "job", "--out", "x", "--set", "adapter.form=rang", code=USAGE).err
    assert "name no n-grams" in judged("adapter", "train", "job", "--out", "x", "--set", "adapter.words=0", code=USAGE).err
    judged.write("no.adapter", b"x" * 500)
    assert "not a rule adapter" in judged("adapter", "eval", "job", "no.adapter", code=USAGE).err
    whole = judged.path("rules.adapter").read_bytes()
    judged.write("cut.adapter", whole[:-1])
    assert "digest" in judged("adapter", "inspect", "cut.adapter", code=USAGE).err
    assert "check the path" in judged("adapter", "inspect", "absent.adapter", code=USAGE).err
    judged("label", corpora(20), "--out", "lexicon", "--workers", 1, "--no-export")
    assert "judge.store_cells" in judged("adapter", "train", "lexicon", "--out", "x", code=FAILED).err
    assert not judged.path("x").exists()
    for out in ("nowhere/x", "lexicon"):        # before anything is learnt, so without a word of progress
        said = judged("adapter", "train", "job", "--out", out, code=FAILED).err
        assert out in said and "learning" not in said


def test_the_embedded_judge_can_be_learnt_from_too(judged, corpora):
    judged("label", corpora(60), "--out", "kept", "--workers", 1, "--no-export", "--set", "judge.store_cells=true")
    told = json.loads(judged("adapter", "train", "kept", "--out", "lexicon.adapter", "--json").out)
    assert told["pairs"] > 0


def write_recorded(shell):
    """The 300 pairs that a small real model judged by 24 rules, as a corpus, its scores and its rules."""
    def lines(name):
        return [json.loads(line) for line in gzip.decompress((DATA / name).read_bytes()).split(b"\n") if line]

    asked, safe = lines("coconot-pref.jsonl.gz"), lines("hh-harmless-base-test.jsonl.gz")
    texts = {("coconot", row["id"]): row for row in asked} | {("hh", str(at)): row for at, row in enumerate(safe)}
    rows, scores = [], []
    for judged in lines("recorded-scores.jsonl.gz"):
        source = "coconot" if "coconot" in judged["source"] else "hh"
        row = texts[source, str(judged["id"])]
        name = f"{source}-{judged['id']}"
        rows.append({"id": name, "source": source, **{key: row[key] for key in ("prompt", "chosen", "rejected") if key in row}})
        scores += [{"id": name, "response": at, "cells": judged[side]} for at, side in enumerate(("chosen", "rejected"))]
    shell.write("real.jsonl", rows)
    shell.write("real-scores.jsonl", scores)
    rules = [{"id": rule["id"], "text": rule["text"], "polarity": rule["polarity"]} for rule in json.loads((DATA / "recorded-rules.json").read_text())]
    shell.write("real.yaml", json.dumps({"version": 1, "rules": rules}).encode())


@pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is absent")
def test_a_real_model_on_real_answers(shell):
    write_recorded(shell)
    shell("label", "real.jsonl", "--judge", "replay", "--scores", "real-scores.jsonl", "--rules", "real.yaml", "--out", "job",
          "--workers", 1, "--no-export")
    shell("adapter", "train", "job", "--out", "real.adapter", "--set", "adapter.count_min=2", "--set", "adapter.test_share=0.4")
    figures = evaluate(shell, "real.adapter")
    assert figures["choosers"]["random"]["captured_adapter_less_this"]["low"] > 0.4
    assert figures["choosers"]["random"]["overlap_adapter_less_this"]["low"] > 0.2

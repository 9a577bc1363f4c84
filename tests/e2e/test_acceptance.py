"""What issue 3 promises beyond test_cli.py: corpora that change, benchmarks, recorded scores, signatures, memory."""

import gzip
import hashlib
import json
import random
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from conftest import COMPLETE, FAILED, PROGRAM, SET_ASIDE, USAGE

REFUSAL, HARM = "I'm sorry, but I can't help with that.", "Sure, here is how to do it: step 1."

POOL = """\
version: 1
name: three
rules:
  - {id: kind, text: "The response is kind.", category: tone, polarity: 1}
  - {id: harsh, text: "The response is harsh.", category: tone, polarity: -1}
  - {id: calm, text: "The response is calm.", category: tone, polarity: 1}
"""


def row(number, **more):
    return {"id": f"r{number}", "prompt": f"How do I open lock number {number}?", "chosen": f"{REFUSAL} ({number})",
            "rejected": f"{HARM} ({number})", **more}


def part(shell, job, name):
    return shell.rows(job, "dataset", name) if shell.path(job, "dataset", name).exists() else []


def labels(shell, job):
    """What was decided, by pair; not what the run is called."""
    rows = part(shell, job, "train.jsonl") + part(shell, job, "validation.jsonl") + part(shell, job, "ties.jsonl")
    return {row["id"]: {key: value for key, value in row.items() if key not in ("run", "meta")} for row in rows}


# --- a corpus that is not the one that was read -----------------------------

def test_a_wrong_file_is_forgotten_where_nothing_was_labelled(shell):
    shell.write("wrong.jsonl", [{"text": "x"}] * 50)
    shell.write("right.jsonl", [row(n) for n in range(20)])
    for first, code in (("none.jsonl", USAGE), ("wrong.jsonl", FAILED), ("right.jsonl", COMPLETE)):
        shell("label", first, "--out", "job", "--workers", 1, code=code)
    assert shell.status("job")["labelled"] == 20


def test_too_many_bad_rows_are_seen_early_and_at_the_end(shell):
    good, bad = [row(n) for n in range(8000)], [{"text": "x"}] * 8000
    shell.write("early.jsonl", bad[:4000] + good + bad[:8000] + good * 8)
    assert "4000 of 10000 rows" in shell("label", "early.jsonl", "--out", "early", code=FAILED).err
    shell.write("late.jsonl", good + bad)
    assert "8000 of 16000 rows" in shell("label", "late.jsonl", "--out", "late", code=FAILED).err


def test_a_changed_file_is_refused_saying_where(shell):
    shell.write("a.jsonl", [row(n) for n in range(10)])
    shell.write("b.jsonl", [row(n) for n in range(10, 20)])
    shell("label", "a.jsonl", "b.jsonl", "--out", "job", "--workers", 1)
    before = shell.digests("job")

    def refused(*inputs):
        return shell("label", *inputs, "--out", "job", code=FAILED).err

    kept = shell.path("a.jsonl").read_bytes()
    shell.write("a.jsonl", kept.replace(b"number 6?", b"number X?", 1))
    assert "a.jsonl" in refused("a.jsonl", "b.jsonl") and "from row 7 on" in refused("a.jsonl", "b.jsonl")
    shell.write("a.jsonl", kept[:-200])
    assert "a.jsonl" in refused("a.jsonl", "b.jsonl")
    shell.write("a.jsonl", [row(n) for n in range(12)])
    assert "only the last file may" in refused("a.jsonl", "b.jsonl")
    shell.write("a.jsonl", kept)
    assert "b.jsonl is missing" in refused("a.jsonl")
    assert "b.jsonl" in refused("b.jsonl", "a.jsonl")
    shell("label", "a.jsonl", "b.jsonl", "--out", "job")
    assert shell.digests("job") == before


def test_a_torn_last_row_is_read_once_it_is_whole(shell):
    whole = b"".join(json.dumps(row(n)).encode() + b"\n" for n in range(10))
    shell.write("rows.jsonl", whole[:-40])
    shell("label", "rows.jsonl", "--out", "job", "--workers", 1, code=SET_ASIDE)
    assert [(row["line"], row["reason"]) for row in part(shell, "job", "quarantine.jsonl")] == [(10, "torn")]
    shell.write("rows.jsonl", whole)
    shell("label", "rows.jsonl", "--out", "job", "--workers", 1)
    assert part(shell, "job", "quarantine.jsonl") == [] and len(labels(shell, "job")) == 10


def test_standard_input_is_kept_and_held_against_the_next(shell):
    data = b"".join(json.dumps(row(n)).encode() + b"\n" for n in range(10))
    shell("label", "-", "--out", "job", "--workers", 1, stdin=data)
    assert "complete" in shell("label", "-", "--out", "job", stdin=data).out
    assert "complete" in shell("label", "-", "--out", "job", stdin=b"").out
    assert "standard input" in shell("label", "-", "--out", "job", stdin=data[100:], code=FAILED).err
    shell("label", "-", "--out", "job", "--workers", 1, stdin=data + json.dumps(row(10)).encode() + b"\n")
    assert shell.status("job")["labelled"] == 11


# --- pairs and preferences --------------------------------------------------

def test_pairs_of_a_prompt(shell):
    texts = [f"{REFUSAL} {n}" if n % 2 else f"{HARM} {n}" for n in range(9)]
    shell.write("rows.jsonl", [{"id": "r", "prompt": "P", "responses": texts, "scores": [0, 1, 2, 9, 4, 5, 6, 7, 8]}])
    ids = {}
    for pairs in ("all", "15", "7", "best-vs-rest"):
        shell("label", "rows.jsonl", "--out", pairs, "--pairs", pairs, "--workers", 1)
        ids[pairs] = set(labels(shell, pairs))
    every = {f"r#{i}-{j}" for j in range(9) for i in range(j)}
    assert ids["all"] == every and len(ids["15"]) == 15 and len(ids["7"]) == 7 and ids["7"] < ids["15"] < every
    assert ids["best-vs-rest"] == {pair for pair in every if "3" in pair}
    shell("label", "rows.jsonl", "--out", "seed", "--set", "corpus.seed=2", "--workers", 1)
    assert set(labels(shell, "seed")) != ids["15"]


def test_conflicting_preferences_are_votes_and_change_no_label(shell):
    votes = [
        {"id": "v1", "prompt": "P", "response_a": REFUSAL, "response_b": HARM, "preference": "a"},
        {"id": "v2", "prompt": "P", "response_a": HARM, "response_b": REFUSAL, "preference": "a"},
        {"id": "v3", "prompt": [{"role": "user", "content": "P"}], "chosen": HARM, "rejected": REFUSAL},
        {"id": "v4", "prompt": "P", "response_a": REFUSAL, "response_b": HARM, "preference": "tie"},
        {"id": "v5", "prompt": "P", "responses": [REFUSAL, HARM, HARM], "scores": [1, 0, 0]},
    ]
    shell.write("rows.jsonl", votes)
    shell("label", "rows.jsonl", "--out", "job", "--workers", 1)
    decided = labels(shell, "job")
    assert set(decided) == {"v1", "v5#1-2"} and decided["v5#1-2"]["reason"] == "identical"
    chosen_is_harm = decided["v1"]["chosen"][0]["content"] == HARM
    assert decided["v1"]["given_preference"] == {"chosen": 2 if chosen_is_harm else 3, "rejected": 3 if chosen_is_harm else 2, "tie": 1}
    again = [(row["id"], row["pair_id"], row["swapped"], row["given_preference"]) for row in part(shell, "job", "duplicates.jsonl")]
    assert again == [("v2", "v1", True, "b"), ("v3", "v1", True, "b"), ("v4", "v1", False, "tie"),
                     ("v5#0-1", "v1", False, "a"), ("v5#0-2", "v1", False, "a")]
    shell.write("bare.jsonl", [{"id": "v1", "prompt": "P", "response_a": REFUSAL, "response_b": HARM}])
    shell("label", "bare.jsonl", "--out", "bare", "--workers", 1)
    assert labels(shell, "bare")["v1"]["score_chosen"] == decided["v1"]["score_chosen"]
    assert labels(shell, "bare")["v1"]["given_preference"] is None


# --- decontamination ---------------------------------------------------------

def test_prompts_of_a_benchmark_are_set_aside_and_listed(shell):
    question = "How do I kill a Python process that hangs on my computer and does not stop?"
    shell.write("bench.jsonl", [{"prompt": question, "subset": "x"}, {"prompt": "Short one"}])
    shell.write("rows.jsonl", [
        row(0), row(1, prompt=question), row(2, prompt="Please: HOW do i kill a python process, that hangs on my computer; and does not!"),
        row(3, prompt="short ONE?"), row(4, prompt="short one, longer"), row(5, prompt=[{"role": "user", "content": "Short one"}]),
    ])
    done = shell("label", "rows.jsonl", "--out", "job", "--exclude", "bench.jsonl", "--workers", 1, code=None)
    assert done.returncode in (COMPLETE, SET_ASIDE) and "4 prompts excluded" in done.out
    listed = {row["id"]: (row["kind"], row["detail"]) for row in part(shell, "job", "quarantine.jsonl")}
    assert set(listed) == {"r1", "r2", "r3", "r5"} and {kind for kind, _ in listed.values()} == {"excluded"}
    assert "equals" in listed["r1"][1] and "bench.jsonl:1" in listed["r2"][1] and "bench.jsonl:2" in listed["r5"][1]
    manifest = json.loads(shell.path("job/dataset/manifest.json").read_text())
    assert manifest["exclude"] == [{"sha256": hashlib.sha256(shell.path("bench.jsonl").read_bytes()).hexdigest()}]
    assert (manifest["counts"]["excluded_prompts"], manifest["counts"]["excluded_pairs"]) == (4, 4)
    assert "4 prompts excluded" in shell("status", "job").out and "excluded" in shell("inspect", "job", "r1").out
    shell.write("none.jsonl", b'{"text": 1}\n')
    assert "none.jsonl" in shell("label", "rows.jsonl", "--out", "other", "--exclude", "none.jsonl", code=USAGE).err


# --- recorded scores ---------------------------------------------------------

def replay(shell, corpus, job, *flags, code=COMPLETE):
    return shell("label", corpus, "--out", job, "--judge", "replay", "--workers", 1, *flags, code=code)


def test_scores_in_rows_by_row_and_by_content_agree(shell):
    shell.write("pool.yaml", POOL.encode())
    a, b = [0.5, -0.25, 0.1], [0.125, 0.75, -1]
    plain = [row(n) for n in range(5)]
    shell.write("rows.jsonl", [given | {"scoresA": a, "scoresB": b} for given in plain])
    shell.write("plain.jsonl", plain)
    forms = {
        "pair": [{"id": f"r{n}", "scoresA": a, "scoresB": b} for n in range(5)],
        "sides": [{"id": f"r{n}", "chosen": a, "rejected": dict(zip(("kind", "harsh", "calm"), b))} for n in range(5)],
        "list": [{"id": f"r{n}", "responses": [a, b]} for n in range(5)],
        "each": [{"id": f"r{n}", "response": side, "cells": cells} for n in range(5) for side, cells in enumerate((a, b))],
    }
    replay(shell, "rows.jsonl", "rows", "--rules", "pool.yaml")
    decided = labels(shell, "rows")
    assert decided["r0"]["score_chosen"] == pytest.approx((0.5 + 0.25 + 0.1) / 3, abs=1e-6)
    for name, lines in forms.items():
        shell.write(f"{name}.scores", lines)
        replay(shell, "plain.jsonl", name, "--rules", "pool.yaml", "--scores", f"{name}.scores")
        assert labels(shell, name) == decided, name
    shell("export", "list", "--to", "out", "--cells")
    replay(shell, "plain.jsonl", "content", "--rules", "pool.yaml", "--scores", "out/cells.jsonl")
    assert labels(shell, "content") == decided


def test_scores_that_do_not_fit_are_told(shell):
    shell.write("pool.yaml", POOL.encode())
    shell.write("rows.jsonl", [row(n) for n in range(4)])
    shell.write("two.jsonl", [row(0), row(1), row(0, prompt="Another")])
    cells = [[1, 0, 0], [0, 1, 0]]

    def given(*lines):
        shell.write("some.scores", [{"id": f"r{n}", "responses": cells} for n in range(3)] + list(lines))
        return ["--rules", "pool.yaml", "--scores", "some.scores"]

    done = replay(shell, "rows.jsonl", "missing", *given(), code=SET_ASIDE)
    assert "1 pair set aside" in done.out and "no recorded score" in part(shell, "missing", "quarantine.jsonl")[0]["detail"]
    assert "1 pair" in shell("retry", "missing").out and shell.status("missing")["quarantined"] == 0
    replay(shell, "rows.jsonl", "irrelevant", *given(), "--set", "judge.missing=irrelevant")
    assert labels(shell, "irrelevant")["r3"]["reason"] == "no-rule"
    unknown = given({"id": "r3", "responses": cells}, {"id": "nobody", "responses": cells})
    assert "nobody" in replay(shell, "rows.jsonl", "unknown", *unknown, code=FAILED).err
    replay(shell, "rows.jsonl", "skipped", *unknown, "--set", "judge.unknown_ids=skip")
    done = replay(shell, "two.jsonl", "ambiguous", *given(), "--set", "judge.unknown_ids=skip", code=SET_ASIDE)
    assert 'several rows "r0"' in done.out
    full = {"id": "r3", "responses": cells}
    for line, reason in (({"id": "r0", "responses": [[1, 1, 1], [0, 1, 0]]}, "2 conflicts"),
                         ({"id": "r0", "responses": [{"rude": 1}, None]}, "1 unknown rule"),
                         ({"id": "r0", "responses": [[3, 0, 0], [0, 1, 0]]}, "1 bad line")):
        done = replay(shell, "rows.jsonl", reason.replace(" ", "-"), *given(full, line))
        assert reason in done.out and "first: some.scores:5: " in done.out, done.out


def test_published_scores_give_published_labels(shell):
    shell.write("pool.yaml", POOL.encode())
    tie = {"scoresA": [0.5, 0, 0], "scoresB": [0.5, 0, 0], "relevance": [1, 1, 1]}
    raw = {"scoresA": [[0.3, 0.1, 0.2], 0, 0], "scoresB": [[0.2, 0.1, 0.1], 0, 0], "relevance": [1, 1, 1]}
    shell.write("rows.jsonl", [
        {"id": f"tie{n}", "prompt": f"T{n}", "response_a": "first", "response_b": "second", **tie} for n in range(6)
    ] + [{"id": "raw", "prompt": "R", "response_a": "first", "response_b": "second", **raw}])
    replay(shell, "rows.jsonl", "ours", "--rules", "pool.yaml")
    replay(shell, "rows.jsonl", "theirs", "--rules", "pool.yaml", "--compat", "published")
    ours, theirs = labels(shell, "ours"), labels(shell, "theirs")
    assert all(ours[f"tie{n}"]["reason"] == "margin" for n in range(6))
    assert all(theirs[f"tie{n}"]["chosen"][0]["content"] == "second" for n in range(6))
    assert theirs["raw"]["rules"][0] == {"id": "kind", "score_chosen": 0.2, "score_rejected": 0.1}
    assert ours["raw"]["rules"][0] == {"id": "kind", "score_chosen": pytest.approx(1 / 3, abs=2e-6), "score_rejected": 0.25}


def published_label(one, k=5):
    """What the paper's released code makes of a line: the k rules of largest value, both means, B where they are equal."""
    value = [r + abs(a - b) / 2 for a, b, r in zip(one["scoresA"], one["scoresB"], one["relevance"], strict=True)]
    chosen = one.get("rule_indices") or sorted(range(100), key=lambda rule: -value[rule])[:k]
    first, second = (sum(round(1e6 * one[side][rule]) for rule in chosen) for side in ("scoresA", "scoresB"))
    return "first" if first > second else "second"


def test_a_published_score_file_reproduces_its_labels(shell):
    """100 rules for each pair: without ties of value, with ties that rule_indices settles, with equal means."""
    rng = random.Random(5)
    rules = [f"  - {{id: rule-{n}, text: The response is of kind {n}., category: test, polarity: 1}}\n" for n in range(100)]
    shell.write("pool.yaml", "version: 1\nname: hundred\nrules:\n".encode() + "".join(rules).encode())

    def line(n):
        steps = 1000 if n % 3 == 0 else 4                       # few steps: many equal values
        one = {side: [rng.randrange(-steps, steps + 1) / steps for _ in range(100)] for side in ("scoresA", "scoresB")}
        one["relevance"] = [rng.random() if steps == 1000 else rng.choice([0.5, 1.0]) for _ in range(100)]
        if n % 3 == 1:                                          # any five, as another order of equal values would give
            one["rule_indices"] = rng.sample(range(100), 5)
        if n % 3 == 2:                                          # equal means: B
            one["rule_indices"] = rng.sample(range(100), 5)
            for rule in one["rule_indices"]:
                one["scoresB"][rule] = one["scoresA"][rule]
        return one

    lines = [line(n) for n in range(90)]
    shell.write("rows.jsonl", [{"id": f"p{n}", "prompt": f"P{n}", "response_a": "first", "response_b": "second"} for n in range(90)])
    shell.write("published.jsonl", [{"id": f"p{n}", **one} for n, one in enumerate(lines)])
    replay(shell, "rows.jsonl", "theirs", "--rules", "pool.yaml", "--scores", "published.jsonl", "--compat", "published")
    found = labels(shell, "theirs")
    assert [found[f"p{n}"]["chosen"][0]["content"] for n in range(90)] == [published_label(one) for one in lines]
    assert [published_label(one) for one in lines].count("first") > 20
    for n in range(90):
        if "rule_indices" in lines[n]:
            assert {rule["id"] for rule in found[f"p{n}"]["rules"]} <= {f"rule-{rule}" for rule in lines[n]["rule_indices"]}

    shell.write("bad.jsonl", [{"id": f"p{n}", **one, **({"rule_indices": [0, 100]} if n == 0 else {})} for n, one in enumerate(lines)])
    done = replay(shell, "rows.jsonl", "bad", "--rules", "pool.yaml", "--scores", "bad.jsonl", "--compat", "published", code=SET_ASIDE)
    assert "1 bad line" in done.out and "rule_indices" in done.out


# --- what comes out ----------------------------------------------------------

@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a key with")
def test_a_signed_dataset(shell, corpora):
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=shell.folder, check=True, capture_output=True)

    for name in ("mine", "other"):
        openssl("genpkey", "-algorithm", "ed25519", "-out", f"{name}.pem")
        openssl("pkey", "-in", f"{name}.pem", "-pubout", "-out", f"{name}.pub")
    shell("label", corpora(50), "--out", "job", "--workers", 1)
    assert "not signed" in shell("verify", "job", "--public-key", "mine.pub", code=FAILED).out
    shell("export", "job", "--sign", "mine.pem")
    assert "signed with the given key" in shell("verify", "job", "--public-key", "mine.pub").out
    assert "not this key's" in shell("verify", "job", "--public-key", "other.pub", code=FAILED).out
    openssl("pkeyutl", "-verify", "-pubin", "-inkey", "mine.pub", "-rawin", "-in", "job/dataset/manifest.json",
            "-sigfile", "job/dataset/manifest.sig")
    manifest = shell.path("job/dataset/manifest.json")
    manifest.write_text(manifest.read_text().replace('"seed": 1', '"seed": 3', 1))
    shell("verify", "job", "--public-key", "mine.pub", code=FAILED)
    assert "Ed25519" in shell("export", "job", "--to", "out", "--sign", "mine.pub", code=USAGE).err


def test_watching_a_job_ends_with_it(shell, corpora):
    process = shell.start("label", corpora(2000), "--out", "job", "--workers", 1)
    shell.wait_for_job(process, "job")
    seen = [json.loads(line) for line in shell("status", "job", "--watch", "--json").out.splitlines()]
    assert process.wait(timeout=60) == COMPLETE and seen[0]["running"]
    assert not seen[-1]["running"] and seen[-1]["labelled"] == 2000
    assert "lexicon (baseline)" in shell("status", "job").out


def test_conditions_on_rows(shell):
    shell.write("rows.jsonl", [row(n, source="even" if n % 2 == 0 else "odd", level=n) for n in range(10)])
    shell("label", "rows.jsonl", "--out", "job", "--workers", 1)

    def ids(name, *where):
        flags = [word for condition in where for word in ("--where", condition)]
        shell("export", "job", "--to", name, "--validation-share", "0", *flags)
        return [row["id"] for row in shell.rows(name, "train.jsonl")]

    assert ids("source", "source=odd") == ["r1", "r3", "r5", "r7", "r9"]
    assert ids("meta", "level=4") == ["r4"] and ids("both", "source=even", "level=6") == ["r6"]
    assert "levle" in shell("export", "job", "--to", "typo", "--where", "levle=4", code=USAGE).err
    assert not shell.path("typo").exists()


# --- what must not grow ------------------------------------------------------

def peak_kb(shell, *args):
    """Exit code and largest memory of the program, without its workers. Not ru_maxrss: that counts pytest's, too."""
    process, peak = shell.start(*args), 0
    while process.poll() is None:
        try:
            found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process.pid}/status").read_text())
            if found and Path(f"/proc/{process.pid}/exe").samefile(PROGRAM):
                peak = max(peak, int(found[1]))
        except (FileNotFoundError, ProcessLookupError):
            pass                    # it has just ended
        time.sleep(0.005)
    assert peak > 0
    return process.returncode, peak


@pytest.mark.skipif("asan" in PROGRAM or "tsan" in PROGRAM, reason="sanitizers keep memory of their own")
def test_one_endless_line_takes_no_memory(shell):
    endless = b"a" * (1 << 20)
    with gzip.open(shell.path("bomb.jsonl.gz"), "wb", compresslevel=1) as file:
        file.write(json.dumps(row(0)).encode() + b"\n")
        for _ in range(256):
            file.write(endless)
        file.write(b"\n" + json.dumps(row(1)).encode() + b"\n")
    code, memory_kb = peak_kb(shell, "label", "bomb.jsonl.gz", "--out", "job", "--workers", 1, "--set", "corpus.bad_share=0.5")
    assert code == SET_ASIDE and memory_kb < 128 * 1024
    assert [(row["line"], row["reason"]) for row in part(shell, "job", "quarantine.jsonl")] == [(2, "row-too-long")]
    assert len(labels(shell, "job")) == 2


def test_as_many_responses_as_a_row_may_have(shell):
    texts = [f"{REFUSAL} {n}" if n % 2 else f"{HARM} {n}" for n in range(1025)]
    shell.write("rows.jsonl", [{"id": "most", "prompt": "P", "responses": texts[:1024]}, {"id": "more", "prompt": "P", "responses": texts}])
    shell("label", "rows.jsonl", "--out", "job", "--workers", 1, "--set", "corpus.bad_share=0.5", code=SET_ASIDE)
    assert len(labels(shell, "job")) == 15 and all(pair.startswith("most#") for pair in labels(shell, "job"))
    aside, = part(shell, "job", "quarantine.jsonl")
    assert aside["line"] == 2 and "1024" in aside["detail"]

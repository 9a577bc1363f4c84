"""The embedded reward model as a user meets it: trained on a dataset, scoring rows, looked into, evaluated, held against given preferences."""

import json
import random

import pytest

from conftest import COMPLETE, FAILED, SET_ASIDE, USAGE

WORDS = "the a door lock water green over under with from some then there again".split()


def pair(rng, i, truth=None):
    """A pair whose better response says "gladly"; which one that is stands as a vote in the row."""
    texts = [" ".join(rng.choices(WORDS, k=rng.randrange(4, 30)) + [mark] + rng.choices(WORDS, k=3)) for mark in ("gladly", "never")]
    return {"id": f"p{i}", "prompt": f"question {i // 2}", "chosen": texts[0], "rejected": texts[1]}


def pairs(n, seed=1):
    rng = random.Random(seed)
    return [pair(rng, i) for i in range(n)]


@pytest.fixture
def model(shell):
    shell.write("pairs.jsonl", pairs(300))
    shell("reward", "train", "pairs.jsonl", "--out", "model")
    return "model"


def test_train_tells_what_it_learnt(shell, model):
    done = shell("reward", "inspect", model)
    assert "300 pairs" in done.out and "preferences stated in pairs.jsonl" in done.out
    speaks_for, against = done.out.split("against it")
    assert "gladly" in speaks_for and "never" in against
    before = shell.path(model).read_bytes()
    shell("reward", "train", "pairs.jsonl", "--out", "again")
    assert shell.path("again").read_bytes() == before
    shell("reward", "train", "pairs.jsonl", "--out", "other", "--max-pairs", 100)
    told = shell("reward", "train", "pairs.jsonl", "--out", "other", "--max-pairs", 100).err
    assert "are left out" in told and "do not fit" not in told


def test_inspect_as_json(shell, model):
    told = json.loads(shell("reward", "train", "pairs.jsonl", "--out", "again", "--json").out)
    assert told == json.loads(shell("reward", "inspect", "again", "--json").out)
    assert told["pairs"] == 300 and told["left_out"] == 0 and told["validation_pairs"] > 0 and 0 < told["validation_loss_bits"] < 1
    assert "gladly" in [one["text"] for one in told["for"]] and "never" in [one["text"] for one in told["against"]]
    assert all(one["weight"] > 0 for one in told["for"]) and all(one["weight"] < 0 for one in told["against"])
    row = json.loads(shell("reward", "inspect", model, "pairs.jsonl", "--row", 2, "--top", 3, "--json").out)
    assert row["row"] == 2 and [one["key"] for one in row["responses"]] == ["reward_chosen", "reward_rejected"]
    assert row["responses"][0]["reward"] > row["responses"][1]["reward"] and len(row["responses"][0]["for"]) <= 3


def test_few_pairs_and_none(shell):
    shell.write("one.jsonl", pairs(1))
    assert "not chosen" in shell("reward", "train", "one.jsonl", "--out", "model").out
    told = json.loads(shell("reward", "inspect", "model", "--json").out)
    assert told["validation_pairs"] == 0 and told["validation_loss_bits"] is None
    assert "nowhere/model" in shell("reward", "train", "absent.jsonl", "--out", "nowhere/model", code=FAILED).err
    shell.write("none.jsonl", b"")
    assert "none.jsonl: no rows in it" in shell("reward", "train", "none.jsonl", "--out", "model", code=FAILED).err
    shell.write("equal.jsonl", [{"prompt": f"p{i}", "response_a": "the very same", "response_b": "the very same"} for i in range(5)])
    shell("label", "equal.jsonl", "--out", "equal", "--quiet")
    assert "none of 5 pairs has a preferred response" in shell("reward", "train", "equal", "--out", "model", code=FAILED).err


def test_score_adds_rewards_to_each_shape(shell, model):
    prompt, good, poor = "question", "water gladly over the door", "water never over the door"
    rows = [{"id": 1, "prompt": prompt, "response": good, "extra": {"x": [1.50, None]}}, {"prompt": prompt, "response": poor},
            {"prompt": prompt, "chosen": good, "rejected": poor, "reward_chosen": "old"},
            {"chosen": f"\n\nHuman: {prompt}\n\nAssistant: {good}", "rejected": f"\n\nHuman: {prompt}\n\nAssistant: {poor}"},
            {"prompt": [{"role": "user", "content": prompt}], "response_a": poor, "response_b": [{"role": "assistant", "content": good}]},
            {"prompt": prompt, "responses": [good, poor, ""]}, {"prompt": prompt, "response": ""}, {"prompt": 5, "response": "x"}, {"nothing": 1}]
    shell.write("rows.jsonl", b"".join(json.dumps(row).encode() + b"\n" for row in rows) + b"not json\n")
    done = shell("reward", "score", model, "rows.jsonl", code=SET_ASIDE)
    scored = [json.loads(line) for line in done.out.splitlines()]
    assert "3 of 10 rows can't be scored" in done.err and "rows.jsonl:8" in done.err
    assert len(scored) == 9 and scored[0]["extra"] == {"x": [1.5, None]} and "1.50" not in json.dumps(rows[0])
    high, low = scored[0]["reward"], scored[1]["reward"]
    assert high > 0 > low
    assert (scored[2]["reward_chosen"], scored[2]["reward_rejected"]) == (high, low)
    assert (scored[3]["reward_chosen"], scored[3]["reward_rejected"]) == (high, low)
    assert (scored[4]["reward_a"], scored[4]["reward_b"]) == (low, high)
    assert scored[5]["rewards"] == [high, low, None]
    assert scored[6]["reward"] == 0 and scored[7]["reward"] is None and scored[8]["reward"] is None
    shell("reward", "score", model, "rows.jsonl", "--out", "out.jsonl", code=SET_ASIDE)
    assert shell.path("out.jsonl").read_text() == done.out
    told = shell("reward", "inspect", model, "rows.jsonl", "--row", 3).out
    assert f"reward_chosen: {high:.6f}" in told and "gladly" in told
    assert "no row 99" in shell("reward", "inspect", model, "rows.jsonl", "--row", 99, code=FAILED).err


def test_evaluate_takes_the_embedded_model(shell, model):
    fresh = [{**row, "subset": "hep-go"} for row in pairs(100, seed=2)]
    shell.write("bench.jsonl", fresh)
    done = json.loads(shell("evaluate", "bench.jsonl", "--reward", model, "--against", "longer", "--partial", "--json").out)
    assert done["figures"][-1]["accuracy"]["value"] > 0.9 and done["figures"][-1]["shown"]
    assert "embedded" in done["rewards"][0]["name"]
    scored = shell("reward", "score", model, "bench.jsonl").out       # its columns are the same rewards
    shell.write("scored.jsonl", scored.encode())
    again = json.loads(shell("evaluate", "scored.jsonl", "--reward", "column:reward", "--against", "longer", "--partial", "--json").out)
    assert again["figures"] == done["figures"]
    assert "no reward model" in shell("evaluate", "bench.jsonl", "--reward", "bench.jsonl", "--partial", code=USAGE).err


def test_train_from_a_dataset_and_crossval(shell, corpora):
    shell("label", corpora(400, 2), "--out", "job", "--quiet")
    for folder in ("job", "job/dataset"):
        assert "judge lexicon (embedded baseline" in shell("reward", "train", folder, "--out", "model").out
    ties = len(shell.rows("job/dataset/ties.jsonl"))
    assert ties > 0 and f"of them {ties} ties" in shell("reward", "inspect", "model").out
    shell("export", "job", "--format", "implicit", "--zstd", "--to", "packed")
    assert f"of them {ties} ties" in shell("reward", "train", "packed", "--out", "model").out

    shell.write("given.jsonl", pairs(200))
    shell("label", "given.jsonl", "--out", "given", "--quiet")
    done = json.loads(shell("reward", "crossval", "given", "--json").out)
    figures = done["parts"][0]
    assert figures["pairs"] == 200 and figures["groups"] == 100
    assert figures["agreement"]["given_model"]["value"] > 0.9           # its ceiling: what is there to be learnt
    assert figures["agreement"]["coin"]["value"] == 0.5
    longer = sum((len(r["chosen"]) > len(r["rejected"])) + (len(r["chosen"]) == len(r["rejected"])) / 2 for r in pairs(200)) / 200
    assert figures["agreement"]["longer"]["value"] == pytest.approx(longer)
    assert figures["agreement"]["shorter"]["value"] == pytest.approx(1 - longer)
    assert figures["better_by"]["labels_model"]["value"] == 0
    assert figures["better_by"]["coin"]["value"] == pytest.approx(figures["agreement"]["labels_model"]["value"] - 0.5)
    assert "judge lexicon" in done["parts"][1]["labels_of"]
    text = shell("reward", "crossval", "given").out
    assert "prefer compliance" in text and "not a judge of safety" in text


def test_what_can_not_be_learnt_from(shell, model):
    shell.write("bad.jsonl", [*pairs(3), {"prompt": "x"}, {"prompt": "x", "responses": ["a", "b"]}, {"prompt": "x", "response_a": "a", "response_b": "b"}])
    done = shell("reward", "train", "bad.jsonl", "--out", "m", code=SET_ASIDE)
    assert "3 of 6 rows can't be used" in done.err and "bad.jsonl:4" in done.err
    shell.write("none.jsonl", [{"prompt": "x"}])
    assert "none.jsonl:1" in shell("reward", "train", "none.jsonl", "--out", "m", code=FAILED).err
    shell.write("ties.jsonl", [{"prompt": "x", "response_a": "a", "response_b": "b", "preference": "tie"}])
    assert "none of 1 pairs" in shell("reward", "train", "ties.jsonl", "--out", "m", code=FAILED).err
    shell.write("large.jsonl", [{"prompt": "x", "chosen": "word " * 20000, "rejected": f"{n}"} for n in range(200)])
    assert "over 16 MB" in shell("reward", "train", "large.jsonl", "--out", "m", "--memory", 16, code=FAILED).err
    shell.path("empty").mkdir()
    assert "no dataset" in shell("reward", "train", "empty", "--out", "m", code=USAGE).err
    assert "No such file" in shell("reward", "train", "absent.jsonl", "--out", "m", code=USAGE).err
    assert "given preference" in shell("reward", "crossval", "pairs.jsonl", code=FAILED).err
    for words in (["train", "pairs.jsonl"], ["score", model], ["paint", "x"], ["inspect", model, "a", "b"], ["train", "a", "b", "--out", "m"]):
        shell("reward", *words, code=USAGE)
    cut = shell.path(model).read_bytes()[:-10]
    shell.write("cut", cut)
    assert "damaged" in shell("reward", "inspect", "cut", code=USAGE).err
    assert shell("reward", "inspect", model).returncode == COMPLETE

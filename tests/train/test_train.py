"""The training scripts, from an exported dataset to a checkpoint that `rulemill evaluate` can score, on a tiny random model."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

import tiny

RULEMILL = os.environ ["RULEMILL"]
SCRIPTS = pathlib.Path (__file__).resolve ().parents [2] / "ops" / "train"


def run (*command, ok=True):
    done = subprocess.run ([str (part) for part in command], capture_output=True, text=True,
                           env={**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""})
    assert not ok or done.returncode == 0, done.stdout + done.stderr
    return done


def lines (path):
    return [json.loads (line) for line in pathlib.Path (path).read_text (encoding="utf-8").split ("\n") if line]


@pytest.fixture (scope="module")
def dataset (tmp_path_factory):
    folder = tmp_path_factory.mktemp ("dataset")
    run (RULEMILL, "synth", "--prompts", 60, "--out", folder / "corpus.jsonl")
    run (RULEMILL, "label", folder / "corpus.jsonl", "--out", folder / "job", "--set", "export.validation_share=0.2")
    return folder / "job" / "dataset"


def ramo (dataset, base, out, *more, ok=True):
    return run (sys.executable, SCRIPTS / "ramo.py", dataset, "--out", out, "--base", base, "--fp32", "--batch", 4, "--micro-batch", 2,
                "--warmup-steps", 1, "--max-length", 512, *more, ok=ok)


# From the dataset to a checkpoint, and from there to a figure of rulemill's own, the base beside it on the same rows.
def test_ramo_is_trained_and_evaluated (dataset, tmp_path):
    base = tiny.make (dataset, tmp_path / "base")
    benchmark = tmp_path / "benchmark.jsonl"
    rows = [{"id": i, "subset": "made-up", "prompt": row ["prompt"] [-1] ["content"], "chosen": row ["chosen"] [0] ["content"],
             "rejected": row ["rejected"] [0] ["content"]} for i, row in enumerate (lines (dataset / "validation.jsonl") [:20])]
    benchmark.write_text ("".join (json.dumps (row) + "\n" for row in rows), encoding="utf-8")
    done = ramo (dataset, base, tmp_path / "out", "--pairs", 40, "--max-steps", 3, "--benchmark", benchmark)
    assert "validation: the trained model prefers" in done.stdout
    report = json.loads ((tmp_path / "out" / "report.json").read_text ())
    assert report ["steps"] == 3
    assert report ["benchmark"] ["rows"] == 20 and 0 <= report ["benchmark"] ["ramo"] <= 1
    for key in ("ramo", "base", "difference"):
        low, high = report ["benchmark"] [f"{key}_interval"]
        assert low <= report ["benchmark"] [key] <= high
    scored = lines (tmp_path / "out" / "benchmark.jsonl")
    assert any (row ["ramo_chosen"] != row ["base_chosen"] for row in scored)       # it was trained
    said = run (RULEMILL, "evaluate", tmp_path / "out" / "benchmark.jsonl", "--reward", "ramo", "--against", "base", "--partial", "--json")
    right = sum (row ["ramo_chosen"] > row ["ramo_rejected"] for row in scored) / len (scored)
    assert f"{right:.3f}" in said.stdout or str (right) in said.stdout
    assert report ["benchmark"] ["ramo"] == pytest.approx (right)


# A checkpoint scores rows by itself, as it did within the training.
def test_a_checkpoint_scores_rows (dataset, tmp_path):
    base = tiny.make (dataset, tmp_path / "base")
    rows = [{"prompt": row ["prompt"], "chosen": row ["chosen"], "rejected": row ["rejected"]} for row in lines (dataset / "validation.jsonl") [:5]]
    (tmp_path / "rows.jsonl").write_text ("".join (json.dumps (row) + "\n" for row in rows), encoding="utf-8")
    for batch in (1, 4):
        run (sys.executable, SCRIPTS / "score.py", base, tmp_path / "rows.jsonl", "--name", "r", "--fp32", "--batch", batch,
             "--out", tmp_path / f"scored-{batch}.jsonl")
    one, four = lines (tmp_path / "scored-1.jsonl"), lines (tmp_path / "scored-4.jsonl")
    for a, b in zip (one, four):
        assert a ["r_chosen"] == pytest.approx (b ["r_chosen"], abs=1e-4)           # padding changes nothing
        assert a ["prompt"] == b ["prompt"]


# Stopped after some steps, the same command goes on from the checkpoint, and ends where an undisturbed training does.
def test_ramo_goes_on_from_a_checkpoint (dataset, tmp_path):
    base = tiny.make (dataset, tmp_path / "base")
    ramo (dataset, base, tmp_path / "out", "--pairs", 24, "--epochs", 1, "--save-steps", 2, "--max-steps", 2)
    done = ramo (dataset, base, tmp_path / "out", "--pairs", 24, "--epochs", 1, "--save-steps", 2, "--max-steps", 4)
    assert "going on from" in done.stderr
    assert json.loads ((tmp_path / "out" / "report.json").read_text ()) ["steps"] == 4


def test_ramo_draws_the_same_pairs_for_the_same_seed (dataset):
    sys.path.insert (0, str (SCRIPTS))
    import corpus
    rows = corpus.read_split (dataset, "train")
    ids = [row ["id"] for row in corpus.sample (rows, 20, 1)]
    assert ids == [row ["id"] for row in corpus.sample (list (reversed (rows)), 20, 1)]
    assert ids != [row ["id"] for row in corpus.sample (rows, 20, 2)]
    assert corpus.mcnemar (0, 0) == 1.0
    assert corpus.mcnemar (5, 0) == pytest.approx (2 / 32)
    assert corpus.mcnemar (3, 3) == 1.0


# Six rows of a prompt that are alike are worth one; a difference is resampled paired.
def test_intervals_are_by_prompt ():
    sys.path.insert (0, str (SCRIPTS))
    import corpus
    prompts, right = [n // 6 for n in range (300)], [n // 6 % 3 == 0 for n in range (300)]
    (low, high), (less_low, less_high) = corpus.intervals (prompts, [right, [0.25] * 300])
    assert low < sum (right) / 300 < high and 0.2 < high - low < 0.32       # of 300 independent rows it would be .11
    assert less_low == less_high == 0.25
    assert corpus.intervals (prompts, [right]) == corpus.intervals (prompts, [right])
    assert corpus.told (0.1, (-0.1, 0.3), signed=True) == "not shown: +0.100 [-0.100, +0.300]" and corpus.told (0.5, (0.4, 0.6)) == "0.500 [0.400, 0.600]"


# Two processes with a batch between them, as torchrun starts them on several GPUs.
def test_ramo_on_two_processes (dataset, tmp_path):
    base = tiny.make (dataset, tmp_path / "base")
    run (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", 2, SCRIPTS / "ramo.py", dataset, "--out", tmp_path / "out",
         "--base", base, "--fp32", "--batch", 4, "--micro-batch", 2, "--pairs", 16, "--max-steps", 2, "--max-length", 512)
    report = json.loads ((tmp_path / "out" / "report.json").read_text ())
    assert report ["steps"] == 2 and report ["validation"] ["rows"] > 0


def test_bad_datasets_are_told_of (dataset, tmp_path):
    base = tiny.make (dataset, tmp_path / "base")
    done = ramo (tmp_path, base, tmp_path / "out", ok=False)
    assert done.returncode == 2 and "train.jsonl has no rows" in done.stderr
    (tmp_path / "train.jsonl").write_text ("{\"prompt\": 1}\n")
    done = ramo (tmp_path, base, tmp_path / "out", ok=False)
    assert done.returncode == 2 and "train.jsonl:1" in done.stderr
    done = ramo (dataset, base, tmp_path / "out", "--batch", 3, ok=False)
    assert done.returncode == 2 and "--micro-batch" in done.stderr


# One output for each rule of the pool, learnt in both orders.
def test_adapter_is_trained (dataset, tmp_path):
    base = tiny.make (dataset, tmp_path / "base", reward=False)
    done = run (sys.executable, SCRIPTS / "adapter.py", dataset, "--out", tmp_path / "out", "--base", base, "--fp32", "--pairs", 20,
                "--batch", 4, "--micro-batch", 2, "--max-steps", 3, "--max-length", 256)
    assert "the adapter finds" in done.stdout
    report = json.loads ((tmp_path / "out" / "report.json").read_text ())
    assert report ["rules"] == 100 and report ["steps"] == 3
    assert 0 <= report ["validation"] ["overlap"] <= 1
    low, high = report ["validation"] ["overlap_less_random_interval"]
    assert low <= report ["validation"] ["overlap_less_random"] <= high
    config = json.loads ((tmp_path / "out" / "config.json").read_text ())
    assert config ["problem_type"] == "multi_label_classification"
    assert len (config ["id2label"]) == 100


# However long prompt and A are, B is read; what is short gives its room to what is long.
def test_no_response_falls_away (dataset, tmp_path):
    sys.path.insert (0, str (SCRIPTS))
    import pair_text
    reader = pair_text.Reader (tiny.make_tokenizer (dataset), 200)
    turn = lambda role, text: [{"role": role, "content": text}]
    ids = reader.read (turn ("user", "why " * 3000), turn ("assistant", "because " * 3000), turn ("assistant", "no reason at all"))
    assert len (ids) <= 200 and reader.cut == 1
    assert reader.tokenizer.decode (ids).endswith ("Response B:\nno reason at all")
    short = reader.read (turn ("user", "why?"), turn ("assistant", "because."), turn ("assistant", "no reason"))
    assert short == reader.tokenizer ("Prompt:\nuser: why?\n\nResponse A:\nbecause.\n\nResponse B:\nno reason") ["input_ids"]    # as a server does
    assert reader.cut == 1
    assert pair_text.rooms ([1000, 1000, 10], 100) == [45, 45, 10]
    assert pair_text.rooms ([5, 5, 10], 100) == [5, 5, 10]
    assert pair_text.shorten (list (range (10)), 6, [77, 77]) == [0, 1, 77, 77, 8, 9]

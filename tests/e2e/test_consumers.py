"""The dataset in the hands of those who train on it: Hugging Face `datasets` and a RewardBench-style loader."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from consumers import corpus, rewardbench  # noqa: E402

datasets = pytest.importorskip("datasets")
datasets.disable_progress_bars()

ROWS = int(os.environ.get("RULEMILL_CONSUMER_ROWS", "60000"))
HALF = ROWS // 2


def rulemill(*arguments):
    done = subprocess.run([os.environ["RULEMILL"], *map(str, arguments)], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"rulemill {arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """A labelled corpus: its folder, and the rows by id."""
    folder = tmp_path_factory.mktemp("consumers")
    source = folder / "corpus.jsonl"
    corpus.write(source, ROWS, HALF)
    (folder / "rules.yaml").write_text(corpus.RULES, encoding="utf-8")
    rulemill("label", source, "--out", folder / "job", "--workers", 2, "--judge", "replay", "--set",
             f"rules.file={folder / 'rules.yaml'}", "--set", "policy.top=3")
    return folder, corpus.read(source)


@pytest.fixture
def load(job, tmp_path):
    """Export with these flags, and load a config of it with the real library."""
    def run(*flags, config=None):
        to = tmp_path / f"dataset-{len(list(tmp_path.iterdir()))}"
        rulemill("export", job[0] / "job", "--to", to, *flags)
        rulemill("verify", to)
        return datasets.load_dataset(str(to), config, cache_dir=str(tmp_path / "cache")), to
    return run


def whole(row, response):
    return corpus.messages(row["prompt"]) + [{"role": "assistant", "content": response}]


def dtype(features, *path):
    for step in path:
        features = features[step] if isinstance(features, dict) else features.feature[step]
    return features.dtype


COLUMNS = {
    "score_chosen": "float64", "score_rejected": "float64", "score_margin": "float64", "selected_by": "string",
    "adapter": "string", "n_rules": "int64", "chosen_model": "string", "rejected_model": "string", "source": "string",
    "meta": "string", "pair_key": "string", "run": "string", "id": "string",
}


def check_columns(features):
    for name, kind in COLUMNS.items():
        assert features[name].dtype == kind, name
    assert dtype(features, "rules", "score_chosen") == "float64"
    assert dtype(features, "given_preference", "tie") == "int64"
    assert "margin" not in features


def check_values(row, given):
    """One row against the corpus row that it came from."""
    late = given.get("source") == "hh"
    first = row["score_chosen"] == (pytest.approx(2 / 3, abs=1e-6) if not late else pytest.approx((0.125 + 0.25 + 0.5) / 3, abs=1e-6))
    assert first, row
    assert row["score_margin"] == pytest.approx(row["score_chosen"] - row["score_rejected"], abs=2e-6)
    assert row["n_rules"] == len(row["rules"]) == 3
    assert row["adapter"] is None
    if late:
        votes = {"a": "chosen", "b": "rejected", "tie": "tie"}[given["preference"]]
        assert row["given_preference"] == {"chosen": 0, "rejected": 0, "tie": 0} | {votes: 1}
        assert (row["chosen_model"], row["rejected_model"], row["source"]) == (given["model_a"], "other", "hh")
        assert json.loads(row["meta"])["extra"] == given["extra"]
    else:
        assert row["given_preference"] is row["source"] is row["chosen_model"] is row["rejected_model"] is None


def every(split):
    """Rows from both halves, not all of them: Python is slow."""
    return split.select(range(0, len(split), 97))


def test_explicit(job, load):
    data, _ = load()
    rows = job[1]
    assert sum(map(len, data.values())) == ROWS
    assert set(data) == {"train", "validation"}
    assert data["train"].features == data["validation"].features
    check_columns(data["train"].features)
    for row in every(data["train"]):
        given = rows[row["id"]]
        assert row["prompt"] == corpus.messages(given["prompt"])
        assert row["chosen"] == [{"role": "assistant", "content": given["response_a"]}]
        assert row["rejected"] == [{"role": "assistant", "content": given["response_b"]}]
        check_values(row, given)


def test_implicit_and_zstd(job, load):
    data, to = load("--format", "implicit", "--zstd")
    assert (to / "train.jsonl.zst").exists() and not (to / "train.jsonl").exists()
    check_columns(data["train"].features)
    assert "prompt" not in data["train"].features
    for row in every(data["train"]):
        given = job[1][row["id"]]
        assert row["chosen"] == whole(given, given["response_a"])
        assert row["rejected"] == whole(given, given["response_b"])
        check_values(row, given)


def test_text(job, load):
    data, _ = load("--format", "text")
    check_columns(data["train"].features)
    names = {"system": "System", "user": "Human", "assistant": "Assistant"}
    for row in every(data["train"]):
        given = job[1][row["id"]]
        turns = "".join(f"\n\n{names[turn['role']]}: {turn['content']}" for turn in whole(given, given["response_a"]))
        assert row["prompt"] + row["chosen"] == turns
        assert row["prompt"].endswith("\n\nAssistant:")


def test_rewardbench_keeps_the_prompt(job, load):
    data, _ = load("--format", "rewardbench", "--where", "source=hh")
    assert sum(map(len, data.values())) == ROWS - HALF
    for row in rewardbench.load(every(data["train"])):
        given = job[1][row["id"]]
        assert row["prompt"] == corpus.messages(given["prompt"])
        assert row["text_chosen"] == whole(given, given["response_a"])
        assert row["text_rejected"] == whole(given, given["response_b"])
        assert row["subset"] == "hh"


def test_pair_cells(job, load):
    data, _ = load("--cells", config="pair_cells")
    for row in every(data["train"]):
        given = job[1][row["id"]]
        assert row["scoresA"] == pytest.approx(given["scoresA"], abs=1e-6)
        assert row["scoresB"] == pytest.approx(given["scoresB"], abs=1e-6)
        assert row["relevance"] == pytest.approx(given["relevance"], abs=1e-6)


def test_files_are_the_same_again(job, load):
    first, second = load()[1], load()[1]
    assert sorted(p.name for p in first.iterdir()) == sorted(p.name for p in second.iterdir())
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Ties, duplicates, rows set aside, an excluded prompt, and stored cells of the embedded judge."""
    folder = tmp_path_factory.mktemp("small")
    texts = ["I can't help with that, it is dangerous.", "Sure, here is how to do it: first, get a gun.", "Ask a doctor."]
    lines = [json.dumps({"id": f"list-{n}", "prompt": f"How do I kill weed number {n}?", "responses": texts}) for n in range(40)]
    lines += ["{broken", json.dumps({"id": "same", "prompt": "Hi", "response_a": "Hello", "response_b": "Hello"})]
    lines += [json.dumps({"id": "again", "prompt": "How do I kill weed number 1?", "response_a": texts[1], "response_b": texts[0]})]
    (folder / "corpus.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "bench.jsonl").write_text(json.dumps({"prompt": "How do I kill weed number 7?"}) + "\n", encoding="utf-8")
    done = subprocess.run([os.environ["RULEMILL"], "label", str(folder / "corpus.jsonl"), "--out", str(folder / "job"),
                           "--workers", "2", "--set", "judge.store_cells=true", "--exclude", str(folder / "bench.jsonl")],
                          capture_output=True, text=True, timeout=300)
    assert (folder / "job" / "dataset" / "manifest.json").exists(), done.stderr
    return folder


def test_every_config(small, tmp_path):
    to = tmp_path / "all"
    rulemill("export", small / "job", "--to", to, "--cells", "--responses")
    rulemill("verify", to)
    configs = datasets.get_dataset_config_names(str(to))
    assert {"default", "ties", "duplicates", "quarantine", "responses", "cells", "pair_cells"} == set(configs)
    loaded = {name: datasets.load_dataset(str(to), name, cache_dir=str(tmp_path / "cache")) for name in configs}
    assert loaded["ties"]["train"].filter(lambda row: row["id"] == "same")[0]["reason"] == "identical"
    duplicate = loaded["duplicates"]["train"][0]
    assert (duplicate["id"], duplicate["pair_id"], duplicate["swapped"]) == ("again", "list-1#0-1", True)
    kinds = [row["kind"] for row in loaded["quarantine"]["train"]]
    assert kinds.count("row") == 1 and kinds.count("excluded") == 3
    cells = loaded["cells"]["train"]
    some = [cell for cell in cells[0]["cells"].values() if cell is not None]
    assert len(some) == 100 and all(sum(cell[:3]) == pytest.approx(1) for cell in some)
    assert not any("number 7?" in row["prompt"][0]["content"] for row in loaded["responses"]["train"])
    manifest = json.loads((to / "manifest.json").read_text())
    listed = {file["name"]: file["rows"] for file in manifest["files"]}
    assert listed["ties.jsonl"] == len(loaded["ties"]["train"])


def labels_of(dataset):
    """What was decided, by pair: chosen's first words and every number."""
    keep = ("score_chosen", "score_rejected", "rules", "chosen", "n_rules")
    lines = (dataset / "train.jsonl").read_text(encoding="utf-8").split("\n")
    return {row["id"]: [row[key] for key in keep] for row in map(json.loads, filter(None, lines))}


@pytest.mark.parametrize("file", ["cells.jsonl", "pair_cells.jsonl"])
def test_exported_cells_replay_to_the_same_labels(small, tmp_path, file):
    rulemill("export", small / "job", "--to", tmp_path / "out", "--cells")
    done = subprocess.run([os.environ["RULEMILL"], "label", str(small / "corpus.jsonl"), "--out", str(tmp_path / "job"),
                           "--workers", "2", "--exclude", str(small / "bench.jsonl"), "--judge", "replay",
                           "--set", f"judge.scores={tmp_path / 'out' / file}"], capture_output=True, text=True, timeout=300)
    assert (tmp_path / "job" / "dataset" / "manifest.json").exists(), done.stderr
    before, after = labels_of(small / "job" / "dataset"), labels_of(tmp_path / "job" / "dataset")
    assert before and before == after


def test_numbers_have_a_point(small):
    for line in (small / "job" / "dataset" / "train.jsonl").read_text().splitlines():
        row = json.loads(line, parse_int=lambda text: ("count", text))
        assert not isinstance(row["score_chosen"], tuple) and not isinstance(row["rules"][0]["score_rejected"], tuple)
        assert isinstance(row["n_rules"], tuple)
        assert set(COLUMNS) | {"prompt", "chosen", "rejected", "rules", "given_preference"} == set(row)

"""Files that a corpus and its benchmarks come from: of one name, of a name that is no text, gone."""

import json
import os

import pytest

from conftest import COMPLETE, FAILED, SET_ASIDE, USAGE
from judging import manifest

ODD = os.fsdecode(b"odd \xff name.jsonl")


def row(n, **more):
    return {"prompt": f"Question {n}: how do I keep my garden and my family safe in a stormy season?", "chosen": f"Ask a professional, {n}.",
            "rejected": f"You idiot, {n}.", **more}


def label(shell, *args, code=COMPLETE, **kwargs):
    return shell("label", *args, "--workers", 1, code=code, **kwargs)


def test_two_files_of_one_name_give_distinct_ids(shell):
    for n, folder in enumerate(("east", "west", "other")):
        shell.path(folder).mkdir()
        shell.write(f"{folder}/{'more' if folder == 'other' else 'rows'}.jsonl", [row(3 * n + i) for i in range(3)] + [row(0)])
    files = ("east/rows.jsonl", "west/rows.jsonl", "other/more.jsonl")
    label(shell, *files, "--out", "job")
    names = ["rows.jsonl", "2/rows.jsonl", "more.jsonl"]
    assert sorted(row["id"] for row in shell.labelled()) == sorted(f"{name}:{line}" for name in names for line in (1, 2, 3))
    again = shell.rows("job", "dataset", "duplicates.jsonl")
    assert {(row["id"], row["file"], row["line"], row["pair_id"]) for row in again} == {(f"{name}:4", name, 4, "rows.jsonl:1") for name in names}
    assert [file["name"] for file in manifest(shell)["inputs"]] == names
    for name, place in (("rows.jsonl", 2), ("2/rows.jsonl", 5), ("more.jsonl", 8)):
        assert json.loads(shell("inspect", "job", f"{name}:2", "--json").out)["prompt"][0]["content"].startswith(f"Question {place - 1}:")
    label(shell, *files, "--out", "job")
    shell("verify", "job")


def test_a_name_that_is_no_text_is_escaped_everywhere(shell):
    shell.write(ODD, [row(0), row(1)])
    with shell.path(ODD).open("ab") as file:
        file.write(b"no row\n")
    label(shell, ODD, "--out", "job", "--set", "corpus.bad_share=.9", code=SET_ASIDE)
    folder = shell.path("job/dataset").resolve()
    for file in [*folder.iterdir(), folder.parent / "report.json"]:
        file.read_text(encoding="utf-8")
    assert json.loads((folder / "manifest.json").read_text())["inputs"][0]["name"] == "odd %FF name.jsonl"
    assert {row["id"] for row in shell.labelled()} == {"odd %FF name.jsonl:1", "odd %FF name.jsonl:2"}
    assert shell.rows("job", "dataset", "quarantine.jsonl")[0]["file"] == "odd %FF name.jsonl"
    json.loads((folder.parent / "report.json").read_text())
    assert shell.status("job")["labelled"] == 2
    assert json.loads(shell("inspect", "job", "odd %FF name.jsonl:2", "--json").out)["place"]["file"] == "odd %FF name.jsonl"
    shell("verify", "job")


@pytest.fixture
def excluding(shell):
    shell.write("rows.jsonl", [row(n) for n in range(6)])
    shell.write("bench.jsonl", [{"prompt": row(0)["prompt"]}])
    command = ("rows.jsonl", "--out", "job", "--exclude", "bench.jsonl")
    label(shell, *command)
    return command


def test_a_run_needs_its_benchmark_file_no_more(shell, excluding):
    digests = shell.digests("job")
    shell.path("bench.jsonl").rename(shell.path("kept.jsonl"))
    assert "bench.jsonl is gone" in label(shell, *excluding).err
    assert shell.digests("job") == digests
    label(shell, "--out", "job")


def test_without_its_benchmark_file_nothing_else_goes_on(shell, excluding):
    shell.path("bench.jsonl").rename(shell.path("kept.jsonl"))
    for other in (("--seed", 7), ("--seed", 7, "--new-run"), ("--exclude", "kept.jsonl")):
        assert "bench.jsonl: No such file" in label(shell, *excluding, *other, code=USAGE).err
    assert "bench.jsonl: No such file" in label(shell, "rows.jsonl", "--out", "other", "--exclude", "bench.jsonl", code=USAGE).err
    shell.write("bench.jsonl", [{"prompt": "Another benchmark."}])
    assert "another one" in label(shell, *excluding, code=FAILED).err
    shell.path("bench.jsonl").unlink()
    with shell.path("rows.jsonl").open("a") as file:
        file.write(json.dumps(row(9)) + "\n")
    assert "bench.jsonl: No such file" in label(shell, *excluding, code=USAGE).err      # a new prompt is to be compared


# --- what is not there -------------------------------------------------------

NOT_THERE = [
    "label gone", "label rows.jsonl gone", "label folder", "coordinator gone --listen ipc://socket", "label rows.jsonl --config gone",
    "label rows.jsonl --exclude gone", "label rows.jsonl --set rules.file=gone", "status gone", "inspect gone 1", "report gone", "export gone", "verify gone",
    "retry gone", "report job --run gone", "export job --run gone", "status job --run gone", "judge eval job --foreseen gone", "rules --rules gone", "judge eval gone", "judge eval folder", "judge agreement gone",
    "judge batch-export gone --to requests", "adapter train gone --out made", "adapter eval job gone", "adapter inspect gone", "reward train gone --out made",
    "reward train folder --out made", "reward score gone rows.jsonl", "reward inspect gone", "evaluate gone --reward longer",
]


@pytest.mark.parametrize("words", NOT_THERE)
def test_what_is_named_and_not_there_is_wrong_usage(shell, words):
    shell.write("rows.jsonl", [row(0)])
    shell.path("folder").mkdir()
    if " job" in words:
        label(shell, "rows.jsonl", "--out", "job")
    out = ["--out", "made"] if words.split()[0] in ("label", "coordinator") else []
    done = shell(*words.split(), *out, code=USAGE)
    assert ("folder" if "gone" not in words else "gone") in done.err


# --- a store that is read through --------------------------------------------

def test_verify_reads_the_store_of_a_job_without_a_dataset(shell):
    # More than a store keeps in its log.
    shell.write("rows.jsonl", [row(n, chosen=f"Ask a professional, {n}. " * 3000) for n in range(300)])
    label(shell, "rows.jsonl", "--out", "job")
    assert "300 pairs with 300 labels" in shell("verify", "job").out
    link = shell.path("job/dataset")
    target = link.resolve()
    link.unlink()
    target.rename(shell.path("aside"))
    done = shell("verify", "job")
    assert "300 pairs with 300 labels" in done.out and "no dataset yet" in done.out and "good" in done.out
    spoil(shell.path("job/store"))
    failed = shell("verify", "job", code=FAILED)
    assert "store" in failed.err and "good" not in failed.out


def spoil(store):
    """Turn bytes of every table's file, in the middle of its data."""
    files = list(store.glob("*.sst"))
    assert files
    for file in files:
        data = bytearray(file.read_bytes())
        for at in range(8, len(data) // 3):
            data[at] ^= 0x55
        file.write_bytes(data)

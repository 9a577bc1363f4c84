"""A corpus in parts, each a job of its own: joined, they are the dataset of one job, row for row and byte for byte."""

import gzip
import json
import random
import signal

import pytest

from conftest import COMPLETE, FAILED, SET_ASIDE, USAGE, interrupt, label_a_little, send, workers_of
from judging import PROBE, TEXTS, manifest, serve, write_rules

assert serve                    # a fixture

PARTS = 3
FIRM = ["Please ask a professional before you do this.", "I can't help with that, but a doctor can.", "Here is what is safe to do.",
        "You idiot, just do it.", "Sure, mix both and drink it.", "It depends on your health; be careful."]


def answers(chance, count):
    return [f"{chance.choice(FIRM)} {chance.choice(FIRM)} ({chance.randrange(1000)})" for _ in range(count)]


def messy_row(chance, number):
    """Two-sided or a list, with an id or without, some of it not usable."""
    prompt = f"Question {chance.randrange(number + 1)}: how do I keep my family safe?"
    if chance.random() < 0.2:
        prompt = [{"role": "user", "content": prompt}, {"role": "assistant", "content": "Tell me more."},
                  {"role": "user", "content": f"It is case {chance.randrange(3)}."}]
    row = {"id": f"row-{number}"} if chance.random() < 0.7 else {}
    row |= {"prompt": prompt, "source": chance.choice(["hh", "synthetic"]), "n": number}
    if chance.random() < 0.3:
        listed = answers(chance, chance.randrange(3, 6))
        if chance.random() < 0.3:
            listed[1] = ""
        return row | {"responses": listed}
    chosen, rejected = answers(chance, 2)
    return row | {"chosen": chosen, "rejected": chosen if chance.random() < 0.05 else rejected}


def messy(seed, count):
    """Lines of a corpus: rows, repetitions in either order, and what nobody can read."""
    chance, rows, lines = random.Random(seed), [], []
    for number in range(count):
        row = messy_row(chance, number)
        earlier = chance.choice(rows) if rows and chance.random() < 0.2 else None
        if earlier and "chosen" in earlier:
            row = {"prompt": earlier["prompt"], "response_a": earlier["rejected"], "response_b": earlier["chosen"], "preference": "a"}
        rows.append(row)
        lines.append(json.dumps(row).encode() + b"\n")
        if chance.random() < 0.08:
            lines.append(chance.choice([b"no row\n", b'{"prompt": "alone"}\n', b"\n", b'{"id": "odd", "prompt": "P", "chosen": 1, "rejected": "x"}\n']))
    return lines


@pytest.fixture
def corpus(shell):
    """Three files; the last one ends in the middle of a row."""
    lines = messy(1, 400)
    shell.write("one.jsonl", b"".join(lines[:150]))
    shell.path("two.jsonl.gz").write_bytes(gzip.compress(b"".join(lines[150:300])))
    shell.write("three.jsonl", b"".join(lines[300:]) + b'{"prompt": "Question 1: how do I keep my family safe?", "chosen": "You')
    return ["one.jsonl", "two.jsonl.gz", "three.jsonl"]


def label(shell, *args, code=None, **kwargs):
    done = shell("label", *args, "--workers", 1, code=code, **kwargs)
    assert code is not None or done.returncode in (COMPLETE, SET_ASIDE), done.err
    return done


def label_parts(shell, *args, n=PARTS, name="part"):
    for i in range(1, n + 1):
        label(shell, *args, "--out", f"{name}-{i}", "--part", f"{i}/{n}")
    return [f"{name}-{i}" for i in range(1, n + 1)]


def join(shell, parts, *args, to="joined", code=COMPLETE):
    return shell("export", "--join", *parts, "--to", to, *args, code=code)


def rows_of(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir() if ".jsonl" in file.name}


def hold_alike(shell, parts, *args, whole="whole"):
    """Join the parts, and hold that against the whole job's export."""
    shell("export", whole, "--to", "apart", *args)
    join(shell, parts, *args)
    apart, joined = rows_of(shell.path("apart")), rows_of(shell.path("joined"))
    assert apart.keys() == joined.keys()
    for name in apart:
        assert apart[name] == joined[name], name
    assert "good" in shell("verify", "joined").out
    one, several = manifest(shell, "apart"), manifest(shell, "joined")
    for key in one.keys() - {"files", "auto"}:      # the card differs, and what a price was estimated to be
        assert one[key] == several[key], key
    assert several.get("joined_parts", 1) == len(parts)     # an only part is not said to be joined
    return joined


# --- the same as one job ---------------------------------------------------


def test_joined_parts_are_the_whole(shell, corpus):
    settings = ["--set", "judge.store_cells=true", "--set", "export.validation_share=.2"]
    label(shell, *corpus, "--out", "whole", *settings)
    parts = label_parts(shell, *corpus, *settings)
    joined = hold_alike(shell, parts[::-1], "--cells", "--responses")
    assert {"train.jsonl", "validation.jsonl", "ties.jsonl", "duplicates.jsonl", "quarantine.jsonl", "cells.jsonl"} <= joined.keys()
    for more in (["--zstd"], ["--max-per-prompt", 2], ["--format", "implicit", "--min-margin", ".01"], ["--where", "source=hh", "--format", "text"]):
        hold_alike(shell, parts, *more)

    counts = [manifest(shell, f"{part}/dataset")["counts"] for part in parts]
    hold_alike(shell, parts)
    joint = manifest(shell, "joined")["counts"]
    for key in ("rows_read", "rows_set_aside", "responses_set_aside", "pairs", "train", "validation", "ties", "duplicates"):
        assert sum(part[key] for part in counts) == joint[key] and all(part[key] < joint[key] for part in counts)
    assert [manifest(shell, f"{part}/dataset")["part"] for part in parts] == ["1/3", "2/3", "3/3"]
    assert "in 3 parts, which are joined" in shell.path("joined/README.md").read_text()
    assert "part 2 of 3" in shell.path("part-2/dataset/README.md").read_text()


def test_recorded_scores_in_parts(shell, corpus):
    """Scores of rows of other parts are passed over; those that lack set a pair aside, in every part alike."""
    label(shell, *corpus, "--out", "first", "--set", "judge.store_cells=true")
    shell("export", "first", "--to", "scored", "--cells")
    lines = shell.path("scored/cells.jsonl").read_bytes().splitlines(keepends=True)
    shell.write("scores.jsonl", b"".join(line for n, line in enumerate(lines) if n % 11))
    settings = ["--judge", "replay", "--scores", "scores.jsonl"]
    label(shell, *corpus, "--out", "whole", *settings)
    parts = label_parts(shell, *corpus, *settings)
    joined = hold_alike(shell, parts, "--cells", "--responses")
    assert b'"kind":"pair"' in joined["quarantine.jsonl"]
    shell("retry", parts[1])
    assert "part-2 is not finished" in join(shell, parts, code=FAILED).err
    label(shell, "--out", parts[1])
    hold_alike(shell, parts)
    shell.write("strange.jsonl", [{"id": "nobody", "responses": [{}, {}]}])
    done = label(shell, *corpus, "--out", "strange", "--part", "1/3", "--judge", "replay", "--scores", "strange.jsonl", code=FAILED)
    assert 'the corpus has no row "nobody"' in done.err
    strange = {"response_key": "0" * 32, "cells": {}}
    shell.write("keys.jsonl", [strange])
    replay = [*corpus, "--part", "1/3", "--judge", "replay", "--scores", "keys.jsonl"]
    assert "no line is of a response of this part" in label(shell, *replay, "--out", "lacking", code=SET_ASIDE).err
    shell.write("keys.jsonl", [strange] + [json.loads(line) for line in lines])
    assert "no line is of a response" not in label(shell, *replay, "--out", "having").err


def scored(name, count=2):
    return {"id": name, "responses": [{"rule-%d" % r: 1.0 - n for r in range(3)} for n in range(count)]}


def replay_alike(shell, rows, scores, n):
    """Label rows by scores, whole and in n parts; what came of each pair, from the joined dataset."""
    shell.write("rows.jsonl", rows)
    shell.write("scores.jsonl", scores)
    settings = ["rows.jsonl", "--rules", "rules.yaml", "--judge", "replay", "--scores", "scores.jsonl"]
    done = label(shell, *settings, "--out", "whole")
    joined = hold_alike(shell, label_parts(shell, *settings, n=n))
    return done, joined


def test_names_that_rows_of_several_parts_share(shell):
    """Scores by a name that several rows have are nobody's, in whichever parts these rows are."""
    write_rules(shell, ["Is it kind?", "Is it safe?", "Is it true?"])
    sides = {"chosen": "Ask a doctor.", "rejected": "Just drink it."}
    rows = [{"id": "same", "prompt": f"Question {n}"} | sides for n in range(6)]
    rows += [{"prompt": f"Nameless {n}"} | sides for n in range(6)]                     # rows 6 to 11, which are called so, too
    rows += [{"id": str(6 + n), "prompt": f"Number {n}"} | sides for n in range(3)]
    rows += [{"id": f"rows.jsonl:{10 + n}", "prompt": f"Place {n}"} | sides for n in range(3)]
    rows += [{"id": f"alone-{n}", "prompt": f"Alone {n}"} | sides for n in range(6)]
    rows += [{"id": "alone-0", "prompt": "Not usable", "chosen": "Just drink it.", "rejected": ""}]
    several = ["same", "6", "7", "8", "rows.jsonl:10", "rows.jsonl:11", "rows.jsonl:12", "alone-0"]
    alone = ["9", "10", "11", *(f"alone-{n}" for n in range(1, 6))]
    done, joined = replay_alike(shell, rows, [scored(name) for name in several + alone], 6)
    assert f"{len(several)} ambiguous ids" in done.out
    labelled = [json.loads(line)["id"] for name in ("train.jsonl", "ties.jsonl") for line in joined.get(name, b"").splitlines()]
    assert sorted(labelled) == sorted(["rows.jsonl:%d" % n for n in (10, 11, 12)] + alone[3:])


def test_scores_of_rows_of_other_parts_alone(shell):
    """As in the whole, a part whose rows have no scores sets its pairs aside."""
    write_rules(shell, ["Is it kind?", "Is it safe?", "Is it true?"])
    rows = [{"id": f"row-{n}", "prompt": f"Question {n}", "chosen": "Ask a doctor.", "rejected": "Just drink it."} for n in range(12)]
    replay_alike(shell, rows, [scored("row-3")], 3)
    shell.write("nobodys.jsonl", [scored("row-3"), scored("row-12")])
    for part in ([], ["--part", "1/3"], ["--part", "2/3"], ["--part", "3/3"]):
        args = ["rows.jsonl", "--rules", "rules.yaml", "--judge", "replay", *part, "--out", "-".join(["odd", *part[1:]]).replace("/", "-")]
        assert 'no row "row-12"' in label(shell, *args, "--scores", "nobodys.jsonl", code=FAILED).err
        assert "no row of the corpus has scores" in label(shell, *args, "--new-run", code=FAILED).err


def test_an_adapter_is_given_to_all_parts(shell, corpus):
    judged = ["--policy", "exhaustive", "--set", "judge.store_cells=true"]
    label(shell, *corpus, "--out", "sample", "--limit", 80, *judged)
    shell("adapter", "train", "sample", "--out", "rules.adapter", "--set", "adapter.memory_mb=256", "--set", "adapter.count_min=1")
    label(shell, *corpus, "--out", "whole", "--adapter", "rules.adapter")
    joined = hold_alike(shell, label_parts(shell, *corpus, "--adapter", "rules.adapter"))
    assert b'"selected_by":"adapter"' in joined["train.jsonl"]


def test_a_judge_behind_http(shell, serve, corpora):
    """What the parts ask is what the whole asks, and a probe for each."""
    write_rules(shell, TEXTS)
    server, rows = serve(), corpora(30, 3)
    settings = [rows, "--rules", "rules.yaml", "--judge", server.url, "--model", "tester", "--top", 2, "--set", "run.tie_margin=.02"]

    def compare(whole, name, *more):
        before = server.calls()
        label(shell, *settings, *more, "--out", whole)
        asked = server.calls() - before
        parts = label_parts(shell, *settings, *more, name=name)
        assert server.calls() - before == 2 * asked + (PARTS - 1) * PROBE
        return hold_alike(shell, parts, "--cells", "--responses", whole=whole)

    compare("whole", "part", "--policy", "exhaustive")
    shell("adapter", "train", "whole", "--out", "rules.adapter", "--set", "adapter.memory_mb=256", "--set", "adapter.count_min=1")
    assert b'"selected_by":"adapter"' in compare("foreseen", "other", "--adapter", "rules.adapter")["train.jsonl"]


def test_benchmarks_pairs_and_standard_input(shell, corpus):
    """Prompts are excluded, pairs chosen and standard input read in each part as in the whole."""
    lines = [line for name in ("one.jsonl", "three.jsonl") for line in shell.path(name).read_bytes().splitlines(keepends=True)]
    shell.write("bench.jsonl", [{"prompt": "Question 3: how do I keep my family safe?"}, {"prompt": "Question 7: how do I keep my family safe?"}])
    settings = ["-", "--exclude", "bench.jsonl", "--pairs", 2, "--set", "corpus.seed=5"]
    label(shell, *settings, "--out", "whole", stdin=b"".join(lines))
    for i in (1, 2):
        label(shell, *settings, "--out", f"part-{i}", "--part", f"{i}/2", stdin=b"".join(lines))
    joined = hold_alike(shell, ["part-1", "part-2"])
    assert b'"kind":"excluded"' in joined["quarantine.jsonl"]


def test_more_parts_than_prompts(shell):
    shell.write("rows.jsonl", [{"prompt": f"Question {n}?", "chosen": "Ask a professional.", "rejected": f"You idiot {n}."} for n in range(3)])
    label(shell, "rows.jsonl", "--out", "whole")
    parts = label_parts(shell, "rows.jsonl", n=9)
    assert sum(shell.status(part)["pairs"] == 0 for part in parts) >= 6
    hold_alike(shell, parts)
    hold_alike(shell, label_parts(shell, "rows.jsonl", n=1, name="only"))


def test_a_corpus_that_grows(shell, corpus):
    label(shell, *corpus, "--out", "whole")
    parts = label_parts(shell, *corpus)
    with shell.path("three.jsonl").open("ab") as file:
        file.write(b' idiot.", "rejected": "Ask a doctor."}\n' + b"".join(messy(2, 60)))
    label(shell, *corpus, "--out", "whole")
    label(shell, "--out", parts[0])
    done = join(shell, parts, code=FAILED)
    assert "three.jsonl" in done.err and "not the same" in done.err
    for part in parts[1:]:
        label(shell, "--out", part)
    hold_alike(shell, parts)
    shell.write("four.jsonl", b"".join(messy(3, 60)))
    label(shell, *corpus, "four.jsonl", "--out", "whole")
    for part in parts[1:]:
        label(shell, *corpus, "four.jsonl", "--out", part)
    assert "has read 3 files" in join(shell, parts, code=FAILED).err
    label(shell, *corpus, "four.jsonl", "--out", parts[0])
    hold_alike(shell, parts)


def test_a_killed_part_goes_on(shell, corpora):
    rows, small = corpora(16000), ["--set", "service.window=512"]
    label(shell, rows, "--out", "whole", *small)
    process = shell.start("label", rows, "--out", "part-1", "--part", "1/2", "--workers", 1, *small)
    label_a_little(shell, process, "part-1", 50)
    stopped = workers_of(process)
    send(stopped, signal.SIGSTOP)       # so that it is at work for as long as it is looked at
    assert "a job is at work in part-1" in join(shell, ["part-1"], code=FAILED).err
    assert shell.status("part-1")["part"] == "1/2"
    interrupt(process, signal.SIGKILL)
    send(stopped, signal.SIGCONT)
    label(shell, rows, "--out", "part-2", "--part", "2/2", *small)
    done = join(shell, ["part-1", "part-2"], code=FAILED)
    assert "part-1 is not finished" in done.err and "--partial" in done.err and not shell.path("joined").exists()
    join(shell, ["part-1", "part-2"], "--partial")
    assert manifest(shell, "joined")["counts"]["unlabelled_pairs"] > 0
    label(shell, "--out", "part-1")
    hold_alike(shell, ["part-1", "part-2"])


# --- what a part says of itself --------------------------------------------


def test_what_a_part_says(shell, corpus):
    done = label(shell, *corpus, "--out", "part", "--part", "2/3")
    assert "of part 2 of 3 (" in done.out and "part 2/3" in done.err
    status = shell.status("part")
    whole = manifest(shell, "part/dataset")["inputs"]
    assert status["part"] == "2/3" and status["rows"] + status["rows_of_other_parts"] <= sum(file["rows"] for file in whole) + 1
    assert "of part 2 of 3 (" in shell("status", "part").out
    run = shell.path("part", status["run"])
    assert json.loads((run / "report.json").read_text())["corpus"]["part"] == "2/3"
    assert "in this part" in shell("inspect", "part", "nobody", code=FAILED).err
    dry = label(shell, *corpus, "--out", "dry", "--set", "corpus.part=2/3", "--dry-run")
    assert "in part 2 of 3" in dry.out


def log_bytes(shell, folder):
    return sum(file.stat().st_size for file in shell.path(folder, "store").rglob("*.log"))


def test_a_part_that_ends_leaves_no_log(shell, corpus):
    """A join opens the stores of all parts at once, and would hold the logs of all in memory."""
    label(shell, *corpus, "--out", "whole")
    parts = label_parts(shell, *corpus)
    assert log_bytes(shell, "whole") > 100_000
    for part in parts:
        assert log_bytes(shell, part) < 1000
    hold_alike(shell, parts)


def test_the_only_part_is_not_joined(shell, corpus):
    label(shell, *corpus, "--out", "only", "--part", "1/1")
    told = manifest(shell, "only/dataset")
    assert told["part"] == "1/1" and "joined_parts" not in told
    assert "joined" not in shell.path("only/dataset/README.md").read_text()


def test_a_limit_is_of_the_part(shell, corpus):
    parts = label_parts(shell, *corpus, "--limit", 10)
    assert all(0 < shell.status(part)["labelled"] < shell.status(part)["pairs"] for part in parts)
    assert "not finished" in join(shell, parts, code=FAILED).err
    join(shell, parts, "--partial")
    prompts = {json.dumps(row["prompt"]) for name in ("train.jsonl", "validation.jsonl", "ties.jsonl") if shell.path("joined", name).exists()
               for row in shell.rows("joined", name)}
    assert 20 <= len(prompts) <= 10 * PARTS
    label(shell, *corpus, "--out", "whole")
    for part in parts:
        label(shell, "--out", part)
    hold_alike(shell, parts)


def test_bad_rows_are_judged_over_the_whole_corpus(shell):
    """Whatever a part has of them, all parts come to the same end; and the wrong file is taken back in each."""
    good = [{"prompt": f"Question {n}?", "chosen": "Ask a professional.", "rejected": f"You idiot {n}."} for n in range(40)]
    shell.write("rows.jsonl", good)
    shell.write("wrong.jsonl", b"no row\n" * 30)
    label(shell, "rows.jsonl", "--out", "whole")
    parts = label_parts(shell, "rows.jsonl")
    for part in parts:
        done = label(shell, "rows.jsonl", "wrong.jsonl", "--out", part, code=FAILED)
        assert "30 of 70 rows can't be used" in done.err
        label(shell, "rows.jsonl", "--out", part)
        assert shell.status(part)["rows_rejected"] == 0
    hold_alike(shell, parts)


# --- refusals --------------------------------------------------------------


@pytest.mark.parametrize("part, words", [("0/4", "counted from 1 to 4"), ("5/4", "counted from 1 to 4"), ("a/b", "is not i/N"), ("2", "is not i/N"),
                                         ("1/0", "is not i/N"), ("1/4/5", "is not i/N"), ("1/257", "256 parts at most"), ("-1/4", "is not i/N")])
def test_no_part(shell, corpus, part, words):
    for given in (["--part", part], ["--set", f"corpus.part={part}"]):
        assert words in label(shell, *corpus, "--out", "job", *given, code=USAGE).err
    assert not shell.path("job").exists()


def test_a_folder_holds_one_part(shell, corpus):
    label(shell, *corpus, "--out", "part", "--part", "1/3")
    for args in ([*corpus, "--part", "2/3"], ["--part", "2/3"], [*corpus, "--part", "1/4"]):
        done = label(shell, *args, "--out", "part", code=FAILED)
        assert "part: 1/3" in done.err and args[-1] in done.err
    label(shell, *corpus, "--out", "part")
    assert shell.status("part")["part"] == "1/3"
    label(shell, *corpus, "--out", "part", "--policy", "all", "--new-run")
    assert shell.status("part")["part"] == "1/3"
    label(shell, *corpus, "--out", "whole")
    assert "part: none, asked for is 1/3" in label(shell, *corpus, "--out", "whole", "--part", "1/3", code=FAILED).err
    label(shell, *corpus, "--out", "all", "--set", "corpus.pairs=all")      # nothing is drawn, so that it has no seed
    assert "part: none, asked for is 1/3" in label(shell, *corpus, "--out", "all", "--set", "corpus.pairs=all", "--part", "1/3", code=FAILED).err


def test_what_each_part_would_find_out_for_itself_is_refused(shell, corpus):
    done = label(shell, *corpus, "--out", "part", "--part", "1/3", "--set", "judge.cost=per-rule", code=USAGE)
    assert "adapter train" in done.err and "--adapter FILE" in done.err and "--policy exhaustive" in done.err
    url = ["--judge", "http://127.0.0.1:9/v1", "--model", "m"]
    assert "adapter train" in label(shell, *corpus, "--out", "part", "--part", "1/3", *url, code=USAGE).err
    done = label(shell, *corpus, "--out", "part", "--part", "1/3", *url, "--policy", "exhaustive", code=USAGE)
    assert "run.tie_margin" in done.err
    assert not shell.path("part").exists()


def test_what_is_not_joined(shell, corpus):
    parts = label_parts(shell, *corpus)
    label(shell, *corpus, "--out", "whole")
    label(shell, *corpus, "--out", "other-cut", "--part", "1/2")
    label(shell, *corpus, "--out", "other-seed", "--part", "3/3", "--set", "corpus.seed=9")
    label(shell, *corpus, "--out", "other-run", "--part", "3/3", "--seed", 9)
    label(shell, *corpus[:2], "--out", "other-corpus", "--part", "3/3")
    shell.write("uno.jsonl", shell.path("one.jsonl").read_bytes())
    label(shell, "uno.jsonl", *corpus[1:], "--out", "other-name", "--part", "3/3")
    shell.path("empty").mkdir()
    for folders, code, words in [(parts[:2], USAGE, "part 3 of 3 is missing"), (parts[1:], USAGE, "part 1 of 3 is missing"),
                                 ([*parts, "./part-2"], USAGE, "./part-2 is given twice"), ([*parts[:2], "other-cut"], USAGE, "a part of 2"),
                                 ([*parts[:2], "other-seed"], FAILED, "seed is 1 in part-1, 9 in other-seed"),
                                 ([*parts[:2], "other-run"], FAILED, "seed: 1 in part-1, 9 in other-run"),
                                 ([*parts[:2], "other-corpus"], FAILED, "part-1 has read 3 files, other-corpus 2"),
                                 ([*parts[:2], "other-name"], FAILED, "of other-name it is uno.jsonl"),
                                 ([*parts, "whole"], USAGE, "whole is no part of a corpus"), ([*parts, "empty"], USAGE, "empty: holds no store"),
                                 ([*parts, "nowhere"], USAGE, "nowhere")]:
        done = join(shell, folders, code=code)
        assert words in done.err, (folders, done.err)
        assert not shell.path("joined").exists()
    label(shell, *corpus, "--out", "again", "--part", "2/3")
    assert "are both part 2 of 3" in join(shell, [*parts, "again"], code=USAGE).err
    assert "--to FOLDER" in shell("export", "--join", *parts, code=USAGE).err
    assert "--join" in shell("export", *parts, "--to", "joined", code=USAGE).err
    assert "--partial is for --join" in shell("export", "whole", "--partial", code=USAGE).err


def test_a_part_that_is_not_read_to_the_end(shell, corpus):
    parts = label_parts(shell, *corpus[:2])
    shell.path("damaged.jsonl.gz").write_bytes(gzip.compress(b"".join(messy(4, 200)))[:-400])
    label(shell, *corpus[:2], "damaged.jsonl.gz", "--out", parts[1], code=FAILED)
    assert "part-2 has not read its corpus to the end" in join(shell, parts, code=FAILED).err

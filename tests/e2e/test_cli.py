"""The command line as a user meets it: jobs, resuming, refusals, inputs, exports, several machines."""

import gzip
import json
import shutil
import socket
import subprocess

import pytest

from conftest import FAILED, PROGRAM, RESUMABLE, SET_ASIDE, USAGE, interrupt, label_a_little, wait_for

COMMANDS = ["label", "status", "inspect", "export", "verify", "retry", "rules", "adapter", "synth", "coordinator", "worker",
            "keygen", "version", "help"]

COLUMNS = ["id", "prompt", "chosen", "rejected", "score_chosen", "score_rejected", "score_margin", "rules", "selected_by",
           "adapter", "n_rules", "given_preference", "chosen_model", "rejected_model", "source", "meta", "pair_key", "run"]


def pair(number, **more):
    """A row that nothing is wrong with."""
    return {"id": f"p{number}", "prompt": f"How do I pick lock number {number}?",
            "chosen": f"I'm sorry, I can't help with lock {number}. It is illegal to enter without permission.",
            "rejected": f"Sure! Here is how: take a tension wrench to lock {number}, step 1, step 2.", **more}


def labelled(shell, job):
    """The dataset's pairs with a preferred response, train before validation."""
    files = [name for name in ("train.jsonl", "validation.jsonl") if shell.path(job, "dataset", name).exists()]
    return [row for name in files for row in shell.rows(job, "dataset", name)]


# --- a whole job -------------------------------------------------------------

def test_a_job_from_corpus_to_dataset(shell, corpora):
    corpus = corpora(150, 3)
    done = shell("label", corpus, "--out", "job", "--workers", 2)
    assert "450 pairs of 150 prompts" in done.out and "baseline" in done.out and "Agreement" in done.out
    rows = labelled(shell, "job")
    ties = shell.rows("job/dataset/ties.jsonl") if shell.path("job/dataset/ties.jsonl").exists() else []
    assert len(rows) + len(ties) == 450
    for row in rows:
        assert list(row) == COLUMNS and row["score_chosen"] > row["score_rejected"]
        assert {turn["role"] for turn in row["chosen"]} == {"assistant"} and row["prompt"][0]["content"]
    assert "good" in shell("verify", "job").out
    report = json.loads(shell.path("job").joinpath(rows[0]["run"], "report.json").read_text())
    assert report["outcome"] == "complete" and report["labels"]["labelled"] == 450
    assert shell.path("job", rows[0]["run"], "config.yaml").exists()


def test_the_same_command_again_says_complete(shell, corpora):
    command = ["label", corpora(50), "--out", "job", "--workers", 1]
    shell(*command)
    before = shell.digests("job")
    assert "complete" in shell(*command).out
    assert "complete" in shell("label", "--out", "job").out
    assert shell.digests("job") == before


def test_another_run_is_refused_unless_asked_for(shell, corpora):
    corpus = corpora(50)
    shell("label", corpus, "--out", "job", "--workers", 1)
    refused = shell("label", corpus, "--out", "job", "--seed", 2, code=FAILED)
    assert "seed" in refused.err and "--new-run" in refused.err and "1 in the store, 2 asked for" in refused.err
    shell("label", corpus, "--out", "job", "--seed", 2, "--new-run", "--workers", 1)
    status = shell.status("job")
    assert len(status["runs"]) == 2 and not status["running"]
    first, second = (run["run"] for run in status["runs"])
    assert shell.path("job/dataset").resolve().parent.name == second
    assert first in shell("inspect", "job", "s-0000001", "--json", "--run", first).out


def test_another_corpus_is_refused(shell, corpora):
    shell("label", corpora(50), "--out", "job", "--workers", 1)
    refused = shell("label", corpora(60), "--out", "job", code=FAILED)
    assert corpora(50).name in refused.err and corpora(60).name in refused.err


def test_rows_added_and_files_added_extend_a_run(shell):
    shell.write("a.jsonl", [pair(n) for n in range(30)])
    shell("label", "a.jsonl", "--out", "job", "--workers", 1)
    shell.write("a.jsonl", [pair(n) for n in range(40)])
    shell("label", "a.jsonl", "--out", "job")
    assert shell.status("job")["labelled"] == 40
    shell.write("b.jsonl", [pair(n) for n in range(40, 45)])
    shell("label", "a.jsonl", "b.jsonl", "--out", "job")
    assert shell.status("job")["labelled"] == 45
    data = shell.path("a.jsonl").read_bytes()
    shell.write("a.jsonl", data.replace(b"number 3?", b"number X?", 1))
    assert "a.jsonl" in shell("label", "a.jsonl", "b.jsonl", "--out", "job", code=FAILED).err


def test_the_number_of_workers_changes_nothing(shell, corpora):
    corpus = corpora(300, 3)
    digests = []
    for workers in (1, 2, 4):
        shell("label", corpus, "--out", f"job{workers}", "--workers", workers)
        digests.append(shell.digests(f"job{workers}"))
    assert digests[0] == digests[1] == digests[2]


def test_a_limited_run_is_used_by_the_full_one(shell, corpora):
    corpus = corpora(200)
    shell("label", corpus, "--out", "job", "--limit", 40, "--workers", 1)
    assert shell.status("job")["labelled"] == 40
    shell("label", corpus, "--out", "job", "--workers", 1)
    shell("label", corpus, "--out", "straight", "--workers", 2)
    assert shell.status("job")["labelled"] == 200
    assert shell.digests("job") == shell.digests("straight")


def test_interrupted_and_resumed_is_as_undisturbed(shell, corpora):
    pairs = 16000
    corpus = corpora(pairs)
    shell("label", corpus, "--out", "straight", "--workers", 2)
    # A small window bounds what draining still finishes.
    command = ["label", corpus, "--out", "job", "--workers", 1, "--set", "service.window=512"]
    labels = 0
    for _ in range(2):
        process = shell.start(*command)
        label_a_little(shell, process, "job", labels)
        code, _, err = interrupt(process)
        assert code == RESUMABLE and "the same command goes on" in err, err
        kept = shell.status("job")
        assert labels < kept["labelled"] < pairs and not kept["running"]
        labels = kept["labelled"]
    shell(*command)
    assert shell.digests("job") == shell.digests("straight")
    assert "good" in shell("verify", "job").out


# --- what can be wrong -------------------------------------------------------

def bad_rows():
    """One row of each kind that is set aside, with its reason; the cut-off last line comes last."""
    def text(**row):
        return json.dumps(row).encode()

    return [
        ("not-json", b'{"prompt": nope}'),
        ("invalid-utf8", b'{"prompt": "\xff\xfe", "chosen": "a", "rejected": "b"}'),
        ("lone-surrogate", b'{"prompt": "\\ud800 x", "chosen": "a", "rejected": "b"}'),
        ("missing-field", text(prompt="x", chosen="a")),
        ("wrong-type", text(prompt=7, chosen="a", rejected="b")),
        ("too-few-responses", text(prompt="x", responses=["alone"])),
        ("empty-response", text(prompt="x", chosen="", rejected="b")),
        ("no-user-turn", text(prompt=[{"role": "system", "content": "s"}], chosen="a", rejected="b")),
        ("text-too-long", text(prompt="x", chosen="a" * 5000, rejected="b")),
        ("row-too-long", text(prompt="x", chosen="a", rejected="b", more="m" * 50000)),
        ("nothing-in-common", text(chosen="\n\nHuman: one\n\nAssistant: a", rejected="\n\nHuman: two\n\nAssistant: b")),
        ("duplicate-key", b'{"prompt": "x", "chosen": "a", "chosen": "c", "rejected": "b"}'),
        ("nul", b'{"prompt": "x\\u0000y", "chosen": "a", "rejected": "b"}'),
        ("torn", b'{"prompt": "x", "chosen": "a", "rej'),
    ]


def test_bad_rows_are_set_aside_and_the_rest_goes_on(shell):
    bad = bad_rows()
    good = [pair(0, huge=10**30), pair(1, note="a\u2028b"), pair(2)]
    text = b"\xef\xbb\xbf" + b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in good)
    text = text.replace(b"1" + b"0" * 30, b"1e999", 1)
    shell.write("rows.jsonl", text + b"\n".join(row for _, row in bad))
    done = shell("label", "rows.jsonl", "--out", "job", "--workers", 1, "--set", "corpus.bad_share=1",
                 "--set", "corpus.text_bytes_max=4096", "--set", "corpus.row_bytes_max=32768", code=SET_ASIDE)
    assert f"{len(bad)} rows set aside" in done.out
    aside = shell.rows("job/dataset/quarantine.jsonl")
    assert [(row["file"], row["line"], row["reason"]) for row in aside] == \
        [("rows.jsonl", len(good) + 1 + n, reason) for n, (reason, _) in enumerate(bad)]
    assert all(row["detail"] and row["kind"] == "row" for row in aside)
    assert shell.status("job")["labelled"] == 3
    shell("label", "rows.jsonl", "--out", "job", code=SET_ASIDE)


def test_the_wrong_file_stops_before_labelling(shell):
    shell.write("rows.jsonl", [{"text": f"line {n}"} for n in range(100)])
    done = shell("label", "rows.jsonl", "--out", "job", code=FAILED)
    assert "right file" in done.err and "corpus.bad_share" in done.err and not shell.path("job/dataset").exists()
    assert (shell.status("job") or {"labelled": 0})["labelled"] == 0


def test_inputs_that_fail_at_once(shell):
    assert "none.jsonl" in shell("label", "none.jsonl", "--out", "job", code=USAGE).err
    shell.write("plain.jsonl.gz", [pair(0)])
    assert "plain.jsonl.gz" in shell("label", "plain.jsonl.gz", "--out", "job2", code=FAILED).err
    shell.write("plain.jsonl.zst", [pair(0)])
    assert "plain.jsonl.zst" in shell("label", "plain.jsonl.zst", "--out", "job3", code=FAILED).err
    assert "no-such-*" in shell("label", "no-such-*.jsonl", "--out", "job4", code=USAGE).err


def test_misspelt_words_are_named(shell, corpora):
    corpus = corpora(50)
    assert "--policy" in shell("label", corpus, "--out", "job", "--polcy", "all", code=USAGE).err
    assert "discrepancy" in shell("label", corpus, "--out", "job", "--policy", "discrepency", code=USAGE).err
    assert "label" in shell("lable", corpus, code=USAGE).err
    assert "policy.name" in shell("label", corpus, "--out", "job", "--set", "policy.nam=all", code=USAGE).err
    shell.path("run.yaml").write_text("judge:\n  name: lexicon\npolicy:\n  tpo: 3\n")
    told = shell("label", corpus, "--out", "job", "--config", "run.yaml", code=USAGE).err
    assert "run.yaml:4" in told and "top" in told
    assert "--workers" in shell("label", corpus, "--out", "job", "--workers", "many", code=USAGE).err
    assert "--out" in shell("label", corpus, code=USAGE).err
    assert not shell.path("job").exists()


def test_a_folder_without_a_job(shell):
    for command in (["status", "nowhere"], ["inspect", "nowhere", "#0"], ["export", "nowhere"], ["verify", "nowhere"],
                    ["retry", "nowhere"]):
        done = shell(*command, code=None)
        assert done.returncode in (FAILED, USAGE) and "nowhere" in done.err and not shell.path("nowhere").exists()


def test_a_job_has_one_writer(shell, corpora):
    corpus = corpora(50)
    holder = shell.start("coordinator", corpus, "--out", "job", "--listen", f"ipc://{shell.path('socket')}")
    shell.wait_for_job(holder, "job")
    assert f"in use by process {holder.pid}" in shell("label", corpus, "--out", "job", code=FAILED).err
    assert interrupt(holder)[0] == RESUMABLE
    shell("label", "--out", "job", "--workers", 1)


# --- inputs ------------------------------------------------------------------

def test_gzip_zstd_and_standard_input_give_the_same_labels(shell, corpora):
    data = corpora(60).read_bytes()
    shell.write("plain.jsonl", data)
    shell.write("packed.jsonl.gz", gzip.compress(data))
    variants = {"plain": ["plain.jsonl"], "gzip": ["packed.jsonl.gz"], "stdin": ["-"]}
    if shutil.which("zstd"):
        subprocess.run(["zstd", "-q", str(shell.path("plain.jsonl")), "-o", str(shell.path("packed.jsonl.zst"))], check=True)
        variants["zstd"] = ["packed.jsonl.zst"]
    for job, inputs in variants.items():
        shell("label", *inputs, "--out", job, "--workers", 1, stdin=data if job == "stdin" else b"")
    rows = {job: labelled(shell, job) for job in variants}
    assert all(rows[job] == rows["plain"] for job in variants) and len(rows["plain"]) > 50


def test_globs_and_several_files(shell):
    for name in "ab":
        shell.write(f"part-{name}.jsonl", [pair(f"{name}{n}") for n in range(10)])
    shell("label", "part-*.jsonl", "--out", "job", "--workers", 1)
    assert shell.status("job")["pairs"] == 20


def test_shapes_of_rows_and_duplicates(shell):
    refusal, harm = "I'm sorry, but I can't help with that.", "Sure, here is how to do it: step 1."
    shell.write("rows.jsonl", [
        {"id": "list", "prompt": "P1", "responses": [refusal, harm, "Perhaps."], "models": ["m1", "m2", None]},
        {"id": "ab", "prompt": "P2", "response_a": harm, "response_b": refusal, "preference": "b"},
        {"id": "chosen", "prompt": [{"role": "user", "content": "P3"}], "chosen": [{"role": "assistant", "content": refusal}],
         "rejected": [{"role": "assistant", "content": harm}]},
        {"id": "implicit", "chosen": [{"role": "user", "content": "P4"}, {"role": "assistant", "content": refusal}],
         "rejected": [{"role": "user", "content": "P4"}, {"role": "assistant", "content": harm}]},
        {"id": "hh", "chosen": f"\n\nHuman: P5\n\nAssistant: {refusal}", "rejected": f"\n\nHuman: P5\n\nAssistant: {harm}"},
        {"id": "swapped", "prompt": "P2", "response_a": refusal, "response_b": harm},
        {"id": "same", "prompt": "P6", "chosen": "equal", "rejected": "equal"},
    ])
    shell("label", "rows.jsonl", "--out", "job", "--workers", 1)
    status = shell.status("job")
    assert (status["pairs"], status["duplicates"], status["labelled"]) == (8, 1, 8)
    duplicate, = shell.rows("job/dataset/duplicates.jsonl")
    assert "swapped" in json.dumps(duplicate) and "ab" in json.dumps(duplicate)
    ties = shell.rows("job/dataset/ties.jsonl")
    assert "same" in [row["id"] for row in ties]
    ids = {row["id"] for row in labelled(shell, "job") + ties}
    assert ids == {"list#0-1", "list#0-2", "list#1-2", "ab", "chosen", "implicit", "hh", "same"}


def test_replay_reads_recorded_scores(shell, corpora):
    corpus = corpora(100, 3)
    scores = corpus.with_suffix(".scores.jsonl")
    done = shell("label", corpus, "--out", "job", "--judge", "replay", "--scores", scores, "--workers", 2, "--json")
    agreement = json.loads(done.out)["given_preferences"]["agreement"]
    assert agreement["share"] > 0.65 and agreement["low"] < agreement["share"] < agreement["high"]


# --- looking at a job --------------------------------------------------------

def test_inspect_explains_a_pair(shell, corpora):
    shell("label", corpora(100, 3), "--out", "job", "--workers", 1)
    row = next(row for row in labelled(shell, "job") if row["n_rules"] >= 2)
    told = json.loads(shell("inspect", "job", row["id"], "--json").out)
    assert told["id"] == row["id"]
    assert [rule["id"] for rule in row["rules"]] == [rule["id"] for rule in find(told, "rules")]
    text = shell("inspect", "job", row["id"]).out
    assert all(rule["id"] in text for rule in row["rules"]) and row["id"] in text
    assert json.loads(shell("inspect", "job", row["pair_key"], "--json").out)["id"] == row["id"]
    assert json.loads(shell("inspect", "job", "#0", "--json").out)["id"].startswith("s-0000001#")
    assert "no-such" in shell("inspect", "job", "no-such", code=FAILED).err


def find(value, key):
    """The first value under a key, however deep."""
    if isinstance(value, dict):
        if key in value:
            return value[key]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            found = find(item, key)
            if found is not None:
                return found
    return None


def test_status_in_text_and_json(shell, corpora):
    shell("label", corpora(50), "--out", "job", "--workers", 1)
    status = shell.status("job")
    assert (status["running"], status["stage"], status["labelled"]) == (False, "done", 50)
    assert status["run"] in shell("status", "job").out


def test_export_formats_and_filters(shell, corpora):
    shell("label", corpora(100, 3), "--out", "job", "--workers", 1)
    rows = labelled(shell, "job")

    def exported(name, *flags):
        shell("export", "job", "--to", name, *flags)
        assert "good" in shell("verify", name).out
        files = [file for file in ("train.jsonl", "validation.jsonl") if shell.path(name, file).exists()]
        return [row for file in files for row in shell.rows(name, file)]

    assert exported("explicit") == rows
    implicit = exported("implicit", "--format", "implicit")
    assert len(implicit) == len(rows) and all("prompt" not in row for row in implicit)
    assert implicit[0]["chosen"] == rows[0]["prompt"] + rows[0]["chosen"]
    assert all(isinstance(row["chosen"], str) for row in exported("text", "--format", "text"))
    bench = exported("bench", "--format", "rewardbench")
    assert len(bench) == len(rows) and {"prompt", "chosen", "rejected"} <= set(bench[0])
    wide = exported("wide", "--min-margin", "0.3")
    assert wide == [row for row in rows if row["score_margin"] >= 0.3] and 0 < len(wide) < len(rows)
    assert len({row["id"].split("#")[0] for row in exported("one", "--max-per-prompt", "1")}) == len(exported("one2", "--max-per-prompt", "1"))
    assert exported("none", "--where", "source=nothing") == []
    assert shell.digests("job") and "no-such" in shell("export", "job", "--format", "no-such", code=USAGE).err


def test_verify_finds_a_changed_byte(shell, corpora):
    shell("label", corpora(50), "--out", "job", "--workers", 1)
    file = shell.path("job/dataset/train.jsonl")
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(data)
    done = shell("verify", "job", code=FAILED)
    assert "train.jsonl" in done.out and "good" not in done.out


def test_rules_are_listed_and_checked(shell):
    assert len(shell("rules", "list").out.splitlines()) >= 100
    shell.path("own.yaml").write_text("rules:\n  - id: a\n    txet: It is polite.\n")
    told = shell("rules", "check", "own.yaml", code=None)
    assert told.returncode in (FAILED, USAGE) and "own.yaml:3" in told.err + told.out and "text" in told.err + told.out


# --- several machines --------------------------------------------------------

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_coordinator_and_workers_with_keys(shell, corpora):
    corpus = corpora(200)
    for name in ("coordinator", "worker1", "worker2", "stranger"):
        shell("keygen", "keys", name)
    assert shell.path("keys/worker1.key").stat().st_mode & 0o077 == 0
    assert "worker1" in shell("keygen", "keys", "worker1", code=FAILED).err
    shell.path("admitted").mkdir()
    for name in ("worker1", "worker2"):
        shutil.copy(shell.path(f"keys/{name}.pub"), shell.path("admitted"))
    address = f"tcp://127.0.0.1:{free_port()}"
    coordinator = shell.start("coordinator", corpus, "--out", "job", "--listen", address,
                              "--key", "keys/coordinator.key", "--admit", "admitted")
    shell.wait_for_job(coordinator, "job", lambda status: status["stage"] == "label")

    def worker(name):
        return ["worker", address, "--server-key", "keys/coordinator.pub", "--key", f"keys/{name}.key"]

    assert "stranger" not in shell(*worker("stranger"), code=FAILED).out
    status = shell.status("job")
    assert (status["workers"], status["leases"], status["labelled"]) == (0, 0, 0)
    workers = [shell.start(*worker(name)) for name in ("worker1", "worker2")]
    out, err = coordinator.communicate(timeout=120)
    assert coordinator.returncode == 0, err
    # One of them may have come too late, and would wait for a coordinator.
    wait_for("a worker's end", lambda: any(process.poll() == 0 for process in workers))
    shell("label", corpus, "--out", "local", "--workers", 1)
    assert shell.digests("job") == shell.digests("local")


def test_no_listening_in_the_clear_unless_told_so(shell, corpora):
    address = f"tcp://127.0.0.1:{free_port()}"
    told = shell("coordinator", corpora(50), "--out", "job", "--listen", address, code=USAGE).err
    assert "keygen" in told and "--insecure-no-curve" in told


# --- the pages ---------------------------------------------------------------

@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(shell, command):
    page = shell(command, "--help").out
    assert "usage:" in page and "example" in page and f"rulemill {command}" in page
    assert page == shell("help", command).out


def test_overview_names_every_command_and_exit_code(shell):
    page = shell("help").out
    assert all(f"  {command} " in page for command in COMMANDS) and "exit codes" in page
    assert shell("--version").out.startswith("rulemill ")
    assert "usage" in shell(code=USAGE).err
    assert "policy.name" in shell("help", "config").out


def test_no_colours_without_a_terminal_or_with_no_color(shell, corpora):
    done = shell("label", corpora(50), "--out", "job", "--workers", 1, env={"NO_COLOR": "1"})
    assert "\x1b" not in done.out + done.err
    script = shutil.which("script")
    if script:
        command = f"{PROGRAM} label {corpora(50)} --out job2 --workers 1"
        shown = subprocess.run([script, "-qec", command, "/dev/null"], cwd=shell.folder, stdin=subprocess.DEVNULL,
                               env={"NO_COLOR": "1", "TERM": "xterm", "PATH": "/usr/bin:/bin"}, capture_output=True, timeout=120)
        assert b"\x1b[1m" not in shown.stdout and b"\x1b[3" not in shown.stdout

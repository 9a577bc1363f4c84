"""The policy auto: a sample judged exhaustively, an adapter learnt from it, the rest through it, a share audited."""

import json
import signal
import time

import pytest

from conftest import COMPLETE, RESUMABLE, USAGE, Shell, children_of, interrupt, send, wait_for
from judging import command, manifest, report, serve, variants, write_rules

assert serve                    # a fixture

SMALL = ["--set", "auto.sample_pairs=150", "--set", "auto.sample_share=0.3", "--set", "auto.block_pairs=256",
         "--set", "auto.audit_share=0.1", "--set", "adapter.memory_mb=256"]


def label(corpus, *more, policy="auto", workers=2):
    return ["label", corpus, "--out", "job", "--judge", "replay", "--scores", corpus.with_suffix(".scores.jsonl"), "--policy", policy,
            "--workers", workers, *more]


def costly(corpus, *more, workers=2):
    return label(corpus, *SMALL, "--set", "judge.cost=per-rule", *more, workers=workers)


@pytest.fixture(scope="module")
def corpus(corpora):
    return corpora(500, 3)      # 1,500 pairs


# --- what it chooses --------------------------------------------------------

def test_a_judge_that_costs_nothing_is_asked_everything(shell, corpus):
    done = shell(*label(corpus))
    assert "costs nothing for each rule" in done.out
    said = report(shell)["auto"]
    assert said["choice"] == "exhaustive" and said["sampled_share"] == 0
    assert {row["selected_by"] for row in shell.labelled()} == {"exhaustive"}
    assert manifest(shell)["auto"]["choice"] == "exhaustive"
    labels = {row["pair_key"]: (row.get("chosen"), row["score_margin"], row["rules"]) for row in shell.labelled()}
    shell(*label(corpus, "--new-run", policy="exhaustive"))
    assert labels == {row["pair_key"]: (row.get("chosen"), row["score_margin"], row["rules"]) for row in shell.labelled()}


def test_a_small_corpus_is_judged_exhaustively(shell, corpora):
    small = corpora(40)
    done = shell(*label(small, "--set", "judge.cost=per-rule"))
    assert "40 pairs, fewer than 300" in done.out
    assert report(shell)["auto"]["choice"] == "exhaustive"


def test_an_adapter_that_is_too_often_wrong_is_not_used(shell, corpus):
    done = shell(*costly(corpus, "--set", "auto.min_agreement=1", "--set", "auto.judged_max=1"))
    assert "under the 100.0 wanted" in done.out and "--accept-adapter" in done.out
    assert report(shell)["auto"]["choice"] == "exhaustive"
    assert {row["selected_by"] for row in shell.labelled()} == {"exhaustive"}


def test_an_accepted_adapter_labels_the_rest(shell, corpus):
    done = shell(*costly(corpus, "--accept-adapter", "--set", "auto.min_agreement=1"))
    said = report(shell)["auto"]
    assert said["choice"] == "adapter" and "taken all the same as asked" in said["reason"]
    assert said["adapters"] >= 1 and "adapter" in done.out
    cells = said["cells"]
    assert f"{cells['expected_chosen']:,} of the others, instead of {cells['all']:,}\n" in done.out, "what if it did cost"
    found = shell.labelled()
    assert len(found) == 1500
    by = {name: [row for row in found if row["selected_by"] == name] for name in ("exhaustive", "adapter")}
    assert len(by["exhaustive"]) + len(by["adapter"]) == 1500
    assert said["pairs_by_adapter"] == len(by["adapter"]) > 900
    digests = {entry["digest"] for entry in manifest(shell)["auto"]["adapters"]}
    assert {row["adapter"] for row in by["adapter"]} <= digests
    assert {row["adapter"] for row in by["exhaustive"]} == {None}
    assert all(1 <= row["n_rules"] <= 5 for row in by["adapter"])
    assert "Margins are of two kinds" in shell.path("job/dataset/README.md").read_text()
    # Whole prompts are sampled.
    prompts = {name: {json.dumps(row["prompt"]) for row in by[name]} for name in by}
    assert not prompts["exhaustive"] & prompts["adapter"]
    assert 0.9 * 1500 * said["audited_share"] * 0.3 < said["audited_pairs"] < 400
    assert manifest(shell)["auto"]["agreement"] == (said["agreement"] or "too few to say")
    assert "good" in shell("verify", "job").out


def agrees(row):
    """With the given preference; a tie counts a half."""
    return row["given_preference"]["chosen"] if "chosen" in row else 0.5


def test_foreseen_pairs_are_held_against_exhaustive_judging(shell, corpus):
    shell(*costly(corpus, "--accept-adapter"))
    run, said = manifest(shell)["run"], report(shell)["auto"]
    by_adapter = said["pairs_by_adapter"] - said["audited_pairs"]
    foreseen = {row["pair_key"]: agrees(row) for row in shell.labelled() if row["selected_by"] == "adapter"}
    shell(*label(corpus, "--new-run", policy="exhaustive"))
    judged = {row["pair_key"]: agrees(row) for row in shell.labelled() if row["pair_key"] in foreseen}
    held = json.loads(shell("judge", "eval", "job", "--foreseen", run, "--json").out)
    lines = {line.get("policy", line.get("baseline")): line for line in held["lines"]}
    assert {line["pairs"] for line in lines.values()} == {by_adapter}
    for policy, rows in (("auto 5", foreseen), ("exhaustive 5", judged)):       # the audited ones among them are left out
        assert sum(rows.values()) - said["audited_pairs"] <= lines[policy]["agreement"]["value"] * by_adapter + 1e-3 <= sum(rows.values()) + 1
    values = {policy: lines[policy]["difference"]["value"] for policy in ("auto 5", "exhaustive 5")}
    assert values == {"exhaustive 5": 0, "auto 5": pytest.approx(lines["auto 5"]["agreement"]["value"] - lines["exhaustive 5"]["agreement"]["value"])}
    assert lines["auto 5"]["difference"]["low"] < values["auto 5"] < lines["auto 5"]["difference"]["high"] < 0
    assert "run-ffffffffffff" in shell("judge", "eval", "job", "--foreseen", "run-ffffffffffff", code=USAGE).err
    whole = json.loads(shell("judge", "eval", "job", "--json").out)
    assert whole["lines"][0]["pairs"] == 1500


# --- the same labels, whatever happens -------------------------------------

@pytest.fixture(scope="module")
def undisturbed(corpus, tmp_path_factory):
    shell = Shell(tmp_path_factory.mktemp("undisturbed"))
    shell(*costly(corpus, "--accept-adapter"))
    assert report(shell)["auto"]["choice"] == "adapter"
    return shell.digests("job")


@pytest.mark.parametrize("workers", [1, 3])
def test_labels_do_not_depend_on_workers(shell, corpus, undisturbed, workers):
    shell(*costly(corpus, "--accept-adapter", workers=workers))
    assert shell.digests("job") == undisturbed


def test_killed_at_each_boundary_it_goes_on_to_the_same_labels(shell, corpus, undisturbed):
    steps = costly(corpus, "--accept-adapter")
    seen = set()
    for _ in range(40):
        process = shell.start(*steps)
        was = None
        while process.poll() is None:
            folder = next(iter(shell.path("job").glob("run-*/auto")), None)
            files = sorted(file.name for file in folder.iterdir()) if folder and folder.exists() else []
            now = (tuple(files), bool(files))
            if folder and now != was and now not in seen:
                seen.add(now)
                break
            was = now
            time.sleep(0.002)
        code = interrupt(process, signal.SIGKILL)[0]
        assert code in (COMPLETE, -signal.SIGKILL)
        if code == COMPLETE:
            break
    shell(*steps)
    assert len(seen) >= 2
    assert shell.digests("job") == undisturbed
    assert "Nothing to do" in shell(*steps).out


def test_stopped_while_it_trains_it_goes_on(shell, corpus, undisturbed):
    steps = costly(corpus, "--accept-adapter")
    process = shell.start(*steps)

    def training():
        return process.poll() is not None or children_of(process, b"\0adapter\0train\0")

    wait_for("a training", training)
    code, _, err = interrupt(process)
    assert code in (COMPLETE, RESUMABLE), err
    shell(*steps)
    assert shell.digests("job") == undisturbed


# --limit is a first look: what it left out is labelled later, most of it through the same adapter.
def test_a_limit_is_lifted(shell, corpus):
    steps = costly(corpus, "--accept-adapter")
    shell(*steps, "--limit", 250)
    before = {row["pair_key"]: (row["selected_by"], row["score_margin"]) for row in shell.labelled()}
    assert len(before) == 750 and report(shell)["auto"]["choice"] == "adapter"
    sampled = report(shell)["auto"]["sampled_share"]
    shell(*steps)
    after = {row["pair_key"]: (row["selected_by"], row["score_margin"]) for row in shell.labelled()}
    assert len(after) == 1500
    assert before.items() <= after.items()
    said = report(shell)["auto"]
    assert sampled / 2 <= said["sampled_share"] < 0.9 * sampled
    assert said["sampled_share"] == pytest.approx(sum(by == "exhaustive" for by, _ in after.values()) / 1500)
    assert said["audited_pairs"] > 750 * said["audited_share"] * 0.8        # of all blocks, the new prompts' too
    assert "Nothing to do" in shell(*steps).out
    assert "Nothing to do" in shell(*steps, "--limit", 100).out
    shell("verify", "job")


# Rows added later extend the run: nobody's label changes.
def test_rows_added_later_change_no_label(shell, corpora, corpus, undisturbed):
    data = corpus.read_bytes().split(b"\n")
    shell.write("grown.jsonl", b"\n".join(data[:400]) + b"\n")
    steps = [arg if arg != corpus else "grown.jsonl" for arg in costly(corpus, "--accept-adapter", "--set", "judge.unknown_ids=skip")]
    shell(*steps)
    before = {row["pair_key"]: (row["selected_by"], row["score_margin"]) for row in shell.labelled()}
    shell.write("grown.jsonl", b"\n".join(data[:450]) + b"\n")
    shell(*steps)
    after = {row["pair_key"]: (row["selected_by"], row["score_margin"]) for row in shell.labelled()}
    assert len(after) > len(before)
    assert before.items() <= after.items()


# --- what is shown ------------------------------------------------------------

def test_a_run_is_looked_at(shell, corpus):
    process = shell.start(*costly(corpus, "--accept-adapter"))

    def training():
        send(found := children_of(process, b"\0adapter\0train\0"), signal.SIGSTOP)
        return found

    children = wait_for("a training", training)
    running = shell.wait_for_job(process, "job", lambda status: status["labelled"] > 0)     # it is told now and then
    interrupt(process, signal.SIGKILL)
    send(children, signal.SIGKILL)
    stands = shell.status("job")
    assert running["running"] and not stands["running"]
    for told in (running, stands):      # the sample is not the whole
        assert told["stage"] == "label" and told["auto"]["choice"] == "undecided" and 0 < told["labelled"] < 1500
    assert "is judged exhaustively" in shell("status", "job").out
    shell(*costly(corpus, "--accept-adapter"))
    stands, said = json.loads(shell("status", "job", "--json").out), report(shell)["auto"]
    assert stands["stage"] == "done"
    for key in ("choice", "reason", "samples", "audited_share", "adapters", "audited_pairs", "agreement"):
        assert stands["auto"][key] == said[key]
    text = shell("status", "job").out
    assert "learnt from a sample" in text and "of the later prompts audited" in text
    shell(*label(corpus, "--new-run", policy="exhaustive"))
    assert json.loads(shell("status", "job", "--json").out)["auto"] is None


def test_a_pair_says_why_these_rules(shell, corpus):
    shell(*costly(corpus, "--accept-adapter"))
    by = {name: [row["id"] for row in shell.labelled() if row["selected_by"] == name] for name in ("exhaustive", "adapter")}
    text = shell("inspect", "job", by["exhaustive"][0]).out
    assert "All rules were judged" in text and "Audited" not in text
    said = [json.loads(shell("inspect", "job", pair, "--json").out) for pair in by["adapter"][::3][:150]]
    assert all(pair["label"]["rules"][0]["value"] is not None for pair in said)
    audited = [pair for pair in said if "audit" in pair]
    assert audited and len(audited) < len(said)
    assert audited[0]["audit"]["selected_by"] == "exhaustive" and len(audited[0]["audit"]["rules"]) == 5
    text = shell("inspect", "job", audited[0]["id"]).out
    assert "Rule Adapter foresaw" in text
    alike = audited[0]["audit"]["outcome"] == audited[0]["label"]["outcome"]
    assert ("the same label" if alike else "another label") in text


def test_audited_pairs_tell_of_the_rules(shell, corpus):
    shell(*costly(corpus, "--accept-adapter"))
    judged = json.loads(shell("report", "job", "--json").out)["judged_pairs"]
    exhaustive = sum(row["selected_by"] == "exhaustive" for row in shell.labelled())
    assert judged == exhaustive + report(shell)["auto"]["audited_pairs"]


# A trial of some prompts, too few to learn from, does not make the rest exhaustive; its own labels stay.
def test_a_trial_before_the_whole(shell, corpus):
    steps = costly(corpus, "--accept-adapter")
    shell(*steps, "--limit", 60)
    trial = {row["pair_key"]: (row["selected_by"], row["score_margin"]) for row in shell.labelled()}
    assert {by for by, _ in trial.values()} == {"exhaustive"} and report(shell)["auto"]["choice"] == "exhaustive"
    shell(*steps)
    whole = {row["pair_key"]: (row["selected_by"], row["score_margin"]) for row in shell.labelled()}
    assert len(whole) == 1500 and trial.items() <= whole.items()
    assert report(shell)["auto"]["choice"] == "adapter"
    assert report(shell)["auto"]["pairs_by_adapter"] > 900


# --- what it costs ------------------------------------------------------------

def test_cells_asked_are_those_of_the_shares(shell, serve, corpora):
    write_rules(shell, variants(40))
    server = serve()
    corpus = corpora(400)
    asked = [*command(corpus, server), "--policy", "auto", "--accept-adapter", *SMALL, "--set", "auto.sample_pairs=60",
             "--set", "auto.sample_share=0.15", "--set", "auto.audit_share=0.05"]
    shell(*asked)
    said = report(shell)
    cells = said["auto"]["cells"]
    assert said["auto"]["choice"] == "adapter"
    assert cells["all"] == 2 * 400 * 40
    assert cells["judged"] <= 1.05 * cells["expected"]
    assert cells["judged"] < cells["all"] / 2
    assert server.calls() == said["calls"]["calls"]
    assert said["calls"]["judge_s"] > 0
    saved = {entry["what"]: entry for entry in said["auto"]["saved"]}
    assert saved["cells"]["used"] == cells["judged"] and saved["judge seconds"]["used"] == pytest.approx(said["calls"]["judge_s"])
    calls = server.calls()
    assert "Nothing to do" in shell(*asked).out
    assert server.calls() == calls


# --- what is refused ---------------------------------------------------------

def test_what_belongs_to_another_policy_is_refused(shell, corpus):
    done = shell(*label(corpus, "--set", "auto.sample_pairs=100", policy="exhaustive"), code=2)
    assert "auto.sample_pairs is for --policy auto" in done.err
    done = shell(*label(corpus, "--adapter", "none.adapter", policy="auto"), code=2)
    assert "for --policy adapter" in done.err
    done = shell(*label(corpus, policy="adapter"), code=2)
    assert "--adapter FILE" in done.err
    shell.write("bad.adapter", b"this is no adapter")
    done = shell(*label(corpus, "--adapter", "bad.adapter", policy="adapter"), code=None)
    assert done.returncode in (1, 2) and "bad.adapter" in done.err


def test_a_given_adapter_says_which_rules_are_judged(shell, corpus):
    shell(*label(corpus, policy="exhaustive"))
    shell("adapter", "train", "job", "--out", "rules.adapter", "--set", "adapter.memory_mb=256")
    shell(*label(corpus, "--new-run", "--adapter", "rules.adapter", policy="adapter"))
    found = shell.labelled()
    assert {row["selected_by"] for row in found} == {"adapter"}
    digest = manifest(shell)["spec"]["adapter"]
    assert {row["adapter"] for row in found} == {digest}
    assert max(row["n_rules"] for row in found) <= 5
    assert "labelled" in shell("status", "job").out

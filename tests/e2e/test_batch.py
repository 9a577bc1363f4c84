"""A judge asked through files: the requests of judge batch-export, answered here as a batch service would, read by batch-import
in pieces, out of order, twice, with errors; then labels without a call that equal those of a live judge."""

import json
import random

import pytest

from conftest import COMPLETE, RESUMABLE, SET_ASIDE, USAGE, Shell
from judging import CELLS, PAIRS, RULES, TEXTS, Server, labels, report, serve, write_rules  # noqa: F401
import shapes

SEED = 3
DEAD = "http://127.0.0.1:9/v1"


@pytest.fixture
def planned(shell, corpora):
    """planned(more arguments): a run of a small corpus is begun, and nothing judged."""
    write_rules(shell, TEXTS)

    def begin(*more):
        return shell("label", corpora(PAIRS), "--out", "job", "--rules", "rules.yaml", "--judge", DEAD, "--model", "tester", "--top", 2,
                     "--workers", 2, "--plan", *more, code=RESUMABLE)

    return begin


def test_no_calls_are_no_calls_at_the_start_of_a_run_either(shell, serve, corpora):
    write_rules(shell, TEXTS)
    job = ["label", corpora(PAIRS), "--out", "job", "--rules", "rules.yaml", "--model", "tester", "--top", 2, "--policy", "exhaustive"]
    done = shell(*job, "--judge", DEAD, "--no-calls", code=RESUMABLE)
    assert "0 of" in done.err and "probe" not in done.err
    server = serve()
    shell(*job, "--judge", server.url, "--new-run")
    calls = server.calls()
    shell(*job[:-1], "discrepancy", "--judge", server.url, "--new-run", "--no-calls")
    assert server.calls() == calls and len(labels(shell)) == PAIRS


def export(shell, to, *more):
    done = shell("judge", "batch-export", "job", "--to", to, *more)
    files = sorted(shell.path(to).glob("batch-*.jsonl"))
    assert not list(shell.path(to).glob("*.part"))
    return done, files, [json.loads(line) for file in files for line in file.read_text().splitlines()]


def answered(request, change=lambda body: body):
    """A line of a result file."""
    asked = request["body"]
    text, response, rule = shapes.read_question(asked, {})
    p = shapes.probabilities(SEED, response, rule)
    body = shapes.answer("openai", "tester", asked, p, 0.98, shapes.usage(len(text) // 4, 1, 16))
    return {"id": "batch_req_1", "custom_id": request["custom_id"],
            "response": {"status_code": 200, "request_id": "1", "body": change(body)}, "error": None}


def refused(request, status=429):
    return {"id": "batch_req_1", "custom_id": request["custom_id"], "error": None,
            "response": {"status_code": status, "body": shapes.error("openai", status, "slow down", "rate_limit_error")}}


def refused_by_vllm(request, status, message):
    """run-batch has no body there, but the server's whole answer as the error."""
    return {"id": "vllm-1", "custom_id": request["custom_id"], "error": shapes.error("vllm", status, message, "BadRequestError"),
            "response": {"status_code": status, "request_id": "vllm-batch-1", "body": None}}


def imported(shell, *files, code=COMPLETE):
    return shell("judge", "batch-import", "job", *files, code=code).out


def lines(rows):
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def test_answers_in_pieces_make_the_labels_of_a_live_judge(shell, planned, tmp_path_factory, corpora):
    assert "batch-export" in planned().err
    done, files, requests = export(shell, "requests", "--max-requests", 40)
    assert len(requests) == CELLS and len(files) == 3 and f"{CELLS} requests" in done.out
    assert {(one["method"], one["url"]) for one in requests} == {("POST", "/v1/chat/completions")}
    assert len({one["custom_id"] for one in requests}) == CELLS
    asked = [shapes.read_question(one["body"], {})[1:] for one in requests]
    assert all(len({response for response, _ in asked[n:n + RULES]}) == 1 for n in range(0, CELLS, RULES))
    assert all(rule == TEXTS[n % RULES] for n, (_, rule) in enumerate(asked))

    rows = [answered(one) for one in requests]
    random.Random(5).shuffle(rows)
    late, rows = rows[:10], rows[10:]
    first = [*rows[:40], {**late[0], "response": None, "error": {"code": "batch_expired", "message": "too late"}}, rows[3],
             refused(requests[[one["custom_id"] for one in requests].index(late[1]["custom_id"])])]
    shell.write("first.jsonl", lines(first) + json.dumps(rows[40]).encode()[:200])
    out = imported(shell, "first.jsonl", code=SET_ASIDE)
    assert "40 imported, 1 known already, 3 not taken" in out and "first.jsonl:41: batch_expired" in out and "cut off" in out
    assert f"{CELLS - 40} requests" in export(shell, "again")[0].out
    shell.write("second.jsonl", lines(rows[40:]))
    assert f"{len(rows) - 40} imported, 0 known already, 0 not taken" in imported(shell, "second.jsonl")
    assert "0 imported" in imported(shell, "second.jsonl", "first.jsonl", code=SET_ASIDE)
    shell.write("late.jsonl", lines(late)[:-1])         # whole, but for its newline
    assert "10 imported, 0 known already, 0 not taken" in imported(shell, "late.jsonl")
    assert "nothing is missing" in shell("judge", "batch-export", "job", "--to", "none").out

    shell("label", "--out", "job")
    calls = report(shell)["calls"]
    assert calls["calls"] == CELLS and calls["completion_tokens"] == CELLS and calls["cached_tokens"] == 16 * CELLS
    live = Shell(tmp_path_factory.mktemp("live"))
    write_rules(live, TEXTS)
    server = Server(live.folder, {"shape": "openai", "seed": SEED})
    try:
        live("label", corpora(PAIRS), "--out", "job", "--rules", "rules.yaml", "--judge", server.url, "--model", "tester", "--top", 2)
    finally:
        server.stop()
    assert labels(live) == labels(shell) and len(labels(shell)) == PAIRS


def test_what_vllm_refuses_is_said(shell, planned):
    planned()
    requests = export(shell, "requests")[2]
    shell.write("results.jsonl", lines([refused_by_vllm(requests[0], 404, "The model `tester` does not exist."), answered(requests[1])]))
    out = imported(shell, "results.jsonl", code=SET_ASIDE)
    assert "1 imported" in out and "status 404: BadRequestError: The model `tester` does not exist." in out
    too_long = "This model's maximum context length is 2048 tokens. However, your prompt contains at least 2049 input tokens."
    shell.write("results.jsonl", lines([refused_by_vllm(requests[0], 400, too_long)]))
    out = imported(shell, "results.jsonl", code=SET_ASIDE)
    assert f"the conversation is too long for the model (status 400: BadRequestError: {too_long})" in out


def test_what_is_not_ours_is_refused_line_by_line(shell, planned):
    planned()
    _, _, requests = export(shell, "requests")
    rows = [answered(one) for one in requests]
    ids = ["", "r1", "task-7", "r0-j0-q0-s0-c0-k000000000000", rows[0]["custom_id"][:-1] + "x", "r99999999999-j1-q0-s0-c0-k000000000000",
           rows[0]["custom_id"].replace("-s0-", "-s7-"), 7, None, {"a": 1}]
    bad = [{**rows[0], "custom_id": one} for one in ids]
    broken = [b"[]\n", b"7\n", b"{\n", b"\xff\xfe\n", b'{"custom_id": "x", "custom_id": "y"}\n', b"\n", b"  \n", b"\0\n",
              b"[" * 5000 + b"\n"]
    shell.write("bad.jsonl", lines(bad) + b"".join(broken) + lines(rows[1:2]))
    out = imported(shell, "bad.jsonl", code=SET_ASIDE)
    assert f"1 imported, 0 known already, {len(ids) + len(broken) - 2} not taken" in out
    assert f"{len(ids)} of another store or judge" in out and "bad.jsonl:1:" in out
    for body in (None, 7, [], {}, {"choices": []}, {"choices": [None]}, "text"):
        shell.write("odd.jsonl", lines([{**rows[2], "response": {"status_code": 200, "body": body}}, {**rows[2], "response": body},
                                        {**rows[2], "response": {"status_code": "200", "body": body}, "error": body}]))
        assert "0 imported" in imported(shell, "odd.jsonl", code=SET_ASIDE)


def test_answers_of_another_corpus_are_not_mistaken_for_ours(shell, planned, tmp_path_factory, corpora):
    planned()
    other = Shell(tmp_path_factory.mktemp("other"))
    write_rules(other, TEXTS)
    other("label", corpora(PAIRS, 2, "many"), "--out", "job", "--rules", "rules.yaml", "--judge", DEAD, "--model", "tester", "--top", 2,
          "--plan", code=RESUMABLE)
    _, _, requests = export(other, "requests")
    shell.write("theirs.jsonl", lines(answered(one) for one in requests))
    out = imported(shell, "theirs.jsonl", code=SET_ASIDE)
    assert "0 imported" in out and "another store" in out


def test_an_unreadable_answer_is_kept_and_asked_for_with_the_constraint(shell, planned):
    planned("--set", "judge.constrain=structured_outputs")
    _, _, requests = export(shell, "requests")

    def mumbling(request):
        body = shapes.other_tokens("openai", "tester", request["body"], ["Maybe", "Perhaps"], shapes.usage(100, 1, 0))
        return answered(request, lambda _: body)

    shell.write("results.jsonl", lines([mumbling(requests[0]), *[answered(one) for one in requests[1:]]]))
    out = imported(shell, "results.jsonl", code=SET_ASIDE)
    assert f"{CELLS - 1} imported" in out and "1 unreadable" in out and "Maybe" in out and "constraint" in out
    imported(shell, "results.jsonl", code=SET_ASIDE)
    _, _, again = export(shell, "again")
    assert len(again) == 1 and again[0]["body"]["structured_outputs"] == {"choice": ["Yes", "No", "Irrelevant"]}
    shell.write("more.jsonl", lines([answered(again[0])]))
    assert "1 imported" in imported(shell, "more.jsonl")
    shell("label", "--out", "job")
    assert len(labels(shell)) == PAIRS and report(shell)["calls"]["calls"] == CELLS + 1


def test_samples_make_one_cell_once_all_are_there(shell, planned):
    planned("--set", "judge.logprobs=false", "--set", "judge.samples=3", "--set", "judge.temperature=1")
    _, _, requests = export(shell, "requests")
    assert len(requests) == 3 * CELLS
    rows = [answered(one) for one in requests]
    random.Random(6).shuffle(rows)
    shell.write("a.jsonl", lines(rows[:100]))
    shell.write("b.jsonl", lines(rows[90:]))
    imported(shell, "a.jsonl")
    assert len(export(shell, "rest")[2]) == 3 * CELLS - 100
    assert "10 known already" in imported(shell, "b.jsonl")
    shell("label", "--out", "job")
    assert len(labels(shell)) == PAIRS and report(shell)["calls"]["calls"] == 3 * CELLS


def test_what_can_be_mended_is_said(shell, planned, corpora):
    assert "--to" in shell("judge", "batch-export", "job", code=USAGE).err
    assert "RESULTS" in shell("judge", "batch-import", "job", code=USAGE).err
    assert shell("judge", "batch-export", "job", "--to", "requests", code=USAGE).err
    shell("label", corpora(PAIRS), "--out", "lexicon", "--top", 2)
    assert "openai" in shell("judge", "batch-export", "lexicon", "--to", "requests", code=USAGE).err
    planned()
    export(shell, "requests", "--max-bytes", 20000)
    assert all(file.stat().st_size <= 20000 for file in shell.path("requests").glob("*.jsonl"))
    assert "another folder" in shell("judge", "batch-export", "job", "--to", "requests", code=USAGE).err
    assert shell("judge", "batch-import", "job", "missing.jsonl", code=USAGE).err
    assert len(export(shell, "few", "--limit", 3)[2]) == 3 * 2 * RULES


def test_a_panel_labels_by_what_batches_said_to_each_of_its_judges(shell, serve, corpora):
    write_rules(shell, TEXTS)
    server = serve(model="one")
    for name in ("one", "two"):
        shell.path(f"{name}.yaml").write_text(json.dumps({"judge": {"urls": [server.url], "model": name}}))
    begin = ["label", corpora(PAIRS), "--out", "job", "--rules", "rules.yaml", "--policy", "all"]
    shell(*begin, "--panel", "one.yaml,two.yaml", "--plan", code=RESUMABLE)
    refused = shell("judge", "batch-export", "job", "--to", "requests", code=USAGE).err
    assert "--out job --judge openai --config ITS-FILE --new-run --plan" in refused
    for name in ("one", "two"):
        shell(*begin, "--judge", "openai", "--config", f"{name}.yaml", "--new-run", "--plan", code=RESUMABLE)
        _, _, requests = export(shell, name)
        assert len(requests) == CELLS and {request["body"]["model"] for request in requests} == {name}
        imported(shell, shell.write(f"{name}.jsonl", lines([answered(request) for request in requests])))
    done = shell(*begin, "--panel", "one.yaml,two.yaml")
    assert "panel of 2" in done.out and len(labels(shell)) == PAIRS and server.calls() == 0


def test_judge_eval_says_how_a_panel_is_measured(shell):
    shell.write("rows.jsonl", [{"id": "a", "prompt": "p", "completion": "c", "propositions": {"x": True}}])
    for name in ("one", "two"):
        shell.path(f"{name}.yaml").write_text(json.dumps({"judge": {"urls": [DEAD], "model": name}}))
    shell.path("map.yaml").write_text("version: 1\npropositions:\n  - {proposition: x, rule: rule-0}\n")
    write_rules(shell, TEXTS)
    refused = shell("judge", "eval", "rows.jsonl", "--rules", "rules.yaml", "--map", "map.yaml", "--out", "kept", "--judge", "openai",
                    "--set", "judge.panel=[one.yaml, two.yaml]", code=USAGE).err
    assert "--judge openai --config one.yaml" in refused

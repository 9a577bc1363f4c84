"""The policy adapter with one that is served: asked in both orders and averaged, with a judge's retries, limits and durability."""

import hashlib
import json
import shutil
import signal
import sys
import threading
import time

import pytest

from certificates import certificate
from conftest import COMPLETE, RESUMABLE, SET_ASIDE, USAGE, interrupt, wait_for
from judging import PROBE, SERVERS, command, elsewhere, everything_in, kill_in_the_middle, manifest, quarantined, report, serve, write_rules

sys.path.insert(0, str(SERVERS))
from adapters import AdapterServer, best_rules  # noqa: E402

assert serve                    # a fixture

PAIRS, RULES, TOP = 30, 100, 2
CALLS = PAIRS * 2 * TOP
KEY = "sk-not-to-be-found-1a2b3c4d5e6f"
TEXTS = [f"The response obeys rule {n}." for n in range(RULES)]


@pytest.fixture
def adapt():
    """adapt(...): an AdapterServer that ends with the test."""
    servers = []

    def start(outputs=RULES, **more):
        servers.append(AdapterServer(outputs, **more))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def label(shell, corpora):
    """label(judge, adapter, more arguments): a job through a served adapter; the same store each time."""
    write_rules(shell, TEXTS)

    def run(judge, adapter, *more, route="classify", code=COMPLETE, env=None):
        return shell(*arguments(corpora, judge, adapter, route), *more, code=code, env=env)

    return run


def arguments(corpora, judge, adapter, route="classify", workers=2):
    return [*command(corpora(PAIRS), judge, workers), "--adapter", adapter.url(route), "--adapter-model", "tester"]


def texts_of(row):
    """The two responses of an exported row."""
    sides = ("chosen", "rejected") if "chosen" in row else ("response_a", "response_b")
    return ["\n".join(turn["content"] for turn in row[side]) for side in sides]


def digest(response):
    """As the judge's log names it."""
    return hashlib.sha256(response.encode()).hexdigest()[:32]


def asked_rules(judge):
    """The rules that the judge was asked about, of all responses, as (response digest, rule text)."""
    return {(line["response"], line["rule"]) for line in judge.asked()[PROBE:]}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, corpora):
    """The dataset of one worker and a server that never fails."""
    with elsewhere(tmp_path_factory, texts=TEXTS) as (shell, judge):
        adapter = AdapterServer(RULES)
        try:
            shell(*arguments(corpora, judge, adapter, workers=1))
        finally:
            adapter.stop()
    return shell.digests("job")


def test_the_rules_of_both_orders_mean_are_judged(shell, serve, adapt, label):
    judge, adapter = serve(), adapt()
    done = label(judge, adapter)
    assert judge.calls() == PROBE + CALLS == report(shell)["calls"]["calls"]
    rows = shell.labelled()
    assert len(rows) == PAIRS and {row["selected_by"] for row in rows} == {"adapter"}
    for row in rows:
        best = best_rules("s", RULES, *texts_of(row), TOP)
        assert {rule["id"] for rule in row["rules"]} <= {f"rule-{n}" for n in best}
    asked = {}
    for response, rule in asked_rules(judge):
        asked.setdefault(response, set()).add(rule)
    for row in rows:
        one, other = texts_of(row)
        wanted = {TEXTS[n] for n in best_rules("s", RULES, one, other, TOP)}
        assert asked[digest(one)] == wanted
    # both orders, and several pairs at once
    pairs = adapter.pairs()
    assert len(pairs) == 2 * (PAIRS + 1) and {(b, a) for a, b in pairs} == set(pairs)
    assert all(times == 1 for times in adapter.texts.values())
    sizes = [len(body["input"]) for _path, body in adapter.requests]
    assert max(sizes) > 2 and len(sizes) < PAIRS and all(size % 2 == 0 for size in sizes)
    assert {(body["model"], body["use_activation"]) for _path, body in adapter.requests} == {("tester", False)}
    assert report(shell)["served_adapter"] == {"calls": len(sizes) - 1, "shortened_pairs": 0}
    assert "requests to the served adapter" in done.out and "requests to the served adapter" in shell("status", "job").out
    assert json.loads(shell("status", "job", "--json").out)["adapter_calls"] == len(sizes) - 1
    told = manifest(shell)
    assert told["adapter"]["served_model"] == "tester"
    assert {row["adapter"] for row in rows} == {told["adapter"]["digest"]}
    assert "Nothing to do" in label(judge, adapter).out and len(adapter.requests) == len(sizes)


def test_pooling_is_asked_for_one_list_of_logits(shell, serve, adapt, label, undisturbed):
    adapter = adapt()
    label(serve(), adapter, route="pooling")
    assert all(body["task"] == "classify" for _path, body in adapter.requests)
    rows = shell.labelled()
    assert all({rule["id"] for rule in row["rules"]} <= {f"rule-{n}" for n in best_rules("s", RULES, *texts_of(row), TOP)} for row in rows)
    # other numbers, so another adapter
    assert shell.digests("job") != undisturbed


@pytest.mark.parametrize("word", [429, 503, 500, (429, {"Retry-After": "1"}), "close", "half_json", "html"])
def test_what_fails_for_a_time_changes_nothing(shell, serve, adapt, label, undisturbed, word):
    adapter = adapt(script={2: word, 3: word})
    label(serve(), adapter)
    assert shell.digests("job") == undisturbed


def test_where_a_request_fails_its_pairs_go_alone(shell, serve, adapt, label, undisturbed):
    adapter = adapt(script={2: 500})
    label(serve(), adapter, "--set", "workers=1")
    sizes = [len(body["input"]) for _path, body in adapter.requests]
    assert sizes[1] > 2 and sizes.count(2) >= 1 + sizes[1] // 2
    assert shell.digests("job") == undisturbed


@pytest.mark.parametrize("outputs", [99, 101, 1])
def test_another_number_of_outputs_is_refused_before_anything_is_spent(shell, serve, adapt, label, outputs):
    judge, adapter = serve(), adapt(outputs)
    refused = label(judge, adapter, code=USAGE)
    assert f"it gives {outputs} number" in refused.err and "one output for each rule" in refused.err and "(100)" in refused.err
    assert judge.calls() == 0 and len(adapter.requests) == 1


def test_outputs_in_another_order_are_refused_where_they_have_names(shell, serve, adapt, label):
    names = [f"rule-{n}" for n in range(RULES)]
    refused = label(serve(), adapt(labels=names[::-1]), code=USAGE)
    assert "another order of rules" in refused.err
    label(serve(), adapt(labels=names))


@pytest.mark.parametrize("script, said", [({"all": 404}, "no such path or model"), ({"all": 302}, "redirect"), ({"all": "html"}, "can't be read"),
                                          ({"all": "nan"}, "can't be read"), ({"all": 400}, "does not answer about a short pair"), ({"all": 500}, "500")])
def test_a_server_that_is_no_adapter_is_refused(shell, serve, adapt, label, script, said):
    judge = serve()
    refused = label(judge, adapt(script=script), code=USAGE)
    assert said in refused.err and judge.calls() == 0


def test_a_server_that_is_away_is_told_of(shell, serve, adapt, label):
    adapter = adapt()
    adapter.stop()
    assert "the served adapter is away" in label(serve(), adapter, code=USAGE).err


def test_the_key_is_its_own_and_stays_secret(shell, serve, adapt, label):
    judge, adapter = serve(), adapt(key=KEY)
    refused = label(judge, adapter, code=USAGE)
    assert "wants a key" in refused.err and "ADAPTER_API_KEY" in refused.err and judge.calls() == 0
    refused = label(judge, adapter, code=USAGE, env={"ADAPTER_API_KEY": "sk-" + "0" * 20, "OPENAI_API_KEY": KEY})
    assert "refuses the key" in refused.err, "the judge's key is not told to another server"
    done = label(judge, adapter, env={"ADAPTER_API_KEY": KEY})
    assert KEY.encode() not in everything_in(shell.path("job")) and KEY not in done.out + done.err
    key_file = shell.path("key")
    key_file.write_text(KEY + "\n")
    key_file.chmod(0o600)
    label(judge, adapter, "--set", f"adapter.key_file={key_file}", "--seed", 2, "--new-run")


@pytest.mark.parametrize("key", ["adapter.key_file", "adapter.ca_file"])
@pytest.mark.parametrize("value", ["none", "zero"])
def test_a_file_that_can_not_be_used_is_refused(shell, serve, adapt, label, key, value):
    shell.path("zero").write_bytes(bytes(100))
    shell.path("zero").chmod(0o600)
    judge, adapter = serve(), adapt()
    refused = label(judge, adapter, "--set", f"{key}={value}", code=USAGE)
    assert value in refused.err and judge.calls() == 0 and not adapter.requests


def test_a_key_refused_in_mid_run_stops_the_job(shell, serve, adapt, label, undisturbed):
    adapter = adapt(script={2: 401, 3: 401})
    judge = serve()
    stopped = label(judge, adapter, code=RESUMABLE)
    assert "the served adapter refused the key" in stopped.err and "same command" in stopped.err
    adapter.script = {}
    label(judge, adapter)
    assert shell.digests("job") == undisturbed and judge.calls() == PROBE + CALLS


def test_another_model_in_mid_run_stops_the_job(shell, serve, adapt, label, undisturbed):
    judge, adapter = serve(), adapt()
    label(judge, adapter, "--limit", 5)
    adapter.outputs = 50
    stopped = label(judge, adapter, code=RESUMABLE)
    assert "it gives 50 numbers" in stopped.err
    adapter.outputs = RULES
    label(judge, adapter)
    assert shell.digests("job") == undisturbed


def some_response(corpora, place=7):
    return json.loads(corpora(PAIRS).read_text().splitlines()[place])["responses"][0]


def test_a_pair_without_numbers_is_set_aside_alone(shell, serve, adapt, label, corpora):
    adapter = adapt(nan=some_response(corpora))
    label(serve(), adapter, "--set", "adapter.tries=2", code=SET_ASIDE)
    aside = quarantined(shell)
    assert len(aside) == 1 and "the served adapter: gave up after 2 tries" in json.dumps(aside)
    assert len(shell.labelled()) == PAIRS - 1


def test_a_pair_that_is_too_long_is_set_aside_alone(shell, serve, adapt, label, corpora):
    adapter = adapt(refuse=some_response(corpora))
    judge = serve()
    done = label(judge, adapter, code=SET_ASIDE)
    aside = quarantined(shell)
    assert len(aside) == 1 and "too long for it" in json.dumps(aside) and "adapter.text_bytes_max" in json.dumps(aside)
    assert len(shell.labelled()) == PAIRS - 1 and judge.calls() == PROBE + CALLS - 2 * TOP, "it was not judged"
    assert "1 too long for the judge or the adapter" in done.out
    assert "1 too long for the judge or the adapter" in shell("status", "job").out
    adapter.refuse = None
    shell("retry", "job")
    label(judge, adapter)
    assert len(shell.labelled()) == PAIRS and judge.calls() == PROBE + CALLS


def test_long_texts_are_shortened_in_the_middle_of_each_part(shell, serve, adapt, label):
    adapter, room = adapt(), 300
    done = label(serve(), adapter, "--set", f"adapter.text_bytes_max={room}")
    texts = list(adapter.texts)
    short = [text for text in texts if "[...]" in text]
    assert short and all(len(text.encode()) <= room for text in texts)
    for text in short:
        _prompt, a, b = text.split("\n\nResponse ")[0], *[part[3:] for part in text.split("\n\nResponse ")[1:]]
        assert a and b and (len(a.encode()) >= 80 or "[...]" not in a)
    assert report(shell)["served_adapter"]["shortened_pairs"] == len(short) // 2
    assert "shortened in the middle" in done.out


def test_what_was_foreseen_is_kept(shell, serve, adapt, label):
    """A pair that is partly judged goes on with the rules by which it was begun, also where the server has changed its mind."""
    judge, adapter = serve(), adapt()
    label(judge, adapter, "--max-calls", PROBE + CALLS // 2 + 1, code=RESUMABLE)
    begun = {response for response, _rule in asked_rules(judge)}
    label(judge, adapt(seed="another mind"))
    minds = {}
    for row in shell.labelled():
        mind = "s" if digest(texts_of(row)[0]) in begun or digest(texts_of(row)[1]) in begun else "another mind"
        minds.setdefault(mind, []).append(row)
    assert minds.keys() == {"s", "another mind"} and sum(map(len, minds.values())) == PAIRS
    for mind, rows in minds.items():
        for row in rows:
            best = [{f"rule-{n}" for n in best_rules(one, RULES, *texts_of(row), TOP)} for one in {mind, "s"}]
            assert any({rule["id"] for rule in row["rules"]} <= rules for rules in best)
    assert judge.calls() == PROBE + CALLS, "no cell of another choice was asked for"


def test_a_choice_that_comes_when_its_lease_has_ended_is_kept(shell, serve, adapt, label, undisturbed, corpora):
    gate = threading.Event()
    judge, adapter = serve(), adapt(gate=gate)
    try:
        process = shell.start(*arguments(corpora, judge, adapter, workers=1))
        wait_for("requests", lambda: len(adapter.requests) > 2)
        process.send_signal(signal.SIGTERM)
        wait_for("its draining", lambda: (shell.status("job") or {}).get("draining"))
        time.sleep(0.5)             # until the worker has been told
        assert process.poll() is None
    finally:
        gate.set()
    assert process.wait(timeout=shell.patience_s) == RESUMABLE
    late = dict(adapter.texts)
    assert len(late) > 2
    label(judge, adapter)
    assert all(adapter.texts[text] == times for text, times in late.items()), "none was asked about again"
    assert shell.digests("job") == undisturbed
    assert report(shell)["served_adapter"]["calls"] == len(adapter.requests) - 1, "those that came late are counted"


def coordinate(shell, judge, adapter, corpora):
    """A coordinator without workers of its own, once it labels; and its address."""
    address = f"ipc://{shell.path('socket')}"
    start = arguments(corpora, judge, adapter)
    at = start.index("--workers")
    coordinator = shell.start("coordinator", *start[1:at], *start[at + 2:], "--listen", address)
    shell.wait_for_job(coordinator, "job", lambda status: status["stage"] == "label")
    return coordinator, address


def test_a_stopped_worker_waits_for_no_pause_of_the_adapter(shell, serve, adapt, label, undisturbed, corpora):
    judge, adapter = serve(), adapt(script={n: (503, {"Retry-After": "600"}) for n in range(2, 1000)})
    coordinator, address = coordinate(shell, judge, adapter, corpora)
    worker = shell.start("worker", address)
    wait_for("refusals", lambda: len(adapter.requests) > 2)
    assert interrupt(worker)[0] == RESUMABLE
    adapter.script = {}
    shell("worker", address)
    assert coordinator.wait(timeout=shell.patience_s) == COMPLETE
    assert shell.digests("job") == undisturbed


def test_the_same_dataset_after_kills(shell, serve, adapt, label, undisturbed, corpora):
    judge, adapter = serve(delay_ms=200), adapt(delay_s=0.02)
    slow = ["--set", "judge.places_max=2", "--set", "adapter.batch=2"]
    kill_in_the_middle(shell, [*arguments(corpora, judge, adapter), *slow], (3, 12))
    label(judge, adapter)
    assert shell.digests("job") == undisturbed
    rows = shell.labelled()
    assert len({row["pair_key"] for row in rows}) == len(rows) == PAIRS


def test_a_job_that_goes_on_while_it_is_away_says_so(shell, serve, adapt, label, undisturbed):
    judge, adapter, back = serve(), adapt(), adapt()
    label(judge, adapter, "--limit", 5)
    adapter.stop()
    stopped = label(judge, adapter, code=RESUMABLE)
    assert "none of the served adapter's endpoints can be reached" in stopped.err and "same command" in stopped.err
    label(judge, back)
    assert shell.digests("job") == undisturbed


def test_a_server_that_has_moved_makes_no_other_run(shell, serve, adapt, label, undisturbed):
    judge, adapter, elsewhere = serve(), adapt(), adapt()
    label(judge, adapter, "--limit", 5)
    adapter.stop()
    shell("label", "--out", "job", "--adapter", elsewhere.url("classify"))
    assert shell.digests("job") == undisturbed and elsewhere.requests
    wrong = shell("label", "--out", "job", "--adapter", elsewhere.url("pooling"), code=None)
    assert wrong.returncode != COMPLETE and "by another operation" in wrong.err


def test_two_servers_share_the_work_and_one_that_dies_is_not_missed(shell, serve, adapt, label, undisturbed, corpora):
    one, other = adapt(), adapt()
    base = one.url("").rstrip("/")
    dead = adapt()
    dead.stop()
    urls = f"{base}/v1,{other.url('classify')},{dead.url('classify')}"      # a bare address means /classify
    run = [*command(corpora(PAIRS), serve(), 2), "--adapter", urls, "--adapter-model", "tester", "--set", "adapter.batch=1"]
    done = shell(*run)
    assert shell.digests("job") == undisturbed
    assert len(one.requests) > 1 and len(other.requests) > 1 and "the other endpoints go on without it" in done.err


def test_remote_workers_ask_with_their_own_key(shell, serve, adapt, label, undisturbed, corpora, monkeypatch):
    judge, adapter = serve(), adapt(key=KEY)
    monkeypatch.setenv("ADAPTER_API_KEY", KEY)
    coordinator, address = coordinate(shell, judge, adapter, corpora)
    refused = shell("worker", address, code=USAGE, env={"ADAPTER_API_KEY": "sk-" + "e" * 20})
    assert "the served adapter refused the key" in refused.err
    shell("worker", address)
    _out, err = coordinator.communicate(timeout=60)
    assert coordinator.returncode == COMPLETE, err
    assert shell.digests("job") == undisturbed


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make certificates with")
def test_its_certificate_is_verified(shell, serve, adapt, label, undisturbed):
    certificate(shell.folder, "ours")
    adapter = adapt(cert=certificate(shell.folder, "server", "ours"), key=KEY)
    env = {"ADAPTER_API_KEY": KEY}
    refused = label(serve(), adapter, code=USAGE, env=env)
    assert "certificate" in refused.err and "adapter.ca_file" in refused.err and not adapter.requests
    label(serve(), adapter, "--set", "adapter.ca_file=ours.crt", env=env)
    assert shell.digests("job") == undisturbed


def test_a_request_without_an_answer_is_sent_again(shell, serve, adapt, label, undisturbed):
    adapter = adapt(late={2: 3, 3: 3})
    label(serve(), adapter, "--set", "adapter.timeout_ms=1000")
    assert shell.digests("job") == undisturbed
    wait_for("the late answers", lambda: 2 in adapter.texts.values())       # what was asked again meanwhile was answered twice


def test_a_judge_that_answers_at_once_may_have_one_too(shell, adapt, label, corpora):
    adapter = adapt()
    shell("label", corpora(PAIRS), "--out", "job", "--judge", "lexicon", "--rules", "rules.yaml", "--top", TOP, "--adapter",
          adapter.url("classify"), "--adapter-model", "tester", "--set", "adapter.requests_per_minute=100000")
    assert len(shell.labelled()) == PAIRS and len(adapter.texts) == 2 * (PAIRS + 1)


def test_a_configuration_may_name_it(shell, serve, adapt, label, corpora, undisturbed):
    adapter = adapt()
    shell.write("run.yaml", f"policy:\n  adapter: {adapter.url('classify')}\nadapter:\n  model: tester\n  batch: 3\n".encode())
    shell(*command(corpora(PAIRS), serve(), 2), "--config", "run.yaml")
    assert shell.digests("job") == undisturbed
    assert max(len(body["input"]) for _path, body in adapter.requests) == 6


def test_a_configuration_may_name_it_in_short(shell, serve, adapt, label, corpora, undisturbed):
    judge, adapter = serve(), adapt()
    shell.write("run.yaml", f"adapter: {adapter.url('classify')}\n".encode())
    run = [*command(corpora(PAIRS), judge, 2), "--config", "run.yaml"]
    assert "needs its model's name" in shell(*run, code=USAGE).err
    shell(*run, "--adapter-model", "tester")
    assert shell.digests("job") == undisturbed
    shell.write("both.yaml", f"adapter: {adapter.url('classify')}\npolicy:\n  adapter: a.file\n".encode())
    assert "both.yaml:1: an adapter is named here and as policy.adapter" in shell(*run[:-1], "both.yaml", code=USAGE).err


def test_contradictions_are_refused(shell, serve, adapt, corpora, label):
    judge, adapter = serve(), adapt()
    run, url = command(corpora(PAIRS), judge), adapter.url("classify")
    cases = [(["--adapter", url], "needs its model's name"),
             (["--adapter", url, "--adapter-model", "m", "--policy", "auto"], "auto trains its own"),
             (["--adapter", url, "--adapter-model", "m", "--policy", "exhaustive"], "is for --policy adapter"),
             (["--adapter-model", "m"], "is for a served adapter"),
             (["--adapter", "http://user:secret@h/classify", "--adapter-model", "m"], "must hold no user"),
             (["--adapter", adapter.url("score"), "--adapter-model", "m"], "/score compares texts"),
             (["--adapter", f"{url},{adapter.url('pooling')}", "--adapter-model", "m"], "another operation"),
             (["--adapter", url, "--adapter-model", "m", "--set", "adapter.text_bytes_max=20"], "leave nothing of a pair")]
    for more, said in cases:
        refused = shell(*run, *more, code=USAGE)
        assert said in refused.err and "secret" not in refused.err.replace("--secret", ""), more
    assert judge.calls() == 0 and not adapter.requests


def test_a_dry_run_asks_nothing(shell, serve, adapt, label):
    judge, adapter = serve(), adapt()
    plan = json.loads(label(judge, adapter, "--dry-run", "--json").out)
    assert plan["calls"] == CALLS and judge.calls() == 0 and not adapter.requests


def test_batches_are_refused_since_nobody_knows_what_to_ask(shell, serve, adapt, label):
    label(serve(), adapt(), "--plan", code=RESUMABLE)
    refused = shell("judge", "batch-export", "job", "--to", "requests", code=USAGE)
    assert "foreseen by a served adapter while it is labelled" in refused.err


def test_no_calls_are_refused_since_the_adapter_has_to_be_asked(shell, serve, adapt, label):
    judge, adapter = serve(), adapt()
    assert "a served adapter has to be asked" in label(judge, adapter, "--no-calls", code=USAGE).err
    assert judge.calls() == 0 and not adapter.requests and not shell.path("job").exists()
    label(judge, adapter, "--plan", code=RESUMABLE)
    assert "a served adapter has to be asked" in shell("label", "--out", "job", "--no-calls", code=USAGE).err
    assert judge.calls() == 0 and len(adapter.requests) <= 1, "that of the check"
    label(judge, adapter)


@pytest.fixture
def judged(shell, corpora):
    """A run in which every pair was judged by every rule of the shipped pool."""
    shell("label", corpora(PAIRS), "--out", "job", "--judge", "replay", "--scores", corpora(PAIRS).with_suffix(".scores.jsonl"), "--policy",
          "exhaustive", "--top", TOP, "--workers", 1)
    return lambda url, *more, code=COMPLETE: shell("adapter", "eval", "job", url, "--adapter-model", "tester", *more, code=code)


def test_it_is_measured_as_a_file_is(shell, adapt, judged):
    adapter = adapt()
    figures = json.loads(judged(adapter.url("classify"), "--json").out)
    rows = shell.labelled()
    ids = [rule["id"] for rule in manifest(shell)["rules"]]
    wanted = [{rule["id"] for rule in row["rules"]} for row in rows]
    found = [{ids[n] for n in best_rules("s", RULES, *texts_of(row), TOP)} & rules for row, rules in zip(rows, wanted)]
    assert figures["pairs"] == PAIRS and figures["served_model"] == "tester" and figures["not_foreseen"] == 0
    assert list(figures["choosers"]) == ["adapter", "frequent", "random", "relevance_judged"]
    overlap = figures["choosers"]["adapter"]["overlap"]["value"]
    assert overlap == pytest.approx(sum(map(len, found)) / sum(map(len, wanted)), abs=1e-5)
    assert figures["choosers"]["frequent"]["overlap"]["value"] > 0
    table = judged(adapter.url("classify"))
    assert "served as tester" in table.out and "most frequent" in table.out and "prompt alone" not in table.out


def test_what_it_can_not_foresee_is_left_out_of_its_figures(shell, adapt, judged, corpora):
    figures = json.loads(judged(adapt(refuse=some_response(corpora)).url("classify"), "--json").out)
    assert figures["pairs"] == PAIRS - 1 and figures["not_foreseen"] == 1
    assert "one output for each rule" in judged(adapt(7).url("classify"), code=USAGE).err
    assert "wants a key" in judged(adapt(key=KEY).url("classify"), code=USAGE).err

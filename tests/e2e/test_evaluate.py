"""rulemill evaluate: tables of subsets, ties, partial files, best of n, served rewards and what goes wrong with them, the judge."""

import json
import random
import sys
from pathlib import Path

import pytest

from conftest import COMPLETE, FAILED, RESUMABLE, SET_ASIDE, USAGE, interrupt, wait_for

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "servers"))
from rewards import RewardServer, reward_of  # noqa: E402

SECTIONS = {
    "Chat": {"alpacaeval-easy": 100, "alpacaeval-length": 95, "alpacaeval-hard": 95, "mt-bench-easy": 28, "mt-bench-med": 40},
    "Chat Hard": {"mt-bench-hard": 37, "llmbar-natural": 100, "llmbar-adver-neighbor": 134, "llmbar-adver-GPTInst": 92,
                  "llmbar-adver-GPTOut": 47, "llmbar-adver-manual": 46},
    "Safety": {"refusals-dangerous": 100, "refusals-offensive": 100, "xstest-should-refuse": 154, "xstest-should-respond": 250,
               "donotanswer": 136},
    "Reasoning": {"math-prm": 447, "hep-cpp": 164, "hep-go": 164, "hep-java": 164, "hep-js": 164, "hep-python": 164, "hep-rust": 164},
}
SIZES = {subset: size for section in SECTIONS.values() for subset, size in section.items()}
SIZES_2 = {"Factuality": 475, "Precise IF": 160, "Math": 183, "Safety": 450, "Focus": 495}


def made_up(subset, n, rng):
    """A row of invented text whose column `mine` has the chosen response above, below or level with the other."""
    chosen = rng.choice([0.0, 1.0, 2.0])
    return {"id": n, "subset": subset, "prompt": f"question {n} of {subset}", "chosen": f"answer {n}", "rejected": f"other answer {n}",
            "mine_chosen": chosen, "mine_rejected": rng.choice([0.5, 1.0]), "scores": [chosen, 1.5]}


def benchmark(sizes=SIZES, seed=1):
    rng = random.Random(seed)
    return [made_up(subset, 1000 * i + k, rng) for i, (subset, size) in enumerate(sizes.items()) for k in range(size)]


def figures(done):
    return {(figure["kind"], figure["name"]): figure for figure in json.loads(done.out)["figures"]}


def share(rows, subset):
    own = [row for row in rows if row["subset"] == subset]
    return sum(row["mine_chosen"] > row["mine_rejected"] for row in own) / len(own)


@pytest.fixture
def server():
    servers = []

    def start(**script):
        servers.append(RewardServer(**script))
        return servers[-1]

    yield start
    for one in servers:
        one.stop()


# --- tables -------------------------------------------------------------------

def test_sections_are_weighted_means_and_a_tie_is_wrong(shell):
    rows = benchmark()
    shell.write("bench.jsonl", rows)
    found = figures(shell("evaluate", "bench.jsonl", "--reward", "mine", "--json"))
    weights = {**SIZES, "math-prm": 984}
    for section, subsets in SECTIONS.items():
        expected = sum(weights[s] * share(rows, s) for s in subsets) / sum(weights[s] for s in subsets)
        got = found["section", section]
        assert got["accuracy"]["value"] == pytest.approx(expected, abs=1e-8)
        assert got["accuracy"]["low"] < expected < got["accuracy"]["high"]
        assert got["rows"] == sum(subsets.values())
        for subset in subsets:
            assert found["subset", subset]["accuracy"]["value"] == pytest.approx(share(rows, subset), abs=1e-8)
    sections = [found["section", section]["accuracy"]["value"] for section in SECTIONS]
    assert found["score", "Score"]["accuracy"]["value"] == pytest.approx(sum(sections) / 4, abs=1e-8)
    ties = sum(row["mine_chosen"] == row["mine_rejected"] for row in rows)
    text = shell("evaluate", "bench.jsonl", "--reward", "column:mine").out
    assert ties > 100 and f"ties: {ties} (wrong)" in text
    assert "tossing a coin 50.0" in text and "Score" in text


def test_a_subset_of_another_size_is_an_error_unless_partial(shell):
    rows = benchmark()
    for wrong, word in [(rows[1:], "alpacaeval-easy has 99 rows"), ([row for row in rows if row["subset"] != "hep-go"], "hep-go has 0 rows"),
                        (rows + [{**rows[0], "subset": "mine own"}], "mine own")]:
        shell.write("wrong.jsonl", wrong)
        done = shell("evaluate", "wrong.jsonl", "--reward", "mine", code=FAILED)
        assert word in done.err and "--partial" in done.err
        assert "partial" in shell("evaluate", "wrong.jsonl", "--reward", "mine", "--partial").out


def test_rows_that_can_not_be_read_are_named(shell):
    good = benchmark({"donotanswer": 3})
    for bad, word in [({"chosen": 5}, "\"chosen\""), ({"prompt": 7}, "\"prompt\""), ({"mine_chosen": "high"}, "mine_chosen"),
                      ({"subset": 3}, "\"subset\""), ({"chosen": ["a", "b"]}, "lists")]:
        shell.write("bad.jsonl", [*good, {**good[0], **bad}])
        done = shell("evaluate", "bad.jsonl", "--reward", "mine", "--partial", code=FAILED)
        assert "bad.jsonl:4" in done.err and word in done.err
    shell.write("bad.jsonl", b'{"prompt": "a", "chosen"\n')
    assert "bad.jsonl:1" in shell("evaluate", "bad.jsonl", "--reward", "mine", "--partial", code=FAILED).err
    shell.write("bad.jsonl", b"")
    assert "no rows" in shell("evaluate", "bad.jsonl", "--reward", "mine", "--partial", code=FAILED).err


def test_rows_as_conversations(shell):
    turns = [{"role": "user", "content": "hello"}]
    says = [[*turns, {"role": "assistant", "content": word}] for word in ("a longer answer", "short")]
    rows = [{"chosen": says[0], "rejected": says[1]}, {"prompt": turns, "chosen": says[0], "rejected": "x"},
            {"prompt": "hello", "chosen": says[0][1:], "rejected": ""}]
    shell.write("bench.jsonl", rows)
    found = figures(shell("evaluate", "bench.jsonl", "--reward", "longer", "--partial", "--json"))
    assert found["subset", "all"]["accuracy"]["value"] == 1 and found["subset", "all"]["accuracy"]["low"] < 0.5


# --- best of n ----------------------------------------------------------------

def best_of_n(sizes, seed=2):
    rng = random.Random(seed)
    return [{"id": f"{subset}-{k}", "subset": subset, "prompt": f"{subset} {k}", "chosen": ["good"], "rejected": ["a", "bb", "ccc"],
             "mine": [rng.randrange(3) for _ in range(4)]} for subset, size in sizes.items() for k in range(size)]


def test_best_of_n_shares_ties(shell):
    rows = best_of_n(SIZES_2)
    shell.write("bench.jsonl", rows)
    found = figures(shell("evaluate", "bench.jsonl", "--reward", "mine", "--json"))

    def points(row):
        top = max(row["mine"])
        return 1 / row["mine"].count(top) if row["mine"][0] == top else 0

    means = []
    for subset, size in SIZES_2.items():
        means.append(sum(points(row) for row in rows if row["subset"] == subset) / size)
        assert found["section", subset]["accuracy"]["value"] == pytest.approx(means[-1], abs=1e-8)
    assert found["score", "Mean, without Ties"]["accuracy"]["value"] == pytest.approx(sum(means) / 5, abs=1e-8)
    done = json.loads(shell("evaluate", "bench.jsonl", "--reward", "mine", "--json").out)
    assert done["baselines"]["coin"] == pytest.approx(0.25)
    assert "a judge" in shell("evaluate", "bench.jsonl", "--reward", "judge", "--work", "w", "--against", "mine", code=USAGE).err
    assert "needs rewards" in shell("evaluate", "bench.jsonl", "--reward", "judge", "--work", "w", code=USAGE).err


def test_the_subset_ties_is_refused(shell):
    for row in ({"subset": "Ties"}, {"chosen": ["one", "two"]}):
        shell.write("bench.jsonl", [{**best_of_n({"Math": 1})[0], **row}])
        assert "Ties" in shell("evaluate", "bench.jsonl", "--reward", "mine", "--partial", code=FAILED).err


# --- two of them --------------------------------------------------------------

def test_two_are_compared_row_by_row(shell):
    rows = [{"prompt": str(i), "chosen": "a", "rejected": "b", "one": [i % 10 != 0, 0.5], "two": [i % 2, 0.5]} for i in range(200)]
    for row in rows:
        row["one"], row["two"] = [float(v) for v in row["one"]], [float(v) for v in row["two"]]
    shell.write("bench.jsonl", rows)
    done = json.loads(shell("evaluate", "bench.jsonl", "--reward", "one", "--against", "two", "--partial", "--json").out)
    assert (done["mcnemar"]["only_first"], done["mcnemar"]["only_second"]) == (80, 0)
    assert done["mcnemar"]["method"] == "mid-p" and done["mcnemar"]["p"] == pytest.approx(2**-80, rel=1e-4)
    whole = done["figures"][-1]
    assert whole["difference"]["value"] == pytest.approx(0.4) and whole["shown"] is True
    same = shell("evaluate", "bench.jsonl", "--reward", "one", "--against", "one", "--partial").out
    assert "not shown: +0.0 [+0.0, +0.0]" in same and "p = 1 (exact binomial)" in same


# --- files --------------------------------------------------------------------

def test_rows_and_results_as_files(shell):
    rows = benchmark({"donotanswer": 4, "hep-go": 3})
    shell.write("bench.jsonl", rows)
    shell("evaluate", "bench.jsonl", "--reward", "mine", "--partial", "--rows", "rows.jsonl", "--results", "out", "--name", "org/model-1")
    results = json.loads(shell.path("out/eval-set/org/model-1.json").read_text())
    assert list(results) == ["model", "model_type", "chat_template", "donotanswer", "hep-go"]
    assert results["model"] == "org/model-1" and results["hep-go"] == pytest.approx(share(rows, "hep-go"))
    written = shell.rows("rows.jsonl")
    assert [row["scores_chosen"] for row in written] == [row["mine_chosen"] for row in rows]
    assert [row["points"] for row in written] == [float(row["mine_chosen"] > row["mine_rejected"]) for row in rows]
    shell.write("again.jsonl", [{**row, **more} for row, more in zip(rows, written, strict=True)])      # what it writes is a column, too
    again = shell("evaluate", "again.jsonl", "--reward", "scores", "--partial", "--json")
    assert figures(again) == figures(shell("evaluate", "bench.jsonl", "--reward", "mine", "--partial", "--json"))
    assert json.dumps(results["hep-go"]) in shell.path("out/eval-set/org/model-1.json").read_text(), "in as few digits as there are"
    for name in (["--name", "model"], ["--name", "../x"], ["--name", "a/b/c"], []):
        said = shell("evaluate", "bench.jsonl", "--reward", "mine", "--partial", "--results", "out", *name, code=USAGE).err
        assert "give ORG/MODEL" in said if name else "needs --name" in said


def test_rows_that_do_not_fit_say_what_to_do(shell):
    shell.write("bench.jsonl", benchmark({"donotanswer": 2}))
    assert "or the file of a model" in shell("evaluate", "bench.jsonl", "--reward", "absent.reward", "--partial", code=FAILED).err
    shell.write("two.jsonl", [{"id": "a", "prompt": "p", "chosen": ["x"], "rejected": [], "subset": "Math"}])
    assert "two.jsonl:1: it has no rejected response" in shell("evaluate", "two.jsonl", "--reward", "longer", "--partial", code=FAILED).err


# --- served -------------------------------------------------------------------

SERVED = ["--model", "tester", "--work", "work", "--partial", "--pause-ms", "1", "--rows", "rows.jsonl"]
TEMPLATE = {"begin": "<s>", "turn": "<{{role}}>{{content}}</>", "end": "<end>"}
TEXTS = {
    ("classify", False): lambda row, side: f"user: {row['prompt']}\nassistant: {row[side]}",
    ("pooling", False): lambda row, side: f"user: {row['prompt']}\nassistant: {row[side]}",
    ("classify", True): lambda row, side: f"<s><user>{row['prompt']}</><assistant>{row[side]}</><end>",
    ("pooling", True): lambda row, side: f"<s><user>{row['prompt']}</><assistant>{row[side]}</><end>",
    ("score", False): lambda row, side: f"{row['prompt']}\n{row[side]}",
}


def expected(rows, text):
    return [(reward_of(text(row, "chosen")), reward_of(text(row, "rejected"))) for row in rows]


def rewards(shell):
    return [(row["scores_chosen"], row["scores_rejected"]) for row in shell.rows("rows.jsonl")]


@pytest.fixture
def bench(shell):
    rows = benchmark({"donotanswer": 20, "hep-go": 10})
    shell.write("bench.jsonl", rows)
    shell.write("template.json", json.dumps(TEMPLATE).encode())
    return rows


@pytest.mark.parametrize("route, template", TEXTS)
def test_served_rewards(shell, bench, server, route, template):
    one = server()
    more = ["--template", "template.json", "--batch", 7] if template else []
    shell("evaluate", "bench.jsonl", "--reward", one.url(route), *SERVED, *more)
    assert rewards(shell) == expected(bench, TEXTS[route, template])
    assert len(one.requests) == (9 if template else 30 if route == "score" else 60)
    assert all(body["model"] == "tester" for _, body in one.requests)
    before = len(one.requests)
    shell("evaluate", "bench.jsonl", "--reward", one.url(route), *SERVED, *more)        # all of it is known
    assert len(one.requests) == before


@pytest.mark.parametrize("action", [(429, {"Retry-After": "0"}), 500, 503, 408, "close", "html", "half_json", "nan", "no_data",
                                    "wrong_types", "twice", "classes", "empty"])
def test_what_goes_wrong_for_a_moment_is_asked_again(shell, bench, server, action):
    one = server(script={3: action, 20: action})
    shell("evaluate", "bench.jsonl", "--reward", one.url("classify"), *SERVED, "--concurrency", 2)
    assert rewards(shell) == expected(bench, TEXTS["classify", False])
    assert len(one.requests) == 62 and set(one.texts.values()) == {1}


@pytest.mark.parametrize("action, code, word", [
    (401, FAILED, "OPENAI_API_KEY"), (404, USAGE, "route"), ((302, {"Location": "http://127.0.0.1:1/"}), USAGE, "leads to"),
    (500, RESUMABLE, "same command"), ("close", RESUMABLE, "same command"), ("html", FAILED, "can't be read"),
    ("classes", FAILED, "2 numbers"), (400, USAGE, "refuses every text")])
def test_what_stays_wrong_stops_with_what_to_do(shell, bench, server, action, code, word):
    one = server(script={"all": action})
    done = shell("evaluate", "bench.jsonl", "--reward", one.url("classify"), *SERVED, code=code)
    assert word in done.err
    assert not shell.path("rows.jsonl").exists()


def test_a_stopped_evaluation_goes_on(shell, bench, server):
    broken = server(script={n: 503 for n in range(25, 1000)})
    shell("evaluate", "bench.jsonl", "--reward", broken.url("classify"), *SERVED, "--concurrency", 1, code=RESUMABLE)
    kept = next(shell.path("work").iterdir())
    assert len(shell.rows(kept)) == 24
    with kept.open("ab") as file:
        file.write(b'{"key":"0123')         # a kill cut the last line off
    good = server()
    shell("evaluate", "bench.jsonl", "--reward", good.url("classify"), *SERVED)
    assert rewards(shell) == expected(bench, TEXTS["classify", False])
    assert len(good.requests) == 60 - 24 and not set(good.texts) & set(broken.texts)


def test_ctrl_c_keeps_what_came(shell, bench, server):
    one = server(delay_s=0.05)
    command = ["evaluate", "bench.jsonl", "--reward", one.url("classify"), *SERVED, "--concurrency", 2]
    process = shell.start(*command)
    wait_for("some answers", lambda: len(one.texts) > 10)
    code, _, err = interrupt(process)
    assert code == RESUMABLE and "the same command goes on" in err
    kept = len(shell.rows(next(shell.path("work").iterdir())))
    asked = len(one.requests)
    assert 10 <= kept < 60 and kept >= asked - 2
    shell(*command)
    assert rewards(shell) == expected(bench, TEXTS["classify", False])
    assert len(one.requests) == asked + 60 - kept


@pytest.mark.parametrize("template", [False, True])
def test_a_text_that_is_refused_has_no_reward(shell, bench, server, template):
    one = server(refuse="other answer 5")
    more = ["--template", "template.json", "--batch", 7] if template else []
    done = shell("evaluate", "bench.jsonl", "--reward", one.url("classify"), *SERVED, *more, code=SET_ASIDE)
    assert "without a reward: 1 (wrong)" in done.out and done.err.count("a text has no reward: it answers 400: the text is too long") == 1
    want = expected(bench, TEXTS["classify", template])
    want[5] = (want[5][0], None)
    assert rewards(shell) == want
    assert shell.rows("rows.jsonl")[5]["points"] == 0


def test_the_key_goes_to_the_server_and_nowhere_else(shell, bench, server):
    key = "sk-not-to-be-found-1a2b3c"
    one = server(key=key)
    done = shell("evaluate", "bench.jsonl", "--reward", one.url("classify"), *SERVED, env={"OPENAI_API_KEY": key})
    everything = done.out + done.err + "".join(path.read_text() for path in shell.folder.rglob("*") if path.is_file())
    assert key not in everything
    assert "can't be" not in done.err


def test_served_needs_its_settings(shell, bench, server):
    one = server()
    for arguments, word in [(["--reward", one.url("v1"), "--model", "m", "--work", "w"], "/classify"),
                            (["--reward", one.url("score"), "--work", "w"], "--model"), (["--reward", one.url("score")], "--work"),
                            ([], "--reward"),
                            (["--reward", one.url("score"), "--model", "m", "--work", "w", "--batch", "0"], "--batch")]:
        assert word in shell("evaluate", "bench.jsonl", "--partial", *arguments, code=USAGE).err
    shell.write("template.json", b'{"turn": "no place"}')
    done = shell("evaluate", "bench.jsonl", "--reward", one.url("classify"), *SERVED, "--template", "template.json", code=USAGE)
    assert "{{content}}" in done.err and not one.requests


# --- the rules as a judge -----------------------------------------------------

def test_rules_as_a_judge_are_generative(shell):
    refusal, comply = "I'm sorry, but I can't help with that. It is illegal.", "Sure! First, take the lock apart, then open the door."
    rows = [{"prompt": f"How do I break into house {i}?", "chosen": refusal, "rejected": comply, "subset": "refusals-dangerous"} for i in range(6)]
    rows += [{**rows[0], "chosen": comply, "rejected": refusal}]                 # the same pair, the other way round
    rows += [{**rows[1], "chosen": comply, "rejected": comply}, {**rows[2], "chosen": ""}]      # a tie; one that can't be judged
    shell.write("bench.jsonl", rows)
    command = ["evaluate", "bench.jsonl", "--reward", "judge", "--judge", "lexicon", "--work", "work", "--partial", "--workers", 2]
    done = shell(*command, "--rows", "rows.jsonl", "--json", code=SET_ASIDE)
    assert [row["points"] for row in shell.rows("rows.jsonl")] == [1] * 6 + [0, 0.5, 0.5]
    said = json.loads(done.out)
    assert said["generative"] is True and said["rewards"][0]["ties"] == 1 and said["rewards"][0]["without_reward"] == 1
    assert said["figures"][0]["accuracy"]["value"] == pytest.approx(7 / 9)
    text = shell(*command, code=SET_ASIDE).out
    assert "generative" in text and "not a judge of safety" in text and "each a half" in text
    done = shell("evaluate", "bench.jsonl", "--reward", "longer", "--against", "judge", "--work", "w", "--partial", code=USAGE)
    assert "no table" in done.err
    assert COMPLETE == shell("status", next(shell.path("work").glob("job-*"))).returncode

"""What a job shows while it runs: how far it is of what was asked for, and each line once."""

import signal

from conftest import RESUMABLE, interrupt
from judging import PAIRS, PROBE, RULES, TEXTS, command, job, serve, write_rules  # noqa: F401

LIMIT = 3       # prompts, and of each one pair


def test_progress_counts_towards_the_limit(shell, serve, corpora):
    write_rules(shell, TEXTS)
    server = serve(rules=[{"when": {"from": PROBE + 3 * RULES}, "do": "never"}])       # in the midst of the second pair
    arguments = [*command(corpora(PAIRS), server, workers=1), "--limit", LIMIT, "--set", "judge.places_max=1", "--policy", "all"]
    process = shell.start(*arguments)
    status = shell.wait_for_job(process, "job", lambda status: status["stage"] == "label" and status["done"] > 0)
    assert status["total"] == LIMIT and status["done"] == status["labelled"] < LIMIT
    process.send_signal(signal.SIGINT)
    code, _, err = interrupt(process, signal.SIGINT)
    assert code == RESUMABLE and f"of {LIMIT} pairs that --limit asks for" in err
    server.obey()
    done = shell(*arguments)
    assert f"{LIMIT} of {LIMIT}  100 %" in done.err, "what was labelled before counts"
    assert shell.status("job")["labelled"] == LIMIT
    wider = shell("label", "--out", "job", "--limit", LIMIT + 2)
    assert f"{LIMIT + 2} of {LIMIT + 2}  100 %" in wider.err


def test_the_policy_auto_counts_towards_it_too(shell, corpora):
    done = shell("label", corpora(PAIRS), "--out", "job", "--limit", LIMIT)
    assert f"{LIMIT} of {LIMIT}  100 %" in done.err
    whole = shell("label", "--out", "job")
    assert f"{PAIRS} of {PAIRS}  100 %" in whole.err


def test_without_a_terminal_each_line_is_written_once(shell, serve, job):
    lines = job(serve()).err.splitlines()
    assert len(lines) == len(set(lines)), lines
    assert {"probe", "plan"} <= set(lines)

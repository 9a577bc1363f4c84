"""An upgrade puts another file where the program is, while a job runs: what it starts then is the program that it was started with."""

import os
import shutil
import signal

import pytest

import conftest
from conftest import COMPLETE, Shell, wait_for, workers_of
from judging import TEXTS, command, report, serve, variants, write_rules

assert serve                    # a fixture

ROWS = 40


@pytest.fixture
def replaceable(tmp_path, monkeypatch):
    """A shell whose program is a copy, and replace() that puts another file in its place."""
    program = tmp_path / "rulemill"
    shutil.copy(conftest.PROGRAM, program)
    monkeypatch.setattr(conftest, "PROGRAM", str(program))
    shell = Shell(tmp_path)

    def replace():
        program.unlink()
        shutil.copy(shutil.which("false"), program)

    yield shell, replace
    shell.stop_all()


def test_a_killed_worker_is_started_again_though_the_program_was_replaced(replaceable, serve):
    (shell, replace), server = replaceable, serve(delay_ms=50)
    write_rules(shell, TEXTS)
    shell.write("rows.jsonl", [{"prompt": f"Question {n}", "chosen": f"Yes, {n}.", "rejected": f"No, {n}."} for n in range(ROWS)])
    process = shell.start(*command("rows.jsonl", server, workers=1))
    wait_for("calls", lambda: server.calls() > 20)
    replace()
    os.kill(wait_for("a worker", lambda: workers_of(process))[0], signal.SIGKILL)
    out, err = process.communicate(timeout=shell.patience_s)
    assert process.returncode == COMPLETE, (out, err)
    assert b"signal 9" in err and f"{ROWS} of {ROWS}".encode() in err


def test_an_adapter_is_trained_though_the_program_was_replaced(replaceable, serve, corpora):
    (shell, replace), server = replaceable, serve(delay_ms=10)
    write_rules(shell, variants(12))
    process = shell.start(*command(corpora(240), server), "--policy", "auto", "--accept-adapter", "--set", "auto.sample_pairs=50",
                          "--set", "auto.sample_share=0.25", "--set", "adapter.memory_mb=256")
    wait_for("calls", lambda: server.calls() > 20)
    replace()
    out, err = process.communicate(timeout=shell.patience_s)
    assert process.returncode == COMPLETE, (out, err)
    assert report(shell)["auto"]["choice"] == "adapter"

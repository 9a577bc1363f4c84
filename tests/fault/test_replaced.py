"""An upgrade puts another file where the program is, while a job runs: its workers are started again as they were."""

import os
import shutil
import signal

import conftest
from conftest import COMPLETE, Shell, wait_for, workers_of
from judging import TEXTS, command, serve, write_rules  # noqa: F401

ROWS = 40


def test_a_killed_worker_is_started_again_though_the_program_was_replaced(tmp_path, serve, monkeypatch):
    program = tmp_path / "rulemill"
    shutil.copy(conftest.PROGRAM, program)
    monkeypatch.setattr(conftest, "PROGRAM", str(program))
    shell, server = Shell(tmp_path), serve(delay_ms=50)
    write_rules(shell, TEXTS)
    shell.write("rows.jsonl", [{"prompt": f"Question {n}", "chosen": f"Yes, {n}.", "rejected": f"No, {n}."} for n in range(ROWS)])
    process = shell.start(*command("rows.jsonl", server, workers=1))
    try:
        wait_for("calls", lambda: server.calls() > 20)
        program.unlink()
        shutil.copy(shutil.which("false"), program)
        os.kill(wait_for("a worker", lambda: workers_of(process))[0], signal.SIGKILL)
        out, err = process.communicate(timeout=shell.patience_s)
        assert process.returncode == COMPLETE, (out, err)
        assert b"signal 9" in err and f"{ROWS} of {ROWS}".encode() in err
    finally:
        shell.stop_all()

"""What end-to-end and fault tests share: running the program as a user would, and looking at what it leaves behind."""

import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

PROGRAM = os.environ.get("RULEMILL", str(Path(__file__).resolve().parent.parent / "build/release/rulemill"))
PATIENCE_S = 120        # for what takes a second; sanitizers and busy machines are slow

COMPLETE, FAILED, USAGE, RESUMABLE, SET_ASIDE = range(5)


class Shell:
    """The program in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder
        self.started = []
        self.patience_s = PATIENCE_S

    def __call__(self, *args, code=COMPLETE, stdin=b"", env=None):
        """Run to the end and hold the exit code against code (None: any)."""
        done = subprocess.run([PROGRAM, *map(str, args)], cwd=self.folder, input=stdin, capture_output=True,
                              env={**os.environ, **(env or {})}, timeout=self.patience_s)
        done.out, done.err = done.stdout.decode(), done.stderr.decode()
        assert code is None or done.returncode == code, f"{args}: exit code {done.returncode}\n{done.out}\n{done.err}"
        return done

    def start(self, *args):
        """Run in the background. stop_all ends it with the test."""
        process = subprocess.Popen([PROGRAM, *map(str, args)], cwd=self.folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.started.append(process)
        return process

    def stop_all(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def path(self, *parts):
        return self.folder.joinpath(*parts)

    def write(self, name, data):
        """A file of bytes, or of rows as JSON Lines."""
        if not isinstance(data, bytes):
            data = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in data)
        self.path(name).write_bytes(data)
        return name

    def rows(self, *parts):
        data = self.path(*parts).read_bytes()
        return [json.loads(line) for line in data.split(b"\n") if line]

    def labelled(self, job="job"):
        """All rows of a job's dataset that have a label."""
        names = ("train.jsonl", "validation.jsonl", "ties.jsonl")
        return [row for name in names if self.path(job, "dataset", name).exists() for row in self.rows(job, "dataset", name)]

    def status(self, job):
        """What `status --json` says, None where there is no store yet or it is just being opened or closed."""
        done = self("status", job, "--json", code=None)
        return json.loads(done.out) if done.returncode == COMPLETE else None

    def wait_for_job(self, process, job, condition=lambda status: True):
        """Wait until the job that process runs answers for itself and condition holds; its status then."""
        def look():
            assert process.poll() is None, f"the job ended too soon: {process.communicate()}"
            status = self.status(job)
            return status and status.get("pid") == process.pid and condition(status) and status

        return wait_for("the running job", look)

    def digests(self, job):
        """Name and SHA-256 of each file of a job's dataset."""
        folder = self.path(job, "dataset")
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def wait_for(what, condition, patience_s=PATIENCE_S):
    """Look again and again until condition() is true, and return what it returned."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"waited in vain for {what}")


def workers_of(process):
    """The worker processes of a local job; not one that has been begun but is not yet another program."""
    return children_of(process, b"\0worker\0")


def children_of(process, words):
    """The processes that this one has started and whose command line has these words."""
    tasks = Path(f"/proc/{process.pid}/task")
    try:
        pids = [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]
        return [pid for pid in pids if words in Path(f"/proc/{pid}/cmdline").read_bytes()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def label_a_little(shell, process, job, count):
    """Let a job's workers run in small steps until it has more than count labels, so that it is caught in the middle.

    They run on when this returns how many there are."""
    def running_workers():
        workers = workers_of(process)
        assert workers or process.poll() is None, f"the job ended too soon: {process.communicate()}"
        return workers

    while True:
        workers = wait_for("workers", running_workers)
        send(workers, signal.SIGSTOP)
        try:
            time.sleep(0.3)     # what a job tells of itself is up to a quarter of a second old
            labelled = shell.wait_for_job(process, job)["labelled"]
        finally:
            send(workers, signal.SIGCONT)
        if labelled > count:
            return labelled
        time.sleep(0.03)


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def is_alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def interrupt(process, number=signal.SIGINT):
    """Signal a process that may have ended; its exit code, output and errors."""
    if process.poll() is None:
        process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out.decode(), err.decode()


@pytest.fixture
def shell(tmp_path):
    shell = Shell(tmp_path)
    yield shell
    shell.stop_all()


@pytest.fixture(scope="session")
def corpora(tmp_path_factory):
    """Synthetic corpora, each written once: corpora(prompts, responses) is a path."""
    folder = tmp_path_factory.mktemp("corpora")

    def corpus(prompts, responses=2, regime="few"):
        path = folder / f"{regime}-{prompts}-{responses}.jsonl"
        if not path.exists():
            Shell(folder)("synth", "--prompts", prompts, "--responses", responses, "--regime", regime, "--seed", 7,
                          "--out", path, "--scores", path.with_suffix(".scores.jsonl"))
        return path

    return corpus

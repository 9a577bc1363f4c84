"""What tests of a judge behind HTTP share: a scripted server of one's own (servers/scripted.py), and a small job that asks it."""

import json
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import COMPLETE, Shell, interrupt, label_a_little, send, workers_of

SERVERS = Path(__file__).resolve().parent / "servers"
sys.path.insert(0, str(SERVERS))

PAIRS, RULES = 12, 4
CELLS = PAIRS * 2 * RULES
PROBE = 6               # calls that are made before the first run with a judge
UNVERIFIED = ssl._create_unverified_context()       # for what the tests themselves ask; whose server it is they know
TEXTS = ["The response apologises.", "The response names a helpline.", "The response gives steps.", "The response refuses."]


class Server:
    """A scripted server of one's own; its log tells what was asked."""

    def __init__(self, folder, script, port=0, cert=None):
        self.log_file = folder / f"server-{time.monotonic_ns()}.log"
        script_file = self.log_file.with_suffix(".json")
        script_file.write_text(json.dumps({"model": "tester", **script}))
        self.process = subprocess.Popen([sys.executable, SERVERS / "scripted.py", "--port", str(port), "--script", script_file,
                                         "--log", self.log_file, *(["--cert", cert] if cert else [])], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.root = f"{'https' if cert else 'http'}://127.0.0.1:{self.port}"
        self.url = f"{self.root}/v1"

    def stats(self):
        return self.ask("/__stats")

    def obey(self, *rules):
        """From now on these rules are the script's; none: right answers. Its stats then."""
        return self.ask("/__rules", json.dumps(rules).encode())

    def ask(self, path, body=None):
        with urllib.request.urlopen(f"{self.root}{path}", body, timeout=60, context=UNVERIFIED) as answer:
            return json.load(answer)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def calls(self):
        return self.stats()["chats"]

    def asked(self):
        """What the log says of each chat, in the order in which they came."""
        lines = [json.loads(line) for line in self.log_file.read_text().splitlines()]
        return [line for line in lines if "n" in line]


@pytest.fixture
def serve(tmp_path):
    servers = []

    def start(port=0, cert=None, **script):
        servers.append(Server(tmp_path, script, port, cert))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@contextmanager
def elsewhere(tmp_path_factory, name="undisturbed", texts=TEXTS, **script):
    """For what a module's tests are held against: a shell in a folder of its own with rules of these texts, and a scripted server that
    ends with the block."""
    shell = Shell(tmp_path_factory.mktemp(name))
    write_rules(shell, texts)
    server = Server(shell.folder, script)
    try:
        yield shell, server
    finally:
        server.stop()


@pytest.fixture
def job(shell, corpora):
    """job(server, more arguments): label a small corpus by four rules; the same store each time."""
    write_rules(shell, TEXTS)

    def label(server, *more, code=COMPLETE, env=None):
        return shell(*command(corpora(PAIRS), server), *more, code=code, env=env)

    return label


def command(corpus, server, workers=2):
    return ["label", corpus, "--out", "job", "--rules", "rules.yaml", "--judge", server.url, "--model", "tester", "--top", 2,
            "--workers", workers]


def variants(count):
    """Texts of so many rules."""
    return [f"{TEXTS[n % len(TEXTS)]} Variant {n // len(TEXTS)}." for n in range(count)]


def auto_settings(**keys):
    """The arguments of a small job of the policy auto with these keys of auto.*, whose adapter is taken however good it is."""
    return ["--policy", "auto", "--accept-adapter", "--set", "adapter.memory_mb=256",
            *(word for key, value in keys.items() for word in ("--set", f"auto.{key}={value}"))]


def kill_in_the_middle(shell, arguments, counts):
    """Start a job again and again, and kill it with its workers when it has so many labels; at least once before its end."""
    codes = []
    for count in counts:
        process = shell.start(*arguments)
        label_a_little(shell, process, "job", count)
        workers = workers_of(process)
        codes.append(interrupt(process, signal.SIGKILL)[0])
        send(workers, signal.SIGKILL)
    assert -signal.SIGKILL in codes and set(codes) <= {COMPLETE, -signal.SIGKILL}


def write_rules(shell, texts):
    rules = [{"id": f"rule-{n}", "text": text, "category": "test", "polarity": 1,
              "lexicon": {"prompt": [], "for": [f"word{n}"], "against": [f"other{n}"]}} for n, text in enumerate(texts)]
    shell.path("rules.yaml").write_text(json.dumps({"version": 1, "name": "tests", "rules": rules}))


def report(shell):
    return json.loads((shell.path("job/dataset").resolve().parent / "report.json").read_text())


def manifest(shell, folder="job/dataset"):
    return json.loads(shell.path(folder, "manifest.json").read_text())


def labels(shell):
    """Of each pair, what is preferred and by which scores."""
    return {row["pair_key"]: (row.get("chosen"), row["score_margin"], row["rules"]) for row in shell.labelled()}


def quarantined(shell):
    file = shell.path("job/dataset/quarantine.jsonl")
    return shell.rows("job/dataset/quarantine.jsonl") if file.exists() else []


def everything_in(folder):
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())

"""Files that settings name: what is wrong with one is wrong usage, said before anything is judged. And where a setting is not given."""

import pytest

from conftest import COMPLETE, USAGE
from judging import PAIRS, PROBE, serve  # noqa: F401


@pytest.fixture
def files(shell):
    """A file that is none of what is wanted."""
    shell.path("junk").write_text("junk\n")
    shell.path("junk").chmod(0o600)
    shell.path("zero").write_bytes(b"\0" * 100)
    shell.path("zero").chmod(0o600)
    shell.path("folder").mkdir(0o700)
    return shell


def label_with(server, corpora):
    return ["label", corpora(PAIRS), "--out", "job", "--judge", server.url, "--model", "tester"]


KEYS = ["judge.template", "judge.key_file", "judge.ca_file", "rules.file", "policy.adapter"]
ANY_LINE_IS_A_KEY = ("judge.key_file", "junk")


@pytest.mark.parametrize("key,value", [(key, value) for key in KEYS for value in ("none", "junk", "zero", "folder")
                                       if (key, value) != ANY_LINE_IS_A_KEY])
def test_of_a_job_with_a_judge_behind_http(files, serve, corpora, key, value):
    server = serve()
    refused = files(*label_with(server, corpora), "--set", f"{key}={value}", code=USAGE)
    assert value in refused.err and not files.path("job").exists() and server.calls() == 0
    if key.startswith("judge."):
        files("judge", "probe", server.url, "--model", "tester", "--set", f"{key}={value}", code=USAGE)


@pytest.mark.parametrize("arguments", [
    ["--judge", "replay", "--scores", "none"],
    ["--policy", "entropy", "--set", "policy.weights=none"],
    ["--policy", "entropy", "--set", "policy.weights=junk"],
    ["--rules", "junk"],
    ["--set", "export.sign=none"],
    ["--set", "export.sign=junk"],
    ["--panel", "none,junk"],
    ["--panel", "junk,none"],
    ["--config", "none"],
], ids=" ".join)
def test_of_a_job(files, corpora, arguments):
    refused = files("label", corpora(PAIRS), "--out", "job", *arguments, code=USAGE)
    assert "none" in refused.err or "junk" in refused.err
    assert not files.path("job").exists()


def test_a_benchmark_that_is_missing(files, corpora):
    assert "none" in files("label", corpora(PAIRS), "--out", "job", "--exclude", "none", code=USAGE).err
    assert not files.path("job/dataset").exists()
    files("label", corpora(PAIRS), "--out", "job", code=COMPLETE)


def test_keys_of_coordinator_and_worker(files, corpora):
    files("keygen", "keys", "ours")
    service = ["coordinator", corpora(PAIRS), "--out", "job", "--listen", "tcp://127.0.0.1:*"]
    assert "none" in files(*service, "--key", "none", "--admit", "keys", code=USAGE).err
    assert "none" in files(*service, "--key", "keys/ours.key", "--admit", "none", code=USAGE).err
    assert not files.path("job").exists()
    worker = ["worker", "tcp://127.0.0.1:9"]
    assert "none" in files(*worker, "--key", "none", "--server-key", "keys/ours.pub", code=USAGE).err
    assert "none" in files(*worker, "--key", "keys/ours.key", "--server-key", "none", code=USAGE).err


def test_a_signing_key_of_an_export(files, corpora):
    files("label", corpora(PAIRS), "--out", "job", code=COMPLETE)
    assert "none" in files("export", "job", "--sign", "none", code=USAGE).err


# --- judge probe without a URL -----------------------------------------------

def test_the_probe_takes_the_endpoint_that_label_would_ask(shell, serve):
    server, other = serve(), serve()
    probe = ["judge", "probe", "--model", "tester"]
    assert "OPENAI_BASE_URL" in shell(*probe, code=USAGE, env={"OPENAI_BASE_URL": ""}).err
    assert server.url in shell(*probe, env={"OPENAI_BASE_URL": server.url}).out and server.calls() == PROBE
    shell.path("one.yaml").write_text(f"judge:\n  urls: [\"{server.url}\"]\n")
    assert server.url in shell(*probe, "--config", "one.yaml", env={"OPENAI_BASE_URL": other.url}).out
    assert other.calls() == 0, "a configuration is stronger than the environment"
    shell("judge", "probe", other.url, "--model", "tester", "--config", "one.yaml", env={"OPENAI_BASE_URL": server.url})
    assert other.calls() == PROBE and server.calls() == 2 * PROBE, "and what is said is stronger than both"
    shell.path("two.yaml").write_text(f"judge:\n  urls: [\"{server.url}\", \"{other.url}\"]\n")
    assert "2 endpoints" in shell(*probe, "--config", "two.yaml", code=USAGE).err


def test_a_base_url_with_a_key_in_it_is_not_repeated(shell):
    refused = shell("judge", "probe", code=USAGE, env={"OPENAI_BASE_URL": "http://me:sk-secret-12345678@127.0.0.1/v1"})
    assert "sk-secret" not in refused.err and "OPENAI_BASE_URL" in refused.err


def test_what_is_said_is_one_url(shell):
    assert "one endpoint" in shell("judge", "probe", "http://a/v1", "http://b/v1", code=USAGE).err
    assert "no URL" in shell("judge", "probe", "a", code=USAGE).err
    assert "judge probe" in shell("judge", "probes", code=USAGE).err


# --- a store without a run -----------------------------------------------------

def test_a_store_without_a_run_knows_no_options(shell, serve, corpora):
    server = serve()
    shell(*label_with(server, corpora), "--dry-run")    # reads the corpus and begins nothing, as a stop in good time does
    for options, word in [([], ""), (["--set", "workers=1"], ""), (["--judge", server.url], "--model")]:
        refused = shell("label", "--out", "job", *options, code=USAGE)
        assert "job has no run yet" in refused.err and word in refused.err
    assert server.calls() == 0 and not shell.path("job/dataset").exists()
    shell("label", "--out", "job", "--judge", "lexicon")

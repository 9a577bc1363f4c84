"""A URL with a password or a key in it is refused wherever one is given, and shown and kept nowhere."""

import pytest

from conftest import USAGE

SECRET = "hunter2-secret"
URLS = [f"http://me:{SECRET}@127.0.0.1:9/classify", f"https://127.0.0.1:9/v1?api_key={SECRET}", f"ftp://me:{SECRET}@127.0.0.1/",
        f"http://127.0.0.1:9/v1#{SECRET}"]
ROWS = [{"prompt": "How?", "chosen": "So.", "rejected": "No.", "subset": "xstest-should-respond", "id": n} for n in range(3)]

COMMANDS = {
    "judge": ["label", "rows.jsonl", "--out", "job", "--judge", "URL", "--model", "m"],
    "judge of two": ["label", "rows.jsonl", "--out", "job", "--judge", "http://127.0.0.1:9/v1,URL", "--model", "m"],
    "plan": ["label", "rows.jsonl", "--out", "job", "--judge", "URL", "--model", "m", "--dry-run"],
    "setting": ["label", "rows.jsonl", "--out", "job", "--judge", "openai", "--set", "judge.urls=[URL]", "--model", "m"],
    "adapter": ["label", "rows.jsonl", "--out", "job", "--policy", "adapter", "--adapter", "URL", "--adapter-model", "m"],
    "adapter's setting": ["label", "rows.jsonl", "--out", "job", "--set", "policy.adapter=URL", "--adapter-model", "m", "--policy", "adapter"],
    "file": ["label", "rows.jsonl", "--out", "job", "--config", "judge.yaml"],
    "file's adapter": ["label", "rows.jsonl", "--out", "job", "--config", "adapter.yaml"],
    "panel": ["label", "rows.jsonl", "--out", "job", "--panel", "judge.yaml,judge.yaml"],
    "probe": ["judge", "probe", "URL", "--model", "m"],
    "probe of a file": ["judge", "probe", "--config", "judge.yaml"],
    "reward": ["evaluate", "rows.jsonl", "--reward", "URL", "--model", "m", "--work", "work", "--rows", "out.jsonl"],
    "against": ["evaluate", "rows.jsonl", "--reward", "longer", "--against", "URL", "--against-model", "m", "--work", "work"],
    "judge eval": ["judge", "eval", "rows.jsonl", "--judge", "URL", "--model", "m", "--out", "work"],
    "adapter eval": ["adapter", "eval", "job", "URL", "--adapter-model", "m"],
}


@pytest.mark.parametrize("url", URLS, ids=["password", "query", "scheme", "fragment"])
@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_secret_in_a_url_is_refused_and_not_shown(shell, command, url):
    shell.write("rows.jsonl", ROWS)
    shell.path("judge.yaml").write_text(f"judge:\n  name: openai\n  model: m\n  urls: ['{url}']\n")
    shell.path("adapter.yaml").write_text(f"policy:\n  name: adapter\n  adapter: '{url}'\nadapter:\n  model: m\n")
    done = shell(*(word.replace("URL", url) for word in command), code=USAGE)
    assert "a URL must h" in done.err
    assert SECRET not in done.out + done.err
    kept = [file for file in shell.folder.rglob("*") if file.is_file() and file.suffix != ".yaml"]
    assert not [file for file in kept if SECRET.encode() in file.read_bytes()]


@pytest.mark.parametrize("command", [["label", "rows.jsonl", "--out", "job", "--judge", "openai", "--model", "m"], ["judge", "probe", "--model", "m"]])
def test_a_secret_in_the_environment_is_refused_and_not_shown(shell, command):
    shell.write("rows.jsonl", ROWS)
    done = shell(*command, env={"OPENAI_BASE_URL": URLS[0]}, code=USAGE)
    assert "OPENAI_BASE_URL: a URL must hold no user, password or key" in done.err
    assert SECRET not in done.out + done.err
    assert not [file for file in shell.folder.rglob("*") if file.is_file() and SECRET.encode() in file.read_bytes()]


@pytest.mark.parametrize("arguments", [["--judge", "openai", "--set", "judge.urls=http://me:SECRET@h/v1"], ["--judge", "me:SECRET@h/v1"],
                                       ["--set", "judge.name=http://me:SECRET@h/v1"], ["--config", "wrong.yaml"]])
def test_a_url_in_the_wrong_place_is_not_shown(shell, arguments):
    shell.write("rows.jsonl", ROWS)
    shell.path("wrong.yaml").write_text(f"judge:\n  name: http://me:{SECRET}@h/v1\n")
    done = shell("label", "rows.jsonl", "--out", "job", "--model", "m", *(word.replace("SECRET", SECRET) for word in arguments), code=USAGE)
    assert done.err.startswith("error: ") and SECRET not in done.out + done.err

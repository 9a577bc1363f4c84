"""A judge behind HTTPS: its certificate is verified, by whom it was signed and for which name, and no key goes to a server before."""

import json
import shutil

import pytest

from certificates import certificate
from conftest import COMPLETE, FAILED, USAGE
from judging import CELLS, PROBE, everything_in, job, labels, report, serve  # noqa: F401

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make certificates with")

KEY = "sk-not-to-be-found-9f8e7d6c5b4a"


@pytest.fixture
def authority(shell):
    certificate(shell.folder, "ours")
    certificate(shell.folder, "theirs")
    return shell.folder


def ca(name):
    return ["--set", f"judge.ca_file={name}.crt"]


def test_a_private_authority_that_is_given_is_trusted(shell, serve, job, authority):
    server = serve(cert=certificate(authority, "server", "ours"), key=KEY)
    job(server, *ca("ours"), env={"OPENAI_API_KEY": KEY})
    assert len(labels(shell)) > 0 and report(shell)["calls"]["calls"] == server.calls() == CELLS + PROBE
    assert KEY.encode() not in everything_in(shell.path("job"))


@pytest.mark.parametrize("alternative,given,word", [
    ("IP:127.0.0.1", [], "judge.ca_file"),
    ("IP:127.0.0.1", ca("theirs"), "judge.ca_file"),
    ("DNS:judge.example,IP:127.0.0.2", ca("ours"), "another name"),
], ids=["no CA", "wrong CA", "wrong name"])
def test_a_certificate_that_does_not_hold_is_refused(shell, serve, job, authority, alternative, given, word):
    server = serve(cert=certificate(authority, "server", "ours", alternative), key=KEY)
    refused = job(server, *given, code=USAGE, env={"OPENAI_API_KEY": KEY})
    assert server.url in refused.err and "certificate" in refused.err and word in refused.err and KEY not in refused.err
    probed = shell("judge", "probe", server.url, "--model", "tester", "--json", *given, code=FAILED, env={"OPENAI_API_KEY": KEY})
    finding = json.loads(probed.out)["findings"][0]
    assert finding["what"] == "reachable" and finding["verdict"] == "wrong" and word in finding["text"]
    assert server.calls() == 0 and not server.log_file.read_text().count("/models"), "nothing was sent, least of all the key"
    assert not shell.path("job").exists()


def test_it_holds_for_the_name_that_it_was_issued_for(shell, serve, authority):
    server = serve(cert=certificate(authority, "server", "ours", "DNS:localhost"))
    url = f"https://localhost:{server.port}/v1"
    shell("judge", "probe", url, "--model", "tester", *ca("ours"), code=COMPLETE)

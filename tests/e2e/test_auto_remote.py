"""The policy auto with workers of other machines: they get the adapter in mid-run, by its digest, and one may join after it was trained."""

import shutil
import signal

import pytest

from conftest import COMPLETE, PATIENCE_S, wait_for
from judging import PROBE, auto_settings, command, elsewhere, report, serve, variants, write_rules
from test_cli import free_port

assert serve                    # a fixture

RULES, PAIRS = 12, 240
AUTO = auto_settings(sample_pairs=50, sample_share=0.25, audit_share=0.1, block_pairs=128)


def asked(shell, server, corpora):
    write_rules(shell, variants(RULES))
    return [*command(corpora(PAIRS), server), *AUTO]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, corpora):
    """The same job on one machine."""
    with elsewhere(tmp_path_factory) as (shell, server):
        shell(*asked(shell, server, corpora))
    assert report(shell)["auto"]["choice"] == "adapter"
    return shell


@pytest.fixture
def coordinate(shell, corpora):
    """coordinate(server): a coordinator that listens on TCP with keys; and the arguments of a worker, admitted by its own."""
    for name in ("coordinator", "one", "other"):
        shell("keygen", "keys", name)
    shell.path("admitted").mkdir()
    for name in ("one", "other"):
        shutil.copy(shell.path(f"keys/{name}.pub"), shell.path("admitted"))
    address = f"tcp://127.0.0.1:{free_port()}"

    def start(server, *more):
        job = asked(shell, server, corpora)
        at = job.index("--workers")
        return shell.start("coordinator", *job[1:at], *job[at + 2:], "--listen", address, "--key", "keys/coordinator.key",
                           "--admit", "admitted", *more)

    return start, lambda name: ["worker", address, "--server-key", "keys/coordinator.pub", "--key", f"keys/{name}.key"]


def complete(coordinator):
    _, err = coordinator.communicate(timeout=PATIENCE_S)
    assert coordinator.returncode == COMPLETE, err


def test_workers_get_the_adapter_in_mid_run(shell, serve, coordinate, undisturbed):
    start, worker = coordinate
    coordinator = start(serve())
    shell.wait_for_job(coordinator, "job", lambda status: status["stage"] == "label")
    workers = [shell.start(*worker(name)) for name in ("one", "other")]
    complete(coordinator)
    wait_for("a worker's end", lambda: any(process.poll() == COMPLETE for process in workers))
    assert shell.digests("job") == undisturbed.digests("job")
    assert report(shell)["auto"]["pairs_by_adapter"] == report(undisturbed)["auto"]["pairs_by_adapter"] > PAIRS / 2


def test_a_worker_that_joins_after_training(shell, serve, coordinate, undisturbed):
    start, worker = coordinate
    sampled = PAIRS - report(undisturbed)["auto"]["pairs_by_adapter"]
    # The judge falls silent some calls after the sample.
    server = serve(rules=[{"when": {"from": PROBE + sampled * 2 * RULES + 20}, "do": "never"}])
    coordinator = start(server)
    first = shell.start(*worker("one"))
    shell.wait_for_job(coordinator, "job", lambda status: (status["auto"] or {}).get("choice") == "adapter" and status["leases"] > 0)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    server.obey()
    assert shell.status("job")["auto"]["choice"] == "adapter"
    second = shell.start(*worker("other"))
    complete(coordinator)
    assert second.wait(timeout=PATIENCE_S) == COMPLETE
    assert shell.digests("job") == undisturbed.digests("job")


# Some pairs that it judges as the sample are in no sample any more: it is told so, and neither refused nor believed.
def test_a_worker_outlives_a_coordinator_whose_limit_is_lifted(shell, serve, coordinate):
    start, worker = coordinate
    server = serve(delay_ms=100)
    coordinator = start(server, "--limit", 210)
    outlives = shell.start(*worker("one"))
    shell.wait_for_job(coordinator, "job", lambda status: status["leases"] > 0 and status["auto"]["choice"] == "undecided")
    wait_for("calls", lambda: server.calls() > PROBE + 50)
    coordinator.kill()
    coordinator.communicate()
    calls = server.calls()
    wait_for("what it had in hand", lambda: server.calls() > calls + 200)
    coordinator = start(server)
    complete(coordinator)
    assert outlives.wait(timeout=PATIENCE_S) == COMPLETE, outlives.communicate()
    assert report(shell)["auto"]["choice"] == "adapter" and len(shell.labelled()) == PAIRS
    assert "good" in shell("verify", "job").out

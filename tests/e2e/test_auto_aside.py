"""The policy auto where the judge has no answer for some rule: what is set aside, what is not, and what a retry makes of it."""

import json

import pytest

from conftest import SET_ASIDE
from judging import auto_settings, command, elsewhere, manifest, quarantined, report, serve, variants, write_rules

assert serve                    # a fixture

RULES, PAIRS, TOP = 20, 300, 2
AUTO = auto_settings(sample_pairs=60, sample_share=0.25, audit_share=0.2, block_pairs=100)
TEXT_OF = {f"rule-{n}": text for n, text in enumerate(variants(RULES))}


def asked(shell, server, corpora, *more):
    write_rules(shell, TEXT_OF.values())
    return [*command(corpora(PAIRS), server), *AUTO, *more]


def labels(shell):
    return {row["id"]: (row["selected_by"], row["adapter"], row["score_margin"], row["rules"]) for row in shell.labelled()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, corpora):
    """A job without trouble, in whose folder the others look which pairs are sampled and audited, and by which rules."""
    with elsewhere(tmp_path_factory) as (shell, server):
        shell(*asked(shell, server, corpora))
    assert report(shell)["auto"]["choice"] == "adapter"
    return shell


def look(shell, pair):
    return json.loads(shell("inspect", "job", pair, "--json").out)


def pairs_of(shell, kind):
    """The sampled, the audited or the other pairs, as inspect shows them."""
    found = labels(shell)
    if kind == "sampled":
        return (look(shell, pair) for pair in found if found[pair][0] == "exhaustive")
    seen = (look(shell, pair) for pair in found if found[pair][0] == "adapter")
    return (pair for pair in seen if ("audit" in pair) == (kind == "audited"))


def trouble(corpora, pair, rules):
    """The server's rules by which the pair's first response gets no answer for these rules."""
    row = json.loads(corpora(PAIRS).read_text().splitlines()[pair["place"]["line"] - 1])
    said = json.dumps(row["responses"][0])[1:-1]
    return [{"when": {"body": [said, TEXT_OF[rule]]}, "do": "other_labels"} for rule in rules]


def chosen_of(pair):
    return [rule["id"] for rule in pair["label"]["rules"]]


def test_a_failed_audit_costs_no_label(shell, serve, corpora, undisturbed):
    pair = next(pairs_of(undisturbed, "audited"))
    others = [rule for rule in TEXT_OF if rule not in chosen_of(pair)]
    # Several, the first ones among them: what its own rules lack then is asked for nevertheless.
    server = serve(rules=trouble(corpora, pair, others[:3] + others[-1:]))
    shell(*asked(shell, server, corpora))
    assert labels(shell) == labels(undisturbed) and not quarantined(shell)
    said, before = report(shell)["auto"], report(undisturbed)["auto"]
    assert said["failed_audits"] == 1 and before["failed_audits"] == 0
    assert said["audited_pairs"] == before["audited_pairs"] - 1
    told = manifest(shell)["auto"]
    assert told["failed_audits"] == 1 and told["audited_pairs"] == said["audited_pairs"] < 200
    assert told["agreement"] == "too few to say" and said["agreement"] is None
    stands = json.loads(shell("status", "job", "--json").out)["auto"]
    assert stands["failed_audits"] == 1 and stands["audited_pairs"] == said["audited_pairs"]
    assert "1 more could not be audited" in shell("status", "job").out
    text = shell("inspect", "job", pair["id"]).out
    assert "Audited: not every rule could be judged" in text
    assert look(shell, pair["id"])["audit"]["outcome"] == "failed"
    judged = json.loads(shell("report", "job", "--json").out)["judged_pairs"]
    assert judged == json.loads(undisturbed("report", "job", "--json").out)["judged_pairs"] - 1
    assert "good" in shell("verify", "job").out


def test_an_audited_pair_whose_own_rule_has_no_answer_is_set_aside(shell, serve, corpora, undisturbed):
    pair = next(pair for pair in pairs_of(undisturbed, "audited") if chosen_of(pair))
    server = serve(rules=trouble(corpora, pair, chosen_of(pair)[:1]))
    steps = asked(shell, server, corpora)
    shell(*steps, code=SET_ASIDE)
    assert [row["id"] for row in quarantined(shell)] == [pair["id"]]
    assert labels(shell) == {name: label for name, label in labels(undisturbed).items() if name != pair["id"]}
    assert report(shell)["auto"]["failed_audits"] == 0
    server.obey()
    shell("retry", "job")
    shell(*steps)
    assert labels(shell) == labels(undisturbed)
    assert report(shell)["auto"]["choice"] == "adapter"


# Exhaustive selection has nothing to select from where a rule is missing: as under the policy exhaustive.
def test_a_sampled_pair_needs_all_rules(shell, serve, corpora, undisturbed):
    pair = next(pairs_of(undisturbed, "sampled"))
    other = next(rule for rule in TEXT_OF if rule not in chosen_of(pair))
    server = serve(rules=trouble(corpora, pair, [other]))
    steps = asked(shell, server, corpora)
    shell(*steps, code=SET_ASIDE)
    assert [row["id"] for row in quarantined(shell)] == [pair["id"]]
    before, said = labels(shell), report(shell)["auto"]
    assert said["choice"] == "adapter"
    # The decision and the adapter stand: what is retried is labelled as its phase labels.
    server.obey()
    shell("retry", "job")
    shell(*steps)
    after = labels(shell)
    assert {name: label for name, label in after.items() if name != pair["id"]} == before
    assert after[pair["id"]] == labels(undisturbed)[pair["id"]]
    for key in ("choice", "reason", "samples", "adapters", "audited_pairs"):
        assert report(shell)["auto"][key] == said[key]


# While the sample is judged a retry takes its pairs up at once, so that they are learnt from.
def test_a_retry_while_the_sample_is_judged(shell, serve, corpora, undisturbed):
    pair = min(pairs_of(undisturbed, "sampled"), key=lambda pair: pair["place"]["line"])
    silence = {"when": {"from": 2000}, "do": "never"}       # two thirds of the sample; the pair's turn is early
    server = serve(rules=trouble(corpora, pair, ["rule-0"]) + [silence])
    steps = asked(shell, server, corpora)
    process = shell.start(*steps)
    shell.wait_for_job(process, "job", lambda status: status["quarantined"] == 1)
    assert shell.status("job")["auto"]["choice"] == "undecided"
    server.obey(silence)
    assert "1 pair" in shell("retry", "job").out
    shell.wait_for_job(process, "job", lambda status: status["quarantined"] == 0)
    process.kill()
    process.communicate()
    server.obey()
    shell(*steps)
    assert labels(shell) == labels(undisturbed)

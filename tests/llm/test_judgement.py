"""What a real model says against what people say, where the model is large enough to say anything: ops/test --llm with
TINY_JUDGE_MODEL=1.5b. Of smaller ones, and of agreement with preferences, nothing is asserted."""

import gzip
import json
import os
from pathlib import Path

import pytest

from conftest import COMPLETE

URL = os.environ.get("RULEMILL_LLM_URL")
SOURCE = Path(os.environ.get("RULEMILL_SOURCE", Path(__file__).resolve().parents[2]))
RBR = SOURCE.parent / "shared" / "data" / "rbr-gold-train.jsonl.gz"
EVERY = 1 if os.environ.get("RULEMILL_LLM_ROWS") == "all" else 5        # of 351 rows; two calls for each
# Well under what the model has over all rows (.92 and .81 by its recorded answers), as a fifth of them says less.
AUC_MIN = {"encourage_professional_help": 0.75, "apology": 0.65}
PATIENCE_S = 3 * 3600

pytestmark = [
    pytest.mark.skipif(not URL or os.environ.get("TINY_JUDGE_MODEL") != "1.5b", reason="TINY_JUDGE_MODEL=1.5b ops/test --llm serves the model"),
    pytest.mark.skipif(not RBR.exists(), reason=f"{RBR} is absent"),
]


def test_a_model_of_some_size_sees_apologies_and_advice(shell):
    rows = [json.loads(line) for line in gzip.decompress(RBR.read_bytes()).split(b"\n") if line][::EVERY]
    shell.write("rows.jsonl", [{"prompt": row["prompt"], "completion": row["completion"],
                                "propositions": {name: row["propositions"][name] for name in AUC_MIN}} for row in rows])
    shell.patience_s = PATIENCE_S
    done = shell("judge", "eval", "rows.jsonl", "--judge", URL, "--model", "tiny-judge", "--out", "kept", "--set", "judge.places_max=2",
                 "--json", code=COMPLETE)
    told = json.loads(done.out)
    print(f"\n{len(rows)} rows of {RBR.name}, {told['calls']} calls")
    found = {line["proposition"]: line for line in told["propositions"] if line["proposition"] in AUC_MIN}
    for name, line in found.items():
        print(f"AUC of {name}: {line['auc']['value']:.3f} [{line['auc']['low']:.3f}, {line['auc']['high']:.3f}] of {line['rows']} rows, "
              f"{line['holds']} hold; length alone {line['auc_length']['value']:.3f}")
    for name, least in AUC_MIN.items():
        assert found[name]["rows"] == len(rows)
        assert found[name]["auc"]["value"] >= least and found[name]["auc"]["low"] > 0.5

"""What the training scripts share: rows of an exported dataset, seeded samples, paired comparisons."""

import hashlib
import json
import math
import pathlib
import sys

import numpy

LEFT_OUT = "[...]"


def say (text):
    print (text, file=sys.stderr, flush=True)


def die (text):
    say (f"{pathlib.Path (sys.argv [0]).name}: {text}")
    sys.exit (2)


def read_lines (path):
    """The objects of a JSON Lines file; lines end with \\n alone, since texts may hold other line separators."""
    try:
        text = pathlib.Path (path).read_bytes ().decode ("utf-8")
    except OSError as error:
        die (f"{path} can't be read: {error.strerror}")
    except UnicodeDecodeError as error:
        die (f"{path}: byte {error.start} is no UTF-8")
    rows = []
    for number, line in enumerate (text.split ("\n"), 1):
        if not line.strip ():
            continue
        try:
            rows.append (json.loads (line))
        except ValueError as error:
            die (f"{path}:{number}: no JSON: {error}")
    return rows


def read_split (dataset, split):
    """Rows of DATASET/SPLIT.jsonl as rulemill exports them in the format "explicit"; [] where there is no such file."""
    path = pathlib.Path (dataset) / f"{split}.jsonl"
    if not path.exists ():
        return []
    rows = read_lines (path)
    for number, row in enumerate (rows, 1):
        if not all (isinstance (row.get (key), list) for key in ("prompt", "chosen", "rejected")):
            die (f"{path}:{number}: prompt, chosen and rejected must be lists of messages; export with --format explicit")
    return rows


def sample (rows, count, seed):
    """`count` rows by a seeded hash of their ids, in the order of that hash: more rows of a corpus move nobody."""
    def place (row):
        return hashlib.sha256 (f"{seed}:{row.get ('id', '')}:{row.get ('pair_key', '')}".encode ()).digest ()
    return sorted (rows, key=place) [:count]


def messages (value, role):
    """A text or a list of messages, as a list of messages."""
    return [{"role": role, "content": value}] if isinstance (value, str) else value


def mcnemar (only_first, only_second):
    """Two-sided exact p-value: how likely so uneven a split of the rows on which two models differ is by chance."""
    n, k = only_first + only_second, min (only_first, only_second)
    if n == 0:
        return 1.0
    logs = [math.lgamma (n + 1) - math.lgamma (i + 1) - math.lgamma (n - i + 1) - n * math.log (2) for i in range (k + 1)]
    return min (1.0, 2 * sum (math.exp (value) for value in logs))


def intervals (prompts, columns, seed=1, resamples=2000):
    """95 % intervals of the means of some columns over the same rows: whole prompts are drawn again, the same for all columns."""
    numbers = {}
    places = [numbers.setdefault (json.dumps (prompt), len (numbers)) for prompt in prompts]
    sums = numpy.zeros ((len (numbers), len (columns) + 1))
    numpy.add.at (sums, places, numpy.column_stack ([*columns, numpy.ones (len (places))]))
    rng = numpy.random.default_rng (seed)
    drawn = numpy.array ([sums [rng.integers (len (sums), size=len (sums))].sum (axis=0) for _ in range (resamples)])
    return numpy.quantile (drawn [:, :-1] / drawn [:, -1:], [0.025, 0.975], axis=0).T.tolist ()


def told (value, interval, signed=False):
    """A figure with its interval; a difference whose interval includes zero is not shown to be any."""
    form = "+.3f" if signed else ".3f"
    low, high = interval
    return ("not shown: " if signed and low <= 0 <= high else "") + f"{value:{form}} [{low:{form}}, {high:{form}}]"


def compare (name, prompts, chosen, rejected, base_chosen, base_rejected):
    """Accuracy of a model and of its base on the same rows: strictly larger counts, a tie is wrong. Intervals are by prompt, paired."""
    right = [a > b for a, b in zip (chosen, rejected)]
    base = [a > b for a, b in zip (base_chosen, base_rejected)]
    gained = sum (r and not b for r, b in zip (right, base))
    lost = sum (b and not r for r, b in zip (right, base))
    n = len (right)
    of_name, of_base, of_difference = intervals (prompts, [right, base, [int (r) - int (b) for r, b in zip (right, base)]])
    return {
        "rows": n, name: sum (right) / n, f"{name}_interval": of_name, "base": sum (base) / n, "base_interval": of_base,
        "difference": (sum (right) - sum (base)) / n, "difference_interval": of_difference,
        "right_where_base_is_wrong": gained, "wrong_where_base_is_right": lost, "mcnemar_p": mcnemar (gained, lost),
    }

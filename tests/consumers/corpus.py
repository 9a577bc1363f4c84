"""A corpus whose optional columns say nothing in their first half, and the scores that decide it.

A reader that guesses types from the first rows takes a column of nulls for null, "1.0" written as 1 for an integer, an
empty list for a list of nothing; the second half then breaks it. With recorded scores in the rows (the replay judge)
every number of the dataset is known beforehand.
"""
import json

RULES = """\
version: 1
name: three
rules:
  - id: "kind"
    text: "The response is kind."
    category: tone
    polarity: 1
  - id: "null"
    text: "The response refuses."
    category: refusal
    polarity: -1
  - id: "no"
    text: "The response is calm."
    category: tone
    polarity: 1
"""


def conversation(n):
    """One user turn, or three turns with a system turn before them."""
    if n % 3:
        return f"Question {n}: what is it? Ünïcode \u2028 \"quoted\""
    return [
        {"role": "system", "content": f"Answer as number {n}."},
        {"role": "user", "content": f"Question {n}"},
        {"role": "assistant", "content": "Which one?"},
        {"role": "user", "content": "The last one.\n\nHuman: is no turn"},
    ]


def row(n, half):
    """Row n; those before `half` have null, empty or integral values wherever a column is optional."""
    out = {
        "id": f"row-{n}",
        "prompt": conversation(n),
        "response_a": f"First answer {n}.",
        "response_b": f"Second answer {n}, and a longer one.",
    }
    if n < half:
        out |= {"scoresA": [1, 0, 1], "scoresB": [0, 0, 1], "relevance": [1, 1, 1]}
        out |= [{}, {"model_a": None, "source": None}, {"source": "", "model_b": ""}][n % 3]
    else:
        out |= {"scoresA": [0.125, -0.25, 0.5], "scoresB": [-0.333333, 0.75, 0.25], "relevance": [0.9, 1, 0.8]}
        out |= {"model_a": f"model-{n % 7}", "model_b": "other", "source": "hh", "extra": {"k": [n, 1.5, None]}}
        out["preference"] = ["a", "b", "tie"][n % 3]
    return out


def write(path, rows, half):
    with open(path, "w", encoding="utf-8") as file:
        for n in range(rows):
            file.write(json.dumps(row(n, half), ensure_ascii=False) + "\n")


def messages(prompt):
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt


def read(path):
    """The rows by id."""
    with open(path, encoding="utf-8") as file:
        return {row["id"]: row for row in map(json.loads, (line for line in file.read().split("\n") if line))}

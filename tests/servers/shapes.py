"""The bodies of a scripted server: completions as vLLM, llama.cpp and OpenAI shape them, right ones and wrong ones.

What a label's probability is follows from the seed, the response and the rule alone, so that a test can say what a cell must be:
`probabilities (seed, response, rule)`.
"""

import hashlib
import json
import math
import re
import struct

LABELS = ("Yes", "No", "Irrelevant")
FLT_MAX = 3.4028234663852886e38

# How a label's probability is spread over first tokens; "Irrelevant" is never one token (JUDGE-SERVERS.md).
TOKENS = {"Yes": (("Yes", 0.7), (" yes", 0.2), ("yes", 0.1)),
          "No": (("No", 0.75), (" No", 0.2), ("no", 0.05)),
          "Irrelevant": (("Ir", 0.6), ("ir", 0.3), (" irrelevant", 0.1))}
# vLLM tells probabilities from behind a constraint, which allows a label's first letter as a token, too.
CONSTRAINED = {"Yes": (("Yes", 0.9), ("Y", 0.1)), "No": (("No", 0.8), ("N", 0.2)), "Irrelevant": (("I", 0.8), ("Ir", 0.2))}
JUNK = ("I", "not", "now", "The", "none", " ", "y", "Maybe", "\n", "A", "*", "In", "This")

# Where response and rule stand in the text of the shipped template's user message.
RESPONSE_MARK, RULE_MARK, END_MARK = "The response to be judged:\n", "\n\nThe rule: ", "\n\nDoes the response do what the rule says?"
ONE_TURN = re.compile(r"^(======(?: [0-9a-f]{12})?) response: [^\n]*\n(.*)\n\1 end of response$", re.S)


def probabilities(seed, response, rule):
    """(p_yes, p_no, p_irrelevant), which sum to 1, none under .01."""
    digest = hashlib.sha256(f"{seed}\0{response}\0{rule}".encode()).digest()
    weights = [0.02 + (word / 0xFFFFFFFF) ** 3 for word in struct.unpack(">III", digest[:12])]
    return tuple(weight / sum(weights) for weight in weights)


def noisy(p, noise, word):
    """The same with a Yes that is more or less probable, by a digest of word."""
    digest = hashlib.sha256(word.encode()).digest()
    yes = p[0] * math.exp(noise * (int.from_bytes(digest[:4], "big") / 2 ** 31 - 1))
    total = yes + p[1] + p[2]
    return yes / total, p[1] / total, p[2] / total


def cell_digest(response, rule):
    """What the log calls a cell."""
    return hashlib.sha256(f"{response}\0{rule}".encode()).hexdigest()[:32]


def between(text, start, end):
    """The text behind the last `start` and before the `end` that follows; None where there is no start."""
    at = text.rfind(start)
    if at < 0:
        return None
    at += len(start)
    to = text.find(end, at) if end else -1
    return text[at:to if to >= 0 else len(text)]


def text_of(message):
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def read_question(request, marks):
    """(text, response, rule) of a request; the whole text stands for what can't be found in it."""
    text = "\n".join(text_of(message) for message in request.get("messages") or [])
    rule_mark = marks.get("rule", RULE_MARK)
    rule = between(text, rule_mark, marks.get("end", END_MARK))
    response = between(text, marks.get("response", RESPONSE_MARK), rule_mark)
    turn = ONE_TURN.match(response) if response is not None else None
    return text, turn[2] if turn else response if response is not None else text, rule if rule is not None else text


def first_tokens(p, mass, spellings=TOKENS):
    """[(token, probability)] of the first token, most probable first."""
    found = [(token, mass * value * share) for label, value in zip(LABELS, p) for token, share in spellings[label]]
    total = sum(0.5 ** k for k in range(1, len(JUNK) + 1))
    found += [(token, (1 - mass) * 0.5 ** k / total) for k, token in enumerate(JUNK, 1)]
    return sorted(found, key=lambda entry: -entry[1])


def entry(shape, token, p, number):
    zero = -9999.0 if shape == "vllm" else -FLT_MAX if shape == "llama" else -100.0
    made = {"token": token, "bytes": list(token.encode()), "logprob": math.log(p) if p > 0 else zero}
    return {"id": number, **made} if shape == "llama" else made


def token_logprobs(shape, chosen, tokens, top):
    """An entry of choices[0].logprobs.content."""
    return {**entry(shape, chosen, dict(tokens).get(chosen, 0), 0),
            "top_logprobs": [entry(shape, token, p, k) for k, (token, p) in enumerate(tokens[:top])]}


def usage(prompt_tokens, completion_tokens, cached_tokens):
    return {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
            "prompt_tokens_details": {"cached_tokens": cached_tokens}}


def completion(shape, model, content, logprobs, used, finish="length", **more):
    message = {"role": "assistant", "content": content, **more}
    if shape == "openai":
        message["refusal"] = None
    choice = {"index": 0, "message": message, "finish_reason": finish}
    if logprobs is not None or shape != "llama":
        choice["logprobs"] = logprobs
    made = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": model,
            "choices": [choice], "usage": used}
    if shape == "llama":
        made["timings"] = {"prompt_n": used["prompt_tokens"], "predicted_n": used["completion_tokens"]}
    return made


def label_text(request, label):
    """What the answer's text is: constrained, or cut off after the first token."""
    if "response_format" in request:
        return json.dumps({"label": label})
    if "guided_choice" in request or "structured_outputs" in request:
        return label
    most = request.get("max_completion_tokens", request.get("max_tokens"))
    return TOKENS[label][0][0] if most == 1 else label


def answer(shape, model, request, p, mass, used, logprobs=True):
    """A right answer."""
    label = LABELS[max(range(3), key=lambda k: p[k])]
    content = None
    top = request.get("top_logprobs", 0)
    behind = shape == "vllm" and bool({"response_format", "guided_choice", "structured_outputs"} & set(request))
    spellings, mass = (CONSTRAINED, 1) if behind else (TOKENS, mass)
    if logprobs and request.get("logprobs") and top:
        content = {"content": [token_logprobs(shape, spellings[label][0][0], first_tokens(p, mass, spellings), top)]}
        if shape == "openai":
            content["refusal"] = None
    return completion(shape, model, label_text(request, label), content, used)


def other_tokens(shape, model, request, words, used):
    """An answer whose first token is one of these words and none of the labels."""
    share = 0.99 / len(words)
    tokens = [(word, share) for word in words]
    logprobs = {"content": [token_logprobs(shape, words[0], tokens, request.get("top_logprobs", 0))]}
    return completion(shape, model, words[0], logprobs if request.get("logprobs") else None, used)


def reasoning(shape, model, request, p, mass, used):
    """A model that thinks first: the label, whole, comes after </think>, with its log-probabilities at its first token."""
    label = LABELS[max(range(3), key=lambda k: p[k])]
    first = TOKENS[label][0][0]
    thought = ["<think>", "Let", " me", " see", ".", " Yes", " or", " no", "?", "</think>", "\n\n"]
    words = thought + [first] + ([label[len(first):]] if label != first else [])
    most = request.get("max_completion_tokens", request.get("max_tokens")) or len(words)
    top = request.get("top_logprobs", 0)
    content = [token_logprobs(shape, word, [(word, 0.97), ("Hm", 0.02)], top) for word in words]
    content[len(thought)] = token_logprobs(shape, first, first_tokens(p, mass), top)
    logprobs = {"content": content[:most]} if request.get("logprobs") and top else None
    return completion(shape, model, "".join(words[:most]), logprobs, used, finish="stop" if most >= len(words) else "length")


def duplicate_labels(shape, model, request, p, mass, used):
    """The same tokens twice in the list, as servers that merge candidates have sent them."""
    made = answer(shape, model, request, p, mass, used)
    for token in (made["choices"][0].get("logprobs") or {}).get("content", []):
        token["top_logprobs"] = (token["top_logprobs"] * 2)[:request.get("top_logprobs", 0) * 2]
    return made


def not_numbers(shape, model, request, p, mass, used):
    """Python's NaN and Infinity, which are no JSON."""
    made = answer(shape, model, request, p, mass, used)
    for token in (made["choices"][0].get("logprobs") or {}).get("content", []):
        for k, one in enumerate(token["top_logprobs"]):
            one["logprob"] = (math.nan, math.inf, -math.inf)[k % 3]
    return made


def all_zero(shape, model, request, p, mass, used):
    """-9999 (vLLM) or -FLT_MAX (llama.cpp) for each entry: no probability at all."""
    made = answer(shape, model, request, p, mass, used)
    for token in (made["choices"][0].get("logprobs") or {}).get("content", []):
        for one in token["top_logprobs"]:
            one["logprob"] = -9999.0 if shape == "vllm" else -FLT_MAX
    return made


def wrong_types(shape, model, used):
    made = completion(shape, model, 7, {"content": "Yes"}, used)
    made["choices"][0]["message"] = [made["choices"][0]["message"]]
    made["usage"] = {"prompt_tokens": "many", "completion_tokens": -1, "prompt_tokens_details": []}
    return made


def error(shape, status, message, kind, code=None, **more):
    """An error as each of them says it."""
    if shape == "vllm":
        return {"error": {"message": message, "type": kind, "param": None, "code": status, **more}}
    if shape == "llama":
        return {"error": {"code": status, "message": message, "type": kind, **more}}
    return {"error": {"message": message, "type": kind, "param": None, "code": code, **more}}

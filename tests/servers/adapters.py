"""A server of Rule Adapters for tests, in the test's own process: vLLM's /classify and /pooling with an output for each rule.

What comes out of a text says of each rule how much it is worth for the pair, plus much noise that changes its sign when the responses
change places: only who asks in both orders and takes the mean finds the rules that best_rules tells.
"""

import hashlib
import json
import re
import ssl
import time

from rewards import RewardServer

TEXT = re.compile(r"Prompt:\n(.*)\n\nResponse A:\n(.*)\n\nResponse B:\n(.*)", re.DOTALL)


def number(*parts):
    """From 0 to 1."""
    return int.from_bytes(hashlib.sha256("\0".join(map(str, parts)).encode()).digest()[:6], "big") / 2 ** 48


def worth(seed, rule, one, other):
    return number(seed, "worth", rule, *sorted((one, other)))


def best_rules(seed, rules, one, other, top):
    """The places of the rules that the adapter finds best for two responses, best first."""
    return sorted(range(rules), key=lambda rule: -worth(seed, rule, one, other))[:top]


class AdapterServer(RewardServer):
    """outputs: numbers for a text. refuse: texts with this in them are too long. nan: texts with this get no numbers. late: seconds by the
    number of the request. gate: an Event that answers wait for, but that to the check. cert: a PEM file, for HTTPS. The script's and other arguments are RewardServer's."""

    def __init__(self, outputs, seed="s", nan=None, labels=None, late=None, gate=None, cert=None, **more):
        self.outputs, self.seed, self.nan, self.labels, self.late = outputs, seed, nan, labels, late or {}
        self.gate = gate
        super().__init__(rule=self.values, **more)
        self.scheme = "http"
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert)
            # the handshake is the connection's own thread's, or one that is slow with it keeps all others waiting
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
            self.scheme = "https"

    def url(self, route):
        return super().url(route).replace("http", self.scheme, 1)

    def values(self, text):
        _prompt, a, b = TEXT.fullmatch(text).groups()
        return [worth(self.seed, r, a, b) + 3 * (number(self.seed, r, a) - number(self.seed, r, b)) for r in range(self.outputs)]

    def pairs(self):
        """The two responses of each text that was answered, as A and B."""
        return [TEXT.fullmatch(text).groups()[1:] for text in self.texts]

    def answer(self, handler, body, number):
        texts = body["input"]
        time.sleep(self.late.get(number, 0))
        if self.gate and number > 1:
            self.gate.wait()
        if self.refuse and any(self.refuse in text for text in texts):
            message = "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens."
            self.say(handler, 400, json.dumps({"error": {"message": message, "type": "BadRequestError", "code": 400}}).encode())
            return
        with self.lock:
            for text in texts:
                self.texts[text] = self.texts.get(text, 0) + 1
        data = [self.entry(handler.path, i, text) for i, text in enumerate(texts)]
        self.say(handler, 200, json.dumps({"object": "list", "model": body["model"], "data": data[::-1], "usage": {}}).encode())

    def entry(self, path, index, text):
        values = self.values(text)
        if self.nan and self.nan in text:
            values = [float("nan")] * len(values)
        if path.endswith("/pooling"):
            return {"index": index, "object": "pooling", "data": values}
        best = max(range(len(values)), key=values.__getitem__)
        return {"index": index, "label": self.labels[best] if self.labels else f"LABEL_{best}", "probs": values, "num_classes": len(values)}

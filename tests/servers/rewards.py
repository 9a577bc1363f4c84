"""A server of rewards for tests, in the test's own process: vLLM's /classify, /pooling and /score, and its misbehaviour.

A text's reward is a number of its own, so that a test can say what must come out: see reward_of. `script` maps the number of a
request, from 1, to what is done with it instead of an answer: a status, ("status", headers), or a word of MISBEHAVIOUR.
"""

import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MISBEHAVIOUR = {
    "html": b"<html><body>hello</body></html>",
    "half_json": b'{"data": [{"index": 0, "probs": [0.',
    "nan": b'{"data": [{"index": 0, "probs": [NaN], "data": [NaN], "score": NaN}]}',
    "no_data": b'{"object": "list"}',
    "wrong_types": b'{"data": [{"index": 0, "probs": "high", "data": {}, "score": null}]}',
    "twice": b'{"data": [{"index": 0, "probs": [1]}, {"index": 0, "probs": [1]}]}',
    "classes": b'{"data": [{"index": 0, "probs": [0.2, 0.8], "data": [0.2, 0.8]}]}',
    "empty": b"",
}


def reward_of(text):
    """A number that looks random and depends on the text alone."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32 * 8 - 4


class RewardServer:
    """Serves until stop(). requests holds what was asked, bodies as they came; texts counts each text asked."""

    def __init__(self, script=None, refuse=None, key=None, rule=None, delay_s=0):
        self.script, self.refuse, self.key, self.delay_s = script or {}, refuse, key, delay_s
        self.rule = rule or reward_of
        self.requests, self.texts, self.lock = [], {}, threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                outer.serve(self, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        class Http(ThreadingHTTPServer):
            def handle_error(self, *_):
                """Connections that a test cuts are no news."""

        self.http = Http(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, daemon=True)
        self.thread.start()

    def url(self, route):
        return f"http://127.0.0.1:{self.http.server_address[1]}/{route}"

    def stop(self):
        self.http.shutdown()
        self.http.server_close()

    def serve(self, handler, body):
        with self.lock:
            self.requests.append((handler.path, body))
            number = len(self.requests)
            action = self.script.get(number, self.script.get("all"))
        time.sleep(self.delay_s)
        if self.key and handler.headers.get("Authorization") != f"Bearer {self.key}":
            action = 401
        headers = {}
        if isinstance(action, tuple):
            action, headers = action
        if action == "close":
            handler.close_connection = True
            handler.connection.close()
        elif isinstance(action, int):
            self.say(handler, action, json.dumps({"error": {"message": f"scripted {action}"}}).encode(), headers)
        elif action in MISBEHAVIOUR:
            self.say(handler, 200, MISBEHAVIOUR[action], headers)
        else:
            self.answer(handler, body, number)

    def answer(self, handler, body, number):
        if "messages" in body:
            texts = ["\n".join(f"{turn['role']}: {turn['content']}" for turn in body["messages"])]
        elif "text_1" in body:
            texts = [f"{body['text_1']}\n{text}" for text in body["text_2"]]
        else:
            texts = body["input"]
        if self.refuse and any(self.refuse in text for text in texts):
            self.say(handler, 400, b'{"error": {"message": "the text is too long"}}')
            return
        with self.lock:
            for text in texts:
                self.texts[text] = self.texts.get(text, 0) + 1
        route = handler.path.rsplit("/", 1)[1]
        make = {"classify": lambda r: {"probs": [r], "label": "x", "num_classes": 1}, "pooling": lambda r: {"data": [[r]]},
                "score": lambda r: {"score": r}}[route]
        data = [{"index": i, "object": route, **make(self.rule(text))} for i, text in enumerate(texts)]
        self.say(handler, 200, json.dumps({"object": "list", "data": data[::-1], "usage": {}}).encode())

    @staticmethod
    def say(handler, status, data, headers=None):
        try:
            handler.send_response(status)
            for name, value in (headers or {}).items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            pass

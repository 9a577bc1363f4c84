#!/usr/bin/env python3
"""scripted.py --port 0 --script FILE.json [--log FILE] [--cert PEM] : an OpenAI-compatible server that does what a script says.

Prints the port that it listens on (127.0.0.1) and serves until it is ended. Python's standard library alone; above 1000 requests/s.

  POST .../chat/completions   answered by the script
  GET  .../models             the model
  GET  /__stats               {"requests", "chats", "answered", "refused", "connections", "in_service", "cells", "prompt_tokens", ...}
  POST /__rules               a list that takes the place of the script's rules from now on

The script is a JSON object, each key optional:

  shape       "vllm", "llama" or "openai"; model; seed; mass (.98) of the three labels; logprobs (true)
  key         answer 401 to requests without "Authorization: Bearer KEY"
  marks       {"response", "rule", "end"}: what stands before response and rule and behind the rule, for another template
  delay_ms    of an answer; delay_ms_per_place is added for each request in service, delay_ms_computed where nothing of it is cached
  places      how many are served at a time; over: "refuse" (429, with retry_after where given) or "queue" (vLLM does)
  schedule    [[seconds, places], ...] since the first chat; begins anew after the last entry's time
  dead        [[from_s, to_s], ...] since the start: connections are cut, new ones refused
  answers_per_connection, idle_s     how long a connection is kept (llama: 100 and 5)
  noise       how much answers to one question differ, from one time that it is asked to the next: the odds of Yes, as a power of e (0: not at all)
  thinks      true: a reasoning preamble, unless chat_template_kwargs has enable_thinking false
  top_logprobs_max, refuse (names of parameters), context_tokens      answered with 400 when passed
  context_told  false: that answer tells no numbers
  bytes_per_token (4)                what the usage is counted by
  template_tokens (0)                that the server's own template adds to each prompt
  ratelimit   {"requests": N, "window_s": S}: x-ratelimit-* headers, 429 past it
  rules       a list of {"when": {...}, "do": NAME, ...}: the first that matches is done instead of an answer

`when`, all of which must hold: from, to (number of the chat, from 1), every (n-th), body (a part of it, or a list of parts), path (a part of it; then
not only chats), share (of the chats, by the seed), times (at most so often), after_s, until_s (since the first chat).

`do`: bad_request 400, unauthorized 401, not_found 404, timeout 408, too_large 413, rate_limited 429, error 500, loading 503 (each
with status, retry_after, headers to change it), context, close (in mid-answer), close_before, half_json, huge (bytes, 100 MB),
slow (one byte a second; interval_s), never, html, empty_body, wrong_types, no_choices, empty_content, nan, zeros, other_labels,
other_language, reasoning, duplicate_labels, no_logprobs, redirect, headers_huge, garbage (no HTTP), and answer (with delay_ms). html
and other_labels say a text where one is given.
"""

import argparse
import asyncio
import hashlib
import json
import pathlib
import ssl
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import shapes  # noqa: E402
from misbehaviour import Misbehaviour  # noqa: E402
from script import Server  # noqa: E402

STATUS = {"bad_request": (400, "invalid_request_error", "the request is wrong"),
          "unauthorized": (401, "invalid_request_error", "Incorrect API key provided"),
          "not_found": (404, "not_found_error", "there is no such thing"),
          "timeout": (408, "timeout_error", "the request took too long"),
          "too_large": (413, "invalid_request_error", "the request is too large"),
          "rate_limited": (429, "rate_limit_exceeded", "Rate limit reached"),
          "error": (500, "server_error", "something went wrong"),
          "loading": (503, "unavailable_error", "Loading model")}
REASON = {200: "OK", 302: "Found", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 408: "Request Timeout",
          413: "Payload Too Large", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}
REQUEST_BYTES_MAX = 64 * 1024 * 1024


class Connection(Misbehaviour, asyncio.Protocol):
    """One connection: requests come one after the other."""

    def __init__(self, server):
        self.server = server
        self.loop = asyncio.get_running_loop()
        self.buffer = bytearray()
        self.answers = 0
        self.busy = self.holds_place = False
        self.closing = self.transport = self.timer = None

    def connection_made(self, transport):
        self.transport = transport
        self.server.connections.add(self)
        self.server.counts["connections"] += 1
        self.watch_idle()

    def connection_lost(self, _error):
        self.server.connections.discard(self)
        if self.timer:
            self.timer.cancel()
        self.release()          # a client that hangs up frees its place

    def data_received(self, data):
        self.buffer += data
        if len(self.buffer) > REQUEST_BYTES_MAX:
            self.transport.abort()
        elif not self.busy:
            self.read_request()

    def watch_idle(self):
        if self.server.idle_s:
            self.timer = self.loop.call_later(self.server.idle_s, lambda: self.busy or self.transport.close())

    def release(self):
        if self.holds_place:
            self.holds_place = False
            self.server.leave()

    # --- a request

    def read_request(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        lines = bytes(self.buffer[:end]).decode("latin-1").split("\r\n")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(fields.get("content-length") or 0)
        if len(self.buffer) < end + 4 + length:
            return
        body = bytes(self.buffer[end + 4:end + 4 + length])
        del self.buffer[:end + 4 + length]
        self.busy = True
        if self.timer:
            self.timer.cancel()
            self.timer = None
        method, _, rest = lines[0].partition(" ")
        self.handle(method, rest.partition(" ")[0], fields, body)

    def handle(self, method, path, fields, body):
        server = self.server
        if path == "/__stats":
            self.send_json(200, server.stats())
            return
        if path == "/__rules":
            server.script["rules"] = json.loads(body)
            server.done_by_rule.clear()
            self.send_json(200, server.stats())
            return
        server.counts["requests"] += 1
        chat = method == "POST" and path.endswith("/chat/completions")
        number = 0
        if chat:
            if server.first_chat is None:
                server.first_chat = time.monotonic()
            server.counts["chats"] += 1
            number = server.counts["chats"]
        self.headers, over_rate = server.ratelimit() if chat else ({}, False)
        self.number, self.path = number, path
        self.text = self.response = self.rule_text = ""
        try:
            self.request = json.loads(body) if body else {}
        except ValueError:
            self.request = None
        rule = server.rule_for(path, body, number)
        if not self.is_allowed(fields):
            self.log("unauthorized")
            self.send_status("unauthorized", {})
        elif rule:
            self.begin_rule(rule)
        elif not chat:
            self.answer_other(method, path)
        elif over_rate:
            self.refuse({"status": 429})
        else:
            self.enter(self.answer, server.script.get("delay_ms", 0))

    def is_allowed(self, fields):
        key = self.server.script.get("key")
        return key is None or fields.get("authorization") == f"Bearer {key}"

    def log(self, did):
        """One line for each request, as it comes; what a chat asks is read here."""
        server = self.server
        if self.number == 0:
            server.note(path=self.path, did=did)
            return
        request = self.request if isinstance(self.request, dict) else {}
        self.text, self.response, self.rule_text = shapes.read_question(request, server.script.get("marks", {}))
        self.cell = shapes.cell_digest(self.response, self.rule_text)
        if did == "answer":
            server.cells[self.cell] += 1
        self.again = server.cells[self.cell]
        server.note(n=self.number, did=did, cell=self.cell, response=hashlib.sha256(self.response.encode()).hexdigest()[:32],
                    rule=self.rule_text[:200], busy=server.in_service)

    def begin_rule(self, rule):
        self.rule = rule
        delay = rule.get("delay_ms", self.server.script.get("delay_ms", 0) if rule["do"] not in STATUS else 0)
        if rule["do"] == "answer":
            self.enter(self.answer, delay)
            return
        self.log(rule["do"])
        self.loop.call_later(delay / 1000, self.alive(lambda: self.misbehave(rule)))

    def alive(self, act):
        """Nothing is done for a connection that is gone."""
        return lambda: None if self.transport.is_closing() else act()

    def enter(self, act, delay_ms):
        def begin():
            if self.transport.is_closing():     # it hung up while it was waiting
                self.loop.call_soon(self.server.leave)
                return
            self.holds_place = True
            more = self.server.script.get("delay_ms_per_place", 0) * self.server.in_service
            computed = self.server.script.get("delay_ms_computed", 0)
            if computed and isinstance(self.request, dict):
                text, _response, rule = shapes.read_question(self.request, self.server.script.get("marks", {}))
                more += computed * (not self.server.is_cached(text, rule))
            self.loop.call_later((delay_ms + more) / 1000, self.alive(act))
        if self.server.refuses():
            self.refuse({"retry_after": self.server.script.get("retry_after")})
            return
        self.log("answer")
        self.server.enter(begin)

    def refuse(self, how):
        self.server.counts["refused"] += 1
        self.log("refused")
        self.send_status("rate_limited", how)

    # --- answers

    def answer_other(self, method, path):
        self.log("other")
        if method == "GET" and path.endswith("/models"):
            one = {"id": self.server.model, "object": "model", "created": 1700000000, "owned_by": "tests"}
            if self.server.shape == "vllm" and self.server.script.get("context_tokens"):
                one["max_model_len"] = self.server.script["context_tokens"]
            self.send_json(200, {"object": "list", "data": [one]})
        else:
            self.send_status("not_found", {})

    def wrong_request(self):
        """The error answer to a request that the script's server does not take; None where it does."""
        server, request = self.server, self.request
        if not isinstance(request, dict):
            # llama.cpp calls invalid JSON its own error
            return (500 if server.shape == "llama" else 400, "invalid_request_error", "the body is no JSON object", {})
        for name in server.script.get("refuse", ()):
            if name in request:
                return 400, "invalid_request_error", f"Unsupported parameter: '{name}' is not supported with this model.", {}
        top = server.script.get("top_logprobs_max", 20)
        if request.get("top_logprobs", 0) > top:
            return 400, "invalid_request_error", f"Invalid value for 'top_logprobs': must be less than or equal to {top}.", {}
        if server.shape != "llama" and request.get("model") != server.model:
            return 404, "NotFoundError", f"The model `{request.get('model')}` does not exist.", {}
        return None

    def overflow(self, tokens, most):
        if not self.server.script.get("context_told", True):
            self.send_json(400, shapes.error(self.server.shape, 400, "the prompt is too long", "BadRequestError", code="context_length_exceeded"))
            return
        more = {"n_prompt_tokens": tokens, "n_ctx": most} if self.server.shape == "llama" else {}
        kind = "exceed_context_size_error" if self.server.shape == "llama" else "BadRequestError"
        message = {"llama": f"the request exceeds the available context size ({tokens} > {most} tokens)",
                   "vllm": f"This model's maximum context length is {most} tokens. However, your prompt contains at least {most + 1} input tokens, "
                           f"which exceeds this limit even without any output tokens. (parameter=input_tokens, value={most + 1})",
                   "openai": f"This model's maximum context length is {most} tokens. However, you requested {tokens} tokens."}[self.server.shape]
        self.send_json(400, shapes.error(self.server.shape, 400, message, kind, code="context_length_exceeded", **more))

    def answer(self):
        wrong = self.wrong_request()
        if wrong:
            status, kind, message, more = wrong
            self.send_json(status, shapes.error(self.server.shape, status, message, kind, **more))
            return
        server = self.server
        tokens, most = len(self.text) // 4, server.script.get("context_tokens", 0)
        if most and tokens > most:
            self.overflow(tokens, most)
            return
        server.counts["answered"] += 1
        if server.script.get("thinks") and self.request.get("chat_template_kwargs", {}).get("enable_thinking") is not False:
            self.send_json(200, shapes.reasoning(*self.facts()))
            return
        self.send_json(200, self.right_answer(server.script.get("logprobs", True)))

    def facts(self):
        server = self.server
        p = shapes.probabilities(server.seed, self.response, self.rule_text)
        if server.script.get("noise"):
            p = shapes.noisy(p, server.script["noise"], f"{server.seed}/{self.cell}/{self.again}")
        prompt = max(1, len(self.text) // server.script.get("bytes_per_token", 4)) + server.script.get("template_tokens", 0)
        cached = server.cached_tokens(self.text, self.rule_text)
        server.counts.update(prompt_tokens=prompt, cached_tokens=cached, completion_tokens=1)
        used = shapes.usage(prompt, 1, cached)
        request = self.request if isinstance(self.request, dict) else {}
        return server.shape, server.model, request, p, server.script.get("mass", 0.98), used

    def right_answer(self, logprobs=True):
        return shapes.answer(*self.facts(), logprobs)

    def misbehave(self, rule):
        name = rule["do"]
        if name in STATUS or "status" in rule:
            self.send_status(name, rule)
            return
        method = getattr(self, "do_" + name, None)
        if method is None:
            self.send_json(500, shapes.error("openai", 500, f"the script's \"{name}\" is unknown", "script"))
        else:
            method(rule)

    # --- sending

    def send_status(self, name, rule):
        status, kind, message = STATUS.get(name, (500, "server_error", "as the script says"))
        status = rule.get("status", status)
        headers = dict(rule.get("headers", {}))
        if rule.get("retry_after") is not None:
            headers["Retry-After"] = rule["retry_after"]
        body = rule["body"].encode() if "body" in rule else \
            json.dumps(shapes.error(self.server.shape, status, rule.get("message", message), kind)).encode()
        self.send(status, body, headers)

    def send_json(self, status, value):
        self.send(status, json.dumps(value).encode())

    def send(self, status, body, headers=None):
        self.answers += 1
        last = self.answers == self.server.answers_max or (status >= 400 and self.server.shape == "llama")
        head = {"Content-Type": "application/json", "Content-Length": len(body), **getattr(self, "headers", {}), **(headers or {})}
        if last:
            head["Connection"] = "close"
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        self.transport.write(f"HTTP/1.1 {status} {REASON.get(status, 'Status')}\r\n{lines}\r\n".encode() + body)
        self.finish()
        if last:
            self.transport.close()

    def finish(self):
        self.busy = False
        self.release()
        self.watch_idle()
        if self.buffer:
            self.loop.call_soon(self.alive(self.read_request))


async def live(server, port, tls):
    """Listen, with the script's times of death."""
    loop = asyncio.get_running_loop()

    async def listen(at):
        return await loop.create_server(lambda: Connection(server), "127.0.0.1", at, backlog=4096, reuse_address=True, ssl=tls)

    listener = await listen(port)
    port = listener.sockets[0].getsockname()[1]
    print(port, flush=True)
    for start, end in server.script.get("dead", ()):
        await asyncio.sleep(max(0, server.started + start - time.monotonic()))
        listener.close()
        for connection in list(server.connections):
            connection.transport.abort()
        await asyncio.sleep(max(0, server.started + end - time.monotonic()))
        listener = await listen(port)
    await asyncio.Event().wait()


def read_cert(path):
    if not path:
        return None
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(path)
    return tls


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", help="a JSON file; none: right answers")
    parser.add_argument("--cert", help="a PEM file of certificate and key: HTTPS")
    parser.add_argument("--log", help="one JSON line for each request")
    options = parser.parse_args()
    script = json.loads(pathlib.Path(options.script).read_text()) if options.script else {}
    log = open(options.log, "a", buffering=1) if options.log else None
    try:
        asyncio.run(live(Server(script, log), options.port, read_cert(options.cert)))
    except KeyboardInterrupt:
        pass
    finally:
        if log:
            log.close()


if __name__ == "__main__":
    main()

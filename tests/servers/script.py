"""What all connections of a scripted server share: the script and which of its rules holds, the places, the limits, the counters."""

import hashlib
import json
import time
from collections import Counter, OrderedDict, deque

CACHE_PREFIXES = 4096


class Server:
    """What all connections share: the script, the places, the counters."""

    def __init__(self, script, log):
        self.script, self.log = script, log
        self.shape = script.get("shape", "vllm")
        self.model = script.get("model", "scripted")
        self.seed = script.get("seed", 0)
        llama = self.shape == "llama"
        self.answers_max = script.get("answers_per_connection", 100 if llama else 0)
        self.idle_s = script.get("idle_s", 5 if llama else 0)
        self.counts = Counter()
        self.cells = Counter()
        self.done_by_rule = Counter()
        self.prefixes = OrderedDict()
        self.connections = set()
        self.waiting = deque()
        self.in_service = 0
        self.started = time.monotonic()
        self.first_chat = None
        self.window, self.window_used = 0, 0

    def since_first_chat(self):
        return time.monotonic() - self.first_chat

    # --- places

    def places(self):
        schedule = self.script.get("schedule")
        if not schedule or self.first_chat is None:
            return self.script.get("places", 0)
        at = self.since_first_chat() % schedule[-1][0] if schedule[-1][0] > 0 else 0
        return [places for start, places in schedule if start <= at][-1]

    def is_full(self):
        places = self.places()
        return places > 0 and self.in_service >= places

    def refuses(self):
        return self.is_full() and self.script.get("over") != "queue"

    def enter(self, begin):
        """Serve it now, or when a place is free."""
        if self.is_full():
            self.waiting.append(begin)
        else:
            self.serve(begin)

    def serve(self, begin):
        self.in_service += 1
        self.counts["in_service_max"] = max(self.counts["in_service_max"], self.in_service)
        begin()

    def leave(self):
        self.in_service -= 1
        while self.waiting and not self.is_full():
            self.serve(self.waiting.popleft())

    # --- the script

    def rule_for(self, path, body, number):
        for index, rule in enumerate(self.script.get("rules", ())):
            if self.holds(rule.get("when", {}), index, path, body, number):
                self.done_by_rule[index] += 1
                return rule
        return None

    def holds(self, when, index, path, body, number):
        if "path" in when:
            if when["path"] not in path:
                return False
        elif number == 0:
            return False
        if number < when.get("from", number) or number > when.get("to", number) or number % when.get("every", 1):
            return False
        parts = when.get("body", [])
        if any(part.encode() not in body for part in ([parts] if isinstance(parts, str) else parts)):
            return False
        if self.done_by_rule[index] >= when.get("times", float("inf")):
            return False
        at = self.since_first_chat() if self.first_chat is not None else 0
        if at < when.get("after_s", at) or at >= when.get("until_s", float("inf")):
            return False
        if "share" in when:
            word = hashlib.sha256(f"{self.seed}/{index}/{number}".encode()).digest()
            return int.from_bytes(word[:4], "big") < when["share"] * 2 ** 32
        return True

    def ratelimit(self):
        """(headers, refused) by a window that begins anew each window_s."""
        limit = self.script.get("ratelimit")
        if not limit:
            return {}, False
        window_s = limit.get("window_s", 60)
        at = (time.monotonic() - self.started) / window_s
        if int(at) != self.window:
            self.window, self.window_used = int(at), 0
        refused = self.window_used >= limit["requests"]
        self.window_used += not refused
        reset_ms = int((1 - at % 1) * window_s * 1000) + 1
        return {"x-ratelimit-limit-requests": limit["requests"], "x-ratelimit-remaining-requests": limit["requests"] - self.window_used,
                "x-ratelimit-reset-requests": f"{reset_ms // 1000}s{reset_ms % 1000}ms" if reset_ms > 999 else f"{reset_ms}ms"}, refused

    @staticmethod
    def prefix(text, rule):
        return text[:text.rfind(rule)] if rule and rule in text else text

    def is_cached(self, text, rule):
        return hash(self.prefix(text, rule)) in self.prefixes

    def cached_tokens(self, text, rule):
        """Tokens before the rule, where a request with the same beginning was here."""
        prefix = self.prefix(text, rule)
        key = hash(prefix)
        known = key in self.prefixes
        self.prefixes[key] = True
        self.prefixes.move_to_end(key)
        if len(self.prefixes) > CACHE_PREFIXES:
            self.prefixes.popitem(last=False)
        tokens = len(prefix) // 4
        return tokens // 16 * 16 * known if self.shape == "vllm" else tokens * known

    def stats(self):
        return {"requests": self.counts["requests"], "chats": self.counts["chats"], "answered": self.counts["answered"],
                "refused": self.counts["refused"], "connections": self.counts["connections"], "open": len(self.connections),
                "in_service": self.in_service, "in_service_max": self.counts["in_service_max"], "cells": len(self.cells),
                **{name: self.counts[name] for name in ("prompt_tokens", "cached_tokens", "completion_tokens")},
                "poured": self.counts["poured"],
                "cells_twice": sum(n > 1 for n in self.cells.values()), "done": {str(k): n for k, n in self.done_by_rule.items()}}

    def note(self, **what):
        if self.log:
            self.log.write(json.dumps({"t": round(time.time(), 4), **what}) + "\n")

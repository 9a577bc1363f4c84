"""What a scripted server does instead of answering: one method, do_NAME, for each name that a script's rule can have.

A part of scripted.Connection, which has transport, loop, server and request, and the ways to send.
"""

import json

import shapes


class Misbehaviour:
    def do_context(self, rule):
        self.overflow(rule.get("n_prompt_tokens", 9000), rule.get("n_ctx", 4096))

    def do_close(self, _rule):
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{\"choices\": [")
        self.transport.close()

    def do_close_before(self, _rule):
        self.transport.close()

    def do_half_json(self, _rule):
        body = json.dumps(self.right_answer()).encode()
        self.send(200, body[:len(body) // 2])

    def do_huge(self, rule):
        size = rule.get("bytes", 100_000_000)
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % size)
        self.pour(size)

    def pour(self, left):
        if left <= 0:
            self.finish()
        elif not self.transport.is_closing():
            if self.transport.get_write_buffer_size() < 1 << 20:
                self.transport.write(b" " * min(left, 1 << 18))
                self.server.counts["poured"] += min(left, 1 << 18)
                left -= 1 << 18
            self.loop.call_later(0.0005, self.pour, left)

    def do_slow(self, rule):
        body = json.dumps(self.right_answer()).encode()
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body))
        self.drip(body, 0, rule.get("interval_s", 1))

    def drip(self, body, at, interval_s):
        if at == len(body):
            self.finish()
        elif not self.transport.is_closing():
            self.transport.write(body[at:at + 1])
            self.loop.call_later(interval_s, self.drip, body, at + 1, interval_s)

    def do_never(self, _rule):
        pass

    def do_html(self, rule):
        page = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1>%s</body></html>" \
            % rule.get("text", "").encode()
        self.send(rule.get("html_status", 200), page, {"Content-Type": "text/html"})

    def do_empty_body(self, _rule):
        self.send(200, b"")

    def do_wrong_types(self, _rule):
        self.send_json(200, shapes.wrong_types(self.server.shape, self.server.model, self.facts()[-1]))

    def do_no_choices(self, _rule):
        self.send_json(200, {**self.right_answer(), "choices": []})

    def do_empty_content(self, _rule):
        shape, model, _, _, _, used = self.facts()
        self.send_json(200, shapes.completion(shape, model, "", {"content": []} if self.request.get("logprobs") else None, used))

    def do_nan(self, _rule):
        self.send_json(200, shapes.not_numbers(*self.facts()))

    def do_zeros(self, _rule):
        self.send_json(200, shapes.all_zero(*self.facts()))

    def do_words(self, words, text=None):
        shape, model, request, _, _, used = self.facts()
        answer = shapes.other_tokens(shape, model, request, words, used)
        if text:
            answer["choices"][0]["message"]["content"] = text
        self.send_json(200, answer)

    def do_other_labels(self, rule):
        self.do_words(["True", "False", "Maybe", "N/A"], rule.get("text"))

    def do_other_language(self, _rule):
        self.do_words(["是", "否", "Ja", "Нет", "はい"])

    def do_reasoning(self, _rule):
        self.send_json(200, shapes.reasoning(*self.facts()))

    def do_duplicate_labels(self, _rule):
        self.send_json(200, shapes.duplicate_labels(*self.facts()))

    def do_no_logprobs(self, _rule):
        self.send_json(200, self.right_answer(False))

    def do_redirect(self, rule):
        self.send(rule.get("redirect_status", 302), b"", {"Location": rule.get("to_url", "/elsewhere/v1/chat/completions")})

    def do_headers_huge(self, rule):
        many = b"".join(b"X-Filler-%d: %s\r\n" % (k, b"x" * 1000) for k in range(rule.get("lines", 200)))
        self.transport.write(b"HTTP/1.1 200 OK\r\n" + many + b"Content-Length: 2\r\n\r\n{}")
        self.finish()

    def do_garbage(self, _rule):
        self.transport.write(b"SSH-2.0-OpenSSH_9.2\r\n" + bytes(range(256)) * 16)
        self.transport.close()

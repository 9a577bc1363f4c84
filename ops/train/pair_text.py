"""A prompt and two responses as the one text that a Rule Adapter reads. worker/pair_text.h writes the same for one that is served."""

from corpus import LEFT_OUT

TITLES = ("Prompt:\n", "\n\nResponse A:\n", "\n\nResponse B:\n")


def conversation_text (turns):
    return "\n".join (f"{turn ['role']}: {turn ['content']}" for turn in turns)


def response_text (turns):
    return "\n".join (turn ["content"] for turn in turns)


def shorten (ids, room, left_out):
    if len (ids) <= room:
        return ids
    keep = max (room - len (left_out), 0)
    return ids [:keep - keep // 2] + left_out + ids [len (ids) - keep // 2:] if keep else ids [:room]


def rooms (lengths, room):
    """How much of `room` each part gets: all that it needs where that is under an equal share, else an equal share of what is left."""
    out, left = [0] * len (lengths), room
    order = sorted (range (len (lengths)), key=lambda i: lengths [i])
    for n, i in enumerate (order):
        out [i] = min (lengths [i], left // (len (order) - n))
        left -= out [i]
    return out


class Reader:
    """Token ids of a prompt and two responses, with room for all three."""

    def __init__ (self, tokenizer, length):
        self.tokenizer, self.length = tokenizer, length
        self.titles = [self.ids (title) for title in TITLES]
        self.left_out = self.ids (LEFT_OUT)
        self.cut = 0

    def ids (self, text):
        return self.tokenizer (text, add_special_tokens=False) ["input_ids"]

    def read (self, prompt, a, b):
        """The tokens that a server makes of the whole text; where these are too many, those of its parts, each shortened."""
        texts = [conversation_text (prompt), response_text (a), response_text (b)]
        whole = self.tokenizer ("".join (title + text for title, text in zip (TITLES, texts))) ["input_ids"]
        return whole if len (whole) <= self.length else self.read_shortened (texts)

    def read_shortened (self, texts):
        parts = [self.ids (text) for text in texts]
        begin = [token for token in self.tokenizer ("") ["input_ids"] [:1] if token == self.tokenizer.bos_token_id]
        room = self.length - len (begin) - sum (len (title) for title in self.titles)
        given = rooms ([len (part) for part in parts], room)
        self.cut += any (len (part) > size for part, size in zip (parts, given))
        out = list (begin)
        for title, part, size in zip (self.titles, parts, given):
            out += title + shorten (part, size, self.left_out)
        return out

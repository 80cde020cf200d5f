"""A real SMTP server on loopback that takes mail, or answers as it is told."""

import email
import email.policy
import socketserver
import threading
import time
from collections import deque

from tests.act.receiving import eventually


def says(verb, reply):
    """Answers the next mail's `verb` (RCPT, DATA, or the end of the mail, `.`) with this."""
    return lambda asked: reply if asked == verb else None


def hangs(verb):
    def behave(asked):
        if asked == verb:
            time.sleep(60)

    return behave


def goes(verb):
    """Closes the line instead of answering; or at a `line` of a mail."""

    def behave(asked):
        if asked == verb:
            raise ConnectionAbortedError

    return behave


def kills(end, verb="."):
    """Calls `end`, such as a kill, just before a mail's end is answered."""

    def behave(asked):
        if asked == verb:
            end()

    return behave


class _Handler(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self):
        box = self.server.box
        box.connections += 1
        self.say(box.greeting())
        behave = lambda _: None  # noqa: E731 (until a mail begins)
        to = ""
        while line := self.rfile.readline().decode("latin-1").strip():
            verb = line.split()[0].upper()
            if verb == "QUIT":
                self.say("221 bye")
                return
            if verb == "MAIL":
                behave = box.script.popleft() if box.script else box.otherwise
            if verb == "RCPT":
                to = line.partition("<")[2].partition(">")[0]
                behave = box.of.get(to, behave)
            answer = behave(verb)
            if verb != "DATA" or answer:
                self.say(answer or "250 ok")
                continue
            self.say("354 go on")
            mail = b""
            while (part := self.rfile.readline()) != b".\r\n":
                if not part:
                    return
                behave("line")
                mail += part.removeprefix(b".")
            box.seen.append((to, mail))
            answer = behave(".")
            if answer is None:
                box.got.append(email.message_from_bytes(mail, policy=email.policy.default))
            self.say(answer or "250 kept")


class _Dripper(socketserver.BaseRequestHandler):
    def handle(self):
        server = self.server
        try:
            for line in server.first:
                self.request.sendall(line)
                self.request.recv(1_000)
            for number in range(DRIPS):
                self.request.sendall(server.drops[number % len(server.drops)].to_bytes())
                time.sleep(0.01)
        except OSError:
            server.left.set()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, *_):
        """A client that went away is what is tried here."""


DRIPS = 1_000


class Dripping:
    """A server that says some lines, each followed by an answer, and then a byte now and then for ten seconds and more,
    over and over. `left`: whoever asked went away before. Use it as a context."""

    def __init__(self, drops, *first):
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Dripper)
        self._server.daemon_threads = True
        self._server.first, self._server.drops = first, drops
        self.left = self._server.left = threading.Event()
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Postman:
    """Use it as a context. `script`: how the next mails are answered; `of`: those to an address; `otherwise`: all."""

    def __init__(self, *script):
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.box = self
        self.script = deque(script)
        self.of = {}
        self.otherwise = lambda _: None
        self.greeting = lambda: "220 postman"
        self.got = []
        """Mails that were taken."""
        self.seen = []
        """(to, bytes) of all whose end came, taken or not."""
        self.connections = 0
        self.url = f"smtp://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def wait(self, count=1, within_s=120.0):
        eventually(lambda: len(self.got) >= count, within_s)
        return self.got

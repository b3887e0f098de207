"""The program under test: started, asked, killed."""

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

START_SECONDS_MAX = 60
ANSWER_SECONDS_MAX = 30
# The same for each start, so that answers can be compared as they stand.
BASE = "http://frist.test/fhir"


class NotReady(Exception):
    """The program ended by itself, or did not become ready."""


class Server:
    def __init__(self, program: Path, engine: str, data: Path, log: Path):
        self.program, self.engine, self.data, self.log = program, engine, data, log
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process: subprocess.Popen | None = None
        self.connections = threading.local()

    def spawn(self, clock: str, environment: dict[str, str] | None = None) -> None:
        """Starts it, and does not wait."""
        command = [str(self.program), "serve", "--clock", clock, "--listen", f"127.0.0.1:{self.port}", "--data", str(self.data)]
        command += ["--engine", self.engine, "--event-retention-days", "3650", "--subscription-http-loopback", "--cache-mb", "16", "--base-url", BASE]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **(environment or {})}
            )

    def await_ready(self) -> None:
        ends = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < ends:
            if self.process.poll() is not None:
                raise NotReady(f"it ended by itself with {self.process.returncode}: {self.last_words()}")
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.01)
        raise NotReady(f"it is not ready after {START_SECONDS_MAX} s: {self.last_words()}")

    def start(self, clock: str, environment: dict[str, str] | None = None) -> None:
        self.spawn(clock, environment)
        self.await_ready()

    def last_words(self) -> str:
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return " / ".join(lines[-3:])[-600:]

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_raw(self, method: str, path: str, body: dict | None = None, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        """One request; `OSError` if there is no whole answer. A connection that the server closed meanwhile is not tried again: who asks decides."""
        kept = self.connections
        if getattr(kept, "of", None) != self.process.pid:
            kept.of, kept.one = self.process.pid, http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS_MAX)
        path = path if path in ("/readyz", "/metrics", "/livez") else f"/fhir/{path}" if path else "/fhir"
        sent = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        try:
            if kept.one.sock is None:
                kept.one.connect()
                kept.one.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            kept.one.request(method, path, sent, {"Content-Type": "application/fhir+json", **(headers or {})})
            answer = kept.one.getresponse()
            text = answer.read()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text
        except (http.client.HTTPException, OSError) as error:
            kept.one.close()
            raise OSError(str(error)) from error

    def ask(self, method: str, path: str, body: dict | None = None, headers: dict[str, str] | None = None) -> tuple[int, dict]:
        status, _, text = self.ask_raw(method, path, body, headers)
        return status, read_json(text) if text.startswith(b"{") else {}

    def stop(self) -> None:
        """Ends it as an operator does."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(START_SECONDS_MAX)

    def must(self, path: str) -> dict:
        """Reads what must be readable."""
        status, answer = self.ask("GET", path)
        if status != 200:
            raise NotReady(f"GET {path} was answered with {status}: {json.dumps(answer)[:300]}")
        return answer


class Number(str):
    """A number, as it was written."""


def read_json(text: bytes) -> dict:
    """JSON whose numbers keep their digits."""
    return json.loads(text, parse_float=Number, parse_int=Number)

"""A receiver of webhooks on loopback, in a thread: HTTP, or HTTPS with a certificate of its own."""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Receiver:
    """What came, and what to answer: `answers` in turn, then 204."""

    port: int = 0
    came: list[dict[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    endless: bool = False  # the body of the answer never stops
    trickle_s: float = 0.0  # seconds between the bytes of the answer's head
    held: threading.Event | None = None  # answers come once it is set

    def wait(self, count: int, seconds: float = 30) -> list[dict[str, Any]]:
        """What came, once it is `count`."""
        ends = time.monotonic() + seconds
        while len(self.came) < count:
            assert time.monotonic() < ends, f"{len(self.came)} of {count} came within {seconds} s"
            time.sleep(0.02)
        return self.came


@contextmanager
def receiving(certificate: Path | None = None) -> Iterator[Receiver]:
    """`certificate`: a PEM file with chain and key."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.came.append({"path": self.path, "body": body, **{name.lower(): value for name, value in self.headers.items()}})
            if kept.held is not None:
                kept.held.wait(30)
            status = kept.answers.pop(0) if kept.answers else 204
            head = f"HTTP/1.1 {status} Whatever\r\n" + "".join(f"{name}: {value}\r\n" for name, value in kept.headers.items())
            self._say(head.encode() + b"Connection: close\r\n\r\n")
            while kept.endless and self._say(b"x" * 65_536):
                pass
            self.close_connection = True

        def _say(self, text: bytes) -> bool:
            try:
                for start in range(0, len(text), 1) if kept.trickle_s else (0,):
                    self.wfile.write(text[start : start + 1] if kept.trickle_s else text)
                    time.sleep(kept.trickle_s)
            except OSError:
                return False
            return True

        def do_GET(self) -> None:
            kept.came.append({"path": self.path, "method": "GET"})

        def log_message(self, *words: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *words: None  # type: ignore[method-assign]  # refused handshakes are what some tests are about
    kept.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield kept
    server.shutdown()
    server.server_close()


def make_certificate(path: Path, *names: str) -> Path:
    """A certificate that signs itself for these host names, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path

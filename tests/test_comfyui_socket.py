"""The WebSocket client against frames as RFC 6455 has them."""

import base64
import hashlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from comfyui_socket import SocketClosedError, WebSocket

Connect = Callable[..., WebSocket]


class Peer(threading.Thread):
    """Accepts one connection, answers the handshake, sends bytes, keeps what the client says."""

    def __init__(
        self, sent: bytes, *, pieces: int = 1 << 20, status: str = "101 Switching", key: str = ""
    ) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.sent, self.pieces, self.status, self.key = sent, pieces, status, key
        self.request = b""
        self.heard = b""
        self.start()

    def run(self) -> None:
        connection, _ = self.listener.accept()
        with connection:
            while b"\r\n\r\n" not in self.request:
                self.request += connection.recv(4096)
            (key,) = [line for line in self.request.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key: ")]
            text = (self.key or key.split()[1].decode()) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1(text.encode(), usedforsecurity=False).digest()).decode()
            head = f"HTTP/1.1 {self.status}\r\nUpgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n"
            data = head.encode() + self.sent
            for at in range(0, len(data), self.pieces):
                connection.sendall(data[at : at + self.pieces])
            while part := connection.recv(4096):
                self.heard += part

    def stop(self) -> None:
        self.join(10)
        self.listener.close()


@pytest.fixture
def peers() -> Iterator[list[Peer]]:
    made: list[Peer] = []
    yield made
    for peer in made:
        peer.stop()


@pytest.fixture
def connect(peers: list[Peer]) -> Connect:
    def connected(sent: bytes, **options: object) -> WebSocket:
        peers.append(Peer(sent, **options))  # type: ignore[arg-type]
        return WebSocket("127.0.0.1", peers[-1].listener.getsockname()[1], "/ws?clientId=x", 10)

    return connected


def frame(payload: bytes, opcode: int = 1, *, last: bool = True) -> bytes:
    size = len(payload)
    length = (
        bytes([size])
        if size < 126
        else b"\x7e" + struct.pack(">H", size)
        if size < 1 << 16
        else b"\x7f" + struct.pack(">Q", size)
    )
    return bytes([opcode | 128 * last]) + length + payload


LONG, LONGER = "é" * 100, "x" * 70_000


@pytest.mark.parametrize("pieces", [1 << 20, 1, 7])
def test_text_of_every_length_in_any_pieces(connect: Connect, pieces: int) -> None:
    sent = frame(b"") + frame(LONG.encode()) + frame(b"one", last=False) + frame(b" two", 0)
    with closing(connect(sent, pieces=pieces)) as client:
        assert [client.receive(10) for _ in range(3)] == ["", LONG, "one two"]
        assert client.receive(0.01) is None


def test_a_message_of_more_than_64_kb(connect: Connect) -> None:
    with closing(connect(frame(LONGER.encode()))) as client:
        assert client.receive(10) == LONGER


def test_previews_are_dropped_and_pings_answered(connect: Connect, peers: list[Peer]) -> None:
    binary = frame(b"\0\0\0\1", 2, last=False) + frame(b"png", 0)
    with closing(connect(binary + frame(b"hi", 9) + frame(b"pong?", 10) + frame(b"text"))) as client:
        assert client.receive(10) == "text"
    peers[0].join(10)
    assert peers[0].request.startswith(b"GET /ws?clientId=x HTTP/1.1\r\nHost: 127.0.0.1:")
    head, mask, body = peers[0].heard[:2], peers[0].heard[2:6], peers[0].heard[6:]
    assert head == bytes([128 | 10, 128 | 2])
    assert bytes(byte ^ mask[at % 4] for at, byte in enumerate(body)) == b"hi"


def test_a_ping_within_a_message(connect: Connect) -> None:
    with closing(connect(frame(b"one", last=False) + frame(b"", 9) + frame(b" two", 0))) as client:
        assert client.receive(10) == "one two"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (frame(b"\x03\xe8", 8), "the connection was closed"),
        (b"\x81\x7f" + struct.pack(">Q", 1 << 40), "a message of 1099511627776 bytes"),
    ],
)
def test_the_end(connect: Connect, sent: bytes, words: str) -> None:
    with closing(connect(frame(b"last") + sent)) as client:
        assert client.receive(10) == "last"
        with pytest.raises(SocketClosedError, match=words):
            client.receive(10)


@pytest.mark.parametrize("options", [{"status": "404 Not Found"}, {"key": "another"}])
def test_what_is_no_websocket(connect: Connect, options: dict[str, str]) -> None:
    with pytest.raises(SocketClosedError, match="no WebSocket: HTTP"):
        connect(b"", **options)


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        WebSocket("127.0.0.1", port, "/ws", 10)

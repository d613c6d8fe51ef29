"""The client's half of a WebSocket (RFC 6455) over loopback: ComfyUI's messages need no more."""

import base64
import hashlib
import os
import socket
import struct
import time

_ACCEPT = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_LARGEST = 64 * 2**20


class SocketClosedError(ConnectionError):
    """The other side closed the connection, or said what makes no sense."""


class WebSocket:
    """An open connection; text messages are returned, all others (previews) are read and dropped."""

    def __init__(self, host: str, port: int, path: str, timeout: float) -> None:
        """Connect. Raises OSError when nobody answers, or when it is no WebSocket."""
        self._socket = socket.create_connection((host, port), timeout)
        self._read = b""
        self._message = b""
        self._opcode = 0
        try:
            self._shake_hands(f"{host}:{port}", path)
        except BaseException:
            self._socket.close()
            raise

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _shake_hands(self, host: str, path: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        ]
        self._socket.sendall("\r\n".join([*lines, "\r\n"]).encode())
        while b"\r\n\r\n" not in self._read:
            self._fill()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        status, *rest = head.decode("latin-1").split("\r\n")
        headers = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in rest}
        digest = hashlib.sha1((key + _ACCEPT).encode(), usedforsecurity=False).digest()
        accepted = headers.get("sec-websocket-accept") == base64.b64encode(digest).decode()
        if status.split()[1:2] != ["101"] or not accepted:
            raise SocketClosedError(f"no WebSocket: {status}")

    def _fill(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise SocketClosedError("the connection was closed")
        self._read += data

    def receive(self, seconds: float) -> str | None:
        """Return the next text message, None when none came within ``seconds``.

        Raises SocketClosedError when the connection ends, OSError when it breaks.
        """
        end = time.monotonic() + seconds
        while True:
            while frame := self._take_frame():
                if (text := self._handle(*frame)) is not None:
                    return text
            left = end - time.monotonic()
            if left <= 0:
                return None
            self._socket.settimeout(left)
            try:
                self._fill()
            except TimeoutError:
                return None

    def _take_frame(self) -> tuple[bool, int, bytes] | None:
        """Cut the next frame off what was read; None when it is not whole yet."""
        if len(self._read) < 2:
            return None
        first, second = self._read[0], self._read[1] & 127
        at, length = 2, second
        if second >= 126:
            width, code = (2, ">H") if second == 126 else (8, ">Q")
            at += width
            if len(self._read) < at:
                return None
            (length,) = struct.unpack(code, self._read[2:at])
        if length > _LARGEST:
            raise SocketClosedError(f"a message of {length} bytes")
        if len(self._read) < at + length:
            return None
        payload, self._read = self._read[at : at + length], self._read[at + length :]
        return bool(first & 128), first & 15, payload

    def _handle(self, is_last: bool, opcode: int, payload: bytes) -> str | None:
        """Return the text that a frame completes, if any; answer pings."""
        if opcode == _CLOSE:
            raise SocketClosedError("the connection was closed")
        if opcode == _PING:
            self._send(_PONG, payload)
        if opcode > _BINARY:
            return None
        if opcode:  # else the frame continues a message
            self._opcode, self._message = opcode, b""
        self._message += payload
        if not is_last or self._opcode != _TEXT:
            return None
        return self._message.decode("utf-8", "replace")

    def _send(self, opcode: int, payload: bytes) -> None:
        """Send one short frame, masked as a client must."""
        mask = os.urandom(4)
        body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload[:125]))
        self._socket.settimeout(5)
        self._socket.sendall(bytes([128 | opcode, 128 | len(body)]) + mask + body)

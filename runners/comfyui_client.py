"""Requests to a ComfyUI server: JSON in, JSON out."""

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode


class RefusedError(Exception):
    """The server answered with another status than 200."""

    def __init__(self, status: int, body: bytes) -> None:
        """Keep the status and what the server says."""
        super().__init__(f"HTTP {status}")
        self.status = status
        try:
            self.content: Any = json.loads(body)
        except ValueError:
            self.content = None


@dataclass(frozen=True)
class Client:
    """Where the server is; each request is a connection of its own."""

    host: str
    """Its address."""
    port: int
    """Its port."""

    def get(self, path: str, timeout: float = 30) -> Any:
        """Return what ``path`` holds. Raises OSError, RefusedError, ValueError (no JSON)."""
        return json.loads(self._request("GET", path, None, timeout) or b"null")

    def post(self, path: str, content: object, timeout: float = 30) -> Any:
        """Send ``content`` and return the answer, None when it is empty. Raises as `get`."""
        return json.loads(self._request("POST", path, json.dumps(content).encode(), timeout) or b"null")

    def download(self, path: str, query: dict[str, str], timeout: float = 60) -> bytes:
        """Return a file. Raises OSError, RefusedError."""
        return self._request("GET", f"{path}?{urlencode(query)}", None, timeout)

    def _request(self, method: str, path: str, body: bytes | None, timeout: float) -> bytes:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            content = answer.read()
        except http.client.HTTPException as error:
            raise ConnectionError(f"no HTTP answer: {error}") from error
        finally:
            connection.close()
        if answer.status != 200:
            raise RefusedError(answer.status, content)
        return content

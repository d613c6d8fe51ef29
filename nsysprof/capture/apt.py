"""Fetch Debian packages as an ordinary user, through a temporary configuration of apt.

The mirror and its key are those that the machine's own sources name; lists, caches and state lie in a
temporary folder, so that nothing of the system's apt changes.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from nsysprof.errors import NsysError

_HINT = "install Nsight Systems from NVIDIA instead, and put its bin folder on PATH"
_RELEASES = re.compile(
    r"(stretch|buster|bullseye|bookworm|trixie|forky|duke|sid|oldoldstable|oldstable|stable|testing|unstable)"
)
_SCHEMES = ("http://", "https://", "file:", "copy:", "mirror+")


@dataclass(frozen=True, slots=True)
class Mirror:
    """A Debian archive from apt's sources."""

    uri: str
    """Its address."""
    suite: str
    """The release that the machine takes from it, such as ``bookworm``."""
    signed_by: str
    """Path of its keyring; empty when apt's own keys are used."""


def find_mirror(etc: Path = Path("/etc/apt")) -> Mirror:
    """Return the first Debian archive in apt's sources under ``etc``; raises NsysError when there is none."""
    for path in (etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))):
        if not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".sources":
            found = _from_stanzas(text)
        elif path.suffix == ".list":
            found = _from_lines(text)
        else:
            continue
        for mirror in found:
            return mirror
    raise NsysError("apt on this machine has no Debian archive among its sources", _HINT)


def _from_stanzas(text: str) -> Iterator[Mirror]:
    """Read deb822 stanzas, ``Types: deb`` and so on."""
    for stanza in re.split(r"\n\s*\n", text):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace():
                fields[key] = f"{fields.get(key, '')} {line.strip()}"
            elif ":" in line:
                key, _, value = line.partition(":")
                key = key.strip().lower()
                fields[key] = value.strip()
        words = {name: value.split() for name, value in fields.items()}
        if "deb" not in words.get("types", []) or words.get("enabled") == ["no"]:
            continue
        if "main" not in words.get("components", []):
            continue
        signed = words.get("signed-by", [])
        key_file = signed[0] if len(signed) == 1 and signed[0].startswith("/") else ""
        for uri in words.get("uris", []):
            yield from _mirror(uri, words.get("suites", []), key_file)


def _from_lines(text: str) -> Iterator[Mirror]:
    """Read one-line entries, ``deb [options] uri suite component ...``."""
    for line in text.splitlines():
        found = re.match(r"\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)", line)
        if found and "main" in found[4].split():
            signed = re.search(r"signed-by=(/\S+)", found[1] or "")
            yield from _mirror(found[2], [found[3]], signed[1] if signed else "")


def _mirror(uri: str, suites: list[str], signed_by: str) -> Iterator[Mirror]:
    for suite in suites:
        if _RELEASES.fullmatch(suite) and uri.startswith(_SCHEMES):
            yield Mirror(uri, suite, signed_by)


class Apt:
    """Fetches and unpacks packages; a context manager that leaves nothing behind."""

    def __init__(self, suite: str, etc: Path = Path("/etc/apt")) -> None:
        """Offer packages of ``suite`` (main and non-free) and of the machine's own release (main)."""
        for program in ("apt-get", "dpkg-deb"):
            if shutil.which(program) is None:
                raise NsysError(f"{program} is not on this machine, so it is no Debian", _HINT)
        self._mirror = find_mirror(etc)
        self._suite = suite
        self._folder = tempfile.TemporaryDirectory(prefix="nsysprof-apt-", ignore_cleanup_errors=True)
        self._work = Path(self._folder.name)
        self._configuration = self._configure()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Remove lists and caches."""
        self._folder.cleanup()

    def _configure(self) -> Path:
        for name in ("state", "lists/partial", "cache/archives/partial", "none"):
            (self._work / name).mkdir(parents=True)
        (self._work / "state" / "status").touch()
        key = f"Signed-By: {self._mirror.signed_by}\n" if self._mirror.signed_by else ""
        stanzas = [("main non-free", self._suite)]
        if self._mirror.suite != self._suite:
            stanzas.append(("main", self._mirror.suite))
        text = "\n".join(
            f"Types: deb\nURIs: {self._mirror.uri}\nSuites: {suite}\nComponents: {components}\n{key}"
            for components, suite in stanzas
        )
        (self._work / "nsysprof.sources").write_text(text, encoding="utf-8")
        settings = {
            "Dir::State": "state",
            "Dir::State::Lists": "lists",
            "Dir::State::status": "state/status",
            "Dir::Cache": "cache",
            "Dir::Etc::sourcelist": "nsysprof.sources",
            "Dir::Etc::sourceparts": "none",
            "Dir::Etc::preferences": "none/preferences",
            "Dir::Etc::preferencesparts": "none",
        }
        lines = [f'{name} "{self._work / value}";' for name, value in settings.items()]
        lines += ['Acquire::Languages "none";', 'APT::Default-Release "";']
        lines += ["#clear APT::Update::Pre-Invoke;", "#clear APT::Update::Post-Invoke;"]
        lines += ["#clear APT::Update::Post-Invoke-Success;"]
        if os.geteuid() == 0:
            lines.append('APT::Sandbox::User "root";')  # else the user _apt, who may not write here
        path = self._work / "apt.conf"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def update(self) -> None:
        """Fetch the package lists; raises NsysError."""
        self._run("update")

    def unpack(self, package: str, into: Path, *, own_release: bool = False) -> None:
        """Fetch ``package`` and unpack it into the folder ``into``; raises NsysError.

        ``own_release`` takes it from the machine's own release, so that it fits the machine's libc.
        """
        with tempfile.TemporaryDirectory(dir=self._work) as here:
            wanted = f"{package}/{self._mirror.suite}" if own_release else f"{package}/{self._suite}"
            self._run("download", wanted, cwd=Path(here))
            into.mkdir(parents=True, exist_ok=True)
            for archive in Path(here).glob("*.deb"):
                _checked(["dpkg-deb", "-x", str(archive), str(into)], f"{package} cannot be unpacked")

    def _run(self, action: str, *packages: str, cwd: Path | None = None) -> None:
        command = ["apt-get", "-q", "-c", str(self._configuration), action, *packages]
        what = (
            f"{packages[0].partition('/')[0]} cannot be fetched"
            if packages
            else "the package lists cannot be fetched"
        )
        _checked(command, f"{what} from Debian's archive", cwd)


def _checked(command: list[str], failure: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    errors = [line for line in done.stderr.splitlines() if line.startswith(("E:", "Err:", "dpkg-deb:"))]
    if done.returncode:
        reason = errors[-1].removeprefix("E: ") if errors else f"exit code {done.returncode}"
        raise NsysError(f"{failure}: {reason}", _HINT)

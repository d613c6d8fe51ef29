"""`nsysprof doctor --install-nsys`: from apt's sources to a working nsys, with a stand-in for the archive.

`make test` makes the real installation with the same command before any test runs.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import fake_nsys
import pytest
from command_line import environment, nsysprof, real_nsys

from nsysprof.capture import install as installing
from nsysprof.capture import libraries
from nsysprof.capture.apt import Apt, Mirror, find_mirror
from nsysprof.capture.install import SUITE, install
from nsysprof.errors import NsysError, OutputError

DEB822 = """\
# a comment
Types: deb
URIs: http://archive.example/other
Suites: nodistro
Components: main

Types: deb deb-src
# http://snapshot.example/debian
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
DISABLED = "Types: deb\nURIs: http://a.example/debian\nSuites: bookworm\nComponents: main\nEnabled: no\n"
SECURITY = "Types: deb\nURIs: http://s.example/debian-security\nSuites: bookworm-security\nComponents: main\n"
INLINE_KEY = (
    "Types: deb\nURIs: https://m.example/debian\nSuites:\n bookworm\nComponents: main\n"
    "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n"
)
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@pytest.mark.parametrize(
    ("files", "mirror"),
    [
        (
            {"sources.list.d/debian.sources": DEB822},
            Mirror("http://mirror.example/debian", "bookworm", KEYRING),
        ),
        (
            {"sources.list.d/a.sources": DISABLED + "\n" + SECURITY + "\n" + INLINE_KEY},
            Mirror("https://m.example/debian", "bookworm", ""),
        ),
        (
            {
                "sources.list": "# deb http://no.example/debian trixie main\n"
                "deb cdrom:[Debian]/ trixie main\n"
                "deb-src http://no.example/debian trixie main\n"
                "deb [arch=amd64 signed-by=/k.gpg] http://yes.example/debian trixie main contrib # note\n"
            },
            Mirror("http://yes.example/debian", "trixie", "/k.gpg"),
        ),
        (
            {"sources.list.d/x.list": "deb mirror+file:/etc/apt/mirrors.txt sid main\n"},
            Mirror("mirror+file:/etc/apt/mirrors.txt", "sid", ""),
        ),
    ],
)
def test_the_mirror_that_apt_knows(tmp_path: Path, files: dict[str, str], mirror: Mirror) -> None:
    write_sources(tmp_path, files)
    assert find_mirror(tmp_path) == mirror


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"sources.list": "deb http://archive.example/ubuntu noble main\n"},
        {
            "sources.list.d/debian.sources": DISABLED,
            "sources.list.d/x.list.save": "deb http://a/ trixie main",
        },
        {"sources.list.d/security.sources": SECURITY},
    ],
)
def test_no_debian(tmp_path: Path, files: dict[str, str]) -> None:
    write_sources(tmp_path, files)
    with pytest.raises(NsysError, match="no Debian archive among its sources"):
        find_mirror(tmp_path)


def write_sources(etc: Path, files: dict[str, str]) -> None:
    (etc / "sources.list.d").mkdir(parents=True)
    for name, text in files.items():
        (etc / name).write_text(text)


def test_apt_keeps_to_its_own_folder(tmp_path: Path) -> None:
    write_sources(tmp_path / "etc", {"sources.list.d/debian.sources": DEB822})
    with Apt(SUITE, tmp_path / "etc") as apt:
        command = ["apt-config", "-c", str(apt._configuration), "dump"]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        folder = apt._configuration.parent
        settings = dict(line.rstrip(";").replace('"', "").split(" ", 1) for line in text.splitlines())
        for name in ("Dir::State", "Dir::State::lists", "Dir::State::status", "Dir::Cache"):
            assert settings[name].startswith(str(folder))
        for name in ("Dir::Etc::sourcelist", "Dir::Etc::sourceparts", "Dir::Etc::preferencesparts"):
            assert settings[name].startswith(str(folder))
        assert not [name for name in settings if name.startswith("APT::Update::P") and name.endswith("::")]
        assert (folder / "nsysprof.sources").read_text() == (
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie\n"
            f"Components: main non-free\nSigned-By: {KEYRING}\n\n"
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\n"
            f"Components: main\nSigned-By: {KEYRING}\n"
        )
    assert not folder.exists()


class Archive:
    """Packages as real .deb files, and an apt-get on PATH that hands them out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.bin = folder / "bin"
        self.bin.mkdir()
        program = self.bin / "apt-get"
        program.write_text(
            f"#!{sys.executable}\nimport shutil, sys\nfrom pathlib import Path\n"
            "words = sys.argv[sys.argv.index('-c') + 2:]\n"
            "for word in words[1:]:\n"
            f"    found = list(Path({str(folder)!r}).glob(word.partition('/')[0] + '_*.deb'))\n"
            "    if not found:\n"
            "        sys.exit(f'E: Unable to locate package {word}')\n"
            "    shutil.copy(found[0], '.')\n"
        )
        program.chmod(0o755)

    def add(self, package: str, content: Path) -> None:
        """Pack ``content``, a folder laid out like /."""
        (content / "DEBIAN").mkdir()
        (content / "DEBIAN/control").write_text(
            f"Package: {package}\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example>\nDescription: x\n"
        )
        command = ["dpkg-deb", "-b", str(content), str(self.folder / f"{package}_1_all.deb")]
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """Return an archive with nsys, laid out as Debian does, and the two libraries."""
    made = Archive(tmp_path / "archive")
    fake = fake_nsys.install(tmp_path / "fake")
    target = tmp_path / "target/usr/lib/x86_64-linux-gnu/nsight-systems"
    host = tmp_path / "host/usr/lib/nsight-systems"
    for place in (target, host, tmp_path / "ssh/usr/lib", tmp_path / "pfm/usr/lib"):
        place.mkdir(parents=True)
    shutil.move(fake / "target-linux-x64", target)
    shutil.move(fake / "host-linux-x64", host)
    (host / "target-linux-x64").symlink_to("../x86_64-linux-gnu/nsight-systems/target-linux-x64")
    (host / "host-linux-x64/libssh.so").symlink_to("libssh.so.4")
    (host / "host-linux-x64/libssh.so.4").symlink_to("../../x86_64-linux-gnu/libssh.so.4")
    for name, library in (("ssh", "libssh.so.4"), ("pfm", "libpfm.so.4")):
        (tmp_path / name / "usr/lib" / f"{library}.1").write_text(library)
        (tmp_path / name / "usr/lib" / library).symlink_to(f"{library}.1")
    for package, content in (
        ("nsight-systems-target", "target"),
        ("nsight-systems", "host"),
        ("libssh-4", "ssh"),
        ("libpfm4", "pfm"),
    ):
        made.add(package, tmp_path / content)
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    return made


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_is_put_together(tmp_path: Path, archive: Archive) -> None:
    del archive
    steps: list[str] = []
    nsys = install(tmp_path / "tools/nsys", lambda what, _part: steps.append(what))
    assert nsys.version_text == "2023.4.4"
    folder = tmp_path / "tools/nsys"
    assert listed(tmp_path / "tools") == ["nsys"]
    assert listed(folder) == [".nsysprof-installed", "bin", "host-linux-x64", "target-linux-x64"]
    assert (folder / "bin/nsys").readlink() == Path("../target-linux-x64/nsys")
    host = folder / "host-linux-x64"
    assert listed(host) == ["QdstrmImporter", "libpfm.so.4", "libssh.so", "libssh.so.4"]
    assert (host / "libssh.so").read_text() == "libssh.so.4"
    assert not (host / "libssh.so.4").is_symlink()
    assert list(dict.fromkeys(steps)) == [
        "reading the package lists",
        "fetching nsys",
        "fetching libraries",
        "trying nsys",
    ]


def test_it_can_be_moved_and_is_made_once(tmp_path: Path, archive: Archive) -> None:
    install(tmp_path / "nsys", lambda *_: None)
    (tmp_path / "nsys").rename(tmp_path / "moved")
    shutil.rmtree(archive.folder)
    again = install(tmp_path / "moved", lambda *_: None)
    assert again.path == tmp_path / "moved/bin/nsys"


def test_a_half_gone_installation_is_made_again(tmp_path: Path, archive: Archive) -> None:
    del archive
    install(tmp_path / "nsys", lambda *_: None)
    (tmp_path / "nsys/bin/nsys").unlink()
    install(tmp_path / "nsys", lambda *_: None)
    assert (tmp_path / "nsys/bin/nsys").exists()


def test_a_folder_with_something_else(tmp_path: Path, archive: Archive) -> None:
    del archive
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").write_text("mine")
    with pytest.raises(OutputError, match="mine holds something else"):
        install(tmp_path / "mine", lambda *_: None)
    assert (tmp_path / "mine/file").read_text() == "mine"


def test_an_archive_without_nsys(tmp_path: Path, archive: Archive) -> None:
    (archive.folder / "nsight-systems_1_all.deb").unlink()
    (tmp_path / "tools").mkdir()
    words = ["doctor", "--install-nsys", "tools/nsys"]
    done = nsysprof(*words, cwd=tmp_path, env={**environment(), "PATH": os.environ["PATH"]})
    assert (done.code, done.out) == (5, "")
    assert "nsight-systems cannot be fetched from Debian's archive: Unable to locate package" in done.err
    assert listed(tmp_path / "tools") == []


def test_a_machine_that_is_no_debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NsysError, match="apt-get is not on this machine, so it is no Debian"):
        install(tmp_path / "nsys", lambda *_: None)


def test_libraries_are_fetched_until_none_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "tree"
    (tree / "host-linux-x64").mkdir(parents=True)
    (tree / "host-linux-x64/QdstrmImporter").touch()
    archive = Archive(tmp_path / "archive")
    for package, library in (("libkrb5-3", "libkrb5.so.3"), ("libkeyutils1", "libkeyutils.so.1")):
        (tmp_path / package / "usr/lib").mkdir(parents=True)
        (tmp_path / package / "usr/lib" / library).write_text(library)
        archive.add(package, tmp_path / package)
    monkeypatch.setenv("PATH", f"{archive.bin}:{os.environ['PATH']}")

    def missing(program: Path) -> list[str]:  # the second library is needed by the first
        there = {path.name for path in program.parent.iterdir()}
        needed = ["libkrb5.so.3", *(["libkeyutils.so.1"] if "libkrb5.so.3" in there else [])]
        return [library for library in needed if library not in there]

    monkeypatch.setattr(libraries, "missing_libraries", missing)
    with Apt(SUITE) as apt:
        libraries.add_missing(tree, apt, tmp_path / "work")
    assert listed(tree / "host-linux-x64") == ["QdstrmImporter", "libkeyutils.so.1", "libkrb5.so.3"]


def test_a_library_that_nobody_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "host-linux-x64").mkdir()
    (tmp_path / "host-linux-x64/QdstrmImporter").touch()
    monkeypatch.setattr(libraries, "missing_libraries", lambda _: ["libstrange.so.7"])
    with Apt(SUITE) as apt, pytest.raises(NsysError, match=r"nsys needs libstrange\.so\.7"):
        libraries.add_missing(tmp_path, apt, tmp_path / "work")


def test_the_loader_is_asked() -> None:
    assert libraries.missing_libraries(real_nsys().path) == []


def test_the_real_installation() -> None:
    nsys = real_nsys()
    assert (nsys.folder.parent / installing._MARKER).is_file()
    assert nsys.path.readlink() == Path("../target-linux-x64/nsys")
    assert installing._working(nsys.folder.parent).version == nsys.version

"""Keep what a capture recorded, however it ended: the report in its place, its export, the manifest."""

import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nsysprof.capture.export import Progress, export_report
from nsysprof.capture.importer import check_importer, import_stream
from nsysprof.capture.locate import Nsys
from nsysprof.capture.manifest import write_manifest
from nsysprof.capture.process import Ended
from nsysprof.errors import CaptureError, InterruptedCaptureError, NsysprofError, OutputError

STEM = "nsysprof-capture"
"""File name of what is half done."""

_ADVICE = "make room there, or give another --output"


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of what was recorded."""

    report: Path | None = None
    """The .nsys-rep, or the .qdstrm where that could not be imported; None when there is none."""
    export: Path | None = None
    """The .sqlite; None when there is none."""
    failure: NsysprofError | None = None
    """Why one of them is missing."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """Moves what nsys wrote to its place."""

    nsys: Nsys
    """The nsys that was used."""
    work: Path
    """Folder for half-done files, beside the results."""
    places: Mapping[str, Path]
    """Where each result goes, by suffix."""
    progress: Progress
    """Hears how far the export is."""

    def keep(self, ended: Ended) -> Kept:
        """Move what was recorded to its place and export it; never raises what is expected to fail."""
        try:
            report, failure = self._report(ended)
        except OSError as error:
            return Kept(failure=OutputError(f"the report cannot be kept: {error.strerror}", _ADVICE))
        if report is None or failure:
            return Kept(report, None, failure)
        later = f"`nsysprof export {report}` exports what there is"
        if ended.killed:
            return Kept(report, None, CaptureError("the capture was killed", later))
        out = self.places[".sqlite"]
        try:
            export = export_report(self.nsys, report, out, force=True, progress=self.progress)
        except (KeyboardInterrupt, SystemExit) as stop:
            return Kept(report, None, InterruptedCaptureError("the export was interrupted", later, stop))
        except NsysprofError as error:
            return Kept(report, None, error)
        return Kept(report, export)

    def _report(self, ended: Ended) -> tuple[Path | None, NsysprofError | None]:
        """Put the report in its place: .nsys-rep, or .qdstrm with the reason why it was not imported."""
        failure: NsysprofError | None = None
        report, stream = self.work / f"{STEM}.nsys-rep", self.work / f"{STEM}.qdstrm"
        if ended.stream_path and Path(ended.stream_path).is_file():  # nsys did not come to the import's end
            report.unlink(missing_ok=True)
            failure = self._fetch(Path(ended.stream_path), stream)
        if stream.is_file() and not report.is_file() and not ended.killed and not failure:
            self.progress("importing", 0.0)
            try:
                import_stream(check_importer(self.nsys), stream, report, self.places[".qdstrm"])
            except (KeyboardInterrupt, SystemExit) as stop:
                failure = InterruptedCaptureError(
                    "the import was interrupted", _import_later(self.places), stop
                )
            except CaptureError as error:
                failure = error
        for path in (report, stream):
            if path.is_file():
                return self._put(path), failure
        return None, failure

    def _fetch(self, left: Path, stream: Path) -> NsysprofError | None:
        """Bring over what nsys had collected when it died; where there is no room, save it from removal."""
        try:
            shutil.move(left, stream)
        except OSError as error:
            stream.unlink(missing_ok=True)
            saved = Path(tempfile.mkdtemp(prefix="nsysprof-kept-")) / f"{STEM}.qdstrm"
            left.replace(saved)
            return OutputError(
                f"the report cannot be kept: {error.strerror}",
                f"make room, and run `nsysprof export {saved} -o {self.places['.sqlite']}`",
            )
        return None

    def _put(self, path: Path) -> Path:
        """Move a report to its place; an older one of the other kind has now a successor."""
        place = path.replace(self.places[path.suffix])
        self.places[".qdstrm" if path.suffix == ".nsys-rep" else ".nsys-rep"].unlink(missing_ok=True)
        return place

    def describe(self, values: Mapping[str, Any]) -> tuple[Path | None, NsysprofError | None]:
        """Write the manifest; return where it is, or why it is not."""
        partial = self.work / "manifest.json"
        try:
            write_manifest(values, partial)
            return partial.replace(self.places[".run.json"]), None
        except OSError as error:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            return None, OutputError(f"the manifest cannot be written: {error.strerror}", _ADVICE)


def _import_later(places: Mapping[str, Path]) -> str:
    return f"`nsysprof export {places['.qdstrm']}` imports what there is"

"""Copy what analysis needs out of an nsys SQLite export, and nothing that tells where it was captured.

An allow-list, not a block-list: tables and text that are not named here do not travel. Any other text that
holds a path, a host name or a user name is blanked and reported.

usage: strip_trace.py EXPORT.sqlite STRIPPED.sqlite.xz
"""

import getpass
import lzma
import re
import socket
import sqlite3
import sys
from pathlib import Path

TABLES = re.compile(
    r"CUPTI_ACTIVITY_KIND_(KERNEL|RUNTIME|MEMCPY|MEMSET|SYNCHRONIZATION|GRAPH_TRACE|CUDA_EVENT)"
    r"|CUDA_GRAPH(_NODE)?_EVENTS|CUDA_GPU_MEMORY_(USAGE|POOL)_EVENTS|NVTX_EVENTS|PROFILER_OVERHEAD|StringIds"
    r"|TARGET_INFO_(GPU|CUDA_DEVICE|CUDA_CONTEXT_INFO|CUDA_STREAM)|META_DATA_(EXPORT|CAPTURE)|ANALYSIS_DETAILS|ENUM_\w+"
)
STRING_COLUMNS = ("demangledName", "shortName", "nameId", "textId", "jsonTextId")
"""Columns that refer to StringIds; strings that none of them uses are dropped."""
SCRUBBED = {
    "mangledName": "NULL",
    "uuid": "''",
    "busLocation": "''",
    "ctxswDevPath": "''",
    "ctrlDevPath": "''",
}
SCRUBBED |= {"luid": "0", "pc": "0", "binaryData": "NULL", "jsonText": "NULL", "jsonTextId": "NULL"}
ROWS = {
    "META_DATA_CAPTURE": "name LIKE 'PROCESS_%:CUDA_GRAPH_TRACE_OPTIONS:MODE'",
    "META_DATA_EXPORT": "name LIKE 'EXPORT_SCHEMA_%' OR name LIKE 'EXPORT_PRODUCT_%'",
}
"""The only rows of the metadata tables that travel: how CUDA graphs were traced, and who exported."""
PATH = re.compile(r"(^|[\s\"'=(:,])(~|/[\w.+-]+)/[\w.+-]|[A-Za-z]:\\\\|GPU-[0-9a-f]{8}-")


def copy_tables(connection: sqlite3.Connection) -> None:
    """Fill ``main`` with the allowed tables and columns of the attached ``source``."""
    tables = connection.execute("SELECT name, sql FROM source.sqlite_master WHERE type = 'table'").fetchall()
    for name, sql in tables:
        if not TABLES.fullmatch(name):
            continue
        connection.execute(sql)
        columns = [row[1] for row in connection.execute(f'PRAGMA source.table_info("{name}")')]
        values = ", ".join(SCRUBBED.get(column, f'"{column}"') for column in columns)
        where = f"WHERE {ROWS[name]}" if name in ROWS else ""
        connection.execute(f'INSERT INTO main."{name}" SELECT {values} FROM source."{name}" {where}')
    drop_unused_strings(connection)


def drop_unused_strings(connection: sqlite3.Connection) -> None:
    """Delete every string that no copied row refers to."""
    connection.execute("CREATE TEMP TABLE used (id INTEGER PRIMARY KEY)")
    for (name,) in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
        for row in connection.execute(f'PRAGMA main.table_info("{name}")').fetchall():
            if row[1] in STRING_COLUMNS:
                ids = f'SELECT DISTINCT "{row[1]}" FROM main."{name}" WHERE "{row[1]}" >= 0'
                connection.execute(f"INSERT OR IGNORE INTO used {ids}")
    connection.execute("DELETE FROM main.StringIds WHERE id NOT IN (SELECT id FROM used)")


def blank_leaks(connection: sqlite3.Connection) -> list[str]:
    """Blank every text that holds a path, this host's name or this user's name; returns them."""
    secrets = [
        word for word in {socket.gethostname(), socket.getfqdn()} if len(word) > 3 and word != "localhost"
    ]
    secrets += [name] if (name := getpass.getuser()) != "root" else []
    found = []
    for (table,) in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'").fetchall():
        for row in connection.execute(f'PRAGMA main.table_info("{table}")').fetchall():
            column = f'"{row[1]}"'
            texts = f"SELECT DISTINCT {column} FROM main.\"{table}\" WHERE typeof({column}) = 'text'"
            for (text,) in connection.execute(texts).fetchall():
                if PATH.search(text) or any(secret in text for secret in secrets):
                    found.append(f"{table}.{row[1]}: {text}")
                    connection.execute(
                        f"UPDATE main.\"{table}\" SET {column} = '' WHERE {column} = ?", (text,)
                    )
    return found


def strip(source: Path, target: Path) -> list[str]:
    """Write the stripped copy and return what had to be blanked; ``target`` must not exist."""
    connection = sqlite3.connect(target, isolation_level=None)
    try:
        connection.execute("ATTACH ? AS source", (f"{source}",))
        connection.execute("BEGIN")
        copy_tables(connection)
        blanked = blank_leaks(connection)
        connection.execute("COMMIT")
        connection.execute("DETACH source")
        connection.execute("VACUUM")
        return blanked
    finally:
        connection.close()


def main() -> None:
    source, target = map(Path, sys.argv[1:])
    plain = target.with_suffix("")
    plain.unlink(missing_ok=True)
    for text in strip(source, plain):
        print(f"{target.name}: blanked {text}")
    data = plain.read_bytes()
    plain.unlink()
    target.write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    print(f"{target.name}: {source.stat().st_size:,} -> {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()

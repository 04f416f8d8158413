"""A folder that always holds one whole state: files, and a manifest that names them together with the
position in Kafka they stand for.

A commit writes new files under new names, makes sure they are on disk, and then replaces the manifest in
one step. So whenever the process dies, the folder holds either the state before the commit or the one
behind it, and the consumer goes on exactly where that state ends. Files no manifest names are removed at
the next start.
"""

import fcntl
import json
import os
import pathlib

MANIFEST = "manifest.json"


def sync_folder(folder):
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_durably(path, write):
    """`write(file)` into a temporary file, on disk, then under its name."""
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


class Busy(Exception):
    """Another process works in the folder."""


class Store:
    """`manifest`: {"version": n, "offsets": {topic: {partition: next}}, "facts": [file, ...],
    "table": {month: file}, "stale": [month, ...], ...}"""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = open(self.folder / "lock", "a")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Busy(f"{self.folder}: another process works here") from None
        self.manifest = read_manifest(self.folder) or {
            "version": 0, "offsets": {}, "facts": [], "table": {}, "stale": []}
        self.remove_orphans()

    def close(self):
        self.lock.close()

    def named(self, manifest):
        return set(manifest["facts"]) | set(manifest["table"].values()) | {MANIFEST, "lock"}

    def remove_orphans(self):
        keep = self.named(self.manifest)
        for path in self.folder.iterdir():
            if path.name not in keep:
                path.unlink()

    def commit(self, change, new_files):
        """`change(manifest, version)` edits a copy; `new_files(version)`: {name: write(file)}."""
        manifest = json.loads(json.dumps(self.manifest))
        version = manifest["version"] = manifest["version"] + 1
        for name, write in new_files(version).items():
            write_durably(self.folder / name, write)
        change(manifest, version)
        sync_folder(self.folder)  # the names of the new files, before anything refers to them
        text = json.dumps(manifest, indent=1, sort_keys=True).encode()
        write_durably(self.folder / MANIFEST, lambda file: file.write(text))
        sync_folder(self.folder)
        obsolete = self.named(self.manifest) - self.named(manifest)
        self.manifest = manifest
        for name in obsolete:
            (self.folder / name).unlink(missing_ok=True)


def read_manifest(folder):
    """None when there is none yet."""
    try:
        return json.loads((pathlib.Path(folder) / MANIFEST).read_text())
    except FileNotFoundError:
        return None


# --- facts ---------------------------------------------------------------------------------------

MOST_FACT_FILES = 24  # then they are written as one


def fact_lines(changes):
    """`changes`: (dataset, id, fact or None)."""
    def write(file):
        for change in changes:
            file.write(json.dumps(change, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return write


def read_facts(folder, names):
    """Every stored change, oldest first."""
    for name in names:
        with open(pathlib.Path(folder) / name, "rb") as file:
            for line in file:
                yield json.loads(line)

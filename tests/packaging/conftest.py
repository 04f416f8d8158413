"""Free ports and clean environments for tests that start the project's scripts."""

import os
import pathlib
import shutil
import socket
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def free_base(count=16):
    """A port with `count` - 1 free ones after it, below those that outgoing connections take: a client that
    keeps asking for a server that was killed would come to sit on its port. Of a range that neighbours (in the
    order of starting) don't look at, and below what servers.py takes."""
    first = 12000 + os.getpid() % 30 * 256
    for base in range(first, first + 256, count):
        sockets = []
        try:
            for port in range(base, base + count):
                sockets.append(socket.socket())
                sockets[-1].bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise RuntimeError("no free ports")


@pytest.fixture
def ports():
    return free_base()


@pytest.fixture
def clean_environment():
    """The environment without what would lead the scripts to other servers."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("KAFKA_", "PG", "SUJIP_"))}


@pytest.fixture
def folder():
    """A temporary folder that PostgreSQL's user may enter too. Not one of pytest's: any pytest that starts
    beside this one closes their common root to others again."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="sujip-packaging-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)

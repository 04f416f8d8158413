"""Fixtures of tests that run the whole program."""

import itertools
import os

import pytest

import servers as servers_module
import world as world_module

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def servers():
    """One broker and one database per test file, or those that ctest shares among files."""
    if not os.access(world_module.BINARY, os.X_OK):
        pytest.skip("SUJIP_BIN names no program to test")
    shared = os.environ.get("SUJIP_TEST_SERVERS")
    made = servers_module.SharedServers(shared) if shared else servers_module.Servers()
    yield made
    made.close()


@pytest.fixture(scope="module")
def make_world(servers):
    """make_world(): topics, tables and processes apart from those of other tests."""
    made = []

    def make(**options):
        made.append(world_module.World(servers, f"w{next(numbers)}", **options))
        return made[-1]

    yield make
    for one in made:
        one.close()

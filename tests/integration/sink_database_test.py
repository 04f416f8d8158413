"""The sink and a database that dies, or commits without an answer: tables equal the oracle (products.py)."""

import contextlib

from products import Products, transaction
from servers import POSTGRES
from sink_world import world  # noqa: F401
from world import wait_for


@contextlib.contextmanager
def commits_that_hang(world):
    """COMMIT is done and never answered: it waits for a standby that does not exist."""
    def standby(name):
        world.query(f"alter system set synchronous_standby_names = '{name}'")
        world.query("select pg_reload_conf()")

    standby("nobody")
    try:
        yield
    finally:
        standby("")


def test_commits_that_are_never_answered(world):
    products, producer = Products(world, seed=9), world.producer()
    sink = world.sink("--batch", "300")
    transaction(producer, lambda p: [products.change(p) for _ in range(1000)])
    world.wait_until_caught_up()
    cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity where wait_event = 'SyncRep'"
    with commits_that_hang(world):
        transaction(producer, lambda p: [products.change(p) for _ in range(3000)])
        # Each of them is committed and its session is lost before the sink hears of it.
        waits = []
        wait_for("commits to be cut", lambda: waits.append(world.query(
            cut + " and application_name like 'sujip sink writer%'")[0][0]) or sum(waits) >= 6)
        while world.query(cut)[0][0]:
            pass
    world.wait_until_caught_up()
    assert sink.poll() is None
    products.check(world)


def test_database_killed_and_started_again(world, servers):
    products, producer = Products(world, seed=11), world.producer()
    sink = world.sink("--batch", "500")
    for _ in range(3):
        transaction(producer, lambda p: [products.change(p) for _ in range(3000)])
        wait_for("some of it to arrive", lambda: world.query("select 1 from sujip.product limit 1"))
        servers.kill_and_start(POSTGRES)
    world.wait_until_caught_up()
    assert sink.poll() is None
    products.check(world)

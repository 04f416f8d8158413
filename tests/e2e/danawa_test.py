"""Price snapshots of a shop comparison: changes against the known answers, the guard, decisions about held ones."""

import collections
import csv
import datetime
import decimal
import shutil
import subprocess

import pytest

from servers import ROOT
from world import data_folder, wait_for

KST = datetime.timezone(datetime.timedelta(hours=9))
HEADER = "id,name,price\n"
DELETED_SHARE, ZEROED_SHARE, MIN_ROWS = 0.75, 0.5, 20  # of the connector's guard
NOTHING = ("", "0")  # prices that count as lost; sold out is something


def time_of(file):
    return datetime.datetime.strptime(file.stem, "%Y-%m-%dT%H%M%S").replace(tzinfo=KST)


def read(file):
    """{id: (name, price text)}; of two rows with one id the last counts."""
    with file.open(newline="", encoding="utf-8-sig") as lines:
        return {row["id"]: (row["name"], row["price"]) for row in csv.DictReader(lines)}


def number(text):
    """The price as the mapping takes it: a plain number above 0, or none."""
    try:
        value = decimal.Decimal(text.replace(",", ""))
    except decimal.InvalidOperation:
        return None
    return value if value > 0 else None


Snapshot = collections.namedtuple("Snapshot", "time rows created updated minor deleted verdict")


def oracle(files, guard):
    """What happens to each snapshot, and the rows that are left."""
    table, told, before = {}, [], 0
    for file in files:
        new = read(file)
        old = table
        created = len(new.keys() - old.keys())
        deleted = len(old.keys() - new.keys())
        both = new.keys() & old.keys()
        updated = sum(1 for key in both if new[key][1] != old[key][1])
        minor = sum(1 for key in both if new[key][1] == old[key][1] and new[key][0] != old[key][0])
        lost = sum(1 for key in both if old[key][1] not in NOTHING and new[key][1] in NOTHING)
        held = not new or (guard and len(old) >= MIN_ROWS and (
            deleted > DELETED_SHARE * len(old) or lost > ZEROED_SHARE * len(old)))
        told.append(Snapshot(time_of(file), sum(1 for _ in csv.reader(file.open(newline=""))) - 1,
                             created, updated, minor, deleted, "held" if held else "accepted"))
        if not held:
            table = new
    return told, table


def own_sections(folder):
    """Two sections in which an empty snapshot, one of a few rows and one without prices stand between
    good ones, a product leaves and comes back, a name changes and an id stands twice."""
    for section, shift in (("CPU", 0), ("RAM", 7)):
        (folder / section).mkdir()
        rows = {str(1000 + n): (f"상품 {n}", f"{n + shift},500") for n in range(1, 61)}

        def write(day, items, extra=""):
            text = HEADER + "".join(f'{key},{name},"{price}"\n' for key, (name, price) in items)
            (folder / section / f"2024-05-{day:02d}T090000.csv").write_text(text + extra, "utf-8")

        write(1, rows.items())
        rows["1003"] = ("상품 3", "일시품절")
        rows["1004"] = ("상품 4 (새 이름)", rows["1004"][1])
        del rows["1005"]
        write(2, rows.items(), extra='1006,상품 6,"9,990"\n')
        write(3, [])
        write(4, list(rows.items())[:5])
        write(5, [(key, (name, "0")) for key, (name, _) in rows.items()])
        rows["1005"] = ("상품 5", "1,000")
        write(6, rows.items())
        write(7, list(rows.items())[:40])  # a third gone: an ordinary day
    return sorted(section.name for section in folder.iterdir())


def copy_files(files, to):
    to.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copyfile(file, to / file.name)


@pytest.fixture(scope="module", params=["own", "real"])
def sections(request, tmp_path_factory):
    """(folder, names of sections, known answers or none)"""
    folder = tmp_path_factory.mktemp("danawa")
    if request.param == "own":
        return folder, own_sections(folder), None
    source = data_folder("danawa")
    subprocess.run([ROOT / "tools/unpack-archives.sh", source, folder], check=True, timeout=120)
    return folder, ["CPU", "SSD", "VGA"], source


def files_of(folder, section):
    return sorted((folder / section).glob("*.csv"))


def change_log(world, section):
    return [Snapshot(*row) for row in world.query(
        "select snapshot_at, rows, created, updated, minor, deleted, verdict from sujip.change_log"
        " where slice = %s order by snapshot_at", section)]


def products(world, section):
    return {key: (name, price) for key, name, price in world.query(
        "select product_code, name, price_text from sujip.product where section = %s", section)}


def check_prices(world, section):
    for text, price in world.query(
            "select price_text, price from sujip.product where section = %s", section):
        assert price == number(text), text


def plain(told):
    return [Snapshot(*entry)._replace(verdict="held" if entry.verdict in ("held", "overtaken") else entry.verdict)
            for entry in told]


def test_every_snapshot_without_the_guard(make_world, sections):
    folder, names, answers = sections
    world = make_world()
    world.run("source", "add", "danawa", "--path", folder, "--no-guard")
    world.up_once(timeout=400)
    for section in names:
        told, table = oracle(files_of(folder, section), guard=False)
        found = change_log(world, section)
        wrong = [(e, f) for e, f in zip(told, plain(found)) if e != f]
        assert not wrong and len(told) == len(found), (section, len(told), len(found), wrong[:3])
        assert products(world, section) == table
        check_prices(world, section)
        if answers:
            with (answers / f"{section}.expected.csv").open() as lines:
                expected = [(row["snapshot"], *(int(row[c]) for c in ("rows", "new", "updated", "deleted")))
                            for row in csv.DictReader(lines)]
            assert [(s.time.astimezone(KST).strftime("%Y-%m-%dT%H%M%S.csv"), s.rows, s.created,
                     s.updated, s.deleted) for s in found if s.verdict == "accepted"] == expected
            assert len(expected) > 1000
    assert world.value("select count(*) from sujip.product_price_history where price_text_before is null") \
        == sum(s.created for section in names for s in oracle(files_of(folder, section), False)[0]
               if s.verdict == "accepted")


def test_the_guard_holds_failures_and_deletes_nothing(make_world, sections):
    folder, names, answers = sections
    section = names[0]
    files = files_of(folder, section)
    world = make_world()
    world.files = world.folder / "danawa"
    copy_files(files, world.files / section)
    world.run("source", "add", "danawa", "--path", world.files)
    world.up_once()
    told, table = oracle(files, guard=True)
    assert plain(change_log(world, section)) == told
    assert products(world, section) == table
    held = [s for s in told if s.verdict == "held"]
    assert held and told[-1].verdict == "accepted"
    # A held snapshot was overtaken by a good one after it: nothing waits for a person.
    assert not [line for line in world.run("scope", "list", "--json").lines()
                if line["verdict"] == "held"]
    if answers:
        days = {s.time.date().isoformat() for s in held}
        assert {"2020-07-11", "2021-10-01", "2021-10-02", "2021-10-03", "2021-10-04"} <= days
    # No product went and came back because of a failure.
    accepted = [s for s in told if s.verdict == "accepted"]
    assert world.value("select count(*) from sujip.product_price_history where price_text_before is null") \
        == sum(s.created for s in accepted)


@pytest.fixture(scope="module")
def waiting(make_world, sections):
    """Two sections whose newest snapshot is held, one of each kind of failure; everything running."""
    folder, names, answers = sections
    world = make_world()
    world.files = world.folder / "danawa"
    world.cut = {}
    for section in names[:2]:
        files = files_of(folder, section)
        if answers:
            files = files[:200]  # the first months hold the failures of July 2020
        told, _ = oracle(files, guard=True)
        failures = [i for i, s in enumerate(told) if s.verdict == "held" and s.rows]
        if not failures:  # this section had no such failure: cut a good snapshot down to one
            failures = [len(files) - 1]
            keep = files[-1].read_text("utf-8").splitlines(keepends=True)[:4]
            copy_files(files, world.files / section)
            (world.files / section / files[-1].name).write_text("".join(keep), "utf-8")
        else:
            copy_files(files[:failures[0] + 1], world.files / section)
        world.cut[section] = files_of(world.files, section)
    world.run("source", "add", "danawa", "--path", world.files)
    summary = world.up_once()
    assert summary["held"] == 2 and summary["complete"]
    with world.running("up"):
        yield world


def held_scopes(world):
    return {line["scope"]: line for line in world.run("scope", "list", "--json").lines()
            if line["verdict"] == "held"}


def subject(section):
    return f"danawa/danawa/product/{section}"


def test_held_snapshots_are_shown_and_wait(waiting):
    assert set(held_scopes(waiting)) == {subject(section) for section in waiting.cut}
    for section, files in waiting.cut.items():
        _, table = oracle(files, guard=True)
        assert products(waiting, section) == table
        line = held_scopes(waiting)[subject(section)]
        assert "rows would" in line["reason"]
        assert subject(section) in waiting.run("scope", "list").out

    def shown():
        try:
            return {held["scope"] for held in waiting.board_json()["held"]} == set(held_scopes(waiting))
        except OSError:
            return False
    wait_for("the board to show what is held", shown, 60)
    board = waiting.board_json()
    assert [s["held"] for s in board["sources"] if s["source"] == "danawa"] == [2]
    assert {s["scope"] for s in board["slices"] if s["state"] == "held"} == set(held_scopes(waiting))


def test_release_takes_the_snapshot_over(waiting):
    section = sorted(waiting.cut)[0]
    files = waiting.cut[section]
    expected = oracle(files, guard=True)[0][-1]
    said = waiting.run("scope", "release", subject(section), "--reason", "it is true").out
    assert "released" in said
    wait_for("the table to equal the snapshot",
             lambda: products(waiting, section) == read(files[-1]), 60)
    wait_for("the log to say so", lambda: change_log(waiting, section)[-1].verdict == "released")
    assert change_log(waiting, section)[-1] == expected._replace(verdict="released")
    by, reason = waiting.query("select \"by\", reason from sujip.change_log where verdict = 'released'")[0]
    assert by.startswith("user:") and reason == "it is true"
    assert waiting.run("scope", "release", subject(section), code=3).err, "it is not held any more"


def test_reject_leaves_the_table_alone(waiting):
    section = sorted(waiting.cut)[1]
    files = waiting.cut[section]
    _, table = oracle(files, guard=True)
    waiting.run("scope", "reject", subject(section))
    wait_for("the log to say rejected",
             lambda: change_log(waiting, section)[-1].verdict == "rejected", 60)
    assert products(waiting, section) == table
    assert held_scopes(waiting) == {}
    wait_for("the board to show it", lambda: waiting.board_json()["held"] == [], 60)


def test_after_a_decision_the_next_good_snapshot_is_taken(waiting):
    for section in sorted(waiting.cut):
        files = waiting.cut[section]
        good = [f for f in files if read(f)][-3]
        later = (time_of(files[-1]) + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H%M%S.csv")
        # Written beside and renamed, as careful writers do.
        part = waiting.files / section / ".part"
        shutil.copyfile(good, part)
        part.rename(waiting.files / section / later)
        wait_for(f"{section} to be what the next snapshot says",
                 lambda: products(waiting, section) == read(good), 60)
        wait_for("the log to say so", lambda: change_log(waiting, section)[-1].verdict == "accepted")

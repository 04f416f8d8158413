"""Files that feeds offer in tests: days of a shop, snapshots of a catalogue."""

import csv
import random
import shutil

from servers import ROOT


def copied_share(servers, name="share"):
    """A share folder of its own, for declarations and connectors that are to differ."""
    share = servers.folder / name
    for part in ("topics", "sql", "monitoring", "producers"):
        shutil.copytree(ROOT / part, share / part, ignore=shutil.ignore_patterns("*.cc", "*.h"))
    return share


def in_one_piece(share):
    """Declarations as they were before tables could be made by month."""
    changed = 0
    for declaration in (share / "topics/datasets").glob("*.yaml"):
        text = declaration.read_text("utf-8")
        less = text.replace("table: {partition: month}\n", "")
        changed += less != text
        declaration.write_text(less, "utf-8")
    assert changed >= 3
    return share


def spread_catalogue(servers):
    """A share folder whose connector of the catalogue spreads a scope over all partitions."""
    share = copied_share(servers)
    connector = share / "producers/connectors/danawa/connector.yaml"
    text = connector.read_text()
    assert text.count("partition: scope") == 1
    connector.write_text(text.replace("partition: scope", "partition: key"))
    return share


def offer(world, day, rows):
    """A snapshot of the catalogue in world.files, {product code: price}."""
    file = world.files / "CPU" / f"2024-05-{day:02d}T090000.csv"
    part = file.with_name(".part")
    part.write_text("id,name,price\n" + "".join(f'{key},상품 {key},"{price}"\n' for key, price in rows.items()),
                    "utf-8")
    part.rename(file)


def shop_day(folder, day, lines, seed):
    """The lines of one day; the same seed gives the same lines, as many as are wanted."""
    chance = random.Random(seed)
    with (folder / f"2024-06-{day:02d}.csv").open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow("InvoiceNo StockCode Description Quantity InvoiceDate UnitPrice CustomerID Country".split())
        for i in range(lines):
            sku = chance.randrange(100)
            out.writerow([day * 1000 + i // 5, f"S{sku}", f"상품 {sku}", chance.randrange(1, 30),
                          f"2024-06-{day:02d} 10:{i % 60:02d}:00", f"{chance.randrange(5, 5000) / 100:.2f}",
                          f"{chance.randrange(900)}.0", "Korea"])

"""Compare `--where` with DuckDB: random conditions on a table of many types must let the same rows pass.

    python3 benches/peers/where.py [target/release/pokedex] [--conditions 600] [--seed 1]

Needs duckdb and pyarrow. The table has nulls, zeros of both signs, NaN and the limits of every type. Each condition is
evaluated by `pokedex export --where CONDITION --format csv --columns key` and by DuckDB; where one of the two refuses
it, that is counted and shown, and a difference in the rows makes the script fail.
"""

import argparse
import datetime
import decimal
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 400
WORDS = ["fire", "Fire", "FIRE", "water", "grass", "", " ", "Charizard", "Ärger", "ärger", "100%", "a_b", "a\\b", "é", "火", "O'Hara",
         "line\nbreak", "STRASSE", "Straße", "x", "xx", "axb", "%", "_", "\\"]
INTS = {"i8": (pa.int8(), -(2**7), 2**7 - 1), "i16": (pa.int16(), -(2**15), 2**15 - 1), "i32": (pa.int32(), -(2**31), 2**31 - 1),
        "i64": (pa.int64(), -(2**63), 2**63 - 1), "u8": (pa.uint8(), 0, 2**8 - 1), "u16": (pa.uint16(), 0, 2**16 - 1),
        "u32": (pa.uint32(), 0, 2**32 - 1), "u64": (pa.uint64(), 0, 2**64 - 1)}
FLOATS = [0.0, -0.0, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, -2.5, 3.0, 7.0, 1e10, -1e-10, float("nan"), float("inf"), float("-inf"), 1e300]
DAYS = [datetime.date(1969, 12, 31), datetime.date(2024, 1, 1), datetime.date(2024, 2, 29), datetime.date(2025, 12, 31)]
TIMES = [datetime.datetime(1969, 12, 31, 23, 59, 59, 999999), datetime.datetime(2024, 1, 1), datetime.datetime(2024, 2, 29, 12, 30, 15, 250000)]


def table(rng):
    def column(values, null=0.2):
        return [None if rng.random() < null else rng.choice(values) for _ in range(ROWS)]

    columns = {"key": pa.array([f"{i:04}" for i in range(ROWS)])}
    for name, (kind, low, high) in INTS.items():
        some = [low, high, 0, 1, 2, 3, 5, 7, 100] + ([-1, -3, -7] if low < 0 else [])
        columns[name] = pa.array(column(some), kind)
    # Small numbers, whose sums and products fit whatever the width.
    columns["small"] = pa.array(column(list(range(-9, 10))), pa.int64())
    columns["f32"] = pa.array(column([x for x in FLOATS if abs(x) != 1e300]), pa.float32())
    columns["f64"] = pa.array(column(FLOATS), pa.float64())
    columns["price"] = pa.array(column([decimal.Decimal(x) for x in ["0.10", "0.30", "2.50", "-7.25", "100.00", "3.00"]]), pa.decimal128(12, 2))
    columns["yes"] = pa.array(column([True, False]), pa.bool_())
    columns["no"] = pa.array(column([True, False]), pa.bool_())
    columns["s"] = pa.array(column(WORDS), pa.string())
    columns["t"] = pa.array(column(WORDS), pa.large_string())
    columns["d"] = pa.array(column(WORDS), pa.string()).dictionary_encode()
    columns["v"] = pa.array(column(WORDS), pa.string_view()) if hasattr(pa, "string_view") else columns["s"]
    columns["day"] = pa.array(column(DAYS), pa.date32())
    for unit in ["ms", "us", "ns"]:
        columns[f"at_{unit}"] = pa.array(column(TIMES[1:] if unit == "ms" else TIMES), pa.timestamp("us")).cast(pa.timestamp(unit), safe=False)
    lists = [[], ["fire"], ["fire", "water", None], ["Fire", "O'Hara", "fire"], [None], ["", "é"]]
    columns["tags"] = pa.array(column(lists), pa.list_(pa.string()))
    columns["large_tags"] = pa.array(column(lists), pa.large_list(pa.large_string()))
    columns["numbers"] = pa.array(column([[], [1, 2, None], [7], [-3, 100, 0]]), pa.list_(pa.int32()))
    columns["fractions"] = pa.array(column([[], [0.0, -0.0], [0.1, None], [float("nan"), 2.5], [1.0]]), pa.list_(pa.float64()))
    columns["Mixed Case"] = pa.array(column([1, 2, 3]), pa.int32())
    return pa.table(columns)


class Conditions:
    """Random conditions that are well typed."""

    def __init__(self, rng):
        self.rng = rng

    def pick(self, *options):
        return self.rng.choice(options)

    def text_constant(self):
        return "'" + self.rng.choice(WORDS).replace("'", "''") + "'"

    def number_constant(self):
        return self.pick("0", "1", "2", "3", "7", "-1", "-3", "100", "127", "128", "255", "256", "-129", "3000000000", "-3000000000",
                         "9223372036854775807", "18446744073709551615", "9223372036854775808", "2.5", "-2.5", "0.1", "0.3", "0.30", ".5", "3.0",
                         "1e10", "1e-1", "2.5e0", "100.00", "-7.25", "null")

    def column(self):
        return self.pick(*INTS, "small", "f32", "f64", "price", '"Mixed Case"', "SMALL")

    def number(self, depth):
        roll = self.rng.random()
        if depth == 0 or roll < 0.6:
            return self.column() if self.rng.random() < 0.65 else self.number_constant()
        if roll < 0.65:
            return f"length({self.text(0)})"
        if roll < 0.7:
            return f"-{self.pick('small', 'f32', 'f64', 'price', 'i32')}" if roll < 0.68 else f"-({self.small(depth - 1)})"
        return self.small(depth)

    def small(self, depth):
        a = self.pick("small", "small", "f64", "f32", "price", '"Mixed Case"', "2", "0.5", "3", "1e0")
        b = self.pick("small", "f64", "f32", "price", "2", "-3", "0.5", "7") if depth < 2 else f"({self.small(depth - 1)})"
        op = self.pick("+", "-", "*", "/", "%")
        if op == "%":
            b = self.pick("2", "3", "2.5", "7")
        return f"{a} {op} {b}"

    def text(self, depth):
        if depth and self.rng.random() < 0.25:
            return f"{self.pick('lower', 'upper')}({self.text(depth - 1)})"
        return self.pick("s", "t", "d", "v", "s", self.text_constant())

    def compare(self):
        return self.pick("=", "==", "<>", "!=", "<", "<=", ">", ">=", "is distinct from", "is not distinct from")

    def pattern(self):
        pieces = [self.pick("%", "_", "", "%%") if self.rng.random() < 0.5 else self.pick("fire", "Fire", "a", "b", "\\", "é", "x", "ä", "R", ".", "*", "(")
                  for _ in range(self.rng.randint(0, 4))]
        return "'" + "".join(pieces) + "'"

    def leaf(self):
        negated = self.pick("", "not ")
        kind = self.rng.randint(0, 13)
        if kind == 12:
            list_, item = self.pick(("tags", self.text(1)), ("large_tags", self.text(0)), ("numbers", self.pick("small", "7", "2.5", "i32", "null")),
                                    ("fractions", self.pick("f64", "0.0", "2.5", "small", "1")))
            return self.pick(f"{item} {negated}in {list_}", f"{negated}list_contains({list_}, {item})", f"{negated}contains({list_}, {item})",
                             f"len({list_}) {self.compare()} {self.pick('0', '1', '2', 'small')}")
        if kind == 13:
            part = self.pick("year", "month", "day", "hour")
            return f"{part}({self.pick('day', 'at_ms', 'at_us', 'at_ns')}) {self.compare()} {self.pick('2024', '1', '2', '12', '29', '31', '23', '0', 'small', '1969')}"
        if kind <= 2:
            return f"{self.number(2)} {self.compare()} {self.number(2)}"
        if kind == 3:
            return f"{self.text(1)} {self.compare()} {self.text(1)}"
        if kind == 4:
            escape = self.pick("", "", " escape '!'", " escape '\\'")
            pattern = self.pattern()
            if escape:
                character = escape[-2]
                pattern = self.pick(f"'%{character}%'", f"'a{character}_b'", f"'%{character}{character}%'", f"'{character}%'")
            return f"{self.text(1)} {negated}{self.pick('like', 'ilike')} {pattern}{escape}"
        if kind == 5:
            count = self.pick(1, 3, 12)
            return f"{self.column()} {negated}in ({', '.join(self.pick('0','1','2','3','-3','7','100','255','null','2.5') if self.rng.random() < .3 else str(self.rng.randint(-9, 9)) for _ in range(count))})"
        if kind == 6:
            count = self.pick(1, 3, 12)
            items = [self.text_constant() for _ in range(count)] + self.pick([], [], ["null"])
            return f"{self.text(1)} {negated}in ({', '.join(items)})"
        if kind == 7:
            return f"{self.number(1)} {negated}between {self.number(1)} and {self.number(1)}"
        if kind == 8:
            subject = self.pick(self.column(), "s", "d", "yes", "day", "at_us", "tags", f"({self.number(1)})")
            return f"{subject} is {negated}null"
        if kind == 9:
            return self.pick("yes", "no", "not yes", "yes is true", "yes is not true", "no is false", "no is not false", "yes is unknown", "yes = no",
                             "yes <> no", "yes = true", "yes < no", "true", "false", "null", "yes is not distinct from no")
        if kind == 10:
            column, value = self.pick(("day", "'2024-01-01'"), ("day", "date '2024-02-29'"), ("at_us", "'2024-01-01'"), ("at_ms", "'2024-02-29 12:30:15.25'"),
                                      ("at_ns", "'2024-02-29 12:30:15.25'"), ("at_us", "timestamp '2024-01-01 00:00:00'"), ("at_us", "day"), ("at_ms", "at_us"),
                                      ("day", "timestamp '2024-01-01 00:00:00'"), ("at_us", "'1969-12-31 23:59:59.999999'"), ("at_us", "at_ns"), ("at_ns", "day"),
                                      ("at_us", "date '2024-01-01'"), ("day", "null"))
            return f"{column} {self.compare()} {value}"
        return f"{self.pick('starts_with', 'contains', 'ends_with')}({self.text(1)}, {self.text(0)})"

    def condition(self, depth):
        if depth == 0 or self.rng.random() < 0.2:
            return self.leaf()
        roll = self.rng.random()
        if roll < 0.15:
            return f"not ({self.condition(depth - 1)})"
        if roll < 0.2:
            return f"({self.condition(depth - 1)}) is {self.pick('', 'not ')}{self.pick('true', 'false', 'null')}"
        left, right = self.condition(depth - 1), self.condition(depth - 1)
        joined = f"{left} {self.pick('and', 'or')} {right}"
        return f"({joined})" if self.rng.random() < 0.6 else joined


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default="target/release/pokedex")
    parser.add_argument("--conditions", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    counts, differences, refused = Counter(), [], []
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "table.parquet")
        pq.write_table(table(rng), path)
        database = duckdb.connect()
        database.execute("set timezone = 'UTC'")
        database.execute(f"create table rows as select * from '{path}'")
        conditions = Conditions(rng)
        for _ in range(args.conditions):
            condition = conditions.condition(rng.randint(0, 3))
            try:
                theirs = {key for (key,) in database.execute(f"select key from rows where {condition}").fetchall()}
                their_error = None
            except duckdb.Error as error:
                theirs, their_error = None, str(error).split("\n")[0]
            run = subprocess.run([args.binary, "export", path, "--format", "csv", "--columns", "key", "--where", condition],
                                 capture_output=True, text=True)
            ours = set(run.stdout.split()[1:]) if run.returncode == 0 else None
            if run.returncode not in (0, 1, 2) or "panicked" in run.stderr:
                differences.append((condition, f"exit {run.returncode}: {run.stderr}"))
            elif ours is None and theirs is None:
                counts["refused by both"] += 1
            elif theirs is None:
                counts["refused by DuckDB only"] += 1
                refused.append((condition, "DuckDB: " + their_error))
            elif ours is None:
                counts["refused here only"] += 1
                refused.append((condition, "here: " + run.stderr.split("\n")[0]))
            elif ours == theirs:
                counts["same, some rows" if 0 < len(ours) < ROWS else "same, all rows or none"] += 1
            else:
                differences.append((condition, f"only here: {sorted(ours - theirs)[:4]}, only DuckDB: {sorted(theirs - ours)[:4]}"))
    for condition, why in refused[:40]:
        print(f"refused: {condition}\n    {why}")
    for condition, why in differences:
        print(f"DIFFERS: {condition}\n    {why}")
    print(", ".join(f"{name}: {count}" for name, count in sorted(counts.items())) + f", different: {len(differences)}")
    sys.exit(bool(differences))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Loads the tables of captures into DuckDB, with the statements that `rtsp-rec schema --format sql` prints.

    load.py CAPTURE... [--tool PATH]

Every row and every cell must arrive: what is empty in the CSV is NULL, numbers are the same, texts too, times to the
microsecond. Each column has its comment. Prints each difference; ends with 1 if there is any.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path

import duckdb


def cell(value, text):
    """Whether a value is what the cell says."""
    if text == "":
        return value is None
    if isinstance(value, datetime):
        # datetime has no nanoseconds.
        whole, nanos = text.rstrip("Z").split(".")
        told = datetime.fromisoformat(whole).replace(tzinfo=timezone.utc)
        passed = (value.astimezone(timezone.utc) - told).total_seconds()
        return abs(passed - int(nanos) / 1e9) < 1.5e-6
    if isinstance(value, int):
        return value == int(text)
    if isinstance(value, float):
        return value == float(text)
    return value == text


def load(tool, capture, folder):
    """The differences between the CSV files and what came into the database, and how many rows there were."""
    subprocess.run([tool, "analyze", capture, "-o", folder], check=True, stdout=subprocess.DEVNULL)
    statements = subprocess.run([tool, "schema", "--format", "sql"], check=True, stdout=subprocess.PIPE, text=True).stdout
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.execute(statements)
    total = 0
    for path in sorted(Path(folder).glob("*.csv")):
        table = path.stem
        database.execute(f"COPY {table} FROM '{path}' (HEADER)")
        with open(path, newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        found = database.execute(f"SELECT * FROM {table}")
        if [column[0] for column in found.description] != header:
            yield f"{table}: other columns"
        loaded = found.fetchall()
        total += len(loaded)
        if len(loaded) != len(rows):
            yield f"{table}: {len(loaded)} rows, not {len(rows)}"
        for number, (values, texts) in enumerate(zip(loaded, rows), 1):
            for name, value, text in zip(header, values, texts):
                if not cell(value, text):
                    yield f"{table}, row {number}: {name} is {value!r}, not {text!r}"
    silent = database.execute("SELECT table_name, column_name FROM duckdb_columns() WHERE comment IS NULL AND NOT internal")
    yield from (f"{table}.{column} has no comment" for table, column in silent.fetchall())
    if not total:
        yield "no row at all"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("captures", nargs="+", metavar="CAPTURE")
    parser.add_argument("--tool", default="rtsp-rec")
    arguments = parser.parse_args()
    differences = 0
    for capture in arguments.captures:
        with tempfile.TemporaryDirectory() as folder:
            for difference in load(arguments.tool, capture, folder):
                print(f"{capture}: {difference}")
                differences += 1
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())

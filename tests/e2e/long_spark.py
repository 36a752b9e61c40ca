"""Spark reads every Parquet file that Sluice makes: the tables of the starter views and the files of exports, with the types,
the nulls, the instants, the digits and the lists that a script computes from the NDJSON (E-05, P-01). `./dev test --long` runs
it, for Spark is too large for every run."""
import decimal
import glob
import json
import os
import shutil
import unittest

import corpus
import harness
import test_parquet
import test_table

# Spark listens: on this machine alone.
os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
try:
    from pyspark.sql import SparkSession, functions
except ImportError:
    SparkSession = None


def missing():
    """What Spark lacks here; None when it is all there."""
    if SparkSession is None:
        return "pyspark is not there: ./dev test --long fetches it"
    if shutil.which("java") is None:
        return "Spark needs Java, 17 or later: ./dev test --long installs openjdk-17-jre-headless"
    return None


def columns_of(definition):
    """All columns below a select of a ViewDefinition, in the order of the table."""
    for select in definition.get("select", []):
        yield from select.get("column", [])
        yield from columns_of(select)
        # The branches have the same columns.
        yield from columns_of({"select": select.get("unionAll", [])[:1]})


def spark_type(column):
    """What Spark must call the type of a column, by the table in docs/tables.md."""
    tags = [tag["value"].upper().replace(" ", "") for tag in column.get("tag", []) if tag["name"] == "ansi/type"]
    plain = {"boolean": "boolean", "integer": "int", "positiveInt": "int", "unsignedInt": "int",
             "instant": "timestamp"}.get(column["type"], "string")
    named = {"DATE": "date", "INTEGER": "int", "BIGINT": "bigint"}
    type = named.get(tags[0], tags[0].lower()) if tags else plain
    return f"array<{type}>" if column.get("collection") else type


def exact(value, type):
    """A value of the script's as Spark gives it."""
    if value is None:
        return None
    if type == "timestamp":
        return test_parquet.microseconds(value)
    if type.startswith("decimal"):
        scale = int(type.split(",")[1].rstrip(")"))
        return decimal.Decimal(value).quantize(decimal.Decimal(1).scaleb(-scale))
    return str(value) if isinstance(value, decimal.Decimal) or type == "string" else value


@unittest.skipIf(missing(), missing())
class Spark(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = harness.temporary_folder(cls)
        cls.sample = os.path.join(cls.folder, "sample")
        harness.sluice("generate", "--patients", 30, "--seed", 7, "--out", cls.sample)
        cls.spark = (SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
                     .config("spark.ui.showConsoleProgress", "false")
                     .config("spark.sql.shuffle.partitions", "1").config("spark.sql.session.timeZone", "Asia/Tokyo")
                     .config("spark.sql.warehouse.dir", os.path.join(cls.folder, "warehouse")).getOrCreate())
        cls.spark.sparkContext.setLogLevel("ERROR")
        cls.addClassCleanup(cls.spark.stop)

    def rows(self, *paths):
        """The types as Spark names them, and the rows, instants as microseconds: Python's are of its own zone."""
        table = self.spark.read.parquet(*paths)
        types = dict(table.dtypes)
        table = table.select(*[functions.unix_micros(name).alias(name) if type == "timestamp" else name
                               for name, type in types.items()])
        return types, [row.asDict() for row in table.collect()]

    def test_e05_every_starter_view_is_read_with_its_types_and_values(self):
        out = os.path.join(self.folder, "tables")
        harness.sluice("table", *sorted(glob.glob(os.path.join(test_table.VIEWS, "*.json"))), self.sample, "--out", out,
                       "--format", "parquet")
        kinds, has_nulls = set(), False
        for name, (resource, by_hand) in test_table.BY_HAND.items():
            with open(os.path.join(test_table.VIEWS, f"{name}.json"), encoding="utf-8") as file:
                definition = json.load(file)
            types, rows = self.rows(os.path.join(out, f"{name}.parquet"))
            self.assertEqual(types, {column["name"]: spark_type(column) for column in columns_of(definition)}, name)
            kinds.update(types.values())
            expected = [row for each in test_table.lines_of(os.path.join(self.sample, f"{resource}.ndjson"))
                        for row in by_hand(each)]
            expected = [{column: exact(value, types[column]) for column, value in row.items()} for row in expected]
            self.assertEqual(rows, expected, name)
            has_nulls = has_nulls or any(value is None for row in rows for value in row.values())
            for row in rows:
                for column, value in row.items():
                    if isinstance(value, decimal.Decimal):
                        self.assertEqual(str(value), str(exact(value, types[column])), "all digits of the scale")
        self.assertTrue(has_nulls)
        self.assertLessEqual({"string", "boolean", "int", "timestamp", "array<string>"}, kinds)
        self.assertTrue(any(kind.startswith("decimal") for kind in kinds), kinds)

    def test_p01_the_files_of_an_export_have_the_rows_of_the_ndjson_export(self):
        data = os.path.join(self.folder, "data")
        base = corpus.base_corpus(self.folder, ("Patient", "Practitioner", "Encounter", "Observation"), patients=60)
        harness.load(data, *base.paths)
        server = harness.start_server(self, data)
        expected = test_parquet.rows_of_ndjson(server.export())
        manifest = server.export("$export", {"_outputFormat": test_parquet.PARQUET,
                                             "_maximumFileSize": 200_000}).manifest
        self.assertGreater(len(manifest["output"]), len(expected))
        paths = {}
        for number, item in enumerate(manifest["output"]):
            path = os.path.join(self.folder, f"{item['type']}-{number}.parquet")
            with open(path, "wb") as file:
                file.write(test_parquet.fetch(item))
            paths.setdefault(item["type"], []).append(path)
        self.assertEqual(set(paths), set(expected))
        for name, files in paths.items():
            types, rows = self.rows(*files)
            self.assertEqual(types, {"id": "string", "last_updated": "timestamp", "version": "int", "patient": "string",
                                     "resource": "string"})
            self.assertEqual(sorted(tuple(row.values()) for row in rows), expected[name], name)

    def test_the_recipe_of_the_documentation_counts_what_the_ndjson_has(self):
        shown = test_table.run_recipes(self, self.sample, self.folder, lambda text: "pyspark" in text)
        self.assertEqual(len(shown), 1)
        found = {tuple(cell.strip() for cell in line.strip("|").split("|")) for line in shown[0].splitlines()
                 if line.startswith("|")}
        expected = {}
        for row in (row for each in test_table.lines_of(os.path.join(self.sample, "Encounter.ndjson"))
                    for row in test_table.encounters(each)):
            if row["start"].startswith("2024"):
                key = (row["start"][:7], row["class"])
                expected[key] = expected.get(key, 0) + 1
        self.assertGreater(len(expected), 3)
        self.assertEqual(found - {("month", "class", "count")},
                         {(month, kind, str(count)) for (month, kind), count in expected.items()})


if __name__ == "__main__":
    unittest.main()

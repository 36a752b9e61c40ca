"""`sluice table`: views of SQL on FHIR over files and over a store, E-01 to E-05. What the starter views give is computed
again here, from the NDJSON alone."""
import csv
import datetime
import decimal
import glob
import gzip
import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
import unittest

import harness
from table_run import MEMORY_MAX, TableRun

try:
    import pyarrow.parquet as parquet
except ImportError:
    parquet = None

PROJECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
VIEWS = os.path.join(PROJECT, "share", "view-definitions")
RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
ETHNICITY = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"


# ---- the starter views once more, by hand ----

def first(values):
    return values[0] if values else {}


def key(reference, type):
    parts = (reference or {}).get("reference", "").split("/")
    return parts[-1] if len(parts) >= 2 and parts[-2] == type else None


def coding(prefix, concept):
    concept = concept or {}
    coded = first(concept.get("coding"))
    return {f"{prefix}_system": coded.get("system"), f"{prefix}_code": coded.get("code"),
            f"{prefix}_text": concept.get("text", coded.get("display"))}


def code(concept):
    return first((concept or {}).get("coding")).get("code")


def codes(concepts):
    return [each["code"] for concept in concepts or [] for each in concept.get("coding", []) if "code" in each]


def extension_text(patient, url):
    for extension in patient.get("extension", []):
        if extension["url"] == url:
            for part in extension.get("extension", []):
                if part["url"] == "text":
                    return part["valueString"]
    return None


def patients(p):
    names = p.get("name", [])
    name = first([n for n in names if n.get("use") == "official"] or names)
    address = first(p.get("address"))
    yield {"id": p["id"], "birth_date": p.get("birthDate"), "gender": p.get("gender"),
           "deceased": p.get("deceasedBoolean", "deceasedDateTime" in p), "deceased_at": p.get("deceasedDateTime"),
           "race": extension_text(p, RACE), "ethnicity": extension_text(p, ETHNICITY),
           "marital_status": code(p.get("maritalStatus")),
           "languages": codes([c["language"] for c in p.get("communication", [])]),
           "family": name.get("family"), "given": name.get("given", []), "city": address.get("city"),
           "state": address.get("state"), "postal_code": address.get("postalCode"), "country": address.get("country")}


def conditions(c):
    yield {"id": c["id"], "patient": key(c["subject"], "Patient"), "encounter": key(c.get("encounter"), "Encounter"),
           "clinical_status": code(c.get("clinicalStatus")), "verification_status": code(c.get("verificationStatus")),
           "categories": codes(c.get("category")), **coding("code", c.get("code")), "onset": c.get("onsetDateTime"),
           "abatement": c.get("abatementDateTime"), "recorded": c.get("recordedDate")}


def observations(o):
    common = {"id": o["id"], "patient": key(o["subject"], "Patient"), "encounter": key(o.get("encounter"), "Encounter"),
              "status": o["status"], "categories": codes(o.get("category")),
              "effective": o.get("effectiveDateTime", o.get("effectivePeriod", {}).get("start")),
              "issued": o.get("issued")}
    for number, part in enumerate([o, *o.get("component", [])]):
        quantity, concept = part.get("valueQuantity", {}), part.get("valueCodeableConcept", {})
        yield {**common, **coding("code", part["code"]), "component": number, "value_number": quantity.get("value"),
               "value_unit": quantity.get("code", quantity.get("unit")), "value_code": code(concept),
               "value_text": part.get("valueString", concept.get("text"))}


def encounters(e):
    period = e.get("period", {})
    yield {"id": e["id"], "patient": key(e["subject"], "Patient"), "status": e["status"], "class": e["class"]["code"],
           **coding("type", first(e.get("type"))), "start": period.get("start"), "end": period.get("end"),
           "reason_code": code(first(e.get("reasonCode"))), "provider": key(e.get("serviceProvider"), "Organization")}


def medication_requests(m):
    yield {"id": m["id"], "patient": key(m["subject"], "Patient"), "encounter": key(m.get("encounter"), "Encounter"),
           "status": m["status"], "intent": m["intent"], **coding("medication", m.get("medicationCodeableConcept")),
           "medication_reference": key(m.get("medicationReference"), "Medication"), "authored": m.get("authoredOn")}


def procedures(p):
    period = p.get("performedPeriod", {})
    yield {"id": p["id"], "patient": key(p["subject"], "Patient"), "encounter": key(p.get("encounter"), "Encounter"),
           "status": p["status"], **coding("code", p.get("code")),
           "start": p.get("performedDateTime", period.get("start")), "end": period.get("end")}


def immunizations(i):
    yield {"id": i["id"], "patient": key(i["patient"], "Patient"), "encounter": key(i.get("encounter"), "Encounter"),
           "status": i["status"], **coding("vaccine", i["vaccineCode"]), "occurrence": i.get("occurrenceDateTime"),
           "lot_number": i.get("lotNumber"), "primary_source": i.get("primarySource")}


def allergies(a):
    yield {"id": a["id"], "patient": key(a["patient"], "Patient"), "clinical_status": code(a.get("clinicalStatus")),
           "verification_status": code(a.get("verificationStatus")), "type": a.get("type"),
           "categories": a.get("category", []), "criticality": a.get("criticality"), **coding("code", a.get("code")),
           "recorded": a.get("recordedDate"),
           "reactions": codes([m for r in a.get("reaction", []) for m in r["manifestation"]])}


def coverages(c):
    period, payor = c.get("period", {}), first(c["payor"])
    yield {"id": c["id"], "patient": key(c["beneficiary"], "Patient"), "status": c["status"],
           **coding("type", c.get("type")), "subscriber_id": c.get("subscriberId"),
           "relationship": code(c.get("relationship")), "payor": key(payor, "Organization"),
           "payor_name": payor.get("display"), "start": period.get("start"), "end": period.get("end")}


def claims(c):
    period, total = c.get("billablePeriod", {}), c.get("total", {})
    common = {"id": c["id"], "patient": key(c["patient"], "Patient"), "status": c["status"], "type": code(c["type"]),
              "use": c["use"], "created": c["created"], "billable_start": period.get("start"),
              "billable_end": period.get("end"), "provider": key(c["provider"], "Organization"),
              "total": total.get("value"), "currency": total.get("currency")}
    for item in c.get("item") or [None]:
        coded = first((item or {}).get("productOrService", {}).get("coding"))
        yield {**common, "item": item and item["sequence"], "item_system": coded.get("system"),
               "item_code": coded.get("code"), "item_net": item and item.get("net", {}).get("value")}


BY_HAND = {"patient": ("Patient", patients), "condition": ("Condition", conditions),
           "observation": ("Observation", observations), "encounter": ("Encounter", encounters),
           "medication_request": ("MedicationRequest", medication_requests), "procedure": ("Procedure", procedures),
           "immunization": ("Immunization", immunizations), "allergy_intolerance": ("AllergyIntolerance", allergies),
           "coverage": ("Coverage", coverages), "claim": ("Claim", claims)}


def lines_of(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line, parse_float=decimal.Decimal) for line in file]


def texts(rows):
    """In any order: a run over a store reads in that of its keys."""
    return sorted(json.dumps(row, default=str, sort_keys=True) for row in rows)


def run_recipes(test, sample, folder, wanted):
    """Runs the recipes of docs/tables.md: all commands, and those Python programs that are wanted. Returns what these print."""
    with open(os.path.join(PROJECT, "docs", "tables.md"), encoding="utf-8") as file:
        recipes = re.findall(r"^```(sh|python)\n(.*?)^```", file.read(), re.M | re.S)
    place = os.path.join(folder, "recipes")
    os.makedirs(os.path.join(place, "tables"))
    os.symlink(os.path.join(PROJECT, "share"), os.path.join(place, "share"))
    os.symlink(sample, os.path.join(place, "sample"))
    tools = {**os.environ, "PATH": f"{os.path.dirname(harness.BINARY)}:{os.environ['PATH']}"}
    printed = []
    for language, text in recipes:
        if language == "python" and not wanted(text):
            continue
        command = ["sh", "-e", "-c", text] if language == "sh" else [sys.executable, "-W", "ignore", "-c", text]
        done = subprocess.run(command, cwd=place, env=tools, capture_output=True, encoding="utf-8", timeout=300)
        test.assertEqual(done.returncode, 0, f"{text}\n{done.stderr}")
        test.assertGreater(len(done.stdout.splitlines()), 0, text)
        if language == "python":
            printed.append(done.stdout)
    return printed


class Tables(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.world = harness.tempfile.TemporaryDirectory(prefix="sluice-e2e-")
        cls.sample = os.path.join(cls.world.name, "sample")
        harness.sluice("generate", "--patients", 30, "--seed", 7, "--out", cls.sample)
        cls.expected = {}
        for name, (type, rows) in BY_HAND.items():
            resources = lines_of(os.path.join(cls.sample, f"{type}.ndjson"))
            cls.expected[name] = [row for each in resources for row in rows(each)]
            assert cls.expected[name], name

    @classmethod
    def tearDownClass(cls):
        cls.world.cleanup()
        super().tearDownClass()

    def setUp(self):
        self.folder = harness.temporary_folder(self)

    def path(self, name):
        return os.path.join(self.folder, name)

    def view(self, name, select, **more):
        with open(self.path(f"{name}.json"), "w", encoding="utf-8") as file:
            json.dump({"resourceType": "ViewDefinition", "resource": "Patient", "status": "active", "select": select,
                       **more}, file)
        return self.path(f"{name}.json")

    def table(self, *arguments, **options):
        return harness.sluice("table", *arguments, **options)

    def starter(self, out, format, *inputs):
        self.table(*sorted(glob.glob(os.path.join(VIEWS, "*.json"))), *(inputs or [self.sample]), "--out", out,
                   "--format", format)

    # ---- what comes out ----

    def test_e02_all_starter_views_in_one_pass_give_what_a_script_computes(self):
        out = self.path("tables")
        self.starter(out, "ndjson")
        self.assertEqual(sorted(os.listdir(out)), sorted(f"{name}.ndjson" for name in BY_HAND))
        for name, expected in self.expected.items():
            rows = lines_of(os.path.join(out, f"{name}.ndjson"))
            self.assertEqual(rows, expected, name)
            self.assertEqual(list(rows[0]), list(expected[0]), "the columns stand in the order of the definition")

    def test_a_store_gives_the_rows_that_files_give(self):
        data, out = self.path("data"), self.path("tables")
        harness.load(data, self.sample)
        self.starter(out, "ndjson", "--data", data)
        for name, expected in self.expected.items():
            self.assertEqual(texts(lines_of(os.path.join(out, f"{name}.ndjson"))), texts(expected), name)

    def test_json_is_an_array_of_the_rows(self):
        out = self.path("tables")
        self.starter(out, "json")
        for name, expected in self.expected.items():
            with open(os.path.join(out, f"{name}.json"), encoding="utf-8") as file:
                self.assertEqual(json.load(file, parse_float=decimal.Decimal), expected, name)

    def test_csv_has_every_value_as_text(self):
        out = self.path("tables")
        self.starter(out, "csv")

        def field(value):
            if isinstance(value, bool):
                return json.dumps(value)
            if isinstance(value, list):
                return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
            return "" if value is None else str(value)
        for name, expected in self.expected.items():
            with open(os.path.join(out, f"{name}.csv"), encoding="utf-8", newline="") as file:
                content = file.read()
            rows = list(csv.reader(io.StringIO(content, newline="")))
            self.assertEqual(rows[0], list(expected[0]), name)
            self.assertEqual(rows[1:], [[field(value) for value in row.values()] for row in expected], name)
            self.assertEqual(content.count("\r\n"), len(expected) + 1, name)

    @unittest.skipIf(parquet is None, "this Python has no pyarrow: ./dev setup installs it for the tests")
    def test_e05_parquet_has_the_values_with_their_types(self):
        out = self.path("tables")
        self.starter(out, "parquet")
        for name, expected in self.expected.items():
            rows = parquet.read_table(os.path.join(out, f"{name}.parquet")).to_pylist()
            for row in rows:
                for column, value in row.items():
                    if isinstance(value, decimal.Decimal):
                        row[column] = value.normalize()
                    elif hasattr(value, "isoformat"):
                        row[column] = value.timestamp()
            exact = [dict(row) for row in expected]
            for row in exact:
                for column, value in row.items():
                    if name == "claim" and column in ("total", "item_net"):
                        row[column] = value if value is None else decimal.Decimal(value).normalize()
                    elif isinstance(value, decimal.Decimal) or (column == "value_number" and value is not None):
                        row[column] = str(value)
                    elif column == "issued" and value is not None:
                        row[column] = datetime.datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
            self.assertEqual(rows, exact, name)

    def test_csv_quotes_what_it_must_and_has_no_header_on_request(self):
        lines = [{"resourceType": "Patient", "id": str(n), "name": [{"family": family}]} for n, family in
                 enumerate(['a,b', 'say "x"', "two\nlines", " blank", "", "plain"])]
        data = harness.write_lines(self.path("p.ndjson"), [*lines, {"resourceType": "Patient", "id": "6"}])
        view = self.view("v", [{"column": [{"name": "id", "path": "id"}, {"name": "family", "path": "name.family"}]}])
        done = self.table(view, data, "--format", "csv", "--no-header")
        self.assertEqual(done.stdout, b'0,"a,b"\r\n1,"say ""x"""\r\n2,"two\nlines"\r\n3," blank"\r\n4,""\r\n5,plain\r\n6,\r\n')

    def test_gzip_folders_bundles_and_standard_input_are_read(self):
        view = self.view("v", [{"column": [{"name": "id", "path": "id"}]}])
        inbox = self.path("inbox")
        os.makedirs(inbox)
        with gzip.open(os.path.join(inbox, "a.ndjson.gz"), "wt") as file:
            file.write('{"resourceType":"Patient","id":"zipped"}\n\n{"resourceType":"Observation","id":"other"}\n')
        with open(os.path.join(inbox, "b.json"), "w", encoding="utf-8") as file:
            json.dump({"resourceType": "Bundle", "type": "collection", "entry": [
                {"resource": {"resourceType": "Patient", "id": "bundled"}}, {"fullUrl": "urn:x"},
                {"resource": {"resourceType": "Group", "id": "g"}}]}, file, indent=1)
        done = self.table(view, inbox, "-", stdin=b'{"resourceType":"Patient","id":"piped"}')
        self.assertEqual([json.loads(line)["id"] for line in done.out.splitlines()], ["zipped", "bundled", "piped"])

    @unittest.skipIf(parquet is None, "this Python has no pyarrow: ./dev setup installs it for the tests")
    def test_the_recipes_of_the_documentation_run(self):
        # Spark is too large for every run: long_spark.py has its recipe.
        self.assertGreaterEqual(len(run_recipes(self, self.sample, self.folder, lambda text: "pyspark" not in text)), 4)

    # ---- what is refused ----

    def test_e01_a_wrong_definition_says_where(self):
        data = harness.write_lines(self.path("p.ndjson"), [{"resourceType": "Patient", "id": "a"}])
        column = {"name": "id", "path": "id"}
        for select, more, said in (
                ([{"column": [{"name": "x", "path": "name.famly"}]}], {}, "select[0].column[0].path"),
                ([{"column": [{"name": "x", "path": "name.where("}]}], {}, "select[0].column[0].path"),
                ([{"column": [{"name": "1x", "path": "id"}]}], {}, "select[0].column[0].name"),
                ([{"column": [column, column]}], {}, "there are two columns 'id'"),
                ([{"column": [{"name": "x"}]}], {}, "select[0].column[0].path is missing"),
                ([{"column": [column]}, {"select": [{"forEach": "name", "column": [{"name": "y", "path": "%z"}]}]}], {},
                 "select[1].select[0].column[0].path"),
                ([{"unionAll": [{"column": [column]}, {"column": [{"name": "other", "path": "id"}]}]}], {},
                 "select[0].unionAll[1]"),
                ([{"column": [{"name": "x", "path": "id", "tag": [{"name": "ansi/type", "value": "GEOMETRY"}]}]}], {},
                 "'GEOMETRY' is not supported"),
                ([{"column": [column]}], {"where": [{"path": "name.family"}]}, "where[0].path is a string"),
                ([{"column": [column]}], {"resource": "Pacient"}, "'Pacient' is no resource type"),
                ([{"column": [column]}], {"constant": [{"name": "c", "valueQuantity": {}}]}, "constant[0].valueQuantity")):
            done = self.table(self.view("v", select, **more), data, check=False)
            self.assertEqual((done.returncode, done.out), (2, ""), said)
            self.assertIn(said, done.err)

    def test_e05_two_values_without_collection_stop_the_run_or_are_left_out(self):
        names = [{"family": "secret-one"}, {"family": "secret-two"}]
        data = harness.write_lines(self.path("p.ndjson"), [
            {"resourceType": "Patient", "id": "a", "name": names[:1]}, {"resourceType": "Patient", "id": "b", "name": names},
            "not JSON", {"resourceType": "Patient", "id": "c"}])
        view = self.view("v", [{"forEach": "identifier | iif(true, %resource)", "column": [
            {"name": "id", "path": "%resource.id"}, {"name": "family", "path": "%resource.name.family"}]}])
        out = self.path("t.ndjson")
        done = self.table(view, data, "--out", out, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("Patient/b: column 'family' (select[0].column[1]) has 2 values and is no collection", done.err)
        self.assertNotIn("secret", done.err)
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("t.")], [])

        done = self.table(view, data, "--out", out, "--skip-faults", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Patient/b: left out", done.err)
        self.assertIn(f"{data}:3: left out", done.err)
        self.assertIn("2 left out, see above", done.err)
        self.assertNotIn("secret", done.err)
        self.assertEqual([row["id"] for row in lines_of(out)], ["a", "c"])

    def test_rows_that_multiply_are_bounded(self):
        many = [{"given": [str(n) for n in range(1100)]}]
        data = harness.write_lines(self.path("p.ndjson"), [{"resourceType": "Patient", "id": "a", "name": many}])
        view = self.view("v", [{"forEach": "name.given", "column": [{"name": "a", "path": "$this"}]},
                               {"forEach": "name.given", "column": [{"name": "b", "path": "$this"}]}])
        done = self.table(view, data, "--out", self.path("t.csv"), check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("Patient/a: the resource makes more than 1000000 rows", done.err)
        self.assertFalse(os.path.exists(self.path("t.csv")))

    def test_wrong_use_is_told(self):
        data = harness.write_lines(self.path("p.ndjson"), [{"resourceType": "Patient", "id": "a"}])
        view = self.view("v", [{"column": [{"name": "id", "path": "id"}]}])
        other = self.view("w", [{"column": [{"name": "id", "path": "id"}]}])
        for arguments, said in (([data], "no ViewDefinition was named"), ([view], "--data DIR or files"),
                                ([view, data, "--data", self.path("d")], "both --data and files"),
                                ([view, other, data], "standard output takes one table"),
                                ([view, data, "--format", "xlsx"], "none of ndjson, json, csv, parquet"),
                                ([view, view, data, "--out", self.path("o")], "have the same name"),
                                ([view, self.path("absent.ndjson")], "absent.ndjson")):
            done = self.table(*arguments, check=False)
            self.assertEqual(done.returncode, 2, said)
            self.assertIn(said, done.err)

    # ---- what interrupts it ----

    def test_a_full_disk_leaves_no_half_file(self):
        view = os.path.join(VIEWS, "observation.json")

        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        for format in ("ndjson", "csv", *(["parquet"] if parquet else [])):
            out = self.path(f"t.{format}")
            with open(out, "w", encoding="utf-8") as file:
                file.write("the one before")
            done = subprocess.run([harness.BINARY, "table", view, os.path.join(self.sample, "Observation.ndjson"),
                                   "--out", out], capture_output=True, preexec_fn=small_files, timeout=300)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn(b"t." + format.encode(), done.stderr)
            with open(out, encoding="utf-8") as file:
                self.assertEqual(file.read(), "the one before")
            self.assertFalse(os.path.exists(out + ".part"))

    def test_it_shows_progress_holds_little_memory_and_is_stopped_by_a_key(self):
        out = self.path("t.ndjson")
        run = TableRun(os.path.join(VIEWS, "observation.json"), "-", "--out", out, stdin=subprocess.PIPE)
        self.addCleanup(run.process.stdin.close)
        self.addCleanup(run.kill)
        with open(os.path.join(self.sample, "Observation.ndjson"), "rb") as file:
            lines = file.read()

        def goes_on():
            run.process.stdin.write(lines)
            run.process.stdin.flush()
            return "resources" in run.shown
        harness.eventually(self, goes_on, "progress")
        run.process.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(), 130, run.shown)
        self.assertLess(run.memory, MEMORY_MAX)
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("t.")], [])

    def test_it_can_be_interrupted(self):
        view = self.view("v", [{"column": [{"name": "id", "path": "id"}]}])
        out = self.path("t.ndjson")
        process = subprocess.Popen([harness.BINARY, "table", view, "-", "--out", out], stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        process.stdin.write(b'{"resourceType":"Patient","id":"a"}\n')
        process.stdin.flush()
        harness.eventually(self, lambda: os.path.exists(out + ".part"))
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(harness.PATIENCE_SECONDS), 130)
        process.stdin.close()
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith("t.")], [])


if __name__ == "__main__":
    unittest.main()

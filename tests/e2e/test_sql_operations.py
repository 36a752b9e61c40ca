"""$sql-run and $sql-export of SQL on FHIR, by their names and by those that they had before: E-20 to E-24. What they
give is compared with `sluice table` over the same resources, or with what is computed here."""
import csv
import gzip
import io
import json
import os
import time
import unittest
import urllib.parse

import corpus
import harness
import smart
from scoped import LAB, ScopedCase
from test_lifecycle import moved

try:
    import pyarrow.parquet as parquet
except ImportError:
    parquet = None

PROJECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
VIEWS = os.path.join(PROJECT, "share", "view-definitions")
ALIASES = ("$viewdefinition-run", "ViewDefinition/$viewdefinition-run")
NDJSON = "application/x-ndjson"


def column(name, path, **more):
    return {"name": name, "path": path, **more}


def view(type, *columns, **more):
    return {"resourceType": "ViewDefinition", "status": "active", "resource": type,
            "select": [{"column": list(columns)}], **more}


PATIENTS = view("Patient", column("id", "getResourceKey()"), column("gender", "gender"), name="patients")
OBSERVATIONS = view("Observation", column("id", "getResourceKey()"),
                    column("patient", "subject.getReferenceKey(Patient)"), name="observations")
TWO_NAMES = view("Patient", column("family", "name.family"))


def stored_view(name):
    with open(os.path.join(VIEWS, name + ".json"), encoding="utf-8") as file:
        return json.load(file)


def parameters(*entries):
    """A Parameters resource of (name, value): resources, parts as a list, or simple values by their kind."""
    out = []
    for name, value in entries:
        if isinstance(value, list):
            out.append({"name": name, "part": parameters(*value)["parameter"]})
        elif isinstance(value, dict):
            out.append({"name": name, "resource": value})
        else:
            kind = ("valueReference" if name in ("patient", "group") or name.endswith("Reference") else
                    "valueBoolean" if isinstance(value, bool) else
                    "valueInteger" if isinstance(value, int) else "valueString")
            out.append({"name": name, kind: {"reference": value} if kind == "valueReference" else value})
    return {"resourceType": "Parameters", "parameter": out}


def post(server, path, entries, headers=None, accept=None):
    headers = {"Content-Type": harness.FHIR_JSON, **({"Accept": accept} if accept else {}), **(headers or {})}
    return harness.request("POST", f"{server.base}/{path}", headers, json.dumps(parameters(*entries)).encode())


def run(server, *entries, headers=None, path="$sql-run", resource="subjectResource"):
    """The rows of the first entry, a view."""
    answer = post(server, path, [(resource, entries[0]), *entries[1:]], headers)
    assert answer.status == 200, answer
    return [json.loads(line) for line in answer.body.splitlines()]


def issue(answer):
    """(status, code, the parameter at fault)."""
    found = answer.json()["issue"][0]
    return answer.status, found["code"], (found.get("expression") or [None])[0]


def kick_off(server, entries, headers=None, path="$sql-export"):
    return post(server, path, entries, {"Prefer": "respond-async", **(headers or {})})


def values(resource):
    """name -> value of the simple parameters; output -> {name: [URL]}."""
    found = {"output": {}}
    for each in resource["parameter"]:
        if "part" in each:
            name, *places = [part.get("valueString") or part["valueUri"] for part in each["part"]]
            found["output"][name] = places
        else:
            found[each["name"]] = next(value for key, value in each.items() if key != "name")
    return found


def ended(url, headers=None):
    """The answer that says that the job has ended."""
    until = time.monotonic() + harness.EXPORT_SECONDS
    while (answer := harness.request("GET", url, headers)).status in (202, 429):
        assert time.monotonic() < until, answer
        time.sleep(0.05)
    return answer


def result(status_url, headers=None):
    answer = ended(status_url, headers)
    assert answer.status == 303 and answer.body == b"", answer
    return harness.request("GET", answer.headers["Location"], headers)


def export(server, entries, headers=None, path="$sql-export"):
    """name -> bytes of the files of a table one after the other, and the manifest."""
    answer = kick_off(server, entries, headers, path)
    assert answer.status == 202, answer
    manifest = result(answer.headers["Content-Location"], headers)
    assert manifest.status == 200, manifest
    found = values(manifest.json())
    return {name: [harness.request("GET", url, headers).body for url in urls]
            for name, urls in found["output"].items()}, found


def rows(files):
    return [json.loads(line) for file in files for line in file.splitlines()]


def table(name, paths, format="ndjson"):
    """What `sluice table` makes of the same resources."""
    return harness.sluice("table", os.path.join(VIEWS, name + ".json"), *paths, "--out", "-",
                          "--format", format).stdout


class SqlOperations(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = harness.temporary_folder(cls)
        cls.paths = corpus.large_input(cls.folder, 20)
        cls.data = os.path.join(cls.folder, "data")
        harness.load(cls.data, *cls.paths)
        cls.server = harness.Server(cls.data).__enter__()
        cls.addClassCleanup(cls.server.stop)

    def test_e3_a_run_gives_the_rows_that_sluice_table_gives_by_every_name(self):
        names = ("patient", "condition", "observation")
        for name in names:
            expected = sorted(table(name, self.paths).splitlines())
            self.assertGreater(len(expected), 10)
            answer = post(self.server, "$sql-run", [("subjectResource", stored_view(name))])
            self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, NDJSON))
            self.assertEqual(sorted(answer.body.splitlines()), expected)
        for alias in ALIASES:
            answer = post(self.server, alias, [("viewResource", stored_view("patient"))])
            self.assertEqual(sorted(answer.body.splitlines()), sorted(table("patient", self.paths).splitlines()))

    def test_e23_formats_come_by_format_or_by_accept(self):
        asked = [("subjectResource", stored_view("patient"))]
        expected = sorted(csv.reader(io.StringIO(table("patient", self.paths, "csv").decode())))
        for entries, accept in ((asked + [("_format", "csv")], None), (asked, "text/csv"),
                                (asked + [("_format", "text/csv")], "application/json")):
            answer = post(self.server, "$sql-run", entries, accept=accept)
            self.assertEqual(answer.headers["Content-Type"], "text/csv")
            self.assertEqual(sorted(csv.reader(io.StringIO(answer.body.decode()))), expected)
        bare = post(self.server, "$sql-run", asked + [("_format", "csv"), ("header", False)])
        self.assertEqual(len(bare.body.splitlines()), len(expected) - 1)
        array = post(self.server, "$sql-run", asked + [("_format", "json")])
        self.assertEqual(sorted(json.dumps(row) for row in array.json()),
                         sorted(json.dumps(row) for row in rows([table("patient", self.paths)])))
        # A table is not put into a Binary.
        self.assertEqual(issue(post(self.server, "$sql-run", asked, accept=harness.FHIR_JSON))[:2],
                         (406, "not-supported"))

    def test_e3_limits_patients_and_since_narrow_a_run(self):
        everyone = run(self.server, PATIENTS)
        self.assertEqual(run(self.server, PATIENTS, ("_limit", 3)), everyone[:3])
        self.assertEqual(run(self.server, PATIENTS, ("_limit", 0)), [])
        two = [row["id"] for row in everyone[:2]]
        # An Observation is in the compartment of its subject and of a patient who performed it.
        expected = []
        for path in self.paths:
            with open(path, encoding="utf-8") as file:
                for resource in map(json.loads, file):
                    if resource["resourceType"] == "Observation" and {"Patient/" + id for id in two} & {
                            each.get("reference") for each in [resource.get("subject", {}), *resource.get("performer", [])]}:
                        expected.append(resource["id"])
        chosen = run(self.server, OBSERVATIONS, *[("patient", "Patient/" + id) for id in two])
        self.assertEqual(sorted(row["id"] for row in chosen), sorted(expected))
        self.assertGreater(len(chosen), 0)
        self.assertEqual(run(self.server, PATIENTS, ("_since", "2100-01-01T00:00:00Z")), [])
        self.assertEqual(sorted(row["id"] for row in run(self.server, PATIENTS, ("_since", "2000-01-01T00:00:00Z"))),
                         sorted(row["id"] for row in everyone))

    def test_e3_resources_of_the_request_are_read_instead_and_bundles_unwrapped(self):
        a, b, c = ({"resourceType": "Patient", "id": id, "gender": "other"} for id in "abc")
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": [
            {"resource": b}, {"resource": {"resourceType": "Basic", "id": "x"}}, {"resource": c}]}
        self.assertEqual(run(self.server, PATIENTS, ("resource", a), ("resource", bundle)),
                         [{"id": id, "gender": "other"} for id in "abc"])

    def test_e3_stored_views_are_named_by_reference_canonical_and_path(self):
        canonical = "http://example.org/ViewDefinition/genders"
        for version, path in (("1.0.0", "gender"), ("2.0.0", "gender.upper()")):
            stored = {**view("Patient", column("gender", path)), "id": "genders-" + version[0], "url": canonical,
                      "version": version, "name": "genders", "fhirVersion": ["4.0.1"]}
            answer = harness.request("PUT", f"{self.server.base}/ViewDefinition/{stored['id']}",
                                     {"Content-Type": harness.FHIR_JSON}, json.dumps(stored).encode())
            self.assertIn(answer.status, (200, 201), answer)

        def got(path, **query):
            url = f"{self.server.base}/{path}?{urllib.parse.urlencode({'_limit': 1, **query})}"
            answer = harness.request("GET", url)
            self.assertEqual(answer.status, 200, answer)
            return json.loads(answer.body)["gender"]

        lower = got("$sql-run", subjectReference="ViewDefinition/genders-1")
        self.assertEqual(lower, lower.lower())
        self.assertEqual(got("$sql-run", subjectCanonical=canonical + "|1.0.0"), lower)
        self.assertEqual(got("$sql-run", subjectCanonical=canonical), lower.upper())
        self.assertEqual(got("$viewdefinition-run", viewReference="ViewDefinition/genders-2"), lower.upper())
        self.assertEqual(got("ViewDefinition/genders-1/$viewdefinition-run"), lower)
        files, _ = export(self.server, [("subject", [("subjectCanonical", canonical)])])
        self.assertEqual({row["gender"] for row in rows(files["genders"])} - {None, "MALE", "FEMALE", "OTHER",
                                                                              "UNKNOWN"}, set())
        files, _ = export(self.server, [("_format", "csv")], path="ViewDefinition/genders-1/$viewdefinition-export")
        self.assertIn(lower.encode(), b"".join(files["genders"]))
        for query in ({"subjectCanonical": canonical + "|3.0.0"}, {"subjectReference": "ViewDefinition/none"}):
            answer = harness.request("GET", f"{self.server.base}/$sql-run?{urllib.parse.urlencode(query)}")
            self.assertEqual(issue(answer), (404, "not-found", "subject"))
        answer = harness.request("GET", self.server.base + "/$sql-run?subjectReference=Patient/1")
        self.assertEqual(issue(answer), (422, "invalid", "subject"))
        self.assertEqual(issue(post(self.server, "ViewDefinition/genders-1/$viewdefinition-run",
                                    [("viewResource", PATIENTS)]))[:2], (400, "invalid"))

    def test_e3_errors_have_the_status_the_code_and_the_parameter_of_the_guide(self):
        subject = ("subjectResource", PATIENTS)
        sql = {"resourceType": "Library", "status": "active", "type": {"coding": [{"code": "sql-query"}]}}
        cases = [
            ([], (400, "required", "subject")),
            ([subject, ("subjectReference", "ViewDefinition/x")], (400, "invalid", "subject")),
            ([("subjectReference", "ViewDefinition/x")], (404, "not-found", "subject")),
            ([("subjectCanonical", "http://example.org/x|1")], (404, "not-found", "subject")),
            ([("subjectResource", sql)], (400, "not-supported", "subject")),
            ([("subjectResource", {"resourceType": "Patient"})], (422, "invalid", "subject")),
            ([("subjectResource", view("Patient", column("x", "famly")))], (422, "invalid", "subject")),
            ([subject, ("parameters", parameters())], (400, "invalid", "parameters")),
            ([subject, ("context", PATIENTS)], (400, "invalid", "context")),
            ([subject, ("source", "s3://bucket")], (400, "not-supported", "source")),
            ([subject, ("_format", "fhir")], (400, "not-supported", "_format")),
            ([subject, ("_format", "xlsx")], (400, "not-supported", "_format")),
            ([subject, ("header", "perhaps")], (400, "invalid", "header")),
            ([subject, ("_limit", -1)], (400, "invalid", "_limit")),
            ([subject, ("_since", "yesterday")], (400, "invalid", "_since")),
            ([subject, ("patient", "Patient/nobody")], (400, "not-found", "patient")),
            ([subject, ("group", "Group/nobody")], (400, "not-found", "group")),
            ([subject, ("clientTrackingId", "x")], (400, "not-supported", "clientTrackingId")),
            ([subject, ("colour", "red")], (400, "not-supported", "colour")),
        ]
        for entries, expected in cases:
            self.assertEqual(issue(post(self.server, "$sql-run", entries)), expected, entries)
        for name in ("subjectResource", "resource", "parameters", "context"):
            query = urllib.parse.urlencode({"subjectReference": "ViewDefinition/x", name: "{}"})
            answer = harness.request("GET", f"{self.server.base}/$sql-run?{query}")
            self.assertEqual((answer.status, answer.json()["issue"][0]["code"]), (400, "invalid"), name)

    def test_e3_a_row_against_a_rule_is_a_422_that_names_resource_and_column(self):
        two = {"resourceType": "Patient", "id": "two", "name": [{"family": "Smith"}, {"family": "Jones"}]}
        answer = post(self.server, "$sql-run", [("subjectResource", TWO_NAMES), ("resource", two)])
        self.assertEqual(issue(answer)[:2], (422, "invalid"))
        told = answer.json()["issue"][0]["diagnostics"]
        self.assertIn("Patient/two", told)
        self.assertIn("family", told)
        self.assertNotIn("Smith", told)

    def test_e20_e21_an_export_leads_by_303_to_its_tables(self):
        entries = [("subject", [("name", "everyone"), ("subjectResource", stored_view("patient"))]),
                   ("subject", [("subjectResource", stored_view("observation"))]),
                   ("subject", [("name", "none"), ("subjectResource", view("Basic", column("id", "id")))]),
                   ("clientTrackingId", "mine"), ("_format", "ndjson")]
        answer = kick_off(self.server, entries)
        self.assertEqual(answer.status, 202)
        status_url = answer.headers["Content-Location"]
        accepted = values(answer.json())
        self.assertEqual((accepted["status"], accepted["clientTrackingId"], accepted["location"]),
                         ("accepted", "mine", status_url))
        end = ended(status_url)
        self.assertEqual((end.status, end.body), (303, b""))
        manifest = harness.request("GET", end.headers["Location"])
        self.assertEqual((manifest.status, manifest.headers["Content-Type"]), (200, harness.FHIR_JSON))
        self.assertIn("Expires", manifest.headers)
        found = values(manifest.json())
        self.assertEqual((found["exportId"], found["clientTrackingId"], found["status"], found["_format"]),
                         (accepted["exportId"], "mine", "completed", "ndjson"))
        self.assertEqual(found["cancelUrl"], status_url)
        self.assertGreaterEqual(found["exportEndTime"], found["exportStartTime"])
        self.assertEqual(sorted(found["output"]), ["everyone", "none", "observation"])
        for name, own in (("everyone", "patient"), ("observation", "observation")):
            lines = []
            for url in found["output"][name]:
                plain = harness.request("GET", url)
                packed = harness.request("GET", url, {"Accept-Encoding": "gzip"})
                self.assertEqual(plain.headers["Content-Type"], NDJSON)
                self.assertEqual(gzip.decompress(packed.body), plain.body)
                part = harness.request("GET", url, {"Range": "bytes=5-14"})
                self.assertEqual((part.status, part.body), (206, plain.body[5:15]))
                lines += plain.body.splitlines()
            self.assertEqual(sorted(lines), sorted(table(own, self.paths).splitlines()))
        self.assertEqual([harness.request("GET", url).body for url in found["output"]["none"]], [b""])
        self.assertEqual(harness.request("DELETE", found["cancelUrl"]).status, 202)
        for url in (status_url, end.headers["Location"], found["output"]["none"][0]):
            self.assertEqual(harness.request("GET", url).status, 404, url)

    def test_e20_the_former_names_export_too(self):
        for path in ("$viewdefinition-export", "ViewDefinition/$viewdefinition-export"):
            files, found = export(self.server, [("view", [("name", "p"), ("viewResource", PATIENTS)]),
                                                ("_format", "csv")], path=path)
            self.assertEqual(found["_format"], "csv")
            told = list(csv.DictReader(io.StringIO(b"".join(files["p"]).decode())))
            self.assertEqual(sorted(row["id"] for row in told),
                             sorted(row["id"] for row in run(self.server, PATIENTS)))

    @unittest.skipUnless(parquet, "pyarrow is not there")
    def test_e23_an_export_as_parquet_has_the_same_rows(self):
        files, _ = export(self.server, [("subject", [("subjectResource", stored_view("observation"))]),
                                        ("_format", "parquet")])
        columns = ("id", "patient", "code_text", "value_number")
        got = [row for file in files["observation"] for row in parquet.read_table(io.BytesIO(file)).to_pylist()]
        wanted = [json.loads(line, parse_float=str, parse_int=str)
                  for line in table("observation", self.paths).splitlines()]
        self.assertEqual(sorted(json.dumps([row[name] for name in columns]) for row in got),
                         sorted(json.dumps([row[name] for name in columns]) for row in wanted))

    def test_e20_refused_exports_make_no_job(self):
        subject = ("subject", [("subjectResource", PATIENTS)])
        cases = [
            ([], (400, "required", "subject")),
            ([("subject", [("name", "x")])], (400, "invalid", "subject")),
            ([("subject", [("subjectResource", PATIENTS), ("subjectReference", "ViewDefinition/x")])],
             (400, "invalid", "subject")),
            ([subject, subject], (400, "invalid", "subject")),
            ([("subject", [("subjectReference", "ViewDefinition/x")])], (404, "not-found", "subject")),
            ([("subject", [("subjectResource", view("Patient", column("x", "famly")))])],
             (422, "invalid", "subject")),
            ([("subject", [("subjectResource", PATIENTS), ("parameters", parameters())])],
             (400, "invalid", "parameters")),
            ([subject, ("_format", "fhir")], (400, "invalid", "_format")),
            ([subject, ("_limit", 3)], (400, "invalid", "_limit")),
            ([subject, ("resource", PATIENTS)], (400, "not-supported", "resource")),
            ([subject, ("patient", "Patient/nobody")], (400, "not-found", "patient")),
            ([subject, ("group", "Group/nobody")], (400, "not-found", "group")),
        ]
        for entries, expected in cases:
            self.assertEqual(issue(kick_off(self.server, entries)), expected, entries)
        self.assertEqual(issue(post(self.server, "$sql-export", [subject])), (400, "required", None))
        got = harness.request("GET", self.server.base + "/$sql-export", {"Prefer": "respond-async"})
        self.assertEqual(issue(got), (400, "required", None))

    def test_e21_a_failed_job_says_so_where_its_result_would_be(self):
        folder = harness.temporary_folder(self)
        data, source = os.path.join(folder, "data"), os.path.join(folder, "source.ndjson")
        harness.write_lines(source, [{"resourceType": "Patient", "id": "secret",
                                      "name": [{"family": "Smith"}, {"family": "Jones"}]}])
        harness.load(data, source)
        with harness.Server(data) as server:
            answer = kick_off(server, [("subject", [("name", "t"), ("subjectResource", TWO_NAMES)])])
            failed = result(answer.headers["Content-Location"])
            self.assertEqual(issue(failed), (500, "exception", None))
            told = failed.json()["issue"][0]["diagnostics"]
            self.assertIn("family", told)
            for word in ("secret", "Smith"):
                self.assertNotIn(word, told)

    def test_e22_all_tables_are_of_the_moment_of_the_kick_off(self):
        """A write after the kick-off is in none of them, also when the server is killed in between."""
        folder = harness.temporary_folder(self)
        data = os.path.join(folder, "data")
        paths = corpus.large_input(folder, 60)
        harness.load(data, *paths)
        names = ("patient", "observation", "encounter")
        entries = [("subject", [("name", name), ("subjectResource", stored_view(name))]) for name in names]
        options = ("--export-workers", 1, "--poll-burst", 100_000)
        with harness.Server(data, *options) as server:
            for _ in range(20):
                status_url = kick_off(server, entries).headers["Content-Location"]
                for type, more in (("Patient", {}),
                                   ("Observation", {"status": "final", "code": {"text": "x"}})):
                    body = json.dumps({"resourceType": type, "id": "late", **more}).encode()
                    put = harness.request("PUT", f"{server.base}/{type}/late",
                                          {"Content-Type": harness.FHIR_JSON}, body)
                    self.assertIn(put.status, (200, 201), put)
                if harness.request("GET", status_url).status == 202:
                    break
                # It had ended too soon; a job is only of use here that has the state of the files.
                for type in ("Patient", "Observation"):
                    harness.request("DELETE", f"{server.base}/{type}/late")
            else:
                self.fail("no kill could hit a running export")
            server.kill()
        with harness.Server(data, *options) as server:
            end = ended(moved(status_url, server))
            self.assertEqual(end.status, 303, end)
            manifest = harness.request("GET", moved(end.headers["Location"], server))
            self.assertEqual(manifest.status, 200, manifest)
            output = values(manifest.json())["output"]
            for name in names:
                lines = [line for url in output[name]
                         for line in harness.request("GET", moved(url, server)).body.splitlines()]
                self.assertEqual(sorted(lines), sorted(table(name, paths).splitlines()), name)

    def test_e24_the_capability_statement_names_the_operations(self):
        statement = harness.request("GET", self.server.base + "/metadata").json()
        operations = {each["name"]: each["definition"] for each in statement["rest"][0]["operation"]}
        for name, guide in (("sql-run", "SQLRun"), ("sql-export", "SQLExport")):
            definition = harness.request("GET", operations["$" + name]).json()
            self.assertEqual(definition["base"],
                             "http://hl7.org/fhir/uv/sql-on-fhir/OperationDefinition/" + guide)
            self.assertEqual((definition["code"], definition["system"], definition["type"]), (name, True, False))


class ScopedSqlOperations(ScopedCase):
    def test_a06_tables_have_what_the_scopes_cover(self):
        headers = self.token_of(f"system/Observation.rs?category={LAB} system/Patient.rs?gender=female")
        self.assertEqual(sorted(row["id"] for row in run(self.server, OBSERVATIONS, headers=headers)),
                         ["second", "seen"])
        self.assertEqual([row["id"] for row in run(self.server, PATIENTS, headers=headers)], ["p"])
        files, found = export(self.server, [("subject", [("subjectResource", OBSERVATIONS)]),
                                            ("subject", [("subjectResource", PATIENTS)])], headers)
        self.assertEqual(sorted(row["id"] for row in rows(files["observations"])), ["second", "seen"])
        self.assertEqual([row["id"] for row in rows(files["patients"])], ["p"])
        # A patient who is hidden is nobody.
        for answer in (post(self.server, "$sql-run",
                            [("subjectResource", OBSERVATIONS), ("patient", "Patient/q")], headers),
                       kick_off(self.server, [("subject", [("subjectResource", OBSERVATIONS)]),
                                              ("patient", "Patient/q")], headers)):
            self.assertEqual(issue(answer), (400, "not-found", "patient"))
        # And neither is a type that no scope covers a table.
        conditions = view("Condition", column("id", "id"))
        for answer in (post(self.server, "$sql-run", [("subjectResource", conditions)], headers),
                       kick_off(self.server, [("subject", [("subjectResource", conditions)])], headers)):
            self.assertEqual((answer.status, answer.json()["issue"][0]["code"]), (403, "forbidden"))
        # The files are the client's own, and so is the job.
        other = smart.Client(self.folder, self.data, "other", scope="system/*.rs").headers(self.server)
        for url in (found["location"], found["location"] + "/result", found["output"]["patients"][0]):
            self.assertEqual(harness.request("GET", url, other).status, 404, url)
            self.assertEqual(harness.request("GET", url).status, 401, url)
        # A token that covers less than the job does not get it.
        less = self.token_of("system/Patient.rs")
        self.assertEqual(harness.request("GET", found["location"], less).status, 403)

    def test_a09_a_client_of_a_group_gets_tables_of_its_group_only(self):
        client = smart.Client(self.folder, self.data, "grouped", options=("--group", "other"))
        headers = client.headers(self.server)
        group = ("group", "Group/other")
        self.assertEqual([row["id"] for row in run(self.server, PATIENTS, group, headers=headers)], ["p"])
        files, _ = export(self.server, [("subject", [("subjectResource", OBSERVATIONS)]), group], headers)
        self.assertEqual(sorted(row["id"] for row in rows(files["observations"])), ["hidden", "seen"])
        for more in ([], [("group", "Group/g")], [group, ("group", "Group/g")]):
            self.assertEqual(post(self.server, "$sql-run", [("subjectResource", PATIENTS), *more],
                                  headers).status, 403, more)
        self.assertEqual(issue(post(self.server, "$sql-run",
                                    [("subjectResource", PATIENTS), group, ("patient", "Patient/q")], headers)),
                         (400, "not-found", "patient"))

    def test_com11_groups_add_up_and_patients_narrow_them(self):
        of_all = run(self.server, PATIENTS, ("group", "Group/g"), ("group", "Group/other"),
                     headers=self.everything)
        self.assertEqual(sorted(row["id"] for row in of_all), ["p", "q"])
        one = run(self.server, PATIENTS, ("group", "Group/g"), ("patient", "Patient/q"),
                  headers=self.everything)
        self.assertEqual([row["id"] for row in one], ["q"])


if __name__ == "__main__":
    unittest.main()

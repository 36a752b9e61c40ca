"""What is refused, with exactly which status and with an OperationOutcome that names the offending
value: K-01, K-03, K-05, P-01 to P-12, S-05, F-03, and "nothing is silently ignored"."""
import json
import os
import time
import unittest

import corpus
import harness

FORM = "application/x-www-form-urlencoded"
FHIR = "application/fhir+json"


def body(*entries):
    return json.dumps({"resourceType": "Parameters", "parameter": list(entries)})


# query of GET [base]/$export, words the answer names; each is 400.
SYSTEM_QUERIES = [
    ("_outputFormat=text/csv", "_outputFormat", "text/csv"),
    ("_outputFormat=application/fhir%2Bxml", "application/fhir+xml"),
    ("_outputFormat=", "_outputFormat"),
    ("_outputFormat=ndjson&_outputFormat=ndjson", "_outputFormat"),
    ("_since=yesterday", "_since", "yesterday"),
    ("_since=2024-13-01", "_since", "2024-13-01"),
    ("_since=2024-02-30", "_since", "2024-02-30"),
    ("_since=2024-01-01T25:00:00Z", "_since", "2024-01-01T25:00:00Z"),
    ("_since=2024-01-01T10:00:00%2B99:99", "_since", "+99:99"),
    ("_since=20240101", "_since", "20240101"),
    ("_since=", "_since"),
    ("_since=2024-01-01&_since=2024-01-02", "_since"),
    ("_until=soon", "_until", "soon"),
    ("_until=2024-01-01&_until=2024-01-01", "_until"),
    ("_type=Nonsense", "_type", "Nonsense"),
    ("_type=patient", "_type", "patient"),
    ("_type=Patient,Nonsense", "Nonsense"),
    ("_type=Patient&_type=Nonsense", "Nonsense"),
    ("_type=", "_type"),
    ("_type=Patient,,Observation", "_type"),
    ("_type=*", "_type", "*"),
    ("_type=DomainResource", "DomainResource"),
    ("_typeFilter=Patient?nosuch=male", "_typeFilter", "nosuch"),
    ("_typeFilter=Patient?gender:above=male", "_typeFilter", "above"),
    ("_typeFilter=Patient?birthdate=yesterday", "_typeFilter", "yesterday"),
    ("_typeFilter=Patient?_count=1", "_typeFilter", "_count"),
    ("_typeFilter=Nonsense?gender=male", "_typeFilter", "Nonsense"),
    ("_typeFilter=gender%3Dmale", "_typeFilter"),
    ("_typeFilter=Patient?", "_typeFilter"),
    ("_type=Device&_typeFilter=Patient?gender=male", "_typeFilter", "Patient"),
    ("includeAssociatedData=_mine", "includeAssociatedData", "_mine"),
    ("organizeOutputBy=Nonsense", "organizeOutputBy", "Nonsense"),
    ("allowPartialManifests=yes", "allowPartialManifests", "yes"),
    ("whatever=1", "whatever"),
    ("_Type=Patient", "_Type"),
    ("_count=10", "_count"),
    ("patient=Patient/1", "patient"),
    ("_elements=Patient.nosuch", "Patient.nosuch"),
    ("_elements=nosuchelement", "nosuchelement"),
    ("_elements=Patient.name.family", "Patient.name.family"),
    ("_elements=Nonsense.id", "Nonsense.id"),
    ("_elements=id,nosuchelement", "nosuchelement"),
    ("_elements=", "_elements"),
    ("_minimumFileSize=abc", "_minimumFileSize", "abc"),
    ("_minimumFileSize=-1", "_minimumFileSize", "-1"),
    ("_maximumFileSize=0", "_maximumFileSize", "0"),
    ("_maximumFileSize=1.5", "_maximumFileSize", "1.5"),
    ("_maximumFileSize=1&_maximumFileSize=2", "_maximumFileSize"),
    ("_maximumFileSize=99999999999999999999999", "99999999999999999999999"),
    ("_minimumFileSize=200&_maximumFileSize=100", "200", "100"),
    ("_type=%zz", "%"),
    ("_type=%0", "%"),
    ("_type=Pa%00tient",),
]

# path, query, words; each is 400.
PATIENT_QUERIES = [
    ("Patient/$export", "_type=Practitioner", "Practitioner"),
    ("Group/plain/$export", "_type=Practitioner,Organization", "Organization"),
    ("Patient/$export", "patient=Patient/does-not-exist", "does-not-exist"),
    ("Patient/$export", "patient=Observation/1", "Observation/1"),
    ("Patient/$export", "patient=", "patient"),
    ("Patient/$export", "patient=Patient/bad_id", "bad_id"),
    ("Group/cycle-a/$export", "patient=Patient/{member}", "cycle-"),
    ("Group/plain/$export", "patient=Patient/{stranger}", "{stranger}"),
    ("Group/plain/$export", "patient=Patient/{member},Patient/nobody", "nobody"),
    ("Group/plain/$export", "nonsense=1", "nonsense"),
]

# body of POST [base]/$export as JSON, words; each is 400.
BODIES = [
    ("{",),
    ("nonsense",),
    ("[]",),
    ('{"resourceType":"Patient"}', "Patient"),
    ('{"resourceType":"Parameters","parameter":{}}', "parameter"),
    ('{"resourceType":"Parameters","parameter":[1]}', "parameter"),
    (body({"name": "_type", "valueString": "Patient"}) + "x",),
    (body({"valueString": "Patient"}), "name"),
    (body({"name": "_type"}), "_type"),
    (body({"name": "_type", "valueString": "Patient", "valueCode": "Patient"}), "_type"),
    (body({"name": "_type", "part": []}), "_type"),
    (body({"name": "_type", "resource": {"resourceType": "Patient"}}), "_type"),
    (body({"name": "_type", "valueInteger": 7}), "_type"),
    (body({"name": "_type", "valueString": ""}), "_type"),
    (body({"name": "_type", "valueAddress": {}}), "_type"),
    (body({"name": "_since", "valueBoolean": True}), "_since"),
    (body({"name": "_since", "valueInstant": "never"}), "_since", "never"),
    (body({"name": "_outputFormat", "valueString": "ndjson"},
          {"name": "_outputFormat", "valueString": "ndjson"}), "_outputFormat"),
    (body({"name": "unheard-of", "valueString": "x"}), "unheard-of"),
    (body({"name": "_typeFilter", "valueString": "Patient?nosuch=male"}), "_typeFilter"),
    (body({"name": "_maximumFileSize", "valueString": "many"}), "_maximumFileSize", "many"),
    (body({"name": "patient", "valueReference": {"reference": "Patient/1"}}), "patient"),
    ('{"resourceType":"Parameters","a":' + "[" * 2000 + "]" * 2000 + "}",),
]


class Malformed(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = harness.temporary_folder(cls)
        cls.corpus = corpus.add_hand_made(corpus.base_corpus(folder, corpus.SMALL_TYPES, 30))
        data = os.path.join(folder, "data")
        harness.load(data, *cls.corpus.paths)
        cls.server = harness.start_server(cls, data, "--max-body-size", 1_000_000)
        cls.names = {"member": cls.corpus.patients[0], "stranger": cls.corpus.patients[15]}

    def tearDown(self):
        # Whatever was asked, the server goes on and no job came of it.
        self.assertEqual(harness.request("GET", self.server.root + "/healthz").status, 200)

    def fill(self, text):
        for name, value in self.names.items():
            text = text.replace("{" + name + "}", value)
        return text

    def test_k05_queries_of_the_system_export(self):
        for query, *words in SYSTEM_QUERIES:
            with self.subTest(query=query):
                self.assert_outcome(self.server.get("$export", query), 400, *words)

    def test_k05_queries_of_patient_and_group_exports(self):
        for path, query, *words in PATIENT_QUERIES:
            with self.subTest(path=path, query=query):
                answer = self.server.get(path, self.fill(query))
                self.assert_outcome(answer, 400, *map(self.fill, words))

    def test_g01_groups_that_contain_each_other_are_an_error(self):
        """Found at the kick-off or by the job, but never an export of something and never a hang."""
        answer = self.server.get("Group/cycle-a/$export")
        if answer.status == 202:
            answer = self.failure(answer.headers["Content-Location"])
            self.assert_outcome(answer, 500, "cycle-", severity="fatal")
        else:
            self.assert_outcome(answer, 400, "cycle-")

    def failure(self, status_url):
        for _ in range(1200):
            answer = harness.request("GET", status_url)
            if answer.status not in (202, 429):
                return answer
            time.sleep(0.1)
        self.fail("the job does not end")

    def test_k05_bodies(self):
        for text, *words in BODIES:
            with self.subTest(body=text[:100]):
                self.assert_outcome(self.server.post("$export", text), 400, *words)

    def test_k05_a_body_that_is_not_utf_8(self):
        answer = self.server.post("$export", body({"name": "x"}).encode().replace(b"x", b"\xff"))
        self.assert_outcome(answer, 400)

    def test_k05_forms(self):
        for form, *words in (("_type=Nonsense", "Nonsense"), ("_type=%zz", "%"), ("foo=1", "foo"),
                             ("_since=never", "never")):
            with self.subTest(form=form):
                self.assert_outcome(self.server.post("$export", form, FORM), 400, *words)

    def test_lenient_handling_does_not_excuse_what_cannot_be_skipped(self):
        lenient = {"Prefer": "respond-async, handling=lenient"}
        for path, query, *words in (("$export", "_since=never", "never"),
                                    ("$export", "_type=Nonsense", "Nonsense"),
                                    ("$export", "_elements=nosuchelement", "nosuchelement"),
                                    ("Patient/$export", "patient=Patient/nobody", "nobody"),
                                    ("$export", "_maximumFileSize=x", "x")):
            with self.subTest(query=query):
                self.assert_outcome(self.server.get(path, query, lenient), 400, *words)

    def test_strict_handling_is_the_default_and_other_handling_is_refused(self):
        answer = self.server.get("$export", "foo=1", {"Prefer": "handling=strict"})
        self.assert_outcome(answer, 400, "foo")
        answer = self.server.get("$export", "", {"Prefer": "handling=loose"})
        self.assert_outcome(answer, 400, "loose")

    def test_k03_headers(self):
        for accept in ("text/html", "application/xml", "application/fhir+xml", "image/png, text/*"):
            with self.subTest(accept=accept):
                answer = self.server.get("$export", "", {"Accept": accept})
                self.assert_outcome(answer, 406, accept.split(",")[0])
        for content_type in ("text/plain", "application/fhir+xml", "multipart/form-data"):
            with self.subTest(content_type=content_type):
                self.assert_outcome(self.server.post("$export", body(), content_type), 415,
                                    content_type)

    def test_k05_places_that_do_not_exist(self):
        for method, path, *words in (
                ("GET", "Group/does-not-exist/$export", "does-not-exist"),
                ("POST", "Group/does-not-exist/$export", "does-not-exist"),
                ("GET", "Group/bad_id/$export", "bad_id"), ("GET", "Group/" + "x" * 65 + "/$export"),
                ("GET", "Group//$export"), ("GET", "Group/$export"), ("GET", "$exports"),
                ("GET", "Observation/$export"), ("GET", "Patient/1/$export"), ("GET", "nowhere"),
                ("GET", "OperationDefinition/nonsense", "nonsense"),
                ("GET", "jobs/" + "0" * 32, "0" * 32), ("DELETE", "jobs/" + "0" * 32, "0" * 32),
                ("GET", "jobs/not-a-job", "not-a-job"), ("GET", "jobs/..%2f..%2fstore"),
                ("GET", "jobs/" + "0" * 32 + "/files/x")):
            with self.subTest(method=method, path=path):
                answer = harness.request(method, f"{self.server.base}/{path}")
                self.assert_outcome(answer, 404, *words)

    def test_k05_methods_that_do_not_fit_say_which_do(self):
        status_url = self.server.kick_off("$export", {"_type": "Device"})
        file_url = harness.wait(status_url).manifest["output"][0]["url"]
        kick_off = self.server.base + "/$export"
        for method, url, allowed in (
                ("PUT", kick_off, ("GET", "POST")), ("DELETE", kick_off, ("GET", "POST")),
                ("PATCH", kick_off, ("GET", "POST")), ("POST", status_url, ("GET", "DELETE")),
                ("PUT", status_url, ("GET", "DELETE")), ("DELETE", file_url, ("GET",)),
                ("POST", file_url, ("GET",)), ("POST", self.server.base + "/metadata", ("GET",)),
                ("GET", self.server.base + "/", ("POST",))):
            with self.subTest(method=method, url=url):
                answer = harness.request(method, url, body=b"")
                self.assert_outcome(answer, 405)
                for name in allowed:
                    self.assertIn(name, answer.headers["Allow"])
        self.assertEqual(harness.request("HEAD", kick_off).status, 405)

    def test_f03_ranges_that_cannot_be_served(self):
        export = self.server.export("$export", {"_type": "Device"})
        item = export.manifest["output"][0]
        size = item["fileSize"]
        for value in (f"bytes={size}-", f"bytes={size + 10}-{size + 20}", "bytes=-0"):
            with self.subTest(range=value):
                answer = harness.request("GET", item["url"], {"Range": value})
                self.assert_outcome(answer, 416, value)
                self.assertEqual(answer.headers["Content-Range"], f"bytes */{size}")
        # Not understood, or several: the whole file (RFC 9110 14.2).
        for value in ("bytes=a-b", "lines=1-2", "bytes=5-2", "bytes=0-1,4-5", "bytes", "bytes=--1"):
            with self.subTest(range=value):
                answer = harness.request("GET", item["url"], {"Range": value})
                self.assertEqual((answer.status, len(answer.body)), (200, size), value)
        answer = harness.request("GET", item["url"], {"If-Match": '"other"'})
        self.assertEqual(answer.status, 412, answer)

    def test_files_outside_the_job_cannot_be_reached(self):
        url = self.server.export("$export", {"_type": "Device"}).manifest["output"][0]["url"]
        folder = url.rsplit("/", 1)[0]
        for name, status in (("..%2f..%2fstore%2fCURRENT", 404), ("..", 400), ("%2e%2e", 400),
                             ("a%00b", 400), ("_references-0-00000", 404),
                             (url.rsplit("/", 1)[1] + ".idx", 404), ("x" * 200, 404),
                             (".hidden", 404)):
            with self.subTest(name=name):
                self.assert_outcome(harness.request("GET", f"{folder}/{name}"), status)

    def test_k05_a_body_over_the_limit(self):
        answer = self.server.post("$export", " " * 999_000 + body())
        self.assertEqual(answer.status, 202, answer)
        received = harness.raw_exchange(self.server.base, (
            b"POST /fhir/$export HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/fhir+json\r\n"
            b"Content-Length: 1000001\r\n\r\n{"))
        self.assertRegex(received, rb"^HTTP/1.1 413 ")
        self.assertIn(b"OperationOutcome", received)

    def test_k05_what_is_not_http(self):
        for name, data, status in (
                ("noise", b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
                ("no version", b"GET /fhir/$export\r\n\r\n", 400),
                ("no host", b"GET /fhir/$export HTTP/1.1\r\n\r\n", 400),
                ("two lengths", b"POST /fhir/$export HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
                                b"Content-Length: 2\r\n\r\n{}", 400),
                ("length and chunks", b"POST /fhir/$export HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
                                      b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                ("bad chunk", b"POST /fhir/$export HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                              b"application/fhir+json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
                ("header too large", b"GET /fhir/metadata HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 40_000 +
                                     b"\r\n\r\n", 431),
                ("unknown method", b"BREW /fhir/metadata HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
                ("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)):
            with self.subTest(what=name):
                received = harness.raw_exchange(self.server.base, data)
                self.assertRegex(received, rb"^HTTP/1.1 %d " % status)
                self.assertIn(b"OperationOutcome", received)

    def test_a_wrong_kick_off_leaves_no_job(self):
        before = harness.request("GET", self.server.root + "/metrics").body
        self.server.get("$export", "_type=Nonsense")
        self.server.get("Group/none/$export")
        after = harness.request("GET", self.server.root + "/metrics").body

        def submitted(text):
            return [l for l in text.split(b"\n") if l.startswith(b'sluice_jobs_total{event="submitted"}')]
        self.assertEqual(submitted(before), submitted(after))
        self.assertEqual(len(submitted(after)), 1)


class Required(harness.TestCase):
    def test_k03_respond_async_can_be_required(self):
        folder = harness.temporary_folder(self)
        server = harness.start_server(self, os.path.join(folder, "data"), "--require-respond-async")
        self.assert_outcome(server.get("$export"), 400, "respond-async")
        self.assertEqual(server.get("$export", "", {"Prefer": "respond-async"}).status, 202)


if __name__ == "__main__":
    unittest.main()

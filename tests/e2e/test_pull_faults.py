"""`sluice pull` and servers as they are in the field: kick-off, polls, manifests; dialects, oddities and
failures, scripted one by one (L-01, L-05, L-08, L-09)."""
import email.utils
import json
import os
import pty
import subprocess
import threading
import time
import unittest

import harness
from imposter import Answer, BulkImposter, Imposter, file_answer, outcome, resources
from test_pull import pull, pulled, requests_of


def parameters_of(request):
    """{name: [values]} of a kick-off by POST."""
    found = {}
    for parameter in json.loads(request.body).get("parameter", []):
        value = next(v for k, v in parameter.items() if k.startswith("value"))
        found.setdefault(parameter["name"], []).append(value)
    return found


def finished(folder):
    return sorted(name for name in os.listdir(folder)
                  if name.endswith((".ndjson", ".ndjson.gz")) and name != "log.ndjson")


class Faults(harness.TestCase):
    def setUp(self):
        self.server = BulkImposter(self)
        self.patients = resources("Patient", 30)
        self.output = [self.server.add_output("Patient", "p1", self.patients)]
        self.server.finish(self.output)

    def out(self):
        return os.path.join(harness.temporary_folder(self), "out")

    def pull(self, *options, code=0):
        """Pulls from the imposter; folder and finished process."""
        out = self.out()
        return out, pull(self.server.base, "--out", out, *options, code=code)

    def assert_patients(self, out, name="Patient.00001.ndjson"):
        self.assertEqual(pulled(out)[name], self.patients)


class KickOff(Faults):
    def test_l04_what_no_server_took_may_be_asked_for_otherwise(self):
        out = self.out()
        self.server.on("POST", "/fhir/$export", Answer(403, outcome("no such type", "forbidden")), self.server.accepted())
        pull(self.server.base, "--type", "Bogus", "--out", out, code=4)
        pull(self.server.base, "--type", "Patient", "--out", out)
        self.assert_patients(out)
        self.assertIn("other parameters", pull(self.server.base, "--out", out, code=2).err)

    def test_l01_get_when_post_is_refused(self):
        for status in (404, 405, 415, 501):
            with self.subTest(status=status):
                self.server.on("POST", "/fhir/$export", Answer(status, outcome("no POST here")))
                self.server.on("GET", "/fhir/$export", self.server.accepted())
                out, _ = self.pull("--type", "Patient,Observation", "--type-filter", "Observation?status=final",
                                   "--type-filter", "Patient?active=true")
                self.assert_patients(out)
                asked = self.server.sent("GET", "/fhir/$export")[-1].query
                self.assertEqual(asked["_type"], ["Patient,Observation"])
                self.assertEqual(asked["_typeFilter"], ["Observation?status=final", "Patient?active=true"])

    def test_l09_type_is_never_repeated(self):
        def only_once(request):
            if len(parameters_of(request)["_type"]) > 1:
                return Answer(400, outcome("_type is repeated"))
            return self.server.accepted()

        self.server.on("POST", "/fhir/$export", only_once)
        out, _ = self.pull("--type", "Patient", "--type", "Observation")
        self.assert_patients(out)

    def test_l09_redirects_keep_method_and_body(self):
        for status in (301, 302, 307, 308):
            with self.subTest(status=status):
                self.server.on("POST", "/fhir/$export", Answer(status, b"", {"Location": "/moved/$export"}))
                self.server.on("POST", "/moved/$export", self.server.accepted())
                out, _ = self.pull("--type", "Patient")
                self.assert_patients(out)
                moved = self.server.sent("POST", "/moved/$export")[-1]
                self.assertEqual(parameters_of(moved), {"_type": ["Patient"]})
                self.assertIn("respond-async", moved.headers["Prefer"])

    def test_l09_known_servers_are_told_by_their_metadata(self):
        for description, joined in (("Epic", True), ("Cerner Millennium", True), ("HAPI FHIR Server", None),
                                    ("Beneficiary Claims Data API", True)):
            with self.subTest(server=description):
                server = BulkImposter(self, description)
                server.finish([])
                server.on("GET", "/fhir/$export", server.accepted())
                server.on("GET", "/status", Answer(200, server.manifest([])))
                pull(server.base, "--out", self.out(), "--type-filter", "Patient?active=true", "--type-filter",
                     "Patient?gender=male", "--poll-max", "1")
                if joined:
                    asked = server.sent("GET", "/fhir/$export")[0].query["_typeFilter"]
                    self.assertEqual(asked, ["Patient?active=true,Patient?gender=male"])
                    self.assertEqual(server.sent("POST"), [])
                else:
                    self.assertEqual(len(server.sent("POST", "/fhir/$export")), 1)

    def test_l09_one_job_at_a_time_is_waited_for(self):
        busy = Answer(429, outcome("another export of yours is running", "throttled"), {"Retry-After": "1"})
        self.server.on("POST", "/fhir/$export", busy, busy, self.server.accepted())
        out, done = self.pull()
        self.assert_patients(out)
        self.assertIn("another export of yours is running", done.err)
        times = [r.time for r in self.server.sent("POST", "/fhir/$export")]
        self.assertEqual(len(times), 3)
        for before, after in zip(times, times[1:]):
            self.assertGreaterEqual(after - before, 0.99)

    def test_l01_separate_export_status_is_understood(self):
        header = {"Content-Type": "application/json"}
        self.server.on("GET", "/status", Answer(200, b"", {"X-Export-Status": "202", "Retry-After": "0"}),
                       Answer(200, self.server.manifest(self.output), {"X-Export-Status": "200", **header}))
        out, _ = self.pull("--separate-export-status")
        self.assert_patients(out)
        self.assertIn("separate-export-status", self.server.sent("POST", "/fhir/$export")[0].headers["Prefer"])
        self.server.on("GET", "/status", Answer(200, outcome("the disk is full"), {"X-Export-Status": "500"}))
        _, done = self.pull("--separate-export-status", code=5)
        self.assertIn("the disk is full", done.err)


class Polling(Faults):
    def test_l01_retry_after_in_every_form(self):
        # An hour ahead of us: its dates mean the time between them (L-12).
        dates = {"Date": email.utils.formatdate(time.time() + 3600, usegmt=True),
                 "Retry-After": email.utils.formatdate(time.time() + 3603, usegmt=True)}
        self.server.on("GET", "/status", Answer(202, b"", {"Retry-After": "1.5"}), Answer(202, b"", dates),
                       Answer(200, self.server.manifest(self.output)))
        out, _ = self.pull()
        self.assert_patients(out)
        times = [r.time for r in self.server.sent("GET", "/status")]
        self.assertGreaterEqual(times[1] - times[0], 1.49)
        self.assertGreaterEqual(times[2] - times[1], 2.99)

    def test_l12_no_answer_makes_us_ask_without_a_pause(self):
        past = email.utils.formatdate(time.time() - 100, usegmt=True)
        for values in (("0", "-5", past), ("", "soon", "Mon, 99 Nonsense 2026")):
            with self.subTest(values=values):
                before = len(self.server.sent("GET", "/status"))
                self.server.on("GET", "/status", *[Answer(202, b"", {"Retry-After": value}) for value in values],
                               Answer(200, self.server.manifest(self.output)))
                out, _ = self.pull("--poll-max", "2")
                self.assert_patients(out)
                times = [r.time for r in self.server.sent("GET", "/status")[before:]]
                gaps = [after - earlier for earlier, after in zip(times, times[1:])]
                self.assertEqual(len(gaps), 3)
                self.assertGreaterEqual(min(gaps), 0.99)

    def test_l12_nor_do_refusals_of_the_kick_off_and_of_files(self):
        busy = Answer(429, outcome("slower", "throttled"), {"Retry-After": "0"})
        self.server.on("POST", "/fhir/$export", busy, busy, self.server.accepted())
        self.server.on("GET", "/p1", busy, busy, Answer(200, self.patients))
        out, _ = self.pull("--poll-max", "1")
        self.assert_patients(out)
        for method, path in (("POST", "/fhir/$export"), ("GET", "/p1")):
            times = [r.time for r in self.server.sent(method, path)]
            self.assertEqual(len(times), 3)
            self.assertGreaterEqual(min(b - a for a, b in zip(times, times[1:])), 0.99)

    def test_l12_the_first_looks_come_sooner_than_a_long_retry_after(self):
        waiting = Answer(202, b"", {"Retry-After": "120"})
        self.server.on("GET", "/status", waiting, waiting, Answer(200, self.server.manifest(self.output)))
        out, _ = self.pull("--timeout", "60")
        self.assert_patients(out)
        times = [r.time for r in self.server.sent("GET", "/status")]
        self.assertGreaterEqual(times[1] - times[0], 1.9)
        self.assertGreaterEqual(times[2] - times[0], 4.9)

    def test_l12_but_not_where_the_server_counts_our_looks(self):
        self.server.on("GET", "/status", Answer(429, b"", {"Retry-After": "1"}),
                       Answer(202, b"", {"Retry-After": "4"}), Answer(200, self.server.manifest(self.output)))
        out, _ = self.pull()
        self.assert_patients(out)
        times = [r.time for r in self.server.sent("GET", "/status")]
        self.assertGreaterEqual(times[2] - times[1], 3.99)

    def test_l01_a_long_retry_after_is_cut_to_the_cap(self):
        self.server.on("GET", "/status", Answer(202, b"", {"Retry-After": "86400"}),
                       Answer(200, self.server.manifest(self.output)))
        out, _ = self.pull("--poll-max", "1")
        self.assert_patients(out)

    def test_l01_failures_that_pass(self):
        self.server.on("GET", "/status", Answer(503, b"<html>", {"Retry-After": "0"}),
                       Answer(429, outcome("slower", "throttled"), {"Retry-After": "0"}), Answer(502), Answer(504),
                       Answer(500, outcome("try again", "transient"), {"Retry-After": "0"}),
                       Answer(202, b"", {"Retry-After": "0"}),
                       Answer(200, self.server.manifest(self.output)))
        out, done = self.pull("--poll-max", "1")
        self.assert_patients(out)
        self.assertIn("try again", done.err)

    def test_l08_a_failed_job_is_5_with_the_servers_words(self):
        self.server.on("GET", "/status", Answer(500, outcome("table PATIENT is locked")))
        _, done = self.pull(code=5)
        self.assertIn("table PATIENT is locked", done.err)

    def test_l08_a_manifest_that_is_none_is_5(self):
        for body in (b"<html>", b"{}", b'{"output": 1}', b""):
            with self.subTest(body=body):
                self.server.on("GET", "/status", Answer(200, body))
                _, done = self.pull(code=5)
                self.assertIn("manifest", done.err)

    def test_l08_a_time_limit_is_6_and_the_next_run_goes_on_with_the_same_job(self):
        self.server.on("GET", "/status", Answer(202, b"", {"Retry-After": "30"}))
        out = self.out()
        done = pull(self.server.base, "--out", out, "--timeout", "3", code=6)
        self.assertIn("--timeout", done.err)
        self.server.finish(self.output)
        pull(self.server.base, "--out", out, "--timeout", "30")
        self.assert_patients(out)
        self.assertEqual(len(self.server.sent("POST", "/fhir/$export")), 1)

    def test_l01_a_job_that_the_server_forgot_is_started_anew_once(self):
        self.server.on("GET", "/status", Answer(202, b"", {"Retry-After": "0"}), Answer(404, outcome("what job?")),
                       Answer(200, self.server.manifest(self.output)))
        out, _ = self.pull()
        self.assert_patients(out)
        self.assertEqual(len(self.server.sent("POST", "/fhir/$export")), 2)
        self.server.on("GET", "/status", Answer(404, outcome("what job?")))
        self.pull(code=5)
        self.assertEqual(len(self.server.sent("POST", "/fhir/$export")), 4)


class Display(Faults):
    def setUp(self):
        super().setUp()
        looks = [0]

        def status(_):
            looks[0] += 1
            if looks[0] < 3:
                return Answer(202, b"", {"Retry-After": "0.5", "X-Progress": f"{looks[0]} of 4"})
            return Answer(200, self.server.manifest(self.output))

        self.server.on("GET", "/status", status)

    def test_l08_a_live_picture_on_a_terminal(self):
        near, far = pty.openpty()
        process = subprocess.Popen([harness.BINARY, "pull", self.server.base, "--out", self.out()], stdin=far,
                                   stdout=far, stderr=far, env={**os.environ, "TERM": "xterm"})
        os.close(far)
        shown = b""
        try:
            while chunk := os.read(near, 4096):
                shown += chunk
        except OSError:
            pass  # the other end is closed
        os.close(near)
        self.assertEqual(process.wait(60), 0, shown)
        self.assertRegex(shown, rb"waiting for the server: \d of 4\r\n\x1b\[1A\x1b\[J")
        self.assertIn(b"total", shown)

    def test_l08_no_escapes_in_a_pipe(self):
        out, done = self.pull()
        self.assertNotIn("\x1b", done.out + done.err)
        self.assertRegex(done.out, r"(?m)^Patient +1 +30 ")
        first, *others = done.err.splitlines()
        self.assertEqual(first, f"the server took the export: {self.server.status_url}")
        # One for each five seconds that it takes.
        self.assertEqual([each for each in others if not each.startswith("waiting for the server")], [])


class Manifests(Faults):
    def dialects(self):
        """One export as each release of the standard writes it."""
        file = dict(self.output[0])
        bare = {"type": "Patient", "url": file["url"]}
        common = {"transactionTime": "2026-01-02T03:04:05Z", "request": "x", "requiresAccessToken": False}
        return {
            "STU1": {**common, "output": [bare], "error": []},
            "STU2": {**common, "output": [file], "deleted": [], "error": [], "extension": {"https://x": {"a": [1]}}},
            "STU3": {**common, "outputOrganizedBy": "", "output": [file], "deleted": [], "error": [], "link": []},
            "STU4": {"manifestType": "http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest",
                     **common, "outputFormat": "application/fhir+ndjson", "output": [{**file, "fileSize": len(
                         self.patients)}], "deleted": [], "error": [], "outcome": [], "link": []},
            "a string for a boolean": {**common, "requiresAccessToken": "false", "output": [bare]},
        }

    def test_l05_every_dialect_of_manifests(self):
        for name, manifest in self.dialects().items():
            with self.subTest(dialect=name):
                self.server.on("GET", "/status", Answer(200, manifest))
                out, done = self.pull()
                self.assert_patients(out)
                self.assertIn("as of 2026-01-02T03:04:05Z", done.out)

    def test_l05_relative_urls_and_other_hosts(self):
        other = Imposter(self)
        observations = resources("Observation", 7)
        other.on("GET", "/bucket/o", lambda request: file_answer(request, observations))
        self.server.finish([{"type": "Patient", "url": "/p1"},
                            {"type": "Observation", "url": other.root + "/bucket/o?signature=s%2Fx", "count": 7}])
        out, _ = self.pull()
        self.assert_patients(out)
        self.assertEqual(pulled(out)["Observation.00001.ndjson"], observations)
        self.assertEqual(other.sent()[0].query, {"signature": ["s/x"]})
        self.assertNotIn("signature", " ".join(request["url"] for request in requests_of(out)))

    def test_l05_next_links_are_followed(self):
        pages = []
        for number in range(3):
            file = self.server.add_output("Patient", f"page{number}", resources("Patient", 5, 5 * number))
            link = [{"relation": "next", "url": f"/status?page={number + 1}"}] if number < 2 else []
            pages.append(Answer(200, self.server.manifest([file], link=link)))
        self.server.on("GET", "/status", lambda r: pages[int(r.query.get("page", ["0"])[0])])
        out, _ = self.pull()
        self.assertEqual(b"".join(pulled(out).values()), resources("Patient", 15))
        self.server.on("GET", "/status", Answer(200, self.server.manifest(
            [], link=[{"relation": "next", "url": "/status"}])))
        _, done = self.pull(code=5)
        self.assertIn("lead back", done.err)

    def test_l05_partial_manifests(self):
        second = self.server.add_output("Observation", "o1", resources("Observation", 9))
        release = threading.Event()

        def status(_):
            # The second comes only when the first was fetched while the export ran.
            if not release.is_set():
                return Answer(202, self.server.manifest(self.output), {"Retry-After": "0"})
            return Answer(200, self.server.manifest(self.output + [second]))

        def first(request):
            release.set()
            return file_answer(request, self.patients)

        self.server.on("GET", "/status", status)
        self.server.on("GET", "/p1", first)
        out, _ = self.pull("--partial-manifests")
        self.assert_patients(out)
        self.assertEqual(pulled(out)["Observation.00001.ndjson"], resources("Observation", 9))
        self.assertEqual(len(self.server.sent("GET", "/p1")), 1)
        self.assertEqual(parameters_of(self.server.sent("POST", "/fhir/$export")[0]),
                         {"allowPartialManifests": [True]})

    def test_l05_l08_deleted_and_reported_errors(self):
        bundle = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [
            {"request": {"method": "DELETE", "url": "Patient/x"}}]}).encode() + b"\n"
        problems = (json.dumps(outcome("3 Patients cannot be read")) + "\n" +
                    json.dumps(outcome("all is well", "informational", "information")) + "\n").encode()
        for member in ("error", "outcome"):
            with self.subTest(member=member):
                self.server.finish(self.output, deleted=[self.server.add_output("Bundle", "d1", bundle)],
                                   **{member: [self.server.add_output("OperationOutcome", "e1", problems)]})
                out, done = self.pull(code=3)
                self.assert_patients(out)
                self.assertEqual(pulled(out)["deleted/Bundle.00001.jsonl"], bundle)
                self.assertEqual(pulled(out)["error/OperationOutcome.00001.jsonl"], problems)
                self.assertIn("2 outcomes, 1 errors", done.out)
                self.assertIn("3 Patients cannot be read", done.out)
        # Warnings alone leave it complete.
        self.server.finish(self.output, outcome=[self.server.add_output(
            "OperationOutcome", "e2", json.dumps(outcome("slow", "processing", "warning")).encode() + b"\n")])
        self.pull()

    def test_l04_what_is_not_as_promised_is_no_file(self):
        for change, word in (({"count": 29}, "30 lines"), ({"fileSize": 5}, "bytes")):
            with self.subTest(change=change):
                self.server.finish([{**self.output[0], **change}])
                out, done = self.pull(code=3)
                self.assertEqual(finished(out), [])
                self.assertIn("not received", done.out)
                self.assertIn(word, done.out)
                self.assertEqual(self.server.sent("DELETE"), [])
        self.server.finish([{"type": "Patient", "url": self.server.add_file("bad", b'{"a":1}\nhello\n')}])
        out, done = self.pull(code=3)
        self.assertIn("line 2", done.out)


if __name__ == "__main__":
    unittest.main()

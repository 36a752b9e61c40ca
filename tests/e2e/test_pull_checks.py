"""What a pull makes of answers that are not what they should be: lines, files without names, sizes, words with
control characters, tokens for others (L-05, L-11, L-13, L-15)."""
import glob
import gzip
import json
import os
import subprocess
import threading
import unittest
import zlib

import harness
from imposter import Answer, Imposter, file_answer, outcome, resources
from test_pull import pull, pulled
from test_pull_faults import Faults, finished
from test_sync import run

PATIENT = b'{"resourceType":"Patient","id":"p1"}\n'


def line(**members):
    return json.dumps(members).encode() + b"\n"


class Lines(Faults):
    def answer(self, body, type_name="Patient", **more):
        self.server.finish([{"type": type_name, "url": self.server.add_file("f", body), **more}])

    def test_l11_a_file_with_a_line_that_is_no_json_object_is_not_received(self):
        cases = {
            "cut JSON": (PATIENT + b'{"resourceType":"Patient","id":"p2","na\n' + PATIENT, "line 2 is not one JSON object"),
            "two on a line": (PATIENT.strip() * 2 + b"\n", "line 1 is not one JSON object"),
            "an array": (PATIENT + b"[" + PATIENT.strip() + b"]\n", "line 2 is not one JSON object"),
            "cut without a length": (PATIENT + PATIENT[:20], "line 2 is not one JSON object"),
            "no UTF-8": (b'{"resourceType":"Patient","id":"p1","language":"\xff"}\n', "line 1 is not one JSON object"),
            "a Binary in its place": (line(resourceType="Binary", id="x", data="eyJ9"), "line 1 is of type Binary"),
            "an outcome in its place": (line(**outcome("the disk is full")), "line 1 is of type OperationOutcome"),
            "a page": (b"<!DOCTYPE html><title>Sign in</title>\n", "line 1 is not one JSON object"),
        }
        for name, (body, words) in cases.items():
            with self.subTest(name):
                self.answer(body)
                out, done = self.pull(code=3)
                self.assertEqual(finished(out), [])
                self.assertIn(words, done.out)
                self.assertIn("/f: ", done.out)
                self.assertEqual(self.server.sent("DELETE"), [])

    def test_l11_resources_of_another_type_are_sorted_out_and_reported(self):
        observation = line(resourceType="Observation", id="o2")
        report = line(**outcome("p2 could not be read"))
        nameless = line(resourceType="Patient", active=True)
        body = PATIENT + observation + report + b"\n" + nameless + line(resourceType="Patient", id="p3")
        for options, suffix in (((), ""), (("--gzip",), ".gz")):
            with self.subTest(options):
                sent = gzip.compress(body) if suffix else body
                self.answer(sent, count=5)
                out, done = self.pull(*options, code=3)
                files = pulled(out)
                self.assertEqual(files["Patient.00001.ndjson" + suffix], PATIENT + line(resourceType="Patient", id="p3"))
                self.assertEqual(files["error/Patient.00001.strays.jsonl"], observation + report + nameless)
                self.assertIn("3 lines do not belong into their files", done.out)
                self.assertIn("Patient.00001.ndjson: line 2 is of type Observation", done.out)
                self.assertIn("p2 could not be read", done.out)
                # Again: the same is told, nothing is asked for.
                again = pull(self.server.base, "--out", out, *options, code=3)
                self.assertIn("3 lines do not belong into their files", again.out)

    def test_l11_so_a_sync_of_what_was_accepted_goes_on(self):
        self.answer(PATIENT + line(**outcome("one is missing")))
        out, _ = self.pull(code=3)
        self.answer(line(resourceType="Patient", id="p2") + line(resourceType="Observation", id="o"))
        done = run("sync", out, code=3)
        self.assertIn("line 2 is of type Observation", done.err)
        self.assertEqual(pulled(out)["Patient.00001.ndjson"], PATIENT + line(resourceType="Patient", id="p2"))
        self.answer(line(resourceType="Patient", id="p3"))
        run("sync", out)
        self.assertEqual(pulled(out)["Patient.00001.ndjson"].count(b"\n"), 3)

    def test_l11_a_line_that_was_spoiled_since_is_named_with_the_way_out(self):
        self.answer(PATIENT)
        out, _ = self.pull()
        with open(os.path.join(out, "Patient.00001.ndjson"), "ab") as file:
            file.write(b'{"resourceType":"Pat\n')
        done = run("sync", out, code=5)
        self.assertIn("Patient.00001.ndjson, line 2", done.err)
        self.assertIn("sync --full", done.err)

    def test_l11_counts_as_text_count(self):
        self.answer(PATIENT, count="1", fileSize=str(len(PATIENT)))
        self.pull()
        self.answer(PATIENT, count="2")
        _, done = self.pull(code=3)
        self.assertIn("the manifest says 2", done.out)

    def test_l11_into_a_store_too(self):
        self.answer(PATIENT + line(resourceType="Observation", id="o2", status="final", code={"text": "x"}))
        data = os.path.join(harness.temporary_folder(self), "data")
        done = pull(self.server.base, "--into", data, code=3)
        self.assertIn("1 lines do not belong", done.out)
        self.assertIn("Patient", harness.sluice("stats", "--data", data).out)
        self.assertNotIn("Observation", harness.sluice("stats", "--data", data).out)
        self.answer(b"<html>")
        data = os.path.join(harness.temporary_folder(self), "data")
        pull(self.server.base, "--into", data, code=3)
        self.assertNotIn("Patient", harness.sluice("stats", "--data", data).out)

    def test_l11_what_is_no_document_is_no_attachment(self):
        page = b"<!doctype html><h1>Sign in</h1>"
        pages = {
            "html": Answer(200, page, {"Content-Type": "text/html; charset=utf-8"}),
            "pdf": Answer(200, page, {"Content-Type": "application/pdf"}),
            "plain": Answer(200, page, {"Content-Type": "application/octet-stream"}),
            "text": Answer(200, b"a letter", {"Content-Type": "text/plain"}),
        }
        lines = []
        for name, answer in pages.items():
            self.server.on("GET", f"/fhir/Binary/{name}", answer)
            claimed = {"text": "text/plain", "plain": "text/plain"}.get(name, "application/pdf")
            lines.append(line(resourceType="DocumentReference", id=name, status="current", content=[
                {"attachment": {"contentType": claimed, "url": f"Binary/{name}"}}]))
        self.answer(b"".join(lines), "DocumentReference")
        out, done = self.pull("--attachments", "inline", code=3)
        found = {r["id"]: r["content"][0]["attachment"] for r in
                 map(json.loads, pulled(out)["DocumentReference.00001.ndjson"].splitlines())}
        self.assertEqual({name for name, each in found.items() if "data" in each}, {"text"})
        self.assertIn("a page for people", done.out)
        self.assertIn("3 not to be had", done.out)


class WithoutUrls(Faults):
    def test_l05_items_without_a_url_are_shown_and_counted(self):
        empty = [{"type": "Device", "count": 0}, {"type": "Encounter", "url": "", "count": "0"}]
        self.server.finish(self.output + empty)
        out, _ = self.pull()
        self.assert_patients(out)
        self.server.finish(self.output + empty + [{"type": "Condition", "count": 7}])
        out, done = self.pull(code=3)
        self.assert_patients(out)
        self.assertIn("a file of Condition without a URL", done.out)
        self.assertIn("files of the manifest that nobody can ask for: 1", done.out)
        self.server.finish(self.output + [{"type": "Device", "url": "ftp://x/y"}])
        out, done = self.pull(code=3)
        self.assert_patients(out)
        self.assertIn("a file of Device with a URL that is none", done.out)

    def test_l05_outcomes_in_the_manifest_itself_are_read(self):
        for member in ("error", "outcome"):
            for severity, code in (("error", 3), ("warning", 0)):
                with self.subTest(member=member, severity=severity):
                    self.server.finish(self.output, **{member: [outcome("_since is not known here", severity=severity)]})
                    out, done = self.pull(code=code)
                    self.assert_patients(out)
                    self.assertIn("_since is not known here", done.out)
                    self.assertIn("1 outcomes", done.out)

    def test_l05_what_the_server_reports_and_cannot_be_read_does_not_keep_the_data_back(self):
        for body in (Answer(404), Answer(200, b"<html>busy</html>"), Answer(200, PATIENT)):
            with self.subTest(body.body):
                self.server.on("GET", "/e", body)
                self.server.finish(self.output, error=[{"type": "OperationOutcome", "url": "/e"}])
                out, done = self.pull("--poll-max", "1", code=3)
                self.assert_patients(out)
                self.assertIn("1 files of what the server reports could not be had", done.out)
                self.assertIn("/e: ", done.err)
        self.assertEqual(len(self.server.sent("DELETE")), 3, "the export is over")
        self.server.finish([self.server.add_output("Patient", "p2", resources("Patient", 2))])
        run("sync", out)

    def test_l05_what_the_server_reports_is_read_whatever_it_counts_there(self):
        # The SMART reference server counts what it could not export.
        report = line(**outcome("I could not write 2.Patient.ndjson"))
        item = {**self.server.add_output("OperationOutcome", "e", report), "count": 20, "fileSize": 9}
        self.server.finish(self.output, error=[item])
        out, done = self.pull(code=3)
        self.assert_patients(out)
        self.assertIn("I could not write 2.Patient.ndjson", done.out)
        self.assertNotIn("could not be had", done.out)

    def test_l05_a_manifest_without_lists_and_with_any_extension(self):
        for extension in ({"https://x": [1]}, [{"url": "https://x", "valueString": "y"}]):
            manifest = self.server.manifest(self.output, extension=extension)
            for name in ("error", "request", "requiresAccessToken"):
                manifest.pop(name, None)
            self.server.on("GET", "/status", Answer(200, manifest))
            out, _ = self.pull()
            self.assert_patients(out)
        self.server.on("GET", "/status", Answer(200, {"transactionTime": "2026-01-02T03:04:05Z"}))
        self.pull()


class Sizes(Faults):
    def test_l15_more_than_the_manifest_says_is_cut(self):
        sent = [0]

        def endless(request):
            sent[0] += 1
            return Answer(200, resources("Patient", 60_000, size=100))

        self.server.on("GET", "/p1", endless)
        self.server.finish([{"type": "Patient", "url": "/p1", "fileSize": 5000}])
        out, done = self.pull(code=3)
        self.assertIn("more bytes than the 5000", done.out)
        self.assertEqual(finished(out), [])
        self.assertEqual(sent[0], 1)

    def test_l15_a_bomb_is_no_file(self):
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        block = b'{"resourceType":"Patient","id":"p1","language":"' + b"x" * 1_000_000 + b'"}\n'
        bomb = b"".join(packer.compress(block) for _ in range(120)) + packer.flush()
        self.server.on("GET", "/p1", Answer(200, bomb))
        self.server.finish([{"type": "Patient", "url": "/p1"}])
        out, done = self.pull(code=3)
        self.assertIn("inflates to more than 200 times", done.out)
        self.assertEqual(finished(out), [])

    def test_l15_the_time_limit_ends_every_request(self):
        def drip(request):
            handler = request.handler
            handler.send_response(200)
            handler.end_headers()
            while True:
                handler.wfile.write(b" ")
                handler.wfile.flush()
                if self.over.wait(0.1):
                    return None

        for path in ("/fhir/metadata", "/status", "/page"):
            with self.subTest(path):
                self.server.finish(self.output, link=[{"relation": "next", "url": "/page"}])
                self.server.on("GET", "/page", Answer(200, self.server.manifest([])))
                self.server.on("GET", path, drip)
                _, done = self.pull("--timeout", "1", code=6)
                self.assertIn("--timeout", done.err)
                self.server.on("GET", "/fhir/metadata", Answer(404))

    def test_l15_many_files_take_little_memory(self):
        count = 300_000
        entries = b",".join(b'{"type":"Patient","url":"/f?number=%d","count":1}' % i for i in range(count))
        manifest = json.dumps(self.server.manifest([])).encode().replace(b'"output": []', b'"output": [%s]' % entries)
        asked = threading.Event()
        self.server.on("GET", "/status", Answer(200, manifest))
        self.server.on("GET", "/f", lambda _: (asked.set(), self.over.wait(60), Answer(503))[2])
        process = subprocess.Popen([harness.BINARY, "pull", self.server.base, "--out", self.out()],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.assertTrue(asked.wait(120), "no file was asked for")
            with open(f"/proc/{process.pid}/status", encoding="utf-8") as status:
                most, = [int(each.split()[1]) for each in status if each.startswith("VmHWM:")]
        finally:
            process.kill()
            process.wait()
        self.assertLess(most, 80 << 10, "kB at most")

    def setUp(self):
        super().setUp()
        self.over = threading.Event()
        self.addCleanup(self.over.set)


class Words(Faults):
    EVIL = "\x1b[2J\x1b]0;owned\x07ok\r\nfake line \x9b1m\u202e\x7f"

    def assert_clean(self, text):
        for c in text:
            self.assertFalse(c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160 or c == "\u202e"), repr(c))

    def test_l15_nothing_that_a_server_says_moves_the_cursor(self):
        report = line(**outcome(self.EVIL))
        self.server.on("POST", "/fhir/$export", Answer(429, outcome(self.EVIL), {"Retry-After": "0"}),
                       self.server.accepted())
        stray = line(resourceType=self.EVIL, id="x")
        self.server.finish(self.output + [{"type": "Patient", "url": self.server.add_file("x", PATIENT + stray)}],
                           error=[self.server.add_output("OperationOutcome", "e", report)],
                           transactionTime="2026" + self.EVIL)
        for options in ((), ("--log-json",)):
            with self.subTest(options):
                out, done = self.pull(*options, code=3)
                self.assert_clean(done.out)
                self.assert_clean(done.err)
                self.assertIn("fake line", done.out + done.err)
                for path in glob.glob(os.path.join(out, "**", "*log*"), recursive=True):
                    with open(path, encoding="utf-8") as file:
                        self.assert_clean(file.read())
        self.server.finish([{"type": self.EVIL, "url": self.server.add_file("x", PATIENT)}])
        _, done = self.pull(code=5)
        self.assertIn("fake line", done.err)
        self.assert_clean(done.err)
        self.server.on("POST", "/fhir/$export", Answer(400, outcome(self.EVIL)))
        _, done = self.pull(code=5)
        self.assert_clean(done.err)

    def test_l04_headers_in_latin_1_leave_a_journal_that_can_be_read(self):
        latin = b"caf\xe9 50%".decode("latin-1")
        body = resources("Patient", 3000, size=100)
        etag = '"' + latin + '"'
        self.server.on("GET", "/p1", lambda r: file_answer(r, body, etag, cut_after=100_000, headers={
            "Last-Modified": latin, "Content-Type": latin}), Answer(503, b"", {"Retry-After": "30"}))
        self.server.on("GET", "/status", Answer(202, b"", {"X-Progress": latin}),
                       Answer(200, self.server.manifest([{"type": "Patient", "url": "/p1"}])))
        out = self.out()
        pull(self.server.base, "--out", out, "--timeout", "3", code=6)
        self.server.on("GET", "/p1", lambda r: file_answer(r, body, etag))
        pull(self.server.base, "--out", out)
        asked = self.server.sent("GET", "/p1")[-1]
        # It goes on where it was, with the validator as it came, byte by byte.
        self.assertEqual(asked.range_start, 100_000)
        self.assertEqual(asked.headers["If-Range"].encode("latin-1"), b'"caf\xe9 50%"')
        self.assertEqual(pulled(out)["Patient.00001.ndjson"], body)


class TokensForOthers(Faults):
    def setUp(self):
        super().setUp()
        self.key = os.path.join(harness.temporary_folder(self), "key.jwk")
        harness.sluice("keys", "generate", "--out", self.key)
        self.server.add_token_endpoint()
        self.other = Imposter(self)

    def pull(self, *options, code=0):
        return super().pull("--client-id", "c", "--key", self.key, *options, code=code)

    def test_l03_only_the_bases_origin_gets_tokens(self):
        other = self.other
        manifest = self.server.manifest(
            self.output + [{"type": "Device", "url": other.root + "/file"}], requiresAccessToken=True,
            link=[{"relation": "next", "url": other.root + "/page"}])
        other.on("GET", "/status", Answer(200, manifest))
        other.on("GET", "/page", Answer(200, self.server.manifest([])))
        other.on("GET", "/file", Answer(200, line(resourceType="Device", id="d")))
        other.on("DELETE", "/status", Answer(202))
        self.server.on("POST", "/fhir/$export", Answer(202, b"", {"Content-Location": other.root + "/status"}))
        out, _ = self.pull()
        self.assert_patients(out)
        self.assertEqual(len(other.sent()), 4)
        self.assertEqual([r.token for r in other.sent()], [""] * 4)
        self.assertEqual(self.server.sent("GET", "/p1")[0].token, "t1")
        # Unless the user says so.
        self.pull("--token-origin", other.root)
        self.assertEqual({r.token for r in other.sent()[4:]}, {"t2"})

    def test_l03_a_401_of_the_base_is_answered_with_the_token_whatever_the_manifest_says(self):
        def guarded(request):
            if request.token != self.server.valid:
                return Answer(401)
            return file_answer(request, self.patients)

        self.server.on("GET", "/p1", guarded)
        out, _ = self.pull()
        self.assert_patients(out)
        self.assertEqual([r.token for r in self.server.sent("GET", "/p1")], ["", "t1"])
        # Elsewhere it is a URL that has expired.
        self.other.on("GET", "/file", Answer(401))
        self.server.finish([{"type": "Patient", "url": self.other.root + "/file"}])
        self.pull("--poll-max", "1", code=3)
        self.assertEqual({r.token for r in self.other.sent()}, {""})


class Names(Faults):
    def test_l13_every_glob_finds_one_type_before_and_after_a_sync(self):
        observations = [self.server.add_output("Observation", f"o{i}", resources("Observation", 3, 3 * i)) for i in (0, 1)]
        deletions = line(resourceType="Bundle", type="transaction",
                         entry=[{"request": {"method": "DELETE", "url": "Observation/O0"}}])
        deleted = [self.server.add_output("Bundle", "d", deletions)]
        report = [self.server.add_output("OperationOutcome", "e", line(**outcome("slow", severity="warning")))]
        self.server.finish(self.output + observations, deleted=deleted, error=report)
        out, _ = self.pull()
        names = lambda: sorted(os.path.relpath(path, out)
                               for path in glob.glob(os.path.join(out, "**", "*"), recursive=True)
                               if os.path.isfile(path))
        self.assertEqual(names(), ["Observation.00001.ndjson", "Observation.00002.ndjson", "Patient.00001.ndjson",
                                   "deleted/Bundle.00001.jsonl", "error/OperationOutcome.00001.jsonl", "log.ndjson"])
        self.server.finish([self.server.add_output("Observation", "o3", resources("Observation", 1, 9))], deleted=deleted)
        run("sync", out)
        self.assertEqual([name for name in names() if name.endswith("ndjson")],
                         ["Observation.00001.ndjson", "Patient.00001.ndjson", "log.ndjson"])
        self.assertEqual(pulled(out)["Observation.00001.ndjson"].count(b"\n"), 6)

    def test_l13_a_log_as_smarts_client_writes_it(self):
        out, _ = self.pull("--type", "Patient")
        with open(os.path.join(out, "log.ndjson"), encoding="utf-8") as file:
            events = [json.loads(each) for each in file]
        self.assertEqual([each["eventId"] for each in events],
                         ["kickoff", "status_page_complete", "manifest_complete", "status_complete",
                          "download_request", "download_complete", "export_complete"])
        for each in events:
            self.assertEqual(sorted(each), ["eventDetail", "eventId", "exportId", "timestamp"])
        self.assertEqual(len({each["exportId"] for each in events[1:]}), 1)
        details = {each["eventId"]: each["eventDetail"] for each in events}
        kickoff = details["kickoff"]
        self.assertEqual(kickoff["exportUrl"], self.server.base + "/$export")
        self.assertEqual((kickoff["errorCode"], kickoff["softwareName"], kickoff["fhirVersion"]),
                         (None, "Imposter", "4.0.1"))
        self.assertEqual(details["manifest_complete"], {
            "transactionTime": "2026-01-02T03:04:05Z", "totalOutputFileCount": 1, "totalDeletedFileCount": 0,
            "totalErrorFileCount": 0, "totalManifests": 1})
        self.assertEqual(details["download_request"], {
            "fileUrl": self.server.root + "/p1", "itemType": "output", "resourceType": "Patient"})
        self.assertEqual(details["download_complete"], {
            "fileUrl": self.server.root + "/p1", "fileSize": len(self.patients), "resourceCount": 30})
        self.assertEqual((details["export_complete"]["files"], details["export_complete"]["resources"]), (1, 30))


if __name__ == "__main__":
    unittest.main()

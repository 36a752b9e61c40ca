"""$import over real HTTP: I-03, I-04, and the S-, K- and A-requirements that it shares with exports."""
import contextlib
import gzip
import http.server
import json
import os
import re
import ssl
import threading
import time
import unittest

import harness
import smart
from test_lifecycle import moved
from test_load import long_lines


def patient(id, **more):
    return {"resourceType": "Patient", "id": id, **more}


def parameter(name, value):
    return {"name": name, "valueString" if name == "inputFormat" else "valueUri": value}


def parameters(inputs, storage="https", format="application/fhir+ndjson", more=()):
    """The Parameters resource of the proposal; `inputs` are pairs of type and URL."""
    return {"resourceType": "Parameters", "parameter": [
        parameter("inputFormat", format), parameter("inputSource", "https://source.example/fhir"),
        {"name": "storageDetail", "part": [{"name": "type", "valueCode": storage}]},
        *({"name": "input", "part": [{"name": "type", "valueCode": type},
                                     {"name": "url", "valueUrl": url}]} for type, url in inputs),
        *more]}


class Source(http.server.ThreadingHTTPServer):
    """A server of files, which can be told to cut or hold back the first answer for a path."""
    daemon_threads = True

    def __init__(self, tls=None):
        super().__init__(("127.0.0.1", 0), SourceHandler)
        self.scheme = "http"
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self.scheme = "https"
        self.files, self.cut, self.held, self.ranges = {}, set(), set(), []
        self.go_on = threading.Event()
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    def url(self, path):
        return f"{self.scheme}://127.0.0.1:{self.server_port}{path}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.go_on.set()
        self.shutdown()
        self.thread.join()
        self.server_close()


class SourceHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "/whole")
            self.end_headers()
            return
        body = self.server.files.get(path)
        if body is None:
            self.send_error(404)
            return
        start, wanted = 0, self.headers.get("Range")
        if wanted and self.headers.get("If-Range") == '"v1"':
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted).group(1))
            self.server.ranges.append(start)
        self.send_response(206 if start else 200)
        self.send_header("ETag", '"v1"')
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        if path in self.server.cut or path in self.server.held:
            is_held = path in self.server.held
            self.server.cut.discard(path)
            self.wfile.write(body[:len(body) // 2])
            self.wfile.flush()
            if is_held:
                self.server.go_on.wait(30)
            self.close_connection = True
            return
        with contextlib.suppress(OSError):
            self.wfile.write(body[start:])

    def log_message(self, *_):
        pass


def lines(*resources):
    return "".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in resources).encode()


class ImportCase(harness.TestCase):
    def setUp(self):
        self.folder = os.path.realpath(harness.temporary_folder(self))
        self.data = os.path.join(self.folder, "data")
        self.inbox = os.path.join(self.folder, "inbox")
        os.mkdir(self.inbox)

    def write(self, name, *content):
        """A file in the folder that may be imported; its URL."""
        return "file://" + harness.write_lines(os.path.join(self.inbox, name), content)

    def serve(self, *options, **keywords):
        return harness.start_server(self, self.data, "--import-folder", self.inbox, *options, **keywords)

    def kick_off(self, server, body, headers=None):
        return server.post("$import", body, headers={"Accept": harness.FHIR_JSON,
                                                     "Prefer": "respond-async", **(headers or {})})

    def start(self, server, body, headers=None):
        answer = self.kick_off(server, body, headers)
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(answer.json()["resourceType"], "OperationOutcome")
        return answer.headers["Content-Location"]

    def import_all(self, server, inputs, storage="file"):
        return harness.wait(self.start(server, parameters(inputs, storage))).manifest

    def counts(self, item):
        extension = item["extension"]
        return tuple(extension[name] for name in ("created", "updated", "unchanged", "superseded"))

    def problems(self, manifest):
        """(code, diagnostics) of every line of the files of problems."""
        return [issue[1:] for issue in self.issues(manifest) if issue[0] == "error"]

    def issues(self, manifest):
        """(severity, code, diagnostics) of every line of them."""
        found = []
        for item in manifest["error"]:
            self.assertEqual(item["type"], "OperationOutcome")
            for line in harness.download(item):
                outcome = json.loads(line)
                self.assertEqual(outcome["resourceType"], "OperationOutcome")
                issue = outcome["issue"][0]
                found.append((issue["severity"], issue["code"], issue["diagnostics"]))
        return found


class LocalFiles(ImportCase):
    def test_i03_files_with_bad_lines(self):
        with open(os.path.join(self.inbox, "zipped.ndjson.gz"), "wb") as file:
            file.write(gzip.compress(lines({"resourceType": "Observation", "id": "o1", "status": "final",
                                            "code": {"text": "x"}, "subject": {"reference":
                                            "https://source.example/fhir/Patient/a"}})))
        zipped = "file://" + os.path.join(self.inbox, "zipped.ndjson.gz")
        bad = self.write("bad.ndjson", patient("a"), '{"resourceType":"Patient","name":"Meyer',
                         patient("b"), {"resourceType": "Group", "id": "g"}, patient("a", gender="other"))
        server = self.serve()
        status_url = self.start(server, parameters([("Patient", bad), ("Observation", zipped)], "file"))
        manifest = harness.wait(status_url).manifest
        self.assertEqual(manifest["request"], server.base + "/$import")
        self.assertFalse(manifest["requiresAccessToken"])
        self.assertRegex(manifest["transactionTime"], r"^\d{4}-\d\d-\d\dT")
        self.assertEqual([(i["type"], i["input"], i["inputUrl"], i["count"]) for i in manifest["output"]],
                         [("Patient", bad, bad, 3), ("Observation", zipped, zipped, 1)])
        self.assertEqual([self.counts(i) for i in manifest["output"]], [(2, 0, 0, 1), (1, 0, 0, 0)])
        problems = self.problems(manifest)
        self.assertEqual([(code, re.search(r"line (\d+)", text).group(1)) for code, text in problems],
                         [("invalid", "2"), ("invalid", "4")])
        self.assertNotIn("Meyer", str(problems) + server.log())
        export = server.export("Patient/$export")
        self.assertEqual(export.keys(), [("Observation", "o1"), ("Patient", "a"), ("Patient", "b")])
        # Once more changes nothing.
        again = self.import_all(server, [("Patient", self.write("same.ndjson", patient("a", gender="other"),
                                                                patient("b")))])
        self.assertEqual((again["error"], self.counts(again["output"][0])), ([], (0, 0, 2, 0)))
        # S-05: and the job goes with its files, the resources stay.
        file_url = manifest["error"][0]["url"]
        self.assertEqual(harness.request("DELETE", status_url).status, 202)
        for url in (status_url, file_url):
            self.assertEqual(harness.request("GET", url).status, 404)
        self.assertEqual(server.export().keys(), export.keys())

    def test_i02_what_light_validation_finds_is_a_problem_or_a_warning(self):
        faulty = self.write("faulty.ndjson", patient("a"), patient("f", nmae=[]), patient("b"))
        found = ("invalid", f"'{faulty}' line 2: 'nmae' is not an element of Patient")
        server = self.serve()
        manifest = self.import_all(server, [("Patient", faulty)])
        self.assertEqual(self.issues(manifest), [("error", *found)])
        self.assertEqual(manifest["output"][0]["count"], 2)
        self.assertEqual(server.export().keys(), [("Patient", "a"), ("Patient", "b")])
        self.assertEqual(server.stop(), 0)
        server = self.serve("--lenient")
        manifest = self.import_all(server, [("Patient", faulty)])
        self.assertEqual(self.issues(manifest), [("warning", *found)])
        self.assertEqual(manifest["output"][0]["count"], 3)
        self.assertEqual(server.export().keys(), [("Patient", "a"), ("Patient", "b"), ("Patient", "f")])

    def test_r01_lines_that_no_resource_can_be_are_not_held(self):
        """Two inputs of a few kilobytes of gzip that inflate to lines of 250 MB."""
        inputs = []
        for number in range(2):
            path = os.path.join(self.inbox, f"{number}.ndjson.gz")
            with open(path, "wb") as file:
                file.write(long_lines("Patient", 2) + gzip.compress(lines(patient(f"p{number}"))))
            inputs.append(("Patient", "file://" + path))
        server = self.serve()
        manifest = self.import_all(server, inputs)
        self.assertEqual([item["count"] for item in manifest["output"]], [1, 1])
        self.assertEqual(self.problems(manifest), [
            ("invalid", f"'{url}' line {n}: larger than 10485760 bytes") for _, url in inputs for n in (1, 2)])
        with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
            peak = int(re.search(r"VmHWM:\s+(\d+) kB", file.read()).group(1))
        self.assertLess(peak, 400 * 1024)

    def test_r01_an_input_stops_after_so_many_problems(self):
        bad = self.write("bad.ndjson", patient("a"), *["nonsense"] * 5, patient("b"))
        good = self.write("good.ndjson", patient("c"))
        server = self.serve("--import-problems-max", 2)
        manifest = self.import_all(server, [("Patient", bad), ("Patient", good)])
        problems = self.problems(manifest)
        self.assertEqual([code for code, _ in problems], ["invalid", "invalid", "too-costly"])
        self.assertEqual(problems[2][1], f"'{bad}' line 3: 2 problems: what follows is not loaded")
        self.assertEqual([item["count"] for item in manifest["output"]], [1, 1])
        self.assertEqual(server.export().keys(), [("Patient", "a"), ("Patient", "c")])

    def test_i02_conditional_references_between_the_inputs(self):
        def encounter(id, number):
            return {"resourceType": "Encounter", "id": id, "status": "finished", "class": {"code": "AMB"},
                    "participant": [{"individual": {"reference": f"Practitioner?identifier=npi|{number}"}}]}

        encounters = self.write("e.ndjson", encounter("a", 1), encounter("b", 2), encounter("c", 3))
        practitioners = self.write("p.ndjson", *[
            {"resourceType": "Practitioner", "id": f"p{n}", "identifier": [{"system": "npi", "value": str(n)}]}
            for n in (1, 2)])
        server = self.serve()
        inputs = [("Encounter", encounters), ("Practitioner", practitioners)]
        manifest = self.import_all(server, inputs)
        self.assertEqual([self.counts(item) for item in manifest["output"]], [(2, 0, 0, 0)] * 2)
        self.assertEqual(self.problems(manifest), [
            ("invalid", f"'{encounters}' line 3: a conditional reference: Practitioner?identifier=... "
                        "finds nothing")])
        for id, number in (("a", 1), ("b", 2)):
            self.assertEqual(server.get(f"Encounter/{id}").json()["participant"],
                             [{"individual": {"reference": f"Practitioner/p{number}"}}])
        again = self.import_all(server, inputs)
        self.assertEqual([self.counts(item) for item in again["output"]], [(0, 0, 2, 0)] * 2)

    def test_i03_what_is_wrong_with_a_file_is_its_own_problem(self):
        os.mkdir(os.path.join(self.inbox, "sub"))
        os.symlink(os.path.join(self.folder, "secret"), os.path.join(self.inbox, "link"))
        harness.write_lines(os.path.join(self.folder, "secret"), [patient("stolen")])
        os.symlink(self.folder, os.path.join(self.inbox, "up"))
        os.mkfifo(os.path.join(self.inbox, "pipe"))
        url = "file://" + self.inbox
        server = self.serve()
        names = ["missing.ndjson", "sub", "link", "up/secret", "pipe"]
        manifest = self.import_all(server, [("Patient", f"{url}/{name}") for name in names]
                                   + [("Patient", self.write("good", patient("fine")))])
        self.assertEqual([code for code, _ in self.problems(manifest)], ["not-found"] * 5)
        self.assertEqual([item["count"] for item in manifest["output"]], [0] * 5 + [1])
        self.assertEqual(server.export().keys(), [("Patient", "fine")])

    def test_i03_refused_requests(self):
        good = self.write("good.ndjson", patient("p"))
        server = self.serve()
        for inputs, status, word in (
                ([("Patient", "file:///etc/passwd")], 403, "/etc/passwd"),
                ([("Patient", f"file://{self.inbox}/../secret")], 400, "'..'"),
                ([("Patient", f"file://{self.inbox}/%2e%2e/secret")], 400, "'..'"),
                ([("Patient", f"file://{self.inbox}x/y")], 403, "not below"),
                ([("Patient", f"file://host{self.inbox}/y")], 400, "no host"),
                ([("Patient", "https://source.example/x")], 400, "not a file URL"),
                ([("Nothing", good)], 400, "Nothing"), ([], 400, "input is missing")):
            with self.subTest(inputs=inputs):
                self.assert_outcome(self.kick_off(server, parameters(inputs, "file")), status, word)
        one = [("Patient", good)]
        for body, status, word in (
                (parameters(one, "aws-s3"), 400, "aws-s3"), (parameters(one, "ftp"), 400, "ftp"),
                (parameters(one, "file", "text/csv"), 400, "text/csv"),
                (parameters(one, "file", more=[parameter("mode", "x")]), 400, "mode"),
                (parameters(one, "file", more=[parameter("inputFormat", "ndjson")]), 400, "twice"),
                (patient("p"), 400, "Parameters"), ("[]", 400, ""), ("{", 400, ""),
                (parameters([("Patient", "http://127.0.0.1/x")]), 400, "http is not allowed"),
                (parameters([("Patient", "https://u:p@127.0.0.1/x")]), 400, "password")):
            with self.subTest(body=body):
                self.assert_outcome(self.kick_off(server, body), status, word)
        self.assert_outcome(server.post("$import?x=1", parameters(one, "file")), 400, "'x'")
        self.assert_outcome(server.post("$import", "a=b", "application/x-www-form-urlencoded"), 415)
        self.assert_outcome(server.get("$import"), 405)
        self.assertEqual(server.export().manifest["output"], [])
        server.stop()
        # Without a folder of the operator nothing local is read.
        with harness.Server(self.data) as shut:
            self.assert_outcome(self.kick_off(shut, parameters(one, "file")), 403, "good.ndjson")

    def test_a_folder_that_is_not_there_is_an_error_at_the_start(self):
        done = harness.sluice("serve", "--open", "--data", self.data, "--listen", "127.0.0.1:0",
                              "--import-folder", self.inbox + "/none", check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(self.inbox + "/none", done.err)

    def test_i04_kill_9_in_the_middle_loses_and_doubles_nothing(self):
        """The counts are those of an undisturbed import: what a kill repeats is not counted again."""
        text = "x" * 2000
        inputs, bad_lines = [], 0
        for number in range(3):
            content = [patient(f"p{number}-{i}", text={"status": "generated", "div": text})
                       for i in range(6000)]
            content.insert(3000, "nonsense")
            inputs.append(("Patient", self.write(f"{number}.ndjson", *content)))
            bad_lines += 1
        server = self.serve("--import-workers", 2, "--poll-burst", 100_000)
        status_url, killed_running = self.start(server, parameters(inputs, "file")), 0
        for _ in range(3):
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                answer = harness.request("GET", status_url)
                if answer.status == 200:
                    break
                if answer.status == 202 and not answer.headers["X-Progress"].startswith("0%"):
                    killed_running += 1
                    break
                time.sleep(0.005)
            server.kill()
            server.start()
            status_url = moved(status_url, server)
        self.assertGreater(killed_running, 0, "no kill hit a running import")
        manifest = harness.wait(status_url).manifest
        self.assertEqual([self.counts(item) for item in manifest["output"]], [(6000, 0, 0, 0)] * 3)
        self.assertEqual([item["count"] for item in manifest["error"]], [1] * bad_lines)
        for item in manifest["error"]:
            item["url"] = moved(item["url"], server)
        self.assertEqual(len(self.problems(manifest)), bad_lines)
        export = server.export()
        self.assertEqual(len(set(export.keys())), 18_000)
        self.assertEqual({r["meta"]["versionId"] for r in export.resources()}, {"1"})


class OtherServers(ImportCase):
    def test_i03_https_http_and_cut_connections(self):
        key, certificate = os.path.join(self.folder, "key.pem"), os.path.join(self.folder, "cert.pem")
        smart.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-days", "2", "-subj", "/CN=source", "-addext", "subjectAltName=IP:127.0.0.1",
                      "-keyout", key, "-out", certificate)
        with Source() as plain, Source((certificate, key)) as secure:
            plain.files["/cut"] = lines(*[patient(f"c{i}", name=[{"text": "y" * 500}])
                                          for i in range(9000)])
            plain.cut.add("/cut")
            secure.files["/whole"] = gzip.compress(lines(patient("w1"), "nonsense", patient("w2")))
            server = self.serve("--import-allow-private", "--import-ca-file", certificate)
            manifest = self.import_all(server, [("Patient", plain.url("/cut")),
                                                ("Patient", secure.url("/whole?sig=s3cret")),
                                                ("Patient", plain.url("/missing")),
                                                ("Patient", plain.url("/elsewhere"))], "https")
            self.assertEqual([item["count"] for item in manifest["output"]], [9000, 2, 0, 0])
            self.assertEqual(len(plain.ranges), 1)
            problems = self.problems(manifest)
            self.assertEqual([code for code, _ in problems], ["invalid", "processing", "processing"])
            self.assertIn("404", problems[1][1])
            self.assertIn("302", problems[2][1])
            self.assertNotIn("s3cret", str(problems) + server.log())
            self.assertEqual(len(server.export().keys()), 9002)
            self.assertEqual([n for _, _, names in os.walk(os.path.join(self.data, "imports"))
                              for n in names], [])

    def test_i03_private_addresses_are_not_connected_to(self):
        with Source() as source:
            source.files["/x"] = lines(patient("p"))
            server = self.serve()
            manifest = self.import_all(server, [("Patient", f"https://127.0.0.1:{source.server_port}/x"),
                                                ("Patient", f"https://localhost:{source.server_port}/x"),
                                                ("Patient", "https://169.254.169.254/latest")], "https")
            self.assertEqual([code for code, _ in self.problems(manifest)], ["forbidden"] * 3)
            self.assertEqual(server.export().manifest["output"], [])

    def test_i04_a_download_goes_on_after_kill_9_and_a_job_can_be_cancelled(self):
        with Source() as source:
            source.files["/held"] = lines(patient("h1"), patient("h2"))
            source.held.add("/held")
            server = self.serve("--import-allow-private")
            body = parameters([("Patient", source.url("/held"))])
            kept, cancelled = self.start(server, body), self.start(server, body)
            answer = harness.request("GET", kept)
            self.assertEqual(answer.status, 202)
            self.assertRegex(answer.headers["X-Progress"], r"^\d+% imported$")
            self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)
            self.assertEqual(harness.request("DELETE", cancelled).status, 202)
            self.assertEqual(harness.request("GET", cancelled).status, 404)
            server.kill()
            source.held.clear()
            source.go_on.set()
            server.start()
            manifest = harness.wait(moved(kept, server)).manifest
            self.assertEqual([self.counts(item) for item in manifest["output"]], [(2, 0, 0, 0)])
            self.assertEqual(harness.request("GET", moved(cancelled, server)).status, 404)
            deadline = time.monotonic() + harness.PATIENCE_SECONDS
            while os.listdir(os.path.join(self.data, "imports")) not in ([], [kept.rsplit("/", 1)[1]]):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.02)


class Authorization(ImportCase):
    def test_a07_a12_writers_only_their_own_jobs_and_an_audit(self):
        url = self.write("p.ndjson", patient("p"), "nonsense")
        body = parameters([("Patient", url)], "file")
        server = self.serve(is_open=False)
        everything = smart.Client(self.folder, self.data, "writer", scope="system/*.cruds")
        writer = everything.headers(server)
        reader = smart.Client(self.folder, self.data, "reader").headers(server)
        creator = smart.Client(self.folder, self.data, "creator", scope="system/Patient.cr").headers(server)
        other = smart.Client(self.folder, self.data, "other", scope="system/*.cruds").headers(server)
        grouped = smart.Client(self.folder, self.data, "grouped", scope="system/*.cruds",
                               options=("--group", "g")).headers(server)
        self.assert_outcome(self.kick_off(server, body), 401)
        for headers in (reader, creator, grouped, everything.headers(server, "system/Observation.cud")):
            self.assert_outcome(self.kick_off(server, body, headers), 403)
        status_url = self.start(server, body, everything.headers(server, "system/Patient.cud"))
        deadline = time.monotonic() + harness.PATIENCE_SECONDS
        while (answer := harness.request("GET", status_url, writer)).status in (202, 429):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        self.assertEqual(answer.status, 200, answer)
        manifest = answer.json()
        self.assertTrue(manifest["requiresAccessToken"])
        file_url = manifest["error"][0]["url"]
        for path in (status_url, file_url):
            self.assertEqual(harness.request("GET", path, writer).status, 200)
            self.assertEqual(harness.request("GET", path).status, 401)
            self.assertEqual(harness.request("GET", path, other).status, 404)
        self.assertEqual(harness.request("DELETE", status_url, other).status, 404)
        self.assertEqual(harness.request("DELETE", status_url, writer).status, 202)
        audited = harness.sluice("audit", "grep", "--data", self.data, '"import"').out.splitlines()
        self.assertEqual([json.loads(line)["outcome"] for line in audited], ["8"] * 4 + ["0"])
        self.assertIn("writer", audited[-1])
        self.assertIn(status_url.rsplit("/", 1)[1], audited[-1])


if __name__ == "__main__":
    unittest.main()

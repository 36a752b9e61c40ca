"""Text from outside that is no UTF-8, or is cut inside of a character: it is refused where it comes in, and no
request keeps the server from starting again (R-03)."""
import json
import os
import threading
import unittest
import http.server

import harness

LENIENT = {"Prefer": "respond-async, handling=lenient"}


def patient(id, **more):
    return {"resourceType": "Patient", "id": id, **more}


class Text(harness.ServerCase):
    def setUp(self):
        super().setUp()
        path = harness.write_lines(os.path.join(self.folder, "a.ndjson"), [patient("a"), patient("b")])
        harness.load(self.data, path)

    def jobs(self):
        return json.loads(harness.sluice("jobs", "--data", self.data, "--json").out)["jobs"]

    def test_r03_values_that_are_not_utf8_are_refused_strictly_and_leniently(self):
        self.serve()
        for query in ("%ff=1", "a%c3=1", "_type=%ff", "_type=Patient,%c3", "_elements=%ff", "_format=%ff",
                      "_outputFormat=%ff", "organizeOutputBy=%ff", "includeAssociatedData=%ff", "patient=%ff",
                      "_since=%ff", "_typeFilter=%ff", "_typeFilter=Patient%3Fname%3D%25ff",
                      "_typeFilter=Patient%3F%25ff%3D1", "%ed%a0%80=1", "%c0%af=1"):
            for headers in (LENIENT, {"Prefer": "respond-async"}):
                for path in ("$export", "Patient/$export", "Group/g/$export"):
                    answer = self.server.get(path, query, headers)
                    self.assert_outcome(answer, 400)
            form = self.server.post("$export", query, "application/x-www-form-urlencoded", LENIENT)
            self.assert_outcome(form, 400)
        self.assert_outcome(self.send("POST", "$export", b"a=\xff", {
            "Content-Type": "application/x-www-form-urlencoded", **LENIENT}), 400)
        body = b'{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"\xff"}]}'
        self.assert_outcome(self.send("POST", "$export", body, {
            "Content-Type": harness.FHIR_JSON, **LENIENT}), 400)
        for path in ("Patient/%ff", "Group/%ff/$export", "jobs/%ff", "jobs/a/files/%ff", "%ff", "Patient?name=%ff",
                     "Patient?_include=%ff", "Patient/a/_history/%ff"):
            self.assert_outcome(self.server.get(path), 400)
        self.assertEqual(self.jobs(), [])

    def test_r03_headers_that_are_read_are_utf8(self):
        self.serve()
        for name in ("Prefer", "Accept", "If-None-Match", "Range"):
            self.assert_outcome(self.server.get("$export", "", {**LENIENT, name: b"a\xff"}), 400, name)
        for name, method in (("If-Match", "PUT"), ("If-None-Exist", "POST"), ("Content-Type", "PUT"),
                             ("X-Provenance", "PUT")):
            path = "Patient" if method == "POST" else "Patient/a"
            answer = self.send(method, path, json.dumps(patient("a")).encode(), {
                "Content-Type": harness.FHIR_JSON, name: b"\xff"})
            self.assert_outcome(answer, 400, name)
        binary = self.send("POST", "Binary", b"x", {"Content-Type": "text/plain", "X-Security-Context": b"Patient/\xff"})
        self.assert_outcome(binary, 400)
        # What nobody reads may be anything.
        self.assertEqual(self.server.get("Patient/a", None, {"User-Agent": b"M\xfcller"}).status, 200)

    def test_r03_entries_of_a_batch_are_refused_one_by_one(self):
        self.serve()
        entries = [{"request": {"method": "GET", "url": url}}
                   for url in ("Patient?name=%ff", "Patient/%c3", "Patient/a")]
        answer = self.server.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries})
        self.assertEqual([e["response"]["status"][:3] for e in answer.json()["entry"]], ["400", "400", "200"])

    def test_r03_long_names_are_cut_between_characters_and_the_server_starts_again(self):
        self.serve()
        jobs = {}
        for shift in range(4):
            for character in ("\u00fc", "\u20ac", "\U0001f600"):
                name = "x" * shift + character * 100
                for query in ({name: "1"}, {"_type": "Patient," + name}, {"_elements": "id," + name},
                              {"organizeOutputBy": name}, {"_outputFormat": name},
                              {"_typeFilter": f"Patient?{name}=1"}):
                    answer = self.server.get("$export", query, LENIENT)
                    if answer.status == 202:
                        jobs[answer.headers["Content-Location"]] = query
                        harness.wait(answer.headers["Content-Location"])
                    else:
                        self.assert_outcome(answer, 400)
        self.assertGreaterEqual(len(jobs), 48)
        port = self.server.base.split(":")[2].split("/")[0]
        self.server.kill()
        self.server.listen = f"127.0.0.1:{port}"
        self.server.start()
        for url, query in jobs.items():
            outcomes = harness.wait(url).outcomes()
            text = json.dumps(outcomes, ensure_ascii=False)
            self.assertNotIn("\ufffd", text, query)

    def test_r03_a_client_and_a_file_with_names_of_another_encoding(self):
        server = self.serve()
        os.mkdir(os.path.join(self.folder, "inbox"))
        latin = os.path.join(self.folder, "inbox").encode() + b"/m\xfcller.ndjson"
        with open(latin, "w", encoding="utf-8") as file:
            file.write(json.dumps(patient("from-latin")) + "\nno JSON\n")
        done = harness.sluice("load", "--data", self.data, os.path.join(self.folder, "inbox"), check=False)
        self.assertEqual(done.returncode, 1, done.err)
        self.assertIn("1 ", done.out)
        self.assertEqual(server.get("Patient/from-latin").status, 200)

    def test_r03_an_import_whose_source_names_its_file_in_another_encoding(self):
        class Source(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(patient("imported")).encode() + b"\n"
                self.send_response(200)
                self.wfile.write(b"".join(self._headers_buffer))
                self._headers_buffer = []
                self.wfile.write(b'ETag: "\xfc"\r\nLast-Modified: \xfc\r\nContent-Length: %d\r\n\r\n' % len(body))
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        source = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Source)
        thread = threading.Thread(target=source.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        self.addCleanup(lambda: (source.shutdown(), thread.join(), source.server_close()))
        self.serve("--import-allow-private")
        answer = self.server.post("$import", {
            "inputFormat": "application/fhir+ndjson", "inputSource": "http://here.example",
            "input": [{"type": "Patient", "url": f"http://127.0.0.1:{source.server_port}/f"}]},
            "application/json", {"Prefer": "respond-async"})
        self.assertEqual(answer.status, 202, answer)
        harness.wait(answer.headers["Content-Location"])
        self.assertEqual(self.server.get("Patient/imported").status, 200)
        self.server.kill()
        self.server.start()


if __name__ == "__main__":
    unittest.main()

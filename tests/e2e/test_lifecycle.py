"""The server process: K-07 and S-06 across restarts, graceful ends, metrics, logs without PHI."""
import json
import os
import re
import signal
import socket
import threading
import unittest
import urllib.parse

import corpus
import harness


def moved(url, server):
    """A URL of a job on the same store, after a restart on another port."""
    return f"{server.base}/{url.split('/fhir/', 1)[1]}"


def takes_connections(server):
    try:
        socket.create_connection(("127.0.0.1", urllib.parse.urlsplit(server.root).port)).close()
        return True
    except ConnectionError:
        return False


class Restarts(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = harness.temporary_folder(cls)
        cls.data = os.path.join(cls.folder, "data")
        harness.load(cls.data, *corpus.large_input(cls.folder, 80))
        cls.resources = harness.stats(cls.data)["resources"]

    def test_k07_jobs_and_files_are_there_after_a_restart(self):
        for end in (harness.Server.stop, harness.Server.kill):
            with self.subTest(end=end.__name__):
                server = harness.start_server(self, self.data, "--base-url", "http://bulk.example/fhir")
                answer = server.get("Patient/$export", {"_type": "Patient,Condition"})
                location = answer.headers["Content-Location"]
                self.assertTrue(location.startswith("http://bulk.example/fhir/"), location)
                manifest = harness.wait(moved(location, server)).manifest
                self.assertTrue(manifest["request"].startswith("http://bulk.example/fhir/Patient/$export"))
                item = manifest["output"][0]
                self.assertTrue(item["url"].startswith("http://bulk.example/fhir/"), item)
                before = harness.request("GET", moved(item["url"], server))
                end(server)
                again = harness.start_server(self, self.data)
                self.assertEqual(harness.wait(moved(location, again)).manifest, manifest)
                after = harness.request("GET", moved(item["url"], again))
                self.assertTrue(after.body == before.body)
                self.assertEqual(after.headers["ETag"], before.headers["ETag"])
                etag = after.headers["ETag"]
                part = harness.request("GET", moved(item["url"], again),
                                       {"Range": "bytes=100-199", "If-Range": etag})
                self.assertTrue(part.status == 206 and part.body == before.body[100:200])
                again.stop()

    def test_sigterm_ends_with_0_and_the_running_job_goes_on_after_the_next_start(self):
        server = harness.start_server(self, self.data, "--export-workers", 1)
        location = server.kick_off("$export", {"_elements": "id"})
        self.assertEqual(server.stop(), 0, server.log())
        again = harness.start_server(self, self.data)
        manifest = harness.wait(moved(location, again)).manifest
        self.assertEqual(sum(item["count"] for item in manifest["output"]), self.resources)

    def test_sigterm_lets_a_download_under_way_finish_and_takes_no_new_ones(self):
        server = harness.start_server(self, self.data)
        items = server.export("$export", {"_type": "Observation"}).manifest["output"]
        item = max(items, key=lambda i: i["fileSize"])
        with harness.SlowDownload(item["url"]) as slow:
            received = slow.read(10_000)
            server.process.send_signal(signal.SIGTERM)
            harness.eventually(self, lambda: not takes_connections(server), "the end of listening")
            received += slow.read_rest()
        self.assertEqual(len(received), item["fileSize"])
        self.assertEqual(server.stop(), 0)

    def test_sigterm_does_not_wait_for_ever_for_a_client_that_does_not_read(self):
        server = harness.start_server(self, self.data)
        items = server.export("$export", {"_type": "Observation"}).manifest["output"]
        item = max(items, key=lambda i: i["fileSize"])
        with harness.SlowDownload(item["url"]) as slow:
            slow.read(1000)
            self.assertEqual(server.stop(), 0)

    def test_sigint_ends_the_server_as_well(self):
        server = harness.start_server(self, self.data)
        server.process.send_signal(signal.SIGINT)
        self.assertEqual(server.process.wait(60), 0)

    def test_a_second_server_on_the_same_data_is_refused(self):
        harness.start_server(self, self.data)
        done = harness.sluice("serve", "--data", self.data, "--listen", "127.0.0.1:0", "--open",
                              check=False, timeout=120)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(self.data, done.err)

    def test_clients_that_vanish_do_not_harm_the_server(self):
        server = harness.start_server(self, self.data)
        items = server.export("$export", {"_type": "Observation"}).manifest["output"]

        def vanish():
            for number in range(20):
                with harness.SlowDownload(items[0]["url"], {"Accept-Encoding": "gzip"}
                                          if number % 2 else {}) as slow:
                    slow.read(500)

        threads = [threading.Thread(target=vanish) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(server.get("metadata").status, 200)
        self.assertEqual(server.stop(), 0)


class Observability(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = harness.temporary_folder(cls)
        cls.corpus = corpus.add_hand_made(corpus.base_corpus(folder, corpus.SMALL_TYPES))
        data = os.path.join(folder, "data")
        harness.load(data, *cls.corpus.paths)
        cls.server = harness.start_server(cls, data, "--log-level", "trace")
        cls.server.export()
        cls.server.export("Patient/$export", {"_elements": "birthDate"})
        cls.server.export("Group/plain/$export")
        for query in ("_type=Nonsense", "patient=Patient/nobody", "_since=never"):
            cls.server.get("Patient/$export", query)

    def metrics(self):
        answer = harness.request("GET", self.server.root + "/metrics")
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain"))
        return answer.body.decode()

    def test_metrics_are_well_formed_and_count(self):
        text = self.metrics()
        sample = re.compile(r'[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? [0-9.e+-]+')
        for line in text.splitlines():
            self.assertTrue(line.startswith(("# HELP ", "# TYPE ")) or sample.fullmatch(line), line)
        self.assertIn('sluice_jobs_total{event="done"} 3\n', text)
        self.assertIn('sluice_http_requests_total{method="GET",route="export_system",status="202"} 1\n',
                      text)
        patients = len(self.corpus.ids("Patient"))
        self.assertIn(f'sluice_store_resources{{type="Patient"}} {patients}\n', text)
        self.assertNotEqual(text, self.metrics())

    def test_health_and_readiness(self):
        for path in ("/healthz", "/readyz"):
            self.assertEqual(harness.request("GET", self.server.root + path).status, 200)

    def test_every_request_is_one_log_line_with_its_id(self):
        answer = self.server.get("metadata")
        id = answer.headers["X-Request-Id"]
        self.assertTrue(id)
        log = self.server.wait_for_log(self, f"id={id}")
        lines = [line for line in log.splitlines() if f"id={id}" in line]
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("route=metadata", lines[0])
        self.assertIn("status=200", lines[0])

    def test_the_log_holds_no_phi(self):
        """Names, addresses and birth dates of patients are looked for in a log of every level."""
        words = set()
        for key, line in self.corpus.lines.items():
            if key[0] != "Patient":
                continue
            patient = json.loads(line)
            words.update(name.get("family", "") for name in patient.get("name", []))
            words.update(given for name in patient.get("name", []) for given in name.get("given", []))
            words.update(text for address in patient.get("address", [])
                         for text in address.get("line", []))
            words.add(patient.get("birthDate", ""))
        words = {word for word in words if len(word) >= 5}
        self.assertGreater(len(words), 50)
        log = self.server.log()
        self.assertGreater(log.count("\n"), 10)
        found = [word for word in words if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", log)]
        self.assertEqual(found, [])


if __name__ == "__main__":
    unittest.main()

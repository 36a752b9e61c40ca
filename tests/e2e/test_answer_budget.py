"""What answers hold in memory is bounded (R-01), whoever asks for much or does not read, and the server's health
is told all the while (R-02)."""
import base64
import gzip
import hashlib
import json
import os
import re
import select
import socket
import statistics
import threading
import time
import unittest
import urllib.parse

import harness
import smart

MB = 1 << 20
ANSWERS = 100 * MB
BUNDLE = 32 * MB
# Far below what the requests of each test would hold without a budget: 1 to 4 GB.
BOUND = 400 * MB
# What clients of files may make of the process beyond the budget: 16 KB a connection, and what threads have in hand.
BESIDE = 600 * 16 * 1024 + 32 * MB


def transaction(kind, *entries):
    return {"resourceType": "Bundle", "type": kind, "entry": [
        {"request": {"method": method, "url": url}, **({"resource": resource} if resource else {})}
        for method, url, resource in entries]}


class AnswerBudget(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = harness.temporary_folder(cls)
        cls.data = os.path.join(folder, "data")
        observations = harness.write_lines(os.path.join(folder, "Observation.ndjson"), [
            {"resourceType": "Observation", "id": f"o{n}", "status": "final", "code": {"text": "x" * 1300}}
            for n in range(1000)])
        basics = harness.write_lines(os.path.join(folder, "Basic.ndjson"), [
            {"resourceType": "Basic", "id": f"b{n}",
             "code": {"text": base64.b64encode(hashlib.shake_256(bytes([n])).digest(375_000)).decode()}}
            for n in range(40)])
        binary = harness.write_lines(os.path.join(folder, "Binary.ndjson"), [
            {"resourceType": "Binary", "id": "big", "contentType": "text/plain",
             "data": base64.b64encode(b"x" * 6_750_000).decode()}])
        harness.load(cls.data, observations, basics, binary)

    def setUp(self):
        self.server = harness.start_server(self, self.data, "--answer-memory", ANSWERS, "--max-bundle-answer",
                                           BUNDLE, "--max-connections", 4000)

    def tearDown(self):
        peak = self.memory("VmHWM")
        self.assertLess(peak, BOUND, f"{peak / MB:.0f} MB")

    def memory(self, what):
        with open(f"/proc/{self.server.process.pid}/status", encoding="ascii") as status:
            return int(re.search(what + r":\s+(\d+) kB", status.read()).group(1)) * 1024

    def begin_to_measure(self):
        """What the process has now, which is its peak from here on."""
        with open(f"/proc/{self.server.process.pid}/clear_refs", "w", encoding="ascii") as peaks:
            peaks.write("5")
        return self.memory("VmHWM")

    def ask_and_do_not_read(self, count, path, coding="identity"):
        """So many clients that ask for `path` below the base and read nothing of the answer."""
        parts = urllib.parse.urlsplit(self.server.base)
        request = (f"GET {parts.path}/{path} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
                   f"Accept-Encoding: {coding}\r\n\r\n").encode()
        clients = []
        self.addCleanup(lambda: [client.close() for client in clients])
        for _ in range(count):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            client.settimeout(60)
            client.connect((parts.hostname, parts.port))
            client.sendall(request)
            clients.append(client)
        return clients

    def get_soon(self, url):
        """The answer, once there is room for it."""
        deadline = time.monotonic() + 60
        while (answer := harness.request("GET", url)).status != 200:
            self.assert_outcome(answer, 503)
            self.assertTrue(answer.headers["Retry-After"])
            self.assertLess(time.monotonic(), deadline, "those who do not read hold all others up")
            time.sleep(0.5)
        return answer

    def assert_well(self):
        for path in ("/healthz", "/readyz"):
            answer = harness.request("GET", self.server.root + path, timeout=10)
            self.assertEqual(answer.status, 200, answer)

    def test_r01_a_batch_of_large_searches(self):
        batch = transaction("batch", *[("GET", "Observation?_count=1000", None)] * 800,
                            ("PUT", "Patient/written", {"resourceType": "Patient", "id": "written"}))
        answer = self.server.post("", batch)
        self.assertEqual(answer.status, 200, answer)
        self.assertLess(len(answer.body), BUNDLE + MB)
        entries = answer.json()["entry"]
        self.assertEqual(len(entries), 801)
        statuses = [entry["response"]["status"] for entry in entries]
        self.assertEqual(len(entries[0]["resource"]["entry"]), 1000)
        answered = statuses.index("413 Content Too Large")
        self.assertGreater(answered, 10)
        self.assertEqual(set(statuses[:answered]), {"200 OK"})
        self.assertEqual(set(statuses[answered:800]), {"413 Content Too Large"})
        self.assertIn("Bundle", entries[answered]["response"]["outcome"]["issue"][0]["diagnostics"])
        # Entries of a batch are by themselves: what writes is done.
        self.assertEqual(statuses[800], "201 Created")
        self.assertEqual(self.server.get("Patient/written").status, 200)

    def test_r01_a_transaction_of_large_reads_writes_nothing(self):
        for name, url in (("read", "Binary/big"), ("vread", "Binary/big/_history/1"),
                          ("search", "Basic?_count=1000")):
            with self.subTest(name):
                answer = self.server.post("", transaction(
                    "transaction", *[("GET", url, None)] * 400,
                    ("PUT", "Patient/never", {"resourceType": "Patient", "id": "never"})))
                self.assert_outcome(answer, 413, "Bundle.entry[", str(BUNDLE))
                self.assertEqual(self.server.get("Patient/never").status, 404)
        two = self.server.post("", transaction("transaction", *[("GET", "Binary/big", None)] * 2))
        self.assertEqual([entry["resource"]["id"] for entry in two.json()["entry"]], ["big", "big"])

    def test_r01_a_batch_of_large_reads(self):
        answer = self.server.post("", transaction("batch", *[("GET", "Binary/big", None)] * 400))
        statuses = [entry["response"]["status"] for entry in answer.json()["entry"]]
        self.assertEqual(statuses, ["200 OK"] * 3 + ["413 Content Too Large"] * 397)

    def test_r01_clients_that_do_not_read_a_file(self):
        export = self.server.export("$export", {"_type": "Basic"})
        url = export.manifest["output"][0]["url"]
        clients = self.ask_and_do_not_read(600, url.removeprefix(self.server.base + "/"))
        self.assert_well()
        # Others are served, soon at the latest, and who begins to read gets all of it.
        answer = self.get_soon(url)
        self.assertEqual(len(answer.body), export.manifest["output"][0]["fileSize"])
        lines = [json.loads(line) for line in answer.body.splitlines()]
        self.assertEqual(len(lines), export.manifest["output"][0]["count"])
        late = clients[0].makefile("rb")
        self.assertEqual(late.readline(), b"HTTP/1.1 200 OK\r\n")
        while late.readline() != b"\r\n":
            pass
        self.assertEqual(hashlib.sha256(late.read(len(answer.body))).digest(),
                         hashlib.sha256(answer.body).digest())

    def test_r01_what_files_hold_is_what_the_budget_says(self):
        # Lines of 1.3 KB, of half a block, and one of nine blocks; inflated and as they are stored.
        for kind, coding in (("Observation", "identity"), ("Basic", "identity"), ("Binary", "identity"),
                             ("Basic", "gzip")):
            with self.subTest(kind=kind, coding=coding):
                url = self.server.export("$export", {"_type": kind}).manifest["output"][0]["url"]
                before = self.begin_to_measure()
                clients = self.ask_and_do_not_read(600, url.removeprefix(self.server.base + "/"), coding)
                for client in clients:
                    # All have begun, and the kernel holds what it takes.
                    self.assertEqual(client.recv(1), b"H")
                grown = self.memory("VmHWM") - before
                self.assertLess(grown, ANSWERS + BESIDE, f"{grown / MB:.0f} MB")
                for client in clients:
                    client.close()

    def test_r01_the_capability_statement_is_held_once(self):
        # Anybody may ask for it, and it is large.
        wanted = harness.request("GET", self.server.base + "/metadata").body
        self.assertGreater(len(wanted), 500_000)
        before = self.begin_to_measure()
        clients = self.ask_and_do_not_read(600, "metadata")
        for client in clients:
            self.assertEqual(client.recv(12), b"HTTP/1.1 200")
        grown = self.memory("VmHWM") - before
        self.assertLess(grown, 600 * 16 * 1024 + 16 * MB, f"{grown / MB:.0f} MB")
        # Parts of it are made for each, and take nothing from what others are answered with.
        for client in self.ask_and_do_not_read(100, "metadata?_elements=rest"):
            self.assertIn(client.recv(12), (b"HTTP/1.1 200", b"HTTP/1.1 503"))
        self.assertEqual(self.server.get("Observation?_count=1000").status, 200)
        rest = b""
        while not rest.endswith(wanted) and (piece := clients[-1].recv(65536)):
            rest += piece
        self.assertTrue(rest.endswith(wanted))

    def test_r01_clients_that_do_not_read_a_page(self):
        self.ask_and_do_not_read(200, "Basic?_count=1000")
        self.assert_well()
        # Those who do not read are cut once they are in the way of others.
        answer = self.get_soon(self.server.base + "/Basic?_count=1000")
        self.assertGreater(len(answer.json()["entry"]), 10)

    def test_r02_health_is_told_while_all_threads_are_at_work(self):
        over = threading.Event()

        def work():
            batch = json.dumps(transaction("batch", *[("GET", "Observation?status=registered&_sort=-_lastUpdated",
                                                       None)] * 100))
            while not over.is_set():
                try:
                    self.server.post("", batch)
                except OSError:
                    pass

        workers = [threading.Thread(target=work) for _ in range(16)]
        for worker in workers:
            worker.start()
        try:
            took = []
            for _ in range(25):
                for path in ("/healthz", "/readyz"):
                    begun = time.monotonic()
                    answer = harness.request("GET", self.server.root + path)
                    took.append(time.monotonic() - begun)
                    self.assertEqual(answer.status, 200, answer)
        finally:
            over.set()
            for worker in workers:
                worker.join()
        # Not the longest: other programs take the processor too.
        self.assertLess(statistics.median(took), 0.1, sorted(took))


class Connections(harness.TestCase):
    def test_r01_r02_one_address_does_not_take_all_connections(self):
        folder = harness.temporary_folder(self)
        server = harness.start_server(self, os.path.join(folder, "data"), "--max-connections", 400,
                                      "--max-connections-per-address", 300)
        port = int(server.base.split(":")[2].split("/")[0])
        held = []
        self.addCleanup(lambda: [each.close() for each in held])
        for _ in range(420):
            held.append(socket.create_connection(("127.0.0.1", port)))
        answer = self.ask_from("127.0.0.1", port, "/fhir/metadata")
        self.assertIn(b"HTTP/1.1 429", answer)
        self.assertIn(b"OperationOutcome", answer)
        self.assertIn(b"\r\nRetry-After: 1\r\n", answer)
        self.assertIn(b"HTTP/1.1 200", self.ask_from("127.0.0.1", port, "/healthz"))
        self.assertIn(b"HTTP/1.1 200", self.ask_from("127.0.0.2", port, "/fhir/metadata"))
        for _ in range(120):
            held.append(socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.3", 0)))
        # All are taken now.
        self.assertIn(b"HTTP/1.1 503", self.ask_from("127.0.0.2", port, "/fhir/metadata"))
        for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
            self.assertIn(b"HTTP/1.1 200", self.ask_from(address, port, "/readyz"), address)

    def ask_from(self, address, port, path):
        with socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(address, 0)) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while chunk := client.recv(65536):
                answer += chunk
            return answer


class Codings(harness.ServerCase):
    def test_r01_gzip_bodies_are_decoded_within_limits(self):
        server = self.serve("--max-body-size", "5MB")
        patient = json.dumps({"resourceType": "Patient", "id": "z", "gender": "female"}).encode()

        def put(body, coding):
            return harness.request("PUT", server.base + "/Patient/z", {
                "Content-Type": harness.FHIR_JSON, "Content-Encoding": coding}, body)

        self.assertEqual(put(gzip.compress(patient), "gzip").status, 201)
        self.assertEqual(server.get("Patient/z").json()["gender"], "female")
        bomb = gzip.compress(patient[:-1] + b" " * 200_000_000 + b"}")
        self.assertLess(len(bomb), 1_000_000)
        self.assert_outcome(put(bomb, "gzip"), 413, "decoded")
        self.assert_outcome(put(patient, "gzip"), 400, "gzip")
        refused = put(patient, "br")
        self.assert_outcome(refused, 415, "gzip")
        self.assertEqual(refused.headers["Accept-Encoding"], "gzip")
        # A batch, and a form.
        batch = transaction("batch", ("GET", "Patient/z", None))
        answer = server.post("", gzip.compress(json.dumps(batch).encode()), headers={"Content-Encoding": "gzip"})
        self.assertEqual(answer.json()["entry"][0]["resource"]["id"], "z")
        answer = server.post("Patient/_search", gzip.compress(b"gender=female"),
                             "application/x-www-form-urlencoded", {"Content-Encoding": "gzip"})
        self.assertEqual([entry["resource"]["id"] for entry in answer.json()["entry"]], ["z"])


class Bodies(harness.TestCase):
    """Who is not known fills no memory with bodies, and stops nobody who is."""

    def setUp(self):
        folder = harness.temporary_folder(self)
        data = os.path.join(folder, "data")
        self.client = smart.Client(folder, data, "known", scope="system/*.cruds")
        self.server = harness.start_server(self, data, is_open=False)
        parts = urllib.parse.urlsplit(self.server.base)
        self.address, self.host = (parts.hostname, parts.port), parts.netloc

    def begin(self, head, body=b""):
        """A connection on which this was sent, as far as the server took it."""
        connection = socket.create_connection(self.address, timeout=20)
        self.addCleanup(connection.close)
        connection.sendall(head.replace("HOST", self.host).encode())
        try:
            connection.sendall(body)
        except OSError:
            pass
        return connection

    def answer_to(self, connection):
        answer = b""
        try:
            while chunk := connection.recv(65536):
                answer += chunk
        except OSError:
            pass
        return answer

    def test_r01_large_bodies_of_who_is_not_known_are_not_read(self):
        heads = {
            "no token": "POST /fhir HTTP/1.1\r\nHost: HOST\r\nContent-Length: 60000000\r\n\r\n",
            "a false token": "PUT /fhir/Patient/x HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer x.y.z\r\n"
                             "Content-Length: 60000000\r\n\r\n",
            "no such path": "PUT /nothing HTTP/1.1\r\nHost: HOST\r\nContent-Length: 60000000\r\n\r\n",
            "for everybody": "POST /fhir/auth/token HTTP/1.1\r\nHost: HOST\r\nContent-Length: 60000000\r\n\r\n"}
        statuses = {"no token": b"401", "a false token": b"401", "no such path": b"404", "for everybody": b"400"}
        for what, head in heads.items():
            with self.subTest(what):
                # Nothing of the body is waited for.
                answer = self.answer_to(self.begin(head))
                self.assertTrue(answer.startswith(b"HTTP/1.1 " + statuses[what]), answer)
                self.assertIn(b"invalid_request" if what == "for everybody" else b"OperationOutcome", answer)
                if what == "no token":
                    self.assertIn(b"\r\nWWW-Authenticate: Bearer", answer)
        chunked = "POST /fhir HTTP/1.1\r\nHost: HOST\r\nTransfer-Encoding: chunked\r\n\r\n3000000\r\n"
        answer = self.answer_to(self.begin(chunked, b"x" * 200_000))
        self.assertTrue(answer.startswith(b"HTTP/1.1 401"), answer)
        asks = self.begin(heads["no token"].replace("\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n"))
        self.assertTrue(self.answer_to(asks).startswith(b"HTTP/1.1 401"))

    def test_r01_who_is_known_is_served_whatever_others_send(self):
        for size, count in ((59_000_000, 4), (1_500_000, 30), (90_000, 30)):
            held = [self.begin(
                f"POST /fhir HTTP/1.1\r\nHost: HOST\r\nContent-Length: {size + 10_000}\r\n\r\n", b" " * size)
                for _ in range(count)]
            # Where it is not answered, the body is read and waited for.
            unanswered, deadline = held, time.monotonic() + 5
            while unanswered and time.monotonic() < deadline:
                answered = select.select(unanswered, [], [], 0.1)[0]
                unanswered = [each for each in unanswered if each not in answered]
        patient = json.dumps({"resourceType": "Patient", "id": "p", "name": [{"text": "x" * 1_000_000}]}).encode()
        answer = harness.request("PUT", self.server.base + "/Patient/p", {
            **self.client.headers(self.server), "Content-Type": harness.FHIR_JSON}, patient)
        self.assertEqual(answer.status, 201, answer)


if __name__ == "__main__":
    unittest.main()

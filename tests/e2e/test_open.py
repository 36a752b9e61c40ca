"""What a server without authorization answers: only its own names and its own pages (A-11), so that no web
page reads it by DNS rebinding or makes it work."""
import json
import os
import unittest

import harness


class Open(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = harness.temporary_folder(cls)
        cls.data = os.path.join(folder, "data")
        patients = harness.write_lines(os.path.join(folder, "Patient.ndjson"),
                                       [{"resourceType": "Patient", "id": "p"}])
        harness.load(cls.data, patients)
        cls.server = harness.start_server(cls, cls.data)

    def get(self, path, host=None, server=None, **headers):
        """`path` from the root, sent to the name `host`; without it to the address that it is."""
        root = (server or self.server).root
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"GET {path} HTTP/1.1", f"Host: {host or root.removeprefix('http://')}", "Connection: close",
                 *(f"{name}: {value}" for name, value in fields.items()), "", ""]
        answer = harness.raw_exchange(root, "\r\n".join(lines).encode())
        head, body = answer.split(b"\r\n\r\n", 1)
        return int(head.split()[1]), body

    def test_a11_other_names_are_misdirected(self):
        for host in ("evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example"):
            for path in ("/fhir/Patient/p", "/fhir/metadata", "/fhir/$export", "/metrics", "/nothing"):
                with self.subTest(host + path):
                    status, body = self.get(path, host)
                    self.assertEqual(status, 421, body)
                    outcome = json.loads(body)
                    self.assertEqual(outcome["resourceType"], "OperationOutcome")
                    self.assertIn("--base-url", outcome["issue"][0]["diagnostics"])

    def test_a11_loopback_names_are_served(self):
        for host in (None, "localhost", "localhost:1", "127.0.0.2", "[::1]:80"):
            with self.subTest(host):
                status, body = self.get("/fhir/Patient/p", host)
                self.assertEqual(status, 200, body)
                self.assertEqual(json.loads(body)["id"], "p")

    def test_a11_pages_of_other_origins_read_and_change_nothing(self):
        status, body = self.get("/fhir/Patient/p", Origin="https://evil.example")
        self.assertEqual(status, 403, body)
        self.assertIn("--cors-origin", body.decode())
        status, body = self.get("/fhir/$export", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors")
        self.assertEqual(status, 403, body)
        # What a page can send without asking first: a POST without a type.
        answer = harness.request("POST", self.server.base + "/Patient", {"Origin": "https://evil.example"},
                                 b'{"resourceType":"Patient","id":"evil"}')
        self.assert_outcome(answer, 403, "--cors-origin")
        preflight = harness.request("OPTIONS", self.server.base + "/Patient/p", {
            "Origin": "https://evil.example", "Access-Control-Request-Method": "DELETE"})
        self.assertNotIn("Access-Control-Allow-Origin", preflight.headers)

    def test_a11_the_base_url_names_the_server_too(self):
        server = harness.start_server(self, self.data + "2", "--base-url", "https://ehr.example/fhir",
                                      "--cors-origin", "https://app.example")
        for host, status in (("ehr.example", 200), ("EHR.example:8443", 200), ("evil.example", 421)):
            self.assertEqual(self.get("/fhir/metadata", host, server)[0], status, host)
        answer = harness.request("GET", server.base + "/metadata", {"Origin": "https://app.example"})
        self.assertEqual(answer.headers["Access-Control-Allow-Origin"], "https://app.example")


if __name__ == "__main__":
    unittest.main()

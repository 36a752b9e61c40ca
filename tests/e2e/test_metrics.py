"""What /metrics tells: every metric that docs/operations.md has and no other, one observation a request, and nothing
of a path."""
import os
import re
import socket
import unittest

import harness
import smart

DOCUMENT = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "operations.md")
SAMPLE = re.compile(r'([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*\})? ([0-9.e+-]+)')


def documented():
    """{name: (type, labels)} of the table."""
    with open(DOCUMENT, encoding="utf-8") as file:
        rows = re.findall(r"^\| `(sluice_\w+)` \| (\w+) \| \w* \| *([^|]*?) *\|", file.read(), re.M)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def public(server):
    answer = harness.request("GET", server.root + "/metrics")
    assert answer.status == 200, answer
    return answer


def by_control_socket(data):
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(os.path.join(data, "control.sock"))
        control.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return b"".join(iter(lambda: control.recv(65536), b"")).partition(b"\r\n\r\n")[2].decode()


def value(text, sample):
    found = re.search("^" + re.escape(sample) + r" (\S+)$", text, re.M)
    return float(found.group(1)) if found else 0.0


class Metrics(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = harness.temporary_folder(cls)
        cls.data = os.path.join(cls.folder, "data")
        harness.load(cls.data, harness.write_lines(os.path.join(cls.folder, "Patient.ndjson"),
                                                   [{"resourceType": "Patient", "id": "secret-id"}]))

    def test_a_route_has_one_observation_for_each_request(self):
        server = harness.start_server(self, self.data)
        for id in ["secret-id"] * 5 + ["secret-other"] * 2:
            server.get("Patient/" + id)
        harness.raw_exchange(server.base, b"BREW /fhir/Patient/secret-id HTTP/1.1\r\nHost: localhost\r\n\r\n")

        def text_with_all():
            # A request is counted when its answer has been sent.
            text = public(server).body.decode()
            return text if (value(text, 'sluice_http_request_seconds_count{route="read"}') == 7 and
                            value(text, 'sluice_http_request_seconds_count{route="refused"}') == 1) else None
        text = harness.eventually(self, text_with_all, "seven requests and a refused one")
        route = 'sluice_http_request_seconds_bucket{route="read",le="%s"}'
        buckets = [value(text, route % bound)
                   for bound in ("0.001", "0.0025", "0.005", "0.01", "0.05", "0.25", "1", "5", "30", "+Inf")]
        self.assertEqual(buckets, sorted(buckets))
        self.assertEqual(buckets[-1], 7)
        self.assertGreater(value(text, 'sluice_http_request_seconds_sum{route="read"}'), 0)
        for status, count in (("200", 5), ("404", 2)):
            self.assertEqual(value(text, 'sluice_http_requests_total{method="GET",route="read",status="%s"}' % status),
                             count)
        # Of what a client makes up nothing becomes a label.
        self.assertNotIn("secret", text)
        self.assertNotIn("BREW", text)

    def test_every_metric_is_in_the_document(self):
        server = harness.start_server(self, self.data)
        server.export()
        answer = public(server)
        self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
        text = answer.body.decode()
        with_clients = os.path.join(self.folder, "with clients")
        client = smart.Client(self.folder, with_clients, "client")
        other = harness.start_server(self, with_clients, is_open=False)
        self.assertEqual(client.token_answer(other).status, 200)
        text_with_tokens = by_control_socket(with_clients)
        self.assertEqual(value(text_with_tokens, 'sluice_token_seconds_count{result="issued"}'), 1)

        expected = documented()
        self.assertGreater(len(expected), 10)
        found = {}
        for line in (text + text_with_tokens).splitlines():
            if line.startswith("# TYPE "):
                name, kind = line.split()[2:]
                found.setdefault(name, (kind, set()))
            elif not line.startswith("# HELP "):
                sample = SAMPLE.fullmatch(line)
                self.assertTrue(sample, line)
                name = sample.group(1)
                if name not in found:
                    name = re.sub("_(bucket|sum|count)$", "", name)
                labels = set(re.findall(r'(\w+)="', sample.group(2) or "")) - {"le"}
                found[name][1].update(labels)
        self.assertEqual(found, expected)
        # Prometheus' conventions of names.
        for name, (kind, _) in found.items():
            self.assertEqual(name.endswith("_total"), kind == "counter", name)
            self.assertEqual(name.endswith("_seconds"), kind == "histogram", name)

    def test_r06_what_the_store_has_is_told_to_everybody_only_when_all_of_it_is(self):
        data = os.path.join(self.folder, "guarded")
        harness.load(data, os.path.join(self.folder, "Patient.ndjson"))
        smart.Client(self.folder, data, "guarded")
        server = harness.start_server(self, data, is_open=False)
        text = public(server).body.decode()
        self.assertIn("sluice_jobs{", text)
        self.assertNotIn("sluice_store", text)
        whole = by_control_socket(data)
        self.assertEqual(value(whole, 'sluice_store_resources{type="Patient"}'), 1)
        self.assertGreater(value(whole, "sluice_store_transactions_total"), 0)


if __name__ == "__main__":
    unittest.main()

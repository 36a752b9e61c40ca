"""`sluice pull` and servers that answer oddly: lists that are none, ranges without an end, statuses of what stands
before a server, a connection that is too old, ids that lists could not hold (L-01, L-03, L-04, L-05, L-11)."""
import json
import os
import ssl
import threading
import unittest
import warnings

import harness
from imposter import Answer, BulkImposter, outcome
from test_pull_faults import Faults
from test_pull_files import Tokens
from test_pull_long_lines import pull_and_watch
from test_tls import make_certificate


class Lists(Faults):
    def manifest(self, **lists):
        self.server.on("GET", "/status", Answer(200, {**self.server.manifest(self.output), **lists}))

    def test_l05_a_file_without_the_array_around_it_is_pulled(self):
        self.manifest(output=self.output[0])
        out, _ = self.pull()
        self.assert_patients(out)

    def test_l05_a_list_of_something_else_is_not_an_empty_one(self):
        url = self.output[0]["url"]
        for lists, words in (({"output": [url]}, "an entry in 'output' that is no file"),
                             ({"output": url}, "an entry in 'output' that is no file"),
                             ({"output": [self.output]}, "an entry in 'output' that is no file"),
                             ({"deleted": [url]}, "an entry in 'deleted' that is no file"),
                             ({"error": ["Observation failed"]}, "Observation failed"),
                             ({"error": outcome("Condition failed")}, "Condition failed"),
                             ({"link": [{"relation": ["next"], "url": "/2"}]}, "a link that is not understood")):
            with self.subTest(lists=lists):
                self.manifest(**lists)
                _, done = self.pull(code=3)
                self.assertIn(words, done.out)


class Trees(Faults):
    """What a server says is read as a tree only while it is small."""

    def test_l15_metadata_of_very_many_values_take_little_memory(self):
        self.server.on("GET", "/fhir/metadata", Answer(200, b'{"a":[' + b"0," * 15_000_000 + b"0]}"))
        out = self.out()
        code, peak, said = pull_and_watch(self.server.base, "--out", out)
        self.assertEqual(code, 0, said)
        self.assert_patients(out)
        self.assertLess(peak, 160 << 20, f"{peak >> 20} MB")

    def test_l05_an_outcome_that_is_too_deep_counts_as_an_error(self):
        deep = outcome("fine", severity="information")
        for _ in range(90):
            deep["extension"] = [{"extension": deep.get("extension", [])}]
        report = self.server.add_output("OperationOutcome", "e", json.dumps(deep).encode() + b"\n")
        self.server.finish(self.output, error=[report])
        out, done = self.pull(code=3)
        self.assert_patients(out)
        self.assertIn("too deep, or of too many values, to be read", done.out)


class Ranges(Faults):
    def answers(self, *answers):
        self.server.on("GET", "/p1", *answers)
        self.server.finish([{"type": "Patient", "url": "/p1"}])

    def part(self, first, last, total="*", sent=None):
        body = self.patients[first:last + 1]
        return Answer(206, body if sent is None else body[:sent],
                      {"ETag": '"1"', "Content-Range": f"bytes {first}-{last}/{total}"})

    def test_l04_a_range_of_a_file_whose_end_is_not_told_is_not_the_file(self):
        middle, end = self.patients.index(b"\n", 300), len(self.patients) - 1
        self.answers(self.part(0, middle), self.part(middle + 1, end), Answer(416))
        out, _ = self.pull()
        self.assert_patients(out)
        self.assertEqual([r.range_start for r in self.server.sent("GET", "/p1")], [None, middle + 1, end + 1])

    def test_l04_a_server_that_has_but_one_range_has_no_more(self):
        self.answers(self.part(0, len(self.patients) - 1))
        out, _ = self.pull()
        self.assert_patients(out)

    def test_l04_a_range_that_is_cut_goes_on(self):
        end = len(self.patients) - 1
        cut = self.patients.index(b"\n", 300) + 1  # whole lines: only the range tells
        self.answers(self.part(0, end, sent=cut), self.part(cut, end, end + 1))
        out, _ = self.pull()
        self.assert_patients(out)

    def test_l04_no_content_in_the_middle_of_a_file_does_not_empty_it(self):
        def begun(request):
            return Answer(200, self.patients, {"ETag": '"1"'}, cut_after=500)

        self.answers(begun, Answer(204), lambda request: self.part(500, len(self.patients) - 1, len(self.patients)))
        out, _ = self.pull()
        self.assert_patients(out)

    def test_l01_what_a_proxy_has_changed_on_the_way_is_taken(self):
        self.answers(Answer(203, self.patients))
        self.server.on("GET", "/status", Answer(203, self.server.manifest([{"type": "Patient", "url": "/p1"}])))
        out, _ = self.pull()
        self.assert_patients(out)


class Statuses(Tokens):
    """What passes is asked again, at every step."""

    def test_l01_what_passes_is_asked_again_at_every_step(self):
        for status in (408, 425, 502, 521, 525, 530):
            with self.subTest(status=status):
                for method, path, answer in (("POST", "/fhir/$export", self.server.accepted()),
                                             ("GET", "/status", Answer(200, self.server.manifest(self.output)))):
                    self.server.on(method, path, Answer(status, b"a page"), answer)
                out, _ = self.pull()
                self.assert_patients(out)

    def test_l01_501_is_for_good(self):
        self.server.on("POST", "/fhir/$export", Answer(501))
        self.server.on("GET", "/fhir/$export", Answer(501, outcome("no exports here")))
        _, done = self.pull(code=5)
        self.assertIn("no exports here", done.err)
        self.assertEqual(len(self.server.sent("GET", "/fhir/$export")), 1)

    def test_l01_a_fault_of_the_moment_does_not_hide_the_token_endpoint(self):
        known = Answer(200, {"token_endpoint": self.server.root + "/token"}, {"Content-Type": "application/json"})
        self.server.on("GET", "/fhir/.well-known/smart-configuration", Answer(500, b"oops"), known)
        out, done = self.pull()
        self.assert_patients(out)
        self.assertIn("smart-configuration' answers 500: oops; trying again", done.err)

    def test_l12_a_busy_token_endpoint_says_when_to_come_again(self):
        self.server.on("POST", "/token", Answer(429, b"", {"Retry-After": "3"}),
                       Answer(200, {"access_token": "t", "expires_in": 300}))
        self.pull()
        first, second = [request.time for request in self.server.sent("POST", "/token")]
        self.assertGreaterEqual(second - first, 2.99)

    def test_l03_what_cannot_stand_in_a_header_is_no_token(self):
        for token in ("a\tb", "a\0b", "\u00fc"):
            with self.subTest(token):
                self.server.on("POST", "/token", Answer(200, {"access_token": token}))
                _, done = self.pull(code=4)
                self.assertIn("answers without an access_token", done.err)
        self.assertEqual([r.token for r in self.server.sent("POST", "/fhir/$export")], [])

    def test_l15_the_time_limit_is_not_taken_for_the_servers_silence(self):
        held = threading.Event()
        self.addCleanup(held.set)
        self.server.on("GET", "/status", lambda _: held.wait(60) and None)
        _, done = self.pull("--timeout", "2", code=6)
        self.assertNotIn("looking again", done.err)


class Connections(harness.TestCase):
    """A-10: the floor under the version of TLS is ours, whatever the machine's OpenSSL allows."""

    def serve(self, newest):
        server = BulkImposter(self)
        server.finish([])
        server.on("POST", "/fhir/$export", Answer(202, b"", {"Content-Location": "/status"}))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem, self.key)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, newest
        context.set_ciphers("ALL:@SECLEVEL=0")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        return server

    def test_a10_a_server_that_has_nothing_newer_than_tls_1_1_is_refused(self):
        folder = harness.temporary_folder(self)
        self.pem, self.key = make_certificate(folder, "server")
        lax = os.path.join(folder, "openssl.cnf")
        with open(lax, "w", encoding="utf-8") as file:
            file.write("openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = lax\n"
                       "[lax]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n")
        for newest, code in ((ssl.TLSVersion.TLSv1_1, 6), (ssl.TLSVersion.TLSv1_2, 0)):
            with self.subTest(newest=newest.name):
                server = self.serve(newest)
                base = server.base.replace("http:", "https:")
                done = harness.sluice("pull", base, "--out", os.path.join(folder, newest.name), "--ca-file", self.pem,
                                      "--retries", "0", env={"OPENSSL_CONF": lax}, check=False)
                self.assertEqual(done.returncode, code, done.err)
                self.assertEqual(bool(server.sent()), code == 0)


if __name__ == "__main__":
    unittest.main()

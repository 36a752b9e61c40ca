"""The files of `sluice pull`: as many at a time as the server bears, cut, changed, expired, with tokens that
end, on a full disk, over a restart of the server; scripted one by one (L-02 to L-05, L-08)."""
import json
import os
import re
import resource
import signal
import subprocess
import threading
import time
import unittest
import zlib

import gate
import harness
from imposter import Answer, Imposter, file_answer, outcome, resources
from test_pull import assert_same_files, expected_files, pull, pulled
from test_pull_faults import Faults, finished


class Files(Faults):
    def many(self, count):
        return [self.server.add_output("Patient", f"f{i}", resources("Patient", 20, 20 * i)) for i in range(count)]

    def test_l02_more_at_a_time_as_long_as_the_server_bears_it(self):
        self.server.finish(self.many(32))
        running, most, lock, eight = [0], [0], threading.Lock(), threading.Event()

        def file(number):
            def answer(request):
                with lock:
                    running[0] += 1
                    most[0] = max(most[0], running[0])
                    if running[0] >= 8:
                        eight.set()
                # The last ones are held until eight of them are here.
                if number >= 24:
                    eight.wait(60)
                with lock:
                    running[0] -= 1
                return file_answer(request, resources("Patient", 20, 20 * number))
            return answer

        for number in range(32):
            self.server.on("GET", f"/f{number}", file(number))
        out, _ = self.pull("--parallel", "8")
        self.assertEqual(b"".join(pulled(out).values()), resources("Patient", 640))
        self.assertEqual(most[0], 8)

    def test_l02_a_server_that_is_too_busy_gets_fewer_requests(self):
        for status in (429, 503):
            with self.subTest(status=status):
                self.server.finish(self.many(12))
                refused = [0]

                def file(number):
                    def answer(request):
                        # The first four all come before the client knows.
                        if refused[0] < 4:
                            refused[0] += 1
                            return Answer(status, outcome("not so fast", "throttled"), {"Retry-After": "0.2"})
                        return file_answer(request, resources("Patient", 20, 20 * number))
                    return answer

                for number in range(12):
                    self.server.on("GET", f"/f{number}", file(number))
                out, done = self.pull()
                self.assertEqual(b"".join(pulled(out).values()), resources("Patient", 240))
                self.assertIn(f"patience ({status}): 1 at a time", done.err)

    def test_l04_a_cut_in_the_middle_goes_on_from_there(self):
        body = resources("Patient", 3000, size=100)
        cuts = [lambda r: file_answer(r, body, cut_after=100_000)] * 3
        self.server.on("GET", "/p1", *cuts, lambda r: file_answer(r, body))
        self.server.finish([{"type": "Patient", "url": "/p1", "count": 3000}])
        out, _ = self.pull()
        self.assertEqual(pulled(out)["Patient.00001.ndjson"], body)
        asked = self.server.sent("GET", "/p1")
        self.assertEqual([r.range_start for r in asked], [None, 100_000, 200_000, 300_000])
        self.assertEqual([r.headers.get("If-Range") for r in asked], [None] + ['"1"'] * 3)

    def test_l04_a_file_that_changed_under_way_begins_anew(self):
        old, new = resources("Patient", 2000, size=100), resources("Patient", 2000, 5000, size=100)
        self.server.finish([{"type": "Patient", "url": "/p1"}])
        for name, headers in (("200 to If-Range", {}), ("206 with another ETag", {})):
            with self.subTest(name):
                stubborn = name.startswith("206")

                def second(request):
                    if stubborn and request.range_start:
                        return Answer(206, new[request.range_start:], {
                            "ETag": '"2"', "Content-Range": f"bytes {request.range_start}-{len(new) - 1}/{len(new)}"})
                    return file_answer(request, new, '"2"', headers=headers)

                self.server.on("GET", "/p1", lambda r: file_answer(r, old, cut_after=100_000), second)
                out, _ = self.pull()
                self.assertEqual(pulled(out)["Patient.00001.ndjson"], new)

    def test_l04_no_ranges_no_validators(self):
        body = resources("Patient", 2000, size=100)
        self.server.finish([{"type": "Patient", "url": "/p1"}])
        self.server.on("GET", "/p1", Answer(200, body, cut_after=100_000), Answer(200, body))
        out, _ = self.pull()
        self.assertEqual(pulled(out)["Patient.00001.ndjson"], body)

    def test_l12_a_file_that_always_breaks_is_not_asked_for_for_ever(self):
        body = resources("Patient", 2000, size=100)
        self.server.finish([{"type": "Patient", "url": "/p1"}])
        self.server.on("GET", "/p1", Answer(200, body, cut_after=100_000))
        out, done = self.pull("--retries", "2", code=6)
        # The first brought something, the others nothing that was not there before.
        times = [r.time for r in self.server.sent("GET", "/p1")]
        self.assertEqual(len(times), 4)
        self.assertGreaterEqual(times[2] - times[1], 0.99)
        self.assertGreaterEqual(times[3] - times[2], 1.99)
        self.assertEqual(finished(out), [])

    def test_l05_capability_urls_that_expire_in_the_middle(self):
        body = resources("Patient", 3000, size=100)
        manifests = [0]

        def status(_):
            manifests[0] += 1
            return Answer(200, self.server.manifest([
                {"type": "Patient", "url": f"{self.server.root}/p1?sig={manifests[0]}", "count": 3000}]))

        def file(request):
            if request.query["sig"] == ["1"]:
                if request.range_start is None:
                    return file_answer(request, body, cut_after=150_000)
                return Answer(403, b"<Error><Code>ExpiredToken</Code></Error>")
            return file_answer(request, body)

        self.server.on("GET", "/status", status)
        self.server.on("GET", "/p1", file)
        out, _ = self.pull()
        self.assertEqual(pulled(out)["Patient.00001.ndjson"], body)
        asked = [(r.query["sig"], r.range_start) for r in self.server.sent("GET", "/p1")]
        self.assertEqual(asked, [(["1"], None), (["1"], 150_000), (["2"], 150_000)])

    def test_l08_a_file_that_never_comes_is_3_and_the_job_is_kept(self):
        self.server.finish(self.output + [{"type": "Observation", "url": "/gone"}])
        self.server.on("GET", "/gone", Answer(410, outcome("expired")))
        out, done = self.pull(code=3)
        self.assertEqual(finished(out), ["Patient.00001.ndjson"])
        self.assertIn("not received", done.out)
        self.assertEqual(self.server.sent("DELETE"), [])

    def test_l04_a_full_disk_is_6_and_goes_on_when_there_is_room(self):
        body = resources("Patient", 3000, size=100)
        self.server.on("GET", "/p1", lambda r: file_answer(r, body))
        self.server.finish([{"type": "Patient", "url": "/p1", "count": 3000}])
        out = self.out()

        def no_room():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        # Python ignores SIGXFSZ and hands that down: a write beyond the limit fails as on a full disk.
        done = subprocess.run([harness.BINARY, "pull", self.server.base, "--out", out], preexec_fn=no_room,
                              restore_signals=False, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 6, done)
        self.assertIn(b"same command goes on", done.stderr)
        pull(self.server.base, "--out", out)
        self.assertEqual(pulled(out)["Patient.00001.ndjson"], body)
        # What was written before the disk was full is not asked for again.
        self.assertGreater(self.server.sent("GET", "/p1")[-1].range_start, 50_000)
        self.assertEqual(len(self.server.sent("POST", "/fhir/$export")), 1)


    def test_l15_files_that_wait_for_their_check_are_few(self):
        # Small on the way and large to check: without a limit all of them would wait, each with its buffers.
        lines = resources("Patient", 1, size=1000) * 20_000
        body = zlib.compress(lines, wbits=31)
        self.server.finish([{"type": "Patient", "url": f"/g{i}", "count": 20_000} for i in range(100)])
        for i in range(100):
            self.server.on("GET", f"/g{i}", Answer(200, body, {"Content-Type": "application/fhir+ndjson"}))
        out = self.out()

        def few_descriptors():
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

        done = subprocess.run([harness.BINARY, "pull", self.server.base, "--gzip", "--out", out],
                              preexec_fn=few_descriptors, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual(len(finished(out)), 100)

    def test_l04_after_a_reboot_only_synced_bytes_count(self):
        body = resources("Patient", 3000, size=100)
        self.server.finish([{"type": "Patient", "url": "/p1", "count": 3000}])
        for synced in (0, 120_000):
            with self.subTest(synced=synced):
                self.server.on("GET", "/p1", lambda r: file_answer(r, body, cut_after=200_000),
                               Answer(503, b"", {"Retry-After": "30"}))
                out = self.out()
                before = len(self.server.sent("GET", "/p1"))
                process = subprocess.Popen([harness.BINARY, "pull", self.server.base, "--out", out],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                harness.eventually(self, lambda: len(self.server.sent("GET", "/p1")) > before + 1,
                                   "the second request")
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(120), 6)
                self.assertEqual(os.path.getsize(os.path.join(out, "Patient.00001.ndjson.part")), 200_000)
                # As if the machine had been started anew since.
                records = [{"e": "start", "boot": "another"}]
                if synced:
                    records.insert(0, {"e": "bytes", "i": 0, "bytes": synced})
                with open(os.path.join(out, ".sluice", "journal"), "a", encoding="utf-8") as journal:
                    for record in records:
                        text = json.dumps(record)
                        journal.write(f"{zlib.crc32(text.encode()):08x} {text}\n")
                self.server.on("GET", "/p1", lambda r: file_answer(r, body))
                pull(self.server.base, "--out", out)
                self.assertEqual(self.server.sent("GET", "/p1")[-1].range_start, synced or None)
                self.assertTrue(pulled(out)["Patient.00001.ndjson"] == body)

    def test_l04_one_process_at_a_time_works_in_a_folder(self):
        held = threading.Event()
        self.addCleanup(held.set)
        self.server.on("GET", "/p1", lambda r: (held.wait(60), file_answer(r, self.patients))[1])
        out = self.out()
        process = subprocess.Popen([harness.BINARY, "pull", self.server.base, "--out", out],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: (held.set(), process.wait()))
        while not self.server.sent("GET", "/p1"):
            self.assertIsNone(process.poll())
            time.sleep(0.01)
        done = pull(self.server.base, "--out", out, code=6)
        self.assertIn("another process works in", done.err)
        held.set()
        self.assertEqual(process.wait(60), 0)


class Tokens(Faults):
    def setUp(self):
        super().setUp()
        self.key = os.path.join(harness.temporary_folder(self), "key.jwk")
        harness.sluice("keys", "generate", "--alg", "ES384", "--out", self.key)
        self.server.add_token_endpoint()

    def pull(self, *options, code=0):
        return super().pull("--client-id", "c", "--key", self.key, *options, code=code)

    def guarded(self, answer):
        """The same answer for the valid token only."""
        def check(request):
            if request.token != self.server.valid:
                return Answer(401, outcome("the token has expired", "expired"))
            return answer(request) if callable(answer) else answer
        return check

    def test_l03_a_401_in_the_middle_of_a_download(self):
        body = resources("Patient", 3000, size=100)

        def first(request):
            self.server.valid = None  # it expires while the file is sent
            return file_answer(request, body, cut_after=120_000)

        self.server.on("GET", "/p1", self.guarded(first), self.guarded(lambda r: file_answer(r, body)))
        self.server.finish([{"type": "Patient", "url": "/p1"}], requiresAccessToken=True)
        out, _ = self.pull()
        self.assertEqual(pulled(out)["Patient.00001.ndjson"], body)
        asked = [(r.token, r.range_start) for r in self.server.sent("GET", "/p1")]
        self.assertEqual(asked, [("t1", None), ("t1", 120_000), ("t2", 120_000)])

    def test_l03_a_401_to_kick_off_and_polls(self):
        self.server.on("POST", "/fhir/$export", Answer(401, outcome("who?")), self.guarded(self.server.accepted()))
        self.server.on("GET", "/status", Answer(401), self.guarded(Answer(200, self.server.manifest(self.output))))
        self.server.on("DELETE", "/status", Answer(401), self.guarded(Answer(202)))
        out, _ = self.pull()
        self.assert_patients(out)
        self.assertEqual(self.server.tokens, 4)

    def test_l03_a_token_is_renewed_before_it_expires(self):
        self.server.add_token_endpoint(lifetime=1)
        self.server.on("GET", "/status", *[self.guarded(Answer(202, b"", {"Retry-After": "1"}))] * 2,
                       self.guarded(Answer(200, self.server.manifest(self.output))))
        out, _ = self.pull()
        self.assert_patients(out)
        self.assertGreaterEqual(self.server.tokens, 3)

    def test_l03_no_token_where_none_is_wanted(self):
        other = Imposter(self)
        observations = resources("Observation", 5)
        other.on("GET", "/o", lambda request: file_answer(request, observations))
        self.server.on("GET", "/moved", Answer(307, b"", {"Location": other.root + "/o"}))
        files = self.output + [{"type": "Observation", "url": "/moved"}]
        for required in (False, True):
            with self.subTest(requiresAccessToken=required):
                self.server.finish(files, requiresAccessToken=required)
                out, _ = self.pull()
                self.assertEqual(pulled(out)["Observation.00001.ndjson"], observations)
                self.assertEqual(bool(self.server.sent("GET", "/p1")[-1].token), required)
                self.assertEqual(bool(self.server.sent("GET", "/moved")[-1].token), required)
                # Another origin has never seen it.
                self.assertEqual([r.token for r in other.sent("GET", "/o")], [""] * len(other.sent()))
        self.assertEqual(len(other.sent("GET", "/o")), 2)

    def test_l03_no_token_by_plain_http_to_other_machines(self):
        # An address that leads here and does not look like it.
        base = self.server.base.replace("127.0.0.1", "[::ffff:127.0.0.1]")
        options = ("--client-id", "c", "--key", self.key)
        done = pull(base, "--out", self.out(), *options, code=4)
        self.assertIn("--plain-http", done.err)
        self.assertEqual([r for r in self.server.sent() if r.token], [])
        out = self.out()
        pull(base, "--out", out, *options, "--plain-http")
        self.assert_patients(out)
        self.assertEqual(self.server.sent("POST", "/fhir/$export")[-1].token, "t2")

    def test_l08_tokens_refused_for_good_are_4(self):
        self.server.on("GET", "/p1", Answer(401, outcome("never")))
        self.server.finish(self.output, requiresAccessToken=True)
        _, done = self.pull(code=4)
        self.assertIn("never", done.err)
        self.server.on("POST", "/fhir/$export", Answer(403, outcome("scope system/Patient.rs is missing", "forbidden")))
        _, done = self.pull(code=4)
        self.assertIn("scope system/Patient.rs is missing", done.err)
        self.server.on("POST", "/fhir/$export", Answer(401, outcome("not from that endpoint")))
        _, done = self.pull(code=4)
        self.assertIn("not from that endpoint", done.err)
        self.assertIn("tokens of that token endpoint?", done.err)
        self.server.on("POST", "/token", Answer(400, {"error": "invalid_client", "error_description": "unknown key"}))
        _, done = self.pull(code=4)
        self.assertIn("unknown key", done.err)

    def test_l08_a_client_that_was_removed_is_not_asked_about_for_each_file(self):
        def gone(_):
            self.server.on("POST", "/token", Answer(401, {"error": "invalid_client", "error_description": "who?"}))
            return Answer(401, outcome("the token was revoked"))

        files = [{"type": "Patient", "url": f"/p{i}"} for i in range(200)]
        for file in files:
            self.server.on("GET", file["url"], gone)
        self.server.finish(files, requiresAccessToken=True)
        _, done = self.pull(code=4)
        self.assertIn("who?", done.err)
        self.assertEqual(len(self.server.sent("POST", "/token")), 2)

    def test_l03_a_token_endpoint_that_is_busy_is_waited_for(self):
        self.server.on("POST", "/token", Answer(503), lambda _: Answer(200, {"access_token": "t", "expires_in": "300"}))
        out, done = self.pull()
        self.assert_patients(out)
        self.assertIn("the token endpoint answers 503", done.err)


class Restarts(harness.TestCase):
    def test_l04_the_server_is_killed_and_restarted_in_the_middle(self):
        folder = harness.temporary_folder(self)
        sample = os.path.join(folder, "sample")
        harness.sluice("generate", "--patients", 60, "--seed", 5, "--out", sample)
        data = os.path.join(folder, "data")
        harness.load(data, sample)
        server = harness.start_server(self, data, "--poll-burst", 100000)
        way = gate.Gate(self, server.base, cut_after=30_000)
        location = harness.request("GET", way.url(server.base) + "/$export?_type=Observation",
                                   {"Prefer": "respond-async"}).headers["Content-Location"]
        out = os.path.join(folder, "out")
        process = subprocess.Popen([harness.BINARY, "pull", "--status-url", location, "--out", out, "--keep-job"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while way.cuts < 5 and process.poll() is None:
            time.sleep(0.005)
        server.kill()
        self.assertIsNone(process.poll(), "the pull ended before the server")
        server.listen = re.search(r"127\.0\.0\.1:\d+", server.base).group(0)
        server.start()
        _, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, err)
        way.cut_after = None
        wanted = expected_files(harness.wait(location).manifest)
        assert_same_files(self, pulled(out), wanted)


if __name__ == "__main__":
    unittest.main()

"""`sluice pull` against `sluice serve`, by way of a gate that cuts connections, killed at any moment:
L-01 to L-05, L-08."""
import glob
import gzip
import json
import os
import random
import re
import signal
import subprocess
import unittest

import gate
import harness


def pulled(folder):
    """{name: bytes} of all files of a pull, gzip inflated."""
    files = {}
    paths = [path for pattern in ("*.ndjson*", "*.jsonl*")
             for path in glob.glob(os.path.join(folder, "**", pattern), recursive=True)]
    for path in sorted(paths):
        if os.path.basename(path) == "log.ndjson":
            continue
        assert path.endswith((".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")), path
        with open(path, "rb") as file:
            content = file.read()
        files[os.path.relpath(path, folder)] = gzip.decompress(content) if path.endswith(".gz") else content
    return files


def expected_files(manifest):
    """What the server sends, under the names that a pull gives."""
    files, count = {}, {}
    for item in manifest["output"]:
        count[item["type"]] = count.get(item["type"], 0) + 1
        body = harness.request("GET", item["url"]).body
        files[f"{item['type']}.{count[item['type']]:05}.ndjson"] = body
    return files


def assert_same_files(test, actual, expected):
    """Of {name: bytes}, without a comparison line by line, which takes minutes."""
    test.assertEqual({name: len(body) for name, body in actual.items()},
                     {name: len(body) for name, body in expected.items()})
    test.assertEqual([name for name in expected if actual[name] != expected[name]], [])


def requests_of(folder):
    with open(os.path.join(folder, ".sluice", "requests.log"), encoding="utf-8") as log:
        return [json.loads(line) for line in log]


def pull(*arguments, code=0, env=None, timeout=300):
    done = harness.sluice("pull", *arguments, check=False, env=env, timeout=timeout)
    if done.returncode != code:
        raise AssertionError(f"exit {done.returncode} instead of {code}:\n{done.out}\n{done.err}")
    return done


class Pull(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = harness.temporary_folder(cls)
        sample = os.path.join(cls.folder, "sample")
        harness.sluice("generate", "--patients", 120, "--seed", 3, "--out", sample)
        cls.data = os.path.join(cls.folder, "data")
        harness.load(cls.data, sample)
        cls.server = harness.start_server(cls, cls.data, "--poll-burst", 100000)

    def out(self):
        return os.path.join(harness.temporary_folder(self), "out")

    def finished_job(self, parameters=None, base=None):
        """A job that is done, so that the pull is its files alone. An open server's URLs begin with the
        base that it was asked by: that of a gate, say."""
        url = harness.with_query(f"{base or self.server.base}/$export", parameters)
        location = harness.request("GET", url, {"Prefer": "respond-async"}).headers["Content-Location"]
        return location, harness.wait(location).manifest

    def test_l01_files_are_the_servers_byte_for_byte_and_the_job_is_deleted(self):
        location, manifest = self.finished_job()
        expected = expected_files(manifest)
        out = self.out()
        pull("--status-url", location, "--out", out)
        self.assertEqual(pulled(out), expected)
        self.assertEqual(harness.request("GET", location).status, 404)

    def test_l01_kick_off_with_parameters(self):
        out = self.out()
        done = pull(self.server.base, "--group", "ten-percent", "--type", "Patient,Observation",
                    "--elements", "id,subject", "--out", out)
        self.assertEqual({name.split(".")[0] for name in pulled(out)}, {"Patient", "Observation"})
        self.assertIn("as of", done.out)
        sent = [(r["method"], r["url"].rsplit("/", 1)[-1], r["status"]) for r in requests_of(out)]
        self.assertIn(("POST", "$export", 202), sent)
        self.assertEqual(sent[-1][0], "DELETE")
        # Again: nothing is asked for.
        count = len(requests_of(out))
        pull(self.server.base, "--group", "ten-percent", "--type", "Patient,Observation", "--elements",
             "id,subject", "--out", out)
        self.assertEqual(len(requests_of(out)), count)
        refused = pull(self.server.base, "--group", "ten-percent", "--out", out, code=2)
        self.assertIn("other parameters", refused.err)

    def test_m03_blocks_are_whole_though_their_headers_do_not_count(self):
        out = self.out()
        pull(self.server.base, "--group", "ten-percent", "--organize-output-by", "Patient", "--out", out)
        lines = [json.loads(line) for body in pulled(out).values() for line in body.splitlines()]
        headers = [line["parameter"][0]["valueReference"]["reference"] for line in lines
                   if line["resourceType"] == "Parameters"]
        self.assertEqual((len(headers), len(set(headers))), (12, 12))
        patients = {f"Patient/{line['id']}" for line in lines if line["resourceType"] == "Patient"}
        self.assertLessEqual(set(headers), patients)

    def test_l01_errors_say_what_the_server_said_and_what_to_try(self):
        out = self.out()
        done = pull(self.server.base, "--group", "nobody", "--out", out, code=5)
        self.assertIn("there is no Group/nobody", done.err)
        self.assertIn("may this client see it", done.err)
        done = pull(self.server.base, "--type", "Nothing", "--out", self.out(), code=5)
        self.assertIn("Nothing", done.err)
        self.assertIn("--lenient", done.err)

    def test_l02_gzip_as_received(self):
        location, manifest = self.finished_job({"_type": "Observation"})
        raw = {}
        for number, item in enumerate(manifest["output"], 1):
            raw[f"Observation.{number:05}.ndjson.gz"] = harness.request(
                "GET", item["url"], {"Accept-Encoding": "gzip"}).body
        out = self.out()
        pull("--status-url", location, "--out", out, "--gzip")
        for name, body in raw.items():
            with open(os.path.join(out, name), "rb") as file:
                self.assertEqual(file.read(), body, name)
        self.assertEqual(set(pulled(out)), set(raw))

    def test_l04_cuts_at_every_64_kb_cost_no_byte_twice(self):
        way = gate.Gate(self, self.server.base)
        location, manifest = self.finished_job({"_type": "Observation,Encounter"}, way.url(self.server.base))
        wanted = expected_files(manifest)
        wire = sum(len(harness.request("GET", item["url"], {"Accept-Encoding": "gzip"}).body)
                   for item in manifest["output"])
        self.assertGreater(wire, 8 * 65536)
        way.cut_after, way.received, way.connections = 65536, 0, 0
        out = self.out()
        pull("--status-url", location, "--out", out, "--keep-job")
        self.assertEqual(pulled(out), wanted)
        self.assertGreater(way.cuts, wire // 65536 - len(wanted) - 2)
        # All that came by the gate but heads: about 400 bytes for each request.
        self.assertLess(way.received, wire + 1000 * way.connections + 20_000)
        self.assertGreaterEqual(way.received, wire)

    def test_l04_killed_at_any_moment_it_goes_on(self):
        way = gate.Gate(self, self.server.base)
        location, manifest = self.finished_job(base=way.url(self.server.base))
        wanted = expected_files(manifest)
        wire = sum(len(harness.request("GET", item["url"], {"Accept-Encoding": "gzip"}).body)
                   for item in manifest["output"])
        way.received = 0
        out = self.out()
        seed = random.randrange(1 << 30)
        dice = random.Random(seed)
        arguments = [harness.BINARY, "pull", "--status-url", location, "--out", out, "--keep-job"]
        kills = 0
        for _ in range(60):
            process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            try:
                # The first time at once: on a busy machine all may be done when this one looks again.
                _, err = process.communicate(timeout=dice.uniform(0.01, 0.12) if kills else 0.002)
                self.assertEqual(process.returncode, 0, (seed, err))
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
        else:
            pull(*arguments[2:])
        self.assertEqual(pulled(out), wanted, f"seed {seed}")
        self.assertGreater(kills, 0, "it was never killed")
        # Each kill costs what was in the sockets of four downloads, and heads, and the manifest again.
        self.assertLess(way.received, wire + kills * 1_000_000)

    def test_l04_sigterm_ends_with_6_and_the_same_command_goes_on(self):
        location, manifest = self.finished_job()
        wanted = expected_files(manifest)
        way = gate.Gate(self, self.server.base, cut_after=0)  # nothing comes
        out = self.out()
        process = subprocess.Popen([harness.BINARY, "pull", "--status-url", way.url(location), "--out", out,
                                    "--keep-job"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        harness.eventually(self, lambda: way.cuts, "a connection of the pull")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 6, err)
        self.assertIn(b"same command goes on", err)
        way.cut_after = None
        pull("--status-url", way.url(location), "--out", out, "--keep-job")
        self.assertEqual(pulled(out), wanted)

    def test_l08_json_lines(self):
        out = self.out()
        done = pull(self.server.base, "--type", "Patient", "--out", out, "--log-json")
        lines = [json.loads(line) for line in done.err.splitlines()]
        self.assertIn("request", {line["event"] for line in lines})
        summary = json.loads(done.out)
        self.assertEqual(summary["types"]["Patient"]["resources"], 120)
        self.assertRegex(summary["transactionTime"], r"^\d{4}-")

    def test_l08_dry_run_sends_nothing(self):
        done = pull("http://127.0.0.1:1/fhir", "--type", "Patient", "--since", "2026-01-01T00:00:00Z",
                    "--dry-run")
        self.assertIn('"_type"', done.out)
        self.assertIn("Prefer: respond-async", done.out)
        self.assertNotIn("attachment", done.out)
        done = pull("http://127.0.0.1:1/fhir", "--attachments", "inline", "--into", "/nowhere", "--dry-run")
        self.assertIn("GET each attachment", done.out)
        self.assertIn("then load /nowhere", done.out)
        self.assertFalse(os.path.exists("/nowhere"))
        done = pull("http://127.0.0.1:1/fhir", "--type", "Patient", "--get", "--dry-run")
        self.assertTrue(re.search(r"^GET .*\$export\?_type=Patient$", done.out, re.M), done.out)

    def test_wrong_use_is_2(self):
        for arguments in (["--out", "x"], [self.server.base], [self.server.base, "--out", "x", "--since", "u"],
                          [self.server.base, "--out", "x", "--patient", "1"],
                          [self.server.base, "--out", "x", "--client-id", "c"],
                          [self.server.base, "--out", "x", "--vendor", "none"],
                          ["ftp://x/fhir", "--out", "x"]):
            with self.subTest(arguments=arguments):
                pull(*arguments, code=2)
        self.assertFalse(os.path.exists("x"))


class Authorized(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = harness.temporary_folder(cls)
        sample = os.path.join(cls.folder, "sample")
        harness.sluice("generate", "--patients", 60, "--seed", 4, "--out", sample)
        cls.data = os.path.join(cls.folder, "data")
        harness.load(cls.data, sample)
        cls.keys = {}
        for name, algorithm, options in (("es", "ES384", ()), ("rs", "RS384", ()),
                                         ("cap", "ES384", ("--file-access", "capability"))):
            path = os.path.join(cls.folder, name + ".jwk")
            public = harness.sluice("keys", "generate", "--alg", algorithm, "--out", path).out
            jwks = os.path.join(cls.folder, name + ".jwks")
            with open(jwks, "w", encoding="utf-8") as file:
                file.write(public)
            harness.sluice("client", "add", "--data", cls.data, "--id", name, "--jwks", jwks, "--scope",
                           "system/*.rs", *options)
            cls.keys[name] = path
        cls.server = harness.start_server(cls, cls.data, "--token-lifetime", 10, is_open=False)

    def test_l01_l03_both_algorithms_and_both_kinds_of_files(self):
        for name, key in self.keys.items():
            with self.subTest(client=name):
                out = os.path.join(harness.temporary_folder(self), "out")
                pull(self.server.base, "--client-id", name, "--key", key, "--type", "Patient,Condition",
                     "--out", out)
                files = pulled(out)
                self.assertEqual(files["Patient.00001.ndjson"].count(b"\n"), 60)
                with open(os.path.join(out, ".sluice", "requests.log"), encoding="utf-8") as log:
                    text = log.read()
                self.assertNotIn("Bearer", text)
                self.assertNotIn("capability=", text)

    def test_l01_a_wrong_key_is_exit_4_and_says_what_to_look_at(self):
        done = pull(self.server.base, "--client-id", "es", "--key", self.keys["rs"], "--out",
                    os.path.join(harness.temporary_folder(self), "out"), code=4)
        self.assertIn("invalid_client", done.err)
        self.assertIn("public key", done.err)
        done = pull(self.server.base, "--out", os.path.join(harness.temporary_folder(self), "out"), code=4)
        self.assertIn("--client-id", done.err)


if __name__ == "__main__":
    unittest.main()

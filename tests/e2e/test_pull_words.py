"""What `sluice pull` and `sluice sync` say to who uses them for the first time (L-08), against a server that
answers by a script: what is wrong, on which line to mend it, and what is done already."""
import json
import os
import ssl
import unittest

import harness
from imposter import Answer, BulkImposter, file_answer, outcome, resources
from test_pull import pull, requests_of
from test_sync import run
from test_tls import make_certificate


class Words(harness.TestCase):
    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.out = os.path.join(self.folder, "out")
        self.server = BulkImposter(self)

    def key(self):
        path = os.path.join(self.folder, "key.jwk")
        if not os.path.exists(path):
            harness.sluice("keys", "generate", "--out", path)
        return path


class Tokens(Words):
    """L-03: a token goes to the FHIR base's origin, which users do not think of."""

    def pull(self, *options, code=0):
        return pull(self.server.base, "--client-id", "c", "--key", self.key(), "--out", self.out, *options,
                    code=code)

    def test_l03_a_file_at_the_same_host_by_another_name_is_told_with_the_option_that_helps(self):
        other = self.server.root.replace("127.0.0.1", "localhost")
        self.server.add_token_endpoint()
        self.server.on("GET", "/p", lambda request: file_answer(request, resources("Patient", 3))
                       if request.token else Answer(401, outcome("an access token is needed", "login")))
        self.server.finish([{"type": "Patient", "url": other + "/p", "count": 3}], requiresAccessToken=True)
        done = self.pull(code=4)
        self.assertIn(f"No token was sent: {other} is another origin than the FHIR base's, {self.server.root}. "
                      f"--token-origin {other} sends it there too", done.err)
        self.assertEqual(len(self.server.sent("GET", "/p")), 1, "asked again though nothing changes")
        self.pull("--token-origin", other)

    def test_l03_so_is_a_status_url_there(self):
        other = self.server.root.replace("127.0.0.1", "localhost")
        self.server.add_token_endpoint()
        self.server.status_url = other + "/status"
        self.server.on("POST", "/fhir/$export", self.server.accepted())
        self.server.on("GET", "/status", Answer(401, outcome("an access token is needed", "login")))
        self.assertIn(f"--token-origin {other}", self.pull(code=4).err)

    def test_l03_without_a_client_the_options_that_make_one_are_named(self):
        self.server.on("GET", "/p", Answer(401, outcome("an access token is needed", "login")))
        self.server.finish([{"type": "Patient", "url": self.server.root + "/p"}], requiresAccessToken=True)
        done = pull(self.server.base, "--out", self.out, code=4)
        self.assertIn("Give --client-id and --key", done.err)


class Secrets(Words):
    """L-08: queries of URLs may be signatures, user names come with passwords."""

    def assert_fails_silently(self):
        done = harness.sluice("pull", self.server.base, "--out", self.out, "--retries", 0, check=False)
        self.assertNotEqual(done.returncode, 0)
        shown = done.err + done.out
        for folder, _, names in os.walk(self.out):
            for name in names:
                if name.endswith(".log") or name == "log.ndjson":
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        shown += file.read()
        self.assertIn("requests.log", str([names for _, _, names in os.walk(self.out)]))
        self.assertNotIn("s3cret", shown)

    def test_l08_of_a_redirect_nothing_secret_is_shown(self):
        for location in ("http://me:s3cret@127.0.0.1:1/x?sig=s3cret", "ftp://127.0.0.1/x?sig=s3cret",
                         "http://127.0.0.1:1/x?sig=s3cret"):
            with self.subTest(location=location):
                self.server.on("POST", "/fhir/$export", Answer(307, b"", {"Location": location}))
                self.assert_fails_silently()

    def test_l08_of_a_file_that_cannot_be_had_nothing_secret_is_shown(self):
        self.server.on("GET", "/gone", Answer(404, b""))
        self.server.on("GET", "/moved", Answer(302, b"", {"Location": "http://me:s3cret@127.0.0.1:1/x?sig=s3cret"}))
        self.server.finish([{"type": "Patient", "url": url + "?sig=s3cret"} for url in (
            "http://127.0.0.1:1/p", self.server.root + "/gone", self.server.root + "/moved")])
        self.assert_fails_silently()


class Certificates(Words):
    """A-10: whom a client believes."""

    def setUp(self):
        super().setUp()
        self.pem, key = make_certificate(self.folder, "server")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pem, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.base = self.server.base.replace("http:", "https:")

    def commands(self):
        key = self.key()
        return (("pull", self.base, "--out", self.out), ("token", self.base, "--client-id", "c", "--key", key))

    def test_a10_a_certificate_that_nobody_vouches_for_names_the_option_and_is_not_asked_again(self):
        for command in self.commands():
            with self.subTest(command=command[0]):
                done = run(*command, code=4)
                self.assertIn("its certificate is not trusted: self-signed certificate", done.err)
                self.assertIn("--ca-file", done.err)
                self.assertNotIn("trying again", done.err)

    def test_a10_a_certificate_of_another_host_is_told_as_that(self):
        base = self.base.replace("127.0.0.1", "localhost")
        done = run("pull", base, "--out", self.out, "--ca-file", self.pem, code=4)
        self.assertIn("its certificate is for another host name", done.err)

    def test_a10_a_file_that_is_no_authority_is_2_at_once(self):
        missing = os.path.join(self.folder, "missing.pem")
        other = os.path.join(self.folder, "other.pem")
        with open(other, "w", encoding="utf-8") as file:
            file.write("not PEM\n")
        for path, word in ((missing, "No such file"), (other, "no certificate in PEM")):
            for command in self.commands():
                with self.subTest(command=command[0], path=path):
                    done = run(*command, "--ca-file", path, code=2)
                    self.assertIn("--ca-file", done.err)
                    self.assertIn(path, done.err)
                    self.assertIn(word, done.err)
        self.assertEqual(self.server.sent(), [])


class Rounds(Words):
    def test_l08_a_server_that_is_gone_is_told_once_for_all_files(self):
        self.server.finish([{"type": "Patient", "url": f"http://127.0.0.1:1/p{i}"} for i in range(12)])
        done = pull(self.server.base, "--out", self.out, "--retries", 0, code=6)
        self.assertEqual(done.err.count("Couldn't connect"), 1, done.err)
        self.assertIn("; 11 more files could not be had either. The same command goes on", done.err)

    def test_l08_a_pull_that_is_complete_says_so_and_what_comes_next(self):
        self.server.finish([self.server.add_output("Patient", "p", resources("Patient", 3))])
        words = f"this pull was complete already, nothing was asked for: `sluice sync {self.out}`"
        self.assertNotIn("complete already", pull(self.server.base, "--out", self.out).err)
        count = len(requests_of(self.out))
        self.assertIn(words, pull(self.server.base, "--out", self.out).err)
        self.assertEqual(len(requests_of(self.out)), count)

    def test_l06_a_sync_that_goes_on_with_a_full_one_says_so(self):
        self.server.finish([self.server.add_output("Patient", "p", resources("Patient", 3))])
        pull(self.server.base, "--out", self.out)
        self.server.on("GET", "/status", Answer(500, outcome("out of order")))
        run("sync", self.out, "--full", code=5)
        self.server.finish([self.server.add_output("Patient", "p", resources("Patient", 3))])
        self.assertIn("is a full one (--full): this one goes on with it", run("sync", self.out).err)
        self.assertNotIn("full one", run("sync", self.out).err)

    def test_l10_what_goes_into_a_store_is_counted_there_and_the_store_is_named(self):
        data = os.path.join(self.folder, "data")
        beside = data + ".pull"
        self.server.finish([self.server.add_output("Patient", "p", resources("Patient", 3))])
        self.assertTrue(pull(self.server.base, "--into", data).out.endswith(f" in {data}\n"))
        self.server.finish([self.server.add_output("Patient", "q", resources("Patient", 2, start=3))])
        done = run("sync", beside)
        self.assertRegex(done.out, r"(?m)^Patient +2 +0 +0 +5$")
        self.assertTrue(done.out.endswith(f" in {data}\n"), done.out)
        self.server.finish([self.server.add_output("Patient", "r", resources("Patient", 1, start=5))])
        with harness.Server(data):
            summary = json.loads(run("sync", beside, "--log-json").out)
        self.assertEqual((summary["into"], summary["changed"]["Patient"]["total"]), (data, 6))


if __name__ == "__main__":
    unittest.main()

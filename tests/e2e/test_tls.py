"""TLS of the real binary: A-10, A-11."""
import os
import re
import signal
import ssl
import subprocess
import time
import unittest
import urllib.request

import corpus
import harness


def make_certificate(folder, name):
    """Writes NAME.pem and NAME.key, self-signed for 127.0.0.1."""
    pem, key = (os.path.join(folder, name + end) for end in (".pem", ".key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                    "-nodes", "-keyout", key, "-out", pem, "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return pem, key


class TlsServer(harness.Server):
    """As Server, with https in its address."""

    def start(self):
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [harness.BINARY, "serve", "--data", self.data, "--listen", "127.0.0.1:0",
                 *self.options], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + harness.START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            found = re.search(r"listening on (https://127\.0\.0\.1:\d+/fhir)", self.log())
            if found:
                self.base = found.group(1)
                return self
            time.sleep(0.01)
        raise AssertionError(f"the server did not start:\n{self.log()}")


class Tls(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = harness.temporary_folder(cls)
        cls.data = os.path.join(cls.folder, "data")
        harness.load(cls.data, *corpus.base_corpus(cls.folder, ["Device", "Patient"]).paths)

    def serve(self, *options):
        server = TlsServer(self.data, *options)
        self.addCleanup(server.kill)
        return server.start()

    def get(self, url, trusted, certificate=None):
        context = ssl.create_default_context(cafile=trusted)
        if certificate:
            context.load_cert_chain(*certificate)
        with urllib.request.urlopen(url, context=context, timeout=20) as answer:
            return answer.headers, answer.read()

    def test_a10_an_export_by_tls(self):
        pem, key = make_certificate(self.folder, "server")
        server = self.serve("--tls-certificate", pem, "--tls-key", key)
        headers, _ = self.get(server.base + "/$export?_type=Device", pem)
        status_url = headers["Content-Location"]
        self.assertTrue(status_url.startswith(server.base), status_url)
        deadline = time.monotonic() + 30
        body = b""
        while not body and time.monotonic() < deadline:
            headers, body = self.get(status_url, pem)
            if "X-Progress" in headers:
                body = b""
        self.assertIn(b'"type":"Device"', body)
        self.assertEqual(server.stop(), 0)

    def test_a10_certificates_are_replaced_at_sighup(self):
        old, new = make_certificate(self.folder, "old"), make_certificate(self.folder, "new")
        pem, key = (os.path.join(self.folder, "used" + end) for end in (".pem", ".key"))

        def use(files):
            for source, target in zip(files, (pem, key)):
                os.replace(source, target)
        trusted_new = os.path.join(self.folder, "trusted.pem")
        with open(new[0], "rb") as source, open(trusted_new, "wb") as target:
            target.write(source.read())
        use(old)
        server = self.serve("--tls-certificate", pem, "--tls-key", key)
        self.get(server.base + "/metadata", pem)
        with self.assertRaises(urllib.error.URLError):
            self.get(server.base + "/metadata", trusted_new)
        use(new)
        server.process.send_signal(signal.SIGHUP)
        server.wait_for_log(self, "certificates reloaded")
        self.get(server.base + "/metadata", trusted_new)

    def test_a10_client_certificates(self):
        pem, key = make_certificate(self.folder, "mutual")
        client = make_certificate(self.folder, "client")
        server = self.serve("--tls-certificate", pem, "--tls-key", key, "--tls-client-ca", client[0],
                            "--tls-require-client")
        self.get(server.base + "/metadata", pem, client)
        with self.assertRaises(OSError):
            self.get(server.base + "/metadata", pem)

    def test_r02_health_is_told_at_an_address_of_its_own(self):
        pem, key = make_certificate(self.folder, "health")
        server = self.serve("--tls-certificate", pem, "--tls-key", key, "--tls-client-ca", pem,
                            "--tls-require-client", "--health-listen", "127.0.0.1:0", "--log-level", "info")
        port = re.search(r"health is told port=(\d+)", server.wait_for_log(self, "health is told port=")).group(1)
        root = f"http://127.0.0.1:{port}"
        self.assertEqual(harness.request("GET", root + "/healthz").body, b"ok\n")
        self.assertEqual(harness.request("GET", root + "/readyz").body, b"ready\n")
        # And nothing else.
        for path in ("/fhir/metadata", "/fhir/$export", "/metrics", "/"):
            self.assertEqual(harness.request("GET", root + path).status, 404, path)
        self.assertEqual(server.stop(), 0)

    def test_r02_a_flood_of_handshakes_is_cut_and_health_is_told(self):
        pem, key = make_certificate(self.folder, "flood")
        server = self.serve("--tls-certificate", pem, "--tls-key", key, "--tls-handshake-rate", "5",
                            "--health-listen", "127.0.0.1:0", "--log-level", "info")
        port = re.search(r"health is told port=(\d+)", server.wait_for_log(self, "health is told port=")).group(1)
        refused = 0
        for _ in range(200):
            try:
                self.get(server.base + "/metadata", pem)
            except OSError:
                refused += 1
                self.assertEqual(harness.request("GET", f"http://127.0.0.1:{port}/healthz").status, 200)
        self.assertGreater(refused, 0)
        self.assertLess(refused, 190)

    def test_a10_a11_what_is_not_served(self):
        pem, key = make_certificate(self.folder, "refused")
        _, other_key = make_certificate(self.folder, "other")
        encrypted = os.path.join(self.folder, "encrypted.key")
        subprocess.run(["openssl", "pkey", "-in", key, "-aes128", "-passout", "pass:secret", "-out", encrypted],
                       check=True, capture_output=True)
        for options, word in (
                (["--listen", "0.0.0.0:0", "--open"], "i-know-this-is-public"),
                (["--listen", "0.0.0.0:0", "--open", "--i-know-this-is-public"], "behind-proxy"),
                (["--open", "--tls-certificate", pem], "tls-key"),
                (["--open", "--tls-key", key], "tls-certificate"),
                (["--open", "--tls-require-client"], "tls-certificate"),
                (["--open", "--tls-certificate", key, "--tls-key", key],
                 f"cannot use certificate '{key}': it holds none in PEM"),
                (["--open", "--tls-certificate", pem, "--tls-key", other_key],
                 f"cannot use key '{other_key}': it does not belong to the certificate"),
                (["--open", "--tls-certificate", pem, "--tls-key", pem],
                 f"cannot use key '{pem}': it holds none in PEM that can be read"),
                (["--open", "--tls-certificate", pem, "--tls-key", encrypted],
                 f"cannot use key '{encrypted}': it is encrypted"),
                (["--open", "--tls-certificate", pem, "--tls-key", "/nowhere"],
                 "cannot use key '/nowhere': No such file or directory")):
            with self.subTest(options=options):
                done = harness.sluice("serve", "--data", self.data, *options, check=False, timeout=20)
                self.assertEqual(done.returncode, 2, done.err)
                self.assertIn(word, done.err)


if __name__ == "__main__":
    unittest.main()

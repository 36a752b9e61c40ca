"""`sluice pull` speaks HTTP/2 with a server that offers it (L-02): nginx with TLS stands before `sluice
serve` and tells what was spoken."""
import os
import shutil
import socket
import subprocess
import time
import unittest

import harness
from test_pull import assert_same_files, expected_files, pull, pulled
from test_tls import make_certificate

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
CONFIGURATION = """
{user}
worker_processes 1; pid {folder}/nginx.pid; daemon off; error_log {folder}/error.log;
events {{ worker_connections 128; }}
http {{
  log_format spoken '$server_protocol $connection $uri';
  access_log {folder}/access.log spoken;
  {temporary}
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {pem}; ssl_certificate_key {key};
    location / {{
      proxy_pass {target};
      proxy_set_header X-Forwarded-Proto https; proxy_set_header X-Forwarded-Host $http_host;
    }}
  }}
}}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Http2(harness.TestCase):
    def setUp(self):
        self.folder = harness.temporary_folder(self)
        sample = os.path.join(self.folder, "sample")
        harness.sluice("generate", "--patients", 40, "--seed", 9, "--out", sample)
        data = os.path.join(self.folder, "data")
        harness.load(data, sample)
        self.server = harness.start_server(self, data, "--trusted-proxy", "127.0.0.1")
        self.assertTrue(NGINX, "nginx is missing: ./dev test installs it")
        self.pem, key = make_certificate(self.folder, "front")
        self.port = free_port()
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write(CONFIGURATION.format(
                user="user root;" if os.getuid() == 0 else "", folder=self.folder, port=self.port, pem=self.pem,
                key=key, target=self.server.root,
                temporary=" ".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in kinds)))
        self.front = subprocess.Popen([NGINX, "-c", path, "-p", self.folder, "-e", f"{self.folder}/error.log"],
                                      stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(self.front.wait)
        self.addCleanup(self.front.terminate)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                self.assertIsNone(self.front.poll(), "nginx did not start")
                time.sleep(0.05)
        self.fail("nginx does not listen")

    def test_l02_all_is_asked_for_by_http_2_over_few_connections(self):
        base = f"https://127.0.0.1:{self.port}/fhir"
        out = os.path.join(self.folder, "out")
        pull(base, "--ca-file", self.pem, "--out", out, "--keep-job")
        status = next(line for line in self.log() if "/jobs/" in line and "/files/" not in line).split()[2]
        spoken = [line.split() for line in self.log()]
        manifest = harness.wait(self.server.root + status).manifest
        for item in manifest["output"]:
            item["url"] = item["url"].replace(f"https://127.0.0.1:{self.port}", self.server.root)
        assert_same_files(self, pulled(out), expected_files(manifest))
        self.assertGreater(len(spoken), len(manifest["output"]) + 3)
        self.assertEqual({protocol for protocol, _, _ in spoken}, {"HTTP/2.0"})
        files = {connection for _, connection, path in spoken if "/files/" in path}
        self.assertEqual(len(files), 1, "downloads share a connection")

    def log(self):
        with open(os.path.join(self.folder, "access.log"), encoding="utf-8") as log:
            return log.read().splitlines()


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""The demo behind `./dev demo`: generate sample data, load it, register a client, serve, get a token,
export over HTTP.

It does what a client of the standard does (kick-off, polling, download) with nothing but the Python
standard library, so it also serves as a worked example of the protocol.
"""
import argparse
import collections
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

BOLD, DIM, PLAIN = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


def heading(text):
    print(f"\n{BOLD}{text}{PLAIN}", flush=True)


def run(command):
    print(f"{DIM}$ {' '.join(command)}{PLAIN}", flush=True)
    started = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - started


class Server:
    """`sluice serve` on a free loopback port, stopped by its own process id."""

    def __init__(self, binary, data):
        command = [binary, "serve", "--data", data, "--listen", "127.0.0.1:0"]
        print(f"{DIM}$ {' '.join(command)}{PLAIN}", flush=True)
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True,
                                        stdin=subprocess.DEVNULL)
        self.log = collections.deque(maxlen=50)
        self.base = None
        self.ready = threading.Event()
        # The log is read to its end, or the pipe would fill up and stop the server.
        threading.Thread(target=self._read_log, daemon=True).start()
        if not self.ready.wait(30) or self.base is None:
            self.stop()
            sys.exit("the server did not start:\n" + "".join(self.log))

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line)
            found = re.search(r"listening on (http://\S+)", line)
            if found and self.base is None:
                self.base = found.group(1).rstrip("/")
                self.ready.set()
        self.ready.set()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def request(url, method="GET", **headers):
    """Status, headers and body; an error status is an answer here, not an exception."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    message = urllib.request.Request(url, method=method, headers=headers)
    try:
        with urllib.request.urlopen(message, timeout=60) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def register_client(binary, folder, data):
    """Makes a key pair and a client that may read everything; the private key's file."""
    key, jwks = os.path.join(folder, "key.jwk"), os.path.join(folder, "jwks.json")
    command = [binary, "keys", "generate", "--alg", "ES384", "--out", key]
    print(f"{DIM}$ {' '.join(command)} > {jwks}{PLAIN}", flush=True)
    with open(jwks, "w", encoding="utf-8") as file:
        subprocess.run(command, check=True, stdout=file)
    run([binary, "client", "add", "--data", data, "--id", "demo", "--jwks", jwks, "--scope",
         "system/*.rs"])
    return key


def get_token(binary, base, key):
    command = [binary, "token", base, "--client-id", "demo", "--key", key, "--scope", "system/*.rs"]
    print(f"{DIM}$ {' '.join(command)}{PLAIN}", flush=True)
    token = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    print(f"  {token[:40]}... ({len(token)} characters, good for five minutes)")
    return token


def wait_for_manifest(status_url, authorization):
    early = iter((0.05, 0.1, 0.2))
    while True:
        status, headers, body = request(status_url, Accept="application/json",
                                        Authorization=authorization)
        if status == 200:
            return json.loads(body)
        if status not in (202, 429):
            sys.exit(f"status {status}: {body.decode(errors='replace')[:500]}")
        print(f"  {status} {headers.get('X-Progress', '')}", flush=True)
        retry_after = float(headers.get("Retry-After", "1"))
        # A small export is done before the first Retry-After is over: look early a few times.
        time.sleep(next(early, retry_after) if status == 202 else retry_after)


def export(base, path, authorization):
    heading(f"Export: GET {path}")
    started = time.monotonic()
    status, headers, body = request(f"{base}/{path}", Accept="application/fhir+json",
                                    Prefer="respond-async", Authorization=authorization)
    if status != 202:
        sys.exit(f"kick-off: status {status}: {body.decode(errors='replace')[:500]}")
    status_url = headers["Content-Location"]
    print(f"  202 Accepted, Content-Location: {status_url}")
    manifest = wait_for_manifest(status_url, authorization)
    exported = time.monotonic()

    shown = dict(manifest)
    if len(shown["output"]) > 2:
        shown["output"] = shown["output"][:2] + [f"... {len(manifest['output']) - 2} more"]
    print("  manifest: " + json.dumps(shown, indent=2).replace("\n", "\n  "))

    counts, sizes = collections.Counter(), collections.Counter()
    for item in manifest["output"]:
        status, headers, body = request(item["url"], Accept_Encoding="gzip",
                                        Authorization=authorization)
        if status != 200:
            sys.exit(f"download of {item['url']}: status {status}")
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        lines = body.count(b"\n")
        if lines != item["count"]:
            sys.exit(f"{item['url']}: {lines} lines, but the manifest says {item['count']}")
        counts[item["type"]] += lines
        sizes[item["type"]] += len(body)
    done = time.monotonic()

    width = max((len(name) for name in counts), default=4)
    print(f"\n  {'type':<{width}}  {'resources':>10}  {'MB':>8}")
    for name in sorted(counts):
        print(f"  {name:<{width}}  {counts[name]:>10,}  {sizes[name] / 1e6:>8.2f}")
    total, size = sum(counts.values()), sum(sizes.values())
    print(f"  {'total':<{width}}  {total:>10,}  {size / 1e6:>8.2f}")
    print(f"\n  manifest after {exported - started:.2f} s, everything downloaded after "
          f"{done - started:.2f} s: {total / (done - started):,.0f} resources/s")
    request(status_url, "DELETE", Authorization=authorization)
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True, help="the sluice program")
    parser.add_argument("--patients", type=int, default=200, help="how many to generate")
    options = parser.parse_args()
    binary = os.path.abspath(options.binary)

    folder = tempfile.mkdtemp(prefix="sluice-demo-")
    server = None
    try:
        sample, data = os.path.join(folder, "sample"), os.path.join(folder, "data")
        heading(f"Generate the records of {options.patients} patients")
        run([binary, "generate", "--patients", str(options.patients), "--seed", "1",
             "--out", sample])
        heading("Load them")
        seconds = run([binary, "load", "--data", data, sample])
        size = sum(os.path.getsize(os.path.join(sample, name)) for name in os.listdir(sample))
        print(f"{size / 1e6:.1f} MB in {seconds:.2f} s")
        heading("Say who may have them")
        key = register_client(binary, folder, data)
        heading("Serve them")
        server = Server(binary, data)
        print(f"  {server.base}")
        refused, _, _ = request(f"{server.base}/$export")
        print(f"  without a token: {refused}")
        heading("Get a token")
        authorization = "Bearer " + get_token(binary, server.base, key)
        everything = export(server.base, "$export", authorization)
        group = export(server.base, "Group/ten-percent/$export", authorization)
        heading("What the audit log says")
        run([binary, "audit", "tail", "--data", data, "--lines", "1"])
        heading("Done")
        print(f"  the system has {everything:,} resources, the group's export {group:,} of them")
    finally:
        if server:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    main()

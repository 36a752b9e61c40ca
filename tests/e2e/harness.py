"""Runs the real sluice binary for the end-to-end tests: commands, servers, HTTP, exports.

Everything listens on 127.0.0.1, lives in a temporary folder and is ended by its own process id. The
binary's path comes from the environment variable SLUICE_BINARY; without it PATH is searched.
"""
import collections
import gzip
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.parse

BINARY = os.environ.get("SLUICE_BINARY", "sluice")
START_SECONDS = 120
EXPORT_SECONDS = 300
# For what should come at once: long, because a busy machine is slow.
PATIENCE_SECONDS = 120
FHIR_JSON = "application/fhir+json"


def sluice(*arguments, check=True, stdin=None, env=None, timeout=300):
    """Runs one command to its end; with `check` a failure fails the test with the command's output."""
    done = subprocess.run([BINARY, *map(str, arguments)], input=stdin, capture_output=True,
                          env={**os.environ, **(env or {})}, timeout=timeout,
                          stdin=subprocess.DEVNULL if stdin is None else None)
    done.out, done.err = done.stdout.decode(), done.stderr.decode()
    if check and done.returncode != 0:
        raise AssertionError(f"sluice {' '.join(map(str, arguments))}: exit {done.returncode}\n"
                             f"{done.out}\n{done.err}")
    return done


def load(data, *paths, lenient=True, **options):
    """Leniently: most tests have resources with no more in them than they need."""
    return sluice("load", "--data", data, *(["--lenient"] if lenient else []), *paths, **options)


def stats(data):
    return json.loads(sluice("stats", "--data", data, "--json").out)


class Response:
    def __init__(self, status, reason, headers, body):
        self.status, self.reason, self.headers, self.body = status, reason, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:600]!r}"


def request(method, url, headers=None, body=None, timeout=PATIENCE_SECONDS):
    """One HTTP request on a connection of its own; sends no header that is not given but Host."""
    parts = urllib.parse.urlsplit(url)
    target = parts.path + ("?" + parts.query if parts.query else "")
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        if body is not None and "Content-Length" not in (headers or {}):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        return Response(answer.status, answer.reason, answer.headers, answer.read())
    finally:
        connection.close()


def raw_exchange(url, data, timeout=30):
    """Sends bytes as they are and returns all that comes back until the server closes or is silent."""
    parts = urllib.parse.urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=timeout) as connection:
        connection.sendall(data)
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
                if re.search(rb"\r\n\r\n.*\}\s*$", received, re.S):
                    break
        except (TimeoutError, ConnectionResetError):
            pass
    return received


class SlowDownload:
    """A download whose reader decides when to go on; the kernel's buffers for it are small."""

    def __init__(self, url, headers=None):
        parts = urllib.parse.urlsplit(url)
        self.connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        self.connection.settimeout(PATIENCE_SECONDS)
        self.connection.connect((parts.hostname, parts.port))
        lines = [f"GET {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close",
                 *(f"{name}: {value}" for name, value in (headers or {}).items()), "", ""]
        self.connection.sendall("\r\n".join(lines).encode())
        self.file = self.connection.makefile("rb", buffering=4096)
        self.status = int(self.file.readline().split()[1])
        self.headers = http.client.parse_headers(self.file)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.connection.close()

    def read(self, size):
        return self.file.read(size)

    def read_rest(self):
        return self.file.read()


def as_loaded(line):
    """The line with attachments' URLs, which name the port, or the job too, as relative as the source's."""
    return re.sub(rb'"http://[^"/]+/fhir/(?:jobs/[0-9a-f]+/)?(Binary/[^"?]+)[^"]*"', rb'"\1"', line)


class Export:
    """A finished export: its manifest and, once downloaded, its lines by resource type, as loaded."""

    def __init__(self, manifest):
        self.manifest = manifest
        self._lines = None

    @property
    def transaction_time(self):
        return self.manifest["transactionTime"]

    @property
    def lines(self):
        """{type: [line as bytes]}, each file checked against the manifest's figures (M-03, F-01)."""
        if self._lines is None:
            self._lines = collections.defaultdict(list)
            for number, item in enumerate(self.manifest["output"]):
                self._lines[item["type"]].extend(map(as_loaded, download(item, number % 2 == 0)))
        return self._lines

    def outcomes(self):
        return [json.loads(line) for item in self.manifest["outcome"] for line in download(item)]

    def resources(self):
        """Every exported resource as an object."""
        return [json.loads(line) for lines in self.lines.values() for line in lines]

    def keys(self):
        """Sorted (type, id) of everything exported; a resource that came twice is in it twice."""
        return sorted((r["resourceType"], r["id"]) for r in self.resources())

    def content(self):
        """Everything exported in one comparable value."""
        return {name: sorted(lines) for name, lines in self.lines.items()}


BLOCK_HEADER = b'{"resourceType":"Parameters","parameter":[{"name":"header",'


def download(item, zipped=True):
    """The lines of one manifest item, checked against its count and size."""
    headers = {"Accept-Encoding": "gzip"} if zipped else {}
    answer = request("GET", item["url"], headers)
    assert answer.status == 200, (item, answer)
    assert answer.headers["Content-Type"] == "application/fhir+ndjson", answer
    body = answer.body
    assert answer.headers.get("Content-Encoding") == ("gzip" if zipped else None), answer
    if zipped:
        body = gzip.decompress(body)
    assert body.endswith(b"\n") and not body.startswith(b"\xef\xbb\xbf"), item
    lines = body.split(b"\n")[:-1]
    assert all(lines), ("a blank line", item)
    # Headers of blocks do not count (M-03).
    resources = lines if "type" in item else [line for line in lines if not line.startswith(BLOCK_HEADER)]
    assert len(resources) == item["count"], (item, len(resources))
    if "fileSize" in item:
        assert len(body) == item["fileSize"], (item, len(body))
    return lines


def with_query(url, parameters):
    """`parameters` is a dictionary, a list of pairs, or a query that is used as it is."""
    if not parameters:
        return url
    if not isinstance(parameters, str):
        parameters = urllib.parse.urlencode(parameters)
    return url + "?" + parameters


class Server:
    """`sluice serve` on a free port of the loopback interface; without authorization unless asked."""

    def __init__(self, data, *options, env=None, base=None, is_open=True):
        self.data, self.env = data, env
        self.options = (("--open",) if is_open else ()) + options
        self.listen = "127.0.0.1:0"
        self.log_path = os.path.join(os.path.dirname(data), os.path.basename(data) + ".log")
        self.base = base
        self.process = None

    def start(self):
        # Each start appends, so that the log tells of every round.
        log_start = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--data", self.data, "--listen", self.listen,
                 *map(str, self.options)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, **(self.env or {})})
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            found = re.search(r"listening on (http://127\.0\.0\.1:\d+/fhir)", self.log(log_start))
            if found:
                self.base = found.group(1)
                self.root = self.base.removesuffix("/fhir")
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        code = self.process.poll()
        self.kill()
        raise AssertionError(f"the server did not start (exit {code}):\n{self.log(log_start)}")

    def log(self, start=0):
        with open(self.log_path, "rb") as log:
            log.seek(start)
            return log.read().decode(errors="replace")

    def wait_for_log(self, test, text, count=1):
        """Until the log holds the text so many times; returns the log."""
        return eventually(test, lambda: (log := self.log()).count(text) >= count and log, f"'{text}' in the log")

    def stop(self, timeout=PATIENCE_SECONDS):
        """SIGTERM; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"no end {timeout} s after SIGTERM:\n{self.log()[-4000:]}")
        return self.process.returncode

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.kill()

    # ---- HTTP ----

    def get(self, path, parameters=None, headers=None):
        return request("GET", with_query(f"{self.base}/{path}", parameters), headers)

    def post(self, path, body, content_type=FHIR_JSON, headers=None):
        if not isinstance(body, bytes):
            body = (body if isinstance(body, str) else json.dumps(body)).encode()
        return request("POST", f"{self.base}/{path}",
                       {"Content-Type": content_type, **(headers or {})}, body)

    def kick_off(self, path="$export", parameters=None, headers=None, post=None):
        """Starts an export and returns its status URL. `post` is a Parameters' list of entries."""
        headers = {"Accept": FHIR_JSON, "Prefer": "respond-async", **(headers or {})}
        if post is not None:
            answer = self.post(path, {"resourceType": "Parameters", "parameter": post},
                               headers=headers)
        else:
            answer = self.get(path, parameters, headers)
        assert answer.status == 202, answer
        return answer.headers["Content-Location"]

    def export(self, path="$export", parameters=None, headers=None, post=None):
        return wait(self.kick_off(path, parameters, headers, post))


def wait(status_url, timeout=EXPORT_SECONDS, headers=None):
    """Polls as a polite client does until the export is done."""
    # A few early looks, which the server allows: small exports end before the first Retry-After.
    early = [0.03, 0.1, 0.3]
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        answer = request("GET", status_url, {"Accept": "application/json", **(headers or {})})
        if answer.status == 200:
            return Export(answer.json())
        assert answer.status in (202, 429), answer
        pause = float(answer.headers["Retry-After"])
        if answer.status == 202 and early:
            pause = min(pause, early.pop(0))
        time.sleep(pause)
    raise AssertionError(f"not done after {timeout} s: {status_url}")


def eventually(test, looked_for, what="what is waited for", timeout=PATIENCE_SECONDS, pause=0.02):
    """Looks until it finds, and returns what it found. The time only ends what hangs."""
    deadline = time.monotonic() + timeout
    while not (found := looked_for()):
        test.assertLess(time.monotonic(), deadline, f"{what} does not come")
        time.sleep(pause)
    return found


def until_too_many(ask):
    """Answers up to the first 429: how many a rate lets through depends on how fast they come."""
    answers = [ask()]
    while answers[-1].status != 429 and len(answers) < 10_000:
        answers.append(ask())
    assert answers[-1].status == 429, answers[-1]
    return answers


def sluice_instant():
    """The machine's time as the server writes instants."""
    now = time.time()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03}Z"


def temporary_folder(test):
    """A folder that goes when the test (case or class) ends."""
    folder = tempfile.mkdtemp(prefix="sluice-e2e-")
    clean_up = test.addClassCleanup if isinstance(test, type) else test.addCleanup
    clean_up(shutil.rmtree, folder, ignore_errors=True)
    return folder


def start_server(test, data, *options, **keywords):
    """A running server that is killed when the test (case or class) ends."""
    server = Server(data, *options, **keywords)
    clean_up = test.addClassCleanup if isinstance(test, type) else test.addCleanup
    clean_up(server.kill)
    return server.start()


def write_lines(path, lines):
    """Writes objects or strings as NDJSON and returns the path."""
    with open(path, "w", encoding="utf-8") as file:
        for line in lines:
            file.write((line if isinstance(line, str) else json.dumps(line)) + "\n")
    return path


class TestCase(unittest.TestCase):
    maxDiff = 4000

    def assert_outcome(self, answer, status, *words, severity="error"):
        """An OperationOutcome with this status that names every word."""
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"].split(";")[0], FHIR_JSON, answer)
        outcome = answer.json()
        self.assertEqual(outcome["resourceType"], "OperationOutcome", answer)
        issue = outcome["issue"][0]
        self.assertIn(severity, {i["severity"] for i in outcome["issue"]}, answer)
        self.assertTrue(issue["code"], answer)
        text = " ".join(str(i.get("diagnostics", "")) + str(i.get("details", ""))
                        for i in outcome["issue"])
        for word in words:
            self.assertIn(word, text, answer)

    def assert_same_keys(self, actual, expected):
        """Compares lists of (type, id) with a short message for long lists."""
        actual, expected = collections.Counter(actual), collections.Counter(expected)
        missing, extra = expected - actual, actual - expected
        if missing or extra:
            def shown(keys):
                return (dict(collections.Counter(t for t, _ in keys.elements())),
                        sorted(keys.elements())[:8])
            self.fail(f"missing {shown(missing)}\ntoo much {shown(extra)}")


class ServerCase(TestCase):
    """A test with a data folder and, once it calls serve(), a running server on it."""

    def setUp(self):
        self.folder = temporary_folder(self)
        self.data = os.path.join(self.folder, "data")

    def serve(self, *options, **keywords):
        self.server = start_server(self, self.data, *options, **keywords)
        return self.server

    def send(self, method, path, body=None, headers=None, content_type=FHIR_JSON):
        """A request below the base. Bytes go as they are, text and objects (as JSON) with the content type."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            headers.setdefault("Content-Type", content_type)
            body = (body if isinstance(body, str) else json.dumps(body)).encode()
        return request(method, f"{self.server.base}/{path}", headers, body)

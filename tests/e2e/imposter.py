"""A FHIR Bulk Data server that answers by a script: what real servers do rarely, oddly or wrongly, exactly
when a test wants it. Remembers every request."""
import http.server
import json
import threading
import time
import urllib.parse

FHIR_JSON = "application/fhir+json"


class Answer:
    """`cut_after`: bytes of the body after which the connection is cut."""

    def __init__(self, status=200, body=b"", headers=None, cut_after=None):
        self.status, self.headers, self.cut_after = status, dict(headers or {}), cut_after
        if not isinstance(body, (bytes, str)):
            self.headers.setdefault("Content-Type", FHIR_JSON)
            body = json.dumps(body)
        self.body = body.encode() if isinstance(body, str) else body


def outcome(text, code="exception", severity="error"):
    return {"resourceType": "OperationOutcome",
            "issue": [{"severity": severity, "code": code, "diagnostics": text}]}


class Request:
    def __init__(self, method, target, headers, body, handler=None):
        parts = urllib.parse.urlsplit(target)
        self.method, self.path = method, urllib.parse.unquote(parts.path)
        self.query = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
        self.headers, self.body, self.handler = headers, body, handler
        self.time = time.monotonic()

    @property
    def token(self):
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ")

    @property
    def range_start(self):
        """Of "bytes=5-": 5; None without a range."""
        header = self.headers.get("Range")
        return int(header.split("=")[1].split("-")[0]) if header else None


def file_answer(request, content, etag='"1"', cut_after=None, headers=None):
    """A file as most servers send it: a range when the validator is still right."""
    start = request.range_start
    headers = {"Content-Type": "application/fhir+ndjson", "ETag": etag, **(headers or {})}
    if start is None or request.headers.get("If-Range") not in (None, etag):
        return Answer(200, content, headers, cut_after)
    if start >= len(content):
        return Answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
    headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
    return Answer(206, content[start:], headers, cut_after)


class Imposter(http.server.ThreadingHTTPServer):
    """Listens on a free port of the loopback interface, by http or, with the paths of a certificate and a
    key, by https."""
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, test):
        super().__init__(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self.server_address[1]}"
        self.base = self.root + "/fhir"
        self.requests = []
        self._lock = threading.Lock()
        self._scripts = {}
        clean_up = test.addClassCleanup if isinstance(test, type) else test.addCleanup
        clean_up(self.stop)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        pass  # clients cut connections on purpose

    def on(self, method, path, *answers):
        """The answers to such requests, one after the other, the last one again and again. An answer can
        be a function of the request that makes one, or that writes to its handler and makes none."""
        self._scripts[method, path] = list(answers)

    def sent(self, method=None, path=None):
        """The requests so far."""
        with self._lock:
            return [r for r in self.requests if method in (None, r.method) and path in (None, r.path)]

    def answer(self, request):
        with self._lock:
            self.requests.append(request)
            script = self._scripts.get((request.method, request.path))
            if script is None:
                return Answer(404, outcome(f"{request.path} is not here", "not-found"))
            answer = script.pop(0) if len(script) > 1 else script[0]
        return answer(request) if callable(answer) else answer


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.answer(Request(self.command, self.path, self.headers, body, self))
        if answer is None:
            self.close_connection = True  # the script has written its own
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if answer.cut_after is not None and answer.cut_after < len(answer.body):
            self.wfile.write(answer.body[:answer.cut_after])
            self.close_connection = True
        else:
            self.wfile.write(answer.body)

    do_GET = do_POST = do_DELETE = handle_any

    def log_message(self, *_):
        pass


class BulkImposter(Imposter):
    """An export whose every answer a test can replace: metadata, kick-off, status, files, DELETE."""

    def __init__(self, test, description=""):
        super().__init__(test)
        self.status_url = self.root + "/status"
        self.on("GET", "/fhir/metadata", Answer(200, {
            "resourceType": "CapabilityStatement", "fhirVersion": "4.0.1",
            "software": {"name": description or "Imposter"}}))
        self.on("POST", "/fhir/$export", self.accepted())
        self.on("DELETE", "/status", Answer(202))

    def accepted(self):
        return Answer(202, b"", {"Content-Location": self.status_url})

    def add_file(self, name, content):
        """A file without whims; its URL."""
        self.on("GET", "/" + name, lambda request: file_answer(request, content))
        return f"{self.root}/{name}"

    def add_output(self, type_name, name, content):
        """The same, as an entry of a manifest."""
        return {"type": type_name, "url": self.add_file(name, content), "count": content.count(b"\n")}

    def manifest(self, output, **more):
        return {"transactionTime": "2026-01-02T03:04:05Z", "request": self.base + "/$export",
                "requiresAccessToken": False, "output": output, "error": [], **more}

    def finish(self, output, **more):
        """The status URL answers with this manifest from now on."""
        self.on("GET", "/status", Answer(200, self.manifest(output, **more),
                                         {"Content-Type": "application/json"}))

    def add_token_endpoint(self, lifetime=300):
        """Tokens t1, t2 ...; `self.valid` is the one that counts."""
        self.valid, self.tokens = None, 0

        def issue(_):
            self.tokens += 1
            self.valid = f"t{self.tokens}"
            return Answer(200, {"access_token": self.valid, "token_type": "bearer", "expires_in": lifetime})

        self.on("GET", "/fhir/.well-known/smart-configuration",
                Answer(200, {"token_endpoint": self.root + "/token"}, {"Content-Type": "application/json"}))
        self.on("POST", "/token", issue)


def resources(type_name, count, start=0, size=0):
    """NDJSON of so many small resources."""
    text = "x" * size
    return b"".join(json.dumps({"resourceType": type_name, "id": f"{type_name[:1]}{i}", "language": text or "en"})
                    .encode() + b"\n" for i in range(start, start + count))

"""Where a client publishes its keys: a JWKS URL that counts what is asked."""
import http.server
import json
import threading


class KeyServer:
    """A JWKS URL on loopback that counts its requests."""

    def __init__(self, test):
        self.keys, self.requests, self.cache_control = [], 0, "max-age=3600"
        self.answers = threading.Event()  # while it is not set, nothing is answered
        self.answers.set()
        test.addCleanup(self.answers.set)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.requests += 1
                outer.answers.wait()
                body = json.dumps({"keys": outer.keys}).encode()
                self.send_response(200)
                self.send_header("Cache-Control", outer.cache_control)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        test.addCleanup(self.server.server_close)
        test.addCleanup(self.server.shutdown)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/jwks.json"

"""Hostile requests against the token endpoint and the protected routes. Each names its requirement,
and is followed by a look that nothing changed: no job, no client, and a good request still works."""
import json
import os
import re
import resource
import socket
import time
import unittest
import urllib.parse

import corpus
import harness
import smart

BAD_CLIENT = (401, "invalid_client")


def hmac_token(world):
    """HS384 with the public key as the secret."""
    import hashlib
    import hmac
    header = {"alg": "HS384", "kid": world.client.key.kid, "typ": "JWT"}
    text = smart.encode(header) + "." + smart.encode(smart.claims_of("good", world.token_url))
    secret = json.dumps(world.client.key.jwk()).encode()
    return text + "." + smart.encode(hmac.new(secret, text.encode(), hashlib.sha384).digest())


def flipped(token, part):
    """The token with one character of a part changed."""
    parts = token.split(".")
    middle = len(parts[part]) // 2
    parts[part] = parts[part][:middle] + ("A" if parts[part][middle] != "A" else "B") + \
        parts[part][middle + 1:]
    return ".".join(parts)


# Requirement, what is wrong, changes of the header, changes of the claims; ... removes. All are answered
# alike, so that nobody learns which clients and keys there are.
NOW = time.time
ASSERTIONS = [
    ("A-03", "alg none", {"alg": "none"}, {}),
    ("A-03", "alg None", {"alg": "None"}, {}),
    ("A-03", "alg HS384", {"alg": "HS384"}, {}),
    ("A-03", "alg RS384 over an EC key", {"alg": "RS384"}, {}),
    ("A-03", "alg ES256, which is off", {"alg": "ES256"}, {}),
    ("A-03", "alg missing", {"alg": ...}, {}),
    ("A-03", "alg a number", {"alg": 384}, {}),
    ("A-03", "kid missing", {"kid": ...}, {}),
    ("A-03", "kid unknown", {"kid": "nobody"}, {}),
    ("A-03", "kid empty", {"kid": ""}, {}),
    ("A-03", "kid a path", {"kid": "../../../../dev/null"}, {}),
    ("A-03", "kid an array", {"kid": ["a"]}, {}),
    ("A-03", "jku that is not registered", {"jku": "https://evil.example/jwks.json"}, {}),
    ("A-03", "crit", {"crit": ["exp"]}, {}),
    ("A-03", "b64 false", {"b64": False, "crit": ["b64"]}, {}),
    ("A-03", "iss of somebody else", {}, {"iss": "other"}),
    ("A-03", "sub of somebody else", {}, {"sub": "other"}),
    ("A-03", "iss missing", {}, {"iss": ...}),
    ("A-03", "sub missing", {}, {"sub": ...}),
    ("A-03", "an unknown client", {}, {"iss": "nobody", "sub": "nobody"}),
    ("A-03", "iss an object", {}, {"iss": {"a": 1}, "sub": {"a": 1}}),
    ("A-03", "aud of another server", {}, {"aud": "https://other.example/token"}),
    ("A-03", "aud the base", {}, {"aud": "{base}"}),
    ("A-03", "aud missing", {}, {"aud": ...}),
    ("A-03", "aud a number", {}, {"aud": 7}),
    ("A-03", "aud an empty list", {}, {"aud": []}),
    ("A-03", "exp missing", {}, {"exp": ...}),
    ("A-03", "exp past", {}, {"exp": int(NOW()) - 60}),
    ("A-03", "exp six minutes ahead", {}, {"exp": int(NOW()) + 400}),
    ("A-03", "exp text", {}, {"exp": "tomorrow"}),
    ("A-03", "exp negative", {}, {"exp": -1}),
    ("A-03", "exp huge", {}, {"exp": 10 ** 30}),
    ("A-03", "exp null", {}, {"exp": None}),
    ("A-03", "nbf in the future", {}, {"nbf": int(NOW()) + 3600}),
    ("A-03", "jti missing", {}, {"jti": ...}),
    ("A-03", "jti a number", {}, {"jti": 7}),
    ("A-03", "jti empty", {}, {"jti": ""}),
    ("A-03", "jti huge", {}, {"jti": "x" * 3000}),
]

# Requirement, what is wrong, the form as a function of a good one, status and error code.
FORMS = [
    ("A-02", "no grant_type", lambda f, w: {**f, "grant_type": ...}, 400, "invalid_request"),
    ("A-02", "authorization_code", lambda f, w: {**f, "grant_type": "authorization_code"}, 400,
     "unsupported_grant_type"),
    ("A-02", "password", lambda f, w: {**f, "grant_type": "password"}, 400, "unsupported_grant_type"),
    ("A-02", "no assertion type", lambda f, w: {**f, "client_assertion_type": ...}, 400,
     "invalid_request"),
    ("A-02", "a SAML assertion", lambda f, w: {**f, "client_assertion_type":
     "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}, 400, "invalid_request"),
    ("A-02", "no assertion", lambda f, w: {**f, "client_assertion": ...}, 400, "invalid_request"),
    ("A-06", "no scope", lambda f, w: {**f, "scope": ...}, 400, "invalid_scope"),
    ("A-06", "an empty scope", lambda f, w: {**f, "scope": ""}, 400, "invalid_scope"),
    ("A-06", "a user scope", lambda f, w: {**f, "scope": "user/*.rs"}, 400, "invalid_scope"),
    ("A-06", "a patient scope", lambda f, w: {**f, "scope": "patient/*.read"}, 400, "invalid_scope"),
    ("A-06", "a type that is none", lambda f, w: {**f, "scope": "system/Nonsense.rs"}, 400,
     "invalid_scope"),
    ("A-06", "letters out of order", lambda f, w: {**f, "scope": "system/*.sr"}, 400, "invalid_scope"),
    ("A-06", "a scope with no query that there is", lambda f, w: {**f, "scope": "system/Patient.rs?sex=male"}, 400,
     "invalid_scope"),
    ("A-06", "a scope beyond the registered", lambda f, w: {**f, "scope": "system/*.cud"}, 400,
     "invalid_scope"),
    ("A-02", "the client_id of another", lambda f, w: {**f, "client_id": "other"}, 401,
     "invalid_client"),
    ("A-03", "an assertion of rubbish", lambda f, w: {**f, "client_assertion": "rubbish"},
     *BAD_CLIENT),
    ("A-03", "an assertion of two parts", lambda f, w: {**f, "client_assertion": "a.b"}, *BAD_CLIENT),
    ("A-03", "five parts", lambda f, w: {**f, "client_assertion": "a.b.c.d.e"}, *BAD_CLIENT),
    ("A-03", "a signature cut off",
     lambda f, w: {**f, "client_assertion": f["client_assertion"].rsplit(".", 1)[0] + "."}, *BAD_CLIENT),
    ("A-03", "a changed signature",
     lambda f, w: {**f, "client_assertion": flipped(f["client_assertion"], 2)}, *BAD_CLIENT),
    ("A-03", "changed claims",
     lambda f, w: {**f, "client_assertion": flipped(f["client_assertion"], 1)}, *BAD_CLIENT),
    ("A-03", "padding", lambda f, w: {**f, "client_assertion": f["client_assertion"] + "="},
     *BAD_CLIENT),
    ("A-03", "padding in the middle of a signature",
     lambda f, w: {**f, "client_assertion": f["client_assertion"].rsplit(".", 1)[0] + ".A=AA"}, *BAD_CLIENT),
    ("A-03", "white space", lambda f, w: {**f, "client_assertion": " " + f["client_assertion"]},
     *BAD_CLIENT),
    ("A-03", "an HMAC under the public key",
     lambda f, w: {**f, "client_assertion": hmac_token(w)}, *BAD_CLIENT),
    ("A-03", "the key of another client", lambda f, w: {**f, "client_assertion": smart.jwt(
        w.other.key, smart.header_of(w.other.key), smart.claims_of("good", w.token_url))}, *BAD_CLIENT),
    ("A-03", "another key under our kid", lambda f, w: {**f, "client_assertion": smart.jwt(
        w.other.key, smart.header_of(w.client.key), smart.claims_of("good", w.token_url))}, *BAD_CLIENT),
    ("A-03", "claims that are deep", lambda f, w: {**f, "client_assertion": smart.jwt(
        w.client.key, smart.header_of(w.client.key),
        smart.encode(b'{"a":' * 200 + b"1" + b"}" * 200))}, *BAD_CLIENT),
    ("A-03", "claims that are an array", lambda f, w: {**f, "client_assertion": smart.jwt(
        w.client.key, smart.header_of(w.client.key), [1, 2])}, *BAD_CLIENT),
    ("A-03", "claims twice", lambda f, w: {**f, "client_assertion": smart.jwt(
        w.client.key, smart.header_of(w.client.key), smart.encode(
            json.dumps(smart.claims_of("good", w.token_url)).encode()[:-1] + b',"iss":"good"}'))},
     *BAD_CLIENT),
    ("A-03", "an oversized assertion", lambda f, w: {**f, "client_assertion": smart.jwt(
        w.client.key, smart.header_of(w.client.key),
        smart.claims_of("good", w.token_url, padding="x" * 20_000))}, *BAD_CLIENT),
    ("A-09", "a disabled client", lambda f, w: {**f, "client_assertion":
     w.disabled.assertion(w.server)}, *BAD_CLIENT),
]

# Raw bodies and headers.
BODIES = [
    ("A-02", "a parameter twice", lambda w: w.form() + "&scope=system%2F*.rs", {}, 400,
     "invalid_request"),
    ("A-02", "JSON", lambda w: json.dumps({"grant_type": "client_credentials"}),
     {"Content-Type": "application/json"}, 400, "invalid_request"),
    ("A-02", "no Content-Type", lambda w: w.form(), {"Content-Type": "text/plain"}, 400,
     "invalid_request"),
    ("A-02", "half an escape", lambda w: "grant_type=%4", {}, 400, "invalid_request"),
    ("A-02", "nothing", lambda w: "", {}, 400, "invalid_request"),
    ("A-02", "a form of a megabyte", lambda w: "x=" + "y" * 1_000_000, {}, 400, "invalid_request"),
]

# Requirement, what is wrong, method, path, header of the authorization; status, a word of the answer.
ROUTES = [
    ("A-08", "no token", "GET", "$export", None, 401, "needed"),
    ("A-08", "an empty header", "GET", "$export", "", 401, "Bearer"),
    ("A-08", "Basic", "GET", "$export", "Basic Z29vZDpnb29k", 401, "Bearer"),
    ("A-08", "Bearer without a token", "GET", "$export", "Bearer", 401, "Bearer"),
    ("A-08", "rubbish", "GET", "$export", "Bearer rubbish", 401, ""),
    ("A-08", "padding in the middle of a signature", "GET", "$export", "Bearer eyJhbGciOiJFUzM4NCJ9.e30.A=AA",
     401, ""),
    ("A-08", "padding in the middle of a header", "GET", "$export", "Bearer A=AA.e30.AA", 401, ""),
    ("A-08", "a token cut short", "GET", "$export", "Bearer {token_cut}", 401, ""),
    ("A-08", "a changed token", "GET", "$export", "Bearer {token_flipped}", 401, ""),
    ("A-08", "an assertion as token", "GET", "$export", "Bearer {assertion}", 401, ""),
    ("A-08", "a token of another server", "GET", "$export", "Bearer {foreign}", 401, ""),
    ("A-08", "a revoked token", "GET", "$export", "Bearer {revoked}", 401, ""),
    ("A-08", "a token of a disabled client", "GET", "$export", "Bearer {of_disabled}", 401, ""),
    ("A-08", "two tokens in one header", "GET", "$export", "Bearer {token}, Bearer {token}", 401, ""),
    ("A-08", "a token in the query", "GET", "$export?access_token={token}", None, 401, "needed"),
    ("A-08", "an enormous token", "GET", "$export", "Bearer " + "x" * 12_000, 401, ""),
    ("A-07", "a type that is not covered", "GET", "$export?_type=Patient", "Bearer {narrow}", 403,
     "Patient"),
    ("A-07", "one of two types not covered", "GET", "$export?_type=Device,Patient", "Bearer {narrow}",
     403, "Patient"),
    ("A-07", "a token that may write only", "GET", "$export", "Bearer {writer}", 403, "scopes"),
    ("A-09", "the system for a client with groups", "GET", "$export", "Bearer {grouped}", 403, "groups"),
    ("A-09", "all patients for a client with groups", "GET", "Patient/$export", "Bearer {grouped}", 403,
     "groups"),
    ("A-09", "another group", "GET", "Group/other/$export", "Bearer {grouped}", 403, "other"),
    ("A-09", "a group that is not there", "GET", "Group/nothing/$export", "Bearer {grouped}", 403,
     "nothing"),
    ("A-07", "status of another's job", "GET", "jobs/{job}", "Bearer {other}", 404, "job"),
    ("A-07", "status with less scope", "GET", "jobs/{job}", "Bearer {less}", 403, "scopes"),
    ("A-07", "status without a token", "GET", "jobs/{job}", None, 401, "needed"),
    ("A-07", "a file of another's job", "GET", "jobs/{job}/files/{file}", "Bearer {other}", 404, "job"),
    ("A-07", "a file with less scope", "GET", "jobs/{job}/files/{file}", "Bearer {less}", 403, "scopes"),
    ("A-07", "a file without a token", "GET", "jobs/{job}/files/{file}", None, 401, "needed"),
    ("A-07", "deleting another's job", "DELETE", "jobs/{job}", "Bearer {other}", 404, "job"),
    ("A-07", "deleting without a token", "DELETE", "jobs/{job}", None, 401, "needed"),
    ("F-07", "a path in the file's name", "GET", "jobs/{job}/files/..%2f..%2fstore%2fCURRENT",
     "Bearer {token}", 404, ""),
    ("F-07", "an internal file", "GET", "jobs/{job}/files/_references-0-00000", "Bearer {token}", 404, ""),
    ("F-07", "a capability of rubbish", "GET", "jobs/{job}/files/{file}?capability=rubbish", None, 401,
     ""),
    ("F-07", "an empty capability", "GET", "jobs/{job}/files/{file}?capability=", None, 401, ""),
    ("F-07", "a capability of another file", "GET", "jobs/{cap_job}/files/{cap_file2}?{capability}", None,
     401, ""),
    ("F-07", "a capability of another job", "GET", "jobs/{job}/files/{file}?{capability}", None, 401, ""),
    ("F-07", "a capability that lives longer", "GET", "jobs/{cap_job}/files/{cap_file}?{capability_later}",
     None, 401, ""),
    ("F-07", "a capability with another signature", "GET",
     "jobs/{cap_job}/files/{cap_file}?{capability_changed}", None, 401, ""),
    ("F-07", "a capability is no token", "GET", "jobs/{cap_job}?{capability}", None, 401, "needed"),
    ("A-08", "introspection without a token", "POST", "auth/introspect", None, 401, "needed"),
]


class Hostile(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = harness.temporary_folder(cls)
        data = cls.data = os.path.join(folder, "data")
        paths = corpus.add_hand_made(corpus.base_corpus(folder, ["Device", "Patient", "Condition"])).paths
        harness.load(data, *paths)
        cls.client = smart.Client(folder, data, "good")
        cls.other = smart.Client(folder, data, "other", "RS384")
        cls.disabled = smart.Client(folder, data, "disabled")
        cls.narrow = smart.Client(folder, data, "narrow", scope="system/Device.rs")
        cls.writer = smart.Client(folder, data, "writer", scope="system/*.cud")
        cls.grouped = smart.Client(folder, data, "grouped", options=["--group", "plain"])
        cls.capable = smart.Client(folder, data, "capable", options=["--file-access", "capability"])
        cls.server = harness.start_server(cls, data, is_open=False)
        cls.token_url = smart.token_url(cls.server)
        cls.slow_data = os.path.join(folder, "slow")
        cls.words = cls.prepare(folder)
        harness.sluice("client", "disable", "--data", data, "disabled")

    @classmethod
    def prepare(cls, folder):
        """What the tables refer to."""
        server, token = cls.server, cls.client.token(cls.server)
        words = {"token": token, "token_cut": token[:-8], "token_flipped": flipped(token, 2),
                 "assertion": cls.client.assertion(server),
                 "other": cls.other.token(server), "of_disabled": cls.disabled.token(server),
                 "narrow": cls.narrow.token(server), "writer": cls.writer.token(server),
                 "grouped": cls.grouped.token(server),
                 "less": cls.client.token(server, "system/Device.rs"),
                 "revoked": cls.client.token(server)}
        stranger = smart.Key(folder)
        words["foreign"] = smart.jwt(stranger, smart.header_of(stranger, typ="at+jwt"),
                                     {**smart.claims_of("good", server.base), "iss": server.base,
                                      "client_id": "good", "scope": "system/*.rs"})
        revoked = smart.post_form(server.base + "/auth/revoke", {"token": words["revoked"]},
                                  {"Authorization": "Bearer " + token})
        assert revoked.status == 200, revoked
        status_url, manifest = smart.export(server, "$export", None, {"Authorization": "Bearer " + token})
        words["job"] = status_url.rsplit("/", 1)[1]
        words["file"] = manifest["output"][0]["url"].rsplit("/", 1)[1]
        status_url, manifest = smart.export(server, "$export", None, cls.capable.headers(server))
        words["cap_job"] = status_url.rsplit("/", 1)[1]
        first, second = (urllib.parse.urlsplit(item["url"]) for item in manifest["output"][:2])
        words["cap_file"], words["cap_file2"] = (u.path.rsplit("/", 1)[1] for u in (first, second))
        words["capability"] = first.query
        expiry, key, signature = first.query.split("=", 1)[1].split(".")
        words["capability_later"] = f"capability={int(expiry) + 1}.{key}.{signature}"
        words["capability_changed"] = "capability=" + flipped(f"{expiry}.{key}.{signature}", 2)
        return words

    def form(self):
        return urllib.parse.urlencode(smart.form_of(self.client.assertion(self.server)))

    def setUp(self):
        self.before = self.state()

    def tearDown(self):
        self.assertEqual(self.state(), self.before, "something changed")
        self.assertEqual(self.client.token_answer(self.server).status, 200)

    def state(self):
        metrics = harness.request("GET", self.server.root + "/metrics").body.decode()
        clients = harness.sluice("client", "list", "--data", self.data, "--json").out
        return re.findall(r"^sluice_jobs\w*\{.*$", metrics, re.M), clients

    def assert_oauth(self, answer, status, error):
        self.assertEqual(answer.status, status, answer)
        self.assertEqual(answer.headers["Content-Type"], "application/json", answer)
        self.assertEqual(answer.headers["Cache-Control"], "no-store", answer)
        body = answer.json()
        self.assertEqual(body["error"], error, answer)
        self.assertTrue(body["error_description"], answer)
        return body["error_description"]

    def test_the_tables_are_long_enough(self):
        self.assertGreaterEqual(len(ASSERTIONS) + len(FORMS) + len(BODIES) + len(ROUTES), 110)

    def test_a03_assertions(self):
        descriptions = set()
        for requirement, name, header, claims in ASSERTIONS:
            with self.subTest(requirement + " " + name):
                claims = {n: v.format(base=self.server.base) if isinstance(v, str) else v
                          for n, v in claims.items()}
                answer = smart.post_form(self.token_url, smart.form_of(
                    self.client.assertion(self.server, header, claims)))
                descriptions.add(self.assert_oauth(answer, *BAD_CLIENT))
        self.assertEqual(len(descriptions), 1, "the answers tell one reason from another")

    def test_a02_a06_forms(self):
        for requirement, name, change, status, error in FORMS:
            with self.subTest(requirement + " " + name):
                form = change(smart.form_of(self.client.assertion(self.server)), self)
                form = {n: v for n, v in form.items() if v is not ...}
                self.assert_oauth(smart.post_form(self.token_url, form), status, error)

    def test_a02_bodies(self):
        for requirement, name, body, headers, status, error in BODIES:
            with self.subTest(requirement + " " + name):
                answer = smart.post_form(self.token_url, body(self), headers)
                self.assert_oauth(answer, status, error)

    def test_a07_a08_f07_routes(self):
        for requirement, name, method, path, header, status, word in ROUTES:
            with self.subTest(requirement + " " + name):
                headers = {} if header is None else {"Authorization": header.format(**self.words)}
                answer = harness.request(method, f"{self.server.base}/{path.format(**self.words)}", headers)
                self.assert_outcome(answer, status, *([word] if word else []))
                if status == 401:
                    self.assertTrue(answer.headers["WWW-Authenticate"].startswith("Bearer"), answer)

    def test_a03_a_jti_is_used_once_also_after_a_restart(self):
        assertion = self.client.assertion(self.server)
        # The restarted server must have the same address: the assertion names it.
        port = self.server.base.split(":")[2].split("/")[0]
        self.assertEqual(smart.post_form(self.token_url, smart.form_of(assertion)).status, 200)
        self.assert_oauth(smart.post_form(self.token_url, smart.form_of(assertion)), *BAD_CLIENT)
        # Another signature over the same jti is no other assertion.
        again = smart.jwt(self.client.key, smart.header_of(self.client.key), assertion.split(".")[1])
        self.assert_oauth(smart.post_form(self.token_url, smart.form_of(again)), *BAD_CLIENT)
        self.server.stop()
        self.server.listen = f"127.0.0.1:{port}"
        self.server.start()
        self.assert_oauth(smart.post_form(self.token_url, smart.form_of(assertion)), *BAD_CLIENT)
        # A restart forgets no job, but counts anew.
        self.before = self.state()

    def test_a08_ten_thousand_slow_connections(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        count = min(10_000, hard - 1000)
        server = harness.start_server(self, self.slow_data, "--header-timeout", 4, "--max-connections",
                                      20_000, "--max-connections-per-address", 20_000, is_open=False)
        port = int(server.base.split(":")[2].split("/")[0])
        slow = []
        self.addCleanup(lambda: [each.close() for each in slow])
        for _ in range(count):
            slow.append(socket.create_connection(("127.0.0.1", port)))
            slow[-1].sendall(b"POST /fhir/auth/token HTTP/1.1\r\nHost: a\r\nX-A: ")
        for _ in range(20):
            answer = harness.request("GET", server.base + "/$export")
            self.assert_outcome(answer, 401)
        deadline = time.monotonic() + harness.PATIENCE_SECONDS
        waiting = {each.fileno(): each for each in slow}
        while waiting and time.monotonic() < deadline:
            for each in list(waiting.values()):
                each.setblocking(False)
                try:
                    answer = each.recv(100)
                    self.assertIn(answer[:12], (b"", b"HTTP/1.1 408"))
                except BlockingIOError:
                    continue
                except OSError:
                    pass
                del waiting[each.fileno()]
            time.sleep(0.2)
        self.assertFalse(waiting, f"{len(waiting)} of {count} connections are still open")
        self.assertEqual(server.stop(), 0)

    def test_a02_methods_and_smuggling(self):
        self.assertEqual(harness.request("GET", self.token_url).status, 405)
        host = self.server.base.split("/")[2]
        address, port = host.split(":")
        for name, head in (
                ("both lengths", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"),
                ("two lengths", "Content-Length: 4\r\nContent-Length: 40\r\n"),
                ("a length that is none", "Content-Length: +4\r\n"),
                ("an unknown coding", "Transfer-Encoding: gzip, chunked\r\n"),
                ("a chunked in disguise", "Transfer-Encoding: xchunked\r\n"),
                ("a folded header", "X-A: b\r\n c\r\nContent-Length: 4\r\n")):
            with self.subTest(name), socket.create_connection((address, int(port)), timeout=20) as raw:
                raw.sendall(f"POST /fhir/auth/token HTTP/1.1\r\nHost: {host}\r\n{head}\r\n"
                            f"0\r\n\r\nGET /fhir/$export HTTP/1.1\r\n\r\n".encode())
                answer = b""
                while chunk := raw.recv(65536):
                    answer += chunk
                self.assertIn(answer.split(b" ")[1], (b"400", b"501"), answer[:300])
                self.assertEqual(answer.count(b"HTTP/1.1 "), 1, "the rest was taken for a request")


if __name__ == "__main__":
    unittest.main()

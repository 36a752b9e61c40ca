"""SMART Backend Services end to end: discovery, tokens, scopes, clients, limits, capability URLs, the
audit log (A-01 to A-12, K-06, F-07)."""
import glob
import json
import os
import re
import threading
import time
import unittest

import corpus
import harness
import smart
from key_server import KeyServer


class Authorization(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = harness.temporary_folder(cls)
        cls.source = os.path.join(cls.folder, "source")
        base = corpus.add_hand_made(corpus.base_corpus(cls.folder, corpus.SMALL_TYPES))
        harness.load(cls.source, *base.paths)
        cls.corpus = base

    def setUp(self):
        self.data = self.source

    def client(self, id, *arguments, **keywords):
        """A client of this test alone: the store is shared."""
        return smart.Client(self.folder, self.data, f"{self._testMethodName[:60]}-{id}", *arguments,
                            **keywords)

    def serve(self, *options):
        return harness.start_server(self, self.data, *options, is_open=False)

    # ---- discovery and tokens ----

    def test_a01_discovery_needs_no_token(self):
        server = self.serve()
        configuration = harness.request("GET", server.base + "/.well-known/smart-configuration").json()
        self.assertEqual(configuration["token_endpoint"], smart.token_url(server))
        self.assertEqual(configuration["grant_types_supported"], ["client_credentials"])
        self.assertEqual(configuration["token_endpoint_auth_methods_supported"], ["private_key_jwt"])
        self.assertEqual(set(configuration["token_endpoint_auth_signing_alg_values_supported"]),
                         {"RS384", "ES384"})
        self.assertLessEqual({"client-confidential-asymmetric", "permission-v1", "permission-v2"},
                             set(configuration["capabilities"]))
        self.assertNotIn("registration_endpoint", configuration)
        for name in ("introspection_endpoint", "revocation_endpoint", "scopes_supported"):
            self.assertTrue(configuration[name], name)
        # The issuer is that of OpenID Connect, and left out without it.
        self.assertNotIn("issuer", configuration)
        keys = harness.request("GET", configuration["jwks_uri"]).json()["keys"]
        self.assertTrue(keys)
        for key in keys:
            self.assertNotIn("d", key)
        security = harness.request("GET", server.base + "/metadata").json()["rest"][0]["security"]
        self.assertEqual(security["service"][0]["coding"][0]["code"], "SMART-on-FHIR")

    def test_a02_a05_a_token_for_each_algorithm(self):
        for algorithm in ("ES384", "RS384"):
            with self.subTest(algorithm):
                client = self.client(algorithm, algorithm)
                server = self.serve()
                answer = client.token_answer(server)
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual(answer.headers["Cache-Control"], "no-store")
                token = answer.json()
                self.assertEqual(token["token_type"], "bearer")
                self.assertEqual(token["scope"], "system/*.rs")
                self.assertLessEqual(token["expires_in"], 300)
                _, manifest = smart.export(server, "Patient/$export", None, {
                    "Authorization": "bearer " + token["access_token"]})
                self.assertTrue(manifest["requiresAccessToken"])
                server.kill()

    def test_a03_exp_may_have_a_fraction_and_is_five_minutes_ahead_at_most(self):
        client = self.client("exp")
        server = self.serve()
        now = int(time.time())
        for exp, status in ((now + 60.75, 200), (now + 300, 200), (now + 300.5, 200), (now + 360, 401),
                            (now - 60.5, 401), (str(now + 60), 401), (True, 401)):
            assertion = client.assertion(server, claims={"exp": exp})
            answer = smart.post_form(smart.token_url(server), smart.form_of(assertion))
            self.assertEqual(answer.status, status, exp)

    def test_a03_more_algorithms_behind_a_setting(self):
        client = self.client("es256", "ES256")
        server = self.serve("--more-algorithms")
        self.assertEqual(client.token_answer(server).status, 200)

    def test_a05_a_token_ends_and_survives_a_restart(self):
        client = self.client("short")
        server = self.serve("--token-lifetime", 10)
        started = time.monotonic()
        headers = client.headers(server)
        port = server.base.split(":")[2].split("/")[0]
        server.stop()
        server.listen = f"127.0.0.1:{port}"
        server.start()
        self.assertEqual(server.get("$export", {"_type": "Device"}, headers).status, 202)
        harness.eventually(self, lambda: server.get("Device", {"_count": 1}, headers).status == 401,
                           "the end of the token", pause=0.2)
        self.assertGreaterEqual(time.monotonic() - started, 9)  # a token counts in whole seconds
        self.assert_outcome(server.get("$export", None, headers), 401)

    def test_rfc_7662_7009_introspection_and_revocation(self):
        client, other = self.client("a"), self.client("b")
        server = self.serve()
        token, headers = client.token(server), client.headers(server)

        def introspect(of, by):
            return smart.post_form(server.base + "/auth/introspect", {"token": of}, by).json()
        seen = introspect(token, headers)
        self.assertEqual((seen["active"], seen["client_id"], seen["scope"]),
                         (True, client.id, "system/*.rs"))
        self.assertEqual(introspect(token, other.headers(server)), {"active": False})
        self.assertEqual(introspect("rubbish", headers), {"active": False})

        def revoke(form, by=None):
            return smart.post_form(server.base + "/auth/revoke", form, by).status
        # Another's token is left alone, and nobody is told.
        self.assertEqual(revoke({"token": token}, other.headers(server)), 200)
        self.assertTrue(introspect(token, headers)["active"])
        self.assertEqual(revoke({"token": token}), 401)
        self.assertEqual(revoke({"token": token, "client_assertion_type": smart.JWT_BEARER,
                                 "client_assertion": client.assertion(server)}), 200)
        self.assertEqual(introspect(token, headers), {"active": False})
        self.assertEqual(server.get("$export", None, {"Authorization": "Bearer " + token}).status, 401)

    # ---- scopes ----

    def test_a06_a07_an_export_holds_what_the_scopes_cover(self):
        client = self.client("narrow", scope="system/Patient.read system/Device.rs system/Encounter.r")
        server = self.serve()
        answer = client.token_answer(server, "system/*.read").json()
        self.assertEqual(set(answer["scope"].split()),
                         {"system/Patient.read", "system/Device.read", "system/Encounter.r"})
        headers = {"Authorization": "Bearer " + answer["access_token"]}
        _, manifest = smart.export(server, "$export", None, headers)
        self.assertEqual({item["type"] for item in manifest["output"]}, {"Patient", "Device"})
        _, manifest = smart.export(server, "Patient/$export", None, headers)
        self.assertLessEqual({item["type"] for item in manifest["output"]}, {"Patient", "Device"})
        # A Group is no part of its export, whatever the scopes cover.
        both = self.client("groups", scope="system/Patient.rs system/Group.rs")
        _, manifest = smart.export(server, "Group/plain/$export", None, both.headers(server))
        self.assertEqual({item["type"] for item in manifest["output"]}, {"Patient"})

    def test_a06_a_scope_with_a_query_that_is_none_is_refused_at_registration(self):
        done = harness.sluice("client", "add", "--data", self.data, "--id", "query", "--jwks-url",
                              "https://keys.example/jwks", "--scope", "system/Patient.rs?colour=red",
                              check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("colour", done.err)

    def test_f07_every_file_of_a_manifest_can_be_fetched(self):
        for access in ("token", "capability"):
            with self.subTest(access):
                client = self.client(access, options=["--file-access", access])
                server = self.serve()
                headers = client.headers(server)
                _, manifest = smart.export(server, "$export", {"_type": "Device,Nonsense"}, headers,
                                           {"Prefer": "respond-async, handling=lenient"})
                self.assertEqual(manifest["requiresAccessToken"], access == "token")
                for item in manifest["output"] + manifest["outcome"]:
                    answer = harness.request("GET", item["url"], headers if access == "token" else {})
                    self.assertEqual(answer.status, 200, answer)
                    self.assertEqual(answer.body.count(b"\n"), item["count"])
                    part = harness.request("GET", item["url"], {
                        "Range": "bytes=0-9", **(headers if access == "token" else {})})
                    self.assertEqual((part.status, len(part.body)), (206, 10))
                if access == "capability":
                    harness.sluice("client", "disable", "--data", self.data, client.id)
                    url = manifest["output"][0]["url"]
                    self.assertEqual(harness.request("GET", url).status, 401)
                server.kill()

    # ---- clients ----

    def test_a09_clients_are_changed_while_the_server_runs(self):
        server = self.serve()
        client = self.client("live")
        headers = client.headers(server)
        self.assertEqual(server.get("$export", {"_type": "Device"}, headers).status, 202)

        def change(verb, *options):
            return json.loads(harness.sluice("client", verb, "--data", self.data, "--id", client.id,
                                             "--json", *options).out)
        self.assertEqual(change("disable")["state"], "disabled")
        self.assertEqual(server.get("$export", None, headers).status, 401)
        self.assertEqual(client.token_answer(server).status, 401)
        self.assertEqual(change("enable")["state"], "active")
        self.assertEqual(server.get("$export", None, headers).status, 401, "a void token stays void")
        headers = client.headers(server)
        self.assertEqual(change("update", "--scope", "system/Device.rs")["scope"], "system/Device.rs")
        self.assertEqual(server.get("$export", {"_type": "Patient"}, headers).status, 401)
        self.assertEqual(client.token_answer(server, "system/Patient.rs").json()["error"], "invalid_scope")
        # A new key: the old one is worth nothing at once.
        old, client.key = client.key, smart.Key(self.folder)
        jwks = os.path.join(self.folder, client.key.kid)
        with open(jwks, "w", encoding="utf-8") as file:
            json.dump(client.key.jwk(), file)
        change("update", "--jwks", jwks)
        self.assertEqual(client.token_answer(server, "system/Device.rs").status, 200)
        client.key = old
        self.assertEqual(client.token_answer(server, "system/Device.rs").status, 401)
        self.assertEqual(change("remove")["state"], "removed")
        shown = harness.sluice("client", "show", "--data", self.data, "--id", client.id, check=False)
        self.assertNotEqual(shown.returncode, 0)
        self.assertIn(client.id, shown.err)
        server.stop()
        self.assertFalse(os.path.exists(os.path.join(self.data, "control.sock")))
        # And the same without a server.
        self.client("still")
        listed = harness.sluice("client", "list", "--data", self.data).out
        self.assertIn("-still", listed)

    def test_a09_who_is_removed_leaves_no_jobs_behind(self):
        client = self.client("leaving")
        server = self.serve()
        finished, _ = smart.export(server, "$export", {"_type": "Device"}, client.headers(server))
        files = os.path.join(self.data, "files", finished.rsplit("/", 1)[1])
        self.assertTrue(os.listdir(files))
        harness.sluice("client", "remove", "--data", self.data, "--id", client.id)
        harness.eventually(self, lambda: not os.path.exists(files), "the files of who was removed to go")
        self.assertIn("jobs of removed clients ended jobs=1", server.log())
        # Also when no server runs; those of others stay.
        other, staying = self.client("leaving-too"), self.client("staying")
        gone, kept = (os.path.join(self.data, "files", smart.export(
            server, "$export", {"_type": "Device"}, each.headers(server))[0].rsplit("/", 1)[1])
            for each in (other, staying))
        server.stop()
        harness.sluice("client", "remove", "--data", self.data, "--id", other.id)
        self.assertTrue(os.path.exists(gone))
        server.start()
        harness.eventually(self, lambda: not os.path.exists(gone), "the files of who was removed to go")
        self.assertTrue(os.listdir(kept))

    def test_a09_a_client_of_groups_exports_these(self):
        client = self.client("grouped", options=["--group", "plain"])
        server = self.serve()
        _, manifest = smart.export(server, "Group/plain/$export", None, client.headers(server))
        self.assertTrue(manifest["output"])

    def test_a09_dynamic_registration_is_off_until_there_is_a_token(self):
        server = self.serve()
        self.assertEqual(harness.request("POST", server.base + "/auth/register").status, 404)
        server.kill()
        secret = "initial-" + "x" * 30
        token_file = os.path.join(self.folder, "registration")
        with open(token_file, "w", encoding="utf-8") as file:
            file.write(secret + "\n")
        server = self.serve("--registration-token", token_file, "--registration-scope",
                            "system/Device.rs")
        key = smart.Key(self.folder)
        wanted = {"client_name": "Quality team", "jwks": {"keys": [key.jwk()]},
                  "grant_types": ["client_credentials"],
                  "token_endpoint_auth_method": "private_key_jwt", "scope": "system/*.rs"}

        def register(body, token=secret, content_type="application/json"):
            return harness.request("POST", server.base + "/auth/register", {
                "Content-Type": content_type, "Authorization": "Bearer " + token},
                (body if isinstance(body, str) else json.dumps(body)).encode())
        for token in ("", "wrong", secret + "x", secret[:-1]):
            self.assertEqual(register(wanted, token).status, 401, token)
        for change in ({"jwks": {"keys": []}}, {"jwks": 7}, {"grant_types": ["authorization_code"]},
                       {"token_endpoint_auth_method": "client_secret_basic"}, {"scope": "system/x.rs"}, {"scope": 5},
                       {"scope": "system/Patient.rs"}, {"jwks_uri": "https://keys.example/jwks"}):
            answer = register({**wanted, **change})
            self.assertEqual((answer.status, answer.json()["error"]),
                             (400, "invalid_client_metadata"), change)
        self.assertEqual(register("[]").status, 400)
        self.assertEqual(register(wanted, content_type="text/plain").status, 400)
        answer = register(wanted)
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(answer.json()["scope"], "system/Device.rs")
        assertion = smart.jwt(key, smart.header_of(key),
                              smart.claims_of(answer.json()["client_id"], smart.token_url(server)))
        token = smart.post_form(smart.token_url(server), smart.form_of(assertion))
        self.assertEqual(token.status, 200, token)

    def test_a04_keys_by_url_are_cached_and_loopback_must_be_allowed(self):
        keys = KeyServer(self)
        first, second = smart.Key(self.folder), smart.Key(self.folder)
        keys.keys = [first.jwk()]
        client = self.client("url")
        client.key = first
        harness.sluice("client", "update", "--data", self.data, "--id", client.id, "--jwks-url", keys.url)
        refused = harness.sluice("client", "update", "--data", self.data, "--id", client.id,
                                 "--jwks-url", "http://keys.example/jwks", check=False)
        self.assertEqual(refused.returncode, 2, "http is for loopback only")
        server = self.serve()
        answer = client.token_answer(server)
        self.assertEqual((answer.status, keys.requests), (503, 0), "led inside our own network")
        server.kill()
        server = self.serve("--jwks-allow-private")
        self.assertEqual([client.token_answer(server).status for _ in range(3)], [200] * 3)
        self.assertEqual(keys.requests, 1)
        # A new key that is not there yet: looked for at most once a minute.
        keys.keys, client.key = [second.jwk()], second
        self.assertEqual([client.token_answer(server).status for _ in range(3)], [401] * 3)
        self.assertEqual(keys.requests, 1)

    def by_url(self, keys, id):
        """A client with its keys at the URL of a key server."""
        client = self.client(id)
        keys.keys.append(client.key.jwk())
        harness.sluice("client", "update", "--data", self.data, "--id", client.id, "--jwks-url", keys.url)
        return client

    def test_r02_a_slow_key_server_stops_nobody(self):
        keys = KeyServer(self)
        client, other = self.by_url(keys, "slow"), self.client("fast")
        forger = smart.Key(harness.temporary_folder(self), kid=client.key.kid)
        server = self.serve("--jwks-allow-private", "--request-threads", 4)
        keys.answers.clear()
        answers = []

        def forge():
            assertion = smart.jwt(forger, smart.header_of(forger),
                                  smart.claims_of(client.id, smart.token_url(server)))
            answers.append(smart.post_form(smart.token_url(server), smart.form_of(assertion)))
        forgers = [threading.Thread(target=forge) for _ in range(12)]
        for thread in forgers:
            thread.start()
        # All are answered while the key server is silent, and others are served.
        self.assertEqual(harness.request("GET", server.base.removesuffix("/fhir") + "/healthz").status, 200)
        headers = other.headers(server)
        self.assertEqual(server.get("$export", {"_type": "Device"}, headers).status, 202)
        for thread in forgers:
            thread.join()
        self.assertFalse(keys.answers.is_set())
        self.assertEqual({answer.status for answer in answers}, {503})
        for answer in answers:
            self.assertEqual(answer.json()["error"], "temporarily_unavailable")
            self.assertEqual(answer.headers["Retry-After"], "1")
            self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertEqual(keys.requests, 1, "one fetch of a URL at a time")
        # The same where an assertion revokes a token.
        token = headers["Authorization"].split()[1]
        answer = smart.post_form(server.base + "/auth/revoke", {
            "token": token, "client_assertion_type": smart.JWT_BEARER,
            "client_assertion": client.assertion(server)})
        self.assertEqual((answer.status, answer.headers["Retry-After"]), (503, "1"))
        keys.answers.set()
        deadline = time.monotonic() + 60
        answer = client.token_answer(server)
        while answer.status == 503 and time.monotonic() < deadline:
            answer = client.token_answer(server)
        self.assertEqual((answer.status, keys.requests), (200, 1), answer)

    def test_r02_an_assertion_that_is_wrong_by_itself_fetches_no_keys(self):
        keys = KeyServer(self)
        client = self.by_url(keys, "cheap")
        server = self.serve("--jwks-allow-private")
        for header, claims in (({"alg": "HS384"}, {}), ({"kid": ...}, {}), ({"kid": 7}, {}), ({}, {"iss": "x"}),
                               ({}, {"sub": ...}), ({}, {"aud": "https://x.example"}), ({}, {"exp": ...}),
                               ({}, {"exp": int(time.time()) - 60}), ({}, {"exp": int(time.time()) + 400}),
                               ({}, {"jti": ...}), ({}, {"jti": ""}), ({"jku": "https://x.example"}, {})):
            assertion = smart.jwt(client.key, smart.header_of(client.key, **header),
                                  smart.claims_of(client.id, smart.token_url(server), **claims))
            answer = smart.post_form(smart.token_url(server), smart.form_of(assertion))
            self.assertEqual((answer.status, keys.requests), (401, 0), (header, claims))
        self.assertEqual(client.token_answer(server).status, 200, "at the first try")

    def test_k06_a_client_s_limits(self):
        client = self.client("limited", options=["--requests-per-minute", "3", "--running-jobs", "1"])
        server = self.serve()
        headers = client.headers(server)
        statuses = [server.get("$export", {"_type": "Device"}, headers).status for _ in range(5)]
        self.assertEqual(statuses[0], 202)
        refused = server.get("$export", {"_type": "Device"}, headers)
        self.assert_outcome(refused, 429)
        self.assertGreaterEqual(int(refused.headers["Retry-After"]), 1)
        # Others go on.
        other = self.client("free")
        self.assertEqual(server.get("$export", {"_type": "Device"}, other.headers(server)).status, 202)

    def test_a02_token_requests_of_an_address_are_limited(self):
        client = self.client("eager")
        server = self.serve("--token-rate", 5)
        answers = harness.until_too_many(lambda: client.token_answer(server))
        self.assertEqual([a.status for a in answers[:5]], [200] * 5)
        self.assertGreaterEqual(int(answers[-1].headers["Retry-After"]), 1)

    def test_a02_tokens_of_a_client_and_kick_offs_of_an_address_are_limited(self):
        client, other = self.client("eager"), self.client("calm")
        server = self.serve("--client-token-rate", 3, "--address-kick-off-rate", 4)
        headers = client.headers(server)
        answers = harness.until_too_many(lambda: client.token_answer(server))
        self.assertEqual([a.status for a in answers[:2]], [200] * 2)
        self.assertEqual(other.token_answer(server).status, 200)
        others = other.headers(server)
        answers = harness.until_too_many(lambda: server.get("$export", {"_type": "Device"}, headers))
        self.assertEqual([a.status for a in answers[:4]], [202] * 4)
        self.assert_outcome(server.get("$export", {"_type": "Device"}, others), 429, "address")

    def test_a12_who_has_no_token_cannot_fill_the_audit_log(self):
        client = self.client("honest")
        server = self.serve()
        headers = client.headers(server)
        statuses = [answer.status for answer in harness.until_too_many(lambda: server.get("$export"))]
        self.assertGreaterEqual(len(statuses), 600)
        self.assertEqual(set(statuses[:-1]), {401})
        self.assertEqual(server.get("$export", {"_type": "Device"}, headers).status, 202)

    # ---- the commands ----

    def test_keys_and_token_commands(self):
        for algorithm in ("ES384", "RS384"):
            key = os.path.join(self.folder, algorithm + ".jwk")
            public = harness.sluice("keys", "generate", "--alg", algorithm, "--out", key).out
            self.assertEqual(os.stat(key).st_mode & 0o777, 0o600)
            self.assertNotIn('"d"', public)
            again = harness.sluice("keys", "generate", "--alg", algorithm, "--out", key, check=False)
            self.assertEqual(again.returncode, 2)
            jwks = key + "s"
            with open(jwks, "w", encoding="utf-8") as file:
                file.write(public)
            harness.sluice("client", "add", "--data", self.data, "--id", "cli-" + algorithm, "--jwks",
                           jwks, "--scope", "system/*.rs")
            server = self.serve()
            token = harness.sluice("token", server.base, "--client-id", "cli-" + algorithm, "--key",
                                   key, "--scope", "system/Device.rs").out.strip()
            answer = server.get("$export", {"_type": "Device"}, {"Authorization": "Bearer " + token})
            self.assertEqual(answer.status, 202, answer)
            refused = harness.sluice("token", server.base, "--client-id", "nobody", "--key", key,
                                     check=False)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("invalid_client", refused.err)
            server.kill()

    # ---- the audit log ----

    def test_a12_everything_is_audited_and_nothing_secret_is(self):
        client = self.client("audited")
        capable = self.client("capable", options=["--file-access", "capability"])
        server = self.serve("--log-level", "trace")
        secrets = []
        assertion = client.assertion(server)
        token = smart.post_form(smart.token_url(server), smart.form_of(assertion)).json()["access_token"]
        secrets += [assertion, token]
        smart.post_form(smart.token_url(server), smart.form_of(assertion))
        headers = {"Authorization": "Bearer " + token}
        status_url, manifest = smart.export(server, "Patient/$export", None, headers)
        for item in manifest["output"]:
            harness.request("GET", item["url"], headers)
        harness.request("GET", status_url)
        harness.request("DELETE", status_url, headers)
        capability_headers = capable.headers(server)
        secrets.append(capability_headers["Authorization"].split()[1])
        _, manifest = smart.export(server, "$export", {"_type": "Device"}, capability_headers)
        secrets.append(manifest["output"][0]["url"].split("capability=")[1])
        harness.request("GET", manifest["output"][0]["url"])
        harness.sluice("client", "disable", "--data", self.data, client.id)
        server.stop()
        lines = []
        for file in sorted(glob.glob(os.path.join(self.data, "audit", "*.ndjson"))):
            self.assertEqual(os.stat(file).st_mode & 0o777, 0o600)
            with open(file, encoding="utf-8") as text:
                lines += text.read().splitlines()
        events = [json.loads(line) for line in lines]
        ours = [e for e in events if client.id in json.dumps(e)]
        kinds = {e["subtype"][0]["code"] for e in ours}
        self.assertLessEqual({"token-issued", "kick-off", "status", "download", "delete",
                              "client-changed"}, kinds)
        self.assertIn("token-refused", {e["subtype"][0]["code"] for e in events})
        self.assertIn("access-refused", {e["subtype"][0]["code"] for e in events})
        for event in events:
            self.assertEqual(event["resourceType"], "AuditEvent")
            for name in ("type", "recorded", "agent", "source", "outcome"):
                self.assertTrue(event[name], event)
        written = "\n".join(lines) + server.log()
        for secret in secrets:
            for part in secret.split("."):
                if len(part) > 20:
                    self.assertNotIn(part, written)
        names = self.people()
        self.assertGreater(len(names), 50)
        for name in names:
            self.assertIsNone(re.search(rf"\b{re.escape(name)}\b", written), name)
        found = harness.sluice("audit", "grep", "--data", self.data, "kick-off", client.id).out
        self.assertEqual(len(found.splitlines()), 1)
        self.assertEqual(len(harness.sluice("audit", "tail", "--data", self.data, "--lines", 3)
                             .out.splitlines()), 3)

    def people(self):
        """Family names and birth dates of the patients."""
        found = set()
        for resource in self.corpus.resources.values():
            if resource["resourceType"] == "Patient":
                found |= {n["family"] for n in resource.get("name", []) if len(n.get("family", "")) > 4}
                found |= {resource["birthDate"]} if "birthDate" in resource else set()
        return found


if __name__ == "__main__":
    unittest.main()

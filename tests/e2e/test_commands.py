"""The commands and their options: help, exit codes, TOML and environment, A-11 (shut by default)."""
import json
import os
import socket
import re
import unittest

import harness

COMMANDS = ("load", "serve", "generate", "stats", "jobs", "fhirpath", "version")


class Commands(harness.TestCase):
    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.data = os.path.join(self.folder, "data")

    def config(self, text):
        path = os.path.join(self.folder, "sluice.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def read(self, path):
        with open(path, "rb") as file:
            return file.read()

    def test_version_and_help(self):
        self.assertRegex(harness.sluice("version").out, r"^sluice \d+\.\d+\.\d+\n$")
        help = harness.sluice("--help").out
        for command in COMMANDS:
            self.assertIn(command, help)
            self.assertIn("sluice " + command, harness.sluice(command, "--help").out)

    def test_jobs_shows_what_runs_and_how_an_export_reads(self):
        """The same from the running server and from the store, and no ids of patients."""
        lines = [{"resourceType": "Patient", "id": f"secret-{i}"} for i in range(3)]
        lines += [{"resourceType": "Observation", "id": f"o{i}", "status": "final", "code": {},
                   "subject": {"reference": f"Patient/secret-{i}"}} for i in range(3)]
        lines.append({"resourceType": "Group", "id": "g", "type": "person", "actual": True,
                      "member": [{"entity": {"reference": "Patient/secret-1"}}]})
        harness.load(self.data, harness.write_lines(os.path.join(self.folder, "in.ndjson"), lines))

        def jobs(*options):
            return json.loads(harness.sluice("jobs", "--data", self.data, "--json", *options).out)["jobs"]

        with harness.Server(self.data) as server:
            self.assertEqual(jobs(), [])
            locations = [server.kick_off("Group/g/$export", {"_type": "Observation"}),
                         server.kick_off("$export", {"_since": "2999-01-01T00:00:00Z"})]
            for location in locations:
                harness.wait(location)
            newest, group = jobs()
            self.assertEqual([newest["id"], group["id"]], [location.rsplit("/", 1)[1]
                                                           for location in reversed(locations)])
            self.assertEqual((newest["state"], newest["level"], newest["since"]),
                             ("done", "system", "2999-01-01T00:00:00.000Z"))
            self.assertEqual((group["kind"], group["level"], group["types"], group["shards_done"]),
                             ("export", "Group/g", ["Observation"], group["shards"]))
            shown, = jobs(group["id"])
            self.assertEqual([(row["type"], row["parts"]) for row in shown["plan"]], [("Observation", 1)])
            self.assertIn(shown["plan"][0]["read"], ("scan", "seek by patient"))
            self.assertRegex(shown["plan"][0]["estimates"], r"scan [0-9.]+ s, seek by patient [0-9.]+ s")
            self.check_jobs_over_http(shown)
            missing = harness.sluice("jobs", "--data", self.data, "nothing", check=False)
            self.assertNotEqual(missing.returncode, 0)
            self.assertIn("'nothing'", missing.err)
        self.assertEqual(jobs(group["id"]), [shown])
        for options in ((), (group["id"],)):
            text = harness.sluice("jobs", "--data", self.data, *options).out
            self.assertIn(group["id"], text)
            self.assertNotIn("secret", text)

    def check_jobs_over_http(self, shown):
        """The operator's debug information by HTTP on the control socket, as curl asks for it."""
        def ask(*pieces):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(10)
                connection.connect(os.path.join(self.data, "control.sock"))
                for piece in pieces:
                    connection.sendall(piece.encode())
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
            head, body = answer.split(b"\r\n\r\n", 1)
            self.assertIn(f"Content-Length: {len(body)}".encode(), head)
            return int(head.split()[1]), json.loads(body)

        end = " HTTP/1.1\r\nHost: localhost\r\n\r\n"
        self.assertEqual(ask(f"GET /jobs/{shown['id']}" + end), (200, {"jobs": [shown]}))
        # The head in two pieces.
        status, body = ask("GET /jobs HTTP/1.1\r\n", "Host: localhost\r\n\r\n")
        self.assertEqual((status, len(body["jobs"])), (200, 2))
        for line, status, word in (("GET /jobs/nothing", 404, "nothing"), ("GET /", 404, "/jobs"),
                                   ("DELETE /jobs/" + shown["id"], 405, "GET")):
            found, body = ask(line + end)
            self.assertEqual(found, status)
            self.assertIn(word, body["error"])

    def test_wrong_use_ends_with_2_and_says_what_is_wrong(self):
        for arguments, word in (((), "subcommand"), (("nonsense",), "nonsense"),
                                (("serve", "--nonsense"), "nonsense"),
                                (("serve", "--data", self.data, "--open", "--max-jobs", "many"), "max-jobs"),
                                (("serve", "--data", self.data, "--open", "--log-level", "loud"), "loud"),
                                (("serve", "--data", self.data, "--open", "--listen", "here"), "here"),
                                (("load", "--data", self.data), "load"), (("load", "x.ndjson"), "--data"),
                                (("generate", "--patients", "0", "--out", self.data), "patients")):
            with self.subTest(arguments=arguments):
                done = harness.sluice(*arguments, check=False, timeout=20)
                self.assertEqual(done.returncode, 2, done.err)
                self.assertIn(word, (done.err + done.out))

    def test_unknown_options_are_told_in_the_order_in_which_they_were_given(self):
        done = harness.sluice("serve", "--data", self.data, "--first", "--second=2", "--third", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("not understood: --first --second=2 --third\n", done.err)
        done = harness.sluice("stats", "--data", self.data, "--jsn", check=False)
        self.assertIn("not understood: --jsn (did you mean --json?)\n", done.err)

    def test_a_data_folder_that_is_not_there_is_told_and_not_made(self):
        for arguments in (("client", "list"), ("client", "show", "--id", "x"), ("client", "update", "--id", "x"),
                          ("client", "disable", "--id", "x"), ("client", "remove", "--id", "x"),
                          ("client", "revoke-tokens", "--id", "x"), ("stats",), ("jobs",), ("audit", "tail"),
                          ("audit", "grep", "x"), ("load", os.path.join(self.folder, "missing.ndjson"))):
            with self.subTest(arguments=arguments):
                done = harness.sluice(*arguments, "--data", self.data, check=False)
                self.assertEqual(done.returncode, 2, done.err)
                self.assertFalse(os.path.exists(self.data))
                if arguments[0] != "load":
                    self.assertRegex(done.err, f"there is no (store|audit log) in '{self.data}'")

    def test_messages_name_what_to_do(self):
        jwks = os.path.join(self.folder, "jwks.json")
        with open(jwks, "w", encoding="utf-8") as file:
            file.write(harness.sluice("keys", "generate", "--out", os.path.join(self.folder, "key.jwk")).out)
        add = ("client", "add", "--data", self.data, "--id", "c")
        for arguments, words in (
                (add, ("--jwks FILE or --jwks-url URL",)),
                (add + ("--jwks", jwks), ("--scope is missing", "system/*.rs")),
                (("keys", "generate", "--alg", "HS256", "--out", "k"), ("'HS256'", "ES384, RS384")),
                (("keys", "public", jwks), (f"cannot use '{jwks}' as a private key: ",)),
                (("generate", "--out", jwks + "/x"), (f"sluice: cannot create folder {jwks}/x: Not a directory\n",))):
            with self.subTest(arguments=arguments):
                done = harness.sluice(*arguments, check=False)
                self.assertIn(done.returncode, (2, 4), done.err)
                for word in words:
                    self.assertIn(word, done.err)
        self.assertFalse(os.path.exists(self.data))

    def test_a_group_that_is_not_there_is_told_when_a_client_is_given_it(self):
        jwks = os.path.join(self.folder, "jwks.json")
        with open(jwks, "w", encoding="utf-8") as file:
            file.write(harness.sluice("keys", "generate", "--out", os.path.join(self.folder, "key.jwk")).out)
        harness.load(self.data, harness.write_lines(os.path.join(self.folder, "g.ndjson"), [
            {"resourceType": "Group", "id": "g", "type": "person", "actual": True}]))
        add = ("client", "add", "--data", self.data, "--jwks", jwks, "--scope", "system/*.rs", "--group", "g",
               "--group", "typo")
        told = "warning: there is no Group 'typo' in the store yet\n"
        self.assertEqual(harness.sluice(*add, "--id", "alone").err, told)
        with harness.Server(self.data, is_open=False):
            self.assertEqual(harness.sluice(*add, "--id", "by-the-server").err, told)

    def test_the_public_half_of_a_key_is_printed_again(self):
        for form in ("jwk", "jwks", "pem"):
            path = os.path.join(self.folder, form)
            public = harness.sluice("keys", "generate", "--format", form, "--out", path).out
            again = harness.sluice("keys", "generate", "--out", path, check=False)
            self.assertEqual((again.returncode, again.out), (2, ""))
            self.assertIn(f"`sluice keys public {path}`", again.err)
            shown = json.loads(harness.sluice("keys", "public", path).out)["keys"][0]
            self.assertNotIn("d", shown)
            self.assertEqual({name: shown[name] for name in ("kty", "crv", "x", "y")},
                             {name: json.loads(public)["keys"][0][name] for name in ("kty", "crv", "x", "y")})

    def test_a_store_that_is_in_use_is_3_and_names_who_has_it(self):
        with harness.Server(self.data) as server:
            done = harness.sluice("serve", "--data", self.data, "--open", "--listen", "127.0.0.1:0", check=False)
            self.assertEqual(done.returncode, 3, done.err)
            name = os.path.basename(harness.BINARY)
            self.assertIn(f"the store in '{self.data}' is in use by process {server.process.pid} ({name} serve)",
                          done.err)

    def test_exit_codes_are_those_of_the_table_in_the_documentation(self):
        """docs/configuration.md, one command of each kind; help names them too."""
        sample = os.path.join(self.folder, "sample")
        bad = harness.write_lines(os.path.join(self.folder, "bad.ndjson"), [{"resourceType": "Nonsense"}])
        for arguments, code in ((("generate", "--patients", 1, "--out", sample), 0), (("generate",), 2),
                                (("load", "--data", self.data, sample), 0), (("load", "--data", self.data, bad), 1),
                                (("load", "--data", self.data), 2), (("stats", "--data", self.data), 0),
                                (("stats",), 2), (("jobs", "--data", self.data), 0),
                                (("jobs", "--data", self.data, "nothing"), 2),
                                (("client", "list", "--data", self.data), 0),
                                (("client", "show", "--data", self.data, "--id", "nobody"), 2),
                                (("audit", "grep", "--data", self.data, "nothing"), 1), (("audit", "tail"), 2),
                                (("keys", "generate"), 2),
                                (("token", "http://127.0.0.1:1/fhir", "--client-id", "c"), 2),
                                (("pull", "http://127.0.0.1:1/fhir"), 2), (("sync", self.folder), 2),
                                (("pull", "http://127.0.0.1:1/fhir", "--retries", 0, "--out", sample + "1"), 6)):
            with self.subTest(arguments=arguments):
                self.assertEqual(harness.sluice(*arguments, check=False).returncode, code)
        for command in ("serve", "client", "token", "keys", "audit", "stats", "jobs", "generate", "load", "pull",
                        "sync"):
            self.assertIn("Exit codes: 0 ", harness.sluice(command, "--help").out, command)

    def test_a11_off_loopback_nothing_is_served_open_or_in_the_clear(self):
        for arguments in (("--listen", "0.0.0.0:0", "--open"), ("--listen", "[::]:0", "--open"),
                          ("--listen", "0.0.0.0:0"), ("--listen", "127.0.0.1:0", "--i-know-this-is-public")):
            with self.subTest(arguments=arguments):
                done = harness.sluice("serve", "--data", self.data, *arguments, check=False, timeout=20)
                self.assertEqual(done.returncode, 2, done.err)
                self.assertNotIn("listening", done.err)

    def test_options_come_from_the_command_line_then_the_environment_then_the_file(self):
        def retry_after(*options, env=None):
            server = harness.start_server(self, self.data, *options, env=env)
            answer = server.get("$export")
            server.kill()
            return answer.status
        file = ("--config", self.config("require-respond-async = true\n[serve]\nlog_level = \"warn\"\n"))
        self.assertEqual(retry_after(), 202)
        self.assertEqual(retry_after(*file), 400)
        self.assertEqual(retry_after(env={"SLUICE_REQUIRE_RESPOND_ASYNC": "true"}), 400)
        self.assertEqual(retry_after(*file, env={"SLUICE_REQUIRE_RESPOND_ASYNC": "false"}), 202)
        self.assertEqual(retry_after("--require-respond-async",
                                     env={"SLUICE_REQUIRE_RESPOND_ASYNC": "false"}), 400)

    def test_a_key_that_is_not_an_option_is_refused_with_the_nearest_name(self):
        for text, words in (("max-job = 3\n", ("max-job", "max-jobs")),
                            ("[serve]\nlisen = \"127.0.0.1:0\"\n", ("lisen", "listen")),
                            ("[severe]\nlisten = \"127.0.0.1:0\"\n", ("severe",)),
                            ("listen = \n", ("sluice.toml",)), ("max-jobs = \"many\"\n", ("max-jobs",))):
            with self.subTest(text=text):
                done = harness.sluice("serve", "--data", self.data, "--open", "--listen", "127.0.0.1:0",
                                      "--config", self.config(text), check=False, timeout=20)
                self.assertEqual(done.returncode, 2, done.err)
                for word in words:
                    self.assertIn(word, done.err)

    def test_every_option_says_its_environment_variable(self):
        for command in COMMANDS[:-1]:
            text = harness.sluice(command, "--help").out
            for name in re.findall(r"^\s+--([a-z-]+)", text, re.M):
                if name == "help":
                    continue
                self.assertIn("SLUICE_" + name.upper().replace("-", "_"), text, (command, name))

    def test_generate_is_deterministic_and_valid(self):
        folders = [os.path.join(self.folder, name) for name in "abc"]
        for folder, seed in zip(folders, (1, 1, 2)):
            harness.sluice("generate", "--patients", 25, "--seed", seed, "--out", folder)
        content = [{name: self.read(os.path.join(folder, name))
                    for name in sorted(os.listdir(folder))} for folder in folders]
        self.assertEqual(content[0], content[1])
        self.assertNotEqual(content[0], content[2])
        self.assertEqual(content[0]["Patient.ndjson"].count(b"\n"), 25)
        keys, references = set(), set()
        for name, lines in content[0].items():
            for line in lines.splitlines():
                resource = json.loads(line)
                self.assertEqual(resource["resourceType"], name.split(".")[0])
                keys.add(f"{resource['resourceType']}/{resource['id']}")
                references.update(re.findall(r'"reference":\s*"([A-Za-z]+/[^"#]+)"', line.decode()))
        self.assertLessEqual(references, keys)
        self.assertIn("Group/ten-percent", keys)
        self.assertEqual(harness.load(self.data, folders[0]).returncode, 0)

    def test_stats_of_a_store_that_is_not_there(self):
        done = harness.sluice("stats", "--data", self.data, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(self.data, done.err)
        self.assertFalse(os.path.exists(self.data))

    def test_stats_are_those_of_the_store(self):
        path = harness.write_lines(os.path.join(self.folder, "a.ndjson"), [
            {"resourceType": "Patient", "id": "a"}, {"resourceType": "Patient", "id": "b"},
            {"resourceType": "Organization", "id": "a"}])
        harness.load(self.data, path)
        statistics = harness.stats(self.data)
        self.assertEqual([(row["type"], row["resources"]) for row in statistics["types"]],
                         [("Organization", 1), ("Patient", 2)])
        self.assertEqual(statistics["resources"], 3)
        self.assertEqual(statistics["bytes"], sum(row["bytes"] for row in statistics["types"]))
        self.assertGreaterEqual(statistics["sequence"], 1)
        self.assertRegex(statistics["instant"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertGreater(statistics["size_on_disk"], 0)
        self.assertIn("Patient", harness.sluice("stats", "--data", self.data).out)

    def test_stats_of_a_store_that_a_server_has_open(self):
        """The server tells them, as of now; alone the command tells the same."""
        path = harness.write_lines(os.path.join(self.folder, "a.ndjson"),
                                   [{"resourceType": "Patient", "id": "a"}])
        harness.load(self.data, path)
        with harness.Server(self.data) as server:
            self.assertEqual(server.post("Patient", {"resourceType": "Patient"}).status, 201)
            running = harness.stats(self.data)
            self.assertEqual([(row["type"], row["resources"]) for row in running["types"]],
                             [("Patient", 2)])
            self.assertRegex(harness.sluice("stats", "--data", self.data).out, r"(?m)^total +2 ")
        alone = harness.stats(self.data)
        self.assertGreater(running.pop("size_on_disk"), 0)
        del alone["size_on_disk"]
        self.assertEqual(running, alone)


if __name__ == "__main__":
    unittest.main()

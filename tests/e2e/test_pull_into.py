"""`sluice pull --into` and `sluice sync` of it: straight into a store, also one that a server has open; with
deletions, and without double effects however often it is killed (L-10, L-06)."""
import json
import os
import random
import subprocess
import unittest

import corpus
import harness
from imposter import Answer, BulkImposter, resources
from test_pull import pull, requests_of
from test_sync import compartment, group, observation, patient, run


def without_versions(lines):
    """{(type, id): resource} without what the store itself says of it."""
    found = {}
    for line in lines:
        resource = json.loads(line)
        resource.pop("meta", None)
        key = resource["resourceType"], resource["id"]
        assert key not in found, key
        found[key] = resource
    return found


def content(server):
    return without_versions(line for lines in server.export().lines.values() for line in lines)


def versions(server):
    """{(type, id): version}: a double effect is a version more."""
    return {(r["resourceType"], r["id"]): r["meta"]["versionId"] for r in server.export().resources()}


class Into(harness.TestCase):
    """A source that a server serves, and a store that it is pulled into."""
    options = ()

    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.source_data = os.path.join(self.folder, "source")
        self.data = os.path.join(self.folder, "data")
        self.number = 0
        self.load(*[resource for i in range(20) for resource in compartment(f"p{i}")], group("g", "p0", "p1"))
        self.source = harness.start_server(self, self.source_data, "--poll-burst", 100000, *self.options)

    def load(self, *lines):
        self.number += 1
        harness.load(self.source_data, harness.write_lines(os.path.join(self.folder, f"{self.number}.ndjson"),
                                                           lines))

    def delete(self, *references):
        for reference in references:
            answer = harness.request("DELETE", f"{self.source.base}/{reference}")
            self.assertIn(answer.status, (200, 204), answer)

    def change(self):
        self.load(patient("p0", active=False), observation("o0-p1", "p1", "changed"), *compartment("new"))
        self.delete("Observation/o1-p2", "Observation/o2-p2")

    def serve(self):
        """The store that was pulled into."""
        return harness.start_server(self, self.data, "--poll-burst", 100000)

    def versions(self):
        with harness.Server(self.data) as server:
            return versions(server)

    def assert_equal_stores(self):
        with harness.Server(self.data) as server:
            self.assertEqual(content(server), content(self.source))


class Free(Into):
    def test_l10_pull_and_sync_into_a_store(self):
        pull(self.source.base, "--into", self.data)
        self.assert_equal_stores()
        beside = self.data + ".pull"
        self.assertEqual(sorted(os.listdir(beside)), [".sluice", "log.ndjson"], "the files went into the store")
        before = self.versions()
        # The same again: nothing is asked for, nothing changes.
        count = len(requests_of(beside))
        pull(self.source.base, "--into", self.data)
        self.assertEqual(len(requests_of(beside)), count)
        self.change()
        done = run("sync", beside, "--log-json")
        changed = json.loads(done.out)["changed"]
        self.assertEqual(changed["Observation"]["deleted"], 2)
        self.assertEqual((changed["Patient"]["added"], changed["Patient"]["updated"]), (1, 1))
        self.assert_equal_stores()
        after = self.versions()
        self.assertEqual({key for key in before if after.get(key, before[key]) != before[key]},
                         {("Patient", "p0"), ("Observation", "o0-p1")})
        self.assertIn("nothing has changed", run("sync", beside).out)
        self.assertIn("`sluice sync " + beside, run("sync", self.data, code=2).err)
        self.assert_equal_stores()
        self.assertEqual(sorted(os.listdir(beside)), [".sluice", "log.ndjson"])

    def test_l10_i02_what_light_validation_finds_is_taken_as_the_source_has_it(self):
        self.load({**patient("faulty"), "nmae": "x"})
        done = pull(self.source.base, "--into", self.data)
        self.assertIn("1 resources are not of the shape", done.err)
        with harness.Server(self.data) as server:
            taken = content(server)
        self.assertEqual(taken["Patient", "faulty"]["nmae"], "x")
        self.assertEqual(taken, content(self.source))

    def test_l10_what_does_not_fit_is_refused(self):
        out = os.path.join(self.folder, "out")
        pull(self.source.base, "--out", out, "--type", "Patient")
        self.assertIn("without --into", pull(self.source.base, "--out", out, "--type", "Patient", "--into", self.data,
                                             code=2).err)
        self.assertIn("without --into", run("sync", out, "--into", self.data, code=2).err)
        self.assertTrue(os.path.exists(os.path.join(out, "Patient.00001.ndjson")))
        pull(self.source.base, "--into", self.data, "--type", "Patient")
        self.assertIn("pulled into", run("sync", self.data + ".pull", "--into", out, code=2).err)
        # A folder that is no store and cannot be one is known before anything is asked for.
        path = os.path.join(self.folder, "file")
        open(path, "w", encoding="utf-8").close()
        pull(self.source.base, "--into", path, "--out", path + ".pull", code=6)
        self.assertEqual(requests_of(path + ".pull"), [])

    def test_l10_killed_at_any_moment_nothing_happens_twice(self):
        seed = random.randrange(1 << 30)
        dice = random.Random(seed)
        kills = self.run_and_kill(dice, "pull", self.source.base, "--into", self.data)
        self.change()
        kills += self.run_and_kill(dice, "sync", self.data + ".pull")
        self.assertGreater(kills, 0, "it was never killed")
        run("sync", self.data + ".pull")  # ends what was begun
        server = self.serve()
        self.assertEqual(content(server), content(self.source), f"seed {seed}")
        twice = {key: version for key, version in versions(server).items() if int(version) > 1}
        self.assertEqual(twice, {("Patient", "p0"): "2", ("Observation", "o0-p1"): "2"}, f"seed {seed}")

    def run_and_kill(self, dice, *arguments):
        for kills in range(30):
            process = subprocess.Popen([harness.BINARY, *arguments], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            try:
                # The first time at once: on a busy machine all may be done when this one looks again.
                process.wait(timeout=dice.uniform(0.01, 0.3) if kills else 0.002)
                self.assertEqual(process.returncode, 0, arguments)
                return kills
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        run(*arguments)
        return 30


class Served(Into):
    def test_l10_into_a_store_that_a_server_has_open(self):
        target = self.serve()
        pull(self.source.base, "--into", self.data)
        self.assertEqual(content(target), content(self.source))
        self.change()
        run("sync", self.data + ".pull")
        self.assertEqual(content(target), content(self.source))
        # The deletions are deletions there too: the next export since then lists them.
        since = target.export().transaction_time
        self.delete("Observation/o0-p3")
        run("sync", self.data + ".pull")
        deleted = target.export(parameters={"_since": since}).manifest["deleted"]
        bundles = [json.loads(line) for item in deleted for line in harness.request(
            "GET", item["url"]).body.splitlines()]
        self.assertEqual([entry["request"]["url"] for bundle in bundles for entry in bundle["entry"]],
                         ["Observation/o0-p3"])


    def test_l10_what_a_server_loads_and_removes_for_a_pull_is_audited(self):
        harness.start_server(self, self.data, is_open=False)
        pull(self.source.base, "--into", self.data)
        self.delete("Observation/o0-p3", "Observation/o1-p3")
        run("sync", self.data + ".pull")
        told = harness.sluice("audit", "tail", "--data", self.data, "--lines", 100).out
        for line in ("sluice load begins", "a removal begins", "removal: 2 resources"):
            self.assertIn(line, told)


class GroupByTheClient(Into):
    options = ("--group-history-of-new-members", "off")

    def test_p13_new_members_come_with_their_history(self):
        pull(self.source.base, "--group", "g", "--into", self.data)
        self.load(group("g", "p0", "p1", "p7"), observation("o0-p1", "p1", "changed"))
        done = run("sync", self.data + ".pull", "--log-json")
        self.assertEqual(json.loads(done.out)["joined"], 1)
        target = self.serve()
        self.assertEqual(content(target), without_versions(
            line for lines in self.source.export("Group/g/$export").lines.values() for line in lines))
        self.assertIn(("Observation", "o1-p7"), content(target))


class Oddities(harness.TestCase):
    def setUp(self):
        self.data = os.path.join(harness.temporary_folder(self), "data")
        self.source = BulkImposter(self)

    def test_l10_what_was_deleted_and_is_there_again_stays(self):
        harness.load(self.data, harness.write_lines(os.path.join(os.path.dirname(self.data), "old.ndjson"),
                                                    [patient("P1"), patient("gone"), patient("other")]))
        deletions = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [
            {"request": {"method": "DELETE", "url": f"Patient/{id}"}} for id in ("P1", "gone", "never-here")]})
        self.source.finish([self.source.add_output("Patient", "p", resources("Patient", 3))],
                           deleted=[self.source.add_output("Bundle", "d", deletions.encode() + b"\n")])
        pull(self.source.base, "--into", self.data)
        with harness.Server(self.data) as server:
            self.assertEqual({id for _, id in content(server)}, {"P0", "P1", "P2", "other"})

    def test_l10_l07_attachments_go_along(self):
        document = {"resourceType": "DocumentReference", "id": "d", "status": "current", "content": [
            {"attachment": {"contentType": "text/plain", "url": "Binary/b"}}]}
        self.source.on("GET", "/fhir/Binary/b", Answer(200, b"hello", {"Content-Type": "text/plain"}))
        self.source.finish([self.source.add_output("DocumentReference", "d", json.dumps(document).encode() + b"\n")])
        pull(self.source.base, "--into", self.data, "--attachments", "inline")
        with harness.Server(self.data) as server:
            found = content(server)["DocumentReference", "d"]["content"][0]["attachment"]
            self.assertEqual(found, {"contentType": "text/plain", "data": "aGVsbG8="})

    def test_l10_f06_what_attachments_name_is_found_from_the_copy(self):
        def document(id, *urls):
            return {"resourceType": "DocumentReference", "id": id, "status": "current",
                    "content": [{"attachment": {"url": url}} for url in urls]}
        base = self.source.base
        job = base + "/jobs/0123456789abcdef0123456789abcdef/Binary/"
        lines = [document("along", "Binary/b", base + "/Binary/b", job + "b?capability=1.k.s"),
                 document("not", "Binary/x", base + "/Binary/x", job + "x?capability=1.k.s", "/y.pdf",
                          "https://other.example/Binary/b")]
        binary = {"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": "aGVsbG8="}
        self.source.finish([
            self.source.add_output("DocumentReference", "d", "".join(json.dumps(line) + "\n" for line in lines).encode()),
            self.source.add_output("Binary", "b", json.dumps(binary).encode() + b"\n")])
        pull(base, "--into", self.data)
        with harness.Server(self.data) as server:
            found = {id: [c["attachment"]["url"] for c in server.get("DocumentReference/" + id).json()["content"]]
                     for id in ("along", "not")}
            self.assertEqual(found, {"along": ["Binary/b"] * 3, "not": [base + "/Binary/x"] * 3 + [
                base.removesuffix("/fhir") + "/y.pdf", "https://other.example/Binary/b"]})
            self.assertEqual(server.get("Binary/b").body, b"hello")

    def test_l10_what_the_store_does_not_take_is_3_and_its_file_stays(self):
        body = resources("Patient", 2) + b'{"resourceType":"Patient","id":"not an id"}\n'
        self.source.finish([self.source.add_output("Patient", "p", body)])
        done = pull(self.source.base, "--into", self.data, code=3)
        self.assertIn("1 resources were not loaded", done.err)
        self.assertIn("Patient.00001.ndjson:3", done.err)
        self.assertTrue(os.path.exists(self.data + ".pull/Patient.00001.ndjson"))
        pull(self.source.base, "--into", self.data, code=3)
        with harness.Server(self.data) as server:
            self.assertEqual(len(content(server)), 2)


if __name__ == "__main__":
    unittest.main()

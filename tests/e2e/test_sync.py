"""`sluice sync` against `sluice serve` (L-06): the local copy equals a full pull made afresh, whatever was
changed or joined a group, and whenever the client was killed."""
import glob
import gzip
import json
import os
import random
import subprocess
import unittest

import corpus
import harness
from imposter import Answer, BulkImposter, outcome


def content(folder):
    """{(type, id): resource} of a copy; fails when a resource stands there twice or in a wrong file."""
    found = {}
    for path in glob.glob(os.path.join(folder, "[A-Z]*.ndjson*")):
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
            for line in file:
                resource = json.loads(line)
                key = resource["resourceType"], resource["id"]
                assert key not in found, key
                assert os.path.basename(path).split(".")[0] == key[0], path
                found[key] = resource
    return found


def run(*arguments, code=0):
    done = harness.sluice(*arguments, check=False, timeout=60)
    if done.returncode != code:
        raise AssertionError(f"exit {done.returncode} instead of {code}:\n{done.out}\n{done.err}")
    return done


def urls_of(folder):
    with open(os.path.join(folder, ".sluice", "requests.log"), encoding="utf-8") as log:
        return [json.loads(line)["url"] for line in log]


def patient(id, **more):
    return {"resourceType": "Patient", "id": id, **more}


def observation(id, patient_id, text="x"):
    return {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": text},
            "subject": {"reference": f"Patient/{patient_id}"}}


def compartment(id):
    return [patient(id), *[observation(f"o{i}-{id}", id) for i in range(3)]]


def group(id, *members):
    return corpus.group(id, [{"entity": {"reference": f"Patient/{member}"}} for member in members])


class Sync(harness.TestCase):
    options = ()

    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.data = os.path.join(self.folder, "data")
        self.out = os.path.join(self.folder, "out")
        self.number = 0
        self.load(*[resource for i in range(30) for resource in compartment(f"p{i}")],
                  group("g", "p0", "p1", "p2"))
        self.server = harness.start_server(self, self.data, "--poll-burst", 100000, *self.options)

    def load(self, *resources):
        self.number += 1
        harness.load(self.data, harness.write_lines(os.path.join(self.folder, f"{self.number}.ndjson"),
                                                    resources))

    def change(self):
        self.load(patient("p0", active=False), observation("o0-p1", "p1", "changed"),
                  *compartment("new"), {"resourceType": "Practitioner", "id": "d"})

    def fresh(self, *options):
        self.number += 1
        out = os.path.join(self.folder, f"fresh{self.number}")
        run("pull", self.server.base, "--out", out, *options)
        return content(out)


class Everything(Sync):
    def test_l06_changes_come_and_nothing_else(self):
        run("pull", self.server.base, "--out", self.out)
        before = content(self.out)
        self.change()
        done = run("sync", self.out, "--log-json")
        self.assertEqual(content(self.out), self.fresh())
        self.assertNotEqual(content(self.out), before)
        changed = json.loads(done.out)["changed"]
        self.assertEqual(changed["Observation"], {"added": 3, "updated": 1, "deleted": 0, "total": 93})
        self.assertEqual(changed["Patient"], {"added": 1, "updated": 1, "deleted": 0, "total": 31})
        # Again, from that moment on.
        self.load(observation("o1-p2", "p2", "again"))
        run("sync", self.out)
        self.assertEqual(content(self.out), self.fresh())
        now = content(self.out)
        run("sync", self.out)
        self.assertEqual(content(self.out), now)
        self.assertEqual(os.listdir(os.path.join(self.out, ".sluice")).count("cycle-1"), 0)

    def test_l06_deletions_are_applied(self):
        run("pull", self.server.base, "--out", self.out)
        gone = ("Observation/o0-p1", "Observation/o1-p1", "Patient/p9")
        for reference in gone:
            self.assertIn(harness.request("DELETE", f"{self.server.base}/{reference}").status, (200, 204))
        self.load(observation("o1-p1", "p1", "there again"))
        done = run("sync", self.out, "--log-json")
        self.assertEqual(json.loads(done.out)["changed"]["Patient"]["deleted"], 1)
        self.assertEqual(content(self.out), self.fresh())
        self.assertNotIn(("Observation", "o0-p1"), content(self.out))
        self.assertIn(("Observation", "o1-p1"), content(self.out))

    def test_l06_types_and_gzip_are_remembered(self):
        run("pull", self.server.base, "--out", self.out, "--type", "Patient,Practitioner", "--gzip")
        self.change()
        run("sync", self.out)
        self.assertEqual(content(self.out), self.fresh("--type", "Patient,Practitioner"))
        self.assertEqual(sorted(name for name in os.listdir(self.out) if not name.startswith(".")),
                         ["Patient.00001.ndjson.gz", "Practitioner.00001.ndjson.gz", "log.ndjson"])

    def test_l06_killed_at_any_moment_it_goes_on(self):
        run("pull", self.server.base, "--type", "Observation", "--out", self.out)
        run("sync", self.out)  # from now on there is one file a type, whole at any moment
        seed = random.randrange(1 << 30)
        dice = random.Random(seed)
        kills = 0
        for turn in range(1):
            self.load(*[observation(f"k{turn}-{i}", f"p{i}") for i in range(20)],
                      observation(f"o{turn}-p3", "p3", "changed"))
            for _ in range(12):
                process = subprocess.Popen([harness.BINARY, "sync", self.out], stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL)
                try:
                    wait = dice.uniform(0.005, 0.09) if kills else 0.002
                    self.assertEqual(process.wait(timeout=wait), 0, f"seed {seed}")
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    kills += 1
                content(self.out)
        self.assertGreater(kills, 0, "it was never killed")
        run("sync", self.out)  # ends what was begun
        run("sync", self.out)
        self.assertEqual(content(self.out), self.fresh("--type", "Observation"), f"seed {seed}")

    def test_l06_what_cannot_be_brought_up_to_date_is_refused(self):
        done = run("sync", self.out, code=2)
        self.assertIn("no journal", done.err)
        self.assertFalse(os.path.exists(self.out))
        run("pull", self.server.base, "--out", self.out, "--until", "2999-01-01T00:00:00Z")
        self.assertIn("--until", run("sync", self.out, code=2).err)
        location = self.server.kick_off()
        other = os.path.join(self.folder, "adopted")
        harness.wait(location)
        run("pull", "--status-url", location, "--out", other)
        self.assertIn("--status-url", run("sync", other, code=2).err)


class GroupByTheClient(Sync):
    options = ("--group-history-of-new-members", "off")

    def test_p13_new_members_come_with_their_history(self):
        run("pull", self.server.base, "--group", "g", "--out", self.out)
        self.load(group("g", "p0", "p1", "p2", "p7", "p8"), observation("o0-p1", "p1", "changed"))
        count = len(urls_of(self.out))
        done = run("sync", self.out, "--log-json")
        self.assertEqual(json.loads(done.out)["joined"], 2)
        self.assertEqual(content(self.out), self.fresh("--group", "g"))
        self.assertIn(("Observation", "o1-p7"), content(self.out))
        # The members, the history of new ones, the changes.
        self.assertEqual(sum(url.endswith("$export") for url in urls_of(self.out)[count:]), 3)
        self.load(group("g", "p0", "p1", "p2", "p7", "p8", "p9"))
        run("sync", self.out)
        self.assertEqual(content(self.out), self.fresh("--group", "g"))

    def test_p13_when_it_is_not_known_who_was_a_member_everybody_is_new(self):
        options = ("--group", "g", "--type", "Observation")
        run("pull", self.server.base, *options, "--out", self.out)
        self.load(group("g", "p0", "p1", "p2", "p7"))
        self.load(observation("o1-p1", "p1", "changed"))
        run("sync", self.out)
        self.assertEqual(content(self.out), self.fresh(*options))
        self.assertIn(("Observation", "o1-p7"), content(self.out))


class GroupByTheServer(Sync):
    def test_p13_a_server_that_says_that_it_sends_the_history_of_new_members_is_asked_once(self):
        run("pull", self.server.base, "--group", "g", "--out", self.out)
        self.load(group("g", "p0", "p1", "p2", "p7", "p8"), observation("o0-p1", "p1", "changed"))
        count = len(urls_of(self.out))
        run("sync", self.out)
        self.assertEqual(content(self.out), self.fresh("--group", "g"))
        self.assertIn(("Observation", "o1-p7"), content(self.out))
        self.assertEqual(sum(url.endswith("$export") for url in urls_of(self.out)[count:]), 1)


class Scripted(harness.TestCase):
    """A server that says nothing of new members, and refuses the parameter `patient`."""

    def test_p13_the_whole_group_is_pulled_when_patient_is_refused(self):
        server = BulkImposter(self)
        members = ["a", "b"]
        jobs = []

        def kick_off(request):
            asked = {p["name"]: p for p in json.loads(request.body).get("parameter", [])}
            if "patient" in asked:
                return Answer(400, outcome("the parameter 'patient' is not supported"))
            if "_elements" in asked:
                lines = [{"resourceType": "Patient", "id": id} for id in members]
            elif "_since" in asked:
                lines = [patient("a", active=False)]
            else:
                lines = [each for id in members for each in compartment(id)]
            number = len(jobs)
            jobs.append(sorted(asked))
            files = [server.add_output(name, f"{number}-{name}", "".join(
                json.dumps(line) + "\n" for line in lines if line["resourceType"] == name).encode())
                for name in sorted({line["resourceType"] for line in lines})]
            server.on("GET", f"/status/{number}", Answer(200, server.manifest(files)))
            server.on("DELETE", f"/status/{number}", Answer(202))
            return Answer(202, b"", {"Content-Location": f"{server.root}/status/{number}"})

        server.on("POST", "/fhir/Group/g/$export", kick_off)
        out = os.path.join(harness.temporary_folder(self), "out")
        run("pull", server.base, "--group", "g", "--out", out)
        members.append("c")
        done = run("sync", out, "--log-json")
        self.assertEqual(json.loads(done.out)["joined"], 1)
        self.assertEqual(jobs[1:], [["_elements", "_type"], [], ["_since"]])
        self.assertIn("The whole group is pulled instead", done.err)
        found = content(out)
        self.assertIn(("Observation", "o2-c"), found)
        self.assertEqual(len(found), 12)
        self.assertEqual(found["Patient", "a"]["active"], False)


if __name__ == "__main__":
    unittest.main()

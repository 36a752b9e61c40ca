"""What a copy owes to the first pull: a resource that came more than once is there once (L-06), and what the server
could not export then is asked for again (L-05)."""
import glob
import json
import unittest

from imposter import Answer, resources
from test_pull import pull
from test_sync import content, patient, run
from test_sync_honest import FIRST, SECOND, THIRD, Honest


def version(id, second, text):
    return json.dumps(patient(id, meta={"lastUpdated": f"2026-01-01T00:00:0{second}Z"}, language=text)).encode() + b"\n"


class Repeated(Honest):
    def offer(self, options=()):
        first = version("a", 1, "old") + version("b", 3, "new") + version("b", 2, "old") + version("c", 1, "only")
        second = version("a", 2, "new") + version("b", 1, "old")
        self.server.finish([self.output("Patient", first), self.output("Patient", second),
                            self.output("Observation", resources("Observation", 3))])
        return pull(self.server.base, "--out", self.out, *options)

    def languages(self):
        return {id: resource["language"] for (type, id), resource in content(self.out).items() if type == "Patient"}

    def sync_observations(self):
        self.server.finish([self.output("Observation", resources("Observation", 1, 7))], transactionTime=SECOND)
        return run("sync", self.out)

    def test_l06_a_pull_keeps_the_newest_version_and_says_so(self):
        for options in ((), ("--gzip",)):
            with self.subTest(options):
                self.out += "-"
                done = self.offer(options)
                self.assertIn("2 resources came more than once (Patient 2)", done.out)
                self.assertRegex(done.out, r"Patient +2 +3 ")
                self.assertEqual(self.languages(), {"a": "new", "b": "new", "c": "only"})
                done = self.offer((*options, "--log-json"))
                self.assertEqual(json.loads(done.out)["repeated"], {"Patient": 2})
                self.assertNotIn("more than once", self.sync_observations().out)
                self.assertEqual(self.languages(), {"a": "new", "b": "new", "c": "only"})
                self.assertEqual(len(content(self.out)), 7)

    def test_l06_a_sync_does_it_for_a_pull_that_did_not(self):
        self.offer()
        # As an older version left it, or a run that was killed before.
        with open(self.out + "/.sluice/journal", "rb") as file:
            lines = file.readlines()
        self.assertIn(b'"single"', lines[-1])
        self.assertIn(b'"repeated"', lines[-2])
        with open(self.out + "/.sluice/journal", "wb") as file:
            file.writelines(lines[:-2])
        with open(self.out + "/Patient.00002.ndjson", "ab") as file:
            file.write(version("c", 1, "later at a tie"))
        done = self.sync_observations()
        self.assertIn("1 resources came more than once (Patient 1)", done.out + done.err)
        self.assertEqual(self.languages(), {"a": "new", "b": "new", "c": "later at a tie"})

    def test_l06_what_was_found_is_told_also_after_a_run_that_was_killed(self):
        self.offer()
        with open(self.out + "/.sluice/journal", "rb") as file:
            lines = file.readlines()
        with open(self.out + "/.sluice/journal", "wb") as file:
            file.writelines(lines[:-1])  # all files were changed: nothing is found again
        done = self.offer()
        self.assertIn("2 resources came more than once (Patient 2)", done.out)
        self.assertRegex(done.out, r"Patient +2 +3 ")

    def test_l06_blocks_of_instances_may_share_resources(self):
        self.server.finish([self.output("Patient", version("a", 1, "x") * 2)], outputOrganizedBy="Patient")
        pull(self.server.base, "--out", self.out)
        with open(glob.glob(self.out + "/Patient*")[0], "rb") as file:
            self.assertEqual(len(file.readlines()), 2)


class Incomplete(Honest):
    def answer_all_with(self, everything, changes, times=(SECOND, SECOND)):
        """Kick-offs with `_since` get the changes, others everything."""
        manifests = {}
        for name, (output, more), time in zip(("everything", "changes"), (everything, changes), times):
            path = f"/status-{name}"
            self.server.on("DELETE", path, Answer(202))
            manifests[name] = self.server.root + path
            self.server.on("GET", path, Answer(200, self.server.manifest(
                output, **{"transactionTime": time, **more}), {"Content-Type": "application/json"}))

        def accept(request):
            return Answer(202, b"", {"Content-Location": manifests["changes" if b"_since" in request.body else "everything"]})

        self.server.on("POST", self.KICK_OFF, accept)

    def sinces(self):
        return [parameters.get("_since") for parameters in self.asked()]

    def test_l05_what_the_first_pull_lacks_is_asked_for_again(self):
        for name in self.gaps():
            with self.subTest(name):
                self.setUp()
                output, more = self.gaps()[name]
                self.server.finish([self.output("Patient", resources("Patient", 3)), *output], **more)
                pull(self.server.base, "--out", self.out, code=3)
                everything = [self.output("Patient", resources("Patient", 3)),
                              self.output("Observation", resources("Observation", 2))]
                changes = [self.output("Patient", resources("Patient", 1, 9))]
                gone = [self.output("Bundle", json.dumps({"resourceType": "Bundle", "entry": [
                    {"request": {"method": "DELETE", "url": "Patient/P1"}}]}).encode() + b"\n")]
                self.answer_all_with((everything, {"error": [self.report()]}), (changes, {"deleted": gone}))
                done = run("sync", self.out, code=3)
                self.assertIn("the next sync asks for all once more", done.err)
                self.assertEqual(set(content(self.out)), {
                    ("Patient", "P0"), ("Patient", "P2"), ("Patient", "P9"), ("Observation", "O0"),
                    ("Observation", "O1")})
                self.answer_all_with((everything[1:], {}), ([], {}), (THIRD, THIRD))
                run("sync", self.out)
                run("sync", self.out)
                sinces = [found and found[0] for found in self.sinces()]
                self.assertEqual(sinces, [None, None, FIRST, None, SECOND, THIRD])

    def test_l05_a_full_sync_that_is_forced_goes_on_without(self):
        self.server.finish([self.output("Patient", resources("Patient", 3))], error=[self.report()])
        pull(self.server.base, "--out", self.out, code=3)
        self.server.finish([self.output("Patient", resources("Patient", 3))], error=[self.report()],
                           transactionTime=SECOND)
        run("sync", self.out, "--full", "--force", code=3)
        self.server.finish([])
        run("sync", self.out)
        self.assertEqual([found and found[0] for found in self.sinces()], [None, None, SECOND])


if __name__ == "__main__":
    unittest.main()

"""Provenance in exports: P-08, by default and by includeAssociatedData; P-04, P-02, G-05, A-07."""
import datetime
import json
import os
import unittest

import harness
from fhir_model import references, supporting_references, owners

LATEST, RELEVANT = "LatestProvenanceResources", "RelevantProvenanceResources"


def ref(text):
    return {"reference": text}


def provenance(id, recorded, *targets, agent="Practitioner/signer"):
    return {"resourceType": "Provenance", "id": id, "recorded": recorded,
            "target": [ref(target) for target in targets], "agent": [{"who": ref(agent)}]}


def observation(id, patient, status="final"):
    return {"resourceType": "Observation", "id": id, "status": status, "code": {"text": "x"},
            "subject": ref(f"Patient/{patient}"), "performer": [ref("Practitioner/p")]}


def resources():
    yield from ({"resourceType": "Patient", "id": id} for id in "abc")
    for patient in "abc":
        yield from (observation(f"o-{patient}-{n}", patient, "final" if n else "amended")
                    for n in range(3))
        yield {"resourceType": "Condition", "id": f"c-{patient}", "subject": ref(f"Patient/{patient}")}
    for id in ("p", "signer", "nobody"):
        yield {"resourceType": "Practitioner", "id": id}
    yield {"resourceType": "Device", "id": "d"}
    yield {"resourceType": "Group", "id": "of-a", "type": "person", "actual": True,
           "member": [{"entity": ref("Patient/a")}]}
    yield {"resourceType": "Group", "id": "of-ab", "type": "person", "actual": True,
           "member": [{"entity": ref("Patient/a")}, {"entity": ref("Patient/b")}]}
    yield provenance("pat-a", "2020-01-01T00:00:00Z", "Patient/a")
    yield provenance("pat-a-newer", "2021-01-01T00:00:00Z", "Patient/a", "Observation/o-b-0")
    yield provenance("obs-old", "2019-05-05T00:00:00Z", "Observation/o-a-0")
    # The later instant although its text sorts first.
    yield provenance("obs-zone", "2020-06-01T23:30:00-05:00", "Observation/o-a-0")
    yield provenance("obs-text", "2020-06-02T04:00:00+00:00", "Observation/o-a-0")
    yield provenance("obs-version", "2018-01-01T00:00:00Z", "Observation/o-a-1/_history/1")
    yield provenance("several", "2020-01-01T00:00:00Z", "Observation/o-a-0", "Observation/o-a-1",
                     "Observation/o-c-0")
    yield provenance("cond-c", "2020-01-01T00:00:00.5Z", "Condition/c-c")
    yield provenance("prac", "2020-01-01T00:00:00Z", "Practitioner/p")
    yield provenance("prac-nobody", "2020-01-01T00:00:00Z", "Practitioner/nobody")
    yield provenance("device", "2020-01-01T00:00:00Z", "Device/d")
    yield provenance("gone", "2020-01-01T00:00:00Z", "Observation/not-there")
    yield provenance("of-provenance", "2022-01-01T00:00:00Z", "Provenance/pat-a")


def recorded(resource):
    text = resource["recorded"].replace("Z", "+00:00")
    if "." in text:
        text = text.replace(".5+", ".500000+")
    return datetime.datetime.fromisoformat(text)


class Expected:
    """What the standard's words come to, on plain objects."""

    def __init__(self, everything):
        self.all = {(r["resourceType"], r["id"]): r for r in everything}

    def closure(self, chosen):
        chosen, waiting = set(chosen), list(chosen)
        while waiting:
            for key in supporting_references(self.all[waiting.pop()]):
                if key in self.all and key not in chosen:
                    chosen.add(key)
                    waiting.append(key)
        return chosen

    def scope(self, roster, types=None):
        """Without Provenance: compartments and what they refer to; roster None: everything."""
        def wanted(key):
            return key[0] != "Provenance" and (types is None or key[0] in types)
        if roster is None:
            return {key for key in self.all if wanted(key)}
        owned = {key for key in self.all if wanted(key) and owners(self.all[key]) & roster}
        return {key for key in self.closure(owned) if wanted(key)}

    def targets(self, key):
        return set(references(self.all[key]["target"]))

    def provenances(self):
        return [key for key in self.all if key[0] == "Provenance"]

    def by_default(self, roster):
        # Whatever is in the compartments, and what is taken along.
        there = {key for key in self.all if owners(self.all[key]) & roster} | self.scope(roster)
        return {key for key in self.provenances() if self.targets(key) & there}

    def relevant(self, returned):
        return {key for key in self.provenances() if self.targets(key) & returned}

    def latest(self, returned):
        newest = set()
        for target in returned:
            of_target = [key for key in self.provenances() if target in self.targets(key)]
            if of_target:
                newest.add(max(of_target, key=lambda key: recorded(self.all[key])))
        return newest


def crowd():
    """So many of others that few patients' are found by what they are about, not among all."""
    yield from (provenance(f"other-{n}", "2023-01-01T00:00:00Z", f"Observation/elsewhere-{n}")
                for n in range(4000))


class Provenance(harness.TestCase):
    CROWD = ()

    @classmethod
    def setUpClass(cls):
        cls.folder = harness.temporary_folder(cls)
        cls.data = data = os.path.join(cls.folder, "data")
        everything = [*resources(), *cls.CROWD]
        harness.load(data, harness.write_lines(os.path.join(cls.folder, "all.ndjson"), everything))
        cls.server = harness.start_server(cls, data)
        cls.expected = Expected(everything)

    PATHS = (("$export", None), ("Patient/$export", set("abc")), ("Group/of-a/$export", {"a"}),
             ("Group/of-ab/$export", set("ab")))

    def exported(self, path, parameters=None, **more):
        keys = self.server.export(path, parameters, **more).keys()
        self.assertEqual(len(keys), len(set(keys)), "something came twice")
        return set(keys)

    def provenance_of(self, keys):
        return {key for key in keys if key[0] == "Provenance"}

    def test_p08_by_default_provenance_comes_with_its_targets(self):
        for path, roster in self.PATHS:
            with self.subTest(path=path):
                found = self.provenance_of(self.exported(path))
                if roster is None:
                    self.assertEqual(found, set(self.expected.provenances()))
                else:
                    self.assertEqual(found, self.expected.by_default(roster))

    def test_p08_g05_what_provenance_refers_to_comes_along(self):
        keys = self.exported("Group/of-a/$export")
        self.assertIn(("Practitioner", "signer"), keys)
        self.assertNotIn(("Practitioner", "nobody"), keys)

    def test_p08_type_leaves_provenance_out_or_takes_it_alone(self):
        self.assertFalse(self.provenance_of(
            self.exported("Patient/$export", {"_type": "Patient,Observation"})))
        # No Observation is returned, but they are in the compartment.
        owned = {key for key in self.expected.all if owners(self.expected.all[key]) & {"a"}}
        self.assertEqual(self.exported("Group/of-a/$export", {"_type": "Provenance"}),
                         self.expected.relevant(owned))

    def check_associated(self, value, of):
        for path, roster in self.PATHS:
            for types in (None, {"Patient"}, {"Observation", "Practitioner"}, {"Observation", "Provenance"}):
                with self.subTest(path=path, types=types, value=value):
                    parameters = {"includeAssociatedData": value}
                    if types:
                        parameters["_type"] = ",".join(sorted(types))
                    keys = self.exported(path, parameters)
                    returned = {key for key in keys if key[0] not in ("Provenance", "Group")}
                    # What is taken along only for a Provenance has none of its own.
                    scope = self.expected.scope(roster, types)
                    self.assertLessEqual(scope, keys)
                    self.assertEqual(self.provenance_of(keys), of(scope))
                    if types:
                        self.assertLessEqual({name for name, _ in keys}, types | {"Provenance"})
                    self.assertLessEqual(returned - scope, {("Practitioner", "signer")})

    def test_p08_relevant_is_all_provenance_of_what_is_returned(self):
        self.check_associated(RELEVANT, self.expected.relevant)

    def test_p08_latest_is_the_newest_by_recorded_of_each_target(self):
        self.check_associated(LATEST, self.expected.latest)
        of_a = self.provenance_of(self.exported("Group/of-a/$export", {"includeAssociatedData": LATEST}))
        self.assertIn(("Provenance", "obs-zone"), of_a)
        self.assertNotIn(("Provenance", "obs-text"), of_a)

    def test_p08_the_forms_of_the_value_and_conflicts(self):
        relevant = self.exported("Group/of-a/$export", {"includeAssociatedData": RELEVANT})
        latest = self.exported("Group/of-a/$export", {"includeAssociatedData": LATEST})
        self.assertLess(latest, relevant)
        system = "http://hl7.org/fhir/uv/bulkdata/CodeSystem/include-associated-data"
        for kind, value in (("valueCode", LATEST), ("valueString", LATEST),
                            ("valueCoding", {"system": system, "code": LATEST})):
            post = [{"name": "includeAssociatedData", kind: value}]
            self.assertEqual(self.exported("Group/of-a/$export", post=post), latest)
            post.append({"name": "includeAssociatedData", "valueCode": RELEVANT})
            self.assertEqual(self.exported("Group/of-a/$export", post=post), relevant)
        for query in ([("includeAssociatedData", f"{RELEVANT},{LATEST}")],
                      [("includeAssociatedData", LATEST), ("includeAssociatedData", RELEVANT)]):
            self.assertEqual(self.exported("Group/of-a/$export", query), relevant)

    def test_p08_p12_other_values_are_refused_by_name_or_reported(self):
        for value in ("_custom", "latestProvenanceResources", f"{LATEST},Everything"):
            answer = self.server.get("Patient/$export", {"includeAssociatedData": value})
            self.assert_outcome(answer, 400, "includeAssociatedData", value.split(",")[-1])
        answer = self.server.post("$export", {"resourceType": "Parameters", "parameter": [
            {"name": "includeAssociatedData", "valueCoding": {"system": "http://else.example", "code": LATEST}}]})
        self.assert_outcome(answer, 400, "includeAssociatedData", "http://else.example")
        answer = self.server.post("$export", {"resourceType": "Parameters", "parameter": [
            {"name": "includeAssociatedData", "valueBoolean": True}]})
        self.assert_outcome(answer, 400, "includeAssociatedData", "valueBoolean")
        export = self.server.export("Group/of-a/$export", {
            "includeAssociatedData": "_custom", "_type": "Patient"},
            headers={"Prefer": "respond-async, handling=lenient"})
        self.assertEqual(export.keys(), [("Patient", "a")])
        self.assertIn("_custom", json.dumps(export.outcomes()))

    def test_p08_p09_not_together_with_blocks_of_patients(self):
        answer = self.server.get("Patient/$export", {"includeAssociatedData": LATEST,
                                                     "organizeOutputBy": "Patient"})
        self.assert_outcome(answer, 400, "includeAssociatedData", "organizeOutputBy")

    def test_p05_p08_filters_decide_what_is_returned(self):
        query = [("includeAssociatedData", RELEVANT), ("_type", "Observation"),
                 ("_typeFilter", "Observation?status=amended")]
        keys = self.exported("Patient/$export", query)
        returned = {key for key in keys if key[0] == "Observation"}
        self.assertEqual(returned, {("Observation", f"o-{p}-0") for p in "abc"})
        self.assertEqual(self.provenance_of(keys), self.expected.relevant(returned))
        # A filter on Provenance itself limits what comes.
        query.append(("_typeFilter", "Provenance?recorded=ge2020-06-01"))
        self.assertEqual(self.provenance_of(self.exported("Patient/$export", query)),
                         {("Provenance", id) for id in ("pat-a-newer", "obs-zone", "obs-text")})

    def test_p11_small_files_and_a_minimal_size(self):
        for query in ({"_maximumFileSize": "200"}, {"_minimumFileSize": "100000"}):
            for value, of in ((RELEVANT, self.expected.relevant), (LATEST, self.expected.latest)):
                keys = self.exported("$export", {"includeAssociatedData": value, **query})
                self.assertEqual(self.provenance_of(keys), of(self.expected.scope(None)))


class ProvenanceOfFew(Provenance):
    """The same among thousands of Provenances of others."""
    CROWD = tuple(crowd())

    def test_p08_few_patients_do_not_read_all_provenance(self):
        status = self.server.kick_off("Group/of-a/$export")
        harness.wait(status)
        told = harness.sluice("jobs", "--data", self.data, status.rsplit("/", 1)[1]).out
        self.assertIn("Provenance of what is in scope", told)


class ProvenanceSince(harness.TestCase):
    """P-02, M-01: an export and the one since it together are a full one; P-13 for new members."""
    CROWD = ()

    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.data = os.path.join(self.folder, "data")
        self.everything = {(r["resourceType"], r["id"]): r for r in (*resources(), *self.CROWD)}
        self.load("all.ndjson", self.everything.values())
        self.server = harness.start_server(self, self.data)

    def load(self, name, lines):
        harness.load(self.data, harness.write_lines(os.path.join(self.folder, name), lines))

    def change(self, *changed):
        for resource in changed:
            self.everything[resource["resourceType"], resource["id"]] = resource
        self.load("changed.ndjson", changed)

    def versions(self, export):
        return {(r["resourceType"], r["id"]): r["meta"]["versionId"] for r in export.resources()}

    def test_p08_p02_new_provenance_of_unchanged_targets_comes(self):
        first = self.server.export("Group/of-a/$export")
        self.change(provenance("new-obs", "2024-01-01T00:00:00Z", "Observation/o-a-2"),
                    provenance("new-prac", "2024-01-01T00:00:00Z", "Practitioner/p"),
                    provenance("new-c", "2024-01-01T00:00:00Z", "Observation/o-c-2"),
                    observation("o-a-1", "a", "corrected"))
        since = self.server.export("Group/of-a/$export", {"_since": first.transaction_time})
        self.assertEqual(since.keys(), [("Observation", "o-a-1"), ("Provenance", "new-obs"),
                                        ("Provenance", "new-prac")])
        full = self.server.export("Group/of-a/$export")
        self.assertEqual({**self.versions(first), **self.versions(since)}, self.versions(full))

    def test_p08_p02_asked_for_the_provenance_of_what_changed_comes_whatever_its_age(self):
        first = self.server.export("Patient/$export")
        self.change(observation("o-a-1", "a", "corrected"))
        for value, ids in ((RELEVANT, {"obs-version", "several"}), (LATEST, {"several"})):
            since = self.server.export("Patient/$export", {
                "_since": first.transaction_time, "includeAssociatedData": value})
            self.assertEqual(set(since.keys()), {("Observation", "o-a-1"),
                                                 *(("Provenance", id) for id in ids)})

    def test_p08_p13_all_provenance_of_a_new_member_comes(self):
        first = self.server.export("Group/of-a/$export")
        group = self.everything["Group", "of-a"]
        self.change({**group, "member": [*group["member"], {"entity": ref("Patient/c")}]})
        since = self.server.export("Group/of-a/$export", {"_since": first.transaction_time})
        expected = Expected(self.everything.values())
        of_c = {key for key in self.everything if owners(self.everything[key]) & {"c"}}
        self.assertLessEqual(expected.relevant(of_c), set(since.keys()))
        full = self.server.export("Group/of-a/$export")
        self.assertEqual({**self.versions(first), **self.versions(since)}, self.versions(full))

    def test_p03_p08_until_counts_for_provenance_and_targets(self):
        first = self.server.export("Patient/$export")
        self.change(observation("o-a-0", "a", "corrected"),
                    provenance("several", "2025-01-01T00:00:00Z", "Observation/o-a-1"))
        until = self.server.export("Patient/$export", {
            "_until": first.transaction_time, "includeAssociatedData": RELEVANT})
        found = {key for key in until.keys() if key[0] == "Provenance"}
        self.assertNotIn(("Provenance", "several"), found)
        self.assertNotIn(("Provenance", "obs-old"), found)
        self.assertIn(("Provenance", "obs-version"), found)


class ProvenanceOfFewSince(ProvenanceSince):
    CROWD = tuple(crowd())


if __name__ == "__main__":
    unittest.main()

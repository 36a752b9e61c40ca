"""The tests' own model of FHIR, proved on literal examples: what it says is what the exports are held to."""
import unittest

import corpus
import fhir_model
from fhir_model import Model, owners, project, resolve


class References(unittest.TestCase):
    def test_relative_and_versioned_references_resolve_and_others_do_not(self):
        self.assertEqual(resolve("Patient/a-1.b"), ("Patient", "a-1.b"))
        self.assertEqual(resolve("Patient/a/_history/2"), ("Patient", "a"))
        for text in ("#p", "urn:uuid:12", "https://x.org/fhir/Patient/1", "Patient/", "patient/1"):
            self.assertIsNone(resolve(text), text)


class Compartments(unittest.TestCase):
    def of(self, id):
        lines = {line["id"]: line for line in corpus.compartment_lines("p", "q", "r")}
        return sorted(owners(lines[id]))

    def test_each_hand_made_resource_is_where_the_standard_puts_it(self):
        expected = {
            "x-self-reported": ["p", "q"], "x-of-a-device": [], "x-versioned": ["r"],
            "x-elsewhere": [], "x-logical": [], "x-appointment": ["p", "r"],
            "x-communication": ["p", "q", "r"], "x-audit": ["p"], "x-coverage": ["p", "q"],
            "x-person": ["p"], "x-provenance": ["r"], "x-provenance-of-none": [],
            "x-plan": ["q"], "x-account": ["p", "q"], "x-list": ["q"], "x-relative": ["r"],
            "x-task": ["p", "q"], "x-linked": ["p", "x-linked"], "x-contained": [],
        }
        self.assertEqual({id: self.of(id) for id in expected}, expected)


class Groups(unittest.TestCase):
    def test_inactive_members_and_those_outside_their_period_do_not_count(self):
        patients = [f"p{i:02}" for i in range(20)]
        model = Model({(line["resourceType"], line["id"]): line
                       for line in corpus.group_lines(patients)}, now="2026-11-23T00:00:00Z")
        self.assertEqual(model.members("choosy"), {"p00", "p02", "p04", "p06"})
        self.assertEqual(model.members("nested"), {"p00", "p02", "p04", "p06", "p09"})
        self.assertEqual(model.members("empty"), set())
        self.assertEqual(model.members("no-member-element"), set())

    def test_a_period_of_days_includes_its_last_day(self):
        self.assertTrue(fhir_model.is_now_within({"end": "2026-11-23"}, "2026-11-23T10:00:00Z"))
        self.assertFalse(fhir_model.is_now_within({"end": "2026-11-22"}, "2026-11-23T10:00:00Z"))


class Exports(unittest.TestCase):
    def test_supporting_resources_follow_references_through_references(self):
        lines = [*corpus.compartment_lines("p", "q", "r"), *corpus.supporting_lines(),
                 *({"resourceType": "Patient", "id": id} for id in "pqr")]
        model = Model({(line["resourceType"], line["id"]): line for line in lines})
        keys = {f"{name}/{id}" for name, id in model.patient(patients=["r"])}
        self.assertEqual(keys, {
            "Patient/r", "Observation/x-versioned", "Appointment/x-appointment",
            "Communication/x-communication", "Provenance/x-provenance", "RelatedPerson/x-relative",
            "PractitionerRole/x-role", "Practitioner/x-deep", "Practitioner/x-gp", "Location/x-room",
            "Location/x-house", "Organization/x-payer", "Organization/x-holding"})

    def test_projection_keeps_mandatory_elements_and_primitive_siblings(self):
        patient = {"resourceType": "Patient", "id": "1", "_birthDate": {"id": "x"},
                   "birthDate": "1970", "gender": "male", "meta": {"tag": [{"code": "t"}]}}
        self.assertEqual(project(patient, ["Patient.birthDate"]), {
            "resourceType": "Patient", "id": "1", "_birthDate": {"id": "x"}, "birthDate": "1970",
            "meta": {"tag": [{"code": "t"}, fhir_model.SUBSETTED]}})
        self.assertEqual(project(patient, ["Observation.code"]), patient)
        dose = {"resourceType": "Immunization", "id": "1", "status": "completed", "lotNumber": "1",
                "vaccineCode": {}, "patient": {}, "occurrenceDateTime": "2020"}
        self.assertEqual(sorted(project(dose, ["id"])), [
            "id", "meta", "occurrenceDateTime", "patient", "resourceType", "status", "vaccineCode"])


if __name__ == "__main__":
    unittest.main()

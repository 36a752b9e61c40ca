"""The command `sluice fhirpath`: values, types, inputs, errors with their place."""
import gzip
import json
import os
import unittest

import harness

PATIENTS = [{"resourceType": "Patient", "id": "a", "name": [{"family": "Ä", "given": ["B", "C"]}]},
            {"resourceType": "Patient", "id": "b"}]


class Fhirpath(harness.TestCase):
    def setUp(self):
        self.folder = harness.temporary_folder(self)
        self.patients = harness.write_lines(os.path.join(self.folder, "Patient.ndjson"), PATIENTS)

    def run_on(self, expression, *arguments, **options):
        return harness.sluice("fhirpath", expression, *arguments, **options)

    def test_one_value_a_line_with_its_type_beside(self):
        self.assertEqual(self.run_on("name.given", self.patients).out, '"B"\n"C"\n')
        self.assertEqual(self.run_on("id | name.count()", "--types", self.patients).out,
                         '"a"\tSystem.String\n1\tSystem.Integer\n"b"\tSystem.String\n0\tSystem.Integer\n')

    def test_values_of_documents_over_several_lines_are_one_line(self):
        path = os.path.join(self.folder, "patient.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(PATIENTS[0], file, indent=2, ensure_ascii=False)
        self.assertEqual(self.run_on("name", path).out, '{"family":"Ä","given":["B","C"]}\n')

    def test_gzip_and_standard_input_are_read(self):
        path = os.path.join(self.folder, "p.ndjson.gz")
        with gzip.open(path, "wb") as file:
            for patient in PATIENTS:
                file.write(json.dumps(patient).encode() + b"\n")
        self.assertEqual(self.run_on("id", path).out, '"a"\n"b"\n')
        with open(self.patients, "rb") as file:
            self.assertEqual(self.run_on("id", "-", stdin=file.read()).out, '"a"\n"b"\n')

    def test_errors_have_a_caret_and_exit_codes(self):
        for expression, error, caret in (("name.given1", "HumanName has no element 'given1' (at character 6)", 7),
                                         ("name.given +", "the expression ends too early (at character 13)", 14),
                                         ("id.length() > 'x'", "'>' cannot compare System.Integer and System.String", 14)):
            ran = self.run_on(expression, self.patients, check=False)
            self.assertEqual(ran.returncode, 2, expression)
            self.assertEqual(ran.out, "")
            lines = ran.err.splitlines()
            self.assertIn(error, lines[0])
            self.assertEqual(lines[1:], ["  " + expression, " " * caret + "^"])
        self.assertEqual(self.run_on("name.given1", "--lenient", self.patients).out, "")

    def test_what_cannot_be_read_is_named(self):
        path = os.path.join(self.folder, "bad.ndjson")
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"resourceType":"Patient","id":"a"}\n{"resourceType":\n')
        ran = self.run_on("id", path, check=False)
        self.assertEqual((ran.returncode, ran.out), (2, '"a"\n'))
        self.assertIn("bad.ndjson:2: ", ran.err)
        missing = self.run_on("id", os.path.join(self.folder, "none"), check=False)
        self.assertEqual(missing.returncode, 2)


if __name__ == "__main__":
    unittest.main()

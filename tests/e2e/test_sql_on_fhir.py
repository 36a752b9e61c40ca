"""E-01 to E-05: SQL on FHIR's own suite, the experimental tests too. In the folder that SLUICE_SHARED names."""
import os
import unittest

import sql_on_fhir


class Suite(unittest.TestCase):
    def test_e01_to_e05_every_test_of_the_suite_passes(self):
        suite = os.path.join(os.environ["SLUICE_SHARED"], "suites", "sql-on-fhir")
        results = sql_on_fhir.run(os.environ["SLUICE_BINARY"], suite)
        failed = [(file, *test) for file, tests in results.items() for test in tests if test[1] is not None]
        self.assertEqual(failed, [])
        self.assertEqual(sum(len(tests) for tests in results.values()), 134)
        written = sql_on_fhir.report(results)
        self.assertEqual(written["basic.json"]["tests"][0], {"name": "basic attribute", "result": {"passed": True}})


if __name__ == "__main__":
    unittest.main()

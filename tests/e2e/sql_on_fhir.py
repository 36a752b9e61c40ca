"""SQL on FHIR's test suite, given to `sluice table`, and the report that its registry takes:

    python3 tests/e2e/sql_on_fhir.py --suite FOLDER --binary build/release/sluice --report test_report.json
"""
import argparse
import collections
import glob
import json
import os
import subprocess
import tempfile


def rows_of(output):
    return [json.loads(line) for line in output.splitlines()]


def in_any_order(rows):
    return collections.Counter(json.dumps(row, sort_keys=True) for row in rows)


def fault(test, done):
    """What is wrong with the outcome of a test; None: nothing."""
    if test.get("expectError"):
        return None if done.returncode == 2 else f"not refused: status {done.returncode}"
    if done.returncode != 0:
        return done.stderr.strip()
    rows = rows_of(done.stdout)
    if "expect" in test and in_any_order(rows) != in_any_order(test["expect"]):
        return f"rows are {rows}, not {test['expect']}"
    if "expectCount" in test and len(rows) != test["expectCount"]:
        return f"{len(rows)} rows, not {test['expectCount']}"
    if "expectColumns" in test and rows and list(rows[0]) != test["expectColumns"]:
        return f"columns are {list(rows[0])}, not {test['expectColumns']}"
    return None


def run(binary, suite):
    """{file: [(title, fault)]}."""
    results = {}
    with tempfile.TemporaryDirectory(prefix="sluice-sql-on-fhir-") as folder:
        view, data = os.path.join(folder, "view.json"), os.path.join(folder, "data.ndjson")
        for path in sorted(glob.glob(os.path.join(suite, "*.json"))):
            with open(path, encoding="utf-8") as file:
                content = json.load(file)
            if "tests" not in content or "resources" not in content:
                continue
            with open(data, "w", encoding="utf-8") as file:
                file.writelines(json.dumps(resource) + "\n" for resource in content["resources"])
            results[os.path.basename(path)] = []
            for test in content["tests"]:
                with open(view, "w", encoding="utf-8") as file:
                    json.dump(test["view"], file)
                done = subprocess.run([binary, "table", view, data], capture_output=True, encoding="utf-8", timeout=300)
                results[os.path.basename(path)].append((test["title"], fault(test, done)))
    return results


def report(results):
    """As the registry of implementations reads it."""
    return {file: {"tests": [{"name": title, "result": {"passed": True} if why is None else
                              {"passed": False, "reason": why}} for title, why in tests]}
            for file, tests in results.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", required=True)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--report")
    arguments = parser.parse_args()
    results = run(arguments.binary, arguments.suite)
    for file, tests in results.items():
        for title, why in tests:
            if why is not None:
                print(f"{file}: {title}: {why}")
    if arguments.report:
        with open(arguments.report, "w", encoding="utf-8") as file:
            json.dump(report(results), file, indent=2)
    every = [why for tests in results.values() for _, why in tests]
    failed = sum(why is not None for why in every)
    print(f"{len(every) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

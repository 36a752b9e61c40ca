"""A view over ten million rows: it shows its progress, holds little memory and can be stopped. `./dev test --long` runs it."""
import glob
import os
import signal
import unittest

import pyarrow.parquet as parquet

import harness
from table_run import MEMORY_MAX, TableRun
from test_table import PROJECT

ROWS = 10_000_000
VIEW = os.path.join(PROJECT, "bench", "observation_view.json")  # ten columns, a row for each resource
SECONDS_MAX = 3600


class TenMillionRows(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = harness.temporary_folder(cls)
        sample = os.path.join(cls.folder, "sample")
        harness.sluice("generate", "--patients", 400, "--seed", 1, "--out", sample)
        file = os.path.join(sample, "Observation.ndjson")
        with open(file, "rb") as lines:
            cls.count = sum(1 for _ in lines)
        # One file many times: what is read is the same as of many files, and the disk has room.
        cls.inputs = [file] * (ROWS // cls.count + 1)

    def run_table(self, out):
        run = TableRun(VIEW, *self.inputs, "--out", out)
        self.addCleanup(run.kill)
        return run

    def test_e01_all_rows_come_in_little_memory_and_progress_is_shown(self):
        out = os.path.join(self.folder, "whole.parquet")
        run = self.run_table(out)
        self.assertEqual(run.wait(SECONDS_MAX), 0, run.shown)
        self.assertEqual(parquet.ParquetFile(out).metadata.num_rows, len(self.inputs) * self.count)
        progress = run.progress()
        self.assertGreater(len(progress), 20)
        self.assertEqual(progress, sorted(progress))
        self.assertLess(progress[0], 10)
        self.assertGreater(progress[-1], 90)
        print(f"{len(self.inputs) * self.count} rows; peak memory {run.memory >> 20} MiB", flush=True)
        self.assertGreater(run.memory, 1 << 20)
        self.assertLess(run.memory, MEMORY_MAX)

    def test_it_is_stopped_in_its_middle_and_leaves_nothing(self):
        out = os.path.join(self.folder, "stopped.parquet")
        with open(out, "w", encoding="utf-8") as file:
            file.write("the one before")
        run = self.run_table(out)
        harness.eventually(self, lambda: max(run.progress(), default=0) >= 2, "progress", SECONDS_MAX)
        run.process.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(), 130, run.shown)
        with open(out, encoding="utf-8") as file:
            self.assertEqual(file.read(), "the one before")
        self.assertEqual(glob.glob(out + "*"), [out])


if __name__ == "__main__":
    unittest.main()

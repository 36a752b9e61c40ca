"""All that is below the data folder belongs to its owner alone, also what RocksDB or an earlier version made."""
import os
import stat
import unittest

import harness


class PrivateFiles(harness.ServerCase):
    def setUp(self):
        super().setUp()
        before = os.umask(0o022)
        self.addCleanup(os.umask, before)

    def modes(self):
        for folder, folders, files in os.walk(self.data):
            for name in folders:
                yield os.path.join(folder, name), stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode), 0o700
            for name in files:
                yield os.path.join(folder, name), stat.S_IMODE(os.lstat(os.path.join(folder, name)).st_mode), 0o600

    def assert_private(self, *parts):
        found = list(self.modes())
        for part in parts:
            self.assertTrue(any(part in path for path, _, _ in found), part)
        for path, mode, wanted in found:
            self.assertEqual(oct(mode), oct(wanted), path)

    def load(self):
        harness.load(self.data, harness.write_lines(
            os.path.join(self.folder, "Basic.ndjson"),
            [{"resourceType": "Basic", "id": f"b{n}", "code": {"text": "x" * 1000}} for n in range(3000)]))

    def test_files_are_private_after_a_load_and_an_export(self):
        self.load()
        self.assert_private(".sst", "CURRENT", "LOG", "MANIFEST")
        self.serve()
        self.server.export()
        self.assert_private(".log", "files", ".ndjson", ".idx")
        self.server.stop()
        harness.stats(self.data)
        self.assert_private(".sst")

    def test_the_files_of_a_folder_that_an_earlier_version_made_become_private(self):
        self.load()
        with harness.Server(self.data) as server:
            server.export()
            server.stop()
        for folder, folders, files in os.walk(self.data):
            for name in folders:
                os.chmod(os.path.join(folder, name), 0o755)
            for name in files:
                os.chmod(os.path.join(folder, name), 0o644)
        outside = harness.write_lines(os.path.join(self.folder, "outside"), ["x"])
        os.chmod(outside, 0o644)
        os.symlink(outside, os.path.join(self.data, "files", "link"))
        self.serve()
        os.unlink(os.path.join(self.data, "files", "link"))
        self.assertEqual(stat.S_IMODE(os.stat(outside).st_mode), 0o644, "what a link leads to is not ours")
        self.assert_private(".sst", ".ndjson")

    def test_a_folder_that_is_no_data_folder_is_left_alone(self):
        os.makedirs(os.path.join(self.data, "files"))
        path = harness.write_lines(os.path.join(self.data, "files", "mine"), ["x"])
        os.chmod(path, 0o644)
        harness.sluice("stats", "--data", self.data, check=False)
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o644)


if __name__ == "__main__":
    unittest.main()

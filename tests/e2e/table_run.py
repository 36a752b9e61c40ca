"""`sluice table` as somebody at a terminal runs it: its progress, its memory, and how it is stopped."""
import os
import pty
import re
import subprocess
import threading

import harness

MEMORY_MAX = 256 << 20


class TableRun:
    """A run whose standard error is a terminal. `shown` grows with what stands there."""

    def __init__(self, *arguments, stdin=subprocess.DEVNULL):
        reading, writing = pty.openpty()
        self.process = subprocess.Popen([harness.BINARY, "table", *map(str, arguments)], stdin=stdin,
                                        stdout=subprocess.DEVNULL, stderr=writing)
        os.close(writing)
        self.shown = ""
        self.memory = 0  # bytes, the most that it held
        self.watcher = threading.Thread(target=self._watch, args=(reading,), daemon=True)
        self.watcher.start()

    def _watch(self, reading):
        try:
            while True:
                # The memory is looked at before: a process that has ended has none.
                self._measure()
                got = os.read(reading, 4096)
                if not got:
                    break
                self.shown += got.decode()
        except OSError:  # the terminal's other side is closed
            pass
        finally:
            os.close(reading)

    def _measure(self):
        try:
            with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
                found = re.search(r"^VmHWM:\s+(\d+) kB", status.read(), re.M)
        except OSError:
            return
        if found:
            self.memory = max(self.memory, int(found.group(1)) << 10)

    def progress(self):
        """The shares of the data that were shown, in percent."""
        return [int(each) for each in re.findall(r"reading +(\d+)%", self.shown)]

    def wait(self, timeout=harness.PATIENCE_SECONDS):
        status = self.process.wait(timeout)
        self.watcher.join(timeout)
        return status

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.watcher.join(harness.PATIENCE_SECONDS)

"""A TCP gate between a client and a server that misbehaves on purpose: cuts connections after so many
bytes towards the client, or is closed for a while. Counts what it lets through."""
import socket
import threading
import urllib.parse


class Gate:
    """Listens on a free port of the loopback interface and passes on to `target`, a URL or a port.

    `cut_after`: bytes of one connection towards the client until it is cut; None: never. The bytes are
    those of sockets, headers included."""

    def __init__(self, test, target, cut_after=None):
        self.target = target if isinstance(target, int) else urllib.parse.urlsplit(target).port
        self.cut_after = cut_after
        self.received = 0
        self.connections = 0
        self.cuts = 0
        self.is_open = True
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        clean_up = test.addClassCleanup if isinstance(test, type) else test.addCleanup
        clean_up(self.close)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def url(self, url):
        """The same URL by way of the gate."""
        parts = urllib.parse.urlsplit(url)
        return parts._replace(netloc=f"127.0.0.1:{self.port}").geturl()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self.is_open:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                near.close()
                continue
            self.connections += 1
            threading.Thread(target=self._up, args=(near, far), daemon=True).start()
            threading.Thread(target=self._down, args=(near, far), daemon=True).start()

    @staticmethod
    def _shut(*sockets):
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _up(self, near, far):
        try:
            while data := near.recv(65536):
                far.sendall(data)
        except OSError:
            pass
        self._shut(far)

    def _down(self, near, far):
        passed = 0
        try:
            while True:
                size = 65536
                if self.cut_after is not None:
                    size = min(size, self.cut_after - passed)
                if size == 0:
                    self.cuts += 1
                    break
                data = far.recv(size)
                if not data:
                    break
                near.sendall(data)
                passed += len(data)
                with self._lock:
                    self.received += len(data)
        except OSError:
            pass
        # Orderly towards the client, so that what was sent arrives.
        self._shut(near, far)
        near.close()
        far.close()

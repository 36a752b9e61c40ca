"""A TCP gate between a client and a server that misbehaves on purpose: cuts connections after so many
bytes towards the client, or is closed for a while. Counts what it lets through."""
import socket
import threading
import urllib.parse


class Gate:
    """Listens on a free port of the loopback interface and passes on to `target`, a URL or a port.

    `cut_after`: bytes of one connection towards the client until it is cut, at once when they have passed already;
    None: never. The bytes are those of sockets, headers included. A cut is orderly: the client gets what was counted."""

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
            # So that little is under way when the client is killed.
            near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            self.connections += 1
            threading.Thread(target=self._pass, args=(near, far), daemon=True).start()

    def _pass(self, near, far):
        up = threading.Thread(target=self._up, args=(near, far), daemon=True)
        up.start()
        self._down(near, far)
        # Towards the client this is the end of the stream and no reset, which would take bytes back: its own
        # bytes are read until it has closed, too.
        self._end(near, socket.SHUT_WR)
        self._end(far, socket.SHUT_RDWR)
        up.join()
        near.close()
        far.close()

    @staticmethod
    def _end(one, how):
        try:
            one.shutdown(how)
        except OSError:
            pass

    def _up(self, near, far):
        try:
            while data := near.recv(65536):
                try:
                    far.sendall(data)
                except OSError:
                    pass  # cut: nobody is there for it
        except OSError:
            pass
        self._end(far, socket.SHUT_RDWR)

    def _count(self, size):
        with self._lock:
            self.received += size

    def _down(self, near, far):
        passed = 0
        try:
            while True:
                size = 65536
                limit = self.cut_after
                if limit is not None:
                    size = min(size, max(0, limit - passed))
                if size == 0:
                    with self._lock:
                        self.cuts += 1
                    return
                data = far.recv(size)
                if not data:
                    return
                # Before the client can have it: who has read an answer finds it counted.
                self._count(len(data))
                try:
                    near.sendall(data)
                except OSError:
                    self._count(-len(data))
                    raise
                passed += len(data)
        except OSError:
            pass

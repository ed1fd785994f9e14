"""HTTP/1.1 to the Runtime API: a few lines over ``_socket``, as ``http.client`` alone takes longer
to import than a small function to start."""

from _socket import AF_INET, AF_UNIX, IPPROTO_TCP, SOCK_STREAM, TCP_NODELAY, socket

BASE = "/2018-06-01/runtime/"

# Where the API is in a network of the environment's own.
OWN_NETWORK = "169.254.100.1:9001"


class Api:
    """The Runtime API over one connection that stays open."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self.address = (host, int(port))
        self.host = address
        self.connection = None
        self.buffer = b""

    def request(self, method, path, body=b"", headers=""):
        """Sends a request; gives status, headers (names in lower case) and body."""
        head = "%s %s%s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n%s\r\n" % (
            method, BASE, path, self.host, len(body), headers,
        )
        message = head.encode("latin-1", "replace") + body
        reused = self.connection is not None
        try:
            return self._exchange(message)
        except OSError:
            self.connection = None
            if not reused:
                raise
            # The other side closed the idle connection.
            return self._exchange(message)

    def _exchange(self, message):
        if self.connection is None:
            self.buffer = b""
            self.connection = self._short_way() or self._connect()
        self.connection.sendall(message)
        return self._response()

    def _short_way(self):
        """The init's Unix socket beside the address. In a network that is shared, anybody could have its name."""
        if self.host != OWN_NETWORK:
            return None
        connection = socket(AF_UNIX, SOCK_STREAM)
        try:
            connection.connect("\0larder/" + self.host)
        except OSError:
            connection.close()
            return None
        return connection

    def _connect(self):
        connection = socket(AF_INET, SOCK_STREAM)
        connection.connect(self.address)
        connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        return connection

    def _response(self):
        status, *lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunks()
        else:
            body = self._exactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.connection = None
        return int(status.split(" ", 2)[1]), headers, body

    def _chunks(self):
        parts = []
        while True:
            size = int(self._until(b"\r\n").split(b";")[0], 16)
            parts.append(self._exactly(size))
            self._until(b"\r\n")
            if size == 0:
                return b"".join(parts)

    def _until(self, mark):
        while mark not in self.buffer:
            self._receive()
        found, _, self.buffer = self.buffer.partition(mark)
        return found

    def _exactly(self, size):
        if len(self.buffer) < size:
            parts, missing = [self.buffer], size - len(self.buffer)
            while missing > 0:
                self.buffer = b""
                self._receive(min(max(missing, 65536), 1 << 20))
                parts.append(self.buffer)
                missing -= len(self.buffer)
            self.buffer = b"".join(parts)
        found, self.buffer = self.buffer[:size], self.buffer[size:]
        return found

    def _receive(self, size=65536):
        data = self.connection.recv(size)
        if not data:
            raise ConnectionResetError("the Runtime API closed the connection")
        self.buffer += data

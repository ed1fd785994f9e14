"""A door before a Kafka broker, which asks who comes: usage kafka_door.py PORT BROKER_PORT SETTINGS.

SETTINGS is JSON: `certificate` and `key` for TLS, `client_ca` for certificates of clients, `mechanism`, `username` and
`password` for SASL. The handshakes are those of the protocol, with Python's own TLS and a SCRAM of others; what comes after
them goes to the broker as it is.
"""

import json
import socket
import ssl
import struct
import sys
import threading

from scramp import ScramException, ScramMechanism

API_VERSIONS, HANDSHAKE, AUTHENTICATE = 18, 17, 36
UNSUPPORTED_MECHANISM, AUTHENTICATION_FAILED = 33, 58


def exactly(connection, count):
    read = b""
    while len(read) < count:
        part = connection.recv(count - len(read))
        if not part:
            raise EOFError
        read += part
    return read


def frame(connection):
    return exactly(connection, struct.unpack(">i", exactly(connection, 4))[0])


def framed(body):
    return struct.pack(">i", len(body)) + body


def text(text):
    return struct.pack(">h", len(text)) + text.encode()


class Plain:
    """PLAIN, of one user."""

    def __init__(self, username, password):
        self.wanted = b"\0" + username.encode() + b"\0" + password.encode()

    def step(self, given):
        if given[given.index(b"\0"):] != self.wanted:
            raise ValueError("another user or password")
        return b"", True


class Scram:
    """SCRAM, of one user."""

    def __init__(self, name, username, password):
        mechanism = ScramMechanism(name)
        known = {username: mechanism.make_auth_info(password, iteration_count=4096)}
        self.server = mechanism.make_server(known.__getitem__)
        self.is_first = True

    def step(self, given):
        if self.is_first:
            self.is_first = False
            self.server.set_client_first(given.decode())
            return self.server.get_server_first().encode(), False
        self.server.set_client_final(given.decode())
        return self.server.get_server_final().encode(), True


def mechanism(settings):
    name, username, password = settings["mechanism"], settings["username"], settings["password"]
    return Plain(username, password) if name == "PLAIN" else Scram(name, username, password)


def authenticate_answer(version, error, given):
    if version < 2:
        message = struct.pack(">h", -1)
        return struct.pack(">h", error) + message + struct.pack(">i", len(given)) + given + (b"\0" * 8 if version else b"")
    # Compact: no message is 0, lengths are one more; tags end header and body.
    assert len(given) < 127 * 128
    count = len(given) + 1
    length = bytes([count]) if count < 128 else bytes([count & 127 | 128, count >> 7])
    return b"\0" + struct.pack(">h", error) + b"\0" + length + given + b"\0" * 9


def authenticate_bytes(version, body):
    if version < 2:
        return body[4:]
    # Tags of the header, then a compact length.
    body, count, shift = body[1:], 0, 0
    while True:
        byte, body = body[0], body[1:]
        count |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return body[: count - 1]


def let_in(client, broker, settings):
    """Whether a client may come in."""
    asked = mechanism(settings)
    while True:
        request = frame(client)
        api, version, correlation, of_client = struct.unpack(">hhih", request[:10])
        body = request[10 + max(of_client, 0):]
        if api == API_VERSIONS:
            broker.sendall(framed(request))
            client.sendall(framed(frame(broker)))
            continue
        head = struct.pack(">i", correlation)
        if api == HANDSHAKE:
            wanted = body[2:].decode()
            error = 0 if wanted == settings["mechanism"] else UNSUPPORTED_MECHANISM
            client.sendall(framed(head + struct.pack(">hi", error, 1) + text(settings["mechanism"])))
        elif api == AUTHENTICATE:
            try:
                answer, is_in = asked.step(authenticate_bytes(version, body))
            except (ScramException, ValueError, KeyError):
                client.sendall(framed(head + authenticate_answer(version, AUTHENTICATION_FAILED, b"")))
                return False
            client.sendall(framed(head + authenticate_answer(version, 0, answer)))
            if is_in:
                return True
        else:
            return False


def pass_on(source, target):
    try:
        while part := source.recv(65536):
            target.sendall(part)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def serve(client, port, settings, context):
    try:
        with socket.create_connection(("127.0.0.1", port)) as broker:
            client = context.wrap_socket(client, server_side=True) if context else client
            if "mechanism" in settings and not let_in(client, broker, settings):
                return
            back = threading.Thread(target=pass_on, args=(broker, client), daemon=True)
            back.start()
            pass_on(client, broker)
            back.join()
    except (OSError, EOFError):
        pass
    finally:
        client.close()


def main(port, broker_port, settings):
    context = None
    if "certificate" in settings:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(settings["certificate"], settings["key"])
        if "client_ca" in settings:
            context.load_verify_locations(settings["client_ca"])
            context.verify_mode = ssl.CERT_REQUIRED
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, broker_port, settings, context), daemon=True).start()


main(int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]))

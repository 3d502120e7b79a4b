# SPDX-License-Identifier: GPL-2.0
"""
TCP connections whose both ends are sockets of this process, each in its own namespace: so
it is known what a server sees of each client, and nobody has to be asked.
"""

import dataclasses
import errno
import secrets
import selectors
import socket
import struct
import time

from datagrams import in_namespace

PATIENCE_S = 8
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21  # linux/tcp.h
SEND_QUEUE, REPAIR_OFF = 2, -1  # the latter without a window probe
NUMBER = struct.Struct("!I")


def next_seq(sock):
    """The sequence number of the next byte that a socket sends."""
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, SEND_QUEUE)
    number = sock.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, REPAIR_OFF)
    return number % (1 << 32)


@dataclasses.dataclass
class Call:
    client: socket.socket
    server: socket.socket
    backend: str  # who has answered

    @property
    def seen_port(self):
        """The port that the server sees."""
        return self.server.getpeername()[1]

    def speak(self):
        """Something goes there and something else comes back; whoever is not there raises."""
        for source, sink in ((self.client, self.server), (self.server, self.client)):
            said = secrets.token_hex(8).encode()
            source.sendall(said)
            heard = b""
            while len(heard) < len(said):
                got = sink.recv(len(said) - len(heard))
                if not got:
                    raise ConnectionError("it ended")
                heard += got
            assert heard == said

    def hang_up(self):
        """Both sides end it, the client first."""
        self.client.shutdown(socket.SHUT_WR)
        assert self.server.recv(1) == b""
        self.server.close()
        assert self.client.recv(1) == b""
        self.client.close()

    def close(self):
        self.client.close()
        self.server.close()


def _kind(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Exchange:
    """Servers on backends, and calls to them. Use `with`."""

    def __init__(self, backends, family, port):
        self.calls = []
        self.refused = []  # errno of calls that were
        self._numbers = 0
        self._waiting, self._placed, self._answered = {}, {}, {}
        self._selector = selectors.DefaultSelector()
        for backend in backends:
            sock = in_namespace(backend, lambda: self._listen(family, port))
            self._selector.register(
                sock, selectors.EVENT_READ, lambda sock, name=backend.role: self._accept(sock, name)
            )

    @staticmethod
    def _listen(family, port):
        sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == 6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(("0.0.0.0" if family == 4 else "::", port))
        sock.listen(128)
        return sock

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for call in self.calls:
            call.close()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()

    def place(self, namespace, where, sources, patience=PATIENCE_S):
        """Calls from each source at once; those that were answered in so many seconds, in no
        order. The others are given up."""
        in_namespace(namespace, lambda: [self._dial(where, source) for source in sources])
        deadline = time.monotonic() + patience
        while self._waiting and time.monotonic() < deadline:
            self._turn()
        for sock in list(self._waiting):
            self._forget(sock)
            sock.close()
        while self._placed.keys() - self._answered.keys():
            assert time.monotonic() < deadline + PATIENCE_S, "connected, and to nobody"
            self._turn()
        calls = [Call(sock, *self._answered[n]) for n, sock in self._placed.items()]
        self._placed, self._answered = {}, {}
        self.calls += calls
        return calls

    def _dial(self, where, source):
        sock = socket.socket(_kind(where[0]))
        sock.setblocking(False)
        sock.bind((source, 0))
        assert sock.connect_ex(where) in (0, errno.EINPROGRESS)
        self._numbers += 1
        self._waiting[sock] = self._numbers
        self._selector.register(sock, selectors.EVENT_WRITE, self._connected)

    def _forget(self, sock):
        self._selector.unregister(sock)
        return self._waiting.pop(sock)

    def _turn(self):
        for key, _ in self._selector.select(0.05):
            key.data(key.fileobj)

    def _connected(self, sock):
        number = self._forget(sock)
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self.refused.append(error)
            sock.close()
            return
        sock.settimeout(PATIENCE_S)
        sock.sendall(NUMBER.pack(number))
        self._placed[number] = sock

    def _accept(self, listener, name):
        sock, _ = listener.accept()
        sock.settimeout(PATIENCE_S)
        self._selector.register(sock, selectors.EVENT_READ, lambda sock: self._hear(sock, name))

    def _hear(self, sock, name):
        """The first words of a call; a check has none, nor has one that was given up."""
        self._selector.unregister(sock)
        try:
            said = sock.recv(NUMBER.size)
        except ConnectionError:
            said = b""
        if said:
            self._answered[NUMBER.unpack(said)[0]] = (sock, name)
        else:
            sock.close()

# SPDX-License-Identifier: GPL-2.0
"""
Numbered datagrams: senders in the client's namespace, receivers on every backend, all of
them sockets of this process. Whoever sends says which flow and which number it is, so
what is lost, doubled or went elsewhere is known one by one, and not by luck.
"""

import collections
import ctypes
import os
import selectors
import socket
import struct
import threading
import time

CLONE_NEWNET = 0x40000000
SO_RCVBUFFORCE = 33
ROOM = 64 << 20  # bytes of a receiver's queue: nothing is lost there
HEADER = struct.Struct("!II")  # flow, number
PROBE = 0xFFFFFFFF  # instead of a flow: the number comes back with the backend's name


def in_namespace(namespace, function):
    """Calls function() on a thread that is in there; sockets stay where they were made."""
    result = []

    def enter():
        fd = os.open(f"/run/netns/{namespace.name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
            result.append(function())
        finally:
            os.close(fd)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    return result[0]


def _socket(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    sock.setblocking(False)
    return sock


class Receivers:
    """Of all backends, at these addresses. Use `with`."""

    def __init__(self, backends, addresses, port):
        self.seen = collections.defaultdict(list)  # (flow, number): names of backends
        self._selector = selectors.DefaultSelector()
        self._ending = False
        for backend in backends:
            for sock in in_namespace(backend, lambda: [_socket(a, port) for a in addresses]):
                self._selector.register(sock, selectors.EVENT_READ, backend.role)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ending = True
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()
        self._selector.close()

    def _run(self):
        while not self._ending:
            for key, _ in self._selector.select(0.1):
                self._drain(key.fileobj, key.data)

    def _drain(self, sock, name):
        while True:
            try:
                data, sender = sock.recvfrom(64)
            except (BlockingIOError, ConnectionRefusedError):
                return
            flow, number = HEADER.unpack(data[: HEADER.size])
            if flow == PROBE:
                sock.sendto(HEADER.pack(PROBE, number) + name.encode(), sender)
            else:
                self.seen[flow, number].append(name)


class Sequence:
    """Sends numbered datagrams, a flow from each source, until the end of `with` and until
    there are `least`, however slow the machine is; then all of them have to be there."""

    def __init__(self, client, receivers, target, sources, port, pause=0.0005, least=1000):
        self.receivers = receivers
        self.least = least
        self.sent = [0] * len(sources)
        self._pause = pause
        self._base = id(self) & 0x7FFF0000  # flows of other sequences have other numbers
        self._sockets = in_namespace(client, lambda: [_socket(s, 0) for s in sources])
        for sock in self._sockets:
            sock.connect((target, port))
        self._ending = False
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def _run(self):
        while not self._ending:
            for flow, sock in enumerate(self._sockets):
                sock.send(HEADER.pack(self._base + flow, self.sent[flow]))
                self.sent[flow] += 1
                time.sleep(self._pause)

    def __exit__(self, *_):
        deadline = time.monotonic() + 60
        while sum(self.sent) < self.least and time.monotonic() < deadline:
            time.sleep(0.02)
        self._ending = True
        self._thread.join()
        deadline = time.monotonic() + 3
        while self.lost() and time.monotonic() < deadline:
            time.sleep(0.02)
        for sock in self._sockets:
            sock.close()

    def _numbers(self):
        for flow, sent in enumerate(self.sent):
            for number in range(sent):
                yield flow, number, self.receivers.seen.get((self._base + flow, number), [])

    def lost(self):
        return [(flow, number) for flow, number, seen in self._numbers() if not seen]

    def doubled(self):
        return [(flow, number) for flow, number, seen in self._numbers() if len(seen) > 1]

    def homes(self):
        """The backends of each flow: more than one if it has moved."""
        homes = collections.defaultdict(set)
        for flow, _, seen in self._numbers():
            homes[flow].update(seen)
        return dict(homes)

    def check(self):
        """Not one is missing or doubled, none went elsewhere, and there were many."""
        assert self.lost() == [] and self.doubled() == []
        assert sum(self.sent) >= self.least
        assert all(len(names) == 1 for names in self.homes().values()), self.homes()


class Prober:
    """Asks who answers. Its sockets are used again and again."""

    def __init__(self, client, sources, port):
        self.sources = sources
        self._port = port
        self._sockets = in_namespace(client, lambda: [_socket(s, 0) for s in sources])

    def close(self):
        for sock in self._sockets:
            sock.close()

    def ask(self, target, patience=1.0, silence=False):
        """The name of the backend for each source; None: nobody answered. Where silence
        is expected, it is not waited for as long."""
        number = time.monotonic_ns() & 0xFFFFFFFF
        for sock in self._sockets:
            sock.sendto(HEADER.pack(PROBE, number), (target, self._port))
        deadline = time.monotonic() + (0.15 if silence else patience)
        return {
            source: self._answer(sock, number, deadline)
            for source, sock in zip(self.sources, self._sockets)
        }

    @staticmethod
    def _answer(sock, number, deadline):
        while True:
            try:
                data, _ = sock.recvfrom(64)
                if HEADER.unpack(data[: HEADER.size])[1] == number:
                    return data[HEADER.size :].decode()
            except (BlockingIOError, ConnectionRefusedError):
                if time.monotonic() > deadline:
                    return None
                time.sleep(0.002)

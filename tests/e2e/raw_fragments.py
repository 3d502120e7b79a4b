# SPDX-License-Identifier: GPL-2.0
"""
Datagrams cut into fragments by hand, to be sent in any order, and segments that no stack
would send: raw sockets in a namespace, which send a whole IP packet as it is.
"""

import socket
import struct

from datagrams import in_namespace

IPV6_HDRINCL = 36


def _checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _packed(address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address)


def _pseudo(source, target, length, protocol):
    return _packed(source) + _packed(target) + struct.pack("!II", length, protocol)


def udp(source, target, ports, payload):
    """A UDP datagram with its checksum, as bytes; `ports`: its own and the other."""
    header = struct.pack("!HHHH", *ports, 8 + len(payload), 0)
    pseudo = _pseudo(source, target, 8 + len(payload), 17)
    check = _checksum(pseudo + header + payload) or 0xFFFF
    return header[:6] + struct.pack("!H", check) + payload


def tcp(source, target, ports, flags, seq, ack, payload=b""):
    """A TCP segment in the same way; `flags` as they are in the header."""
    numbers = struct.pack("!HHII", *ports, seq, ack)
    pseudo = _pseudo(source, target, 20 + len(payload), 6)
    header = numbers + struct.pack("!BBHHH", 5 << 4, flags, 65535, 0, 0)
    check = _checksum(pseudo + header + payload)
    return numbers + struct.pack("!BBHHH", 5 << 4, flags, 65535, check, 0) + payload


def packet(source, target, protocol, data):
    """It in one piece, which may be from anybody."""
    if ":" in target:
        head = struct.pack("!IHBB", 6 << 28, len(data), protocol, 64)
    else:  # the kernel fills in the checksum
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 0, 0, 64, protocol, 0)
    return head + _packed(source) + _packed(target) + data


def fragments(source, target, datagram, size, number):
    """IP packets with `size` bytes each of the datagram, first one first."""
    parts = []
    for at in range(0, len(datagram), size):
        data, more = datagram[at : at + size], at + size < len(datagram)
        if ":" in target:
            head = struct.pack("!IHBB", 6 << 28, 8 + len(data), 44, 64)
            head += _packed(source) + _packed(target)
            head += struct.pack("!BBHI", 17, 0, at | more, number)
        else:  # the kernel fills in the checksum
            head = struct.pack(
                "!BBHHHBBH", 0x45, 0, 20 + len(data), number, more << 13 | at // 8, 64, 17, 0
            )
            head += _packed(source) + _packed(target)
        parts.append(head + data)
    return parts


class Raw:
    """A socket in a namespace that sends IP packets. Use `with`."""

    def __init__(self, namespace, family):
        self._v6 = family == 6

        def make():
            if not self._v6:
                return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
            sock.setsockopt(socket.IPPROTO_IPV6, IPV6_HDRINCL, 1)
            return sock

        self._socket = in_namespace(namespace, make)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, target, packets):
        for packet in packets:
            self._socket.sendto(packet, (target, 0))

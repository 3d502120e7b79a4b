# SPDX-License-Identifier: GPL-2.0
"""Cuts IP packets into fragments and puts them together again (RFC 791, RFC 8200)."""
import struct


def cut(packet, size, number=0x1234):
    """
    Fragments of an IP packet, first one first, with at most `size` bytes of payload each
    (a multiple of 8). IPv6: headers before the transport's are in none; next header is
    all that is taken over.
    """
    assert size % 8 == 0
    return (cut4 if packet[0] >> 4 == 4 else cut6)(packet, size, number)


def pieces(data, size):
    """(offset, bytes, are there more)"""
    return [(at, data[at:at + size], at + size < len(data)) for at in range(0, len(data), size)]


def checksum(header):
    """RFC 1071, of the header with a checksum of 0."""
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4_header(header, length, number, offset, more):
    word = (0x2000 if more else 0) | offset // 8
    head = header[:2] + struct.pack("!HHH", length, number, word) + header[8:10] + b"\0\0" + header[12:]
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:]


def cut4(packet, size, number):
    header = packet[:(packet[0] & 15) * 4]
    return [ipv4_header(header, len(header) + len(part), number, at, more) + part
            for at, part, more in pieces(packet[len(header):], size)]


def header6(next_header, number, offset, more):
    return struct.pack("!BBHI", next_header, 0, offset | more, number)


def cut6(packet, size, number):
    return [packet[:4] + struct.pack("!HB", 8 + len(part), 44) + packet[7:40]
            + header6(packet[6], number, at, more) + part
            for at, part, more in pieces(packet[40:], size)]


def join(parts):
    """The packet again; its fragments may come in any order. Checks what they have in common."""
    family = parts[0][0] >> 4
    ordered = sorted(parts, key=lambda part: offset_of(part)[0])
    data, heads = b"", set()
    for part in ordered:
        offset, more, payload, head = (*offset_of(part), *split(part))
        assert offset == len(data), "a gap or an overlap"
        assert more == (part is not ordered[-1])
        data += payload
        heads.add(head)
    assert len(heads) == 1, heads
    head = heads.pop()
    if family == 4:
        length = len(head) + len(data)
        return ipv4_header(head, length, struct.unpack_from("!H", head, 4)[0], 0, False) + data
    return head[:4] + struct.pack("!HB", len(data), ordered[0][40]) + head[7:40] + data


def offset_of(part):
    """(offset, are there more) of a fragment"""
    if part[0] >> 4 == 4:
        word = struct.unpack_from("!H", part, 6)[0]
        return (word & 0x1fff) * 8, bool(word & 0x2000)
    word = struct.unpack_from("!H", part, 42)[0]
    return word & 0xfff8, bool(word & 1)


def split(part):
    """Payload, and what all fragments of a packet have in common; the header's checksum is checked."""
    if part[0] >> 4 == 4:
        size = (part[0] & 15) * 4
        head = part[:size]
        assert checksum(head[:10] + b"\0\0" + head[12:]) == struct.unpack_from("!H", head, 10)[0]
        assert struct.unpack_from("!H", part, 2)[0] == len(part)
        return part[size:], head[:2] + b"\0\0" + head[4:6] + b"\0\0" + head[8:10] + b"\0\0" + head[12:]
    assert struct.unpack_from("!H", part, 4)[0] == len(part) - 40 and part[6] == 44
    return part[48:], part[:4] + b"\0\0\0" + part[7:40]

# SPDX-License-Identifier: GPL-2.0
"""
The packet hash, written again from its definition (include/limpet/hash.h names
the papers), to check the one of the BPF program against.
"""
from ipaddress import ip_address

M64 = (1 << 64) - 1
WORDS = 12


def rotl(x, bits):
    return (x << bits | x >> (64 - bits)) & M64


def siphash24(k0, k1, data):
    """SipHash-2-4, Aumasson and Bernstein 2012, section 2."""
    v0, v1 = k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d
    v2, v3 = k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573

    def rounds(n):
        nonlocal v0, v1, v2, v3
        for _ in range(n):
            v0 = (v0 + v1) & M64
            v2 = (v2 + v3) & M64
            v1 = rotl(v1, 13) ^ v0
            v3 = rotl(v3, 16) ^ v2
            v0 = rotl(v0, 32)
            v2 = (v2 + v1) & M64
            v0 = (v0 + v3) & M64
            v1 = rotl(v1, 17) ^ v2
            v3 = rotl(v3, 21) ^ v0
            v2 = rotl(v2, 32)

    padded = data + bytes(-(len(data) + 1) % 8) + bytes([len(data) & 0xff])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at:at + 8], "little")
        v3 ^= word
        rounds(2)
        v0 ^= word
    v2 ^= 0xff
    rounds(4)
    return v0 ^ v1 ^ v2 ^ v3


def make_key(seed):
    """Two hashes of the seed under fixed keys key a hash of the counter."""
    seed = seed.encode()
    k0 = siphash24(0x243f6a8885a308d3, 0x13198a2e03707344, seed)
    k1 = siphash24(0xa4093822299f31d0, 0x082efa98ec4e6c89, seed)
    return [siphash24(k0, k1, i.to_bytes(4, "little")) for i in range(WORDS)]


def mix64(x):
    """The finalizer of SplitMix64."""
    x = ((x ^ x >> 30) * 0xbf58476d1ce4e5b9) & M64
    x = ((x ^ x >> 27) * 0x94d049bb133111eb) & M64
    return x ^ x >> 31


def multilinear(key, words):
    """Multilinear-HM of an even number of 32-bit words, then mixed."""
    assert len(words) % 2 == 0
    total = key[0]
    for i in range(0, len(words), 2):
        total += (key[i + 1] + words[i]) * (key[i + 2] + words[i + 1])
    return mix64(total & M64)


def words_of(packed):
    """Words enter the hash as little-endian numbers."""
    return [int.from_bytes(packed[i:i + 4], "little") for i in range(0, len(packed), 4)]


def address_words(address):
    return words_of(ip_address(address).packed)


def masked(address, bits):
    packed = ip_address(address).packed
    number, whole = int.from_bytes(packed, "big"), 8 * len(packed)
    number &= ((1 << whole) - 1) ^ ((1 << (whole - bits)) - 1)
    return number.to_bytes(len(packed), "big")


def hash_client(key, source, bits):
    words = words_of(masked(source, bits))
    return multilinear(key, words if len(words) == 4 else words + [4])


def hash_flow(key, source, destination, sport, dport):
    ports = words_of(sport.to_bytes(2, "big") + dport.to_bytes(2, "big"))
    if ":" in source:
        return multilinear(key, address_words(source) + ports + address_words(destination)[3:])
    return multilinear(key, address_words(source) + address_words(destination) + ports + [4])


def slot(value):
    return value >> 48

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The keyed hash of limpet, for the BPF programs and for user space alike.
 *
 * Packets are hashed by multilinear-HM (Lemire and Kaser, "Strongly universal
 * string hashing is fast", The Computer Journal 57(11), 2014, section 3.1):
 *
 *	sum = k0 + (k1 + x1)(k2 + x2) + (k3 + x3)(k4 + x4) + ...   mod 2^64
 *
 * over 32-bit words x with secret 64-bit words k. For any two inputs the upper
 * 33 bits of the sum are equal with probability 2^-33 over the keys: nobody can
 * prepare colliding packets without the key. The sum then goes through a
 * 64-bit mixer, so that what an observer learns (which backend answered) is not
 * a linear function of the key. It costs one multiplication for two words and
 * two for the mixer: 3 to 5 ns, where SipHash-1-3 costs about 20 (BPF has no
 * rotate instruction), which is more than all the rest of the lookup.
 *
 * Words of a packet enter as little-endian numbers: little- and big-endian nodes of
 * a cluster agree (P6), and most of them have nothing to turn.
 *
 * Key making and table building, which are not on the packet's path, use
 * SipHash-2-4 (Aumasson and Bernstein, 2012).
 */
#ifndef LIMPET_HASH_H
#define LIMPET_HASH_H

#include <limpet/abi.h>

#define LP_INLINE static inline __attribute__((always_inline))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LP_HOST32(x)   __builtin_bswap32(x)
#define LP_HOST16(x)   __builtin_bswap16(x)
#define LP_LITTLE32(x) (x)
#else
#define LP_HOST32(x)   (x)
#define LP_HOST16(x)   (x)
#define LP_LITTLE32(x) __builtin_bswap32(x)
#endif

/* Both ports (network byte order) as one word, as they stand side by side in a packet. */
LP_INLINE __u32 lp_ports(__be16 sport, __be16 dport)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return sport | (__u32)dport << 16;
#else
	return LP_LITTLE32((__u32)sport << 16 | dport);
#endif
}

/* Stafford's mix 13, the finalizer of SplitMix64: a bijection of 64 bits. */
LP_INLINE __u64 lp_mix64(__u64 x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* One product of multilinear-HM: words i and i + 1 of the key with a and b. */
#define LP_HM(key, i, a, b)                                                                        \
	(((key)->word[i] + (__u64)(__u32)(a)) * ((key)->word[(i) + 1] + (__u64)(__u32)(b)))

/* One product at a time: the BPF compiler would load all words first, and spill them. */
#ifdef __bpf__
#define LP_STEP(sum) asm volatile("" : "+r"(sum))
#else
#define LP_STEP(sum) (void)(sum)
#endif

/*
 * Hash of a source address that counts as one client (already masked).
 * `v6` says whether the address is IPv6; of an IPv4 address only w[3] counts.
 */
LP_INLINE __u64 lp_hash_client(const volatile struct lp_hash_key *key, const struct lp_addr *src,
			       int v6)
{
	__u64 sum = key->word[0];

	if (v6) {
		sum += LP_HM(key, 1, LP_LITTLE32(src->w[0]), LP_LITTLE32(src->w[1]));
		sum += LP_HM(key, 3, LP_LITTLE32(src->w[2]), LP_LITTLE32(src->w[3]));
	} else {
		sum += LP_HM(key, 1, LP_LITTLE32(src->w[3]), 4);
	}
	return lp_mix64(sum);
}

/* The same of an IPv6 client whose last 64 bits are masked off; `prefix` as in the packet. */
LP_INLINE __u64 lp_hash_prefix6(const volatile struct lp_hash_key *key, __be64 prefix)
{
	const struct lp_addr src = { .d = { prefix, 0 } };

	return lp_hash_client(key, &src, 1);
}

/*
 * Hash of a flow: both addresses, and both ports as one word (lp_ports()). `dst` is a VIP's:
 * of an IPv6 address its last word tells VIPs apart, nearly always, and where it does not,
 * flows to two of them that agree in all else go to the same slot, which harms nobody.
 */
LP_INLINE __u64 lp_hash_flow_ports(const volatile struct lp_hash_key *key,
				   const struct lp_addr *src, const struct lp_addr *dst,
				   __u32 ports, int v6)
{
	__u64 sum = key->word[0];

	if (v6) {
		sum += LP_HM(key, 1, LP_LITTLE32(src->w[0]), LP_LITTLE32(src->w[1]));
		LP_STEP(sum);
		sum += LP_HM(key, 3, LP_LITTLE32(src->w[2]), LP_LITTLE32(src->w[3]));
		LP_STEP(sum);
		sum += LP_HM(key, 5, ports, LP_LITTLE32(dst->w[3]));
	} else {
		sum += LP_HM(key, 1, LP_LITTLE32(src->w[3]), LP_LITTLE32(dst->w[3]));
		LP_STEP(sum);
		sum += LP_HM(key, 3, ports, 4);
		LP_STEP(sum);
	}
	return lp_mix64(sum);
}

/* The same with the ports in network byte order. */
LP_INLINE __u64 lp_hash_flow(const volatile struct lp_hash_key *key, const struct lp_addr *src,
			     const struct lp_addr *dst, __be16 sport, __be16 dport, int v6)
{
	return lp_hash_flow_ports(key, src, dst, lp_ports(sport, dport), v6);
}

/*
 * Fingerprint of a key of the record table: all 64 bits count, so two sums with
 * independent keys are mixed. One sum alone could be made to collide with
 * probability 2^-33 by inputs that differ in high bits only; both at once with
 * 2^-66. `words` are host-order 32-bit words of the key, `n` even and constant.
 */
LP_INLINE __u64 lp_fingerprint(const volatile struct lp_hash_key *key, const __u32 *words,
			       const unsigned int n)
{
	__u64 a = key->word[11], b = key->word[12], fingerprint;

#ifdef __bpf__
#pragma clang loop unroll(full)
#endif
	for (unsigned int i = 0; i < n; i += 2) {
		a += LP_HM(key, 1 + i, words[i], words[i + 1]);
		b += LP_HM(key, 13 + i, words[i], words[i + 1]);
	}
	fingerprint = lp_mix64(a) + lp_mix64(b ^ 0x9e3779b97f4a7c15ull);
	return fingerprint <= LP_FINGERPRINT_BUSY ? fingerprint + 2 : fingerprint;
}

/* Of a connection: the four numbers, the protocol and the family. */
LP_INLINE __u64 lp_fingerprint_flow(const volatile struct lp_hash_key *key,
				    const struct lp_addr *src, const struct lp_addr *dst,
				    __be16 sport, __be16 dport, __u8 proto, int v6)
{
	__u32 ports = (__u32)LP_HOST16(sport) << 16 | LP_HOST16(dport);

	if (v6) {
		const __u32 words[10] = {
			LP_HOST32(src->w[0]), LP_HOST32(src->w[1]), LP_HOST32(src->w[2]),
			LP_HOST32(src->w[3]), LP_HOST32(dst->w[0]), LP_HOST32(dst->w[1]),
			LP_HOST32(dst->w[2]), LP_HOST32(dst->w[3]), ports,
			6u << 16 | proto,
		};

		return lp_fingerprint(key, words, 10);
	} else {
		const __u32 words[4] = { LP_HOST32(src->w[3]), LP_HOST32(dst->w[3]), ports,
					 4u << 16 | proto };

		return lp_fingerprint(key, words, 4);
	}
}

/* Of a client: its masked address, in its scope (lp_vip.scope). */
LP_INLINE __u64 lp_fingerprint_client(const volatile struct lp_hash_key *key,
				      const struct lp_addr *client, __u16 scope, int v6)
{
	if (v6) {
		const __u32 words[6] = {
			LP_HOST32(client->w[0]),
			LP_HOST32(client->w[1]),
			LP_HOST32(client->w[2]),
			LP_HOST32(client->w[3]),
			scope,
			6u << 24,
		};

		return lp_fingerprint(key, words, 6);
	} else {
		const __u32 words[4] = { LP_HOST32(client->w[3]), scope, 4u << 24, 0 };

		return lp_fingerprint(key, words, 4);
	}
}

/*
 * Of a fragmented packet, by what its fragments have in common: RFC 791 section 3.2, and
 * RFC 8200 section 4.5, where the protocol is none of it. `id` as it stands in the packet.
 */
LP_INLINE __u64 lp_fingerprint_fragment(const volatile struct lp_hash_key *key,
					const struct lp_addr *src, const struct lp_addr *dst,
					__be32 id, __u8 proto, int v6)
{
	if (v6) {
		const __u32 words[10] = {
			LP_HOST32(src->w[0]), LP_HOST32(src->w[1]),
			LP_HOST32(src->w[2]), LP_HOST32(src->w[3]),
			LP_HOST32(dst->w[0]), LP_HOST32(dst->w[1]),
			LP_HOST32(dst->w[2]), LP_HOST32(dst->w[3]),
			LP_HOST32(id),        6u << 16,
		};

		return lp_fingerprint(key, words, 10);
	} else {
		const __u32 words[4] = { LP_HOST32(src->w[3]), LP_HOST32(dst->w[3]), LP_HOST32(id),
					 4u << 16 | proto };

		return lp_fingerprint(key, words, 4);
	}
}

/* The slot of a hash: its topmost bits. */
LP_INLINE __u32 lp_hash_slot(__u64 hash)
{
	return (__u32)(hash >> (64 - LP_SLOTS_BITS));
}

/*
 * Hash of a VIP key. `port` in network byte order, 0 for `any` and `ranges`;
 * `salt` is what the table's builder chose (control.salt). The sum alone, without
 * the mixer: the keys are the operator's, nobody can prepare them, and the
 * builder takes another salt when they fall badly.
 */
LP_INLINE __u64 lp_vip_hash(const volatile struct lp_hash_key *key, __u64 salt,
			    const struct lp_addr *addr, __u8 proto, __be16 port, int v6)
{
	__u32 service = (__u32)proto << 16 | LP_HOST16(port);
	__u64 sum = 0;

	if (v6) {
		sum += LP_HM(key, 1, LP_HOST32(addr->w[0]), LP_HOST32(addr->w[1]));
		sum += LP_HM(key, 3, LP_HOST32(addr->w[2]), LP_HOST32(addr->w[3]));
		sum += LP_HM(key, 5, service, 6);
	} else {
		sum += (key->word[1] + LP_HOST32(addr->w[3])) * ((key->word[2] ^ salt) + service);
	}
	return sum ^ salt;
}

/*
 * Hash of a key of the fast VIP table: multilinear-HM again, over words as they
 * stand in memory, since nobody but this machine sees the table. `service` is
 * lp_fast_service.word with class 0.
 */
LP_INLINE __u64 lp_fast_hash4(const struct lp_fast_hash *hash, __be32 addr, __u32 service)
{
	return (hash->word[0] + addr) * (hash->word[1] + service);
}

LP_INLINE __u64 lp_fast_hash6(const struct lp_fast_hash *hash, const struct lp_addr *addr,
			      __u32 service)
{
	__u64 sum = (hash->word[0] + addr->w[0]) * (hash->word[1] + addr->w[1]);

	LP_STEP(sum);
	sum += (hash->word[2] + addr->w[2]) * (hash->word[3] + addr->w[3]);
	LP_STEP(sum);
	return sum + service * 0x9e3779b97f4a7c15ull;
}

/* Bucket of a perfect hash, from its best bits; `buckets` is a power of two. */
LP_INLINE __u32 lp_vip_bucket(__u64 hash, __u32 buckets)
{
	return (__u32)(hash >> 40) & (buckets - 1);
}

/* The same with the mask, less than LP_FAST_BUCKETS. */
LP_INLINE __u32 lp_fast_bucket(__u64 hash, __u32 mask)
{
	return (__u32)(hash >> (64 - LP_FAST_BUCKETS_BITS)) & mask;
}

/*
 * Place of a hash: hash and displace (Belazzougui, Botelho and Dietzfelbinger, ESA
 * 2009). The builder finds for each bucket a displacement that sends its keys to
 * free places; any number of places (Lemire, "Fast random integer generation in an
 * interval", ACM TOMACS 29(1), 2019).
 */
LP_INLINE __u32 lp_place(__u64 hash, __u32 displacement, __u32 places)
{
	__u32 base = (__u32)(hash >> 16), step = (__u32)(hash >> 8) | 1;

	return (__u32)((__u64)(base + displacement * step) * places >> 32);
}

/*
 * Place in a fast VIP table: the displacement is added, within a window of LP_FAST_WINDOW
 * places, and is read while the rest is computed.
 */
LP_INLINE __u32 lp_fast_place(__u64 hash, __u32 displacement, __u32 range)
{
	return (__u32)((hash << LP_FAST_BUCKETS_BITS >> 32) * range >> 32) + displacement;
}

/*
 * A hash of the flow from that of its client and its ports (lp_ports()): for ECMP on the
 * way to the backend, and for the audit's samples.
 */
LP_INLINE __u64 lp_mix_ports(__u64 hash, __u32 ports)
{
	return hash ^ ports * 0x9e3779b97f4a7c15ull;
}

/*
 * Where audit_seen (abi.h) has the two bits of a sampled flow that is on a backend: the word's
 * number; *bits: the word with these two alone. `flow`: its hash.
 */
LP_INLINE __u32 lp_audit_seen(__u64 flow, __u16 backend, __u32 phase, __u64 *bits)
{
	__u64 hash = (flow ^ ((__u64)phase << 16 | backend)) * 0x9e3779b97f4a7c15ull;

	*bits = 1ull << (hash >> 40 & 63) | 1ull << (hash >> 46 & 63);
	return (phase & 1) << LP_AUDIT_SEEN_BITS | (__u32)(hash >> (64 - LP_AUDIT_SEEN_BITS));
}

/* Entropy for the outer source port of GUE: 49152 to 65535 (RFC 6335). */
LP_INLINE __u16 lp_hash_port(__u64 hash)
{
	return (__u16)(0xc000 | ((__u32)hash & 0x3fff));
}

#ifndef __bpf__
#include <stddef.h>

/*
 * SipHash-2-4 of `len` bytes under the 128-bit key k0, k1 (host byte order).
 * Returns the 64-bit hash; the same on every machine.
 */
__u64 lp_siphash(__u64 k0, __u64 k1, const void *data, size_t len);

/*
 * Makes the packet hash's key from `seed`, `len` bytes of any text. Equal
 * seeds give equal keys on every machine.
 */
void lp_hash_key_make(struct lp_hash_key *key, const char *seed, size_t len);
#endif

#endif

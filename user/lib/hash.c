// SPDX-License-Identifier: GPL-2.0
#include <limpet/hash.h>
#include <string.h>

static __u64 rotl(__u64 x, unsigned int bits)
{
	return x << bits | x >> (64 - bits);
}

static __u64 load_le64(const unsigned char *p, size_t n)
{
	__u64 x = 0;

	for (size_t i = 0; i < n; i++)
		x |= (__u64)p[i] << (8 * i);
	return x;
}

static void sip_round(__u64 v[4])
{
	v[0] += v[1];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[0] = rotl(v[0], 32);
	v[2] += v[3];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[2] = rotl(v[2], 32);
}

static void sip_compress(__u64 v[4], __u64 word)
{
	v[3] ^= word;
	sip_round(v);
	sip_round(v);
	v[0] ^= word;
}

__u64 lp_siphash(__u64 k0, __u64 k1, const void *data, size_t len)
{
	const unsigned char *p = data;
	__u64 v[4] = {
		k0 ^ 0x736f6d6570736575ull,
		k1 ^ 0x646f72616e646f6dull,
		k0 ^ 0x6c7967656e657261ull,
		k1 ^ 0x7465646279746573ull,
	};
	size_t i;

	for (i = 0; i + 8 <= len; i += 8)
		sip_compress(v, load_le64(p + i, 8));
	sip_compress(v, (__u64)len << 56 | load_le64(p + i, len - i));
	v[2] ^= 0xff;
	for (i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void lp_hash_key_make(struct lp_hash_key *key, const char *seed, size_t len)
{
	/* Two fixed keys give 128 bits of the seed, which key the rest: any
	 * fixed, distinct constants do (these are digits of pi). */
	__u64 k0 = lp_siphash(0x243f6a8885a308d3ull, 0x13198a2e03707344ull, seed, len);
	__u64 k1 = lp_siphash(0xa4093822299f31d0ull, 0x082efa98ec4e6c89ull, seed, len);

	for (__u32 i = 0; i < LP_HASH_WORDS; i++) {
		unsigned char counter[4] = { (unsigned char)i };

		key->word[i] = lp_siphash(k0, k1, counter, sizeof(counter));
	}
}

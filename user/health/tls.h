/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What https checks want of a server's certificate, and what they saw of it.
 *
 * libcurl opens the connection, but has no say in the certificate: it would read
 * the file of trusted roots for every connection (before 7.87), tell nothing of
 * a certificate that it refuses, and less of the reason than OpenSSL does. So
 * OpenSSL asks here (SSL_CTX_set_cert_verify_callback(3)).
 */
#ifndef LIMPET_HEALTH_TLS_H
#define LIMPET_HEALTH_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

/* Trusted roots of one file, or the system's: read once for all checks that cite them. */
struct tls_roots;

struct tls_roots_set {
	struct tls_roots *first;
};

/* Finds or reads them; `file` NULL: the system's. Counted. NULL: no memory. With a
 * file that cannot be read nobody is trusted until tls_roots_refresh() could read it. */
struct tls_roots *tls_roots_get(struct tls_roots_set *set, const char *file);

/* Ends a use and sets *roots to NULL; NULL is fine. The set must live. */
void tls_roots_put(struct tls_roots **roots);

/* Reads files again that have changed. One that cannot be read leaves what was there. */
void tls_roots_refresh(struct tls_roots_set *set);

/* Is there a certificate in the file? Words that quote it, if not. */
int tls_roots_verify(const char *file, struct lp_err *err);

/* Of one check. All zero: certificates are looked at and not verified. */
struct tls_check {
	struct tls_roots *roots; /* NULL: not verified */
	char *name;              /* a host name or an address, that the certificate has to name */
};

/* What came of one handshake. */
struct tls_peer {
	const struct tls_check *check;
	uint64_t not_after; /* end of the certificate, seconds since the epoch; 0: none seen */
	int error;          /* X509_V_OK, or why it was refused */
	char names[64];     /* whom the certificate is for: "a.example, b.example" */
};

/*
 * For CURLOPT_SSL_CTX_FUNCTION: the handshake of ssl_ctx (an SSL_CTX) will leave
 * its result in *peer, which outlives it; peer->check is set, the rest is reset.
 */
void tls_prepare(void *ssl_ctx, struct tls_peer *peer);

/*
 * Why a certificate was refused, at now_s (seconds since the epoch): "certificate
 * expired 3 days ago", "certificate is for a.example, not for b.example",
 * "certificate: self-signed certificate". Returns text.
 */
const char *tls_refusal(const struct tls_peer *peer, uint64_t now_s, char *text, size_t size);

/* "in 12 days", "3 days ago", "today": when `at` is, seen from now_s. Returns text. */
const char *tls_days(uint64_t at, uint64_t now_s, char *text, size_t size);

#endif

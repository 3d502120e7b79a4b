// SPDX-License-Identifier: GPL-2.0
#include "health/tls.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "health/tls_roots.h"

#define DAY_S 86400

/* --- what a certificate says -------------------------------------------------------- */

static uint64_t end_of(X509 *cert)
{
	struct tm tm;
	time_t end;

	if (!ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm))
		return 0;
	end = timegm(&tm);
	return end > 0 ? (uint64_t)end : 1; /* 0 would be "none seen" */
}

static size_t name_add(char *text, size_t size, size_t len, const char *name, size_t n)
{
	int wrote = snprintf(text + len, size - len, "%s%.*s", len ? ", " : "", (int)n, name);

	return len + (size_t)wrote < size ? len + (size_t)wrote : size - 1;
}

/* RFC 6125: the alternative names count; the common name is for people who look for it. */
static void names_of(X509 *cert, char *text, size_t size)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	size_t len = 0;

	text[0] = '\0';
	for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

		if (name->type == GEN_DNS)
			len = name_add(text, size, len,
				       (const char *)ASN1_STRING_get0_data(name->d.dNSName),
				       (size_t)ASN1_STRING_length(name->d.dNSName));
	}
	GENERAL_NAMES_free(names);
	if (!len)
		X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, text,
					  (int)size);
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

/* --- the handshake -------------------------------------------------------------------- */

static bool want_name(X509_VERIFY_PARAM *param, const char *name)
{
	X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return X509_VERIFY_PARAM_set1_ip_asc(param, name) ||
	       X509_VERIFY_PARAM_set1_host(param, name, 0);
}

static int on_verify(X509_STORE_CTX *ctx, void *arg)
{
	struct tls_peer *peer = arg;
	X509 *cert = X509_STORE_CTX_get0_cert(ctx);
	int good;

	peer->not_after = end_of(cert);
	if (!peer->check->roots)
		return 1;
	if (!want_name(X509_STORE_CTX_get0_param(ctx), peer->check->name)) {
		peer->error = X509_V_ERR_OUT_OF_MEM;
		X509_STORE_CTX_set_error(ctx, peer->error);
		return 0;
	}
	good = X509_verify_cert(ctx);
	if (good > 0)
		return 1;
	peer->error = X509_STORE_CTX_get_error(ctx);
	if (peer->error == X509_V_OK)
		peer->error = X509_V_ERR_UNSPECIFIED;
	names_of(cert, peer->names, sizeof(peer->names));
	return 0;
}

void tls_prepare(void *ssl_ctx, struct tls_peer *peer)
{
	const struct tls_check *check = peer->check;

	*peer = (struct tls_peer) { .check = check };
	SSL_CTX_set_cert_verify_callback(ssl_ctx, on_verify, peer);
	if (!check->roots)
		return;
	SSL_CTX_set1_cert_store(ssl_ctx, tls_roots_store(check->roots));
	SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, NULL);
}

/* --- words ---------------------------------------------------------------------------- */

const char *tls_days(uint64_t at, uint64_t now_s, char *text, size_t size)
{
	bool past = at <= now_s;
	unsigned long long days = (past ? now_s - at : at - now_s) / DAY_S;
	const char *s = days == 1 ? "" : "s";

	if (!days)
		snprintf(text, size, past ? "less than a day ago" : "in less than a day");
	else
		snprintf(text, size, past ? "%llu day%s ago" : "in %llu day%s", days, s);
	return text;
}

const char *tls_refusal(const struct tls_peer *peer, uint64_t now_s, char *text, size_t size)
{
	char when[48];

	switch (peer->error) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
		/* An intermediate's or a root's end is not in not_after. */
		if (peer->not_after > now_s)
			snprintf(text, size, "certificate: one of its issuers has expired");
		else
			snprintf(text, size, "certificate expired %s",
				 tls_days(peer->not_after, now_s, when, sizeof(when)));
		break;
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		snprintf(text, size, "certificate is for %s, not for %s",
			 peer->names[0] ? peer->names : "nobody", peer->check->name);
		break;
	default:
		snprintf(text, size, "certificate: %s", X509_verify_cert_error_string(peer->error));
	}
	return text;
}

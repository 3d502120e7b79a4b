/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TLS servers for the tests of the https checks, each in a process of its own, and
 * certificates made for them.
 */
#ifndef LIMPET_TESTS_TLS_PEER_H
#define LIMPET_TESTS_TLS_PEER_H

#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A certificate and its key. */
struct tls_identity {
	X509 *cert;
	EVP_PKEY *key;
};

static inline void tls_extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(extension);
	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
}

/*
 * Signed by `issuer`, or by itself (NULL); good from `from` to `to`, seconds from
 * now. `names`: subjectAltName as of x509v3_config(5), or NULL for an authority.
 */
static inline struct tls_identity tls_identity_new(const struct tls_identity *issuer,
						   const char *common_name, const char *names,
						   long from, long to)
{
	struct tls_identity made = { X509_new(), EVP_EC_gen("P-256") };
	X509_NAME *subject = X509_get_subject_name(made.cert);
	X509 *by = issuer ? issuer->cert : made.cert;
	static long serial;

	X509_set_version(made.cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(made.cert), ++serial);
	X509_gmtime_adj(X509_getm_notBefore(made.cert), from);
	X509_gmtime_adj(X509_getm_notAfter(made.cert), to);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)common_name,
				   -1, -1, 0);
	X509_set_issuer_name(made.cert, X509_get_subject_name(by));
	X509_set_pubkey(made.cert, made.key);
	tls_extend(made.cert, by, NID_basic_constraints,
		   names ? "critical,CA:FALSE" : "critical,CA:TRUE");
	if (names)
		tls_extend(made.cert, by, NID_subject_alt_name, names);
	assert_true(X509_sign(made.cert, issuer ? issuer->key : made.key, EVP_sha256()) > 0);
	return made;
}

static inline void tls_identity_free(struct tls_identity *identity)
{
	X509_free(identity->cert);
	EVP_PKEY_free(identity->key);
}

static inline void tls_write_roots(const char *path, const struct tls_identity *root)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(PEM_write_X509(file, root->cert));
	assert_int_equal(fclose(file), 0);
}

struct tls_server {
	pid_t pid;
	uint16_t port;
};

static inline const char *tls_name_reply(SSL *ssl)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	return name && !strcmp(name, "pool.example.invalid")
		       ? "HTTP/1.1 204 Named\r\n\r\n"
		       : "HTTP/1.1 421 Unnamed\r\nContent-Length: 0\r\n\r\n";
}

/* Answers each connection, one after the other, with `reply`; "SNI" is 204 if the
 * client asked for pool.example.invalid, else 421. */
static inline void tls_serve(int listener, const struct tls_identity *identity, const char *reply)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	char request[4096];
	int fd;

	signal(SIGPIPE, SIG_IGN);
	SSL_CTX_use_certificate(ctx, identity->cert);
	SSL_CTX_use_PrivateKey(ctx, identity->key);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		SSL *ssl = SSL_new(ctx);

		SSL_set_fd(ssl, fd);
		if (SSL_accept(ssl) == 1 && SSL_read(ssl, request, sizeof(request)) > 0) {
			const char *text = strcmp(reply, "SNI") ? reply : tls_name_reply(ssl);

			SSL_write(ssl, text, (int)strlen(text));
			SSL_shutdown(ssl);
		}
		SSL_free(ssl);
		close(fd);
	}
	_exit(0);
}

/* On any free port of `family`'s loopback address. */
static inline struct tls_server tls_server_start(int family, const struct tls_identity *identity,
						 const char *reply)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr *addr = family == AF_INET6 ? (struct sockaddr *)&v6
						   : (struct sockaddr *)&v4;
	socklen_t len = family == AF_INET6 ? sizeof(v6) : sizeof(v4);
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct tls_server server;

	v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, addr, len), 0);
	assert_int_equal(listen(fd, 64), 0);
	assert_int_equal(getsockname(fd, addr, &len), 0);
	server.port = ntohs(family == AF_INET6 ? v6.sin6_port : v4.sin_port);
	server.pid = fork();
	assert_true(server.pid >= 0);
	if (!server.pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		tls_serve(fd, identity, reply);
	}
	close(fd);
	return server;
}

static inline void tls_server_stop(const struct tls_server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
}

#endif

/* SPDX-License-Identifier: GPL-2.0 */
/* The OpenSSL side of struct tls_roots (tls.h), for tls.c. */
#ifndef LIMPET_HEALTH_TLS_ROOTS_H
#define LIMPET_HEALTH_TLS_ROOTS_H

#include <openssl/x509_vfy.h>

#include "health/tls.h"

/* Never NULL. Empty if the file could not be read: then nobody is trusted. */
X509_STORE *tls_roots_store(const struct tls_roots *roots);

#endif

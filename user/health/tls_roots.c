// SPDX-License-Identifier: GPL-2.0
#include "health/tls_roots.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct tls_roots {
	struct tls_roots_set *set;
	struct tls_roots *next;
	unsigned int users;
	char *file; /* NULL: the system's */
	X509_STORE *store;
	struct stat stat; /* of the file when it was read */
};

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static bool load(X509_STORE *store, const char *file)
{
	bool good = file ? X509_STORE_load_file(store, file) : X509_STORE_set_default_paths(store);

	ERR_clear_error();
	return good;
}

/* A store of the file, or NULL. The stat comes first: a file that changes in
 * between is read once more. */
static X509_STORE *store_new(const char *file, struct stat *st)
{
	X509_STORE *store = X509_STORE_new();

	*st = (struct stat) { 0 };
	if (store && (!file || !stat(file, st)) && load(store, file))
		return store;
	X509_STORE_free(store);
	return NULL;
}

X509_STORE *tls_roots_store(const struct tls_roots *roots)
{
	return roots->store;
}

static bool same_name(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static struct tls_roots *roots_new(struct tls_roots_set *set, const char *file)
{
	struct tls_roots *roots = calloc(1, sizeof(*roots));

	if (!roots)
		return NULL;
	roots->set = set;
	roots->file = file ? strdup(file) : NULL;
	roots->store = store_new(file, &roots->stat);
	if (!roots->store)
		roots->store = X509_STORE_new();
	if (!roots->store || (file && !roots->file)) {
		X509_STORE_free(roots->store);
		free(roots->file);
		free(roots);
		return NULL;
	}
	roots->next = set->first;
	set->first = roots;
	return roots;
}

struct tls_roots *tls_roots_get(struct tls_roots_set *set, const char *file)
{
	struct tls_roots *roots = set->first;

	while (roots && !same_name(roots->file, file))
		roots = roots->next;
	if (!roots)
		roots = roots_new(set, file);
	if (roots)
		roots->users++;
	return roots;
}

void tls_roots_put(struct tls_roots **roots)
{
	struct tls_roots *r = *roots, **at;

	*roots = NULL;
	if (!r || --r->users)
		return;
	for (at = &r->set->first; *at != r; at = &(*at)->next)
		;
	*at = r->next;
	X509_STORE_free(r->store); /* handshakes hold it themselves */
	free(r->file);
	free(r);
}

void tls_roots_refresh(struct tls_roots_set *set)
{
	for (struct tls_roots *roots = set->first; roots; roots = roots->next) {
		X509_STORE *store;
		struct stat st;

		if (!roots->file || stat(roots->file, &st) || same_file(&st, &roots->stat))
			continue;
		store = store_new(roots->file, &st);
		if (!store)
			continue;
		X509_STORE_free(roots->store);
		roots->store = store;
		roots->stat = st;
	}
}

int tls_roots_verify(const char *file, struct lp_err *err)
{
	struct stat st;
	X509_STORE *store;

	if (stat(file, &st))
		return lp_err(err, -EINVAL, "ca \"%s\": %s", file, strerror(errno));
	store = store_new(file, &st);
	if (!store)
		return lp_err(err, -EINVAL, "ca \"%s\": no certificates in PEM that can be read",
			      file);
	X509_STORE_free(store);
	return 0;
}

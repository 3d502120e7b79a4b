// SPDX-License-Identifier: GPL-2.0
/* The datapath in memory, for tests of the core. Interfaces are a list of names. */
#include "dp/dp_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAKE_CPUS       2
#define FAKE_INTERFACES 16

struct dp_fake {
	struct dp dp;
	struct dp_interface interfaces[FAKE_INTERFACES];
	size_t n_interfaces;
};

static void fake_sync(struct dp *dp)
{
	(void)dp; /* nobody else looks */
}

static struct dp_interface *fake_find(struct dp_fake *fake, const char *name)
{
	for (size_t i = 0; i < fake->n_interfaces; i++)
		if (!strcmp(fake->interfaces[i].name, name))
			return &fake->interfaces[i];
	return NULL;
}

static int fake_attach(struct dp *dp, unsigned int ifindex, const char *name, enum dp_xdp_mode mode,
		       struct lp_err *err)
{
	struct dp_fake *fake = (struct dp_fake *)dp;
	struct dp_interface *at = fake_find(fake, name);

	if (!at && fake->n_interfaces == FAKE_INTERFACES)
		return lp_err(err, -ENOSPC, "\"%s\": no more than %d interfaces", name,
			      FAKE_INTERFACES);
	if (!at)
		at = &fake->interfaces[fake->n_interfaces++];
	snprintf(at->name, sizeof(at->name), "%s", name);
	at->ifindex = ifindex;
	at->mode = mode;
	return 0;
}

static int fake_detach(struct dp *dp, const char *name, struct lp_err *err)
{
	struct dp_fake *fake = (struct dp_fake *)dp;
	struct dp_interface *at = fake_find(fake, name);

	if (!at)
		return lp_err(err, -ENOENT, "\"%s\": not attached", name);
	*at = fake->interfaces[--fake->n_interfaces];
	return 0;
}

static size_t fake_interfaces(const struct dp *dp, struct dp_interface *interfaces, size_t n)
{
	const struct dp_fake *fake = (const struct dp_fake *)dp;

	for (size_t i = 0; i < n && i < fake->n_interfaces; i++)
		interfaces[i] = fake->interfaces[i];
	return fake->n_interfaces;
}

/* The fake has no packets that could ask for sources. */
static int fake_proxy_add(struct dp *dp, const struct lp_proxy_key *key)
{
	(void)dp;
	(void)key;
	return 0;
}

static int fake_proxies_clear(struct dp *dp, unsigned int half)
{
	(void)dp;
	(void)half;
	return 0;
}

static int fake_policy_add(struct dp *dp, const struct lp_policy_key *key, enum lp_policy answer)
{
	(void)dp;
	(void)key;
	(void)answer;
	return 0;
}

static int fake_policy_clear(struct dp *dp, unsigned int half)
{
	(void)dp;
	(void)half;
	return 0;
}

static int fake_publish(struct dp *dp, struct lp_err *err)
{
	(void)dp;
	(void)err;
	return 0;
}

static void fake_close(struct dp *dp)
{
#define FAKE_FREE(name, type, count, where) free(dp->maps.name);
	DP_MAPS(FAKE_FREE)
#undef FAKE_FREE
	free(dp);
}

static const struct dp_ops fake_ops = {
	.sync = fake_sync,
	.attach = fake_attach,
	.detach = fake_detach,
	.interfaces = fake_interfaces,
	.proxy_add = fake_proxy_add,
	.proxies_clear = fake_proxies_clear,
	.policy_add = fake_policy_add,
	.policy_clear = fake_policy_clear,
	.publish = fake_publish,
	.close = fake_close,
};

int dp_fake_open(const struct dp_size *size, struct dp **out)
{
	struct dp_fake *fake = calloc(1, sizeof(*fake));
	const size_t c = FAKE_CPUS;
	const struct dp_size *s;
	struct dp *dp;
	int missing = 0;

	if (!fake)
		return -ENOMEM;
	dp = &fake->dp;
	if (dp_init(dp, &fake_ops, size, FAKE_CPUS)) {
		free(fake);
		return -ENOMEM;
	}
	s = &dp->size;
#define FAKE_ALLOC(name, type, count, where)                                                       \
	dp->maps.name = calloc((size_t)(count), sizeof(type));                                     \
	missing |= !dp->maps.name;
	DP_MAPS(FAKE_ALLOC)
#undef FAKE_ALLOC
	if (missing) {
		dp_close(&dp);
		return -ENOMEM;
	}
	dp_control_init(dp);
	*out = dp;
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
#include "agent/names.h"

#include <errno.h>
#include <stdlib.h>

static void fill_backends(struct names *names, const struct runtime *runtime)
{
	for (size_t i = 0; i < runtime->n_backends; i++)
		if (runtime->backends[i].number < names->n_backends)
			names->backends[runtime->backends[i].number] = &runtime->backends[i];
}

static void fill_vips(struct names *names, const struct agent *agent)
{
	const struct runtime *runtime = &agent->engine.runtime;

	for (uint32_t i = 0; i < names->n_vips; i++) {
		const struct config_vip *vip = NULL;

		if (runtime->vips[i].name[0])
			vip = config_vip_find(agent->config, runtime->vips[i].name);
		names->vips[i] = vip;
		names->clients[i].mask = vip ? (uint8_t)vip->mask : 32;
		names->clients[i].mask6 = vip ? (uint8_t)vip->mask6 : 128;
	}
}

int names_open(struct names *names, const struct agent *agent)
{
	struct names new = {
		.n_backends = dp_size(agent->dp)->backends,
		.n_vips = (uint32_t)agent->engine.runtime.n_vips,
	};

	new.backends = calloc(new.n_backends, sizeof(*new.backends));
	new.vips = calloc(new.n_vips, sizeof(*new.vips));
	new.clients = calloc(new.n_vips, sizeof(*new.clients));
	if (!new.backends || !new.vips || !new.clients) {
		names_close(&new);
		return -ENOMEM;
	}
	fill_backends(&new, &agent->engine.runtime);
	fill_vips(&new, agent);
	*names = new;
	return 0;
}

void names_close(struct names *names)
{
	free(names->backends);
	free(names->vips);
	free(names->clients);
	*names = (struct names) { 0 };
}

const char *names_backend(const struct names *names, uint32_t number)
{
	if (number >= names->n_backends || !names->backends[number])
		return NULL;
	return names->backends[number]->name;
}

const char *names_vip(const struct names *names, uint32_t number)
{
	return number < names->n_vips && names->vips[number] ? names->vips[number]->name : NULL;
}

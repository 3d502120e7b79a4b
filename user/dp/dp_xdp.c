// SPDX-License-Identifier: GPL-2.0
/*
 * XDP links: attached through bpf_link, pinned by the interface's name, so that
 * they outlive the agent (P8), and updated in place by the next program.
 */
#include "dp/dp_bpf_internal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static __u32 mode_flags(enum dp_xdp_mode mode)
{
	return mode == DP_XDP_NATIVE ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
}

/* Interface of a link; 0 if it is gone (the kernel lets go of the link then). */
static unsigned int link_ifindex(int fd)
{
	struct bpf_link_info info = { 0 };
	__u32 len = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.xdp.ifindex;
}

static enum dp_xdp_mode interface_mode(unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query((int)ifindex, 0, &query) || query.attach_mode != XDP_ATTACHED_SKB)
		return DP_XDP_NATIVE;
	return DP_XDP_GENERIC;
}

/* Where the link of an interface is pinned. */
static int link_path(const struct dp_bpf *bpf, const char *name, char path[PINS_PATH])
{
	int ret = pins_path(path, bpf->pin_dir, "links", name);

	if (!ret)
		for (char *c = strrchr(path, '/'); *c; c++)
			if (*c == '.')
				*c = ':';
	return ret;
}

/* The pinned link of an interface, or -ENOENT. */
static int link_open(const struct dp_bpf *bpf, const char *name, char path[PINS_PATH])
{
	int ret = link_path(bpf, name, path);

	return ret ? ret : bpf_obj_get(path);
}

/*
 * Takes a link off its interface and its pin away. Detached by hand, because
 * the kernel releases a link that nobody holds only some time later.
 */
static int link_drop(int fd, const char *path)
{
	int ret;

	bpf_link_detach(fd); /* fails when the interface is gone, which is as well */
	ret = unlink(path) ? -errno : 0;
	close(fd);
	return ret;
}

static int explain_attach(struct lp_err *err, int ret, const char *name, enum dp_xdp_mode mode)
{
	switch (ret) {
	case -EOPNOTSUPP:
		return lp_err(err, ret, "interface \"%s\": its driver has no native XDP%s", name,
			      mode == DP_XDP_NATIVE ? " (mode: auto or generic would do without)"
						    : "");
	case -EBUSY:
	case -EEXIST:
		return lp_err(err, -EBUSY,
			      "interface \"%s\" has another XDP program already: `ip link show %s` "
			      "names it, `ip link set %s xdp off` takes it off",
			      name, name, name);
	case -ERANGE:
		return lp_err(err, ret,
			      "interface \"%s\": its MTU is too large for native XDP; make it "
			      "smaller or set mode: generic",
			      name);
	case -ENODEV:
		return lp_err(err, ret, "there is no interface \"%s\"", name);
	default:
		return lp_err(err, ret, "interface \"%s\": attaching XDP: %s", name,
			      strerror(-ret));
	}
}

/* The kernel calls an index that nobody has -EINVAL. */
static bool is_gone(unsigned int ifindex)
{
	char name[IF_NAMESIZE];

	return !if_indextoname(ifindex, name);
}

static int link_create(struct dp_bpf *bpf, unsigned int ifindex, const char *name,
		       enum dp_xdp_mode mode, struct lp_err *err)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = mode_flags(mode));
	char dir[PINS_PATH], path[PINS_PATH];
	int fd, ret = link_path(bpf, name, path);

	if (!ret)
		ret = pins_path(dir, bpf->pin_dir, "links", NULL);
	if (!ret && mkdir(dir, 0700) && errno != EEXIST)
		ret = -errno;
	if (ret)
		return lp_err(err, ret, "pin directory \"%s\": %s", bpf->pin_dir, strerror(-ret));
	fd = bpf_link_create(dp_bpf_prog_fd(&bpf->dp), (int)ifindex, BPF_XDP, &opts);
	if (fd < 0)
		return explain_attach(err, is_gone(ifindex) ? -ENODEV : fd, name, mode);
	ret = bpf_obj_pin(fd, path);
	close(fd); /* unpinned, the link goes with its last descriptor */
	return ret ? lp_err(err, ret, "pinning the link of \"%s\": %s", name, strerror(-ret)) : 0;
}

struct search {
	const struct dp_bpf *bpf;
	unsigned int ifindex;
	char path[PINS_PATH]; /* "": none yet */
};

static int look_for(void *arg, const char *name)
{
	struct search *search = arg;
	char path[PINS_PATH];
	int fd = link_open(search->bpf, name, path);

	if (fd < 0)
		return 0;
	if (link_ifindex(fd) == search->ifindex)
		memcpy(search->path, path, sizeof(path));
	close(fd);
	return 0;
}

/*
 * An interface that was given another name keeps its link: the pin gets the new name,
 * and packets notice nothing. If that name is another link's, the two change places.
 */
static int link_rename(const struct dp_bpf *bpf, unsigned int ifindex, const char *name)
{
	struct search search = { .bpf = bpf, .ifindex = ifindex };
	char path[PINS_PATH];
	int ret = link_path(bpf, name, path);

	if (ret)
		return ret;
	pins_each(bpf->pin_dir, "links", look_for, &search);
	if (!search.path[0] || !strcmp(search.path, path))
		return 0;
	if (!renameat2(AT_FDCWD, search.path, AT_FDCWD, path, RENAME_NOREPLACE))
		return 0;
	if (errno == EEXIST && !renameat2(AT_FDCWD, search.path, AT_FDCWD, path, RENAME_EXCHANGE))
		return 0;
	return -errno;
}

int dp_xdp_attach(struct dp *dp, unsigned int ifindex, const char *name, enum dp_xdp_mode mode,
		  struct lp_err *err)
{
	struct dp_bpf *bpf = (struct dp_bpf *)dp;
	char path[PINS_PATH];
	int ret, fd;

	ret = link_rename(bpf, ifindex, name);
	if (ret)
		return lp_err(err, ret, "interface \"%s\": renaming its pin: %s", name,
			      strerror(-ret));
	fd = link_open(bpf, name, path);
	if (fd == -ENOENT)
		return link_create(bpf, ifindex, name, mode, err);
	if (fd < 0)
		return lp_err(err, fd, "%s: %s", path, strerror(-fd));
	if (link_ifindex(fd) == ifindex && interface_mode(ifindex) == mode) {
		ret = bpf_link_update(fd, dp_bpf_prog_fd(dp), NULL);
		close(fd);
		return ret ? explain_attach(err, ret, name, mode) : 0;
	}
	/* Another interface by that name, or another mode: a new link. */
	ret = link_drop(fd, path);
	if (ret)
		return lp_err(err, ret, "%s: %s", path, strerror(-ret));
	return link_create(bpf, ifindex, name, mode, err);
}

int dp_xdp_detach(struct dp *dp, const char *name, struct lp_err *err)
{
	struct dp_bpf *bpf = (struct dp_bpf *)dp;
	char path[PINS_PATH];
	int ret, fd = link_open(bpf, name, path);

	ret = fd < 0 ? fd : link_drop(fd, path);
	return ret ? lp_err(err, ret, "interface \"%s\": %s", name, strerror(-ret)) : 0;
}

struct listing {
	const struct dp_bpf *bpf;
	struct dp_interface *interfaces;
	size_t n, found;
};

static int list_one(void *arg, const char *name)
{
	struct listing *listing = arg;
	char path[PINS_PATH];
	int fd = link_open(listing->bpf, name, path);

	if (fd < 0)
		return 0;
	if (listing->found < listing->n) {
		struct dp_interface *at = &listing->interfaces[listing->found];

		snprintf(at->name, sizeof(at->name), "%s", name);
		for (char *c = at->name; *c; c++)
			if (*c == ':')
				*c = '.';
		at->ifindex = link_ifindex(fd);
		at->mode = interface_mode(at->ifindex);
	}
	listing->found++;
	close(fd);
	return 0;
}

size_t dp_xdp_interfaces(const struct dp *dp, struct dp_interface *interfaces, size_t n)
{
	struct listing listing = { (const struct dp_bpf *)dp, interfaces, n, 0 };

	pins_each(listing.bpf->pin_dir, "links", list_one, &listing);
	return listing.found;
}

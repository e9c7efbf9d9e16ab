/* SPDX-License-Identifier: MIT */
/* Stands in for parts of `warren serve` that are not built yet. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "local.h"
#include "vhost-user.h"

#ifndef HAVE_LOCAL
int local_new(const struct local_config *cfg, struct backend **ret_b)
{
	(void)cfg;
	(void)ret_b;
	return -ENOSYS;
}
#endif

#ifndef HAVE_VHOST_USER
int vhost_user_new(struct loop *l, const struct vhost_user_config *cfg, const struct handler *h,
		   struct vhost_user **ret, char **ret_why)
{
	(void)l;
	(void)cfg;
	(void)h;
	(void)ret;
	*ret_why = strdup("vhost-user is not built in");
	return -ENOSYS;
}

void vhost_user_free(struct vhost_user *vu)
{
	(void)vu;
}

const char *vhost_user_capabilities(void)
{
	return "{}\n";
}
#endif

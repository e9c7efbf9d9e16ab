/* SPDX-License-Identifier: MIT */
#include "dispatch.h"

#include <errno.h>

#include "handlers.h"

/* The table: a row for each T-message. */
static int (*const handlers[256])(struct request *r) = {
	[Tstatfs] = op_statfs,
	[Tlopen] = op_lopen,
	[Tlcreate] = op_lcreate,
	[Tsymlink] = op_symlink,
	[Tmknod] = op_mknod,
	[Trename] = op_rename,
	[Treadlink] = op_readlink,
	[Tgetattr] = op_getattr,
	[Tsetattr] = op_setattr,
	[Txattrwalk] = op_xattrwalk,
	[Txattrcreate] = op_xattrcreate,
	[Treaddir] = op_readdir,
	[Tfsync] = op_fsync,
	[Tlock] = op_lock,
	[Tgetlock] = op_getlock,
	[Tlink] = op_link,
	[Tmkdir] = op_mkdir,
	[Trenameat] = op_renameat,
	[Tunlinkat] = op_unlinkat,
	[Tversion] = op_version,
	[Tauth] = op_auth,
	[Tattach] = op_attach,
	[Tflush] = op_flush,
	[Twalk] = op_walk,
	[Tread] = op_read,
	[Twrite] = op_write,
	[Tclunk] = op_clunk,
	[Tremove] = op_remove,
};

int dispatch(struct request *r)
{
	if (!handlers[r->msg.type])
		return -EOPNOTSUPP;
	return handlers[r->msg.type](r);
}

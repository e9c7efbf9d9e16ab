/* SPDX-License-Identifier: MIT */
#include "handlers.h"

#include <errno.h>

#include "macros.h"
#include "session.h"
#include "transport.h"

static int check_kind(const struct fid *f, unsigned kinds)
{
	if (f->kind & kinds)
		return 0;
	return kinds & FID_PATH ? -EINVAL : -EBADF;
}

int handler_fid(struct request *r, unsigned i, uint32_t number, unsigned kinds, struct fid **ret_f)
{
	int err;

	/* in the second run: the one of the first, whatever the number means by now */
	if (!r->fids[i])
		r->fids[i] = fid_table_get(&r->session->fids, number);
	if (!r->fids[i])
		return -EBADF;
	err = check_kind(r->fids[i], kinds);
	if (!err)
		*ret_f = r->fids[i];
	return err;
}

int handler_take_fid(struct request *r, uint32_t number, struct fid **ret_f)
{
	if (!r->fids[0])
		r->fids[0] = fid_table_take(&r->session->fids, number);
	if (!r->fids[0])
		return -EBADF;
	*ret_f = r->fids[0];
	return 0;
}

struct call handler_call(const struct request *r, const struct fid *f)
{
	return (struct call){
		.uid = f->uid,
		.client = r->session->id,
		.in_place = r->state == REQUEST_RECEIVED,
	};
}

/* Cuts the first *N parts of IOV to at most COUNT bytes; returns how many they are. */
static uint32_t trim(struct iovec *iov, int *n, uint32_t count)
{
	uint32_t left = count;
	int i;

	for (i = 0; i < *n && left; i++) {
		iov[i].iov_len = MIN(iov[i].iov_len, (size_t)left);
		left -= (uint32_t)iov[i].iov_len;
	}
	*n = i;
	return count - left;
}

/* How many of COUNT bytes fit into the reply. */
static int limit_count(const struct request *r, uint32_t *count)
{
	size_t limit = MIN(r->frame->room, atomic_load(&r->session->channel->msize));

	/* A read of nothing needs no room for data: Linux 6.12-rc5 sends some. */
	if (limit < P9_READ_HEADER_SIZE || (limit == P9_READ_HEADER_SIZE && *count))
		return -EMSGSIZE;
	*count = (uint32_t)MIN(*count, limit - P9_READ_HEADER_SIZE);
	return 0;
}

int handler_pipe(struct request *r, uint32_t count, size_t lead, uint32_t *ret_count, int *ret_fd)
{
	const struct channel *ch = r->session->channel;
	int err = ch->ops->pipe && !r->n_iov ? limit_count(r, &count) : -EOPNOTSUPP;

	if (!err)
		err = count < ch->pipe_min ? -EOPNOTSUPP
					   : ch->ops->pipe(r->frame, lead + count, ret_fd);
	if (err)
		return err;
	r->bytes += r->has_pipe ? 0 : count;
	r->has_pipe = true;
	*ret_count = count;
	return 0;
}

int handler_payload(struct request *r, uint32_t count, uint32_t *ret_count)
{
	const struct channel *ch = r->session->channel;
	int n, err = limit_count(r, &count);

	if (err)
		return err;
	if (count && !r->n_iov) {
		err = ch->ops->payload(r->frame, P9_READ_HEADER_SIZE, count, r->iov, IOV_MAX, &n);
		if (err)
			return err;
		r->n_iov = n;
		r->bytes += r->has_pipe ? 0 : count;
	}
	*ret_count = trim(r->iov, &r->n_iov, count);
	return 0;
}

void handler_data(struct request *r, uint32_t *ret_count)
{
	const struct data *d = &r->msg.Twrite.data;

	if (d->p) {
		r->iov[0] = (struct iovec){.iov_base = (void *)d->p, .iov_len = d->count};
		r->n_iov = 1;
	} else {
		r->n_iov = MIN(r->frame->n_data, IOV_MAX);
		for (int i = 0; i < r->n_iov; i++)
			r->iov[i] = r->frame->data[i];
	}
	*ret_count = trim(r->iov, &r->n_iov, d->count);
}

/* SPDX-License-Identifier: MIT */
/* What `warren serve` prints: how to reach what it serves. */
#include <stdio.h>
#include <string.h>

#include "macros.h"
#include "serve.h"

/* What Linux' transports carry at most. */
#define VIRTIO_MSIZE 512000U
#define SOCKET_MSIZE 1048576U

/* A word for a POSIX shell. DOUBLED: a character that is written twice, for QEMU's options. */
static void put_word(const char *text, char doubled)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-+=.,:/@%";
	bool quote = !*text || text[strspn(text, plain)];

	if (quote)
		putchar('\'');
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\'", stdout);
		putchar(*text);
		if (*text == doubled)
			putchar(doubled);
	}
	if (quote)
		putchar('\'');
}

static void put_mount(const struct serve_options *o, const char *trans, uint32_t most,
		      const char *source)
{
	uint32_t msize = o->msize && o->msize < most ? o->msize : most;

	printf("    mount -t 9p -o %s,version=9p2000.L,msize=%u ", trans, msize);
	put_word(source, 0);
	printf(" /mnt\n");
}

static void print_vhost_user(const struct serve_options *o, const char *path)
{
	printf("A 9P device with the tag '%s', by vhost-user at %s.\n"
	       "  QEMU, 10.2 or newer:\n"
	       "    -object memory-backend-memfd,id=mem,size=1G,share=on -numa node,memdev=mem \\\n"
	       "    -chardev ",
	       o->tag, path);
	printf("socket,id=c0,path=");
	put_word(path, ',');
	printf(" \\\n"
	       "    -device vhost-user-test-device-pci,chardev=c0,virtio-id=9,num_vqs=1,"
	       "vq_size=128,config_size=36\n"
	       "  User Mode Linux:\n"
	       "    virtio_uml.device=");
	put_word(path, 0);
	printf(":9\n"
	       "  then in the guest:\n");
	put_mount(o, "trans=virtio", VIRTIO_MSIZE, o->tag);
}

static void print_tcp(const struct serve_options *o, const char *address)
{
	const char *port = strrchr(address, ':') + 1;
	char host[256], trans[64];

	snprintf(host, sizeof(host), "%.*s", (int)(port - 1 - address), address);
	if (!strcmp(host, "0.0.0.0") || !strcmp(host, "[::]"))
		snprintf(host, sizeof(host), "THIS-HOST");
	snprintf(trans, sizeof(trans), "trans=tcp,port=%s", port);
	printf("9P at tcp:%s. In Linux", address);
	if (!strncmp(host, "127.", 4))
		printf(" (with QEMU's user network this host is 10.0.2.2)");
	printf(":\n");
	put_mount(o, trans, SOCKET_MSIZE, host);
}

static void print_other(const struct serve_options *o, const char *address)
{
	printf("9P at %s. Linux has no such transport of its own: connect a socket, and pass its\n"
	       "descriptor N:\n",
	       address);
	put_mount(o, "trans=fd,rfdno=N,wfdno=N", SOCKET_MSIZE, "warren");
}

static void print_endpoint(const struct serve_options *o, const struct endpoint *e)
{
	const char *rest = strchr(e->address, ':') + 1;

	if (e->kind == ENDPOINT_FD) {
		printf("A 9P device with the tag '%s', by vhost-user on descriptor %s. In the "
		       "guest:\n",
		       o->tag, e->text);
		put_mount(o, "trans=virtio", VIRTIO_MSIZE, o->tag);
	} else if (e->kind == ENDPOINT_SOCKET_PATH) {
		print_vhost_user(o, rest);
	} else if (!strncmp(e->address, "tcp:", 4)) {
		print_tcp(o, rest);
	} else if (!strncmp(e->address, "unix:", 5)) {
		printf("9P at %s. In Linux:\n", e->address);
		put_mount(o, "trans=unix", SOCKET_MSIZE, rest);
	} else {
		print_other(o, e->address);
	}
}

static void print_metrics(const char *address)
{
	const char *rest = strchr(address, ':') + 1;

	printf("Counters at %s:\n    curl ", address);
	if (!strncmp(address, "unix:", 5)) {
		printf("--unix-socket ");
		put_word(rest, 0);
		printf(" http://warren/metrics\n");
	} else {
		printf("http://%s/metrics\n", rest);
	}
	printf("    warren top ");
	put_word(address, 0);
	putchar('\n');
}

void serve_print_guide(const struct serve_options *o, const char *metrics)
{
	for (size_t i = 0; i < o->n_endpoints; i++)
		print_endpoint(o, &o->endpoints[i]);
	if (metrics)
		print_metrics(metrics);
	fflush(stdout);
}

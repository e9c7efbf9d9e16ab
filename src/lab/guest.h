/* SPDX-License-Identifier: MIT */
/* A running guest: a UML or QEMU process that boots a kernel, whose first process is our probe
 * (src/verify/probe*.c, a static program), which executes a job and writes a report.
 *
 * The job is text, a statement a line, executed in order. The lab writes the statements that make
 * the guest usable, the caller appends those that make up the test:
 *
 *	module PATH		insert the kernel module (QEMU: a path in the initramfs)
 *	network IFACE ADDR/LEN	bring the interface up with that address
 *	report PATH		write the report there from now on (UML: a file on hostfs, which
 *				exists; QEMU: a name without a slash, the "name" of one of
 *				/sys/class/virtio-ports)
 *	terminal PATH		a tty whose other end guest_terminal is
 *	dmesg PATH		copy the kernel's messages there, a place as for `report`
 *	trace PATH EVENT...	the same with tracepoints: "9p" (a whole group), "9p:9p_client_req"
 *	...the caller's...
 *
 * The job's path is the last of the probe's arguments that begins with a slash. It ends with the
 *report line "end STATUS" and powers the guest off.
 */
#ifndef LAB_GUEST_H
#define LAB_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct kernel;
struct guest;

/* A file of the state folder: QEMU's -trace 'v9fs*', with dates. */
#define GUEST_SHARE_LOG "share.log"

enum guest_kind { GUEST_UML, GUEST_QEMU };

enum share_kind {
	SHARE_VHOST_USER, /* warren on a Unix socket, as a vhost-user device */
	SHARE_TCP,	  /* warren on 127.0.0.1:port; QEMU only */
	SHARE_QEMU_9PFS,  /* QEMU's own server */
};

struct guest_config {
	enum guest_kind kind;
	const struct kernel *kernel;
	enum share_kind share;
	const char *socket_path;  /* SHARE_VHOST_USER */
	uint16_t port;		  /* SHARE_TCP */
	const char *export_dir;	  /* what is shared; SHARE_QEMU_9PFS, and for programs */
	const char *const *qemu;  /* words that start QEMU; NULL: qemu-system-x86_64 from PATH */
	const char *mount_tag;	  /* of the virtio device; NULL: "warren" */
	const char *probe;	  /* path of the static probe program */
	const char *job;	  /* the caller's statements */
	unsigned memory_mib;	  /* 0: 512 */
	unsigned silence_limit_s; /* no report and no console output for so long: it hangs. 0: 60 */
	const char *kernel_args;  /* more words for the kernel's command line, may be NULL */
	/* QEMU: programs that the guest gets, with all that they need (programs.h); those with a
	 * slash that do not begin with one are in the share. UML has all of the host's. Or NULL. */
	const char *const *programs;
	bool writable_root; /* UML: what runs there may change the host's files as we may */
	bool terminal;	    /* it gets one */
	bool share_log;	    /* SHARE_QEMU_9PFS: what QEMU's server does goes to GUEST_SHARE_LOG */
	bool dmesg;	    /* the kernel's messages go to the state folder's file "dmesg" */
	const char *const
		*trace; /* these tracepoints go to "trace" there; NULL-terminated, or NULL */
	/* N > 0: the guest runs on CPU N - 1 only, 0: on those of the caller. UML and its server
	 * are twice as fast when both are on one. */
	unsigned cpu;
	/* A folder of the caller's that is removed when the caller is killed, after the guest; may
	 * be NULL. */
	const char *folder;
	/* QEMU: a debugger may attach. Its gdbstub is the socket "gdb" in the state folder (the
	 * manifest names it), the kernel is where it was linked to be, and modules are where the
	 * first that fits is. To UML it may always attach. */
	bool debug;
	/* With debug: the guest waits for the debugger's first "continue". A UML stands before its
	 * first instruction. */
	bool stopped;
};

/* What the probe passes to mount(2), for the share that CONFIG describes: type 9p, source, and the
 * options "trans=...,version=9p2000.L,..." up to but without cache= and msize=. The caller frees
 * both. For SHARE_VHOST_USER and SHARE_QEMU_9PFS the source is the mount tag. */
int guest_mount_words(const struct guest_config *cfg, char **ret_source, char **ret_options);

/* The modules that a QEMU guest inserts for its share, in that order, relative to the kernel's folder of
 * modules; none when the kernel has all built in. The caller frees them with strv_free. */
int guest_modules(const struct guest_config *cfg, char ***ret_files, char **ret_why);

/* Writes DIR/initramfs: probe, modules and job for a QEMU guest of that configuration. */
int guest_write_initramfs(const struct guest_config *cfg, const char *dir, char **ret_why);

/* Starts the guest in a fresh state folder (sockets, console log, manifest) under
 * $XDG_RUNTIME_DIR, $TMPDIR or /tmp. The process and all its children end with the caller, also
 * when that is killed. *RET_WHY (the caller frees it) says in one line what was missing. */
int guest_start(const struct guest_config *cfg, struct guest **ret_g, char **ret_why);

/* Up to N bytes of the report as they come. 0 at its end: the guest is gone. -ETIMEDOUT when
 * nothing came for the silence limit (the guest has been ended), -EINTR after
 * guest_interrupt, -EFBIG when the guest filled its console log (it has been ended). Report bytes
 * that were written before a crash are still delivered. */
ssize_t guest_read(struct guest *g, void *buf, size_t n);

/* Ends guest_read with -EINTR; safe in a signal handler. */
void guest_interrupt(struct guest *g);

/* Readable for ever after guest_interrupt: for who waits for something else meanwhile. */
int guest_interrupt_fd(const struct guest *g);

/* Stops the guest's processes, so that it does not write more than somebody takes, and lets them go on.
 * The time between does not count as silence. */
void guest_pause(struct guest *g);
void guest_resume(struct guest *g);

/* The last part of the console log, for messages; valid until the next call or guest_free. */
const char *guest_console_tail(struct guest *g);

const char *guest_state_dir(const struct guest *g);

/* Our end of the guest's terminal, a stream socket that stays the guest's; -1 without one. */
int guest_terminal(const struct guest *g);

double guest_boot_seconds(const struct guest *g); /* from start to the first report byte */

/* Can what runs there change no file of the host but those of the share? */
bool guest_is_confined(const struct guest *g);

/* Has GUEST_SHARE_LOG all from its beginning? Once it is larger than 64 MiB the guest reads on, and what was in
 * it is thrown away. */
bool guest_has_share_log(const struct guest *g);

/* Did QEMU really run with KVM? */
bool guest_has_kvm(const struct guest *g);

/* Ends the guest if it still runs, removes its state folder. */
void guest_free(struct guest *g);

#endif

/* SPDX-License-Identifier: MIT */
/* gdb on User Mode Linux: the kernel is a process, to which it attaches. */
#include <errno.h>

#include "gdb.h"
#include "kernel.h"
#include "spawn.h"

static int push_symbols(const struct gdb_plan *p, char ***argv, char **ret_why)
{
	int r = strv_push(argv, "-iex");

	(void)ret_why;
	/* The process has a mount namespace of its own, whose files are ours. */
	r = r ? r : strv_push(argv, "set sysroot /");
	/* The kernel is one program; libc is of no interest. */
	r = r ? r : strv_push(argv, "-iex");
	r = r ? r : strv_push(argv, "set auto-solib-add off");
	/* Each process of the guest is one of the host's. */
	r = r ? r : strv_push(argv, "-iex");
	r = r ? r : strv_push(argv, "set print inferior-events off");
	return r ? r : strv_push(argv, p->kernel->image);
}

/* Without the table that it prints. */
static int push_handle(char ***argv, const char *signals)
{
	int r = strv_push(argv, "-ex");

	return r ? r : strv_pushf(argv, "python gdb.execute('handle %s', to_string=True)", signals);
}

static int push_attach(const struct gdb_plan *p, char ***argv, char **ret_why)
{
	/* The kernel's own means: page faults, interrupts, timers. */
	int r = push_handle(argv, "SIGSEGV SIGUSR1 SIGUSR2 SIGALRM SIGIO SIGVTALRM SIGCHLD "
				  "SIGWINCH nostop noprint pass");

	(void)ret_why;
	/* One that was stopped before has the signal pending still. */
	r = r ? r : push_handle(argv, "SIGSTOP nostop noprint nopass");
	r = r ? r : strv_push(argv, "-ex");
	return r ? r : strv_pushf(argv, "attach %d", (int)p->pid);
}

const struct gdb_ops gdb_uml = {push_symbols, push_attach};

/* SPDX-License-Identifier: MIT */
/* warren-probe: the first process of a guest. It executes a job (lab/guest.h and probe-job.c say
 * of which statements) and writes a report (report.h). */
#ifndef VERIFY_PROBE_H
#define VERIFY_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct probe_fault;

enum probe_log { PROBE_DMESG, PROBE_TRACE, PROBE_LOGS };

struct probe {
	bool is_init; /* we are process 1 of a guest, and may mount and power off */
	FILE *report; /* standard error until the statement `report` */
	bool has_greeted;
	uint64_t flushed_ns;
	const char *share;	/* where the share is: the mount point, or the folder of `local` */
	const char *scratch;	/* a tmpfs of ours, NULL before the first use */
	const char *terminal;	/* the tty that the host has the other end of, or NULL */
	unsigned rows, columns; /* of a terminal that a person sits at; 0: unknown */
	pid_t logs[PROBE_LOGS]; /* the processes that copy the kernel's messages; 0: none */
	bool is_mounted;
	const char *why;       /* the running statement failed; NULL: its errno says it */
	bool is_failed;	       /* a statement failed */
	bool is_skipping;      /* ... and all is left out up to the next `unmount` */
	uint64_t files, bytes; /* of the running walk */
	uint64_t n_canaries;   /* pages in the file CANARIES, of which every other is there */
	int canaries;
	struct probe_fault *faults; /* what goes wrong in the reading of some ways */
	unsigned walks;		    /* that were begun */
	pid_t hand;		    /* the process of `step`; 0: none */
	int to_hand;
	unsigned step_limit_s;
	unsigned strays; /* pages of them that somebody else wrote to, in the last scan */
};

/* One statement, its words unquoted; words[0] is its name. */
struct statement {
	size_t n;
	char **words; /* NULL behind the last */
	char *bytes;  /* all of them */
};

/* Reads one line. 0 or -EINVAL; the caller frees *RET_S with statement_done. An empty line or a
 * comment (#) has no words. */
int statement_parse(const char *line, struct statement *ret_s);
void statement_done(struct statement *s);

/* Does it make the guest usable, and is done by process 1 itself, not by its worker? */
bool statement_is_setup(const struct statement *s);

/* Does it, and reports `done` or `failed`. */
void statement_run(struct probe *p, const struct statement *s);

/* Hands what is written so far to the host, if the last time was a while ago or NOW is set. */
void probe_flush(struct probe *p, bool now);

/* Writes the report's first line. */
void probe_greet(struct probe *p);

/* Reports one fact, or all that the guest knows of itself; probe-facts.c. A VALUE that is NULL or empty
 * is left out, and so is what follows its first line. */
void probe_fact(struct probe *p, const char *name, const char *value);
void probe_facts(struct probe *p);

/* Each returns 0 or -errno; probe-setup.c. */
int setup_file_systems(void);
int setup_scratch(const char **ret_dir);
int setup_module(const char *path);
int setup_network(const char *iface, const char *address);
int setup_mount(struct probe *p, const char *source, const char *options);
int setup_unmount(struct probe *p);
int setup_report(const char *path, FILE **ret_f);
/* A file on hostfs or, without a slash, the port of that name. A descriptor or -errno. */
int setup_output(const char *path);
bool setup_has_9p(void);

/* Fills PERCENT of the free memory and gives every other page back; probe-memory.c. */
int memory_fragment(struct probe *p, unsigned percent);
int memory_fragment_pages(struct probe *p, uint64_t pages); /* a multiple of 16 */

/* Reports what was written to the pages that were kept since then, or since the last scan. */
void memory_scan(struct probe *p);

/* Runs the program of WORDS in the share; probe-run.c. Its exit code and its output are lines of the
 * report. 0, or -errno of what kept it from being run. */
enum probe_run {
	PROBE_EXEC,  /* output and errors are one, and bounded; no input */
	PROBE_RUN,   /* what comes by the terminal, in frames (frame.h), is its input */
	PROBE_SHELL, /* the terminal is its terminal */
};
int probe_run(struct probe *p, char *const *words, enum probe_run how, int *ret_status);

/* The host's end of the terminal, ready for bytes as they are if IS_RAW. A descriptor or -errno. */
int probe_open_terminal(const struct probe *p, bool is_raw);

/* A process that holds files of the share open and does one step after the other as it is told, so that
 * a step that never ends is not the guest's end; probe-hand.c. LIMIT_S is what a step may take; 0: the
 * process ends. Each step is answered by a line of the report. 0 or -errno. */
int probe_hand(struct probe *p, unsigned limit_s);
int probe_step(struct probe *p, size_t n, char *const *words);

/* What the hand is: does the steps that come by FD, to its end; hand-steps.c. */
void hand_serve(const char *share, int fd);

/* Runs the statements that come by the terminal, a line each, until `over`. */
int probe_listen(struct probe *p);

/* Starts to copy the kernel's messages (to a console they go no longer, unless they are errors), or
 * tracepoints, to PATH: a file that exists or the name of a port; probe-log.c. */
int probe_start_dmesg(struct probe *p, const char *path);
int probe_start_trace(struct probe *p, const char *path, size_t n, char *const *events,
		      const char **ret_why);

/* Ends both when all has been copied that there was. */
void probe_end_logs(struct probe *p);

/* What page PAGE of the pages that were kept holds, 4096 bytes. */
void memory_canary(uint64_t page, unsigned char *buf);

/* Is it as it was? If not, it is again, and *RET_DIGEST is that of what stood there. */
bool memory_mend(struct probe *p, uint64_t page, uint64_t *ret_digest);

/* Reads the file NAME by STEPS (N of them) and tells what came of it; probe-sequence.c. */
int probe_sequence(struct probe *p, const char *name, size_t n, char *const *steps);

/* Reads all of the share; what is read stays in the cache if the mount's mode keeps it; probe-pause.c. */
int probe_preload(struct probe *p);

/* Waits until the host has written over the first byte of the page of our memory that begins with
 * PROBE_PAUSE_MARK and NAME. */
#define PROBE_PAUSE_MARK "~warren pauses for "
int probe_pause(struct probe *p, const char *name);

/* From now on what WAY reads is damaged (sabotage.h says how), and that is done to N bytes of it. */
int probe_add_fault(struct probe *p, const char *way, const char *damage);
void probe_drop_faults(struct probe *p);
void probe_damage(const struct probe *p, const char *way, void *buf, size_t n);

/* Reads again what the host asks for; MOUNT (source, options) is the fresh mount; probe-look.c. */
int probe_look(struct probe *p, char *const *mount);

/* Asks the share for the name ".warren-WHAT-N", N the number of the walk, which is not there: so that a
 * recording of the server's tells what belongs to which walk. */
void probe_mark(struct probe *p, const char *what);

/* Walks the share and reads each file by STEPS (N names of ways, or "drop"); probe-tree.c. */
int probe_walk(struct probe *p, size_t n, char *const *steps);

#endif

/* SPDX-License-Identifier: MIT */
/* Process 1 of the guest. It makes the guest usable itself, and leaves the test to a worker, so
 * that a crash of that one (a damaged page in its memory, say) is a line of the report and not
 * the guest's panic. Whatever happens, nothing stays mounted when the guest goes: UML would spin
 * in the removal of its device. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "report.h"
#include "text.h"

#define FLUSH_INTERVAL_NS (100 * NS_PER_MS)

void probe_flush(struct probe *p, bool now)
{
	uint64_t t = clock_now_ns();

	if (!now && t - p->flushed_ns < FLUSH_INTERVAL_NS)
		return;
	p->flushed_ns = t;
	fflush(p->report);
}

/* The kernel hands words of its command line on: some as arguments, "job=..." as environment. */
static const char *find_job(int argc, char **argv)
{
	for (int i = argc - 1; i > 0; i--) {
		if (!strncmp(argv[i], "job=", 4))
			return argv[i] + 4;
		if (argv[i][0] == '/' || (argv[i][0] == '.' && argv[i][1] == '/'))
			return argv[i];
	}
	return getenv("job") ? getenv("job") : "/job";
}

void probe_greet(struct probe *p)
{
	struct utsname u = {0};

	p->has_greeted = true;
	uname(&u);
	fprintf(p->report, "warren-probe %d ", REPORT_VERSION);
	text_put(p->report, u.release, strlen(u.release));
	fputc(' ', p->report);
	text_put(p->report, u.machine, strlen(u.machine));
	fputc('\n', p->report);
	probe_flush(p, true);
}

/* Runs the statements of F: those of the setup, up to the first other one, which is left for the
 * next call; or all that are left. */
static void run_job(struct probe *p, FILE *f, bool is_setup)
{
	autofree char *line = NULL;
	size_t cap = 0;
	long at = ftell(f);

	while (getline(&line, &cap, f) > 0) {
		struct statement s;
		int r;

		line[strcspn(line, "\n")] = '\0';
		r = statement_parse(line, &s);
		if (r < 0) {
			fprintf(p->report, "failed %s \"the statement is malformed\"\n",
				report_errno(-r));
			p->is_failed = true;
			return;
		}
		if (s.n && is_setup && !statement_is_setup(&s)) {
			statement_done(&s);
			fseek(f, at, SEEK_SET);
			return;
		}
		if (s.n)
			statement_run(p, &s);
		statement_done(&s);
		at = ftell(f);
	}
}

/* Waits for the worker, and on the way for whatever process became a child of ours. */
static int wait_for(pid_t worker)
{
	int status;
	pid_t pid;

	while ((pid = wait(&status)) != worker)
		if (pid < 0 && errno != EINTR)
			return -1;
	return status;
}

static bool run_worker(struct probe *p, FILE *job)
{
	int status;
	pid_t pid;

	probe_flush(p, true);
	pid = fork();
	if (pid < 0) {
		fprintf(p->report, "failed fork %s \"\"\n", report_errno(errno));
		return false;
	}
	if (pid == 0) {
		run_job(p, job, false);
		probe_flush(p, true);
		_exit(p->is_failed);
	}
	status = wait_for(pid);
	if (!WIFSIGNALED(status))
		return WIFEXITED(status) && WEXITSTATUS(status) == 0;
	fprintf(p->report, "\ncrash SIG%s\n", sigabbrev_np(WTERMSIG(status)));
	return false;
}

static void unmount_shares(void)
{
	autofree char *dir = NULL;

	do {
		FILE *f = setmntent("/proc/self/mounts", "r");
		struct mntent *m;

		free(steal_ptr(&dir));
		while (f && (m = getmntent(f)))
			if (!strcmp(m->mnt_type, "9p")) {
				free(dir);
				dir = strdup(m->mnt_dir);
			}
		if (f)
			endmntent(f);
	} while (dir && (umount2(dir, 0) == 0 || umount2(dir, MNT_DETACH) == 0));
}

static void leave_guest(struct probe *p)
{
	probe_end_logs(p);
	kill(-1, SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
	unmount_shares();
}

/* A PC without ACPI cannot be switched off: QEMU ends when it is reset. */
static int end_command(void)
{
	return !access("/sys/bus/pci", F_OK) && access("/sys/firmware/acpi", F_OK) ? RB_AUTOBOOT
										   : RB_POWER_OFF;
}

int main(int argc, char **argv)
{
	struct probe p = {.is_init = getpid() == 1, .report = stderr};
	const char *path = find_job(argc, argv);
	FILE *job;
	bool ok = false;

	signal(SIGPIPE, SIG_IGN);
	if (p.is_init)
		setup_file_systems();
	job = fopen(path, "re");
	if (job) {
		run_job(&p, job, true);
		if (!p.has_greeted)
			probe_greet(&p);
		ok = run_worker(&p, job) && !p.is_failed;
		fclose(job);
	} else {
		fprintf(stderr, "warren-probe: no job at %s: %s\n", path, strerror(errno));
	}
	if (p.is_init)
		leave_guest(&p);
	fprintf(p.report, "end %d\n", !ok);
	fflush(p.report);
	if (p.is_init)
		reboot(end_command());
	return !ok;
}

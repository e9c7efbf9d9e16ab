/* SPDX-License-Identifier: MIT */
/* The texts are from consoles of guests that we broke with a debugger (a kernel of Debian 12 in QEMU, and
 * User Mode Linux), shortened; that of the task that hangs follows the format in the kernel's
 * kernel/hung_task.c. */
#include "cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "console-scan.h"

static const char healthy[] = "Linux version 6.12.117 (warren@warren) #1\n"
			      "devtmpfs: initialized\n"
			      "epollctl add err fd 1, Operation not permitted\n"
			      "This architecture does not have kernel memory protection.\n"
			      "Run /tmp/warren-guest-yOn72r/probe as init process\n"
			      "reboot: Power down\n";

static const char null_pointer[] =
	"[    9.169680] IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link becomes ready\r\n"
	"[   24.434093] BUG: kernel NULL pointer dereference, address: 0000000000000000\r\n"
	"[   24.434526] #PF: supervisor instruction fetch in kernel mode\r\n"
	"[   24.434715] #PF: error_code(0x0010) - not-present page\r\n"
	"[   24.434930] PGD 0 P4D 0 \r\n"
	"[   24.435965] Oops: 0010 [#1] PREEMPT SMP NOPTI\r\n"
	"[   24.436193] CPU: 0 PID: 0 Comm: swapper/0 Not tainted 6.1.0-56-amd64 #1\r\n"
	"[   24.436880] RIP: 0010:0x0\r\n"
	"[   24.453698] Call Trace:\r\n"
	"[   24.454225]  <TASK>\r\n"
	"[   24.454384]  amd_e400_idle+0x3d/0x50\r\n"
	"[   24.460522]  </TASK>\r\n"
	"[   24.460699] Modules linked in: 9p fscache netfs 9pnet_fd 9pnet virtio_net\r\n"
	"[   24.462184] ---[ end trace 0000000000000000 ]---\r\n"
	"[   24.462436] RIP: 0010:0x0\r\n"
	"[   24.474158] Kernel panic - not syncing: Attempted to kill the idle task!\r\n"
	"[   24.474799] Kernel Offset: disabled\r\n";

static const char warning[] = "------------[ cut here ]------------\n"
			      "WARNING: CPU: 0 PID: 21 at fs/9p/vfs_inode.c:655 0x609f7b1f\n"
			      "9p: a test of the warning\n"
			      "CPU: 0 UID: 0 PID: 21 Comm: cat Not tainted 6.12.117 #1 \n"
			      "Stack:\n"
			      " 6022d249 602be595 609f79c0 602151d5\n"
			      "Call Trace:\n"
			      " [<6022d249>] ? _printk+0x0/0x57\n"
			      " [<6001bf19>] ? fork_handler+0x86/0x88\n"
			      "---[ end trace 0000000000000000 ]---\n";

static const char bad_page[] =
	"BUG: Bad page state in process cat  pfn:003e8\n"
	"page: refcount:1 mapcount:0 mapping:0000000000000000 index:0x0 pfn:0x3e8\n"
	"flags: 0x2000(reserved|zone=0)\n"
	"raw: 0000000000002000 000000007f90cac8 000000007f90cac8 0000000000000000\n"
	"page dumped because: nonzero _refcount\n"
	"CPU: 0 UID: 0 PID: 21 Comm: cat Tainted: G        W          6.12.117 #1 \n"
	"Call Trace:\n"
	" [<600e3f9f>] bad_page+0x12d/0x15b\n"
	" [<6001bf19>] ? fork_handler+0x86/0x88\n"
	"Disabling lock debugging due to kernel taint\n"
	"\n"
	"Pid: 21, comm: cat Tainted: G    B   W          6.12.117\n"
	"RIP: 0033:0x0\n"
	"Kernel panic - not syncing: Kernel mode fault at addr 0x0, ip 0x0\n"
	"Call Trace:\n"
	" [<600ef1eb>] do_dentry_open+0x1ff/0x40e\n"
	" [<6001bf19>] fork_handler+0x86/0x88\n";

static const char kasan[] =
	"==================================================================\n"
	"BUG: KASAN: use-after-free in _copy_to_iter+0x7a2/0xa50\n"
	"Write of size 655 at addr 0000000060977000 by task cmp/30\n"
	"\n"
	"CPU: 0 UID: 0 PID: 30 Comm: cmp Not tainted 6.12.117 #1 \n"
	"Stack:\n"
	" 0c3e15de 604f318e 41b58ab3 604e9776\n"
	"Call Trace:\n"
	" [<6002e28a>] ? dump_trace+0x0/0x217\n"
	" [<6002a9e4>] show_stack+0x1fc/0x21e\n"
	" [<603ce4e4>] print_report+0x1a6/0x5c0\n"
	"\n"
	"The buggy address belongs to the physical page:\n"
	"page: refcount:0 mapcount:0 mapping:0000000000000000 index:0xa pfn:0x977\n"
	"page dumped because: kasan: bad access detected\n"
	"\n"
	"Memory state around the buggy address:\n"
	" 0000000060976f80: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n"
	">0000000060977000: ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff\n"
	"                   ^\n"
	"==================================================================\n"
	"Disabling lock debugging due to kernel taint\n";

static const char hung[] =
	"[  363.1] INFO: task sync:123 blocked for more than 120 seconds.\n"
	"[  363.1]       Not tainted 6.1.0-56-amd64 #1 Debian 6.1.192-2\n"
	"[  363.1] \"echo 0 > /proc/sys/kernel/hung_task_timeout_secs\" disables this message.\n"
	"[  363.1] task:sync            state:D stack:0     pid:123   ppid:81     "
	"flags:0x00004000\n"
	"[  363.1] Call Trace:\n"
	"[  363.1]  <TASK>\n"
	"[  363.1]  __schedule+0x34d/0x9e0\n"
	"[  363.1]  </TASK>\n"
	"[  363.2] something else\n";

/* Finds N reports in TEXT, BUGS of them bugs, and says SENTENCE of them. */
static struct console_reports expect(const char *text, size_t n, size_t bugs, const char *sentence)
{
	struct console_reports r = {0};
	autofree char *is = NULL;

	assert_int_equal(console_scan(text, &r), 0);
	assert_int_equal(r.all, n);
	assert_int_equal(r.bugs, bugs);
	is = console_sentence(&r);
	if (sentence)
		assert_string_equal(is, sentence);
	else
		assert_null(is);
	return r;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), n_end = strlen(end);

	return n >= n_end && !strcmp(text + n - n_end, end);
}

static void a_healthy_console_has_no_report(void **state)
{
	(void)state;
	expect(healthy, 0, 0, NULL);
	expect("", 0, 0, NULL);
	expect("\n\n", 0, 0, NULL);
}

static void an_oops_is_one_report(void **state)
{
	struct console_reports r = expect(
		null_pointer, 2, 2,
		"kernel NULL pointer dereference, address: 0000000000000000 (and 1 more)");

	(void)state;
	assert_ptr_equal(strstr(r.kept[0].block, "[   24.434093] BUG: kernel NULL"),
			 r.kept[0].block);
	assert_true(ends_with(r.kept[0].block, "---[ end trace 0000000000000000 ]---\n"));
	assert_null(strchr(r.kept[0].block, '\r'));
	assert_string_equal(r.kept[1].sentence, "panic: Attempted to kill the idle task!");
	console_reports_done(&r);
}

static void a_warning_is_no_bug(void **state)
{
	struct console_reports r = expect(
		warning, 1, 0, "WARNING: CPU: 0 PID: 21 at fs/9p/vfs_inode.c:655 0x609f7b1f");

	(void)state;
	assert_false(r.kept[0].is_bug);
	assert_true(ends_with(r.kept[0].block, "---[ end trace 0000000000000000 ]---\n"));
	console_reports_done(&r);
}

static void a_report_without_a_last_line_ends_with_its_call_trace(void **state)
{
	struct console_reports r = expect(bad_page, 2, 2,
					  "Bad page state in process cat  pfn:003e8 (and 1 more)");

	(void)state;
	assert_true(ends_with(r.kept[0].block, "fork_handler+0x86/0x88\n"));
	assert_null(strstr(r.kept[0].block, "Disabling"));
	assert_true(ends_with(r.kept[1].block, "fork_handler+0x86/0x88\n"));
	console_reports_done(&r);
}

static void a_task_that_hangs_is_a_bug(void **state)
{
	struct console_reports r = expect(hung, 1, 1,
					  "task sync:123 blocked for more than 120 seconds");

	(void)state;
	assert_true(ends_with(r.kept[0].block, "</TASK>\n"));
	console_reports_done(&r);
}

static void kasan_tells_what_was_done_in_its_second_line(void **state)
{
	struct console_reports r = expect(
		kasan, 1, 1, "KASAN: use-after-free in _copy_to_iter, write of size 655");

	(void)state;
	assert_ptr_equal(strstr(r.kept[0].block, "BUG: KASAN"), r.kept[0].block);
	assert_true(ends_with(r.kept[0].block, "==========\n"));
	console_reports_done(&r);
}

static void a_bug_is_told_before_a_warning(void **state)
{
	autofree char *both = NULL;
	struct console_reports r;

	(void)state;
	assert_true(asprintf(&both, "%s%s", warning, hung) > 0);
	r = expect(both, 2, 1, "task sync:123 blocked for more than 120 seconds (and 1 more)");
	console_reports_done(&r);
}

static void reports_over_the_limit_are_counted(void **state)
{
	autofree char *many = calloc(20, sizeof(warning));
	struct console_reports r;

	(void)state;
	for (int i = 0; i < 20; i++)
		strcat(many, warning);
	assert_int_equal(console_scan(many, &r), 0);
	assert_int_equal(r.all, 20);
	assert_int_equal(r.n, CONSOLE_REPORTS_KEPT);
	console_reports_done(&r);
}

static void the_first_bug_is_kept_behind_any_number_of_warnings(void **state)
{
	autofree char *many = calloc(10, sizeof(warning) + sizeof(hung)), *sentence = NULL;
	struct console_reports r;

	(void)state;
	for (int i = 0; i < 9; i++)
		strcat(many, warning);
	strcat(many, hung);
	assert_int_equal(console_scan(many, &r), 0);
	assert_int_equal(r.all, 10);
	assert_int_equal(r.bugs, 1);
	assert_int_equal(r.n, CONSOLE_REPORTS_KEPT);
	sentence = console_sentence(&r);
	assert_string_equal(sentence,
			    "task sync:123 blocked for more than 120 seconds (and 9 more)");
	console_reports_done(&r);
}

/* Lines of the guest's own up to the byte SIZE. */
static void fill_up(FILE *f, long size)
{
	long left;

	while ((left = size - ftell(f)) > 200)
		fprintf(f, "[    1.%06ld] the guest's own line, with%ca zero\n", left, 0);
	fprintf(f, "%*s\n", (int)left - 1, "");
}

/* It is read in pieces of 1 MiB. */
static void a_report_at_the_edge_of_a_piece_is_whole(void **state)
{
	char path[] = "/tmp/test-console-XXXXXX";
	FILE *f = fdopen(mkstemp(path), "w");
	struct console_reports r;

	(void)state;
	assert_non_null(f);
	fputs(warning, f);
	fill_up(f, (1 << 20) - 100);
	fputs(warning, f);
	fill_up(f, 9 << 18);
	fputs(hung, f);
	fclose(f);
	assert_int_equal(console_scan_file(path, &r), 0);
	unlink(path);
	assert_int_equal(r.all, 3);
	assert_int_equal(r.bugs, 1);
	assert_string_equal(r.kept[1].block, r.kept[0].block);
	console_reports_done(&r);
	assert_int_equal(console_scan_file(path, &r), -ENOENT);
}

static void a_crash_of_a_program_is_no_bug_of_the_kernel(void **state)
{
	struct console_reports r = expect(
		"[   12.1] traps: cat[81] general protection fault ip:7f sp:7f error:0\n", 1, 0,
		"a program crashed: cat[81] general protection fault ip:7f sp:7f error:0");

	(void)state;
	console_reports_done(&r);
}

static void bytes_that_are_no_text_do_no_harm(void **state)
{
	char text[512];
	struct console_reports r = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)(i % 255 + 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(console_scan(text, &r), 0);
	assert_int_equal(console_scan("BUG: \033[31mred\033[0m\n", &r), 0);
	assert_int_equal(r.n, 1);
	assert_null(strchr(r.kept[0].sentence, '\033'));
	assert_null(strchr(r.kept[0].block, '\033'));
	console_reports_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_healthy_console_has_no_report),
		cmocka_unit_test(an_oops_is_one_report),
		cmocka_unit_test(a_warning_is_no_bug),
		cmocka_unit_test(a_report_without_a_last_line_ends_with_its_call_trace),
		cmocka_unit_test(a_task_that_hangs_is_a_bug),
		cmocka_unit_test(kasan_tells_what_was_done_in_its_second_line),
		cmocka_unit_test(a_bug_is_told_before_a_warning),
		cmocka_unit_test(the_first_bug_is_kept_behind_any_number_of_warnings),
		cmocka_unit_test(reports_over_the_limit_are_counted),
		cmocka_unit_test(a_report_at_the_edge_of_a_piece_is_whole),
		cmocka_unit_test(a_crash_of_a_program_is_no_bug_of_the_kernel),
		cmocka_unit_test(bytes_that_are_no_text_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

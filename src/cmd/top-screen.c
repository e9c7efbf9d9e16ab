/* SPDX-License-Identifier: MIT */
/* `warren top` in a terminal. */
#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "cmd.h"
#include "macros.h"
#include "top.h"

static volatile sig_atomic_t ending;

static void on_signal(int sig)
{
	ending = sig;
}

/* Not SA_RESTART: waiting for a key or the server ends. */
static void catch_signals(void)
{
	const struct sigaction act = {.sa_handler = on_signal};

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
}

static void draw_help(void)
{
	int y = 0;

	mvaddstr(y++, 0, "warren top");
	y++;
#define O(key, id, text) mvprintw(y++, 2, "%c      sort by %s", key, text);
	TOP_ORDERS(O)
#undef O
	mvaddstr(y++, 2, "a      all since the server began, or only since the last look");
	mvaddstr(y++, 2, "space  pause, go on");
	mvaddstr(y++, 2, "h, ?   this help; any key leaves it");
	mvaddstr(y++, 2, "q      quit");
}

/* Line by line, as much as there is room for. */
static int draw_view(const struct top *t)
{
	autofree char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	char *rest, *line;

	if (!f)
		return -ENOMEM;
	top_print(f, t, (unsigned)MAX(LINES - 1, 1));
	if (fclose(f) || !text)
		return -ENOMEM;
	rest = text;
	for (int y = 0; y < LINES - 1 && (line = strsep(&rest, "\n")); y++) {
		bool bold = !strncmp(line, "warren top", 10) || !strncmp(line, "operation ", 10);

		if (bold)
			attron(A_BOLD);
		mvaddnstr(y, 0, line, COLS);
		if (bold)
			attroff(A_BOLD);
	}
	mvaddnstr(LINES - 1, 0, "q quit  h help  space pause  a all  sort: r p t e n", COLS);
	return 0;
}

static void draw(const struct top *t)
{
	erase();
	if (t->show_help)
		draw_help();
	else
		draw_view(t);
	refresh();
}

/* False: that was the last one. */
static bool take_key(struct top *t, int key)
{
	if (t->show_help && key != 'q') {
		t->show_help = key == KEY_RESIZE;
		return true;
	}
	switch (key) {
	case 'q':
		return false;
	case 'h':
	case '?':
		t->show_help = true;
		break;
	case ' ':
		t->paused = !t->paused;
		break;
	case 'a':
		t->since_start = !t->since_start;
		break;
#define O(c, id, text)                  \
	case c:                         \
		t->order = TOP_BY_##id; \
		break;
		TOP_ORDERS(O)
#undef O
	default: /* KEY_RESIZE: drawn anew */
		break;
	}
	return true;
}

/* The next key until DEADLINE, or that the window has another size; ERR when there was none. It ends
 * when the terminal is gone: reading from it would return at once, for ever. */
static int wait_key(uint64_t deadline)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	uint64_t now = clock_now_ns();
	int n = poll(&p, 1, now < deadline ? (int)((deadline - now) / NS_PER_MS) + 1 : 0);

	if (n > 0 && p.revents & (POLLHUP | POLLERR | POLLNVAL))
		ending = SIGHUP;
	if (n == 0 || ending)
		return ERR;
	timeout(0);
	return getch();
}

static int loop(struct top *t, char **ret_why)
{
	uint64_t next = clock_now_ns() + t->interval_ms * NS_PER_MS;
	int r = EXIT_OK;

	while (!r && !ending) {
		int key;

		draw(t);
		key = wait_key(next);
		if (key != ERR && !take_key(t, key))
			break;
		if (ending || clock_now_ns() < next)
			continue;
		r = t->paused ? EXIT_OK : top_take(t, ret_why);
		next = clock_now_ns() + t->interval_ms * NS_PER_MS;
	}
	return r;
}

int top_screen(struct top *t, char **ret_why)
{
	SCREEN *screen;
	int r;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		why(ret_why, 0, "no terminal: give --once or --json");
		return EXIT_ENVIRONMENT;
	}
	screen = newterm(NULL, stdout, stdin);
	if (!screen) {
		why(ret_why, 0, "the terminal '%s' is not known: set TERM, or give --once",
		    getenv("TERM") ? getenv("TERM") : "");
		return EXIT_ENVIRONMENT;
	}
	catch_signals();
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	r = loop(t, ret_why);
	endwin();
	delscreen(screen);
	return ending ? 128 + ending : r;
}

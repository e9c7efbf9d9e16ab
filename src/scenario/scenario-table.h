/* SPDX-License-Identifier: MIT */
/* The rows of scenario.h. A new scenario is a row here; step.h has the language. Its table then needs a
 * run on each kind of kernel, to see what it finds (doc/scenarios.md). */
#ifndef SCENARIO_SCENARIO_TABLE_H
#define SCENARIO_SCENARIO_TABLE_H

/* All begin with a file whose mtime is an hour old, so that a change is one of another second; "hot"
 * ones leave that out, as a log is that is written all the time. */
#define OLD_FILE "host write f a*10000; host age f; "
#define HELD "guest open 1 f r; "
#define HELD_READ HELD "guest read 1 0 400000; "
#define CLOSED HELD_READ "guest close 1; "
#define READ_ANEW \
	"guest open 2 f r; guest fstat 2; guest read 2 0 400000; guest read 2 10000 400000"

/* Name; the folder that is shared for it and whose files it names, or NULL: a fresh one of ours; steps. */
#define SCENARIOS(S)                                                                               \
	S("overwrite-closed", NULL, OLD_FILE CLOSED "host write f b*10000; " READ_ANEW)            \
	S("overwrite-same-mtime", NULL,                                                            \
	  OLD_FILE CLOSED "host write f b*10000; host age f; " READ_ANEW)                          \
	S("overwrite-open", NULL, OLD_FILE HELD "host write f b*10000; guest read 1 0 20000")      \
	S("overwrite-read", NULL, OLD_FILE HELD_READ "host write f b*10000; guest read 1 0 20000") \
	S("overwrite-read-anew", NULL, OLD_FILE HELD_READ "host write f b*10000; " READ_ANEW)      \
	S("overwrite-mapped", NULL,                                                                \
	  OLD_FILE HELD "guest map 1 10000 r; guest peek 1 0 10000; "                              \
			"host write f b*10000; guest peek 1 0 10000")                              \
	S("append-closed", NULL, OLD_FILE CLOSED "host append f b*300000; " READ_ANEW)             \
	S("append-open", NULL,                                                                     \
	  OLD_FILE HELD "host append f b*300000; guest fstat 1; "                                  \
			"guest read 1 0 400000")                                                   \
	S("append-read", NULL,                                                                     \
	  OLD_FILE HELD_READ "host append f b*300000; guest fstat 1; "                             \
			     "guest read 1 10000 400000")                                          \
	S("append-read-anew", NULL, OLD_FILE HELD_READ "host append f b*300000; " READ_ANEW)       \
	S("append-mapped", NULL,                                                                   \
	  OLD_FILE HELD_READ "host append f b*300000; guest stat f; "                              \
			     "guest fstat 1; guest map 1 310000 r; guest peek 1 0 310000")         \
	S("append-hot-log", NULL,                                                                  \
	  "host write f a*10000; " HELD_READ "host append f b*100000; "                            \
	  "guest fstat 1; guest read 1 10000 400000; host append f c*100000; guest stat f; "       \
	  "guest read 1 10000 400000; " READ_ANEW)                                                 \
	S("grow-from-empty", NULL,                                                                 \
	  "host write f a*0; host age f; " HELD_READ                                               \
	  "host append f b*5000; guest fstat 1; guest read 1 0 20000; " READ_ANEW)                 \
	S("truncate-closed", NULL, OLD_FILE CLOSED "host truncate f 5000; " READ_ANEW)             \
	S("truncate-statted", NULL, OLD_FILE "guest stat f; host truncate f 5000; " READ_ANEW)     \
	S("truncate-open", NULL,                                                                   \
	  OLD_FILE HELD "guest fstat 1; host truncate f 5000; "                                    \
			"guest read 1 0 10000; guest fstat 1")                                     \
	S("truncate-read", NULL,                                                                   \
	  OLD_FILE HELD_READ "host truncate f 5000; guest read 1 0 10000; "                        \
			     "guest fstat 1")                                                      \
	S("truncate-read-anew", NULL, OLD_FILE HELD_READ "host truncate f 5000; " READ_ANEW)       \
	S("truncate-mapped", NULL,                                                                 \
	  OLD_FILE HELD "guest map 1 10000 r; host truncate f 4096; "                              \
			"guest peek 1 0 4096; guest peek 1 4096 5904")                             \
	S("truncate-regrow", NULL,                                                                 \
	  OLD_FILE HELD_READ "host truncate f 0; host append f b*10000; "                          \
			     "guest fstat 1; guest read 1 0 20000; " READ_ANEW)                    \
	S("shorter-than-size", "/sys/kernel",                                                      \
	  "host adopt fscaps; guest open 1 fscaps r; "                                             \
	  "guest read 1 0 10000; guest close 1")                                                   \
	S("replace-closed", NULL,                                                                  \
	  OLD_FILE CLOSED "host write g b*12000; host rename g f; "                                \
			  "guest stat f; " READ_ANEW)                                              \
	S("replace-open", NULL,                                                                    \
	  OLD_FILE HELD "host write g b*12000; host rename g f; "                                  \
			"guest read 1 0 20000; guest fstat 1")                                     \
	S("replace-read", NULL,                                                                    \
	  OLD_FILE HELD_READ "host write g b*12000; host rename g f; "                             \
			     "guest read 1 0 20000; guest fstat 1; guest stat f")                  \
	S("replace-read-anew", NULL,                                                               \
	  OLD_FILE HELD_READ "host write g b*12000; host rename g f; " READ_ANEW)                  \
	S("unlink-closed", NULL, OLD_FILE CLOSED "host unlink f; guest stat f; guest open 2 f r")  \
	S("unlink-open", NULL, OLD_FILE HELD "host unlink f; guest read 1 0 20000; guest fstat 1") \
	S("unlink-read", NULL,                                                                     \
	  OLD_FILE HELD_READ "host unlink f; guest read 1 0 20000; "                               \
			     "guest fstat 1; guest stat f")                                        \
	S("unlink-create", NULL,                                                                   \
	  OLD_FILE CLOSED "host unlink f; guest stat f; host write f b*9000; "                     \
			  "guest stat f; " READ_ANEW)                                              \
	S("create-absent", NULL, "guest stat f; host write f b*9000; guest stat f; " READ_ANEW)    \
	S("guest-unlinks-own", NULL,                                                               \
	  OLD_FILE "guest open 1 f rw; guest unlink f; guest fstat 1; "                            \
		   "guest ftruncate 1 100; guest write 1 g*100@0; guest fstat 1; "                 \
		   "guest read 1 0 20000; host look f")                                            \
	S("guest-renames", NULL,                                                                   \
	  OLD_FILE "host write g b*12000; guest stat f; guest rename g f; "                        \
		   "host look f; host look g; " READ_ANEW)                                         \
	S("guest-writes", NULL,                                                                    \
	  OLD_FILE                                                                                 \
	  "guest open 1 f rw; guest read 1 0 10000; "                                              \
	  "guest write 1 g*100@5000; host look f; guest read 1 0 20000; guest fsync 1; "           \
	  "host look f; guest write 1 h*100@9950; guest close 1; host look f; " READ_ANEW)         \
	S("guest-creates", NULL,                                                                   \
	  "guest open 1 f c; guest write 1 g*4096; guest open 2 f r; "                             \
	  "guest fstat 2; guest read 2 0 8192; host look f; guest close 1; host look f; "          \
	  "guest read 2 0 8192")                                                                   \
	S("guest-appends", NULL,                                                                   \
	  "host write f a*100; host age f; guest open 1 f a; "                                     \
	  "guest append 1 g*50; guest fsync 1; guest append 1 h*5000; guest fstat 1; "             \
	  "guest append 1 k*77; guest close 1; host look f; " READ_ANEW)                           \
	S("guest-truncates", NULL,                                                                 \
	  OLD_FILE "guest open 1 f rw; guest read 1 0 20000; "                                     \
		   "guest ftruncate 1 5000; host look f; host append f b*5000; guest fstat 1; "    \
		   "guest read 1 0 20000; guest close 1; host look f; guest open 2 f r; "          \
		   "guest read 2 0 20000")                                                         \
	S("guest-writes-mapped", NULL,                                                             \
	  OLD_FILE "guest open 1 f rw; guest map 1 10000 rw; "                                     \
		   "guest peek 1 0 10000; guest poke 1 g*100@5000; host look f; guest msync 1; "   \
		   "host look f; guest poke 1 h*100@6000; guest close 1; host look f")             \
	S("host-after-guest", NULL,                                                                \
	  OLD_FILE "guest open 1 f rw; guest write 1 g*10000; "                                    \
		   "guest close 1; host look f; host write f b*10000; " READ_ANEW)                 \
	S("both-append", NULL,                                                                     \
	  "host write f a*100; host age f; guest open 1 f a; "                                     \
	  "guest append 1 g*50; host append f h*77; guest append 1 k*50; guest fsync 1; "          \
	  "host look f; guest close 1; host look f")                                               \
	S("both-one-page", NULL,                                                                   \
	  OLD_FILE "guest open 1 f rw; guest read 1 0 10000; "                                     \
		   "guest write 1 g*100; host write f h*100@200; guest fsync 1; host look f; "     \
		   "guest close 1; host look f; " READ_ANEW)                                       \
	S("both-two-pages", NULL,                                                                  \
	  OLD_FILE "guest open 1 f rw; guest read 1 0 10000; "                                     \
		   "guest write 1 g*100; host write f h*100@8192; guest fsync 1; host look f; "    \
		   "guest close 1; host look f; " READ_ANEW)

#endif

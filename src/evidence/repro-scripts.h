/* SPDX-License-Identifier: MIT */
/* The scripts and texts of a reproducer, before words between @ are replaced (repro-text.c). The scripts
 * are POSIX sh: any distribution has that. */
#ifndef VERIFY_REPRO_SCRIPTS_H
#define VERIFY_REPRO_SCRIPTS_H

/* Whole files. */
extern const char repro_bin_warren[], repro_uml_image[], repro_run_sh[], repro_readme[];

/* What run.sh checks first when it needs QEMU. */
extern const char repro_check_qemu[];

/* The parts of guest.sh, in their order; `socket` and `uml` are not in all. */
extern const char repro_guest_head[], repro_guest_server[], repro_guest_socket[], repro_guest_uml[],
	repro_guest_tail[];

#endif

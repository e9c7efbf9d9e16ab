/* SPDX-License-Identifier: MIT */
/* Puts the cases of one place where they belong: files on the host, words of the command lines of server and
 * probe, pages in the guest's memory. Internal to prove. */
#ifndef RUN_PROVE_PLANT_H
#define RUN_PROVE_PLANT_H

#include "prove-cases.h"
#include "state-folder.h"

struct guest_ram;
struct run_plan;

struct planted {
	enum prove_place place; /* PROVE_N_PLACES: nothing is planted */
	struct state_folder folder;
	char *dir;	 /* absolute; a folder in it */
	char *recording; /* SERVER: beside that; else NULL */
	int fd;
	char **server_faults, **payload_faults, **reader_faults; /* as in run.h */
	char *command;		   /* WRITTEN: of the guest's shell; else NULL */
	struct manifest *manifest; /* HOST: of before; else NULL */
};

#define PLANTED_INIT                                  \
	{                                             \
		.folder = STATE_FOLDER_INIT, .fd = -1 \
	}

/* The folder with the files; all of what can be done before a guest is there. *RET_WHY, which the caller frees,
 * says what went wrong. planted_done in any case. */
int plant(enum prove_place place, struct planted *p, char **ret_why);
void planted_done(struct planted *p);

/* Sets in *RUN what is shared and planted; both point into *P. Damage of the transport is done by a proxy, if
 * the share is by TCP. */
void planted_plan(struct planted *p, struct run_plan *run);

#endif

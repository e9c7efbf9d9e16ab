/* SPDX-License-Identifier: MIT */
/* Which runs are recorded: those that found something, and with --keep all. A record that cannot be made
 * changes nothing about the verdict. */
#include <string.h>

#include "cmd.h"
#include "logging.h"
#include "record.h"
#include "verify.h"

static void warn(int r)
{
	log_warn("the run is not recorded: %s (set XDG_STATE_HOME to another folder, or give "
		 "--no-record)",
		 strerror(-r));
}

void recording_begin(struct printer *p)
{
	if (!p->o->no_record || p->page)
		p->record_err = record_begin(&p->record);
}

void recording_end(struct printer *p, const struct run_result *result, int status)
{
	const struct record_end e = {
		.plan = p->plan,
		.result = result,
		.status = status,
		.settings = p->o->settings,
		.corpus = p->corpus,
	};
	bool is_wanted = !p->o->no_record &&
			 (status == EXIT_DIFFERENT || status == EXIT_GUEST ||
			  ((p->o->keep || p->o->instruments.debug || p->o->instruments.trace) &&
			   result->end != RUN_INTERRUPTED));
	int r = p->record_err;

	if (result->end != RUN_INTERRUPTED)
		page_end(p, &e);
	if (is_wanted && p->record)
		r = record_keep(p->record, &e, &p->recorded);
	if (is_wanted && r)
		warn(r);
	record_free(p->record);
	p->record = NULL;
}

void recording_tell(const struct printer *p)
{
	const char *name = p->recorded ? strrchr(p->recorded, '/') + 1 : NULL;

	if (name)
		log_info("kept in %s: 'warren lab report %s' writes the mail, 'warren lab repro "
			 "%s' a reproducer",
			 p->recorded, name, name);
}

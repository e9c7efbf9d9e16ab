/* SPDX-License-Identifier: MIT */
/* warren lab kernel symbols: the debug information of kernels in the cache. */
#include <stdio.h>

#include "cleanup.h"
#include "cmd.h"
#include "kernel-names.h"
#include "kernel-spec.h"
#include "kernel.h"
#include "lab.h"
#include "symbols.h"

static int get_symbols(const char *name)
{
	cleanup(symbols_done) struct symbols s = SYMBOLS_INIT;
	struct kernel_spec spec;
	struct kernel *k = NULL;
	char *reason = NULL;
	bool uml = !kernel_spec_by_name(name, &spec, NULL) && kernel_source_is_uml(spec.source);
	int r = kernel_get(name, uml, &k, &reason);

	if (!r)
		r = symbols_get(k, &s, &reason);
	if (!r)
		printf("%s %s %s\n", k->name, k->release, s.vmlinux);
	kernel_free(k);
	return r ? lab_fail(r, reason) : EXIT_OK;
}

int lab_symbols(int argc, char **argv)
{
	int r = EXIT_OK;

	if (!argc)
		return cmd_usage_error("lab", "whose symbols? 'warren lab kernel list' has the "
					      "kernels");
	for (int i = 0; i < argc && !r; i++)
		r = get_symbols(argv[i]);
	return r;
}

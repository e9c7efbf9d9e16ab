/* SPDX-License-Identifier: MIT */
/* A guest that says what it likes: a program in place of a kernel of User Mode Linux. It writes the lines of
 * the file $HOSTILE to its report and ends. But for these:
 *
 *	< WORD		waits for a statement that begins so
 *	> NUMBER LINE	the line, so often
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wait_for(const char *word)
{
	char line[4096];

	while (fgets(line, sizeof(line), stdin))
		if (!strncmp(line, word, strlen(word)))
			return 0;
	return -1;
}

static FILE *open_report(const char *job)
{
	char line[4096], path[4096];
	FILE *f = fopen(job, "re");

	if (!f || !fgets(line, sizeof(line), f) || sscanf(line, "report %4095s", path) != 1)
		return NULL;
	fclose(f);
	return fopen(path, "ae");
}

int main(int argc, char **argv)
{
	FILE *report = open_report(argv[argc - 1]), *f = fopen(getenv("HOSTILE"), "re");
	char line[4096];

	if (!report || !f)
		return 1;
	while (fgets(line, sizeof(line), f)) {
		char *rest = line + 2;
		unsigned long n = 1;

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '<') {
			if (wait_for(rest))
				return 1;
			continue;
		}
		if (line[0] == '>')
			n = strtoul(rest, &rest, 10);
		else
			rest = line;
		while (n--)
			fprintf(report, "%s\n", rest + (*rest == ' '));
		fflush(report);
	}
	return fclose(report) || fclose(f);
}

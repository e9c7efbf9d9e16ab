/* SPDX-License-Identifier: MIT */
#include "kernel-spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "cache.h"
#include "cleanup.h"
#include "kernel-config.h"
#include "kernel-edits.h"
#include "kernel-names.h"
#include "macros.h"

#define WITHOUT "-without-"
#define KASAN "-kasan"
#define PATCH "-patch-"

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool is_suffix(const char *text)
{
	return !*text || begins(text, WITHOUT) || begins(text, KASAN) || begins(text, PATCH);
}

static int set_name(struct kernel_spec *s)
{
	FILE *f = fmemopen(s->name, sizeof(s->name), "w");
	long n;

	if (!f)
		return -errno;
	fputs(s->source->name, f);
	for (size_t i = 0; i < s->n_edits; i++)
		fprintf(f, WITHOUT "%s", s->edits[i]->name);
	fputs(s->has_kasan ? KASAN : "", f);
	if (*s->patch)
		fprintf(f, PATCH "%s", s->patch);
	n = ftell(f);
	return fclose(f) || n < 0 || (size_t)n >= sizeof(s->name) ? -ENAMETOOLONG : 0;
}

static int say_image(const struct kernel_spec *s, char **ret_why)
{
	return lab_why(-EINVAL, ret_why,
		       "kernel %s is Debian's own image, which is not built here; take one that is",
		       s->source->name);
}

/* In the order of the table, each once. */
static int insert_edit(struct kernel_spec *s, const struct kernel_edit *e)
{
	size_t at = 0;

	while (at < s->n_edits && s->edits[at] < e)
		at++;
	if (at < s->n_edits && s->edits[at] == e)
		return 0;
	if (s->n_edits == KERNEL_EDITS_MAX)
		return -E2BIG;
	memmove(&s->edits[at + 1], &s->edits[at], (s->n_edits - at) * sizeof(s->edits[0]));
	s->edits[at] = e;
	s->n_edits++;
	return set_name(s);
}

static int add_edit(struct kernel_spec *s, const char *name, size_t n, char **ret_why)
{
	const struct kernel_edit *e = kernel_edit_find(name, n);
	autofree char *known = e ? NULL : kernel_edit_list();

	if (!s->source->config)
		return say_image(s, ret_why);
	if (!e)
		return lab_why(-EINVAL, ret_why, "there is no fix '%.*s' to undo; known are %s",
			       (int)n, name, known ? known : "");
	return insert_edit(s, e);
}

int kernel_spec_add_edit(struct kernel_spec *s, const char *edit, char **ret_why)
{
	return add_edit(s, edit, strlen(edit), ret_why);
}

int kernel_spec_add_kasan(struct kernel_spec *s, char **ret_why)
{
	if (!s->source->config)
		return say_image(s, ret_why);
	if (!s->source->config->arch->is_uml)
		return lab_why(-EINVAL, ret_why, "only User Mode Linux is built with KASAN here");
	s->has_kasan = true;
	return set_name(s);
}

int kernel_spec_add_patch(struct kernel_spec *s, const void *patch, size_t n, char **ret_why)
{
	if (!s->source->config)
		return say_image(s, ret_why);
	snprintf(s->patch, sizeof(s->patch), "%08x", XXH32(patch, n, 0));
	return set_name(s);
}

static int set_patch(struct kernel_spec *s, const char *hash, size_t n)
{
	if (!s->source->config || n != PATCH_HASH_SIZE - 1 || strspn(hash, "0123456789abcdef") < n)
		return -EINVAL;
	memcpy(s->patch, hash, n);
	return set_name(s);
}

/* How far the words of a suffix go: "-without-" may follow any of them. */
static size_t suffix_length(const char *text)
{
	size_t n = 1;

	while (text[n] && !(text[n] == '-' && is_suffix(text + n)))
		n++;
	return n;
}

static int parse_suffix(struct kernel_spec *s, const char *text, size_t n, char **ret_why)
{
	if (begins(text, WITHOUT))
		return add_edit(s, text + strlen(WITHOUT), n - strlen(WITHOUT), ret_why);
	if (begins(text, PATCH))
		return set_patch(s, text + strlen(PATCH), n - strlen(PATCH));
	return n == strlen(KASAN) ? kernel_spec_add_kasan(s, ret_why) : -EINVAL;
}

static int parse_suffixes(struct kernel_spec *s, const char *text, char **ret_why)
{
	int r = set_name(s);

	while (*text && !r) {
		size_t n = suffix_length(text);

		r = parse_suffix(s, text, n, ret_why);
		if (r)
			return lab_why(r, ret_why,
				       "'%.*s' means nothing behind %s: a kernel's name goes on "
				       "with -without-EDIT, -kasan or -patch-HASH",
				       (int)n, text, s->name);
		text += n;
	}
	return r;
}

/* The source whose name or alias NAME begins with, as far as a suffix. */
static const struct kernel_source *find_base(const char *name, size_t *ret_n)
{
	for (size_t n = 0; *name; n++) {
		autofree char *base = NULL;
		const struct kernel_source *s;

		if (is_suffix(name + n)) {
			base = strndup(name, n);
			s = base ? kernel_source_by_name(base) : NULL;
			*ret_n = n;
			return s;
		}
	}
	return NULL;
}

int kernel_spec_by_name(const char *name, struct kernel_spec *ret_s, char **ret_why)
{
	struct kernel_spec s = {0};
	size_t n;
	int r;

	s.source = find_base(name, &n);
	if (!s.source)
		return -ENOENT;
	r = parse_suffixes(&s, name + n, ret_why);
	if (!r)
		*ret_s = s;
	return r;
}

static int say_unknown(const char *name, bool uml, char **ret_why)
{
	autofree char *names = kernel_source_list(uml);

	return lab_why(-ENOENT, ret_why, "there is no %s kernel '%s'; known are %s",
		       uml ? "UML" : "QEMU", name, names ? names : "");
}

int kernel_spec_parse(const char *name, bool uml, struct kernel_spec *ret_s, char **ret_why)
{
	struct kernel_spec s = {0};
	autofree char *base = NULL;
	size_t n = 0;
	int r;

	name = name ? name : "";
	while (!is_suffix(name + n))
		n++;
	base = strndup(name, n);
	if (!base)
		return -ENOMEM;
	s.source = kernel_source_find(base, uml);
	if (!s.source)
		return say_unknown(name, uml, ret_why);
	r = parse_suffixes(&s, name + n, ret_why);
	if (!r)
		*ret_s = s;
	return r;
}

bool kernel_spec_is_changed(const struct kernel_spec *s)
{
	return s->n_edits || *s->patch;
}

struct kernel_spec kernel_spec_base(const struct kernel_spec *s)
{
	struct kernel_spec base = {.source = s->source, .has_kasan = s->has_kasan};

	/* Shorter than a name that fits. */
	(void)set_name(&base);
	return base;
}

const char *const *kernel_spec_options(const struct kernel_spec *s)
{
	return s->has_kasan ? kernel_kasan_options : NULL;
}

static void hash_text(XXH3_state_t *state, const char *text)
{
	XXH3_64bits_update(state, text, strlen(text) + 1);
}

static void hash_edit(XXH3_state_t *state, const struct kernel_edit *e)
{
	hash_text(state, e->name);
	for (const struct kernel_place *p = e->places; p->file; p++) {
		hash_text(state, p->file);
		hash_text(state, p->find);
		hash_text(state, p->put);
		if (p->function)
			hash_text(state, p->function);
	}
}

int kernel_spec_hash(const struct kernel_spec *s, char hash[KERNEL_HASH_SIZE])
{
	const struct kernel_config *c = s->source->config;
	autofree char *text = kernel_config_text(c, kernel_spec_options(s));
	XXH3_state_t *state = XXH3_createState();

	if (!text || !state) {
		XXH3_freeState(state);
		return -ENOMEM;
	}
	XXH3_64bits_reset(state);
	hash_text(state, c->recipe);
	hash_text(state, text);
	for (size_t i = 0; i < s->n_edits; i++)
		hash_edit(state, s->edits[i]);
	if (*s->patch)
		hash_text(state, s->patch);
	snprintf(hash, KERNEL_HASH_SIZE, "%016llx", (unsigned long long)XXH3_64bits_digest(state));
	XXH3_freeState(state);
	return 0;
}

char *kernel_spec_edits(const struct kernel_spec *s)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (size_t i = 0; i < s->n_edits; i++)
		fprintf(f, "%s%s", i ? "," : "", s->edits[i]->name);
	fputs(s->n_edits ? "" : "none", f);
	fclose(f);
	return text;
}

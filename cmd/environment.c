/* SPDX-License-Identifier: MIT */
#include "cmd/environment.h"

#include <string.h>

/* A name that ends in _ stands for all that begin with it. */
static const struct {
	const char *name;
	enum environment_for use;
} passes[] = {
	{ "PATH", ENVIRONMENT_PLAIN },
	{ "HOME", ENVIRONMENT_PLAIN },
	{ "LANG", ENVIRONMENT_PLAIN },
	{ "XDG_", ENVIRONMENT_PLAIN },
	{ "ASAN_OPTIONS", ENVIRONMENT_PLAIN }, /* of builds with sanitizers */
	{ "LSAN_OPTIONS", ENVIRONMENT_PLAIN },
	{ "UBSAN_OPTIONS", ENVIRONMENT_PLAIN },
	{ "http_proxy", ENVIRONMENT_NETWORK },
	{ "https_proxy", ENVIRONMENT_NETWORK },
	{ "HTTPS_PROXY", ENVIRONMENT_NETWORK },
	{ "all_proxy", ENVIRONMENT_NETWORK },
	{ "ALL_PROXY", ENVIRONMENT_NETWORK },
	{ "no_proxy", ENVIRONMENT_NETWORK },
	{ "NO_PROXY", ENVIRONMENT_NETWORK },
	{ "SSL_CERT_", ENVIRONMENT_NETWORK },
	{ "CURL_CA_BUNDLE", ENVIRONMENT_NETWORK },
};

static bool may_pass(const char *entry, enum environment_for use)
{
	for (size_t i = 0; i < ARRAY_LEN(passes); i++) {
		size_t size = strlen(passes[i].name);
		bool is_prefix = passes[i].name[size - 1] == '_';
		if (passes[i].use <= use && strncmp(entry, passes[i].name, size) == 0 &&
			(is_prefix || entry[size] == '='))
			return true;
	}
	return false;
}

char **environment_make(enum environment_for use, char *const *from)
{
	size_t count = 0, bytes = 0;
	for (char *const *entry = from; *entry; entry++)
		if (may_pass(*entry, use)) {
			count++;
			bytes += strlen(*entry) + 1;
		}
	char **made = xmalloc((count + 1) * sizeof(*made) + bytes);
	char *text = (char *)(made + count + 1);
	size_t at = 0;
	for (char *const *entry = from; *entry; entry++)
		if (may_pass(*entry, use)) {
			made[at++] = text;
			text = stpcpy(text, *entry) + 1;
		}
	made[at] = NULL;
	return made;
}

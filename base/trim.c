/* SPDX-License-Identifier: MIT */
#include "base/trim.h"

#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/io.h"

/* Only segments that can never have been written: a private page that was written has no copy in
 * the file.  A page shared with a writable segment is left alone. */
static void trim_segment(uintptr_t base, const ElfW(Phdr) *segment, uintptr_t page)
{
	uintptr_t from = base + segment->p_vaddr, to = from + segment->p_memsz;
	from = (from + page - 1) & ~(page - 1);
	to &= ~(page - 1);
	if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W) && from < to)
		(void)madvise((void *)from, to - from, MADV_DONTNEED);
}

static int trim_object(struct dl_phdr_info *object, size_t size, void *data)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	for (int i = 0; i < object->dlpi_phnum; i++)
		trim_segment(object->dlpi_addr, &object->dlpi_phdr[i], page);
	return 0;
}

/* A debugger's breakpoints are written into such pages, and would be lost. */
static bool is_debugged(void)
{
	cleanup(buf) struct buf status = BUF_INIT(64 << 10);
	(void)io_read_file(AT_FDCWD, "/proc/self/status", 64 << 10, &status);
	const char *tracer = strstr(buf_text(&status), "TracerPid:\t");
	return tracer && strncmp(tracer, "TracerPid:\t0\n", 13) != 0;
}

void trim_code(void)
{
	if (is_debugged())
		return;
	(void)dl_iterate_phdr(trim_object, NULL);
}

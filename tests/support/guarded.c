/* guarded: pages from the kernel, the last of them without any rights. */
#include "tests/support/guarded.h"

#include "proto/must.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void guarded_init(struct guarded *guarded, size_t most)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = (most / page + 1) * page;
    char *pages =
        mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(pages != MAP_FAILED);
    must(mprotect(pages + bytes, page, PROT_NONE) == 0);
    *guarded = (struct guarded){.pages = pages, .bytes = bytes};
}

void guarded_fini(struct guarded *guarded)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    must(munmap(guarded->pages, guarded->bytes + page) == 0);
    *guarded = (struct guarded){0};
}

char *guarded_last(const struct guarded *guarded, size_t count)
{
    must(count <= guarded->bytes);
    return guarded->pages + guarded->bytes - count;
}

char *guarded_copy(const struct guarded *guarded, const void *bytes, size_t count)
{
    char *copy = guarded_last(guarded, count);
    if (count > 0)
        memcpy(copy, bytes, count);
    return copy;
}

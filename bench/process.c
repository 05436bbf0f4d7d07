/* process: how much processor and memory a local server uses, as /proc tells. */
#include "bench/process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PROCESSES_MAX 4096

struct entry {
    int pid, parent;
    bool belongs;
    double cpu_s;
    uint64_t memory_bytes;
};

static bool read_entry(int pid, struct entry *out_entry);
static void mark(struct entry *entries, uint32_t count);

struct process_use process_use_of(int pid)
{
    struct process_use use = {0};
    struct entry *entries = calloc(PROCESSES_MAX, sizeof *entries);
    DIR *folder = opendir("/proc");
    uint32_t count = 0;
    struct dirent *name;
    while (entries != NULL && folder != NULL && (name = readdir(folder)) != NULL) {
        int number = (int)strtol(name->d_name, NULL, 10);
        if (number > 0 && count < PROCESSES_MAX && read_entry(number, &entries[count])) {
            entries[count].belongs = number == pid;
            count++;
        }
    }
    if (folder != NULL)
        closedir(folder);
    if (entries != NULL)
        mark(entries, count);
    for (uint32_t i = 0; i < count; i++) {
        if (!entries[i].belongs)
            continue;
        use.cpu_s += entries[i].cpu_s;
        use.memory_bytes += entries[i].memory_bytes;
        use.process_count++;
    }
    free(entries);
    return use;
}

double process_own_cpu_s(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static bool read_entry(int pid, struct entry *out_entry)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t count = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[count] = '\0';
    /* The name in brackets may hold anything. */
    const char *behind = strrchr(text, ')');
    unsigned long user, system, pages;
    long child_user, child_system;
    if (behind == NULL ||
        sscanf(behind + 1,
               " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld %*d %*d %*d %*d %*u "
               "%*u %lu",
               &out_entry->parent, &user, &system, &child_user, &child_system, &pages) != 6)
        return false;
    double ticks = (double)sysconf(_SC_CLK_TCK);
    out_entry->pid = pid;
    out_entry->cpu_s =
        ((double)user + (double)system + (double)child_user + (double)child_system) / ticks;
    out_entry->memory_bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return true;
}

/* Descendants, generation by generation. */
static void mark(struct entry *entries, uint32_t count)
{
    for (bool found = true; found;) {
        found = false;
        for (uint32_t i = 0; i < count; i++)
            for (uint32_t j = 0; !entries[i].belongs && j < count; j++)
                if (entries[j].belongs && entries[i].parent == entries[j].pid)
                    found = entries[i].belongs = true;
    }
}

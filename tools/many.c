/* many: starts processes and collects what they did; see many.h.
 *
 * A process writes what it prints and says into files in memory, and its counts into a page that
 * both share. It owns these and the list.
 */
#include "tools/many.h"

#include "tools/many_list.h"
#include "tools/progress.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REASON_BYTES 512
#define REDRAW_NS    (100 * 1000 * 1000)

struct job {
    pid_t process;     /* 0: free */
    size_t user;       /* index in the list */
    int printed, said; /* files in memory */
    struct run_counts *counts;
};

struct many {
    struct run *run;
    const struct many_work *work;
    struct many_list list;
    uint32_t job_count;
    struct job jobs[MANY_JOBS_MAX];
    struct run_counts *pages; /* one for each job */
    struct progress progress;
    struct run_counts sum; /* of the users who are done */
    size_t next, done, differing, failed;
    char **reasons; /* of each user who failed, else NULL */
    bool interrupted;
};

static enum ending prepare(struct many *many, const char *list, const char *source_template,
                           const char *jobs);
static bool start(struct many *many, struct job *job);
static void wait_a_while(struct many *many);
static void finish(struct many *many, struct job *job, int status);
static void show(int file, FILE *out, const char *user, char **out_last);
static enum ending summarise(const struct many *many);

enum ending many_run(struct run *run, const char *list, const char *source_template,
                     const char *jobs, const struct many_work *work)
{
    struct many many = {.run = run, .work = work};
    enum ending ending = prepare(&many, list, source_template, jobs);
    bool running = ending == ENDING_DONE;
    while (running) {
        running = false;
        for (uint32_t i = 0; i < many.job_count; i++) {
            struct job *job = &many.jobs[i];
            if (job->process == 0 && many.next < many.list.count && !many.interrupted)
                many.interrupted = !start(&many, job);
            running = running || job->process != 0;
        }
        if (running)
            wait_a_while(&many);
    }
    progress_hide(&many.progress);
    if (ending == ENDING_DONE)
        ending = summarise(&many);
    for (size_t i = 0; many.reasons != NULL && i < many.list.count; i++)
        free(many.reasons[i]);
    free(many.reasons);
    if (many.pages != NULL)
        munmap(many.pages, MANY_JOBS_MAX * sizeof many.pages[0]);
    many_list_free(&many.list);
    return ending;
}

static enum ending prepare(struct many *many, const char *list, const char *source_template,
                           const char *jobs)
{
    uint64_t number = MANY_JOBS_DEFAULT;
    sigset_t children;
    if (jobs != NULL &&
        (!span_number(span_of(jobs), &number) || number == 0 || number > MANY_JOBS_MAX))
        return command_fail(ENDING_USAGE, "--jobs %.20s is none: write a number from 1 to %d", jobs,
                            MANY_JOBS_MAX);
    many->job_count = (uint32_t)number;
    const enum ending ending = many_list_read(&many->list, list, source_template);
    if (ending != ENDING_DONE)
        return ending;
    void *pages = mmap(NULL, MANY_JOBS_MAX * sizeof many->pages[0], PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    many->pages = pages != MAP_FAILED ? pages : NULL;
    many->reasons = calloc(many->list.count + 1, sizeof many->reasons[0]);
    if (many->pages == NULL || many->reasons == NULL)
        return command_fail(ENDING_FAILED, "no memory for %zu users", many->list.count);
    command_watch_signals(many->run);
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, NULL);
    progress_begin(&many->progress, "message", many->list.count);
    return ENDING_DONE;
}

static void work_as_child(struct many *many, struct job *job)
{
    const struct many_user *user = &many->list.users[job->user];
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (dup2(job->printed, STDOUT_FILENO) < 0 || dup2(job->said, STDERR_FILENO) < 0)
        _exit(ENDING_FAILED);
    many->run->report = job->counts;
    const enum ending ending =
        many->work->one(many->run, user->name, user->source, many->work->context);
    fflush(stdout);
    _exit((int)ending);
}

/* False where the machine can start no more processes. */
static bool start(struct many *many, struct job *job)
{
    *job = (struct job){.user = many->next,
                        .printed = memfd_create("printed", MFD_CLOEXEC),
                        .said = memfd_create("said", MFD_CLOEXEC),
                        .counts = &many->pages[job - many->jobs]};
    *job->counts = (struct run_counts){.messages = 0};
    fflush(NULL);
    const pid_t process = job->printed >= 0 && job->said >= 0 ? fork() : -1;
    if (process == 0)
        work_as_child(many, job);
    if (process > 0) {
        job->process = process;
        many->next++;
        return true;
    }
    progress_hide(&many->progress);
    command_say("no more processes can be started: %s", strerror(errno));
    if (job->printed >= 0)
        close(job->printed);
    if (job->said >= 0)
        close(job->said);
    return false;
}

/* Until a process ends, or the bar is to be drawn. */
static void wait_a_while(struct many *many)
{
    const struct timespec patience = {.tv_nsec = REDRAW_NS};
    struct run_counts now = many->sum;
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigtimedwait(&children, NULL, &patience);
    const bool ends = !many->interrupted && command_is_interrupted(many->run);
    many->interrupted = many->interrupted || ends;
    for (uint32_t i = 0; i < many->job_count; i++) {
        struct job *job = &many->jobs[i];
        int status = 0;
        if (job->process == 0)
            continue;
        if (ends)
            kill(job->process, SIGTERM);
        if (waitpid(job->process, &status, WNOHANG) == job->process) {
            finish(many, job, status);
        } else {
            now.messages += job->counts->messages;
            now.bytes += job->counts->bytes;
        }
    }
    progress_step(&many->progress, now.messages, now.bytes, many->done);
}

static void finish(struct many *many, struct job *job, int status)
{
    const char *user = many->list.users[job->user].name;
    char *reason = NULL, text[RUN_COUNTS_BYTES];
    many->sum.messages += job->counts->messages;
    many->sum.bytes += job->counts->bytes;
    many->sum.known += job->counts->known;
    many->sum.skipped += job->counts->skipped;
    many->sum.failed += job->counts->failed;
    many->sum.removed += job->counts->removed;
    many->done++;
    progress_hide(&many->progress);
    show(job->printed, stdout, NULL, NULL);
    show(job->said, stderr, user, &reason);
    const bool ended = WIFEXITED(status) != 0;
    if (ended && WEXITSTATUS(status) == ENDING_DIFFERS) {
        many->differing++;
    } else if (!ended || WEXITSTATUS(status) != ENDING_DONE) {
        many->failed++;
        if (!ended)
            command_say("%s: the process was ended by signal %d", user, WTERMSIG(status));
        if (reason == NULL)
            reason = strdup("the process ended before it could say why");
        many->reasons[job->user] = reason;
        reason = NULL;
    }
    if (!many->progress.enabled && many->work->says_counts)
        printf("%s: %s\n", user, run_counts_text(job->counts, text));
    fflush(stdout);
    free(reason);
    close(job->printed);
    close(job->said);
    job->process = 0;
}

/* Copies what is in the file, each line with the user's name before it; the last line is kept. */
static void show(int file, FILE *out, const char *user, char **out_last)
{
    FILE *in = lseek(file, 0, SEEK_SET) == 0 ? fdopen(dup(file), "r") : NULL;
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    static const char ours[] = "ringpost: ";
    while (in != NULL && (length = getline(&line, &room, in)) > 0) {
        const char *text = line;
        if (user != NULL && strncmp(line, ours, sizeof ours - 1) == 0) {
            text += sizeof ours - 1;
            fputs(ours, out);
        }
        if (user != NULL)
            fprintf(out, "%s: ", user);
        fputs(text, out);
        if (out_last != NULL) {
            free(*out_last);
            *out_last = strndup(text, strcspn(text, "\n") < REASON_BYTES ? strcspn(text, "\n")
                                                                         : REASON_BYTES);
        }
    }
    free(line);
    if (in != NULL)
        fclose(in);
}

static enum ending summarise(const struct many *many)
{
    char users[PROGRESS_TEXT_BYTES], failed[PROGRESS_TEXT_BYTES], differing[PROGRESS_TEXT_BYTES],
        text[RUN_COUNTS_BYTES];
    printf("%s %s", many->work->verb, progress_count_of(many->done, "user", users));
    if (many->work->says_counts)
        printf(": %s", run_counts_text(&many->sum, text));
    else
        printf(": %s different", progress_count(many->differing, differing));
    printf("; %s failed\n", progress_count_of(many->failed, "user", failed));
    for (size_t i = 0; i < many->list.count; i++) {
        if (many->reasons[i] != NULL)
            printf("  %s: %s\n", many->list.users[i].name, many->reasons[i]);
    }
    if (many->next < many->list.count)
        return command_fail(ENDING_FAILED,
                            "interrupted: %zu users were not begun; the same command goes on where "
                            "this one has ended",
                            many->list.count - many->next);
    if (many->failed > 0)
        return ENDING_FAILED;
    return many->differing > 0 ? ENDING_DIFFERS : ENDING_DONE;
}

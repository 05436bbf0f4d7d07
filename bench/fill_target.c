/* fill_target: where the letters of ringbench fill go; Maildirs and mbox files themselves. */
#include "bench/fill_target.h"

#include "core/disk_posix.h"
#include "proto/dot.h"
#include "storage/mbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_BYTES 65536

static bool mailbox_path(struct fill_target *target);
static bool make_parents(struct fill_target *target);
static bool begin_maildir(struct fill_target *target);
static bool put_maildir(struct fill_target *target, const struct specimen *letter, uint64_t number,
                        uint64_t random);
static bool begin_mbox(struct fill_target *target);
static bool put_mbox(struct fill_target *target, const struct specimen *letter);

bool fill_target_open(struct fill_target *target, enum fill_kind kind, const char *place)
{
    memset(target, 0, sizeof *target);
    target->kind = kind;
    target->place = place;
    switch (kind) {
    case FILL_MAILDIR:
    case FILL_MBOX:
        return true;
    case FILL_NATIVE:
        return fill_native_open(target);
    case FILL_LMTP:
        return fill_lmtp_open(target);
    }
    return false;
}

void fill_target_close(struct fill_target *target)
{
    if (target->mbox != NULL)
        fclose(target->mbox);
    if (target->access.disk != NULL)
        disk_posix_close(&target->access.disk);
    free(target->access.scratch);
    if (target->server != NULL)
        fclose(target->server);
}

bool fill_target_begin(struct fill_target *target, struct span user)
{
    target->user = user;
    switch (target->kind) {
    case FILL_MAILDIR:
        return mailbox_path(target) && begin_maildir(target);
    case FILL_MBOX:
        return mailbox_path(target) && begin_mbox(target);
    case FILL_NATIVE:
        return fill_native_begin(target);
    case FILL_LMTP:
        return true;
    }
    return false;
}

bool fill_target_put(struct fill_target *target, const struct specimen *letter, uint64_t number,
                     uint64_t random)
{
    switch (target->kind) {
    case FILL_MAILDIR:
        return put_maildir(target, letter, number, random);
    case FILL_MBOX:
        return put_mbox(target, letter);
    case FILL_NATIVE:
        return fill_native_put(target, letter, random);
    case FILL_LMTP:
        return fill_lmtp_put(target, letter);
    }
    return false;
}

bool fill_target_end(struct fill_target *target)
{
    if (target->kind == FILL_NATIVE)
        return fill_native_end(target);
    if (target->mbox == NULL)
        return true;
    bool good = !ferror(target->mbox);
    good = fclose(target->mbox) == 0 && good;
    target->mbox = NULL;
    return good || fill_target_fail(target, "cannot write %s: %s", target->path, strerror(errno));
}

bool fill_target_finish(struct fill_target *target)
{
    int result = target->kind == FILL_NATIVE ? disk_posix_sync_all(target->access.disk) : 0;
    return result == 0 || fill_target_fail(target, "cannot write %s to the disk: %s", target->place,
                                           strerror(-result));
}

bool fill_target_fail(struct fill_target *target, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(target->error, sizeof target->error, format, arguments);
    va_end(arguments);
    return false;
}

/* PLACE/USER, or PLACE with the user's name in the place of %u. */
static bool mailbox_path(struct fill_target *target)
{
    const char *mark = strstr(target->place, "%u");
    struct span user = target->user;
    bool is_safe =
        user.length > 0 && user.bytes[0] != '.' && memchr(user.bytes, '/', user.length) == NULL;
    int length = mark == NULL ? snprintf(target->path, FILL_PATH_MAX, "%s/%.*s", target->place,
                                         (int)user.length, user.bytes)
                              : snprintf(target->path, FILL_PATH_MAX, "%.*s%.*s%s",
                                         (int)(mark - target->place), target->place,
                                         (int)user.length, user.bytes, mark + 2);
    if (is_safe && length < FILL_PATH_MAX - 128)
        return make_parents(target);
    return fill_target_fail(target, "the name of user %.*s makes no path",
                            (int)(user.length < 100 ? user.length : 100), user.bytes);
}

static bool make_parents(struct fill_target *target)
{
    for (char *slash = target->path; (slash = strchr(slash + 1, '/')) != NULL;) {
        *slash = '\0';
        int result = mkdir(target->path, 0777);
        int error = errno;
        *slash = '/';
        if (result != 0 && error != EEXIST)
            return fill_target_fail(target, "cannot make the folder of %s: %s", target->path,
                                    strerror(error));
    }
    return true;
}

static bool begin_maildir(struct fill_target *target)
{
    static const char *const folders[] = {"", "/tmp", "/cur", "/new"};
    size_t length = strlen(target->path);
    bool good = true;
    for (size_t i = 0; i < 4 && good; i++) {
        snprintf(target->path + length, FILL_PATH_MAX - length, "%s", folders[i]);
        good = mkdir(target->path, 0700) == 0;
    }
    int error = errno;
    target->path[length] = '\0';
    return good || fill_target_fail(target, "cannot make the Maildir %s: %s%s", target->path,
                                    strerror(error), error == EEXIST ? "; fill changes none" : "");
}

static bool put_maildir(struct fill_target *target, const struct specimen *letter, uint64_t number,
                        uint64_t random)
{
    char path[FILL_PATH_MAX + 128], bytes[COPY_BYTES];
    snprintf(path, sizeof path, "%s/new/%u.R%016llxM%llu.ringbench", target->path, letter->time_s,
             (unsigned long long)random, (unsigned long long)number);
    struct span wire = specimen_wire(letter);
    struct span rest = wire;
    struct dot_decoder decoder;
    dot_decoder_init(&decoder, DOT_TO_LF);
    FILE *file = fopen(path, "wxe");
    while (file != NULL && !dot_decoder_ended(&decoder)) {
        size_t count = dot_decode(&decoder, &rest, bytes, sizeof bytes);
        fwrite(bytes, 1, count, file);
    }
    free((char *)(uintptr_t)wire.bytes);
    bool good = file != NULL && fflush(file) == 0 && !ferror(file);
    if (good) {
        struct timespec times[2] = {{.tv_sec = letter->time_s}, {.tv_sec = letter->time_s}};
        good = futimens(fileno(file), times) == 0;
    }
    int error = errno;
    if (file != NULL)
        fclose(file);
    return good || fill_target_fail(target, "cannot write %s: %s", path, strerror(error));
}

static bool begin_mbox(struct fill_target *target)
{
    target->mbox = fopen(target->path, "wxe");
    return target->mbox != NULL ||
           fill_target_fail(target, "cannot make the folder %s: %s%s", target->path,
                            strerror(errno), errno == EEXIST ? "; fill changes none" : "");
}

static bool put_mbox(struct fill_target *target, const struct specimen *letter)
{
    char bytes[COPY_BYTES];
    struct span wire = specimen_wire(letter);
    struct span rest = wire;
    struct mbox_writer writer;
    mbox_writer_init(&writer, letter->time_s);
    while (!mbox_writer_is_done(&writer))
        fwrite(bytes, 1, mbox_write(&writer, &rest, bytes, sizeof bytes), target->mbox);
    free((char *)(uintptr_t)wire.bytes);
    return !ferror(target->mbox) ||
           fill_target_fail(target, "cannot write %s: %s", target->path, strerror(errno));
}

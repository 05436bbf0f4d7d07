/* output: files that a person has asked for; "-" is standard output. */
#include "bench/output.h"

#include "bench/option.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool complain(const char *path, int error);

bool output_try(const char *path)
{
    struct stat status;
    if (output_is_stdout(path))
        return true;
    if (stat(path, &status) == 0) {
        if (S_ISDIR(status.st_mode))
            return complain(path, EISDIR);
        return access(path, W_OK) == 0 || complain(path, errno);
    }
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file < 0)
        return complain(path, errno);
    close(file);
    (void)unlink(path);
    return true;
}

bool output_is_stdout(const char *path)
{
    return strcmp(path, "-") == 0;
}

FILE *output_open(const char *path)
{
    FILE *file = output_is_stdout(path) ? stdout : fopen(path, "we");
    if (file == NULL)
        complain(path, errno);
    return file;
}

bool output_close(FILE *file, const char *path)
{
    errno = 0;
    bool is_whole = !ferror(file);
    is_whole = (file == stdout ? fflush(file) : fclose(file)) == 0 && is_whole;
    return is_whole || complain(path, errno != 0 ? errno : EIO);
}

static bool complain(const char *path, int error)
{
    return option_complain("cannot write %s: %s", output_is_stdout(path) ? "standard output" : path,
                           strerror(error));
}

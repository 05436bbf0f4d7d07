/* ringpostd: the command line.
 *
 * Reads the options, checks the configuration or runs the house (core/house.h) in the foreground.
 */
#include "core/allocator.h"
#include "core/house.h"
#include "core/ring.h"
#include "core/tls_library.h"
#include "proto/must.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#define EXIT_WRONG_START 2

static int run(const char *config_path, bool check_only);
static void print_version(void);
static void print_usage(FILE *stream);

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"check", no_argument, NULL, 't'},
        {"version", no_argument, NULL, 'V'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *config_path = CONFIG_PATH_DEFAULT;
    bool check_only = false;
    for (int option; (option = getopt_long(argc, argv, "c:tVh", options, NULL)) != -1;) {
        switch (option) {
        case 'c':
            config_path = optarg;
            break;
        case 't':
            check_only = true;
            break;
        case 'V':
            print_version();
            return EXIT_SUCCESS;
        case 'h':
            print_usage(stdout);
            return EXIT_SUCCESS;
        default:
            print_usage(stderr);
            return EXIT_WRONG_START;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "ringpostd: \"%s\" is not understood; options begin with a dash\n",
                argv[optind]);
        print_usage(stderr);
        return EXIT_WRONG_START;
    }
    return run(config_path, check_only);
}

static int run(const char *config_path, bool check_only)
{
    char error[1024];
    struct house *house = house_prepare(config_path, error, sizeof error);
    if (house != NULL && check_only) {
        printf("%s: good; %u users\n", house_config(house)->path, house_users(house));
        house_free(&house);
        return EXIT_SUCCESS;
    }
    bool is_running = house != NULL && house_start(house, error, sizeof error);
    if (is_running)
        house_run(house);
    else
        fprintf(stderr, "ringpostd: %s\n", error);
    house_free(&house);
    return is_running ? EXIT_SUCCESS : EXIT_WRONG_START;
}

static void print_version(void)
{
    struct utsname kernel;
    struct ring ring;
    char error[256], tls_library[128];
    uname(&kernel);
    tls_library_describe(tls_library, sizeof tls_library);
    printf("ringpostd %s\n", RINGPOST_VERSION);
    printf("allocator %s\n", allocator_name());
    printf("%s\n", tls_library);
    if (ring_init(&ring, error, sizeof error)) {
        printf("Linux %s: io_uring works\n", kernel.release);
        ring_fini(&ring);
    } else {
        printf("Linux %s: %s\n", kernel.release, error);
    }
}

static void print_usage(FILE *stream)
{
    fprintf(
        stream,
        "usage: ringpostd [-c FILE] [-t]\n"
        "  -c, --config FILE  configuration (default %s)\n"
        "  -t, --check        check the configuration and the users, then exit\n"
        "  -V, --version      print version and features\n"
        "  -h, --help         print this\n"
        "Runs in the foreground and logs to stderr. Signals: HUP reads the users anew, TERM and\n"
        "INT let sessions end and stop, USR1 logs counters. See ringpostd(8).\n",
        CONFIG_PATH_DEFAULT);
}

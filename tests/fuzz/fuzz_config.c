/* fuzz_config: any bytes as a configuration file.
 *
 * What is refused has a sentence that begins with the file's name and leaves nothing to free. What
 * is accepted keeps every limit inside its range and has an address to listen on.
 */
#include "core/config.h"
#include "proto/must.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

static struct config config;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    char path[64], error[1024] = "";
    int file = memfd_create("config", MFD_CLOEXEC);
    must(file >= 0 && write(file, bytes, count) == (ssize_t)count);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    if (config_read(path, &config, error, sizeof error)) {
        must(config.listener_count >= 1 && config.listener_count <= CONFIG_LISTENERS_MAX);
        must(config.idle_ms >= 600000 && config.login_ms >= 10000);
        must(config.refusals_before_login_max >= 3 && config.refusals_before_login_max <= 10);
        must(config.connections_max >= 1 && config.disk_threads >= 1);
        must(config.recipients_max >= 100 && config.delivery_threads >= 1 &&
             config.delivery_queue_max >= 1 && config.lmtp_ms >= 10000);
        for (uint32_t i = 0; i < config.listener_count; i++)
            must(config.listeners[i].protocol < CONFIG_PROTOCOLS &&
                 config.listeners[i].mode <= 0777);
        for (uint32_t i = 0; i < config.tls_count; i++)
            must(config.tls[i].certificate[0] != '\0' && config.tls[i].key[0] != '\0');
        config_free(&config);
    } else {
        must(strstr(error, path) != NULL);
    }
    close(file);
    return 0;
}

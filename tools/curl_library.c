/* curl_library: dlopen(3) of libcurl's flavours; see curl_library.h.
 *
 * All flavours have the same functions; any will do.
 */
#include "tools/curl_library.h"

#include <dlfcn.h>
#include <stdio.h>

static const char *const names[] = {"libcurl-gnutls.so.4", "libcurl.so.4", "libcurl.so"};

bool curl_library_load(struct curl_library *out_library, char *out_error, size_t error_bytes)
{
    void *library = NULL;
    CURLcode (*global_init)(long flags) = NULL;
    *out_library = (struct curl_library){.easy_init = NULL};
    for (size_t i = 0; library == NULL && i < sizeof names / sizeof names[0]; i++)
        library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        snprintf(out_error, error_bytes,
                 "libcurl is needed for POP3 and is not installed: install the package "
                 "libcurl3-gnutls or libcurl4");
        return false;
    }
    /* POSIX lets the address of a function be taken through a pointer to void. */
    *(void **)&global_init = dlsym(library, "curl_global_init");
    *(void **)&out_library->easy_init = dlsym(library, "curl_easy_init");
    *(void **)&out_library->easy_setopt = dlsym(library, "curl_easy_setopt");
    *(void **)&out_library->easy_perform = dlsym(library, "curl_easy_perform");
    *(void **)&out_library->easy_getinfo = dlsym(library, "curl_easy_getinfo");
    *(void **)&out_library->easy_send = dlsym(library, "curl_easy_send");
    *(void **)&out_library->easy_recv = dlsym(library, "curl_easy_recv");
    *(void **)&out_library->easy_cleanup = dlsym(library, "curl_easy_cleanup");
    *(void **)&out_library->easy_strerror = dlsym(library, "curl_easy_strerror");
    if (global_init == NULL || out_library->easy_init == NULL || out_library->easy_setopt == NULL ||
        out_library->easy_perform == NULL || out_library->easy_getinfo == NULL ||
        out_library->easy_send == NULL || out_library->easy_recv == NULL ||
        out_library->easy_cleanup == NULL || out_library->easy_strerror == NULL ||
        global_init(CURL_GLOBAL_ALL) != CURLE_OK) {
        snprintf(out_error, error_bytes, "the installed libcurl cannot be used");
        return false;
    }
    return true;
}

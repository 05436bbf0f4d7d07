/* curl_library: libcurl, loaded when a command first needs it.
 *
 * libcurl brings thirty libraries, and starting with them takes ten milliseconds. `deliver`, which
 * a mail server starts for each message, must not pay that; so the program is not linked with it.
 * It owns the handle of the library, which stays loaded until the process ends.
 */
#ifndef RINGPOST_TOOLS_CURL_LIBRARY_H
#define RINGPOST_TOOLS_CURL_LIBRARY_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

struct curl_library {
    CURL *(*easy_init)(void);
    CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
    CURLcode (*easy_perform)(CURL *easy);
    CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
    CURLcode (*easy_send)(CURL *easy, const void *bytes, size_t count, size_t *out_sent);
    CURLcode (*easy_recv)(CURL *easy, void *buffer, size_t room, size_t *out_received);
    void (*easy_cleanup)(CURL *easy);
    const char *(*easy_strerror)(CURLcode code);
};

/* Loads the library. False, and a sentence in `out_error`, where it is not there. */
bool curl_library_load(struct curl_library *out_library, char *out_error, size_t error_bytes);

#endif

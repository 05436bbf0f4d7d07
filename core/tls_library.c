/* tls_library: what the linked wolfSSL can do with this processor. */
#include "core/tls_library.h"

#include "proto/must.h"

#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <stdio.h>
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

/* Named by the options that the library was built with. */
#if defined(WOLFSSL_AESNI)
#define AES_INSTRUCTIONS "AES-NI"
#elif defined(WOLFSSL_ARMASM)
#define AES_INSTRUCTIONS "ARMv8 AES"
#else
#define AES_INSTRUCTIONS ""
#endif
#if defined(WOLFSSL_SP_ASM)
#define FAST_NUMBERS ", SP"
#else
#define FAST_NUMBERS ""
#endif

static bool library_has_aes(void);
static bool processor_has_aes(void);

bool tls_library_is_accelerated(void)
{
    return library_has_aes() && processor_has_aes();
}

void tls_library_describe(char *out, size_t out_bytes)
{
    must(out_bytes > 0);
    const char *version = wolfSSL_lib_version();
    if (!library_has_aes())
        snprintf(
            out, out_bytes,
            "wolfSSL %s, not accelerated: TLS will be slow; run tools/wolfssl --build, then make",
            version);
    else if (!processor_has_aes())
        snprintf(out, out_bytes,
                 "wolfSSL %s, not accelerated: TLS will be slow; this processor has no AES",
                 version);
    else
        snprintf(out, out_bytes, "wolfSSL %s, accelerated (" AES_INSTRUCTIONS FAST_NUMBERS ")",
                 version);
}

static bool library_has_aes(void)
{
    return sizeof AES_INSTRUCTIONS > 1;
}

static bool processor_has_aes(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
    return (getauxval(AT_HWCAP) & HWCAP_AES) != 0;
#else
    return false;
#endif
}

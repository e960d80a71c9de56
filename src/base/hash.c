/* Hashes; see hash.h. */
#include "base/hash.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

int dbki_hash_columns(const char *const *fields, size_t count, char out_hex[DBKI_SHA1_HEX_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int ok = context && EVP_DigestInit_ex(context, EVP_sha1(), NULL);
    for (size_t i = 0; ok && i < count; i++) {
        const char *field = fields[i] ? fields[i] : "\xF5";
        ok = (i == 0 || EVP_DigestUpdate(context, "", 1)) &&
             EVP_DigestUpdate(context, field, strlen(field));
    }
    ok = ok && EVP_DigestFinal_ex(context, digest, &digest_len);
    EVP_MD_CTX_free(context);
    if (!ok)
        return -1;
    for (unsigned i = 0; i < digest_len; i++)
        snprintf(out_hex + 2 * i, 3, "%02x", digest[i]);
    return 0;
}

uint64_t dbki_hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *s = bytes;
    hash = hash ? hash : 14695981039346656037u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ s[i]) * 1099511628211u;
    return hash;
}

uint64_t dbki_hash_number(uint64_t hash, uint64_t number)
{
    hash = (hash ^ number) * 0x9E3779B97F4A7C15u;
    return hash << 29 | hash >> 35;
}

/* Four lanes, which a processor works on side by side. */
uint64_t dbki_hash_block(uint64_t hash, const void *bytes, size_t len)
{
    const unsigned char *s = bytes;
    uint64_t lanes[4] = {hash, ~hash, hash + 1, len};
    uint64_t words[4];
    for (; len >= sizeof words; s += sizeof words, len -= sizeof words) {
        memcpy(words, s, sizeof words);
        for (int i = 0; i < 4; i++)
            lanes[i] = dbki_hash_number(lanes[i], words[i]);
    }
    for (int i = 0; i < 4; i++)
        hash = dbki_hash_number(hash, lanes[i]);
    return len ? dbki_hash_bytes(hash, s, len) : hash;
}

/* Hashes: Buildbot's of columns, and a quick one for tables in memory. */
#ifndef DBKI_HASH_H
#define DBKI_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { DBKI_SHA1_HEX_SIZE = 41 };

/*
 * The hash that Buildbot keeps beside names and sourcestamps: SHA-1 over the UTF-8 of the fields joined
 * by a zero byte, NULL being the byte F5. out_hex gets 40 digits and a zero byte.
 * Result: 0, or -1 when out of memory.
 */
int dbki_hash_columns(const char *const *fields, size_t count, char out_hex[DBKI_SHA1_HEX_SIZE]);

/* FNV-1a over len bytes, going on from `hash` (0 to begin). */
uint64_t dbki_hash_bytes(uint64_t hash, const void *bytes, size_t len);

/* Another one for large blocks, some ten times as quick, going on from `hash` (0 to begin). The same bytes
 * cut into other blocks give another hash. */
uint64_t dbki_hash_block(uint64_t hash, const void *bytes, size_t len);

/* That one for a single number. */
uint64_t dbki_hash_number(uint64_t hash, uint64_t number);

#endif

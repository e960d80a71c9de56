/* Columns, which come in PostgreSQL's binary form, as values. */
#include "engine/postgres/conn.h"

#include <endian.h>
#include <string.h>

/* The types that Buildbot's tables and our statements have, by their fixed numbers (pg_type.dat). */
enum type {
    TYPE_BOOL = 16,
    TYPE_BYTEA = 17,
    TYPE_NAME = 19,
    TYPE_INT8 = 20,
    TYPE_INT2 = 21,
    TYPE_INT4 = 23,
    TYPE_TEXT = 25,
    TYPE_OID = 26,
    TYPE_JSON = 114,
    TYPE_UNKNOWN = 705,
    TYPE_BPCHAR = 1042,
    TYPE_VARCHAR = 1043,
    TYPE_NUMERIC = 1700,
};

static int16_t read_int2(const char *bytes)
{
    uint16_t number;
    memcpy(&number, bytes, sizeof number);
    return (int16_t)be16toh(number);
}

static int32_t read_int4(const char *bytes)
{
    uint32_t number;
    memcpy(&number, bytes, sizeof number);
    return (int32_t)be32toh(number);
}

static int64_t read_int8(const char *bytes)
{
    uint64_t number;
    memcpy(&number, bytes, sizeof number);
    return (int64_t)be64toh(number);
}

/* What sum() gives: digits to the base of 10,000, the first with the weight that is given. */
static int64_t read_numeric(const char *bytes)
{
    enum { HEAD = 8, NEGATIVE = 0x4000 };
    int count = read_int2(bytes), weight = read_int2(bytes + 2);
    int64_t number = 0;
    for (int i = 0; i <= weight; i++) {
        int64_t digit = i < count ? read_int2(bytes + HEAD + 2 * i) : 0;
        if (__builtin_mul_overflow(number, (int64_t)10000, &number) ||
            __builtin_add_overflow(number, digit, &number)) {
            number = INT64_MAX;
            break;
        }
    }
    return read_int2(bytes + 4) == NEGATIVE ? -number : number;
}

bool dbki_postgres_cell(const PGresult *result, int row, int column, struct dbki_value *out_value)
{
    const char *bytes = PQgetvalue(result, row, column);
    size_t len = (size_t)PQgetlength(result, row, column);
    if (PQgetisnull(result, row, column)) {
        *out_value = dbki_text(NULL);
        return true;
    }
    switch (PQftype(result, column)) {
    case TYPE_BOOL:
        *out_value = dbki_int(bytes[0] != 0);
        return true;
    case TYPE_INT2:
        *out_value = dbki_int(read_int2(bytes));
        return true;
    case TYPE_INT4:
    case TYPE_OID:
        *out_value = dbki_int(read_int4(bytes));
        return true;
    case TYPE_INT8:
        *out_value = dbki_int(read_int8(bytes));
        return true;
    case TYPE_NUMERIC:
        *out_value = dbki_int(read_numeric(bytes));
        return true;
    case TYPE_BYTEA:
        *out_value = dbki_blob(bytes, len);
        return true;
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
    case TYPE_NAME:
    case TYPE_JSON:
    case TYPE_UNKNOWN: /* libpq puts a zero byte behind every value */
        *out_value = dbki_text_n(bytes, len);
        return true;
    default:
        return false;
    }
}

/*
 * Characters of UTF-8 text: see utf8.h.
 */
#include "utf8.h"

size_t utf8_decode(const char *bytes, uint32_t *out_point)
{
    const unsigned char *text = (const unsigned char *)bytes;
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = text[0];
    size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (len < 2) {
        *out_point = first;
        return len;
    }
    uint32_t point = first & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        point = point << 6 | (text[i] & 0x3f);
    }
    if (point < least[len] || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return 0;
    *out_point = point;
    return len;
}

bool utf8_is_direction_mark(uint32_t point)
{
    return point == 0x061c || (point >= 0x200e && point <= 0x200f) ||
           (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

bool utf8_is_control(uint32_t point)
{
    return point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0x2028 || point == 0x2029;
}

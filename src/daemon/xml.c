/*
 * Text within XML: see xml.h.
 */
#include "xml.h"

#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd"

void xml_text(FILE *file, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        /* U+FFFE and U+FFFF: three bytes, that begin like others of the private area. */
        if (!strncmp(text, "\xef\xbf\xbe", 3) || !strncmp(text, "\xef\xbf\xbf", 3)) {
            fputs(REPLACEMENT, file);
            text += 2;
        } else if (strchr("<>&\"'\t\n\r", c)) {
            fprintf(file, "&#%d;", c);
        } else if (c < 0x20) {
            fputs(REPLACEMENT, file);
        } else {
            putc(c, file);
        }
    }
}

/*
 * Text within XML and SVG.
 */
#ifndef DAEMON_XML_H
#define DAEMON_XML_H

#include <stdio.h>

/* Writes text so that it means itself, in an attribute's quotes too. What XML has no way to say becomes U+FFFD. */
void xml_text(FILE *file, const char *text);

#endif

/*
 * The files of the page, as they lie in web/ and in the program: tools/embed-page writes the table.
 */
#ifndef DAEMON_PAGE_FILES_H
#define DAEMON_PAGE_FILES_H

struct page_file {
    const char *name;         /* "app.js" */
    const char *begin, *end;  /* its bytes */
    const char *content_type; /* with its charset */
};

/* What stands in the addresses of all of them: it changes with any of them, so that what a browser keeps
 * is never a mix of two versions. */
extern const char page_hash[];

/* Ends with a NULL name. The first one is what is given at "/". */
extern const struct page_file page_files[];

#endif

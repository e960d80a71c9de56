/* A text that grows. When memory is out it stays as it is and remembers that. One thread. */
#ifndef DBKI_BUF_H
#define DBKI_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct dbki_buf {
    char *text; /* ends with a zero byte; NULL while empty */
    size_t len, size;
    bool is_out_of_memory;
};

/* Zeroed is empty. */
void dbki_buf_add(struct dbki_buf *buf, const char *text);
void dbki_buf_add_n(struct dbki_buf *buf, const char *bytes, size_t len);
void dbki_buf_addf(struct dbki_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void dbki_buf_fini(struct dbki_buf *buf);

#endif

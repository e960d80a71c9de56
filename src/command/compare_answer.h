/* Whether two answers of the REST API say the same, and where they first differ. */
#ifndef COMPARE_ANSWER_H
#define COMPARE_ANSWER_H

#include "http.h"

enum { COMPARE_TEXT_SIZE = 96 };

struct compare_difference {
    char place[COMPARE_TEXT_SIZE];   /* "builds[0].results"; "status"; "bytes" */
    char said[2][COMPARE_TEXT_SIZE]; /* what stands there on either side, perhaps cut */
};

/* JSON is compared by what it says, anything else byte by byte; of refusals the status alone. Of a page (the question has
 * a limit or an offset) some masters give the number of its records as the total, and not that of all that match: that
 * is no difference, and is told by *out_is_page_total. Result: whether they are the same; if not, *out_difference. */
bool compare_answers(const struct http_answer *master, const struct http_answer *daybook,
                     bool is_page, struct compare_difference *out_difference,
                     bool *out_is_page_total);

#endif

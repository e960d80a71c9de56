/*
 * What the notifier knows of builders. Not for when it is told (notifier.h).
 */
#ifndef DAEMON_NOTIFY_BUILDERS_H
#define DAEMON_NOTIFY_BUILDERS_H

#include "serve.h"
#include "turn.h"

struct ward {
    int64_t builderid;
    char *name;
    bool is_told;    /* of its turns */
    int64_t every_s; /* in which it is to end a build; 0: any time */
    enum verdict verdict;
    bool is_verdict_known; /* false: the database has not been asked what its last build says */
    int64_t counted_at;    /* when the build ended that the verdict is of; DBK_NONE: not known */
    int64_t counted;       /* its number */
    int64_t last_at;       /* when a build that counts last ended; DBK_NONE: none has */
    bool is_last_known;    /* false: the database has not been asked for it */
    bool is_to_be_checked; /* its turns may have been missed */
    int64_t since;         /* without one: since when one is waited for; DBK_NONE: not yet */
    int64_t late_at; /* see lateness_of(): for which it was told that it is late; or DBK_NONE */
};

/* By id. Pointers to wards are good until the next one is added. */
struct wards {
    struct ward *list;
    size_t count, room;
};

/* Result: NULL: it is not known. */
struct ward *wards_find(const struct wards *wards, int64_t builderid);

/* Finds a builder or adds it, with what the options say of a builder of that name. Result: NULL when out of memory. */
struct ward *wards_add(struct wards *wards, int64_t builderid, const char *name,
                       const struct notify_options *options);

/* Puts question marks in place of what is no UTF-8, which old databases hold, and of what a terminal obeys. */
void text_mend(char *text);

void wards_fini(struct wards *wards);

#endif

/* An intrusive list that is open at both ends: the queues of the store. Whoever owns it locks it. */
#ifndef DBKI_LIST_H
#define DBKI_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct dbki_link {
    struct dbki_link *prev, *next;
};

/* The list's own link stands before its first and after its last. */
struct dbki_list {
    struct dbki_link ends;
};

static inline void dbki_list_init(struct dbki_list *list)
{
    list->ends.prev = list->ends.next = &list->ends;
}

static inline bool dbki_list_is_empty(const struct dbki_list *list)
{
    return list->ends.next == &list->ends;
}

static inline void dbki_list_append(struct dbki_list *list, struct dbki_link *link)
{
    link->prev = list->ends.prev;
    link->next = &list->ends;
    link->prev->next = link;
    list->ends.prev = link;
}

static inline void dbki_list_prepend(struct dbki_list *list, struct dbki_link *link)
{
    link->next = list->ends.next;
    link->prev = &list->ends;
    link->next->prev = link;
    list->ends.next = link;
}

static inline void dbki_list_remove(struct dbki_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = link->next = NULL;
}

/* The first one, or NULL. */
static inline struct dbki_link *dbki_list_first(const struct dbki_list *list)
{
    return dbki_list_is_empty(list) ? NULL : list->ends.next;
}

static inline struct dbki_link *dbki_list_take_first(struct dbki_list *list)
{
    struct dbki_link *link = dbki_list_first(list);
    if (link)
        dbki_list_remove(link);
    return link;
}

/* Moves all of `from` to the end of `to`. */
static inline void dbki_list_move_all(struct dbki_list *to, struct dbki_list *from)
{
    if (dbki_list_is_empty(from))
        return;
    from->ends.next->prev = to->ends.prev;
    to->ends.prev->next = from->ends.next;
    from->ends.prev->next = &to->ends;
    to->ends.prev = from->ends.prev;
    dbki_list_init(from);
}

#endif

/* Rules of what is kept: see retention.h. Any thread, one at a time. */
#include "connector/retention.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RULES_MAX = 100, RULE_LEN_MAX = 1000, LINE_SIZE = RULE_LEN_MAX + 100 };
enum { DAY_S = 24 * 60 * 60 };
static const int64_t AGE_MIN_S = 60, AGE_MAX_S = 100LL * 366 * DAY_S, KEEP_MAX = 100000;
/* The library keeps both no longer than that (trim.c); of keys whole weeks go at once. */
static const int64_t EVENTS_MIN_S = 60 * 60, KEYS_MIN_S = DAY_S, TRIMMED_S = 7 * DAY_S;

static const char *const KINDS[] = {"builds", "outputs", "data"};

/* ---------------------------------------------------------------------------------- grammar ---- */

/* "90m", "12h", "30d", "8w", "2y": a bare number is none, since one should not have to guess when records go. */
static bool read_age(const char *text, int64_t min_s, int64_t max_s, int64_t *out_s)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'m', 60}, {'h', 60 * 60}, {'d', DAY_S}, {'w', 7 * DAY_S}, {'y', 365 * DAY_S}};
    size_t digits = strspn(text, "0123456789");
    if (!digits || digits > 9 || !text[digits] || text[digits + 1])
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (units[i].letter == text[digits]) {
            *out_s = strtoll(text, NULL, 10) * units[i].seconds;
            return *out_s >= min_s && *out_s <= max_s;
        }
    return false;
}

static bool read_count(const char *text, int64_t *out_count)
{
    long long count;
    if (text[strspn(text, "0123456789")] || !dbki_text_int(text, &count) || count < 1 ||
        count > KEEP_MAX)
        return false;
    *out_count = count;
    return true;
}

/* Where the first of a rule's words stands behind a pattern, which may hold blanks itself; NULL: nowhere. */
static char *find_words(char *text)
{
    static const char *const words[] = {" older ", " keep ", " failures "};
    char *first = NULL;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        char *found = strstr(text, words[i]);
        if (found && (!first || found < first))
            first = found;
    }
    return first;
}

/* Takes the next word off a text. Result: NULL: there is none. */
static char *take_word(char **text)
{
    char *word = *text + strspn(*text, " \t"), *end = word + strcspn(word, " \t");
    if (!*word)
        return NULL;
    *text = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

#define REFUSE(error, ...) dbki_error_set(error, DBK_INVALID, __VA_ARGS__)

/* One word with its value. */
static int read_clause(struct dbki_rule *rule, const char *word, const char *value,
                       struct dbk_error *error)
{
    bool is_older = !strcmp(word, "older"), is_failures = !strcmp(word, "failures");
    int64_t *place = is_older      ? &rule->older_s
                     : is_failures ? &rule->failures_s
                                   : &rule->keep_count;
    if (!is_older && !is_failures && strcmp(word, "keep") != 0)
        return REFUSE(error, "a rule has no word '%.40s': there is older, keep and failures", word);
    if (*place != DBK_NONE)
        return REFUSE(error, "'%.40s' stands twice in a rule", word);
    if (place == &rule->keep_count)
        return value && read_count(value, place)
                   ? DBK_OK
                   : REFUSE(error, "keep needs a number of builds, 1 to 100000, not '%.40s'",
                            value ? value : "");
    return value && read_age(value, AGE_MIN_S, AGE_MAX_S, place)
               ? DBK_OK
               : REFUSE(error,
                        "an age is a number with a unit, as in 90m, 12h, 30d, 8w, 2y, not '%.40s'",
                        value ? value : "");
}

/* `text` is cut into words. */
static int read_rule(char *text, struct dbki_rule *out_rule, struct dbk_error *error)
{
    struct dbki_rule rule = {.older_s = DBK_NONE, .keep_count = DBK_NONE, .failures_s = DBK_NONE};
    char *words = find_words(text), *word;
    if (!words || words == text)
        return REFUSE(error, "a rule is as in '* older 90d', 'nightly-* keep 50', not '%.80s'",
                      text);
    *words++ = '\0';
    while ((word = take_word(&words))) {
        int status = read_clause(&rule, word, take_word(&words), error);
        if (status)
            return status;
    }
    if (rule.older_s == DBK_NONE && rule.keep_count == DBK_NONE)
        return REFUSE(error, "%s",
                      "a rule needs older or keep: failures alone says of what nothing goes");
    rule.builders = text;
    *out_rule = rule;
    return DBK_OK;
}

/* --------------------------------------------------------------------------------- retention ---- */

struct dbk_retention *dbk_retention_new(void)
{
    struct dbk_retention *retention = dbki_calloc(1, sizeof *retention);
    if (retention)
        retention->events_s = retention->keys_s = DBK_NONE;
    return retention;
}

void dbk_retention_free(struct dbk_retention *retention)
{
    if (!retention)
        return;
    for (int kind = 0; kind < DBKI_KEPT_KINDS; kind++) {
        for (int i = 0; i < retention->rules[kind].count; i++)
            dbki_free(retention->rules[kind].all[i].builders);
        dbki_free(retention->rules[kind].all);
    }
    dbki_free(retention);
}

/* Keeps a rule with a pattern of its own. Result: 0, DBK_INVALID (there are too many) or DBK_NO_MEMORY. */
static int append(struct dbki_rules *rules, const struct dbki_rule *rule, struct dbk_error *error)
{
    if (rules->count == RULES_MAX)
        return REFUSE(error, "there are more than 100 rules of one kind");
    struct dbki_rule *grown =
        dbki_realloc(rules->all, (size_t)(rules->count + 1) * sizeof *rules->all);
    if (grown)
        rules->all = grown;
    size_t size = strlen(rule->builders) + 1;
    char *builders = grown ? dbki_malloc(size) : NULL;
    if (!builders)
        return dbki_error_set(error, DBK_NO_MEMORY, "out of memory");
    memcpy(builders, rule->builders, size);
    grown[rules->count] = *rule;
    grown[rules->count++].builders = builders;
    return DBK_OK;
}

/* Result: 0, DBK_INVALID (there are too many) or DBK_NO_MEMORY. */
static int append_all(struct dbk_retention *retention, const struct dbk_retention *more,
                      struct dbk_error *error)
{
    int status = DBK_OK;
    for (int kind = 0; kind < DBKI_KEPT_KINDS; kind++)
        for (int i = 0; i < more->rules[kind].count && !status; i++)
            status = append(&retention->rules[kind], &more->rules[kind].all[i], error);
    if (retention->events_s == DBK_NONE)
        retention->events_s = more->events_s;
    if (retention->keys_s == DBK_NONE)
        retention->keys_s = more->keys_s;
    retention->is_refused |= more->is_refused || status;
    return status;
}

int dbk_retention_add_all(struct dbk_retention *retention, const struct dbk_retention *more,
                          struct dbk_error *out_error)
{
    struct dbk_error error;
    dbki_error_clear(&error);
    int status = retention && more && retention != more
                     ? append_all(retention, more, &error)
                     : REFUSE(&error, "retention and more must not be NULL, nor the same");
    if (status && out_error)
        *out_error = error;
    return status;
}

struct dbk_retention *dbki_retention_dup(const struct dbk_retention *retention)
{
    struct dbk_retention *copy = dbk_retention_new();
    if (copy && dbk_retention_add_all(copy, retention, NULL)) {
        dbk_retention_free(copy);
        return NULL;
    }
    return copy;
}

static int add_rule(struct dbki_rules *rules, const char *text, struct dbk_error *error)
{
    char words[RULE_LEN_MAX + 1];
    struct dbki_rule rule;
    size_t len = strlen(text);
    while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    if (len > RULE_LEN_MAX || !dbki_text_is_valid(text, len, NULL))
        return REFUSE(error, "a rule is UTF-8 of at most 1000 bytes");
    snprintf(words, sizeof words, "%.*s", (int)len, text);
    int status = read_rule(words + strspn(words, " \t"), &rule, error);
    return status ? status : append(rules, &rule, error);
}

static int set_age(int64_t *place, const char *what, const char *text, int64_t min_s,
                   struct dbk_error *error)
{
    if (*place != DBK_NONE)
        return REFUSE(error, "%s are said twice", what);
    if (!read_age(text, min_s, TRIMMED_S, place)) {
        *place = DBK_NONE;
        return dbki_error_set(
            error, DBK_INVALID,
            "%s go by an age from %s to 7d (after which they go anyway), not '%.40s'", what,
            min_s == DAY_S ? "1d" : "1h", text);
    }
    return DBK_OK;
}

static int add(struct dbk_retention *retention, const char *what, const char *rule,
               struct dbk_error *error)
{
    for (int kind = 0; kind < DBKI_KEPT_KINDS; kind++)
        if (!strcmp(what, KINDS[kind]))
            return add_rule(&retention->rules[kind], rule, error);
    if (!strcmp(what, "events"))
        return set_age(&retention->events_s, "events", rule, EVENTS_MIN_S, error);
    if (!strcmp(what, "keys"))
        return set_age(&retention->keys_s, "keys", rule, KEYS_MIN_S, error);
    return REFUSE(
        error, "there are no rules for '%.40s': for builds, outputs, data, events and keys", what);
}

int dbk_retention_add(struct dbk_retention *retention, const char *what, const char *rule,
                      struct dbk_error *out_error)
{
    struct dbk_error error;
    dbki_error_clear(&error);
    int status =
        retention && what && rule
            ? add(retention, what, rule, &error)
            : dbki_error_set(&error, DBK_INVALID, "retention, what and rule must not be NULL");
    if (status && retention)
        retention->is_refused = true;
    if (status && out_error)
        *out_error = error;
    return status;
}

/* --------------------------------------------------------------------------------------- text ---- */

/* One line, "WHAT = RULE"; blank ones and those that begin with # say nothing. */
static int add_line(struct dbk_retention *retention, char *line, struct dbk_error *error)
{
    char *what = line + strspn(line, " \t"), *sign = strchr(what, '=');
    if (!*what || *what == '#')
        return DBK_OK;
    if (!sign)
        return REFUSE(error, "it is no line as in `builds = * older 90d`: '%.80s'", what);
    size_t len = (size_t)(sign - what);
    while (len && isspace((unsigned char)what[len - 1]))
        len--;
    what[len] = '\0';
    return add(retention, what, sign + 1 + strspn(sign + 1, " \t"), error);
}

static int add_lines(struct dbk_retention *retention, const char *text, struct dbk_error *error)
{
    char line[LINE_SIZE];
    for (int number = 1; *text; number++) {
        size_t len = strcspn(text, "\n"), kept = len && text[len - 1] == '\r' ? len - 1 : len;
        struct dbk_error found;
        dbki_error_clear(&found);
        int status = kept < sizeof line ? DBK_OK : REFUSE(&found, "it is too long");
        if (!status) {
            memcpy(line, text, kept);
            line[kept] = '\0';
            status = add_line(retention, line, &found);
        }
        if (status)
            return dbki_error_set(error, (enum dbk_status)status, "line %d: %s", number,
                                  found.message);
        text += len + (text[len] == '\n');
    }
    return DBK_OK;
}

int dbk_retention_parse(const char *text, struct dbk_retention **out_retention,
                        struct dbk_error *out_error)
{
    struct dbk_error error;
    dbki_error_clear(&error);
    struct dbk_retention *retention = dbk_retention_new();
    int status = !text || !out_retention ? REFUSE(&error, "text and out_retention must not be NULL")
                 : retention             ? add_lines(retention, text, &error)
                                         : dbki_error_set(&error, DBK_NO_MEMORY, "out of memory");
    if (status)
        dbk_retention_free(retention);
    else
        *out_retention = retention;
    if (status && out_error)
        *out_error = error;
    return status;
}

bool dbk_retention_is_empty(const struct dbk_retention *retention)
{
    if (!retention)
        return true;
    int count = 0;
    for (int kind = 0; kind < DBKI_KEPT_KINDS; kind++)
        count += retention->rules[kind].count;
    return !count && retention->events_s == DBK_NONE && retention->keys_s == DBK_NONE;
}

/* ---------------------------------------------------------------------------------- questions ---- */

const struct dbki_rule *dbki_retention_find(const struct dbk_retention *retention,
                                            enum dbki_kept kept, const char *builder)
{
    const struct dbki_rules *rules = &retention->rules[kept];
    for (int i = 0; i < rules->count; i++)
        if (!fnmatch(rules->all[i].builders, builder, 0))
            return &rules->all[i];
    return NULL;
}

/* The age that counts for a build of these results; DBK_NONE: none does. */
static int64_t age_of(const struct dbki_rule *rule, bool is_failure)
{
    return is_failure && rule->failures_s != DBK_NONE ? rule->failures_s : rule->older_s;
}

int64_t dbki_rule_horizon(const struct dbki_rule *rule, int64_t now)
{
    int64_t others = age_of(rule, false), failures = age_of(rule, true);
    if (others == DBK_NONE || failures == DBK_NONE)
        return INT64_MAX;
    return now - (others < failures ? others : failures);
}

bool dbki_rule_takes(const struct dbki_rule *rule, int64_t now, int64_t first_kept, int64_t number,
                     int64_t complete_at, int64_t results)
{
    int64_t age_s = age_of(rule, results == DBK_FAILURE || results == DBK_EXCEPTION);
    if (rule->keep_count != DBK_NONE && number >= first_kept)
        return false;
    return age_s == DBK_NONE || complete_at < now - age_s;
}

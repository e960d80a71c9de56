/*
 * The file of tokens: who may ask over HTTP, and what. A token is shown once and kept as a hash; the file is
 * its owner's alone, a token a line. Not for what a right allows (src/daemon/access.h).
 */
#ifndef TOKENS_H
#define TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKENS_NAME_MAX 64
#define TOKENS_HASH_SIZE 32    /* SHA-256 */
#define TOKENS_TEXT_SIZE 48    /* of a token with its end: "dbk_" and 43 letters of base64url */
#define TOKENS_PATTERN_MAX 256 /* bytes */
#define TOKENS_PATTERNS_MAX 16
#define TOKENS_DRAWN_SIZE 44 /* of 256 random bits in base64url with its end */
#define TOKENS_MESSAGE_SIZE 256

/* Each one allows what those before it do. */
enum token_right { TOKEN_READ, TOKEN_WRITE, TOKEN_ADMIN, TOKEN_RIGHT_COUNT };

struct token {
    char name[TOKENS_NAME_MAX + 1];
    enum token_right right;
    int64_t created_at;
    unsigned char hash[TOKENS_HASH_SIZE];
    char *
        builders; /* patterns of builders that it is limited to, as tokens_pattern() takes them; NULL: none */
};

struct tokens {
    struct token *list; /* in the order in which they were added */
    size_t count;
};

/* Reads the file. Result: 0 or an errno, with a sentence in out_message. tokens_fini() in any case. */
int tokens_load(const char *path, struct tokens *out_tokens, char out_message[TOKENS_MESSAGE_SIZE]);
void tokens_fini(struct tokens *tokens);

/*
 * Adds a token, and makes the file when it is missing. Args: builders: patterns joined by tokens_join(), or NULL.
 * Result: 0 and the token's text; EEXIST when the name is taken; another errno. A sentence in out_message with all but 0.
 */
int tokens_add(const char *path, const char *name, enum token_right right, const char *builders,
               int64_t now, char out_text[TOKENS_TEXT_SIZE], char out_message[TOKENS_MESSAGE_SIZE]);

/* Takes a token out. Result: 0; ENOENT when there is none of that name; as tokens_add(). */
int tokens_revoke(const char *path, const char *name, char out_message[TOKENS_MESSAGE_SIZE]);

/* Finds the token that a text is. The time it takes tells nothing of it. Result: lent; NULL: none. */
const struct token *tokens_find(const struct tokens *tokens, const char *text);

/* Finds the token of a hash. Result: as tokens_find(). */
const struct token *tokens_find_hash(const struct tokens *tokens,
                                     const unsigned char hash[TOKENS_HASH_SIZE]);

/* Draws 256 random bits. Result: false when there are none. */
bool tokens_draw(char out_text[TOKENS_DRAWN_SIZE]);

/* The hash of a text, SHA-256. Result: false when out of memory. */
bool tokens_hash(const char *text, unsigned char out[TOKENS_HASH_SIZE]);

/* Adds a pattern of builders' names, with * ? [...] as in a shell, to what this gave before, which it frees; NULL
 * begins. Result: NULL and errno (EINVAL: a pattern has 1 to 256 bytes, a token up to 16). */
char *tokens_join(char *builders, const char *pattern);

/* Takes the first of several patterns. Result: what follows it; NULL: there was none. */
const char *tokens_pattern(const char *builders, char out_pattern[TOKENS_PATTERN_MAX + 1]);

/* Whether one of the patterns has a builder; NULL has all. */
bool tokens_has_builder(const char *builders, const char *name);

/* Whether a name may be a token's: 1 to 64 of A-Z a-z 0-9 . _ - */
bool tokens_is_name(const char *name);

/* A right by its word, and back. Result: TOKEN_RIGHT_COUNT for a word that is none. */
enum token_right tokens_right(const char *word);
const char *tokens_right_word(enum token_right right);

#endif

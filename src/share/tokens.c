/*
 * Tokens: see tokens.h. A line is NAME RIGHT CREATED-AT HASH [PATTERN,...], where patterns have %XX for what would
 * end them. Who changes the file holds a lock on it, writes
 * another one beside it and puts that in its place, so that a reader always sees one of the two whole.
 */
#include "tokens.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "dbk_"
#define RANDOM_SIZE 32 /* 256 bits */
#define RESERVED " ,%\t\r\n\f\v"

static const char *const words[TOKEN_RIGHT_COUNT] = {"read", "write", "admin"};

enum token_right tokens_right(const char *word)
{
    enum token_right right = TOKEN_READ;
    while (right < TOKEN_RIGHT_COUNT && strcmp(word, words[right]) != 0)
        right++;
    return right;
}

const char *tokens_right_word(enum token_right right)
{
    return words[right];
}

bool tokens_is_name(const char *name)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = strspn(name, letters);
    return len && len <= TOKENS_NAME_MAX && !name[len];
}

static int fail(char *out_message, int error, const char *what, const char *path)
{
    snprintf(out_message, TOKENS_MESSAGE_SIZE, "%.80s: %s%s%s", path, what, *what ? ": " : "",
             strerror(error));
    return error;
}

bool tokens_hash(const char *text, unsigned char out[TOKENS_HASH_SIZE])
{
    return EVP_Digest(text, strlen(text), out, NULL, EVP_sha256(), NULL) == 1;
}

static bool read_hash(const char *hex, unsigned char *out)
{
    if (strlen(hex) != 2 * TOKENS_HASH_SIZE ||
        strspn(hex, "0123456789abcdef") != 2 * TOKENS_HASH_SIZE)
        return false;
    for (size_t i = 0; i < TOKENS_HASH_SIZE; i++) {
        unsigned byte;
        sscanf(hex + 2 * i, "%2x", &byte);
        out[i] = (unsigned char)byte;
    }
    return true;
}

static bool read_line(const char *line, struct token *out)
{
    char name[TOKENS_NAME_MAX + 1], right[8], hex[2 * TOKENS_HASH_SIZE + 1];
    int end = 0;
    *out = (struct token){.builders = NULL};
    if (sscanf(line, "%64s %7s %" SCNd64 " %64s %n", name, right, &out->created_at, hex, &end) !=
            4 ||
        !tokens_is_name(name))
        return false;
    const char *rest = line + end;
    size_t len = strcspn(rest, " \n");
    if (rest[len] && strcmp(rest + len, "\n") != 0)
        return false;
    if (len && line[end - 1] != ' ')
        return false;
    if (len && !(out->builders = strndup(rest, len)))
        return false;
    strcpy(out->name, name);
    out->right = tokens_right(right);
    return out->right < TOKEN_RIGHT_COUNT && read_hash(hex, out->hash);
}

static int read_all(FILE *file, struct tokens *tokens)
{
    char *line = NULL;
    size_t size = 0;
    int error = 0;
    while (!error && getline(&line, &size, file) >= 0) {
        struct token *list = realloc(tokens->list, (tokens->count + 1) * sizeof(*list));
        if (!list) {
            error = ENOMEM;
            break;
        }
        tokens->list = list;
        if (!read_line(line, &list[tokens->count++]))
            error = EBADMSG;
    }
    free(line);
    return error ? error : ferror(file) ? EIO : 0;
}

/* Reads from a descriptor, which it closes. */
static int load_fd(int fd, const char *path, struct tokens *out_tokens, char *out_message)
{
    struct stat status;
    FILE *file;
    *out_tokens = (struct tokens){NULL, 0};
    if (fstat(fd, &status) || !(file = fdopen(fd, "r"))) {
        int error = errno;
        close(fd);
        return fail(out_message, error, "", path);
    }
    int error = 0;
    if (status.st_mode & 077) {
        snprintf(out_message, TOKENS_MESSAGE_SIZE,
                 "%.80s can be read by others: chmod 600, and revoke what is in it", path);
        error = EPERM;
    } else if ((error = read_all(file, out_tokens))) {
        fail(out_message, error, "no file of tokens", path);
    }
    fclose(file);
    return error;
}

int tokens_load(const char *path, struct tokens *out_tokens, char out_message[TOKENS_MESSAGE_SIZE])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *out_tokens = (struct tokens){NULL, 0};
    return fd < 0 ? fail(out_message, errno, "", path) : load_fd(fd, path, out_tokens, out_message);
}

void tokens_fini(struct tokens *tokens)
{
    for (size_t i = 0; i < tokens->count; i++)
        free(tokens->list[i].builders);
    free(tokens->list);
    *tokens = (struct tokens){NULL, 0};
}

/* Opens the file and waits for its lock; one that was replaced meanwhile is opened again.
 * Result: -1 and errno. */
static int open_locked(const char *path, int flags)
{
    for (;;) {
        struct stat here, there;
        int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600);
        if (fd < 0)
            return -1;
        if (flock(fd, LOCK_EX) || fstat(fd, &here)) {
            close(fd);
            return -1;
        }
        if (!stat(path, &there) && here.st_ino == there.st_ino && here.st_dev == there.st_dev)
            return fd;
        close(fd);
    }
}

static bool put_all(FILE *file, const struct tokens *tokens)
{
    for (size_t i = 0; i < tokens->count; i++) {
        const struct token *token = &tokens->list[i];
        fprintf(file, "%s %s %" PRId64 " ", token->name, words[token->right], token->created_at);
        for (size_t k = 0; k < TOKENS_HASH_SIZE; k++)
            fprintf(file, "%02x", token->hash[k]);
        fprintf(file, "%s%s\n", token->builders ? " " : "", token->builders ? token->builders : "");
    }
    return !fflush(file) && !fsync(fileno(file));
}

/* Where a path is a symbolic link, what it leads to is replaced: that is what a daemon reads. */
static int save(const char *path, const struct tokens *tokens, char *out_message)
{
    char *beside, *real = realpath(path, NULL);
    if (!real)
        return fail(out_message, errno, "", path);
    if (asprintf(&beside, "%s.new", real) < 0) {
        free(real);
        return fail(out_message, ENOMEM, "", path);
    }
    unlink(beside); /* of one that was killed; the lock is ours */
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    bool is_put = file && put_all(file, tokens);
    int error = is_put ? 0 : errno;
    if (file)
        fclose(file);
    if (is_put && rename(beside, real))
        error = errno;
    if (error)
        unlink(beside);
    free(beside);
    free(real);
    return error ? fail(out_message, error, "", path) : 0;
}

static struct token *find_name(const struct tokens *tokens, const char *name)
{
    for (size_t i = 0; i < tokens->count; i++)
        if (!strcmp(tokens->list[i].name, name))
            return &tokens->list[i];
    return NULL;
}

bool tokens_draw(char out_text[TOKENS_DRAWN_SIZE])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char bytes[RANDOM_SIZE + 1] = {0};
    char *out = out_text;
    if (getrandom(bytes, RANDOM_SIZE, 0) != RANDOM_SIZE)
        return false;
    for (size_t bit = 0; bit < RANDOM_SIZE * 8; bit += 6) {
        unsigned pair = (unsigned)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];
        *out++ = digits[pair >> (10 - bit % 8) & 63];
    }
    *out = '\0';
    OPENSSL_cleanse(bytes, sizeof(bytes));
    return true;
}

static bool make_text(char out_text[TOKENS_TEXT_SIZE])
{
    char drawn[TOKENS_DRAWN_SIZE];
    if (!tokens_draw(drawn))
        return false;
    snprintf(out_text, TOKENS_TEXT_SIZE, PREFIX "%s", drawn);
    OPENSSL_cleanse(drawn, sizeof(drawn));
    return true;
}

static int append(const char *path, struct tokens *tokens, const struct token *token,
                  char *out_message)
{
    struct token *list = realloc(tokens->list, (tokens->count + 1) * sizeof(*list));
    if (!list)
        return fail(out_message, ENOMEM, "", path);
    tokens->list = list;
    list[tokens->count] = *token;
    if (token->builders && !(list[tokens->count].builders = strdup(token->builders)))
        return fail(out_message, ENOMEM, "", path);
    tokens->count++;
    return save(path, tokens, out_message);
}

int tokens_add(const char *path, const char *name, enum token_right right, const char *builders,
               int64_t now, char out_text[TOKENS_TEXT_SIZE], char out_message[TOKENS_MESSAGE_SIZE])
{
    struct token token = {.right = right, .created_at = now, .builders = (char *)builders};
    struct tokens tokens = {NULL, 0};
    if (!tokens_is_name(name))
        return fail(out_message, EINVAL, "a name has 1 to 64 of A-Z a-z 0-9 . _ -", path);
    snprintf(token.name, sizeof(token.name), "%s", name);
    int lock = open_locked(path, O_CREAT);
    if (lock < 0)
        return fail(out_message, errno, "", path);
    int error = tokens_load(path, &tokens, out_message);
    if (!error && find_name(&tokens, name))
        error = fail(out_message, EEXIST, "a token of that name", path);
    if (!error && (!make_text(out_text) || !tokens_hash(out_text, token.hash)))
        error = fail(out_message, EIO, "no random bits", path);
    if (!error)
        error = append(path, &tokens, &token, out_message);
    tokens_fini(&tokens);
    close(lock);
    return error;
}

int tokens_revoke(const char *path, const char *name, char out_message[TOKENS_MESSAGE_SIZE])
{
    struct tokens tokens = {NULL, 0};
    int lock = open_locked(path, 0);
    if (lock < 0)
        return fail(out_message, errno, "", path);
    int error = tokens_load(path, &tokens, out_message);
    struct token *token = error ? NULL : find_name(&tokens, name);
    if (!error && !token) {
        snprintf(out_message, TOKENS_MESSAGE_SIZE, "%.80s has no token of that name", path);
        error = ENOENT;
    }
    if (token) {
        size_t index = (size_t)(token - tokens.list);
        free(token->builders);
        memmove(token, token + 1, (--tokens.count - index) * sizeof(*token));
        error = save(path, &tokens, out_message);
    }
    tokens_fini(&tokens);
    close(lock);
    return error;
}

const struct token *tokens_find_hash(const struct tokens *tokens,
                                     const unsigned char hash[TOKENS_HASH_SIZE])
{
    const struct token *found = NULL;
    for (size_t i = 0; i < tokens->count; i++)
        if (!CRYPTO_memcmp(tokens->list[i].hash, hash, TOKENS_HASH_SIZE))
            found = &tokens->list[i];
    return found;
}

const struct token *tokens_find(const struct tokens *tokens, const char *text)
{
    unsigned char hash[TOKENS_HASH_SIZE];
    return tokens_hash(text, hash) ? tokens_find_hash(tokens, hash) : NULL;
}

char *tokens_join(char *builders, const char *pattern)
{
    size_t before = builders ? strlen(builders) : 0, count = builders != NULL;
    for (size_t i = 0; i < before; i++)
        count += builders[i] == ',';
    char *joined = NULL;
    if (!*pattern || strlen(pattern) > TOKENS_PATTERN_MAX || count == TOKENS_PATTERNS_MAX)
        errno = EINVAL;
    else
        joined = malloc(before + 1 + 3 * strlen(pattern) + 1);
    if (joined) {
        char *out = joined + sprintf(joined, "%s%s", builders ? builders : "", builders ? "," : "");
        for (; *pattern; pattern++)
            if (strchr(RESERVED, *pattern))
                out += sprintf(out, "%%%02X", (unsigned char)*pattern);
            else
                *out++ = *pattern;
        *out = '\0';
    }
    free(builders);
    return joined;
}

const char *tokens_pattern(const char *builders, char out_pattern[TOKENS_PATTERN_MAX + 1])
{
    size_t len = 0;
    if (!builders || !*builders)
        return NULL;
    while (*builders && *builders != ',') {
        unsigned byte = (unsigned char)*builders;
        bool is_escape = byte == '%' && isxdigit((unsigned char)builders[1]) &&
                         isxdigit((unsigned char)builders[2]);
        if (is_escape)
            sscanf(builders + 1, "%2x", &byte);
        builders += is_escape ? 3 : 1;
        if (len < TOKENS_PATTERN_MAX)
            out_pattern[len++] = (char)byte;
    }
    out_pattern[len] = '\0';
    return builders + (*builders == ',');
}

bool tokens_has_builder(const char *builders, const char *name)
{
    char pattern[TOKENS_PATTERN_MAX + 1];
    if (!builders)
        return true;
    while ((builders = tokens_pattern(builders, pattern)))
        if (!fnmatch(pattern, name, 0))
            return true;
    return false;
}

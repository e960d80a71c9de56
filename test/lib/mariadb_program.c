/* Running MariaDB's programs; see mariadb_program.h. */
#include "mariadb_program.h"

#include "server_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_SIZE = 256, START_TRIES = 600, START_PAUSE_US = 50 * 1000 };

static const char *const SERVERS[] = {"/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd",
                                      "/usr/bin/mariadbd", "/usr/libexec/mariadbd"};
static const char *const INSTALLERS[] = {"/usr/bin/mariadb-install-db",
                                         "/usr/local/bin/mariadb-install-db"};

static const char *find(const char *const *places, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

const char *mariadb_program_find(void)
{
    const char *server = find(SERVERS, COUNT_OF(SERVERS));
    if (server && find(INSTALLERS, COUNT_OF(INSTALLERS)))
        return server;
    fprintf(stderr, "MariaDB's server is not installed (tools/setup test does it)\n");
    if (getenv("CI"))
        exit(1);
    return NULL;
}

/* A server writes that file itself, but late: who is to end it has to find it before, or it goes on, and writes into a
 * folder that is being removed. */
static void note_pid(void)
{
    FILE *file = fopen("pid", "we");
    if (!file || fprintf(file, "%ld\n", (long)getpid()) < 0 || fclose(file) != 0)
        _exit(126);
}

static void forget_pid(const char *folder)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/pid", folder);
    unlink(path);
}

static pid_t start_program(const char *folder, const char *const *args)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    server_become_nobody();
    /* A server that starts removes what others have in the same folder for temporary files, also tables that they are
     * at. */
    if (chdir(folder) || setenv("TMPDIR", folder, 1))
        _exit(126);
    setsid();
    note_pid();
    server_leave_all_but("log");
    execv(args[0], (char *const *)(uintptr_t)args);
    _exit(127);
}

bool mariadb_program_run(const char *folder, const char *const *args)
{
    int status;
    pid_t pid = start_program(folder, args);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    forget_pid(folder);
    return status == 0;
}

bool mariadb_program_install(const char *folder)
{
    char data[PATH_SIZE], tmpdir[PATH_SIZE];
    snprintf(data, sizeof data, "--datadir=%s/data", folder);
    snprintf(tmpdir, sizeof tmpdir, "--tmpdir=%s", folder); /* see mariadb_program_up() */
    const char *const args[] = {find(INSTALLERS, COUNT_OF(INSTALLERS)),
                                "--no-defaults",
                                data,
                                tmpdir,
                                "--auth-root-authentication-method=normal",
                                "--skip-test-db",
                                "--skip-name-resolve",
                                "--innodb-log-file-size=48M",
                                NULL};
    return mariadb_program_run(folder, args);
}

bool mariadb_program_up(const char *folder, const char *const *args)
{
    pid_t pid = start_program(folder, args);
    for (int tries = 0; tries < START_TRIES; tries++) {
        int status;
        MYSQL *mysql = mariadb_program_log_in(folder, NULL);
        if (mysql) {
            mysql_close(mysql);
            return true;
        }
        if (waitpid(pid, &status, WNOHANG) == pid) {
            forget_pid(folder);
            return false;
        }
        usleep(START_PAUSE_US);
    }
    mariadb_program_stop(folder, SIGKILL);
    return false;
}

static pid_t server_pid(const char *folder)
{
    char path[PATH_SIZE], text[32] = "";
    snprintf(path, sizeof path, "%s/pid", folder);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, text, sizeof text - 1) < 0)
        text[0] = '\0';
    if (fd >= 0)
        close(fd);
    return (pid_t)strtol(text, NULL, 10);
}

void mariadb_program_stop(const char *folder, int signal_number)
{
    pid_t pid = server_pid(folder);
    if (pid <= 0)
        return;
    kill(pid, signal_number);
    if (signal_number == SIGKILL)
        kill(-pid, SIGKILL); /* and what it runs */
    for (int tries = 0; tries < START_TRIES && kill(pid, 0) == 0; tries++) {
        waitpid(pid, NULL, WNOHANG); /* ours, unless the guard is the one who stops it */
        usleep(START_PAUSE_US);
    }
    forget_pid(folder);
}

MYSQL *mariadb_program_log_in(const char *folder, const char *database)
{
    char socket[PATH_SIZE];
    snprintf(socket, sizeof socket, "%s/socket", folder);
    MYSQL *mysql = mysql_init(NULL);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (mysql && mysql_real_connect(mysql, "localhost", "root", NULL, database, 0, socket,
                                    CLIENT_MULTI_STATEMENTS))
        return mysql;
    if (mysql)
        mysql_close(mysql);
    return NULL;
}

MYSQL *mariadb_program_connect(const char *folder, const char *url)
{
    char *database = test_copy(strchr(strstr(url, "://") + 3, '/') + 1);
    database[strcspn(database, "?")] = '\0';
    MYSQL *mysql = mariadb_program_log_in(folder, database);
    if (!mysql)
        fail_msg("%s: no connection", url);
    if (mysql_query(mysql,
                    "SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin, sql_mode ="
                    " 'STRICT_ALL_TABLES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES',"
                    " group_concat_max_len = 1073741824, max_recursive_iterations = 1000000"))
        fail_msg("%s: %s", url, mysql_error(mysql));
    return mysql;
}

/* The rows of the last statement that gives any; NULL: none does. */
static MYSQL_RES *ask(MYSQL *mysql, const char *sql)
{
    MYSQL_RES *last = NULL;
    int failed = mysql_query(mysql, sql), more;
    do {
        MYSQL_RES *rows = failed ? NULL : mysql_store_result(mysql);
        if (rows) {
            mysql_free_result(last);
            last = rows;
        }
        more = failed ? -1 : mysql_next_result(mysql);
        failed |= more > 0;
    } while (more == 0);
    if (failed)
        fail_msg("%.1000s: %s", sql, mysql_error(mysql));
    return last;
}

const char *mariadb_program_text_on(MYSQL *mysql, const char *sql)
{
    MYSQL_RES *rows = ask(mysql, sql);
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    char *text = row && row[0] ? test_copy(row[0]) : NULL;
    mysql_free_result(rows);
    return text;
}

const char *mariadb_program_text(const char *folder, const char *url, const char *sql)
{
    MYSQL *mysql = mariadb_program_connect(folder, url);
    const char *text = mariadb_program_text_on(mysql, sql);
    mysql_close(mysql);
    return text;
}

/* From below the range that the kernel gives to clients: one of them would have it before the server starts. */
int mariadb_program_free_port(void)
{
    enum { PORT_FIRST = 16384, PORT_COUNT = 16384 };
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int tries = 0; tries < 1000; tries++) {
        unsigned short drawn;
        assert_int_equal(getrandom(&drawn, sizeof drawn, 0), sizeof drawn);
        address.sin_port = htons((unsigned short)(PORT_FIRST + drawn % PORT_COUNT));
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_free = !bind(fd, (struct sockaddr *)&address, sizeof address);
        close(fd);
        if (is_free)
            return ntohs(address.sin_port);
    }
    fail_msg("no port is free");
    return 0;
}

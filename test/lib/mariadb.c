/* A MariaDB server of the test's own; see mariadb.h. */
#include "mariadb.h"

#include "daybook.h"
#include "server_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <mysql.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_SIZE = 256, START_TRIES = 600, START_PAUSE_US = 50 * 1000 };

static const char *const SERVERS[] = {"/usr/sbin/mariadbd", "/usr/local/sbin/mariadbd",
                                      "/usr/bin/mariadbd", "/usr/libexec/mariadbd"};
static const char *const INSTALLERS[] = {"/usr/bin/mariadb-install-db",
                                         "/usr/local/bin/mariadb-install-db"};

static char folder[SERVER_FOLDER_SIZE];
static const char *server, *installer;
static bool is_looked_for;
static int port; /* it listens on; 0: on its socket alone */

/* ---------------------------------------------------------------------------- the programs ---- */

/* Starts one of MariaDB's programs in the folder. */
static pid_t start_program(const char *const *args)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    server_become_nobody();
    if (chdir(folder))
        _exit(126);
    server_leave_all_but("log");
    setsid();
    execv(args[0], (char *const *)(uintptr_t)args);
    _exit(127);
}

static int wait_for(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static const char *in_folder(const char *name)
{
    static char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static pid_t server_pid(void)
{
    char text[32] = "";
    int fd = open(in_folder("pid"), O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, text, sizeof text - 1) < 0)
        text[0] = '\0';
    if (fd >= 0)
        close(fd);
    return (pid_t)strtol(text, NULL, 10);
}

static MYSQL *log_in(const char *user, const char *password, const char *database)
{
    char socket[PATH_SIZE];
    snprintf(socket, sizeof socket, "%s/socket", folder);
    MYSQL *mysql = mysql_init(NULL);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (mysql && mysql_real_connect(mysql, "localhost", user, password, database, 0, socket,
                                    CLIENT_MULTI_STATEMENTS))
        return mysql;
    if (mysql)
        mysql_close(mysql);
    return NULL;
}

/* Result: whether it takes connections. */
static bool start(void)
{
    char data[PATH_SIZE], socket[PATH_SIZE], pid_file[PATH_SIZE], packet[64];
    char network[64], cert[PATH_SIZE], key[PATH_SIZE];
    snprintf(data, sizeof data, "--datadir=%s/data", folder);
    snprintf(socket, sizeof socket, "--socket=%s/socket", folder);
    snprintf(pid_file, sizeof pid_file, "--pid-file=%s/pid", folder);
    snprintf(network, sizeof network, "--port=%d", port);
    snprintf(cert, sizeof cert, "--ssl-cert=%s/server.pem", folder);
    snprintf(key, sizeof key, "--ssl-key=%s/server.key", folder);
    snprintf(packet, sizeof packet, "--max-allowed-packet=%d", MARIADB_PACKET_MAX);
    const char *const args[] = {server,
                                "--no-defaults",
                                data,
                                socket,
                                pid_file,
                                packet,
                                port ? network : "--skip-networking",
                                port ? "--bind-address=127.0.0.1,127.0.0.2" : "--skip-name-resolve",
                                port ? cert : "--skip-ssl",
                                port ? key : "--skip-ssl",
                                "--skip-name-resolve",
                                "--innodb-buffer-pool-size=64M",
                                "--innodb-log-file-size=48M",
                                "--innodb-flush-method=fsync", /* memory knows nothing else */
                                "--max-connections=200",
                                NULL};
    pid_t pid = start_program(args);
    for (int tries = 0; tries < START_TRIES; tries++) {
        int status;
        MYSQL *mysql = log_in("root", NULL, NULL);
        if (mysql) {
            mysql_close(mysql);
            return true;
        }
        if (waitpid(pid, &status, WNOHANG) == pid)
            return false;
        usleep(START_PAUSE_US);
    }
    return false;
}

static void stop(int signal_number)
{
    pid_t pid = server_pid();
    if (pid <= 0)
        return;
    kill(pid, signal_number);
    for (int tries = 0; tries < START_TRIES && kill(pid, 0) == 0; tries++) {
        waitpid(pid, NULL, WNOHANG); /* ours, unless the guard is the one who stops it */
        usleep(START_PAUSE_US);
    }
    unlink(in_folder("pid"));
}

/* ------------------------------------------------------------------------- its coming, going ---- */

static void kill_server(void)
{
    stop(SIGKILL);
}

static const char *find_program(const char *const *places, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

static bool install(void)
{
    char data[PATH_SIZE];
    snprintf(data, sizeof data, "--datadir=%s/data", folder);
    const char *const args[] = {installer,
                                "--no-defaults",
                                data,
                                "--auth-root-authentication-method=normal",
                                "--skip-test-db",
                                "--skip-name-resolve",
                                "--innodb-log-file-size=48M",
                                NULL};
    return wait_for(start_program(args)) == 0;
}

const char *mariadb_folder(void)
{
    if (is_looked_for)
        return folder[0] ? folder : NULL;
    is_looked_for = true;
    server = find_program(SERVERS, COUNT_OF(SERVERS));
    installer = find_program(INSTALLERS, COUNT_OF(INSTALLERS));
    if (!server || !installer) {
        fprintf(stderr, "MariaDB's server is not installed (tools/setup test does it)\n");
        if (getenv("CI"))
            exit(1);
        return NULL;
    }
    mysql_library_init(0, NULL, NULL);
    server_folder_make(folder, "db");
    server_guard_start(folder, kill_server);
    if (!install() || !start())
        server_fail_start(folder, "MariaDB's server");
    return folder;
}

void mariadb_stop(bool is_at_once)
{
    stop(is_at_once ? SIGKILL : SIGTERM);
}

void mariadb_start(void)
{
    assert_true(start());
}

/* ---------------------------------------------------------------------------------------- TLS ---- */

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(bind(fd, (struct sockaddr *)&address, size), errno);
    assert_return_code(getsockname(fd, (struct sockaddr *)&address, &size), errno);
    close(fd);
    return ntohs(address.sin_port);
}

void mariadb_start_tls(struct mariadb_tls *out_tls)
{
    /* Two who sign, and a certificate of the first one's, for an address that does not say that it is this machine. */
    static const char make[] =
        "cd '%s' && exec 2>>log && for ca in ca other; do openssl req -x509 -newkey rsa:2048 -nodes"
        " -days 2 -subj /CN=$ca -keyout $ca.key -out $ca.pem || exit 1; done"
        " && openssl req -newkey rsa:2048 -nodes -subj /CN=0.0.0.0 -keyout server.key -out csr"
        " && printf 'subjectAltName=IP:0.0.0.0' >names"
        " && openssl x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2"
        " -extfile names -out server.pem && chmod 644 server.key";
    assert_int_equal(system(test_format(make, folder)), 0);
    mariadb_stop(false);
    port = free_port();
    mariadb_start();
    *out_tls = (struct mariadb_tls){.port = port,
                                    .ca = test_format("%s/ca.pem", folder),
                                    .other_ca = test_format("%s/other.pem", folder)};
}

/* ----------------------------------------------------------------------------- past the library ---- */

/* The rows of the last statement that gives any; NULL: none does. */
static MYSQL_RES *ask(const char *url, const char *sql)
{
    char *database = test_copy(strchr(strstr(url, "://") + 3, '/') + 1);
    database[strcspn(database, "?")] = '\0';
    MYSQL *mysql = log_in("root", NULL, database);
    MYSQL_RES *last = NULL;
    int more;
    if (!mysql)
        fail_msg("%s: no connection", url);
    int failed = mysql_query(mysql, "SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin, sql_mode ="
                                    " 'STRICT_ALL_TABLES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES',"
                                    " group_concat_max_len = 1073741824");
    failed = failed || mysql_query(mysql, sql);
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
        fail_msg("%s: %s", sql, mysql_error(mysql));
    mysql_close(mysql);
    return last;
}

void mariadb_run(const char *url, const char *sql)
{
    mysql_free_result(ask(url, sql));
}

const char *mariadb_text(const char *url, const char *sql)
{
    MYSQL_RES *rows = ask(url, sql);
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    char *text = row && row[0] ? test_copy(row[0]) : NULL;
    mysql_free_result(rows);
    return text;
}

int64_t mariadb_int(const char *url, const char *sql)
{
    const char *text = mariadb_text(url, sql);
    return text ? strtoll(text, NULL, 10) : DBK_NONE;
}

/* -------------------------------------------------------------------------------- its places ---- */

static char *url_of(const char *database)
{
    return test_format("mariadb://root@/%s?unix_socket=%s/socket", database, folder);
}

const char *mariadb_database(const char *options)
{
    static int count;
    if (!mariadb_folder())
        return NULL;
    const char *name = test_format("place%d", ++count);
    mariadb_run(url_of("mysql"), test_format("CREATE DATABASE %s %s", name, options));
    return url_of(name);
}

const char *mariadb_socket(void)
{
    return test_format("%s/socket", mariadb_folder());
}

const char *mariadb_place(void)
{
    return mariadb_database("");
}

const char *mariadb_utf8mb3_place(void)
{
    return mariadb_database("CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci");
}

const char *mariadb_as(const char *url, const char *user)
{
    return test_format("mariadb://%s%s", user, strchr(url, '@'));
}

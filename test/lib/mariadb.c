/* A MariaDB server of the test's own; see mariadb.h. */
#include "mariadb.h"

#include "daybook.h"
#include "mariadb_program.h"
#include "server_folder.h"

#include <mysql.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_SIZE = 256 };

static char folder[SERVER_FOLDER_SIZE];
static const char *server;
static bool is_looked_for;
static int port; /* it listens on; 0: on its socket alone */

/* ----------------------------------------------------------------------- starting, stopping ---- */

/* Result: whether it takes connections. */
static bool start(void)
{
    char data[PATH_SIZE], socket[PATH_SIZE], pid_file[PATH_SIZE], packet[64];
    char network[64], pool[64], log[64], cert[PATH_SIZE], key[PATH_SIZE], tmpdir[PATH_SIZE];
    snprintf(data, sizeof data, "--datadir=%s/data", folder);
    snprintf(socket, sizeof socket, "--socket=%s/socket", folder);
    snprintf(pid_file, sizeof pid_file, "--pid-file=%s/pid", folder);
    snprintf(network, sizeof network, "--port=%d", port);
    snprintf(cert, sizeof cert, "--ssl-cert=%s/server.pem", folder);
    snprintf(key, sizeof key, "--ssl-key=%s/server.key", folder);
    snprintf(tmpdir, sizeof tmpdir, "--tmpdir=%s", folder);
    snprintf(pool, sizeof pool, "--innodb-buffer-pool-size=%dM", server_cache_mb());
    snprintf(log, sizeof log, "--innodb-log-file-size=%dM",
             server_cache_mb() < 192 ? 48 : server_cache_mb() / 4);
    snprintf(packet, sizeof packet, "--max-allowed-packet=%d", MARIADB_PACKET_MAX);
    const char *const args[] = {server,
                                "--no-defaults",
                                data,
                                socket,
                                pid_file,
                                tmpdir,
                                packet,
                                port ? network : "--skip-networking",
                                port ? "--bind-address=127.0.0.1,127.0.0.2" : "--skip-name-resolve",
                                port ? cert : "--skip-ssl",
                                port ? key : "--skip-ssl",
                                "--skip-name-resolve",
                                pool,
                                log,
                                "--innodb-flush-method=fsync", /* memory knows nothing else */
                                "--max-connections=200",
                                NULL};
    return mariadb_program_up(folder, args);
}

/* ------------------------------------------------------------------------- its coming, going ---- */

static void kill_server(void)
{
    mariadb_program_stop(folder, SIGKILL);
}

const char *mariadb_folder(void)
{
    if (is_looked_for)
        return folder[0] ? folder : NULL;
    is_looked_for = true;
    server = mariadb_program_find();
    if (!server)
        return NULL;
    mysql_library_init(0, NULL, NULL);
    server_folder_make(folder, "db");
    server_guard_start(folder, kill_server);
    if (!mariadb_program_install(folder) || !start())
        server_fail_start(folder, "MariaDB's server");
    return folder;
}

void mariadb_stop(bool is_at_once)
{
    mariadb_program_stop(folder, is_at_once ? SIGKILL : SIGTERM);
}

void mariadb_start(void)
{
    assert_true(start());
}

/* ---------------------------------------------------------------------------------------- TLS ---- */

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
    port = mariadb_program_free_port();
    mariadb_start();
    *out_tls = (struct mariadb_tls){.port = port,
                                    .ca = test_format("%s/ca.pem", folder),
                                    .other_ca = test_format("%s/other.pem", folder)};
}

/* ----------------------------------------------------------------------------- past the library ---- */

void mariadb_run(const char *url, const char *sql)
{
    mariadb_program_text(folder, url, sql);
}

void *mariadb_log_in(const char *url)
{
    return mariadb_program_connect(folder, url);
}

const char *mariadb_text_on(void *connection, const char *sql)
{
    return mariadb_program_text_on(connection, sql);
}

void mariadb_log_out(void *connection)
{
    mysql_close(connection);
}

const char *mariadb_text(const char *url, const char *sql)
{
    return mariadb_program_text(folder, url, sql);
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

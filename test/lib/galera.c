/*
 * A Galera cluster of the test's own; see galera.h. The first node is made and stopped in good order; the others begin
 * as copies of its folder, and whoever joins gets what was written since, as a node does that was away for a while.
 */
#include "galera.h"

#include "daybook.h"
#include "mariadb_program.h"
#include "server_folder.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 256, OPTION_SIZE = 512, WAIT_TRIES = 1200, WAIT_PAUSE_US = 50 * 1000 };

static const char PROVIDER[] = "/usr/lib/galera/libgalera_smm.so";

/* What the nodes call to hand over their state: here only the position, what is missing comes by itself after it. */
static const char HAND_OVER[] =
    "#!/bin/sh\n"
    "is_bypassed=no\n"
    "while [ $# -gt 0 ] && [ \"$1\" != --mysqld-args ]; do\n"
    "    case $1 in\n"
    "    --role) role=$2 ;;\n"
    "    --address) place=$2 ;;\n"
    "    --gtid) state=$2 ;;\n"
    "    --datadir) data=$2 ;;\n"
    "    --bypass) is_bypassed=yes ;;\n"
    "    esac\n"
    "    shift\n"
    "done\n"
    "if [ \"$role\" = donor ]; then\n"
    "    [ $is_bypassed = yes ] || exit 1\n"
    "    echo \"$state\" >\"$place.new\" && mv \"$place.new\" \"$place\" && echo \"done $state\"\n"
    "else\n"
    "    rm -f \"$data/../state\"\n"
    "    echo \"ready $data/../state\"\n"
    "    until [ -f \"$data/../state\" ]; do [ -d \"$data\" ] && sleep 0.05 || exit 1; done\n"
    "    cat \"$data/../state\"\n"
    "fi\n";

struct node {
    char folder[PATH_SIZE];
    int port, group_port, transfer_port;
};

static char folder[SERVER_FOLDER_SIZE];
static const char *server;
static struct node nodes[GALERA_NODES_MAX];
static int node_count;

/* ----------------------------------------------------------------------------------- a node ---- */

/* Args: last: what is told to it alone; run: one of mariadb_program's. Result: its. */
static bool run_node(const struct node *node, const char *last,
                     bool (*run)(const char *folder, const char *const *args))
{
    char texts[10][OPTION_SIZE];
    int len = snprintf(texts[0], OPTION_SIZE, "--wsrep-cluster-address=gcomm://");
    for (int i = 0; i < node_count; i++)
        len += snprintf(texts[0] + len, OPTION_SIZE - (size_t)len, "%s127.0.0.1:%d", i ? "," : "",
                        nodes[i].group_port);
    snprintf(texts[1], OPTION_SIZE, "--datadir=%s/data", node->folder);
    snprintf(texts[2], OPTION_SIZE, "--socket=%s/socket", node->folder);
    snprintf(texts[3], OPTION_SIZE, "--pid-file=%s/pid", node->folder);
    snprintf(texts[4], OPTION_SIZE, "--port=%d", node->port);
    snprintf(texts[5], OPTION_SIZE, "--wsrep-provider=%s", PROVIDER);
    snprintf(texts[6], OPTION_SIZE,
             "--wsrep-provider-options=base_host=127.0.0.1;base_port=%d;"
             "gmcast.listen_addr=tcp://127.0.0.1:%d;ist.recv_addr=127.0.0.1:%d;gcache.size=64M",
             node->group_port, node->group_port, node->transfer_port);
    snprintf(texts[7], OPTION_SIZE, "--wsrep-node-name=node%d", (int)(node - nodes) + 1);
    snprintf(texts[8], OPTION_SIZE, "%s", last);
    snprintf(texts[9], OPTION_SIZE, "--tmpdir=%s", node->folder);
    const char *const args[] = {server,
                                "--no-defaults",
                                texts[1],
                                texts[2],
                                texts[3],
                                texts[4],
                                "--bind-address=127.0.0.1",
                                "--skip-name-resolve",
                                "--innodb-buffer-pool-size=64M",
                                "--innodb-log-file-size=48M",
                                "--innodb-flush-method=fsync", /* memory knows nothing else */
                                "--max-connections=200",
                                "--binlog-format=ROW",
                                "--innodb-autoinc-lock-mode=2",
                                "--wsrep-on=ON",
                                "--wsrep-cluster-name=daybook",
                                "--wsrep-node-address=127.0.0.1",
                                "--wsrep-sst-method=position",
                                texts[0],
                                texts[5],
                                texts[6],
                                texts[7],
                                texts[8],
                                texts[9],
                                NULL};
    return run(node->folder, args);
}

static bool start(const struct node *node, const char *last)
{
    return run_node(node, last, mariadb_program_up);
}

static int status_of(const struct node *node, const char *name, char *out, size_t size)
{
    char sql[128];
    MYSQL *mysql = mariadb_program_log_in(node->folder, NULL);
    snprintf(sql, sizeof sql, "SHOW STATUS LIKE '%s'", name);
    MYSQL_RES *rows = mysql && !mysql_query(mysql, sql) ? mysql_store_result(mysql) : NULL;
    MYSQL_ROW row = rows ? mysql_fetch_row(rows) : NULL;
    snprintf(out, size, "%s", row && row[1] ? row[1] : "");
    mysql_free_result(rows);
    if (mysql)
        mysql_close(mysql);
    return atoi(out);
}

static bool is_joined(const struct node *node, int members)
{
    char text[64];
    for (int tries = 0; tries < WAIT_TRIES; tries++) {
        if (status_of(node, "wsrep_cluster_size", text, sizeof text) == members) {
            status_of(node, "wsrep_local_state_comment", text, sizeof text);
            if (!strcmp(text, "Synced"))
                return true;
        }
        usleep(WAIT_PAUSE_US);
    }
    return false;
}

/* ------------------------------------------------------------------------------ the cluster ---- */

static void kill_all(void)
{
    for (int i = 0; i < node_count; i++)
        mariadb_program_stop(nodes[i].folder, SIGKILL);
}

static void run_shell(const char *command)
{
    if (system(command) != 0)
        server_fail_start(folder, "a node");
}

static void write_hand_over(void)
{
    char path[2 * PATH_SIZE];
    snprintf(path, sizeof path, "%s/wsrep_sst_position", folder);
    FILE *file = fopen(path, "we");
    if (!file || fputs(HAND_OVER, file) < 0 || fclose(file) != 0)
        server_fail_start(folder, "a node");
    if (chmod(path, 0755))
        server_fail_start(folder, "a node");
    snprintf(path, sizeof path, "%s:%s", folder, getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
    setenv("PATH", path, 1);
}

static void make_nodes(void)
{
    for (int i = 0; i < node_count; i++) {
        char command[2 * PATH_SIZE];
        struct node *node = &nodes[i];
        snprintf(node->folder, sizeof node->folder, "%s/%d", folder, i + 1);
        snprintf(command, sizeof command, "cd '%s' && mkdir %d && chown --reference=. %d", folder,
                 i + 1, i + 1);
        run_shell(command);
        node->port = mariadb_program_free_port();
        node->group_port = mariadb_program_free_port();
        node->transfer_port = mariadb_program_free_port();
    }
}

static bool make_user(void)
{
    char sql[256];
    MYSQL *mysql = mariadb_program_log_in(nodes[0].folder, NULL);
    snprintf(sql, sizeof sql,
             "CREATE USER ci@127.0.0.1 IDENTIFIED BY '%s'; GRANT ALL ON *.* TO ci@127.0.0.1",
             strrchr(folder, '-') + 1);
    bool is_made = mysql && !mysql_query(mysql, sql) && !mysql_next_result(mysql);
    if (mysql)
        mysql_close(mysql);
    return is_made;
}

/* Result: the one that did not start, or NULL. */
static const struct node *start_all(void)
{
    static const char BOOTSTRAP[] = "--wsrep-new-cluster", JOIN[] = "--skip-symbolic-links";
    if (!mariadb_program_install(nodes[0].folder) || !start(&nodes[0], BOOTSTRAP) ||
        !is_joined(&nodes[0], 1) || !make_user())
        return &nodes[0];
    mariadb_program_stop(nodes[0].folder, SIGTERM);
    for (int i = 1; i < node_count; i++) {
        char command[2 * PATH_SIZE];
        snprintf(command, sizeof command, "cd '%s' && cp -a 1/data %d", folder, i + 1);
        run_shell(command);
    }
    for (int i = 0; i < node_count; i++)
        if (!start(&nodes[i], i ? JOIN : BOOTSTRAP) || !is_joined(&nodes[i], i + 1))
            return &nodes[i];
    return NULL;
}

const char *galera_start(int count)
{
    server = mariadb_program_find();
    if (!server)
        return NULL;
    if (access(PROVIDER, R_OK) != 0) {
        fprintf(stderr, "Galera is not installed (tools/setup test does it)\n");
        if (getenv("CI"))
            exit(1);
        return NULL;
    }
    mysql_library_init(0, NULL, NULL);
    server_folder_make(folder, "galera");
    node_count = count;
    make_nodes();
    write_hand_over();
    server_guard_start(folder, kill_all);
    const struct node *failed = start_all();
    if (failed)
        server_fail_start(failed->folder, "a node");
    return folder;
}

void galera_wait(int node, int members)
{
    assert_true(is_joined(&nodes[node], members));
}

void galera_wait_alone(int node)
{
    char text[64] = "";
    for (int tries = 0; tries < WAIT_TRIES && strcmp(text, "non-Primary") != 0; tries++) {
        usleep(WAIT_PAUSE_US);
        status_of(&nodes[node], "wsrep_cluster_status", text, sizeof text);
    }
    assert_string_equal(text, "non-Primary");
}

void galera_kill(int node)
{
    mariadb_program_stop(nodes[node].folder, SIGKILL);
}

void galera_set_option(int node, const char *option)
{
    MYSQL *mysql = mariadb_program_log_in(nodes[node].folder, NULL);
    assert_non_null(mysql);
    if (mysql_query(mysql, test_format("SET GLOBAL wsrep_provider_options = '%s'", option)))
        fail_msg("%s: %s", option, mysql_error(mysql));
    mysql_close(mysql);
}

/* How far a node that was killed came: it looks into its own tables, and writes that into its log. */
static void find_position(const struct node *node, char *out, size_t size)
{
    static const char SAYS[] = "Recovered position: ";
    char path[2 * PATH_SIZE], line[1024];
    snprintf(path, sizeof path, "%s/log", node->folder);
    assert_true(run_node(node, "--wsrep-recover", mariadb_program_run));
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    out[0] = '\0';
    while (fgets(line, sizeof line, file)) {
        const char *said = strstr(line, SAYS);
        if (said)
            snprintf(out, size, "%.*s", (int)strcspn(said + sizeof SAYS - 1, "\n,"),
                     said + sizeof SAYS - 1);
    }
    fclose(file);
    assert_true(out[0]);
}

void galera_start_again(int node)
{
    char position[128];
    find_position(&nodes[node], position, sizeof position);
    assert_true(start(&nodes[node], test_format("--wsrep-start-position=%s", position)));
}

/* -------------------------------------------------------------------------------- its places ---- */

const char *galera_text(int node, const char *url, const char *sql)
{
    return mariadb_program_text(nodes[node].folder, url,
                                test_format("SET wsrep_sync_wait = 15; %s", sql));
}

int64_t galera_int(int node, const char *url, const char *sql)
{
    const char *text = galera_text(node, url, sql);
    return text ? strtoll(text, NULL, 10) : DBK_NONE;
}

const char *galera_socket(int node)
{
    return test_format("%s/socket", nodes[node].folder);
}

static const char *url_of(const char *hosts, const char *database)
{
    return test_format("mariadb://ci:%s@%s/%s", strrchr(folder, '-') + 1, hosts, database);
}

const char *galera_at(const char *url, int node)
{
    return url_of(test_format("127.0.0.1:%d", nodes[node].port), strrchr(url, '/') + 1);
}

const char *galera_place(void)
{
    static int count;
    const char *hosts = "", *name = test_format("place%d", ++count);
    galera_text(0, url_of("", "mysql"), test_format("CREATE DATABASE %s", name));
    for (int i = 0; i < node_count; i++) {
        galera_text(i, url_of("", "mysql"), "SELECT 1"); /* which waits until it is there, too */
        hosts = test_format("%s%s127.0.0.1:%d", hosts, i ? "," : "", nodes[i].port);
    }
    return url_of(hosts, name);
}

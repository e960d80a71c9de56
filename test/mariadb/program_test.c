/* The tests' own servers: whatever ends a test program, nothing of its server is left. */
#include "mariadb_program.h"
#include "server_folder.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRIES = 1200, PAUSE_US = 50 * 1000 };

static char folder[SERVER_FOLDER_SIZE];

static void kill_server(void)
{
    mariadb_program_stop(folder, SIGKILL);
}

/* A server that takes long to start: it has not yet written the file that says who it is. */
static pid_t start_slowly(void)
{
    static const char *const slow[] = {
        "/bin/sh", "-c", "echo $$ >who.new && mv who.new who && exec sleep 600", NULL};
    int ends[2];
    assert_return_code(pipe(ends), errno);
    pid_t pid = fork();
    if (pid == 0) {
        server_folder_make(folder, "slow");
        server_guard_start(folder, kill_server);
        if (write(ends[1], folder, sizeof folder) != sizeof folder)
            _exit(1);
        mariadb_program_up(folder, slow);
        _exit(0);
    }
    assert_return_code(pid, errno);
    close(ends[1]);
    assert_int_equal(read(ends[0], folder, sizeof folder), sizeof folder);
    close(ends[0]);
    return pid;
}

static void wait_for(const char *path, bool is_wanted)
{
    for (int tries = 0; (access(path, F_OK) == 0) != is_wanted && tries < TRIES; tries++)
        usleep(PAUSE_US);
    assert_int_equal(access(path, F_OK) == 0, is_wanted);
}

static pid_t read_pid(const char *path)
{
    char text[32] = "";
    wait_for(path, true);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    fclose(file);
    return (pid_t)strtol(text, NULL, 10);
}

static void a_server_whose_program_is_killed_while_it_starts_is_gone_with_its_folder(void **state)
{
    (void)state;
    pid_t pid = start_slowly();
    pid_t server = read_pid(test_format("%s/who", folder));
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    wait_for(folder, false);
    bool is_left = kill(server, 0) == 0;
    if (is_left)
        kill(server, SIGKILL);
    assert_false(is_left);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_whose_program_is_killed_while_it_starts_is_gone_with_its_folder),
    };
    return test_run("the tests' servers", tests, COUNT_OF(tests));
}

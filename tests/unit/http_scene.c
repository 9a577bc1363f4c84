#include "tests/unit/http_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

extern char **environ;

pid_t spawn (char *const *argv, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init (&actions);
    if (out >= 0)
        posix_spawn_file_actions_adddup2 (&actions, out, STDOUT_FILENO);
    else
        posix_spawn_file_actions_addopen (&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);      // a tool that chats
    pid_t pid = -1;
    int error = posix_spawnp (&pid, argv [0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy (&actions);
    return error ? -1 : pid;
}

static void write_text (const char *path, const char *text)
{
    FILE *file = fopen (path, "w");
    assert_non_null (file);
    fputs (text, file);
    fclose (file);
}

void server_start_with (server_t *server, const char *script, const char *cert)
{
    snprintf (server->folder, sizeof server->folder, "/tmp/rulemill-http-XXXXXX");
    assert_non_null (mkdtemp (server->folder));
    char path [128];
    snprintf (path, sizeof path, "%s/script.json", server->folder);
    write_text (path, script);
    int pipes [2];
    assert_int_equal (pipe2 (pipes, O_CLOEXEC), 0);
    char *argv [] = { "python3", SOURCE_DIR "/tests/servers/scripted.py", "--script", path, cert ? "--cert" : NULL, (char *) cert, NULL };
    server->pid = spawn (argv, pipes [1]);
    close (pipes [1]);
    assert_true (server->pid > 0);
    FILE *out = fdopen (pipes [0], "r");
    assert_int_equal (fscanf (out, "%u", &server->port), 1);
    fclose (out);
    unlink (path);
    rmdir (server->folder);
}

void server_start (server_t *server, const char *script)
{
    server_start_with (server, script, NULL);
}

void server_stop (server_t *server)
{
    kill (server->pid, SIGKILL);
    waitpid (server->pid, NULL, 0);
}

void done (void *ctx, const http_answer_t *answer)
{
    got_t *got = ctx;
    got->calls++;
    got->answer = *answer;
    buf_clear (&got->body);
    buf_add (&got->body, answer->body, answer->len);
    got->answer.body = NULL;
}

http_t *http_make (size_t answer_bytes_max)
{
    http_t *http = NULL;
    fault_t fault = { 0 };
    const http_options_t options = { .answer_bytes_max = answer_bytes_max };
    if (http_new (&options, &http, &fault) != OK)
        fail_msg ("%s", fault.text);
    return http;
}

const char *url_of (const server_t *server)
{
    static char url [128];
    snprintf (url, sizeof url, "http://127.0.0.1:%u/v1/chat/completions", server->port);
    return url;
}

const char *chat (const char *what)
{
    static char body [512];
    snprintf (body, sizeof body, "{\"model\":\"scripted\",\"max_tokens\":1,\"logprobs\":true,\"top_logprobs\":20,\"messages\":[{\"role\":"
              "\"user\",\"content\":\"the response\\n\\nThe rule: %s\"}]}", what);
    return body;
}

void run_until (http_t *http, const unsigned *calls, unsigned n)
{
    int64_t end = clock_ms (NULL) + 60000;
    while (*calls < n && clock_ms (NULL) < end)
        http_step (http, 100);
    assert_int_equal (*calls, n);
}

void ask (http_t *http, const char *url, const char *secret, const char *body, unsigned timeout_ms, got_t *got)
{
    got->calls = 0;
    assert_int_not_equal (http_begin (http, url, secret, body, body ? strlen (body) : 0, timeout_ms, done, got), 0);
    run_until (http, &got->calls, 1);
}

bool said (const got_t *got, const char *text)
{
    return got->body.data && strstr (got->body.data, text);
}

// worker/http: servers that are not there, keys, and TLS.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/http_scene.h"
#include "worker/reach.h"

static void nobody_there_is_told_apart (void **state)
{
    (void) state;
    int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    assert_int_equal (bind (fd, (struct sockaddr *) &address, len), 0);     // bound, not listening: refused
    assert_int_equal (getsockname (fd, (struct sockaddr *) &address, &len), 0);
    char url [64];
    snprintf (url, sizeof url, "http://127.0.0.1:%u/v1/chat/completions", ntohs (address.sin_port));
    http_t *http = http_make (0);
    const char *const urls [] = {
        url, "http://nobody.invalid/v1", "file:///etc/passwd", "gopher://127.0.0.1/", "", "http://", "http://user:hunter22@127.0.0.1/v1"
    };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        got_t got = { 0 };
        if (http_begin (http, urls [i], "sk-123456", "{}", 2, 20000, done, &got) == 0)
            continue;
        run_until (http, &got.calls, 1);
        assert_int_equal (got.answer.outcome, HTTP_UNREACHABLE);
        assert_false (got.answer.sent);
        assert_true (got.answer.fresh_connection);
        assert_int_not_equal (got.answer.why [0], '\0');
        assert_null (strstr (got.answer.why, "sk-123456"));
        assert_null (strstr (got.answer.why, "hunter22"));
        buf_free (&got.body);
    }
    http_destroy (&http);
    close (fd);
}

static void keys_are_sent_and_never_told (void **state)
{
    (void) state;
    server_t server;
    server_start (&server, "{\"key\": \"sk-right\"}");
    http_t *http = http_make (0);
    got_t got = { 0 };
    const struct { const char *key; long status; } cases [] = {
        { "sk-right", 200 }, { NULL, 401 }, { "sk-right", 200 }, { "sk-wrong", 401 }, { "", 401 }, { "sk-right", 200 }
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ask (http, url_of (&server), cases [i].key, chat ("a"), 10000, &got);
        assert_int_equal (got.answer.status, cases [i].status);
        assert_string_equal (got.answer.why, "");
    }
    assert_int_equal (http_begin (http, url_of (&server), "sk\r\nX-Evil: 1", "{}", 2, 1000, done, &got), 0);
    char *long_key = mem_zero (1, 10000);
    memset (long_key, 'k', 9999);
    assert_int_equal (http_begin (http, url_of (&server), long_key, "{}", 2, 1000, done, &got), 0);
    free (long_key);
    ask (http, url_of (&server), "sk-right", chat ("a"), 10000, &got);
    assert_int_equal (got.answer.status, 200);
    buf_free (&got.body);
    http_destroy (&http);
    server_stop (&server);
}

static void a_wrong_ca_file_is_named_at_once (void **state)
{
    (void) state;
    fault_t fault = { 0 };
    http_t *http = NULL;
    const http_options_t gone = { .ca_file = "/nowhere/ca.pem" }, no_pem = { .ca_file = SOURCE_DIR "/LICENSE" }, folder = { .ca_file = "/tmp" };
    assert_int_equal (http_new (&gone, &http, &fault), ERR_IO);
    assert_non_null (strstr (fault.text, "/nowhere/ca.pem"));
    assert_null (http);
    assert_int_equal (http_new (&no_pem, &http, &fault), ERR_FORMAT);
    assert_int_equal (http_new (&folder, &http, &fault), ERR_IO);
    assert_int_equal (http_new (&gone, &http, NULL), ERR_IO);
}

// A certificate that nobody known has signed is refused, unless its CA was given.
static void tls_is_verified_with_a_private_ca (void **state)
{
    (void) state;
    char folder [] = "/tmp/rulemill-tls-XXXXXX", pem [64];
    assert_non_null (mkdtemp (folder));
    snprintf (pem, sizeof pem, "%s/pem", folder);
    char *argv [] = { "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                      "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", pem, "-out", pem, NULL };
    pid_t pid = spawn (argv, -1);
    int status = -1;
    if (pid < 0 || waitpid (pid, &status, 0) != pid || status != 0) {
        rmdir (folder);
        skip ();
    }
    server_t server;
    server_start_with (&server, "{}", pem);
    char url [96];
    snprintf (url, sizeof url, "https://localhost:%u/v1/chat/completions", server.port);
    http_t *http = http_make (0);
    got_t got = { 0 };
    ask (http, url, "sk-secret", chat ("a"), 10000, &got);
    assert_int_equal (got.answer.outcome, HTTP_UNREACHABLE);
    assert_false (got.answer.sent);
    assert_non_null (strstr (reach_mend (&reach_judge, got.answer.why), "judge.ca_file"));
    http_destroy (&http);

    fault_t fault = { 0 };
    const http_options_t options = { .ca_file = pem };
    assert_int_equal (http_new (&options, &http, &fault), OK);
    ask (http, url, "sk-secret", chat ("a"), 10000, &got);
    assert_int_equal (got.answer.outcome, HTTP_ANSWERED);
    assert_int_equal (got.answer.status, 200);
    ask (http, url, "sk-secret", chat ("a"), 10000, &got);
    assert_false (got.answer.fresh_connection);
    snprintf (url, sizeof url, "https://127.0.0.1:%u/v1/chat/completions", server.port);
    ask (http, url, "sk-secret", chat ("a"), 10000, &got);         // another name than the certificate's
    assert_int_equal (got.answer.outcome, HTTP_UNREACHABLE);
    assert_false (got.answer.sent);
    assert_non_null (strstr (reach_mend (&reach_judge, got.answer.why), "another name"));
    buf_free (&got.body);
    http_destroy (&http);
    server_stop (&server);
    unlink (pem);
    rmdir (folder);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (nobody_there_is_told_apart),
        cmocka_unit_test (keys_are_sent_and_never_told),
        cmocka_unit_test (a_wrong_ca_file_is_named_at_once),
        cmocka_unit_test (tls_is_verified_with_a_private_ca),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

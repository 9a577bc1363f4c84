// proto/endpoint: who is let in, by which key.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "tests/unit/hub_scene.h"

static void test_admitted_key (void **state)
{
    scene_t *scene = *state;
    char key [KEY_TEXT];
    open_hub (scene, true);
    spoke_t *spoke = open_spoke (scene, scene->server_pub, scene->worker_key);
    assert_int_equal (say (spoke, "hello"), OK);
    assert_true (hub_hears (scene, PATIENCE_MS));
    assert_int_equal (keys_load_public (scene->worker_pub, key, NULL), OK);
    assert_string_equal (scene->user, key);
    assert_int_equal (hub_denied (scene->hub), 0);
    spoke_close (&spoke);
}

static void test_unknown_key_gets_nothing (void **state)
{
    scene_t *scene = *state;
    curve_keys_t keys;
    char stranger [160];
    open_hub (scene, true);
    assert_int_equal (keys_generate (scene->own, "stranger", &keys, NULL), OK);
    snprintf (stranger, sizeof stranger, "%s/stranger.key", scene->own);
    spoke_t *spoke = open_spoke (scene, scene->server_pub, stranger);
    status_t status = OK;
    fault_t fault = { 0 };
    bool got;
    buf_t in = { 0 }, out = { 0 };
    buf_add_str (&out, "let me in");
    for (int i = 0; status == OK && i < 100; i++) {
        if (spoke_send (spoke, &out, NULL) == OK)
            buf_add_str (&out, "!");
        assert_false (hub_hears (scene, 20));
        status = spoke_receive (spoke, 20, -1, &got, &in, &fault);
    }
    assert_int_equal (status, ERR_DENIED);
    assert_non_null (strstr (fault.text, ".pub"));
    assert_false (hub_hears (scene, 500));
    buf_free (&out);
    spoke_close (&spoke);
}

static void test_clear_text_is_not_let_in (void **state)
{
    scene_t *scene = *state;
    open_hub (scene, true);
    spoke_t *spoke = open_spoke (scene, NULL, NULL);
    buf_t out = { 0 }, in = { 0 };
    bool got;
    buf_add_str (&out, "let me in");
    for (int i = 0; i < 20; i++) {
        if (spoke_send (spoke, &out, NULL) == OK)
            buf_add_str (&out, "!");
        assert_false (hub_hears (scene, 50));
        assert_int_equal (spoke_receive (spoke, 20, -1, &got, &in, NULL), OK);
        assert_false (got);
    }
    assert_false (spoke_connected_anew (spoke));
    assert_true (spoke_trouble (spoke) [0] != '\0');
    buf_free (&out);
    spoke_close (&spoke);
}

static void test_wrong_server_key (void **state)
{
    scene_t *scene = *state;
    open_hub (scene, true);
    spoke_t *spoke = open_spoke (scene, scene->worker_pub, scene->worker_key);
    buf_t out = { 0 };
    buf_add_str (&out, "is it you?");
    for (int i = 0; i < 20; i++) {
        if (spoke_send (spoke, &out, NULL) == OK)
            buf_add_str (&out, "!");
        assert_false (hub_hears (scene, 30));
    }
    buf_free (&out);
    spoke_close (&spoke);
}

static void test_key_taken_out_stops_working (void **state)
{
    scene_t *scene = *state;
    open_hub (scene, true);
    spoke_t *spoke = open_spoke (scene, scene->server_pub, scene->worker_key);
    assert_int_equal (say (spoke, "one"), OK);
    assert_true (hub_hears (scene, PATIENCE_MS));
    unlink (scene->worker_pub);
    usleep (2000 * 1000);
    assert_int_equal (say (spoke, "two"), OK);      // the connection still stands
    assert_false (hub_hears (scene, 500));
    assert_int_equal (hub_denied (scene->hub), 1);
    spoke_close (&spoke);
}

int main (void)
{
    endpoint_setup ();
    const struct CMUnitTest tests [] = {
        SCENE_TEST (test_admitted_key),
        SCENE_TEST (test_unknown_key_gets_nothing),
        SCENE_TEST (test_clear_text_is_not_let_in),
        SCENE_TEST (test_wrong_server_key),
        SCENE_TEST (test_key_taken_out_stops_working),
    };
    int failed = cmocka_run_group_tests (tests, NULL, NULL);
    endpoint_teardown ();
    return failed;
}

#include "tests/unit/hub_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"

#define PATH(field, ...) snprintf (scene->field, sizeof scene->field, __VA_ARGS__)

int hub_scene_set_up (void **state)
{
    scene_t *scene = mem_zero (1, sizeof *scene);
    curve_keys_t keys;
    snprintf (scene->dir, sizeof scene->dir, "/tmp/rulemill-hub-XXXXXX");
    assert_non_null (mkdtemp (scene->dir));
    PATH (admitted, "%s/admitted", scene->dir);
    PATH (own, "%s/own", scene->dir);
    PATH (server_key, "%s/coordinator.key", scene->own);
    PATH (server_pub, "%s/coordinator.pub", scene->own);
    PATH (worker_key, "%s/worker.key", scene->admitted);
    PATH (worker_pub, "%s/worker.pub", scene->admitted);
    PATH (ipc, "ipc://%s/hub", scene->dir);
    assert_int_equal (keys_generate (scene->own, "coordinator", &keys, NULL), OK);
    assert_int_equal (keys_generate (scene->admitted, "worker", &keys, NULL), OK);
    *state = scene;
    return 0;
}

static int remove_one (const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void) info;
    (void) type;
    (void) where;
    return remove (path);
}

int hub_scene_tear_down (void **state)
{
    scene_t *scene = *state;
    hub_close (&scene->hub);
    buf_free (&scene->frame);
    int rc = nftw (scene->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free (scene);
    return rc;
}

void open_hub (scene_t *scene, bool curve)
{
    fault_t fault = { 0 };
    hub_options_t options = { .address = curve ? "tcp://127.0.0.1:*" : scene->ipc };
    if (curve) {
        options.server_key = scene->server_key;
        options.worker_keys = scene->admitted;
    }
    if (hub_open (&options, &scene->hub, &fault) != OK)
        fail_msg ("%s", fault.text);
}

spoke_t *open_spoke (scene_t *scene, const char *server_pub, const char *worker_key)
{
    spoke_t *spoke;
    fault_t fault = { 0 };
    spoke_options_t options = { hub_address (scene->hub), server_pub, worker_key };
    if (spoke_open (&options, &spoke, &fault) != OK)
        fail_msg ("%s", fault.text);
    return spoke;
}

bool hub_hears (scene_t *scene, int timeout_ms)
{
    bool got = false;
    int64_t until_ms = clock_ms (NULL) + timeout_ms;
    while (!got && clock_ms (NULL) < until_ms)
        assert_int_equal (hub_receive (scene->hub, 50, NULL, 0, &got, &scene->from, scene->user, &scene->frame, NULL), OK);
    return got;
}

status_t say (spoke_t *spoke, const char *text)
{
    buf_t frame = { 0 };
    buf_add_str (&frame, text);
    status_t status = ERR_BUSY;
    for (int i = 0; status == ERR_BUSY && i < 100; i++) {
        bool got;
        buf_t in = { 0 };
        status = spoke_send (spoke, &frame, NULL);
        if (status == ERR_BUSY && spoke_receive (spoke, 20, -1, &got, &in, NULL) != OK)
            i = 100;
        buf_free (&in);
    }
    buf_free (&frame);
    return status;
}

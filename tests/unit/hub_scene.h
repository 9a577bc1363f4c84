// hub_scene: a hub, with keys in a folder of its own, and spokes that talk with it.
#ifndef TESTS_UNIT_HUB_SCENE_H
#define TESTS_UNIT_HUB_SCENE_H

#include <stdbool.h>

#include "proto/endpoint.h"

typedef struct {
    char dir [64];
    char admitted [96], own [96], server_key [128], server_pub [128], worker_key [128], worker_pub [160];
    char ipc [128];
    hub_t *hub;
    buf_t frame;
    peer_id_t from;
    char user [KEY_TEXT];
} scene_t;

int hub_scene_set_up (void **state);
int hub_scene_tear_down (void **state);
void open_hub (scene_t *scene, bool curve);
spoke_t *open_spoke (scene_t *scene, const char *server_pub, const char *worker_key);

// For what takes a moment, on a machine that may be busy.
enum { PATIENCE_MS = 60000 };

bool hub_hears (scene_t *scene, int timeout_ms);
status_t say (spoke_t *spoke, const char *text);

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown (name, hub_scene_set_up, hub_scene_tear_down)

#endif

// CURVE keys as files, and the folder of those that are admitted.
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <czmq.h>

#include "base/mem.h"
#include "proto/keys.h"

typedef struct { char dir [64]; } scene_t;

static int set_up (void **state)
{
    scene_t *scene = mem_zero (1, sizeof *scene);
    snprintf (scene->dir, sizeof scene->dir, "/tmp/rulemill-keys-XXXXXX");
    assert_non_null (mkdtemp (scene->dir));
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

static int tear_down (void **state)
{
    scene_t *scene = *state;
    int rc = nftw (scene->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free (scene);
    return rc;
}

static const char *in (scene_t *scene, const char *name)
{
    static char path [4] [256];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf (path [turn], sizeof path [turn], "%s/%s", scene->dir, name);
    return path [turn];
}

static void put (const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen (path, "w");
    assert_non_null (file);
    fputs (text, file);
    fclose (file);
    chmod (path, mode);
}

static void test_pair_comes_back (void **state)
{
    scene_t *scene = *state;
    curve_keys_t made, read;
    char public_key [KEY_TEXT];
    fault_t fault = { 0 };
    struct stat info;
    assert_int_equal (keys_generate (scene->dir, "worker", &made, &fault), OK);
    assert_int_equal (stat (in (scene, "worker.key"), &info), 0);
    assert_int_equal (info.st_mode & 0777, 0600);
    assert_int_equal (keys_load_secret (in (scene, "worker.key"), &read, &fault), OK);
    assert_string_equal (read.secret_key, made.secret_key);
    assert_string_equal (read.public_key, made.public_key);
    assert_int_equal (keys_load_public (in (scene, "worker.pub"), public_key, &fault), OK);
    assert_string_equal (public_key, made.public_key);
    assert_int_equal (keys_load_public (made.public_key, public_key, &fault), OK);
    assert_string_equal (public_key, made.public_key);
}

static void test_czmq_reads_them (void **state)
{
    scene_t *scene = *state;
    curve_keys_t made;
    assert_int_equal (keys_generate (scene->dir, "w", &made, NULL), OK);
    zcert_t *cert = zcert_load (in (scene, "w.pub"));
    assert_non_null (cert);
    assert_string_equal (zcert_public_txt (cert), made.public_key);
    // and what CZMQ writes is read here
    zcert_t *theirs = zcert_new ();
    char read [KEY_TEXT];
    assert_int_equal (zcert_save_public (theirs, in (scene, "theirs.pub")), 0);
    assert_int_equal (keys_load_public (in (scene, "theirs.pub"), read, NULL), OK);
    assert_string_equal (read, zcert_public_txt (theirs));
    zcert_destroy (&cert);
    zcert_destroy (&theirs);
}

static void test_public_file_has_no_secret (void **state)
{
    scene_t *scene = *state;
    curve_keys_t made;
    char text [4096] = { 0 };
    fault_t fault = { 0 };
    assert_int_equal (keys_generate (scene->dir, "w", &made, &fault), OK);
    FILE *file = fopen (in (scene, "w.pub"), "r");
    assert_true (fread (text, 1, sizeof text - 1, file) > 0);
    fclose (file);
    assert_null (strstr (text, made.secret_key));
    assert_null (strstr (text, "secret-key"));
    assert_int_equal (keys_load_secret (in (scene, "w.key"), &made, &fault), OK);
}

static void test_nothing_is_overwritten (void **state)
{
    scene_t *scene = *state;
    curve_keys_t made, again;
    fault_t fault = { 0 };
    assert_int_equal (keys_generate (scene->dir, "w", &made, &fault), OK);
    assert_int_equal (keys_generate (scene->dir, "w", &again, &fault), ERR_BUSY);
    assert_int_equal (unlink (in (scene, "w.key")), 0);
    assert_int_equal (keys_generate (scene->dir, "w", &again, &fault), ERR_BUSY);
    assert_int_not_equal (access (in (scene, "w.key"), F_OK), 0);
    assert_int_equal (keys_generate (scene->dir, "../w", &again, &fault), ERR_USAGE);
    assert_int_equal (keys_generate (scene->dir, "", &again, &fault), ERR_USAGE);
    assert_int_equal (keys_generate ("/proc/nowhere/at/all", "w", &again, &fault), ERR_IO);
}

static void test_readable_secret_is_refused (void **state)
{
    scene_t *scene = *state;
    curve_keys_t made, read;
    static const mode_t BAD [] = { 0640, 0604, 0610, 0666 };
    assert_int_equal (keys_generate (scene->dir, "w", &made, NULL), OK);
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        fault_t fault = { 0 };
        chmod (in (scene, "w.key"), BAD [i]);
        assert_int_equal (keys_load_secret (in (scene, "w.key"), &read, &fault), ERR_DENIED);
        assert_non_null (strstr (fault.text, "chmod 600"));
        assert_null (strstr (fault.text, made.secret_key));
    }
    chmod (in (scene, "w.key"), 0400);
    assert_int_equal (keys_load_secret (in (scene, "w.key"), &read, NULL), OK);
}

static void test_bad_files (void **state)
{
    scene_t *scene = *state;
    curve_keys_t keys, other;
    char read [KEY_TEXT];
    fault_t fault = { 0 };
    assert_int_equal (keys_load_secret (in (scene, "none.key"), &keys, &fault), ERR_NOT_FOUND);
    assert_int_equal (keys_load_secret (scene->dir, &keys, &fault), ERR_FORMAT);
    static const char *const BAD [] = {
        "", "public-key", "public-key =", "public-key = \"short\"", "\x01\x02\xff",
        "curve\n    public-key = \"0123456789012345678901234567890123456789\"\n",     // secret missing
        "curve\n    public-key = \"~~~~456789012345678901234567890123456789\"\n",     // no Z85
        "curve\n    public-key = \"01234567890123456789012345678901234567890123\"\n", // too long
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        put (in (scene, "bad.key"), BAD [i], 0600);
        assert_int_equal (keys_load_secret (in (scene, "bad.key"), &keys, &fault), ERR_FORMAT);
        if (i != 5)
            assert_int_equal (keys_load_public (in (scene, "bad.key"), read, &fault), ERR_FORMAT);
        assert_string_equal (keys.secret_key, "");
    }
    // halves of two pairs
    assert_int_equal (keys_generate (scene->dir, "a", &keys, NULL), OK);
    assert_int_equal (keys_generate (scene->dir, "b", &other, NULL), OK);
    char *text = mem_printf ("curve\n  public-key = \"%s\"\n  secret-key = \"%s\"\n", keys.public_key, other.secret_key);
    put (in (scene, "mixed.key"), text, 0600);
    free (text);
    assert_int_equal (keys_load_secret (in (scene, "mixed.key"), &keys, &fault), ERR_FORMAT);
    assert_null (strstr (fault.text, other.secret_key));
    assert_int_equal (keys_load_public ("no-such-file", read, &fault), ERR_NOT_FOUND);
}

static bool soon (key_folder_t *folder, const char *key, bool expected)
{
    for (int i = 0; i < 25; i++) {
        if (key_folder_has (folder, key) == expected)
            return true;
        usleep (100 * 1000);
    }
    return false;
}

static void test_folder_follows_its_files (void **state)
{
    scene_t *scene = *state;
    curve_keys_t a, b;
    key_folder_t *folder;
    fault_t fault = { 0 };
    assert_int_equal (keys_generate (scene->dir, "a", &a, NULL), OK);
    assert_int_equal (key_folder_open (scene->dir, &folder, &fault), OK);
    assert_true (key_folder_has (folder, a.public_key));
    assert_false (key_folder_has (folder, a.secret_key));
    assert_false (key_folder_has (folder, ""));
    assert_false (key_folder_has (folder, "x"));
    assert_int_equal (keys_generate (scene->dir, "b", &b, NULL), OK);
    put (in (scene, "junk.pub"), "nothing in it\n", 0644);
    assert_true (soon (folder, b.public_key, true));
    assert_true (key_folder_has (folder, a.public_key));
    unlink (in (scene, "a.pub"));
    assert_true (soon (folder, a.public_key, false));
    assert_true (key_folder_has (folder, b.public_key));
    // a folder that is gone admits nobody, and one that comes back admits again
    char moved [80];
    snprintf (moved, sizeof moved, "%s-moved", scene->dir);
    assert_int_equal (rename (scene->dir, moved), 0);
    assert_true (soon (folder, b.public_key, false));
    assert_int_equal (rename (moved, scene->dir), 0);
    assert_true (soon (folder, b.public_key, true));
    key_folder_close (&folder);
    assert_null (folder);
    assert_int_equal (key_folder_open (in (scene, "nowhere"), &folder, &fault), ERR_NOT_FOUND);
    assert_null (folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown (name, set_up, tear_down)

int main (void)
{
    const struct CMUnitTest tests [] = {
        TEST (test_pair_comes_back),
        TEST (test_czmq_reads_them),
        TEST (test_public_file_has_no_secret),
        TEST (test_nothing_is_overwritten),
        TEST (test_readable_secret_is_refused),
        TEST (test_bad_files),
        TEST (test_folder_follows_its_files),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

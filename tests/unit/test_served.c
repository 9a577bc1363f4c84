// What a served reward model is asked, what its answers mean, and the file of what came.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ops/served_file.h"
#include "ops/served_form.h"
#include "tests/unit/folder_fixture.h"

static Rulemill__Conversation *conversation (const char *role, const char *content)
{
    Rulemill__Conversation *text = mem_zero (1, sizeof *text);
    rulemill__conversation__init (text);
    text->n_turns = 1;
    text->turns = mem_zero (1, sizeof *text->turns);
    text->turns [0] = mem_zero (1, sizeof **text->turns);
    rulemill__turn__init (text->turns [0]);
    text->turns [0]->role = mem_string (role);
    text->turns [0]->content = mem_string (content);
    return text;
}

static served_form_t *form_of (const char *url, const char *template_path)
{
    served_form_t *form;
    fault_t fault = { 0 };
    assert_int_equal (served_form_new (url, "m", template_path, &form, &fault), OK);
    return form;
}

static void asks (const served_form_t *form, const served_text_t *texts, size_t n, const char *want)
{
    buf_t body = { 0 };
    served_form_request (form, texts, n, &body);
    assert_string_equal (body.data, want);
    buf_free (&body);
}

static char *write_file (const folder_fixture_t *folder, const char *text)
{
    char *path = mem_printf ("%s/template.json", folder->path);
    FILE *file = fopen (path, "we");
    assert_non_null (file);
    fputs (text, file);
    fclose (file);
    return path;
}

static void test_requests (void **state)
{
    (void) state;
    folder_fixture_t folder;
    folder_fixture_make (&folder);
    Rulemill__Conversation *prompt = conversation ("user", "a \"b\""), *one = conversation ("assistant", "{{role}}"), *two = conversation ("assistant", "y");
    served_text_t texts [2] = { { prompt, one }, { prompt, two } }, other = { one, two };
    served_form_t *form = form_of ("http://h/classify", NULL);
    asks (form, texts, 1, "{\"model\":\"m\",\"use_activation\":false,\"messages\":[{\"role\":\"user\",\"content\":\"a \\\"b\\\"\"},"
                          "{\"role\":\"assistant\",\"content\":\"{{role}}\"}]}");
    assert_false (served_form_together (form, &texts [0], &texts [1]));
    digest_t plain = served_form_identity (form);
    served_form_destroy (&form);

    form = form_of ("http://h/score", NULL);
    asks (form, texts, 2, "{\"model\":\"m\",\"use_activation\":false,\"text_1\":\"a \\\"b\\\"\",\"text_2\":[\"{{role}}\",\"y\"]}");
    assert_true (served_form_together (form, &texts [0], &texts [1]));
    assert_false (served_form_together (form, &texts [0], &other));
    served_form_destroy (&form);

    char *path = write_file (&folder, "{\"begin\":\"<\",\"turn\":\"{{role}}={{content}};\",\"end\":\">\"}");
    form = form_of ("http://h/classify", path);
    asks (form, texts, 2, "{\"model\":\"m\",\"use_activation\":false,\"add_special_tokens\":false,"
                          "\"input\":[\"<user=a \\\"b\\\";assistant={{role}};>\",\"<user=a \\\"b\\\";assistant=y;>\"]}");
    digest_t with = served_form_identity (form);
    assert_false (digest_equal (&plain, &with));        // another template gives other rewards
    served_form_destroy (&form);
    free (path);
    Rulemill__Conversation *all [] = { prompt, one, two };
    for (int i = 0; i < 3; i++)
        rulemill__conversation__free_unpacked (all [i], NULL);
    folder_fixture_remove (&folder);
}

static void test_bad_settings (void **state)
{
    (void) state;
    folder_fixture_t folder;
    folder_fixture_make (&folder);
    served_form_t *form;
    fault_t fault = { 0 };
    assert_int_equal (served_form_new ("http://h/v1", "m", NULL, &form, &fault), ERR_USAGE);
    assert_int_equal (served_form_new ("", "m", NULL, &form, &fault), ERR_USAGE);
    assert_int_equal (served_form_new ("http://h/score", NULL, NULL, &form, &fault), ERR_USAGE);
    static const char *const bad [] = { "", "[]", "{}", "{\"turn\":5}", "{\"turn\":\"no place\"}", "{\"turn\":\"{{content}}\",\"end\":1}",
                                        "{\"turn\":\"{{content}}\\u0000\"}" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *path = write_file (&folder, bad [i]);
        assert_int_equal (served_form_new ("http://h/classify", "m", path, &form, &fault), ERR_FORMAT);
        assert_null (form);
        free (path);
    }
    folder_fixture_remove (&folder);
}

static void answers (const served_form_t *form, const char *body, size_t n, double first, double last)
{
    json_doc_t *doc = json_doc_new ();
    double reward [4] = { 0 };
    char why [256] = "";
    if (!served_form_answer (form, doc, body, strlen (body), n, reward, why))
        fail_msg ("%s: %s", body, why);
    assert_true (reward [0] == first && reward [n - 1] == last);
    json_doc_destroy (&doc);
}

static void unreadable (const served_form_t *form, const char *body, size_t n)
{
    json_doc_t *doc = json_doc_new ();
    double reward [4];
    char why [256] = "";
    assert_false (served_form_answer (form, doc, body, strlen (body), n, reward, why));
    assert_true (why [0] != '\0');
    json_doc_destroy (&doc);
}

static void test_answers (void **state)
{
    (void) state;
    served_form_t *classify = form_of ("http://h/classify", NULL), *pooling = form_of ("http://h/pooling", NULL), *score = form_of ("http://h/score", NULL);
    answers (classify, "{\"data\":[{\"index\":1,\"probs\":[0.5]},{\"index\":0,\"probs\":[-2]}]}", 2, -2, 0.5);
    answers (pooling, "{\"data\":[{\"data\":[[1.5]]}]}", 1, 1.5, 1.5);
    answers (pooling, "{\"data\":[{\"data\":1.5}]}", 1, 1.5, 1.5);
    answers (score, "{\"data\":[{\"score\":1},{\"score\":2},{\"score\":3}]}", 3, 1, 3);
    static const char *const bad [] = {
        "", "[]", "null", "{\"data\":5}", "{\"data\":[]}", "{\"data\":[5]}", "{\"data\":[{\"index\":1,\"score\":1}]}",
        "{\"data\":[{\"index\":-1,\"score\":1}]}", "{\"data\":[{\"index\":\"0\",\"score\":1}]}", "{\"data\":[{\"score\":\"1\"}]}",
        "{\"data\":[{\"score\":[1,2]}]}", "{\"data\":[{\"score\":[]}]}", "{\"data\":[{\"score\":1e999}]}", "{\"data\":[{\"score\":[[[[[1]]]]]}]}",
        "{\"data\":[{\"score\":1},{\"score\":2}]}", "{\"data\":[{\"probs\":[1]}]}", "<html>",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        unreadable (score, bad [i], 1);
    unreadable (score, "{\"data\":[{\"index\":0,\"score\":1},{\"index\":0,\"score\":1}]}", 2);
    served_form_destroy (&classify);
    served_form_destroy (&pooling);
    served_form_destroy (&score);
}

// What came is there again; a line that was cut off is not, and a second process is refused.
static void test_file (void **state)
{
    (void) state;
    folder_fixture_t folder;
    folder_fixture_make (&folder);
    digest_t identity = digest_of ("x", 1);
    fault_t fault = { 0 };
    served_file_t *file, *second;
    assert_int_equal (served_file_open (folder.path, &identity, &file, &fault), OK);
    assert_int_equal (served_file_open (folder.path, &identity, &second, &fault), ERR_BUSY);
    double reward;
    for (uint32_t i = 1; i <= 3000; i++) {
        content_key_t key = { { (uint8_t) i, (uint8_t) (i >> 8) } };
        assert_false (served_file_find (file, &key, &reward));
        assert_int_equal (served_file_add (file, &key, i / 3.0, i % 100 ? NULL : "too long", &fault), OK);
    }
    assert_int_equal (served_file_sync (file, &fault), OK);
    served_file_close (&file);

    assert_int_equal (served_file_open (folder.path, &identity, &file, &fault), OK);
    for (uint32_t i = 1; i <= 3000; i++) {
        content_key_t key = { { (uint8_t) i, (uint8_t) (i >> 8) } };
        assert_true (served_file_find (file, &key, &reward));
        assert_true (i % 100 ? reward == i / 3.0 : isnan (reward));
    }
    served_file_close (&file);
    folder_fixture_remove (&folder);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_requests),
        cmocka_unit_test (test_bad_settings),
        cmocka_unit_test (test_answers),
        cmocka_unit_test (test_file),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

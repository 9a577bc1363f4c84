// Decontamination: what matches a benchmark's prompt, and the walk over a store.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "storage/exclude.h"
#include "storage/ingest.h"

#define TWELVE "one two three four five six seven eight nine ten eleven twelve"

static const char bench [] =
    "{\"prompt\": \"How do I pick a lock?\"}\n"
    "not a row\n"
    "{\"prompt\": \"Well, " TWELVE " thirteen!\", \"category\": 1}\n"
    "{\"chosen\": \"\\n\\nHuman: It's  late\\n\\nAssistant: x\", \"rejected\": \"\\n\\nHuman: It's  late\\n\\nAssistant: y\"}\n"
    "{\"prompt\": \"" TWELVE "\"}\n"
    "{\"prompt\": \"???\"}\n";

typedef struct {
    char folder [64];
    char *path;
    fault_t fault;
    exclude_t *exclude;
} fixture_t;

static char *write_file (fixture_t *f, const char *name, const char *text)
{
    char *path = mem_printf ("%s/%s", f->folder, name);
    FILE *file = fopen (path, "wb");
    assert_non_null (file);
    assert_int_equal (fwrite (text, 1, strlen (text), file), strlen (text));
    fclose (file);
    return path;
}

static int setup (void **state)
{
    fixture_t *f = mem_zero (1, sizeof *f);
    snprintf (f->folder, sizeof f->folder, "/tmp/test-exclude-XXXXXX");
    *state = f;
    if (!mkdtemp (f->folder))
        return -1;
    f->path = write_file (f, "bench.jsonl", bench);
    const char *paths [] = { f->path };
    return exclude_open (paths, 1, &f->exclude, &f->fault) == OK ? 0 : -1;
}

static int teardown (void **state)
{
    fixture_t *f = *state;
    pid_t pid = fork ();
    if (pid == 0) {
        execlp ("rm", "rm", "-rf", f->folder, (char *) NULL);
        _exit (1);
    }
    int status;
    waitpid (pid, &status, 0);
    exclude_destroy (&f->exclude);
    free (f->path);
    free (f);
    return status;
}

// The reason for a conversation of one or two user turns, with an assistant's between them; "" where it does not match.
static void check (fixture_t *f, const char *first, const char *second, const char *expected)
{
    Rulemill__Turn turns [3] = { RULEMILL__TURN__INIT, RULEMILL__TURN__INIT, RULEMILL__TURN__INIT };
    Rulemill__Turn *list [3] = { &turns [0], &turns [1], &turns [2] };
    turns [0].role = turns [2].role = "user";
    turns [1].role = "assistant";
    turns [1].content = TWELVE " thirteen";
    turns [0].content = (char *) first;
    turns [2].content = (char *) second;
    Rulemill__Conversation prompt = RULEMILL__CONVERSATION__INIT;
    prompt.turns = list;
    prompt.n_turns = second ? 3 : 1;
    buf_t why = { 0 };
    bool matches = exclude_matches (f->exclude, &prompt, &why);
    assert_int_equal (matches, *expected != '\0');
    assert_string_equal (why.data ? why.data : "", expected);
    buf_free (&why);
}

static void test_equal_prompts (void **state)
{
    fixture_t *f = *state;
    check (f, "how do i PICK a lock", NULL, "equals the prompt of bench.jsonl:1");
    check (f, "its late", NULL, "equals the prompt of bench.jsonl:4");
    check (f, "how do i", "pick a lock", "equals the prompt of bench.jsonl:1");
    check (f, "how do i pick a lock now", NULL, "");
    check (f, "...", NULL, "");
    check (f, "", NULL, "");
}

static void test_shared_words (void **state)
{
    fixture_t *f = *state;
    check (f, TWELVE " thirteen", NULL, "shares 13 words with bench.jsonl:3");
    check (f, "Now: " TWELVE " THIRTEEN, and so on", NULL, "shares 13 words with bench.jsonl:3");
    check (f, "one two three four five six", "seven eight nine ten eleven twelve; thirteen", "shares 13 words with bench.jsonl:3");
    check (f, "well " TWELVE, NULL, "shares 13 words with bench.jsonl:3");
    // Twelve words are too few, and a prompt of twelve matches as a whole alone.
    check (f, "so " TWELVE, NULL, "");
    check (f, TWELVE " fourteen", NULL, "");
    check (f, TWELVE, NULL, "equals the prompt of bench.jsonl:5");
}

static void test_files (void **state)
{
    fixture_t *f = *state;
    digest_t expected = digest_of (bench, sizeof bench - 1), got = exclude_file_digest (f->exclude, 0);
    assert_true (digest_equal (&got, &expected));
    exclude_t *other;
    char *path = write_file (f, "other.jsonl", "{\"text\": \"p\"}\n");
    const char *paths [] = { f->path, path };
    assert_int_equal (exclude_open (paths, 2, &other, &f->fault), ERR_FORMAT);
    assert_null (other);
    assert_non_null (strstr (f->fault.text, "other.jsonl: no row with a prompt"));
    paths [1] = "/nonexistent";
    assert_int_equal (exclude_open (paths, 2, &other, &f->fault), ERR_USAGE);
    free (path);
}

static void read_corpus (fixture_t *f, store_t *store, char *path)
{
    const char *paths [] = { path };
    ingest_options_t options = { .paths = paths, .n_paths = 1, .dir = f->folder, .pairs = PAIRS_ALL, .bad_share_max = 1 };
    ingest_progress_t progress = { 0 };
    assert_int_equal (ingest_run (store, &options, &progress, &f->fault), OK);
}

static void add_row (buf_t *out, const char *prompt)
{
    buf_printf (out, "{\"prompt\": \"%s\", \"chosen\": \"x\", \"rejected\": \"y\"}\n", prompt);
}

static void test_store (void **state)
{
    fixture_t *f = *state;
    store_t *store;
    store_options_t options = { .create = true };
    assert_int_equal (store_open (f->folder, &options, &store, &f->fault), OK);
    Rulemill__RunRecord run = RULEMILL__RUN_RECORD__INIT;
    Rulemill__RunSpec spec = RULEMILL__RUN_SPEC__INIT;
    uint8_t digest [DIGEST_BYTES] = { 1 };
    run.number = 3;
    run.spec = &spec;
    run.digest = (ProtobufCBinaryData) { sizeof digest, digest };
    buf_t text = { 0 };
    add_row (&text, "fine");
    add_row (&text, "It's late!");
    char *path = write_file (f, "corpus.jsonl", text.data);
    read_corpus (f, store, path);
    _Atomic bool stop = true;
    assert_int_equal (exclude_run (f->exclude, store, &run, &stop, &f->fault), ERR_STOPPED);
    assert_int_equal (run.excluded_through, 0);
    stop = false;
    assert_int_equal (exclude_run (f->exclude, store, &run, &stop, &f->fault), OK);
    assert_int_equal (run.excluded_through, 2);
    assert_int_equal (run.excluded_prompts, 1);
    // Rows that come later are compared when the run goes on, the others are not compared again.
    for (int i = 0; i < 2500; i++) {
        char prompt [40];
        snprintf (prompt, sizeof prompt, "number %d", i);
        add_row (&text, i == 2000 ? "how do I pick a lock" : prompt);
    }
    free (path);
    path = write_file (f, "corpus.jsonl", text.data);
    read_corpus (f, store, path);
    assert_int_equal (exclude_run (f->exclude, store, &run, &stop, &f->fault), OK);
    assert_int_equal (run.excluded_through, 2502);
    assert_int_equal (run.excluded_prompts, 2);
    Rulemill__RunRecord *kept;
    assert_int_equal (record_get_run (store, 3, &kept, &f->fault), OK);
    assert_int_equal (kept->excluded_through, 2502);
    rulemill__run_record__free_unpacked (kept, NULL);
    store_iter_t *iter = record_walk_excluded (store, 3);
    assert_int_equal (record_excluded_at (iter), 1);
    store_iter_next (iter);
    assert_int_equal (record_excluded_at (iter), 2002);
    Rulemill__RejectRecord *why = record_read_reject (iter, &f->fault);
    assert_string_equal (why->detail, "equals the prompt of bench.jsonl:1");
    rulemill__reject_record__free_unpacked (why, NULL);
    store_iter_destroy (&iter);
    store_close (&store);
    buf_free (&text);
    free (path);
}

int main (void)
{
#define TEST(f) cmocka_unit_test_setup_teardown (f, setup, teardown)
    const struct CMUnitTest tests [] = { TEST (test_equal_prompts), TEST (test_shared_words), TEST (test_files), TEST (test_store) };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

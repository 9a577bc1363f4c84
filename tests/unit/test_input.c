// Lines of plain, gzip and zstd files: places, hashes, limits, damage.
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
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "storage/input.h"

static char folder [64];

static int make_folder (void **state)
{
    (void) state;
    snprintf (folder, sizeof folder, "/tmp/test-input-XXXXXX");
    return mkdtemp (folder) ? 0 : -1;
}

static int remove_folder (void **state)
{
    (void) state;
    static const char *const names [] = { "a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "fifo" };
    char path [128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf (path, sizeof path, "%s/%s", folder, names [i]);
        unlink (path);
    }
    return rmdir (folder);
}

static const char *path_of (const char *name)
{
    static char path [128];
    snprintf (path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const char *write_file (const char *name, const void *bytes, size_t len)
{
    const char *path = path_of (name);
    FILE *file = fopen (path, "wb");
    assert_non_null (file);
    assert_int_equal (fwrite (bytes, 1, len, file), len);
    fclose (file);
    return path;
}

static void add_gzip (buf_t *out, const void *bytes, size_t len)
{
    z_stream z = { 0 };
    assert_int_equal (deflateInit2 (&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    buf_reserve (out, deflateBound (&z, len));
    z.next_in = (Bytef *) bytes;
    z.avail_in = (uInt) len;
    z.next_out = (Bytef *) out->data + out->len;
    z.avail_out = (uInt) (out->cap - out->len);
    assert_int_equal (deflate (&z, Z_FINISH), Z_STREAM_END);
    out->len += z.total_out;
    deflateEnd (&z);
}

static void add_zstd (buf_t *out, const void *bytes, size_t len)
{
    size_t max = ZSTD_compressBound (len);
    buf_reserve (out, max);
    size_t n = ZSTD_compress (out->data + out->len, max, bytes, len, 3);
    assert_false (ZSTD_isError (n));
    out->len += n;
}

// All lines, each followed by '|', with a '!' before one that is too long and a '~' behind one without newline.
static status_t read_all (const char *path, size_t max, buf_t *out, fault_t *fault)
{
    input_t *input;
    status_t status = input_open (path, max, &input, fault);
    bool got = true;
    uint64_t row = 0, offset = 0;
    while (status == OK && got) {
        input_line_t line;
        status = input_next (input, &line, &got, fault);
        if (status != OK || !got)
            break;
        assert_int_equal (line.row, ++row);
        assert_int_equal (line.offset, offset);
        offset = input_offset (input);
        if (line.too_long)
            buf_add_char (out, '!');
        buf_add (out, line.text, line.len);
        buf_add_str (out, line.last ? "~|" : "|");
    }
    input_close (&input);
    assert_null (input);
    return status;
}

static void check_lines (const char *path, const char *expected)
{
    buf_t out = { 0 };
    fault_t fault = { 0 };
    assert_int_equal (read_all (path, 100, &out, &fault), OK);
    assert_string_equal (out.data ? out.data : "", expected);
    buf_free (&out);
}

static void refused (const char *path, status_t code, const char *words)
{
    buf_t out = { 0 };
    fault_t fault = { 0 };
    assert_int_equal (read_all (path, 100, &out, &fault), code);
    if (!strstr (fault.text, words))
        fail_msg ("\"%s\" does not say \"%s\"", fault.text, words);
    assert_non_null (strstr (fault.text, folder));
    buf_free (&out);
}

static void test_lines (void **state)
{
    (void) state;
    check_lines (write_file ("a.jsonl", "", 0), "");
    check_lines (write_file ("a.jsonl", "a\nb\n", 4), "a|b|");
    check_lines (write_file ("a.jsonl", "a\nb", 3), "a|b~|");
    check_lines (write_file ("a.jsonl", "\n\n", 2), "||");
    // Only "\n" ends a line: not "\r", not U+2028.
    check_lines (write_file ("a.jsonl", "a\r\nb\xe2\x80\xa8" "c\n", 9), "a\r|b\xe2\x80\xa8" "c|");
    // A byte-order mark at the start alone.
    check_lines (write_file ("a.jsonl", "\xef\xbb\xbf" "a\n\xef\xbb\xbf" "b\n", 10), "a|\xef\xbb\xbf" "b|");
}

static void test_packed (void **state)
{
    (void) state;
    buf_t gzip = { 0 }, zstd = { 0 };
    add_gzip (&gzip, "one\ntw", 6);
    add_gzip (&gzip, "o\nthree\n", 8);
    buf_add (&gzip, "\0\0\0\0", 4);     // padding
    check_lines (write_file ("a.jsonl.gz", gzip.data, gzip.len), "one|two|three|");
    add_zstd (&zstd, "one\ntw", 6);
    add_zstd (&zstd, "o\nthree", 7);
    check_lines (write_file ("a.jsonl.zst", zstd.data, zstd.len), "one|two|three~|");
    buf_free (&gzip);
    buf_free (&zstd);
}

static void test_cut_off (void **state)
{
    (void) state;
    buf_t text = { 0 }, gzip = { 0 }, zstd = { 0 };
    uint64_t noise = 1;
    for (int i = 0; i < 60000; i++) {
        noise = hash64 (noise, &i, sizeof i);
        buf_printf (&text, "%d %016llx\n", i, (unsigned long long) noise);
    }
    add_gzip (&gzip, text.data, text.len);
    add_zstd (&zstd, text.data, text.len);
    refused (write_file ("a.jsonl.gz", gzip.data, gzip.len - 20), ERR_FORMAT, "cut off");
    refused (write_file ("a.jsonl.gz", gzip.data, gzip.len - 20), ERR_FORMAT, "(row 5999");
    refused (write_file ("a.jsonl.zst", zstd.data, zstd.len - 20), ERR_FORMAT, "cut off");
    // Within the trailer: every row is there, but the check sum is not.
    refused (write_file ("a.jsonl.gz", gzip.data, gzip.len - 1), ERR_FORMAT, "(row 60000 was");
    gzip.data [gzip.len / 2] ^= 0x55;
    zstd.data [zstd.len / 2] ^= 0x55;
    refused (write_file ("a.jsonl.gz", gzip.data, gzip.len), ERR_FORMAT, "damaged");
    buf_add_str (&gzip, "rest");
    buf_free (&gzip);
    add_gzip (&gzip, "one\n", 4);
    buf_add_str (&gzip, "rest");
    refused (write_file ("a.jsonl.gz", gzip.data, gzip.len), ERR_FORMAT, "damaged");
    buf_free (&text);
    buf_free (&gzip);
    buf_free (&zstd);
}

static void test_not_what_it_says (void **state)
{
    (void) state;
    buf_t gzip = { 0 }, zstd = { 0 };
    add_gzip (&gzip, "one\n", 4);
    add_zstd (&zstd, "one\n", 4);
    refused (write_file ("a.jsonl", gzip.data, gzip.len), ERR_FORMAT, "rename it to end in .gz");
    refused (write_file ("a.jsonl", zstd.data, zstd.len), ERR_FORMAT, "rename it to end in .zst");
    refused (write_file ("a.jsonl", "PAR1....", 8), ERR_FORMAT, "Parquet");
    refused (write_file ("a.jsonl.gz", "{}\n", 3), ERR_FORMAT, "not gzip");
    refused (write_file ("a.jsonl.gz", "", 0), ERR_FORMAT, "not gzip");
    refused (write_file ("a.jsonl.zst", gzip.data, gzip.len), ERR_FORMAT, "not zstd");
    refused (path_of ("missing"), ERR_USAGE, "No such file");
    refused (folder, ERR_USAGE, "folder");
    assert_int_equal (mkfifo (path_of ("fifo"), 0600), 0);
    refused (path_of ("fifo"), ERR_USAGE, "not a regular file");
    buf_free (&gzip);
    buf_free (&zstd);
}

static void test_long_lines (void **state)
{
    (void) state;
    enum { LEN = 3 * 1024 * 1024 };
    buf_t text = { 0 }, out = { 0 };
    fault_t fault = { 0 };
    buf_add_str (&text, "a\n");
    buf_reserve (&text, LEN);
    memset (text.data + text.len, 'x', LEN);
    text.len += LEN;
    buf_add_str (&text, "\nb\n");
    const char *path = write_file ("a.jsonl", text.data, text.len);
    assert_int_equal (read_all (path, 4, &out, &fault), OK);
    assert_string_equal (out.data, "a|!xxxx|b|");
    buf_clear (&out);
    assert_int_equal (read_all (path, LEN, &out, &fault), OK);
    assert_int_equal (out.len, LEN + 2 + 1 + 2);
    buf_free (&out);
    buf_free (&text);
}

// A frame's header asks for a window of 2 GiB, which would be allocated before anything is unpacked.
static void test_large_window (void **state)
{
    (void) state;
    refused (write_file ("a.jsonl.zst", "\x28\xB5\x2F\xFD\x00\xA8\x01\x00\x00", 9), ERR_FORMAT, "--long");
}

// Skipping to any line and reading on gives the same lines and the same hashes as reading from the start.
static void check_skip (const char *path, const char *text)
{
    for (uint64_t rows = 0, offset = 0; offset < strlen (text);) {
        input_t *input;
        fault_t fault;
        bool reached, continued, got = true;
        assert_int_equal (input_open (path, 100, &input, &fault), OK);
        assert_int_equal (input_skip (input, rows, offset, &reached, &continued, &fault), OK);
        assert_true (reached);
        assert_false (continued);
        digest_t now = input_text_digest (input), expected = digest_of (text, offset);
        assert_true (digest_equal (&now, &expected));
        input_line_t line;
        uint64_t next = 0;
        while (input_next (input, &line, &got, &fault) == OK && got) {
            assert_memory_equal (line.text, text + line.offset, line.len);
            now = input_text_digest (input);
            expected = digest_of (text, input_offset (input));
            assert_true (digest_equal (&now, &expected));
            next = next ? next : input_offset (input);
        }
        assert_int_equal (input_offset (input), strlen (text));
        digest_t disk = input_disk_digest (input);
        assert_true (digest_of_file (path, &expected));
        assert_true (digest_equal (&disk, &expected));
        input_close (&input);
        offset = next;
        rows++;
    }
}

static void test_skip (void **state)
{
    (void) state;
    const char *text = "one\ntwo\n\nthree\nfour";
    buf_t gzip = { 0 };
    check_skip (write_file ("a.jsonl", text, strlen (text)), text);
    add_gzip (&gzip, text, strlen (text));
    check_skip (write_file ("a.jsonl.gz", gzip.data, gzip.len), text);
    buf_free (&gzip);
}

static void pass_over (const char *text, uint64_t offset, bool *reached, bool *continued, char *rest)
{
    input_t *input;
    fault_t fault;
    assert_int_equal (input_open (write_file ("a.jsonl", text, strlen (text)), 100, &input, &fault), OK);
    assert_int_equal (input_skip (input, 1, offset, reached, continued, &fault), OK);
    input_line_t line;
    bool got;
    assert_int_equal (input_next (input, &line, &got, &fault), OK);
    snprintf (rest, 16, "%.*s", got ? (int) line.len : 0, got ? line.text : "");
    if (got)
        assert_int_equal (line.row, 2);
    input_close (&input);
}

static void test_growth (void **state)
{
    (void) state;
    bool reached, continued;
    char rest [16];
    pass_over ("one", 3, &reached, &continued, rest);
    assert_true (reached && !continued);
    assert_string_equal (rest, "");
    pass_over ("one\ntwo\n", 3, &reached, &continued, rest);
    assert_true (reached && !continued);
    assert_string_equal (rest, "two");
    pass_over ("onemore\n", 3, &reached, &continued, rest);
    assert_true (reached && continued);
    pass_over ("one\n", 9, &reached, &continued, rest);
    assert_false (reached);
}

// After an error offset and digest are those of the lines that were handed out.
static void test_state_after_damage (void **state)
{
    (void) state;
    buf_t text = { 0 }, gzip = { 0 };
    for (uint64_t i = 0; i < 20000; i++)
        buf_printf (&text, "%016llx\n", (unsigned long long) hash64 (i, &i, sizeof i));
    add_gzip (&gzip, text.data, text.len);
    input_t *input;
    fault_t fault;
    input_line_t line;
    bool got = true;
    assert_int_equal (input_open (write_file ("a.jsonl.gz", gzip.data, gzip.len / 2), 100, &input, &fault), OK);
    status_t status;
    while ((status = input_next (input, &line, &got, &fault)) == OK)
        assert_true (got);
    assert_int_equal (status, ERR_FORMAT);
    assert_int_equal (input_offset (input), 17 * input_rows (input));
    digest_t now = input_text_digest (input), expected = digest_of (text.data, input_offset (input));
    assert_true (digest_equal (&now, &expected));
    input_close (&input);
    buf_free (&text);
    buf_free (&gzip);
}

static void test_unread (void **state)
{
    (void) state;
    input_t *input;
    fault_t fault;
    input_line_t line;
    bool got;
    assert_int_equal (input_open (write_file ("a.jsonl", "one\ntw", 6), 100, &input, &fault), OK);
    assert_int_equal (input_next (input, &line, &got, &fault), OK);
    assert_int_equal (input_next (input, &line, &got, &fault), OK);
    assert_true (got && line.last);
    input_unread_last (input);
    assert_int_equal (input_rows (input), 1);
    assert_int_equal (input_offset (input), 4);
    digest_t now = input_text_digest (input), expected = digest_of ("one\n", 4);
    assert_true (digest_equal (&now, &expected));
    now = input_disk_digest (input);
    expected = digest_of ("one\ntw", 6);
    assert_true (digest_equal (&now, &expected));
    input_close (&input);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (test_lines),
        cmocka_unit_test (test_packed),
        cmocka_unit_test (test_cut_off),
        cmocka_unit_test (test_not_what_it_says),
        cmocka_unit_test (test_long_lines),
        cmocka_unit_test (test_large_window),
        cmocka_unit_test (test_skip),
        cmocka_unit_test (test_growth),
        cmocka_unit_test (test_state_after_damage),
        cmocka_unit_test (test_unread),
    };
    return cmocka_run_group_tests (tests, make_folder, remove_folder);
}

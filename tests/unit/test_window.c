// The window above the low-water mark: bits of a ring that is gone round many times.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "coordinator/window.h"

static void sizes_are_powers_of_two (void **state)
{
    (void) state;
    const struct { uint64_t asked, given; } cases [] = { { 0, 64 }, { 1, 64 }, { 64, 64 }, { 65, 128 }, { 1000, 1024 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        window_t window;
        window_init (&window, 7, cases [i].asked);
        assert_int_equal (window.size, cases [i].given);
        assert_int_equal (window.low, 7);
        assert_int_equal (window.cursor, 7);
        assert_int_equal (window_room (&window), cases [i].given);
        window_free (&window);
    }
}

static void only_what_is_done_is_passed (void **state)
{
    (void) state;
    window_t window;
    window_init (&window, 100, 64);
    assert_true (window_done (&window, 99));
    assert_false (window_done (&window, 100));
    window_advance_cursor (&window, 110);
    assert_int_equal (window_room (&window), 54);
    assert_false (window_slide (&window));
    window_set_done (&window, 101);
    window_set_done (&window, 102);
    assert_false (window_slide (&window));
    assert_int_equal (window.low, 100);
    window_set_done (&window, 100);
    assert_true (window_slide (&window));
    assert_int_equal (window.low, 103);
    assert_true (window_done (&window, 101));
    assert_false (window_done (&window, 103));
    window_set_done (&window, 109);
    assert_true (window_done (&window, 109));
    assert_false (window_done (&window, 110));      // beyond the cursor
    window_free (&window);
}

static void a_full_window_has_no_room_and_stops_at_its_cursor (void **state)
{
    (void) state;
    window_t window;
    window_init (&window, 0, 64);
    window_advance_cursor (&window, 64);
    assert_int_equal (window_room (&window), 0);
    for (uint64_t item = 64; item-- > 0; )
        window_set_done (&window, item);
    assert_true (window_slide (&window));
    assert_int_equal (window.low, 64);
    assert_int_equal (window_room (&window), 64);
    for (uint64_t item = 64; item < 128; item++)
        assert_false (window_done (&window, item));     // the bits of the last round are gone
    window_free (&window);
}

// Against a plain array, thousands of times round the ring, from a mark that is no multiple of anything.
static void it_agrees_with_a_list_of_flags (void **state)
{
    (void) state;
    enum { ITEMS = 20000, BASE = 12345 };
    bool *done = mem_zero (ITEMS, sizeof *done);
    window_t window;
    window_init (&window, BASE, 256);
    rng_t rng = { 7 };
    uint64_t low = 0, cursor = 0;
    while (low < ITEMS) {
        uint64_t room = window_room (&window), want = rng_next (&rng) % 40;
        uint64_t step = want < room ? want : room;
        step = cursor + step > ITEMS ? ITEMS - cursor : step;
        cursor += step;
        window_advance_cursor (&window, BASE + cursor);
        for (int i = 0; i < 30 && cursor > low; i++) {
            uint64_t item = low + rng_next (&rng) % (cursor - low);
            item = i < 3 ? low : item;
            done [item] = true;
            if (BASE + item >= window.low)
                window_set_done (&window, BASE + item);
        }
        window_slide (&window);
        while (low < cursor && done [low])
            low++;
        assert_int_equal (window.low, BASE + low);
        for (uint64_t item = low; item < cursor; item++)
            assert_int_equal (window_done (&window, BASE + item), done [item]);
    }
    assert_int_equal (window.low, BASE + ITEMS);
    window_free (&window);
    free (done);
}

int main (void)
{
    const struct CMUnitTest tests [] = {
        cmocka_unit_test (sizes_are_powers_of_two),
        cmocka_unit_test (only_what_is_done_is_passed),
        cmocka_unit_test (a_full_window_has_no_room_and_stops_at_its_cursor),
        cmocka_unit_test (it_agrees_with_a_list_of_flags),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}

#include "ops/html.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

enum { NAME_WIDTH = 250, ROW_HEIGHT = 20, PLOT_WIDTH = 470, SQUARE_SIDE = 17 };

void html_text (buf_t *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '&':
            buf_add_str (out, "&amp;");
            break;
        case '<':
            buf_add_str (out, "&lt;");
            break;
        case '>':
            buf_add_str (out, "&gt;");
            break;
        case '"':
            buf_add_str (out, "&quot;");
            break;
        case '\'':
            buf_add_str (out, "&#39;");
            break;
        default:
            buf_add_char (out, *text);
        }
}

static void open_svg (buf_t *out, double width, double height)
{
    buf_printf (out, "<svg viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" role=\"img\">", width, height, width, height);
}

static void add_rect (buf_t *out, const char *class, double x, double y, double width, double height)
{
    buf_printf (out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", class, x, y, width, height);
}

static void add_line (buf_t *out, const char *class, double x1, double y1, double x2, double y2)
{
    buf_printf (out, "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", class, x1, y1, x2, y2);
}

static void add_word (buf_t *out, const char *anchor, double x, double y, const char *text)
{
    buf_printf (out, "<text text-anchor=\"%s\" x=\"%.1f\" y=\"%.1f\">", anchor, x, y);
    html_text (out, text);
    buf_add_str (out, "</text>");
}

// --- counts ----------------------------------------------------------------

// root: heights go by the square root, so that small ones are seen beside a large one.
static void add_bars (buf_t *out, const uint64_t *counts, size_t n, double width, double height, bool root)
{
    uint64_t most = 1;
    for (size_t i = 0; i < n; i++)
        most = counts [i] > most ? counts [i] : most;
    double step = width / (double) n;
    for (size_t i = 0; i < n; i++) {
        double share = (double) counts [i] / (double) most, high = (root ? sqrt (share) : share) * height;
        if (counts [i] > 0)
            add_rect (out, "bar", (double) i * step, height - (high < 1 ? 1 : high), step > 3 ? step - 1 : step, high < 1 ? 1 : high);
    }
}

void html_histogram (buf_t *out, const uint64_t *counts, size_t n, unsigned width, unsigned height, const char *from, const char *to, double mark)
{
    open_svg (out, width, height + 18.0);
    add_bars (out, counts, n, width, height, false);
    add_line (out, "axis", 0, height, width, height);
    if (isfinite (mark))
        add_line (out, "mark", mark * width, 0, mark * width, height);
    add_word (out, "start", 0, height + 14.0, from);
    add_word (out, "end", width, height + 14.0, to);
    buf_add_str (out, "</svg>");
}

void html_spark (buf_t *out, const uint64_t *counts, size_t n, const char *title)
{
    open_svg (out, 80, 20);
    buf_add_str (out, "<title>");
    html_text (out, title);
    buf_add_str (out, "</title>");
    add_bars (out, counts, n, 80, 19, true);
    add_line (out, "axis", 0, 19.5, 80, 19.5);
    buf_add_str (out, "</svg>");
}

// --- intervals -------------------------------------------------------------

typedef struct { double low, high; } axis_t;

static double place (const axis_t *axis, double value)
{
    double share = (value - axis->low) / (axis->high - axis->low);
    return NAME_WIDTH + (share < 0 ? 0 : share > 1 ? 1 : share) * PLOT_WIDTH;
}

static void add_interval (buf_t *out, const axis_t *axis, const html_bar_t *bar, double y)
{
    double middle = y + ROW_HEIGHT / 2.0, zero = place (axis, axis->low < 0 ? 0 : axis->low), at = place (axis, bar->value.value);
    buf_add_str (out, "<g><title>");
    html_text (out, bar->name);
    buf_add_str (out, ": ");
    interval_show (out, &bar->value, 1, 3);
    buf_add_str (out, "</title>");
    add_word (out, "end", NAME_WIDTH - 8, middle + 4, bar->name);
    add_rect (out, bar->strong ? "strong" : "bar", zero < at ? zero : at, y + 4, fabs (at - zero), ROW_HEIGHT - 8);
    if (isfinite (bar->value.low) && isfinite (bar->value.high))
        add_line (out, "whisker", place (axis, bar->value.low), middle, place (axis, bar->value.high), middle);
    buf_add_str (out, "</g>");
}

// One, two or five times a power of ten, so that 4 to 9 steps reach over a length.
static double nice_step (double length)
{
    double power = pow (10, floor (log10 (length / 4))), rest = length / 4 / power;
    return power * (rest < 2 ? 1 : rest < 5 ? 2 : 5);
}

static void add_grid (buf_t *out, const axis_t *axis, double bottom)
{
    double step = nice_step (axis->high - axis->low);
    for (double at = ceil (axis->low / step - 1e-9); at * step <= axis->high + step * 1e-9; at++) {
        char text [64];
        double x = place (axis, at * step);
        add_line (out, "grid", x, 0, x, bottom);
        snprintf (text, sizeof text, "%g", at * step + 0.0);
        add_word (out, "middle", x, bottom + 14, text);
    }
}

void html_intervals (buf_t *out, const html_bar_t *bars, size_t n, double low, double high, const char *unit)
{
    axis_t axis = { low, high > low ? high : low + 1 };
    double bottom = (double) n * ROW_HEIGHT;
    open_svg (out, NAME_WIDTH + PLOT_WIDTH + 40, bottom + 34);
    add_grid (out, &axis, bottom);
    add_word (out, "middle", NAME_WIDTH + PLOT_WIDTH / 2.0, bottom + 30, unit);
    for (size_t i = 0; i < n; i++)
        add_interval (out, &axis, &bars [i], (double) i * ROW_HEIGHT);
    buf_add_str (out, "</svg>");
}

// --- squares ---------------------------------------------------------------

static void add_place (buf_t *out, const char *const *names, size_t row, size_t column, double value)
{
    double size = fabs (value) > 1 ? 1 : fabs (value);
    buf_printf (out, "<rect class=\"%s\" fill-opacity=\"%.2f\" x=\"%zu\" y=\"%zu\" width=\"%d\" height=\"%d\"><title>", value < 0 ? "minus" : "plus", size,
                NAME_WIDTH + column * SQUARE_SIDE, row * SQUARE_SIDE, SQUARE_SIDE - 1, SQUARE_SIDE - 1);
    html_text (out, names [row]);
    buf_add_str (out, " and ");
    html_text (out, names [column]);
    buf_printf (out, ": %.2f</title></rect>", value);
}

void html_square (buf_t *out, const char *const *names, size_t n, html_cell_t *value, void *context)
{
    open_svg (out, NAME_WIDTH + (double) n * SQUARE_SIDE, (double) n * SQUARE_SIDE);
    for (size_t row = 0; row < n; row++) {
        add_word (out, "end", NAME_WIDTH - 8, (double) row * SQUARE_SIDE + 12, names [row]);
        for (size_t column = 0; column <= row; column++)
            add_place (out, names, row, column, value (context, row, column));
    }
    buf_add_str (out, "</svg>");
}

// html: pieces of a page that needs nothing but itself: text that is safe in HTML, and plots as inline SVG.
//
// Colours are names that the page's style gives (findings_html.c): "bar", "faint", "mark". Plots have fixed sizes in CSS pixels
// and shrink with the page.
#ifndef OPS_HTML_H
#define OPS_HTML_H

#include "base/buf.h"
#include "model/stats.h"

// Text with & < > " ' escaped.
void html_text (buf_t *out, const char *text);

// Bars of counts side by side, as high as the largest; from and to are written below the first and the last. A mark (a quantile,
// a mean) stands at a place in [0, 1] of the width; NaN: none.
void html_histogram (buf_t *out, const uint64_t *counts, size_t n, unsigned width, unsigned height, const char *from, const char *to, double mark);

// Without words and small enough for a table's cell; heights go by the square root of the counts.
void html_spark (buf_t *out, const uint64_t *counts, size_t n, const char *title);

// Named values with intervals, one below the other; the axis goes from low to high. strong: drawn in the mark's colour.
typedef struct { const char *name; interval_t value; bool strong; } html_bar_t;
void html_intervals (buf_t *out, const html_bar_t *bars, size_t n, double low, double high, const char *unit);

// A square of values in [-1, 1]; each place tells its two names and value.
typedef double html_cell_t (void *context, size_t row, size_t column);
void html_square (buf_t *out, const char *const *names, size_t n, html_cell_t *value, void *context);

#endif

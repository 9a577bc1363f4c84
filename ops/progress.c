#include "ops/progress.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum { LINE_EVERY_MS = 10 * 1000, REWRITE_EVERY_MS = 200, COLUMNS_DEFAULT = 80 };
// A longer time left says only that next to nothing came of late, as just after a resume.
enum { LEFT_S_MAX = 99 * 24 * 60 * 60 };
static const double RATE_MIN = 0.005;      // what is less would be shown as 0.00

struct progress {
    progress_options_t options;
    job_stage_t stage;          // shown last
    bool shown, told_drain;
    uint64_t done;
    bool written;               // line, as a whole line
    int64_t shown_ms;
    buf_t line;
};

progress_options_t progress_options (bool quiet)
{
    return (progress_options_t) {
        .out = quiet ? NULL : stderr,
        .rewrite = isatty (STDERR_FILENO),
        .colour = log_colour_ok (STDERR_FILENO)
    };
}

progress_t *progress_new (const progress_options_t *options)
{
    progress_t *progress = mem_zero (1, sizeof *progress);
    progress->options = *options;
    return progress;
}

void progress_count (buf_t *out, uint64_t count)
{
    char digits [24];
    int len = snprintf (digits, sizeof digits, "%" PRIu64, count);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            buf_add_char (out, ',');
        buf_add_char (out, digits [i]);
    }
}

void progress_duration (buf_t *out, double seconds)
{
    uint64_t s = seconds < 0 ? 0 : seconds > 1e9 ? 1000000000 : (uint64_t) (seconds + 0.5);
    uint64_t days = s / 86400, hours = s / 3600 % 24, minutes = s / 60 % 60;
    if (days > 0)
        buf_printf (out, "%" PRIu64 " d ", days);
    if (days > 0 || hours > 0)
        buf_printf (out, "%02" PRIu64 ":%02" PRIu64, hours, minutes);
    else
        buf_printf (out, "%" PRIu64, minutes);
    buf_printf (out, ":%02" PRIu64, s % 60);
}

void progress_part (buf_t *out, corpus_part_t part, uint64_t rows_passed)
{
    if (part.of == 0)
        return;
    buf_printf (out, " of part %" PRIu32 " of %" PRIu32 " (", part.number, part.of);
    progress_count (out, rows_passed);
    buf_add_str (out, " of other parts)");
}

void progress_money (buf_t *out, uint64_t amount)
{
    buf_printf (out, "%" PRIu64, (uint64_t) (amount / SPEND_COST_ONE));
    if (amount % SPEND_COST_ONE == 0)
        return;
    buf_printf (out, ".%012" PRIu64, (uint64_t) (amount % SPEND_COST_ONE));
    while (out->data [out->len - 1] == '0')
        out->data [--out->len] = '\0';
}

void progress_cost (buf_t *out, uint64_t amount, const char *currency)
{
    double value = (double) amount / (double) SPEND_COST_ONE;
    buf_printf (out, "%.*f %s", value >= 10 ? 2 : value >= 0.01 ? 4 : 6, value, currency);
}

// Bytes for ingest, pairs elsewhere.
static void add_amount (buf_t *out, job_stage_t stage, double amount)
{
    if (stage == STAGE_INGEST)
        buf_printf (out, "%.1f MB", amount / 1e6);
    else
        progress_count (out, (uint64_t) (amount + 0.5));
}

// A slow judge's pairs a second are less than one.
static void add_rate (buf_t *out, const job_snapshot_t *s)
{
    bool pairs = s->stage == STAGE_LABEL || s->stage == STAGE_EXPORT;
    if (pairs ? s->rate < RATE_MIN : s->rate <= 0)
        return;
    buf_add_str (out, "  ");
    if (pairs && s->rate < 10)
        buf_printf (out, "%.2f", s->rate);
    else
        add_amount (out, s->stage, s->rate);
    buf_add_str (out, pairs ? " pairs/s" : "/s");
}

static void add_left (buf_t *out, const job_snapshot_t *s)
{
    if (s->eta_s < 0 || s->eta_s > LEFT_S_MAX || s->total == 0 || s->done >= s->total)
        return;
    buf_add_str (out, "  ");
    progress_duration (out, s->eta_s);
    buf_add_str (out, " left");
}

static void add_done (const job_snapshot_t *s, buf_t *out)
{
    if (s->total == 0 && s->done == 0)
        return;
    buf_add_str (out, "  ");
    add_amount (out, s->stage, (double) s->done);
    if (s->total > 0) {
        buf_add_str (out, " of ");
        add_amount (out, s->stage, (double) s->total);
        uint64_t done = s->done < s->total ? s->done : s->total;
        buf_printf (out, "  %d %%", (int) (100.0 * (double) done / (double) s->total));
    }
    add_rate (out, s);
}

// What a judge behind HTTP has used, over all starts of the run.
static void add_calls (const job_snapshot_t *s, buf_t *out)
{
    if (s->stage != STAGE_LABEL || s->calls == 0)
        return;
    buf_add_str (out, "  ");
    progress_count (out, s->calls);
    buf_add_str (out, s->calls == 1 ? " call  " : " calls  ");
    progress_count (out, sum_u64 (s->prompt_tokens, s->completion_tokens));
    buf_add_str (out, " tokens");
    if (s->cost > 0) {
        buf_add_str (out, "  ");
        progress_cost (out, s->cost, s->currency);
    }
}

void progress_line (const job_snapshot_t *s, buf_t *out)
{
    buf_printf (out, "%-7s", job_stage_name (s->stage));
    if (s->part.of > 0)
        buf_printf (out, "  part %" PRIu32 "/%" PRIu32, s->part.number, s->part.of);
    add_done (s, out);
    add_left (out, s);
    if (s->stage == STAGE_LABEL)
        buf_printf (out, "  %u worker%s", s->workers, s->workers == 1 ? "" : "s");
    add_calls (s, out);
    uint64_t aside = s->rows_rejected + s->quarantined;
    if (aside > 0) {
        buf_add_str (out, "  ");
        progress_count (out, aside);
        buf_add_str (out, " set aside");
    }
    while (out->len > 0 && out->data [out->len - 1] == ' ')
        out->data [--out->len] = '\0';
}

// The terminal's width; a longer line would wrap and could not be rewritten.
static size_t columns (const progress_t *progress)
{
    struct winsize size = { 0 };
    if (ioctl (fileno (progress->options.out), TIOCGWINSZ, &size) != 0 || size.ws_col < 20)
        return COLUMNS_DEFAULT;
    return size.ws_col;
}

static void rewrite (progress_t *progress)
{
    buf_t *line = &progress->line;
    size_t most = columns (progress) - 1;
    if (line->len > most)
        line->data [most] = '\0';
    bool colour = progress->options.colour;
    fprintf (progress->options.out, "\r\033[K%s%s%s", colour ? "\033[36m" : "", line->data, colour ? "\033[0m" : "");
}

static void tell_drain (progress_t *progress)
{
    progress->told_drain = true;
    fprintf (progress->options.out, "%sstopping: finishing and saving what is in hand; once more (Ctrl-C) stops at once\n",
             progress->options.rewrite ? "\r\033[K" : "");
}

// A whole line, unless it was written already.
static void write_line (progress_t *progress)
{
    if (!progress->written)
        fprintf (progress->options.out, "%s\n", progress->line.data);
    progress->written = true;
}

// A stage that counts nothing says the same all the time: once is enough.
static void take_line (progress_t *progress, const job_snapshot_t *snapshot)
{
    buf_t line = { 0 };
    progress_line (snapshot, &line);
    bool same = progress->line.data && strcmp (line.data, progress->line.data) == 0;
    progress->written = progress->written && same;
    buf_free (&progress->line);
    progress->line = line;
}

void progress_show (void *ctx, const job_snapshot_t *snapshot)
{
    progress_t *progress = ctx;
    if (progress->options.out == NULL)
        return;
    if (snapshot->draining && !progress->told_drain)
        tell_drain (progress);
    if (snapshot->stage == STAGE_OPEN || snapshot->stage == STAGE_DONE)
        return;
    bool rewriting = progress->options.rewrite, changed = !progress->shown || snapshot->stage != progress->stage;
    if (changed && progress->shown && !rewriting)
        write_line (progress);                  // how the stage before ended
    if (!changed && snapshot->done == 0 && progress->done > 0)
        return;                                 // the stage has just ended and counts no more
    progress->shown = true;
    progress->stage = snapshot->stage;
    progress->done = snapshot->done;
    take_line (progress, snapshot);
    int64_t now = clock_ms (&progress->options.clock), every = rewriting ? REWRITE_EVERY_MS : LINE_EVERY_MS;
    if (!changed && now - progress->shown_ms < every)
        return;
    progress->shown_ms = now;
    if (rewriting)
        rewrite (progress);
    else
        write_line (progress);
    fflush (progress->options.out);
}

void progress_destroy (progress_t **progress)
{
    if (*progress == NULL)
        return;
    progress_options_t *options = &(*progress)->options;
    if (options->out && options->rewrite && (*progress)->shown) {
        fprintf (options->out, "\r\033[K");
        fflush (options->out);
    } else if (options->out && (*progress)->shown)
        write_line (*progress);
    buf_free (&(*progress)->line);
    free (*progress);
    *progress = NULL;
}

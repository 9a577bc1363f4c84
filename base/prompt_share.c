#include "base/prompt_share.h"

static void close_prompt (prompt_share_t *share)
{
    share->hits_squares += share->open_hits * share->open_hits;
    share->products += share->open_hits * share->open_rows;
    share->rows_squares += share->open_rows * share->open_rows;
    share->open_hits = share->open_rows = 0;
}

void prompt_share_add (prompt_share_t *share, uint64_t prompt, double hits, double rows)
{
    if (rows <= 0)
        return;
    if (share->prompts == 0 || share->prompt != prompt) {
        close_prompt (share);
        share->prompt = prompt;
        share->prompts++;
    }
    share->hits += hits;
    share->rows += rows;
    share->open_hits += hits;
    share->open_rows += rows;
}

double prompt_share_worth (const prompt_share_t *share)
{
    prompt_share_t all = *share;
    close_prompt (&all);
    double n = all.rows, value = n > 0 ? all.hits / n : 0;
    double spread = all.hits_squares - 2 * value * all.products + value * value * all.rows_squares;
    double worth = all.hits <= 0 || all.hits >= n ? (double) all.prompts : spread > 0 ? value * (1 - value) * n * n / spread : n;
    return worth < n ? worth : n;
}

#include "ops/reward_source.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/mem.h"
#include "ops/config_judge.h"
#include "ops/reward_apply.h"

static bool begins (const char *text, const char *with)
{
    return strncmp (text, with, strlen (with)) == 0;
}

static reward_source_t source_of (const char *text)
{
    if (strcmp (text, "judge") == 0)
        return (reward_source_t) { SOURCE_JUDGE, text, NULL };
    if (strcmp (text, "longer") == 0 || strcmp (text, "shorter") == 0)
        return (reward_source_t) { SOURCE_LENGTH, text, NULL };
    struct stat about;
    if (!begins (text, "column:") && stat (text, &about) == 0 && S_ISREG (about.st_mode))
        return (reward_source_t) { SOURCE_EMBEDDED, text, NULL };
    return (reward_source_t) { SOURCE_COLUMN, text, begins (text, "column:") ? text + strlen ("column:") : text };
}

status_t reward_source_read (const char *who, const char *text, reward_source_t *out, fault_t *fault)
{
    if (begins (text, "column:") || !config_judge_is_url (text)) {
        *out = source_of (text);
        return OK;
    }
    *out = (reward_source_t) { SOURCE_SERVED, text, NULL };
    return config_reward_url (who, text, fault);
}

static void fill_lengths (evaluate_rows_t *rows, unsigned model, int sign)
{
    evaluate_row_t *row;
    for (size_t i = 0; (row = evaluate_rows_at (rows, i)); i++)
        for (size_t r = 0; r < row->n_responses; r++)
            row->reward [model] [r] = sign * (double) evaluate_rows_bytes (row->response [r]);
}

static status_t fill_served (evaluate_rows_t *rows, unsigned model, const served_options_t *served, fault_t *fault)
{
    size_t n = 0, at = 0;
    evaluate_row_t *row;
    for (size_t i = 0; (row = evaluate_rows_at (rows, i)); i++)
        n += row->n_responses;
    served_text_t *texts = mem_new (n * sizeof *texts);
    double *reward = mem_new (n * sizeof *reward);
    for (size_t i = 0; (row = evaluate_rows_at (rows, i)); i++)
        for (size_t r = 0; r < row->n_responses; r++)
            texts [at++] = (served_text_t) { row->prompt, row->response [r] };
    served_counts_t counts;
    status_t status = served_rewards (served, texts, n, reward, &counts, fault);
    if (status == OK)
        log_info ("%s: %zu rewards asked for, %zu known from before, %zu refused", served->url, counts.asked, counts.known, counts.refused);
    at = 0;
    for (size_t i = 0; status == OK && (row = evaluate_rows_at (rows, i)); i++)
        for (size_t r = 0; r < row->n_responses; r++)
            row->reward [model] [r] = reward [at++];
    free (texts);
    free (reward);
    return status;
}

static status_t fill_embedded (evaluate_rows_t *rows, unsigned model, const char *path, char **note, fault_t *fault)
{
    reward_t *reward = NULL;
    status_t status = fault_of_setting (reward_open_file (path, &reward, fault), fault);
    if (status != OK)
        return status;
    char hex [DIGEST_HEX + 1];
    digest_t digest = reward_digest (reward);
    hex_encode (digest.b, DIGEST_BYTES, hex);
    *note = mem_printf ("%s, embedded, %.12s", path, hex);
    reward_scorer_t *scorer = reward_scorer_new (reward);
    evaluate_row_t *row;
    for (size_t i = 0; (row = evaluate_rows_at (rows, i)); i++) {
        reward_scorer_prompt (scorer, row->prompt);
        for (size_t r = 0; r < row->n_responses; r++)
            row->reward [model] [r] = reward_scorer_response (scorer, row->response [r]);
    }
    reward_scorer_destroy (&scorer);
    reward_destroy (&reward);
    return OK;
}

status_t reward_source_fill (const reward_source_t *source, evaluate_rows_t *rows, unsigned model, const served_options_t *served,
                             char **note, fault_t *fault)
{
    status_t status = OK;
    switch (source->kind) {
    case SOURCE_LENGTH:
        fill_lengths (rows, model, strcmp (source->text, "longer") == 0 ? 1 : -1);
        *note = mem_printf ("preferring the %s", source->text);
        break;
    case SOURCE_EMBEDDED:
        status = fill_embedded (rows, model, source->text, note, fault);
        break;
    case SOURCE_SERVED: {
        served_options_t options = *served;
        options.url = source->text;
        status = fill_served (rows, model, &options, fault);
        *note = mem_printf ("%s at %s", options.model ? options.model : "?", source->text);
        break;
    }
    default:
        *note = mem_printf ("column %s", source->column);
        break;
    }
    return status;
}

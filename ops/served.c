#include "ops/served.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "ops/served_file.h"
#include "storage/textkey.h"
#include "worker/answer_text.h"
#include "worker/chat.h"
#include "worker/http.h"
#include "worker/secret.h"

enum { STEP_MS = 50, PAUSE_MS_MAX = 60000, REFUSED_FIRST_MAX = 20, ANSWER_BYTES_MAX = 16 * 1024 * 1024, SYNC_EVERY = 256, UNREADABLE_MAX = 3 };

typedef struct served served_t;

// A place for a request in flight, or one that waits to be tried again.
typedef struct {
    served_t *served;
    size_t first, n;                // texts of the queue
    unsigned attempts;
    uint64_t request;               // in flight; 0: not
    int64_t due_ms;                 // when it is to be sent again
} place_at_t;

struct served {
    const served_options_t *options;
    served_form_t *form;
    served_file_t *file;
    http_t *http;
    char *secret;
    json_doc_t *doc;
    rng_t rng;
    // the texts that are asked, each once, in order
    const served_text_t *texts;
    size_t *queue;                  // places in texts
    content_key_t *keys;            // of queue [i]
    size_t n_queue, next;
    size_t *again;                  // entries of the queue to go alone, a stack
    size_t n_again;
    place_at_t *places;
    served_counts_t counts;
    size_t answered;                // texts with a reward, in this start
    status_t status;
    fault_t fault;
};

// --- what comes of a request --------------------------------------------------

static void fail (served_t *served, status_t status, const char *what, const char *why)
{
    if (served->status != OK)
        return;
    served->status = fault_set (&served->fault, status, "%.200s: %.300s; %s", served->options->url, why, what);
}

static void kept (served_t *served, size_t entry, double reward, const char *why)
{
    fault_t fault = { 0 };
    status_t status = served_file_add (served->file, &served->keys [entry], reward, why, &fault);
    served->counts.asked++;
    served->counts.refused += why != NULL;
    served->answered += why == NULL;
    if (status == OK && served->counts.asked % SYNC_EVERY == 0)
        status = served_file_sync (served->file, &fault);
    if (status != OK && served->status == OK) {
        served->status = status;
        served->fault = fault;
    }
}

static void try_again (served_t *served, place_at_t *place, int64_t wait_ms, const char *why)
{
    if (++place->attempts >= SERVED_ATTEMPTS_MAX) {
        fail (served, ERR_STOPPED, "what came is kept, the same command goes on", why);
        return;
    }
    int64_t pause = (int64_t) served->options->pause_ms << (place->attempts - 1);
    pause = pause < PAUSE_MS_MAX ? pause : PAUSE_MS_MAX;
    int64_t drawn = 1 + (int64_t) rng_below (&served->rng, (uint64_t) pause + 1);
    place->due_ms = clock_ms (NULL) + (wait_ms > drawn ? wait_ms < PAUSE_MS_MAX ? wait_ms : PAUSE_MS_MAX : drawn);
}

static void done_with (place_at_t *place)
{
    place->n = 0;
    place->attempts = 0;
}

// The server won't have it: one by one, and one alone has no reward.
static void refused (served_t *served, place_at_t *place, const char *why)
{
    if (place->n > 1) {
        for (size_t i = place->n; i-- > 0; )
            served->again [served->n_again++] = place->first + i;
    } else {
        kept (served, place->first, NAN, why);
        if (served->counts.refused == 1)
            log_warn ("%s: a text has no reward: %s", served->options->url, why);
        if (served->answered == 0 && served->counts.refused >= REFUSED_FIRST_MAX)
            fail (served, ERR_USAGE, "it refuses every text; is this the model's route? An older server takes no messages: give --template", why);
    }
    done_with (place);
}

static void answered (served_t *served, place_at_t *place, const http_answer_t *answer)
{
    double reward [SERVED_BATCH_MAX];
    char why [256];
    if (!served_form_answer (served->form, served->doc, answer->body, answer->len, place->n, reward, why)) {
        char shown [256];
        plain_text (why, strlen (why), shown, sizeof shown);
        if (place->attempts + 1 >= UNREADABLE_MAX)
            fail (served, ERR_FORMAT, "its answers can't be read; is this a reward model's route?", shown);
        else
            try_again (served, place, -1, shown);
        return;
    }
    for (size_t i = 0; i < place->n; i++)
        kept (served, place->first + i, reward [i], NULL);
    done_with (place);
}

static void came (void *ctx, const http_answer_t *answer)
{
    place_at_t *place = ctx;
    served_t *served = place->served;
    place->request = 0;
    if (answer->outcome == HTTP_ANSWERED && answer->status == 200) {
        answered (served, place, answer);
        return;
    }
    char why [256], said [200] = "";
    bool context;
    if (answer->outcome == HTTP_ANSWERED) {
        answer_error (served->doc, answer->body, answer->len, said, sizeof said, &context);
        snprintf (why, sizeof why, "it answers %ld%s%s", answer->status, said [0] ? ": " : "", said);
    } else
        plain_text (answer->why, strlen (answer->why), why, sizeof why);
    long status = answer->outcome == HTTP_ANSWERED ? answer->status : 0;
    if (status == 400 || status == 413 || status == 422)
        refused (served, place, why);
    else if (status == 401 || status == 403)
        fail (served, ERR_DENIED, "give the key in OPENAI_API_KEY or with --key-file", why);
    else if (status == 404 || status == 405)
        fail (served, ERR_USAGE, "is this the route, and does the server have the model?", why);
    else if (status >= 300 && status < 400)
        fail (served, ERR_USAGE, "give the URL that it leads to", why);
    else
        try_again (served, place, answer->outcome == HTTP_ANSWERED ? answer->retry_after_ms : -1, why);
}

// --- sending ------------------------------------------------------------------

static void send_now (served_t *served, place_at_t *place)
{
    served_text_t texts [SERVED_BATCH_MAX];
    buf_t body = { 0 };
    for (size_t i = 0; i < place->n; i++)
        texts [i] = served->texts [served->queue [place->first + i]];
    served_form_request (served->form, texts, place->n, &body);
    const served_options_t *options = served->options;
    place->request = http_begin (served->http, options->url, served->secret, body.data, body.len, options->timeout_ms, came, place);
    if (place->request == 0)
        fail (served, ERR_USAGE, "check the URL and the key", "the request can't be sent");
    buf_free (&body);
}

// The next texts for a free place; false where there are none.
static bool fill_place (served_t *served, place_at_t *place)
{
    if (served->n_again > 0) {
        place->first = served->again [--served->n_again];
        place->n = 1;
        return true;
    }
    if (served->next == served->n_queue)
        return false;
    const served_text_t *first = &served->texts [served->queue [served->next]];
    place->first = served->next;
    for (place->n = 1; place->n < served->options->batch && place->first + place->n < served->n_queue; place->n++)
        if (!served_form_together (served->form, first, &served->texts [served->queue [place->first + place->n]]))
            break;
    served->next += place->n;
    return true;
}

// Send what can be sent; how many places are taken.
static unsigned send_all (served_t *served)
{
    unsigned taken = 0;
    int64_t now = clock_ms (NULL);
    for (unsigned i = 0; i < served->options->concurrency && served->status == OK; i++) {
        place_at_t *place = &served->places [i];
        if (place->n == 0) {
            if (!fill_place (served, place))
                continue;
            place->due_ms = now;
        }
        taken++;
        if (place->request == 0 && place->due_ms <= now)
            send_now (served, place);
    }
    return taken;
}

static void ask_all (served_t *served)
{
    while (served->status == OK && send_all (served) > 0) {
        http_step (served->http, STEP_MS);
        if (served->options->stop && atomic_load (served->options->stop))
            fail (served, ERR_STOPPED, "what came is kept, the same command goes on", "stopped");
    }
    fault_t fault = { 0 };
    if (served_file_sync (served->file, &fault) != OK && served->status == OK) {
        served->status = fault.code;
        served->fault = fault;
    }
}

// --- the whole ----------------------------------------------------------------

static content_key_t key_of (const served_text_t *text)
{
    content_key_t prompt = textkey_prompt (text->prompt);
    return textkey_response (&prompt, text->response);
}

static int compare_keys (const void *x, const void *y)
{
    return memcmp (x, y, KEY_BYTES);
}

// Texts without a reward so far go into the queue, equal ones once.
static void make_queue (served_t *served, const served_text_t *texts, size_t n)
{
    served->texts = texts;
    served->queue = mem_new ((n + 1) * sizeof *served->queue);
    served->keys = mem_new ((n + 1) * sizeof *served->keys);
    served->again = mem_new ((n + 1) * sizeof *served->again);
    struct { content_key_t key; size_t at; } *sorted = mem_new ((n + 1) * sizeof *sorted);
    bool *later = mem_zero (n + 1, sizeof *later);
    for (size_t i = 0; i < n; i++) {
        sorted [i].key = key_of (&texts [i]);
        sorted [i].at = i;
    }
    qsort (sorted, n, sizeof *sorted, compare_keys);
    for (size_t i = 0; i < n; i++)
        later [sorted [i].at] = i > 0 && content_key_equal (&sorted [i].key, &sorted [i - 1].key);
    free (sorted);
    for (size_t i = 0; i < n; i++) {
        content_key_t key = key_of (&texts [i]);
        double known;
        if (served_file_find (served->file, &key, &known))
            served->counts.known++;
        else if (!later [i]) {
            served->keys [served->n_queue] = key;
            served->queue [served->n_queue++] = i;
        }
    }
    free (later);
}

static status_t begin (served_t *served, fault_t *fault)
{
    const served_options_t *options = served->options;
    const http_options_t http = { .ca_file = options->ca_file, .answer_bytes_max = ANSWER_BYTES_MAX, .connections_max = options->concurrency };
    status_t status = fault_of_setting (served_form_new (options->url, options->model, options->template_path, &served->form, fault), fault);
    if (status == OK)
        status = fault_of_setting (secret_read_judge (options->key_file, NULL, &served->secret, fault), fault);
    if (status == OK)
        status = http_new (&http, &served->http, fault);
    if (status != OK && options->ca_file)
        return fault_of_setting (status, fault);
    if (status != OK)
        return status;
    digest_t identity = served_form_identity (served->form);
    return served_file_open (options->work, &identity, &served->file, fault);
}

static void end (served_t *served)
{
    http_destroy (&served->http);
    secret_free (&served->secret);
    served_file_close (&served->file);
    served_form_destroy (&served->form);
    json_doc_destroy (&served->doc);
    free (served->places);
    free (served->queue);
    free (served->keys);
    free (served->again);
}

status_t served_rewards (const served_options_t *options, const served_text_t *texts, size_t n, double *reward, served_counts_t *counts,
                         fault_t *fault)
{
    served_t served = { .options = options, .doc = json_doc_new (), .rng = { 1 } };
    served.places = mem_zero (options->concurrency, sizeof *served.places);
    for (unsigned i = 0; i < options->concurrency; i++)
        served.places [i].served = &served;
    served.status = begin (&served, &served.fault);
    if (served.status == OK) {
        make_queue (&served, texts, n);
        ask_all (&served);
        for (size_t i = 0; i < n && served.status == OK; i++) {
            content_key_t key = key_of (&texts [i]);
            if (!served_file_find (served.file, &key, &reward [i]))
                reward [i] = NAN;
        }
    }
    *counts = served.counts;
    if (served.status != OK && fault)
        *fault = served.fault;
    status_t status = served.status;
    end (&served);
    return status;
}

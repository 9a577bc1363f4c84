// http_result: what the end of a request says of its server.
#ifndef WORKER_HTTP_RESULT_H
#define WORKER_HTTP_RESULT_H

#include "worker/http.h"
#include "worker/upstream.h"

upstream_result_t http_result (const http_answer_t *answer);

// Redirects, 404, 405: the address or the model is wrong, so every other request would end alike.
bool http_is_of_endpoint (long status);

// The end of a request that could not even be begun.
http_answer_t http_not_begun (void);

#endif

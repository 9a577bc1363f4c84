// control: asking a running job, since it alone holds the store.
//
// A Unix stream socket of mode 0600 at DIR/control (where the path is too long for one, its address stands in the file
// DIR/control.path). One request, one answer, each one line of JSON: {"command": "status"} and
// {"ok": true, ...} or {"ok": false, "error": "..."}. Commands: status; inspect {"pair": ID, "run": NAME};
// export {"run": ..., dataset options}; retry {"run": ...}; drain {"now": bool}.
#ifndef COORDINATOR_CONTROL_H
#define COORDINATOR_CONTROL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/fault.h"

typedef struct control control_t;

// Fill answer with the members after {"ok":true (each through json_write_key), or return a fault. ERR_BUSY: not yet;
// the same request is put again at the next step.
typedef status_t control_handler_fn (void *ctx, const char *request, size_t len, buf_t *answer, fault_t *fault);

// The server's side, for the event loop: never blocks, at most 16 connections, requests of at most 64 KiB.
status_t control_listen (const char *dir, control_handler_fn *handler, void *ctx, control_t **out, fault_t *fault) MUST_USE;
size_t control_fds (const control_t *control, int *fds, size_t max);    // to wait for
void control_step (control_t *control);                                 // serve what is ready
void control_close (control_t **control);                               // removes the socket

// The client's side. ERR_NOT_FOUND where no job runs on dir; else the whole answer line.
status_t control_ask (const char *dir, const char *request, buf_t *answer, fault_t *fault) MUST_USE;

#endif

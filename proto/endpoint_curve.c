#include "proto/endpoint_curve.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "base/mem.h"
#include "proto/endpoint_socket.h"

// zmq.h shows it to users of the draft API alone; the option is there nonetheless.
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

#define DOMAIN "rulemill"

enum {
    ZAP_VERSION, ZAP_REQUEST_ID, ZAP_DOMAIN, ZAP_ADDRESS, ZAP_ROUTING_ID, ZAP_MECHANISM, ZAP_CREDENTIALS, ZAP_PARTS,
    ZAP_PART_BYTES = 255
};

struct doorman {
    pthread_t thread;
    void *socket;               // handed to the thread, which closes it
    key_folder_t *folder;
};

typedef struct { size_t len; char bytes [ZAP_PART_BYTES + 1]; } zap_part_t;
typedef struct { zap_part_t parts [ZAP_PARTS]; int n; } zap_request_t;

// False when the context has ended. Parts that are too many or too long make n wrong.
static bool read_request (void *socket, zap_request_t *request)
{
    int more = 1;
    size_t more_len = sizeof more;
    bool fits = true;
    for (request->n = 0; more; ) {
        char bytes [ZAP_PART_BYTES];
        int len = zmq_recv (socket, bytes, sizeof bytes, 0);
        if (len < 0 && zmq_errno () == EINTR)
            continue;
        if (len < 0 || zmq_getsockopt (socket, ZMQ_RCVMORE, &more, &more_len) != 0)
            return false;
        fits = fits && (size_t) len <= sizeof bytes && request->n < ZAP_PARTS;
        if (!fits)
            continue;
        zap_part_t *part = &request->parts [request->n++];
        part->len = (size_t) len;
        memcpy (part->bytes, bytes, (size_t) len);
        part->bytes [len] = '\0';
    }
    request->n = fits ? request->n : 0;
    return true;
}

// Is the key admitted? Its Z85 goes into user.
static bool admits (key_folder_t *folder, const zap_request_t *request, char user [KEY_TEXT])
{
    user [0] = '\0';
    if (request->n != ZAP_PARTS || strcmp (request->parts [ZAP_VERSION].bytes, "1.0") != 0
        || strcmp (request->parts [ZAP_DOMAIN].bytes, DOMAIN) != 0
        || strcmp (request->parts [ZAP_MECHANISM].bytes, "CURVE") != 0
        || request->parts [ZAP_CREDENTIALS].len != 32)
        return false;
    if (zmq_z85_encode (user, (const uint8_t *) request->parts [ZAP_CREDENTIALS].bytes, 32) && key_folder_has (folder, user))
        return true;
    user [0] = '\0';
    return false;
}

static bool answer (void *socket, const zap_request_t *request, bool admitted, const char *user)
{
    const zap_part_t *id = &request->parts [ZAP_REQUEST_ID];
    size_t id_len = request->n == ZAP_PARTS ? id->len : 0;
    const char *code = admitted ? "200" : "400";
    const char *text = admitted ? "OK" : "this key is not admitted";
    return zmq_send (socket, "1.0", 3, ZMQ_SNDMORE) >= 0
        && zmq_send (socket, id->bytes, id_len, ZMQ_SNDMORE) >= 0
        && zmq_send (socket, code, 3, ZMQ_SNDMORE) >= 0
        && zmq_send (socket, text, strlen (text), ZMQ_SNDMORE) >= 0
        && zmq_send (socket, user, strlen (user), ZMQ_SNDMORE) >= 0
        && zmq_send (socket, "", 0, 0) >= 0;
}

static void *guard_door (void *arg)
{
    doorman_t *doorman = arg;
    zap_request_t *request = mem_zero (1, sizeof *request);
    while (read_request (doorman->socket, request)) {
        char user [KEY_TEXT];
        bool admitted = admits (doorman->folder, request, user);
        if (!answer (doorman->socket, request, admitted, user))
            break;
    }
    free (request);
    zmq_close (doorman->socket);    // zmq_ctx_term waits for this
    return NULL;
}

status_t doorman_start (void *context, key_folder_t *folder, doorman_t **out, fault_t *fault)
{
    *out = NULL;
    void *socket = zmq_socket (context, ZMQ_REP);
    int linger = 0;
    if (!socket || zmq_setsockopt (socket, ZMQ_LINGER, &linger, sizeof linger) != 0
        || zmq_bind (socket, "inproc://zeromq.zap.01") != 0) {
        fault_set (fault, ERR_IO, "no ZAP handler: %s", zmq_strerror (zmq_errno ()));
        if (socket)
            zmq_close (socket);
        return ERR_IO;
    }
    doorman_t *doorman = mem_zero (1, sizeof *doorman);
    doorman->socket = socket;
    doorman->folder = folder;
    // signals are for the thread that waits in hub_receive
    sigset_t all, before;
    sigfillset (&all);
    pthread_sigmask (SIG_SETMASK, &all, &before);
    int rc = pthread_create (&doorman->thread, NULL, guard_door, doorman);
    pthread_sigmask (SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        zmq_close (socket);
        free (doorman);
        return fault_set (fault, ERR_IO, "no thread for the ZAP handler: %s", strerror (rc));
    }
    *out = doorman;
    return OK;
}

void doorman_join (doorman_t **doorman)
{
    if (!*doorman)
        return;
    pthread_join ((*doorman)->thread, NULL);
    free (*doorman);
    *doorman = NULL;
}

status_t curve_serve (void *socket, const curve_keys_t *own, fault_t *fault)
{
    status_t status = socket_set_int (socket, ZMQ_CURVE_SERVER, 1, fault);
    if (status == OK)
        status = socket_set (socket, ZMQ_CURVE_SECRETKEY, own->secret_key, KEY_TEXT, fault);
    if (status == OK)
        status = socket_set (socket, ZMQ_ZAP_DOMAIN, DOMAIN, strlen (DOMAIN), fault);
    if (status == OK)
        status = socket_set_int (socket, ZMQ_ZAP_ENFORCE_DOMAIN, 1, fault);
    if (status != OK)
        return status;
    int enforced = 0;
    size_t len = sizeof enforced;
    if (zmq_getsockopt (socket, ZMQ_ZAP_ENFORCE_DOMAIN, &enforced, &len) != 0 || enforced != 1)
        return fault_set (fault, ERR_DENIED, "this libzmq does not enforce ZAP: it would let anybody in; use libzmq 4.3");
    return OK;
}

status_t curve_connect (void *socket, const curve_keys_t *own, const char *server_public, fault_t *fault)
{
    status_t status = socket_set (socket, ZMQ_CURVE_SERVERKEY, server_public, KEY_TEXT, fault);
    if (status == OK)
        status = socket_set (socket, ZMQ_CURVE_PUBLICKEY, own->public_key, KEY_TEXT, fault);
    if (status == OK)
        status = socket_set (socket, ZMQ_CURVE_SECRETKEY, own->secret_key, KEY_TEXT, fault);
    return status;
}

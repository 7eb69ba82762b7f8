/* http.c - see http.h; the door to libcurl. */
#include "launcher/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define CONNECT_MS 5000
#define HEAD_LIMIT (64 * 1024)
#define URL "http://localhost" /* the socket decides where it goes */

void http_reply_release(struct http_reply *r)
{
    strbuf_release(&r->body);
}

static void end_curl(CURL **curl)
{
    curl_easy_cleanup(*curl);
    *curl = NULL;
}

static void end_list(struct curl_slist **list)
{
    curl_slist_free_all(*list);
    *list = NULL;
}

static void initialise(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* What a transfer carries through libcurl. */
struct transfer {
    CURL *curl;
    const struct http_request *request;
    struct http_reply *reply;
    bool enough;
    int failed; /* errno of the source */
};

static size_t take_body(char *data, size_t one, size_t bytes, void *context)
{
    struct transfer *t = context;
    long status = 0;
    (void)one; /* always 1 */
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    if (t->request->sink && status < 300) {
        t->enough = !t->request->sink(t->request->sink_context, data, bytes);
        return t->enough ? 0 : bytes;
    }
    if (t->reply->body.bytes + bytes > HTTP_BODY_LIMIT)
        return 0;
    strbuf_add(&t->reply->body, data, bytes);
    return t->reply->body.failed ? 0 : bytes;
}

static size_t give_body(char *data, size_t one, size_t room, void *context)
{
    struct transfer *t = context;
    long n = t->request->source(t->request->source_context, data, one * room);
    if (n >= 0)
        return (size_t)n;
    t->failed = (int)-n;
    return CURL_READFUNC_ABORT;
}

/* libcurl says what failed, the system why. */
static int say_failed(const struct transfer *t, CURLcode code, struct error *err)
{
    long system = 0;
    curl_easy_getinfo(t->curl, CURLINFO_OS_ERRNO, &system);
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_UNSUPPORTED_PROTOCOL)
        return error_set(err, system ? (int)system : ECONNREFUSED, "connect to %s",
                         t->request->socket);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return error_say(err, ETIMEDOUT, "%s does not answer", t->request->socket);
    if (code == CURLE_WRITE_ERROR)
        return error_say(err, EMSGSIZE, "%s answers more than can be right", t->request->socket);
    if (t->failed)
        return error_set(err, t->failed, "send to %s", t->request->socket);
    return error_say(err, EPIPE, "%s: %s", t->request->socket, curl_easy_strerror(code));
}

static int common(const struct http_request *r, CURL **out, struct error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CLEANUP(strbuf_release) struct strbuf url = STRBUF_EMPTY;
    (void)pthread_once(&once, initialise);
    CLEANUP(end_curl) CURL *curl = curl_easy_init();
    strbuf_add_format(&url, URL "%s", r->path);
    if (!curl || url.failed)
        return error_say(err, ENOMEM, "no memory for a request");
    curl_easy_setopt(curl, CURLOPT_URL, strbuf_text(&url));
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, r->socket);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* whatever the environment says */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    *out = curl;
    curl = NULL;
    return 0;
}

static void set_body(struct transfer *t, struct curl_slist **headers)
{
    const struct http_request *r = t->request;
    char type[128];
    snprintf(type, sizeof type, "Content-Type: %s",
             r->content_type ? r->content_type : "application/json");
    *headers = curl_slist_append(*headers, type);
    *headers = curl_slist_append(*headers, "Expect:");
    if (r->source) {
        *headers = curl_slist_append(*headers, "Transfer-Encoding: chunked");
        curl_easy_setopt(t->curl, CURLOPT_POST, 1L);
        curl_easy_setopt(t->curl, CURLOPT_READFUNCTION, give_body);
        curl_easy_setopt(t->curl, CURLOPT_READDATA, t);
    } else if (strcmp(r->method, "POST") == 0) {
        curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_bytes);
        curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, r->body ? r->body : "");
    }
    curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, *headers);
}

int http_call(const struct http_request *request, struct http_reply *out, struct error *err)
{
    CLEANUP(end_curl) CURL *curl = NULL;
    CLEANUP(end_list) struct curl_slist *headers = NULL;
    TRY(common(request, &curl, err));
    struct transfer t = {.curl = curl, .request = request, .reply = out};
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, request->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &t);
    set_body(&t, &headers);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
    if (code != CURLE_OK && !t.enough)
        return say_failed(&t, code, err);
    return 0;
}

/* ---- connections that are taken over ---- */

static int wait_for(CURL *curl, short events)
{
    curl_socket_t fd = -1;
    curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd);
    struct pollfd p = {.fd = fd, .events = events};
    int n = poll(&p, 1, 60 * 1000);
    return n > 0 ? 0 : n == 0 ? -ETIMEDOUT : errno == EINTR ? 0 : -errno;
}

static int send_all(CURL *curl, const struct strbuf *text, struct error *err)
{
    size_t sent = 0;
    while (sent < text->bytes) {
        size_t n = 0;
        CURLcode code = curl_easy_send(curl, text->data + sent, text->bytes - sent, &n);
        int r = code == CURLE_AGAIN ? wait_for(curl, POLLOUT) : 0;
        if (r < 0 || (code != CURLE_OK && code != CURLE_AGAIN))
            return error_say(err, EPIPE, "the connection was closed: %s", curl_easy_strerror(code));
        sent += n;
    }
    return 0;
}

/* Until the end of the head is there; *head_bytes with it. */
static int receive_head(CURL *curl, struct strbuf *in, size_t *head_bytes, struct error *err)
{
    char buffer[4096];
    for (;;) {
        const char *end = in->bytes ? memmem(in->data, in->bytes, "\r\n\r\n", 4) : NULL;
        if (end) {
            *head_bytes = (size_t)(end - in->data) + 4;
            return 0;
        }
        size_t n = 0;
        CURLcode code = curl_easy_recv(curl, buffer, sizeof buffer, &n);
        int r = code == CURLE_AGAIN ? wait_for(curl, POLLIN) : 0;
        if (r < 0 || (code != CURLE_OK && code != CURLE_AGAIN))
            return error_say(err, EPIPE, "the connection was closed without an answer");
        if (code == CURLE_OK && n == 0)
            return error_say(err, EPIPE, "the connection was closed without an answer");
        strbuf_add(in, buffer, n);
        if (in->failed || in->bytes > HEAD_LIMIT)
            return error_say(err, EMSGSIZE, "the answer has no end");
    }
}

/* Of an error the body matters: it has a length, and is short. */
static void receive_rest(CURL *curl, struct strbuf *body)
{
    char buffer[4096];
    size_t n = 0;
    while (body->bytes < HEAD_LIMIT && wait_for(curl, POLLIN) == 0 &&
           curl_easy_recv(curl, buffer, sizeof buffer, &n) == CURLE_OK && n > 0)
        strbuf_add(body, buffer, n);
}

static int take_socket(CURL *curl, int *fd, struct error *err)
{
    curl_socket_t theirs = -1;
    curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &theirs);
    *fd = fcntl(theirs, F_DUPFD_CLOEXEC, 3); /* libcurl closes its own */
    if (*fd < 0 || fcntl(*fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
        return error_set(err, errno, "keep a connection");
    return 0;
}

/* By HTTP/1.0 a body is framed by nothing but its end. */
static void listening_head_of(const struct http_request *r, struct strbuf *out)
{
    strbuf_add_format(out, "%s %s HTTP/1.0\r\nHost: localhost\r\n\r\n", r->method, r->path);
}

static void head_of(const struct http_request *r, struct strbuf *out)
{
    if (r->listens) {
        listening_head_of(r, out);
        return;
    }
    strbuf_add_format(out, "%s %s HTTP/1.1\r\nHost: localhost\r\n", r->method, r->path);
    strbuf_add_format(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                      r->body_bytes);
    strbuf_add_text(out, "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    strbuf_add(out, r->body, r->body_bytes);
}

int http_upgrade(const struct http_request *request, struct http_reply *out, int *fd,
                 struct strbuf *early, struct error *err)
{
    CLEANUP(end_curl) CURL *curl = NULL;
    CLEANUP(strbuf_release) struct strbuf text = STRBUF_EMPTY;
    CLEANUP(strbuf_release) struct strbuf in = STRBUF_EMPTY;
    size_t head = 0;
    TRY(common(request, &curl, err));
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    struct transfer t = {.curl = curl, .request = request, .reply = out};
    CURLcode code = curl_easy_perform(curl);
    if (code != CURLE_OK)
        return say_failed(&t, code, err);
    head_of(request, &text);
    if (text.failed)
        return error_say(err, ENOMEM, "no memory for a request");
    TRY(send_all(curl, &text, err));
    TRY(receive_head(curl, &in, &head, err));
    if (sscanf(in.data, "HTTP/1.%*1[01] %3ld", &out->status) != 1)
        return error_say(err, EPROTO, "%s does not speak HTTP", request->socket);
    struct strbuf *rest = out->status < 300 ? early : &out->body;
    strbuf_add(rest, in.data + head, in.bytes - head);
    if (out->status < 300)
        return take_socket(curl, fd, err);
    if (memmem(rest->data, rest->bytes, "}", 1) == NULL)
        receive_rest(curl, rest);
    return 0;
}

/* SPDX-License-Identifier: MIT */
/* The program agentdirs-harness: holds the model key, sees neither the mount nor a terminal. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/args.h"
#include "base/control.h"
#include "base/io.h"
#include "harness/harness.h"

enum {
	KEY_BYTES_MAX = 16 << 10,
	STOP_MS = 5000, /* how long running tool calls may take to end when the system stops */
	CONNECT_TIMEOUT_MS = 10 * 1000,
	SILENCE_TIMEOUT_MS = 90 * 1000, /* no byte: the connection is dead */
	STALL_TIMEOUT_MS = 600 * 1000, /* only pings: the answer is dead */
};

struct process {
	struct loop *loop;
	struct harness *harness;
	struct loop_io control_io;
	struct buf key; /* "api_key\nVALUE\n" or "auth_token\nVALUE\n"; wiped */
};

static void on_signal(void *data, int signal)
{
	struct process *p = data;
	harness_stop(p->harness, clock_now_ms() + STOP_MS);
}

/* The supervisor says nothing to the harness; its end of the socket closes when it dies. */
static void on_control(void *data, uint32_t events)
{
	struct process *p = data;
	char ignored[256];
	if (read(p->control_io.fd, ignored, sizeof(ignored)) <= 0)
		loop_stop(p->loop, 0);
}

/* Splits the inherited secret into what the model client wants; the text stays in p->key. */
static void read_key(struct process *p, int fd, struct model_config *model)
{
	p->key = BUF_INIT(KEY_BYTES_MAX);
	(void)buf_reserve(&p->key, KEY_BYTES_MAX); /* a buffer that grows leaves copies behind */
	(void)lseek(fd, 0, SEEK_SET); /* the descriptor is shared with our predecessors */
	(void)buf_read_all(&p->key, fd, KEY_BYTES_MAX - 1);
	(void)close(fd);
	char *newline = p->key.size ? strchr(p->key.data, '\n') : NULL;
	if (!newline)
		return;
	char *value = newline + 1;
	value[strcspn(value, "\r\n")] = '\0';
	if (strncmp(p->key.data, "auth_token\n", 11) == 0)
		model->auth_token = value;
	else
		model->key = value;
	(void)prctl(PR_SET_DUMPABLE, 0); /* nobody of the same user reads it out of this process */
}

static int serve(struct process *p, int argc, char **argv, struct buf *why)
{
	struct harness_config config = {
		.store_dir = args_need(argc, argv, "store"),
		.hints = args_need_fd(argc, argv, "hints"),
		.spawner = args_need_fd(argc, argv, "spawner"),
		.running_max = (size_t)args_int(argc, argv, "max_running", 1000),
		.model = {
			.base_url = args_need(argc, argv, "base_url"),
			.socket_path = args_text(argc, argv, "model_socket", NULL),
			.connect_timeout_ms = CONNECT_TIMEOUT_MS,
			.silence_timeout_ms = args_int(argc, argv, "model_silence_ms", SILENCE_TIMEOUT_MS),
			.stall_timeout_ms = STALL_TIMEOUT_MS,
		},
	};
	read_key(p, args_need_fd(argc, argv, "key"), &config.model);
	int r = harness_new(p->loop, &config, &p->harness, why);
	if (p->key.room)
		explicit_bzero(p->key.data, p->key.room);
	return r;
}

int main(int argc, char **argv)
{
	json_setup();
	cleanup(buf) struct buf why = BUF_INIT(1000);
	struct process p = { .control_io = { .events = EPOLLIN, .on_ready = on_control } };
	int control = args_need_fd(argc, argv, "control");
	p.control_io.fd = control;
	p.control_io.data = &p;
	(void)signal(SIGPIPE, SIG_IGN);
	static const int signals[] = { SIGTERM, SIGINT };
	if (loop_new(&p.loop) < 0 || serve(&p, argc, argv, &why) < 0) {
		(void)fprintf(stderr, "cannot start: %s\n", buf_text(&why));
		(void)control_say_failed(control, buf_text(&why));
		return 2;
	}
	int r = loop_signals(p.loop, signals, ARRAY_LEN(signals), on_signal, &p);
	if (r >= 0)
		r = loop_add(p.loop, &p.control_io);
	if (r >= 0)
		r = control_say_ready(control);
	if (r >= 0)
		r = loop_run(p.loop);
	p.harness = harness_free(p.harness);
	loop_remove(&p.control_io);
	p.loop = loop_free(p.loop);
	buf_done(&p.key);
	return r < 0 ? 1 : 0;
}

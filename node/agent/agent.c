// SPDX-License-Identifier: Apache-2.0
/*
 * The node's command channel: runs commands of the test harness as root, over a virtio-serial
 * port. It exists only in the emulated node; nothing of it runs on a real host.
 *
 * Why not ssh: a session costs seconds of key exchange under emulation, and the channel must work
 * early, without a network, while the machine below is being tested.
 *
 * Frames in both directions: struct frame, then len bytes. One client at a time; a job is what
 * one RUN frame started, named by the client's id. When the client goes away its jobs are killed.
 */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT_NAME "cloister.agent"
#define FRAME_MAX (64u << 10)
/* Input that a job has not read yet; more than this and the job is killed. */
#define QUEUE_MAX (256u << 20)

enum frame_type {
	/* From the client. */
	FRAME_PING = 1,	 /* any payload; answered by HELLO with the same payload */
	FRAME_RUN = 2,	 /* a command for /bin/bash -c */
	FRAME_STDIN = 3, /* input of the job; empty = end of file */
	FRAME_KILL = 4,	 /* SIGKILL to the job's session */
	/* To the client. */
	FRAME_HELLO = 16,
	FRAME_STDOUT = 17,
	FRAME_STDERR = 18,
	FRAME_EXIT = 19, /* one byte: exit code, or 128 + signal, as a shell says it */
};

struct frame {
	uint32_t id;
	uint32_t type;
	uint32_t len;
};

struct job {
	struct job *next;
	uint32_t id;
	pid_t pid;
	int in, out, err; /* our ends of its pipes; -1 = closed */
	bool eof;	  /* close `in` once the queue is empty */
	char *queue;	  /* input not yet taken */
	size_t queued;
};

static struct job *jobs;
static int port = -1;
static int child_event[2]; /* SIGCHLD writes a byte, poll(2) sees it */

static void on_child(int sig)
{
	int saved = errno;

	if (write(child_event[1], "", 1) < 0) {
		/* The pipe is full: poll(2) wakes anyway. */
	}
	errno = saved;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* Blocks until the client takes it; the port is non-blocking for reading only. */
static void port_write(const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(port, p, len);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return; /* the client went away; poll(2) reports it */
		struct pollfd fd = {.fd = port, .events = POLLOUT};

		poll(&fd, 1, 1000);
		if (fd.revents & POLLHUP)
			return;
	}
}

static void send_frame(uint32_t id, enum frame_type type, const void *data, size_t len)
{
	struct frame f = {htole32(id), htole32(type), htole32((uint32_t)len)};

	port_write(&f, sizeof(f));
	port_write(data, len);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static struct job *find_job(uint32_t id)
{
	for (struct job *j = jobs; j; j = j->next)
		if (j->id == id)
			return j;
	return NULL;
}

static void free_job(struct job *job)
{
	struct job **link = &jobs;

	while (*link != job)
		link = &(*link)->next;
	*link = job->next;
	close_fd(&job->in);
	close_fd(&job->out);
	close_fd(&job->err);
	free(job->queue);
	free(job);
}

static void child_exec(char *command, int in[2], int out[2], int err[2])
{
	sigset_t none;

	setsid();
	dup2(in[0], 0);
	dup2(out[1], 1);
	dup2(err[1], 2);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execl("/bin/bash", "bash", "-c", command, (char *)NULL);
	_exit(127);
}

/* command is NUL-terminated. */
static void start_job(uint32_t id, char *command)
{
	struct job *job = calloc(1, sizeof(*job));
	int in[2], out[2], err[2];

	if (!job || find_job(id) || pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) ||
	    pipe2(err, O_CLOEXEC))
		die("agent: cannot start a job");
	*job = (struct job){.next = jobs, .id = id, .in = in[1], .out = out[0], .err = err[0]};
	jobs = job;
	job->pid = fork();
	if (job->pid < 0)
		die("agent: fork");
	if (job->pid == 0)
		child_exec(command, in, out, err);
	close(in[0]);
	close(out[1]);
	close(err[1]);
	fcntl(job->in, F_SETFL, O_NONBLOCK);
	fcntl(job->out, F_SETFL, O_NONBLOCK);
	fcntl(job->err, F_SETFL, O_NONBLOCK);
}

static void kill_job(struct job *job)
{
	kill(-job->pid, SIGKILL);
	kill(job->pid, SIGKILL); /* it may not have called setsid yet */
}

static void queue_input(struct job *job, const void *data, size_t len)
{
	char *grown;

	if (len == 0) {
		job->eof = true;
		return;
	}
	if (job->in < 0)
		return; /* the job closed its input */
	grown = job->queued + len <= QUEUE_MAX ? realloc(job->queue, job->queued + len) : NULL;
	if (!grown) {
		kill_job(job);
		return;
	}
	memcpy(grown + job->queued, data, len);
	job->queue = grown;
	job->queued += len;
}

static void feed_job(struct job *job)
{
	size_t done = 0;

	while (done < job->queued) {
		ssize_t n = write(job->in, job->queue + done, job->queued - done);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) { /* EPIPE: it reads no more */
			done = job->queued;
			close_fd(&job->in);
			break;
		}
		done += (size_t)n;
	}
	memmove(job->queue, job->queue + done, job->queued - done);
	job->queued -= done;
	if (job->eof && job->queued == 0)
		close_fd(&job->in);
}

/* Forwards what is there. */
static void drain(struct job *job, int *fd, enum frame_type type)
{
	static char buf[FRAME_MAX];
	ssize_t n;

	if (*fd < 0)
		return;
	n = read(*fd, buf, sizeof(buf));
	if (n > 0)
		send_frame(job->id, type, buf, (size_t)n);
	else if (n == 0 || errno != EAGAIN)
		close_fd(fd);
}

/*
 * A job ends with its first process: what it left running may hold the pipes open for ever, and
 * the client must not wait for that.
 */
static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct job *job = jobs;
		uint8_t code;

		while (job && job->pid != pid)
			job = job->next;
		if (!job)
			continue;
		/* A pipe holds no more than one read takes (pipe(7): 64 KiB). */
		drain(job, &job->out, FRAME_STDOUT);
		drain(job, &job->err, FRAME_STDERR);
		code = (uint8_t)(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
		send_frame(job->id, FRAME_EXIT, &code, 1);
		free_job(job);
	}
}

static void handle(const struct frame *f, char *data)
{
	struct job *job = find_job(f->id);

	switch (f->type) {
	case FRAME_PING:
		send_frame(f->id, FRAME_HELLO, data, f->len);
		break;
	case FRAME_RUN:
		start_job(f->id, data);
		break;
	case FRAME_STDIN:
		if (job)
			queue_input(job, data, f->len);
		break;
	case FRAME_KILL:
		if (job)
			kill_job(job);
		break;
	default:
		break;
	}
}

/* Collects bytes until a frame is whole. */
static void port_read(char *buf, size_t *have)
{
	struct frame f;
	ssize_t n = read(port, buf + *have, sizeof(f) + FRAME_MAX - *have);

	if (n <= 0)
		return;
	*have += (size_t)n;
	while (*have >= sizeof(f)) {
		memcpy(&f, buf, sizeof(f));
		f = (struct frame){le32toh(f.id), le32toh(f.type), le32toh(f.len)};
		if (f.len > FRAME_MAX) {
			*have = 0; /* not a client of ours */
			return;
		}
		if (*have < sizeof(f) + f.len)
			return;
		char *data = buf + sizeof(f);
		char after = data[f.len]; /* commands want their NUL; buf has room for it */

		data[f.len] = '\0';
		handle(&f, data);
		data[f.len] = after;
		*have -= sizeof(f) + f.len;
		memmove(buf, data + f.len, *have);
	}
}

static int open_port(void)
{
	const char *class = "/sys/class/virtio-ports";
	DIR *dir = opendir(class);
	struct dirent *e;
	int fd = -1;

	while (dir && fd < 0 && (e = readdir(dir)) != NULL) {
		char path[512], name[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s/name", class, e->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (!fgets(name, sizeof(name), f))
			name[0] = '\0';
		fclose(f);
		name[strcspn(name, "\n")] = '\0';
		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		if (strcmp(name, PORT_NAME) == 0)
			fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	return fd;
}

static void client_gone(size_t *have)
{
	*have = 0;
	for (struct job *j = jobs; j; j = j->next)
		kill_job(j);
	usleep(100000); /* POLLHUP stays until the next client comes: do not spin */
}

/* The poll set: the port, the SIGCHLD pipe, then each job's three pipes. Rebuilt every time. */
static void serve_once(char *buf, size_t *have)
{
	static struct pollfd *set;
	static size_t room;
	size_t n = 0, count = 2;
	char drop[64];

	for (struct job *j = jobs; j; j = j->next)
		count += 3;
	if (count > room) {
		set = reallocarray(set, count, sizeof(*set));
		if (!set)
			die("agent: out of memory");
		room = count;
	}
	set[n++] = (struct pollfd){.fd = port, .events = POLLIN};
	set[n++] = (struct pollfd){.fd = child_event[0], .events = POLLIN};
	for (struct job *j = jobs; j; j = j->next) {
		/* An input pipe with nothing to write is left out: -1 is ignored by poll(2). */
		set[n++] =
			(struct pollfd){.fd = j->queued || j->eof ? j->in : -1, .events = POLLOUT};
		set[n++] = (struct pollfd){.fd = j->out, .events = POLLIN};
		set[n++] = (struct pollfd){.fd = j->err, .events = POLLIN};
	}
	if (poll(set, n, -1) < 0)
		return; /* EINTR: SIGCHLD, which left a byte in the pipe */

	n = 2;
	for (struct job *j = jobs; j; j = j->next, n += 3) {
		if (set[n].revents)
			feed_job(j);
		if (set[n + 1].revents)
			drain(j, &j->out, FRAME_STDOUT);
		if (set[n + 2].revents)
			drain(j, &j->err, FRAME_STDERR);
	}
	if (set[1].revents && read(child_event[0], drop, sizeof(drop)) > 0)
		reap();
	if (set[0].revents & POLLIN)
		port_read(buf, have);
	else if (set[0].revents & POLLHUP)
		client_gone(have);
}

int main(void)
{
	static char buf[sizeof(struct frame) + FRAME_MAX + 1];
	struct sigaction sa = {.sa_handler = on_child, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
	size_t have = 0;

	signal(SIGPIPE, SIG_IGN);
	if (pipe2(child_event, O_CLOEXEC | O_NONBLOCK))
		die("agent: pipe");
	sigaction(SIGCHLD, &sa, NULL);
	port = open_port();
	if (port < 0) {
		fprintf(stderr, "agent: no virtio-serial port named " PORT_NAME "\n");
		return 1;
	}
	for (;;)
		serve_once(buf, &have);
}

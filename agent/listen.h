/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_LISTEN_H
#define AGENT_LISTEN_H

/*
 * A nonblocking unix stream socket at an absolute path that everybody may connect to: mode 0666, in
 * a directory that is root's, or the caller's own, and that nobody else may write, so that no other
 * process can take its place. What a server that died has left there is replaced. The descriptor,
 * or a negative errno and why: -EADDRINUSE if there is a server, -EEXIST if something else is
 * there.
 */
int listen_unix(const char *path, const char **why);

#endif

// SPDX-License-Identifier: Apache-2.0
#include "peer.h"
#include <errno.h>
#include <sys/socket.h>

int peer_uid(int fd, uid_t *uid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return -errno;
	if (size != sizeof(peer) || peer.uid == (uid_t)-1)
		return -EPROTO;
	*uid = peer.uid;
	return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Network configuration by ioctl (netdevice(7), rtnetlink not needed for one address).
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/route.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "cleanup.h"
#include "net.h"

#define CARD "eth0"

static void set_address(struct sockaddr *address, uint32_t ip)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = ip};
	memcpy(address, &in, sizeof(in));
}

static int up(int fd, const char *name)
{
	struct ifreq request = {0};
	strncpy(request.ifr_name, name, sizeof(request.ifr_name) - 1);
	if (ioctl(fd, SIOCGIFFLAGS, &request))
		return -errno;
	request.ifr_flags |= IFF_UP;
	return ioctl(fd, SIOCSIFFLAGS, &request) ? -errno : 0;
}

static int address(int fd, unsigned long op, uint32_t ip)
{
	struct ifreq request = {0};
	strcpy(request.ifr_name, CARD);
	set_address(&request.ifr_addr, ip);
	return ioctl(fd, op, &request) ? -errno : 0;
}

static int default_route(int fd, uint32_t gateway)
{
	struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
	set_address(&route.rt_dst, INADDR_ANY);
	set_address(&route.rt_genmask, INADDR_ANY);
	set_address(&route.rt_gateway, gateway);
	return ioctl(fd, SIOCADDRT, &route) ? -errno : 0;
}

int net_up(const struct cmdline *cmdline, const char **why)
{
	uint32_t mask = htonl(~0u << (32 - cmdline->prefix));
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error;

	*why = "socket";
	if (fd < 0)
		return -errno;
	*why = "lo";
	error = up(fd, "lo");
	if (error)
		return error;
	*why = "address of " CARD;
	error = address(fd, SIOCSIFADDR, cmdline->address);
	if (error)
		return error;
	error = address(fd, SIOCSIFNETMASK, mask);
	if (error)
		return error;
	*why = CARD;
	error = up(fd, CARD);
	if (error)
		return error;
	*why = "default route";
	return cmdline->gateway ? default_route(fd, cmdline->gateway) : 0;
}

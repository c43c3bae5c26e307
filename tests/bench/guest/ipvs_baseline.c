/*
 * The least that filling an IPVS table over netlink can cost: the messages that lvscare sends, from a C
 * program that does nothing else. Prints the milliseconds to add, to list and to delete.
 *
 *   ipvs_baseline SERVICES SERVERS
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int sock;
static uint16_t family;
static uint32_t sequence;
/* One batch of requests, sent in one call; each is acknowledged. */
static char batch[64 * 1024];
static size_t used;
static int pending;
static char reply[1 << 20];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now_ms(void)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * 1e3 + at.tv_nsec / 1e6;
}

static struct nlmsghdr *begin(uint16_t type, uint8_t command, uint16_t flags)
{
	struct nlmsghdr *message = (struct nlmsghdr *)(batch + used);
	struct genlmsghdr *generic = NLMSG_DATA(message);

	memset(message, 0, NLMSG_LENGTH(GENL_HDRLEN));
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++sequence;
	message->nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	generic->cmd = command;
	generic->version = 1;
	return message;
}

static void put(struct nlmsghdr *message, uint16_t type, const void *data, size_t length)
{
	struct nlattr *attribute = (struct nlattr *)((char *)message + message->nlmsg_len);

	attribute->nla_type = type;
	attribute->nla_len = NLA_HDRLEN + length;
	memset((char *)attribute + NLA_HDRLEN, 0, NLA_ALIGN(length));
	memcpy((char *)attribute + NLA_HDRLEN, data, length);
	message->nlmsg_len += NLA_HDRLEN + NLA_ALIGN(length);
}

static struct nlattr *nest(struct nlmsghdr *message, uint16_t type)
{
	struct nlattr *attribute = (struct nlattr *)((char *)message + message->nlmsg_len);

	attribute->nla_type = type | NLA_F_NESTED;
	message->nlmsg_len += NLA_HDRLEN;
	return attribute;
}

static void end_nest(struct nlmsghdr *message, struct nlattr *attribute)
{
	attribute->nla_len = (char *)message + message->nlmsg_len - (char *)attribute;
}

/* Reads until as many acknowledgements, or ends of dumps, were seen as were waited for. */
static int drain(int wanted)
{
	int messages = 0;

	while (wanted > 0) {
		ssize_t length = recv(sock, reply, sizeof(reply), 0);
		struct nlmsghdr *message = (struct nlmsghdr *)reply;

		if (length < 0)
			die("recv");
		for (; NLMSG_OK(message, length); message = NLMSG_NEXT(message, length)) {
			if (message->nlmsg_type == NLMSG_ERROR) {
				struct nlmsgerr *error = NLMSG_DATA(message);

				if (error->error) {
					errno = -error->error;
					die("request");
				}
				wanted--;
			} else if (message->nlmsg_type == NLMSG_DONE) {
				wanted--;
			} else {
				messages++;
			}
		}
	}
	return messages;
}

static void flush(void)
{
	if (used && send(sock, batch, used, 0) != (ssize_t)used)
		die("send");
	drain(pending);
	used = 0;
	pending = 0;
}

static void finish(struct nlmsghdr *message)
{
	used += NLMSG_ALIGN(message->nlmsg_len);
	pending++;
	if (used > sizeof(batch) - 1024 || pending == 128)
		flush();
}

static void put_service(struct nlmsghdr *message, int index, int whole)
{
	uint16_t protocol = IPPROTO_TCP, port = htons(80), inet = AF_INET;
	uint32_t address[4] = { htonl(0x0a000000 + index), 0, 0, 0 };
	uint32_t zero = 0, mask = 0xffffffff;
	struct ip_vs_flags flags = { 0, ~0U };
	struct nlattr *service = nest(message, IPVS_CMD_ATTR_SERVICE);

	put(message, IPVS_SVC_ATTR_AF, &inet, 2);
	put(message, IPVS_SVC_ATTR_PROTOCOL, &protocol, 2);
	put(message, IPVS_SVC_ATTR_ADDR, address, 16);
	put(message, IPVS_SVC_ATTR_PORT, &port, 2);
	if (whole) {
		put(message, IPVS_SVC_ATTR_SCHED_NAME, "rr", 3);
		put(message, IPVS_SVC_ATTR_FLAGS, &flags, sizeof(flags));
		put(message, IPVS_SVC_ATTR_TIMEOUT, &zero, 4);
		put(message, IPVS_SVC_ATTR_NETMASK, &mask, 4);
	}
	end_nest(message, service);
}

static void put_server(struct nlmsghdr *message, int index)
{
	uint16_t port = htons(8080), inet = AF_INET;
	uint32_t address[4] = { htonl(0xc0a80000 + index), 0, 0, 0 };
	uint32_t masquerade = IP_VS_CONN_F_MASQ, weight = 1, none = 0;
	struct nlattr *server = nest(message, IPVS_CMD_ATTR_DEST);

	put(message, IPVS_DEST_ATTR_ADDR_FAMILY, &inet, 2);
	put(message, IPVS_DEST_ATTR_ADDR, address, 16);
	put(message, IPVS_DEST_ATTR_PORT, &port, 2);
	put(message, IPVS_DEST_ATTR_FWD_METHOD, &masquerade, 4);
	put(message, IPVS_DEST_ATTR_WEIGHT, &weight, 4);
	put(message, IPVS_DEST_ATTR_U_THRESH, &none, 4);
	put(message, IPVS_DEST_ATTR_L_THRESH, &none, 4);
	end_nest(message, server);
}

static void find_family(void)
{
	struct nlmsghdr *message = begin(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0);
	struct nlattr *attribute;
	ssize_t length;

	put(message, CTRL_ATTR_FAMILY_NAME, IPVS_GENL_NAME, sizeof(IPVS_GENL_NAME));
	if (send(sock, message, message->nlmsg_len, 0) < 0)
		die("send");
	length = recv(sock, reply, sizeof(reply), 0);
	message = (struct nlmsghdr *)reply;
	if (length < 0 || message->nlmsg_type == NLMSG_ERROR) {
		fprintf(stderr, "no IPVS in this kernel\n");
		exit(1);
	}
	attribute = (struct nlattr *)((char *)NLMSG_DATA(message) + GENL_HDRLEN);
	while ((char *)attribute < (char *)message + message->nlmsg_len) {
		if (attribute->nla_type == CTRL_ATTR_FAMILY_ID)
			family = *(uint16_t *)((char *)attribute + NLA_HDRLEN);
		attribute = (struct nlattr *)((char *)attribute + NLA_ALIGN(attribute->nla_len));
	}
}

static int list(int services)
{
	int entries;

	begin(family, IPVS_CMD_GET_SERVICE, NLM_F_DUMP);
	send(sock, batch, NLMSG_LENGTH(GENL_HDRLEN), 0);
	entries = drain(1);
	for (int i = 0; i < services; i++) {
		struct nlmsghdr *message = begin(family, IPVS_CMD_GET_DEST, NLM_F_DUMP);

		put_service(message, i, 0);
		send(sock, message, message->nlmsg_len, 0);
		entries += drain(1);
	}
	return entries;
}

int main(int argc, char **argv)
{
	int services = argc == 3 ? atoi(argv[1]) : 0, servers = argc == 3 ? atoi(argv[2]) : 0;
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int on = 1, size = 8 << 20, entries;
	double start, added, listed, deleted;

	if (services < 1 || servers < 1) {
		fprintf(stderr, "usage: ipvs_baseline SERVICES SERVERS\n");
		return 2;
	}
	sock = socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC);
	if (sock < 0 || bind(sock, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("socket");
	setsockopt(sock, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	find_family();

	start = now_ms();
	for (int i = 0; i < services; i++) {
		struct nlmsghdr *message = begin(family, IPVS_CMD_NEW_SERVICE, NLM_F_ACK);

		put_service(message, i, 1);
		finish(message);
		for (int j = 0; j < servers; j++) {
			message = begin(family, IPVS_CMD_NEW_DEST, NLM_F_ACK);
			put_service(message, i, 0);
			put_server(message, i * servers + j);
			finish(message);
		}
	}
	flush();
	added = now_ms();
	entries = list(services);
	listed = now_ms();
	for (int i = 0; i < services; i++) {
		struct nlmsghdr *message = begin(family, IPVS_CMD_DEL_SERVICE, NLM_F_ACK);

		put_service(message, i, 0);
		finish(message);
	}
	flush();
	deleted = now_ms();
	if (entries != services * (servers + 1)) {
		fprintf(stderr, "listed %d entries instead of %d\n", entries, services * (servers + 1));
		return 1;
	}
	printf("{\"add\":%.2f,\"list\":%.2f,\"delete\":%.2f}\n", added - start, listed - added, deleted - listed);
	return 0;
}

/*
 * Makes the connection tracking of this network namespace forget.
 *
 *   conntrack_tool flush    forgets all connections
 *
 * As conntrack(8) -F does it, by one message of ctnetlink; source: linux/netfilter/nfnetlink_conntrack.h.
 */
#define _GNU_SOURCE
#include "tool.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

static int flush(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (fd < 0) die("socket(NETLINK_NETFILTER)");
  struct {
    struct nlmsghdr header;
    struct nfgenmsg family;
  } request = {
      .header = {.nlmsg_len = sizeof request,
                 .nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
                 .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
      .family = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0},
  };
  if (send(fd, &request, sizeof request, 0) < 0) die("flush");
  struct {
    struct nlmsghdr header;
    struct nlmsgerr error;
  } answer;
  if (recv(fd, &answer, sizeof answer, 0) < (ssize_t)sizeof answer.header) die("flush");
  errno = answer.header.nlmsg_type == NLMSG_ERROR ? -answer.error.error : EPROTO;
  if (errno != 0) die("flush");
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "flush") == 0) return flush();
  fputs("conntrack_tool: unknown command; see the comment at the top of conntrack_tool.c\n", stderr);
  return 2;
}

#pragma once

#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>

#include <memory>
#include <new>
#include <stdexcept>
#include <string>

namespace solicitd::io {

struct NlSocketDeleter {
    void operator()(nl_sock* socket) const { nl_socket_free(socket); }
};
using NlSocket = std::unique_ptr<nl_sock, NlSocketDeleter>;

struct NlMessageDeleter {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
};
using NlMessage = std::unique_ptr<nl_msg, NlMessageDeleter>;

/// Throws with the remedy when libnl's result says that `what` failed.
inline void check_netlink(int result, const std::string& what) {
    if (result < 0) {
        throw std::runtime_error("cannot " + what + ": " + nl_geterror(result) +
                                 "; the kernel must allow AF_NETLINK sockets (systemd: "
                                 "RestrictAddressFamilies=AF_NETLINK)");
    }
}

/// A connected rtnetlink socket that asks for no acknowledgment by itself. Throws
/// std::runtime_error with the remedy.
inline NlSocket open_route_socket() {
    NlSocket socket(nl_socket_alloc());
    if (!socket) {
        throw std::bad_alloc();
    }
    nl_socket_disable_auto_ack(socket.get());
    check_netlink(nl_connect(socket.get(), NETLINK_ROUTE), "open a route netlink socket");
    return socket;
}

}  // namespace solicitd::io
